//! What overlapping pages cost: requests of this connector and of a plain walk, on a list that rests.
//!
//! Prints the table of `docs/requests.md`, and compares it with that file; `UPDATE_DOCS=1 cargo test --test requests`
//! writes it.

mod support;

use std::fmt::Write as _;

use connector_engine::read::{End, ReadConfig};
use customerly_emulator::{Config, Data, Emulator, PageSize};

/// How many users, how many rows a page holds at most, and the most requests of a hundred of a plain walk, if there is
/// such a bar: of a small list, the few requests that prove its end weigh more.
const CASES: [(u32, usize, Option<u64>); 7] = [
    (500, 100, None),
    (2_000, 100, None),
    (10_000, 100, Some(120)),
    (20_000, 100, Some(120)),
    (100_000, 100, Some(120)),
    (10_000, 50, Some(145)),
    (10_000, 25, Some(145)),
];

#[test]
fn overlapping_pages_cost_few_requests_where_nothing_moves() {
    let mut table = String::from(
        "| users | rows of a page | requests | of a plain walk | more |\n| --- | --- | --- | --- | --- |\n",
    );
    for (users, size, bar) in CASES {
        let mut config =
            Config { data: Data { users, leads: 0, ..Data::default() }, ..Config::default() };
        config.switches.page_size = PageSize::Clamp(size);
        let emulator = Emulator::start(config).expect("a free port");
        let connection = support::connect(&emulator);
        let requests = |ahead: u8| {
            let (report, kept) = support::read(&connection, "users", None, ahead.into());
            assert!(matches!(report.end, End::Complete), "{:?}", report.end);
            assert_eq!(kept.records.len(), users as usize);
            report.totals.requests
        };
        let (ours, early) = (requests(0), requests(ReadConfig::AHEAD));
        let (keys, plain) = support::plain_walk(&emulator, size);
        assert_eq!(keys.len(), users as usize);
        let more = (ours * 1_000 / plain).saturating_sub(1_000);
        writeln!(table, "| {users} | {size} | {ours} | {plain} | {}.{} % |", more / 10, more % 10)
            .expect("memory");
        for requests in [ours, early] {
            assert!(
                bar.is_none_or(|bar| requests * 100 < plain * bar),
                "{users} users, {size} a page: {requests}, and {plain} of a plain walk"
            );
        }
    }
    println!("{table}");
    let page = format!(
        "# Requests of a read where nothing moves\n\n\
         Made by `UPDATE_DOCS=1 cargo test --test requests`: users of the emulator, which honours page sizes up to that of \
         the second column, read by this connector without early requests and by a plain walk page by page that ends at \
         the first page that is not full. The four requests that prove the end of the list, and that nothing moved \
         meanwhile, are counted in.\n\n{table}"
    );
    support::compare_page("requests", &page);
}
