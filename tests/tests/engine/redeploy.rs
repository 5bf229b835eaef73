//! Two releases at work together: Watchtower's way, and the operator's, who pins and rolls back.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use end_to_end::deployment::until;
use end_to_end::engine::{PREVIOUS, image};
use end_to_end::{Deployment, Registry, Visitor, planet};
use testkit::tell;

use crate::load::Load;

/// The tag that moves.
const MOVING: &str = "moving";

/// What an updater is told by `pre-update` while it would disturb.
const COME_BACK_LATER: i32 = 75;

#[tokio::test(flavor = "multi_thread")]
async fn watchtower_replaces_one_service_after_the_other_under_load() -> Result<()> {
    let Some(mut stack) = Deployment::new("watchtower", PREVIOUS).await? else { return Ok(()) };
    tokio::task::block_in_place(|| stack.engine().images("latest"))?;
    let ours: Vec<&str> =
        stack.services().into_iter().filter(|service| *service != "message_broker").collect();
    for service in &ours {
        stack.docker(&["tag", &image(service, PREVIOUS), &image(service, MOVING)])?;
    }
    stack.set("STACK_TAG", MOVING);
    let seed = match std::env::var("CLIMSIM_SEED") {
        Ok(seed) => seed.parse()?,
        Err(_) => std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs(),
    };
    let order = shuffled(&ours, seed);
    tell(&format!("replaced in the order {} (CLIMSIM_SEED={seed})", order.join(", ")));
    stack
        .run(async |stack| {
            stack.up()?;
            stack.until_ready().await?;
            let mut load = Load::begin(stack, "hooker").await?;
            let mut told = Vec::new();
            for service in &order {
                // A new image under the tag; Watchtower sees that the digest is another.
                stack.docker(&["tag", &image(service, "latest"), &image(service, MOVING)])?;
                let before = stack.inspect(service, "{{.Image}}")?;
                let put_off = allowed(stack, service).await?;
                stack.compose(&["up", "--detach", "--no-deps", service])?;
                let back = Instant::now();
                ensure!(
                    stack.inspect(service, "{{.Image}}")? != before,
                    "{service} still runs the old image"
                );
                let (pages, editor) = load.recovered(&format!("{service} replaced"), back).await?;
                told.push(format!("{service} {pages:.1} s, {editor:.1} s (put off {put_off} times)"));
            }
            tell(&format!(
                "until no page fails, until the editor draws, after the replacement of {}",
                told.join(", ")
            ));
            tell(&format!("two releases together: {}", load.end().await?));
            Ok(())
        })
        .await
}

/// Asks the hook until it allows the update, as Watchtower does at every round; gives how often it was put off. A worker
/// at work has to put it off at least once.
async fn allowed(stack: &Deployment, service: &str) -> Result<usize> {
    let hook = stack.inspect(
        service,
        "{{index .Config.Labels \"com.centurylinklabs.watchtower.lifecycle.pre-update\"}}",
    )?;
    if hook.is_empty() {
        return Ok(0);
    }
    let mut put_off = 0;
    let must_wait = service == "python_worker";
    until(&format!("{service} lets itself be replaced"), async || {
        let code = stack.exit_code(service, &hook)?;
        ensure!(code == 0 || code == COME_BACK_LATER, "{service}: {hook} ends with {code}");
        put_off += usize::from(code == COME_BACK_LATER);
        Ok(code == 0 && (put_off > 0 || !must_wait))
    })
    .await?;
    Ok(put_off)
}

/// The services in an order that the seed decides.
fn shuffled<'a>(services: &[&'a str], seed: u64) -> Vec<&'a str> {
    let mut keyed: Vec<(u64, &str)> = services
        .iter()
        .zip(1_u64..)
        // Steps of a congruential generator: any order will do.
        .map(|(service, n)| {
            ((seed ^ n).wrapping_mul(6_364_136_223_846_793_005).rotate_left(29).wrapping_mul(n | 1), *service)
        })
        .collect();
    keyed.sort_unstable();
    keyed.into_iter().map(|(_, service)| service).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_pinned_and_rolled_back_on_the_newer_schema() -> Result<()> {
    let Some(mut stack) = Deployment::new("rollback", PREVIOUS).await? else { return Ok(()) };
    let Some(registry) = Registry::start().await? else { return Ok(()) };
    tokio::task::block_in_place(|| stack.engine().images("latest"))?;
    stack
        .run(async |stack| {
            // Docker asks registries of the loopback interface over TLS without looking at who signed.
            let place = registry.place();
            let (older, newer) = ("20260101T000000Z", "20260201T000000Z");
            let ours: Vec<&str> =
                stack.services().into_iter().filter(|service| *service != "message_broker").collect();
            for (local, tag) in [(PREVIOUS, older), ("latest", newer)] {
                for service in &ours {
                    let pushed = format!("{place}/netcdf_editor_{service}:{tag}");
                    stack.docker(&["tag", &image(service, local), &pushed])?;
                    stack.docker(&["push", "--quiet", &pushed])?;
                    // Pulled again by whoever deploys.
                    stack.docker(&["rmi", &pushed])?;
                }
            }
            stack.set("REGISTRY", &place);
            deploy(stack, newer).await?;
            let visitor = Visitor::register(&stack.address(), "lyell").await?;
            let raw = planet("raw.nc")?;
            let kept = visitor.upload(&raw).await?;
            visitor.ask_for_routing(kept).await?;
            visitor.routed_once(kept).await?;

            // As if the newer release had migrated one step that the older can read.
            schema(stack, "version = version + 1")?;
            let begun = Instant::now();
            deploy(stack, older).await?;
            tell(&format!("rolled back and ready after {:.1} s", begun.elapsed().as_secs_f64()));
            visitor.routed_once(kept).await.context("what was there before the rollback")?;
            let made = visitor.upload(&raw).await?;
            visitor.ask_for_routing(made).await?;
            visitor.routed_once(made).await?;
            deploy(stack, newer).await?;
            visitor.routed_once(made).await?;

            // One that it cannot read it refuses, by name, and leaves alone.
            schema(stack, "oldest_reader = version")?;
            stack.compose(&["restart", "flask_app"])?;
            until("the refusal is in the log", async || {
                let log = stack.compose(&["logs", "--no-color", "--tail", "20", "flask_app"])?;
                Ok(log.contains("newer"))
            })
            .await?;
            schema(stack, "oldest_reader = 1")?;
            visitor.get("/").await.context("after the newer release is back")?;
            Ok(())
        })
        .await
}

/// Pins a tag, pulls, and brings the stack up, as an operator does; checks that this is what runs.
async fn deploy(stack: &mut Deployment, tag: &str) -> Result<()> {
    stack.set("STACK_TAG", tag);
    let ours: Vec<&str> =
        stack.services().into_iter().filter(|service| *service != "message_broker").collect();
    let mut pull = vec!["pull", "--quiet"];
    pull.extend(&ours);
    stack.compose(&pull)?;
    stack.up()?;
    for service in ours {
        let runs = stack.inspect(service, "{{.Config.Image}}")?;
        ensure!(runs.ends_with(tag), "{service} runs {runs}");
    }
    stack.until_ready().await
}

/// Changes the row of the schema's version in the database of the volume.
fn schema(stack: &Deployment, change: &str) -> Result<()> {
    let database = stack.mountpoint("instance_storage")?.join("netcdf_editor.sqlite");
    let script = "import sqlite3, sys\n\
        database = sqlite3.connect(sys.argv[1], timeout=30)\n\
        database.execute('UPDATE climsim_schema SET ' + sys.argv[2])\n\
        database.commit()";
    let changed = Command::new("python3").args(["-c", script]).arg(database).arg(change).output()?;
    ensure!(changed.status.success(), "{}", String::from_utf8_lossy(&changed.stderr));
    Ok(())
}
