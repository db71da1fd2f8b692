//! Looks into the text of a JSON value without rewriting it.

use crate::json::Cursor;

/// The texts of some top-level fields, in the order of `names`; none if the value is no object. Of
/// a field that occurs twice the last one counts.
pub(crate) fn fields<'a>(text: &'a str, names: &[&str]) -> Option<Vec<Option<&'a str>>> {
    let mut cursor = Cursor::new(text);
    let mut found = vec![None; names.len()];
    cursor.pick(names, &mut found)?;
    Some(found)
}

/// The text of a value on one line. Between the tokens a line break is white space like any other,
/// and inside a string it cannot stand as it is.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|letter| if matches!(letter, '\n' | '\r') { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::elements;

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
