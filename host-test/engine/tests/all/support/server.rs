//! A service on loopback that writes exactly the bytes that a test wants, over TLS or without, and counts what it gets.

use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Method, target and version.
    pub line: String,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Seen {
    /// All values of a header.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let values = self.headers.iter().filter(|(found, _)| found == name);
        values.map(|(_, value)| value.as_str()).collect()
    }

    /// Path and query.
    pub fn target(&self) -> &str {
        self.line.split(' ').nth(1).expect("a request line has a target")
    }
}

/// What happens to the connection after an answer.
pub enum After {
    /// It takes another request.
    KeepOpen,
    /// It is closed as TLS wants it.
    Close,
    /// It is dropped.
    Cut,
}

/// The answering side of a connection.
pub trait Wire: Read + Write {}

impl<T: Read + Write> Wire for T {}

type Answer = dyn Fn(&Seen, &mut dyn Wire) -> io::Result<After> + Send + Sync;

/// A service.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    connections: AtomicUsize,
    requests: Mutex<Vec<Seen>>,
    stopped: AtomicBool,
}

impl Server {
    /// A service over TLS that proves to be `localhost`.
    pub fn https(
        answer: impl Fn(&Seen, &mut dyn Wire) -> io::Result<After> + Send + Sync + 'static,
    ) -> Self {
        Server::with_tls(super::identity::localhost(), answer)
    }

    /// A service over TLS.
    pub fn with_tls(
        config: Arc<ServerConfig>,
        answer: impl Fn(&Seen, &mut dyn Wire) -> io::Result<After> + Send + Sync + 'static,
    ) -> Self {
        let answer: Box<Answer> = Box::new(answer);
        Server::tcp(move |stream, shared| {
            let tls = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
            let mut stream = StreamOwned::new(tls, stream);
            if let After::Close = serve(&mut stream, shared, &answer)? {
                stream.conn.send_close_notify();
                stream.flush()?;
            }
            Ok(())
        })
    }

    /// A service without TLS.
    pub fn http(
        answer: impl Fn(&Seen, &mut dyn Wire) -> io::Result<After> + Send + Sync + 'static,
    ) -> Self {
        let answer: Box<Answer> = Box::new(answer);
        Server::tcp(move |mut stream, shared| serve(&mut stream, shared, &answer).map(drop))
    }

    /// A service that answers each request with the same bytes, over TLS.
    pub fn answering(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Server::https(move |_, wire| wire.write_all(&bytes).map(|()| After::KeepOpen))
    }

    /// A service that does this to each connection, which is closed afterwards.
    pub fn raw(connection: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Server::tcp(move |stream, _| connection(stream))
    }

    fn tcp(
        connection: impl Fn(TcpStream, &Shared) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared::default());
        let (accepting, connection) = (shared.clone(), Arc::new(connection));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.stopped.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { break };
                accepting.connections.fetch_add(1, Ordering::SeqCst);
                let (shared, connection) = (accepting.clone(), connection.clone());
                // That a client gives up is what most of these tests are about.
                std::thread::spawn(move || connection(stream, &shared).unwrap_or_default());
            }
        });
        Server { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `https://localhost:PORT`.
    pub fn https_origin(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    /// `http://127.0.0.1:PORT`.
    pub fn http_origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.address.port())
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Requests so far.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.requests.lock().expect("no panic").clone()
    }

    /// The one request so far.
    pub fn request(&self) -> Seen {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests[0].clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}

/// A whole answer of this status and body.
pub fn answer(status: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let length = body.len().to_string();
    let mut lines = vec![format!("HTTP/1.1 {status}")];
    for (name, value) in [("content-length", &*length)].iter().chain(headers) {
        lines.push(format!("{name}: {value}"));
    }
    format!("{}\r\n\r\n{body}", lines.join("\r\n")).into_bytes()
}

/// Reads until the other side goes away.
pub fn wait_for_the_end(wire: &mut (impl Read + ?Sized)) {
    let mut rest = [0; 1024];
    while wire.read(&mut rest).is_ok_and(|length| length > 0) {}
}

fn serve(stream: &mut dyn Wire, shared: &Shared, answer: &Answer) -> io::Result<After> {
    loop {
        let Some(seen) = receive(stream)? else { return Ok(After::Close) };
        shared.requests.lock().expect("no panic").push(seen.clone());
        let after = answer(&seen, stream)?;
        stream.flush()?;
        if !matches!(after, After::KeepOpen) {
            return Ok(after);
        }
    }
}

/// Reads a request; none at the end of the connection. The client sends the next one only after the answer, so no byte
/// of it is lost in the buffer.
fn receive(stream: &mut dyn Wire) -> io::Result<Option<Seen>> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Some(Seen { line: line.trim().to_owned(), headers, body }))
}
