//! Headers: whatever a plugin plans, what is rendered splits no message, and holds the secret only in its own header.

#![no_main]

use connector_egress::{
    Decision, HeaderPlan, Part, Piece, PlannedRequest, Policy, QueryPlan, Secret, SecretSlot,
    Secrets,
};
use libfuzzer_sys::fuzz_target;

const ORIGIN: &str = "https://api.example.com";

fn part(text: &str) -> Part {
    match text.split_at_checked(1) {
        Some(("s", slot)) => Part::Secret(slot.to_owned()),
        Some(("b", rest)) => {
            Part::Base64(vec![Piece::Text(rest.to_owned()), Piece::Secret("token".into())])
        }
        _ => Part::Text(text.to_owned()),
    }
}

// Lines: the secret, the method, the path, and then by turns a header's name, its parts, a parameter's name, its parts.
fuzz_target!(|text: &str| {
    let mut lines = text.split('\u{1}');
    let mut next = || lines.next().unwrap_or_default();
    let secret = Secret::new(format!("5ecret{}", next()));
    let (method, path) = (next().to_owned(), next());
    let mut request =
        PlannedRequest { method, url: format!("{ORIGIN}/{path}"), ..PlannedRequest::default() };
    for _ in 0..3 {
        let value = |text: &str| text.split('\u{2}').map(part).collect();
        request.headers.push(HeaderPlan { name: next().to_owned(), value: value(next()) });
        request.query.push(QueryPlan { name: next().to_owned(), value: value(next()) });
    }
    let origins = vec![ORIGIN.parse().expect("an origin")];
    let slot = SecretSlot::new("token", ["x-token"], ["token".to_owned()], origins.clone());
    let secrets = Secrets::from_iter([("token".to_owned(), secret.clone())]);
    let policy = Policy {
        origins,
        methods: ["GET", "POST"].map(|method| method.parse().expect("a method")).into(),
        slots: vec![slot.expect("a header")],
        set: secrets.names(),
        ..Policy::default()
    };
    let Ok(Decision::Send(permit)) = policy.decide(&request) else { return };
    let Ok(rendered) = permit.render(&secrets) else { return };
    for (name, value) in rendered.headers() {
        assert!(value.as_bytes().iter().all(|byte| !matches!(byte, b'\r' | b'\n' | 0)));
        if value.is_sensitive() {
            assert_eq!(name.as_str(), "x-token");
        }
        assert!(!matches!(name.as_str(), "host" | "content-length" | "transfer-encoding"));
    }
    let uri: http::Uri = rendered.url().parse().expect("the client takes what is rendered");
    assert_eq!(uri.host(), Some("api.example.com"));
    // A plugin that happens to write the secret itself did not get it from the host.
    let written = text.split_once('\u{1}').is_some_and(|(_, rest)| rest.contains(secret.expose()));
    assert!(written || !format!("{rendered:?}").contains(secret.expose()));
});
