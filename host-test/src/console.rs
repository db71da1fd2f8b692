//! All that is printed, scrubbed of secrets: reports on standard output, progress and errors on standard error.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, PoisonError, RwLock};

use connector_egress::{Fingerprint, Scrubber, Secret, Secrets};
use serde_json::Value;

use crate::error::CliError;

/// Where a command prints. Cheap to clone; all clones know the same secrets.
#[derive(Clone, Default)]
pub struct Console {
    json: bool,
    hidden: Arc<RwLock<Hidden>>,
}

/// The secrets that are never printed.
#[derive(Default)]
struct Hidden {
    known: BTreeSet<Fingerprint>,
    scrubbers: Vec<Scrubber>,
}

impl Console {
    /// `json`: reports and errors for machines.
    pub fn new(json: bool) -> Self {
        Console { json, hidden: Arc::default() }
    }

    /// Whether reports are for machines.
    pub fn json(&self) -> bool {
        self.json
    }

    /// From now on nothing of these secrets is printed, in any form.
    pub fn hide_secrets(&self, secrets: &Secrets) {
        for (_, secret) in secrets.iter() {
            self.hide_secret(secret);
        }
    }

    /// From now on nothing of this secret is printed, in any form.
    pub fn hide_secret(&self, secret: &Secret) {
        let mut hidden = self.hidden.write().unwrap_or_else(PoisonError::into_inner);
        if hidden.known.insert(secret.fingerprint()) {
            hidden.scrubbers.push(Scrubber::new([secret]));
        }
    }

    /// A text without secrets.
    pub fn scrub(&self, text: &str) -> String {
        let hidden = self.hidden.read().unwrap_or_else(PoisonError::into_inner);
        let scrub = |text: String, scrubber: &Scrubber| match scrubber.scrub_str(&text) {
            (std::borrow::Cow::Owned(clean), _) => clean,
            (std::borrow::Cow::Borrowed(_), _) => text,
        };
        hidden.scrubbers.iter().fold(text.to_owned(), scrub)
    }

    /// Prints a report: the value for machines, the text for people.
    pub fn report(&self, value: &Value, text: &str) {
        let line = if self.json { value.to_string() } else { text.trim_end().to_owned() };
        self.out(&line);
    }

    /// Prints a line of a report for people.
    pub fn out(&self, line: &str) {
        let mut out = io::stdout().lock();
        // A reader that went away wants no more.
        let _ = writeln!(out, "{}", self.scrub(line)).and_then(|()| out.flush());
    }

    /// Prints a line beside the data.
    pub fn note(&self, line: &str) {
        let _ = writeln!(io::stderr().lock(), "{}", self.scrub(line));
    }

    /// Prints why a command did not do what it was asked.
    pub fn error(&self, error: &CliError) {
        if self.json {
            self.note(&error.to_json().to_string());
        } else {
            self.note(&format!("{} {error}", paint("error:", Colour::Red)));
        }
    }

    /// Prints a warning.
    pub fn warn(&self, line: &str) {
        self.note(&format!("{} {line}", paint("warning:", Colour::Yellow)));
    }
}

/// Colours, on a terminal only.
#[derive(Clone, Copy, Debug)]
pub enum Colour {
    /// For what went well.
    Green,
    /// For what went wrong.
    Red,
    /// For doubts.
    Yellow,
}

/// A text in colour, where standard error is a terminal and nobody objects by `NO_COLOR`.
pub fn paint(text: &str, colour: Colour) -> String {
    let code = match colour {
        Colour::Green => 32,
        Colour::Red => 31,
        Colour::Yellow => 33,
    };
    if colours() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// Whether standard error takes colours.
pub fn colours() -> bool {
    let objected = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !objected
}

/// Writes logs without secrets.
#[derive(Clone)]
pub struct LogWriter(pub Console);

impl io::Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        io::stderr().lock().write_all(self.0.scrub(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
