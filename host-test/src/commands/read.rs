//! `connector read`: records out, as JSON lines; the state after each page.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use connector_engine::bindings::source::{Mode, StreamInfo};
use connector_engine::bindings::types::Notice;
use connector_engine::read::{
    End, PageOut, PageSink, ReadConfig, ReadEvent, ReadReport, StreamRun, read_streams,
};
use connector_engine::retry::RetryPolicy;
use connector_engine::schema_drift::{Departure, FieldDrift};
use connector_engine::state::{Envelope, Owner, RunMode};
use connector_engine::{Connection, Plugin};
use serde_json::{Map, Value, json};

use crate::console::{Colour, paint};
use crate::context::{Context, find_stream};
use crate::error::{CliError, Exit, exit_of};
use crate::form::Form;
use crate::output::{Destination, OutputConfig, Outputs};
use crate::progress::{Progress, StreamProgress};
use crate::state_file::{StateFile, States};

/// Read streams as JSON lines; killed and run again with the same --state, nothing is lost
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  connector read users --credential Support > users.jsonl\n  connector read users leads --state customerly.state --output out/\n  connector read users --option start_date=2026-01-01 --limit 100"
)]
pub struct Read {
    /// Streams to read [default: those selected by default]
    #[arg(value_name = "STREAM")]
    streams: Vec<String>,
    /// Read everything, whatever the state says
    #[arg(long)]
    full: bool,
    /// Save the state here after each page, and go on from it
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Write records to a file, or to one file a stream in a folder [default: standard output]
    #[arg(long, value_name = "FILE or DIR")]
    output: Option<PathBuf>,
    /// Replace an output that exists
    #[arg(long)]
    overwrite: bool,
    /// Write rows that are no records here [default: they are counted only]
    #[arg(long, value_name = "FILE")]
    quarantine: Option<PathBuf>,
    /// End at the page that reaches so many records of a stream
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// An option of the streams that know it; may be repeated
    #[arg(long = "option", value_name = "KEY=VALUE", value_parser = crate::cli::assignment)]
    options: Vec<(String, String)>,
    /// Requests sent early, of each stream; 0 sends none
    #[arg(long, value_name = "N", default_value_t = ReadConfig::AHEAD, value_parser = clap::value_parser!(u8).range(0..=8))]
    ahead: u8,
    /// End after so many seconds, with the state saved
    #[arg(long, value_name = "SECONDS")]
    max_time: Option<u64>,
    /// Failures in a row before the run gives up
    #[arg(long, value_name = "N", default_value_t = 5)]
    retries: u32,
    /// Exit with 6 where a stream is read to its end but not proved complete
    #[arg(long)]
    strict: bool,
}

impl Read {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<Exit, CliError> {
        let plugin = context.plugin()?;
        let account = context.account(&plugin)?;
        let id = account.id.clone();
        let connection = context.connect(&plugin, account, None)?;
        let streams = connection.streams()?;
        let chosen = choose(&streams, &self.streams)?;
        let options = stream_options(&plugin, &connection, &chosen, &self.options)?;
        let (state_file, states) = self.open_state()?;
        let begun = Instant::now();
        let progress = Progress::new(&context.console);
        let names: Vec<_> = chosen.iter().map(|stream| stream.name.clone()).collect();
        let plans = plan(&connection, &chosen, &options, &states, &id, self.full)?;
        let destination = Destination::parse(self.output.as_deref());
        let outputs = Outputs::open(OutputConfig {
            destination: &destination,
            quarantine: self.quarantine.as_deref(),
            streams: &names,
            states,
            state_file,
            overwrite: self.overwrite,
        })?;
        let runs = plans
            .into_iter()
            .map(|plan| {
                let sink = Sink {
                    outputs: &outputs,
                    owner: plan.owner,
                    mode: plan.run.mode,
                    progress: progress.stream(&plan.run.info.name),
                };
                (StreamRun { limit: self.limit, ..plan.run }, sink)
            })
            .collect();
        let config = ReadConfig { retry: self.retry(begun), ahead: usize::from(self.ahead) };
        let reports = read_streams(&connection, &config, runs);
        outputs.finish().map_err(|error| {
            CliError::new(Exit::Other, "output", format!("cannot sync: {error}"))
        })?;
        Ok(conclude(context, &reports, begun.elapsed(), self.strict))
    }

    fn retry(&self, begun: Instant) -> RetryPolicy {
        RetryPolicy {
            attempts: self.retries.saturating_add(1),
            deadline: self.max_time.map(|seconds| begun + Duration::from_secs(seconds)),
            ..RetryPolicy::standard()
        }
    }

    fn open_state(&self) -> Result<(Option<StateFile>, States), CliError> {
        let Some(path) = &self.state else { return Ok((None, States::default())) };
        let (file, states) = StateFile::open(path, self.full)?;
        Ok((Some(file), states.unwrap_or_default()))
    }
}

/// The streams of these names; without names, those selected by default.
pub fn choose(streams: &[StreamInfo], names: &[String]) -> Result<Vec<StreamInfo>, CliError> {
    if names.is_empty() {
        return Ok(streams.iter().filter(|stream| stream.selected).cloned().collect());
    }
    let mut chosen: Vec<StreamInfo> = Vec::new();
    for name in names {
        let stream = find_stream(streams, name)?;
        if chosen.iter().any(|known| known.name == stream.name) {
            return Err(CliError::usage(format!("the stream `{name}` is named twice")));
        }
        chosen.push(stream.clone());
    }
    Ok(chosen)
}

/// The options of each stream, checked: those given go to every stream that knows them.
pub fn stream_options(
    plugin: &Plugin,
    connection: &Connection,
    streams: &[StreamInfo],
    given: &[(String, String)],
) -> Result<Vec<Map<String, Value>>, CliError> {
    let mut used = vec![false; given.len()];
    let mut all = Vec::with_capacity(streams.len());
    for stream in streams {
        let form = Form::parse(&stream.options)
            .map_err(|error| CliError::new(Exit::Plugin, "form", error.to_string()))?;
        let mut options = Map::new();
        for (used, (name, value)) in used.iter_mut().zip(given) {
            if form.field(name).is_some() {
                *used = true;
                options.insert(name.clone(), form.value(name, value));
            }
        }
        let mut problems = form.check(&options, &connector_egress::Secrets::default());
        if problems.is_empty() {
            let text = Value::Object(options.clone()).to_string();
            problems = plugin.validate_stream(connection.settings(), &stream.name, &text)?;
        }
        if !problems.is_empty() {
            let what = format!("the options of {} are not right", stream.name);
            return Err(CliError::problems(&what, &problems));
        }
        all.push(options);
    }
    match given.iter().zip(used).find(|(_, used)| !used) {
        Some(((name, _), _)) => {
            Err(CliError::usage(format!("no stream that is read has an option `{name}`"))
                .remedy("See `connector streams`."))
        }
        None => Ok(all),
    }
}

/// A stream to read, and whose state it goes on from.
pub(crate) struct Plan {
    pub(crate) run: StreamRun,
    pub(crate) owner: Owner,
}

/// What each stream goes on from: its saved state, or nothing.
pub(crate) fn plan(
    connection: &Connection,
    streams: &[StreamInfo],
    options: &[Map<String, Value>],
    states: &States,
    credential: &str,
    full: bool,
) -> Result<Vec<Plan>, CliError> {
    let mut plans = Vec::with_capacity(streams.len());
    for (info, options) in streams.iter().zip(options) {
        let options = Value::Object(options.clone());
        let owner = Owner::new(connection.descriptor(), &info.name, &options, credential, None);
        let saved = match states.streams.get(&info.name) {
            Some(text) if !full => Some(Envelope::open(text.get(), &owner)?),
            _ => None,
        };
        let incremental = info.modes.contains(&Mode::Incremental);
        let (mode, state) = match saved {
            Some(envelope) if !envelope.finished => {
                (envelope.mode, Some(envelope.state.get().to_owned()))
            }
            Some(envelope) if incremental => {
                (RunMode::Incremental, Some(envelope.state.get().to_owned()))
            }
            _ => (RunMode::Full, None),
        };
        let run = StreamRun {
            info: info.clone(),
            mode,
            options: options.to_string(),
            state,
            limit: None,
        };
        plans.push(Plan { run, owner });
    }
    Ok(plans)
}

struct Sink<'a> {
    outputs: &'a Outputs,
    owner: Owner,
    mode: RunMode,
    progress: StreamProgress,
}

impl PageSink for Sink<'_> {
    fn page(&mut self, page: &PageOut<'_>) -> std::io::Result<()> {
        self.outputs.page(&self.owner, self.mode, page)?;
        self.progress.page(page);
        Ok(())
    }

    fn event(&mut self, event: ReadEvent<'_>) {
        self.progress.event(&event);
    }
}

/// Reports how the streams ended, and gives the exit code: of several, that of the worst.
pub fn conclude(
    context: &Context,
    reports: &[ReadReport],
    elapsed: Duration,
    strict: bool,
) -> Exit {
    let console = &context.console;
    let mut worst = Exit::Done;
    for report in reports {
        let exit = match &report.end {
            End::Unproved(_) if strict => Exit::Incomplete,
            End::Complete | End::Limit | End::Unproved(_) => Exit::Done,
            End::Stopped(failure) => exit_of(failure.action),
            End::Plugin(_) => Exit::Plugin,
            End::Sink(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Done,
            End::Sink(_) => Exit::Other,
            End::Cancelled => Exit::Interrupted,
        };
        if worst == Exit::Done {
            worst = exit;
        }
        if !console.json() {
            console.note(&line(report));
            explain(context, report);
        }
    }
    if console.json() {
        let streams: Vec<_> = reports.iter().map(report_json).collect();
        let value = json!({
            "streams": streams,
            "elapsed_ms": u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        });
        console.note(&value.to_string());
    }
    worst
}

fn explain(context: &Context, report: &ReadReport) {
    let console = &context.console;
    match &report.end {
        End::Stopped(failure) => console.error(&failure.clone().into()),
        End::Plugin(error) => {
            console.error(&CliError::new(Exit::Plugin, "plugin", error.to_string()));
        }
        End::Sink(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            let message = format!("cannot write the records of {}: {error}", report.stream);
            console.error(&CliError::new(Exit::Other, "output", message));
        }
        End::Unproved(doubts) => {
            for doubt in doubts {
                let code = &doubt.code;
                console.warn(&format!("{}: {} ({code})", report.stream, doubt.message));
            }
        }
        End::Complete | End::Limit | End::Cancelled | End::Sink(_) => {}
    }
}

fn end_name(end: &End) -> &'static str {
    match end {
        End::Complete => "complete",
        End::Unproved(_) => "complete-unproved",
        End::Limit => "limit",
        End::Stopped(_) | End::Plugin(_) | End::Sink(_) => "incomplete",
        End::Cancelled => "stopped",
    }
}

fn line(report: &ReadReport) -> String {
    let totals = &report.totals;
    let name = end_name(&report.end);
    let colour = match report.end {
        End::Complete => Colour::Green,
        End::Unproved(_) | End::Limit => Colour::Yellow,
        _ => Colour::Red,
    };
    let mut line = format!(
        "{}: {}, {} records of {} rows received ({} duplicates, {} filtered, {} set aside), {} recovered from gaps, {} requests, {} bytes",
        report.stream,
        paint(name, colour),
        totals.emitted,
        totals.received,
        totals.duplicates,
        totals.filtered,
        totals.quarantined,
        totals.recovered,
        totals.requests,
        totals.bytes,
    );
    if totals.waits > 0 {
        line.push_str(&format!(", waited {} times, {} ms", totals.waits, totals.waited_ms));
    }
    if let Some(mark) = &report.mark {
        line.push_str(&format!(", mark {mark}"));
    }
    line
}

fn report_json(report: &ReadReport) -> Value {
    let totals = &report.totals;
    let notice = |notice: &Notice| json!({"code": notice.code, "message": notice.message});
    let (code, message) = match &report.end {
        End::Stopped(failure) => (Some(failure.code.clone()), Some(failure.message.clone())),
        End::Plugin(error) => (Some("plugin".into()), Some(error.to_string())),
        End::Sink(error) => (Some("output".into()), Some(error.to_string())),
        _ => (None, None),
    };
    let doubts: Vec<_> = match &report.end {
        End::Unproved(doubts) => doubts.iter().map(notice).collect(),
        _ => Vec::new(),
    };
    json!({
        "stream": report.stream, "end": end_name(&report.end), "code": code, "message": message,
        "doubts": doubts, "mark": report.mark,
        "notices": report.notices.iter().map(notice).collect::<Vec<_>>(),
        "received": totals.received, "emitted": totals.emitted,
        "duplicates": totals.duplicates, "filtered": totals.filtered,
        "quarantined": totals.quarantined, "recovered": totals.recovered,
        "deleted": totals.deleted, "pages": totals.pages, "requests": totals.requests,
        "bytes": totals.bytes, "waits": totals.waits, "waited_ms": totals.waited_ms,
        "schema_drift": report.schema_drift.iter().map(drift_json).collect::<Vec<_>>(),
    })
}

fn drift_json(drift: &FieldDrift) -> Value {
    let found = match drift.departure {
        Departure::Type(kind) => Some(kind.name()),
        _ => None,
    };
    json!({
        "field": drift.field, "departure": drift.departure.code(), "found": found, "records": drift.records,
    })
}
