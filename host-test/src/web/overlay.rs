//! The overlays *Add New Credential* and *Edit Credential*: one form, for any connector.

use connector_engine::bindings::types::Problem;
use connector_store::VerifiedStatus;
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::app::App;
use super::authenticate::Role;
use super::fields::{self, NAME, SecretState, problem_of};
use crate::finding::{Finding, patch_text, status_name};
use crate::form::FieldKind;
use crate::markdown::sentence;

/// What an overlay shows.
pub(super) struct Overlay<'a> {
    pub(super) app: &'a App,
    pub(super) role: Role,
    /// Of the credential that is edited, its id and revision.
    pub(super) edited: Option<(String, i64)>,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) values: Map<String, Value>,
    /// How a secret stands.
    pub(super) secret: Box<dyn Fn(&str) -> SecretState + 'a>,
    /// The name of what was typed and is kept.
    pub(super) draft: String,
    pub(super) problems: Vec<Problem>,
    /// Something that a person has to know first.
    pub(super) notice: Option<String>,
    /// What a test of these values found.
    pub(super) finding: Option<Finding>,
}

impl Overlay<'_> {
    /// Draws it.
    pub(super) fn draw(&self) -> Markup {
        let form = &self.app.form;
        let title = if self.edited.is_some() { "Edit Credential" } else { "Add New Credential" };
        let back = self.role.address();
        let untouched = self.problems.is_empty() && self.finding.is_none() && self.notice.is_none();
        let action = match &self.edited {
            Some((id, _)) => format!("{back}/edit/{id}"),
            None => format!("{back}/add"),
        };
        let draw = |advanced: bool| {
            let drawn = form.fields.iter().filter(|field| field.advanced == advanced);
            html! {
                @for field in drawn {
                    (fields::field(
                        field,
                        self.values.get(&field.name),
                        (self.secret)(&field.name),
                        problem_of(&self.problems, &field.name),
                    ))
                }
            }
        };
        let has_advanced = form.fields.iter().any(|field| field.advanced);
        let advanced_open = form.fields.iter().filter(|field| field.advanced).any(|field| {
            self.values.contains_key(&field.name)
                || problem_of(&self.problems, &field.name).is_some()
        });
        html! {
            div .overlay role="dialog" aria-modal="true" aria-labelledby="overlay-title" data-close=(back) {
                form .panel method="post" action=(action) novalidate autocomplete="off" {
                    h2 #overlay-title { (title) }
                    p .connector { (self.app.descriptor.name) }
                    (fields::summary(form, &self.problems))
                    @if let Some(notice) = &self.notice {
                        div .box .warn role="alert" tabindex="-1" autofocus { p { (notice) } }
                    }
                    @if let Some(finding) = &self.finding {
                        (found(finding, true))
                        @if let Some(patch) = &finding.patch {
                            p .actions {
                                button .small name="action" value="switch" { "Switch to " (patch_text(patch)) }
                            }
                        }
                    }
                    input type="hidden" name="csrf" value=(self.app.csrf);
                    input type="hidden" name="draft" value=(self.draft);
                    @if let Some((_, revision)) = &self.edited {
                        input type="hidden" name="revision" value=(revision);
                    }
                    (fields::name_and_description(
                        &self.name,
                        &self.description,
                        problem_of(&self.problems, NAME),
                        untouched,
                    ))
                    (draw(false))
                    @if has_advanced {
                        (fields::folded(crate::words::ADVANCED, advanced_open, &draw(true)))
                    }
                    p .actions .bar {
                        button .primary name="action" value="save" { "Save" }
                        button name="action" value="test" { "Test" }
                        a .button href=(back) { "Cancel" }
                    }
                }
            }
        }
    }
}

/// How the secrets of a form stand: those of a draft, else those that are saved.
pub(super) fn secret_state(
    app: &App,
    field: &str,
    typed: &std::collections::BTreeSet<String>,
    saved: &std::collections::BTreeSet<String>,
) -> SecretState {
    let secret = app.form.field(field).is_some_and(|field| field.kind == FieldKind::Secret);
    if secret && typed.contains(field) {
        SecretState::Typed
    } else if secret && saved.contains(field) {
        SecretState::Saved
    } else {
        SecretState::Empty
    }
}

/// What a check found, in a box.
pub(super) fn found(finding: &Finding, focus: bool) -> Markup {
    html! {
        div .box .(tone(finding.status)) role="status" tabindex="-1" autofocus[focus] {
            p { strong { (capital(status_name(finding.status))) ". " } (sentence(&finding.message)) }
            @if let Some(remedy) = &finding.remedy { p { (sentence(remedy)) } }
            @for notice in &finding.notices { p { (sentence(notice)) } }
        }
    }
}

/// The look of an answer.
pub(super) fn tone(status: VerifiedStatus) -> &'static str {
    match status {
        VerifiedStatus::Works => "good",
        VerifiedStatus::Refused => "bad",
        _ => "warn",
    }
}

/// A word as it begins a sentence.
pub(super) fn capital(word: &str) -> String {
    let mut characters = word.chars();
    let first = characters.next().map(|c| c.to_uppercase().collect::<String>());
    first.unwrap_or_default() + characters.as_str()
}
