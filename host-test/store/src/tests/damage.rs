//! Files and folders that are not as they should be: each has a name, and nothing is lost.

use super::*;

/// Changes the database file, and sees that opening names the fault and leaves the file alone.
fn check(change: impl FnOnce(&Path), expected: &str) {
    let fixture = Fixture::new();
    let (mut store, _) = fixture.filled();
    for index in 0..30 {
        store.add_credential(&new(&format!("more {index}"), SECRET), 1).unwrap();
    }
    drop(store);
    change(&fixture.database());
    let found = fs::read(fixture.database()).unwrap();
    let message = fixture.try_open().unwrap_err().to_string();
    assert!(message.contains(expected), "{message:?} does not say {expected:?}");
    assert!(message.contains("credentials.db"), "{message:?} does not say where");
    assert_eq!(fs::read(fixture.database()).unwrap(), found, "the file was changed");
    assert_eq!(fixture.key_files().len(), 1);
}

fn edit(change: impl FnOnce(&mut Vec<u8>)) -> impl FnOnce(&Path) {
    |path| {
        let mut bytes = fs::read(path).unwrap();
        change(&mut bytes);
        fs::write(path, bytes).unwrap();
    }
}

fn sql(text: &str) -> impl FnOnce(&Path) {
    move |path| rusqlite::Connection::open(path).unwrap().execute_batch(text).unwrap()
}

#[test]
fn a_truncated_database_is_named() {
    check(edit(|bytes| bytes.truncate(bytes.len() / 2)), "is damaged");
    check(edit(|bytes| bytes.truncate(bytes.len() - 4096)), "is damaged");
    check(edit(|bytes| bytes.truncate(50)), "is damaged");
}

#[test]
fn a_file_with_a_garbage_header_is_named() {
    check(edit(|bytes| bytes[..100].fill(0xa5)), "is damaged");
    check(edit(|bytes| bytes.fill(b'x')), "is damaged");
}

#[test]
fn a_damaged_page_is_named() {
    check(edit(|bytes| bytes[4096..8192].fill(0xa5)), "is damaged");
}

#[test]
fn a_newer_schema_is_left_alone() {
    let expected = "was written by a newer version (schema 99, this version knows 1)";
    check(sql("PRAGMA user_version = 99"), expected);
}

#[test]
fn the_database_of_another_program_is_left_alone() {
    check(sql("PRAGMA application_id = 7"), "belongs to another program");
    let foreign = |path: &Path| {
        fs::remove_file(path).unwrap();
        sql("CREATE TABLE theirs (a)")(path);
    };
    check(foreign, "belongs to another program");
}

#[test]
fn a_value_that_does_not_parse_is_named() {
    let fixture = Fixture::new();
    let (store, _) = fixture.filled();
    store.connection().execute("UPDATE credential SET settings = '{'", []).unwrap();
    let error = store.credentials().unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error:?}");
}

#[test]
fn a_full_database_loses_nothing() {
    let fixture = Fixture::new();
    let (mut store, record) = fixture.filled();
    let before = picture(&mut store);
    let pages: i64 =
        store.connection().query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    let limit = format!("PRAGMA max_page_count = {pages}");
    store.connection().query_row(&limit, [], |_| Ok(())).unwrap();
    let long = "x".repeat(20_000);
    let full = store.add_credential(&new("second", &long), 2).unwrap_err();
    assert!(matches!(full, StoreError::Full { .. }), "{full:?}");
    let full = store.edit_credential(&record.id, 1, replace(&long), 2).unwrap_err();
    assert!(full.to_string().contains("nothing was changed"), "{full}");
    assert_eq!(picture(&mut store), before);
    drop(store);
    assert_eq!(picture(&mut fixture.open()), before);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_loses_nothing() {
    // A disk of its own, in a mount namespace of its own: a tmpfs of 100 kB on the store's folder.
    let script = r#"
        mount -t tmpfs -o size=100k,mode=700 tmpfs "$1/store" || exit 9
        cp "$1/saved.db" "$1/store/credentials.db"
        head -c 200k /dev/zero > "$1/store/ballast" 2> /dev/null
        shift
        "$@"
        cp "$STORE_TEST_ROOT/store/credentials.db" "$STORE_TEST_ROOT/after.db""#;
    let fixture = Fixture::new();
    let (mut store, _) = fixture.filled();
    let before = picture(&mut store);
    drop(store);
    let root = fixture.root.path();
    fs::copy(fixture.database(), root.join("saved.db")).unwrap();
    let inner = child(&binary(), root, "add");
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", script, "sh"]).arg(root);
    command.arg(inner.get_program()).args(inner.get_args());
    for (key, value) in inner.get_envs() {
        command.env(key, value.unwrap_or_default());
    }
    let Ok(output) = command.output() else { return skip("unshare is not installed") };
    if output.status.code() == Some(9) || output.stdout.is_empty() {
        // No package changes that.
        println!("skipped: this system lets nobody mount: {output:?}");
        return;
    }
    let output = String::from_utf8_lossy(&output.stdout);
    assert!(output.contains(&format!("{REPORT}Full")), "{output}");
    fs::copy(root.join("after.db"), fixture.database()).unwrap();
    assert_eq!(picture(&mut fixture.open()), before);
}

#[cfg(unix)]
#[test]
fn a_read_only_folder_can_be_read_and_loses_nothing() {
    use std::os::unix::fs::{PermissionsExt, chown};
    use std::os::unix::process::CommandExt;

    let fixture = Fixture::new();
    let (mut store, _) = fixture.filled();
    let before = picture(&mut store);
    drop(store);
    // Permission bits bind nobody but the superuser. As that, the child becomes another user,
    // who owns the files and has a copy of this binary.
    let root = fixture.root.path();
    let copy = root.join("binary");
    fs::copy(binary(), &copy).unwrap();
    let everything = [root.to_owned(), copy.clone(), fixture.dir(), fixture.keys()];
    let files = [fixture.database(), fixture.key_files().remove(0)];
    let superuser =
        everything.iter().chain(&files).all(|path| chown(path, Some(NOBODY), None).is_ok());
    let set = |mode| fs::set_permissions(fixture.dir(), fs::Permissions::from_mode(mode)).unwrap();
    let run = |action| {
        let mut command = child(&copy, root, action);
        if superuser {
            command.uid(NOBODY);
        }
        run_child(command)
    };
    set(0o500);
    assert_eq!(run("list"), "done");
    for action in ["add", "rename", "remove", "rotate"] {
        let report = run(action);
        assert!(report.starts_with("ReadOnly"), "{action}: {report}");
    }
    assert_eq!(fixture.key_files().len(), 1);
    fs::remove_file(root.join("store/credentials.db-journal")).unwrap_err();

    // In a folder that is empty no store can be made.
    set(0o700);
    let aside = root.join("aside");
    fs::rename(fixture.database(), &aside).unwrap();
    set(0o500);
    assert!(run("open").starts_with("ReadOnly"));
    set(0o700);
    fs::rename(&aside, fixture.database()).unwrap();
    assert_eq!(picture(&mut fixture.open()), before);
}

/// A user with no rights, on every Unix.
#[cfg(unix)]
const NOBODY: u32 = 65534;
