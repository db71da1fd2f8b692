//! SIGINT and SIGTERM: the first stops the run with its state saved; a second one kills.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use connector_engine::Cancel;
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::error::Exit;

/// Which signal came, if one did.
#[derive(Clone, Default)]
pub(crate) struct Signals(Arc<AtomicUsize>);

impl Signals {
    /// Turns `cancel` at the first signal; at a second one the process ends at once.
    pub(crate) fn install(cancel: &Cancel) -> std::io::Result<Self> {
        let signals = Signals::default();
        let stopping = Arc::new(std::sync::atomic::AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register_conditional_shutdown(
                signal,
                128 + signal,
                stopping.clone(),
            )?;
            signal_hook::flag::register(signal, stopping.clone())?;
        }
        let mut iterator = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
        let (seen, cancel) = (signals.0.clone(), cancel.clone());
        std::thread::spawn(move || {
            for signal in iterator.forever() {
                seen.store(usize::try_from(signal).unwrap_or(0), Ordering::Relaxed);
                cancel.cancel();
            }
        });
        Ok(signals)
    }

    /// How the command ends because of it.
    pub(crate) fn exit(&self) -> Option<Exit> {
        match i32::try_from(self.0.load(Ordering::Relaxed)) {
            Ok(SIGINT) => Some(Exit::Interrupted),
            Ok(SIGTERM) => Some(Exit::Terminated),
            _ => None,
        }
    }
}
