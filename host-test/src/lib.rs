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
//! | [`finding`] | what a check of a credential found |
//! | [`form`] | a form as its JSON Schema describes it, and what is wrong with an answer to it |
//! | [`markdown`], [`words`] | texts of the form |
//! | [`output`], [`state_file`] | where records and states go, so that a killed run loses nothing |
//! | [`progress`], `write_progress` | what a person sees while it runs |
//! | `append_file`, `journal_file`, `piped` | what a write reads, keeps and sets aside |
//! | `planned_calls`, `write_report` | what a write shows: the calls of a dry run, and what it came to |
//! | [`prompt`] | questions at a terminal |
//! | [`web`] | the page of `connector serve` |
//! | [`airbyte`], [`singer`], [`adapter`] | the protocols of other platforms, and what they share |
//! | [`saved`] | the store of credentials, and a record opened to an account |

pub mod adapter;
pub mod airbyte;
mod append_file;
pub mod cli;
pub mod commands;
pub mod console;
pub mod context;
pub mod error;
pub mod finding;
pub mod form;
mod journal_file;
pub mod markdown;
pub mod output;
mod piped;
mod planned_calls;
pub mod progress;
pub mod prompt;
pub mod saved;
mod signals;
pub mod singer;
pub mod state_file;
pub mod web;
pub mod words;
mod write_progress;
mod write_report;

use std::ffi::OsString;
use std::process::ExitCode;

/// The component built from this checkout.
pub const COMPONENT: &str = env!("CONNECTOR_COMPONENT");

/// Runs the command that the arguments name, and says how it ended.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    cli::run(args)
}
