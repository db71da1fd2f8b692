//! `connector singer` against the emulator: a tap, a target, and the one into the other.

mod support;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use customerly_emulator::{Emulator, Kind};
use serde_json::{Value, json};
use support::{Ended, ORIGIN, connector, emulator, run};
use tempfile::TempDir;

struct Pipe {
    emulator: Emulator,
    folder: TempDir,
}

impl Pipe {
    fn new(users: u32, leads: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Pipe { emulator: emulator(users, leads), folder }
    }

    fn file(&self, name: &str, value: &Value) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, value.to_string()).expect("a file");
        path
    }

    fn command(&self, role: &str, config: &Value) -> Command {
        let mut command = connector();
        command
            .args(["--origin", &format!("{ORIGIN}={}", self.emulator.origin())])
            .args(["singer", role, "--config"])
            .arg(self.file(&format!("{role}.json"), config));
        command
    }

    fn tap(&self) -> Command {
        self.command("tap", &json!({"api_key": self.emulator.token()}))
    }

    fn target(&self, more: &Value, input: &str) -> Ended {
        let mut config = json!({"api_key": self.emulator.token()});
        for (name, value) in more.as_object().expect("an object") {
            config[name] = value.clone();
        }
        let mut command = self.command("target", &config);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let mut stdin = child.stdin.take().expect("it was asked for");
        // A run that ends early reads no further.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        Ended {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).expect("UTF-8"),
            err: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// The catalogue with one stream selected, and of it these fields.
    fn catalogue(&self, stream: &str, fields: &[&str]) -> PathBuf {
        let ended = run(self.tap().arg("--discover"));
        assert_eq!(ended.code, 0, "{}", ended.err);
        let mut catalogue: Value = serde_json::from_str(&ended.out).expect("a catalogue");
        for entry in catalogue["streams"].as_array_mut().expect("a list") {
            let mine = entry["tap_stream_id"] == stream;
            for item in entry["metadata"].as_array_mut().expect("a list") {
                let field = item["breadcrumb"][1].as_str().map(str::to_owned);
                let selected = match field {
                    None => mine,
                    Some(field) => fields.contains(&field.as_str()),
                };
                item["metadata"]["selected"] = selected.to_string().into();
            }
        }
        self.file("catalogue.json", &catalogue)
    }
}

fn messages(ended: &Ended) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
    ended.out.lines().map(parse).collect()
}

fn keys(messages: &[Value]) -> BTreeSet<u64> {
    let records = messages.iter().filter(|message| message["type"] == "RECORD");
    records.map(|m| m["record"]["crmhero_user_id"].as_u64().expect("a key")).collect()
}

fn types(messages: &[Value]) -> Vec<&str> {
    let mut types: Vec<_> = messages.iter().filter_map(|m| m["type"].as_str()).collect();
    types.dedup();
    types
}

fn last_state(messages: &[Value]) -> Value {
    let state = messages.iter().rev().find(|message| message["type"] == "STATE");
    state.expect("a state")["value"].clone()
}

#[test]
fn a_full_walk_ends_with_its_version_and_the_next_run_is_incremental() {
    let pipe = Pipe::new(250, 0);
    let catalogue = pipe.catalogue("users", &["email", "name"]);
    let ended = run(pipe.tap().arg("--catalog").arg(&catalogue));
    assert_eq!(ended.code, 0, "{}", ended.err);
    let first = messages(&ended);
    assert_eq!(keys(&first), pipe.emulator.keys(Kind::Users).into_iter().collect());
    let order = types(&first);
    assert_eq!(order.first(), Some(&"SCHEMA"));
    assert_eq!(order[order.len() - 2..], ["ACTIVATE_VERSION", "STATE"]);
    let fields: BTreeSet<_> = first
        .iter()
        .filter(|message| message["type"] == "RECORD")
        .flat_map(|message| message["record"].as_object().expect("an object").keys())
        .map(String::as_str)
        .collect();
    assert_eq!(fields, BTreeSet::from(["crmhero_user_id", "email", "last_update", "name"]));

    let state = pipe.file("state.json", &last_state(&first));
    let ended = run(pipe.tap().arg("--properties").arg(&catalogue).arg("--state").arg(state));
    assert_eq!(ended.code, 0, "{}", ended.err);
    let second = messages(&ended);
    assert!(keys(&second).len() < 100);
    assert!(!types(&second).contains(&"ACTIVATE_VERSION"));
}

#[test]
fn a_bookmark_of_another_credential_is_refused_with_a_critical_line() {
    let pipe = Pipe::new(10, 0);
    let catalogue = pipe.catalogue("users", &[]);
    let first = messages(&run(pipe.tap().arg("--catalog").arg(&catalogue)));
    let mut state = last_state(&first);
    state["bookmarks"]["users"]["connector"]["position"]["credential"] = "another".into();
    let state = pipe.file("state.json", &state);
    let ended = run(pipe.tap().arg("--catalog").arg(&catalogue).arg("--state").arg(state));
    assert_eq!(ended.code, 3, "{}", ended.err);
    assert_eq!(ended.out, "");
    assert!(ended.err.lines().any(|line| {
        line.starts_with("CRITICAL ") && line.contains("belongs to another credential")
    }));
}

#[test]
fn what_a_tap_sends_a_target_writes_and_the_state_comes_back_bare() {
    let from = Pipe::new(120, 0);
    let catalogue = from.catalogue("users", &["email", "name"]);
    let sent = run(from.tap().arg("--catalog").arg(catalogue));
    let into = Pipe::new(0, 0);
    let ended = into.target(&json!({"objects": {"users": "leads"}}), &sent.out);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let states: Vec<_> = sent
        .out
        .lines()
        .filter_map(|line| line.strip_prefix(r#"{"type":"STATE","value":"#))
        .map(|line| line.strip_suffix('}').expect("the end of a message"))
        .collect();
    assert_eq!(ended.out.lines().collect::<Vec<_>>(), states);
    let emails = |pipe: &Pipe, kind| {
        let contacts = pipe.emulator.contacts(kind);
        let email = |contact: &Value| contact["email"].as_str().map(str::to_lowercase);
        contacts.iter().filter_map(email).collect::<BTreeSet<_>>()
    };
    assert_eq!(emails(&into, Kind::Leads), emails(&from, Kind::Users));
    assert!(ended.err.contains(" records, 0 of them rejected"), "{}", ended.err);
}

const SCHEMA: &str = r#"{"type":"SCHEMA","stream":"users","schema":{"properties":{"email":{"type":"string"}}},"key_properties":["email"]}"#;

#[test]
fn a_message_that_cannot_be_right_ends_the_run_and_what_came_before_has_no_state() {
    let pipe = Pipe::new(0, 0);
    let check = |lines: &[&str], part: &str| {
        let ended = pipe.target(&json!({}), &lines.join("\n"));
        assert_ne!(ended.code, 0, "{}", ended.err);
        assert_eq!(ended.out, "");
        let critical = ended.err.lines().find(|line| line.starts_with("CRITICAL "));
        assert!(critical.expect("a critical line").contains(part), "{}", ended.err);
    };
    let record = r#"{"type":"RECORD","stream":"users","record":{"email":"a@example.com"}}"#;
    check(&[record], "before its schema");
    check(
        &[SCHEMA, r#"{"type":"RECORD","stream":"users","record":{"name":"x"}}"#],
        "its key `email`",
    );
    check(
        &[SCHEMA, r#"{"type":"RECORD","stream":"users","record":{"email":null}}"#],
        "its key `email`",
    );
    check(&[SCHEMA, r#"{"type":"RECORD","stream":"users","record":[]}"#], "no object");
    check(&["{"], "message 1 is no message");
    check(&[r#"{"type":"BATCH","stream":"users"}"#], "`BATCH`");
    check(
        &[r#"{"type":"SCHEMA","stream":"users","schema":{"type":"object"},"key_properties":[]}"#],
        "names no properties",
    );
    check(&[&SCHEMA.replace("users", "contacts")], "no such object");
}

#[test]
fn a_record_that_is_rejected_is_told_and_the_state_still_comes_back() {
    let pipe = Pipe::new(0, 0);
    let input = [
        SCHEMA,
        r#"{"type":"RECORD","stream":"users","record":{"email":"no address"}}"#,
        r#"{"type":"RECORD","stream":"users","record":{"email":"a@example.com","x":1}}"#,
        r#"{"type":"STATE","value":{"z": 1.50}}"#,
        r#"{"type":"ACTIVATE_VERSION","stream":"users","version":1}"#,
    ];
    let ended = pipe.target(&json!({}), &input.join("\n"));
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(ended.out, "{\"z\": 1.50}\n");
    assert!(ended.err.contains("WARNING users: a record is rejected"), "{}", ended.err);
    assert!(ended.err.contains("ERROR users: 2 records, 1 of them rejected"), "{}", ended.err);
    assert_eq!(pipe.emulator.count(Kind::Users), 1);
}

#[test]
fn a_deleted_row_is_missing_from_the_next_version() {
    let pipe = Pipe::new(30, 0);
    let catalogue = pipe.catalogue("users", &[]);
    let tap = || messages(&run(pipe.tap().arg("--catalog").arg(&catalogue)));
    let version = |messages: &[Value]| {
        let active = messages.iter().find(|message| message["type"] == "ACTIVATE_VERSION");
        active.expect("a whole walk")["version"].as_u64().expect("a number")
    };
    let first = tap();
    pipe.emulator.change("delete 1 users".parse().expect("a change"));
    let second = tap();
    assert!(version(&second) > version(&first));
    assert_eq!((keys(&first).len(), keys(&second).len()), (30, 29));
}
