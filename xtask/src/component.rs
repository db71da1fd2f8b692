//! How the component is built: for the host's tests, for a release, and twice to compare.
//!
//! The host's build script includes this file, so that there is one recipe. It runs cargo for the wasm target in a
//! target folder of its own: the one of the cargo that is running already is locked by it.
//!
//! What is built holds no path of the machine that built it: the workspace, the registry's sources, the target folder
//! and the standard library's sources are each mapped to a fixed name, so that the bytes are the same everywhere.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target that a component is built for.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// The package that is the component.
pub(crate) const PACKAGE: &str = "customerly-connector";

/// Where and with what the component is built.
#[derive(Clone, Debug)]
pub(crate) struct Build {
    /// The workspace.
    pub(crate) root: PathBuf,
    /// Folder of the build, as distinct from that of any cargo that is running.
    pub(crate) target_dir: PathBuf,
    /// Cargo's own folder, with the sources of the registry.
    pub(crate) cargo_home: PathBuf,
}

/// Cargo's own folder, as cargo finds it: `CARGO_HOME`, or `.cargo` below the home folder.
pub(crate) fn cargo_home() -> Result<PathBuf, String> {
    if let Some(folder) = std::env::var_os("CARGO_HOME") {
        return Ok(folder.into());
    }
    let home = std::env::home_dir().ok_or("set CARGO_HOME: there is no home folder")?;
    Ok(home.join(".cargo"))
}

impl Build {
    /// Builds the component and says which file it is.
    pub(crate) fn run(&self) -> Result<PathBuf, String> {
        let mut cargo = Command::new(program("CARGO", "cargo"));
        cargo
            .current_dir(&self.root)
            .args(["rustc", "--profile", "component", "--target", TARGET, "-p", PACKAGE, "--lib"])
            .args(["--crate-type", "cdylib", "--locked", "--target-dir"])
            .arg(&self.target_dir)
            .env("CARGO_HOME", &self.cargo_home)
            .env("CARGO_ENCODED_RUSTFLAGS", self.flags()?);
        // What an outer cargo sets for its own build does not fit this one.
        for name in [
            "CARGO_BUILD_TARGET",
            "CARGO_BUILD_TARGET_DIR",
            "CARGO_TARGET_DIR",
            "RUSTC",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTFLAGS",
        ] {
            cargo.env_remove(name);
        }
        let status = cargo.status().map_err(|error| format!("cannot run cargo: {error}"))?;
        if !status.success() {
            return Err(format!(
                "the component did not build; if the target {TARGET} is missing, add it with: \
                 rustup target add {TARGET}"
            ));
        }
        let file = format!("{}.wasm", PACKAGE.replace('-', "_"));
        let file = self.target_dir.join(TARGET).join("component").join(file);
        let shown = file.display();
        let built =
            std::fs::read(&file).map_err(|error| format!("cannot read {shown}: {error}"))?;
        let stripped = strip(&built).ok_or_else(|| format!("{shown} is no component"))?;
        if stripped != built {
            std::fs::write(&file, stripped)
                .map_err(|error| format!("cannot write {shown}: {error}"))?;
        }
        Ok(file)
    }

    /// The flags that map every folder of this machine to a fixed name, where the compiler takes the last of two that
    /// match; and that numbers which the linker fills in take no more bytes than they need, a fifteenth of the whole.
    fn flags(&self) -> Result<OsString, String> {
        let sources = self.cargo_home.join("registry").join("src");
        let mut pairs = vec![
            (self.root.clone(), "/workspace".to_owned()),
            (self.target_dir.clone(), "/target".to_owned()),
            (sources.clone(), "/registry".to_owned()),
        ];
        // A registry's folder is named after its address, which a mirror changes. Its index is there before its
        // sources are.
        let index = self.cargo_home.join("registry").join("index");
        let registries = std::fs::read_dir(index).into_iter().flatten().flatten();
        let sources = registries.map(|index| sources.join(index.file_name()));
        pairs.extend(sources.map(|folder| (folder, "/registry".to_owned())));
        // The compiler names its library's sources by their folder where that is installed, by its commit otherwise.
        let sysroot = self.rustc(&["--print", "sysroot"])?;
        let version = self.rustc(&["-vV"])?;
        let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: "));
        let commit = commit.ok_or("rustc -vV names no commit-hash")?;
        let library = Path::new(sysroot.trim()).join("lib/rustlib/src/rust");
        pairs.push((library, format!("/rustc/{commit}")));
        let mut flags = OsString::from("-Clink-arg=--compress-relocations");
        for (from, to) in &pairs {
            flags.push("\x1f--remap-path-prefix=");
            flags.push(from);
            flags.push("=");
            flags.push(to);
        }
        Ok(flags)
    }

    fn rustc(&self, arguments: &[&str]) -> Result<String, String> {
        let output = Command::new(program("RUSTC", "rustc"))
            .current_dir(&self.root)
            .args(arguments)
            .output()
            .map_err(|error| format!("cannot run rustc: {error}"))?;
        if !output.status.success() {
            return Err(format!("rustc {} failed", arguments.join(" ")));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// A component without its custom sections, which name its types for a debugger: a hundredth of the whole. Cargo strips
/// the module inside, and not what the linker puts around it.
fn strip(component: &[u8]) -> Option<Vec<u8>> {
    const HEADER: usize = 8;
    const CUSTOM: u8 = 0;
    let mut stripped = component.get(..HEADER)?.to_vec();
    let mut at = HEADER;
    while let Some(&kind) = component.get(at) {
        // The length is a LEB128 number of 32 bits.
        let mut length = 0_usize;
        let mut digits = 0;
        loop {
            let byte = *component.get(at + 1 + digits)?;
            length |= usize::from(byte & 0x7f) << (7 * digits);
            digits += 1;
            if byte < 0x80 {
                break;
            }
            if digits == 5 {
                return None;
            }
        }
        let end = at.checked_add(1 + digits)?.checked_add(length)?;
        let section = component.get(at..end)?;
        if kind != CUSTOM {
            stripped.extend_from_slice(section);
        }
        at = end;
    }
    Some(stripped)
}

fn program(variable: &str, default: &str) -> OsString {
    std::env::var_os(variable).unwrap_or_else(|| default.into())
}
