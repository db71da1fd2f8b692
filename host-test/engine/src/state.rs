//! The envelope in which a stream's state is kept between runs.
//!
//! The state itself is the plugin's own affair. The envelope says whose it is, so that one of another connector,
//! stream, credential or set of options is refused before the plugin is called.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::bindings::description::Descriptor;
use crate::bindings::source::Mode;
use crate::plugin::CONTRACT;

/// Whose state it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Id of the connector.
    pub connector: String,
    /// The contract.
    pub contract: String,
    /// The stream.
    pub stream: String,
    /// SHA-256 of the stream's options, in hexadecimal.
    pub options: String,
    /// The credential: an id that survives a rename and a replaced secret.
    pub credential: String,
    /// The account, if the service tells.
    pub account: Option<String>,
}

impl Owner {
    /// Of a stream that is about to be read.
    pub fn new(
        descriptor: &Descriptor,
        stream: &str,
        options: &serde_json::Value,
        credential: &str,
        account: Option<String>,
    ) -> Self {
        Owner {
            connector: descriptor.id.clone(),
            contract: CONTRACT.into(),
            stream: stream.into(),
            options: format!("{:x}", Sha256::digest(options.to_string())),
            credential: credential.into(),
            account,
        }
    }
}

/// A state in its envelope.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// Whose it is.
    #[serde(flatten)]
    pub owner: Owner,
    /// The mode of the run: one that was interrupted goes on in it.
    pub mode: RunMode,
    /// Whether the run came to its end: then the state begins the next, incremental one.
    pub finished: bool,
    /// The plugin's state.
    pub state: Box<RawValue>,
}

/// The mode of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunMode {
    /// Everything.
    Full,
    /// What changed since the mark.
    Incremental,
}

impl From<RunMode> for Mode {
    fn from(mode: RunMode) -> Self {
        match mode {
            RunMode::Full => Mode::Full,
            RunMode::Incremental => Mode::Incremental,
        }
    }
}

/// Why a state cannot be gone on from. Nothing was read, and nothing is lost.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// It is not a state, or was cut off.
    #[error(
        "the state of {stream} is damaged ({reason}); restore it, or read again from the start with --full"
    )]
    Damaged {
        /// The stream.
        stream: String,
        /// Why.
        reason: String,
    },
    /// It belongs to something else.
    #[error(
        "the state of {stream} belongs to another {what} ({found}, not {expected}); name another --state file, or read again from the start with --full"
    )]
    Foreign {
        /// The stream.
        stream: String,
        /// What differs.
        what: &'static str,
        /// Whose it is.
        found: String,
        /// Who wanted to go on from it.
        expected: String,
    },
}

impl Envelope {
    /// Parses an envelope, and refuses one of another owner.
    pub fn open(text: &str, owner: &Owner) -> Result<Self, StateError> {
        let envelope: Envelope = serde_json::from_str(text).map_err(|error| {
            StateError::Damaged { stream: owner.stream.clone(), reason: error.to_string() }
        })?;
        let found = &envelope.owner;
        let account = |owner: &Owner| owner.account.clone().unwrap_or_default();
        let pairs = [
            ("connector", found.connector.clone(), owner.connector.clone()),
            ("contract", found.contract.clone(), owner.contract.clone()),
            ("stream", found.stream.clone(), owner.stream.clone()),
            ("credential", found.credential.clone(), owner.credential.clone()),
            ("account", account(found), account(owner)),
            ("set of options", found.options.clone(), owner.options.clone()),
        ];
        match pairs.into_iter().find(|(_, found, expected)| found != expected) {
            Some((what, found, expected)) => {
                Err(StateError::Foreign { stream: owner.stream.clone(), what, found, expected })
            }
            None => Ok(envelope),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Owner {
        Owner {
            connector: "customerly".into(),
            contract: CONTRACT.into(),
            stream: "users".into(),
            options: "00".into(),
            credential: "c1".into(),
            account: None,
        }
    }

    fn check(change: impl FnOnce(&mut Owner), expected: Option<&str>) {
        let mut other = owner();
        change(&mut other);
        let envelope = Envelope {
            owner: other,
            mode: RunMode::Full,
            finished: false,
            state: RawValue::from_string("{\"a\":1.50}".into()).expect("JSON"),
        };
        let text = serde_json::to_string(&envelope).expect("plain data");
        match (Envelope::open(&text, &owner()), expected) {
            (Ok(envelope), None) => assert_eq!(envelope.state.get(), "{\"a\":1.50}"),
            (Err(error), Some(part)) => assert!(error.to_string().contains(part), "{error}"),
            (result, _) => panic!("{result:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn its_own_state_comes_back_as_it_was() {
        check(|_| (), None);
    }

    #[test]
    fn a_foreign_state_is_refused_and_said_to_be_whose() {
        check(|owner| owner.connector = "other".into(), Some("another connector (other"));
        check(|owner| owner.stream = "leads".into(), Some("another stream (leads"));
        check(|owner| owner.credential = "c2".into(), Some("another credential (c2"));
        check(|owner| owner.account = Some("a".into()), Some("another account"));
        check(|owner| owner.options = "01".into(), Some("another set of options"));
        check(|owner| owner.contract = "x:y@9.0.0".into(), Some("another contract"));
    }

    #[test]
    fn a_damaged_state_is_named() {
        let text = "{\"connector\":\"customerly\",\"contr";
        let error = Envelope::open(text, &owner()).expect_err("it is cut off");
        assert!(matches!(error, StateError::Damaged { .. }), "{error}");
    }
}
