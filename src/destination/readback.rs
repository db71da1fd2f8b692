//! Comparing what was sent with a contact that was read back.
//!
//! Only the fields that were sent are compared. Values are compared as the API may give them back: flags come as 0
//! and 1, and a custom property may come as a text.

use std::borrow::Cow;

use serde_json::Value;
use serde_json::value::RawValue;

use super::item::Item;
use super::record::{Fields, Kind, kind, text};
use super::writer::Settled;

/// Where a contact's custom properties stand: in lists, and in the single answer of 2019 (single source).
const PROPERTIES: [&str; 2] = ["attributes", "custom"];

/// A contact that was read back.
#[derive(Debug)]
pub(super) struct Contact<'a>(Fields<'a>);

impl<'a> Contact<'a> {
    /// Reads the contact that was asked for; none if it is another, or no contact.
    pub(super) fn read(item: &Item, found: &'a RawValue) -> Option<Self> {
        if kind(found) != Kind::Object {
            return None;
        }
        let contact = Contact(serde_json::from_str(found.get()).ok()?);
        let (name, value) = item.lookup.as_ref()?.by.as_ref()?;
        contact.is_named(name, value).then_some(contact)
    }

    /// A field.
    pub(super) fn field(&self, name: &str) -> Option<&RawValue> {
        self.0.get(name)
    }

    /// Whether an identifier has this value; e-mails may differ in case.
    pub(super) fn is_named(&self, name: &str, value: &str) -> bool {
        let given = self.field(name).and_then(scalar);
        given.is_some_and(|given| match name {
            "email" => given.to_lowercase() == value.to_lowercase(),
            _ => given == value,
        })
    }

    /// A flag that is 0 or 1; none if it cannot be read.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        match scalar(self.field(name)?)?.as_ref() {
            "0" => Some(false),
            "1" => Some(true),
            _ => None,
        }
    }

    /// Whether a field is as it was sent.
    pub(super) fn has(&self, name: &str, sent: &RawValue) -> bool {
        same(sent, self.field(name))
    }

    /// Whether all of these custom properties are as they were sent.
    pub(super) fn has_properties(&self, sent: &Fields<'_>) -> bool {
        let properties = PROPERTIES.iter().find_map(|name| self.field(name));
        let properties = properties.and_then(Fields::of_object).unwrap_or_default();
        sent.0.iter().all(|(name, value)| same(value, properties.get(name)))
    }

    /// The names of its tags; none if they cannot be read.
    pub(super) fn tags(&self) -> Option<Vec<String>> {
        let tags: Vec<Value> = serde_json::from_str(self.field("user_tags")?.get()).ok()?;
        tags.into_iter()
            .map(|tag| match tag {
                Value::String(name) => Some(name),
                Value::Object(fields) => ["name", "tag"]
                    .iter()
                    .find_map(|key| fields.get(*key)?.as_str())
                    .map(str::to_owned),
                _ => None,
            })
            .collect()
    }
}

/// What is said where the answer is not the contact that was asked for.
pub(super) fn not_it() -> Settled {
    Settled::Unknown("The answer is not the contact that was asked for.".to_owned())
}

/// Whether a value that was sent and one that was read back are the same.
fn same(sent: &RawValue, found: Option<&RawValue>) -> bool {
    let found = found.filter(|found| kind(found) != Kind::Null);
    let Some(found) = found else {
        return kind(sent) == Kind::Null;
    };
    match (scalar(sent), scalar(found)) {
        (Some(sent), Some(found)) => sent == found || same_number(&sent, &found),
        (None, Some(found)) if kind(sent) == Kind::Null => found.is_empty(),
        (Some(_), None) | (None, Some(_)) => false,
        (None, None) => sent.get() == found.get(),
    }
}

/// Whether two numbers are equal, written differently. Whole ones are equal only if written alike.
fn same_number(a: &str, b: &str) -> bool {
    let is_whole = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_whole(a) && is_whole(b) {
        return false;
    }
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.is_finite() && a.total_cmp(&b).is_eq(),
        _ => false,
    }
}

/// A text, number or flag as text.
fn scalar(value: &RawValue) -> Option<Cow<'_, str>> {
    match (kind(value), value.get()) {
        (Kind::Text, _) => text(value).map(Cow::Owned),
        (Kind::Number, number) => Some(Cow::Borrowed(number)),
        (Kind::Bool, "true") => Some(Cow::Borrowed("1")),
        (Kind::Bool, _) => Some(Cow::Borrowed("0")),
        (Kind::Array | Kind::Null | Kind::Object, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sent: &str, found: Option<&str>, expected: bool) {
        let raw = |text: &str| RawValue::from_string(text.to_owned()).expect("JSON");
        let found_value = found.map(raw);
        assert_eq!(same(&raw(sent), found_value.as_deref()), expected, "{sent} {found:?}");
    }

    #[test]
    fn values_are_the_same_as_the_api_may_give_them_back() {
        for (sent, found) in [
            ("12", "12"),
            ("12", r#""12""#),
            ("1.50", "1.5"),
            ("2.0", "2"),
            ("true", "1"),
            ("false", r#""0""#),
            (r#""\u00e9""#, "\"é\""),
            ("null", "null"),
            ("null", r#""""#),
        ] {
            check(sent, Some(found), true);
        }
        check("null", None, true);
    }

    #[test]
    fn other_values_are_not() {
        for (sent, found) in [
            ("12", "13"),
            ("12345678901234567890", "12345678901234567891"),
            (r#""a""#, r#""A""#),
            (r#""a""#, "null"),
            ("true", "0"),
            ("null", r#""a""#),
            (r#""nan""#, r#""NaN""#),
            ("1", "[1]"),
        ] {
            check(sent, Some(found), false);
        }
        check("1", None, false);
    }
}
