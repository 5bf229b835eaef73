//! One task from its message to its end.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use broker::{Bus, Delivery, Handler, Outcome};
use service::{Context, Metrics};
use store::{Claim, ClaimStatus, ClaimedRun, Finished, RunId, Store};
use tokio::sync::mpsc;
use workflow::message::SCHEMA;
use workflow::{Key, Message, Task};

use crate::progress::Superseded;
use crate::{Job, MAX_ATTEMPTS, Report, StepError, StepOutput, Steps};

/// How long a task waits when the store cannot be asked.
const STORE_BACKOFF: Duration = Duration::from_secs(1);
/// Reports on their way to the watchers.
const WATCHER_BACKLOG: usize = 64;

pub(crate) struct Worker {
    store: Store,
    bus: Arc<dyn Bus>,
    metrics: Metrics,
    steps: Arc<dyn Steps>,
    threads: Arc<rayon::ThreadPool>,
    watchers: mpsc::Sender<Message>,
    in_flight: Arc<Mutex<HashMap<RunId, ClaimedRun>>>,
}

/// How a computation ended.
enum RunOutcome {
    StepOutput(StepOutput),
    Failed(String),
    Superseded,
    Store(store::Error),
}

impl Worker {
    pub(crate) fn new(context: &Context, steps: Arc<dyn Steps>, threads: rayon::ThreadPool) -> Self {
        let (watchers, mut reports) = mpsc::channel::<Message>(WATCHER_BACKLOG);
        let bus = Arc::clone(&context.bus);
        tokio::spawn({
            let bus = Arc::clone(&bus);
            async move {
                while let Some(report) = reports.recv().await {
                    // Watchers read the store too.
                    let _ = bus.publish(std::slice::from_ref(&report)).await;
                }
            }
        });
        Self {
            store: context.store.clone(),
            bus,
            metrics: context.metrics.clone(),
            steps,
            threads: Arc::new(threads),
            watchers,
            in_flight: Arc::default(),
        }
    }

    /// Gives back what is in hand: the grace period is over.
    pub(crate) async fn release_all(&self) {
        let runs: Vec<_> = {
            let mut in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
            in_flight.drain().map(|(_, run)| run).collect()
        };
        for run in runs {
            tracing::warn!(run = %run.run, step = %run.step, "not finished in time: given back");
            if let Err(error) = self.on_store(move |store| store.release(&run)).await {
                tracing::warn!(%error, "could not give a run back; it is taken over when its message comes again");
            }
        }
    }

    async fn on_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, store::Error> + Send + 'static,
    ) -> Result<T, String> {
        let store = self.store.clone();
        match tokio::task::spawn_blocking(move || work(&store)).await {
            Ok(result) => result.map_err(|error| store::chain(&error)),
            Err(_) => Err("the store panicked, or the process is stopping".into()),
        }
    }

    async fn invalidate(&self, message: Message) -> Outcome {
        let done = message.follow(Key::Done(Task::Invalidate), message.body.clone());
        if let Err(error) = self.on_store(move |store| store.invalidate_by_message(&message)).await {
            tracing::warn!(%error, "could not mark steps as stale; trying again");
            return Outcome::Wait { after: STORE_BACKOFF };
        }
        match self.bus.publish(&[done]).await {
            Ok(()) => Outcome::Ack,
            Err(_) => Outcome::Wait { after: STORE_BACKOFF },
        }
    }

    async fn task(&self, message: Message) -> Outcome {
        let claim = {
            let message = message.clone();
            self.on_store(move |store| store.claim(&message)).await
        };
        let run = match claim {
            Ok(Claim::Run(run)) => run,
            Ok(Claim::Ended | Claim::Gone | Claim::NothingToDo) => return Outcome::Ack,
            Ok(Claim::Rejected { reason }) => return Outcome::Reject { reason },
            Err(error) => {
                tracing::warn!(key = message.key, %error, "could not claim a task; trying again");
                return Outcome::Wait { after: STORE_BACKOFF };
            }
        };
        if run.attempt > MAX_ATTEMPTS {
            let reason = format!(
                "{} stopped the program that computes it {MAX_ATTEMPTS} times in a row (out of memory?): a smaller \
                 grid may help",
                run.step.title()
            );
            let told = self.end(&run, RunOutcome::Failed(reason.clone())).await;
            return if told == Outcome::Ack { Outcome::Reject { reason } } else { told };
        }
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).insert(run.run, run.clone());
        let started = Instant::now();
        tracing::info!(
            run = %run.run, step = %run.step, data_file = run.data_file.0, attempt = run.attempt,
            request = run.request_id, "step started"
        );
        let ended = self.compute(run.clone(), message).await;
        let outcome = match &ended {
            RunOutcome::StepOutput(_) => "done",
            RunOutcome::Failed(_) => "failed",
            RunOutcome::Superseded => "superseded",
            RunOutcome::Store(_) => "retried",
        };
        let seconds = started.elapsed().as_secs_f64();
        let answer = self.end(&run, ended).await;
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).remove(&run.run);
        tracing::info!(run = %run.run, step = %run.step, outcome, seconds, request = run.request_id, "step ended");
        let labels = [("step", run.step.as_str()), ("outcome", outcome)];
        self.metrics.add("climsim_step_runs_total", &labels, 1.0);
        self.metrics.add("climsim_step_seconds_total", &labels, seconds);
        answer
    }

    /// Computes in a thread of its own, whatever happens there.
    async fn compute(&self, run: ClaimedRun, message: Message) -> RunOutcome {
        let (steps, threads) = (Arc::clone(&self.steps), Arc::clone(&self.threads));
        let (store, watchers) = (self.store.clone(), self.watchers.clone());
        let step = run.step;
        let computed = tokio::task::spawn_blocking(move || {
            let report = Report::new(store.clone(), run.clone(), message, watchers);
            let job = Job { run: &run, store: &store };
            catch_unwind(AssertUnwindSafe(|| threads.install(|| steps.run(&job, &report))))
        });
        match computed.await {
            Ok(Ok(Ok(made))) => RunOutcome::StepOutput(made),
            Ok(Ok(Err(StepError::Failed(reason)))) => RunOutcome::Failed(reason),
            Ok(Ok(Err(StepError::Store(error)))) => RunOutcome::Store(error),
            Ok(Err(panic)) if panic.is::<Superseded>() => RunOutcome::Superseded,
            Ok(Err(_)) | Err(_) => RunOutcome::Failed(format!(
                "{} met an error of the program itself, not of your data: please report it (the log of the worker \
                 names the place)",
                step.title()
            )),
        }
    }

    /// Writes down how a run ended; only then its message is acknowledged.
    async fn end(&self, run: &ClaimedRun, ended: RunOutcome) -> Outcome {
        let run = run.clone();
        let written = match ended {
            RunOutcome::StepOutput(made) => {
                let finish =
                    move |store: &Store| store.finish(&run, made.outputs, &made.parents, &made.findings);
                self.on_store(finish).await.map(|finished| finished == Finished::Discarded)
            }
            RunOutcome::Failed(reason) => {
                tracing::info!(run = %run.run, step = %run.step, reason, "step failed");
                self.on_store(move |store| store.fail(&run, &reason))
                    .await
                    .map(|standing| standing == ClaimStatus::Lost)
            }
            RunOutcome::Superseded => Ok(true),
            RunOutcome::Store(error) => Err(store::chain(&error)),
        };
        match written {
            Ok(discarded) => {
                if discarded {
                    tracing::info!(
                        "the run had been taken over, or its data file is gone: results discarded"
                    );
                }
                Outcome::Ack
            }
            Err(error) => {
                // The store counts how often it has begun; what the store itself did not take is not the task's fault.
                tracing::warn!(%error, "could not write down how a run ended; it runs again");
                Outcome::Wait { after: STORE_BACKOFF }
            }
        }
    }
}

#[async_trait]
impl Handler for Worker {
    async fn handle(&self, delivery: Delivery) -> Outcome {
        let message = delivery.message.with_target();
        if message.schema > SCHEMA {
            // A newer worker may take it; this one does not know what it means.
            return Outcome::Wait { after: Duration::from_secs(5) };
        }
        match message.key.parse() {
            Ok(Key::ForWorker(Task::Invalidate, _)) => self.invalidate(message).await,
            Ok(Key::ForWorker(Task::Step(step), _)) if self.steps.computes(step) => self.task(message).await,
            Ok(_) => Outcome::Reject { reason: format!("'{}' is no task of this worker", message.key) },
            Err(error) => Outcome::Reject { reason: error.to_string() },
        }
    }

    /// The bus has lost patience: whoever waits for the run is told.
    async fn give_up(&self, delivery: Delivery) {
        let message = delivery.message;
        let failed = self.on_store(move |store| match store.claim(&message)? {
            Claim::Run(run) => {
                let reason = format!("{} could not be begun: try again", run.step.title());
                store.fail(&run, &reason).map(drop)
            }
            _ => Ok(()),
        });
        if let Err(error) = failed.await {
            tracing::error!(%error, "could not note that a task was given up");
        }
    }
}
