//! The emulator as its clients meet it: over HTTP, and through its handle.

mod admin;
mod auth;
mod faults;
mod lifecycle;
mod moving;
mod reads;
mod writes;

use customerly_emulator::{Config, Data, Emulator, Kind, Switches};
use serde_json::Value;
use ureq::Agent;
use ureq::http::Response;

/// An emulator and a client that sends the token in the documented header.
pub(crate) struct Account {
    pub(crate) emulator: Emulator,
    pub(crate) agent: Agent,
}

impl Account {
    pub(crate) fn new(config: Config) -> Self {
        let agent = Agent::config_builder().http_status_as_error(false).max_redirects(0).build();
        let emulator = Emulator::start(config).expect("a free port and a few threads");
        Self { emulator, agent: agent.into() }
    }

    pub(crate) fn sized(users: u32, leads: u32) -> Self {
        Self::new(Config { data: Data { users, leads, ..Data::default() }, ..Config::default() })
    }

    pub(crate) fn switched(switches: Switches) -> Self {
        let data = Data { users: 120, leads: 30, ..Data::default() };
        Self::new(Config { data, switches, ..Config::default() })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.emulator.origin())
    }

    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.emulator.token())
    }

    /// The raw answer to a GET below `/v1`.
    pub(crate) fn raw(&self, path: &str) -> Result<Response<ureq::Body>, ureq::Error> {
        let url = self.url(&format!("/v1{path}"));
        self.agent.get(url).header("Authentication", self.bearer()).call()
    }

    /// Status and text of the answer to a GET below `/v1`.
    pub(crate) fn text(&self, path: &str) -> (u16, String) {
        let mut answer = self.raw(path).expect("the emulator answers");
        (answer.status().as_u16(), answer.body_mut().read_to_string().expect("it is text"))
    }

    /// Status and JSON of the answer to a GET below `/v1`.
    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        let (status, text) = self.text(path);
        (status, serde_json::from_str(&text).expect("it is JSON"))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let url = self.url(&format!("/v1{path}"));
        let request = self.agent.post(url).header("Authentication", self.bearer());
        json_of(request.send(body.to_string()).expect("the emulator answers"))
    }

    pub(crate) fn delete(&self, path: &str, body: Option<&Value>) -> (u16, Value) {
        let url = self.url(&format!("/v1{path}"));
        let request = self.agent.delete(url).header("Authentication", self.bearer());
        let answer = match body {
            Some(body) => request.force_send_body().send(body.to_string()),
            None => request.call(),
        };
        json_of(answer.expect("the emulator answers"))
    }

    /// Reads a list page by page, as a client without overlaps does.
    pub(crate) fn walk(&self, kind: Kind, per_page: usize, order: &str) -> Vec<Value> {
        let name = kind.name();
        let mut all = Vec::new();
        for page in 0.. {
            let path = format!("/{name}/list?page={page}&per_page={per_page}{order}");
            let (status, mut answer) = self.get(&path);
            assert_eq!(status, 200);
            let Value::Array(rows) = answer["data"][name].take() else { panic!("{answer}") };
            let last = rows.len() < per_page;
            all.extend(rows);
            if last {
                break;
            }
        }
        all
    }
}

pub(crate) fn json_of(mut answer: Response<ureq::Body>) -> (u16, Value) {
    let text = answer.body_mut().read_to_string().expect("it is text");
    (answer.status().as_u16(), serde_json::from_str(&text).expect("it is JSON"))
}

pub(crate) fn key(row: &Value) -> u64 {
    row["crmhero_user_id"].as_u64().expect("every row has its key")
}

pub(crate) fn keys(rows: &[Value]) -> Vec<u64> {
    rows.iter().map(key).collect()
}

pub(crate) const NEWEST_FIRST: &str = "&sort=last_update&sort_direction=desc";
