//! What a person does with credentials, sources and destinations.

use serde_json::json;

use super::*;

fn check(result: Result<impl std::fmt::Debug, StoreError>, expected: &str) {
    let message = result.unwrap_err().to_string();
    assert!(message.contains(expected), "{message:?} does not say {expected:?}");
}

#[test]
fn a_saved_credential_is_found_by_name_and_id() {
    let fixture = Fixture::new();
    let (store, record) = fixture.filled();
    assert_eq!(store.credential("  FIRST ").unwrap(), record);
    assert_eq!(store.credential(record.id.as_str()).unwrap(), record);
    assert_eq!(record.id.as_str().len(), 16);
    assert_eq!(record.secrets_set.iter().collect::<Vec<_>>(), ["api_key"]);
    assert_eq!((record.created_ms, record.updated_ms, record.revision), (1, 1, 1));
    check(store.credential("second"), "there is no credential \"second\"");
}

#[test]
fn credentials_are_listed_by_name() {
    let fixture = Fixture::new();
    let mut store = fixture.open();
    for called in ["b", "C", "a"] {
        store.add_credential(&new(called, SECRET), 1).unwrap();
    }
    let names: Vec<_> =
        store.credentials().unwrap().iter().map(|record| record.name.to_string()).collect();
    assert_eq!(names, ["a", "b", "C"]);
}

#[test]
fn a_name_is_given_once() {
    let fixture = Fixture::new();
    let (mut store, first) = fixture.filled();
    check(store.add_credential(&new("FIRST", SECRET), 2), "the name \"FIRST\" is taken");
    let second = store.add_credential(&new("second", SECRET), 2).unwrap();
    let rename = |to| CredentialEdit { name: Some(name(to)), ..CredentialEdit::default() };
    check(store.edit_credential(&second.id, 1, rename("First"), 3), "is taken");
    // Its own name in another case is no other's.
    let renamed = store.edit_credential(&first.id, 1, rename("First"), 3).unwrap();
    assert_eq!(renamed.name.as_str(), "First");
}

#[test]
fn a_rename_keeps_secret_and_status_and_needs_no_key() {
    let fixture = Fixture::new();
    let (mut store, record) = fixture.filled();
    store.set_verified(&record.id, 1, works(5)).unwrap();
    drop(store);
    let hidden = fixture.root.path().join("hidden");
    fs::rename(fixture.keys(), &hidden).unwrap();
    let mut store = fixture.open();
    let edit = CredentialEdit { name: Some(name("renamed")), ..CredentialEdit::default() };
    let renamed = store.edit_credential(&record.id, 1, edit, 6).unwrap();
    assert_eq!((renamed.verified, renamed.updated_ms), (Some(works(5)), 6));
    fs::rename(&hidden, fixture.keys()).unwrap();
    assert_eq!(store.open_secret(&record.id, "api_key").unwrap().expose(), SECRET);
}

#[test]
fn a_new_secret_or_setting_clears_the_status() {
    let fixture = Fixture::new();
    let (mut store, record) = fixture.filled();
    let verified = store.set_verified(&record.id, 1, works(2)).unwrap();
    assert_eq!((verified.verified, verified.revision), (Some(works(2)), 1));
    let replaced = store.edit_credential(&record.id, 1, replace(OTHER), 3).unwrap();
    assert_eq!((replaced.verified, replaced.access_revision), (None, 2));
    assert_eq!(store.open_secret(&record.id, "api_key").unwrap().expose(), OTHER);

    store.set_verified(&record.id, 2, works(4)).unwrap();
    let settings =
        |value| CredentialEdit { settings: Some(object(value)), ..CredentialEdit::default() };
    let same = settings(json!({"auth_header": "bearer"}));
    let same = store.edit_credential(&record.id, 2, same, 5).unwrap();
    assert_eq!(same.verified, Some(works(4)));
    let other = settings(json!({"auth_header": "other"}));
    assert_eq!(store.edit_credential(&record.id, 3, other, 6).unwrap().verified, None);
}

#[test]
fn a_check_of_what_has_changed_since_is_not_saved() {
    let fixture = Fixture::new();
    let (mut store, record) = fixture.filled();
    let rename = CredentialEdit { name: Some(name("renamed")), ..CredentialEdit::default() };
    store.edit_credential(&record.id, 1, rename, 2).unwrap();
    store.set_verified(&record.id, record.access_revision, works(3)).unwrap();
    store.edit_credential(&record.id, 2, replace(OTHER), 4).unwrap();
    let stale = store.set_verified(&record.id, record.access_revision, works(5));
    check(stale, "\"renamed\" was changed while it was checked");
    assert_eq!(store.credential("renamed").unwrap().verified, None);
}

#[test]
fn of_two_edits_from_one_revision_the_second_is_refused() {
    let fixture = Fixture::new();
    let (mut store, record) = fixture.filled();
    store.edit_credential(&record.id, record.revision, replace(OTHER), 2).unwrap();
    let late = store.edit_credential(&record.id, record.revision, replace("late"), 3);
    check(late, "\"first\" was changed elsewhere in the meantime (revision 2, not 1)");
    assert_eq!(store.open_secret(&record.id, "api_key").unwrap().expose(), OTHER);
}

#[test]
fn a_cleared_secret_is_gone() {
    let fixture = Fixture::new();
    let (mut store, record) = fixture.filled();
    let secrets = BTreeMap::from([("api_key".to_owned(), SecretChange::Clear)]);
    let edit = CredentialEdit { secrets, ..CredentialEdit::default() };
    assert!(store.edit_credential(&record.id, 1, edit, 2).unwrap().secrets_set.is_empty());
    check(store.open_secret(&record.id, "api_key"), "\"first\" has no \"api_key\" set");
}

#[test]
fn settings_are_plain_and_no_secret_is_among_them() {
    let fixture = Fixture::new();
    let mut store = fixture.open();
    let with = |value| NewCredential { settings: object(value), ..new("first", SECRET) };
    let nested = with(json!({"a": {"b": 1}}));
    check(store.add_credential(&nested, 1), "the setting \"a\" is not a plain value");
    let twice = with(json!({"api_key": "shown"}));
    check(store.add_credential(&twice, 1), "\"api_key\" is given both");
    // A refusal leaves nothing behind.
    assert_eq!(store.credentials().unwrap(), []);
    store.add_credential(&with(json!({"a": [1, "b", true, null]})), 1).unwrap();
}

#[test]
fn a_credential_in_use_is_not_removed() {
    let fixture = Fixture::new();
    let (mut store, record) = fixture.filled();
    let flow = store.add_flow(&source("Nightly", &record), 2).unwrap();
    store.add_flow(&source("hourly", &record), 2).unwrap();
    assert_eq!(store.credential("first").unwrap().used_by, ["hourly", "Nightly"]);
    let refused = store.remove_credential(&record.id);
    check(refused, "\"first\" is used by \"hourly\", \"Nightly\"; remove that first");
    store.remove_flow(&flow.id).unwrap();
    store.remove_flow(&store.flow("hourly").unwrap().id).unwrap();
    store.remove_credential(&record.id).unwrap();
    check(store.credential("first"), "there is no credential");
    let left = "SELECT count(*) FROM secret";
    let left: i64 = store.connection().query_row(left, [], |row| row.get(0)).unwrap();
    assert_eq!(left, 0);
}

#[test]
fn a_flow_keeps_its_state() {
    let fixture = Fixture::new();
    let (mut store, record) = fixture.filled();
    let flow = store.add_flow(&source("Nightly", &record), 2).unwrap();
    assert_eq!(flow.state, None);
    store.save_state(&flow.id, Some("page 3"), 3).unwrap();
    let saved = fixture.open().flow("NIGHTLY").unwrap();
    assert_eq!((saved.state.as_deref(), saved.updated_ms), (Some("page 3"), 3));
    assert_eq!((&saved.kind, &saved.options), (&flow.kind, &flow.options));
    store.save_state(&flow.id, None, 4).unwrap();
    assert_eq!(store.flow(flow.id.as_str()).unwrap().state, None);
    check(store.add_flow(&source("nightly", &record), 5), "the name \"nightly\" is taken");
}

#[test]
fn a_destination_is_a_flow_too() {
    let fixture = Fixture::new();
    let (mut store, record) = fixture.filled();
    let kind = FlowKind::Destination { target: "users".into(), operation: "upsert".into() };
    let new = NewFlow { kind: kind.clone(), ..source("push", &record) };
    store.add_flow(&new, 2).unwrap();
    assert_eq!(store.flows().unwrap()[0].kind, kind);
}

#[test]
fn a_flow_needs_a_credential_that_exists() {
    let fixture = Fixture::new();
    let (mut store, record) = fixture.filled();
    store.remove_credential(&record.id).unwrap();
    check(store.add_flow(&source("late", &record), 2), "there is no credential");
    let kept = store.add_credential(&new("kept", SECRET), 2).unwrap();
    let flow = store.add_flow(&source("gone", &kept), 2).unwrap();
    store.remove_flow(&flow.id).unwrap();
    check(store.remove_flow(&flow.id), "there is no source or destination");
    check(store.save_state(&flow.id, Some("x"), 3), "there is no source or destination");
}
