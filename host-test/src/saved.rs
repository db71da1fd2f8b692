//! Saved credentials in use: the store that the arguments name, and a record opened to an account.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use connector_egress::Secrets;
use connector_engine::bindings::description::Descriptor;
use connector_store::{
    CredentialRecord, KeyPlace, NewKey, Store, StoreError, default_dir, default_key_dir,
};

use crate::cli::Globals;
use crate::context::Account;
use crate::error::{CliError, Exit};

/// Opens the store that the arguments name, and makes it where there is none.
pub fn open_store(globals: &Globals) -> Result<Store, CliError> {
    let folder = match &globals.store {
        Some(folder) => folder.clone(),
        None => default_dir()?,
    };
    let new_key = match &globals.key_dir {
        Some(folder) => NewKey::At(KeyPlace::File(folder.clone())),
        None => NewKey::KeyringElseFile(default_key_dir()?),
    };
    Ok(Store::open(&folder, &new_key, now_ms())?)
}

/// Opens a record's secrets, for a connection.
pub fn open_account(store: &mut Store, record: &CredentialRecord) -> Result<Account, CliError> {
    let mut secrets = Secrets::default();
    for field in &record.secrets_set {
        secrets.insert(field, store.open_secret(&record.id, field)?);
    }
    Ok(Account { id: record.id.to_string(), values: record.settings.clone(), secrets })
}

/// Refuses a credential of another connector.
pub fn ensure_connector(
    record: &CredentialRecord,
    descriptor: &Descriptor,
) -> Result<(), CliError> {
    if record.connector_id == descriptor.id {
        return Ok(());
    }
    let message = format!(
        "the credential \"{}\" is for the connector {}, but the plugin is {}",
        record.name, record.connector_id, descriptor.id
    );
    Err(CliError::new(Exit::Usage, "other-connector", message)
        .remedy("Name a credential of this connector, or the right --plugin."))
}

/// Now, in milliseconds since 1970.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A time in milliseconds since 1970 for people, in UTC.
pub fn stamp(at_ms: i64) -> String {
    let since = Duration::from_millis(u64::try_from(at_ms).unwrap_or(0));
    httpdate::fmt_http_date(UNIX_EPOCH + since)
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let (exit, code) = match &error {
            StoreError::NameBlank => (Exit::Usage, "name-blank"),
            StoreError::NameControl => (Exit::Usage, "name-control"),
            StoreError::NameTaken { .. } => (Exit::Usage, "name-taken"),
            StoreError::NameTooLong { .. } => (Exit::Usage, "name-too-long"),
            StoreError::NoSuchCredential { .. } => (Exit::Usage, "no-such-credential"),
            StoreError::NoSuchFlow { .. } => (Exit::Usage, "no-such-flow"),
            StoreError::BackupExists { .. } => (Exit::Usage, "backup-exists"),
            StoreError::KeyBesideData { .. } => (Exit::Usage, "key-beside-data"),
            StoreError::NoHome => (Exit::Usage, "no-home"),
            StoreError::FieldTwice { .. } => (Exit::Settings, "field-twice"),
            StoreError::SecretNotSet { .. } => (Exit::Settings, "secret-not-set"),
            StoreError::SettingNotPlain { .. } => (Exit::Settings, "setting-not-plain"),
            StoreError::Busy { .. } => (Exit::Later, "store-busy"),
            StoreError::Conflict { .. } => (Exit::Other, "changed-elsewhere"),
            StoreError::VerifiedStale { .. } => (Exit::Other, "changed-while-checked"),
            StoreError::InUse { .. } => (Exit::Other, "in-use"),
            StoreError::Damaged { .. } => (Exit::Other, "store-damaged"),
            StoreError::NewerSchema { .. } => (Exit::Other, "store-newer"),
            StoreError::NotAStore { .. } => (Exit::Other, "not-a-store"),
            StoreError::FolderShared { .. } => (Exit::Other, "folder-shared"),
            StoreError::Full { .. } => (Exit::Other, "disk-full"),
            StoreError::ReadOnly { .. } => (Exit::Other, "read-only"),
            StoreError::KeyDamaged { .. } => (Exit::Other, "key-damaged"),
            StoreError::KeyMissing { .. } => (Exit::Other, "key-missing"),
            StoreError::KeyShared { .. } => (Exit::Other, "key-shared"),
            StoreError::KeyUnreachable { .. } => (Exit::Other, "key-unreachable"),
            StoreError::WrongKey { .. } => (Exit::Other, "wrong-key"),
            StoreError::SecretDamaged { .. } => (Exit::Other, "secret-damaged"),
            _ => (Exit::Other, "store"),
        };
        CliError::new(exit, code, error.to_string())
    }
}
