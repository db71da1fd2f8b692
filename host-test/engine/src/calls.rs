//! The calls that need no network: what a plugin says of itself, and of settings and options.

use std::sync::Arc;

use connector_egress::limits::Limits;

use crate::bindings::credentials::Authorization;
use crate::bindings::description::Descriptor;
use crate::bindings::types::{Failure, Problem, Settings};
use crate::cancel::Cancel;
use crate::error::{CallError, PluginError};
use crate::http::Sender;
use crate::instance::{self, CallConfig, CallState};
use crate::plugin::Plugin;

impl Plugin {
    /// What it is and may reach.
    pub fn describe(&self) -> Result<Descriptor, PluginError> {
        self.pure("description.describe", |connector, store| {
            connector.data_connector_plugin_description().call_describe(store)
        })
    }

    /// The JSON Schema of the credential's form.
    pub fn schema(&self) -> Result<String, PluginError> {
        self.pure("credentials.schema", |connector, store| {
            connector.data_connector_plugin_credentials().call_schema(store)
        })
    }

    /// All faults of the settings that the schema cannot tell.
    pub fn validate(&self, settings: &Settings) -> Result<Vec<Problem>, PluginError> {
        self.pure("credentials.validate", |connector, store| {
            connector.data_connector_plugin_credentials().call_validate(store, settings)
        })
    }

    /// Builds the authorization.
    pub fn authorize(&self, settings: &Settings) -> Result<Authorization, CallError> {
        flatten(self.pure("credentials.authorize", |connector, store| {
            connector.data_connector_plugin_credentials().call_authorize(store, settings)
        }))
    }

    /// All faults of a stream's options that their schema cannot tell.
    pub fn validate_stream(
        &self,
        settings: &Settings,
        stream: &str,
        options: &str,
    ) -> Result<Vec<Problem>, PluginError> {
        self.pure("source.validate", |connector, store| {
            let source = connector.data_connector_plugin_source();
            source.call_validate(store, settings, stream, options)
        })
    }

    /// All faults of an operation's options that their schema cannot tell.
    pub fn validate_operation(
        &self,
        settings: &Settings,
        target: &str,
        operation: &str,
        options: &str,
    ) -> Result<Vec<Problem>, PluginError> {
        self.pure("destination.validate", |connector, store| {
            let destination = connector.data_connector_plugin_destination();
            destination.call_validate(store, settings, target, operation, options)
        })
    }

    fn pure<T>(
        &self,
        call: &'static str,
        body: impl FnOnce(
            &crate::bindings::generated::Connector,
            &mut wasmtime::Store<CallState>,
        ) -> wasmtime::Result<T>,
    ) -> Result<T, PluginError> {
        let config = CallConfig { limits: Limits::default(), sender: None, cancel: Cancel::new() };
        instance::run(self, call, config, body)
    }

    /// Runs a call that may use the network.
    pub(crate) fn networked<T>(
        &self,
        call: &'static str,
        limits: &Limits,
        sender: Arc<dyn Sender>,
        cancel: &Cancel,
        body: impl FnOnce(
            &crate::bindings::generated::Connector,
            &mut wasmtime::Store<CallState>,
        ) -> wasmtime::Result<T>,
    ) -> Result<T, PluginError> {
        let config =
            CallConfig { limits: limits.clone(), sender: Some(sender), cancel: cancel.clone() };
        instance::run(self, call, config, body)
    }
}

pub(crate) fn flatten<T>(result: Result<Result<T, Failure>, PluginError>) -> Result<T, CallError> {
    match result {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(failure)) => Err(failure.into()),
        Err(error) => Err(error.into()),
    }
}
