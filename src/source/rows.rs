//! The rows of an answer, as they came: one pass that borrows key, cursor and `attributes` of each
//! contact and keeps the text of the rest untouched.
//!
//! No value is built and no number or string is rewritten, so what a record holds survives whatever
//! it is: integers of any length, keys that occur twice (the last one counts), lone surrogates, any
//! depth. Anything but a whole, well-formed answer of the expected shape is none at all.

use std::fmt;
use std::ops::Range;

use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::fields::{fields, one_line};
use super::stamp::Stamp;

/// A row of a list of contacts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contact<'a> {
    /// Its text.
    pub(crate) raw: &'a str,
    /// The text of `crmhero_user_id`, if it is one that names a record: a number or a string.
    pub(crate) key: Option<&'a str>,
    /// `last_update`, if it is a time.
    pub(crate) stamp: Option<Stamp>,
    /// Where in the text `attributes` is an empty list, as PHP writes an empty map.
    empty_map: Option<Range<usize>>,
    /// Whether the answer holds line breaks.
    has_breaks: bool,
}

impl Contact<'_> {
    /// The record: the row's text in one line, with an empty map written as one.
    pub(crate) fn record(&self) -> String {
        let text = match self.empty_map.clone() {
            Some(Range { start, end }) => [&self.raw[..start], "{}", &self.raw[end..]].concat(),
            None => self.raw.to_owned(),
        };
        if self.has_breaks { one_line(&text) } else { text }
    }
}

/// The contacts under `data` and `list`; none if the answer is anything else.
pub(crate) fn contacts<'a>(text: &'a str, list: &str) -> Option<Vec<Contact<'a>>> {
    let mut cursor = Cursor { text, at: 0, has_breaks: has_control(text) };
    let mut rows = None;
    let whole = cursor.object(|cursor, name| match name {
        "\"data\"" => {
            rows = Some(data(cursor, list)?);
            Some(())
        }
        "\"error\"" => (cursor.skip()? == "null").then_some(()),
        _ => cursor.skip().map(drop),
    });
    whole?;
    cursor.end()?;
    rows
}

fn data<'a>(cursor: &mut Cursor<'a>, list: &str) -> Option<Vec<Contact<'a>>> {
    if cursor.peek()? == b'[' {
        // An empty map, in PHP's spelling.
        return is_empty_list(cursor.skip()?).then(Vec::new);
    }
    let mut rows = None;
    cursor.object(|cursor, name| {
        if name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) != Some(list) {
            return cursor.skip().map(drop);
        }
        let mut found = Vec::new();
        cursor.array(|cursor| {
            found.push(contact(cursor)?);
            Some(())
        })?;
        rows = Some(found);
        Some(())
    })?;
    rows
}

fn contact<'a>(cursor: &mut Cursor<'a>) -> Option<Contact<'a>> {
    if cursor.peek()? != b'{' {
        let raw = cursor.skip()?;
        let has_breaks = cursor.has_breaks;
        return Some(Contact { raw, key: None, stamp: None, empty_map: None, has_breaks });
    }
    let (fields, raw) = cursor.value::<Fields<'a>>()?;
    let names = |text: &&str| {
        text.starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit())
            && *text != "\"\""
    };
    Some(Contact {
        raw,
        has_breaks: cursor.has_breaks,
        key: fields.key.map(RawValue::get).filter(names),
        stamp: fields.cursor.and_then(|text| Stamp::parse(text.get().trim_matches('"'))),
        empty_map: fields
            .attributes
            .map(RawValue::get)
            .filter(|text| is_empty_list(text))
            .map(|text| place(text, raw)),
    })
}

/// Whether a text holds a control character, of which JSON allows line breaks and tabs only. Looked
/// for once an answer, eight bytes at a time.
fn has_control(text: &str) -> bool {
    const ONES: u64 = u64::MAX / 255;
    let (words, rest) = text.as_bytes().as_chunks();
    let in_word = |bytes: &[u8; 8]| {
        let word = u64::from_le_bytes(*bytes);
        word.wrapping_sub(ONES * 0x20) & !word & (ONES * 0x80) != 0
    };
    words.iter().any(in_word) || rest.iter().any(u8::is_ascii_control)
}

/// Whether the text of a JSON value is `[]`.
pub(crate) fn is_empty_list(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    inner.is_some_and(|inner| inner.bytes().all(|byte| byte.is_ascii_whitespace()))
}

/// The text of a contact that stands alone, with an empty map written as one.
pub(crate) fn with_map(row: &str) -> String {
    let found = fields(row, &["attributes"]).and_then(|mut found| found.pop()?);
    match found.filter(|text| is_empty_list(text)) {
        Some(text) => {
            let Range { start, end } = place(text, row);
            [&row[..start], "{}", &row[end..]].concat()
        }
        None => row.to_owned(),
    }
}

/// Where a part of a text stands in it. Both are slices of one answer.
fn place(part: &str, whole: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
}

/// What is looked at of a contact.
#[derive(Default)]
struct Fields<'a> {
    key: Option<&'a RawValue>,
    cursor: Option<&'a RawValue>,
    attributes: Option<&'a RawValue>,
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a contact")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Fields::default();
        while let Some(name) = map.next_key::<Name>()? {
            match name {
                Name::Attributes => fields.attributes = Some(map.next_value()?),
                Name::Cursor => fields.cursor = Some(map.next_value()?),
                Name::Key => fields.key = Some(map.next_value()?),
                Name::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(fields)
    }
}

/// The name of a field. It is read as bytes, since it may hold a lone surrogate.
enum Name {
    Attributes,
    Cursor,
    Key,
    Other,
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the name of a field")
    }

    fn visit_bytes<E: de::Error>(self, name: &[u8]) -> Result<Self::Value, E> {
        Ok(match name {
            b"attributes" => Name::Attributes,
            b"crmhero_user_id" => Name::Key,
            b"last_update" => Name::Cursor,
            _ => Name::Other,
        })
    }
}

/// A place in a JSON text. Each step is none if the text does not go on as expected.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
    has_breaks: bool,
}

impl<'a> Cursor<'a> {
    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let blank = rest.iter().position(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t'))?;
        self.at += blank;
        Some(rest[blank])
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// A value and its text.
    fn value<T: Deserialize<'a>>(&mut self) -> Option<(T, &'a str)> {
        self.peek()?;
        let rest = &self.text[self.at..];
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<T>();
        let value = values.next()?.ok()?;
        let length = values.byte_offset();
        self.at += length;
        Some((value, &rest[..length]))
    }

    fn skip(&mut self) -> Option<&'a str> {
        self.value::<IgnoredAny>().map(|(_, text)| text)
    }

    /// An object: `field` is called at each value, with the text of its name.
    fn object(&mut self, mut field: impl FnMut(&mut Self, &'a str) -> Option<()>) -> Option<()> {
        self.items(b'{', b'}', |cursor| {
            let name = cursor.skip().filter(|name| name.starts_with('"'))?;
            cursor.expect(b':')?;
            field(cursor, name)
        })
    }

    fn array(&mut self, item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.items(b'[', b']', item)
    }

    fn items(
        &mut self,
        open: u8,
        close: u8,
        mut item: impl FnMut(&mut Self) -> Option<()>,
    ) -> Option<()> {
        self.expect(open)?;
        if self.peek()? == close {
            return self.expect(close);
        }
        loop {
            item(self)?;
            if self.peek()? == close {
                return self.expect(close);
            }
            self.expect(b',')?;
        }
    }

    /// Nothing but white space is left.
    fn end(&mut self) -> Option<()> {
        self.peek().is_none().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Key, time and record of each row.
    fn check(text: &str, expected: Option<&[(Option<&str>, bool, &str)]>) {
        let rows = contacts(text, "users");
        let found = rows.as_ref().map(|rows| {
            rows.iter().map(|row| (row.key, row.stamp.is_some(), row.record())).collect::<Vec<_>>()
        });
        let expected = expected.map(|rows| {
            rows.iter().map(|&(key, stamp, raw)| (key, stamp, raw.to_owned())).collect::<Vec<_>>()
        });
        assert_eq!(found, expected, "{text}");
    }

    fn one(row: &str, expected: (Option<&str>, bool, &str)) {
        check(&format!(r#"{{"data":{{"users":[{row}]}}}}"#), Some(&[expected]));
    }

    #[test]
    fn rows_are_found_wherever_white_space_and_other_fields_stand() {
        check(r#"{"data":{"users":[]}}"#, Some(&[]));
        check(
            r#" { "a" : [1] , "data" : { "b" : {} , "users" : [ ] } , "error" : null } "#,
            Some(&[]),
        );
        check(r#"{"data":[]}"#, Some(&[]));
        let (one, other) = (
            r#"{"crmhero_user_id":1,"last_update":"2024-07-15 10:49:15"}"#,
            r#"{"crmhero_user_id": "x"}"#,
        );
        check(
            &format!("{{\"data\":{{\"users\":[\n{one} ,{other}\n]}}}}"),
            Some(&[(Some("1"), true, one), (Some("\"x\""), false, other)]),
        );
    }

    #[test]
    fn anything_but_a_whole_answer_of_this_shape_is_none() {
        for text in [
            "",
            "{}",
            "[]",
            "null",
            "<html>",
            r#"{"data":null}"#,
            r#"{"data":{}}"#,
            r#"{"data":{"leads":[]}}"#,
            r#"{"data":{"users":{}}}"#,
            r#"{"data":[1]}"#,
            r#"{"data":{"users":[]}"#,
            r#"{"data":{"users":[{"a":1}"#,
            r#"{"data":{"users":[{}]}}x"#,
            r#"{"data":{"users":[{},]}}"#,
            r#"{"data":{"users":[{}{}]}}"#,
            r#"{"data":{"users":[]},"error":{"message":"no"}}"#,
            r#"{"data":{"users":[{"a":tru}]}}"#,
            "{\"data\":{\"users\":[{\"a\":\"\u{0}\"}]}}",
        ] {
            check(text, None);
        }
    }

    #[test]
    fn only_an_empty_list_of_attributes_is_rewritten() {
        one(
            r#"{"a":[],"attributes":[ ],"b":1}"#,
            (None, false, r#"{"a":[],"attributes":{},"b":1}"#),
        );
        for row in [
            r#"{"attributes":{}}"#,
            r#"{"attributes":[1]}"#,
            r#"{"attributes":null}"#,
            r#"{"x":{"attributes":[]}}"#,
        ] {
            one(row, (None, false, row));
        }
    }

    #[test]
    fn whatever_a_record_holds_survives_byte_for_byte() {
        let deep =
            format!(r#"{{"crmhero_user_id":5,"x":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
        for row in [
            r#"{"crmhero_user_id":5,"n":123456789012345678901234567890,"f":1.10e+400}"#,
            r#"{"crmhero_user_id":5,"s":"\ud800 \u0000","\udfff":1}"#,
            r#"{"x":1,"x":2,"crmhero_user_id":5}"#,
            r#"{"crmhero_user\u005fid":5,"é":"ü"}"#,
            &deep,
        ] {
            one(row, (Some("5"), false, row));
        }
    }

    #[test]
    fn a_row_becomes_one_line_wherever_the_break_stands() {
        for blanks in 0..20 {
            let row = format!("{{\"x\":1,{}\n\"attributes\": []}}", " ".repeat(blanks));
            let record = format!("{{\"x\":1,{} \"attributes\": {{}}}}", " ".repeat(blanks));
            one(&row, (None, false, &record));
        }
    }

    #[test]
    fn of_a_key_that_occurs_twice_the_last_one_counts() {
        let row = r#"{"crmhero_user_id":4,"crmhero_user_id":5}"#;
        one(row, (Some("5"), false, row));
    }

    #[test]
    fn a_row_without_a_number_or_text_as_its_key_has_none() {
        for row in [
            "{}",
            "7",
            "null",
            "\"text\"",
            "[1]",
            r#"{"crmhero_user_id":null}"#,
            r#"{"crmhero_user_id":[]}"#,
            r#"{"crmhero_user_id":true}"#,
            r#"{"crmhero_user_id":""}"#,
        ] {
            one(row, (None, false, row));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_a_panic(text in r#"(\{"data":\{"users":\[)?[\[\]{}:,"a1\\ud8é ]{0,30}(\]\}\})?"#) {
            let _ = contacts(&text, "users");
        }
    }
}
