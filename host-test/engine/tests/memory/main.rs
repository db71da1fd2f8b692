//! The token is nowhere in the memory of the real connector, however often a service echoes it.
//!
//! `cargo test -p connector-engine --features guest-memory --test memory`

#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

#[allow(dead_code)]
#[path = "../all/support/mod.rs"]
mod support;

use std::sync::{Arc, Mutex};

use aho_corasick::AhoCorasick;
use connector_egress::{Limits, Secret, Secrets};
use connector_engine::bindings::destination::Batch;
use connector_engine::bindings::types::Limits as CallLimits;
use connector_engine::memory::MemoryObserver;
use connector_engine::read::{PageOut, PageSink, ReadConfig, ReadEvent, StreamRun, read_stream};
use connector_engine::retry::RetryPolicy;
use connector_engine::state::RunMode;
use connector_engine::{Artifact, Cancel, Connection, ConnectionConfig, Plugin};
use serde_json::json;
use serde_json::value::RawValue;

use support::lab::{Answers, CANARY};
use support::server::{After, Seen, Server, answer};

/// Stands in every answer beside the token: where it is not found, the search is blind.
const MARKER: &str = "m4rker-that-is-no-secret";
const ORIGIN: &str = "https://api.customerly.io";

/// Searches each memory.
struct Search {
    /// The marker first, then every form of the token.
    texts: Vec<String>,
    automaton: AhoCorasick,
    /// Calls after which the marker was found, and how many bytes were searched.
    seen: Mutex<(Vec<String>, usize)>,
}

impl Search {
    fn new() -> Self {
        let forms = Secret::new(CANARY.into()).forms();
        let forms = forms.iter().map(|form| form.to_string());
        let texts: Vec<_> = std::iter::once(MARKER.to_owned()).chain(forms).collect();
        let automaton = AhoCorasick::new(&texts).expect("a few hundred texts");
        Search { texts, automaton, seen: Mutex::default() }
    }
}

impl MemoryObserver for Search {
    fn memory(&self, call: &str, memory: &[u8]) {
        let mut seen = self.seen.lock().expect("no panic");
        seen.1 += memory.len();
        for found in self.automaton.find_iter(memory) {
            let text = &self.texts[found.pattern().as_usize()];
            assert_eq!(text, MARKER, "in the memory after {call}");
            seen.0.push(call.to_owned());
        }
    }
}

/// Echoes the token in every form in everything that it says.
fn echo(seen: &Seen) -> Vec<u8> {
    let forms = Secret::new(CANARY.into()).forms();
    let forms: Vec<_> = forms.iter().map(|form| raw(form)).collect();
    let row = json!({
        "crmhero_user_id": 7,
        "email": "a@b.test",
        "name": MARKER,
        "last_update": 1_700_000_000,
        "echo": forms,
        "sent": seen.headers,
    });
    let (status, body) = match seen.target() {
        list if list.starts_with("/users/list") && list.contains("page=0") => {
            ("200 OK", json!({ "data": { "users": [row] } }))
        }
        list if list.starts_with("/users/list") => ("200 OK", json!({ "data": { "users": [] } })),
        _ => {
            let message = format!("{MARKER}: the token {CANARY} is not valid");
            (
                "500 Error",
                json!({ "error": { "message": message, "echo": forms }, "sent": seen.headers }),
            )
        }
    };
    answer(status, &[("x-echo", CANARY), ("x-request-id", CANARY)], &body.to_string())
}

/// A string that stands in JSON as it is, if it can.
fn raw(form: &str) -> Box<RawValue> {
    let quoted = format!("\"{form}\"");
    let text = match serde_json::from_str::<String>(&quoted) {
        Ok(_) => quoted,
        Err(_) => json!(form).to_string(),
    };
    RawValue::from_string(text).expect("a JSON string")
}

/// Takes what comes.
struct Ignore;

impl PageSink for Ignore {
    fn page(&mut self, _page: &PageOut<'_>) -> std::io::Result<()> {
        Ok(())
    }

    fn event(&mut self, _event: ReadEvent<'_>) {}
}

fn connect(plugin: &Plugin, server: &Server) -> Connection {
    let key = ("api_key".to_owned(), Secret::new(CANARY.into()));
    let config = ConnectionConfig {
        settings: "{}".into(),
        secrets: Secrets::from_iter([key]),
        grants: vec![format!("{ORIGIN}={}", server.http_origin()).parse().expect("a grant")],
        limits: Limits::default(),
        rate: None,
        dry_run: false,
        network: connector_engine::http::Network {
            roots: None,
            lookup: Arc::new(Answers::loopback()),
        },
        audit: Arc::new(connector_engine::audit::NoAudit),
        cancel: Cancel::new(),
    };
    Connection::open(plugin, config).expect("a connection")
}

#[test]
fn no_form_of_the_token_is_in_the_memory_of_the_connector_after_any_call() {
    let artifact = Artifact::read(&support::guest::build("customerly-connector"), None).unwrap();
    let search = Arc::new(Search::new());
    let plugin = Plugin::load(support::guest::runtime(), artifact)
        .expect("a plugin")
        .observed_by(search.clone());
    let server = Server::http(|seen, wire| wire.write_all(&echo(seen)).map(|()| After::KeepOpen));
    let connection = connect(&plugin, &server);

    plugin.schema().expect("a schema");
    plugin.authorize(connection.settings()).expect("an authorization");
    connection.check().expect_err("the token is refused");
    let streams = connection.streams().expect("streams");
    let retry = RetryPolicy { attempts: 1, ..RetryPolicy::standard() };
    for info in streams {
        let options = "{}".into();
        let run = StreamRun { info, mode: RunMode::Full, options, state: None, limit: Some(100) };
        read_stream(&connection, &ReadConfig { retry, ahead: 2 }, run, &mut Ignore);
    }
    for target in connection.targets().expect("targets") {
        for operation in target.operations {
            let batch = Batch {
                id: "1".into(),
                settings: connection.settings().clone(),
                target_name: target.name.clone(),
                operation_name: operation.name,
                options: "{}".into(),
                records: vec![json!({ "email": "a@b.test", "name": MARKER }).to_string()],
                limits: CallLimits { requests: 8, records: 1, bytes: 1000 },
                now_ms: 1_700_000_000_000,
            };
            connection.write(&batch).expect("a report");
            connection.settle(&batch).expect("a report");
        }
    }

    let requests = server.requests();
    assert!(requests.iter().any(|seen| format!("{:?}", seen.headers).contains(CANARY)), "sent");
    let (calls, bytes) = &*search.seen.lock().expect("no panic");
    for call in ["credentials.check", "source.read", "destination.write"] {
        assert!(calls.iter().any(|seen| seen == call), "the search after {call} is blind");
    }
    assert!(*bytes > 1 << 20, "{bytes}");
}
