//! Patterns of origins: what a component declares that it may reach.
//!
//! | text | matches |
//! | --- | --- |
//! | `https://api.example.com` | that host on port 443 |
//! | `https://api.example.com:8443` | that host on that port |
//! | `https://*.example.com` | one label before `.example.com`: `a.example.com`; neither `example.com` nor `a.b.example.com` |
//! | `https://192.0.2.1` | that address, where the operator grants it by name; a declaration alone never opens an address |
//!
//! Refused: `http` (only an operator can grant it, see [`Grant`](crate::Grant)), paths, user info, names of a
//! single label (they are of the local network), `*` anywhere but as the whole first label, `*.com`
//! (everyone's), and everything else that [`Origin`] refuses. An empty list matches nothing.
//!
//! A declaration may hold **placeholders**, filled from the settings of the credential:
//!
//! | template | setting | pattern |
//! | --- | --- | --- |
//! | `https://{account}.example.com` | `acme` | `https://acme.example.com` |
//! | `https://{host}` | `crm.acme.example` | `https://crm.acme.example` |
//!
//! A value takes the place of one label, or of the whole host where the placeholder is the whole host.
//! It must then be one valid label, or one valid host name; so it cannot hold `*`, `/`, `@`, `:`, `%` or
//! a dot that would move the origin elsewhere. Two labels at least follow a placeholder that is not the
//! whole host.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::origin::{Origin, OriginError, Scheme, is_host_name, is_label};
use crate::quote::quote;

const HTTPS: &str = "https://";

/// Which origins a component may reach: one, or those that differ in their first label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OriginPattern {
    any_label: bool,
    origin: Origin,
}

impl OriginPattern {
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
        debug_assert_eq!(origin.scheme, Scheme::Https);
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

/// A pattern as it is declared, with placeholders that the settings fill.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OriginTemplate(String);

impl OriginTemplate {
    /// The names of the settings that it needs.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        pieces(&self.0).filter_map(|piece| match piece {
            Piece::Field(name) => Some(name),
            Piece::Text(_) => None,
        })
    }

    /// The pattern, with the settings' values in place of the placeholders. `settings` is the JSON
    /// object of the settings that are not secret.
    pub fn resolve(&self, settings: &Value) -> Result<OriginPattern, PatternError> {
        let whole = self.is_whole_host();
        self.fill(|field| {
            let fault = |kind| PatternError::Setting { field: field.to_owned(), kind };
            let value = match settings.get(field) {
                Some(Value::String(value)) => value,
                Some(Value::Null) | None => return Err(fault(SettingFault::Missing)),
                Some(_) => return Err(fault(SettingFault::NotText)),
            };
            match whole {
                true if is_host_name(value) && value.contains('.') => Ok(value.as_str()),
                true => Err(fault(SettingFault::NotHost)),
                false if is_label(value) => Ok(value.as_str()),
                false => Err(fault(SettingFault::NotLabel)),
            }
        })
    }

    fn is_whole_host(&self) -> bool {
        let host = self.0.strip_prefix(HTTPS).and_then(|rest| rest.split(':').next());
        host.is_some_and(|host| host.starts_with('{') && host.find('}') == Some(host.len() - 1))
    }

    fn fill<'a>(
        &'a self,
        value: impl Fn(&'a str) -> Result<&'a str, PatternError>,
    ) -> Result<OriginPattern, PatternError> {
        let mut text = String::new();
        for piece in pieces(&self.0) {
            text.push_str(match piece {
                Piece::Field(name) => value(name)?,
                Piece::Text(fixed) => fixed,
            });
        }
        text.parse()
    }
}

impl fmt::Display for OriginTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for OriginTemplate {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let template = Self(text.to_owned());
        let placeholder = || PatternError::Placeholder(text.to_owned());
        let whole = template.is_whole_host();
        if let Some((_, after)) = text.rsplit_once('}')
            && !whole
            && after.split('.').skip(1).count() < 2
        {
            return Err(placeholder());
        }
        let named =
            |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if template.fields().any(|field| field.is_empty() || !named(field)) {
            return Err(placeholder());
        }
        template.fill(|_| Ok(if whole { "a.example" } else { "a" }))?;
        Ok(template)
    }
}

/// The pattern of a declaration, filled from the settings.
pub fn resolve(declared: &str, settings: &Value) -> Result<OriginPattern, PatternError> {
    declared.parse::<OriginTemplate>()?.resolve(settings)
}

/// Why there is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The scheme is another one.
    #[error("the origin {} must start with https://", quote(.0))]
    Https(String),
    /// It is no origin.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// A placeholder is unnamed, or stands where its value would decide too much.
    #[error(
        "a placeholder in {} must be named, and be the whole host or be followed by two labels",
        quote(.0)
    )]
    Placeholder(String),
    /// The value of a setting cannot stand in an origin.
    #[error("the setting {} {kind}", quote(field))]
    Setting {
        /// The name of the setting.
        field: String,
        /// What is wrong with its value.
        kind: SettingFault,
    },
    /// It would match hosts that are not the component's.
    #[error("the origin {} is too wide: name a host of two labels or more", quote(.0))]
    Wide(String),
}

/// What is wrong with the value of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingFault {
    /// It is not set.
    #[error("is not set, and the address of the service needs it")]
    Missing,
    /// It is no host name.
    #[error("must be a host name in lower case, without a scheme, port or path")]
    NotHost,
    /// It is no label.
    #[error("must be one part of a host name: lower-case letters, digits and inner hyphens")]
    NotLabel,
    /// It is no text.
    #[error("must be text")]
    NotText,
}

enum Piece<'a> {
    Field(&'a str),
    Text(&'a str),
}

/// Splits at complete placeholders; a brace without its partner stays text, which no origin can hold.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(inner) = rest.strip_prefix('{')
            && let Some((name, after)) = inner.split_once('}')
        {
            rest = after;
            return Some(Piece::Field(name));
        }
        let end =
            rest.char_indices().skip(1).find(|(_, c)| *c == '{').map_or(rest.len(), |(at, _)| at);
        let (fixed, after) = rest.split_at(end);
        rest = after;
        Some(Piece::Text(fixed))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

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

    fn check_resolved(template: &str, settings: &Value, expected: Option<&str>) {
        let found = resolve(template, settings).map(|pattern| pattern.to_string());
        assert_eq!(found.as_deref().ok(), expected, "{template} with {settings}: {found:?}");
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

    #[test]
    fn a_setting_fills_one_label_or_the_whole_host() {
        let settings =
            json!({"account": "acme", "host": "crm.acme.example", "n": 1, "region": "eu-1"});
        for (template, expected) in [
            ("https://api.example.com", "https://api.example.com"),
            ("https://*.example.com", "https://*.example.com"),
            ("https://{account}.example.com", "https://acme.example.com"),
            ("https://api.{region}.example.com:8443", "https://api.eu-1.example.com:8443"),
            ("https://{account}-api.example.com", "https://acme-api.example.com"),
            ("https://{account}.{region}.example.com", "https://acme.eu-1.example.com"),
            ("https://{host}", "https://crm.acme.example"),
            ("https://{host}:8443", "https://crm.acme.example:8443"),
        ] {
            check_resolved(template, &settings, Some(expected));
        }
    }

    #[test]
    fn a_setting_never_widens() {
        for value in [
            json!("*"),
            json!("a.b"),
            json!("evil.example/"),
            json!("evil.example/?"),
            json!("a@evil"),
            json!("a:1"),
            json!("a#"),
            json!("a\\"),
            json!("%61"),
            json!("{account}"),
            json!("A"),
            json!("é"),
            json!("-a"),
            json!("a-"),
            json!(" a"),
            json!("a\n"),
            json!(""),
            json!("a".repeat(64)),
            json!(1),
            json!(["a"]),
            json!(null),
        ] {
            check_resolved("https://{account}.example.com", &json!({ "account": value }), None);
        }
        for value in [
            "*",
            "*.example.com",
            "localhost",
            "com",
            "127.0.0.1",
            "0x7f.1",
            "[::1]",
            "a.b:1",
            "a.b/",
        ] {
            check_resolved("https://{host}", &json!({ "host": value }), None);
        }
        check_resolved("https://{account}.example.com", &json!({}), None);
        check_resolved("https://{account}.example.com", &json!("acme"), None);
    }

    #[test]
    fn a_placeholder_stands_where_its_value_decides_one_label() {
        for template in [
            "https://{tld}.com",
            "https://api.{domain}",
            "https://api.example.{tld}",
            "https://*.{domain}",
            "https://{a}{b}",
            "https://{}.example.com",
            "https://{a b}.example.com",
            "https://{a.example.com",
            "https://a}.example.com",
            "https://{{a}}.example.com",
            "https://api.example.com:{port}",
            "https://api.example.com/{path}",
            "{scheme}://api.example.com",
            "{origin}",
        ] {
            assert!(template.parse::<OriginTemplate>().is_err(), "{template} was accepted");
        }
        let template: OriginTemplate = "https://{a}.{b}.example.com".parse().expect("a template");
        assert_eq!(template.fields().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(template.to_string(), "https://{a}.{b}.example.com");
    }

    #[test]
    fn a_refused_setting_is_named_and_not_quoted() {
        let error = resolve("https://{account}.example.com", &json!({"account": "a/b"}));
        assert_eq!(
            error.expect_err("a slash").to_string(),
            r#"the setting "account" must be one part of a host name: lower-case letters, digits and inner hyphens"#
        );
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_displayed_as_it_was_written(
            text in prop_oneof![".*", "https://(\\*\\.)?[a-z0-9.{}*-]{1,20}(:[0-9]{1,5})?"],
        ) {
            if let Ok(pattern) = text.parse::<OriginPattern>() {
                prop_assert_eq!(pattern.to_string(), text.as_str());
            }
            if let Ok(template) = text.parse::<OriginTemplate>() {
                prop_assert_eq!(template.to_string(), text);
            }
        }

        #[test]
        fn no_value_leaves_the_declared_domain(value in prop_oneof![".*", "[a-z.*/@:?#%-]{1,12}"]) {
            if let Ok(pattern) = resolve("https://{v}.example.com", &json!({ "v": value })) {
                prop_assert_eq!(pattern.to_string(), format!("https://{value}.example.com"));
                let wide: OriginPattern = "https://*.example.com".parse().expect("a pattern");
                prop_assert!(wide.matches(&pattern.origin));
                prop_assert!(!pattern.any_label);
            }
        }

        #[test]
        fn a_pattern_matches_what_it_is_written_for(label in "[a-z0-9]{1,8}", other in "[a-z0-9.]{1,12}") {
            let pattern: OriginPattern = "https://*.example.com".parse().expect("a pattern");
            let origin: Origin = format!("https://{label}.example.com").parse().expect("an origin");
            prop_assert!(pattern.matches(&origin));
            if let Ok(origin) = format!("https://{other}.example.com").parse::<Origin>() {
                prop_assert_eq!(pattern.matches(&origin), !other.contains('.'));
            }
        }
    }
}
