//! A read that runs apart from the page: its progress, its records, and how it ended.
//!
//! Records go to files of this process, which end with it. The state of the source is saved when the read ends, so that
//! the next one reads what changed since.

use std::fs::File;
use std::io::{self, BufWriter, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use connector_egress::Scrubber;
use connector_engine::audit::NoAudit;
use connector_engine::read::{
    End, PageOut, PageSink, ReadConfig, ReadEvent, ReadReport, read_streams,
};
use connector_engine::state::{Envelope, Owner, RunMode};
use connector_engine::{Cancel, Connection};
use connector_store::{Flow, FlowKind};
use maud::{Markup, html};
use serde_json::value::RawValue;

use super::app::{App, lock, random};
use super::fault::Fault;
use super::source::{as_typed, chosen};
use crate::commands::read::{Plan, plan};
use crate::error::CliError;
use crate::progress::clock;
use crate::saved::now_ms;
use crate::state_file::States;

/// A read of one source.
pub(super) struct Reading {
    /// Stops it.
    pub(super) cancel: Cancel,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    streams: Vec<StreamState>,
    fault: Option<String>,
    ended: bool,
}

struct StreamState {
    name: String,
    file: PathBuf,
    rows: u64,
    pages: u64,
    bytes: u64,
    total: Option<u64>,
    /// What it waits for; at its end, what was noticed.
    note: Option<String>,
    end: Option<(&'static str, String)>,
}

impl Reading {
    /// Starts it.
    pub(super) fn start(app: &App, flow: Flow, full: bool) -> Result<Arc<Self>, Fault> {
        let FlowKind::Source { streams } = &flow.kind else {
            return Err(Fault::missing("This is no source."));
        };
        let names = streams.clone();
        let cancel = Cancel::new();
        let reading = Arc::new(Reading { cancel: cancel.clone(), state: Mutex::default() });
        let (app, shown) = (app.clone(), reading.clone());
        std::thread::Builder::new()
            .name("read".into())
            .spawn(move || {
                if let Err(fault) = shown.run(&app, &flow, &names, full) {
                    lock(&shown.state).fault = Some(fault);
                }
                lock(&shown.state).ended = true;
            })
            .map_err(|_| Fault::internal("The system gave no thread to read with; try again."))?;
        Ok(reading)
    }

    /// Whether it goes on.
    pub(super) fn is_running(&self) -> bool {
        !lock(&self.state).ended
    }

    /// The records of a stream, as a file to be saved.
    pub(super) fn download(&self, stream: &str) -> Option<Response> {
        let (path, name) = {
            let state = lock(&self.state);
            let stream = state.streams.iter().find(|known| known.name == stream)?;
            (stream.file.clone(), stream.name.clone())
        };
        // A plugin's names are words; anything else in one does not go into a header.
        let name: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let file = File::open(path).ok()?;
        let headers = [
            (CONTENT_TYPE, "application/x-ndjson".to_owned()),
            (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}.jsonl\"")),
        ];
        Some((headers, Body::from_stream(futures_util::stream::iter(chunks(file)))).into_response())
    }

    fn run(&self, app: &App, flow: &Flow, names: &[String], full: bool) -> Result<(), String> {
        let connection = self.connect(app, flow).map_err(|fault| fault.message)?;
        let scrubber = connection.scrubber().clone();
        let clean = |error: CliError| scrubber.scrub_str(&error.to_string()).0.into_owned();
        let streams = connection.streams().map_err(|error| clean(error.into()))?;
        let (infos, options): (Vec<_>, Vec<_>) =
            chosen(app, &connection, &streams, names, &as_typed(&flow.options))
                .map_err(clean)?
                .into_iter()
                .unzip();
        let states: States = match (&flow.state, full) {
            (Some(text), false) => serde_json::from_str(text).map_err(|_| {
                "The saved state is of another version: read everything instead.".to_owned()
            })?,
            _ => States::default(),
        };
        let credential = flow.credential_id.as_str();
        let plans =
            plan(&connection, &infos, &options, &states, credential, full).map_err(clean)?;
        let folder = random().map_err(|error| error.to_string())?;
        let folder = app.folder.path().join(folder);
        std::fs::create_dir(&folder).map_err(|error| error.to_string())?;
        let states = Mutex::new(states);
        let mut runs = Vec::with_capacity(plans.len());
        for (index, Plan { run, owner }) in plans.into_iter().enumerate() {
            let path = folder.join(format!("{index}.jsonl"));
            let file = File::create(&path).map_err(|error| error.to_string())?;
            lock(&self.state).streams.push(StreamState {
                name: run.info.name.clone(),
                file: path,
                rows: 0,
                pages: 0,
                bytes: 0,
                total: None,
                note: None,
                end: None,
            });
            let sink = Sink {
                reading: self,
                index,
                file: BufWriter::new(file),
                scrubber: &scrubber,
                states: &states,
                owner,
                mode: run.mode,
            };
            runs.push((run, sink));
        }
        let config = ReadConfig::standard();
        let reports = read_streams(&connection, &config, runs);
        for (index, report) in reports.iter().enumerate() {
            let scrub = |text: &str| scrubber.scrub_str(text).0.into_owned();
            let (tone, text) = ended(report);
            let notices: Vec<_> = report.notices.iter().map(|notice| &*notice.message).collect();
            let mut state = lock(&self.state);
            state.streams[index].note = (!notices.is_empty()).then(|| scrub(&notices.join(" ")));
            state.streams[index].end = Some((tone, scrub(&text)));
        }
        let states = states.into_inner().unwrap_or_else(PoisonError::into_inner);
        let text = serde_json::to_string(&states).map_err(|error| error.to_string())?;
        app.store().save_state(&flow.id, Some(&text), now_ms()).map_err(|error| error.to_string())
    }

    fn connect(&self, app: &App, flow: &Flow) -> Result<Connection, Fault> {
        let record = app.credential(flow.credential_id.as_str())?;
        app.connect(app.open(&record)?, Arc::new(NoAudit), false, self.cancel.clone())
    }
}

/// A file, piece by piece, so that a large one needs no memory.
fn chunks(mut file: File) -> impl Iterator<Item = io::Result<Vec<u8>>> {
    const CHUNK: u64 = 64 << 10;
    std::iter::from_fn(move || {
        let mut chunk = Vec::new();
        match (&mut file).take(CHUNK).read_to_end(&mut chunk) {
            Ok(0) => None,
            Ok(_) => Some(Ok(chunk)),
            Err(error) => Some(Err(error)),
        }
    })
}

struct Sink<'a> {
    reading: &'a Reading,
    index: usize,
    file: BufWriter<File>,
    scrubber: &'a Scrubber,
    states: &'a Mutex<States>,
    owner: Owner,
    mode: RunMode,
}

impl PageSink for Sink<'_> {
    fn page(&mut self, page: &PageOut<'_>) -> io::Result<()> {
        let mut bytes = 0;
        for record in page.records {
            let (record, _) = self.scrubber.scrub(record.as_bytes());
            self.file.write_all(&record)?;
            self.file.write_all(b"\n")?;
            bytes += record.len() as u64 + 1;
        }
        self.file.flush()?;
        let envelope = Envelope {
            owner: self.owner.clone(),
            mode: self.mode,
            finished: page.finished,
            state: RawValue::from_string(page.state.to_owned()).map_err(io::Error::other)?,
        };
        let envelope = serde_json::value::to_raw_value(&envelope).map_err(io::Error::other)?;
        lock(self.states).streams.insert(self.owner.stream.clone(), envelope);
        let mut state = lock(&self.reading.state);
        let stream = &mut state.streams[self.index];
        stream.rows = page.totals.emitted;
        stream.pages = page.totals.pages;
        stream.total = page.total;
        stream.bytes += bytes;
        stream.note = None;
        Ok(())
    }

    fn event(&mut self, event: ReadEvent<'_>) {
        let text = match event {
            ReadEvent::Waiting { until, reason } => {
                format!("Waits until {} ({reason})", clock(until))
            }
            ReadEvent::Notice(notice) => notice.message.clone(),
        };
        let text = self.scrubber.scrub_str(&text).0.into_owned();
        lock(&self.reading.state).streams[self.index].note = Some(text);
    }
}

fn ended(report: &ReadReport) -> (&'static str, String) {
    match &report.end {
        End::Complete => ("good", "Complete".to_owned()),
        End::Unproved(doubts) => {
            let doubts: Vec<_> = doubts.iter().map(|doubt| doubt.message.as_str()).collect();
            ("warn", format!("Complete, not proved: {}", doubts.join(" ")))
        }
        End::Limit => ("warn", "Ended at the limit".to_owned()),
        End::Stopped(failure) => {
            ("bad", format!("Incomplete: {}", CliError::from(failure.clone())))
        }
        End::Plugin(error) => ("bad", format!("Incomplete: {error}")),
        End::Sink(error) => ("bad", format!("Incomplete: cannot keep the records ({error})")),
        End::Cancelled => ("warn", "Stopped; the next read goes on from here".to_owned()),
    }
}

/// The part of a source's page that changes while it reads.
pub(super) fn draw(app: &App, flow: &Flow, reading: Option<&Reading>) -> Markup {
    let state = reading.map(|reading| lock(&reading.state));
    let running = state.as_ref().is_some_and(|state| !state.ended);
    let rows: u64 = state.iter().flat_map(|state| &state.streams).map(|stream| stream.rows).sum();
    let said = match (&state, running) {
        (None, _) => String::new(),
        (Some(_), true) => "Reading.".to_owned(),
        (Some(_), false) => format!("The read has ended, with {rows} records."),
    };
    let resumes = flow.state.is_some() || state.is_some();
    html! {
        div data-running=(running) data-said=(said) {
            @if let Some(fault) = state.as_ref().and_then(|state| state.fault.as_ref()) {
                div .box .bad role="alert" { p { (fault) } }
            }
            @if let Some(state) = state.as_ref().filter(|state| !state.streams.is_empty()) {
                ul .tiles .progress {
                    @for stream in &state.streams { li .tile { (draw_stream(flow, stream, running)) } }
                }
            }
            @if running {
                form method="post" action={ "/source/" (flow.id) "/stop" } {
                    input type="hidden" name="csrf" value=(app.csrf);
                    p .actions { button { "Stop" } }
                }
            } @else {
                @if state.is_some() {
                    p .quiet { "The files are kept until the page is stopped. Download what you need." }
                }
                form method="post" action={ "/source/" (flow.id) "/read" } {
                    input type="hidden" name="csrf" value=(app.csrf);
                    p .actions {
                        @if resumes {
                            button .primary name="mode" value="resume" { "Read what changed" }
                            button name="mode" value="full" { "Read everything" }
                        } @else {
                            button .primary name="mode" value="full" { "Start reading" }
                        }
                    }
                }
            }
        }
    }
}

/// A word, in the plural where there is not exactly one.
pub(super) fn plural(count: u64, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

fn draw_stream(flow: &Flow, stream: &StreamState, running: bool) -> Markup {
    let label = format!("progress-{}", stream.name);
    html! {
        h2 id=(label) { (stream.name) }
        @if stream.end.is_none() && running {
            @match stream.total {
                Some(total) if total > 0 => {
                    progress aria-labelledby=(label) value=(stream.rows.min(total)) max=(total) {}
                }
                _ => progress aria-labelledby=(label) {},
            }
        }
        p {
            strong { (stream.rows) } (plural(stream.rows, " record"))
            @if let (Some(total), None) = (stream.total, &stream.end) { " of about " (total) }
            " in " (stream.pages) (plural(stream.pages, " page"))
        }
        @if let Some(note) = &stream.note { p .quiet { (note) } }
        @if let Some((tone, text)) = &stream.end { p { span .badge .(tone) { (text) } } }
        @if stream.rows > 0 && !running {
            p { a href={ "/source/" (flow.id) "/records/" (stream.name) } download {
                "Download " (stream.name) ".jsonl" }
                " " span .quiet { (size(stream.bytes)) } }
        }
    }
}
