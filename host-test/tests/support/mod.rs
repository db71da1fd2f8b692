//! The real binary against an emulator in this process: what the tests of the command line share.

#![allow(dead_code, reason = "each test file uses its own part")]

pub(crate) mod write;

use std::path::Path;
use std::process::{Command, Stdio};

use customerly_emulator::{Config, Data, Emulator};

/// The origin that the plugin addresses.
pub(crate) const ORIGIN: &str = "https://api.customerly.io";

/// An emulated account of this size.
pub(crate) fn emulator(users: u32, leads: u32) -> Emulator {
    let defaults = Config::default();
    let data = Data { users, leads, ..defaults.data };
    Emulator::start(Config { data, ..defaults }).expect("a free port")
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code; -1 for a signal.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

/// The binary, without anything of this process's environment that it would heed.
pub(crate) fn connector() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_connector"));
    command.env_remove("CONNECTOR_API_KEY").env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// The binary, ready to talk to an emulator with its token.
pub(crate) fn connector_to(emulator: &Emulator) -> Command {
    let mut command = connector();
    command
        .env("CONNECTOR_API_KEY", emulator.token())
        .arg(format!("--origin={ORIGIN}={}", emulator.origin()));
    command
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Ended {
    let output = command.output().expect("the binary runs");
    Ended {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The keys of the records in JSON lines.
pub(crate) fn keys(lines: &str) -> Vec<u64> {
    lines
        .lines()
        .map(|line| {
            let record: serde_json::Value = serde_json::from_str(line).expect("a record a line");
            record["crmhero_user_id"].as_u64().expect("a key")
        })
        .collect()
}

/// The text of a file.
pub(crate) fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a file")
}
