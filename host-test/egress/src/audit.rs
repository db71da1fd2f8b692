//! The audit: one record per attempt, allowed, denied or withheld.
//!
//! A record says which rule decided, where the attempt went, and what it cost. It holds the path
//! and never a query, a header or a body: those carry what a person entrusted to the service. A
//! path is cut at 256 characters.

use std::net::SocketAddr;

use serde::Serialize;

use crate::origin::Origin;
use crate::permit::Permit;
use crate::policy::{Denial, PlannedRequest, Withheld};
use crate::rule::Rule;
use crate::target::RequestUrl;

const LONGEST_PATH: usize = 256;
const LONGEST_METHOD: usize = 16;

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It went out.
    Allowed,
    /// It was stopped, before it went out or while its answer came in.
    Denied,
    /// A dry run kept it back.
    Withheld,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditRecord {
    /// When it began, in milliseconds since 1970.
    pub time_ms: u64,
    /// Which attempt it is at the same request, from 1.
    pub attempt: u32,
    /// What became of it.
    pub verdict: Verdict,
    /// The rule that decided.
    pub rule: Rule,
    /// The method.
    pub method: String,
    /// The origin as the plugin addressed it, if the URL was one.
    pub origin: Option<Origin>,
    /// The path, without the query.
    pub path: Option<String>,
    /// The address that was dialled, if one was.
    pub dialled: Option<SocketAddr>,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// Bytes of the request's body.
    pub bytes_out: u64,
    /// Bytes of the answer's body as they came from the network.
    pub bytes_in: u64,
    /// How often a secret occurred in the answer and was replaced before the plugin saw it.
    pub redacted: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

impl AuditRecord {
    /// An attempt that goes out; what it cost is filled in by who sends it.
    pub fn allowed(permit: &Permit, time_ms: u64, attempt: u32) -> Self {
        let method = permit.method().as_str();
        Self::new(Verdict::Allowed, permit.rule(), method, Some(permit.url()), time_ms, attempt)
    }

    /// An attempt that was stopped.
    pub fn denied(denial: &Denial, request: &PlannedRequest, time_ms: u64, attempt: u32) -> Self {
        let url = denial.url.as_ref();
        Self::new(Verdict::Denied, denial.rule, &request.method, url, time_ms, attempt)
    }

    /// An attempt that a dry run kept back.
    pub fn withheld(withheld: &Withheld, time_ms: u64, attempt: u32) -> Self {
        let method = withheld.method.as_str();
        Self::new(Verdict::Withheld, Rule::DryRun, method, Some(&withheld.url), time_ms, attempt)
    }

    /// The same attempt, stopped by a rule after it was let out: an address, a time-out, a size.
    #[must_use]
    pub fn stopped_by(self, rule: Rule) -> Self {
        Self { verdict: Verdict::Denied, rule, ..self }
    }

    fn new(
        verdict: Verdict,
        rule: Rule,
        method: &str,
        url: Option<&RequestUrl>,
        time_ms: u64,
        attempt: u32,
    ) -> Self {
        Self {
            time_ms,
            attempt,
            verdict,
            rule,
            method: method.chars().take(LONGEST_METHOD).collect(),
            origin: url.map(|url| url.origin().clone()),
            path: url.map(|url| url.path().chars().take(LONGEST_PATH).collect()),
            dialled: None,
            status: None,
            bytes_out: 0,
            bytes_in: 0,
            redacted: 0,
            duration_ms: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part::{HeaderPlan, Part, QueryPlan};
    use crate::policy::{Decision, Policy};
    use crate::slots::SecretSlot;

    const CANARY: &str = "canary-0123456789";

    fn request(method: &str, url: &str) -> PlannedRequest {
        PlannedRequest {
            method: method.into(),
            url: url.into(),
            query: vec![QueryPlan::text("email", CANARY)],
            headers: vec![
                HeaderPlan {
                    name: "authentication".into(),
                    value: vec![Part::Secret("key".into())],
                },
                HeaderPlan::text("x-note", CANARY),
            ],
            body_bytes: 7,
        }
    }

    fn record(request: &PlannedRequest) -> AuditRecord {
        let origin: crate::OriginPattern = "https://api.example.com".parse().expect("a pattern");
        let none: [&str; 0] = [];
        let slot = SecretSlot::new("key", ["authentication"], none, [origin.clone()]);
        let policy = Policy {
            origins: vec![origin],
            methods: ["GET", "POST"].map(|method| method.parse().expect(method)).into(),
            slots: vec![slot.expect("a slot")],
            set: ["key".to_owned()].into(),
            dry_run: true,
            ..Policy::default()
        };
        match policy.decide(request) {
            Ok(Decision::Send(permit)) => AuditRecord::allowed(&permit, 1000, 1),
            Ok(Decision::Withhold(withheld)) => AuditRecord::withheld(&withheld, 1000, 1),
            Err(denial) => AuditRecord::denied(&denial, request, 1000, 1),
        }
    }

    fn check(request: &PlannedRequest, expected: &str) {
        let json = serde_json::to_string(&record(request)).expect("JSON");
        assert_eq!(json, expected);
    }

    #[test]
    fn a_record_names_rule_origin_and_path_and_never_a_query_a_header_or_a_body() {
        const COST: &str = r#""dialled":null,"status":null,"bytes_out":0,"bytes_in":0,"redacted":0,"duration_ms":0}"#;
        let query = format!("?q={CANARY}");
        for (method, url, verdict, rule, target) in [
            (
                "GET",
                format!("https://api.example.com/v1{query}"),
                "allowed",
                "declared-origin",
                r#""origin":"https://api.example.com","path":"/v1""#,
            ),
            (
                "POST",
                format!("https://api.example.com/v1{query}"),
                "withheld",
                "dry-run",
                r#""origin":"https://api.example.com","path":"/v1""#,
            ),
            (
                "GET",
                format!("https://evil.example/v1{query}"),
                "denied",
                "origin-not-declared",
                r#""origin":"https://evil.example","path":"/v1""#,
            ),
            ("GET", CANARY.to_owned(), "denied", "url-spelling", r#""origin":null,"path":null"#),
        ] {
            check(
                &request(method, &url),
                &format!(
                    r#"{{"time_ms":1000,"attempt":1,"verdict":"{verdict}","rule":"{rule}","method":"{method}",{target},{COST}"#
                ),
            );
        }
    }

    #[test]
    fn what_a_plugin_writes_is_cut() {
        let long = "A".repeat(1_000);
        let record = record(&request(&long, &format!("https://api.example.com/{long}")));
        assert_eq!(record.method.len(), LONGEST_METHOD);
        assert_eq!(record.path.map(|path| path.len()), Some(LONGEST_PATH));
    }

    #[test]
    fn an_attempt_that_was_let_out_can_still_be_stopped() {
        let sent = record(&request("GET", "https://api.example.com/v1"));
        let stopped = sent.clone().stopped_by(Rule::AddressClass);
        assert_eq!((stopped.verdict, stopped.rule), (Verdict::Denied, Rule::AddressClass));
        assert_eq!(stopped.origin, sent.origin);
    }
}
