//! The URL of a request: one parser, and what was parsed is what is sent.
//!
//! URL parsers repair what they read: they drop tabs, turn `\` into `/`, read `0x7f.1` as an
//! address, resolve `/../`. Every repair is a second reading, and a policy that judged one reading
//! while the client sends another is no policy. So a URL is accepted if and only if the parser has
//! nothing to repair: its own text of what it parsed equals the text given.
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
        let Some(host) = url.host().as_ref().and_then(Host::new) else {
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
        "has no valid host and port; write the host in lower case and punycode, no dot at its end"
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

    fn check_all(texts: &[&str], expected: Result<(), Rule>) {
        for text in texts {
            check(text, expected);
        }
    }

    #[test]
    fn a_url_without_repair_is_sent_as_it_is() {
        check_all(
            &[
                "https://api.example.com/",
                "https://api.example.com/v1/users?page=2&per_page=50",
                "https://api.example.com:8443/?",
                "https://xn--bcher-kva.example/a%2Fb/%C3%A9",
                "https://a-1.b2.example/a:b@c;d=e,f!$'()*+",
                "http://127.0.0.1:8080/",
                "https://[::1]/",
                "https://192.0.2.1/",
            ],
            Ok(()),
        );
    }

    #[test]
    fn the_parts_of_a_url_are_those_that_are_sent() {
        let url = RequestUrl::parse("https://api.example.com:8443/v1/users?a=b?c").expect("a URL");
        assert_eq!(url.origin().to_string(), "https://api.example.com:8443");
        assert_eq!(url.path(), "/v1/users");
        assert_eq!(url.path_and_query(), "/v1/users?a=b?c");
        assert!(url.has_query());
        assert!(!RequestUrl::parse("https://api.example.com/v1").expect("a URL").has_query());
    }

    #[test]
    fn user_info_is_refused_in_every_spelling() {
        check_all(
            &[
                "https://user@api.example.com/",
                "https://user:pass@api.example.com/",
                "https://@api.example.com/",
                "https://:@api.example.com/",
                "https://api.example.com@evil.example/",
                "https://api.example.com:443@evil.example/",
                "https://a@b@api.example.com/",
            ],
            Err(Rule::UrlUserInfo),
        );
    }

    #[test]
    fn a_fragment_is_refused_even_if_empty() {
        check_all(
            &[
                "https://api.example.com/#",
                "https://api.example.com/#a",
                "https://api.example.com#@evil.example/",
                "https://api.example.com/?a#b",
            ],
            Err(Rule::UrlFragment),
        );
    }

    #[test]
    fn a_url_names_its_host() {
        check_all(
            &[
                "",
                "/",
                "/v1",
                "//api.example.com/",
                "https:",
                "https:/api.example.com/",
                "https:api.example.com/",
                "https://",
                "https:///api.example.com/",
                "https:////api.example.com/",
                "https://:443/",
                "https://?a=b",
                "HTTPS://api.example.com/",
                "hTtPs://api.example.com/",
                "api.example.com",
            ],
            Err(Rule::UrlSpelling),
        );
    }

    #[test]
    fn other_schemes_are_refused() {
        check_all(
            &[
                "ftp://api.example.com/",
                "file:///etc/passwd",
                "ws://api.example.com/",
                "wss://api.example.com/",
                "xhttps://api.example.com/",
                "javascript://api.example.com/",
                "unix:///run/docker.sock://",
            ],
            Err(Rule::HttpsOnly),
        );
    }

    #[test]
    fn an_address_has_one_spelling() {
        check_all(
            &[
                "https://2130706433/",
                "https://0x7f000001/",
                "https://0x7f.1/",
                "https://0X7F.0.0.1/",
                "https://017700000001/",
                "https://0177.0.0.1/",
                "https://127.1/",
                "https://127.0.1/",
                "https://127.0.0.1./",
                "https://127.0.0.01/",
                "https://127.0.0.256/",
                "https://1.2.3.4.5/",
                "https://a.0x7f/",
                "https://[::1%25lo]/",
                "https://[0:0:0:0:0:0:0:1]/",
                "https://[::FFFF:7F00:1]/",
                "https://[::ffff:127.0.0.1]/",
                "https://[::1/",
                "https://::1/",
                "https://[v1.a]/",
            ],
            Err(Rule::UrlSpelling),
        );
    }

    #[test]
    fn a_name_has_one_spelling() {
        check_all(
            &[
                "https://API.example.com/",
                "https://api.example.com./",
                "https://api.example.com../",
                "https://.api.example.com/",
                "https://api..example.com/",
                "https://-api.example.com/",
                "https://api-.example.com/",
                "https://api_1.example.com/",
                "https://*.example.com/",
                "https://{account}.example.com/",
                "https://%61pi.example.com/",
                "https://api%2eexample.com/",
                "https://api%00.example.com/",
                "https://xn--a.example/",
                "https://bücher.example/",
                "https://ⓔxample.com/",
                "https://api。example.com/",
                "https://１２７.0.0.1/",
                &format!("https://{}.example/", "a".repeat(64)),
                &format!("https://{}example/", "a.".repeat(130)),
            ],
            Err(Rule::UrlSpelling),
        );
    }

    #[test]
    fn a_port_has_one_spelling() {
        check_all(
            &[
                "https://api.example.com:443/",
                "http://127.0.0.1:80/",
                "https://api.example.com:/",
                "https://api.example.com:0/",
                "https://api.example.com:08443/",
                "https://api.example.com:65536/",
                "https://api.example.com:+1/",
                "https://api.example.com:-1/",
                "https://api.example.com:8443:443/",
                "https://api.example.com:a/",
            ],
            Err(Rule::UrlSpelling),
        );
    }

    #[test]
    fn what_a_parser_would_drop_or_turn_is_refused() {
        check_all(
            &[
                " https://api.example.com/",
                "https://api.example.com/ ",
                "https://api.example.com/a b",
                "https://api.exam\tple.com/",
                "https://api.example.com/\r\nHost: evil.example",
                "https://api.example.com/\n",
                "https://api.example.com/\0",
                "https://api.example.com/\u{7f}",
                "https://api.example.com/é",
                "https:\\\\api.example.com/",
                "https://evil.example\\@api.example.com/",
                "https://api.example.com\\.evil.example/",
                "https://api.example.com/a/../b",
                "https://api.example.com/a/./b",
                "https://api.example.com/%2e%2E/b",
                "https://api.example.com/..",
                "https://api.example.com",
                "https://api.example.com?a=b",
                "https://api.example.com/\"",
                "https://api.example.com/<a>",
            ],
            Err(Rule::UrlSpelling),
        );
    }

    #[test]
    fn a_message_names_the_one_spelling() {
        let error = RequestUrl::parse("https://API.example.com/a/../b").expect_err("two repairs");
        let message = error.to_string();
        assert!(message.ends_with(r#"write "https://api.example.com/b""#), "{message}");
    }

    #[test]
    fn debug_shows_no_query() {
        let url = RequestUrl::parse("https://api.example.com/v1?token=abc").expect("a URL");
        assert_eq!(format!("{url:?}"), "RequestUrl(https://api.example.com/v1)");
    }

    fn nearly_a_url() -> impl Strategy<Value = String> {
        prop_oneof![
            ".*",
            "https?:/{1,3}[a-z0-9.:@\\[\\]\\\\%#?/-]{0,24}",
            "https://([a-z0-9-]{1,8}\\.){0,3}[a-z0-9]{1,6}(:[0-9]{1,5})?(/[!-~]{0,12}){1,3}",
            "https://[0-9a-fx.]{1,16}/",
            "https://\\[[0-9a-f:.]{2,20}\\]/",
        ]
    }

    proptest! {
        #[test]
        fn another_parser_reads_the_same_host_port_path_and_query(text in nearly_a_url()) {
            let Ok(url) = RequestUrl::parse(&text) else { return Ok(()) };
            prop_assert_eq!(url.as_str(), &text);
            let uri: http::Uri = text.parse().expect("what is accepted is a URI");
            let origin = url.origin();
            prop_assert_eq!(uri.scheme_str(), Some(origin.scheme.as_str()));
            prop_assert_eq!(uri.host().map(str::to_owned), Some(origin.host.to_string()));
            prop_assert_eq!(uri.port_u16().unwrap_or(origin.scheme.default_port()), origin.port);
            prop_assert_eq!(uri.path(), url.path());
            prop_assert_eq!(uri.query().is_some(), url.has_query());
            prop_assert_eq!(format!("{origin}{}", url.path_and_query()), text);
        }

        #[test]
        fn a_host_that_reads_as_a_number_is_an_address_in_its_own_spelling(text in nearly_a_url()) {
            let Ok(url) = RequestUrl::parse(&text) else { return Ok(()) };
            let host = &url.origin().host;
            if let Some(name) = host.name() {
                let last = name.rsplit('.').next().expect("a split has a first part");
                prop_assert!(!last.bytes().all(|byte| byte.is_ascii_digit()), "{}", name);
                let hexadecimal = last.strip_prefix("0x").is_some_and(|digits| {
                    digits.bytes().all(|byte| byte.is_ascii_hexdigit())
                });
                prop_assert!(!hexadecimal, "{}", name);
            }
        }
    }
}
