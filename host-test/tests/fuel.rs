//! How much work the component does, in units of fuel: a performance test without the noise of a machine.
//!
//! The numbers stand in `tests/fuel.txt` and are exact, since compiler and dependencies are pinned. A change that costs
//! or saves something shows here before anyone measures a second.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use connector_egress::{Limits, Secret, Secrets};
use connector_engine::audit::NoAudit;
use connector_engine::bindings::types::Settings;
use connector_engine::http::Network;
use connector_engine::read::{
    End, PageOut, PageSink, ReadConfig, ReadEvent, StreamRun, read_stream,
};
use connector_engine::retry::RetryPolicy;
use connector_engine::state::RunMode;
use connector_engine::{
    Artifact, Cancel, Connection, ConnectionConfig, Plugin, Runtime, RuntimeConfig,
};
use customerly_emulator::{Config, Data, Emulator};

const ACCEPT: &str = "UPDATE_FUEL=1 cargo test -p host-test --test fuel";
const HEADER: &str = "\
# Units of fuel that calls into the component use: exact on the pinned toolchain and lock file.
# Accept new numbers with: ";

#[test]
fn calls_use_as_much_fuel_as_was_accepted() {
    let runtime = Runtime::new(&RuntimeConfig { cache: None, fuel: true, pooling: false })
        .expect("an engine");
    let artifact = Artifact::read(host_test::COMPONENT.as_ref(), None).expect("the component");
    let plugin = Plugin::load(&runtime, artifact).expect("the component is a connector");
    let used = || runtime.fuel_used().expect("calls are metered");

    let settings = Settings { values: "{}".into(), secrets: vec!["api_key".into()] };
    plugin.authorize(&settings).expect("the settings are right");
    let before = used();
    plugin.authorize(&settings).expect("the settings are right");
    let header = used() - before;

    let emulator = Emulator::start(Config {
        data: Data { users: 1_000, leads: 0, seed: 1, ..Data::default() },
        ..Config::default()
    })
    .expect("a free port");
    let connection = connect(&plugin, &emulator);
    let info = connection.streams().expect("streams").into_iter().find(|info| info.name == "users");
    let run = StreamRun {
        info: info.expect("there are users"),
        mode: RunMode::Full,
        options: "{}".into(),
        state: None,
        limit: None,
    };
    let config = ReadConfig { retry: RetryPolicy::standard(), ahead: 0 };
    let before = used();
    let mut sink = Bytes::default();
    let report = read_stream(&connection, &config, run, &mut sink);
    let read = used() - before;
    assert!(matches!(report.end, End::Complete), "{:?}", report.end);
    assert!(report.totals.emitted >= 1_000, "{:?}", report.totals);

    compare(&[
        ("one header call", header),
        ("reading 1,000 users to the end", read),
        ("bytes of these records", sink.bytes),
        ("requests for them", report.totals.requests),
    ]);
}

/// Counts the bytes of records.
#[derive(Default)]
struct Bytes {
    bytes: u64,
}

impl PageSink for Bytes {
    fn page(&mut self, page: &PageOut<'_>) -> std::io::Result<()> {
        self.bytes += page.records.iter().map(|record| record.len() as u64).sum::<u64>();
        Ok(())
    }

    fn event(&mut self, _event: ReadEvent<'_>) {}
}

fn connect(plugin: &Plugin, emulator: &Emulator) -> Connection {
    let token = Secret::new(emulator.token().to_owned());
    let grant = format!("https://api.customerly.io={}", emulator.origin());
    let config = ConnectionConfig {
        settings: "{}".into(),
        secrets: Secrets::from_iter([("api_key".to_owned(), token)]),
        grants: vec![grant.parse().expect("a grant")],
        limits: Limits::default(),
        rate: None,
        dry_run: false,
        network: Network::system(),
        audit: Arc::new(NoAudit),
        cancel: Cancel::new(),
    };
    Connection::open(plugin, config).expect("a connection")
}

/// Compares with the accepted numbers, or accepts these.
fn compare(found: &[(&str, u64)]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fuel.txt");
    if std::env::var_os("UPDATE_FUEL").is_some() {
        let mut text = format!("{HEADER}{ACCEPT}\n");
        for (what, number) in found {
            writeln!(text, "{what}: {number}").expect("writing to memory");
        }
        std::fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder");
        std::fs::write(&path, text).expect("the numbers can be written");
        return;
    }
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let accepted: BTreeMap<&str, u64> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(": "))
        .map(|(what, number)| (what, number.parse().expect("a number")))
        .collect();
    let mut differences = String::new();
    for (what, new) in found {
        match accepted.get(what) {
            Some(old) if old == new => {}
            Some(old) => {
                #[expect(clippy::cast_precision_loss, reason = "a percentage of two digits")]
                let percent = (*new as f64 / *old as f64 - 1.0) * 100.0;
                writeln!(differences, "{what}: old {old}, new {new}, {percent:+.2} %")
                    .expect("writing to memory");
            }
            None => writeln!(differences, "{what}: new {new}").expect("writing to memory"),
        }
    }
    assert!(
        differences.is_empty(),
        "the work of the component has changed:\n{differences}accept it with: {ACCEPT}"
    );
}
