//! The state file: the envelope of each stream, and how long each output was when it was written.
//!
//! It is replaced as a whole: written beside itself and renamed into place, so a reader or a crash finds the old one or
//! the new one, and nothing between. While a run has it, a second run is told who does.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::{CliError, Exit};

/// Format of the file.
const FORMAT: u32 = 1;

/// What is in a state file.
#[derive(Debug, Serialize, Deserialize)]
pub struct States {
    format: u32,
    /// The envelope of each stream.
    pub streams: BTreeMap<String, Box<RawValue>>,
    /// Length in bytes of each output, by path, after the last page that the states know.
    #[serde(default)]
    pub outputs: BTreeMap<PathBuf, u64>,
}

impl Default for States {
    fn default() -> Self {
        States { format: FORMAT, streams: BTreeMap::new(), outputs: BTreeMap::new() }
    }
}

/// A state file that this run has to itself.
pub struct StateFile {
    path: PathBuf,
    _lock: Lock,
}

impl StateFile {
    /// Takes a state file, and gives what is in it; nothing if it does not exist. `start_over` also takes one that is
    /// damaged, as if it were not there.
    pub fn open(path: &Path, start_over: bool) -> Result<(Self, Option<States>), CliError> {
        let lock = Lock::take(path)?;
        let states = match std::fs::read_to_string(path) {
            Ok(text) if start_over => parse(path, &text).ok(),
            Ok(text) => Some(parse(path, &text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(CliError::file(path, "read the state", &error)),
        };
        Ok((StateFile { path: path.to_owned(), _lock: lock }, states))
    }

    /// Replaces what is in it. `durable` also makes it survive a power loss.
    pub fn save(&self, states: &States, durable: bool) -> io::Result<()> {
        let temporary = beside(&self.path, "new");
        let mut file = File::create(&temporary)?;
        let text = serde_json::to_string(states).map_err(io::Error::other)?;
        file.write_all(text.as_bytes())?;
        if durable {
            file.sync_data()?;
        }
        std::fs::rename(&temporary, &self.path)
    }
}

#[derive(Deserialize)]
struct Head {
    format: u32,
}

fn parse(path: &Path, text: &str) -> Result<States, CliError> {
    let wrong = |what: String| {
        let message = format!("the state in {} {what}", path.display());
        CliError::new(Exit::Incomplete, "state-damaged", message)
            .remedy("Restore it, or read again from the start with --full.")
    };
    let head: Head =
        serde_json::from_str(text).map_err(|error| wrong(format!("is damaged ({error})")))?;
    if head.format != FORMAT {
        return Err(wrong(format!(
            "has format {}, and this version reads format {FORMAT}",
            head.format
        )));
    }
    serde_json::from_str(text).map_err(|error| wrong(format!("is damaged ({error})")))
}

/// Says that a run has a file, for as long as it runs.
pub struct Lock(#[expect(dead_code, reason = "held for its lock")] File);

impl Lock {
    /// Takes the lock of a file, which need not exist.
    pub fn take(path: &Path) -> Result<Self, CliError> {
        let lock_path = beside(path, "lock");
        let cannot = |error: &io::Error| CliError::file(&lock_path, "lock", error);
        let mut file = File::options()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(&lock_path)
            .map_err(|error| cannot(&error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Who holds it is told where it can be read.
                let _ = file.read_to_string(&mut holder);
                let holder =
                    if holder.trim().is_empty() { "another process" } else { holder.trim() };
                let message = format!("{} is in use by {holder}", path.display());
                return Err(CliError::new(Exit::Other, "in-use", message)
                    .remedy("Wait for that run to end, or name another file."));
            }
            Err(TryLockError::Error(error)) => return Err(cannot(&error)),
        }
        file.set_len(0)
            .and_then(|()| writeln!(file, "process {}", std::process::id()))
            .map_err(|error| cannot(&error))?;
        Ok(Lock(file))
    }
}

/// `FILE.ending`, in the folder of FILE.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(ending);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<usize, &str>) {
        let found = parse(Path::new("s.json"), text);
        match (found, expected) {
            (Ok(states), Ok(count)) => assert_eq!(states.streams.len(), count),
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (found, _) => panic!("{found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn a_state_file_is_read_or_said_to_be_damaged_or_of_another_format() {
        check(r#"{"format":1,"streams":{"users":{"a":1}}}"#, Ok(1));
        check(r#"{"format":1,"stre"#, Err("damaged"));
        check("", Err("damaged"));
        check("[]", Err("damaged"));
        check(r#"{"format":2,"streams":{}}"#, Err("format 2"));
    }

    #[test]
    fn what_is_saved_is_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s.json");
        let (file, states) = StateFile::open(&path, false).expect("a new file");
        assert!(states.is_none());
        let mut states = States::default();
        states.outputs.insert("out".into(), 7);
        file.save(&states, true).expect("saved");
        drop(file);
        let (_file, found) = StateFile::open(&path, false).expect("the same file");
        assert_eq!(found.expect("a state").outputs, states.outputs);
    }

    #[test]
    fn a_second_run_is_told_who_has_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s.json");
        let _first = StateFile::open(&path, false).expect("a new file");
        let error = StateFile::open(&path, false).err().expect("it is in use");
        let holder = format!("process {}", std::process::id());
        assert!(error.to_string().contains(&holder), "{error}");
        assert_eq!(error.exit, Exit::Other);
    }
}
