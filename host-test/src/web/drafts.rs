//! What a form waits with between two steps: secrets that were typed and are not saved, records that were rehearsed and
//! are not written. Under a random name, in memory, for a quarter of an hour.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use connector_egress::Secrets;
use serde_json::{Map, Value};

use super::app::random;

/// How long a draft is kept.
const KEPT: Duration = Duration::from_mins(15);

/// The most drafts; beyond it, the oldest goes.
const MOST: usize = 32;

/// What forms wait with.
#[derive(Default)]
pub(super) struct Drafts(BTreeMap<String, (Instant, Draft)>);

/// What one form waits with.
#[derive(Clone, Default)]
pub(super) struct Draft {
    /// Secrets as they were typed.
    pub(super) secrets: Secrets,
    /// The settings that the last test found to work better.
    pub(super) patch: Option<Map<String, Value>>,
    /// Records to be written.
    pub(super) records: String,
}

impl Drafts {
    /// Keeps a draft under a new name. Without randomness it is not kept, and what was typed is typed again.
    pub(super) fn keep(&mut self, draft: Draft, now: Instant) -> String {
        self.forget(now);
        let Ok(name) = random() else { return String::new() };
        while self.0.len() >= MOST {
            let oldest = self.0.iter().min_by_key(|(_, (made, _))| *made);
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else { break };
            self.0.remove(&oldest);
        }
        self.0.insert(name.clone(), (now, draft));
        name
    }

    /// The draft of this name; an empty one where there is none any more.
    pub(super) fn get(&mut self, name: &str, now: Instant) -> Draft {
        self.forget(now);
        self.0.get(name).map(|(_, draft)| draft.clone()).unwrap_or_default()
    }

    /// Takes a draft away.
    pub(super) fn discard(&mut self, name: &str) {
        self.0.remove(name);
    }

    fn forget(&mut self, now: Instant) {
        self.0.retain(|_, (made, _)| now.duration_since(*made) < KEPT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(records: &str) -> Draft {
        Draft { records: records.into(), ..Draft::default() }
    }

    #[test]
    fn a_draft_is_kept_for_a_while_under_a_name_of_its_own() {
        let now = Instant::now();
        let mut drafts = Drafts::default();
        let (first, second) = (drafts.keep(draft("a"), now), drafts.keep(draft("b"), now));
        assert_ne!(first, second);
        assert_eq!(drafts.get(&first, now).records, "a");
        assert_eq!(drafts.get(&second, now + KEPT).records, "");
        assert_eq!(drafts.get("", now).records, "");
    }

    #[test]
    fn the_oldest_goes_where_there_are_too_many() {
        let now = Instant::now();
        let mut drafts = Drafts::default();
        let first = drafts.keep(draft("a"), now);
        for second in 1..=MOST {
            drafts.keep(draft("b"), now + Duration::from_secs(second as u64));
        }
        assert_eq!(drafts.get(&first, now).records, "");
        assert_eq!(drafts.0.len(), MOST);
    }
}
