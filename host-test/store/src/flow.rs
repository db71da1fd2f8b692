//! Saved sources and destinations: which credential, what to read or write, and how far it is.

use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::credential::{self, from_json, to_json};
use crate::error::{Failure, StoreError};
use crate::id::{CredentialId, FlowId};
use crate::name::{self, Name};
use crate::store::{Store, run};

/// A saved source or destination.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flow {
    /// Never changes.
    pub id: FlowId,
    /// What its owner calls it; unique among flows, upper and lower case do not count.
    pub name: Name,
    /// What it reads or writes.
    pub kind: FlowKind,
    /// The credential it uses, which cannot be removed as long.
    pub credential_id: CredentialId,
    /// The connector's options for the streams or the target.
    pub options: Map<String, Value>,
    /// How far it is, as the one who runs it wrote it; opaque here.
    pub state: Option<String>,
    /// When it was saved first, in milliseconds since 1970.
    pub created_ms: i64,
    /// When its state was saved last, in milliseconds since 1970.
    pub updated_ms: i64,
}

/// What a flow reads or writes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
#[non_exhaustive]
pub enum FlowKind {
    /// Writes records.
    Destination {
        /// The target's name.
        target: String,
        /// The operation, as the target names it.
        operation: String,
    },
    /// Reads records.
    Source {
        /// The names of the streams, in the order in which they are read; with none, those that
        /// the connector selects by default.
        streams: Vec<String>,
    },
}

/// A source or destination to be saved.
#[derive(Clone, Debug)]
pub struct NewFlow {
    /// What to call it.
    pub name: Name,
    /// What it reads or writes.
    pub kind: FlowKind,
    /// The credential it uses.
    pub credential_id: CredentialId,
    /// The connector's options for the streams or the target.
    pub options: Map<String, Value>,
}

impl Store {
    /// Saves a new source or destination.
    pub fn add_flow(&mut self, new: &NewFlow, now_ms: i64) -> Result<Flow, StoreError> {
        self.write(|conn, _| {
            let sql = "SELECT EXISTS (SELECT 1 FROM flow WHERE name_key = ?1)";
            if conn.query_row(sql, [new.name.key()], |row| row.get(0))? {
                return Err(StoreError::NameTaken { name: new.name.to_string() }.into());
            }
            let credential = credential::by_id(conn, &new.credential_id)?.id;
            let id = FlowId::random()?;
            run(
                conn,
                "INSERT INTO flow (id, name, name_key, kind, credential_id, options, created_ms,
                     updated_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
                params![
                    id.as_str(),
                    new.name.as_str(),
                    new.name.key(),
                    to_json(&new.kind),
                    credential.as_str(),
                    to_json(&new.options),
                    now_ms
                ],
            )?;
            by_id(conn, &id)
        })
    }

    /// The flow with this id or this name, upper and lower case of the name not counting.
    pub fn flow(&self, asked: &str) -> Result<Flow, StoreError> {
        self.read(|conn| find(conn, asked))
    }

    /// All flows, sorted by name.
    pub fn flows(&self) -> Result<Vec<Flow>, StoreError> {
        self.read(|conn| {
            let mut statement = conn.prepare("SELECT * FROM flow ORDER BY name_key")?;
            let mut rows = statement.query([])?;
            let mut flows = Vec::new();
            while let Some(row) = rows.next()? {
                flows.push(read(row)?);
            }
            Ok(flows)
        })
    }

    /// Saves how far a flow is; `None` starts it over.
    pub fn save_state(
        &mut self,
        id: &FlowId,
        state: Option<&str>,
        now_ms: i64,
    ) -> Result<(), StoreError> {
        self.write(|conn, _| {
            by_id(conn, id)?;
            run(
                conn,
                "UPDATE flow SET state = ?2, updated_ms = ?3 WHERE id = ?1",
                params![id.as_str(), state, now_ms],
            )
        })
    }

    /// Removes a flow, with its state. Its credential stays.
    pub fn remove_flow(&mut self, id: &FlowId) -> Result<(), StoreError> {
        self.write(|conn, _| {
            by_id(conn, id)?;
            run(conn, "DELETE FROM flow WHERE id = ?1", [id.as_str()])
        })
    }
}

fn find(conn: &Connection, asked: &str) -> Result<Flow, Failure> {
    let mut statement = conn.prepare(
        "SELECT * FROM flow WHERE id = ?1 OR name_key = ?2 ORDER BY id = ?1 DESC LIMIT 1",
    )?;
    let mut rows = statement.query(params![asked.trim(), name::key(asked)])?;
    match rows.next()? {
        Some(row) => read(row),
        None => Err(StoreError::NoSuchFlow { asked: asked.to_owned() }.into()),
    }
}

fn by_id(conn: &Connection, id: &FlowId) -> Result<Flow, Failure> {
    let mut statement = conn.prepare("SELECT * FROM flow WHERE id = ?1")?;
    let mut rows = statement.query([id.as_str()])?;
    match rows.next()? {
        Some(row) => read(row),
        None => Err(StoreError::NoSuchFlow { asked: id.to_string() }.into()),
    }
}

fn read(row: &Row<'_>) -> Result<Flow, Failure> {
    Ok(Flow {
        id: FlowId::stored(row.get("id")?),
        name: Name::stored(row.get("name")?),
        kind: from_json(row, "kind")?,
        credential_id: CredentialId::stored(row.get("credential_id")?),
        options: from_json(row, "options")?,
        state: row.get("state")?,
        created_ms: row.get("created_ms")?,
        updated_ms: row.get("updated_ms")?,
    })
}
