//! The token is nowhere: not in anything that any command prints, logs or leaves behind, however often the service
//! echoes it.
//!
//! One table names every command of the binary, and a command that is new fails the test until it is in it. Each runs
//! with a token that is like no other text, at the most verbose level of the log, against a service that hands the
//! token back in headers, rows and error messages; then every byte that came out is searched for every form of it.

mod forms;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use connector_egress::Secret;
use connector_store::{FlowKind, KeyPlace, Name, NewFlow, NewKey, Store};
use customerly_emulator::{Config, Data, Emulator, Fault, FaultBody, FaultRule, Switches, When};
use forms::{encoded, escaped, forms};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use support::ORIGIN;
use tempfile::TempDir;

/// Each of its forms differs from the others: it has what a URL, JSON and HTML escape.
const TOKEN: &str = "canary-5f1d0c77\"e2a94b03/+Zq&<7";

/// Stands beside the token wherever the service echoes it: where it is not found, the search is blind.
const MARKER: &str = "m4rker-that-is-no-secret";

/// A command, and how it is run. `{out}` is the folder that is searched, `{given}` one that is not.
struct Case {
    /// Its words.
    command: &'static str,
    args: &'static [&'static str],
    /// What is piped into it.
    input: &'static str,
    /// How it ends where the service does as it is told.
    code: i32,
    /// What is done with it while it runs; without it, it ends by itself.
    visit: Option<fn(&Lab, &mut Served)>,
    /// Whether it prints the token of an account that it emulates itself, as its help says.
    tells: bool,
}

const CASE: Case = Case { command: "", args: &[], input: "", code: 0, visit: None, tells: false };

const SAVED: &str = "--credential=Canary";

const RECORDS: &str = "{\"email\":\"a@example.com\",\"name\":\"A\"}\n{\"email\":\"broken@example.com\"}\n{\"name\":\"nobody\"}\n";

const SINGER: &str = r#"{"type":"SCHEMA","stream":"users","schema":{"properties":{"email":{"type":"string"}}},"key_properties":["email"]}
{"type":"RECORD","stream":"users","record":{"email":"s@example.com"}}
{"type":"RECORD","stream":"users","record":{"email":"broken@example.com"}}
{"type":"STATE","value":{"at":1}}
"#;

const AIRBYTE: &str = r#"{"type":"RECORD","record":{"stream":"users","data":{"email":"b@example.com"},"emitted_at":1}}
{"type":"RECORD","record":{"stream":"users","data":{"email":"broken@example.com"},"emitted_at":1}}
{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"users"},"stream_state":{}}}}
"#;

/// Every command, in an order in which each finds what it works on.
const CASES: &[Case] = &[
    Case { command: "credential add", args: &["--name=Canary", "--description=Support"], ..CASE },
    Case { command: "credential list", ..CASE },
    Case { command: "credential show", args: &["Canary"], ..CASE },
    Case { command: "credential check", args: &["Canary"], ..CASE },
    Case { command: "credential edit", args: &["Canary", "--replace=api_key"], ..CASE },
    Case { command: "credential rotate-key", args: &["--to-dir={out}/key-2"], ..CASE },
    Case { command: "credential backup", args: &["{out}/backup.db"], ..CASE },
    Case { command: "credential adopt-key", args: &["{out}/key-2"], ..CASE },
    Case { command: "inspect", ..CASE },
    Case { command: "headers", args: &["--rendered"], ..CASE },
    Case { command: "check", args: &[SAVED], ..CASE },
    Case { command: "streams", ..CASE },
    Case {
        command: "read",
        args: &[
            "users",
            "leads",
            "tags",
            "--retries=1",
            "--state={out}/state.json",
            "--output={out}/records",
            "--quarantine={out}/quarantine.jsonl",
        ],
        ..CASE
    },
    Case {
        command: "write",
        args: &[
            "users",
            "--retries=1",
            "--input={given}/records.jsonl",
            "--journal={out}/journal",
            "--rejects={out}/rejects.jsonl",
            "--outcomes={out}/outcomes.jsonl",
        ],
        code: 6,
        ..CASE
    },
    Case {
        command: "write",
        args: &["users", "--dry-run", SAVED],
        input: RECORDS,
        code: 6,
        ..CASE
    },
    Case { command: "airbyte spec", ..CASE },
    Case { command: "airbyte check", args: &["--config={given}/config.json"], ..CASE },
    Case { command: "airbyte discover", args: &["--config={given}/config.json"], ..CASE },
    Case {
        command: "airbyte read",
        args: &["--debug", "--config={given}/config.json", "--catalog={given}/catalogue.json"],
        ..CASE
    },
    Case {
        command: "airbyte write",
        args: &["--debug", "--config={given}/config.json", "--catalog={given}/catalogue.json"],
        input: AIRBYTE,
        ..CASE
    },
    Case { command: "singer tap", args: &["--config={given}/config.json"], ..CASE },
    Case {
        command: "singer target",
        args: &["--config={given}/config.json"],
        input: SINGER,
        ..CASE
    },
    Case { command: "serve", visit: Some(visit_pages), code: 143, ..CASE },
    Case {
        command: "serve",
        args: &["--emulator", "--users=5", "--leads=5"],
        visit: Some(look),
        code: 143,
        tells: true,
        ..CASE
    },
    Case {
        command: "emulator",
        args: &["--users=5", "--leads=5"],
        visit: Some(look),
        code: 143,
        tells: true,
        ..CASE
    },
    Case { command: "demo", args: &["--users=120", "--leads=30"], ..CASE },
    Case { command: "flow list", ..CASE },
    Case { command: "flow remove", args: &["Nightly", "--yes"], ..CASE },
    Case { command: "credential remove", args: &["Canary", "--yes"], ..CASE },
];

/// What the service says: the token in all forms but the one that its own JSON would escape a third time.
fn echo() -> String {
    let twice = escaped(&escaped(TOKEN));
    let forms = forms(TOKEN);
    let forms = forms.iter().filter(|form| **form != twice);
    format!("{MARKER} {}", forms.cloned().collect::<Vec<_>>().join(" "))
}

/// How the service echoes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weather {
    /// It does as it is told, and echoes in headers, rows and beside them.
    Answers,
    /// It refuses every request, and quotes the token in why.
    Refuses,
    /// It takes the token for no token, and quotes it.
    Denies,
}

impl Weather {
    fn faults(self) -> Vec<FaultRule> {
        let rule =
            |path: &str, when, fault| FaultRule { method: None, path: path.into(), when, fault };
        let message = echo();
        let fault = match self {
            Weather::Answers => {
                let stamp = "2024-07-15 10:49:15";
                let rows = format!(
                    r#"{{"data":{{"LIST":[{{"crmhero_user_id":1,"name":{0},"last_update":"{stamp}"}},{{"name":{0},"last_update":"{stamp}"}}]}}}}"#,
                    Value::from(echo())
                );
                let list = |name: &str| {
                    let body = FaultBody::Text(rows.replace("LIST", name));
                    rule(&format!("/{name}/list"), When::Nth(1), Fault::answer(200, body))
                };
                return vec![list("leads"), rule("", When::Always, Fault::EchoToken)];
            }
            Weather::Refuses => Fault::answer(400, FaultBody::Error(message)),
            Weather::Denies => {
                Fault::answer(500, FaultBody::Error(format!("Access token not found. {message}")))
            }
        };
        vec![rule("", When::Always, fault)]
    }
}

/// A service, the folders of the commands, and all that came out of them.
struct Lab {
    weather: Weather,
    emulator: Emulator,
    /// Searched.
    out: TempDir,
    /// Holds what the test itself wrote, the token too.
    given: TempDir,
    forms: Vec<String>,
}

impl Lab {
    fn new(weather: Weather) -> Self {
        let defaults = Config::default();
        let data = Data { users: 130, leads: 60, ..defaults.data };
        let switches = Switches::default();
        let config =
            Config { token: TOKEN.into(), data, switches, faults: weather.faults(), ..defaults };
        let emulator = Emulator::start(config).expect("a free port");
        let folder = || tempfile::tempdir().expect("a folder");
        let lab = Lab { weather, emulator, out: folder(), given: folder(), forms: forms(TOKEN) };
        let stream = json!({
            "stream": {"name": "users", "json_schema": {}, "supported_sync_modes": ["incremental"]},
            "sync_mode": "incremental", "destination_sync_mode": "append_dedup", "generation_id": 1,
        });
        lab.give("config.json", &json!({"api_key": TOKEN}).to_string());
        lab.give("catalogue.json", &json!({"streams": [stream]}).to_string());
        lab.give("records.jsonl", RECORDS);
        lab
    }

    fn give(&self, name: &str, text: &str) {
        std::fs::write(self.given.path().join(name), text).expect("a file");
    }

    fn command(&self, case: &Case) -> Command {
        let mut command = support::connector();
        let [out, given] =
            [&self.out, &self.given].map(|folder| folder.path().to_str().expect("UTF-8"));
        let fill = |text: &str| text.replace("{out}", out).replace("{given}", given);
        command
            .args(case.command.split(' '))
            .args(case.args.iter().map(|arg| fill(arg)))
            .args(["-vvv".into(), fill("--store={out}/store"), fill("--audit={out}/audit.jsonl")])
            .arg(format!("--origin={ORIGIN}={}", self.emulator.origin()))
            .env("CONNECTOR_API_KEY", TOKEN)
            .env("RUST_BACKTRACE", "full")
            .env("TMPDIR", self.out.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if !case.command.ends_with("rotate-key") {
            command.arg(fill("--key-dir={out}/key"));
        }
        command
    }

    /// Runs a command, and searches all that comes out of it. What it printed.
    fn run(&self, case: &Case) -> String {
        let mut process = self.command(case).spawn().expect("the binary runs");
        let mut stdin = process.stdin.take().expect("piped");
        // A command that asks for nothing does not read.
        let _ = stdin.write_all(case.input.as_bytes());
        drop(stdin);
        let mut served = Served::new(process);
        if let Some(visit) = case.visit {
            visit(self, &mut served);
            kill_process(Pid::from_child(&served.process), Signal::TERM).expect("it is ours");
        }
        let (code, printed) = served.end();
        let what = format!("{:?}: connector {}", self.weather, case.command);
        self.search(&what, printed.as_bytes());
        if !case.tells {
            let token = Config::default().token;
            assert!(forms(&token).iter().all(|form| !printed.contains(form)), "{what}: {printed}");
        }
        assert_ne!(code, Some(2), "{what}: it did not understand: {printed}");
        if self.weather == Weather::Answers {
            assert_eq!(code, Some(case.code), "{what}: {printed}");
        }
        for file in files(self.out.path()) {
            let bytes = std::fs::read(&file).expect("a file");
            self.search(&format!("{what}: {}", file.display()), &bytes);
        }
        printed
    }

    /// No form of the token is in what came out.
    fn search(&self, what: &str, bytes: &[u8]) {
        let known = Secret::new(TOKEN.into()).forms();
        let known = known.iter().map(|form| form.to_string());
        for form in self.forms.iter().cloned().chain(known) {
            assert!(
                !holds(bytes, &form),
                "{what} holds {form}: {}",
                String::from_utf8_lossy(bytes)
            );
        }
    }

    /// A source that uses the credential, for the commands that list and remove one.
    fn add_flow(&self) {
        let folder = self.out.path();
        let key = NewKey::At(KeyPlace::File(folder.join("key")));
        let mut store = Store::open(&folder.join("store"), &key, 0).expect("a store");
        let credential_id = store.credential("Canary").expect("saved").id;
        let new = NewFlow {
            name: Name::parse("Nightly").expect("a name"),
            kind: FlowKind::Source { streams: vec!["tags".into()] },
            credential_id,
            options: serde_json::Map::new(),
        };
        store.add_flow(&new, 0).expect("saved");
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// A command that runs.
struct Served {
    process: Child,
    out: BufReader<std::process::ChildStdout>,
    err: std::thread::JoinHandle<String>,
    /// What was read of its output and of its pages so far.
    seen: String,
}

impl Served {
    fn new(mut process: Child) -> Self {
        let out = BufReader::new(process.stdout.take().expect("piped"));
        let mut err = process.stderr.take().expect("piped");
        let err = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            err.read_to_end(&mut bytes).expect("it can be read");
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Served { process, out, err, seen: String::new() }
    }

    /// The address in its first line.
    fn address(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("its address");
        self.seen.push_str(&line);
        line.trim().strip_prefix("http://").expect("an address").to_owned()
    }

    /// A page, whole; it counts as printed.
    fn ask(&mut self, address: &str, line: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(address).expect("it listens");
        write!(
            stream,
            "{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .expect("it reads");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("it answers");
        let text = String::from_utf8_lossy(&bytes).into_owned();
        self.seen.push_str(&text);
        text
    }

    /// Waits for its end: its exit code, and all that it printed.
    fn end(mut self) -> (Option<i32>, String) {
        let mut bytes = Vec::new();
        self.out.read_to_end(&mut bytes).expect("it can be read");
        let err = self.err.join().expect("no panic");
        let code = self.process.wait().expect("it ends").code();
        (code, format!("{}{}{err}", self.seen, String::from_utf8_lossy(&bytes)))
    }
}

/// Waits until it runs.
fn look(_: &Lab, served: &mut Served) {
    served.address();
}

/// Goes through the pages of the credential: the list, a check, the form filled in wrong and right, a source.
fn visit_pages(lab: &Lab, served: &mut Served) {
    let address = served.address();
    let id = {
        let folder = lab.out.path();
        let key = NewKey::At(KeyPlace::File(folder.join("key")));
        let store = Store::open(&folder.join("store"), &key, 0).expect("a store");
        store.credential("Canary").expect("saved").id.to_string()
    };
    served.ask(&address, "GET /", "");
    let page = served.ask(&address, "GET /authenticate/source", "");
    let form = served.ask(&address, &format!("GET /authenticate/source/edit/{id}"), "");
    assert!(page.contains("Canary") && form.contains("Canary"), "{page}{form}");
    let (_, rest) = form.split_once("name=\"csrf\" value=\"").expect("a form");
    let csrf = &rest[..rest.find('"').expect("an end")];
    let token = encoded(TOKEN, |_| false, true);
    for (path, more) in [
        (format!("/authenticate/source/test/{id}"), String::new()),
        (
            format!("/authenticate/source/edit/{id}"),
            format!("&name=Canary&action=test&field.api_key={token}"),
        ),
        ("/authenticate/source/add".into(), format!("&name=&action=save&field.api_key={token}")),
        (
            "/authenticate/source/add".into(),
            format!("&name=Paged&action=save&field.api_key={token}"),
        ),
    ] {
        let answer = served.ask(&address, &format!("POST {path}"), &format!("csrf={csrf}{more}"));
        assert!(
            answer.starts_with("HTTP/1.1 2") || answer.starts_with("HTTP/1.1 3"),
            "{path}: {answer}"
        );
    }
    served.ask(&address, "GET /authenticate/destination", "");
}

/// Runs every command in this weather. All that was printed, and all that was left.
fn check(weather: Weather) -> (String, Vec<u8>) {
    let lab = Lab::new(weather);
    let mut printed = String::new();
    for case in CASES {
        if case.command == "serve" && case.args.is_empty() {
            lab.add_flow();
        }
        printed.push_str(&lab.run(case));
    }
    let left =
        files(lab.out.path()).into_iter().flat_map(|file| std::fs::read(file).expect("a file"));
    (printed, left.collect())
}

#[test]
fn nothing_of_the_token_comes_out_of_a_command_whose_service_echoes_it() {
    let (_, left) = check(Weather::Answers);
    assert!(holds(&left, MARKER), "the search is blind");
}

#[test]
fn nothing_of_the_token_comes_out_of_a_command_whose_service_quotes_it_in_refusals() {
    let (printed, left) = check(Weather::Refuses);
    assert!(printed.contains(MARKER) && holds(&left, MARKER), "the search is blind");
}

#[test]
fn nothing_of_the_token_comes_out_of_a_command_whose_service_denies_the_token_and_quotes_it() {
    let (printed, _) = check(Weather::Denies);
    assert!(printed.contains(MARKER), "the search is blind");
}

/// An answer keeps it, since it would be found in any: it is taken out where the host prints.
#[test]
fn a_token_too_short_to_be_replaced_in_answers_is_not_printed() {
    let token = "q7/Zx+1";
    let fault = Fault::answer(400, FaultBody::Error(format!("{MARKER} {token}")));
    let rule = FaultRule { method: None, path: String::new(), when: When::Always, fault };
    let config = Config { token: token.into(), faults: vec![rule], ..Config::default() };
    let emulator = Emulator::start(config).expect("a free port");
    for args in [&["check"][..], &["check", "--json"], &["read", "users", "-vvv"]] {
        let ended = support::run(support::connector_to(&emulator).args(args));
        let printed = format!("{}{}", ended.out, ended.err);
        assert!(printed.contains(MARKER), "the search is blind: {printed}");
        assert!(!printed.contains(token), "{args:?}: {printed}");
    }
}

#[test]
fn the_table_names_every_command_there_is() {
    fn leaves(command: &clap::Command, path: &str, found: &mut BTreeSet<String>) {
        let path = format!("{path} {}", command.get_name());
        if command.has_subcommands() {
            command.get_subcommands().for_each(|below| leaves(below, &path, found));
        } else {
            found.insert(path.trim().trim_start_matches("connector ").to_owned());
        }
    }
    let mut declared = BTreeSet::new();
    leaves(&host_test::cli::command(), "", &mut declared);
    let table: BTreeSet<_> = CASES.iter().map(|case| case.command.to_owned()).collect();
    assert_eq!(declared, table);
}
