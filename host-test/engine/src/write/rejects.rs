//! The form in which records are set aside with their outcome, and taken back.
//!
//! `{"record": {…}, "$outcome": {…}}`: the record as it came, and beside it what became of it, the line it stood in and
//! what was being written. A line that could not be read as a record has `"text"` in place of `"record"`: mended, it is
//! taken back too. A line with a member `$outcome` is always such a wrapper, so a record that has one of its own has
//! to be wrapped itself.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::input::Content;
use super::outcome::RecordOutcome;

const MARK: &str = "$outcome";

/// What is being written, as it stands in a wrapper.
pub(crate) fn action(target: &str, operation: &str) -> String {
    format!("{target}/{operation}")
}

/// The line that sets a record aside, without its end.
pub fn line(number: u64, content: &Content, outcome: &RecordOutcome, action: &str) -> String {
    #[derive(Serialize)]
    struct Wrapper<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        record: Option<&'a RawValue>,
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<&'a str>,
        #[serde(rename = "$outcome")]
        outcome: Beside<'a>,
    }
    #[derive(Serialize)]
    struct Beside<'a> {
        #[serde(flatten)]
        outcome: &'a RecordOutcome,
        line: u64,
        write: &'a str,
    }
    let (record, text) = match content {
        Content::Record { text, .. } => {
            (Some(serde_json::from_str(text).expect("a record was parsed before")), None)
        }
        Content::Bad { text, .. } => (None, Some(text.as_str())),
    };
    let wrapper =
        Wrapper { record, text, outcome: Beside { outcome, line: number, write: action } };
    serde_json::to_string(&wrapper).expect("plain data")
}

/// What a wrapper held.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// A record.
    Record {
        /// Its text.
        text: String,
        /// It was sent for the same purpose, and what became of it is not known.
        doubtful: bool,
    },
    /// A line that could not be read.
    Text(String),
    /// Nothing that can be taken back.
    Broken(String),
}

/// Takes the record out of a wrapper; none if the text, a JSON object, is no wrapper.
pub(crate) fn take(text: &str, wanted: &str) -> Option<Taken> {
    #[derive(Deserialize)]
    struct Wrapper<'a> {
        #[serde(borrow)]
        record: Option<&'a RawValue>,
        text: Option<String>,
        #[serde(rename = "$outcome", borrow)]
        outcome: Option<&'a RawValue>,
    }
    #[derive(Deserialize)]
    struct Beside {
        #[serde(default)]
        outcome: String,
        #[serde(default)]
        write: String,
    }
    // Most records are no wrappers, and need not be parsed again to know it. An escaped spelling is not ours.
    if !text.contains(MARK) {
        return None;
    }
    let Ok(wrapper) = serde_json::from_str::<Wrapper<'_>>(text) else {
        // Its `text` is of another type, say: then it is only ours if it is marked.
        let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).ok()?;
        let message = "The members beside `$outcome` are not those of a record set aside.";
        return fields.contains_key(MARK).then(|| Taken::Broken(message.into()));
    };
    let beside = wrapper.outcome?;
    let beside = serde_json::from_str::<Beside>(beside.get())
        .unwrap_or(Beside { outcome: String::new(), write: String::new() });
    Some(match (wrapper.record, wrapper.text) {
        (Some(record), _) if record.get().starts_with('{') => Taken::Record {
            text: record.get().to_owned(),
            doubtful: beside.outcome == "unknown" && beside.write == wanted,
        },
        (None, Some(text)) => Taken::Text(text),
        _ => Taken::Broken("A line with `$outcome` needs the record as `record`.".into()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::outcome::Fault;
    use super::*;

    fn fault() -> Fault {
        Fault {
            code: "email".into(),
            message: "No.".into(),
            field: Some("/email".into()),
            status: None,
        }
    }

    #[test]
    fn a_record_is_set_aside_as_it_came_with_its_outcome_beside_it() {
        let content = Content::Record {
            text: r#"{"b":1.50,  "a":12345678901234567890}"#.into(),
            doubtful: false,
        };
        assert_eq!(
            line(7, &content, &RecordOutcome::Invalid(fault()), "users/upsert"),
            concat!(
                r#"{"record":{"b":1.50,  "a":12345678901234567890},"#,
                r#""$outcome":{"outcome":"invalid","code":"email","message":"No.","field":"/email","#,
                r#""line":7,"write":"users/upsert"}}"#
            )
        );
    }

    fn check(text: &str, expected: Option<&Taken>) {
        assert_eq!(take(text, "users/upsert").as_ref(), expected, "{text}");
    }

    #[test]
    fn what_was_set_aside_is_taken_back() {
        let content = Content::Record { text: r#"{"a":1}"#.into(), doubtful: false };
        let [settled, doubtful] =
            [false, true].map(|doubtful| Taken::Record { text: r#"{"a":1}"#.into(), doubtful });
        let unknown = RecordOutcome::Unknown(fault());
        check(
            &line(1, &content, &RecordOutcome::Rejected(fault()), "users/upsert"),
            Some(&settled),
        );
        check(&line(1, &content, &unknown, "users/upsert"), Some(&doubtful));
        check(&line(1, &content, &unknown, "users/delete"), Some(&settled));
        let bad = Content::Bad { text: "{\"a\":".into(), fault: fault() };
        let text = line(1, &bad, &RecordOutcome::Invalid(fault()), "users/upsert");
        check(&text, Some(&Taken::Text("{\"a\":".into())));
    }

    #[test]
    fn only_what_is_marked_is_a_wrapper() {
        check(r#"{"record":{"a":1},"outcome":{}}"#, None);
        check(r#"{"note":"$outcome"}"#, None);
        check(r#"{"text":7,"note":"$outcome"}"#, None);
        let inner = r#"{"$outcome":1}"#;
        let wrapped = format!(r#"{{"record":{inner},"$outcome":{{}}}}"#);
        check(&wrapped, Some(&Taken::Record { text: inner.into(), doubtful: false }));
        for broken in
            [r#"{"$outcome":{}}"#, r#"{"record":[],"$outcome":{}}"#, r#"{"text":7,"$outcome":{}}"#]
        {
            assert!(matches!(take(broken, ""), Some(Taken::Broken(_))), "{broken}");
        }
    }
}
