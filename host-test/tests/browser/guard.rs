//! What other pages in the same browser, and other programs, can do to the page: nothing.

use customerly_emulator::Switches;

use crate::site::{Site, TOKEN};

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into()
}

#[test]
fn another_host_name_is_not_answered() {
    let site = Site::start(Switches::default());
    let port = site.origin.rsplit(':').next().expect("a port").to_owned();
    for (host, status) in [
        (format!("127.0.0.1:{port}"), 200),
        (format!("localhost:{port}"), 200),
        (format!("rebound.example:{port}"), 403),
        ("127.0.0.1".to_owned(), 403),
    ] {
        let answer = agent().get(&site.origin).header("Host", &host).call().expect("an answer");
        assert_eq!(answer.status(), status, "{host}");
        let policy = answer.headers()["content-security-policy"].to_str().expect("text");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe-inline"));
        assert_eq!(answer.headers()["cache-control"], "no-store");
        assert!(answer.headers().get("set-cookie").is_none());
    }
}

#[test]
fn a_form_of_another_page_or_without_the_token_of_this_process_does_nothing() {
    let site = Site::start(Switches::default());
    let address = format!("{}/authenticate/source/add", site.origin);
    let page =
        agent().get(&address).call().expect("a page").body_mut().read_to_string().expect("text");
    let csrf = page.split("name=\"csrf\" value=\"").nth(1).expect("a form")[..32].to_owned();
    let fields = |csrf: &str| {
        [
            ("csrf", csrf.to_owned()),
            ("action", "save".into()),
            ("name", "Forged".into()),
            ("field.api_key", TOKEN.into()),
        ]
    };
    let post = |csrf: &str, header: Option<(&str, &str)>| {
        let mut request = agent().post(&address);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        request.send_form(fields(csrf)).expect("an answer").status().as_u16()
    };
    assert_eq!(post("", None), 403);
    assert_eq!(post(&"0".repeat(32), None), 403);
    assert_eq!(post(&csrf, Some(("Origin", "https://evil.example"))), 403);
    assert_eq!(post(&csrf, Some(("Sec-Fetch-Site", "cross-site"))), 403);
    assert!(site.emulator.requests().is_empty(), "nothing was tried");
    assert_eq!(post(&csrf, Some(("Origin", &site.origin))), 303);
    assert!(!site.emulator.requests().is_empty());
}

#[test]
fn it_listens_on_loopback_and_takes_no_other_address() {
    let site = Site::start(Switches::default());
    assert!(site.origin.starts_with("http://127.0.0.1:"));
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_connector"))
        .args(["serve", "--help"])
        .output()
        .expect("the binary runs");
    let help = String::from_utf8_lossy(&output.stdout).to_lowercase();
    assert!(!help.contains("--host") && !help.contains("--bind") && !help.contains("--address"));
}
