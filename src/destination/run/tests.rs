use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;

use super::super::testing::{batch, said, settle, write};
use super::*;
use crate::bindings::http::{Body, ErrorKind, HttpError, Request, Response};
use crate::transport::testing::{answer, line, no_answer};

/// Records `u0@x.co`, `u1@x.co` …
fn users(count: usize) -> Vec<String> {
    (0..count).map(|index| format!(r#"{{"email":"u{index}@x.co","name":"N{index}"}}"#)).collect()
}

fn batch_of(count: usize, requests: u32) -> Batch {
    let records = users(count);
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let mut batch = batch("users.upsert", "{}", &records);
    batch.limits.requests = requests;
    batch
}

/// The e-mails of a request to write.
fn emails(request: &Request) -> Vec<String> {
    let Some(Body::Text(body)) = &request.body else {
        return Vec::new();
    };
    let body: Value = serde_json::from_str(body).expect("a body is JSON");
    let users = body["users"].as_array().expect("the wrapper").iter();
    users.map(|user| user["email"].as_str().expect("an e-mail").to_owned()).collect()
}

/// A service that refuses a request with a bad record as a whole.
fn refuses_all<'a>(bad: &'a [&'a str]) -> impl Fn(&Request) -> Result<Response, HttpError> + 'a {
    |request| {
        let emails = emails(request);
        Ok(if emails.iter().any(|email| bad.contains(&email.as_str())) {
            answer(409, &said("Conflict"))
        } else {
            answer(200, &format!(r#"{{"data":{{"inserted":{}}}}}"#, emails.len()))
        })
    }
}

#[test]
fn a_batch_goes_out_in_one_request_and_serialised() {
    let records = [
        r#"{"email":"a+b@x.co","user_id":"u\"1","attributes":{"n":12345678901234567890,"f":1.50}}"#,
        r#"{"email":"c@x.co","tags":["beta"]}"#,
    ];
    let (outcomes, report, lines) = write(&batch("users.upsert", "{}", &records), |_| {
        Ok(answer(200, r#"{"data":{"inserted":2,"errors":[]}}"#))
    });
    assert_eq!(outcomes, ["accepted unspecified", "accepted unspecified"]);
    assert_eq!(report.stopped, None);
    assert_eq!(lines, [format!(r#"POST /v1/users {{"users":[{},{}]}}"#, records[0], records[1])]);
}

#[test]
fn a_bad_record_is_refused_and_the_others_land_in_input_order() {
    let records = [
        r#"{"email":"broken@"}"#,
        r#"{"email":"a@x.co"}"#,
        "[]",
        r#"{"email":"b@x.co","attributes":{"first name":1}}"#,
        r#"{"email":"c@x.co"}"#,
    ];
    let (outcomes, _, lines) = write(&batch("leads.upsert", "{}", &records), |_| {
        Ok(answer(200, r#"{"data":{"inserted":1,"not_added":[{"email":"c@x.co","error":"No"}]}}"#))
    });
    assert_eq!(
        outcomes,
        [
            "invalid email /email",
            "accepted unspecified",
            "invalid not-an-object",
            "invalid property-name /attributes/first name",
            "rejected refused",
        ]
    );
    assert_eq!(lines, [r#"POST /v1/leads {"leads":[{"email":"a@x.co"},{"email":"c@x.co"}]}"#]);
}

#[test]
fn the_last_of_several_with_one_key_is_sent_unless_it_is_invalid() {
    let records = [
        r#"{"email":"a@x.co","name":"1"}"#,
        r#"{"email":"b@x.co","name":"2"}"#,
        r#"{"email":"a@x.co","name":"3"}"#,
        r#"{"email":"a@x.co","name":"4"}"#,
        r#"{"email":"b@x.co","name":5}"#,
    ];
    let (outcomes, _, lines) = write(&batch("users.upsert", "{}", &records), |_| {
        Ok(answer(200, r#"{"data":{"inserted":2}}"#))
    });
    assert_eq!(
        outcomes,
        [
            "superseded 3",
            "accepted unspecified",
            "superseded 3",
            "accepted unspecified",
            "invalid type /name",
        ]
    );
    assert!(
        lines[0].ends_with(
            r#"{"users":[{"email":"b@x.co","name":"2"},{"email":"a@x.co","name":"4"}]}"#
        )
    );
}

#[test]
fn a_batch_refused_as_a_whole_is_halved_until_the_bad_record_is_alone() {
    let (outcomes, report, lines) = write(&batch_of(8, 100), refuses_all(&["u5@x.co"]));
    let mut expected = vec!["accepted unspecified"; 8];
    expected[5] = "rejected refused";
    assert_eq!(outcomes, expected);
    assert_eq!(lines.len(), 7);
    let Outcome::Rejected(rejection) = &report.outcomes[5] else {
        panic!("it is rejected");
    };
    assert_eq!((rejection.message.as_str(), rejection.status), ("Conflict", Some(409)));
}

#[test]
fn a_count_that_is_too_low_is_halved_too() {
    let (outcomes, ..) = write(&batch_of(5, 100), |request| {
        let emails = emails(request);
        let inserted = emails.iter().filter(|email| *email != "u3@x.co").count();
        Ok(answer(200, &format!(r#"{{"data":{{"inserted":{inserted}}}}}"#)))
    });
    let mut expected = vec!["accepted unspecified"; 5];
    expected[3] = "rejected refused";
    assert_eq!(outcomes, expected);
}

#[test]
fn a_429_in_the_middle_keeps_what_is_done_and_defers_the_rest() {
    let calls = Cell::new(0);
    let (outcomes, report, _) = write(&batch_of(120, 100), |request| {
        calls.set(calls.get() + 1);
        if calls.get() < 3 {
            let inserted = emails(request).len();
            return Ok(answer(200, &format!(r#"{{"data":{{"inserted":{inserted}}}}}"#)));
        }
        Ok(Response { retry_after_ms: Some(3000), ..answer(429, "") })
    });
    assert_eq!(outcomes[..100], vec!["accepted unspecified"; 100]);
    assert_eq!(outcomes[100..], vec!["deferred"; 20]);
    let stopped = report.stopped.expect("it was stopped");
    assert_eq!((stopped.action, stopped.retry_after_ms), (Action::RetryLater, Some(3000)));
    assert_eq!(report.wait_ms, Some(3000));
}

#[test]
fn a_refused_token_rejects_no_record() {
    let (outcomes, report, lines) =
        write(&batch_of(3, 100), |_| Ok(answer(500, &said("Access token not found."))));
    assert_eq!(outcomes, ["deferred"; 3]);
    assert_eq!(report.stopped.expect("it was stopped").action, Action::Reauthorize);
    assert_eq!(lines.len(), 1);
}

#[test]
fn what_was_never_sent_is_deferred() {
    let (outcomes, report, _) =
        write(&batch_of(2, 100), |_| Err(no_answer(ErrorKind::Connect, false)));
    assert_eq!(outcomes, ["deferred", "deferred"]);
    assert_eq!(report.stopped.expect("it was stopped").action, Action::RetryLater);
}

#[test]
fn what_a_dry_run_withholds_is_planned_and_all_of_it_is_gone_through() {
    let (outcomes, report, lines) =
        write(&batch_of(60, 100), |_| Err(no_answer(ErrorKind::Withheld, false)));
    assert_eq!(outcomes, vec!["planned"; 60]);
    assert_eq!((report.stopped, lines.len()), (None, 2));
}

/// A service that answers no write, and of which only some contacts can be read back.
fn forgets<'a>(
    write: impl Fn() -> Result<Response, HttpError> + 'a,
    contacts: &'a [(&'a str, &'a str)],
) -> impl Fn(&Request) -> Result<Response, HttpError> + 'a {
    move |request| {
        if request.method != "GET" {
            return write();
        }
        let line = line(request);
        let contact = contacts.iter().find(|(email, _)| line.ends_with(&format!("={email}")));
        Ok(match contact {
            Some((_, fields)) => answer(200, &format!(r#"{{"data":{fields}}}"#)),
            None => answer(500, &said("User doesn't exist")),
        })
    }
}

#[test]
fn an_unknown_write_is_settled_by_reading_back() {
    let contacts = [
        ("u0@x.co", r#"{"email":"u0@x.co","name":"N0","country":"SE"}"#),
        ("u1@x.co", r#"{"email":"u1@x.co","name":"another"}"#),
        ("u2@x.co", "[]"),
    ];
    for write_answer in [
        Err(no_answer(ErrorKind::Timeout, true)),
        Err(no_answer(ErrorKind::Closed, true)),
        Ok(answer(200, r#"{"data":{"inserted":4"#)),
        Ok(answer(502, "<html>")),
    ] {
        let (outcomes, report, lines) =
            write(&batch_of(4, 100), forgets(|| write_answer.clone(), &contacts));
        assert_eq!(outcomes[0], "accepted unspecified");
        assert_eq!(outcomes[1], "deferred");
        assert!(outcomes[2].starts_with("unknown "), "{}", outcomes[2]);
        assert_eq!(outcomes[3], "deferred");
        assert_eq!(report.stopped.expect("it was stopped").action, Action::RetryLater);
        assert_eq!(lines[1], "GET /v1/users?email=u0@x.co");
        assert_eq!(lines.len(), 5);
    }
}

#[test]
fn a_write_that_was_done_all_the_same_stops_nothing() {
    let records: Vec<String> = users(60);
    let contacts: Vec<(String, &str)> =
        records.iter().enumerate().map(|(i, r)| (format!("u{i}@x.co"), r.as_str())).collect();
    let contacts: Vec<(&str, &str)> = contacts.iter().map(|(e, r)| (e.as_str(), *r)).collect();
    let (outcomes, report, lines) =
        write(&batch_of(60, 100), forgets(|| Err(no_answer(ErrorKind::Timeout, true)), &contacts));
    assert_eq!(outcomes, vec!["accepted unspecified"; 60]);
    assert_eq!((report.stopped, lines.len()), (None, 62));
    assert_eq!(report.notices.len(), 2);
}

#[test]
fn what_cannot_be_settled_stays_unknown() {
    let (outcomes, _, lines) =
        write(&batch_of(3, 100), |_| Err(no_answer(ErrorKind::Timeout, true)));
    assert_eq!(outcomes, ["unknown timeout"; 3]);
    assert_eq!(lines.len(), 2);
    let (outcomes, ..) =
        write(&batch_of(1, 1), forgets(|| Err(no_answer(ErrorKind::Closed, true)), &[]));
    assert_eq!(outcomes, ["unknown closed"]);
}

#[test]
fn a_contradiction_is_decided_by_reading_back() {
    let contradiction =
        || Ok(answer(200, r#"{"data":{"inserted":3,"errors":["u1@x.co","u2@x.co"]}}"#));
    let contacts = [("u1@x.co", r#"{"email":"u1@x.co","name":"N1"}"#)];
    let (outcomes, ..) = write(&batch_of(3, 100), forgets(contradiction, &contacts));
    assert_eq!(outcomes, ["accepted unspecified", "accepted unspecified", "rejected not-written"]);
}

#[test]
fn settling_reads_only_and_says_done_not_done_or_unknown() {
    let contacts = [
        ("u0@x.co", r#"{"email":"u0@x.co","name":"N0"}"#),
        ("u1@x.co", r#"{"email":"u1@x.co","name":"another"}"#),
        ("u2@x.co", r#"{"email":"other@x.co"}"#),
    ];
    let (outcomes, report, lines) =
        settle(&batch_of(4, 100), forgets(|| panic!("it reads only"), &contacts));
    assert_eq!(outcomes, ["accepted unspecified", "deferred", "unknown unsettled", "deferred"]);
    assert_eq!((report.stopped, lines.len()), (None, 4));
}

#[test]
fn settling_stops_at_a_failure_or_at_the_limit_and_then_knows_nothing() {
    let (outcomes, report, _) = settle(&batch_of(2, 100), |_| Ok(answer(429, "")));
    assert_eq!(outcomes, ["unknown rate-limited", "unknown not-asked"]);
    assert_eq!(report.stopped.expect("it was stopped").action, Action::RetryLater);
    let (outcomes, report, _) = settle(&batch_of(2, 1), forgets(|| panic!("reads"), &[]));
    assert_eq!(outcomes, ["deferred", "unknown not-asked"]);
    assert_eq!(report.stopped, None);
}

#[test]
fn tags_that_cannot_be_read_back_leave_it_unknown() {
    let record = r#"{"email":"a@x.co","tags":["beta"]}"#;
    let batch = batch("users.upsert", "{}", &[record]);
    let check = |contact: &str, expected: &str| {
        let (outcomes, ..) = settle(&batch, forgets(|| panic!("reads"), &[("a@x.co", contact)]));
        assert_eq!(outcomes, [expected], "{contact}");
    };
    check(r#"{"email":"a@x.co"}"#, "unknown unsettled");
    check(r#"{"email":"a@x.co","user_tags":["beta","x"]}"#, "accepted unspecified");
    check(r#"{"email":"a@x.co","user_tags":[{"name":"beta"}]}"#, "accepted unspecified");
    check(r#"{"email":"a@x.co","user_tags":[]}"#, "deferred");
}

/// Anything that may come back.
fn anything() -> impl Strategy<Value = Result<Response, HttpError>> {
    let status =
        prop_oneof![Just(200_u16), Just(500), Just(429), Just(404), Just(503), 100_u16..999];
    let body = prop_oneof![
        Just(r#"{"data":{"inserted":1}}"#.to_owned()),
        Just(r#"{"data":{"inserted":2,"errors":["u1@x.co"]}}"#.to_owned()),
        Just(r#"{"data":{"inserted":9,"not_added":[7]}}"#.to_owned()),
        Just(r#"{"data":{"email":"u1@x.co","name":"N1"}}"#.to_owned()),
        Just(said("User doesn't exist")),
        Just(said("Invalid")),
        r#"(\{"(data|error)":)?.{0,30}\}?"#,
    ];
    let text = (status, body).prop_map(|(status, body)| Ok(answer(status, &body)));
    let bytes = prop::collection::vec(any::<u8>(), 0..20)
        .prop_map(|bytes| Ok(Response { body: Body::Bytes(bytes), ..answer(200, "") }));
    let kind = prop::sample::select(vec![
        ErrorKind::Timeout,
        ErrorKind::Closed,
        ErrorKind::Withheld,
        ErrorKind::Budget,
        ErrorKind::TooLarge,
    ]);
    let error = (kind, any::<bool>()).prop_map(|(kind, sent)| Err(no_answer(kind, sent)));
    prop_oneof![8 => text, 1 => bytes, 2 => error]
}

proptest! {
    #[test]
    fn one_bad_record_is_found_in_two_log_n_plus_one_requests(
        count in 1_usize..=50,
        bad in any::<prop::sample::Index>(),
    ) {
        let bad = bad.index(count);
        let email = format!("u{bad}@x.co");
        let (outcomes, _, lines) = write(&batch_of(count, 1000), refuses_all(&[&email]));
        for (index, outcome) in outcomes.iter().enumerate() {
            let expected =
                if index == bad { "rejected refused" } else { "accepted unspecified" };
            prop_assert_eq!(outcome, expected);
        }
        let log = count.next_power_of_two().ilog2() as usize;
        prop_assert!(lines.len() <= 2 * log + 1, "{} for {count}", lines.len());
    }

    #[test]
    fn any_number_of_bad_records_is_found_whatever_the_limit_of_one_call(
        count in 1_usize..=40,
        bad in prop::collection::btree_set(0_usize..40, 0..6),
        requests in 1_u32..12,
    ) {
        let bad: BTreeSet<String> = bad.iter().map(|index| format!("u{index}@x.co")).collect();
        let bad_names: Vec<&str> = bad.iter().map(String::as_str).collect();
        let mut pending = users(count);
        let mut settled = 0;
        while !pending.is_empty() {
            let mut batch = batch_of(0, requests);
            batch.records = pending.clone();
            let (outcomes, report, lines) = write(&batch, refuses_all(&bad_names));
            prop_assert!(lines.len() <= requests as usize);
            prop_assert_eq!(report.stopped, None);
            let mut deferred = Vec::new();
            for (outcome, record) in outcomes.iter().zip(pending) {
                let is_bad = bad.iter().any(|email| record.contains(&format!("\"{email}\"")));
                match outcome.as_str() {
                    "deferred" => deferred.push(record),
                    "accepted unspecified" => { prop_assert!(!is_bad); settled += 1; }
                    "rejected refused" => { prop_assert!(is_bad); settled += 1; }
                    other => prop_assert!(false, "{}", other),
                }
            }
            prop_assert!(deferred.len() < outcomes.len(), "every call gets on");
            pending = deferred;
        }
        prop_assert_eq!(settled, count);
    }

    #[test]
    fn every_record_has_one_outcome_whatever_comes_back(
        answers in prop::collection::vec(anything(), 1..20),
        count in 0_usize..8,
        junk in prop::collection::vec(".{0,20}", 0..3),
        requests in 0_u32..20,
    ) {
        let mut batch = batch_of(count, requests);
        batch.records.extend(junk);
        let sent = RefCell::new(BTreeSet::new());
        let next = Cell::new(0);
        let (outcomes, report, lines) = write(&batch, |request| {
            sent.borrow_mut().extend(emails(request));
            next.set(next.get() + 1);
            answers[(next.get() - 1) % answers.len()].clone()
        });
        prop_assert_eq!(outcomes.len(), batch.records.len());
        prop_assert!(lines.len() <= requests as usize);
        let of = |word: &str| outcomes.iter().filter(|outcome| outcome.starts_with(word)).count();
        let told = of("accepted") + of("rejected") + of("unknown") + of("planned");
        prop_assert!(told <= sent.borrow().len());
        prop_assert_eq!(
            told + of("deferred") + of("invalid") + of("superseded"),
            batch.records.len()
        );
        if report.stopped.is_none() && requests > 0 && of("deferred") > 0 {
            prop_assert!(told > 0, "every call gets on");
        }
    }

    #[test]
    fn settling_has_one_outcome_for_each_whatever_comes_back(
        answers in prop::collection::vec(anything(), 1..8),
        count in 0_usize..6,
        requests in 0_u32..8,
    ) {
        let next = Cell::new(0);
        let (outcomes, ..) = settle(&batch_of(count, requests), |_| {
            next.set(next.get() + 1);
            answers[(next.get() - 1) % answers.len()].clone()
        });
        prop_assert_eq!(outcomes.len(), count);
    }
}
