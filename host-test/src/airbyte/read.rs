//! Streams out: what a platform configured is planned, read side by side, and ends in one exit code.

use std::io;
use std::path::Path;
use std::sync::Mutex;

use connector_engine::bindings::source::{Mode, StreamInfo};
use connector_engine::read::{End, ReadConfig, StreamRun, read_streams};
use connector_engine::state::{Owner, RunMode};
use serde_json::Value;

use super::catalogue::{Configured, ConfiguredStream};
use super::heartbeat::{Heartbeat, SILENCE};
use super::messages::{Level, Messages, Status, state_line, status_line};
use super::state::{self, States};
use super::stream::{Last, StreamOut};
use super::told;
use crate::adapter::options::Options;
use crate::adapter::resume::{self, Start};
use crate::adapter::session::{Described, Session};
use crate::context::find_stream;
use crate::error::{CliError, Exit, exit_of};

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
    let config = ReadConfig::standard();
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
