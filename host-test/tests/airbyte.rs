//! `connector airbyte` against the emulator: what a platform sees of source and destination.

mod support;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use customerly_emulator::{Emulator, Fault, FaultRule, Kind, RetryAfter, When};
use serde_json::{Value, json};
use support::{Ended, ORIGIN, connector, emulator};
use tempfile::TempDir;

/// Files of a platform, and the emulator that it reads from.
struct Platform {
    emulator: Emulator,
    folder: TempDir,
}

impl Platform {
    fn new(users: u32, leads: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Platform { emulator: emulator(users, leads), folder }
    }

    fn file(&self, name: &str, value: &Value) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, value.to_string()).expect("a file");
        path
    }

    fn config(&self) -> PathBuf {
        self.file("config.json", &json!({"api_key": self.emulator.token(), "_page": 1}))
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = connector();
        command
            .args(["--origin", &format!("{ORIGIN}={}", self.emulator.origin())])
            .args(["airbyte", verb]);
        command
    }

    fn read(&self, streams: &[(&str, &str)], state: Option<&Value>) -> Command {
        let mut command = self.command("read");
        command
            .arg("--config")
            .arg(self.config())
            .arg("--catalog")
            .arg(self.file("catalog.json", &catalogue(streams)));
        if let Some(state) = state {
            command.arg("--state").arg(self.file("state.json", state));
        }
        command
    }

    fn write(&self, config: &Value, catalogue: &Value, input: &str) -> Ended {
        let mut command = self.command("write");
        command
            .arg("--config")
            .arg(self.file("config.json", config))
            .arg("--catalog")
            .arg(self.file("catalog.json", catalogue))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
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
}

fn catalogue(streams: &[(&str, &str)]) -> Value {
    let stream = |(name, mode): &(&str, &str)| {
        json!({
            "stream": {"name": name, "json_schema": {}, "supported_sync_modes": [mode]},
            "sync_mode": mode, "destination_sync_mode": "append_dedup", "generation_id": 1,
        })
    };
    json!({"streams": streams.iter().map(stream).collect::<Vec<_>>()})
}

fn run(command: &mut Command) -> Ended {
    support::run(command)
}

fn messages(ended: &Ended) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
    ended.out.lines().map(parse).collect()
}

fn of<'a>(messages: &'a [Value], kind: &str) -> Vec<&'a Value> {
    messages.iter().filter(|message| message["type"] == kind).collect()
}

fn statuses(messages: &[Value], stream: &str) -> Vec<String> {
    let status = |message: &Value| {
        let status = &message["trace"]["stream_status"];
        (status["stream_descriptor"]["name"] == stream).then(|| {
            let reason = status["reasons"][0]["type"].as_str().unwrap_or_default();
            format!("{}{reason}", status["status"].as_str().expect("a status"))
        })
    };
    messages.iter().filter_map(status).collect()
}

fn states(messages: &[Value], stream: &str) -> Vec<Value> {
    let states = of(messages, "STATE").into_iter().map(|message| message["state"].clone());
    states.filter(|state| state["stream"]["stream_descriptor"]["name"] == stream).collect()
}

fn keys(messages: &[Value]) -> BTreeSet<u64> {
    let records = of(messages, "RECORD").into_iter();
    records.map(|m| m["record"]["data"]["crmhero_user_id"].as_u64().expect("a key")).collect()
}

fn error(messages: &[Value]) -> &Value {
    let error = messages.iter().find(|message| message["trace"]["type"] == "ERROR");
    &error.expect("an error trace")["trace"]["error"]
}

#[test]
fn the_forms_of_source_and_destination_are_derived_from_the_plugins_own() {
    for (name, role) in [("source", &[][..]), ("destination", &["--destination"][..])] {
        let ended = run(connector().args(["airbyte", "spec"]).args(role));
        assert_eq!(ended.code, 0, "{}", ended.err);
        let spec = &messages(&ended)[0]["spec"];
        insta::assert_json_snapshot!(format!("spec_of_the_{name}"), spec);
    }
}

#[test]
fn a_check_that_fails_is_an_answer_and_exits_0() {
    let platform = Platform::new(10, 0);
    let check = |config: Value, status: &str, part: &str| {
        let path = platform.file("tried.json", &config);
        let ended = run(platform.command("check").arg("--config").arg(path));
        assert_eq!(ended.code, 0, "{}", ended.err);
        let messages = messages(&ended);
        let found = of(&messages, "CONNECTION_STATUS");
        assert_eq!(found.len(), 1, "{}", ended.out);
        let found = &found[0]["connectionStatus"];
        assert_eq!(found["status"], status, "{found}");
        assert!(found["message"].as_str().unwrap_or_default().contains(part), "{found}");
        assert!(!ended.out.contains("wrong-token"), "{}", ended.out);
    };
    let token = platform.emulator.token();
    check(json!({"api_key": format!(" {token}\n"), "_x": 1}), "SUCCEEDED", "");
    check(json!({}), "FAILED", "API Key is missing");
    check(json!({"api_key": "wrong-token"}), "FAILED", "");
    check(json!({"api_key": token, "auth_header": "x"}), "FAILED", "Authentication Header");
    check(json!({"api_key": token, "page_size": 7}), "FAILED", "page_size");
}

#[test]
fn what_cannot_be_a_configuration_is_a_failure_with_a_trace() {
    let platform = Platform::new(1, 0);
    let path = platform.folder.path().join("none.json");
    let ended = run(platform.command("check").arg("--config").arg(path));
    assert_ne!(ended.code, 0);
    let messages = messages(&ended);
    assert_eq!(messages.len(), 1, "{}", ended.out);
    assert!(error(&messages)["message"].as_str().expect("a text").contains("none.json"));
}

#[test]
fn a_stream_is_read_with_a_state_after_each_page_and_again_from_its_last_state() {
    let platform = Platform::new(350, 0);
    let ended = run(&mut platform.read(&[("users", "incremental")], Some(&json!([]))));
    assert_eq!(ended.code, 0, "{}", ended.err);
    let first = messages(&ended);
    let expected: BTreeSet<u64> = platform.emulator.keys(Kind::Users).into_iter().collect();
    assert_eq!(keys(&first), expected);
    assert_eq!(statuses(&first, "users"), ["STARTED", "RUNNING", "COMPLETE"]);
    assert_eq!(first.last().expect("messages")["trace"]["stream_status"]["status"], "COMPLETE");
    let states = states(&first, "users");
    let counted: f64 =
        states.iter().filter_map(|state| state["sourceStats"]["recordCount"].as_f64()).sum();
    assert!(states.len() > 2);
    assert!(
        (counted - f64::from(u32::try_from(of(&first, "RECORD").len()).expect("a few"))).abs()
            < 0.5,
        "{counted}"
    );

    let last = json!([states.last().expect("states")]);
    let ended = run(&mut platform.read(&[("users", "incremental")], Some(&last)));
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(of(&messages(&ended), "RECORD").len() < 100);
    // A full refresh after one that came to its end begins anew.
    let ended = run(&mut platform.read(&[("users", "full_refresh")], Some(&last)));
    assert_eq!(keys(&messages(&ended)), expected);
}

#[test]
fn killed_at_any_message_the_rest_is_read_from_the_last_state() {
    let platform = Platform::new(400, 0);
    let expected: BTreeSet<u64> = platform.emulator.keys(Kind::Users).into_iter().collect();
    for lines in [0, 3, 105, 230, 390] {
        let mut child = platform
            .read(&[("users", "full_refresh")], None)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the binary runs");
        let out = BufReader::new(child.stdout.take().expect("it was asked for"));
        let seen: Vec<Value> = out
            .lines()
            .take(lines)
            .map(|line| serde_json::from_str(&line.expect("a line")).expect("a message"))
            .collect();
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        let state = states(&seen, "users").last().cloned();
        let state = json!(state.into_iter().collect::<Vec<_>>());
        let ended = run(&mut platform.read(&[("users", "full_refresh")], Some(&state)));
        assert_eq!(ended.code, 0, "{}", ended.err);
        let union: BTreeSet<u64> = keys(&seen).union(&keys(&messages(&ended))).copied().collect();
        assert_eq!(union, expected, "killed after {lines} lines");
    }
}

#[test]
fn while_the_service_wants_to_be_left_alone_the_last_state_is_repeated() {
    let platform = Platform::new(150, 0);
    let first = messages(&run(&mut platform.read(&[("users", "incremental")], None)));
    let last = states(&first, "users").last().expect("states").clone();
    platform.emulator.add_fault(FaultRule {
        method: None,
        path: "/users/list".into(),
        when: When::First(1),
        fault: Fault::too_many_requests(Some(RetryAfter::Seconds(0))),
    });
    let state = json!([last]);
    let ended = run(&mut platform.read(&[("users", "incremental")], Some(&state)));
    assert_eq!(ended.code, 0, "{}", ended.err);
    let messages = messages(&ended);
    assert_eq!(
        statuses(&messages, "users"),
        ["STARTED", "RUNNINGRATE_LIMITED", "RUNNING", "COMPLETE"]
    );
    let waits = messages.iter().position(|m| m["trace"]["stream_status"]["reasons"].is_array());
    let repeated = &messages[waits.expect("it waited") + 1]["state"];
    assert_eq!(repeated["sourceStats"]["recordCount"], 0.0);
    assert_eq!(repeated["stream"], last["stream"]);
}

#[test]
fn a_stream_that_cannot_be_read_is_incomplete_and_the_others_go_on() {
    let platform = Platform::new(20, 20);
    let foreign = json!([{"type": "STREAM", "stream": {
        "stream_descriptor": {"name": "leads"}, "stream_state": {"cursor": "2026"},
    }}]);
    let streams = [("users", "full_refresh"), ("leads", "incremental"), ("ghosts", "full_refresh")];
    let ended = run(&mut platform.read(&streams, Some(&foreign)));
    assert_eq!(ended.code, 3, "{}", ended.err);
    let messages = messages(&ended);
    assert_eq!(statuses(&messages, "users").last().expect("a status"), "COMPLETE");
    for name in ["leads", "ghosts"] {
        assert_eq!(statuses(&messages, name), ["STARTED", "INCOMPLETE"]);
        let error = messages
            .iter()
            .map(|message| &message["trace"]["error"])
            .find(|error| error["stream_descriptor"]["name"] == name)
            .expect("an error of it");
        assert_eq!(error["failure_type"], "config_error");
    }
    // What is refused stands.
    let state = &states(&messages, "leads")[0]["stream"]["stream_state"];
    assert_eq!(state, &json!({"cursor": "2026"}));
}

#[test]
fn a_refused_token_is_for_the_user_to_mend_and_is_never_shown() {
    let platform = Platform::new(20, 0);
    let config = platform.file("wrong.json", &json!({"api_key": "wrong-token-1234"}));
    let catalogue = platform.file("catalog.json", &catalogue(&[("users", "full_refresh")]));
    let ended = run(platform
        .command("read")
        .arg("--config")
        .arg(config)
        .arg("--catalog")
        .arg(catalogue)
        .args(["--debug"]));
    assert_eq!(ended.code, 4, "{}", ended.err);
    let messages = messages(&ended);
    assert_eq!(error(&messages)["failure_type"], "config_error");
    assert_eq!(statuses(&messages, "users"), ["STARTED", "INCOMPLETE"]);
    assert!(!ended.out.contains("wrong-token-1234") && !ended.err.contains("wrong-token-1234"));
}

#[test]
fn objects_that_delete_are_offered_only_if_that_is_allowed() {
    let platform = Platform::new(1, 0);
    let objects = |config: Value| {
        let config = platform.file("config.json", &config);
        let mut command = platform.command("discover");
        let ended = run(command.arg("--destination").arg("--config").arg(config));
        assert_eq!(ended.code, 0, "{}", ended.err);
        let operations = messages(&ended)[0]["destination_catalog"]["operations"].clone();
        operations.as_array().expect("a list").clone()
    };
    let token = platform.emulator.token();
    let modes = |operations: &[Value]| {
        let mode = |operation: &Value| operation["sync_mode"].as_str().map(str::to_owned);
        operations.iter().filter_map(mode).collect::<BTreeSet<_>>()
    };
    let plain = objects(json!({"api_key": token}));
    assert!(!modes(&plain).contains("soft_delete"));
    let users = plain.iter().find(|operation| operation["object_name"] == "users");
    let users = users.expect("it is there");
    assert_eq!(users["sync_mode"], "append_dedup");
    assert_eq!(users["matching_keys"], json!([["email"]]));
    let all = objects(json!({"api_key": token, "allow_deletes": true}));
    assert!(modes(&all).contains("soft_delete"));
    // Sending messages is for a person who is asked each time.
    assert!(all.iter().all(|operation| operation["object_name"] != "messages"));
}

const STATE: &str = r#"{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"people"},"stream_state":{"b":1.50,"a":12345678901234567890}},"sourceStats":{"recordCount":3.0},"extra":[ 1 ]},"unknown":{"x":null}}"#;

fn people() -> Value {
    json!({"streams": [{
        "stream": {"name": "people", "json_schema": {}}, "sync_mode": "full_refresh",
        "destination_sync_mode": "append_dedup", "destination_object_name": "users",
    }]})
}

fn record(stream: &str, data: &Value) -> String {
    json!({"type": "RECORD", "record": {"stream": stream, "data": data, "emitted_at": 1}})
        .to_string()
}

#[test]
fn a_state_goes_back_unchanged_once_every_record_before_it_is_settled() {
    let platform = Platform::new(0, 0);
    let config = json!({"api_key": platform.emulator.token()});
    let input = [
        record("people", &json!({"email": "a@example.com", "name": "A", "row_number": 1})),
        "this is no message".into(),
        record("people", &json!({"email": "no address"})),
        record("others", &json!({"email": "b@example.com"})),
        record("people", &json!({"email": "c@example.com"})),
        r#"{"type":"TRACE","trace":{"type":"STREAM_STATUS","emitted_at":1,"stream_status":{"stream_descriptor":{"name":"people"},"status":"COMPLETE"}}}"#.into(),
        STATE.into(),
    ]
    .join("\n");
    let ended = platform.write(&config, &people(), &input);
    assert_eq!(ended.code, 0, "{} {}", ended.err, ended.out);
    let expected = STATE.replace(
        r#""extra":[ 1 ]}"#,
        r#""extra":[ 1 ],"destinationStats":{"recordCount":3.0,"rejectedRecordCount":1.0}}"#,
    );
    let lines: Vec<_> = ended.out.lines().collect();
    assert!(lines.contains(&expected.as_str()), "{}", ended.out);
    let mut emails: Vec<_> = platform
        .emulator
        .contacts(Kind::Users)
        .iter()
        .map(|user| user["email"].as_str().expect("an address").to_owned())
        .collect();
    emails.sort();
    assert_eq!(emails, ["a@example.com", "c@example.com"]);
    let logs = of(&messages(&ended), "LOG").iter().map(ToString::to_string).collect::<String>();
    for part in ["people: a record is rejected", "no message is ignored", "1 records of others"] {
        assert!(logs.contains(part), "{part} in {logs}");
    }
}

#[test]
fn no_state_goes_back_for_records_that_could_not_be_written() {
    let platform = Platform::new(0, 0);
    let input = format!("{}\n{STATE}\n", record("people", &json!({"email": "a@example.com"})));
    let ended = platform.write(&json!({"api_key": "wrong-token-1234"}), &people(), &input);
    assert_eq!(ended.code, 4, "{}", ended.err);
    let messages = messages(&ended);
    assert!(of(&messages, "STATE").is_empty(), "{}", ended.out);
    assert_eq!(error(&messages)["failure_type"], "config_error");
    assert!(!ended.out.contains("wrong-token-1234"));
}

#[test]
fn a_stream_that_cannot_be_written_as_configured_is_refused_before_anything_is_sent() {
    let platform = Platform::new(0, 0);
    let check = |object: &str, mode: &str, part: &str| {
        let mut catalogue = people();
        catalogue["streams"][0]["destination_object_name"] = object.into();
        catalogue["streams"][0]["destination_sync_mode"] = mode.into();
        let config = json!({"api_key": platform.emulator.token()});
        let input = record("people", &json!({"email": "a@example.com"}));
        let ended = platform.write(&config, &catalogue, &input);
        assert_eq!(ended.code, 3, "{}", ended.err);
        let messages = messages(&ended);
        let text = error(&messages)["message"].as_str().expect("a text");
        assert!(text.contains(part), "{text}");
        assert!(platform.emulator.requests().iter().all(|request| request.method == "GET"));
    };
    check("ghosts", "append_dedup", "no such object");
    check("users", "overwrite", "Choose `append_dedup`");
    check("users.delete", "soft_delete", "does not allow it");
    check("messages", "append", "no such object");
}
