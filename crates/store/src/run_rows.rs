//! The rows of runs and steps, and how they go together.
//!
//! `runs` says what is under way and what happened; `steps` says how a step stands apart from that (`state`: done,
//! stale, failed, or null), which run to show, and the parameters that a re-run takes. [`refresh`] is called after
//! every change and keeps `steps.run` and `steps.up_to_date` (which earlier releases read) true.

use diesel::dsl::exists;
use diesel::prelude::*;
use serde_json::{Map, Value};
use uuid::Uuid;
use workflow::Step;

use crate::connection::AnyConnection;
use crate::schema::{revisions, runs, steps};
use crate::{DataFileId, Error, RevisionId, RunId, UserId, clock, json};

/// `runs.state`
pub(crate) mod state {
    pub(crate) const QUEUED: &str = "queued";
    pub(crate) const RUNNING: &str = "running";
    pub(crate) const DONE: &str = "done";
    pub(crate) const FAILED: &str = "failed";
    pub(crate) const CANCELLED: &str = "cancelled";
    /// A re-run that was not needed: its message finds that out here.
    pub(crate) const SKIPPED: &str = "skipped";
    /// Of `steps.state` only.
    pub(crate) const STALE: &str = "stale";
}

/// What is read of a run.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = runs)]
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) data_file_id: i32,
    pub(crate) step: String,
    pub(crate) state: String,
    pub(crate) body: String,
    pub(crate) parameters: Option<String>,
    pub(crate) outdated: Option<String>,
    pub(crate) claim: Option<String>,
    pub(crate) attempts: i32,
    pub(crate) request_id: Option<String>,
}

impl Run {
    pub(crate) fn run_id(&self) -> Result<RunId, Error> {
        let id = Uuid::parse_str(&self.id);
        Ok(RunId(id.map_err(|_| Error::Unreadable { what: "run", value: self.id.clone() })?))
    }
}

/// A run to insert.
pub(crate) struct NewRun<'a> {
    pub(crate) id: RunId,
    pub(crate) data_file: DataFileId,
    pub(crate) owner: UserId,
    pub(crate) step: Step,
    pub(crate) state: &'static str,
    pub(crate) body: &'a Map<String, Value>,
    pub(crate) cause: Option<Uuid>,
    pub(crate) form_key: Option<Uuid>,
    pub(crate) request_id: Option<&'a str>,
}

pub(crate) fn insert(conn: &mut AnyConnection, run: &NewRun<'_>) -> Result<(), Error> {
    let values = (
        runs::id.eq(run.id.to_string()),
        runs::data_file_id.eq(run.data_file.0),
        runs::owner_id.eq(run.owner.0),
        runs::step.eq(run.step.as_str()),
        runs::state.eq(run.state),
        runs::body.eq(json::text(run.body)?),
        runs::cause.eq(run.cause.map(|id| id.to_string())),
        runs::form_key.eq(run.form_key.map(|key| key.to_string())),
        runs::request_id.eq(run.request_id),
        runs::queued_at.eq(clock::millis()),
    );
    diesel::insert_into(runs::table).values(values).execute(conn)?;
    Ok(())
}

pub(crate) fn find(conn: &mut AnyConnection, id: RunId) -> Result<Option<Run>, Error> {
    Ok(runs::table.find(id.to_string()).select(Run::as_select()).first(conn).optional()?)
}

pub(crate) fn by_form_key(
    conn: &mut AnyConnection,
    data_file: DataFileId,
    key: Uuid,
) -> Result<Option<Run>, Error> {
    let row = runs::table
        .filter(runs::data_file_id.eq(data_file.0))
        .filter(runs::form_key.eq(key.to_string()))
        .select(Run::as_select());
    Ok(row.first(conn).optional()?)
}

/// The run of the step that is in one of `states`: the running before the queued, the youngest first.
pub(crate) fn in_state(
    conn: &mut AnyConnection,
    data_file: DataFileId,
    step: Step,
    states: &[&str],
) -> Result<Option<Run>, Error> {
    let row = runs::table
        .filter(runs::data_file_id.eq(data_file.0))
        .filter(runs::step.eq(step.as_str()))
        .filter(runs::state.eq_any(states.to_vec()))
        .order((runs::state.desc(), runs::queued_at.desc()))
        .select(Run::as_select());
    Ok(row.first(conn).optional()?)
}

/// The parameters that a re-run of the step takes.
pub(crate) fn stored_parameters(
    conn: &mut AnyConnection,
    data_file: DataFileId,
    step: Step,
) -> Result<Option<Map<String, Value>>, Error> {
    let row = steps::table
        .filter(steps::data_file_id.eq(data_file.0))
        .filter(steps::step.eq(step.as_str()))
        .select(steps::parameters);
    let text: Option<Option<String>> = row.first(conn).optional()?;
    Ok(text.flatten().map(|text| json::map(Some(&text))))
}

/// Makes sure that the step has a row. The caller holds the data file.
pub(crate) fn ensure(conn: &mut AnyConnection, data_file: DataFileId, step: Step) -> Result<(), Error> {
    let row = steps::table.filter(steps::data_file_id.eq(data_file.0)).filter(steps::step.eq(step.as_str()));
    if !diesel::select(exists(row)).get_result::<bool>(conn)? {
        let values =
            (steps::data_file_id.eq(data_file.0), steps::step.eq(step.as_str()), steps::up_to_date.eq(0));
        diesel::insert_into(steps::table).values(values).execute(conn)?;
    }
    Ok(())
}

/// How a step stands after a run or an edit.
pub(crate) struct StepOutcome<'a> {
    /// Done, stale or failed.
    pub(crate) state: &'static str,
    pub(crate) reason: Option<&'a str>,
    /// `None` leaves what is stored.
    pub(crate) parameters: Option<&'a Map<String, Value>>,
    /// `None` leaves what is stored.
    pub(crate) findings: Option<&'a str>,
}

pub(crate) fn settle(
    conn: &mut AnyConnection,
    data_file: DataFileId,
    step: Step,
    settled: &StepOutcome<'_>,
) -> Result<(), Error> {
    ensure(conn, data_file, step)?;
    if let Some(parameters) = settled.parameters {
        store_parameters(conn, data_file, step, parameters)?;
    }
    let row = steps::table.filter(steps::data_file_id.eq(data_file.0)).filter(steps::step.eq(step.as_str()));
    diesel::update(row)
        .set((steps::state.eq(settled.state), steps::reason.eq(settled.reason)))
        .execute(conn)?;
    if let Some(findings) = settled.findings {
        diesel::update(row).set(steps::findings.eq(findings)).execute(conn)?;
    }
    refresh(conn, data_file, step)
}

/// Stores parameters for re-runs. `next_step_only` belongs to one run, not to the step.
pub(crate) fn store_parameters(
    conn: &mut AnyConnection,
    data_file: DataFileId,
    step: Step,
    parameters: &Map<String, Value>,
) -> Result<(), Error> {
    let mut parameters = parameters.clone();
    parameters.shift_remove("next_step_only");
    let row = steps::table.filter(steps::data_file_id.eq(data_file.0)).filter(steps::step.eq(step.as_str()));
    diesel::update(row).set(steps::parameters.eq(json::text(&parameters)?)).execute(conn)?;
    Ok(())
}

/// Brings `steps.run` and `steps.up_to_date` in line with the runs; a row that says nothing is removed.
pub(crate) fn refresh(conn: &mut AnyConnection, data_file: DataFileId, step: Step) -> Result<(), Error> {
    let row = steps::table.filter(steps::data_file_id.eq(data_file.0)).filter(steps::step.eq(step.as_str()));
    type Row = (Option<String>, Option<String>);
    let Some((settled, parameters)) =
        row.select((steps::state, steps::parameters)).first::<Row>(conn).optional()?
    else {
        return Ok(());
    };
    let active = in_state(conn, data_file, step, &[state::QUEUED, state::RUNNING])?;
    let up_to_date = active.is_none() && settled.as_deref() == Some(state::DONE);
    let shown = match active {
        Some(run) => Some(run.id),
        None => runs::table
            .filter(runs::data_file_id.eq(data_file.0))
            .filter(runs::step.eq(step.as_str()))
            .filter(runs::state.eq_any(vec![state::DONE, state::FAILED]))
            .order(runs::finished_at.desc())
            .select(runs::id)
            .first(conn)
            .optional()?,
    };
    if shown.is_none() && settled.is_none() && parameters.is_none() {
        diesel::delete(row).execute(conn)?;
    } else {
        let values = (steps::run.eq(shown), steps::up_to_date.eq(i32::from(up_to_date)));
        diesel::update(row).set(values).execute(conn)?;
    }
    Ok(())
}

/// Says why results made from `parents` are stale already: one of them has been succeeded by another revision of its
/// type. Types among `outputs` do not count (a step that renews its own input, as regrid, always supersedes it), nor
/// do those that are no inputs of `step` of which the latest counts: an ocean grid is chosen at each run.
pub(crate) fn outdated(
    conn: &mut AnyConnection,
    data_file: DataFileId,
    step: Step,
    parents: &[RevisionId],
    outputs: &[workflow::FileType],
) -> Result<Option<String>, Error> {
    for parent in parents {
        let row = revisions::table.find(parent.0).filter(revisions::data_file_id.eq(data_file.0));
        let columns = (revisions::revision, revisions::file_type);
        let Some((number, name)) = row.select(columns).first::<(i32, String)>(conn).optional()? else {
            continue;
        };
        let Ok(file_type) = name.parse::<workflow::FileType>() else { continue };
        if outputs.contains(&file_type) || !step.inputs().contains(&file_type) {
            continue;
        }
        let latest =
            crate::revisions::latest(conn, data_file, file_type)?.map_or(number, |latest| latest.revision);
        if latest > number {
            let title = file_type.title();
            return Ok(Some(format!(
                "it was made from revision {number} ({title}), and there is {latest} now"
            )));
        }
    }
    Ok(None)
}
