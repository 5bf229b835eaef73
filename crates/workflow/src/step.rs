//! The steps of the workflow, who computes them, and what depends on what.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::FileType;

/// One step of the workflow; its name is stored in the database and is the second word of routing keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "named as the pages name them; see `Step::title`")]
pub enum Step {
    Regrid,
    InternalOceans,
    Routing,
    Pft,
    PassageProblems,
    Heatflow,
    Ahmcoef,
    Subbasins,
    CalculateWeights,
}

/// What a message can ask for: a step, or the marking of steps as stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Task {
    /// Compute (or, for the editors, record) a step.
    Step(Step),
    /// Mark the listed steps as no longer valid.
    Invalidate,
}

/// The kinds of workers; the name is the third word of routing keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Worker {
    /// The numerics.
    Python,
    /// The coupling weights.
    Mosaic,
    /// The editors: a person's hand, so nothing consumes these messages.
    Panel,
}

/// The text names no step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no step '{0}'")]
pub struct UnknownStep(pub String);

impl Step {
    /// All steps, in the order of the steps page.
    pub const ALL: [Self; 9] = [
        Self::Regrid,
        Self::InternalOceans,
        Self::Routing,
        Self::Pft,
        Self::PassageProblems,
        Self::Heatflow,
        Self::Ahmcoef,
        Self::Subbasins,
        Self::CalculateWeights,
    ];

    /// The name in the database, in messages and in form addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Regrid => "regrid",
            Self::InternalOceans => "internal_oceans",
            Self::Routing => "routing",
            Self::Pft => "pft",
            Self::PassageProblems => "passage_problems",
            Self::Heatflow => "heatflow",
            Self::Ahmcoef => "ahmcoef",
            Self::Subbasins => "subbasins",
            Self::CalculateWeights => "calculate_weights",
        }
    }

    /// The name on a page.
    pub fn title(self) -> &'static str {
        match self {
            Self::Regrid => "Regrid",
            Self::InternalOceans => "Internal oceans",
            Self::Routing => "Routing",
            Self::Pft => "PFT",
            Self::PassageProblems => "Passage problems",
            Self::Heatflow => "Heat flow",
            Self::Ahmcoef => "Ahmcoef",
            Self::Subbasins => "Sub-basins",
            Self::CalculateWeights => "Coupling weights",
        }
    }

    /// Who does it.
    pub fn worker(self) -> Worker {
        match self {
            Self::Regrid | Self::Routing | Self::Pft | Self::Heatflow | Self::Ahmcoef => Worker::Python,
            Self::CalculateWeights => Worker::Mosaic,
            Self::InternalOceans | Self::PassageProblems | Self::Subbasins => Worker::Panel,
        }
    }

    /// False for the steps that need nothing but the files: they follow by themselves.
    pub fn has_params(self) -> bool {
        !matches!(self, Self::Heatflow | Self::Ahmcoef)
    }

    /// The steps that depend directly on this one, in the order in which they are re-run.
    pub fn successors(self) -> &'static [Self] {
        match self {
            Self::Regrid => &[Self::InternalOceans, Self::Routing],
            Self::InternalOceans => &[Self::Routing],
            Self::Routing => &[
                Self::Pft,
                Self::PassageProblems,
                Self::Subbasins,
                Self::Heatflow,
                Self::Ahmcoef,
                Self::CalculateWeights,
            ],
            Self::PassageProblems => {
                &[Self::Subbasins, Self::Heatflow, Self::Ahmcoef, Self::CalculateWeights]
            }
            Self::Subbasins => &[Self::CalculateWeights],
            Self::Pft | Self::Heatflow | Self::Ahmcoef | Self::CalculateWeights => &[],
        }
    }

    /// Everything that depends on this step, directly or not, each once, nearest first.
    pub fn reachable(self) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        let mut frontier = vec![self];
        while !frontier.is_empty() {
            let mut next = Vec::new();
            for step in frontier {
                for &successor in step.successors() {
                    if !found.contains(&successor) {
                        found.push(successor);
                        next.push(successor);
                    }
                }
            }
            frontier = next;
        }
        found
    }

    /// The files that the step reads; of each the latest revision counts.
    pub fn inputs(self) -> &'static [FileType] {
        match self {
            Self::Regrid | Self::InternalOceans => &[FileType::Raw],
            // The ocean grid is read too, where one was given.
            Self::Routing => &[FileType::Raw],
            Self::Pft => &[FileType::Routing],
            Self::PassageProblems | Self::Heatflow | Self::Ahmcoef | Self::Subbasins => &[FileType::Bathy],
            Self::CalculateWeights => &[FileType::Bathy, FileType::SubBasins],
        }
    }

    /// The files that the step writes, in the order in which their revisions are numbered.
    pub fn outputs(self) -> &'static [FileType] {
        match self {
            Self::Regrid | Self::InternalOceans => &[FileType::Raw],
            Self::Routing => &[FileType::Routing, FileType::Bathy, FileType::Soils, FileType::TopoHighRes],
            Self::Pft => &[FileType::Pft],
            Self::PassageProblems => &[FileType::Bathy],
            Self::Heatflow => &[FileType::Heatflow],
            Self::Ahmcoef => &[FileType::Ahmcoef],
            Self::Subbasins => &[FileType::SubBasins],
            Self::CalculateWeights => &[FileType::Weights],
        }
    }
}

impl Task {
    /// The second word of routing keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Step(step) => step.as_str(),
            Self::Invalidate => "invalidate",
        }
    }

    /// Who does it.
    pub fn worker(self) -> Worker {
        match self {
            Self::Step(step) => step.worker(),
            Self::Invalidate => Worker::Python,
        }
    }
}

impl Worker {
    /// The third word of routing keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Mosaic => "mosaic",
            Self::Panel => "panel",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Step {
    type Err = UnknownStep;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|s| s.as_str() == text).ok_or_else(|| UnknownStep(text.to_owned()))
    }
}

impl FromStr for Task {
    type Err = UnknownStep;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "invalidate" { Ok(Self::Invalidate) } else { text.parse().map(Self::Step) }
    }
}

impl FromStr for Worker {
    type Err = UnknownStep;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "python" => Ok(Self::Python),
            // The release of 2023 names the target model here; one worker serves both.
            "mosaic" | "mosaix" => Ok(Self::Mosaic),
            "panel" => Ok(Self::Panel),
            other => Err(UnknownStep(other.to_owned())),
        }
    }
}
