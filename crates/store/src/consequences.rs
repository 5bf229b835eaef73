//! What the end of a step means for the others, recorded in the transaction that records the end.
//!
//! The dispatcher derives the same from the `done` message; the ids agree ([`workflow::rerun_id`]), so its messages
//! find their runs here, whatever the order in which they arrive (D18).

use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;
use workflow::{Step, Worker};

use crate::connection::AnyConnection;
use crate::run_rows::{self as rows, NewRun, state};
use crate::schema::{runs, steps};
use crate::{DataFileId, Error, RunId, UserId, json};

/// A step that has just been done.
pub(crate) struct CompletedStep<'a> {
    pub(crate) data_file: DataFileId,
    pub(crate) owner: UserId,
    pub(crate) step: Step,
    /// Id of the outgoing `done` message.
    pub(crate) done: Uuid,
    pub(crate) next_step_only: Option<&'a Value>,
    pub(crate) request_id: Option<&'a str>,
}

/// Marks what is stale now and queues what is to run again.
pub(crate) fn record(conn: &mut AnyConnection, ended: &CompletedStep<'_>) -> Result<(), Error> {
    let consequences = workflow::consequences(ended.step, ended.data_file.0, ended.next_step_only);
    let reason = format!("{} was done again after it", ended.step.title());
    mark_stale(conn, ended.data_file, &consequences.invalidated, &reason)?;
    for (successor, body) in &consequences.rerun {
        let successor = *successor;
        // The editors' messages go nowhere: their steps wait for a person.
        if successor.worker() == Worker::Panel {
            continue;
        }
        let runs_again =
            !successor.has_params() || rows::stored_parameters(conn, ended.data_file, successor)?.is_some();
        let waiting = waiting_run(conn, ended, successor)?;
        if let Some(waiting) = &waiting {
            // It has not begun, so it will read what has just been written.
            diesel::update(runs::table.find(waiting)).set(runs::outdated.eq(None::<String>)).execute(conn)?;
        }
        let queue = runs_again && waiting.is_none();
        rows::insert(
            conn,
            &NewRun {
                id: RunId(workflow::rerun_id(ended.done, successor)),
                data_file: ended.data_file,
                owner: ended.owner,
                step: successor,
                state: if queue { state::QUEUED } else { state::SKIPPED },
                body,
                cause: Some(ended.done),
                form_key: None,
                request_id: ended.request_id,
            },
        )?;
        if queue {
            rows::ensure(conn, ended.data_file, successor)?;
            rows::refresh(conn, ended.data_file, successor)?;
        }
    }
    Ok(())
}

/// A queued run of the step that reaches as far as the re-run would: the re-run is folded into it.
fn waiting_run(
    conn: &mut AnyConnection,
    ended: &CompletedStep<'_>,
    step: Step,
) -> Result<Option<String>, Error> {
    let Some(run) = rows::in_state(conn, ended.data_file, step, &[state::QUEUED])? else { return Ok(None) };
    let narrow = json::map(Some(&run.body)).contains_key("next_step_only");
    Ok((!narrow || ended.next_step_only.is_some()).then_some(run.id))
}

/// Marks steps that have results as stale, and the runs of them that are under way as outdated.
pub(crate) fn mark_stale(
    conn: &mut AnyConnection,
    data_file: DataFileId,
    invalidated: &[Step],
    reason: &str,
) -> Result<(), Error> {
    let names: Vec<&str> = invalidated.iter().map(|step| step.as_str()).collect();
    let done = steps::table
        .filter(steps::data_file_id.eq(data_file.0))
        .filter(steps::step.eq_any(names.clone()))
        .filter(steps::state.eq(state::DONE));
    let stale = (steps::state.eq(state::STALE), steps::reason.eq(reason), steps::up_to_date.eq(0));
    diesel::update(done).set(stale).execute(conn)?;
    let under_way = runs::table
        .filter(runs::data_file_id.eq(data_file.0))
        .filter(runs::step.eq_any(names))
        .filter(runs::state.eq_any(vec![state::QUEUED, state::RUNNING]));
    diesel::update(under_way).set(runs::outdated.eq(reason)).execute(conn)?;
    Ok(())
}
