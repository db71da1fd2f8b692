//! Artifacts that are no connector of this contract: refused before an instruction runs, and told why.

use connector_engine::{Artifact, Plugin, PluginError};

use crate::support::guest::runtime;

const EXPORTS: &str = r#"
    (instance $empty)
    (export "data-connector:plugin/types@0.1.0" (instance $empty))
    (export "data-connector:plugin/description@0.1.0" (instance $empty))
    (export "data-connector:plugin/credentials@0.1.0" (instance $empty))
    (export "data-connector:plugin/source@0.1.0" (instance $empty))
    (export "data-connector:plugin/destination@0.1.0" (instance $empty))
"#;

fn load(text: &str) -> PluginError {
    let bytes = wat::parse_str(text).expect(text);
    match Artifact::new("x.wasm", bytes).and_then(|artifact| Plugin::load(runtime(), artifact)) {
        Ok(_) => panic!("it was loaded: {text}"),
        Err(error) => error,
    }
}

fn check_import(import: &str) {
    match load(&format!("(component (import \"{import}\" (instance)) {EXPORTS})")) {
        PluginError::Import { import: found, .. } => assert_eq!(found, import),
        error => panic!("{error:?}"),
    }
}

#[test]
fn no_import_but_http_is_given() {
    for import in [
        "wasi:clocks/wall-clock@0.2.3",
        "wasi:clocks/monotonic-clock@0.2.3",
        "wasi:random/random@0.2.3",
        "wasi:cli/environment@0.2.3",
        "wasi:cli/stdout@0.2.3",
        "wasi:filesystem/preopens@0.2.3",
        "wasi:sockets/tcp@0.2.3",
        "wasi:http/outgoing-handler@0.2.3",
        "wasi:io/poll@0.2.3",
        "data-connector:plugin/files@0.1.0",
    ] {
        check_import(import);
    }
}

#[test]
fn a_function_under_a_name_of_its_own_is_an_import_too() {
    match load(&format!("(component (import \"getenv\" (func)) {EXPORTS})")) {
        PluginError::Import { import, .. } => assert_eq!(import, "getenv"),
        error => panic!("{error:?}"),
    }
}

fn check_contract(text: &str, expected: &str) {
    match load(text) {
        PluginError::Contract { reason, .. } => assert!(reason.contains(expected), "{reason}"),
        error => panic!("{error:?}"),
    }
}

#[test]
fn a_component_of_another_world_is_named_as_that() {
    check_contract("(component)", "does not export");
    let other = r#"(component (instance $e) (export "wasi:cli/run@0.2.3" (instance $e)))"#;
    check_contract(other, "does not export");
}

#[test]
fn a_component_of_another_version_of_the_contract_is_named_as_that() {
    check_contract(&format!("(component {})", EXPORTS.replace("0.1.0", "0.2.0")), "version 0.2.0");
}

#[test]
fn the_right_names_of_the_wrong_things_are_not_enough() {
    check_contract(&format!("(component {EXPORTS})"), "description");
}

#[test]
fn http_of_another_shape_is_not_given() {
    let import = r#"(import "data-connector:plugin/http@0.1.0"
        (instance (export "send" (func (param "path" string)))))"#;
    check_contract(&format!("(component {import} {EXPORTS})"), "send");
    let import = r#"(import "data-connector:plugin/http@0.1.0"
        (instance (export "open" (func (param "path" string)))))"#;
    check_contract(&format!("(component {import} {EXPORTS})"), "open");
}

#[test]
fn only_the_features_that_a_connector_needs_are_on() {
    for module in [
        "(memory i64 1)",
        "(memory 1 1 shared)",
        "(memory 1) (memory 1)",
        "(func (result v128) (v128.const i64x2 0 0))",
        "(func $f return_call $f)",
        "(tag)",
        "(type (struct))",
        "(memory 1 (pagesize 1))",
    ] {
        match load(&format!("(component (core module {module}) {EXPORTS})")) {
            PluginError::NotAComponent { .. } => {}
            error => panic!("{module}: {error:?}"),
        }
    }
}

#[test]
fn a_core_module_is_told_apart() {
    match load("(module (import \"env\" \"system\" (func)))") {
        PluginError::NotAComponent { reason, .. } => assert!(reason.contains("core module")),
        error => panic!("{error:?}"),
    }
}

#[test]
fn a_component_that_is_cut_or_mangled_is_no_component() {
    let whole = wat::parse_str(format!("(component {EXPORTS})")).expect("a component");
    for length in 8..whole.len() {
        let bytes = whole[..length].to_vec();
        let artifact = Artifact::new("x.wasm", bytes).expect("its head is whole");
        assert!(Plugin::load(runtime(), artifact).is_err(), "{length}");
    }
    for index in 8..whole.len() {
        let mut bytes = whole.clone();
        bytes[index] ^= 0x55;
        let artifact = Artifact::new("x.wasm", bytes).expect("its head is whole");
        assert!(Plugin::load(runtime(), artifact).is_err(), "{index}");
    }
}
