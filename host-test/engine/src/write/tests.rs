//! The loop against a service of the imagination, killed wherever it can be.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::bindings::destination::{Effect, Receipt, Rejection, WriteReport};
use crate::bindings::types::{Limits, Settings};

/// What the service does in one call.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// What it is asked.
    All,
    /// After so many records it asks to be left alone.
    Stop(usize),
    /// After so many records it asks to be left alone; the last of them may be done, and the plugin cannot tell.
    Doubt(usize, bool),
    /// After so many records the plugin crashes.
    Crash(usize),
    /// After so many records the plugin has no requests left.
    Tire(usize),
}

/// Records are `{"id":N}`; with `"bad":1` the service refuses them, with `"dark":1` nobody can ask for them.
struct Service {
    acts: RefCell<Vec<Act>>,
    /// How often each record was done.
    done: RefCell<BTreeMap<String, u32>>,
    ids: RefCell<BTreeMap<String, Vec<String>>>,
    cancel: Cancel,
    requests: u32,
    writes: Cell<u32>,
}

impl Service {
    fn new(acts: &[Act]) -> Self {
        Service {
            acts: RefCell::new(acts.iter().rev().copied().collect()),
            done: RefCell::default(),
            ids: RefCell::default(),
            cancel: Cancel::new(),
            requests: 2,
            writes: Cell::new(0),
        }
    }

    fn next(&self) -> Act {
        self.acts.borrow_mut().pop().unwrap_or(Act::All)
    }
}

fn failure() -> Failure {
    retry::left_alone(Duration::ZERO)
}

fn rejection(code: &str) -> Rejection {
    Rejection { code: code.into(), message: "No.".into(), field: None, status: None }
}

fn report(outcomes: Vec<Outcome>, stopped: Option<Failure>) -> WriteReport {
    WriteReport { outcomes, stopped, notices: Vec::new(), wait_ms: None }
}

impl Writer for Service {
    fn write(&self, batch: &Batch) -> Result<WriteReport, PluginError> {
        self.writes.set(self.writes.get() + 1);
        let mut ids = self.ids.borrow_mut();
        let records = ids.entry(batch.id.clone()).or_insert_with(|| batch.records.clone());
        assert_eq!(records, &batch.records, "an id names one batch");
        let act = self.next();
        let (most, ends) = match act {
            Act::All => (batch.records.len(), None),
            Act::Stop(most) | Act::Doubt(most, _) => (most, Some(failure())),
            Act::Crash(most) | Act::Tire(most) => (most, None),
        };
        let mut outcomes = Vec::new();
        for (index, record) in batch.records.iter().enumerate() {
            if index >= most {
                outcomes.push(Outcome::Deferred);
                continue;
            }
            let doubt = index + 1 == most && matches!(act, Act::Doubt(..));
            if record.contains("bad") {
                outcomes.push(Outcome::Rejected(rejection("refused")));
                continue;
            }
            if !(doubt && matches!(act, Act::Doubt(_, false))) {
                *self.done.borrow_mut().entry(record.clone()).or_default() += 1;
            }
            outcomes.push(if doubt {
                Outcome::Unknown(rejection("timeout"))
            } else {
                Outcome::Accepted(Receipt { effect: "created".into(), answer: None })
            });
        }
        if matches!(act, Act::Crash(_)) {
            return Err(PluginError::Stack { call: "destination.write" });
        }
        Ok(report(outcomes, ends))
    }

    fn settle(&self, batch: &Batch) -> Result<WriteReport, PluginError> {
        let act = self.next();
        let requests = match act {
            Act::All => self.requests as usize,
            Act::Crash(_) => return Err(PluginError::Stack { call: "destination.settle" }),
            Act::Stop(most) | Act::Doubt(most, _) => most.min(2),
            Act::Tire(most) => most.clamp(1, 2),
        };
        let stopped =
            matches!(act, Act::Stop(_) | Act::Doubt(..)) && requests < batch.records.len();
        let outcome = |(index, record): (usize, &String)| {
            if index >= requests || record.contains("dark") {
                Outcome::Unknown(rejection("not-asked"))
            } else if self.done.borrow().contains_key(record) {
                Outcome::Accepted(Receipt { effect: "already".into(), answer: None })
            } else {
                Outcome::Deferred
            }
        };
        let outcomes = batch.records.iter().enumerate().map(outcome).collect();
        Ok(report(outcomes, stopped.then(failure)))
    }

    fn settings(&self) -> Settings {
        Settings { values: "{}".into(), secrets: Vec::new() }
    }

    fn call_limits(&self) -> Limits {
        Limits { requests: self.requests, records: 10, bytes: 1000 }
    }

    fn blocked_until(&self) -> Option<Instant> {
        None
    }

    fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }
}

/// Files in memory, which a process leaves behind as they are when it is killed.
#[derive(Default)]
struct Files {
    journal: Vec<u8>,
    kept: Vec<(u64, RecordOutcome)>,
    /// Bytes until the process is killed in the midst of a line.
    budget: Option<usize>,
    waits: u32,
}

impl WriteSink for Files {
    fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let line = entry.to_line();
        let written = self.budget.map_or(line.len(), |budget| budget.min(line.len()));
        self.journal.extend_from_slice(&line.as_bytes()[..written]);
        if let Some(budget) = &mut self.budget {
            *budget -= written;
        }
        if written < line.len() { Err(io::Error::other("killed")) } else { Ok(()) }
    }

    fn keep(&mut self, settled: &[Settled<'_>]) -> io::Result<BTreeMap<String, u64>> {
        let last = settled.iter().filter(|settled| settled.last);
        let last: Vec<_> = last.map(|s| (s.line.number, s.outcome.clone())).collect();
        assert!(last.is_sorted_by_key(|(line, _)| *line), "in input order");
        self.kept.extend(last);
        Ok(BTreeMap::from([("kept".to_owned(), self.kept.len() as u64)]))
    }

    fn event(&mut self, event: WriteEvent<'_>) {
        self.waits += u32::from(matches!(event, WriteEvent::Waiting { .. }));
    }
}

fn owner() -> WriteOwner {
    WriteOwner {
        connector: "c".into(),
        contract: "k".into(),
        target: "users".into(),
        operation: "upsert".into(),
        options: "00".into(),
        credential: "me".into(),
    }
}

fn write_run(repeat_safe: bool, settles: bool) -> WriteRun {
    WriteRun {
        target: "users".into(),
        operation: Operation {
            name: "upsert".into(),
            title: String::new(),
            description: String::new(),
            effect: Effect::Upsert,
            schema: "{}".into(),
            keys: Vec::new(),
            batch: 3,
            repeat_safe,
            settles,
            confirm: false,
            options: "{}".into(),
        },
        options: "{}".into(),
        id: "r1".into(),
        retry: RetryPolicy {
            attempts: 4,
            first_wait: Duration::ZERO,
            longest_wait: Duration::ZERO,
            deadline: None,
        },
    }
}

/// Starts the process, on the files that another one may have left behind.
fn start(service: &Service, run: &WriteRun, input: &str, files: &mut Files) -> WriteSummary {
    let replayed = replay(&files.journal, &owner()).expect("a killed run damages no journal");
    let progress = if let Some((_, progress)) = replayed {
        progress
    } else {
        files.journal = Header::new("r1".into(), owner()).to_line().into_bytes();
        Progress { length: files.journal.len() as u64, ..Progress::default() }
    };
    files.journal.truncate(progress.length.try_into().expect("it is in memory"));
    let kept = progress.files.get("kept").copied().unwrap_or(0);
    files.kept.truncate(kept.try_into().expect("it is in memory"));
    write_records(service, run, input.as_bytes(), progress, files)
}

/// What must hold once a run is complete, whatever happened on the way.
fn check_laws(service: &Service, run: &WriteRun, input: &str, files: &Files, totals: &WriteTotals) {
    let mut kept = files.kept.clone();
    kept.sort_by_key(|(line, _)| *line);
    let lines: Vec<_> = kept.iter().map(|(line, _)| *line).collect();
    let expected: Vec<u64> = (1..).zip(input.lines()).map(|(number, _)| number).collect();
    assert_eq!(lines, expected, "one outcome for each record");
    assert!(totals.adds_up() && totals.deferred == 0 && totals.records == expected.len() as u64);
    let done = service.done.borrow();
    let mut again = 0;
    for ((_, outcome), line) in kept.iter().zip(input.lines()) {
        let times = done.get(line).copied().unwrap_or(0);
        again += u64::from(times.saturating_sub(1));
        match outcome {
            RecordOutcome::Accepted { .. } => assert!(times > 0, "{line} is accepted but not done"),
            RecordOutcome::Invalid(_) | RecordOutcome::Rejected(_) => {
                assert_eq!(times, 0, "{line} is refused but done");
            }
            RecordOutcome::Unknown(_) => assert!(
                line.contains("dark") || !run.operation.settles,
                "{line} is unknown, and could have been asked for"
            ),
            other => panic!("{line} ends {other:?}"),
        }
        if !run.operation.repeat_safe {
            assert!(times <= 1, "{line} was done {times} times");
        }
    }
    assert!(again <= totals.repeated, "{again} done again, {} counted", totals.repeated);
}

const INPUT: &str = r#"{"id":1}
{"id":2,"bad":1}
not json
{"id":4}
{"id":5,"dark":1}
{"id":6}
{"id":7}
"#;

const KINDS: [(bool, bool); 4] = [(true, true), (true, false), (false, true), (false, false)];

#[test]
fn a_quiet_run_settles_every_record_in_as_few_calls_as_the_batch_allows() {
    let (service, mut files) = (Service::new(&[]), Files::default());
    let run = write_run(false, false);
    let summary = start(&service, &run, INPUT, &mut files);
    assert!(matches!(summary.end, WriteEnd::Complete), "{:?}", summary.end);
    check_laws(&service, &run, INPUT, &files, &summary.totals);
    let totals = &summary.totals;
    assert_eq!((totals.accepted, totals.rejected, totals.invalid), (5, 1, 1));
    assert_eq!((totals.batches, totals.repeated, files.waits), (3, 0, 0));
    assert_eq!(summary.listed.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(summary.lines, 7);
}

#[test]
fn a_finished_run_sends_nothing_again_and_goes_on_where_its_input_has_grown() {
    let (service, mut files) = (Service::new(&[]), Files::default());
    let run = write_run(false, false);
    start(&service, &run, INPUT, &mut files);
    let journal = files.journal.clone();
    let summary = start(&service, &run, INPUT, &mut files);
    assert!(matches!(summary.end, WriteEnd::Complete), "{:?}", summary.end);
    assert_eq!((service.writes.get(), summary.totals.records), (3, 7));
    assert_eq!(files.journal, journal);
    let grown = format!("{INPUT}{{\"id\":8}}\n");
    let summary = start(&service, &run, &grown, &mut files);
    assert_eq!((service.writes.get(), summary.totals.records), (4, 8));
    check_laws(&service, &run, &grown, &files, &summary.totals);
}

#[test]
fn another_input_is_refused_before_anything_is_sent() {
    let (service, mut files) = (Service::new(&[Act::Stop(1); 9]), Files::default());
    let run = write_run(true, true);
    start(&service, &run, INPUT, &mut files);
    let (writes, other) = (service.writes.get(), INPUT.replace("\"id\":1", "\"id\":9"));
    let summary = start(&service, &run, &other, &mut files);
    assert!(
        matches!(summary.end, WriteEnd::OtherInput(JournalError::Input { .. })),
        "{:?}",
        summary.end
    );
    assert_eq!(service.writes.get(), writes);
}

#[test]
fn a_process_killed_at_any_byte_of_its_journal_loses_nothing_and_repeats_nothing_unasked() {
    let acts = [Act::Stop(1), Act::Doubt(2, true), Act::All, Act::Tire(1), Act::Doubt(1, false)];
    for (repeat_safe, settles) in KINDS {
        let run = write_run(repeat_safe, settles);
        for budget in 0.. {
            let service = Service::new(&acts);
            let mut files = Files { budget: Some(budget), ..Files::default() };
            let first = start(&service, &run, INPUT, &mut files);
            let killed = matches!(first.end, WriteEnd::Sink(_));
            files.budget = None;
            let last = start(&service, &run, INPUT, &mut files);
            assert!(matches!(last.end, WriteEnd::Complete), "{budget}: {:?}", last.end);
            check_laws(&service, &run, INPUT, &files, &last.totals);
            if !killed {
                assert!(budget > 500, "the journal is longer than that");
                break;
            }
        }
    }
}

#[test]
fn what_a_stopped_run_did_not_come_to_is_deferred_and_what_it_doubts_is_unknown() {
    let acts = [Act::Doubt(1, true), Act::Stop(0), Act::Stop(0), Act::Stop(0), Act::Stop(0)];
    let (service, mut files) = (Service::new(&acts), Files::default());
    let run = write_run(false, true);
    let summary = start(&service, &run, INPUT, &mut files);
    assert!(matches!(summary.end, WriteEnd::Stopped(_)), "{:?}", summary.end);
    let totals = &summary.totals;
    assert_eq!((totals.records, totals.unknown, totals.deferred, totals.invalid), (3, 1, 1, 1));
    assert!(totals.adds_up());
    assert_eq!(files.kept.len(), 1, "only the last word is kept");
    let summary = start(&service, &run, INPUT, &mut files);
    assert!(matches!(summary.end, WriteEnd::Complete), "{:?}", summary.end);
    check_laws(&service, &run, INPUT, &files, &summary.totals);
}

#[test]
fn a_plugin_that_settles_nothing_and_says_no_reason_ends_the_run() {
    let (service, mut files) = (Service::new(&[Act::Tire(0); 20]), Files::default());
    let summary = start(&service, &write_run(true, true), INPUT, &mut files);
    assert!(
        matches!(summary.end, WriteEnd::Plugin(PluginError::Broken { .. })),
        "{:?}",
        summary.end
    );
    assert_eq!(service.writes.get(), 4);
    assert_eq!(summary.totals.deferred, 2);
}

#[test]
fn a_host_that_is_stopped_sends_nothing_more() {
    let (service, mut files) = (Service::new(&[]), Files::default());
    service.cancel.cancel();
    let summary = start(&service, &write_run(true, true), INPUT, &mut files);
    assert!(matches!(summary.end, WriteEnd::Cancelled), "{:?}", summary.end);
    assert_eq!(service.writes.get(), 0);
}

#[test]
fn a_record_that_an_earlier_run_left_unknown_is_asked_for_before_it_is_sent() {
    let line = |id: u32| {
        format!(
            r#"{{"record":{{"id":{id}}},"$outcome":{{"outcome":"unknown","write":"users/upsert"}}}}"#
        )
    };
    let input = format!("{}\n{}\n", line(1), line(2));
    for (settles, expected) in [(true, (1, 2, 0)), (false, (0, 0, 2))] {
        let (service, mut files) = (Service::new(&[]), Files::default());
        service.done.borrow_mut().insert(r#"{"id":1}"#.into(), 1);
        let summary = start(&service, &write_run(false, settles), &input, &mut files);
        let totals = summary.totals;
        assert_eq!((service.writes.get(), totals.accepted, totals.unknown), expected);
    }
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => Just(Act::All),
        2 => (0_usize..4).prop_map(Act::Stop),
        2 => (1_usize..4, any::<bool>()).prop_map(|(most, done)| Act::Doubt(most, done)),
        1 => (0_usize..4).prop_map(Act::Crash),
        1 => (0_usize..4).prop_map(Act::Tire),
    ]
}

fn lines() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(vec!["", ",\"bad\":1", ",\"dark\":1", "x"]), 1..12)
}

proptest! {
    #[test]
    fn every_record_gets_one_outcome_whatever_is_reported_and_wherever_it_is_killed(
        acts in prop::collection::vec(act(), 0..25),
        lines in lines(),
        kills in prop::collection::vec(0_usize..2000, 0..5),
        kind in prop::sample::select(KINDS.to_vec()),
    ) {
        let numbered = (1..).zip(&lines);
        let input: Vec<_> = numbered.map(|(id, rest)| format!("{{\"id\":{id}{rest}}}")).collect();
        let input = input.join("\n");
        let (service, mut files) = (Service::new(&acts), Files::default());
        let run = write_run(kind.0, kind.1);
        let mut kills = kills.into_iter();
        for _ in 0..60 {
            files.budget = kills.next();
            let summary = start(&service, &run, &input, &mut files);
            prop_assert!(summary.totals.adds_up());
            if matches!(summary.end, WriteEnd::Complete) {
                check_laws(&service, &run, &input, &files, &summary.totals);
                return Ok(());
            }
        }
        prop_assert!(false, "it does not come to an end");
    }
}
