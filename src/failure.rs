//! How a failure is put together: an action, a code and a message, then whatever else is known.

use crate::bindings::http::{ErrorKind, HttpError};
use crate::bindings::types::{Action, Failure, Notice, Problem, Upstream};

impl Failure {
    /// A failure of which only this much is known. It is boxed from the start: one that is handed up by value is copied
    /// field by field at every step, which took a tenth of the component.
    pub fn new(action: Action, code: &str, message: impl Into<String>) -> Box<Self> {
        Failure::of(action, code, message.into())
    }

    fn of(action: Action, code: &str, message: String) -> Box<Self> {
        Box::new(Failure {
            action,
            code: code.into(),
            message,
            remedy: None,
            field: None,
            patch: None,
            retry_after_ms: None,
            upstream: None,
        })
    }

    /// Says what to do.
    #[must_use]
    pub fn remedy(mut self: Box<Self>, remedy: impl Into<String>) -> Box<Self> {
        self.remedy = Some(remedy.into());
        self
    }

    /// Says which field is at fault, by JSON pointer.
    #[must_use]
    pub fn field(mut self: Box<Self>, pointer: impl Into<String>) -> Box<Self> {
        self.field = Some(pointer.into());
        self
    }

    /// Offers a JSON merge patch of the settings.
    #[must_use]
    pub fn patch(mut self: Box<Self>, patch: impl Into<String>) -> Box<Self> {
        self.patch = Some(patch.into());
        self
    }

    /// Adds how long the service asks to be left alone.
    #[must_use]
    pub fn retry_after(mut self: Box<Self>, retry_after_ms: Option<u64>) -> Box<Self> {
        self.retry_after_ms = retry_after_ms;
        self
    }

    /// Adds the service's own words.
    #[must_use]
    pub fn upstream(mut self: Box<Self>, upstream: Upstream) -> Box<Self> {
        self.upstream = Some(upstream);
        self
    }
}

impl From<HttpError> for Box<Failure> {
    /// What a request without an answer means to a caller that was reading.
    fn from(error: HttpError) -> Self {
        let (action, code) = match error.kind {
            ErrorKind::Denied => (Action::Stop, "denied"),
            ErrorKind::InvalidRequest => (Action::Stop, "invalid-request"),
            ErrorKind::Withheld => (Action::Stop, "withheld"),
            ErrorKind::Dns => (Action::RetryLater, "dns"),
            ErrorKind::Connect => (Action::RetryLater, "connect"),
            ErrorKind::Tls => (Action::RetryLater, "tls"),
            ErrorKind::Timeout => (Action::RetryLater, "timeout"),
            ErrorKind::Closed => (Action::RetryLater, "closed"),
            ErrorKind::Malformed => (Action::RetryLater, "malformed"),
            ErrorKind::TooLarge => (Action::Stop, "too-large"),
            ErrorKind::Budget => (Action::Stop, "budget"),
            ErrorKind::Cancelled => (Action::RetryLater, "cancelled"),
        };
        Failure::new(action, code, format!("No answer from Customerly: {}", error.message))
    }
}

impl Problem {
    /// A fault of the field at `pointer`.
    pub fn new(pointer: impl Into<String>, code: &str, message: impl Into<String>) -> Self {
        Problem { field: pointer.into(), code: code.into(), message: message.into() }
    }
}

/// What is wrong with a form, as one failure.
pub(crate) fn invalid(code: &str, problems: Vec<Problem>) -> Box<Failure> {
    let mut message = String::new();
    for problem in &problems {
        if !message.is_empty() {
            message.push(' ');
        }
        message.push_str(&problem.message);
    }
    let mut failure = Failure::new(Action::FixSettings, code, message);
    failure.field = problems.into_iter().next().map(|problem| problem.field);
    failure
}

impl Notice {
    /// Something worth telling.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Notice { code: code.into(), message: message.into() }
    }
}

/// A JSON pointer (RFC 6901) to a top-level field.
pub fn pointer(field: &str) -> String {
    let mut pointer = String::from("/");
    for letter in field.chars() {
        match letter {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            letter => pointer.push(letter),
        }
    }
    pointer
}
