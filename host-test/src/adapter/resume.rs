//! What a run goes on from: the state that a platform hands back, and what is to be read.

use connector_engine::state::{Envelope, Owner, RunMode, StateError};

use crate::error::{CliError, Exit};

/// Where a run begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// The mode.
    pub mode: RunMode,
    /// The plugin's state.
    pub state: Option<String>,
}

impl Start {
    /// From nothing: everything, also of a stream that is to be read incrementally.
    pub const NOTHING: Start = Start { mode: RunMode::Full, state: None };

    /// Goes on with a walk that was interrupted, if it was of the kind that is wanted; else begins the next one.
    pub fn from(envelope: Option<Envelope>, wanted: RunMode) -> Self {
        let Some(envelope) = envelope else { return Start::NOTHING };
        let state = Some(envelope.state.get().to_owned());
        match (wanted, envelope.finished, envelope.mode) {
            (RunMode::Incremental, true, _) => Start { mode: RunMode::Incremental, state },
            (RunMode::Incremental, false, mode) | (RunMode::Full, false, mode @ RunMode::Full) => {
                Start { mode, state }
            }
            (RunMode::Full, _, _) => Start::NOTHING,
        }
    }
}

/// Opens a state that a platform keeps. `remedy` says how to begin anew there.
pub fn open(text: &str, owner: &Owner, remedy: &str) -> Result<Envelope, CliError> {
    Envelope::open(text, owner).map_err(|error| {
        let stream = &owner.stream;
        let (code, message) = match &error {
            StateError::Damaged { reason, .. } => {
                ("state-damaged", format!("the state of {stream} is damaged ({reason})"))
            }
            StateError::Foreign { what, found, expected, .. } => (
                "state-foreign",
                format!(
                    "the state of {stream} belongs to another {what} ({found}, not {expected})"
                ),
            ),
            other => ("state-damaged", other.to_string()),
        };
        CliError::new(Exit::Settings, code, message).remedy(remedy)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    fn check(mode: RunMode, finished: bool, wanted: RunMode, expected: Option<RunMode>) {
        let owner = Owner {
            connector: "c".into(),
            contract: "k".into(),
            stream: "s".into(),
            options: "o".into(),
            credential: "x".into(),
            account: None,
        };
        let state = RawValue::from_string("{}".into()).expect("JSON");
        let start = Start::from(Some(Envelope { owner, mode, finished, state }), wanted);
        let expected = match expected {
            Some(mode) => Start { mode, state: Some("{}".into()) },
            None => Start::NOTHING,
        };
        assert_eq!(start, expected);
    }

    #[test]
    fn an_incremental_run_goes_on_from_any_state() {
        check(RunMode::Full, true, RunMode::Incremental, Some(RunMode::Incremental));
        check(RunMode::Incremental, true, RunMode::Incremental, Some(RunMode::Incremental));
        check(RunMode::Full, false, RunMode::Incremental, Some(RunMode::Full));
        check(RunMode::Incremental, false, RunMode::Incremental, Some(RunMode::Incremental));
    }

    #[test]
    fn a_full_run_goes_on_from_an_interrupted_full_one_only() {
        check(RunMode::Full, false, RunMode::Full, Some(RunMode::Full));
        check(RunMode::Full, true, RunMode::Full, None);
        check(RunMode::Incremental, false, RunMode::Full, None);
        check(RunMode::Incremental, true, RunMode::Full, None);
    }
}
