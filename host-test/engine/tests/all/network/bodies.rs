//! A body is held up to the limit and no further, compressed or not.

use std::io::Write as _;

use crate::support::lab::{Lab, assert_error, get};
use crate::support::server::{After, Server, answer};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    let mut reader = brotli::CompressorReader::new(bytes, 4096, 4, 22);
    std::io::copy(&mut reader, &mut encoded).expect("memory");
    encoded
}

fn encoded(encoding: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: {encoding}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn check(bytes: Vec<u8>, kind: &str, rule: &str) {
    let server = Server::https(move |_, wire| {
        wire.write_all(&bytes)?;
        Ok(After::KeepOpen)
    });
    let lab = Lab::of(&server);
    assert_error(&lab.send_one(get("/")), kind, true);
    assert_eq!(lab.rule(), rule);
}

#[test]
fn an_endless_body_is_cut_at_the_limit() {
    for head in [
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551615\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    ] {
        let server = Server::https(move |_, wire| {
            wire.write_all(head.as_bytes())?;
            let block = [b'x'; 0x4000];
            loop {
                if head.contains("chunked") {
                    wire.write_all(b"4000\r\n")?;
                }
                wire.write_all(&block)?;
                if head.contains("chunked") {
                    wire.write_all(b"\r\n")?;
                }
            }
        });
        let lab = Lab::of(&server).limits(|limits| limits.response_body_bytes = 1 << 20);
        assert_error(&lab.send_one(get("/")), "too-large", true);
        assert_eq!(lab.rule(), "response-too-large", "{head}");
    }
}

#[test]
fn a_bomb_is_stopped_by_its_ratio() {
    let zeros = vec![0; 64 << 20];
    check(encoded("gzip", &gzip(&zeros)), "too-large", "compression-ratio");
    check(encoded("br", &brotli(&zeros)), "too-large", "compression-ratio");
}

#[test]
fn a_body_that_is_large_in_good_faith_is_stopped_by_its_size() {
    // Noise compresses to about its own size.
    let mut state = 1_u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    })
    .take(9 << 20)
    .collect();
    check(encoded("gzip", &gzip(&noise)), "too-large", "response-too-large");
    check(encoded("br", &brotli(&noise)), "too-large", "response-too-large");
}

#[test]
fn a_bomb_inside_a_bomb_is_not_unpacked() {
    check(encoded("gzip, gzip", &gzip(&gzip(b"x"))), "malformed", "granted-origin");
    check(encoded("zstd", b"x"), "malformed", "granted-origin");
}

#[test]
fn a_compressed_body_that_is_cut_is_no_answer() {
    let text = "rows and rows of records ".repeat(400);
    for (encoding, whole) in [("gzip", gzip(text.as_bytes())), ("br", brotli(text.as_bytes()))] {
        for length in [0, 1, whole.len() / 2, whole.len() - 1] {
            check(encoded(encoding, &whole[..length]), "malformed", "granted-origin");
        }
        let server = Server::answering(encoded(encoding, &whole));
        let received = Lab::of(&server).send_one(get("/"));
        assert_eq!(received["text"], text);
    }
}

#[test]
fn headers_beyond_the_limit_are_refused() {
    let many: Vec<_> = (0..100).map(|index| (format!("x-{index}"), "v".to_owned())).collect();
    let long = vec![("x-long".to_owned(), "v".repeat(40 << 10))];
    for headers in [many, long] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
        let server = Server::answering(answer("200 OK", &headers, "x"));
        let lab = Lab::of(&server);
        assert_error(&lab.send_one(get("/")), "too-large", true);
        assert_eq!(lab.rule(), "headers-too-large");
    }
}

#[test]
fn endless_headers_are_cut_at_the_limit() {
    let server = Server::https(|_, wire| {
        wire.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            wire.write_all(b"x-more: and more and more and more\r\n")?;
        }
    });
    let lab = Lab::of(&server);
    assert_error(&lab.send_one(get("/")), "too-large", true);
}

#[test]
fn the_bytes_of_a_run_are_counted() {
    let server = Server::answering(answer("200 OK", &[], &"x".repeat(1000)));
    let lab = Lab::of(&server).limits(|limits| limits.bytes_per_run = 2500);
    let received = lab.send(&[get("/1"), get("/2"), get("/3")]);
    assert_eq!(received[1]["status"], 200);
    assert_error(&received[2], "budget", true);
}
