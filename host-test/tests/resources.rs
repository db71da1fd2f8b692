//! What a run takes of the machine: memory that does not grow with the records, no processor while it waits, and what it
//! says of the rows it received adds up.
#![cfg(target_os = "linux")]

mod support;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use customerly_emulator::{Fault, FaultRule, Kind, RandomMutations, When};
use serde_json::Value;
use support::{connector_to, emulator, run, text};

/// How often a run that may end by itself is looked at.
const A_LITTLE: Duration = Duration::from_millis(50);

/// A number of `/proc/PID/status`.
fn peak_kib(child: &Child) -> u64 {
    let path = format!("/proc/{}/status", child.id());
    let status = std::fs::read_to_string(path).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Hundredths of a second of processor time that a process used so far.
fn processor_time(child: &Child) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("it runs");
    // The name in front may hold anything, and ends with the last parenthesis.
    let (_, fields) = stat.rsplit_once(')').expect("a name");
    let fields: Vec<_> = fields.split_whitespace().collect();
    [11, 12].map(|index| fields[index].parse::<u64>().expect("a number")).iter().sum()
}

/// The most memory that a read of so many users held, up to its last page but one.
fn peak_of(users: u32) -> u64 {
    let emulator = emulator(users, 0);
    let mut child = connector_to(&emulator)
        .args(["read", "users"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let nearly_all = usize::try_from(users).expect("a size") - 150;
    lines.nth(nearly_all).expect("a record").expect("UTF-8");
    let peak = peak_kib(&child);
    assert_eq!(lines.count(), 149);
    assert!(child.wait().expect("it ends").success());
    peak
}

#[test]
fn memory_does_not_grow_with_the_number_of_records() {
    let (few, many) = (peak_of(1_000), peak_of(20_000));
    assert!(many < few + few / 10, "{few} KiB for 1,000 users, {many} KiB for 20,000");
}

#[test]
fn a_run_that_waits_for_an_answer_uses_no_processor() {
    let emulator = emulator(250, 0);
    let slow = Fault::Slow { ms: 1_500 };
    emulator.add_fault(FaultRule {
        method: None,
        path: "/users".into(),
        when: When::Nth(2),
        fault: slow,
    });
    let mut child = connector_to(&emulator)
        .args(["read", "users", "--ahead=0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    // The first page; what is left of it would fill the pipe.
    lines.nth(99).expect("a record").expect("UTF-8");
    while !emulator.wait_for_requests(2, A_LITTLE) {}
    let before = processor_time(&child);
    lines.next().expect("a record").expect("UTF-8");
    let used = processor_time(&child) - before;
    assert!(used < 50, "{used} hundredths of a second of processor time in a wait of 1.5 s");
    assert_eq!(lines.count(), 149);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn the_rows_of_a_report_add_up_while_rows_move_and_some_are_set_aside() {
    let emulator = emulator(700, 0);
    let fault = Fault::KeylessRow;
    emulator.add_fault(FaultRule {
        method: None,
        path: "/users".into(),
        when: When::Nth(1),
        fault,
    });
    emulator.set_random_mutations(Some(RandomMutations {
        seed: 1,
        insert: 0.5,
        update: 0.5,
        delete: 0.5,
        convert: 0.0,
        stop_after: 20,
    }));
    let folder = tempfile::tempdir().expect("a folder");
    let [aside, out] = ["aside", "out"].map(|name| folder.path().join(name));
    let mut command = connector_to(&emulator);
    command
        .args(["read", "users", "--ahead=0", "--json", "--output"])
        .arg(&out)
        .arg("--quarantine")
        .arg(&aside);
    let ended = run(&mut command);
    assert_eq!(ended.code, 0, "{ended:?}");
    let report: Value =
        serde_json::from_str(ended.err.lines().last().expect("a report")).expect("JSON");
    let report = &report["streams"][0];
    let count = |name: &str| report[name].as_u64().expect(name);
    let parts = ["emitted", "duplicates", "filtered", "quarantined"].map(count);
    assert_eq!(count("received"), parts.iter().sum::<u64>(), "{report}");
    assert_eq!(count("emitted"), text(&out).lines().count() as u64);
    assert_eq!(count("quarantined"), text(&aside).lines().count() as u64);
    assert!(count("quarantined") > 0 && count("duplicates") > 0, "{report}");
    assert!(count("emitted") + count("quarantined") >= emulator.keys(Kind::Users).len() as u64);
}

#[test]
fn the_same_account_gives_the_same_bytes_however_far_ahead_it_is_read() {
    let emulator = emulator(700, 30);
    let read = |ahead: &str| {
        let mut command = connector_to(&emulator);
        let ended = run(command.args(["read", "users", "--ahead", ahead]));
        assert_eq!(ended.code, 0, "{ended:?}");
        ended.out
    };
    let first = read("0");
    assert_eq!(first.lines().count(), 700);
    assert!(first == read("0") && first == read("8"), "another output of the same account");
}
