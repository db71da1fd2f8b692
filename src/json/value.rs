//! A text as a tree, for what is looked at from all sides.

use std::borrow::Cow;
use std::fmt;

use super::scan::{Cursor, Fault};
use super::text::{quote, string};
use crate::same::order;

/// A JSON value. Numbers are the text that they were written as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number of any size.
    Number(&'a str),
    /// `"…"`
    Text(Cow<'a, str>),
    /// `[…]`
    List(Vec<Value<'a>>),
    /// `{…}`, by name. Of a field that occurs twice the last counts.
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

/// Values are nested no deeper.
const DEEPEST: u32 = 128;

impl<'a> Value<'a> {
    /// Reads a text. Every string has to be Unicode.
    pub(crate) fn parse(text: &'a str) -> Result<Self, Fault> {
        let mut cursor = Cursor::new(text);
        let value = read(&mut cursor, DEEPEST);
        match value.filter(|_| cursor.end().is_some()) {
            Some(value) => Ok(value),
            None => Err(cursor.fault()),
        }
    }

    /// A field of an object.
    pub(crate) fn get(&self, name: &str) -> Option<&Value<'a>> {
        match self {
            Value::Object(fields) => {
                fields.iter().find(|(known, _)| known == name).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// What a string says.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number, written as one.
    pub(crate) fn as_u64(&self) -> Option<u64> {
        match self {
            Value::Number(number) => number.parse().ok(),
            _ => None,
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Value::Null => out.push_str("null"),
            Value::Bool(is) => out.push_str(if *is { "true" } else { "false" }),
            Value::Number(number) => out.push_str(number),
            Value::Text(text) => quote(text, out),
            Value::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.write(out);
                }
                out.push(']');
            }
            Value::Object(fields) => {
                out.push('{');
                for (index, (name, value)) in fields.iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    quote(name, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(&mut text);
        formatter.write_str(&text)
    }
}

fn read<'a>(cursor: &mut Cursor<'a>, depth: u32) -> Option<Value<'a>> {
    let deeper = depth.checked_sub(1)?;
    Some(match cursor.peek()? {
        b'{' => {
            let mut fields = Vec::new();
            cursor.object(&mut |cursor, name| {
                fields.push((string(name)?, read(cursor, deeper)?));
                Some(())
            })?;
            Value::Object(by_name(fields))
        }
        b'[' => {
            let mut items = Vec::new();
            cursor.list(&mut |cursor| {
                items.push(read(cursor, deeper)?);
                Some(())
            })?;
            Value::List(items)
        }
        first => {
            let text = cursor.skip()?;
            match first {
                b'"' => Value::Text(string(text)?),
                b'n' => Value::Null,
                b't' => Value::Bool(true),
                b'f' => Value::Bool(false),
                _ => Value::Number(text),
            }
        }
    })
}

type Fields<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

fn by_name(mut fields: Fields<'_>) -> Fields<'_> {
    if fields.is_sorted_by(|(name, _), (next, _)| name < next) {
        return fields;
    }
    let order = order(&mut fields.iter().map(|(name, _)| name.as_ref())).into_iter();
    let order: Vec<usize> = order.map(|(_, at)| at).collect();
    let mut sorted: Fields<'_> = Vec::with_capacity(fields.len());
    for at in order {
        let field = std::mem::replace(&mut fields[at], (Cow::Borrowed(""), Value::Null));
        match sorted.last_mut() {
            Some(last) if last.0 == field.0 => *last = field,
            _ => sorted.push(field),
        }
    }
    sorted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let found = Value::parse(text).map(|value| value.to_string()).ok();
        assert_eq!(found.as_deref(), expected, "{text}");
    }

    #[test]
    fn a_value_is_read_and_written() {
        check(
            " { \"b\" : [ 1.50 , true,false,null ], \"a\":\"\\u0041\\n\", \"c\":{}, \"d\":[] } ",
            Some(r#"{"a":"A\n","b":[1.50,true,false,null],"c":{},"d":[]}"#),
        );
        check("7", Some("7"));
    }

    #[test]
    fn what_is_not_one_whole_value_is_none() {
        for text in ["", "{", "1 2", r#""\ud800""#, r#"{"\ud800":1}"#, "[1,]"] {
            check(text, None);
        }
    }

    #[test]
    fn a_value_is_nested_only_so_deep() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        check(&nested(128), Some(&nested(128)));
        check(&nested(129), None);
        check(&nested(100_000), None);
    }

    #[test]
    fn of_a_field_that_occurs_twice_the_last_counts() {
        let value = Value::parse(r#"{"a":1,"b":0,"a":2}"#).expect("JSON");
        assert_eq!(value.to_string(), r#"{"a":2,"b":0}"#);
        assert_eq!(value.get("a").and_then(Value::as_u64), Some(2));
        assert_eq!(value.get("c"), None);
        for text in ["-1", "1.0", "18446744073709551616", "\"1\""] {
            assert_eq!(Value::parse(text).expect("JSON").as_u64(), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_a_panic(text in r#"[\[\]{}:,"a1\\ud8é ]{0,30}"#) {
            let found = Value::parse(&text).map(|value| value.to_string());
            let other = serde_json::from_str::<serde_json::Value>(&text);
            prop_assert_eq!(found.is_ok(), other.is_ok());
        }
    }
}
