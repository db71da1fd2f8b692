//! `connector credential`: saved credentials, from the form to the removal.

mod add;
mod adopt_key;
mod backup;
mod check;
mod edit;
mod entry;
mod list;
mod remove;
mod rotate_key;
mod show;
mod verify;

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::error::{CliError, Exit};

pub(crate) use check::check_saved;

/// Saved credentials: add, list, show, edit, remove, check; rotate their key
#[derive(Debug, Args)]
pub struct Credential {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Add(add::Add),
    List(list::List),
    Show(show::Show),
    Edit(edit::Edit),
    Remove(remove::Remove),
    Check(check::Check),
    RotateKey(rotate_key::RotateKey),
    AdoptKey(adopt_key::AdoptKey),
    Backup(backup::Backup),
}

impl Credential {
    /// Runs it.
    pub fn run(self, context: &Context) -> Result<Exit, CliError> {
        match self.command {
            Command::Add(command) => command.run(context),
            Command::List(command) => command.run(context),
            Command::Show(command) => command.run(context),
            Command::Edit(command) => command.run(context),
            Command::Remove(command) => command.run(context),
            Command::Check(command) => command.run(context),
            Command::RotateKey(command) => command.run(context),
            Command::AdoptKey(command) => command.run(context),
            Command::Backup(command) => command.run(context),
        }
    }
}
