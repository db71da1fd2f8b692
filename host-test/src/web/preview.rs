//! The first records of a stream, with what the service answered, and a stream's schema.

use connector_egress::{AuditRecord, Verdict};
use connector_engine::Connection;
use connector_engine::audit::MemoryAudit;
use connector_engine::bindings::source::StreamInfo;
use connector_engine::read::{
    End, PageOut, PageSink, ReadConfig, ReadEvent, StreamRun, read_stream,
};
use connector_engine::retry::RetryPolicy;
use connector_engine::state::RunMode;
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::fields::plain;
use crate::error::{CliError, one_line};
use crate::markdown::sentence;

/// So many records are shown.
const SHOWN: usize = 10;

/// A longer value is cut.
const LONGEST: usize = 80;

/// What a look at a stream showed. It holds no secret.
pub(super) struct Preview {
    /// The stream's name.
    pub(super) stream: String,
    /// Each request, and what was answered.
    calls: Vec<String>,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
    fault: Option<String>,
}

/// Looks at the first records.
pub(super) fn read(
    connection: &Connection,
    audit: &MemoryAudit,
    info: StreamInfo,
    options: &Map<String, Value>,
) -> Preview {
    let before = audit.records().len();
    let mut first = First(Vec::new());
    // What names a record and orders it first; then the rest, as far as there is anything in it.
    let mut columns: Vec<String> = info.key.iter().chain(&info.cursor).cloned().collect();
    let stream = info.name.clone();
    let run = StreamRun {
        info,
        mode: RunMode::Full,
        options: Value::Object(options.clone()).to_string(),
        state: None,
        limit: Some(1),
    };
    let retry = RetryPolicy { attempts: 1, ..RetryPolicy::standard() };
    let report = read_stream(connection, &ReadConfig { retry, ahead: 0 }, run, &mut first);
    let scrub = |text: &str| connection.scrubber().scrub_str(text).0.into_owned();
    let fault = match report.end {
        End::Stopped(failure) => Some(scrub(&CliError::from(failure).to_string())),
        End::Plugin(error) => Some(scrub(&error.to_string())),
        _ => None,
    };
    let records: Vec<Map<String, Value>> =
        first.0.iter().filter_map(|record| serde_json::from_str(&scrub(record)).ok()).collect();
    for name in records.iter().flat_map(Map::keys) {
        if !columns.contains(name) {
            columns.push(name.clone());
        }
    }
    let filled = |name: &String| {
        records.iter().any(|record| record.get(name).is_some_and(|value| !value.is_null()))
    };
    columns.retain(filled);
    let cell = |record: &Map<String, Value>, name: &String| {
        record.get(name).map(shown).unwrap_or_default()
    };
    let rows = records
        .iter()
        .map(|record| columns.iter().map(|name| cell(record, name)).collect())
        .collect();
    let calls = audit.records().iter().skip(before).map(call).collect();
    Preview { stream, calls, columns, rows, fault }
}

/// A look at a stream, as a part of a page.
pub(super) fn draw(preview: &Preview) -> Markup {
    html! {
        div .preview role="region" aria-label={ "Preview of " (preview.stream) } tabindex="-1" autofocus {
            @for call in &preview.calls { p .call { code { (call) } } }
            @if let Some(fault) = &preview.fault { div .box .bad role="alert" { p { (fault) } } }
            @if preview.rows.is_empty() && preview.fault.is_none() { p { "No records." } }
            @if !preview.rows.is_empty() {
                div .scroll role="region" aria-label={ "First records of " (preview.stream) } tabindex="0" {
                    table {
                        caption { "The first " (preview.rows.len()) " records" }
                        thead { tr { @for name in &preview.columns { th scope="col" { (name) } } } }
                        tbody {
                            @for row in &preview.rows { tr { @for value in row { td { (value) } } } }
                        }
                    }
                }
            }
        }
    }
}

/// The fields of a schema.
pub(super) fn schema(title: &str, schema: &str) -> Markup {
    let schema: Value = serde_json::from_str(schema).unwrap_or_default();
    let empty = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&empty);
    html! {
        div .scroll role="region" aria-label={ "Fields of " (title) } tabindex="0" {
            table {
                thead { tr { th scope="col" { "Field" } th scope="col" { "Type" } th scope="col" { "Meaning" } } }
                tbody {
                    @for (name, property) in properties {
                        tr {
                            th scope="row" { (name) }
                            td { (kind(property)) }
                            td { (sentence(property["description"].as_str().or(property["title"].as_str()).unwrap_or(""))) }
                        }
                    }
                }
            }
        }
    }
}

fn kind(property: &Value) -> String {
    match &property["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => {
            kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")
        }
        _ => "any".into(),
    }
}

fn shown(value: &Value) -> String {
    let text = one_line(&plain(value));
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

/// A request and its answer in a line.
pub(super) fn call(record: &AuditRecord) -> String {
    let origin = record.origin.as_ref().map(ToString::to_string).unwrap_or_default();
    let path = record.path.as_deref().unwrap_or_default();
    let answer = match (record.verdict, record.status) {
        (_, Some(status)) => format!("{status}, {} ms", record.duration_ms),
        (Verdict::Withheld, None) => "kept back by the dry run".to_owned(),
        (Verdict::Allowed, None) => "no answer".to_owned(),
        (Verdict::Denied, None) => "stopped".to_owned(),
    };
    one_line(&format!("{} {origin}{path} → {answer}", record.method))
}

/// Keeps the first records.
struct First(Vec<String>);

impl PageSink for First {
    fn page(&mut self, page: &PageOut<'_>) -> std::io::Result<()> {
        let room = SHOWN.saturating_sub(self.0.len());
        self.0.extend(page.records.iter().take(room).cloned());
        Ok(())
    }

    fn event(&mut self, _event: ReadEvent<'_>) {}
}
