//! Who cannot prove to be the origin gets nothing, not even the request.

use std::sync::Arc;

use rustls::ServerConfig;

use crate::support::identity;
use crate::support::lab::{Lab, assert_error, get};
use crate::support::server::{After, Server, answer};

fn server(config: Arc<ServerConfig>) -> Server {
    Server::with_tls(config, |_, wire| {
        wire.write_all(&answer("200 OK", &[], "fine")).map(|()| After::KeepOpen)
    })
}

fn check(config: Arc<ServerConfig>) {
    let server = server(config);
    let lab = Lab::of(&server);
    assert_error(&lab.send_one(get("/")), "tls", false);
    assert_eq!(server.connections(), 1);
    assert!(server.requests().is_empty());
}

#[test]
fn a_certificate_of_an_authority_that_nobody_trusts_is_refused() {
    check(identity::untrusted());
}

#[test]
fn an_expired_certificate_is_refused() {
    check(identity::expired());
}

#[test]
fn a_certificate_of_another_name_is_refused() {
    check(identity::named("somebody.else.test"));
}

#[test]
fn the_root_of_a_test_is_trusted_by_that_test_alone() {
    let server = server(identity::localhost());
    assert_eq!(Lab::of(&server).send_one(get("/"))["text"], "fine");
    let lab = Lab::of(&server);
    let script = serde_json::json!({ "do": "send", "requests": [get("/")] });
    let network = connector_engine::http::Network { roots: None, lookup: lab.lookup.clone() };
    let message = lab.connect_over(network, &script).check().expect("a report").message;
    assert!(message.contains("\"error\":\"tls\""), "{message}");
}

#[test]
fn a_service_without_tls_gets_no_request_in_plain() {
    let server = Server::http(|_, wire| {
        wire.write_all(&answer("200 OK", &[], "fine")).map(|()| After::KeepOpen)
    });
    let lab = Lab::of(&server);
    let received = lab.send_one(get("/"));
    assert_eq!(received["maybe_sent"], false, "{received}");
    for seen in server.requests() {
        assert!(!seen.line.contains("HTTP/1.1"), "{seen:?}");
    }
}
