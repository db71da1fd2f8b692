//! What can go wrong with a plugin, apart from the failures that it reports itself.

use std::path::PathBuf;
use std::time::Duration;

use crate::bindings::types::Failure;

/// A plugin could not be loaded, or broke the contract or a limit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// The file cannot be read.
    #[error("cannot read the plugin {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not WebAssembly, or is cut off.
    #[error("{name} is not a WebAssembly component: {reason}")]
    NotAComponent {
        /// The file.
        name: String,
        /// What it is instead.
        reason: String,
    },
    /// The file's digest is not the one that was asked for.
    #[error(
        "{name} has the SHA-256 {found}, but {expected} was asked for: it is another file, or was changed"
    )]
    Digest {
        /// The file.
        name: String,
        /// The digest asked for, in hexadecimal.
        expected: String,
        /// The digest found, in hexadecimal.
        found: String,
    },
    /// It is a component, but of another world or another version of the contract.
    #[error("{name} does not implement {contract}: {reason}")]
    Contract {
        /// The file.
        name: String,
        /// The contract that this host speaks.
        contract: &'static str,
        /// What is missing or different.
        reason: String,
    },
    /// It imports something that the contract does not give.
    #[error("{name} wants to import {import}, which no plugin is given: only {allowed} is")]
    Import {
        /// The file.
        name: String,
        /// What it wants.
        import: String,
        /// All that it may import.
        allowed: &'static str,
    },
    /// The compiled-code cache cannot be used.
    #[error("cannot use the compile cache {}: {reason}; mend its permissions, or pass --no-cache", path.display())]
    Cache {
        /// Its folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It ran longer than it may between two requests.
    #[error("the plugin ran for more than {} in {call} and was stopped", seconds(*.limit))]
    Deadline {
        /// The call.
        call: &'static str,
        /// How long it may run.
        limit: Duration,
    },
    /// It wanted more memory than it may have.
    #[error("the plugin wanted more than {} MiB of memory in {call} and was stopped", limit >> 20)]
    Memory {
        /// The call.
        call: &'static str,
        /// How much it may have, in bytes.
        limit: u64,
    },
    /// It used up its fuel.
    #[error("the plugin used up its {limit} units of fuel in {call} and was stopped")]
    Fuel {
        /// The call.
        call: &'static str,
        /// How much it had.
        limit: u64,
    },
    /// It called itself too deeply.
    #[error("the plugin's stack overflowed in {call}")]
    Stack {
        /// The call.
        call: &'static str,
    },
    /// It panicked, or did something else that WebAssembly forbids.
    #[error("the plugin crashed in {call}: {reason}")]
    Crash {
        /// The call.
        call: &'static str,
        /// The trap.
        reason: String,
    },
    /// It went on asking for requests after those of the call were used up.
    #[error(
        "the plugin went on sending in {call} after its {limit} requests were used up, and was stopped"
    )]
    Flood {
        /// The call.
        call: &'static str,
        /// How many requests it may send.
        limit: u64,
    },
    /// It handed over more than a call may.
    #[error("the plugin handed over more than {} MiB in {call}", limit >> 20)]
    TooMuch {
        /// The call.
        call: &'static str,
        /// How much it may hand over, in bytes.
        limit: u64,
    },
    /// What it handed over breaks the contract.
    #[error("the plugin broke the contract in {call}: {reason}")]
    Broken {
        /// The call.
        call: &'static str,
        /// How.
        reason: String,
    },
    /// The host was told to stop while it ran.
    #[error("stopped in {call}")]
    Cancelled {
        /// The call.
        call: &'static str,
    },
}

/// Why a call into a plugin gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The plugin reports a failure.
    #[error("{}", .0.message)]
    Failure(Failure),
    /// The plugin broke the contract or a limit.
    #[error(transparent)]
    Plugin(#[from] PluginError),
}

impl From<Failure> for CallError {
    fn from(failure: Failure) -> Self {
        CallError::Failure(failure)
    }
}

fn seconds(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64())
}
