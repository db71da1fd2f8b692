//! `connector check`: does the credential work?

use clap::Args;
use connector_engine::CallError;
use connector_engine::bindings::types::Action;
use serde_json::{Value, json};

use crate::console::{Colour, paint};
use crate::context::Context;
use crate::error::{CliError, Exit, exit_of};

/// Try the credential: works, refused, or not reached
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  CONNECTOR_API_KEY=… connector check\n  connector check --credential Support --json"
)]
pub struct Check {}

impl Check {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<Exit, CliError> {
        let plugin = context.plugin()?;
        let account = context.account(&plugin)?;
        let connection = context.connect(&plugin, account, None)?;
        match connection.check() {
            Ok(report) => {
                let notices: Vec<_> =
                    report.notices.iter().map(|notice| notice.message.clone()).collect();
                let value = json!({
                    "status": "works", "message": report.message, "account": report.account,
                    "notices": notices,
                });
                let text = format!("{} {}", paint("works:", Colour::Green), report.message);
                context.console.report(&value, &text);
                Ok(Exit::Done)
            }
            Err(CallError::Failure(failure)) if context.console.json() => {
                let patch: Value = failure
                    .patch
                    .as_deref()
                    .and_then(|patch| serde_json::from_str(patch).ok())
                    .unwrap_or_default();
                let value = json!({
                    "status": status(failure.action), "code": failure.code,
                    "message": failure.message, "remedy": failure.remedy, "patch": patch,
                });
                context.console.report(&value, "");
                Ok(exit_of(failure.action))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The answer that an action of a failed check stands for.
pub fn status(action: Action) -> &'static str {
    match action {
        Action::FixSettings | Action::Reauthorize => "refused",
        Action::RetryLater => "unreachable",
        Action::StartOver | Action::Stop => "unknown",
    }
}
