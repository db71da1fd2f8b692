//! Passes: the walk to the end, and those that catch up with what moved to the head meanwhile.
//!
//! A pass is final when one answer held the head down to a row older than the mark of the pass
//! before: at that instant every row alive had been handed over. What changes later is newer than
//! the mark, and the next run's.

use super::join::{Edge, Level};
use super::{Answer, Doubt, End, Walk};
use crate::json::stored;
use crate::source::stamp::Stamp;

/// One way down from the head.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Pass {
    /// How many came before it.
    number: u32,
    /// The mark of the pass, or of the run, before.
    last: Option<Stamp>,
    /// Rows older than this are not wanted.
    floor: Option<Stamp>,
    /// Whether its head has been read.
    begun: bool,
    /// Whether nothing was handed over after its first answer.
    single: bool,
    /// Whether its head reached down to what the pass before had read.
    proved: bool,
}

stored!(Pass { number, last, floor, begun, single, proved });

/// So many passes may follow the first.
const MOST_PASSES: u32 = 10;

/// Rows may be committed so many seconds later than their time says.
pub(super) const LATE_COMMITS: u32 = 10;

impl Pass {
    pub(super) fn first(last: Option<Stamp>, floor: Option<Stamp>) -> Self {
        Pass { number: 0, last, floor, begun: false, single: true, proved: false }
    }

    pub(super) fn is_sound(&self) -> bool {
        self.number <= MOST_PASSES
    }

    /// Whether a row is older than what is wanted.
    pub(super) fn is_below(&self, level: Level) -> bool {
        self.floor.is_some_and(|floor| level < floor.seconds())
    }

    /// Whether another pass of this run came before, so that what is below this one was read already.
    pub(super) fn is_catching_up(&self) -> bool {
        self.number > 0
    }

    /// Whether this is the time that the pass before ended with.
    pub(super) fn ended_with(&self, level: Level) -> bool {
        self.last.is_some_and(|last| last.seconds() == level)
    }

    /// The head of the pass was read to the end of the second it began with.
    pub(super) fn prove(&mut self) {
        self.proved = true;
    }
}

impl Walk {
    /// Notes what a joined answer says of the pass: its head is the first answer alone, since later
    /// ones may show rows above those that were handed over.
    pub(super) fn note_head(&mut self, answer: &Answer<'_>, added: bool) {
        if self.pass.begun {
            self.pass.single &= !added;
            return;
        }
        self.pass.begun = true;
        let last = self.pass.last.map(Stamp::seconds);
        self.pass.proved = last.is_some_and(|last| answer.levels.iter().any(|&level| level < last));
        self.mark = self.mark.max(answer.rows.iter().find_map(|row| row.stamp));
    }

    /// Ends the pass, at the end of the list or at the oldest row wanted; whether the walk ends too.
    pub(super) fn end_pass(&mut self, at_end: bool) -> bool {
        let proved = self.pass.proved || (at_end && self.pass.single);
        let Some(mark) = self.mark.filter(|_| !proved) else {
            return true;
        };
        if self.pass.number >= MOST_PASSES {
            self.doubt(Doubt::Moving);
            return true;
        }
        let floor = self.since.max(Some(mark.less(LATE_COMMITS)));
        self.pass = Pass { number: self.pass.number + 1, ..Pass::first(Some(mark), floor) };
        self.edge = Edge::default();
        self.rounds = None;
        self.end = End::Open;
        self.guard.idle = 0;
        self.guard.last = None;
        false
    }
}
