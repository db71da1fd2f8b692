//! The token is nowhere: in no byte that crosses into the guest, and in nothing that comes out of the host.
//!
//! The guest hands back everything that it receives, so what it tells is a recording of what crossed.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use connector_egress::{Secret, Secrets};
use connector_engine::Connection;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::lab::{CANARY, HOME, Lab, get};
use crate::support::server::{After, Server};

/// Texts and bytes of all that the guest received, as they crossed.
fn crossed(value: &Value, texts: &mut Vec<Vec<u8>>) {
    match value {
        Value::String(text) => texts.push(text.clone().into_bytes()),
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_number) => {
            texts.push(items.iter().filter_map(|item| u8::try_from(item.as_u64()?).ok()).collect());
        }
        Value::Array(items) => items.iter().for_each(|item| crossed(item, texts)),
        Value::Object(fields) => {
            for (name, item) in fields {
                texts.push(name.clone().into_bytes());
                crossed(item, texts);
            }
        }
        _ => {}
    }
}

fn assert_clean(secret: &str, data: &[u8], place: &str) {
    for form in Secret::new(secret.to_owned()).forms() {
        let found = data.windows(form.len()).any(|part| part == form.as_bytes());
        assert!(!found, "{} in {place}: {}", *form, String::from_utf8_lossy(data));
    }
}

/// Sends the token to a service that answers with these bytes, and looks for it everywhere.
fn check(secret: &str, answer: Vec<u8>) -> Value {
    let bytes = Arc::new(Mutex::new(answer));
    let server = Server::http(move |_, wire| {
        wire.write_all(&bytes.lock().expect("no panic"))?;
        Ok(After::Close)
    });
    let mut lab = Lab::new().grant(HOME, &server.http_origin());
    secret.clone_into(&mut lab.secret);
    let mut request = get("/");
    request["headers"] = json!([["X-Token", [{ "base64": [{ "secret": "token" }] }]]]);
    let received = lab.send_one(request);
    assert_eq!(server.requests().len(), 1, "{received}");
    let mut texts = Vec::new();
    crossed(&received, &mut texts);
    for text in texts {
        assert_clean(secret, &text, "what crossed into the guest");
    }
    let audit = lab.audit.records();
    assert_clean(secret, serde_json::to_string(&audit).expect("data").as_bytes(), "the audit");
    assert_clean(secret, format!("{audit:?}").as_bytes(), "the audit's debug text");
    received
}

fn body(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

#[test]
fn no_form_of_the_token_comes_back_from_a_service_that_echoes_it() {
    for form in Secret::new(CANARY.to_owned()).forms() {
        let form = form.as_str();
        let received = check(CANARY, body(form.as_bytes()));
        assert_eq!(received["text"], "[redacted]");
        check(
            CANARY,
            body(format!("{{\"error\":\"bad token {form}\",\"a\":\"{form}{form}\"}}").as_bytes()),
        );
        check(CANARY, body(&[b"\xff\0", form.as_bytes(), b"\xfe"].concat()));
        check(CANARY, format!("HTTP/1.1 401 {form}\r\ncontent-length: 0\r\n\r\n").into_bytes());
        check(CANARY, format!("HTTP/1.1 200 OK\r\nx-echo: {form}\r\nlocation: /?t={form}\r\ncontent-length: 0\r\n\r\n").into_bytes());
        check(
            CANARY,
            format!("HTTP/1.1 200 OK\r\nx-{form}: 1\r\ncontent-length: 0\r\n\r\n").into_bytes(),
        );
        check(
            CANARY,
            format!("HTTP/1.1 200 OK\r\ncontent-encoding: {form}\r\ncontent-length: 0\r\n\r\n")
                .into_bytes(),
        );
        check(
            CANARY,
            format!("HTTP/1.1 429 OK\r\nretry-after: {form}\r\ncontent-length: 0\r\n\r\n")
                .into_bytes(),
        );
        check(CANARY, format!("{form} is not HTTP\r\n\r\n").into_bytes());
        check(
            CANARY,
            format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{form}\r\n").into_bytes(),
        );
        check(CANARY, format!("HTTP/1.1 200 OK\r\ncontent-length: {form}\r\n\r\n").into_bytes());
        let (first, rest) = form.split_at(form.len() / 2);
        check(CANARY, format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{rest}\r\n0\r\n\r\n", first.len(), rest.len()).into_bytes());
    }
}

#[test]
fn a_compressed_echo_is_found_after_it_is_unpacked() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(format!("the token is {CANARY}").as_bytes()).expect("memory");
    let packed = encoder.finish().expect("memory");
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        packed.len()
    );
    let received = check(CANARY, [head.as_bytes(), &packed].concat());
    assert_eq!(received["text"], "the token is [redacted]");
}

#[test]
fn every_replacement_is_counted() {
    let head = format!(
        "HTTP/1.1 200 OK\r\nx-echo: {CANARY}\r\ncontent-length: {}\r\n\r\n",
        2 * CANARY.len() + 1
    );
    let server = Server::answering(format!("{head}{CANARY} {CANARY}"));
    let lab = Lab::of(&server);
    lab.send_one(get("/"));
    assert_eq!(lab.record().redacted, 3);
}

#[test]
fn a_guest_knows_the_name_of_a_slot_and_not_its_value() {
    let lab = Lab::new();
    let connection = lab.connect(&json!({ "do": "settings" }));
    let told = connection.check().expect("the guest tells").message;
    assert!(told.contains("token"), "{told}");
    assert_clean(CANARY, told.as_bytes(), "what the guest was told");
}

fn debug_texts(connection: &Connection) -> Vec<String> {
    vec![
        format!("{:?}", connection.policy()),
        format!("{:?}", connection.settings()),
        format!("{:?}", connection.scrubber()),
        format!("{:?}", connection.descriptor()),
        format!("{:?} {:?}", connection.pacer(), connection.budget()),
    ]
}

#[test]
fn nothing_that_can_be_printed_of_a_connection_holds_the_token() {
    let connection = Lab::new().connect(&json!({ "do": "settings" }));
    let secrets = Secrets::from_iter([("token".to_owned(), Secret::new(CANARY.into()))]);
    for text in debug_texts(&connection).into_iter().chain([format!("{secrets:?}")]) {
        assert_clean(CANARY, text.as_bytes(), "a debug text");
    }
}

#[test]
fn a_certificate_that_names_the_token_does_not_tell_it() {
    let name = format!("{}.test", CANARY.replace(|c: char| !c.is_ascii_alphanumeric(), ""));
    let server = Server::with_tls(crate::support::identity::named(&name), |_, _| Ok(After::Cut));
    let mut lab = Lab::of(&server);
    lab.secret = name.trim_end_matches(".test").to_owned();
    let received = lab.send_one(get("/"));
    assert_eq!(received["error"], "tls");
    assert_clean(&lab.secret, received["message"].as_str().expect("text").as_bytes(), "a message");
}

/// What may stand in an answer: a form of the token, whole or cut, or something else.
fn piece() -> impl Strategy<Value = (usize, usize, String)> {
    (any::<usize>(), prop_oneof![3 => Just(0_usize), 1 => 1..4_usize], "[ -~]{0,6}")
}

/// Writes the pieces one after the other.
fn write(secret: &str, pieces: &[(usize, usize, String)]) -> String {
    let forms = Secret::new(secret.to_owned()).forms();
    let mut text = String::new();
    for (form, cut, other) in pieces {
        let form = &forms[form % forms.len()];
        text.extend(form.chars().take(form.chars().count().saturating_sub(*cut)));
        text.push_str(other);
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_form_of_any_token_crosses_in_any_answer(
        secret in "[!-~]{8,40}",
        reason in prop::collection::vec(piece(), 0..3),
        name in prop::collection::vec(piece(), 0..2),
        value in prop::collection::vec(piece(), 0..4),
        text in prop::collection::vec(piece(), 0..8),
        noise in prop::collection::vec(any::<u8>(), 0..8),
        status in 200_u16..600,
        short in 0_usize..3,
    ) {
        let (reason, name) = (write(&secret, &reason), write(&secret, &name));
        let (value, mut body) = (write(&secret, &value), write(&secret, &text).into_bytes());
        body.extend(noise);
        body.extend(write(&secret, &text).bytes());
        let length = body.len() + usize::from(short == 0);
        let head = format!("HTTP/1.1 {status} {reason}\r\nx-{name}: a\r\nx-value: {value}\r\ncontent-length: {length}\r\n\r\n");
        check(&secret, [head.as_bytes(), &body].concat());
    }
}
