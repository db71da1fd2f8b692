//! A small Customerly behind the transport, for whole reads, and the loop that a host runs.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::Transport;
use crate::bindings::http::{HttpError, Part, Request, Response};
use crate::bindings::source::{Counts, Mode, Page, Progress, ReadRequest};
use crate::bindings::types::{Action, Failure, Limits, Settings};
use crate::transport::testing::{answer, line};

/// Given the number of a request, from 0, the request and the account: an answer instead.
type Fault = dyn Fn(usize, &Request, &Account) -> Option<Result<Response, HttpError>>;

/// An account: what each list holds, and what goes wrong.
pub(crate) struct Account {
    /// The rows of a path, as texts, in the order in which they are listed.
    rows: RefCell<BTreeMap<String, Vec<String>>>,
    /// Asked before each request is answered.
    fault: Box<Fault>,
    requests: RefCell<Vec<String>>,
}

impl Account {
    pub(crate) fn new() -> Self {
        Account::with(|_, _, _| None)
    }

    pub(crate) fn with(
        fault: impl Fn(usize, &Request, &Account) -> Option<Result<Response, HttpError>> + 'static,
    ) -> Self {
        Account { rows: RefCell::default(), fault: Box::new(fault), requests: RefCell::default() }
    }

    pub(crate) fn list(self, path: &str, rows: impl IntoIterator<Item = String>) -> Self {
        self.rows.borrow_mut().insert(path.into(), rows.into_iter().collect());
        self
    }

    pub(crate) fn change(&self, path: &str, change: impl FnOnce(&mut Vec<String>)) {
        change(self.rows.borrow_mut().get_mut(path).expect("a list"));
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.requests.borrow().clone()
    }
}

impl Transport for Account {
    fn send(&self, request: &Request) -> Result<Response, HttpError> {
        let number = self.requests.borrow().len();
        self.requests.borrow_mut().push(line(request));
        if let Some(answer) = (self.fault)(number, request, self) {
            return answer;
        }
        let path = request.url.strip_prefix("https://api.customerly.io/v1").expect("the base URL");
        let query = |name: &str| {
            let found = request.query.iter().find(|parameter| parameter.name == name)?;
            let [Part::Text(text)] = found.value.as_slice() else { return None };
            Some(text.clone())
        };
        let lists = self.rows.borrow();
        let key = match query("knowledge_base_collection_id") {
            Some(id) => format!("{path}?{id}"),
            None => match query("email") {
                Some(email) => format!("{path}?{email}"),
                None => path.to_owned(),
            },
        };
        let Some(rows) = lists.get(&key) else {
            let unknown = r#"{"error":{"message":"User doesn't exist","code":0}}"#;
            return Ok(answer(500, unknown));
        };
        let number = |name: &str| query(name).and_then(|text| text.parse::<usize>().ok());
        let rows = match (number("page"), number("per_page")) {
            (Some(page), Some(size)) => {
                rows.iter().skip(page.saturating_mul(size)).take(size).cloned().collect()
            }
            _ => rows.clone(),
        };
        let rows = rows.join(",");
        Ok(answer(
            200,
            &match path {
                "/users/list" => format!(r#"{{"data":{{"users":[{rows}]}}}}"#),
                "/leads/list" => format!(r#"{{"data":{{"leads":[{rows}]}}}}"#),
                "/users" | "/leads" => format!(r#"{{"data":{rows}}}"#),
                _ => format!(r#"{{"data":[{rows}]}}"#),
            },
        ))
    }
}

/// A contact whose `last_update` is so many seconds before the newest.
pub(crate) fn contact(id: u64, age: i64) -> String {
    let stamp = super::stamp::Stamp::at(1_721_040_555 - age);
    format!(r#"{{"crmhero_user_id":{id},"email":"c{id}@example.com","last_update":"{stamp}"}}"#)
}

/// So many contacts, the newest first, a second apart.
pub(crate) fn contacts(count: u64) -> impl Iterator<Item = String> {
    (1..=count).map(|id| contact(id, i64::try_from(id).expect("a small number")))
}

/// A request for a stream, with no state and generous limits.
pub(crate) fn request(stream: &str, options: &str) -> ReadRequest {
    ReadRequest {
        settings: Settings { values: "{}".into(), secrets: vec!["api_key".into()] },
        stream_name: stream.into(),
        options: options.into(),
        mode: Mode::Incremental,
        state: None,
        limits: Limits { requests: 1, records: 1_000, bytes: 1 << 20 },
        now_ms: 1_721_040_600_000,
    }
}

/// The request that goes on from a state.
pub(crate) fn with_state(stream: &str, options: &str, state: Option<String>) -> ReadRequest {
    ReadRequest { state, ..request(stream, options) }
}

/// What a whole read brought.
#[derive(Debug)]
pub(crate) struct Brought {
    pub(crate) records: Vec<String>,
    pub(crate) pages: Vec<Page>,
    pub(crate) state: Option<String>,
    pub(crate) end: Result<Progress, Box<Failure>>,
}

impl Brought {
    pub(crate) fn code(&self) -> &str {
        match &self.end {
            Ok(Progress::Stopped(failure)) => &failure.code,
            Err(failure) => &failure.code,
            Ok(Progress::CompleteUnproved(notices)) => &notices[0].code,
            Ok(Progress::Complete) => "complete",
            Ok(Progress::More) => "more",
        }
    }

    pub(crate) fn notices(&self) -> Vec<&str> {
        let notices = self.pages.iter().flat_map(|page| &page.notices);
        notices.map(|notice| notice.code.as_str()).collect()
    }
}

/// Reads until the stream ends, as a host does: again where a failure says so, three times at most.
pub(crate) fn read_all(transport: &impl Transport, mut request: ReadRequest) -> Brought {
    let mut brought =
        Brought { records: Vec::new(), pages: Vec::new(), state: None, end: Ok(Progress::More) };
    let mut tries = 0;
    for _ in 0..10_000 {
        match super::read(transport, &request) {
            Ok(page) => {
                check(&page);
                brought.records.extend(page.records.iter().cloned());
                request.state = Some(page.state.clone());
                brought.state = request.state.clone();
                brought.pages.push(*page.clone());
                match page.progress {
                    Progress::More => tries = 0,
                    Progress::Stopped(failure) if again(&failure, &mut tries) => {}
                    end => {
                        brought.end = Ok(end);
                        return brought;
                    }
                }
            }
            Err(failure) if again(&failure, &mut tries) => {}
            Err(failure) => {
                brought.end = Err(failure);
                return brought;
            }
        }
    }
    panic!("the read does not end");
}

fn again(failure: &Failure, tries: &mut u32) -> bool {
    *tries += 1;
    failure.action == Action::RetryLater && *tries <= 3
}

/// What holds for every page.
fn check(page: &Page) {
    let Counts { received, emitted, duplicates, filtered, quarantined, recovered } = page.counts;
    assert_eq!(received, emitted + duplicates + filtered + quarantined, "{:?}", page.counts);
    assert!(recovered <= emitted, "{:?}", page.counts);
    assert_eq!(page.records.len(), emitted as usize);
    assert_eq!(page.quarantined.len(), quarantined as usize);
    assert!(page.state.len() <= 16 * 1024, "{}", page.state.len());
    assert!(page.ahead.iter().all(|request| request.method == "GET"));
}
