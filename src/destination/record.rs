//! A record as it came: the text of a JSON object, split into its top-level fields.
//!
//! Values stay the text that they were, so a number of twenty digits or a float leaves as it came in. Nothing is
//! dropped in silence: a field that occurs twice is refused.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::bindings::destination::Rejection;
use crate::failure::pointer;

/// The fields of a JSON object, in their order, each with the text of its value.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields<'a>(pub(super) Vec<(Cow<'a, str>, Cow<'a, RawValue>)>);

impl<'a> Fields<'a> {
    /// Splits the text of a record.
    pub(super) fn parse(text: &'a str) -> Result<Self, Rejection> {
        let fields: Fields<'a> = serde_json::from_str(text).map_err(|error| {
            let message = format!("The record is not the text of a JSON object: {error}.");
            rejection(None, "not-an-object", message)
        })?;
        let mut names: Vec<&str> = fields.0.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(at(pair[0], "duplicate-field", "stands twice in the record")),
            None => Ok(fields),
        }
    }

    /// Splits a value that has to be an object; an empty array counts as an empty one, which is how Customerly writes
    /// an empty map (inferred).
    pub(super) fn of_object(value: &'a RawValue) -> Option<Self> {
        match kind(value) {
            Kind::Array if is_empty(value) => Some(Fields::default()),
            Kind::Object => serde_json::from_str(value.get()).ok(),
            _ => None,
        }
    }

    /// The value of a field.
    pub(super) fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref())
    }

    /// Adds a field at the end.
    pub(super) fn push(&mut self, name: impl Into<Cow<'a, str>>, value: Cow<'a, RawValue>) {
        self.0.push((name.into(), value));
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Fields::default();
                while let Some((name, value)) = map.next_entry::<String, &'de RawValue>()? {
                    fields.push(name, Cow::Borrowed(value));
                }
                Ok(fields)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name.as_ref(), value.as_ref())?;
        }
        map.end()
    }
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `[…]`
    Array,
    /// `true` or `false`
    Bool,
    /// `null`
    Null,
    /// A number of any size.
    Number,
    /// `{…}`
    Object,
    /// `"…"`
    Text,
}

/// What a value is, by its first character.
pub(super) fn kind(value: &RawValue) -> Kind {
    match value.get().as_bytes().first() {
        Some(b'[') => Kind::Array,
        Some(b'{') => Kind::Object,
        Some(b'"') => Kind::Text,
        Some(b't' | b'f') => Kind::Bool,
        Some(b'n') | None => Kind::Null,
        Some(_) => Kind::Number,
    }
}

/// Whether an array or object has nothing in it.
pub(super) fn is_empty(value: &RawValue) -> bool {
    let text = value.get();
    text.get(1..text.len() - 1).is_some_and(|inside| inside.trim().is_empty())
}

/// The text of a string; none for another value, or for a string that is not Unicode.
pub(super) fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Any of this module's values as text.
pub(super) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("names are texts and values are JSON already")
}

/// The text of a field that names something: not empty.
pub(super) fn name_of(fields: &Fields<'_>, field: &str) -> Result<Option<String>, Rejection> {
    let Some(value) = fields.get(field).filter(|value| kind(value) != Kind::Null) else {
        return Ok(None);
    };
    let Some(text) = text(value) else {
        return Err(at(field, "type", "is not a text"));
    };
    if text.is_empty() {
        return Err(at(field, "required", "is empty"));
    }
    Ok(Some(text))
}

/// An id in a field: a text that is not empty, or a whole number as text; none if it is absent or null.
pub(super) fn id_of(fields: &Fields<'_>, field: &str) -> Result<Option<String>, Rejection> {
    match fields.get(field) {
        Some(value) if is_whole(value) => Ok(Some(value.get().to_owned())),
        _ => name_of(fields, field),
    }
}

/// Whether a value is a whole number, written as one.
pub(super) fn is_whole(value: &RawValue) -> bool {
    let digits = value.get().strip_prefix('-').unwrap_or(value.get());
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Why a record is refused.
pub(super) fn rejection(
    field: Option<String>,
    code: &str,
    message: impl Into<String>,
) -> Rejection {
    Rejection { code: code.into(), message: message.into(), field, status: None }
}

/// Why a record is refused, for one of its top-level fields: "`field` " and what is wrong with it.
pub(super) fn at(field: &str, code: &str, fault: &str) -> Rejection {
    rejection(Some(pointer(field)), code, format!("`{field}` {fault}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let fields = Fields::parse(text);
        let found = match &fields {
            Ok(fields) => Ok(to_json(fields)),
            Err(rejection) => Err(rejection.code.clone()),
        };
        assert_eq!(found, expected.map(str::to_owned).map_err(str::to_owned), "{text}");
    }

    #[test]
    fn values_leave_as_they_came_in() {
        check(
            r#"{"big":12345678901234567890123,"float":1.50,"e":1E400,"s":"\u00e9"}"#,
            Ok(r#"{"big":12345678901234567890123,"float":1.50,"e":1E400,"s":"\u00e9"}"#),
        );
        check(r#" { "b" : [ 1, 2 ] , "a" : null } "#, Ok(r#"{"b":[ 1, 2 ],"a":null}"#));
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["", "[]", "7", "null", "{", r#"{"a":1} x"#, r#"{"a":}"#, "{a:1}", "\u{0}"] {
            check(text, Err("not-an-object"));
        }
    }

    #[test]
    fn a_field_that_stands_twice_is_refused() {
        check(r#"{"a":1,"b":2,"a":3}"#, Err("duplicate-field"));
    }

    #[test]
    fn depth_is_no_danger() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert!(Fields::parse(&deep).is_ok());
    }
}
