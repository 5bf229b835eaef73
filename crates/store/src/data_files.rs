//! Data files: one user's workflows.

use std::collections::HashMap;

use diesel::connection::SimpleConnection;
use diesel::dsl::max;
use diesel::prelude::*;
use release::{Release, UnknownRelease};
use serde_json::{Map, Value};
use workflow::{FileType, Step};

use crate::accounts::{no_user, user_row};
use crate::connection::{AnyConnection, lock_data_file};
use crate::revisions::{self as rows, NewRevision, Origin};
use crate::schema::{data_files, drafts, revisions, runs, steps};
use crate::{
    DataFileId, Error, RevisionId, Staged, Store, User, UserId, consequences, files, json, run_rows,
};

/// A line of the list of a user's data files.
#[derive(Debug, Clone, PartialEq)]
pub struct DataFileSummary {
    /// Its id.
    pub id: DataFileId,
    /// Its cleaned name.
    pub filename: String,
    /// The fields of the upload form.
    pub info: Map<String, Value>,
    /// `DUPLICATED`, `RECEIVED from NAME`, ...; as in the release of 2023.
    pub state: Option<String>,
    /// When the latest revision was made: UTC, `YYYY-MM-DD HH:MM:SS`. `None` without revisions.
    pub changed: Option<String>,
}

/// A data file.
#[derive(Debug, Clone, PartialEq)]
pub struct DataFile {
    /// Its id.
    pub id: DataFileId,
    /// Whose it is.
    pub owner: UserId,
    /// Its cleaned name.
    pub filename: String,
    /// Name of the longitude variable, once chosen.
    pub longitude: Option<String>,
    /// Name of the latitude variable, once chosen.
    pub latitude: Option<String>,
    /// The fields of the upload form.
    pub info: Map<String, Value>,
    /// `DUPLICATED`, `RECEIVED from NAME`, ...
    pub state: Option<String>,
    /// The generation of the numerics of all steps that name none themselves.
    pub release: Release,
}

impl DataFile {
    /// The release that parameters of a step mean: the one that they name, else that of the workflow.
    ///
    /// # Errors
    /// They name none that there is.
    pub fn release_of(&self, parameters: &Map<String, Value>) -> Result<Release, UnknownRelease> {
        json::release(parameters).map_or(Ok(self.release), str::parse)
    }
}

/// A file name fit for the database and for downloads: the last part of a path, letters, digits, `-` and `_` kept
/// (in any script), blanks and inner dots turned into `_`, always ending in `.nc` and never empty before it.
pub fn clean_filename(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    let lower = name.to_ascii_lowercase();
    let stem = lower.strip_suffix(".nc").map_or(name, |stem| &name[..stem.len()]);
    let kept = |letter: char| match letter {
        letter if letter.is_alphanumeric() || letter == '-' || letter == '_' => Some(letter),
        letter if letter.is_whitespace() || letter == '.' => Some('_'),
        _ => None,
    };
    let stem: String = stem.chars().filter_map(kept).take(MAX_STEM).collect();
    let stem = stem.trim_matches('_');
    format!("{}.nc", if stem.is_empty() { "topography" } else { stem })
}

impl Store {
    /// Makes a data file whose revision 0 (`raw`) is the staged file. The name is cleaned ([`clean_filename`]). Its steps
    /// are computed with `release` unless they name another.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown owner, or a failing disk or database; then nothing is stored.
    pub fn create_data_file(
        &self,
        owner: UserId,
        filename: &str,
        info: Map<String, Value>,
        release: Release,
        staged: Staged,
    ) -> Result<DataFileId, Error> {
        let filename = clean_filename(filename);
        let stored = self.store_files(vec![staged])?;
        let nothing = Map::new();
        let new: Vec<_> = stored
            .iter()
            .map(|file| NewRevision { file_type: FileType::Raw, info: &nothing, file })
            .collect();
        let result = self.write(|conn| {
            user_row(conn, owner)?.ok_or_else(|| no_user(owner))?;
            let row = (
                data_files::owner_id.eq(owner.0),
                data_files::filename.eq(&filename),
                data_files::info.eq(json::text(&info)?),
                data_files::release.eq(release.as_str()),
            );
            let insert = diesel::insert_into(data_files::table).values(row).returning(data_files::id);
            let id = DataFileId(insert.get_result(conn)?);
            rows::insert(conn, id, &new, &Origin::default())?;
            self.fault("before-commit")?;
            Ok(id)
        });
        self.settle_files(&stored, result)
    }

    /// The user's data files, newest change first. One query.
    ///
    /// # Errors
    /// A failing database.
    pub fn data_files(&self, owner: UserId) -> Result<Vec<DataFileSummary>, Error> {
        type Row = (i32, String, Option<String>, Option<String>, Option<String>);
        let mut rows: Vec<Row> = self.read(|conn| {
            let changed = revisions::table
                .filter(revisions::data_file_id.eq(data_files::id))
                .select(max(revisions::created))
                .single_value();
            let query = data_files::table
                .filter(data_files::owner_id.eq(owner.0))
                .order(data_files::id.desc())
                .select((data_files::id, data_files::filename, data_files::info, data_files::state, changed));
            Ok(query.load(conn)?)
        })?;
        // Stable: of two that changed in the same second the younger stays first.
        rows.sort_by(|a, b| b.4.cmp(&a.4));
        Ok(rows
            .into_iter()
            .map(|(id, filename, info, state, changed)| DataFileSummary {
                id: DataFileId(id),
                filename,
                info: json::map(info.as_deref()),
                state,
                changed,
            })
            .collect())
    }

    /// The data file with that id, whosever it is: callers check the owner.
    ///
    /// # Errors
    /// A failing database.
    pub fn data_file(&self, id: DataFileId) -> Result<Option<DataFile>, Error> {
        self.read(|conn| row(conn, id))
    }

    /// Remembers which variables are the coordinates.
    ///
    /// # Errors
    /// [`Error::NotFound`], or a failing database.
    pub fn set_coordinates(&self, id: DataFileId, longitude: &str, latitude: &str) -> Result<(), Error> {
        self.write(|conn| {
            let names = (data_files::longitude.eq(longitude), data_files::latitude.eq(latitude));
            match diesel::update(data_files::table.find(id.0)).set(names).execute(conn)? {
                0 => Err(Error::no_data_file(id)),
                _ => Ok(()),
            }
        })
    }

    /// Changes the release of a workflow. Steps that were computed with the release of before because it was the
    /// workflow's are stale and take the new one when they run again; those for which another one was chosen keep it. What
    /// was made from what is stale is stale too.
    ///
    /// # Errors
    /// [`Error::NotFound`], or a failing database.
    pub fn set_release(&self, id: DataFileId, release: Release) -> Result<(), Error> {
        self.write(|conn| {
            lock_data_file(conn, id)?.ok_or_else(|| Error::no_data_file(id))?;
            let before = row(conn, id)?.ok_or_else(|| Error::no_data_file(id))?.release;
            if before == release {
                return Ok(());
            }
            let column = data_files::release.eq(release.as_str());
            diesel::update(data_files::table.find(id.0)).set(column).execute(conn)?;
            let mut follow = Vec::new();
            for step in Step::ALL {
                let Some(mut parameters) = run_rows::stored_parameters(conn, id, step)? else { continue };
                match json::release(&parameters) {
                    Some(named) if named == before.as_str() => {
                        parameters.insert(Release::FIELD.to_owned(), release.as_str().into());
                        run_rows::store_parameters(conn, id, step, &parameters)?;
                    }
                    None if OF_THE_WORKFLOW.contains(&step) => {}
                    _ => continue,
                }
                follow.push(step);
            }
            let mut after: Vec<Step> = follow.iter().flat_map(|step| step.reachable()).collect();
            after.retain(|step| !follow.contains(step));
            let made = format!("made with release {before}, and the workflow has release {release} now");
            consequences::mark_stale(conn, id, &follow, &format!("it was {made}"))?;
            consequences::mark_stale(conn, id, &after, &format!("what it was made from was {made}"))?;
            self.fault("before-commit")
        })
    }

    /// Deletes the data file with all that belongs to it in one transaction, then the files that no other data
    /// file shares. A file that is missing or cannot be removed is logged and does not matter.
    ///
    /// # Errors
    /// [`Error::NotFound`], or a failing database; then nothing is deleted.
    pub fn delete_data_file(&self, id: DataFileId) -> Result<(), Error> {
        let unnamed = self.write(|conn| {
            if let AnyConnection::Postgres(postgres) = conn {
                // Two deletions at once would each see the other's rows still naming a shared file.
                postgres.batch_execute(&format!("SELECT pg_advisory_xact_lock({DELETE_LOCK})"))?;
            }
            lock_data_file(conn, id)?.ok_or_else(|| Error::no_data_file(id))?;
            let own = revisions::table.filter(revisions::data_file_id.eq(id.0));
            let names: Vec<String> = own.select(revisions::filepath).distinct().load(conn)?;
            diesel::delete(own).execute(conn)?;
            diesel::delete(steps::table.filter(steps::data_file_id.eq(id.0))).execute(conn)?;
            diesel::delete(runs::table.filter(runs::data_file_id.eq(id.0))).execute(conn)?;
            diesel::delete(drafts::table.filter(drafts::data_file_id.eq(id.0))).execute(conn)?;
            diesel::delete(data_files::table.find(id.0)).execute(conn)?;
            let mut unnamed = Vec::new();
            for name in names {
                if !rows::is_named(conn, &name)? {
                    unnamed.push(name);
                }
            }
            self.fault("before-commit")?;
            Ok(unnamed)
        })?;
        for name in unnamed {
            files::remove(&files::path_in(&self.0.instance, &name));
        }
        Ok(())
    }

    /// Copies the data file with its revisions and the state of its steps, for the same owner. The files are
    /// shared: stored revisions never change. The owner keeps `limit` data files at most.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::NoRoom`], or a failing database.
    pub fn duplicate(&self, id: DataFileId, limit: usize) -> Result<DataFileId, Error> {
        self.copy(id, None, limit)
    }

    /// As [`Store::duplicate`], but the copy belongs to `to`.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the data file or the receiver, [`Error::NoRoom`] for the receiver, or a failing database.
    pub fn send(&self, id: DataFileId, to: UserId, limit: usize) -> Result<DataFileId, Error> {
        self.copy(id, Some(to), limit)
    }
}

impl Store {
    fn copy(&self, id: DataFileId, to: Option<UserId>, limit: usize) -> Result<DataFileId, Error> {
        self.write(|conn| {
            lock_data_file(conn, id)?.ok_or_else(|| Error::no_data_file(id))?;
            let original = row(conn, id)?.ok_or_else(|| Error::no_data_file(id))?;
            let (owner, state) = match to {
                None => {
                    let state = original.state.filter(|state| !state.is_empty());
                    (original.owner, state.map_or_else(|| "DUPLICATED".to_owned(), |s| s + " DUPLICATED"))
                }
                Some(to) => {
                    user_row(conn, to)?.ok_or_else(|| no_user(to))?;
                    let sender =
                        user_row(conn, original.owner)?.map(|User { name, .. }| name).unwrap_or_default();
                    (to, format!("RECEIVED from {sender}"))
                }
            };
            let kept: i64 =
                data_files::table.filter(data_files::owner_id.eq(owner.0)).count().get_result(conn)?;
            if usize::try_from(kept).is_ok_and(|kept| kept >= limit) {
                return Err(Error::NoRoom { limit });
            }
            let values = (
                data_files::owner_id.eq(owner.0),
                data_files::filename.eq(original.filename),
                data_files::longitude.eq(original.longitude),
                data_files::latitude.eq(original.latitude),
                data_files::info.eq(json::text(&original.info)?),
                data_files::state.eq(state),
                data_files::release.eq(original.release.as_str()),
            );
            let insert = diesel::insert_into(data_files::table).values(values).returning(data_files::id);
            let copy = DataFileId(insert.get_result(conn)?);
            copy_revisions(conn, id, copy)?;
            copy_steps(conn, id, copy)?;
            self.fault("before-commit")?;
            Ok(copy)
        })
    }
}

/// The steps that take the workflow's release when their parameters name none. Heat flow takes that of the routing.
const OF_THE_WORKFLOW: [Step; 3] = [Step::Regrid, Step::Routing, Step::Pft];

/// PostgreSQL's advisory lock of deletions.
const DELETE_LOCK: i64 = 0x64_65_6c_65_74_65;

/// Longest name before `.nc`, in letters: file systems and downloads take no more than 255 bytes.
const MAX_STEM: usize = 60;

fn row(conn: &mut AnyConnection, id: DataFileId) -> Result<Option<DataFile>, Error> {
    type Text = Option<String>;
    type Row = (i32, String, Text, Text, Text, Text, Text);
    let query = data_files::table.find(id.0).select((
        data_files::owner_id,
        data_files::filename,
        data_files::longitude,
        data_files::latitude,
        data_files::info,
        data_files::state,
        data_files::release,
    ));
    let row: Option<Row> = query.first(conn).optional()?;
    row.map(|(owner, filename, longitude, latitude, info, state, release)| {
        Ok(DataFile {
            id,
            owner: UserId(owner),
            filename,
            longitude,
            latitude,
            info: json::map(info.as_deref()),
            state,
            // Workflows of the original, and all of before the column.
            release: release.map_or(Ok(Release::OF_THE_ORIGINAL), |text| {
                text.parse().map_err(|_| Error::Unreadable { what: "release", value: text })
            })?,
        })
    })
    .transpose()
}

/// Copies the rows, files shared; parents point to the copies.
fn copy_revisions(conn: &mut AnyConnection, from: DataFileId, to: DataFileId) -> Result<(), Error> {
    let own = revisions::table.filter(revisions::data_file_id.eq(from.0)).order(revisions::revision);
    let originals: Vec<rows::Row> = own.select(rows::Row::as_select()).load(conn)?;
    let mut copies: HashMap<RevisionId, RevisionId> = HashMap::new();
    for original in originals {
        // A parent has a lower number than what was made from it, so its copy is known.
        let parents: Vec<RevisionId> = rows::parents_of(original.parents.as_deref())
            .iter()
            .filter_map(|parent| copies.get(parent).copied())
            .collect();
        let values = (
            revisions::data_file_id.eq(to.0),
            revisions::created.eq(original.created),
            revisions::filepath.eq(original.filepath),
            revisions::revision.eq(original.revision),
            revisions::file_type.eq(original.file_type),
            revisions::info.eq(original.info),
            revisions::sha256.eq(original.sha256),
            revisions::bytes.eq(original.bytes),
            revisions::run.eq(original.run),
            revisions::step.eq(original.step),
            revisions::parameters.eq(original.parameters),
            revisions::parents.eq((!parents.is_empty()).then(|| json::text(&parents)).transpose()?),
        );
        let insert = diesel::insert_into(revisions::table).values(values).returning(revisions::id);
        copies.insert(RevisionId(original.id), RevisionId(insert.get_result(conn)?));
    }
    Ok(())
}

/// Copies how the steps stand apart from runs under way, which stay with the original.
fn copy_steps(conn: &mut AnyConnection, from: DataFileId, to: DataFileId) -> Result<(), Error> {
    type Row = (String, Option<String>, Option<String>, Option<String>, Option<String>);
    let own = steps::table.filter(steps::data_file_id.eq(from.0)).filter(steps::state.is_not_null());
    let columns = (steps::step, steps::parameters, steps::state, steps::reason, steps::findings);
    for (step, parameters, state, reason, findings) in own.select(columns).load::<Row>(conn)? {
        // Stored parameters name the data file that they were made for.
        let parameters = parameters
            .map(|text| {
                let mut map = json::map(Some(&text));
                map.insert("id".to_owned(), to.0.into());
                json::text(&map)
            })
            .transpose()?;
        let values = (
            steps::data_file_id.eq(to.0),
            steps::step.eq(step),
            steps::parameters.eq(parameters),
            steps::up_to_date.eq(i32::from(state.as_deref() == Some("done"))),
            steps::state.eq(state),
            steps::reason.eq(reason),
            steps::findings.eq(findings),
        );
        diesel::insert_into(steps::table).values(values).execute(conn)?;
    }
    Ok(())
}
