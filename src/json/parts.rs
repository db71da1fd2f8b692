//! Lists and objects taken apart into the texts of what they hold.

use std::borrow::Cow;

use super::scan::{Cursor, Fault};
use super::text::string;

/// The texts of the elements of a list; none if the text is none.
pub(crate) fn elements(text: &str) -> Option<Vec<&str>> {
    let mut cursor = Cursor::new(text);
    let mut elements = Vec::new();
    cursor.list(&mut |cursor| {
        elements.push(cursor.skip()?);
        Some(())
    })?;
    cursor.end()?;
    Some(elements)
}

/// The fields of an object, in their order, each with the text of its value.
pub(crate) fn members(text: &str) -> Result<Vec<(Cow<'_, str>, &str)>, Fault> {
    let mut cursor = Cursor::new(text);
    let mut members = Vec::new();
    let whole = cursor.object(&mut |cursor, name| {
        members.push((string(name)?, cursor.skip()?));
        Some(())
    });
    match whole.and_then(|_| cursor.end()) {
        Some(()) => Ok(members),
        None => Err(cursor.fault()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_parts_are_as_they_were_written() {
        assert_eq!(elements(" [ 1.50 ,{\"a\": 1},[] ] "), Some(vec!["1.50", "{\"a\": 1}", "[]"]));
        let found = members(r#"{"b": 1 ,"\u0061":[ ],"b":null}"#);
        let expected = [("b", "1"), ("a", "[ ]"), ("b", "null")];
        assert_eq!(found, Ok(expected.map(|(name, value)| (name.into(), value)).to_vec()));
    }

    #[test]
    fn what_is_something_else_has_no_parts() {
        for text in ["", "1", "[1,]", "{\"a\":1}x", "[1]]", r#"{"\ud800":1}"#, "{\"a\":"] {
            assert_eq!((elements(text), members(text).is_ok()), (None, false), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_string_passes_whatever_its_length(before in ".{0,12}", after in ".{0,40}") {
            let text = serde_json::to_string(&[&before, &after]).expect("texts");
            prop_assert_eq!(elements(&text).map(|found| found.len()), Some(2));
        }
    }
}
