//! The component as a file: what it must not hold, and that a host takes no other one.

mod support;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::write::GzEncoder;
use support::{connector, run};

fn component() -> Vec<u8> {
    std::fs::read(host_test::COMPONENT).expect("the build script built it")
}

#[test]
fn the_component_holds_no_path_of_the_machine_that_built_it() {
    let component = component();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().expect("rustc runs");
    let folders = [
        Some(root.to_owned()),
        Some(PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim())),
        std::env::var_os("CARGO_HOME").map(PathBuf::from),
        std::env::home_dir(),
        std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from),
    ];
    let folders = folders.iter().flatten().map(|folder| folder.as_os_str().as_encoded_bytes());
    // And those of machines like others.
    let usual: [&[u8]; 4] = [b"/home/", b"/Users/", b"registry/src/", b"rustlib/src/"];
    for path in folders.chain(usual).filter(|path| path.len() > 1) {
        let found = component.windows(path.len()).position(|window| window == path);
        if let Some(at) = found {
            let text = &component[at..component.len().min(at + 120)];
            panic!("it holds a path: {}", String::from_utf8_lossy(text));
        }
    }
}

#[test]
fn the_component_is_small() {
    let component = component();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&component).expect("writing to memory");
    let zipped = gzip.finish().expect("writing to memory").len();
    println!("the component: {} bytes, {zipped} gzipped", component.len());
    assert!(component.len() < 300_000, "{} bytes", component.len());
    assert!(zipped < 110_000, "{zipped} bytes gzipped");
}

#[test]
fn a_host_that_was_given_a_digest_refuses_every_other_file() {
    let inspect =
        |digest: &str| run(connector().args(["inspect", "--json", "--plugin-sha256", digest]));
    let inspected = run(connector().args(["inspect", "--json"]));
    let inspected: serde_json::Value = serde_json::from_str(&inspected.out).expect("JSON");
    let digest = inspected["sha256"].as_str().expect("a digest");
    assert_eq!(inspect(digest).code, 0);
    let other = digest.chars().rev().collect::<String>();
    let refused = inspect(&other);
    assert_eq!((refused.code, refused.out.as_str()), (7, ""));
    for text in [digest, &other] {
        assert!(refused.err.contains(text), "{}", refused.err);
    }
}
