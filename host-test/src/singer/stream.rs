//! What one stream of a tap sends: its schema, its records, and after each page the bookmarks of all.
//!
//! Records and the state that covers them leave in one write. The last state of a stream waits until it is known how
//! the stream ended: only after a full walk that is proved complete and that kept no row back are the rows of other
//! versions said to be gone. Options that differ from their defaults may keep rows back, as may a row that is no record.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use connector_engine::bindings::source::{Deletions, StreamInfo};
use connector_engine::read::{End, PageOut, PageSink, ReadEvent, Totals};
use connector_engine::state::{Envelope, Owner, RunMode};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::catalogue::{DELETED_AT, Selection};
use super::metrics;
use super::state::{Bookmark, Bookmarks, Position};
use crate::adapter::raw_object::RawObject;
use crate::adapter::time;
use crate::console::Console;

/// Where the messages of all streams go, and the bookmarks so far.
pub struct Shared {
    out: Mutex<Out>,
    console: Console,
}

struct Out {
    to: Box<dyn Write + Send>,
    bookmarks: Bookmarks,
}

impl Shared {
    /// Goes on from bookmarks.
    pub fn new(to: Box<dyn Write + Send>, bookmarks: Bookmarks, console: Console) -> Self {
        Shared { out: Mutex::new(Out { to, bookmarks }), console }
    }

    fn lock(&self) -> MutexGuard<'_, Out> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Out {
    fn send(&mut self, lines: &[u8]) -> io::Result<()> {
        self.to.write_all(lines)?;
        self.to.flush()
    }
}

/// How a stream is read.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    /// The mode.
    pub mode: RunMode,
    /// Whether it goes on with a walk that was interrupted.
    pub resumed: bool,
    /// Whether its options may keep rows back.
    pub narrowed: bool,
}

/// Sends what one stream gives.
pub struct TapStream<'a> {
    selection: Selection,
    owner: Owner,
    mode: RunMode,
    key: Vec<String>,
    cursor: Option<String>,
    bookmark: Bookmark,
    /// Of a stream where a row that is missing from a full walk was deleted.
    version: Option<u64>,
    withheld: bool,
    shared: &'a Shared,
    started: bool,
    buffer: Vec<u8>,
}

impl<'a> TapStream<'a> {
    /// Of a stream that is read as `walk` says.
    pub fn new(
        selection: Selection,
        stream: &StreamInfo,
        owner: Owner,
        walk: Walk,
        bookmark: Option<Bookmark>,
        shared: &'a Shared,
    ) -> Self {
        let Walk { mode, resumed, narrowed } = walk;
        let bookmark = bookmark.unwrap_or_default();
        let by_full_read = stream.deletions == Deletions::ByFullRead;
        let position = bookmark.connector.as_ref();
        let earlier = position.and_then(|position| position.version);
        let withheld = position.is_some_and(|position| position.withheld);
        let begins = mode == RunMode::Full && !resumed;
        // A walk of its own has a version of its own, above every earlier one.
        let fresh = || time::now_ms().max(earlier.map_or(0, |version| version + 1));
        let version = if begins { Some(fresh()) } else { earlier };
        TapStream {
            selection,
            owner,
            mode,
            key: stream.key.clone(),
            cursor: stream.cursor.clone(),
            bookmark,
            version: version.filter(|_| by_full_read),
            withheld: narrowed || withheld && !begins,
            shared,
            started: false,
            buffer: Vec::new(),
        }
    }

    /// The schema, before anything else.
    fn start(&mut self) -> io::Result<()> {
        if self.started {
            return Ok(());
        }
        self.started = true;
        let mut schema = schema_message(&self.selection, &self.key);
        if let Some(cursor) = &self.cursor {
            schema["bookmark_properties"] = json!([cursor]);
        }
        writeln!(self.buffer, "{schema}")
    }

    fn records(&mut self, page: &PageOut<'_>) -> io::Result<()> {
        let now = json!(time::rfc3339(time::now_ms()));
        let stream = json!(self.selection.name);
        let version =
            self.version.map(|version| format!(",\"version\":{version}")).unwrap_or_default();
        let head = format!("{{\"type\":\"RECORD\",\"stream\":{stream},\"record\":");
        let tail = format!(",\"time_extracted\":{now}{version}}}\n");
        for record in page.records {
            self.buffer.extend_from_slice(head.as_bytes());
            if self.selection.dropped.is_empty() {
                self.buffer.extend_from_slice(record.as_bytes());
            } else {
                let record = kept(record, &self.selection.dropped).map_err(io::Error::other)?;
                self.buffer.extend_from_slice(record.as_bytes());
            }
            self.buffer.extend_from_slice(tail.as_bytes());
        }
        for key in page.deleted {
            let mut record = RawObject::parse(key).map_err(io::Error::other)?;
            record.set(DELETED_AT, now.to_string());
            write!(self.buffer, "{head}{record}{tail}")?;
        }
        Ok(())
    }

    fn note(&mut self, page: &PageOut<'_>) -> io::Result<()> {
        let envelope = Envelope {
            owner: self.owner.clone(),
            mode: self.mode,
            finished: page.finished,
            state: RawValue::from_string(page.state.to_owned()).map_err(io::Error::other)?,
        };
        self.bookmark.connector = Some(Position {
            position: serde_json::value::to_raw_value(&envelope).map_err(io::Error::other)?,
            version: self.version,
            withheld: self.withheld,
        });
        self.bookmark.replication_key.clone_from(&self.cursor);
        if let Some(mark) = page.mark.filter(|_| page.finished) {
            self.bookmark.replication_key_value = Some(mark.into());
        }
        Ok(())
    }

    /// Sends the buffer and, unless it waits for the end, the state.
    fn send(&mut self, with_state: bool) -> io::Result<()> {
        let mut out = self.shared.lock();
        if with_state && self.bookmark.connector.is_some() {
            out.bookmarks.set(&self.selection.id, &self.bookmark);
            writeln!(self.buffer, "{{\"type\":\"STATE\",\"value\":{}}}", out.bookmarks.to_value())?;
        }
        out.send(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn log(&self, level: &str, text: &str) {
        let text = crate::error::one_line(text);
        self.shared.console.note(&format!("{level} {}: {text}", self.selection.id));
    }
}

impl PageSink for TapStream<'_> {
    fn page(&mut self, page: &PageOut<'_>) -> io::Result<()> {
        self.buffer.clear();
        self.start()?;
        self.records(page)?;
        if self.mode == RunMode::Full {
            self.withheld |= !page.quarantined.is_empty();
        }
        self.note(page)?;
        self.send(!page.finished)?;
        if let Some(first) = page.quarantined.first() {
            let text = format!(
                "{} rows are no records and were set aside; the first: {} ({})",
                page.quarantined.len(),
                first.message,
                first.code
            );
            self.log("WARNING", &text);
        }
        let records = (page.records.len() + page.deleted.len()) as u64;
        metrics::counter(&self.shared.console, &self.selection.name, records);
        Ok(())
    }

    fn event(&mut self, event: ReadEvent<'_>) {
        match event {
            ReadEvent::Waiting { until, reason } => {
                let until = time::rfc3339(time::ms(until));
                self.log("INFO", &format!("waits until {until} ({reason})"));
            }
            ReadEvent::Notice(notice) => {
                self.log("WARNING", &format!("{} ({})", notice.message, notice.code));
            }
        }
    }

    fn ended(&mut self, end: &End, totals: &Totals) -> io::Result<()> {
        self.buffer.clear();
        self.start()?;
        let proved = matches!(end, End::Complete);
        let whole = proved && self.mode == RunMode::Full && !self.withheld;
        if let Some(version) = self.version.filter(|_| whole) {
            let stream = json!(self.selection.name);
            writeln!(
                self.buffer,
                "{{\"type\":\"ACTIVATE_VERSION\",\"stream\":{stream},\"version\":{version}}}"
            )?;
        }
        self.send(true)?;
        if let End::Unproved(doubts) = end {
            for doubt in doubts {
                let text = format!(
                    "read to its end, but not proved complete: {} ({})",
                    doubt.message, doubt.code
                );
                self.log("WARNING", &text);
            }
        }
        let text = format!(
            "{} records of {} rows received ({} duplicates, {} filtered, {} set aside), {} requests",
            totals.emitted,
            totals.received,
            totals.duplicates,
            totals.filtered,
            totals.quarantined,
            totals.requests
        );
        self.log("INFO", &text);
        Ok(())
    }
}

/// The SCHEMA message of a stream.
pub fn schema_message(selection: &Selection, key: &[String]) -> Value {
    json!({
        "type": "SCHEMA",
        "stream": selection.name,
        "schema": selection.schema,
        "key_properties": key,
    })
}

fn kept(record: &str, dropped: &BTreeSet<String>) -> Result<String, serde_json::Error> {
    let mut object = RawObject::parse(record)?;
    object.retain(|name| !dropped.contains(name));
    Ok(object.to_string())
}

#[cfg(test)]
mod tests;
