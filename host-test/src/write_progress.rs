//! What a person sees while records are written: a line that moves on a terminal, plain lines elsewhere.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use connector_engine::write::{WriteEvent, WriteTotals};
use indicatif::{ProgressBar, ProgressStyle};

use crate::console::Console;
use crate::progress::clock;

const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// The progress of a write.
pub(crate) struct WriteProgress {
    console: Console,
    target: String,
    spinner: Option<ProgressBar>,
    said: Instant,
}

impl WriteProgress {
    /// A line that moves on a terminal, plain lines elsewhere, nothing for machines.
    pub(crate) fn new(console: &Console, target: &str) -> Self {
        let terminal = std::io::stderr().is_terminal() && !console.json();
        let spinner = terminal.then(|| {
            let style =
                ProgressStyle::with_template("{prefix:14} {spinner} {human_pos:>9} records  {msg}")
                    .expect("the template is right");
            let spinner = ProgressBar::no_length().with_style(style);
            spinner.set_prefix(target.to_owned());
            spinner
        });
        WriteProgress {
            console: console.clone(),
            target: target.to_owned(),
            spinner,
            said: Instant::now(),
        }
    }

    /// Something happened.
    pub(crate) fn event(&mut self, event: &WriteEvent<'_>) {
        match event {
            WriteEvent::Progress(totals) => self.progress(totals),
            WriteEvent::Waiting { until, reason } => {
                let line = format!("waits until {} ({reason})", clock(*until));
                match &self.spinner {
                    Some(spinner) => spinner.set_message(self.console.scrub(&line)),
                    None if !self.console.json() => {
                        self.console.note(&format!("{}: {line}", self.target));
                    }
                    None => {}
                }
            }
            WriteEvent::Notice(notice) => {
                let line = format!("{}: {} ({})", self.target, notice.message, notice.code);
                match &self.spinner {
                    Some(spinner) => spinner.suspend(|| self.console.warn(&line)),
                    None if !self.console.json() => self.console.warn(&line),
                    None => {}
                }
            }
        }
    }

    /// The run ended.
    pub(crate) fn finish(&self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }

    fn progress(&mut self, totals: &WriteTotals) {
        let line =
            format!("{} accepted, {} not", totals.accepted, totals.records - totals.accepted);
        if let Some(spinner) = &self.spinner {
            spinner.set_position(totals.records);
            spinner.set_message(line);
        } else if !self.console.json() && self.said.elapsed() >= PLAIN_EVERY {
            self.said = Instant::now();
            self.console.note(&format!("{}: {} records, {line}", self.target, totals.records));
        }
    }
}
