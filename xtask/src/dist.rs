//! The release: everything that a platform needs to load the connector, and to know what it loads.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, anyhow};
use sha2::{Digest as _, Sha256};

use crate::component::{Build, PACKAGE, cargo_home};
use crate::revision::Revision;
use crate::{contract, description, metadata, sbom};

/// Builds the release into `output` and prints what it holds.
pub(crate) fn run(root: &Path, output: &Path) -> Result<()> {
    let target_dir = root.join("target").join("component");
    let cargo_home = cargo_home().map_err(|error| anyhow!(error))?;
    let build = Build { root: root.to_owned(), target_dir, cargo_home };
    let linked = build.run().map_err(|error| anyhow!(error))?;
    let revision = Revision::of(root)?;
    if revision.is_dirty() {
        eprintln!("warning: there are uncommitted changes; the component's revision says so");
    }
    let workspace = sbom::metadata(root)?;
    let package = sbom::package(&workspace)?;
    let linked = std::fs::read(&linked).with_context(|| linked.display().to_string())?;
    let component = metadata::add(&linked, package, &revision)?;
    let stem = format!("{PACKAGE}-{}", package.version);
    let name = format!("{stem}.wasm");
    let digest = sha256(&component);
    let lock = std::fs::read_to_string(root.join("Cargo.lock"))?;
    let crates = sbom::list(&workspace, &lock, &rust_version(root)?, &digest)?;
    let size = (component.len(), gzipped(&component)?);
    // Nothing of an earlier release stays behind.
    if output.exists() {
        std::fs::remove_dir_all(output)?;
    }
    std::fs::create_dir_all(output)?;
    std::fs::write(output.join(&name), &component)?;
    let described = description::of(root, output, &name)?;
    let files = [
        (name, component),
        (format!("{stem}.json"), json(&described)?),
        (format!("{stem}.cdx.json"), json(&crates)?),
        contract::package(root)?,
    ];
    let mut sums = String::new();
    for (name, bytes) in &files {
        std::fs::write(output.join(name), bytes)?;
        writeln!(sums, "{}  {name}", sha256(bytes)).expect("writing to memory");
    }
    std::fs::write(output.join("SHA256SUMS"), &sums)?;
    print!("{sums}");
    println!("{} bytes, {} gzipped, revision {}", size.0, size.1, revision.text());
    println!("in {}", output.display());
    Ok(())
}

/// The SHA-256 in lower-case hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to memory");
        text
    })
}

/// How many bytes it takes when it is compressed as well as gzip can.
pub(crate) fn gzipped(bytes: &[u8]) -> Result<usize> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}

fn json(value: &serde_json::Value) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

fn rust_version(root: &Path) -> Result<String> {
    let output = Command::new("rustc").current_dir(root).arg("-vV").output()?;
    let text = String::from_utf8(output.stdout)?;
    let version = text.lines().find_map(|line| line.strip_prefix("release: "));
    version.map(str::to_owned).context("rustc -vV names no release")
}
