//! Where records go: standard output, one file, or one file a stream. Records first, then the state.
//!
//! A page's records are written and flushed before the state that says so is renamed into place: whenever the process
//! is killed, the state knows of no record that is not there. Records that the state does not know of are cut off when
//! the run goes on; that an output belongs to it, it says before anything is put there. Against a power loss, both are
//! synced at most once a second and at the end.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use connector_engine::read::PageOut;
use connector_engine::state::{Envelope, Owner, RunMode};
use serde_json::json;
use serde_json::value::RawValue;

use crate::error::{CliError, Exit};
use crate::state_file::{StateFile, States};

const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Where the records of a run go.
#[derive(Clone, Debug)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// One file for all streams.
    File(PathBuf),
    /// A folder with one file a stream.
    Folder(PathBuf),
}

impl Destination {
    /// A path that ends in a slash, or is a folder, is a folder; else it is a file.
    pub fn parse(path: Option<&Path>) -> Self {
        match path {
            None => Destination::Stdout,
            Some(path) if path.is_dir() || path.as_os_str().to_string_lossy().ends_with('/') => {
                Destination::Folder(path.to_owned())
            }
            Some(path) => Destination::File(path.to_owned()),
        }
    }

    fn path(&self, stream: &str) -> Option<PathBuf> {
        match self {
            Destination::Stdout => None,
            Destination::File(path) => Some(path.clone()),
            Destination::Folder(path) => Some(path.join(format!("{stream}.jsonl"))),
        }
    }
}

/// The outputs and states of a run, shared by its streams.
pub struct Outputs {
    shared: Mutex<Shared>,
    /// Whether a record says of which stream it is.
    wrapped: bool,
}

struct Shared {
    files: BTreeMap<PathBuf, Output>,
    by_stream: BTreeMap<String, Option<PathBuf>>,
    quarantine: Option<PathBuf>,
    states: States,
    state_file: Option<StateFile>,
    synced: Instant,
}

struct Output {
    file: File,
    length: u64,
    dirty: bool,
}

/// How outputs are opened.
pub struct OutputConfig<'a> {
    /// Where records go.
    pub destination: &'a Destination,
    /// Where rows that are no records go.
    pub quarantine: Option<&'a Path>,
    /// The streams.
    pub streams: &'a [String],
    /// What the state file held: outputs are cut back to the lengths that it knows, and appended to.
    pub states: States,
    /// Where states go.
    pub state_file: Option<StateFile>,
    /// Whether a file that no state knows may be replaced.
    pub overwrite: bool,
}

impl Outputs {
    /// Opens all outputs.
    pub fn open(config: OutputConfig<'_>) -> Result<Self, CliError> {
        let OutputConfig { destination, quarantine, streams, states, state_file, overwrite } =
            config;
        if let Destination::Folder(folder) = destination {
            std::fs::create_dir_all(folder)
                .map_err(|error| CliError::file(folder, "create", &error))?;
        }
        let by_stream: BTreeMap<_, _> =
            streams.iter().map(|stream| (stream.clone(), destination.path(stream))).collect();
        let paths = by_stream.values().flatten().cloned().chain(quarantine.map(Path::to_owned));
        let mut files = BTreeMap::new();
        for path in paths {
            if !files.contains_key(&path) {
                let known = states.outputs.get(&path).copied();
                files.insert(path.clone(), Output::open(&path, known, overwrite)?);
            }
        }
        let wrapped = streams.len() > 1 && !matches!(destination, Destination::Folder(_));
        let all_known = files.keys().all(|path| states.outputs.contains_key(path));
        let mut shared = Shared {
            files,
            by_stream,
            quarantine: quarantine.map(Path::to_owned),
            states,
            state_file,
            synced: Instant::now(),
        };
        if !all_known {
            // Killed before the first page's state, the next run must know the outputs for its own.
            shared.save(false).map_err(|error| {
                CliError::new(Exit::Other, "output", format!("cannot save the state: {error}"))
                    .remedy("Name another place by --state FILE.")
            })?;
        }
        Ok(Outputs { shared: Mutex::new(shared), wrapped })
    }

    /// Writes a page's records, then its state.
    pub fn page(&self, owner: &Owner, mode: RunMode, page: &PageOut<'_>) -> io::Result<()> {
        let mut buffer = Vec::with_capacity(page.records.iter().map(|r| r.len() + 64).sum());
        let stream = json!(owner.stream).to_string();
        for (what, texts) in [("record", page.records), ("deleted", page.deleted)] {
            for text in texts {
                if self.wrapped || what == "deleted" {
                    writeln!(buffer, "{{\"stream\":{stream},\"{what}\":{text}}}")?;
                } else {
                    buffer.extend_from_slice(text.as_bytes());
                    buffer.push(b'\n');
                }
            }
        }
        let mut aside = Vec::new();
        for bad in page.quarantined {
            let line = json!({
                "stream": owner.stream, "code": bad.code, "message": bad.message, "raw": bad.raw,
            });
            writeln!(aside, "{line}")?;
        }
        let envelope = Envelope {
            owner: owner.clone(),
            mode,
            finished: page.finished,
            state: RawValue::from_string(page.state.to_owned()).map_err(io::Error::other)?,
        };
        let envelope = serde_json::value::to_raw_value(&envelope).map_err(io::Error::other)?;
        let mut shared = self.lock();
        shared.append(&owner.stream, &buffer, &aside)?;
        shared.states.streams.insert(owner.stream.clone(), envelope);
        shared.save(page.finished)
    }

    /// Makes everything survive a power loss.
    pub fn finish(&self) -> io::Result<()> {
        self.lock().save(true)
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn append(&mut self, stream: &str, records: &[u8], aside: &[u8]) -> io::Result<()> {
        if let Some(path) = self.by_stream.get(stream).and_then(Option::as_ref) {
            append(&mut self.files, path, records)?;
        } else {
            let mut out = io::stdout().lock();
            out.write_all(records)?;
            out.flush()?;
        }
        match &self.quarantine {
            Some(path) => append(&mut self.files, path, aside),
            None => Ok(()),
        }
    }

    fn save(&mut self, at_once: bool) -> io::Result<()> {
        let durable = at_once || self.synced.elapsed() >= SYNC_EVERY;
        if durable {
            for output in self.files.values_mut().filter(|output| output.dirty) {
                output.file.sync_data()?;
                output.dirty = false;
            }
            self.synced = Instant::now();
        }
        let Some(state_file) = &self.state_file else { return Ok(()) };
        for (path, output) in &self.files {
            match self.states.outputs.get_mut(path) {
                Some(length) => *length = output.length,
                None => {
                    self.states.outputs.insert(path.clone(), output.length);
                }
            }
        }
        state_file.save(&self.states, durable)
    }
}

fn append(files: &mut BTreeMap<PathBuf, Output>, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let output = files.get_mut(path).ok_or_else(|| io::Error::other("no such output"))?;
    if !bytes.is_empty() {
        output.file.write_all(bytes)?;
        output.length += bytes.len() as u64;
        output.dirty = true;
    }
    Ok(())
}

impl Output {
    /// `known`: the length that a state recorded.
    fn open(path: &Path, known: Option<u64>, overwrite: bool) -> Result<Self, CliError> {
        let cannot = |error: io::Error| CliError::file(path, "write to", &error);
        let mut file =
            File::options().create(true).truncate(false).write(true).open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        let regular = metadata.is_file();
        let found = metadata.len();
        let length = match known {
            Some(known) if regular && found < known => {
                let message = format!(
                    "{} has {found} bytes, but the state knows of {known}: records are gone",
                    path.display()
                );
                return Err(CliError::new(Exit::Incomplete, "output-shorter", message)
                    .remedy("Restore it, or read again from the start with --full --overwrite."));
            }
            Some(known) if regular => known,
            None if found > 0 && !overwrite => {
                let message = format!("{} exists already", path.display());
                return Err(CliError::new(Exit::Usage, "output-exists", message)
                    .remedy("Name another --output, or pass --overwrite to replace it."));
            }
            _ => 0,
        };
        if regular {
            file.set_len(length).map_err(cannot)?;
            file.seek(SeekFrom::End(0)).map_err(cannot)?;
        }
        Ok(Output { file, length, dirty: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Opens the output of a stream, for a run that keeps its state beside it.
    fn open(folder: &Path) -> Result<Outputs, CliError> {
        let (state_file, states) = StateFile::open(&folder.join("state"), false)?;
        Outputs::open(OutputConfig {
            destination: &Destination::File(folder.join("users.jsonl")),
            quarantine: None,
            streams: &["users".to_owned()],
            states: states.unwrap_or_default(),
            state_file: Some(state_file),
            overwrite: false,
        })
    }

    /// What is in the output when a run begins, if the one before was killed after it had put `records` there.
    fn check(records: &str, state_saved: bool, expected: &str) {
        let folder = tempfile::tempdir().expect("a folder");
        let outputs = open(folder.path()).expect("a new output");
        outputs.lock().append("users", records.as_bytes(), b"").expect("room");
        if state_saved {
            outputs.lock().save(false).expect("room");
        }
        drop(outputs);
        let _next = open(folder.path()).expect("its own output");
        let text = std::fs::read_to_string(folder.path().join("users.jsonl")).expect("a file");
        assert_eq!(text, expected);
    }

    #[test]
    fn a_run_killed_before_its_first_state_leaves_an_output_that_the_next_one_takes() {
        check("{}\n", false, "");
        check("{}\n{\"to", false, "");
    }

    #[test]
    fn what_the_state_knows_of_stays() {
        check("{}\n", true, "{}\n");
    }
}
