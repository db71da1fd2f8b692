//! Reads `users` and `leads`: one request a call, a state after every page.

mod words;

use self::words::{doubt, halted, lesson};
use super::fields::one_line;
use super::fresh::Fresh;
use super::key::Key;
use super::options::ContactOptions;
use super::page::blank;
use super::rows::{self, Contact};
use super::stamp::Stamp;
use super::state;
use super::walk::{Ask, Doubt, Lesson, Reach, Row, Verdict, Walk};
use crate::Transport;
use crate::api::{Api, interpret};
use crate::bindings::http::{Body, Request, Response};
use crate::bindings::source::{BadRecord, Counts, Mode, Page, Progress};
use crate::bindings::types::{Action, Failure, Notice};
use crate::json::stored;
use crate::words::has;

/// One of the two lists of contacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    /// Contacts without an account.
    Leads,
    /// Contacts with one.
    Users,
}

impl List {
    /// Its name: of the stream, and of the field that holds its rows.
    pub(crate) fn name(self) -> &'static str {
        match self {
            List::Leads => "leads",
            List::Users => "users",
        }
    }

    fn path(self) -> &'static str {
        match self {
            List::Leads => "/leads/list",
            List::Users => "/users/list",
        }
    }
}

/// The state of a stream of contacts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct At {
    /// The mark that the last finished run ended with.
    mark: Option<Stamp>,
    /// Whether that run saw rows without a time.
    unstamped: bool,
    /// The run under way.
    run: Option<Run>,
}

stored!(At { mark, unstamped, run });

/// A run under way.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
struct Run {
    full: bool,
    walk: Walk,
    fresh: Fresh,
}

stored!(Run { full, walk, fresh });

/// So many of the next requests are told ahead.
const AHEAD: usize = 6;

/// Reads a page.
pub(crate) fn read(
    transport: &impl Transport,
    api: &Api,
    list: List,
    options: ContactOptions,
    mode: Mode,
    state: Option<&str>,
) -> Result<Box<Page>, Box<Failure>> {
    let mut at = match state {
        Some(text) => state::read::<At>(list.name(), text)?,
        None => At::default(),
    };
    let mut run = go_on(&mut at, options, mode)?;
    let ask = run.walk.ask();
    let response = transport.send(&request(api, list, ask))?;
    let contacts = match contacts(&response, list) {
        Ok(contacts) => contacts,
        Err(failure) => {
            let Some(notice) = refused(&failure, ask, &mut run) else {
                return Err(failure);
            };
            at.run = Some(run);
            let mut page = page(list, &mut at, api);
            page.notices.push(notice);
            return Ok(page);
        }
    };
    let rows: Vec<_> = contacts.iter().map(row).collect();
    let taken = run.walk.take(&rows).map_err(halted)?;
    let mut sorted = Sorted::default();
    for (contact, verdict) in contacts.iter().zip(taken.verdicts) {
        let emits = matches!(verdict, Verdict::Emit { .. });
        let seen = emits && run.walk.is_fresh(contact.stamp) && run.fresh.has_seen(contact.raw);
        sorted.add(contact, if seen { Verdict::Duplicate } else { verdict });
    }
    let notices = taken.lessons.into_iter().map(lesson).collect();
    let progress = if taken.done { end(&run, &at) } else { Progress::More };
    if taken.done {
        at.unstamped = run.walk.has_unstamped() || (at.unstamped && !run.full);
        at.mark = run.walk.mark();
    } else {
        at.run = Some(run);
    }
    let mut page = page(list, &mut at, api);
    page.records = sorted.records;
    page.quarantined = sorted.quarantined;
    page.counts = sorted.counts;
    page.notices = notices;
    page.progress = progress;
    Ok(page)
}

/// The run that the state is in, or the next one. A full run that was asked for does not go on from
/// an incremental one.
fn go_on(at: &mut At, options: ContactOptions, mode: Mode) -> Result<Run, Box<Failure>> {
    if let Some(run) = at.run.take().filter(|run| run.full || mode == Mode::Incremental) {
        return if run.walk.is_sound() {
            Ok(run)
        } else {
            Err(state::damaged("its numbers make no sense"))
        };
    }
    let since = options.start_date;
    let reach = match (mode, at.mark) {
        (Mode::Incremental, Some(mark)) => {
            Reach::Changes { mark, lookback: options.lookback, since }
        }
        (Mode::Incremental | Mode::Full, _) => Reach::Full { since },
    };
    let full = matches!(reach, Reach::Full { .. });
    Ok(Run { full, walk: Walk::new(reach, options.page_size), fresh: Fresh::default() })
}

fn request(api: &Api, list: List, ask: Ask) -> Request {
    let (page, per_page) = (ask.page.to_string(), ask.per_page.to_string());
    let query = [
        ("page", page.as_str()),
        ("per_page", per_page.as_str()),
        ("sort", "last_update"),
        ("sort_direction", "desc"),
    ];
    api.get(list.path(), &query)
}

/// The rows of an answer, or what is wrong with it.
fn contacts(response: &Response, list: List) -> Result<Vec<Contact<'_>>, Box<Failure>> {
    if let (Body::Text(text), 200..300) = (&response.body, response.status)
        && let Some(contacts) = rows::contacts(text, list.name())
    {
        return Ok(contacts);
    }
    interpret(response)?;
    let message =
        format!("Customerly answered {} without a list of {}.", response.status, list.name());
    Err(Failure::new(Action::RetryLater, "unexpected-answer", message))
}

fn row(contact: &Contact<'_>) -> Row {
    Row { key: Key::of(contact.key.unwrap_or(contact.raw)), stamp: contact.stamp }
}

/// Whether a failure refuses the page size: then the run goes on with another.
fn refused(failure: &Failure, ask: Ask, run: &mut Run) -> Option<Notice> {
    let excerpt = failure.upstream.as_ref().and_then(|upstream| upstream.excerpt.as_deref());
    let named = excerpt.is_some_and(|excerpt| has(excerpt, "per_page"));
    let refused = failure.code == "request-refused" || (failure.code == "service-error" && named);
    let lesson = refused.then(|| run.walk.refuse()).flatten()?;
    Some(match lesson {
        Lesson::Refused(size) | Lesson::Fixed(size) => Notice::new(
            "page-size-refused",
            format!("Customerly refused pages of {} rows; going on with {size}.", ask.per_page),
        ),
        other => words::lesson(other),
    })
}

/// Rows sorted by what becomes of them.
#[derive(Default)]
struct Sorted {
    records: Vec<String>,
    quarantined: Vec<BadRecord>,
    counts: Counts,
}

impl Sorted {
    fn add(&mut self, contact: &Contact<'_>, verdict: Verdict) {
        self.counts.received += 1;
        match verdict {
            Verdict::Duplicate => self.counts.duplicates += 1,
            Verdict::Emit { .. } if contact.key.is_none() => {
                self.counts.quarantined += 1;
                self.quarantined.push(without_key(contact));
            }
            Verdict::Emit { recovered } => {
                self.counts.emitted += 1;
                self.counts.recovered += u32::from(recovered);
                self.records.push(contact.record());
            }
            Verdict::Skip => self.counts.filtered += 1,
        }
    }
}

fn without_key(contact: &Contact<'_>) -> BadRecord {
    let (code, message) = if contact.raw.starts_with('{') {
        ("no-key", "The row has no crmhero_user_id that is a number or a text.")
    } else {
        ("not-an-object", "The row is not a JSON object.")
    };
    BadRecord { raw: one_line(contact.raw), code: code.into(), message: message.into() }
}

/// How a finished run stands.
fn end(run: &Run, at: &At) -> Progress {
    let mut doubts = run.walk.doubts().to_vec();
    if !run.full && (run.walk.has_unstamped() || at.unstamped) {
        doubts.push(Doubt::CursorMissing);
    }
    if doubts.is_empty() {
        Progress::Complete
    } else {
        Progress::CompleteUnproved(doubts.into_iter().map(doubt).collect())
    }
}

/// A page without rows.
fn page(list: List, at: &mut At, api: &Api) -> Box<Page> {
    let walk = at.run.as_ref().map(|run| &run.walk);
    let ahead = walk.map(|walk| walk.ahead(AHEAD)).unwrap_or_default();
    let mark = walk.map_or(at.mark, Walk::mark).map(|mark| mark.to_string());
    let mut page = blank(state::write(list.name(), at));
    page.mark = mark;
    page.ahead = ahead.into_iter().map(|ask| request(api, list, ask)).collect();
    page
}

#[cfg(test)]
mod tests {
    use super::super::sim::{Account, Brought, contact, contacts, read_all, request};
    use super::*;
    use crate::bindings::source::ReadRequest;
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
        assert_eq!(first.pages[0].ahead.len(), AHEAD);
        account.change("/users/list", |rows| {
            rows.remove(200);
            rows.insert(0, contact(77, -5));
            rows.insert(0, contact(9_001, -6));
        });
        let before = account.lines().len();
        let state = first.state.clone();
        let next =
            read_all(&account, super::super::sim::with_state("users", r#"{"lookback":0}"#, state));
        assert_eq!((next.code(), ids(&next)), ("complete", vec![1, 77, 9_001]));
        assert_eq!(account.lines().len() - before, 1);
        assert_eq!(next.pages[0].mark.as_deref(), Some("2024-07-15 10:49:21"));
    }

    #[test]
    fn the_requests_are_those_of_the_api() {
        let account = Account::new().list("/leads/list", contacts(150));
        read_all(&account, request("leads", "{}"));
        assert_eq!(
            account.lines()[..2],
            [
                "GET /v1/leads/list?page=0&per_page=100&sort=last_update&sort_direction=desc",
                "GET /v1/leads/list?page=1&per_page=97&sort=last_update&sort_direction=desc",
            ]
        );
    }

    #[test]
    fn what_is_told_ahead_is_what_comes_and_never_a_head() {
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
        let head = "GET /v1/users/list?page=0&per_page=100&sort=last_update&sort_direction=desc";
        assert_eq!(surprises, [head]);
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
            assert_eq!(
                (brought.code(), ids(&brought)),
                ("complete", (1..=700).collect()),
                "{fault:?}"
            );
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
            read_all(&account, super::super::sim::with_state("users", "{}", first.state.clone()));
        assert_eq!(next.code(), "cursor-missing");
    }

    #[test]
    fn a_start_date_leaves_out_what_is_older() {
        let account = Account::new().list("/users/list", contacts(400));
        let brought =
            read_all(&account, request("users", r#"{"start_date":"2024-07-15T10:46:00Z"}"#));
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
                let value =
                    found.map(|parameter| crate::transport::testing::value(&parameter.value));
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
        assert!(
            brought.code() == "no-progress" || ids(&brought).len() == 400,
            "{}",
            brought.code()
        );
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
            ..super::super::sim::with_state("users", "{}", first.state)
        };
        let under_way = super::super::read(&account, &state).expect("a page");
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
                let page = super::super::read(&account, &super::super::sim::with_state("users", "{}", state));
                state = Some(page.expect("a page").state);
            }
            let mut text = state.expect("a state");
            let at = text.floor_char_boundary(at % text.len());
            text.replace_range(at..(at + 1).min(text.len()), &to);
            let _ = super::super::read(&account, &super::super::sim::with_state("users", "{}", Some(text)));
        }
    }
}
