//! Writes by the real binary: inputs, reports, and what became of the records.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use customerly_emulator::{Emulator, Fault, FaultRule, Kind, When};
use serde_json::{Value, json};

use super::{Ended, connector_to, run, text};

pub(crate) fn write(emulator: &Emulator, args: &[&str]) -> Command {
    let mut command = connector_to(emulator);
    command.arg("write").args(args);
    command
}

/// A folder with an input file.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
}

impl Place {
    pub(crate) fn with(input: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("in.jsonl"), input).expect("a file");
        Place { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn name(&self, name: &str) -> String {
        self.path(name).to_str().expect("UTF-8").to_owned()
    }

    pub(crate) fn write(&self, emulator: &Emulator, args: &[&str]) -> Command {
        let mut command = write(emulator, args);
        command.args(["--input", &self.name("in.jsonl")]);
        command
    }
}

/// Users `u1@example.com` …
pub(crate) fn users(count: usize) -> String {
    let line = |id| json!({"email": format!("u{id}@example.com"), "name": format!("User {id}")});
    (1..=count).map(|id| line(id).to_string() + "\n").collect::<Vec<_>>().concat()
}

/// Runs a command with this standard input.
pub(crate) fn run_with(command: &mut Command, input: &str) -> Ended {
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
pub(crate) fn report(command: &mut Command, code: i32) -> Value {
    let ended = run(command.arg("--json"));
    assert_eq!(ended.code, code, "{ended:?}");
    let last = ended.out.lines().last().expect("a report");
    let mut value: Value = serde_json::from_str(last).expect("a report in JSON");
    value["report"].take()
}

/// How many records have each outcome, without those that none has.
pub(crate) fn totals(report: &Value) -> BTreeMap<String, u64> {
    let totals = report["totals"].as_object().expect("totals");
    let counts = totals.iter().filter_map(|(name, count)| Some((name.clone(), count.as_u64()?)));
    counts.filter(|(name, count)| *count > 0 && name != "batches").collect()
}

pub(crate) fn counts(expected: &[(&str, u64)]) -> BTreeMap<String, u64> {
    expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

/// The lines of a file, each as JSON.
pub(crate) fn json_lines(path: &Path) -> Vec<Value> {
    let parse = |line: &str| serde_json::from_str(line).expect("a line of JSON");
    text(path).lines().map(parse).collect()
}

pub(crate) fn fault(emulator: &Emulator, method: &str, when: When, fault: Fault) {
    let method = Some(method.to_owned());
    emulator.add_fault(FaultRule { method, path: String::new(), when, fault });
}

/// The addresses of the contacts that are alive.
pub(crate) fn emails(emulator: &Emulator, kind: Kind) -> BTreeSet<String> {
    let email = |row: &Value| row["email"].as_str().map(str::to_owned);
    emulator.contacts(kind).iter().filter_map(email).collect()
}

/// How often each address was sent to be written.
pub(crate) fn sendings(emulator: &Emulator) -> BTreeMap<String, u64> {
    let mut sent = BTreeMap::new();
    for request in emulator.requests().iter().filter(|request| request.method == "POST") {
        let body: Value = serde_json::from_str(&request.body).expect("bodies are JSON");
        for user in body["users"].as_array().expect("the wrapper") {
            *sent.entry(user["email"].as_str().expect("an e-mail").to_owned()).or_default() += 1;
        }
    }
    sent
}
