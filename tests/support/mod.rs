//! The built component through the host library, against an emulator in this process.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use connector_egress::{Limits, Secret, Secrets};
use connector_engine::audit::{Audit, NoAudit};
use connector_engine::http::Network;
use connector_engine::read::{
    PageOut, PageSink, ReadConfig, ReadEvent, ReadReport, StreamRun, read_stream,
};
use connector_engine::retry::RetryPolicy;
use connector_engine::state::RunMode;
use connector_engine::{
    Artifact, Cancel, Connection, ConnectionConfig, Plugin, Runtime, RuntimeConfig,
};
use customerly_emulator::{Config, Data, Emulator};
use serde_json::Value;

/// The origin that the component addresses.
pub(crate) const ORIGIN: &str = "https://api.customerly.io";

/// The component built from this checkout, compiled once.
pub(crate) fn component() -> &'static Plugin {
    static PLUGIN: OnceLock<Plugin> = OnceLock::new();
    PLUGIN.get_or_init(|| {
        let config = RuntimeConfig { cache: None, fuel: false, pooling: false };
        let runtime = Runtime::new(&config).expect("an engine without a cache");
        let artifact =
            Artifact::read(host_test::COMPONENT.as_ref(), None).expect("the component is built");
        Plugin::load(&runtime, artifact).expect("it implements the contract")
    })
}

/// An emulated account of this size.
pub(crate) fn emulator(users: u32, leads: u32) -> Emulator {
    let defaults = Config::default();
    let data = Data { users, leads, ..defaults.data };
    Emulator::start(Config { data, ..defaults }).expect("a free port")
}

/// A connection to an emulator, with its token.
pub(crate) fn connect(emulator: &Emulator) -> Connection {
    open(emulator, "{}", emulator.token(), Arc::new(NoAudit), false)
}

/// A connection to an emulator.
pub(crate) fn open(
    emulator: &Emulator,
    settings: &str,
    token: &str,
    audit: Arc<dyn Audit>,
    dry_run: bool,
) -> Connection {
    let mut secrets = Secrets::default();
    secrets.insert("api_key", Secret::new(token.into()));
    let grant = format!("{ORIGIN}={}", emulator.origin());
    let config = ConnectionConfig {
        settings: settings.into(),
        secrets,
        grants: vec![grant.parse().expect("a grant of a loopback address")],
        limits: Limits::default(),
        rate: None,
        dry_run,
        network: Network::system(),
        audit,
        cancel: Cancel::new(),
    };
    Connection::open(component(), config).expect("the component describes itself")
}

/// Keeps what a stream gives.
#[derive(Default)]
pub(crate) struct Kept {
    /// The records.
    pub(crate) records: Vec<String>,
    /// The newest state.
    pub(crate) state: Option<String>,
}

impl PageSink for Kept {
    fn page(&mut self, page: &PageOut<'_>) -> std::io::Result<()> {
        self.records.extend_from_slice(page.records);
        self.state = Some(page.state.to_owned());
        Ok(())
    }

    fn event(&mut self, _event: ReadEvent<'_>) {}
}

/// Reads a stream to its end; `state` of the run before makes it incremental.
pub(crate) fn read(
    connection: &Connection,
    stream: &str,
    state: Option<String>,
    ahead: usize,
) -> (ReadReport, Kept) {
    let streams = connection.streams().expect("the streams are known");
    let info =
        streams.into_iter().find(|info| info.name == stream).expect("there is such a stream");
    let mode = if state.is_some() { RunMode::Incremental } else { RunMode::Full };
    let run = StreamRun { info, mode, options: "{}".into(), state, limit: None };
    let config = ReadConfig { retry: RetryPolicy::standard(), ahead };
    let mut kept = Kept::default();
    let report = read_stream(connection, &config, run, &mut kept);
    (report, kept)
}

/// Asks the emulator for page after page until one is short, as the known connectors read: the keys, and how many
/// requests that took.
pub(crate) fn plain_walk(emulator: &Emulator, per_page: usize) -> (BTreeSet<u64>, u64) {
    let mut keys = BTreeSet::new();
    for page in 0.. {
        let url = format!(
            "{}/v1/users/list?page={page}&per_page={per_page}&sort=last_update&sort_direction=desc",
            emulator.origin()
        );
        let token = format!("Bearer {}", emulator.token());
        let answer = ureq::get(&url).header("Authorization", &token).call().expect("an answer");
        let text = answer.into_body().read_to_string().expect("a text");
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let rows = value["data"]["users"].as_array().expect("rows");
        keys.extend(rows.iter().filter_map(|row| row["crmhero_user_id"].as_u64()));
        if rows.len() < per_page {
            return (keys, page + 1);
        }
    }
    unreachable!("a list ends")
}

/// Holds a committed page of the documentation to what was measured; `UPDATE_DOCS=1` writes it.
pub(crate) fn compare_page(name: &str, page: &str) {
    let path = format!("{}/docs/{name}.md", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, page).expect("the folder docs");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(committed, page, "run UPDATE_DOCS=1 cargo test --test {name}");
}

/// The key of each record.
pub(crate) fn keys(records: &[String]) -> Vec<u64> {
    let key = |record: &String| {
        let record: Value = serde_json::from_str(record).expect("a record is JSON");
        record["crmhero_user_id"].as_u64().expect("a contact has a key")
    };
    records.iter().map(key).collect()
}
