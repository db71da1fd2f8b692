//! The rows of an answer, as they came: one pass that borrows key, cursor and `attributes` of each
//! contact and keeps the text of the rest untouched.
//!
//! No value is built and no number or string is rewritten, so what a record holds survives whatever
//! it is: integers of any length, keys that occur twice (the last one counts), lone surrogates, any
//! depth. Anything but a whole, well-formed answer of the expected shape is none at all.

use std::ops::Range;

use super::fields::{fields, one_line};
use super::stamp::Stamp;
use crate::json::{Cursor, is_named};

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
    /// Whether the text holds line breaks.
    has_breaks: bool,
}

impl Contact<'_> {
    /// The record: the row's text in one line, with an empty map written as one.
    pub(crate) fn record(&self) -> String {
        let text = match self.empty_map.clone() {
            Some(place) => filled(self.raw, place),
            None => self.raw.to_owned(),
        };
        if self.has_breaks { one_line(&text) } else { text }
    }
}

/// The contacts under `data` and `list`; none if the answer is anything else.
pub(crate) fn contacts<'a>(text: &'a str, list: &str) -> Option<Vec<Contact<'a>>> {
    let mut cursor = Cursor::new(text);
    let mut rows = None;
    cursor.object(&mut |cursor, name| match name {
        "\"data\"" => {
            rows = Some(data(cursor, list)?);
            Some(())
        }
        "\"error\"" => (cursor.skip()? == "null").then_some(()),
        _ => cursor.skip().map(drop),
    })?;
    cursor.end()?;
    rows
}

fn data<'a>(cursor: &mut Cursor<'a>, list: &str) -> Option<Vec<Contact<'a>>> {
    if cursor.peek()? == b'[' {
        // An empty map, in PHP's spelling.
        return is_empty_list(cursor.skip()?).then(Vec::new);
    }
    let mut rows = None;
    cursor.object(&mut |cursor, name| {
        if !is_named(name, false, list) {
            return cursor.skip().map(drop);
        }
        let mut found = Vec::new();
        cursor.list(&mut |cursor| {
            found.push(contact(cursor)?);
            Some(())
        })?;
        rows = Some(found);
        Some(())
    })?;
    rows
}

fn contact<'a>(cursor: &mut Cursor<'a>) -> Option<Contact<'a>> {
    let first = cursor.peek()?;
    cursor.has_breaks = false;
    let mut found = [None; 3];
    let raw = if first == b'{' {
        cursor.pick(&["attributes", "last_update", "crmhero_user_id"], &mut found)?
    } else {
        cursor.skip()?
    };
    let [attributes, stamp, key] = found;
    let names = |text: &&str| {
        text.starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit())
            && *text != "\"\""
    };
    Some(Contact {
        raw,
        has_breaks: cursor.has_breaks,
        key: key.filter(names),
        stamp: stamp.and_then(|text| Stamp::parse(text.trim_matches('"'))),
        empty_map: attributes.filter(|text| is_empty_list(text)).map(|text| place(text, raw)),
    })
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
        Some(text) => filled(row, place(text, row)),
        None => row.to_owned(),
    }
}

/// A text with an empty map at a place in it.
fn filled(text: &str, place: Range<usize>) -> String {
    let (before, after) = (text.get(..place.start), text.get(place.end..));
    [before.unwrap_or_default(), "{}", after.unwrap_or_default()].concat()
}

/// Where a part of a text stands in it. Both are slices of one answer.
fn place(part: &str, whole: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - whole.as_ptr().addr();
    start..start + part.len()
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
