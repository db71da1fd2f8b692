//! Opening a store, its transactions, and its backup.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, Params, Transaction, TransactionBehavior};

use crate::crash;
use crate::error::{Failure, StoreError};
use crate::folder;
use crate::place::NewKey;
use crate::ring::Ring;
use crate::schema;

/// The name of the database in the store's folder.
pub const DATABASE: &str = "credentials.db";

/// An open store. One process may hold several, and several processes may hold one each.
///
/// Calls block, on the disk and on the keyring, which may ask its owner to unlock it.
#[derive(Debug)]
pub struct Store {
    conn: Connection,
    dir: PathBuf,
    path: PathBuf,
    ring: Ring,
}

impl Store {
    /// Opens the store in the folder `dir`, and makes it where there is none.
    ///
    /// `new_key` counts only for a store that is made now. A store that exists opens without its
    /// key: what needs no secret works while the key's place cannot be reached.
    pub fn open(dir: &Path, new_key: &NewKey, now_ms: i64) -> Result<Self, StoreError> {
        let dir = folder::private_folder(dir)?;
        let path = dir.join(DATABASE);
        folder::private_file(&path)?;
        let conn = schema::open(&path)?;
        let mut store = Self { conn, dir, path, ring: Ring::default() };
        store.ensure_key(new_key, now_ms)?;
        // A key that cannot be removed now is removed at a later opening.
        let _ = store.sweep();
        Ok(store)
    }

    /// The store's folder, as an absolute path.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes a copy of the database, as it is at one moment, to `path`, which must not exist.
    ///
    /// The secrets stay sealed in it. Other processes can go on using the store.
    pub fn backup_to(&self, path: &Path) -> Result<(), StoreError> {
        if path.exists() {
            return Err(StoreError::BackupExists { path: path.to_owned() });
        }
        let path =
            std::path::absolute(path).map_err(|error| StoreError::io("find", path, error))?;
        let folder = path.parent().unwrap_or(&path);
        let copy = tempfile::NamedTempFile::new_in(folder)
            .map_err(|error| StoreError::io("write", &path, error))?;
        let target = copy.path().to_str();
        let target = target.ok_or_else(|| StoreError::PathNotText { path: path.clone() })?;
        self.conn
            .execute("VACUUM INTO ?1", [target])
            .map_err(|error| StoreError::sqlite(&path, error))?;
        crash::point("a backup is written, not yet under its name");
        folder::persist(copy, folder, &path)
    }

    /// Reads from one state of the database.
    pub(crate) fn read<T>(
        &self,
        body: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let read = || body(&*self.conn.unchecked_transaction()?);
        read().map_err(|failure| failure.at(&self.path))
    }

    /// A transaction that reads, with the key ring beside it.
    pub(crate) fn reading(&mut self) -> Result<(Transaction<'_>, &mut Ring, &Path), StoreError> {
        let transaction =
            self.conn.transaction().map_err(|error| StoreError::sqlite(&self.path, error))?;
        Ok((transaction, &mut self.ring, &self.path))
    }

    /// Writes all or nothing, alone among all processes.
    pub(crate) fn write<T>(
        &mut self,
        body: impl FnOnce(&Connection, &mut Ring) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let Self { conn, ring, path, .. } = self;
        let write = || {
            let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let written = body(&transaction, ring)?;
            crash::point("before a commit");
            transaction.commit()?;
            crash::point("after a commit");
            Ok(written)
        };
        write().map_err(|failure: Failure| failure.at(path))
    }

    #[cfg(test)]
    pub(crate) fn connection(&self) -> &Connection {
        &self.conn
    }
}

/// Executes one statement that writes.
pub(crate) fn run(conn: &Connection, sql: &str, params: impl Params) -> Result<(), Failure> {
    conn.execute(sql, params)?;
    crash::point("after a statement");
    Ok(())
}
