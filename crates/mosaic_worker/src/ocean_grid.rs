//! The ocean grid of the weights: the one that the bathymetry was made on, unless the modeller names another.

use std::path::{Path, PathBuf};

use dataset::Dataset;
use grid::sphere::Vector;
use grid::{OceanGrid, orca};
use ndarray::{Axis, Ix2};
use store::{DataFile, Finding, Revision, RevisionId, Severity, Staged};
use worker::inputs::{self, Input};
use worker::{Fields, Job, StepError};
use workflow::{FileType, Step};

/// The types that may hold an ocean grid, in the order in which they are tried.
const GRIDS: [FileType; 3] = [FileType::WeightCoords, FileType::Coords, FileType::Paleorca];

/// How far the T points of the grid may lie from those of the bathymetry, in metres: coordinates in single precision
/// are off by 150 m.
const SAME_PLACE_M: f64 = 1000.0;

/// An ocean grid, read.
pub(crate) struct Coordinates {
    pub(crate) dataset: Dataset,
    /// How to speak of it.
    pub(crate) name: String,
    /// The revision that it was read from.
    pub(crate) parent: Option<RevisionId>,
    pub(crate) findings: Vec<Finding>,
    file: GridFile,
}

enum GridFile {
    Stored(PathBuf),
    Generated(Staged),
}

impl Coordinates {
    /// The file that holds it.
    pub(crate) fn path(&self) -> &Path {
        match &self.file {
            GridFile::Stored(path) => path,
            GridFile::Generated(staged) => staged.path(),
        }
    }
}

/// Where a grid can come from.
#[derive(Clone, PartialEq)]
enum Origin {
    Stored(Box<Revision>),
    Generated,
}

/// The grid that the field `ocean_grid` chooses: `bathymetry` (the one that the bathymetry was made on), `generated`,
/// or the number of a revision.
pub(crate) fn choose(
    job: &Job<'_>,
    data_file: &DataFile,
    fields: &Fields<'_>,
    bathymetry: &Input,
) -> Result<Coordinates, StepError> {
    let place = BathymetryCells::from_bathymetry(&bathymetry.dataset);
    match fields.text("ocean_grid").as_deref() {
        None | Some("bathymetry") => of_the_bathymetry(job, data_file, bathymetry, &place),
        Some("generated") => explicit(job, data_file, Origin::Generated, &place),
        Some(number) => {
            let numbered = number.parse().ok().map(|number| job.store.revision(job.run.data_file, number));
            let grid = numbered.transpose()?.flatten().filter(|found| GRIDS.contains(&found.file_type));
            let grid = grid.ok_or_else(|| {
                StepError::Failed(format!(
                    "'ocean_grid' is '{number}', which is no stored ocean grid: choose bathymetry (the grid that the \
                     bathymetry was made on), generated, or the number of a revision with coordinates"
                ))
            })?;
            explicit(job, data_file, Origin::Stored(Box::new(grid)), &place)
        }
    }
}

fn explicit(
    job: &Job<'_>,
    data_file: &DataFile,
    origin: Origin,
    place: &BathymetryCells,
) -> Result<Coordinates, StepError> {
    let mut coordinates = load(job, data_file, origin)?;
    let grid = read(&coordinates)?;
    if let Some(far) = place.differs_from(&grid) {
        coordinates.findings.push(elsewhere(&coordinates.name, &far));
    }
    Ok(coordinates)
}

/// The grid of the routing that made the bathymetry; where that is not known (files of earlier releases) or holds no
/// full C grid, the first stored one that fits, and then the built-in one.
fn of_the_bathymetry(
    job: &Job<'_>,
    data_file: &DataFile,
    bathymetry: &Input,
    place: &BathymetryCells,
) -> Result<Coordinates, StepError> {
    let revisions = job.store.revisions(job.run.data_file)?;
    let latest = |file_type| revisions.iter().rev().find(|revision| revision.file_type == file_type).cloned();
    let stored = GRIDS.into_iter().filter_map(latest).map(|revision| Origin::Stored(Box::new(revision)));
    let mut tried: Vec<Origin> = Vec::new();
    let mut refused: Vec<String> = Vec::new();
    let mut elsewhere_found = None;
    let routed = grid_of_the_routing(&revisions, &bathymetry.revision);
    for origin in routed.into_iter().chain(stored).chain([Origin::Generated]) {
        if tried.contains(&origin) {
            continue;
        }
        tried.push(origin.clone());
        let mut coordinates = match load(job, data_file, origin) {
            Ok(coordinates) => coordinates,
            Err(StepError::Failed(why)) => {
                refused.push(why);
                continue;
            }
            Err(error) => return Err(error),
        };
        let read = OceanGrid::from_dataset(&coordinates.dataset).map_err(|error| error.to_string());
        let fitting = read.and_then(|read| match (read.grid.mesh().is_some(), place.shape) {
            (false, _) => Err(format!(
                "no full C grid{}",
                read.no_mesh_because.map(|why| format!(" ({why})")).unwrap_or_default()
            )),
            (true, Some(shape)) if shape != read.grid.shape() => {
                let (rows, columns) = read.grid.shape();
                Err(format!(
                    "{rows} rows by {columns} columns, the bathymetry has {} by {}",
                    shape.0, shape.1
                ))
            }
            (true, _) => Ok(read.grid),
        });
        match fitting {
            Err(why) => refused.push(format!("{}: {why}", coordinates.name)),
            Ok(grid) => match place.differs_from(&grid) {
                None => return Ok(coordinates),
                Some(far) => {
                    coordinates.findings.push(elsewhere(&coordinates.name, &far));
                    refused.push(format!("{}: {far}", coordinates.name));
                    elsewhere_found.get_or_insert(coordinates);
                }
            },
        }
    }
    // The right shape at another place: better than nothing, and said aloud.
    elsewhere_found.ok_or_else(|| {
        StepError::Failed(format!(
            "{}: no ocean grid fits ({}): upload its NEMO coordinates file on the page of the weights",
            bathymetry.name,
            refused.join("; ")
        ))
    })
}

/// Follows a bathymetry back to the routing that made it, and to the grid of that.
fn grid_of_the_routing(revisions: &[Revision], bathymetry: &Revision) -> Option<Origin> {
    let mut at = bathymetry;
    loop {
        let parents = || revisions.iter().filter(|revision| at.parents.contains(&revision.id));
        if at.step == Some(Step::Routing) {
            let grid = parents().find(|parent| GRIDS.contains(&parent.file_type));
            // A run stores the built-in grid without reading it.
            let built_in =
                || revisions.iter().rev().find(|r| r.file_type == FileType::Coords && r.run.is_some());
            return Some(match grid.or_else(built_in) {
                Some(revision) => Origin::Stored(Box::new(revision.clone())),
                None => Origin::Generated,
            });
        }
        // Numbers fall along a lineage, so this ends.
        at = parents().find(|parent| parent.file_type == FileType::Bathy && parent.revision < at.revision)?;
    }
}

fn load(job: &Job<'_>, data_file: &DataFile, origin: Origin) -> Result<Coordinates, StepError> {
    match origin {
        Origin::Stored(revision) => {
            let path = job.store.path(&revision);
            let input = inputs::load(job, data_file, *revision)?;
            Ok(Coordinates {
                dataset: input.dataset,
                name: input.name,
                parent: Some(input.revision.id),
                findings: Vec::new(),
                file: GridFile::Stored(path),
            })
        }
        Origin::Generated => {
            let failed = |error: &dyn std::fmt::Display| {
                StepError::Failed(format!("the built-in ocean grid cannot be made: {error}"))
            };
            let grid = orca::grid(&orca::Parameters::default()).map_err(|error| failed(&error))?;
            let dataset = grid.to_dataset();
            let staged = job.stage(FileType::Coords)?;
            dataset::write(&dataset, staged.path())
                .map_err(|error| StepError::not_saved(FileType::Coords.title(), error))?;
            Ok(Coordinates {
                dataset,
                name: "the built-in ocean grid".into(),
                parent: None,
                findings: Vec::new(),
                file: GridFile::Generated(staged),
            })
        }
    }
}

fn read(coordinates: &Coordinates) -> Result<OceanGrid, StepError> {
    let read = OceanGrid::from_dataset(&coordinates.dataset);
    Ok(read.map_err(|error| StepError::Failed(format!("{}: {error}", coordinates.name)))?.grid)
}

fn elsewhere(name: &str, far: &str) -> Finding {
    Finding {
        code: "weights-other-grid".into(),
        severity: Severity::Warning,
        message: format!("{name} and the bathymetry have different cells: {far}."),
    }
}

/// Where the cells of the bathymetry are, as far as its file says so.
struct BathymetryCells {
    shape: Option<(usize, usize)>,
    centres: Option<Vec<Vector>>,
}

impl BathymetryCells {
    fn from_bathymetry(bathymetry: &Dataset) -> Self {
        let map = |name: &str| {
            let mut values = bathymetry.variable(name)?.decode()?;
            while values.ndim() > 2 && values.shape()[0] == 1 {
                values = values.index_axis_move(Axis(0), 0);
            }
            values.into_dimensionality::<Ix2>().ok()
        };
        let shape = map("Bathymetry").or_else(|| map("bathymetry")).map(|depth| depth.dim());
        let centres = map("nav_lon")
            .zip(map("nav_lat"))
            .filter(|(lon, lat)| lon.dim() == lat.dim() && Some(lon.dim()) == shape);
        let centres = centres.map(|(lon, lat)| {
            lon.iter().zip(&lat).map(|(&lon, &lat)| Vector::from_degrees((lon, lat))).collect()
        });
        Self { shape, centres }
    }

    /// In words, how far a grid of the same shape lies from here; nothing when it is here, or nobody knows.
    fn differs_from(&self, grid: &OceanGrid) -> Option<String> {
        let (rows, columns) = grid.shape();
        let centres = self.centres.as_ref().filter(|_| self.shape == Some((rows, columns)))?;
        let distances = centres.iter().enumerate().map(|(cell, centre)| {
            let there = grid.t().at(cell / columns, cell % columns);
            (centre.distance_m(Vector::from_degrees(there)), cell)
        });
        let (worst_m, cell) =
            distances.fold((0.0, 0), |worst, here| if here.0 > worst.0 { here } else { worst });
        (worst_m > SAME_PLACE_M).then(|| {
            format!(
                "the centres in row {}, column {} (counted from 0) are {:.0} km apart",
                cell / columns,
                cell % columns,
                worst_m / 1000.0
            )
        })
    }
}
