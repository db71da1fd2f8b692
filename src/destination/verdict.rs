//! What came of one request that writes: told apart by what may be done about it.
//!
//! | what came | meaning |
//! | --- | --- |
//! | 2xx with an envelope, no `error` | answered |
//! | an error envelope about the token or header, 401, 403 | stop: nothing was done, and the token is at fault, never the record |
//! | 429, 408, 425, an envelope that asks to try later | stop: nothing was done; later |
//! | 503 | the same where a repeat is safe, else unclear |
//! | 3xx; 404 without an envelope where the path is the same for every record | stop: the API is not where it should be |
//! | any other error envelope under a 2xx, 4xx or 500; any other 4xx | the records are refused |
//! | any other 5xx; a 2xx that cannot be read; no answer after something was sent | unclear: it may have been done |
//! | no answer, and nothing was sent | stop: nothing was done |
//!
//! That an application error comes as 500 with an envelope is inferred from how the API refuses a token.

use std::borrow::Cow;

use super::record::rejection;
use crate::api::{interpret, message};
use crate::bindings::destination::Rejection;
use crate::bindings::http::{Body, ErrorKind, HttpError, Response};
use crate::bindings::types::{Action, Failure};
use crate::json::{members, string};
use crate::words::{self, fold, has};

/// What came of a request.
#[derive(Debug)]
pub(super) enum Verdict<'a> {
    /// A success, and what stands under `data`.
    Answered(Option<&'a str>),
    /// The service refused what was sent.
    Refused(Refusal),
    /// Known not done, for a cause that is no record's fault.
    Stopped(Box<Failure>),
    /// It may have been done.
    Unclear(Box<Failure>),
    /// A dry run kept it back.
    Withheld,
}

/// Why the service refused what was sent.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Code, message and status; no field.
    pub(super) rejection: Rejection,
    /// Whether it says that there is no such record.
    pub(super) not_found: bool,
}

/// What the operation makes of a status that could be read in two ways.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// Whether writing a record twice is the same as writing it once.
    pub(super) repeat_safe: bool,
    /// Whether the path names the record.
    pub(super) path_names_record: bool,
}

/// Judges what came of a request that writes.
pub(super) fn verdict(result: &Result<Response, HttpError>, sent: Sent) -> Verdict<'_> {
    let response = match result {
        Ok(response) => response,
        Err(error) => return no_answer(error),
    };
    let mut failure = match interpret(response) {
        Ok(answer) => return Verdict::Answered(answer.data),
        Err(failure) => failure,
    };
    let said = error_message(response);
    let status = response.status;
    match (failure.action, status) {
        (Action::Reauthorize, _) | (_, 408 | 425 | 429 | 300..=399) => Verdict::Stopped(failure),
        (_, 503) if sent.repeat_safe => Verdict::Stopped(failure),
        (_, 404 | 410) if said.is_none() && !sent.path_names_record => Verdict::Stopped(failure),
        (_, 200..=299 | 400..=500) if said.as_deref().is_some_and(asks_for_patience) => {
            failure.action = Action::RetryLater;
            Verdict::Stopped(failure)
        }
        (_, 200..=299 | 500) if said.is_none() => Verdict::Unclear(failure),
        (_, 200..=299 | 400..=500) => Verdict::Refused(refusal(said, failure, status)),
        _ => Verdict::Unclear(failure),
    }
}

fn no_answer(error: &HttpError) -> Verdict<'static> {
    match error.kind {
        ErrorKind::Withheld => Verdict::Withheld,
        _ if error.maybe_sent => Verdict::Unclear(error.clone().into()),
        ErrorKind::TooLarge => Verdict::Refused(Refusal {
            rejection: rejection(None, "too-large", &error.message),
            not_found: false,
        }),
        _ => Verdict::Stopped(error.clone().into()),
    }
}

fn refusal(said: Option<String>, failure: Box<Failure>, status: u16) -> Refusal {
    let not_found = failure.code == "not-found"
        || said.as_ref().is_some_and(|message| has(message, "doesn't exist"));
    let code = if not_found { "not-found" } else { "refused" };
    let message = said.unwrap_or(failure.message);
    Refusal {
        rejection: Rejection { status: Some(status), ..rejection(None, code, cut(&message)) },
        not_found,
    }
}

/// The message of an error envelope.
fn error_message(response: &Response) -> Option<String> {
    let Body::Text(text) = &response.body else {
        return None;
    };
    let fields = members(text).ok()?;
    let (_, error) = fields.iter().find(|(name, _)| name == "error")?;
    message(error).or_else(|| string(error).map(Cow::into_owned))
}

/// Whether a message speaks of the service's own state. Guessed: no such message has been seen.
fn asks_for_patience(message: &str) -> bool {
    let message = fold(message);
    ["too many requests", "rate limit", "try again", "temporarily", "unavailable"]
        .iter()
        .any(|words| has(&message, words))
}

/// A message of the service that may be of any length.
pub(super) fn cut(message: &str) -> &str {
    words::cut(message, 500)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::testing::{answer, no_answer};

    const SAFE: Sent = Sent { repeat_safe: true, path_names_record: false };
    const ONCE: Sent = Sent { repeat_safe: false, path_names_record: false };
    const NAMED: Sent = Sent { repeat_safe: true, path_names_record: true };

    fn check(result: &Result<Response, HttpError>, sent: Sent, expected: &str) {
        let found = match verdict(result, sent) {
            Verdict::Answered(_) => "answered".to_owned(),
            Verdict::Refused(Refusal { rejection, .. }) => format!("refused {}", rejection.code),
            Verdict::Stopped(failure) => format!("stopped {}", failure.code),
            Verdict::Unclear(failure) => format!("unclear {}", failure.code),
            Verdict::Withheld => "withheld".to_owned(),
        };
        assert_eq!(found, expected, "{result:?} {sent:?}");
    }

    fn said(message: &str) -> String {
        format!(r#"{{"error":{{"message":"{message}","code":0}}}}"#)
    }

    #[test]
    fn a_refused_token_is_never_a_records_fault() {
        for status in [200, 401, 500] {
            check(
                &Ok(answer(status, &said("Access token not found."))),
                SAFE,
                "stopped token-refused",
            );
        }
        check(&Ok(answer(403, "")), SAFE, "stopped token-refused");
    }

    #[test]
    fn an_error_envelope_refuses_what_was_sent() {
        for status in [200, 400, 409, 422, 500] {
            check(&Ok(answer(status, &said("Invalid property"))), SAFE, "refused refused");
        }
        check(&Ok(answer(400, "")), SAFE, "refused refused");
        check(&Ok(answer(500, r#"{"error":"Invalid property"}"#)), SAFE, "refused refused");
        for status in [200, 404, 500] {
            check(&Ok(answer(status, &said("User doesn't exist"))), SAFE, "refused not-found");
        }
    }

    #[test]
    fn a_service_that_is_busy_has_done_nothing() {
        for status in [408, 425, 429] {
            for body in ["", &said("Slow down")] {
                let code = if status == 429 { "rate-limited" } else { "service-error" };
                check(&Ok(answer(status, body)), ONCE, &format!("stopped {code}"));
            }
        }
        check(&Ok(answer(500, &said("Please try again later"))), SAFE, "stopped service-error");
    }

    #[test]
    fn a_503_is_believed_only_where_a_repeat_is_safe() {
        check(&Ok(answer(503, "<html>")), SAFE, "stopped service-error");
        check(&Ok(answer(503, "<html>")), ONCE, "unclear service-error");
    }

    #[test]
    fn a_404_without_an_envelope_speaks_of_the_path() {
        check(&Ok(answer(404, "<html>")), SAFE, "stopped not-found");
        check(&Ok(answer(404, "<html>")), NAMED, "refused not-found");
        check(&Ok(answer(301, "")), NAMED, "stopped redirected");
    }

    #[test]
    fn what_may_have_been_done_is_unclear() {
        for (status, body, code) in [
            (200, "", "empty-answer"),
            (200, "<html>", "not-json"),
            (200, r#"{"data":{"inserted":1"#, "cut-off"),
            (500, "<html>", "service-error"),
            (502, "", "service-error"),
            (504, &said("Invalid property"), "service-error"),
        ] {
            check(&Ok(answer(status, body)), SAFE, &format!("unclear {code}"));
        }
        for kind in [ErrorKind::Timeout, ErrorKind::Closed, ErrorKind::Malformed] {
            check(&Err(no_answer(kind, true)), SAFE, &format!("unclear {}", code(kind)));
        }
        check(&Err(no_answer(ErrorKind::TooLarge, true)), SAFE, "unclear too-large");
    }

    #[test]
    fn what_was_never_sent_was_not_done() {
        for kind in [ErrorKind::Timeout, ErrorKind::Connect, ErrorKind::Denied, ErrorKind::Budget] {
            check(&Err(no_answer(kind, false)), SAFE, &format!("stopped {}", code(kind)));
        }
        check(&Err(no_answer(ErrorKind::TooLarge, false)), SAFE, "refused too-large");
        check(&Err(no_answer(ErrorKind::Withheld, false)), SAFE, "withheld");
    }

    fn code(kind: ErrorKind) -> String {
        Box::<Failure>::from(no_answer(kind, true)).code
    }
}
