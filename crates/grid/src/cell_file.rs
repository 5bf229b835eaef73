//! Files that describe the cells of a grid one by one: SCRIP grid files and ESMF unstructured meshes.
//!
//! * P. W. Jones (1998), A User's Guide for SCRIP, section 2.2.1: `grid_dims` (fastest first), `grid_center_lon/lat`,
//!   `grid_corner_lon/lat` over (`grid_size`, `grid_corners`), `grid_imask` (0 takes no part), degrees or radians.
//! * ESMF Reference Manual, "ESMF unstructured grid file format": `nodeCoords`, `elementConn` (nodes counted from `start_index`, 1
//!   by default), `numElementConn`, `centerCoords`, `elementMask`.

use dataset::axes::degrees_per_unit;
use dataset::{Dataset, Variable};
use ndarray::{ArrayD, Ix2};

use crate::error::Error;
use crate::sphere::Vector;

/// Names of the centres in a SCRIP file: longitude, latitude.
pub(crate) const SCRIP_CENTRES: (&str, &str) = ("grid_center_lon", "grid_center_lat");

/// Cells that a file describes one by one.
#[derive(Debug, Clone, PartialEq)]
pub struct CellFile {
    /// What the file is, in words.
    pub kind: &'static str,
    /// Rows and columns, where the grid has them.
    pub shape: Option<(usize, usize)>,
    /// (longitude, latitude) of the centres, degrees.
    pub centres_deg: Vec<(f64, f64)>,
    /// (longitude, latitude) of the corners, degrees, cell by cell; the last one of a cell is repeated where it has fewer than others.
    pub corners_deg: Vec<(f64, f64)>,
    /// Corners of each cell.
    pub corners_per_cell: usize,
    /// Which cells take part.
    pub active: Vec<bool>,
}

impl CellFile {
    /// The cells of a SCRIP grid file or an ESMF mesh; nothing when the file is neither.
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
        let is_ugrid =
            |v: &Variable| v.attributes.text("cf_role").is_some_and(|role| role.trim() == "mesh_topology");
        match file.variables.iter().find(|v| is_ugrid(v)) {
            Some(mesh) => Err(Error::CellFile {
                kind: "a UGRID mesh",
                name: mesh.name.clone(),
                problem: "such meshes are not read: convert the file to a SCRIP grid file or an ESMF mesh"
                    .to_owned(),
            }),
            None => Ok(None),
        }
    }
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

    /// Angles in degrees, the first dimension being the cells.
    fn degrees(&self, variable: &Variable, per_cell: usize, cells: usize) -> Result<Vec<f64>, Error> {
        let per_unit = degrees_per_unit(&variable.name, &variable.attributes)?;
        let values: Vec<f64> = self.numbers(variable)?.into_iter().map(|value| value * per_unit).collect();
        if values.len() != cells * per_cell {
            let expected = if per_cell == 1 { "a number" } else { "numbers for the corners" };
            let problem =
                format!("it holds {} values; {expected} of each of {cells} cells was expected", values.len());
            return Err(self.wrong(&variable.name, problem));
        }
        match values.iter().find(|value| value.is_nan() || value.abs() > 720.0) {
            Some(value) => {
                Err(self.wrong(&variable.name, format!("it holds {value}, which is no angle in degrees")))
            }
            None => Ok(values),
        }
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
    let pairs = |lon: Vec<f64>, lat: Vec<f64>| lon.into_iter().zip(lat).collect::<Vec<_>>();
    let centres_deg = pairs(reader.degrees(lon, 1, cells)?, reader.degrees(lat, 1, cells)?);
    let corners_deg = pairs(
        reader.degrees(corner_lon, corners_per_cell, cells)?,
        reader.degrees(reader.variable("grid_corner_lat")?, corners_per_cell, cells)?,
    );
    let shape = match file.variable("grid_dims").map(|dims| reader.indices(dims)).transpose()?.as_deref() {
        Some(&[Some(columns), Some(rows)]) if rows.checked_mul(columns) != Some(cells) => {
            let problem = format!("{columns} x {rows} is not the number of cells, {cells}");
            return Err(reader.wrong("grid_dims", problem));
        }
        // A list of cells, written as one row.
        Some(&[Some(columns), Some(rows)]) if rows > 1 && columns > 1 => Some((rows, columns)),
        _ => None,
    };
    let active = active(&reader, "grid_imask", cells)?;
    Ok(CellFile { kind: reader.kind, shape, centres_deg, corners_deg, corners_per_cell, active })
}

/// Which cells a mask keeps; all of them without it.
fn active(reader: &Reader, name: &str, cells: usize) -> Result<Vec<bool>, Error> {
    let Some(mask) = reader.file.variable(name) else { return Ok(vec![true; cells]) };
    let values = reader.numbers(mask)?;
    if values.len() != cells {
        return Err(reader.wrong(name, format!("it holds {} values for {cells} cells", values.len())));
    }
    Ok(values.into_iter().map(|value| value != 0.0 && value.is_finite()).collect())
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
        let values = reader.degrees(variable, 2, points)?;
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
    let active = active(&reader, "elementMask", cells)?;
    Ok(CellFile { kind: reader.kind, shape: None, centres_deg, corners_deg, corners_per_cell, active })
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
        assert_eq!(read.chosen.choice, crate::Choice::Scrip);
        let error = OceanGrid::from_dataset(&scrip_file("degrees", 1)).unwrap_err();
        assert!(matches!(error, Error::Unstructured { cells: 12, .. }), "{error}");
        let mut file = scrip_file("degrees", 2);
        file.variables.retain(|v| v.name != "grid_center_lat");
        let error = OceanGrid::from_dataset(&file).unwrap_err().to_string();
        assert!(error.contains("grid_center_lat") && error.contains("SCRIP"), "{error}");
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
