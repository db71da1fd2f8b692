//! The page for those who use it by keyboard or by ear.

use std::path::Path;

use customerly_emulator::Switches;
use serde_json::Value;

use crate::site::TOKEN;
use crate::user::{User, with_page};

/// Where `.ci/run` puts axe-core; it is no part of this project.
const AXE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../target/npm/node_modules/axe-core/axe.min.js");

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_can_be_followed_by_keyboard_alone() {
    const ENTER: &str = "\u{e007}";
    with_page(Switches::default(), |user, _site| async move {
        user.open("/").await;
        user.tabs_to("New source").await;
        user.presses(ENTER).await;
        user.sees("Choose the credential").await;
        user.tabs_to("Add Credential").await;
        user.presses(ENTER).await;
        user.sees("Add New Credential").await;
        // The focus is on the first field, and behind the overlay nothing can be reached.
        user.presses("Keyboard").await;
        user.tabs_to("Credential Description").await;
        user.tabs_to("API Key").await;
        user.presses(TOKEN).await;
        user.tabs_to("Save").await;
        user.presses(ENTER).await;
        user.sees("The credential Keyboard is saved.").await;
        user.tabs_to("Select Keyboard").await;
        user.presses(ENTER).await;
        user.sees("Source name").await;
        user.tabs_to("Source name").await;
        user.presses("By keyboard").await;
        user.tabs_to("Save").await;
        user.presses(ENTER).await;
        user.sees("Start reading").await;
        user.tabs_to("Start reading").await;
        user.presses(ENTER).await;
        user.sees("Complete").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn escape_closes_an_overlay_and_tab_stays_inside_it() {
    const ESCAPE: &str = "\u{e00c}";
    with_page(Switches::default(), |user, _site| async move {
        user.open("/authenticate/source/add").await;
        user.sees("Add New Credential").await;
        for _ in 0..30 {
            user.presses("\u{e004}").await;
            let script = "const e = document.activeElement; return e === document.body || !!e.closest('.overlay')";
            assert_eq!(user.script(script).await, true);
        }
        user.presses(ESCAPE).await;
        user.sees("Choose the credential").await;
        assert!(!user.text().await.contains("Add New Credential"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_no_barrier_on_any_screen() {
    if !Path::new(AXE).exists() {
        let missing = "axe-core is not installed (npm install --prefix target/npm axe-core)";
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        eprintln!("skipped: {missing}");
        return;
    }
    with_page(Switches::default(), |user, _site| async move {
        for scheme in ["light", "dark"] {
            user.looks_at(1440, scheme).await;
            user.open("/").await;
            no_barrier(&user).await;
            user.open("/authenticate/source").await;
            no_barrier(&user).await;
            user.open("/authenticate/source/add").await;
            no_barrier(&user).await;
            user.clicks("Save").await;
            user.sees("This is not right yet").await;
            no_barrier(&user).await;
            user.open("/authenticate/source").await;
            user.adds_a_credential(scheme, TOKEN).await;
            no_barrier(&user).await;
            user.clicks(&format!("Select {scheme} for a new source")).await;
            user.clicks("Preview Users").await;
            user.sees("The first 10 records").await;
            no_barrier(&user).await;
            user.fills("Source name", scheme).await;
            user.clicks("Save").await;
            user.clicks("Start reading").await;
            user.sees("Complete").await;
            user.sees("Download users.jsonl").await;
            no_barrier(&user).await;
            user.open("/authenticate/destination").await;
            user.clicks(&format!("Select {scheme} for a new destination")).await;
            user.sees("Choose what to write to").await;
            no_barrier(&user).await;
            user.clicks("Create or update – Users").await;
            no_barrier(&user).await;
            user.fills("Destination name", &format!("{scheme} destination")).await;
            user.clicks("Save").await;
            user.fills("Paste records", "{\"email\":\"a@example.com\"}").await;
            user.clicks("Dry run").await;
            user.sees("1 planned").await;
            no_barrier(&user).await;
        }
    })
    .await;
}

async fn no_barrier(user: &User) {
    let axe = std::fs::read_to_string(AXE).expect("axe-core");
    user.client.execute(&axe, vec![]).await.expect("axe-core runs");
    let script = "const done = arguments[arguments.length - 1]; \
                  axe.run(document).then(r => done(r.passes.length < 10 ? ['axe looked at nothing'] : r.violations.map(v => \
                  v.id + ': ' + v.nodes.map(n => n.html.slice(0, 160) + ' ' + n.failureSummary).join(' | '))));";
    let found: Value = user.client.execute_async(script, vec![]).await.expect("axe-core answers");
    let address = user.client.current_url().await.expect("an address");
    assert_eq!(found, Value::Array(Vec::new()), "{address}");
}
