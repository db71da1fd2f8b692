//! From arguments to a plugin and a connection.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use connector_egress::{AuditRecord, Grant, Limits, Secret, Secrets};
use connector_engine::audit::{Audit, NoAudit};
use connector_engine::bindings::description::Descriptor;
use connector_engine::bindings::source::StreamInfo;
use connector_engine::bindings::types::{Problem, Settings};
use connector_engine::http::{Network, WithheldRequest};
use connector_engine::{
    Artifact, Cancel, Connection, ConnectionConfig, Plugin, Runtime, RuntimeConfig,
};
use serde_json::{Map, Value};

use crate::cli::Globals;
use crate::console::Console;
use crate::error::{CliError, Exit};
use crate::form::Form;
use crate::saved::{ensure_connector, open_account, open_store};
use crate::signals::Signals;

/// What every command works with.
pub struct Context {
    /// The arguments of every command.
    pub globals: Globals,
    /// Where to print.
    pub console: Console,
    /// Turned by a signal.
    pub cancel: Cancel,
    signals: Signals,
}

/// A credential, opened for use.
pub struct Account {
    /// What a state belongs to: it survives a rename and a replaced secret of a saved credential.
    pub id: String,
    /// The settings that are not secret.
    pub values: Map<String, Value>,
    /// The secrets.
    pub secrets: Secrets,
}

impl Context {
    /// Installs the signal handlers.
    pub fn new(globals: Globals, console: Console) -> Result<Self, CliError> {
        let cancel = Cancel::new();
        let signals = Signals::install(&cancel).map_err(|error| {
            CliError::new(Exit::Other, "signals", format!("cannot watch for signals: {error}"))
        })?;
        Ok(Context { globals, console, cancel, signals })
    }

    /// How the command ends if a signal stopped it.
    pub(crate) fn signal_exit(&self) -> Option<Exit> {
        self.signals.exit()
    }

    /// Loads the plugin.
    pub fn plugin(&self) -> Result<Plugin, CliError> {
        let path = self.globals.plugin.clone().unwrap_or_else(|| crate::COMPONENT.into());
        let artifact = Artifact::read(&path, self.globals.plugin_sha256.as_deref())?;
        let cache = if self.globals.no_cache { None } else { compile_cache() };
        let load = |pooling| {
            let config = RuntimeConfig { cache: cache.clone(), fuel: false, pooling };
            Runtime::new(&config).and_then(|runtime| Plugin::load(&runtime, artifact.clone()))
        };
        // A system may have no address space for a pool, and a plugin more tables than one has room for.
        Ok(load(true).or_else(|_| load(false))?)
    }

    /// The settings and secrets that the arguments and the environment name, checked against the plugin's form.
    pub fn account(&self, plugin: &Plugin) -> Result<Account, CliError> {
        let descriptor = plugin.describe()?;
        let form = self.form(plugin)?;
        let values = self.values(&form)?;
        if let Some(name) = &self.globals.credential {
            let mut store = open_store(&self.globals)?;
            let record = store.credential(name)?;
            ensure_connector(&record, &descriptor)?;
            let mut account = open_account(&mut store, &record)?;
            account.values.extend(values);
            check_account(plugin, &form, &account)?;
            self.console.hide_secrets(&account.secrets);
            return Ok(account);
        }
        let secrets = secrets_of_environment(&descriptor, &form);
        let account = Account { id: unsaved_id(&secrets), values, secrets };
        // No message about a secret quotes it; and one that is refused may be of any length.
        check_account(plugin, &form, &account)?;
        self.console.hide_secrets(&account.secrets);
        Ok(account)
    }

    /// The form of the plugin's credential.
    pub fn form(&self, plugin: &Plugin) -> Result<Form, CliError> {
        Form::parse(&plugin.schema()?)
            .map_err(|error| CliError::new(Exit::Plugin, "form", error.to_string()))
    }

    /// Opens a connection for an account.
    pub fn connect(
        &self,
        plugin: &Plugin,
        account: Account,
        dry_run: Option<Arc<dyn Audit>>,
    ) -> Result<Connection, CliError> {
        self.console.hide_secrets(&account.secrets);
        let withheld = dry_run.is_some();
        self.connect_watched(plugin, account, dry_run, withheld)
    }

    /// Opens a connection for an account; `watch` is told of each attempt to send a request.
    pub(crate) fn connect_watched(
        &self,
        plugin: &Plugin,
        account: Account,
        watch: Option<Arc<dyn Audit>>,
        dry_run: bool,
    ) -> Result<Connection, CliError> {
        let audit: Arc<dyn Audit> = match (&self.globals.audit, watch) {
            (Some(path), inner) => Arc::new(FileAudit::open(path, inner)?),
            (None, Some(inner)) => inner,
            (None, None) => Arc::new(NoAudit),
        };
        Ok(Connection::open(
            plugin,
            ConnectionConfig {
                settings: Value::Object(account.values).to_string(),
                secrets: account.secrets,
                grants: self.globals.origins.clone(),
                limits: Limits::default(),
                rate: self.globals.rate,
                dry_run,
                network: Network::system(),
                audit,
                cancel: self.cancel.clone(),
            },
        )?)
    }

    /// The settings that the arguments name.
    pub fn values(&self, form: &Form) -> Result<Map<String, Value>, CliError> {
        let mut values = match &self.globals.settings {
            None => Map::new(),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| CliError::file(path, "read the settings", &error))?;
                settings_object(path, &text)?
            }
        };
        for (name, value) in &self.globals.set {
            values.insert(name.clone(), form.value(name, value));
        }
        Ok(values)
    }
}

/// Refuses an account whose settings or secrets are wrong, with all that is wrong.
pub fn check_account(plugin: &Plugin, form: &Form, account: &Account) -> Result<(), CliError> {
    let problems = account_problems(plugin, form, account)?;
    if problems.is_empty() {
        return Ok(());
    }
    let error = CliError::problems("the credential is not right", &problems);
    let missing = problems.iter().any(|problem| problem.code == "required");
    Err(if missing {
        error.remedy("Name a saved credential by --credential, or set the secret in CONNECTOR_<SLOT>, such as CONNECTOR_API_KEY.")
    } else {
        error
    })
}

/// All that is wrong with an account: what the schema tells, then what only the plugin can.
pub fn account_problems(
    plugin: &Plugin,
    form: &Form,
    account: &Account,
) -> Result<Vec<Problem>, CliError> {
    let mut problems = form.check(&account.values, &account.secrets);
    let settings = Settings {
        values: Value::Object(account.values.clone()).to_string(),
        secrets: account.secrets.names().into_iter().collect(),
    };
    for problem in plugin.validate(&settings)? {
        if !problems.iter().any(|known| known.field == problem.field) {
            problems.push(problem);
        }
    }
    Ok(problems)
}

/// The secrets of `CONNECTOR_<SLOT>`, trimmed where the form says so.
fn secrets_of_environment(descriptor: &Descriptor, form: &Form) -> Secrets {
    let mut secrets = Secrets::default();
    for slot in &descriptor.secrets {
        let Ok(value) = std::env::var(secret_variable(&slot.name)) else { continue };
        secrets.insert(&slot.name, trimmed(form, &slot.name, value));
    }
    secrets
}

/// The variable that holds the secret of a slot.
pub fn secret_variable(slot: &str) -> String {
    format!("CONNECTOR_{}", slot.to_ascii_uppercase().replace('-', "_"))
}

/// A secret as it is used: without the white space around it, where the form says so.
pub fn trimmed(form: &Form, slot: &str, value: String) -> Secret {
    let trim = form.field(slot).is_some_and(|field| field.trim);
    Secret::new(if trim { value.trim().to_owned() } else { value })
}

/// Without a saved credential, a state belongs to the secrets in use.
pub(crate) fn unsaved_id(secrets: &Secrets) -> String {
    let prints: Vec<_> =
        secrets.iter().map(|(slot, secret)| format!("{slot}={}", secret.fingerprint())).collect();
    format!("unsaved:{}", prints.join(","))
}

fn settings_object(path: &Path, text: &str) -> Result<Map<String, Value>, CliError> {
    let wrong = |what: String| {
        let message = format!("the settings in {} are not right: {what}", path.display());
        CliError::new(Exit::Settings, "settings", message)
            .remedy("Write a JSON object of the fields that are not secret.")
    };
    match serde_json::from_str(text) {
        Ok(Value::Object(values)) => Ok(values),
        Ok(_) => Err(wrong("they are no JSON object".into())),
        Err(error) => Err(wrong(format!("they are not JSON, {error}"))),
    }
}

/// The folder of compiled code, in the platform's cache folder.
fn compile_cache() -> Option<PathBuf> {
    use etcetera::BaseStrategy as _;
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.cache_dir().join("data-connector").join("compiled"))
}

/// The stream of this name.
pub fn find_stream<'a>(streams: &'a [StreamInfo], name: &str) -> Result<&'a StreamInfo, CliError> {
    streams.iter().find(|stream| stream.name == name).ok_or_else(|| {
        let known: Vec<_> = streams.iter().map(|stream| stream.name.as_str()).collect();
        CliError::usage(format!("there is no stream `{name}`"))
            .remedy(format!("Choose from: {}.", known.join(", ")))
    })
}

/// Options for a stream or an operation: those of the arguments, as its form types them.
pub fn options(form: &Form, given: &[(String, String)]) -> Map<String, Value> {
    given.iter().map(|(name, value)| (name.clone(), form.value(name, value))).collect()
}

/// Parses `https://HOST=http://127.0.0.1:PORT`.
pub fn grant(from: &str, to: &str) -> Result<Grant, CliError> {
    format!("{from}={to}")
        .parse()
        .map_err(|error| CliError::usage(format!("--origin {from}={to}: {error}")))
}

/// Appends one JSON line per attempt to a file.
struct FileAudit {
    file: Mutex<File>,
    inner: Option<Arc<dyn Audit>>,
}

impl FileAudit {
    fn open(path: &Path, inner: Option<Arc<dyn Audit>>) -> Result<Self, CliError> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|error| CliError::file(path, "write the audit", &error))?;
        Ok(FileAudit { file: Mutex::new(file), inner })
    }
}

impl Audit for FileAudit {
    fn record(&self, record: AuditRecord) {
        let line = serde_json::to_string(&record).unwrap_or_default();
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = writeln!(file, "{line}") {
            tracing::error!(%error, "cannot write the audit");
        }
        if let Some(inner) = &self.inner {
            inner.record(record);
        }
    }

    fn withheld(&self, request: WithheldRequest) {
        if let Some(inner) = &self.inner {
            inner.withheld(request);
        }
    }
}
