//! In memory: each message in short.

use std::sync::Arc;
use std::time::{Duration, Instant};

use connector_engine::bindings::source::{Deletions, Mode, Promise, StreamInfo};
use connector_engine::bindings::types::{Action, Failure, Notice};

use serde_json::Value;

use super::super::heartbeat::{Heartbeat, SILENCE};
use super::*;
use crate::console::Console;

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<u8>>>);

impl io::Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Memory {
    fn messages(&self) -> Messages {
        Messages::new(Box::new(self.clone()), Console::default(), Level::Warn)
    }

    /// Each line in short: what it is, and what is special about it.
    fn lines(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().expect("no panic"));
        let text = String::from_utf8(bytes).expect("UTF-8");
        text.lines().map(short).collect()
    }
}

fn short(line: &str) -> String {
    let value: Value = serde_json::from_str(line).expect("one JSON object a line");
    let text = |pointer: &str| value.pointer(pointer).map(Value::to_string).unwrap_or_default();
    match value["type"].as_str() {
        Some("RECORD") => format!("RECORD {}", text("/record/data")),
        Some("STATE") => format!(
            "STATE {} {}",
            text("/state/stream/stream_state/state"),
            text("/state/sourceStats/recordCount")
        ),
        Some("TRACE") => ["/status", "/reasons/0/type"]
            .map(|part| text(&format!("/trace/stream_status{part}")))
            .into_iter()
            .chain([text("/trace/error/failure_type"), text("/trace/estimate/row_estimate")])
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" "),
        _ => text("/log/message"),
    }
}

fn owner() -> Owner {
    Owner {
        connector: "c".into(),
        contract: "k".into(),
        stream: "users".into(),
        options: "o".into(),
        credential: "x".into(),
        account: None,
    }
}

fn check(given: &str, run: impl FnOnce(&mut StreamOut<'_>, &Heartbeat<'_>), expected: &[&str]) {
    let memory = Memory::default();
    let messages = memory.messages();
    let last = Mutex::new(Last { state: given.into(), open: true });
    let mut out = StreamOut {
        name: "users".into(),
        head: "{\"type\":\"RECORD\",\"record\":{\"stream\":\"users\",\"data\":".into(),
        owner: owner(),
        mode: RunMode::Full,
        messages: &messages,
        last: &last,
        started: false,
        running: false,
        estimated: false,
        buffer: Vec::new(),
    };
    let streams = vec![("users".to_owned(), &last)];
    run(&mut out, &Heartbeat { messages: &messages, streams, every: SILENCE });
    assert_eq!(memory.lines(), expected);
}

fn page(out: &mut StreamOut<'_>, records: &[&str], deleted: &[&str], finished: bool) {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let page = PageOut {
        records: &texts(records),
        deleted: &texts(deleted),
        quarantined: &[],
        state: r#"{"n":1}"#,
        finished,
        mark: None,
        total: Some(7),
        totals: &Totals::default(),
    };
    out.page(&page).expect("in memory");
}

fn end(out: &mut StreamOut<'_>, end: &End) {
    out.ended(end, &Totals::default()).expect("in memory");
}

fn failure(action: Action) -> End {
    End::Stopped(Failure {
        action,
        code: "c".into(),
        message: "m".into(),
        remedy: None,
        field: None,
        patch: None,
        retry_after_ms: None,
        upstream: None,
    })
}

#[test]
fn a_stream_starts_runs_and_completes_with_a_state_after_each_page() {
    check(
        "{}",
        |out, _| {
            page(out, &[r#"{"id":1.0}"#, r#"{"id":2}"#], &[], false);
            page(out, &[], &[], true);
            end(out, &End::Complete);
        },
        &[
            r#""STARTED""#,
            r#""RUNNING""#,
            "7",
            r#"RECORD {"id":1.0}"#,
            r#"RECORD {"id":2}"#,
            r#"STATE {"n":1} 2.0"#,
            r#"STATE {"n":1} 0.0"#,
            r#""COMPLETE""#,
        ],
    );
}

#[test]
fn a_stream_that_fails_says_who_has_to_act() {
    for (action, kind) in [
        (Action::FixSettings, "config_error"),
        (Action::Reauthorize, "config_error"),
        (Action::StartOver, "config_error"),
        (Action::RetryLater, "transient_error"),
        (Action::Stop, "system_error"),
    ] {
        let kind = format!("\"{kind}\"");
        check(
            r#"{"state":9}"#,
            |out, _| end(out, &failure(action)),
            &[r#""STARTED""#, "STATE 9 0.0", &kind, r#""INCOMPLETE""#],
        );
    }
}

#[test]
fn doubts_are_told_and_the_stream_is_complete() {
    check(
        "{}",
        |out, _| {
            page(out, &[], &[], true);
            let doubt = Notice { code: "ties".into(), message: "Too many.".into() };
            end(out, &End::Unproved(vec![doubt]));
        },
        &[
            r#""STARTED""#,
            r#""RUNNING""#,
            "7",
            r#"STATE {"n":1} 0.0"#,
            r#""users: read to its end, but not proved complete: Too many. (ties)""#,
            r#""COMPLETE""#,
        ],
    );
}

#[test]
fn a_wait_repeats_the_last_state() {
    check(
        r#"{"state":9}"#,
        |out, _| {
            let until = std::time::SystemTime::now();
            out.event(ReadEvent::Waiting { until, reason: "busy" });
            page(out, &[r#"{"id":1}"#], &[], false);
            out.event(ReadEvent::Waiting { until, reason: "busy" });
        },
        &[
            r#""STARTED""#,
            r#""RUNNING" "RATE_LIMITED""#,
            "STATE 9 0.0",
            r#""RUNNING""#,
            "7",
            r#"RECORD {"id":1}"#,
            r#"STATE {"n":1} 1.0"#,
            r#""RUNNING" "RATE_LIMITED""#,
            r#"STATE {"n":1} 0.0"#,
        ],
    );
}

#[test]
fn silence_is_broken_only_when_it_is_long_and_while_a_stream_is_open() {
    let later = |seconds| Instant::now() + SILENCE + Duration::from_secs(seconds);
    check(
        r#"{"state":9}"#,
        |out, heartbeat| {
            heartbeat.beat(Instant::now()).expect("in memory");
            heartbeat.beat(later(1)).expect("in memory");
            end(out, &End::Complete);
            heartbeat.beat(later(2)).expect("in memory");
        },
        &["STATE 9 0.0", r#""STARTED""#, "STATE 9 0.0", r#""COMPLETE""#],
    );
}

#[test]
fn a_deletion_is_a_record_with_its_time() {
    let memory = Memory::default();
    let messages = memory.messages();
    let last = Mutex::new(Last { state: "{}".into(), open: true });
    let info = StreamRun {
        info: StreamInfo {
            name: "users".into(),
            title: String::new(),
            description: String::new(),
            schema: "{}".into(),
            key: vec!["id".into()],
            cursor: None,
            modes: vec![Mode::Full],
            promise: Promise::Snapshot,
            deletions: Deletions::Reported,
            selected: true,
            after: Vec::new(),
            options: "{}".into(),
        },
        mode: RunMode::Full,
        options: "{}".into(),
        state: None,
        limit: None,
    };
    let mut out = StreamOut::new(&info, owner(), &messages, &last);
    page(&mut out, &[], &[r#"{"id":12345678901234567890}"#], false);
    let lines = memory.lines();
    assert!(lines[3].contains(r#"RECORD {"_ab_cdc_deleted_at":"2"#), "{lines:?}");
    assert!(lines[3].contains(r#""id":12345678901234567890"#), "{lines:?}");
    assert_eq!(lines[4], r#"STATE {"n":1} 1.0"#);
}
