//! The journal of a write, as a file beside its input that one run at a time has to itself.

use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use connector_engine::write::{Entry, Header, JournalError, Progress, WriteOwner, replay};

use crate::append_file::owner_only;
use crate::error::{CliError, Exit};
use crate::state_file::Lock;

/// A journal that this run has to itself.
pub(crate) struct JournalFile {
    path: PathBuf,
    file: File,
    _lock: Lock,
}

/// A journal, and where it left off.
pub(crate) struct Opened {
    /// The journal.
    pub(crate) file: JournalFile,
    /// The root of its batch ids.
    pub(crate) run: String,
    /// Where it left off.
    pub(crate) progress: Progress,
}

impl JournalFile {
    /// The journal of writing `input`, unless another place is named: `INPUT.TARGET.OPERATION.journal`.
    pub(crate) fn beside(input: &Path, target: &str, operation: &str) -> PathBuf {
        let mut name = input.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{target}.{operation}.journal"));
        input.with_file_name(name)
    }

    /// Takes a journal, and replays it; begins one where there is none, or where the run is to `restart`.
    pub(crate) fn open(path: &Path, owner: &WriteOwner, restart: bool) -> Result<Opened, CliError> {
        let lock = Lock::take(path)?;
        let cannot = |error: io::Error| {
            CliError::file(path, "keep the journal in", &error)
                .remedy("Name another place by --journal FILE.")
        };
        let mut file =
            owner_only().read(true).write(true).truncate(false).open(path).map_err(cannot)?;
        let mut text = Vec::new();
        if !restart {
            file.read_to_end(&mut text).map_err(cannot)?;
        }
        let replayed = replay(&text, owner).map_err(|error| wrong(path, &error))?;
        let (run, progress, header) = if let Some((header, progress)) = replayed {
            (header.run, progress, String::new())
        } else {
            let header = Header::new(unique(), owner.clone());
            let line = header.to_line();
            (header.run, Progress::default(), line)
        };
        file.set_len(progress.length)
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .and_then(|_| file.write_all(header.as_bytes()))
            .and_then(|()| file.sync_data())
            .map_err(cannot)?;
        let file = JournalFile { path: path.to_owned(), file, _lock: lock };
        Ok(Opened { file, run, progress })
    }

    /// Appends an event. What is about to be sent also survives a power loss.
    pub(crate) fn append(&mut self, entry: &Entry) -> io::Result<()> {
        let durable = matches!(entry, Entry::Sending { .. } | Entry::Ended);
        self.file
            .write_all(entry.to_line().as_bytes())
            .and_then(|()| if durable { self.file.sync_data() } else { Ok(()) })
            .map_err(|error| {
                let message = format!("cannot write to {}: {error}", self.path.display());
                io::Error::new(error.kind(), message)
            })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// A journal that cannot be gone on from.
pub(crate) fn wrong(path: &Path, error: &JournalError) -> CliError {
    let code = match error {
        JournalError::Damaged { .. } => "journal-damaged",
        JournalError::Format { .. } => "journal-format",
        JournalError::Input { .. } => "journal-input",
        _ => "journal-foreign",
    };
    CliError::new(Exit::Incomplete, code, format!("{}: {error}", path.display())).remedy(
        "Name another place by --journal FILE; or write all of the input, sent before or not, by --restart.",
    )
}

/// Another one for each journal: it only has to differ, not to be hard to guess.
pub(crate) fn unique() -> String {
    let now = std::time::SystemTime::now();
    let [first, second] = [(); 2].map(|()| RandomState::new().hash_one(now));
    format!("{first:016x}{second:016x}")
}
