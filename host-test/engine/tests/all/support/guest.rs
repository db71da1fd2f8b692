//! The hostile guest, built once per run by the cargo that runs the tests, and compiled once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use connector_engine::{Artifact, Plugin, Runtime, RuntimeConfig};

const TARGET: &str = "wasm32-unknown-unknown";

/// The engine of all tests.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        // Compiled code is kept between runs, as a host keeps it.
        let cache = root().join("target").join("component").join("compiled");
        let config = RuntimeConfig { cache: Some(cache), fuel: false, pooling: true };
        Runtime::new(&config).expect("an engine")
    })
}

/// The guest that does whatever the settings tell it to.
pub fn plugin() -> &'static Plugin {
    static PLUGIN: OnceLock<Plugin> = OnceLock::new();
    PLUGIN.get_or_init(|| {
        let artifact = Artifact::read(&build("hostile-guest"), None).expect("a component");
        Plugin::load(runtime(), artifact).expect("a plugin")
    })
}

/// Builds a package of the workspace as a component, in the folder that is shared by all such builds: two runs at once
/// wait for each other there.
pub fn build(package: &str) -> PathBuf {
    let root = root();
    let folder = root.join("target").join("component");
    let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    cargo
        .current_dir(root)
        .args(["rustc", "--profile", "component", "--target", TARGET, "-p", package, "--lib"])
        .args(["--crate-type", "cdylib", "--locked", "--quiet", "--target-dir"])
        .arg(&folder);
    // What the outer cargo sets for this run does not fit the inner one.
    for name in [
        "CARGO_BUILD_TARGET",
        "CARGO_BUILD_TARGET_DIR",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_TARGET_DIR",
        "RUSTC",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTFLAGS",
    ] {
        cargo.env_remove(name);
    }
    let status = cargo.status().expect("cargo runs");
    assert!(status.success(), "{package} did not build");
    folder.join(TARGET).join("component").join(format!("{}.wasm", package.replace('-', "_")))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("a workspace")
}
