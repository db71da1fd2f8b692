//! The wasmtime engine: what a plugin may be made of, the cache of compiled code, and the clock that stops it.
//!
//! Only the WebAssembly features that a component of this contract needs are on. Guest time is bounded by epochs: a
//! ticker raises the epoch while a call runs and sleeps otherwise, so an idle host uses no CPU.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use wasmtime::{Cache, CacheConfig, Config, Enabled, Engine, PoolingAllocationConfig};

use crate::error::PluginError;

/// How often a running guest looks whether it has to stop.
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// How to set up the engine.
#[derive(Clone, Debug)]
pub struct RuntimeConfig {
    /// Folder of the compiled-code cache; it must be the owner's alone, since it holds native code. None compiles anew
    /// each time.
    pub cache: Option<PathBuf>,
    /// Whether calls are metered by fuel: exact, the same on every machine, and slower.
    pub fuel: bool,
    /// Whether instances come from a pool: less processor time for many calls, at a fixed reservation of address space,
    /// and only for plugins of the usual shape.
    pub pooling: bool,
}

/// An engine that plugins are compiled for. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    engine: Engine,
    ticker: Arc<Ticker>,
    fuel: Option<Arc<AtomicU64>>,
}

impl Runtime {
    /// Sets up the engine.
    pub fn new(config: &RuntimeConfig) -> Result<Self, PluginError> {
        let mut engine = Config::new();
        engine
            .wasm_component_model(true)
            .wasm_tail_call(false)
            .wasm_relaxed_simd(false)
            .wasm_simd(false)
            .wasm_multi_memory(false)
            .wasm_memory64(false)
            .wasm_extended_const(false)
            .wasm_custom_page_sizes(false)
            .wasm_wide_arithmetic(false)
            .epoch_interruption(true)
            .consume_fuel(config.fuel)
            .memory_init_cow(true);
        #[cfg(feature = "guest-memory")]
        engine.guest_debug(true);
        if config.pooling {
            engine.allocation_strategy(pool());
        }
        if let Some(folder) = &config.cache {
            engine.cache(Some(open_cache(folder)?));
        }
        let engine = Engine::new(&engine).map_err(|error| PluginError::Cache {
            path: config.cache.clone().unwrap_or_default(),
            reason: format!("{error:#}"),
        })?;
        let ticker = Ticker::start(&engine);
        Ok(Runtime { engine, ticker, fuel: config.fuel.then(Arc::default) })
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Fuel that all calls so far have used together, also those that failed; none where calls are not metered. What
    /// one call used is the difference: the same on every machine, for the same component and answers.
    pub fn fuel_used(&self) -> Option<u64> {
        self.fuel.as_ref().map(|used| used.load(Ordering::Relaxed))
    }

    /// Counts what a call used, where calls are metered.
    pub(crate) fn count_fuel(&self, used: u64) {
        if let Some(sum) = &self.fuel {
            sum.fetch_add(used, Ordering::Relaxed);
        }
    }

    /// Keeps the epoch rising for as long as the guard lives.
    pub(crate) fn running(&self) -> Running {
        self.ticker.enter();
        Running(self.ticker.clone())
    }
}

/// A pool whose memories are wiped, not given back, where the system tells which pages were written to: giving them back
/// makes every call fault them in again, and wiping them all blindly costs as much.
fn pool() -> PoolingAllocationConfig {
    let wiped =
        if PoolingAllocationConfig::is_pagemap_scan_available() { 1 << 20 } else { 64 << 10 };
    let mut pool = PoolingAllocationConfig::default();
    pool.max_unused_warm_slots(16).linear_memory_keep_resident(wiped).pagemap_scan(Enabled::Auto);
    pool
}

/// Opens the cache in a folder that nobody else can write to: whoever can, could have the host run native code.
fn open_cache(folder: &Path) -> Result<Cache, PluginError> {
    let refuse = |reason: String| PluginError::Cache { path: folder.to_owned(), reason };
    create_private(folder).map_err(|error| refuse(error.to_string()))?;
    let mut config = CacheConfig::new();
    config.with_directory(folder);
    Cache::new(config).map_err(|error| refuse(format!("{error:#}")))
}

#[cfg(unix)]
fn create_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let metadata = std::fs::metadata(folder)?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(std::io::Error::other("it belongs to another user"));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(std::io::Error::other("others can write to it"));
    }
    Ok(())
}

#[cfg(not(unix))]
fn create_private(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)
}

/// Raises the epoch while calls run; its thread ends with it.
struct Ticker(Arc<TickerState>);

struct TickerState {
    running: Mutex<Calls>,
    changed: Condvar,
}

struct Calls {
    running: usize,
    ended: bool,
}

/// A call is running.
pub(crate) struct Running(Arc<Ticker>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.0.lock().running -= 1;
    }
}

impl Ticker {
    fn start(engine: &Engine) -> Arc<Self> {
        let calls = Mutex::new(Calls { running: 0, ended: false });
        let state = Arc::new(TickerState { running: calls, changed: Condvar::new() });
        let engine = engine.weak();
        let ticker = Arc::new(Ticker(state.clone()));
        std::thread::spawn(move || {
            while state.wait_for_a_call()
                && let Some(engine) = engine.upgrade()
            {
                std::thread::sleep(TICK);
                engine.increment_epoch();
            }
        });
        ticker
    }

    fn enter(&self) {
        self.0.lock().running += 1;
        self.0.changed.notify_one();
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_one();
    }
}

impl TickerState {
    fn lock(&self) -> MutexGuard<'_, Calls> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a call runs; false at the end.
    fn wait_for_a_call(&self) -> bool {
        let calls = self
            .changed
            .wait_while(self.lock(), |calls| calls.running == 0 && !calls.ended)
            .unwrap_or_else(PoisonError::into_inner);
        !calls.ended
    }
}
