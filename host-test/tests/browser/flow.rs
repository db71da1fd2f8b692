//! The guide's flow, word by word, to a source that reads and a destination that writes.

use customerly_emulator::{Kind, Switches};
use fantoccini::Locator;

use crate::site::TOKEN;
use crate::user::with_page;

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_can_be_followed_word_by_word_to_a_source() {
    with_page(Switches::default(), |user, site| async move {
        user.open("/").await;
        user.clicks("New source").await;
        user.sees("Authenticate").await;
        user.clicks("Add Credential").await;
        user.sees("Add New Credential").await;
        for step in [
            "Sign in to your Customerly account",
            "Click the Settings icon in the bottom-left sidebar to open the Project Settings",
            "Navigate to Installation in the settings menu",
            "Scroll down to the Public API section",
            "Your Access Token for Customerly",
            "It is confidential",
        ] {
            user.sees(step).await;
        }
        let key = user.field("API Key").await;
        assert_eq!(key.attr("type").await.expect("a field").as_deref(), Some("password"));
        user.fills("Credential Name", "Support workspace").await;
        user.fills("Credential Description", "Contacts of the support team, live").await;
        user.fills("API Key", TOKEN).await;
        user.clicks("Save").await;

        user.sees("The credential Support workspace is saved.").await;
        user.sees("Contacts of the support team, live").await;
        user.sees("Works").await;
        user.clicks("Select Support workspace for a new source").await;

        user.sees("New source").await;
        user.clicks("Preview Users").await;
        user.sees("GET https://api.customerly.io/v1/users/list → 200").await;
        user.sees("The first 10 records").await;
        user.clicks("Schema of Users").await;
        user.sees("crmhero_user_id").await;
        user.fills("Source name", "Contacts").await;
        user.clicks("Save").await;

        user.sees("Reads users, leads").await;
        user.clicks("Start reading").await;
        user.sees("Complete").await;
        user.sees("Download users.jsonl").await;
        let script = "const link = [...document.links].find(l => l.textContent.includes('users.jsonl')); \
                      const request = new XMLHttpRequest(); request.open('GET', link.href, false); \
                      request.send(); return request.responseText;";
        let lines = user.script(script).await;
        let mut keys: Vec<u64> = lines
            .as_str()
            .expect("a text")
            .lines()
            .map(|line| {
                let record: serde_json::Value = serde_json::from_str(line).expect("JSON lines");
                record["crmhero_user_id"].as_u64().expect("a key")
            })
            .collect();
        keys.sort_unstable();
        keys.dedup();
        let mut expected = site.emulator.keys(Kind::Users);
        expected.sort_unstable();
        assert_eq!(keys, expected);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_shows_how_far_it_is_and_goes_on_after_a_stop() {
    let slow = Switches { latency_ms: 400, schema_drift: true, ..Switches::default() };
    with_page(slow, |user, _site| async move {
        user.open("/authenticate/source").await;
        user.adds_a_credential("Slow", TOKEN).await;
        user.clicks("Select Slow for a new source").await;
        user.fills("Source name", "Slow contacts").await;
        user.clicks("Save").await;
        user.clicks("Start reading").await;
        let moves = "const s = document.querySelector('#progress strong'); return !!s && Number(s.textContent) > 0";
        while user.script(moves).await != true {
            assert!(!user.text().await.contains("The files are kept"), "it has not ended yet");
        }
        user.clicks("Stop").await;
        user.sees("Stopped; the next read goes on from here").await;
        user.clicks("Read what changed").await;
        user.sees("Complete").await;
        user.sees("Fields that the schema does not name: lifetime_value").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_rehearses_first_and_then_says_what_became_of_each_record() {
    with_page(Switches::default(), |user, site| async move {
        user.open("/authenticate/destination").await;
        user.adds_a_credential("Support", TOKEN).await;
        user.clicks("Select Support for a new destination").await;
        user.clicks("Create or update – Users").await;
        user.fills("Destination name", "Sign-ups").await;
        user.clicks("Save").await;

        let before = site.emulator.count(Kind::Users);
        let records = "{\"email\":\"new@example.com\",\"name\":\"New\"}\n\
                       {\"email\":\"broken@example.com\"}\n{\"name\":\"nobody\"}";
        user.fills("Paste records", records).await;
        user.clicks("Dry run").await;
        user.sees("2 planned, 1 invalid").await;
        user.sees("1 call kept back").await;
        assert_eq!(site.emulator.count(Kind::Users), before, "a rehearsal writes nothing");

        let kept = user.field("Paste records").await.prop("value").await.expect("a field");
        assert!(kept.is_some_and(|kept| kept.contains("nobody")), "it can be corrected");
        user.clicks("Write these records").await;
        user.sees("1 accepted, 1 invalid, 1 rejected").await;
        user.sees("This contact cannot be added").await;
        assert_eq!(site.emulator.count(Kind::Users), before + 1);

        user.open("/").await;
        user.clicks("Sign-ups").await;
        user.sees("Writes to users by upsert").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uploaded_file_is_rehearsed_too() {
    with_page(Switches::default(), |user, _site| async move {
        user.open("/authenticate/destination").await;
        user.adds_a_credential("Support", TOKEN).await;
        user.clicks("Select Support for a new destination").await;
        user.clicks("Create or update – Leads").await;
        user.fills("Destination name", "Leads").await;
        user.clicks("Save").await;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("leads.jsonl");
        std::fs::write(&path, "{\"email\":\"lead@example.com\"}\n").expect("a file");
        let field = user.field("Or choose a file").await;
        field.send_keys(path.to_str().expect("a path")).await.expect("a file field");
        user.clicks("Dry run").await;
        user.sees("1 planned").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_in_use_stays_and_says_by_what_it_is_used() {
    with_page(Switches::default(), |user, _site| async move {
        user.open("/authenticate/source").await;
        user.adds_a_credential("Support", TOKEN).await;
        user.clicks("Select Support for a new source").await;
        user.fills("Source name", "Contacts").await;
        user.clicks("Save").await;
        user.sees("Start reading").await;

        user.open("/authenticate/source").await;
        user.clicks("Remove Support").await;
        user.sees("is used by Contacts. Remove that first.").await;
        user.clicks("Close").await;
        user.open("/").await;
        user.clicks_and_agrees("Remove Contacts").await;
        user.sees("None yet.").await;
        user.open("/authenticate/source").await;
        user.clicks("Remove Support").await;
        user.sees("will be gone for good").await;
        user.clicks("Remove").await;
        user.sees("Choose the credential").await;
        let tiles = user.client.find_all(Locator::Css(".tile article")).await.expect("a list");
        assert!(tiles.is_empty());
    })
    .await;
}
