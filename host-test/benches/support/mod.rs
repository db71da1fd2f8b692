//! What the benchmarks share: a plugin, a connection to an emulator, and the ratios at the end.

#![allow(dead_code, reason = "each benchmark uses its own part")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use connector_egress::{Limits, Secret, Secrets};
use connector_engine::audit::NoAudit;
use connector_engine::http::Network;
use connector_engine::{
    Artifact, Cancel, Connection, ConnectionConfig, Plugin, Runtime, RuntimeConfig,
};
use customerly_emulator::{Config, Data, Emulator};

/// The component of this checkout.
pub(crate) fn plugin(pooling: bool) -> Plugin {
    let config = RuntimeConfig { cache: None, fuel: false, pooling };
    let runtime = Runtime::new(&config).expect("an engine");
    let artifact = Artifact::read(host_test::COMPONENT.as_ref(), None).expect("the component");
    Plugin::load(&runtime, artifact).expect("the component is a connector")
}

/// An emulated account with so many users.
pub(crate) fn emulator(users: u32) -> Emulator {
    let data = Data { users, leads: 0, ..Data::default() };
    Emulator::start(Config { data, ..Config::default() }).expect("a free port")
}

/// A connection to it.
pub(crate) fn connect(plugin: &Plugin, emulator: &Emulator) -> Connection {
    let token = Secret::new(emulator.token().to_owned());
    let grant = format!("https://api.customerly.io={}", emulator.origin());
    let limits =
        Limits { requests_per_run: u64::MAX, bytes_per_run: u64::MAX, ..Limits::default() };
    let config = ConnectionConfig {
        settings: "{}".into(),
        secrets: Secrets::from_iter([("api_key".to_owned(), token)]),
        grants: vec![grant.parse().expect("a grant")],
        limits,
        rate: None,
        dry_run: false,
        network: Network::system(),
        audit: Arc::new(NoAudit),
        cancel: Cancel::new(),
    };
    Connection::open(plugin, config).expect("a connection")
}

/// The text that an emulator answers to a GET.
pub(crate) fn get(emulator: &Emulator, path: &str) -> String {
    ureq::get(format!("{}{path}", emulator.origin()))
        .header("Authentication", format!("Bearer {}", emulator.token()))
        .call()
        .and_then(|mut answer| answer.body_mut().with_config().limit(64 << 20).read_to_string())
        .expect("an answer")
}

/// Prints each benchmark of these groups with its median, and how many times that of `native` it is.
pub(crate) fn print_ratios(groups: &[&str]) {
    println!("\n{:44} {:>14} {:>14}", "", "median", "x native");
    for group in groups {
        let folder = criterion_folder().join(group);
        let native = median(&folder.join("native"));
        let mut found: Vec<_> = std::fs::read_dir(&folder)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| Some((entry.file_name(), median(&entry.path())?)))
            .collect();
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (name, nanos) in found {
            let ratio = native.map_or("-".to_owned(), |native| format!("{:.2}", nanos / native));
            let name = format!("{group}/{}", name.to_string_lossy());
            println!("{name:44} {:>14} {ratio:>14}", duration(nanos));
        }
    }
}

/// Where criterion keeps what it measured: beside the folder that the benchmark was built into.
fn criterion_folder() -> PathBuf {
    let program = std::env::current_exe().expect("a program has a path");
    let target = program.ancestors().nth(3).expect("TARGET/release/deps/PROGRAM");
    target.join("criterion")
}

fn median(folder: &Path) -> Option<f64> {
    let text = std::fs::read_to_string(folder.join("new/estimates.json")).ok()?;
    let estimates: serde_json::Value = serde_json::from_str(&text).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}

fn duration(nanos: f64) -> String {
    match nanos {
        ..1e3 => format!("{nanos:.0} ns"),
        ..1e6 => format!("{:.2} us", nanos / 1e3),
        ..1e9 => format!("{:.2} ms", nanos / 1e6),
        _ => format!("{:.3} s", nanos / 1e9),
    }
}
