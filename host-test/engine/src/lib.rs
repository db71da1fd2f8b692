//! Runs a connector component in wasmtime and supplies its one capability, HTTP.
//!
//! The host knows the contract and no service. A plugin is loaded once and called any number of times; each call gets
//! an instance of its own, under limits, and ends in a value or in a typed error.
//!
//! | module | what lives there |
//! | --- | --- |
//! | [`artifact`], [`runtime`], [`plugin`] | from a file to compiled code that was checked against the contract |
//! | [`Plugin`] | calls without a network; [`connection`]: those with one |
//! | [`http`] | the capability; [`audit`]: what is written down of it; [`pacer`]: when it may be used |
//! | [`read`], [`retry`], [`state`] | the loop that reads streams, and what survives between runs |
//! | [`schema_drift`] | where records depart from the schema of their stream |
//! | [`mod@write`] | the loop that writes records, and its journal |
//! | [`warm`] | calls on one instance, answered by the caller, for measurements |
//! | [`bindings`] | the contract's types |
//!
//! Use this when you want to run connectors of this contract in a process of your own. Nothing here prints, reads the
//! environment or installs a signal handler: that is up to you.

#![deny(unsafe_code)]

pub mod artifact;
pub mod audit;
pub mod bindings;
mod calls;
mod cancel;
pub mod connection;
mod error;
pub mod http;
mod instance;
#[cfg(feature = "guest-memory")]
pub mod memory;
pub mod pacer;
pub mod plugin;
pub mod read;
pub mod retry;
pub mod runtime;
pub mod schema_drift;
pub mod state;
pub mod warm;
pub mod write;

pub use artifact::Artifact;
pub use cancel::Cancel;
pub use connection::{Connection, ConnectionConfig};
pub use error::{CallError, PluginError};
pub use plugin::Plugin;
pub use runtime::{Runtime, RuntimeConfig};
