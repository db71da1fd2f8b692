//! The page under test: the real binary, an emulated service, a store of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};

use connector_egress::Secret;
use customerly_emulator::{Config, Data, Emulator, Switches};
use tempfile::TempDir;

/// The token of the emulated account: no other text on the page is like it.
pub(crate) const TOKEN: &str = "canary-5f1d0c77e2a94b03/+Zq";

/// A served page.
pub(crate) struct Site {
    /// The service.
    pub(crate) emulator: Emulator,
    /// `http://127.0.0.1:PORT`.
    pub(crate) origin: String,
    process: Child,
    printed: Mutex<Receiver<String>>,
    _folder: TempDir,
}

impl Site {
    /// Serves the page for a service with these switches.
    pub(crate) fn start(switches: Switches) -> Self {
        let defaults = Config::default();
        let data = Data { users: 120, leads: 30, ..defaults.data };
        let emulator = Emulator::start(Config { token: TOKEN.into(), data, switches, ..defaults })
            .expect("a free port");
        let folder = tempfile::tempdir().expect("a folder");
        let mut process = Command::new(env!("CARGO_BIN_EXE_connector"))
            .args(["serve", "-vv"])
            .arg(format!("--origin=https://api.customerly.io={}", emulator.origin()))
            .arg("--store")
            .arg(folder.path().join("store"))
            .arg("--key-dir")
            .arg(folder.path().join("key"))
            .env_remove("CONNECTOR_API_KEY")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let (printed_to, printed) = channel();
        let mut out = BufReader::new(process.stdout.take().expect("piped"));
        let mut origin = String::new();
        out.read_line(&mut origin).expect("its address");
        let err = process.stderr.take().expect("piped");
        for mut stream in [Box::new(out) as Box<dyn std::io::Read + Send>, Box::new(err)] {
            let printed_to = printed_to.clone();
            std::thread::spawn(move || {
                let mut text = String::new();
                // What was printed until the process ended.
                let _ = stream.read_to_string(&mut text);
                let _ = printed_to.send(text);
            });
        }
        assert!(origin.starts_with("http://127.0.0.1:"), "{origin}");
        Site {
            emulator,
            origin: origin.trim().into(),
            process,
            printed: Mutex::new(printed),
            _folder: folder,
        }
    }

    /// Stops the page, and gives all that it printed after its address.
    pub(crate) fn stop(mut self) -> String {
        terminate(&mut self.process);
        let printed = self.printed.lock().expect("nobody else has it");
        printed.iter().take(2).collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        terminate(&mut self.process);
    }
}

/// Stops a page as a person does, so that it leaves nothing behind; unless it was stopped already.
fn terminate(process: &mut Child) {
    if let Ok(None) = process.try_wait() {
        rustix::process::kill_process(
            rustix::process::Pid::from_child(process),
            rustix::process::Signal::TERM,
        )
        .expect("it is ours");
        process.wait().expect("it ends");
    }
}

/// The form of the token that a text holds, if it holds one.
pub(crate) fn leak(text: &str, token: &str) -> Option<String> {
    let secret = Secret::new(token.into());
    secret.forms().iter().find(|form| text.contains(form.as_str())).map(|form| form.to_string())
}
