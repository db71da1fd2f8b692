//! Scrubbing: no form of a secret leaves the host, and none reaches a plugin in an answer.
//!
//! Every byte that belongs to an occurrence of any [form](crate::Secret::forms) of any secret is
//! replaced, each run of such bytes by one [`REDACTED`]; occurrences that overlap leave no rest behind.
//! The replacement is valid inside of a JSON string, a header value, a URL and a line of a log. Data
//! without an occurrence is borrowed, not copied.
//!
//! | what | secrets replaced |
//! | --- | --- |
//! | answers: header values and bodies, before the plugin sees them | those of [`SHORTEST_IN_ANSWERS`] characters or more |
//! | logs, errors, states, reports, records, traces: all that leaves the host | all |
//!
//! A shorter secret is not replaced in answers, since it would shred the records: a secret `1` occurs
//! in every one of them.
//!
//! In the rare case that [`REDACTED`] and the text beside it could spell a secret (a secret `redacted`,
//! or one that starts with `]`), another replacement is taken, so the promise holds for every secret:
//! **after scrubbing, no form occurs**.
//!
//! A scrubber holds the forms for as long as it lives, in an automaton that is not overwritten on drop.

use std::borrow::Cow;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::secret::Secret;

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// The fewest characters of a secret that is replaced in answers.
pub const SHORTEST_IN_ANSWERS: usize = 8;

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

    /// An answer's body or header value without secrets of eight characters or more, and how many runs
    /// were replaced.
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
        let build = |kind| {
            AhoCorasick::builder()
                .match_kind(kind)
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
