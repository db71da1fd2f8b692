//! Writing through the built component: one outcome for every record.

mod support;

use std::sync::Arc;

use connector_engine::Connection;
use connector_engine::audit::{MemoryAudit, NoAudit};
use connector_engine::bindings::destination::{Batch, Outcome};
use connector_engine::bindings::types::Limits;
use customerly_emulator::{Fault, FaultRule, Kind, Rejects, When};
use support::{connect, emulator, open};

fn batch(connection: &Connection, target: &str, operation: &str, records: &[&str]) -> Batch {
    Batch {
        id: "test-1".into(),
        settings: connection.settings().clone(),
        target_name: target.into(),
        operation_name: operation.into(),
        options: "{}".into(),
        records: records.iter().map(|record| (*record).to_owned()).collect(),
        limits: Limits { requests: 32, records: 50, bytes: 1 << 20 },
        now_ms: 0,
    }
}

/// The outcomes, in a word each.
fn words(outcomes: &[Outcome]) -> Vec<&'static str> {
    outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Accepted(_) => "accepted",
            Outcome::Superseded(_) => "superseded",
            Outcome::Invalid(_) => "invalid",
            Outcome::Rejected(_) => "rejected",
            Outcome::Unknown(_) => "unknown",
            Outcome::Deferred => "deferred",
            Outcome::Planned => "planned",
        })
        .collect()
}

const RECORDS: [&str; 5] = [
    r#"{"email":"a+b@example.com","name":"A"}"#,
    r#"{"email":"broken@example.com"}"#,
    r#"{"name":"no address"}"#,
    r#"{"email":"c@example.com","name":"old"}"#,
    r#"{"email":"c@example.com","name":"new"}"#,
];

const EXPECTED: [&str; 5] = ["accepted", "rejected", "invalid", "superseded", "accepted"];

#[test]
fn every_record_has_one_outcome_in_every_shape_of_the_answer() {
    for rejects in
        [Rejects::Both, Rejects::Errors, Rejects::NotAdded, Rejects::Silent, Rejects::BatchError]
    {
        let emulator = emulator(0, 0);
        emulator.switch(|switches| switches.rejects = rejects);
        let connection = connect(&emulator);
        let report =
            connection.write(&batch(&connection, "users", "upsert", &RECORDS)).expect("a report");
        assert_eq!(words(&report.outcomes), EXPECTED, "{rejects:?}");
        let mut names: Vec<_> =
            emulator.contacts(Kind::Users).iter().map(|user| user["name"].clone()).collect();
        names.sort_by_key(ToString::to_string);
        assert_eq!(names, ["A", "new"], "{rejects:?}");
    }
}

#[test]
fn the_same_batch_written_twice_changes_nothing_more() {
    let emulator = emulator(0, 0);
    let connection = connect(&emulator);
    let written = || {
        let batch = batch(&connection, "users", "upsert", &RECORDS);
        let report = connection.write(&batch).expect("a report");
        let mut users = emulator.contacts(Kind::Users);
        for user in &mut users {
            user.as_object_mut().expect("an object").remove("last_update").expect("a time");
        }
        (words(&report.outcomes), users)
    };
    let (first, second) = (written(), written());
    assert_eq!(first.1.len(), 2);
    assert_eq!(first, second);
}

#[test]
fn what_is_cut_off_after_sending_is_settled_by_reading_back() {
    let emulator = emulator(0, 0);
    emulator.add_fault(FaultRule {
        method: Some("POST".into()),
        path: "/users".into(),
        when: When::Nth(1),
        fault: Fault::CloseAfter,
    });
    let connection = connect(&emulator);
    let records = [r#"{"email":"a+b@example.com","name":"A"}"#];
    let report =
        connection.write(&batch(&connection, "users", "upsert", &records)).expect("a report");
    assert_eq!(words(&report.outcomes), ["accepted"]);
    let posts = emulator.requests().iter().filter(|request| request.method == "POST").count();
    assert_eq!(posts, 1, "it was read back, not sent again");
}

#[test]
fn a_lost_report_is_settled_by_get_alone() {
    let emulator = emulator(0, 0);
    let connection = connect(&emulator);
    let batch = batch(&connection, "users", "upsert", &RECORDS[..1]);
    let before = connection.settle(&batch).expect("a report");
    assert_eq!(words(&before.outcomes), ["deferred"]);
    connection.write(&batch).expect("a report");
    emulator.clear_requests();
    let after = connection.settle(&batch).expect("a report");
    assert_eq!(words(&after.outcomes), ["accepted"]);
    assert!(emulator.requests().iter().all(|request| request.method == "GET"));
}

#[test]
fn a_dry_run_plans_and_sends_nothing_but_get() {
    let emulator = emulator(0, 0);
    let audit = Arc::new(MemoryAudit::default());
    let connection = open(&emulator, "{}", emulator.token(), audit.clone(), true);
    let report =
        connection.write(&batch(&connection, "users", "upsert", &RECORDS)).expect("a report");
    assert_eq!(words(&report.outcomes), ["planned", "planned", "invalid", "superseded", "planned"]);
    assert_eq!(audit.take_withheld().len(), 1);
    assert!(emulator.requests().iter().all(|request| request.method == "GET"));
    assert_eq!(emulator.count(Kind::Users), 0);
}

#[test]
fn a_delete_with_a_body_arrives_whole() {
    let emulator = emulator(20, 0);
    let audit = Arc::new(NoAudit);
    let connection = open(&emulator, "{}", emulator.token(), audit, false);
    let tag = emulator.tags().first().expect("a tag").clone();
    let record = format!(r#"{{"tag":"{tag}"}}"#);
    let report =
        connection.write(&batch(&connection, "tags", "delete", &[&record])).expect("a report");
    assert_eq!(words(&report.outcomes), ["accepted"], "{report:?}");
    assert!(!emulator.tags().contains(&tag));
}
