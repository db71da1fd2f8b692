//! Whether the component's bytes depend on the machine that builds it.
//!
//! It is built twice, from copies of the files in two folders of different depth, with two Cargo homes that share
//! nothing but the registry's downloads. Both have to be the same byte for byte, and hold no path.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, anyhow, bail, ensure};

use crate::component::{Build, cargo_home};
use crate::dist::sha256;
use crate::revision::Revision;
use crate::{metadata, sbom};

/// Builds twice and compares.
pub(crate) fn run(root: &Path) -> Result<()> {
    let home = cargo_home().map_err(|error| anyhow!(error))?;
    let folder = tempfile::Builder::new().prefix("reproduce-").tempdir()?;
    let revision = Revision::of(root)?;
    let workspace = sbom::metadata(root)?;
    let package = sbom::package(&workspace)?;
    let mut components = Vec::new();
    for (name, sources, cargo) in [("first", "a", "home"), ("second", "b/of/another depth", "h2")] {
        let (sources, cargo_home) = (folder.path().join(sources), folder.path().join(cargo));
        copy_files(root, &sources)?;
        copy_registry(&home, &cargo_home)?;
        let target_dir = folder.path().join(format!("target-{name}"));
        let build = Build { root: sources, target_dir, cargo_home };
        let linked = std::fs::read(build.run().map_err(|error| anyhow!(error))?)?;
        for path in [folder.path(), root, &home] {
            ensure!(!holds(&linked, path), "the component holds the path {}", path.display());
        }
        let component = metadata::add(&linked, package, &revision)?;
        println!("{}  {name}, {} bytes", sha256(&component), component.len());
        components.push(component);
    }
    if components[0] != components[1] {
        bail!("the two builds differ");
    }
    println!("the same, revision {}", revision.text());
    Ok(())
}

/// Copies every file that git knows or would add.
fn copy_files(root: &Path, to: &Path) -> Result<()> {
    let output = Command::new("git")
        .current_dir(root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .context("cannot run git")?;
    ensure!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr).trim());
    let names = String::from_utf8(output.stdout).context("a file name that is no text")?;
    for name in names.split_terminator('\0') {
        let (from, to) = (root.join(name), to.join(name));
        // One that was deleted and not committed is still listed.
        if from.is_file() {
            std::fs::create_dir_all(to.parent().expect("a file lies in a folder"))?;
            std::fs::copy(&from, &to).with_context(|| from.display().to_string())?;
        }
    }
    Ok(())
}

/// Makes a Cargo home with the registry's index and downloads of another one, by links where that is possible. The
/// sources are unpacked anew.
fn copy_registry(from: &Path, to: &Path) -> Result<()> {
    for folder in ["index", "cache"] {
        link_all(&from.join("registry").join(folder), &to.join("registry").join(folder))?;
    }
    for file in ["config.toml", "config"] {
        if from.join(file).is_file() {
            std::fs::copy(from.join(file), to.join(file))?;
        }
    }
    Ok(())
}

fn link_all(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target: PathBuf = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            link_all(&entry.path(), &target)?;
        } else if std::fs::hard_link(entry.path(), &target).is_err() {
            std::fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

fn holds(bytes: &[u8], path: &Path) -> bool {
    let path = path.as_os_str().as_encoded_bytes();
    bytes.windows(path.len()).any(|window| window == path)
}
