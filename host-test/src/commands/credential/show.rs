//! `connector credential show`: everything about one credential but its secrets.

use clap::Args;
use connector_store::CredentialRecord;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{CliError, Exit, one_line};
use crate::finding::status_name;
use crate::saved::{open_store, stamp};
use crate::words;

/// Show a credential; of a secret, only that it is set
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The credential's name or id
    #[arg(value_name = "NAME")]
    credential: String,
}

impl Show {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, CliError> {
        let record = open_store(&context.globals)?.credential(&self.credential)?;
        let text: Vec<_> =
            rows(&record).into_iter().map(|(name, value)| format!("{name:23} {value}")).collect();
        context.console.report(&json!(record), &text.join("\n"));
        Ok(Exit::Done)
    }
}

fn rows(record: &CredentialRecord) -> Vec<(String, String)> {
    let mut rows = vec![
        (words::CREDENTIAL_NAME.to_owned(), record.name.to_string()),
        (words::CREDENTIAL_DESCRIPTION.to_owned(), one_line(&record.description)),
        ("Id".to_owned(), record.id.to_string()),
        ("Connector".to_owned(), format!("{} {}", record.connector_id, record.connector_version)),
    ];
    for slot in &record.secrets_set {
        rows.push((slot.clone(), "set".into()));
    }
    for (field, value) in &record.settings {
        let value = match value {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        rows.push((field.clone(), one_line(&value)));
    }
    rows.push((
        "Status".into(),
        record.verified.as_ref().map_or("not checked".into(), |verified| {
            format!(
                "{}, {}: {}",
                status_name(verified.status),
                stamp(verified.at_ms),
                verified.message
            )
        }),
    ));
    rows.push(("Created".into(), stamp(record.created_ms)));
    rows.push(("Updated".into(), stamp(record.updated_ms)));
    let used_by =
        if record.used_by.is_empty() { "nothing".into() } else { record.used_by.join(", ") };
    rows.push(("Used by".into(), used_by));
    rows
}
