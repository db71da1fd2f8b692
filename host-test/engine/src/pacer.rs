//! The pace of one credential: a ceiling that the operator sets, and a rate learnt from the service's 429s.
//!
//! There is no pace until there is a reason. A 429 halves the rate at which requests went out and stops everything
//! for as long as `Retry-After` says; each answer of another kind raises the rate a little, until it is forgotten
//! where it no longer slows anything. All instances of a credential share one pacer.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::cancel::Cancel;

/// Rate after the first 429, where none was known before, in requests per second.
const FIRST_RATE: f64 = 8.0;
/// No rate falls below this.
const LEAST_RATE: f64 = 0.2;
/// What a success adds, in requests per second.
const RISE: f64 = 0.05;
/// A learnt rate above this slows nothing and is forgotten.
const FORGOTTEN: f64 = 50.0;

/// Says when the next request may go out.
#[derive(Debug)]
pub struct Pacer {
    ceiling: Option<f64>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    learnt: Option<f64>,
    /// The next request goes out no earlier.
    next: Option<Instant>,
    /// The service asked to be left alone until then.
    blocked: Option<Instant>,
}

impl Pacer {
    /// `ceiling`: most requests per second; none sets no limit.
    pub fn new(ceiling: Option<f64>) -> Self {
        let state = State { learnt: None, next: None, blocked: None };
        Pacer { ceiling, state: Mutex::new(state) }
    }

    /// Waits for the turn of one request. False if it does not come before `deadline`, or `cancel` is turned.
    pub(crate) fn wait_turn(&self, deadline: Instant, cancel: &Cancel) -> bool {
        let Some(turn) = self.take_turn(Instant::now(), deadline) else { return false };
        match turn {
            Turn::Now => !cancel.is_cancelled(),
            Turn::At(at) => !cancel.wait_until(at),
        }
    }

    /// Learns from an answer's status.
    pub(crate) fn learn(&self, status: u16, retry_after: Option<Duration>) {
        let mut state = self.lock();
        if status == 429 {
            let rate = state.learnt.map_or(FIRST_RATE, |rate| (rate / 2.0).max(LEAST_RATE));
            state.learnt = Some(rate);
            if let Some(wait) = retry_after {
                let until = Instant::now() + wait;
                state.blocked = state.blocked.max(Some(until));
            }
        } else if let Some(rate) = state.learnt {
            state.learnt = Some(rate + RISE).filter(|rate| *rate < FORGOTTEN);
        }
    }

    /// When the service may be asked again, if it asked to be left alone.
    pub fn blocked_until(&self) -> Option<Instant> {
        self.lock().blocked.filter(|until| *until > Instant::now())
    }

    /// The rate in force in requests per second, if there is one.
    pub fn rate(&self) -> Option<f64> {
        let learnt = self.lock().learnt;
        match (self.ceiling, learnt) {
            (Some(ceiling), Some(learnt)) => Some(ceiling.min(learnt)),
            (ceiling, learnt) => ceiling.or(learnt),
        }
    }

    fn take_turn(&self, now: Instant, deadline: Instant) -> Option<Turn> {
        let rate = self.rate();
        let mut state = self.lock();
        let at = [state.blocked, state.next.filter(|_| rate.is_some())]
            .into_iter()
            .flatten()
            .fold(now, Instant::max);
        if at >= deadline {
            return None;
        }
        state.next = rate.map(|rate| at + Duration::from_secs_f64(1.0 / rate));
        Some(if at == now { Turn::Now } else { Turn::At(at) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Turn {
    Now,
    At(Instant),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The instants, in milliseconds from now, at which so many requests asked for at once would go out.
    fn check(pacer: &Pacer, count: usize, expected: &[u128]) {
        let now = Instant::now();
        let deadline = now + Duration::from_secs(100);
        let found: Vec<_> = (0..count)
            .map(|_| match pacer.take_turn(now, deadline) {
                Some(Turn::Now) => 0,
                Some(Turn::At(at)) => (at - now).as_millis(),
                None => u128::MAX,
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn without_a_reason_there_is_no_pace() {
        check(&Pacer::new(None), 3, &[0, 0, 0]);
    }

    #[test]
    fn a_ceiling_spreads_the_requests() {
        check(&Pacer::new(Some(5.0)), 3, &[0, 200, 400]);
    }

    #[test]
    fn a_429_falls_fast_and_successes_rise_slowly() {
        let pacer = Pacer::new(None);
        pacer.learn(429, None);
        assert_eq!(pacer.rate(), Some(FIRST_RATE));
        pacer.learn(429, None);
        assert_eq!(pacer.rate(), Some(FIRST_RATE / 2.0));
        check(&pacer, 3, &[0, 250, 500]);
        for _ in 0..10 {
            pacer.learn(200, None);
        }
        let rate = pacer.rate().expect("a rate");
        assert!(rate > FIRST_RATE / 2.0 && rate < FIRST_RATE, "{rate}");
        for _ in 0..1000 {
            pacer.learn(200, None);
        }
        assert_eq!(pacer.rate(), None);
    }

    #[test]
    fn a_ceiling_stands_above_what_is_learnt() {
        let pacer = Pacer::new(Some(1.0));
        pacer.learn(429, None);
        assert_eq!(pacer.rate(), Some(1.0));
    }

    #[test]
    fn a_turn_after_the_deadline_is_none() {
        let pacer = Pacer::new(None);
        pacer.learn(429, Some(Duration::from_mins(1)));
        assert!(pacer.blocked_until().is_some());
        let now = Instant::now();
        assert!(pacer.take_turn(now, now + Duration::from_secs(30)).is_none());
        assert!(matches!(pacer.take_turn(now, now + Duration::from_secs(61)), Some(Turn::At(_))));
    }
}
