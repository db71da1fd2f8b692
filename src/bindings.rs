//! The contract's types for the rest of the crate, and the exports of the component.
//!
//! The only file that touches generated code: the types are re-exported under the names of their interfaces, and each
//! export hands its arguments to the module of the same name.

// The generator's output is exempt from the lints of this workspace: it holds the one `unsafe` of the component model's
// calling convention, and no documentation beyond that of the WIT files.
#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used
)]
mod generated {
    wit_bindgen::generate!({
        path: "wit",
        world: "connector",
        pub_export_macro: true,
        default_bindings_module: "crate::bindings::generated",
        additional_derives: [PartialEq],
    });
}

/// Settings, failures and limits.
pub mod types {
    pub use super::generated::exports::data_connector::plugin::types::*;
}

/// Requests and answers.
pub mod http {
    pub use super::generated::data_connector::plugin::http::{
        Body, ErrorKind, Header, HttpError, Parameter, Part, Piece, Request, Response,
    };
}

/// The connector's description.
pub mod description {
    pub use super::generated::exports::data_connector::plugin::description::{
        Descriptor, Pacing, SecretSlot,
    };
}

/// The credential.
pub mod credentials {
    pub use super::generated::exports::data_connector::plugin::credentials::{
        Authorization, CheckReport,
    };
}

/// Reading.
pub mod source {
    pub use super::generated::exports::data_connector::plugin::source::{
        BadRecord, Counts, Deletions, Mode, Page, Progress, Promise, ReadRequest, StreamInfo,
    };
}

/// Writing.
pub mod destination {
    pub use super::generated::exports::data_connector::plugin::destination::{
        Batch, Effect, Operation, Outcome, Receipt, Rejection, Target, WriteReport,
    };
}
