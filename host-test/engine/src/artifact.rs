//! A plugin's file: read whole, told apart by its first bytes, and known by its SHA-256.

use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::error::PluginError;

/// The bytes of a component, with the name to call it by.
#[derive(Clone)]
pub struct Artifact {
    name: String,
    bytes: Vec<u8>,
    sha256: String,
}

const MAGIC: &[u8] = b"\0asm";
const CORE_MODULE: &[u8] = &[1, 0, 0, 0];
const COMPONENT: &[u8] = &[13, 0, 1, 0];

impl Artifact {
    /// Reads a file. With `sha256` (hexadecimal, any case), any other file is refused.
    pub fn read(path: &Path, sha256: Option<&str>) -> Result<Self, PluginError> {
        let bytes = std::fs::read(path)
            .map_err(|source| PluginError::Unreadable { path: path.to_owned(), source })?;
        let artifact = Artifact::new(path.display().to_string(), bytes)?;
        match sha256 {
            Some(expected) if !expected.eq_ignore_ascii_case(&artifact.sha256) => {
                Err(PluginError::Digest {
                    name: artifact.name,
                    expected: expected.to_ascii_lowercase(),
                    found: artifact.sha256,
                })
            }
            _ => Ok(artifact),
        }
    }

    /// Takes bytes that are in memory already; `name` is used in errors.
    pub fn new(name: impl Into<String>, bytes: Vec<u8>) -> Result<Self, PluginError> {
        let name = name.into();
        let reason = match bytes.get(..8) {
            _ if bytes.is_empty() => "the file is empty",
            None => "it is cut off",
            Some(head) if !head.starts_with(MAGIC) => "it is no WebAssembly at all",
            Some(head) if head.ends_with(CORE_MODULE) => {
                "it is a core module; build it as a component"
            }
            Some(head) if !head.ends_with(COMPONENT) => "its format is of another version",
            Some(_) => {
                let sha256 = hex(&Sha256::digest(&bytes));
                return Ok(Artifact { name, bytes, sha256 });
            }
        };
        Err(PluginError::NotAComponent { name, reason: reason.into() })
    }

    /// What to call it in errors: the path it was read from.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The component.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The SHA-256 in lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: &str) {
        let error = Artifact::new("x.wasm", bytes.to_vec()).err().expect("it is no component");
        assert!(error.to_string().contains(expected), "{error}");
    }

    #[test]
    fn what_is_no_component_is_told_apart() {
        check(b"", "empty");
        check(b"\0asm", "cut off");
        check(b"#!/bin/sh\n", "no WebAssembly");
        check(b"\0asm\x01\0\0\0", "core module");
        check(b"\0asm\x0c\0\x01\0", "another version");
    }

    #[test]
    fn another_digest_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.wasm");
        std::fs::write(&path, b"\0asm\x0d\0\x01\0").expect("a file");
        let artifact = Artifact::read(&path, None).expect("a component's head");
        assert!(Artifact::read(&path, Some(&artifact.sha256().to_uppercase())).is_ok());
        let error = Artifact::read(&path, Some("00")).err().expect("another digest");
        assert!(matches!(error, PluginError::Digest { .. }), "{error}");
    }
}
