//! The `http` capability: parse, decide, render, send, cap, scrub — in this order, once per attempt.

mod ahead;
mod body;
mod client;
mod convert;
mod dial;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use connector_egress::{
    AuditRecord, Budget, Caps, Decision, Denial, Permit, PlannedRequest, Policy, RequestUrl, Rule,
    Scrubber, Secrets, Spent, retry_after,
};

pub(crate) use ahead::Ahead;
pub use client::Network;
pub use dial::{Lookup, SystemLookup};

use crate::audit::Audit;
use crate::bindings::http::{ErrorKind, HttpError, Request, Response};
use crate::cancel::Cancel;
use crate::pacer::Pacer;
use client::{Client, Exchange, NoExchange, Outgoing};

/// Sends requests for an instance.
pub(crate) trait Sender: Send + Sync {
    /// Sends a request and waits for the whole answer, until `deadline`.
    fn send(&self, request: &Request, deadline: Instant) -> Result<Response, HttpError>;

    /// Writes down a request that the call may not make any more.
    fn refuse(&self, request: &Request, rule: Rule);
}

/// A request that a dry run kept back.
#[derive(Clone, Debug)]
pub struct WithheldRequest {
    /// The request as the plugin made it: secrets are names of slots.
    pub request: Request,
}

/// The capability of one connection, shared by all its instances.
pub(crate) struct Channel {
    policy: Policy,
    secrets: Secrets,
    scrubber: Scrubber,
    client: Client,
    budget: Budget,
    pacer: Arc<Pacer>,
    audit: Arc<dyn Audit>,
    cancel: Cancel,
}

/// What a channel is made of.
pub(crate) struct ChannelConfig<'a> {
    pub(crate) policy: Policy,
    pub(crate) secrets: Secrets,
    pub(crate) network: &'a Network,
    pub(crate) pacer: Arc<Pacer>,
    pub(crate) audit: Arc<dyn Audit>,
    pub(crate) cancel: Cancel,
}

impl Channel {
    pub(crate) fn new(config: ChannelConfig<'_>) -> Self {
        let ChannelConfig { policy, secrets, network, pacer, audit, cancel } = config;
        let loopback = policy
            .grants
            .iter()
            .filter(|grant| grant.dialled().host.is_loopback())
            .map(|grant| (grant.dialled().host.to_string(), grant.dialled().port))
            .collect::<BTreeSet<_>>();
        let client = Client::new(network, loopback, &policy.limits);
        let scrubber = Scrubber::new(secrets.iter().map(|(_, secret)| secret));
        let budget = Budget::new(Caps::of_run(&policy.limits));
        Channel { policy, secrets, scrubber, client, budget, pacer, audit, cancel }
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn scrubber(&self) -> &Scrubber {
        &self.scrubber
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    pub(crate) fn pacer(&self) -> &Pacer {
        &self.pacer
    }

    /// Cuts off what is under way; nothing can be sent afterwards.
    pub(crate) fn shut_down(&self) {
        self.client.shut_down();
    }

    fn send_permitted(
        &self,
        permit: &Permit,
        request: &Request,
        deadline: Instant,
    ) -> Result<Response, HttpError> {
        let mut record = AuditRecord::allowed(permit, now_ms(), 1);
        let ticket = match self.budget.wait_for_request(deadline, || self.cancel.is_cancelled()) {
            Ok(ticket) => ticket,
            Err(spent) => {
                self.audit.record(record.stopped_by(spent.rule()));
                return Err(budget_error(spent));
            }
        };
        if !self.pacer.wait_turn(deadline, &self.cancel) {
            self.audit.record(record.stopped_by(Rule::TimeOut));
            let (kind, message) = if self.cancel.is_cancelled() {
                (ErrorKind::Cancelled, "the host is stopping")
            } else {
                (ErrorKind::Timeout, "the pace allows no request before the deadline")
            };
            return Err(HttpError { kind, maybe_sent: false, message: message.into() });
        }
        let outgoing = match permit.render(&self.secrets) {
            Ok(rendered) => Outgoing {
                method: convert::method(rendered.method()),
                url: rendered.url().to_owned(),
                headers: rendered.headers().to_vec(),
                body: convert::body(request),
            },
            Err(denial) => {
                self.audit.record(record.stopped_by(denial.rule));
                return Err(denied(&denial));
            }
        };
        let begun = Instant::now();
        record.bytes_out = outgoing.body.as_ref().map_or(0, Vec::len) as u64;
        let result = self.client.exchange(outgoing, deadline);
        drop(ticket);
        record.duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        match result {
            Ok(exchange) => self.receive(exchange, record),
            Err(failed) => Err(self.fail(&failed, record)),
        }
    }

    fn receive(&self, exchange: Exchange, mut record: AuditRecord) -> Result<Response, HttpError> {
        record.dialled = exchange.dialled;
        record.status = Some(exchange.status.as_u16());
        record.bytes_in = exchange.wire_bytes;
        if let Err(spent) = self.budget.take_bytes(record.bytes_in + record.bytes_out) {
            self.audit.record(record.stopped_by(spent.rule()));
            return Err(HttpError { maybe_sent: true, ..budget_error(spent) });
        }
        let retry_after = exchange
            .headers
            .get(http::header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| retry_after(value, SystemTime::now()));
        self.pacer.learn(exchange.status.as_u16(), retry_after);
        let (response, redacted) = convert::response(exchange, retry_after, &self.scrubber);
        record.redacted = redacted;
        self.audit.record(record);
        Ok(response)
    }

    fn fail(&self, failed: &NoExchange, mut record: AuditRecord) -> HttpError {
        record.dialled = failed.dialled;
        let record = match failed.rule {
            Some(rule) => record.stopped_by(rule),
            None => record,
        };
        self.audit.record(record);
        let cancelled = self.cancel.is_cancelled();
        HttpError {
            kind: if cancelled { ErrorKind::Cancelled } else { failed.kind },
            maybe_sent: failed.maybe_sent,
            message: self.scrubber.scrub_str(&failed.message).0.into_owned(),
        }
    }
}

impl Sender for Channel {
    fn send(&self, request: &Request, deadline: Instant) -> Result<Response, HttpError> {
        let planned: PlannedRequest = convert::plan(request);
        match self.policy.decide(&planned) {
            Ok(Decision::Send(permit)) => self.send_permitted(&permit, request, deadline),
            Ok(Decision::Withhold(withheld)) => {
                self.audit.record(AuditRecord::withheld(&withheld, now_ms(), 1));
                self.audit.withheld(WithheldRequest { request: request.clone() });
                let message = "a dry run sends nothing but GET".into();
                Err(HttpError { kind: ErrorKind::Withheld, maybe_sent: false, message })
            }
            Err(denial) => {
                self.audit.record(AuditRecord::denied(&denial, &planned, now_ms(), 1));
                Err(denied(&denial))
            }
        }
    }

    fn refuse(&self, request: &Request, rule: Rule) {
        let planned = convert::plan(request);
        let url = RequestUrl::parse(&planned.url).ok();
        let denial = Denial { rule, message: String::new(), url };
        self.audit.record(AuditRecord::denied(&denial, &planned, now_ms(), 1));
    }
}

fn denied(denial: &Denial) -> HttpError {
    let kind = match denial.rule {
        Rule::UrlSpelling
        | Rule::UrlUserInfo
        | Rule::UrlFragment
        | Rule::HeaderName
        | Rule::HeaderValue => ErrorKind::InvalidRequest,
        Rule::HeadersTooLarge | Rule::RequestTooLarge => ErrorKind::TooLarge,
        _ => ErrorKind::Denied,
    };
    HttpError { kind, maybe_sent: false, message: denial.message.clone() }
}

fn budget_error(spent: Spent) -> HttpError {
    HttpError { kind: ErrorKind::Budget, maybe_sent: false, message: spent.to_string() }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
