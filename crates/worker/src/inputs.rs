//! What a step reads: the latest revision of a type, loaded, with the words to speak of it.

use dataset::{Dataset, File};
use store::{DataFile, Revision};
use workflow::{FileType, Step};

use crate::{Job, StepError};

/// A revision, loaded, or open to be read in parts.
#[derive(Debug)]
pub struct Input<T = Dataset> {
    /// Its content.
    pub dataset: T,
    /// Which it is.
    pub revision: Revision,
    /// How to speak of it: "Topography of 'late_cretaceous.nc' (revision 3)".
    pub name: String,
}

/// The data file of the job.
///
/// # Errors
/// It has been deleted.
pub fn data_file(job: &Job<'_>) -> Result<DataFile, StepError> {
    let found = job.store.data_file(job.run.data_file)?;
    found.ok_or_else(|| StepError::Failed("the data file has been deleted".into()))
}

/// The latest revision of `file_type`, which `maker` makes.
///
/// # Errors
/// There is none, or it cannot be read.
pub fn latest(
    job: &Job<'_>,
    data_file: &DataFile,
    file_type: FileType,
    maker: Step,
) -> Result<Input, StepError> {
    load(job, data_file, latest_revision(job, file_type, maker)?)
}

/// As [`latest`], to be read in parts: for files that may be large.
///
/// # Errors
/// As [`latest`].
pub fn open_latest(
    job: &Job<'_>,
    data_file: &DataFile,
    file_type: FileType,
    maker: Step,
) -> Result<Input<File>, StepError> {
    open(job, data_file, latest_revision(job, file_type, maker)?)
}

fn latest_revision(job: &Job<'_>, file_type: FileType, maker: Step) -> Result<Revision, StepError> {
    let Some(revision) = job.store.latest(job.run.data_file, file_type)? else {
        return Err(StepError::Failed(format!(
            "{} needs the file '{}' ({}), which does not exist yet: run {} first",
            job.run.step.title(),
            file_type.title(),
            file_type,
            maker.title()
        )));
    };
    Ok(revision)
}

/// The topography as it was uploaded, to be read in parts.
///
/// # Errors
/// It is not there any more, or cannot be read.
pub fn open_uploaded(job: &Job<'_>, data_file: &DataFile) -> Result<Input<File>, StepError> {
    let revisions = job.store.revisions(job.run.data_file)?;
    let first = revisions.into_iter().filter(|r| r.file_type == FileType::Raw).min_by_key(|r| r.revision);
    let first =
        first.ok_or_else(|| StepError::Failed("the uploaded topography is not there any more".into()))?;
    open(job, data_file, first)
}

/// Loads a revision.
///
/// # Errors
/// Its file is missing or cannot be read.
pub fn load(job: &Job<'_>, data_file: &DataFile, revision: Revision) -> Result<Input, StepError> {
    read(job, open(job, data_file, revision)?)
}

/// Loads a revision that is open.
///
/// # Errors
/// Its file cannot be read.
pub fn read(job: &Job<'_>, opened: Input<File>) -> Result<Input, StepError> {
    read_with(job, opened, File::read_all)
}

/// Loads a revision with an ocean grid: no more of it than the grid needs.
///
/// # Errors
/// Its file is missing or cannot be read.
pub fn load_grid(job: &Job<'_>, data_file: &DataFile, revision: Revision) -> Result<Input, StepError> {
    read_with(job, open(job, data_file, revision)?, File::read_first_maps)
}

fn read_with(
    job: &Job<'_>,
    opened: Input<File>,
    read: impl FnOnce(&File) -> Result<Dataset, dataset::Error>,
) -> Result<Input, StepError> {
    let Input { dataset: file, revision, name } = opened;
    match read(&file) {
        Ok(dataset) => Ok(Input { dataset, revision, name }),
        Err(error) => Err(unreadable(job, &revision, &name, &error)),
    }
}

/// Opens a revision.
///
/// # Errors
/// Its file is missing or cannot be read.
pub fn open(job: &Job<'_>, data_file: &DataFile, revision: Revision) -> Result<Input<File>, StepError> {
    // In the modeller's words, not by the name that the file has in the instance folder.
    let name = revision.called(&data_file.filename);
    match File::open_as(job.store.path(&revision), &name) {
        Ok(dataset) => Ok(Input { dataset, revision, name }),
        Err(error) => Err(unreadable(job, &revision, &name, &error)),
    }
}

fn unreadable(job: &Job<'_>, revision: &Revision, name: &str, error: &dataset::Error) -> StepError {
    if !matches!(error, dataset::Error::Io { .. }) {
        return StepError::Failed(error.to_string());
    }
    let path = job.store.path(revision);
    tracing::error!(path = %path.display(), cause = store::chain(error), "a stored file cannot be read");
    let what = if path.exists() { "cannot be read on the server" } else { "is missing on the server" };
    StepError::Failed(format!(
        "{name} {what}: the operator has to restore it from a backup, or make it again"
    ))
}
