//! The *Authenticate* screen: a tile for each credential, one to add another, and the overlays in front of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use connector_engine::bindings::types::Problem;
use connector_store::{
    CredentialEdit, CredentialRecord, Name, NewCredential, SecretChange, StoreError,
};
use maud::{Markup, html};

use super::app::App;
use super::drafts::Draft;
use super::fault::Fault;
use super::fields::{self, NAME, SecretState, field_of};
use super::layout::{Frame, page};
use super::overlay::{Overlay, capital, found, secret_state, tone};
use super::posted::Posted;
use crate::context::{Account, account_problems};
use crate::finding::{Finding, patch_text, patched, status_name};
use crate::markdown::sentence;
use crate::saved::{now_ms, stamp};
use crate::words;

/// What a credential is chosen for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Role {
    Destination,
    Source,
}

impl Role {
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        match text {
            "destination" => Ok(Role::Destination),
            "source" => Ok(Role::Source),
            _ => Err(Fault::missing("There is no such page.")),
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Role::Destination => "destination",
            Role::Source => "source",
        }
    }

    /// Where its Authenticate screen is.
    pub(super) fn address(self) -> String {
        format!("/authenticate/{}", self.name())
    }
}

/// The Authenticate screen.
pub(super) async fn screen(
    State(app): State<App>,
    Path(role): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Markup, Fault> {
    let role = Role::parse(&role)?;
    let said = query.get("done").cloned();
    app.blocking(move |app| draw(app, role, said.as_deref(), None)).await
}

/// The screen with the overlay for a new credential.
pub(super) async fn add(State(app): State<App>, Path(role): Path<String>) -> Result<Markup, Fault> {
    let role = Role::parse(&role)?;
    app.blocking(move |app| {
        let overlay = blank(app, role);
        draw(app, role, None, Some(overlay.draw()))
    })
    .await
}

/// The screen with the overlay for a saved credential.
pub(super) async fn edit(
    State(app): State<App>,
    Path((role, id)): Path<(String, String)>,
) -> Result<Markup, Fault> {
    let role = Role::parse(&role)?;
    app.blocking(move |app| {
        let record = app.credential(&id)?;
        let overlay = Overlay {
            edited: Some((record.id.to_string(), record.revision)),
            name: record.name.to_string(),
            description: record.description.clone(),
            values: record.settings.clone(),
            secret: Box::new(|field| {
                secret_state(app, field, &BTreeSet::new(), &record.secrets_set)
            }),
            ..blank(app, role)
        };
        draw(app, role, None, Some(overlay.draw()))
    })
    .await
}

/// *Test*, *Save* or a switch, of a new credential.
pub(super) async fn post_add(
    State(app): State<App>,
    Path(role): Path<String>,
    posted: Posted,
) -> Result<Response, Fault> {
    let role = Role::parse(&role)?;
    app.blocking(move |app| submit(app, role, None, &posted)).await
}

/// *Test*, *Save* or a switch, of a saved credential.
pub(super) async fn post_edit(
    State(app): State<App>,
    Path((role, id)): Path<(String, String)>,
    posted: Posted,
) -> Result<Response, Fault> {
    let role = Role::parse(&role)?;
    app.blocking(move |app| {
        let record = app.credential(&id)?;
        submit(app, role, Some(&record), &posted)
    })
    .await
}

fn blank(app: &App, role: Role) -> Overlay<'_> {
    Overlay {
        app,
        role,
        edited: None,
        name: String::new(),
        description: String::new(),
        values: serde_json::Map::new(),
        secret: Box::new(|_| SecretState::Empty),
        draft: String::new(),
        problems: Vec::new(),
        notice: None,
        finding: None,
    }
}

fn submit(
    app: &App,
    role: Role,
    record: Option<&CredentialRecord>,
    posted: &Posted,
) -> Result<Response, Fault> {
    let action = posted.text("action");
    let kept = app.drafts().get(posted.text("draft"), Instant::now());
    app.drafts().discard(posted.text("draft"));
    let mut values = fields::values(&app.form, posted);
    if let (Some(patch), "switch") = (&kept.patch, action) {
        values = patched(&values, patch);
    }
    // What was typed now, else what an earlier step kept.
    let mut typed = kept.secrets;
    for (slot, secret) in fields::secrets(&app.form, posted).iter() {
        typed.insert(slot, secret.clone());
    }
    let mut secrets = match record {
        Some(record) => kept_secrets(app, record, &typed)?,
        None => connector_egress::Secrets::default(),
    };
    for (slot, secret) in typed.iter() {
        secrets.insert(slot, secret.clone());
    }
    let account = Account { id: String::new(), values: values.clone(), secrets };
    let mut problems = Vec::new();
    if let Some(message) = name_fault(app, posted.text("name"), record)? {
        problems.push(Problem { field: format!("/{NAME}"), code: "name".into(), message });
    }
    problems.extend(account_problems(&app.plugin, &app.form, &account)?);
    let blocking = match action {
        // A test needs no name.
        "test" | "switch" => problems.iter().any(|problem| field_of(problem) != NAME),
        _ => !problems.is_empty(),
    };
    let revision: i64 = posted.text("revision").parse().unwrap_or_default();
    let mut notice = None;
    if !blocking && action == "save" {
        match save(app, record, revision, posted, &values, &typed) {
            Ok(saved) => {
                app.verify(&saved)?;
                return Ok(
                    Redirect::to(&format!("{}?done={}", role.address(), saved.id)).into_response()
                );
            }
            Err(StoreError::NameTaken { name }) => problems.push(Problem {
                field: format!("/{NAME}"),
                code: "name".into(),
                message: taken(&name),
            }),
            Err(StoreError::Conflict { .. }) => notice = Some(conflict(app, record)?),
            Err(error) => return Err(error.into()),
        }
    }
    let finding = match action {
        "test" | "switch" if !blocking => {
            problems.clear();
            Some(app.try_out(account)?)
        }
        _ => None,
    };
    // A secret that is wrong is typed again; one that is right is not.
    let mut right = connector_egress::Secrets::default();
    for (slot, secret) in typed.iter() {
        if !problems.iter().any(|problem| field_of(problem) == slot) {
            right.insert(slot, secret.clone());
        }
    }
    let set: BTreeSet<String> = right.names();
    let current = record.map(|record| app.credential(record.id.as_str())).transpose()?;
    let draft = Draft {
        secrets: right,
        patch: finding.as_ref().and_then(|finding| finding.patch.clone()),
        records: String::new(),
    };
    let overlay = Overlay {
        edited: current.as_ref().map(|current| {
            // After a conflict, saving once more is meant for what is saved now.
            let seen = if notice.is_some() { current.revision } else { revision };
            (current.id.to_string(), seen)
        }),
        name: posted.text("name").to_owned(),
        description: posted.text("description").to_owned(),
        values,
        secret: Box::new(|field| {
            let saved = current.as_ref().map(|current| &current.secrets_set);
            secret_state(app, field, &set, saved.unwrap_or(&BTreeSet::new()))
        }),
        draft: app.drafts().keep(draft, Instant::now()),
        problems,
        notice,
        finding,
        ..blank(app, role)
    };
    Ok(draw(app, role, None, Some(overlay.draw()))?.into_response())
}

/// The saved secrets that are not replaced: those that are need not open.
fn kept_secrets(
    app: &App,
    record: &CredentialRecord,
    typed: &connector_egress::Secrets,
) -> Result<connector_egress::Secrets, Fault> {
    let mut secrets = connector_egress::Secrets::default();
    for slot in record.secrets_set.iter().filter(|slot| typed.get(slot).is_none()) {
        secrets.insert(slot, app.store().open_secret(&record.id, slot)?);
    }
    Ok(secrets)
}

fn save(
    app: &App,
    record: Option<&CredentialRecord>,
    revision: i64,
    posted: &Posted,
    values: &serde_json::Map<String, serde_json::Value>,
    typed: &connector_egress::Secrets,
) -> Result<CredentialRecord, StoreError> {
    let name = Name::parse(posted.text("name"))?;
    let description = posted.text("description").trim().to_owned();
    let secrets = typed.iter().map(|(slot, secret)| (slot.to_owned(), secret.clone()));
    match record {
        None => {
            let new = NewCredential {
                connector_id: app.descriptor.id.clone(),
                connector_version: app.descriptor.version.clone(),
                name,
                description,
                settings: values.clone(),
                secrets: secrets.collect(),
            };
            app.store().add_credential(&new, now_ms())
        }
        Some(record) => {
            let edit = CredentialEdit {
                connector_version: Some(app.descriptor.version.clone()),
                name: Some(name),
                description: Some(description),
                settings: Some(values.clone()),
                secrets: secrets.map(|(slot, s)| (slot, SecretChange::Set(s))).collect(),
            };
            app.store().edit_credential(&record.id, revision, edit, now_ms())
        }
    }
}

fn name_fault(
    app: &App,
    typed: &str,
    record: Option<&CredentialRecord>,
) -> Result<Option<String>, Fault> {
    let name = match Name::parse(typed) {
        Ok(name) => name,
        Err(StoreError::NameBlank) => {
            return Ok(Some(format!("{} is required.", words::CREDENTIAL_NAME)));
        }
        Err(error) => return Ok(Some(format!("{}.", capital(&error.to_string())))),
    };
    match app.store().credential(name.as_str()) {
        Ok(found) if found.name == name && record.is_none_or(|record| record.id != found.id) => {
            Ok(Some(taken(name.as_str())))
        }
        Ok(_) | Err(StoreError::NoSuchCredential { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn taken(name: &str) -> String {
    format!("The name \"{name}\" is taken; choose another.")
}

fn conflict(app: &App, record: Option<&CredentialRecord>) -> Result<String, Fault> {
    let Some(record) = record else { return Ok(String::new()) };
    let current = app.credential(record.id.as_str())?;
    let description =
        if current.description.is_empty() { "no description" } else { &current.description };
    Ok(format!(
        "This credential was changed elsewhere in the meantime, such as in another tab. Saved now: \"{}\", {description}. \
         Nothing of yours was saved yet; what you entered is below. Save again to put it in its place, or cancel.",
        current.name
    ))
}

/// The screen, with an overlay or without one.
pub(super) fn draw(
    app: &App,
    role: Role,
    done: Option<&str>,
    overlay: Option<Markup>,
) -> Result<Markup, Fault> {
    let records = app.credentials()?;
    let saved = done.and_then(|id| records.iter().find(|record| record.id.as_str() == id));
    let content = html! {
        p .crumbs { a href="/" { "Start" } " › New " (role.name()) ": " (app.descriptor.name) }
        h1 { "Authenticate" }
        p { "Choose the credential with which to reach your " (app.descriptor.name) " account, or add one." }
        @if let Some(record) = saved {
            div .box .good role="status" tabindex="-1" autofocus {
                p { "The credential " strong { (record.name) } " is saved." }
            }
        }
        ul .tiles {
            @for record in &records { li .tile { (tile(app, role, record)) } }
            li .tile .add {
                a .stretched href={ (role.address()) "/add" } { "Add Credential" }
            }
        }
    };
    let title = if overlay.is_some() { "Credential" } else { "Authenticate" };
    Ok(page(&Frame::new(title).overlay(overlay), &content))
}

fn tile(app: &App, role: Role, record: &CredentialRecord) -> Markup {
    let finding = app.finding(record);
    let heading = format!("credential-{}", record.id);
    html! {
        article aria-labelledby=(heading) {
            h2 id=(heading) { (record.name) }
            @if !record.description.is_empty() { p .description { (record.description) } }
            (status(record, finding.as_ref()))
            @if let Some(patch) = finding.as_ref().and_then(|finding| finding.patch.as_ref()) {
                (post(app, record, role, "remedy", &format!("Switch to {}", patch_text(patch)), ""))
            }
            @if !record.used_by.is_empty() { p .quiet { "Used by " (record.used_by.join(", ")) } }
            div .actions {
                a .button .primary href={ "/" (role.name()) "/new?credential=" (record.id) } {
                    "Select" span .hidden { " " (record.name) " for a new " (role.name()) }
                }
                a .button .small href={ (role.address()) "/edit/" (record.id) } {
                    "Edit" span .hidden { " " (record.name) }
                }
                (post(app, record, role, "test", "Test", record.name.as_str()))
                a .button .small href={ (role.address()) "/remove/" (record.id) } {
                    "Remove" span .hidden { " " (record.name) }
                }
            }
        }
    }
}

/// Whether a credential works, as far as is known.
fn status(record: &CredentialRecord, finding: Option<&Finding>) -> Markup {
    let Some(verified) = &record.verified else {
        return html! { p .status { span .badge { "Not tested" } } };
    };
    html! {
        p .status {
            span .badge .(tone(verified.status)) { (capital(status_name(verified.status))) }
            " " span .quiet { (stamp(verified.at_ms)) }
        }
        p .message { (sentence(&verified.message)) }
        @if let Some(remedy) = finding.and_then(|finding| finding.remedy.as_ref()) { p .message { (sentence(remedy)) } }
    }
}

/// A button that posts about a credential. `of` is what it says more to those who cannot see where it stands.
fn post(
    app: &App,
    record: &CredentialRecord,
    role: Role,
    action: &str,
    label: &str,
    of: &str,
) -> Markup {
    html! {
        form .inline method="post" action={ (role.address()) "/" (action) "/" (record.id) } {
            input type="hidden" name="csrf" value=(app.csrf);
            button .small { (label) @if !of.is_empty() { span .hidden { " " (of) } } }
        }
    }
}

/// An overlay in front of the screen that says or asks one thing.
pub(super) fn question(role: Role, title: &str, content: &Markup) -> Markup {
    html! {
        div .overlay role="dialog" aria-modal="true" aria-labelledby="overlay-title" data-close=(role.address()) {
            div .panel {
                h2 #overlay-title { (title) }
                (content)
            }
        }
    }
}

/// What a check of a saved credential found, as an overlay.
pub(super) fn answer(
    app: &App,
    role: Role,
    record: &CredentialRecord,
    finding: &Finding,
) -> Markup {
    let content = html! {
        p { "Credential " strong { (record.name) } }
        (found(finding, false))
        @if let Some(patch) = &finding.patch {
            (post(app, record, role, "remedy", &format!("Switch to {}", patch_text(patch)), ""))
        }
        p .actions .bar { a .button .primary href=(role.address()) autofocus { "Close" } }
    };
    question(role, "Test", &content)
}
