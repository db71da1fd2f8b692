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
//! **Values** of a request are visible ASCII, spaces and tabs. CR, LF and NUL split or cut a message, other control
//! characters have no meaning, and what is not ASCII is read as Latin-1 by one service and as UTF-8 by
//! the next.
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
