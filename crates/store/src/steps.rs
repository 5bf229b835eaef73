//! Steps as the pages show them, and what a user asks of them.

use diesel::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;
use workflow::message::{SCHEMA, derived_id};
use workflow::{FileType, Key, Message, Step, Task, Worker};

use crate::connection::{AnyConnection, lock_data_file};
use crate::consequences::{self, CompletedStep};
use crate::revisions::{self as revision_rows, NewRevision, Origin};
use crate::run_rows::{self as rows, NewRun, StepOutcome, state};
use crate::schema::{revisions, runs, steps};
use crate::{DataFileId, Error, Revision, RevisionId, RunId, Staged, Store, UserId, clock, json, outbox};

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// It never ran.
    NeverRun,
    /// It waits for a worker.
    Queued,
    /// A worker is at it.
    Running,
    /// Its results are valid.
    Done,
    /// Its results are there, but what they were made from has changed.
    Stale,
    /// Its last run failed.
    Failed,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Note,
    /// The result may not be what the modeller wants.
    Warning,
}

/// What a step noticed about the data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable kebab-case name, the anchor of its explanation.
    pub code: String,
    /// How much it matters.
    pub severity: Severity,
    /// One sentence for the modeller.
    pub message: String,
}

/// One step of a data file.
#[derive(Debug, Clone, PartialEq)]
pub struct StepStatus {
    /// Which step.
    pub step: Step,
    /// The parameters of the run that was taken last, with which a re-run is made; `None` when it never ran.
    pub parameters: Option<Map<String, Value>>,
    /// True when the state is [`StepState::Done`].
    pub up_to_date: bool,
    /// How it stands.
    pub state: StepState,
    /// What the running worker does, in the modeller's words.
    pub stage: Option<String>,
    /// How far the running worker is, 0 to 1.
    pub fraction: Option<f64>,
    /// Why it is stale or failed.
    pub reason: Option<String>,
    /// The run that the state speaks of.
    pub run: Option<RunId>,
    /// What the last run that ended well noticed.
    pub findings: Vec<Finding>,
    /// UTC, `YYYY-MM-DD HH:MM:SS.mmm`, of [`StepStatus::run`].
    pub queued_at: Option<String>,
    /// As above.
    pub started_at: Option<String>,
    /// As above.
    pub finished_at: Option<String>,
}

/// A user's wish to run a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The workflow.
    pub data_file: DataFileId,
    /// The step: one that a worker computes.
    pub step: Step,
    /// The form as the message carries it. `id` is set from [`Request::data_file`]; the fields with which messages
    /// steer workers (`invalidated`, `has_params`, `next_step_only`) are removed.
    pub body: Map<String, Value>,
    /// Rendered into the form: the same key a second time returns the first run.
    pub form_key: Option<Uuid>,
    /// Follows the click through every log.
    pub request_id: Option<String>,
}

/// How far an edit reaches; see [`workflow::consequences`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Everything after the step is renewed.
    Everything,
    /// Only land was changed: the direct successors are renewed, the bathymetry is kept.
    LandOnly,
}

/// What an editor saves.
#[derive(Debug)]
pub struct Edit {
    /// The workflow.
    pub data_file: DataFileId,
    /// The step that the editor is; `None` for the variable explorer.
    pub step: Option<Step>,
    /// The type of the new revision.
    pub file_type: FileType,
    /// Its content.
    pub staged: Staged,
    /// What is told about it (`changes`).
    pub info: Map<String, Value>,
    /// What is stored as the step's parameters beside `id` (`undo_list`).
    pub parameters: Map<String, Value>,
    /// The revisions that the edit was made on.
    pub parents: Vec<RevisionId>,
    /// What was noticed.
    pub findings: Vec<Finding>,
    /// How far it reaches.
    pub reach: Reach,
    /// The same key a second time returns the first save.
    pub form_key: Option<Uuid>,
    /// Follows the click through every log.
    pub request_id: Option<String>,
}

impl Store {
    /// Accepts a task: the run, the step's state and the outgoing message in one transaction.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::ByHand`] for a step without a worker, or a failing database.
    pub fn request_step(&self, request: Request) -> Result<RunId, Error> {
        let Request { data_file, step, body, form_key, request_id } = request;
        let mut body = body;
        for field in STEERING_FIELDS {
            body.shift_remove(field);
        }
        self.accept(data_file, step, form_key, request_id, |_, _| Ok(Admission::Run(body)))
    }

    /// All nine steps of a data file in the order of [`Step::ALL`], those without a row as
    /// [`StepState::NeverRun`]. One query.
    ///
    /// # Errors
    /// A failing database. A data file that does not exist has nine steps that never ran.
    pub fn steps(&self, data_file: DataFileId) -> Result<Vec<StepStatus>, Error> {
        let found = self.read(|conn| status(conn, data_file, None))?;
        let status = |step| found.iter().find(|status| status.step == step).cloned();
        Ok(Step::ALL
            .into_iter()
            .map(|step| status(step).unwrap_or_else(|| StepStatus::never_run(step)))
            .collect())
    }

    /// One step of a data file.
    ///
    /// # Errors
    /// A failing database.
    pub fn step(&self, data_file: DataFileId, step: Step) -> Result<StepStatus, Error> {
        let mut found = self.read(|conn| status(conn, data_file, Some(step)))?;
        Ok(found.pop().unwrap_or_else(|| StepStatus::never_run(step)))
    }

    /// Runs a step again with the parameters of its last run.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::ByHand`], [`Error::NothingToRetry`], or a failing database.
    pub fn retry(
        &self,
        data_file: DataFileId,
        step: Step,
        request_id: Option<String>,
    ) -> Result<RunId, Error> {
        self.accept(data_file, step, None, request_id, |conn, _| {
            if let Some(active) = rows::in_state(conn, data_file, step, &[state::QUEUED, state::RUNNING])? {
                return Ok(Admission::Already(active.run_id()?));
            }
            let stored = rows::stored_parameters(conn, data_file, step)?;
            // What failed is repeated as it was; its parameters may say that it was to reach less far.
            let last = last_run(conn, data_file, step)?.filter(|run| run.state == state::FAILED);
            let failed = last.and_then(|run| run.parameters).map(|text| json::map(Some(&text)));
            failed.or(stored).map(Admission::Run).ok_or(Error::NothingToRetry { data_file, step })
        })
    }

    /// Takes back a run that waits; the step stands as it did before.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NotQueued`], or a failing database.
    pub fn cancel(&self, data_file: DataFileId, step: Step) -> Result<(), Error> {
        self.write(|conn| {
            lock_data_file(conn, data_file)?.ok_or_else(|| Error::no_data_file(data_file))?;
            let run = rows::in_state(conn, data_file, step, &[state::QUEUED])?
                .ok_or(Error::NotQueued { data_file, step })?;
            let cancelled = (runs::state.eq(state::CANCELLED), runs::finished_at.eq(clock::millis()));
            diesel::update(runs::table.find(&run.id)).set(cancelled).execute(conn)?;
            outbox::remove(conn, run.run_id()?.0)?;
            rows::refresh(conn, data_file, step)
        })
    }

    /// Marks those of the steps that have results as stale.
    ///
    /// # Errors
    /// A failing database. A data file that does not exist is fine.
    pub fn invalidate(&self, data_file: DataFileId, steps: &[Step], reason: &str) -> Result<(), Error> {
        self.write(|conn| {
            if lock_data_file(conn, data_file)?.is_some() {
                consequences::mark_stale(conn, data_file, steps, reason)?;
            }
            Ok(())
        })
    }

    /// Stores what an editor saves: revision, step, everything that follows and the outgoing message, in one
    /// transaction. Without a step (the variable explorer) the steps made from that type become stale, and nothing
    /// is sent.
    ///
    /// # Errors
    /// [`Error::NotFound`], or a failing disk or database; then nothing is stored.
    pub fn record_edit(&self, edit: Edit) -> Result<Revision, Error> {
        self.record_edit_and(edit, |_| Ok(None), |_, _| Ok(()))
    }

    /// Records an edit. `first` is asked before anything is written: what it finds is the result, and nothing is
    /// stored. `last` belongs to the same transaction.
    pub(crate) fn record_edit_and(
        &self,
        edit: Edit,
        first: impl FnOnce(&mut AnyConnection) -> Result<Option<Revision>, Error>,
        last: impl FnOnce(&mut AnyConnection, &Revision) -> Result<(), Error>,
    ) -> Result<Revision, Error> {
        let Edit { data_file, staged, .. } = edit;
        let stored = self.store_files(vec![staged])?;
        let Some(file) = stored.first() else { return Err(Error::no_data_file(data_file)) };
        let edit = EditRows {
            data_file,
            step: edit.step,
            new: NewRevision { file_type: edit.file_type, info: &edit.info, file },
            parameters: &edit.parameters,
            parents: &edit.parents,
            findings: &edit.findings,
            reach: edit.reach,
            form_key: edit.form_key,
            request_id: edit.request_id.as_deref(),
        };
        let result = self.write(|conn| {
            let owner = lock_data_file(conn, data_file)?.ok_or_else(|| Error::no_data_file(data_file))?;
            if let Some(revision) = first(conn)? {
                return Ok(revision);
            }
            let revision = edit.record(conn, owner)?;
            self.fault("after-revision")?;
            last(conn, &revision)?;
            self.fault("before-commit")?;
            Ok(revision)
        });
        let revision = self.settle_files(&stored, result)?;
        if revision.filepath != file.name {
            // The same save a second time: the first one counts.
            self.discard_files(&stored);
        }
        self.outbox_written();
        Ok(revision)
    }
}

/// The fields with which messages steer workers: never taken from a form (D2).
const STEERING_FIELDS: [&str; 3] = ["invalidated", "has_params", "next_step_only"];

/// What a request comes to, once the data file is held.
enum Admission {
    Run(Map<String, Value>),
    Already(RunId),
}

impl Store {
    /// Run, step and outgoing message, in one transaction.
    fn accept(
        &self,
        data_file: DataFileId,
        step: Step,
        form_key: Option<Uuid>,
        request_id: Option<String>,
        wish: impl FnOnce(&mut AnyConnection, UserId) -> Result<Admission, Error>,
    ) -> Result<RunId, Error> {
        if step.worker() == Worker::Panel {
            return Err(Error::ByHand { step });
        }
        let run = self.write(|conn| {
            let owner = lock_data_file(conn, data_file)?.ok_or_else(|| Error::no_data_file(data_file))?;
            if let Some(first) =
                form_key.map(|key| rows::by_form_key(conn, data_file, key)).transpose()?.flatten()
            {
                return first.run_id();
            }
            let fields = match wish(conn, owner)? {
                Admission::Already(run) => return Ok(run),
                Admission::Run(fields) => fields,
            };
            let body = with_id(data_file, fields);
            let run = RunId(Uuid::new_v4());
            let new = NewRun {
                id: run,
                data_file,
                owner,
                step,
                state: state::QUEUED,
                body: &body,
                cause: None,
                form_key,
                request_id: request_id.as_deref(),
            };
            rows::insert(conn, &new)?;
            rows::ensure(conn, data_file, step)?;
            rows::refresh(conn, data_file, step)?;
            let message = Message {
                id: run.0,
                key: Key::Request(Task::Step(step)).to_string(),
                body,
                run: Some(run.0),
                owner: Some(owner.0),
                request_id,
                schema: SCHEMA,
            };
            outbox::put(conn, &message)?;
            self.fault("before-commit")?;
            Ok(run)
        })?;
        self.outbox_written();
        Ok(run)
    }
}

/// The fields with the data file's id before them: the path always wins over the form (D2).
fn with_id(data_file: DataFileId, fields: Map<String, Value>) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("id".to_owned(), data_file.0.into());
    body.extend(fields.into_iter().filter(|(field, _)| field != "id"));
    body
}

fn last_run(conn: &mut AnyConnection, data_file: DataFileId, step: Step) -> Result<Option<rows::Run>, Error> {
    let row = steps::table.filter(steps::data_file_id.eq(data_file.0)).filter(steps::step.eq(step.as_str()));
    let shown: Option<Option<String>> = row.select(steps::run).first(conn).optional()?;
    let Some(id) = shown.flatten() else { return Ok(None) };
    Ok(runs::table.find(id).select(rows::Run::as_select()).first(conn).optional()?)
}

/// An edit whose file is stored.
struct EditRows<'a> {
    data_file: DataFileId,
    step: Option<Step>,
    new: NewRevision<'a>,
    parameters: &'a Map<String, Value>,
    parents: &'a [RevisionId],
    findings: &'a [Finding],
    reach: Reach,
    form_key: Option<Uuid>,
    request_id: Option<&'a str>,
}

impl EditRows<'_> {
    /// The caller holds the data file.
    fn record(&self, conn: &mut AnyConnection, owner: UserId) -> Result<Revision, Error> {
        let data_file = self.data_file;
        let Some(step) = self.step else { return self.record_exploration(conn) };
        if let Some(key) = self.form_key
            && let Some(first) = rows::by_form_key(conn, data_file, key)?
            && let Some(revision) = revision_of(conn, data_file, &first.id)?
        {
            return Ok(revision);
        }
        let parameters = with_id(data_file, self.parameters.clone());
        let mut body = with_id(data_file, Map::new());
        if self.reach == Reach::LandOnly {
            body.insert("next_step_only".to_owned(), true.into());
        }
        let run = RunId(Uuid::new_v4());
        let new = NewRun {
            id: run,
            data_file,
            owner,
            step,
            state: state::DONE,
            body: &body,
            cause: None,
            form_key: self.form_key,
            request_id: self.request_id,
        };
        rows::insert(conn, &new)?;
        let now = clock::millis();
        let ended = (
            runs::started_at.eq(&now),
            runs::finished_at.eq(&now),
            runs::parameters.eq(json::text(&parameters)?),
        );
        diesel::update(runs::table.find(run.to_string())).set(ended).execute(conn)?;
        let stale = rows::outdated(conn, data_file, step, self.parents, &[self.new.file_type])?;
        let origin =
            Origin { run: Some(run), step: Some(step), parameters: Some(&parameters), parents: self.parents };
        let revision = self.insert(conn, &origin)?;
        let findings = json::text(&self.findings)?;
        let settled = StepOutcome {
            state: if stale.is_some() { state::STALE } else { state::DONE },
            reason: stale.as_deref(),
            parameters: Some(&parameters),
            findings: Some(&findings),
        };
        rows::settle(conn, data_file, step, &settled)?;
        let key = Key::Done(Task::Step(step));
        let done = derived_id(run.0, key);
        let next_step_only = body.get("next_step_only");
        consequences::record(
            conn,
            &CompletedStep { data_file, owner, step, done, next_step_only, request_id: self.request_id },
        )?;
        let message = Message {
            id: done,
            key: key.to_string(),
            body,
            run: Some(run.0),
            owner: Some(owner.0),
            request_id: self.request_id.map(str::to_owned),
            schema: SCHEMA,
        };
        outbox::put(conn, &message)?;
        Ok(revision)
    }

    /// The variable explorer is no step and sends nothing, but what was made from the file is stale now (D11).
    fn record_exploration(&self, conn: &mut AnyConnection) -> Result<Revision, Error> {
        let file_type = self.new.file_type;
        let mut invalidated = Vec::new();
        for step in Step::ALL {
            if step.inputs().contains(&file_type) && !step.outputs().contains(&file_type) {
                invalidated.push(step);
                invalidated.extend(step.reachable());
            }
        }
        let reason = format!("{} was edited after it", file_type.title());
        consequences::mark_stale(conn, self.data_file, &invalidated, &reason)?;
        self.insert(conn, &Origin { parents: self.parents, ..Origin::default() })
    }

    fn insert(&self, conn: &mut AnyConnection, origin: &Origin<'_>) -> Result<Revision, Error> {
        let NewRevision { file_type, info, file } = self.new;
        let new = [NewRevision { file_type, info, file }];
        let mut inserted = revision_rows::insert(conn, self.data_file, &new, origin)?;
        inserted.pop().ok_or_else(|| Error::no_data_file(self.data_file))
    }
}

fn revision_of(
    conn: &mut AnyConnection,
    data_file: DataFileId,
    run: &str,
) -> Result<Option<Revision>, Error> {
    let row = revisions::table.filter(revisions::data_file_id.eq(data_file.0)).filter(revisions::run.eq(run));
    let row = row.select(revision_rows::Row::as_select()).first(conn).optional()?;
    Ok(row.and_then(revision_rows::Row::revision))
}

impl StepStatus {
    fn never_run(step: Step) -> Self {
        Self {
            step,
            parameters: None,
            up_to_date: false,
            state: StepState::NeverRun,
            stage: None,
            fraction: None,
            reason: None,
            run: None,
            findings: Vec::new(),
            queued_at: None,
            started_at: None,
            finished_at: None,
        }
    }
}

/// The columns of a step's row.
#[derive(Queryable, Selectable)]
#[diesel(table_name = steps)]
struct StepRow {
    step: String,
    parameters: Option<String>,
    up_to_date: i32,
    state: Option<String>,
    reason: Option<String>,
    run: Option<String>,
    findings: Option<String>,
}

/// The columns of the run that a step's row shows.
#[derive(Queryable, Selectable)]
#[diesel(table_name = runs)]
struct RunRow {
    state: String,
    stage: Option<String>,
    fraction: Option<f64>,
    queued_at: String,
    started_at: Option<String>,
    finished_at: Option<String>,
}

fn status(
    conn: &mut AnyConnection,
    data_file: DataFileId,
    step: Option<Step>,
) -> Result<Vec<StepStatus>, Error> {
    let query = steps::table
        .left_join(runs::table.on(steps::run.eq(runs::id.nullable())))
        .filter(steps::data_file_id.eq(data_file.0))
        .select((StepRow::as_select(), Option::<RunRow>::as_select()));
    let found: Vec<(StepRow, Option<RunRow>)> = match step {
        Some(step) => query.filter(steps::step.eq(step.as_str())).load(conn)?,
        None => query.load(conn)?,
    };
    Ok(found.into_iter().filter_map(|(step, run)| shown(step, run)).collect())
}

/// `None` for a step that this release does not know.
fn shown(row: StepRow, run: Option<RunRow>) -> Option<StepStatus> {
    let settled = match (row.state.as_deref(), row.up_to_date) {
        // An earlier release, after a roll back, writes `up_to_date` only.
        (_, 1) => StepState::Done,
        (Some(state::FAILED), _) => StepState::Failed,
        (Some(_), _) => StepState::Stale,
        (None, _) if row.parameters.is_some() => StepState::Stale,
        (None, _) => StepState::NeverRun,
    };
    let state = match run.as_ref().map(|run| run.state.as_str()) {
        Some(state::QUEUED) => StepState::Queued,
        Some(state::RUNNING) => StepState::Running,
        _ => settled,
    };
    let (stage, fraction) = match &run {
        Some(run) if state == StepState::Running => (run.stage.clone(), run.fraction),
        _ => (None, None),
    };
    let reason = row.reason.filter(|_| matches!(state, StepState::Stale | StepState::Failed));
    Some(StepStatus {
        step: row.step.parse().ok()?,
        parameters: row.parameters.as_deref().map(|text| json::map(Some(text))),
        up_to_date: state == StepState::Done,
        state,
        stage,
        fraction,
        reason,
        run: row.run.as_deref().and_then(|run| Uuid::parse_str(run).ok()).map(RunId),
        findings: row
            .findings
            .as_deref()
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default(),
        queued_at: run.as_ref().map(|run| run.queued_at.clone()),
        started_at: run.as_ref().and_then(|run| run.started_at.clone()),
        finished_at: run.and_then(|run| run.finished_at),
    })
}
