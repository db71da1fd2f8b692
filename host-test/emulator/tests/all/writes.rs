//! Every write, and what it leaves behind.

use customerly_emulator::{Kind, LongText, Rejects, Switches, WrittenTags};
use serde_json::{Value, json};

use crate::{Account, key};

fn done() -> (u16, Value) {
    (200, json!({"data": []}))
}

#[test]
fn written_contacts_can_be_read_back() {
    let account = Account::sized(0, 0);
    let users = json!({"users": [
        {"email": "nora+1@example.com", "user_id": "acme-1042", "name": "Nora Lind",
         "attributes": {"plan": "pro", "seats": 12}, "tags": ["purchased", "beta"]},
        {"email": "broken@"},
    ]});
    let not_added = json!([{"email": "broken@", "error": "Invalid email"}]);
    let report = json!({"data": {"inserted": 1, "errors": [], "not_added": not_added}});
    assert_eq!(account.post("/users", &users), (200, report));
    let (_, user) = account.get("/users?email=nora%2B1%40example.com");
    assert_eq!(user["data"]["user_id"], "acme-1042");
    assert_eq!(user["data"]["attributes"], json!({"plan": "pro", "seats": 12}));
    assert_eq!(user["data"]["user_tags"], json!(["purchased", "beta"]));
    assert_eq!(user["data"]["last_update"], "2026-01-01 00:00:01");
    assert_eq!(account.post("/leads/", &json!({"leads": [{"email": "l@example.com"}]})).0, 200);
    assert_eq!(account.emulator.count(Kind::Leads), 1);
    assert_eq!(account.walk(Kind::Users, 50, "").len(), 1);
}

#[test]
fn a_whole_account_written_to_another_one_reads_the_same() {
    let from = Account::sized(500, 0);
    let to = Account::sized(0, 0);
    let rows = from.emulator.contacts(Kind::Users);
    for batch in rows.chunks(100) {
        let (_, report) = to.post("/users", &json!({ "users": batch }));
        assert_eq!(report["data"]["inserted"], batch.len(), "{report}");
    }
    let written = to.emulator.contacts(Kind::Users);
    assert_eq!(written.len(), 500);
    for (from, to) in rows.iter().zip(written) {
        for field in ["email", "user_id", "name"] {
            assert_eq!(from[field], to[field]);
        }
        if from["attributes"] != json!([]) {
            assert!(from["attributes"] == to["attributes"] || from["attributes"] == json!({}));
        }
    }
}

#[test]
fn a_batch_that_is_no_batch_is_an_error_and_changes_nothing() {
    let account = Account::sized(3, 0);
    let before = account.emulator.contacts(Kind::Users);
    for body in [json!({}), json!({"users": []}), json!([]), json!({"leads": [{"email": "a@b.c"}]})]
    {
        let (status, answer) = account.post("/users", &body);
        assert_eq!(status, 500);
        assert!(answer["error"]["message"].is_string());
    }
    account.emulator.switch(|switches| switches.rejects = Rejects::BatchError);
    let rows = json!({"users": [{"email": "good@example.com"}, {"email": "broken@example.com"}]});
    assert_eq!(account.post("/users", &rows).0, 500);
    account.emulator.switch(|switches| switches.batch_limit = Some(1));
    assert_eq!(account.post("/users", &json!({"users": [{}, {}]})).0, 500);
    assert_eq!(account.emulator.contacts(Kind::Users), before);
}

#[test]
fn long_texts_are_refused_or_cut() {
    let account = Account::switched(Switches { long_text: LongText::Cut, ..Switches::default() });
    let user = json!({"email": "long@example.com", "attributes": {"bio": "ü".repeat(300)}});
    account.post("/users", &json!({ "users": [user] }));
    let (_, stored) = account.get("/users?email=long@example.com");
    assert_eq!(stored["data"]["attributes"]["bio"], "ü".repeat(128));
    account.emulator.switch(|switches| switches.long_text = LongText::Refuse);
    let (_, report) = account.post("/users", &json!({ "users": [user] }));
    assert_eq!(report["data"]["inserted"], 0);
}

#[test]
fn written_tags_add_or_replace() {
    let account = Account::sized(0, 0);
    let write = |tags: &[&str]| {
        account.post("/users", &json!({"users": [{"email": "t@example.com", "tags": tags}]}));
        account.get("/users?email=t@example.com").1["data"]["user_tags"].clone()
    };
    write(&["one"]);
    assert_eq!(write(&["two", "one"]), json!(["one", "two"]));
    account.emulator.switch(|switches| switches.written_tags = WrittenTags::Replace);
    assert_eq!(write(&["two"]), json!(["two"]));
}

#[test]
fn a_deleted_contact_is_gone_for_good() {
    let account = Account::sized(30, 30);
    let users = account.emulator.contacts(Kind::Users);
    let id = users[3]["user_id"].as_str().unwrap();
    assert_eq!(account.delete(&format!("/users?user_id={id}"), None), done());
    assert_eq!(account.delete(&format!("/users?user_id={id}"), None).0, 500);
    let email = users[5]["email"].as_str().unwrap().replace('+', "%2B");
    assert_eq!(account.delete(&format!("/users?email={email}"), None), done());
    let leads = account.emulator.contacts(Kind::Leads);
    let with_email = leads.iter().find_map(|lead| lead["email"].as_str()).unwrap();
    let email = with_email.replace('+', "%2B");
    assert_eq!(account.delete(&format!("/leads?email={email}"), None), done());
    assert_eq!(account.delete("/leads?user_id=acme-31", None).0, 500);
    let left = account.walk(Kind::Users, 50, "");
    assert_eq!((left.len(), account.emulator.count(Kind::Leads)), (28, 29));
    assert!(left.iter().all(|row| key(row) != key(&users[3]) && key(row) != key(&users[5])));
}

#[test]
fn unsubscribe_takes_either_id() {
    let account = Account::sized(10, 1);
    let users = account.emulator.contacts(Kind::Users);
    let subscribed = |user: &&Value| user["unsubscribe"] == 0 && user["user_id"].is_string();
    let pair: Vec<_> = users.iter().filter(subscribed).take(2).collect();
    let ids = [pair[0]["user_id"].as_str().unwrap().to_owned(), key(pair[1]).to_string()];
    for id in ids {
        assert_eq!(account.post(&format!("/users/unsubscribe/{id}"), &json!({})), done());
    }
    let after = account.emulator.contacts(Kind::Users);
    for user in pair {
        let now = after.iter().find(|row| key(row) == key(user)).unwrap();
        assert_eq!(now["unsubscribe"], 1);
    }
    assert_eq!(account.post("/users/unsubscribe/nobody", &json!({})).0, 500);
}

#[test]
fn attributes_are_merged() {
    let account = Account::sized(0, 0);
    let user =
        json!({"email": "a@example.com", "user_id": "x y/1", "attributes": {"a": 1, "b": 2}});
    account.post("/users", &json!({ "users": [user] }));
    let change = json!({"attributes": {"b": 3}});
    assert_eq!(account.post("/users/add-attributes/x%20y%2F1", &change), done());
    let (_, stored) = account.get("/users?email=a@example.com");
    assert_eq!(stored["data"]["attributes"], json!({"a": 1, "b": 3}));
    assert_eq!(account.post("/users/add-attributes/x%20y%2F1", &json!({})).0, 500);
    let nested = json!({"attributes": {"b": {}}});
    assert_eq!(account.post("/users/add-attributes/x%20y%2F1", &nested).0, 500);
    assert_eq!(account.post("/users/add-attributes/other", &change).0, 500);
}

#[test]
fn companies_are_made_linked_and_changed() {
    let account = Account::sized(5, 0);
    let id = account.emulator.keys(Kind::Users)[1];
    for attributes in [json!({"tier": "gold"}), json!([{"size": 3}]), json!([])] {
        let link = json!({"company_id": "c-x", "company_name": "Acme", "internal_user_id": id,
            "company_attributes": attributes});
        assert_eq!(account.post("/users/add-to-company", &link), done());
    }
    let change = json!({"company_name": "Acme AB", "attributes": {"size": 4}});
    assert_eq!(account.post("/company/add-attributes/c-x", &change), done());
    let expected = json!({"c-x": {"name": "Acme AB", "attributes": {"tier": "gold", "size": 4}}});
    assert_eq!(account.emulator.companies(), expected);
    let email = account.emulator.contacts(Kind::Users)[1]["email"].as_str().unwrap().to_owned();
    let (_, user) = account.get(&format!("/users?email={}", email.replace('+', "%2B")));
    let companies = user["data"]["companies"].as_array().unwrap();
    assert_eq!(companies.iter().filter(|company| *company == "c-x").count(), 1);
    let nobody = json!({"company_id": "c-x", "email": "nobody@example.com"});
    assert_eq!(account.post("/users/add-to-company", &nobody).0, 500);
    assert_eq!(account.post("/users/add-to-company", &json!({"email": email})).0, 500);
}

#[test]
fn tags_are_put_on_taken_off_and_dropped() {
    let account = Account::sized(0, 0);
    account.post("/users", &json!({"users": [{"email": "u@example.com", "user_id": "u1"}]}));
    account.post("/leads", &json!({"leads": [{"email": "l@example.com"}]}));
    let tags = |path: &str| account.get(path).1["data"]["user_tags"].clone();
    let change = |untag: bool| {
        json!({"tag": "neu & schön", "untag": untag, "users": [{"user_id": "u1"}],
            "leads": [{"email": "l@example.com"}]})
    };
    assert_eq!(account.post("/tags", &change(false)), done());
    assert_eq!(account.post("/tags", &change(false)), done());
    assert_eq!(tags("/users?user_id=u1"), json!(["neu & schön"]));
    assert_eq!(tags("/leads?email=l@example.com"), json!(["neu & schön"]));
    account.post("/tags", &change(true));
    assert_eq!(tags("/users?user_id=u1"), json!([]));
    assert!(account.emulator.tags().contains(&"neu & schön".to_owned()));
    let unknown = json!({"tag": "never", "users": [{"user_id": "u1"}, {"user_id": "u2"}]});
    assert_eq!(account.post("/tags", &unknown).0, 500);
    assert!(!account.emulator.tags().contains(&"never".to_owned()));
    account.post("/tags", &change(false));
    assert_eq!(account.delete("/tags", Some(&json!({"tag": "neu & schön"}))), done());
    assert_eq!(tags("/users?user_id=u1"), json!([]));
    assert!(!account.emulator.tags().contains(&"neu & schön".to_owned()));
}

#[test]
fn a_tag_is_dropped_by_query_only_where_the_switch_says_so() {
    let account = Account::sized(0, 0);
    assert_eq!(account.delete("/tags?tag=beta", None).0, 500);
    assert!(account.emulator.tags().contains(&"beta".to_owned()));
    account.emulator.switch(|switches| switches.delete_tag_by_query = true);
    assert_eq!(account.delete("/tags?tag=beta", None), done());
    assert!(!account.emulator.tags().contains(&"beta".to_owned()));
}

#[test]
fn messages_are_kept_and_answered_with_the_clock() {
    let account = Account::sized(0, 0);
    account.post("/users", &json!({"users": [{"email": "u@example.com"}]}));
    let message = json!({"from": {"type": "admin", "id": "41657"},
        "to": {"type": "user", "email": "u@example.com"}, "content": "Hi", "attachments": []});
    let answer = json!({"data": {"timestamp": 1_767_225_602}});
    assert_eq!(account.post("/messages", &message), (200, answer));
    assert_eq!(account.emulator.messages(), std::slice::from_ref(&message));
    for (side, party) in [
        ("from", json!({"type": "admin", "id": 1})),
        ("to", json!({"type": "user", "email": "nobody@example.com"})),
        ("to", json!({"type": "visitor"})),
        ("to", json!(null)),
        ("content", json!("")),
    ] {
        let mut wrong = message.clone();
        wrong[side] = party;
        assert_eq!(account.post("/messages", &wrong).0, 500, "{wrong}");
    }
    assert_eq!(account.emulator.messages().len(), 1);
}
