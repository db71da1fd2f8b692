//! States that were saved by earlier versions: each is gone on from, and nothing is lost.
//!
//! `tests/contract/states` holds a file for each format of the state. A change that a state of an older format does not
//! survive fails here; then `UPDATE_STATES=1 cargo test --test states` is no answer, but a new format is. Before the
//! first release, it writes the file of the only format there is.

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use connector_engine::Connection;
use connector_engine::read::{End, ReadConfig, StreamRun, read_stream};
use connector_engine::retry::RetryPolicy;
use connector_engine::state::RunMode;
use serde_json::{Value, json};
use support::Kept;

/// Streams that take more than one page, with their options, and the field that names a record.
const STREAMS: [(&str, &str, &str); 6] = [
    ("users", "{}", "crmhero_user_id"),
    ("leads", "{}", "crmhero_user_id"),
    ("articles", "{}", "knowledge_base_article_id"),
    ("user_details", "{}", "crmhero_user_id"),
    ("lead_details", "{}", "crmhero_user_id"),
    (
        "custom",
        r#"{"path": "/users/list", "records": "/data/users", "paging": "page", "page_size": 50}"#,
        "crmhero_user_id",
    ),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract/states")
}

/// Reads a stream from a state to its end, or to the page that reaches a limit.
fn read(
    connection: &Connection,
    (stream, options): (&str, &str),
    state: Option<String>,
    limit: Option<u64>,
) -> (End, Kept) {
    let streams = connection.streams().expect("the streams are known");
    let info =
        streams.into_iter().find(|info| info.name == stream).expect("there is such a stream");
    let run = StreamRun { info, mode: RunMode::Full, options: options.into(), state, limit };
    let config = ReadConfig { retry: RetryPolicy::standard(), ahead: 0 };
    let mut kept = Kept::default();
    let report = read_stream(connection, &config, run, &mut kept);
    (report.end, kept)
}

fn keys(records: &[String], key: &str) -> BTreeSet<u64> {
    let of = |record: &String| {
        let record: Value = serde_json::from_str(record).expect("a record is JSON");
        record[key].as_u64().expect("a record has a key")
    };
    records.iter().map(of).collect()
}

/// The states of all streams after their first pages.
fn saved(connection: &Connection) -> Value {
    let mut saved = json!({});
    for (stream, options, _) in STREAMS {
        let (end, kept) = read(connection, (stream, options), None, Some(1));
        assert!(matches!(end, End::Limit), "{stream}: {end:?}");
        let state: Value = serde_json::from_str(&kept.state.expect("a state")).expect("JSON");
        saved[stream] = json!({ "records": kept.records.len(), "state": state });
    }
    saved
}

#[test]
fn a_state_of_every_format_so_far_goes_on_and_nothing_is_lost() {
    let emulator = support::emulator(250, 120);
    let connection = support::connect(&emulator);
    let (oldest, newest) = {
        let descriptor = connection.descriptor();
        (descriptor.oldest_state, descriptor.state_format)
    };
    if std::env::var_os("UPDATE_STATES").is_some() {
        let text = format!("{:#}\n", saved(&connection));
        std::fs::create_dir_all(folder()).expect("the folder tests");
        std::fs::write(folder().join(format!("{newest}.json")), text).expect("the folder states");
    }
    for format in oldest..=newest {
        let path = folder().join(format!("{format}.json"));
        let text = std::fs::read_to_string(path).expect("a file for each format");
        let states: Value = serde_json::from_str(&text).expect("JSON");
        for (stream, options, key) in STREAMS {
            let saved = &states[stream];
            assert_eq!(saved["state"]["format"], format, "{stream}");
            let (end, all) = read(&connection, (stream, options), None, None);
            assert!(matches!(end, End::Complete | End::Unproved(_)), "{stream}: {end:?}");
            let handed_over =
                saved["records"].as_u64().and_then(|count| usize::try_from(count).ok());
            let handed_over = &all.records[..handed_over.expect("a count")];
            let state = saved["state"].to_string();
            let (end, rest) = read(&connection, (stream, options), Some(state), None);
            assert!(matches!(end, End::Complete | End::Unproved(_)), "{stream}: {end:?}");
            let mut found = keys(handed_over, key);
            found.extend(keys(&rest.records, key));
            assert_eq!(found, keys(&all.records, key), "{stream} of format {format}");
            let again = rest.records.len() + handed_over.len() - all.records.len();
            assert!(again <= 1, "{stream} was read again: {again} records came twice");
        }
    }
}
