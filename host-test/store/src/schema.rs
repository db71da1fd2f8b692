//! The tables, the migrations that lead to them, and the settings of every connection.
//!
//! A migration is never edited once a version with it is out: a change is one more at the end.
//! `PRAGMA user_version` counts those that are applied.
//!
//! The journal is SQLite's rollback journal, not the write-ahead log: writes are rare, the store
//! stays one file that can be copied when nobody writes, and it reads in a folder that cannot be
//! written. `synchronous = EXTRA` (FULL, and the folder after the journal is deleted) makes a
//! commit durable before it is reported; a key may be removed only then.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::crash;
use crate::error::{Failure, StoreError};

/// Opens the database at `path`, which must exist, checks it and brings it up to date.
///
/// A file that is damaged, foreign or newer is left as it is.
pub(crate) fn open(path: &Path) -> Result<Connection, StoreError> {
    connect(path).map_err(|failure| failure.at(path))
}

fn connect(path: &Path) -> Result<Connection, Failure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY)?;
    check(&conn, path)?;
    conn.execute_batch(
        "PRAGMA synchronous = EXTRA;
         PRAGMA foreign_keys = ON;
         PRAGMA secure_delete = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA temp_store = MEMORY;",
    )?;
    migrate(&mut conn)?;
    Ok(conn)
}

fn check(conn: &Connection, path: &Path) -> Result<(), Failure> {
    let application: i64 = conn.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let path = || path.to_owned();
    if application != APPLICATION && (application != 0 || tables != 0) {
        return Err(StoreError::NotAStore { path: path() }.into());
    }
    let (found, known) = (version(conn)?, known());
    if found > known {
        return Err(StoreError::NewerSchema { path: path(), found, known }.into());
    }
    let health: String = conn.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if health != "ok" {
        return Err(Failure::Value(health));
    }
    Ok(())
}

fn migrate(conn: &mut Connection) -> Result<(), Failure> {
    if version(conn)? == known() {
        return Ok(());
    }
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been first.
    let applied = usize::try_from(version(&transaction)?)
        .map_err(|_| Failure::Value("its schema has a negative number".to_owned()))?;
    for step in MIGRATIONS.iter().skip(applied) {
        transaction.execute_batch(step)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", known())?;
    crash::point("before a migration is committed");
    transaction.commit()?;
    crash::point("after a migration is committed");
    Ok(())
}

fn version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("PRAGMA user_version", [], |row| row.get(0))
}

fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).expect("there are few migrations")
}

/// How long a process waits for another one's transaction.
const BUSY: Duration = Duration::from_secs(10);

/// "conn" in ASCII: tells this store from other SQLite files.
const APPLICATION: i64 = 0x636f_6e6e;

const MIGRATIONS: &[&str] = &["
    CREATE TABLE master_key (
        slot        TEXT PRIMARY KEY,
        role        TEXT NOT NULL CHECK (role IN ('current', 'spare')),
        place       TEXT NOT NULL CHECK (place IN ('file', 'keyring')),
        folder      TEXT CHECK ((folder IS NOT NULL) = (place = 'file')),
        fingerprint BLOB NOT NULL,
        created_ms  INTEGER NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX one_current_key ON master_key (role) WHERE role = 'current';
    CREATE TABLE credential (
        id                TEXT PRIMARY KEY,
        connector_id      TEXT NOT NULL,
        connector_version TEXT NOT NULL,
        name              TEXT NOT NULL,
        name_key          TEXT NOT NULL UNIQUE,
        description       TEXT NOT NULL,
        settings          TEXT NOT NULL,
        verified          TEXT,
        revision          INTEGER NOT NULL,
        access_revision   INTEGER NOT NULL,
        created_ms        INTEGER NOT NULL,
        updated_ms        INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE secret (
        credential_id TEXT NOT NULL REFERENCES credential (id) ON DELETE CASCADE,
        field         TEXT NOT NULL,
        sealed        BLOB NOT NULL,
        PRIMARY KEY (credential_id, field)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE flow (
        id            TEXT PRIMARY KEY,
        name          TEXT NOT NULL,
        name_key      TEXT NOT NULL UNIQUE,
        kind          TEXT NOT NULL,
        credential_id TEXT NOT NULL REFERENCES credential (id) ON DELETE RESTRICT,
        options       TEXT NOT NULL,
        state         TEXT,
        created_ms    INTEGER NOT NULL,
        updated_ms    INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX flow_credential ON flow (credential_id);
"];
