//! What a step that makes one file returns.

use dataset::Dataset;

use crate::Finding;

/// The file that a step makes, and what the step noticed on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// The result, laid out as the file is written.
    pub dataset: Dataset,
    /// What the modeller should know about it.
    pub findings: Vec<Finding>,
}
