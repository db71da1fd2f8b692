//! `connector write` against the emulator: one outcome for every record, whatever stops the run.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use customerly_emulator::{Emulator, Fault, FaultBody, FaultRule, Kind, RetryAfter, When};
use serde_json::{Value, json};
use support::{Ended, connector_to, emulator, run, text};

const A_MINUTE: Duration = Duration::from_mins(1);
const A_LITTLE: Duration = Duration::from_millis(5);

/// An address that the emulator refuses, though it is a plausible one.
const REFUSED: &str = "broken@example.com";

fn write(emulator: &Emulator, args: &[&str]) -> Command {
    let mut command = connector_to(emulator);
    command.arg("write").args(args);
    command
}

/// A folder with an input file.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn with(input: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("in.jsonl"), input).expect("a file");
        Place { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    fn write(&self, emulator: &Emulator, args: &[&str]) -> Command {
        let mut command = write(emulator, args);
        command.args(["--input", &self.name("in.jsonl")]);
        command
    }
}

/// Users `u1@example.com` …
fn users(count: usize) -> String {
    let line = |id| json!({"email": format!("u{id}@example.com"), "name": format!("User {id}")});
    (1..=count).map(|id| line(id).to_string() + "\n").collect::<Vec<_>>().concat()
}

/// Runs a command with this standard input.
fn run_with(command: &mut Command, input: &str) -> Ended {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    let mut stdin = child.stdin.take().expect("it is piped");
    // A run that refuses its arguments does not read.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    Ended {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs with `--json`, and gives the report.
fn report(command: &mut Command, code: i32) -> Value {
    let ended = run(command.arg("--json"));
    assert_eq!(ended.code, code, "{ended:?}");
    let last = ended.out.lines().last().expect("a report");
    let mut value: Value = serde_json::from_str(last).expect("a report in JSON");
    value["report"].take()
}

/// How many records have each outcome, without those that none has.
fn totals(report: &Value) -> BTreeMap<String, u64> {
    let totals = report["totals"].as_object().expect("totals");
    let counts = totals.iter().filter_map(|(name, count)| Some((name.clone(), count.as_u64()?)));
    counts.filter(|(name, count)| *count > 0 && name != "batches").collect()
}

fn counts(expected: &[(&str, u64)]) -> BTreeMap<String, u64> {
    expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

/// The lines of a file, each as JSON.
fn json_lines(path: &Path) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str(line).expect("a line of JSON");
    text(path).lines().map(parse).collect()
}

fn fault(emulator: &Emulator, method: &str, when: When, fault: Fault) {
    let method = Some(method.to_owned());
    emulator.add_fault(FaultRule { method, path: String::new(), when, fault });
}

/// The addresses of the contacts that are alive.
fn emails(emulator: &Emulator, kind: Kind) -> BTreeSet<String> {
    let email = |row: &Value| row["email"].as_str().map(str::to_owned);
    emulator.contacts(kind).iter().filter_map(email).collect()
}

/// How often each address was sent to be written.
fn sendings(emulator: &Emulator) -> BTreeMap<String, u64> {
    let mut sent = BTreeMap::new();
    for request in emulator.requests().iter().filter(|request| request.method == "POST") {
        let body: Value = serde_json::from_str(&request.body).expect("bodies are JSON");
        for user in body["users"].as_array().expect("the wrapper") {
            *sent.entry(user["email"].as_str().expect("an e-mail").to_owned()).or_default() += 1;
        }
    }
    sent
}

#[test]
fn bad_lines_get_their_outcome_and_the_rest_goes_on() {
    let emulator = emulator(0, 0);
    let endless = "x".repeat(3 << 20);
    let input = format!(
        "{{\"email\":\"a@example.com\"}}\nnot json\n\n[]\n{{\"name\":\"Nobody\"}}\n{endless}\n\
         {{\"email\":\"{REFUSED}\"}}\n{{\"email\":\"b@example.com\",\"attributes\":{{\"a\":{{}}}}}}\n\
         {{\"email\":\"c@example.com\"}}"
    );
    let place = Place::with(&input);
    let (rejects, outcomes) = (place.name("rejects"), place.name("outcomes"));
    let report = report(
        &mut place.write(&emulator, &["users", "--rejects", &rejects, "--outcomes", &outcomes]),
        6,
    );
    let expected = [("records", 8), ("accepted", 2), ("invalid", 5), ("rejected", 1)];
    assert_eq!(totals(&report), counts(&expected));
    let listed: Vec<_> = report["listed"].as_array().expect("a list").iter().collect();
    let codes: Vec<_> =
        listed.iter().map(|entry| (entry["line"].as_u64(), entry["code"].as_str())).collect();
    assert_eq!(
        codes,
        [
            (Some(2), Some("not-json")),
            (Some(4), Some("not-an-object")),
            (Some(5), Some("required")),
            (Some(6), Some("line-too-long")),
            (Some(7), Some("refused")),
            (Some(8), Some("nested")),
        ]
    );
    let lines: Vec<_> = json_lines(&place.path("outcomes"))
        .iter()
        .map(|outcome| outcome["line"].as_u64().expect("a line"))
        .collect();
    assert_eq!(lines, [1, 2, 4, 5, 6, 7, 8, 9], "every record, in input order");
    assert_eq!(json_lines(&place.path("rejects")).len(), 6);
    assert_eq!(emails(&emulator, Kind::Users).len(), 2);
}

#[test]
fn mistakes_are_one_line_and_send_nothing() {
    let emulator = emulator(1, 0);
    let place = Place::with(&users(1));
    let input = place.name("in.jsonl");
    let missing = place.name("missing.jsonl");
    let folder = place.folder.path().to_str().expect("UTF-8").to_owned();
    let cases: [(&[&str], i32, &[&str]); 11] = [
        (&["userz"], 2, &["userz", "users, leads"]),
        (&["users", "--operation", "promote"], 2, &["promote", "upsert, delete"]),
        (&["users", "--option", "colour=red"], 2, &["colour"]),
        (&["users", "--option", "extra_fields=all"], 3, &["leave-out"]),
        (&["messages", "--input", &input], 2, &["messages", "--operation", "send"]),
        (&["messages", "--operation", "send", "--input", &input], 2, &["consent", "--yes"]),
        (&["users", "--input", &missing], 2, &["missing.jsonl"]),
        (&["users", "--input", &folder], 2, &["folder"]),
        (&["users", "--input", &input, "--rejects", &input], 2, &["the same file"]),
        (&["users", "--journal", "j"], 2, &["--input"]),
        (&["users", "--restart"], 2, &["--input"]),
    ];
    for (args, code, words) in cases {
        let ended = run(&mut write(&emulator, args));
        assert_eq!(ended.code, code, "{args:?}: {ended:?}");
        assert_eq!(ended.err.trim_end().lines().count(), 1, "one line: {}", ended.err);
        for word in words {
            assert!(ended.err.contains(word), "{word:?} is not in: {}", ended.err);
        }
    }
    assert!(emulator.requests().iter().all(|request| request.method == "GET"));
}

#[test]
fn an_empty_input_is_written_to_its_end() {
    let emulator = emulator(0, 0);
    for input in ["", "\n  \n"] {
        let ended = run_with(&mut write(&emulator, &["users"]), input);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(ended.out.contains("users upsert: complete"), "{}", ended.out);
    }
    assert_eq!(emulator.requests().len(), 0);
}

#[test]
fn records_come_through_a_pipe_and_the_report_reads_well() {
    let emulator = emulator(0, 0);
    let input = format!("{}{{\"email\":\"u1@example.com\"}}\n{{\"email\":\"x\"}}\n", users(3));
    let ended =
        run_with(&mut write(&emulator, &["users", "--option", "extra_fields=leave-out"]), &input);
    assert_eq!(ended.code, 6, "{ended:?}");
    insta::assert_snapshot!(ended.out);
}

#[test]
fn records_set_aside_are_taken_back_as_they_came() {
    let emulator = emulator(0, 0);
    let record = r#"{"email":"ada@example.com",  "attributes":{"born":1.50,"first name":"Ada"}}"#;
    let place = Place::with(&format!("{record}\n{{\"email\":\"b@example.com\"}}\n"));
    let rejects = place.name("rejects");
    run(&mut place.write(&emulator, &["users", "--rejects", &rejects]));
    let aside = text(&place.path("rejects"));
    assert!(aside.starts_with(&format!("{{\"record\":{record},\"$outcome\":{{")), "{aside}");
    let again = place.name("again");
    let args = ["users", "--input", &rejects, "--rejects", &again];
    let first = report(&mut write(&emulator, &args), 6);
    assert_eq!(totals(&first), counts(&[("records", 1), ("invalid", 1)]), "still not right");
    let mended = aside.replace("first name", "first_name");
    std::fs::write(place.path("mended"), mended).expect("a file");
    let second = report(&mut write(&emulator, &["users", "--input", &place.name("mended")]), 0);
    assert_eq!(totals(&second), counts(&[("records", 1), ("accepted", 1)]));
    assert_eq!(emails(&emulator, Kind::Users).len(), 2);
}

#[test]
fn a_dry_run_shows_each_call_and_sends_none() {
    let emulator = emulator(2, 0);
    let place = Place::with("{\"email\":\"a+b@example.com\"}\n{\"email\":\"c@example.com\"}\n");
    let before = emulator.contacts(Kind::Users);
    let upsert = run(&mut place.write(&emulator, &["users", "--dry-run"]));
    assert_eq!(upsert.code, 0, "{upsert:?}");
    insta::assert_snapshot!("dry_run_upsert", upsert.out);
    let delete = run(&mut place.write(&emulator, &["users", "--operation", "delete", "--dry-run"]));
    assert!(
        delete.out.contains("DELETE https://api.customerly.io/v1/users?email=a%2Bb%40example.com"),
        "{}",
        delete.out
    );
    let ended = run(&mut place.write(&emulator, &["leads", "--dry-run", "--json"]));
    let call: Value =
        serde_json::from_str(ended.out.lines().next().expect("a call")).expect("JSON");
    assert_eq!(call["call"]["body"]["leads"][0]["email"], "a+b@example.com");
    assert!(!format!("{upsert:?}{delete:?}{ended:?}").contains(emulator.token()));
    assert!(emulator.requests().iter().all(|request| request.method == "GET"));
    assert_eq!(emulator.contacts(Kind::Users), before);
    let names = std::fs::read_dir(place.folder.path()).expect("a folder").count();
    assert_eq!(names, 1, "no journal is begun");
}

#[test]
fn a_finished_write_sends_nothing_again_unless_it_is_told_to() {
    let emulator = emulator(0, 0);
    let place = Place::with(&users(60));
    report(&mut place.write(&emulator, &["users"]), 0);
    let posts = emulator.requests().len();
    let ended = run(&mut place.write(&emulator, &["users"]));
    assert_eq!((ended.code, emulator.requests().len()), (0, posts), "{ended:?}");
    assert!(ended.err.contains("Nothing was sent"), "{}", ended.err);
    let report = report(&mut place.write(&emulator, &["users", "--restart"]), 0);
    assert_eq!(totals(&report), counts(&[("records", 60), ("accepted", 60)]));
    assert_eq!(emulator.requests().len(), 2 * posts);
}

#[test]
fn a_journal_of_something_else_is_refused_by_name() {
    let emulator = emulator(0, 0);
    let place = Place::with(&users(60));
    let journal = place.name("j");
    let args = ["users", "--journal", journal.as_str()];
    report(&mut place.write(&emulator, &args), 0);
    let posts = emulator.requests().len();
    let check = |command: &mut Command, words: &str| {
        let ended = run(command);
        assert_eq!(ended.code, 6, "{ended:?}");
        assert!(ended.err.contains(words), "{words:?} is not in: {}", ended.err);
        assert_eq!(emulator.requests().len(), posts, "nothing is sent");
    };
    check(&mut place.write(&emulator, &["leads", "--journal", &journal]), "another target");
    let mut other = place.write(&emulator, &args);
    check(other.env("CONNECTOR_API_KEY", "another-token-of-a-test"), "another credential");
    let mut options = place.write(&emulator, &args);
    check(options.args(["--option", "extra_fields=leave-out"]), "another set of options");
    std::fs::write(place.path("in.jsonl"), users(60).replace("User 7\"", "Other\""))
        .expect("a file");
    check(&mut place.write(&emulator, &args), "another input");
    std::fs::write(place.path("j"), "{\"journal\":1}\n").expect("a file");
    check(&mut place.write(&emulator, &args), "damaged");
}

#[test]
fn a_second_run_is_told_who_has_the_journal() {
    let emulator = emulator(0, 0);
    let place = Place::with(&users(1));
    let _held = host_test::state_file::Lock::take(&place.path("j")).expect("nobody has it");
    let ended = run(&mut place.write(&emulator, &["users", "--journal", &place.name("j")]));
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains(&format!("process {}", std::process::id())), "{}", ended.err);
    assert_eq!(emulator.requests().len(), 0);
}

#[test]
fn a_service_that_wants_to_be_left_alone_ends_the_run_and_the_next_one_goes_on() {
    let emulator = emulator(0, 0);
    let place = Place::with(&users(120));
    let wait = Fault::too_many_requests(Some(RetryAfter::Seconds(86_400)));
    fault(&emulator, "POST", When::Nth(2), wait);
    let rejects = place.name("rejects");
    let args = ["users", "--max-time", "60", "--rejects", rejects.as_str()];
    let first = report(&mut place.write(&emulator, &args), 5);
    let expected = [("records", 100), ("accepted", 50), ("deferred", 50)];
    assert_eq!(totals(&first), counts(&expected));
    assert_eq!(text(&place.path("rejects")), "", "the journal goes on with what is deferred");
    let second = report(&mut place.write(&emulator, &args), 0);
    assert_eq!(totals(&second), counts(&[("records", 120), ("accepted", 120)]));
    assert_eq!(second["earlier"], 50);
    assert_eq!(emails(&emulator, Kind::Users).len(), 120);
}

#[test]
fn a_refused_token_ends_the_run_and_says_what_to_do() {
    let emulator = emulator(0, 0);
    let place = Place::with(&users(1));
    let mut command = place.write(&emulator, &["users"]);
    let ended = run(command.env("CONNECTOR_API_KEY", "another-token-of-a-test"));
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.err.contains("Run the same command again"), "{}", ended.err);
}

#[test]
fn what_a_pipe_brought_and_was_not_written_is_set_aside() {
    let emulator = emulator(0, 0);
    let gone = Fault::answer(403, FaultBody::Error("Access token not found.".into()));
    fault(&emulator, "POST", When::Nth(2), gone);
    let place = Place::with("");
    let args = ["users", "--rejects", &place.name("rejects")];
    let ended = run_with(&mut write(&emulator, &args), &users(120));
    assert_eq!(ended.code, 4, "{ended:?}");
    let aside = json_lines(&place.path("rejects"));
    assert_eq!(aside.len(), 50);
    assert!(aside.iter().all(|line| line["$outcome"]["outcome"] == "deferred"), "{aside:?}");
    assert!(ended.err.contains("100 lines of the input were read"), "{}", ended.err);
}

#[test]
fn a_message_that_may_have_been_sent_is_not_sent_again() {
    let emulator = emulator(1, 0);
    let email = emails(&emulator, Kind::Users).pop_first().expect("a user");
    let message = |text: &str| {
        json!({"from": {"type": "admin", "id": 41_657}, "to": {"type": "user", "email": email},
               "content": text})
    };
    let place = Place::with(&format!("{}\n{}\n", message("one"), message("two")));
    fault(&emulator, "POST", When::Nth(1), Fault::CloseAfter);
    let rejects = place.name("rejects");
    let args = ["messages", "--operation", "send", "--yes", "--rejects", rejects.as_str()];
    let first = report(&mut place.write(&emulator, &args), 6);
    assert_eq!(totals(&first), counts(&[("records", 2), ("accepted", 1), ("unknown", 1)]));
    assert_eq!(emulator.messages().len(), 2, "it was sent, which nobody can know");
    let args = ["messages", "--operation", "send", "--yes", "--input", rejects.as_str()];
    let second = report(&mut write(&emulator, &args), 6);
    assert_eq!(totals(&second), counts(&[("records", 1), ("unknown", 1)]));
    assert_eq!(emulator.messages().len(), 2, "it stays unknown: sending it is up to a person");
}

#[test]
fn a_connection_that_was_cut_is_settled_by_reading_back() {
    let emulator = emulator(0, 0);
    let place = Place::with(&users(10));
    fault(&emulator, "POST", When::Nth(1), Fault::CloseAfter);
    let report = report(&mut place.write(&emulator, &["users"]), 0);
    assert_eq!(totals(&report), counts(&[("records", 10), ("accepted", 10)]));
    assert!(sendings(&emulator).values().all(|times| *times == 1), "nothing is sent again");
}

#[test]
fn a_signal_ends_a_run_that_waits_for_its_input() {
    let emulator = emulator(0, 0);
    let place = Place::with("");
    let args = ["users", "--json", "--rejects", &place.name("rejects")];
    let mut command = write(&emulator, &args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(users(60).as_bytes()).expect("it reads");
    assert!(emulator.wait_for_requests(1, A_MINUTE));
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(killed.expect("kill is there").success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(143), "{output:?}");
    drop(stdin);
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report in JSON");
    let aside = json_lines(&place.path("rejects")).len();
    let accounted = emails(&emulator, Kind::Users).len() + aside;
    assert_eq!(report["report"]["lines"], accounted, "all that was read is written or set aside");
}

/// The fields that a write sets.
fn written(row: &Value) -> Value {
    let attributes =
        if row["attributes"] == json!([]) { json!({}) } else { row["attributes"].clone() };
    json!({"user_id": row["user_id"], "name": row["name"], "attributes": attributes})
}

fn by_email(rows: &[Value]) -> BTreeMap<String, Value> {
    rows.iter()
        .map(|row| (row["email"].as_str().expect("an e-mail").to_owned(), written(row)))
        .collect()
}

#[test]
fn ten_thousand_users_go_from_one_account_to_another_and_are_the_same() {
    let (from, to) = (emulator(10_000, 0), emulator(0, 0));
    let place = Place::with("");
    let mut read = connector_to(&from);
    read.args(["read", "users", "--overwrite", "--output", &place.name("in.jsonl")]);
    let ended = run(&mut read);
    assert_eq!(ended.code, 0, "{ended:?}");
    let report = report(&mut place.write(&to, &["users", "--option", "extra_fields=leave-out"]), 0);
    // A read may give a record twice.
    let records = json_lines(&place.path("in.jsonl")).len() as u64;
    let written =
        report["totals"]["accepted"].as_u64().zip(report["totals"]["superseded"].as_u64());
    assert_eq!(written.map(|(accepted, superseded)| accepted + superseded), Some(records));
    assert_eq!(report["totals"]["records"], records);
    let mut read = connector_to(&to);
    let ended = run(read.args(["read", "users", "--output", &place.name("back.jsonl")]));
    assert_eq!(ended.code, 0, "{ended:?}");
    let sent = by_email(&json_lines(&place.path("in.jsonl")));
    let back = by_email(&json_lines(&place.path("back.jsonl")));
    assert_eq!((sent.len(), back.len()), (10_000, 10_000));
    let differs: Vec<_> =
        sent.iter().filter(|(email, row)| back.get(*email) != Some(row)).collect();
    assert!(differs.is_empty(), "{} differ, such as {:?}", differs.len(), differs.first());
}

/// 1 % of these the service refuses, 1 % are not sent.
fn users_with_bad_ones(count: usize) -> String {
    let line = |id: usize| match id % 100 {
        7 => json!({"email": format!("broken+{id}@example.com")}),
        50 => json!({"email": format!("nobody{id}")}),
        _ => {
            json!({"email": format!("u{id}@example.com"), "attributes": {"plan": "pro", "seats": id}})
        }
    };
    (0..count).map(|id| line(id).to_string() + "\n").collect::<Vec<_>>().concat()
}

/// What must hold of a complete write, whatever happened on the way.
fn check_laws(emulator: &Emulator, place: &Place, report: &Value) {
    let outcomes = json_lines(&place.path("outcomes"));
    let input = json_lines(&place.path("in.jsonl"));
    let lines: Vec<_> = outcomes.iter().map(|outcome| outcome["line"].as_u64()).collect();
    let expected: Vec<_> = (1..=input.len() as u64).map(Some).collect();
    assert_eq!(lines, expected, "one outcome for each record, in input order");
    let count = |name: &str| report["totals"][name].as_u64().expect("a count");
    let parts = ["accepted", "superseded", "invalid", "rejected", "unknown"];
    assert_eq!(parts.map(count).iter().sum::<u64>(), count("records"));
    let there = emails(emulator, Kind::Users);
    for (record, outcome) in input.iter().zip(&outcomes) {
        let email = record["email"].as_str().expect("an e-mail");
        match outcome["outcome"].as_str() {
            Some("accepted") => assert!(there.contains(email), "{email} is not there"),
            Some("invalid" | "rejected") => assert!(!there.contains(email), "{email} is there"),
            Some("unknown") => {}
            other => panic!("{email} ends {other:?}"),
        }
    }
    let refused = count("invalid") + count("rejected") + count("unknown");
    assert_eq!(json_lines(&place.path("rejects")).len() as u64, refused);
}

#[test]
fn a_service_that_fails_at_random_makes_no_record_disappear() {
    let emulator = emulator(0, 0);
    let place = Place::with(&users_with_bad_ones(1_000));
    let retry_after = Some(RetryAfter::Seconds(0));
    let unwell = Fault::Answer { status: 503, body: FaultBody::Html, retry_after };
    fault(&emulator, "POST", When::Rate(0.2), unwell);
    fault(&emulator, "POST", When::Rate(0.1), Fault::CloseAfter);
    fault(&emulator, "POST", When::Rate(0.1), Fault::CloseBefore);
    fault(&emulator, "GET", When::Rate(0.02), Fault::CutBody);
    let (rejects, outcomes) = (place.name("rejects"), place.name("outcomes"));
    let args = ["users", "--rejects", &rejects, "--outcomes", &outcomes, "--retries", "20"];
    let report = report(&mut place.write(&emulator, &args), 6);
    check_laws(&emulator, &place, &report);
    let expected = [("records", 1_000), ("accepted", 980), ("invalid", 10), ("rejected", 10)];
    let mut found = totals(&report);
    found.remove("repeated");
    assert_eq!(found, counts(&expected));
}

fn has_ended(child: &mut Child) -> bool {
    child.try_wait().expect("it can be waited for").is_some()
}

#[test]
fn killed_at_any_moment_and_run_again_no_record_is_lost_and_none_repeated_uncounted() {
    let emulator = emulator(0, 0);
    let place = Place::with(&users_with_bad_ones(2_000));
    let (rejects, outcomes) = (place.name("rejects"), place.name("outcomes"));
    let args = ["users", "--rejects", &rejects, "--outcomes", &outcomes];
    for kill in 1..=12 {
        let mut command = place.write(&emulator, &args);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary runs");
        // Some in the midst of settling, which takes a request a record, some well after it.
        let moment = emulator.requests().len() + kill * 29 % 97;
        while !emulator.wait_for_requests(moment, A_LITTLE) && !has_ended(&mut child) {}
        // It may have ended by itself: then there is nothing to kill.
        let _ = child.kill();
        child.wait().expect("it ends");
    }
    let report = report(&mut place.write(&emulator, &args), 6);
    assert!(report["earlier"].as_u64() > Some(0), "it went on: {report}");
    check_laws(&emulator, &place, &report);
    // What was refused was not done, and may be sent again.
    let done = emails(&emulator, Kind::Users);
    let mut sendings = sendings(&emulator);
    sendings.retain(|email, _| done.contains(email));
    let again: u64 = sendings.values().map(|times| times - 1).sum();
    let repeated = report["totals"]["repeated"].as_u64().expect("a count");
    assert!(again <= repeated, "{again} sent again, {repeated} counted");
    assert_eq!(report["totals"]["accepted"], 1_960);
}
