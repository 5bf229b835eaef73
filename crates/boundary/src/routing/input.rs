//! Reading the topography: which variable, which way round, where on the globe.

use dataset::axes::{self, Axes, Axis};
use dataset::cf::{self, CoordinateQuery, CoordinatesError, GridKind, Role};
use dataset::heights::{Heights, IMPLAUSIBLE_M};
use dataset::{Dataset, Variable};
use ndarray::{Array2, ArrayD, s};

use super::{Error, Parameters};
use crate::Finding;

/// Centres this far from where they belong, in cells, are where they belong: coordinates in single precision.
const EXACT_CELLS: f64 = 0.01;

/// A topography as the routing works on it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Topography {
    /// South-up, west to east from 180 W, (ny, nx), m, finite.
    pub(crate) heights_m: Array2<f64>,
    /// The row of `heights_m` that each latitude of the file became.
    pub(crate) rows: Vec<usize>,
    /// The column of `heights_m` that each longitude of the file became.
    pub(crate) columns: Vec<usize>,
    /// What was noticed and done.
    pub(crate) findings: Vec<Finding>,
}

/// Reads the topography of a file as heights in metres: depths are turned round, and transposed, flipped and rolled maps turned,
/// and said to be.
pub(crate) fn read(raw: &Dataset, parameters: &Parameters) -> Result<Topography, Error> {
    let name = &parameters.topo_var;
    let variable = raw.variable(name).ok_or_else(|| Error::NoVariable {
        name: name.clone(),
        available: raw.variables.iter().map(|v| v.name.clone()).collect(),
    })?;
    let (heights, mut findings) = Heights::read(variable, &parameters.heights)?.into_up();
    let (map, dimensions) = one_map(variable, heights)?;
    let coordinates = Coordinates::from_dataset(raw, parameters, &dimensions)?;
    let map = if coordinates.transposed {
        let text =
            format!("'{name}' is stored with longitude first; it was turned by the names of its dimensions");
        findings.push(Finding::note("transposed", text));
        map.reversed_axes()
    } else {
        map
    };
    let rows = coordinates.latitude.places(&mut findings)?;
    let columns = coordinates.longitude.places(&mut findings)?;
    let repeated = coordinates.longitude.repeated;
    findings.extend(repeated_finding(&coordinates.longitude, &map));
    check_values(name, &map, &coordinates, &findings)?;

    let (ny, nx) = (map.nrows(), map.ncols() - repeated);
    let mut heights_m = Array2::zeros((ny, nx));
    for (from, &to) in rows.iter().enumerate() {
        let source = map.row(from);
        let mut target = heights_m.row_mut(to);
        for (&height, &column) in source.iter().zip(&columns).take(nx) {
            target[column] = height;
        }
    }
    Ok(Topography { heights_m, rows, columns, findings })
}

/// What to say of columns that are there twice.
fn repeated_finding(longitude: &GlobalAxis, map: &Array2<f64>) -> Option<Finding> {
    let (name, repeated, distinct) = (&longitude.name, longitude.repeated, longitude.values.len());
    let columns = (0..repeated.min(distinct)).map(|k| (map.column(k), map.column(distinct + k)));
    let different =
        columns.flat_map(|(first, again)| first.into_iter().zip(again)).filter(|(a, b)| a != b).count();
    (repeated > 0).then(|| {
        let mut text = format!(
            "{repeated} column(s) at the end of '{name}' stand in the place of the first; they were left out"
        );
        if different == 0 {
            return Finding::note("longitudes-repeated", text);
        }
        text += &format!(", though {different} of their cells have other values");
        Finding::warning("longitudes-repeated", text)
    })
}

/// The two dimensions that hold more than one value, and the map over them.
fn one_map(variable: &Variable, values: ArrayD<f64>) -> Result<(Array2<f64>, [String; 2]), Error> {
    axes::one_map(variable, values).ok_or_else(|| {
        let shape = variable.dimensions.iter().zip(variable.shape());
        let dimensions = shape.map(|(name, len)| format!("{name}={len}")).collect();
        Error::NotAMap { name: variable.name.clone(), dimensions }
    })
}

fn check_values(
    name: &str,
    map: &Array2<f64>,
    coordinates: &Coordinates,
    findings: &[Finding],
) -> Result<(), Error> {
    let position = |(i, j): (usize, usize)| (coordinates.latitude.values[i], coordinates.longitude.values[j]);
    let mut missing = map.indexed_iter().filter(|(_, h)| h.is_nan());
    if let Some((first, _)) = missing.next() {
        let (lat, lon) = position(first);
        let count = 1 + missing.count();
        // Why cells without a marker are missing.
        let noticed = ["default-fill-values", "outside-valid-range"];
        let causes = findings.iter().filter(|finding| noticed.contains(&finding.code));
        let causes = causes.map(|finding| format!("; {}", finding.message)).collect();
        let (rows, columns) = map.dim();
        let inside = s![1..rows.saturating_sub(1).max(1), 1..columns.saturating_sub(1).max(1)];
        let at_edges = !map.slice(inside).iter().any(|height| height.is_nan());
        let name = name.to_owned();
        return Err(Error::Missing { name, count, cells: map.len(), lat, lon, at_edges, causes });
    }
    if let Some((first, &height)) = map.indexed_iter().find(|(_, h)| h.abs() > IMPLAUSIBLE_M) {
        let (lat, lon) = position(first);
        return Err(Error::Implausible { name: name.to_owned(), height, lat, lon });
    }
    Ok(())
}

/// The coordinates of a map's dimensions.
struct Coordinates {
    latitude: GlobalAxis,
    longitude: GlobalAxis,
    transposed: bool,
}

impl Coordinates {
    fn from_dataset(raw: &Dataset, parameters: &Parameters, dimensions: &[String; 2]) -> Result<Self, Error> {
        let header = raw.header();
        let wanted = CoordinateQuery {
            lon: parameters.lon.as_deref(),
            lat: parameters.lat.as_deref(),
            variable: Some(&parameters.topo_var),
            grid_alone: false,
        };
        let found = cf::find(&header, &wanted).map_err(|error| match error {
            CoordinatesError::Ambiguous { lon_candidates, lat_candidates }
                if lon_candidates.is_empty() || lat_candidates.is_empty() =>
            {
                let axis = if lat_candidates.is_empty() { Role::Latitude } else { Role::Longitude };
                Error::NoCoordinate {
                    name: parameters.topo_var.clone(),
                    axis: axis.name(),
                    dimensions: dimensions.to_vec(),
                }
            }
            other => other.into(),
        })?;
        let [longitude, latitude] = match Axes::read(raw, &found) {
            Ok(Some(axes)) => [axes.lon, axes.lat].map(|axis| GlobalAxis::from(&axis)),
            Ok(None) => {
                return Err(Error::Curvilinear {
                    name: parameters.topo_var.clone(),
                    lon: found.lon,
                    lat: found.lat,
                });
            }
            // Cells in any order find their places.
            Err(CoordinatesError::NotInOrder { .. }) if found.kind == GridKind::Rectilinear => {
                let axis = |role, name: &str, dimension: &str| {
                    let variable = raw.variable(name).ok_or_else(|| Error::NoCoordinate {
                        name: parameters.topo_var.clone(),
                        axis: Role::name(role),
                        dimensions: dimensions.to_vec(),
                    })?;
                    let degrees = axes::degrees(variable, role)?;
                    Ok::<_, Error>(GlobalAxis::unordered(role, name, dimension, degrees))
                };
                [
                    axis(Role::Longitude, &found.lon, &found.lon_dimension)?,
                    axis(Role::Latitude, &found.lat, &found.lat_dimension)?,
                ]
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(axis) = [&latitude, &longitude].into_iter().find(|a| !dimensions.contains(&a.dimension)) {
            return Err(Error::NoCoordinate {
                name: parameters.topo_var.clone(),
                axis: axis.role.name(),
                dimensions: dimensions.to_vec(),
            });
        }
        Ok(Self { transposed: longitude.dimension == dimensions[0], latitude, longitude })
    }
}

/// A coordinate that should run around or up the whole globe in equal cells.
struct GlobalAxis {
    role: Role,
    name: String,
    dimension: String,
    /// Degrees, each place once.
    values: Vec<f64>,
    /// Columns beyond them that stand in the places of the first.
    repeated: usize,
    /// True when a part of the globe is all there is.
    is_part: bool,
}

impl From<&Axis> for GlobalAxis {
    fn from(axis: &Axis) -> Self {
        Self {
            role: axis.role(),
            name: axis.name().to_owned(),
            dimension: axis.dimension().to_owned(),
            values: axis.distinct_deg().to_vec(),
            repeated: axis.repeated(),
            is_part: !covers_the_globe(axis),
        }
    }
}

fn covers_the_globe(axis: &Axis) -> bool {
    match axis.role() {
        Role::Longitude => axis.closes(),
        Role::Latitude => axis.reaches(-90.0) && axis.reaches(90.0),
    }
}

impl GlobalAxis {
    /// An axis that is in no order.
    fn unordered(role: Role, name: &str, dimension: &str, values: Vec<f64>) -> Self {
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.dedup();
        let sorted = Axis::new(role, name, dimension, sorted, 0.0);
        let is_part = !sorted.is_ok_and(|axis| covers_the_globe(&axis));
        let (name, dimension) = (name.to_owned(), dimension.to_owned());
        Self { role, name, dimension, values, repeated: 0, is_part }
    }

    /// Largest absolute value, degrees.
    fn limit(&self) -> f64 {
        match self.role {
            Role::Latitude => 90.0,
            Role::Longitude => 180.0,
        }
    }

    /// The row (from the south) or column (from 180 W) that each value belongs to: each exactly once, but for repeated columns.
    fn places(&self, findings: &mut Vec<Finding>) -> Result<Vec<usize>, Error> {
        let count = self.values.len();
        let (first, last) = (
            self.values.first().copied().unwrap_or(f64::NAN),
            self.values.last().copied().unwrap_or(f64::NAN),
        );
        let (name, axis) = (self.name.clone(), self.role.name());
        // A value half way between two centres belongs to the upper one, or else all of them to the lower
        // one.
        let places = self.permutation(|cells| (cells + 0.5 + 1e-6).floor());
        let places = places.or_else(|| self.permutation(|cells| (cells - 0.5 - 1e-6).ceil()));
        let Some(mut places) = places else {
            if self.is_part {
                return Err(Error::Regional { name, axis, first, last });
            }
            return Err(Error::NotGlobal {
                name,
                axis,
                count,
                first,
                last,
                expected_first: self.centre(0),
                expected_last: self.centre(count.saturating_sub(1)),
            });
        };
        self.describe(&places, findings);
        places.extend_from_within(..self.repeated.min(count));
        Ok(places)
    }

    fn step(&self) -> f64 {
        2.0 * self.limit() / self.values.len() as f64
    }

    fn centre(&self, place: usize) -> f64 {
        -self.limit() + (place as f64 + 0.5) * self.step()
    }

    fn permutation(&self, round: impl Fn(f64) -> f64) -> Option<Vec<usize>> {
        let count = self.values.len();
        let mut taken = vec![false; count];
        self.values
            .iter()
            .map(|&value| {
                let cells = round((value - self.centre(0)) / self.step());
                let cells = match self.role {
                    Role::Latitude => cells,
                    Role::Longitude => cells.rem_euclid(count as f64),
                };
                let place = (cells >= 0.0 && cells < count as f64).then_some(cells as usize)?;
                (!std::mem::replace(&mut taken[place], true)).then_some(place)
            })
            .collect()
    }

    /// Says how far the values are from the centres they are taken for, and how they were turned.
    fn describe(&self, places: &[usize], findings: &mut Vec<Finding>) {
        let (name, count) = (&self.name, places.len());
        let displaced = self
            .values
            .iter()
            .zip(places)
            .map(|(&value, &place)| match self.role {
                Role::Latitude => value - self.centre(place),
                Role::Longitude => (value - self.centre(place) + 180.0).rem_euclid(360.0) - 180.0,
            })
            .max_by(|a, b| a.abs().total_cmp(&b.abs()))
            .unwrap_or(0.0);
        if displaced.abs() > EXACT_CELLS * self.step() {
            findings.push(Finding::warning(
                match self.role {
                    Role::Latitude => "latitudes-displaced",
                    Role::Longitude => "longitudes-displaced",
                },
                format!(
                    "the {}s of '{name}' are up to {:.3} degrees away from the cell centres that routing takes them for \
                     ({} to {}): regrid with the release 'corrected' to place them exactly",
                    self.role.name(),
                    displaced.abs(),
                    self.centre(0),
                    self.centre(count - 1)
                ),
            ));
        }
        if self.role == Role::Latitude {
            return;
        }
        let steps_by = |step: usize| places.windows(2).all(|w| (w[0] + step) % count == w[1]);
        if count > 1 && steps_by(count - 1) && !steps_by(1) {
            findings.push(Finding::note(
                "longitudes-descending",
                format!("the longitudes of '{name}' run from east to west; the map was flipped to run from west to east"),
            ));
        } else if !steps_by(1) {
            findings.push(Finding::note(
                "longitudes-sorted",
                format!(
                    "the longitudes of '{name}' are not in order; the columns were sorted from west to east"
                ),
            ));
        } else if places.first().is_some_and(|&place| place != 0) {
            findings.push(Finding::note(
                "longitudes-rolled",
                format!(
                    "the longitudes of '{name}' run from {} to {}; the map was rolled to -180..180",
                    self.values[0],
                    self.values[count - 1]
                ),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use dataset::{Attributes, Values};
    use ndarray::Axis as Dimension;

    use super::*;

    fn file(lat: &[f64], lon: &[f64], value: impl Fn(f64, f64) -> f64) -> Dataset {
        let mut file = Dataset::new();
        let map = Array2::from_shape_fn((lat.len(), lon.len()), |(i, j)| value(lat[i], lon[j]));
        file.add_f64("topo", &["lat", "lon"], map.into_dyn(), Attributes::new());
        for (name, values) in [("lat", lat), ("lon", lon)] {
            file.add_f64(name, &[name], ndarray::arr1(values).into_dyn(), Attributes::new());
        }
        file
    }

    fn read_codes(file: &Dataset) -> (Array2<f64>, Vec<&'static str>) {
        let topography = read(file, &Parameters::new("topo")).unwrap();
        (topography.heights_m, topography.findings.iter().map(|f| f.code).collect())
    }

    const LAT: [f64; 3] = [-60.0, 0.0, 60.0];
    const LON: [f64; 4] = [-135.0, -45.0, 45.0, 135.0];

    fn height(lat: f64, lon: f64) -> f64 {
        lat * 10.0 + if lon > 180.0 { lon - 360.0 } else { lon }
    }

    #[test]
    fn rolled_and_flipped_maps_are_the_same_map() {
        let (expected, findings) = read_codes(&file(&LAT, &LON, height));
        assert!(findings.is_empty());
        assert_eq!(expected[(0, 0)], height(-60.0, -135.0));
        let north_up = [60.0, 0.0, -60.0];
        assert_eq!(read_codes(&file(&north_up, &LON, height)), (expected.clone(), vec![]));
        let east = [45.0, 135.0, 225.0, 315.0];
        assert_eq!(read_codes(&file(&LAT, &east, height)), (expected.clone(), vec!["longitudes-rolled"]));
        let descending = [135.0, 45.0, -45.0, -135.0];
        assert_eq!(read_codes(&file(&LAT, &descending, height)), (expected, vec!["longitudes-descending"]));
    }

    #[test]
    fn a_transposed_map_is_turned_by_name() {
        let expected = read_codes(&file(&LAT, &LON, height)).0;
        let mut turned = file(&LAT, &LON, height);
        turned.variables[0].dimensions.reverse();
        turned.variables[0].values =
            Values::F64(Array2::from_shape_fn((4, 3), |(j, i)| height(LAT[i], LON[j])).into_dyn());
        assert_eq!(read_codes(&turned), (expected, vec!["transposed"]));
    }

    #[test]
    fn longitudes_on_the_edges_keep_their_column_and_are_mentioned() {
        let edges = [-180.0, -90.0, 0.0, 90.0];
        let (heights, findings) = read_codes(&file(&LAT, &edges, height));
        assert_eq!(heights[(1, 0)], -180.0);
        assert_eq!(findings, ["longitudes-displaced"]);
    }

    #[test]
    fn single_precision_coordinates_are_exact_enough() {
        let lon: Vec<f64> =
            (0..515).map(|j| f64::from((-180.0 + (j as f64 + 0.5) * 360.0 / 515.0) as f32)).collect();
        assert!(read_codes(&file(&LAT, &lon, height)).1.is_empty());
    }

    #[test]
    fn what_is_no_global_map_is_refused() {
        let refused = |file: &Dataset| read(file, &Parameters::new("topo")).unwrap_err();
        let half = file(&[15.0, 45.0, 75.0], &LON, height);
        assert!(matches!(refused(&half), Error::Regional { axis: "latitude", first: 15.0, last: 75.0, .. }));
        let sector = file(&LAT, &[0.0, 10.0, 20.0], height);
        assert!(matches!(refused(&sector), Error::Regional { axis: "longitude", .. }));
        // Rows on the poles are no centres of equal cells.
        let nodes = file(&[-90.0, -45.0, 0.0, 45.0, 90.0], &LON, height);
        assert!(matches!(refused(&nodes), Error::NotGlobal { axis: "latitude", count: 5, .. }));
        let nan = file(&LAT, &LON, |lat, lon| if lat == 0.0 && lon > 0.0 { f64::NAN } else { 1.0 });
        assert!(matches!(
            refused(&nan),
            Error::Missing { count: 2, cells: 12, lat: 0.0, lon: 45.0, at_edges: false, .. }
        ));
        let rim = file(&LAT, &LON, |lat, _| if lat == LAT[0] { f64::NAN } else { 1.0 });
        assert!(matches!(refused(&rim), Error::Missing { count: 4, at_edges: true, .. }));
        let fill = file(&LAT, &LON, |_, _| -1e34);
        assert!(matches!(refused(&fill), Error::Implausible { .. }));
        let mut nameless = file(&LAT, &LON, height);
        nameless.variables[2].name = "values".into();
        assert!(matches!(refused(&nameless), Error::NoCoordinate { axis: "longitude", .. }));
        assert!(matches!(
            read(&half, &Parameters::new("relief")),
            Err(Error::NoVariable { available, .. }) if available == ["topo", "lat", "lon"]
        ));
    }

    #[test]
    fn columns_that_are_there_twice_count_once() {
        let expected = read_codes(&file(&LAT, &LON, height)).0;
        let cyclic = file(&LAT, &[-135.0, -45.0, 45.0, 135.0, 225.0], height);
        assert_eq!(read_codes(&cyclic), (expected.clone(), vec!["longitudes-repeated"]));
        let halo = file(&LAT, &[-135.0, -45.0, 45.0, 135.0, 225.0, 315.0], height);
        let read = read(&halo, &Parameters::new("topo")).unwrap();
        assert_eq!((read.heights_m, read.columns), (expected, vec![0, 1, 2, 3, 0, 1]));
    }

    #[test]
    fn longitudes_that_jump_are_in_order() {
        let expected = read_codes(&file(&LAT, &LON, height)).0;
        let jump = file(&LAT, &[45.0, 135.0, -135.0, -45.0], height);
        assert_eq!(read_codes(&jump), (expected, vec!["longitudes-rolled"]));
    }

    #[test]
    fn radians_and_two_dimensional_coordinates_are_read() {
        let expected = read_codes(&file(&LAT, &LON, height)).0;
        let mut radians = file(&LAT, &LON, height);
        for variable in &mut radians.variables[1..] {
            let values = variable.decode().unwrap().mapv(f64::to_radians);
            (variable.values, _) = (Values::F64(values), variable.attributes.set("units", "radians"));
        }
        assert_eq!(read_codes(&radians).0, expected);

        let mut planes = file(&LAT, &LON, height);
        planes.variables.truncate(1);
        let lon = Array2::from_shape_fn((3, 4), |(_, j)| LON[j]).into_dyn();
        let lat = Array2::from_shape_fn((3, 4), |(i, _)| LAT[i]).into_dyn();
        planes.add_f64("nav_lon", &["lat", "lon"], lon.clone(), Attributes::new());
        planes.add_f64("nav_lat", &["lat", "lon"], lat, Attributes::new());
        assert_eq!(read_codes(&planes), (expected, vec![]));
        let bent = lon + ndarray::arr2(&[[0.0], [3.0], [0.0]]);
        planes.variables[1].values = Values::F64(bent);
        let error = read(&planes, &Parameters::new("topo")).unwrap_err();
        assert!(matches!(error, Error::Curvilinear { .. }));
    }

    #[test]
    fn exchanged_coordinates_are_refused() {
        let named = |lon: &str, lat: &str| Parameters {
            lon: Some(lon.into()),
            lat: Some(lat.into()),
            ..Parameters::new("topo")
        };
        let mut file = file(&LAT, &LON, height);
        let exchanged =
            |error: &Error| matches!(error, Error::Coordinates(CoordinatesError::Exchanged { .. }));
        assert!(exchanged(&read(&file, &named("lat", "lon")).unwrap_err()));
        file.variables[1].name = "a".into();
        file.variables[2].name = "b".into();
        assert!(read(&file, &named("b", "a")).is_ok());
        assert!(exchanged(&read(&file, &named("a", "b")).unwrap_err()));
    }

    #[test]
    fn a_single_time_is_no_third_dimension() {
        let mut timed = file(&LAT, &LON, height);
        timed.add_dimension("time", 1);
        let topo = &mut timed.variables[0];
        topo.dimensions.insert(0, "time".into());
        if let Values::F64(values) = &mut topo.values {
            *values = values.clone().insert_axis(Dimension(0));
        }
        assert_eq!(read_codes(&timed), read_codes(&file(&LAT, &LON, height)));
    }
}
