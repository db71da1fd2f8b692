//! Batches and short forms of outcomes for the tests of this module.

use crate::bindings::destination::{Batch, Outcome, Rejection, WriteReport};
use crate::bindings::http::{HttpError, Request, Response};
use crate::bindings::types::{Limits, Settings};
use crate::settings::API_KEY;
use crate::transport::testing::Recorder;

/// A batch of the target's operation, as `users.upsert`.
pub(super) fn batch(operation: &str, options: &str, records: &[&str]) -> Batch {
    let (target, operation) = operation.split_once('.').expect("TARGET.OPERATION");
    Batch {
        id: "batch-1".into(),
        settings: Settings { values: "{}".into(), secrets: vec![API_KEY.into()] },
        target_name: target.into(),
        operation_name: operation.into(),
        options: options.into(),
        records: records.iter().map(|record| (*record).to_owned()).collect(),
        limits: Limits { requests: 1000, records: 1000, bytes: 1 << 20 },
        now_ms: 1_767_225_600_000,
    }
}

/// Writes a batch to a service; the outcomes in short form, the whole report, and the requests as lines.
pub(super) fn write(
    batch: &Batch,
    respond: impl Fn(&Request) -> Result<Response, HttpError>,
) -> (Vec<String>, WriteReport, Vec<String>) {
    let transport = Recorder::new(respond);
    let report = super::write(&transport, batch);
    (short(&report), report, transport.lines())
}

/// Settles a batch with a service.
pub(super) fn settle(
    batch: &Batch,
    respond: impl Fn(&Request) -> Result<Response, HttpError>,
) -> (Vec<String>, WriteReport, Vec<String>) {
    let transport = Recorder::new(respond);
    let report = super::settle(&transport, batch);
    assert!(transport.requests().iter().all(|request| request.method == "GET"));
    (short(&report), report, transport.lines())
}

/// Each outcome in one or two words: `accepted created`, `invalid email /email`, `superseded 2`.
pub(super) fn short(report: &WriteReport) -> Vec<String> {
    let of = |word: &str, rejection: &Rejection| match &rejection.field {
        Some(field) => format!("{word} {} {field}", rejection.code),
        None => format!("{word} {}", rejection.code),
    };
    let words = report.outcomes.iter().map(|outcome| match outcome {
        Outcome::Accepted(receipt) => format!("accepted {}", receipt.effect),
        Outcome::Superseded(later) => format!("superseded {later}"),
        Outcome::Invalid(rejection) => of("invalid", rejection),
        Outcome::Rejected(rejection) => of("rejected", rejection),
        Outcome::Unknown(rejection) => of("unknown", rejection),
        Outcome::Deferred => "deferred".to_owned(),
        Outcome::Planned => "planned".to_owned(),
    });
    words.collect()
}

/// An error envelope.
pub(super) fn said(message: &str) -> String {
    format!(r#"{{"error":{{"message":"{message}","code":0}}}}"#)
}
