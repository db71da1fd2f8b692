//! A plugin: a component that was checked against the contract and compiled, ready to be called any number of times.
//!
//! Which contract it implements is read from its export names, never found by trial. Its imports are its permissions:
//! anything beyond `http` is refused before a single instruction runs.

use wasmtime::component::{Component, Linker};

use crate::artifact::Artifact;
use crate::bindings::generated::{Connector, ConnectorPre};
use crate::error::PluginError;
use crate::instance::CallState;
use crate::runtime::Runtime;

/// The contract that this host speaks.
pub const CONTRACT: &str = "data-connector:plugin@0.1.0";

const PACKAGE: &str = "data-connector:plugin/";
const VERSION: &str = "0.1.0";
const HTTP: &str = "data-connector:plugin/http@0.1.0";
const EXPORTS: [&str; 5] = ["types", "description", "credentials", "source", "destination"];

/// A compiled plugin.
#[derive(Clone)]
pub struct Plugin {
    artifact: Artifact,
    runtime: Runtime,
    imports: Vec<String>,
    exports: Vec<String>,
    pre: ConnectorPre<CallState>,
    #[cfg(feature = "guest-memory")]
    pub(crate) observer: Option<std::sync::Arc<dyn crate::memory::MemoryObserver>>,
}

impl Plugin {
    /// Compiles a component, or takes its compiled code from the cache.
    pub fn load(runtime: &Runtime, artifact: Artifact) -> Result<Self, PluginError> {
        let engine = runtime.engine();
        let component = Component::new(engine, artifact.bytes()).map_err(|error| {
            PluginError::NotAComponent {
                name: artifact.name().to_owned(),
                reason: format!("{}", error.root_cause()),
            }
        })?;
        let component_type = component.component_type();
        let imports: Vec<_> =
            component_type.imports(engine).map(|(name, _)| name.to_owned()).collect();
        let exports: Vec<_> =
            component_type.exports(engine).map(|(name, _)| name.to_owned()).collect();
        check_names(artifact.name(), &imports, &exports)?;
        let contract = |error: wasmtime::Error| PluginError::Contract {
            name: artifact.name().to_owned(),
            contract: CONTRACT,
            reason: format!("{error:#}"),
        };
        let mut linker = Linker::new(engine);
        Connector::add_to_linker::<_, wasmtime::component::HasSelf<_>>(
            &mut linker,
            |state: &mut CallState| state,
        )
        .map_err(contract)?;
        let pre =
            linker.instantiate_pre(&component).and_then(ConnectorPre::new).map_err(contract)?;
        Ok(Plugin {
            artifact,
            runtime: runtime.clone(),
            imports,
            exports,
            pre,
            #[cfg(feature = "guest-memory")]
            observer: None,
        })
    }

    /// The file that it came from.
    pub fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// Names of its imports: its permissions.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// Names of its exports.
    pub fn exports(&self) -> &[String] {
        &self.exports
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub(crate) fn pre(&self) -> &ConnectorPre<CallState> {
        &self.pre
    }
}

/// Whether a component with these names is a connector of this contract.
fn check_names(name: &str, imports: &[String], exports: &[String]) -> Result<(), PluginError> {
    let contract = |reason: String| PluginError::Contract {
        name: name.to_owned(),
        contract: CONTRACT,
        reason,
    };
    let theirs = exports.iter().chain(imports).find_map(|export| {
        let (_, version) = export.strip_prefix(PACKAGE)?.split_once('@')?;
        (version != VERSION).then_some(version)
    });
    if let Some(version) = theirs {
        return Err(contract(format!(
            "it was built for version {version}; rebuild it, or use a host of that version"
        )));
    }
    for interface in EXPORTS {
        let wanted = format!("{PACKAGE}{interface}@{VERSION}");
        if !exports.contains(&wanted) {
            return Err(contract(format!("it does not export {wanted}")));
        }
    }
    match imports.iter().find(|import| *import != HTTP) {
        Some(import) => Err(PluginError::Import {
            name: name.to_owned(),
            import: import.clone(),
            allowed: HTTP,
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(imports: &[&str], exports: &[&str], expected: Result<(), &str>) {
        let owned = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let exports = owned(exports);
        let found = check_names("x.wasm", &owned(imports), &exports);
        match (&found, expected) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            _ => panic!("{found:?} instead of {expected:?}"),
        }
    }

    fn all(version: &str) -> Vec<String> {
        EXPORTS.iter().map(|name| format!("{PACKAGE}{name}@{version}")).collect()
    }

    #[test]
    fn a_connector_exports_every_interface_and_imports_http_at_most() {
        let exports = all(VERSION);
        let exports: Vec<_> = exports.iter().map(String::as_str).collect();
        check(&[HTTP], &exports, Ok(()));
        check(&[], &exports, Ok(()));
        check(&[HTTP], &exports[1..], Err("does not export data-connector:plugin/types"));
        check(&[HTTP], &["wasi:http/handler@0.2.0"], Err("does not export"));
    }

    #[test]
    fn another_import_is_refused_by_name() {
        let exports = all(VERSION);
        let exports: Vec<_> = exports.iter().map(String::as_str).collect();
        check(&[HTTP, "wasi:clocks/wall-clock@0.2.3"], &exports, Err("wasi:clocks/wall-clock"));
    }

    #[test]
    fn another_version_of_the_contract_is_named() {
        let exports = all("0.2.0");
        let exports: Vec<_> = exports.iter().map(String::as_str).collect();
        check(&[], &exports, Err("version 0.2.0"));
    }
}
