//! A record as it came: the text of a JSON object, split into its top-level fields.
//!
//! Values stay the text that they were, so a number of twenty digits or a float leaves as it came in. Nothing is
//! dropped in silence: a field that occurs twice is refused.

use std::borrow::Cow;

use crate::bindings::destination::Rejection;
use crate::failure::pointer;
use crate::json::{Fault, Writer, members, string};
use crate::same::firsts;

/// The fields of a JSON object, in their order, each with the text of its value.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields<'a>(pub(super) Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> Fields<'a> {
    /// Splits the text of a record.
    pub(super) fn parse(text: &'a str) -> Result<Self, Refused> {
        let fields = Fields::split(text).map_err(|fault| {
            let message = format!("The record is not the text of a JSON object: {fault}.");
            refused(None, "not-an-object", message)
        })?;
        let firsts = firsts(&mut fields.0.iter().map(|(name, _)| name.as_ref()));
        let repeated = (0..firsts.len()).find(|&at| firsts[at] != at);
        match repeated.and_then(|at| fields.0.get(at)) {
            Some((name, _)) => Err(at(name, "duplicate-field", "stands twice in the record")),
            None => Ok(fields),
        }
    }

    /// Splits the text of an object, whatever its names.
    pub(super) fn split(text: &'a str) -> Result<Self, Fault> {
        let members = members(text)?;
        let borrowed = |(name, value)| (name, Cow::Borrowed(value));
        Ok(Fields(members.into_iter().map(borrowed).collect()))
    }

    /// Splits a value that has to be an object; an empty array counts as an empty one, which is how Customerly writes
    /// an empty map (inferred).
    pub(super) fn of_object(value: &'a str) -> Option<Self> {
        match kind(value) {
            Kind::Array if is_empty(value) => Some(Fields::default()),
            Kind::Object => Fields::split(value).ok(),
            _ => None,
        }
    }

    /// The text of the object.
    pub(super) fn to_json(&self) -> String {
        let mut text = String::new();
        let mut object = Writer::new(&mut text);
        for (name, value) in &self.0 {
            object.name(name).push_str(value);
        }
        object.end();
        text
    }

    /// The value of a field.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_ref())
    }

    /// Adds a field at the end.
    pub(super) fn push(&mut self, name: impl Into<Cow<'a, str>>, value: Cow<'a, str>) {
        self.0.push((name.into(), value));
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
pub(super) fn kind(value: &str) -> Kind {
    match value.as_bytes().first() {
        Some(b'[') => Kind::Array,
        Some(b'{') => Kind::Object,
        Some(b'"') => Kind::Text,
        Some(b't' | b'f') => Kind::Bool,
        Some(b'n') | None => Kind::Null,
        Some(_) => Kind::Number,
    }
}

/// Whether an array or object has nothing in it.
pub(super) fn is_empty(value: &str) -> bool {
    value.get(1..value.len() - 1).is_some_and(|inside| inside.trim().is_empty())
}

/// The text of a string; none for another value, or for a string that is not Unicode.
pub(super) fn text(value: &str) -> Option<String> {
    string(value).map(Cow::into_owned)
}

/// The text of a list of values.
pub(super) fn list<'a>(values: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::from("[");
    for (index, value) in values.enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(value);
    }
    text.push(']');
    text
}

/// The text of a field that names something: not empty.
pub(super) fn name_of(fields: &Fields<'_>, field: &str) -> Result<Option<String>, Refused> {
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
pub(super) fn id_of(fields: &Fields<'_>, field: &str) -> Result<Option<String>, Refused> {
    match fields.get(field) {
        Some(value) if is_whole(value) => Ok(Some(value.to_owned())),
        _ => name_of(fields, field),
    }
}

/// Whether a value is a whole number, written as one.
pub(super) fn is_whole(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
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

/// Why a record is refused, to be handed up: boxed, since a value is copied field by field at every step.
pub(super) type Refused = Box<Rejection>;

/// Refuses a record.
pub(super) fn refused(field: Option<String>, code: &str, message: impl Into<String>) -> Refused {
    Box::new(rejection(field, code, message))
}

/// Why a record is refused, for one of its top-level fields: "`field` " and what is wrong with it.
pub(super) fn at(field: &str, code: &str, fault: &str) -> Refused {
    refused(Some(pointer(field)), code, format!("`{field}` {fault}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, &str>) {
        let fields = Fields::parse(text);
        let found = match &fields {
            Ok(fields) => Ok(fields.to_json()),
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
