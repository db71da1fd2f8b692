//! Which of the records that were sent a piece of an answer speaks of.
//!
//! How the API names a refused record is unknown, so every way is tried: an e-mail alone or inside a sentence, an
//! e-mail or `user_id` under any key at any depth, a name as the key of a map. A position counts only where the list
//! itself shows whether it counts from 0 or from 1.

use super::email::places;
use super::item::Item;
use crate::json::Value;
use crate::words::{fold, has};

/// The records of one request, ready to be recognised.
#[derive(Debug)]
pub(super) struct Roll {
    emails: Vec<(String, usize)>,
    user_ids: Vec<(String, usize)>,
}

impl Roll {
    /// Of the records in the order in which they were sent.
    pub(super) fn of(items: &[&Item]) -> Self {
        let emails = items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| item.email.as_ref().map(|email| (fold(email), index)));
        let user_ids = items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| item.user_id.clone().map(|id| (id, index)));
        Roll { emails: emails.collect(), user_ids: user_ids.collect() }
    }

    /// The record with this very e-mail or `user_id`.
    pub(super) fn named(&self, name: &str) -> Option<usize> {
        find(&self.emails, &fold(name)).or_else(|| find(&self.user_ids, name))
    }

    /// All records that a value speaks of.
    pub(super) fn mentioned(&self, value: &Value<'_>) -> Vec<usize> {
        let mut found = Vec::new();
        self.collect(value, true, &mut found);
        found
    }

    /// `is_name` tells whether a text stands where a name may stand: not in a reason or a value of another field.
    fn collect(&self, value: &Value<'_>, is_name: bool, found: &mut Vec<usize>) {
        match value {
            Value::Text(text) => {
                let exact = is_name.then(|| self.named(text)).flatten();
                match exact {
                    Some(index) => add(found, index),
                    None => self.in_sentence(text, found),
                }
            }
            Value::Number(number) if is_name => {
                if let Some(index) = find(&self.user_ids, number) {
                    add(found, index);
                }
            }
            Value::List(items) => {
                for item in items {
                    let is_name = is_name && item.as_str().is_some();
                    self.collect(item, is_name, found);
                }
            }
            Value::Object(fields) => {
                for (key, value) in fields {
                    let key = fold(key);
                    if let Some(index) = find(&self.emails, &key) {
                        add(found, index);
                    }
                    self.collect(value, key.ends_with("id") || has(&key, "mail"), found);
                }
            }
            Value::Bool(_) | Value::Null | Value::Number(_) => {}
        }
    }

    /// The e-mails in a sentence; where one lies inside another, the longer counts.
    fn in_sentence(&self, sentence: &str, found: &mut Vec<usize>) {
        let sentence = fold(sentence);
        if !sentence.contains('@') {
            return;
        }
        let mut all: Vec<(usize, usize, usize)> = Vec::new();
        for (email, index) in &self.emails {
            all.extend(
                places(&sentence, email).into_iter().map(|(start, end)| (start, end, *index)),
            );
        }
        let longest = all.iter().filter(|(start, end, _)| {
            !all.iter().any(|(other_start, other_end, _)| {
                other_start <= start && end <= other_end && other_end - other_start > end - start
            })
        });
        for (_, _, index) in longest {
            add(found, *index);
        }
    }
}

/// The record of this name. Of two with one name the later counts.
fn find(names: &[(String, usize)], name: &str) -> Option<usize> {
    names.iter().rev().find(|(known, _)| known == name).map(|(_, index)| *index)
}

/// Adds a record to those found, unless it is among them.
fn add(found: &mut Vec<usize>, index: usize) {
    if !found.contains(&index) {
        found.push(index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a value says of `ann@x.co` (id 7), `o'neil@x.co` (id u-2) and `neil@x.co`.
    fn check(value: &str, expected: &[usize]) {
        let item = |email: &str, user_id: Option<&str>| Item {
            email: Some(email.into()),
            user_id: user_id.map(str::to_owned),
            ..Item::default()
        };
        let items = [
            item("Ann@x.co", Some("7")),
            item("o'neil@x.co", Some("u-2")),
            item("neil@x.co", None),
        ];
        let roll = Roll::of(&items.iter().collect::<Vec<_>>());
        let value = Value::parse(value).expect("the fixture is JSON");
        let mut found = roll.mentioned(&value);
        found.sort_unstable();
        assert_eq!(found, expected, "{value}");
    }

    #[test]
    fn a_name_alone_is_recognised() {
        check(r#""ann@x.co""#, &[0]);
        check(r#""ANN@X.CO""#, &[0]);
        check(r#""u-2""#, &[1]);
        check("7", &[0]);
    }

    #[test]
    fn an_address_in_a_sentence_is_recognised_and_the_longer_one_counts() {
        check(r#""Invalid address: ann@x.co.""#, &[0]);
        check(r#""o'neil@x.co is blocked""#, &[1]);
        check(r#""'neil@x.co' is blocked""#, &[2]);
        check(r#""neil@x.co, ann@x.co""#, &[0, 2]);
        check(r#""bob@x.co is blocked""#, &[]);
    }

    #[test]
    fn a_name_under_any_key_at_any_depth_is_recognised() {
        check(r#"{"email":"ann@x.co","error":"Invalid"}"#, &[0]);
        check(r#"{"user":{"user_id":"u-2"},"why":["blocked"]}"#, &[1]);
        check(r#"{"user_id":7}"#, &[0]);
        check(r#"{"ann@x.co":"Invalid"}"#, &[0]);
        check(r#"["neil@x.co","blocked"]"#, &[2]);
    }

    #[test]
    fn a_number_or_word_elsewhere_is_no_name() {
        check(r#"{"code":7,"error":"u-2"}"#, &[]);
        check(r#""seven of 7 failed""#, &[]);
    }
}
