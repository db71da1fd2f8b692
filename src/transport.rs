//! The one trait through which requests leave.
//!
//! The component implements it over the host's `http` import; a test implements it with a closure, so no socket is
//! opened.

use crate::bindings::http::{HttpError, Request, Response};

/// Sends a request and waits for the whole answer.
pub trait Transport {
    /// Sends `request`. An error means that there is no answer; whether the service may have acted on the request all
    /// the same is told by `maybe_sent`.
    fn send(&self, request: &Request) -> Result<Response, HttpError>;
}

impl<F> Transport for F
where
    F: Fn(&Request) -> Result<Response, HttpError>,
{
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        self(request)
    }
}

/// Answers, requests and a recording transport for the tests of this crate.
#[cfg(test)]
pub(crate) mod testing {
    use std::cell::RefCell;

    use super::Transport;
    use crate::bindings::http::{Body, ErrorKind, HttpError, Part, Request, Response};

    /// An answer with a text body.
    pub(crate) fn answer(status: u16, body: &str) -> Response {
        Response {
            status,
            headers: vec![("content-type".into(), "application/json".into())],
            retry_after_ms: None,
            body: Body::Text(body.into()),
        }
    }

    /// No answer.
    pub(crate) fn no_answer(kind: ErrorKind, maybe_sent: bool) -> HttpError {
        HttpError { kind, maybe_sent, message: "it failed".into() }
    }

    /// A request in one line, as a person would write it: `GET /v1/tags?page=0 {body}`; the origin is left out.
    pub(crate) fn line(request: &Request) -> String {
        let url = request.url.strip_prefix("https://api.customerly.io").unwrap_or(&request.url);
        let mut line = format!("{} {url}", request.method);
        for (index, parameter) in request.query.iter().enumerate() {
            line.push(if index == 0 { '?' } else { '&' });
            line.push_str(&parameter.name);
            line.push('=');
            line.push_str(&value(&parameter.value));
        }
        match &request.body {
            Some(Body::Text(text)) => format!("{line} {text}"),
            Some(Body::Bytes(bytes)) => format!("{line} {} bytes", bytes.len()),
            None => line,
        }
    }

    /// The parts of a value in one line: a secret as `{name}`.
    pub(crate) fn value(parts: &[Part]) -> String {
        parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.clone(),
                Part::Secret(slot) => format!("{{{slot}}}"),
                Part::Base64(pieces) => format!("base64 of {} pieces", pieces.len()),
            })
            .collect()
    }

    /// Hands each request to a closure, and keeps it.
    pub(crate) struct Recorder<F> {
        respond: F,
        requests: RefCell<Vec<Request>>,
    }

    impl<F: Fn(&Request) -> Result<Response, HttpError>> Recorder<F> {
        pub(crate) fn new(respond: F) -> Self {
            Recorder { respond, requests: RefCell::default() }
        }

        pub(crate) fn requests(&self) -> Vec<Request> {
            self.requests.borrow().clone()
        }

        pub(crate) fn lines(&self) -> Vec<String> {
            self.requests.borrow().iter().map(line).collect()
        }
    }

    impl<F: Fn(&Request) -> Result<Response, HttpError>> Transport for Recorder<F> {
        fn send(&self, request: &Request) -> Result<Response, HttpError> {
            self.requests.borrow_mut().push(request.clone());
            (self.respond)(request)
        }
    }
}
