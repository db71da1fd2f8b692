//! What one stream of a source sends: its records as they came, a state after each page, and how it stands.
//!
//! A page leaves in one write: its records, then the state that covers them.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use connector_engine::read::{End, PageOut, PageSink, ReadEvent, StreamRun, Totals};
use connector_engine::state::{Envelope, Owner, RunMode};
use serde_json::json;
use serde_json::value::RawValue;

use super::catalogue::{DELETED_AT, UPDATED_AT};
use super::messages::{
    Level, Messages, Status, estimate_line, state_line, status_line, waiting_line,
};
use crate::adapter::raw_object::RawObject;
use crate::adapter::time;
use crate::error::{CliError, Exit};

/// The state of a stream that went out last. Whoever sends one holds this, so that no older state follows a newer one.
pub(super) struct Last {
    /// Its text.
    pub(super) state: String,
    /// Whether the stream is still being read.
    pub(super) open: bool,
}

pub(super) fn lock(last: &Mutex<Last>) -> MutexGuard<'_, Last> {
    last.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends what one stream gives.
pub(super) struct StreamOut<'a> {
    name: String,
    /// The beginning of a record's line, up to the record.
    head: String,
    owner: Owner,
    mode: RunMode,
    messages: &'a Messages,
    last: &'a Mutex<Last>,
    started: bool,
    running: bool,
    estimated: bool,
    buffer: Vec<u8>,
}

impl<'a> StreamOut<'a> {
    /// Of a stream that is about to be read.
    pub(super) fn new(
        run: &StreamRun,
        owner: Owner,
        messages: &'a Messages,
        last: &'a Mutex<Last>,
    ) -> Self {
        let name = run.info.name.clone();
        StreamOut {
            head: format!(
                "{{\"type\":\"RECORD\",\"record\":{{\"stream\":{},\"data\":",
                json!(name)
            ),
            name,
            owner,
            mode: run.mode,
            messages,
            last,
            started: false,
            running: false,
            estimated: false,
            buffer: Vec::new(),
        }
    }

    fn start(&mut self) {
        if !self.started {
            self.started = true;
            self.buffer.extend(status_line(&self.name, Status::Started));
        }
    }

    fn records(&mut self, page: &PageOut<'_>) -> io::Result<()> {
        let now = time::now_ms();
        let tail = format!(",\"emitted_at\":{now}}}}}\n");
        for record in page.records {
            self.buffer.extend_from_slice(self.head.as_bytes());
            self.buffer.extend_from_slice(record.as_bytes());
            self.buffer.extend_from_slice(tail.as_bytes());
        }
        for key in page.deleted {
            let time = json!(time::rfc3339(now)).to_string();
            let mut record = RawObject::parse(key).map_err(io::Error::other)?;
            record.set(DELETED_AT, time.clone());
            record.set(UPDATED_AT, time);
            self.buffer.extend_from_slice(format!("{}{record}{tail}", self.head).as_bytes());
        }
        Ok(())
    }

    fn envelope(&self, page: &PageOut<'_>) -> io::Result<String> {
        let envelope = Envelope {
            owner: self.owner.clone(),
            mode: self.mode,
            finished: page.finished,
            state: RawValue::from_string(page.state.to_owned()).map_err(io::Error::other)?,
        };
        serde_json::to_string(&envelope).map_err(io::Error::other)
    }
}

impl PageSink for StreamOut<'_> {
    fn page(&mut self, page: &PageOut<'_>) -> io::Result<()> {
        self.buffer.clear();
        self.start();
        if !self.running {
            self.running = true;
            self.buffer.extend(status_line(&self.name, Status::Running));
        }
        if let Some(total) = page.total.filter(|_| !self.estimated) {
            self.estimated = true;
            self.buffer.extend(estimate_line(&self.name, total));
        }
        self.records(page)?;
        let state = self.envelope(page)?;
        let records = (page.records.len() + page.deleted.len()) as u64;
        self.buffer.extend(state_line(&self.name, &state, records));
        let mut last = lock(self.last);
        self.messages.write(&self.buffer, true)?;
        last.state = state;
        drop(last);
        if let Some(first) = page.quarantined.first() {
            let count = page.quarantined.len();
            let text = format!(
                "{}: {count} rows are no records and were set aside; the first: {} ({})",
                self.name, first.message, first.code
            );
            self.messages.log(Level::Warn, &text)?;
        }
        let totals = page.totals;
        let text = format!("{}: page {}, {} records", self.name, totals.pages, totals.emitted);
        self.messages.log(Level::Debug, &text)
    }

    fn event(&mut self, event: ReadEvent<'_>) {
        // A reader that went away is met again with the next page.
        let _ = match event {
            ReadEvent::Waiting { until, reason } => {
                self.buffer.clear();
                self.start();
                let until = time::ms(until);
                self.buffer.extend(waiting_line(&self.name, until));
                let last = lock(self.last);
                self.buffer.extend(state_line(&self.name, &last.state, 0));
                let sent = self.messages.write(&self.buffer, true);
                drop(last);
                let text =
                    format!("{}: waits until {} ({reason})", self.name, time::rfc3339(until));
                sent.and_then(|()| self.messages.log(Level::Info, &text))
            }
            ReadEvent::Notice(notice) => {
                let text = format!("{}: {} ({})", self.name, notice.message, notice.code);
                self.messages.log(Level::Warn, &text)
            }
        };
    }

    fn ended(&mut self, end: &End, totals: &Totals) -> io::Result<()> {
        self.buffer.clear();
        self.start();
        let mut last = lock(self.last);
        last.open = false;
        if !self.running {
            self.buffer.extend(state_line(&self.name, &last.state, 0));
        }
        drop(last);
        self.messages.write(&self.buffer, true)?;
        let text = format!(
            "{}: {} records of {} rows received ({} duplicates, {} filtered, {} set aside), {} requests",
            self.name,
            totals.emitted,
            totals.received,
            totals.duplicates,
            totals.filtered,
            totals.quarantined,
            totals.requests
        );
        self.messages.log(Level::Info, &text)?;
        let error = match end {
            End::Complete | End::Limit => None,
            End::Unproved(doubts) => {
                for doubt in doubts {
                    let text = format!(
                        "{}: read to its end, but not proved complete: {} ({})",
                        self.name, doubt.message, doubt.code
                    );
                    self.messages.log(Level::Warn, &text)?;
                }
                None
            }
            End::Stopped(failure) => Some(CliError::from(failure.clone())),
            End::Plugin(error) => Some(CliError::new(Exit::Plugin, "plugin", error.to_string())),
            End::Sink(error) => Some(CliError::new(Exit::Other, "output", error.to_string())),
            End::Cancelled => {
                let message = format!("the reading of {} was stopped by a signal", self.name);
                Some(CliError::new(Exit::Interrupted, "cancelled", message))
            }
        };
        let status = match &error {
            None => Status::Complete,
            Some(error) => {
                self.messages.error(error, Some(&self.name))?;
                Status::Incomplete
            }
        };
        self.messages.write(&status_line(&self.name, status), false)
    }
}

#[cfg(test)]
mod tests;
