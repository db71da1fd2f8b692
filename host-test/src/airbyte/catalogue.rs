//! Streams and objects: as discovered, and as a user configured them.

use std::path::Path;

use connector_engine::bindings::destination::Effect;
use connector_engine::bindings::source::{Deletions, Mode, StreamInfo};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::adapter::config::read_text;
use crate::adapter::objects::Object;
use crate::adapter::record_schema::{Dialect, record_schema};
use crate::error::{CliError, Exit};

/// The field that says when a record was deleted, by the convention of change data capture.
pub(crate) const DELETED_AT: &str = "_ab_cdc_deleted_at";
/// The field that says when it was last changed, by the same convention.
pub(crate) const UPDATED_AT: &str = "_ab_cdc_updated_at";

/// What a source can read.
pub fn of_streams(streams: &[StreamInfo]) -> Value {
    json!({"streams": streams.iter().map(of_stream).collect::<Vec<_>>()})
}

fn of_stream(stream: &StreamInfo) -> Value {
    let incremental = stream.modes.contains(&Mode::Incremental);
    let mut modes = vec!["full_refresh"];
    if incremental {
        modes.push("incremental");
    }
    let mut schema = record_schema(&stream.schema, Dialect::Airbyte);
    if stream.deletions == Deletions::Reported {
        let time = json!({
            "type": ["string", "null"],
            "format": "date-time",
            "airbyte_type": "timestamp_with_timezone",
        });
        schema["properties"][DELETED_AT] = time.clone();
        schema["properties"][UPDATED_AT] = time;
    }
    let key: Vec<_> = stream.key.iter().map(|field| json!([field])).collect();
    let mut entry = json!({
        "name": stream.name,
        "json_schema": schema,
        "supported_sync_modes": modes,
        "source_defined_primary_key": key,
        "is_resumable": true,
    });
    if let Some(cursor) = stream.cursor.as_ref().filter(|_| incremental) {
        entry["source_defined_cursor"] = true.into();
        entry["default_cursor_field"] = json!([cursor]);
    }
    entry
}

/// What a destination can write. Objects that delete are there only if the user allowed it.
pub fn of_objects(objects: &[Object], deletes: bool) -> Value {
    let offered =
        objects.iter().filter(|object| deletes || object.operation.effect != Effect::Delete);
    let entry = |object: &Object| {
        json!({
            "object_name": object.name,
            "sync_mode": sync_mode(object.operation.effect),
            "json_schema": record_schema(&object.operation.schema, Dialect::Airbyte),
            "matching_keys": object.operation.keys,
        })
    };
    json!({"operations": offered.map(entry).collect::<Vec<_>>()})
}

/// The sync mode that an operation is.
pub fn sync_mode(effect: Effect) -> &'static str {
    match effect {
        Effect::Append | Effect::Act => "append",
        Effect::Upsert => "append_dedup",
        Effect::Update => "update",
        Effect::Delete => "soft_delete",
    }
}

/// The streams that a user configured. What this does not know of them is passed over.
#[derive(Debug, Deserialize)]
pub struct Configured {
    /// The streams.
    pub streams: Vec<ConfiguredStream>,
}

/// A stream that a user configured.
#[derive(Debug, Deserialize)]
pub struct ConfiguredStream {
    stream: Named,
    /// How it is read.
    #[serde(default)]
    pub sync_mode: String,
    /// How it is written.
    #[serde(default)]
    pub destination_sync_mode: String,
    /// What it is written to; the stream's name if it is not said.
    #[serde(default)]
    destination_object_name: Option<String>,
    /// Rows of older generations are to go.
    #[serde(default)]
    pub minimum_generation_id: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

impl Configured {
    /// Reads a catalogue.
    pub fn read(path: &Path) -> Result<Self, CliError> {
        let text = read_text(path, "catalogue")?;
        serde_json::from_str(&text).map_err(|error| {
            let message = format!("the catalogue {} cannot be used: {error}", path.display());
            CliError::new(Exit::Settings, "catalogue", message)
                .remedy("Discover the streams, and configure them again.")
        })
    }
}

impl ConfiguredStream {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.stream.name
    }

    /// The name of what it is written to.
    pub fn object(&self) -> &str {
        self.destination_object_name.as_deref().unwrap_or(&self.stream.name)
    }
}
