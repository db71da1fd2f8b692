//! Comparing what was sent with a contact that was read back.
//!
//! Only the fields that were sent are compared. Values are compared as the API may give them back: flags come as 0
//! and 1, and a custom property may come as a text.

use std::borrow::Cow;

use super::item::Item;
use super::record::{Fields, Kind, kind, text};
use super::writer::Settled;
use crate::json::Value;
use crate::words::fold;

/// Where a contact's custom properties stand: in lists, and in the single answer of 2019 (single source).
const PROPERTIES: [&str; 2] = ["attributes", "custom"];

/// A contact that was read back.
#[derive(Debug)]
pub(super) struct Contact<'a>(Fields<'a>);

impl<'a> Contact<'a> {
    /// Reads the contact that was asked for; none if it is another, or no contact.
    pub(super) fn read(item: &Item, found: &'a str) -> Option<Self> {
        if kind(found) != Kind::Object {
            return None;
        }
        let contact = Contact(Fields::split(found).ok()?);
        let (name, value) = item.lookup.as_ref()?.by.as_ref()?;
        contact.is_named(name, value).then_some(contact)
    }

    /// A field.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.0.get(name)
    }

    /// Whether an identifier has this value; e-mails may differ in case.
    pub(super) fn is_named(&self, name: &str, value: &str) -> bool {
        let given = self.field(name).and_then(scalar);
        given.is_some_and(|given| match name {
            "email" => fold(&given) == fold(value),
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
    pub(super) fn has(&self, name: &str, sent: &str) -> bool {
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
        let Value::List(tags) = Value::parse(self.field("user_tags")?).ok()? else {
            return None;
        };
        tags.iter()
            .map(|tag| {
                let named = || ["name", "tag"].iter().find_map(|key| tag.get(key)?.as_str());
                tag.as_str().or_else(named).map(str::to_owned)
            })
            .collect()
    }
}

/// What is said where the answer is not the contact that was asked for.
pub(super) fn not_it() -> Settled {
    Settled::Unknown("The answer is not the contact that was asked for.".to_owned())
}

/// Whether a value that was sent and one that was read back are the same.
fn same(sent: &str, found: Option<&str>) -> bool {
    let found = found.filter(|found| kind(found) != Kind::Null);
    let Some(found) = found else {
        return kind(sent) == Kind::Null;
    };
    match (scalar(sent), scalar(found)) {
        (Some(sent), Some(found)) => sent == found || same_number(&sent, &found),
        (None, Some(found)) if kind(sent) == Kind::Null => found.is_empty(),
        (Some(_), None) | (None, Some(_)) => false,
        (None, None) => sent == found,
    }
}

/// Whether two numbers are equal, written differently. Whole ones are equal only if written alike; of others as many
/// digits are compared as a float keeps, since one that was stored may come back with more.
fn same_number(a: &str, b: &str) -> bool {
    let is_whole = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_whole(a) && is_whole(b) {
        return false;
    }
    match (Decimal::of(a), Decimal::of(b)) {
        (Some(a), Some(b)) => a.rounded() == b.rounded(),
        _ => false,
    }
}

/// A number: its digits behind `0.`, without zeros at the ends, times a power of ten.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    digits: Vec<u8>,
    power: i64,
}

/// So many digits survive in a float, whatever they are.
const DIGITS: usize = 15;

impl Decimal {
    fn of(text: &str) -> Option<Self> {
        let (is_negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (number, power) = match rest.split_once(['e', 'E']) {
            Some((number, power)) => (number, i64::from(power.parse::<i32>().ok()?)),
            None => (rest, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let mut digits = [whole, fraction].concat().into_bytes();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
        digits.drain(..zeros);
        let power = power + i64::try_from(whole.len()).ok()? - i64::try_from(zeros).ok()?;
        Some(Decimal { is_negative, digits, power })
    }

    fn rounded(mut self) -> Self {
        let up = self.digits.get(DIGITS).is_some_and(|&digit| digit >= b'5');
        self.digits.truncate(DIGITS);
        if up {
            while self.digits.last() == Some(&b'9') {
                self.digits.pop();
            }
            if let Some(last) = self.digits.last_mut() {
                *last += 1;
            } else {
                self.digits.push(b'1');
                self.power += 1;
            }
        }
        while self.digits.last() == Some(&b'0') {
            self.digits.pop();
        }
        if self.digits.is_empty() { Decimal { power: 0, ..self } } else { self }
    }
}

/// A text, number or flag as text.
fn scalar(value: &str) -> Option<Cow<'_, str>> {
    match (kind(value), value) {
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
        assert_eq!(same(sent, found), expected, "{sent} {found:?}");
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
