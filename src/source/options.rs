//! The options of a stream, parsed from their form.

use std::borrow::Cow;

use super::stamp::Stamp;
use crate::bindings::types::{Failure, Problem};
use crate::failure::{self, pointer};
use crate::json::Value;

/// The fields of a form while they are parsed: each is taken once, and what is left over is unknown.
pub(crate) struct Form<'a> {
    fields: Vec<(Cow<'a, str>, Value<'a>)>,
    problems: Vec<Problem>,
}

impl<'a> Form<'a> {
    /// Begins to parse the text of a form.
    pub(crate) fn new(text: &'a str) -> Self {
        let text = if text.trim().is_empty() { "{}" } else { text };
        let (fields, problems) = match Value::parse(text) {
            Ok(Value::Object(fields)) => (fields, Vec::new()),
            Ok(_) => {
                let message = "The options are not a JSON object.";
                (Vec::new(), vec![Problem::new("", "type", message)])
            }
            Err(fault) => {
                let message = format!("The options are not JSON: {fault}.");
                (Vec::new(), vec![Problem::new("", "not-json", message)])
            }
        };
        Form { fields, problems }
    }

    /// Takes a field; none if it is absent, null or, with a problem noted, not what `parse` takes.
    pub(crate) fn take<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&Value<'_>) -> Result<T, String>,
    ) -> Option<T> {
        match parse(&self.field(name)?) {
            Ok(value) => Some(value),
            Err(message) => {
                self.fault(name, "invalid", message);
                None
            }
        }
    }

    fn fault(&mut self, name: &str, code: &str, message: String) {
        self.problems.push(Problem::new(pointer(name), code, message));
    }

    /// Removes a field; none if it is absent or null.
    fn field(&mut self, name: &str) -> Option<Value<'a>> {
        let at = self.fields.iter().position(|(known, _)| known == name)?;
        Some(self.fields.remove(at).1).filter(|value| *value != Value::Null)
    }

    /// Notes that a field is missing.
    pub(crate) fn missing(&mut self, name: &str, message: &str) {
        if !self.problems.iter().any(|problem| problem.field == pointer(name)) {
            self.problems.push(Problem::new(pointer(name), "required", message));
        }
    }

    /// All that is wrong, unknown fields included.
    pub(crate) fn finish(mut self) -> Result<(), Vec<Problem>> {
        for (name, _) in &self.fields {
            let message = format!("There is no option `{name}` here: remove it.");
            self.problems.push(Problem::new(pointer(name), "unknown-field", message));
        }
        if self.problems.is_empty() { Ok(()) } else { Err(self.problems) }
    }
}

/// The options of a stream without any.
pub(crate) fn none(text: &str) -> Result<(), Vec<Problem>> {
    Form::new(text).finish()
}

/// The options of `users` and `leads`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ContactOptions {
    /// Rows on a page, at most.
    pub(crate) page_size: u32,
    /// The oldest `last_update` that is wanted.
    pub(crate) start_date: Option<Stamp>,
    /// So many seconds below the mark are read again by an incremental run.
    pub(crate) lookback: u32,
}

/// The least page size: smaller ones overlap by most of their rows.
pub(crate) const LEAST_PAGE: u32 = 10;

/// The largest page size that public sources know of.
pub(crate) const LARGEST_PAGE: u32 = 100;

/// Seconds; an hour, for an unknown zone and daylight saving, and a minute.
pub(crate) const LOOKBACK: u32 = 3_660;

/// Seconds; a year.
pub(crate) const LONGEST_LOOKBACK: u32 = 31_536_000;

impl ContactOptions {
    /// Parses the form, or says all that is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let mut form = Form::new(text);
        let page_size = form.take("page_size", whole(LEAST_PAGE, LARGEST_PAGE));
        let start_date = form.take("start_date", date);
        let lookback = form.take("lookback", whole(0, LONGEST_LOOKBACK));
        form.finish()?;
        Ok(ContactOptions {
            page_size: page_size.unwrap_or(LARGEST_PAGE),
            start_date,
            lookback: lookback.unwrap_or(LOOKBACK),
        })
    }
}

/// Faults of the options as one failure.
pub(crate) fn invalid(problems: Vec<Problem>) -> Box<Failure> {
    failure::invalid("invalid-options", problems)
}

/// A whole number within bounds.
pub(crate) fn whole(least: u32, most: u32) -> impl Fn(&Value<'_>) -> Result<u32, String> {
    move |value| {
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        number
            .filter(|number| (least..=most).contains(number))
            .ok_or_else(|| format!("{value} is not a whole number from {least} to {most}."))
    }
}

/// A day or a time, in UTC: `2024-07-15`, `2024-07-15 10:49:15`, `2024-07-15T10:49:15Z`.
fn date(value: &Value<'_>) -> Result<Stamp, String> {
    let text = value.as_str().unwrap_or_default().trim();
    let spaced = text.strip_suffix('Z').unwrap_or(text).replacen('T', " ", 1);
    Stamp::parse(&spaced).or_else(|| Stamp::parse(&format!("{spaced} 00:00:00"))).ok_or_else(|| {
        format!("{value} is not a date: write it as 2024-07-15 or 2024-07-15T10:49:15Z (UTC).")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Page size, start date and lookback.
    type Expected<'a> = Result<(u32, Option<&'a str>, u32), &'a [(&'a str, &'a str)]>;

    fn check(text: &str, expected: Expected<'_>) {
        let found = ContactOptions::parse(text);
        let start =
            found.as_ref().ok().and_then(|found| found.start_date).map(|date| date.to_string());
        let found = match &found {
            Ok(options) => Ok((options.page_size, start.as_deref(), options.lookback)),
            Err(problems) => Err(problems
                .iter()
                .map(|problem| (problem.field.as_str(), problem.code.as_str()))
                .collect::<Vec<_>>()),
        };
        assert_eq!(found, expected.map_err(<[_]>::to_vec), "{text}");
    }

    #[test]
    fn every_option_has_a_default() {
        check("", Ok((100, None, 3_660)));
        check("{}", Ok((100, None, 3_660)));
        check(r#"{"start_date":null}"#, Ok((100, None, 3_660)));
    }

    #[test]
    fn a_date_is_a_day_or_a_time() {
        for (text, expected) in [
            ("2024-07-15", "2024-07-15 00:00:00"),
            ("2024-07-15 10:49:15", "2024-07-15 10:49:15"),
            ("2024-07-15T10:49:15Z", "2024-07-15 10:49:15"),
        ] {
            let form = format!(r#"{{"start_date":"{text}","page_size":50,"lookback":0}}"#);
            check(&form, Ok((50, Some(expected), 0)));
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        check(
            r#"{"page_size":101,"start_date":"yesterday","lookback":-1,"colour":1}"#,
            Err(&[
                ("/page_size", "invalid"),
                ("/start_date", "invalid"),
                ("/lookback", "invalid"),
                ("/colour", "unknown-field"),
            ]),
        );
        check("[]", Err(&[("", "type")]));
        check("{", Err(&[("", "not-json")]));
    }
}
