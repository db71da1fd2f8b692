//! The master key: missing, wrong, shared, moved, rotated; and secrets out of their place.

use super::*;
use crate::place::key_file;

fn check(result: Result<impl std::fmt::Debug, StoreError>, expected: &str) {
    let message = result.unwrap_err().to_string();
    assert!(message.contains(expected), "{message:?} does not say {expected:?}");
}

/// Takes the key away or changes it, and sees that the store says so, makes no other key, writes
/// nothing, and works again once the key is back.
fn check_key_trouble(trouble: impl FnOnce(&Path), expected: &str) {
    let fixture = Fixture::new();
    let (store, record) = fixture.filled();
    drop(store);
    let file = fixture.key_files().pop().unwrap();
    let database = fs::read(fixture.database()).unwrap();
    let key = fs::read(&file).unwrap();
    trouble(&file);
    let left = fixture.key_files();

    let mut store = fixture.open();
    check(store.open_secret(&record.id, "api_key"), expected);
    check(store.check_key(), expected);
    check(store.add_credential(&new("second", OTHER), 2), expected);
    check(store.edit_credential(&record.id, 1, replace(OTHER), 2), expected);
    assert_eq!(store.credentials().unwrap(), std::slice::from_ref(&record));
    drop(store);
    assert_eq!(fixture.key_files(), left);
    assert_eq!(fs::read(fixture.database()).unwrap(), database);

    fs::remove_file(&file).ok();
    crate::folder::private_folder(&fixture.keys()).unwrap();
    crate::folder::private_file(&file).unwrap();
    fs::write(&file, key).unwrap();
    let opened = fixture.open().open_secret(&record.id, "api_key").unwrap();
    assert_eq!(opened.expose(), SECRET);
}

#[test]
fn a_missing_key_is_named_and_never_replaced() {
    check_key_trouble(|file| fs::remove_file(file).unwrap(), "is not in the folder");
}

#[test]
fn a_place_that_is_gone_is_named_and_never_replaced() {
    let gone = |file: &Path| fs::remove_dir_all(file.parent().unwrap()).unwrap();
    check_key_trouble(gone, "which cannot be reached (no such folder)");
}

#[test]
fn another_key_is_told_by_its_fingerprint() {
    let other = crate::key::MasterKey::random().unwrap();
    let swap = |file: &Path| fs::write(file, other.to_text().as_bytes()).unwrap();
    check_key_trouble(swap, "is not the one that sealed this store");
}

#[test]
fn a_damaged_key_file_is_named() {
    check_key_trouble(|file| fs::write(file, "c2hvcnQ=").unwrap(), "is damaged");
    check_key_trouble(|file| fs::write(file, [0xff, 0xfe]).unwrap(), "is damaged");
}

#[cfg(unix)]
#[test]
fn a_key_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;

    let share = |file: &Path| {
        fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
    };
    check_key_trouble(share, "can be read by other users (mode 0644)");
}

#[cfg(unix)]
#[test]
fn files_and_folders_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let fixture = Fixture::new();
    let (store, _) = fixture.filled();
    store.connection().execute_batch("BEGIN; UPDATE credential SET revision = 2").unwrap();
    assert_eq!(mode(&fixture.dir()), 0o700);
    assert_eq!(mode(&fixture.keys()), 0o700);
    assert_eq!(mode(&fixture.key_files()[0]), 0o600);
    let files: Vec<_> = fs::read_dir(fixture.dir()).unwrap().map(|file| file.unwrap()).collect();
    assert_eq!(files.len(), 2, "the database and its journal");
    for file in files {
        assert_eq!(mode(&file.path()), 0o600, "{file:?}");
    }
    store.connection().execute_batch("ROLLBACK").unwrap();
    let backup = fixture.root.path().join("backup.db");
    store.backup_to(&backup).unwrap();
    assert_eq!(mode(&backup), 0o600);

    // A copy that was put back with other rights is set right.
    drop(store);
    fs::set_permissions(fixture.database(), fs::Permissions::from_mode(0o644)).unwrap();
    drop(fixture.open());
    assert_eq!(mode(&fixture.database()), 0o600);

    // A folder with files in it may be anyone's.
    fs::set_permissions(fixture.dir(), fs::Permissions::from_mode(0o755)).unwrap();
    check(fixture.try_open(), "can be reached by other users (mode 0755)");
}

#[cfg(unix)]
#[test]
fn the_default_folders_follow_the_platforms_rules() {
    let fixture = Fixture::new();
    let root = fixture.root.path();
    let child = || {
        let mut command = child(&binary(), root, "open-default");
        command.env("HOME", root).env_remove("XDG_DATA_HOME").env_remove("XDG_CONFIG_HOME");
        command
    };
    assert_eq!(run_child(child()), "done");
    assert!(root.join(".local/share/connector/credentials.db").exists());
    assert_eq!(fs::read_dir(root.join(".config/connector-keys")).unwrap().count(), 1);

    let mut moved = child();
    moved.env("XDG_DATA_HOME", root.join("data")).env("XDG_CONFIG_HOME", root.join("config"));
    assert_eq!(run_child(moved), "done");
    assert!(root.join("data/connector/credentials.db").exists());
    assert_eq!(fs::read_dir(root.join("config/connector-keys")).unwrap().count(), 1);
}

#[test]
fn the_key_never_lies_beside_the_data() {
    let fixture = Fixture::new();
    let place = |path: PathBuf| NewKey::At(KeyPlace::File(path));
    for folder in [fixture.dir(), fixture.dir().join("keys"), fixture.dir().join("a/../../store")] {
        let opened = Store::open(&fixture.dir(), &place(folder), 1);
        check(opened, "is in the store's own folder");
    }
    #[cfg(unix)]
    {
        let link = fixture.root.path().join("link");
        std::os::unix::fs::symlink(fixture.dir(), &link).unwrap();
        check(Store::open(&fixture.dir(), &place(link), 1), "is in the store's own folder");
    }
    let mut store = fixture.open();
    let inside = KeyPlace::File(fixture.dir().join("keys"));
    check(store.rotate_key(Some(inside.clone()), 1), "is in the store's own folder");
    check(store.adopt_key(inside), "is in the store's own folder");
    assert_eq!(fs::read_dir(fixture.dir()).unwrap().count(), 1);
}

#[test]
fn a_rotation_changes_key_and_ciphertext_and_no_secret() {
    let fixture = Fixture::new();
    let (mut store, record) = fixture.filled();
    let sealed = |store: &Store| -> Vec<u8> {
        let sql = "SELECT sealed FROM secret";
        store.connection().query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let (old_file, old_sealed) = (fixture.key_files(), sealed(&store));
    let elsewhere = fixture.root.path().join("elsewhere");
    let place = store.rotate_key(Some(KeyPlace::File(elsewhere.clone())), 2).unwrap();
    assert_eq!(store.key_place().unwrap(), place);
    assert!(!old_file[0].exists());
    assert_eq!(fixture.key_files().len(), 0);
    let found = sealed(&store);
    assert_ne!(found, old_sealed);
    assert_eq!(store.open_secret(&record.id, "api_key").unwrap().expose(), SECRET);
    // What the old key sealed is nowhere in the file.
    let file = fs::read(fixture.database()).unwrap();
    assert!(!file.windows(16).any(|bytes| bytes == &old_sealed[8..24]));
    // Statuses and revisions stay.
    assert_eq!(store.credential("first").unwrap(), record);
}

#[test]
fn a_rotation_that_meets_a_damaged_secret_changes_nothing() {
    let fixture = Fixture::new();
    let (mut store, _) = fixture.filled();
    let kept = store.add_credential(&new("kept", OTHER), 1).unwrap();
    let flip = "UPDATE secret SET sealed = zeroblob(60) WHERE credential_id <> ?1";
    store.connection().execute(flip, [kept.id.as_str()]).unwrap();
    let keys = fixture.key_files();
    check(store.rotate_key(None, 2), "\"api_key\" of credential \"first\" was tampered with");
    assert_eq!(fixture.key_files(), keys);
    assert_eq!(store.open_secret(&kept.id, "api_key").unwrap().expose(), OTHER);
}

#[test]
fn a_key_that_moved_is_adopted_only_if_it_is_the_very_key() {
    let fixture = Fixture::new();
    let (mut store, record) = fixture.filled();
    let moved = fixture.root.path().join("moved");
    let adopt = |store: &mut Store| store.adopt_key(KeyPlace::File(moved.clone()));
    check(adopt(&mut store), "is not in the folder");
    let other = crate::key::MasterKey::random().unwrap();
    let slot = fixture.key_files()[0].file_stem().unwrap().to_str().unwrap().to_owned();
    KeyPlace::File(moved.clone()).put(&slot, &other).unwrap();
    check(adopt(&mut store), "is not the one that sealed this store");
    fs::rename(&fixture.key_files()[0], key_file(&moved, &slot)).unwrap();
    adopt(&mut store).unwrap();
    let opened = fixture.open().open_secret(&record.id, "api_key").unwrap();
    assert_eq!(opened.expose(), SECRET);
}

#[test]
fn the_keyring_of_the_system_can_hold_the_key() {
    // In place of the system's keyring: entries in memory, behind the same interface.
    keyring_core::set_default_store(keyring_core::mock::Store::new().unwrap());
    let fixture = Fixture::new();
    let choice = NewKey::KeyringElseFile(fixture.keys());
    let mut store = Store::open(&fixture.dir(), &choice, 1).unwrap();
    assert_eq!(store.key_place().unwrap(), KeyPlace::Keyring);
    let record = store.add_credential(&new("first", SECRET), 1).unwrap();
    store.rotate_key(None, 2).unwrap();
    let mut store = fixture.open();
    assert_eq!(store.open_secret(&record.id, "api_key").unwrap().expose(), SECRET);
    assert!(!fixture.keys().exists());

    // A keyring that has lost the key is named as the place, and no file is made instead.
    keyring_core::set_default_store(keyring_core::mock::Store::new().unwrap());
    let mut store = Store::open(&fixture.dir(), &choice, 3).unwrap();
    check(store.open_secret(&record.id, "api_key"), "is not in the keyring of the operating");
    assert!(!fixture.keys().exists());
}

#[test]
fn a_store_that_does_not_say_where_its_key_is_gets_no_other() {
    let fixture = Fixture::new();
    let (store, _) = fixture.filled();
    store.connection().execute("DELETE FROM master_key", []).unwrap();
    drop(store);
    check(fixture.try_open(), "it does not say where its key is");
    assert_eq!(fixture.key_files().len(), 1);
}

/// Does something to the database behind the store's back; the secret must not open then.
fn check_closed(tamper: &str) {
    let fixture = Fixture::new();
    let (mut store, first) = fixture.filled();
    let second = store.add_credential(&new("second", OTHER), 1).unwrap();
    let sql = tamper.replace("FIRST", first.id.as_str()).replace("SECOND", second.id.as_str());
    store.connection().execute_batch(&sql).unwrap();
    for record in store.credentials().unwrap() {
        for field in &record.secrets_set {
            check(store.open_secret(&record.id, field), "was tampered with or damaged");
        }
    }
}

#[test]
fn a_secret_does_not_open_in_another_row() {
    check_closed(
        "CREATE TEMP TABLE old AS SELECT * FROM secret;
         UPDATE secret SET sealed =
             (SELECT sealed FROM old WHERE old.credential_id <> secret.credential_id)",
    );
}

#[test]
fn a_secret_does_not_open_under_another_field() {
    check_closed("UPDATE secret SET field = 'auth_header'");
}

#[test]
fn a_secret_does_not_open_under_another_id() {
    check_closed(
        "PRAGMA foreign_keys = OFF;
         UPDATE secret SET credential_id = 'x' WHERE credential_id = 'FIRST';
         UPDATE secret SET credential_id = 'FIRST' WHERE credential_id = 'SECOND';
         DELETE FROM credential WHERE id = 'SECOND'",
    );
}

#[test]
fn a_secret_with_a_byte_changed_does_not_open() {
    let fixture = Fixture::new();
    let (mut store, record) = fixture.filled();
    let sql = "SELECT sealed FROM secret";
    let sealed: Vec<u8> = store.connection().query_row(sql, [], |row| row.get(0)).unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        store.connection().execute("UPDATE secret SET sealed = ?1", [changed]).unwrap();
        let opened = store.open_secret(&record.id, "api_key");
        assert!(matches!(opened, Err(StoreError::SecretDamaged { .. })), "byte {at}");
    }
    store.connection().execute("UPDATE secret SET sealed = ?1", [sealed]).unwrap();
    assert_eq!(store.open_secret(&record.id, "api_key").unwrap().expose(), SECRET);
}
