//! For tests alone: a guest's whole memory, read by the host at the end of each call.
//!
//! The feature `guest-memory` compiles plugins with wasmtime's support for debuggers, which gives access to memories
//! that are not exported. It makes calls slower and changes nothing else.

use std::sync::Arc;

use wasmtime::{AsContextMut as _, Store};

use crate::instance::CallState;
use crate::plugin::Plugin;

/// Looks at a guest's memory.
pub trait MemoryObserver: Send + Sync {
    /// A call ended, in a value or in a trap, and this is one linear memory of its instance as it was then.
    fn memory(&self, call: &str, memory: &[u8]);
}

impl Plugin {
    /// The same plugin, whose memory is shown to the observer after each call.
    #[must_use]
    pub fn observed_by(mut self, observer: Arc<dyn MemoryObserver>) -> Self {
        self.observer = Some(observer);
        self
    }
}

/// Shows every memory of every instance in the store.
pub(crate) fn show(observer: &dyn MemoryObserver, call: &str, store: &mut Store<CallState>) {
    for instance in store.debug_all_instances() {
        let mut index = 0;
        while let Some(memory) = instance.debug_memory(store.as_context_mut(), index) {
            observer.memory(call, memory.data(&mut *store));
            index += 1;
        }
    }
}
