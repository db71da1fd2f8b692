//! The options of an operation: read one by one, with every fault told at once.

use std::borrow::Cow;

use crate::bindings::types::Problem;
use crate::failure::pointer;
use crate::json::Value;

/// Reads options by name. What nobody asked for by the end is an unknown option.
#[derive(Debug)]
pub(super) struct Options<'a> {
    values: Vec<(Cow<'a, str>, Value<'a>)>,
    problems: Vec<Problem>,
}

impl<'a> Options<'a> {
    /// Reads the text of a JSON object.
    pub(super) fn parse(text: &'a str) -> Self {
        let (values, problem) = match Value::parse(text) {
            Ok(Value::Object(values)) => (values, None),
            Ok(_) => {
                (Vec::new(), Some(Problem::new("", "type", "The options are not a JSON object.")))
            }
            Err(fault) => {
                let message = format!("The options are not JSON: {fault}.");
                (Vec::new(), Some(Problem::new("", "not-json", message)))
            }
        };
        Options { values, problems: problem.into_iter().collect() }
    }

    fn take(&mut self, name: &str) -> Option<Value<'a>> {
        let at = self.values.iter().position(|(known, _)| known == name)?;
        Some(self.values.remove(at).1)
    }

    /// Adds a fault of an option.
    pub(super) fn fault(&mut self, name: &str, code: &str, message: impl Into<String>) {
        self.problems.push(Problem::new(pointer(name), code, message));
    }

    /// A yes or no; no if it is absent.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        match self.take(name) {
            None => false,
            Some(Value::Bool(value)) => value,
            Some(_) => {
                self.fault(name, "type", format!("The option `{name}` is neither true nor false."));
                false
            }
        }
    }

    /// One of some words; the first if it is absent.
    pub(super) fn choice<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> T {
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        words[self.index(name, &known)].1
    }

    /// The place of a word among those that are known; 0 if it is absent.
    fn index(&mut self, name: &str, known: &[&str]) -> usize {
        let Some(word) = self.text(name) else {
            return 0;
        };
        known.iter().position(|known| *known == word).unwrap_or_else(|| {
            let known = known.join(", ");
            let message = format!("The option `{name}` cannot be `{word}`: choose one of {known}.");
            self.fault(name, "choice", message);
            0
        })
    }

    /// A text.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.take(name) {
            None => None,
            Some(Value::Text(text)) => Some(text.into_owned()),
            Some(_) => {
                self.fault(name, "type", format!("The option `{name}` is not a text."));
                None
            }
        }
    }

    /// A list of texts; empty if it is absent.
    pub(super) fn names(&mut self, name: &str) -> Vec<String> {
        let names = match self.take(name) {
            None => return Vec::new(),
            Some(Value::List(items)) => items
                .into_iter()
                .map(|item| match item {
                    Value::Text(text) => Some(text.into_owned()),
                    _ => None,
                })
                .collect::<Option<Vec<_>>>(),
            Some(_) => None,
        };
        names.unwrap_or_else(|| {
            self.fault(name, "type", format!("The option `{name}` is not a list of texts."));
            Vec::new()
        })
    }

    /// All faults, unknown options among them.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        for (name, _) in std::mem::take(&mut self.values) {
            let message = format!("There is no option `{name}` for this operation: remove it.");
            self.fault(&name, "unknown-option", message);
        }
        self.problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a flag, a choice, a text and a list, and says which faults there were.
    fn check(text: &str, expected: &[(&str, &str)]) {
        let mut options = Options::parse(text);
        options.flag("flag");
        options.choice("choice", &[("a", 1), ("b", 2)]);
        options.text("text");
        options.names("names");
        let problems = options.finish();
        let found: Vec<_> = problems
            .iter()
            .map(|problem| (problem.field.as_str(), problem.code.as_str()))
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn options_of_the_right_types_are_no_fault() {
        check("{}", &[]);
        check(r#"{"flag":true,"choice":"b","text":"x","names":["y"]}"#, &[]);
    }

    #[test]
    fn all_faults_are_told_at_once() {
        check(
            r#"{"flag":1,"choice":"c","text":[],"names":["y",1],"colour":"red","a/b":0}"#,
            &[
                ("/flag", "type"),
                ("/choice", "choice"),
                ("/text", "type"),
                ("/names", "type"),
                ("/a~1b", "unknown-option"),
                ("/colour", "unknown-option"),
            ],
        );
    }

    #[test]
    fn options_that_are_no_object_are_one_fault() {
        check("", &[("", "not-json")]);
        check("[]", &[("", "type")]);
    }

    #[test]
    fn the_first_word_is_the_default() {
        assert_eq!(Options::parse("{}").choice("choice", &[("a", 1), ("b", 2)]), 1);
    }
}
