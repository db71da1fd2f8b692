//! Every fault, as a client meets it.

use std::io::Read as _;
use std::time::{Duration, SystemTime};

use customerly_emulator::{Fault, FaultBody, FaultRule, Kind, RetryAfter, When};
use serde_json::{Value, json};

use crate::Account;

/// An account whose next request meets a fault.
fn meeting(fault: Fault) -> Account {
    let account = Account::sized(80, 0);
    let rule = FaultRule { method: None, path: String::new(), when: When::Next, fault };
    account.emulator.add_fault(rule);
    account
}

#[test]
fn answers_of_other_machines_take_the_place_of_the_api() {
    for (status, body, text) in [
        (503, FaultBody::Empty, ""),
        (200, FaultBody::Error("later".to_owned()), r#"{"error":{"code":0,"message":"later"}}"#),
        (
            403,
            FaultBody::AccessTokenNotFound,
            r#"{"error":{"code":0,"message":"Access token not found."}}"#,
        ),
        (200, FaultBody::Text("{\"a\":1,\"a\":2".to_owned()), "{\"a\":1,\"a\":2"),
    ] {
        let account = meeting(Fault::answer(status, body));
        assert_eq!(account.text("/tags"), (status, text.to_owned()));
        assert_eq!(account.text("/tags").0, 200);
    }
    for status in [200, 500] {
        let answer = meeting(Fault::answer(status, FaultBody::Html)).raw("/tags").unwrap();
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(answer.headers()["content-type"], "text/html");
    }
}

#[test]
fn a_429_names_its_wait_in_every_form() {
    let retry_after = |form: Option<RetryAfter>| {
        let answer = meeting(Fault::too_many_requests(form)).raw("/tags").unwrap();
        assert_eq!(answer.status().as_u16(), 429);
        answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(retry_after(None), None);
    assert_eq!(retry_after(Some(RetryAfter::Seconds(3))).as_deref(), Some("3"));
    assert_eq!(retry_after(Some(RetryAfter::Seconds(864_000))).as_deref(), Some("864000"));
    assert_eq!(retry_after(Some(RetryAfter::Seconds(-5))).as_deref(), Some("-5"));
    assert_eq!(retry_after(Some(RetryAfter::Text("soon".to_owned()))).as_deref(), Some("soon"));
    let date = retry_after(Some(RetryAfter::DateIn(7_200))).unwrap();
    assert!(
        httpdate::parse_http_date(&date).unwrap() > SystemTime::now() + Duration::from_hours(1)
    );
}

#[test]
fn cut_answers_are_cut_where_they_say() {
    let (status, text) = meeting(Fault::CutJson).text("/users/list");
    assert_eq!(status, 200);
    assert!(
        text.starts_with("{\"data\":{\"users\":[{")
            && serde_json::from_str::<Value>(&text).is_err()
    );
    assert_eq!(meeting(Fault::EmptyBody).text("/users/list"), (200, String::new()));

    let mut answer = meeting(Fault::CutBody).raw("/users/list").unwrap();
    let announced: usize = answer.headers()["content-length"].to_str().unwrap().parse().unwrap();
    let mut received = Vec::new();
    assert!(answer.body_mut().as_reader().read_to_end(&mut received).is_err());
    assert_eq!(received.len(), announced / 2);
}

#[test]
fn a_closed_connection_has_or_has_not_applied_the_write() {
    for (fault, count) in [(Fault::CloseBefore, 80), (Fault::CloseAfter, 81)] {
        let account = meeting(fault);
        let body = json!({"users": [{"email": "new@example.com"}]}).to_string();
        let request = account.agent.post(account.url("/v1/users"));
        assert!(request.header("Authentication", account.bearer()).send(body).is_err());
        assert_eq!(account.emulator.count(Kind::Users), count);
        assert_eq!(account.emulator.requests()[0].status, None);
    }
}

#[test]
fn an_endless_answer_ends_when_the_client_leaves() {
    let account = meeting(Fault::Endless);
    let mut answer = account.raw("/users/list").unwrap();
    let mut some = vec![0; 5_000_000];
    answer.body_mut().as_reader().read_exact(&mut some).unwrap();
    drop(answer);
    assert_eq!(account.text("/tags").0, 200);
}

#[test]
fn slow_and_dripping_answers_are_whole() {
    let whole = Account::sized(80, 0).text("/users/list?per_page=2");
    assert_eq!(meeting(Fault::Slow { ms: 1 }).text("/users/list?per_page=2"), whole);
    let drip = Fault::Drip { bytes: 1_000, every_ms: 1 };
    assert_eq!(meeting(drip).text("/users/list?per_page=2"), whole);
}

#[test]
fn the_token_comes_back_in_every_form() {
    let account = meeting(Fault::EchoToken);
    let mut answer = account.raw("/users/list").unwrap();
    assert_eq!(answer.headers()["x-token"], account.emulator.token());
    let body: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
    assert_eq!(body["echo"]["plain"], account.emulator.token());
    assert!(body["echo"]["base64"].as_str().unwrap().starts_with("ZW11bGF0b3It"));
    assert_eq!(body["data"]["users"].as_array().unwrap().len(), 50);
}

#[test]
fn redirects_name_their_target() {
    for status in [301, 302, 307, 308] {
        let location = "http://127.0.0.1:9/elsewhere".to_owned();
        let answer = meeting(Fault::Redirect { status, location }).raw("/tags").unwrap();
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(answer.headers()["location"], "http://127.0.0.1:9/elsewhere");
    }
    let refresh = Fault::Redirect { status: 200, location: "http://127.0.0.1:9/".to_owned() };
    let answer = meeting(refresh).raw("/tags").unwrap();
    assert_eq!(answer.headers()["refresh"], "0; url=http://127.0.0.1:9/");
}

#[test]
fn lists_lose_rows_keys_or_uniqueness() {
    let rows = |fault| meeting(fault).get("/users/list").1["data"]["users"].clone();
    assert_eq!(rows(Fault::EmptyPage), json!([]));
    assert_eq!(rows(Fault::ShortPage { rows: 7 }).as_array().unwrap().len(), 7);
    assert!(rows(Fault::KeylessRow)[0].get("crmhero_user_id").is_none());
    let (_, text) = meeting(Fault::DuplicateKeys).text("/users/list?per_page=3");
    assert_eq!(text.matches("\"crmhero_user_id\":").count(), 4);
    let (_, text) = meeting(Fault::DuplicateKeys).text("/tags");
    assert_eq!(text.matches("\"data\":").count(), 2);
}

#[test]
fn a_fault_is_met_on_its_path_and_number_only() {
    let account = Account::sized(80, 80);
    account.emulator.add_fault(FaultRule {
        method: Some("GET".to_owned()),
        path: "/leads/list".to_owned(),
        when: When::Nth(2),
        fault: Fault::answer(503, FaultBody::Empty),
    });
    let mut statuses = Vec::new();
    for path in ["/leads/list", "/users/list", "/users/list", "/leads/list", "/leads/list"] {
        statuses.push(account.text(path).0);
    }
    assert_eq!(statuses, [200, 200, 200, 503, 200]);
    let faults: Vec<_> = account.emulator.requests().into_iter().map(|r| r.fault).collect();
    assert_eq!(faults, [None, None, None, Some("answer".to_owned()), None]);
}
