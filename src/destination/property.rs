//! The rules of a contact's or company's custom properties, checked before anything is sent.
//!
//! | rule | confidence |
//! | --- | --- |
//! | a name has no spaces or special characters: letters, digits and `_` | confirmed |
//! | a text has at most 128 characters; what happens to a longer one is unknown, so it is refused | confirmed |
//! | a date is UNIX time in whole seconds, and looks like any number: only the option can say which are dates | confirmed |
//! | objects and arrays are no property type | inferred |

use std::borrow::Cow;

use super::options::Options;
use super::record::{Fields, Kind, Refused, is_empty, kind, refused, text};
use crate::failure::pointer;
use crate::json::{elements, members};
use crate::same::firsts;

/// Most characters of a text.
pub(super) const TEXT_CHARACTERS: usize = 128;

/// Deeper values are refused instead of flattened.
const DEPTH: usize = 16;

/// Seconds above this, in the year 5138, are most likely milliseconds.
const LATEST: u64 = 99_999_999_999;

/// How custom properties are checked and changed.
#[derive(Debug)]
pub(super) struct Rules {
    flatten: bool,
    leave_out_nulls: bool,
    dates: Vec<String>,
}

impl Rules {
    /// Reads `flatten`, `null_values` and `date_properties`.
    pub(super) fn from_options(options: &mut Options<'_>) -> Self {
        Rules {
            flatten: options.flag("flatten"),
            leave_out_nulls: options.choice("null_values", &[("send", false), ("leave-out", true)]),
            dates: options.names("date_properties"),
        }
    }

    /// Whether a field with this value is to be left out.
    pub(super) fn leaves_out(&self, value: &str) -> bool {
        self.leave_out_nulls && kind(value) == Kind::Null
    }

    /// Checks the properties that stand under `under` (a JSON pointer), flattens them if that is wanted, and hands
    /// over what to send. `left_out` is told the pointer of each value that has nothing in it to send.
    pub(super) fn apply<'a>(
        &self,
        under: &str,
        properties: Fields<'a>,
        left_out: &mut dyn FnMut(&str),
    ) -> Result<Fields<'a>, Refused> {
        let mut sent = Fields::default();
        let mut origins: Vec<Property<'a>> = Vec::new();
        let mut pending: Vec<Property<'a>> = Vec::new();
        let pushed = properties.0.into_iter().rev().map(|(name, value)| Property {
            pointer: format!("{under}{}", pointer(&name)),
            name: name.into_owned(),
            value,
            depth: 0,
        });
        pending.extend(pushed);
        while let Some(property) = pending.pop() {
            match kind(&property.value) {
                Kind::Null if self.leave_out_nulls => {}
                Kind::Array | Kind::Object if !self.flatten => return Err(nested(&property)),
                Kind::Array | Kind::Object if is_empty(&property.value) => {
                    left_out(&property.pointer);
                }
                Kind::Array | Kind::Object => {
                    let inner = property.inner()?;
                    pending.extend(inner.into_iter().rev());
                }
                _ => {
                    self.check(&property)?;
                    origins.push(property);
                }
            }
        }
        let firsts = firsts(&mut origins.iter().map(|property| property.name.as_str()));
        if let Some(at) = (0..firsts.len()).find(|&at| firsts[at] != at) {
            return Err(collision(&origins[at], &origins[firsts[at]].pointer));
        }
        for property in origins {
            sent.push(property.name, property.value);
        }
        Ok(sent)
    }

    fn check(&self, property: &Property<'_>) -> Result<(), Refused> {
        let Property { name, value, .. } = property;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            let message = format!(
                "The property name `{name}` has spaces or special characters: use letters, digits and `_`."
            );
            return Err(refused(Some(property.pointer.clone()), "property-name", message));
        }
        let fault = match kind(value) {
            Kind::Text => text_fault(value),
            Kind::Array | Kind::Bool | Kind::Null | Kind::Number | Kind::Object => None,
        };
        let fault = fault.or_else(|| {
            let is_date = self.dates.contains(name) && kind(value) != Kind::Null;
            is_date.then(|| date_fault(value)).flatten()
        });
        match fault {
            Some((code, fault)) => {
                let message = format!("The property `{name}` {fault}.");
                Err(refused(Some(property.pointer.clone()), code, message))
            }
            None => Ok(()),
        }
    }
}

/// What is wrong with a text, if anything.
pub(super) fn text_fault(value: &str) -> Option<(&'static str, String)> {
    let Some(text) = text(value) else {
        return Some(("not-unicode", "is not Unicode text".to_owned()));
    };
    let characters = text.chars().count();
    (characters > TEXT_CHARACTERS).then(|| {
        let fault = format!("has {characters} characters: at most {TEXT_CHARACTERS} are allowed");
        ("too-long", fault)
    })
}

fn date_fault(value: &str) -> Option<(&'static str, String)> {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let fault = match digits.parse::<u64>() {
        Ok(seconds) if seconds <= LATEST => return None,
        Ok(_) => "is too large for UNIX seconds: it looks like milliseconds",
        Err(_) => "is a date, and a date is UNIX time in whole seconds",
    };
    Some(("date", fault.to_owned()))
}

/// A property, or a value inside one that is to be flattened.
struct Property<'a> {
    name: String,
    pointer: String,
    value: Cow<'a, str>,
    depth: usize,
}

impl<'a> Property<'a> {
    /// What stands inside an object or array: `a.b` becomes `a_b`, and the first of `a` becomes `a_0`.
    fn inner(self) -> Result<Vec<Property<'a>>, Refused> {
        if self.depth == DEPTH {
            let message =
                format!("The value at `{}` is nested more than {DEPTH} deep.", self.pointer);
            return Err(refused(Some(self.pointer), "too-deep", message));
        }
        let Cow::Borrowed(value) = self.value else {
            return Err(nested(&self));
        };
        let parts: Vec<(String, &str)> = if kind(value) == Kind::Array {
            let items = elements(value).unwrap_or_default().into_iter().enumerate();
            items.map(|(index, item)| (index.to_string(), item)).collect()
        } else {
            let fields = members(value).map_err(|_| nested(&self))?.into_iter();
            fields.map(|(name, value)| (name.into_owned(), value)).collect()
        };
        Ok(parts
            .into_iter()
            .map(|(name, value)| Property {
                pointer: format!("{}{}", self.pointer, pointer(&name)),
                name: format!("{}_{name}", self.name),
                value: Cow::Borrowed(value),
                depth: self.depth + 1,
            })
            .collect())
    }
}

fn nested(property: &Property<'_>) -> Refused {
    let message = format!(
        "The property `{}` is an object or a list, which is no property type: flatten it, or set the option `flatten`.",
        property.name
    );
    refused(Some(property.pointer.clone()), "nested", message)
}

fn collision(property: &Property<'_>, other: &str) -> Refused {
    let message = format!(
        "`{}` and `{other}` would both become the property `{}`: rename one.",
        property.pointer, property.name
    );
    refused(Some(property.pointer.clone()), "collision", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Applies the rules of some options to properties; a refusal is told by its pointer and code.
    fn check(options: &str, properties: &str, expected: Result<&str, (&str, &str)>) {
        let mut options = Options::parse(options);
        let rules = Rules::from_options(&mut options);
        assert!(options.finish().is_empty());
        let fields = Fields::parse(properties).expect("the fixture is an object");
        let found = match rules.apply("/attributes", fields, &mut |_| {}) {
            Ok(fields) => Ok(fields.to_json()),
            Err(rejection) => Err((rejection.field.expect("a field"), rejection.code)),
        };
        let expected = expected
            .map(str::to_owned)
            .map_err(|(field, code)| (format!("/attributes{field}"), code.to_owned()));
        assert_eq!(found, expected, "{properties}");
    }

    #[test]
    fn values_of_every_property_type_pass_unchanged() {
        let properties =
            r#"{"plan":"pro","seats":12,"big":12345678901234567890,"f":1.50,"on":true,"x":null}"#;
        check("{}", properties, Ok(properties));
    }

    #[test]
    fn a_name_with_spaces_or_special_characters_is_refused() {
        for name in ["first name", "a-b", "a.b", "", "größe", "a$"] {
            let properties = format!(r#"{{"{name}":1}}"#);
            check("{}", &properties, Err((&format!("/{name}"), "property-name")));
        }
        check("{}", r#"{"A_b9":1}"#, Ok(r#"{"A_b9":1}"#));
    }

    #[test]
    fn a_text_may_have_128_characters_of_any_width() {
        let longest = format!(r#"{{"a":"{}"}}"#, "é".repeat(128));
        check("{}", &longest, Ok(&longest));
        check("{}", &format!(r#"{{"a":"{}"}}"#, "x".repeat(129)), Err(("/a", "too-long")));
        check("{}", r#"{"a":"\ud800"}"#, Err(("/a", "not-unicode")));
    }

    #[test]
    fn a_property_named_as_a_date_takes_whole_seconds_only() {
        let dates = r#"{"date_properties":["renewal"]}"#;
        for value in ["1735689600", "-86400", "0", "null"] {
            let properties = format!(r#"{{"renewal":{value}}}"#);
            check(dates, &properties, Ok(&properties));
        }
        for value in
            ["1735689600.5", "1735689600.0", "1735689600000", "1e9", r#""2025-01-01""#, "true"]
        {
            check(dates, &format!(r#"{{"renewal":{value}}}"#), Err(("/renewal", "date")));
        }
        check(dates, r#"{"score":1.5}"#, Ok(r#"{"score":1.5}"#));
    }

    #[test]
    fn a_nested_value_is_refused_unless_it_is_to_be_flattened() {
        let nested = r#"{"a":{"b":1,"c":{"d":"x"}},"e":[true,2]}"#;
        check("{}", nested, Err(("/a", "nested")));
        check("{}", r#"{"e":[]}"#, Err(("/e", "nested")));
        check(r#"{"flatten":true}"#, nested, Ok(r#"{"a_b":1,"a_c_d":"x","e_0":true,"e_1":2}"#));
    }

    #[test]
    fn flattened_names_are_checked_and_may_not_collide() {
        let flatten = r#"{"flatten":true}"#;
        check(flatten, r#"{"a":{"b":1},"a_b":2}"#, Err(("/a_b", "collision")));
        check(flatten, r#"{"a_b":2,"a":{"b":1}}"#, Err(("/a/b", "collision")));
        check(flatten, r#"{"a":{"b c":1}}"#, Err(("/a/b c", "property-name")));
    }

    #[test]
    fn a_value_nested_without_end_is_refused() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(50_000), "]".repeat(50_000));
        let mut options = Options::parse(r#"{"flatten":true}"#);
        let rules = Rules::from_options(&mut options);
        let fields = Fields::parse(&deep).expect("it is an object");
        let refused = rules.apply("", fields, &mut |_| {}).expect_err("it is too deep");
        assert_eq!(refused.code, "too-deep");
    }

    #[test]
    fn what_flattens_to_nothing_is_told() {
        let mut options = Options::parse(r#"{"flatten":true}"#);
        let rules = Rules::from_options(&mut options);
        let fields = Fields::parse(r#"{"a":{},"b":{"c":[]},"d":1}"#).expect("an object");
        let mut told = Vec::new();
        let sent = rules
            .apply("/attributes", fields, &mut |pointer: &str| told.push(pointer.to_owned()))
            .expect("it may be sent");
        assert_eq!(sent.to_json(), r#"{"d":1}"#);
        assert_eq!(told, ["/attributes/a", "/attributes/b/c"]);
    }

    #[test]
    fn a_null_is_sent_unless_it_is_to_be_left_out() {
        check("{}", r#"{"a":null}"#, Ok(r#"{"a":null}"#));
        check(r#"{"null_values":"leave-out"}"#, r#"{"a":null,"b":1}"#, Ok(r#"{"b":1}"#));
    }
}
