//! Which key is current, and the way to the next one.
//!
//! The table `master_key` names every key that may exist: the current one, one that is about to
//! be made, one that is to be removed. A key is named there before it is put into its place, and
//! removed from its place before its name is dropped. So after `kill -9` at any moment the
//! current key is in its place, and whatever else is in a place is known and swept away.

use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::credential::name_of;
use crate::error::{Failure, StoreError};
use crate::id::{self, CredentialId};
use crate::key::MasterKey;
use crate::place::{KeyPlace, NewKey};
use crate::seal;
use crate::store::{Store, run};

impl Store {
    /// Where the master key lives.
    pub fn key_place(&self) -> Result<KeyPlace, StoreError> {
        self.read(|conn| Ok(current_slot(conn)?.place))
    }

    /// Makes sure that the master key can be reached and is the right one.
    pub fn check_key(&mut self) -> Result<(), StoreError> {
        let (transaction, ring, path) = self.reading()?;
        ring.current(&transaction).map(|_| ()).map_err(|failure| failure.at(path))
    }

    /// Seals every secret anew under a new key, in `to` or, with `None`, in the place of the
    /// present one, and removes the old key. Gives the place of the new key.
    ///
    /// Either all secrets are under the new key afterwards or all are under the old one. A
    /// backup that was made before opens only with a copy of the old key.
    pub fn rotate_key(
        &mut self,
        to: Option<KeyPlace>,
        now_ms: i64,
    ) -> Result<KeyPlace, StoreError> {
        let place = match to {
            Some(place) => place.ready(self.dir())?,
            None => self.key_place()?,
        };
        let key = MasterKey::random()?;
        let slot = Slot::for_key(&key, place)?;
        self.write(|conn, _| slot.insert(conn, Role::Spare, now_ms))?;
        let resealed = self.write(|conn, ring| {
            let old = ring.current(conn)?;
            slot.place.put(&slot.name, &key)?;
            reseal(conn, old, &key)?;
            run(conn, "UPDATE master_key SET role = 'spare'", [])?;
            slot.insert(conn, Role::Current, now_ms)
        });
        // What cannot be removed now is removed when the store is next opened.
        let _ = self.sweep();
        resealed.map(|()| slot.place)
    }

    /// Records that the present key now lives in `place`, as after a restore on another machine.
    /// Refused unless the very key is there under its name.
    pub fn adopt_key(&mut self, place: KeyPlace) -> Result<(), StoreError> {
        let place = place.ready(self.dir())?;
        self.write(|conn, ring| {
            let slot = Slot { place, ..current_slot(conn)? };
            let key = slot.load()?;
            run(
                conn,
                "UPDATE master_key SET place = ?1, folder = ?2 WHERE role = 'current'",
                params![slot.kind(), slot.folder()],
            )?;
            ring.loaded = Some((slot.name, key));
            Ok(())
        })
    }

    /// Makes the first key of a store that is new.
    pub(crate) fn ensure_key(&mut self, new: &NewKey, now_ms: i64) -> Result<(), StoreError> {
        if self.read(has_key)? {
            return Ok(());
        }
        let place = new.place().ready(self.dir())?;
        let key = MasterKey::random()?;
        let slot = Slot::for_key(&key, place)?;
        self.write(|conn, _| slot.insert(conn, Role::Spare, now_ms))?;
        self.write(|conn, _| {
            // Another process that opened the same new store may have been first.
            if has_key(conn)? {
                return Ok(());
            }
            slot.place.put(&slot.name, &key)?;
            slot.insert(conn, Role::Current, now_ms)
        })
    }

    /// Removes the keys that are not the current one.
    pub(crate) fn sweep(&mut self) -> Result<(), StoreError> {
        if self.read(spare_slots)?.is_empty() {
            return Ok(());
        }
        self.write(|conn, _| {
            for slot in spare_slots(conn)? {
                slot.place.remove(&slot.name)?;
                run(conn, "DELETE FROM master_key WHERE slot = ?1", [&slot.name])?;
            }
            Ok(())
        })
    }
}

/// The key that this process has loaded, by the name of its slot.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    loaded: Option<(String, MasterKey)>,
}

impl Ring {
    /// The current key. Loaded once, and again when another process has rotated it.
    pub(crate) fn current(&mut self, conn: &Connection) -> Result<&MasterKey, Failure> {
        let slot = current_slot(conn)?;
        let loaded = match self.loaded.take() {
            Some((name, key)) if name == slot.name => (name, key),
            _ => {
                let key = slot.load()?;
                (slot.name, key)
            }
        };
        Ok(&self.loaded.insert(loaded).1)
    }
}

/// One row of the table `master_key`.
#[derive(Debug)]
struct Slot {
    name: String,
    place: KeyPlace,
    fingerprint: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Role {
    Current,
    Spare,
}

impl Slot {
    fn for_key(key: &MasterKey, place: KeyPlace) -> Result<Self, StoreError> {
        Ok(Self { name: id::random()?, place, fingerprint: key.fingerprint().to_vec() })
    }

    fn read(row: &Row<'_>) -> Result<Self, Failure> {
        let name: String = row.get("slot")?;
        // It becomes part of a path.
        if name.len() != 16 || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Failure::Value(format!("a key is named {name:?}")));
        }
        let place = match (
            row.get::<_, String>("place")?.as_str(),
            row.get::<_, Option<String>>("folder")?,
        ) {
            ("file", Some(folder)) => KeyPlace::File(PathBuf::from(folder)),
            ("keyring", None) => KeyPlace::Keyring,
            (kind, _) => return Err(Failure::Value(format!("a key's place is {kind:?}"))),
        };
        Ok(Self { name, place, fingerprint: row.get("fingerprint")? })
    }

    fn load(&self) -> Result<MasterKey, StoreError> {
        let key = self.place.load(&self.name)?;
        if key.fingerprint() == *self.fingerprint {
            Ok(key)
        } else {
            Err(StoreError::WrongKey { place: self.place.clone(), slot: self.name.clone() })
        }
    }

    fn insert(&self, conn: &Connection, role: Role, now_ms: i64) -> Result<(), Failure> {
        let role = match role {
            Role::Current => "current",
            Role::Spare => "spare",
        };
        run(
            conn,
            "INSERT OR REPLACE INTO master_key
                 (slot, role, place, folder, fingerprint, created_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![self.name, role, self.kind(), self.folder(), self.fingerprint, now_ms],
        )
    }

    fn kind(&self) -> &'static str {
        match self.place {
            KeyPlace::File(_) => "file",
            KeyPlace::Keyring => "keyring",
        }
    }

    fn folder(&self) -> Option<&str> {
        match &self.place {
            KeyPlace::File(folder) => {
                Some(folder.to_str().expect("a place that is ready has a path that is text"))
            }
            KeyPlace::Keyring => None,
        }
    }
}

/// Whether the store has a key. One that has secrets and no key is damaged, never given another.
fn has_key(conn: &Connection) -> Result<bool, Failure> {
    let current = "SELECT EXISTS (SELECT 1 FROM master_key WHERE role = 'current')";
    if conn.query_row(current, [], |row| row.get(0))? {
        return Ok(true);
    }
    let secrets = "SELECT EXISTS (SELECT 1 FROM secret)";
    if conn.query_row(secrets, [], |row| row.get(0))? {
        return Err(keyless());
    }
    Ok(false)
}

fn current_slot(conn: &Connection) -> Result<Slot, Failure> {
    conn.query_row("SELECT * FROM master_key WHERE role = 'current'", [], |row| Ok(Slot::read(row)))
        .optional()?
        .unwrap_or_else(|| Err(keyless()))
}

fn spare_slots(conn: &Connection) -> Result<Vec<Slot>, Failure> {
    let mut statement = conn.prepare("SELECT * FROM master_key WHERE role = 'spare'")?;
    let mut rows = statement.query([])?;
    let mut slots = Vec::new();
    while let Some(row) = rows.next()? {
        slots.push(Slot::read(row)?);
    }
    Ok(slots)
}

fn keyless() -> Failure {
    Failure::Value("it does not say where its key is".to_owned())
}

fn reseal(conn: &Connection, old: &MasterKey, new: &MasterKey) -> Result<(), Failure> {
    let mut statement = conn.prepare("SELECT credential_id, field, sealed FROM secret")?;
    let rows = statement
        .query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, Vec<u8>>(2)?))
        })?
        .collect::<Result<Vec<_>, _>>()?;
    for (id, field, sealed) in rows {
        let id = CredentialId::stored(id);
        let Ok(secret) = seal::open(old, &id, &field, &sealed) else {
            let name = name_of(conn, &id)?;
            return Err(StoreError::SecretDamaged { name, field }.into());
        };
        run(
            conn,
            "UPDATE secret SET sealed = ?3 WHERE credential_id = ?1 AND field = ?2",
            params![id.as_str(), field, seal::seal(new, &id, &field, &secret)?],
        )?;
    }
    Ok(())
}
