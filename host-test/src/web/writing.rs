//! A write that runs apart from the page, dry or real: its calls, and the outcome of every record.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use connector_egress::Scrubber;
use connector_engine::audit::MemoryAudit;
use connector_engine::bindings::http::{Body, Part, Request};
use connector_engine::retry::RetryPolicy;
use connector_engine::write::{
    Entry, Progress, RecordOutcome, Settled, WriteEnd, WriteEvent, WriteRun, WriteSink,
    WriteSummary, WriteTotals, write_records,
};
use connector_engine::{Cancel, Connection};
use connector_store::Flow;
use maud::{Markup, html};
use serde_json::Value;

use super::app::{App, lock, random};
use super::destination::target_of;
use super::fault::Fault;
use super::overlay::capital;
use super::reading::plural;
use crate::error::{CliError, one_line};
use crate::markdown::sentence;
use crate::progress::clock;

/// So many outcomes and calls are shown; all outcomes can be downloaded.
const SHOWN: usize = 200;

/// A longer body of a call is cut.
const LONGEST_BODY: usize = 2000;

/// A write of one destination.
pub(super) struct Writing {
    /// Stops it.
    pub(super) cancel: Cancel,
    dry_run: bool,
    /// The records that can be written after the dry run.
    draft: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    title: String,
    confirm: bool,
    outcomes: BTreeMap<u64, RecordOutcome>,
    calls: Vec<Call>,
    withheld: usize,
    totals: WriteTotals,
    note: Option<String>,
    fault: Option<String>,
    ended: bool,
}

struct Call {
    line: String,
    body: String,
}

impl Writing {
    /// Starts it.
    pub(super) fn start(
        app: &App,
        flow: Flow,
        records: String,
        dry_run: bool,
        draft: String,
    ) -> Result<Arc<Self>, Fault> {
        let cancel = Cancel::new();
        let state = Mutex::default();
        let writing = Arc::new(Writing { cancel, dry_run, draft, state });
        let (app, shown) = (app.clone(), writing.clone());
        std::thread::Builder::new()
            .name("write".into())
            .spawn(move || {
                if let Err(fault) = shown.run(&app, &flow, &records) {
                    lock(&shown.state).fault = Some(fault);
                }
                lock(&shown.state).ended = true;
            })
            .map_err(|_| Fault::internal("The system gave no thread to write with; try again."))?;
        Ok(writing)
    }

    /// Whether it goes on.
    pub(super) fn is_running(&self) -> bool {
        !lock(&self.state).ended
    }

    /// The name under which the rehearsed records wait.
    pub(super) fn draft(&self) -> &str {
        &self.draft
    }

    /// The outcome of every record, as JSON lines.
    pub(super) fn outcomes(&self) -> String {
        let state = lock(&self.state);
        let mut lines = String::new();
        for (line, outcome) in &state.outcomes {
            let mut value = serde_json::to_value(outcome).unwrap_or_default();
            value["line"] = (*line).into();
            lines.push_str(&value.to_string());
            lines.push('\n');
        }
        lines
    }

    fn run(&self, app: &App, flow: &Flow, records: &str) -> Result<(), String> {
        let audit = Arc::new(MemoryAudit::default());
        let connection = self.connect(app, flow, &audit).map_err(|fault| fault.message)?;
        let scrubber = connection.scrubber().clone();
        let clean = |text: &str| scrubber.scrub_str(text).0.into_owned();
        let (target, operation, options) =
            target_of(app, &connection, flow).map_err(|error| clean(&error.to_string()))?;
        {
            let mut state = lock(&self.state);
            state.title = format!("{}: {}", operation.title, target.title);
            state.confirm = operation.confirm;
        }
        let run = WriteRun {
            target: target.name,
            operation,
            options,
            id: random().map_err(|error| error.to_string())?,
            retry: RetryPolicy::standard(),
        };
        let mut sink = Sink { writing: self, audit: &audit, scrubber: &scrubber };
        let summary =
            write_records(&connection, &run, records.as_bytes(), Progress::default(), &mut sink);
        sink.take_calls();
        let mut state = lock(&self.state);
        state.note = None;
        let fault = ended(&summary).map(|fault| clean(&fault));
        state.totals = summary.totals;
        fault.map_or(Ok(()), Err)
    }

    fn connect(
        &self,
        app: &App,
        flow: &Flow,
        audit: &Arc<MemoryAudit>,
    ) -> Result<Connection, Fault> {
        let record = app.credential(flow.credential_id.as_str())?;
        app.connect(app.open(&record)?, audit.clone(), self.dry_run, self.cancel.clone())
    }
}

struct Sink<'a> {
    writing: &'a Writing,
    audit: &'a MemoryAudit,
    scrubber: &'a Scrubber,
}

impl Sink<'_> {
    /// Keeps the first of the calls that a dry run kept back, and counts all.
    fn take_calls(&self) {
        let calls = self.audit.take_withheld();
        let mut state = lock(&self.writing.state);
        state.withheld += calls.len();
        let room = SHOWN.saturating_sub(state.calls.len());
        let shown = calls.iter().take(room).map(|call| self.call(&call.request));
        state.calls.extend(shown);
    }

    fn call(&self, request: &Request) -> Call {
        let clean = |text: &str| self.scrubber.scrub_str(text).0.into_owned();
        let query: Vec<_> = request
            .query
            .iter()
            .map(|parameter| format!("{}={}", parameter.name, parts(&parameter.value)))
            .collect();
        let separator = if query.is_empty() { "" } else { "?" };
        let line = format!("{} {}{separator}{}", request.method, request.url, query.join("&"));
        let body = match &request.body {
            None => String::new(),
            Some(Body::Bytes(bytes)) => format!("{} bytes", bytes.len()),
            Some(Body::Text(text)) => match serde_json::from_str::<Value>(text) {
                Ok(value) => serde_json::to_string_pretty(&value).unwrap_or_default(),
                Err(_) => text.clone(),
            },
        };
        let body = match body.char_indices().nth(LONGEST_BODY) {
            Some((cut, _)) => format!("{}…", &body[..cut]),
            None => body,
        };
        Call { line: one_line(&clean(&line)), body: clean(&body) }
    }
}

impl WriteSink for Sink<'_> {
    fn append(&mut self, _entry: &Entry) -> io::Result<()> {
        Ok(())
    }

    fn keep(&mut self, settled: &[Settled<'_>]) -> io::Result<BTreeMap<String, u64>> {
        let mut state = lock(&self.writing.state);
        for Settled { line, outcome, .. } in settled {
            state.outcomes.insert(line.number, (*outcome).clone());
        }
        Ok(BTreeMap::new())
    }

    fn event(&mut self, event: WriteEvent<'_>) {
        self.take_calls();
        let mut state = lock(&self.writing.state);
        let note = match event {
            WriteEvent::Waiting { until, reason } => {
                format!("Waits until {} ({reason})", clock(until))
            }
            WriteEvent::Notice(notice) => notice.message.clone(),
            WriteEvent::Progress(totals) => {
                state.totals = totals.clone();
                state.note = None;
                return;
            }
        };
        state.note = Some(self.scrubber.scrub_str(&note).0.into_owned());
    }
}

/// Why a write ended before every record had its outcome.
fn ended(summary: &WriteSummary) -> Option<String> {
    match &summary.end {
        WriteEnd::Complete => None,
        WriteEnd::Stopped(failure) => Some(CliError::from((**failure).clone()).to_string()),
        WriteEnd::Plugin(error) => Some(error.to_string()),
        WriteEnd::Input(error) | WriteEnd::Sink(error) => Some(error.to_string()),
        WriteEnd::OtherInput(error) => Some(error.to_string()),
        WriteEnd::Cancelled => Some("Stopped before all was written.".to_owned()),
    }
}

/// A value's parts, with the slot's name in place of a secret.
fn parts(value: &[Part]) -> String {
    value
        .iter()
        .map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Secret(slot) => format!("<{slot}>"),
            Part::Base64(_) => "<base64>".to_owned(),
        })
        .collect()
}

/// The part of a destination's page that changes while it writes.
pub(super) fn draw(app: &App, flow: &Flow, writing: Option<&Writing>) -> Markup {
    let Some(writing) = writing else {
        return html! { div data-running="false" data-said="" {} };
    };
    let state = lock(&writing.state);
    let running = !state.ended;
    let what = if writing.dry_run { "Dry run" } else { "Write" };
    let totals = &state.totals;
    let said = if running {
        format!("{what} is running.")
    } else {
        format!("{what} has ended, with {} records.", totals.records)
    };
    html! {
        div data-running=(running) data-said=(said) {
            h2 { (what) ": " (state.title) }
            @if running {
                progress aria-label=(what) {}
                form method="post" action={ "/destination/" (flow.id) "/stop" } {
                    input type="hidden" name="csrf" value=(app.csrf);
                    p .actions { button { "Stop" } }
                }
            }
            @if let Some(note) = &state.note { p .quiet { (note) } }
            @if let Some(fault) = &state.fault { div .box .bad role="alert" { p { (sentence(&capital(fault))) } } }
            p .totals { strong { (totals.records) } (plural(totals.records, " record")) ": " (sums(totals, writing.dry_run)) }
            @if writing.dry_run && !running { (rehearsed(app, flow, writing, &state)) }
            @if !state.outcomes.is_empty() {
                div .scroll role="region" aria-label="Outcome of each record" tabindex="0" {
                    table {
                        caption { "Outcome of each record" }
                        thead { tr { th scope="col" { "Line" } th scope="col" { "Outcome" } th scope="col" { "What was said" } } }
                        tbody {
                            @for (line, outcome) in state.outcomes.iter().take(SHOWN) {
                                tr {
                                    th scope="row" { (line) }
                                    td { span .badge .(tone(outcome)) { (capital(outcome.name())) } }
                                    td { (sentence(&words(outcome))) }
                                }
                            }
                        }
                    }
                }
                @if state.outcomes.len() > SHOWN { p .quiet { "The first " (SHOWN) " of " (state.outcomes.len()) "." } }
                @if !running {
                    p { a href={ "/destination/" (flow.id) "/outcomes" } download { "Download outcomes.jsonl" } }
                }
            }
        }
    }
}

/// The calls that were kept back, and the way to send them.
fn rehearsed(app: &App, flow: &Flow, writing: &Writing, state: &State) -> Markup {
    html! {
        details .folded {
            summary { (state.withheld) (plural(state.withheld as u64, " call")) " kept back" }
            @for call in &state.calls {
                p .call { code { (call.line) } }
                @if !call.body.is_empty() { pre tabindex="0" { (call.body) } }
            }
            @if state.withheld > state.calls.len() { p .quiet { "The first " (state.calls.len()) "." } }
        }
        @if state.totals.planned > 0 && state.fault.is_none() {
            form method="post" action={ "/destination/" (flow.id) } {
                input type="hidden" name="csrf" value=(app.csrf);
                input type="hidden" name="draft" value=(writing.draft);
                @if state.confirm {
                    div .check {
                        input type="checkbox" #confirm name="confirm" value="yes";
                        label for="confirm" { "I agree to this operation: " (state.title) }
                    }
                }
                p .actions { button .primary name="action" value="write" { "Write these records" } }
            }
        }
    }
}

fn sums(totals: &WriteTotals, dry_run: bool) -> String {
    let parts = [
        (totals.planned, "planned", dry_run),
        (totals.accepted, "accepted", !dry_run),
        (totals.superseded, "superseded", false),
        (totals.invalid, "invalid", false),
        (totals.rejected, "rejected", false),
        (totals.unknown, "unknown", false),
        (totals.deferred, "not sent", false),
    ];
    let parts: Vec<_> = parts
        .iter()
        .filter(|(count, _, always)| *always || *count > 0)
        .map(|(count, name, _)| format!("{count} {name}"))
        .collect();
    parts.join(", ")
}

fn tone(outcome: &RecordOutcome) -> &'static str {
    match outcome {
        RecordOutcome::Accepted { .. } | RecordOutcome::Planned => "good",
        RecordOutcome::Superseded { .. } | RecordOutcome::Deferred => "warn",
        _ => "bad",
    }
}

fn words(outcome: &RecordOutcome) -> String {
    match outcome {
        RecordOutcome::Accepted { effect, .. } if effect == "unspecified" => {
            "Done; the service does not say how.".into()
        }
        RecordOutcome::Accepted { effect, .. } => capital(&one_line(effect)) + ".",
        RecordOutcome::Superseded { by } => format!("The record of line {by} replaces it."),
        RecordOutcome::Invalid(fault)
        | RecordOutcome::Rejected(fault)
        | RecordOutcome::Unknown(fault) => {
            let place = fault.field.as_ref().map(|field| format!(", `{field}`"));
            one_line(&format!("{} ({}{})", fault.message, fault.code, place.unwrap_or_default()))
        }
        RecordOutcome::Deferred => "Not sent.".into(),
        RecordOutcome::Planned => "It would be sent.".into(),
    }
}
