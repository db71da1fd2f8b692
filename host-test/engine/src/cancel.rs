//! One switch that stops everything that waits or runs for it.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A switch that can be turned once, and never back. Cheap to clone; all clones are one switch.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<(Mutex<bool>, Condvar)>);

impl Cancel {
    /// A switch that is not turned.
    pub fn new() -> Self {
        Cancel::default()
    }

    /// Turns it: whoever waits goes on at once.
    pub fn cancel(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Whether it is turned.
    pub fn is_cancelled(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `until`, or until it is turned. Whether it is turned.
    pub fn wait_until(&self, until: Instant) -> bool {
        self.wait(until.saturating_duration_since(Instant::now()))
    }

    /// Waits until it is turned.
    pub fn wait_for_ever(&self) {
        let turned = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.1.wait_while(turned, |turned| !*turned));
    }

    /// Waits for `duration`, or until it is turned. Whether it is turned.
    pub fn wait(&self, duration: Duration) -> bool {
        let turned = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (turned, _) = self
            .0
            .1
            .wait_timeout_while(turned, duration, |turned| !*turned)
            .unwrap_or_else(PoisonError::into_inner);
        *turned
    }
}
