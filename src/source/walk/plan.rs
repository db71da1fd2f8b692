//! Which page to ask for, so that it overlaps what was read and reaches furthest past it.
//!
//! Row *i* is on page ⌊*i* / size⌋. Among all sizes between half the largest and the largest, the
//! one is taken whose page ends furthest on, of those pages that begin early enough.

use super::join::Edge;
use super::{Ask, Lesson};
use crate::json::stored;

/// The page sizes that the service honours, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct Sizes {
    least: u32,
    most: u32,
    /// Set if only pages of so many rows are to be had.
    fixed: Option<u32>,
    /// The largest size to which an answer had exactly as many rows.
    honoured: u32,
    /// The most rows that an answer had.
    longest: u32,
}

stored!(Sizes { least, most, fixed, honoured, longest });

/// The size that every source of knowledge about the API has used without trouble.
const USUAL: u32 = 50;

/// The least size at which pages overlap with a part of their rows only.
const LEAST: u32 = 4;

/// So many rows often share a second.
const FEW: u64 = 5;

/// Nobody caps pages at fewer rows.
const LEAST_CAP: u32 = 10;

/// The largest size to ask for.
pub(crate) const LARGEST: u32 = 100;

impl Sizes {
    pub(super) fn new(most: u32) -> Self {
        let most = most.clamp(1, LARGEST);
        Sizes { least: most.div_ceil(2), most, fixed: None, honoured: 0, longest: 0 }
    }

    pub(super) fn is_sound(&self) -> bool {
        (1..=self.most).contains(&self.least) && self.most <= LARGEST && self.fixed != Some(0)
    }

    /// The largest size to ask for.
    pub(super) fn largest(&self) -> u32 {
        self.fixed.map_or(self.most, |size| size.min(LARGEST))
    }

    /// The size to ask for rows past the end with, after an answer of so many rows: if those come,
    /// pages hold no more.
    pub(super) fn probe(&self, rows: u32) -> u32 {
        let alone = self.fixed == Some(USUAL) && self.least == self.most;
        let honoured = self.fixed.is_some_and(|size| size <= self.honoured);
        if rows == 0 || alone || honoured { self.largest() } else { rows.min(self.largest()) }
    }

    /// Whether pages overlap at all.
    pub(super) fn overlap(&self) -> bool {
        self.fixed.is_none()
    }

    /// Position of the first row of a page.
    pub(super) fn start(&self, ask: Ask) -> u64 {
        ask.page.saturating_mul(u64::from(self.expected(ask)))
    }

    /// How many rows a page has unless the list ends.
    pub(super) fn expected(&self, ask: Ask) -> u32 {
        self.fixed.unwrap_or(ask.per_page)
    }

    /// Position behind the last row of a page.
    pub(super) fn reached(&self, ask: Ask) -> u64 {
        self.start(ask).saturating_add(u64::from(self.expected(ask)))
    }

    /// The next page of a walk.
    pub(super) fn plan(&self, edge: &Edge) -> Ask {
        if let Some(size) = self.fixed {
            let page = edge.covered / u64::from(size);
            return Ask { page, per_page: size.min(LARGEST) };
        }
        if edge.back > 0 {
            return self.furthest(edge.overlap_start().saturating_sub(edge.back));
        }
        let roomy = self.furthest(edge.covered.saturating_sub(1 + edge.group().max(1)));
        if self.reached(roomy) > edge.covered { roomy } else { self.furthest(edge.overlap_start()) }
    }

    /// The next page behind a page that ended at a position, if its rows all differ in time.
    pub(super) fn plan_past(&self, covered: u64) -> Ask {
        self.plan(&Edge { covered, ..Edge::default() })
    }

    /// Whether [`Sizes::plan_past`] gives the next page also where a few rows share a time there: an
    /// early answer to another one would be thrown away.
    pub(super) fn is_likely(&self, next: Ask, covered: u64) -> bool {
        self.fixed.is_some() || self.start(next).saturating_add(1 + FEW) <= covered
    }

    /// Whether some page overlaps what was read and reaches past it, were it not for rows that share
    /// a time.
    pub(super) fn reaches_past(&self, covered: u64) -> bool {
        covered == 0 || self.reached(self.furthest(covered - 1)) > covered
    }

    /// The size for a round of reading the same rows, each time another.
    pub(super) fn of_round(&self, round: u32) -> u32 {
        self.most - (round * 7) % (self.most - self.least + 1)
    }

    /// An answer had so many rows, and as many as were asked for unless it was short.
    pub(super) fn note(&mut self, rows: u32, short: bool) {
        self.longest = self.longest.max(rows);
        if !short {
            self.honoured = self.honoured.max(rows);
        }
    }

    /// Whether a page of so many rows, of which more were had before, shows that sizes are rounded.
    pub(super) fn rounds_to(&self, rows: u32) -> bool {
        self.fixed.is_none() && self.honoured > rows
    }

    /// Whether a short answer of so many rows shows where the list ended at that moment: pages as
    /// long as was asked for, or longer than it was, have been had.
    pub(super) fn is_known(&self, asked: u32, rows: u32) -> bool {
        self.fixed.is_some() || asked <= self.longest || rows < self.longest.max(LEAST_CAP)
    }

    /// Of these, the sizes that are surely honoured, unless they are rounded: a page as long was had.
    pub(super) fn had(&self) -> Self {
        let most = self.longest.clamp(1, self.most);
        Sizes { least: most.div_ceil(2), most, ..self.clone() }
    }

    /// Pages hold at most so many rows; whether sizes are left that overlap and bring the walk on.
    pub(super) fn cap(&mut self, size: u32) -> bool {
        if self.rounds_to(size) || self.fixed.is_some() || size >= self.most || size < LEAST {
            return false;
        }
        (self.least, self.most) = (size.div_ceil(2), size);
        true
    }

    /// Only pages of fixed sizes are to be had: `size`, or a larger one that was honoured.
    pub(super) fn fix(&mut self, size: u32) -> u32 {
        let size = if self.fixed.is_none() { size.max(self.honoured) } else { size }.max(1);
        self.fixed = Some(size);
        size
    }

    /// A size was refused: fall back to the usual one and those below it, then to that one alone.
    pub(super) fn refuse(&mut self, refused: u32) -> Option<Lesson> {
        if refused == USUAL {
            return None;
        }
        if self.most > USUAL && self.fixed.is_none() {
            (self.least, self.most) = (USUAL.div_ceil(2), USUAL);
            self.honoured = self.honoured.min(USUAL);
            return Some(Lesson::Refused(USUAL));
        }
        self.fixed = Some(USUAL);
        (self.least, self.most) = (USUAL, USUAL);
        Some(Lesson::Fixed(USUAL))
    }

    /// Of the pages that begin at `start` or before, and hold it, the one that ends furthest on.
    fn furthest(&self, start: u64) -> Ask {
        let page = |size: u32| Ask { page: start / u64::from(size), per_page: size };
        (self.least..=self.most)
            .map(page)
            .max_by_key(|ask| (self.reached(*ask), ask.per_page))
            .unwrap_or(page(self.most.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(most: u32, rows: u64) -> u64 {
        let sizes = Sizes::new(most);
        let (mut covered, mut requests) = (0, 0);
        while covered < rows {
            let ask = sizes.plan_past(covered);
            assert!(
                covered == 0 || sizes.start(ask) < covered,
                "{ask:?} leaves a gap at {covered}"
            );
            assert!(sizes.reached(ask) > covered, "{ask:?} does not go on from {covered}");
            (covered, requests) = (sizes.reached(ask), requests + 1);
        }
        requests
    }

    #[test]
    fn overlaps_cost_less_than_a_fifth_at_a_hundred_rows() {
        let requests = requests(100, 100_000);
        assert!(requests < 1_200, "{requests}");
    }

    #[test]
    fn overlaps_cost_less_than_nine_twentieths_down_to_a_cap_of_25() {
        for most in 25..100 {
            let plain = 20_000_u64.div_ceil(u64::from(most));
            let requests = requests(most, 20_000);
            assert!(requests * 100 < plain * 145, "{most}: {requests} instead of {plain}");
        }
    }

    #[test]
    fn a_size_of_one_cannot_overlap() {
        assert!(!Sizes::new(1).reaches_past(1));
        assert!(Sizes::new(100).reaches_past(100));
    }

    #[test]
    fn a_refused_size_falls_back_to_50_and_then_to_50_alone() {
        let mut sizes = Sizes::new(100);
        assert_eq!(sizes.refuse(100), Some(Lesson::Refused(50)));
        assert_eq!(sizes.refuse(49), Some(Lesson::Fixed(50)));
        assert_eq!(sizes.refuse(50), None);
    }
}
