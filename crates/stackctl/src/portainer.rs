//! Portainer over its HTTP API: the environment, the stack, its file and variables, and its redeployment.
//!
//! Only what reads, and what deploys a stack again: stacks are never stopped, migrated or deleted from here.

use std::time::Duration;

use reqwest_tls::header::HeaderValue;
use reqwest_tls::{Client, RequestBuilder, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::{Error, Secret, http};

/// Six images are pulled over a slow line, and every service may take its time to stop.
const DEPLOYMENT: Duration = Duration::from_secs(30 * 60);

/// A Portainer, as the user of a token.
#[derive(Debug, Clone)]
pub(crate) struct Portainer {
    client: Client,
    base: Url,
    token: Secret,
}

/// A variable of a stack. Its value may be a secret: it is not shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Variable {
    /// Its name.
    pub(crate) name: String,
    /// Its value.
    #[serde(default)]
    pub(crate) value: String,
}

impl std::fmt::Debug for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}=(not shown)", self.name)
    }
}

/// A stack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stack {
    /// Portainer's number.
    pub(crate) id: i64,
    /// Its name.
    pub(crate) name: String,
    /// The environment that it runs in.
    pub(crate) environment: i64,
    /// Its variables.
    pub(crate) variables: Vec<Variable>,
    /// Where its file comes from, when it comes from Git.
    pub(crate) git: Option<Git>,
}

/// The repository of a stack's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Git {
    /// The branch or tag, `refs/heads/main`.
    pub(crate) reference: String,
    /// Portainer keeps credentials for it, under this user.
    pub(crate) user: Option<String>,
}

pub(crate) fn authorized(request: RequestBuilder, token: &Secret) -> RequestBuilder {
    match HeaderValue::from_str(token.reveal()) {
        Ok(mut value) => {
            value.set_sensitive(true);
            request.header("X-API-Key", value)
        }
        // Portainer says then that there is none.
        Err(_) => request,
    }
}

impl Portainer {
    /// The Portainer at an address.
    pub(crate) fn new(client: Client, base: Url, token: Secret) -> Self {
        Self { client, base, token }
    }

    fn url(&self, path: &str) -> Result<Url, Error> {
        self.base.join(path).map_err(|error| Error::answer(path, error.to_string()))
    }

    async fn get(&self, what: &str, path: &str) -> Result<Value, Error> {
        let request = authorized(self.client.get(self.url(path)?), &self.token);
        http::json(what, http::send(what, request).await?).await
    }

    /// The number of an environment, by its name or number; the only one when none is named.
    ///
    /// # Errors
    /// There is no such environment, or none is named and there are several.
    pub(crate) async fn environment(&self, wanted: Option<&str>) -> Result<i64, Error> {
        let all = self.get("the environments of Portainer", "api/endpoints").await?;
        let known: Vec<(i64, &str)> = all
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| Some((one["Id"].as_i64()?, one["Name"].as_str()?)))
            .collect();
        let names = || known.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ");
        match (wanted, known.as_slice()) {
            (None, [(id, _)]) => Ok(*id),
            (None, []) => Err(Error::Refused("Portainer shows this token no environment".to_owned())),
            (None, _) => Err(Error::Usage(format!(
                "Portainer has several environments: choose one with --environment ({})",
                names()
            ))),
            (Some(wanted), _) => known
                .iter()
                .find(|(id, name)| *name == wanted || id.to_string() == wanted)
                .map(|(id, _)| *id)
                .ok_or_else(|| {
                    Error::Refused(format!("Portainer has no environment '{wanted}', but {}", names()))
                }),
        }
    }

    /// The engine of an environment.
    ///
    /// # Errors
    /// None in practice: the address is one.
    pub(crate) fn engine(&self, environment: i64) -> Result<Engine, Error> {
        let base = self.url(&format!("api/endpoints/{environment}/docker/"))?;
        Ok(Engine::behind_portainer(self.client.clone(), base, self.token.clone()))
    }

    /// The stack of a name in an environment.
    ///
    /// # Errors
    /// There is none that this token may see.
    pub(crate) async fn stack(&self, environment: i64, name: &str) -> Result<Stack, Error> {
        let what = "the stacks of Portainer";
        let all = self.get(what, "api/stacks").await?;
        let mut names = Vec::new();
        for one in all.as_array().into_iter().flatten() {
            if one["EndpointId"].as_i64() != Some(environment) {
                continue;
            }
            if one["Name"] == name {
                return stack(one)
                    .ok_or_else(|| Error::answer(what, format!("'{name}' cannot be understood")));
            }
            names.extend(one["Name"].as_str());
        }
        Err(Error::Refused(format!(
            "there is no stack '{name}' in this environment of Portainer; there are: {} (choose with --stack)",
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        )))
    }

    /// The file of a stack.
    ///
    /// # Errors
    /// Portainer does not tell it.
    pub(crate) async fn file(&self, stack: &Stack) -> Result<String, Error> {
        let what = "the stack's file";
        let answer = self.get(what, &format!("api/stacks/{}/file", stack.id)).await?;
        match answer["StackFileContent"].as_str() {
            Some(text) if !text.trim().is_empty() => Ok(text.to_owned()),
            _ => Err(Error::answer(what, "Portainer has none")),
        }
    }

    /// Deploys a stack again with a file and its variables, pulling every image; the API wants all of it each time.
    /// Services that the file does not name any more are left alone.
    ///
    /// # Errors
    /// Portainer refuses, or the deployment fails.
    pub(crate) async fn deploy(
        &self,
        stack: &Stack,
        file: &str,
        variables: &[Variable],
    ) -> Result<(), Error> {
        let body = json!({
            "StackFileContent": file,
            "Env": variables,
            "Prune": false,
            // The name before 2.36, and since.
            "PullImage": true,
            "RepullImageAndRedeploy": true,
        });
        self.put(&format!("api/stacks/{}?endpointId={}", stack.id, stack.environment), &body).await
    }

    /// Deploys a stack again whose file is in Git: Portainer fetches it anew.
    ///
    /// # Errors
    /// As [`Portainer::deploy`].
    pub(crate) async fn deploy_from_git(
        &self,
        stack: &Stack,
        git: &Git,
        variables: &[Variable],
    ) -> Result<(), Error> {
        let body = json!({
            "RepositoryReferenceName": git.reference,
            // With an empty password Portainer takes the one that it keeps.
            "RepositoryAuthentication": git.user.is_some(),
            "RepositoryUsername": git.user.as_deref().unwrap_or_default(),
            "RepositoryPassword": "",
            "Env": variables,
            "Prune": false,
            "PullImage": true,
            "RepullImageAndRedeploy": true,
        });
        self.put(&format!("api/stacks/{}/git/redeploy?endpointId={}", stack.id, stack.environment), &body)
            .await
    }

    async fn put(&self, path: &str, body: &Value) -> Result<(), Error> {
        let request =
            authorized(self.client.put(self.url(path)?), &self.token).json(body).timeout(DEPLOYMENT);
        http::send("redeploying the stack", request).await.map(drop)
    }
}

fn stack(one: &Value) -> Option<Stack> {
    let git = &one["GitConfig"];
    let user = git["Authentication"]["Username"].as_str().map(str::to_owned);
    // Never fewer than there are: a deployment replaces all of them.
    let variables = match &one["Env"] {
        Value::Null => Vec::new(),
        some => serde_json::from_value(some.clone()).ok()?,
    };
    Some(Stack {
        id: one["Id"].as_i64()?,
        name: one["Name"].as_str()?.to_owned(),
        environment: one["EndpointId"].as_i64()?,
        variables,
        git: git.is_object().then(|| Git {
            reference: git["ReferenceName"].as_str().unwrap_or_default().to_owned(),
            user: git["Authentication"].is_object().then(|| user.unwrap_or_default()),
        }),
    })
}
