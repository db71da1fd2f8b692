//! What an answer means: the body is read before the status.
//!
//! Customerly answers a bad token with 500 and an error envelope, so a status alone would have a caller retry for
//! ever. A 200 that is cut off, is HTML or holds an `error` is a failure, never an empty page.
//!
//! | answer | action | code |
//! | --- | --- | --- |
//! | `error` whose message speaks of the access token | reauthorize | `token-refused` |
//! | `error` whose message asks for the header | reauthorize | `header-refused` |
//! | `error` with "User doesn't exist" | stop | `not-found` |
//! | 401, 403 | reauthorize | `token-refused` |
//! | 404, 410 | stop | `not-found` |
//! | 429 | retry-later | `rate-limited` |
//! | 3xx | stop | `redirected` |
//! | any other 4xx | stop | `request-refused` |
//! | 408, 425, 5xx, a 2xx with another `error` | retry-later | `service-error` |
//! | 2xx with an empty body, HTML, cut-off or other text | retry-later | `empty-answer`, `not-json`, `cut-off` |

use std::borrow::Cow;

use crate::bindings::http::{Body, Response};
use crate::bindings::types::{Action, Failure, Upstream};
use crate::json::{Cursor, members, string};
use crate::words::{cut, fold, has};

const EXCERPT_BYTES: usize = 1024;

/// Where a person finds the token; said wherever a token is refused.
pub(crate) const FIND_TOKEN: &str = "Copy the access token again from Customerly: Project Settings, Installation, \
     Public API, \"Your Access Token for Customerly\". It is confidential, and it stops working when the teammate who \
     made it leaves the project.";

/// A success: what stands under `data`, as it came. None if the answer is an object without it, as `DELETE /tags` may
/// answer (single source).
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The text of the value under `data`.
    pub data: Option<&'a str>,
}

/// What an answer holds; none if it is no object, or says a thing twice.
#[derive(Default)]
struct Envelope<'a> {
    data: Option<&'a str>,
    error: Option<&'a str>,
}

fn envelope<'a>(cursor: &mut Cursor<'a>) -> Option<Envelope<'a>> {
    let mut envelope = Envelope::default();
    let (mut has_data, mut has_error) = (false, false);
    cursor.object(&mut |cursor, name| {
        let name = string(name);
        let value = cursor.skip()?;
        let (field, has_field) = match name.as_deref() {
            Some("data") => (&mut envelope.data, &mut has_data),
            Some("error") => (&mut envelope.error, &mut has_error),
            _ => return Some(()),
        };
        *field = (value != "null").then_some(value);
        (!std::mem::replace(has_field, true)).then_some(())
    })?;
    cursor.end()?;
    Some(envelope)
}

/// Reads an answer: the value under `data`, or why there is none.
pub fn interpret(response: &Response) -> Result<Answer<'_>, Box<Failure>> {
    let Body::Text(text) = &response.body else {
        return Err(unreadable(response, "not-text", "an answer that is not UTF-8 text"));
    };
    let mut cursor = Cursor::new(text);
    match envelope(&mut cursor) {
        Some(Envelope { error: Some(error), .. }) => Err(refused(response, error)),
        Some(Envelope { data, .. }) if (200..300).contains(&response.status) => Ok(Answer { data }),
        Some(_) => Err(by_status(response, "an answer without an error message")),
        None if text.trim().is_empty() => {
            Err(unreadable(response, "empty-answer", "an empty answer"))
        }
        None if text.trim_start().starts_with('<') => {
            Err(unreadable(response, "not-json", "HTML instead of JSON"))
        }
        None if cursor.fault().is_end => {
            Err(unreadable(response, "cut-off", "JSON that is cut off"))
        }
        None => {
            Err(unreadable(response, "not-json", "an answer that is not the JSON it should be"))
        }
    }
}

/// The message of an error envelope: the text under `message`.
pub(crate) fn message(error: &str) -> Option<String> {
    let fields = members(error).ok()?;
    let (_, message) = fields.iter().find(|(name, _)| name == "message")?;
    string(message).map(Cow::into_owned)
}

/// What the service said, for the failure.
fn upstream(response: &Response) -> Upstream {
    let excerpt = match &response.body {
        Body::Text(text) if !text.is_empty() => Some(cut(text, EXCERPT_BYTES).to_owned()),
        Body::Text(_) | Body::Bytes(_) => None,
    };
    let request_id = response.headers.iter().find(|(name, _)| name == "x-request-id");
    Upstream {
        status: Some(response.status),
        request_id: request_id.map(|(_, value)| value.clone()),
        excerpt,
    }
}

/// An error envelope: by its message, then by the status.
fn refused(response: &Response, error: &str) -> Box<Failure> {
    let message = message(error).unwrap_or_else(|| error.to_owned());
    let lower = fold(&message);
    let said = format!("Customerly answered {}: {message}", response.status);
    if has(&lower, "valid header") || has(&lower, "authorization: bearer") {
        Failure::new(Action::Reauthorize, "header-refused", said)
            .remedy(FIND_TOKEN)
            .upstream(upstream(response))
    } else if has(&lower, "access token") || has(&lower, "accesstoken") {
        Failure::new(Action::Reauthorize, "token-refused", said)
            .remedy(FIND_TOKEN)
            .upstream(upstream(response))
    } else if has(&lower, "user doesn't exist") {
        Failure::new(Action::Stop, "not-found", said).upstream(upstream(response))
    } else {
        by_status(response, &message)
    }
}

/// A body that says nothing that is known: by the status.
fn by_status(response: &Response, what: &str) -> Box<Failure> {
    let status = response.status;
    let (action, code) = match status {
        401 | 403 => (Action::Reauthorize, "token-refused"),
        404 | 410 => (Action::Stop, "not-found"),
        429 => (Action::RetryLater, "rate-limited"),
        300..=399 => (Action::Stop, "redirected"),
        408 | 425 => (Action::RetryLater, "service-error"),
        400..=499 => (Action::Stop, "request-refused"),
        _ => (Action::RetryLater, "service-error"),
    };
    let failure = Failure::new(action, code, format!("Customerly answered {status}: {what}"))
        .retry_after(response.retry_after_ms)
        .upstream(upstream(response));
    match action {
        Action::Reauthorize => failure.remedy(FIND_TOKEN),
        _ => failure,
    }
}

/// A body that is no envelope: its form is the fault only where the status claims success.
fn unreadable(response: &Response, code: &str, what: &str) -> Box<Failure> {
    if (200..300).contains(&response.status) {
        let message = format!("Customerly answered {} with {what}.", response.status);
        Failure::new(Action::RetryLater, code, message)
            .retry_after(response.retry_after_ms)
            .upstream(upstream(response))
    } else {
        by_status(response, what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::testing::answer;

    fn check(status: u16, body: &str, expected: Result<Option<&str>, (Action, &str)>) {
        let response = answer(status, body);
        let found = interpret(&response);
        let found = match &found {
            Ok(answer) => Ok(answer.data),
            Err(failure) => Err((failure.action, failure.code.as_str())),
        };
        assert_eq!(found, expected, "{status} {body}");
    }

    #[test]
    fn data_is_handed_over_as_it_came() {
        check(200, r#"{"data": ["a", 1.50] }"#, Ok(Some(r#"["a", 1.50]"#)));
        check(200, "{}", Ok(None));
        check(200, r#"{"data":[],"error":null}"#, Ok(Some("[]")));
    }

    #[test]
    fn the_body_is_read_before_the_status() {
        let token = r#"{"error":{"message":"Access token not found.","code":0}}"#;
        let header = r#"{"error":{"message":"You must provide a valid header Authorization: Bearer <TOKEN>","code":0}}"#;
        for status in [200, 401, 403, 429, 500, 503] {
            check(status, token, Err((Action::Reauthorize, "token-refused")));
            check(status, header, Err((Action::Reauthorize, "header-refused")));
        }
        let unknown = r#"{"error":{"message":"User doesn't exist","code":0}}"#;
        for status in [200, 404, 500] {
            check(status, unknown, Err((Action::Stop, "not-found")));
        }
    }

    #[test]
    fn a_status_speaks_where_the_body_does_not() {
        let html = "<html><body>Down</body></html>";
        for (status, action, code) in [
            (301, Action::Stop, "redirected"),
            (400, Action::Stop, "request-refused"),
            (401, Action::Reauthorize, "token-refused"),
            (403, Action::Reauthorize, "token-refused"),
            (404, Action::Stop, "not-found"),
            (429, Action::RetryLater, "rate-limited"),
            (500, Action::RetryLater, "service-error"),
            (503, Action::RetryLater, "service-error"),
        ] {
            for body in [html, "", r#"{"data"#, r#"{"data":[]}"#, r#"{"error":{"message":"Busy"}}"#]
            {
                check(status, body, Err((action, code)));
            }
        }
    }

    #[test]
    fn a_success_that_cannot_be_read_is_a_failure_and_never_an_empty_page() {
        for (body, code) in [
            ("", "empty-answer"),
            (" \n", "empty-answer"),
            ("<!doctype html>", "not-json"),
            ("hello", "not-json"),
            ("[]", "not-json"),
            (r#"{"data":{"users":[{"a":1}"#, "cut-off"),
            (r#"{"data":[]} trailing"#, "not-json"),
            (r#"{"error":{"message":"Oops"}}"#, "service-error"),
            (r#"{"error":"Oops"}"#, "service-error"),
            (r#"{"error":{"code":0}}"#, "service-error"),
        ] {
            check(200, body, Err((Action::RetryLater, code)));
        }
    }

    #[test]
    fn the_excerpt_is_cut_at_a_character() {
        let body = format!("<{}", "é".repeat(2000));
        let failure = interpret(&answer(200, &body)).expect_err("HTML is no answer");
        let excerpt = failure.upstream.and_then(|upstream| upstream.excerpt).expect("the body");
        assert!((1021..=1024).contains(&excerpt.len()), "{}", excerpt.len());
    }

    proptest::proptest! {
        #[test]
        fn any_answer_is_read_or_refused_and_never_a_panic(
            status in 100_u16..=999,
            body in r#"(\{"(data|error)":)?.{0,40}\}?"#,
        ) {
            let _ = interpret(&answer(status, &body));
        }
    }
}
