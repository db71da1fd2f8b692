//! The same read through the protocols of other platforms.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::ORIGIN;
use super::process::Emulator;

/// `airbyte read` of all users.
pub(super) fn airbyte(connector: &Path, emulator: &Emulator, folder: &Path) -> Result<Command> {
    let stream =
        json!({"name": "users", "json_schema": {}, "supported_sync_modes": ["full_refresh"]});
    let catalogue = json!({"streams": [{
        "stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "overwrite",
    }]});
    let mut command = program(connector, emulator);
    command
        .args(["airbyte", "read", "--config"])
        .arg(config(emulator, folder)?)
        .arg("--catalog")
        .arg(file(folder, "airbyte-catalog.json", &catalogue)?);
    Ok(command)
}

/// `singer tap` of all users and all their fields.
pub(super) fn singer(connector: &Path, emulator: &Emulator, folder: &Path) -> Result<Command> {
    let config = config(emulator, folder)?;
    let discovered = program(connector, emulator)
        .args(["singer", "tap", "--discover", "--config"])
        .arg(&config)
        .output()?;
    ensure!(discovered.status.success(), "the tap discovers nothing");
    let mut catalogue: Value = serde_json::from_slice(&discovered.stdout)?;
    let streams = catalogue["streams"].as_array_mut().context("a list of streams")?;
    for stream in streams {
        let selected = stream["tap_stream_id"] == "users";
        for item in stream["metadata"].as_array_mut().context("a list of metadata")? {
            item["metadata"]["selected"] = selected.into();
        }
    }
    let mut command = program(connector, emulator);
    command.args(["singer", "tap", "--config"]).arg(config).arg("--catalog").arg(file(
        folder,
        "singer-catalog.json",
        &catalogue,
    )?);
    Ok(command)
}

fn program(connector: &Path, emulator: &Emulator) -> Command {
    let mut command = Command::new(connector);
    command.arg(format!("--origin={ORIGIN}={}", emulator.origin));
    command
}

fn config(emulator: &Emulator, folder: &Path) -> Result<PathBuf> {
    file(folder, "config.json", &json!({"api_key": emulator.token}))
}

fn file(folder: &Path, name: &str, content: &Value) -> Result<PathBuf> {
    let path = folder.join(name);
    std::fs::write(&path, content.to_string())?;
    Ok(path)
}
