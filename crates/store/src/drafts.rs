//! Drafts: what is being edited by hand, event by event.
//!
//! The events are JSON of the editor's; the store keeps them in order and knows no more of them. An event that was
//! appended is there whatever happens to the editor, and the draft is what its events say: undoing is an event too.
//! Who appends says which event was the last that it knows ([`Appended::Moved`]), so that two processes on one draft
//! (an update under way) never interleave without seeing each other's work.

use diesel::dsl::max;
use diesel::prelude::*;
use serde_json::Value;
use uuid::Uuid;
use workflow::FileType;

use crate::connection::{AnyConnection, lock_data_file};
use crate::revisions::{self as revision_rows, parents_of};
use crate::schema::{draft_events, drafts, revisions};
use crate::steps::Edit;
use crate::{DataFileId, DraftId, Error, Revision, RevisionId, Store, clock, json};

/// What a draft is of. At most one of each is open.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DraftOf {
    /// The workflow.
    pub data_file: DataFileId,
    /// Which editor, by the name in its address.
    pub editor: String,
    /// The type of the edited file.
    pub file_type: FileType,
    /// The edited variable.
    pub variable: String,
}

/// What is being edited by hand.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Its id.
    pub id: DraftId,
    /// What it is of.
    pub of: DraftOf,
    /// The revisions that it stands on, the edited one first.
    pub bases: Vec<RevisionId>,
    /// UTC, `YYYY-MM-DD HH:MM:SS.mmm`.
    pub created_at: String,
    /// When the last event was appended.
    pub changed_at: String,
    /// When it was saved; no event comes after that.
    pub closed_at: Option<String>,
    /// What it was saved as.
    pub revision: Option<RevisionId>,
}

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct DraftEvent {
    /// Its number in the draft, from 1.
    pub sequence: i64,
    /// The click that it came from.
    pub key: Uuid,
    /// Who did it, in the editor's words.
    pub author: String,
    /// What was done, in the editor's words.
    pub event: Value,
    /// UTC, `YYYY-MM-DD HH:MM:SS.mmm`.
    pub created_at: String,
}

/// An event to append.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// As [`DraftEvent::key`].
    pub key: Uuid,
    /// As [`DraftEvent::author`].
    pub author: String,
    /// As [`DraftEvent::event`].
    pub event: Value,
}

/// What became of events to append: all of them or none.
#[derive(Debug, Clone, PartialEq)]
pub enum Appended {
    /// Stored, under these numbers.
    Stored(Vec<DraftEvent>),
    /// The first of them has been stored before (the same click), under this number.
    Known(i64),
    /// Somebody else has appended events since: read them, and try again.
    Moved,
    /// The draft has been saved.
    Closed,
}

/// What became of a draft to save.
#[derive(Debug, Clone, PartialEq)]
pub enum Saved {
    /// It is this revision now; of a draft saved before, the one of then.
    Revision(Box<Revision>),
    /// It has events that the caller does not know: read them, and try again.
    Moved,
}

impl Store {
    /// The open draft of that kind, else a new one on `bases`.
    ///
    /// # Errors
    /// [`Error::NotFound`] without the data file, or a failing database.
    pub fn open_draft(&self, of: &DraftOf, bases: &[RevisionId]) -> Result<Draft, Error> {
        if let Some(draft) = self.read(|conn| open(conn, of))? {
            return Ok(draft);
        }
        self.write(|conn| {
            lock_data_file(conn, of.data_file)?.ok_or_else(|| Error::no_data_file(of.data_file))?;
            if let Some(draft) = open(conn, of)? {
                return Ok(draft);
            }
            let now = clock::millis();
            let draft = Draft {
                id: DraftId(Uuid::new_v4()),
                of: of.clone(),
                bases: bases.to_vec(),
                created_at: now.clone(),
                changed_at: now,
                closed_at: None,
                revision: None,
            };
            let values = (
                drafts::id.eq(draft.id.to_string()),
                drafts::data_file_id.eq(of.data_file.0),
                drafts::editor.eq(&of.editor),
                drafts::file_type.eq(of.file_type.as_str()),
                drafts::variable.eq(&of.variable),
                drafts::bases.eq(json::text(&bases)?),
                drafts::created_at.eq(&draft.created_at),
                drafts::changed_at.eq(&draft.changed_at),
            );
            diesel::insert_into(drafts::table).values(values).execute(conn)?;
            Ok(draft)
        })
    }

    /// The open drafts of a data file that have events, with how many.
    ///
    /// # Errors
    /// A failing database.
    pub fn open_drafts(&self, data_file: DataFileId) -> Result<Vec<(Draft, i64)>, Error> {
        let rows: Vec<(Row, Option<i64>)> = self.read(|conn| {
            let last = draft_events::table
                .filter(draft_events::draft_id.eq(drafts::id))
                .select(max(draft_events::seq))
                .single_value();
            let query = drafts::table
                .filter(drafts::data_file_id.eq(data_file.0))
                .filter(drafts::closed_at.is_null())
                .order(drafts::created_at);
            Ok(query.select((Row::as_select(), last)).load(conn)?)
        })?;
        let with_events = |(row, last): (Row, Option<i64>)| Some((row.draft()?, last?));
        Ok(rows.into_iter().filter_map(with_events).collect())
    }

    /// The draft with that id.
    ///
    /// # Errors
    /// A failing database.
    pub fn draft(&self, id: DraftId) -> Result<Option<Draft>, Error> {
        self.read(|conn| find(conn, id))
    }

    /// The events of a draft with numbers above `after`, in order.
    ///
    /// # Errors
    /// A failing database.
    pub fn draft_events(&self, id: DraftId, after: i64) -> Result<Vec<DraftEvent>, Error> {
        type Columns = (i64, String, String, String, String);
        let rows: Vec<Columns> = self.read(|conn| {
            let query = draft_events::table
                .filter(draft_events::draft_id.eq(id.to_string()))
                .filter(draft_events::seq.gt(after))
                .order(draft_events::seq);
            let columns = (
                draft_events::seq,
                draft_events::event_key,
                draft_events::author,
                draft_events::event,
                draft_events::created_at,
            );
            Ok(query.select(columns).load(conn)?)
        })?;
        let event = |(sequence, key, author, event, created_at): Columns| {
            Ok(DraftEvent {
                sequence,
                key: Uuid::parse_str(&key)
                    .map_err(|_| Error::Unreadable { what: "key of a draft's event", value: key })?,
                author,
                event: serde_json::from_str(&event)
                    .map_err(|_| Error::Unreadable { what: "event of a draft", value: event })?,
                created_at,
            })
        };
        rows.into_iter().map(event).collect()
    }

    /// Appends events after the one numbered `after`, all or none; on its return they are on disk. With `bases` the
    /// draft stands on these revisions from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the draft (or its data file) is gone, or a failing database.
    pub fn append_to_draft(
        &self,
        id: DraftId,
        after: i64,
        events: Vec<NewEvent>,
        bases: Option<&[RevisionId]>,
    ) -> Result<Appended, Error> {
        self.write(|conn| {
            let draft = lock_draft(conn, id)?;
            if let Some(first) = events.first()
                && let Some(known) = by_key(conn, id, first.key)?
            {
                return Ok(Appended::Known(known));
            }
            if draft.closed_at.is_some() {
                return Ok(Appended::Closed);
            }
            if last(conn, id)? != after {
                return Ok(Appended::Moved);
            }
            let now = clock::millis();
            let mut stored = Vec::new();
            for (sequence, NewEvent { key, author, event }) in (after + 1..).zip(events) {
                let values = (
                    draft_events::draft_id.eq(id.to_string()),
                    draft_events::seq.eq(sequence),
                    draft_events::event_key.eq(key.to_string()),
                    draft_events::author.eq(&author),
                    draft_events::event.eq(json::text(&event)?),
                    draft_events::created_at.eq(&now),
                );
                diesel::insert_into(draft_events::table).values(values).execute(conn)?;
                stored.push(DraftEvent { sequence, key, author, event, created_at: now.clone() });
            }
            self.fault("after-events")?;
            let bases = bases.map(json::text).transpose()?;
            // What is `None` is left as it is.
            let changed = (drafts::changed_at.eq(&now), bases.map(|bases| drafts::bases.eq(bases)));
            diesel::update(drafts::table.find(id.to_string())).set(changed).execute(conn)?;
            self.fault("before-commit")?;
            Ok(Appended::Stored(stored))
        })
    }

    /// Turns a draft into a revision, with everything that [`Store::record_edit`] records, and closes it: one
    /// transaction. `after` is the number of the last event that the edit contains. A draft that has been saved
    /// before gives the revision of then.
    ///
    /// # Errors
    /// As [`Store::record_edit`]; then the draft is as it was.
    pub fn save_draft(&self, id: DraftId, after: i64, edit: Edit) -> Result<Saved, Error> {
        let mut moved = false;
        let result = self.record_edit_and(
            edit,
            |conn| {
                let draft = lock_draft(conn, id)?;
                if let Some(revision) = draft.revision {
                    return revision_with(conn, revision).map(Some);
                }
                if last(conn, id)? != after {
                    moved = true;
                    return Err(Error::Invalid { field: "draft", problem: "it has moved on".to_owned() });
                }
                Ok(None)
            },
            |conn, revision| {
                let closed = (drafts::closed_at.eq(clock::millis()), drafts::revision_id.eq(revision.id.0));
                diesel::update(drafts::table.find(id.to_string())).set(closed).execute(conn)?;
                Ok(())
            },
        );
        match result {
            Err(_) if moved => Ok(Saved::Moved),
            other => other.map(|revision| Saved::Revision(Box::new(revision))),
        }
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = drafts)]
struct Row {
    id: String,
    data_file_id: i32,
    editor: String,
    file_type: String,
    variable: String,
    bases: String,
    created_at: String,
    changed_at: String,
    closed_at: Option<String>,
    revision_id: Option<i32>,
}

impl Row {
    /// `None` for a type that this release does not know.
    fn draft(self) -> Option<Draft> {
        Some(Draft {
            id: DraftId(Uuid::parse_str(&self.id).ok()?),
            of: DraftOf {
                data_file: DataFileId(self.data_file_id),
                editor: self.editor,
                file_type: self.file_type.parse().ok()?,
                variable: self.variable,
            },
            bases: parents_of(Some(&self.bases)),
            created_at: self.created_at,
            changed_at: self.changed_at,
            closed_at: self.closed_at,
            revision: self.revision_id.map(RevisionId),
        })
    }
}

fn open(conn: &mut AnyConnection, of: &DraftOf) -> Result<Option<Draft>, Error> {
    let query = drafts::table
        .filter(drafts::data_file_id.eq(of.data_file.0))
        .filter(drafts::editor.eq(&of.editor))
        .filter(drafts::file_type.eq(of.file_type.as_str()))
        .filter(drafts::variable.eq(&of.variable))
        .filter(drafts::closed_at.is_null());
    let row: Option<Row> = query.select(Row::as_select()).first(conn).optional()?;
    Ok(row.and_then(Row::draft))
}

fn find(conn: &mut AnyConnection, id: DraftId) -> Result<Option<Draft>, Error> {
    let row: Option<Row> =
        drafts::table.find(id.to_string()).select(Row::as_select()).first(conn).optional()?;
    Ok(row.and_then(Row::draft))
}

/// The draft, which nobody else changes until the transaction ends.
fn lock_draft(conn: &mut AnyConnection, id: DraftId) -> Result<Draft, Error> {
    if let AnyConnection::Postgres(postgres) = conn {
        let row = drafts::table.find(id.to_string()).select(drafts::id).for_update();
        row.first::<String>(postgres).optional()?;
    }
    find(conn, id)?.ok_or_else(|| Error::NotFound { what: "draft", id: id.to_string() })
}

fn last(conn: &mut AnyConnection, id: DraftId) -> Result<i64, Error> {
    let own = draft_events::table.filter(draft_events::draft_id.eq(id.to_string()));
    let last: Option<i64> = own.select(max(draft_events::seq)).first(conn)?;
    Ok(last.unwrap_or(0))
}

fn by_key(conn: &mut AnyConnection, id: DraftId, key: Uuid) -> Result<Option<i64>, Error> {
    let row = draft_events::table
        .filter(draft_events::draft_id.eq(id.to_string()))
        .filter(draft_events::event_key.eq(key.to_string()))
        .select(draft_events::seq);
    Ok(row.first(conn).optional()?)
}

fn revision_with(conn: &mut AnyConnection, id: RevisionId) -> Result<Revision, Error> {
    let row = revisions::table.find(id.0).select(revision_rows::Row::as_select()).first(conn).optional()?;
    let gone = || Error::NotFound { what: "revision", id: id.to_string() };
    row.and_then(revision_rows::Row::revision).ok_or_else(gone)
}
