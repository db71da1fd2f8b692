//! Reads a second that more rows share than a page can hold together with a newer row.
//!
//! Rows of one second may come in another order with each request, so pages side by side miss some
//! and repeat others. The second is read in rounds, each with another page size, from a row newer
//! than it to the first older one. It is whole when its first position and the first one after it
//! are those of the round before, and the keys that were seen since then are as many as there are
//! positions between. More than [`MOST_KEYS`] are not kept: then two rounds must agree in both
//! positions, the number of rows and the sum of their hashes.

use super::join::{Edge, Level};
use super::plan::Sizes;
use super::{Answer, Ask, Doubt, Lesson, Verdict, Walk};
use crate::json::{Store, Value, read_list, stored, write_list};
use crate::source::key::{Key, Keys};

/// The rounds of one second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rounds {
    number: u32,
    page: u64,
    per_page: u32,
    /// Where the second was found to begin.
    hint: u64,
    /// Whether this round has had an answer that joins.
    begun: bool,
    back: u64,
    /// How many answers did not join.
    lost: u32,
    /// Position behind an answer that was shorter than asked for and held no older row, and its
    /// number of rows: the list ends there if the next page is empty.
    short: Option<Short>,
    /// Position of the second's first row in this round.
    first: Option<u64>,
    tally: Tally,
    /// The second's bounds and rows in the round before.
    before: Option<Before>,
}

stored!(Rounds { number, page, per_page, hint, begun, back, lost, short, first, tally, before });

/// An answer that was shorter than asked for: the position behind it, and its number of rows.
type Short = (u64, u32);

/// A round that is over: the bounds that it found, and its rows.
type Before = (u64, u64, Tally);

impl Store for Short {
    fn write(&mut self, out: &mut String) {
        write_list(&mut [&mut self.0, &mut self.1], out);
    }

    fn read(&mut self, value: &Value<'_>) -> bool {
        read_list(&mut [&mut self.0, &mut self.1], value)
    }
}

impl Store for Before {
    fn write(&mut self, out: &mut String) {
        write_list(&mut [&mut self.0, &mut self.1, &mut self.2], out);
    }

    fn read(&mut self, value: &Value<'_>) -> bool {
        read_list(&mut [&mut self.0, &mut self.1, &mut self.2], value)
    }
}

/// How many rows a round found, and the sum of their hashes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    rows: u64,
    sum: [u64; 2],
}

stored!(Tally { rows, sum });

impl Store for [u64; 2] {
    fn write(&mut self, out: &mut String) {
        let [one, other] = self;
        write_list(&mut [one, other], out);
    }

    fn read(&mut self, value: &Value<'_>) -> bool {
        let [one, other] = self;
        read_list(&mut [one, other], value)
    }
}

/// So many rounds, then the second is left in doubt.
const MOST_ROUNDS: u32 = 14;

/// After so many answers that do not join, pages do not stand where their size says.
const MOST_LOST: u32 = 24;

/// So many keys of one second are kept.
const MOST_KEYS: usize = 1_000;

impl Rounds {
    pub(super) fn new(edge: &Edge, sizes: &Sizes) -> Self {
        let mut rounds = Rounds {
            number: 0,
            page: 0,
            per_page: 1,
            hint: edge.covered.saturating_sub(edge.ties),
            begun: false,
            back: 0,
            lost: 0,
            short: None,
            first: None,
            tally: Tally::default(),
            before: None,
        };
        rounds.begin(sizes);
        rounds
    }

    pub(super) fn is_sound(&self) -> bool {
        self.per_page > 0 && self.number < MOST_ROUNDS
    }

    pub(super) fn ask(&self) -> Ask {
        Ask { page: self.page, per_page: self.per_page }
    }

    fn begin(&mut self, sizes: &Sizes) {
        self.per_page = sizes.of_round(self.number);
        self.page = self.hint.saturating_sub(1 + self.back) / u64::from(self.per_page);
        (self.begun, self.short, self.first) = (false, None, None);
        self.tally = Tally::default();
    }

    fn step_back(&mut self, sizes: &Sizes) {
        self.lost = self.lost.saturating_add(1);
        self.back = self.back.saturating_mul(2).max(u64::from(sizes.largest().div_ceil(2)));
        self.begin(sizes);
    }
}

impl Tally {
    fn add(&mut self, key: Key) {
        let [one, other] = key.hashes();
        self.rows += 1;
        self.sum = [self.sum[0].wrapping_add(one), self.sum[1].wrapping_add(other)];
    }
}

impl Walk {
    /// Judges an answer while a second is read in rounds; whether the walk ends with it.
    pub(super) fn judge_round(&mut self, answer: &mut Answer<'_>) -> bool {
        let (Some(mut rounds), Some(front)) = (self.rounds.take(), self.edge.front) else {
            return false;
        };
        let joins = self.joins(answer);
        if !rounds.begun && !joins {
            self.guard.idle += 1;
            rounds.step_back(&self.sizes);
            if rounds.lost < MOST_LOST || !self.sizes.overlap() {
                self.rounds = Some(rounds);
            } else {
                self.fix(answer, answer.expected);
            }
            return false;
        }
        if joins && answer.levels.last().is_some_and(|&last| last < front) {
            // The whole second is in this one answer.
            return self.join(answer);
        }
        if let (Some((_, rows)), false) = (rounds.short, answer.rows.is_empty()) {
            self.cap_round(answer, rows);
            return false;
        }
        rounds.begun = true;
        rounds.back = 0;
        self.take_rows(&mut rounds, answer, front);
        let older = answer.levels.iter().position(|&level| level < front);
        if older.is_none() && rounds.short.is_none() {
            rounds.short = answer.is_short().then(|| (answer.reached(), answer.len()));
            rounds.page = rounds.page.saturating_add(1);
            self.rounds = Some(rounds);
            return false;
        }
        let short = rounds.short.map(|(end, _)| end);
        let end = older.map(|index| answer.position(index)).or(short).unwrap_or(answer.reached());
        let first = rounds.first.unwrap_or(end);
        let same = rounds.before.is_some_and(|(a, b, _)| (a, b) == (first, end));
        let whole = same
            && if self.edge.many {
                rounds.before.is_some_and(|(_, _, tally)| tally == rounds.tally)
            } else {
                self.edge.seen.marked() == end.saturating_sub(first)
            };
        if !whole && rounds.number + 1 < MOST_ROUNDS {
            if !same {
                self.edge.seen.unmark();
            }
            rounds.before = Some((first, end, rounds.tally));
            rounds.hint = first;
            rounds.number += 1;
            rounds.begin(&self.sizes);
            self.rounds = Some(rounds);
            return false;
        }
        if !whole {
            self.doubt(Doubt::Ties);
        }
        self.close(answer, front, first, end)
    }

    /// Rows came behind an answer that was shorter than asked for: pages hold no more than that one,
    /// and do not stand where their size says.
    fn cap_round(&mut self, answer: &mut Answer<'_>, rows: u32) {
        self.guard.idle += 1;
        if self.sizes.cap(rows) {
            answer.lessons.push(Lesson::Capped(rows));
            self.rounds = Some(Rounds::new(&self.edge, &self.sizes));
        } else {
            self.fix(answer, rows);
        }
    }

    /// Hands over the rows of the second that are new.
    fn take_rows(&mut self, rounds: &mut Rounds, answer: &mut Answer<'_>, front: Level) {
        let mut added = false;
        for (index, (&level, row)) in answer.levels.iter().zip(answer.rows).enumerate() {
            if level < front {
                break;
            }
            answer.verdicts[index] = Verdict::Duplicate;
            if level > front {
                continue;
            }
            rounds.first.get_or_insert(answer.position(index));
            rounds.tally.add(row.key);
            if self.edge.many || self.edge.seen.insert(row.key) {
                added = true;
                answer.verdicts[index] = Verdict::Emit { recovered: rounds.number > 0 };
            }
            if self.edge.seen.len() > MOST_KEYS {
                self.edge.many = true;
                self.edge.seen = Keys::default();
            }
        }
        if added {
            self.guard.idle = 0;
            self.note_head(answer, true);
        }
    }

    /// The second is read: goes on with the rows older than it, where the answer joins them to it.
    fn close(&mut self, answer: &mut Answer<'_>, front: Level, first: u64, end: u64) -> bool {
        if self.pass.ended_with(front) && first == 0 {
            self.pass.prove();
        }
        self.edge.closed = true;
        (self.edge.covered, self.edge.ties, self.edge.back) = (end, 0, 0);
        if answer.levels.last().is_none_or(|&last| last >= front) || !self.joins(answer) {
            return false;
        }
        let verdicts = answer.verdicts.clone();
        let done = self.join(answer);
        for (index, verdict) in verdicts.into_iter().enumerate() {
            if answer.levels[index] >= front {
                answer.verdicts[index] = verdict;
            }
        }
        done
    }
}
