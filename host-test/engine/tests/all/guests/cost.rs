//! What harm costs the host: peak memory and time of each, measured in a process of its own.
//!
//! `cargo test -p connector-engine --test all cost -- --nocapture` prints the table.

use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::guest::plugin;
use crate::support::lab::{Lab, get};
use crate::support::server::{After, Server};

const CHILD: &str = "SANDBOX_TEST_HARM";

/// Beyond what a process needs that does no harm: a guest's memory, an answer, what was lifted, and some to spare.
const MOST_KIB: u64 = (32 + 8 + 8 + 16) << 10;

/// Does the harm of the environment and tells what it cost.
#[test]
fn a_child_that_does_harm() {
    let Ok(script) = std::env::var(CHILD) else { return };
    plugin();
    let script: Value = serde_json::from_str(&script).expect("a script");
    let server = match script["service"].as_str() {
        Some("endless") => Server::https(|_, wire| {
            wire.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            loop {
                wire.write_all(&[b'x'; 0x4000])?;
            }
        }),
        Some("bomb") => Server::https(|_, wire| {
            let bomb = bomb();
            write!(
                wire,
                "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
                bomb.len()
            )?;
            wire.write_all(&bomb)?;
            Ok(After::KeepOpen)
        }),
        _ => Server::answering("HTTP/1.1 204 No Content\r\n\r\n"),
    };
    let lab = Lab::of(&server).limits(|limits| limits.guest_time = Duration::from_millis(200));
    let connection = lab.connect(&script);
    let begun = Instant::now();
    let end = match connection.check() {
        Err(error) => format!("{error:?}"),
        Ok(report) => report.message,
    };
    let milliseconds = begun.elapsed().as_millis();
    println!("cost={}", json!({ "end": end, "ms": milliseconds, "peak": peak_kib() }));
}

/// 64 MiB of zeros, written so that no such text is ever held.
fn bomb() -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![0; 1 << 20];
    for _ in 0..64 {
        encoder.write_all(&zeros).expect("memory");
    }
    encoder.finish().expect("memory")
}

/// The most memory that this process ever held, in KiB.
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

struct Cost {
    end: String,
    milliseconds: u64,
    peak_kib: u64,
}

fn measure(script: &Value) -> Cost {
    let module = module_path!().split_once("::").expect("a crate").1;
    let output = Command::new(std::env::current_exe().expect("this binary"))
        .args([&format!("{module}::a_child_that_does_harm"), "--exact", "--nocapture"])
        .env(CHILD, script.to_string())
        .output()
        .expect("a child");
    let told = String::from_utf8_lossy(&output.stdout);
    let cost = told.lines().find_map(|line| line.split_once("cost=")).expect(&told).1;
    let cost: Value = serde_json::from_str(cost).expect("JSON");
    Cost {
        end: cost["end"].as_str().expect("text").to_owned(),
        milliseconds: cost["ms"].as_u64().expect("a number"),
        peak_kib: cost["peak"].as_u64().expect("a number"),
    }
}

#[test]
fn harm_costs_the_host_no_more_than_the_limits_give() {
    plugin();
    let sends = |service: &str| json!({ "do": "send", "requests": [get("/")], "service": service });
    let harmless = measure(&json!({ "do": "settings" }));
    println!("{:<28} {:>9} {:>8}  end", "what", "peak MiB", "ms");
    for (name, script, expected) in [
        ("nothing", json!({ "do": "settings" }), "{"),
        ("infinite loop, 0.2 s", json!({ "do": "spin" }), "Plugin(Deadline"),
        ("memory bomb", json!({ "do": "take-memory" }), "Plugin(Memory"),
        ("deep recursion", json!({ "do": "recurse" }), "Plugin(Stack"),
        ("deep recursion with frames", json!({ "do": "recurse-with-frames" }), "Plugin(Crash"),
        ("panic", json!({ "do": "panic" }), "Plugin(Crash"),
        ("9 MiB returned", json!({ "do": "hand-over", "mebibytes": 9 }), "Plugin(TooMuch"),
        ("100 MiB returned", json!({ "do": "hand-over", "mebibytes": 100 }), "Plugin(Memory"),
        (
            "100 MiB returned out of 1",
            json!({ "do": "hand-over-again", "mebibytes": 100 }),
            "Plugin(TooMuch",
        ),
        ("request flood", json!({ "do": "flood", "request": get("/") }), "Plugin(Flood"),
        ("endless body", sends("endless"), "[{\"error\":\"too-large\""),
        ("gzip bomb of 64 MiB", sends("bomb"), "[{\"error\":\"too-large\""),
    ] {
        let Cost { end, milliseconds, peak_kib } = measure(&script);
        assert!(end.starts_with(expected), "{name}: {end}");
        let short: String =
            end.chars().take_while(|c| c.is_alphanumeric() || "([{\":_-".contains(*c)).collect();
        println!(
            "{name:<28} {:>9.1} {milliseconds:>8}  {short}",
            f64::from(u32::try_from(peak_kib).expect("KiB")) / 1024.0
        );
        let more = peak_kib.saturating_sub(harmless.peak_kib);
        assert!(more <= MOST_KIB, "{name} took {more} KiB more than nothing");
    }
}
