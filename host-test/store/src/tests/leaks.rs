//! A secret is nowhere but in the answer of `open_secret`; and backups.

use super::*;

/// All the bytes of all the files below a folder.
fn bytes_below(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            bytes_below(&path, found);
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
}

fn check_nowhere(place: &str, bytes: &[u8], secret: &Secret) {
    for form in secret.forms() {
        let found = bytes.windows(form.len()).any(|window| window == form.as_bytes());
        assert!(!found, "a form of the secret is in {place}");
    }
}

#[test]
fn no_file_holds_a_secret_in_any_form() {
    let fixture = Fixture::new();
    let (mut store, record) = fixture.filled();
    store.edit_credential(&record.id, 1, replace(OTHER), 2).unwrap();
    store.rotate_key(None, 3).unwrap();
    store.backup_to(&fixture.root.path().join("backup.db")).unwrap();
    // With a journal beside the database.
    store.connection().execute_batch("BEGIN; UPDATE secret SET sealed = zeroblob(9)").unwrap();
    let mut files = Vec::new();
    bytes_below(fixture.root.path(), &mut files);
    assert_eq!(files.len(), 4, "database, journal, key and backup");
    for (path, bytes) in files {
        for canary in [SECRET, OTHER] {
            check_nowhere(&path.display().to_string(), &bytes, &secret(canary));
        }
    }
    store.connection().execute_batch("ROLLBACK").unwrap();
    // The search finds what is there.
    let planted =
        CredentialEdit { description: Some(OTHER.to_owned()), ..CredentialEdit::default() };
    store.edit_credential(&record.id, 2, planted, 4).unwrap();
    let bytes = fs::read(fixture.database()).unwrap();
    assert!(bytes.windows(OTHER.len()).any(|window| window == OTHER.as_bytes()));
}

#[test]
fn nothing_that_is_shown_holds_a_secret() {
    let fixture = Fixture::new();
    let (mut store, record) = fixture.filled();
    let conflict = store.edit_credential(&record.id, 9, replace(SECRET), 2).unwrap_err();
    let shown = [
        format!("{record:?}"),
        serde_json::to_string(&record).unwrap(),
        format!("{store:?}"),
        format!("{:?}", new("other", SECRET)),
        format!("{:?}", replace(SECRET)),
        format!("{conflict} {conflict:?}"),
    ];
    for text in shown {
        check_nowhere(&text, text.as_bytes(), &secret(SECRET));
    }
    // Nor the key.
    let key = fs::read_to_string(&fixture.key_files()[0]).unwrap();
    assert!(!format!("{store:?}").contains(key.trim()));
}

#[test]
fn a_removed_secret_leaves_no_ciphertext_behind() {
    let fixture = Fixture::new();
    let (mut store, record) = fixture.filled();
    let sql = "SELECT sealed FROM secret";
    let sealed: Vec<u8> = store.connection().query_row(sql, [], |row| row.get(0)).unwrap();
    let holds = |bytes: &[u8]| bytes.windows(20).any(|window| window == &sealed[5..25]);
    assert!(holds(&fs::read(fixture.database()).unwrap()));
    store.remove_credential(&record.id).unwrap();
    assert!(!holds(&fs::read(fixture.database()).unwrap()));
}

#[test]
fn a_backup_restores_with_its_key() {
    let fixture = Fixture::new();
    let (mut store, record) = fixture.filled();
    store.add_flow(&source("flow", &record), 2).unwrap();
    let backup = fixture.root.path().join("backup.db");
    let before = picture(&mut store);
    store.backup_to(&backup).unwrap();
    let again = store.backup_to(&backup).unwrap_err();
    assert!(matches!(again, StoreError::BackupExists { .. }), "{again:?}");

    store.edit_credential(&record.id, 1, replace(OTHER), 3).unwrap();
    drop(store);
    fs::copy(&backup, fixture.database()).unwrap();
    let mut store = fixture.open();
    assert_eq!(picture(&mut store), before);
    assert_eq!(store.credential("first").unwrap().id, record.id);
}
