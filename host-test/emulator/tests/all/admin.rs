//! The admin surface, as a test in another process uses it.

use customerly_emulator::{Kind, Paging};
use serde_json::{Value, json};

use crate::{Account, NEWEST_FIRST, json_of};

impl Account {
    fn ask(&self, path: &str) -> Value {
        json_of(self.agent.get(self.url(path)).call().expect("the emulator answers")).1
    }

    fn tell(&self, path: &str, body: &str) -> (u16, String) {
        let mut answer = self.agent.post(self.url(path)).send(body).expect("the emulator answers");
        (answer.status().as_u16(), answer.body_mut().read_to_string().expect("it is text"))
    }

    fn forget(&self, path: &str) {
        let answer = self.agent.delete(self.url(path)).call().expect("the emulator answers");
        assert_eq!(answer.status().as_u16(), 204);
    }
}

#[test]
fn contacts_are_json_lines() {
    let account = Account::sized(2_345, 12);
    let mut answer = account.agent.get(account.url("/_emulator/contacts/users")).call().unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows, account.emulator.contacts(Kind::Users));
    assert_eq!(rows.len(), 2_345);
}

#[test]
fn counts_and_requests_can_be_asked() {
    let account = Account::sized(7, 3);
    account.get("/users/list?page=0");
    account.post("/messages", &json!({}));
    let count = account.ask("/_emulator/count");
    assert_eq!(
        (&count["users"], &count["leads"], &count["requests"]),
        (&7.into(), &3.into(), &2.into())
    );
    let requests = account.ask("/_emulator/requests");
    assert_eq!(requests[0]["path_and_query"], "/v1/users/list?page=0");
    assert_eq!((&requests[1]["method"], &requests[1]["status"]), (&"POST".into(), &500.into()));
    account.forget("/_emulator/requests");
    assert_eq!(account.ask("/_emulator/requests"), json!([]));
}

#[test]
fn who_was_alive_all_along_can_be_asked_after_a_script() {
    let account = Account::sized(300, 100);
    let script = "after 1 users: delete 3 users behind\nafter 2 users: convert 2 leads";
    assert_eq!(account.tell("/_emulator/script", script).0, 204);
    assert_eq!(account.tell("/_emulator/mark", "").0, 204);
    account.walk(Kind::Users, 100, NEWEST_FIRST);
    let alive =
        |list: &str| account.ask(&format!("/_emulator/alive/{list}")).as_array().map(Vec::len);
    assert_eq!([alive("users"), alive("leads"), alive("any")], [Some(297), Some(98), Some(397)]);
    assert_eq!(account.ask("/_emulator/mutations").as_array().map(Vec::len), Some(5));
}

#[test]
fn switches_faults_changes_and_the_clock_are_set() {
    let account = Account::sized(60, 10);
    let (status, _) =
        account.tell("/_emulator/switches", r#"{"paging": "from-one", "latency_ms": 1}"#);
    assert_eq!(status, 200);
    assert_eq!(account.emulator.switches().paging, Paging::FromOne);
    assert_eq!(account.ask("/_emulator/switches")["latency_ms"], 1);

    let rules = r#"[{"path": "/tags", "when": "always", "fault": "cut-json"}]"#;
    assert_eq!(account.tell("/_emulator/faults", rules).0, 204);
    assert_eq!(account.ask("/_emulator/faults")[0]["fault"], "cut-json");
    assert!(!account.text("/tags").1.ends_with('}'));
    account.forget("/_emulator/faults");
    assert!(account.text("/tags").1.ends_with('}'));

    assert_eq!(account.tell("/_emulator/clock", "1800000000").0, 204);
    assert_eq!(account.tell("/_emulator/change", "delete 4 users").0, 204);
    assert_eq!(account.ask("/_emulator/clock"), json!(1_800_000_004));
    assert_eq!(account.emulator.count(Kind::Users), 56);

    let random =
        r#"{"seed": 1, "insert": 1, "update": 0, "delete": 0, "convert": 0, "stop_after": 9}"#;
    assert_eq!(account.tell("/_emulator/random", random).0, 204);
    account.get("/users/list");
    account.forget("/_emulator/random");
    account.get("/users/list");
    assert_eq!(account.emulator.count(Kind::Users), 57);
    assert_eq!(account.ask("/_emulator/companies"), json!({}));
    assert_eq!(account.ask("/_emulator/messages"), json!([]));
}

#[test]
fn a_wrong_instruction_says_what_is_wrong_and_changes_nothing() {
    let account = Account::sized(10, 10);
    for (path, body, problem) in [
        ("script", "after 1: drop 3 users", "line 1: `drop` is none of convert"),
        ("change", "delete all users", "`all` is not a number"),
        ("switches", r#"{"pages": 1}"#, "unknown field `pages`"),
        ("switches", r#"{"paging": "none"}"#, "unknown variant `none`"),
        ("faults", r#"{"path": "/"}"#, "invalid type: map"),
        ("clock", "now", "expected"),
    ] {
        let (status, text) = account.tell(&format!("/_emulator/{path}"), body);
        assert_eq!(status, 400, "{path}");
        assert!(text.contains(problem), "{text}");
    }
    assert_eq!(account.emulator.count(Kind::Users), 10);
    assert_eq!(account.tell("/_emulator/nothing", "").0, 404);
}

#[test]
fn the_examples_of_the_readme_are_taken() {
    let account = Account::sized(10, 10);
    let readme = include_str!("../../README.md");
    for (language, path) in [("json", "faults"), ("text", "script")] {
        let block = readme.split(&format!("```{language}\n")).nth(1).unwrap();
        let example = block.split("```").next().unwrap();
        let (status, text) = account.tell(&format!("/_emulator/{path}"), example);
        assert_eq!(status, 204, "{path}: {text}");
    }
    let switches = account.ask("/_emulator/switches");
    for name in switches.as_object().unwrap().keys() {
        assert!(readme.contains(&format!("`{name}`")), "{name} is not in the README");
    }
}
