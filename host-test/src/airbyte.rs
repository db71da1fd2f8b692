//! `connector airbyte`: the plugin as an Airbyte source, and as an Airbyte destination.
//!
//! | module | what lives there |
//! | --- | --- |
//! | [`messages`] | what goes out: one JSON object a line |
//! | [`spec`] | the form of the configuration |
//! | [`catalogue`] | streams and objects, as discovered and as configured |
//! | [`state`] | the states that a platform hands back |
//! | [`read`] | streams out; `stream`: what one of them sends; `heartbeat`: signs of life while nothing comes |
//! | [`mod@write`] | records in |

pub mod catalogue;
mod heartbeat;
pub mod messages;
pub mod read;
pub mod spec;
pub mod state;
mod stream;
pub mod write;

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use connector_engine::CallError;
use serde_json::{Map, Value};

use self::messages::{Level, Messages};
use crate::adapter::config::read_object;
use crate::adapter::objects::{deletes_allowed, objects};
use crate::adapter::session::{Described, Session};
use crate::context::Context;
use crate::error::{CliError, Exit};

/// Be an Airbyte source, or with --destination an Airbyte destination
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  connector airbyte spec\n  connector airbyte read --config config.json --catalog catalog.json --state state.json\n  connector airbyte --destination discover --config config.json\n  connector airbyte write --config config.json --catalog catalog.json < messages.jsonl"
)]
pub struct Airbyte {
    /// Be a destination: its spec, its check and its objects; `write` is one anyway
    #[arg(long, global = true)]
    destination: bool,
    /// Log what is for developers too
    #[arg(long, global = true)]
    debug: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The form of the configuration
    Spec,
    /// Whether the configuration works
    Check {
        /// The configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// The streams, or with --destination the objects
    Discover {
        /// The configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Records and states out
    Read {
        /// The configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The configured streams
        #[arg(long, value_name = "FILE")]
        catalog: PathBuf,
        /// The states of an earlier run
        #[arg(long, value_name = "FILE")]
        state: Option<PathBuf>,
    },
    /// Records and states in
    Write {
        /// The configuration
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// The configured streams
        #[arg(long, value_name = "FILE")]
        catalog: PathBuf,
    },
}

impl Airbyte {
    /// Runs it. Whatever goes wrong is told by a TRACE message, and beside it on standard error.
    pub fn run(self, context: &Context) -> Result<Exit, CliError> {
        let level = if self.debug { Level::Debug } else { Level::Info };
        let messages = Messages::new(Box::new(io::stdout()), context.console.clone(), level);
        match self.answer(context, &messages) {
            Ok(exit) => Ok(exit),
            Err(error) => {
                // A reader that went away wants no more; the error is printed as well.
                let _ = messages.error(&error, None);
                Err(error)
            }
        }
    }

    fn answer(&self, context: &Context, messages: &Messages) -> Result<Exit, CliError> {
        let described = Described::load(context)?;
        match &self.verb {
            Verb::Spec => {
                let (streams, targets) = described.without_credential(context);
                let spec = if self.destination {
                    let objects = objects(targets);
                    let options = described.object_options(&objects)?;
                    spec::destination(&described, &objects, &options)
                } else {
                    let options = described.stream_options(&streams)?;
                    spec::source(&described, &options)
                };
                told(messages.send("SPEC", "spec", &spec))?;
                Ok(Exit::Done)
            }
            Verb::Check { config } => {
                let config = configuration(config)?;
                let status = match check(context, &described, config, self.destination) {
                    Ok(message) => {
                        told(messages.log(Level::Info, &message))?;
                        messages::succeeded()
                    }
                    Err(error) if error.exit == Exit::Plugin => return Err(error),
                    Err(error) => messages::failed(&context.console.scrub(&error.to_string())),
                };
                told(messages.send("CONNECTION_STATUS", "connectionStatus", &status))?;
                Ok(Exit::Done)
            }
            Verb::Discover { config } if self.destination => {
                let session = described.open(context, configuration(config)?, None)?;
                let objects = objects(session.connection.targets()?);
                let deletes = deletes_allowed(&session.rest);
                let catalogue = catalogue::of_objects(&objects, deletes);
                told(messages.send("DESTINATION_CATALOG", "destination_catalog", &catalogue))?;
                Ok(Exit::Done)
            }
            Verb::Discover { config } => {
                let session = described.open(context, configuration(config)?, None)?;
                let streams = readable(&described, &session, messages)?;
                told(messages.send("CATALOG", "catalog", &catalogue::of_streams(&streams)))?;
                Ok(Exit::Done)
            }
            Verb::Read { config, catalog, state } => {
                let session = described.open(context, configuration(config)?, None)?;
                let input = read::Input::parse(catalog, state.as_deref())?;
                read::read(&described, &session, &input, messages)
            }
            Verb::Write { config, catalog } => {
                let session = described.open(context, configuration(config)?, None)?;
                let catalogue = catalogue::Configured::read(catalog)?;
                write::write(&described, &session, &catalogue, io::stdin().lock(), messages)
            }
        }
    }
}

/// A failed check is an answer: what is wrong is the error's text.
fn check(
    context: &Context,
    described: &Described,
    config: Map<String, Value>,
    destination: bool,
) -> Result<String, CliError> {
    let session = described.open(context, config, None)?;
    if destination {
        let objects = objects(session.connection.targets()?);
        let options = described.object_options(&objects)?;
        for object in &objects {
            if !options.of(&object.name, &session.rest).is_empty() {
                session.object_options(&options, object)?;
            }
        }
    } else {
        let streams = session.connection.streams()?;
        let options = described.stream_options(&streams)?;
        for stream in &streams {
            if !options.of(&stream.name, &session.rest).is_empty() {
                session.stream_options(&options, &stream.name)?;
            }
        }
    }
    match session.connection.check() {
        Ok(report) => Ok(report.message),
        Err(CallError::Failure(failure)) => Err(failure.into()),
        Err(CallError::Plugin(error)) => Err(error.into()),
    }
}

/// The streams that can be read with this configuration: one whose options are missing or wrong cannot.
fn readable(
    described: &Described,
    session: &Session,
    messages: &Messages,
) -> Result<Vec<connector_engine::bindings::source::StreamInfo>, CliError> {
    let streams = session.connection.streams()?;
    let options = described.stream_options(&streams)?;
    let mut found = Vec::with_capacity(streams.len());
    for stream in streams {
        let given = options.of(&stream.name, &session.rest);
        let problems = session.stream_problems(&options, &stream.name, &given)?;
        match problems.first() {
            None => found.push(stream),
            Some(problem) => {
                let text = format!("{} is left out: {}", stream.name, problem.message);
                told(messages.log(Level::Info, &text))?;
            }
        }
    }
    Ok(found)
}

fn configuration(path: &Path) -> Result<Map<String, Value>, CliError> {
    read_object(path, "configuration")
}

/// A message that could not be written: the reader is gone.
fn told(result: io::Result<()>) -> Result<(), CliError> {
    result.map_err(|error| CliError::new(Exit::Other, "output", format!("cannot write: {error}")))
}
