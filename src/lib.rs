//! A Customerly connector as a WebAssembly component.
//!
//! Pure and sans-IO: each part plans requests and interprets responses, and sends through one trait, [`Transport`].
//! There is no clock, no entropy, no file and no environment here: time is an argument, and the one capability is the
//! HTTP that the host supplies.
//!
//! | module | what lives there |
//! | --- | --- |
//! | [`bindings`] | the contract's types, and the exports of the component; the only file that touches generated code |
//! | [`transport`] | the one trait through which requests leave |
//! | [`api`] | how Customerly is spoken to: requests, and what an answer means |
//! | [`settings`] | the credential's fields, parsed |
//! | [`failure`] | how a failure is put together |
//! | `json`, `same`, `words` | JSON by borrowed text; which texts are the same; what stands in a text |
//! | [`description`] | what the connector is and may reach |
//! | [`credentials`] | the form, the header construction, the check |
//! | [`source`] | the streams and how they are read |
//! | [`destination`] | the targets and how they are written |

// What fails is handed up boxed: by value it is copied field by field at every step, and the component grows by a tenth.
#![allow(clippy::boxed_local, clippy::unnecessary_box_returns)]

pub mod api;
pub mod bindings;
pub mod credentials;
pub mod description;
pub mod destination;
pub mod failure;
mod json;
mod same;
pub mod settings;
pub mod source;
pub mod transport;
mod words;

pub use transport::Transport;
