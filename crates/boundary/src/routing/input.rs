//! Reading the topography: which variable, which way round, where on the globe.

use dataset::{Dataset, Variable};
use ndarray::{Array2, ArrayD, Axis, Ix2};

use super::{Error, Parameters};
use crate::Finding;

/// Heights beyond this are none, m.
const IMPLAUSIBLE_M: f64 = 100_000.0;
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

/// Reads the topography of a file: transposed, flipped and rolled maps are turned, and said to be.
pub(crate) fn read(raw: &Dataset, parameters: &Parameters) -> Result<Topography, Error> {
    let name = &parameters.topo_var;
    let variable = raw.variable(name).ok_or_else(|| Error::NoVariable {
        name: name.clone(),
        available: raw.variables.iter().map(|v| v.name.clone()).collect(),
    })?;
    let decoded = variable.decode().ok_or_else(|| Error::NotNumeric { name: name.clone() })?;
    let (map, dimensions) = one_map(variable, decoded)?;
    let coordinates = Coordinates::of(raw, parameters, &dimensions)?;
    let mut findings = Vec::new();
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
    check_values(name, &map, &coordinates)?;

    let (ny, nx) = map.dim();
    let mut heights_m = Array2::zeros((ny, nx));
    for (from, &to) in rows.iter().enumerate() {
        let source = map.row(from);
        let mut target = heights_m.row_mut(to);
        for (&height, &column) in source.iter().zip(&columns) {
            target[column] = height;
        }
    }
    Ok(Topography { heights_m, rows, columns, findings })
}

/// The two dimensions that hold more than one value, and the map over them.
fn one_map(variable: &Variable, values: ArrayD<f64>) -> Result<(Array2<f64>, [String; 2]), Error> {
    let mut values = values;
    let mut dimensions = variable.dimensions.clone();
    // Dimensions of one value (a time, a level) are dropped, outermost first.
    while dimensions.len() > 2
        && let Some(single) = values.shape().iter().position(|&len| len == 1)
    {
        values = values.index_axis_move(Axis(single), 0);
        dimensions.remove(single);
    }
    let described = || {
        variable.dimensions.iter().zip(variable.shape()).map(|(name, len)| format!("{name}={len}")).collect()
    };
    let not_a_map = || Error::NotAMap { name: variable.name.clone(), dimensions: described() };
    let map = values.into_dimensionality::<Ix2>().map_err(|_| not_a_map())?;
    let dimensions: [String; 2] = dimensions.try_into().map_err(|_| not_a_map())?;
    if map.is_empty() || dimensions[0] == dimensions[1] {
        return Err(not_a_map());
    }
    Ok((map, dimensions))
}

fn check_values(name: &str, map: &Array2<f64>, coordinates: &Coordinates) -> Result<(), Error> {
    let position = |(i, j): (usize, usize)| (coordinates.latitude.values[i], coordinates.longitude.values[j]);
    let mut missing = map.indexed_iter().filter(|(_, h)| h.is_nan());
    if let Some((first, _)) = missing.next() {
        let (lat, lon) = position(first);
        let count = 1 + missing.count();
        return Err(Error::Missing { name: name.to_owned(), count, cells: map.len(), lat, lon });
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
    fn of(raw: &Dataset, parameters: &Parameters, dimensions: &[String; 2]) -> Result<Self, Error> {
        let find = |kind: Kind, named: &Option<String>| {
            raw.variables.iter().find(|v| {
                let along_map = v.dimensions.len() == 1 && dimensions.contains(&v.dimensions[0]);
                along_map
                    && v.values.is_numeric()
                    && match named {
                        Some(named) => v.name == *named,
                        None => kind.describes(v),
                    }
            })
        };
        let missing = |kind: Kind| Error::NoCoordinate {
            name: parameters.topo_var.clone(),
            axis: kind.name(),
            dimensions: dimensions.to_vec(),
        };
        let latitude = find(Kind::Latitude, &parameters.lat).ok_or_else(|| missing(Kind::Latitude))?;
        let longitude = find(Kind::Longitude, &parameters.lon).ok_or_else(|| missing(Kind::Longitude))?;
        if latitude.dimensions == longitude.dimensions {
            return Err(missing(Kind::Longitude));
        }
        let axis = |kind: Kind, variable: &Variable| {
            let values = variable.decode().ok_or_else(|| missing(kind))?.into_iter().collect();
            Ok::<_, Error>(GlobalAxis { kind, name: variable.name.clone(), values })
        };
        Ok(Self {
            transposed: longitude.dimensions[0] == dimensions[0],
            latitude: axis(Kind::Latitude, latitude)?,
            longitude: axis(Kind::Longitude, longitude)?,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Latitude,
    Longitude,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Latitude => "latitude",
            Self::Longitude => "longitude",
        }
    }

    /// Largest absolute value, degrees.
    fn limit(self) -> f64 {
        match self {
            Self::Latitude => 90.0,
            Self::Longitude => 180.0,
        }
    }

    /// True if a variable says by its attributes or its name that it is a coordinate of this kind.
    fn describes(self, variable: &Variable) -> bool {
        let (axis, unit) = match self {
            Self::Latitude => ("y", "degrees_n"),
            Self::Longitude => ("x", "degrees_e"),
        };
        let says = |attribute: &str, expected: &str| {
            variable.attributes.text(attribute).is_some_and(|text| text.to_lowercase().starts_with(expected))
        };
        let name = variable.name.to_lowercase();
        says("standard_name", self.name())
            || says("axis", axis)
            || says("units", unit)
            || name.starts_with(&self.name()[..3])
            || name.ends_with(&self.name()[..3])
    }
}

/// A coordinate that should run around or up the whole globe in equal cells.
struct GlobalAxis {
    kind: Kind,
    name: String,
    /// Degrees.
    values: Vec<f64>,
}

impl GlobalAxis {
    /// The row (from the south) or column (from 180 W) that each value belongs to: each exactly once.
    fn places(&self, findings: &mut Vec<Finding>) -> Result<Vec<usize>, Error> {
        let count = self.values.len();
        // A value half way between two centres belongs to the upper one, or else all of them to the lower
        // one.
        let places = self.permutation(|cells| (cells + 0.5 + 1e-6).floor());
        let places = places.or_else(|| self.permutation(|cells| (cells - 0.5 - 1e-6).ceil()));
        let places = places.ok_or_else(|| Error::NotGlobal {
            name: self.name.clone(),
            axis: self.kind.name(),
            count,
            first: self.values.first().copied().unwrap_or(f64::NAN),
            last: self.values.last().copied().unwrap_or(f64::NAN),
            expected_first: self.centre(0),
            expected_last: self.centre(count.saturating_sub(1)),
        })?;
        self.describe(&places, findings);
        Ok(places)
    }

    fn step(&self) -> f64 {
        2.0 * self.kind.limit() / self.values.len() as f64
    }

    fn centre(&self, place: usize) -> f64 {
        -self.kind.limit() + (place as f64 + 0.5) * self.step()
    }

    fn permutation(&self, round: impl Fn(f64) -> f64) -> Option<Vec<usize>> {
        let count = self.values.len();
        let mut taken = vec![false; count];
        self.values
            .iter()
            .map(|&value| {
                let cells = round((value - self.centre(0)) / self.step());
                let cells = match self.kind {
                    Kind::Latitude => cells,
                    Kind::Longitude => cells.rem_euclid(count as f64),
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
            .map(|(&value, &place)| match self.kind {
                Kind::Latitude => value - self.centre(place),
                Kind::Longitude => (value - self.centre(place) + 180.0).rem_euclid(360.0) - 180.0,
            })
            .max_by(|a, b| a.abs().total_cmp(&b.abs()))
            .unwrap_or(0.0);
        if displaced.abs() > EXACT_CELLS * self.step() {
            findings.push(Finding::warning(
                match self.kind {
                    Kind::Latitude => "latitudes-displaced",
                    Kind::Longitude => "longitudes-displaced",
                },
                format!(
                    "the {}s of '{name}' are up to {:.3} degrees away from the cell centres that routing takes them for \
                     ({} to {}): regrid with limits 'default' to place them exactly",
                    self.kind.name(),
                    displaced.abs(),
                    self.centre(0),
                    self.centre(count - 1)
                ),
            ));
        }
        if self.kind == Kind::Latitude {
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
        assert!(matches!(refused(&half), Error::NotGlobal { axis: "latitude", count: 3, .. }));
        let overlap = file(&LAT, &[-180.0, -90.0, 0.0, 90.0, 180.0], height);
        assert!(matches!(refused(&overlap), Error::NotGlobal { axis: "longitude", .. }));
        let nan = file(&LAT, &LON, |lat, lon| if lat == 0.0 && lon > 0.0 { f64::NAN } else { 1.0 });
        assert!(matches!(refused(&nan), Error::Missing { count: 2, cells: 12, lat: 0.0, lon: 45.0, .. }));
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
    fn a_single_time_is_no_third_dimension() {
        let mut timed = file(&LAT, &LON, height);
        timed.add_dimension("time", 1);
        let topo = &mut timed.variables[0];
        topo.dimensions.insert(0, "time".into());
        if let Values::F64(values) = &mut topo.values {
            *values = values.clone().insert_axis(Axis(0));
        }
        assert_eq!(read_codes(&timed), read_codes(&file(&LAT, &LON, height)));
    }
}
