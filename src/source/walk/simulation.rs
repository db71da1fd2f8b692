//! A list that moves between any two requests, and the laws that the walk keeps on it.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::{Ask, Doubt, Halt, Lesson, Reach, Row, Verdict, Walk};
use crate::json::testing::{read_back, written};
use crate::source::key::{Key, mix};
use crate::source::stamp::Stamp;

/// Which page sizes the service honours.
#[derive(Clone, Copy, Debug)]
enum Honours {
    /// Any size up to so many.
    UpTo(u32),
    /// Always so many, whatever is asked for.
    Only(u32),
    /// The largest of 25, 50 and 100 that is not larger than asked for.
    Steps,
}

impl Honours {
    fn size(self, asked: u32) -> u64 {
        u64::from(match self {
            Honours::UpTo(most) => asked.min(most),
            Honours::Only(size) => size,
            Honours::Steps => [100, 50, 25].into_iter().find(|&size| size <= asked).unwrap_or(25),
        })
    }
}

/// How much moves.
#[derive(Clone, Copy, Debug)]
struct Drift {
    inserts: u64,
    updates: u64,
    deletes: u64,
    conversions: u64,
}

const QUIET: Drift = Drift { inserts: 0, updates: 0, deletes: 0, conversions: 0 };

/// A simulated list.
struct List {
    rows: BTreeMap<u64, i64>,
    converted: BTreeSet<u64>,
    honours: Honours,
    clock: i64,
    next_id: u64,
    random: u64,
}

const EPOCH: i64 = 1_700_000_000;

impl List {
    /// `rows` rows, about `ties` of which share each second.
    fn new(rows: u64, ties: u64, honours: Honours, seed: u64) -> Self {
        let mut list = List {
            rows: BTreeMap::new(),
            converted: BTreeSet::new(),
            honours,
            clock: EPOCH,
            next_id: 1 + rows,
            random: seed,
        };
        let seconds = (rows / ties).max(1);
        for id in 1..=rows {
            let second = if ties == 1 { id } else { list.below(seconds) };
            let second = i64::try_from(second).expect("a small number");
            list.rows.insert(id, EPOCH - 60 - second * 7);
        }
        list
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.random) % bound.max(1)
    }

    fn any_id(&mut self) -> Option<u64> {
        let index = self.below(self.rows.len() as u64);
        self.rows.keys().nth(usize::try_from(index).expect("a small number")).copied()
    }

    /// A time that the service gives to a change that it commits now: up to nine seconds late.
    fn stamp(&mut self) -> i64 {
        let late = if self.below(4) == 0 { self.below(10) } else { 0 };
        self.clock - i64::try_from(late).expect("a small number")
    }

    fn drift(&mut self, drift: Drift) {
        self.clock += i64::try_from(self.below(3)).expect("a small number");
        for _ in 0..self.below(drift.inserts + 1) {
            let stamp = self.stamp();
            self.rows.insert(self.next_id, stamp);
            self.next_id += 1;
        }
        for _ in 0..self.below(drift.updates + 1) {
            if let Some(id) = self.any_id() {
                let stamp = self.stamp().max(self.rows[&id]);
                self.rows.insert(id, stamp);
                self.converted.remove(&id);
            }
        }
        for _ in 0..self.below(drift.deletes + 1) {
            if let Some(id) = self.any_id() {
                self.rows.remove(&id);
            }
        }
        for _ in 0..self.below(drift.conversions + 1) {
            // A lead that turns user keeps the time of its last change.
            if let Some(other) = self.any_id() {
                let stamp = self.rows[&other];
                self.rows.insert(self.next_id, stamp);
                self.converted.insert(self.next_id);
                self.next_id += 1;
            }
        }
    }

    /// A page of the list as it stands, rows of one second in random order.
    fn page(&mut self, ask: Ask) -> Vec<Row> {
        let size = self.honours.size(ask.per_page);
        let mut rows: Vec<_> = self.rows.iter().map(|(&id, &stamp)| (stamp, id)).collect();
        let salt = self.below(u64::MAX);
        let shuffled = |id: u64| mix(id ^ salt);
        rows.sort_by_cached_key(|&(stamp, id)| (std::cmp::Reverse(stamp), shuffled(id)));
        let skip = usize::try_from(ask.page.saturating_mul(size)).unwrap_or(usize::MAX);
        let take = usize::try_from(size).expect("a page is small");
        rows.into_iter().skip(skip).take(take).map(|(stamp, id)| row(id, stamp)).collect()
    }
}

fn row(id: u64, seconds: i64) -> Row {
    Row { key: Key::of(&id.to_string()), stamp: Some(Stamp::at(seconds)) }
}

/// What a run brought.
#[derive(Debug, Default)]
struct Run {
    /// The newest time with which each row was handed over.
    emitted: BTreeMap<u64, i64>,
    emissions: u64,
    recovered: u64,
    requests: u64,
    mark: Option<Stamp>,
    doubts: Vec<Doubt>,
    lessons: Vec<Lesson>,
    largest_state: usize,
}

fn run(list: &mut List, reach: Reach, page_size: u32, drift: Drift) -> Result<Run, Halt> {
    let mut walk = Walk::new(reach, page_size);
    let mut run = Run::default();
    let mut early: Vec<(Ask, Vec<Row>)> = Vec::new();
    loop {
        list.drift(drift);
        let ask = walk.ask();
        // Every other answer that can come early does.
        let ready = early.iter().position(|(early, _)| *early == ask);
        let rows = match ready {
            Some(index) => early.swap_remove(index).1,
            None => list.page(ask),
        };
        run.requests += 1;
        let taken = walk.take(&rows)?;
        assert_eq!(taken.verdicts.len(), rows.len());
        for (row, verdict) in rows.iter().zip(&taken.verdicts) {
            if let Verdict::Emit { recovered } = verdict {
                run.emissions += 1;
                run.recovered += u64::from(*recovered);
                let stamp = row.stamp.map_or(i64::MIN, Stamp::seconds);
                let newest = run.emitted.entry(row.key.number()).or_insert(stamp);
                *newest = stamp.max(*newest);
            }
        }
        run.lessons.extend(taken.lessons);
        let state = written(&mut walk);
        run.largest_state = run.largest_state.max(state.len());
        walk = read_back(&state).expect("the state that was written");
        assert!(walk.is_sound());
        if taken.done {
            run.mark = walk.mark();
            run.doubts = walk.doubts().to_vec();
            return Ok(run);
        }
        let ahead = walk.ahead(3);
        early.retain(|(ask, _)| ahead.contains(ask));
        for ask in ahead {
            if list.below(2) == 0 && !early.iter().any(|(known, _)| *known == ask) {
                let rows = list.page(ask);
                early.push((ask, rows));
            }
        }
    }
}

const FULL: Reach = Reach::Full { since: None };

fn changes(run: &Run, lookback: u32) -> Reach {
    match run.mark {
        Some(mark) => Reach::Changes { mark, lookback, since: None },
        None => FULL,
    }
}

/// A full run while the list moves, then an incremental one while it rests: what is missing.
fn check(list: &mut List, drift: Drift, lookback: u32) -> (Run, Run) {
    let before = list.rows.clone();
    let full = run(list, FULL, 100, drift).expect("the walk comes to its end");
    let after = list.rows.clone();
    let next = run(list, changes(&full, lookback), 100, QUIET).expect("the walk comes to its end");
    if !full.doubts.is_empty() {
        return (full, next);
    }
    let mark = full.mark.map_or(i64::MIN, Stamp::seconds);
    for (id, stamp) in &after {
        let emitted = full.emitted.contains_key(id);
        if before.contains_key(id) {
            assert!(emitted || *stamp >= mark, "{id} was alive all along and is lost");
            assert!(emitted || next.emitted.contains_key(id), "{id} is not brought afterwards");
        }
        let newest = full.emitted.get(id).max(next.emitted.get(id));
        let below = list.converted.contains(id) && *stamp < mark;
        if lookback > 0 && !below {
            assert_eq!(
                newest,
                Some(stamp),
                "{id} was not brought in its newest form, mark {mark}: {full:?} {next:?}"
            );
        }
    }
    (full, next)
}

/// What a walk of pages that do not overlap loses of the rows alive all along.
fn plain(list: &mut List, drift: Drift) -> usize {
    let before = list.rows.clone();
    let mut emitted = BTreeSet::new();
    for page in 0.. {
        list.drift(drift);
        let rows = list.page(Ask { page, per_page: 100 });
        if rows.is_empty() {
            break;
        }
        emitted.extend(rows.iter().map(|row| row.key.number()));
    }
    // What an incremental run would bring is not lost.
    let is_lost =
        |id: &&u64| list.rows.get(id).is_some_and(|stamp| *stamp < EPOCH) && !emitted.contains(*id);
    before.keys().filter(is_lost).count()
}

/// Rows alive all along, and how many of them each walk lost, over some lists.
fn compare(drift: Drift) -> (usize, usize, usize) {
    let (mut alive, mut missing) = (0, 0);
    let mut lost_by_plain = 0;
    for seed in 0..10 {
        let list = || List::new(1_500, 1, Honours::UpTo(100), seed);
        let mut moving = list();
        let (full, _) = check(&mut moving, drift, 0);
        let still = |id: &u64| moving.rows.get(id).is_some_and(|stamp| *stamp < EPOCH);
        let all: Vec<_> = list().rows.into_keys().filter(still).collect();
        alive += all.len();
        missing += all.iter().filter(|id| !full.emitted.contains_key(id)).count();
        lost_by_plain += plain(&mut list(), drift);
    }
    (alive, missing, lost_by_plain)
}

#[test]
fn deletions_cost_a_plain_walk_rows_and_this_one_none() {
    for drift in [
        Drift { deletes: 3, ..QUIET },
        Drift { deletes: 12, ..QUIET },
        Drift { updates: 3, deletes: 6, inserts: 3, conversions: 1 },
    ] {
        let (alive, lost, lost_by_plain) = compare(drift);
        assert!(alive > 5_000 && lost_by_plain > 20, "{alive} {lost_by_plain} {drift:?}");
        assert_eq!(lost, 0, "{drift:?}");
    }
}

fn any_drift() -> impl Strategy<Value = Drift> {
    (0_u64..4, 0_u64..4, 0_u64..12, 0_u64..3).prop_map(
        |(inserts, updates, deletes, conversions)| Drift { inserts, updates, deletes, conversions },
    )
}

fn any_server() -> impl Strategy<Value = Honours> {
    prop_oneof![
        3 => Just(Honours::UpTo(100)),
        1 => Just(Honours::UpTo(50)),
        1 => Just(Honours::UpTo(25)),
        1 => (15_u32..100).prop_map(Honours::UpTo),
    ]
}

/// Sixty lists, the same each time; or as many others as `PROPTEST_CASES` says.
fn config() -> ProptestConfig {
    let defaults = ProptestConfig::default();
    let (cases, rng_seed) = if std::env::var_os("PROPTEST_CASES").is_some() {
        (defaults.cases, defaults.rng_seed)
    } else {
        (60, RngSeed::Fixed(1))
    };
    ProptestConfig {
        cases,
        rng_seed,
        max_shrink_iters: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_row_is_lost_while_rows_move(
        rows in 0_u64..900,
        ties in 1_u64..6,
        honours in any_server(),
        drift in any_drift(),
        lookback in prop_oneof![Just(0_u32), Just(3_660)],
        seed: u64,
    ) {
        let mut list = List::new(rows, ties, honours, seed);
        let (full, _) = check(&mut list, drift, lookback);
        prop_assert!(!full.doubts.contains(&Doubt::PageSize));
        prop_assert!(full.largest_state < 15_000);
    }

    #[test]
    fn no_row_is_lost_where_hundreds_share_a_second(
        rows in 300_u64..1_200,
        ties in 60_u64..400,
        honours in any_server(),
        drift in any_drift(),
        quiet: bool,
        seed: u64,
    ) {
        let mut list = List::new(rows, ties, honours, seed);
        let drift = if quiet { QUIET } else { Drift { conversions: 0, ..drift } };
        let (full, _) = check(&mut list, drift, 3_660);
        prop_assert!(full.largest_state < 15_000);
    }

    #[test]
    fn a_service_whose_pages_never_overlap_is_read_to_its_end_and_doubted(
        rows in 150_u64..900,
        ties in 1_u64..150,
        honours in prop_oneof![
            Just(Honours::Only(25)), Just(Honours::Only(50)), Just(Honours::Only(100)),
            Just(Honours::Only(200)), Just(Honours::Steps),
        ],
        seed: u64,
    ) {
        let mut list = List::new(rows, ties, honours, seed);
        let full = run(&mut list, FULL, 100, QUIET).expect("the walk comes to its end");
        let whole = full.emitted.len() as u64 == rows;
        prop_assert!(whole || full.doubts.contains(&Doubt::PageSize), "{full:?}");
        prop_assert!(whole || ties > 1, "{full:?}");
        prop_assert!(rows <= 200 || ties > 1 || full.doubts == [Doubt::PageSize], "{full:?}");
    }
}

#[test]
fn a_list_that_shrinks_below_the_cap_while_its_end_is_looked_for_loses_nothing() {
    let mut list = List::new(60, 5, Honours::UpTo(50), 1_289_091_373_661_984_031);
    check(&mut list, Drift { inserts: 1, updates: 3, deletes: 7, conversions: 1 }, 0);
}

#[test]
fn a_service_that_rounds_sizes_is_found_out_by_answers_of_one_length() {
    for (ties, seed) in [(4, 6_155_026_835_333_606_737), (14, 17_171_093_447_375_062_447)] {
        let mut list = List::new(150, ties, Honours::Steps, seed);
        let full = run(&mut list, FULL, 100, QUIET).expect("the walk comes to its end");
        assert_eq!(full.doubts, [Doubt::PageSize], "{full:?}");
    }
}

#[test]
fn a_list_of_any_length_that_rests_is_read_whole_or_doubted() {
    for honours in [Honours::UpTo(100), Honours::UpTo(25), Honours::Only(50), Honours::Steps] {
        for rows in (0..320).chain([754, 926, 1_153]) {
            let mut list = List::new(rows, 1, honours, 1);
            let full = run(&mut list, FULL, 100, QUIET).expect("the walk comes to its end");
            let whole = full.emitted.len() as u64 == rows;
            assert!(whole || full.doubts == [Doubt::PageSize], "{rows} {honours:?}: {full:?}");
        }
    }
}

/// Requests sent to a list that rests, by a host that sends so many of them early.
fn sent(list: &mut List, most: usize) -> usize {
    let mut walk = Walk::new(FULL, 100);
    let (mut early, mut sent) = (Vec::new(), 0);
    loop {
        let ask = walk.ask();
        sent += usize::from(!early.contains(&ask));
        let taken = walk.take(&list.page(ask)).expect("the walk goes on");
        if taken.done {
            return sent;
        }
        let mut ahead = walk.ahead(most);
        ahead.truncate(most);
        sent += ahead.iter().filter(|next| !early.contains(*next)).count();
        early = ahead;
    }
}

#[test]
fn few_early_requests_are_in_vain() {
    for ties in [1, 2] {
        let list = || List::new(30_000, ties, Honours::UpTo(100), 7);
        let (none, four) = (sent(&mut list(), 0), sent(&mut list(), 4));
        assert!(four < 360 && four <= none + none / 50, "{four}, or {none} without, at {ties}");
    }
}

#[test]
fn a_quiet_list_costs_few_requests_more_than_a_plain_walk() {
    for (most, rows, percent) in [(100, 20_000, 120), (50, 10_000, 145), (25, 10_000, 145)] {
        let mut list = List::new(rows, 1, Honours::UpTo(most), 7);
        let full = run(&mut list, FULL, 100, QUIET).expect("the walk comes to its end");
        assert_eq!((full.emitted.len() as u64, full.doubts.len()), (rows, 0));
        let plain = rows / u64::from(most);
        let requests = full.requests;
        assert!(requests * 100 < plain * percent, "{requests} instead of {plain} at {most}");
    }
}
