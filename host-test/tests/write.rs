//! `connector write` against the emulator: one outcome for every record, whatever stops the run.

mod support;

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use customerly_emulator::{Fault, FaultBody, Kind, RetryAfter, When};
use serde_json::{Value, json};
use support::write::{
    Place, counts, emails, fault, json_lines, report, run_with, sendings, totals, users, write,
};
use support::{emulator, run, text};

const A_MINUTE: Duration = Duration::from_mins(1);

/// An address that the emulator refuses, though it is a plausible one.
const REFUSED: &str = "broken@example.com";

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
