//! The handle of a running emulator.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::config::{Config, Switches};
use crate::contact::Kind;
use crate::faults::FaultRule;
use crate::mutations::{Change, Mutation, RandomMutations, Script};
use crate::state::{Request, Shared};
use crate::store::render_rows;
use crate::{clock, server};

/// A running emulator. It is stopped when the handle is dropped.
#[derive(Debug)]
pub struct Emulator {
    address: SocketAddr,
    token: String,
    shared: Arc<Shared>,
    /// Dropped to stop.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Why an emulator did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The port is taken, or may not be used.
    #[error("cannot listen on 127.0.0.1:{port}: {source}; choose another port, or 0 for any")]
    Bind {
        /// The port asked for.
        port: u16,
        /// What the system says.
        source: io::Error,
    },
    /// No thread or event loop could be had from the system.
    #[error("cannot start the server's threads: {0}")]
    Threads(io::Error),
    /// The token cannot be sent in a header.
    #[error("the token must be one or more visible ASCII characters without spaces")]
    Token,
    /// Users and leads together are more than can be emulated.
    #[error("{contacts} contacts are too many: at most {LARGEST} can be emulated")]
    TooManyContacts {
        /// Users and leads together.
        contacts: u64,
    },
}

/// The most contacts that can be emulated.
const LARGEST: u64 = 10_000_000;

impl Emulator {
    /// Generates the data and answers on 127.0.0.1 from the moment this returns.
    pub fn start(config: Config) -> Result<Self, StartError> {
        let contacts = u64::from(config.data.users) + u64::from(config.data.leads);
        if contacts > LARGEST {
            return Err(StartError::TooManyContacts { contacts });
        }
        if config.token.is_empty() || !config.token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(StartError::Token);
        }
        let port = config.port;
        let (listener, address) = bind(port).map_err(|source| StartError::Bind { port, source })?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("emulator")
            .enable_all()
            .build()
            .map_err(StartError::Threads)?;
        let token = config.token.clone();
        let shared = Arc::new(Shared::new(config));
        let (stop, stopped) = oneshot::channel();
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(StartError::Threads)?
        };
        let server = server::serve(listener, Arc::clone(&shared), stopped);
        let thread = thread::Builder::new()
            .name("emulator-main".to_owned())
            .spawn(move || {
                runtime.block_on(server);
                // Connections that wait or never end are dropped where they stand.
                runtime.shutdown_timeout(Duration::from_secs(1));
            })
            .map_err(StartError::Threads)?;
        Ok(Self { address, token, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Blocks until the process ends: for a program that does nothing but serve.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            // The thread ends only when `stop` is dropped, which this call outlives.
            let _ = thread.join();
        }
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end. The API is below `/v1`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The access token of the account.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// How many contacts of a list are alive.
    pub fn count(&self, kind: Kind) -> usize {
        self.shared.lock().store.listing(kind).len()
    }

    /// The contacts of a list that are alive, by `crmhero_user_id`, each as its list row.
    pub fn contacts(&self, kind: Kind) -> Vec<Value> {
        let mut lines = Vec::new();
        self.write_contacts(kind, &mut lines).expect("writing to memory");
        let lines = lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        lines.map(|line| serde_json::from_slice(line).expect("rows are JSON")).collect()
    }

    /// Writes the contacts of a list that are alive as JSON lines, by `crmhero_user_id`.
    pub fn write_contacts(&self, kind: Kind, out: &mut impl Write) -> io::Result<()> {
        let mut rank = 0;
        loop {
            let lines = lines(&self.shared, kind, rank);
            if lines.is_empty() {
                return Ok(());
            }
            out.write_all(&lines)?;
            rank += LINES;
        }
    }

    /// The `crmhero_user_id` of every contact of a list that is alive.
    pub fn keys(&self, kind: Kind) -> Vec<u64> {
        let store = &self.shared.lock().store;
        store.listing(kind).positions().map(|position| store.id(position)).collect()
    }

    /// Remembers this moment, such as the start of a read, for [`Self::alive_throughout`].
    pub fn mark(&self) {
        self.shared.lock().store.mark();
    }

    /// The `crmhero_user_id` of every contact that has been in a list since the mark, or in the
    /// initial data without one. `None` is for contacts in any list, also those that changed it.
    pub fn alive_throughout(&self, kind: Option<Kind>) -> Vec<u64> {
        self.shared.lock().store.alive_throughout(kind)
    }

    /// `last_update` of a contact that is alive, as the API writes it.
    pub fn last_update(&self, crmhero_user_id: u64) -> Option<String> {
        let store = &self.shared.lock().store;
        let (position, _) = store.by_id(crmhero_user_id)?;
        Some(clock::stamp(store.last_update(position)))
    }

    /// Every request to the API so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.lock().requests.kept().to_vec()
    }

    /// Waits until [`requests`](Self::requests) has so many, for as long as `time` at the most. Whether it has.
    pub fn wait_for_requests(&self, count: usize, time: Duration) -> bool {
        self.shared.wait_for_requests(count, time)
    }

    /// Forgets the requests so far.
    pub fn clear_requests(&self) {
        self.shared.lock().requests.forget();
    }

    /// Bodies of `POST /messages` that were taken, in order.
    pub fn messages(&self) -> Vec<Value> {
        self.shared.lock().store.messages.clone()
    }

    /// Companies that were written: `{"ID": {"name": …, "attributes": {…}}}`.
    pub fn companies(&self) -> Value {
        self.shared.lock().store.companies_json()
    }

    /// Tag names of the project.
    pub fn tags(&self) -> Vec<String> {
        self.shared.lock().store.tags.names().map(str::to_owned).collect()
    }

    /// The switches as they are.
    pub fn switches(&self) -> Switches {
        self.shared.lock().switches.clone()
    }

    /// Turns switches, from the next request on.
    pub fn switch(&self, turn: impl FnOnce(&mut Switches)) {
        turn(&mut self.shared.lock().switches);
    }

    /// Adds a fault behind those there.
    pub fn add_fault(&self, rule: FaultRule) {
        self.shared.lock().faults.add(vec![rule]);
    }

    /// Takes all faults away.
    pub fn clear_faults(&self) {
        self.shared.lock().faults.clear();
    }

    /// Takes the place of the script that is there; list requests are counted from now.
    pub fn set_script(&self, script: Script) {
        self.shared.lock().mutator.set_script(script);
    }

    /// Changes the data at random from now on, or no more.
    pub fn set_random_mutations(&self, random: Option<RandomMutations>) {
        self.shared.lock().mutator.set_random(random);
    }

    /// Changes the data now.
    pub fn change(&self, change: Change) {
        let state = &mut *self.shared.lock();
        state.mutator.apply(&mut state.store, change, &state.switches);
    }

    /// The changes that scripts, random mutations and [`Self::change`] made.
    pub fn mutations(&self) -> Vec<Mutation> {
        self.shared.lock().mutator.made.clone()
    }

    /// Sets the clock, in seconds since 1970.
    pub fn set_now(&self, seconds: u32) {
        self.shared.lock().store.clock.set(seconds);
    }

    /// What the clock shows, in seconds since 1970.
    pub fn now(&self) -> u32 {
        self.shared.lock().store.clock.now()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server's thread was already reported by the runtime.
            let _ = thread.join();
        }
    }
}

/// So many contacts are rendered at once; requests are answered in between.
pub(crate) const LINES: usize = 1_000;

/// JSON lines of the contacts of a list from a rank on, at most [`LINES`] of them.
pub(crate) fn lines(shared: &Shared, kind: Kind, rank: usize) -> Vec<u8> {
    let state = shared.lock();
    let mut out = Vec::new();
    for position in state.store.listing(kind).positions_between(rank, rank + LINES) {
        render_rows(&mut out, &state.store, &[position], &state.switches);
        out.push(b'\n');
    }
    out
}

/// Binds without the event loop, so that an emulator can be started inside another one.
fn bind(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
