//! Methods of a request.
//!
//! | text | |
//! | --- | --- |
//! | `GET`, `POST`, `DELETE`, `PURGE` | accepted: upper-case letters, at most 16 |
//! | `get`, `Get` | refused: methods are case-sensitive, and a service may read `get` as it likes |
//! | `CONNECT`, `TRACE` | refused: one opens a tunnel, the other sends the request's headers back |
//! | empty, `GET /`, `M-SEARCH` | refused: not letters |
//!
//! Which of them may be sent is the component's declaration; which of them a dry run lets through
//! is [`Method::reads_only`].

use std::fmt;
use std::str::FromStr;

use crate::quote::quote;

/// A method in upper case, such as `GET`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Method(String);

/// The text is not a method that a plugin may use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} is not a method; write it in upper case, such as GET; CONNECT and TRACE are never sent",
    quote(.0)
)]
pub struct MethodError(String);

impl Method {
    /// The text, in upper case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a dry run lets it through. Only GET: HEAD is read-only by its definition too, but a
    /// rehearsal needs the answers' bodies and nothing else, so the smaller set is kept.
    pub fn reads_only(&self) -> bool {
        self.0 == "GET"
    }

    /// Whether sending it twice does what sending it once does (RFC 9110, 9.2.2). A request whose
    /// method is not idempotent is never repeated without being asked to.
    pub fn is_idempotent(&self) -> bool {
        matches!(self.as_str(), "DELETE" | "GET" | "HEAD" | "OPTIONS" | "PUT")
    }
}

impl FromStr for Method {
    type Err = MethodError;

    fn from_str(text: &str) -> Result<Self, MethodError> {
        let letters = text.bytes().all(|byte| byte.is_ascii_uppercase());
        if !letters || text.is_empty() || text.len() > 16 || matches!(text, "CONNECT" | "TRACE") {
            return Err(MethodError(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, accepted: bool) {
        assert_eq!(text.parse::<Method>().is_ok(), accepted, "{text:?}");
    }

    #[test]
    fn a_method_is_upper_case_letters() {
        for text in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "PURGE"] {
            check(text, true);
        }
        let long = "A".repeat(17);
        for text in
            ["", "get", "Get", "GET ", " GET", "GET /", "GE\tT", "GET\r\n", "GÉT", "M-S", &long]
        {
            check(text, false);
        }
    }

    #[test]
    fn a_tunnel_and_an_echo_of_the_headers_are_never_asked_for() {
        check("CONNECT", false);
        check("TRACE", false);
    }

    #[test]
    fn a_dry_run_lets_only_get_through() {
        for (text, passes) in [("GET", true), ("HEAD", false), ("POST", false), ("DELETE", false)] {
            assert_eq!(text.parse::<Method>().expect(text).reads_only(), passes, "{text}");
        }
    }

    #[test]
    fn only_idempotent_methods_may_be_repeated_unasked() {
        for (text, may) in
            [("GET", true), ("PUT", true), ("DELETE", true), ("POST", false), ("PATCH", false)]
        {
            assert_eq!(text.parse::<Method>().expect(text).is_idempotent(), may, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_displayed_as_it_was_written(text in ".*") {
            if let Ok(method) = text.parse::<Method>() {
                prop_assert_eq!(method.to_string(), text);
            }
        }
    }
}
