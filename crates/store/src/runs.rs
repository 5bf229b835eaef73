//! Runs of steps: claimed by a worker, then finished or failed, each once to effect.

use std::time::{Duration, Instant};

use diesel::dsl::min;
use diesel::prelude::*;
use serde_json::{Map, Value, json};
use uuid::Uuid;
use workflow::message::{SCHEMA, derived_id};
use workflow::{FileType, Key, Message, Step, Task, Worker};

use crate::connection::{AnyConnection, lock_data_file};
use crate::consequences::{self, CompletedStep};
use crate::revisions::{self as revision_rows, NewRevision, Origin};
use crate::run_rows::{self as rows, NewRun, StepOutcome, state};
use crate::schema::{outbox as outbox_table, runs};
use crate::{
    DataFileId, Error, Finding, Revision, RevisionId, RunId, Staged, Store, UserId, clock, json as json_text,
    outbox,
};

/// For how long results wait for a database that is away, and how often they are offered.
const FINISH_TIMEOUT: Duration = Duration::from_secs(120);
const FINISH_RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// What a worker is to do with a task message.
#[derive(Debug, Clone, PartialEq)]
pub enum Claim {
    /// Compute this, then [`Store::finish`] or [`Store::fail`].
    Run(ClaimedRun),
    /// It ended before (done, failed or cancelled): acknowledge.
    Ended,
    /// The data file is gone: acknowledge.
    Gone,
    /// A re-run of a step that never ran: nothing to do, acknowledge.
    NothingToDo,
    /// The message contradicts the store (owner, data file, step) or is no task: to the dead letters.
    Rejected {
        /// Why.
        reason: String,
    },
}

/// A run in the hands of one worker.
#[derive(Debug, Clone, PartialEq)]
pub struct ClaimedRun {
    /// The run.
    pub run: RunId,
    /// The workflow.
    pub data_file: DataFileId,
    /// The step.
    pub step: Step,
    /// What to compute: the body of a request, the stored parameters of a re-run (with its `next_step_only`).
    pub parameters: Map<String, Value>,
    /// 1 for the first claim; more after crashes.
    pub attempt: u32,
    /// The owner of the data file.
    pub owner: UserId,
    /// Follows the click through every log.
    pub request_id: Option<String>,
    body: Map<String, Value>,
    claim: Uuid,
}

/// Whether a worker still holds its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimStatus {
    /// It does.
    Held,
    /// Another claim has superseded it, or the data file is gone: stop, the results would be discarded.
    Lost,
}

/// A file that a run has made.
#[derive(Debug)]
pub struct Output {
    /// What it is.
    pub file_type: FileType,
    /// Its content.
    pub staged: Staged,
    /// What is told about it.
    pub info: Map<String, Value>,
}

/// The outcome of [`Store::finish`].
#[derive(Debug, Clone, PartialEq)]
pub enum Finished {
    /// The results are stored, in the order of the outputs.
    Stored(Vec<Revision>),
    /// The claim was superseded or the data file is gone: the results were discarded.
    Discarded,
}

/// What is under way, for metrics and for the decision to restart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Activity {
    /// Runs that wait.
    pub queued: i64,
    /// Runs in the hands of a worker.
    pub running: i64,
    /// When the oldest waiting run was queued: UTC, `YYYY-MM-DD HH:MM:SS.mmm`.
    pub oldest_queued: Option<String>,
    /// Messages that wait in the outbox.
    pub outbox: i64,
}

impl Store {
    /// Takes the run of a task message (`preprocessing.T.WORKER`) into a worker's hands. A claim of a run that
    /// another worker holds supersedes that one's.
    ///
    /// # Errors
    /// A failing database.
    pub fn claim(&self, message: &Message) -> Result<Claim, Error> {
        let rejected = |reason: String| Ok(Claim::Rejected { reason });
        let step = match message.key.parse() {
            Ok(Key::ForWorker(Task::Step(step), Worker::Python | Worker::Mosaic))
                if step.worker() != Worker::Panel =>
            {
                step
            }
            Ok(_) => return rejected(format!("'{}' is no task for a worker", message.key)),
            Err(error) => return rejected(error.to_string()),
        };
        let Some(data_file) = message.data_file().map(DataFileId) else {
            return rejected(format!("the body of '{}' has no whole number 'id'", message.key));
        };
        let run = RunId(message.run.unwrap_or(message.id));
        self.write(|conn| claim(conn, message, run, data_file, step))
    }

    /// Notes how far a run is: one update; throttling is the caller's.
    ///
    /// # Errors
    /// A failing database.
    pub fn progress(&self, run: &ClaimedRun, stage: &str, fraction: f64) -> Result<ClaimStatus, Error> {
        let changed = self.write(|conn| {
            let progress = (runs::stage.eq(stage), runs::fraction.eq(fraction.clamp(0.0, 1.0)));
            let held = runs::table
                .filter(runs::id.eq(run.run.to_string()))
                .filter(runs::claim.eq(run.claim.to_string()))
                .filter(runs::state.eq(state::RUNNING));
            Ok(diesel::update(held).set(progress).execute(conn)?)
        })?;
        Ok(if changed == 0 { ClaimStatus::Lost } else { ClaimStatus::Held })
    }

    /// Stores the results with everything that follows from them (revisions, lineage, the step's state, stale and
    /// re-run successors, the outgoing `.done`) in one transaction: all of it or nothing. `parents` are the
    /// revisions that were read; when one of them is no longer the latest, the step is stored as stale.
    ///
    /// # Errors
    /// A failing disk or database; then nothing is stored, and the claim still holds.
    pub fn finish(
        &self,
        run: &ClaimedRun,
        outputs: Vec<Output>,
        parents: &[RevisionId],
        findings: &[Finding],
    ) -> Result<Finished, Error> {
        let (kinds, staged): (Vec<_>, Vec<_>) =
            outputs.into_iter().map(|output| ((output.file_type, output.info), output.staged)).unzip();
        let stored = self.store_files(staged)?;
        let new: Vec<NewRevision<'_>> = kinds
            .iter()
            .zip(&stored)
            .map(|((file_type, info), file)| NewRevision { file_type: *file_type, info, file })
            .collect();
        let result = self.write_with_retry(|conn| {
            if !holds(conn, run)? {
                return Ok(Finished::Discarded);
            }
            let revisions = self.record_end(conn, run, &new, parents, findings)?;
            self.fault("before-commit")?;
            Ok(Finished::Stored(revisions))
        });
        let finished = self.settle_files(&stored, result)?;
        match &finished {
            Finished::Stored(_) => self.outbox_written(),
            Finished::Discarded => self.discard_files(&stored),
        }
        Ok(finished)
    }

    /// As [`Store::write`], again and again while the database is away: what took hours to compute is worth the wait.
    fn write_with_retry<T>(&self, work: impl Fn(&mut AnyConnection) -> Result<T, Error>) -> Result<T, Error> {
        let since = Instant::now();
        loop {
            match self.write(&work) {
                Err(Error::Busy(error)) if since.elapsed() < FINISH_TIMEOUT => {
                    tracing::warn!(%error, "the database cannot take the results of a step; trying again");
                    std::thread::sleep(FINISH_RETRY_INTERVAL);
                }
                written => return written,
            }
        }
    }

    /// Ends a run as failed, with a reason that a modeller understands, and tells the bus (`.failed`).
    ///
    /// # Errors
    /// A failing database.
    pub fn fail(&self, run: &ClaimedRun, reason: &str) -> Result<ClaimStatus, Error> {
        let standing = self.write(|conn| {
            if !holds(conn, run)? {
                return Ok(ClaimStatus::Lost);
            }
            let failed = (
                runs::state.eq(state::FAILED),
                runs::reason.eq(reason),
                runs::finished_at.eq(clock::millis()),
                runs::claim.eq(None::<String>),
            );
            diesel::update(runs::table.find(run.run.to_string())).set(failed).execute(conn)?;
            let settled =
                StepOutcome { state: state::FAILED, reason: Some(reason), parameters: None, findings: None };
            rows::settle(conn, run.data_file, run.step, &settled)?;
            let mut body = Map::new();
            body.insert("id".to_owned(), run.data_file.0.into());
            body.insert("reason".to_owned(), json!(reason));
            outbox::put(conn, &run.message(Key::Failed(Task::Step(run.step)), body))?;
            self.fault("before-commit")?;
            Ok(ClaimStatus::Held)
        })?;
        self.outbox_written();
        Ok(standing)
    }

    /// Gives a run back (a graceful stop): it is queued again and the attempt does not count.
    ///
    /// # Errors
    /// A failing database.
    pub fn release(&self, run: &ClaimedRun) -> Result<ClaimStatus, Error> {
        self.write(|conn| {
            if !holds(conn, run)? {
                return Ok(ClaimStatus::Lost);
            }
            let queued = (
                runs::state.eq(state::QUEUED),
                runs::claim.eq(None::<String>),
                runs::stage.eq(None::<String>),
                runs::fraction.eq(None::<f64>),
                runs::attempts.eq(runs::attempts - 1),
            );
            diesel::update(runs::table.find(run.run.to_string())).set(queued).execute(conn)?;
            rows::refresh(conn, run.data_file, run.step)?;
            Ok(ClaimStatus::Held)
        })
    }

    /// Carries out an `invalidate` message: nothing when the run that it names recorded its consequences itself,
    /// else the listed steps become stale. Unknown step names are ignored.
    ///
    /// # Errors
    /// A failing database.
    pub fn invalidate_by_message(&self, message: &Message) -> Result<(), Error> {
        let Some(data_file) = message.data_file().map(DataFileId) else { return Ok(()) };
        let listed = message.body.get("tasks").and_then(Value::as_array).into_iter().flatten();
        let steps: Vec<Step> =
            listed.filter_map(Value::as_str).filter_map(|name| name.parse().ok()).collect();
        self.write(|conn| {
            let recorded = match message.run {
                Some(run) => rows::find(conn, RunId(run))?.is_some_and(|run| run.state == state::DONE),
                None => false,
            };
            if recorded
                || lock_data_file(conn, data_file)?
                    .is_none_or(|owner| message.owner.is_some_and(|o| o != owner.0))
            {
                return Ok(());
            }
            consequences::mark_stale(conn, data_file, &steps, "what it was made from was done again after it")
        })
    }

    /// What is under way in the whole store.
    ///
    /// # Errors
    /// A failing database.
    pub fn activity(&self) -> Result<Activity, Error> {
        self.read(|conn| {
            let in_state = |state| runs::table.filter(runs::state.eq(state));
            Ok(Activity {
                queued: in_state(state::QUEUED).count().get_result(conn)?,
                running: in_state(state::RUNNING).count().get_result(conn)?,
                oldest_queued: in_state(state::QUEUED).select(min(runs::queued_at)).first(conn)?,
                outbox: outbox_table::table.count().get_result(conn)?,
            })
        })
    }
}

impl Store {
    fn record_end(
        &self,
        conn: &mut AnyConnection,
        run: &ClaimedRun,
        new: &[NewRevision<'_>],
        parents: &[RevisionId],
        findings: &[Finding],
    ) -> Result<Vec<Revision>, Error> {
        let types: Vec<FileType> = new.iter().map(|revision| revision.file_type).collect();
        let replaced = rows::find(conn, run.run)?.and_then(|row| row.outdated);
        let stale = match replaced {
            Some(reason) => Some(reason),
            None => rows::outdated(conn, run.data_file, run.step, parents, &types)?,
        };
        let origin =
            Origin { run: Some(run.run), step: Some(run.step), parameters: Some(&run.parameters), parents };
        let revisions = revision_rows::insert(conn, run.data_file, new, &origin)?;
        self.fault("after-revisions")?;
        let findings = json_text::text(&findings)?;
        let done = (
            runs::state.eq(state::DONE),
            runs::findings.eq(&findings),
            runs::fraction.eq(1.0),
            runs::finished_at.eq(clock::millis()),
            runs::claim.eq(None::<String>),
        );
        diesel::update(runs::table.find(run.run.to_string())).set(done).execute(conn)?;
        let settled = StepOutcome {
            state: if stale.is_some() { state::STALE } else { state::DONE },
            reason: stale.as_deref(),
            parameters: Some(&run.parameters),
            findings: Some(&findings),
        };
        rows::settle(conn, run.data_file, run.step, &settled)?;
        self.fault("after-step")?;
        let message = run.message(Key::Done(Task::Step(run.step)), run.body.clone());
        let ended = CompletedStep {
            data_file: run.data_file,
            owner: run.owner,
            step: run.step,
            done: message.id,
            next_step_only: run.body.get("next_step_only"),
            request_id: run.request_id.as_deref(),
        };
        consequences::record(conn, &ended)?;
        self.fault("after-consequences")?;
        outbox::put(conn, &message)?;
        Ok(revisions)
    }
}

impl ClaimedRun {
    /// What the end of this run tells the bus.
    fn message(&self, key: Key, body: Map<String, Value>) -> Message {
        Message {
            id: derived_id(self.run.0, key),
            key: key.to_string(),
            body,
            run: Some(self.run.0),
            owner: Some(self.owner.0),
            request_id: self.request_id.clone(),
            schema: SCHEMA,
        }
    }
}

/// Locks the data file and says whether this claim is the one that counts.
fn holds(conn: &mut AnyConnection, run: &ClaimedRun) -> Result<bool, Error> {
    if lock_data_file(conn, run.data_file)?.is_none() {
        return Ok(false);
    }
    let row = rows::find(conn, run.run)?;
    let token = run.claim.to_string();
    Ok(row.is_some_and(|row| row.state == state::RUNNING && row.claim.as_deref() == Some(token.as_str())))
}

fn claim(
    conn: &mut AnyConnection,
    message: &Message,
    run: RunId,
    data_file: DataFileId,
    step: Step,
) -> Result<Claim, Error> {
    let Some(owner) = lock_data_file(conn, data_file)? else { return Ok(Claim::Gone) };
    if message.owner.is_some_and(|sender| sender != owner.0) {
        let reason = format!("data file {data_file} belongs to somebody else than the message says");
        return Ok(Claim::Rejected { reason });
    }
    let known = rows::find(conn, run)?;
    let (body, attempts, request_id) = match &known {
        Some(row) if row.data_file_id != data_file.0 || row.step != step.as_str() => {
            let reason = format!(
                "run {run} is {} of data file {}, not {step} of {data_file}",
                row.step, row.data_file_id
            );
            return Ok(Claim::Rejected { reason });
        }
        Some(row) if row.state != state::QUEUED && row.state != state::RUNNING => return Ok(Claim::Ended),
        // What was accepted counts, whatever the message carries by now.
        Some(row) => (json_text::map(Some(&row.body)), row.attempts, row.request_id.clone()),
        None => (message.body.clone(), 0, message.request_id.clone()),
    };
    let task = Message { body: body.clone(), ..message.clone() };
    let parameters = if task.is_rerun() && !task.needs_no_params() {
        match rows::stored_parameters(conn, data_file, step)? {
            Some(mut stored) => {
                if let Some(reach) = body.get("next_step_only") {
                    stored.insert("next_step_only".to_owned(), reach.clone());
                }
                stored
            }
            None => {
                if known.is_some() {
                    let skipped = runs::state.eq(state::SKIPPED);
                    diesel::update(runs::table.find(run.to_string())).set(skipped).execute(conn)?;
                    rows::refresh(conn, data_file, step)?;
                }
                return Ok(Claim::NothingToDo);
            }
        }
    } else {
        body.clone()
    };
    if known.is_none() {
        let new = NewRun {
            id: run,
            data_file,
            owner,
            step,
            state: state::RUNNING,
            body: &body,
            cause: None,
            form_key: None,
            request_id: request_id.as_deref(),
        };
        rows::insert(conn, &new)?;
    }
    let token = Uuid::new_v4();
    let running = (
        runs::state.eq(state::RUNNING),
        runs::claim.eq(token.to_string()),
        runs::attempts.eq(attempts + 1),
        runs::parameters.eq(json_text::text(&parameters)?),
        runs::started_at.eq(clock::millis()),
        runs::stage.eq(None::<String>),
        runs::fraction.eq(0.0),
    );
    diesel::update(runs::table.find(run.to_string())).set(running).execute(conn)?;
    rows::ensure(conn, data_file, step)?;
    rows::store_parameters(conn, data_file, step, &parameters)?;
    rows::refresh(conn, data_file, step)?;
    Ok(Claim::Run(ClaimedRun {
        run,
        data_file,
        step,
        parameters,
        attempt: u32::try_from(attempts + 1).unwrap_or(u32::MAX),
        owner,
        request_id,
        body,
        claim: token,
    }))
}
