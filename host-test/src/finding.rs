//! What a check of a credential found: works, refused, not reached, or cannot tell; and what would cure it.

use connector_egress::Scrubber;
use connector_engine::CallError;
use connector_engine::bindings::credentials::CheckReport;
use connector_engine::bindings::types::Action;
use connector_store::{Verified, VerifiedStatus};
use serde_json::{Map, Value, json};

use crate::error::{Exit, exit_of, one_line};

/// The answer to a check, without secrets.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The answer.
    pub status: VerifiedStatus,
    /// Stable word for the cause, where it does not work.
    pub code: Option<String>,
    /// The answer in a sentence.
    pub message: String,
    /// What to do.
    pub remedy: Option<String>,
    /// The settings that would cure it: a value, or null to take one away.
    pub patch: Option<Map<String, Value>>,
    /// What else was noticed.
    pub notices: Vec<String>,
    /// How a command ends that was asked to check.
    pub exit: Exit,
}

impl Finding {
    /// Of what the plugin answered.
    pub fn new(answer: Result<CheckReport, CallError>, scrubber: &Scrubber) -> Self {
        let clean = |text: &str| one_line(&scrubber.scrub_str(text).0);
        match answer {
            Ok(report) => Finding {
                status: VerifiedStatus::Works,
                code: None,
                message: clean(&report.message),
                remedy: None,
                patch: None,
                notices: report.notices.iter().map(|notice| clean(&notice.message)).collect(),
                exit: Exit::Done,
            },
            Err(CallError::Failure(failure)) => Finding {
                status: status(failure.action),
                code: Some(clean(&failure.code)),
                message: clean(&failure.message),
                remedy: failure.remedy.as_deref().map(clean),
                patch: failure.patch.as_deref().and_then(plain_patch),
                notices: Vec::new(),
                exit: exit_of(failure.action),
            },
            Err(CallError::Plugin(error)) => Finding {
                status: VerifiedStatus::Unknown,
                code: Some("plugin".into()),
                message: clean(&error.to_string()),
                remedy: None,
                patch: None,
                notices: Vec::new(),
                exit: Exit::Plugin,
            },
        }
    }

    /// For the store.
    pub fn verified(&self, at_ms: i64) -> Verified {
        Verified { status: self.status, message: self.message.clone(), at_ms }
    }

    /// For machines.
    pub fn to_json(&self) -> Value {
        json!({
            "status": self.status, "code": self.code, "message": self.message,
            "remedy": self.remedy, "patch": self.patch, "notices": self.notices,
        })
    }
}

/// The answer in a word.
pub fn status_name(status: VerifiedStatus) -> &'static str {
    match status {
        VerifiedStatus::Works => "works",
        VerifiedStatus::Refused => "refused",
        VerifiedStatus::Unreachable => "unreachable",
        _ => "unknown",
    }
}

/// Settings with a patch applied (RFC 7396; settings are plain, so it goes one level deep).
pub fn patched(settings: &Map<String, Value>, patch: &Map<String, Value>) -> Map<String, Value> {
    let mut settings = settings.clone();
    for (field, value) in patch {
        if value.is_null() {
            settings.remove(field);
        } else {
            settings.insert(field.clone(), value.clone());
        }
    }
    settings
}

/// A patch in a few words: `auth_header=authorization-bearer`.
pub fn patch_text(patch: &Map<String, Value>) -> String {
    let part = |(field, value): (&String, &Value)| match value {
        Value::String(text) => format!("{field}={text}"),
        Value::Null => format!("{field} unset"),
        value => format!("{field}={value}"),
    };
    one_line(&patch.iter().map(part).collect::<Vec<_>>().join(", "))
}

fn status(action: Action) -> VerifiedStatus {
    match action {
        Action::FixSettings | Action::Reauthorize => VerifiedStatus::Refused,
        Action::RetryLater => VerifiedStatus::Unreachable,
        Action::StartOver | Action::Stop => VerifiedStatus::Unknown,
    }
}

/// A patch that the store can take; what is nested is none.
fn plain_patch(text: &str) -> Option<Map<String, Value>> {
    let patch: Map<String, Value> = serde_json::from_str(text).ok()?;
    let plain = patch.values().all(|value| !value.is_object() && !value.is_array());
    (plain && !patch.is_empty()).then_some(patch)
}

#[cfg(test)]
mod tests {
    use connector_egress::Secret;
    use connector_engine::bindings::types::Failure;

    use super::*;

    fn check(action: Action, patch: Option<&str>, expected: (VerifiedStatus, Option<&str>)) {
        let failure = Failure {
            action,
            code: "c".into(),
            message: "The token s3cret-token\nis refused.".into(),
            remedy: Some("Not s3cret-token.".into()),
            field: None,
            patch: patch.map(str::to_owned),
            retry_after_ms: None,
            upstream: None,
        };
        let secret = Secret::new("s3cret-token".into());
        let finding = Finding::new(Err(failure.into()), &Scrubber::new([&secret]));
        let patch = finding.patch.as_ref().map(patch_text);
        assert_eq!((finding.status, patch.as_deref()), expected);
        assert_eq!(finding.message, "The token [redacted] is refused.");
        assert!(!finding.to_json().to_string().contains("s3cret"));
    }

    #[test]
    fn the_answers_are_kept_apart_by_the_action() {
        check(Action::Reauthorize, None, (VerifiedStatus::Refused, None));
        check(Action::FixSettings, None, (VerifiedStatus::Refused, None));
        check(Action::RetryLater, None, (VerifiedStatus::Unreachable, None));
        check(Action::Stop, None, (VerifiedStatus::Unknown, None));
    }

    #[test]
    fn a_patch_counts_when_it_is_a_plain_object() {
        let refused = VerifiedStatus::Refused;
        check(Action::FixSettings, Some(r#"{"a":"b","c":null}"#), (refused, Some("a=b, c unset")));
        for patch in ["", "[]", "{}", r#"{"a":{"b":1}}"#, r#"{"a":[1]}"#] {
            check(Action::FixSettings, Some(patch), (refused, None));
        }
    }

    #[test]
    fn a_patch_sets_and_takes_away() {
        let object = |text: &str| serde_json::from_str::<Map<_, _>>(text).expect("an object");
        let settings = object(r#"{"a":1,"b":2}"#);
        let found = patched(&settings, &object(r#"{"a":3,"b":null}"#));
        assert_eq!(found, object(r#"{"a":3}"#));
    }
}
