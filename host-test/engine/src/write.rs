//! The loop that writes records: window by window of the input, each with exactly one outcome for every record before
//! the next is read, with waits and retries between the calls.
//!
//! Before records are sent, the sink makes durable that they are about to be; after a report, what became of them. A
//! run that is killed anywhere and started again therefore knows of every record whether it was settled, never sent, or
//! in flight. What is in flight, or `unknown`, is asked for by GET before anything is sent again:
//!
//! - done: it is `accepted`;
//! - known not done: it is written again;
//! - not known: it is written again only if the operation is safe to repeat, and counted; else it stays `unknown`.

mod input;
mod journal;
mod lines;
mod outcome;
mod rejects;
#[cfg(test)]
mod tests;
mod window;
mod writer;

use std::collections::BTreeMap;
use std::io::BufRead;
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest as _, Sha256};

pub use input::{Content, LINE_BYTES, Line, Position, RecordReader};
pub use journal::{Entry, Header, JournalError, LISTED, OpenWindow, Progress, WriteOwner, replay};
pub use lines::{Lines, LinesOutcome};
pub use outcome::{Fault, RecordOutcome, WriteTotals};
pub use rejects::line as reject_line;
pub use writer::Writer;

use crate::bindings::destination::{Batch, Operation, Outcome};
use crate::bindings::types::{Action, Failure, Notice};
use crate::cancel::Cancel;
use crate::error::PluginError;
use crate::retry::{self, RetryPolicy};
use window::Slots;

/// What to write, and how.
#[derive(Clone, Debug)]
pub struct WriteRun {
    /// Name of the target.
    pub target: String,
    /// The operation.
    pub operation: Operation,
    /// JSON object of the operation's options.
    pub options: String,
    /// Root of the batch ids: unique, and the same when a run is gone on with.
    pub id: String,
    /// When to try again.
    pub retry: RetryPolicy,
}

/// Keeps what must survive, and shows what a person may want to see.
pub trait WriteSink {
    /// Appends to the journal. An [`Entry::Sending`] must be durable when this returns.
    fn append(&mut self, entry: &Entry) -> std::io::Result<()>;

    /// Takes outcomes, in input order, and gives the length of the files that they were put into, by purpose.
    fn keep(&mut self, settled: &[Settled<'_>]) -> std::io::Result<BTreeMap<String, u64>>;

    /// Something that a person may want to see.
    fn event(&mut self, event: WriteEvent<'_>);
}

/// A record and its outcome.
#[derive(Clone, Copy, Debug)]
pub struct Settled<'a> {
    /// The record, and where it stood.
    pub line: &'a Line,
    /// What became of it.
    pub outcome: &'a RecordOutcome,
    /// Whether this is the last word; if not, the run ended before it, and a journal goes on from there.
    pub last: bool,
}

/// Something that a person may want to see.
#[derive(Debug)]
pub enum WriteEvent<'a> {
    /// The run waits.
    Waiting {
        /// Until when.
        until: SystemTime,
        /// Why.
        reason: &'a str,
    },
    /// Something worth telling; each is told once.
    Notice(&'a Notice),
    /// What was written so far.
    Progress(&'a WriteTotals),
}

/// How a run ended.
#[derive(Debug)]
pub enum WriteEnd {
    /// Every record of the input has its outcome.
    Complete,
    /// A failure stopped it.
    Stopped(Box<Failure>),
    /// The plugin broke the contract or a limit.
    Plugin(PluginError),
    /// The input could not be read.
    Input(std::io::Error),
    /// The input is not the one that an earlier run began with.
    OtherInput(JournalError),
    /// The sink failed.
    Sink(std::io::Error),
    /// The host was told to stop.
    Cancelled,
}

/// What came of a run.
#[derive(Debug)]
pub struct WriteSummary {
    /// How it ended.
    pub end: WriteEnd,
    /// What it added up to, earlier runs of the same journal included.
    pub totals: WriteTotals,
    /// The first records that were not written, or are not known to be, with their lines.
    pub listed: Vec<(u64, RecordOutcome)>,
    /// Lines that were read.
    pub lines: u64,
    /// Times that the run waited.
    pub waits: u64,
    /// Milliseconds that it waited.
    pub waited_ms: u64,
}

/// Writes all records of an input that follow `progress`.
pub fn write_records<W: Writer, R: BufRead, S: WriteSink>(
    writer: &W,
    run: &WriteRun,
    input: R,
    progress: Progress,
    sink: &mut S,
) -> WriteSummary {
    let mut work = Loop {
        writer,
        run,
        reader: RecordReader::new(input, &run.target, &run.operation.name),
        sink,
        totals: progress.totals.clone(),
        listed: progress.listed.clone(),
        notices: Vec::new(),
        failures: 0,
        waits: 0,
        waited_ms: 0,
        cancel: writer.cancel(),
    };
    let end = work.run(progress).err().unwrap_or(WriteEnd::Complete);
    WriteSummary {
        end,
        lines: work.reader.position().line,
        totals: work.totals,
        listed: work.listed,
        waits: work.waits,
        waited_ms: work.waited_ms,
    }
}

struct Loop<'a, W, R, S> {
    writer: &'a W,
    run: &'a WriteRun,
    reader: RecordReader<R>,
    sink: &'a mut S,
    totals: WriteTotals,
    listed: Vec<(u64, RecordOutcome)>,
    notices: Vec<Notice>,
    /// Failures in a row, without an outcome between them.
    failures: u32,
    waits: u64,
    waited_ms: u64,
    cancel: Cancel,
}

impl<W: Writer, R: BufRead, S: WriteSink> Loop<'_, W, R, S> {
    fn run(&mut self, progress: Progress) -> Result<(), WriteEnd> {
        let done = progress.done;
        if done.byte > 0 && !self.reader.skip_to(&done).map_err(WriteEnd::Input)? {
            return Err(other_input(&done));
        }
        let mut ended = progress.ended;
        if let Some(open) = progress.open {
            let window = self.reader.window_to(&open.end).map_err(WriteEnd::Input)?;
            let window = window.filter(|window| window.end == open.end);
            let window = window.ok_or_else(|| other_input(&open.end))?;
            self.settle_window(Slots::resume(window.lines, open))?;
        }
        let size = usize::try_from(self.run.operation.batch).unwrap_or(usize::MAX);
        loop {
            if self.cancel.is_cancelled() {
                return Err(WriteEnd::Cancelled);
            }
            let Some(window) = self.reader.window(size).map_err(WriteEnd::Input)? else { break };
            ended = false;
            self.append(&Entry::Window {
                from: window.lines[0].number,
                records: window.lines.len() as u64,
                end: window.end,
            })?;
            self.settle_window(Slots::new(window.lines))?;
        }
        // An input that a signal cut short is not at its end.
        if self.cancel.is_cancelled() {
            return Err(WriteEnd::Cancelled);
        }
        if ended { Ok(()) } else { self.append(&Entry::Ended) }
    }

    /// Works on a window until each record has its outcome, or the run ends.
    fn settle_window(&mut self, mut slots: Slots) -> Result<(), WriteEnd> {
        let result = self.work_on(&mut slots);
        let closed = result.is_ok();
        // Whatever ended the run, each record gets the outcome that is known of it.
        slots.close();
        let mut unkept = Vec::new();
        for (settled, kept) in slots.settled() {
            self.totals.count(settled.outcome);
            if settled.outcome.fault().is_some() && self.listed.len() < LISTED {
                self.listed.push((settled.line.number, settled.outcome.clone()));
            }
            if !kept {
                unkept.push(settled);
            }
        }
        if matches!(result, Err(WriteEnd::Sink(_))) {
            return result;
        }
        let files = self.sink.keep(&unkept).map_err(WriteEnd::Sink);
        let kept = files.and_then(|files| self.append(&Entry::Kept { files, closed }));
        self.sink.event(WriteEvent::Progress(&self.totals));
        result.and(kept)
    }

    fn work_on(&mut self, slots: &mut Slots) -> Result<(), WriteEnd> {
        let bad = slots.take_bad();
        self.journal_outcomes(&bad)?;
        loop {
            self.recover(slots)?;
            let (lines, repeated) = slots.to_send();
            if lines.is_empty() {
                return Ok(());
            }
            self.wait_while_blocked()?;
            let batch = self.batch(&lines, slots);
            self.append(&Entry::Sending {
                batch: batch.id.clone(),
                lines: Lines::of(lines.iter().copied()),
                repeated,
            })?;
            self.totals.batches += 1;
            self.totals.repeated += repeated;
            slots.send(&lines);
            let report = match self.writer.write(&batch) {
                Ok(report) => report,
                Err(error) => return Err(self.after_lost_report(slots, error)),
            };
            let progressed = self.take(slots, &lines, report.outcomes)?;
            self.tell(report.notices);
            if progressed {
                self.failures = 0;
            }
            match report.stopped {
                Some(failure) => self.after_failure(slots, failure, report.wait_ms)?,
                None => self.go_on(slots, progressed, report.wait_ms)?,
            }
        }
    }

    /// Finds out what became of records in flight, and decides on those of which that cannot be told.
    fn recover(&mut self, slots: &mut Slots) -> Result<(), WriteEnd> {
        if slots.in_flight().is_empty() {
            return Ok(());
        }
        if self.run.operation.settles {
            self.ask(slots)?;
        }
        let repeat = self.run.operation.repeat_safe;
        let given_up = slots.decide(repeat, self.run.retry.attempts);
        self.journal_outcomes(&given_up)
    }

    /// Asks for all records in flight: for all at once, so that the plugin sees which replaces which; then for as many
    /// at once as there are requests; then for each alone, which every plugin gets on with.
    fn ask(&mut self, slots: &mut Slots) -> Result<(), WriteEnd> {
        let requests = usize::try_from(self.writer.call_limits().requests).unwrap_or(usize::MAX);
        for at_once in [usize::MAX, requests.max(1), 1] {
            for lines in slots.in_flight().chunks(at_once) {
                self.ask_for(slots, lines)?;
            }
        }
        Ok(())
    }

    fn ask_for(&mut self, slots: &mut Slots, lines: &[u64]) -> Result<(), WriteEnd> {
        let mut lines = lines.to_vec();
        loop {
            self.wait_while_blocked()?;
            let batch = self.batch(&lines, slots);
            let report = match self.writer.settle(&batch) {
                Ok(report) => report,
                Err(PluginError::Cancelled { .. }) => return Err(WriteEnd::Cancelled),
                Err(error) => return Err(WriteEnd::Plugin(error)),
            };
            let wrong =
                |outcome: &Outcome| matches!(outcome, Outcome::Planned | Outcome::Rejected(_));
            if report.outcomes.iter().any(wrong) {
                return Err(WriteEnd::Plugin(PluginError::Broken {
                    call: "destination.settle",
                    reason: "an outcome that only sending can have".into(),
                }));
            }
            let progressed = self.take(slots, &lines, report.outcomes)?;
            self.tell(report.notices);
            if progressed {
                self.failures = 0;
            }
            let Some(failure) = report.stopped else { return Ok(()) };
            self.retry_or_end(failure, report.wait_ms)?;
            let in_flight = slots.in_flight();
            lines.retain(|line| in_flight.contains(line));
            if lines.is_empty() {
                return Ok(());
            }
        }
    }

    /// Takes a report; what is `unknown` stays in flight. Whether any record came to be known.
    fn take(
        &mut self,
        slots: &mut Slots,
        lines: &[u64],
        outcomes: Vec<Outcome>,
    ) -> Result<bool, WriteEnd> {
        let line_of = |index: u32| lines[index as usize];
        let outcomes: Vec<_> = lines
            .iter()
            .zip(outcomes)
            .map(|(line, outcome)| (*line, RecordOutcome::new(outcome, line_of)))
            .collect();
        let known = slots.take(outcomes);
        let progressed = known.iter().any(|(_, outcome)| *outcome != RecordOutcome::Deferred);
        self.journal_outcomes(&known)?;
        Ok(progressed)
    }

    /// A call that gave no report may have sent anything. What can be found out is; then the run ends.
    fn after_lost_report(&mut self, slots: &mut Slots, error: PluginError) -> WriteEnd {
        if matches!(error, PluginError::Cancelled { .. }) {
            return WriteEnd::Cancelled;
        }
        self.last_ask(slots);
        WriteEnd::Plugin(error)
    }

    /// Before a run ends for another reason, asks once for what is in flight.
    fn last_ask(&mut self, slots: &mut Slots) {
        let lines = slots.in_flight();
        if lines.is_empty() || !self.run.operation.settles || self.cancel.is_cancelled() {
            return;
        }
        if let Ok(report) = self.writer.settle(&self.batch(&lines, slots)) {
            // The run ends anyway, for a reason that says more.
            let _ = self.take(slots, &lines, report.outcomes);
        }
    }

    fn after_failure(
        &mut self,
        slots: &mut Slots,
        failure: Failure,
        wait_ms: Option<u64>,
    ) -> Result<(), WriteEnd> {
        self.retry_or_end(failure, wait_ms).inspect_err(|_| self.last_ask(slots))
    }

    /// Waits, if the failure can pass and there is time; else the run ends.
    fn retry_or_end(&mut self, failure: Failure, wait_ms: Option<u64>) -> Result<(), WriteEnd> {
        if self.cancel.is_cancelled() {
            return Err(WriteEnd::Cancelled);
        }
        if failure.action != Action::RetryLater {
            return Err(WriteEnd::Stopped(Box::new(failure)));
        }
        self.failures += 1;
        let asked = failure.retry_after_ms.max(wait_ms).map(Duration::from_millis);
        match self.run.retry.wait(self.failures, asked, Instant::now()) {
            Some(wait) => self.wait(wait, &failure.message),
            None => Err(WriteEnd::Stopped(Box::new(failure))),
        }
    }

    /// After a report without a failure: a pause, if the service asks for one, or if nothing came of the call.
    fn go_on(
        &mut self,
        slots: &mut Slots,
        progressed: bool,
        wait_ms: Option<u64>,
    ) -> Result<(), WriteEnd> {
        if progressed {
            return match wait_ms {
                Some(wait) => {
                    self.wait(Duration::from_millis(wait), "the service asks for a pause")
                }
                None => Ok(()),
            };
        }
        self.failures += 1;
        let asked = wait_ms.map(Duration::from_millis);
        match self.run.retry.wait(self.failures, asked, Instant::now()) {
            Some(wait) => self.wait(wait, "nothing came of the last call"),
            // What is unknown is decided on without another call.
            None if !slots.in_flight().is_empty() => Ok(()),
            None => {
                let reason = format!("{} reports in a row that settle no record", self.failures);
                Err(WriteEnd::Plugin(PluginError::Broken { call: "destination.write", reason }))
            }
        }
    }

    /// While the service wants to be left alone by this credential, nothing is asked.
    fn wait_while_blocked(&mut self) -> Result<(), WriteEnd> {
        if self.cancel.is_cancelled() {
            return Err(WriteEnd::Cancelled);
        }
        let Some(until) = self.writer.blocked_until() else { return Ok(()) };
        let wait = until.saturating_duration_since(Instant::now());
        if self.run.retry.deadline.is_some_and(|deadline| until >= deadline) {
            return Err(WriteEnd::Stopped(Box::new(retry::left_alone(wait))));
        }
        self.wait(wait, "the service asks to be left alone")
    }

    fn wait(&mut self, wait: Duration, reason: &str) -> Result<(), WriteEnd> {
        self.waits += 1;
        self.waited_ms += u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.sink.event(WriteEvent::Waiting { until: SystemTime::now() + wait, reason });
        if self.cancel.wait(wait) { Err(WriteEnd::Cancelled) } else { Ok(()) }
    }

    fn batch(&self, lines: &[u64], slots: &Slots) -> Batch {
        Batch {
            id: batch_id(&self.run.id, lines),
            settings: self.writer.settings(),
            target_name: self.run.target.clone(),
            operation_name: self.run.operation.name.clone(),
            options: self.run.options.clone(),
            records: slots.texts(lines),
            limits: self.writer.call_limits(),
            now_ms: crate::read::now_ms(),
        }
    }

    fn journal_outcomes(&mut self, outcomes: &[(u64, RecordOutcome)]) -> Result<(), WriteEnd> {
        if outcomes.is_empty() {
            return Ok(());
        }
        let outcomes = outcomes.iter().map(|(line, outcome)| (*line, outcome));
        self.append(&Entry::Outcomes(LinesOutcome::of(outcomes)))
    }

    fn append(&mut self, entry: &Entry) -> Result<(), WriteEnd> {
        self.sink.append(entry).map_err(WriteEnd::Sink)
    }

    fn tell(&mut self, notices: Vec<Notice>) {
        for notice in notices {
            if !self.notices.contains(&notice) {
                self.sink.event(WriteEvent::Notice(&notice));
                self.notices.push(notice);
            }
        }
    }
}

/// The same for the same records of a run, and for no others.
fn batch_id(run: &str, lines: &[u64]) -> String {
    let mut digest = Sha256::new();
    digest.update(run);
    for Lines(from, to) in Lines::of(lines.iter().copied()) {
        digest.update(format!("/{from}-{to}"));
    }
    let mut id = format!("{:x}", digest.finalize());
    id.truncate(32);
    id
}

fn other_input(position: &Position) -> WriteEnd {
    WriteEnd::OtherInput(JournalError::Input { bytes: position.byte })
}
