//! `connector streams`: what can be read, with schema, key and cursor.

use clap::Args;
use connector_engine::bindings::source::{Deletions, Mode, Promise, StreamInfo};
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{CliError, Exit};

/// List what can be read: streams with schema, key and cursor
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  connector streams\n  connector streams users --json")]
pub struct Streams {
    /// Show only these, with their fields
    #[arg(value_name = "STREAM")]
    names: Vec<String>,
}

impl Streams {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<Exit, CliError> {
        let plugin = context.plugin()?;
        let account = context.account(&plugin)?;
        let connection = context.connect(&plugin, account, None)?;
        let streams = connection.streams()?;
        let chosen: Vec<&StreamInfo> = if self.names.is_empty() {
            streams.iter().collect()
        } else {
            let find = |name: &String| crate::context::find_stream(&streams, name);
            self.names.iter().map(find).collect::<Result<_, _>>()?
        };
        let value =
            Value::from(chosen.iter().map(|stream| stream_json(stream)).collect::<Vec<_>>());
        let mut text = String::new();
        for stream in chosen {
            text.push_str(&describe(stream, !self.names.is_empty()));
        }
        context.console.report(&value, &text);
        Ok(Exit::Done)
    }
}

/// A stream for machines.
pub fn stream_json(stream: &StreamInfo) -> Value {
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
    json!({
        "name": stream.name, "title": stream.title, "description": stream.description,
        "key": stream.key, "cursor": stream.cursor,
        "modes": stream.modes.iter().map(|mode| mode_name(*mode)).collect::<Vec<_>>(),
        "promise": promise_name(stream.promise), "deletions": deletions_name(stream.deletions),
        "selected": stream.selected, "after": stream.after,
        "schema": parse(&stream.schema), "options": parse(&stream.options),
    })
}

fn describe(stream: &StreamInfo, fields: bool) -> String {
    let key = if stream.key.is_empty() { "none".to_owned() } else { stream.key.join(", ") };
    let mut text = format!(
        "{}{}\n  {}\n  key {key}, cursor {}, a complete read is {}, deletions show {}\n",
        stream.name,
        if stream.selected { "" } else { " (off unless asked for)" },
        stream.description,
        stream.cursor.as_deref().unwrap_or("none"),
        promise_name(stream.promise),
        deletions_name(stream.deletions),
    );
    for (title, schema) in [("option", &stream.options), ("field", &stream.schema)] {
        let schema: Value = serde_json::from_str(schema).unwrap_or_default();
        let Some(properties) = schema["properties"].as_object() else { continue };
        if title == "field" && !fields {
            continue;
        }
        for (name, property) in properties {
            let kind = match &property["type"] {
                Value::String(kind) => kind.clone(),
                Value::Array(kinds) => {
                    kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")
                }
                _ => "any".into(),
            };
            let description = property["description"].as_str().unwrap_or_default();
            text.push_str(&format!("  {title} {name} ({kind}) {description}\n"));
        }
    }
    text.push('\n');
    text
}

/// The contract's word for a mode.
pub fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Full => "full",
        Mode::Incremental => "incremental",
    }
}

/// The contract's word for a promise.
pub fn promise_name(promise: Promise) -> &'static str {
    match promise {
        Promise::Snapshot => "snapshot",
        Promise::Checked => "checked",
        Promise::VendorCursor => "vendor-cursor",
        Promise::BestEffort => "best-effort",
    }
}

fn deletions_name(deletions: Deletions) -> &'static str {
    match deletions {
        Deletions::Reported => "reported",
        Deletions::ByFullRead => "by-full-read",
        Deletions::Invisible => "invisible",
    }
}
