//! Files as people have them: one small planet in many encodings, and what is taken for a NetCDF file and is none.
//!
//! The planet is the same in all of them to the precision of the encoding, so that whatever reads one of them has to find
//! what it finds in [`plain`]. The circumstances are those of public reports of people who prepare topographies.

use std::io::Write as _;

use dataset::{AttributeValue, Attributes, Dataset, Values, Variable};
use ndarray::{Array1, ArrayD, IxDyn};

/// Rows of the planet, from the south.
pub const ROWS: usize = 18;
/// Columns of the planet.
pub const COLUMNS: usize = 36;
/// Cells without a value in the encodings that mark some, as row and column.
pub const MISSING: [(usize, usize); 3] = [(4, 7), (9, 20), (12, 30)];

/// A file, and what is right.
pub struct RealFile {
    /// Its name, as its user knows it.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
    /// What is right.
    pub expected: Expected,
}

/// What is right for a file.
#[derive(Debug, Clone)]
pub enum Expected {
    /// It is taken, its coordinates are known, and the variable is the planet.
    Planet {
        /// The variable.
        variable: &'static str,
        /// Some of its values are missing: [`MISSING`].
        has_missing: bool,
        /// How far its values may be from those of the planet, in metres.
        tolerance_m: f64,
    },
    /// It is taken, and one has to say which variables are the coordinates, or the step says what is in the way.
    Asked,
    /// It is refused at once, with these words among others.
    Refused(&'static [&'static str]),
}

/// The heights of the planet in metres above the sea, at cell centres.
pub fn height_m(lon_degrees: f64, lat_degrees: f64) -> f64 {
    let (lon, lat) = (lon_degrees.to_radians(), lat_degrees.to_radians());
    let land = 2500.0 * (2.0 * lon).sin() * lat.cos() - 800.0 + 900.0 * (3.0 * lat).cos() * lon.cos();
    // Whole metres: the integers of some encodings hold them exactly. Never 0, which is neither land nor sea.
    land.round() + f64::from(u8::from(land.round() == 0.0))
}

fn degrees(count: usize, first: f64, step: f64) -> Vec<f64> {
    (0..count).map(|k| first + step * k as f64).collect()
}

/// One way of writing the planet, changed field by field.
struct Encoding {
    lon: (&'static str, Vec<f64>, Attributes),
    lat: (&'static str, Vec<f64>, Attributes),
    variable: &'static str,
    attributes: Attributes,
    /// From metres above the sea to what is stored; `None` is a cell without a value.
    store: fn(Option<f64>) -> f64,
    to_values: fn(ArrayD<f64>) -> Values,
    axis: fn(Vec<f64>) -> Values,
    has_missing: bool,
    is_transposed: bool,
    has_time: bool,
}

fn double(values: ArrayD<f64>) -> Values {
    Values::F64(values)
}

fn axis(values: Vec<f64>) -> Values {
    Values::F64(Array1::from(values).into_dyn())
}

impl Default for Encoding {
    fn default() -> Self {
        let named = |units: &str| Attributes::new().with("units", units);
        Self {
            lon: ("lon", degrees(COLUMNS, -175.0, 10.0), named("degrees_east")),
            lat: ("lat", degrees(ROWS, -85.0, 10.0), named("degrees_north")),
            variable: "topo",
            attributes: named("m"),
            store: |height| height.unwrap_or(f64::NAN),
            to_values: double,
            axis,
            has_missing: false,
            is_transposed: false,
            has_time: false,
        }
    }
}

impl Encoding {
    fn dataset(&self) -> Dataset {
        let (columns, rows) = (self.lon.1.len(), self.lat.1.len());
        let mut file = Dataset::new();
        if self.has_time {
            file.add_dimension("time", 1);
        }
        file.add_dimension(self.lat.0, rows);
        file.add_dimension(self.lon.0, columns);
        for (name, values, attributes) in [&self.lat, &self.lon] {
            let values = (self.axis)(values.clone());
            file.variables.push(Variable::new(name, &[name], values, attributes.clone()));
        }
        let missing: Vec<(f64, f64)> = MISSING
            .iter()
            .map(|&(row, column)| (-175.0 + 10.0 * column as f64, -85.0 + 10.0 * row as f64))
            .collect();
        let stored = |row: usize, column: usize| {
            let (lon, lat) = (self.lon.1[column], self.lat.1[row]);
            let same =
                |at: &&(f64, f64)| ((at.0 - lon) / 360.0).fract().abs() < 1e-9 && (at.1 - lat).abs() < 1e-9;
            let is_missing = self.has_missing && missing.iter().any(|at| same(&at));
            (self.store)((!is_missing).then(|| height_m(lon, lat)))
        };
        let (mut shape, mut names) = match self.is_transposed {
            false => (vec![rows, columns], vec![self.lat.0, self.lon.0]),
            true => (vec![columns, rows], vec![self.lon.0, self.lat.0]),
        };
        if self.has_time {
            shape.insert(0, 1);
            names.insert(0, "time");
        }
        let values = ArrayD::from_shape_fn(IxDyn(&shape), |at| {
            let (a, b) = (at[shape.len() - 2], at[shape.len() - 1]);
            if self.is_transposed { stored(b, a) } else { stored(a, b) }
        });
        file.variables.push(Variable::new(
            self.variable,
            &names,
            (self.to_values)(values),
            self.attributes.clone(),
        ));
        file
    }

    fn file(&self, name: &str, tolerance_m: f64) -> RealFile {
        let expected =
            Expected::Planet { variable: self.variable, has_missing: self.has_missing, tolerance_m };
        RealFile { name: name.to_owned(), bytes: bytes(&self.dataset()), expected }
    }
}

fn bytes(dataset: &Dataset) -> Vec<u8> {
    dataset::to_bytes(dataset).expect("the planet can be written")
}

/// The planet without anything that could be misunderstood.
pub fn plain() -> Vec<u8> {
    bytes(&Encoding::default().dataset())
}

/// The same with the [`MISSING`] cells marked in the plainest way.
pub fn plain_with_missing() -> Vec<u8> {
    let attributes = Attributes::new().with("units", "m").with("_FillValue", f64::NAN);
    bytes(&Encoding { has_missing: true, attributes, ..Encoding::default() }.dataset())
}

/// The planet in encodings of the classic formats.
pub fn encodings() -> Vec<RealFile> {
    let units = |units: &str| Attributes::new().with("units", units);
    let shorts = |values: ArrayD<f64>| Values::I16(values.mapv(|value| value as i16));
    let mut files = vec![
        Encoding::default().file("plain.nc", 0.0),
        Encoding {
            attributes: units("km"),
            store: |height| height.map_or(f64::NAN, |m| m / 1000.0),
            ..Encoding::default()
        }
        .file("kilometres.nc", 1e-6),
        Encoding {
            variable: "PHIS",
            attributes: units("m2/s2").with("standard_name", "surface_geopotential"),
            store: |height| height.map_or(f64::NAN, |m| m * 9.806_65),
            ..Encoding::default()
        }
        .file("geopotential.nc", 1e-6),
        Encoding {
            variable: "depth",
            attributes: units("m")
                .with("positive", "down")
                .with("standard_name", "sea_floor_depth_below_geoid"),
            store: |height| height.map_or(f64::NAN, |m| -m),
            ..Encoding::default()
        }
        .file("positive_down.nc", 0.0),
        Encoding {
            attributes: units("m").with("valid_min", -12_000.0).with("valid_max", 9_000.0),
            store: |height| height.unwrap_or(-20_000.0),
            has_missing: true,
            ..Encoding::default()
        }
        .file("valid_range.nc", 0.0),
        Encoding {
            attributes: units("m").with("missing_value", "-9999"),
            store: |height| height.unwrap_or(-9999.0),
            has_missing: true,
            ..Encoding::default()
        }
        .file("missing_value_as_text.nc", 0.0),
        Encoding {
            attributes: units("m")
                .with("scale_factor", 2.0)
                .with("add_offset", -1000.0)
                .with("_FillValue", AttributeValue::I16(vec![-32_000]))
                .with("valid_range", AttributeValue::I16(vec![-20_000, 20_000])),
            store: |height| height.map_or(-32_000.0, |m| ((m + 1000.0) / 2.0).round()),
            to_values: shorts,
            has_missing: true,
            ..Encoding::default()
        }
        .file("packed_with_range.nc", 1.0),
        Encoding {
            attributes: units("m").with("_FillValue", AttributeValue::I16(vec![0])),
            store: |height| height.unwrap_or(0.0),
            to_values: shorts,
            has_missing: true,
            ..Encoding::default()
        }
        .file("fill_value_zero.nc", 0.0),
        Encoding {
            lon: ("X", degrees(COLUMNS, -175.0, 10.0), units("degree_east")),
            lat: ("Y", degrees(ROWS, -85.0, 10.0), units("degree_north")),
            ..Encoding::default()
        }
        .file("degree_east.nc", 0.0),
        Encoding {
            lon: ("x", degrees(COLUMNS, -175.0, 10.0), Attributes::new()),
            lat: ("y", degrees(ROWS, -85.0, 10.0), Attributes::new()),
            ..Encoding::default()
        }
        .file("bare_x_and_y.nc", 0.0),
        Encoding {
            lon: ("lon", degrees(COLUMNS, 5.0, 10.0), units("degrees_east")),
            axis: |values| Values::F32(Array1::from(values).mapv(|value| value as f32).into_dyn()),
            ..Encoding::default()
        }
        .file("single_precision_from_greenwich.nc", 1e-2),
        Encoding {
            lon: ("lon", degrees(COLUMNS + 1, 5.0, 10.0), units("degrees_east")),
            ..Encoding::default()
        }
        .file("repeated_column.nc", 0.0),
        Encoding {
            lon: (
                "lon",
                (0..COLUMNS)
                    .map(|i| if i < 18 { 5.0 + 10.0 * i as f64 } else { -355.0 + 10.0 * i as f64 })
                    .collect(),
                units("degrees_east"),
            ),
            ..Encoding::default()
        }
        .file("longitude_jump.nc", 0.0),
        Encoding { lat: ("lat", degrees(ROWS, 85.0, -10.0), units("degrees_north")), ..Encoding::default() }
            .file("from_the_north.nc", 0.0),
        Encoding { is_transposed: true, ..Encoding::default() }.file("transposed.nc", 0.0),
        Encoding { has_time: true, ..Encoding::default() }.file("single_time.nc", 0.0),
    ];
    let mut bounds = Encoding {
        lon: ("lon", degrees(COLUMNS, -175.0, 10.0), units("degrees_east").with("bounds", "lon_bnds")),
        lat: ("lat", degrees(ROWS, -85.0, 10.0), units("degrees_north").with("bounds", "lat_bnds")),
        ..Encoding::default()
    }
    .dataset();
    bounds.add_dimension("nv", 2);
    for (name, axis, count, first) in [("lon_bnds", "lon", COLUMNS, -180.0), ("lat_bnds", "lat", ROWS, -90.0)]
    {
        let values = ArrayD::from_shape_fn(IxDyn(&[count, 2]), |at| first + 10.0 * (at[0] + at[1]) as f64);
        bounds.variables.push(Variable::new(name, &[axis, "nv"], Values::F64(values), Attributes::new()));
    }
    files.push(RealFile { name: "bounds.nc".to_owned(), bytes: bytes(&bounds), expected: planet() });
    let mut beside = Encoding::default().dataset();
    beside.add_dimension("letters", 8);
    let text = ArrayD::from_shape_fn(IxDyn(&[8]), |at| b"Cenozoic"[at[0]]);
    beside.variables.push(Variable::new("epoch", &["letters"], Values::Char(text), Attributes::new()));
    files.push(RealFile { name: "text_beside.nc".to_owned(), bytes: bytes(&beside), expected: planet() });
    files
}

fn planet() -> Expected {
    Expected::Planet { variable: "topo", has_missing: false, tolerance_m: 0.0 }
}

/// Files of which one has to say what they mean.
pub fn questions() -> Vec<RealFile> {
    let units = |units: &str, name: &str| Attributes::new().with("units", units).with("standard_name", name);
    let rotated = Encoding {
        lon: ("rlon", degrees(COLUMNS, -175.0, 10.0), units("degrees", "grid_longitude")),
        lat: ("rlat", degrees(ROWS, -85.0, 10.0), units("degrees", "grid_latitude")),
        ..Encoding::default()
    };
    let unknown = Encoding {
        lon: ("p", degrees(COLUMNS, -175.0, 10.0), Attributes::new()),
        lat: ("q", degrees(ROWS, -85.0, 10.0), Attributes::new()),
        ..Encoding::default()
    };
    [("rotated_pole.nc", rotated), ("nameless_axes.nc", unknown)]
        .map(|(name, encoding)| RealFile {
            name: name.to_owned(),
            bytes: bytes(&encoding.dataset()),
            expected: Expected::Asked,
        })
        .into()
}

/// Files that no step can use, under a name in `.nc`.
pub fn useless() -> Vec<RealFile> {
    let plain = plain();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).expect("memory");
    let after = |start: &[u8]| [start, &[0; 500]].concat();
    let mut cells = Dataset::new();
    cells.add_dimension("cell", 200);
    for name in ["clon", "clat", "topo"] {
        let values = Values::F64(Array1::from(degrees(200, 0.0, 0.25)).into_dyn());
        cells.variables.push(Variable::new(name, &["cell"], values, Attributes::new()));
    }
    let text = |lines: &str| lines.as_bytes().to_vec();
    let login =
        "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please log in</body></html>\n";
    let pointer =
        format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 12345\n", "0".repeat(64));
    let files: [(&str, Vec<u8>, &'static [&'static str]); 11] = [
        ("packed.nc", gzip.finish().expect("memory"), &["packed.nc"]),
        ("login.nc", text(login), &["login.nc"]),
        ("pointer.nc", text(&pointer), &["pointer.nc"]),
        ("grib.nc", after(b"GRIB"), &["grib.nc"]),
        ("tiff.nc", after(b"II*\0"), &["tiff.nc"]),
        ("hdf4.nc", after(b"\x0e\x03\x13\x01"), &["hdf4.nc"]),
        ("zip.nc", after(b"PK\x03\x04"), &["zip.nc"]),
        ("empty.nc", Vec::new(), &["empty.nc"]),
        ("text.nc", text("netcdf topo {\ndimensions:\n lat = 2 ;\n}\n"), &["text.nc"]),
        ("cut_short.nc", plain[..plain.len() * 2 / 3].to_vec(), &["cut_short.nc", "opy it again"]),
        ("cells.nc", bytes(&cells), &["cells.nc", "'topo' (cell)", "remapbil"]),
    ];
    files
        .map(|(name, bytes, words)| RealFile {
            name: name.to_owned(),
            bytes,
            expected: Expected::Refused(words),
        })
        .into()
}

/// Files of the HDF5 kind.
#[cfg(feature = "netcdf4")]
pub fn netcdf4() -> Vec<RealFile> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut files = Vec::new();
    let mut made =
        |name: &str, expected: Expected, make: &dyn Fn(&mut netcdf::FileMut) -> netcdf::Result<()>| {
            let path = folder.path().join(name);
            let mut file = netcdf::create(&path).expect("a file");
            make(&mut file).expect("its content");
            drop(file);
            files.push(RealFile {
                name: name.to_owned(),
                bytes: std::fs::read(&path).expect("the file"),
                expected,
            });
        };
    made("packed_netcdf4.nc", planet(), &|file| {
        axes(file)?;
        let mut topo = file.add_variable::<f32>("topo", &["lat", "lon"])?;
        topo.set_chunking(&[7, 11])?;
        topo.set_compression(6, true)?;
        topo.put_attribute("units", "m")?;
        topo.put_values(&heights::<f32>(|m| m as f32), ..)
    });
    made("nanoseconds_beside.nc", planet(), &|file| {
        axes(file)?;
        file.add_unlimited_dimension("time")?;
        let mut time = file.add_variable::<i64>("time", &["time"])?;
        time.put_attribute("units", "nanoseconds since 1970-01-01")?;
        time.put_values(&[1_609_459_200_123_456_789_i64], ..)?;
        let mut topo = file.add_variable::<f64>("topo", &["lat", "lon"])?;
        topo.put_attribute("units", "m")?;
        topo.put_values(&heights::<f64>(|m| m), ..)
    });
    files
}

/// A damaged file of the HDF5 kind whose header is never read to its end: a collection of its heap has an object of no length.
#[cfg(feature = "netcdf4")]
pub fn endless() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("endless.nc");
    let make = || {
        let mut file = netcdf::create(&path)?;
        axes(&mut file)?;
        file.add_variable::<f64>("topo", &["lat", "lon"])?.put_values(&heights::<f64>(|m| m), ..)
    };
    make().expect("its content");
    let mut bytes = std::fs::read(&path).expect("the file");
    // A collection: signature, version, its length, then objects: number, references, length.
    let at = bytes.windows(4).position(|window| window == b"GCOL").expect("a collection");
    bytes[at + 24..at + 32].fill(0);
    bytes
}

#[cfg(feature = "netcdf4")]
fn axes(file: &mut netcdf::FileMut) -> netcdf::Result<()> {
    for (name, count, first, units) in
        [("lat", ROWS, -85.0, "degrees_north"), ("lon", COLUMNS, -175.0, "degrees_east")]
    {
        file.add_dimension(name, count)?;
        let mut axis = file.add_variable::<f64>(name, &[name])?;
        axis.put_attribute("units", units)?;
        axis.put_values(&degrees(count, first, 10.0), ..)?;
    }
    Ok(())
}

#[cfg(feature = "netcdf4")]
fn heights<T>(stored: fn(f64) -> T) -> Vec<T> {
    let cells = (0..ROWS).flat_map(|row| (0..COLUMNS).map(move |column| (row, column)));
    cells.map(|(j, i)| stored(height_m(-175.0 + 10.0 * i as f64, -85.0 + 10.0 * j as f64))).collect()
}

/// The files of `../shared/cases`, where that folder is there; says when it is not.
pub fn cases() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/cases");
    let Ok(entries) = std::fs::read_dir(folder) else {
        crate::skipped("the reported files", "there is no folder ../shared/cases");
        return Vec::new();
    };
    let mut found: Vec<(String, Vec<u8>)> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "nc" || ending == "grd"))
        .filter_map(|path| {
            Some((path.file_name()?.to_string_lossy().into_owned(), std::fs::read(&path).ok()?))
        })
        .collect();
    found.sort();
    found
}
