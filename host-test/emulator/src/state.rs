//! What the server's requests, the admin surface and the handle share.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::auth::AuthForm;
use crate::config::{Config, Switches};
use crate::faults::Faults;
use crate::knowledge::Knowledge;
use crate::mutations::Mutator;
use crate::store::Store;

/// One request that reached the API, in the order of arrival.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Request {
    /// In upper case.
    pub method: String,
    /// As sent, with `/v1`; a token in it is replaced.
    pub path_and_query: String,
    /// The forms in which a token was sent; none where there was none.
    pub auth_forms: Vec<AuthForm>,
    /// The body of a request other than GET, as text; a token in it is replaced.
    pub body: String,
    /// Status of the answer; `None` while there is none, and where the connection was closed.
    pub status: Option<u16>,
    /// Name of the fault that the request met.
    pub fault: Option<String>,
}

/// The requests so far.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    kept: Vec<Request>,
    forgotten: usize,
}

impl Requests {
    /// Keeps a request and gives its number.
    pub(crate) fn push(&mut self, request: Request) -> usize {
        self.kept.push(request);
        self.forgotten + self.kept.len() - 1
    }

    /// Notes the status of an answer, unless the request was forgotten meanwhile.
    pub(crate) fn answered(&mut self, number: usize, status: u16) {
        let kept = number.checked_sub(self.forgotten).and_then(|at| self.kept.get_mut(at));
        if let Some(request) = kept {
            request.status = Some(status);
        }
    }

    pub(crate) fn forget(&mut self) {
        self.forgotten += self.kept.len();
        self.kept.clear();
    }

    pub(crate) fn kept(&self) -> &[Request] {
        &self.kept
    }
}

/// Everything behind one lock.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) token: String,
    pub(crate) switches: Switches,
    pub(crate) store: Store,
    pub(crate) knowledge: Knowledge,
    pub(crate) mutator: Mutator,
    pub(crate) faults: Faults,
    pub(crate) requests: Requests,
    /// List answers so far: what shuffled ties depend on.
    pub(crate) list_answers: u64,
}

/// The state, for all threads.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// A request came.
    came: Condvar,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Self {
        let seed = config.data.seed;
        let state = Mutex::new(State {
            store: Store::new(&config),
            knowledge: Knowledge::new(&config),
            token: config.token,
            switches: config.switches,
            mutator: Mutator::new(seed, config.script, config.random_mutations),
            faults: Faults::new(seed, config.faults),
            requests: Requests::default(),
            list_answers: 0,
        });
        Self { state, came: Condvar::new() }
    }

    /// The state, also after a panic in another thread: a test then still reads what was sent.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that a request came.
    pub(crate) fn tell(&self) {
        self.came.notify_all();
    }

    /// Waits until so many requests are kept, for as long as `time` at the most. Whether they are.
    pub(crate) fn wait_for_requests(&self, count: usize, time: Duration) -> bool {
        let few = |state: &mut State| state.requests.kept().len() < count;
        let (state, _) = self
            .came
            .wait_timeout_while(self.lock(), time, few)
            .unwrap_or_else(PoisonError::into_inner);
        state.requests.kept().len() >= count
    }
}
