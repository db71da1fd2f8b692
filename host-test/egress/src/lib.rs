//! What a plugin may send, where to, and with which secrets: pure policy, apart from I/O.
//!
//! The crate opens no socket, reads no clock and no file, and holds no state but counters.
//! Everything it takes from outside may be hostile: a plugin, a network, an answer. Strings are
//! parsed into types that cannot hold what is refused, and each accepted text has one spelling.
//!
//! | module | decides |
//! | --- | --- |
//! | [`policy`] | whether a request is sent, withheld or denied |
//! | [`permit`] | how an allowed request is rendered, secrets last |
//! | [`target`], [`origin`], [`pattern`], [`template`], [`grant`] | where to |
//! | [`address`] | which addresses may be dialled |
//! | [`method`], [`header`], [`part`], [`encode`] | what it may look like |
//! | [`secret`], [`slots`], [`scrub`] | which secrets go where, and that they are seen nowhere else |
//! | [`limits`], [`budget`], [`ratio`], [`retry_after`](mod@retry_after) | how much, and how soon again |
//! | [`rule`], [`audit`] | what is written down |
//!
//! ```
//! use connector_egress::{Decision, PlannedRequest, Policy, Rule};
//!
//! let policy = Policy {
//!     origins: vec!["https://api.example.com".parse()?],
//!     methods: ["GET".parse()?].into(),
//!     ..Policy::default()
//! };
//! let get = |url: &str| PlannedRequest {
//!     method: "GET".into(),
//!     url: url.into(),
//!     ..PlannedRequest::default()
//! };
//! let allowed = policy.decide(&get("https://api.example.com/v1/users"))?;
//! assert!(matches!(allowed, Decision::Send(_)));
//! let denied = policy.decide(&get("https://example.com/")).unwrap_err();
//! assert_eq!(denied.rule, Rule::OriginNotDeclared);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

pub mod address;
pub mod audit;
pub mod budget;
pub mod encode;
pub mod grant;
pub mod header;
pub mod limits;
pub mod method;
pub mod origin;
pub mod part;
pub mod pattern;
pub mod permit;
pub mod policy;
mod quote;
pub mod ratio;
pub mod retry_after;
pub mod rule;
pub mod scrub;
pub mod secret;
pub mod slots;
pub mod target;
pub mod template;

pub use address::AddressClass;
pub use audit::{AuditRecord, Verdict};
pub use budget::{Budget, Caps, Spent, Ticket};
pub use grant::Grant;
pub use limits::Limits;
pub use method::Method;
pub use origin::{Host, Origin, Scheme};
pub use part::{HeaderPlan, Part, Piece, QueryPlan};
pub use pattern::OriginPattern;
pub use permit::{Permit, Rendered};
pub use policy::{Decision, Denial, PlannedRequest, Policy, Withheld};
pub use ratio::{Overflow, RatioGuard};
pub use retry_after::retry_after;
pub use rule::Rule;
pub use scrub::{REDACTED, Scrubber};
pub use secret::{Fingerprint, Secret};
pub use slots::{SecretSlot, Secrets};
pub use target::RequestUrl;
pub use template::OriginTemplate;
