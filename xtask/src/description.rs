//! The connector's own description, as the component gives it to the host.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// Asks the component `name` in `folder`, by `connector inspect --json`.
pub(crate) fn of(root: &Path, folder: &Path, name: &str) -> Result<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(folder)
        .args(["run", "--quiet", "--locked", "--bin", "connector", "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        .args(["--", "inspect", "--json", "--plugin", name])
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("cannot run cargo")?;
    ensure!(output.status.success(), "connector inspect failed");
    serde_json::from_slice(&output.stdout).context("connector inspect printed no JSON")
}
