//! People who use the site while it is operated on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use end_to_end::{Deployment, Visitor, planet};
use serde_json::json;
use tokio::task::JoinHandle;

/// How long a page may still fail once its service is back.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// How often pages are looked at.
const PULSE: Duration = Duration::from_millis(100);

/// How long a page may take before it counts as failed.
const SLOW: Duration = Duration::from_secs(5);

/// The synthetic planet at one degree, whose steps take seconds.
pub(crate) async fn fine(visitor: &Visitor) -> Result<Vec<u8>> {
    let workflow = visitor.upload(&planet("raw.nc")?).await?;
    let grid =
        json!({"limits": "default", "Longitude Step": "1", "Latitude Step": "1", "interpolator": "linear"});
    visitor.ask(workflow, "regrid", grid).await?;
    visitor.until(workflow, "regrid", "done").await?;
    let file = visitor.get(&format!("/api/v1/data-files/{workflow}/latest/raw")).await?;
    Ok(file.bytes().await?.to_vec())
}

/// One request that failed.
#[derive(Debug, Clone)]
struct Failure {
    ended: Instant,
    what: String,
}

/// A modeller who keeps a pipeline running, and somebody who looks at pages all the time.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    failures: Arc<Mutex<Vec<Failure>>>,
    looked: Arc<Mutex<usize>>,
    visitor: Visitor,
    looking: JoinHandle<()>,
    modelling: JoinHandle<Result<Vec<i64>>>,
}

impl Load {
    /// Begins with one workflow, whose pages are looked at, the editor's among them where there is one.
    pub(crate) async fn begin(stack: &Deployment, name: &str) -> Result<Self> {
        let visitor = Visitor::register(&stack.address(), name).await?;
        let raw = planet("raw.nc")?;
        let first = visitor.upload(&raw).await?;
        let stop = Arc::new(AtomicBool::new(false));
        let failures = Arc::new(Mutex::new(Vec::new()));
        let looked = Arc::new(Mutex::new(0));
        let mut pages = vec!["/auth/login".to_owned(), "/".to_owned(), format!("/{first}/steps")];
        if stack.services().contains(&"panel_app") {
            pages.push(format!("/panel/internal_oceans?id={first}&redirect=/{first}/steps"));
        }
        let looking = tokio::spawn(look(
            visitor.clone(),
            pages,
            Arc::clone(&stop),
            Arc::clone(&failures),
            Arc::clone(&looked),
        ));
        let modelling = tokio::spawn(model(visitor.clone(), raw, first, Arc::clone(&stop)));
        Ok(Self { stop, failures, looked, visitor, looking, modelling })
    }

    /// Waits until pages come again without a failure, and gives how long after `back` the last one failed.
    ///
    /// # Errors
    /// It took longer than [`GRACE`].
    pub(crate) async fn recovered(&self, what: &str, back: Instant) -> Result<f64> {
        let last = || {
            let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            failures.iter().rev().find(|failure| failure.ended > back).cloned()
        };
        loop {
            let failed = last();
            let since = failed.as_ref().map_or(back, |failure| failure.ended);
            let seconds = since.duration_since(back);
            let told = failed.map(|failure| failure.what).unwrap_or_default();
            ensure!(
                seconds <= GRACE,
                "{what}: pages fail {:.1} s after it is back: {told}",
                seconds.as_secs_f64()
            );
            // Every page has been looked at a few times without a failure.
            if since.elapsed() > PULSE * 15 {
                return Ok(seconds.as_secs_f64());
            }
            tokio::time::sleep(PULSE).await;
        }
    }

    /// Ends the load; checks that all that was asked for is there, once. Gives the numbers of workflows, of looks, and of
    /// looks that failed.
    ///
    /// # Errors
    /// Something is lost or doubled.
    pub(crate) async fn end(self) -> Result<(usize, usize, usize)> {
        self.stop.store(true, Ordering::SeqCst);
        self.looking.await.context("the one who looks")?;
        let workflows = self.modelling.await.context("the modeller")??;
        for workflow in &workflows {
            self.visitor.routed_once(*workflow).await?;
        }
        let looked = *self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = self.failures.lock().unwrap_or_else(PoisonError::into_inner).len();
        Ok((workflows.len(), looked, failed))
    }
}

async fn look(
    visitor: Visitor,
    pages: Vec<String>,
    stop: Arc<AtomicBool>,
    failures: Arc<Mutex<Vec<Failure>>>,
    looked: Arc<Mutex<usize>>,
) {
    let mut pulse = tokio::time::interval(PULSE);
    pulse.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for page in pages.iter().cycle() {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        pulse.tick().await;
        let what = match tokio::time::timeout(SLOW, visitor.once(page)).await {
            Ok(Ok(answer)) if answer.status().is_success() => None,
            Ok(Ok(answer)) => Some(format!("{page}: {}", answer.status())),
            Ok(Err(error)) => Some(format!("{page}: {error}")),
            Err(_) => Some(format!("{page}: no answer for {} s", SLOW.as_secs())),
        };
        *looked.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        if let Some(what) = what {
            let failure = Failure { ended: Instant::now(), what };
            failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
        }
    }
}

/// Routes one workflow after the other; each is asked for once.
async fn model(visitor: Visitor, raw: Vec<u8>, first: i64, stop: Arc<AtomicBool>) -> Result<Vec<i64>> {
    let mut workflows = vec![first];
    loop {
        let workflow = *workflows.last().context("a workflow")?;
        visitor.ask_for_routing(workflow).await?;
        visitor.until(workflow, "routing", "done").await?;
        if stop.load(Ordering::SeqCst) {
            return Ok(workflows);
        }
        workflows.push(visitor.upload(&raw).await?);
    }
}
