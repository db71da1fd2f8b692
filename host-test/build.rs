//! Builds the component that the host loads by default, so that `cargo run` and `cargo test` alone are enough.
//!
//! It runs cargo once more, for the wasm target, in a target folder of its own: the outer one is locked by the cargo
//! that runs this script.

use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";
const PACKAGE: &str = "customerly-connector";

fn main() {
    let manifest = PathBuf::from(env("CARGO_MANIFEST_DIR"));
    let root = manifest.parent().expect("the host's folder lies in the workspace").to_owned();
    for input in ["src", "wit", "Cargo.toml", "Cargo.lock", ".cargo", "rust-toolchain.toml"] {
        println!("cargo::rerun-if-changed={}", root.join(input).display());
    }
    add_target_where_missing(&root);
    let component = build(&root);
    println!("cargo::rustc-env=CONNECTOR_COMPONENT={}", component.display());
}

fn build(root: &Path) -> PathBuf {
    let target_dir = root.join("target").join("component");
    let mut cargo = Command::new(env("CARGO"));
    cargo
        .current_dir(root)
        .args(["rustc", "--profile", "component", "--target", TARGET, "-p", PACKAGE, "--lib"])
        .args(["--crate-type", "cdylib", "--locked", "--target-dir"])
        .arg(&target_dir);
    // What the outer cargo sets for this build does not fit the inner one.
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
    let status = cargo.status().expect("cargo runs this script, so it can run again");
    assert!(
        status.success(),
        "the component did not build; if the target {TARGET} is missing, add it with: \
         rustup target add {TARGET}"
    );
    target_dir.join(TARGET).join("component").join(format!("{}.wasm", PACKAGE.replace('-', "_")))
}

/// Adds the wasm target through rustup. Where that cannot be done, the build says how to add it by hand.
fn add_target_where_missing(root: &Path) {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let libraries = Command::new(rustc)
        .current_dir(root)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    let present = libraries.is_ok_and(|output| {
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success() && Path::new(&folder).is_dir()
    });
    if !present {
        let added =
            Command::new("rustup").current_dir(root).args(["target", "add", TARGET]).status();
        if !added.is_ok_and(|status| status.success()) {
            println!("cargo::warning=could not add the target; run: rustup target add {TARGET}");
        }
    }
}

fn env(name: &str) -> String {
    std::env::var(name).expect("cargo sets it for build scripts")
}
