//! Budgets: requests, bytes, and requests at once, of a run or of a page.
//!
//! A budget is counted down and never refilled. A request is counted when it is taken, whether it
//! is answered or not; early requests count like any other. Bytes are counted in both directions,
//! so a budget can be passed by the last chunk read before the count, and by no more. Threads share
//! one budget by cloning it. A place among the requests at once comes back, and can be waited for.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::limits::Limits;
use crate::rule::Rule;

/// What may be spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Requests, in all.
    pub requests: u64,
    /// Bytes of bodies, in all, both directions together.
    pub bytes: u64,
    /// Requests at once.
    pub at_once: u64,
}

impl Caps {
    /// Those of one page.
    pub fn of_page(limits: &Limits) -> Self {
        Self { requests: limits.requests_per_page, ..Self::of_run(limits) }
    }

    /// Those of one run.
    pub fn of_run(limits: &Limits) -> Self {
        Self {
            requests: limits.requests_per_run,
            bytes: limits.bytes_per_run,
            at_once: limits.requests_at_once,
        }
    }
}

/// A budget, shared by its clones.
#[derive(Clone, Debug)]
pub struct Budget(Arc<Counters>);

/// One request that is under way; gives its place back when dropped.
#[derive(Debug)]
#[must_use = "dropping it says that the request is over"]
pub struct Ticket(Arc<Counters>);

/// The budget is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Spent {
    /// As many requests at once as may be; a later one may go through.
    #[error("{0} requests are under way, and no more may be")]
    AtOnce(u64),
    /// All bytes.
    #[error("the budget of {0} bytes is spent")]
    Bytes(u64),
    /// All requests.
    #[error("the budget of {0} requests is spent")]
    Requests(u64),
}

impl Spent {
    /// The rule that it breaks.
    pub fn rule(self) -> Rule {
        match self {
            Self::AtOnce(_) => Rule::BudgetInFlight,
            Self::Bytes(_) => Rule::BudgetBytes,
            Self::Requests(_) => Rule::BudgetRequests,
        }
    }
}

#[derive(Debug)]
struct Counters {
    caps: Caps,
    requests: AtomicU64,
    bytes: AtomicU64,
    at_once: AtomicU64,
    /// Held by who looks for a place and waits, and by who has given one back and says so.
    places: Mutex<()>,
    given_back: Condvar,
}

/// Who waits for a place looks this often whether it is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Budget {
    /// A budget of which nothing is spent.
    pub fn new(caps: Caps) -> Self {
        Self(Arc::new(Counters {
            caps,
            requests: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            at_once: AtomicU64::new(0),
            places: Mutex::new(()),
            given_back: Condvar::new(),
        }))
    }

    /// Takes one request, until the ticket is dropped.
    pub fn take_request(&self) -> Result<Ticket, Spent> {
        let Counters { caps, requests, at_once, .. } = &*self.0;
        take(at_once, 1, caps.at_once).map_err(|()| Spent::AtOnce(caps.at_once))?;
        if take(requests, 1, caps.requests).is_err() {
            at_once.fetch_sub(1, Ordering::Relaxed);
            return Err(Spent::Requests(caps.requests));
        }
        Ok(Ticket(Arc::clone(&self.0)))
    }

    /// Takes one request, and waits for its place where as many are under way as may be: until
    /// `deadline`, or until it is `stopped`.
    pub fn wait_for_request(
        &self,
        deadline: Instant,
        stopped: impl Fn() -> bool,
    ) -> Result<Ticket, Spent> {
        let mut places = self.0.places.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let taken = self.take_request();
            let left = deadline.saturating_duration_since(Instant::now());
            if !matches!(taken, Err(Spent::AtOnce(_))) || left.is_zero() || stopped() {
                return taken;
            }
            let waited = self.0.given_back.wait_timeout(places, left.min(LOOK_EVERY));
            places = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Counts bytes that were sent or received.
    pub fn take_bytes(&self, bytes: u64) -> Result<(), Spent> {
        let Counters { caps, bytes: spent, .. } = &*self.0;
        take(spent, bytes, caps.bytes).map_err(|()| Spent::Bytes(caps.bytes))
    }

    /// The requests taken so far.
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// The bytes counted so far.
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// The requests under way.
    pub fn at_once(&self) -> u64 {
        self.0.at_once.load(Ordering::Relaxed)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.0.at_once.fetch_sub(1, Ordering::Relaxed);
        // Who has looked and found no place is asleep by then, and hears of it.
        drop(self.0.places.lock());
        self.0.given_back.notify_one();
    }
}

/// Adds if the sum stays within the cap. The counters guard no other memory, so relaxed order is
/// enough.
fn take(counter: &AtomicU64, amount: u64, cap: u64) -> Result<(), ()> {
    let within = |spent: u64| spent.checked_add(amount).filter(|sum| *sum <= cap);
    match counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within) {
        Ok(_) => Ok(()),
        Err(_) => Err(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn budget(requests: u64, bytes: u64, at_once: u64) -> Budget {
        Budget::new(Caps { requests, bytes, at_once })
    }

    #[test]
    fn a_budget_ends_after_its_last_request() {
        let budget = budget(2, 0, 8);
        drop(budget.take_request().expect("the first"));
        drop(budget.take_request().expect("the second"));
        assert_eq!(budget.take_request().err(), Some(Spent::Requests(2)));
        assert_eq!((budget.requests(), budget.at_once()), (2, 0));
    }

    #[test]
    fn a_place_is_given_back_when_the_request_is_over() {
        let budget = budget(9, 0, 1);
        let ticket = budget.take_request().expect("the first");
        assert_eq!(budget.take_request().err(), Some(Spent::AtOnce(1)));
        drop(ticket);
        assert!(budget.take_request().is_ok());
        assert_eq!(budget.requests(), 2);
    }

    #[test]
    fn who_waits_gets_the_place_that_is_given_back() {
        let budget = budget(9, 0, 1);
        let ticket = budget.take_request().expect("the first");
        let later = Instant::now() + Duration::from_mins(1);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| budget.wait_for_request(later, || false).is_ok());
            drop(ticket);
            assert!(waiting.join().expect("no panic"));
        });
        assert_eq!((budget.requests(), budget.at_once()), (2, 0));
    }

    #[test]
    fn who_waits_in_vain_or_is_stopped_is_told_why() {
        let full = budget(9, 0, 1);
        let _ticket = full.take_request().expect("the first");
        let now = Instant::now();
        let refused = Some(Spent::AtOnce(1));
        assert_eq!(full.wait_for_request(now, || false).err(), refused);
        let later = now + Duration::from_mins(1);
        assert_eq!(full.wait_for_request(later, || true).err(), refused);
        let spent = budget(0, 0, 1).wait_for_request(later, || false).err();
        assert_eq!(spent, Some(Spent::Requests(0)));
    }

    #[test]
    fn bytes_that_do_not_fit_are_refused_and_overflow_nothing() {
        let budget = budget(0, 10, 0);
        assert_eq!(budget.take_bytes(10), Ok(()));
        assert_eq!(budget.take_bytes(0), Ok(()));
        assert_eq!(budget.take_bytes(1), Err(Spent::Bytes(10)));
        assert_eq!(budget.take_bytes(u64::MAX), Err(Spent::Bytes(10)));
        assert_eq!(budget.bytes(), 10);
    }

    #[test]
    fn a_page_has_fewer_requests_than_its_run() {
        let limits = Limits::default();
        assert_eq!(Caps::of_page(&limits).requests, limits.requests_per_page);
        assert_eq!(Caps::of_run(&limits).requests, limits.requests_per_run);
    }

    #[test]
    fn threads_together_get_no_more_than_the_budget() {
        let budget = budget(100, 0, 8);
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..50).filter(|_| budget.take_request().is_ok()).count()))
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
        });
        assert_eq!((taken, budget.requests(), budget.at_once()), (100, 100, 0));
    }

    proptest! {
        #[test]
        fn what_is_counted_never_passes_the_cap(
            cap: u64,
            amounts in prop::collection::vec(any::<u64>(), 0..8),
        ) {
            let budget = budget(0, cap, 0);
            for amount in amounts {
                let before = budget.bytes();
                let fits = before.checked_add(amount).is_some_and(|sum| sum <= cap);
                prop_assert_eq!(budget.take_bytes(amount).is_ok(), fits);
                prop_assert_eq!(budget.bytes(), if fits { before + amount } else { before });
            }
        }
    }
}
