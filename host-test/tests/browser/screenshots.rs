//! A picture of each step at two widths, light and dark; none is wider than its screen.

use std::path::PathBuf;

use customerly_emulator::{AuthForm, Switches};

use crate::site::TOKEN;
use crate::user::{User, with_page};

const WIDTHS: [u32; 2] = [360, 1440];

#[tokio::test(flavor = "multi_thread")]
async fn screenshots_of_every_step_fit_their_screen() {
    let switches = Switches {
        auth_forms: vec![AuthForm::AuthorizationBearer],
        latency_ms: 100,
        ..Switches::default()
    };
    with_page(switches, |user, _site| async move {
        user.open("/").await;
        picture(&user, "1-start").await;
        user.clicks("New source").await;
        user.clicks("Add Credential").await;
        user.sees("Add New Credential").await;
        picture(&user, "2-add-new-credential").await;
        user.clicks("Save").await;
        user.sees("This is not right yet").await;
        picture(&user, "3-blank-fields").await;
        user.fills("Credential Name", "Support workspace").await;
        user.fills("Credential Description", "Contacts of the support team, updated live").await;
        user.fills("API Key", TOKEN).await;
        user.clicks("Test").await;
        user.sees("but accepts it as").await;
        picture(&user, "4-test-with-remedy").await;
        user.clicks("Save").await;
        user.sees("is saved.").await;
        picture(&user, "5-tile-refused").await;
        user.clicks("Switch to auth_header=authorization-bearer").await;
        user.sees("Works.").await;
        picture(&user, "6-switched").await;
        user.clicks("Close").await;
        picture(&user, "7-authenticate").await;
        user.clicks("Select Support workspace for a new source").await;
        user.clicks("Preview Users").await;
        user.sees("The first 10 records").await;
        picture(&user, "8-new-source-preview").await;
        user.fills("Source name", "Contacts").await;
        user.clicks("Save").await;
        user.clicks("Start reading").await;
        user.sees("Complete").await;
        user.sees("Download users.jsonl").await;
        picture(&user, "9-source-read").await;
        user.open("/authenticate/destination").await;
        user.clicks("Select Support workspace for a new destination").await;
        user.sees("Choose what to write to").await;
        picture(&user, "10-new-destination").await;
        user.clicks("Create or update – Users").await;
        user.fills("Destination name", "Sign-ups").await;
        picture(&user, "11-destination-details").await;
        user.clicks("Save").await;
        let records = "{\"email\":\"new@example.com\",\"name\":\"New\"}\n\
                       {\"email\":\"broken@example.com\"}\n{\"name\":\"nobody\"}";
        user.fills("Paste records", records).await;
        user.clicks("Dry run").await;
        user.sees("2 planned").await;
        picture(&user, "12-dry-run").await;
        user.clicks("Write these records").await;
        user.sees("1 accepted").await;
        picture(&user, "13-outcomes").await;
    })
    .await;
}

async fn picture(user: &User, name: &str) {
    let folder: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "..", "target", "screenshots"].iter().collect();
    std::fs::create_dir_all(&folder).expect("a folder");
    for width in WIDTHS {
        for scheme in ["light", "dark"] {
            user.looks_at(width, scheme).await;
            let script = "return document.documentElement.scrollWidth - innerWidth";
            let beyond = user.script(script).await.as_i64().expect("a number");
            assert!(beyond <= 0, "{name} is {beyond} pixels wider than {width}");
            let picture = user.client.screenshot().await.expect("a picture");
            std::fs::write(folder.join(format!("{name}-{width}-{scheme}.png")), picture)
                .expect("a file");
        }
    }
    user.looks_at(1440, "light").await;
}
