//! What the files of the stack promise, whether there is an engine or not.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// The files that `docker-compose` takes together.
const STACKS: [&[&str]; 4] = [
    &["deploy/docker-compose.yaml"],
    &["deploy/docker-compose.yaml", "deploy/docker-compose.dev.yaml"],
    &["deploy/docker-compose.yaml", "deploy/docker-compose.scale.yaml"],
    &["watchtower/docker-compose.yaml"],
];

/// The services of which we make the images, and which are binaries of this workspace.
pub(crate) const SERVICES: [&str; 5] =
    ["flask_app", "panel_app", "message_dispatcher", "python_worker", "mosaic_worker"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn read(path: &str) -> Result<String> {
    fs::read_to_string(root().join(path)).with_context(|| format!("reading {path}"))
}

/// What compose makes of files with an empty environment; `None`, said aloud, without compose.
fn resolved(files: &[&str], variables: &[(&str, &str)]) -> Result<Option<Value>> {
    let mut command = Command::new("docker-compose");
    for file in files {
        command.arg("-f").arg(root().join(file));
    }
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.envs(variables.iter().copied()).arg("config");
    let Ok(output) = command.output() else {
        testkit::skipped("no docker-compose", "apt-get install docker-compose");
        return Ok(None);
    };
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{files:?}: {complaint}");
    ensure!(!complaint.contains("variable is not set"), "{files:?} needs a variable: {complaint}");
    let text = String::from_utf8(output.stdout)?;
    Ok(Some(serde_norway::from_str(&text).with_context(|| format!("{files:?} resolved"))?))
}

#[test]
fn compose_accepts_every_stack_with_an_empty_environment() -> Result<()> {
    for files in STACKS {
        if resolved(files, &[])?.is_none() {
            break;
        }
    }
    Ok(())
}

#[test]
fn the_stack_file_can_be_pasted_and_its_services_start_alone() -> Result<()> {
    let Some(stack) = resolved(&["deploy/docker-compose.yaml"], &[])? else { return Ok(()) };
    let services = stack["services"].as_object().context("services")?;
    for (name, service) in services {
        for key in ["build", "env_file", "depends_on", "links", "container_name", "privileged"] {
            ensure!(service.get(key).is_none(), "{name} has {key}");
        }
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let volume = volume.as_str().context("a short volume")?;
            ensure!(!volume.starts_with(['/', '.', '~']), "{name} mounts {volume}");
        }
        ensure!(service["cap_drop"] == serde_json::json!(["ALL"]), "{name} keeps its capabilities");
        ensure!(service["logging"]["options"]["max-size"].is_string(), "{name}: its log grows without end");
        let label = &service["labels"]["com.centurylinklabs.watchtower.enable"];
        ensure!(label.is_string(), "{name} does not say whether Watchtower may replace it");
    }
    for service in SERVICES.into_iter().chain(["nginx"]) {
        let service_of = &services[service];
        let image = format!("ceregecl/netcdf_editor_{service}:latest");
        ensure!(service_of["image"] == image, "{service}: {}", service_of["image"]);
        ensure!(service_of["read_only"] == true && service_of["init"] == true, "{service}");
        ensure!(service_of["restart"] == "unless-stopped", "{service}");
    }
    // Written short or long, depending on the version of compose.
    let entry = &services["nginx"]["ports"][0];
    let published = match entry.as_str() {
        Some(short) => short.split(':').next().unwrap_or_default().to_owned(),
        None => entry["published"].to_string().trim_matches('"').to_owned(),
    };
    ensure!(published == "5556", "{entry}");
    Ok(())
}

#[test]
fn registry_and_tag_are_chosen_for_the_whole_stack() -> Result<()> {
    let chosen = [("REGISTRY", "registry.osupytheas.fr:443"), ("STACK_TAG", "20261124T020000Z")];
    let Some(stack) = resolved(&["deploy/docker-compose.yaml"], &chosen)? else { return Ok(()) };
    for (name, service) in stack["services"].as_object().context("services")? {
        if name == "message_broker" {
            continue;
        }
        let image = service["image"].as_str().context("an image")?;
        ensure!(image.starts_with("registry.osupytheas.fr:443/netcdf_editor_"), "{name}: {image}");
        ensure!(image.ends_with(":20261124T020000Z"), "{name}: {image}");
    }
    Ok(())
}

#[test]
fn both_ways_to_an_image_end_the_same() -> Result<()> {
    let end = |path: &str| -> Result<String> {
        let text = read(path)?;
        match text.find("# --- the image of a service") {
            Some(at) => Ok(text[at..].to_owned()),
            None => bail!("{path} has lost the line that begins the image"),
        }
    };
    ensure!(end("deploy/Dockerfile")? == end("deploy/Dockerfile.prebuilt")?, "they differ");
    Ok(())
}

#[test]
fn every_value_of_the_proxys_template_is_filled_in() -> Result<()> {
    let template = read("nginx/templates/default.conf.template")?;
    let entry = read("nginx/entrypoint.sh")?;
    let filled = entry.lines().find(|line| line.contains("envsubst '")).context("envsubst")?;
    let mut rest = template.as_str();
    while let Some(at) = rest.find("${") {
        rest = &rest[at + 2..];
        let name = &rest[..rest.find('}').context("a closing brace")?];
        ensure!(filled.contains(&format!("${name}")), "{name} is not filled in");
        ensure!(entry.contains(&format!("export {name}=")), "{name} has no default");
    }
    Ok(())
}
