//! A destination: choose what to do to what, hand over records, rehearse, then write them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use connector_engine::audit::NoAudit;
use connector_engine::bindings::destination::{Effect, Operation, Target};
use connector_engine::{Cancel, Connection};
use connector_store::{CredentialRecord, Flow, FlowKind, Name, NewFlow};
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::app::App;
use super::drafts::Draft;
use super::fault::Fault;
use super::fields::{self, SecretState};
use super::layout::{Frame, page};
use super::overlay::capital;
use super::posted::Posted;
use super::preview;
use super::source::as_typed;
use super::writing::{self, Writing};
use crate::commands::write::{find_operation, find_target, options};
use crate::error::CliError;
use crate::form::Form;
use crate::markdown::sentence;
use crate::saved::now_ms;

/// Records of more bytes are not put back into their field.
const EDITED: usize = 64 << 10;

/// Choose a target and an operation.
pub(super) async fn new(
    State(app): State<App>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Markup, Fault> {
    app.blocking(move |app| {
        let record = app.credential(query.get("credential").map_or("", String::as_str))?;
        let connection = connect(app, &record)?;
        let targets = targets(&connection)?;
        let chosen = query.get("what").map(String::as_str).and_then(|what| find(&targets, what));
        Ok(match chosen {
            Some((target, operation)) => {
                details(app, &record, target, operation, "", &Map::new(), None)
            }
            None => list(app, &record, &targets),
        })
    })
    .await
}

/// *Save* of the destination.
pub(super) async fn post_new(State(app): State<App>, posted: Posted) -> Result<Response, Fault> {
    app.blocking(move |app| {
        let record = app.credential(posted.text("credential"))?;
        let connection = connect(app, &record)?;
        let targets = targets(&connection)?;
        let (target, operation) = find(&targets, posted.text("what"))
            .ok_or_else(|| Fault::missing("There is no such target or operation."))?;
        let form =
            Form::parse(&operation.options).map_err(|error| Fault::internal(&error.to_string()))?;
        let values = fields::values(&form, &posted);
        match save(app, &connection, &record, target, operation, posted.text("name"), &values) {
            Ok(flow) => Ok(Redirect::to(&format!("/destination/{}", flow.id)).into_response()),
            Err(error) => {
                let fault = error.to_string();
                let name = posted.text("name");
                Ok(details(app, &record, target, operation, name, &values, Some(&fault))
                    .into_response())
            }
        }
    })
    .await
}

/// A saved destination.
pub(super) async fn show(State(app): State<App>, Path(id): Path<String>) -> Result<Markup, Fault> {
    app.blocking(move |app| {
        let flow = app.store().flow(&id)?;
        draw(app, &flow, "", None)
    })
    .await
}

/// *Dry run* of records, or *Write* of those that were rehearsed.
pub(super) async fn post(
    State(app): State<App>,
    Path(id): Path<String>,
    posted: Posted,
) -> Result<Response, Fault> {
    app.blocking(move |app| {
        let flow = app.store().flow(&id)?;
        let back = || Redirect::to(&format!("/destination/{}", flow.id)).into_response();
        let running = |writing: &Arc<Writing>| writing.is_running();
        if app.writings().get(flow.id.as_str()).is_some_and(running) {
            return Ok(back());
        }
        let dry_run = posted.text("action") != "write";
        let records = if dry_run {
            given_records(&posted)
        } else {
            let draft = app.drafts().get(posted.text("draft"), Instant::now());
            app.drafts().discard(posted.text("draft"));
            draft.records
        };
        if records.trim().is_empty() {
            let fault = if dry_run {
                "There are no records: paste them, or choose a file."
            } else {
                "The rehearsed records are no longer kept: run them dry once more."
            };
            return Ok(draw(app, &flow, "", Some(fault))?.into_response());
        }
        if !dry_run && posted.text("confirm") != "yes" && needs_consent(app, &flow) {
            let fault =
                "This operation needs your consent each time: run it dry again and tick the box.";
            return Ok(draw(app, &flow, &records, Some(fault))?.into_response());
        }
        let draft = if dry_run {
            let draft = Draft { records: records.clone(), ..Draft::default() };
            app.drafts().keep(draft, Instant::now())
        } else {
            String::new()
        };
        let writing = Writing::start(app, flow.clone(), records, dry_run, draft)?;
        app.writings().insert(flow.id.to_string(), writing);
        Ok(back())
    })
    .await
}

/// How far a write is, for the script.
pub(super) async fn progress(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Markup, Fault> {
    app.blocking(move |app| {
        let flow = app.store().flow(&id)?;
        let writing = app.writings().get(flow.id.as_str()).cloned();
        Ok(writing::draw(app, &flow, writing.as_deref()))
    })
    .await
}

/// *Stop*.
pub(super) async fn stop(State(app): State<App>, Path(id): Path<String>, _: Posted) -> Redirect {
    if let Some(writing) = app.writings().get(&id) {
        writing.cancel.cancel();
    }
    Redirect::to(&format!("/destination/{id}"))
}

/// The outcome of every record, as JSON lines.
pub(super) async fn outcomes(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let writing = app.writings().get(&id).cloned();
    let lines = writing.map(|writing| writing.outcomes());
    let lines =
        lines.ok_or_else(|| Fault::missing("Nothing was written since the page was started."))?;
    let headers = [
        (CONTENT_TYPE, "application/x-ndjson"),
        (CONTENT_DISPOSITION, "attachment; filename=\"outcomes.jsonl\""),
    ];
    Ok((headers, lines).into_response())
}

/// The target and operation of a flow, as this account has them now.
pub(super) fn target_of(
    app: &App,
    connection: &Connection,
    flow: &Flow,
) -> Result<(Target, Operation, String), CliError> {
    let FlowKind::Destination { target, operation } = &flow.kind else {
        return Err(CliError::usage("this is no destination"));
    };
    let targets = connection.targets()?;
    let target = find_target(&targets, target)?;
    let operation = find_operation(target, Some(operation))?;
    let options = options(&app.plugin, connection, target, operation, &as_typed(&flow.options))?;
    Ok((target.clone(), operation.clone(), options))
}

fn connect(app: &App, record: &CredentialRecord) -> Result<Connection, Fault> {
    app.connect(app.open(record)?, Arc::new(NoAudit), false, Cancel::new())
}

fn targets(connection: &Connection) -> Result<Vec<Target>, Fault> {
    Ok(connection.targets().map_err(CliError::from)?)
}

/// The target and operation of `TARGET/OPERATION`.
fn find<'a>(targets: &'a [Target], what: &str) -> Option<(&'a Target, &'a Operation)> {
    let (target, operation) = what.split_once('/')?;
    let target = targets.iter().find(|known| known.name == target)?;
    Some((target, target.operations.iter().find(|known| known.name == operation)?))
}

/// Records that were pasted, and those of the file.
fn given_records(posted: &Posted) -> String {
    let (typed, file) = (posted.text("records"), posted.text("file"));
    if typed.trim().is_empty() { file.to_owned() } else { format!("{typed}\n{file}") }
}

fn needs_consent(app: &App, flow: &Flow) -> bool {
    let asked = || {
        let record = app.credential(flow.credential_id.as_str()).ok()?;
        let connection = connect(app, &record).ok()?;
        target_of(app, &connection, flow).ok().map(|(_, operation, _)| operation.confirm)
    };
    // What cannot be asked cannot be written either.
    asked().unwrap_or(true)
}

fn save(
    app: &App,
    connection: &Connection,
    record: &CredentialRecord,
    target: &Target,
    operation: &Operation,
    name: &str,
    values: &Map<String, Value>,
) -> Result<Flow, CliError> {
    let name = Name::parse(name)?;
    options(&app.plugin, connection, target, operation, &as_typed(values))?;
    let new = NewFlow {
        name,
        kind: FlowKind::Destination {
            target: target.name.clone(),
            operation: operation.name.clone(),
        },
        credential_id: record.id.clone(),
        options: values.clone(),
    };
    Ok(app.store().add_flow(&new, now_ms())?)
}

fn list(app: &App, record: &CredentialRecord, targets: &[Target]) -> Markup {
    let content = html! {
        (crumbs())
        h1 { "New destination" }
        p { "With the credential " strong { (record.name) } ". Choose what to write to in "
            (app.descriptor.name) "." }
        @for target in targets {
            section .target aria-labelledby={ "target-" (target.name) } {
                h2 id={ "target-" (target.name) } { (target.title) }
                p .help { (sentence(&target.description)) }
                ul .list {
                    @for operation in &target.operations {
                        li {
                            a href={ "/destination/new?credential=" (record.id) "&what=" (target.name) "/" (operation.name) } {
                                (operation.title) span .hidden { " – " (target.title) }
                            }
                            " " span .badge { (effect(operation.effect)) }
                            @if operation.confirm { " " span .badge .warn { "asks each time" } }
                            p .help { (sentence(&operation.description)) }
                        }
                    }
                }
            }
        }
    };
    page(&Frame::new("New destination"), &content)
}

fn details(
    app: &App,
    record: &CredentialRecord,
    target: &Target,
    operation: &Operation,
    name: &str,
    values: &Map<String, Value>,
    fault: Option<&str>,
) -> Markup {
    let form = Form::parse(&operation.options).ok();
    let keys: Vec<_> = operation.keys.iter().map(|key| key.join(" and ")).collect();
    let content = html! {
        (crumbs())
        h1 { (operation.title) ": " (target.title) }
        p { "With the credential " strong { (record.name) } "." }
        p .help { (sentence(&operation.description)) }
        @if let Some(fault) = fault {
            div .box .bad role="alert" tabindex="-1" autofocus { p { (capital(fault)) } }
        }
        form method="post" action="/destination/new" novalidate {
            input type="hidden" name="csrf" value=(app.csrf);
            input type="hidden" name="credential" value=(record.id);
            input type="hidden" name="what" value={ (target.name) "/" (operation.name) };
            div .field {
                label for="destination-name" { "Destination name " span .needed { "(required)" } }
                input type="text" #destination-name name="name" value=(name) autocomplete="off"
                    aria-required="true" autofocus[fault.is_none()];
            }
            @for field in form.iter().flat_map(|form| &form.fields) {
                (fields::field(field, values.get(&field.name), SecretState::Empty, None))
            }
            details .folded {
                summary { "Schema of a record" }
                p .quiet {
                    "A record is named by " code { (keys.join(", or ")) } ". Writing it twice is "
                    @if operation.repeat_safe { "the same as once." } @else { "not the same as once." }
                }
                (preview::schema(&target.title, &operation.schema))
            }
            p .actions .bar {
                button .primary { "Save" }
                a .button href={ "/destination/new?credential=" (record.id) } { "Back" }
            }
        }
    };
    page(&Frame::new("New destination"), &content)
}

fn draw(app: &App, flow: &Flow, records: &str, fault: Option<&str>) -> Result<Markup, Fault> {
    let FlowKind::Destination { target, operation } = &flow.kind else {
        return Err(Fault::missing("This is no destination."));
    };
    let record = app.credential(flow.credential_id.as_str())?;
    let writing = app.writings().get(flow.id.as_str()).cloned();
    let running = writing.as_ref().is_some_and(|writing| writing.is_running());
    // Rehearsed records can be corrected where they are not too many to be edited by hand.
    let rehearsed = writing.map(|writing| {
        let records = app.drafts().get(writing.draft(), Instant::now()).records;
        (writing, Some(records).filter(|records| records.len() <= EDITED).unwrap_or_default())
    });
    let (writing, records) = match rehearsed {
        Some((writing, rehearsed)) if records.is_empty() => (Some(writing), rehearsed),
        Some((writing, _)) => (Some(writing), records.to_owned()),
        None => (None, records.to_owned()),
    };
    let content = html! {
        p .crumbs { a href="/" { "Start" } " › Destination" }
        h1 { (flow.name) }
        p { "Writes to " strong { (target) } " by " strong { (operation) } " with the credential "
            strong { (record.name) } "." }
        @if let Some(fault) = fault {
            div .box .bad role="alert" tabindex="-1" autofocus { p { (fault) } }
        }
        div #progress data-poll=[running.then(|| format!("/destination/{}/progress", flow.id))] {
            (writing::draw(app, flow, writing.as_deref()))
        }
        p #announcer .hidden role="status" {}
        @if !running {
            h2 { "Records" }
            form method="post" action={ "/destination/" (flow.id) } enctype="multipart/form-data" {
                input type="hidden" name="csrf" value=(app.csrf);
                div .field {
                    label for="records" { "Paste records" }
                    textarea #records .code name="records" rows="6" spellcheck="false" aria-describedby="records-help" { (records) }
                    p .help #records-help { "One JSON object a line." }
                }
                div .field {
                    label for="file" { "Or choose a file" }
                    input type="file" #file name="file" accept=".jsonl,.ndjson,.json,application/x-ndjson";
                }
                p .actions { button .primary name="action" value="dry-run" { "Dry run" } }
                p .quiet { "The dry run shows every call and sends none. You can write the records after it." }
            }
        }
    };
    Ok(page(&Frame::new(flow.name.as_str()).reloading(running), &content))
}

fn crumbs() -> Markup {
    html! {
        p .crumbs {
            a href="/" { "Start" } " › " a href="/authenticate/destination" { "Authenticate" } " › New destination"
        }
    }
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Append => "adds",
        Effect::Upsert => "creates or changes",
        Effect::Update => "changes",
        Effect::Delete => "removes",
        Effect::Act => "acts",
    }
}
