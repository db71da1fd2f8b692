//! Data that changes between two requests of a reader.

use std::collections::BTreeSet;

use customerly_emulator::{Config, Data, Kind, Mutation, Operation, RandomMutations, Switches};

use crate::{Account, NEWEST_FIRST, keys};

fn scripted(script: &str) -> Account {
    let data = Data { users: 400, leads: 200, ..Data::default() };
    let script = script.parse().expect("the script of a test is right");
    Account::new(Config { data, script, ..Config::default() })
}

/// How many contacts that were alive throughout a plain page-by-page walk does not see.
fn lost(account: &Account, kind: Kind) -> usize {
    account.emulator.mark();
    let read: BTreeSet<u64> = keys(&account.walk(kind, 50, NEWEST_FIRST)).into_iter().collect();
    let alive = account.emulator.alive_throughout(Some(kind));
    alive.iter().filter(|key| !read.contains(key)).count()
}

#[test]
fn rows_deleted_behind_the_position_make_a_plain_walk_lose_as_many() {
    assert_eq!(lost(&scripted("after 1: delete 3 users behind"), Kind::Users), 3);
    assert_eq!(lost(&scripted("after 1: delete 3 users ahead"), Kind::Users), 0);
    assert_eq!(lost(&scripted("after 2: convert 4 leads behind"), Kind::Leads), 4);
    assert_eq!(lost(&scripted("after 2: insert 5 users"), Kind::Users), 0);
    assert_eq!(lost(&scripted(""), Kind::Users), 0);
}

#[test]
fn a_row_updated_ahead_of_the_position_jumps_to_the_head_and_is_missed() {
    assert_eq!(lost(&scripted("after 3: update 4 users ahead"), Kind::Users), 4);
}

#[test]
fn a_step_can_count_the_requests_of_one_list() {
    let account = scripted("after 2 leads: delete 1 lead");
    for (path, left) in
        [("/users/list", 200), ("/users/list", 200), ("/leads/list", 200), ("/leads/list", 199)]
    {
        account.get(path);
        assert_eq!(account.emulator.count(Kind::Leads), left);
    }
}

#[test]
fn a_converted_lead_keeps_its_id_and_was_a_lead() {
    for moves in [true, false] {
        let data = Data { users: 5, leads: 5, ..Data::default() };
        let switches = Switches { conversion_moves_last_update: moves, ..Switches::default() };
        let account = Account::new(Config { data, switches, ..Config::default() });
        let before = account.emulator.contacts(Kind::Leads);
        account.emulator.mark();
        account.emulator.change("convert 1 lead".parse().unwrap());
        let Mutation { operation, crmhero_user_id, .. } = account.emulator.mutations()[0];
        assert_eq!(operation, Operation::Convert);
        let was = before.iter().find(|row| row["crmhero_user_id"] == crmhero_user_id).unwrap();
        let users = account.emulator.contacts(Kind::Users);
        let now = users.iter().find(|row| row["crmhero_user_id"] == crmhero_user_id).unwrap();
        assert_eq!((&now["was_lead"], &now["is_user"]), (&1.into(), &1.into()));
        assert_eq!(now["last_update"] != was["last_update"], moves);
        assert_eq!(now["email"], was["email"]);
        assert_eq!(account.emulator.alive_throughout(Some(Kind::Users)).len(), 5);
        assert_eq!(account.emulator.alive_throughout(Some(Kind::Leads)).len(), 4);
        assert_eq!(account.emulator.alive_throughout(None).len(), 10);
    }
}

#[test]
fn inserted_contacts_are_the_newest_and_can_be_found() {
    let account = scripted("after 1: insert 2 users");
    account.emulator.mark();
    account.get("/users/list");
    let newest = account.walk(Kind::Users, 100, NEWEST_FIRST);
    assert_eq!(newest.len(), 402);
    assert_eq!(newest[0]["last_update"], "2026-01-01 00:00:02");
    assert_eq!(newest[1]["last_update"], "2026-01-01 00:00:01");
    let email = newest[0]["email"].as_str().unwrap().replace('+', "%2B");
    assert_eq!(account.get(&format!("/users?email={email}")).1["data"]["name"], newest[0]["name"]);
    assert_eq!(account.emulator.alive_throughout(Some(Kind::Users)).len(), 400);
    let ids: BTreeSet<u64> = keys(&newest).into_iter().collect();
    assert_eq!(ids.len(), 402);
}

#[test]
fn random_changes_are_the_same_for_the_same_seed() {
    let run = |seed| {
        let account = scripted("");
        account.emulator.set_random_mutations(Some(RandomMutations {
            seed,
            insert: 0.3,
            update: 0.6,
            delete: 0.4,
            convert: 0.2,
            stop_after: 25,
        }));
        let rows = account.walk(Kind::Users, 20, NEWEST_FIRST);
        (keys(&rows), account.emulator.mutations())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1).1, run(2).1);
    assert_eq!(run(1).1.len(), 25);
}

#[test]
fn the_clock_moves_by_its_step_and_where_it_is_set() {
    let account = scripted("");
    assert_eq!(account.emulator.now(), 1_767_225_600);
    account.emulator.set_now(1_800_000_000);
    account.emulator.change("update 3 users".parse().unwrap());
    assert_eq!(account.emulator.now(), 1_800_000_003);
    let key = account.emulator.mutations()[2].crmhero_user_id;
    assert_eq!(account.emulator.last_update(key).as_deref(), Some("2027-01-15 08:00:03"));
}
