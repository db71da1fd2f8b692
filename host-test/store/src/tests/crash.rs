//! `kill -9` at each write leaves the state before it or the state after it.
//!
//! Two ways to choose the moment. The code names points around each statement, commit and change
//! of a key's place: the child stops at the n-th and is killed there. And strace, where it can be
//! had, kills the child at its n-th call of the system that writes.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs};

use super::{
    CHILD_POINT, Fixture, KeyPlace, REPORT, SECRET, act, binary, child, new, picture, report, skip,
    source,
};

/// Where the code may be killed. A child that is to die at this point says so and waits for it.
pub(crate) fn point(what: &str) {
    static LAST: OnceLock<Option<usize>> = OnceLock::new();
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let last = LAST.get_or_init(|| env::var(CHILD_POINT).ok()?.parse().ok());
    if *last == Some(COUNT.fetch_add(1, Ordering::SeqCst)) {
        println!("{REPORT}{what}");
        let _ = std::io::stdin().read(&mut [0]);
        unreachable!("the parent kills this process");
    }
}

/// A prepared store, put back as it was before each try.
struct Tries {
    fixture: Fixture,
    before: Vec<String>,
    after: Vec<String>,
}

impl Tries {
    fn new(action: &str) -> Self {
        let fixture = Fixture::new();
        let root = fixture.root.path().to_owned();
        let mut before = Vec::new();
        if action != "open" {
            let (mut store, record) = fixture.filled();
            // Enough to overflow a small cache.
            for index in 0..12 {
                let long = format!("{index} {}", "x".repeat(3000));
                store.add_credential(&new(&format!("more {index}"), &long), 1).unwrap();
            }
            if action.ends_with("flow") || action == "save-state" {
                store.add_flow(&source("saved", &record), 1).unwrap();
            }
            before = picture(&mut store);
        }
        copy(&root, &root.join("prepared"));
        act(&root, action).unwrap();
        let after = picture(&mut fixture.open());
        Self { fixture, before, after }
    }

    fn root(&self) -> &Path {
        self.fixture.root.path()
    }

    fn put_back(&self) {
        for part in ["store", "keys", "others"] {
            let _ = fs::remove_dir_all(self.root().join(part));
        }
        let _ = fs::remove_file(self.root().join("backup.db"));
        copy(&self.root().join("prepared"), self.root());
    }

    /// Whether the action took place; panics if it did so in part.
    fn outcome(&self, moment: &str) -> bool {
        let mut store = self.fixture.open();
        store.check_key().unwrap_or_else(|error| panic!("{moment}: {error}"));
        let found = picture(&mut store);
        assert!(found == self.before || found == self.after, "{moment}: {found:#?}");
        // The current key, and nothing that nobody knows of.
        let KeyPlace::File(folder) = store.key_place().unwrap() else { panic!("no file") };
        let keys = ["keys", "others"].map(|part| keys_in(&self.root().join(part)));
        assert_eq!((keys_in(&folder), keys.iter().sum::<usize>()), (1, 1), "{moment}");
        // And it can go on.
        store.add_credential(&new("afterwards", SECRET), 3).unwrap();
        found == self.after
    }
}

fn keys_in(folder: &Path) -> usize {
    fs::read_dir(folder).into_iter().flatten().count()
}

fn copy(from: &Path, to: &Path) {
    for part in ["store", "keys"] {
        let Ok(entries) = fs::read_dir(from.join(part)) else { continue };
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(builder.recursive(true), 0o700);
        builder.recursive(true).create(to.join(part)).unwrap();
        for entry in entries {
            let path = entry.unwrap().path();
            fs::copy(&path, to.join(part).join(path.file_name().unwrap())).unwrap();
        }
    }
}

/// Kills the action at each of its points. Gives how often a journal had to be rolled back.
fn check(action: &str) -> usize {
    let tries = Tries::new(action);
    let (mut done, mut rolled_back) = (false, 0);
    for point in 0.. {
        tries.put_back();
        let mut command = child(&binary(), tries.root(), action);
        let mut running = command.env(CHILD_POINT, point.to_string()).spawn().unwrap();
        let moment = report(&mut running).expect("a child reports");
        running.kill().unwrap();
        running.wait().unwrap();
        let journal = tries.root().join("store/credentials.db-journal");
        rolled_back += usize::from(fs::metadata(journal).is_ok_and(|file| file.len() > 0));
        let moment = format!("{action}, point {point}, {moment}");
        let now = tries.outcome(&moment);
        if tries.before != tries.after {
            assert!(now || !done, "{moment}: what was done is undone");
            done = now;
        }
        if moment.ends_with("done") {
            assert!(point >= 3, "{action} has only {point} points");
            assert!(now, "{action} does nothing");
            return rolled_back;
        }
    }
    unreachable!("there are finitely many points")
}

#[test]
fn a_new_store_survives_a_kill_at_each_write() {
    check("open");
}

#[test]
fn an_added_credential_survives_a_kill_at_each_write() {
    check("add");
}

#[test]
fn an_edit_survives_a_kill_at_each_write() {
    check("rename");
    check("replace");
    check("verify");
}

#[test]
fn a_removal_survives_a_kill_at_each_write() {
    check("remove");
}

#[test]
fn a_flow_survives_a_kill_at_each_write() {
    check("save-state");
    check("remove-flow");
    check("add-flow");
}

#[test]
fn a_rotation_survives_a_kill_at_each_write() {
    assert!(check("rotate") > 1, "no kill came while the file was half written");
    check("move-key");
}

#[test]
fn a_backup_survives_a_kill_at_each_write() {
    let tries = Tries::new("add-flow");
    for point in 0..2 {
        tries.put_back();
        let mut command = child(&binary(), tries.root(), "backup");
        let mut running = command.env(CHILD_POINT, point.to_string()).spawn().unwrap();
        let moment = report(&mut running).unwrap();
        running.kill().unwrap();
        running.wait().unwrap();
        // Under its name it is whole, or it is not there.
        assert_eq!(tries.root().join("backup.db").exists(), moment == "done", "{moment}");
    }
}

#[test]
fn a_kill_at_each_call_of_the_system_is_survived() {
    let traced = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    match traced {
        Err(_) => return skip("strace is not installed"),
        // Tracing is forbidden here; no package changes that.
        Ok(output) if !output.status.success() => {
            println!("skipped: strace cannot trace: {output:?}");
            return;
        }
        Ok(_) => {}
    }
    for action in ["open", "replace", "rotate"] {
        let tries = Tries::new(action);
        for call in
            ["pwrite64", "fsync,fdatasync", "?unlink,?unlinkat", "?rename,?renameat,?renameat2"]
        {
            let mut kills = 0;
            // The first ones each, then further and further apart.
            for nth in (1..).map(|step: usize| step + step * step / 12) {
                tries.put_back();
                let inject = format!("inject={call}:signal=KILL:when={nth}");
                let traced = child(&binary(), tries.root(), action);
                let mut command = Command::new("strace");
                command.args(["-f", "-qq", "-o", "/dev/null", "-e", &inject]);
                command.arg(traced.get_program()).args(traced.get_args());
                for (key, value) in traced.get_envs() {
                    command.env(key, value.unwrap_or_default());
                }
                let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
                tries.outcome(&format!("{action}, {call} {nth}"));
                if status.success() {
                    break;
                }
                kills += 1;
            }
            let renames = action != "replace" || !call.contains("rename");
            assert!(kills > 0 || !renames, "{action} never calls {call}");
        }
    }
}

#[test]
fn a_child_does_what_it_is_told() {
    // It is found by the name of its test, and a name that finds nothing would pass in silence.
    let fixture = Fixture::new();
    let mut running = child(&binary(), fixture.root.path(), "open").spawn().unwrap();
    assert_eq!(report(&mut running).as_deref(), Some("done"));
    running.wait().unwrap();
    assert!(fixture.database().exists());
}
