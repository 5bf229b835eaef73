//! Files that describe the cells of a grid one by one: SCRIP grid files, ESMF unstructured meshes, MOM supergrids, and lists of cells
//! after the CF conventions.
//!
//! * P. W. Jones (1998), A User's Guide for SCRIP, section 2.2.1: `grid_dims` (fastest first), `grid_center_lon/lat`,
//!   `grid_corner_lon/lat` over (`grid_size`, `grid_corners`), `grid_imask` (0 takes no part), degrees or radians.
//! * ESMF Reference Manual, "ESMF unstructured grid file format": `nodeCoords`, `elementConn` (nodes counted from `start_index`, 1
//!   by default), `numElementConn`, `centerCoords`, `elementMask`.
//! * GFDL, Modular Ocean Model, `ocean_hgrid.nc`: `x` and `y` over (`nyp`, `nxp`) hold corners, middles of edges and centres in turn.
//! * CF 1.11, section 7.1: longitude and latitude along one dimension, their `bounds` over (cells, corners); as of ICON.

use dataset::axes::{degrees_per_unit, refuse_unsaid_radians};
use dataset::{Dataset, Variable};
use ndarray::{ArrayD, Ix2};

use crate::error::Error;
use crate::ocean::{Coordinate, candidates};
use crate::sphere::Vector;

/// Names of the centres in a SCRIP file: longitude, latitude.
const SCRIP_CENTRES: (&str, &str) = ("grid_center_lon", "grid_center_lat");

/// Cells that a file describes one by one.
#[derive(Debug, Clone, PartialEq)]
pub struct CellFile {
    /// What the file is, in words.
    pub kind: &'static str,
    /// Where the centres are from: longitude, latitude.
    pub names: (String, String),
    /// Rows and columns, where the grid has them.
    pub shape: Option<(usize, usize)>,
    /// (longitude, latitude) of the centres, degrees; NaN where a cell has no place.
    pub centres_deg: Vec<(f64, f64)>,
    /// (longitude, latitude) of the corners, degrees, cell by cell; the last one of a cell is repeated where it has fewer than others.
    pub corners_deg: Vec<(f64, f64)>,
    /// Corners of each cell.
    pub corners_per_cell: usize,
    /// Which cells take part.
    pub active: Vec<bool>,
}

impl CellFile {
    /// The cells of a SCRIP grid file, an ESMF mesh, a MOM supergrid or a CF list with corners; nothing when the file is none of them.
    ///
    /// # Errors
    /// [`Error::CellFile`] when something is missing or does not fit, or when the file is another kind of unstructured mesh.
    pub fn read(file: &Dataset) -> Result<Option<Self>, Error> {
        let has = |name: &str| file.variable(name).is_some();
        if has(SCRIP_CENTRES.0) || has("grid_corner_lon") {
            return scrip(file).map(Some);
        }
        if has("nodeCoords") && has("elementConn") {
            return esmf(file).map(Some);
        }
        if let Some(grid) = supergrid(file)? {
            return Ok(Some(grid));
        }
        let is_ugrid =
            |v: &Variable| v.attributes.text("cf_role").is_some_and(|role| role.trim() == "mesh_topology");
        match file.variables.iter().find(|v| is_ugrid(v)) {
            Some(mesh) => Err(Error::CellFile {
                kind: "a UGRID mesh",
                name: mesh.name.clone(),
                problem: "such meshes are not read: convert the file to a SCRIP grid file or an ESMF mesh"
                    .to_owned(),
            }),
            None => Self::list(file, None),
        }
    }

    /// The cells of a list after the CF conventions: longitude and latitude along one dimension, and `bounds` with the corners. `named`
    /// are the names of the two. Nothing when the file has no such list with corners.
    ///
    /// # Errors
    /// [`Error::CellFile`] when there are several, or something does not fit.
    pub fn list(file: &Dataset, named: Option<(&str, &str)>) -> Result<Option<Self>, Error> {
        let corners = |v: &Variable| {
            let bounds = file.variable(v.attributes.text("bounds")?.trim())?;
            (bounds.shape().len() == 2 && bounds.shape()[1] > 2).then_some(bounds)
        };
        let mut lists = lists(file);
        lists.retain(|(lon, lat)| {
            let wanted = named.is_none_or(|named| named == (lon.name.as_str(), lat.name.as_str()));
            wanted && corners(lon).is_some() && corners(lat).is_some()
        });
        if lists.len() > 1 {
            let usual = |v: &Variable| ["clon", "lon", "longitude"].contains(&v.name.to_lowercase().as_str());
            lists.retain(|(lon, _)| usual(lon));
        }
        let reader = Reader { file, kind: LIST };
        let (lon, lat) = match lists[..] {
            [] => return Ok(None),
            [pair] => pair,
            [(lon, _), ..] => {
                let problem = "the file has several such lists: name the longitude and the latitude of one";
                return Err(reader.wrong(&lon.name, problem));
            }
        };
        let (Some(corner_lon), Some(corner_lat)) = (corners(lon), corners(lat)) else { return Ok(None) };
        let (cells, corners_per_cell) = (lon.shape()[0], corner_lon.shape()[1]);
        let centres_deg = pairs(reader.degrees(lon, None, 1, cells)?, reader.degrees(lat, None, 1, cells)?);
        let corners_deg = pairs(
            reader.degrees(corner_lon, Some(lon), corners_per_cell, cells)?,
            reader.degrees(corner_lat, Some(lat), corners_per_cell, cells)?,
        );
        let names = (lon.name.clone(), lat.name.clone());
        let active = placed(&centres_deg);
        Ok(Some(Self {
            kind: reader.kind,
            names,
            shape: None,
            centres_deg,
            corners_deg,
            corners_per_cell,
            active,
        }))
    }

    /// Why a file with longitudes and latitudes along one dimension, and no corners, is no grid; nothing for other files.
    pub fn bare_list(file: &Dataset) -> Option<Error> {
        let reader = Reader { file, kind: LIST };
        let (lon, _) = *lists(file).first()?;
        let problem = "it has no bounds with the corners of the cells: take a SCRIP grid file or an ESMF mesh of the grid";
        Some(reader.wrong(&lon.name, problem))
    }
}

const LIST: &str = "a list of cells";

/// Longitudes and latitudes along one dimension.
pub(crate) fn lists(file: &Dataset) -> Vec<(&Variable, &Variable)> {
    let (lons, lats) = (candidates(file, Coordinate::Lon), candidates(file, Coordinate::Lat));
    let mut found = Vec::new();
    for lon in lons.into_iter().filter(|v| v.dimensions.len() == 1) {
        let mut same = lats.iter().filter(|lat| lat.dimensions == lon.dimensions && lat.name != lon.name);
        if let (Some(lat), None) = (same.next(), same.next()) {
            found.push((lon, *lat));
        }
    }
    found
}

/// True for the cells with a centre.
fn placed(centres_deg: &[(f64, f64)]) -> Vec<bool> {
    centres_deg.iter().map(|(lon, lat)| lon.is_finite() && lat.is_finite()).collect()
}

fn pairs(lon: Vec<f64>, lat: Vec<f64>) -> Vec<(f64, f64)> {
    lon.into_iter().zip(lat).collect()
}

/// Reading the variables of one file.
struct Reader<'a> {
    file: &'a Dataset,
    kind: &'static str,
}

impl<'a> Reader<'a> {
    fn wrong(&self, name: &str, problem: impl Into<String>) -> Error {
        Error::CellFile { kind: self.kind, name: name.to_owned(), problem: problem.into() }
    }

    fn variable(&self, name: &str) -> Result<&'a Variable, Error> {
        self.file.variable(name).ok_or_else(|| self.wrong(name, "the variable is missing"))
    }

    fn numbers(&self, variable: &Variable) -> Result<ArrayD<f64>, Error> {
        variable.decode().ok_or_else(|| self.wrong(&variable.name, "it holds no numbers"))
    }

    /// Whole numbers from 0 on; `None` where the value is missing or is none.
    fn indices(&self, variable: &Variable) -> Result<Vec<Option<usize>>, Error> {
        let whole = |value: f64| (value >= 0.0 && value.fract() == 0.0).then_some(value as usize);
        Ok(self.numbers(variable)?.into_iter().map(whole).collect())
    }

    /// Angles in degrees, the first dimension being the cells; what is no angle has no place and is NaN. Units that the variable
    /// does not say are those of `owner`.
    fn degrees(
        &self,
        variable: &Variable,
        owner: Option<&Variable>,
        per_cell: usize,
        cells: usize,
    ) -> Result<Vec<f64>, Error> {
        let says = |v: &&Variable| v.attributes.text("units").is_some_and(|text| !text.trim().is_empty());
        let speaker = Some(variable).filter(says).or(owner).unwrap_or(variable);
        let per_unit = degrees_per_unit(&speaker.name, &speaker.attributes)?;
        let mut values: Vec<f64> = self.numbers(variable)?.into_iter().collect();
        if values.len() != cells * per_cell {
            let expected = if per_cell == 1 { "a number" } else { "numbers for the corners" };
            let problem =
                format!("it holds {} values; {expected} of each of {cells} cells was expected", values.len());
            return Err(self.wrong(&variable.name, problem));
        }
        let mut wrong = 0;
        for value in &mut values {
            let degrees = *value * per_unit;
            let is_angle = degrees.abs() <= 720.0;
            wrong += usize::from(!is_angle);
            *value = if is_angle { degrees } else { f64::NAN };
        }
        if 2 * wrong > values.len() {
            let problem = format!("{wrong} of its {} values are missing or no angles", values.len());
            return Err(self.wrong(&variable.name, problem));
        }
        Ok(values)
    }
}

fn scrip(file: &Dataset) -> Result<CellFile, Error> {
    let reader = Reader { file, kind: "a SCRIP grid file" };
    let (lon, lat) = (reader.variable(SCRIP_CENTRES.0)?, reader.variable(SCRIP_CENTRES.1)?);
    let cells: usize = lon.shape().iter().product();
    let corner_lon = reader.variable("grid_corner_lon")?;
    let corners_per_cell = corner_lon.shape().iter().product::<usize>().checked_div(cells).unwrap_or(0);
    if corners_per_cell < 3 {
        return Err(reader.wrong("grid_corner_lon", format!("{corners_per_cell} corners are no cell")));
    }
    let (lons, lats) = (reader.degrees(lon, None, 1, cells)?, reader.degrees(lat, None, 1, cells)?);
    refuse_unsaid_radians((&lon.name, &lon.attributes, &lons), (&lat.name, &lat.attributes, &lats))?;
    let centres_deg = pairs(lons, lats);
    let corners_deg = pairs(
        reader.degrees(corner_lon, Some(lon), corners_per_cell, cells)?,
        reader.degrees(reader.variable("grid_corner_lat")?, Some(lat), corners_per_cell, cells)?,
    );
    let shape = match file.variable("grid_dims").map(|dims| reader.indices(dims)).transpose()?.as_deref() {
        Some(&[Some(columns), Some(rows)]) if rows.checked_mul(columns) != Some(cells) => {
            let problem = format!("{columns} x {rows} is not the number of cells, {cells}");
            return Err(reader.wrong("grid_dims", problem));
        }
        Some(&[Some(columns), Some(rows)])
            if rows != columns && is_other_way_round(columns, rows, &centres_deg) =>
        {
            let problem = format!(
                "{columns} x {rows}, but the cells are stored as {rows} x {columns}: exchange the two, columns come first"
            );
            return Err(reader.wrong("grid_dims", problem));
        }
        // A list of cells, written as one row.
        Some(&[Some(columns), Some(rows)]) if rows > 1 && columns > 1 => Some((rows, columns)),
        _ => None,
    };
    let active = active(&reader, "grid_imask", &centres_deg)?;
    let names = (lon.name.clone(), lat.name.clone());
    Ok(CellFile { kind: reader.kind, names, shape, centres_deg, corners_deg, corners_per_cell, active })
}

/// True when rows are much nearer to each other with as many cells as there are said to be rows.
fn is_other_way_round(columns: usize, rows: usize, centres_deg: &[(f64, f64)]) -> bool {
    let apart = |by: usize| {
        let pairs = centres_deg.iter().zip(centres_deg.iter().skip(by));
        let (sum, count) = pairs
            .map(|(&a, &b)| Vector::from_degrees(a).minus(Vector::from_degrees(b)).length())
            .filter(|distance| distance.is_finite())
            .fold((0.0, 0), |(sum, count), distance| (sum + distance, count + 1));
        sum / f64::from(count)
    };
    rows > 1 && columns > 1 && apart(columns) > 4.0 * apart(rows)
}

/// Which cells a mask keeps, of those that have a place; all of them without it.
fn active(reader: &Reader, name: &str, centres_deg: &[(f64, f64)]) -> Result<Vec<bool>, Error> {
    let (placed, cells) = (placed(centres_deg), centres_deg.len());
    let Some(mask) = reader.file.variable(name) else { return Ok(placed) };
    let values = reader.numbers(mask)?;
    if values.len() != cells {
        return Err(reader.wrong(name, format!("it holds {} values for {cells} cells", values.len())));
    }
    let keeps = values.into_iter().map(|value| value != 0.0 && value.is_finite());
    Ok(keeps.zip(placed).map(|(keeps, placed)| keeps && placed).collect())
}

/// The supergrid of MOM: cell (j, i) has its centre at (2 j + 1, 2 i + 1) and its corners around it.
fn supergrid(file: &Dataset) -> Result<Option<CellFile>, Error> {
    let reader = Reader { file, kind: "a MOM supergrid" };
    let (Some(x), Some(y)) = (file.variable("x"), file.variable("y")) else { return Ok(None) };
    let dimensions = x.dimensions.iter().map(|name| name.to_lowercase()).collect::<Vec<_>>();
    let named =
        |v: &Variable, name: &str| v.attributes.text("standard_name").is_some_and(|text| text.trim() == name);
    let is_one = dimensions == ["nyp", "nxp"]
        || (named(x, "geographic_longitude") && named(y, "geographic_latitude") && dimensions.len() == 2);
    if !is_one || x.dimensions != y.dimensions {
        return Ok(None);
    }
    let (height, width) = (x.shape()[0], x.shape()[1]);
    if height.is_multiple_of(2) || width.is_multiple_of(2) || height < 3 || width < 3 {
        let problem = format!(
            "it has {height} rows by {width} columns; corners, edges and centres in turn are odd numbers of both"
        );
        return Err(reader.wrong("x", problem));
    }
    let points =
        pairs(reader.degrees(x, None, 1, height * width)?, reader.degrees(y, None, 1, height * width)?);
    let (rows, columns) = (height / 2, width / 2);
    let at = |j: usize, i: usize| points[j * width + i];
    let cells = || (0..rows * columns).map(|cell| (2 * (cell / columns), 2 * (cell % columns)));
    let centres_deg: Vec<_> = cells().map(|(j, i)| at(j + 1, i + 1)).collect();
    let around = |(j, i)| [at(j, i), at(j, i + 2), at(j + 2, i + 2), at(j + 2, i)];
    let active = placed(&centres_deg);
    Ok(Some(CellFile {
        kind: reader.kind,
        names: ("x".to_owned(), "y".to_owned()),
        shape: Some((rows, columns)),
        corners_deg: cells().flat_map(around).collect(),
        corners_per_cell: 4,
        centres_deg,
        active,
    }))
}

fn esmf(file: &Dataset) -> Result<CellFile, Error> {
    let reader = Reader { file, kind: "an ESMF unstructured mesh" };
    let two_columns = |name: &str| -> Result<Vec<(f64, f64)>, Error> {
        let variable = reader.variable(name)?;
        let (points, 2) =
            (variable.shape().first().copied().unwrap_or(0), *variable.shape().get(1).unwrap_or(&0))
        else {
            return Err(reader.wrong(name, "longitude and latitude of each point were expected"));
        };
        let values = reader.degrees(variable, None, 2, points)?;
        Ok(values.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
    };
    let nodes = two_columns("nodeCoords")?;
    let connections = reader.variable("elementConn")?;
    let start =
        connections.attributes.get("start_index").and_then(dataset::AttributeValue::as_f64).unwrap_or(1.0);
    let table = reader.numbers(connections)?.into_dimensionality::<Ix2>();
    let Ok(table) = table else {
        let problem = "a table of elements by nodes is read, no list of nodes: write the mesh with elements of up to so many nodes";
        return Err(reader.wrong("elementConn", problem));
    };
    let (cells, corners_per_cell) = table.dim();
    let counts = reader.indices(reader.variable("numElementConn")?)?;
    if corners_per_cell < 3 || counts.len() != cells {
        return Err(reader.wrong(
            "elementConn",
            format!("{cells} elements of up to {corners_per_cell} nodes do not fit the rest"),
        ));
    }
    let mut corners_deg = Vec::with_capacity(cells * corners_per_cell);
    for (element, (row, count)) in table.rows().into_iter().zip(counts).enumerate() {
        let count = count.filter(|count| (3..=corners_per_cell).contains(count)).ok_or_else(|| {
            reader.wrong(
                "numElementConn",
                format!("element {element} (counted from 0) has no 3 to {corners_per_cell} nodes"),
            )
        })?;
        for k in 0..corners_per_cell {
            let node = row[k.min(count - 1)] - start;
            let corner = (node >= 0.0).then(|| nodes.get(node as usize)).flatten().ok_or_else(|| {
                reader.wrong(
                    "elementConn",
                    format!("element {element} (counted from 0) has a node that is not in nodeCoords"),
                )
            })?;
            corners_deg.push(*corner);
        }
    }
    let centres_deg = match file.variable("centerCoords") {
        Some(_) => two_columns("centerCoords")?,
        None => corners_deg.chunks_exact(corners_per_cell).map(middle).collect(),
    };
    if centres_deg.len() != cells {
        return Err(
            reader.wrong("centerCoords", format!("{} centres for {cells} elements", centres_deg.len()))
        );
    }
    let active = active(&reader, "elementMask", &centres_deg)?;
    let names = ("centerCoords".to_owned(), "centerCoords".to_owned());
    Ok(CellFile { kind: reader.kind, names, shape: None, centres_deg, corners_deg, corners_per_cell, active })
}

/// The mean of the corners of a cell, the repeated last one counted once.
fn middle(corners: &[(f64, f64)]) -> (f64, f64) {
    let mut distinct = corners.to_vec();
    distinct.dedup();
    let zero = Vector { x: 0.0, y: 0.0, z: 0.0 };
    distinct.into_iter().map(Vector::from_degrees).fold(zero, Vector::plus).to_degrees()
}

#[cfg(test)]
mod tests {
    use dataset::Attributes;
    use ndarray::{Array1, Array2};

    use super::*;
    use crate::OceanGrid;

    fn add(file: &mut Dataset, name: &str, dimensions: &[&str], values: Vec<f64>, units: &str) {
        let shape: Vec<usize> = dimensions.iter().filter_map(|d| file.dimension(d)).map(|d| d.len).collect();
        let values = ArrayD::from_shape_vec(shape, values).unwrap();
        file.add_f64(name, dimensions, values, Attributes::new().with("units", units));
    }

    /// Four columns by three rows of cells of ten degrees from (0, 0), in `units`.
    fn scrip_file(units: &str, rank: usize) -> Dataset {
        let scale = if units == "radians" { 1.0_f64.to_radians() } else { 1.0 };
        let mut file = Dataset::new();
        file.add_dimension("grid_size", 12);
        file.add_dimension("grid_corners", 4);
        file.add_dimension("grid_rank", rank);
        let dims = if rank == 2 { vec![4.0, 3.0] } else { vec![12.0] };
        add(&mut file, "grid_dims", &["grid_rank"], dims, "1");
        let cells = || (0..12).map(|cell| (f64::from(cell % 4) * 10.0, f64::from(cell / 4) * 10.0));
        let each = |of: &dyn Fn((f64, f64)) -> f64| cells().map(|cell| scale * of(cell)).collect::<Vec<_>>();
        add(&mut file, "grid_center_lon", &["grid_size"], each(&|c| c.0 + 5.0), units);
        add(&mut file, "grid_center_lat", &["grid_size"], each(&|c| c.1 + 5.0), units);
        let corners = |of: &dyn Fn((f64, f64), (f64, f64)) -> f64| {
            let around = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 10.0)];
            cells().flat_map(|cell| around.map(|by| scale * of(cell, by))).collect::<Vec<_>>()
        };
        add(
            &mut file,
            "grid_corner_lon",
            &["grid_size", "grid_corners"],
            corners(&|c, by| c.0 + by.0),
            units,
        );
        add(
            &mut file,
            "grid_corner_lat",
            &["grid_size", "grid_corners"],
            corners(&|c, by| c.1 + by.1),
            units,
        );
        let mask = Array1::from_shape_fn(12, |cell| i32::from(cell != 7));
        file.add_i32("grid_imask", &["grid_size"], mask.into_dyn(), Attributes::new());
        file
    }

    #[test]
    fn a_scrip_file_is_read_in_degrees_and_in_radians() {
        for units in ["degrees", "radians"] {
            let cells = CellFile::read(&scrip_file(units, 2)).unwrap().unwrap();
            assert_eq!((cells.shape, cells.corners_per_cell), (Some((3, 4)), 4));
            let near = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).abs() < 1e-12 && (a.1 - b.1).abs() < 1e-12;
            assert!(near(cells.centres_deg[7], (35.0, 15.0)), "{:?}", cells.centres_deg[7]);
            assert!(near(cells.corners_deg[4 * 7 + 2], (40.0, 20.0)));
            assert_eq!(cells.active.iter().filter(|&&active| !active).count(), 1);
        }
    }

    #[test]
    fn the_corners_of_a_scrip_file_are_never_the_centres_of_a_grid() {
        let read = OceanGrid::from_dataset(&scrip_file("degrees", 2)).unwrap();
        assert_eq!(read.grid.shape(), (3, 4));
        assert_eq!(read.chosen.choice, crate::Choice::Cells { kind: "a SCRIP grid file" });
        let error = OceanGrid::from_dataset(&scrip_file("degrees", 1)).unwrap_err();
        assert!(matches!(error, Error::Unstructured { cells: 12, .. }), "{error}");
        let mut file = scrip_file("degrees", 2);
        file.variables.retain(|v| v.name != "grid_center_lat");
        let error = OceanGrid::from_dataset(&file).unwrap_err().to_string();
        assert!(error.contains("grid_center_lat") && error.contains("SCRIP"), "{error}");
    }

    #[test]
    fn corners_without_units_have_those_of_the_centres() {
        let mut file = scrip_file("radians", 2);
        for corner in file.variables.iter_mut().filter(|v| v.name.contains("corner")) {
            corner.attributes.remove("units");
        }
        let cells = CellFile::read(&file).unwrap().unwrap();
        let corner = cells.corners_deg[4 * 7 + 2];
        assert!((corner.0 - 40.0).abs() < 1e-12 && (corner.1 - 20.0).abs() < 1e-12, "{corner:?}");
    }

    #[test]
    fn dimensions_of_a_scrip_file_the_other_way_round_are_refused() {
        let file = |dims: [f64; 2]| {
            let mut file = Dataset::new();
            file.add_dimension("grid_size", 36 * 18);
            file.add_dimension("grid_corners", 4);
            file.add_dimension("grid_rank", 2);
            add(&mut file, "grid_dims", &["grid_rank"], dims.to_vec(), "1");
            let at = |part: fn(usize) -> f64| (0..36 * 18).map(part).collect::<Vec<_>>();
            let (lon, lat) = (at(|c| 10.0 * (c % 36) as f64), at(|c| 10.0 * (c / 36) as f64 - 85.0));
            add(&mut file, "grid_center_lon", &["grid_size"], lon, "degrees");
            add(&mut file, "grid_center_lat", &["grid_size"], lat, "degrees");
            for name in ["grid_corner_lon", "grid_corner_lat"] {
                add(&mut file, name, &["grid_size", "grid_corners"], vec![0.0; 4 * 36 * 18], "degrees");
            }
            file
        };
        assert_eq!(CellFile::read(&file([36.0, 18.0])).unwrap().unwrap().shape, Some((18, 36)));
        let error = CellFile::read(&file([18.0, 36.0])).unwrap_err().to_string();
        assert!(error.contains("18 x 36, but the cells are stored as 36 x 18"), "{error}");
    }

    #[test]
    fn cells_of_a_scrip_file_without_a_place_take_no_part() {
        let mut file = scrip_file("degrees", 2);
        for variable in file.variables.iter_mut().filter(|v| v.name.starts_with("grid_c")) {
            if let dataset::Values::F64(values) = &mut variable.values {
                values.index_axis_mut(ndarray::Axis(0), 3).fill(9.969_209_968_386_869e36);
            }
        }
        let cells = CellFile::read(&file).unwrap().unwrap();
        assert!(cells.centres_deg[3].0.is_nan() && !cells.active[3] && cells.active[4]);
        assert!(!OceanGrid::from_dataset(&file).unwrap().grid.has_place(0, 3));
    }

    /// Three rows of four cells of ten degrees, from (0, 0).
    fn supergrid_file(dimensions: [&str; 2]) -> Dataset {
        let mut file = Dataset::new();
        let point = |scale: fn(usize, usize) -> usize| {
            Array2::from_shape_fn((7, 9), |(j, i)| 5.0 * scale(j, i) as f64).into_dyn()
        };
        file.add_f64("x", &dimensions, point(|_, i| i), Attributes::new().with("units", "degree_east"));
        file.add_f64("y", &dimensions, point(|j, _| j), Attributes::new().with("units", "degree_north"));
        let angle = Attributes::new().with("units", "degrees_east");
        file.add_f64("angle_dx", &dimensions, ArrayD::zeros(vec![7, 9]), angle);
        file
    }

    #[test]
    fn the_supergrid_of_mom_has_a_centre_in_every_second_row_and_column() {
        let file = supergrid_file(["nyp", "nxp"]);
        let cells = CellFile::read(&file).unwrap().unwrap();
        assert_eq!((cells.shape, cells.corners_per_cell), (Some((3, 4)), 4));
        assert_eq!(cells.centres_deg[7], (35.0, 15.0));
        assert_eq!(cells.corners_deg[4 * 7..][..4], [(30.0, 10.0), (40.0, 10.0), (40.0, 20.0), (30.0, 20.0)]);
        let read = OceanGrid::from_dataset(&file).unwrap();
        assert_eq!((read.grid.shape(), read.grid.t().at(1, 3)), ((3, 4), (35.0, 15.0)));
        assert!(
            read.chosen.to_string().contains("x and y (the centres of a MOM supergrid)"),
            "{}",
            read.chosen
        );
        // Under other names the standard names say it, and nothing else does.
        let mut renamed = supergrid_file(["j", "i"]);
        assert!(CellFile::read(&renamed).unwrap().is_none());
        for (name, standard) in [("x", "geographic_longitude"), ("y", "geographic_latitude")] {
            let variable = renamed.variables.iter_mut().find(|v| v.name == name).unwrap();
            variable.attributes.set("standard_name", standard);
        }
        assert_eq!(CellFile::read(&renamed).unwrap().unwrap().shape, Some((3, 4)));
    }

    /// Two triangles and a third, along one dimension.
    fn listed(suffix: &str, bounds: bool) -> Dataset {
        let mut file = Dataset::new();
        for (name, units, shift) in [("lon", "radian", 0.0), ("lat", "radian", 10.0)] {
            let corners = format!("{suffix}{name}_vertices");
            let mut attributes = Attributes::new().with("units", units);
            if bounds {
                attributes = attributes.with("bounds", corners.as_str());
            }
            let centre = Array1::from_shape_fn(3, |cell| (shift + 10.0 * cell as f64).to_radians());
            file.add_f64(&format!("{suffix}{name}"), &["cell"], centre.into_dyn(), attributes);
            let around = Array2::from_shape_fn((3, 3), |(cell, k)| {
                (shift + 10.0 * cell as f64 + k as f64).to_radians()
            });
            file.add_f64(&corners, &["cell", "nv"], around.into_dyn(), Attributes::new());
        }
        file
    }

    #[test]
    fn a_list_of_cells_is_read_by_its_bounds_and_is_no_ocean_grid() {
        for name in ["c", "", "cell_"] {
            let file = listed(name, true);
            let cells = CellFile::read(&file).unwrap().unwrap();
            assert_eq!((cells.shape, cells.corners_per_cell, cells.centres_deg.len()), (None, 3, 3));
            let corner = cells.corners_deg[5];
            assert!((corner.0 - 12.0).abs() < 1e-12 && (corner.1 - 22.0).abs() < 1e-12, "{corner:?}");
            assert!(matches!(OceanGrid::from_dataset(&file), Err(Error::Unstructured { cells: 3, .. })));
        }
        let bare = listed("c", false);
        assert!(CellFile::read(&bare).unwrap().is_none());
        assert!(CellFile::bare_list(&bare).unwrap().to_string().contains("no bounds"));
        assert!(matches!(OceanGrid::from_dataset(&bare), Err(Error::Unstructured { cells: 3, .. })));
    }

    #[test]
    fn the_cells_of_an_esmf_mesh_are_read_with_their_own_number_of_nodes() {
        let mut file = Dataset::new();
        file.add_dimension("nodeCount", 5);
        file.add_dimension("coordDim", 2);
        let nodes = vec![0.0, 0.0, 10.0, 0.0, 10.0, 10.0, 0.0, 10.0, 20.0, 5.0];
        add(&mut file, "nodeCoords", &["nodeCount", "coordDim"], nodes, "degrees");
        let table = Array2::from_shape_vec((2, 4), vec![1, 2, 3, 4, 2, 5, 3, -1]).unwrap();
        file.add_i32(
            "elementConn",
            &["elementCount", "maxNodePElement"],
            table.into_dyn(),
            Attributes::new(),
        );
        let counts = Array1::from_vec(vec![4, 3]);
        file.add_i32("numElementConn", &["elementCount"], counts.into_dyn(), Attributes::new());
        let cells = CellFile::read(&file).unwrap().unwrap();
        assert_eq!((cells.shape, cells.corners_per_cell, cells.centres_deg.len()), (None, 4, 2));
        assert_eq!(cells.corners_deg[4..], [(10.0, 0.0), (20.0, 5.0), (10.0, 10.0), (10.0, 10.0)]);
        assert!(matches!(OceanGrid::from_dataset(&file), Err(Error::Unstructured { .. })));
        let counts = Array1::from_vec(vec![4, 4]);
        file.variables.retain(|v| v.name != "numElementConn");
        file.add_i32("numElementConn", &["elementCount"], counts.into_dyn(), Attributes::new());
        assert!(CellFile::read(&file).unwrap_err().to_string().contains("not in nodeCoords"));
    }
}
