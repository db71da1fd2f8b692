//! Every way the store can fail, each with what happened and what to do.

use std::path::{Path, PathBuf};

use crate::place::KeyPlace;

/// What went wrong. No case and no message holds a secret or a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A backup would overwrite a file.
    #[error("{} exists already; name a file that does not, so that no backup is overwritten", path.display())]
    BackupExists {
        /// The file.
        path: PathBuf,
    },
    /// Another process held the store for longer than the store waits.
    #[error("{} is in use by another process; wait until that is done, then repeat", path.display())]
    Busy {
        /// The database.
        path: PathBuf,
    },
    /// The row has changed since the caller read it. Nothing was written.
    #[error(
        "credential \"{name}\" was changed elsewhere in the meantime (revision {found}, not \
         {seen}); load it again, then repeat the change"
    )]
    Conflict {
        /// The credential's name as it is now.
        name: String,
        /// The revision that the caller had read.
        seen: i64,
        /// The revision as it is now.
        found: i64,
    },
    /// The database is not readable as one. The file is left as it is.
    #[error(
        "{} is damaged ({detail}); it was left as it is: move it away and copy a backup there",
        path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// SQLite failed in a way that no other case names.
    #[error("{}: the database failed: {source}", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// SQLite's own error; outside this crate's compatibility promise.
        source: rusqlite::Error,
    },
    /// The operating system gave no random bytes. Nothing was written.
    #[error("the operating system gave no random bytes; nothing was written, try again")]
    Entropy,
    /// The same field is both a plain setting and a secret.
    #[error("\"{field}\" is given both as a setting and as a secret; give it as the secret only")]
    FieldTwice {
        /// The field's name.
        field: String,
    },
    /// A folder that must be its owner's alone can be reached by others.
    #[error(
        "{} can be reached by other users (mode {mode:04o}); run `chmod 700` on it, or choose \
         another folder",
        path.display()
    )]
    FolderShared {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The disk is full. Nothing was written.
    #[error("no space is left for {}; nothing was changed: free some space, then repeat", path.display())]
    Full {
        /// The file that could not grow.
        path: PathBuf,
    },
    /// A credential is not removed while a flow uses it.
    #[error("credential \"{name}\" is used by {}; remove that first", list(used_by))]
    InUse {
        /// The credential's name.
        name: String,
        /// The names of the flows, sorted.
        used_by: Vec<String>,
    },
    /// A file or folder could not be read or written.
    #[error("cannot {doing} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The key's folder is the store's, or inside it.
    #[error(
        "{} is in the store's own folder; a key is kept apart from what it opens: choose \
         another folder for it",
        path.display()
    )]
    KeyBesideData {
        /// The folder chosen for the key.
        path: PathBuf,
    },
    /// What lies in the key's place is no key.
    #[error("the master key {slot} in {place} is damaged; put back a copy of it")]
    KeyDamaged {
        /// Where the key lives.
        place: KeyPlace,
        /// The key's name there.
        slot: String,
    },
    /// The key's place can be reached, and the key is not there.
    #[error(
        "the master key {slot} is not in {place}; put it back there (no other key was made, \
         since none could open what is saved)"
    )]
    KeyMissing {
        /// Where the key should be.
        place: KeyPlace,
        /// The key's name there.
        slot: String,
    },
    /// Others can read the key file.
    #[error(
        "the key file {} can be read by other users (mode {mode:04o}); run `chmod 600` on it, \
         then rotate the key",
        path.display()
    )]
    KeyShared {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The place that holds the key could not be asked.
    #[error(
        "the master key is in {place}, which cannot be reached ({reason}); make it reachable \
         and repeat (no other key was made, since none could open what is saved)"
    )]
    KeyUnreachable {
        /// Where the key lives.
        place: KeyPlace,
        /// Why it cannot be reached.
        reason: String,
    },
    /// Nothing but blank was given as a name.
    #[error("a name is required; give one that is not blank")]
    NameBlank,
    /// A name holds a line break or another control character.
    #[error("a name cannot hold line breaks or other control characters; leave them out")]
    NameControl,
    /// Another row has this name; upper and lower case do not count.
    #[error("the name \"{name}\" is taken; choose another")]
    NameTaken {
        /// The name that was asked for.
        name: String,
    },
    /// A name is too long.
    #[error("a name has at most {limit} characters, this one has {length}; choose a shorter one")]
    NameTooLong {
        /// Its length in characters.
        length: usize,
        /// The limit.
        limit: usize,
    },
    /// A newer version of this program wrote the database. It is left as it is.
    #[error(
        "{} was written by a newer version (schema {found}, this version knows {known}); \
         update this program",
        path.display()
    )]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// The schema in the file.
        found: i64,
        /// The newest schema this version knows.
        known: i64,
    },
    /// The platform names no home folder, so there is no default folder.
    #[error("no home folder is known, so there is no default place; name a folder with --store")]
    NoHome,
    /// No credential has this name or id.
    #[error("there is no credential \"{asked}\"; list them to see the names")]
    NoSuchCredential {
        /// The name or id.
        asked: String,
    },
    /// No flow has this name or id.
    #[error("there is no source or destination \"{asked}\"; list them to see the names")]
    NoSuchFlow {
        /// The name or id.
        asked: String,
    },
    /// The file is a database, and another program's.
    #[error("{} belongs to another program; name another folder for the store", path.display())]
    NotAStore {
        /// The database.
        path: PathBuf,
    },
    /// A folder's path is not valid UTF-8, so it cannot be recorded.
    #[error("the path {} is not valid UTF-8; choose another folder", path.display())]
    PathNotText {
        /// The folder.
        path: PathBuf,
    },
    /// The file or its folder cannot be written. Nothing was changed.
    #[error(
        "{} cannot be written; nothing was changed: make the file and its folder writable, or \
         name another folder for the store",
        path.display()
    )]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// A sealed secret does not open: it was changed, or moved from another row or field.
    #[error(
        "the saved secret \"{field}\" of credential \"{name}\" was tampered with or damaged; \
         enter it again"
    )]
    SecretDamaged {
        /// The credential's name.
        name: String,
        /// The field.
        field: String,
    },
    /// The credential has no such secret.
    #[error("credential \"{name}\" has no \"{field}\" set; enter it first")]
    SecretNotSet {
        /// The credential's name.
        name: String,
        /// The field.
        field: String,
    },
    /// A setting is an object, or a list that holds one.
    #[error(
        "the setting \"{field}\" is not a plain value; give text, a number, true, false or a list of those"
    )]
    SettingNotPlain {
        /// The setting's name.
        field: String,
    },
    /// The credential changed while it was being checked, so the result is of the old one.
    #[error("credential \"{name}\" was changed while it was checked; check it again")]
    VerifiedStale {
        /// The credential's name.
        name: String,
    },
    /// The key in the recorded place is another than the one that sealed the secrets.
    #[error(
        "the master key {slot} in {place} is not the one that sealed this store (its \
         fingerprint differs); put the right one back there"
    )]
    WrongKey {
        /// Where the key lives.
        place: KeyPlace,
        /// The key's name there.
        slot: String,
    },
}

impl StoreError {
    /// The named form of a failure of the file system.
    pub(crate) fn io(doing: &'static str, path: &Path, source: std::io::Error) -> Self {
        use std::io::ErrorKind::{
            PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
        };

        let path = path.to_owned();
        match source.kind() {
            StorageFull | QuotaExceeded => Self::Full { path },
            ReadOnlyFilesystem => Self::ReadOnly { path },
            PermissionDenied if doing != "read" => Self::ReadOnly { path },
            _ => Self::Io { doing, path, source },
        }
    }

    /// The named form of a failure of SQLite.
    pub(crate) fn sqlite(path: &Path, source: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{
            CannotOpen, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, NotADatabase,
            PermissionDenied, ReadOnly,
        };

        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked) => Self::Busy { path },
            Some(DatabaseCorrupt | NotADatabase) => {
                Self::Damaged { path, detail: source.to_string() }
            }
            Some(DiskFull) => Self::Full { path },
            // A journal that cannot be made is reported as one that cannot be opened.
            Some(ReadOnly | PermissionDenied | CannotOpen) => Self::ReadOnly { path },
            _ => Self::Database { path, source },
        }
    }
}

/// What a transaction's body fails with, before it is known which file it was about.
#[derive(Debug)]
pub(crate) enum Failure {
    Sqlite(rusqlite::Error),
    Store(StoreError),
    /// A value in the database is not of the form that this crate writes.
    Value(String),
}

impl Failure {
    pub(crate) fn at(self, path: &Path) -> StoreError {
        match self {
            Self::Sqlite(source) => StoreError::sqlite(path, source),
            Self::Store(error) => error,
            Self::Value(detail) => StoreError::Damaged { path: path.to_owned(), detail },
        }
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Names in quotes, with commas between them.
fn list(names: &[String]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}
