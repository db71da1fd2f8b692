//! Patterns of origins: what a component declares that it may reach.
//!
//! | text | matches |
//! | --- | --- |
//! | `https://api.example.com` | that host on port 443 |
//! | `https://api.example.com:8443` | that host on that port |
//! | `https://*.example.com` | one label before `.example.com`: `a.example.com`; neither `example.com` nor `a.b.example.com` |
//! | `https://192.0.2.1` | that address, where the operator grants it by name; a declaration alone never opens an address |
//!
//! Refused: `http` (only an operator can grant it, see [`Grant`](crate::Grant)), paths, user info,
//! names of a single label (they are of the local network), `*` anywhere but as the whole first
//! label, `*.com` (everyone's), and everything else that [`Origin`] refuses. An empty list matches
//! nothing.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use crate::origin::{Origin, OriginError};
use crate::quote::quote;

pub(crate) const HTTPS: &str = "https://";

/// Which origins a component may reach: one, or those that differ in their first label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OriginPattern {
    any_label: bool,
    origin: Origin,
}

impl OriginPattern {
    /// The host and port, without the wildcard label where there is one.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether any one label may precede the host.
    pub fn is_wildcard(&self) -> bool {
        self.any_label
    }

    /// Whether the origin is one of the pattern's.
    pub fn matches(&self, origin: &Origin) -> bool {
        if !self.any_label {
            return self.origin == *origin;
        }
        let parent = origin.host.name().and_then(|name| name.split_once('.'));
        self.origin.scheme == origin.scheme
            && self.origin.port == origin.port
            && parent.is_some_and(|(_, parent)| self.origin.host.name() == Some(parent))
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.any_label {
            return self.origin.fmt(f);
        }
        let text = self.origin.to_string();
        write!(f, "{HTTPS}*.{}", text.trim_start_matches(HTTPS))
    }
}

impl Serialize for OriginPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for OriginPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let rest = text.strip_prefix(HTTPS).ok_or_else(|| PatternError::Https(text.to_owned()))?;
        let (any_label, origin) = match rest.strip_prefix("*.") {
            Some(parent) => (true, format!("{HTTPS}{parent}").parse::<Origin>()?),
            None => (false, text.parse::<Origin>()?),
        };
        let wide = match origin.host.name() {
            Some(name) => !name.contains('.'),
            None => any_label,
        };
        if wide {
            return Err(PatternError::Wide(text.to_owned()));
        }
        Ok(Self { any_label, origin })
    }
}

/// Why a text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The scheme is another one.
    #[error("the origin {} must start with https://", quote(.0))]
    Https(String),
    /// It is no origin.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// It would match hosts that are not the component's.
    #[error("the origin {} is too wide: name a host of two labels or more", quote(.0))]
    Wide(String),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, accepted: bool) {
        match text.parse::<OriginPattern>() {
            Ok(pattern) => {
                assert!(accepted, "{text:?} was accepted");
                assert_eq!(pattern.to_string(), text);
            }
            Err(error) => assert!(!accepted, "{text:?}: {error}"),
        }
    }

    fn check_match(pattern: &str, origin: &str, expected: bool) {
        let pattern: OriginPattern = pattern.parse().expect(pattern);
        let origin: Origin = origin.parse().expect(origin);
        assert_eq!(pattern.matches(&origin), expected, "{pattern} and {origin}");
    }

    #[test]
    fn a_pattern_is_an_exact_host_or_one_wildcard_label_at_most() {
        for text in [
            "https://api.example.com",
            "https://api.example.com:8443",
            "https://*.example.com",
            "https://*.example.com:8443",
            "https://192.0.2.1",
            "https://[2001:db8::1]:8443",
        ] {
            check(text, true);
        }
        for text in [
            "",
            "*",
            "https://*",
            "https://*.",
            "https://*.com",
            "https://*com",
            "https://*example.com",
            "https://a*.example.com",
            "https://*.*.example.com",
            "https://api.*.com",
            "https://**.example.com",
            "https://*.192.0.2.1",
            "https://*.[2001:db8::1]",
            "https://api.example.com:*",
            "https://localhost",
            "https://com",
        ] {
            check(text, false);
        }
    }

    #[test]
    fn a_pattern_has_no_path_and_no_other_scheme() {
        for text in [
            "http://api.example.com",
            "http://127.0.0.1:8080",
            "api.example.com",
            "*.example.com",
            "*://api.example.com",
            "https://api.example.com/",
            "https://api.example.com/v1",
            "https://*.example.com/",
            "https://user@api.example.com",
            "https://api.example.com?a",
            "https://api.example.com:443",
        ] {
            check(text, false);
        }
    }

    #[test]
    fn host_and_port_match_exactly() {
        check_match("https://api.example.com", "https://api.example.com", true);
        check_match("https://api.example.com", "https://api.example.com:8443", false);
        check_match("https://api.example.com:8443", "https://api.example.com:8443", true);
        check_match("https://api.example.com", "http://api.example.com", false);
        check_match("https://api.example.com", "http://api.example.com:443", false);
        check_match("https://api.example.com", "https://example.com", false);
        check_match("https://api.example.com", "https://evil-api.example.com", false);
        check_match("https://api.example.com", "https://api.example.com.evil.example", false);
    }

    #[test]
    fn a_wildcard_matches_one_label() {
        check_match("https://*.example.com", "https://a.example.com", true);
        check_match("https://*.example.com", "https://example.com", false);
        check_match("https://*.example.com", "https://a.b.example.com", false);
        check_match("https://*.example.com", "https://evilexample.com", false);
        check_match("https://*.example.com", "https://a.example.com:8443", false);
        check_match("https://*.example.com", "http://a.example.com:443", false);
        check_match("https://*.example.com", "https://192.0.2.1", false);
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_displayed_as_it_was_written(
            text in prop_oneof![".*", "https://(\\*\\.)?[a-z0-9.*-]{1,20}(:[0-9]{1,5})?"],
        ) {
            if let Ok(pattern) = text.parse::<OriginPattern>() {
                prop_assert_eq!(pattern.to_string(), text.as_str());
            }
        }

        #[test]
        fn a_pattern_matches_what_it_is_written_for(
            label in "[a-z0-9]{1,8}",
            other in "[a-z0-9.]{1,12}",
        ) {
            let pattern: OriginPattern = "https://*.example.com".parse().expect("a pattern");
            let origin: Origin = format!("https://{label}.example.com").parse().expect("an origin");
            prop_assert!(pattern.matches(&origin));
            if let Ok(origin) = format!("https://{other}.example.com").parse::<Origin>() {
                prop_assert_eq!(pattern.matches(&origin), !other.contains('.'));
            }
        }
    }
}
