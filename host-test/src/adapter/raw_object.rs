//! A JSON object whose values stay text: fields can be looked at, set and dropped, and all others come out as they
//! went in, byte for byte and in their order.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A JSON object whose values are not parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawObject<'a> {
    fields: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> RawObject<'a> {
    /// Takes an object apart; an error if the text is anything else.
    pub fn parse(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The text of a field's value; of a field that occurs twice, the last.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_ref())
    }

    /// Sets a field to the text of a value, where it stands or at the end.
    pub fn set(&mut self, name: &'a str, value: String) {
        match self.fields.iter_mut().rev().find(|(known, _)| known == name) {
            Some(field) => field.1 = Cow::Owned(value),
            None => self.fields.push((Cow::Borrowed(name), Cow::Owned(value))),
        }
    }

    /// Keeps the fields whose name passes.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.fields.retain(|(name, _)| keep(name));
    }

    /// The names of the fields, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_ref())
    }
}

impl fmt::Display for RawObject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (index, (name, value)) in self.fields.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let name = serde_json::to_string(name).map_err(|_| fmt::Error)?;
            write!(f, "{comma}{name}:{value}")?;
        }
        f.write_str("}")
    }
}

impl<'de> Deserialize<'de> for RawObject<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

/// Borrowed where the text has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Visitor<'de> for Fields {
    type Value = RawObject<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::with_capacity(map.size_hint().unwrap_or(16));
        while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
            fields.push((name, Cow::Borrowed(value.get())));
        }
        Ok(RawObject { fields })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, change: impl FnOnce(&mut RawObject<'_>), expected: &str) {
        let mut object = RawObject::parse(text).expect("an object");
        change(&mut object);
        assert_eq!(object.to_string(), expected);
    }

    #[test]
    fn values_stay_as_they_were_written() {
        let text = r#"{"b":1.50,"a":12345678901234567890,"c":[ 1, 2 ],"d":"\u00e9"}"#;
        check(text, |_| (), text);
        check(
            text,
            |object| object.retain(|name| name != "a"),
            r#"{"b":1.50,"c":[ 1, 2 ],"d":"\u00e9"}"#,
        );
        check(
            text,
            |object| object.set("a", "null".into()),
            r#"{"b":1.50,"a":null,"c":[ 1, 2 ],"d":"\u00e9"}"#,
        );
        check("{}", |object| object.set("a", "7".into()), r#"{"a":7}"#);
    }

    #[test]
    fn of_a_field_that_occurs_twice_the_last_counts() {
        let object = RawObject::parse(r#"{"a":1,"a":2}"#).expect("an object");
        assert_eq!(object.get("a"), Some("2"));
    }

    #[test]
    fn anything_but_an_object_is_refused() {
        for text in ["", "[]", "1", "null", "{", r#"{"a":}"#, "{} {}"] {
            assert!(RawObject::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn taking_apart_and_putting_together_changes_no_meaning(
            fields in prop::collection::btree_map("\\PC{0,8}", "\\PC{0,8}", 0..6)
        ) {
            let text = serde_json::to_string(&fields).expect("plain data");
            let object = RawObject::parse(&text).expect("an object").to_string();
            let back: std::collections::BTreeMap<String, String> =
                serde_json::from_str(&object).expect("an object");
            prop_assert_eq!(back, fields);
        }
    }
}
