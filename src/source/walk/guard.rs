//! What keeps a walk from going round in circles: counts of answers that bring nothing, and a look at
//! pages that repeat.

use super::{Ask, Halt, Row, Walk};
use crate::source::key::sequence;

/// What keeps a walk from going round in circles.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Guard {
    /// Answers since the last one that brought the walk on.
    pub(super) idle: u32,
    /// Answers since the last one with a new row.
    pub(super) dry: u32,
    /// The last page.
    pub(super) last: Option<Begun>,
    /// Another page began with the same rows: what to ask for to make sure.
    pub(super) recheck: Option<Recheck>,
    /// The number of rows of the last answer that was shorter than asked for, and how many such
    /// answers came in a row.
    pub(super) short: (u32, u32),
}

/// Two pages that began with the same rows are asked for once more, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recheck {
    /// The one that came first; then this one.
    Other {
        /// Number of the page that came second.
        page: u64,
    },
    /// The one that came second, in the size of the other.
    Same {
        /// Its number.
        page: u64,
    },
}

/// How a page began.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Begun {
    pub(super) page: u64,
    pub(super) per_page: u32,
    /// Its first rows.
    pub(super) beginning: u64,
}

/// So many answers may bring nothing on before the walk gives up: enough to step back to the head of
/// a list of any length several times.
pub(super) const MOST_IDLE: u32 = 100;

/// So many answers without a new row: the list moves faster than it can be read.
pub(super) const MOST_DRY: u32 = 20_000;

/// So many rows at the beginning of two pages tell that they are the same.
const SAME_ROWS: usize = 12;

impl Walk {
    /// Whether a page begins with the same rows as another that stands elsewhere. Rows may have moved
    /// from one to the other meanwhile, and sizes may have been rounded: the walk asks for the other
    /// one once more, then for this page in the size of the other, and halts if all are the same.
    pub(super) fn watch(
        &mut self,
        ask: Ask,
        rows: &[Row],
        recheck: Option<Recheck>,
    ) -> Result<(), Halt> {
        if rows.is_empty() {
            return Ok(());
        }
        let beginning = sequence(rows.iter().take(SAME_ROWS).map(|row| &row.key));
        if let Some(last) = self.guard.last.as_ref().filter(|last| last.beginning == beginning) {
            let before = Ask { page: last.page, per_page: last.per_page };
            match recheck {
                Some(Recheck::Other { page }) => {
                    self.guard.recheck = Some(Recheck::Same { page });
                    return Ok(());
                }
                Some(Recheck::Same { page }) => {
                    let numbering = last.page <= 1 && page <= 1;
                    return Err(if numbering { Halt::PageNumbering } else { Halt::PageRepeats });
                }
                None if before.page != ask.page
                    && self.sizes.start(before) != self.sizes.start(ask) =>
                {
                    self.guard.recheck = Some(Recheck::Other { page: ask.page });
                    self.guard.idle += 1;
                    return Ok(());
                }
                None => {}
            }
        }
        self.guard.last = Some(Begun { page: ask.page, per_page: ask.per_page, beginning });
        Ok(())
    }
}
