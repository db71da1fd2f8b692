//! Folders and files that only their owner can reach, and where they are by default.
//!
//! Permission bits are checked on Unix. On other systems the folders of the user's profile are
//! private by the system's own rules.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use crate::error::StoreError;

/// Where the store is when no folder is named: in the platform's data folder
/// (`$XDG_DATA_HOME/connector`, by default `~/.local/share/connector`; `%APPDATA%` on Windows).
pub fn default_dir() -> Result<PathBuf, StoreError> {
    Ok(platform()?.data_dir().join("connector"))
}

/// Where key files are when no folder is named: in the platform's configuration folder
/// (`$XDG_CONFIG_HOME/connector-keys`, by default `~/.config/connector-keys`). It differs from
/// [`default_dir`] also where a platform keeps both kinds in one folder.
pub fn default_key_dir() -> Result<PathBuf, StoreError> {
    Ok(platform()?.config_dir().join("connector-keys"))
}

fn platform() -> Result<impl BaseStrategy, StoreError> {
    etcetera::choose_base_strategy().map_err(|_| StoreError::NoHome)
}

/// Makes `path` an owner-only folder and gives its absolute path without symbolic links.
///
/// A folder that is made, or that is empty, is set to mode 0700. One that holds files and can be
/// reached by others is refused: it may be anyone's.
pub(crate) fn private_folder(path: &Path) -> Result<PathBuf, StoreError> {
    if !path.is_dir() {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(|error| StoreError::io("make the folder", path, error))?;
    }
    keep_private(path)?;
    path.canonicalize().map_err(|error| StoreError::io("read", path, error))
}

/// Makes `path` an empty owner-only file if it is not there. One that is there and that others
/// can reach is set to mode 0600.
pub(crate) fn private_file(path: &Path) -> Result<(), StoreError> {
    if path.exists() {
        #[cfg(unix)]
        if shared_mode(path)?.is_some() {
            set_mode(path, 0o600)?;
        }
        return Ok(());
    }
    match new_private_file(path) {
        // Another process was first.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::io("make", path, error)),
        Ok(_) => Ok(()),
    }
}

/// Makes an owner-only file where there is none.
pub(crate) fn new_private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Moves a finished temporary file to `path`, which must not exist, so that it is there after a
/// power loss too.
pub(crate) fn persist(
    file: tempfile::NamedTempFile,
    folder: &Path,
    path: &Path,
) -> Result<(), StoreError> {
    file.as_file().sync_all().map_err(|error| StoreError::io("write", path, error))?;
    file.persist_noclobber(path).map_err(|error| StoreError::io("write", path, error.error))?;
    sync_folder(folder)
}

/// Makes what was added to or removed from a folder survive a power loss.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    #[cfg(unix)]
    File::open(folder)
        .and_then(|opened| opened.sync_all())
        .map_err(|error| StoreError::io("write", folder, error))?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// The permission bits of a file that others can reach, `None` for one that they cannot.
pub(crate) fn shared_mode(path: &Path) -> Result<Option<u32>, StoreError> {
    #[cfg(unix)]
    return Ok(Some(mode(path)?).filter(|mode| mode & 0o077 != 0));
    #[cfg(not(unix))]
    {
        let _ = path;
        Ok(None)
    }
}

fn keep_private(path: &Path) -> Result<(), StoreError> {
    let Some(mode) = shared_mode(path)? else { return Ok(()) };
    let mut entries = fs::read_dir(path).map_err(|error| StoreError::io("read", path, error))?;
    if entries.next().is_some() {
        return Err(StoreError::FolderShared { path: path.to_owned(), mode });
    }
    #[cfg(unix)]
    set_mode(path, 0o700)?;
    Ok(())
}

#[cfg(unix)]
fn mode(path: &Path) -> Result<u32, StoreError> {
    use std::os::unix::fs::PermissionsExt;

    let metadata = fs::metadata(path).map_err(|error| StoreError::io("read", path, error))?;
    Ok(metadata.permissions().mode() & 0o7777)
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt;

    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|error| StoreError::io("change the permissions of", path, error))
}
