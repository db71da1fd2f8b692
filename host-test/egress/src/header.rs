//! Headers, in both directions.
//!
//! **Names** are tokens (RFC 9110, 5.6.2) in any case; they are sent in lower case. Refused, not
//! overwritten, is a name that belongs to the host:
//!
//! | name | why |
//! | --- | --- |
//! | `host` | routes the request; it follows from the URL that was judged |
//! | `content-length`, `transfer-encoding`, `te`, `trailer`, `expect` | frame the message; a second opinion is request smuggling |
//! | `connection`, `keep-alive`, `upgrade`, `http2-settings`, `proxy-*` | are between the host and its next hop |
//! | `accept-encoding` | the host decompresses, and counts while it does |
//! | `cookie`, `cookie2` | carry a session beside the declared secrets |
//! | `forwarded`, `via`, `x-forwarded-*`, `x-real-ip` | claim that somebody else asked; services trust them |
//! | `x-http-method`, `x-http-method-override`, `x-method-override` | turn a GET into a DELETE at the service, past the methods declared and the dry run |
//!
//! **Values** of a request are visible ASCII, spaces and tabs. CR, LF and NUL split or cut a
//! message, other control characters have no meaning, and what is not ASCII is read as Latin-1 by
//! one service and as UTF-8 by the next.
//!
//! **Answers**: names in lower case, in the order received, duplicates kept; byte *n* of a value
//! becomes the character U+00*n*, so no byte is lost and none is misread.

use http::HeaderMap;
use http::header::HeaderName;

use crate::quote::quote;
use crate::rule::Rule;

/// Why a header is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// A character that no value may hold.
    #[error("the value of the header {name} holds {character:?}, which no value may hold")]
    Character {
        /// The name, in lower case.
        name: String,
        /// The first such character.
        character: char,
    },
    /// The name would change the method.
    #[error("the header {0} would turn the method into another one; send that method instead")]
    MethodOverride(String),
    /// The name is not a token.
    #[error("{} is not the name of a header; a name is letters, digits and hyphens", quote(.0))]
    Name(String),
    /// The name belongs to the host.
    #[error("the header {0} belongs to the host; leave it out")]
    Owned(String),
}

impl HeaderError {
    /// The rule that it breaks.
    pub fn rule(&self) -> Rule {
        match self {
            Self::Character { .. } => Rule::HeaderValue,
            Self::MethodOverride(_) => Rule::MethodOverride,
            Self::Name(_) => Rule::HeaderName,
            Self::Owned(_) => Rule::HeaderOwned,
        }
    }
}

/// The name of a header that a plugin may set, in lower case.
pub fn parse_name(text: &str) -> Result<HeaderName, HeaderError> {
    let name =
        HeaderName::from_bytes(text.as_bytes()).map_err(|_| HeaderError::Name(text.to_owned()))?;
    match name.as_str() {
        "accept-encoding" | "connection" | "content-length" | "cookie" | "cookie2" | "expect"
        | "forwarded" | "host" | "http2-settings" | "keep-alive" | "te" | "trailer"
        | "transfer-encoding" | "upgrade" | "via" | "x-real-ip" => {
            Err(HeaderError::Owned(name.as_str().to_owned()))
        }
        owned if owned.starts_with("proxy-") || owned.starts_with("x-forwarded-") => {
            Err(HeaderError::Owned(owned.to_owned()))
        }
        method @ ("x-http-method" | "x-http-method-override" | "x-method-override") => {
            Err(HeaderError::MethodOverride(method.to_owned()))
        }
        _ => Ok(name),
    }
}

/// Checks text that goes into the value of a header.
pub fn check_text(name: &HeaderName, text: &str) -> Result<(), HeaderError> {
    match text.chars().find(|c| !(c.is_ascii_graphic() || matches!(c, ' ' | '\t'))) {
        None => Ok(()),
        Some(character) => {
            Err(HeaderError::Character { name: name.as_str().to_owned(), character })
        }
    }
}

/// The headers of an answer as a plugin reads them.
pub fn decode(headers: &HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), decode_value(value.as_bytes())))
        .collect()
}

/// The value of a header as a plugin reads it: byte *n* becomes the character U+00*n*.
pub fn decode_value(value: &[u8]) -> String {
    value.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn check(name: &str, expected: Result<&str, Rule>) {
        let found = parse_name(name);
        let found = found.as_ref().map(HeaderName::as_str).map_err(HeaderError::rule);
        assert_eq!(found, expected, "{name:?}");
    }

    fn check_value(value: &str, accepted: bool) {
        assert_eq!(check_text(&http::header::ACCEPT, value).is_ok(), accepted, "{value:?}");
    }

    #[test]
    fn a_name_is_a_token_in_any_case() {
        check("accept", Ok("accept"));
        check("Authentication", Ok("authentication"));
        check("X-Request-ID", Ok("x-request-id"));
        check("!#$%&'*+-.^_`|~09azAZ", Ok("!#$%&'*+-.^_`|~09azaz"));
        for name in
            ["", " ", "a b", "a:", ":method", "a\r\nb", "a\0", "é", "a(b)", "a/b", "\"a\"", "a\t"]
        {
            check(name, Err(Rule::HeaderName));
        }
        check(&"a".repeat(100_000), Err(Rule::HeaderName));
    }

    #[test]
    fn a_name_of_the_host_is_refused_in_any_case() {
        for name in [
            "Host",
            "HOST",
            "content-length",
            "Content-Length",
            "transfer-encoding",
            "Connection",
            "keep-alive",
            "upgrade",
            "http2-settings",
            "TE",
            "trailer",
            "expect",
            "proxy-authorization",
            "Proxy-Connection",
            "proxy-",
            "Accept-Encoding",
            "Cookie",
            "cookie2",
            "forwarded",
            "Via",
            "X-Forwarded-For",
            "x-forwarded-host",
            "X-Real-IP",
        ] {
            check(name, Err(Rule::HeaderOwned));
        }
        for name in ["hosts", "x-host", "te2", "proxy", "cookies", "accept", "x-forwarded"] {
            check(name, Ok(name));
        }
    }

    #[test]
    fn a_name_that_changes_the_method_is_refused() {
        for name in ["X-HTTP-Method-Override", "x-http-method", "X-Method-Override"] {
            check(name, Err(Rule::MethodOverride));
        }
    }

    #[test]
    fn a_value_cannot_split_a_message() {
        for value in ["", "a", "a b\tc", " padded ", "~!@#$%^&*()"] {
            check_value(value, true);
        }
        for value in
            ["a\r\nb: c", "\r", "\n", "\0", "\u{1b}[0m", "\u{7f}", "\u{85}", "é", "\u{2028}", "😀"]
        {
            check_value(value, false);
        }
    }

    #[test]
    fn an_answer_keeps_duplicates_and_every_byte() {
        let mut headers = HeaderMap::new();
        for (name, value) in [("set-cookie", "a=1"), ("x-note", "caf\u{e9}"), ("set-cookie", "b=2")]
        {
            let bytes: Vec<u8> =
                value.chars().map(|c| u8::try_from(u32::from(c)).expect("Latin-1")).collect();
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a token");
            headers.append(name, HeaderValue::from_bytes(&bytes).expect("a value"));
        }
        let mut decoded = decode(&headers);
        decoded.sort();
        let expected = [("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-note", "café")];
        assert_eq!(decoded, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    proptest! {
        #[test]
        fn no_name_panics_and_what_is_accepted_is_sent_in_lower_case(
            name in prop_oneof![".*", "[!-~]{1,20}"],
        ) {
            if let Ok(parsed) = parse_name(&name) {
                prop_assert_eq!(parsed.as_str(), name.to_ascii_lowercase());
            }
        }

        #[test]
        fn an_accepted_text_is_a_value(text in prop_oneof![".*", "[ -~\t]{0,20}"]) {
            if check_text(&http::header::ACCEPT, &text).is_ok() {
                let value = HeaderValue::from_str(&text).expect("an accepted text is a value");
                prop_assert_eq!(decode_value(value.as_bytes()), text);
            }
        }

        #[test]
        fn byte_n_of_a_value_is_the_character_n(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let back: Vec<u8> = decode_value(&bytes).chars().map(|c| c as u8).collect();
            prop_assert_eq!(back, bytes);
        }
    }
}
