//! A file that a run appends lines to, and that a run which goes on cuts back to what its journal knows of.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use crate::error::{CliError, Exit};

/// Owner-only: it holds records.
pub(crate) struct AppendFile {
    path: PathBuf,
    file: File,
    length: u64,
}

/// What a run does with what it finds in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It goes on after all that is there.
    Append,
    /// It goes on after so many bytes; what follows them was written when it was cut off.
    GoOn(u64),
    /// It must be empty.
    Refuse,
    /// It is replaced.
    Replace,
}

impl AppendFile {
    /// Opens it. `argument` names it in errors.
    pub(crate) fn open(path: &Path, argument: &str, found: Found) -> Result<Self, CliError> {
        let cannot = |error: io::Error| CliError::file(path, "write to", &error);
        let mut file = owner_only().truncate(false).write(true).open(path).map_err(cannot)?;
        let metadata = file.metadata().map_err(cannot)?;
        if !metadata.is_file() {
            return Ok(AppendFile { path: path.to_owned(), file, length: 0 });
        }
        let length = match found {
            Found::GoOn(known) if metadata.len() < known => {
                let message = format!(
                    "{} has {} bytes, but the journal knows of {known}: records are gone",
                    path.display(),
                    metadata.len()
                );
                return Err(CliError::new(Exit::Incomplete, "output-shorter", message).remedy(
                    format!("Restore it: the run goes on with the same {argument} as before."),
                ));
            }
            Found::GoOn(known) => known,
            Found::Append => metadata.len(),
            Found::Refuse if metadata.len() > 0 => {
                let message = format!("{} exists already", path.display());
                return Err(CliError::new(Exit::Usage, "output-exists", message).remedy(format!(
                    "Name another {argument}, or pass --overwrite to replace it."
                )));
            }
            Found::Refuse | Found::Replace => 0,
        };
        file.set_len(length).map_err(cannot)?;
        file.seek(SeekFrom::End(0)).map_err(cannot)?;
        Ok(AppendFile { path: path.to_owned(), file, length })
    }

    /// Appends, durably.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let named = |error: io::Error| {
            io::Error::new(
                error.kind(),
                format!("cannot write to {}: {error}", self.path.display()),
            )
        };
        self.file.write_all(bytes).and_then(|()| sync(&self.file)).map_err(named)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// How long it is.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }
}

/// Makes what was written survive a power loss, where there is anything to survive in.
fn sync(file: &File) -> io::Result<()> {
    match file.sync_data() {
        // A pipe or a terminal.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result,
    }
}

/// How to make a file that nobody else can read.
pub(crate) fn owner_only() -> std::fs::OpenOptions {
    let mut options = File::options();
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: Option<&str>, found: Found, expected: Result<&str, Exit>) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rejects.jsonl");
        if let Some(text) = before {
            std::fs::write(&path, text).expect("a file");
        }
        let opened = AppendFile::open(&path, "--rejects", found);
        match (opened, expected) {
            (Ok(mut file), Ok(expected)) => {
                file.append(b"new\n").expect("room");
                let text = std::fs::read_to_string(&path).expect("a file");
                assert_eq!((text.as_str(), file.length()), (expected, expected.len() as u64));
            }
            (Err(error), Err(exit)) => {
                assert_eq!(error.exit, exit);
                let text = std::fs::read_to_string(&path).expect("a file");
                assert_eq!(Some(text.as_str()), before, "nothing is lost");
            }
            (opened, expected) => panic!("{:?} instead of {expected:?}", opened.err()),
        }
    }

    #[test]
    fn a_new_run_begins_an_empty_file() {
        check(None, Found::Refuse, Ok("new\n"));
        check(Some(""), Found::Refuse, Ok("new\n"));
        check(Some("old\n"), Found::Refuse, Err(Exit::Usage));
        check(Some("old\n"), Found::Replace, Ok("new\n"));
    }

    #[test]
    fn a_run_that_goes_on_cuts_off_what_its_journal_does_not_know() {
        check(Some("old\ntorn"), Found::GoOn(4), Ok("old\nnew\n"));
        check(Some("old\n"), Found::GoOn(9), Err(Exit::Incomplete));
    }

    #[test]
    fn a_run_that_was_finished_takes_the_file_as_a_person_left_it() {
        check(Some("old\n"), Found::Append, Ok("old\nnew\n"));
        check(None, Found::Append, Ok("new\n"));
    }
}
