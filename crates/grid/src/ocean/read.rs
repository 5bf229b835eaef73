//! Finding the grid in a modeller's file.

use std::fmt;
use std::str::FromStr;

use dataset::axes::{degrees_per_unit, refuse_unsaid_radians};
use dataset::cf::{self, CoordinatesError, Role};
use dataset::{Dataset, Variable};
use ndarray::{Array2, ArrayD, Axis, Ix1, Ix2};

use super::{Fold, Layout, Mesh, OceanGrid, Points, ScaleFactors, Staggered, absent};
use crate::cell_file::{self, CellFile};
use crate::error::Error;
use crate::sphere::wrap_longitude;

/// Names of T points, in the order of preference: what the platform always read, then NEMO's explicit T points,
/// then the names of output files, then words in full, then those of other models (POP and CICE, MOM, HYCOM, ROMS, MITgcm).
const T_POINTS: [(&str, &str); 15] = [
    ("lon", "lat"),
    ("glamt", "gphit"),
    ("nav_lon", "nav_lat"),
    ("nav_lon_grid_t", "nav_lat_grid_t"),
    ("longitude", "latitude"),
    ("tlon", "tlat"),
    ("tlong", "tlat"),
    ("geolon_t", "geolat_t"),
    ("geolon", "geolat"),
    ("x_t", "y_t"),
    ("plon", "plat"),
    ("lon_rho", "lat_rho"),
    ("lont", "latt"),
    ("lon_t", "lat_t"),
    ("xc", "yc"),
];

/// Names of corners and edges without `lon` and `lat` in them: of MITgcm, and of the grid specifications of MOM.
const OFF_THE_CENTRES: [&str; 14] =
    ["xg", "yg", "xu", "yu", "xv", "yv", "x_c", "y_c", "x_e", "y_e", "x_n", "y_n", "x_q", "y_q"];

/// Names of the first dimension of arrays stored as (x, y), and of the second.
const X_AND_Y: [(&str, &str); 8] = [
    ("x", "y"),
    ("lon", "lat"),
    ("longitude", "latitude"),
    ("nlon", "nlat"),
    ("i", "j"),
    ("ni", "nj"),
    ("xh", "yh"),
    ("xt_ocean", "yt_ocean"),
];

/// The most points that axes may span, as many as a regridded map may have: a small file can name billions.
const MAX_POINTS: usize = 1 << 26;

/// What longitudes and latitudes along one dimension are.
const LIST: &str = "a list";

/// A grid that was read, and from what.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadGrid {
    /// The grid; it has a mesh when the file has all of it.
    pub grid: OceanGrid,
    /// The variables that were taken for the T points.
    pub chosen: CoordinateChoice,
    /// Whether the file stores its arrays as columns by rows (x, y); the grid is rows by columns all the same.
    pub transposed: bool,
    /// Why the grid has no mesh, if it has none.
    pub no_mesh_because: Option<String>,
}

/// The variables that were taken for the T points. Displays as a sentence for the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoordinateChoice {
    /// Longitudes.
    pub lon: String,
    /// Latitudes.
    pub lat: String,
    /// Why these.
    pub choice: Choice,
    /// Other variables that could have been meant.
    pub others: Vec<String>,
}

/// The names of a longitude and a latitude, as the user gives them: `LON,LAT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoordinateNames {
    /// Name of the longitude.
    pub lon: String,
    /// Name of the latitude.
    pub lat: String,
}

impl fmt::Display for CoordinateNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.lon, self.lat)
    }
}

impl FromStr for CoordinateNames {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(',').map(|(lon, lat)| (lon.trim(), lat.trim())) {
            Some((lon, lat)) if !lon.is_empty() && !lat.is_empty() => {
                Ok(Self { lon: lon.to_owned(), lat: lat.to_owned() })
            }
            _ => Err("two names are needed: LON,LAT".to_owned()),
        }
    }
}

/// Why two variables were taken for the coordinates of the T points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The user named them.
    Named,
    /// The `coordinates` attribute of another variable names them.
    Attribute,
    /// Their names are the customary ones for T points.
    Name,
    /// They are the only ones with `lon` and `lat` in their names.
    OnlyOnes,
    /// They are the axes of a regular grid.
    Axes,
    /// They are the centres in a file that describes cells one by one.
    Cells {
        /// What the file is.
        kind: &'static str,
    },
}

impl fmt::Display for CoordinateChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.choice {
            Choice::Named => "as named",
            Choice::Attribute => "named by a coordinates attribute",
            Choice::Name => "customary names of the cell centres",
            Choice::OnlyOnes => "the only ones with lon and lat in their names",
            Choice::Axes => "the axes of a regular grid",
            Choice::Cells { kind } => {
                let (lon, lat) = (&self.lon, &self.lat);
                return write!(f, "ocean grid read from {lon} and {lat} (the centres of {kind})");
            }
        };
        write!(f, "ocean grid read from {} and {} ({why})", self.lon, self.lat)?;
        if !self.others.is_empty() {
            write!(f, "; not taken: {}", self.others.join(", "))?;
        }
        Ok(())
    }
}

impl ReadGrid {
    /// What the user should know of how the grid was read: sentences, the first of them [`CoordinateChoice`].
    pub fn notes(&self) -> Vec<String> {
        let mut notes = vec![self.chosen.to_string()];
        if self.transposed {
            notes.push(
                "its arrays are stored as columns by rows (x, y); they are read as rows by columns"
                    .to_owned(),
            );
        }
        notes
    }
}

impl OceanGrid {
    /// The ocean grid in a modeller's file: T points, and the mesh when the file holds all of it.
    ///
    /// T points are taken from the two-dimensional variables that a `coordinates` attribute names, else from those with the customary names
    /// (`lon`/`lat`, `glamt`/`gphit`, `nav_lon`/`nav_lat`, ...), else from the only variable with `lon` and the only one
    /// with `lat` in its name, else from the axes of a regular grid. What stands off the centres by its name (corners, bounds, U, V
    /// and F points) is never taken. SCRIP grid files with rows and columns and MOM supergrids are read as that. Leading dimensions of length one (time, depth) are
    /// dropped, arrays stored as (x, y) exchanged, radians converted. Longitudes are wrapped to -180..=180, those already there unchanged bit for bit.
    ///
    /// # Errors
    /// [`Error::NoCoordinates`] with the candidates when nothing fits, [`Error::Unstructured`] for meshes without rows and
    /// columns, and what is wrong with the chosen pair otherwise.
    pub fn from_dataset(file: &Dataset) -> Result<ReadGrid, Error> {
        if let Some(cells) = CellFile::read(file)? {
            return of_cells(cells);
        }
        let (longitudes, latitudes) = (candidates(file, Coordinate::Lon), candidates(file, Coordinate::Lat));
        let mut refused = None;
        for (lon, lat, choice) in choices(file, &longitudes, &latitudes) {
            let others = longitudes
                .iter()
                .chain(&latitudes)
                .filter(|v| v.name != lon.name && v.name != lat.name && !stands_off_the_centres(&v.name))
                .map(|v| v.name.clone())
                .collect();
            match of_variables(file, lon, lat, choice, others) {
                // Some files have empty nav_lon and nav_lat beside the true positions.
                Err(error @ Error::NoPlaces { .. }) => refused = refused.or(Some(error)),
                read => return read,
            }
        }
        if let Some(error) = refused {
            return Err(error);
        }
        if let Some((lon, _)) = cell_file::lists(file).first() {
            return Err(Error::Unstructured { kind: LIST, cells: lon.values.shape().iter().product() });
        }
        Err(Error::NoCoordinates {
            longitudes: longitudes.iter().map(|v| describe(v)).collect(),
            latitudes: latitudes.iter().map(|v| describe(v)).collect(),
        })
    }

    /// The grid in a file, by the names of longitude and latitude where the user gives them, found without.
    ///
    /// # Errors
    /// As [`from_named`](Self::from_named) and [`from_dataset`](Self::from_dataset).
    pub fn find(file: &Dataset, named: Option<&CoordinateNames>) -> Result<ReadGrid, Error> {
        match named {
            Some(names) => Self::from_named(file, &names.lon, &names.lat),
            None => Self::from_dataset(file),
        }
    }

    /// The ocean grid in a file whose longitudes and latitudes of T points the user names.
    ///
    /// # Errors
    /// [`Error::NoVariable`], and what is wrong with the pair.
    pub fn from_named(file: &Dataset, lon: &str, lat: &str) -> Result<ReadGrid, Error> {
        let numeric = |name: &str| {
            file.variable(name).filter(|v| v.values.is_numeric()).ok_or_else(|| Error::NoVariable {
                name: name.to_owned(),
                known: file.variables.iter().map(|v| v.name.clone()).collect(),
            })
        };
        let (lon, lat) = (numeric(lon)?, numeric(lat)?);
        let of = |coordinate: Coordinate| candidates(file, coordinate);
        let (longitudes, latitudes) = (of(Coordinate::Lon), of(Coordinate::Lat));
        let among = |list: &[&Variable], v: &Variable| list.iter().any(|other| other.name == v.name);
        let is_lat = among(&latitudes, lon) && !among(&longitudes, lon);
        let is_lon = among(&longitudes, lat) && !among(&latitudes, lat);
        let names = || (lon.name.clone(), lat.name.clone());
        match (is_lat, is_lon) {
            (true, true) => {
                let (lon, lat) = names();
                Err(CoordinatesError::Exchanged { lon, lat }.into())
            }
            (true, false) => {
                Err(CoordinatesError::OtherRole { name: names().0, found: Role::Latitude }.into())
            }
            (false, true) => {
                Err(CoordinatesError::OtherRole { name: names().1, found: Role::Longitude }.into())
            }
            (false, false) => of_variables(file, lon, lat, Choice::Named, Vec::new()),
        }
    }
}

/// The grid of T points in two variables, and of the mesh beside them.
fn of_variables(
    file: &Dataset,
    lon: &Variable,
    lat: &Variable,
    choice: Choice,
    others: Vec<String>,
) -> Result<ReadGrid, Error> {
    let mut t = points(lon, lat)?;
    t.check_shape(&lon.name, &lat.name)?;
    let [lons, lats] = [&t.lon_deg, &t.lat_deg].map(|degrees| degrees.as_slice().unwrap_or_default());
    refuse_unsaid_radians((&lon.name, &lon.attributes, lons), (&lat.name, &lat.attributes, lats))?;
    let transposed = lon.dimensions.len() > 1 && is_transposed(lon, &t);
    if transposed {
        t = t.rearranged(true, false);
    }
    let mut t = t.placed(&lon.name, &lat.name)?;
    t.lon_deg.mapv_inplace(wrap_longitude);
    let chosen = CoordinateChoice { lon: lon.name.clone(), lat: lat.name.clone(), choice, others };
    let mesh = if stands_off_the_centres(&lon.name) {
        Err(format!("{} and {} are not the centres of the cells", lon.name, lat.name))
    } else {
        read_mesh(file, &t, transposed)
    };
    let (mesh, no_mesh_because) = match mesh {
        Ok(mesh) => (Some(mesh), None),
        Err(reason) => (None, Some(reason)),
    };
    Ok(ReadGrid { grid: OceanGrid::from_parts(t, mesh), chosen, transposed, no_mesh_because })
}

/// The grid of a file that describes cells one by one.
fn of_cells(cells: CellFile) -> Result<ReadGrid, Error> {
    let Some((rows, columns)) = cells.shape else {
        return Err(Error::Unstructured { kind: cells.kind, cells: cells.centres_deg.len() });
    };
    let array = |part: fn(&(f64, f64)) -> f64| {
        Array2::from_shape_vec((rows, columns), cells.centres_deg.iter().map(part).collect())
    };
    let (lon, lat) = cells.names;
    let (Ok(lon_deg), Ok(lat_deg)) = (array(|c| c.0), array(|c| c.1)) else {
        return Err(Error::Empty { lon, lat });
    };
    let mut t = Points { lon_deg, lat_deg }.placed(&lon, &lat)?;
    t.lon_deg.mapv_inplace(wrap_longitude);
    let chosen =
        CoordinateChoice { lon, lat, choice: Choice::Cells { kind: cells.kind }, others: Vec::new() };
    let no_mesh_because = Some(format!("{} holds centres and corners only", cells.kind));
    Ok(ReadGrid { grid: OceanGrid::from_parts(t, None), chosen, transposed: false, no_mesh_because })
}

/// Longitude or latitude.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coordinate {
    Lon,
    Lat,
}

/// The numeric variables that may be this coordinate by their name or their attributes; cell bounds are none.
pub(crate) fn candidates(file: &Dataset, coordinate: Coordinate) -> Vec<&Variable> {
    let (words, standard_name, direction) = match coordinate {
        Coordinate::Lon => (["lon", "glam"], "longitude", "east"),
        Coordinate::Lat => (["lat", "gphi"], "latitude", "north"),
    };
    let bounds: Vec<&str> = file.variables.iter().filter_map(|v| v.attributes.text("bounds")).collect();
    let is = |v: &&Variable| {
        let name = v.name.to_lowercase();
        let attribute = |key: &str| v.attributes.text(key).map(|text| text.trim().to_lowercase());
        let by_attributes = attribute("standard_name").is_some_and(|text| text == standard_name)
            || attribute("units").is_some_and(|text| text.starts_with("degree") && text.ends_with(direction));
        let named = words.iter().any(|word| name.contains(word));
        v.values.is_numeric() && (named || by_attributes) && !bounds.contains(&v.name.as_str())
    };
    file.variables.iter().filter(is).collect()
}

/// The pairs that may be the T points, the likeliest first; none where two are as likely.
fn choices<'a>(
    file: &'a Dataset,
    longitudes: &[&'a Variable],
    latitudes: &[&'a Variable],
) -> Vec<(&'a Variable, &'a Variable, Choice)> {
    let two_dimensional = |v: &Variable| squeezed_rank(v) == Some(2);
    let planes = |(lon, lat): &(&Variable, &Variable)| two_dimensional(lon) && two_dimensional(lat);
    let numeric = |name: &str| {
        let found =
            file.variable(name).or_else(|| file.variables.iter().find(|v| v.name.eq_ignore_ascii_case(name)));
        found.filter(|v| v.values.is_numeric())
    };
    let customary = || T_POINTS.iter().filter_map(|(lon, lat)| Some((numeric(lon)?, numeric(lat)?)));
    let mut named = by_attributes(file, longitudes, latitudes);
    named.retain(planes);
    let mut found: Vec<_> = match named[..] {
        [(lon, lat)] => vec![(lon, lat, Choice::Attribute)],
        _ => Vec::new(),
    };
    found.extend(customary().filter(planes).map(|(lon, lat)| (lon, lat, Choice::Name)));
    if !found.is_empty() {
        return found;
    }
    let only = |list: &[&'a Variable]| {
        let centre = |v: &&Variable| two_dimensional(v) && !stands_off_the_centres(&v.name);
        let mut flat = list.iter().copied().filter(centre);
        flat.next().filter(|_| flat.next().is_none())
    };
    if let (Some(lon), Some(lat)) = (only(longitudes), only(latitudes)) {
        return vec![(lon, lat, Choice::OnlyOnes)];
    }
    let axis = |v: &Variable| v.dimensions.len() == 1;
    let axes =
        |(lon, lat): &(&Variable, &Variable)| axis(lon) && axis(lat) && lon.dimensions != lat.dimensions;
    let alone = || match (longitudes, latitudes) {
        ([lon], [lat]) if axes(&(lon, lat)) => Some((*lon, *lat)),
        _ => None,
    };
    customary().find(axes).or_else(alone).map(|(lon, lat)| (lon, lat, Choice::Axes)).into_iter().collect()
}

/// The pairs that the `coordinates` attributes of variables name, each once, without those that stand off the centres.
fn by_attributes<'a>(
    file: &'a Dataset,
    longitudes: &[&'a Variable],
    latitudes: &[&'a Variable],
) -> Vec<(&'a Variable, &'a Variable)> {
    let mut pairs: Vec<(&Variable, &Variable)> = Vec::new();
    for text in file.variables.iter().filter_map(|v| v.attributes.text("coordinates")) {
        let among = |list: &[&'a Variable]| {
            let centres = list.iter().copied().filter(|v| !stands_off_the_centres(&v.name));
            centres.into_iter().find(|v| cf::names_in(text).any(|name| name == v.name))
        };
        if let (Some(lon), Some(lat)) = (among(longitudes), among(latitudes))
            && !pairs.iter().any(|pair| pair.0.name == lon.name && pair.1.name == lat.name)
        {
            pairs.push((lon, lat));
        }
    }
    pairs
}

/// True for names that can only mean corners or U, V, F points: nobody takes them for the centres.
fn stands_off_the_centres(name: &str) -> bool {
    let name = name.to_lowercase();
    let of_stem = |stem: &str| {
        let before = |point: &str| name.strip_prefix(point).is_some_and(|rest| rest.starts_with(stem));
        let after = |point: &str| {
            name.strip_suffix(point).is_some_and(|rest| rest.ends_with(stem) || rest.ends_with('_'))
        };
        ["u", "v", "q"].into_iter().any(before)
            || (name.contains(stem) && ["u", "v", "f", "q", "c", "b", "psi"].into_iter().any(after))
    };
    ["lon", "lat", "glam", "gphi"].into_iter().any(of_stem)
        || ["bounds", "bnds", "corner", "vert"].iter().any(|word| name.contains(word))
        || OFF_THE_CENTRES.contains(&name.as_str())
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

/// The points of two variables, as the file stores them, in degrees.
fn points(lon: &Variable, lat: &Variable) -> Result<Points, Error> {
    let plane = |v: &Variable| flat(degrees(v)?).ok_or_else(|| no_numbers(v));
    if squeezed_rank(lon) == Some(2) && squeezed_rank(lat) == Some(2) {
        let (lon_deg, mut lat_deg) = (plane(lon)?, plane(lat)?);
        let (of_lon, of_lat) =
            (&lon.dimensions[lon.dimensions.len() - 2..], &lat.dimensions[lat.dimensions.len() - 2..]);
        if of_lon != of_lat && of_lon[0] == of_lat[1] && of_lon[1] == of_lat[0] {
            lat_deg = lat_deg.reversed_axes().as_standard_layout().into_owned();
        }
        return Ok(Points { lon_deg, lat_deg });
    }
    if lon.dimensions == lat.dimensions && lon.dimensions.len() == 1 {
        return Err(Error::Unstructured { kind: LIST, cells: lon.values.shape().iter().product() });
    }
    let axis = |v: &Variable| degrees(v)?.into_dimensionality::<Ix1>().map_err(|_| no_numbers(v));
    let (x, y) = (axis(lon)?, axis(lat)?);
    let shape = (y.len(), x.len());
    if shape.0.checked_mul(shape.1).is_none_or(|points| points > MAX_POINTS) {
        return Err(Error::TooLarge {
            lon: lon.name.clone(),
            lat: lat.name.clone(),
            rows: shape.0,
            columns: shape.1,
            most: MAX_POINTS,
        });
    }
    Ok(Points {
        lon_deg: Array2::from_shape_fn(shape, |(_, i)| x[i]),
        lat_deg: Array2::from_shape_fn(shape, |(j, _)| y[j]),
    })
}

/// True when a file stores columns by rows: because the cells repeat and meet around the globe and across the north only when the
/// arrays are exchanged, or, where that makes no difference, by the names of the dimensions.
fn is_transposed(lon: &Variable, stored: &Points) -> bool {
    let mut points = stored.clone();
    points.remove(&absent::absent(&points));
    let layout = Layout::find(&points);
    if layout.topology.periodic || layout.topology.fold != Fold::None {
        return layout.transposed;
    }
    let [.., first, second] = lon.dimensions.as_slice() else { return false };
    let (first, second) = (first.to_lowercase(), second.to_lowercase());
    X_AND_Y.iter().any(|&(x, y)| (x, y) == (first.as_str(), second.as_str()))
}

/// The numbers of a coordinate in degrees, missing ones NaN.
fn degrees(variable: &Variable) -> Result<ArrayD<f64>, Error> {
    let per_unit = degrees_per_unit(&variable.name, &variable.attributes)?;
    let values = variable.decode().ok_or_else(|| no_numbers(variable))?;
    Ok(if per_unit == 1.0 { values } else { values.mapv_into(|value| value * per_unit) })
}

fn no_numbers(variable: &Variable) -> Error {
    Error::NoCoordinates { longitudes: vec![describe(variable)], latitudes: Vec::new() }
}

/// Values as rows by columns, leading dimensions of length one dropped.
fn flat(mut array: ArrayD<f64>) -> Option<Array2<f64>> {
    while array.ndim() > 2 && array.shape()[0] == 1 {
        array = array.index_axis_move(Axis(0), 0);
    }
    array.into_dimensionality::<Ix2>().ok()
}

/// The mesh, when the file has every part of it, of the shape of the T points, with coordinates that are
/// coordinates and sizes above zero wherever the T points have a place; else what is wrong with it.
fn read_mesh(file: &Dataset, t: &Points, transposed: bool) -> Result<Mesh, String> {
    let shape = t.lon_deg.dim();
    let array = |name: &str| {
        let variable = file.variable(name).ok_or_else(|| format!("the file has no {name}"))?;
        let values = if name.starts_with('e') { variable.decode() } else { degrees(variable).ok() };
        let array = values.and_then(flat).map(|array| if transposed { array.reversed_axes() } else { array });
        array.filter(|a| a.dim() == shape).map(|a| a.as_standard_layout().into_owned()).ok_or_else(|| {
            format!("{} is not of the shape of the T points, {} by {}", describe(variable), shape.0, shape.1)
        })
    };
    let size = |name: String| {
        let sizes = array(&name)?;
        let wrong = |at: (usize, usize), e: f64| !(e > 0.0 && e.is_finite()) && t.lon_deg[at].is_finite();
        match sizes.indexed_iter().find(|(at, e)| wrong(*at, **e)) {
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
        let points = Points { lon_deg: array(&lon)?, lat_deg: array(&lat)? };
        let mut points = points.placed(&lon, &lat).map_err(|error| error.to_string())?;
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
        assert_eq!(
            OceanGrid::from_dataset(&file).unwrap().chosen.lon,
            "Lon_centre",
            "corners are no centres"
        );
        file.add_f64("lon_other", YX, ramp(1.0, 0.0), Attributes::new());
        let error = OceanGrid::from_dataset(&file).unwrap_err().to_string();
        assert!(error.contains("Lon_centre(y, x), lon_corner(y, x), lon_other(y, x)"), "{error}");
        assert!(error.contains("Lat_centre(y, x)"), "{error}");
    }

    #[test]
    fn corners_and_edges_alone_are_no_grid() {
        for (lon, lat) in [
            ("XG", "YG"),
            ("x_C", "y_C"),
            ("geolon_c", "geolat_c"),
            ("geolonb", "geolatb"),
            ("ULONG", "ULAT"),
            ("lon_psi", "lat_psi"),
            ("x_vert_T", "y_vert_T"),
            ("glamf", "gphif"),
            ("nav_lon_grid_F", "nav_lat_grid_F"),
            ("grid_corner_x", "grid_corner_y"),
        ] {
            let mut file = Dataset::new();
            for (name, units) in [(lon, "degrees_east"), (lat, "degrees_north")] {
                file.add_f64(name, YX, ramp(10.0, 0.0), Attributes::new().with("units", units));
            }
            let error = OceanGrid::from_dataset(&file).unwrap_err();
            assert!(matches!(error, Error::NoCoordinates { .. }), "{lon}: {error}");
            // Who names them means them.
            let names: CoordinateNames = format!("{lon}, {lat}").parse().unwrap();
            assert_eq!(OceanGrid::find(&file, Some(&names)).unwrap().chosen.choice, Choice::Named);
        }
        assert!("lon".parse::<CoordinateNames>().is_err() && ",lat".parse::<CoordinateNames>().is_err());
    }

    #[test]
    fn centres_are_found_beside_corners_and_nominal_axes() {
        for (lon, lat, beside) in [
            ("XC", "YC", ["XG", "YG"]),
            ("x_T", "y_T", ["x_C", "y_C"]),
            ("geolon_t", "geolat_t", ["geolon_c", "geolat_c"]),
            ("geolon", "geolat", ["geolonb", "geolatb"]),
            ("tlon", "tlat", ["ulon", "ulat"]),
            ("lon_rho", "lat_rho", ["lon_psi", "lat_psi"]),
            ("nav_lon_grid_T", "nav_lat_grid_T", ["nav_lon_grid_U", "nav_lat_grid_U"]),
        ] {
            let mut file = Dataset::new();
            let units = ["degrees_east", "degrees_north"];
            for (names, at) in [(beside, 5.0), ([lon, lat], 0.0)] {
                for (name, units) in names.into_iter().zip(units) {
                    file.add_f64(name, YX, ramp(10.0, at), Attributes::new().with("units", units));
                }
            }
            file.add_f64(
                "grid_x_T",
                &["x"],
                ArrayD::zeros(vec![4]),
                Attributes::new().with("units", units[0]),
            );
            let read = OceanGrid::from_dataset(&file).unwrap();
            assert_eq!((read.chosen.lon.as_str(), read.chosen.lat.as_str()), (lon, lat));
        }
    }

    #[test]
    fn names_of_the_wrong_coordinate_or_of_a_list_are_refused() {
        let mut file = with(&[("nav_lon", YX, ramp(10.0, 0.0)), ("nav_lat", YX, ramp(2.0, 0.0))]);
        for name in ["lon", "lat"] {
            file.add_f64(name, &["cell"], ArrayD::zeros(vec![12]), Attributes::new());
        }
        let error = |lon, lat| OceanGrid::from_named(&file, lon, lat).unwrap_err().to_string();
        assert!(error("nav_lat", "nav_lon").contains("exchange them"));
        assert!(error("nav_lon", "nav_lon").contains("is a longitude"));
        assert!(error("nav_lat", "nav_lat").contains("is a latitude"));
        assert!(error("lon", "lat").contains("a list of 12 cells"));
    }

    #[test]
    fn empty_coordinates_give_way_to_those_with_places() {
        let empty = || ArrayD::zeros(vec![3, 4]);
        let mut file = with(&[
            ("nav_lon", YX, empty()),
            ("nav_lat", YX, empty()),
            ("plon", YX, ramp(10.0, 0.0)),
            ("plat", YX, ramp(2.0, 0.0)),
        ]);
        let names = Attributes::new().with("coordinates", "nav_lat nav_lon");
        file.add_f64("depth", YX, ramp(1.0, 0.0), names);
        assert_eq!(OceanGrid::from_dataset(&file).unwrap().chosen.lon, "plon");
        file.variables.retain(|v| v.name != "plon");
        assert!(matches!(OceanGrid::from_dataset(&file), Err(Error::NoPlaces { .. })));
    }

    #[test]
    fn the_cells_say_that_rows_and_columns_are_exchanged_whatever_the_dimensions_are_called() {
        let grid = crate::orca::grid(&crate::orca::Parameters::for_size(62, 51)).unwrap();
        for dimensions in [["y", "x"], ["x", "y"], ["a", "b"]] {
            let turned = |a: &Array2<f64>| a.t().as_standard_layout().into_owned().into_dyn();
            let file = with(&[
                ("nav_lon", &dimensions, turned(&grid.t().lon_deg)),
                ("nav_lat", &dimensions, turned(&grid.t().lat_deg)),
            ]);
            let read = OceanGrid::from_dataset(&file).unwrap();
            assert!(read.transposed, "{dimensions:?}");
            assert_eq!((read.grid.t(), read.grid.topology()), (grid.t(), grid.topology()));
        }
    }

    #[test]
    fn half_of_the_pivot_row_may_be_without_coordinates() {
        let grid = crate::orca::grid(&crate::orca::Parameters::for_size(62, 51)).unwrap();
        let (ny, nx) = grid.shape();
        for (half, marker) in
            [(0..nx / 2, f64::NAN), (nx / 2..nx, 9.969e36), (0..nx / 2, -999.0), (nx / 2..nx, 0.0)]
        {
            let spoiled = |a: &Array2<f64>| {
                let mut a = a.clone();
                a.slice_mut(ndarray::s![ny - 1, half.clone()]).fill(marker);
                a.into_dyn()
            };
            let file = with(&[
                ("nav_lon", YX, spoiled(&grid.t().lon_deg)),
                ("nav_lat", YX, spoiled(&grid.t().lat_deg)),
            ]);
            let read = OceanGrid::from_dataset(&file).unwrap().grid;
            assert_eq!(read.topology(), grid.topology(), "{marker}");
            assert_eq!(read.absent_cells(), nx / 2, "{marker}");
        }
    }

    #[test]
    fn land_at_a_pole_has_no_place() {
        let grid = crate::orca::grid(&crate::orca::Parameters::for_size(62, 51)).unwrap();
        for place in [(180.0, 90.0), (0.0, -90.0), (-1.0, -1.0), (-99.0, -99.0), (0.0, 0.0)] {
            let spoiled = |a: &Array2<f64>, value: f64| {
                let mut a = a.clone();
                a.slice_mut(ndarray::s![20..32, 10..30]).fill(value);
                a.into_dyn()
            };
            let file = with(&[
                ("nav_lon", YX, spoiled(&grid.t().lon_deg, place.0)),
                ("nav_lat", YX, spoiled(&grid.t().lat_deg, place.1)),
            ]);
            let read = OceanGrid::from_dataset(&file).unwrap().grid;
            assert_eq!((read.absent_cells(), read.topology()), (12 * 20, grid.topology()), "{place:?}");
        }
    }

    #[test]
    fn a_globe_in_radians_without_units_is_refused() {
        let angle = |degrees: f64| degrees.to_radians();
        let lon = Array2::from_shape_fn((9, 36), |(_, i)| angle(5.0 + 10.0 * i as f64)).into_dyn();
        let lat = Array2::from_shape_fn((9, 36), |(j, _)| angle(-80.0 + 20.0 * j as f64)).into_dyn();
        let mut file = with(&[("TLONG", YX, lon), ("TLAT", YX, lat)]);
        let error = OceanGrid::from_dataset(&file).unwrap_err().to_string();
        assert!(error.contains("'TLONG' and 'TLAT' have no units"), "{error}");
        file.variables.iter_mut().for_each(|v| v.attributes.set("units", "radians"));
        assert!((OceanGrid::from_dataset(&file).unwrap().grid.t().at(8, 1).1 - 80.0).abs() < 1e-9);
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
        nan.slice_mut(ndarray::s![.., 1..]).fill(f64::NAN);
        let bad = |lon: ArrayD<f64>, lat: ArrayD<f64>, dimensions: &[&str]| {
            let mut file = Dataset::new();
            for (name, values) in [("lon", lon), ("lat", lat)] {
                file.variables.push(Variable::new(name, dimensions, Values::F64(values), Attributes::new()));
            }
            OceanGrid::from_dataset(&file).unwrap_err()
        };
        let error = bad(nan, ramp(2.0, 0.0), YX);
        assert!(matches!(error, Error::NoPlaces { cells: 9, of: 12, .. }), "{error:?}");
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
