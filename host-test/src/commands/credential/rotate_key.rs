//! `connector credential rotate-key`: every secret sealed anew under a new key.

use std::path::PathBuf;

use clap::Args;
use connector_store::KeyPlace;
use serde_json::json;

use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::saved::{now_ms, open_store};

/// Seal every secret anew under a new key, and remove the old key
#[derive(Debug, Args)]
#[command(
    after_help = "Backups made before need a copy of the old key, so make a new one afterwards:\n  connector credential rotate-key\n  connector credential backup credentials-backup.db"
)]
pub(crate) struct RotateKey {
    /// Put the new key into a file in this folder [default: the place of the present key]
    #[arg(long, value_name = "DIR")]
    to_dir: Option<PathBuf>,
    /// Put the new key into the keyring of the operating system
    #[arg(long, conflicts_with = "to_dir")]
    to_keyring: bool,
}

impl RotateKey {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, CliError> {
        let mut store = open_store(&context.globals)?;
        let to = match self.to_dir {
            Some(folder) => Some(KeyPlace::File(folder)),
            None => self.to_keyring.then_some(KeyPlace::Keyring),
        };
        let place = store.rotate_key(to, now_ms())?;
        let text = format!("Every secret is sealed under a new key, in {place}.");
        context.console.report(&json!({"key_place": place.to_string()}), &text);
        Ok(Exit::Done)
    }
}
