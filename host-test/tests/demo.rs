//! `connector demo`: the whole story in one run, and every line of it true.

mod support;

use support::{connector, run};

#[test]
fn every_stream_is_read_and_every_record_written_has_its_outcome() {
    let ended = run(connector().args(["demo", "--users=120", "--leads=30"]));
    assert_eq!(ended.code, 0, "{ended:?}");
    for (beginning, end) in [
        ("   Authentication: Bearer", "<api_key>"),
        ("   works:", "."),
        ("   users        complete: 120 records", "requests"),
        ("   leads        complete: 30 records", "requests"),
        ("   articles     complete, unproved (page-by-page): 130 records", "requests"),
        ("   nora.lind@example.com", "accepted"),
        ("   broken@example.com       refused:", ""),
        ("   juan+news@example.com", "accepted"),
        ("Done:", "The account now has 122 users."),
    ] {
        let shown = |line: &str| line.starts_with(beginning) && line.ends_with(end);
        assert!(ended.out.lines().any(shown), "{beginning} … {end} in: {}", ended.out);
    }
}
