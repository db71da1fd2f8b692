//! What reaches the service, and what comes back.

use serde_json::json;

use crate::support::lab::{CANARY, HOME, Lab, get};
use crate::support::server::{After, Server, answer};

fn fine() -> Server {
    Server::answering(answer("200 OK", &[], "fine"))
}

#[test]
fn the_host_follows_from_the_origin_and_stands_there_once() {
    let server = fine();
    let received = Lab::of(&server).send_one(get("/x?a=1"));
    assert_eq!(received["status"], 200);
    let seen = server.request();
    assert_eq!(seen.line, "GET /x?a=1 HTTP/1.1");
    assert_eq!(seen.header("host"), [format!("localhost:{}", server.address().port())]);
    assert_eq!(seen.header("accept-encoding"), ["gzip, br"]);
    assert!(seen.header("accept").is_empty() && seen.header("cookie").is_empty(), "{seen:?}");
}

#[test]
fn a_secret_goes_into_a_header_and_a_parameter_and_duplicates_survive() {
    let server = fine();
    let received = Lab::of(&server).send_one(json!({
        "method": "GET",
        "url": format!("{HOME}/x?a=1"),
        "query": [["token", [{ "secret": "token" }]], ["b", [{ "text": "ü &" }]]],
        "headers": [
            ["X-Token", [{ "text": "Bearer " }, { "secret": "token" }]],
            ["Authorization", [{ "text": "Basic " }, { "base64": [{ "text": "u:" }, { "secret": "token" }] }]],
            ["X-Twice", [{ "text": "1" }]],
            ["x-twice", [{ "text": "2" }]],
        ],
    }));
    assert_eq!(received["status"], 200, "{received}");
    let seen = server.request();
    assert_eq!(seen.target(), "/x?a=1&token=cAnary%2Ft0ken%2B5ecret%3Dvalue&b=%C3%BC%20%26");
    assert_eq!(seen.header("x-token"), [format!("Bearer {CANARY}")]);
    assert_eq!(seen.header("authorization"), ["Basic dTpjQW5hcnkvdDBrZW4rNWVjcmV0PXZhbHVl"]);
    assert_eq!(seen.header("x-twice"), ["1", "2"]);
}

#[test]
fn duplicate_headers_of_an_answer_survive() {
    let headers = [("Set-Cookie", "a=1"), ("X-Note", "caf\u{e9}"), ("Set-Cookie", "b=2")];
    let server = Server::answering(answer("200 OK", &headers, "fine"));
    let received = Lab::of(&server).send(&[get("/1"), get("/2")]);
    let cookies: Vec<_> = received[0]["headers"]
        .as_array()
        .expect("headers")
        .iter()
        .filter(|header| header[0] == "set-cookie")
        .map(|header| header[1].as_str().expect("text"))
        .collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    // And no cookie is kept for the next request.
    assert!(server.requests()[1].header("cookie").is_empty());
}

#[test]
fn every_method_keeps_its_body() {
    for method in ["POST", "PUT", "DELETE", "GET"] {
        let server = fine();
        let request =
            json!({ "method": method, "url": format!("{HOME}/"), "body": "{\"a\":\"ü\"}" });
        assert_eq!(Lab::of(&server).send_one(request)["status"], 200);
        let seen = server.request();
        assert_eq!(seen.line, format!("{method} / HTTP/1.1"));
        assert_eq!(String::from_utf8_lossy(&seen.body), "{\"a\":\"ü\"}");
        assert_eq!(seen.header("content-length"), ["10"]);
        assert!(seen.header("content-type").is_empty(), "{seen:?}");
    }
}

#[test]
fn a_head_has_no_body_whatever_it_announces() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\ncontent-encoding: gzip\r\n\r\n";
    let server = Server::answering(head);
    let received =
        Lab::of(&server).send_one(json!({ "method": "HEAD", "url": format!("{HOME}/") }));
    assert_eq!(received["text"], "", "{received}");
}

#[test]
fn a_body_that_is_no_text_comes_as_bytes() {
    let server = Server::https(|_, wire| {
        wire.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\na\xff\0")?;
        Ok(After::KeepOpen)
    });
    assert_eq!(Lab::of(&server).send_one(get("/"))["bytes"], json!([97, 255, 0]));
}

#[test]
fn a_connection_is_kept_for_the_next_request() {
    let server = fine();
    let lab = Lab::of(&server);
    let received = lab.send(&[get("/1"), get("/2"), get("/3")]);
    assert!(received.iter().all(|answer| answer["text"] == "fine"), "{received:?}");
    assert_eq!(server.connections(), 1);
    let dialled: Vec<_> = lab.audit.records().iter().map(|record| record.dialled).collect();
    assert_eq!(dialled, [Some(server.address()); 3]);
}

#[test]
fn an_idle_connection_that_the_service_closed_is_not_used() {
    let server = Server::https(|_, wire| {
        wire.write_all(&answer("200 OK", &[("Connection", "close")], "fine"))?;
        Ok(After::Close)
    });
    let received = Lab::of(&server).send(&[get("/1"), get("/2")]);
    assert!(received.iter().all(|answer| answer["text"] == "fine"), "{received:?}");
    assert_eq!(server.connections(), 2);
}

#[test]
fn an_attempt_is_written_down_without_query_header_or_body() {
    let server = Server::answering(answer("201 Created", &[], "12345"));
    let lab = Lab::of(&server);
    lab.send_one(json!({
        "method": "POST",
        "url": format!("{HOME}/users/7?email=a%40b.test"),
        "headers": [["X-Note", [{ "text": "private" }]]],
        "body": "personal",
    }));
    let record = lab.record();
    let found = (record.status, record.bytes_out, record.bytes_in, record.rule.code());
    assert_eq!(found, (Some(201), 8, 5, "granted-origin"));
    assert_eq!(record.path.as_deref(), Some("/users/7"));
    let text = serde_json::to_string(&record).expect("plain data");
    for hidden in ["email", "b.test", "private", "personal", "12345"] {
        assert!(!text.contains(hidden), "{text}");
    }
}

#[test]
fn the_time_to_wait_is_read_from_the_answer() {
    let server = Server::answering(answer("429 Too Many", &[("Retry-After", "7")], ""));
    assert_eq!(Lab::of(&server).send_one(get("/"))["retry_after_ms"], 7000);
}

#[test]
fn plain_http_goes_to_a_loopback_address_that_the_operator_granted() {
    let server = Server::http(|_, wire| {
        wire.write_all(&answer("200 OK", &[], "fine")).map(|()| After::KeepOpen)
    });
    let lab = Lab::new().grant(HOME, &server.http_origin());
    assert_eq!(lab.send_one(get("/"))["text"], "fine");
    assert!(lab.lookup.asked().is_empty());
}
