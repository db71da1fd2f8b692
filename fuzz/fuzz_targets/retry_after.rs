//! `Retry-After`: any text is a wait of at most an hour, or none.

#![no_main]

use std::time::{Duration, SystemTime};

use connector_egress::retry_after;
use connector_egress::retry_after::LONGEST_WAIT;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u32, &str)| {
    let (seconds, text) = input;
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.into());
    assert!(retry_after(text, now).is_none_or(|wait| wait <= LONGEST_WAIT));
});
