//! One line and an exit code for every mistake.
//!
//! | code | meaning |
//! | --- | --- |
//! | 0 | done |
//! | 1 | anything else |
//! | 2 | usage: an argument, a file or a name that is not there |
//! | 3 | the settings or options are wrong |
//! | 4 | the credential is refused |
//! | 5 | try later |
//! | 6 | incomplete, or records were rejected |
//! | 7 | the plugin broke the contract or a limit |
//! | 130, 143 | stopped by SIGINT or SIGTERM, the state saved |

use std::fmt;

use connector_engine::bindings::types::{Action, Failure, Problem};
use connector_engine::state::StateError;
use connector_engine::{CallError, PluginError};
use serde_json::{Value, json};

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Anything else.
    Other = 1,
    /// An argument, a file or a name that is not there.
    Usage = 2,
    /// The settings or options are wrong.
    Settings = 3,
    /// The credential is refused.
    Refused = 4,
    /// Try later.
    Later = 5,
    /// Incomplete, or records were rejected.
    Incomplete = 6,
    /// The plugin broke the contract or a limit.
    Plugin = 7,
    /// Stopped by SIGINT.
    Interrupted = 130,
    /// Stopped by SIGTERM.
    Terminated = 143,
}

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub struct CliError {
    /// How the command ends.
    pub exit: Exit,
    /// Stable word for the cause.
    pub code: String,
    /// What happened, and where.
    pub message: String,
    /// What to do.
    pub remedy: Option<String>,
}

impl CliError {
    /// An error of this kind.
    pub fn new(exit: Exit, code: &str, message: impl Into<String>) -> Self {
        CliError { exit, code: code.into(), message: message.into(), remedy: None }
    }

    /// A mistake in the arguments.
    pub fn usage(message: impl Into<String>) -> Self {
        CliError::new(Exit::Usage, "usage", message)
    }

    /// A file that cannot be used.
    pub fn file(path: &std::path::Path, what: &str, error: &std::io::Error) -> Self {
        CliError::new(Exit::Other, "file", format!("cannot {what} {}: {error}", path.display()))
    }

    /// Says what to do.
    #[must_use]
    pub fn remedy(self, remedy: impl Into<String>) -> Self {
        CliError { remedy: Some(remedy.into()), ..self }
    }

    /// All faults of a form.
    pub fn problems(what: &str, problems: &[Problem]) -> Self {
        let lines: Vec<_> = problems
            .iter()
            .map(|problem| match problem.field.strip_prefix('/') {
                Some(field) => format!("{field}: {}", problem.message),
                None => problem.message.clone(),
            })
            .collect();
        CliError::new(Exit::Settings, "invalid", format!("{what}: {}", lines.join(" | ")))
    }

    /// For machines.
    pub fn to_json(&self) -> Value {
        json!({"error": {
            "exit": self.exit as u8,
            "code": self.code,
            "message": self.message,
            "remedy": self.remedy,
        }})
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&one_line(&self.message))?;
        if let Some(remedy) = &self.remedy {
            let end = if self.message.ends_with(['.', '!', '?']) { " " } else { ". " };
            write!(f, "{end}{}", one_line(remedy))?;
        }
        Ok(())
    }
}

impl From<Failure> for CliError {
    fn from(failure: Failure) -> Self {
        CliError {
            exit: exit_of(failure.action),
            code: failure.code,
            message: failure.message,
            remedy: failure.remedy,
        }
    }
}

impl From<PluginError> for CliError {
    fn from(error: PluginError) -> Self {
        let (exit, code) = match &error {
            PluginError::Unreadable { .. } => (Exit::Usage, "plugin-unreadable"),
            PluginError::Cache { .. } => (Exit::Other, "cache"),
            PluginError::Cancelled { .. } => (Exit::Interrupted, "cancelled"),
            PluginError::NotAComponent { .. } => (Exit::Plugin, "not-a-component"),
            PluginError::Digest { .. } => (Exit::Plugin, "other-digest"),
            PluginError::Contract { .. } => (Exit::Plugin, "other-contract"),
            PluginError::Import { .. } => (Exit::Plugin, "forbidden-import"),
            PluginError::Deadline { .. } => (Exit::Plugin, "deadline"),
            PluginError::Memory { .. } => (Exit::Plugin, "memory"),
            PluginError::Fuel { .. } => (Exit::Plugin, "fuel"),
            PluginError::Stack { .. } => (Exit::Plugin, "stack"),
            PluginError::TooMuch { .. } => (Exit::Plugin, "too-much"),
            PluginError::Crash { .. } => (Exit::Plugin, "crash"),
            _ => (Exit::Plugin, "contract-broken"),
        };
        CliError::new(exit, code, error.to_string())
    }
}

impl From<CallError> for CliError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Failure(failure) => failure.into(),
            CallError::Plugin(error) => error.into(),
        }
    }
}

impl From<StateError> for CliError {
    fn from(error: StateError) -> Self {
        let code = match error {
            StateError::Damaged { .. } => "state-damaged",
            _ => "state-foreign",
        };
        CliError::new(Exit::Incomplete, code, error.to_string())
    }
}

/// How a command ends whose plugin reports a failure.
pub fn exit_of(action: Action) -> Exit {
    match action {
        Action::FixSettings => Exit::Settings,
        Action::Reauthorize => Exit::Refused,
        Action::RetryLater => Exit::Later,
        Action::StartOver => Exit::Incomplete,
        Action::Stop => Exit::Other,
    }
}

/// A text that a plugin or a service may have written, as one line without control characters.
pub fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
