//! What a write came to: a table for people, an object for machines, and the exit code.

use std::path::Path;
use std::time::Duration;

use connector_engine::write::{LISTED, RecordOutcome, WriteEnd, WriteSummary};
use serde_json::{Value, json};

use crate::console::{Colour, paint};
use crate::error::{CliError, Exit, exit_of, one_line};
use crate::journal_file;

/// What a report is made of.
pub(crate) struct WriteReport<'a> {
    /// Name of the target.
    pub(crate) target: &'a str,
    /// Name of the operation.
    pub(crate) operation: &'a str,
    /// Whether nothing was sent.
    pub(crate) dry_run: bool,
    /// What came of it.
    pub(crate) summary: &'a WriteSummary,
    /// The journal, if it has one.
    pub(crate) journal: Option<&'a Path>,
    /// Where records were set aside, if they were.
    pub(crate) rejects: Option<&'a Path>,
    /// Records that an earlier run had settled.
    pub(crate) earlier: u64,
    /// How long it took.
    pub(crate) elapsed: Duration,
}

impl WriteReport<'_> {
    /// How the command ends.
    pub(crate) fn exit(&self) -> Exit {
        match &self.summary.end {
            WriteEnd::Complete if self.summary.totals.is_clean() => Exit::Done,
            WriteEnd::Complete | WriteEnd::OtherInput(_) => Exit::Incomplete,
            WriteEnd::Stopped(failure) => exit_of(failure.action),
            WriteEnd::Plugin(_) => Exit::Plugin,
            WriteEnd::Input(_) | WriteEnd::Sink(_) => Exit::Other,
            WriteEnd::Cancelled => Exit::Interrupted,
        }
    }

    /// Why it ended before the end of the input, if it did, and what to do.
    pub(crate) fn error(&self) -> Option<CliError> {
        let error = match &self.summary.end {
            WriteEnd::Complete | WriteEnd::Cancelled => return None,
            WriteEnd::Stopped(failure) => CliError::from((**failure).clone()),
            WriteEnd::Plugin(error) => CliError::new(Exit::Plugin, "plugin", error.to_string()),
            WriteEnd::Input(error) => {
                CliError::new(Exit::Other, "input", format!("cannot read the input: {error}"))
            }
            WriteEnd::OtherInput(error) => {
                return Some(journal_file::wrong(self.journal.unwrap_or(Path::new("")), error));
            }
            WriteEnd::Sink(error) => CliError::new(Exit::Other, "output", error.to_string()),
        };
        Some(match (error.remedy.clone(), self.what_next()) {
            (Some(remedy), Some(next)) => error.remedy(format!("{remedy} {next}")),
            (None, Some(next)) => error.remedy(next),
            (_, None) => error,
        })
    }

    /// How to go on with a run that ended early.
    pub(crate) fn what_next(&self) -> Option<String> {
        if self.dry_run || matches!(self.summary.end, WriteEnd::Complete) {
            return None;
        }
        Some(match (self.journal, self.rejects) {
            (Some(journal), _) => format!(
                "Run the same command again: it goes on where {} left off.",
                journal.display()
            ),
            (None, Some(rejects)) => format!(
                "{} lines of the input were read; those of them that were not written are in {}.",
                self.summary.lines,
                rejects.display()
            ),
            (None, None) => {
                format!("{} lines of the input were read.", self.summary.lines)
            }
        })
    }

    /// For machines.
    pub(crate) fn to_json(&self) -> Value {
        let summary = self.summary;
        let listed: Vec<_> = summary
            .listed
            .iter()
            .map(|(line, outcome)| {
                let mut value = serde_json::to_value(outcome).expect("plain data");
                value["line"] = (*line).into();
                value
            })
            .collect();
        json!({"report": {
            "target": self.target,
            "operation": self.operation,
            "dry_run": self.dry_run,
            "end": self.end(),
            "totals": summary.totals,
            "earlier": self.earlier,
            "lines": summary.lines,
            "listed": listed,
            "waits": summary.waits,
            "waited_ms": summary.waited_ms,
            "elapsed_ms": u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX),
            "journal": self.journal,
            "rejects": self.rejects,
        }})
    }

    /// For people.
    pub(crate) fn to_text(&self) -> String {
        let summary = self.summary;
        let totals = &summary.totals;
        let end = match self.exit() {
            Exit::Done => paint(self.end(), Colour::Green),
            Exit::Incomplete if matches!(summary.end, WriteEnd::Complete) => {
                paint(self.end(), Colour::Yellow)
            }
            _ => paint(self.end(), Colour::Red),
        };
        let note = if self.dry_run { " (dry run: nothing was sent)" } else { "" };
        let mut lines = vec![format!("{} {}: {end}{note}", self.target, self.operation)];
        let told = totals.effects.iter().filter(|(effect, _)| *effect != "unspecified");
        let effects: Vec<_> = told.map(|(effect, count)| format!("{count} {effect}")).collect();
        let mut row = |name: &str, count: u64, more: &str| {
            let more = if more.is_empty() { String::new() } else { format!("  {more}") };
            lines.push(format!("  {name:<11}{count:>9}{more}"));
        };
        let earlier = match self.earlier {
            0 => String::new(),
            earlier => format!("({earlier} by an earlier run)"),
        };
        row("records", totals.records, &earlier);
        let shown = [
            ("accepted", totals.accepted, effects.join(", ")),
            ("superseded", totals.superseded, "by a later record of the same key".into()),
            ("invalid", totals.invalid, "not sent".into()),
            ("rejected", totals.rejected, "by the service".into()),
            ("unknown", totals.unknown, "sent, and not known to be done".into()),
            ("deferred", totals.deferred, "not written yet".into()),
            ("planned", totals.planned, "would be sent".into()),
        ];
        for (name, count, more) in shown {
            if count > 0 {
                row(name, count, &more);
            }
        }
        if totals.repeated > 0 {
            row("repeated", totals.repeated, "sent again, which is safe here");
        }
        for (line, outcome) in summary.listed.iter().take(SHOWN) {
            lines.push(format!("  line {line}: {}", sentence(outcome)));
        }
        let more = totals.invalid + totals.rejected + totals.unknown;
        let shown = summary.listed.len().min(SHOWN) as u64;
        if more > shown {
            let place = match self.rejects {
                Some(path) => format!("all are in {}", path.display()),
                None => "--rejects FILE keeps them all".into(),
            };
            lines.push(format!("  … and {} more; {place}", more - shown));
        }
        lines.join("\n")
    }

    fn end(&self) -> &'static str {
        match &self.summary.end {
            WriteEnd::Complete => "complete",
            WriteEnd::Cancelled => "stopped",
            _ => "incomplete",
        }
    }
}

/// So many are shown to people.
const SHOWN: usize = 20;
const _: () = assert!(SHOWN <= LISTED);

fn sentence(outcome: &RecordOutcome) -> String {
    let Some(fault) = outcome.fault() else { return outcome.name().into() };
    let field = fault.field.as_deref().map(|field| format!(" {field}")).unwrap_or_default();
    format!("{}{field}: {} ({})", outcome.name(), one_line(&fault.message), one_line(&fault.code))
}
