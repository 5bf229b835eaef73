//! The stack in Portainer: pinned, rolled back, redeployed, restarted, looked at; and what may never happen to it.

use anyhow::{Result, ensure};
use end_to_end::Registry;
use serde_json::{Value, json};

use crate::peers::{Peers, STACK_SECRET, TOKEN};
use crate::registry::{HALF, NEW, OLD};
use crate::tool::Tool;

fn tool(peers: &Peers) -> Tool {
    let mut tool = Tool::default()
        .with("PORTAINER_URL", &peers.address)
        .with("PORTAINER_ENVIRONMENT", "dev")
        .secret("PORTAINER_TOKEN", TOKEN);
    tool.secrets.push(STACK_SECRET.to_owned());
    tool
}

/// Portainer with the stack on the images of a real registry.
async fn on_registry() -> Result<Option<(Peers, Registry, Tool)>> {
    let Some(registry) = Registry::start().await? else { return Ok(None) };
    let peers = Peers::on(&registry).await?;
    let tool = tool(&peers).with("STACKCTL_CA", registry.authority().display());
    Ok(Some((peers, registry, tool)))
}

fn variable<'a>(body: &'a Value, name: &str) -> Option<&'a str> {
    let all = body["Env"].as_array()?;
    all.iter().find(|variable| variable["name"] == name)?["value"].as_str()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_is_pinned_to_complete_sets_only_and_keeps_everything_else() -> Result<()> {
    let Some((peers, _registry, tool)) = on_registry().await? else { return Ok(()) };
    let file = peers.world().file.clone();
    tool.run("pin 20990101T000000Z").await?.refused(1, &["no tag '20990101T000000Z'", "stackctl tags"])?;
    tool.run(&format!("pin {HALF}")).await?.refused(1, &["not complete", "netcdf_editor_mosaic_worker"])?;
    ensure!(peers.changes().is_empty(), "a refusal changed something");

    let said = tool.run(&format!("pin {OLD} --json")).await?.well()?.json()?;
    ensure!(said["from"] == "latest" && said["to"] == OLD, "{said}");
    let changes = peers.changes();
    let [(method, path, body)] = changes.as_slice() else { anyhow::bail!("{changes:?}") };
    ensure!((method.as_str(), path.as_str()) == ("PUT", "stacks/7"), "{path}");
    ensure!(body["StackFileContent"] == file, "the file is not whole");
    ensure!(
        variable(body, "STACK_TAG") == Some(OLD) && variable(body, "CSP_PASSWORD") == Some(STACK_SECRET),
        "{body}"
    );
    ensure!(
        body["PullImage"] == true && body["RepullImageAndRedeploy"] == true && body["Prune"] == false,
        "{body}"
    );
    // And back to what Watchtower follows.
    tool.run("pin latest").await?.well()?;
    ensure!(variable(&peers.changes()[0].2, "STACK_TAG") == Some("latest"), "not on latest");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_goes_to_the_complete_set_before_what_runs() -> Result<()> {
    let Some((peers, _registry, tool)) = on_registry().await? else { return Ok(()) };
    // It runs `latest`, which is the newest; the half set in between is passed over.
    let said = tool.run("rollback").await?.well()?;
    ensure!(said.out.contains(&format!("runs on {OLD} now")), "{said:?}");
    peers.changes();
    tool.run("rollback").await?.refused(1, &["no complete set before", OLD])?;
    ensure!(peers.changes().is_empty(), "a refusal changed something");
    tool.run(&format!("pin {NEW}")).await?.well()?;
    let said = tool.run("rollback --json").await?.well()?.json()?;
    ensure!(said["from"] == NEW && said["to"] == OLD, "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_well_after_a_deployment_is_named() -> Result<()> {
    let peers = Peers::start().await?;
    peers.world().statuses.insert("panel_app".into(), "Up 5 seconds (unhealthy)".into());
    let said = tool(&peers).run("redeploy --wait 2").await?;
    said.refused(1, &["deployed, but after 2 s", "climsim-panel_app-1 is unhealthy"])?;
    tool(&peers).run("redeploy --wait 0").await?.well()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_users_data_cannot_be_taken_from_the_stack() -> Result<()> {
    let peers = Peers::start().await?;
    let (tool, ours, folder) = (tool(&peers), peers.world().file.clone(), tempfile::tempdir()?);
    let path = folder.path().join("stack.yaml");
    let redeploy = format!("redeploy --file {}", path.display());
    let hostile = [
        ours.replace("instance_storage:", "fresh_storage:"),
        ours.replace("- instance_storage:/usr/src/app/instance", "- /tmp/instance:/usr/src/app/instance"),
        ours.replace("  instance_storage:\n  # What", "  instance_storage:\n    name: fresh\n  # What"),
        "services: {web: {image: nginx}}".to_owned(),
    ];
    for file in hostile {
        ensure!(file != ours, "the test changes nothing");
        std::fs::write(&path, file)?;
        tool.run(&redeploy).await?.refused(1, &["users' data", "Nothing was changed"])?;
    }
    std::fs::write(&path, "services: [")?;
    tool.run(&redeploy).await?.refused(1, &["no YAML"])?;

    peers.world().volumes.clear();
    tool.run("redeploy")
        .await?
        .refused(1, &["climsim_instance_storage", "does not exist", "--new-volume"])?;
    ensure!(peers.changes().is_empty(), "a refusal changed something");
    tool.run("redeploy --new-volume").await?.well()?;
    peers.world().volumes.insert("climsim_instance_storage".into());

    let better = ours.replace("mem_limit: 2g", "mem_limit: 3g");
    std::fs::write(&path, &better)?;
    tool.run(&redeploy).await?.well()?;
    ensure!(peers.world().file == better, "the new file is not deployed");
    let changes = peers.changes();
    ensure!(changes.iter().all(|(method, ..)| method == "PUT"), "{changes:?}");
    // No word of the tool's removes anything that users have.
    let help = tool.run("--help").await?.well()?;
    for word in ["  down", "  delete", "  remove", "  prune", "  stop"] {
        ensure!(!help.out.contains(word), "{word}: {}", help.out);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_from_git_is_fetched_anew() -> Result<()> {
    let peers = Peers::start().await?;
    let tool = tool(&peers);
    let ours = peers.world().file.clone();
    peers.world().git = Some(ours.clone());
    tool.run("redeploy").await?.well()?;
    let changes = peers.changes();
    let [(_, path, body)] = changes.as_slice() else { anyhow::bail!("{changes:?}") };
    ensure!(path == "stacks/7/git/redeploy", "{path}");
    ensure!(
        body["RepositoryReferenceName"] == "refs/heads/main" && body["RepositoryAuthentication"] == true,
        "{body}"
    );
    ensure!(body["RepositoryUsername"] == "deploy" && body["RepositoryPassword"] == "", "{body}");
    ensure!(variable(body, "CSP_PASSWORD") == Some(STACK_SECRET) && body["PullImage"] == true, "{body}");

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("stack.yaml");
    std::fs::write(&path, &ours)?;
    let said = tool.run(&format!("redeploy --file {}", path.display())).await?;
    said.refused(1, &["comes from Git"])?;
    ensure!(peers.changes().is_empty(), "a refusal changed something");
    // What was pushed to Git loses the volume: seen as soon as it can be.
    peers.world().git = Some(ours.replace("instance_storage:", "fresh_storage:"));
    tool.run("redeploy").await?.refused(1, &["from Git is deployed, but it is wrong", "Revert"])?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_service_is_restarted_and_no_other() -> Result<()> {
    let peers = Peers::start().await?;
    let tool = tool(&peers);
    tool.run("restart flask_app").await?.well()?;
    let changes = peers.changes();
    let [(method, path, _)] = changes.as_slice() else { anyhow::bail!("{changes:?}") };
    // As long as the stack file lets it finish.
    ensure!((method.as_str(), path.as_str()) == ("POST", "containers/flask_app/restart?t=40"), "{path}");
    tool.run("restart webserver").await?.refused(1, &["'webserver'", "message_dispatcher"])?;
    peers.world().statuses.insert("flask_app".into(), "Exited (1) 2 seconds ago".into());
    tool.run("restart flask_app --wait 1").await?.refused(1, &["is exited", "stackctl logs flask_app"])?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_every_service_is_shown() -> Result<()> {
    let peers = Peers::start().await?;
    let tool = tool(&peers);
    let said = tool.run("status").await?.well()?;
    for word in [
        "message_broker",
        "running, healthy",
        "0.1.0 abcdef012345",
        "climsim_queue_messages{queue=\"preprocessing\"} 3",
    ] {
        ensure!(said.out.contains(word), "no '{word}': {}", said.out);
    }
    ensure!(!said.out.contains("Versions differ"), "{}", said.out);

    {
        let mut world = peers.world();
        world.versions.insert("python_worker".into(), "0.2.0".into());
        world
            .not_ready
            .insert("flask_app".into(), json!({ "broker": "the message broker is not reachable" }));
        world.statuses.insert("mosaic_worker".into(), "Exited (137) 1 hour ago".into());
    }
    let said = tool.run("status").await?;
    ensure!(said.status == 1, "{said:?}");
    for word in [
        "Versions differ (0.1.0 abcdef012345; 0.2.0 abcdef012345)",
        "climsim-flask_app-1 misses the broker: the message broker is not reachable",
        "no container of mosaic_worker runs",
    ] {
        ensure!(said.out.contains(word), "no '{word}': {}", said.out);
    }
    let found = tool.run("status --json").await?.json()?;
    ensure!(found["problems"].as_array().map(Vec::len) == Some(3), "{found}");
    ensure!(found["gauges"]["climsim_dead_letters"] == 0.0, "{found}");
    tool.run("status --stack other").await?.refused(1, &["no container of a stack 'other'"])?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_shown_line_by_line() -> Result<()> {
    let peers = Peers::start().await?;
    let tool = tool(&peers);
    let said = tool.run("logs python_worker --tail 50").await?.well()?;
    ensure!(said.out == "python_worker says the last 50\nand complains", "{said:?}");
    let said = tool.run("logs python_worker --since 10m --json").await?.well()?;
    let lines: Vec<Value> = said.out.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    ensure!(lines.len() == 3 && lines[2]["line"] == "of late", "{said:?}");
    tool.run("logs python_worker --since yesterday").await?.refused(2, &["--since yesterday", "10m"])?;
    tool.run("logs python_worker --tail few").await?.refused(2, &["--tail few"])?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_helper_beside_the_service_backs_the_volume_up_and_only_the_helper_goes() -> Result<()> {
    let peers = Peers::start().await?;
    let tool = tool(&peers);
    peers.world().helper = ("/backups/20261125T000000Z.json: 12 files".to_owned(), 0);
    peers.world().helper_works = 4;
    let said = tool.run("backup /srv/climsim --on-engine --keep 7").await?.well()?;
    ensure!(said.out == "/backups/20261125T000000Z.json: 12 files", "{said:?}");
    let changes = peers.changes();
    let made = &changes[0].2;
    ensure!(
        made["Image"] == "image-of-flask_app" && made["HostConfig"]["VolumesFrom"] == json!(["flask_app"]),
        "{made}"
    );
    ensure!(made["HostConfig"]["Binds"] == json!(["/srv/climsim:/backups"]), "{made}");
    ensure!(
        made["Entrypoint"] == json!(["stackctl"]) && made["Cmd"] == json!(["backup", "/backups", "--keep=7"]),
        "{made}"
    );
    let removed: Vec<&str> = changes.iter().filter(|it| it.0 == "DELETE").map(|it| it.1.as_str()).collect();
    ensure!(removed == ["containers/helper?"], "{changes:?}");

    peers.world().helper = ("1 file is damaged".to_owned(), 1);
    let said = tool.run("restore climsim_backups --check --on-engine").await?;
    ensure!(said.status == 1 && said.out.contains("damaged"), "{said:?}");
    tool.run("backup backups/here --on-engine").await?.refused(2, &["neither an absolute path"])?;

    // A file that the move to PostgreSQL left behind is no backup of it.
    peers.changes();
    peers.world().environment =
        vec!["DATABASE_URL=".to_owned(), "DATABASE_URL_FILE=/run/secrets/url".to_owned()];
    tool.run("backup climsim_backups --on-engine").await?.refused(1, &["PostgreSQL", "pg_dump"])?;
    ensure!(peers.changes().is_empty(), "a refusal changed something");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_not_taken_elsewhere() -> Result<()> {
    let (here, elsewhere) = (Peers::start().await?, Peers::start().await?);
    here.world().elsewhere = Some(format!("{}/api/endpoints", elsewhere.address));
    tool(&here).run("status").await?.refused(1, &["307", "sends elsewhere"])?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_portainer_does_not_know_is_told_so() -> Result<()> {
    let peers = Peers::start().await?;
    let wrong = Tool::default()
        .with("PORTAINER_URL", &peers.address)
        .with("PORTAINER_ENVIRONMENT", "dev")
        .secret("PORTAINER_TOKEN", "ptr_schist");
    wrong.run("redeploy").await?.refused(1, &["401", "credentials"])?;
    let none = Tool::default().with("PORTAINER_URL", &peers.address);
    none.run("redeploy").await?.refused(2, &["PORTAINER_TOKEN_FILE"])?;
    Tool::default().run("redeploy").await?.refused(2, &["--portainer"])?;
    let several = none.clone().secret("PORTAINER_TOKEN", TOKEN);
    several.run("redeploy").await?.refused(2, &["--environment", "prod, dev"])?;
    several.run("redeploy --environment test").await?.refused(1, &["no environment 'test'", "prod, dev"])?;
    several
        .run("redeploy --environment 2 --stack other")
        .await?
        .refused(1, &["no stack 'other'", "climsim"])?;
    let secret = "sandstone";
    let mut open = Tool::default().with("PORTAINER_URL", format!("https://me:{secret}@portainer.example"));
    open.secrets.push(secret.to_owned());
    open.run("status").await?.refused(2, &["a user or a password"])?;
    let away = Tool::default().with("PORTAINER_URL", "http://127.0.0.1:1").secret("PORTAINER_TOKEN", TOKEN);
    away.run("status").await?.refused(1, &["the environments of Portainer", "no usable answer"])?;
    ensure!(peers.changes().is_empty(), "a refusal changed something");
    Ok(())
}
