//! A user without a browser: by the pages' own session and the HTTP API.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use reqwest::cookie::{CookieStore, Jar};
use reqwest::multipart::{Form, Part};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::deployment::TIMEOUT;

/// What one routing makes, heat flow and ahmcoef included.
pub const MADE_BY_ROUTING: [&str; 6] = ["routing", "bathy", "soils", "topo_high_res", "heatflow", "ahmcoef"];

/// The password of the accounts that tests make.
pub const PASSWORD: &str = "continents drift";

/// A user who is logged in. Like a person, it tries again while the site says that a part of it is starting.
#[derive(Clone)]
pub struct Visitor {
    client: Client,
    cookies: Arc<Jar>,
    site: String,
    csrf: String,
}

impl Visitor {
    /// Makes an account and logs in with it.
    ///
    /// # Errors
    /// The site does not let it in.
    pub async fn register(site: &str, name: &str) -> Result<Self> {
        let mut visitor = Self::stranger(site)?;
        visitor.form("/auth/register", name, PASSWORD).await?;
        visitor.enter(name, PASSWORD).await?;
        Ok(visitor)
    }

    /// Logs in.
    ///
    /// # Errors
    /// As [`Visitor::register`].
    pub async fn log_in(site: &str, name: &str, password: &str) -> Result<Self> {
        let mut visitor = Self::stranger(site)?;
        visitor.enter(name, password).await?;
        Ok(visitor)
    }

    fn stranger(site: &str) -> Result<Self> {
        // No request may hang longer than a person would look at it.
        let cookies = Arc::new(Jar::default());
        let client = Client::builder().cookie_provider(Arc::clone(&cookies)).timeout(Duration::from_secs(60));
        Ok(Self { client: client.no_proxy().build()?, cookies, site: site.to_owned(), csrf: String::new() })
    }

    async fn enter(&mut self, name: &str, password: &str) -> Result<()> {
        let answer = self.form("/auth/login", name, password).await?;
        ensure!(answer.url().path() == "/", "no login for {name}: {}", answer.text().await?);
        self.csrf = self.token("/").await?;
        Ok(())
    }

    async fn form(&self, path: &str, name: &str, password: &str) -> Result<Response> {
        let token = self.token(path).await?;
        let fields = [("csrf_token", token.as_str()), ("username", name), ("password", password)];
        let fields: String =
            fields.map(|(name, value)| format!("{name}={}", value.replace(' ', "+"))).join("&");
        let request = self.client.post(format!("{}{path}", self.site));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        Ok(request.body(fields).send().await?.error_for_status()?)
    }

    async fn token(&self, path: &str) -> Result<String> {
        let page = self.get(path).await?.text().await?;
        let start = page.split("name=\"csrf-token\" content=\"").nth(1);
        let token = start.and_then(|rest| rest.split('"').next());
        token.map(str::to_owned).with_context(|| format!("no token in {path}: {page}"))
    }

    /// `http://HOST:PORT`
    pub fn site(&self) -> &str {
        &self.site
    }

    /// The cookies of the session, as the header says them.
    ///
    /// # Errors
    /// There are none.
    pub fn cookies(&self) -> Result<String> {
        let header = self.cookies.cookies(&self.site.parse()?).context("cookies")?;
        Ok(header.to_str()?.to_owned())
    }

    /// A page or an answer of the API, once: no trying again.
    pub async fn once(&self, path: &str) -> reqwest::Result<Response> {
        self.client.get(format!("{}{path}", self.site)).send().await
    }

    /// A page, or an answer of the API.
    ///
    /// # Errors
    /// It does not come in time, or is an error of its own.
    pub async fn get(&self, path: &str) -> Result<Response> {
        self.with_retry(&|| Ok(self.client.get(format!("{}{path}", self.site)))).await
    }

    /// Sends what `request` makes again and again until the site takes it.
    async fn with_retry(&self, request: &(dyn Fn() -> Result<RequestBuilder> + Sync)) -> Result<Response> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let sent = request()?.header("x-csrf-token", &self.csrf).send().await;
            let problem = match sent {
                Ok(answer) if !answer.status().is_server_error() => {
                    let (status, address) = (answer.status(), answer.url().clone());
                    if status.is_success() {
                        return Ok(answer);
                    }
                    bail!("{address}: {status}: {}", answer.text().await?);
                }
                Ok(answer) => format!("{}: {}", answer.status(), answer.text().await.unwrap_or_default()),
                Err(error) => format!("{error:?}"),
            };
            ensure!(Instant::now() < deadline, "the site does not come back: {problem}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Uploads a topography whose coordinates are certain; gives the number of the workflow.
    ///
    /// # Errors
    /// It is not taken.
    pub async fn upload(&self, bytes: &[u8]) -> Result<i64> {
        let answer = self.with_retry(&|| Ok(self.sending(bytes))).await?;
        let text = answer.text().await?;
        serde_json::from_str::<Value>(&text)?["id"].as_i64().with_context(|| format!("no number in {text}"))
    }

    /// Uploads a topography, and gives whatever is answered.
    ///
    /// # Errors
    /// Nothing is answered.
    pub async fn try_upload(&self, bytes: &[u8]) -> Result<Response> {
        Ok(self.sending(bytes).header("x-csrf-token", &self.csrf).send().await?)
    }

    fn sending(&self, bytes: &[u8]) -> RequestBuilder {
        let form = Form::new().part("file", Part::bytes(bytes.to_vec()).file_name("raw.nc"));
        self.client.post(format!("{}/api/v1/data-files", self.site)).multipart(form)
    }

    /// Asks for a step once, however often it has to be said.
    ///
    /// # Errors
    /// It is not taken.
    pub async fn ask(&self, workflow: i64, step: &str, mut parameters: Value) -> Result<()> {
        parameters["form_key"] = json!(uuid::Uuid::new_v4().to_string());
        let address = format!("{}/api/v1/data-files/{workflow}/steps/{step}", self.site);
        self.with_retry(&|| Ok(self.client.post(&address).json(&parameters))).await.map(drop)
    }

    /// Asks for the routing of a raw topography, from which heat flow and ahmcoef follow.
    ///
    /// # Errors
    /// As [`Visitor::ask`].
    pub async fn ask_for_routing(&self, workflow: i64) -> Result<()> {
        self.ask(workflow, "routing", json!({"topo_var": "topo", "orcafile": "default"})).await
    }

    /// The steps of a workflow, each with its state and the reason for it.
    ///
    /// # Errors
    /// As [`Visitor::get`].
    pub async fn steps(&self, workflow: i64) -> Result<BTreeMap<String, (String, String)>> {
        let steps: Vec<Value> = self.list(workflow, "steps").await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(steps.iter().map(|s| (text(&s["step"]), (text(&s["state"]), text(&s["reason"])))).collect())
    }

    async fn list(&self, workflow: i64, what: &str) -> Result<Vec<Value>> {
        let text = self.get(&format!("/api/v1/data-files/{workflow}/{what}")).await?.text().await?;
        serde_json::from_str(&text).with_context(|| format!("{what} of {workflow}: {text}"))
    }

    /// Waits until a step is in a state.
    ///
    /// # Errors
    /// It does not come to that.
    pub async fn until(&self, workflow: i64, step: &str, state: &str) -> Result<()> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let (now, reason) = self.steps(workflow).await?.remove(step).unwrap_or_default();
            if now == state {
                return Ok(());
            }
            ensure!(now != "failed", "{step} of {workflow} has failed: {reason}");
            ensure!(
                Instant::now() < deadline,
                "{step} of {workflow} stays {now}, and does not become {state}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// How many revisions a workflow has of each type.
    ///
    /// # Errors
    /// Their numbers are not 0, 1, 2, ...
    pub async fn revisions(&self, workflow: i64) -> Result<BTreeMap<String, usize>> {
        let list = self.list(workflow, "revisions").await?;
        let mut numbers: Vec<i64> = list.iter().filter_map(|revision| revision["number"].as_i64()).collect();
        numbers.sort_unstable();
        ensure!(numbers.iter().copied().eq(0..list.len() as i64), "{workflow}: the numbers are {numbers:?}");
        let mut count = BTreeMap::new();
        for revision in &list {
            *count.entry(revision["file_type"].as_str().context("a type")?.to_owned()).or_default() += 1;
        }
        Ok(count)
    }

    /// Waits until a routing that was asked for once is there with all that follows, and checks that nothing is doubled.
    ///
    /// # Errors
    /// Something is lost or doubled.
    pub async fn routed_once(&self, workflow: i64) -> Result<()> {
        for step in ["routing", "heatflow", "ahmcoef"] {
            self.until(workflow, step, "done").await.context("lost")?;
        }
        let count = self.revisions(workflow).await?;
        for name in MADE_BY_ROUTING {
            ensure!(count.get(name) == Some(&1), "doubled in {workflow}: {name}: {count:?}");
        }
        Ok(())
    }
}
