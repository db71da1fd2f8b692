//! `connector serve` as a process: however a person ends it, it leaves nothing behind.

mod support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use support::connector;

/// Serves the page in a temporary folder of its own. The process, and the address of the page.
fn serve(args: &[&str], temporary: &Path, store: &Path) -> (Child, String) {
    let mut command = connector();
    command.arg("serve").args(args).env("TMPDIR", temporary);
    if !args.contains(&"--emulator") {
        command.arg("--store").arg(store.join("store")).arg("--key-dir").arg(store.join("key"));
    }
    let mut process =
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut origin = String::new();
    let mut out = BufReader::new(process.stdout.take().expect("piped"));
    out.read_line(&mut origin).expect("its address");
    // What follows the address has room in the pipe.
    process.stdout = Some(out.into_inner());
    (process, origin.trim().strip_prefix("http://").expect("an address").to_owned())
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect()
}

/// Ends a page with this signal while it has an open connection, and expects this exit code.
fn check(args: &[&str], signal: Signal, code: i32) {
    let temporary = tempfile::tempdir().expect("a folder");
    let store = tempfile::tempdir().expect("a folder");
    let (mut process, address) = serve(args, temporary.path(), store.path());
    let mut stream = TcpStream::connect(&address).expect("it listens");
    write!(stream, "GET / HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("it reads");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("it answers");
    assert_eq!(&answer, b"HTTP/1.1 200");
    assert!(
        names(temporary.path()).iter().any(|name| name.starts_with("connector-serve-")),
        "the test looks in the wrong folder"
    );
    kill_process(Pid::from_child(&process), signal).expect("it is ours");
    assert_eq!(process.wait().expect("it ends").code(), Some(code));
    assert_eq!(names(temporary.path()), [""; 0]);
}

#[test]
fn an_end_by_either_signal_leaves_no_folder_behind() {
    check(&[], Signal::INT, 130);
    check(&[], Signal::TERM, 143);
    check(&["--emulator", "--users=5", "--leads=5"], Signal::TERM, 143);
}

#[test]
fn a_page_that_finds_its_port_taken_leaves_no_folder_behind() {
    let temporary = tempfile::tempdir().expect("a folder");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let mut command = connector();
    command.args(["serve", "--emulator", "--port", &port]).env("TMPDIR", temporary.path());
    assert_eq!(support::run(&mut command).code, 1);
    assert_eq!(names(temporary.path()), [""; 0]);
}
