//! Templates of patterns: a declaration may hold placeholders, filled from the settings of the
//! credential.
//!
//! | template | setting | pattern |
//! | --- | --- | --- |
//! | `https://{account}.example.com` | `acme` | `https://acme.example.com` |
//! | `https://{host}` | `crm.acme.example` | `https://crm.acme.example` |
//!
//! A value takes the place of one label, or of the whole host where the placeholder is the whole
//! host. It must then be one valid label, or one valid host name; so it cannot hold `*`, `/`, `@`,
//! `:`, `%` or a dot that would move the origin elsewhere. Two labels at least follow a placeholder
//! that is not the whole host.

use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::origin::{is_host_name, is_label};
use crate::pattern::{HTTPS, OriginPattern, PatternError};
use crate::quote::quote;

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
    pub fn resolve(&self, settings: &Value) -> Result<OriginPattern, TemplateError> {
        let whole = self.is_whole_host();
        self.fill(|field| {
            let fault = |fault| TemplateError::Setting { field: field.to_owned(), fault };
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
        value: impl Fn(&'a str) -> Result<&'a str, TemplateError>,
    ) -> Result<OriginPattern, TemplateError> {
        let mut text = String::new();
        for piece in pieces(&self.0) {
            text.push_str(match piece {
                Piece::Field(name) => value(name)?,
                Piece::Text(fixed) => fixed,
            });
        }
        Ok(text.parse()?)
    }
}

impl fmt::Display for OriginTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for OriginTemplate {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let template = Self(text.to_owned());
        let placeholder = || TemplateError::Placeholder(text.to_owned());
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
pub fn resolve(declared: &str, settings: &Value) -> Result<OriginPattern, TemplateError> {
    declared.parse::<OriginTemplate>()?.resolve(settings)
}

/// Why there is no template, or no pattern of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// What it fills to is no pattern.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// A placeholder is unnamed, or stands where its value would decide too much.
    #[error(
        "a placeholder in {} must be named, and be the whole host or be followed by two labels",
        quote(.0)
    )]
    Placeholder(String),
    /// The value of a setting cannot stand in an origin.
    #[error("the setting {} {fault}", quote(field))]
    Setting {
        /// The name of the setting.
        field: String,
        /// What is wrong with its value.
        fault: SettingFault,
    },
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

/// Splits at complete placeholders; a brace without its partner stays text, which no origin can
/// hold.
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

    fn check_resolved(template: &str, settings: &Value, expected: Option<&str>) {
        let found = resolve(template, settings).map(|pattern| pattern.to_string());
        assert_eq!(found.as_deref().ok(), expected, "{template} with {settings}: {found:?}");
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
            text in prop_oneof![".*", "https://[a-z0-9.{}*-]{1,20}(:[0-9]{1,5})?"],
        ) {
            if let Ok(template) = text.parse::<OriginTemplate>() {
                prop_assert_eq!(template.to_string(), text);
            }
        }

        #[test]
        fn no_value_leaves_the_declared_domain(value in prop_oneof![".*", "[a-z.*/@:?#%-]{1,12}"]) {
            if let Ok(pattern) = resolve("https://{v}.example.com", &json!({ "v": value })) {
                prop_assert_eq!(pattern.to_string(), format!("https://{value}.example.com"));
                let wide: OriginPattern = "https://*.example.com".parse().expect("a pattern");
                prop_assert!(wide.matches(pattern.origin()));
                prop_assert!(!pattern.is_wildcard());
            }
        }
    }
}
