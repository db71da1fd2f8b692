//! Streams as discovered, and as a user selected them.
//!
//! A stream or field without a say is taken if its parent is. What is `automatic` is always taken with its stream, and
//! what is `unsupported` never.

use std::collections::BTreeSet;
use std::path::Path;

use connector_engine::bindings::source::{Deletions, Mode, StreamInfo};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::adapter::config::read_text;
use crate::adapter::record_schema::{Dialect, record_schema};
use crate::error::{CliError, Exit};

/// The field that says when a record was deleted.
pub(crate) const DELETED_AT: &str = "_sdc_deleted_at";

/// All streams, as a user selects from.
pub fn discover(streams: &[StreamInfo]) -> Value {
    json!({"streams": streams.iter().map(entry).collect::<Vec<_>>()})
}

/// The schema of a stream's records.
pub fn schema(stream: &StreamInfo) -> Map<String, Value> {
    let mut schema = record_schema(&stream.schema, Dialect::Singer);
    if stream.deletions == Deletions::Reported {
        let time = json!({"type": ["string", "null"], "format": "date-time"});
        schema["properties"][DELETED_AT] = time;
    }
    schema
}

fn entry(stream: &StreamInfo) -> Value {
    let schema = schema(stream);
    let incremental = stream.modes.contains(&Mode::Incremental);
    let cursor = stream.cursor.as_ref().filter(|_| incremental);
    let mut root = json!({
        "inclusion": "available",
        "selected-by-default": stream.selected,
        "table-key-properties": stream.key,
    });
    let method = if incremental { "INCREMENTAL" } else { "FULL_TABLE" };
    match cursor {
        Some(cursor) => root["valid-replication-keys"] = json!([cursor]),
        None => root["forced-replication-method"] = method.into(),
    }
    let mut metadata = vec![json!({"breadcrumb": [], "metadata": root})];
    let fields = schema["properties"].as_object().into_iter().flat_map(Map::keys);
    for field in fields {
        let automatic = stream.key.contains(field) || cursor == Some(field);
        let inclusion = if automatic { "automatic" } else { "available" };
        metadata.push(json!({
            "breadcrumb": ["properties", field],
            "metadata": {"inclusion": inclusion, "selected-by-default": true},
        }));
    }
    json!({
        "tap_stream_id": stream.name,
        "stream": stream.name,
        "schema": schema,
        "key_properties": stream.key,
        "replication_method": method,
        "replication_key": cursor,
        "metadata": metadata,
    })
}

/// A stream that is to be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// The stream's name.
    pub id: String,
    /// Its name in messages.
    pub name: String,
    /// The schema of what is sent.
    pub schema: Map<String, Value>,
    /// The fields that are left out.
    pub dropped: BTreeSet<String>,
    /// `INCREMENTAL`, `FULL_TABLE`, or what the stream can.
    pub method: Option<String>,
}

impl Selection {
    /// All of a stream.
    pub fn all(stream: &StreamInfo) -> Self {
        Selection {
            id: stream.name.clone(),
            name: stream.name.clone(),
            schema: schema(stream),
            dropped: BTreeSet::new(),
            method: None,
        }
    }
}

#[derive(Deserialize)]
struct Catalogue {
    streams: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    tap_stream_id: String,
    #[serde(default)]
    stream: Option<String>,
    #[serde(default)]
    schema: Map<String, Value>,
    #[serde(default)]
    metadata: Vec<Metadata>,
    #[serde(default)]
    replication_method: Option<String>,
    /// The oldest form of a selection.
    #[serde(default)]
    selected: Option<Value>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    breadcrumb: Vec<String>,
    #[serde(default)]
    metadata: Map<String, Value>,
}

/// Reads a catalogue, and gives what is selected in it.
pub fn read(path: &Path, streams: &[StreamInfo]) -> Result<Vec<Selection>, CliError> {
    let text = read_text(path, "catalogue")?;
    parse(&text, streams).map_err(|reason| {
        let message = format!("the catalogue {} cannot be used: {reason}", path.display());
        CliError::new(Exit::Settings, "catalogue", message).remedy("Discover it again.")
    })
}

fn parse(text: &str, streams: &[StreamInfo]) -> Result<Vec<Selection>, String> {
    let catalogue: Catalogue = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let selected = catalogue.streams.into_iter().filter(|entry| entry.is_selected(&[]));
    selected.map(|entry| select(entry, streams)).collect()
}

fn select(entry: Entry, streams: &[StreamInfo]) -> Result<Selection, String> {
    let id = &entry.tap_stream_id;
    let stream = streams.iter().find(|stream| stream.name == *id);
    let stream = stream.ok_or_else(|| format!("there is no stream `{id}`"))?;
    let mut schema = schema(stream);
    // A user may have changed the schema of a field; what the catalogue does not hold is as it was discovered.
    if let Some(properties) = entry.schema.get("properties").and_then(Value::as_object) {
        for (name, property) in properties {
            schema["properties"][name] = property.clone();
        }
    }
    let kept = |name: &String| {
        stream.key.contains(name)
            || stream.cursor.as_ref() == Some(name)
            || entry.is_selected(&["properties", name])
    };
    let names = schema["properties"].as_object().into_iter().flat_map(Map::keys).cloned();
    let dropped: BTreeSet<_> = names.filter(|name| !kept(name)).collect();
    if let Some(properties) = schema["properties"].as_object_mut() {
        properties.retain(|name, _| !dropped.contains(name));
    }
    let chosen = entry.root().and_then(|root| root.get("replication-method"));
    let method = chosen.and_then(Value::as_str).map(str::to_owned);
    Ok(Selection {
        name: entry.stream.clone().unwrap_or_else(|| id.clone()),
        method: method.or(entry.replication_method),
        id: entry.tap_stream_id,
        schema,
        dropped,
    })
}

impl Entry {
    fn root(&self) -> Option<&Map<String, Value>> {
        self.of(&[])
    }

    fn of(&self, breadcrumb: &[&str]) -> Option<&Map<String, Value>> {
        self.metadata
            .iter()
            .find(|entry| entry.breadcrumb == breadcrumb)
            .map(|entry| &entry.metadata)
    }

    fn is_selected(&self, breadcrumb: &[&str]) -> bool {
        let parent = match breadcrumb {
            [] => None,
            [parents @ .., _, _] => Some(self.is_selected(parents)),
            [_] => Some(true),
        };
        if parent == Some(false) {
            return false;
        }
        let Some(metadata) = self.of(breadcrumb) else {
            let legacy = if breadcrumb.is_empty() { self.selected.as_ref() } else { None };
            return match (legacy, parent) {
                (Some(selected), _) => truth(selected),
                (None, Some(parent)) => parent,
                (None, None) => self.metadata.is_empty(),
            };
        };
        match metadata.get("inclusion").and_then(Value::as_str) {
            Some("unsupported") => return false,
            Some("automatic") => return true,
            _ => {}
        }
        let say = metadata.get("selected").or_else(|| metadata.get("selected-by-default"));
        say.map_or(parent.unwrap_or(false), truth)
    }
}

/// True, also as the text that some orchestrators write.
fn truth(value: &Value) -> bool {
    value == true || value == "true"
}

#[cfg(test)]
mod tests {
    use connector_engine::bindings::source::Promise;

    use super::*;

    fn stream() -> StreamInfo {
        StreamInfo {
            name: "users".into(),
            title: "Users".into(),
            description: String::new(),
            schema: r#"{"properties":{"id":{"type":"integer"},"at":{"type":"string"},"email":{"type":"string"},"name":{"type":"string"}}}"#.into(),
            key: vec!["id".into()],
            cursor: Some("at".into()),
            modes: vec![Mode::Full, Mode::Incremental],
            promise: Promise::Checked,
            deletions: Deletions::ByFullRead,
            selected: true,
            after: Vec::new(),
            options: "{}".into(),
        }
    }

    fn check(metadata: &Value, expected: Option<&[&str]>) {
        let catalogue = json!({"streams": [{
            "tap_stream_id": "users", "stream": "users", "schema": {}, "metadata": metadata,
        }]});
        let found = parse(&catalogue.to_string(), &[stream()]).expect("a catalogue");
        let fields = found.first().map(|selection| {
            let fields = selection.schema["properties"].as_object().expect("an object");
            fields.keys().map(String::as_str).collect::<Vec<_>>()
        });
        assert_eq!(fields.as_deref(), expected, "{metadata}");
    }

    fn root(metadata: &Value) -> Value {
        json!({"breadcrumb": [], "metadata": metadata})
    }

    fn field(name: &str, metadata: &Value) -> Value {
        json!({"breadcrumb": ["properties", name], "metadata": metadata})
    }

    const ALL: Option<&[&str]> = Some(&["at", "email", "id", "name"]);

    #[test]
    fn a_stream_is_selected_by_true_in_either_form() {
        check(&json!([root(&json!({"selected": true}))]), ALL);
        check(&json!([root(&json!({"selected": "true"}))]), ALL);
        check(&json!([root(&json!({"selected": false}))]), None);
        check(&json!([root(&json!({"selected": "false"}))]), None);
    }

    #[test]
    fn without_a_say_the_default_counts() {
        check(&json!([]), ALL);
        check(&json!([root(&json!({"selected-by-default": true}))]), ALL);
        check(&json!([root(&json!({"selected-by-default": true, "selected": false}))]), None);
        check(&json!([root(&json!({"inclusion": "available"}))]), None);
    }

    #[test]
    fn fields_are_left_out_but_never_keys_and_cursors() {
        let selected = root(&json!({"selected": true}));
        let no = json!({"selected": false});
        check(
            &json!([selected, field("email", &no), field("id", &no), field("at", &no)]),
            Some(&["at", "id", "name"]),
        );
        check(
            &json!([selected, field("email", &json!({"selected": "false"}))]),
            Some(&["at", "id", "name"]),
        );
        check(
            &json!([
                selected,
                field("email", &json!({"inclusion": "unsupported", "selected": true}))
            ]),
            Some(&["at", "id", "name"]),
        );
        check(
            &json!([
                selected,
                field("email", &json!({"inclusion": "automatic", "selected": false}))
            ]),
            ALL,
        );
    }

    #[test]
    fn what_was_discovered_is_taken_back() {
        let discovered = discover(&[stream()]);
        let found = parse(&discovered.to_string(), &[stream()]).expect("a catalogue");
        let expected =
            Selection { method: Some("INCREMENTAL".into()), ..Selection::all(&stream()) };
        assert_eq!(found, [expected]);
    }

    #[test]
    fn the_replication_method_of_a_user_wins() {
        let mut discovered = discover(&[stream()]);
        discovered["streams"][0]["metadata"][0]["metadata"]["replication-method"] =
            "FULL_TABLE".into();
        let found = parse(&discovered.to_string(), &[stream()]).expect("a catalogue");
        assert_eq!(found[0].method.as_deref(), Some("FULL_TABLE"));
    }

    #[test]
    fn a_stream_that_is_not_there_is_named() {
        let text = r#"{"streams":[{"tap_stream_id":"ghosts"}]}"#;
        assert_eq!(parse(text, &[stream()]), Err("there is no stream `ghosts`".into()));
    }
}
