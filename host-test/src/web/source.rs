//! A source: choose what to read, look at the first records, then read it all.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use connector_engine::audit::{Audit, MemoryAudit, NoAudit};
use connector_engine::bindings::source::StreamInfo;
use connector_engine::{Cancel, Connection};
use connector_store::{CredentialRecord, Flow, FlowKind, Name, NewFlow};
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::app::App;
use super::fault::Fault;
use super::fields::{self, SecretState, plain};
use super::layout::{Frame, page};
use super::overlay::capital;
use super::posted::Posted;
use super::preview::{self, Preview};
use super::reading::{self, Reading};
use crate::commands::read::{choose, stream_options};
use crate::commands::streams::promise_name;
use crate::error::CliError;
use crate::form::Form;
use crate::markdown::sentence;
use crate::saved::now_ms;

/// What is chosen so far for a new source.
#[derive(Default)]
struct Choice {
    name: String,
    streams: Vec<String>,
    options: Vec<(String, String)>,
    fault: Option<String>,
}

/// Choose what to read.
pub(super) async fn new(
    State(app): State<App>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Markup, Fault> {
    app.blocking(move |app| {
        let record = app.credential(query.get("credential").map_or("", String::as_str))?;
        let connection = connect(app, &record, Arc::new(NoAudit))?;
        let streams = streams(&connection)?;
        let selected = streams.iter().filter(|stream| stream.selected);
        let choice = Choice {
            streams: selected.map(|stream| stream.name.clone()).collect(),
            ..Choice::default()
        };
        Ok(draw(app, &record, &streams, &choice, None))
    })
    .await
}

/// *Preview* of a stream, or *Save* of the source.
pub(super) async fn post_new(State(app): State<App>, posted: Posted) -> Result<Response, Fault> {
    app.blocking(move |app| {
        let record = app.credential(posted.text("credential"))?;
        let audit = Arc::new(MemoryAudit::default());
        let connection = connect(app, &record, audit.clone())?;
        let streams = streams(&connection)?;
        let mut choice = Choice {
            name: posted.text("name").to_owned(),
            streams: posted.all("stream"),
            options: options(&posted),
            fault: None,
        };
        let wanted = posted.text("preview");
        if !wanted.is_empty() {
            let names = [wanted.to_owned()];
            let given = self::wanted(&streams, &names, &choice.options);
            let stream = chosen(app, &connection, &streams, &names, &given);
            return match stream {
                Ok(mut stream) => {
                    let (info, options) = stream.remove(0);
                    let preview = preview::read(&connection, &audit, info, &options);
                    Ok(draw(app, &record, &streams, &choice, Some(&preview)).into_response())
                }
                Err(error) => {
                    choice.fault = Some(error.message);
                    Ok(draw(app, &record, &streams, &choice, None).into_response())
                }
            };
        }
        match save(app, &connection, &record, &streams, &choice) {
            Ok(flow) => Ok(Redirect::to(&format!("/source/{}", flow.id)).into_response()),
            Err(error) => {
                choice.fault = Some(error.to_string());
                Ok(draw(app, &record, &streams, &choice, None).into_response())
            }
        }
    })
    .await
}

/// A saved source.
pub(super) async fn show(State(app): State<App>, Path(id): Path<String>) -> Result<Markup, Fault> {
    app.blocking(move |app| {
        let flow = app.store().flow(&id)?;
        let FlowKind::Source { streams } = &flow.kind else {
            return Err(Fault::missing("This is no source."));
        };
        let record = app.credential(flow.credential_id.as_str())?;
        let reading = app.readings().get(flow.id.as_str()).cloned();
        let running = reading.as_ref().is_some_and(|reading| reading.is_running());
        let names = if streams.is_empty() {
            "the streams that are selected by default".to_owned()
        } else {
            streams.join(", ")
        };
        let content = html! {
            p .crumbs { a href="/" { "Start" } " › Source" }
            h1 { (flow.name) }
            p { "Reads " strong { (names) } " with the credential " strong { (record.name) } "." }
            div #progress data-poll=[running.then(|| format!("/source/{}/progress", flow.id))] {
                (reading::draw(app, &flow, reading.as_deref()))
            }
            p #announcer .hidden role="status" {}
        };
        Ok(page(&Frame::new(flow.name.as_str()).reloading(running), &content))
    })
    .await
}

/// How far a read is, for the script.
pub(super) async fn progress(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Markup, Fault> {
    app.blocking(move |app| {
        let flow = app.store().flow(&id)?;
        let reading = app.readings().get(flow.id.as_str()).cloned();
        Ok(reading::draw(app, &flow, reading.as_deref()))
    })
    .await
}

/// *Start reading*.
pub(super) async fn start(
    State(app): State<App>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Redirect, Fault> {
    app.blocking(move |app| {
        let flow = app.store().flow(&id)?;
        let back = Redirect::to(&format!("/source/{}", flow.id));
        let mut readings = app.readings();
        if readings.get(flow.id.as_str()).is_some_and(|reading| reading.is_running()) {
            return Ok(back);
        }
        let reading = Reading::start(app, flow.clone(), posted.text("mode") == "full")?;
        readings.insert(flow.id.to_string(), reading);
        Ok(back)
    })
    .await
}

/// *Stop*.
pub(super) async fn stop(State(app): State<App>, Path(id): Path<String>, _: Posted) -> Redirect {
    if let Some(reading) = app.readings().get(&id) {
        reading.cancel.cancel();
    }
    Redirect::to(&format!("/source/{id}"))
}

/// The records of a stream, as JSON lines.
pub(super) async fn download(
    State(app): State<App>,
    Path((id, stream)): Path<(String, String)>,
) -> Result<Response, Fault> {
    app.blocking(move |app| {
        let reading = app.readings().get(&id).cloned();
        reading.and_then(|reading| reading.download(&stream)).ok_or_else(|| {
            Fault::missing("No records of this stream were read since the page was started.")
        })
    })
    .await
}

/// A stream with its options.
pub(super) type Chosen = (StreamInfo, Map<String, Value>);

/// The chosen streams of a flow.
pub(super) fn chosen(
    app: &App,
    connection: &Connection,
    streams: &[StreamInfo],
    names: &[String],
    given: &[(String, String)],
) -> Result<Vec<Chosen>, CliError> {
    let infos = choose(streams, names)?;
    let options = stream_options(&app.plugin, connection, &infos, given)?;
    Ok(infos.into_iter().zip(options).collect())
}

/// Options of a flow as they are typed.
pub(super) fn as_typed(options: &Map<String, Value>) -> Vec<(String, String)> {
    options.iter().map(|(name, value)| (name.clone(), plain(value))).collect()
}

fn connect(
    app: &App,
    record: &CredentialRecord,
    audit: Arc<dyn Audit>,
) -> Result<Connection, Fault> {
    app.connect(app.open(record)?, audit, false, Cancel::new())
}

fn streams(connection: &Connection) -> Result<Vec<StreamInfo>, Fault> {
    Ok(connection.streams().map_err(CliError::from)?)
}

/// The options that were typed, whatever stream they are for.
fn options(posted: &Posted) -> Vec<(String, String)> {
    posted
        .all("option")
        .into_iter()
        .filter_map(|name| {
            let value = posted.text(&format!("field.{name}")).trim().to_owned();
            (!value.is_empty()).then_some((name, value))
        })
        .collect()
}

/// Of the options that were typed, those of these streams that differ from their defaults: the form sends all.
fn wanted(
    streams: &[StreamInfo],
    names: &[String],
    options: &[(String, String)],
) -> Vec<(String, String)> {
    let fields = option_fields(streams, names);
    let is_wanted = |(name, value): &&(String, String)| {
        fields.iter().any(|(field, _)| {
            field.name == *name && field.default.as_ref().map(plain).as_ref() != Some(value)
        })
    };
    options.iter().filter(is_wanted).cloned().collect()
}

fn save(
    app: &App,
    connection: &Connection,
    record: &CredentialRecord,
    streams: &[StreamInfo],
    choice: &Choice,
) -> Result<Flow, CliError> {
    let name = Name::parse(&choice.name)?;
    if choice.streams.is_empty() {
        return Err(CliError::usage("choose at least one stream"));
    }
    let given = wanted(streams, &choice.streams, &choice.options);
    let mut options = Map::new();
    for (_, typed) in chosen(app, connection, streams, &choice.streams, &given)? {
        options.extend(typed);
    }
    let new = NewFlow {
        name,
        kind: FlowKind::Source { streams: choice.streams.clone() },
        credential_id: record.id.clone(),
        options,
    };
    Ok(app.store().add_flow(&new, now_ms())?)
}

/// The options of these streams, each once, and which streams take it.
fn option_fields(
    streams: &[StreamInfo],
    names: &[String],
) -> Vec<(crate::form::Field, Vec<String>)> {
    let mut fields: Vec<(crate::form::Field, Vec<String>)> = Vec::new();
    for stream in streams.iter().filter(|stream| names.contains(&stream.name)) {
        let Ok(form) = Form::parse(&stream.options) else { continue };
        for field in form.fields {
            match fields.iter_mut().find(|(known, _)| known.name == field.name) {
                Some((_, takers)) => takers.push(stream.name.clone()),
                None => fields.push((field, vec![stream.name.clone()])),
            }
        }
    }
    fields
}

fn draw(
    app: &App,
    record: &CredentialRecord,
    streams: &[StreamInfo],
    choice: &Choice,
    preview: Option<&Preview>,
) -> Markup {
    let all: Vec<_> = streams.iter().map(|stream| stream.name.clone()).collect();
    let fields = option_fields(streams, &all);
    let content = html! {
        p .crumbs { a href="/" { "Start" } " › " a href="/authenticate/source" { "Authenticate" } " › New source" }
        h1 { "New source" }
        p { "With the credential " strong { (record.name) } "." }
        @if let Some(fault) = &choice.fault {
            div .box .bad role="alert" tabindex="-1" autofocus { p { (capital(fault)) } }
        }
        form method="post" action="/source/new" novalidate {
            input type="hidden" name="csrf" value=(app.csrf);
            input type="hidden" name="credential" value=(record.id);
            div .field {
                label for="source-name" { "Source name " span .needed { "(required)" } }
                input type="text" #source-name name="name" value=(choice.name) autocomplete="off" aria-required="true";
            }
            fieldset {
                legend { "Streams" }
                @for stream in streams {
                    (draw_stream(stream, choice.streams.contains(&stream.name), preview))
                }
            }
            @if !fields.is_empty() {
                details .folded open[!choice.options.is_empty() && choice.fault.is_some()] {
                    summary { "Options" }
                    @for (field, takers) in &fields {
                        @let typed = choice.options.iter().find(|(name, _)| *name == field.name);
                        @let value = typed.map(|(_, text)| Value::from(text.as_str()));
                        @let field = crate::form::Field { required: false, ..field.clone() };
                        input type="hidden" name="option" value=(field.name);
                        (fields::field(&field, value.as_ref(), SecretState::Empty, None))
                        p .quiet { "For " (takers.join(", ")) }
                    }
                }
            }
            p .actions .bar {
                button .primary { "Save" }
                a .button href="/authenticate/source" { "Cancel" }
            }
        }
    };
    page(&Frame::new("New source"), &content)
}

fn draw_stream(stream: &StreamInfo, checked: bool, preview: Option<&Preview>) -> Markup {
    let id = format!("stream-{}", stream.name);
    let preview = preview.filter(|preview| preview.stream == stream.name);
    let key = if stream.key.is_empty() { "none".to_owned() } else { stream.key.join(", ") };
    html! {
        div .stream #{ "preview-" (stream.name) } {
            div .check {
                input type="checkbox" id=(id) name="stream" value=(stream.name) checked[checked]
                    aria-describedby={ (id) "-help" };
                label for=(id) { (stream.title) }
                button .small name="preview" value=(stream.name)
                    formaction={ "/source/new#preview-" (stream.name) } {
                    "Preview" span .hidden { " " (stream.title) }
                }
            }
            p .help id={ (id) "-help" } { (sentence(&stream.description)) }
            @if let Some(preview) = preview { (preview::draw(preview)) }
            details {
                summary { "Schema" span .hidden { " of " (stream.title) } }
                p .quiet {
                    "Key " code { (key) } ", cursor " code { (stream.cursor.as_deref().unwrap_or("none")) }
                    ", a complete read is " (promise_name(stream.promise)) "."
                }
                (preview::schema(&stream.title, &stream.schema))
            }
        }
    }
}
