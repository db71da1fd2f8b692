//! `connector credential backup`: a copy of the store, secrets sealed.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::saved::open_store;

/// Copy the store to a file that does not exist yet; secrets stay sealed, the key is not in it
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The file to write
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

impl Backup {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, CliError> {
        let store = open_store(&context.globals)?;
        store.backup_to(&self.file)?;
        let place = store.key_place()?;
        let text = format!(
            "Copied to {}. It opens only together with the key in {place}.",
            self.file.display()
        );
        let value =
            json!({"file": self.file.display().to_string(), "key_place": place.to_string()});
        context.console.report(&value, &text);
        Ok(Exit::Done)
    }
}
