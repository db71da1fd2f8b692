//! A plugin with a credential: the calls that may use the network, under one policy, one pace and one budget.
//!
//! A connection can be used from several threads at once; each call gets an instance of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use connector_egress::limits::Limits;
use connector_egress::{
    Budget, Grant, Method, OriginPattern, Policy, Rule, Scrubber, SecretSlot, Secrets, template,
};
use serde_json::Value;

use crate::audit::Audit;
use crate::bindings::credentials::CheckReport;
use crate::bindings::description::Descriptor;
use crate::bindings::destination::{Batch, Outcome, Target, WriteReport};
use crate::bindings::http::{Body, HttpError, Request, Response};
use crate::bindings::source::{Page, ReadRequest, StreamInfo};
use crate::bindings::types::Settings;
use crate::calls::flatten;
use crate::cancel::Cancel;
use crate::error::{CallError, PluginError};
use crate::http::{Ahead, Channel, ChannelConfig, Network, Sender};
use crate::pacer::Pacer;
use crate::plugin::Plugin;

/// What a connection is made of.
pub struct ConnectionConfig {
    /// JSON object of the settings that are not secret.
    pub settings: String,
    /// The secrets, by slot.
    pub secrets: Secrets,
    /// Where the operator sends declared origins.
    pub grants: Vec<Grant>,
    /// The limits in force.
    pub limits: Limits,
    /// Most requests per second.
    pub rate: Option<f64>,
    /// Whether everything but GET is withheld.
    pub dry_run: bool,
    /// Whom to trust, and how to find addresses.
    pub network: Network,
    /// Where the audit goes.
    pub audit: Arc<dyn Audit>,
    /// Stops everything.
    pub cancel: Cancel,
}

/// A plugin with a credential.
pub struct Connection {
    plugin: Plugin,
    descriptor: Descriptor,
    settings: Settings,
    channel: Arc<Channel>,
    limits: Limits,
    cancel: Cancel,
}

impl Connection {
    /// Makes the policy out of what the plugin declares and the operator grants. Sends nothing.
    pub fn open(plugin: &Plugin, config: ConnectionConfig) -> Result<Self, PluginError> {
        let descriptor = plugin.describe()?;
        let policy = policy(&descriptor, &config)?;
        let settings = Settings {
            values: config.settings,
            secrets: config.secrets.names().into_iter().collect(),
        };
        let channel = Arc::new(Channel::new(ChannelConfig {
            policy,
            secrets: config.secrets,
            network: &config.network,
            pacer: Arc::new(Pacer::new(config.rate)),
            audit: config.audit,
            cancel: config.cancel.clone(),
        }));
        Ok(Connection {
            plugin: plugin.clone(),
            descriptor,
            settings,
            channel,
            limits: config.limits,
            cancel: config.cancel,
        })
    }

    /// The plugin.
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// What the plugin is and may reach.
    pub fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    /// The settings as the plugin sees them.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        self.channel.policy()
    }

    /// Takes the secrets out of whatever leaves the host.
    pub fn scrubber(&self) -> &Scrubber {
        self.channel.scrubber()
    }

    /// The pace of the credential.
    pub fn pacer(&self) -> &Pacer {
        self.channel.pacer()
    }

    /// What the connection has used so far.
    pub fn budget(&self) -> &Budget {
        self.channel.budget()
    }

    /// The limits in force.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The switch that stops everything.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Turns the switch, and cuts off the requests that are under way.
    pub fn stop(&self) {
        self.cancel.cancel();
        self.channel.shut_down();
    }

    /// Tries the credential.
    pub fn check(&self) -> Result<CheckReport, CallError> {
        let result = self.call("credentials.check", self.channel.clone(), |connector, store| {
            connector.data_connector_plugin_credentials().call_check(store, &self.settings)
        });
        flatten(result)
    }

    /// The streams of this account.
    pub fn streams(&self) -> Result<Vec<StreamInfo>, CallError> {
        let result = self.call("source.streams", self.channel.clone(), |connector, store| {
            connector.data_connector_plugin_source().call_streams(store, &self.settings)
        });
        flatten(result)
    }

    /// The targets of this account.
    pub fn targets(&self) -> Result<Vec<Target>, CallError> {
        let result = self.call("destination.targets", self.channel.clone(), |connector, store| {
            connector.data_connector_plugin_destination().call_targets(store, &self.settings)
        });
        flatten(result)
    }

    /// Sends of one stream: counted, and answered from early answers where `ahead` allows any.
    pub(crate) fn stream_sender(&self, ahead: usize) -> StreamSender {
        let counted = Arc::new(Counted::new(self.channel.clone()));
        let early = (ahead > 0)
            .then(|| Arc::new(Ahead::new(counted.clone(), ahead, self.limits.request_time)));
        StreamSender { counted, early }
    }

    /// Reads a page.
    pub(crate) fn read(
        &self,
        request: &ReadRequest,
        sender: &StreamSender,
    ) -> Result<Page, CallError> {
        const CALL: &str = "source.read";
        let result = self.call(CALL, sender.sender(), |connector, store| {
            connector.data_connector_plugin_source().call_read(store, request)
        });
        let page = flatten(result)?;
        match page_fault(&page, &self.limits) {
            Some(reason) => Err(PluginError::Broken { call: CALL, reason }.into()),
            None => Ok(page),
        }
    }

    /// Writes a batch.
    pub fn write(&self, batch: &Batch) -> Result<WriteReport, PluginError> {
        const CALL: &str = "destination.write";
        let report = self.call(CALL, self.channel.clone(), |connector, store| {
            connector.data_connector_plugin_destination().call_write(store, batch)
        })?;
        checked_report(CALL, batch, report)
    }

    /// Finds out what became of a batch.
    pub fn settle(&self, batch: &Batch) -> Result<WriteReport, PluginError> {
        const CALL: &str = "destination.settle";
        let report = self.call(CALL, self.channel.clone(), |connector, store| {
            connector.data_connector_plugin_destination().call_settle(store, batch)
        })?;
        checked_report(CALL, batch, report)
    }

    fn call<T>(
        &self,
        call: &'static str,
        sender: Arc<dyn Sender>,
        body: impl FnOnce(
            &crate::bindings::generated::Connector,
            &mut wasmtime::Store<crate::instance::CallState>,
        ) -> wasmtime::Result<T>,
    ) -> Result<T, PluginError> {
        self.plugin.networked(call, &self.limits, sender, &self.cancel, body)
    }
}

/// The sending side of one stream.
pub(crate) struct StreamSender {
    pub(crate) counted: Arc<Counted>,
    pub(crate) early: Option<Arc<Ahead>>,
}

impl StreamSender {
    fn sender(&self) -> Arc<dyn Sender> {
        match &self.early {
            Some(early) => early.clone(),
            None => self.counted.clone(),
        }
    }
}

/// Counts what one stream sends and receives.
pub(crate) struct Counted {
    channel: Arc<Channel>,
    requests: AtomicU64,
    bytes: AtomicU64,
}

impl Counted {
    fn new(channel: Arc<Channel>) -> Self {
        Counted { channel, requests: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Bytes of the answers' bodies, decompressed.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Sender for Counted {
    fn send(&self, request: &Request, deadline: Instant) -> Result<Response, HttpError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let result = self.channel.send(request, deadline);
        if let Ok(response) = &result {
            let length = match &response.body {
                Body::Text(text) => text.len(),
                Body::Bytes(bytes) => bytes.len(),
            };
            self.bytes.fetch_add(length as u64, Ordering::Relaxed);
        }
        result
    }

    fn refuse(&self, request: &Request, rule: Rule) {
        self.channel.refuse(request, rule);
    }
}

fn policy(descriptor: &Descriptor, config: &ConnectionConfig) -> Result<Policy, PluginError> {
    let broken = |what: &str, error: &dyn std::fmt::Display| PluginError::Broken {
        call: "description.describe",
        reason: format!("{what}: {error}"),
    };
    let settings: Value = serde_json::from_str(&config.settings).unwrap_or(Value::Null);
    let resolve = |declared: &String| {
        template::resolve(declared, &settings).map_err(|error| broken("an origin", &error))
    };
    let origins = descriptor.origins.iter().map(resolve).collect::<Result<Vec<_>, _>>()?;
    let methods = descriptor
        .methods
        .iter()
        .map(|method| method.parse::<Method>().map_err(|error| broken("a method", &error)))
        .collect::<Result<_, _>>()?;
    let slots = descriptor
        .secrets
        .iter()
        .map(|slot| {
            let origins: Vec<OriginPattern> =
                slot.origins.iter().map(resolve).collect::<Result<_, _>>()?;
            SecretSlot::new(&slot.name, &slot.headers, slot.query.iter().cloned(), origins)
                .map_err(|error| broken("a secret's header", &error))
        })
        .collect::<Result<_, _>>()?;
    Ok(Policy {
        origins,
        methods,
        slots,
        set: config.secrets.names(),
        grants: config.grants.clone(),
        limits: config.limits.clone(),
        dry_run: config.dry_run,
    })
}

/// How a page breaks the contract, if it does.
fn page_fault(page: &Page, limits: &Limits) -> Option<String> {
    const STATE_BYTES: usize = 16 << 10;
    let counts = &page.counts;
    let parts = [counts.emitted, counts.duplicates, counts.filtered, counts.quarantined];
    let sum: u64 = parts.iter().map(|count| u64::from(*count)).sum();
    if page.records.len() as u64 > limits.records_per_page {
        return Some(format!("a page of {} records", page.records.len()));
    }
    if u64::from(counts.received) != sum {
        return Some(format!("{} rows received, but {sum} accounted for", counts.received));
    }
    if counts.emitted as usize != page.records.len() {
        return Some(format!(
            "{} records counted, {} handed over",
            counts.emitted,
            page.records.len()
        ));
    }
    if counts.quarantined as usize != page.quarantined.len() {
        return Some("the rows set aside are miscounted".into());
    }
    if page.state.len() > STATE_BYTES || !is_object(&page.state) {
        return Some("a state that is no JSON object of at most 16 KiB".into());
    }
    let objects = page.records.iter().chain(&page.deleted);
    let bad = objects.into_iter().find(|record| !looks_like_object(record));
    bad.map(|_| "a record that is no JSON object".into())
}

/// Whether a record can stand on a line of its own. The whole text is not parsed: a page is most of the work.
fn looks_like_object(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first() == Some(&b'{')
        && bytes.last() == Some(&b'}')
        && memchr::memchr2(b'\n', b'\r', bytes).is_none()
}

fn is_object(text: &str) -> bool {
    looks_like_object(text) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

fn checked_report(
    call: &'static str,
    batch: &Batch,
    report: WriteReport,
) -> Result<WriteReport, PluginError> {
    let count = batch.records.len();
    if report.outcomes.len() != count {
        let reason = format!("{} outcomes for {count} records", report.outcomes.len());
        return Err(PluginError::Broken { call, reason });
    }
    let lost = report.outcomes.iter().enumerate().any(|(index, outcome)| match outcome {
        Outcome::Superseded(by) => *by as usize <= index || *by as usize >= count,
        _ => false,
    });
    if lost {
        let reason = "a record superseded by none that comes after it".into();
        return Err(PluginError::Broken { call, reason });
    }
    Ok(report)
}
