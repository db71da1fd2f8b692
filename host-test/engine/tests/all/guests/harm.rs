//! A guest that takes more than it may, or breaks: it is stopped, and it alone.

use std::time::Duration;

use connector_engine::bindings::types::Settings;
use connector_engine::{PluginError, warm};
use serde_json::{Value, json};

use crate::support::guest::plugin;
use crate::support::lab::{Lab, assert_error, get};
use crate::support::server::{Server, answer};

/// Lets the guest do harm, and then something harmless.
fn check(script: &Value, change: impl FnOnce(&mut connector_egress::Limits), expected: &str) {
    let server = Server::answering(answer("200 OK", &[], "fine"));
    let error = Lab::of(&server).limits(change).fail(script);
    assert!(format!("{error:?}").starts_with(expected), "{error:?} instead of {expected}");
    assert_eq!(Lab::of(&server).send_one(get("/"))["text"], "fine");
}

#[test]
fn an_infinite_loop_is_interrupted() {
    let short = |limits: &mut connector_egress::Limits| {
        limits.guest_time = Duration::from_millis(60);
    };
    check(&json!({ "do": "spin" }), short, "Deadline");
}

#[test]
fn a_memory_bomb_gets_what_the_limit_gives() {
    check(&json!({ "do": "take-memory" }), |_| (), "Memory");
    let little = |limits: &mut connector_egress::Limits| limits.memory_bytes = 8 << 20;
    check(&json!({ "do": "hand-over", "mebibytes": 9 }), little, "Memory");
}

#[test]
fn a_deep_recursion_ends_on_the_guests_own_stack() {
    check(&json!({ "do": "recurse" }), |_| (), "Stack");
    // Frames that lie in its memory run out of that first.
    check(&json!({ "do": "recurse-with-frames" }), |_| (), "Crash");
}

#[test]
fn a_panic_is_a_crash_of_the_call() {
    check(&json!({ "do": "panic" }), |_| (), "Crash");
}

#[test]
fn what_is_handed_over_is_no_larger_than_the_limit() {
    check(&json!({ "do": "hand-over", "mebibytes": 9 }), |_| (), "TooMuch");
    check(&json!({ "do": "hand-over", "mebibytes": 100 }), |_| (), "Memory");
    check(&json!({ "do": "hand-over-again", "mebibytes": 100 }), |_| (), "TooMuch");
}

#[test]
fn a_flood_gets_the_requests_of_a_call_and_then_an_end() {
    let server = Server::answering(answer("200 OK", &[], "fine"));
    let lab = Lab::of(&server);
    let error = lab.fail(&json!({ "do": "flood", "request": get("/") }));
    assert!(matches!(error, PluginError::Flood { limit: 32, .. }), "{error:?}");
    assert_eq!(server.requests().len(), 32);
    // Every attempt is written down, and there is an end to that too.
    let rules: Vec<_> = lab.audit.records().iter().map(|record| record.rule.code()).collect();
    assert_eq!(rules[..32], ["granted-origin"; 32]);
    assert_eq!(rules[32..], ["budget-requests"; 32]);
}

#[test]
fn a_flood_of_refused_requests_ends_too() {
    let lab = Lab::new();
    let request = json!({ "method": "GET", "url": "https://evil.test/" });
    let error = lab.fail(&json!({ "do": "flood", "request": request }));
    assert!(matches!(error, PluginError::Flood { .. }), "{error:?}");
    assert_eq!(lab.audit.records().len(), 64);
}

#[test]
fn the_requests_of_a_run_are_counted_over_all_its_calls() {
    let server = Server::answering(answer("200 OK", &[], "fine"));
    let lab = Lab::of(&server).limits(|limits| limits.requests_per_run = 3);
    let connection = lab.connect(&json!({ "do": "send", "requests": [get("/1"), get("/2")] }));
    connection.check().expect("the guest tells");
    let report = connection.check().expect("the guest tells");
    let received: Vec<Value> = serde_json::from_str(&report.message).expect("JSON");
    assert_eq!(received[0]["text"], "fine");
    assert_error(&received[1], "budget", false);
    assert_eq!(server.requests().len(), 3);
    assert_eq!(lab.audit.records()[3].rule.code(), "budget-requests");
}

#[test]
fn a_request_waits_for_its_place_among_those_under_way() {
    let server = Server::answering(answer("200 OK", &[], "fine"));
    let lab = Lab::of(&server).limits(|limits| limits.requests_at_once = 1);
    let connection = lab.connect(&json!({ "do": "send", "requests": vec![get("/"); 8] }));
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..4).map(|_| scope.spawn(|| connection.check())).collect();
        for call in calls {
            let report = call.join().expect("no panic").expect("the guest tells");
            let received: Vec<Value> = serde_json::from_str(&report.message).expect("JSON");
            assert!(received.iter().all(|answer| answer["text"] == "fine"), "{received:?}");
        }
    });
    assert_eq!(server.requests().len(), 32);
}

#[test]
fn a_call_without_a_network_sends_nothing() {
    // Not even after a call that had one.
    let server = Server::answering(answer("200 OK", &[], "fine"));
    assert_eq!(Lab::of(&server).send_one(get("/"))["text"], "fine");
    let script = json!({ "do": "send", "requests": [get("/")] });
    let settings = Settings { values: script.to_string(), secrets: Vec::new() };
    let error = plugin().authorize(&settings).expect_err("the guest tells").to_string();
    let received: Vec<Value> = serde_json::from_str(&error).expect("JSON");
    assert_error(&received[0], "denied", false);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_guest_that_runs_is_stopped_with_the_host() {
    let lab = Lab::new().limits(|limits| limits.guest_time = Duration::from_hours(1));
    lab.cancel.cancel();
    let error = lab.fail(&json!({ "do": "spin" }));
    assert!(matches!(error, PluginError::Cancelled { .. }), "{error:?}");
}

#[test]
fn nothing_of_a_call_is_left_for_the_next() {
    let lab = Lab::new();
    let connection = lab.connect(&json!({ "do": "take-memory" }));
    for _ in 0..5 {
        assert!(connection.check().is_err());
    }
    let connection = lab.connect(&json!({ "do": "settings" }));
    let report = connection.check().expect("the guest tells");
    assert_eq!(report.message, "{\"do\":\"settings\"} [\"token\"]");
}

#[test]
fn the_memory_of_a_call_is_blank_for_the_next() {
    let lab = Lab::new();
    // More than a pool wipes, then less, so that both ways of blanking it are taken.
    for mebibytes in [3, 3, 1, 1, 3] {
        let connection = lab.connect(&json!({ "do": "leave-marks", "mebibytes": mebibytes }));
        let report = connection.check().expect("the guest tells");
        assert_eq!(report.message, "0 calls, 0 marks", "{mebibytes}");
    }
    // On one instance the guest does find what it left.
    let values = json!({ "do": "leave-marks", "mebibytes": 1 }).to_string();
    let settings = Settings { values, secrets: Vec::new() };
    let told = warm::with(
        plugin(),
        |_| unreachable!("nothing is sent"),
        |instance| {
            instance.authorize(&settings)?.expect_err("the guest tells by a failure");
            Ok(instance.authorize(&settings)?.expect_err("the guest tells by a failure").message)
        },
    );
    let told = told.expect("the guest tells");
    assert!(told.starts_with("1 calls, ") && !told.ends_with(" 0 marks"), "{told}");
}

#[test]
fn guests_side_by_side_do_not_harm_each_other() {
    let server = Server::answering(answer("200 OK", &[], "fine"));
    std::thread::scope(|scope| {
        for script in ["take-memory", "recurse", "panic"] {
            scope.spawn(move || Lab::new().fail(&json!({ "do": script })));
            let server = &server;
            scope.spawn(move || {
                assert_eq!(Lab::of(server).send_one(get("/"))["text"], "fine");
            });
        }
    });
}
