//! When to try again: waits that grow, what the service asks for, and an end to it.

use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use crate::bindings::types::{Action, Failure};

/// How long to keep trying.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    /// Most failures in a row, without a page between them, before a run gives up.
    pub attempts: u32,
    /// The first wait, where the service names none; each further one is twice as long.
    pub first_wait: Duration,
    /// No wait of ours is longer.
    pub longest_wait: Duration,
    /// The run ends here, whatever is left.
    pub deadline: Option<Instant>,
}

impl RetryPolicy {
    /// Five failures in a row, half a second to a minute apart, no deadline.
    pub const fn standard() -> Self {
        RetryPolicy {
            attempts: 5,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_mins(1),
            deadline: None,
        }
    }

    /// How long to wait after the `failures`th failure in a row (from 1); none to give up. What the service asks for
    /// is the least.
    pub fn wait(&self, failures: u32, asked: Option<Duration>, now: Instant) -> Option<Duration> {
        if failures >= self.attempts {
            return None;
        }
        let doublings = failures.saturating_sub(1).min(16);
        let grown = self.first_wait.saturating_mul(1 << doublings).min(self.longest_wait);
        // Spread, so that the streams of one credential do not come back all at once.
        let spread = RandomState::new().hash_one(failures) % 250;
        let own = grown.mul_f64(1.0 - f64::from(u32::try_from(spread).unwrap_or(0)) / 1000.0);
        let wait = asked.unwrap_or(own);
        match self.deadline {
            Some(deadline) if now + wait >= deadline => None,
            _ => Some(wait),
        }
    }
}

/// What a run ends with that may not take as long as the service wants to be left alone.
pub(crate) fn left_alone(wait: Duration) -> Failure {
    Failure {
        action: Action::RetryLater,
        code: "rate-limited".into(),
        message: "The service asks to be left alone for longer than the run may take.".into(),
        remedy: None,
        field: None,
        patch: None,
        retry_after_ms: u64::try_from(wait.as_millis()).ok(),
        upstream: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(failures: u32, asked: Option<u64>, expected: Option<&std::ops::RangeInclusive<u128>>) {
        let now = Instant::now();
        let policy = RetryPolicy {
            deadline: Some(now + Duration::from_secs(100)),
            ..RetryPolicy::standard()
        };
        let wait = policy.wait(failures, asked.map(Duration::from_secs), now);
        match (wait.map(|wait| wait.as_millis()), &expected) {
            (Some(wait), Some(range)) => assert!(range.contains(&wait), "{wait} in {range:?}"),
            (None, None) => {}
            (wait, _) => panic!("{wait:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn waits_grow_and_end() {
        check(1, None, Some(&(375..=500)));
        check(2, None, Some(&(750..=1000)));
        check(4, None, Some(&(3000..=4000)));
        check(5, None, None);
    }

    #[test]
    fn what_the_service_asks_for_is_kept() {
        check(1, Some(30), Some(&(30_000..=30_000)));
        check(1, Some(0), Some(&(0..=0)));
    }

    #[test]
    fn a_wait_beyond_the_deadline_ends_the_run_at_once() {
        check(1, Some(100), None);
    }
}
