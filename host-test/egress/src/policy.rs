//! The decision about one request: pure, whole, and before anything is dialled or rendered.
//!
//! What is in force is what the component declares **and** what the operator grants. An empty policy
//! denies everything, and nothing that a plugin passes in a request can widen it. [`Policy::decide`] asks in
//! this order, and the first "no" is the answer:
//!
//! 1. the URL: one parser, one spelling, `https` ([`RequestUrl`])
//! 2. the origin: declared ([`OriginPattern`]), and granted by name if it is an address
//! 3. the method: declared ([`Method`])
//! 4. the headers: names, owners, values, count and size ([`header`](crate::header))
//! 5. the secrets: each slot known, set, and declared for this header or parameter and this origin
//!    ([`SecretSlot`])
//! 6. the sizes of the body and of the URL
//! 7. the dry run: after all checks, everything but GET is withheld
//!
//! A header that carries credentials (`authorization`, and each header that a slot declares) must hold
//! a secret: a plugin that could write its own would send the records of one account into another.
//!
//! The answer is a [`Permit`], and there is no other way to make one; what is sent is rendered from it.

use std::collections::BTreeSet;

use http::header::HeaderName;

use crate::grant::Grant;
use crate::header::{HeaderError, check_text, parse_name};
use crate::limits::Limits;
use crate::method::Method;
use crate::origin::{Origin, Scheme};
use crate::part::{HeaderPlan, Part, Piece, QueryPlan, slots_of};
use crate::pattern::OriginPattern;
use crate::permit::Permit;
use crate::quote::quote;
use crate::rule::Rule;
use crate::slots::SecretSlot;
use crate::target::RequestUrl;

/// What a plugin may send; empty, it denies everything.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The origins that the component declares, filled from the settings.
    pub origins: Vec<OriginPattern>,
    /// The methods that the component declares.
    pub methods: BTreeSet<Method>,
    /// The secrets that the component declares.
    pub slots: Vec<SecretSlot>,
    /// The names of the slots that have a value.
    pub set: BTreeSet<String>,
    /// Where the operator sends declared origins; of two for one origin, the first counts.
    pub grants: Vec<Grant>,
    /// The limits in force.
    pub limits: Limits,
    /// Whether everything but GET is withheld.
    pub dry_run: bool,
}

/// A request as the plugin plans it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlannedRequest {
    /// The method, in upper case.
    pub method: String,
    /// The absolute URL.
    pub url: String,
    /// Parameters that the host appends to the URL.
    pub query: Vec<QueryPlan>,
    /// The headers, in order.
    pub headers: Vec<HeaderPlan>,
    /// The length of the body in bytes, 0 without one.
    pub body_bytes: u64,
}

/// What is done with a request that breaks no rule.
#[derive(Debug)]
pub enum Decision {
    /// It is sent.
    Send(Permit),
    /// It is kept back by a dry run. It would have been sent otherwise.
    Withhold(Withheld),
}

/// A request that a dry run kept back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// The method.
    pub method: Method,
    /// The URL, without the parameters that the host would have appended.
    pub url: RequestUrl,
}

/// Why a request is not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Denial {
    /// The rule that it breaks.
    pub rule: Rule,
    /// What is wrong and what to do, for a person.
    pub message: String,
    /// The URL, if it is one.
    pub url: Option<RequestUrl>,
}

impl Policy {
    /// Decides about a request.
    pub fn decide(&self, request: &PlannedRequest) -> Result<Decision, Denial> {
        let url = RequestUrl::parse(&request.url).map_err(|error| Denial {
            rule: error.rule(),
            message: error.to_string(),
            url: None,
        })?;
        self.decide_for(&url, request).map_err(|(rule, message)| Denial {
            rule,
            message,
            url: Some(url),
        })
    }

    fn decide_for(&self, url: &RequestUrl, request: &PlannedRequest) -> Result<Decision, Broken> {
        let grant = self.check_origin(url.origin())?;
        let method = self.check_method(&request.method)?;
        let headers = self.check_headers(url.origin(), &request.headers)?;
        self.check_query(url.origin(), &request.query)?;
        self.check_sizes(url, request)?;
        if self.dry_run && !method.reads_only() {
            return Ok(Decision::Withhold(Withheld { method, url: url.clone() }));
        }
        Ok(Decision::Send(Permit::new(
            method,
            url.clone(),
            grant.cloned(),
            request.query.clone(),
            headers,
            &self.limits,
        )))
    }

    fn check_origin(&self, origin: &Origin) -> Result<Option<&Grant>, Broken> {
        if origin.scheme != Scheme::Https {
            let message = format!("{origin} is not https; a plugin addresses nothing else");
            return Err((Rule::HttpsOnly, message));
        }
        if !self.origins.iter().any(|pattern| pattern.matches(origin)) {
            let message = format!("{origin} is not an origin that the component declares");
            return Err((Rule::OriginNotDeclared, message));
        }
        let grant = self.grants.iter().find(|grant| grant.declared() == origin);
        if grant.is_none() && origin.host.address().is_some() {
            let message = format!("{origin} is an address, which only the operator can grant");
            return Err((Rule::AddressLiteral, message));
        }
        Ok(grant)
    }

    fn check_method(&self, text: &str) -> Result<Method, Broken> {
        let method =
            text.parse::<Method>().map_err(|e| (Rule::MethodNotDeclared, e.to_string()))?;
        if !self.methods.contains(&method) {
            let message = format!("{method} is not a method that the component declares");
            return Err((Rule::MethodNotDeclared, message));
        }
        Ok(method)
    }

    fn check_headers(
        &self,
        origin: &Origin,
        plans: &[HeaderPlan],
    ) -> Result<Vec<(HeaderName, Vec<Part>)>, Broken> {
        if plans.len() as u64 > self.limits.headers {
            let message = format!(
                "the request has {} headers; {} may be sent",
                plans.len(),
                self.limits.headers
            );
            return Err((Rule::HeadersTooLarge, message));
        }
        let mut bytes = 0;
        let mut headers = Vec::with_capacity(plans.len());
        for plan in plans {
            let name = parse_name(&plan.name).map_err(|error| broken(&error))?;
            bytes += name.as_str().len();
            for text in texts_of(&plan.value) {
                bytes += text.len();
            }
            for part in &plan.value {
                if let Part::Text(text) = part {
                    check_text(&name, text).map_err(|error| broken(&error))?;
                }
            }
            for slot in slots_of(&plan.value) {
                let slot = self.check_slot(slot, origin)?;
                if !slot.allows_header(name.as_str()) {
                    let message = format!(
                        "the secret {} may not go into the header {name}",
                        quote(slot.name())
                    );
                    return Err((Rule::SecretHeader, message));
                }
            }
            if self.is_credential_header(&name) && slots_of(&plan.value).next().is_none() {
                let message = format!("the header {name} is for a secret, and holds none");
                return Err((Rule::CredentialHeader, message));
            }
            headers.push((name, plan.value.clone()));
        }
        // The secrets are counted too once they are rendered.
        if bytes as u64 > self.limits.header_bytes {
            return Err(headers_too_large(bytes as u64, self.limits.header_bytes));
        }
        Ok(headers)
    }

    fn check_query(&self, origin: &Origin, plans: &[QueryPlan]) -> Result<(), Broken> {
        for plan in plans {
            for slot in slots_of(&plan.value) {
                let slot = self.check_slot(slot, origin)?;
                if !slot.allows_query(&plan.name) {
                    let message = format!(
                        "the secret {} may not go into the query parameter {}",
                        quote(slot.name()),
                        quote(&plan.name)
                    );
                    return Err((Rule::SecretQuery, message));
                }
            }
        }
        Ok(())
    }

    fn check_slot(&self, name: &str, origin: &Origin) -> Result<&SecretSlot, Broken> {
        let Some(slot) = self.slots.iter().find(|slot| slot.name() == name) else {
            let message = format!("the component declares no secret {}", quote(name));
            return Err((Rule::SecretUnknown, message));
        };
        if !slot.allows_origin(origin) {
            let message = format!("the secret {} may not go to {origin}", quote(name));
            return Err((Rule::SecretOrigin, message));
        }
        if !self.set.contains(name) {
            let message = format!("the secret {} is not set", quote(name));
            return Err((Rule::SecretUnset, message));
        }
        Ok(slot)
    }

    fn check_sizes(&self, url: &RequestUrl, request: &PlannedRequest) -> Result<(), Broken> {
        let too_large = |what: &str, bytes: u64, limit: u64| {
            let message = format!("{what} has {bytes} bytes; {limit} may be sent");
            Err((Rule::RequestTooLarge, message))
        };
        if request.body_bytes > self.limits.request_body_bytes {
            return too_large("the body", request.body_bytes, self.limits.request_body_bytes);
        }
        // Unencoded, so a lower bound; the encoded length is known once it is rendered.
        let query = request
            .query
            .iter()
            .map(|plan| plan.name.len() + texts_of(&plan.value).map(str::len).sum::<usize>());
        let bytes = (url.as_str().len() + query.sum::<usize>()) as u64;
        if bytes > self.limits.url_bytes {
            return too_large("the URL", bytes, self.limits.url_bytes);
        }
        Ok(())
    }

    fn is_credential_header(&self, name: &HeaderName) -> bool {
        *name == http::header::AUTHORIZATION
            || self.slots.iter().any(|slot| slot.allows_header(name.as_str()))
    }
}

pub(crate) type Broken = (Rule, String);

fn broken(error: &HeaderError) -> Broken {
    (error.rule(), error.to_string())
}

pub(crate) fn headers_too_large(bytes: u64, limit: u64) -> Broken {
    (Rule::HeadersTooLarge, format!("the headers have {bytes} bytes; {limit} may be sent"))
}

fn texts_of(parts: &[Part]) -> impl Iterator<Item = &str> {
    parts.iter().flat_map(|part| {
        let (own, pieces) = match part {
            Part::Base64(pieces) => (None, pieces.as_slice()),
            Part::Secret(_) => (None, [].as_slice()),
            Part::Text(text) => (Some(text.as_str()), [].as_slice()),
        };
        own.into_iter().chain(pieces.iter().filter_map(|piece| match piece {
            Piece::Secret(_) => None,
            Piece::Text(text) => Some(text.as_str()),
        }))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy() -> Policy {
        let origin: OriginPattern = "https://api.example.com".parse().expect("a pattern");
        let key = SecretSlot::new("api_key", ["Authentication"], ["token"], [origin.clone()])
            .expect("a slot");
        let other = "https://other.example.com".parse().expect("a pattern");
        let unset =
            SecretSlot::new("unset", ["x-unset"], ["unset"], [origin.clone()]).expect("a slot");
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
                PlannedRequest {
                    method: "POST".into(),
                    ..with_header("x-note", secret("api_key"))
                },
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
        let denial =
            policy().decide(&get("https://evil.example/v1?a=b")).expect_err("not declared");
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

    prop_compose! {
        fn request()(
            method in prop_oneof!["GET", "POST", ".{0,6}"],
            url in prop_oneof!["https://(api|other).example.com/[a-z?=&]{0,8}", ".{0,24}"],
            query in prop::collection::vec((prop_oneof!["token", ".{0,4}"], prop::collection::vec(part(), 0..3)), 0..3),
            headers in prop::collection::vec(
                (prop_oneof!["authentication", "Accept", "x-[a-z]{1,4}", "[!-~]{1,4}"], prop::collection::vec(part(), 0..3)),
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
}
