//! What a bus without its memory is asked for again.

use diesel::prelude::*;
use uuid::Uuid;
use workflow::message::{SCHEMA, derived_id};
use workflow::{Key, Message, Step, Task};

use crate::run_rows::state;
use crate::schema::{outbox as outbox_table, runs};
use crate::{Error, Store, json, outbox};

#[derive(Queryable)]
struct Active {
    id: String,
    data_file: i32,
    owner: i32,
    step: String,
    body: String,
    cause: Option<String>,
    request_id: Option<String>,
}

impl Store {
    /// Owes the bus the task of every run that waits or is in a worker's hands once more, as the bus has lost what it was
    /// given. The ids are those that the dispatcher gave or will give: a worker that still holds one of the runs, and a
    /// message that was not lost after all, fold with it. Gives how many runs it was.
    ///
    /// # Errors
    /// A failing database.
    pub fn recall_runs(&self) -> Result<usize, Error> {
        let recalled = self.write(|conn| {
            let active: Vec<Active> = runs::table
                .filter(runs::state.eq_any(vec![state::QUEUED, state::RUNNING]))
                .order(runs::queued_at)
                .select((
                    runs::id,
                    runs::data_file_id,
                    runs::owner_id,
                    runs::step,
                    runs::body,
                    runs::cause,
                    runs::request_id,
                ))
                .load(conn)?;
            let mut recalled = 0;
            for run in &active {
                let message = task(run)?;
                let owed = outbox_table::table
                    .filter(outbox_table::message_id.eq_any(vec![run.id.clone(), message.id.to_string()]));
                // The request itself, or this very message, has not been sent yet.
                if diesel::select(diesel::dsl::exists(owed)).get_result::<bool>(conn)? {
                    continue;
                }
                outbox::put(conn, &message)?;
                recalled += 1;
            }
            Ok(recalled)
        })?;
        if recalled > 0 {
            self.outbox_written();
        }
        Ok(recalled)
    }
}

/// The task of a run, for its worker.
fn task(run: &Active) -> Result<Message, Error> {
    let id =
        Uuid::parse_str(&run.id).map_err(|_| Error::Unreadable { what: "run", value: run.id.clone() })?;
    let step: Step =
        run.step.parse().map_err(|_| Error::Unreadable { what: "step", value: run.step.clone() })?;
    let key = Key::ForWorker(Task::Step(step), step.worker());
    let mut body = json::map(Some(&run.body));
    body.insert("id".to_owned(), run.data_file.into());
    Ok(Message {
        // A re-run bears the id of its message; a request's task follows from the request.
        id: if run.cause.is_some() { id } else { derived_id(id, key) },
        key: key.to_string(),
        body,
        run: Some(id),
        owner: Some(run.owner),
        request_id: run.request_id.clone(),
        schema: SCHEMA,
    })
}
