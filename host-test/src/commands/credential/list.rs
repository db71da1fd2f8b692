//! `connector credential list`: every saved credential in a line.

use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::error::{CliError, Exit, one_line};
use crate::finding::status_name;
use crate::saved::open_store;

/// List saved credentials
#[derive(Debug, Args)]
pub(crate) struct List {}

impl List {
    #[expect(clippy::unused_self, reason = "every command runs alike")]
    pub(crate) fn run(self, context: &Context) -> Result<Exit, CliError> {
        let records = open_store(&context.globals)?.credentials()?;
        let width = records.iter().map(|r| r.name.as_str().chars().count()).max().unwrap_or(0);
        let lines: Vec<_> = records
            .iter()
            .map(|record| {
                let status =
                    record.verified.as_ref().map_or("not checked", |v| status_name(v.status));
                let description = one_line(&record.description);
                let name = record.name.as_str();
                format!("{name:width$}  {:12} {status:12} {description}", record.connector_id)
                    .trim_end()
                    .to_owned()
            })
            .collect();
        let text = if lines.is_empty() {
            "No credential is saved yet: connector credential add".to_owned()
        } else {
            lines.join("\n")
        };
        context.console.report(&json!(records), &text);
        Ok(Exit::Done)
    }
}
