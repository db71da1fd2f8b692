//! The state of a read: versioned JSON, and the names of what can be wrong with it.

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::bindings::types::{Action, Failure};
use crate::description::{OLDEST_STATE, STATE_FORMAT};

/// The most that a state may take, in bytes.
pub(crate) const MOST_BYTES: usize = 16 * 1024;

#[derive(Serialize)]
struct Written<'a, T> {
    format: u32,
    stream: &'a str,
    at: &'a T,
}

#[derive(Deserialize)]
struct Head {
    format: u32,
    stream: String,
    #[serde(rename = "at")]
    _at: IgnoredAny,
}

#[derive(Deserialize)]
struct Body<T> {
    at: T,
}

/// The text of a state.
pub(crate) fn write<T: Serialize>(stream: &str, at: &T) -> String {
    serde_json::to_string(&Written { format: STATE_FORMAT, stream, at })
        .expect("a state holds nothing that JSON cannot")
}

/// Reads the state of a stream back.
pub(crate) fn read<T: DeserializeOwned>(stream: &str, text: &str) -> Result<T, Failure> {
    if text.len() > MOST_BYTES {
        return Err(damaged("it is too long"));
    }
    let head: Head = serde_json::from_str(text).map_err(|error| damaged(&error.to_string()))?;
    if head.format > STATE_FORMAT {
        let message = format!(
            "The state is of format {}, and this version of the connector reads formats up to {STATE_FORMAT}.",
            head.format
        );
        return Err(Failure::new(Action::Stop, "state-too-new", message)
            .remedy("Update the connector, or read again from the beginning."));
    }
    if head.format < OLDEST_STATE {
        let message = format!("The state is of format {}, which is no longer read.", head.format);
        return Err(Failure::new(Action::StartOver, "state-too-old", message));
    }
    if head.stream != stream {
        let message =
            format!("The state belongs to the stream `{}`, not to `{stream}`.", head.stream);
        return Err(Failure::new(Action::Stop, "foreign-state", message)
            .remedy("Give each stream its own state."));
    }
    match serde_json::from_str::<Body<T>>(text) {
        Ok(body) => Ok(body.at),
        Err(error) => Err(damaged(&error.to_string())),
    }
}

/// The failure of a state that makes no sense.
pub(crate) fn damaged(how: &str) -> Failure {
    Failure::new(Action::StartOver, "damaged-state", format!("The state is damaged: {how}."))
        .remedy("Read again from the beginning; what was read before stays valid.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<u32, (Action, &str)>) {
        let found = read::<u32>("users", text);
        let found = found.as_ref().map(|at| *at);
        let found = found.map_err(|failure| (failure.action, failure.code.as_str()));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_state_is_read_back() {
        check(&write("users", &7_u32), Ok(7));
    }

    #[test]
    fn each_fault_has_its_name_and_its_remedy() {
        let damaged = Err((Action::StartOver, "damaged-state"));
        for text in [
            "",
            "{",
            "null",
            "[]",
            "7",
            r#"{"format":1}"#,
            r#"{"format":1,"stream":"users","at":"x"}"#,
        ] {
            check(text, damaged);
        }
        check(&" ".repeat(MOST_BYTES + 1), damaged);
        check(
            r#"{"format":2,"stream":"users","at":{"new":1}}"#,
            Err((Action::Stop, "state-too-new")),
        );
        check(r#"{"format":0,"stream":"users","at":7}"#, Err((Action::StartOver, "state-too-old")));
        check(r#"{"format":1,"stream":"leads","at":7}"#, Err((Action::Stop, "foreign-state")));
    }

    #[test]
    fn a_state_cut_off_anywhere_is_damaged() {
        let text = write("users", &7_u32);
        for length in 0..text.len() {
            check(&text[..length], Err((Action::StartOver, "damaged-state")));
        }
    }
}
