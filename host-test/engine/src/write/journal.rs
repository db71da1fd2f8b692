//! What survives between runs of a write: one JSON line per event, only ever appended.
//!
//! | line | meaning |
//! | --- | --- |
//! | [`Header`] | whose it is; the first line |
//! | `files` | the other files are so long now, and hold nothing of what comes next |
//! | `window` | so much of the input is worked on from now on |
//! | `sending` | these records are about to be sent; durable before they are |
//! | `outcomes` | what became of records; what is `deferred` is known not to be done |
//! | `kept` | the outcomes so far stand in the other files, which are so long now |
//! | `ended` | the input was written to its end |
//!
//! Whatever byte a run is cut off at, the journal says of each record whether it was settled, never sent, or in flight.
//! A last line that was cut off is as if it had not been written.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::input::Position;
use super::lines::{Lines, LinesOutcome};
use super::outcome::{RecordOutcome, WriteTotals};
use crate::bindings::description::Descriptor;
use crate::plugin::CONTRACT;

/// Version of the format.
const FORMAT: u32 = 1;

/// Whose journal it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the format.
    journal: u32,
    /// The root of batch ids: another for each journal.
    pub run: String,
    /// What is written, and as whom.
    #[serde(flatten)]
    pub owner: WriteOwner,
}

impl Header {
    /// Of a journal that begins now. `run` must be unique.
    pub fn new(run: String, owner: WriteOwner) -> Self {
        Header { journal: FORMAT, run, owner }
    }

    /// The line that begins a journal, with its end.
    pub fn to_line(&self) -> String {
        let mut line = serde_json::to_string(self).expect("plain data");
        line.push('\n');
        line
    }
}

/// What is written, and as whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteOwner {
    /// Id of the connector.
    pub connector: String,
    /// The contract.
    pub contract: String,
    /// The target.
    pub target: String,
    /// The operation.
    pub operation: String,
    /// SHA-256 of the operation's options, in hexadecimal.
    pub options: String,
    /// The credential: an id that survives a rename and a replaced secret.
    pub credential: String,
}

impl WriteOwner {
    /// Of an operation that is about to be done.
    pub fn new(
        descriptor: &Descriptor,
        target: &str,
        operation: &str,
        options: &str,
        credential: &str,
    ) -> Self {
        WriteOwner {
            connector: descriptor.id.clone(),
            contract: CONTRACT.into(),
            target: target.into(),
            operation: operation.into(),
            options: format!("{:x}", Sha256::digest(options)),
            credential: credential.into(),
        }
    }
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Entry {
    /// Length in bytes of the other files, by purpose, before anything is put into them.
    Files(BTreeMap<String, u64>),
    /// So much of the input is worked on from now on.
    Window {
        /// Its first line.
        from: u64,
        /// How many records it has.
        records: u64,
        /// Where it ends.
        end: Position,
    },
    /// These records are about to be sent.
    Sending {
        /// Id of the batch.
        batch: String,
        /// Their lines.
        lines: Vec<Lines>,
        /// How many of them may have been sent before.
        #[serde(default, skip_serializing_if = "is_zero")]
        repeated: u64,
    },
    /// What became of records.
    Outcomes(Vec<LinesOutcome>),
    /// The outcomes so far stand in the other files.
    Kept {
        /// Length in bytes of each, by purpose.
        files: BTreeMap<String, u64>,
        /// Whether the window is done with.
        closed: bool,
    },
    /// The input was written to its end.
    Ended,
}

impl Entry {
    /// Its line, with the end.
    pub fn to_line(&self) -> String {
        // Only the names of the cases stand for themselves; a unit case would be a bare text.
        let mut line = match self {
            Entry::Ended => r#"{"ended":true}"#.to_owned(),
            entry => serde_json::to_string(entry).expect("plain data"),
        };
        line.push('\n');
        line
    }

    fn parse(line: &str) -> Result<Self, serde_json::Error> {
        if line == r#"{"ended":true}"# { Ok(Entry::Ended) } else { serde_json::from_str(line) }
    }
}

/// Where an earlier run left off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The input is done with up to here.
    pub done: Position,
    /// The window that was being worked on.
    pub open: Option<OpenWindow>,
    /// What the closed windows added up to, and all that was sent.
    pub totals: WriteTotals,
    /// Of the closed windows: the first records that were not written, and their lines; at most [`LISTED`].
    pub listed: Vec<(u64, RecordOutcome)>,
    /// Length of the other files when they were last kept, by purpose.
    pub files: BTreeMap<String, u64>,
    /// Whether the input was written to its end.
    pub ended: bool,
    /// Bytes of the journal that count; what comes after them was cut off.
    pub length: u64,
}

/// So many records that were not written are listed by line and cause.
pub const LISTED: usize = 100;

/// A window that was being worked on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenWindow {
    /// Where it ends.
    pub end: Position,
    /// How many records it has.
    pub records: u64,
    /// Records that have their outcome.
    pub outcomes: BTreeMap<u64, RecordOutcome>,
    /// Of those: the ones that stand in the other files.
    pub kept: BTreeSet<u64>,
    /// Records that were sent, without a word on what became of them.
    pub in_flight: BTreeSet<u64>,
}

/// Why a journal cannot be gone on from. Nothing was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// It is no journal, or lines of it are broken.
    #[error("the journal is damaged in line {line}: {reason}")]
    Damaged {
        /// The line.
        line: u64,
        /// Why.
        reason: String,
    },
    /// It was written by another version of this program.
    #[error("the journal has the format {found}; this program knows {FORMAT}")]
    Format {
        /// The format.
        found: u32,
    },
    /// It belongs to something else.
    #[error("the journal belongs to another {what} ({found}, not {expected})")]
    Foreign {
        /// What differs.
        what: &'static str,
        /// Whose it is.
        found: String,
        /// Who wanted to go on from it.
        expected: String,
    },
    /// The input is not the one that was being written.
    #[error(
        "the journal belongs to another input: the first {bytes} bytes are not those that were written"
    )]
    Input {
        /// How many bytes were written.
        bytes: u64,
    },
}

/// Replays a journal. None if not even its header is whole: nothing was sent then.
pub fn replay(text: &[u8], owner: &WriteOwner) -> Result<Option<(Header, Progress)>, JournalError> {
    let mut header = None;
    let mut progress = Progress::default();
    for (number, line) in (1..).zip(text.split_inclusive(|byte| *byte == b'\n')) {
        let Some(content) = line.strip_suffix(b"\n") else { break };
        let damaged = |reason: String| JournalError::Damaged { line: number, reason };
        let content = std::str::from_utf8(content).map_err(|error| damaged(error.to_string()))?;
        if header.is_none() {
            header = Some(open(content, owner, damaged)?);
        } else {
            let entry = Entry::parse(content).map_err(|error| damaged(error.to_string()))?;
            progress.apply(entry).map_err(|reason| damaged(reason.into()))?;
        }
        progress.length += line.len() as u64;
    }
    Ok(header.map(|header| (header, progress)))
}

fn open(
    line: &str,
    owner: &WriteOwner,
    damaged: impl Fn(String) -> JournalError,
) -> Result<Header, JournalError> {
    #[derive(Deserialize)]
    struct Version {
        journal: u32,
    }
    let version: Version =
        serde_json::from_str(line).map_err(|error| damaged(error.to_string()))?;
    if version.journal != FORMAT {
        return Err(JournalError::Format { found: version.journal });
    }
    let header: Header = serde_json::from_str(line).map_err(|error| damaged(error.to_string()))?;
    let found = &header.owner;
    let pairs = [
        ("connector", &found.connector, &owner.connector),
        ("contract", &found.contract, &owner.contract),
        ("target", &found.target, &owner.target),
        ("operation", &found.operation, &owner.operation),
        ("credential", &found.credential, &owner.credential),
        ("set of options", &found.options, &owner.options),
    ];
    for (what, found, expected) in pairs {
        if found != expected {
            let (found, expected) = (found.clone(), expected.clone());
            return Err(JournalError::Foreign { what, found, expected });
        }
    }
    Ok(header)
}

impl Progress {
    /// Takes the next event.
    fn apply(&mut self, entry: Entry) -> Result<(), &'static str> {
        const NO_WINDOW: &str = "it speaks of a window that was not begun";
        match entry {
            Entry::Files(files) => self.files.extend(files),
            Entry::Window { records, end, .. } => {
                if self.open.is_some() {
                    return Err("a window begins within a window");
                }
                // A journal that ended goes on where its input has grown.
                self.ended = false;
                self.open = Some(OpenWindow { end, records, ..OpenWindow::default() });
            }
            Entry::Sending { lines, repeated, .. } => {
                let open = self.open.as_mut().ok_or(NO_WINDOW)?;
                open.check(&lines)?;
                for line in lines.into_iter().flat_map(Lines::iter) {
                    if open.outcomes.contains_key(&line) {
                        return Err("a record is sent that has its outcome");
                    }
                    open.in_flight.insert(line);
                }
                self.totals.batches += 1;
                self.totals.repeated += repeated;
            }
            Entry::Outcomes(outcomes) => {
                let open = self.open.as_mut().ok_or(NO_WINDOW)?;
                for LinesOutcome { lines, outcome } in outcomes {
                    open.check(&[lines])?;
                    for line in lines.iter() {
                        open.in_flight.remove(&line);
                        if outcome != RecordOutcome::Deferred
                            && open.outcomes.insert(line, outcome.clone()).is_some()
                        {
                            return Err("a record has two outcomes");
                        }
                    }
                }
            }
            Entry::Kept { files, closed } => {
                let open = self.open.as_mut().ok_or(NO_WINDOW)?;
                open.kept.extend(open.outcomes.keys());
                self.files.extend(files);
                if closed {
                    if open.outcomes.len() as u64 != open.records {
                        return Err("a window was closed with records left");
                    }
                    let open = self.open.take().ok_or(NO_WINDOW)?;
                    self.done = open.end;
                    for (line, outcome) in open.outcomes {
                        self.totals.count(&outcome);
                        if outcome.fault().is_some() && self.listed.len() < LISTED {
                            self.listed.push((line, outcome));
                        }
                    }
                }
            }
            Entry::Ended => {
                if self.open.is_some() {
                    return Err("the input ends within a window");
                }
                self.ended = true;
            }
        }
        Ok(())
    }
}

impl OpenWindow {
    /// Refuses runs of lines that no window of its size holds.
    fn check(&self, runs: &[Lines]) -> Result<(), &'static str> {
        let fits = |run: &Lines| run.1.checked_sub(run.0).is_some_and(|more| more < self.records);
        if runs.iter().all(fits) { Ok(()) } else { Err("it speaks of lines beyond its window") }
    }
}

// The signature is serde's.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> WriteOwner {
        WriteOwner {
            connector: "customerly".into(),
            contract: CONTRACT.into(),
            target: "users".into(),
            operation: "upsert".into(),
            options: "00".into(),
            credential: "c1".into(),
        }
    }

    fn header() -> String {
        Header::new("r1".into(), owner()).to_line()
    }

    fn accepted() -> RecordOutcome {
        RecordOutcome::Accepted { effect: "created".into(), answer: None }
    }

    fn entries() -> Vec<Entry> {
        let end = Position { byte: 30, line: 3, sha256: "ab".into() };
        let outcomes = [(1, accepted()), (2, accepted()), (3, RecordOutcome::Deferred)];
        let last = [(3, RecordOutcome::Superseded { by: 9 })];
        let files = BTreeMap::from([("rejects".to_owned(), 7)]);
        vec![
            Entry::Files(BTreeMap::from([("rejects".to_owned(), 5)])),
            Entry::Window { from: 1, records: 3, end },
            Entry::Sending { batch: "b".into(), lines: vec![Lines(1, 3)], repeated: 0 },
            Entry::Outcomes(LinesOutcome::of(outcomes.iter().map(|(line, o)| (*line, o)))),
            Entry::Sending { batch: "c".into(), lines: vec![Lines(3, 3)], repeated: 1 },
            Entry::Outcomes(LinesOutcome::of(last.iter().map(|(line, o)| (*line, o)))),
            Entry::Kept { files, closed: true },
            Entry::Ended,
        ]
    }

    #[test]
    fn a_journal_is_lines_that_a_person_can_read() {
        let lines: String = entries().iter().map(Entry::to_line).collect();
        assert_eq!(
            lines,
            concat!(
                r#"{"files":{"rejects":5}}"#,
                "\n",
                r#"{"window":{"from":1,"records":3,"end":{"byte":30,"line":3,"sha256":"ab"}}}"#,
                "\n",
                r#"{"sending":{"batch":"b","lines":[[1,3]]}}"#,
                "\n",
                r#"{"outcomes":[{"lines":[1,2],"outcome":"accepted","effect":"created"},"#,
                r#"{"lines":[3,3],"outcome":"deferred"}]}"#,
                "\n",
                r#"{"sending":{"batch":"c","lines":[[3,3]],"repeated":1}}"#,
                "\n",
                r#"{"outcomes":[{"lines":[3,3],"outcome":"superseded","by":9}]}"#,
                "\n",
                r#"{"kept":{"files":{"rejects":7},"closed":true}}"#,
                "\n",
                r#"{"ended":true}"#,
                "\n",
            )
        );
    }

    #[test]
    fn a_journal_replays_to_what_was_done_and_what_was_in_flight() {
        let lines: Vec<_> = entries().iter().map(Entry::to_line).collect();
        let at = |count: usize| {
            let text = format!("{}{}", header(), lines[..count].concat());
            replay(text.as_bytes(), &owner()).expect("it is whole").expect("it has a header").1
        };
        assert_eq!(at(1).files["rejects"], 5);
        let open = at(3).open.expect("a window is open");
        assert_eq!(open.in_flight, BTreeSet::from([1, 2, 3]));
        let open = at(4).open.expect("a window is open");
        assert_eq!((open.in_flight.len(), open.outcomes.len()), (0, 2));
        let done = at(8);
        assert!(done.ended && done.open.is_none());
        assert_eq!((done.done.byte, done.files["rejects"]), (30, 7));
        let totals = done.totals;
        assert_eq!((totals.records, totals.accepted, totals.superseded), (3, 2, 1));
        assert_eq!((totals.repeated, totals.batches), (1, 2));
    }

    #[test]
    fn a_journal_cut_off_at_any_byte_is_the_journal_up_to_its_last_whole_line() {
        let lines: String = entries().iter().map(Entry::to_line).collect();
        let text = format!("{}{lines}", header());
        for cut in 0..text.len() {
            let whole = text[..cut].rfind('\n').map_or(0, |at| at + 1);
            let replayed = replay(&text.as_bytes()[..cut], &owner()).expect("only its end is lost");
            let length = replayed.map_or(0, |(_, progress)| progress.length);
            assert_eq!(length, whole as u64, "{cut}");
        }
    }

    fn check(text: &str, expected: &str) {
        let error = replay(text.as_bytes(), &owner()).expect_err("it must be refused");
        assert!(error.to_string().contains(expected), "{error} instead of {expected}");
    }

    #[test]
    fn a_foreign_or_damaged_journal_is_refused_by_name() {
        let foreign = |change: fn(&mut WriteOwner)| {
            let mut other = owner();
            change(&mut other);
            Header::new("r1".into(), other).to_line()
        };
        check(&foreign(|owner| owner.target = "leads".into()), "another target (leads, not users)");
        check(&foreign(|owner| owner.operation = "delete".into()), "another operation");
        check(&foreign(|owner| owner.credential = "c2".into()), "another credential");
        check(&foreign(|owner| owner.options = "01".into()), "another set of options");
        check(&foreign(|owner| owner.connector = "x".into()), "another connector");
        check(&foreign(|owner| owner.contract = "x".into()), "another contract");
        check(&header().replace("\"journal\":1", "\"journal\":2"), "the format 2");
        check("{}\n", "damaged in line 1");
        let window = entries()[1].to_line();
        for broken in [
            "nonsense\n".to_owned(),
            entries()[2].to_line(),
            format!("{window}{window}"),
            format!("{window}{}", entries()[6].to_line()),
            format!("{window}{}", entries()[7].to_line()),
            format!("{window}{0}{0}", entries()[5].to_line()),
            format!("{window}{}", entries()[2].to_line().replace("[1,3]", "[1,99999999999]")),
            format!("{window}{}", entries()[2].to_line().replace("[1,3]", "[3,1]")),
        ] {
            check(&format!("{}{broken}", header()), "damaged in line");
        }
    }
}
