//! Housekeeping: what does not fit together.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::connection::AnyConnection;
use crate::schema::{data_files, revisions, runs, sessions, steps, users};
use crate::{Error, Store, clock, files};
use diesel::prelude::*;

/// A file younger than this may belong to a transaction under way.
const SETTLING: Duration = Duration::from_secs(60 * 60);

/// What is in the making for longer than this belongs to a process that is gone.
pub(crate) const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// What the doctor may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doctor {
    /// Look only.
    Look,
    /// Look, and remove orphans: files that no row names, rows of data files that are gone, expired sessions.
    Sweep,
}

/// What the doctor found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Files that revisions name and that are not there.
    pub missing_files: Vec<String>,
    /// Files whose content is not what was stored.
    pub changed_files: Vec<String>,
    /// Files of the store's making that no revision names (removed by [`Doctor::Sweep`]).
    pub orphan_files: Vec<String>,
    /// Rows of revisions and steps whose data file is gone (removed by [`Doctor::Sweep`]).
    pub orphan_rows: i64,
    /// Data files whose owner is gone: kept, nobody sees them.
    pub ownerless_data_files: i64,
    /// Sessions that have expired (removed by [`Doctor::Sweep`]).
    pub expired_sessions: i64,
}

impl Store {
    /// Compares rows and files. Reads every stored file once, to check its hash.
    ///
    /// # Errors
    /// A failing disk or database.
    pub fn doctor(&self, doctor: Doctor) -> Result<Report, Error> {
        let named = self.read(named_files)?;
        let mut report = Report::default();
        for (name, sha256) in &named {
            match File::open(files::path_in(&self.0.instance, name)).and_then(files::digest) {
                Ok((found, _)) if sha256.as_ref().is_some_and(|stored| *stored != found) => {
                    report.changed_files.push(name.clone());
                }
                Ok(_) => {}
                Err(_) => report.missing_files.push(name.clone()),
            }
        }
        report.orphan_files = self.orphan_files(&named)?;
        self.write(|conn| count_rows(conn, doctor, &mut report))?;
        if doctor == Doctor::Sweep {
            for name in &report.orphan_files {
                // Asked again: a revision may have come to name it since.
                if !self.read(|conn| crate::revisions::is_named(conn, name))? {
                    tracing::info!(file = name, "removed a file that no revision names");
                    files::remove(&self.0.instance.join(name));
                }
            }
        }
        Ok(report)
    }

    /// Removes what processes that were killed left in the making, and sessions that have expired: the part of the doctor's work
    /// that costs little and can do no harm. Gives how many files went.
    ///
    /// # Errors
    /// A failing disk or database.
    pub fn tidy(&self) -> Result<usize, Error> {
        let abandoned = left_in(&self.0.instance, in_the_making)?;
        for name in &abandoned {
            files::remove(&self.0.instance.join(name));
        }
        self.write(forget_sessions)?;
        Ok(abandoned.len())
    }
}

/// The stored files by name, each with its hash where one is known.
fn named_files(conn: &mut AnyConnection) -> Result<BTreeMap<String, Option<String>>, Error> {
    let rows: Vec<(String, Option<String>)> =
        revisions::table.select((revisions::filepath, revisions::sha256)).load(conn)?;
    Ok(rows.into_iter().collect())
}

fn count_rows(conn: &mut AnyConnection, doctor: Doctor, report: &mut Report) -> Result<(), Error> {
    let known = || data_files::table.select(data_files::id);
    let lost_revisions = revisions::table.filter(revisions::data_file_id.ne_all(known()));
    let lost_steps = steps::table.filter(steps::data_file_id.ne_all(known()));
    let lost_runs = runs::table.filter(runs::data_file_id.ne_all(known()));
    let expired = sessions::table.filter(sessions::expires_ms.le(clock::epoch_ms()));
    report.orphan_rows = lost_revisions.count().get_result::<i64>(conn)?
        + lost_steps.count().get_result::<i64>(conn)?
        + lost_runs.count().get_result::<i64>(conn)?;
    let ownerless = data_files::table.filter(data_files::owner_id.ne_all(users::table.select(users::id)));
    report.ownerless_data_files = ownerless.count().get_result(conn)?;
    report.expired_sessions = expired.count().get_result(conn)?;
    if doctor == Doctor::Sweep {
        diesel::delete(lost_revisions).execute(conn)?;
        diesel::delete(lost_steps).execute(conn)?;
        diesel::delete(lost_runs).execute(conn)?;
        forget_sessions(conn)?;
    }
    Ok(())
}

fn forget_sessions(conn: &mut AnyConnection) -> Result<usize, Error> {
    let expired = sessions::table.filter(sessions::expires_ms.le(clock::epoch_ms()));
    Ok(diesel::delete(expired).execute(conn)?)
}

impl Store {
    /// Files that the store made, that no row names, and that are old enough to belong to nobody.
    fn orphan_files(&self, named: &BTreeMap<String, Option<String>>) -> Result<Vec<String>, Error> {
        let named: HashSet<&str> = named.keys().map(String::as_str).collect();
        left_in(&self.0.instance, |name| {
            let orphan = || (is_stored_name(name) && !named.contains(name)).then_some(SETTLING);
            in_the_making(name).or_else(orphan)
        })
    }
}

/// What is in the making lies under these names.
fn in_the_making(name: &str) -> Option<Duration> {
    name.starts_with(files::STAGED_PREFIX).then_some(ABANDONED)
}

/// The names in a folder that have not changed for as long as `patience` says of them; `None` is for ever.
///
/// # Errors
/// A folder that cannot be read.
pub(crate) fn left_in(
    folder: &Path,
    patience: impl Fn(&str) -> Option<Duration>,
) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| Error::file("list", folder, error))? {
        let entry = entry.map_err(|error| Error::file("list", folder, error))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let Some(patience) = patience(&name) else { continue };
        let modified = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        let age = modified.and_then(|modified| SystemTime::now().duration_since(modified).ok());
        if age.is_some_and(|age| age > patience) {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

/// Eight characters `[a-z0-9_]` and one of the endings of stored files: nothing else is ever removed.
fn is_stored_name(name: &str) -> bool {
    let Some((stem, extension)) = name.split_once('.') else { return false };
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    stem.len() == 8 && stem.bytes().all(allowed) && matches!(extension, "nc" | "tar.gz")
}
