//! Slots: which secrets a component uses, and the only places where each may go.
//!
//! A slot names the headers, the query parameters and the origins of its secret. Each list is
//! closed, and an empty one is "nowhere". Header names are compared in any case; query names
//! exactly as written. A secret goes to an origin by its **declared** name: where the operator
//! sends that origin is the operator's business, and no reason to send the secret of one service to
//! another.

use std::collections::{BTreeMap, BTreeSet};

use crate::header::{HeaderError, parse_name};
use crate::origin::Origin;
use crate::pattern::OriginPattern;
use crate::secret::Secret;

/// The places where one secret may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretSlot {
    name: String,
    headers: BTreeSet<String>,
    query: BTreeSet<String>,
    origins: Vec<OriginPattern>,
}

impl SecretSlot {
    /// A slot. A header that a plugin may not set cannot hold a secret either.
    pub fn new(
        name: impl Into<String>,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        query: impl IntoIterator<Item = impl Into<String>>,
        origins: impl IntoIterator<Item = OriginPattern>,
    ) -> Result<Self, HeaderError> {
        let lower = |header| Ok(parse_name(AsRef::as_ref(&header))?.as_str().to_owned());
        Ok(Self {
            name: name.into(),
            headers: headers.into_iter().map(lower).collect::<Result<_, _>>()?,
            query: query.into_iter().map(Into::into).collect(),
            origins: origins.into_iter().collect(),
        })
    }

    /// The name by which parts refer to the secret.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The headers it may go into, in lower case.
    pub fn headers(&self) -> &BTreeSet<String> {
        &self.headers
    }

    /// The query parameters it may go into.
    pub fn query(&self) -> &BTreeSet<String> {
        &self.query
    }

    /// The origins it may go to.
    pub fn origins(&self) -> &[OriginPattern] {
        &self.origins
    }

    /// Whether it may go into this header, named in any case.
    pub fn allows_header(&self, name: &str) -> bool {
        self.headers.contains(&name.to_ascii_lowercase())
    }

    /// Whether it may go into this query parameter.
    pub fn allows_query(&self, name: &str) -> bool {
        self.query.contains(name)
    }

    /// Whether it may go to this origin, as the component declares it.
    pub fn allows_origin(&self, declared: &Origin) -> bool {
        self.origins.iter().any(|pattern| pattern.matches(declared))
    }
}

/// The secrets that are set, by the names of their slots.
#[derive(Clone, Debug, Default)]
pub struct Secrets(BTreeMap<String, Secret>);

impl Secrets {
    /// The secret of a slot, if it is set.
    pub fn get(&self, slot: &str) -> Option<&Secret> {
        self.0.get(slot)
    }

    /// Sets the secret of a slot.
    pub fn insert(&mut self, slot: impl Into<String>, secret: Secret) {
        self.0.insert(slot.into(), secret);
    }

    /// Slots and secrets, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.0.iter().map(|(slot, secret)| (slot.as_str(), secret))
    }

    /// The names of the slots that are set.
    pub fn names(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }
}

impl FromIterator<(String, Secret)> for Secrets {
    fn from_iter<I: IntoIterator<Item = (String, Secret)>>(secrets: I) -> Self {
        Self(secrets.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> SecretSlot {
        let origin = "https://*.example.com".parse().expect("a pattern");
        SecretSlot::new("api_key", ["Authentication"], ["token"], [origin]).expect("a slot")
    }

    #[test]
    fn a_header_is_allowed_in_any_case_and_a_parameter_as_written() {
        let slot = slot();
        for (name, header, query) in [
            ("authentication", true, false),
            ("AUTHENTICATION", true, false),
            ("authorization", false, false),
            ("token", false, true),
            ("Token", false, false),
        ] {
            assert_eq!(
                (slot.allows_header(name), slot.allows_query(name)),
                (header, query),
                "{name}"
            );
        }
    }

    #[test]
    fn an_origin_is_allowed_by_its_declared_name() {
        for (origin, allowed) in [
            ("https://api.example.com", true),
            ("https://example.com", false),
            ("https://api.example.com:8443", false),
            ("http://127.0.0.1:8080", false),
        ] {
            assert_eq!(slot().allows_origin(&origin.parse().expect(origin)), allowed, "{origin}");
        }
    }

    #[test]
    fn an_empty_slot_goes_nowhere() {
        let none: [&str; 0] = [];
        let slot = SecretSlot::new("api_key", none, none, []).expect("a slot");
        assert!(!slot.allows_header("authentication"));
        assert!(!slot.allows_query("token"));
        assert!(!slot.allows_origin(&"https://api.example.com".parse().expect("an origin")));
    }

    #[test]
    fn a_header_of_the_host_holds_no_secret() {
        let none: [&str; 0] = [];
        for header in ["Host", "cookie", "proxy-authorization", "a b", ""] {
            assert!(SecretSlot::new("api_key", [header], none, []).is_err(), "{header}");
        }
    }
}
