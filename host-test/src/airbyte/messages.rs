//! What goes out: one JSON object a line, whole lines only, each batch in one write and flushed.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use serde::Serialize;
use serde_json::{Value, json};

use crate::adapter::time::now_ms;
use crate::console::Console;
use crate::error::{CliError, Exit};

/// How much a log line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For developers.
    Debug,
    /// Worth knowing.
    Info,
    /// Worth looking at.
    Warn,
    /// Something was not done.
    Error,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Level::Debug => "DEBUG",
            Level::Info => "INFO",
            Level::Warn => "WARN",
            Level::Error => "ERROR",
        }
    }
}

/// How a stream stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is about to be read.
    Started,
    /// It is being read.
    Running,
    /// It was read to its end.
    Complete,
    /// It was not.
    Incomplete,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Status::Started => "STARTED",
            Status::Running => "RUNNING",
            Status::Complete => "COMPLETE",
            Status::Incomplete => "INCOMPLETE",
        }
    }
}

/// Where messages go. What people read of them is scrubbed of secrets.
pub struct Messages {
    out: Mutex<Out>,
    console: Console,
    level: Level,
}

struct Out {
    to: Box<dyn Write + Send>,
    /// When the last message that counts as a sign of life went out.
    alive: Instant,
}

impl Messages {
    /// Writes to `to`; logs below `level` are left out.
    pub fn new(to: Box<dyn Write + Send>, console: Console, level: Level) -> Self {
        Messages { out: Mutex::new(Out { to, alive: Instant::now() }), console, level }
    }

    /// Sends a message of a type, with its body in the field of its name.
    pub fn send(&self, kind: &str, field: &str, body: &Value) -> io::Result<()> {
        self.write(&line(kind, field, body), false)
    }

    /// Sends whole lines. `alive` if there is a record or a state among them.
    pub fn write(&self, lines: &[u8], alive: bool) -> io::Result<()> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.to.write_all(lines)?;
        out.to.flush()?;
        if alive {
            out.alive = Instant::now();
        }
        Ok(())
    }

    /// When a record or a state went out last, or this began.
    pub fn alive(&self) -> Instant {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).alive
    }

    /// Logs a line.
    pub fn log(&self, level: Level, text: &str) -> io::Result<()> {
        if level < self.level {
            return Ok(());
        }
        let text = self.console.scrub(&crate::error::one_line(text));
        self.send("LOG", "log", &json!({"level": level.name(), "message": text}))
    }

    /// Says what went wrong, of a stream or of the whole.
    pub fn error(&self, error: &CliError, stream: Option<&str>) -> io::Result<()> {
        let message = self.console.scrub(&error.to_string());
        let mut body = json!({
            "message": message,
            "internal_message": format!("{}: {message}", error.code),
            "failure_type": failure_type(error.exit),
        });
        if let Some(name) = stream {
            body["stream_descriptor"] = json!({"name": name});
        }
        let trace = trace("ERROR", "error", body);
        self.send("TRACE", "trace", &trace)
    }
}

/// A line.
pub fn line(kind: &str, field: &str, body: &impl Serialize) -> Vec<u8> {
    let kind = json!(kind);
    let field = json!(field);
    let body = serde_json::to_string(body).expect("plain data");
    format!("{{\"type\":{kind},{field}:{body}}}\n").into_bytes()
}

/// The line of a stream's status.
pub fn status_line(stream: &str, status: Status) -> Vec<u8> {
    let body = json!({"stream_descriptor": {"name": stream}, "status": status.name()});
    line("TRACE", "trace", &trace("STREAM_STATUS", "stream_status", body))
}

/// The line of a stream that waits, until a time in milliseconds since 1970.
pub fn waiting_line(stream: &str, until_ms: u64) -> Vec<u8> {
    let body = json!({
        "stream_descriptor": {"name": stream},
        "status": Status::Running.name(),
        "reasons": [{"type": "RATE_LIMITED", "rate_limited": {"quota_reset": until_ms}}],
    });
    line("TRACE", "trace", &trace("STREAM_STATUS", "stream_status", body))
}

/// The line that says how many rows a stream will have.
pub fn estimate_line(stream: &str, rows: u64) -> Vec<u8> {
    let body = json!({"name": stream, "type": "STREAM", "row_estimate": rows});
    line("TRACE", "trace", &trace("ESTIMATE", "estimate", body))
}

/// The line of a stream's state, which covers so many records. `state` is the text of a JSON object.
pub fn state_line(stream: &str, state: &str, records: u64) -> Vec<u8> {
    let name = json!(stream);
    format!(
        "{{\"type\":\"STATE\",\"state\":{{\"type\":\"STREAM\",\"stream\":{{\"stream_descriptor\":{{\"name\":{name}}},\
         \"stream_state\":{state}}},\"sourceStats\":{{\"recordCount\":{records}.0}}}}}}\n"
    )
    .into_bytes()
}

/// The configuration works.
pub fn succeeded() -> Value {
    json!({"status": "SUCCEEDED"})
}

/// The configuration does not work.
pub fn failed(message: &str) -> Value {
    json!({"status": "FAILED", "message": message})
}

fn trace(kind: &str, field: &str, body: Value) -> Value {
    // A number with a decimal point, as the protocol wants it.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds are exact for 285,000 years")]
    let emitted_at = now_ms() as f64;
    let mut trace = json!({"type": kind, "emitted_at": emitted_at});
    trace[field] = body;
    trace
}

/// Who has to act: the user, nobody but time, or a developer.
fn failure_type(exit: Exit) -> &'static str {
    match exit {
        Exit::Settings | Exit::Refused | Exit::Usage | Exit::Incomplete => "config_error",
        Exit::Later | Exit::Interrupted | Exit::Terminated => "transient_error",
        Exit::Done | Exit::Other | Exit::Plugin => "system_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: Vec<u8>, expected: &str) {
        let text = String::from_utf8(line).expect("UTF-8");
        let mut value: Value = serde_json::from_str(&text).expect("one JSON object");
        if let Some(at) = value.pointer_mut("/trace/emitted_at") {
            assert!(at.is_f64(), "{text}");
            *at = Value::from(0.0);
        }
        assert_eq!(value, serde_json::from_str::<Value>(expected).expect("JSON"));
        assert_eq!(text.matches('\n').count(), 1);
    }

    #[test]
    fn a_state_counts_by_a_number_with_a_decimal_point() {
        let line = state_line("users", r#"{"a":1}"#, 100);
        assert!(String::from_utf8_lossy(&line).contains("\"recordCount\":100.0}"));
        check(
            line,
            r#"{"type":"STATE","state":{"type":"STREAM","stream":{"stream_descriptor":{"name":"users"},
                "stream_state":{"a":1}},"sourceStats":{"recordCount":100.0}}}"#,
        );
    }

    #[test]
    fn a_status_says_why_it_waits() {
        check(
            status_line("users", Status::Complete),
            r#"{"type":"TRACE","trace":{"type":"STREAM_STATUS","emitted_at":0.0,"stream_status":
                {"stream_descriptor":{"name":"users"},"status":"COMPLETE"}}}"#,
        );
        check(
            waiting_line("users", 7),
            r#"{"type":"TRACE","trace":{"type":"STREAM_STATUS","emitted_at":0.0,"stream_status":
                {"stream_descriptor":{"name":"users"},"status":"RUNNING",
                "reasons":[{"type":"RATE_LIMITED","rate_limited":{"quota_reset":7}}]}}}"#,
        );
        check(
            estimate_line("users", 12),
            r#"{"type":"TRACE","trace":{"type":"ESTIMATE","emitted_at":0.0,"estimate":
                {"name":"users","type":"STREAM","row_estimate":12}}}"#,
        );
    }

    #[test]
    fn a_failure_is_told_by_who_has_to_act() {
        for (exit, expected) in [
            (Exit::Settings, "config_error"),
            (Exit::Refused, "config_error"),
            (Exit::Later, "transient_error"),
            (Exit::Plugin, "system_error"),
        ] {
            assert_eq!(failure_type(exit), expected, "{exit:?}");
        }
    }
}
