//! Whether an answer joins what was read, and which of its rows are new.
//!
//! The edge is the time of the last row read. What is promised of it: every row that is newer, and
//! was not touched since the pass began, has been handed over; and so has every key seen at the edge
//! itself. An answer whose first row is strictly newer than the edge keeps that promise at its own
//! last row: the rows between stood on it side by side, at one instant.

use super::rounds::Rounds;
use super::{Answer, End, Verdict, Walk};
use crate::json::stored;
use crate::source::key::{Key, Keys};
use crate::source::stamp::Stamp;

/// A place in the order of the list: seconds, or one of the two ends for rows without a time.
pub(super) type Level = i64;

/// How far the list was read in this pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Edge {
    /// The time of the last row read; none before the first answer.
    pub(super) front: Option<Level>,
    /// Whether every row of that time was read, so that an answer joins that begins with one.
    pub(super) closed: bool,
    /// Whether there were too many keys of that time to keep.
    pub(super) many: bool,
    /// The keys of that time.
    pub(super) seen: Keys,
    /// Position behind the last row read: a hint, since rows move.
    pub(super) covered: u64,
    /// How many of the last rows share that time.
    pub(super) ties: u64,
    /// How far to step back from there, since an answer did not join.
    pub(super) back: u64,
    /// Whether an answer joined since then without an older row.
    pub(super) stuck: bool,
    /// How many answers did not join after one that did, without an older row in between.
    pub(super) circles: u32,
}

stored!(Edge { front, closed, many, seen, covered, ties, back, stuck, circles });

/// After so many circles, pages do not stand where their size says.
const MOST_CIRCLES: u32 = 10;

impl Edge {
    /// The rows at the end that the next page must begin before, besides the one before them.
    pub(super) fn group(&self) -> u64 {
        if self.closed { 0 } else { self.ties }
    }

    /// Position at which the next page must begin, or before.
    pub(super) fn overlap_start(&self) -> u64 {
        self.covered.saturating_sub(1 + self.group())
    }

    /// Steps back by half a page, and twice as far each time; false if that has led nowhere.
    pub(super) fn step_back(&mut self, page: u32) -> bool {
        self.back = self.back.saturating_mul(2).max(u64::from(page.div_ceil(2)));
        self.circles = self.circles.saturating_add(u32::from(std::mem::take(&mut self.stuck)));
        self.circles < MOST_CIRCLES
    }

    /// Goes back to the head without forgetting what was read.
    pub(super) fn rewind(&mut self) {
        (self.covered, self.ties, self.back) = (0, 0, 0);
    }

    /// Whether answers do not join, so that only fresh ones are of use.
    pub(super) fn is_adrift(&self) -> bool {
        self.back > 0 || self.circles > 0
    }

    pub(super) fn is_new(&self, level: Level, key: Key) -> bool {
        match self.front {
            None => true,
            Some(front) if level == front => {
                !(self.seen.contains(key) || (self.closed && self.many))
            }
            Some(front) => level < front,
        }
    }

    /// Whether an answer that begins with this row joins.
    pub(super) fn meets(&self, level: Level) -> bool {
        self.front.is_none_or(|front| level > front || (self.closed && level == front))
    }
}

impl Walk {
    /// Whether the answer joins what was read. One that begins at the head always does.
    pub(super) fn joins(&self, answer: &Answer<'_>) -> bool {
        let overlaps = answer.levels.first().is_some_and(|&first| self.edge.meets(first));
        answer.ask.page == 0 || overlaps || (!self.sizes.overlap() && self.contiguous(answer))
    }

    /// Whether some row of the answer was not handed over yet.
    pub(super) fn any_new(&self, answer: &Answer<'_>) -> bool {
        let mut rows = answer.levels.iter().zip(answer.rows);
        rows.any(|(&level, row)| self.edge.is_new(level, row.key))
    }

    /// Takes the rows of an answer that joins; whether the walk ends with it.
    pub(super) fn join(&mut self, answer: &mut Answer<'_>) -> bool {
        let (added, below) = self.judge_rows(answer);
        self.note_head(answer, added);
        self.note_length(answer);
        if below {
            return self.end_pass(false);
        }
        let before = self.edge.covered;
        self.advance(answer);
        if added {
            self.guard.idle = 0;
        } else if answer.is_short() || self.edge.covered <= before {
            self.guard.idle += 1;
        }
        self.look_for_end(answer, added, before);
        if self.end == End::Open && self.sizes.overlap() {
            self.look_for_ties(answer);
        }
        false
    }

    /// A verdict for each row; whether any is new, and whether any is older than what is wanted.
    fn judge_rows(&self, answer: &mut Answer<'_>) -> (bool, bool) {
        let (mut added, mut below) = (false, false);
        let mark = self.mark.map_or(Level::MAX, Stamp::seconds);
        for (index, (&level, row)) in answer.levels.iter().zip(answer.rows).enumerate() {
            answer.verdicts[index] = if self.pass.is_below(level) {
                below = true;
                let wanted = self.since.is_none_or(|since| level >= since.seconds());
                if wanted && self.pass.is_catching_up() {
                    Verdict::Duplicate
                } else {
                    Verdict::Skip
                }
            } else if self.edge.is_new(level, row.key) {
                added = true;
                let gap = answer.position(index) < self.edge.covered;
                let recovered = gap && self.edge.front.is_some();
                Verdict::Emit { recovered }
            } else if level > mark {
                // It changed after the head of this pass was read, and is the next pass's.
                Verdict::Skip
            } else {
                Verdict::Duplicate
            };
        }
        (added, below)
    }

    /// Moves the edge to the last row of the answer.
    fn advance(&mut self, answer: &Answer<'_>) {
        self.edge.back = 0;
        self.edge.stuck = true;
        let Some(&last) = answer.levels.last() else {
            return;
        };
        let count = answer.levels.iter().rev().take_while(|&&level| level == last).count();
        let keys = answer.rows[answer.rows.len() - count..].iter().map(|row| row.key);
        match self.edge.front {
            Some(front) if last > front => {
                // All newer: the rows sought are further down. A page that is shorter than asked for
                // does not stand where it should, and says nothing about where that is.
                if !answer.is_short() {
                    (self.edge.covered, self.edge.ties) = (answer.reached(), 0);
                }
            }
            Some(front) if last == front => {
                if !self.edge.many {
                    keys.for_each(|key| {
                        self.edge.seen.insert(key);
                    });
                }
                (self.edge.covered, self.edge.ties) = (answer.reached(), count as u64);
            }
            Some(_) | None => {
                self.edge = Edge {
                    front: Some(last),
                    seen: keys.collect(),
                    covered: answer.reached(),
                    ties: count as u64,
                    ..Edge::default()
                };
            }
        }
    }

    /// What the number of rows says about the sizes that are honoured.
    pub(super) fn note_length(&mut self, answer: &Answer<'_>) {
        let rows = answer.len();
        self.sizes.note(rows, answer.is_short());
        if answer.is_short() {
            let (short, times) = self.guard.short;
            self.guard.short = (rows, if rows == short { times.saturating_add(1) } else { 1 });
        } else {
            self.guard.short = (0, 0);
        }
    }

    /// No page that overlaps reaches past what was read: too many rows share the last time, or the
    /// sizes do not overlap.
    fn look_for_ties(&mut self, answer: &mut Answer<'_>) {
        let covered = self.edge.covered;
        if answer.is_short() || self.sizes.reached(self.sizes.plan(&self.edge)) > covered {
            return;
        }
        if self.sizes.reaches_past(covered) {
            self.rounds = Some(Rounds::new(&self.edge, &self.sizes));
        } else {
            self.fix(answer, answer.expected);
        }
    }

    /// Whether a page of a service whose pages never overlap is the next one.
    fn contiguous(&self, answer: &Answer<'_>) -> bool {
        answer.start <= self.edge.covered
    }
}
