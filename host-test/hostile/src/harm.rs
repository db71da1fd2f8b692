//! What a hostile plugin does.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::bindings::credentials::CheckReport;
use crate::bindings::http::{Request, send};
use crate::bindings::types::Notice;

/// Never ends.
pub fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = std::hint::black_box(turns.wrapping_add(1));
    }
}

/// Takes memory until it gets none.
pub fn take_memory() -> ! {
    let mut taken = Vec::new();
    loop {
        taken.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
}

/// Marks so much memory, in a variable too, and tells how many marks were there before.
#[allow(unsafe_code)]
pub fn leave_marks(mebibytes: usize) -> String {
    const MARK: u8 = 0xa7;
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let calls = CALLS.fetch_add(1, Ordering::Relaxed);
    // Every byte that the memory could have: a call that came before may have grown it further.
    let grown = vec![0_u8; mebibytes << 20].leak();
    let end = grown.as_ptr_range().end as usize;
    // The start of the memory is as readable to wasm as any other place.
    let byte = |address: usize| unsafe { std::ptr::read_volatile(address as *const u8) };
    let marks =
        (1024..end).filter(|&address| byte(address) == MARK && byte(address - 1) == MARK).count();
    grown.fill(MARK);
    std::hint::black_box(grown);
    format!("{calls} calls, {marks} marks")
}

/// Calls itself deeper than any stack holds.
pub fn recurse(depth: u64) -> u64 {
    if depth == u64::MAX {
        return depth;
    }
    let again: fn(u64) -> u64 = std::hint::black_box(recurse);
    again(depth + 1) + depth
}

/// Calls itself deeper than its own memory has room for frames.
pub fn recurse_with_frames(depth: u64) -> u64 {
    if depth == u64::MAX {
        return depth;
    }
    let frame = std::hint::black_box([depth; 64]);
    recurse_with_frames(depth + 1) + std::hint::black_box(frame)[0]
}

/// Sends without end, whatever the host says.
pub fn flood(request: &Request) -> ! {
    loop {
        // Each answer is an error from some point on, and a hostile plugin does not care.
        let _ = send(request);
    }
}

/// Hands over so many MiB, each in a buffer of its own.
pub fn hand_over(mebibytes: usize) -> CheckReport {
    let notice = |_| Notice { code: "large".into(), message: "x".repeat(1 << 20) };
    report((0..mebibytes).map(notice).collect())
}

/// Hands over so many MiB that all lie in the same MiB of memory.
pub fn hand_over_again(mebibytes: usize) -> CheckReport {
    let shared = "x".repeat(1 << 20).leak();
    let notice = |_| Notice { code: "large".into(), message: alias(shared) };
    report((0..mebibytes).map(notice).collect())
}

fn report(notices: Vec<Notice>) -> CheckReport {
    CheckReport { account: None, message: String::new(), notices }
}

/// A second owner of the same bytes, as a plugin written by hand can make.
#[allow(unsafe_code, clippy::same_length_and_capacity)]
fn alias(shared: &mut str) -> String {
    let (pointer, length) = (shared.as_mut_ptr(), shared.len());
    // Not sound once two owners free it; the host stops the call before anything is freed.
    unsafe { String::from_raw_parts(pointer, length, length) }
}
