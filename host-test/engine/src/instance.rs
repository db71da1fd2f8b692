//! One call into a plugin: a fresh store each time, limits on it, and a typed error for every way in which it can end.
//!
//! Nothing of a call outlives it: after a trap the store is dropped, and the next call starts from nothing.

use std::sync::Arc;
use std::time::Instant;

use connector_egress::limits::Limits;
use connector_egress::rule::Rule;
use wasmtime::{ResourceLimiter, Store, Trap, UpdateDeadline};

use crate::bindings::generated::Connector;
use crate::bindings::generated::data_connector::plugin::http as import;
use crate::bindings::http::{ErrorKind, HttpError, Request, Response};
use crate::cancel::Cancel;
use crate::error::PluginError;
use crate::http::Sender;
use crate::plugin::Plugin;

/// What a call may use.
pub(crate) struct CallConfig {
    pub(crate) limits: Limits,
    /// The capability; none where the contract says that there is no network.
    pub(crate) sender: Option<Arc<dyn Sender>>,
    pub(crate) cancel: Cancel,
}

/// What lies in the store.
pub(crate) struct CallState {
    sender: Option<Arc<dyn Sender>>,
    resources: Resources,
    cancel: Cancel,
    deadline: Instant,
    guest_since: Instant,
    requests_left: u64,
    refusals_left: u64,
}

/// A plugin that asks on and on for what it was refused.
#[derive(Debug, thiserror::Error)]
#[error("it went on sending")]
struct Flood;

/// Runs `body` on a fresh instance. `call` names it in errors.
pub(crate) fn run<T>(
    plugin: &Plugin,
    call: &'static str,
    config: CallConfig,
    body: impl FnOnce(&Connector, &mut Store<CallState>) -> wasmtime::Result<T>,
) -> Result<T, PluginError> {
    let limits = config.limits;
    let now = Instant::now();
    let state = CallState {
        sender: config.sender,
        resources: Resources::new(&limits),
        cancel: config.cancel,
        deadline: now + limits.page_time,
        guest_since: now,
        requests_left: limits.requests_per_page,
        // Each refusal is written down: a plugin cannot be let fill the audit.
        refusals_left: limits.requests_per_page,
    };
    let mut store = Store::new(plugin.runtime().engine(), state);
    store.limiter(|state| &mut state.resources);
    store.set_hostcall_fuel(size(limits.lifted_bytes));
    store.set_epoch_deadline(1);
    let guest_time = limits.guest_time;
    store.epoch_deadline_callback(move |context| {
        let state = context.data();
        let over = state.guest_since.elapsed() > guest_time;
        Ok(if over || state.cancel.is_cancelled() {
            UpdateDeadline::Interrupt
        } else {
            UpdateDeadline::Continue(1)
        })
    });
    let metered = plugin.runtime().fuel_used().is_some();
    let outcome =
        if metered { store.set_fuel(limits.fuel_per_page) } else { Ok(()) }.and_then(|()| {
            let _running = plugin.runtime().running();
            let instance = plugin.pre().instantiate(&mut store)?;
            body(&instance, &mut store)
        });
    #[cfg(feature = "guest-memory")]
    if let Some(observer) = &plugin.observer {
        crate::memory::show(&**observer, call, &mut store);
    }
    if let Ok(left) = store.get_fuel() {
        plugin.runtime().count_fuel(limits.fuel_per_page - left);
    }
    outcome.map_err(|error| classify(&error, store.data(), call, &limits))
}

/// What a trap, or an error in place of one, means.
fn classify(
    error: &wasmtime::Error,
    state: &CallState,
    call: &'static str,
    limits: &Limits,
) -> PluginError {
    if state.resources.exceeded {
        return PluginError::Memory { call, limit: limits.memory_bytes };
    }
    if error.is::<Flood>() {
        return PluginError::Flood { call, limit: limits.requests_per_page };
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::Interrupt) if state.cancel.is_cancelled() => PluginError::Cancelled { call },
        Some(Trap::Interrupt) => PluginError::Deadline { call, limit: limits.guest_time },
        Some(Trap::OutOfFuel) => PluginError::Fuel { call, limit: limits.fuel_per_page },
        Some(Trap::StackOverflow) => PluginError::Stack { call },
        Some(Trap::UnreachableCodeReached) => {
            PluginError::Crash { call, reason: "it panicked or aborted".into() }
        }
        Some(trap) => PluginError::Crash { call, reason: trap.to_string() },
        None => {
            let reason = format!("{:#}", error.root_cause());
            if reason.contains("fuel allocated for hostcalls") {
                PluginError::TooMuch { call, limit: limits.lifted_bytes }
            } else {
                PluginError::Broken { call, reason }
            }
        }
    }
}

impl import::Host for CallState {
    fn send(&mut self, request: Request) -> wasmtime::Result<Result<Response, HttpError>> {
        match self.take_request() {
            Ok((sender, deadline)) => {
                let result = sender.send(&request, deadline);
                // Only a request renews the guest's time: one that is refused costs nothing and would go on for ever.
                self.guest_since = Instant::now();
                Ok(result)
            }
            Err(refusal) => {
                let left = self.refusals_left.checked_sub(1);
                self.refusals_left = left.ok_or(Flood)?;
                if let Some(sender) = &self.sender {
                    sender.refuse(&request, refusal.rule);
                }
                let Refusal { kind, message, .. } = refusal;
                Ok(Err(HttpError { kind, maybe_sent: false, message: message.to_owned() }))
            }
        }
    }
}

/// Why a call may not send.
struct Refusal {
    kind: ErrorKind,
    rule: Rule,
    message: &'static str,
}

impl CallState {
    /// One of the requests of this call, if it may send any more: through whom, and until when.
    fn take_request(&mut self) -> Result<(Arc<dyn Sender>, Instant), Refusal> {
        let refuse = |kind, rule, message| Err(Refusal { kind, rule, message });
        let Some(sender) = &self.sender else {
            let message = "this call may not use the network";
            return refuse(ErrorKind::Denied, Rule::BudgetRequests, message);
        };
        if self.cancel.is_cancelled() {
            return refuse(ErrorKind::Cancelled, Rule::TimeOut, "the host is stopping");
        }
        let Some(left) = self.requests_left.checked_sub(1) else {
            let message = "the requests of this call are used up";
            return refuse(ErrorKind::Budget, Rule::BudgetRequests, message);
        };
        if Instant::now() >= self.deadline {
            return refuse(ErrorKind::Timeout, Rule::TimeOut, "the time of this call is used up");
        }
        self.requests_left = left;
        Ok((sender.clone(), self.deadline))
    }
}

/// A limit as a size; one beyond the address space is no limit.
fn size(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// Limits on what an instance allocates: all memories and tables summed.
struct Resources {
    memory_left: usize,
    elements_left: usize,
    instances: usize,
    memories: usize,
    exceeded: bool,
}

impl Resources {
    fn new(limits: &Limits) -> Self {
        Resources {
            memory_left: size(limits.memory_bytes),
            elements_left: size(limits.table_elements),
            instances: size(limits.instances),
            memories: size(limits.memories),
            exceeded: false,
        }
    }
}

impl ResourceLimiter for Resources {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if let Some(left) = self.memory_left.checked_sub(desired.saturating_sub(current)) {
            self.memory_left = left;
            return Ok(true);
        }
        self.exceeded = true;
        Err(wasmtime::Error::msg("the memory of this call is used up"))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let left = self.elements_left.checked_sub(desired.saturating_sub(current));
        self.elements_left = left.unwrap_or(self.elements_left);
        Ok(left.is_some())
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.instances
    }

    fn memories(&self) -> usize {
        self.memories
    }
}
