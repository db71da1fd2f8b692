//! The built component against the contract: its imports are its permissions, its exports what a host may call.

use connector_engine::{Artifact, Plugin, Runtime, RuntimeConfig};

fn component() -> Plugin {
    let runtime = Runtime::new(&RuntimeConfig { cache: None, fuel: false, pooling: false })
        .expect("an engine without a cache");
    let artifact =
        Artifact::read(host_test::COMPONENT.as_ref(), None).expect("the component is built");
    Plugin::load(&runtime, artifact).expect("it implements the contract")
}

#[test]
fn the_imports_and_exports_are_those_that_were_reviewed() {
    let plugin = component();
    let lines = |kind: &str, names: &[String]| -> String {
        names.iter().flat_map(|name| [kind, " ", name.as_str(), "\n"]).collect()
    };
    let found = lines("import", plugin.imports()) + &lines("export", plugin.exports());
    assert_eq!(found, include_str!("contract/permissions.txt"));
}

#[test]
fn it_describes_itself_as_the_crate_does() {
    let found = component().describe().expect("a description");
    let expected = customerly_connector::description::describe();
    assert_eq!(
        (found.id, found.version, found.origins, found.methods),
        (expected.id, expected.version, expected.origins, expected.methods)
    );
}

#[test]
fn its_schema_is_the_checked_in_file() {
    let found = component().schema().expect("a schema");
    assert_eq!(found, customerly_connector::credentials::schema());
}
