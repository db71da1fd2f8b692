use proptest::prelude::*;

use super::*;

fn policy() -> Policy {
    let origin: OriginPattern = "https://api.example.com".parse().expect("a pattern");
    let key = SecretSlot::new("api_key", ["Authentication"], ["token"], [origin.clone()])
        .expect("a slot");
    let other = "https://other.example.com".parse().expect("a pattern");
    let unset = SecretSlot::new("unset", ["x-unset"], ["unset"], [origin.clone()]).expect("a slot");
    Policy {
        origins: vec![origin, other, "https://192.0.2.1".parse().expect("a pattern")],
        methods: ["GET", "POST"].map(|method| method.parse().expect(method)).into(),
        slots: vec![key, unset],
        set: ["api_key".to_owned()].into(),
        ..Policy::default()
    }
}

fn get(url: &str) -> PlannedRequest {
    PlannedRequest { method: "GET".into(), url: url.into(), ..PlannedRequest::default() }
}

fn with_header(name: &str, value: Vec<Part>) -> PlannedRequest {
    let headers = vec![HeaderPlan { name: name.into(), value }];
    PlannedRequest { headers, ..get("https://api.example.com/") }
}

fn with_parameter(name: &str, value: Vec<Part>) -> PlannedRequest {
    let query = vec![QueryPlan { name: name.into(), value }];
    PlannedRequest { query, ..get("https://api.example.com/") }
}

fn text(value: &str) -> Vec<Part> {
    vec![Part::Text(value.into())]
}

fn secret(slot: &str) -> Vec<Part> {
    vec![Part::Text("Bearer ".into()), Part::Secret(slot.into())]
}

/// The rule that lets the request out, keeps it back or denies it.
fn rule(policy: &Policy, request: &PlannedRequest) -> Rule {
    match policy.decide(request) {
        Ok(Decision::Send(permit)) => permit.rule(),
        Ok(Decision::Withhold(_)) => Rule::DryRun,
        Err(denial) => denial.rule,
    }
}

fn check(request: &PlannedRequest, expected: Rule) {
    assert_eq!(rule(&policy(), request), expected, "{request:?}");
}

#[test]
fn an_empty_policy_denies_everything() {
    for url in ["https://api.example.com/", "https://192.0.2.1/"] {
        assert_eq!(rule(&Policy::default(), &get(url)), Rule::OriginNotDeclared);
    }
    let no_methods = Policy { methods: BTreeSet::new(), ..policy() };
    assert_eq!(rule(&no_methods, &get("https://api.example.com/")), Rule::MethodNotDeclared);
}

#[test]
fn a_declared_origin_is_reached_and_no_other() {
    for (url, expected) in [
        ("https://api.example.com/v1?a=b", Rule::DeclaredOrigin),
        ("https://other.example.com/", Rule::DeclaredOrigin),
        ("https://api.example.com:8443/", Rule::OriginNotDeclared),
        ("https://example.com/", Rule::OriginNotDeclared),
        ("https://api.example.com.evil.example/", Rule::OriginNotDeclared),
        ("https://localhost/", Rule::OriginNotDeclared),
        ("http://api.example.com/", Rule::HttpsOnly),
        ("http://127.0.0.1:8080/", Rule::HttpsOnly),
        ("file:///etc/passwd", Rule::HttpsOnly),
        ("https://api.example.com@evil.example/", Rule::UrlUserInfo),
        ("https://api.example.com/#a", Rule::UrlFragment),
        ("https://0x7f.1/", Rule::UrlSpelling),
        ("https://[::1]/", Rule::OriginNotDeclared),
    ] {
        check(&get(url), expected);
    }
}

#[test]
fn an_address_is_reached_only_if_declared_and_granted_by_name() {
    let request = get("https://192.0.2.1/");
    check(&request, Rule::AddressLiteral);
    let grants = vec!["https://192.0.2.1=https://192.0.2.1".parse().expect("a grant")];
    let granted = Policy { grants: grants.clone(), ..policy() };
    assert_eq!(rule(&granted, &request), Rule::GrantedOrigin);
    let undeclared = Policy { grants, origins: vec![], ..policy() };
    assert_eq!(rule(&undeclared, &request), Rule::OriginNotDeclared);
}

#[test]
fn a_grant_redirects_what_is_declared_and_adds_nothing() {
    let grant = "https://api.example.com=http://127.0.0.1:8080".parse().expect("a grant");
    let granted = Policy { grants: vec![grant], ..policy() };
    for (url, expected) in [
        ("https://api.example.com/", Rule::GrantedOrigin),
        ("https://other.example.com/", Rule::DeclaredOrigin),
        ("http://127.0.0.1:8080/", Rule::HttpsOnly),
        ("https://127.0.0.1:8080/", Rule::OriginNotDeclared),
    ] {
        assert_eq!(rule(&granted, &get(url)), expected, "{url}");
    }
    let evil = "https://evil.example=https://evil.example".parse().expect("a grant");
    let granted = Policy { grants: vec![evil], ..policy() };
    assert_eq!(rule(&granted, &get("https://evil.example/")), Rule::OriginNotDeclared);
}

#[test]
fn only_declared_methods_are_sent() {
    for (method, expected) in [
        ("GET", Rule::DeclaredOrigin),
        ("POST", Rule::DeclaredOrigin),
        ("DELETE", Rule::MethodNotDeclared),
        ("get", Rule::MethodNotDeclared),
        ("CONNECT", Rule::MethodNotDeclared),
        ("GET / HTTP/1.1\r\n", Rule::MethodNotDeclared),
        ("", Rule::MethodNotDeclared),
    ] {
        check(
            &PlannedRequest { method: method.into(), ..get("https://api.example.com/") },
            expected,
        );
    }
}

#[test]
fn a_header_of_the_host_is_refused_not_overwritten() {
    for (name, value, expected) in [
        ("Accept", "application/json", Rule::DeclaredOrigin),
        ("Host", "evil.example", Rule::HeaderOwned),
        ("content-length", "0", Rule::HeaderOwned),
        ("X-HTTP-Method-Override", "DELETE", Rule::MethodOverride),
        ("bad name", "a", Rule::HeaderName),
        ("accept", "a\r\nHost: evil.example", Rule::HeaderValue),
    ] {
        check(&with_header(name, text(value)), expected);
    }
}

#[test]
fn a_credential_header_holds_a_secret_of_the_host() {
    check(&with_header("Authorization", text("Bearer mine")), Rule::CredentialHeader);
    check(&with_header("AUTHENTICATION", text("Bearer mine")), Rule::CredentialHeader);
    check(&with_header("authentication", vec![]), Rule::CredentialHeader);
    check(&with_header("authentication", secret("api_key")), Rule::DeclaredOrigin);
}

#[test]
fn a_secret_goes_where_its_slot_says() {
    let inside = vec![Part::Base64(vec![Piece::Secret("api_key".into())])];
    for (request, expected) in [
        (with_header("Authentication", secret("api_key")), Rule::DeclaredOrigin),
        (with_header("Authentication", inside.clone()), Rule::DeclaredOrigin),
        (with_header("Authorization", secret("api_key")), Rule::SecretHeader),
        (with_header("X-Note", secret("api_key")), Rule::SecretHeader),
        (with_header("X-Note", inside.clone()), Rule::SecretHeader),
        (with_header("token", secret("api_key")), Rule::SecretHeader),
        (with_header("Authentication", secret("nothing")), Rule::SecretUnknown),
        (with_header("Authentication", secret("")), Rule::SecretUnknown),
        (with_header("x-unset", secret("unset")), Rule::SecretUnset),
        (with_parameter("token", secret("api_key")), Rule::DeclaredOrigin),
        (with_parameter("Token", secret("api_key")), Rule::SecretQuery),
        (with_parameter("authentication", secret("api_key")), Rule::SecretQuery),
        (with_parameter("q", inside), Rule::SecretQuery),
        (with_parameter("token", secret("nothing")), Rule::SecretUnknown),
        (with_parameter("unset", secret("unset")), Rule::SecretUnset),
    ] {
        check(&request, expected);
    }
}

#[test]
fn a_secret_goes_to_its_declared_origin_wherever_that_is_sent() {
    let to = |url: &str| PlannedRequest {
        url: url.into(),
        ..with_header("Authentication", secret("api_key"))
    };
    check(&to("https://other.example.com/"), Rule::SecretOrigin);
    let query = PlannedRequest {
        url: "https://other.example.com/".into(),
        ..with_parameter("token", secret("api_key"))
    };
    check(&query, Rule::SecretOrigin);
    let grants = [
        "https://api.example.com=https://other.example.com",
        "https://other.example.com=https://api.example.com",
    ];
    let swapped =
        Policy { grants: grants.map(|grant| grant.parse().expect(grant)).into(), ..policy() };
    assert_eq!(rule(&swapped, &to("https://api.example.com/")), Rule::GrantedOrigin);
    assert_eq!(rule(&swapped, &to("https://other.example.com/")), Rule::SecretOrigin);
}

#[test]
fn sizes_are_limited() {
    let limits = Limits::default();
    let count = usize::try_from(limits.headers).expect("small");
    let bytes = usize::try_from(limits.header_bytes).expect("small");
    let many = |count| PlannedRequest {
        headers: vec![HeaderPlan::text("a", "b"); count],
        ..get("https://api.example.com/")
    };
    check(&many(count), Rule::DeclaredOrigin);
    check(&many(count + 1), Rule::HeadersTooLarge);
    check(&with_header("a", text(&"b".repeat(bytes - 1))), Rule::DeclaredOrigin);
    check(&with_header("a", text(&"b".repeat(bytes))), Rule::HeadersTooLarge);
    let body = |body_bytes| PlannedRequest { body_bytes, ..get("https://api.example.com/") };
    check(&body(limits.request_body_bytes), Rule::DeclaredOrigin);
    check(&body(limits.request_body_bytes + 1), Rule::RequestTooLarge);
    let url = "https://api.example.com/".to_owned();
    let rest = usize::try_from(limits.url_bytes).expect("small") - url.len();
    check(&get(&(url.clone() + &"a".repeat(rest))), Rule::DeclaredOrigin);
    check(&get(&(url + &"a".repeat(rest + 1))), Rule::RequestTooLarge);
    check(&with_parameter("a", text(&"b".repeat(rest))), Rule::RequestTooLarge);
}

#[test]
fn a_dry_run_lets_get_through_and_withholds_the_rest_after_every_check() {
    let rehearsal = Policy { dry_run: true, ..policy() };
    let post = |url: &str| PlannedRequest { method: "POST".into(), ..get(url) };
    for (request, expected) in [
        (get("https://api.example.com/"), Rule::DeclaredOrigin),
        (post("https://api.example.com/"), Rule::DryRun),
        (post("https://evil.example/"), Rule::OriginNotDeclared),
        (
            PlannedRequest { method: "POST".into(), ..with_header("Host", text("a")) },
            Rule::HeaderOwned,
        ),
        (
            PlannedRequest { method: "POST".into(), ..with_header("x-note", secret("api_key")) },
            Rule::SecretHeader,
        ),
        (
            PlannedRequest { body_bytes: u64::MAX, ..post("https://api.example.com/") },
            Rule::RequestTooLarge,
        ),
        (
            PlannedRequest { method: "DELETE".into(), ..get("https://api.example.com/") },
            Rule::MethodNotDeclared,
        ),
    ] {
        assert_eq!(rule(&rehearsal, &request), expected, "{request:?}");
    }
}

#[test]
fn a_denial_names_the_url_it_could_read() {
    let denial = policy().decide(&get("https://evil.example/v1?a=b")).expect_err("not declared");
    assert_eq!(denial.url.as_ref().map(RequestUrl::path), Some("/v1"));
    assert_eq!(
        denial.to_string(),
        "https://evil.example is not an origin that the component declares"
    );
    assert_eq!(policy().decide(&get("evil")).expect_err("no URL").url, None);
}

fn part() -> impl Strategy<Value = Part> {
    let name = prop_oneof![Just("api_key".to_owned()), Just("unset".to_owned()), ".{0,4}"];
    prop_oneof![
        ".{0,8}".prop_map(Part::Text),
        name.clone().prop_map(Part::Secret),
        name.prop_map(|slot| Part::Base64(vec![Piece::Secret(slot)])),
    ]
}

fn value() -> impl Strategy<Value = Vec<Part>> {
    prop::collection::vec(part(), 0..3)
}

prop_compose! {
    fn request()(
        method in prop_oneof!["GET", "POST", ".{0,6}"],
        url in prop_oneof!["https://(api|other).example.com/[a-z?=&]{0,8}", ".{0,24}"],
        query in prop::collection::vec((prop_oneof!["token", ".{0,4}"], value()), 0..3),
        headers in prop::collection::vec(
            (prop_oneof!["authentication", "Accept", "x-[a-z]{1,4}", "[!-~]{1,4}"], value()),
            0..3,
        ),
    ) -> PlannedRequest {
        PlannedRequest {
            method,
            url,
            query: query.into_iter().map(|(name, value)| QueryPlan { name, value }).collect(),
            headers: headers.into_iter().map(|(name, value)| HeaderPlan { name, value }).collect(),
            body_bytes: 0,
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_let_out_is_declared_and_renders(request in request(), dry_run: bool) {
        let policy = Policy { dry_run, ..policy() };
        let Ok(decision) = policy.decide(&request) else { return Ok(()) };
        let Decision::Send(permit) = decision else {
            prop_assert!(dry_run && request.method != "GET");
            return Ok(());
        };
        prop_assert!(policy.origins.iter().any(|pattern| pattern.matches(permit.origin())));
        prop_assert!(policy.methods.contains(permit.method()));
        let secrets = [("api_key".to_owned(), crate::Secret::new("canary-0123".into()))];
        let rendered = permit.render(&secrets.into_iter().collect()).expect("it renders");
        prop_assert!(rendered.url().starts_with(&request.url));
        prop_assert_eq!(rendered.headers().len(), request.headers.len());
        let sent = RequestUrl::parse(rendered.url()).expect("what is sent is a URL");
        prop_assert_eq!(sent.origin(), permit.origin());
        prop_assert_eq!(sent.path(), permit.url().path());
        for (name, value) in rendered.headers() {
            if value.is_sensitive() {
                prop_assert_eq!(name.as_str(), "authentication");
                prop_assert_eq!(permit.origin().to_string(), "https://api.example.com");
            }
        }
    }
}
