//! A service that takes its time gets no more than the limits give, and never more than the call has left.

use std::io;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use connector_engine::http::{Lookup, Network};
use serde_json::{Value, json};

use crate::support::lab::{Lab, assert_error, get};
use crate::support::server::{After, Server, Wire, wait_for_the_end};

const SOON: Duration = Duration::from_millis(80);

/// Asserts that it was this clock that ran out: every request has another one behind it.
fn assert_timeout(received: &Value, clock: &str, maybe_sent: bool) {
    assert_error(received, "timeout", maybe_sent);
    let message = received["message"].as_str().expect("a message");
    assert!(message.ends_with(&format!("({clock})")), "{message}");
}

fn silent(head: &'static [u8]) -> Server {
    Server::https(move |_, wire| {
        wire.write_all(head)?;
        wire.flush()?;
        wait_for_the_end(wire);
        Ok(After::Cut)
    })
}

/// Writes a byte whenever the client would wait no longer for the next, for as long as it listens.
fn drip(wire: &mut dyn Wire, head: &[u8]) -> io::Result<After> {
    wire.write_all(head)?;
    let never = mpsc::channel::<()>();
    loop {
        let _ = never.1.recv_timeout(SOON / 8);
        wire.write_all(b"x")?;
        wire.flush()?;
    }
}

#[test]
fn a_first_byte_that_never_comes_is_a_timeout() {
    let server = silent(b"");
    let lab = Lab::of(&server).limits(|limits| limits.first_byte_time = SOON);
    assert_timeout(&lab.send_one(get("/")), "receive response", true);
    assert_eq!(lab.rule(), "time-out");
}

#[test]
fn a_head_that_stops_midway_is_a_timeout() {
    let server = silent(b"HTTP/1.1 200 OK\r\nx-he");
    let lab = Lab::of(&server).limits(|limits| limits.first_byte_time = SOON);
    assert_timeout(&lab.send_one(get("/")), "receive response", true);
}

#[test]
fn a_body_that_stops_midway_is_a_timeout() {
    let server = silent(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345");
    let lab = Lab::of(&server).limits(|limits| limits.between_bytes_time = SOON);
    assert_timeout(&lab.send_one(get("/")), "per read", true);
    assert_eq!(lab.rule(), "time-out");
}

#[test]
fn a_head_that_drips_ends_with_the_time_of_the_head() {
    let server = Server::https(|_, wire| drip(wire, b"HTTP/1.1 200 OK\r\nx-long: "));
    let lab = Lab::of(&server).limits(|limits| limits.first_byte_time = SOON * 3);
    assert_timeout(&lab.send_one(get("/")), "receive response", true);
}

#[test]
fn a_body_that_drips_ends_with_the_time_of_the_request() {
    let server =
        Server::https(|_, wire| drip(wire, b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"));
    let lab = Lab::of(&server).limits(|limits| limits.request_time = SOON * 3);
    assert_timeout(&lab.send_one(get("/")), "global", true);
    assert_eq!(lab.rule(), "time-out");
}

#[test]
fn every_time_out_is_clipped_to_the_deadline_of_the_call() {
    let server = silent(b"");
    let lab = Lab::of(&server).limits(|limits| limits.page_time = SOON * 2);
    let received = lab.send(&[get("/1"), get("/2")]);
    assert_timeout(&received[0], "global", true);
    assert_error(&received[1], "timeout", false);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_handshake_that_never_ends_is_a_timeout_before_anything_was_sent() {
    let server = Server::raw(|mut stream| {
        wait_for_the_end(&mut stream);
        Ok(())
    });
    let lab = Lab::of(&server).limits(|limits| limits.connect_time = SOON);
    assert_timeout(&lab.send_one(get("/")), "connect", false);
    assert_eq!(lab.rule(), "time-out");
}

/// Answers when the test is over.
struct Stuck(Mutex<mpsc::Receiver<()>>);

impl Lookup for Stuck {
    fn lookup(&self, _host: &str, _port: u16) -> io::Result<Vec<std::net::SocketAddr>> {
        let _ = self.0.lock().expect("no panic").recv();
        Err(io::ErrorKind::NotFound.into())
    }
}

#[test]
fn a_look_up_that_never_ends_is_a_timeout() {
    let (end, ended) = mpsc::channel();
    let lab = Lab::new().limits(|limits| limits.request_time = SOON);
    let network = Network { roots: None, lookup: Arc::new(Stuck(Mutex::new(ended))) };
    let connection = lab.connect_over(network, &json!({ "do": "send", "requests": [get("/")] }));
    let message = connection.check().expect("the guest tells what it received").message;
    let received: Vec<Value> = serde_json::from_str(&message).expect("JSON");
    assert_timeout(&received[0], "global", false);
    drop(end);
}
