//! What all pages share: the plugin, the store, the secrets that are not saved yet, and what runs.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connector_egress::{Grant, Limits};
use connector_engine::audit::Audit;
use connector_engine::bindings::description::Descriptor;
use connector_engine::http::Network;
use connector_engine::{Cancel, Connection, ConnectionConfig, Plugin};
use connector_store::{CredentialId, CredentialRecord, Store, StoreError};
use serde_json::Value;
use tempfile::TempDir;

use super::drafts::Drafts;
use super::fault::Fault;
use super::reading::Reading;
use super::writing::Writing;
use crate::console::Console;
use crate::context::Account as OpenAccount;
use crate::error::{CliError, Exit};
use crate::finding::Finding;
use crate::form::Form;
use crate::saved::{ensure_connector, now_ms, open_account};

/// What the page is made of.
pub struct AppConfig {
    /// The plugin.
    pub plugin: Plugin,
    /// Where credentials, sources and destinations are saved.
    pub store: Store,
    /// Where the operator sends declared origins.
    pub grants: Vec<Grant>,
    /// Most requests per second of a connection.
    pub rate: Option<f64>,
    /// Whose log the secrets are kept out of.
    pub console: Console,
    /// The emulated account, where there is one.
    pub account: Option<Account>,
}

/// An emulated account, for a page that needs no real one.
#[derive(Clone, Debug)]
pub struct Account {
    /// Where it is served.
    pub origin: String,
    /// Its token, which is no secret and is shown.
    pub token: String,
}

/// What all pages share. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Shared>);

/// What all pages share.
pub struct Shared {
    pub(super) plugin: Plugin,
    pub(super) descriptor: Descriptor,
    pub(super) form: Form,
    pub(super) account: Option<Account>,
    /// Proves that a form is of a page of this process.
    pub(super) csrf: String,
    /// Where records that were read lie until the process ends.
    pub(super) folder: TempDir,
    store: Mutex<Store>,
    grants: Vec<Grant>,
    rate: Option<f64>,
    console: Console,
    drafts: Mutex<Drafts>,
    findings: Mutex<BTreeMap<CredentialId, (i64, Finding)>>,
    readings: Mutex<BTreeMap<String, Arc<Reading>>>,
    writings: Mutex<BTreeMap<String, Arc<Writing>>>,
}

/// So often the folder is removed, where files come while it is.
const MOST_REMOVALS: u32 = 16;

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    /// Reads what the plugin declares.
    pub fn new(config: AppConfig) -> Result<Self, CliError> {
        let AppConfig { plugin, store, grants, rate, console, account } = config;
        let descriptor = plugin.describe()?;
        let form = Form::parse(&plugin.schema()?)
            .map_err(|error| CliError::new(Exit::Plugin, "form", error.to_string()))?;
        let system = |what: &str, error: &dyn std::fmt::Display| {
            CliError::new(Exit::Other, "system", format!("{what}: {error}"))
        };
        let folder = tempfile::Builder::new()
            .prefix("connector-serve-")
            .tempdir()
            .map_err(|error| system("cannot make a temporary folder", &error))?;
        let csrf = random().map_err(|error| system("no random bytes", &error))?;
        Ok(App(Arc::new(Shared {
            plugin,
            descriptor,
            form,
            account,
            csrf,
            folder,
            store: Mutex::new(store),
            grants,
            rate,
            console,
            drafts: Mutex::default(),
            findings: Mutex::default(),
            readings: Mutex::default(),
            writings: Mutex::default(),
        })))
    }

    /// Runs what may block, apart from the threads that serve.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&App) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let app = self.clone();
        match tokio::task::spawn_blocking(move || work(&app)).await {
            Ok(result) => result,
            Err(_) => Err(Fault::internal("The page stopped working on this request.")),
        }
    }

    /// Stops everything that runs, and removes the records that were read: the process may end before the last that
    /// knows of the folder has let go of it.
    pub(super) fn stop(&self) {
        for reading in lock(&self.readings).values() {
            reading.cancel.cancel();
        }
        for writing in lock(&self.writings).values() {
            writing.cancel.cancel();
        }
        // A read that is being stopped may make a file meanwhile; without its folder it makes no other.
        for _ in 0..MOST_REMOVALS {
            if std::fs::remove_dir_all(self.folder.path()).is_ok() {
                break;
            }
        }
    }
}

impl Shared {
    /// The store, alone.
    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    /// What forms wait with.
    pub(super) fn drafts(&self) -> MutexGuard<'_, Drafts> {
        lock(&self.drafts)
    }

    /// The reads of this process, by source.
    pub(super) fn readings(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Reading>>> {
        lock(&self.readings)
    }

    /// The writes of this process, by destination.
    pub(super) fn writings(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Writing>>> {
        lock(&self.writings)
    }

    /// The credential of this id, if it is of this connector.
    pub(super) fn credential(&self, id: &str) -> Result<CredentialRecord, Fault> {
        let record = self.store().credential(id)?;
        ensure_connector(&record, &self.descriptor)?;
        Ok(record)
    }

    /// The credentials of this connector.
    pub(super) fn credentials(&self) -> Result<Vec<CredentialRecord>, Fault> {
        let mut records = self.store().credentials()?;
        records.retain(|record| record.connector_id == self.descriptor.id);
        Ok(records)
    }

    /// Opens a saved credential's secrets.
    pub(super) fn open(&self, record: &CredentialRecord) -> Result<OpenAccount, Fault> {
        Ok(open_account(&mut self.store(), record)?)
    }

    /// A connection of an account. Nothing that is logged from now on shows its secrets.
    pub(super) fn connect(
        &self,
        account: OpenAccount,
        audit: Arc<dyn Audit>,
        dry_run: bool,
        cancel: Cancel,
    ) -> Result<Connection, Fault> {
        self.console.hide_secrets(&account.secrets);
        let config = ConnectionConfig {
            settings: Value::Object(account.values).to_string(),
            secrets: account.secrets,
            grants: self.grants.clone(),
            limits: Limits::default(),
            rate: self.rate,
            dry_run,
            network: Network::system(),
            audit,
            cancel,
        };
        Ok(Connection::open(&self.plugin, config).map_err(CliError::from)?)
    }

    /// Tries an account that need not be saved.
    pub(super) fn try_out(&self, account: OpenAccount) -> Result<Finding, Fault> {
        let audit = Arc::new(connector_engine::audit::NoAudit);
        let connection = self.connect(account, audit, false, Cancel::new())?;
        Ok(Finding::new(connection.check(), connection.scrubber()))
    }

    /// Tries a saved credential, and remembers what was found unless it was changed meanwhile.
    pub(super) fn verify(&self, record: &CredentialRecord) -> Result<Finding, Fault> {
        let finding = self.try_out(self.open(record)?)?;
        let verified = finding.verified(now_ms());
        match self.store().set_verified(&record.id, record.access_revision, verified) {
            Ok(_) | Err(StoreError::VerifiedStale { .. } | StoreError::NoSuchCredential { .. }) => {
            }
            Err(error) => return Err(error.into()),
        }
        lock(&self.findings).insert(record.id.clone(), (record.access_revision, finding.clone()));
        Ok(finding)
    }

    /// What the last check in this process found, if settings and secrets are still the same.
    pub(super) fn finding(&self, record: &CredentialRecord) -> Option<Finding> {
        let findings = lock(&self.findings);
        let (revision, finding) = findings.get(&record.id)?;
        (*revision == record.access_revision && record.verified.is_some()).then(|| finding.clone())
    }
}

/// 128 random bits, as text.
pub(super) fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
