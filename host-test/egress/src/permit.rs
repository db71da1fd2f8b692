//! The permission to send one request, and its rendering: the last step before the bytes leave.
//!
//! A [`Permit`] is made by [`Policy::decide`](crate::Policy::decide) and by nothing else. It holds
//! no secret. [`Permit::render`] puts the secrets in, once per attempt:
//!
//! | where | what a secret's value may hold | how it is written |
//! | --- | --- | --- |
//! | a header, as it is | visible ASCII | as it is |
//! | a header, in base64 | anything but control characters | in base64 |
//! | a query parameter | anything but control characters | percent-encoded |
//!
//! An empty secret is refused everywhere. A header with a secret is marked sensitive, so that no
//! HTTP library prints or indexes it, and its bytes are overwritten when the last copy of the
//! handle is dropped, like those of the URL. A message about a secret never quotes it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use zeroize::Zeroizing;

use crate::encode::encode_query;
use crate::grant::Grant;
use crate::limits::Limits;
use crate::method::Method;
use crate::origin::Origin;
use crate::part::{Part, Piece, QueryPlan, slots_of};
use crate::policy::{Broken, Denial, headers_too_large};
use crate::quote::quote;
use crate::rule::Rule;
use crate::secret::Secret;
use crate::slots::Secrets;
use crate::target::RequestUrl;

/// A request that may be sent.
#[derive(Clone, Debug)]
pub struct Permit {
    method: Method,
    url: RequestUrl,
    grant: Option<Grant>,
    query: Vec<QueryPlan>,
    headers: Vec<(HeaderName, Vec<Part>)>,
    header_bytes: u64,
    url_bytes: u64,
}

/// A request with its secrets in place.
pub struct Rendered {
    method: Method,
    url: Zeroizing<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Permit {
    pub(crate) fn new(
        method: Method,
        url: RequestUrl,
        grant: Option<Grant>,
        query: Vec<QueryPlan>,
        headers: Vec<(HeaderName, Vec<Part>)>,
        limits: &Limits,
    ) -> Self {
        let Limits { header_bytes, url_bytes, .. } = *limits;
        Self { method, url, grant, query, headers, header_bytes, url_bytes }
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The URL as the plugin wrote it, on the declared origin, without the parameters to append.
    pub fn url(&self) -> &RequestUrl {
        &self.url
    }

    /// The origin that the component declares.
    pub fn origin(&self) -> &Origin {
        self.url.origin()
    }

    /// The origin to dial: the declared one, or where the operator sends it.
    pub fn dial(&self) -> &Origin {
        self.grant.as_ref().map_or(self.url.origin(), Grant::dialled)
    }

    /// Whether the operator granted the machine itself: the second argument of
    /// [`refuse`](crate::address::refuse).
    pub fn allows_loopback(&self) -> bool {
        self.grant.as_ref().is_some_and(|grant| grant.dialled().host.is_loopback())
    }

    /// The rule that lets it out.
    pub fn rule(&self) -> Rule {
        match self.grant {
            None => Rule::DeclaredOrigin,
            Some(_) => Rule::GrantedOrigin,
        }
    }

    /// Puts the secrets in.
    pub fn render(&self, secrets: &Secrets) -> Result<Rendered, Denial> {
        let denial = |(rule, message)| Denial { rule, message, url: Some(self.url.clone()) };
        Ok(Rendered {
            method: self.method.clone(),
            url: self.render_url(secrets).map_err(denial)?,
            headers: self.render_headers(secrets).map_err(denial)?,
        })
    }

    fn render_url(&self, secrets: &Secrets) -> Result<Zeroizing<String>, Broken> {
        let fixed = |text: &str| Zeroizing::new(text.to_owned());
        let mut pieces = vec![fixed(&self.dial().to_string()), fixed(self.url.path_and_query())];
        let mut separator = if self.url.has_query() { "&" } else { "?" };
        for QueryPlan { name, value } in &self.query {
            pieces.extend([fixed(separator), encode_query(name), fixed("=")]);
            separator = "&";
            for part in value {
                pieces.push(match part {
                    Part::Base64(pieces) => encode_query(&base64(pieces, secrets)?),
                    Part::Secret(slot) => encode_query(encodable(slot, secrets)?.expose()),
                    Part::Text(text) => encode_query(text),
                });
            }
        }
        let url = join(&pieces);
        if url.len() as u64 > self.url_bytes {
            let message =
                format!("the URL has {} bytes; {} may be sent", url.len(), self.url_bytes);
            return Err((Rule::RequestTooLarge, message));
        }
        Ok(url)
    }

    fn render_headers(&self, secrets: &Secrets) -> Result<Vec<(HeaderName, HeaderValue)>, Broken> {
        let mut bytes = 0;
        let mut headers = Vec::with_capacity(self.headers.len());
        for (name, parts) in &self.headers {
            let value = render_value(parts, secrets)?;
            bytes += (name.as_str().len() + value.len()) as u64;
            headers.push((name.clone(), value));
        }
        if bytes > self.header_bytes {
            return Err(headers_too_large(bytes, self.header_bytes));
        }
        Ok(headers)
    }
}

impl Rendered {
    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The URL to send, on the origin to dial, with its query. It may hold secrets.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The headers to send, in order, duplicates kept. Those with a secret are marked sensitive.
    pub fn headers(&self) -> &[(HeaderName, HeaderValue)] {
        &self.headers
    }
}

/// Nothing that could hold a secret.
impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rendered")
            .field("method", &self.method)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

fn render_value(parts: &[Part], secrets: &Secrets) -> Result<HeaderValue, Broken> {
    let mut pieces: Vec<Zeroizing<String>> = Vec::with_capacity(parts.len());
    for part in parts {
        pieces.push(match part {
            Part::Base64(pieces) => base64(pieces, secrets)?,
            Part::Secret(slot) => {
                let secret = encodable(slot, secrets)?;
                if !secret.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
                    return Err(unwritable(slot, "visible ASCII without a space"));
                }
                Zeroizing::new(secret.expose().to_owned())
            }
            Part::Text(text) => Zeroizing::new(text.clone()),
        });
    }
    // The value owns the overwriting buffer itself: `http` would copy it into one that is not.
    let bytes = Bytes::from_owner(Zeroizing::new(join(&pieces).as_bytes().to_vec()));
    let mut value = HeaderValue::from_maybe_shared(bytes)
        .expect("texts were checked when the permit was made, secrets just now");
    value.set_sensitive(slots_of(parts).next().is_some());
    Ok(value)
}

fn base64(pieces: &[Piece], secrets: &Secrets) -> Result<Zeroizing<String>, Broken> {
    let mut texts: Vec<&str> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        texts.push(match piece {
            Piece::Secret(slot) => encodable(slot, secrets)?.expose(),
            Piece::Text(text) => text,
        });
    }
    Ok(Zeroizing::new(STANDARD.encode(join(&texts).as_bytes())))
}

/// Joins in one allocation, so that no shorter copy is left behind.
fn join(texts: &[impl AsRef<str>]) -> Zeroizing<String> {
    let length = texts.iter().map(|text| text.as_ref().len()).sum();
    let mut joined = Zeroizing::new(String::with_capacity(length));
    for text in texts {
        joined.push_str(text.as_ref());
    }
    joined
}

/// The secret, fit for a place where it is encoded.
fn encodable<'a>(slot: &str, secrets: &'a Secrets) -> Result<&'a Secret, Broken> {
    let Some(secret) = secrets.get(slot) else {
        return Err((Rule::SecretUnset, format!("the secret {} is not set", quote(slot))));
    };
    if secret.expose().is_empty() || secret.expose().contains(char::is_control) {
        return Err(unwritable(slot, "text of one line, not empty"));
    }
    Ok(secret)
}

fn unwritable(slot: &str, rule: &str) -> Broken {
    let message = format!("the value of the secret {} must be {rule}", quote(slot));
    (Rule::SecretValue, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part::HeaderPlan;
    use crate::policy::{Decision, PlannedRequest, Policy};
    use crate::slots::SecretSlot;

    const CANARY: &str = "canary/token+0123456789";

    fn permit(
        grants: &[&str],
        url: &str,
        query: Vec<QueryPlan>,
        headers: Vec<HeaderPlan>,
    ) -> Permit {
        let origin: crate::OriginPattern = "https://api.example.com".parse().expect("a pattern");
        let slot = SecretSlot::new("key", ["Authentication"], ["token"], [origin.clone()]);
        let policy = Policy {
            origins: vec![origin],
            methods: ["GET".parse().expect("a method")].into(),
            slots: vec![slot.expect("a slot")],
            set: ["key".to_owned()].into(),
            grants: grants.iter().map(|grant| grant.parse().expect("a grant")).collect(),
            ..Policy::default()
        };
        let url = url.to_owned();
        let request = PlannedRequest { method: "GET".into(), url, query, headers, body_bytes: 0 };
        match policy.decide(&request) {
            Ok(Decision::Send(permit)) => permit,
            other => panic!("{other:?}"),
        }
    }

    fn secrets(value: &str) -> Secrets {
        [("key".to_owned(), Secret::new(value.to_owned()))].into_iter().collect()
    }

    fn header(value: Vec<Part>) -> Vec<HeaderPlan> {
        vec![HeaderPlan { name: "Authentication".into(), value }]
    }

    fn basic() -> Vec<Part> {
        let pieces = vec![Piece::Text("user:".into()), Piece::Secret("key".into())];
        vec![Part::Text("Basic ".into()), Part::Base64(pieces)]
    }

    fn bearer() -> Vec<Part> {
        vec![Part::Text("Bearer ".into()), Part::Secret("key".into())]
    }

    fn check_header(value: Vec<Part>, secret: &str, expected: Result<&str, Rule>) {
        let permit = permit(&[], "https://api.example.com/", vec![], header(value));
        let rendered = permit.render(&secrets(secret));
        let found = rendered
            .as_ref()
            .map(|rendered| rendered.headers()[0].1.to_str().expect("ASCII"))
            .map_err(|denial| denial.rule);
        assert_eq!(found, expected, "{secret:?}");
    }

    fn check_url(url: &str, value: Vec<Part>, expected: &str) {
        let query = vec![
            QueryPlan { name: "a b".into(), value: vec![Part::Text("&=".into())] },
            QueryPlan { name: "token".into(), value },
        ];
        let rendered =
            permit(&[], url, query, vec![]).render(&secrets(CANARY)).expect("a rendering");
        assert_eq!(rendered.url(), expected);
    }

    #[test]
    fn a_header_is_its_parts_joined() {
        check_header(bearer(), CANARY, Ok("Bearer canary/token+0123456789"));
        check_header(basic(), "pässword 1", Ok("Basic dXNlcjpww6Rzc3dvcmQgMQ=="));
    }

    #[test]
    fn a_secret_that_cannot_be_written_is_refused() {
        for secret in ["", "a\r\nHost: evil.example", "a\rb", "a\nb", "a\0b", "a\u{7f}", "a\tb"] {
            check_header(bearer(), secret, Err(Rule::SecretValue));
            check_header(basic(), secret, Err(Rule::SecretValue));
        }
        for secret in ["a b", " a", "é", "Bearer a"] {
            check_header(bearer(), secret, Err(Rule::SecretValue));
        }
        check_header(bearer(), &"a".repeat(40_000), Err(Rule::HeadersTooLarge));
    }

    #[test]
    fn a_refusal_does_not_quote_the_secret() {
        let permit = permit(&[], "https://api.example.com/", vec![], header(bearer()));
        let denial = permit.render(&secrets("canary 1")).expect_err("a space");
        assert_eq!(
            denial.to_string(),
            r#"the value of the secret "key" must be visible ASCII without a space"#
        );
        let denial = permit.render(&Secrets::default()).expect_err("no secret");
        assert_eq!(denial.rule, Rule::SecretUnset);
    }

    #[test]
    fn a_header_with_a_secret_is_sensitive_and_debug_shows_nothing_of_it() {
        let mut headers = header(bearer());
        headers.push(HeaderPlan::text("Accept", "a/b"));
        headers.push(HeaderPlan::text("accept", "c/d"));
        let query = vec![QueryPlan { name: "token".into(), value: bearer() }];
        let permit = permit(&[], "https://api.example.com/", query, headers);
        let rendered = permit.render(&secrets(CANARY)).expect("a rendering");
        let found: Vec<_> = rendered
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.is_sensitive()))
            .collect();
        assert_eq!(found, [("authentication", true), ("accept", false), ("accept", false)]);
        let debug = format!("{rendered:?}");
        for form in Secret::new(CANARY.to_owned()).forms() {
            assert!(!debug.contains(form.as_str()), "{debug}");
        }
    }

    #[test]
    fn parameters_are_encoded_and_appended_in_order() {
        let encoded = "a%20b=%26%3D&token=Bearer%20canary%2Ftoken%2B0123456789";
        let base64 = "a%20b=%26%3D&token=Basic%20dXNlcjpjYW5hcnkvdG9rZW4rMDEyMzQ1Njc4OQ%3D%3D";
        check_url(
            "https://api.example.com/v1",
            bearer(),
            &format!("https://api.example.com/v1?{encoded}"),
        );
        check_url(
            "https://api.example.com/?c=d",
            bearer(),
            &format!("https://api.example.com/?c=d&{encoded}"),
        );
        check_url(
            "https://api.example.com/",
            basic(),
            &format!("https://api.example.com/?{base64}"),
        );
    }

    #[test]
    fn a_url_is_measured_as_it_is_sent() {
        let query = vec![QueryPlan::text("a", " ".repeat(6_000))];
        let permit = permit(&[], "https://api.example.com/", query, vec![]);
        let denial = permit.render(&secrets(CANARY)).expect_err("18,000 bytes");
        assert_eq!(denial.rule, Rule::RequestTooLarge);
    }

    #[test]
    fn a_granted_origin_is_dialled_and_the_declared_one_stays_known() {
        for (grant, dial, loopback) in [
            ("https://api.example.com=http://127.0.0.1:8080", "http://127.0.0.1:8080", true),
            ("https://api.example.com=https://[::1]:8443", "https://[::1]:8443", true),
            ("https://api.example.com=https://localhost:8443", "https://localhost:8443", true),
            (
                "https://api.example.com=https://proxy.example.net",
                "https://proxy.example.net",
                false,
            ),
            ("https://other.example.com=http://127.0.0.1:8080", "https://api.example.com", false),
        ] {
            let permit = permit(&[grant], "https://api.example.com/v1?a=b", vec![], vec![]);
            assert_eq!(permit.origin().to_string(), "https://api.example.com");
            assert_eq!(
                (permit.dial().to_string().as_str(), permit.allows_loopback()),
                (dial, loopback)
            );
            let rendered = permit.render(&Secrets::default()).expect("a rendering");
            assert_eq!(rendered.url(), format!("{dial}/v1?a=b"));
        }
    }
}
