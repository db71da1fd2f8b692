//! Starting and stopping.

use std::io::Read as _;
use std::net::TcpStream;

use customerly_emulator::{Config, Data, Emulator, StartError};

use crate::Account;

#[test]
fn a_port_that_is_taken_is_named() {
    let account = Account::sized(1, 1);
    let port = account.emulator.origin().rsplit(':').next().unwrap().parse().unwrap();
    let error = Emulator::start(Config { port, ..Config::default() }).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with(&format!("cannot listen on 127.0.0.1:{port}: ")), "{text}");
}

#[test]
fn a_dropped_emulator_closes_its_port_and_its_connections() {
    let account = Account::sized(1, 1);
    let address = account.emulator.origin().replace("http://", "");
    let mut open = TcpStream::connect(&address).unwrap();
    assert_eq!(account.get("/tags").0, 200);
    let Account { emulator, .. } = account;
    drop(emulator);
    assert!(open.read(&mut [0]).is_ok_and(|read| read == 0));
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let start = |data, token: &str| {
        Emulator::start(Config { data, token: token.to_owned(), ..Config::default() }).err()
    };
    let data = Data { users: 6_000_000, leads: 6_000_000, ..Data::default() };
    assert!(matches!(
        start(data, "token"),
        Some(StartError::TooManyContacts { contacts: 12_000_000 })
    ));
    for token in ["", "two words", "tökén", "line\nbreak"] {
        assert!(matches!(start(Data::default(), token), Some(StartError::Token)), "{token:?}");
    }
}

#[test]
fn an_account_without_contacts_is_empty_and_not_wrong() {
    let data = Data { users: 0, leads: 0, collections: 0, articles: 9, ..Data::default() };
    let account = Account::new(Config { data, ..Config::default() });
    assert_eq!(account.text("/leads/list").1, r#"{"data":{"leads":[]}}"#);
    assert_eq!(account.text("/knowledge/articles/").1, r#"{"data":[]}"#);
    assert_eq!(account.text("/knowledge/articles/12001").0, 404);
}
