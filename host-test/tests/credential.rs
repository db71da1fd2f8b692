//! Saved credentials from the command line: the real binary, a store of the test's own, an emulated service.

mod support;

use std::io::Write as _;
use std::process::{Command, Stdio};

use connector_egress::Secret;
use customerly_emulator::{AuthForm, Config, Data, Emulator, Switches};
use serde_json::Value;
use support::{Ended, ORIGIN, connector, run};
use tempfile::TempDir;

const TOKEN: &str = "canary-5f1d0c77e2a94b03/+Zq";

/// A service and a store, and commands that use both.
struct Place {
    emulator: Emulator,
    folder: TempDir,
}

impl Place {
    fn new(switches: Switches) -> Self {
        let defaults = Config::default();
        let data = Data { users: 20, leads: 5, ..defaults.data };
        let config = Config { token: TOKEN.into(), data, switches, ..defaults };
        let emulator = Emulator::start(config).expect("a free port");
        Place { emulator, folder: tempfile::tempdir().expect("a folder") }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = connector();
        command
            .args(args)
            .arg(format!("--origin={ORIGIN}={}", self.emulator.origin()))
            .arg("--store")
            .arg(self.folder.path().join("store"))
            .arg("--key-dir")
            .arg(self.folder.path().join("key"));
        command
    }

    /// Runs a command; nothing that it prints holds the token in any form.
    fn run(&self, args: &[&str]) -> Ended {
        clean(run(&mut self.command(args)))
    }

    /// Runs a command with the token in its variable.
    fn run_with(&self, token: &str, args: &[&str]) -> Ended {
        clean(run(self.command(args).env("CONNECTOR_API_KEY", token)))
    }

    fn add(&self, name: &str) -> Ended {
        let ended = self.run_with(TOKEN, &["credential", "add", "--name", name]);
        assert_eq!(ended.code, 0, "{ended:?}");
        ended
    }

    fn show(&self, name: &str) -> Value {
        let ended = self.run(&["credential", "show", name, "--json"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        serde_json::from_str(&ended.out).expect("JSON")
    }
}

fn clean(ended: Ended) -> Ended {
    for form in Secret::new(TOKEN.into()).forms() {
        let shown = ended.out.contains(form.as_str()) || ended.err.contains(form.as_str());
        assert!(!shown, "the token is printed: {ended:?}");
    }
    ended
}

fn other_header() -> Switches {
    Switches { auth_forms: vec![AuthForm::AuthorizationBearer], ..Switches::default() }
}

#[test]
fn a_credential_is_saved_checked_and_then_used_by_its_name() {
    let place = Place::new(Switches::default());
    let ended = place.run_with(
        TOKEN,
        &["credential", "add", "--name", "Support", "--description", "Support workspace"],
    );
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.err.contains("Saved the credential \"Support\"."), "{}", ended.err);
    assert!(ended.err.contains("works: Customerly accepted the token"), "{}", ended.err);

    let record = place.show("support");
    assert_eq!(record["description"], "Support workspace");
    assert_eq!(record["verified"]["status"], "works");
    assert_eq!(record["secrets_set"], serde_json::json!(["api_key"]));
    let listed = place.run(&["credential", "list"]);
    assert!(listed.out.contains("Support") && listed.out.contains("works"), "{}", listed.out);

    let headers = place.run(&["headers", "--credential", "Support"]);
    assert_eq!(headers.out.trim(), "Authentication: Bearer <api_key>");
    let checked = place.run(&["check", "--credential", "Support"]);
    assert_eq!(checked.code, 0, "{checked:?}");
    let read = place.run(&["read", "leads", "--credential", "Support"]);
    assert_eq!((read.code, read.out.lines().count() >= 5), (0, true), "{read:?}");
}

#[test]
fn tokens_that_are_none_are_refused_without_being_quoted_and_nothing_is_saved() {
    let place = Place::new(Switches::default());
    let long = "x".repeat(10_000);
    let cases = ["", "   ", "two words", "Bearer abcdefgh", "abc\r\nX-Evil: 1", "tökenö", &long];
    for token in cases {
        let ended = place.run_with(token, &["credential", "add", "--name", "Wrong"]);
        assert_eq!(ended.code, 3, "{ended:?}");
        assert_eq!(ended.err.trim().lines().count(), 1, "{}", ended.err);
        assert!(ended.err.contains("API Key"), "{}", ended.err);
        for word in token.split_whitespace().filter(|word| word.len() > 3 && *word != "Bearer") {
            assert!(!ended.err.contains(word), "the token is quoted: {}", ended.err);
        }
    }
    let listed = place.run(&["credential", "list", "--json"]);
    assert_eq!(listed.out.trim(), "[]");
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let place = Place::new(Switches::default());
    let ended = place.run_with(
        "Bearer x",
        &["credential", "add", "--name", " ", "--set", "auth_header=basic", "--set", "colour=red"],
    );
    assert_eq!(ended.code, 3, "{ended:?}");
    for part in ["A name is required", "\"Bearer\" in front", "Authentication Header", "colour"] {
        assert!(ended.err.contains(part), "{part:?} is not in: {}", ended.err);
    }
}

#[test]
fn a_secret_comes_from_standard_input_where_it_is_asked_to() {
    let place = Place::new(Switches::default());
    let args = ["credential", "add", "--name", "Piped", "--secret-stdin", "api_key"];
    let mut child = place
        .command(&args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut stdin = child.stdin.take().expect("piped");
    writeln!(stdin, "{TOKEN}").expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(place.show("Piped")["verified"]["status"], "works");
    let ended = place.run(&["credential", "add", "--name", "x", "--secret-stdin", "auth_header"]);
    assert_eq!(ended.code, 2);
    assert!(ended.err.contains("Choose from: api_key"), "{}", ended.err);
}

#[test]
fn a_wrong_token_is_saved_and_its_check_says_what_to_do() {
    let place = Place::new(Switches::default());
    let added = place.run_with("not-the-token", &["credential", "add", "--name", "Wrong"]);
    assert_eq!(added.code, 0, "saving goes on whatever the check says: {added:?}");
    assert!(added.err.contains("refused:") && added.err.contains("Public API"), "{}", added.err);
    assert_eq!(place.show("Wrong")["verified"]["status"], "refused");
    assert_eq!(place.run(&["credential", "check", "Wrong"]).code, 4);
    assert_eq!(place.run(&["read", "leads", "--credential", "Wrong"]).code, 4);
}

#[test]
fn a_remedy_is_named_and_taken_where_it_is_accepted() {
    let place = Place::new(other_header());
    let added = place.add("Support");
    assert!(added.err.contains("--set auth_header=authorization-bearer"), "{}", added.err);
    assert!(added.err.contains("--accept-remedy"), "{}", added.err);
    assert_eq!(place.show("Support")["verified"]["status"], "refused");

    let checked = place.run(&["credential", "check", "Support", "--accept-remedy"]);
    assert_eq!(checked.code, 0, "{checked:?}");
    let record = place.show("Support");
    assert_eq!(record["settings"]["auth_header"], "authorization-bearer");
    assert_eq!(record["verified"]["status"], "works");

    let ended = place
        .run_with(TOKEN, &["credential", "add", "--name", "At once", "--accept-remedy", "--json"]);
    let report: Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!(report["check"]["status"], "works", "{ended:?}");
    assert!(place.emulator.requests().iter().all(|request| request.auth_forms.len() <= 1));
}

#[test]
fn a_rename_needs_neither_secret_nor_key_and_keeps_the_answer_of_the_check() {
    let place = Place::new(Switches::default());
    place.add("Old");
    let key = place.folder.path().join("key");
    std::fs::rename(&key, place.folder.path().join("elsewhere")).expect("the key's folder");
    let ended = place.run(&["credential", "edit", "Old", "--name", "New"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(place.show("New")["verified"]["status"], "works");
    let ended = place.run(&["check", "--credential", "New"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("cannot be reached"), "{}", ended.err);
    std::fs::rename(place.folder.path().join("elsewhere"), &key).expect("the key's folder");
    assert_eq!(place.run(&["check", "--credential", "New"]).code, 0);
}

#[test]
fn a_replaced_secret_clears_the_answer_of_the_check() {
    let place = Place::new(Switches::default());
    place.add("Support");
    let args = ["credential", "edit", "Support", "--replace", "api_key", "--no-check"];
    let ended = place.run_with("another-token", &args);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(place.show("Support")["verified"], Value::Null);
    let ended = place.run(&["credential", "edit", "Support", "--replace", "api_key"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains("CONNECTOR_API_KEY"), "{}", ended.err);
    let ended = place.run_with(TOKEN, &["credential", "edit", "Support", "--replace", "api_key"]);
    assert!(ended.err.contains("works:"), "{}", ended.err);
}

#[test]
fn a_name_is_taken_once_and_an_unknown_one_is_said_to_be() {
    let place = Place::new(Switches::default());
    place.add("Support");
    let ended = place.run_with(TOKEN, &["credential", "add", "--name", "SUPPORT", "--no-check"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains("is taken"), "{}", ended.err);
    for args in [
        &["credential", "show", "Nobody"][..],
        &["credential", "remove", "Nobody"],
        &["check", "--credential", "Nobody"],
    ] {
        let ended = place.run(args);
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.err.contains("there is no credential \"Nobody\""), "{}", ended.err);
    }
}

#[test]
fn a_credential_that_is_used_is_not_removed() {
    use connector_store::{FlowKind, KeyPlace, Name, NewFlow, NewKey, Store};

    let place = Place::new(Switches::default());
    place.add("Support");
    {
        let key = NewKey::At(KeyPlace::File(place.folder.path().join("key")));
        let mut store = Store::open(&place.folder.path().join("store"), &key, 0).expect("a store");
        let credential_id = store.credential("Support").expect("saved").id;
        let new = NewFlow {
            name: Name::parse("Nightly").expect("a name"),
            kind: FlowKind::Source { streams: vec!["users".into()] },
            credential_id,
            options: serde_json::Map::new(),
        };
        store.add_flow(&new, 0).expect("saved");
    }
    let ended = place.run(&["credential", "remove", "Support"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.err.contains("is used by \"Nightly\""), "{}", ended.err);
    let listed = place.run(&["flow", "list"]);
    assert_eq!(listed.out.trim(), "Nightly  source: users, with the credential \"Support\"");
    assert_eq!(place.run(&["flow", "remove", "Nightly"]).code, 0);
    assert_eq!(place.run(&["credential", "remove", "Support"]).code, 0);
    assert_eq!(place.run(&["credential", "list", "--json"]).out.trim(), "[]");
}

#[test]
fn the_key_is_rotated_and_a_backup_opens_with_the_key_it_was_sealed_under() {
    let place = Place::new(Switches::default());
    place.add("Support");
    let backup = place.folder.path().join("backup.db");
    let backup_text = backup.to_str().expect("a path");
    assert_eq!(place.run(&["credential", "rotate-key"]).code, 0);
    assert_eq!(place.run(&["check", "--credential", "Support"]).code, 0);
    assert_eq!(place.run(&["credential", "backup", backup_text]).code, 0);
    assert_eq!(place.run(&["credential", "backup", backup_text]).code, 2, "never overwritten");
    let bytes = std::fs::read(&backup).expect("a file");
    for form in Secret::new(TOKEN.into()).forms() {
        let found = bytes.windows(form.len()).any(|window| window == form.as_bytes());
        assert!(!found, "the backup holds the token");
    }
    assert_eq!(place.run(&["credential", "remove", "Support"]).code, 0);
    std::fs::copy(&backup, place.folder.path().join("store/credentials.db")).expect("a copy");
    assert_eq!(place.run(&["check", "--credential", "Support"]).code, 0);
}

#[test]
fn a_short_secret_is_taken_with_a_warning() {
    let place = Place::new(Switches::default());
    let ended = place.run_with("short", &["credential", "add", "--name", "Short", "--no-check"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.err.contains("fewer than 8 characters"), "{}", ended.err);
}

#[test]
fn a_credential_of_another_connector_is_not_used() {
    use connector_store::{KeyPlace, Name, NewCredential, NewKey, Store};

    let place = Place::new(Switches::default());
    let key = NewKey::At(KeyPlace::File(place.folder.path().join("key")));
    let mut store = Store::open(&place.folder.path().join("store"), &key, 0).expect("a store");
    let new = NewCredential {
        connector_id: "other".into(),
        connector_version: "1.0.0".into(),
        name: Name::parse("Foreign").expect("a name"),
        description: String::new(),
        settings: serde_json::Map::new(),
        secrets: [("api_key".to_owned(), Secret::new(TOKEN.into()))].into(),
    };
    store.add_credential(&new, 0).expect("saved");
    let ended = place.run(&["check", "--credential", "Foreign"]);
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.err.contains("is for the connector other"), "{}", ended.err);
    assert!(place.emulator.requests().is_empty());
}
