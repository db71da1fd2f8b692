//! An in-process Customerly that behaves as its API is known to, quirks and faults included.
//!
//! ```
//! use customerly_emulator::{Config, Emulator, Kind};
//!
//! let emulator = Emulator::start(Config::default())?;
//! let url = format!("{}/v1/users/list?page=0&per_page=2", emulator.origin());
//! let token = format!("Bearer {}", emulator.token());
//! let page = ureq::get(url).header("Authentication", token).call()?.body_mut().read_to_string()?;
//! assert!(page.starts_with(r#"{"data":{"users":[{"crmhero_user_id":9"#));
//! assert_eq!(emulator.count(Kind::Users), 1_000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Data is a function of seed and size: the same [`Config`] answers the same requests, one after
//! the other, with the same bytes. Where public sources about the API disagree or say nothing,
//! [`Switches`] chooses. [`FaultRule`]s say what goes wrong, a [`Script`] or [`RandomMutations`]
//! what changes between two requests of a reader. What it was sent can be asked, through
//! [`Emulator`] or over HTTP below `/_emulator/`.

mod admin;
mod answer;
mod auth;
mod clock;
mod config;
mod contact;
mod data;
mod emulator;
mod faults;
mod faulty;
mod knowledge;
mod listing;
mod mutations;
mod random;
mod ranked;
mod render;
mod routes;
mod server;
mod state;
mod store;
mod tags;
mod upsert;
mod words;

pub use crate::auth::AuthForm;
pub use crate::config::{
    Config, Data, DefaultOrder, EmptyAttributes, LongText, PageSize, Paging, RejectElement,
    Rejects, Switches, TieOrder, UnknownContact, WrittenBy, WrittenTags,
};
pub use crate::contact::Kind;
pub use crate::emulator::{Emulator, StartError};
pub use crate::faults::{Fault, FaultBody, FaultRule, RetryAfter, When};
pub use crate::mutations::{
    Change, Mutation, Operation, Place, RandomMutations, Script, ScriptError, Step,
};
pub use crate::state::Request;
