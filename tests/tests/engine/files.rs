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

pub(crate) fn root() -> PathBuf {
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

/// The stack for a swarm, as `docker stack deploy` understands it; where only compose is there, as that does.
fn swarm(variables: &[(&str, &str)]) -> Result<Option<Value>> {
    let file = root().join("deploy/docker-stack.yaml");
    let mut command = Command::new("docker");
    command.args(["stack", "config", "-c"]).arg(&file).env_clear();
    // Asks no engine; the client wants a home.
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", "/tmp");
    command.envs(variables.iter().copied());
    match command.output() {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8(output.stdout)?;
            Ok(Some(serde_norway::from_str(&text).context("the swarm's stack resolved")?))
        }
        // Clients before 25 do not know `config`.
        Ok(output) if !String::from_utf8_lossy(&output.stderr).contains("unknown command") => {
            bail!("{}", String::from_utf8_lossy(&output.stderr))
        }
        _ => resolved(&["deploy/docker-stack.yaml"], variables),
    }
}

#[test]
fn the_swarm_runs_the_same_images_on_engines_of_its_own() -> Result<()> {
    let chosen = [("REGISTRY", "registry.osupytheas.fr:443"), ("STACK_TAG", "20261124T020000Z")];
    let (Some(plain), Some(tagged)) = (swarm(&[])?, swarm(&chosen)?) else { return Ok(()) };
    let services = plain["services"].as_object().context("services")?;
    let mut wanted: Vec<&str> = SERVICES.into_iter().chain(["nginx"]).collect();
    wanted.sort_unstable();
    let mut names: Vec<&str> = services.keys().map(String::as_str).collect();
    names.sort_unstable();
    ensure!(names == wanted, "{names:?}: broker and database are not part of it");
    for (name, service) in services {
        ensure!(
            service["image"] == format!("ceregecl/netcdf_editor_{name}:latest"),
            "{name}: {}",
            service["image"]
        );
        let image = format!("registry.osupytheas.fr:443/netcdf_editor_{name}:20261124T020000Z");
        ensure!(tagged["services"][name]["image"] == image, "{name}: {}", tagged["services"][name]["image"]);
        // The last is ignored by swarms.
        for key in [
            "build",
            "env_file",
            "depends_on",
            "links",
            "container_name",
            "privileged",
            "network_mode",
            "tmpfs",
        ] {
            ensure!(service.get(key).is_none_or(Value::is_null), "{name} has {key}");
        }
        ensure!(service["read_only"] == true && service["cap_drop"] == serde_json::json!(["ALL"]), "{name}");
        ensure!(service["logging"]["options"]["max-size"].is_string(), "{name}: its log grows without end");
        let update = &service["deploy"]["update_config"];
        let order = if name.ends_with("_worker") { "stop-first" } else { "start-first" };
        ensure!(update["order"] == order && update["failure_action"] == "rollback", "{name}: {update}");
        ensure!(service["deploy"]["resources"]["limits"]["memory"].is_string(), "{name} has no limit");
        // Who writes into the instance writes into the database of all machines too.
        let volumes = service["volumes"].as_array().context("volumes")?;
        let mounts = volumes.iter().any(|volume| volume["type"] == "volume");
        let has_database = service["environment"].to_string().contains("postgres://");
        ensure!(volumes.iter().any(|v| v["type"] == "tmpfs" && v["target"] == "/tmp"), "{name} has no /tmp");
        ensure!(mounts == has_database, "{name} has a volume or PostgreSQL, not both");
    }
    Ok(())
}

#[test]
fn portainers_templates_ask_for_variables_of_the_stack_file() -> Result<()> {
    let templates: Value = serde_json::from_str(&read("deploy/portainer/templates.json")?)?;
    ensure!(templates["version"] == "3", "{}", templates["version"]);
    let templates = templates["templates"].as_array().context("templates")?;
    ensure!(templates.len() == 2, "one for each registry");
    let mut registries = Vec::new();
    for template in templates {
        // Type 3 is a compose stack; these are what Portainer demands of one.
        ensure!(template["type"] == 3 && template["name"] == "climsim", "{template}");
        for key in ["title", "description", "note", "platform"] {
            ensure!(template[key].as_str().is_some_and(|text| !text.is_empty()), "no {key}");
        }
        let file = template["repository"]["stackfile"].as_str().context("a stack file")?;
        let text = read(file)?;
        for variable in template["env"].as_array().context("variables")? {
            let name = variable["name"].as_str().context("a name")?;
            ensure!(text.contains(&format!("${{{name}:-")), "{file} has no {name}");
            ensure!(variable["label"].is_string() && variable["default"].is_string(), "{variable}");
            if name == "REGISTRY" {
                registries.push(variable["default"].as_str().unwrap_or_default().to_owned());
            } else {
                let other = &templates[0]["env"];
                ensure!(other.as_array().context("variables")?.contains(variable), "they differ in {name}");
                let written =
                    text.split_once(&format!("${{{name}:-")).and_then(|(_, rest)| rest.split_once('}'));
                let default = written.map(|(default, _)| default).unwrap_or_default();
                ensure!(variable["default"] == default, "{name} is {default} in {file}");
            }
        }
    }
    ensure!(registries == ["ceregecl", "registry.osupytheas.fr:443"], "{registries:?}");
    Ok(())
}

#[test]
fn watchtower_follows_this_stack_only_and_waits_for_it() -> Result<()> {
    let stack = ["deploy/docker-compose.yaml"];
    let (Some(tower), Some(stack)) =
        (resolved(&["watchtower/docker-compose.yaml"], &[])?, resolved(&stack, &[])?)
    else {
        return Ok(());
    };
    let tower = &tower["services"]["watchtower"];
    ensure!(
        tower["image"].as_str().is_some_and(|image| image.starts_with("nickfedor/watchtower:")),
        "{tower}"
    );
    let set = &tower["environment"];
    for (name, value) in [
        ("WATCHTOWER_LABEL_ENABLE", "true"),
        ("WATCHTOWER_SCOPE", "climsim"),
        ("WATCHTOWER_POLL_INTERVAL", "300"),
        ("WATCHTOWER_LIFECYCLE_HOOKS", "true"),
        ("WATCHTOWER_CLEANUP", "true"),
        // Not served unless it is asked for.
        ("WATCHTOWER_HTTP_API_ENDPOINTS", ""),
    ] {
        ensure!(set[name] == value, "{name}: {}", set[name]);
    }
    let seconds = |value: &Value| value.as_str().and_then(|text| text.strip_suffix('s')?.parse::<u32>().ok());
    let patience = seconds(&set["WATCHTOWER_TIMEOUT"]).context("a time-out")?;
    for name in SERVICES {
        let service = &stack["services"][name];
        let grace = seconds(&service["stop_grace_period"]).context("a grace period")?;
        ensure!(patience > grace, "{name} may take {grace} s to stop, Watchtower waits {patience} s");
        let label = |key: &str| service["labels"][format!("com.centurylinklabs.watchtower.{key}")].clone();
        ensure!(label("scope") == "climsim" && label("enable") == "true", "{name}");
        ensure!(label("lifecycle.pre-update") == "/service pre-update", "{name}");
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
