//! The commands of `docs/maintenance.md` that need an engine, run as they stand there, in their order; and the operators' tool
//! on the stack that is left by them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use end_to_end::engine::{REGISTRY, SERVICES, image};
use end_to_end::visitor::PASSWORD;
use end_to_end::{Deployment, Visitor, binary, planet, runbook};
use serde_json::Value;
use testkit::tell;
use tokio::task::block_in_place;

/// What else may stand for a service whose binary is not built, so that a whole stack comes up.
fn stand_in(service: &str) -> &'static str {
    if service.ends_with("_worker") { "python_worker" } else { "flask_app" }
}

/// A `docker` that knows the stack under the runbook's name for it.
fn docker(stack: &Deployment, folder: &Path) -> Result<()> {
    let compose = stack.engine().compose();
    let words = std::iter::once(compose.get_program()).chain(compose.get_args());
    let words: Vec<&str> = words.filter_map(std::ffi::OsStr::to_str).collect();
    let real = Command::new("sh").args(["-c", "command -v docker"]).output()?;
    let real = String::from_utf8(real.stdout)?;
    // `docker compose` itself must not come back here.
    let program = words[0]
        .replace("docker", real.trim())
        .replace(&format!("{}-compose", real.trim()), "docker-compose");
    let script = format!(
        "#!/bin/bash\nif [[ $1 == compose ]]; then\n\
         [[ $2 == -p && $3 == climsim ]] || {{ echo 'the runbook names the stack: -p climsim' >&2; exit 2; }}\n\
         shift 3\nexec {program} {} --project-name {} --file docker-compose.yaml \"$@\"\nfi\nexec {} \"$@\"\n",
        words[1..].join(" "),
        stack.project(),
        real.trim()
    );
    let file = folder.join("docker");
    fs::write(&file, script)?;
    Ok(fs::set_permissions(&file, PermissionsExt::from_mode(0o755))?)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_runbook_does_its_work_on_a_real_stack() -> Result<()> {
    if fs::metadata("/proc/self")?.uid() != 0 {
        testkit::skipped("the runbook on an engine", "its operator is root");
        return Ok(());
    }
    let Some(mut stack) = Deployment::new("runbook", "latest").await? else { return Ok(()) };
    stack
        .run(async |stack| {
            for service in SERVICES.into_iter().filter(|service| !stack.engine().services().contains(service))
            {
                stack.docker(&["tag", &image(stand_in(service), "latest"), &image(service, "latest")])?;
            }
            let folder = tempfile::tempdir()?;
            let (bin, work) = (folder.path().join("bin"), folder.path().join("climsim"));
            fs::create_dir(&bin)?;
            fs::create_dir(&work)?;
            fs::copy(
                Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/docker-compose.yaml"),
                work.join("docker-compose.yaml"),
            )?;
            docker(stack, &bin)?;
            let path = format!("{}:{}", bin.display(), std::env::var("PATH")?);
            let site = stack.address();
            let mut workflow = None;
            for block in runbook::blocks("engine")? {
                block.run(stack, folder.path(), |command| {
                    command
                        .current_dir(&work)
                        .env("PATH", &path)
                        .env("NGINX_PORT", site.trim_start_matches("http://"))
                        .env("REGISTRY", REGISTRY)
                        .env("STACK_TAG", "latest");
                })?;
                tell(&format!("runbook, {}: done", block.heading));
                // What a block leaves is a site that works, with what was there before.
                stack.until_ready().await?;
                if workflow.is_none() {
                    workflow =
                        Some(Visitor::register(&site, "operator").await?.upload(&planet("raw.nc")?).await?);
                }
                let visitor = Visitor::log_in(&site, "operator", PASSWORD).await?;
                let there = visitor.revisions(workflow.context("an upload")?).await?;
                ensure!(!there.is_empty(), "after '{}' the upload is gone", block.heading);
            }
            the_tool(stack).await
        })
        .await
}

/// `stackctl` on the engine, without Portainer.
async fn the_tool(stack: &Deployment) -> Result<()> {
    let tool = |line: &str| -> Result<(bool, String)> {
        let mut command = stack.engine().command(binary("stackctl").to_str().context("a path in UTF-8")?);
        command.args(line.split(' ')).args(["--stack", stack.project()]);
        let ran = block_in_place(|| command.output())?;
        let said =
            format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        Ok((ran.status.success(), said))
    };
    let (well, said) = tool("status --json")?;
    ensure!(well, "{said}");
    let status: Value = serde_json::from_str(&said)?;
    ensure!(status["services"].as_array().map(Vec::len) == Some(7), "{said}");
    ensure!(status["gauges"]["climsim_dead_letters"] == 0.0, "{said}");

    let before = stack.inspect("flask_app", "{{.State.StartedAt}}")?;
    let (well, said) = tool("restart flask_app")?;
    ensure!(well && stack.inspect("flask_app", "{{.State.StartedAt}}")? != before, "{said}");
    stack.until_ready().await?;

    let (well, said) = tool("logs message_dispatcher --tail 5")?;
    ensure!(well && !said.trim().is_empty(), "{said}");

    // A volume that is not there yet.
    let volume = format!("{}_backups", stack.project());
    let (well, said) = tool(&format!("backup {volume} --on-engine"))?;
    ensure!(well && said.contains(".json"), "{said}");
    let (well, said) = tool(&format!("restore {volume} --check --on-engine"))?;
    ensure!(well && said.contains("this release can open the database"), "{said}");
    stack.docker(&["volume", "rm", &volume])?;

    stack.compose(&["stop", "python_worker"])?;
    let (well, said) = tool("status")?;
    ensure!(!well && said.contains("no container of python_worker runs"), "{said}");
    Ok(())
}
