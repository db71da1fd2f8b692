//! Whether the list ends where a page was shorter than asked for.
//!
//! Such a page is the last one, or the size of pages is capped, or sizes are rounded and it stands
//! elsewhere. The end is believed after an answer that joins, is short and adds nothing, then an
//! empty page past it and one further on. An answer as long as the longest that was had does not
//! show the end, since pages may hold no more: then one of a smaller size is asked for.

use super::{Answer, Lesson, Walk};

/// How far the end of the list is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) enum End {
    /// Not at all.
    #[default]
    Open,
    /// An answer was shorter than asked for: see whether there are rows past what was read.
    Past {
        /// Rows on a page.
        size: u32,
        /// The position from which to look.
        from: u64,
        /// Whether that answer joined, added nothing, and shows the end.
        quiet: bool,
        /// Whether that answer was the head of the list, so that it surely stands where it should.
        sure: bool,
    },
    /// Nothing is past an answer that does not show the end: see what a page of a size that was had
    /// shows.
    Shown,
    /// Nothing is past what was read: see whether there is something further on.
    Further,
}

/// A head page of so many rows is no accident.
const LEAST_SURE: u32 = 10;

/// So many answers without a new row, and a page that does not show the end is taken for it: where all
/// rows share a time, none can.
const MOST_IDLE_END: u32 = 5;

/// Nobody rounds pages to fewer rows.
const LEAST_ROUNDED: u32 = 20;

/// The end of a list does not move by so many rows between two requests, unless much is deleted.
const LEAST_APART: u64 = 10;

impl Walk {
    /// A page that is shorter than asked for: the list ends, or the size is capped.
    pub(super) fn look_for_end(&mut self, answer: &Answer<'_>, added: bool, before: u64) {
        let (_, times) = self.guard.short;
        let sure = answer.ask.page == 0 && answer.len() >= LEAST_SURE;
        if answer.is_short() && (!added || sure || times >= 2) {
            let size = self.sizes.probe(answer.len());
            let covered = self.edge.covered;
            // A page without a new row may stand before where it should: rows may follow where it was
            // to go on from.
            let surely = added || answer.ask.page == 0 || !self.sizes.overlap();
            let from = if surely { covered } else { covered.min(before) };
            // Where no page was longer, this one may have been cut off, and rows below it may have come
            // up since.
            let known = self.sizes.is_known(answer.expected, answer.len());
            let quiet = !added && (known || self.guard.idle > MOST_IDLE_END);
            self.end = End::Past { size, from, quiet, sure };
        }
    }

    /// Whether sizes are rounded to a few: answer after answer has as many rows, fewer than were
    /// asked for and than were had before, and none ends where the list was read up to.
    pub(super) fn is_rounded(&self, answer: &Answer<'_>) -> bool {
        let (short, times) = self.guard.short;
        let rows = answer.len();
        let alike = answer.is_short() && rows == short && times >= 2;
        let apart = answer.reached().abs_diff(self.edge.covered) >= LEAST_APART;
        alike && apart && rows >= LEAST_ROUNDED && self.sizes.rounds_to(rows)
    }

    /// An answer to the question whether rows are past what was read: none, and the list may end
    /// there; some, and the size of pages is capped, if an answer of that length came twice.
    pub(super) fn judge_past(
        &mut self,
        answer: &mut Answer<'_>,
        size: u32,
        from: u64,
        quiet: bool,
        sure: bool,
    ) {
        self.end = match (answer.rows.is_empty(), quiet) {
            (true, true) => End::Further,
            (true, false) => End::Shown,
            (false, _) => End::Open,
        };
        if answer.rows.is_empty() {
            return;
        }
        self.guard.idle += 1;
        let (largest, new) = (self.sizes.largest(), self.any_new(answer));
        if new {
            self.edge.covered = self.edge.covered.min(from);
        } else if size != largest {
            // A service that rounds sizes may have answered from elsewhere.
            self.end = End::Past { size: largest, from: self.edge.covered, quiet, sure: false };
        }
        let (short, times) = self.guard.short;
        if times < 2 && sure {
            // The list may have grown meanwhile: ask for its head once more.
            self.end = End::Open;
            self.edge.rewind();
        }
        if times >= 2 && (sure || new) && short == size && self.sizes.overlap() {
            self.end = End::Open;
            self.guard.short = (0, 0);
            if self.sizes.cap(size) {
                answer.lessons.push(Lesson::Capped(size));
            } else {
                self.fix(answer, size);
            }
        }
    }
}
