//! Between the contract's types and those of the policy and the client.

use std::borrow::Cow;
use std::time::Duration;

use connector_egress::{
    HeaderPlan, Method, Part, Piece, PlannedRequest, QueryPlan, Scrubber, header,
};

use super::client::Exchange;
use crate::bindings::http as wit;

pub(crate) fn plan(request: &wit::Request) -> PlannedRequest {
    let header = |header: &wit::Header| HeaderPlan {
        name: header.name.clone(),
        value: parts(&header.value),
    };
    let query = |parameter: &wit::Parameter| QueryPlan {
        name: parameter.name.clone(),
        value: parts(&parameter.value),
    };
    PlannedRequest {
        method: request.method.clone(),
        url: request.url.clone(),
        query: request.query.iter().map(query).collect(),
        headers: request.headers.iter().map(header).collect(),
        body_bytes: match &request.body {
            Some(wit::Body::Text(text)) => text.len() as u64,
            Some(wit::Body::Bytes(bytes)) => bytes.len() as u64,
            None => 0,
        },
    }
}

fn parts(parts: &[wit::Part]) -> Vec<Part> {
    let part = |part: &wit::Part| match part {
        wit::Part::Text(text) => Part::Text(text.clone()),
        wit::Part::Secret(slot) => Part::Secret(slot.clone()),
        wit::Part::Base64(pieces) => Part::Base64(pieces.iter().map(piece).collect()),
    };
    parts.iter().map(part).collect()
}

fn piece(piece: &wit::Piece) -> Piece {
    match piece {
        wit::Piece::Text(text) => Piece::Text(text.clone()),
        wit::Piece::Secret(slot) => Piece::Secret(slot.clone()),
    }
}

pub(crate) fn method(method: &Method) -> http::Method {
    http::Method::from_bytes(method.as_str().as_bytes())
        .expect("a method of the policy is upper-case letters")
}

pub(crate) fn body(request: &wit::Request) -> Option<Vec<u8>> {
    request.body.as_ref().map(|body| match body {
        wit::Body::Text(text) => text.clone().into_bytes(),
        wit::Body::Bytes(bytes) => bytes.clone(),
    })
}

/// The answer as the plugin may see it: without any secret that the service echoed. Also how often it did.
pub(crate) fn response(
    exchange: Exchange,
    retry_after: Option<Duration>,
    scrubber: &Scrubber,
) -> (wit::Response, u64) {
    let mut redacted = 0;
    let mut scrub = |text: String| match scrubber.scrub_answer(text.as_bytes()) {
        (Cow::Borrowed(_), _) => text,
        (Cow::Owned(bytes), count) => {
            redacted += count as u64;
            String::from_utf8_lossy(&bytes).into_owned()
        }
    };
    let headers = header::decode(&exchange.headers);
    let headers = headers.into_iter().map(|(name, value)| (scrub(name), scrub(value))).collect();
    let body = match scrubber.scrub_answer(&exchange.body) {
        (Cow::Borrowed(_), _) => None,
        (Cow::Owned(bytes), count) => {
            redacted += count as u64;
            Some(bytes)
        }
    };
    if redacted > 0 {
        tracing::warn!(redacted, "the service echoed a secret; it was replaced");
    }
    let body = match String::from_utf8(body.unwrap_or(exchange.body)) {
        Ok(text) => wit::Body::Text(text),
        Err(error) => wit::Body::Bytes(error.into_bytes()),
    };
    let response = wit::Response {
        status: exchange.status.as_u16(),
        headers,
        retry_after_ms: retry_after.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
        body,
    };
    (response, redacted)
}
