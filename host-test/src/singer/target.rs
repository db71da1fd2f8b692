//! `connector singer target`: writes the records that a tap sends.
//!
//! A state goes out only when every record before it is written or rejected. A record that is rejected is told and
//! counted, and does not end the run; a message that cannot be right does.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write as _};
use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::metrics::{self, Timers};
use super::settings::{About, Arguments};
use crate::adapter::lines::read_line;
use crate::adapter::load::{LoadEvent, Loader};
use crate::adapter::objects::{self, ALLOW_DELETES, Object, PASS_FIELDS, host_fields};
use crate::adapter::options::Options;
use crate::adapter::raw_object::RawObject;
use crate::adapter::session::{Described, Session};
use crate::context::Context;
use crate::error::{CliError, Exit};

/// The setting that names the object of every stream that has none of its own.
const OBJECT: &str = "object";
/// The setting that names the object of each stream.
const OBJECTS: &str = "objects";
const CAPABILITIES: &[&str] = &["about"];

/// Write the records of Singer messages
#[derive(Debug, Args)]
#[command(disable_version_flag = true)]
pub struct Target {
    #[command(flatten)]
    arguments: Arguments,
    /// Read the messages from a file [default: standard input]
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    stream: Cow<'a, str>,
    #[serde(borrow)]
    record: Option<&'a RawValue>,
    #[serde(borrow)]
    schema: Option<&'a RawValue>,
    #[serde(default)]
    key_properties: Option<Vec<String>>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

impl Target {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<Exit, CliError> {
        let described = Described::load(context)?;
        if self.arguments.say(context, || about(context, &described))? {
            return Ok(Exit::Done);
        }
        let settings = self.arguments.settings(&about(context, &described)?)?;
        let timers = std::sync::Arc::new(Timers(context.console.clone()));
        let session = described.open(context, settings, Some(timers))?;
        let objects = objects::objects(session.connection.targets()?);
        let forms = described.object_options(&objects)?;
        for name in forms.unknown(&session.rest) {
            if ![ALLOW_DELETES, PASS_FIELDS, OBJECT, OBJECTS].contains(&name) {
                let text = format!("WARNING `{name}` is no setting or option; it is ignored");
                context.console.note(&text);
            }
        }
        let input: Box<dyn BufRead> = match &self.input {
            None => Box::new(io::stdin().lock()),
            Some(path) => {
                let file = File::open(path)
                    .map_err(|error| CliError::file(path, "read the messages", &error))?;
                Box::new(BufReader::new(file))
            }
        };
        write(context, &session, &objects, &forms, input)
    }
}

fn about(context: &Context, described: &Described) -> Result<About, CliError> {
    let (_, targets) = described.without_credential(context);
    let objects = objects::objects(targets);
    let names: Vec<_> = objects.iter().map(|object| object.name.clone()).collect();
    let known = names.join(", ");
    let object = json!({
        "type": "string",
        "title": "Object",
        "description": format!("What every stream is written to, unless `{OBJECTS}` says otherwise; without it, the object of the stream's name. Known: {known}."),
    });
    let each = json!({
        "type": "object",
        "title": "Objects",
        "description": "What each stream is written to: an object of stream names and object names.",
    });
    let own = [(OBJECT.to_owned(), object), (OBJECTS.to_owned(), each)];
    let options = described.object_options(&objects)?.properties();
    let settings = own.into_iter().chain(options).chain(host_fields()).collect();
    Ok(About::new(described, "target", CAPABILITIES, settings))
}

fn write(
    context: &Context,
    session: &Session,
    objects: &[Object],
    forms: &Options,
    mut input: Box<dyn BufRead>,
) -> Result<Exit, CliError> {
    let console = &context.console;
    let loader = Loader::new(&session.connection, |event| {
        let level = if matches!(event, LoadEvent::Waiting(_)) { "INFO" } else { "WARNING" };
        let text = crate::error::one_line(&event.to_string());
        console.note(&format!("{level} {text}"));
    });
    let mut work =
        Work { context, session, objects, forms, loader, streams: BTreeMap::new(), line: 0 };
    let mut line = String::new();
    while read_line(&mut input, &mut line)? {
        work.line += 1;
        let message = line.trim();
        if !message.is_empty() {
            work.take(message)?;
        }
    }
    work.loader.flush_all()?;
    work.report();
    Ok(Exit::Done)
}

struct Work<'a> {
    context: &'a Context,
    session: &'a Session,
    objects: &'a [Object],
    forms: &'a Options,
    loader: Loader<'a>,
    streams: BTreeMap<String, Stream>,
    line: u64,
}

/// What a schema said of a stream, and what came of its records.
#[derive(Default)]
struct Stream {
    key: Vec<String>,
    settled: u64,
    rejected: u64,
}

impl Work<'_> {
    fn take(&mut self, line: &str) -> Result<(), CliError> {
        let message: Message<'_> = serde_json::from_str(line)
            .map_err(|error| self.wrong(&format!("is no message: {error}")))?;
        match message.kind.as_ref() {
            "SCHEMA" => self.schema(&message),
            "RECORD" => self.record(&message),
            "STATE" => self.state(&message),
            "ACTIVATE_VERSION" => {
                let stream = &message.stream;
                let text = format!(
                    "INFO {stream}: rows of other versions stay: the service does not keep them apart"
                );
                self.context.console.note(&text);
                Ok(())
            }
            kind => Err(self.wrong(&format!("has the type `{kind}`, which is not known here"))),
        }
    }

    fn schema(&mut self, message: &Message<'_>) -> Result<(), CliError> {
        let stream = message.stream.as_ref();
        let schema: Value = message
            .schema
            .and_then(|schema| serde_json::from_str(schema.get()).ok())
            .unwrap_or_default();
        let fault = schema_fault(&schema);
        if let Some(fault) = fault {
            return Err(self.wrong(&format!("is the schema of `{stream}`, which {fault}")));
        }
        let known = self.streams.entry(stream.to_owned()).or_default();
        known.key = message.key_properties.clone().unwrap_or_default();
        if self.loader.routed(stream).is_none() {
            let name = object_of(&self.session.rest, stream);
            let object =
                objects::find(self.objects, name, stream, &self.session.rest).map_err(|error| {
                    match error.code.as_str() {
                    "unknown-object" => CliError {
                        remedy: error.remedy.map(|known| {
                            format!(
                                "Say in `{OBJECTS}` or `{OBJECT}` what it is written to. {known}"
                            )
                        }),
                        ..error
                    },
                    _ => error,
                }
                })?;
            self.loader.route(stream, objects::route(self.session, self.forms, object)?);
        }
        Ok(())
    }

    fn record(&mut self, message: &Message<'_>) -> Result<(), CliError> {
        let stream = message.stream.as_ref();
        let Some(known) = self.streams.get(stream) else {
            return Err(self.wrong(&format!("is a record of `{stream}` before its schema")));
        };
        let record = message.record.map(RawValue::get).unwrap_or_default();
        let missing = match RawObject::parse(record) {
            Ok(object) => {
                known.key.iter().find(|name| matches!(object.get(name), None | Some("null")))
            }
            Err(_) => {
                return Err(self.wrong(&format!("is a record of `{stream}` that is no object")));
            }
        };
        if let Some(name) = missing {
            return Err(self.wrong(&format!("is a record of `{stream}` without its key `{name}`")));
        }
        self.loader.push(stream, record)
    }

    fn state(&mut self, message: &Message<'_>) -> Result<(), CliError> {
        let Some(value) = message.value else {
            return Err(self.wrong("is a STATE without a value"));
        };
        self.loader.flush_all()?;
        self.count();
        let mut out = io::stdout().lock();
        writeln!(out, "{}", value.get()).and_then(|()| out.flush()).map_err(|error| {
            CliError::new(Exit::Other, "output", format!("cannot write the state: {error}"))
        })
    }

    fn count(&mut self) {
        for (name, stream) in &mut self.streams {
            let counts = self.loader.take_counts(name);
            stream.settled += counts.settled;
            stream.rejected += counts.rejected;
            if counts.settled > 0 {
                metrics::counter(&self.context.console, name, counts.settled - counts.rejected);
            }
        }
    }

    fn report(&mut self) {
        self.count();
        for (name, Stream { settled, rejected, .. }) in &self.streams {
            let level = if *rejected > 0 { "ERROR" } else { "INFO" };
            let text = format!("{level} {name}: {settled} records, {rejected} of them rejected");
            self.context.console.note(&text);
        }
    }

    fn wrong(&self, what: &str) -> CliError {
        let message = format!("message {} {what}", self.line);
        CliError::new(Exit::Incomplete, "bad-message", message)
    }
}

/// Why a schema is refused, if it is.
fn schema_fault(schema: &Value) -> Option<String> {
    if !schema.is_object() {
        return Some("is no object".into());
    }
    if !schema["properties"].is_object() {
        return Some("names no properties".into());
    }
    if let Err(error) = jsonschema::meta::validate(schema) {
        return Some(format!("is no JSON Schema: {error}"));
    }
    None
}

fn object_of<'a>(config: &'a Map<String, Value>, stream: &'a str) -> &'a str {
    let own = config.get(OBJECTS).and_then(|objects| objects.get(stream));
    own.or_else(|| config.get(OBJECT)).and_then(Value::as_str).unwrap_or(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_has_to_be_one() {
        let check = |schema: Value, expected: Option<&str>| {
            let fault = schema_fault(&schema);
            match expected {
                None => assert_eq!(fault, None, "{schema}"),
                Some(part) => {
                    let fault = fault.unwrap_or_default();
                    assert!(fault.contains(part), "{schema}: {fault}");
                }
            }
        };
        check(json!({"type": "object", "properties": {"id": {"type": "integer"}}}), None);
        check(json!({"properties": {}}), None);
        check(json!({"type": "object"}), Some("names no properties"));
        check(json!(null), Some("is no object"));
        check(json!({"properties": {"id": {"type": "whole"}}}), Some("is no JSON Schema"));
    }

    #[test]
    fn a_stream_is_written_to_what_the_settings_say() {
        let check = |config: Value, expected: &str| {
            let Value::Object(config) = config else { panic!("an object") };
            assert_eq!(object_of(&config, "contacts"), expected);
        };
        check(json!({}), "contacts");
        check(json!({"object": "users"}), "users");
        check(json!({"object": "users", "objects": {"contacts": "leads", "x": "y"}}), "leads");
    }
}
