//! The commands of `docs/maintenance.md` that need Portainer, a registry and Watchtower, run as they stand there. Those that
//! need an engine are run with it.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use end_to_end::{Registry, binary, runbook};

use crate::peers::{Peers, TOKEN, WATCHTOWER_TOKEN};

#[test]
fn every_block_says_what_it_needs() -> Result<()> {
    let blocks = runbook::all()?;
    ensure!(blocks.iter().any(|block| block.needs == "engine"), "no block is run with an engine");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_for_portainer_does_what_the_runbook_says() -> Result<()> {
    let Some(registry) = Registry::start().await? else { return Ok(()) };
    let peers = Peers::on(&registry).await?;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("docker-compose.yaml"), &peers.world().file)?;
    std::fs::write(folder.path().join("portainer.token"), TOKEN)?;
    std::fs::write(folder.path().join("watchtower.token"), WATCHTOWER_TOKEN)?;
    let tools = binary("stackctl").parent().context("a folder")?.display().to_string();
    for block in runbook::blocks("tools")? {
        // The runbook says where things are; the test says where its own are.
        let script = format!(
            "stackctl() {{ command stackctl \"$@\"; }}\n{}",
            block
                .script
                .replace("https://portainer.osupytheas.fr", &peers.address)
                .replace("http://127.0.0.1:5557", &peers.address)
                .replace("/etc/climsim", &folder.path().display().to_string())
        );
        let mut command = Command::new("bash");
        command
            .args(["-euo", "pipefail", "-c", &script])
            .current_dir(folder.path())
            .env_clear()
            .env("PATH", format!("{tools}:/usr/bin:/bin"))
            .env("STACKCTL_CA", registry.authority())
            .env("STACKCTL_REGISTRIES", registry.place())
            .env("PORTAINER_URL", &peers.address)
            .env("PORTAINER_ENVIRONMENT", "dev")
            .env("PORTAINER_TOKEN_FILE", folder.path().join("portainer.token"))
            .env("WATCHTOWER_URL", &peers.address)
            .env("WATCHTOWER_TOKEN_FILE", folder.path().join("watchtower.token"))
            .stdin(Stdio::null());
        let ran = tokio::task::spawn_blocking(move || command.output()).await??;
        ensure!(
            ran.status.success(),
            "under '{}':\n{}\n{}{}",
            block.heading,
            block.script,
            String::from_utf8_lossy(&ran.stdout),
            String::from_utf8_lossy(&ran.stderr)
        );
    }
    Ok(())
}
