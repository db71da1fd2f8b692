//! A redirect is an answer like any other: nobody follows it.

use serde_json::json;

use crate::support::lab::{HOME, Lab, OTHER};
use crate::support::server::{Server, answer};

fn check(status: &str, header: &str) {
    let other = Server::answering(answer("200 OK", &[], "taken"));
    let value = match header {
        "Refresh" => format!("0; url={}/steal", other.https_origin()),
        _ => format!("{}/steal", other.https_origin()),
    };
    let home = Server::answering(answer(status, &[(header, &value)], "moved"));
    // The other origin is declared and granted too: only the rule against redirects is in the way.
    let lab = Lab::of(&home).grant(OTHER, &other.https_origin());
    for method in ["GET", "POST", "DELETE"] {
        let received = lab.send_one(json!({
            "method": method,
            "url": format!("{HOME}/x"),
            "headers": [["X-Token", [{ "secret": "token" }]]],
        }));
        assert_eq!(received["text"], "moved", "{received}");
        assert_eq!(received["status"].to_string(), status[..3], "{received}");
    }
    assert_eq!(other.connections(), 0, "{status} {header}");
    assert_eq!(home.requests().len(), 3, "{status} {header}");
}

#[test]
fn no_redirect_is_followed_in_any_form() {
    check("301 Moved Permanently", "Location");
    check("302 Found", "Location");
    check("303 See Other", "Location");
    check("307 Temporary Redirect", "Location");
    check("308 Permanent Redirect", "Location");
    check("300 Multiple Choices", "Location");
    check("200 OK", "Refresh");
    check("201 Created", "Content-Location");
}
