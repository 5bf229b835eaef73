//! Backups of an instance folder, made while the platform runs, and put back without removing anything.
//!
//! A backup folder holds every content once, under its SHA-256 (`files/ab/ab12...`), and one manifest for each backup
//! (`20261125T184200Z.json`), written last: a manifest that is there is a whole backup. A later backup copies only what
//! is new, as stored files never change.
//!
//! The database is read as it is, neither migrated nor adopted: an instance of the original platform is backed up before
//! this one touches it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, chown, symlink};
use std::path::{Component, Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{Integer, Nullable, Text};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::doctor::{ABANDONED, left_in};
use crate::files::{self, STAGED_PREFIX};
use crate::open::{BACKUPS, DATABASE_NAME, LOCK_NAME};
use crate::{Config, Doctor, Error, Report, Store, clock, open, random};

/// What is in the making in a backup folder, and the folder of a rehearsal, begin so.
const FRESH_PREFIX: &str = ".new-";
const REHEARSAL_PREFIX: &str = ".check-";

/// The layout that this release writes and reads.
const FORMAT: u32 = 1;

/// How often a backup begins anew because a file went (its data file was deleted) between the database's copy and its own.
/// The last time, writers wait meanwhile: little is left to copy by then.
const ATTEMPTS: usize = 3;

/// What one backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Layout of the backup folder.
    pub format: u32,
    /// When it was made: UTC, `YYYYMMDDTHHMMSSZ`.
    pub created: String,
    /// The copy of the database.
    pub database: Entry,
    /// The files of the instance folder, by name.
    pub files: Vec<Entry>,
}

/// A file and its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Path within the instance folder.
    pub name: String,
    /// SHA-256 of the content, in lower-case hex.
    pub sha256: String,
    /// Length of the content.
    pub bytes: u64,
}

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackupSummary {
    /// Its manifest.
    pub manifest: PathBuf,
    /// Files that it holds, the database among them.
    pub files: usize,
    /// Their length together.
    pub bytes: u64,
    /// How much of that was not in the backup folder yet.
    pub new_bytes: u64,
    /// Files that the database names and that are not there.
    pub missing: Vec<String>,
    /// Files whose content is not what was stored; they are in the backup as they are.
    pub changed: Vec<String>,
}

/// What a check of a backup found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// What it says it holds.
    pub manifest: Manifest,
    /// Contents that are missing or damaged in the backup folder, with the reason.
    pub damaged: Vec<String>,
    /// What the doctor says of the instance that the backup makes.
    pub report: Report,
}

/// What a restore did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// Files that were put back.
    pub written: usize,
    /// Files that were there already, as they should be.
    pub kept: usize,
    /// Where what stood in the way is now: the database before, and files with another content.
    pub set_aside: Vec<PathBuf>,
}

/// Backs up an instance folder with its SQLite database into the folder `to`, which is made when it is missing. The
/// platform may run.
///
/// # Errors
/// [`Error::NotFound`] without a database, [`Error::Unsupported`] for PostgreSQL, [`Error::Invalid`] for a folder inside the
/// instance, or a failing disk or database.
pub fn create(config: &Config, to: &Path) -> Result<BackupSummary, Error> {
    if config.database_url.is_some() {
        return Err(Error::Unsupported(
            "a PostgreSQL database is backed up with pg_dump: dump it first, then copy the instance folder",
        ));
    }
    let Some(database) = open::existing_database(config) else {
        let id = config.instance.join(DATABASE_NAME).display().to_string();
        return Err(Error::NotFound { what: "database to back up:", id });
    };
    let instance = config.instance.canonicalize();
    let instance = instance.map_err(|error| Error::file("find", &config.instance, error))?;
    // As far as the way there exists.
    let to_be = std::path::absolute(to).map_err(|error| Error::file("find", to, error))?;
    if to_be
        .ancestors()
        .find_map(|path| path.canonicalize().ok())
        .is_some_and(|way| way.starts_with(&instance))
    {
        let problem = format!("{} lies inside the instance folder: choose another place", to.display());
        return Err(Error::Invalid { field: "backup folder", problem });
    }
    let backups = Objects::make(to)?;
    backups.sweep()?;
    let mut attempt = 1;
    let mut seen = Seen::default();
    loop {
        let writers_wait = (attempt == ATTEMPTS).then(|| lock_writers(&database));
        if let Some(Err(error)) = &writers_wait {
            tracing::warn!(%error, "cannot have writers wait for the backup: a file deleted meanwhile may be missing in it");
        }
        let (manifest, mut made, copy) = collect(config, &database, &backups, &mut seen)?;
        // What a deletion has taken is not named by the next copy of the database: what is missing again is lost.
        let known = made.missing.iter().all(|name| seen.missing.contains(name));
        if known || attempt == ATTEMPTS {
            if backups.adopt(&copy, &manifest.database)? {
                made.new_bytes += manifest.database.bytes;
            }
            made.manifest = backups.publish(&manifest)?;
            return Ok(made);
        }
        fs::remove_file(&copy).map_err(|error| Error::file("remove", &copy, error))?;
        seen.missing = made.missing;
        attempt += 1;
    }
}

/// The manifests of a backup folder, oldest first.
///
/// # Errors
/// A folder that cannot be read.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut manifests = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| Error::file("list", folder, error))? {
        let path = entry.map_err(|error| Error::file("list", folder, error))?.path();
        if path.extension().is_some_and(|extension| extension == "json") && path.is_file() {
            manifests.push(path);
        }
    }
    manifests.sort();
    Ok(manifests)
}

/// Rehearses a restore: reads every content and compares its hash, opens a copy of the database with this release
/// (migrating the copy), and lets the doctor look at the instance that comes of it.
///
/// # Errors
/// No readable manifest, a database that this release cannot open, or a failing disk.
pub fn check(manifest: &Path) -> Result<Checked, Error> {
    let (manifest, objects) = read(manifest)?;
    let mut damaged = Vec::new();
    for entry in entries(&manifest) {
        if let Err(reason) = objects.verify(entry) {
            damaged.push(format!("{}: {reason}", entry.name));
        }
    }
    let rehearsal = Rehearsal::make(&objects)?;
    for entry in &manifest.files {
        let path = rehearsal.0.join(checked_relative_path(&entry.name)?);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::file("create", folder, error))?;
        }
        let content = objects.path(&entry.sha256)?;
        let content = content.canonicalize().unwrap_or(content);
        symlink(&content, &path).map_err(|error| Error::file("link", &path, error))?;
    }
    objects.take(&manifest.database, &rehearsal.0.join(DATABASE_NAME))?;
    // One connection: a second would be made in the background, perhaps while the rehearsal is being removed.
    let config = Config { instance: rehearsal.0.clone(), database_url: None, pool_size: 1 };
    let report = Store::open(&config)?.doctor(Doctor::Look)?;
    Ok(Checked { manifest, damaged, report })
}

/// Puts a backup back into an instance folder, which is made when it is missing. Nothing is removed: a database that is
/// there, and files that differ, are moved to the folder `backups` of the instance; files that the backup does not name
/// stay.
///
/// # Errors
/// [`Error::Busy`] while a process works with the instance; a content that is missing or damaged (checked before anything
/// is changed); a failing disk.
pub fn restore(manifest: &Path, instance: &Path) -> Result<Restored, Error> {
    let (manifest, objects) = read(manifest)?;
    for entry in entries(&manifest) {
        checked_relative_path(&entry.name)?;
        objects.verify(entry).map_err(|reason| Error::Unreadable {
            what: "content in the backup",
            value: format!("{}: {reason}", entry.name),
        })?;
    }
    fs::create_dir_all(instance).map_err(|error| Error::file("create", instance, error))?;
    let owner = fs::metadata(instance).map_err(|error| Error::file("inspect", instance, error))?;
    let config = Config { instance: instance.to_owned(), database_url: None, pool_size: 1 };
    if let Some(database) = open::existing_database(&config) {
        ensure_not_in_use(&database)?;
    }
    let mut done = Restored { written: 0, kept: 0, set_aside: Vec::new() };
    for entry in &manifest.files {
        let path = instance.join(checked_relative_path(&entry.name)?);
        match File::open(&path).and_then(files::digest) {
            Ok((found, _)) if found == entry.sha256 => {
                done.kept += 1;
                continue;
            }
            Ok(_) => done.set_aside.push(set_aside(instance, &path)?),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Error::file("read", path, error)),
        }
        write_atomically(&objects, entry, &path, &owner)?;
        done.written += 1;
    }
    let fresh = instance.join(format!("{STAGED_PREFIX}{}.sqlite", random::file_stem()?));
    objects.take(&manifest.database, &fresh)?;
    chown_like(&fresh, &owner)?;
    done.set_aside.extend(open::set_database_aside(&config)?);
    let database = instance.join(DATABASE_NAME);
    fs::rename(&fresh, &database).map_err(|error| Error::file("rename", &fresh, error))?;
    files::sync_folder(instance)?;
    done.written += 1;
    Ok(done)
}

/// Removes all but the newest `keep` backups of a folder, and the contents that no other backup holds; gives how many
/// backups went.
///
/// # Errors
/// A manifest that cannot be read (nothing is removed then), or a failing disk.
pub fn prune(folder: &Path, keep: usize) -> Result<usize, Error> {
    let manifests = list(folder)?;
    let (old, kept) = manifests.split_at(manifests.len().saturating_sub(keep.max(1)));
    let mut needed = BTreeSet::new();
    for manifest in kept {
        needed.extend(entries(&read(manifest)?.0).map(|entry| entry.sha256.clone()));
    }
    let mut unneeded = BTreeSet::new();
    for manifest in old {
        unneeded.extend(entries(&read(manifest)?.0).map(|entry| entry.sha256.clone()));
    }
    // The manifests go first: one whose contents are gone would not be a backup.
    for manifest in old {
        fs::remove_file(manifest).map_err(|error| Error::file("remove", manifest, error))?;
    }
    files::sync_folder(folder)?;
    let objects = Objects(folder.to_owned());
    for sha256 in unneeded.difference(&needed) {
        let path = objects.path(sha256)?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Error::file("remove", path, error));
            }
            _ => {}
        }
    }
    Ok(old.len())
}

fn entries(manifest: &Manifest) -> impl Iterator<Item = &Entry> {
    std::iter::once(&manifest.database).chain(&manifest.files)
}

fn read(manifest: &Path) -> Result<(Manifest, Objects), Error> {
    let text = fs::read_to_string(manifest).map_err(|error| Error::file("read", manifest, error))?;
    let unreadable =
        |why: String| Error::Unreadable { what: "manifest", value: format!("{}: {why}", manifest.display()) };
    let read: Manifest = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    if read.format != FORMAT {
        return Err(unreadable(format!("format {} needs another release than this one", read.format)));
    }
    let folder = manifest.parent().filter(|folder| !folder.as_os_str().is_empty());
    Ok((read, Objects(folder.unwrap_or(Path::new(".")).to_owned())))
}

/// A name that stays within the folder.
fn checked_relative_path(name: &str) -> Result<&Path, Error> {
    let path = Path::new(name);
    let plain = path.components().all(|part| matches!(part, Component::Normal(_)));
    if plain && !name.is_empty() {
        return Ok(path);
    }
    Err(Error::Unreadable { what: "name in a manifest", value: name.to_owned() })
}

#[derive(QueryableByName)]
struct StoredFile {
    #[diesel(sql_type = Text)]
    filepath: String,
    #[diesel(sql_type = Nullable<Text>)]
    sha256: Option<String>,
}

#[derive(QueryableByName)]
struct Flag {
    #[diesel(sql_type = Integer)]
    found: i32,
}

/// What earlier attempts at a backup have found.
#[derive(Default)]
struct Seen {
    /// Files that the database named and that were not there.
    missing: Vec<String>,
    /// The hashes of the named files that were copied: stored files never change.
    copied: BTreeMap<String, String>,
}

/// One attempt: the database, then what it names, then whatever else lies in the folder. Gives also where the copy of the
/// database is, which has no place yet.
fn collect(
    config: &Config,
    database: &Path,
    objects: &Objects,
    seen: &mut Seen,
) -> Result<(Manifest, BackupSummary, PathBuf), Error> {
    let instance = &config.instance;
    let copy = objects.temporary()?;
    copy_database(database, &copy)?;
    let named = named_files(&copy)?;
    let mut made = BackupSummary {
        manifest: PathBuf::new(),
        files: 1,
        bytes: 0,
        new_bytes: 0,
        missing: Vec::new(),
        changed: Vec::new(),
    };
    let (sha256, bytes) =
        File::open(&copy).and_then(files::digest).map_err(|error| Error::file("read", &copy, error))?;
    let entry = Entry { name: DATABASE_NAME.to_owned(), sha256, bytes: u64::try_from(bytes).unwrap_or(0) };
    made.bytes += entry.bytes;
    let mut manifest = Manifest {
        format: FORMAT,
        created: clock::stamp(),
        database: entry,
        files: Vec::with_capacity(named.len()),
    };
    let mut names: BTreeMap<String, Option<String>> = BTreeMap::new();
    for other in unnamed(instance, instance)? {
        names.insert(other, None);
    }
    let required: BTreeSet<String> = named.keys().cloned().collect();
    names.extend(named);
    for (name, stored) in names {
        let known = stored.as_ref().or(seen.copied.get(&name));
        match objects.copy(instance, &name, known.map(String::as_str)) {
            Ok((entry, new)) => {
                if required.contains(&name) {
                    seen.copied.insert(name.clone(), entry.sha256.clone());
                }
                if stored.is_some_and(|stored| stored != entry.sha256) {
                    made.changed.push(name);
                }
                made.files += 1;
                made.bytes += entry.bytes;
                if new {
                    made.new_bytes += entry.bytes;
                }
                manifest.files.push(entry);
            }
            Err(Error::File { source, .. }) if source.kind() == ErrorKind::NotFound => {
                if required.contains(&name) {
                    made.missing.push(name);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok((manifest, made, copy))
}

/// A consistent copy of a database, whatever its schema is, without changing anything about it.
fn copy_database(from: &Path, to: &Path) -> Result<(), Error> {
    let mut connection = connect(from)?;
    let text = to.to_str().ok_or_else(|| Error::Invalid {
        field: "backup folder",
        problem: format!("{} is not UTF-8", to.display()),
    })?;
    diesel::sql_query("VACUUM INTO $1").bind::<Text, _>(text).execute(&mut connection)?;
    File::open(to).and_then(|file| file.sync_all()).map_err(|error| Error::file("flush", to, error))
}

/// Has all who write to the database wait until the connection is dropped; readers read on.
fn lock_writers(database: &Path) -> Result<SqliteConnection, Error> {
    let mut connection = connect(database)?;
    connection.batch_execute("BEGIN IMMEDIATE")?;
    Ok(connection)
}

fn connect(database: &Path) -> Result<SqliteConnection, Error> {
    let text = database.to_str().unwrap_or_default();
    let mut connection = SqliteConnection::establish(text).map_err(|error| Error::Busy(Box::new(error)))?;
    connection.batch_execute("PRAGMA busy_timeout = 15000")?;
    Ok(connection)
}

/// The files that the revisions name, with their hashes where the schema has them.
fn named_files(database: &Path) -> Result<BTreeMap<String, Option<String>>, Error> {
    let mut connection = connect(database)?;
    let mut has = |query: &str| -> Result<bool, Error> {
        Ok(diesel::sql_query(query).get_result::<Flag>(&mut connection)?.found > 0)
    };
    if !has("SELECT CAST(count(*) AS INTEGER) AS found FROM sqlite_master WHERE name = 'revisions'")? {
        return Ok(BTreeMap::new());
    }
    let hash = if has(
        "SELECT CAST(count(*) AS INTEGER) AS found FROM pragma_table_info('revisions') WHERE name = 'sha256'",
    )? {
        "sha256"
    } else {
        "NULL"
    };
    let rows: Vec<StoredFile> =
        diesel::sql_query(format!("SELECT filepath, {hash} AS sha256 FROM revisions"))
            .load(&mut connection)?;
    // Only the last part of a name counts, as everywhere.
    let name = |path: &str| Some(Path::new(path).file_name()?.to_str()?.to_owned());
    Ok(rows.into_iter().filter_map(|row| Some((name(&row.filepath)?, row.sha256))).collect())
}

/// Files of the folder that are neither the database nor in the making.
fn unnamed(instance: &Path, folder: &Path) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| Error::file("list", folder, error))? {
        let entry = entry.map_err(|error| Error::file("list", folder, error))?;
        let path = entry.path();
        let Some(name) = path.strip_prefix(instance).ok().and_then(Path::to_str) else { continue };
        let kind = entry.file_type().map_err(|error| Error::file("inspect", &path, error))?;
        if kind.is_dir() && name != BACKUPS {
            found.extend(unnamed(instance, &path)?);
        } else if kind.is_file()
            && !name.starts_with(DATABASE_NAME)
            && !name.starts_with(STAGED_PREFIX)
            && name != LOCK_NAME
        {
            found.push(name.to_owned());
        }
    }
    Ok(found)
}

/// Refuses while another process has the database open: leaving the write-ahead log needs to be alone.
fn ensure_not_in_use(database: &Path) -> Result<(), Error> {
    let mut connection = connect(database)?;
    connection.batch_execute("PRAGMA busy_timeout = 1000")?;
    connection.batch_execute("PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE; ROLLBACK").map_err(|error| {
        Error::Invalid {
            field: "instance",
            problem: format!(
                "{} is in use ({error}): stop the services before a restore",
                database.display()
            ),
        }
    })
}

/// Moves a file to the backups of the instance, under its own name and a random word.
fn set_aside(instance: &Path, path: &Path) -> Result<PathBuf, Error> {
    let folder = instance.join(BACKUPS);
    fs::create_dir_all(&folder).map_err(|error| Error::file("create", &folder, error))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let aside = folder.join(format!("set-aside-{}-{}-{name}", clock::stamp(), random::file_stem()?));
    fs::rename(path, &aside).map_err(|error| Error::file("move", path, error))?;
    Ok(aside)
}

/// Writes a content under its name: whole or not at all.
fn write_atomically(
    objects: &Objects,
    entry: &Entry,
    path: &Path,
    owner: &fs::Metadata,
) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| Error::file("create", folder, error))?;
    let fresh = folder.join(format!("{STAGED_PREFIX}{}", random::file_stem()?));
    objects.take(entry, &fresh)?;
    chown_like(&fresh, owner)?;
    fs::rename(&fresh, path).map_err(|error| Error::file("rename", &fresh, error))?;
    files::sync_folder(folder)
}

/// What root restores belongs to whom the instance belongs to.
fn chown_like(path: &Path, owner: &fs::Metadata) -> Result<(), Error> {
    let mine = fs::metadata(path).map_err(|error| Error::file("inspect", path, error))?;
    if (mine.uid(), mine.gid()) == (owner.uid(), owner.gid()) {
        return Ok(());
    }
    chown(path, Some(owner.uid()), Some(owner.gid())).map_err(|error| Error::file("give away", path, error))
}

/// The contents of a backup folder.
struct Objects(PathBuf);

impl Objects {
    /// The folder, made for its owner alone: a database holds hashes of passwords.
    fn make(folder: &Path) -> Result<Self, Error> {
        let files = folder.join("files");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&files)
            .map_err(|error| Error::file("create", &files, error))?;
        Ok(Self(folder.to_owned()))
    }

    /// Removes what backups and checks that were killed have left behind.
    fn sweep(&self) -> Result<(), Error> {
        for (folder, prefix) in [(self.0.clone(), REHEARSAL_PREFIX), (self.0.join("files"), FRESH_PREFIX)] {
            for name in left_in(&folder, |name| name.starts_with(prefix).then_some(ABANDONED))? {
                let path = folder.join(name);
                let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
                removed.map_err(|error| Error::file("remove", path, error))?;
            }
        }
        Ok(())
    }

    fn path(&self, sha256: &str) -> Result<PathBuf, Error> {
        if sha256.len() != 64 || !sha256.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Error::Unreadable { what: "hash in a manifest", value: sha256.to_owned() });
        }
        Ok(self.0.join("files").join(&sha256[..2]).join(sha256))
    }

    /// A name in the folder that nobody else uses.
    fn temporary(&self) -> Result<PathBuf, Error> {
        Ok(self.0.join("files").join(format!("{FRESH_PREFIX}{}", random::file_stem()?)))
    }

    /// Gives a flushed file its place; false when its content was there already.
    fn adopt(&self, fresh: &Path, entry: &Entry) -> Result<bool, Error> {
        let path = self.path(&entry.sha256)?;
        if self.holds(entry)? {
            fs::remove_file(fresh).map_err(|error| Error::file("remove", fresh, error))?;
            return Ok(false);
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| Error::file("create", folder, error))?;
            fs::rename(fresh, &path).map_err(|error| Error::file("rename", fresh, error))?;
            files::sync_folder(folder)?;
        }
        Ok(true)
    }

    fn holds(&self, entry: &Entry) -> Result<bool, Error> {
        let path = self.path(&entry.sha256)?;
        Ok(fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() == entry.bytes))
    }

    /// Copies a file of the instance into the backup, unless a content of its hash and length is there.
    fn copy(&self, instance: &Path, name: &str, stored: Option<&str>) -> Result<(Entry, bool), Error> {
        let path = instance.join(checked_relative_path(name)?);
        let failed = |action: &'static str| {
            let path = path.clone();
            move |error: io::Error| Error::file(action, path, error)
        };
        let source = File::open(&path).map_err(failed("open"))?;
        let bytes = source.metadata().map_err(failed("inspect"))?.len();
        if let Some(sha256) = stored {
            let known = Entry { name: name.to_owned(), sha256: sha256.to_owned(), bytes };
            if self.holds(&known)? {
                return Ok((known, false));
            }
        }
        let fresh = self.temporary()?;
        let entry = write(source, &fresh, name)?;
        let new = self.adopt(&fresh, &entry)?;
        Ok((entry, new))
    }

    /// Whether the content is there and what it should be.
    fn verify(&self, entry: &Entry) -> Result<(), String> {
        let path = self.path(&entry.sha256).map_err(|error| error.to_string())?;
        match File::open(&path).and_then(files::digest) {
            Ok((found, _)) if found == entry.sha256 => Ok(()),
            Ok(_) => Err(format!("{} is damaged", path.display())),
            Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
        }
    }

    /// Copies a content out of the backup to a new file, flushed.
    fn take(&self, entry: &Entry, to: &Path) -> Result<(), Error> {
        let path = self.path(&entry.sha256)?;
        let source = File::open(&path).map_err(|error| Error::file("open", &path, error))?;
        let written = write(source, to, &entry.name)?;
        if written.sha256 == entry.sha256 {
            return Ok(());
        }
        let _ = fs::remove_file(to);
        Err(Error::Unreadable { what: "content in the backup", value: path.display().to_string() })
    }

    /// Writes the manifest, whole or not at all.
    fn publish(&self, manifest: &Manifest) -> Result<PathBuf, Error> {
        let text = serde_json::to_string_pretty(manifest)
            .map_err(|error| Error::Invalid { field: "manifest", problem: error.to_string() })?;
        let fresh = self.temporary()?;
        write(text.as_bytes(), &fresh, "manifest")?;
        // Two backups in one second: the later one gets a name that sorts after.
        let mut path = self.0.join(format!("{}.json", manifest.created));
        let mut number = 1;
        while path.exists() {
            path = self.0.join(format!("{}_{number:03}.json", manifest.created));
            number += 1;
        }
        fs::rename(&fresh, &path).map_err(|error| Error::file("rename", &fresh, error))?;
        files::sync_folder(&self.0)?;
        Ok(path)
    }
}

/// Copies `source` to a new, flushed file that its owner alone can read, and says what it was.
fn write(mut source: impl Read, to: &Path, name: &str) -> Result<Entry, Error> {
    let failed = |error: io::Error| Error::file("write", to, error);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    let copied = loop {
        match source.read(&mut buffer) {
            Ok(0) => break file.sync_all(),
            Ok(n) => {
                hasher.update(&buffer[..n]);
                bytes += n as u64;
                if let Err(error) = file.write_all(&buffer[..n]) {
                    break Err(error);
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
        }
    };
    if let Err(error) = copied {
        // A full disk: leave it no fuller.
        let _ = fs::remove_file(to);
        return Err(failed(error));
    }
    Ok(Entry { name: name.to_owned(), sha256: hex::encode(hasher.finalize()), bytes })
}

/// An instance folder for a while.
struct Rehearsal(PathBuf);

impl Rehearsal {
    fn make(objects: &Objects) -> Result<Self, Error> {
        let folder = objects.0.join(format!("{REHEARSAL_PREFIX}{}", random::file_stem()?));
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(|error| Error::file("create", &folder, error))?;
        Ok(Self(folder))
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        // Links and a copy: the backup itself is not in it.
        let _ = fs::remove_dir_all(&self.0);
    }
}
