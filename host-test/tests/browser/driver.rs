//! A browser of this test's own, and its end with the test.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

/// A running `chromedriver`, with the profile of its one browser.
pub(crate) struct Driver {
    process: Child,
    url: String,
    profile: TempDir,
}

impl Driver {
    /// Starts it; none where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let found = |program: &str| {
            Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok()
        };
        if let Some(missing) = ["chromium", "chromedriver"].into_iter().find(|name| !found(name)) {
            assert!(
                std::env::var_os("CI").is_none(),
                "{missing} is missing: apt-get install chromium chromium-driver"
            );
            eprintln!("skipped: {missing} is not installed (Debian: chromium, chromium-driver)");
            return None;
        }
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver runs");
        let mut lines = BufReader::new(process.stdout.take().expect("piped")).lines();
        let port = lines
            .find_map(|line| {
                let line = line.expect("text");
                let port = line.split_once("started successfully on port ")?.1;
                Some(port.trim_end_matches('.').to_owned())
            })
            .expect("chromedriver says its port");
        // Its later lines are read, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let profile = tempfile::tempdir().expect("a folder");
        Some(Driver { process, url: format!("http://127.0.0.1:{port}"), profile })
    }

    /// Opens the browser.
    pub(crate) async fn open(&self) -> Client {
        let profile = format!("--user-data-dir={}", self.profile.path().display());
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=1440,1000",
            &profile,
        ];
        let mut capabilities: Map<String, Value> = Map::new();
        capabilities.insert("goog:chromeOptions".into(), json!({"args": arguments}));
        // A question of the page stays open until the test answers it.
        capabilities.insert("unhandledPromptBehavior".into(), json!("ignore"));
        ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&self.url)
            .await
            .expect("a browser")
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
