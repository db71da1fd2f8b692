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

// The generated glue that exports is unsafe; none of ours is.
#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, unreachable_pub)]
mod component {
    //! The exports: each hands its arguments to the module of the same name.

    use super::generated::data_connector::plugin::http;
    use super::generated::exports::data_connector::plugin::{
        credentials, description, destination, source, types,
    };
    use crate::transport::Transport;

    struct Component;

    /// Sends through the host.
    struct Host;

    impl Transport for Host {
        fn send(&self, request: &http::Request) -> Result<http::Response, http::HttpError> {
            http::send(request)
        }
    }

    impl description::Guest for Component {
        fn describe() -> description::Descriptor {
            crate::description::describe()
        }
    }

    impl credentials::Guest for Component {
        fn schema() -> String {
            crate::credentials::schema().to_owned()
        }

        fn validate(settings: types::Settings) -> Vec<types::Problem> {
            crate::credentials::validate(&settings)
        }

        fn authorize(
            settings: types::Settings,
        ) -> Result<credentials::Authorization, types::Failure> {
            crate::credentials::authorize(&settings).map_err(|failure| *failure)
        }

        fn check(settings: types::Settings) -> Result<credentials::CheckReport, types::Failure> {
            crate::credentials::check(&Host, &settings).map_err(|failure| *failure)
        }
    }

    impl source::Guest for Component {
        fn streams(settings: types::Settings) -> Result<Vec<source::StreamInfo>, types::Failure> {
            crate::source::streams(&settings).map_err(|failure| *failure)
        }

        fn validate(
            settings: types::Settings,
            stream_name: String,
            options: String,
        ) -> Vec<types::Problem> {
            crate::source::validate(&settings, &stream_name, &options)
        }

        fn read(request: source::ReadRequest) -> Result<source::Page, types::Failure> {
            crate::source::read(&Host, &request).map(|page| *page).map_err(|failure| *failure)
        }
    }

    impl destination::Guest for Component {
        fn targets(settings: types::Settings) -> Result<Vec<destination::Target>, types::Failure> {
            crate::destination::targets(&settings).map_err(|failure| *failure)
        }

        fn validate(
            settings: types::Settings,
            target_name: String,
            operation_name: String,
            options: String,
        ) -> Vec<types::Problem> {
            crate::destination::validate(&settings, &target_name, &operation_name, &options)
        }

        fn write(batch: destination::Batch) -> destination::WriteReport {
            crate::destination::write(&Host, &batch)
        }

        fn settle(batch: destination::Batch) -> destination::WriteReport {
            crate::destination::settle(&Host, &batch)
        }
    }

    super::generated::export!(Component with_types_in super::generated);
}
