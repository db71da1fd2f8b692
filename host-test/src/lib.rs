//! The host of the connector: its command line, its web page, and the Airbyte and Singer protocols.
//!
//! Everything here stands on [`connector_engine`], which knows the contract and no service. Only the emulator, the demo
//! and the tests know Customerly.
//!
//! | module | what lives there |
//! | --- | --- |
//! | [`cli`] | the arguments, and which command they mean |
//! | [`commands`] | one file a command |
//! | [`context`] | from arguments to a plugin and a connection |
//! | [`console`] | all that is printed, scrubbed of secrets |
//! | [`error`] | one line and an exit code for every mistake |
//! | [`form`] | a form as its JSON Schema describes it, and what is wrong with an answer to it |
//! | [`output`], [`state_file`] | where records and states go, so that a killed run loses nothing |
//! | [`progress`] | what a person sees while it runs |

pub mod cli;
pub mod commands;
pub mod console;
pub mod context;
pub mod error;
pub mod form;
pub mod output;
pub mod progress;
mod signals;
pub mod state_file;

use std::ffi::OsString;
use std::process::ExitCode;

/// The component built from this checkout.
pub const COMPONENT: &str = env!("CONNECTOR_COMPONENT");

/// Runs the command that the arguments name, and says how it ended.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    cli::run(args)
}
