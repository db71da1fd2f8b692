//! Reading, from any state and with any answers: no panic, and a page that adds up.

#![no_main]

use std::cell::RefCell;

use customerly_connector::bindings::http::{Body, ErrorKind, HttpError, Request, Response};
use customerly_connector::bindings::source::{Mode, ReadRequest};
use customerly_connector::bindings::types::{Limits, Settings};
use customerly_connector::source;
use libfuzzer_sys::fuzz_target;

const STREAMS: &[&str] =
    &["users", "leads", "tags", "knowledge_collections", "knowledge_articles", "custom"];

// Parts: the stream and the mode, the state, and then one answer after the other.
fuzz_target!(|text: &str| {
    let mut parts = text.split('\u{1}');
    let head = parts.next().unwrap_or_default().as_bytes();
    let pick = |index: usize| usize::from(head.get(index).copied().unwrap_or_default());
    let stream = STREAMS[pick(0) % STREAMS.len()];
    let state = parts.next().unwrap_or_default();
    // Half of the time the state is one of this format and stream: the rest is past the door then.
    let state = match pick(1) % 4 {
        0 => None,
        1 => Some(state.to_owned()),
        _ => Some(format!("{{\"format\":1,\"stream\":\"{stream}\",\"at\":{state}}}")),
    };
    let answers = RefCell::new(parts);
    let transport = |_: &Request| match answers.borrow_mut().next() {
        None => {
            let message = "no more".into();
            Err(HttpError { kind: ErrorKind::Closed, maybe_sent: true, message })
        }
        Some(body) => Ok(Response {
            status: 200,
            headers: Vec::new(),
            retry_after_ms: None,
            body: Body::Text(body.to_owned()),
        }),
    };
    let request = ReadRequest {
        settings: Settings { values: "{}".into(), secrets: vec!["api_key".into()] },
        stream_name: stream.into(),
        options: "{}".into(),
        mode: if pick(2) % 2 == 0 { Mode::Full } else { Mode::Incremental },
        state,
        limits: Limits { requests: 8, records: 100, bytes: 1 << 20 },
        now_ms: 1_700_000_000_000,
    };
    let Ok(page) = source::read(&transport, &request) else { return };
    let counts = &page.counts;
    let sum = counts.emitted + counts.duplicates + counts.filtered + counts.quarantined;
    assert_eq!(counts.received, sum, "{counts:?}");
    assert_eq!(counts.emitted as usize, page.records.len());
    assert_eq!(counts.quarantined as usize, page.quarantined.len());
    assert!(page.state.len() <= 16 << 10, "a state of {} bytes", page.state.len());
    for record in &page.records {
        assert!(record.starts_with('{') && record.ends_with('}') && !record.contains(['\n', '\r']));
    }
    // What it wrote it can go on from.
    let answers = RefCell::new("".split('\u{1}'));
    let silent = |_: &Request| {
        answers.borrow_mut().next();
        Err(HttpError { kind: ErrorKind::Closed, maybe_sent: true, message: "no more".into() })
    };
    let again = ReadRequest { state: Some(page.state), ..request };
    if let Err(failure) = source::read(&silent, &again) {
        assert!(!matches!(&*failure.code, "damaged-state" | "foreign-state"), "{failure:?}");
    }
});
