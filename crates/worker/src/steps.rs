//! What a worker is given to do its work.

use store::{ClaimedRun, Finding, Output, RevisionId, Staged, Store};
use workflow::FileType;

use crate::Report;

/// Turns claimed runs into files. Called in a thread of its own; may take as long as it takes, and may panic.
pub trait Steps: Send + Sync + 'static {
    /// Whether this worker computes that step; a message for another is rejected.
    fn computes(&self, step: workflow::Step) -> bool;

    /// Computes one run.
    ///
    /// # Errors
    /// Why it cannot be computed, in words for the modeller; or that the store failed, which is worth another try.
    fn run(&self, job: &Job<'_>, report: &Report) -> Result<StepOutput, StepError>;
}

/// One run and what it needs.
#[derive(Debug)]
pub struct Job<'a> {
    /// The run: data file, step, parameters.
    pub run: &'a ClaimedRun,
    /// Where its inputs are, and its outputs are staged.
    pub store: &'a Store,
}

impl Job<'_> {
    /// Room for a file of that type.
    ///
    /// # Errors
    /// No room could be made: on a full disk that is the end of the run, else worth another try.
    pub fn stage(&self, file_type: FileType) -> Result<Staged, StepError> {
        self.store.stage(file_type.extension()).map_err(|error| {
            if store::is_disk_full(&error) {
                StepError::not_written(file_type.title(), &error)
            } else {
                StepError::Store(error)
            }
        })
    }
}

/// What a run has made.
#[derive(Debug, Default)]
pub struct StepOutput {
    /// Files, in the order in which their revisions are numbered.
    pub outputs: Vec<Output>,
    /// The revisions that were read.
    pub parents: Vec<RevisionId>,
    /// What was noticed.
    pub findings: Vec<Finding>,
}

/// Why a run made nothing.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// It cannot be computed from what there is. Shown to the modeller as it is.
    #[error("{0}")]
    Failed(String),
    /// The store failed; the run is tried again.
    #[error("the store failed")]
    Store(#[from] store::Error),
}

impl StepError {
    /// A result could not be written; `what` stands for it, as nobody knows it by the name of its staged file.
    pub fn not_saved(what: &str, error: dataset::Error) -> Self {
        if matches!(error, dataset::Error::Io { .. }) {
            tracing::error!(cause = store::chain(&error), "a result cannot be written");
            return Self::not_written(what, &error);
        }
        Self::Failed(error.renamed(&format!("the result '{what}'")).to_string())
    }

    /// `what` could not be written.
    pub fn not_written(what: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        if store::is_disk_full(error) {
            return Self::Failed(format!("{what} cannot be written: {}", store::DISK_FULL));
        }
        let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        Self::Failed(format!("{what} cannot be written: {cause}"))
    }
}
