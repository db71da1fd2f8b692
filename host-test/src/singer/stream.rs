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
mod tests {
    use std::sync::Arc;

    use connector_engine::bindings::source::{BadRecord, Mode, Promise};
    use connector_engine::bindings::types::Notice;

    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Case {
        deletions: Deletions,
        walk: Walk,
        bookmark: Option<&'static str>,
        dropped: &'static [&'static str],
    }

    const FULL: Case = Case {
        deletions: Deletions::ByFullRead,
        walk: Walk { mode: RunMode::Full, resumed: false, narrowed: false },
        bookmark: None,
        dropped: &[],
    };

    fn info(deletions: Deletions) -> StreamInfo {
        StreamInfo {
            name: "users".into(),
            title: String::new(),
            description: String::new(),
            schema: r#"{"properties":{"id":{"type":"integer"},"name":{"type":"string"}}}"#.into(),
            key: vec!["id".into()],
            cursor: Some("at".into()),
            modes: vec![Mode::Full, Mode::Incremental],
            promise: Promise::Checked,
            deletions,
            selected: true,
            after: Vec::new(),
            options: "{}".into(),
        }
    }

    /// Each message in short; versions and times of now are left out.
    fn check(case: &Case, run: impl FnOnce(&mut TapStream<'_>), expected: &[&str]) {
        let memory = Memory::default();
        let shared =
            Shared::new(Box::new(memory.clone()), Bookmarks::default(), Console::default());
        let info = info(case.deletions);
        let owner = Owner {
            connector: "c".into(),
            contract: "k".into(),
            stream: "users".into(),
            options: "o".into(),
            credential: "x".into(),
            account: None,
        };
        let bookmark = case.bookmark.map(|text| serde_json::from_str(text).expect("a bookmark"));
        let mut selection = Selection::all(&info);
        selection.dropped = case.dropped.iter().map(|name| (*name).to_owned()).collect();
        let mut stream = TapStream::new(selection, &info, owner, case.walk, bookmark, &shared);
        run(&mut stream);
        let text = String::from_utf8(memory.0.lock().expect("no panic").clone()).expect("UTF-8");
        let lines: Vec<_> = text.lines().map(short).collect();
        assert_eq!(lines, expected);
    }

    fn short(line: &str) -> String {
        let value: Value = serde_json::from_str(line).expect("one JSON object a line");
        let version = |version: &Value| match version.as_u64() {
            None => "",
            Some(version) if version > 1_000_000_000_000 => " v",
            Some(_) => " v7",
        };
        match value["type"].as_str() {
            Some("SCHEMA") => {
                format!("SCHEMA {} {}", value["key_properties"], value["bookmark_properties"])
            }
            Some("RECORD") => format!("RECORD {}{}", value["record"], version(&value["version"])),
            Some("ACTIVATE_VERSION") => format!("ACTIVATE{}", version(&value["version"])),
            _ => {
                let bookmark = &value["value"]["bookmarks"]["users"];
                let connector = &bookmark["connector"];
                format!(
                    "STATE {} {} {}",
                    bookmark["replication_key_value"],
                    connector["position"]["state"],
                    connector["position"]["finished"]
                )
            }
        }
    }

    fn page_with_bad_row(stream: &mut TapStream<'_>) {
        let bad = BadRecord { raw: "7".into(), code: "no-key".into(), message: "No key.".into() };
        let page = PageOut {
            records: &[],
            deleted: &[],
            quarantined: &[bad],
            state: r#"{"n":1}"#,
            finished: true,
            mark: Some("2026"),
            total: None,
            totals: &Totals::default(),
        };
        stream.page(&page).expect("in memory");
    }

    fn page(stream: &mut TapStream<'_>, records: &[&str], finished: bool, totals: &Totals) {
        let records: Vec<_> = records.iter().map(|text| (*text).to_owned()).collect();
        let page = PageOut {
            records: &records,
            deleted: &[],
            quarantined: &[],
            state: r#"{"n":1}"#,
            finished,
            mark: Some("2026"),
            total: None,
            totals,
        };
        stream.page(&page).expect("in memory");
    }

    fn whole(stream: &mut TapStream<'_>, end: &End, totals: &Totals) {
        page(stream, &[r#"{"id":1.0}"#], false, totals);
        page(stream, &[], true, totals);
        stream.ended(end, totals).expect("in memory");
    }

    const SCHEMA: &str = r#"SCHEMA ["id"] ["at"]"#;
    const UNDER_WAY: &str = r#"STATE null {"n":1} false"#;
    const FINISHED: &str = r#"STATE "2026" {"n":1} true"#;

    #[test]
    fn rows_of_other_versions_are_gone_after_a_proved_full_walk() {
        check(
            &FULL,
            |stream| whole(stream, &End::Complete, &Totals::default()),
            &[SCHEMA, r#"RECORD {"id":1.0} v"#, UNDER_WAY, "ACTIVATE v", FINISHED],
        );
    }

    #[test]
    fn nothing_is_gone_after_doubts_or_where_rows_were_kept_back() {
        let expected = [SCHEMA, r#"RECORD {"id":1.0} v"#, UNDER_WAY, FINISHED];
        let doubt = Notice { code: "ties".into(), message: "Too many.".into() };
        let unproved = End::Unproved(vec![doubt]);
        check(&FULL, |stream| whole(stream, &unproved, &Totals::default()), &expected);
        let narrowed = Case { walk: Walk { narrowed: true, ..FULL.walk }, ..FULL };
        check(&narrowed, |s| whole(s, &End::Complete, &Totals::default()), &expected);
        check(
            &FULL,
            |stream| {
                let totals = Totals::default();
                page_with_bad_row(stream);
                stream.ended(&End::Complete, &totals).expect("in memory");
            },
            &[SCHEMA, FINISHED],
        );
    }

    #[test]
    fn a_stream_whose_deletions_do_not_show_that_way_has_no_versions() {
        let case = Case { deletions: Deletions::Invisible, ..FULL };
        check(
            &case,
            |stream| whole(stream, &End::Complete, &Totals::default()),
            &[SCHEMA, r#"RECORD {"id":1.0}"#, UNDER_WAY, FINISHED],
        );
    }

    const EARLIER: &str = r#"{"replication_key_value":"2025","connector":{"position":{},"version":7,"withheld":false}}"#;

    #[test]
    fn an_incremental_run_keeps_the_version_and_activates_nothing() {
        let case = Case {
            walk: Walk { mode: RunMode::Incremental, ..FULL.walk },
            bookmark: Some(EARLIER),
            ..FULL
        };
        check(
            &case,
            |stream| whole(stream, &End::Complete, &Totals::default()),
            &[SCHEMA, r#"RECORD {"id":1.0} v7"#, r#"STATE "2025" {"n":1} false"#, FINISHED],
        );
    }

    #[test]
    fn a_walk_that_goes_on_keeps_its_version_and_what_it_kept_back() {
        let case =
            Case { walk: Walk { resumed: true, ..FULL.walk }, bookmark: Some(EARLIER), ..FULL };
        let lines = [
            SCHEMA,
            r#"RECORD {"id":1.0} v7"#,
            r#"STATE "2025" {"n":1} false"#,
            "ACTIVATE v7",
            FINISHED,
        ];
        check(&case, |stream| whole(stream, &End::Complete, &Totals::default()), &lines);
        let spoiled = r#"{"connector":{"position":{},"version":7,"withheld":true}}"#;
        let case = Case { bookmark: Some(spoiled), ..case };
        let lines = [SCHEMA, r#"RECORD {"id":1.0} v7"#, UNDER_WAY, FINISHED];
        check(&case, |stream| whole(stream, &End::Complete, &Totals::default()), &lines);
    }

    #[test]
    fn a_new_walk_has_a_new_version_and_forgets_what_an_earlier_one_kept_back() {
        let spoiled = r#"{"connector":{"position":{},"version":7,"withheld":true}}"#;
        let case = Case { bookmark: Some(spoiled), ..FULL };
        check(
            &case,
            |stream| whole(stream, &End::Complete, &Totals::default()),
            &[SCHEMA, r#"RECORD {"id":1.0} v"#, UNDER_WAY, "ACTIVATE v", FINISHED],
        );
    }

    #[test]
    fn fields_that_are_not_selected_are_left_out_and_the_others_stay_as_they_are() {
        let case = Case { dropped: &["name"], deletions: Deletions::Invisible, ..FULL };
        check(
            &case,
            |stream| {
                page(stream, &[r#"{"id":1.0,"name":"x","new":[1]}"#], false, &Totals::default());
            },
            &[SCHEMA, r#"RECORD {"id":1.0,"new":[1]}"#, UNDER_WAY],
        );
    }

    #[test]
    fn a_stream_that_gave_nothing_still_has_its_schema() {
        check(
            &FULL,
            |stream| stream.ended(&End::Cancelled, &Totals::default()).expect("in memory"),
            &[SCHEMA],
        );
    }
}
