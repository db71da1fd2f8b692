//! Every mistake gives one clear line and the exit code that belongs to it, and loses nothing.

mod support;

use customerly_emulator::{Fault, FaultBody, FaultRule, When};
use support::{connector, connector_to, emulator, run};

/// Runs a command, and expects this exit code and one line on standard error that holds these words.
fn check(command: &mut std::process::Command, code: i32, words: &[&str]) {
    let ended = run(command);
    assert_eq!(ended.code, code, "{ended:?}");
    assert_eq!(ended.err.trim_end().lines().count(), 1, "one line: {}", ended.err);
    for word in words {
        assert!(ended.err.contains(word), "{word:?} is not in: {}", ended.err);
    }
}

#[test]
fn a_token_that_is_none_is_refused_without_being_quoted() {
    let long = "x".repeat(10_000);
    let cases: [(&str, &str); 8] = [
        ("", "API Key"),
        ("   ", "API Key"),
        ("two words", "without spaces"),
        ("Bearer abcdefgh", "\"Bearer\" in front"),
        ("abc\r\nX-Evil: 1", "line breaks"),
        ("tökenö", "visible ASCII"),
        (&long, "The API Key is the token alone"),
        ("tab\there", "without spaces"),
    ];
    for (token, words) in cases {
        let mut command = connector();
        command.env("CONNECTOR_API_KEY", token).arg("headers");
        check(&mut command, 3, &["the credential is not right", words]);
        let ended = run(&mut command);
        for word in token.split_whitespace().filter(|word| word.len() > 3 && *word != "Bearer") {
            assert!(!ended.err.contains(word), "the token is quoted: {}", ended.err);
        }
    }
}

#[test]
fn white_space_around_a_token_is_dropped() {
    let mut command = connector();
    command.env("CONNECTOR_API_KEY", "  token-of-the-test \n").arg("headers");
    let ended = run(&mut command);
    assert_eq!((ended.code, ended.out.trim_end()), (0, "Authentication: Bearer <api_key>"));
}

#[test]
fn a_missing_token_is_said_to_be_missing_and_where_it_goes() {
    check(connector().arg("headers"), 3, &["API Key is missing", "CONNECTOR_API_KEY"]);
}

#[test]
fn settings_that_are_wrong_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    for (text, words) in [
        ("{", "not JSON"),
        ("[]", "no JSON object"),
        (r#"{"colour":1}"#, "no setting `colour`"),
        (r#"{"auth_header":7}"#, "auth_header"),
        (r#"{"auth_header":"basic"}"#, "authentication-bearer"),
    ] {
        let path = folder.path().join("settings.json");
        std::fs::write(&path, text).expect("a file");
        let mut command = connector();
        command.env("CONNECTOR_API_KEY", "token-of-the-test").arg("headers");
        check(command.arg("--settings").arg(&path), 3, &[words]);
    }
    let mut command = connector();
    command.args(["headers", "--settings", "/nonexistent.json"]);
    check(&mut command, 1, &["cannot read the settings"]);
}

#[test]
fn a_plugin_that_is_none_is_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = std::fs::read(host_test::COMPONENT).expect("the component is built");
    let other_version = replace(&whole, b"plugin/source@0.1.0", b"plugin/source@0.9.0");
    let cases: [(&[u8], i32, &str); 6] = [
        (b"", 7, "empty"),
        (&whole[..whole.len() / 2], 7, "is not a WebAssembly component"),
        (b"\0asm\x01\0\0\0", 7, "core module"),
        (b"\0asm\x0d\0\x01\0", 7, "does not export"),
        (&other_version, 7, "version 0.9.0"),
        (b"#!/bin/sh\necho hello\n", 7, "no WebAssembly"),
    ];
    for (bytes, code, words) in cases {
        let path = folder.path().join("plugin.wasm");
        std::fs::write(&path, bytes).expect("a file");
        check(connector().arg("inspect").arg("--plugin").arg(&path), code, &[words]);
    }
    check(connector().args(["inspect", "--plugin", "missing.wasm"]), 2, &["missing.wasm"]);
    let zeros = "0".repeat(64);
    check(connector().args(["inspect", "--plugin-sha256", &zeros]), 7, &["was asked for"]);
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(from.len()).position(|window| window == from) {
        bytes[at + found..][..to.len()].copy_from_slice(to);
        at += found + to.len();
    }
    bytes
}

#[test]
fn an_unknown_name_is_a_mistake_of_usage_that_lists_the_known_ones() {
    let emulator = emulator(1, 1);
    check(connector_to(&emulator).args(["read", "userz"]), 2, &["userz", "users, leads"]);
    check(connector_to(&emulator).args(["read", "users", "users"]), 2, &["named twice"]);
    check(connector().arg("frobnicate"), 2, &["frobnicate"]);
    check(connector_to(&emulator).args(["read", "--option", "nonsense=1"]), 2, &["nonsense"]);
    check(
        connector_to(&emulator).args(["read", "users", "--option", "lookback=-1"]),
        3,
        &["lookback"],
    );
    check(connector().args(["inspect", "--origin", "x"]), 2, &["--origin"]);
}

#[test]
fn the_answers_of_a_check_are_told_apart_by_body_before_status() {
    use FaultBody::{AccessTokenNotFound, Empty, HeaderMissing, Html};
    let cut = || FaultBody::Text(r#"{"data":["be"#.into());
    let emulator = emulator(1, 1);
    let mut cases = vec![
        (200, Html, 5, "HTML"),
        (200, cut(), 5, "cut off"),
        (200, Empty, 5, "empty"),
        (301, Empty, 1, "301"),
        (404, Html, 1, "404"),
        (429, Html, 5, "429"),
        (500, Html, 5, "500"),
        (503, Empty, 5, "503"),
        (401, Html, 4, "401"),
        (403, Empty, 4, "403"),
    ];
    for status in [200, 401, 403, 404, 429, 500] {
        cases.push((status, AccessTokenNotFound, 4, "Public API"));
        cases.push((status, HeaderMissing, 4, "Public API"));
    }
    for (status, body, code, words) in cases {
        emulator.clear_faults();
        let fault = Fault::answer(status, body);
        emulator.add_fault(FaultRule {
            method: None,
            path: String::new(),
            when: When::Always,
            fault,
        });
        check(connector_to(&emulator).arg("check"), code, &[words]);
    }
}

#[test]
fn a_service_that_gives_no_answer_is_try_later() {
    let emulator = emulator(1, 1);
    for fault in [Fault::CloseBefore, Fault::CutBody] {
        emulator.clear_faults();
        emulator.add_fault(FaultRule {
            method: None,
            path: String::new(),
            when: When::Always,
            fault,
        });
        check(connector_to(&emulator).arg("check"), 5, &["No answer from Customerly"]);
    }
    emulator.clear_faults();
    let fault = Fault::Endless;
    emulator.add_fault(FaultRule { method: None, path: String::new(), when: When::Always, fault });
    check(connector_to(&emulator).arg("check"), 1, &["larger than"]);
    let origin = format!("--origin={}={}", support::ORIGIN, emulator.origin());
    drop(emulator);
    let mut command = connector();
    command.env("CONNECTOR_API_KEY", "token-of-the-test").args([&origin, "check"]);
    check(&mut command, 5, &["no connection"]);
}

#[test]
fn a_wrong_token_is_refused_with_the_remedy() {
    let emulator = emulator(10, 0);
    for command in ["check", "read"] {
        let mut command_line = connector_to(&emulator);
        command_line.env("CONNECTOR_API_KEY", "not-the-token-at-all").arg(command);
        let ended = run(&mut command_line);
        assert_eq!(ended.code, 4, "{ended:?}");
        assert!(ended.err.contains("Access token not found"), "{}", ended.err);
        assert!(ended.err.contains("Your Access Token for Customerly"), "{}", ended.err);
        assert!(!ended.err.contains("not-the-token"), "{}", ended.err);
    }
}

#[test]
fn another_header_form_that_works_is_the_remedy() {
    let emulator = emulator(1, 1);
    emulator.switch(|switches| {
        switches.auth_forms = vec![customerly_emulator::AuthForm::AuthorizationBearer];
    });
    check(
        connector_to(&emulator).arg("check"),
        3,
        &["accepts it as `Authorization: Bearer", "Set `auth_header` to `authorization-bearer`"],
    );
    let mut command = connector_to(&emulator);
    let ended = run(command.args(["check", "--set", "auth_header=authorization-bearer"]));
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[test]
fn a_state_that_is_damaged_foreign_or_from_the_future_is_named_and_kept() {
    let emulator = emulator(300, 0);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("run.state");
    let read = |streams: &[&str]| {
        let mut command = connector_to(&emulator);
        command.arg("read").args(streams).arg("--state").arg(&path);
        command
    };
    assert_eq!(run(&mut read(&["users"])).code, 0);
    let good = support::text(&path);
    let cases = [
        (good[..good.len() / 2].to_owned(), "damaged"),
        (String::new(), "damaged"),
        (good.replacen("\"format\":1", "\"format\":99", 1), "format 99"),
        (
            good.replace("\"connector\":\"customerly\"", "\"connector\":\"other\""),
            "another connector",
        ),
        (good.replace("unsaved:", "other:"), "another credential"),
    ];
    for (text, words) in cases {
        assert_ne!(text, good, "{words}");
        std::fs::write(&path, &text).expect("a file");
        let ended = run(&mut read(&["users"]));
        assert_eq!(ended.code, 6, "{ended:?}");
        assert!(ended.err.contains(words) && ended.err.contains("--full"), "{}", ended.err);
        assert_eq!((ended.out.as_str(), support::text(&path)), ("", text), "nothing is lost");
    }
    std::fs::write(&path, "{").expect("a file");
    assert_eq!(run(read(&["users"]).arg("--full")).code, 0);
}
