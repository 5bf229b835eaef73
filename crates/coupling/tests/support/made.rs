//! Inputs that the tests make themselves: ocean grids of three kinds, and a planet with continents, straits and a closed sea.

use coupling::Input;
use coupling::fold::{self, Point};
use dataset::{Attributes, Dataset};
use grid::{Fold, OceanGrid, Overlap, Topology};
use ndarray::Array2;

/// The three inputs as they are in files.
#[derive(Clone)]
pub(crate) struct Files {
    pub(crate) coordinates: Dataset,
    pub(crate) bathymetry: Dataset,
    pub(crate) basins: Dataset,
}

impl Files {
    /// A planet on a grid of these coordinates.
    pub(crate) fn planet(coordinates: Dataset) -> Self {
        Self::with_depths(coordinates, depth_m)
    }

    /// The depths of every place, longitude and latitude in degrees.
    pub(crate) fn with_depths(coordinates: Dataset, depth: impl Fn(f64, f64) -> f64) -> Self {
        let (lon, lat) = (array(&coordinates, "glamt"), array(&coordinates, "gphit"));
        let map = |name: &str, value: &dyn Fn(f64, f64) -> f64| {
            let values = Array2::from_shape_fn(lon.dim(), |at| value(lon[at], lat[at]));
            let mut file = Dataset::new();
            file.add_f64(name, &["y", "x"], values.into_dyn(), Attributes::new());
            file
        };
        let mut basins = map("atlmsk", &|lon, _| f64::from(u8::from((-70.0..20.0).contains(&lon))));
        let indian =
            map("indmsk", &|lon, lat| f64::from(u8::from((20.0..120.0).contains(&lon) && lat < 25.0)));
        let pacific = map("pacmsk", &|lon, _| f64::from(u8::from(!(-70.0..120.0).contains(&lon))));
        basins.variables.extend(indian.variables.into_iter().chain(pacific.variables));
        Self { bathymetry: map("Bathymetry", &depth), basins, coordinates }
    }

    pub(crate) fn read(&self) -> Result<Input, coupling::Error> {
        Input::read(&self.coordinates, &self.bathymetry, &self.basins)
    }
}

/// Two continents across the equator, one around the south pole, islands, and a sea within a continent.
fn depth_m(lon: f64, lat: f64) -> f64 {
    let (l, f) = (lon.to_radians(), lat.to_radians());
    let continents = (2.0 * l).cos() * f.cos().powi(2) + 0.35 * (3.0 * l + 1.0).sin() * (2.0 * f).sin();
    let antarctica = if lat < -66.0 { 2.0 } else { 0.0 };
    let inland_sea = if lon.abs() < 10.0 && (5.0..20.0).contains(&lat) { -1.5 } else { 0.0 };
    4000.0 * (0.55 - continents - antarctica - inland_sea)
}

pub(crate) fn array(file: &Dataset, name: &str) -> Array2<f64> {
    file.variable(name)
        .and_then(|v| v.values.to_f64())
        .and_then(|values| values.into_dimensionality().ok())
        .expect("a map")
}

/// A tripolar grid that folds at F points.
pub(crate) fn f_pivot(columns: usize, rows: usize) -> Dataset {
    grid::orca::grid(&grid::orca::Parameters::for_size(columns, rows)).expect("a tripolar grid").to_dataset()
}

/// A tripolar grid that folds at T points: the one that folds at F points moved by half a cell both ways, whose
/// F points so become T points.
pub(crate) fn t_pivot(columns: usize, rows: usize) -> Dataset {
    let old = f_pivot(columns, rows);
    let mut new = Dataset::new();
    let topology = Topology { overlap: Overlap::TwoColumns, fold: Fold::TPivot, periodic: true };
    for (to, from, (north, east)) in
        [('t', 'f', (0, -1)), ('u', 'v', (0, 0)), ('v', 'u', (1, -1)), ('f', 't', (1, 0))]
    {
        let point = Point::ALL.into_iter().find(|p| p.letter() == to).expect("a point");
        for stem in ["glam", "gphi", "e1", "e2"] {
            // What ran along the columns still does.
            let values = array(&old, &format!("{stem}{from}"));
            let (ny, nx) = values.dim();
            let period = nx as isize - 2;
            let mut moved = Array2::from_shape_fn((ny, nx), |(j, i)| {
                let i = (i as isize + east - 1).rem_euclid(period) + 1;
                values[[(j + north).min(ny - 1), i as usize]]
            });
            fold::apply(&mut moved, point, topology);
            new.add_f64(&format!("{stem}{to}"), &["y", "x"], moved.into_dyn(), Attributes::new());
        }
    }
    assert_eq!(OceanGrid::from_dataset(&new).expect("a grid").grid.topology(), topology);
    new
}

/// A tripolar grid as NEMO has them since 4.2: nothing is there twice.
pub(crate) fn without_halo(columns: usize, rows: usize) -> Dataset {
    let whole = f_pivot(columns, rows);
    let mut file = Dataset::new();
    for variable in &whole.variables {
        let values = array(&whole, &variable.name).slice(ndarray::s![..rows - 1, 1..columns - 1]).to_owned();
        file.add_f64(&variable.name, &["y", "x"], values.into_dyn(), Attributes::new());
    }
    file
}

/// A regular grid of which no column is there twice, or the last two are the first two.
pub(crate) fn regular(columns: usize, rows: usize, overlap: Overlap) -> Dataset {
    let (step_lon, step_lat) = (360.0 / columns as f64, 180.0 / rows as f64);
    let columns = if overlap == Overlap::TwoColumns { columns + 2 } else { columns };
    let mut file = Dataset::new();
    for (point, east, north) in [('t', 0.0, 0.0), ('u', 0.5, 0.0), ('v', 0.0, 0.5), ('f', 0.5, 0.5)] {
        let lon = |i: usize| -180.0 + (i as f64 + 0.5 + east) * step_lon;
        let lat = |j: usize| -90.0 + (j as f64 + 0.5 + north) * step_lat;
        let radius = coupling::atmosphere::RADIUS_M;
        let mut add = |stem: &str, value: &dyn Fn(usize, usize) -> f64| {
            let values = Array2::from_shape_fn((rows, columns), |(j, i)| value(j, i));
            file.add_f64(&format!("{stem}{point}"), &["y", "x"], values.into_dyn(), Attributes::new());
        };
        add("glam", &|_, i| lon(i));
        add("gphi", &|j, _| lat(j));
        add("e1", &|j, _| (radius * lat(j).to_radians().cos() * step_lon.to_radians()).max(1.0));
        add("e2", &|_, _| radius * step_lat.to_radians());
    }
    file
}
