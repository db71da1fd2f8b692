//! Writing any records, with any answers: no panic, and one outcome for each record.

#![no_main]

use std::cell::RefCell;

use customerly_connector::bindings::destination::Batch;
use customerly_connector::bindings::http::{Body, ErrorKind, HttpError, Request, Response};
use customerly_connector::bindings::types::{Limits, Settings};
use customerly_connector::destination;
use libfuzzer_sys::fuzz_target;

const OPERATIONS: &[(&str, &str)] = &[
    ("users", "upsert"),
    ("users", "delete"),
    ("users", "unsubscribe"),
    ("users", "set-attributes"),
    ("users", "add-to-company"),
    ("leads", "upsert"),
    ("leads", "delete"),
    ("companies", "set-attributes"),
    ("tags", "add"),
    ("tags", "remove"),
    ("tags", "delete"),
    ("messages", "send"),
];

// Parts: the operation, the records by lines, and then one answer after the other.
fuzz_target!(|text: &str| {
    let mut parts = text.split('\u{1}');
    let head = parts.next().unwrap_or_default().as_bytes();
    let pick = |index: usize| usize::from(head.get(index).copied().unwrap_or_default());
    let (target, operation) = OPERATIONS[pick(0) % OPERATIONS.len()];
    let records: Vec<_> = parts.next().unwrap_or_default().split('\n').map(str::to_owned).collect();
    let answers = RefCell::new(parts);
    let transport = |_: &Request| match answers.borrow_mut().next() {
        None => {
            let message = "no more".into();
            Err(HttpError { kind: ErrorKind::Timeout, maybe_sent: pick(1) % 2 == 0, message })
        }
        Some(body) => Ok(Response {
            status: [200, 400, 404, 429, 500][pick(2) % 5],
            headers: Vec::new(),
            retry_after_ms: None,
            body: Body::Text(body.to_owned()),
        }),
    };
    let count = records.len();
    let batch = Batch {
        id: "1".into(),
        settings: Settings { values: "{}".into(), secrets: vec!["api_key".into()] },
        target_name: target.into(),
        operation_name: operation.into(),
        options: "{}".into(),
        records,
        limits: Limits { requests: 16, records: 100, bytes: 1 << 20 },
        now_ms: 1_700_000_000_000,
    };
    assert_eq!(destination::write(&transport, &batch).outcomes.len(), count);
    assert_eq!(destination::settle(&transport, &batch).outcomes.len(), count);
});
