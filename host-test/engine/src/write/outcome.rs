//! What became of one record, in a form that can be kept and given to people.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::bindings::destination::{Outcome, Rejection};

/// What became of one record. Records are named by the number of their line in the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum RecordOutcome {
    /// Done.
    Accepted {
        /// Open word: `created`, `updated`, `deleted`, `already`, `unspecified`.
        effect: String,
        /// JSON of what the service said of this record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answer: Option<String>,
    },
    /// Replaced by a later record of the same batch and key.
    Superseded {
        /// The line of that one.
        by: u64,
    },
    /// Refused before anything was sent.
    Invalid(Fault),
    /// Refused by the service.
    Rejected(Fault),
    /// Sent; what became of it is not known.
    Unknown(Fault),
    /// Not sent, or known not done: it is still to be written.
    Deferred,
    /// A dry run kept it back.
    Planned,
}

/// Why a record was not written, or is not known to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Stable word for the cause.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
    /// JSON pointer (RFC 6901) into the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// HTTP status of the answer, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

impl Fault {
    /// A fault that the host found, without a field.
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Fault { code: code.into(), message: message.into(), field: None, status: None }
    }
}

impl From<Rejection> for Fault {
    fn from(rejection: Rejection) -> Self {
        let Rejection { code, message, field, status } = rejection;
        Fault { code, message, field, status }
    }
}

impl RecordOutcome {
    /// From a report; `line_of` names the record of an index of its batch.
    pub(crate) fn new(outcome: Outcome, line_of: impl Fn(u32) -> u64) -> Self {
        match outcome {
            Outcome::Accepted(receipt) => {
                RecordOutcome::Accepted { effect: receipt.effect, answer: receipt.answer }
            }
            Outcome::Superseded(index) => RecordOutcome::Superseded { by: line_of(index) },
            Outcome::Invalid(rejection) => RecordOutcome::Invalid(rejection.into()),
            Outcome::Rejected(rejection) => RecordOutcome::Rejected(rejection.into()),
            Outcome::Unknown(rejection) => RecordOutcome::Unknown(rejection.into()),
            Outcome::Deferred => RecordOutcome::Deferred,
            Outcome::Planned => RecordOutcome::Planned,
        }
    }

    /// The cause, of a record that was not written or is not known to be.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            RecordOutcome::Invalid(fault)
            | RecordOutcome::Rejected(fault)
            | RecordOutcome::Unknown(fault) => Some(fault),
            _ => None,
        }
    }

    /// The outcome's name.
    pub fn name(&self) -> &'static str {
        match self {
            RecordOutcome::Accepted { .. } => "accepted",
            RecordOutcome::Superseded { .. } => "superseded",
            RecordOutcome::Invalid(_) => "invalid",
            RecordOutcome::Rejected(_) => "rejected",
            RecordOutcome::Unknown(_) => "unknown",
            RecordOutcome::Deferred => "deferred",
            RecordOutcome::Planned => "planned",
        }
    }
}

/// What a run added up to. Every record is counted under exactly one outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WriteTotals {
    /// Records of the input, those included that are no JSON objects.
    pub records: u64,
    /// Done.
    pub accepted: u64,
    /// Replaced by a later record of the same batch and key.
    pub superseded: u64,
    /// Refused before anything was sent.
    pub invalid: u64,
    /// Refused by the service.
    pub rejected: u64,
    /// Sent, and not known to be done.
    pub unknown: u64,
    /// Not sent, or known not done.
    pub deferred: u64,
    /// Kept back by a dry run.
    pub planned: u64,
    /// Of the accepted: how many by what was done.
    pub effects: BTreeMap<String, u64>,
    /// Records sent again although an earlier sending may have arrived; each of an operation that is safe to repeat.
    pub repeated: u64,
    /// Calls that write.
    pub batches: u64,
}

impl WriteTotals {
    /// Counts the outcome of one record.
    pub fn count(&mut self, outcome: &RecordOutcome) {
        self.records += 1;
        let counter = match outcome {
            RecordOutcome::Accepted { effect, .. } => {
                *self.effects.entry(effect.clone()).or_default() += 1;
                &mut self.accepted
            }
            RecordOutcome::Superseded { .. } => &mut self.superseded,
            RecordOutcome::Invalid(_) => &mut self.invalid,
            RecordOutcome::Rejected(_) => &mut self.rejected,
            RecordOutcome::Unknown(_) => &mut self.unknown,
            RecordOutcome::Deferred => &mut self.deferred,
            RecordOutcome::Planned => &mut self.planned,
        };
        *counter += 1;
    }

    /// Whether the outcomes add up to the records.
    pub fn adds_up(&self) -> bool {
        let parts = [
            self.accepted,
            self.superseded,
            self.invalid,
            self.rejected,
            self.unknown,
            self.deferred,
            self.planned,
        ];
        parts.iter().sum::<u64>() == self.records
    }

    /// Whether every record was written or replaced, or, in a dry run, would have been sent.
    pub fn is_clean(&self) -> bool {
        self.invalid + self.rejected + self.unknown + self.deferred == 0
    }
}
