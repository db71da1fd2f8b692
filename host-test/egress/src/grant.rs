//! Grants: where the operator sends a declared origin.
//!
//! | text | |
//! | --- | --- |
//! | `https://api.example.com=https://proxy.example.net:8443` | accepted: `https` may go anywhere |
//! | `https://api.example.com=http://127.0.0.1:8080`, `…=http://[::1]:8080` | accepted: a loopback address and port, by name |
//! | `https://192.0.2.1=https://192.0.2.1` | accepted: opens a declared address as it is |
//! | `…=http://proxy.example.net:8080`, `…=http://localhost:8080`, `…=http://127.0.0.1` | refused: `http` goes to no name, no other machine and no unwritten port |
//! | `http://…=…` | refused: a component declares `https` only |
//!
//! A grant is the operator's alone: neither the component nor a setting can make one. It redirects
//! what is declared and never adds to it: an origin that is not declared stays refused. Secrets are
//! bound to the declared origin, so a grant is also the operator's word that its target may have
//! them. Addresses are judged at dial time all the same; a grant to loopback opens loopback alone.

use std::fmt;
use std::str::FromStr;

use crate::origin::{Origin, OriginError, Scheme};
use crate::quote::quote;

/// A declared origin, and the one that is dialled in its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grant {
    declared: Origin,
    dialled: Origin,
}

impl Grant {
    /// Maps the declared origin to the one to dial.
    pub fn new(declared: Origin, dialled: Origin) -> Result<Self, GrantError> {
        if declared.scheme != Scheme::Https {
            return Err(GrantError::Declared(declared.to_string()));
        }
        let loopback = dialled.host.address().is_some_and(|address| address.is_loopback());
        let written_port = dialled.port != dialled.scheme.default_port();
        if dialled.scheme == Scheme::Http && !(loopback && written_port) {
            return Err(GrantError::Http(dialled.to_string()));
        }
        Ok(Self { declared, dialled })
    }

    /// The origin that the component addresses.
    pub fn declared(&self) -> &Origin {
        &self.declared
    }

    /// The origin that is dialled.
    pub fn dialled(&self) -> &Origin {
        &self.dialled
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.declared, self.dialled)
    }
}

impl FromStr for Grant {
    type Err = GrantError;

    fn from_str(text: &str) -> Result<Self, GrantError> {
        let (declared, dialled) =
            text.split_once('=').ok_or_else(|| GrantError::NoTarget(text.to_owned()))?;
        Self::new(declared.parse()?, dialled.parse()?)
    }
}

/// Why a text is not a grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// The origin on the left is not `https`.
    #[error("{} cannot be declared by a component: write https on the left", quote(.0))]
    Declared(String),
    /// The origin on the right is `http` and not a loopback address with its port.
    #[error(
        "{} is refused: http goes only to a loopback address and port, like http://127.0.0.1:8080",
        quote(.0)
    )]
    Http(String),
    /// There is no `=`.
    #[error("{} is not a grant: write https://DECLARED=https://TARGET", quote(.0))]
    NoTarget(String),
    /// One side is no origin.
    #[error(transparent)]
    Origin(#[from] OriginError),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, accepted: bool) {
        match text.parse::<Grant>() {
            Ok(grant) => {
                assert!(accepted, "{text:?} was accepted");
                assert_eq!(grant.to_string(), text);
            }
            Err(error) => assert!(!accepted, "{text:?}: {error}"),
        }
    }

    #[test]
    fn https_may_be_sent_anywhere() {
        check("https://api.example.com=https://proxy.example.net:8443", true);
        check("https://api.example.com=https://127.0.0.1:8443", true);
        check("https://192.0.2.1=https://192.0.2.1", true);
    }

    #[test]
    fn http_goes_only_to_a_loopback_address_and_port_granted_by_name() {
        for port in ["1", "8080", "65535"] {
            check(&format!("https://api.example.com=http://127.0.0.1:{port}"), true);
            check(&format!("https://api.example.com=http://[::1]:{port}"), true);
        }
        for target in [
            "http://127.0.0.1",
            "http://127.0.0.1:80",
            "http://127.1:8080",
            "http://0.0.0.0:8080",
            "http://10.0.0.1:8080",
            "http://localhost:8080",
            "http://proxy.example.net:8080",
            "http://[::ffff:7f00:1]:8080",
        ] {
            check(&format!("https://api.example.com={target}"), false);
        }
    }

    #[test]
    fn a_grant_is_two_origins() {
        for text in [
            "",
            "=",
            "https://api.example.com",
            "https://api.example.com=",
            "=https://api.example.com",
            "http://api.example.com=https://api.example.com",
            "https://*.example.com=https://api.example.com",
            "https://api.example.com=https://a.example.net/v1",
            "https://api.example.com=https://a.example.net=https://b.example.net",
        ] {
            check(text, false);
        }
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_displayed_as_it_was_written(text in ".*=?.*") {
            if let Ok(grant) = text.parse::<Grant>() {
                prop_assert_eq!(grant.to_string(), text);
            }
        }
    }
}
