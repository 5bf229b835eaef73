//! People who use the site while it is operated on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use end_to_end::editor::Click;
use end_to_end::{Deployment, Editor, Visitor, planet};
use serde_json::json;
use tokio::task::JoinHandle;

/// How long a page may still fail once its service is back.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// How often pages are looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// How long the modeller thinks between two pipelines: each leaves 20 MB behind.
const THOUGHT: Duration = Duration::from_secs(1);

/// How often something is drawn in the editor.
const STROKES: Duration = Duration::from_millis(500);

/// What is done in the editor, again and again: something is always undone, and sometimes drawn over.
const CLICKS: [Click; 7] =
    [Click::Stroke, Click::Stroke, Click::Stroke, Click::Undo, Click::Stroke, Click::Undo, Click::Redo];

/// How long a page may take before it counts as failed.
const SLOW: Duration = Duration::from_secs(5);

/// The synthetic planet at one degree, whose routing takes a worker of the stack some tenths of a second.
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

/// A modeller who keeps a pipeline running, somebody who looks at pages all the time, and somebody who draws in the editor.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    failures: Arc<Mutex<Vec<Failure>>>,
    looked: Arc<Mutex<usize>>,
    visitor: Visitor,
    looking: JoinHandle<()>,
    modelling: JoinHandle<Result<Vec<i64>>>,
    /// When each click in the editor was confirmed.
    confirmed: Arc<Mutex<Vec<Instant>>>,
    editing: Option<JoinHandle<Result<Editor>>>,
}

/// What there was to a [`Load`].
pub(crate) struct LoadSummary {
    pub(crate) workflows: usize,
    pub(crate) looks: usize,
    pub(crate) failed: usize,
    /// In the editor.
    pub(crate) clicks: usize,
    pub(crate) connections: usize,
    pub(crate) strokes: usize,
}

impl std::fmt::Display for LoadSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { workflows, looks, failed, clicks, connections, strokes } = self;
        write!(
            f,
            "{workflows} pipelines, lost 0, doubled 0; {looks} pages looked at, {failed} failed; in the editor {clicks} clicks \
             over {connections} connections, lost 0, doubled 0, all {strokes} strokes there and undone in the end"
        )
    }
}

impl Load {
    /// Begins with one workflow, whose pages are looked at, the editor's among them where there is one.
    pub(crate) async fn begin(stack: &Deployment, name: &str) -> Result<Self> {
        Self::on(&stack.address(), stack.services().contains(&"panel_app"), name).await
    }

    /// As [`Load::begin`], on any site.
    pub(crate) async fn on(site: &str, has_editor: bool, name: &str) -> Result<Self> {
        let visitor = Visitor::register(site, name).await?;
        let raw = planet("raw.nc")?;
        let first = visitor.upload(&raw).await?;
        let stop = Arc::new(AtomicBool::new(false));
        let failures = Arc::new(Mutex::new(Vec::new()));
        let looked = Arc::new(Mutex::new(0));
        let mut pages = vec!["/auth/login".to_owned(), "/".to_owned(), format!("/{first}/steps")];
        let (mut editing, confirmed) = (None, Arc::new(Mutex::new(Vec::new())));
        if has_editor {
            let editor = Editor::open(&visitor, visitor.upload(&raw).await?).await?;
            editing = Some(tokio::spawn(edit(editor, Arc::clone(&stop), Arc::clone(&confirmed))));
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
        Ok(Self { stop, failures, looked, visitor, looking, modelling, confirmed, editing })
    }

    /// Waits until pages come again without a failure, and gives how long after `back` the last one failed, and how long
    /// after `back` somebody could first draw again.
    ///
    /// # Errors
    /// It took longer than [`GRACE`].
    pub(crate) async fn recovered(&mut self, what: &str, back: Instant) -> Result<(f64, f64)> {
        let failures = Arc::clone(&self.failures);
        let last = || {
            let failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
            failures.iter().rev().find(|failure| failure.ended > back).cloned()
        };
        let pages = loop {
            let failed = last();
            let since = failed.as_ref().map_or(back, |failure| failure.ended);
            let seconds = since.duration_since(back);
            let told = failed.map(|failure| failure.what).unwrap_or_default();
            ensure!(
                seconds <= GRACE,
                "{what}: pages fail {:.1} s after it is back: {told}",
                seconds.as_secs_f64()
            );
            self.goes_on().await.with_context(|| what.to_owned())?;
            // Every page has been looked at a few times without a failure.
            if since.elapsed() > POLL_INTERVAL * 15 {
                break seconds;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        };
        if self.editing.is_none() {
            return Ok((pages.as_secs_f64(), 0.0));
        }
        loop {
            let first = {
                let confirmed = self.confirmed.lock().unwrap_or_else(PoisonError::into_inner);
                confirmed.iter().find(|drawn| **drawn > back).map(|drawn| drawn.duration_since(back))
            };
            if let Some(first) = first {
                ensure!(first <= GRACE, "{what}: the editor comes {:.1} s after it", first.as_secs_f64());
                return Ok((pages.as_secs_f64(), first.as_secs_f64()));
            }
            self.goes_on().await.with_context(|| what.to_owned())?;
            ensure!(back.elapsed() <= GRACE, "{what}: the editor does not come back");
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// How many looks at pages have failed until now.
    pub(crate) fn failed(&self) -> usize {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Nobody has given up.
    async fn goes_on(&mut self) -> Result<()> {
        if self.modelling.is_finished() {
            (&mut self.modelling).await?.context("the modeller")?;
            bail!("the modeller has gone");
        }
        match &mut self.editing {
            Some(editing) if editing.is_finished() => {
                editing.await?.context("the one who draws")?;
                bail!("the one who draws has gone");
            }
            _ => Ok(()),
        }
    }

    /// Ends the load; checks that all that was asked for is there, once.
    ///
    /// # Errors
    /// Something is lost or doubled.
    pub(crate) async fn end(mut self) -> Result<LoadSummary> {
        self.stop.store(true, Ordering::SeqCst);
        (&mut self.looking).await.context("the one who looks")?;
        let workflows = (&mut self.modelling).await.context("the modeller")??;
        for workflow in &workflows {
            self.visitor.routed_once(*workflow).await?;
        }
        let mut used = LoadSummary {
            workflows: workflows.len(),
            looks: *self.looked.lock().unwrap_or_else(PoisonError::into_inner),
            failed: self.failed(),
            clicks: self.confirmed.lock().unwrap_or_else(PoisonError::into_inner).len(),
            connections: 0,
            strokes: 0,
        };
        if let Some(editing) = self.editing {
            let mut editor = editing.await.context("the one who draws")?.context("the one who draws")?;
            editor.check().await.context("the map that was drawn")?;
            editor.undo_all().await.context("the map with everything undone")?;
            (used.connections, used.strokes) = (editor.connections(), editor.strokes());
        }
        Ok(used)
    }
}

async fn edit(
    mut editor: Editor,
    stop: Arc<AtomicBool>,
    confirmed: Arc<Mutex<Vec<Instant>>>,
) -> Result<Editor> {
    let mut pulse = tokio::time::interval(STROKES);
    pulse.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for click in CLICKS.into_iter().cycle() {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        pulse.tick().await;
        editor.click(click).await?;
        confirmed.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
    }
    Ok(editor)
}

async fn look(
    visitor: Visitor,
    pages: Vec<String>,
    stop: Arc<AtomicBool>,
    failures: Arc<Mutex<Vec<Failure>>>,
    looked: Arc<Mutex<usize>>,
) {
    let mut pulse = tokio::time::interval(POLL_INTERVAL);
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
        tokio::time::sleep(THOUGHT).await;
        workflows.push(visitor.upload(&raw).await?);
    }
}
