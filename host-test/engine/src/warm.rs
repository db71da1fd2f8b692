//! Many calls on one instance, answered by the caller: what a component costs without a fresh store, policy or network.
//!
//! Use this to measure and to test a component alone. Nothing here decides what may be sent: whoever answers must not
//! be a network.

use std::sync::Arc;
use std::time::{Duration, Instant};

use connector_egress::Rule;
use connector_egress::limits::Limits;
use wasmtime::Store;

use crate::bindings::credentials::Authorization;
use crate::bindings::description::Descriptor;
use crate::bindings::generated::Connector;
use crate::bindings::http::{HttpError, Request, Response};
use crate::bindings::source::{Page, ReadRequest};
use crate::bindings::types::{Failure, Settings};
use crate::cancel::Cancel;
use crate::error::PluginError;
use crate::http::Sender;
use crate::instance::{self, CallConfig, CallState};
use crate::plugin::Plugin;

/// An instance that lives for several calls. A trap ends it: each further call fails.
pub struct Warm<'a> {
    connector: &'a Connector,
    store: &'a mut Store<CallState>,
}

/// Makes an instance whose requests `answer` answers, and hands it to `body`.
pub fn with<T>(
    plugin: &Plugin,
    answer: impl Fn(&Request) -> Result<Response, HttpError> + Send + Sync + 'static,
    body: impl FnOnce(&mut Warm<'_>) -> Result<T, PluginError>,
) -> Result<T, PluginError> {
    const LONG: Duration = Duration::from_hours(24);
    let limits = Limits {
        guest_time: LONG,
        page_time: LONG,
        requests_per_page: u64::MAX,
        fuel_per_page: u64::MAX / 2,
        ..Limits::default()
    };
    let sender: Arc<dyn Sender> = Arc::new(Answer(answer));
    let config = CallConfig { limits, sender: Some(sender), cancel: Cancel::new() };
    instance::run(plugin, "a warm instance", config, |connector, store| {
        Ok(body(&mut Warm { connector, store }))
    })?
}

impl Warm<'_> {
    /// What it is and may reach.
    pub fn describe(&mut self) -> Result<Descriptor, PluginError> {
        let call =
            self.connector.data_connector_plugin_description().call_describe(&mut self.store);
        call.map_err(|error| broken("description.describe", &error))
    }

    /// The JSON Schema of the credential's form.
    pub fn schema(&mut self) -> Result<String, PluginError> {
        let call = self.connector.data_connector_plugin_credentials().call_schema(&mut self.store);
        call.map_err(|error| broken("credentials.schema", &error))
    }

    /// Builds the authorization.
    pub fn authorize(
        &mut self,
        settings: &Settings,
    ) -> Result<Result<Authorization, Failure>, PluginError> {
        let credentials = self.connector.data_connector_plugin_credentials();
        let call = credentials.call_authorize(&mut self.store, settings);
        call.map_err(|error| broken("credentials.authorize", &error))
    }

    /// Reads a page.
    pub fn read(&mut self, request: &ReadRequest) -> Result<Result<Page, Failure>, PluginError> {
        let call =
            self.connector.data_connector_plugin_source().call_read(&mut self.store, request);
        call.map_err(|error| broken("source.read", &error))
    }
}

fn broken(call: &'static str, error: &wasmtime::Error) -> PluginError {
    PluginError::Crash { call, reason: error.root_cause().to_string() }
}

struct Answer<F>(F);

impl<F> Sender for Answer<F>
where
    F: Fn(&Request) -> Result<Response, HttpError> + Send + Sync,
{
    fn send(&self, request: &Request, _deadline: Instant) -> Result<Response, HttpError> {
        (self.0)(request)
    }
    /// Nobody reads what is refused here.
    fn refuse(&self, _request: &Request, _rule: Rule) {}
}
