//! From a host name to a connection: every resolved address is checked at dial time, and the one dialled is one that
//! was checked; there is no second look-up. What happened on the wire is noted per request.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Instant;

use connector_egress::address;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, TcpConnector, Transport, time,
};

/// Finds the addresses of a host name.
pub trait Lookup: Send + Sync {
    /// All addresses of `host`, each with `port`.
    fn lookup(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;
}

/// The machine's own resolver.
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        (host, port).to_socket_addrs().map(Iterator::collect)
    }
}

/// What happened on the wire during one request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wire {
    /// The address of the connection that was used.
    pub(crate) dialled: Option<SocketAddr>,
    /// Whether a byte of the request itself was handed to the connection.
    pub(crate) sent: bool,
    /// Whether the connection ended otherwise than it should: by a reset, or without the end that TLS signs.
    pub(crate) cut: bool,
}

thread_local! {
    // A request runs on one thread from beginning to end, and the client hands no context to its connectors.
    static WIRE: RefCell<Wire> = RefCell::default();
}

/// Forgets the request before.
pub(crate) fn reset_wire() {
    WIRE.set(Wire::default());
}

/// What happened on the wire since [`reset_wire`] on this thread.
pub(crate) fn wire() -> Wire {
    WIRE.with_borrow(|wire| *wire)
}

/// An address that no plugin may reach.
#[derive(Debug, thiserror::Error)]
#[error("{host} has the address {address}, which is {class}: no plugin may reach it")]
pub(crate) struct AddressDenied {
    host: String,
    address: IpAddr,
    class: &'static str,
}

/// Resolves, and refuses a name if any of its addresses is one that no plugin may reach.
pub(crate) struct CheckedResolver {
    pub(crate) lookup: Arc<dyn Lookup>,
    /// Host and port of the origins for which the operator granted a loopback address.
    pub(crate) loopback: BTreeSet<(String, u16)>,
}

impl Resolver for CheckedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        _config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let default = if uri.scheme_str() == Some("http") { 80 } else { 443 };
        let port = uri.port_u16().unwrap_or(default);
        let granted = self.loopback.contains(&(host.to_owned(), port));
        let found = match host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => self.look_up(host, port, timeout)?,
        };
        if found.is_empty() {
            return Err(ureq::Error::HostNotFound);
        }
        let refused = found.iter().find_map(|address| {
            address::refuse(address.ip(), granted).map(|class| (address.ip(), class))
        });
        if let Some((address, class)) = refused {
            let denied = AddressDenied { host: host.to_owned(), address, class: class.as_str() };
            return Err(ureq::Error::Io(io::Error::new(io::ErrorKind::PermissionDenied, denied)));
        }
        let mut addresses = self.empty();
        // The array of the client holds so many.
        for address in found.into_iter().take(16) {
            addresses.push(address);
        }
        Ok(addresses)
    }
}

impl CheckedResolver {
    /// Looks up on a thread of its own: a resolver cannot be interrupted, so one that takes too long is left behind.
    fn look_up(
        &self,
        host: &str,
        port: u16,
        timeout: NextTimeout,
    ) -> Result<Vec<SocketAddr>, ureq::Error> {
        let (found, finding) = mpsc::sync_channel(1);
        let (lookup, host) = (self.lookup.clone(), host.to_owned());
        std::thread::spawn(move || {
            // Nobody listens any more where it took too long.
            let _ = found.send(lookup.lookup(&host, port));
        });
        match finding.recv_timeout(*timeout.after) {
            Ok(found) => found.map_err(|_| ureq::Error::HostNotFound),
            Err(RecvTimeoutError::Timeout) => Err(ureq::Error::Timeout(timeout.reason)),
            Err(RecvTimeoutError::Disconnected) => Err(ureq::Error::HostNotFound),
        }
    }
}

impl fmt::Debug for CheckedResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CheckedResolver")
    }
}

/// Dials the checked addresses in order, and remembers which one answered.
#[derive(Debug, Default)]
pub(crate) struct Dialer(TcpConnector);

type Tcp = <TcpConnector as Connector<()>>::Out;

impl Connector<()> for Dialer {
    type Out = Dialled<Tcp>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _chained: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let mut last = ureq::Error::ConnectionFailed;
        let begun = Instant::now();
        for (index, address) in details.addrs.iter().enumerate() {
            let mut one = details.resolver.empty();
            one.push(*address);
            let mut timeout = details.timeout;
            if let time::Duration::Exact(whole) = timeout.after {
                let left = whole.saturating_sub(begun.elapsed());
                // Half of what is left for each but the last: the time-out is that of all addresses together.
                let share = if index + 1 < details.addrs.len() { left / 2 } else { left };
                timeout.after = share.into();
            }
            let details = ConnectionDetails {
                uri: details.uri,
                addrs: one,
                config: details.config,
                request_level: details.request_level,
                resolver: details.resolver,
                now: details.now,
                timeout,
                current_time: details.current_time.clone(),
                run_connector: details.run_connector.clone(),
                register_shutdown: details.register_shutdown.clone(),
            };
            match self.0.connect(&details, None) {
                Ok(Some(transport)) => {
                    return Ok(Some(Dialled { transport, address: *address }));
                }
                Ok(None) => {}
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// A connection that knows where it goes.
#[derive(Debug)]
pub(crate) struct Dialled<T> {
    transport: T,
    address: SocketAddr,
}

impl<T: Transport> Transport for Dialled<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.transport.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        WIRE.with_borrow_mut(|wire| wire.dialled = Some(self.address));
        self.transport.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.transport.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.transport.is_open()
    }

    fn is_tls(&self) -> bool {
        self.transport.is_tls()
    }
}

/// Stands behind TLS, so that what passes here is the request and no handshake.
#[derive(Debug, Default)]
pub(crate) struct Watcher;

impl<T: Transport> Connector<T> for Watcher {
    type Out = Watched<T>;

    fn connect(
        &self,
        _details: &ConnectionDetails<'_>,
        chained: Option<T>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        Ok(chained.map(Watched))
    }
}

/// A connection that notes that a request went out, and that it was cut: the client takes some cuts for an end.
#[derive(Debug)]
pub(crate) struct Watched<T>(T);

impl<T: Transport> Transport for Watched<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.0.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        WIRE.with_borrow_mut(|wire| wire.sent |= amount > 0);
        self.0.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let result = self.0.await_input(timeout);
        if let Err(ureq::Error::Io(_)) = &result {
            WIRE.with_borrow_mut(|wire| wire.cut = true);
        }
        result
    }

    fn is_open(&mut self) -> bool {
        self.0.is_open()
    }

    fn is_tls(&self) -> bool {
        self.0.is_tls()
    }
}
