//! `connector singer`: the plugin as a Singer tap, and as a Singer target.
//!
//! | module | what lives there |
//! | --- | --- |
//! | [`settings`] | the arguments and settings of both, and what they say of themselves |
//! | [`catalogue`] | streams as discovered, and as selected |
//! | [`state`] | bookmarks, and the plugin's own position beside them |
//! | [`tap`] | streams out; [`stream`]: what one of them sends |
//! | [`target`] | records in |

pub mod catalogue;
mod metrics;
pub mod settings;
pub mod state;
pub mod stream;
pub mod tap;
pub mod target;

use clap::{Args, Subcommand};

use crate::context::Context;
use crate::error::{CliError, Exit};

/// Be a Singer tap or a Singer target, as Meltano and others run them
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  connector singer tap --config config.json --discover > catalog.json\n  connector singer tap --config config.json --catalog catalog.json --state state.json\n  TAP_CUSTOMERLY_API_KEY=… connector singer tap --config ENV | target-jsonl"
)]
pub struct Singer {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Tap(tap::Tap),
    Target(target::Target),
}

impl Singer {
    /// Runs it. What ends it too early is told on a line that begins with CRITICAL.
    pub fn run(self, context: &Context) -> Result<Exit, CliError> {
        let result = match self.verb {
            Verb::Tap(tap) => tap.run(context),
            Verb::Target(target) => target.run(context),
        };
        Ok(result.unwrap_or_else(|error| {
            context.console.note(&format!("CRITICAL {error}"));
            error.exit
        }))
    }
}
