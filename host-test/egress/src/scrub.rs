//! Scrubbing: no form of a secret leaves the host, and none reaches a plugin in an answer.
//!
//! Every byte that belongs to an occurrence of any [form](crate::Secret::forms) of any secret is
//! replaced, each run of such bytes by one [`REDACTED`]; occurrences that overlap leave no rest
//! behind. The replacement is valid inside of a JSON string, a header value, a URL and a line of a
//! log. Data without an occurrence is borrowed, not copied.
//!
//! | what | secrets replaced |
//! | --- | --- |
//! | answers: header values and bodies, before the plugin sees them | those of [`SHORTEST_IN_ANSWERS`] characters or more |
//! | logs, errors, states, reports, records, traces: all that leaves the host | all |
//!
//! A shorter secret is not replaced in answers, since it would shred the records: a secret `1`
//! occurs in every one of them.
//!
//! In the rare case that [`REDACTED`] and the text beside it could spell a secret (a secret
//! `redacted`, or one that starts with `]`), another replacement is taken, so the promise holds for
//! every secret: **after scrubbing, no form occurs**.
//!
//! A scrubber holds the forms for as long as it lives, in an automaton that is not overwritten on
//! drop.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::secret::Secret;

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// The fewest characters of a secret that is replaced in answers.
pub const SHORTEST_IN_ANSWERS: usize = 8;

/// Forms of more bytes than this are searched by a slower automaton: building the fast one takes time that grows with
/// the square of a secret that repeats itself.
const MOST_BYTES_OF_A_DFA: usize = 32 << 10;

/// Replaces secrets.
#[derive(Clone, Default)]
pub struct Scrubber {
    answers: Option<Matcher>,
    output: Option<Matcher>,
}

impl Scrubber {
    /// A scrubber of these secrets; of none, it changes nothing.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let secrets: Vec<&Secret> = secrets.into_iter().collect();
        let long = |secret: &&Secret| secret.expose().chars().count() >= SHORTEST_IN_ANSWERS;
        Self {
            answers: Matcher::new(secrets.iter().copied().filter(long)),
            output: Matcher::new(secrets.iter().copied()),
        }
    }

    /// An answer's body or header value without secrets of eight characters or more, and how many
    /// runs were replaced.
    pub fn scrub_answer<'a>(&self, data: &'a [u8]) -> (Cow<'a, [u8]>, usize) {
        scrub(self.answers.as_ref(), data)
    }

    /// Bytes without any secret, and how many runs were replaced.
    pub fn scrub<'a>(&self, data: &'a [u8]) -> (Cow<'a, [u8]>, usize) {
        scrub(self.output.as_ref(), data)
    }

    /// Text without any secret, and how many runs were replaced.
    pub fn scrub_str<'a>(&self, text: &'a str) -> (Cow<'a, str>, usize) {
        match self.scrub(text.as_bytes()) {
            (Cow::Borrowed(_), count) => (Cow::Borrowed(text), count),
            (Cow::Owned(bytes), count) => {
                // Whole characters are replaced by whole characters, so nothing is lost here.
                (Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()), count)
            }
        }
    }
}

/// Nothing of the secrets.
impl std::fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scrubber")
    }
}

#[derive(Clone)]
struct Matcher {
    /// Whether there is anything to do: the quick question, which most data answers with no.
    any: AhoCorasick,
    /// Every occurrence, overlapping ones too.
    every: AhoCorasick,
    replacement: &'static str,
}

impl Matcher {
    fn new<'a>(secrets: impl Iterator<Item = &'a Secret>) -> Option<Self> {
        let forms: Vec<_> = secrets.flat_map(Secret::forms).collect();
        if forms.is_empty() {
            return None;
        }
        let bytes: usize = forms.iter().map(|form| form.len()).sum();
        let automaton = (bytes > MOST_BYTES_OF_A_DFA).then_some(AhoCorasickKind::ContiguousNFA);
        let build = |kind| {
            AhoCorasick::builder()
                .match_kind(kind)
                .kind(automaton)
                .build(forms.iter().map(|form| form.as_bytes()))
                .expect("a few hundred short patterns are far below the automaton's limits")
        };
        let candidates = [REDACTED, "********", "########", "~~~~~~~~"];
        let apart = |candidate: &&str| forms.iter().all(|form| !may_spell(candidate, form));
        Some(Self {
            any: build(MatchKind::LeftmostLongest),
            every: build(MatchKind::Standard),
            replacement: candidates.into_iter().find(apart).unwrap_or(""),
        })
    }
}

fn scrub<'a>(matcher: Option<&Matcher>, data: &'a [u8]) -> (Cow<'a, [u8]>, usize) {
    let Some(matcher) = matcher.filter(|matcher| matcher.any.is_match(data)) else {
        return (Cow::Borrowed(data), 0);
    };
    let mut scrubbed = Vec::with_capacity(data.len());
    let mut count = 0;
    let mut copied = 0;
    for (start, end) in runs(&matcher.every, data) {
        scrubbed.extend_from_slice(&data[copied..start]);
        scrubbed.extend_from_slice(matcher.replacement.as_bytes());
        copied = end;
        count += 1;
    }
    scrubbed.extend_from_slice(&data[copied..]);
    // Only where every replacement could spell a secret: cutting out may join an occurrence anew.
    if matcher.replacement.is_empty() && matcher.any.is_match(&scrubbed) {
        let (again, more) = scrub(Some(matcher), &scrubbed);
        return (Cow::Owned(again.into_owned()), count + more);
    }
    (Cow::Owned(scrubbed), count)
}

/// Where occurrences are, in order; those that overlap are one run.
fn runs(every: &AhoCorasick, data: &[u8]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    // Occurrences come in the order of their ends; a long one may cover several found before.
    for found in every.find_overlapping_iter(data) {
        let mut start = found.start();
        while let Some(last) = runs.pop_if(|last| last.1 > start) {
            start = start.min(last.0);
        }
        runs.push((start, found.end()));
    }
    runs
}

/// Whether the form can occur in a text in a place that touches the replacement.
fn may_spell(replacement: &str, form: &str) -> bool {
    let (replacement, form) = (replacement.as_bytes(), form.as_bytes());
    let within = |outer: &[u8], inner: &[u8]| outer.windows(inner.len()).any(|part| part == inner);
    within(replacement, form)
        || within(form, replacement)
        || (1..form.len().min(replacement.len())).any(|length| {
            replacement.ends_with(&form[..length])
                || replacement.starts_with(&form[form.len() - length..])
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CANARY: &str = "canary/token+0123456789";

    fn scrubber(secrets: &[&str]) -> Scrubber {
        let secrets: Vec<Secret> =
            secrets.iter().map(|secret| Secret::new((*secret).to_owned())).collect();
        Scrubber::new(&secrets)
    }

    fn check(secrets: &[&str], text: &str, expected: &str, count: usize) {
        let scrubber = scrubber(secrets);
        let (clean, found) = scrubber.scrub_str(text);
        assert_eq!((clean.as_ref(), found), (expected, count), "{text:?}");
    }

    #[test]
    fn every_form_of_a_secret_is_replaced() {
        for form in Secret::new(CANARY.to_owned()).forms() {
            check(&[CANARY], &format!("<{}>", *form), "<[redacted]>", 1);
        }
    }

    #[test]
    fn a_replacement_keeps_json_valid() {
        let text = serde_json::json!({"echo": format!("Bearer {CANARY}"), "n": 1}).to_string();
        let scrubber = scrubber(&[CANARY]);
        let (clean, count) = scrubber.scrub_answer(text.as_bytes());
        let value: serde_json::Value = serde_json::from_slice(&clean).expect("JSON");
        assert_eq!(value, serde_json::json!({"echo": "Bearer [redacted]", "n": 1}));
        assert_eq!(count, 1);
    }

    #[test]
    fn occurrences_that_overlap_leave_no_rest() {
        check(&["abcdefghij", "hijklmnop"], "-abcdefghijklmnop-", "-[redacted]-", 1);
        check(&["abaababa"], "abaababaababa", "[redacted]", 1);
        check(&["secret-1", "secret-12345"], "secret-12345 secret-1", "[redacted] [redacted]", 2);
    }

    #[test]
    fn a_long_secret_that_repeats_itself_is_replaced_too() {
        let secret = "x".repeat(4096);
        check(&[&secret], &format!("<{secret}>"), "<[redacted]>", 1);
    }

    #[test]
    fn occurrences_side_by_side_are_counted_each() {
        check(&["abcdefgh"], "abcdefghabcdefgh", "[redacted][redacted]", 2);
    }

    #[test]
    fn a_short_secret_is_replaced_in_logs_and_kept_in_answers() {
        let scrubber = scrubber(&["1234567", "12345678"]);
        let data = b"a 1234567 b 12345678";
        assert_eq!(scrubber.scrub(data).0.as_ref(), b"a [redacted] b [redacted]");
        let (answer, count) = scrubber.scrub_answer(data);
        assert_eq!((answer.as_ref(), count), (b"a 1234567 b [redacted]".as_slice(), 1));
    }

    #[test]
    fn a_secret_that_the_replacement_could_spell_gets_another_one() {
        check(&["redacted"], "redacted", "********", 1);
        check(&["]abcdefg"], "]abcdefgabcdefg", "********abcdefg", 1);
        check(&["e"], "hello", "h********llo", 1);
        check(&["e", "*", "#", "~"], "hello * # ~", "hllo   ", 4);
        check(&["e", "*", "#", "~", "ab"], "-aabb-", "--", 2);
    }

    #[test]
    fn without_secrets_nothing_is_touched() {
        check(&[], CANARY, CANARY, 0);
        check(&[""], CANARY, CANARY, 0);
    }

    #[test]
    fn debug_shows_nothing_of_the_secrets() {
        assert_eq!(format!("{:?}", scrubber(&[CANARY])), "Scrubber");
    }

    fn secrets() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec(
            prop_oneof!["[ -~]{1,12}", "[ab]{1,4}", ".{1,6}", "[\\[\\]*~#redact]{1,4}"],
            1..4,
        )
    }

    /// Text that holds forms of the secrets, whole and in part, among other text.
    fn echo(secrets: &[String], picks: &[(usize, usize, String)]) -> String {
        let forms: Vec<String> = secrets
            .iter()
            .flat_map(|secret| Secret::new(secret.clone()).forms())
            .map(|form| form.to_string())
            .collect();
        let mut text = String::new();
        for (form, cut, other) in picks {
            let form = &forms[form % forms.len()];
            text.extend(form.chars().take(form.chars().count().saturating_sub(*cut)));
            text.push_str(other);
        }
        text
    }

    proptest! {
        #[test]
        fn after_scrubbing_no_form_occurs(
            secrets in secrets(),
            picks in prop::collection::vec((any::<usize>(), 0_usize..3, "[ab\\[\\]r*]{0,3}"), 0..8),
        ) {
            let text = echo(&secrets, &picks);
            let secrets: Vec<Secret> = secrets.into_iter().map(Secret::new).collect();
            let scrubber = Scrubber::new(&secrets);
            let (clean, count) = scrubber.scrub_str(&text);
            prop_assert_eq!(count > 0, clean != text);
            let (answer, _) = scrubber.scrub_answer(text.as_bytes());
            for secret in &secrets {
                for form in secret.forms() {
                    prop_assert!(!clean.contains(form.as_str()), "{} in {}", *form, clean);
                    if secret.expose().chars().count() >= SHORTEST_IN_ANSWERS {
                        let answer = String::from_utf8_lossy(&answer);
                        prop_assert!(!answer.contains(form.as_str()), "{} in {}", *form, answer);
                    }
                }
            }
        }

        #[test]
        fn data_without_a_secret_is_borrowed_unchanged(
            data in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let scrubber = scrubber(&[CANARY]);
            for (clean, count) in [scrubber.scrub(&data), scrubber.scrub_answer(&data)] {
                prop_assert_eq!(count, 0);
                let Cow::Borrowed(clean) = clean else { panic!("copied") };
                prop_assert!(std::ptr::eq(clean, data.as_slice()));
            }
        }

        #[test]
        fn what_surrounds_a_secret_stays(before in "[^canry]{0,20}", after in "[^canry]{0,20}") {
            let expected = format!("{before}[redacted]{after}");
            check(&[CANARY], &format!("{before}{CANARY}{after}"), &expected, 1);
        }
    }
}
