//! How a page is put together: a blank one, then whatever it holds, and how the stream stands with it.

use crate::bindings::source::{Counts, Page, Progress};
use crate::bindings::types::Notice;

#[expect(clippy::derivable_impls, reason = "the type is generated, and derives no default")]
impl Default for Counts {
    fn default() -> Self {
        Counts { received: 0, emitted: 0, duplicates: 0, filtered: 0, quarantined: 0, recovered: 0 }
    }
}

/// How a stream that was read to its end stands, with these doubts.
pub(crate) fn ended(doubts: Vec<Notice>) -> Progress {
    if doubts.is_empty() { Progress::Complete } else { Progress::CompleteUnproved(doubts) }
}

/// A page without rows, with more to come. It is boxed, so that it is not copied field by field at every step.
pub(crate) fn blank(state: String) -> Box<Page> {
    Box::new(Page {
        records: Vec::new(),
        deleted: Vec::new(),
        quarantined: Vec::new(),
        state,
        mark: None,
        progress: Progress::More,
        counts: Counts::default(),
        total: None,
        notices: Vec::new(),
        wait_ms: None,
        ahead: Vec::new(),
    })
}
