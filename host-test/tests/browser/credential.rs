//! The credential's form: what is wrong with it, what the service says to it, and who changed it meanwhile.

use customerly_emulator::{AuthForm, Switches};
use fantoccini::Locator;

use crate::site::TOKEN;
use crate::user::{User, with_page};

/// A service that takes the token in another header than the guide says.
fn other_header() -> Switches {
    Switches { auth_forms: vec![AuthForm::AuthorizationBearer], ..Switches::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_saved_and_said_to_be_refused_with_what_to_do() {
    with_page(Switches::default(), |user, _site| async move {
        user.open("/authenticate/source").await;
        user.adds_a_credential("Wrong", "not-the-token-of-any-account").await;
        user.sees("Refused").await;
        user.sees("Public API").await;
        assert!(!user.text().await.contains("not-the-token-of-any-account"));

        user.clicks("Edit Wrong").await;
        user.sees("It is never shown again").await;
        let key = user.field("API Key").await;
        assert_eq!(key.prop("value").await.expect("a field").as_deref(), Some(""));
        user.fills("API Key", TOKEN).await;
        user.clicks("Save").await;
        user.sees("The credential Wrong is saved.").await;
        user.sees("Works").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blank_fields_are_all_named_at_once_and_what_was_right_is_kept() {
    with_page(Switches::default(), |user, _site| async move {
        user.open("/authenticate/source/add").await;
        user.clicks("Save").await;
        user.sees("This is not right yet").await;
        user.sees("Credential Name is required.").await;
        user.sees("API Key is missing.").await;
        for label in ["Credential Name", "API Key"] {
            let field = user.field(label).await;
            let invalid = field.attr("aria-invalid").await.expect("a field");
            assert_eq!(invalid.as_deref(), Some("true"), "{label}");
        }
        let focused = user.script("return document.activeElement.getAttribute('role')").await;
        assert_eq!(focused, "alert", "the faults are read out first");

        user.fills("Credential Description", "kept").await;
        user.fills("API Key", TOKEN).await;
        user.clicks("Save").await;
        user.sees("Set, not saved yet.").await;
        user.fills("Credential Name", "Late").await;
        user.clicks("Save").await;
        user.sees("The credential Late is saved.").await;
        user.sees("kept").await;
        user.sees("Works").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_of_unsaved_values_offers_the_switch_to_the_header_that_works() {
    with_page(other_header(), |user, _site| async move {
        user.open("/authenticate/source/add").await;
        user.fills("API Key", TOKEN).await;
        user.clicks("Test").await;
        user.sees("but accepts it as").await;
        user.clicks("Switch to auth_header=authorization-bearer").await;
        user.sees("Works.").await;
        user.fills("Credential Name", "Switched").await;
        user.clicks("Save").await;
        user.sees("The credential Switched is saved.").await;
        user.sees("Works").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_credential_switches_by_one_click_on_its_tile() {
    with_page(other_header(), |user, site| async move {
        user.open("/authenticate/destination").await;
        user.adds_a_credential("Support", TOKEN).await;
        user.sees("Refused").await;
        user.clicks("Switch to auth_header=authorization-bearer").await;
        user.sees("Works.").await;
        user.clicks("Close").await;
        user.sees("Works").await;
        assert!(!user.text().await.contains("Refused"));
        // A token is never in two headers of one request.
        for request in site.emulator.requests() {
            assert!(request.auth_forms.len() <= 1, "{request:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_tabs_the_second_is_told_and_can_still_save() {
    with_page(Switches::default(), |user, _site| async move {
        user.open("/authenticate/source").await;
        user.adds_a_credential("Shared", TOKEN).await;
        let first = user.client.window().await.expect("a tab");
        user.clicks("Edit Shared").await;
        user.sees("Edit Credential").await;
        let address = user.client.current_url().await.expect("an address");

        let second = user.client.new_window(true).await.expect("a tab").handle;
        user.client.switch_to_window(second.clone()).await.expect("the second tab");
        user.open(address.path()).await;
        user.fills("Credential Description", "from the second tab").await;
        user.clicks("Save").await;
        user.sees("The credential Shared is saved.").await;

        user.client.switch_to_window(first).await.expect("the first tab");
        user.fills("Credential Description", "from the first tab").await;
        user.clicks("Save").await;
        user.sees("changed elsewhere in the meantime").await;
        user.sees("from the second tab").await;
        user.clicks("Save").await;
        user.sees("The credential Shared is saved.").await;
        user.sees("from the first tab").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn html_in_a_token_or_a_name_is_text() {
    with_page(Switches::default(), |user, _site| async move {
        let token = "<script>document.title='owned'</script><b>token</b>";
        user.open("/authenticate/source/add").await;
        user.fills("Credential Name", "<i>Name</i>").await;
        user.fills("Credential Description", "<img src=x onerror=document.title='owned'>").await;
        user.fills("API Key", token).await;
        user.clicks("Test").await;
        user.sees("Refused.").await;
        no_markup(&user, token).await;
        user.clicks("Save").await;
        user.sees("The credential <i>Name</i> is saved.").await;
        no_markup(&user, token).await;
    })
    .await;
}

async fn no_markup(user: &User, token: &str) {
    let source = user.client.source().await.expect("a page");
    assert_eq!(crate::site::leak(&source, token), None);
    assert_ne!(user.client.title().await.expect("a title"), "owned");
    for css in ["main i", "main img", ".overlay img", ".overlay i"] {
        let found = user.client.find_all(Locator::Css(css)).await.expect("a list");
        assert!(found.is_empty(), "{css}");
    }
}
