//! The contract: each call carries out its part of the script.

use crate::bindings::Hostile;
use crate::bindings::types::{Action, Failure, Problem, Settings};
use crate::bindings::{credentials, description, destination, source};
use crate::harm;
use crate::script::{Planned, Script, send_all};

/// The origin that the secret belongs to.
pub const HOME: &str = "https://api.hostile.test";

impl description::Guest for Hostile {
    fn describe() -> description::Descriptor {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let slot = |name: &str| description::SecretSlot {
            name: name.into(),
            headers: vec!["X-Token".into(), "Authorization".into()],
            query: vec!["token".into()],
            origins: vec![HOME.into()],
            minted: None,
        };
        description::Descriptor {
            id: "hostile".into(),
            name: "Hostile".into(),
            summary: "Does whatever its settings tell it to.".into(),
            version: "0.1.0".into(),
            documentation: HOME.into(),
            origins: texts(&[
                HOME,
                "https://other.hostile.test",
                "https://*.wild.hostile.test",
                "https://169.254.169.254",
            ]),
            methods: texts(&["GET", "HEAD", "POST", "PUT", "DELETE"]),
            secrets: vec![slot("token"), slot("unset")],
            pacing: None,
            reads: true,
            writes: true,
            state_format: 1,
            oldest_state: 1,
            metadata: "{}".into(),
        }
    }
}

impl credentials::Guest for Hostile {
    fn schema() -> String {
        "{}".into()
    }

    fn validate(settings: Settings) -> Vec<Problem> {
        run(&settings);
        Vec::new()
    }

    fn authorize(settings: Settings) -> Result<credentials::Authorization, Failure> {
        let message = run(&settings).message;
        Err(failure("told", message))
    }

    fn check(settings: Settings) -> Result<credentials::CheckReport, Failure> {
        Ok(run(&settings))
    }
}

impl source::Guest for Hostile {
    fn streams(_settings: Settings) -> Result<Vec<source::StreamInfo>, Failure> {
        Ok(vec![source::StreamInfo {
            name: "rows".into(),
            title: "Rows".into(),
            description: String::new(),
            schema: "{}".into(),
            key: Vec::new(),
            cursor: None,
            modes: vec![source::Mode::Full],
            promise: source::Promise::BestEffort,
            deletions: source::Deletions::Invisible,
            selected: true,
            after: Vec::new(),
            options: "{}".into(),
        }])
    }

    fn validate(_settings: Settings, _stream: String, _options: String) -> Vec<Problem> {
        Vec::new()
    }

    fn read(request: source::ReadRequest) -> Result<source::Page, Failure> {
        match Script::parse(&request.settings.values) {
            Ok(Script::Page { records, state, counted, more, requests, ahead }) => {
                let first_of_two = more && request.state.is_none();
                if !first_of_two {
                    send_all(&requests);
                }
                Ok(source::Page {
                    records,
                    deleted: Vec::new(),
                    quarantined: Vec::new(),
                    state,
                    progress: if first_of_two {
                        source::Progress::More
                    } else {
                        source::Progress::Complete
                    },
                    counts: source::Counts {
                        received: counted,
                        emitted: counted,
                        duplicates: 0,
                        filtered: 0,
                        quarantined: 0,
                        recovered: 0,
                    },
                    mark: None,
                    total: None,
                    notices: Vec::new(),
                    ahead: ahead.iter().map(Planned::request).collect(),
                    wait_ms: None,
                })
            }
            _ => Err(failure("told", run(&request.settings).message)),
        }
    }
}

impl destination::Guest for Hostile {
    fn targets(_settings: Settings) -> Result<Vec<destination::Target>, Failure> {
        Ok(Vec::new())
    }

    fn validate(
        _: Settings,
        _target: String,
        _operation: String,
        _options: String,
    ) -> Vec<Problem> {
        Vec::new()
    }

    fn write(batch: destination::Batch) -> destination::WriteReport {
        let (told, outcomes) = match Script::parse(&batch.settings.values) {
            Ok(Script::Write { requests, outcomes }) => (send_all(&requests), outcomes),
            _ => (run(&batch.settings).message, 0),
        };
        let receipt = || destination::Receipt { effect: "created".into(), answer: None };
        destination::WriteReport {
            outcomes: (0..outcomes).map(|_| destination::Outcome::Accepted(receipt())).collect(),
            stopped: Some(failure("told", told)),
            notices: Vec::new(),
            wait_ms: None,
        }
    }

    fn settle(batch: destination::Batch) -> destination::WriteReport {
        Self::write(batch)
    }
}

fn run(settings: &Settings) -> credentials::CheckReport {
    let message = match Script::parse(&settings.values) {
        Ok(Script::Send { requests }) => send_all(&requests),
        Ok(Script::Settings) => format!("{} {:?}", settings.values, settings.secrets),
        Ok(Script::Spin) => harm::spin(),
        Ok(Script::TakeMemory) => harm::take_memory(),
        Ok(Script::LeaveMarks { mebibytes }) => harm::leave_marks(mebibytes),
        Ok(Script::Recurse) => harm::recurse(0).to_string(),
        Ok(Script::RecurseWithFrames) => harm::recurse_with_frames(0).to_string(),
        Ok(Script::Panic) => panic!("as told"),
        Ok(Script::Flood { request }) => harm::flood(&request.request()),
        Ok(Script::HandOver { mebibytes }) => return harm::hand_over(mebibytes),
        Ok(Script::HandOverAgain { mebibytes }) => return harm::hand_over_again(mebibytes),
        Ok(Script::Page { .. } | Script::Write { .. }) => String::new(),
        Err(error) => error,
    };
    credentials::CheckReport { account: None, message, notices: Vec::new() }
}

fn failure(code: &str, message: String) -> Failure {
    Failure {
        action: Action::Stop,
        code: code.into(),
        message,
        remedy: None,
        field: None,
        patch: None,
        retry_after_ms: None,
        upstream: None,
    }
}
