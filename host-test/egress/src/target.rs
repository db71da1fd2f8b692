//! The URL of a request: one parser, and what was parsed is what is sent.
//!
//! URL parsers repair what they read: they drop tabs, turn `\` into `/`, read `0x7f.1` as an address,
//! resolve `/../`. Every repair is a second reading, and a policy that judged one reading while the
//! client sends another is no policy. So a URL is accepted if and only if the parser has nothing to
//! repair: its own text of what it parsed equals the text given.
//!
//! | text | |
//! | --- | --- |
//! | `https://api.example.com/v1/users?page=2` | accepted |
//! | `https://api.example.com` | refused: the path is written, `/` at least |
//! | `https://user@…`, `https://user:pass@…`, `https://@…` | refused: user info |
//! | `…#part`, `…#` | refused: a fragment is never sent |
//! | `https:///v1`, `https:v1`, `//host/v1`, `/v1` | refused: no host, or one that a parser makes up |
//! | `https://bücher.example/`, `https://API.example.com/` | refused: names are written in lower case, as punycode |
//! | `https://api.example.com./`, `https://a..b/`, `https://a_b/` | refused: not labels joined by single dots |
//! | `https://2130706433/`, `https://0x7f.1/`, `https://0177.0.0.1/`, `https://127.1/` | refused: an address has one spelling |
//! | `https://api.example.com:443/`, `:/`, `:0/`, `:08443/` | refused: a default port is not written, 0 is none |
//! | tab, line break, space, control character, `\`, non-ASCII anywhere | refused |
//! | `https://api.example.com/a/../b`, `/a/%2e%2e/b` | refused: the parser would resolve it |
//!
//! Whether the scheme, the host and an address may be used at all is the policy's decision.

use std::fmt;

use url::Url;

use crate::origin::{Host, Origin, Scheme};
use crate::quote::quote;
use crate::rule::Rule;

/// An absolute URL that is sent as it is written.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RequestUrl {
    text: String,
    origin: Origin,
    path_at: usize,
    query_at: Option<usize>,
}

impl RequestUrl {
    /// Parses an absolute URL without user info and fragment.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let error = |kind| Err(UrlError { kind, url: quote(text) });
        if let Some(character) = text.chars().find(|c| !c.is_ascii_graphic() || *c == '\\') {
            return error(UrlErrorKind::Character(character));
        }
        let (scheme, rest) = match text.split_once("://") {
            Some(("https", rest)) => (Scheme::Https, rest),
            Some(("http", rest)) => (Scheme::Http, rest),
            Some((other, _)) if !other.eq_ignore_ascii_case("https") => {
                return error(UrlErrorKind::Scheme);
            }
            _ => return error(UrlErrorKind::NotAbsolute),
        };
        if text.contains('#') {
            return error(UrlErrorKind::Fragment);
        }
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.contains('@') {
            return error(UrlErrorKind::UserInfo);
        }
        if authority.is_empty() || authority.starts_with(':') {
            return error(UrlErrorKind::NoHost);
        }
        let Ok(url) = Url::parse(text) else {
            return error(UrlErrorKind::Host);
        };
        if url.as_str() != text {
            return error(UrlErrorKind::Repaired(url.into()));
        }
        let Some(host) = url.host().and_then(Host::new) else {
            return error(UrlErrorKind::Host);
        };
        let port = url.port().unwrap_or(scheme.default_port());
        if port == 0 {
            return error(UrlErrorKind::Host);
        }
        let path_at = scheme.as_str().len() + "://".len() + authority.len();
        Ok(Self {
            origin: Origin { scheme, host, port },
            path_at,
            query_at: text.find('?'),
            text: text.to_owned(),
        })
    }

    /// The URL as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The path, which starts with `/`, without the query.
    pub fn path(&self) -> &str {
        &self.text[self.path_at..self.query_at.unwrap_or(self.text.len())]
    }

    /// Whether there is a query, be it an empty one.
    pub fn has_query(&self) -> bool {
        self.query_at.is_some()
    }

    /// The path with the query: what stands in the first line of the request.
    pub fn path_and_query(&self) -> &str {
        &self.text[self.path_at..]
    }
}

/// Without the query, which may hold what a person should not read.
impl fmt::Debug for RequestUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestUrl({}{})", self.origin, self.path())
    }
}

/// The text is not the URL of a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the URL {url} {kind}")]
pub struct UrlError {
    kind: UrlErrorKind,
    url: String,
}

impl UrlError {
    /// The rule that it breaks.
    pub fn rule(&self) -> Rule {
        match self.kind {
            UrlErrorKind::Fragment => Rule::UrlFragment,
            UrlErrorKind::Scheme => Rule::HttpsOnly,
            UrlErrorKind::UserInfo => Rule::UrlUserInfo,
            UrlErrorKind::Character(_)
            | UrlErrorKind::Host
            | UrlErrorKind::NoHost
            | UrlErrorKind::NotAbsolute
            | UrlErrorKind::Repaired(_) => Rule::UrlSpelling,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum UrlErrorKind {
    #[error("holds {0:?}; percent-encode it")]
    Character(char),
    #[error("has a fragment, which is never sent; leave it out")]
    Fragment,
    #[error(
        "has no valid host and port; write the host in lower case, punycode and without a trailing dot"
    )]
    Host,
    #[error("has no host")]
    NoHost,
    #[error("is not absolute; it must start with https://")]
    NotAbsolute,
    #[error("is not in its one spelling; write {}", quote(.0))]
    Repaired(String),
    #[error("is not of the scheme https")]
    Scheme,
    #[error("holds user info; put credentials into a header")]
    UserInfo,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Result<(), Rule>) {
        let found = RequestUrl::parse(text);
        let found = found.as_ref().map(RequestUrl::as_str).map_err(UrlError::rule);
        assert_eq!(found, expected.map(|()| text), "{text:?}");
    }
}
