//! The decision about one request: pure, whole, and before anything is dialled or rendered.
//!
//! What is in force is what the component declares **and** what the operator grants. An empty
//! policy denies everything, and nothing that a plugin passes in a request can widen it.
//! [`Policy::decide`] asks in this order, and the first "no" is the answer:
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
//! A header that carries credentials (`authorization`, and each header that a slot declares) must
//! hold a secret: a plugin that could write its own would send the records of one account into
//! another.
//!
//! The answer is a [`Permit`], and there is no other way to make one; what is sent is rendered from
//! it.

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
mod tests;
