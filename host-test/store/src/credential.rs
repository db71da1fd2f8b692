//! Saved credentials: everything but the secrets can be listed, the secrets only opened.

use std::collections::{BTreeMap, BTreeSet};

use connector_egress::secret::Secret;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Failure, StoreError};
use crate::id::CredentialId;
use crate::key::MasterKey;
use crate::name::{self, Name};
use crate::ring::Ring;
use crate::seal;
use crate::store::{Store, run};

/// A saved credential, without its secrets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CredentialRecord {
    /// Never changes.
    pub id: CredentialId,
    /// Which connector it is for.
    pub connector_id: String,
    /// The connector's version when it was saved.
    pub connector_version: String,
    /// What its owner calls it; unique, upper and lower case do not count.
    pub name: Name,
    /// What it is for; may be empty.
    pub description: String,
    /// The connector's plain settings, by field.
    pub settings: Map<String, Value>,
    /// The secret fields that are set.
    pub secrets_set: BTreeSet<String>,
    /// What the last check found, `None` when there was none since the last change of a setting
    /// or secret.
    pub verified: Option<Verified>,
    /// Counts the edits: an edit names the revision it was made from.
    pub revision: i64,
    /// Counts the changes of settings and secrets: a check names the one it was made with.
    pub access_revision: i64,
    /// When it was saved first, in milliseconds since 1970.
    pub created_ms: i64,
    /// When it was edited last, in milliseconds since 1970.
    pub updated_ms: i64,
    /// The names of the sources and destinations that use it, sorted.
    pub used_by: Vec<String>,
}

/// What a check of a credential found, and when.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Verified {
    /// The answer.
    pub status: VerifiedStatus,
    /// The answer in a sentence for people. The caller scrubs it of secrets.
    pub message: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

/// The answers a check can have.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum VerifiedStatus {
    /// The service refused it.
    Refused,
    /// The check could not decide.
    Unknown,
    /// The service did not answer.
    Unreachable,
    /// The service accepted it.
    Works,
}

/// A credential to be saved.
#[derive(Debug)]
pub struct NewCredential {
    /// Which connector it is for.
    pub connector_id: String,
    /// That connector's version.
    pub connector_version: String,
    /// What to call it.
    pub name: Name,
    /// What it is for; may be empty.
    pub description: String,
    /// The plain settings, by field: text, numbers, true, false, or lists of those.
    pub settings: Map<String, Value>,
    /// The secrets, by field.
    pub secrets: BTreeMap<String, Secret>,
}

/// What to change of a credential; the default changes nothing.
#[derive(Debug, Default)]
pub struct CredentialEdit {
    /// The connector's version that the settings are now for.
    pub connector_version: Option<String>,
    /// A new name. Needs neither the secrets nor the key.
    pub name: Option<Name>,
    /// A new description.
    pub description: Option<String>,
    /// All the settings, in place of the old ones. Clears the verified status if they differ.
    pub settings: Option<Map<String, Value>>,
    /// What happens to secrets; those not named stay. Clears the verified status.
    pub secrets: BTreeMap<String, SecretChange>,
}

/// What an edit does to one secret.
#[derive(Debug)]
pub enum SecretChange {
    /// Unsets it.
    Clear,
    /// Sets it, in place of the old one if there was one.
    Set(Secret),
}

impl Store {
    /// Saves a new credential.
    pub fn add_credential(
        &mut self,
        new: &NewCredential,
        now_ms: i64,
    ) -> Result<CredentialRecord, StoreError> {
        self.write(|conn, ring| {
            let id = CredentialId::random()?;
            ensure_name_is_free(conn, &new.name, &id)?;
            ensure_plain(&new.settings)?;
            run(
                conn,
                "INSERT INTO credential (id, connector_id, connector_version, name, name_key,
                     description, settings, revision, access_revision, created_ms, updated_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, 1, ?8, ?8)",
                params![
                    id.as_str(),
                    new.connector_id,
                    new.connector_version,
                    new.name.as_str(),
                    new.name.key(),
                    new.description,
                    to_json(&new.settings),
                    now_ms
                ],
            )?;
            for (field, secret) in &new.secrets {
                put_secret(conn, ring.current(conn)?, &id, field, secret)?;
            }
            let record = by_id(conn, &id)?;
            ensure_no_field_twice(&record)?;
            Ok(record)
        })
    }

    /// The credential with this id or this name, upper and lower case of the name not counting.
    pub fn credential(&self, asked: &str) -> Result<CredentialRecord, StoreError> {
        self.read(|conn| find(conn, asked))
    }

    /// All credentials, sorted by name.
    pub fn credentials(&self) -> Result<Vec<CredentialRecord>, StoreError> {
        self.read(|conn| {
            let mut statement = conn.prepare("SELECT * FROM credential ORDER BY name_key")?;
            let mut rows = statement.query([])?;
            let mut records = Vec::new();
            while let Some(row) = rows.next()? {
                records.push(read(conn, row)?);
            }
            Ok(records)
        })
    }

    /// Changes a credential that is still at the revision `seen`, else nothing.
    pub fn edit_credential(
        &mut self,
        id: &CredentialId,
        seen: i64,
        edit: CredentialEdit,
        now_ms: i64,
    ) -> Result<CredentialRecord, StoreError> {
        self.write(|conn, ring| {
            let mut record = by_id(conn, id)?;
            if record.revision != seen {
                let (name, found) = (record.name.to_string(), record.revision);
                return Err(StoreError::Conflict { name, seen, found }.into());
            }
            if let Some(name) = edit.name {
                ensure_name_is_free(conn, &name, id)?;
                record.name = name;
            }
            if let Some(description) = edit.description {
                record.description = description;
            }
            if let Some(version) = edit.connector_version {
                record.connector_version = version;
            }
            let mut access_changed = !edit.secrets.is_empty();
            if let Some(settings) = edit.settings {
                ensure_plain(&settings)?;
                access_changed |= settings != record.settings;
                record.settings = settings;
            }
            change_secrets(conn, ring, id, &edit.secrets)?;
            if access_changed {
                record.access_revision += 1;
                record.verified = None;
            }
            record.revision += 1;
            record.updated_ms = now_ms;
            update(conn, &record)?;
            let record = by_id(conn, id)?;
            ensure_no_field_twice(&record)?;
            Ok(record)
        })
    }

    /// Saves what a check found, if settings and secrets are still those that it was made with:
    /// `seen` is the record's `access_revision` of then.
    pub fn set_verified(
        &mut self,
        id: &CredentialId,
        seen: i64,
        verified: Verified,
    ) -> Result<CredentialRecord, StoreError> {
        self.write(|conn, _| {
            let mut record = by_id(conn, id)?;
            if record.access_revision != seen {
                let name = record.name.to_string();
                return Err(StoreError::VerifiedStale { name }.into());
            }
            record.verified = Some(verified);
            update(conn, &record)?;
            Ok(record)
        })
    }

    /// Removes a credential that no source or destination uses, with its secrets.
    pub fn remove_credential(&mut self, id: &CredentialId) -> Result<(), StoreError> {
        self.write(|conn, _| {
            let record = by_id(conn, id)?;
            if !record.used_by.is_empty() {
                let (name, used_by) = (record.name.to_string(), record.used_by);
                return Err(StoreError::InUse { name, used_by }.into());
            }
            run(conn, "DELETE FROM credential WHERE id = ?1", [id.as_str()])
        })
    }

    /// Opens one secret, to be placed in a request. It is never shown.
    pub fn open_secret(&mut self, id: &CredentialId, field: &str) -> Result<Secret, StoreError> {
        let (transaction, ring, path) = self.reading()?;
        open_secret(&transaction, ring, id, field).map_err(|failure| failure.at(path))
    }
}

/// The credential with this id or name.
pub(crate) fn find(conn: &Connection, asked: &str) -> Result<CredentialRecord, Failure> {
    let mut statement = conn.prepare(
        "SELECT * FROM credential WHERE id = ?1 OR name_key = ?2 ORDER BY id = ?1 DESC LIMIT 1",
    )?;
    let mut rows = statement.query(params![asked.trim(), name::key(asked)])?;
    match rows.next()? {
        Some(row) => read(conn, row),
        None => Err(StoreError::NoSuchCredential { asked: asked.to_owned() }.into()),
    }
}

/// The credential with this id.
pub(crate) fn by_id(conn: &Connection, id: &CredentialId) -> Result<CredentialRecord, Failure> {
    let mut statement = conn.prepare("SELECT * FROM credential WHERE id = ?1")?;
    let mut rows = statement.query([id.as_str()])?;
    match rows.next()? {
        Some(row) => read(conn, row),
        None => Err(StoreError::NoSuchCredential { asked: id.to_string() }.into()),
    }
}

/// The credential's name for a message; its id where the row is gone.
pub(crate) fn name_of(conn: &Connection, id: &CredentialId) -> Result<String, Failure> {
    let sql = "SELECT name FROM credential WHERE id = ?1";
    let name = conn.query_row(sql, [id.as_str()], |row| row.get(0)).optional()?;
    Ok(name.unwrap_or_else(|| id.to_string()))
}

/// A value of ours as JSON text.
pub(crate) fn to_json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("maps with text as keys are always JSON")
}

/// A value of ours from the JSON text of a column.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(
    row: &Row<'_>,
    column: &str,
) -> Result<T, Failure> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| Failure::Value(format!("{column}: {error}")))
}

fn read(conn: &Connection, row: &Row<'_>) -> Result<CredentialRecord, Failure> {
    let id: String = row.get("id")?;
    let names = |sql: &str| {
        let mut statement = conn.prepare(sql)?;
        statement.query_map([&id], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()
    };
    let fields = names("SELECT field FROM secret WHERE credential_id = ?1")?;
    let used_by = names("SELECT name FROM flow WHERE credential_id = ?1 ORDER BY name_key")?;
    let verified = match row.get::<_, Option<String>>("verified")? {
        Some(_) => Some(from_json(row, "verified")?),
        None => None,
    };
    Ok(CredentialRecord {
        connector_id: row.get("connector_id")?,
        connector_version: row.get("connector_version")?,
        name: Name::stored(row.get("name")?),
        description: row.get("description")?,
        settings: from_json(row, "settings")?,
        secrets_set: fields.into_iter().collect(),
        verified,
        revision: row.get("revision")?,
        access_revision: row.get("access_revision")?,
        created_ms: row.get("created_ms")?,
        updated_ms: row.get("updated_ms")?,
        used_by,
        id: CredentialId::stored(id),
    })
}

fn update(conn: &Connection, record: &CredentialRecord) -> Result<(), Failure> {
    run(
        conn,
        "UPDATE credential SET connector_version = ?2, name = ?3, name_key = ?4,
             description = ?5, settings = ?6, verified = ?7, revision = ?8,
             access_revision = ?9, updated_ms = ?10
         WHERE id = ?1",
        params![
            record.id.as_str(),
            record.connector_version,
            record.name.as_str(),
            record.name.key(),
            record.description,
            to_json(&record.settings),
            record.verified.as_ref().map(to_json),
            record.revision,
            record.access_revision,
            record.updated_ms
        ],
    )
}

fn change_secrets(
    conn: &Connection,
    ring: &mut Ring,
    id: &CredentialId,
    changes: &BTreeMap<String, SecretChange>,
) -> Result<(), Failure> {
    for (field, change) in changes {
        match change {
            SecretChange::Clear => run(
                conn,
                "DELETE FROM secret WHERE credential_id = ?1 AND field = ?2",
                [id.as_str(), field],
            )?,
            SecretChange::Set(secret) => {
                put_secret(conn, ring.current(conn)?, id, field, secret)?;
            }
        }
    }
    Ok(())
}

fn put_secret(
    conn: &Connection,
    key: &MasterKey,
    id: &CredentialId,
    field: &str,
    secret: &Secret,
) -> Result<(), Failure> {
    run(
        conn,
        "INSERT OR REPLACE INTO secret (credential_id, field, sealed) VALUES (?1, ?2, ?3)",
        params![id.as_str(), field, seal::seal(key, id, field, secret)?],
    )
}

fn open_secret(
    conn: &Connection,
    ring: &mut Ring,
    id: &CredentialId,
    field: &str,
) -> Result<Secret, Failure> {
    let name = by_id(conn, id)?.name.to_string();
    let field = field.to_owned();
    let sql = "SELECT sealed FROM secret WHERE credential_id = ?1 AND field = ?2";
    let sealed: Option<Vec<u8>> =
        conn.query_row(sql, [id.as_str(), &field], |row| row.get(0)).optional()?;
    let Some(sealed) = sealed else {
        return Err(StoreError::SecretNotSet { name, field }.into());
    };
    seal::open(ring.current(conn)?, id, &field, &sealed)
        .map_err(|seal::NotGenuine| StoreError::SecretDamaged { name, field }.into())
}

fn ensure_name_is_free(conn: &Connection, name: &Name, id: &CredentialId) -> Result<(), Failure> {
    let sql = "SELECT EXISTS (SELECT 1 FROM credential WHERE name_key = ?1 AND id <> ?2)";
    if conn.query_row(sql, [name.key().as_str(), id.as_str()], |row| row.get(0))? {
        return Err(StoreError::NameTaken { name: name.to_string() }.into());
    }
    Ok(())
}

fn ensure_plain(settings: &Map<String, Value>) -> Result<(), StoreError> {
    let plain = |value: &Value| !value.is_object() && !value.is_array();
    for (field, value) in settings {
        let fine = match value {
            Value::Array(items) => items.iter().all(plain),
            value => plain(value),
        };
        if !fine {
            return Err(StoreError::SettingNotPlain { field: field.clone() });
        }
    }
    Ok(())
}

/// A secret that is also given as a setting would be listed.
fn ensure_no_field_twice(record: &CredentialRecord) -> Result<(), StoreError> {
    match record.secrets_set.iter().find(|field| record.settings.contains_key(*field)) {
        Some(field) => Err(StoreError::FieldTwice { field: field.clone() }),
        None => Ok(()),
    }
}
