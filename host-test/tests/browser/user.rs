//! A person in front of the page: finds things by their words, and never sees the token.

use std::future::Future;
use std::time::Duration;

use customerly_emulator::Switches;
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, Locator};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::driver::Driver;
use crate::site::{Site, TOKEN, leak};

/// One browser at a time: they are heavy.
static TURN: Mutex<()> = Mutex::const_new(());

/// Waits no longer than this for anything.
const PATIENCE: Duration = Duration::from_secs(30);

/// A person in front of the page.
#[derive(Clone)]
pub(crate) struct User {
    /// The browser.
    pub(crate) client: Client,
    origin: String,
}

/// Runs a test with a page and a browser of its own; at its end, nothing that was printed holds the token.
pub(crate) async fn with_page<F: Future<Output = ()> + Send + 'static>(
    switches: Switches,
    test: impl FnOnce(User, std::sync::Arc<Site>) -> F,
) {
    let _turn = TURN.lock().await;
    let Some(driver) = Driver::start() else { return };
    let site = std::sync::Arc::new(Site::start(switches));
    let client = driver.open().await;
    let user = User { client: client.clone(), origin: site.origin.clone() };
    let ended = tokio::spawn(test(user, site.clone())).await;
    client.close().await.expect("the browser closes");
    if let Err(error) = ended {
        std::panic::resume_unwind(error.into_panic());
    }
    let site = std::sync::Arc::into_inner(site).expect("the test has ended");
    let printed = site.stop();
    assert_eq!(leak(&printed, TOKEN), None, "the token was printed: {printed}");
}

impl User {
    /// Opens a page by its path.
    pub(crate) async fn open(&self, path: &str) {
        self.client.goto(&format!("{}{path}", self.origin)).await.expect("the page opens");
        self.sees_no_token().await;
    }

    /// Waits for a text to be on the page.
    pub(crate) async fn sees(&self, text: &str) {
        let wait = self.client.wait().at_most(PATIENCE);
        let path = format!("//body//*[contains(normalize-space(.), {})]", quoted(text));
        let found = wait.for_element(Locator::XPath(&path)).await.is_ok();
        assert!(found, "{text:?} is not on the page: {}", self.text().await);
        self.sees_no_token().await;
    }

    /// Whether a text is on the page now.
    pub(crate) async fn text(&self) -> String {
        let body = self.client.find(Locator::Css("body")).await.expect("a body");
        body.text().await.expect("its text")
    }

    /// Waits for an element.
    pub(crate) async fn find(&self, css: &str) -> Element {
        let wait = self.client.wait().at_most(PATIENCE);
        wait.for_element(Locator::Css(css)).await.unwrap_or_else(|error| panic!("{css}: {error}"))
    }

    /// The field under a label.
    pub(crate) async fn field(&self, label: &str) -> Element {
        let path = format!("//label[starts-with(normalize-space(.), {})]", quoted(label));
        let wait = self.client.wait().at_most(PATIENCE);
        let found = wait.for_element(Locator::XPath(&path)).await;
        let found = found.unwrap_or_else(|error| panic!("no field {label:?}: {error}"));
        let id = found.attr("for").await.expect("an attribute").expect("a label is for a field");
        self.find(&format!("#{id}")).await
    }

    /// Types into the field under a label, in place of what is there.
    pub(crate) async fn fills(&self, label: &str, text: &str) {
        let field = self.field(label).await;
        field.clear().await.expect("a field");
        field.send_keys(text).await.expect("a field");
    }

    /// Clicks what bears these words, and waits for the page that follows.
    pub(crate) async fn clicks(&self, words: &str) {
        self.click(words).await;
        self.sees_no_token().await;
    }

    /// Clicks what asks first, and says yes. Nothing else may be asked of the page in between: the driver would say no.
    pub(crate) async fn clicks_and_agrees(&self, words: &str) {
        self.click(words).await;
        self.client.accept_alert().await.expect("it asks first");
        self.sees_no_token().await;
    }

    async fn click(&self, words: &str) {
        let path = format!(
            "//*[self::a or self::button or self::summary][normalize-space(.) = {}]",
            quoted(words)
        );
        let wait = self.client.wait().at_most(PATIENCE);
        let found = wait.for_element(Locator::XPath(&path)).await;
        let Ok(found) = found else {
            panic!("{words:?} cannot be clicked: {}", self.text().await);
        };
        found.click().await.unwrap_or_else(|error| panic!("{words:?}: {error}"));
    }

    /// Adds a credential as the guide does, from the Authenticate screen.
    pub(crate) async fn adds_a_credential(&self, name: &str, token: &str) {
        self.clicks("Add Credential").await;
        self.sees("Add New Credential").await;
        self.fills("Credential Name", name).await;
        self.fills("API Key", token).await;
        self.clicks("Save").await;
        self.sees(&format!("The credential {name} is saved.")).await;
    }

    /// Presses a key, or types a text, wherever the focus is.
    pub(crate) async fn presses(&self, keys: &str) {
        let mut actions = KeyActions::new("keyboard".into());
        for value in keys.chars() {
            actions = actions.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        self.client.perform_actions(actions).await.expect("keys");
    }

    /// Presses Tab until the focus is on what bears these words, by its label or its own text.
    pub(crate) async fn tabs_to(&self, words: &str) {
        const TAB: &str = "\u{e004}";
        let script = "const e = document.activeElement; \
                      const l = e.labels && e.labels.length ? e.labels[0] : e; \
                      return l.textContent.replace(/\\s+/g, ' ').trim();";
        let mut seen = Vec::new();
        for _ in 0..60 {
            self.presses(TAB).await;
            let found = self.client.execute(script, vec![]).await.expect("a text");
            let found = found.as_str().unwrap_or_default().to_owned();
            if found.starts_with(words) {
                return;
            }
            seen.push(found.chars().take(30).collect::<String>());
        }
        panic!("Tab never came to {words:?}, only to {seen:?}");
    }

    /// Runs a script in the page.
    pub(crate) async fn script(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.expect("a script")
    }

    /// Shows the page at a width, in a colour scheme.
    pub(crate) async fn looks_at(&self, width: u32, scheme: &str) {
        let metrics =
            json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", media).await;
    }

    pub(crate) async fn devtools(&self, command: &'static str, parameters: Value) -> Value {
        let command = Devtools { command, parameters };
        self.client.issue_cmd(command).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Neither the page, its address, its cookies nor its stores hold the token.
    pub(crate) async fn sees_no_token(&self) {
        let script = "return [document.documentElement.outerHTML, location.href, document.cookie, \
                      JSON.stringify(localStorage), JSON.stringify(sessionStorage), \
                      JSON.stringify(history.state)].join('\\n')";
        // Between two pages there is none to look at.
        let Ok(Value::String(text)) = self.client.execute(script, vec![]).await else { return };
        assert_eq!(leak(&text, TOKEN), None, "the token is on the page: {text}");
        let cookies = self.client.get_all_cookies().await.expect("cookies");
        assert!(cookies.is_empty(), "{cookies:?}");
    }
}

/// A text, in the quotes of a locator.
fn quoted(text: &str) -> String {
    assert!(!text.contains('"'), "a text without quotes");
    format!("\"{text}\"")
}

/// A command of Chromium's own, beside those of `WebDriver`.
#[derive(Debug)]
struct Devtools {
    command: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for Devtools {
    fn endpoint(
        &self,
        base_url: &url::Url,
        session_id: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base_url.join(&format!("session/{}/goog/cdp/execute", session_id.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        let body = json!({"cmd": self.command, "params": self.parameters});
        (http::Method::POST, Some(body.to_string()))
    }
}
