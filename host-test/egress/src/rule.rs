//! The rules, each with the stable code that stands in the audit.
//!
//! One code per decision. A code never changes its meaning; a new decision gets a new code. An
//! audit record of an attempt that went out carries the code that let it out, every other record
//! the code that stopped it.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $code:literal,)*) => {
        /// A rule that decided about one attempt.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $($(#[$doc])* $name,)*
        }

        impl Rule {
            /// Every rule, in the order of the enum.
            pub const ALL: &[Rule] = &[$(Rule::$name,)*];

            /// The stable code, in kebab case.
            pub fn code(self) -> &'static str {
                match self {
                    $(Rule::$name => $code,)*
                }
            }
        }
    };
}

rules! {
    /// Let out: the origin is declared by the component and dialled as it is.
    DeclaredOrigin = "declared-origin",
    /// Let out: the operator sends the declared origin elsewhere.
    GrantedOrigin = "granted-origin",
    /// The scheme is not `https`.
    HttpsOnly = "https-only",
    /// No declared origin matches host and port.
    OriginNotDeclared = "origin-not-declared",
    /// The URL is not one, or is not written in its one spelling.
    UrlSpelling = "url-spelling",
    /// The URL holds user info.
    UrlUserInfo = "url-user-info",
    /// The URL holds a fragment.
    UrlFragment = "url-fragment",
    /// The host of the URL is an address, and the operator did not grant it.
    AddressLiteral = "address-literal",
    /// The host resolved to an address that no plugin may reach.
    AddressClass = "address-class",
    /// The header belongs to the host.
    HeaderOwned = "header-owned-by-host",
    /// The header would turn the method into another one at the service.
    MethodOverride = "method-override",
    /// A header for credentials holds no secret of the host.
    CredentialHeader = "credential-header-without-secret",
    /// The name of a header is not a token.
    HeaderName = "header-name",
    /// The value of a header holds a character that no header may hold.
    HeaderValue = "header-value",
    /// More headers, or larger ones, than the limit.
    HeadersTooLarge = "headers-too-large",
    /// The method is not declared.
    MethodNotDeclared = "method-not-declared",
    /// A dry run kept back everything but GET.
    DryRun = "dry-run",
    /// The body of the request, or its URL, is larger than the limit.
    RequestTooLarge = "request-too-large",
    /// The answer, decompressed, is larger than the limit.
    ResponseTooLarge = "response-too-large",
    /// The answer decompresses to more than its size can honestly hold.
    CompressionRatio = "compression-ratio",
    /// One of the time-outs, or the deadline of the call.
    TimeOut = "time-out",
    /// The budget of requests is spent.
    BudgetRequests = "budget-requests",
    /// The budget of bytes is spent.
    BudgetBytes = "budget-bytes",
    /// Too many requests at once.
    BudgetInFlight = "budget-in-flight",
    /// The component declares no such secret.
    SecretUnknown = "secret-unknown",
    /// The secret is declared, and has no value.
    SecretUnset = "secret-unset",
    /// The secret may not go into this header.
    SecretHeader = "secret-header",
    /// The secret may not go into this query parameter.
    SecretQuery = "secret-query",
    /// The secret may not go to this origin.
    SecretOrigin = "secret-origin",
    /// The secret's value cannot be written where it should go.
    SecretValue = "secret-value",
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_rule_has_a_kebab_case_code_of_its_own() {
        let codes: BTreeSet<&str> = Rule::ALL.iter().map(|rule| rule.code()).collect();
        assert_eq!(codes.len(), Rule::ALL.len());
        for code in codes {
            assert!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{code}");
        }
    }
}
