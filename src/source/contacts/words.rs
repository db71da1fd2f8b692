//! What is told about a walk, in words for a person.

use crate::bindings::types::{Action, Failure, Notice};
use crate::source::walk::{Doubt, Halt, Lesson};

/// What a walk could not prove.
pub(super) fn doubt(doubt: Doubt) -> Notice {
    let (code, message) = match doubt {
        Doubt::CursorMissing => (
            "cursor-missing",
            "Some contacts have no last_update, so their changes show in a full read only.",
        ),
        Doubt::Moving => (
            "moving",
            "Contacts kept changing, pass after pass: some of the latest changes may be missing until the next run.",
        ),
        Doubt::PageSize => (
            "page-size",
            "Customerly honours no page size that overlaps the page before: contacts that moved up meanwhile may be missing.",
        ),
        Doubt::Ties => (
            "ties",
            "More contacts share one last_update than could be told apart: some of them may be missing.",
        ),
    };
    Notice::new(code, message)
}

/// What an answer taught.
pub(super) fn lesson(lesson: Lesson) -> Notice {
    match lesson {
        Lesson::Capped(size) => Notice::new(
            "page-size-capped",
            format!("Customerly gives at most {size} rows a page; going on with that."),
        ),
        Lesson::Fixed(size) => Notice::new(
            "page-size-fixed",
            format!("Customerly gives pages of {size} rows only, so that pages cannot overlap."),
        ),
        Lesson::Refused(size) => Notice::new(
            "page-size-refused",
            format!("Customerly refused the page size; going on with {size} rows."),
        ),
        Lesson::Unstamped => Notice::new(
            "cursor-missing",
            "Some contacts have no last_update; they are read all the same.",
        ),
    }
}

/// Why a walk cannot go on.
pub(super) fn halted(halt: Halt) -> Box<Failure> {
    let (code, message) = match halt {
        Halt::NoProgress => (
            "no-progress",
            "Page after page brought nothing new, and yet the list did not end: an empty or short page may stand in the middle of it.",
        ),
        Halt::OrderBroken => (
            "order-broken",
            "Customerly did not sort the contacts by last_update as it was asked to, so that nothing can be proved.",
        ),
        Halt::PageNumbering => (
            "page-numbering",
            "Page 0 and page 1 hold the same contacts: pages do not seem to be numbered from 0.",
        ),
        Halt::PageRepeats => {
            ("page-repeats", "Two different pages hold the same contacts again and again.")
        }
    };
    Failure::new(Action::Stop, code, message)
        .remedy("Try again later; if it stays, report it: the service has changed.")
}
