//! Reads contacts in detail: page by page through their list, and one request for each.
//!
//! The list has the fields of a contact, and only the answer for one contact has segments, tags,
//! totals of events and companies (single source). Nothing but the page number says where the walk
//! stands, so contacts that move while they are read may be missed, and only a list that one page holds is
//! read whole for sure.

use std::borrow::Cow;

use super::contacts::List;
use super::fields::fields;
use super::page::ended;
use super::pages::{Pages, page_by_page};
use super::rows;
use super::snapshot::unexpected;
use super::sorted::{Shape, Sorted};
use super::state;
use crate::Transport;
use crate::api::{Api, interpret};
use crate::bindings::http::{Body, Request, Response};
use crate::bindings::source::{Page, Progress};
use crate::bindings::types::{Failure, Limits, Notice};
use crate::json::{Store, Value, Writer, quote, stored, string};

/// The field that names a contact.
pub(crate) const KEY: &str = "crmhero_user_id";

/// Rows on a page, as every known client asks for.
const PER_PAGE: usize = 50;

/// So many bytes of ids may wait in a state.
const MOST_WAITING: usize = 10 * 1024;

/// So many of the next requests are told ahead.
const AHEAD: usize = 6;

#[derive(Default)]
struct At {
    run: Option<Run>,
}

stored!(At { run });

/// A run under way.
#[derive(Default)]
struct Run {
    /// Where the walk through the list stands.
    pages: Pages,
    /// Contacts of the page to ask for that were taken already, where not all of it fits a state.
    skip: usize,
    /// Contacts to ask for, the next one last.
    waiting: Vec<Id>,
    /// Whether the list has come to its end.
    listed: bool,
    /// Contacts that were listed and are not found.
    gone: u64,
}

stored!(Run { pages, skip, waiting, listed, gone });

/// What a contact is asked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Id {
    Email(String),
    UserId(String),
}

impl Store for Id {
    fn write(&mut self, out: &mut String) {
        let (name, value) = self.parameter();
        let mut id = Writer::new(out);
        quote(value, id.name(name));
        id.end();
    }

    fn read(&mut self, value: &Value<'_>) -> bool {
        let of = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let id = of("email").map(Id::Email).or_else(|| of("user_id").map(Id::UserId));
        id.map(|id| *self = id).is_some()
    }
}

impl Default for Id {
    fn default() -> Self {
        Id::Email(String::new())
    }
}

impl Id {
    /// Of a row of the list. Leads are known by their address only.
    fn of(row: &str, list: List) -> Option<Self> {
        let found = fields(row, &["email", "user_id"])?;
        let email = found[0].and_then(text).map(Id::Email);
        match list {
            List::Leads => email,
            List::Users => email.or_else(|| found[1].and_then(text).map(Id::UserId)),
        }
    }

    fn parameter(&self) -> (&'static str, &str) {
        match self {
            Id::Email(email) => ("email", email),
            Id::UserId(id) => ("user_id", id),
        }
    }
}

/// A text, or a number as one; none if it is empty.
fn text(raw: &str) -> Option<String> {
    let number = raw.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let text = if number { Some(raw.to_owned()) } else { string(raw).map(Cow::into_owned) };
    text.filter(|text| !text.trim().is_empty())
}

/// Name of the stream.
pub(crate) fn stream(list: List) -> &'static str {
    match list {
        List::Leads => "lead_details",
        List::Users => "user_details",
    }
}

/// Reads a page: as many contacts as the limits allow.
pub(crate) fn read(
    transport: &impl Transport,
    api: &Api,
    list: List,
    state: Option<&str>,
    limits: &Limits,
) -> Result<Box<Page>, Box<Failure>> {
    let at = match state {
        Some(text) => state::read::<At>(stream(list), text)?,
        None => At::default(),
    };
    let mut run = at.run.unwrap_or_default();
    let mut sorted = Sorted::new();
    let mut sent = 0;
    while !run.is_done() {
        let step = match run.waiting.last().cloned() {
            None => read_list(transport, api, list, &mut run, &mut sorted),
            Some(id) => read_one(transport, api, list, &id, &mut run, &mut sorted),
        };
        match step {
            Ok(()) => sent += 1,
            Err(failure) if sent == 0 => return Err(failure),
            Err(failure) => {
                let mut page = page(api, list, sorted, run);
                page.progress = Progress::Stopped(*failure);
                return Ok(page);
            }
        }
        let enough =
            |limit: u32, so_far: usize| usize::try_from(limit).is_ok_and(|most| so_far >= most);
        if sent >= limits.requests
            || enough(limits.records, sorted.len())
            || enough(limits.bytes, sorted.bytes())
        {
            break;
        }
    }
    Ok(page(api, list, sorted, run))
}

/// Reads a page of the list.
fn read_list(
    transport: &impl Transport,
    api: &Api,
    list: List,
    run: &mut Run,
    sorted: &mut Sorted,
) -> Result<(), Box<Failure>> {
    let (page, size) = (run.pages.page().to_string(), PER_PAGE.to_string());
    let query = [
        ("page", page.as_str()),
        ("per_page", size.as_str()),
        ("sort", "last_update"),
        ("sort_direction", "desc"),
    ];
    let response = transport.send(&api.get(&format!("/{}/list", list.name()), &query))?;
    let rows = listed(&response, list)?;
    let mut pages = run.pages;
    let is_last = pages.take(&rows, PER_PAGE)?;
    let mut bytes = 0;
    let mut taken = run.skip;
    for row in rows.iter().skip(run.skip) {
        match Id::of(row, list) {
            None => sorted.quarantine(
                row,
                "no-address",
                "The contact has nothing that it could be asked for by: no e-mail address, and no user_id of a user.",
            ),
            Some(id) if id.parameter().1.len() > MOST_WAITING => sorted.quarantine(
                row,
                "long-address",
                "What the contact would be asked for by is longer than a state may hold.",
            ),
            Some(id) => {
                // A quote, a comma and the name of the field; a character may take six in JSON.
                let mut quoted = String::new();
                quote(id.parameter().1, &mut quoted);
                bytes += 16 + quoted.len();
                if bytes > MOST_WAITING && !run.waiting.is_empty() {
                    break;
                }
                run.waiting.push(id);
            }
        }
        taken += 1;
    }
    run.waiting.reverse();
    if taken < rows.len() {
        run.skip = taken;
        run.pages.tear();
    } else {
        (run.skip, run.pages, run.listed) = (0, pages, is_last);
    }
    Ok(())
}

/// The texts of the rows of a list.
fn listed(response: &Response, list: List) -> Result<Vec<&str>, Box<Failure>> {
    interpret(response)?;
    let contacts = match &response.body {
        Body::Text(text) => rows::contacts(text, list.name()),
        Body::Bytes(_) => None,
    };
    let contacts = contacts.ok_or_else(|| unexpected(response, list.name()))?;
    Ok(contacts.into_iter().map(|contact| contact.raw).collect())
}

/// Reads one contact.
fn read_one(
    transport: &impl Transport,
    api: &Api,
    list: List,
    id: &Id,
    run: &mut Run,
    sorted: &mut Sorted,
) -> Result<(), Box<Failure>> {
    let response = transport.send(&request(api, list, id))?;
    match interpret(&response) {
        Ok(answer) => {
            let row = answer.data.filter(|row| row.starts_with('{'));
            let row = row.ok_or_else(|| unexpected(&response, "the fields of a contact"))?;
            sorted.add(row, Shape { key: &[KEY], scalars: false, map: true });
        }
        Err(failure) if failure.code == "not-found" => {
            run.gone = run.gone.saturating_add(1);
            let message =
                "A contact was listed, and is not found: it was deleted or changed meanwhile.";
            sorted.leave_out(Notice::new("contact-gone", message));
        }
        Err(failure) => return Err(failure),
    }
    run.waiting.pop();
    Ok(())
}

fn request(api: &Api, list: List, id: &Id) -> Request {
    api.get(&format!("/{}", list.name()), &[id.parameter()])
}

impl Run {
    fn is_done(&self) -> bool {
        self.listed && self.waiting.is_empty()
    }

    fn end(&self) -> Progress {
        let gone = (self.gone > 0).then(|| {
            let message = format!(
                "{} contacts were listed and then not found: deleted meanwhile, or changed.",
                self.gone
            );
            Notice::new("contacts-gone", message)
        });
        let torn = self.pages.is_torn().then(|| page_by_page("contacts"));
        ended(gone.into_iter().chain(torn).collect())
    }
}

fn page(api: &Api, list: List, sorted: Sorted, run: Run) -> Box<Page> {
    if run.is_done() {
        let mut page = sorted.into_page(state::write(stream(list), &mut At { run: None }));
        page.progress = run.end();
        return page;
    }
    let ahead = run.waiting.iter().rev().take(AHEAD).map(|id| request(api, list, id)).collect();
    let mut page = sorted.into_page(state::write(stream(list), &mut At { run: Some(run) }));
    page.ahead = ahead;
    page
}

#[cfg(test)]
mod tests {
    use super::super::sim::{Account, Brought, read_all, request};
    use super::*;
    use crate::bindings::source::ReadRequest;
    use crate::transport::testing::answer;

    fn row(id: u64, email: &str) -> String {
        format!(
            r#"{{"crmhero_user_id":{id},"email":"{email}","last_update":"2024-07-15 10:49:15"}}"#
        )
    }

    fn filled(account: Account, list: &str, count: u64, long: usize) -> Account {
        let email = move |id: u64| format!("{}{id}@example.com", "x".repeat(long));
        let account =
            account.list(&format!("/{list}/list"), (1..=count).map(|id| row(id, &email(id))));
        (1..=count).fold(account, |account, id| {
            let detail = format!(r#"{{"crmhero_user_id":{id},"user_tags":["beta"]}}"#);
            account.list(&format!("/{list}?{}", email(id)), [detail])
        })
    }

    fn check(
        account: &Account,
        requests: u32,
        stream: &str,
        code: &str,
        contacts: usize,
    ) -> Brought {
        let limits = Limits { requests, records: 1_000, bytes: 1 << 20 };
        let brought = read_all(account, ReadRequest { limits, ..request(stream, "{}") });
        let mut records = brought.records.clone();
        records.sort_unstable();
        records.dedup();
        assert_eq!((brought.code(), records.len()), (code, contacts));
        brought
    }

    #[test]
    fn every_contact_is_read_in_detail_with_any_number_of_requests_a_call() {
        for requests in [1, 2, 7, 1_000] {
            check(
                &filled(Account::new(), "users", 120, 0),
                requests,
                "user_details",
                "page-by-page",
                120,
            );
            check(&filled(Account::new(), "leads", 3, 0), requests, "lead_details", "complete", 3);
        }
        check(&Account::new().list("/users/list", []), 1, "user_details", "complete", 0);
    }

    #[test]
    fn only_a_list_of_one_page_that_a_state_holds_is_read_whole_for_sure() {
        for (contacts, long, code) in [
            (49, 0, "complete"),
            (50, 0, "page-by-page"),
            (51, 0, "page-by-page"),
            (40, 900, "page-by-page"),
        ] {
            let account = filled(Account::new(), "users", contacts, long);
            let contacts = usize::try_from(contacts).expect("a few");
            check(&account, 7, "user_details", code, contacts);
        }
    }

    #[test]
    fn an_empty_map_of_attributes_is_written_as_one() {
        let answer = r#"{"crmhero_user_id":1,"attributes":[ ],"user_tags":[]}"#;
        let account = Account::new()
            .list("/users/list", [row(1, "1@example.com")])
            .list("/users?1@example.com", [answer.to_owned()]);
        let brought = check(&account, 10, "user_details", "complete", 1);
        let record = r#"{"crmhero_user_id":1,"attributes":{},"user_tags":[]}"#;
        assert_eq!(brought.records, [record]);
    }

    #[test]
    fn a_call_sends_no_more_than_it_may_and_tells_what_comes() {
        let account = filled(Account::new(), "users", 20, 0);
        let limits = Limits { requests: 5, records: 1_000, bytes: 1 << 20 };
        let page =
            super::super::read(&account, &ReadRequest { limits, ..request("user_details", "{}") });
        let page = page.expect("a page");
        assert_eq!((account.lines().len(), page.records.len(), page.ahead.len()), (5, 4, AHEAD));
        assert_eq!(
            crate::transport::testing::line(&page.ahead[0]),
            "GET /v1/users?email=5@example.com"
        );
    }

    #[test]
    fn long_addresses_wait_in_a_bounded_state() {
        check(&filled(Account::new(), "users", 60, 900), 1, "user_details", "page-by-page", 60);
    }

    #[test]
    fn a_failure_in_the_middle_of_a_call_keeps_what_came_before() {
        let faulty = Account::with(|number, _, _| {
            [3, 17, 40].contains(&number).then(|| Ok(answer(429, "")))
        });
        let account = filled(faulty, "users", 60, 0);
        let brought = check(&account, 10, "user_details", "page-by-page", 60);
        assert_eq!(brought.records.len(), 60);
        let stopped = |page: &&Page| matches!(page.progress, Progress::Stopped(_));
        let stopped: Vec<_> = brought.pages.iter().filter(stopped).collect();
        assert_eq!((stopped.len(), stopped[0].records.len()), (3, 2));
    }

    #[test]
    fn a_contact_that_is_gone_or_cannot_be_asked_for_is_told() {
        let rows = [
            row(1, "1@example.com"),
            row(2, "gone@example.com"),
            r#"{"crmhero_user_id":3}"#.to_owned(),
            "7".to_owned(),
        ];
        let account = filled(Account::new(), "users", 1, 0).list("/users/list", rows);
        let brought = check(&account, 10, "user_details", "contacts-gone", 1);
        assert_eq!(brought.notices(), ["contact-gone"]);
        let quarantined = brought.pages.iter().map(|page| page.counts.quarantined).sum::<u32>();
        assert_eq!(quarantined, 2);
    }

    #[test]
    fn a_user_without_an_address_is_asked_for_by_its_id_and_a_lead_is_not() {
        for (row, list, expected) in [
            (r#"{"email":"a@x.co","user_id":"u"}"#, List::Users, Some(Id::Email("a@x.co".into()))),
            (r#"{"email":null,"user_id":"u"}"#, List::Users, Some(Id::UserId("u".into()))),
            (
                r#"{"email":"","user_id":12345678901234567890}"#,
                List::Users,
                Some(Id::UserId("12345678901234567890".into())),
            ),
            (r#"{"email":"\ud800","user_id":[]}"#, List::Users, None),
            (r#"{"user_id":"u"}"#, List::Leads, None),
        ] {
            assert_eq!(Id::of(row, list), expected, "{row}");
        }
    }

    #[test]
    fn an_answer_that_is_no_contact_is_a_failure() {
        let faulty =
            Account::with(|number, _, _| (number > 0).then(|| Ok(answer(200, r#"{"data":[]}"#))));
        check(&filled(faulty, "users", 1, 0), 1, "user_details", "unexpected-answer", 0);
    }
}
