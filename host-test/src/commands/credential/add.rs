//! `connector credential add`: a new credential, as the guide fills it in.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use connector_egress::Secrets;
use connector_store::NewCredential;
use serde_json::{Value, json};

use super::entry::{Entry, Question, ensure_secret, secret_from_environment, secret_from_stdin};
use super::verify::verify;
use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::form::FieldKind;
use crate::prompt::Prompt;
use crate::saved::{now_ms, open_store};

/// Save a new credential; at a terminal, what is not given is asked for
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  connector credential add\n  CONNECTOR_API_KEY=… connector credential add --name Support --description 'Support workspace'\n  pass show customerly | connector credential add --name Support --secret-stdin api_key"
)]
pub(crate) struct Add {
    /// Credential Name; required, and no two have the same
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Credential Description; recommended
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Read the secret of this slot from standard input; else it comes from CONNECTOR_<SLOT>
    #[arg(long, value_name = "SLOT")]
    secret_stdin: Option<String>,
    /// Save without trying the credential
    #[arg(long)]
    no_check: bool,
    /// Where the check names settings that work, change to them without asking
    #[arg(long, conflicts_with = "no_check")]
    accept_remedy: bool,
}

impl Add {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, CliError> {
        let plugin = context.plugin()?;
        let descriptor = plugin.describe()?;
        let form = context.form(&plugin)?;
        let mut store = open_store(&context.globals)?;
        let prompt = Prompt::of(context).filter(|_| self.secret_stdin.is_none());
        let mut open: BTreeSet<_> =
            form.fields.iter().map(|field| Question::Field(field.name.clone())).collect();
        if self.name.is_none() {
            open.insert(Question::Name);
        }
        if self.description.is_none() {
            open.insert(Question::Description);
        }
        let mut entry = Entry {
            plugin: &plugin,
            form: &form,
            name: self.name.unwrap_or_default(),
            description: self.description.unwrap_or_default(),
            values: context.values(&form)?,
            secrets: Secrets::default(),
            saved: None,
            kept: Secrets::default(),
        };
        for field in form.fields.iter().filter(|field| field.kind == FieldKind::Secret) {
            if let Some(secret) = secret_from_environment(&field.name) {
                entry.set_secret(&field.name, secret.expose());
            }
        }
        if let Some(slot) = &self.secret_stdin {
            ensure_secret(&form, slot)?;
            entry.set_secret(slot, &secret_from_stdin()?);
        }
        let given =
            |name: &String| entry.values.contains_key(name) || entry.secrets.get(name).is_some();
        open.retain(|question| !matches!(question, Question::Field(name) if given(name)));
        if let Some(prompt) = &prompt {
            prompt
                .say(&format!("Add New Credential: {}", crate::error::one_line(&descriptor.name)));
        }
        entry.complete(&store, prompt.as_ref(), open, &context.console)?;

        let warnings = entry.warnings();
        for warning in &warnings {
            context.console.warn(warning);
        }
        let secrets: BTreeMap<_, _> =
            entry.secrets.iter().map(|(slot, secret)| (slot.to_owned(), secret.clone())).collect();
        let new = NewCredential {
            connector_id: descriptor.id,
            connector_version: descriptor.version,
            name: entry.parsed_name()?,
            description: entry.description.trim().to_owned(),
            settings: entry.values,
            secrets,
        };
        let record = store.add_credential(&new, now_ms())?;
        if !context.console.json() {
            context.console.note(&format!("Saved the credential \"{}\".", record.name));
        }
        let (record, finding) = if self.no_check {
            (record, None)
        } else {
            let (record, finding) =
                verify(context, &plugin, &mut store, record, self.accept_remedy)?;
            (record, Some(finding))
        };
        if context.console.json() {
            let check = finding.map(|finding| finding.to_json());
            let value: Value = json!({"credential": record, "check": check, "warnings": warnings});
            context.console.report(&value, "");
        }
        Ok(Exit::Done)
    }
}
