//! Questions in a terminal: asked on standard error, answered on standard input, secrets without echo.
//!
//! A signal ends a question at once, and the terminal's echo comes back on the way out.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use connector_engine::Cancel;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::console::Console;
use crate::context::Context;
use crate::error::{CliError, Exit};

/// A person at a terminal.
pub struct Prompt {
    console: Console,
    cancel: Cancel,
}

impl Prompt {
    /// Whoever sits at the terminal; nobody where standard input or standard error is none.
    pub fn of(context: &Context) -> Option<Self> {
        let terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        terminal
            .then(|| Prompt { console: context.console.clone(), cancel: context.cancel.clone() })
    }

    /// Prints a line.
    pub fn say(&self, line: &str) {
        self.console.note(line);
    }

    /// Asks for a line; without white space around it.
    pub fn line(&self, question: &str) -> Result<String, CliError> {
        self.show(question);
        let answer = self.read()?;
        Ok(answer.trim().to_owned())
    }

    /// Asks for a secret, which the terminal does not show; as it was typed.
    pub fn secret(&self, question: &str) -> Result<Zeroizing<String>, CliError> {
        let quiet = Quiet::start()
            .map_err(|error| CliError::new(Exit::Other, "terminal", error.to_string()))?;
        self.show(question);
        let answer = self.read();
        drop(quiet);
        // The line break that was typed was not shown either.
        self.console.note("");
        answer
    }

    /// Asks for a yes or no; an empty line is `default`.
    pub fn yes(&self, question: &str, default: bool) -> Result<bool, CliError> {
        let choices = if default { "[Y/n]" } else { "[y/N]" };
        loop {
            match self.line(&format!("{question} {choices} "))?.to_lowercase().as_str() {
                "" => return Ok(default),
                "y" | "yes" => return Ok(true),
                "n" | "no" => return Ok(false),
                _ => self.say("  Answer y or n."),
            }
        }
    }

    fn show(&self, question: &str) {
        let mut err = io::stderr().lock();
        // A terminal that went away answers with the end of the input.
        let _ = write!(err, "{}", self.console.scrub(question)).and_then(|()| err.flush());
    }

    /// Reads a line on a thread of its own, so that a signal need not wait for it.
    fn read(&self) -> Result<Zeroizing<String>, CliError> {
        const LOOK: Duration = Duration::from_millis(50);
        let (done, answer) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = Zeroizing::new(String::with_capacity(8192));
            let read = io::stdin().read_line(&mut line);
            // Nobody listens any more where a signal came first.
            let _ = done.send(read.map(|length| (length, line)));
        });
        loop {
            match answer.recv_timeout(LOOK) {
                Ok(Ok((0, _))) | Err(RecvTimeoutError::Disconnected) => {
                    return Err(CliError::usage("the input ended before all was asked"));
                }
                Ok(Ok((_, mut line))) => {
                    while line.ends_with(['\n', '\r']) {
                        line.pop();
                    }
                    return Ok(line);
                }
                Ok(Err(error)) => {
                    return Err(CliError::usage(format!("cannot read the answer: {error}")));
                }
                Err(RecvTimeoutError::Timeout) if self.cancel.is_cancelled() => {
                    return Err(CliError::new(Exit::Interrupted, "stopped", "stopped"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

/// The terminal without echo, for as long as this lives.
struct Quiet(Termios);

impl Quiet {
    fn start() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Now, &quiet)?;
        Ok(Quiet(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // A terminal that went away has no echo to bring back.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}
