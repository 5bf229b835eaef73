//! A headless Chromium under WebDriver.

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use fantoccini::actions::{InputSource, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder, Locator};
use reqwest::{Method, Url};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a page may take to show something before a test fails: generous, for a loaded machine. Tests wait for
/// states, so they are quick when the platform is.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A browser with a window of a given size and an empty profile.
pub struct Browser {
    driver: Child,
    client: Client,
    _profile: TempDir,
}

impl Browser {
    /// Starts ChromeDriver on a free port and a browser of `width` x `height` pixels.
    ///
    /// # Errors
    /// When `chromedriver` or `chromium` is missing (`scripts/install test` brings both) or does not start.
    pub async fn start(width: u32, height: u32) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let driver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // The browser joins the driver's group, so that both can be ended together.
            .process_group(0)
            .spawn()
            .context("starting chromedriver (scripts/install test brings it)")?;
        let profile = tempfile::tempdir()?;
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-quic".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--no-first-run".to_owned(),
            "--disable-background-networking".to_owned(),
            "--disable-component-update".to_owned(),
            "--disable-sync".to_owned(),
            format!("--window-size={width},{height}"),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let capabilities =
            json!({ "goog:chromeOptions": { "args": arguments, "binary": "/usr/bin/chromium" } });
        let capabilities = capabilities.as_object().context("an object")?.clone();
        let connector = hyper_util::client::legacy::connect::HttpConnector::new();
        let deadline = Instant::now() + TIMEOUT;
        let address = format!("http://127.0.0.1:{port}");
        let client = loop {
            let attempt = ClientBuilder::new(connector.clone())
                .capabilities(capabilities.clone())
                .connect(&address)
                .await;
            match attempt {
                Ok(client) => break client,
                Err(error) if Instant::now() > deadline => bail!("no browser: {error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        };
        Ok(Self { driver, client, _profile: profile })
    }

    /// The WebDriver client, for what the helpers below do not cover.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Opens a page.
    ///
    /// # Errors
    /// WebDriver's.
    pub async fn open(&self, address: &str) -> Result<()> {
        self.client.goto(address).await.with_context(|| format!("opening {address}"))
    }

    /// Waits for the first element that matches a CSS selector.
    ///
    /// # Errors
    /// When it does not appear in time; the page's text is in the message.
    pub async fn find(&self, css: &str) -> Result<Element> {
        match self.client.wait().at_most(TIMEOUT).for_element(Locator::Css(css)).await {
            Ok(element) => Ok(element),
            Err(error) => bail!("no '{css}': {error}\n{}", self.text().await?),
        }
    }

    /// Waits for an element and clicks it.
    ///
    /// # Errors
    /// As [`Browser::find`].
    pub async fn click(&self, css: &str) -> Result<()> {
        self.find(css).await?.click().await.with_context(|| format!("clicking '{css}'"))
    }

    /// Waits for a field and types into it (a file field takes a path).
    ///
    /// # Errors
    /// As [`Browser::find`].
    pub async fn type_into(&self, css: &str, text: &str) -> Result<()> {
        self.find(css).await?.send_keys(text).await.with_context(|| format!("typing into '{css}'"))
    }

    /// Presses keys one after the other, as if typed to whatever has the focus; [`fantoccini::key::Key`] names the others.
    ///
    /// # Errors
    /// WebDriver's.
    pub async fn press(&self, keys: &str) -> Result<()> {
        let presses = keys.chars().flat_map(|value| [KeyAction::Down { value }, KeyAction::Up { value }]);
        self.perform(presses).await
    }

    /// Presses a key while Shift is held.
    ///
    /// # Errors
    /// WebDriver's.
    pub async fn press_with_shift(&self, key: char) -> Result<()> {
        let shift = char::from(Key::Shift);
        let (down, up) = (|value| KeyAction::Down { value }, |value| KeyAction::Up { value });
        self.perform([down(shift), down(key), up(key), up(shift)]).await
    }

    async fn perform(&self, actions: impl IntoIterator<Item = KeyAction>) -> Result<()> {
        let keyboard = KeyActions::new("keyboard".to_owned());
        Ok(self.client.perform_actions(actions.into_iter().fold(keyboard, KeyActions::then)).await?)
    }

    /// Runs JavaScript that returns something.
    ///
    /// # Errors
    /// WebDriver's.
    pub async fn run(&self, script: &str) -> Result<Value> {
        Ok(self.client.execute(script, Vec::new()).await?)
    }

    /// Tells the browser what WebDriver has no words for, by the protocol of its developer tools.
    ///
    /// # Errors
    /// WebDriver's.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Result<Value> {
        Ok(self.client.issue_cmd(DevTools(json!({ "cmd": command, "params": parameters }))).await?)
    }

    /// The visible text of the page.
    ///
    /// # Errors
    /// WebDriver's.
    pub async fn text(&self) -> Result<String> {
        Ok(self.client.find(Locator::Css("body")).await?.text().await?)
    }

    /// Waits until a JavaScript expression is true.
    ///
    /// # Errors
    /// When it does not become true in time; the page's text is in the message.
    pub async fn until(&self, expression: &str) -> Result<()> {
        let deadline = Instant::now() + TIMEOUT;
        let script = format!("return Boolean({expression});");
        while Instant::now() < deadline {
            if self.client.execute(&script, Vec::new()).await? == json!(true) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bail!("never true: {expression}\n{}", self.text().await?)
    }

    /// Saves what the window shows as PNG.
    ///
    /// # Errors
    /// WebDriver's, or the disk's.
    pub async fn screenshot(&self, path: &Path) -> Result<()> {
        std::fs::write(path, self.client.screenshot().await?)?;
        Ok(())
    }

    /// Ends the browser in an orderly way.
    ///
    /// # Errors
    /// WebDriver's.
    pub async fn close(self) -> Result<()> {
        self.client.clone().close().await?;
        Ok(())
    }
}

/// A command of Chromium's developer tools, as ChromeDriver takes it.
#[derive(Debug)]
struct DevTools(Value);

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.0.to_string()))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser itself is the driver's child: the whole group goes.
        if let Some(leader) = i32::try_from(self.driver.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(leader, Signal::KILL);
        }
        let _ = self.driver.wait();
    }
}
