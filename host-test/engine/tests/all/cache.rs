//! The cache of compiled code holds what the host runs: it is the owner's alone.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use connector_engine::{PluginError, Runtime, RuntimeConfig};

fn open(folder: &Path) -> Result<Runtime, PluginError> {
    Runtime::new(&RuntimeConfig { cache: Some(folder.to_owned()), fuel: false, pooling: false })
}

fn mode(folder: &Path) -> u32 {
    std::fs::metadata(folder).expect("a folder").permissions().mode() & 0o777
}

#[test]
fn a_cache_is_made_for_the_owner_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("a").join("cache");
    open(&cache).expect("a runtime");
    assert_eq!(mode(&cache), 0o700);
}

#[test]
fn a_cache_that_others_can_write_to_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for others in [0o777, 0o720, 0o702] {
        let permissions = std::fs::Permissions::from_mode(others);
        std::fs::set_permissions(folder.path(), permissions).expect("a mode");
        let error = open(folder.path()).err().expect("others can write to it");
        assert!(matches!(error, PluginError::Cache { .. }), "{error:?}");
    }
}
