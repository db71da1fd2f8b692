//! Users and leads, read from a simulated account.

use super::*;
use crate::bindings::source::ReadRequest;
use crate::source::sim::{Account, Brought, contact, contacts, read_all, request};
use crate::transport::testing::{answer, line};

fn ids(brought: &Brought) -> Vec<u64> {
    let id = |record: &String| {
        let value: serde_json::Value = serde_json::from_str(record).expect("a record");
        value["crmhero_user_id"].as_u64().expect("a key")
    };
    let mut ids: Vec<_> = brought.records.iter().map(id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

#[test]
fn a_first_run_reads_everything_and_the_next_one_what_changed() {
    let account = Account::new().list("/users/list", contacts(5_000));
    let first = read_all(&account, request("users", r#"{"lookback":0}"#));
    assert_eq!((first.code(), ids(&first)), ("complete", (1..=5_000).collect()));
    let told = first.pages.iter().map(|page| page.ahead.len()).max();
    assert_eq!(told, Some(AHEAD));
    account.change("/users/list", |rows| {
        rows.remove(200);
        rows.insert(0, contact(77, -5));
        rows.insert(0, contact(9_001, -6));
    });
    let before = account.lines().len();
    let state = first.state.clone();
    let next =
        read_all(&account, crate::source::sim::with_state("users", r#"{"lookback":0}"#, state));
    assert_eq!((next.code(), ids(&next)), ("complete", vec![1, 77, 9_001]));
    assert_eq!(account.lines().len() - before, 1);
    assert_eq!(next.pages[0].mark.as_deref(), Some("2024-07-15 10:49:21"));
}

#[test]
fn rows_met_again_while_catching_up_are_duplicates_and_only_those_out_of_scope_are_filtered() {
    let account = Account::new().list("/users/list", contacts(250));
    let counts = |options, state| {
        let request = crate::source::sim::with_state("users", options, state);
        let brought = read_all(&account, request);
        let sum = |count: fn(&Counts) -> u32| {
            brought.pages.iter().map(|page| count(&page.counts)).sum::<u32>()
        };
        let filtered = sum(|counts| counts.filtered) > 0;
        ((sum(|counts| counts.emitted), sum(|counts| counts.duplicates) > 0, filtered), brought)
    };
    let (first, brought) = counts(r#"{"lookback":0}"#, None);
    assert_eq!(first, (250, true, false));
    assert_eq!(counts(r#"{"lookback":0}"#, brought.state).0, (1, false, true));
    let since = r#"{"start_date":"2024-07-15T10:46:00Z"}"#;
    assert_eq!(counts(since, None).0, (195, true, true));
}

#[test]
fn the_requests_are_those_of_the_api() {
    let account = Account::new().list("/leads/list", contacts(150));
    read_all(&account, request("leads", "{}"));
    assert_eq!(
        account.lines()[..2],
        [
            "GET /v1/leads/list?page=0&per_page=100&sort=last_update&sort_direction=desc",
            "GET /v1/leads/list?page=1&per_page=98&sort=last_update&sort_direction=desc",
        ]
    );
}

#[test]
fn what_is_told_ahead_is_what_comes_and_never_what_must_be_fresh() {
    let account = Account::new().list("/users/list", contacts(3_000));
    let brought = read_all(&account, request("users", "{}"));
    let lines = account.lines();
    assert_eq!(lines.len(), brought.pages.len());
    let mut surprises = Vec::new();
    for (page, next) in brought.pages.iter().zip(&lines[1..]) {
        let told = page.ahead.iter().any(|request| line(request) == *next);
        if !told {
            surprises.push(next.clone());
        }
    }
    // What follows the first page that is shorter than asked for, and the head of the next pass.
    let line = |page, size| {
        format!(
            "GET /v1/users/list?page={page}&per_page={size}&sort=last_update&sort_direction=desc"
        )
    };
    assert_eq!(surprises, [line(34, 88), line(0, 100)]);
}

#[test]
fn a_state_whose_numbers_make_no_sense_is_damaged() {
    let account = Account::new().list("/users/list", contacts(300));
    let page = crate::source::read(&account, &request("users", "{}")).expect("a page");
    for (sound, unsound) in [(r#""least":50"#, r#""least":0"#), (r#""most":100"#, r#""most":9000"#)]
    {
        assert!(page.state.contains(sound), "{}", page.state);
        let state = Some(page.state.replace(sound, unsound));
        let next = crate::source::sim::with_state("users", "{}", state);
        let failure = crate::source::read(&account, &next).expect_err("a damaged state");
        assert_eq!(failure.code, "damaged-state");
    }
}

#[test]
fn an_empty_account_is_complete() {
    let account = Account::new().list("/users/list", []);
    let brought = read_all(&account, request("users", "{}"));
    assert_eq!((brought.code(), brought.records.len()), ("complete", 0));
}

#[test]
fn a_failed_answer_loses_nothing() {
    for fault in [
        (429, r#"{"error":{"message":"slow down"}}"#),
        (200, r#"{"data":{"users":[{"crmhero_user_id":1}"#),
        (200, "<html>"),
        (200, r#"{"error":{"message":"oops"}}"#),
        (200, r#"{"data":{}}"#),
        (503, ""),
    ] {
        let account = Account::with(move |number, _, _| {
            (number % 3 == 1).then(|| Ok(answer(fault.0, fault.1)))
        });
        let account = account.list("/users/list", contacts(700));
        let brought = read_all(&account, request("users", "{}"));
        assert_eq!((brought.code(), ids(&brought)), ("complete", (1..=700).collect()), "{fault:?}");
    }
}

#[test]
fn a_refused_credential_stops_the_read() {
    let account = Account::with(|_, _, _| {
        Some(Ok(answer(500, r#"{"error":{"message":"Access token not found.","code":0}}"#)))
    });
    let brought = read_all(&account, request("users", "{}"));
    assert_eq!(brought.code(), "token-refused");
    assert_eq!(account.lines().len(), 1);
}

#[test]
fn a_refused_page_size_falls_back() {
    let account = Account::with(|_, request, _| {
        let refused = request.query.iter().any(|parameter| {
            parameter.name == "per_page"
                && parameter.value != [crate::bindings::http::Part::Text("50".into())]
        });
        refused.then(|| Ok(answer(400, r#"{"error":{"message":"per_page","code":0}}"#)))
    });
    let account = account.list("/users/list", contacts(333));
    let brought = read_all(&account, request("users", "{}"));
    assert_eq!((brought.code(), ids(&brought)), ("page-size", (1..=333).collect()));
    assert_eq!(brought.notices()[0], "page-size-refused");
}

#[test]
fn a_row_without_a_key_is_set_aside() {
    let row = r#"{"email":"x@example.com","last_update":"2024-07-15 10:49:00"}"#;
    let account = Account::new().list("/users/list", [row.to_owned(), contact(1, 100)]);
    let brought = read_all(&account, request("users", "{}"));
    assert_eq!((brought.code(), brought.records.len()), ("complete", 1));
    let quarantined: Vec<_> = brought.pages.iter().flat_map(|page| &page.quarantined).collect();
    assert_eq!((quarantined[0].raw.as_str(), quarantined[0].code.as_str()), (row, "no-key"));
}

#[test]
fn contacts_without_a_time_are_read_and_doubted_afterwards() {
    let row = |id: u64| format!(r#"{{"crmhero_user_id":{id},"last_update":null}}"#);
    let rows = contacts(300).chain((301..=700).map(row));
    let account = Account::new().list("/users/list", rows);
    let first = read_all(&account, request("users", "{}"));
    assert_eq!((first.code(), ids(&first)), ("complete", (1..=700).collect()));
    assert_eq!(first.notices(), ["cursor-missing"]);
    let next =
        read_all(&account, crate::source::sim::with_state("users", "{}", first.state.clone()));
    assert_eq!(next.code(), "cursor-missing");
}

#[test]
fn a_start_date_leaves_out_what_is_older() {
    let account = Account::new().list("/users/list", contacts(400));
    let brought = read_all(&account, request("users", r#"{"start_date":"2024-07-15T10:46:00Z"}"#));
    assert_eq!((brought.code(), ids(&brought)), ("complete", (1..=195).collect()));
}

/// The code with which a read of `account` ends, and how many contacts it brought.
fn check(account: &Account, code: &str, count: usize) -> Brought {
    let brought = read_all(account, request("users", "{}"));
    assert_eq!((brought.code(), ids(&brought).len()), (code, count));
    brought
}

/// An account whose pages are asked for as `(page, per_page)` and given as the rows of another.
fn paged(rows: u64, given: impl Fn(u64, u64) -> (u64, u64) + 'static) -> Account {
    let rows: Vec<_> = contacts(rows).collect();
    Account::with(move |_, request, _| {
        let number = |name: &str| {
            let found = request.query.iter().find(|parameter| parameter.name == name);
            let value = found.map(|parameter| crate::transport::testing::value(&parameter.value));
            value.and_then(|text| text.parse::<u64>().ok()).expect("a number")
        };
        let (skip, take) = given(number("page"), number("per_page"));
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let page: Vec<_> = rows.iter().skip(size(skip)).take(size(take)).cloned().collect();
        Some(Ok(answer(200, &format!(r#"{{"data":{{"users":[{}]}}}}"#, page.join(",")))))
    })
}

#[test]
fn a_cap_on_the_page_size_is_followed() {
    for cap in [25, 50, 99] {
        let account = paged(400, move |page, size| {
            let size = size.min(cap);
            (page * size, size)
        });
        let brought = check(&account, "complete", 400);
        assert_eq!(brought.notices(), ["page-size-capped"]);
    }
}

#[test]
fn pages_numbered_from_1_are_found_out() {
    let account = paged(400, |page, size| (page.saturating_sub(1) * size, size));
    check(&account, "page-numbering", 100);
}

#[test]
fn a_page_number_that_is_ignored_is_found_out() {
    check(&paged(400, |_, size| (0, size)), "page-numbering", 100);
}

#[test]
fn a_last_page_that_repeats_for_ever_is_found_out() {
    let account = paged(437, |page, size| (page.min(436 / size) * size, size));
    check(&account, "no-progress", 437);
}

#[test]
fn a_list_that_is_not_sorted_as_asked_is_found_out() {
    let account = Account::new().list("/users/list", [contact(1, 5), contact(2, 4)]);
    check(&account, "order-broken", 0);
}

#[test]
fn a_hole_in_the_list_is_never_its_end() {
    // From row 200 on pages are empty, and yet there are rows further on.
    let account = paged(400, |page, size| {
        let start = page * size;
        if (200..300).contains(&start) { (0, 0) } else { (start, size.min(300)) }
    });
    let brought = read_all(&account, request("users", "{}"));
    assert!(brought.code() == "no-progress" || ids(&brought).len() == 400, "{}", brought.code());
}

#[test]
fn one_short_or_empty_answer_in_the_middle_loses_nothing() {
    for rows in [0, 1, 40] {
        for bad in 0..8 {
            let seen = std::cell::Cell::new(0);
            let account = paged(500, move |page, size| {
                let number = seen.replace(seen.get() + 1);
                (page * size, if number == bad { rows } else { size })
            });
            check(&account, "complete", 500);
        }
    }
}

#[test]
fn a_second_of_hundreds_of_contacts_is_read_whole() {
    let rows = (1..=900).map(|id| contact(id, i64::from(id > 150) + i64::from(id > 800)));
    let account = Account::new().list("/users/list", rows);
    check(&account, "complete", 900);
}

#[test]
fn a_full_read_begins_anew_where_an_incremental_one_stopped() {
    let account = Account::new().list("/users/list", contacts(5_000));
    let first = read_all(&account, request("users", "{}"));
    let state = ReadRequest {
        mode: Mode::Incremental,
        ..crate::source::sim::with_state("users", "{}", first.state)
    };
    let under_way = crate::source::read(&account, &state).expect("a page");
    assert_eq!(under_way.progress, Progress::More);
    let full = ReadRequest { mode: Mode::Full, state: Some(under_way.state), ..state };
    let full = read_all(&account, full);
    assert_eq!((full.code(), ids(&full).len()), ("complete", 5_000));
}

proptest::proptest! {
    #[test]
    fn a_state_that_was_tampered_with_is_refused_or_read_and_never_a_panic(
        pages in 1_usize..12, at in 0_usize..2_000, to in "[0-9a-z\"{},:.-]{0,3}",
    ) {
        let rows = (1..=600).map(|id| contact(id, i64::from(id > 150) + i64::from(id > 500)));
        let account = Account::new().list("/users/list", rows);
        let mut state = None;
        for _ in 0..pages {
            let page = crate::source::read(&account, &crate::source::sim::with_state("users", "{}", state));
            state = Some(page.expect("a page").state);
        }
        let mut text = state.expect("a state");
        let at = text.floor_char_boundary(at % text.len());
        text.replace_range(at..(at + 1).min(text.len()), &to);
        let _ = crate::source::read(&account, &crate::source::sim::with_state("users", "{}", Some(text)));
    }
}
