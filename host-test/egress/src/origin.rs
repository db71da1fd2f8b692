//! Origins: scheme, host and port, in one spelling.
//!
//! | text | |
//! | --- | --- |
//! | `https://api.example.com` | accepted; the port is 443 |
//! | `https://api.example.com:8443` | accepted |
//! | `http://127.0.0.1:8080`, `https://[::1]:8443` | accepted; whether it may be used is the policy's decision |
//! | `https://api.example.com:443`, `:`, `:0443` | refused: not the one spelling |
//! | `https://api.example.com/`, `…/v1`, `…?a=b` | refused: an origin has no path |
//! | everything that [`RequestUrl`] refuses | refused: there is one parser |
//!
//! `FromStr` and `Display` are inverse to each other, so two origins are the same if and only if
//! their texts are.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::quote::quote;
use crate::target::{RequestUrl, UrlError};

/// The scheme of an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// `http`, on port 80 where none is written.
    Http,
    /// `https`, on port 443 where none is written.
    Https,
}

impl Scheme {
    /// The port where none is written.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// The text before `://`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A host: a DNS name in lower case, or an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host(url::Host<String>);

impl Host {
    /// Takes what the URL parser found, if it is an address or a name of labels that DNS knows.
    pub(crate) fn new(host: &url::Host<&str>) -> Option<Self> {
        match host {
            url::Host::Domain(name) => is_host_name(name).then(|| Self(host.to_owned())),
            url::Host::Ipv4(_) | url::Host::Ipv6(_) => Some(Self(host.to_owned())),
        }
    }

    /// The address, if the host is one.
    pub fn address(&self) -> Option<IpAddr> {
        match &self.0 {
            url::Host::Domain(_) => None,
            url::Host::Ipv4(address) => Some((*address).into()),
            url::Host::Ipv6(address) => Some((*address).into()),
        }
    }

    /// The DNS name, if the host is not an address.
    pub fn name(&self) -> Option<&str> {
        match &self.0 {
            url::Host::Domain(name) => Some(name),
            url::Host::Ipv4(_) | url::Host::Ipv6(_) => None,
        }
    }

    /// Whether this is the machine itself, by an address or by the name `localhost`.
    pub fn is_loopback(&self) -> bool {
        self.name() == Some("localhost")
            || self.address().is_some_and(|address| address.is_loopback())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// The scheme.
    pub scheme: Scheme,
    /// The host.
    pub host: Host,
    /// The port, never 0.
    pub port: u16,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.host)?;
        if self.port == self.scheme.default_port() {
            return Ok(());
        }
        write!(f, ":{}", self.port)
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text is not an origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// There is a path or a query after host and port.
    #[error("{} is not an origin: write only scheme, host and port", quote(.0))]
    Path(String),
    /// The URL parser refuses it.
    #[error(transparent)]
    Url(#[from] UrlError),
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let url = RequestUrl::parse(&format!("{text}/"))?;
        if url.path_and_query() != "/" {
            return Err(OriginError::Path(text.to_owned()));
        }
        Ok(url.origin().clone())
    }
}

/// Whether the text is labels of lower-case letters, digits and inner hyphens, joined by single
/// dots, of which the last is no number: that would be an address.
pub(crate) fn is_host_name(text: &str) -> bool {
    let number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= 253
        && text.split('.').all(is_label)
        && text.rsplit('.').next().is_some_and(|last| !number(last))
}

/// Whether the text is one label of a host name.
pub(crate) fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=63).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, accepted: bool) {
        match text.parse::<Origin>() {
            Ok(origin) => {
                assert!(accepted, "{text:?} was accepted");
                assert_eq!(origin.to_string(), text);
            }
            Err(error) => assert!(!accepted, "{text:?}: {error}"),
        }
    }

    #[test]
    fn an_origin_has_one_spelling() {
        for text in [
            "https://api.example.com",
            "https://api.example.com:8443",
            "http://127.0.0.1:8080",
            "https://[::1]:8443",
            "https://xn--bcher-kva.example",
            "http://localhost:1",
        ] {
            check(text, true);
        }
        for text in [
            "https://api.example.com:443",
            "https://api.example.com:",
            "https://api.example.com:08443",
            "https://api.example.com:0",
            "https://api.example.com:65536",
            "https://API.example.com",
            "HTTPS://api.example.com",
            "https://bücher.example",
            "https://127.1",
        ] {
            check(text, false);
        }
    }

    #[test]
    fn an_origin_is_nothing_but_scheme_host_and_port() {
        for text in [
            "",
            "api.example.com",
            "https://",
            "https://api.example.com/",
            "https://api.example.com/v1",
            "https://api.example.com?a=b",
            "https://api.example.com#a",
            "https://user@api.example.com",
            "https://user:@api.example.com",
            " https://api.example.com",
            "https://api.example.com ",
            "ftp://api.example.com",
        ] {
            check(text, false);
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_displayed_as_it_was_written(
            text in prop_oneof![".*", "https?://[a-z0-9.:\\[\\]-]{1,20}(:[0-9]{0,6})?"],
        ) {
            if let Ok(origin) = text.parse::<Origin>() {
                prop_assert_eq!(origin.to_string(), text);
            }
        }
    }
}
