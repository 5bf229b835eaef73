//! What a modeller does in the browser, again and again.

use std::path::Path;

use anyhow::{Context, Result};

use crate::Browser;

/// A modeller at a browser, on one site.
pub struct Modeller<'a> {
    /// The browser.
    pub browser: &'a Browser,
    /// The site's address, `http://HOST:PORT`.
    pub site: &'a str,
}

impl Modeller<'_> {
    /// Makes an account and logs in with it.
    ///
    /// # Errors
    /// A page that is not as it should be.
    pub async fn register_and_log_in(&self, name: &str) -> Result<()> {
        let browser = self.browser;
        browser.open(&format!("{}/auth/register", self.site)).await?;
        self.fill_in(name, "/auth/login").await?;
        self.fill_in(name, "/").await
    }

    /// Logs in with the account that [`Modeller::register_and_log_in`] made.
    ///
    /// # Errors
    /// As [`Modeller::register_and_log_in`].
    pub async fn log_in(&self, name: &str) -> Result<()> {
        self.browser.open(&format!("{}/auth/login", self.site)).await?;
        self.fill_in(name, "/").await
    }

    async fn fill_in(&self, name: &str, then: &str) -> Result<()> {
        let browser = self.browser;
        browser.type_into("#username", name).await?;
        browser.type_into("#password", "continents drift").await?;
        browser.click("main form button.primary").await?;
        browser.until(&format!("location.pathname == '{then}'")).await
    }

    /// Uploads a file whose coordinates are recognised, with what is typed into other fields (name, text); gives the
    /// number of the workflow, and stands on its page.
    ///
    /// # Errors
    /// As [`Modeller::register_and_log_in`].
    pub async fn upload(&self, file: &Path, details: &[(&str, &str)]) -> Result<i32> {
        let browser = self.browser;
        browser.open(&format!("{}/upload", self.site)).await?;
        browser.type_into("#file", file.to_str().context("a path in UTF-8")?).await?;
        for (name, text) in details {
            browser.type_into(&format!("input[name={name}]"), text).await?;
        }
        browser.click("main form button.primary").await?;
        browser.until("/^\\/\\d+\\/steps$/.test(location.pathname)").await?;
        let path = browser.client().current_url().await?.path().to_owned();
        let number = path.trim_matches('/').split('/').next().context("a number in the path")?;
        number.parse().with_context(|| format!("the number in {path}"))
    }

    /// Opens the form of a step and sends it as it stands.
    ///
    /// # Errors
    /// As [`Modeller::register_and_log_in`].
    pub async fn ask(&self, workflow: i32, page: &str) -> Result<()> {
        self.browser.open(&format!("{}/{workflow}/{page}", self.site)).await?;
        self.browser.click("main form button.primary").await
    }

    /// Waits until the page, without being loaded again by hand, shows a step in a state.
    ///
    /// # Errors
    /// It does not come to that.
    pub async fn sees(&self, step: &str, state: &str) -> Result<()> {
        self.browser
            .until(&format!("document.querySelector('#step-{step}')?.dataset.state == '{state}'"))
            .await
    }

    /// A client with the browser's session, for downloads and for the API.
    ///
    /// # Errors
    /// WebDriver's.
    pub async fn client(&self) -> Result<reqwest::Client> {
        let jar = reqwest::cookie::Jar::default();
        for cookie in self.browser.client().get_all_cookies().await? {
            jar.add_cookie_str(&format!("{}={}; Path=/", cookie.name(), cookie.value()), &self.site.parse()?);
        }
        Ok(reqwest::Client::builder().cookie_provider(jar.into()).build()?)
    }
}
