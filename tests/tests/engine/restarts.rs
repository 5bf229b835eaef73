//! Each service goes away and comes back while the stack is used; then all at once.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use end_to_end::deployment::until;
use end_to_end::{Deployment, Visitor};
use testkit::tell;

use crate::load::{Load, fine};

/// Routings that are asked for at once, so that some still wait when something happens.
const MANY: usize = 12;

/// How long a stopped service stays away: longer than anything waits for it, so that whoever needs it has given up by then.
const OUTAGE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn each_service_is_restarted_killed_recreated_and_stopped_under_load() -> Result<()> {
    let Some(mut stack) = Deployment::new("restarts", "latest").await? else { return Ok(()) };
    stack
        .run(async |stack| {
            stack.up()?;
            stack.until_ready().await?;
            let mut load = Load::begin(stack, "fitzroy").await?;
            for service in stack.services() {
                let mut told = Vec::new();
                for action in [Action::Restart, Action::Crash, Action::Recreate] {
                    let (away, back) = action.take(stack, service).await?;
                    let what = format!("{service}, {action:?}");
                    let (pages, editor) = load.recovered(&what, back).await?;
                    let away = (back - away).as_secs_f64();
                    told.push(format!("{action:?} {away:.1} s + {pages:.1} s, {editor:.1} s"));
                }
                tell(&format!(
                    "{service} (away + until no page fails, until the editor draws): {}",
                    told.join("; ")
                ));
            }
            // Several at a time, none of which stands before another.
            let groups: [&[&str]; 3] = [
                &["flask_app", "message_dispatcher", "mosaic_worker"],
                &["panel_app", "python_worker", "message_broker"],
                &["nginx"],
            ];
            for stopped in groups {
                let stopped: Vec<&str> =
                    stack.services().into_iter().filter(|s| stopped.contains(s)).collect();
                let away = Instant::now();
                for service in &stopped {
                    stack.compose(&["stop", service])?;
                }
                tokio::time::sleep(OUTAGE).await;
                stack.compose(&[&["start"], &stopped[..]].concat())?;
                let (what, back) = (stopped.join(", "), Instant::now());
                let (pages, editor) = load.recovered(&format!("{what}, stopped and started"), back).await?;
                let away = (back - away).as_secs_f64();
                tell(&format!("{what} stopped and started: {away:.1} s + {pages:.1} s, {editor:.1} s"));
            }
            tell(&format!("all of it under load: {}", load.end().await?));
            Ok(())
        })
        .await
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Action {
    Restart,
    Crash,
    Recreate,
}

impl Action {
    /// Gives when the service went away and when it was back.
    async fn take(self, stack: &Deployment, service: &str) -> Result<(Instant, Instant)> {
        let begun = Instant::now();
        match self {
            Self::Restart => drop(stack.compose(&["restart", service])?),
            Self::Crash => {
                let started = stack.inspect(service, "{{.State.StartedAt}}")?;
                stack.crash(service)?;
                started_again(stack, service, &started).await?;
            }
            Self::Recreate => {
                let address =
                    || stack.inspect(service, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
                let before = address()?;
                stack.compose(&["stop", service])?;
                // Somebody else gets the address, as it happens when several are recreated.
                let squatter = stack.squat()?;
                stack.compose(&["up", "--detach", "--no-deps", "--force-recreate", service])?;
                let back = Instant::now();
                ensure!(address()? != before, "{service} has kept its address {before}");
                stack.docker(&["rm", "--force", &squatter])?;
                return Ok((begun, back));
            }
        }
        Ok((begun, Instant::now()))
    }
}

/// Waits until the engine has started a service again that was started at `before`, and has crashed.
pub(crate) async fn started_again(stack: &Deployment, service: &str, before: &str) -> Result<()> {
    until(&format!("{service} is started again after a crash"), async || {
        let now = stack.inspect(service, "{{.State.Running}} {{.State.StartedAt}}")?;
        Ok(now.strip_prefix("true ").is_some_and(|now| now != before))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_and_a_broker_without_its_memory_lose_nothing() -> Result<()> {
    let Some(mut stack) = Deployment::new("powercut", "latest").await? else { return Ok(()) };
    stack
        .run(async |stack| {
            stack.up()?;
            stack.until_ready().await?;
            let visitor = Visitor::register(&stack.address(), "darwin").await?;
            // Fine enough for a step to take its time.
            let raw = fine(&visitor).await?;

            // Everything at once, while a step runs and others wait.
            let mut routings = Routings::begin(&visitor, &raw, MANY).await?;
            routings.at_work().await?;
            let checksums = instance(stack)?;
            stack.compose(&["kill"])?;
            let begun = Instant::now();
            stack.up()?;
            stack.until_ready().await?;
            let ready = begun.elapsed();
            routings.all_there().await?;
            tell(&format!(
                "after a power cut: ready after {:.1} s, {} pipelines done after {:.1} s, lost 0, doubled 0",
                ready.as_secs_f64(),
                routings.len(),
                begun.elapsed().as_secs_f64()
            ));
            let after = instance(stack)?;
            for line in checksums.lines() {
                ensure!(after.contains(line), "after the power cut the volume lacks {line}");
            }

            // The broker alone, removed and made anew, with its volume and without it.
            for volume in [true, false] {
                let mut routings = Routings::begin(&visitor, &raw, MANY).await?;
                routings.at_work().await?;
                stack.docker(&["rm", "--force", &stack.container("message_broker")?])?;
                // While it is away, too.
                routings.ask(1).await?;
                if !volume {
                    stack.docker(&["volume", "rm", &stack.volume("broker_storage")])?;
                }
                let begun = Instant::now();
                stack.compose(&["up", "--detach", "--no-deps", "message_broker"])?;
                routings.all_there().await?;
                let log = stack.compose(&["logs", "--no-color"])?;
                ensure!(volume != log.contains("has lost its memory"), "asked for again: {}", !volume);
                tell(&format!(
                    "broker made anew {} its volume: {} pipelines done after {:.1} s, lost 0, doubled 0",
                    if volume { "with" } else { "without" },
                    routings.len(),
                    begun.elapsed().as_secs_f64()
                ));
            }
            Ok(())
        })
        .await
}

/// Routings of one topography, each asked for once.
pub(crate) struct Routings<'a> {
    visitor: &'a Visitor,
    topography: &'a [u8],
    at_once: usize,
    asked: Vec<i64>,
}

impl<'a> Routings<'a> {
    /// Asks for so many at once that some still wait when something happens.
    pub(crate) async fn begin(visitor: &'a Visitor, topography: &'a [u8], at_once: usize) -> Result<Self> {
        let mut routings = Self { visitor, topography, at_once, asked: Vec::new() };
        routings.ask(at_once).await?;
        Ok(routings)
    }

    /// Asks for more.
    pub(crate) async fn ask(&mut self, times: usize) -> Result<()> {
        let first = self.asked.len();
        for _ in 0..times {
            self.asked.push(self.visitor.upload(self.topography).await?);
        }
        for workflow in &self.asked[first..] {
            self.visitor.ask_for_routing(*workflow).await?;
        }
        Ok(())
    }

    /// Waits until one runs while another waits. Workers may be quicker than whatever happened in the meantime: when all are done,
    /// as many are asked for again.
    pub(crate) async fn at_work(&mut self) -> Result<()> {
        until("one runs while another waits", async || {
            let mut states = Vec::new();
            for workflow in self.asked.iter().rev().take(self.at_once) {
                states.push(self.visitor.steps(*workflow).await?.remove("routing").unwrap_or_default().0);
            }
            if states.iter().all(|state| state == "done") {
                ensure!(self.len() < 10 * self.at_once, "workers are quicker than anybody can ask");
                self.ask(self.at_once).await?;
            }
            Ok(states.iter().any(|s| s == "running") && states.iter().any(|s| s == "queued"))
        })
        .await
    }

    /// How many were asked for.
    pub(crate) fn len(&self) -> usize {
        self.asked.len()
    }

    /// Waits until all are there, once.
    pub(crate) async fn all_there(&self) -> Result<()> {
        for workflow in &self.asked {
            self.visitor.routed_once(*workflow).await.with_context(|| format!("workflow {workflow}"))?;
        }
        Ok(())
    }
}

/// The hash of every file that is whole (a name that begins with a dot is of one that is being written).
fn instance(stack: &Deployment) -> Result<String> {
    stack.run_in(
        "flask_app",
        "cd /usr/src/app/instance && find . -name '*.nc' ! -name '.*' -exec sha256sum {} +",
    )
}
