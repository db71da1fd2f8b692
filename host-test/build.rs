//! Builds the component that the host loads by default, so that `cargo run` and `cargo test` alone are enough.

use std::path::{Path, PathBuf};
use std::process::Command;

use component::{Build, TARGET, cargo_home};

#[path = "../xtask/src/component.rs"]
mod component;

fn main() {
    let manifest = PathBuf::from(env("CARGO_MANIFEST_DIR"));
    let root = manifest.parent().expect("the host's folder lies in the workspace").to_owned();
    for input in ["src", "wit", "Cargo.toml", "Cargo.lock", ".cargo", "rust-toolchain.toml"] {
        println!("cargo::rerun-if-changed={}", root.join(input).display());
    }
    println!("cargo::rerun-if-changed={}", root.join("xtask/src/component.rs").display());
    add_target_where_missing(&root);
    let target_dir = root.join("target").join("component");
    let component =
        cargo_home().and_then(|cargo_home| Build { root, target_dir, cargo_home }.run());
    match component {
        Ok(component) => {
            println!("cargo::rustc-env=CONNECTOR_COMPONENT={}", component.display());
        }
        Err(error) => println!("cargo::error={error}"),
    }
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
