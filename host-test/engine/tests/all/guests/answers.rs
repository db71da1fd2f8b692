//! A guest that breaks the contract in what it hands over: nothing of it is taken for data.

use std::sync::Arc;
use std::time::{Duration, Instant};

use connector_engine::audit::MemoryAudit;
use connector_engine::bindings::destination::Batch;
use connector_engine::bindings::types::Limits;
use connector_engine::read::{
    End, PageOut, PageSink, ReadConfig, ReadEvent, StreamRun, read_stream,
};
use connector_engine::retry::RetryPolicy;
use connector_engine::state::RunMode;
use connector_engine::{Connection, PluginError};
use serde_json::{Value, json};

use crate::support::lab::{HOME, Lab, get};
use crate::support::server::{After, Server, answer};

/// Keeps the records.
#[derive(Default)]
struct Kept(Vec<String>);

impl PageSink for Kept {
    fn page(&mut self, page: &PageOut<'_>) -> std::io::Result<()> {
        self.0.extend_from_slice(page.records);
        Ok(())
    }

    fn event(&mut self, _event: ReadEvent<'_>) {}
}

fn read(connection: &Connection) -> (End, Vec<String>) {
    let run = StreamRun {
        info: connection.streams().expect("streams").remove(0),
        mode: RunMode::Full,
        options: "{}".into(),
        state: None,
        limit: None,
    };
    let mut kept = Kept::default();
    let config = ReadConfig { retry: RetryPolicy::standard(), ahead: 2 };
    let report = read_stream(connection, &config, run, &mut kept);
    (report.end, kept.0)
}

fn page(records: &[&str], state: &str, counted: usize) -> Value {
    json!({ "do": "page", "records": records, "state": state, "counted": counted })
}

fn check(script: &Value, expected: &str) {
    match read(&Lab::new().connect(script)) {
        (End::Plugin(PluginError::Broken { reason, .. }), kept) => {
            assert!(reason.contains(expected), "{reason}");
            assert!(kept.is_empty(), "{kept:?}");
        }
        (end, _) => panic!("{end:?} instead of {expected}"),
    }
}

#[test]
fn a_page_in_order_is_taken() {
    let (end, kept) = read(&Lab::new().connect(&page(&["{\"a\":1}"], "{}", 1)));
    assert!(matches!(end, End::Complete), "{end:?}");
    assert_eq!(kept, ["{\"a\":1}"]);
}

#[test]
fn a_record_is_one_line() {
    for record in ["{\n}", "{\"a\":1}\n{\"forged\":1}", "{\r}", "", "[1]", "1", "{", " {}"] {
        check(&page(&["{}", record], "{}", 2), "no JSON object");
    }
}

#[test]
fn a_count_that_does_not_add_up_is_no_page() {
    check(&page(&["{}"], "{}", 2), "2 records counted, 1 handed over");
    check(&page(&["{}", "{}"], "{}", 0), "0 records counted, 2 handed over");
}

#[test]
fn a_state_is_an_object_of_at_most_16_kib() {
    let huge = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20));
    for state in [&*huge, "", "[]", "{", "null", "{}\n{}", "{} {}"] {
        check(&page(&[], state, 0), "a state that is no JSON object");
    }
}

#[test]
fn a_page_holds_no_more_records_than_the_limit() {
    let records = vec!["{}"; 10_001];
    check(&page(&records, "{}", records.len()), "a page of 10001 records");
}

#[test]
fn a_request_that_is_announced_is_judged_like_any_other() {
    let audit = Arc::new(MemoryAudit::default());
    let judged = audit.clone();
    // The second page is answered only once the early requests were judged.
    let server = Server::https(move |_, wire| {
        let begun = Instant::now();
        while judged.records().len() < 2 && begun.elapsed() < Duration::from_secs(10) {
            std::thread::yield_now();
        }
        wire.write_all(&answer("200 OK", &[], "fine")).map(|()| After::KeepOpen)
    });
    let evil = Server::answering(answer("200 OK", &[], "taken"));
    let mut lab = Lab::of(&server);
    lab.audit = audit;
    let mut script = page(&["{}"], "{}", 1);
    script["more"] = true.into();
    script["requests"] = json!([get("/second-page")]);
    script["ahead"] = json!([
        { "method": "GET", "url": format!("{}/", evil.https_origin()) },
        { "method": "POST", "url": format!("{HOME}/") },
        { "method": "GET", "url": format!("{HOME}/"), "headers": [["X-Other", [{ "secret": "token" }]]] },
    ]);
    let (end, kept) = read(&lab.connect(&script));
    assert!(matches!(end, End::Complete), "{end:?}");
    assert_eq!(kept.len(), 2);
    let mut rules: Vec<_> = lab.audit.records().iter().map(|record| record.rule.code()).collect();
    rules.sort_unstable();
    assert_eq!(rules, ["granted-origin", "origin-not-declared", "secret-header"]);
    assert_eq!(server.request().target(), "/second-page");
    assert_eq!(evil.connections(), 0);
}

fn write(lab: &Lab, outcomes: usize) -> Result<(), PluginError> {
    let post = json!({ "method": "POST", "url": format!("{HOME}/"), "body": "{}" });
    let script = json!({ "do": "write", "outcomes": outcomes, "requests": [post] });
    let connection = lab.connect(&script);
    let batch = Batch {
        id: "1".into(),
        settings: connection.settings().clone(),
        target_name: "rows".into(),
        operation_name: "add".into(),
        options: "{}".into(),
        records: vec!["{}".into(), "{}".into()],
        limits: Limits { requests: 32, records: 2, bytes: 100 },
        now_ms: 0,
    };
    connection.write(&batch).map(drop)
}

#[test]
fn a_report_has_one_outcome_for_each_record() {
    let server = Server::answering(answer("200 OK", &[], "fine"));
    for outcomes in [0, 1, 3, 1000] {
        let error = write(&Lab::of(&server), outcomes).expect_err("it does not add up");
        assert!(error.to_string().contains("outcomes for 2 records"), "{error}");
    }
    write(&Lab::of(&server), 2).expect("one each");
}

#[test]
fn a_guest_that_lies_about_a_dry_run_has_written_nothing() {
    let server = Server::answering(answer("200 OK", &[], "fine"));
    let mut lab = Lab::of(&server);
    lab.dry_run = true;
    write(&lab, 2).expect("it claims to have written both");
    assert_eq!(server.connections(), 0);
    let withheld = lab.audit.take_withheld();
    assert_eq!(withheld.len(), 1);
    assert_eq!(withheld[0].request.method, "POST");
}

#[test]
fn what_a_guest_hands_over_may_be_a_failure_of_its_own() {
    let (end, _) = read(&Lab::new().connect(&json!({ "do": "send", "requests": [get("/x")] })));
    assert!(matches!(end, End::Stopped(_)), "{end:?}");
}
