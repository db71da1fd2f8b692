//! Which streams there are: one table, from which both the contract's description and the code that
//! reads are taken.

use super::contacts::List;
use super::custom;
use super::options::{self, ContactOptions};
use super::snapshot::Snapshot;
use super::{articles, details};
use crate::bindings::source::{Deletions, Mode, Promise, StreamInfo};
use crate::bindings::types::Problem;
use crate::json::{Writer, include_json, members};

/// How a stream is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// Collection by collection.
    Articles,
    /// As a list that moves while it is read.
    Contacts(List),
    /// As the options say.
    Custom,
    /// One request for each contact of a list.
    Details(List),
    /// In one answer.
    Snapshot(Snapshot),
}

impl Stream {
    /// The stream of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        STREAMS.iter().find(|entry| entry.name == name).map(|entry| entry.stream)
    }

    /// All that is wrong with its options.
    pub(crate) fn validate(self, text: &str) -> Vec<Problem> {
        let parsed = match self {
            Stream::Contacts(_) => ContactOptions::parse(text).map(drop),
            Stream::Custom => custom::Options::parse(text).map(drop),
            Stream::Articles | Stream::Details(_) | Stream::Snapshot(_) => options::none(text),
        };
        parsed.err().unwrap_or_default()
    }
}

/// Every stream, as the contract describes it.
pub(crate) fn all() -> Vec<StreamInfo> {
    STREAMS.iter().map(info).collect()
}

/// A stream.
struct Entry {
    name: &'static str,
    title: &'static str,
    description: &'static str,
    schema: &'static str,
    /// What its schema has besides.
    more: Option<&'static str>,
    key: &'static [&'static str],
    cursor: Option<&'static str>,
    promise: Promise,
    deletions: Deletions,
    selected: bool,
    after: &'static [&'static str],
    options: &'static str,
    stream: Stream,
}

fn info(entry: &Entry) -> StreamInfo {
    let texts = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    StreamInfo {
        name: entry.name.into(),
        title: entry.title.into(),
        description: entry.description.into(),
        schema: entry.more.map_or_else(|| entry.schema.to_owned(), |more| over(entry.schema, more)),
        key: texts(entry.key),
        cursor: entry.cursor.map(str::to_owned),
        modes: match entry.cursor {
            Some(_) => vec![Mode::Full, Mode::Incremental],
            None => vec![Mode::Full],
        },
        promise: entry.promise,
        deletions: entry.deletions,
        selected: entry.selected,
        after: texts(entry.after),
        options: entry.options.into(),
    }
}

/// A schema with the texts of another in place of its own, and the other's properties behind them.
fn over(schema: &str, more: &str) -> String {
    let mut merged = String::new();
    let mut object = Writer::new(&mut merged);
    let more = members(more).unwrap_or_default();
    for (name, own) in members(schema).unwrap_or_default() {
        let text = object.name(&name);
        let other = more.iter().find(|(known, _)| *known == name).map(|(_, other)| *other);
        match (other.and_then(|other| other.strip_prefix('{')), own.strip_suffix('}')) {
            (Some(behind), Some(before)) => *text += &[before, ",", behind].concat(),
            _ => text.push_str(other.unwrap_or(own)),
        }
    }
    object.end();
    merged
}

const CONTACT: &str = include_json!("schemas/contact.json");
const CONTACT_DETAILS: &str = include_json!("schemas/contact-details.json");
const CONTACT_OPTIONS: &str = include_json!("schemas/contact-options.json");
const NO_OPTIONS: &str = include_json!("schemas/no-options.json");

const STREAMS: &[Entry] = &[
    Entry {
        name: "users",
        title: "Users",
        description: "Contacts that signed up, with all their custom properties (confirmed). Read after `leads`: a lead that signs up moves here, and may keep its `last_update` (inferred), so that only a full read is sure to find it.",
        schema: CONTACT,
        more: None,
        key: &[details::KEY],
        cursor: Some("last_update"),
        promise: Promise::Checked,
        deletions: Deletions::ByFullRead,
        selected: true,
        after: &["leads"],
        options: CONTACT_OPTIONS,
        stream: Stream::Contacts(List::Users),
    },
    Entry {
        name: "leads",
        title: "Leads",
        description: "Contacts that left an address and did not sign up (confirmed). One that signs up leaves this list for `users` (inferred).",
        schema: CONTACT,
        more: None,
        key: &[details::KEY],
        cursor: Some("last_update"),
        promise: Promise::Checked,
        deletions: Deletions::ByFullRead,
        selected: true,
        after: &[],
        options: CONTACT_OPTIONS,
        stream: Stream::Contacts(List::Leads),
    },
    Entry {
        name: "tags",
        title: "Tags",
        description: "Names of all tags of the project, each as an object with a `name` (confirmed).",
        schema: include_json!("schemas/tag.json"),
        more: None,
        key: &["name"],
        cursor: None,
        promise: Promise::Snapshot,
        deletions: Deletions::ByFullRead,
        selected: true,
        after: &[],
        options: NO_OPTIONS,
        stream: Stream::Snapshot(Snapshot {
            stream: "tags",
            path: "/tags",
            key: Some("name"),
            scalars: true,
        }),
    },
    Entry {
        name: "accounts",
        title: "Teammates",
        description: "People who work in the project; a message needs the id of its sender (single source).",
        schema: include_json!("schemas/account.json"),
        more: None,
        key: &["account_id"],
        cursor: None,
        promise: Promise::Snapshot,
        deletions: Deletions::ByFullRead,
        selected: true,
        after: &[],
        options: NO_OPTIONS,
        stream: Stream::Snapshot(Snapshot {
            stream: "accounts",
            path: "/accounts/",
            key: Some("account_id"),
            scalars: false,
        }),
    },
    Entry {
        name: "collections",
        title: "Help-centre collections",
        description: "Collections of articles (confirmed; their fields from a single source).",
        schema: include_json!("schemas/collection.json"),
        more: None,
        key: &[articles::COLLECTION],
        cursor: None,
        promise: Promise::Snapshot,
        deletions: Deletions::ByFullRead,
        selected: true,
        after: &[],
        options: NO_OPTIONS,
        stream: Stream::Snapshot(Snapshot {
            stream: "collections",
            path: "/knowledge/collections",
            key: Some(articles::COLLECTION),
            scalars: false,
        }),
    },
    Entry {
        name: articles::STREAM,
        title: "Help-centre articles",
        description: "Articles, collection by collection (confirmed; their fields from a single source). They are read page by page: one that moves while it is read may be missed.",
        schema: include_json!("schemas/article.json"),
        more: None,
        key: &[articles::KEY],
        cursor: None,
        promise: Promise::BestEffort,
        deletions: Deletions::ByFullRead,
        selected: true,
        after: &[],
        options: NO_OPTIONS,
        stream: Stream::Articles,
    },
    Entry {
        name: "writers",
        title: "Help-centre writers",
        description: "Possible authors of articles (single source). The shape of a row is unknown: each passes as it comes.",
        schema: include_json!("schemas/writer.json"),
        more: None,
        key: &[],
        cursor: None,
        promise: Promise::Snapshot,
        deletions: Deletions::Invisible,
        selected: true,
        after: &[],
        options: NO_OPTIONS,
        stream: Stream::Snapshot(Snapshot {
            stream: "writers",
            path: "/knowledge/writers",
            key: None,
            scalars: true,
        }),
    },
    Entry {
        name: "user_details",
        title: "Users in detail",
        description: "Each user with segments, tags, totals of events, notes and companies (single source): one request a user. Users that move while they are read may be missed.",
        schema: CONTACT,
        more: Some(CONTACT_DETAILS),
        key: &[details::KEY],
        cursor: None,
        promise: Promise::BestEffort,
        deletions: Deletions::ByFullRead,
        selected: false,
        after: &["lead_details"],
        options: NO_OPTIONS,
        stream: Stream::Details(List::Users),
    },
    Entry {
        name: "lead_details",
        title: "Leads in detail",
        description: "Each lead with segments, tags, totals of events, notes and companies (single source): one request a lead. A lead without an e-mail address cannot be asked for and is set aside; leads that move while they are read may be missed.",
        schema: CONTACT,
        more: Some(CONTACT_DETAILS),
        key: &[details::KEY],
        cursor: None,
        promise: Promise::BestEffort,
        deletions: Deletions::ByFullRead,
        selected: false,
        after: &[],
        options: NO_OPTIONS,
        stream: Stream::Details(List::Leads),
    },
    Entry {
        name: custom::STREAM,
        title: "Any list",
        description: "Any list that the API gives for a GET, by path, query and JSON pointer: for what no other stream covers. Texts, numbers, true and false become objects with a `name`.",
        schema: include_json!("schemas/custom.json"),
        more: None,
        key: &[],
        cursor: None,
        promise: Promise::BestEffort,
        deletions: Deletions::Invisible,
        selected: false,
        after: &[],
        options: include_json!("schemas/custom-options.json"),
        stream: Stream::Custom,
    },
];

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::options::{LARGEST_PAGE, LEAST_PAGE, LONGEST_LOOKBACK, LOOKBACK};
    use super::*;

    fn json(text: &str) -> Value {
        serde_json::from_str(text).expect("JSON")
    }

    #[test]
    fn the_streams_are_as_described() {
        let lines: Vec<_> = all()
            .iter()
            .map(|stream| {
                format!(
                    "{} key={:?} cursor={:?} {:?} {:?} selected={} after={:?}",
                    stream.name,
                    stream.key,
                    stream.cursor,
                    stream.promise,
                    stream.deletions,
                    stream.selected,
                    stream.after
                )
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn a_schema_describes_key_and_cursor_and_lets_unknown_fields_pass() {
        for stream in all() {
            let schema = json(&stream.schema);
            assert_eq!(schema["additionalProperties"], true, "{}", stream.name);
            for name in stream.key.iter().chain(&stream.cursor) {
                assert!(
                    schema["properties"][name]["type"].is_string() || stream.cursor.is_some(),
                    "{name}"
                );
            }
            for (name, field) in schema["properties"].as_object().expect("fields") {
                let described =
                    field["description"].as_str().is_some_and(|text| text.ends_with('.'));
                assert!(described, "{}: {name}", stream.name);
            }
        }
    }

    #[test]
    fn a_stream_is_found_by_its_name_and_names_its_state() {
        for entry in STREAMS {
            assert_eq!(Stream::named(entry.name), Some(entry.stream));
            match entry.stream {
                Stream::Contacts(list) => assert_eq!(list.name(), entry.name),
                Stream::Details(list) => assert_eq!(details::stream(list), entry.name),
                Stream::Snapshot(snapshot) => assert_eq!(snapshot.stream, entry.name),
                Stream::Articles | Stream::Custom => {}
            }
        }
        assert_eq!(Stream::named("conversations"), None);
    }

    #[test]
    fn the_form_says_what_the_code_checks() {
        let form = json(CONTACT_OPTIONS);
        let of = |name: &str, what: &str| form["properties"][name][what].clone();
        assert_eq!(of("page_size", "minimum"), LEAST_PAGE);
        assert_eq!(of("page_size", "maximum"), LARGEST_PAGE);
        assert_eq!(of("page_size", "default"), LARGEST_PAGE);
        assert_eq!(of("lookback", "default"), LOOKBACK);
        assert_eq!(of("lookback", "maximum"), LONGEST_LOOKBACK);
    }

    #[test]
    fn every_option_of_a_form_is_known_and_no_other_is() {
        for stream in STREAMS {
            let form = json(stream.options);
            for (name, field) in form["properties"].as_object().expect("fields") {
                let value = match (&field["default"], &field["examples"][0]) {
                    (Value::Null, example) => example.clone(),
                    (default, _) => default.clone(),
                };
                let text = serde_json::json!({ name: value }).to_string();
                let problems = stream.stream.validate(&text);
                let unknown = problems.iter().find(|problem| problem.code == "unknown-field");
                assert_eq!(unknown, None, "{} {name}", stream.name);
            }
            let problems = stream.stream.validate(r#"{"colour":1}"#);
            assert!(problems.iter().any(|problem| problem.field == "/colour"), "{}", stream.name);
        }
    }
}
