//! Tests of the whole store, on real files and with real processes.
//!
//! Some tests start this test binary again, as a child that does one action ([`act`]) to the
//! store that the parent prepared: to be killed, to race with another, or to run without rights.

pub(crate) mod crash;
mod damage;
mod keys;
mod leaks;
mod races;
mod rows;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use serde_json::{Map, Value, json};

use crate::{
    CredentialEdit, CredentialRecord, FlowKind, KeyPlace, Name, NewCredential, NewFlow, NewKey,
    SecretChange, Store, StoreError, Verified, VerifiedStatus,
};
use connector_egress::secret::Secret;

/// A folder for a store and one for its keys.
struct Fixture {
    root: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn dir(&self) -> PathBuf {
        self.root.path().join("store")
    }

    fn keys(&self) -> PathBuf {
        self.root.path().join("keys")
    }

    fn database(&self) -> PathBuf {
        self.dir().join(crate::DATABASE)
    }

    fn open(&self) -> Store {
        self.try_open().unwrap()
    }

    fn try_open(&self) -> Result<Store, StoreError> {
        open(self.root.path())
    }

    /// A store with one credential, `first`, whose secret is [`SECRET`].
    fn filled(&self) -> (Store, CredentialRecord) {
        let mut store = self.open();
        let record = store.add_credential(&new("first", SECRET), 1).unwrap();
        (store, record)
    }

    fn key_files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.keys()).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

fn open(root: &Path) -> Result<Store, StoreError> {
    let keys = NewKey::At(KeyPlace::File(root.join("keys")));
    Store::open(&root.join("store"), &keys, 0)
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

fn new(called: &str, api_key: &str) -> NewCredential {
    NewCredential {
        connector_id: "example".to_owned(),
        connector_version: "1.0.0".to_owned(),
        name: name(called),
        description: "An account".to_owned(),
        settings: object(json!({"auth_header": "bearer"})),
        secrets: BTreeMap::from([("api_key".to_owned(), secret(api_key))]),
    }
}

fn replace(api_key: &str) -> CredentialEdit {
    let change = SecretChange::Set(secret(api_key));
    let secrets = BTreeMap::from([("api_key".to_owned(), change)]);
    CredentialEdit { secrets, ..CredentialEdit::default() }
}

fn works(at_ms: i64) -> Verified {
    Verified { status: VerifiedStatus::Works, message: "Connected".to_owned(), at_ms }
}

fn source(called: &str, record: &CredentialRecord) -> NewFlow {
    NewFlow {
        name: name(called),
        kind: FlowKind::Source { streams: vec!["users".to_owned()] },
        credential_id: record.id.clone(),
        options: object(json!({"lookback": 3})),
    }
}

/// Everything in a store that does not depend on chance, with the secrets opened.
fn picture(store: &mut Store) -> Vec<String> {
    let mut lines = Vec::new();
    for record in store.credentials().unwrap() {
        let secrets: Vec<_> = record
            .secrets_set
            .iter()
            .map(|field| store.open_secret(&record.id, field).unwrap().expose().to_owned())
            .collect();
        let mut value = serde_json::to_value(&record).unwrap();
        value["id"] = Value::Null;
        lines.push(format!("{value} {secrets:?}"));
    }
    for flow in store.flows().unwrap() {
        let mut value = serde_json::to_value(&flow).unwrap();
        value["id"] = Value::Null;
        value["credential_id"] = Value::Null;
        lines.push(value.to_string());
    }
    lines
}

/// What a child does to the store in `root`.
fn act(root: &Path, action: &str) -> Result<(), StoreError> {
    let (action, argument) = action.split_once(' ').unwrap_or((action, ""));
    if action == "open-default" {
        let keys = NewKey::At(KeyPlace::File(crate::default_key_dir()?));
        return Store::open(&crate::default_dir()?, &keys, 0).map(drop);
    }
    let mut store = open(root)?;
    if action == "open" {
        return Ok(());
    }
    if action == "add-many" {
        for index in 0..10 {
            store.add_credential(&new(&format!("{argument} {index}"), SECRET), 2)?;
            match store.add_credential(&new(&format!("shared {index}"), argument), 2) {
                Ok(_) | Err(StoreError::NameTaken { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        return Ok(());
    }
    // A cache of a few pages makes SQLite write to the file before the commit.
    store.connection().execute_batch("PRAGMA cache_size = 2").unwrap();
    let record = store.credential("first")?;
    match action {
        "list" => Ok(()),
        "add" => store.add_credential(&new("second", OTHER), 2).map(drop),
        "rename" => {
            let edit = CredentialEdit { name: Some(name("renamed")), ..CredentialEdit::default() };
            store.edit_credential(&record.id, record.revision, edit, 2).map(drop)
        }
        "replace" => {
            store.edit_credential(&record.id, record.revision, replace(OTHER), 2).map(drop)
        }
        "verify" => store.set_verified(&record.id, record.access_revision, works(2)).map(drop),
        "remove" => store.remove_credential(&record.id),
        "rotate" => store.rotate_key(None, 2).map(drop),
        "move-key" => store.rotate_key(Some(KeyPlace::File(root.join("others"))), 2).map(drop),
        "add-flow" => store.add_flow(&source("flow", &record), 2).map(drop),
        "save-state" => store.save_state(&store.flow("saved")?.id, Some("further"), 2),
        "remove-flow" => store.remove_flow(&store.flow("saved")?.id),
        "backup" => store.backup_to(&root.join("backup.db")),
        other => panic!("there is no action {other}"),
    }
}

/// This test binary, as a child that acts on the store in `root`.
fn child(binary: &Path, root: &Path, action: &str) -> Command {
    let mut command = Command::new(binary);
    command
        .args(["--exact", "tests::the_child_of_other_tests", "--nocapture"])
        .env(CHILD_ROOT, root)
        .env(CHILD_ACTION, action)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

/// The child's next report, `None` at its end.
fn report(child: &mut Child) -> Option<String> {
    let stdout = child.stdout.take().expect("a child has a pipe");
    let mut lines = BufReader::new(stdout).lines();
    let found = lines.find_map(|line| Some(line.unwrap().split_once(REPORT)?.1.to_owned()));
    // Reading goes on, so that the child never meets a closed pipe.
    std::thread::spawn(move || lines.for_each(drop));
    found
}

/// Runs a child to its end and gives its report.
fn run_child(mut command: Command) -> String {
    let mut child = command.spawn().unwrap();
    let report = report(&mut child).expect("a child reports");
    child.wait().unwrap();
    report
}

fn binary() -> PathBuf {
    env::current_exe().unwrap()
}

/// For a means that this machine does not have: says so, and fails where everything is expected.
fn skip(what: &str) {
    assert!(env::var_os("CI").is_none(), "{what}");
    println!("skipped: {what}");
}

#[test]
fn the_child_of_other_tests() {
    if let (Some(root), Ok(action)) = (env::var_os(CHILD_ROOT), env::var(CHILD_ACTION)) {
        match act(Path::new(&root), &action) {
            Ok(()) => println!("{REPORT}done"),
            Err(error) => println!("{REPORT}{error:?}"),
        }
    }
}

const SECRET: &str = "canary/ÄTTAMANTE+token=0123456789";
const OTHER: &str = "another/canary?token&9876543210";

const CHILD_ROOT: &str = "STORE_TEST_ROOT";
const CHILD_ACTION: &str = "STORE_TEST_ACTION";
const CHILD_POINT: &str = "STORE_TEST_POINT";

/// Begins what a child tells its parent.
const REPORT: &str = "report of the child: ";
