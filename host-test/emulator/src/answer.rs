//! The two envelopes of the API: `data` for success, `error` for everything else.

use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use serde_json::{Value, json};

use crate::config::{Switches, UnknownContact};

/// A 200 with bytes that are JSON.
pub(crate) fn json_bytes(body: Vec<u8>) -> Response<Body> {
    with_type(StatusCode::OK, "application/json", body)
}

/// `{"data": …}`.
pub(crate) fn data(data: &Value) -> Response<Body> {
    json_bytes(json!({ "data": data }).to_string().into_bytes())
}

/// What calls without a result answer: an empty map, as PHP writes it.
pub(crate) fn done() -> Response<Body> {
    data(&json!([]))
}

/// `{"error": {"message": …, "code": 0}}`.
pub(crate) fn error(status: StatusCode, message: &str) -> Response<Body> {
    let body = json!({"error": {"message": message, "code": 0}}).to_string();
    with_type(status, "application/json", body.into_bytes())
}

/// An application error, which the API most likely answers with 500.
pub(crate) fn failed(message: &str) -> Response<Body> {
    error(StatusCode::INTERNAL_SERVER_ERROR, message)
}

/// No such contact, or none named.
pub(crate) fn unknown_contact(switches: &Switches) -> Response<Body> {
    let status = match switches.unknown_contact {
        UnknownContact::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
        UnknownContact::NotFound => StatusCode::NOT_FOUND,
        UnknownContact::Ok => StatusCode::OK,
    };
    error(status, "User doesn't exist")
}

/// An answer of any media type.
pub(crate) fn with_type(status: StatusCode, media_type: &str, body: Vec<u8>) -> Response<Body> {
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, media_type)
        .body(Body::from(body))
        .expect("the status and the media type are constants")
}
