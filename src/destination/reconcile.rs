//! What the answer to a batch of contacts says of each: `inserted`, `errors` and `not_added` against what was sent.
//!
//! `inserted` is confirmed to equal the number sent when all went well. The list of the refused is called `errors` by
//! one source and `not_added` by another, and the shape of its elements is unknown: both are read, in every shape that
//! [`super::mention`] recognises, and only counts that add up are believed.
//!
//! | counts | verdict |
//! | --- | --- |
//! | `inserted` + named = sent | the named are refused, the others accepted |
//! | `inserted` + named < sent | the named are refused, the others cannot be told apart: halve |
//! | `inserted` + named > sent, `inserted` < sent | the others are accepted, the named cannot be told apart: halve |
//! | `inserted` = sent, some named | the others are accepted, the named contradicted |
//! | `inserted` = sent, an entry that names none | halve; a record alone is contradicted |
//! | no `inserted`, every entry names one, or the lists are empty | the named are refused, the others accepted |
//! | no `inserted`, an entry that names none | the named are refused; halve the others |
//! | no `inserted` and no list, or `inserted` > sent | contradicted |

use std::borrow::Cow;

use super::item::Item;
use super::mention::Roll;
use super::verdict::cut;
use super::writer::Told;
use crate::json::Value;

/// Names of the list of the refused.
const LISTS: [&str; 2] = ["errors", "not_added"];

/// Says what an answer means for each of the records that were sent.
pub(super) fn reconcile(items: &[&Item], data: Option<&str>) -> Vec<Told> {
    let answer = data.and_then(|data| Value::parse(data).ok());
    let Some(answer @ Value::Object(_)) = answer else {
        return contradicted(items, "Customerly answered without saying how many it took.");
    };
    let refusals = Refusals::of(&Roll::of(items), items.len(), &answer);
    let sent = items.len();
    let named = refusals.named.len();
    let inserted = match answer.get("inserted") {
        None | Some(Value::Null) => None,
        Some(value) => match count(value) {
            Some(inserted) if inserted <= sent => Some(inserted),
            _ => {
                let message = format!("Customerly says that it took {value} of {sent} records.");
                return contradicted(items, &message);
            }
        },
    };
    let is_alone = sent == 1;
    let (of_named, of_others) = match inserted {
        Some(inserted) if inserted == sent && named > 0 => (Part::Contradicted, Part::Accepted),
        Some(inserted) if inserted == sent && refusals.nameless > 0 && is_alone => {
            (Part::Contradicted, Part::Contradicted)
        }
        Some(inserted) if inserted == sent && refusals.nameless > 0 => (Part::Open, Part::Open),
        Some(inserted) if inserted + named == sent => (Part::Rejected, Part::Accepted),
        Some(inserted) if inserted + named > sent => (Part::Open, Part::Accepted),
        None if !refusals.has_lists => {
            return contradicted(items, "Customerly answered without saying how many it took.");
        }
        None if refusals.nameless == 0 => (Part::Rejected, Part::Accepted),
        _ if is_alone => (Part::Rejected, Part::Rejected),
        _ => (Part::Rejected, Part::Open),
    };
    (0..sent)
        .map(|index| {
            let reason = refusals.reason_for(index);
            match if reason.is_some() { of_named } else { of_others } {
                Part::Accepted => Told::Accepted("unspecified", None),
                Part::Contradicted => Told::Contradicted(format!(
                    "Customerly counts this record as taken and as refused: {}.",
                    reason.unwrap_or(&refusals.words()).trim_end_matches('.')
                )),
                Part::Open => Told::Open,
                Part::Rejected => {
                    Told::Rejected(reason.cloned().unwrap_or_else(|| refusals.words()))
                }
            }
        })
        .collect()
}

/// What a part of the records shares.
#[derive(Clone, Copy, Debug)]
enum Part {
    Accepted,
    Contradicted,
    Open,
    Rejected,
}

fn contradicted(items: &[&Item], message: &str) -> Vec<Told> {
    items.iter().map(|_| Told::Contradicted(message.to_owned())).collect()
}

/// The lists of an answer, read.
#[derive(Debug, Default)]
struct Refusals {
    /// Whether the answer has a list at all.
    has_lists: bool,
    /// The records that are named, each with the reason.
    named: Vec<(usize, String)>,
    /// How many entries name no record.
    nameless: usize,
    /// What those say.
    reasons: Vec<String>,
}

impl Refusals {
    fn of(roll: &Roll, sent: usize, answer: &Value<'_>) -> Self {
        let mut refusals = Refusals::default();
        let mut positions: Vec<(usize, String)> = Vec::new();
        for list in LISTS.iter().filter_map(|name| answer.get(name)) {
            refusals.has_lists = true;
            refusals.list(roll, list, &mut positions);
        }
        refusals.place(sent, positions);
        refusals
    }

    fn list(&mut self, roll: &Roll, list: &Value<'_>, positions: &mut Vec<(usize, String)>) {
        match list {
            Value::List(entries) => {
                for entry in entries {
                    self.entry(roll, entry, positions);
                }
            }
            Value::Object(fields) if is_map(roll, fields) => {
                for (key, value) in fields {
                    match (roll.named(key), key.parse()) {
                        (Some(index), _) => self.name(index, reason(value)),
                        (None, Ok(position)) if roll.mentioned(value).is_empty() => {
                            positions.push((position, reason(value)));
                        }
                        (None, _) => self.entry(roll, value, positions),
                    }
                }
            }
            Value::Bool(false) | Value::Null => {}
            Value::Text(text) if text.is_empty() => {}
            Value::Number(_) if list.as_u64() == Some(0) => {}
            // A number is how many were refused, not which.
            Value::Number(_) | Value::Bool(true) => self.nameless(reason(list)),
            Value::Object(_) | Value::Text(_) => self.entry(roll, list, positions),
        }
    }

    fn entry(&mut self, roll: &Roll, entry: &Value<'_>, positions: &mut Vec<(usize, String)>) {
        let mentioned = roll.mentioned(entry);
        let mut mentioned = mentioned.iter();
        match (mentioned.next(), mentioned.next(), entry) {
            (Some(index), None, _) => self.name(*index, reason(entry)),
            (Some(_), Some(_), Value::List(entries)) => {
                for entry in entries {
                    self.entry(roll, entry, positions);
                }
            }
            (None, None, _) => match position(entry) {
                Some(position) => positions.push((position, reason(entry))),
                None => self.nameless(reason(entry)),
            },
            _ => self.nameless(reason(entry)),
        }
    }

    /// Believes positions if they show where they count from: a 0 or the number sent can only be one of the two.
    fn place(&mut self, sent: usize, positions: Vec<(usize, String)>) {
        let all = || positions.iter().map(|(position, _)| *position);
        let base = match (all().min(), all().max()) {
            (Some(0), Some(last)) if last < sent => 0,
            (Some(1..), Some(last)) if last == sent => 1,
            _ => {
                for (_, reason) in positions {
                    self.nameless(reason);
                }
                return;
            }
        };
        for (position, reason) in positions {
            self.name(position - base, reason);
        }
    }

    fn name(&mut self, index: usize, reason: String) {
        if self.reason_for(index).is_none() {
            self.named.push((index, reason));
        }
    }

    /// The reason for a record that is named.
    fn reason_for(&self, index: usize) -> Option<&String> {
        self.named.iter().find(|(named, _)| *named == index).map(|(_, reason)| reason)
    }

    fn nameless(&mut self, reason: String) {
        self.nameless += 1;
        self.reasons.push(reason);
    }

    /// The reason for a record that is not named.
    fn words(&self) -> String {
        match self.reasons.first() {
            Some(reason) => reason.clone(),
            None => "Customerly did not take it, and gave no reason.".to_owned(),
        }
    }
}

/// Whether each key of an object is a record's name or a position.
fn is_map(roll: &Roll, fields: &[(Cow<'_, str>, Value<'_>)]) -> bool {
    fields.iter().all(|(key, _)| roll.named(key).is_some() || key.parse::<usize>().is_ok())
}

/// A position that stands alone or under a key that says so.
fn position(entry: &Value<'_>) -> Option<usize> {
    let value = match entry {
        Value::Object(_) => {
            ["index", "position", "row", "line"].iter().find_map(|key| entry.get(key))?
        }
        value => value,
    };
    value.as_u64().and_then(|position| usize::try_from(position).ok())
}

fn count(value: &Value<'_>) -> Option<usize> {
    let number = match value {
        Value::Number(_) => value.as_u64()?,
        Value::Text(text) => text.parse().ok()?,
        _ => return None,
    };
    usize::try_from(number).ok()
}

/// The service's words about a refused record: what stands under a key that means a reason, else all of it.
fn reason(entry: &Value<'_>) -> String {
    let words = match entry {
        Value::Object(_) => {
            ["error", "errors", "reason", "message", "description", "detail", "msg"]
                .iter()
                .find_map(|key| entry.get(key))
                .map(reason)
        }
        Value::Text(text) => Some(text.clone().into_owned()),
        _ => None,
    };
    cut(&words.unwrap_or_else(|| entry.to_string())).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an answer to a@x.co (id u-0), b@x.co (id u-1), c@x.co … says of each: `+` accepted, `-` refused,
    /// `?` open, `!` contradicted.
    fn told(sent: usize, data: &str) -> Vec<Told> {
        let items: Vec<Item> = (0_u8..)
            .take(sent)
            .map(|index| Item {
                email: Some(format!("{}@x.co", char::from(b'a' + index))),
                user_id: Some(format!("u-{index}")),
                ..Item::default()
            })
            .collect();
        let data = Some(data).filter(|data| *data != "null");
        reconcile(&items.iter().collect::<Vec<_>>(), data)
    }

    fn check(sent: usize, data: &str, expected: &str) {
        let found: String = told(sent, data)
            .iter()
            .map(|told| match told {
                Told::Accepted(..) => '+',
                Told::Contradicted(_) => '!',
                Told::Open => '?',
                Told::Rejected(_) => '-',
            })
            .collect();
        assert_eq!(found, expected, "{data}");
    }

    #[test]
    fn all_are_accepted_where_the_count_says_so() {
        check(3, r#"{"inserted":3,"errors":[]}"#, "+++");
        check(3, r#"{"inserted":3,"not_added":[]}"#, "+++");
        check(3, r#"{"inserted":3,"errors":[],"not_added":[]}"#, "+++");
        check(3, r#"{"inserted":"3","errors":null,"not_added":{}}"#, "+++");
        check(3, r#"{"inserted":3}"#, "+++");
    }

    #[test]
    fn a_refused_record_is_found_in_every_shape_of_either_list() {
        for list in ["errors", "not_added"] {
            for entry in [
                r#""b@x.co""#,
                r#""B@X.CO""#,
                r#""u-1""#,
                r#""Invalid email b@x.co.""#,
                r#"{"email":"b@x.co","error":"Invalid email"}"#,
                r#"{"user_id":"u-1","reason":"Invalid email"}"#,
                r#"{"user":{"email":"b@x.co"},"message":"Invalid email"}"#,
                r#"{"b@x.co":"Invalid email"}"#,
                r#"["b@x.co","Invalid email"]"#,
                r#"["b@x.co"]"#,
            ] {
                check(3, &format!(r#"{{"inserted":2,"{list}":[{entry}]}}"#), "+-+");
                check(3, &format!(r#"{{"inserted":2,"{list}":{entry}}}"#), "+-+");
            }
        }
    }

    #[test]
    fn a_record_in_both_lists_is_refused_once() {
        check(3, r#"{"inserted":2,"errors":["b@x.co"],"not_added":[{"email":"b@x.co"}]}"#, "+-+");
        check(3, r#"{"inserted":2,"errors":["Invalid"],"not_added":[{"email":"b@x.co"}]}"#, "+-+");
        check(3, r#"{"inserted":1,"errors":["a@x.co"],"not_added":["b@x.co"]}"#, "--+");
    }

    #[test]
    fn several_names_in_nested_lists_are_all_found() {
        check(4, r#"{"inserted":2,"errors":[["a@x.co","c@x.co"]]}"#, "-+-+");
        check(4, r#"{"inserted":2,"errors":{"a@x.co":"x","c@x.co":["y"]}}"#, "-+-+");
        check(4, r#"{"inserted":2,"errors":{"0":{"email":"b@x.co"},"1":"c@x.co gone"}}"#, "+--+");
    }

    #[test]
    fn a_position_is_believed_only_where_it_shows_what_it_counts_from() {
        check(3, r#"{"inserted":2,"errors":[0]}"#, "-++");
        check(3, r#"{"inserted":2,"errors":[3]}"#, "++-");
        check(3, r#"{"inserted":1,"errors":[{"index":0,"error":"x"},{"index":2}]}"#, "-+-");
        check(3, r#"{"inserted":1,"errors":{"0":"x","1":"y"}}"#, "--+");
        check(3, r#"{"inserted":2,"errors":[1]}"#, "???");
        check(3, r#"{"inserted":1,"errors":[0,3]}"#, "???");
        check(3, r#"{"inserted":2,"errors":[99]}"#, "???");
    }

    #[test]
    fn what_the_answer_cannot_tell_apart_is_open() {
        check(3, r#"{"inserted":2}"#, "???");
        check(3, r#"{"inserted":0,"errors":[]}"#, "???");
        check(3, r#"{"inserted":2,"errors":["Invalid email"]}"#, "???");
        check(3, r#"{"inserted":2,"errors":1}"#, "???");
        check(4, r#"{"inserted":2,"errors":["a@x.co"]}"#, "-???");
        check(3, r#"{"inserted":3,"errors":["Invalid email"]}"#, "???");
        check(4, r#"{"inserted":3,"errors":["a@x.co","b@x.co"]}"#, "??++");
        check(4, r#"{"not_added":["a@x.co","?"]}"#, "-???");
    }

    #[test]
    fn a_list_without_a_count_is_believed() {
        check(3, r#"{"not_added":[]}"#, "+++");
        check(3, r#"{"not_added":["b@x.co"]}"#, "+-+");
    }

    #[test]
    fn a_contradiction_is_neither_accepted_nor_refused() {
        check(3, r#"{"inserted":3,"errors":["b@x.co"]}"#, "+!+");
        check(1, r#"{"inserted":1,"errors":["Invalid email"]}"#, "!");
        for data in [
            r#"{"inserted":4}"#,
            r#"{"inserted":-1}"#,
            r#"{"inserted":1.5}"#,
            "[]",
            "{}",
            "7",
            "null",
        ] {
            check(3, data, "!!!");
        }
    }

    #[test]
    fn a_record_alone_is_always_decided() {
        check(1, r#"{"inserted":0}"#, "-");
        check(1, r#"{"inserted":0,"errors":["Invalid email"]}"#, "-");
        check(1, r#"{"errors":[1]}"#, "-");
    }

    #[test]
    fn the_reason_is_the_services_own_words() {
        let reason = |data: &str| match told(1, data).pop() {
            Some(Told::Rejected(message)) => message,
            other => panic!("{other:?}"),
        };
        let entry = |entry: &str| reason(&format!(r#"{{"inserted":0,"not_added":[{entry}]}}"#));
        assert_eq!(entry(r#"{"email":"a@x.co","error":"Invalid email"}"#), "Invalid email");
        assert_eq!(entry(r#"{"email":"a@x.co","error":{"message":"Invalid"}}"#), "Invalid");
        assert_eq!(entry(r#""a@x.co is blocked""#), "a@x.co is blocked");
        assert_eq!(entry(r#"{"email":"a@x.co","c":1}"#), r#"{"c":1,"email":"a@x.co"}"#);
        assert!(reason(r#"{"inserted":0}"#).contains("no reason"));
    }

    proptest::proptest! {
        #[test]
        fn every_record_is_told_of_whatever_the_answer_is(
            sent in 1_usize..6,
            data in answers(),
        ) {
            let told = told(sent, &data);
            proptest::prop_assert_eq!(told.len(), sent);
            proptest::prop_assert!(sent > 1 || !told.contains(&Told::Open));
        }
    }

    /// Answers that have the right words in any place.
    fn answers() -> impl proptest::strategy::Strategy<Value = String> {
        use proptest::prelude::*;

        let leaf = prop_oneof![
            (0_u8..5).prop_map(|n| n.to_string()),
            (0_u8..7).prop_map(|n| format!("\"{}@x.co\"", char::from(b'a' + n))),
            Just("\"Invalid email of b@x.co, c@x.co\"".to_owned()),
            Just("null".to_owned()),
            Just("true".to_owned()),
        ];
        let value = leaf.prop_recursive(3, 12, 3, |inner| {
            let key = prop_oneof!["a@x\\.co", "u-1", "0", "1", "index", "error", "email", "row"];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|items| format!("[{}]", items.join(","))),
                prop::collection::btree_map(key, inner, 0..3).prop_map(|fields| {
                    let fields: Vec<_> =
                        fields.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                    format!("{{{}}}", fields.join(","))
                }),
            ]
        });
        (value.clone(), value.clone(), value).prop_map(|(inserted, errors, not_added)| {
            format!(r#"{{"inserted":{inserted},"errors":{errors},"not_added":{not_added}}}"#)
        })
    }
}
