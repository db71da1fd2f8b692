//! `connector credential edit`: another name, description or setting, or a new secret.

use std::collections::BTreeSet;

use clap::Args;
use connector_egress::Secrets;
use connector_store::{CredentialEdit, SecretChange};
use serde_json::json;

use super::entry::{Entry, Question, ensure_secret, secret_from_environment, secret_from_stdin};
use super::verify::verify;
use crate::context::{Context, secret_variable};
use crate::error::{CliError, Exit};
use crate::prompt::Prompt;
use crate::saved::{ensure_connector, now_ms, open_account, open_store};

/// Change a credential; at a terminal and without flags, every field is asked for
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  connector credential edit Support\n  connector credential edit Support --name 'Support EU'\n  CONNECTOR_API_KEY=… connector credential edit Support --replace api_key\n  connector credential edit Support --set auth_header=authorization-bearer"
)]
pub(crate) struct Edit {
    /// The credential's name or id
    #[arg(value_name = "NAME")]
    credential: String,
    /// A new name; the secret is not needed for it
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// A new description
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Take a setting away, so that its default counts; may be repeated
    #[arg(long, value_name = "FIELD")]
    unset: Vec<String>,
    /// Replace the secret of this slot, by CONNECTOR_<SLOT> or asked for at a terminal; may be repeated
    #[arg(long, value_name = "SLOT")]
    replace: Vec<String>,
    /// Replace the secret of this slot by standard input
    #[arg(long, value_name = "SLOT")]
    secret_stdin: Option<String>,
    /// Save without trying the credential
    #[arg(long)]
    no_check: bool,
    /// Where the check names settings that work, change to them without asking
    #[arg(long, conflicts_with = "no_check")]
    accept_remedy: bool,
}

impl Edit {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, CliError> {
        let mut store = open_store(&context.globals)?;
        let record = store.credential(&self.credential)?;
        if self.only_words(context) {
            let edit = CredentialEdit {
                name: self.name.as_deref().map(connector_store::Name::parse).transpose()?,
                description: self.description.map(|text| text.trim().to_owned()),
                ..CredentialEdit::default()
            };
            let record = store.edit_credential(&record.id, record.revision, edit, now_ms())?;
            return Ok(report(context, &record, None, &[]));
        }
        let plugin = context.plugin()?;
        let descriptor = plugin.describe()?;
        ensure_connector(&record, &descriptor)?;
        let form = context.form(&plugin)?;
        let prompt = Prompt::of(context).filter(|_| self.secret_stdin.is_none());
        let mut open = BTreeSet::new();
        if self.nothing_given(context) {
            if prompt.is_none() {
                return Err(CliError::usage("nothing to change was given").remedy(
                    "Pass --name, --description, --set, --unset, --replace or --secret-stdin.",
                ));
            }
            open.extend([Question::Name, Question::Description]);
            open.extend(form.fields.iter().map(|field| Question::Field(field.name.clone())));
        }
        let mut values = record.settings.clone();
        values.extend(context.values(&form)?);
        for field in &self.unset {
            if values.remove(field).is_none() {
                return Err(CliError::usage(format!("the setting `{field}` is not set")));
            }
        }
        let mut entry = Entry {
            plugin: &plugin,
            form: &form,
            name: self.name.unwrap_or_else(|| record.name.to_string()),
            description: self.description.unwrap_or_else(|| record.description.clone()),
            values,
            secrets: Secrets::default(),
            saved: Some(&record),
            kept: Secrets::default(),
        };
        for slot in &self.replace {
            ensure_secret(&form, slot)?;
            match secret_from_environment(slot) {
                Some(secret) => entry.set_secret(slot, secret.expose()),
                None if prompt.is_some() => {
                    open.insert(Question::Field(slot.clone()));
                }
                None => {
                    let variable = secret_variable(slot);
                    return Err(CliError::usage(format!("the new secret `{slot}` is not given"))
                        .remedy(format!("Set {variable}, or use --secret-stdin {slot}.")));
                }
            }
        }
        if let Some(slot) = &self.secret_stdin {
            ensure_secret(&form, slot)?;
            entry.set_secret(slot, &secret_from_stdin()?);
        }
        // Those that are replaced need not open: that is how a damaged one is mended.
        for slot in record.secrets_set.iter().filter(|slot| entry.secrets.get(slot).is_none()) {
            match store.open_secret(&record.id, slot) {
                Ok(secret) => entry.kept.insert(slot, secret),
                Err(_) if open.contains(&Question::Field(slot.clone())) => {}
                Err(error) => return Err(error.into()),
            }
        }
        entry.complete(&store, prompt.as_ref(), open, &context.console)?;

        let warnings = entry.warnings();
        for warning in &warnings {
            context.console.warn(warning);
        }
        let access_changed =
            entry.values != record.settings || entry.secrets.iter().next().is_some();
        let edit = CredentialEdit {
            connector_version: Some(descriptor.version),
            name: Some(entry.parsed_name()?),
            description: Some(entry.description.trim().to_owned()),
            settings: Some(entry.values.clone()),
            secrets: entry
                .secrets
                .iter()
                .map(|(slot, secret)| (slot.to_owned(), SecretChange::Set(secret.clone())))
                .collect(),
        };
        let record = store.edit_credential(&record.id, record.revision, edit, now_ms())?;
        if self.no_check || !access_changed {
            return Ok(report(context, &record, None, &warnings));
        }
        // Opened once more, as any later run opens it.
        open_account(&mut store, &record)?;
        if !context.console.json() {
            context.console.note(&format!("Saved the credential \"{}\".", record.name));
        }
        let (record, finding) = verify(context, &plugin, &mut store, record, self.accept_remedy)?;
        Ok(report(context, &record, Some(&finding), &warnings))
    }

    /// Whether neither settings nor secrets are touched: then neither plugin nor key is needed.
    fn only_words(&self, context: &Context) -> bool {
        let words = self.name.is_some() || self.description.is_some();
        words && self.access_untouched(context)
    }

    fn nothing_given(&self, context: &Context) -> bool {
        self.name.is_none() && self.description.is_none() && self.access_untouched(context)
    }

    fn access_untouched(&self, context: &Context) -> bool {
        self.unset.is_empty()
            && self.replace.is_empty()
            && self.secret_stdin.is_none()
            && context.globals.set.is_empty()
            && context.globals.settings.is_none()
    }
}

fn report(
    context: &Context,
    record: &connector_store::CredentialRecord,
    finding: Option<&crate::finding::Finding>,
    warnings: &[String],
) -> Exit {
    if context.console.json() {
        let check = finding.map(crate::finding::Finding::to_json);
        let value = json!({"credential": record, "check": check, "warnings": warnings});
        context.console.report(&value, "");
    } else if finding.is_none() {
        context.console.note(&format!("Saved the credential \"{}\".", record.name));
    }
    Exit::Done
}
