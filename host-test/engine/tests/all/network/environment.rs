//! The environment sends nothing elsewhere.

use std::process::Command;

use crate::support::lab::{HOME, Lab, get};
use crate::support::server::{Server, answer};

const CHILD: &str = "SANDBOX_TEST_ORIGIN";

/// What the child of the test below does: it sends to the origin that it was told.
#[test]
fn a_child_with_proxies_around_it() {
    let Ok(origin) = std::env::var(CHILD) else { return };
    let received = Lab::new().grant(HOME, &origin).send_one(get("/"));
    assert_eq!(received["text"], "direct", "{received}");
}

#[test]
fn no_proxy_of_the_environment_is_used() {
    let proxy = Server::raw(|_| Ok(()));
    let home = Server::http(|_, wire| {
        wire.write_all(&answer("200 OK", &[], "direct"))?;
        Ok(crate::support::server::After::KeepOpen)
    });
    // The name of a test is that of its module in this binary.
    let name = format!(
        "{}::a_child_with_proxies_around_it",
        module_path!().split_once("::").expect("a crate").1
    );
    let mut child = Command::new(std::env::current_exe().expect("this binary"));
    child.args([name.as_str(), "--exact"]).env(CHILD, home.http_origin()).env_remove("NO_PROXY");
    for variable in
        ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"]
    {
        child.env(variable, proxy.http_origin());
    }
    let output = child.output().expect("a child");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
    assert_eq!(home.requests().len(), 1);
    assert_eq!(proxy.connections(), 0);
}
