//! Programs as processes: what they used, and an emulator to read from.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use wait4::Wait4 as _;

/// What a process used.
#[derive(Debug)]
pub(crate) struct Usage {
    /// Processor time, of the process and the kernel for it.
    pub(crate) cpu: Duration,
    /// From its start to its end.
    pub(crate) wall: Duration,
    /// Most memory at once, in bytes.
    pub(crate) peak: u64,
    /// Lines that it printed.
    pub(crate) lines: u64,
    /// Bytes that it printed, without the ends of lines.
    pub(crate) bytes: u64,
}

/// Runs a program to its end. What it prints goes through a pipe, and is counted.
pub(crate) fn measure(command: &mut Command, input: &str) -> Result<Usage> {
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    let mut stdin = child.stdin.take().context("a pipe")?;
    let mut stdout = child.stdout.take().context("a pipe")?;
    let (lines, bytes) = std::thread::scope(|scope| {
        let counted = scope.spawn(move || count(&mut stdout));
        stdin.write_all(input.as_bytes())?;
        drop(stdin);
        counted.join().expect("counting does not panic")
    })?;
    let used = child.wait4()?;
    ensure!(used.status.success(), "{} failed", command.get_program().display());
    Ok(Usage {
        cpu: used.rusage.utime + used.rusage.stime,
        wall: begun.elapsed(),
        peak: used.rusage.maxrss,
        lines,
        bytes,
    })
}

fn count(stdout: &mut ChildStdout) -> std::io::Result<(u64, u64)> {
    let mut chunk = vec![0; 256 << 10];
    let (mut lines, mut bytes) = (0, 0);
    loop {
        let length = stdout.read(&mut chunk)?;
        if length == 0 {
            return Ok((lines, bytes));
        }
        let ends: u64 = chunk[..length].iter().map(|byte| u64::from(*byte == b'\n')).sum();
        lines += ends;
        bytes += length as u64 - ends;
    }
}

/// An emulator in a process of its own; it ends with this value.
pub(crate) struct Emulator {
    child: Child,
    pub(crate) origin: String,
    pub(crate) token: String,
}

impl Emulator {
    pub(crate) fn start(connector: &Path, users: u32, latency_ms: u32) -> Result<Self> {
        let mut child = Command::new(connector)
            .args(["emulator", "--leads", "0"])
            .args(["--users", &users.to_string(), "--latency", &latency_ms.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot run {}", connector.display()))?;
        let stdout = child.stdout.take().context("a pipe")?;
        let mut emulator = Emulator { child, origin: String::new(), token: String::new() };
        for line in BufReader::new(stdout).lines() {
            let line = line?;
            if line.starts_with("http://") {
                emulator.origin = line;
            } else if let Some(token) = line.strip_prefix("token: ") {
                token.clone_into(&mut emulator.token);
                return Ok(emulator);
            }
        }
        bail!("the emulator did not start")
    }

    /// Adds to the time of every answer from now on.
    pub(crate) fn add_latency(&self, milliseconds: u32) -> Result<()> {
        let body = format!(r#"{{"latency_ms":{milliseconds}}}"#);
        self.ask("POST", "/_emulator/switches", &body).map(drop)
    }

    pub(crate) fn forget_requests(&self) -> Result<()> {
        self.ask("DELETE", "/_emulator/requests", "").map(drop)
    }

    /// Path and query of each request since they were forgotten, one a line.
    pub(crate) fn pages(&self) -> Result<String> {
        let text = self.ask("GET", "/_emulator/requests", "")?;
        let requests: Vec<serde_json::Value> = serde_json::from_str(&text)?;
        requests
            .iter()
            .map(|request| {
                let path = request["path_and_query"].as_str().context("a request has a path")?;
                Ok(format!("{path}\n"))
            })
            .collect()
    }

    /// One request to the emulator's admin surface.
    fn ask(&self, method: &str, path: &str, body: &str) -> Result<String> {
        let address = self.origin.strip_prefix("http://").context("an address")?;
        let mut stream = TcpStream::connect(address)?;
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("an answer has a head")?;
        ensure!(head.contains(" 20"), "{method} {path}: {head} {body}");
        Ok(body.to_owned())
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
