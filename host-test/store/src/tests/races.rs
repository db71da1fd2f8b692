//! Two processes, and two threads, on one store.

use super::*;

/// Runs two children at once and sees that both succeed.
fn check(fixture: &Fixture, actions: [&str; 2]) {
    let children = actions.map(|action| child(&binary(), fixture.root.path(), action).spawn());
    for running in children {
        let mut running = running.unwrap();
        assert_eq!(report(&mut running).as_deref(), Some("done"));
        running.wait().unwrap();
    }
}

#[test]
fn two_processes_that_make_one_store_agree_on_its_key() {
    let fixture = Fixture::new();
    check(&fixture, ["add-many left", "add-many right"]);
    assert_eq!(fixture.key_files().len(), 1);
    let mut store = fixture.open();
    let records = store.credentials().unwrap();
    assert_eq!(records.len(), 30);
    for record in records {
        let opened = store.open_secret(&record.id, "api_key").unwrap();
        let shared = record.name.as_str().starts_with("shared");
        let expected: &[&str] = if shared { &["left", "right"] } else { &[SECRET] };
        assert!(expected.contains(&opened.expose()), "{}", record.name);
    }
}

#[test]
fn a_rotation_and_a_writer_do_not_disturb_each_other() {
    let fixture = Fixture::new();
    let (mut store, record) = fixture.filled();
    for _ in 0..3 {
        check(&fixture, ["rotate", "rotate"]);
        // This handle still had the key before both.
        assert_eq!(store.open_secret(&record.id, "api_key").unwrap().expose(), SECRET);
    }
    check(&fixture, ["add-many left", "rotate"]);
    assert_eq!(picture(&mut store).len(), 21);
    assert_eq!(fixture.key_files().len(), 1);
}

#[test]
fn threads_with_a_handle_each_write_in_turn() {
    let fixture = Fixture::new();
    drop(fixture.open());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let fixture = &fixture;
            scope.spawn(move || {
                let mut store = fixture.open();
                for index in 0..5 {
                    store.add_credential(&new(&format!("{thread}/{index}"), SECRET), 1).unwrap();
                }
            });
        }
    });
    assert_eq!(fixture.open().credentials().unwrap().len(), 20);
}

#[test]
fn a_store_that_stays_busy_says_so() {
    let fixture = Fixture::new();
    let (mut store, record) = fixture.filled();
    let other = fixture.open();
    other.connection().execute_batch("BEGIN EXCLUSIVE").unwrap();
    store.connection().busy_timeout(std::time::Duration::ZERO).unwrap();
    let busy = store.edit_credential(&record.id, 1, replace(OTHER), 2).unwrap_err();
    assert!(matches!(busy, StoreError::Busy { .. }), "{busy:?}");
    other.connection().execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.open_secret(&record.id, "api_key").unwrap().expose(), SECRET);
}
