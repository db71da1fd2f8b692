//! The crates inside the component, as `CycloneDX` 1.6.
//!
//! Inside are the package and what it needs to run on the wasm target: no crate that only runs while it is built (build
//! scripts, procedural macros and what these need), and none of tests. The standard library is inside too.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId, TargetKind};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::component::{PACKAGE, TARGET};

/// The workspace as it is resolved for the wasm target.
pub(crate) fn metadata(root: &Path) -> Result<Metadata> {
    Ok(MetadataCommand::new()
        .current_dir(root)
        .other_options(["--locked", "--filter-platform", TARGET].map(str::to_owned))
        .exec()?)
}

/// The package that is the component.
pub(crate) fn package(metadata: &Metadata) -> Result<&Package> {
    let mut packages = metadata.workspace_packages().into_iter();
    packages.find(|package| package.name == PACKAGE).with_context(|| format!("no {PACKAGE}"))
}

/// The list, of a component with this digest. `lock` is the text of the lock file, `rust` the compiler's version.
pub(crate) fn list(metadata: &Metadata, lock: &str, rust: &str, sha256: &str) -> Result<Value> {
    let root = package(metadata)?;
    let checksums = checksums(lock)?;
    let inside = inside(metadata, root)?;
    let described = |package: &Package, kind: &str| {
        let mut described = json!({
            "type": kind,
            "bom-ref": reference(package),
            "name": package.name,
            "version": package.version.to_string(),
        });
        if let Some(license) = &package.license {
            described["licenses"] = json!([{"expression": license.replace('/', " OR ")}]);
        }
        if let Some(description) = &package.description {
            described["description"] = json!(description.trim());
        }
        described
    };
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    let standard = format!("rust-std@{rust}");
    for (package, needs) in &inside {
        let package = &metadata[*package];
        let mut depends_on: Vec<_> = needs.iter().map(|id| reference(&metadata[*id])).collect();
        depends_on.push(standard.clone());
        dependencies.push(json!({"ref": reference(package), "dependsOn": depends_on}));
        if package.id == root.id {
            continue;
        }
        let mut described = described(package, "library");
        described["purl"] = json!(format!("pkg:cargo/{}@{}", package.name, package.version));
        let checksum = checksums.get(&(package.name.to_string(), package.version.to_string()));
        if let Some(checksum) = checksum {
            described["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
        }
        components.push(described);
    }
    components.push(json!({
        "type": "library",
        "bom-ref": standard,
        "name": "rust-std",
        "version": rust,
        "description": "Rust's standard library for the wasm target",
        "licenses": [{"expression": "MIT OR Apache-2.0"}],
    }));
    let mut component = described(root, "application");
    component["hashes"] = json!([{"alg": "SHA-256", "content": sha256}]);
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": component},
        "components": components,
        "dependencies": dependencies,
    }))
}

/// The packages inside, each with those that it needs directly.
fn inside<'a>(
    metadata: &'a Metadata,
    root: &'a Package,
) -> Result<BTreeMap<&'a PackageId, BTreeSet<&'a PackageId>>> {
    let resolve = metadata.resolve.as_ref().context("cargo resolved nothing")?;
    let nodes: BTreeMap<_, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut inside = BTreeMap::new();
    let mut waiting = vec![&root.id];
    while let Some(id) = waiting.pop() {
        if inside.contains_key(id) {
            continue;
        }
        let node = nodes.get(id).with_context(|| format!("cargo did not resolve {id}"))?;
        let needs: BTreeSet<_> = node
            .deps
            .iter()
            .filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal))
            .map(|dep| &dep.pkg)
            .filter(|id| !runs_while_built(&metadata[*id]))
            .collect();
        waiting.extend(&needs);
        inside.insert(id, needs);
    }
    Ok(inside)
}

fn runs_while_built(package: &Package) -> bool {
    package.targets.iter().any(|target| target.kind.contains(&TargetKind::ProcMacro))
}

fn reference(package: &Package) -> String {
    format!("{}@{}", package.name, package.version)
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// The SHA-256 of each crate's file, by name and version.
fn checksums(lock: &str) -> Result<BTreeMap<(String, String), String>> {
    let lock: Lock = toml::from_str(lock).context("the lock file")?;
    let packages = lock.package.into_iter();
    Ok(packages
        .filter_map(|package| Some(((package.name, package.version), package.checksum?)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_holds_what_runs_in_the_component_and_nothing_else() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
        let metadata = metadata(root).expect("cargo resolves the workspace");
        let lock = std::fs::read_to_string(root.join("Cargo.lock")).expect("a lock file");
        let list = list(&metadata, &lock, "1.95.0", "00").expect("a list");
        let components = list["components"].as_array().expect("components");
        let names: Vec<_> =
            components.iter().map(|part| part["name"].as_str().expect("a name")).collect();
        for name in ["wit-bindgen", "rust-std"] {
            assert!(names.contains(&name), "{name} is missing in {names:?}");
        }
        // A procedural macro, what only such a one needs, a test's crate, and one of the host.
        for name in
            ["serde_json", "serde_derive", "syn", "wit-bindgen-rust-macro", "proptest", "wasmtime"]
        {
            assert!(!names.contains(&name), "{name} is in {names:?}");
        }
        for component in components.iter().filter(|part| part["name"] != "rust-std") {
            assert_eq!(component["hashes"][0]["content"].as_str().map(str::len), Some(64));
            assert!(component["licenses"][0]["expression"].is_string(), "{component}");
        }
        let known: BTreeSet<_> = components
            .iter()
            .chain([&list["metadata"]["component"]])
            .map(|part| part["bom-ref"].as_str().expect("a reference"))
            .collect();
        for dependency in list["dependencies"].as_array().expect("dependencies") {
            for needed in dependency["dependsOn"].as_array().expect("references") {
                assert!(known.contains(needed.as_str().expect("a reference")), "{needed}");
            }
        }
    }
}
