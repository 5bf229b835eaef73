//! One planet in many encodings: whatever the units, the packing, the order of the axes or the container, `climsim regrid`
//! and `climsim routing` give the same result, to the precision of the encoding.
//!
//! Heights are multiples of 4 m, so that most encodings hold them exactly: their results are the same bits. What
//! cannot (feet, kilometres, geopotential) gives the same heights to a millimetre, and the same land.

use std::path::{Path, PathBuf};
use std::process::Command;

use dataset::{AttributeValue, Attributes, Dataset, Values, Variable};
use ndarray::{Array1, Array2, ArrayD};
use tempfile::TempDir;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Rows and columns of the planets: cells of 10 degrees.
const ROWS: usize = 18;
const COLUMNS: usize = 36;
const STEP: f64 = 10.0;

/// Heights in m, south-up, from 180 W: continents, a trench, shelves; multiples of 4 m, never 0.
fn planet(seed: u32) -> Array2<f64> {
    let phase = |n: u32| f64::from(seed.wrapping_mul(2_654_435_761).wrapping_add(n * 40_503) % 6283) / 1000.0;
    Array2::from_shape_fn((ROWS, COLUMNS), |(j, i)| {
        let (lat, lon) = (latitude(j).to_radians(), longitude(i).to_radians());
        let waves = (2.0 * lon + phase(1)).sin() * lat.cos()
            + (3.0 * lat + phase(2)).sin()
            + 0.5 * (5.0 * lon + 3.0 * lat + phase(3)).sin() * lat.cos();
        // As on the Earth there is more sea than land: a name that says "depth" is weighed against that.
        let height = 4.0 * (waves * 450.0 - 250.0).round();
        if height == 0.0 { 4.0 } else { height }
    })
}

fn latitude(j: usize) -> f64 {
    -90.0 + (j as f64 + 0.5) * STEP
}

fn longitude(i: usize) -> f64 {
    -180.0 + (i as f64 + 0.5) * STEP
}

/// How exactly an encoding holds heights and coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// To the last bit.
    Exactly,
    /// To a rounding.
    Nearly,
}

/// A planet as a file holds it; the variable of heights is the first.
struct Encoded {
    name: &'static str,
    holds: Holds,
    /// The height in metres that a number of 1 is: regridding keeps units and direction.
    metres: f64,
    file: Dataset,
}

/// A map in the making.
struct Map {
    heights: Array2<f64>,
    lat: Vec<f64>,
    lon: Vec<f64>,
}

impl Map {
    fn new(heights: &Array2<f64>) -> Self {
        let lat = (0..ROWS).map(latitude).collect();
        Self { heights: heights.clone(), lat, lon: (0..COLUMNS).map(longitude).collect() }
    }

    /// The columns in another order, by their number.
    fn columns(mut self, order: &[usize]) -> Self {
        let from = self.heights.clone();
        self.heights = Array2::from_shape_fn((ROWS, order.len()), |(j, i)| from[(j, order[i])]);
        self.lon = order.iter().map(|&i| longitude(i)).collect();
        self
    }

    fn north_up(mut self) -> Self {
        self.heights.invert_axis(ndarray::Axis(0));
        self.lat.reverse();
        self
    }

    fn file(&self) -> Dataset {
        self.with("topo", &["lat", "lon"], Values::F64(self.heights.clone().into_dyn()), metres())
    }

    fn values(&self, values: Values, attributes: Attributes) -> Dataset {
        self.with("topo", &["lat", "lon"], values, attributes)
    }

    fn scaled(&self, factor: f64, units: &str) -> Dataset {
        let heights = self.heights.mapv(|height| height * factor);
        self.values(Values::F64(heights.into_dyn()), Attributes::new().with("units", units))
    }

    fn with(&self, name: &str, dimensions: &[&str], values: Values, attributes: Attributes) -> Dataset {
        let mut file = Dataset::new();
        for (name, &length) in dimensions.iter().zip(values.shape()) {
            file.add_dimension(name, length);
        }
        file.variables.push(Variable::new(name, dimensions, values, attributes));
        self.add_axes(&mut file);
        file
    }

    fn add_axes(&self, file: &mut Dataset) {
        let axis = |values: &[f64]| Values::F64(Array1::from(values.to_vec()).into_dyn());
        let degrees = |units: &str| Attributes::new().with("units", units);
        file.variables.push(Variable::new("lat", &["lat"], axis(&self.lat), degrees("degrees_north")));
        file.variables.push(Variable::new("lon", &["lon"], axis(&self.lon), degrees("degrees_east")));
    }
}

fn metres() -> Attributes {
    Attributes::new().with("units", "m")
}

fn single(values: &ArrayD<f64>) -> Values {
    Values::F32(values.mapv(|value| value as f32))
}

/// Heights as short integers, with the text or number that unpacks them.
fn packed(map: &Map, scale: impl Into<AttributeValue>, offset: impl Into<AttributeValue>) -> Dataset {
    let values = Values::I16(map.heights.mapv(|height| ((height - 500.0) / 4.0) as i16).into_dyn());
    map.values(values, metres().with("scale_factor", scale).with("add_offset", offset))
}

fn encodings(heights: &Array2<f64>) -> Vec<Encoded> {
    use Holds::{Exactly, Nearly};

    let map = || Map::new(heights);
    let plain = || map().file();
    let all: Vec<usize> = (0..COLUMNS).collect();
    let reversed: Vec<usize> = all.iter().rev().copied().collect();
    let rolled: Vec<usize> = (0..COLUMNS).map(|i| (i + COLUMNS / 2) % COLUMNS).collect();
    let mut from_100_east = rolled.clone();
    from_100_east.rotate_left(10);

    let mut from_greenwich = map().columns(&rolled);
    for lon in &mut from_greenwich.lon {
        *lon = lon.rem_euclid(360.0);
    }
    let mut beyond = map();
    for lon in &mut beyond.lon {
        *lon += 360.0;
    }
    let mut repeated = map().columns(&[all.as_slice(), &[0]].concat());
    repeated.lon[COLUMNS] += 360.0;
    let mut repeated_twice = map().columns(&[&[COLUMNS - 1], all.as_slice(), &[0]].concat());
    repeated_twice.lon[0] -= 360.0;
    repeated_twice.lon[COLUMNS + 1] += 360.0;

    let transposed = {
        let values = Values::F64(heights.t().as_standard_layout().into_owned().into_dyn());
        map().with("topo", &["lon", "lat"], values, metres())
    };
    let timed = {
        let values = heights.clone().into_dyn().insert_axis(ndarray::Axis(0)).insert_axis(ndarray::Axis(0));
        map().with("topo", &["time", "level", "lat", "lon"], Values::F64(values), metres())
    };
    let mut coordinates_in_single = plain();
    for variable in &mut coordinates_in_single.variables {
        variable.values = single(&variable.values.to_f64().expect("numbers"));
    }
    let mut radians = plain();
    for variable in &mut radians.variables[1..] {
        let degrees = variable.values.to_f64().expect("numbers");
        variable.values = Values::F64(degrees.mapv(f64::to_radians));
        variable.attributes = Attributes::new()
            .with("units", "radians")
            .with("standard_name", if variable.name == "lat" { "latitude" } else { "longitude" });
    }
    let mut spelled = plain();
    for (variable, units) in spelled.variables[1..].iter_mut().zip(["degree_north", "Degrees_East"]) {
        variable.attributes = Attributes::new().with("units", units);
    }
    let named = |names: [&str; 2], attributes: [Attributes; 2]| {
        let mut file = plain();
        for ((variable, name), attributes) in file.variables[1..].iter_mut().zip(names).zip(attributes) {
            variable.name = name.to_owned();
            variable.dimensions = vec![name.to_owned()];
            variable.attributes = attributes;
        }
        file.variables[0].dimensions = names.map(str::to_owned).to_vec();
        for (dimension, name) in file.dimensions.iter_mut().zip(names) {
            dimension.name = name.to_owned();
        }
        file
    };
    let letters = named(["y", "x"], [Attributes::new(), Attributes::new()]);
    let axes = named(["a", "b"], ["Y", "X"].map(|axis| Attributes::new().with("axis", axis)));
    let full_names = named(["Latitude", "Longitude"], [Attributes::new(), Attributes::new()]);
    let two_dimensional = {
        let mut file = plain();
        file.variables.truncate(1);
        file.variables[0].attributes.set("coordinates", "nav_lat nav_lon");
        file.variables[0].dimensions = vec!["y".to_owned(), "x".to_owned()];
        file.dimensions[0].name = "y".to_owned();
        file.dimensions[1].name = "x".to_owned();
        let spread = |value: fn(usize, usize) -> f64| {
            Values::F64(Array2::from_shape_fn((ROWS, COLUMNS), |(j, i)| value(j, i)).into_dyn())
        };
        for (name, units, values) in [
            ("nav_lon", "degrees_east", spread(|_, i| longitude(i))),
            ("nav_lat", "degrees_north", spread(|j, _| latitude(j))),
        ] {
            let attributes = Attributes::new().with("units", units);
            file.variables.push(Variable::new(name, &["y", "x"], values, attributes));
        }
        file
    };
    let with_bounds = {
        let mut file = plain();
        file.add_dimension("nv", 2);
        for (index, name) in [(1, "lat"), (2, "lon")] {
            let centres = file.variables[index].values.to_f64().expect("numbers");
            let bounds = Array2::from_shape_fn((centres.len(), 2), |(n, side)| {
                centres[[n]] + if side == 0 { -STEP / 2.0 } else { STEP / 2.0 }
            });
            file.variables[index].attributes.set("bounds", format!("{name}_bnds"));
            let bounds = Variable::new(
                &format!("{name}_bnds"),
                &[name, "nv"],
                Values::F64(bounds.into_dyn()),
                Attributes::new().with("units", if name == "lat" { "degrees_north" } else { "degrees_east" }),
            );
            file.variables.push(bounds);
        }
        let weights = Array1::from_shape_fn(ROWS, |j| latitude(j).to_radians().cos());
        file.add_f64("gw", &["lat"], weights.into_dyn(), Attributes::new());
        file
    };
    let marked = {
        let attributes = metres()
            .with("_FillValue", 1e20)
            .with("missing_value", "-9999")
            .with("valid_min", -12_000.0)
            .with("valid_max", 9_000.0);
        map().values(Values::F64(heights.clone().into_dyn()), attributes)
    };
    let downwards = |attributes: Attributes, name: &str| {
        let depths = Values::F64(heights.mapv(|height| -height).into_dyn());
        map().with(name, &["lat", "lon"], depths, attributes.with("units", "m"))
    };

    let whole = Values::I32(heights.mapv(|height| height as i32).into_dyn());
    let gmt = old_gmt(heights);
    [
        ("plain", Exactly, 1.0, plain()),
        ("north up", Exactly, 1.0, map().north_up().file()),
        ("from Greenwich", Exactly, 1.0, from_greenwich.file()),
        ("beyond one turn", Exactly, 1.0, beyond.file()),
        ("from east to west", Exactly, 1.0, map().columns(&reversed).file()),
        ("with a jump of longitude", Exactly, 1.0, map().columns(&from_100_east).file()),
        ("with a repeated column", Exactly, 1.0, repeated.file()),
        ("with a column repeated on each side", Exactly, 1.0, repeated_twice.file()),
        ("transposed", Exactly, 1.0, transposed),
        ("with single dimensions", Exactly, 1.0, timed),
        ("in single precision", Exactly, 1.0, coordinates_in_single),
        ("in whole numbers", Exactly, 1.0, map().values(whole, metres())),
        ("packed", Exactly, 1.0, packed(&map(), 4.0, 500.0)),
        ("packed by text", Exactly, 1.0, packed(&map(), "4.0", "500")),
        ("with markers and ranges", Exactly, 1.0, marked),
        ("spelled otherwise", Exactly, 1.0, spelled),
        ("with x and y", Exactly, 1.0, letters),
        ("with axis attributes", Exactly, 1.0, axes),
        ("with names in full", Exactly, 1.0, full_names),
        ("with bounds and weights", Exactly, 1.0, with_bounds),
        ("with coordinates of two dimensions", Exactly, 1.0, two_dimensional),
        ("positive down", Exactly, -1.0, downwards(Attributes::new().with("positive", "down"), "relief")),
        (
            "a depth by its standard name",
            Exactly,
            -1.0,
            downwards(Attributes::new().with("standard_name", "sea_floor_depth_below_geoid"), "z"),
        ),
        ("an old GMT grid", Exactly, 1.0, gmt),
        ("in radians", Nearly, 1.0, radians),
        ("in kilometres", Nearly, 1000.0, map().scaled(1e-3, "km")),
        ("in centimetres", Nearly, 0.01, map().scaled(100.0, "cm")),
        ("in feet", Nearly, 0.3048, map().scaled(1.0 / 0.3048, "ft")),
        ("as a geopotential", Nearly, 1.0 / 9.80665, map().scaled(9.80665, "m2 s-2")),
    ]
    .map(|(name, holds, metres, file)| Encoded { name, holds, metres, file })
    .into()
}

/// As GMT 3 wrote grids: one dimension, from the north-west corner, pixel registration.
fn old_gmt(heights: &Array2<f64>) -> Dataset {
    let mut file = Dataset::new();
    let north_up: Vec<f64> = heights.rows().into_iter().rev().flatten().copied().collect();
    let pair = |a: f64, b: f64| Array1::from(vec![a, b]).into_dyn();
    let mut add = |name: &str, dimension: &str, values: Values, attributes: Attributes| {
        file.add_dimension(dimension, values.shape()[0]);
        file.variables.push(Variable::new(name, &[dimension], values, attributes));
    };
    let numbers = |values: ArrayD<f64>| Values::F64(values);
    add("z", "xysize", numbers(Array1::from(north_up).into_dyn()), Attributes::new().with("node_offset", 1));
    add("x_range", "side", numbers(pair(-180.0, 180.0)), Attributes::new().with("units", "degrees_east"));
    add("y_range", "side", numbers(pair(-90.0, 90.0)), Attributes::new().with("units", "degrees_north"));
    let range =
        |values: &Array2<f64>| values.iter().fold((f64::MAX, f64::MIN), |(a, b), &v| (a.min(v), b.max(v)));
    let (low, high) = range(heights);
    add("z_range", "side", numbers(pair(low, high)), Attributes::new().with("units", "m"));
    add("spacing", "side", numbers(pair(STEP, STEP)), Attributes::new());
    let size = Array1::from(vec![COLUMNS as i32, ROWS as i32]).into_dyn();
    add("dimension", "side", Values::I32(size), Attributes::new());
    file
}

/// `climsim` in a folder of its own.
struct Desk(TempDir);

impl Desk {
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn climsim(&self, arguments: &[&str]) -> Result {
        let mut command = Command::new(env!("CARGO_BIN_EXE_climsim"));
        let output = command.args(arguments).current_dir(self.0.path()).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(format!("climsim {}: {said}", arguments.join(" ")).into());
        }
        Ok(())
    }
}

/// What is compared of the two commands.
struct Computed {
    regridded: ArrayD<f64>,
    routing: Dataset,
    bathymetry: ArrayD<f64>,
}

/// Regrids and routes `file`, whose heights are in `variable`.
fn computed(desk: &Desk, file: &Path, variable: &str) -> Result<Computed> {
    let file = file.to_str().ok_or("a path that is no text")?;
    desk.climsim(&["regrid", file, "fine.nc", "--lon-step", "7.2", "--lat-step", "7.5"])?;
    desk.climsim(&["regrid", file, "same.nc", "--lon-step", "10", "--lat-step", "10"])?;
    desk.climsim(&["routing", "same.nc", "--topo-var", variable, "--out", "out"])?;
    let values = |path: &str, name: &str| -> Result<ArrayD<f64>> {
        let file = dataset::read(desk.path(path))?;
        let variable = file.variable(name).ok_or_else(|| format!("{path} has no '{name}'"))?;
        let mut values = variable.decode().ok_or("text")?;
        // A regridded map keeps the order of its axes, and its single dimensions.
        while values.shape()[0] == 1 {
            values.index_axis_inplace(ndarray::Axis(0), 0);
        }
        Ok(if values.shape()[0] > values.shape()[1] { values.reversed_axes() } else { values })
    };
    Ok(Computed {
        regridded: values("fine.nc", variable)?,
        routing: dataset::read(desk.path("out/routing.nc"))?,
        bathymetry: values("out/bathy.nc", "Bathymetry")?,
    })
}

/// How many pairs differ by more than `tolerance`; missing values equal each other.
fn differences(a: &ArrayD<f64>, b: &ArrayD<f64>, tolerance: f64) -> usize {
    assert_eq!(a.shape(), b.shape());
    a.iter().zip(b).filter(|(a, b)| !((*a - *b).abs() <= tolerance || a.is_nan() && b.is_nan())).count()
}

fn compare(encoded: &str, holds: Holds, found: &Computed, expected: &Computed) -> Vec<String> {
    let tolerance_m = if holds == Holds::Exactly { 0.0 } else { 1e-3 };
    let mut wrong = Vec::new();
    let mut check =
        |what: &str, a: &ArrayD<f64>, b: &ArrayD<f64>, tolerance| match differences(a, b, tolerance) {
            0 => {}
            cells => wrong.push(format!("{encoded}: {what} differs in {cells} of {} cells", a.len())),
        };
    check("the bathymetry", &found.bathymetry, &expected.bathymetry, tolerance_m);
    for variable in &expected.routing.variables {
        let of = |file: &Dataset| file.variable(&variable.name).and_then(Variable::decode);
        let (Some(found), Some(expected)) = (of(&found.routing), of(&expected.routing)) else { continue };
        // Equal heights tie: a rounding decides where their rivers run.
        if holds == Holds::Exactly || variable.name == "topo" {
            check(&variable.name, &found, &expected, tolerance_m);
        }
    }
    // Between the centres a longitude of another turn rounds otherwise.
    check("the finer map", &found.regridded, &expected.regridded, 1e-6);
    wrong
}

#[test]
fn every_encoding_of_a_planet_gives_the_same_result() -> Result {
    let mut wrong = Vec::new();
    for seed in [1, 7, 42] {
        let planet = planet(seed);
        let (mut expected, mut names) = (None, 0);
        for Encoded { name, holds, metres, file } in encodings(&planet) {
            let desk = Desk(tempfile::tempdir()?);
            let path = desk.path("planet.nc");
            dataset::write(&file, &path)?;
            names += 1;
            let label = format!("planet {seed}, {name}");
            match (computed(&desk, &path, &file.variables[0].name), &expected) {
                (Ok(found), None) => {
                    assert_eq!(metres, 1.0);
                    assert!(found.regridded.iter().all(|height| height.is_finite()), "{label}: holes");
                    expected = Some(found);
                }
                (Ok(mut found), Some(expected)) => {
                    found.regridded *= metres;
                    wrong.extend(compare(&label, holds, &found, expected));
                }
                (Err(error), _) => wrong.push(format!("{label}: {error}")),
            }
        }
        assert!(names > 20);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Containers, by the library's own tool: what `nccopy` writes is what users send.
#[test]
fn every_container_of_a_planet_gives_the_same_result() -> Result {
    let planet = planet(3);
    let desk = Desk(tempfile::tempdir()?);
    let plain = desk.path("plain.nc");
    dataset::write(&Map::new(&planet).file(), &plain)?;
    let expected = computed(&desk, &plain, "topo")?;
    let mut wrong = Vec::new();
    for options in
        ["-k classic", "-k 64-bit-data", "-k nc4", "-k nc7", "-d 9 -s", "-d 1 -c lat/5,lon/7", "-u -d 5"]
    {
        let copy = desk.path("copy.nc");
        let copied =
            Command::new("nccopy").args(options.split_whitespace()).args([&plain, &copy]).output()?;
        assert!(copied.status.success(), "nccopy {options}: {}", String::from_utf8_lossy(&copied.stderr));
        match computed(&desk, &copy, "topo") {
            Ok(found) => wrong.extend(compare(options, Holds::Exactly, &found, &expected)),
            Err(error) => wrong.push(format!("{options}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}
