//! The stack for one strong machine: PostgreSQL, several workers and several of those that serve pages.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use end_to_end::deployment::until;
use end_to_end::visitor::PASSWORD;
use end_to_end::{Deployment, Visitor, planet, runbook};
use testkit::tell;

use crate::load::{Load, fine};
use crate::restarts::{Routings, started_again};

/// Routings that are asked for at once, beside those of the load.
const MANY: usize = 24;

const WORKERS: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn several_of_each_lose_nothing_with_a_worker_and_the_database() -> Result<()> {
    let Some(mut stack) = Deployment::new("scale", "latest").await? else { return Ok(()) };
    stack.scale(&[("flask_app", 2), ("panel_app", 2), ("python_worker", WORKERS)]);
    stack
        .run(async |stack| {
            let begun = Instant::now();
            stack.up()?;
            stack.until_ready().await?;
            tell(&format!("PostgreSQL and several of each are ready after {:.1} s", begun.elapsed().as_secs_f64()));
            let workers = stack.containers("python_worker")?;
            ensure!(workers.len() == WORKERS, "{workers:?}");
            let visitor = Visitor::register(&stack.address(), "murchison").await?;
            let raw = fine(&visitor).await?;
            let mut load = Load::begin(stack, "sedgwick").await?;
            let begun = Instant::now();
            let mut routings = Routings::begin(&visitor, &raw, MANY).await?;
            routings.at_work().await?;

            all_serve(stack).await?;

            // A worker with a step in hand goes, and does not come back.
            let gone = at_work_itself(stack, &workers, &mut routings).await?;
            stack.docker(&["kill", &gone])?;

            // PostgreSQL crashes, while steps run and an editor draws; then it is stopped in order.
            routings.at_work().await?;
            let mut told = Vec::new();
            let before = stack.inspect("database", "{{.State.StartedAt}}")?;
            stack.crash("database")?;
            started_again(stack, "database", &before).await?;
            let (pages, editor) = load.recovered("PostgreSQL, crashed", Instant::now()).await?;
            told.push(format!("PostgreSQL crashed {pages:.1} s, {editor:.1} s"));
            stack.compose(&["restart", "database"])?;
            let (pages, editor) = load.recovered("PostgreSQL, restarted", Instant::now()).await?;
            told.push(format!("PostgreSQL restarted {pages:.1} s, {editor:.1} s"));

            // Each of the two that serve pages, and of the two that serve the editor: the other does.
            for service in ["flask_app", "panel_app"] {
                for one in stack.containers(service)? {
                    stack.docker(&["kill", &one])?;
                    let what = format!("one {service} of two");
                    let (pages, editor) = load.recovered(&what, Instant::now()).await?;
                    told.push(format!("{what} {pages:.1} s, {editor:.1} s"));
                    stack.docker(&["start", &one])?;
                    until(&format!("{service} is ready"), async || Ok(stack.ask_container(&one, "/readyz").is_some()))
                        .await?;
                }
            }
            tell(&format!("until no page fails, until the editor draws, without {}", told.join("; ")));

            routings.all_there().await?;
            tell(&format!(
                "{} pipelines of {WORKERS} workers, one of them killed: done after {:.1} s, lost 0, doubled 0",
                routings.len(),
                begun.elapsed().as_secs_f64()
            ));
            tell(&format!("beside them {}", load.end().await?));
            let mut shares = Vec::new();
            for worker in &workers {
                let steps = stack.logs(worker)?.matches("step ended").count();
                ensure!(steps > 0 || *worker == gone, "a worker has done nothing");
                shares.push(steps.to_string());
            }
            tell(&format!("the workers have done {} steps", shares.join(", ")));
            let instance = stack.run_in("flask_app", "ls /usr/src/app/instance")?;
            ensure!(!instance.contains("sqlite"), "somebody works with SQLite: {instance}");
            stack.docker(&["start", &gone])?;
            backed_up_and_put_back(stack).await
        })
        .await
}

/// The commands of the runbook for PostgreSQL, in their order. What was done after the backup is gone at the end, what was done
/// before is there.
async fn backed_up_and_put_back(stack: &Deployment) -> Result<()> {
    let site = stack.address();
    let before = Visitor::register(&site, "before").await?.upload(&planet("raw.nc")?).await?;
    let folder = tempfile::tempdir()?;
    for (number, block) in runbook::blocks("scale")?.iter().enumerate() {
        block.run(stack, folder.path(), |_| {})?;
        stack.until_ready().await?;
        if number == 0 {
            Visitor::register(&site, "after").await?;
        }
    }
    ensure!(Visitor::log_in(&site, "after", PASSWORD).await.is_err(), "an account outlived the database");
    let visitor = Visitor::log_in(&site, "before", PASSWORD).await?;
    ensure!(!visitor.revisions(before).await?.is_empty(), "the upload of before is gone");
    tell("the runbook's backup of PostgreSQL was made, tried, and put back");
    Ok(())
}

/// Waits until each of several has answered somebody, as nginx tells.
async fn all_serve(stack: &Deployment) -> Result<()> {
    for container in ["flask_app", "panel_app"].map(|service| stack.containers(service)) {
        for container in container? {
            let network = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
            let address =
                format!(" {}:", stack.docker(&["inspect", "--format", network, &container])?.trim());
            let nginx = stack.container("nginx")?;
            until("each serves", async || Ok(stack.logs(&nginx)?.contains(&address))).await?;
        }
    }
    Ok(())
}

/// A worker that has a step in hand.
async fn at_work_itself(
    stack: &Deployment,
    workers: &[String],
    routings: &mut Routings<'_>,
) -> Result<String> {
    let mut found = None;
    until("a worker works", async || {
        routings.at_work().await?;
        for worker in workers {
            let log = stack.logs(worker)?;
            if log.matches("step started").count() > log.matches("step ended").count() {
                found = Some(worker.clone());
            }
        }
        Ok(found.is_some())
    })
    .await?;
    found.context("a worker")
}
