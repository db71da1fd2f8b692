//! What went wrong, as a page: what happened, and the way on.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use connector_store::StoreError;
use maud::html;

use super::layout::{Frame, page};
use crate::error::{CliError, one_line};

/// Why a page cannot be shown. It holds no secret.
#[derive(Debug)]
pub(super) struct Fault {
    /// The status of the answer.
    pub(super) status: StatusCode,
    /// What happened.
    pub(super) message: String,
    /// What to do.
    pub(super) remedy: Option<String>,
}

impl Fault {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Fault { status, message: message.into(), remedy: None }
    }

    /// What was asked for makes no sense.
    pub(super) fn refused(message: &str) -> Self {
        Fault::new(StatusCode::BAD_REQUEST, message)
    }

    /// Who asked may not.
    pub(super) fn forbidden(message: &str) -> Self {
        Fault::new(StatusCode::FORBIDDEN, message)
    }

    /// There is no such thing.
    pub(super) fn missing(message: &str) -> Self {
        Fault::new(StatusCode::NOT_FOUND, message)
    }

    /// The page itself failed.
    pub(super) fn internal(message: &str) -> Self {
        Fault::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let content = html! {
            h1 { "This did not work" }
            div .box .bad role="alert" {
                p { (one_line(&self.message)) }
                @if let Some(remedy) = &self.remedy { p { (one_line(remedy)) } }
            }
            p { a href="/" { "Back to the start" } }
        };
        (self.status, page(&Frame::new("This did not work"), &content)).into_response()
    }
}

impl From<CliError> for Fault {
    fn from(error: CliError) -> Self {
        let status = match error.code.as_str() {
            "no-such-credential" | "no-such-flow" => StatusCode::NOT_FOUND,
            "changed-elsewhere" | "in-use" | "other-connector" => StatusCode::CONFLICT,
            "usage" | "invalid" => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Fault { status, message: error.message, remedy: error.remedy }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        CliError::from(error).into()
    }
}
