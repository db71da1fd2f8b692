//! The contract as a package, and whether it still fits what was released.
//!
//! `wit/released/VERSION/` holds a released contract, frozen. The working one (`wit/*.wit`) is compared with each:
//!
//! - under the same version, it has to be the same, file by file;
//! - under a version that semver calls compatible, a host of the new contract has to run a connector of the old one;
//! - under any other version, it is free.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use semver::{Comparator, Op, Version};
use wit_parser::{PackageId, Resolve};

const WORLD: &str = "connector";

/// Checks the working contract, and says what it was compared with.
pub(crate) fn run(root: &Path) -> Result<()> {
    let working = root.join("wit");
    let released = released(&working.join("released"))?;
    for (version, folder) in &released {
        let found = Contract::read(folder)?.version;
        ensure!(found == *version, "{} holds version {found}", folder.display());
        compare(folder, &working)
            .with_context(|| format!("the working contract and the released {version}"))?;
        println!("the working contract is compatible with {version}");
    }
    if released.is_empty() {
        let version = Contract::read(&working)?.version;
        println!("contract {version}: nothing is released yet that it could break");
    }
    Ok(())
}

/// The contract in the binary form that registries take, and the file name to give it.
pub(crate) fn package(root: &Path) -> Result<(String, Vec<u8>)> {
    let Contract { resolve, package, version } = Contract::read(&root.join("wit"))?;
    let name = &resolve.packages[package].name;
    let file = format!("{}-{}-{version}.wasm", name.namespace, name.name);
    Ok((file, wit_component::encode(&resolve, package)?))
}

/// Whether `working` may follow `released`.
fn compare(released: &Path, working: &Path) -> Result<()> {
    let old = Contract::read(released)?;
    let new = Contract::read(working)?;
    if old.version == new.version {
        let (old, new) = (files(released)?, files(working)?);
        ensure!(old == new, "they differ; give the working one a version of its own");
        return Ok(());
    }
    if !is_compatible(&old.version, &new.version) {
        return Ok(());
    }
    let mut resolve = old.resolve;
    let old_world = resolve.select_world(&[old.package], Some(WORLD))?;
    let remap = resolve.merge(new.resolve)?;
    let new_package = remap.packages[new.package.index()];
    let new_world = resolve.select_world(&[new_package], Some(WORLD))?;
    wit_component::semver_check(resolve, old_world, new_world)
}

/// Whether semver lets a user of `old` take `new`.
fn is_compatible(old: &Version, new: &Version) -> bool {
    let caret = Comparator {
        op: Op::Caret,
        major: old.major,
        minor: Some(old.minor),
        patch: Some(old.patch),
        pre: old.pre.clone(),
    };
    caret.matches(new)
}

/// The released contracts: versions and folders.
fn released(folder: &Path) -> Result<Vec<(Version, PathBuf)>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut released = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let version = Version::parse(&name)
            .with_context(|| format!("{} is not named after a version", path.display()))?;
        released.push((version, path));
    }
    released.sort();
    Ok(released)
}

/// The files of a contract by name, sorted. Folders are no part of it.
fn files(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wit") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            files.push((name, std::fs::read_to_string(&path)?));
        }
    }
    files.sort();
    Ok(files)
}

struct Contract {
    resolve: Resolve,
    package: PackageId,
    version: Version,
}

impl Contract {
    fn read(folder: &Path) -> Result<Self> {
        let mut resolve = Resolve::default();
        let (package, _) = resolve.push_dir(folder)?;
        let Some(version) = resolve.packages[package].name.version.clone() else {
            bail!("{}: the package has no version", folder.display());
        };
        Ok(Contract { resolve, package, version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "
        interface source { record page { records: list<string> } read: func(state: string) -> page; }
        world connector { export source; }
    ";

    /// `working` is the text of the working contract, under `version`; the released one is [`OLD`], 0.1.0.
    fn check(version: &str, working: &str, expected: Result<(), &str>) {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, version: &str, text: &str| {
            let folder = folder.path().join(name);
            std::fs::create_dir(&folder).expect("a folder");
            let text = format!("package data-connector:plugin@{version};\n{text}");
            std::fs::write(folder.join("world.wit"), text).expect("a file");
            folder
        };
        let released = write("released", "0.1.0", OLD);
        let found = compare(&released, &write("working", version, working));
        match (&found, expected) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(part)) => assert!(format!("{error:#}").contains(part), "{error:#}"),
            _ => panic!("{version} {working}: {found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn a_released_version_is_frozen() {
        check("0.1.0", OLD, Ok(()));
        check("0.1.0", &format!("{OLD}// a remark"), Err("version of its own"));
    }

    #[test]
    fn a_compatible_version_runs_what_was_built_for_the_released_one() {
        check("0.1.1", OLD, Ok(()));
        let more = OLD.replace("export source;", "import http; export source;")
            + "interface http { send: func(); }";
        check("0.1.1", &more, Ok(()));
        let wider = OLD.replace("list<string>", "list<string>, mark: string");
        check("0.1.1", &wider, Err("not semver-compatible"));
        let renamed = OLD.replace("read:", "fetch:");
        check("0.1.1", &renamed, Err("not semver-compatible"));
    }

    #[test]
    fn an_incompatible_version_is_free() {
        check("0.2.0", &OLD.replace("read:", "fetch:"), Ok(()));
        check("1.0.0", &OLD.replace("read:", "fetch:"), Ok(()));
    }

    #[test]
    fn the_package_of_the_working_contract_can_be_decoded() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
        let (file, bytes) = package(root).expect("a package");
        let version = Contract::read(&root.join("wit")).expect("a contract").version;
        assert_eq!(file, format!("data-connector-plugin-{version}.wasm"));
        let decoded = wit_component::decode(&bytes).expect("a package");
        let resolve = decoded.resolve();
        let mut interfaces: Vec<_> =
            resolve.packages[decoded.package()].interfaces.keys().cloned().collect();
        interfaces.sort();
        let expected = ["credentials", "description", "destination", "http", "source", "types"];
        assert_eq!(interfaces, expected);
    }
}
