//! A connection of the hostile guest to services of the tests.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use connector_egress::{AuditRecord, Grant, Limits, Secret, Secrets};
use connector_engine::audit::MemoryAudit;
use connector_engine::http::{Lookup, Network};
use connector_engine::{CallError, Cancel, Connection, ConnectionConfig, PluginError};
use serde_json::{Value, json};

use super::guest::plugin;
use super::identity::trusted_root;
use super::server::Server;

/// The origin that the guest's secret belongs to.
pub const HOME: &str = "https://api.hostile.test";
/// Another origin that it declares.
pub const OTHER: &str = "https://other.hostile.test";
/// The token, which may be seen nowhere.
pub const CANARY: &str = "cAnary/t0ken+5ecret=value";

/// How to connect.
pub struct Lab {
    /// Where declared origins are sent.
    pub grants: Vec<Grant>,
    /// The limits in force.
    pub limits: Limits,
    /// The secret of the slot `token`.
    pub secret: String,
    /// Whether everything but GET is withheld.
    pub dry_run: bool,
    /// Finds addresses.
    pub lookup: Arc<Answers>,
    /// What was written down.
    pub audit: Arc<MemoryAudit>,
    /// Stops everything.
    pub cancel: Cancel,
}

impl Lab {
    /// No origin can be reached.
    pub fn new() -> Self {
        let limits = Limits { request_time: Duration::from_secs(20), ..Limits::default() };
        Lab {
            grants: Vec::new(),
            limits,
            secret: CANARY.into(),
            dry_run: false,
            lookup: Arc::new(Answers::loopback()),
            audit: Arc::default(),
            cancel: Cancel::new(),
        }
    }

    /// [`HOME`] is this service.
    pub fn of(home: &Server) -> Self {
        Lab::new().grant(HOME, &home.https_origin())
    }

    /// Sends a declared origin elsewhere.
    pub fn grant(mut self, declared: &str, dialled: &str) -> Self {
        self.grants.push(format!("{declared}={dialled}").parse().expect("a grant"));
        self
    }

    /// Changes the limits.
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Finds these addresses for every name.
    pub fn resolving(mut self, addresses: &[SocketAddr]) -> Self {
        self.lookup = Arc::new(Answers::of(addresses));
        self
    }

    /// A connection whose guest follows this script.
    pub fn connect(&self, script: &Value) -> Connection {
        let network = Network { roots: Some(vec![trusted_root()]), lookup: self.lookup.clone() };
        self.connect_over(network, script)
    }

    /// A connection over this network.
    pub fn connect_over(&self, network: Network, script: &Value) -> Connection {
        let token = ("token".to_owned(), Secret::new(self.secret.clone()));
        let config = ConnectionConfig {
            settings: script.to_string(),
            secrets: Secrets::from_iter([token]),
            grants: self.grants.clone(),
            limits: self.limits.clone(),
            rate: None,
            dry_run: self.dry_run,
            network,
            audit: self.audit.clone(),
            cancel: self.cancel.clone(),
        };
        Connection::open(plugin(), config).expect("a connection")
    }

    /// What the guest received for these requests, in order.
    pub fn send(&self, requests: &[Value]) -> Vec<Value> {
        let report = self.connect(&json!({ "do": "send", "requests": requests })).check();
        let message = report.expect("the guest tells what it received").message;
        serde_json::from_str(&message).expect("the guest tells it as JSON")
    }

    /// What the guest received for one request.
    pub fn send_one(&self, request: Value) -> Value {
        self.send(&[request]).remove(0)
    }

    /// How a call ends in which the guest does this.
    pub fn fail(&self, script: &Value) -> PluginError {
        match self.connect(script).check() {
            Err(CallError::Plugin(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    /// The one attempt that was written down.
    pub fn record(&self) -> AuditRecord {
        let records = self.audit.records();
        assert_eq!(records.len(), 1, "{records:?}");
        records[0].clone()
    }

    /// The code of the rule that decided about the one attempt.
    pub fn rule(&self) -> &'static str {
        self.record().rule.code()
    }
}

/// A GET of a path at [`HOME`].
pub fn get(path: &str) -> Value {
    json!({ "method": "GET", "url": format!("{HOME}{path}") })
}

/// Asserts that there was no answer, of this kind and with this doubt.
pub fn assert_error(received: &Value, kind: &str, maybe_sent: bool) {
    let found = (received["error"].as_str(), received["maybe_sent"].as_bool());
    assert_eq!(found, (Some(kind), Some(maybe_sent)), "{received}");
}

/// A resolver that gives the answers of a test, and keeps the questions.
pub struct Answers {
    addresses: Option<Vec<SocketAddr>>,
    asked: Mutex<Vec<String>>,
}

impl Answers {
    fn of(addresses: &[SocketAddr]) -> Self {
        Answers { addresses: Some(addresses.to_vec()), asked: Mutex::default() }
    }

    /// Every name is this machine.
    pub fn loopback() -> Self {
        Answers { addresses: None, asked: Mutex::default() }
    }

    /// The names that were looked up, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

impl Lookup for Answers {
    fn lookup(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        self.asked.lock().expect("no panic").push(host.to_owned());
        let loopback = || vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)];
        Ok(self.addresses.clone().unwrap_or_else(loopback))
    }
}
