//! Revisions: immutable stored files of a data file.

use std::path::PathBuf;

use diesel::dsl::max;
use diesel::prelude::*;
use release::Release;
use serde_json::{Map, Value};
use uuid::Uuid;
use workflow::{FileType, Step};

use crate::connection::{AnyConnection, lock_data_file};
use crate::files::{self, StoredFile};
use crate::schema::revisions;
use crate::{DataFileId, Error, RevisionId, RunId, Staged, Store, clock, json};

/// A stored file. Immutable.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// Its id.
    pub id: RevisionId,
    /// Whose it is.
    pub data_file: DataFileId,
    /// UTC, `YYYY-MM-DD HH:MM:SS`.
    pub created: String,
    /// Its name in the instance folder; see [`Store::path`].
    pub filepath: String,
    /// Its number: counts all types of the data file together, from 0.
    pub revision: i32,
    /// What it is.
    pub file_type: FileType,
    /// What is told about it (`changes` of an editor); empty when nothing is.
    pub info: Map<String, Value>,
    /// SHA-256 of its content in lower-case hex; `None` for files of earlier releases.
    pub sha256: Option<String>,
    /// Its size; `None` for files of earlier releases.
    pub bytes: Option<i64>,
    /// The run that made it; of a copied data file the run of the original.
    pub run: Option<RunId>,
    /// The step that made it.
    pub step: Option<Step>,
    /// The parameters of that step.
    pub parameters: Option<Map<String, Value>>,
    /// The revisions that it was made from, of the same data file.
    pub parents: Vec<RevisionId>,
}

impl Revision {
    /// How to speak of it to its owner: `Topography of 'late_cretaceous.nc' (revision 3)`. Where its file lies is the
    /// server's business.
    pub fn called(&self, filename: &str) -> String {
        format!("{} of '{filename}' (revision {})", self.file_type.title(), self.revision)
    }

    /// True for a file that came from the user and is stored as it came: the topography of the upload, and ocean grids.
    pub fn is_uploaded(&self) -> bool {
        let made = self.step.is_some() || self.run.is_some() || !self.parents.is_empty();
        !made
            && match self.file_type {
                FileType::Raw => self.revision == 0,
                FileType::Coords | FileType::Paleorca | FileType::WeightCoords => true,
                _ => false,
            }
    }

    /// The release that it was computed with; `None` where that makes no difference or was not recorded.
    pub fn release(&self) -> Option<Release> {
        let named = json::release(&self.info).or_else(|| json::release(self.parameters.as_ref()?));
        named?.parse().ok()
    }
}

impl Store {
    /// All revisions of a data file, by number. One query. Types that this release does not know are left out.
    ///
    /// # Errors
    /// A failing database.
    pub fn revisions(&self, data_file: DataFileId) -> Result<Vec<Revision>, Error> {
        let rows: Vec<Row> = self.read(|conn| {
            let query = revisions::table.filter(revisions::data_file_id.eq(data_file.0));
            Ok(query.order(revisions::revision).select(Row::as_select()).load(conn)?)
        })?;
        Ok(rows.into_iter().filter_map(Row::revision).collect())
    }

    /// The revision with the highest number of that type.
    ///
    /// # Errors
    /// A failing database.
    pub fn latest(&self, data_file: DataFileId, file_type: FileType) -> Result<Option<Revision>, Error> {
        self.read(|conn| latest(conn, data_file, file_type))
    }

    /// The revision with that number.
    ///
    /// # Errors
    /// A failing database.
    pub fn revision(&self, data_file: DataFileId, number: i32) -> Result<Option<Revision>, Error> {
        let row: Option<Row> = self.read(|conn| {
            let query = revisions::table
                .filter(revisions::data_file_id.eq(data_file.0))
                .filter(revisions::revision.eq(number));
            Ok(query.select(Row::as_select()).first(conn).optional()?)
        })?;
        Ok(row.and_then(Row::revision))
    }

    /// Where the file of a revision lies.
    pub fn path(&self, revision: &Revision) -> PathBuf {
        files::path_in(&self.0.instance, &revision.filepath)
    }

    /// A fresh temporary file in the instance folder, for content that is to become a revision. `extension` is with
    /// the dot ([`FileType::extension`]). It is removed on drop unless it was stored.
    ///
    /// # Errors
    /// A failing disk.
    pub fn stage(&self, extension: &str) -> Result<Staged, Error> {
        Staged::new(&self.0.instance, extension)
    }

    /// Adds a file that a user uploaded to an existing data file (an ocean grid).
    ///
    /// # Errors
    /// [`Error::NotFound`], or a failing disk or database; then nothing is stored.
    pub fn add_revision(
        &self,
        data_file: DataFileId,
        file_type: FileType,
        staged: Staged,
        info: Map<String, Value>,
    ) -> Result<Revision, Error> {
        let stored = self.store_files(vec![staged])?;
        let new = stored.iter().map(|file| NewRevision { file_type, info: &info, file }).collect::<Vec<_>>();
        let result = self.write(|conn| {
            lock_data_file(conn, data_file)?.ok_or_else(|| Error::no_data_file(data_file))?;
            insert(conn, data_file, &new, &Origin::default())
        });
        let mut added = self.settle_files(&stored, result)?;
        added.pop().ok_or_else(|| Error::no_data_file(data_file))
    }
}

impl Store {
    /// Flushes staged files and gives them their final names, before the transaction that names them.
    pub(crate) fn store_files(&self, staged: Vec<Staged>) -> Result<Vec<StoredFile>, Error> {
        let mut stored = Vec::new();
        for file in staged {
            match self.fault("before-rename").and_then(|()| file.store(&self.0.instance)) {
                Ok(file) => stored.push(file),
                Err(error) => {
                    self.discard_files(&stored);
                    return Err(error);
                }
            }
        }
        if let Err(error) = files::sync_folder(&self.0.instance).and_then(|()| self.fault("after-rename")) {
            self.discard_files(&stored);
            return Err(error);
        }
        Ok(stored)
    }

    /// Hands on the outcome of the transaction that names stored files; when it failed, the files go.
    pub(crate) fn settle_files<T>(
        &self,
        stored: &[StoredFile],
        result: Result<T, Error>,
    ) -> Result<T, Error> {
        if result.is_err() {
            self.discard_files(stored);
        }
        result
    }

    /// Removes files that no row names. A commit that was reported as failed may have happened all the same (a lost
    /// connection), so the rows are asked; without an answer the files stay, for the doctor.
    pub(crate) fn discard_files(&self, stored: &[StoredFile]) {
        for file in stored {
            match self.read(|conn| is_named(conn, &file.name)) {
                Ok(false) => files::remove(&files::path_in(&self.0.instance, &file.name)),
                Ok(true) => {}
                Err(error) => tracing::warn!(file = file.name, %error, "left a file for the doctor"),
            }
        }
    }
}

/// A revision to insert.
pub(crate) struct NewRevision<'a> {
    pub(crate) file_type: FileType,
    pub(crate) info: &'a Map<String, Value>,
    pub(crate) file: &'a StoredFile,
}

/// Where revisions come from.
#[derive(Default)]
pub(crate) struct Origin<'a> {
    pub(crate) run: Option<RunId>,
    pub(crate) step: Option<Step>,
    pub(crate) parameters: Option<&'a Map<String, Value>>,
    pub(crate) parents: &'a [RevisionId],
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = revisions)]
pub(crate) struct Row {
    pub(crate) id: i32,
    pub(crate) data_file_id: i32,
    pub(crate) created: String,
    pub(crate) filepath: String,
    pub(crate) revision: i32,
    pub(crate) file_type: String,
    pub(crate) info: Option<String>,
    pub(crate) sha256: Option<String>,
    pub(crate) bytes: Option<i64>,
    pub(crate) run: Option<String>,
    pub(crate) step: Option<String>,
    pub(crate) parameters: Option<String>,
    pub(crate) parents: Option<String>,
}

impl Row {
    /// `None` for a type that this release does not know.
    pub(crate) fn revision(self) -> Option<Revision> {
        Some(Revision {
            id: RevisionId(self.id),
            data_file: DataFileId(self.data_file_id),
            created: self.created,
            filepath: self.filepath,
            revision: self.revision,
            file_type: self.file_type.parse().ok()?,
            info: json::map(self.info.as_deref()),
            sha256: self.sha256,
            bytes: self.bytes,
            run: self.run.as_deref().and_then(|run| Uuid::parse_str(run).ok()).map(RunId),
            step: self.step.as_deref().and_then(|step| step.parse().ok()),
            parameters: self.parameters.as_deref().map(|text| json::map(Some(text))),
            parents: parents_of(self.parents.as_deref()),
        })
    }
}

pub(crate) fn parents_of(text: Option<&str>) -> Vec<RevisionId> {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

/// Inserts revisions under the next numbers. The caller holds the data file ([`lock_data_file`]).
pub(crate) fn insert(
    conn: &mut AnyConnection,
    data_file: DataFileId,
    new: &[NewRevision<'_>],
    origin: &Origin<'_>,
) -> Result<Vec<Revision>, Error> {
    let own = revisions::table.filter(revisions::data_file_id.eq(data_file.0));
    let highest: Option<i32> = own.select(max(revisions::revision)).first(conn)?;
    let first = highest.map_or(0, |highest| highest + 1);
    let created = clock::seconds();
    let parameters = origin.parameters.map(json::text).transpose()?;
    let parents = (!origin.parents.is_empty()).then(|| json::text(&origin.parents)).transpose()?;
    let mut inserted = Vec::new();
    for (number, revision) in (first..).zip(new) {
        let values = (
            revisions::data_file_id.eq(data_file.0),
            revisions::created.eq(&created),
            revisions::filepath.eq(&revision.file.name),
            revisions::revision.eq(number),
            revisions::file_type.eq(revision.file_type.as_str()),
            revisions::info.eq(json::text(revision.info)?),
            revisions::sha256.eq(&revision.file.sha256),
            revisions::bytes.eq(revision.file.bytes),
            revisions::run.eq(origin.run.map(|run| run.to_string())),
            revisions::step.eq(origin.step.map(Step::as_str)),
            revisions::parameters.eq(&parameters),
            revisions::parents.eq(&parents),
        );
        let id: i32 =
            diesel::insert_into(revisions::table).values(values).returning(revisions::id).get_result(conn)?;
        inserted.push(Revision {
            id: RevisionId(id),
            data_file,
            created: created.clone(),
            filepath: revision.file.name.clone(),
            revision: number,
            file_type: revision.file_type,
            info: revision.info.clone(),
            sha256: Some(revision.file.sha256.clone()),
            bytes: Some(revision.file.bytes),
            run: origin.run,
            step: origin.step,
            parameters: origin.parameters.cloned(),
            parents: origin.parents.to_vec(),
        });
    }
    Ok(inserted)
}

pub(crate) fn latest(
    conn: &mut AnyConnection,
    data_file: DataFileId,
    file_type: FileType,
) -> Result<Option<Revision>, Error> {
    let query = revisions::table
        .filter(revisions::data_file_id.eq(data_file.0))
        .filter(revisions::file_type.eq(file_type.as_str()))
        .order(revisions::revision.desc());
    let row: Option<Row> = query.select(Row::as_select()).first(conn).optional()?;
    Ok(row.and_then(Row::revision))
}

pub(crate) fn is_named(conn: &mut AnyConnection, filepath: &str) -> Result<bool, Error> {
    let row = revisions::table.filter(revisions::filepath.eq(filepath)).select(revisions::id);
    Ok(row.first::<i32>(conn).optional()?.is_some())
}
