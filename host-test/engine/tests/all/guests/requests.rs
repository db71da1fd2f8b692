//! Requests that no guest may make: each is refused by the rule that it breaks, and no service hears of it.

use serde_json::{Value, json};

use crate::support::lab::{HOME, Lab, OTHER, assert_error};
use crate::support::server::{Server, answer};

/// The request is refused, by this rule, before a connection is made.
fn check(request: &Value, kind: &str, rule: &str) {
    let server = Server::answering(answer("200 OK", &[], "taken"));
    let lab = Lab::of(&server).grant(OTHER, &server.https_origin());
    let received = lab.send_one(request.clone());
    assert_error(&received, kind, false);
    assert_eq!(lab.rule(), rule, "{request}: {received}");
    assert_eq!(server.connections(), 0, "{request}");
    assert!(lab.lookup.asked().is_empty(), "{request}");
}

fn check_url(url: &str, rule: &str) {
    let kind = if rule.starts_with("url-") { "invalid-request" } else { "denied" };
    check(&json!({ "method": "GET", "url": url }), kind, rule);
}

fn check_header(name: &str, value: &Value, kind: &str, rule: &str) {
    let url = format!("{HOME}/");
    check(&json!({ "method": "GET", "url": url, "headers": [[name, [value]]] }), kind, rule);
}

#[test]
fn no_origin_that_is_not_declared_is_reached() {
    for url in [
        "https://evil.test/",
        "https://api.hostile.test:444/",
        "https://api.hostile.test.evil.test/",
        "https://evilapi.hostile.test/",
        "https://hostile.test/",
        "https://wild.hostile.test/",
        "https://a.b.wild.hostile.test/",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://metadata.google.internal/",
    ] {
        check_url(url, "origin-not-declared");
    }
}

#[test]
fn no_scheme_but_https_is_spoken() {
    check_url("http://api.hostile.test/", "https-only");
    for url in [
        "ftp://api.hostile.test/",
        "file:///etc/passwd",
        "data:text/plain,x",
        "wss://api.hostile.test/",
        "gopher://api.hostile.test/",
        "unix:/var/run/docker.sock",
    ] {
        let lab = Lab::new();
        let received = lab.send_one(json!({ "method": "GET", "url": url }));
        assert_eq!(received["maybe_sent"], false, "{url}");
        assert!(matches!(lab.rule(), "https-only" | "url-spelling"), "{url}: {}", lab.rule());
    }
}

#[test]
fn an_address_is_reached_only_where_the_operator_granted_it() {
    check_url("https://169.254.169.254/", "address-literal");
}

#[test]
fn a_url_has_one_spelling() {
    for url in [
        "",
        "/x",
        "//api.hostile.test/",
        "https:api.hostile.test/",
        "https:///api.hostile.test/",
        "https://",
        " https://api.hostile.test/",
        "https://api.hostile.test/ ",
        "HTTPS://api.hostile.test/",
        "https://API.hostile.test/",
        "https://api.hostile.test",
        "https://api.hostile.test./",
        "https://api.hostile.test:443/",
        "https://api.hostile.test:/",
        "https://api.hostile.test:0443/",
        "https://api.hostile.test\\@evil.test/",
        "https://api.hostile.test%2eevil.test/",
        "https://api.hostile%2etest/",
        "https://api.host\u{131}le.test/",
        "https://api\u{3002}hostile.test/",
        "https://\u{ff41}pi.hostile.test/",
        "https://api.hos\u{ad}tile.test/",
        "https://api.hostile.test/\r\nHost: evil.test",
        "https://api.hostile.test/\tx",
        "https://api.hostile.test/\0",
        "https://api.hostile.test/a/../b",
        "https://api.hostile.test/a/%2e%2e/b",
        "https://api.hostile.test/ü",
        "https://2852039166/",
        "https://0251.0376.0251.0376/",
        "https://0xa9.0xfe.0xa9.0xfe/",
        "https://0xa9fea9fe/",
        "https://169.254.43518/",
        "https://127.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://[0:0:0:0:0:0:0:1]/",
        "https://[fe80::1%25eth0]/",
    ] {
        check_url(url, "url-spelling");
    }
}

#[test]
fn a_url_holds_neither_user_info_nor_fragment() {
    check_url("https://user@api.hostile.test/", "url-user-info");
    check_url("https://api.hostile.test@evil.test/", "url-user-info");
    check_url("https://:secret@api.hostile.test/", "url-user-info");
    check_url("https://api.hostile.test/#x", "url-fragment");
    check_url("https://evil.test/#@api.hostile.test/", "url-fragment");
}

#[test]
fn a_header_of_the_host_is_refused() {
    for name in [
        "Host",
        "hOST",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Upgrade",
        "TE",
        "Trailer",
        "Expect",
        "Proxy-Authorization",
        "Proxy-Connection",
        "Accept-Encoding",
        "Cookie",
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
    ] {
        let value = json!({ "text": "evil.test" });
        check_header(name, &value, "denied", "header-owned-by-host");
    }
    let delete = json!({ "text": "DELETE" });
    check_header("X-HTTP-Method-Override", &delete, "denied", "method-override");
}

#[test]
fn a_header_for_credentials_holds_no_text_of_the_guest() {
    for name in ["Authorization", "authorization", "X-Token"] {
        let value = json!({ "text": "Bearer of-another-account" });
        check_header(name, &value, "denied", "credential-header-without-secret");
    }
}

#[test]
fn a_header_cannot_split_a_message() {
    for value in ["a\r\nHost: evil.test", "a\nb", "a\rb", "a\0b", "\u{7f}", "é"] {
        check_header("X-Note", &json!({ "text": value }), "invalid-request", "header-value");
    }
    for name in ["X-Note: a\r\nHost", "X Note", "", "X-Nöte", "X-Note:"] {
        check_header(name, &json!({ "text": "a" }), "invalid-request", "header-name");
    }
}

#[test]
fn a_secret_goes_only_where_its_slot_says() {
    let token = json!({ "secret": "token" });
    let basic = json!({ "base64": [{ "text": "user:" }, { "secret": "token" }] });
    check_header("X-Other", &token, "denied", "secret-header");
    check_header("X-Other", &basic, "denied", "secret-header");
    check_header("X-Token", &json!({ "secret": "another" }), "denied", "secret-unknown");
    check_header("X-Token", &json!({ "secret": "unset" }), "denied", "secret-unset");
    for value in [token, basic] {
        let parameter =
            json!({ "method": "GET", "url": format!("{HOME}/"), "query": [["q", [value]]] });
        check(&parameter, "denied", "secret-query");
        let other = json!({ "method": "GET", "url": format!("{OTHER}/"), "headers": [["X-Token", [value]]] });
        check(&other, "denied", "secret-origin");
        let other =
            json!({ "method": "GET", "url": format!("{OTHER}/"), "query": [["token", [value]]] });
        check(&other, "denied", "secret-origin");
    }
}

#[test]
fn a_secret_that_would_split_a_header_is_refused() {
    let server = Server::answering(answer("200 OK", &[], "taken"));
    for secret in ["one\r\nX-Evil: 1", "two words", "nul\0", "tab\t", "\u{fc}ber", ""] {
        let mut lab = Lab::of(&server);
        lab.secret = secret.into();
        let headers = json!([["X-Token", [{ "secret": "token" }]]]);
        let request = json!({ "method": "GET", "url": format!("{HOME}/"), "headers": headers });
        let received = lab.send_one(request);
        assert_error(&received, "denied", false);
        assert_eq!(lab.rule(), "secret-value", "{secret:?}");
        assert!(secret.is_empty() || !received.to_string().contains(secret), "{received}");
    }
    assert_eq!(server.connections(), 0);
}

#[test]
fn no_method_that_is_not_declared_is_sent() {
    for method in
        ["PATCH", "OPTIONS", "CONNECT", "TRACE", "get", "", "GET / HTTP/1.1\r\nX: y", "G\0"]
    {
        let request = json!({ "method": method, "url": format!("{HOME}/") });
        check(&request, "denied", "method-not-declared");
    }
}

#[test]
fn a_request_is_no_larger_than_the_limit() {
    let get = |path: &str| json!({ "method": "GET", "url": format!("{HOME}{path}") });
    check(&get(&format!("/{}", "x".repeat(17 << 10))), "too-large", "request-too-large");
    let mut request = get("/");
    request["body"] = "x".repeat((1 << 20) + 1).into();
    check(&request, "too-large", "request-too-large");
    let mut request = get("/");
    request["query"] = json!([["q", [{ "text": "x".repeat(17 << 10) }]]]);
    check(&request, "too-large", "request-too-large");
    let mut request = get("/");
    request["headers"] = vec![json!(["X-Note", [{ "text": "x" }]]); 65].into();
    check(&request, "too-large", "headers-too-large");
    request["headers"] = json!([["X-Note", [{ "text": "x".repeat(33 << 10) }]]]);
    check(&request, "too-large", "headers-too-large");
}

#[test]
fn a_dry_run_sends_get_and_keeps_back_the_rest() {
    let server = Server::answering(answer("200 OK", &[], "fine"));
    let mut lab = Lab::of(&server);
    lab.dry_run = true;
    for method in ["POST", "PUT", "DELETE", "HEAD"] {
        let request = json!({ "method": method, "url": format!("{HOME}/{method}"), "body": "{}" });
        assert_error(&lab.send_one(request), "withheld", false);
    }
    assert_eq!(server.connections(), 0);
    let withheld: Vec<_> =
        lab.audit.take_withheld().into_iter().map(|withheld| withheld.request.method).collect();
    assert_eq!(withheld, ["POST", "PUT", "DELETE", "HEAD"]);
    assert!(lab.audit.records().iter().all(|record| record.rule.code() == "dry-run"));
    let get = json!({ "method": "GET", "url": format!("{HOME}/") });
    assert_eq!(lab.send_one(get)["text"], "fine");
    assert_eq!(server.requests().len(), 1);
}
