//! `connector credential check`: does a saved credential work? The answer is remembered.

use clap::Args;

use super::verify::verify;
use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::saved::{ensure_connector, open_store};

/// Try a saved credential and remember the answer: works, refused, or not reached
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The credential's name or id
    #[arg(value_name = "NAME")]
    credential: String,
    /// Where the check names settings that work, change to them without asking
    #[arg(long)]
    accept_remedy: bool,
}

impl Check {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, CliError> {
        check_saved(context, &self.credential, self.accept_remedy)
    }
}

/// Checks a saved credential, shows and remembers what was found.
pub(crate) fn check_saved(
    context: &Context,
    credential: &str,
    accept_remedy: bool,
) -> Result<Exit, CliError> {
    let mut store = open_store(&context.globals)?;
    let record = store.credential(credential)?;
    let plugin = context.plugin()?;
    ensure_connector(&record, &plugin.describe()?)?;
    let (_, finding) = verify(context, &plugin, &mut store, record, accept_remedy)?;
    if context.console.json() {
        context.console.report(&finding.to_json(), "");
    }
    Ok(finding.exit)
}
