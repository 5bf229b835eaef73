//! Somebody without a browser: cookies, forms with their tokens, uploads.

use anyhow::{Context, Result, ensure};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};

/// A visitor of one site, as a browser without JavaScript: redirects are not followed, so that tests see them.
pub struct FormClient {
    client: Client,
    site: String,
}

/// What came back.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// Where it sends the visitor; empty when nowhere.
    pub location: String,
    /// The body.
    pub bytes: Vec<u8>,
}

impl Answer {
    async fn from_response(response: reqwest::Response) -> Result<Self> {
        let location = response.headers().get(reqwest::header::LOCATION);
        let location = location.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        Ok(Self { status: response.status(), location, bytes: response.bytes().await?.to_vec() })
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

impl FormClient {
    /// Somebody new to the site.
    ///
    /// # Errors
    /// When no client can be made.
    pub fn new(site: &str) -> Result<Self> {
        let client = Client::builder().cookie_store(true).redirect(Policy::none()).no_proxy().build()?;
        Ok(Self { client, site: site.to_owned() })
    }

    /// # Errors
    /// No answer at all.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        let sent = self.client.get(format!("{}{path}", self.site)).send().await;
        Answer::from_response(sent.with_context(|| format!("GET {path}"))?).await
    }

    /// The token that forms carry.
    async fn token(&self) -> Result<String> {
        let page = self.get("/about").await?.text();
        let token =
            page.split("name=\"csrf-token\" content=\"").nth(1).and_then(|rest| rest.split('"').next());
        Ok(token.context("no token in the page")?.to_owned())
    }

    /// Sends a form, with its token.
    ///
    /// # Errors
    /// No answer at all.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Result<Answer> {
        let token = self.token().await?;
        let mut body = form_urlencoded::Serializer::new(String::new());
        let body = body.append_pair("csrf_token", &token).extend_pairs(fields).finish();
        let request = self.client.post(format!("{}{path}", self.site));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        Answer::from_response(request.send().await.with_context(|| format!("POST {path}"))?).await
    }

    /// Uploads a topography of that name.
    ///
    /// # Errors
    /// No answer at all.
    pub async fn upload(&self, name: &str, bytes: Vec<u8>) -> Result<Answer> {
        let file = reqwest::multipart::Part::bytes(bytes).file_name(name.to_owned());
        let form = reqwest::multipart::Form::new().text("csrf_token", self.token().await?).part("file", file);
        let sent = self.client.post(format!("{}/upload", self.site)).multipart(form).send().await;
        Answer::from_response(sent.with_context(|| format!("uploading {name}"))?).await
    }

    /// Logs in; the answer is the site's, right or wrong.
    ///
    /// # Errors
    /// No answer at all.
    pub async fn log_in(&self, name: &str, password: &str) -> Result<Answer> {
        self.post("/auth/login", &[("username", name), ("password", password)]).await
    }

    /// Makes an account and logs in with it.
    ///
    /// # Errors
    /// A refusal.
    pub async fn register_and_log_in(&self, name: &str) -> Result<()> {
        let password = "continents drift";
        let made = self.post("/auth/register", &[("username", name), ("password", password)]).await?;
        ensure!(made.status.is_redirection(), "{}: {}", made.status, made.text());
        let inside = self.log_in(name, password).await?;
        ensure!(inside.location == "/", "{}: {}", inside.status, inside.text());
        Ok(())
    }
}
