//! A connection that is cut, at every stage: the guest learns that there is no answer, and whether it was sent.

use std::io::Read as _;

use serde_json::json;

use crate::support::lab::{HOME, Lab, assert_error, get};
use crate::support::server::{After, Server, answer};

/// A service that sends this much of an answer and then goes away without a word.
fn cut_after(bytes: &'static [u8]) -> Server {
    Server::https(move |_, wire| {
        wire.write_all(bytes)?;
        Ok(After::Cut)
    })
}

fn check(server: &Server, kind: &str, maybe_sent: bool) {
    let lab = Lab::of(server);
    for method in ["GET", "POST"] {
        let received =
            lab.send_one(json!({ "method": method, "url": format!("{HOME}/"), "body": "{}" }));
        assert_error(&received, kind, maybe_sent);
    }
    // Neither was tried again.
    assert_eq!(lab.audit.records().len(), 2);
    assert!(server.connections() <= 2);
}

#[test]
fn nobody_listens() {
    let server = Server::raw(|_| Ok(()));
    let origin = server.https_origin();
    drop(server);
    let lab = Lab::new().grant(HOME, &origin);
    assert_error(&lab.send_one(get("/")), "connect", false);
    assert_eq!(lab.record().dialled, None);
}

#[test]
fn cut_before_tls() {
    check(&Server::raw(|_| Ok(())), "connect", false);
}

#[test]
fn cut_in_the_handshake() {
    let server = Server::raw(|mut stream| {
        let mut hello = [0; 4096];
        stream.read(&mut hello).map(drop)
    });
    check(&server, "connect", false);
}

#[test]
fn cut_before_the_head() {
    check(&cut_after(b""), "closed", true);
}

#[test]
fn cut_in_the_head() {
    check(&cut_after(b"HTTP/1.1 200 OK\r\ncontent-le"), "closed", true);
}

#[test]
fn cut_in_a_body_of_known_length() {
    check(&cut_after(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345"), "closed", true);
}

#[test]
fn cut_in_a_chunk() {
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\n12345";
    check(&cut_after(head), "closed", true);
}

#[test]
fn cut_between_two_chunks() {
    let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n";
    check(&cut_after(head), "closed", true);
}

#[test]
fn a_body_that_only_the_end_of_the_connection_ends_needs_the_end_that_tls_signs() {
    let head = b"HTTP/1.1 200 OK\r\n\r\n{\"rows\":[]}";
    check(&cut_after(head), "closed", true);
    let server = Server::https(|_, wire| {
        wire.write_all(head)?;
        Ok(After::Close)
    });
    assert_eq!(Lab::of(&server).send_one(get("/"))["text"], "{\"rows\":[]}");
}

#[test]
fn what_is_not_http_is_malformed() {
    for bytes in [
        b"SSH-2.0-OpenSSH_9.9\r\n".as_slice(),
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n12345\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: ten\r\n\r\n",
    ] {
        let lab = Lab::of(&cut_after(bytes)).send_one(get("/"));
        assert_error(&lab, "malformed", true);
    }
}

#[test]
fn after_a_cut_the_next_request_gets_a_connection_of_its_own() {
    let server = Server::https(|seen, wire| {
        if seen.target() == "/cut" {
            return Ok(After::Cut);
        }
        wire.write_all(&answer("200 OK", &[], "fine")).map(|()| After::KeepOpen)
    });
    let received = Lab::of(&server).send(&[get("/1"), get("/cut"), get("/2")]);
    assert_eq!(received[0]["text"], "fine");
    assert_error(&received[1], "closed", true);
    assert_eq!(received[2]["text"], "fine");
    assert_eq!(server.connections(), 2);
}
