//! The credential store: one SQLite file, every secret in it sealed.
//!
//! What it promises:
//!
//! - **A secret is never shown again.** [`Store::open_secret`] alone gives one back, to be placed
//!   in a request. A [`CredentialRecord`] holds the names of the secrets that are set, no more.
//! - **The key is apart from the data.** Secrets are sealed with XChaCha20-Poly1305 under a master
//!   key in the keyring of the operating system, or in an owner-only file in another folder. The
//!   store records where its key lives and the key's fingerprint. Where that place cannot be
//!   reached, it says so and never makes another key.
//! - **Nothing is lost.** Every change is one transaction: `kill -9` at any moment, a full disk
//!   and a second process leave either the state before it or the state after it.
//! - **Every fault has a name**, a [`StoreError`] that says what happened and what to do.
//!
//! It knows no connector: fields and their rules belong to the caller. It reads no clock: times
//! are arguments, in milliseconds since 1970 (UTC).
//!
//! # Backup and restore
//!
//! [`Store::backup_to`] writes a copy of the database; secrets stay sealed in it, so it is of use
//! only together with the key that it was sealed under ([`Store::key_place`] says where that is;
//! a key in the keyring moves to a file with [`Store::rotate_key`]). To restore, stop every
//! process that uses the store, copy the file back as `credentials.db` and remove a
//! `credentials.db-journal` beside it. Where the key file now lies in another folder,
//! [`Store::adopt_key`] records the new place. [`Store::rotate_key`] removes the old key: make a
//! new backup after it, and keep a copy of the old key for as long as older backups are kept.
//!
//! | module | holds |
//! | --- | --- |
//! | `store` | opening, transactions, backup |
//! | `schema` | tables, migrations, settings of the connection |
//! | `folder` | folders and files that only their owner can reach |
//! | `key`, `place` | the master key, and the places it can live in |
//! | `ring` | which key is current, and the way to the next one |
//! | `seal` | one secret, sealed to its record and field |
//! | `credential`, `flow`, `name` | the rows and what can be done with them |

mod crash;
mod credential;
mod error;
mod flow;
mod folder;
mod id;
mod key;
mod name;
mod place;
mod ring;
mod schema;
mod seal;
mod store;
#[cfg(test)]
mod tests;

pub use credential::{
    CredentialEdit, CredentialRecord, NewCredential, SecretChange, Verified, VerifiedStatus,
};
pub use error::StoreError;
pub use flow::{Flow, FlowKind, NewFlow};
pub use folder::{default_dir, default_key_dir};
pub use id::{CredentialId, FlowId};
pub use name::Name;
pub use place::{KeyPlace, NewKey};
pub use store::{DATABASE, Store};
