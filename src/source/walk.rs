//! Walks a list that moves while it is read, without losing a record.
//!
//! Pure: [`Walk::ask`] says which page to ask for, [`Walk::take`] judges the rows of the answer. The
//! list is sorted by time, newest first, and pages are numbered, so a deletion pulls rows that were
//! not read up past the border of what was. Four things together lose none of them:
//!
//! - **Pages overlap** ([`plan`]). The page size may differ from request to request, so each page is
//!   chosen to begin with rows that were already read.
//! - **Pages join by value** ([`join`]). A page joins when its first row is strictly newer than the
//!   last row read: then every row in between, as long as it was not touched, is on the page or was
//!   read. A page that does not join is dropped, and the walk steps back until one does.
//! - **The walk catches up** ([`pass`]). What was touched meanwhile stands at the head, newer than
//!   anything read there before. Passes from the head follow until one answer holds all of it.
//! - **The end is proved** ([`end`]). A page that is shorter than asked for may be the last one, or
//!   the size may be capped: what is past it is asked for before either is believed.
//!
//! A second that more rows share than a page can hold is read in [`rounds`]. Where the service
//! honours no page size that overlaps, the walk goes page by page and says that it proves nothing.
//! Every loop is bounded by a [`guard`].

mod end;
mod guard;
mod join;
mod pass;
mod plan;
mod rounds;
#[cfg(test)]
mod simulation;
mod store;

use self::end::End;
use self::guard::{Guard, MOST_DRY, MOST_IDLE, Recheck};
use self::join::{Edge, Level};
use self::pass::Pass;
use self::plan::Sizes;
use self::rounds::Rounds;
use super::key::Key;
use super::stamp::Stamp;

/// A row, as far as the walk looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Which record it is.
    pub(crate) key: Key,
    /// When it was changed last; none if that cannot be read.
    pub(crate) stamp: Option<Stamp>,
}

/// Which page to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    /// Its number, from 0.
    pub(crate) page: u64,
    /// How many rows make a page.
    pub(crate) per_page: u32,
}

/// What to do with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was handed over before.
    Duplicate,
    /// Hand it over.
    Emit {
        /// Whether a walk of pages that do not overlap would have missed it.
        recovered: bool,
    },
    /// It is not wanted, or proves nothing where it stands and will be read again.
    Skip,
}

/// What an answer taught about the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lesson {
    /// Pages hold at most so many rows.
    Capped(u32),
    /// Only pages of so many rows are to be had, so that none overlap.
    Fixed(u32),
    /// A page size was refused; so many rows are asked for from now on.
    Refused(u32),
    /// Some rows do not say when they were changed.
    Unstamped,
}

/// Why a walk that came to its end does not prove that nothing was missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Doubt {
    /// Rows without a time cannot be found again by it.
    #[default]
    CursorMissing,
    /// Rows kept moving, pass after pass.
    Moving,
    /// No page size that overlaps is honoured.
    PageSize,
    /// More rows share a second than could be told apart.
    Ties,
}

/// Why the walk cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Halt {
    /// Answer after answer brought nothing on.
    NoProgress,
    /// The rows of an answer are not in the order that was asked for.
    OrderBroken,
    /// Page 0 and page 1 hold the same rows.
    PageNumbering,
    /// Two other pages hold the same rows.
    PageRepeats,
}

/// What an answer meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// One per row.
    pub(crate) verdicts: Vec<Verdict>,
    /// What the answer taught.
    pub(crate) lessons: Vec<Lesson>,
    /// Whether the walk has come to its end.
    pub(crate) done: bool,
}

/// How far down to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The whole list, down to a time where one is given.
    Full {
        /// The oldest time that is wanted.
        since: Option<Stamp>,
    },
    /// What changed after a run that ended with a mark.
    Changes {
        /// The mark of that run.
        mark: Stamp,
        /// So many seconds below the mark are read again.
        lookback: u32,
        /// The oldest time that is wanted.
        since: Option<Stamp>,
    },
}

/// A walk under way. Its JSON is its state.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Walk {
    /// The oldest time that is wanted.
    since: Option<Stamp>,
    /// The newest time at the head of a pass so far; from it the next run reads.
    mark: Option<Stamp>,
    pass: Pass,
    sizes: Sizes,
    edge: Edge,
    rounds: Option<Rounds>,
    end: End,
    guard: Guard,
    doubts: Vec<Doubt>,
    /// Whether rows without a time were seen, and where they stand.
    unstamped: Unstamped,
}

/// Where rows without a time stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum Unstamped {
    /// None was seen.
    #[default]
    Unseen,
    /// Before all others.
    First,
    /// After all others.
    Last,
}

impl Walk {
    /// A walk that asks for pages of at most `page_size` rows.
    pub(crate) fn new(reach: Reach, page_size: u32) -> Self {
        let (since, mark, pass) = match reach {
            Reach::Full { since } => (since, None, Pass::first(None, since)),
            Reach::Changes { mark, lookback, since } => {
                let floor = since.max(Some(mark.less(lookback)));
                (since, Some(mark), Pass::first(Some(mark), floor))
            }
        };
        Walk {
            since,
            mark,
            pass,
            sizes: Sizes::new(page_size),
            edge: Edge::default(),
            rounds: None,
            end: End::Open,
            guard: Guard { idle: 0, dry: 0, last: None, recheck: None, short: (0, 0) },
            doubts: Vec::new(),
            unstamped: Unstamped::Unseen,
        }
    }

    /// Whether a state that was read back makes sense.
    pub(crate) fn is_sound(&self) -> bool {
        let end = !matches!(self.end, End::Past { size: 0, .. });
        let last = self.guard.last.as_ref().is_none_or(|last| last.per_page > 0);
        let rounds = self.rounds.as_ref().is_none_or(Rounds::is_sound);
        end && last
            && rounds
            && self.guard.idle <= MOST_IDLE
            && self.pass.is_sound()
            && self.sizes.is_sound()
    }

    /// From where the next run will read, as it stands so far.
    pub(crate) fn mark(&self) -> Option<Stamp> {
        self.mark
    }

    /// Whether a pass that catches up will meet a row of this time again.
    pub(crate) fn is_fresh(&self, stamp: Option<Stamp>) -> bool {
        self.mark.is_some_and(|mark| stamp >= Some(mark.less(pass::LATE_COMMITS)))
    }

    /// What was not proved so far.
    pub(crate) fn doubts(&self) -> &[Doubt] {
        &self.doubts
    }

    /// Whether rows without a time were seen.
    pub(crate) fn has_unstamped(&self) -> bool {
        self.unstamped != Unstamped::Unseen
    }

    /// The page to ask for.
    pub(crate) fn ask(&self) -> Ask {
        if let (Some(recheck), Some(last)) = (self.guard.recheck, &self.guard.last) {
            let page = match recheck {
                Recheck::Other { .. } => last.page,
                Recheck::Same { page } => page,
            };
            return Ask { page, per_page: last.per_page };
        }
        self.ask_for(self.end)
    }

    /// The page to ask for where the end of the list is proved so far.
    fn ask_for(&self, end: End) -> Ask {
        match end {
            End::Past { size, from, .. } => {
                Ask { page: from.div_ceil(u64::from(size)).max(1), per_page: size }
            }
            End::Further => {
                let size = self.sizes.largest();
                let page = self.edge.covered.div_ceil(u64::from(size)).max(1).saturating_add(1);
                Ask { page, per_page: size }
            }
            End::Shown => self.sizes.had().plan(&self.edge),
            End::Open => match &self.rounds {
                Some(rounds) => rounds.ask(),
                None => self.sizes.plan(&self.edge),
            },
        }
    }

    /// The pages that will most likely be asked for from here on, at most so many; none where only a
    /// fresh answer proves something.
    pub(crate) fn ahead(&self, most: usize) -> Vec<Ask> {
        let mut asks = Vec::new();
        if self.guard.recheck.is_some() || self.edge.front.is_none() || self.edge.is_adrift() {
            return asks;
        }
        let mut next = self.ask();
        match (self.end, &self.rounds) {
            (End::Further | End::Shown, _) => asks.push(next),
            (End::Past { .. }, _) => {
                asks.push(next);
                asks.push(self.ask_for(End::Further));
            }
            (End::Open, Some(_)) => {
                while asks.len() < most {
                    asks.push(next);
                    next.page = next.page.saturating_add(1);
                }
            }
            // The list may have ended here, or the size is capped: only a fresh answer tells.
            (End::Open, None) if self.guard.short.1 > 0 => {}
            (End::Open, None) => {
                let mut covered = self.edge.covered;
                while asks.len() < most {
                    asks.push(next);
                    let reached = self.sizes.reached(next);
                    if reached <= covered {
                        break;
                    }
                    covered = reached;
                    next = self.sizes.plan_past(covered);
                    if !self.sizes.is_likely(next, covered) {
                        break;
                    }
                }
            }
        }
        asks
    }

    /// Judges the rows of the answer to [`Walk::ask`], in their order.
    pub(crate) fn take(&mut self, rows: &[Row]) -> Result<Taken, Halt> {
        let ask = self.ask();
        let mut lessons = Vec::new();
        let levels = self.levels(rows, ask.page == 0, &mut lessons);
        if !levels.is_sorted_by(|newer, older| newer >= older) {
            return Err(Halt::OrderBroken);
        }
        let recheck = self.guard.recheck.take();
        self.watch(ask, rows, recheck)?;
        let mut answer = Answer {
            ask,
            start: self.sizes.start(ask),
            expected: self.sizes.expected(ask),
            rows,
            levels: &levels,
            verdicts: vec![Verdict::Skip; rows.len()],
            lessons,
        };
        let done = recheck.is_none() && self.guard.recheck.is_none() && self.judge(&mut answer);
        let added = answer.verdicts.iter().any(|verdict| matches!(verdict, Verdict::Emit { .. }));
        self.guard.dry = if added { 0 } else { self.guard.dry.saturating_add(1) };
        if self.guard.idle > MOST_IDLE || self.guard.dry > MOST_DRY {
            return Err(Halt::NoProgress);
        }
        Ok(Taken { verdicts: answer.verdicts, lessons: answer.lessons, done })
    }

    /// The service refused the page size of [`Walk::ask`]. None if there is no other to try.
    pub(crate) fn refuse(&mut self) -> Option<Lesson> {
        let refused = self.ask().per_page;
        let lesson = self.sizes.refuse(refused)?;
        if matches!(lesson, Lesson::Fixed(_)) {
            self.doubt(Doubt::PageSize);
        }
        self.guard.recheck = None;
        self.guard.short = (0, 0);
        self.rounds = None;
        self.end = End::Open;
        self.edge.rewind();
        Some(lesson)
    }

    /// Whether the walk has come to its end with this answer.
    fn judge(&mut self, answer: &mut Answer<'_>) -> bool {
        match self.end {
            End::Past { size, from, quiet, sure } => {
                self.judge_past(answer, size, from, quiet, sure);
                return false;
            }
            End::Further if answer.rows.is_empty() => return self.end_pass(true),
            End::Further => {
                self.end = End::Open;
                self.guard.idle += 1;
                return false;
            }
            End::Open | End::Shown => self.end = End::Open,
        }
        if answer.is_long() {
            self.fix(answer, answer.len());
        } else if self.is_rounded(answer) {
            self.fix(answer, answer.len());
            return false;
        }
        if self.rounds.is_some() {
            return self.judge_round(answer);
        }
        if self.joins(answer) {
            return self.join(answer);
        }
        self.note_length(answer);
        self.guard.idle += 1;
        if !self.edge.step_back(self.sizes.largest()) && self.sizes.overlap() {
            self.fix(answer, answer.expected);
        }
        false
    }

    /// From now on page by page, since no pages of this service overlap.
    fn fix(&mut self, answer: &mut Answer<'_>, size: u32) {
        let size = self.sizes.fix(size);
        self.rounds = None;
        self.doubt(Doubt::PageSize);
        self.guard.idle += 1;
        answer.lessons.push(Lesson::Fixed(size));
        answer.start = self.sizes.start(answer.ask);
        answer.expected = self.sizes.expected(answer.ask);
        if answer.start > 0 {
            self.edge.rewind();
        }
    }

    /// The rows' places in the order of the list.
    fn levels(&mut self, rows: &[Row], head: bool, lessons: &mut Vec<Lesson>) -> Vec<Level> {
        if let Some(unstamped) = rows.iter().position(|row| row.stamp.is_none()) {
            if !self.has_unstamped() {
                lessons.push(Lesson::Unstamped);
            }
            if self.unstamped != Unstamped::First {
                let first = head && unstamped == 0;
                self.unstamped = if first { Unstamped::First } else { Unstamped::Last };
            }
        }
        let unstamped = match self.unstamped {
            Unstamped::First => Level::MAX,
            Unstamped::Unseen | Unstamped::Last => Level::MIN,
        };
        rows.iter().map(|row| row.stamp.map_or(unstamped, Stamp::seconds)).collect()
    }

    fn doubt(&mut self, doubt: Doubt) {
        if !self.doubts.contains(&doubt) {
            self.doubts.push(doubt);
        }
    }
}

/// An answer while it is judged.
struct Answer<'a> {
    ask: Ask,
    /// Position of its first row in the list.
    start: u64,
    /// How many rows there are unless the list ends.
    expected: u32,
    rows: &'a [Row],
    levels: &'a [Level],
    verdicts: Vec<Verdict>,
    lessons: Vec<Lesson>,
}

impl Answer<'_> {
    fn len(&self) -> u32 {
        u32::try_from(self.rows.len()).unwrap_or(u32::MAX)
    }

    fn is_short(&self) -> bool {
        self.len() < self.expected
    }

    fn is_long(&self) -> bool {
        self.len() > self.expected
    }

    /// Position of one of its rows in the list.
    fn position(&self, index: usize) -> u64 {
        self.start.saturating_add(index as u64)
    }

    /// Position behind its last row.
    fn reached(&self) -> u64 {
        self.position(self.rows.len())
    }
}
