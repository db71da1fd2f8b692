//! What the component is made of: a checked-in list, so that a new crate in the sandbox shows in a diff.

use std::collections::BTreeSet;
use std::process::Command;

const LIST: &str = include_str!("guest-dependencies.txt");

/// Every crate of the component, and every macro that writes code of it, with its version.
fn dependencies() -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", "customerly-connector", "--edges", "normal", "--locked"])
        .args(["--target", "wasm32-unknown-unknown", "--prefix", "none", "--no-dedupe"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("names of crates are text");
    // The path of this checkout is no part of the name.
    text.lines().map(|line| line.split(" (/").next().unwrap_or(line).to_owned()).collect()
}

#[test]
fn the_component_is_made_of_the_crates_that_are_checked_in() {
    let found = dependencies();
    let listed: BTreeSet<_> = LIST.lines().map(str::to_owned).collect();
    let new: Vec<_> = found.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(
        new.is_empty() && gone.is_empty(),
        "new: {new:#?}\ngone: {gone:#?}\nread what is new, then write it to tests/guest-dependencies.txt"
    );
}

#[test]
fn no_crate_of_the_component_wants_the_system() {
    for line in LIST.lines() {
        let name = line.split(' ').next().unwrap_or(line);
        let banned =
            ["wasi", "getrandom", "rand", "instant", "web-time", "js-sys", "libc", "socket2"];
        assert!(!banned.contains(&name) && !name.starts_with("wasi"), "{line}");
    }
}
