//! `connector read` against the emulator: all records, once, whatever stops the run.

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use customerly_emulator::{Emulator, Fault, FaultBody, FaultRule, Kind, RetryAfter, When};
use serde_json::Value;
use support::{Ended, connector_to, emulator, keys, run, text};

fn read(emulator: &Emulator, args: &[&str]) -> Command {
    let mut command = connector_to(emulator);
    command.arg("read").args(args);
    command
}

fn fault(emulator: &Emulator, path: &str, when: When, fault: Fault) {
    emulator.add_fault(FaultRule { method: None, path: path.into(), when, fault });
}

/// Every key that is alive, once.
fn check_keys(found: &[u64], emulator: &Emulator, kind: Kind) {
    let distinct: BTreeSet<u64> = found.iter().copied().collect();
    let alive: BTreeSet<u64> = emulator.keys(kind).into_iter().collect();
    assert_eq!(distinct, alive);
}

#[test]
fn ten_thousand_users_are_ten_thousand_lines_with_as_many_keys() {
    let emulator = emulator(10_000, 0);
    let ended = run(&mut read(&emulator, &["users"]));
    assert_eq!(ended.code, 0, "{}", ended.err);
    let found = keys(&ended.out);
    assert_eq!(found.len(), 10_000);
    check_keys(&found, &emulator, Kind::Users);
    assert!(ended.err.contains("users: complete, 10000 records"), "{}", ended.err);
}

#[test]
fn without_names_the_streams_selected_by_default_are_read_and_each_record_says_whose_it_is() {
    let emulator = emulator(120, 60);
    let ended = run(&mut read(&emulator, &[]));
    assert_eq!(ended.code, 0, "{}", ended.err);
    let mut streams = std::collections::BTreeMap::<String, u32>::new();
    for line in ended.out.lines() {
        let value: Value = serde_json::from_str(line).expect("a line of JSON");
        assert!(value["record"].is_object(), "{line}");
        *streams.entry(value["stream"].as_str().expect("a name").into()).or_default() += 1;
    }
    assert_eq!((streams["users"], streams["leads"]), (120, 60));
    for name in ["tags", "accounts", "collections", "articles", "writers"] {
        assert!(streams.get(name).is_some_and(|count| *count > 0), "{name}: {streams:?}");
    }
    assert!(!streams.contains_key("user_details"), "{streams:?}");
}

#[test]
fn a_folder_gets_a_file_a_stream_and_a_second_run_is_incremental() {
    let emulator = emulator(250, 30);
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out/");
    let state = folder.path().join("state.json");
    let command = || {
        let mut command = read(&emulator, &["users", "leads", "--option", "lookback=0"]);
        command.arg("--output").arg(&out).arg("--state").arg(&state);
        command
    };
    assert_eq!(run(&mut command()).code, 0);
    check_keys(&keys(&text(&out.join("users.jsonl"))), &emulator, Kind::Users);
    check_keys(&keys(&text(&out.join("leads.jsonl"))), &emulator, Kind::Leads);
    emulator.change("insert 3 users".parse().expect("a change"));
    let ended = run(&mut command());
    assert_eq!(ended.code, 0, "{}", ended.err);
    let found = keys(&text(&out.join("users.jsonl")));
    check_keys(&found, &emulator, Kind::Users);
    assert!(found.len() < 300, "the second run read everything again: {}", found.len());
}

#[test]
fn fields_that_depart_from_the_schema_are_passed_on_and_counted() {
    let emulator = emulator(150, 0);
    let quiet = run(read(&emulator, &["users"]).arg("--json"));
    assert!(!quiet.err.contains("schema-drift"), "{}", quiet.err);
    emulator.switch(|switches| switches.schema_drift = true);
    let ended = run(read(&emulator, &["users"]).arg("--json"));
    assert_eq!(ended.code, 0, "{}", ended.err);
    for line in ended.out.lines() {
        let record: Value = serde_json::from_str(line).expect("a record");
        assert_eq!(record["lifetime_value"], 12.5, "{line}");
        assert!(record["web_session"].is_string(), "{line}");
    }
    let report: Value =
        serde_json::from_str(ended.err.lines().last().expect("a report")).expect("JSON");
    let drift = report["streams"][0]["schema_drift"].as_array().expect("a list");
    let drift: Vec<_> = drift.iter().map(Value::to_string).collect();
    insta::assert_snapshot!(drift.join("\n"), @r#"
    {"departure":"absent","field":"facebook_profile_id","found":null,"records":150}
    {"departure":"type","field":"web_session","found":"string","records":150}
    {"departure":"unknown","field":"lifetime_value","found":null,"records":150}
    "#);
    let ended = run(&mut read(&emulator, &["users"]));
    let told = ["lifetime_value (in 150 records)", "web_session as string (in 150 records)"];
    for told in told {
        assert!(ended.err.contains(told), "{}", ended.err);
    }
}

#[test]
fn an_output_that_no_state_knows_is_not_overwritten_unasked() {
    let emulator = emulator(10, 0);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("users.jsonl");
    std::fs::write(&path, "precious\n").expect("a file");
    let mut command = read(&emulator, &["users"]);
    let ended = run(command.arg("--output").arg(&path));
    assert_eq!((ended.code, text(&path).as_str()), (2, "precious\n"), "{}", ended.err);
    let mut command = read(&emulator, &["users", "--overwrite"]);
    assert_eq!(run(command.arg("--output").arg(&path)).code, 0);
    assert_eq!(keys(&text(&path)).len(), 10);
}

#[test]
fn a_limit_ends_at_the_page_that_reaches_it_and_the_state_goes_on() {
    let emulator = emulator(1000, 0);
    let folder = tempfile::tempdir().expect("a folder");
    let command = |args: &[&str]| {
        let mut command = read(&emulator, args);
        command.arg("--state").arg(folder.path().join("s"));
        command.arg("--output").arg(folder.path().join("o"));
        command
    };
    let ended = run(&mut command(&["users", "--limit", "150"]));
    assert_eq!(ended.code, 0, "{}", ended.err);
    let some = keys(&text(&folder.path().join("o"))).len();
    assert!((150..400).contains(&some), "{some}");
    assert_eq!(run(&mut command(&["users"])).code, 0);
    check_keys(&keys(&text(&folder.path().join("o"))), &emulator, Kind::Users);
}

#[test]
fn a_second_run_on_the_same_state_is_told_who_has_it() {
    let emulator = emulator(1000, 0);
    fault(&emulator, "/users/list", When::Always, Fault::Slow { ms: 60_000 });
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("s");
    let command = || {
        let mut command = read(&emulator, &["users"]);
        command.arg("--state").arg(&state);
        command
    };
    let mut first = command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it runs");
    // The emulator has seen a request, so the first run has its state.
    assert!(emulator.wait_for_requests(1, A_MINUTE));
    let ended = run(&mut command());
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains(&format!("in use by process {}", first.id())), "{}", ended.err);
    first.kill().expect("it is ours");
    first.wait().expect("it ends");
}

/// Long enough for a busy machine; a test that waits so long has failed.
const A_MINUTE: Duration = Duration::from_mins(1);

#[test]
fn a_closed_pipe_ends_quietly() {
    let emulator = emulator(5000, 0);
    let mut child = read(&emulator, &["users"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(!err.contains("error") && !err.contains("panic"), "{err}");
}

#[cfg(unix)]
#[test]
fn a_signal_saves_the_state_and_the_next_run_goes_on() {
    let emulator = emulator(3000, 0);
    let folder = tempfile::tempdir().expect("a folder");
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        emulator.clear_faults();
        let slow = Fault::Slow { ms: 60_000 };
        fault(&emulator, "/users/list", When::Nth(5), slow.clone());
        fault(&emulator, "/users/list", When::Nth(6), slow);
        emulator.clear_requests();
        let path = folder.path().join(signal);
        let command = || {
            let mut command = read(&emulator, &["users", "--ahead", "0"]);
            command.arg("--state").arg(path.with_extension("state"));
            command.arg("--output").arg(&path);
            command
        };
        let child = command().stderr(Stdio::piped()).spawn().expect("it runs");
        assert!(emulator.wait_for_requests(5, A_MINUTE));
        let killed = Command::new("kill")
            .args([&format!("-{signal}"), &child.id().to_string()])
            .status()
            .expect("kill is there");
        assert!(killed.success());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
        emulator.clear_faults();
        assert_eq!(run(&mut command()).code, 0);
        check_keys(&keys(&text(&path)), &emulator, Kind::Users);
    }
}

/// A run that meets `fault` at first, and then reads everything.
fn check_recovers(name: &str, emulator: &Emulator, args: &[&str]) -> Ended {
    let ended = run(&mut read(emulator, args));
    assert_eq!(ended.code, 0, "{name}: {}", ended.err);
    check_keys(&keys(&ended.out), emulator, Kind::Users);
    ended
}

#[test]
fn what_passes_is_waited_for_and_tried_again() {
    let emulator = emulator(300, 0);
    let faults = [
        ("429 with no wait", Fault::too_many_requests(None)),
        ("429 with seconds", Fault::too_many_requests(Some(RetryAfter::Seconds(1)))),
        ("429 with a date", Fault::too_many_requests(Some(RetryAfter::DateIn(1)))),
        ("429 with an absurd wait", Fault::too_many_requests(Some(RetryAfter::Seconds(864_000)))),
        ("429 with a negative wait", Fault::too_many_requests(Some(RetryAfter::Seconds(-5)))),
        ("503", Fault::answer(503, FaultBody::Empty)),
        ("500 in HTML", Fault::answer(500, FaultBody::Html)),
        ("200 in HTML", Fault::answer(200, FaultBody::Html)),
        ("200 with an error", Fault::answer(200, FaultBody::Error("Oops".into()))),
        ("cut JSON", Fault::CutJson),
        ("cut body", Fault::CutBody),
        ("empty body", Fault::EmptyBody),
        ("no answer", Fault::CloseBefore),
    ];
    for (name, what) in faults {
        emulator.clear_faults();
        fault(&emulator, "/users/list", When::Nth(2), what);
        let ended = check_recovers(name, &emulator, &["users", "--json", "--ahead", "0"]);
        let report: Value = serde_json::from_str(ended.err.trim()).expect("a report");
        assert_eq!(report["streams"][0]["end"], "complete", "{name}: {report}");
        assert!(report["streams"][0]["waits"].as_u64() >= Some(1), "{name}: {report}");
    }
}

#[test]
fn a_deadline_ends_the_run_as_try_later_with_the_state_kept() {
    let emulator = emulator(1000, 0);
    fault(
        &emulator,
        "/users/list",
        When::Nth(4),
        Fault::too_many_requests(Some(RetryAfter::Seconds(600))),
    );
    let folder = tempfile::tempdir().expect("a folder");
    let command = |args: &[&str]| {
        let mut command = read(&emulator, args);
        command.arg("--state").arg(folder.path().join("s"));
        command.arg("--output").arg(folder.path().join("o"));
        command
    };
    let ended = run(&mut command(&["users", "--max-time", "30", "--ahead", "0"]));
    assert_eq!(ended.code, 5, "{}", ended.err);
    assert!(!keys(&text(&folder.path().join("o"))).is_empty());
    emulator.clear_faults();
    assert_eq!(run(&mut command(&["users"])).code, 0);
    check_keys(&keys(&text(&folder.path().join("o"))), &emulator, Kind::Users);
}

#[test]
fn one_stream_that_fails_does_not_stop_the_others() {
    let emulator = emulator(200, 50);
    fault(&emulator, "/tags", When::Always, Fault::answer(404, FaultBody::Html));
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = read(&emulator, &["users", "leads", "tags"]);
    let ended = run(command.arg("--output").arg(folder.path()));
    assert_eq!(ended.code, 1, "{}", ended.err);
    assert!(ended.err.contains("tags: incomplete"), "{}", ended.err);
    check_keys(&keys(&text(&folder.path().join("users.jsonl"))), &emulator, Kind::Users);
    check_keys(&keys(&text(&folder.path().join("leads.jsonl"))), &emulator, Kind::Leads);
}

#[test]
fn a_row_without_its_key_is_set_aside_with_its_text_and_the_stream_goes_on() {
    let emulator = emulator(300, 0);
    fault(&emulator, "/users/list", When::Nth(1), Fault::KeylessRow);
    let folder = tempfile::tempdir().expect("a folder");
    let aside = folder.path().join("aside.jsonl");
    let mut command = read(&emulator, &["users", "--ahead", "0"]);
    let ended = run(command.arg("--quarantine").arg(&aside));
    assert_eq!(ended.code, 0, "{}", ended.err);
    let line: Value =
        serde_json::from_str(text(&aside).lines().next().expect("a row")).expect("JSON");
    assert!(line["raw"].as_str().is_some_and(|raw| raw.contains("email")), "{line}");
    assert!(line["message"].as_str().is_some_and(|message| !message.is_empty()), "{line}");
}

#[test]
fn killed_at_any_moment_and_run_again_the_union_is_the_whole_set() {
    let kills = 50;
    let emulator = emulator(2000, 300);
    emulator.switch(|switches| switches.latency_ms = 3);
    let folder = tempfile::tempdir().expect("a folder");
    let (out, state) = (folder.path().join("out/"), folder.path().join("state"));
    std::fs::create_dir(&out).expect("a folder");
    let command = || {
        let mut command = read(&emulator, &["users", "leads"]);
        command.arg("--output").arg(&out).arg("--state").arg(&state);
        command
    };
    // The moments are counted in requests that the emulator has seen, from a fixed sequence.
    let mut seed = 7_u64;
    let mut finished = 0;
    for _ in 0..kills {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let moment = usize::try_from(seed >> 33).expect("31 bits") % 12 + 1;
        emulator.clear_requests();
        let mut quiet = command();
        quiet.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = quiet.spawn().expect("it runs");
        while !emulator.wait_for_requests(moment, A_LITTLE) && !has_ended(&mut child) {}
        // It may have ended by itself: then there is nothing to kill.
        let _ = child.kill();
        let status = child.wait().expect("it ends");
        // Without a code it was killed; with another, it has refused to go on.
        assert!(matches!(status.code(), None | Some(0)), "{status}");
        finished += usize::from(status.success());
        check_lines_are_whole(&out, &state);
    }
    let ended = run(&mut command());
    assert_eq!(ended.code, 0, "{}", ended.err);
    check_keys(&keys(&text(&out.join("users.jsonl"))), &emulator, Kind::Users);
    check_keys(&keys(&text(&out.join("leads.jsonl"))), &emulator, Kind::Leads);
    println!("{kills} kills, {finished} runs came to their end before");
}

/// How often a run that may end by itself is looked at.
const A_LITTLE: Duration = Duration::from_millis(50);

fn has_ended(child: &mut std::process::Child) -> bool {
    matches!(child.try_wait(), Ok(Some(_)))
}

/// What the state knows of an output is whole lines.
fn check_lines_are_whole(out: &Path, state: &Path) {
    let Ok(state) = std::fs::read_to_string(state) else { return };
    let state: Value = serde_json::from_str(&state).expect("a state is never half written");
    for (path, length) in state["outputs"].as_object().expect("lengths") {
        let bytes = std::fs::read(path).expect("an output of the state");
        let length = usize::try_from(length.as_u64().expect("a length")).expect("a size");
        assert!(bytes.len() >= length, "the state is ahead of {path} in {}", out.display());
        assert!(length == 0 || bytes[length - 1] == b'\n');
    }
}
