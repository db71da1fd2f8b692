//! Signs of life: while nothing can be read, the last states are repeated, so that the platform does not take the wait
//! for a failure.

use std::io;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use connector_engine::Cancel;

use super::messages::{Messages, state_line};
use super::stream::{Last, lock};

/// The platform ends a source that has been silent for an hour or more.
pub(super) const SILENCE: Duration = Duration::from_mins(5);

/// Repeats the last states when there was no record or state for too long.
pub(super) struct Heartbeat<'a> {
    /// Where they go.
    pub(super) messages: &'a Messages,
    /// The streams, and their last states.
    pub(super) streams: Vec<(String, &'a Mutex<Last>)>,
    /// So long it may be silent.
    pub(super) every: Duration,
}

impl Heartbeat<'_> {
    /// Does the work, and gives signs of life until it is done.
    pub(super) fn while_running<T>(&self, work: impl FnOnce() -> T) -> T {
        let stop = Cancel::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.wait(self.every / 5) {
                    // A reader that went away is met again with the next page.
                    let _ = self.beat(Instant::now());
                }
            });
            // Turned also by a panic, or the scope would wait for ever.
            let _stop = Stop(&stop);
            work()
        })
    }

    /// Repeats the states of the streams that are open, if there was silence for too long.
    pub(super) fn beat(&self, now: Instant) -> io::Result<()> {
        if now.saturating_duration_since(self.messages.alive()) < self.every {
            return Ok(());
        }
        for (name, last) in &self.streams {
            let last = lock(last);
            if last.open {
                self.messages.write(&state_line(name, &last.state, 0), true)?;
            }
        }
        Ok(())
    }
}

struct Stop<'a>(&'a Cancel);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
