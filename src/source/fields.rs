//! Looks into the text of a JSON value without rewriting it.

use std::fmt;

use serde::Deserializer;
use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The texts of some top-level fields, in the order of `names`; none if the value is no object. Of
/// a field that occurs twice the last one counts.
pub(crate) fn fields<'a, N: AsRef<str>>(
    text: &'a str,
    names: &[N],
) -> Option<Vec<Option<&'a str>>> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let found = deserializer.deserialize_map(Fields { names }).ok()?;
    Some(found.into_iter().map(|value| value.map(RawValue::get)).collect())
}

/// The elements of a list; none if the value is none.
pub(crate) fn elements(text: &str) -> Option<Vec<&str>> {
    let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(elements.into_iter().map(RawValue::get).collect())
}

/// The text of a value on one line. Between the tokens a line break is white space like any other,
/// and inside a string it cannot stand as it is.
pub(crate) fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

struct Fields<'n, N> {
    names: &'n [N],
}

impl<'de, N: AsRef<str>> Visitor<'de> for Fields<'_, N> {
    type Value = Vec<Option<&'de RawValue>>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = vec![None; self.names.len()];
        while let Some(index) = map.next_key_seed(Name { names: self.names })? {
            match index {
                Some(index) => found[index] = Some(map.next_value()?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

/// The place of a field's name among those looked for. It is read as bytes, since it may hold a lone
/// surrogate.
struct Name<'n, N> {
    names: &'n [N],
}

impl<'de, N: AsRef<str>> DeserializeSeed<'de> for Name<'_, N> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl<N: AsRef<str>> Visitor<'_> for Name<'_, N> {
    type Value = Option<usize>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of a field")
    }

    fn visit_bytes<E: de::Error>(self, name: &[u8]) -> Result<Self::Value, E> {
        Ok(self.names.iter().position(|known| known.as_ref().as_bytes() == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<[Option<&str>; 2]>) {
        assert_eq!(fields(text, &["a", "b"]), expected.map(Vec::from), "{text}");
    }

    #[test]
    fn fields_are_found_as_they_are_written() {
        check(
            r#"{"b": 1.50 ,"x":{"a":1},"a":"\u0041"}"#,
            Some([Some(r#""\u0041""#), Some("1.50")]),
        );
        check("{}", Some([None, None]));
        check(r#"{"a":1,"a":2}"#, Some([Some("2"), None]));
        check(r#"{"\u0061":null,"\ud800":1}"#, Some([Some("null"), None]));
    }

    #[test]
    fn what_is_no_object_has_no_fields() {
        for text in ["", "1", "[1]", "\"a\"", "null", r#"{"a":"#] {
            check(text, None);
        }
    }

    #[test]
    fn a_list_of_any_depth_is_taken_apart() {
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        assert_eq!(elements(&format!(r#"[ "x" , {deep}]"#)), Some(vec!["\"x\"", deep.as_str()]));
        assert_eq!(elements("{}"), None);
    }

    #[test]
    fn a_record_stands_on_one_line() {
        assert_eq!(one_line("{\r\n  \"a\": \"b\\n\"\n}"), "{    \"a\": \"b\\n\" }");
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_a_panic(text in r#"[\[\]{}:,"ab1\\ud8é \n]{0,30}"#) {
            let _ = (fields(&text, &["a"]), elements(&text));
        }
    }
}
