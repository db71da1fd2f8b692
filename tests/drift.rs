//! Rows lost while the data moves: by this connector, and by a plain walk page by page, on the same moving data.
//!
//! Prints the table of `docs/drift.md`, and compares it with that file; `UPDATE_DOCS=1 cargo test --test drift` writes it.

mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use connector_engine::read::End;
use customerly_emulator::{Config, Data, Emulator, Kind, PageSize, RandomMutations, TieOrder};

const USERS: u32 = 2000;

/// What moves, and how the service behaves.
struct Case {
    name: &'static str,
    set: fn(&mut Config),
}

const CASES: [Case; 11] = [
    Case { name: "nothing moves", set: |_| () },
    Case {
        name: "3 users behind the position are deleted after the first page",
        set: |config| {
            config.script = "after 1 users: delete 3 users behind".parse().expect("a script");
        },
    },
    Case {
        name: "1 user is deleted after every page",
        set: |config| {
            config.random_mutations = Some(RandomMutations { delete: 1.0, ..still() });
        },
    },
    Case {
        name: "5 users are inserted after the second page",
        set: |config| {
            config.script = "after 2 users: insert 5 users".parse().expect("a script");
        },
    },
    Case {
        name: "200 users ahead of the position are updated after the third page",
        set: |config| {
            config.script = "after 3 users: update 200 users ahead".parse().expect("a script");
        },
    },
    Case {
        name: "users are inserted, updated, deleted and converted at random",
        set: |config| {
            let half = 0.5;
            config.random_mutations = Some(RandomMutations {
                insert: half,
                update: half,
                delete: half,
                convert: half,
                ..still()
            });
        },
    },
    Case {
        name: "the same, and the service caps a page at 25 rows",
        set: |config| {
            config.switches.page_size = PageSize::Clamp(25);
            config.random_mutations =
                Some(RandomMutations { insert: 0.5, update: 0.5, delete: 0.5, ..still() });
        },
    },
    Case {
        name: "the service caps a page at 25 rows, nothing moves",
        set: |config| config.switches.page_size = PageSize::Clamp(25),
    },
    Case {
        name: "500 users share one second, in an order that differs from answer to answer",
        set: |config| {
            config.data.bulk_import = 500;
            config.switches.ties = TieOrder::Shuffled;
        },
    },
    Case {
        name: "the same, and 1 user is deleted after every third page",
        set: |config| {
            config.data.bulk_import = 500;
            config.switches.ties = TieOrder::Shuffled;
            config.random_mutations =
                Some(RandomMutations { delete: 0.33, stop_after: 20, ..still() });
        },
    },
    Case {
        name: "leads turn users and keep their last_update",
        set: |config| config.script = "after 4 users: convert 5 leads".parse().expect("a script"),
    },
];

fn still() -> RandomMutations {
    RandomMutations { seed: 1, insert: 0.0, update: 0.0, delete: 0.0, convert: 0.0, stop_after: 60 }
}

fn start(case: &Case) -> Emulator {
    let mut config =
        Config { data: Data { users: USERS, leads: 100, ..Data::default() }, ..Config::default() };
    (case.set)(&mut config);
    let emulator = Emulator::start(config).expect("a free port");
    emulator.mark();
    emulator
}

/// Rows that were users from beginning to end, and of these the ones that were not emitted.
fn lost(emulator: &Emulator, emitted: &BTreeSet<u64>) -> (usize, usize) {
    let alive = emulator.alive_throughout(Some(Kind::Users));
    (alive.len(), alive.iter().filter(|key| !emitted.contains(key)).count())
}

#[test]
fn nothing_is_lost_that_a_plain_walk_loses() {
    let mut table = String::from(
        "| what moves while users are read | alive throughout | emitted | lost | requests | says | lost by a plain walk |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    let mut lost_by_plain = 0;
    for case in CASES {
        let emulator = start(&case);
        let connection = support::connect(&emulator);
        let (report, kept) = support::read(&connection, "users", None, 0);
        let emitted: BTreeSet<u64> = support::keys(&kept.records).into_iter().collect();
        let (alive, lost_now) = lost(&emulator, &emitted);
        let says = match &report.end {
            End::Complete => "complete".to_owned(),
            End::Unproved(doubts) => {
                let codes: Vec<_> = doubts.iter().map(|doubt| doubt.code.as_str()).collect();
                format!("unproved ({})", codes.join(", "))
            }
            end => panic!("{}: {end:?}", case.name),
        };
        let plain_emulator = start(&case);
        let (_, lost_plain) = lost(&plain_emulator, &support::plain_walk(&plain_emulator, 100).0);
        lost_by_plain += lost_plain;
        writeln!(
            table,
            "| {} | {alive} | {} | {lost_now} | {} | {says} | {lost_plain} |",
            case.name,
            emitted.len(),
            report.totals.requests,
        )
        .expect("memory");
        assert_eq!(lost_now, 0, "{}\n{table}", case.name);
    }
    println!("{table}");
    assert!(lost_by_plain > 0, "the cases move nothing that matters");
    let page = format!(
        "# Rows lost while the data moves\n\n\
         Made by `UPDATE_DOCS=1 cargo test --test drift`: {USERS} users of the emulator, read by this connector and, on \
         the same data that moves in the same way, by a plain walk page by page that ends at the first short page. \
         *Lost* counts rows that were users from the first request to the last and were not emitted.\n\n{table}"
    );
    support::compare_page("drift", &page);
}
