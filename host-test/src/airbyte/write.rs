//! Records in: each is written or rejected before the state that follows it goes back, unchanged.
//!
//! What the catalogue does not name is passed over, and of a record what its object does not name, unless the user
//! wants it handed on. A record that is rejected is told and counted; it does not fail the run.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::catalogue::{Configured, ConfiguredStream, sync_mode};
use super::messages::{Level, Messages};
use super::told;
use crate::adapter::lines::read_line;
use crate::adapter::load::{Counts, LoadEvent, Loader};
use crate::adapter::objects::{self, ALLOW_DELETES, Object, PASS_FIELDS};
use crate::adapter::raw_object::RawObject;
use crate::adapter::session::{Described, Session};
use crate::error::{CliError, Exit};

/// So many lines that are no messages are told one by one.
const TOLD: u64 = 10;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    record: Option<Record<'a>>,
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    stream: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// Writes the messages of a platform.
pub fn write(
    described: &Described,
    session: &Session,
    catalogue: &Configured,
    mut input: impl BufRead,
    messages: &Messages,
) -> Result<Exit, CliError> {
    let objects = objects::objects(session.connection.targets()?);
    let forms = described.object_options(&objects)?;
    for name in forms.unknown(&session.rest) {
        if ![ALLOW_DELETES, PASS_FIELDS].contains(&name) {
            let text = format!("`{name}` is no setting or option; it is ignored");
            told(messages.log(Level::Warn, &text))?;
        }
    }
    let mut loader = Loader::new(&session.connection, |event| {
        let level = if matches!(event, LoadEvent::Waiting(_)) { Level::Info } else { Level::Warn };
        // A reader that went away is met again with the next state.
        let _ = messages.log(level, &event.to_string());
    });
    let mut work = Work { ignored: BTreeMap::new(), odd: 0, messages };
    for configured in &catalogue.streams {
        let object = object(session, &objects, configured)?;
        let route = objects::route(session, &forms, object)?;
        if configured.minimum_generation_id.is_some_and(|least| least > 0) {
            let text = format!(
                "{}: rows of older generations stay: the service does not keep them apart",
                configured.name()
            );
            told(messages.log(Level::Warn, &text))?;
        }
        loader.route(configured.name(), route);
    }
    let mut line = String::new();
    while read_line(&mut input, &mut line)? {
        work.take(&mut loader, line.trim())?;
    }
    loader.flush_all()?;
    for (stream, count) in &work.ignored {
        let text =
            format!("{count} records of {stream} were ignored: the catalogue does not name it");
        told(messages.log(Level::Warn, &text))?;
    }
    Ok(Exit::Done)
}

struct Work<'a> {
    /// Records of streams that the catalogue does not name.
    ignored: BTreeMap<String, u64>,
    /// Lines that are no messages.
    odd: u64,
    messages: &'a Messages,
}

impl Work<'_> {
    fn take(&mut self, loader: &mut Loader<'_>, line: &str) -> Result<(), CliError> {
        if line.is_empty() {
            return Ok(());
        }
        let Ok(message) = serde_json::from_str::<Message<'_>>(line) else {
            return self.odd("a line that is no message is ignored");
        };
        match (message.kind.as_ref(), message.record) {
            ("RECORD", Some(record)) => self.record(loader, &record),
            ("STATE", _) => {
                loader.flush_all()?;
                let echo = echo(line, loader);
                match echo {
                    Some(echo) => told(self.messages.write(echo.as_bytes(), true)),
                    None => self.odd("a STATE without a state is ignored"),
                }
            }
            ("TRACE" | "LOG", _) => Ok(()),
            (kind, _) => {
                let text = format!("a message of type {kind} is ignored");
                self.odd(&text)
            }
        }
    }

    fn record(&mut self, loader: &mut Loader<'_>, record: &Record<'_>) -> Result<(), CliError> {
        let stream = record.stream.as_ref();
        if loader.routed(stream).is_none() {
            *self.ignored.entry(stream.to_owned()).or_default() += 1;
            return Ok(());
        }
        loader.push(stream, record.data.get())
    }

    fn odd(&mut self, text: &str) -> Result<(), CliError> {
        self.odd += 1;
        if self.odd > TOLD { Ok(()) } else { told(self.messages.log(Level::Warn, text)) }
    }
}

/// The line of a state that goes back: what came, and what became of the records that it covers.
fn echo(line: &str, loader: &mut Loader<'_>) -> Option<String> {
    let mut message = RawObject::parse(line).ok()?;
    let state = message.get("state")?.to_owned();
    let mut state = RawObject::parse(&state).ok()?;
    let streams = stream_of(&state).map_or_else(|| loader.names(), |stream| vec![stream]);
    let mut counts = Counts::default();
    for stream in &streams {
        let own = loader.take_counts(stream);
        counts.settled += own.settled;
        counts.rejected += own.rejected;
    }
    state.set("destinationStats", stats(counts));
    let state = state.to_string();
    message.set("state", state);
    Some(format!("{message}\n"))
}

/// All records that a state covers, and how many of them were rejected; with decimal points.
fn stats(counts: Counts) -> String {
    format!(
        "{{\"recordCount\":{}.0,\"rejectedRecordCount\":{}.0}}",
        counts.settled, counts.rejected
    )
}

/// The stream whose state it is; none for one of all streams.
fn stream_of(state: &RawObject<'_>) -> Option<String> {
    #[derive(Deserialize)]
    struct Stream {
        stream_descriptor: Descriptor,
    }
    #[derive(Deserialize)]
    struct Descriptor {
        name: String,
    }
    let stream: Stream = serde_json::from_str(state.get("stream")?).ok()?;
    Some(stream.stream_descriptor.name)
}

fn object<'a>(
    session: &Session,
    objects: &'a [Object],
    configured: &ConfiguredStream,
) -> Result<&'a Object, CliError> {
    let name = configured.object();
    let object = objects::find(objects, name, configured.name(), &session.rest)?;
    let mode = sync_mode(object.operation.effect);
    if configured.destination_sync_mode != mode {
        let message = format!(
            "`{name}` cannot be written in the sync mode `{}`",
            configured.destination_sync_mode
        );
        return Err(CliError::new(Exit::Settings, "sync-mode", message)
            .remedy(format!("Choose `{mode}` for it.")));
    }
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_decimal_points() {
        let counts = Counts { settled: 3, rejected: 1 };
        assert_eq!(stats(counts), r#"{"recordCount":3.0,"rejectedRecordCount":1.0}"#);
    }

    #[test]
    fn a_state_is_of_a_stream_or_of_all() {
        let check = |text: &str, expected: Option<&str>| {
            let state = RawObject::parse(text).expect("an object");
            assert_eq!(stream_of(&state).as_deref(), expected, "{text}");
        };
        check(
            r#"{"type":"STREAM","stream":{"stream_descriptor":{"name":"users"}}}"#,
            Some("users"),
        );
        check(r#"{"type":"GLOBAL","global":{"stream_states":[]}}"#, None);
    }
}
