//! Adopting a database of the releases of 2021 and 2023: what cannot stand under the new constraints is repaired, and
//! every repair is logged. Accounts, hashes, data files and files stay as they are. A snapshot is made before.

use std::path::Path;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Text};

use crate::connection::{AnyConnection, transaction};
use crate::open::table_exists;
use crate::schema::{data_files, revisions, steps};
use crate::{Error, files};

/// True for a database with the original's tables and none of ours.
pub(crate) fn is_original(connection: &mut AnyConnection) -> Result<bool, Error> {
    Ok(matches!(connection, AnyConnection::Sqlite(_)) && table_exists(connection, "user")?)
}

/// What was repaired, for the log and the tests.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Repairs {
    pub(crate) orphan_steps: usize,
    pub(crate) duplicate_steps: usize,
    pub(crate) orphan_revisions: usize,
    pub(crate) renumbered_revisions: usize,
    pub(crate) ownerless_data_files: usize,
    pub(crate) missing_files: usize,
}

/// Makes the rows fit for the migrations, in one transaction. May be repeated.
pub(crate) fn repair(connection: &mut AnyConnection, instance: &Path) -> Result<Repairs, Error> {
    // Rows that point nowhere are read and removed here, so the check of foreign keys waits until they are gone.
    let repairs = transaction(connection, |conn| {
        diesel::sql_query("PRAGMA defer_foreign_keys = ON").execute(conn)?;
        for table in ["data_files", "revisions", "steps"] {
            if !table_exists(conn, table)? {
                return Ok(Repairs::default());
            }
        }
        add_state(conn)?;
        Ok(Repairs {
            orphan_steps: orphan_steps(conn)?,
            duplicate_steps: duplicate_steps(conn)?,
            orphan_revisions: orphan_revisions(conn, instance)?,
            renumbered_revisions: renumber(conn)?,
            ownerless_data_files: ownerless(conn)?,
            missing_files: missing_files(conn, instance)?,
        })
    })?;
    tracing::info!(?repairs, "the database of an earlier release is repaired");
    Ok(repairs)
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    n: i64,
}

fn count(conn: &mut AnyConnection, query: &str) -> Result<i64, Error> {
    Ok(diesel::sql_query(query).get_result::<Count>(conn)?.n)
}

/// The column that came with the release of 2023.
fn add_state(conn: &mut AnyConnection) -> Result<(), Error> {
    if count(conn, "SELECT count(*) AS n FROM pragma_table_info('data_files') WHERE name = 'state'")? == 0 {
        diesel::sql_query("ALTER TABLE data_files ADD COLUMN state TEXT").execute(conn)?;
    }
    Ok(())
}

/// Deleting a data file left its steps (D17).
fn orphan_steps(conn: &mut AnyConnection) -> Result<usize, Error> {
    let known = data_files::table.select(data_files::id);
    let rows = steps::table.filter(steps::data_file_id.ne_all(known));
    let orphans: Vec<(i32, i32, String)> =
        rows.select((steps::id, steps::data_file_id, steps::step)).load(conn)?;
    for (id, data_file, step) in &orphans {
        tracing::warn!(data_file, step, "removed the row of a step whose data file is gone");
        diesel::delete(steps::table.find(id)).execute(conn)?;
    }
    Ok(orphans.len())
}

/// Two writers could insert the same step twice (D9): the later row counts.
fn duplicate_steps(conn: &mut AnyConnection) -> Result<usize, Error> {
    let rows: Vec<(i32, i32, String)> = steps::table
        .order((steps::data_file_id, steps::step, steps::id.desc()))
        .select((steps::id, steps::data_file_id, steps::step))
        .load(conn)?;
    let mut removed = 0;
    for pair in rows.windows(2) {
        let [(_, data_file, step), (id, other_file, other_step)] = pair else { continue };
        if (data_file, step) == (other_file, other_step) {
            tracing::warn!(data_file, step, "removed an earlier row of the same step");
            removed += diesel::delete(steps::table.find(id)).execute(conn)?;
        }
    }
    Ok(removed)
}

/// Rows that no page can reach: their data file is gone. Their files are left to the doctor.
fn orphan_revisions(conn: &mut AnyConnection, instance: &Path) -> Result<usize, Error> {
    let known = data_files::table.select(data_files::id);
    let rows = revisions::table.filter(revisions::data_file_id.ne_all(known));
    let orphans: Vec<(i32, i32, String)> =
        rows.select((revisions::id, revisions::data_file_id, revisions::filepath)).load(conn)?;
    for (id, data_file, filepath) in &orphans {
        let file = instance.join(filepath);
        tracing::warn!(data_file, file = %file.display(), "removed the row of a revision whose data file is gone");
        diesel::delete(revisions::table.find(id)).execute(conn)?;
    }
    Ok(orphans.len())
}

/// Two writers could take the same number (D9). The order is kept, later rows move up.
fn renumber(conn: &mut AnyConnection) -> Result<usize, Error> {
    let rows: Vec<(i32, i32, i32)> = revisions::table
        .order((revisions::data_file_id, revisions::revision, revisions::id))
        .select((revisions::id, revisions::data_file_id, revisions::revision))
        .load(conn)?;
    let mut changed = 0;
    let mut last: Option<(i32, i32)> = None;
    for (id, data_file, number) in rows {
        let free = match last {
            Some((file, taken)) if file == data_file => number.max(taken + 1),
            _ => number,
        };
        if free != number {
            tracing::warn!(
                data_file,
                id,
                from = number,
                to = free,
                "renumbered a revision that shared its number"
            );
            diesel::update(revisions::table.find(id)).set(revisions::revision.eq(free)).execute(conn)?;
            changed += 1;
        }
        last = Some((data_file, free));
    }
    Ok(changed)
}

/// After a second `init-db` of the original (D8) data files belong to accounts that are gone. They are kept, and the
/// next account gets a number that none of them has, so that nobody inherits them by accident.
fn ownerless(conn: &mut AnyConnection) -> Result<usize, Error> {
    let ownerless: Vec<Ownerless> = diesel::sql_query(
        "SELECT id, owner_id FROM data_files WHERE owner_id NOT IN (SELECT id FROM user) ORDER BY id",
    )
    .load(conn)?;
    for row in &ownerless {
        tracing::warn!(
            data_file = row.id,
            owner = row.owner_id,
            "the owner of a data file is gone: kept, unseen"
        );
    }
    if let Some(highest) = ownerless.iter().map(|row| row.owner_id).max() {
        diesel::sql_query("INSERT INTO sqlite_sequence (name, seq) SELECT 'user', 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'user')").execute(conn)?;
        diesel::sql_query("UPDATE sqlite_sequence SET seq = max(seq, $1) WHERE name = 'user'")
            .bind::<Integer, _>(highest)
            .execute(conn)?;
    }
    Ok(ownerless.len())
}

#[derive(QueryableByName)]
struct Ownerless {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Integer)]
    owner_id: i32,
}

#[derive(QueryableByName)]
struct StoredPath {
    #[diesel(sql_type = Text)]
    filepath: String,
}

/// Files that are gone stay named: their data file can be seen and deleted, the doctor lists them.
fn missing_files(conn: &mut AnyConnection, instance: &Path) -> Result<usize, Error> {
    let rows: Vec<StoredPath> = diesel::sql_query("SELECT DISTINCT filepath FROM revisions").load(conn)?;
    let missing = rows.iter().filter(|row| !files::path_in(instance, &row.filepath).is_file());
    Ok(missing.inspect(|row| tracing::warn!(file = row.filepath, "a stored file is missing")).count())
}
