//! What goes wrong, where and when: rules that are tried in order on each request.

use serde::{Deserialize, Serialize};

use crate::random::{hash, unit};

/// A fault, and the requests that meet it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// `GET`, `POST` or `DELETE`; `None` for all.
    #[serde(default)]
    pub method: Option<String>,
    /// How the path below `/v1` begins, such as `/users`; empty for all.
    pub path: String,
    /// Which of the requests that match.
    pub when: When,
    /// What they meet.
    pub fault: Fault,
}

/// Which of the requests that match a rule meet its fault. They are counted from 1, for each rule
/// apart, and also when an earlier rule takes a request.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// All of them.
    Always,
    /// Those whose number is divisible by this.
    Every(u64),
    /// The first ones, up to this number.
    First(u64),
    /// One: the first that no earlier rule takes. Several of these make a queue.
    Next,
    /// The one of this number.
    Nth(u64),
    /// Each with a probability between 0 and 1, by the seed of the data.
    Rate(f64),
}

/// What a request meets.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// An answer that the API did not make; the request is not applied.
    Answer {
        /// Any status from 200 up.
        status: u16,
        /// The body.
        body: FaultBody,
        /// The header `Retry-After`.
        #[serde(default)]
        retry_after: Option<RetryAfter>,
    },
    /// The connection is closed after the request was applied, without an answer.
    CloseAfter,
    /// The connection is closed without an answer and the request is not applied.
    CloseBefore,
    /// `Content-Length` names the whole answer, half of it comes, the connection is closed.
    CutBody,
    /// Half of the answer, with a `Content-Length` that fits.
    CutJson,
    /// The answer comes in pieces of so many bytes, with so many milliseconds between them.
    Drip {
        /// Bytes of a piece.
        bytes: usize,
        /// Milliseconds between two pieces.
        every_ms: u64,
    },
    /// A key stands twice in the first contact of the answer, or else in the envelope.
    DuplicateKeys,
    /// Status and headers of the answer, and no body.
    EmptyBody,
    /// The list in the answer is empty.
    EmptyPage,
    /// The token comes back in a header and in the body: plain, percent-encoded, in base64, in hex.
    EchoToken,
    /// A JSON text that never ends; the request is not applied.
    Endless,
    /// The first contact of the answer has no `crmhero_user_id`.
    KeylessRow,
    /// A redirect, or for status 200 a `Refresh` header; the request is not applied.
    Redirect {
        /// 301, 302, 303, 307, 308 or 200.
        status: u16,
        /// An absolute or relative URL.
        location: String,
    },
    /// The list in the answer has at most so many rows.
    ShortPage {
        /// Number of rows.
        rows: usize,
    },
    /// The request is applied, and answered so many milliseconds later.
    Slow {
        /// Milliseconds.
        ms: u64,
    },
}

/// Body of an answer that the API did not make.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultBody {
    /// The error envelope for an unknown token.
    AccessTokenNotFound,
    /// No bytes.
    Empty,
    /// An error envelope with this message.
    Error(String),
    /// The error envelope for a header that is missing.
    HeaderMissing,
    /// A page as a proxy makes it.
    Html,
    /// These bytes, as JSON.
    Text(String),
}

/// Value of `Retry-After`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetryAfter {
    /// An HTTP date, so many seconds from now by the machine's clock, negative for the past.
    DateIn(i64),
    /// Seconds, also negative ones.
    Seconds(i64),
    /// Any text.
    Text(String),
}

impl Fault {
    /// Status 429 with an error envelope.
    pub fn too_many_requests(retry_after: Option<RetryAfter>) -> Self {
        let body = FaultBody::Error("Too many requests".to_owned());
        Self::Answer { status: 429, body, retry_after }
    }

    /// An answer without `Retry-After`.
    pub const fn answer(status: u16, body: FaultBody) -> Self {
        Self::Answer { status, body, retry_after: None }
    }

    /// The name in the request log.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Answer { .. } => "answer",
            Self::CloseAfter => "close-after",
            Self::CloseBefore => "close-before",
            Self::CutBody => "cut-body",
            Self::CutJson => "cut-json",
            Self::Drip { .. } => "drip",
            Self::DuplicateKeys => "duplicate-keys",
            Self::EchoToken => "echo-token",
            Self::EmptyBody => "empty-body",
            Self::EmptyPage => "empty-page",
            Self::Endless => "endless",
            Self::KeylessRow => "keyless-row",
            Self::Redirect { .. } => "redirect",
            Self::ShortPage { .. } => "short-page",
            Self::Slow { .. } => "slow",
        }
    }
}

/// The rules and how often each was met.
#[derive(Debug)]
pub(crate) struct Faults {
    seed: u64,
    /// Numbers the rules ever set, so that each draws its own chances.
    added: u64,
    rules: Vec<Counted>,
}

#[derive(Debug)]
struct Counted {
    rule: FaultRule,
    number: u64,
    matched: u64,
}

impl Faults {
    pub(crate) fn new(seed: u64, rules: Vec<FaultRule>) -> Self {
        let mut faults = Self { seed, added: 0, rules: Vec::new() };
        faults.add(rules);
        faults
    }

    /// Puts rules behind those there.
    pub(crate) fn add(&mut self, rules: Vec<FaultRule>) {
        for rule in rules {
            self.added += 1;
            self.rules.push(Counted { rule, number: self.added, matched: 0 });
        }
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    pub(crate) fn rules(&self) -> impl Iterator<Item = &FaultRule> {
        self.rules.iter().map(|counted| &counted.rule)
    }

    /// Counts a request and gives the fault that it meets.
    pub(crate) fn meet(&mut self, method: &str, path: &str) -> Option<Fault> {
        let mut met: Option<usize> = None;
        for (at, Counted { rule, number, matched }) in self.rules.iter_mut().enumerate() {
            if rule.method.as_deref().is_some_and(|only| !only.eq_ignore_ascii_case(method))
                || !path.starts_with(&rule.path)
            {
                continue;
            }
            *matched += 1;
            let fires = match rule.when {
                When::Always | When::Next => true,
                When::Every(n) => matched.is_multiple_of(n),
                When::First(n) => *matched <= n,
                When::Nth(n) => *matched == n,
                When::Rate(rate) => unit(hash(self.seed, *number, *matched)) < rate,
            };
            if fires && met.is_none() {
                met = Some(at);
            }
        }
        let at = met?;
        if self.rules[at].rule.when == When::Next {
            return Some(self.rules.remove(at).rule.fault);
        }
        Some(self.rules[at].rule.fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of eight requests to `/users/list` meet the fault.
    fn check(when: When, expected: [bool; 8]) {
        let rule = FaultRule {
            method: Some("GET".to_owned()),
            path: "/users".to_owned(),
            when,
            fault: Fault::CutJson,
        };
        let mut faults = Faults::new(1, vec![rule]);
        assert_eq!(faults.meet("POST", "/users"), None);
        assert_eq!(faults.meet("GET", "/leads/list"), None);
        assert_eq!([(); 8].map(|()| faults.meet("GET", "/users/list").is_some()), expected);
    }

    #[test]
    fn each_condition_takes_the_requests_it_names() {
        const O: bool = false;
        const X: bool = true;
        check(When::Always, [X; 8]);
        check(When::Every(3), [O, O, X, O, O, X, O, O]);
        check(When::Every(0), [O; 8]);
        check(When::First(2), [X, X, O, O, O, O, O, O]);
        check(When::Next, [X, O, O, O, O, O, O, O]);
        check(When::Nth(3), [O, O, X, O, O, O, O, O]);
        check(When::Rate(0.0), [O; 8]);
        check(When::Rate(1.0), [X; 8]);
    }

    #[test]
    fn several_next_rules_are_a_queue() {
        let next = |fault| FaultRule { method: None, path: String::new(), when: When::Next, fault };
        let mut faults = Faults::new(1, vec![next(Fault::CutJson), next(Fault::CloseBefore)]);
        let met: Vec<_> = (0..3).map(|_| faults.meet("GET", "/tags")).collect();
        assert_eq!(met, [Some(Fault::CutJson), Some(Fault::CloseBefore), None]);
    }

    #[test]
    fn a_rate_is_met_about_as_often_as_it_says_and_the_same_by_seed() {
        let rule = FaultRule {
            method: None,
            path: String::new(),
            when: When::Rate(0.2),
            fault: Fault::CutJson,
        };
        let run = |seed| {
            let mut faults = Faults::new(seed, vec![rule.clone()]);
            (0..10_000).map(|_| faults.meet("GET", "/tags").is_some()).collect::<Vec<_>>()
        };
        assert_eq!(run(5), run(5));
        assert_ne!(run(5), run(6));
        assert!((1_800..2_200).contains(&run(5).into_iter().filter(|&met| met).count()));
    }

    #[test]
    fn a_rule_is_written_as_json() {
        let rule: FaultRule = serde_json::from_str(
            r#"{"path": "/users/list", "when": {"nth": 2}, "fault": {"answer": {"status": 429,
                "body": "html", "retry_after": {"seconds": -5}}}}"#,
        )
        .unwrap();
        let retry_after = Some(RetryAfter::Seconds(-5));
        assert_eq!(rule.fault, Fault::Answer { status: 429, body: FaultBody::Html, retry_after });
        assert_eq!(rule.when, When::Nth(2));
    }
}
