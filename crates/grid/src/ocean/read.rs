//! Finding the grid in a modeller's file.

use std::fmt;

use dataset::{Dataset, Variable};
use ndarray::{Array2, Axis, Ix1, Ix2};

use super::{Mesh, OceanGrid, Points, ScaleFactors, Staggered};
use crate::error::Error;
use crate::sphere::wrap_longitude;

/// Names of T points, in the order of preference: what the platform always read, then NEMO's explicit T points,
/// then the names of output files, then words in full.
const T_POINTS: [(&str, &str); 6] = [
    ("lon", "lat"),
    ("glamt", "gphit"),
    ("nav_lon", "nav_lat"),
    ("longitude", "latitude"),
    ("TLON", "TLAT"),
    ("geolon", "geolat"),
];

/// The most points that axes may span, as many as a regridded map may have: a small file can name billions.
const MOST_POINTS: usize = 1 << 26;

/// A grid that was read, and from what.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadGrid {
    /// The grid; it has a mesh when the file has all of it.
    pub grid: OceanGrid,
    /// The variables that were taken for the T points.
    pub chosen: Chosen,
    /// Why the grid has no mesh, if it has none.
    pub no_mesh_because: Option<String>,
}

/// The variables that were taken for the T points. Displays as a sentence for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Longitudes.
    pub lon: String,
    /// Latitudes.
    pub lat: String,
    /// Why these.
    pub choice: Choice,
    /// Other variables that could have been meant.
    pub others: Vec<String>,
}

/// Why two variables were taken for the coordinates of the T points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Their names are the customary ones for T points.
    Name,
    /// They are the only ones with `lon` and `lat` in their names.
    OnlyOnes,
    /// They are the axes of a regular grid.
    Axes,
}

impl fmt::Display for Chosen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.choice {
            Choice::Name => "customary names of the cell centres",
            Choice::OnlyOnes => "the only ones with lon and lat in their names",
            Choice::Axes => "the axes of a regular grid",
        };
        write!(f, "ocean grid read from {} and {} ({why})", self.lon, self.lat)?;
        if !self.others.is_empty() {
            write!(f, "; not taken: {}", self.others.join(", "))?;
        }
        Ok(())
    }
}

impl OceanGrid {
    /// The ocean grid in a modeller's file: T points, and the mesh when the file holds all of it.
    ///
    /// T points are taken from two-dimensional variables with the customary names (`lon`/`lat`, `glamt`/`gphit`,
    /// `nav_lon`/`nav_lat`, ...), else from the only variable with `lon` and the only one with `lat` in its name, else
    /// from the axes of a regular grid. Leading dimensions of length one (time, depth) are dropped. Longitudes
    /// are wrapped to -180..=180, those already there unchanged bit for bit.
    ///
    /// # Errors
    /// [`Error::NoCoordinates`] with the candidates when nothing fits, and what is wrong with the chosen pair
    /// otherwise.
    pub fn from_dataset(file: &Dataset) -> Result<ReadGrid, Error> {
        let candidates = |words: [&str; 2]| -> Vec<&Variable> {
            let named = |v: &&Variable| {
                let name = v.name.to_lowercase();
                v.values.is_numeric() && words.iter().any(|word| name.contains(word))
            };
            file.variables.iter().filter(named).collect()
        };
        let (longitudes, latitudes) = (candidates(["lon", "glam"]), candidates(["lat", "gphi"]));
        let (lon, lat, choice) =
            choose(file, &longitudes, &latitudes).ok_or_else(|| Error::NoCoordinates {
                longitudes: longitudes.iter().map(|v| describe(v)).collect(),
                latitudes: latitudes.iter().map(|v| describe(v)).collect(),
            })?;

        let t = points(lon, lat, choice)?;
        let mesh = read_mesh(file, t.lon_deg.dim());
        let others = longitudes
            .iter()
            .chain(&latitudes)
            .filter(|v| v.name != lon.name && v.name != lat.name && !stands_off_the_centres(&v.name))
            .map(|v| v.name.clone())
            .collect();
        let chosen = Chosen { lon: lon.name.clone(), lat: lat.name.clone(), choice, others };
        let (mesh, no_mesh_because) = match mesh {
            Ok(mesh) => (Some(mesh), None),
            Err(reason) => (None, Some(reason)),
        };
        Ok(ReadGrid { grid: Self::from_parts(t, mesh), chosen, no_mesh_because })
    }
}

fn choose<'a>(
    file: &'a Dataset,
    longitudes: &[&'a Variable],
    latitudes: &[&'a Variable],
) -> Option<(&'a Variable, &'a Variable, Choice)> {
    let customary = || {
        T_POINTS.iter().filter_map(|(lon, lat)| {
            let numeric = |name| file.variable(name).filter(|v| v.values.is_numeric());
            Some((numeric(lon)?, numeric(lat)?))
        })
    };
    let two_dimensional = |v: &Variable| squeezed_rank(v) == Some(2);
    if let Some((lon, lat)) = customary().find(|(lon, lat)| two_dimensional(lon) && two_dimensional(lat)) {
        return Some((lon, lat, Choice::Name));
    }
    let only = |list: &[&'a Variable]| {
        let mut flat = list.iter().copied().filter(|v| two_dimensional(v));
        flat.next().filter(|_| flat.next().is_none())
    };
    if let (Some(lon), Some(lat)) = (only(longitudes), only(latitudes)) {
        return Some((lon, lat, Choice::OnlyOnes));
    }
    let axis = |v: &Variable| v.dimensions.len() == 1;
    let axes =
        |(lon, lat): &(&Variable, &Variable)| axis(lon) && axis(lat) && lon.dimensions != lat.dimensions;
    if let Some((lon, lat)) = customary().find(axes) {
        return Some((lon, lat, Choice::Axes));
    }
    match (longitudes, latitudes) {
        ([lon], [lat]) if axes(&(lon, lat)) => Some((lon, lat, Choice::Axes)),
        _ => None,
    }
}

/// True for names that can only mean corners or U, V, F points: nobody takes them for the centres.
fn stands_off_the_centres(name: &str) -> bool {
    let name = name.to_lowercase();
    let nemo = ["glam", "gphi"]
        .iter()
        .any(|stem| name.strip_prefix(stem).is_some_and(|point| ["u", "v", "f"].contains(&point)));
    nemo || name.contains("bounds") || name.contains("bnds")
}

/// Number of dimensions without leading ones of length one, of which at least two are kept.
fn squeezed_rank(variable: &Variable) -> Option<usize> {
    let shape = variable.shape();
    let leading = shape.iter().take(shape.len().saturating_sub(2)).take_while(|&&len| len == 1).count();
    Some(shape.len() - leading).filter(|&rank| rank >= 2)
}

fn describe(variable: &Variable) -> String {
    format!("{}({})", variable.name, variable.dimensions.join(", "))
}

fn points(lon: &Variable, lat: &Variable, choice: Choice) -> Result<Points, Error> {
    let no_numbers =
        || Error::NoCoordinates { longitudes: vec![describe(lon)], latitudes: vec![describe(lat)] };
    let read = match choice {
        Choice::Name | Choice::OnlyOnes => {
            Points { lon_deg: flat(lon).ok_or_else(no_numbers)?, lat_deg: flat(lat).ok_or_else(no_numbers)? }
        }
        Choice::Axes => {
            let axis = |v: &Variable| v.decode()?.into_dimensionality::<Ix1>().ok();
            let (x, y) = (axis(lon).ok_or_else(no_numbers)?, axis(lat).ok_or_else(no_numbers)?);
            let shape = (y.len(), x.len());
            if shape.0.checked_mul(shape.1).is_none_or(|points| points > MOST_POINTS) {
                return Err(Error::TooLarge {
                    lon: lon.name.clone(),
                    lat: lat.name.clone(),
                    rows: shape.0,
                    columns: shape.1,
                    most: MOST_POINTS,
                });
            }
            Points {
                lon_deg: Array2::from_shape_fn(shape, |(_, i)| x[i]),
                lat_deg: Array2::from_shape_fn(shape, |(j, _)| y[j]),
            }
        }
    };
    read.check(&lon.name, &lat.name)?;
    Ok(Points { lon_deg: read.lon_deg.mapv_into(wrap_longitude), lat_deg: read.lat_deg })
}

/// The values as rows by columns, leading dimensions of length one dropped.
fn flat(variable: &Variable) -> Option<Array2<f64>> {
    let mut array = variable.decode()?;
    while array.ndim() > 2 && array.shape()[0] == 1 {
        array = array.index_axis_move(Axis(0), 0);
    }
    array.into_dimensionality::<Ix2>().ok()
}

/// The mesh, when the file has every part of it, of the shape of the T points, with coordinates that are
/// coordinates and sizes above zero; else what is wrong with it.
fn read_mesh(file: &Dataset, shape: (usize, usize)) -> Result<Mesh, String> {
    let array = |name: &str| {
        let variable = file.variable(name).ok_or_else(|| format!("the file has no {name}"))?;
        flat(variable).filter(|a| a.dim() == shape).ok_or_else(|| {
            format!("{} is not of the shape of the T points, {} by {}", describe(variable), shape.0, shape.1)
        })
    };
    let size = |name: String| {
        let sizes = array(&name)?;
        match sizes.indexed_iter().find(|(_, e)| !(**e > 0.0 && e.is_finite())) {
            Some(((j, i), e)) => {
                Err(format!("{name} is {e} at row {j}, column {i}: a size must be above zero"))
            }
            None => Ok(sizes),
        }
    };
    let scale = |point: char| {
        Ok::<_, String>(ScaleFactors { e1_m: size(format!("e1{point}"))?, e2_m: size(format!("e2{point}"))? })
    };
    let staggered = |point: char| {
        let (lon, lat) = (format!("glam{point}"), format!("gphi{point}"));
        let mut points = Points { lon_deg: array(&lon)?, lat_deg: array(&lat)? };
        points.check(&lon, &lat).map_err(|error| error.to_string())?;
        points.lon_deg.mapv_inplace(wrap_longitude);
        Ok::<_, String>(Staggered { points, scale: scale(point)? })
    };
    Ok(Mesh { t_scale: scale('t')?, u: staggered('u')?, v: staggered('v')?, f: staggered('f')? })
}

#[cfg(test)]
mod tests {
    use dataset::{Attributes, Values};
    use ndarray::{Array3, ArrayD};

    use super::*;

    fn with(variables: &[(&str, &[&str], ArrayD<f64>)]) -> Dataset {
        let mut file = Dataset::new();
        for (name, dimensions, values) in variables {
            file.add_f64(name, dimensions, values.clone(), Attributes::new());
        }
        file
    }

    fn ramp(scale: f64, offset: f64) -> ArrayD<f64> {
        Array2::from_shape_fn((3, 4), |(j, i)| offset + scale * (i as f64 + 0.1 * j as f64)).into_dyn()
    }

    const YX: &[&str] = &["y", "x"];

    #[test]
    fn lon_and_lat_need_no_coordinates_attribute() {
        let read = OceanGrid::from_dataset(&with(&[
            ("bounds_lon", YX, ramp(1.0, 50.0)),
            ("nav_lon", YX, ramp(1.0, 50.0)),
            ("lat", YX, ramp(2.0, -10.0)),
            ("lon", YX, ramp(10.0, 0.0)),
        ]))
        .unwrap();
        assert_eq!((read.chosen.lon.as_str(), read.chosen.lat.as_str()), ("lon", "lat"));
        assert_eq!(read.chosen.choice, Choice::Name);
        assert_eq!(read.chosen.others, ["nav_lon"]);
        assert_eq!(read.grid.shape(), (3, 4));
        assert!(read.grid.mesh().is_none());
        assert!(read.chosen.to_string().contains("lon and lat"));
    }

    #[test]
    fn q15_longitudes_of_0_to_360_are_wrapped_and_others_kept_bit_for_bit() {
        let read =
            OceanGrid::from_dataset(&with(&[("lat", YX, ramp(2.0, -10.0)), ("lon", YX, ramp(100.0, 0.1))]))
                .unwrap();
        let lon = &read.grid.t().lon_deg;
        assert_eq!(lon[[0, 1]].to_bits(), 100.1_f64.to_bits());
        assert!((lon[[0, 2]] - (200.1 - 360.0)).abs() < 1e-12);
        assert!(lon.iter().all(|l| (-180.0..=180.0).contains(l)));
    }

    #[test]
    fn a_full_coordinates_file_gives_its_t_points_and_its_mesh() {
        let grid = crate::orca::grid(&crate::orca::Parameters::for_size(62, 51)).unwrap();
        let read = OceanGrid::from_dataset(&grid.to_dataset()).unwrap();
        assert_eq!((read.chosen.lon.as_str(), read.chosen.lat.as_str()), ("glamt", "gphit"));
        assert_eq!(read.grid, grid, "read after write is identity");
    }

    #[test]
    fn half_a_mesh_is_no_mesh() {
        let grid = crate::orca::grid(&crate::orca::Parameters::for_size(62, 51)).unwrap();
        for spoiled in ["e1v", "gphif", "glamu", "e2t"] {
            let mut file = grid.to_dataset();
            file.variables.retain(|v| v.name != spoiled);
            let read = OceanGrid::from_dataset(&file).unwrap();
            assert!(read.grid.mesh().is_none(), "without {spoiled}");
            assert_eq!(read.no_mesh_because, Some(format!("the file has no {spoiled}")));
            assert_eq!(read.grid.t(), grid.t());
        }
    }

    #[test]
    fn leading_dimensions_of_length_one_are_dropped() {
        let t = |a: ArrayD<f64>| a.insert_axis(Axis(0)).insert_axis(Axis(0));
        let dimensions: &[&str] = &["time", "z", "y", "x"];
        let read = OceanGrid::from_dataset(&with(&[
            ("glamt", dimensions, t(ramp(10.0, 0.0))),
            ("gphit", dimensions, t(ramp(2.0, 0.0))),
        ]))
        .unwrap();
        assert_eq!(read.grid.shape(), (3, 4));
    }

    #[test]
    fn the_only_candidates_are_taken_and_two_are_an_error_that_lists_them() {
        let mut file = with(&[("Lon_centre", YX, ramp(10.0, 0.0)), ("Lat_centre", YX, ramp(2.0, 0.0))]);
        assert_eq!(OceanGrid::from_dataset(&file).unwrap().chosen.choice, Choice::OnlyOnes);
        file.add_f64("lon_corner", YX, ramp(1.0, 0.0), Attributes::new());
        let error = OceanGrid::from_dataset(&file).unwrap_err().to_string();
        assert!(error.contains("Lon_centre(y, x), lon_corner(y, x)"), "{error}");
        assert!(error.contains("Lat_centre(y, x)"), "{error}");
    }

    #[test]
    fn axes_make_a_regular_grid() {
        let x = ArrayD::from_shape_vec(vec![3], vec![0.0, 120.0, 240.0]).unwrap();
        let y = ArrayD::from_shape_vec(vec![2], vec![-45.0, 45.0]).unwrap();
        let read = OceanGrid::from_dataset(&with(&[("lat", &["lat"], y), ("lon", &["lon"], x)])).unwrap();
        assert_eq!(read.chosen.choice, Choice::Axes);
        assert_eq!(read.grid.t().at(1, 2), (-120.0, 45.0));
    }

    #[test]
    fn axes_of_a_small_file_make_no_huge_grid() {
        let axis = || ArrayD::zeros(vec![65_536]);
        let file = with(&[("lat", &["lat"], axis()), ("lon", &["lon"], axis())]);
        let error = OceanGrid::from_dataset(&file).unwrap_err();
        assert!(matches!(error, Error::TooLarge { rows: 65_536, .. }), "{error}");
        assert!(error.to_string().contains("coarser"), "{error}");
    }

    #[test]
    fn what_is_no_grid_is_an_error_and_no_panic() {
        let mut nan = ramp(10.0, 0.0);
        nan[[1, 2]] = f64::NAN;
        let bad = |lon: ArrayD<f64>, lat: ArrayD<f64>, dimensions: &[&str]| {
            let mut file = Dataset::new();
            for (name, values) in [("lon", lon), ("lat", lat)] {
                file.variables.push(Variable::new(name, dimensions, Values::F64(values), Attributes::new()));
            }
            OceanGrid::from_dataset(&file).unwrap_err()
        };
        assert!(matches!(bad(nan, ramp(2.0, 0.0), YX), Error::BadCoordinate { row: 1, column: 2, .. }));
        assert!(matches!(bad(ramp(1.0, 0.0), ramp(100.0, 0.0), YX), Error::BadCoordinate { .. }));
        let narrow = Array2::zeros((3, 3)).into_dyn();
        assert!(matches!(bad(ramp(1.0, 0.0), narrow, YX), Error::ShapesDiffer { .. }));
        let none = Array2::zeros((0, 4)).into_dyn();
        assert!(matches!(bad(none.clone(), none, YX), Error::Empty { .. }));
        let deep = Array3::zeros((2, 3, 4)).into_dyn();
        assert!(matches!(bad(deep.clone(), deep, &["t", "y", "x"]), Error::NoCoordinates { .. }));
        assert!(matches!(OceanGrid::from_dataset(&Dataset::new()), Err(Error::NoCoordinates { .. })));
    }
}
