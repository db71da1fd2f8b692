//! The name that a person gives to a credential, a source or a destination.

use std::fmt;

use serde::Serialize;

use crate::error::StoreError;

/// A name: trimmed, not blank, at most 100 characters, none of them a control character.
///
/// Two names that differ in upper and lower case only count as the same.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// The most characters that a name may have.
    pub const LIMIT: usize = 100;

    /// Reads what was typed.
    pub fn parse(typed: &str) -> Result<Self, StoreError> {
        let name = typed.trim();
        if name.is_empty() {
            return Err(StoreError::NameBlank);
        }
        let length = name.chars().count();
        if length > Self::LIMIT {
            return Err(StoreError::NameTooLong { length, limit: Self::LIMIT });
        }
        if name.chars().any(char::is_control) {
            return Err(StoreError::NameControl);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name of a row that was read.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// The name as it was typed, without the blanks around it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which two names are compared.
    pub(crate) fn key(&self) -> String {
        key(&self.0)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Name {}

/// The form in which what was asked for is compared with the names that are saved.
pub(crate) fn key(text: &str) -> String {
    text.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(typed: &str, expected: Result<&str, &str>) {
        let parsed = Name::parse(typed).map_err(|error| error.to_string());
        match (&parsed, expected) {
            (Ok(name), Ok(text)) => assert_eq!(name.as_str(), text),
            (Err(message), Err(text)) => assert!(message.contains(text), "{message}"),
            _ => panic!("{typed:?} gave {parsed:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn blanks_around_a_name_do_not_count() {
        check("  My account\n", Ok("My account"));
    }

    #[test]
    fn a_name_is_required() {
        check("", Err("required"));
        check(" \t\r\n", Err("required"));
    }

    #[test]
    fn a_name_has_a_limit_in_characters() {
        check(&"é".repeat(100), Ok(&"é".repeat(100)));
        check(&"é".repeat(101), Err("at most 100 characters, this one has 101"));
    }

    #[test]
    fn control_characters_are_refused() {
        check("two\nlines", Err("line breaks"));
        check("bell\u{7}", Err("control characters"));
    }

    #[test]
    fn case_does_not_tell_names_apart() {
        let name = |text| Name::parse(text).unwrap();
        assert_eq!(name("Äpfel"), name("äPFEL "));
        assert_ne!(name("a"), name("b"));
    }
}
