//! The three inputs read from labelled files, and the checks that make their errors understandable.

use dataset::axes::one_map;
use dataset::{Dataset, Variable};
use grid::sphere::Vector;
use grid::{Fold, OceanGrid, Overlap, Points, Topology};
use ndarray::Array2;

use boundary::{Depths, Finding};

use crate::error::Error;
use crate::fold::{self, Point};
use crate::ocean::Basins;

/// How far apart two copies of one point may lie, in metres: files in single precision are off by 150 m.
const SAME_POINT_M: f64 = 200.0;

/// The inputs, read and checked.
#[derive(Debug, Clone)]
pub struct Input {
    /// The C grid.
    pub grid: OceanGrid,
    /// Depth in metres, positive in the sea; NaN where the file holds none.
    pub bathymetry_m: Array2<f64>,
    /// Basins.
    pub basins: Basins,
    /// What is doubtful about them.
    pub findings: Vec<Finding>,
}

impl Input {
    /// Reads the coordinates, the bathymetry and the basins.
    ///
    /// # Errors
    /// The first thing that is missing or does not fit, named as in the file.
    pub fn read(coordinates: &Dataset, bathymetry: &Dataset, basins: &Dataset) -> Result<Self, Error> {
        let read = OceanGrid::from_dataset(&of_c_grid(coordinates)?)?;
        let grid = read.grid;
        if grid.mesh().is_none() {
            return Err(Error::NoMesh { reason: read.no_mesh_because });
        }
        let mut findings = Vec::new();
        let topology = grid.topology();
        if let Some(reason) = uncoupled(&grid) {
            return Err(Error::Layout { reason });
        }
        check_seams(grid.t(), topology)?;
        check_repetition(&grid)?;
        if topology.overlap == Overlap::None && !topology.fold.repeats_last_row() {
            findings.push(Finding::note(
                "ocean-grid-without-repeated-cells",
                "The ocean grid repeats no columns and no rows: it is taken for one that goes once around the globe.",
            ));
        }
        let shape = grid.shape();
        let variable = variable(bathymetry, "bathymetry", &["Bathymetry", "bathymetry"])?;
        let depths = Depths::read(variable)?;
        fits(&variable.name, &depths.depth_m, shape)?;
        // Fill values are counted among the cells without a depth.
        findings.extend(depths.findings.into_iter().filter(|finding| finding.code != "default-fill-values"));
        let basin = |names: &'static [&'static str; 2]| -> Result<Array2<i32>, Error> {
            let values = map(basins, "sub-basins", names, shape)?;
            // Where nothing is known is in no basin.
            let values = values.mapv_into(|value| if value.is_nan() { 0.0 } else { value });
            match values.indexed_iter().find(|(_, value)| **value != 0.0 && **value != 1.0) {
                Some(((row, column), &value)) => {
                    Err(Error::NoMask { name: names[0].to_owned(), value, row, column })
                }
                None => Ok(values.mapv(|value| value as i32)),
            }
        };
        let basins = Basins {
            atlantic: basin(&["atlmsk", "tmaskatl"])?,
            pacific: basin(&["pacmsk", "tmaskpac"])?,
            indian: basin(&["indmsk", "tmaskind"])?,
        };
        Ok(Self { grid, bathymetry_m: depths.depth_m, basins, findings })
    }
}

/// Why the coupling cannot work on a grid that is one otherwise.
fn uncoupled(grid: &OceanGrid) -> Option<String> {
    let (rows, _) = grid.shape();
    let topology = grid.topology();
    let mesh = grid.mesh()?;
    let placed = |points: &Points| points.lon_deg.iter().filter(|lon| lon.is_nan()).count();
    let absent = [grid.t(), &mesh.u.points, &mesh.v.points, &mesh.f.points].map(placed).into_iter().max();
    match (absent, topology.overlap, topology.fold) {
        (Some(absent @ 1..), ..) => Some(format!(
            "{absent} cells have no place (their coordinates are missing, or the same for many cells): weights need the coordinates of \
             all cells, also on land"
        )),
        (_, Overlap::OneColumn, _) => Some("the last column repeats the first: leave it out".to_owned()),
        (_, _, Fold::Other(mirror)) if mirror.rows + 2 < 2 * rows => Some(
            "the last row repeats another, but columns that belong to it are cut off: leave the last row out too, or keep all columns"
                .to_owned(),
        ),
        _ => None,
    }
}

/// The variables of the C grid alone: a file may hold other positions too, and these are those of the mesh.
fn of_c_grid(coordinates: &Dataset) -> Result<Dataset, Error> {
    let names = ["glam", "gphi", "e1", "e2"]
        .iter()
        .flat_map(|stem| Point::ALL.map(|point| format!("{stem}{}", point.letter())));
    let (mut variables, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        match coordinates.variable(&name) {
            Some(variable) => variables.push(variable.clone()),
            None => missing.push(name),
        }
    }
    if missing.is_empty() {
        Ok(Dataset { dimensions: coordinates.dimensions.clone(), variables, ..Dataset::default() })
    } else {
        Err(Error::NoMesh { reason: Some(format!("the file has no {}", missing.join(", "))) })
    }
}

/// The variable under the first of the names that the file has.
fn variable<'a>(
    dataset: &'a Dataset,
    file: &'static str,
    names: &'static [&'static str; 2],
) -> Result<&'a Variable, Error> {
    names.iter().find_map(|name| dataset.variable(name)).ok_or_else(|| Error::NoVariable {
        file,
        wanted: names[0],
        known: dataset::listed(&dataset.variables.iter().map(|v| v.name.as_str()).collect::<Vec<_>>()),
    })
}

/// The map under the first of the names that the file has, dimensions of length one dropped.
fn map(
    dataset: &Dataset,
    file: &'static str,
    names: &'static [&'static str; 2],
    grid: (usize, usize),
) -> Result<Array2<f64>, Error> {
    let variable = variable(dataset, file, names)?;
    let not_a_map = || Error::NotAMap { name: variable.name.clone(), shape: variable.shape().to_vec() };
    let values = variable.decode().ok_or_else(not_a_map)?;
    let (values, _) = one_map(variable, values).ok_or_else(not_a_map)?;
    fits(&variable.name, &values, grid)?;
    Ok(values)
}

/// A field of another shape than the grid belongs to another grid.
fn fits(name: &str, values: &Array2<f64>, grid: (usize, usize)) -> Result<(), Error> {
    if values.dim() == grid {
        return Ok(());
    }
    Err(Error::Shape { name: name.to_owned(), found: values.dim(), grid })
}

/// The grid must go around the globe, and where it nearly repeats itself, it must repeat itself.
fn check_seams(t: &Points, topology: Topology) -> Result<(), Error> {
    let (ny, nx) = t.lon_deg.dim();
    if ny < 4 || nx < 4 {
        return Err(Error::TooSmall { rows: ny, columns: nx });
    }
    let apart = |a: (usize, usize), b: (usize, usize)| {
        Vector::from_degrees(t.at(a.0, a.1)).distance_m(Vector::from_degrees(t.at(b.0, b.1)))
    };
    let spacing = |j: usize| (1..nx).map(|i| apart((j, i - 1), (j, i))).sum::<f64>() / (nx - 1) as f64;
    // The pair of cells that are the farthest apart, and how far compared with the cells of the row.
    let farthest = |pairs: &mut dyn Iterator<Item = ((usize, usize), (usize, usize))>| {
        let distances = pairs.map(|(a, b)| (apart(a, b), a));
        distances.fold((0.0, (0, 0)), |worst, next| if next.0 > worst.0 { next } else { worst })
    };
    let nearly = |(distance_m, at): (f64, (usize, usize)), seam| {
        if distance_m < spacing(at.0) / 2.0 {
            Err(Error::NearlyRepeats { seam, row: at.0, column: at.1, distance_m, limit_m: SAME_POINT_M })
        } else {
            Ok(())
        }
    };
    if topology.overlap == Overlap::None {
        let mut columns = (0..ny).flat_map(|j| [((j, nx - 2), (j, 0)), ((j, nx - 1), (j, 1))]);
        nearly(farthest(&mut columns), "last two columns")?;
        for j in 0..ny {
            let (gap_m, spacing_m) = (apart((j, nx - 1), (j, 0)), spacing(j));
            if gap_m > 2.0 * spacing_m + SAME_POINT_M {
                return Err(Error::NotGlobal { row: j, gap_m, spacing_m });
            }
        }
    }
    if !topology.fold.repeats_last_row() {
        let mut f_pivot = (0..nx).map(|i| ((ny - 1, i), (ny - 2, nx - 1 - i)));
        nearly(farthest(&mut f_pivot), "last row")?;
        let mut t_pivot = (1..nx).map(|i| ((ny - 1, i), (ny - 3, nx - i)));
        nearly(farthest(&mut t_pivot), "last row")?;
    }
    Ok(())
}

/// U, V and F points must repeat where the T points do: else the coordinates are not those of one grid.
fn check_repetition(grid: &OceanGrid) -> Result<(), Error> {
    let Some(mesh) = grid.mesh() else { return Ok(()) };
    let topology = grid.topology();
    let (ny, nx) = grid.shape();
    for (point, points) in
        [(Point::U, &mesh.u.points), (Point::V, &mesh.v.points), (Point::F, &mesh.f.points)]
    {
        let vectors = Array2::from_shape_fn((ny, nx), |(j, i)| Vector::from_degrees(points.at(j, i)));
        let mut repeated = vectors.clone();
        fold::apply(&mut repeated, point, topology);
        let mut worst = (0.0, (0, 0));
        for ((at, a), b) in vectors.indexed_iter().zip(&repeated) {
            // The fold of U and F points takes the very last point from the first column, where the overlap says it is the
            // second: the two cannot both hold, and the overlap is the one that grids keep.
            let settled_by_overlap = topology.overlap == Overlap::TwoColumns
                && at == (ny - 1, nx - 1)
                && matches!(point, Point::U | Point::F);
            let distance = a.distance_m(*b);
            if distance > worst.0 && !settled_by_overlap {
                worst = (distance, at);
            }
        }
        if worst.0 > SAME_POINT_M {
            return Err(Error::Inconsistent {
                point: point.letter().to_ascii_uppercase(),
                row: worst.1.0,
                column: worst.1.1,
                distance_m: worst.0,
                limit_m: SAME_POINT_M,
            });
        }
    }
    Ok(())
}
