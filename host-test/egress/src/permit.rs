//! The permission to send one request, and its rendering: the last step before the bytes leave.
//!
//! A [`Permit`] is made by [`Policy::decide`](crate::Policy::decide) and by nothing else. It holds no secret.
//! [`Permit::render`] puts the secrets in, once per attempt:
//!
//! | where | what a secret's value may hold | how it is written |
//! | --- | --- | --- |
//! | a header, as it is | visible ASCII | as it is |
//! | a header, in base64 | anything but control characters | in base64 |
//! | a query parameter | anything but control characters | percent-encoded |
//!
//! An empty secret is refused everywhere. A header with a secret is marked sensitive, so that no HTTP library
//! prints or indexes it, and its bytes are overwritten when the last copy of the handle is dropped, like those
//! of the URL. A message about a secret never quotes it.

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
