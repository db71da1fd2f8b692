//! What holds of every write, whatever happens on the way: nothing disappears, nothing is repeated uncounted.

mod support;

use std::collections::BTreeMap;
use std::process::{Child, Stdio};
use std::time::Duration;

use customerly_emulator::{Emulator, Fault, FaultBody, Kind, RetryAfter, When};
use serde_json::{Value, json};
use support::write::{Place, counts, emails, fault, json_lines, report, sendings, totals};
use support::{connector_to, emulator, run};

const A_LITTLE: Duration = Duration::from_millis(5);

/// The fields that a write sets.
fn written(row: &Value) -> Value {
    let attributes =
        if row["attributes"] == json!([]) { json!({}) } else { row["attributes"].clone() };
    json!({"user_id": row["user_id"], "name": row["name"], "attributes": attributes})
}

fn by_email(rows: &[Value]) -> BTreeMap<String, Value> {
    rows.iter()
        .map(|row| (row["email"].as_str().expect("an e-mail").to_owned(), written(row)))
        .collect()
}

#[test]
fn ten_thousand_users_go_from_one_account_to_another_and_are_the_same() {
    let (from, to) = (emulator(10_000, 0), emulator(0, 0));
    let place = Place::with("");
    let mut read = connector_to(&from);
    read.args(["read", "users", "--overwrite", "--output", &place.name("in.jsonl")]);
    let ended = run(&mut read);
    assert_eq!(ended.code, 0, "{ended:?}");
    let report = report(&mut place.write(&to, &["users", "--option", "extra_fields=leave-out"]), 0);
    // A read may give a record twice.
    let records = json_lines(&place.path("in.jsonl")).len() as u64;
    let written =
        report["totals"]["accepted"].as_u64().zip(report["totals"]["superseded"].as_u64());
    assert_eq!(written.map(|(accepted, superseded)| accepted + superseded), Some(records));
    assert_eq!(report["totals"]["records"], records);
    let mut read = connector_to(&to);
    let ended = run(read.args(["read", "users", "--output", &place.name("back.jsonl")]));
    assert_eq!(ended.code, 0, "{ended:?}");
    let sent = by_email(&json_lines(&place.path("in.jsonl")));
    let back = by_email(&json_lines(&place.path("back.jsonl")));
    assert_eq!((sent.len(), back.len()), (10_000, 10_000));
    let differs: Vec<_> =
        sent.iter().filter(|(email, row)| back.get(*email) != Some(row)).collect();
    assert!(differs.is_empty(), "{} differ, such as {:?}", differs.len(), differs.first());
}

/// 1 % of these the service refuses, 1 % are not sent.
fn users_with_bad_ones(count: usize) -> String {
    let line = |id: usize| match id % 100 {
        7 => json!({"email": format!("broken+{id}@example.com")}),
        50 => json!({"email": format!("nobody{id}")}),
        _ => {
            json!({"email": format!("u{id}@example.com"), "attributes": {"plan": "pro", "seats": id}})
        }
    };
    (0..count).map(|id| line(id).to_string() + "\n").collect::<Vec<_>>().concat()
}

/// What must hold of a complete write, whatever happened on the way.
fn check_laws(emulator: &Emulator, place: &Place, report: &Value) {
    let outcomes = json_lines(&place.path("outcomes"));
    let input = json_lines(&place.path("in.jsonl"));
    let lines: Vec<_> = outcomes.iter().map(|outcome| outcome["line"].as_u64()).collect();
    let expected: Vec<_> = (1..=input.len() as u64).map(Some).collect();
    assert_eq!(lines, expected, "one outcome for each record, in input order");
    let count = |name: &str| report["totals"][name].as_u64().expect("a count");
    let parts = ["accepted", "superseded", "invalid", "rejected", "unknown"];
    assert_eq!(parts.map(count).iter().sum::<u64>(), count("records"));
    let there = emails(emulator, Kind::Users);
    for (record, outcome) in input.iter().zip(&outcomes) {
        let email = record["email"].as_str().expect("an e-mail");
        match outcome["outcome"].as_str() {
            Some("accepted") => assert!(there.contains(email), "{email} is not there"),
            Some("invalid" | "rejected") => assert!(!there.contains(email), "{email} is there"),
            Some("unknown") => {}
            other => panic!("{email} ends {other:?}"),
        }
    }
    let refused = count("invalid") + count("rejected") + count("unknown");
    assert_eq!(json_lines(&place.path("rejects")).len() as u64, refused);
}

#[test]
fn a_service_that_fails_at_random_makes_no_record_disappear() {
    let emulator = emulator(0, 0);
    let place = Place::with(&users_with_bad_ones(1_000));
    let retry_after = Some(RetryAfter::Seconds(0));
    let unwell = Fault::Answer { status: 503, body: FaultBody::Html, retry_after };
    fault(&emulator, "POST", When::Rate(0.2), unwell);
    fault(&emulator, "POST", When::Rate(0.1), Fault::CloseAfter);
    fault(&emulator, "POST", When::Rate(0.1), Fault::CloseBefore);
    fault(&emulator, "GET", When::Rate(0.02), Fault::CutBody);
    let (rejects, outcomes) = (place.name("rejects"), place.name("outcomes"));
    let args = ["users", "--rejects", &rejects, "--outcomes", &outcomes, "--retries", "20"];
    let report = report(&mut place.write(&emulator, &args), 6);
    check_laws(&emulator, &place, &report);
    let expected = [("records", 1_000), ("accepted", 980), ("invalid", 10), ("rejected", 10)];
    let mut found = totals(&report);
    found.remove("repeated");
    assert_eq!(found, counts(&expected));
}

fn has_ended(child: &mut Child) -> bool {
    child.try_wait().expect("it can be waited for").is_some()
}

#[test]
fn killed_at_any_moment_and_run_again_no_record_is_lost_and_none_repeated_uncounted() {
    let emulator = emulator(0, 0);
    let place = Place::with(&users_with_bad_ones(2_000));
    let (rejects, outcomes) = (place.name("rejects"), place.name("outcomes"));
    let args = ["users", "--rejects", &rejects, "--outcomes", &outcomes];
    for kill in 1..=12 {
        let mut command = place.write(&emulator, &args);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary runs");
        // Some in the midst of settling, which takes a request a record, some well after it.
        let moment = emulator.requests().len() + kill * 29 % 97;
        while !emulator.wait_for_requests(moment, A_LITTLE) && !has_ended(&mut child) {}
        // It may have ended by itself: then there is nothing to kill.
        let _ = child.kill();
        child.wait().expect("it ends");
    }
    let report = report(&mut place.write(&emulator, &args), 6);
    assert!(report["earlier"].as_u64() > Some(0), "it went on: {report}");
    check_laws(&emulator, &place, &report);
    // What was refused was not done, and may be sent again.
    let done = emails(&emulator, Kind::Users);
    let mut sendings = sendings(&emulator);
    sendings.retain(|email, _| done.contains(email));
    let again: u64 = sendings.values().map(|times| times - 1).sum();
    let repeated = report["totals"]["repeated"].as_u64().expect("a count");
    assert!(again <= repeated, "{again} sent again, {repeated} counted");
    assert_eq!(report["totals"]["accepted"], 1_960);
}
