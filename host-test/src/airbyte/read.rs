//! Streams out: records as they came, a state after each page, and how each stream stands.
//!
//! A page leaves in one write: its records, then the state that covers them. While nothing can be read, the last state
//! is repeated, so that the platform does not take the wait for a failure.

use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use connector_engine::Cancel;
use connector_engine::bindings::source::{Mode, StreamInfo};
use connector_engine::read::{
    End, PageOut, PageSink, ReadConfig, ReadEvent, StreamRun, Totals, read_streams,
};
use connector_engine::retry::RetryPolicy;
use connector_engine::state::{Envelope, Owner, RunMode};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::catalogue::{Configured, ConfiguredStream, DELETED_AT, UPDATED_AT};
use super::messages::{
    Level, Messages, Status, estimate_line, state_line, status_line, waiting_line,
};
use super::state::{self, States};
use super::told;
use crate::adapter::options::Options;
use crate::adapter::raw_object::RawObject;
use crate::adapter::resume::{self, Start};
use crate::adapter::session::{Described, Session};
use crate::adapter::time;
use crate::context::find_stream;
use crate::error::{CliError, Exit, exit_of};

/// Requests sent early, of each stream.
const AHEAD: usize = 3;
/// The platform ends a source that has been silent for an hour or more.
const SILENCE: Duration = Duration::from_mins(5);
/// How to begin anew on this platform.
const REMEDY: &str = "Refresh or clear the stream, so that it is read from the start.";

/// What a platform asks for.
pub struct Input {
    catalogue: Configured,
    states: States,
}

impl Input {
    /// Reads the configured streams and the states of an earlier run.
    pub fn parse(catalogue: &Path, state: Option<&Path>) -> Result<Self, CliError> {
        Ok(Input { catalogue: Configured::read(catalogue)?, states: state::read(state)? })
    }
}

/// Reads the configured streams. One that fails does not stop the others.
pub fn read(
    described: &Described,
    session: &Session,
    input: &Input,
    messages: &Messages,
) -> Result<Exit, CliError> {
    let streams = session.connection.streams()?;
    let forms = described.stream_options(&streams)?;
    for name in forms.unknown(&session.rest) {
        told(
            messages.log(Level::Warn, &format!("`{name}` is no setting or option; it is ignored")),
        )?;
    }
    let mut worst = Exit::Done;
    let mut plans = Vec::new();
    for configured in &input.catalogue.streams {
        let name = configured.name();
        let state = input.states.get(name).map(String::as_str);
        match plan(session, &streams, &forms, configured, state) {
            Ok(plan) => plans.push(plan),
            Err(error) => {
                told(refuse(messages, name, state, &error))?;
                worst = worse(worst, error.exit);
            }
        }
    }
    let lasts: Vec<_> = plans.iter().map(|plan| Mutex::new(plan.last())).collect();
    let heartbeat = Heartbeat {
        messages,
        streams: plans.iter().map(|plan| plan.run.info.name.clone()).zip(&lasts).collect(),
        every: SILENCE,
    };
    let runs = plans
        .into_iter()
        .zip(&lasts)
        .map(|(plan, last)| {
            let sink = StreamOut::new(&plan.run, plan.owner, messages, last);
            (plan.run, sink)
        })
        .collect();
    let config = ReadConfig { retry: RetryPolicy::standard(), ahead: AHEAD };
    let reports = heartbeat.while_running(|| read_streams(&session.connection, &config, runs));
    Ok(reports.iter().fold(worst, |worst, report| worse(worst, exit(&report.end))))
}

struct Plan {
    run: StreamRun,
    owner: Owner,
    /// The state that the platform handed back.
    given: Option<String>,
}

impl Plan {
    fn last(&self) -> Last {
        Last { state: self.given.clone().unwrap_or_else(|| "{}".into()), open: true }
    }
}

fn plan(
    session: &Session,
    streams: &[StreamInfo],
    forms: &Options,
    configured: &ConfiguredStream,
    state: Option<&str>,
) -> Result<Plan, CliError> {
    let info = find_stream(streams, configured.name())?;
    let name = &info.name;
    let wanted = match configured.sync_mode.as_str() {
        "incremental" if info.modes.contains(&Mode::Incremental) => RunMode::Incremental,
        // Some platforms ask for it whatever was discovered, and mean what the stream can.
        "full_refresh" | "incremental" => RunMode::Full,
        mode => {
            let message = format!("{name} cannot be read in the sync mode `{mode}`");
            return Err(CliError::new(Exit::Settings, "sync-mode", message)
                .remedy("Choose one of those that were discovered."));
        }
    };
    let options = session.stream_options(forms, name)?;
    let owner = session.owner(name, &options);
    let envelope = state.map(|text| resume::open(text, &owner, REMEDY)).transpose()?;
    let Start { mode, state: from } = Start::from(envelope, wanted);
    let run = StreamRun {
        info: info.clone(),
        mode,
        options: Value::Object(options).to_string(),
        state: from,
        limit: None,
    };
    Ok(Plan { run, owner, given: state.map(str::to_owned) })
}

/// Tells of a stream that cannot even be begun. The state that it has stands.
fn refuse(
    messages: &Messages,
    name: &str,
    state: Option<&str>,
    error: &CliError,
) -> io::Result<()> {
    messages.write(&status_line(name, Status::Started), false)?;
    if let Some(state) = state {
        messages.write(&state_line(name, state, 0), true)?;
    }
    messages.error(error, Some(name))?;
    messages.write(&status_line(name, Status::Incomplete), false)
}

fn worse(worst: Exit, exit: Exit) -> Exit {
    if worst == Exit::Done { exit } else { worst }
}

fn exit(end: &End) -> Exit {
    match end {
        End::Complete | End::Unproved(_) | End::Limit => Exit::Done,
        End::Stopped(failure) => exit_of(failure.action),
        End::Plugin(_) => Exit::Plugin,
        End::Sink(_) => Exit::Other,
        End::Cancelled => Exit::Interrupted,
    }
}

/// The state of a stream that went out last. Whoever sends one holds this, so that no older state follows a newer one.
struct Last {
    state: String,
    /// Whether the stream is still being read.
    open: bool,
}

fn lock(last: &Mutex<Last>) -> MutexGuard<'_, Last> {
    last.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends what one stream gives.
struct StreamOut<'a> {
    name: String,
    /// The beginning of a record's line, up to the record.
    head: String,
    owner: Owner,
    mode: RunMode,
    messages: &'a Messages,
    last: &'a Mutex<Last>,
    started: bool,
    running: bool,
    estimated: bool,
    buffer: Vec<u8>,
}

impl<'a> StreamOut<'a> {
    fn new(run: &StreamRun, owner: Owner, messages: &'a Messages, last: &'a Mutex<Last>) -> Self {
        let name = run.info.name.clone();
        StreamOut {
            head: format!(
                "{{\"type\":\"RECORD\",\"record\":{{\"stream\":{},\"data\":",
                json!(name)
            ),
            name,
            owner,
            mode: run.mode,
            messages,
            last,
            started: false,
            running: false,
            estimated: false,
            buffer: Vec::new(),
        }
    }

    fn start(&mut self) {
        if !self.started {
            self.started = true;
            self.buffer.extend(status_line(&self.name, Status::Started));
        }
    }

    fn records(&mut self, page: &PageOut<'_>) -> io::Result<()> {
        let now = time::now_ms();
        let tail = format!(",\"emitted_at\":{now}}}}}\n");
        for record in page.records {
            self.buffer.extend_from_slice(self.head.as_bytes());
            self.buffer.extend_from_slice(record.as_bytes());
            self.buffer.extend_from_slice(tail.as_bytes());
        }
        for key in page.deleted {
            let time = json!(time::rfc3339(now)).to_string();
            let mut record = RawObject::parse(key).map_err(io::Error::other)?;
            record.set(DELETED_AT, time.clone());
            record.set(UPDATED_AT, time);
            self.buffer.extend_from_slice(format!("{}{record}{tail}", self.head).as_bytes());
        }
        Ok(())
    }

    fn envelope(&self, page: &PageOut<'_>) -> io::Result<String> {
        let envelope = Envelope {
            owner: self.owner.clone(),
            mode: self.mode,
            finished: page.finished,
            state: RawValue::from_string(page.state.to_owned()).map_err(io::Error::other)?,
        };
        serde_json::to_string(&envelope).map_err(io::Error::other)
    }
}

impl PageSink for StreamOut<'_> {
    fn page(&mut self, page: &PageOut<'_>) -> io::Result<()> {
        self.buffer.clear();
        self.start();
        if !self.running {
            self.running = true;
            self.buffer.extend(status_line(&self.name, Status::Running));
        }
        if let Some(total) = page.total.filter(|_| !self.estimated) {
            self.estimated = true;
            self.buffer.extend(estimate_line(&self.name, total));
        }
        self.records(page)?;
        let state = self.envelope(page)?;
        let records = (page.records.len() + page.deleted.len()) as u64;
        self.buffer.extend(state_line(&self.name, &state, records));
        let mut last = lock(self.last);
        self.messages.write(&self.buffer, true)?;
        last.state = state;
        drop(last);
        if let Some(first) = page.quarantined.first() {
            let count = page.quarantined.len();
            let text = format!(
                "{}: {count} rows are no records and were set aside; the first: {} ({})",
                self.name, first.message, first.code
            );
            self.messages.log(Level::Warn, &text)?;
        }
        let totals = page.totals;
        let text = format!("{}: page {}, {} records", self.name, totals.pages, totals.emitted);
        self.messages.log(Level::Debug, &text)
    }

    fn event(&mut self, event: ReadEvent<'_>) {
        // A reader that went away is met again with the next page.
        let _ = match event {
            ReadEvent::Waiting { until, reason } => {
                self.buffer.clear();
                self.start();
                let until = time::ms(until);
                self.buffer.extend(waiting_line(&self.name, until));
                let last = lock(self.last);
                self.buffer.extend(state_line(&self.name, &last.state, 0));
                let sent = self.messages.write(&self.buffer, true);
                drop(last);
                let text =
                    format!("{}: waits until {} ({reason})", self.name, time::rfc3339(until));
                sent.and_then(|()| self.messages.log(Level::Info, &text))
            }
            ReadEvent::Notice(notice) => {
                let text = format!("{}: {} ({})", self.name, notice.message, notice.code);
                self.messages.log(Level::Warn, &text)
            }
        };
    }

    fn ended(&mut self, end: &End, totals: &Totals) -> io::Result<()> {
        self.buffer.clear();
        self.start();
        let mut last = lock(self.last);
        last.open = false;
        if !self.running {
            self.buffer.extend(state_line(&self.name, &last.state, 0));
        }
        drop(last);
        self.messages.write(&self.buffer, true)?;
        let text = format!(
            "{}: {} records of {} rows received ({} duplicates, {} filtered, {} set aside), {} requests",
            self.name,
            totals.emitted,
            totals.received,
            totals.duplicates,
            totals.filtered,
            totals.quarantined,
            totals.requests
        );
        self.messages.log(Level::Info, &text)?;
        let error = match end {
            End::Complete | End::Limit => None,
            End::Unproved(doubts) => {
                for doubt in doubts {
                    let text = format!(
                        "{}: read to its end, but not proved complete: {} ({})",
                        self.name, doubt.message, doubt.code
                    );
                    self.messages.log(Level::Warn, &text)?;
                }
                None
            }
            End::Stopped(failure) => Some(CliError::from(failure.clone())),
            End::Plugin(error) => Some(CliError::new(Exit::Plugin, "plugin", error.to_string())),
            End::Sink(error) => Some(CliError::new(Exit::Other, "output", error.to_string())),
            End::Cancelled => {
                let message = format!("the reading of {} was stopped by a signal", self.name);
                Some(CliError::new(Exit::Interrupted, "cancelled", message))
            }
        };
        let status = match &error {
            None => Status::Complete,
            Some(error) => {
                self.messages.error(error, Some(&self.name))?;
                Status::Incomplete
            }
        };
        self.messages.write(&status_line(&self.name, status), false)
    }
}

/// Repeats the last states when there was no record or state for too long.
struct Heartbeat<'a> {
    messages: &'a Messages,
    streams: Vec<(String, &'a Mutex<Last>)>,
    every: Duration,
}

impl Heartbeat<'_> {
    fn while_running<T>(&self, work: impl FnOnce() -> T) -> T {
        let stop = Cancel::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.wait(self.every / 5) {
                    // A reader that went away is met again with the next page.
                    let _ = self.beat(Instant::now());
                }
            });
            // Turned also by a panic, or the scope would wait for ever.
            let _stop = Stop(&stop);
            work()
        })
    }

    fn beat(&self, now: Instant) -> io::Result<()> {
        if now.saturating_duration_since(self.messages.alive()) < self.every {
            return Ok(());
        }
        for (name, last) in &self.streams {
            let last = lock(last);
            if last.open {
                self.messages.write(&state_line(name, &last.state, 0), true)?;
            }
        }
        Ok(())
    }
}

struct Stop<'a>(&'a Cancel);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use connector_engine::bindings::types::{Action, Failure, Notice};

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
        let texts =
            |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
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
                promise: connector_engine::bindings::source::Promise::Snapshot,
                deletions: connector_engine::bindings::source::Deletions::Reported,
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
}
