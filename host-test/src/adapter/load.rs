//! Writes the records of several streams, in memory that does not grow: each stream has a buffer that is written when
//! it is full, or when a platform wants to know that everything before it is done.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use connector_engine::Connection;
use connector_engine::bindings::destination::Operation;
use connector_engine::retry::RetryPolicy;
use connector_engine::write::{
    Entry, Fault, Progress, Settled, WriteEnd, WriteEvent, WriteRun, WriteSink, WriteSummary,
    write_records,
};

use super::raw_object::RawObject;
use crate::error::{CliError, Exit};

/// Where a stream's records go.
#[derive(Clone, Debug)]
pub struct Route {
    /// Name of the target.
    pub target: String,
    /// The operation.
    pub operation: Operation,
    /// JSON object of the operation's options.
    pub options: String,
    /// The fields that are handed over; all, if there is no list.
    pub fields: Option<BTreeSet<String>>,
}

/// Something to tell while records are written.
#[derive(Debug)]
pub enum LoadEvent<'a> {
    /// A record was not written, or is not known to be.
    Rejected {
        /// The stream.
        stream: &'a str,
        /// Why.
        fault: &'a Fault,
    },
    /// It waits.
    Waiting(&'a str),
    /// Worth telling.
    Notice(&'a str),
}

impl fmt::Display for LoadEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadEvent::Rejected { stream, fault } => {
                let field = fault.field.as_deref().map(|field| format!(" at {field}"));
                let (field, message) = (field.unwrap_or_default(), &fault.message);
                write!(f, "{stream}: a record is rejected{field}: {message} ({})", fault.code)
            }
            LoadEvent::Waiting(reason) => write!(f, "waits: {reason}"),
            LoadEvent::Notice(text) => f.write_str(text),
        }
    }
}

/// What became of the records of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All that have their outcome.
    pub settled: u64,
    /// Of those: refused, by the plugin or the service, or not known to be done.
    pub rejected: u64,
}

/// Writes the records of streams.
pub struct Loader<'a> {
    connection: &'a Connection,
    tell: Box<dyn FnMut(LoadEvent<'_>) + 'a>,
    streams: BTreeMap<String, Stream>,
    /// Root of the batch ids; another for each run.
    run: String,
}

struct Stream {
    route: Route,
    /// Records, one a line.
    buffer: Vec<u8>,
    records: u64,
    /// How often the buffer was written.
    flushes: u64,
    /// Since they were taken last.
    counts: Counts,
    told: u32,
}

/// A buffer is written when it has so many bytes …
const BUFFER_BYTES: usize = 1 << 20;
/// … or so many records.
const BUFFER_RECORDS: u64 = 1000;
/// So many rejected records of a stream are told one by one.
const TOLD: u32 = 50;

impl<'a> Loader<'a> {
    /// Nothing is written yet.
    pub fn new(connection: &'a Connection, tell: impl FnMut(LoadEvent<'_>) + 'a) -> Self {
        let run = format!("{:016x}", RandomState::new().hash_one(super::time::now_ms()));
        Loader { connection, tell: Box::new(tell), streams: BTreeMap::new(), run }
    }

    /// Says where the records of a stream go.
    pub fn route(&mut self, stream: &str, route: Route) {
        let stream_state = Stream {
            route,
            buffer: Vec::new(),
            records: 0,
            flushes: 0,
            counts: Counts::default(),
            told: 0,
        };
        self.streams.insert(stream.to_owned(), stream_state);
    }

    /// Where the records of a stream go.
    pub fn routed(&self, stream: &str) -> Option<&Route> {
        self.streams.get(stream).map(|stream| &stream.route)
    }

    /// Takes a record of a stream that is routed, the text of JSON on one line. It is taken apart only where a field
    /// is to be left out.
    pub fn push(&mut self, name: &str, record: &str) -> Result<(), CliError> {
        let Some(stream) = self.streams.get_mut(name) else { return Ok(()) };
        let narrowed = stream.route.fields.as_ref().and_then(|fields| narrowed(record, fields));
        stream.buffer.extend_from_slice(narrowed.as_deref().unwrap_or(record).as_bytes());
        stream.buffer.push(b'\n');
        stream.records += 1;
        if stream.buffer.len() >= BUFFER_BYTES || stream.records >= BUFFER_RECORDS {
            self.flush(name)?;
        }
        Ok(())
    }

    /// Writes everything that was taken. When this returns, each record is done or rejected.
    pub fn flush_all(&mut self) -> Result<(), CliError> {
        let names: Vec<_> = self.streams.keys().cloned().collect();
        names.iter().try_for_each(|name| self.flush(name))
    }

    /// What became of a stream's records since this was asked last.
    pub fn take_counts(&mut self, name: &str) -> Counts {
        self.streams
            .get_mut(name)
            .map(|stream| std::mem::take(&mut stream.counts))
            .unwrap_or_default()
    }

    /// The streams.
    pub fn names(&self) -> Vec<String> {
        self.streams.keys().cloned().collect()
    }

    fn flush(&mut self, name: &str) -> Result<(), CliError> {
        let Some(stream) = self.streams.get_mut(name).filter(|stream| stream.records > 0) else {
            return Ok(());
        };
        let run = WriteRun {
            target: stream.route.target.clone(),
            operation: stream.route.operation.clone(),
            options: stream.route.options.clone(),
            id: format!("{}/{name}/{}", self.run, stream.flushes),
            retry: RetryPolicy::standard(),
        };
        let mut sink = Sink { name, told: &mut stream.told, tell: &mut self.tell };
        let input = stream.buffer.as_slice();
        let summary = write_records(self.connection, &run, input, Progress::default(), &mut sink);
        stream.flushes += 1;
        stream.buffer.clear();
        stream.records = 0;
        let WriteSummary { end, totals, .. } = summary;
        stream.counts.settled += totals.records - totals.deferred;
        stream.counts.rejected += totals.invalid + totals.rejected + totals.unknown;
        ended(end, name)
    }
}

/// A record without the fields that are not named; none if it has no others.
fn narrowed(record: &str, fields: &BTreeSet<String>) -> Option<String> {
    let mut object = RawObject::parse(record).ok()?;
    if object.names().all(|name| fields.contains(name)) {
        return None;
    }
    object.retain(|name| fields.contains(name));
    Some(object.to_string())
}

fn ended(end: WriteEnd, stream: &str) -> Result<(), CliError> {
    match end {
        WriteEnd::Complete => Ok(()),
        WriteEnd::Stopped(failure) => Err((*failure).into()),
        WriteEnd::Plugin(error) => Err(error.into()),
        WriteEnd::Cancelled => {
            let message = format!("stopped while {stream} was written");
            Err(CliError::new(Exit::Interrupted, "cancelled", message))
        }
        WriteEnd::Input(error) | WriteEnd::Sink(error) => {
            Err(CliError::new(Exit::Other, "write", format!("cannot write {stream}: {error}")))
        }
        WriteEnd::OtherInput(error) => Err(CliError::new(Exit::Other, "write", error.to_string())),
    }
}

/// Keeps nothing: a platform sends again what it was not told is done.
struct Sink<'s, 'a> {
    name: &'s str,
    told: &'s mut u32,
    tell: &'s mut (dyn FnMut(LoadEvent<'_>) + 'a),
}

impl WriteSink for Sink<'_, '_> {
    fn append(&mut self, _entry: &Entry) -> std::io::Result<()> {
        Ok(())
    }

    fn keep(&mut self, settled: &[Settled<'_>]) -> std::io::Result<BTreeMap<String, u64>> {
        let last = settled.iter().filter(|settled| settled.last);
        for fault in last.filter_map(|settled| settled.outcome.fault()) {
            *self.told = self.told.saturating_add(1);
            if *self.told <= TOLD {
                (self.tell)(LoadEvent::Rejected { stream: self.name, fault });
            } else if *self.told == TOLD + 1 {
                let text = format!("further rejected records of {} are counted only", self.name);
                (self.tell)(LoadEvent::Notice(&text));
            }
        }
        Ok(BTreeMap::new())
    }

    fn event(&mut self, event: WriteEvent<'_>) {
        match event {
            WriteEvent::Waiting { reason, .. } => (self.tell)(LoadEvent::Waiting(reason)),
            WriteEvent::Notice(notice) => (self.tell)(LoadEvent::Notice(&notice.message)),
            WriteEvent::Progress(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_rewritten_only_where_it_has_other_fields() {
        let fields = BTreeSet::from(["email".to_owned(), "name".to_owned()]);
        let check = |record: &str, expected: Option<&str>| {
            assert_eq!(narrowed(record, &fields).as_deref(), expected);
        };
        check(r#"{ "email": "x" }"#, None);
        check(r#"{"name":1.0,"_x":2,"email":"x"}"#, Some(r#"{"name":1.0,"email":"x"}"#));
        check("[]", None);
    }
}
