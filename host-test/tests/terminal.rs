//! The form of a credential at a terminal: a pseudo-terminal, a person who types, and an emulated service.

#![cfg(unix)]

use std::process::Command;
use std::time::Duration;

use customerly_emulator::{AuthForm, Config, Data, Emulator, Switches};
use rexpect::session::PtySession;
use tempfile::TempDir;

const TOKEN: &str = "canary-5f1d0c77e2a94b03/+Zq";

/// A service, a store, and a command at a terminal.
struct Desk {
    emulator: Emulator,
    folder: TempDir,
}

impl Desk {
    fn new(auth_forms: Vec<AuthForm>) -> Self {
        let defaults = Config::default();
        let switches = Switches { auth_forms, ..Switches::default() };
        let data = Data { users: 20, leads: 5, ..defaults.data };
        let config = Config { token: TOKEN.into(), data, switches, ..defaults };
        let emulator = Emulator::start(config).expect("a free port");
        Desk { emulator, folder: tempfile::tempdir().expect("a folder") }
    }

    fn start(&self, args: &[&str]) -> Terminal {
        let mut command = Command::new(env!("CARGO_BIN_EXE_connector"));
        command
            .args(args)
            .arg(format!("--origin=https://api.customerly.io={}", self.emulator.origin()))
            .arg("--store")
            .arg(self.folder.path().join("store"))
            .arg("--key-dir")
            .arg(self.folder.path().join("key"))
            .env_remove("CONNECTOR_API_KEY")
            .env("NO_COLOR", "1");
        let patience = Duration::from_mins(1).as_millis().try_into().ok();
        let session = rexpect::session::spawn_command(command, patience).expect("a terminal");
        Terminal { session, shown: String::new() }
    }
}

/// A command at a terminal, and all that it showed.
struct Terminal {
    session: PtySession,
    shown: String,
}

impl Terminal {
    fn sees(&mut self, text: &str) {
        let before =
            self.session.exp_string(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        self.shown.push_str(&before);
        self.shown.push_str(text);
    }

    fn types(&mut self, line: &str) {
        self.session.send_line(line).expect("it reads");
    }

    /// Waits for the end, and gives all that was shown.
    fn ends(mut self) -> String {
        let rest = self.session.exp_eof().expect("it ends");
        self.shown.push_str(&rest);
        assert!(!self.shown.contains(TOKEN), "the token was shown: {}", self.shown);
        self.shown
    }
}

fn guide() -> Vec<AuthForm> {
    vec![AuthForm::AuthenticationBearer]
}

#[test]
fn the_form_is_asked_field_by_field_with_the_help_of_the_guide() {
    let desk = Desk::new(guide());
    let mut terminal = desk.start(&["credential", "add"]);
    terminal.sees("Add New Credential");
    terminal.sees("Credential Name");
    terminal.sees("> ");
    terminal.types("Support");
    terminal.sees("Credential Description");
    terminal.sees("recommended but are not required");
    terminal.sees("> ");
    terminal.types("Support workspace");
    terminal.sees("API Key");
    terminal.sees("1. Sign in to your Customerly account");
    terminal.sees("4. Scroll down to the Public API section");
    terminal.sees("confidential");
    terminal.sees("not shown while you type: ");
    terminal.types(TOKEN);
    terminal.sees("Advanced settings (Authentication Header): change them? [y/N] ");
    terminal.types("");
    terminal.sees("Saved the credential \"Support\".");
    terminal.sees("works:");
    let shown = terminal.ends();
    assert!(shown.contains("Your Access Token for Customerly"), "{shown}");
}

#[test]
fn all_problems_are_shown_and_only_those_are_asked_again() {
    let desk = Desk::new(guide());
    let mut terminal = desk.start(&["credential", "add", "--description", "given"]);
    terminal.sees("> ");
    terminal.types("   ");
    terminal.sees("not shown while you type: ");
    terminal.types("Bearer not a token");
    terminal.sees("[y/N] ");
    terminal.types("n");
    terminal.sees("This is not right yet:");
    terminal.sees("Credential Name: A name is required");
    terminal.sees("The API Key is the token alone");
    terminal.sees("> ");
    terminal.types("Second try");
    terminal.sees("not shown while you type: ");
    terminal.types(TOKEN);
    terminal.sees("Saved the credential \"Second try\".");
    let shown = terminal.ends();
    assert!(!shown.contains("not a token"), "{shown}");
    assert!(!shown.contains("Credential Description"), "what was given is not asked: {shown}");
}

#[test]
fn the_remedy_is_offered_and_one_yes_switches() {
    let desk = Desk::new(vec![AuthForm::AuthorizationBearer]);
    let mut terminal = desk.start(&["credential", "add", "--name", "S", "--description", ""]);
    terminal.sees("not shown while you type: ");
    terminal.types(TOKEN);
    terminal.sees("[y/N] ");
    terminal.types("n");
    terminal.sees("refused:");
    terminal.sees("Change the setting (auth_header=authorization-bearer)? [Y/n] ");
    terminal.types("");
    terminal.sees("Changed: auth_header=authorization-bearer.");
    terminal.sees("works:");
    terminal.ends();
}

#[test]
fn an_empty_answer_keeps_what_is_saved() {
    let desk = Desk::new(guide());
    let mut terminal = desk.start(&["credential", "add", "--name", "Old", "--description", "d"]);
    terminal.sees("not shown while you type: ");
    terminal.types(TOKEN);
    terminal.sees("[y/N] ");
    terminal.types("");
    terminal.sees("works:");
    terminal.ends();

    let mut terminal = desk.start(&["credential", "edit", "Old"]);
    terminal.sees("[Old] > ");
    terminal.types("New");
    terminal.sees("[d] > ");
    terminal.types("");
    terminal.sees("leave empty to keep it");
    terminal.types("");
    terminal.sees("[y/N] ");
    terminal.types("");
    terminal.sees("Saved the credential \"New\".");
    terminal.ends();
    let mut terminal = desk.start(&["credential", "check", "New"]);
    terminal.sees("works:");
    terminal.ends();
}

#[test]
fn an_interrupted_form_saves_nothing() {
    let desk = Desk::new(guide());
    let mut terminal = desk.start(&["credential", "add", "--name", "Never", "--description", ""]);
    terminal.sees("not shown while you type: ");
    terminal.session.send_control('c').expect("a signal");
    terminal.ends();
    let mut terminal = desk.start(&["credential", "list"]);
    terminal.sees("No credential is saved yet");
    terminal.ends();
}
