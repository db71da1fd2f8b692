//! The check of a saved credential: what it found is shown and remembered, and a remedy is offered.

use connector_engine::Plugin;
use connector_store::{CredentialEdit, CredentialRecord, Store, StoreError, VerifiedStatus};

use crate::console::{Colour, paint};
use crate::context::Context;
use crate::error::CliError;
use crate::finding::{Finding, patch_text, patched, status_name};
use crate::prompt::Prompt;
use crate::saved::{now_ms, open_account};

/// Checks a credential, and again with the remedy where that is accepted. What is found is remembered and shown.
pub(super) fn verify(
    context: &Context,
    plugin: &Plugin,
    store: &mut Store,
    record: CredentialRecord,
    accept_remedy: bool,
) -> Result<(CredentialRecord, Finding), CliError> {
    let finding = try_out(context, plugin, store, &record)?;
    let record = remember(context, store, record, &finding)?;
    say(context, &finding);
    let Some(patch) = &finding.patch else { return Ok((record, finding)) };
    let words = patch_text(patch);
    let accepted = accept_remedy
        || match Prompt::of(context) {
            Some(prompt) => prompt.yes(&format!("Change the setting ({words})?"), true)?,
            None => false,
        };
    if !accepted {
        context.console.note(&format!(
            "To change it: connector credential edit {:?} --set {}, or check again with --accept-remedy.",
            record.name.as_str(),
            words
        ));
        return Ok((record, finding));
    }
    let edit = CredentialEdit {
        settings: Some(patched(&record.settings, patch)),
        ..CredentialEdit::default()
    };
    let record = store.edit_credential(&record.id, record.revision, edit, now_ms())?;
    if !context.console.json() {
        context.console.note(&format!("Changed: {words}."));
    }
    let finding = try_out(context, plugin, store, &record)?;
    let record = remember(context, store, record, &finding)?;
    say(context, &finding);
    Ok((record, finding))
}

fn try_out(
    context: &Context,
    plugin: &Plugin,
    store: &mut Store,
    record: &CredentialRecord,
) -> Result<Finding, CliError> {
    let account = open_account(store, record)?;
    let connection = context.connect(plugin, account, None)?;
    Ok(Finding::new(connection.check(), connection.scrubber()))
}

fn remember(
    context: &Context,
    store: &mut Store,
    record: CredentialRecord,
    finding: &Finding,
) -> Result<CredentialRecord, CliError> {
    let verified = finding.verified(now_ms());
    match store.set_verified(&record.id, record.access_revision, verified) {
        Ok(record) => Ok(record),
        Err(error @ StoreError::VerifiedStale { .. }) => {
            context.console.warn(&error.to_string());
            Ok(record)
        }
        Err(error) => Err(error.into()),
    }
}

/// Shows what was found, to people; machines get it in the report.
fn say(context: &Context, finding: &Finding) {
    if context.console.json() {
        return;
    }
    let colour = match finding.status {
        VerifiedStatus::Works => Colour::Green,
        VerifiedStatus::Refused => Colour::Red,
        _ => Colour::Yellow,
    };
    let word = paint(&format!("{}:", status_name(finding.status)), colour);
    context.console.note(&format!("{word} {}", finding.message));
    for line in finding.remedy.iter().chain(&finding.notices) {
        context.console.note(&format!("  {line}"));
    }
}
