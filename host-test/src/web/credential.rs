//! What is done to a saved credential from its tile: test it, take the remedy, remove it.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use connector_store::{CredentialEdit, StoreError};
use maud::{Markup, html};

use super::app::App;
use super::authenticate::{Role, answer, draw, question};
use super::fault::Fault;
use super::posted::Posted;
use crate::finding::patched;
use crate::saved::now_ms;

/// *Test*.
pub(super) async fn test(
    State(app): State<App>,
    Path((role, id)): Path<(String, String)>,
    _: Posted,
) -> Result<Markup, Fault> {
    let role = Role::parse(&role)?;
    app.blocking(move |app| {
        let record = app.credential(&id)?;
        let finding = app.verify(&record)?;
        let overlay = answer(app, role, &record, &finding);
        draw(app, role, None, Some(overlay))
    })
    .await
}

/// The switch to the settings that the last test found to work.
pub(super) async fn remedy(
    State(app): State<App>,
    Path((role, id)): Path<(String, String)>,
    _: Posted,
) -> Result<Markup, Fault> {
    let role = Role::parse(&role)?;
    app.blocking(move |app| {
        let record = app.credential(&id)?;
        let patch = app.finding(&record).and_then(|finding| finding.patch);
        let Some(patch) = patch else {
            return Err(Fault::new(
                axum::http::StatusCode::CONFLICT,
                "The credential was changed since its test, so there is nothing to switch to; test it again.",
            ));
        };
        let edit = CredentialEdit {
            settings: Some(patched(&record.settings, &patch)),
            ..CredentialEdit::default()
        };
        let changed = app.store().edit_credential(&record.id, record.revision, edit, now_ms())?;
        let finding = app.verify(&changed)?;
        let overlay = answer(app, role, &changed, &finding);
        draw(app, role, None, Some(overlay))
    })
    .await
}

/// The question before a removal, or why there can be none.
pub(super) async fn ask_to_remove(
    State(app): State<App>,
    Path((role, id)): Path<(String, String)>,
) -> Result<Markup, Fault> {
    let role = Role::parse(&role)?;
    app.blocking(move |app| removal(app, role, &id)).await
}

/// *Remove*.
pub(super) async fn remove(
    State(app): State<App>,
    Path((role, id)): Path<(String, String)>,
    _: Posted,
) -> Result<Response, Fault> {
    let role = Role::parse(&role)?;
    app.blocking(move |app| {
        let record = app.credential(&id)?;
        let removed = app.store().remove_credential(&record.id);
        match removed {
            Ok(()) => Ok(Redirect::to(&role.address()).into_response()),
            // A source or destination was made since the question was asked.
            Err(StoreError::InUse { .. }) => Ok(removal(app, role, &id)?.into_response()),
            Err(error) => Err(error.into()),
        }
    })
    .await
}

fn removal(app: &App, role: Role, id: &str) -> Result<Markup, Fault> {
    let record = app.credential(id)?;
    let back = role.address();
    let content = if record.used_by.is_empty() {
        html! {
            p { "The credential " strong { (record.name) } " and its secrets will be gone for good." }
            form method="post" action={ (back) "/remove/" (record.id) } {
                input type="hidden" name="csrf" value=(app.csrf);
                p .actions .bar {
                    button .danger { "Remove" }
                    a .button href=(back) autofocus { "Cancel" }
                }
            }
        }
    } else {
        html! {
            div .box .bad role="alert" {
                p { "The credential " strong { (record.name) } " is used by " (record.used_by.join(", "))
                    ". Remove that first." }
            }
            p .actions .bar { a .button .primary href=(back) autofocus { "Close" } }
        }
    };
    draw(app, role, None, Some(question(role, "Remove Credential", &content)))
}
