//! A plugin with a platform's configuration: what both protocols begin with.

use std::collections::BTreeSet;
use std::sync::Arc;

use connector_egress::{Limits, Secret, Secrets};
use connector_engine::audit::{Audit, NoAudit};
use connector_engine::bindings::description::Descriptor;
use connector_engine::bindings::destination::Target;
use connector_engine::bindings::source::StreamInfo;
use connector_engine::bindings::types::Problem;
use connector_engine::http::Network;
use connector_engine::state::Owner;
use connector_engine::{Connection, ConnectionConfig, Plugin};
use serde_json::{Map, Value};

use super::config::FlatConfig;
use super::objects::Object;
use super::options::{Options, Source};
use crate::context::{Account, Context, account_problems, unsaved_id};
use crate::error::{CliError, Exit};
use crate::form::Form;

/// A plugin and what it says of itself.
pub struct Described {
    /// The plugin.
    pub plugin: Plugin,
    /// What it is and may reach.
    pub descriptor: Descriptor,
    /// The credential's form.
    pub form: Form,
    /// The credential's form, as JSON Schema.
    pub schema: Value,
}

/// A plugin with a configuration.
pub struct Session {
    /// The calls that may use the network.
    pub connection: Connection,
    /// To whom states belong: they do not survive another secret, which may be that of another account.
    pub credential: String,
    /// What the configuration holds besides the credential.
    pub rest: Map<String, Value>,
}

impl Described {
    /// Loads the plugin.
    pub fn load(context: &Context) -> Result<Self, CliError> {
        let plugin = context.plugin()?;
        let descriptor = plugin.describe()?;
        let schema = plugin.schema()?;
        let form = Form::parse(&schema)
            .map_err(|error| CliError::new(Exit::Plugin, "form", error.to_string()))?;
        // The form parsed it, so it is JSON.
        let schema = serde_json::from_str(&schema).unwrap_or_default();
        Ok(Described { plugin, descriptor, form, schema })
    }

    /// Opens a connection for a configuration whose credential has the right form.
    pub fn open(
        &self,
        context: &Context,
        config: Map<String, Value>,
        watch: Option<Arc<dyn Audit>>,
    ) -> Result<Session, CliError> {
        let FlatConfig { settings, secrets, rest } =
            FlatConfig::split(config, &self.descriptor, &self.form);
        context.console.hide_secrets(&secrets);
        let credential = unsaved_id(&secrets);
        let account = Account { id: credential.clone(), values: settings, secrets };
        let problems = account_problems(&self.plugin, &self.form, &account)?;
        if !problems.is_empty() {
            return Err(CliError::problems("the configuration is not right", &problems));
        }
        let connection = context.connect_watched(&self.plugin, account, watch, false)?;
        Ok(Session { connection, credential, rest })
    }

    /// The streams and targets that the plugin names for any account; none of a plugin that has to ask the service.
    /// Every secret is a word that is none, and nothing is sent.
    pub fn without_credential(&self, context: &Context) -> (Vec<StreamInfo>, Vec<Target>) {
        let mut secrets = Secrets::default();
        for slot in &self.descriptor.secrets {
            secrets.insert(&slot.name, Secret::new("none".into()));
        }
        let limits = Limits { requests_per_page: 0, requests_per_run: 0, ..Limits::default() };
        let config = ConnectionConfig {
            settings: "{}".into(),
            secrets,
            grants: Vec::new(),
            limits,
            rate: None,
            dry_run: true,
            network: Network::system(),
            audit: Arc::new(NoAudit),
            cancel: context.cancel.clone(),
        };
        let Ok(connection) = Connection::open(&self.plugin, config) else {
            return (Vec::new(), Vec::new());
        };
        let streams = if self.descriptor.reads { connection.streams() } else { Ok(Vec::new()) };
        let targets = if self.descriptor.writes { connection.targets() } else { Ok(Vec::new()) };
        (streams.unwrap_or_default(), targets.unwrap_or_default())
    }

    /// Places for the options of streams.
    pub fn stream_options(&self, streams: &[StreamInfo]) -> Result<Options, CliError> {
        let source = |stream: &StreamInfo| Source {
            owner: stream.name.clone(),
            title: stream.title.clone(),
            schema: stream.options.clone(),
            by_default: stream.selected,
        };
        Options::place(streams.iter().map(source).collect(), &self.names())
    }

    /// Places for the options of operations.
    pub fn object_options(&self, objects: &[Object]) -> Result<Options, CliError> {
        let source = |object: &Object| Source {
            owner: object.name.clone(),
            title: format!("{}: {}", object.title, object.operation.title),
            schema: object.operation.options.clone(),
            by_default: object.first,
        };
        Options::place(objects.iter().map(source).collect(), &self.names())
    }

    fn names(&self) -> BTreeSet<String> {
        self.form.fields.iter().map(|field| field.name.clone()).collect()
    }
}

impl Session {
    /// Whose a state of a stream is.
    pub fn owner(&self, stream: &str, options: &Map<String, Value>) -> Owner {
        let options = Value::Object(options.clone());
        Owner::new(self.connection.descriptor(), stream, &options, &self.credential, None)
    }

    /// All that is wrong with the options of a stream.
    pub fn stream_problems(
        &self,
        forms: &Options,
        stream: &str,
        options: &Map<String, Value>,
    ) -> Result<Vec<Problem>, CliError> {
        let problems = forms.check(stream, options);
        if !problems.is_empty() {
            return Ok(problems);
        }
        let text = Value::Object(options.clone()).to_string();
        let plugin = self.connection.plugin();
        Ok(plugin.validate_stream(self.connection.settings(), stream, &text)?)
    }

    /// The options of a stream, checked.
    pub fn stream_options(
        &self,
        forms: &Options,
        stream: &str,
    ) -> Result<Map<String, Value>, CliError> {
        let options = forms.of(stream, &self.rest);
        let problems = self.stream_problems(forms, stream, &options)?;
        if problems.is_empty() {
            return Ok(options);
        }
        Err(CliError::problems(&format!("the options of {stream} are not right"), &problems))
    }

    /// The options of an object, checked.
    pub fn object_options(
        &self,
        forms: &Options,
        object: &Object,
    ) -> Result<Map<String, Value>, CliError> {
        let options = forms.of(&object.name, &self.rest);
        let mut problems = forms.check(&object.name, &options);
        if problems.is_empty() {
            let text = Value::Object(options.clone()).to_string();
            let plugin = self.connection.plugin();
            let operation = &object.operation.name;
            let settings = self.connection.settings();
            problems = plugin.validate_operation(settings, &object.target, operation, &text)?;
        }
        if problems.is_empty() {
            return Ok(options);
        }
        Err(CliError::problems(&format!("the options of {} are not right", object.name), &problems))
    }
}
