//! The connector's interpretation of any answer: a value or a failure, and nothing of a failure is an empty page.

#![no_main]

use customerly_connector::api::interpret;
use customerly_connector::bindings::http::{Body, Response};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u16, &[u8], Option<u64>)| {
    let (status, bytes, retry_after_ms) = input;
    let status = 100 + status % 900;
    let body = match std::str::from_utf8(bytes) {
        Ok(text) => Body::Text(text.to_owned()),
        Err(_) => Body::Bytes(bytes.to_vec()),
    };
    let response = Response { status, headers: Vec::new(), retry_after_ms, body };
    match interpret(&response) {
        Ok(answer) => {
            assert!((200..300).contains(&status));
            assert!(std::str::from_utf8(bytes).is_ok());
            let data = answer.data.unwrap_or("null");
            assert!(serde_json::from_str::<serde_json::Value>(data).is_ok() || deep(data));
        }
        Err(failure) => {
            assert!(!failure.code.is_empty() && !failure.message.is_empty());
            let excerpt = failure.upstream.and_then(|upstream| upstream.excerpt);
            assert!(excerpt.is_none_or(|excerpt| excerpt.len() <= 1024));
        }
    }
});

/// A value nested deeper than a tree of it may be, or with a number that no float holds.
fn deep(data: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(data).is_ok()
}
