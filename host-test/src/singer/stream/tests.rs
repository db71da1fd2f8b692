//! In memory: each message in short.

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
    let shared = Shared::new(Box::new(memory.clone()), Bookmarks::default(), Console::default());
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

const EARLIER: &str =
    r#"{"replication_key_value":"2025","connector":{"position":{},"version":7,"withheld":false}}"#;

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
    let case = Case { walk: Walk { resumed: true, ..FULL.walk }, bookmark: Some(EARLIER), ..FULL };
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
