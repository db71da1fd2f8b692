//! The places in which a master key can live.
//!
//! Each key has a name of its own there, its *slot*: a new key never overwrites an old one, and
//! several stores share a place.

use std::fmt;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use keyring_core::Entry;
use zeroize::Zeroizing;

use crate::crash;
use crate::error::StoreError;
use crate::folder;
use crate::id;
use crate::key::MasterKey;

/// Where a master key lives.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeyPlace {
    /// A file of its own, owner-only, in this folder. The folder is never the store's own.
    File(PathBuf),
    /// The keyring of the operating system: Secret Service on Linux and BSD, Keychain on macOS,
    /// Credential Manager on Windows. A keyring that forgets at a reboot is not used.
    Keyring,
}

/// Where a store that is new puts its key. A store that exists has recorded its own place.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NewKey {
    /// In this place, or nowhere.
    At(KeyPlace),
    /// In the keyring where there is a usable one, else in a file in this folder.
    KeyringElseFile(PathBuf),
}

impl NewKey {
    /// Decides. A keyring counts as usable when it gives back what was put into it.
    pub(crate) fn place(&self) -> KeyPlace {
        match self {
            Self::At(place) => place.clone(),
            Self::KeyringElseFile(_) if keyring_is_usable() => KeyPlace::Keyring,
            Self::KeyringElseFile(folder) => KeyPlace::File(folder.clone()),
        }
    }
}

impl KeyPlace {
    /// Makes the place ready for a key of the store in `store`, which is an absolute path.
    pub(crate) fn ready(self, store: &Path) -> Result<Self, StoreError> {
        let Self::File(path) = self else { return Ok(self) };
        let absolute =
            std::path::absolute(&path).map_err(|error| StoreError::io("find", &path, error))?;
        // Before it is made, so that a refusal leaves nothing behind; and once symbolic links
        // are resolved.
        if absolute.starts_with(store) {
            return Err(StoreError::KeyBesideData { path });
        }
        let folder = folder::private_folder(&absolute)?;
        if folder.starts_with(store) {
            return Err(StoreError::KeyBesideData { path });
        }
        if folder.to_str().is_none() {
            return Err(StoreError::PathNotText { path });
        }
        Ok(Self::File(folder))
    }

    /// Puts a key into a slot that is free, and makes sure that it reads back.
    pub(crate) fn put(&self, slot: &str, key: &MasterKey) -> Result<(), StoreError> {
        match self {
            Self::File(folder) => put_file(folder, slot, key)?,
            Self::Keyring => self
                .entry(slot)?
                .set_password(&key.to_text())
                .map_err(|error| self.unreachable(&error))?,
        }
        crash::point("a key is in its place");
        if self.load(slot)?.bytes() == key.bytes() {
            Ok(())
        } else {
            Err(StoreError::KeyDamaged { place: self.clone(), slot: slot.to_owned() })
        }
    }

    /// Reads the key in a slot.
    pub(crate) fn load(&self, slot: &str) -> Result<MasterKey, StoreError> {
        let text = match self {
            Self::File(folder) => self.read_file(folder, slot)?,
            Self::Keyring => match self.entry(slot)?.get_password() {
                Ok(text) => text,
                Err(keyring_core::Error::NoEntry) => return Err(self.missing(slot)),
                Err(error) => return Err(self.unreachable(&error)),
            },
        };
        let text = Zeroizing::new(text);
        MasterKey::from_text(&text)
            .ok_or_else(|| StoreError::KeyDamaged { place: self.clone(), slot: slot.to_owned() })
    }

    /// Removes the key in a slot, where there is one.
    pub(crate) fn remove(&self, slot: &str) -> Result<(), StoreError> {
        match self {
            Self::File(folder) => {
                for path in [unfinished(folder, slot), key_file(folder, slot)] {
                    match fs::remove_file(&path) {
                        Err(error) if error.kind() != ErrorKind::NotFound => {
                            return Err(StoreError::io("remove", &path, error));
                        }
                        _ => {}
                    }
                }
                if folder.is_dir() {
                    folder::sync_folder(folder)?;
                }
            }
            Self::Keyring => match self.entry(slot)?.delete_credential() {
                Ok(()) | Err(keyring_core::Error::NoEntry) => {}
                Err(error) => return Err(self.unreachable(&error)),
            },
        }
        crash::point("a key is removed from its place");
        Ok(())
    }

    fn read_file(&self, folder: &Path, slot: &str) -> Result<String, StoreError> {
        let path = key_file(folder, slot);
        if !folder.is_dir() {
            return Err(self.unreachable(&"no such folder"));
        }
        match fs::read_to_string(&path) {
            Ok(text) => match folder::shared_mode(&path)? {
                Some(mode) => Err(StoreError::KeyShared { path, mode }),
                None => Ok(text),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Err(self.missing(slot)),
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                Err(StoreError::KeyDamaged { place: self.clone(), slot: slot.to_owned() })
            }
            Err(error) => Err(self.unreachable(&error)),
        }
    }

    /// The slot in the keyring. An embedder that has set a store of its own as `keyring-core`'s
    /// default keeps it.
    fn entry(&self, slot: &str) -> Result<Entry, StoreError> {
        if keyring_core::get_default_store().is_none() {
            keyring::Entry::store_status().as_ref().map_err(|error| self.unreachable(error))?;
        }
        Entry::new(SERVICE, slot).map_err(|error| self.unreachable(&error))
    }

    fn missing(&self, slot: &str) -> StoreError {
        StoreError::KeyMissing { place: self.clone(), slot: slot.to_owned() }
    }

    fn unreachable(&self, reason: &impl ToString) -> StoreError {
        StoreError::KeyUnreachable { place: self.clone(), reason: reason.to_string() }
    }
}

impl fmt::Display for KeyPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(folder) => write!(f, "the folder {}", folder.display()),
            Self::Keyring => f.write_str("the keyring of the operating system"),
        }
    }
}

/// The file in which a folder holds the key of a slot.
pub(crate) fn key_file(folder: &Path, slot: &str) -> PathBuf {
    folder.join(format!("{slot}.key"))
}

/// Writes the key under a name that [`KeyPlace::remove`] knows too, until it is whole.
fn put_file(folder: &Path, slot: &str, key: &MasterKey) -> Result<(), StoreError> {
    let (path, unfinished) = (key_file(folder, slot), unfinished(folder, slot));
    let write = || {
        let mut file = folder::new_private_file(&unfinished)?;
        crash::point("a key file is made, and empty");
        file.write_all(key.to_text().as_bytes())?;
        file.sync_all()?;
        crash::point("a key file is whole, not yet under its name");
        fs::rename(&unfinished, &path)
    };
    write().map_err(|error| StoreError::io("write", &path, error))?;
    folder::sync_folder(folder)
}

fn unfinished(folder: &Path, slot: &str) -> PathBuf {
    folder.join(format!("{slot}.key.unfinished"))
}

fn keyring_is_usable() -> bool {
    let (Ok(slot), Ok(key)) = (id::random(), MasterKey::random()) else { return false };
    let put = KeyPlace::Keyring.put(&slot, &key);
    let removed = KeyPlace::Keyring.remove(&slot);
    put.is_ok() && removed.is_ok()
}

/// What the entries of every store are filed under in a keyring.
const SERVICE: &str = "connector-store";
