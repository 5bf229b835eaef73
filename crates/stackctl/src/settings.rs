//! Arguments and environment made into peers that can be asked.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use reqwest_tls::ClientBuilder;
use serde_json::Value;

use crate::arguments::Peers;
use crate::engine::Engine;
use crate::portainer::{Portainer, Stack};
use crate::registry::{Credentials, ImageFolder, Registry};
use crate::{Error, Secret, http, secret};

/// How long an ordinary answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Registries whose credentials have variables of their own, as in the workflow that publishes the images.
const VARIABLES: [(&str, &str, &str); 2] = [
    ("docker.io", "DOCKER_USER", "DOCKER_PASSWORD"),
    ("registry.osupytheas.fr:443", "DOCKER_USER_OSU", "DOCKER_PASSWORD_OSU"),
];

/// The key of Docker Hub in the file of `docker login`.
const HUB_KEY: &str = "https://index.docker.io/v1/";

/// Makes peers of what was said.
#[derive(Debug)]
pub(crate) struct Settings<'a>(pub(crate) &'a Peers);

impl Settings<'_> {
    fn client(&self) -> Result<ClientBuilder, Error> {
        Ok(http::client(self.0.ca.as_deref())?.timeout(ANSWER_TIMEOUT))
    }

    /// Portainer.
    ///
    /// # Errors
    /// It is not named, or there is no token.
    pub(crate) fn portainer(&self) -> Result<Portainer, Error> {
        let Some(address) = &self.0.portainer else {
            return Err(Error::Usage(
                "this goes through Portainer: give its address by --portainer or PORTAINER_URL".to_owned(),
            ));
        };
        let base = http::address("Portainer's address", address)?;
        let Some(token) = secret::from_environment("PORTAINER_TOKEN")? else {
            return Err(Error::Usage(
                "Portainer wants an access token (My account, Access tokens): set PORTAINER_TOKEN or PORTAINER_TOKEN_FILE"
                    .to_owned(),
            ));
        };
        Ok(Portainer::new(http::build(http::here_only(self.client()?))?, base, token))
    }

    /// The engine: through Portainer where one is named.
    ///
    /// # Errors
    /// As [`Settings::portainer`], or an address that is none.
    pub(crate) async fn engine(&self) -> Result<Engine, Error> {
        if self.0.portainer.is_none() {
            return Engine::direct(self.client()?, &self.0.engine);
        }
        let portainer = self.portainer()?;
        let environment = portainer.environment(self.0.environment.as_deref()).await?;
        portainer.engine(environment)
    }

    /// Portainer, the stack in it, and its engine.
    ///
    /// # Errors
    /// As [`Settings::portainer`], or there is no such stack.
    pub(crate) async fn stack(&self) -> Result<(Portainer, Stack, Engine), Error> {
        let portainer = self.portainer()?;
        let environment = portainer.environment(self.0.environment.as_deref()).await?;
        let stack = portainer.stack(environment, &self.0.stack).await?;
        let engine = portainer.engine(environment)?;
        Ok((portainer, stack, engine))
    }

    /// The registries that were named.
    ///
    /// # Errors
    /// A name that is none.
    pub(crate) fn registries(&self) -> Result<Vec<Registry>, Error> {
        self.0.registry.iter().map(|place| self.registry(place)).collect()
    }

    /// A registry with the credentials that there are for it.
    ///
    /// # Errors
    /// A name that is none, or a file of credentials that cannot be read.
    pub(crate) fn registry(&self, place: &str) -> Result<Registry, Error> {
        let place = ImageFolder::parse(place)?;
        let credentials = self.credentials(&place.host)?;
        Ok(Registry::new(http::build(self.client()?)?, place, credentials))
    }

    fn credentials(&self, host: &str) -> Result<Option<Credentials>, Error> {
        for (registry, user, password) in VARIABLES {
            if registry == host
                && let (Some(user), Some(password)) =
                    (secret::from_environment(user)?, secret::from_environment(password)?)
            {
                return Ok(Some(Credentials { user: user.reveal().to_owned(), password }));
            }
        }
        let (path, needed) = match &self.0.registry_auth {
            Some(path) => (path.clone(), true),
            None => {
                let folder = std::env::var_os("DOCKER_CONFIG").map(PathBuf::from);
                let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".docker"));
                let Some(folder) = folder.or_else(home) else { return Ok(None) };
                (folder.join("config.json"), false)
            }
        };
        match fs::read_to_string(&path) {
            Ok(text) => logged_in(&text, host).map_err(|why| {
                Error::Refused(format!("{} is no file of `docker login`: {why}", path.display()))
            }),
            Err(_) if !needed => Ok(None),
            Err(source) => Err(Error::File { action: "read the credentials in", path, source }),
        }
    }
}

/// What `docker login` keeps for a host. (Where it keeps them in a helper program there is nothing in the file.)
fn logged_in(text: &str, host: &str) -> Result<Option<Credentials>, String> {
    let file: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let known: BTreeMap<String, &Value> = file["auths"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| {
            let bare = key.trim_start_matches("https://").trim_end_matches('/');
            (if key == HUB_KEY { "docker.io".to_owned() } else { bare.to_owned() }, value)
        })
        .collect();
    let Some(encoded) = known.get(host).and_then(|entry| entry["auth"].as_str()) else { return Ok(None) };
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded).ok();
    let pair = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    match pair.as_deref().and_then(|pair| pair.split_once(':')) {
        Some((user, password)) => {
            Ok(Some(Credentials { user: user.to_owned(), password: Secret::new(password) }))
        }
        None => Err(format!("what it holds for {host} cannot be read")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_only_to_the_registry_that_they_are_of() {
        let encoded = base64::engine::general_purpose::STANDARD.encode("me:pass:word");
        let file = format!(
            r#"{{"auths": {{"{HUB_KEY}": {{"auth": "{encoded}"}}, "registry.example:443": {{}}, "broken": {{"auth": "%"}}}}}}"#
        );
        let found = logged_in(&file, "docker.io").unwrap().unwrap();
        assert_eq!((found.user.as_str(), found.password.reveal()), ("me", "pass:word"));
        assert!(!format!("{found:?}").contains("pass:word"));
        assert!(logged_in(&file, "registry.example:443").unwrap().is_none());
        assert!(logged_in(&file, "elsewhere.example").unwrap().is_none());
        let error = logged_in(&file, "broken").unwrap_err();
        assert!(!error.contains('%'), "{error}");
        assert!(logged_in("no json", "docker.io").is_err());
    }
}
