//! `connector check`: does the credential work?

use clap::Args;
use connector_engine::CallError;

use crate::commands::credential::check_saved;
use crate::console::{Colour, paint};
use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::finding::Finding;

/// Try the credential: works, refused, or not reached
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  CONNECTOR_API_KEY=… connector check\n  connector check --credential Support --json"
)]
pub struct Check {}

impl Check {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<Exit, CliError> {
        // Settings of this run alone are tried, and nothing is remembered of them.
        if let Some(name) =
            context.globals.credential.as_ref().filter(|_| context.globals.set.is_empty())
        {
            return check_saved(context, name, false);
        }
        let plugin = context.plugin()?;
        let account = context.account(&plugin)?;
        let connection = context.connect(&plugin, account, None)?;
        let answer = connection.check();
        if let (Err(CallError::Failure(failure)), false) = (&answer, context.console.json()) {
            return Err(failure.clone().into());
        }
        if let Err(CallError::Plugin(error)) = answer {
            return Err(error.into());
        }
        let finding = Finding::new(answer, connection.scrubber());
        let text = format!("{} {}", paint("works:", Colour::Green), finding.message);
        context.console.report(&finding.to_json(), &text);
        Ok(finding.exit)
    }
}
