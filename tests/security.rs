//! Every guard and every test that `SECURITY.md` and `docs/mutations.md` name exists.

use std::path::{Path, PathBuf};

const PAGE: &str = include_str!("../SECURITY.md");
const MUTATIONS: &str = include_str!("../docs/mutations.md");

/// Where a path of the page lies: the page says what it leaves out.
fn file(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    match name.strip_prefix("engine/") {
        Some(test) if !test.starts_with("src/") => {
            root.join("host-test/engine/tests/all").join(test)
        }
        _ if name.starts_with("engine/") || name.starts_with("egress/") => {
            root.join("host-test").join(name)
        }
        _ => root.join(name),
    }
}

/// The words between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn is_path(word: &str) -> bool {
    let kinds = [".rs", ".toml"];
    word.contains('.') && kinds.iter().any(|kind| word.ends_with(kind))
}

#[test]
fn the_guards_and_tests_that_are_named_exist() {
    let rows = PAGE.lines().filter(|line| line.starts_with("| ") && line.matches('|').count() == 4);
    let mut tests = 0;
    for row in rows {
        let mut text = String::new();
        for word in quoted(row) {
            if is_path(word) {
                text =
                    std::fs::read_to_string(file(word)).unwrap_or_else(|e| panic!("{word}: {e}"));
            } else if word.matches('_').count() > 1 {
                assert!(text.contains(&format!("fn {word}(")), "{word} is not where it should be");
                tests += 1;
            }
        }
    }
    assert!(tests > 60, "{tests} tests");
}

/// All source text below a folder.
fn sources(folder: &Path) -> String {
    let entries =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries
        .map(|path| match path.extension() {
            None if path.is_dir() => sources(&path),
            Some(kind) if kind == "rs" => std::fs::read_to_string(&path).expect("a source"),
            _ => String::new(),
        })
        .collect()
}

#[test]
fn the_tests_that_failed_without_a_guard_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let parts = ["src", "tests", "host-test/egress", "host-test/engine", "host-test/tests"];
    let known = parts.map(|part| sources(&root.join(part))).concat();
    let named: Vec<_> = quoted(MUTATIONS).filter(|word| word.matches('_').count() > 1).collect();
    for name in &named {
        assert!(known.contains(&format!("fn {name}(")), "there is no {name}");
    }
    assert!(named.len() > 60, "{} tests", named.len());
}
