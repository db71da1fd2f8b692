//! Rows sorted by what becomes of them: handed over, known already, or set aside.

use super::fields::{fields, one_line};
use super::page::blank;
use super::rows;
use crate::bindings::source::{BadRecord, Counts, Page};
use crate::bindings::types::Notice;
use crate::same::firsts;

/// What makes a row a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape<'k> {
    /// Top-level fields that name a record; each must be a number or a text. None are needed of a
    /// list whose records nothing names.
    pub(crate) key: &'k [&'k str],
    /// Whether a row may be a text, number, true or false, where nothing but `name` names a record: it
    /// becomes an object with a `name`.
    pub(crate) scalars: bool,
    /// Whether `attributes` is a map, of which PHP writes an empty one as a list.
    pub(crate) map: bool,
}

/// Rows of a page.
#[derive(Debug)]
pub(crate) struct Sorted {
    records: Vec<String>,
    bytes: usize,
    quarantined: Vec<BadRecord>,
    notices: Vec<Notice>,
    counts: Counts,
}

impl Sorted {
    pub(crate) fn new() -> Self {
        Sorted {
            records: Vec::new(),
            bytes: 0,
            quarantined: Vec::new(),
            notices: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// Sorts the rows of one answer. Where records have a key, the same text twice is a duplicate.
    pub(crate) fn of(rows: &[&str], shape: Shape<'_>) -> Self {
        let mut sorted = Sorted::new();
        let firsts = firsts(&mut rows.iter().copied());
        for (index, row) in rows.iter().enumerate() {
            if shape.key.is_empty() || firsts[index] == index {
                sorted.add(row, shape);
            } else {
                sorted.counts.received += 1;
                sorted.counts.duplicates += 1;
            }
        }
        sorted
    }

    /// Adds a row.
    pub(crate) fn add(&mut self, row: &str, shape: Shape<'_>) {
        match record(row, shape) {
            Ok(record) => self.emit(record),
            Err((code, message)) => self.quarantine(row, code, &message),
        }
    }

    /// Adds a record.
    pub(crate) fn emit(&mut self, record: String) {
        self.counts.received += 1;
        self.counts.emitted += 1;
        self.bytes += record.len();
        self.records.push(record);
    }

    /// Sets a row aside.
    pub(crate) fn quarantine(&mut self, row: &str, code: &str, message: &str) {
        self.counts.received += 1;
        self.counts.quarantined += 1;
        self.quarantined.push(BadRecord {
            raw: one_line(row),
            code: code.into(),
            message: message.into(),
        });
    }

    /// Leaves a row out, and says why.
    pub(crate) fn leave_out(&mut self, notice: Notice) {
        self.counts.received += 1;
        self.counts.filtered += 1;
        self.notices.push(notice);
    }

    /// How many records there are.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    /// How many bytes they take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The page of these rows.
    pub(crate) fn into_page(self, state: String) -> Box<Page> {
        let mut page = blank(state);
        page.records = self.records;
        page.quarantined = self.quarantined;
        page.notices = self.notices;
        page.counts = self.counts;
        page
    }
}

/// The record that a row is, or why it is none.
fn record(row: &str, shape: Shape<'_>) -> Result<String, (&'static str, String)> {
    let Some(found) = fields(row, shape.key) else {
        let has_name = shape.scalars && shape.key.iter().all(|&name| name == "name");
        let is_scalar = !row.starts_with(['{', '[']) && row != "null";
        return match row {
            "\"\"" if has_name => Err(("no-key", "The row is an empty text.".into())),
            row if has_name && is_scalar => Ok(format!(r#"{{"name":{row}}}"#)),
            _ => Err(("not-an-object", "The row is not a JSON object.".into())),
        };
    };
    match shape.key.iter().zip(found).find(|(_, value)| !value.is_some_and(names)) {
        Some((field, _)) => {
            Err(("no-key", format!("The row has no `{field}` that is a number or a text.")))
        }
        None if shape.map => Ok(one_line(&rows::with_map(row))),
        None => Ok(one_line(row)),
    }
}

/// Whether the text of a value names something.
fn names(text: &str) -> bool {
    text != "\"\""
        && text.starts_with(|first: char| matches!(first, '"' | '-') || first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(key: &[&str], scalars: bool, rows: &[&str], records: &[&str], faults: &[&str]) {
        let page = Sorted::of(rows, Shape { key, scalars, map: false }).into_page(String::new());
        let found: Vec<_> = page.quarantined.iter().map(|bad| bad.code.as_str()).collect();
        assert_eq!(
            (page.records, found),
            (records.iter().map(ToString::to_string).collect(), faults.to_vec())
        );
        let Counts { received, emitted, duplicates, filtered, quarantined, .. } = page.counts;
        assert_eq!(received as usize, rows.len());
        assert_eq!(received, emitted + duplicates + filtered + quarantined);
    }

    #[test]
    fn rows_pass_through_byte_for_byte_apart_from_line_breaks() {
        let rows = [
            r#"{"id":123456789012345678901234567890,"f":1.10e+400}"#,
            r#"{"id":"x","s":"\ud800 \u0000","\udfff":1}"#,
            r#"{"id":0,"id":1,"id":-1}"#,
        ];
        check(&["id"], false, &rows, &rows, &[]);
        check(&["id"], false, &["{\n\"id\": 1\r\n}"], &["{ \"id\": 1  }"], &[]);
    }

    #[test]
    fn a_row_without_its_key_is_set_aside() {
        let rows = [
            "{}",
            r#"{"a":null,"b":1}"#,
            r#"{"a":1,"b":""}"#,
            r#"{"a":1,"b":[]}"#,
            "7",
            "[1]",
            "null",
        ];
        let no_key = "no-key";
        let no_object = "not-an-object";
        check(
            &["a", "b"],
            false,
            &rows,
            &[],
            &[no_key, no_key, no_key, no_key, no_object, no_object, no_object],
        );
    }

    #[test]
    fn scalars_become_objects_where_they_may_be_records() {
        let rows = [r#""beta""#, "7", "true", r#"{"name":"x"}"#, r#""""#, "null", r#"["a"]"#];
        let records =
            [r#"{"name":"beta"}"#, r#"{"name":7}"#, r#"{"name":true}"#, r#"{"name":"x"}"#];
        check(&["name"], true, &rows, &records, &["no-key", "not-an-object", "not-an-object"]);
    }

    #[test]
    fn the_same_record_twice_is_a_duplicate_only_where_records_have_a_key() {
        let row = r#"{"name":"a"}"#;
        check(&["name"], true, &[row, row], &[row], &[]);
        check(&[], true, &[row, row], &[row, row], &[]);
    }

    #[test]
    fn a_row_of_any_depth_passes() {
        let deep = format!(r#"{{"id":1,"x":{}{}}}"#, "[".repeat(5_000), "]".repeat(5_000));
        check(&["id"], false, &[&deep], &[&deep], &[]);
    }
}
