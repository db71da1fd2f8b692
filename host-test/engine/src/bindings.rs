//! The contract's types for the rest of the crate and for its users; the only file that touches generated code.

// The generator's output is exempt from the lints of this workspace.
#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used
)]
pub(crate) mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "connector",
        imports: { default: trappable },
        additional_derives: [PartialEq],
    });
}

/// Settings, failures and limits.
pub mod types {
    pub use super::generated::exports::data_connector::plugin::types::{
        Action, Failure, Limits, Notice, Problem, Settings, Upstream,
    };
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
