//! The ocean grid of a routing: generated, or the modeller's own.
//!
//! The choice is explicit at each run (the original could not go back to its default once a grid was uploaded), and
//! the grid that was used last is the latest asset `coords`, from which the weights are made.

use std::sync::OnceLock;

use grid::{CoordinateNames, OceanGrid, Points, orca};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use store::{DataFile, Finding, Output, RevisionId, Severity};
use worker::{Fields, Job, StepError, inputs};
use workflow::FileType;

/// An ocean grid and what is to be remembered of it.
pub(crate) struct Ocean {
    pub(crate) points: Points,
    /// The revision that it was read from.
    pub(crate) parent: Option<RevisionId>,
    /// The grid as an asset, when the latest is not this one.
    pub(crate) asset: Option<Output>,
    pub(crate) findings: Vec<Finding>,
}

/// The grid that the field `orcafile` chooses: `default` (generated) or `custom` (the latest that was uploaded), whose longitude and
/// latitude `ocean_coordinates` may name.
pub(crate) fn choose(job: &Job<'_>, data_file: &DataFile, fields: &Fields<'_>) -> Result<Ocean, StepError> {
    match fields.text("orcafile").as_deref() {
        None | Some("default") => generated(job),
        Some("custom") => uploaded(job, data_file, fields),
        Some(other) => Err(StepError::Failed(format!(
            "'orcafile' is '{other}': choose default (the built-in ocean grid) or custom (the one you uploaded)"
        ))),
    }
}

fn generated(job: &Job<'_>) -> Result<Ocean, StepError> {
    let built_in =
        BUILT_IN.get_or_init(BuiltIn::generate).as_ref().map_err(|e| StepError::Failed(e.clone()))?;
    let latest = job.store.latest(job.run.data_file, FileType::Coords)?;
    let there = latest.and_then(|revision| revision.sha256).is_some_and(|sha256| sha256 == built_in.sha256);
    let asset = if there {
        None
    } else {
        let staged = job.stage(FileType::Coords)?;
        std::fs::write(staged.path(), &built_in.bytes)
            .map_err(|error| StepError::not_written("the ocean grid", &error))?;
        let mut info = Map::new();
        info.insert("grid".into(), json!("generated: tripolar, 182 x 149, 2 degrees"));
        Some(Output { file_type: FileType::Coords, staged, info })
    };
    Ok(Ocean { points: built_in.points.clone(), parent: None, asset, findings: Vec::new() })
}

fn uploaded(job: &Job<'_>, data_file: &DataFile, fields: &Fields<'_>) -> Result<Ocean, StepError> {
    let names = fields.text("ocean_coordinates").filter(|text| !text.is_empty());
    let names: Option<CoordinateNames> = names
        .map(|text| {
            text.parse().map_err(|why| StepError::Failed(format!("'ocean_coordinates' is '{text}': {why}")))
        })
        .transpose()?;
    let revisions = job.store.revisions(job.run.data_file)?;
    let latest = revisions
        .into_iter()
        // A grid that a run has stored is the generated one.
        .filter(|r| matches!(r.file_type, FileType::Coords | FileType::Paleorca) && r.step.is_none() && r.run.is_none())
        .max_by_key(|revision| revision.revision)
        .ok_or_else(|| {
            StepError::Failed(
                "there is no ocean grid of your own yet: upload one on the routing page, or choose the default".into(),
            )
        })?;
    let input = inputs::load_grid(job, data_file, latest)?;
    let read = OceanGrid::find(&input.dataset, names.as_ref())
        .map_err(|error| StepError::Failed(format!("{}: {error}", input.name)))?;
    let findings = read.notes().into_iter().map(|note| Finding {
        code: "ocean-grid-read".into(),
        severity: Severity::Note,
        message: format!("{}: {note}", input.name),
    });
    Ok(Ocean {
        points: read.grid.t().clone(),
        parent: Some(input.revision.id),
        asset: None,
        findings: findings.collect(),
    })
}

/// The built-in grid: the same for everybody, so generated once per process.
struct BuiltIn {
    points: Points,
    bytes: Vec<u8>,
    sha256: String,
}

static BUILT_IN: OnceLock<Result<BuiltIn, String>> = OnceLock::new();

impl BuiltIn {
    fn generate() -> Result<Self, String> {
        let grid = orca::grid(&orca::Parameters::default())
            .map_err(|error| format!("the built-in ocean grid cannot be generated: {error}"))?;
        let bytes = dataset::to_bytes(&grid.to_dataset())
            .map_err(|error| format!("the built-in ocean grid cannot be written: {error}"))?;
        let sha256 = hex::encode(Sha256::digest(&bytes));
        Ok(Self { points: grid.t().clone(), bytes, sha256 })
    }
}

/// True when only land was edited and the bathymetry (and what was corrected in it by hand) is to be kept.
pub(crate) fn keeps_bathymetry(parameters: &Map<String, Value>) -> bool {
    parameters.get("next_step_only").and_then(Value::as_str) == Some("done")
}
