//! The HTTPS client: one exchange at a time on the calling thread, no redirect, no retry, no proxy, no cookie.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use connector_egress::limits::Limits;
use connector_egress::rule::Rule;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::transport::{Connector as _, RustlsConnector};

use super::body::{self, BodyError};
use super::dial::{self, AddressDenied, CheckedResolver, Dialer, Lookup, SystemLookup, Watcher};
use crate::bindings::http::ErrorKind;

/// Whom to trust, and how to find addresses.
#[derive(Clone)]
pub struct Network {
    /// Certificates (DER) of the only authorities to trust; none trusts those that browsers do.
    pub roots: Option<Vec<Vec<u8>>>,
    /// Finds addresses.
    pub lookup: Arc<dyn Lookup>,
}

impl Network {
    /// The machine's resolver, and the authorities that browsers trust.
    pub fn system() -> Self {
        Network { roots: None, lookup: Arc::new(SystemLookup) }
    }
}

/// A request, rendered: from here on it holds the secret.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Option<Vec<u8>>,
}

/// An answer.
pub(crate) struct Exchange {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) wire_bytes: u64,
    pub(crate) dialled: Option<SocketAddr>,
}

/// No answer.
pub(crate) struct NoExchange {
    pub(crate) kind: ErrorKind,
    /// The rule that stopped it, where one did.
    pub(crate) rule: Option<Rule>,
    pub(crate) maybe_sent: bool,
    pub(crate) message: String,
    pub(crate) dialled: Option<SocketAddr>,
}

/// The client of one connection; its idle sockets are shared by all that use it.
pub(crate) struct Client {
    agent: Agent,
    limits: Limits,
    stopped: AtomicBool,
}

impl Client {
    /// `loopback`: host and port of the origins for which the operator granted a loopback address.
    pub(crate) fn new(
        network: &Network,
        loopback: BTreeSet<(String, u16)>,
        limits: &Limits,
    ) -> Self {
        let roots = match &network.roots {
            None => RootCerts::WebPki,
            Some(roots) => {
                let roots = roots.iter().map(|der| Certificate::from_der(der).to_owned());
                RootCerts::Specific(Arc::new(roots.collect()))
            }
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .max_response_header_size(usize::try_from(limits.header_bytes).unwrap_or(usize::MAX))
            .accept("")
            .accept_encoding(body::ACCEPT_ENCODING)
            .user_agent(concat!("data-connector-host/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(limits.connect_time))
            .timeout_recv_response(Some(limits.first_byte_time))
            .timeout_per_read(Some(limits.between_bytes_time))
            .timeout_per_write(Some(limits.between_bytes_time))
            .input_buffer_size(64 << 10)
            .build();
        let connector = Dialer::default().chain(RustlsConnector::default()).chain(Watcher);
        let resolver = CheckedResolver { lookup: network.lookup.clone(), loopback };
        Client {
            agent: Agent::with_parts(config, connector, resolver),
            limits: limits.clone(),
            stopped: AtomicBool::new(false),
        }
    }

    /// Cuts off whatever is under way, on every thread; nothing can be sent afterwards.
    pub(crate) fn shut_down(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.agent.clone().shutdown();
    }

    /// Sends a request and reads the whole answer, before `deadline`.
    pub(crate) fn exchange(
        &self,
        outgoing: Outgoing,
        deadline: Instant,
    ) -> Result<Exchange, NoExchange> {
        dial::reset_wire();
        let left = deadline.saturating_duration_since(Instant::now());
        let reads_no_body = outgoing.method == Method::HEAD;
        let response = self.send(outgoing, left.min(self.limits.request_time)).map_err(explain)?;
        let (head, body) = response.into_parts();
        self.check_headers(&head.headers)?;
        let bodiless = reads_no_body || matches!(head.status.as_u16(), 204 | 304);
        let encoding = head.headers.get(http::header::CONTENT_ENCODING).filter(|_| !bodiless);
        let encoding = encoding.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let length = body.content_length();
        let framed = length.is_some() || head.headers.contains_key(http::header::TRANSFER_ENCODING);
        // The client's own cap has to lie above ours, or its error would hide which rule it was.
        let reader = body.into_with_config().limit(u64::MAX).reader();
        let read = body::read(reader, encoding.as_deref(), length, &self.limits);
        let wire = dial::wire();
        match read {
            // Without a length only the end of the connection says that the body is whole.
            Ok(_) if !framed && (wire.cut || self.stopped.load(Ordering::SeqCst)) => {
                let message = "the connection was cut inside of the body".into();
                Err(no_exchange(ErrorKind::Closed, None, message))
            }
            Ok(read) => Ok(Exchange {
                status: head.status,
                headers: head.headers,
                body: read.bytes,
                wire_bytes: read.wire_bytes,
                dialled: wire.dialled,
            }),
            Err(error) => Err(body_error(error)),
        }
    }

    fn check_headers(&self, headers: &HeaderMap) -> Result<(), NoExchange> {
        let bytes: usize =
            headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if headers.len() as u64 > self.limits.headers || bytes as u64 > self.limits.header_bytes {
            return Err(headers_too_large());
        }
        Ok(())
    }

    fn send(
        &self,
        outgoing: Outgoing,
        time: Duration,
    ) -> Result<http::Response<ureq::Body>, ureq::Error> {
        let agent = &self.agent;
        let url = outgoing.url.as_str();
        let with_body = match outgoing.method {
            Method::POST => agent.post(url),
            Method::PUT => agent.put(url),
            Method::PATCH => agent.patch(url),
            ref method => {
                let without = match *method {
                    Method::GET => agent.get(url),
                    Method::HEAD => agent.head(url),
                    Method::OPTIONS => agent.options(url),
                    Method::DELETE => agent.delete(url),
                    _ => return Err(ureq::Error::BadUri(format!("the method {method}"))),
                };
                let mut request = without.config().timeout_global(Some(time)).build();
                for (name, value) in &outgoing.headers {
                    request = request.header(name, value);
                }
                return match outgoing.body {
                    Some(body) => request.force_send_body().send(&body[..]),
                    None => request.call(),
                };
            }
        };
        let mut request = with_body.config().timeout_global(Some(time)).build();
        for (name, value) in &outgoing.headers {
            request = request.header(name, value);
        }
        request.send(outgoing.body.as_deref().unwrap_or_default())
    }
}

fn no_exchange(kind: ErrorKind, rule: Option<Rule>, message: String) -> NoExchange {
    let wire = dial::wire();
    NoExchange { kind, rule, maybe_sent: wire.sent, message, dialled: wire.dialled }
}

/// What the client's error means. The texts name the host at most, never the request.
fn explain(error: ureq::Error) -> NoExchange {
    match error {
        ureq::Error::Io(error) => io_error(&error),
        ureq::Error::Timeout(timeout) => {
            let message = format!("the service did not answer in time ({timeout})");
            no_exchange(ErrorKind::Timeout, Some(Rule::TimeOut), message)
        }
        ureq::Error::HostNotFound => {
            no_exchange(ErrorKind::Dns, None, "the host name has no address".into())
        }
        ureq::Error::ConnectionFailed => {
            no_exchange(ErrorKind::Connect, None, "no connection came about".into())
        }
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => no_exchange(
            ErrorKind::Tls,
            None,
            format!("the service could not prove who it is: {error}"),
        ),
        ureq::Error::LargeResponseHeader(..) => headers_too_large(),
        // The client does not export the type of this error.
        ureq::Error::Protocol(error) if error.to_string().contains("too many headers") => {
            headers_too_large()
        }
        ureq::Error::BadUri(what) => {
            no_exchange(ErrorKind::InvalidRequest, None, format!("the host cannot send {what}"))
        }
        ureq::Error::Http(error) => {
            no_exchange(ErrorKind::InvalidRequest, None, format!("it is no HTTP request: {error}"))
        }
        error => {
            no_exchange(ErrorKind::Malformed, None, format!("the answer is not HTTP: {error}"))
        }
    }
}

fn headers_too_large() -> NoExchange {
    let message = "the answer has more or larger headers than the host allows";
    no_exchange(ErrorKind::TooLarge, Some(Rule::HeadersTooLarge), message.into())
}

fn io_error(error: &io::Error) -> NoExchange {
    let inner = error.get_ref();
    if let Some(denied) = inner.and_then(|inner| inner.downcast_ref::<AddressDenied>()) {
        return no_exchange(ErrorKind::Denied, Some(Rule::AddressClass), denied.to_string());
    }
    if let Some(tls) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        let message = format!("the service could not prove who it is: {tls}");
        return no_exchange(ErrorKind::Tls, None, message);
    }
    match inner.and_then(|inner| inner.downcast_ref::<ureq::Error>()) {
        Some(ureq::Error::Timeout(timeout)) => {
            let message = format!("the service did not answer in time ({timeout})");
            return no_exchange(ErrorKind::Timeout, Some(Rule::TimeOut), message);
        }
        Some(ureq::Error::Protocol(error)) => {
            let message = format!("the answer is not HTTP: {error}");
            return no_exchange(ErrorKind::Malformed, None, message);
        }
        _ => {}
    }
    let wire = dial::wire();
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => no_exchange(
            ErrorKind::Timeout,
            Some(Rule::TimeOut),
            "the service did not answer in time".into(),
        ),
        _ if wire.dialled.is_none() => {
            no_exchange(ErrorKind::Connect, None, format!("no connection came about: {error}"))
        }
        _ if !wire.sent => {
            no_exchange(ErrorKind::Connect, None, format!("the connection failed: {error}"))
        }
        _ => no_exchange(ErrorKind::Closed, None, format!("the connection was cut: {error}")),
    }
}

fn body_error(error: BodyError) -> NoExchange {
    match error {
        BodyError::Overflow(overflow) => {
            no_exchange(ErrorKind::TooLarge, Some(overflow.rule()), overflow.to_string())
        }
        BodyError::Encoding(message) => no_exchange(ErrorKind::Malformed, None, message),
        BodyError::Io(error) => io_error(&error),
    }
}
