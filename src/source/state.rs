//! The state of a read: versioned JSON, and the names of what can be wrong with it.

use crate::bindings::types::{Action, Failure};
use crate::description::{OLDEST_STATE, STATE_FORMAT};
use crate::json::{Store, Value, write_object};

/// The most that a state may take, in bytes.
pub(crate) const MOST_BYTES: usize = 16 * 1024;

/// The text of a state.
pub(crate) fn write(stream: &str, at: &mut dyn Store) -> String {
    let mut text = String::new();
    let (mut format, mut stream) = (STATE_FORMAT, stream.to_owned());
    write_object(&mut [("format", &mut format), ("stream", &mut stream), ("at", at)], &mut text);
    text
}

/// Reads the state of a stream back.
pub(crate) fn read<T: Store + Default>(stream: &str, text: &str) -> Result<T, Box<Failure>> {
    let mut at = T::default();
    match read_into(&mut at, stream, text) {
        Ok(()) => Ok(at),
        Err(failure) => Err(failure),
    }
}

fn read_into(at: &mut dyn Store, stream: &str, text: &str) -> Result<(), Box<Failure>> {
    let state = open(stream, text)?;
    let is_read = state.get("at").is_some_and(|value| at.read(value));
    is_read.then_some(()).ok_or_else(|| damaged("it does not hold what it should"))
}

/// The state, if it is one of this stream and in a format that can be read.
fn open<'a>(stream: &str, text: &'a str) -> Result<Value<'a>, Box<Failure>> {
    if text.len() > MOST_BYTES {
        return Err(damaged("it is too long"));
    }
    let state = Value::parse(text).map_err(|fault| damaged(&fault.to_string()))?;
    let format = state.get("format").and_then(Value::as_u64);
    let of = state.get("stream").and_then(Value::as_str);
    let (Some(format), Some(of), Some(_)) = (format, of, state.get("at")) else {
        return Err(damaged("it does not hold what it should"));
    };
    if format > u64::from(STATE_FORMAT) {
        let message = format!(
            "The state is of format {format}, and this version of the connector reads formats up to {STATE_FORMAT}."
        );
        return Err(Failure::new(Action::Stop, "state-too-new", message)
            .remedy("Update the connector, or read again from the beginning."));
    }
    if format < u64::from(OLDEST_STATE) {
        let message = format!("The state is of format {format}, which is no longer read.");
        return Err(Failure::new(Action::StartOver, "state-too-old", message));
    }
    if of != stream {
        let message = format!("The state belongs to the stream `{of}`, not to `{stream}`.");
        return Err(Failure::new(Action::Stop, "foreign-state", message)
            .remedy("Give each stream its own state."));
    }
    Ok(state)
}

/// The failure of a state that makes no sense.
pub(crate) fn damaged(how: &str) -> Box<Failure> {
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
        check(&write("users", &mut 7_u32), Ok(7));
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
        let text = write("users", &mut 7_u32);
        for length in 0..text.len() {
            check(&text[..length], Err((Action::StartOver, "damaged-state")));
        }
    }
}
