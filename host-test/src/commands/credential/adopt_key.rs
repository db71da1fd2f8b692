//! `connector credential adopt-key`: the key now lies in another folder, as after a restore.

use std::path::PathBuf;

use clap::Args;
use connector_store::KeyPlace;
use serde_json::json;

use crate::context::Context;
use crate::error::{CliError, Exit};
use crate::saved::open_store;

/// Record that the key file now lies in another folder, as after a restore on another machine
#[derive(Debug, Args)]
pub(crate) struct AdoptKey {
    /// The folder that the key file was copied to
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl AdoptKey {
    pub(crate) fn run(self, context: &Context) -> Result<Exit, CliError> {
        let mut store = open_store(&context.globals)?;
        store.adopt_key(KeyPlace::File(self.folder))?;
        let place = store.key_place()?;
        let text = format!("The key is in {place}.");
        context.console.report(&json!({"key_place": place.to_string()}), &text);
        Ok(Exit::Done)
    }
}
