//! `connector singer tap`: discovers streams, and reads those that are selected.

use std::io;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use connector_engine::CallError;
use connector_engine::bindings::source::{Mode, StreamInfo};
use connector_engine::read::{
    End, PageOut, PageSink, ReadConfig, ReadEvent, ReadReport, StreamRun, read_streams,
};
use connector_engine::retry::RetryPolicy;
use connector_engine::state::RunMode;
use serde_json::Value;

use super::catalogue::{self, Selection};
use super::metrics::Timers;
use super::settings::{About, Arguments};
use super::state::{Bookmarks, REMEDY};
use super::stream::{Shared, TapStream, Walk, schema_message};
use crate::adapter::options::Options;
use crate::adapter::resume::{self, Start};
use crate::adapter::session::{Described, Session};
use crate::context::{Context, find_stream};
use crate::error::{CliError, Exit, exit_of};

const CAPABILITIES: &[&str] =
    &["catalog", "state", "discover", "about", "activate-version", "test"];

/// Read the selected streams as Singer messages
#[derive(Debug, Args)]
#[command(disable_version_flag = true)]
pub struct Tap {
    #[command(flatten)]
    arguments: Arguments,
    /// The streams and fields to read [default: the streams selected by default]
    #[arg(long, visible_alias = "properties", value_name = "FILE")]
    catalog: Option<PathBuf>,
    /// The state of an earlier run
    #[arg(short, long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Print all streams, for a catalogue
    #[arg(short, long)]
    discover: bool,
    /// Try the connection and a page of each stream, or with =schema print the schemas
    #[arg(long, value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "all")]
    test: Option<Test>,
}

/// What to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Test {
    /// The connection and a page of each stream.
    All,
    /// The schemas.
    Schema,
}

impl Tap {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<Exit, CliError> {
        let described = Described::load(context)?;
        if self.arguments.say(context, || about(context, &described))? {
            return Ok(Exit::Done);
        }
        let settings = self.arguments.settings(&about(context, &described)?)?;
        let timers = std::sync::Arc::new(Timers(context.console.clone()));
        let session = described.open(context, settings, Some(timers))?;
        let streams = session.connection.streams()?;
        let forms = described.stream_options(&streams)?;
        if self.discover {
            let usable = usable(context, &session, &forms, &streams)?;
            let catalogue = catalogue::discover(&usable);
            let text = serde_json::to_string_pretty(&catalogue).unwrap_or_default();
            context.console.out(&text);
            return Ok(Exit::Done);
        }
        for name in forms.unknown(&session.rest) {
            let text = format!("WARNING `{name}` is no setting or option; it is ignored");
            context.console.note(&text);
        }
        let selections = match &self.catalog {
            Some(path) => catalogue::read(path, &streams)?,
            None => streams.iter().filter(|s| s.selected).map(Selection::all).collect(),
        };
        match self.test {
            Some(Test::Schema) => {
                for selection in &selections {
                    let stream = find_stream(&streams, &selection.id)?;
                    context.console.out(&schema_message(selection, &stream.key).to_string());
                }
                Ok(Exit::Done)
            }
            Some(Test::All) => try_out(context, &session, &forms, &streams, &selections),
            None => {
                let bookmarks = Bookmarks::read(self.state.as_deref())?;
                read(context, &session, &forms, &streams, selections, &bookmarks)
            }
        }
    }
}

fn about(context: &Context, described: &Described) -> Result<About, CliError> {
    let (streams, _) = described.without_credential(context);
    let options = described.stream_options(&streams)?.properties();
    Ok(About::new(described, "tap", CAPABILITIES, options))
}

/// The streams that can be read with these settings: one whose options are missing or wrong cannot.
fn usable(
    context: &Context,
    session: &Session,
    forms: &Options,
    streams: &[StreamInfo],
) -> Result<Vec<StreamInfo>, CliError> {
    let mut usable = Vec::with_capacity(streams.len());
    for stream in streams {
        let options = forms.of(&stream.name, &session.rest);
        match session.stream_problems(forms, &stream.name, &options)?.first() {
            None => usable.push(stream.clone()),
            Some(problem) => {
                let text = format!("INFO {} is left out: {}", stream.name, problem.message);
                context.console.note(&text);
            }
        }
    }
    Ok(usable)
}

fn read(
    context: &Context,
    session: &Session,
    forms: &Options,
    streams: &[StreamInfo],
    selections: Vec<Selection>,
    bookmarks: &Bookmarks,
) -> Result<Exit, CliError> {
    let shared = Shared::new(Box::new(io::stdout()), bookmarks.clone(), context.console.clone());
    let mut runs = Vec::with_capacity(selections.len());
    for selection in selections {
        let info = find_stream(streams, &selection.id)?;
        let wanted = wanted(&selection, info)?;
        let options = session.stream_options(forms, &info.name)?;
        let owner = session.owner(&info.name, &options);
        let bookmark = bookmarks.get(&info.name)?;
        let position = bookmark.as_ref().and_then(|bookmark| bookmark.connector.as_ref());
        let envelope = position
            .map(|position| resume::open(position.position.get(), &owner, REMEDY))
            .transpose()?;
        if position.is_none() && bookmark.is_some() {
            let text = format!(
                "WARNING {}: its bookmark is that of another tap; it is read from the start",
                info.name
            );
            context.console.note(&text);
        }
        let start = Start::from(envelope, wanted);
        let walk = Walk {
            mode: start.mode,
            resumed: start.state.is_some(),
            narrowed: forms.may_narrow(&info.name, &options),
        };
        let run = StreamRun {
            info: info.clone(),
            mode: start.mode,
            options: Value::Object(options).to_string(),
            state: start.state,
            limit: None,
        };
        let sink = TapStream::new(selection, info, owner, walk, bookmark, &shared);
        runs.push((run, sink));
    }
    let config = ReadConfig::standard();
    let reports = read_streams(&session.connection, &config, runs);
    Ok(conclude(context, &reports))
}

fn wanted(selection: &Selection, info: &StreamInfo) -> Result<RunMode, CliError> {
    let incremental = info.modes.contains(&Mode::Incremental);
    match selection.method.as_deref() {
        Some("INCREMENTAL") | None if incremental => Ok(RunMode::Incremental),
        Some("FULL_TABLE") | None => Ok(RunMode::Full),
        Some(method) => {
            let message = format!("{} cannot be read by `{method}`", info.name);
            Err(CliError::new(Exit::Settings, "replication-method", message)
                .remedy("Choose FULL_TABLE, or INCREMENTAL for a stream with a cursor."))
        }
    }
}

/// A page of each stream, which goes nowhere.
fn try_out(
    context: &Context,
    session: &Session,
    forms: &Options,
    streams: &[StreamInfo],
    selections: &[Selection],
) -> Result<Exit, CliError> {
    match session.connection.check() {
        Ok(report) => context.console.note(&format!("INFO {}", report.message)),
        Err(CallError::Failure(failure)) => return Err(failure.into()),
        Err(CallError::Plugin(error)) => return Err(error.into()),
    }
    let mut runs = Vec::with_capacity(selections.len());
    for selection in selections {
        let info = find_stream(streams, &selection.id)?;
        let options = session.stream_options(forms, &info.name)?;
        let run = StreamRun {
            info: info.clone(),
            mode: RunMode::Full,
            options: Value::Object(options).to_string(),
            state: None,
            limit: Some(1),
        };
        runs.push((run, Nowhere));
    }
    let config = ReadConfig { retry: RetryPolicy::standard(), ahead: 0 };
    let reports = read_streams(&session.connection, &config, runs);
    let exit = conclude(context, &reports);
    if exit == Exit::Done {
        context.console.note(&format!("INFO {} streams can be read", reports.len()));
    }
    Ok(exit)
}

struct Nowhere;

impl PageSink for Nowhere {
    fn page(&mut self, _page: &PageOut<'_>) -> io::Result<()> {
        Ok(())
    }

    fn event(&mut self, _event: ReadEvent<'_>) {}
}

/// Tells which streams failed, and gives the exit code of the first.
fn conclude(context: &Context, reports: &[ReadReport]) -> Exit {
    let mut worst = Exit::Done;
    for report in reports {
        let error = match &report.end {
            End::Complete | End::Unproved(_) | End::Limit => continue,
            End::Stopped(failure) => {
                CliError { exit: exit_of(failure.action), ..failure.clone().into() }
            }
            End::Plugin(error) => CliError::new(Exit::Plugin, "plugin", error.to_string()),
            End::Sink(error) => CliError::new(Exit::Other, "output", error.to_string()),
            End::Cancelled => CliError::new(Exit::Interrupted, "cancelled", "stopped by a signal"),
        };
        context.console.note(&format!("CRITICAL {}: {error}", report.stream));
        if worst == Exit::Done {
            worst = error.exit;
        }
    }
    worst
}
