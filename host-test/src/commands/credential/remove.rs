//! `connector credential remove`: a credential that nothing uses.

use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::prompt::Prompt;
use crate::saved::open_store;

/// Remove a credential that no source or destination uses, with its secrets
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// The credential's name or id
    #[arg(value_name = "NAME")]
    credential: String,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

impl Remove {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, CliError> {
        let mut store = open_store(&context.globals)?;
        let record = store.credential(&self.credential)?;
        let asked = Prompt::of(context).filter(|_| !self.yes && record.used_by.is_empty());
        if let Some(prompt) = asked
            && !prompt.yes(&format!("Remove the credential \"{}\"?", record.name), false)?
        {
            context.console.note("Nothing was removed.");
            return Ok(Exit::Done);
        }
        store.remove_credential(&record.id)?;
        let text = format!("Removed the credential \"{}\".", record.name);
        context.console.report(&json!({"removed": record.id, "name": record.name}), &text);
        Ok(Exit::Done)
    }
}
