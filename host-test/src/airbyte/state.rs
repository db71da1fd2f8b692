//! The states that a platform hands back: a list of messages, or nothing in one of several forms.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::adapter::config::read_text;
use crate::error::{CliError, Exit};

/// The text of the state of each stream that has one.
pub type States = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    stream: Option<StreamState<'a>>,
    #[serde(borrow)]
    global: Option<Global<'a>>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct StreamState<'a> {
    stream_descriptor: Descriptor,
    #[serde(borrow, default)]
    stream_state: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Descriptor {
    name: String,
}

#[derive(Deserialize)]
struct Global<'a> {
    #[serde(borrow, default)]
    stream_states: Vec<StreamState<'a>>,
}

/// Reads the states of a file; none if there is no file.
pub fn read(path: Option<&Path>) -> Result<States, CliError> {
    let Some(path) = path else { return Ok(States::new()) };
    let text = read_text(path, "state")?;
    parse(&text).map_err(|reason| {
        let message = format!("the state {} cannot be used: {reason}", path.display());
        CliError::new(Exit::Settings, "state-damaged", message)
            .remedy("Restore it, or refresh the streams to begin anew.")
    })
}

/// Reads the states of a text.
pub fn parse(text: &str) -> Result<States, String> {
    let text = text.trim();
    let messages: Vec<Message<'_>> = match text {
        "" | "null" => Vec::new(),
        text if text.starts_with('[') => {
            serde_json::from_str(text).map_err(|error| error.to_string())?
        }
        text => vec![serde_json::from_str(text).map_err(|error| error.to_string())?],
    };
    let mut states = States::new();
    for message in messages {
        if message.data.is_some_and(|data| !is_nothing(data.get())) {
            return Err("it is of the legacy form, which nothing here has written".into());
        }
        let global = message.global.map(|global| global.stream_states).unwrap_or_default();
        for state in message.stream.into_iter().chain(global) {
            match state.stream_state {
                Some(text) if !is_nothing(text.get()) => {
                    states.insert(state.stream_descriptor.name, text.get().to_owned());
                }
                _ => {}
            }
        }
    }
    Ok(states)
}

fn is_nothing(text: &str) -> bool {
    let text: String = text.split_whitespace().collect();
    text == "{}" || text == "null"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&[(&str, &str)], &str>) {
        let found = parse(text);
        match (&found, expected) {
            (Ok(found), Ok(expected)) => {
                let found: Vec<_> = found.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
                assert_eq!(found, expected, "{text}");
            }
            (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
            _ => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn nothing_has_many_forms() {
        for text in ["", " \n", "null", "{}", "[]", r#"[{"type":"LEGACY","data":{}}]"#] {
            check(text, Ok(&[]));
        }
        check(
            r#"[{"type":"STREAM","stream":{"stream_descriptor":{"name":"a"},"stream_state":{ }}},
                {"type":"STREAM","stream":{"stream_descriptor":{"name":"b"},"stream_state":null}},
                {"type":"STREAM","stream":{"stream_descriptor":{"name":"c"}}}]"#,
            Ok(&[]),
        );
    }

    #[test]
    fn states_of_streams_and_global_ones_are_kept_as_text() {
        check(
            r#"[{"type":"STREAM","x":1,"stream":{"stream_descriptor":{"name":"a","namespace":null},"stream_state":{"n":1.50}}},
                {"type":"GLOBAL","global":{"shared_state":{},"stream_states":[{"stream_descriptor":{"name":"b"},"stream_state":{"m":2}}]}}]"#,
            Ok(&[("a", r#"{"n":1.50}"#), ("b", r#"{"m":2}"#)]),
        );
        check(
            r#"{"type":"STREAM","stream":{"stream_descriptor":{"name":"a"},"stream_state":{"n":1}}}"#,
            Ok(&[("a", r#"{"n":1}"#)]),
        );
    }

    #[test]
    fn what_is_no_state_is_named() {
        check("[", Err("EOF"));
        check(r#"[{"type":"LEGACY","data":{"a":1}}]"#, Err("legacy"));
    }
}
