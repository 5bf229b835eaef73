//! `pin`, `rollback`, `redeploy`: the stack deployed again by Portainer, with its data.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::Error;
use crate::arguments::Deploy;
use crate::commands::{services, tags::running};
use crate::engine::Engine;
use crate::file::{IMAGES, STACK_TAG, StackFile, image_of};
use crate::output::CommandOutput;
use crate::portainer::{Portainer, Stack, Variable};
use crate::settings::Settings;
use crate::tags::{self, holdings};

/// How far back `rollback` looks for what runs when the stack follows a moving tag.
const HORIZON: usize = 50;

/// The stack, and what Portainer knows of it.
struct StackContext {
    portainer: Portainer,
    stack: Stack,
    engine: Engine,
    text: String,
    file: StackFile,
}

impl StackContext {
    async fn read(settings: &Settings<'_>) -> Result<Self, Error> {
        let (portainer, stack, engine) = settings.stack().await?;
        let text = portainer.file(&stack).await?;
        let file = StackFile::parse(&text)?;
        Ok(Self { portainer, stack, engine, text, file })
    }

    /// The tag that the stack is deployed with.
    fn tag(&self) -> Result<String, Error> {
        Ok(self.file.image(&self.stack.variables)?.tag)
    }

    /// Refuses to make a new, empty volume where there should be one with data.
    async fn has_its_data(&self, deploy: &Deploy) -> Result<(), Error> {
        if deploy.new_volume {
            return Ok(());
        }
        for volume in self.file.instance_volumes(&self.stack.name, &self.stack.variables) {
            if !volume.starts_with('/') && !self.engine.has_volume(&volume).await? {
                return Err(Error::Refused(format!(
                    "the volume {volume} with the users' data does not exist in this environment: the stack would start \
                     without it. Restore it first, or say --new-volume if there is none yet"
                )));
            }
        }
        Ok(())
    }

    /// Deploys with these variables, and with another file where one is given.
    async fn deploy(&self, file: Option<&str>, variables: &[Variable], deploy: &Deploy) -> Result<(), Error> {
        self.has_its_data(deploy).await?;
        match (&self.stack.git, file) {
            (None, file) => {
                let file = file.unwrap_or(&self.text);
                self.portainer.deploy(&self.stack, file, variables).await
            }
            (Some(_), Some(_)) => Err(Error::Refused(
                "the stack's file comes from Git: change it there, and redeploy without --file".to_owned(),
            )),
            (Some(git), None) => {
                self.portainer.deploy_from_git(&self.stack, git, variables).await?;
                // What Git brought is known only now; the volume itself is still there.
                let fresh = StackFile::parse(&self.portainer.file(&self.stack).await?)?;
                fresh.keeps_instance_of(&self.file, &self.stack.name, variables).map_err(|error| {
                    Error::Refused(format!(
                        "the file from Git is deployed, but it is wrong: {error} in the volume itself. Revert it in Git, \
                         and redeploy"
                    ))
                })
            }
        }
    }

    /// Runs the stack on a tag.
    async fn run_on(
        &self,
        settings: &Settings<'_>,
        tag: &str,
        deploy: &Deploy,
    ) -> Result<CommandOutput, Error> {
        let was = self.tag()?;
        let mut variables = self.stack.variables.clone();
        match variables.iter_mut().find(|variable| variable.name == STACK_TAG) {
            Some(variable) => tag.clone_into(&mut variable.value),
            None => variables.push(Variable { name: STACK_TAG.to_owned(), value: tag.to_owned() }),
        }
        self.deploy(None, &variables, deploy).await?;
        let json = json!({ "stack": self.stack.name, "from": was, "to": tag });
        let text = format!("{} runs on {tag} now; it was {was}", self.stack.name);
        let text = services::settled(&self.engine, &settings.0.stack, Some(tag), seconds(deploy))
            .await?
            .map_or(text.clone(), |settled| format!("{text}\n{settled}"));
        Ok(CommandOutput::well(text, json))
    }

    fn can_be_pinned(&self) -> Result<(), Error> {
        if self.file.follows_stack_tag() {
            return Ok(());
        }
        Err(Error::Refused(format!(
            "the stack's file does not take the tag of its images from {STACK_TAG}: deploy the present one first \
             (`stackctl redeploy --file docker-compose.yaml`)"
        )))
    }
}

fn seconds(deploy: &Deploy) -> Duration {
    Duration::from_secs(deploy.wait)
}

pub(crate) async fn pin(settings: &Settings<'_>, tag: &str, deploy: &Deploy) -> Result<CommandOutput, Error> {
    let known = StackContext::read(settings).await?;
    known.can_be_pinned()?;
    let registry = settings.registry(&known.file.image(&known.stack.variables)?.place)?;
    let there = tags::all(&registry).await?;
    let missing = tags::missing(&there, tag);
    if missing.len() == IMAGES.len() {
        return Err(Error::Refused(format!(
            "{} has no tag '{tag}' (`stackctl tags` shows what it has)",
            registry.place()
        )));
    }
    if !missing.is_empty() {
        let missing: Vec<String> = missing.iter().map(|service| image_of(service)).collect();
        return Err(Error::Refused(format!(
            "the set '{tag}' at {} is not complete: it lacks {}",
            registry.place(),
            missing.join(", ")
        )));
    }
    known.run_on(settings, tag, deploy).await
}

pub(crate) async fn rollback(settings: &Settings<'_>, deploy: &Deploy) -> Result<CommandOutput, Error> {
    let known = StackContext::read(settings).await?;
    known.can_be_pinned()?;
    let registry = settings.registry(&known.file.image(&known.stack.variables)?.place)?;
    let pinned = known.tag()?;
    let now = if tags::is_stamp(&pinned) {
        pinned
    } else {
        let running = running(&known.engine, &known.stack.name).await?;
        let found = holdings(&registry, &running, HORIZON).await?;
        // In the middle of a round of Watchtower two sets run: back means behind the newer one.
        let set = found.sets.iter().find(|set| !set.running.is_empty());
        set.map(|set| set.tag.clone()).ok_or_else(|| {
            Error::Refused(format!(
                "the stack follows '{pinned}', and none of the newest {HORIZON} sets is what runs: choose one with \
                 `stackctl tags` and `stackctl pin`"
            ))
        })?
    };
    let there = tags::all(&registry).await?;
    let older = tags::complete_stamps(&there).into_iter().find(|stamp| *stamp < now.as_str());
    let Some(older) = older else {
        return Err(Error::Refused(format!("{} has no complete set before {now}", registry.place())));
    };
    known.run_on(settings, older, deploy).await
}

pub(crate) async fn redeploy(
    settings: &Settings<'_>,
    file: Option<&Path>,
    deploy: &Deploy,
) -> Result<CommandOutput, Error> {
    let known = StackContext::read(settings).await?;
    let text = file
        .map(|path| {
            fs::read_to_string(path).map_err(|source| Error::File {
                action: "read",
                path: path.to_owned(),
                source,
            })
        })
        .transpose()?;
    if let Some(text) = &text {
        let variables = &known.stack.variables;
        StackFile::parse(text)?.keeps_instance_of(&known.file, &known.stack.name, variables)?;
    }
    known.deploy(text.as_deref(), &known.stack.variables, deploy).await?;
    let done = format!("{} is deployed again", known.stack.name);
    let done = services::settled(&known.engine, &settings.0.stack, None, seconds(deploy))
        .await?
        .map_or(done.clone(), |settled| format!("{done}\n{settled}"));
    Ok(CommandOutput::well(done, json!({ "stack": known.stack.name, "redeployed": true })))
}
