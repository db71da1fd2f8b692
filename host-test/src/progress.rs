//! What a person sees while streams are read: a bar a stream on a terminal, plain lines elsewhere.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use connector_engine::read::{PageOut, ReadEvent};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::console::Console;

const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// The progress of a run. Cheap to clone.
#[derive(Clone)]
pub struct Progress {
    console: Console,
    bars: Option<MultiProgress>,
}

impl Progress {
    /// Bars on a terminal, plain lines elsewhere, nothing for machines.
    pub fn new(console: &Console) -> Self {
        let terminal = std::io::stderr().is_terminal() && !console.json();
        Progress { console: console.clone(), bars: terminal.then(MultiProgress::new) }
    }

    /// The progress of one stream.
    pub fn stream(&self, name: &str) -> StreamProgress {
        let bar = self.bars.as_ref().map(|bars| {
            let template =
                "{prefix:14} {spinner} {human_pos:>9} rows {wide_bar} {per_sec:>14} {msg}";
            let style = ProgressStyle::with_template(template)
                .expect("the template is right")
                .progress_chars("=> ");
            let bar = bars.add(ProgressBar::no_length().with_style(style));
            bar.set_prefix(name.to_owned());
            bar
        });
        StreamProgress {
            console: self.console.clone(),
            name: name.to_owned(),
            bar,
            said: Instant::now(),
        }
    }
}

/// The progress of one stream.
pub struct StreamProgress {
    console: Console,
    name: String,
    bar: Option<ProgressBar>,
    said: Instant,
}

impl StreamProgress {
    /// A page came.
    pub fn page(&mut self, page: &PageOut<'_>) {
        let totals = page.totals;
        if let Some(bar) = &self.bar {
            if let Some(total) = page.total {
                bar.set_length(total);
            }
            bar.set_position(totals.emitted);
            bar.set_message(format!("page {}", totals.pages));
            if page.finished {
                bar.finish();
            }
        } else if !self.console.json() && self.said.elapsed() >= PLAIN_EVERY {
            self.said = Instant::now();
            let line = format!("{}: {} rows, {} pages", self.name, totals.emitted, totals.pages);
            self.console.note(&line);
        }
    }

    /// Something happened.
    pub fn event(&mut self, event: &ReadEvent<'_>) {
        match event {
            ReadEvent::Waiting { until, reason } => {
                let line = format!("waits until {} ({reason})", clock(*until));
                match &self.bar {
                    Some(bar) => bar.set_message(self.console.scrub(&line)),
                    None if !self.console.json() => {
                        self.console.note(&format!("{}: {line}", self.name));
                    }
                    None => {}
                }
            }
            ReadEvent::Notice(notice) => {
                let line = format!("{}: {} ({})", self.name, notice.message, notice.code);
                match &self.bar {
                    Some(bar) => bar.suspend(|| self.console.warn(&line)),
                    None if !self.console.json() => self.console.warn(&line),
                    None => {}
                }
            }
        }
    }
}

/// The time of day, in UTC.
pub fn clock(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() % 86_400;
    format!("{:02}:{:02}:{:02} UTC", seconds / 3600, seconds / 60 % 60, seconds % 60)
}
