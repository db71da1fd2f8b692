//! Bookmarks, which orchestrators merge by stream, and the plugin's own position beside them.
//!
//! ```json
//! {"bookmarks":{"users":{"replication_key":"last_update","replication_key_value":"…",
//!   "connector":{"position":{…},"version":1760000000000,"withheld":false}}}}
//! ```
//!
//! `replication_key_value` is the mark of the last run that came to its end; `connector` is what a run goes on from,
//! also in the middle. Everything else in a state is kept as it came.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::adapter::config::read_text;
use crate::adapter::raw_object::RawObject;
use crate::error::{CliError, Exit};

/// How to begin anew on such a platform.
pub(crate) const REMEDY: &str = "Remove the stream's bookmark, so that it is read from the start.";

/// A stream's bookmark.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Bookmark {
    /// The field that orders changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication_key: Option<String>,
    /// Its value up to which everything was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication_key_value: Option<Value>,
    /// What a run goes on from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connector: Option<Position>,
}

/// What a run goes on from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Position {
    /// The plugin's state, in its envelope.
    pub position: Box<RawValue>,
    /// The version of the rows of the last full walk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Whether that walk kept any row back: then a row that is missing proves nothing.
    #[serde(default)]
    pub withheld: bool,
}

/// All bookmarks of a state.
#[derive(Clone, Debug, Default)]
pub struct Bookmarks {
    /// What is beside them, as it came.
    others: BTreeMap<String, String>,
    /// The text of each stream's bookmark.
    streams: BTreeMap<String, String>,
}

impl Bookmarks {
    /// Reads the state of a file; an empty one if there is no file.
    pub fn read(path: Option<&Path>) -> Result<Self, CliError> {
        let Some(path) = path else { return Ok(Bookmarks::default()) };
        Bookmarks::parse(&read_text(path, "state")?).map_err(|error| {
            let message = format!("the state {} is damaged ({error})", path.display());
            CliError::new(Exit::Settings, "state-damaged", message)
                .remedy("Restore it, or run without it to begin anew.")
        })
    }

    fn parse(text: &str) -> Result<Self, serde_json::Error> {
        if matches!(text.trim(), "" | "null") {
            return Ok(Bookmarks::default());
        }
        let fields = |object: &RawObject<'_>| {
            let names = object.names().map(str::to_owned).collect::<Vec<_>>();
            let value =
                |name: String| object.get(&name).map(|text| (name.clone(), text.to_owned()));
            names.into_iter().filter_map(value).collect::<BTreeMap<_, _>>()
        };
        let mut others = fields(&RawObject::parse(text)?);
        let streams = match others.remove("bookmarks") {
            Some(text) if text != "null" => fields(&RawObject::parse(&text)?),
            _ => BTreeMap::new(),
        };
        Ok(Bookmarks { others, streams })
    }

    /// A stream's bookmark; none if it has none, an error if it is not one.
    pub fn get(&self, stream: &str) -> Result<Option<Bookmark>, CliError> {
        let Some(text) = self.streams.get(stream) else { return Ok(None) };
        serde_json::from_str(text).map_err(|error| {
            let message = format!("the bookmark of {stream} is damaged ({error})");
            CliError::new(Exit::Settings, "state-damaged", message).remedy(REMEDY)
        })
    }

    /// Replaces a stream's bookmark.
    pub fn set(&mut self, stream: &str, bookmark: &Bookmark) {
        let text = serde_json::to_string(bookmark).expect("plain data");
        self.streams.insert(stream.to_owned(), text);
    }

    /// The value of a STATE message.
    pub fn to_value(&self) -> String {
        let object = |fields: &BTreeMap<String, String>| {
            let fields =
                fields.iter().map(|(name, text)| format!("{}:{text}", Value::from(name.as_str())));
            fields.collect::<Vec<_>>().join(",")
        };
        let bookmarks = format!("\"bookmarks\":{{{}}}", object(&self.streams));
        let others = object(&self.others);
        let comma = if others.is_empty() { "" } else { "," };
        format!("{{{bookmarks}{comma}{others}}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let bookmarks = Bookmarks::parse(text).expect("a state");
        assert_eq!(bookmarks.to_value(), expected);
    }

    #[test]
    fn what_belongs_to_others_is_kept_as_it_came() {
        let empty = r#"{"bookmarks":{}}"#;
        for text in ["", "{}", "null", r#"{"bookmarks":null}"#] {
            check(text, empty);
        }
        check(
            r#"{"z": 1.50, "bookmarks":{"orders":{"n":12345678901234567890}}, "a":[ ]}"#,
            r#"{"bookmarks":{"orders":{"n":12345678901234567890}},"a":[ ],"z":1.50}"#,
        );
    }

    #[test]
    fn a_bookmark_of_another_tap_has_no_position() {
        let text = r#"{"bookmarks":{"users":{"replication_key":"at","replication_key_value":"2026","x":1}}}"#;
        let bookmarks = Bookmarks::parse(text).expect("a state");
        let bookmark = bookmarks.get("users").expect("a bookmark").expect("a bookmark");
        assert!(bookmark.connector.is_none());
        assert!(bookmarks.get("leads").expect("none").is_none());
    }

    #[test]
    fn a_bookmark_comes_back() {
        let mut bookmarks = Bookmarks::default();
        let position = RawValue::from_string(r#"{"n":1.50}"#.into()).expect("JSON");
        let connector = Some(Position { position, version: Some(7), withheld: true });
        bookmarks.set("users", &Bookmark { connector, ..Bookmark::default() });
        let text = r#"{"bookmarks":{"users":{"connector":{"position":{"n":1.50},"version":7,"withheld":true}}}}"#;
        assert_eq!(bookmarks.to_value(), text);
        let back = Bookmarks::parse(text).expect("a state").get("users").expect("a bookmark");
        assert_eq!(
            back.expect("it is there").connector.expect("it is there").position.get(),
            r#"{"n":1.50}"#
        );
    }

    #[test]
    fn what_is_no_state_is_named() {
        for text in ["[]", "{", r#"{"bookmarks":[]}"#] {
            assert!(Bookmarks::parse(text).is_err(), "{text}");
        }
        let bookmarks = Bookmarks::parse(r#"{"bookmarks":{"users":7}}"#).expect("a state");
        assert_eq!(bookmarks.get("users").expect_err("no bookmark").code, "state-damaged");
    }
}
