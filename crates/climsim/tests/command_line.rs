//! The commands as people and scripts meet them: files in, files out, words, exit codes. The files are those of the
//! reference, to the byte, where the reference is here; of the committed planet everywhere.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use dataset::{Attributes, Dataset, Values};
use serde_json::Value;
use store::{Config, Store};
use tempfile::TempDir;

type Result<T = ()> = std::result::Result<T, Box<dyn std::error::Error>>;

const COMMANDS: [&str; 15] = [
    "serve",
    "regrid",
    "routing",
    "pft",
    "subbasins",
    "heatflow",
    "ahmcoef",
    "internal-oceans",
    "passages",
    "ocean-grid",
    "remap-weights",
    "pipeline",
    "user",
    "init-db",
    "doctor",
];

/// A folder to work in, and `climsim` in it.
struct Desk(TempDir);

impl Desk {
    fn new() -> Result<Self> {
        Ok(Self(tempfile::tempdir()?))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a command; words without a blank in them, paths relative to the folder.
    fn run(&self, line: &str) -> Result<Output> {
        self.run_with(line, "")
    }

    fn run_with(&self, line: &str, input: &str) -> Result<Output> {
        let mut child =
            self.command(line).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        child.stdin.take().ok_or("no input")?.write_all(input.as_bytes())?;
        Ok(child.wait_with_output()?)
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_climsim"));
        command.args(line.split_whitespace()).current_dir(self.0.path()).env_remove("INSTANCE_PATH");
        command
    }

    /// Runs a command that has to succeed; gives what it printed.
    fn done(&self, line: &str) -> Result<String> {
        let output = self.run(line)?;
        assert_eq!(output.status.code(), Some(0), "climsim {line}: {}", errors(&output));
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Runs a command that has to succeed; gives what it printed, and what it noted beside.
    fn said(&self, line: &str) -> Result<(String, String)> {
        let output = self.run(line)?;
        let said = errors(&output);
        assert_eq!(output.status.code(), Some(0), "climsim {line}: {said}");
        Ok((String::from_utf8(output.stdout)?, said))
    }

    /// Runs a command that has to fail with that code; gives what it complained of.
    fn fails(&self, code: i32, line: &str) -> Result<String> {
        let output = self.run(line)?;
        let said = errors(&output);
        assert_eq!(output.status.code(), Some(code), "climsim {line}: {said}");
        assert!(output.stdout.is_empty(), "climsim {line}: an error belongs to the standard error");
        assert!(!said.contains("panicked"), "climsim {line}: {said}");
        Ok(said)
    }

    /// Puts a file of the committed planet into the folder.
    fn planet(&self, name: &str) -> Result {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/synthetic_free");
        std::fs::write(self.path(name), plain(&folder.join(format!("{name}.gz")))?)?;
        Ok(())
    }
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The bytes of a file, decompressed when its name ends in `.gz`.
fn plain(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        let packed = std::mem::take(&mut bytes);
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// The reference file `name`, plain or `.gz`; `None`, said loudly, when it is not here.
fn golden(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden");
    let found = [folder.join(name), folder.join(format!("{name}.gz"))].into_iter().find(|p| p.is_file());
    if found.is_none() {
        eprintln!("SKIPPED: the reference file {name} is not here");
    }
    found
}

#[test]
fn every_command_has_its_help() -> Result {
    let desk = Desk::new()?;
    let whole = desk.done("--help")?;
    for command in COMMANDS {
        assert!(whole.lines().any(|line| line.trim_start().starts_with(command)), "{command} is not listed");
        let help = desk.done(&format!("{command} --help"))?;
        assert!(help.contains(&format!("Usage: climsim {command}")), "{command}: {help}");
        // Whatever is to be given is explained.
        for line in help.lines().map(str::trim).filter(|line| line.starts_with("--") || line.starts_with('<'))
        {
            let explained = line.split_once("  ").is_some_and(|(_, text)| !text.trim().is_empty());
            assert!(explained || help.contains(&format!("{line}\n          ")), "{command}: {line}");
        }
    }
    for command in ["user add", "user password"] {
        assert!(desk.done(&format!("{command} --help"))?.contains("standard input"));
    }
    assert_eq!(desk.done("--version")?, format!("climsim {}\n", env!("CARGO_PKG_VERSION")));
    Ok(())
}

#[test]
fn a_wrong_command_line_is_exit_code_2() -> Result {
    let desk = Desk::new()?;
    for (line, word) in [
        ("", "Usage"),
        ("dance", "dance"),
        ("routing topo.nc --topo-var topo", "--out"),
        ("pipeline topo.nc --out here --resolution 1 --no-regrid", "--no-regrid"),
        ("regrid topo.nc out.nc --min-valid-fraction 2", "0 to 1"),
        ("routing topo.nc --topo-var topo --out here --release 1999", "use 2021, 2023 or corrected"),
        ("regrid topo.nc", "<OUTPUT>"),
        ("regrid topo.nc out.nc --lon-step wide", "wide"),
        ("regrid topo.nc out.nc --lon-step 0", "0"),
        ("regrid topo.nc out.nc --lat-step nan", "nan"),
        ("regrid topo.nc out.nc --lat-step=-1", "-1"),
        ("regrid topo.nc out.nc --interpolator cubic", "bilinear, nearest"),
        ("ocean-grid out.nc --poles 1,2,3", "four numbers"),
        ("ocean-grid out.nc --poles 105,60,-70,60", "opposite meridians"),
        ("ocean-grid out.nc --resolution 0", "0"),
        ("heatflow bathy.nc", "<OUTPUT>"),
        ("remap-weights a.nc b.nc --out out.nc --source-coordinates lon", "LON,LAT"),
    ] {
        let said = desk.fails(2, line)?;
        assert!(said.contains(word), "climsim {line}: {said}");
    }
    assert_eq!(std::fs::read_dir(desk.0.path())?.count(), 0, "nothing was written");
    Ok(())
}

#[test]
fn what_fails_is_exit_code_1_and_names_file_variable_and_remedy() -> Result {
    let desk = Desk::new()?;
    desk.planet("raw.nc")?;
    desk.planet("routing.nc")?;
    std::fs::write(desk.path("notes.nc"), "these are notes")?;
    std::fs::write(
        desk.path("table.json"),
        r#"{"dataArray": [[15, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]}"#,
    )?;
    std::fs::write(desk.path("file"), "in the way")?;
    for (line, words) in [
        ("regrid none.nc out.nc", &["none.nc"][..]),
        ("regrid notes.nc out.nc", &["notes.nc", "not a NetCDF file"]),
        ("regrid raw.nc out.nc --lon x --lat lat", &["raw.nc", "'x'", "topo"]),
        ("regrid raw.nc out.nc --lon-step 0.001 --lat-step 0.001", &["raw.nc"]),
        ("regrid raw.nc file/out.nc", &["file"]),
        ("routing raw.nc --topo-var height --out out", &["raw.nc", "'height'", "topo"]),
        ("routing notes.nc --topo-var topo --out out", &["notes.nc"]),
        ("routing raw.nc --topo-var topo --out out --ocean-grid notes.nc", &["notes.nc"]),
        ("routing raw.nc --topo-var topo --out out --relief-latitudes raw.nc", &["raw.nc", "'latitude'"]),
        ("pft raw.nc out.nc --table none.json", &["none.json"]),
        ("pft routing.nc out.nc --table table.json", &["table.json", "90"]),
        ("heatflow raw.nc out.nc", &["raw.nc", "'Bathymetry'"]),
        ("ahmcoef raw.nc out.nc", &["raw.nc", "'Bathymetry'"]),
        ("subbasins raw.nc out.nc", &["raw.nc", "'Bathymetry'"]),
        ("internal-oceans raw.nc --var height", &["raw.nc", "'height'", "topo"]),
        ("passages raw.nc --var lat", &["raw.nc", "'lat'"]),
        ("pipeline raw.nc --topo-var topo --out file", &["file"]),
    ] {
        let said = desk.fails(1, line)?;
        assert!(said.starts_with("climsim: ") || said.contains("\nclimsim: "), "climsim {line}: {said}");
        for word in words {
            assert!(said.contains(word), "climsim {line}: no '{word}' in: {said}");
        }
        assert!(!desk.path("out.nc").exists() && !desk.path("out").join("routing.nc").exists(), "{line}");
    }
    Ok(())
}

#[test]
fn the_committed_planet_comes_out_to_the_byte() -> Result {
    let desk = Desk::new()?;
    desk.planet("raw.nc")?;
    desk.planet("routing.nc")?;
    desk.done("pipeline raw.nc --topo-var topo --out all --release 2021")?;
    let mut made: Vec<_> = std::fs::read_dir(desk.path("all"))?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    made.sort();
    let expected = [
        "ahmcoef.nc",
        "bathy.nc",
        "coordinates.nc",
        "heatflow.nc",
        "pft.nc",
        "routing.nc",
        "soils.nc",
        "sub_basins.nc",
        "topo_high_res.nc",
        "weights",
    ];
    assert_eq!(made, expected);
    desk.planet("soils.nc")?;
    assert!(std::fs::read(desk.path("all/soils.nc"))? == std::fs::read(desk.path("soils.nc"))?, "soils");
    desk.done("pft routing.nc made.nc --release 2021")?;
    desk.planet("pft.nc")?;
    assert!(std::fs::read(desk.path("made.nc"))? == std::fs::read(desk.path("pft.nc"))?, "pft");
    // Step by step the same as in one go.
    desk.done("routing raw.nc --topo-var topo --out one --release 2021")?;
    for name in ["ahmcoef", "subbasins"] {
        desk.done(&format!("{name} one/bathy.nc one/{name}.nc --release 2021"))?;
    }
    for (one, all) in [
        ("routing", "routing"),
        ("bathy", "bathy"),
        ("topo_high_res", "topo_high_res"),
        ("ahmcoef", "ahmcoef"),
        ("subbasins", "sub_basins"),
    ] {
        let read = |folder: &str, name: &str| std::fs::read(desk.path(&format!("{folder}/{name}.nc")));
        assert!(read("one", one)? == read("all", all)?, "{all}");
    }
    Ok(())
}

/// The whole chain on the original's test topography, as a modeller types it, byte for byte what the original stored.
#[test]
fn the_reference_comes_out_to_the_byte() -> Result {
    let (Some(raw), Some(grid), Some(latitudes)) = (
        golden("input_60ma/raw.nc"),
        golden("grids/paleorca2_40Ma_grid.nc"),
        golden("grids/topo_high_res_latitudes.nc"),
    ) else {
        return Ok(());
    };
    let desk = Desk::new()?;
    for (from, to) in [(raw, "raw.nc"), (grid, "grid.nc"), (latitudes, "latitudes.nc")] {
        std::fs::copy(from, desk.path(to))?;
    }
    for (release, folder, names) in [
        (
            "2021",
            "input_60ma",
            &["routing", "bathy", "soils", "topo_high_res", "pft", "heatflow", "ahmcoef", "sub_basins"][..],
        ),
        ("2023", "release_2023/input_60ma", &["routing", "bathy", "heatflow", "ahmcoef"]),
    ] {
        desk.done(&format!(
            "pipeline raw.nc --topo-var topo --out {release} --ocean-grid grid.nc \
             --relief-latitudes latitudes.nc --release {release}"
        ))?;
        for name in names {
            let Some(reference) = golden(&format!("{folder}/{name}.nc")) else { continue };
            let expected = plain(&reference)?;
            let mut bytes = std::fs::read(desk.path(&format!("{release}/{name}.nc")))?;
            if *name == "heatflow" {
                // The one thing that changes from run to run, and the last bits of a logarithm.
                let mut made = dataset::from_bytes(&bytes, name)?;
                let stored = dataset::from_bytes(&expected, name)?;
                let stamp = made.attributes.text("TimeStamp").map(str::len);
                assert_eq!(stamp, stored.attributes.text("TimeStamp").map(str::len));
                take_over_last_bits(&mut made, &stored)?;
                made.attributes.clone_from(&stored.attributes);
                bytes = dataset::to_bytes(&made)?;
            }
            assert!(bytes == expected, "release {release}: {name} differs");
        }
    }
    // Regridding: the demonstration file of the original.
    if let Some(source) = golden("standard_regrid/source/source.nc") {
        std::fs::copy(source, desk.path("source.nc"))?;
        for (case, options) in [
            ("linear_default", "--interpolator linear --limits default"),
            ("nearest_default", "--interpolator nearest"),
            ("linear_data", "--limits data"),
            ("linear_default_0p7", "--lon-step 0.7 --lat-step 0.7"),
        ] {
            desk.done(&format!("regrid source.nc {case}.nc {options} --release 2023"))?;
            let Some(reference) = golden(&format!("standard_regrid/{case}/raw.nc")) else { continue };
            assert!(std::fs::read(desk.path(&format!("{case}.nc")))? == plain(&reference)?, "{case}");
        }
    }
    Ok(())
}

/// A planet with continents, on these centres.
fn heights(lat: &[f64], lon: &[f64]) -> ndarray::Array2<f64> {
    ndarray::Array2::from_shape_fn((lat.len(), lon.len()), |(i, j)| {
        let (y, x) = (lat[i].to_radians(), lon[j].to_radians());
        (3000.0 * (2.0 * x).sin() * y.cos() - 900.0 + 2000.0 * (3.0 * y).sin()).round()
    })
}

fn axis(first: f64, step: f64, count: usize) -> Vec<f64> {
    (0..count).map(|k| first + step * k as f64).collect()
}

/// A file with a map of these values on these axes.
fn relief_file(name: &str, values: Values, lat: &[f64], lon: &[f64]) -> Dataset {
    let mut file = Dataset::new();
    let attributes = Attributes::new().with("units", "m");
    for (axis, values, units) in [("lat", lat, "degrees_north"), ("lon", lon, "degrees_east")] {
        let attributes = Attributes::new().with("units", units);
        file.add_f64(axis, &[axis], ndarray::arr1(values).into_dyn(), attributes);
    }
    file.variables.push(dataset::Variable::new(name, &["lat", "lon"], values, attributes));
    file
}

#[test]
fn any_global_topography_becomes_a_set() -> Result {
    let desk = Desk::new()?;
    // Grid lines from pole to pole with the first column again, as reconstructions come.
    let (lat, lon) = (axis(-90.0, 2.0, 91), axis(-180.0, 2.0, 181));
    let lines = relief_file("z", Values::F32(heights(&lat, &lon).mapv(|h| h as f32).into_dyn()), &lat, &lon);
    // Fine cells from 0 to 360, north up, as relief data come.
    let (lat, lon) = (axis(89.9, -0.2, 900), axis(0.1, 0.2, 1800));
    let fine =
        relief_file("ROSE", Values::I16(heights(&lat, &lon).mapv(|h| h as i16).into_dyn()), &lat, &lon);
    // A grid that routing takes as it is.
    let (lat, lon) = (axis(-88.0, 4.0, 45), axis(2.0, 4.0, 90));
    let plain = relief_file("elevation", Values::F64(heights(&lat, &lon).into_dyn()), &lat, &lon);
    for (name, file, said, regridded) in [
        ("lines", lines, "a grid that routing does not take", true),
        ("fine", fine, "small cells", true),
        ("plain", plain, "'elevation'", false),
    ] {
        dataset::write(&file, desk.path(&format!("{name}.nc")))?;
        let output = desk.run(&format!("pipeline {name}.nc --out {name} --release corrected"))?;
        assert_eq!(output.status.code(), Some(0), "{name}: {}", errors(&output));
        assert!(errors(&output).contains(said), "{name}: {}", errors(&output));
        for made in ["routing", "bathy", "soils", "topo_high_res", "pft", "heatflow", "ahmcoef", "sub_basins"]
        {
            assert!(desk.path(&format!("{name}/{made}.nc")).is_file(), "{name}: {made}");
        }
        assert!(desk.path(&format!("{name}/weights")).is_dir());
        assert_eq!(desk.path(&format!("{name}/topography.nc")).is_file(), regridded, "{name}");
        let routing = dataset::File::open(desk.path(&format!("{name}/routing.nc")))?;
        let shape = &routing.header().variable("topo").ok_or("no topo")?.shape;
        assert!(shape.ends_with(if regridded { &[180, 360] } else { &[45, 90] }), "{name}: {shape:?}");
    }
    Ok(())
}

#[test]
fn what_the_pipeline_cannot_decide_is_one_question() -> Result {
    let desk = Desk::new()?;
    let (lat, lon) = (axis(-88.0, 4.0, 45), axis(-178.0, 4.0, 90));
    let values = || heights(&lat, &lon).into_dyn();
    let mut two = relief_file("z", Values::F64(values()), &lat, &lon);
    two.add_f64("bedrock", &["lat", "lon"], values(), Attributes::new().with("units", "m"));
    dataset::write(&two, desk.path("two.nc"))?;
    let land = values().mapv(|height| if height > 0.0 { height } else { f64::NAN });
    dataset::write(&relief_file("z", Values::F64(land), &lat, &lon), desk.path("land.nc"))?;
    let (north, east) = (axis(10.5, 1.0, 40), axis(0.5, 1.0, 60));
    let regional = relief_file("z", Values::F64(heights(&north, &east).into_dyn()), &north, &east);
    dataset::write(&regional, desk.path("regional.nc"))?;
    for (file, words) in [
        ("two", &["--topo-var", "z, bedrock"][..]),
        ("land", &["'z'", "--fill-missing"]),
        ("regional", &["does not cover the globe"]),
    ] {
        let said = desk.fails(1, &format!("pipeline {file}.nc --out out --release corrected"))?;
        for word in words {
            assert!(said.contains(word), "{file}: no '{word}' in {said}");
        }
        assert!(!desk.path("out/routing.nc").exists(), "{file}");
    }
    desk.done("routing two.nc --topo-var bedrock --out named --release corrected")?;
    desk.done("pipeline land.nc --out filled --release corrected --fill-missing -3000")?;
    assert!(desk.path("filled/weights").is_dir());
    Ok(())
}

#[test]
fn regridding_has_a_choice_of_methods() -> Result {
    let desk = Desk::new()?;
    let (lat, lon) = (axis(-87.5, 5.0, 36), axis(-177.5, 5.0, 72));
    dataset::write(
        &relief_file("topo", Values::F64(heights(&lat, &lon).into_dyn()), &lat, &lon),
        desk.path("t.nc"),
    )?;
    let mut results = Vec::new();
    for method in ["conservative", "conservative2", "bilinear", "nearest", "linear", "auto"] {
        desk.done(&format!(
            "regrid t.nc {method}.nc --lon-step 10 --lat-step 10 --method {method} --release corrected"
        ))?;
        let made = dataset::read(desk.path(&format!("{method}.nc")))?;
        results.push(made.variable("topo").and_then(dataset::Variable::decode).ok_or("no topo")?);
    }
    let [conservative, _, bilinear, nearest, linear, auto] = results.as_slice() else {
        return Err("six".into());
    };
    assert_eq!((conservative, bilinear), (auto, linear));
    assert!(conservative != bilinear && bilinear != nearest);
    let said = desk.fails(1, "regrid t.nc out.nc --method conservative --release 2023")?;
    assert!(said.contains("corrected"), "{said}");
    let said = desk.fails(1, "regrid t.nc out.nc --lon lat --lat lon")?;
    assert!(said.contains("exchange them") && said.contains("t.nc"), "{said}");
    Ok(())
}

/// Gives `made` the reference's heat flow where both are the same to 1e-14.
fn take_over_last_bits(made: &mut Dataset, stored: &Dataset) -> Result {
    let theirs = stored.variable("heatflow").and_then(dataset::Variable::decode).ok_or("no heat flow")?;
    let ours = made.variables.iter_mut().find(|v| v.name == "heatflow").ok_or("no heat flow")?;
    let Values::F64(values) = &mut ours.values else { return Err("heat flow is double".into()) };
    for (ours, theirs) in values.iter_mut().zip(&theirs) {
        if (*ours - theirs).abs() <= 1e-14 * theirs.abs() {
            *ours = *theirs;
        }
    }
    Ok(())
}

/// An enclosed sea, and a passage of one cell.
///
/// ```text
///  . . . . . .      . sea
///  . # # # # .      # land
///  . # . # # .      the enclosed sea
///  . # # # # .
///  . . . . . .
///  . . . . . .
///  # # . # # #      the passage
///  . . . . . .
/// ```
fn bathymetry() -> Dataset {
    let map = ["......", ".####.", ".#.##.", ".####.", "......", "......", "##.###", "......"];
    let depth = |row: usize, column: usize| if map[row].as_bytes()[column] == b'.' { 1000.0 } else { 0.0 };
    let mut file = Dataset::new();
    let array = |f: &dyn Fn(usize, usize) -> f64| {
        ndarray::Array2::from_shape_fn((8, 6), |(row, column)| f(row, column)).into_dyn()
    };
    file.add_f64("Bathymetry", &["y", "x"], array(&depth), Attributes::new());
    file.add_f64("nav_lon", &["y", "x"], array(&|_, x| 60.0 * x as f64 - 150.0), Attributes::new());
    file.add_f64("nav_lat", &["y", "x"], array(&|y, _| 22.5 * y as f64 - 78.75), Attributes::new());
    file
}

#[test]
fn seas_and_passages_as_text_as_json_and_as_a_map() -> Result {
    let desk = Desk::new()?;
    dataset::write(&bathymetry(), desk.path("bathy.nc"))?;
    let seas = desk.done("internal-oceans bathy.nc --var Bathymetry")?;
    assert_eq!(seas, "1 internal ocean\n  row 2, column 2 (lon -30.00, lat -33.75): 1 cell\n");
    let json: Value =
        serde_json::from_str(&desk.done("internal-oceans bathy.nc --var Bathymetry --json --out seas.nc")?)?;
    assert_eq!((json["count"].as_u64(), json["cells"].as_u64()), (Some(1), Some(1)));
    assert_eq!(json["internal_oceans"][0]["lon"], -30.0);
    let made = dataset::read(desk.path("seas.nc"))?;
    let labels = made.variable("internal_oceans").and_then(dataset::Variable::decode).ok_or("no labels")?;
    assert_eq!(labels.shape(), [8, 6]);
    assert!(labels[[1, 1]].is_nan() && labels[[2, 2]] > 0.0 && labels[[2, 2]] != labels[[0, 0]]);
    assert!(made.variable("nav_lon").is_some() && made.variable("nav_lat").is_some());

    let text = desk.done("passages bathy.nc --var Bathymetry")?;
    assert_eq!(text, "1 one-cell passage\n  row 6, column 2 (lon -30.00, lat 56.25)\n");
    let json: Value =
        serde_json::from_str(&desk.done("passages bathy.nc --var Bathymetry --json --out p.nc")?)?;
    assert_eq!(
        (json["passages"][0]["row"].as_u64(), json["passages"][0]["column"].as_u64()),
        (Some(6), Some(2))
    );
    let marks = dataset::read(desk.path("p.nc"))?.variable("passages").and_then(dataset::Variable::decode);
    assert_eq!(marks.ok_or("no marks")?[[6, 2]], 2.0);
    Ok(())
}

/// A planet of `COLUMNS` by `ROWS` cells: land in two blocks, a lake of three rows on the date line.
mod world {
    use super::*;

    pub(super) const COLUMNS: usize = 36;
    pub(super) const ROWS: usize = 18;

    pub(super) fn lon() -> Vec<f64> {
        (0..COLUMNS).map(|i| 10.0 * i as f64 - 175.0).collect()
    }

    pub(super) fn lat() -> Vec<f64> {
        (0..ROWS).map(|j| 10.0 * j as f64 - 85.0).collect()
    }

    /// Metres, by place.
    pub(super) fn height(lon: f64, lat: f64) -> f64 {
        let lon = (lon + 180.0).rem_euclid(360.0) - 180.0;
        let from_date_line = 180.0 - lon.abs();
        match () {
            () if from_date_line < 10.0 && lat.abs() < 20.0 => -100.0,
            () if from_date_line < 30.0 && lat.abs() < 40.0 => 300.0 + lat + from_date_line,
            () if lon.abs() < 40.0 && (10.0..60.0).contains(&lat) => 500.0 + lon - lat,
            () => -3000.0 - lat,
        }
    }

    pub(super) fn attributes(list: &[(&str, &str)]) -> Attributes {
        list.iter().fold(Attributes::new(), |all, (name, value)| all.with(name, *value))
    }

    /// A file with these coordinates, named and described so.
    pub(super) fn file(
        (lon_name, lon, lon_attributes): (&str, &[f64], &[(&str, &str)]),
        (lat_name, lat, lat_attributes): (&str, &[f64], &[(&str, &str)]),
        (variable, more): (&str, &[(&str, &str)]),
    ) -> Dataset {
        let mut file = Dataset::new();
        for (name, values, list) in [(lat_name, lat, lat_attributes), (lon_name, lon, lon_attributes)] {
            file.add_f64(name, &[name], ndarray::aview1(values).to_owned().into_dyn(), attributes(list));
        }
        let map = ndarray::Array2::from_shape_fn((lat.len(), lon.len()), |(j, i)| height(lon[i], lat[j]));
        let units = attributes(more).with("units", "m");
        file.add_f64(variable, &[lat_name, lon_name], map.into_dyn(), units);
        file
    }

    pub(super) const EAST: &[(&str, &str)] = &[("units", "degrees_east")];
    pub(super) const NORTH: &[(&str, &str)] = &[("units", "degrees_north")];

    pub(super) fn plain() -> Dataset {
        file(("lon", &lon(), EAST), ("lat", &lat(), NORTH), ("topo", &[]))
    }
}

/// The four files of a routing, as values.
fn routed(desk: &Desk, input: &str, variable: &str) -> Result<Vec<Vec<u64>>> {
    desk.done(&format!("routing {input} --topo-var {variable} --release corrected --out routed"))?;
    let mut all = Vec::new();
    for name in ["routing.nc", "bathy.nc", "soils.nc", "topo_high_res.nc"] {
        for variable in dataset::read(desk.path("routed").join(name))?.variables {
            let values = variable.decode().ok_or("text")?;
            all.push(values.iter().map(|v| if v.is_nan() { 0 } else { v.to_bits() }).collect());
        }
    }
    Ok(all)
}

#[test]
fn case_15_and_21_coordinates_are_read_however_they_are_written() -> Result {
    use world::{EAST, NORTH, file, lat, lon};
    let desk = Desk::new()?;
    dataset::write(&world::plain(), desk.path("plain.nc"))?;
    let expected = routed(&desk, "plain.nc", "topo")?;
    let jump: Vec<f64> =
        (0..36).map(|k| 5.0 + 10.0 * f64::from(k)).map(|l| if l > 180.0 { l - 360.0 } else { l }).collect();
    let falling: Vec<f64> = lon().into_iter().rev().collect();
    let cyclic: Vec<f64> = lon().into_iter().chain([185.0]).collect();
    let degree = |word: &'static str| [("units", word)];
    let mut radians = world::plain();
    for variable in &mut radians.variables[..2] {
        variable.values = Values::F64(variable.decode().ok_or("text")?.mapv(f64::to_radians));
        variable.attributes.set("units", "radian");
    }
    let files = [
        file(("X", &lon(), &degree("degree_east")), ("Y", &lat(), &degree("degree_north")), ("topo", &[])),
        file(("x", &lon(), &[]), ("y", &lat(), &[]), ("topo", &[])),
        file(("a", &lon(), &degree("degrees E")), ("b", &lat(), &degree("degN")), ("topo", &[])),
        file(("lon", &jump, EAST), ("lat", &lat(), NORTH), ("topo", &[])),
        file(("lon", &falling, EAST), ("lat", &lat(), NORTH), ("topo", &[])),
        file(("lon", &cyclic, EAST), ("lat", &lat(), NORTH), ("topo", &[])),
        radians,
    ];
    for (k, file) in files.iter().enumerate() {
        dataset::write(file, desk.path("other.nc"))?;
        assert!(routed(&desk, "other.nc", "topo")? == expected, "file {k}");
        // The same columns for other commands.
        let links = desk.done("remap-weights other.nc plain.nc --method bilinear --out w.nc")?;
        assert!(links.ends_with("to 648 of 648 cells\n"), "file {k}: {links}");
        desk.done("regrid other.nc made.nc --release corrected --lon-step 10 --lat-step 10")?;
    }
    Ok(())
}

#[test]
fn case_00_exchanged_coordinates_are_refused_by_names_and_by_values() -> Result {
    let desk = Desk::new()?;
    dataset::write(&world::plain(), desk.path("named.nc"))?;
    let unnamed = world::file(("a", &world::lon(), &[]), ("b", &world::lat(), &[]), ("topo", &[]));
    dataset::write(&unnamed, desk.path("unnamed.nc"))?;
    for (file, lon, lat) in [("named.nc", "lat", "lon"), ("unnamed.nc", "b", "a")] {
        for command in [
            format!("regrid {file} o.nc --lon {lon} --lat {lat}"),
            format!("routing {file} --topo-var topo --lon {lon} --lat {lat} --out o"),
            format!("remap-weights {file} named.nc --source-coordinates {lon},{lat} --out w.nc"),
        ] {
            let said = desk.fails(1, &command)?;
            assert!(said.contains("exchange them") && said.contains(file), "{command}: {said}");
        }
    }
    Ok(())
}

#[test]
fn case_17_a_rotated_pole_is_named_and_true_positions_are_used() -> Result {
    let desk = Desk::new()?;
    let rotated = |name| [("units", "degrees"), ("standard_name", name)];
    let (lon, lat): (Vec<f64>, Vec<f64>) =
        ((-15..16).map(f64::from).collect(), (-10..11).map(f64::from).collect());
    let mut file = world::file(
        ("rlon", &lon, &rotated("grid_longitude")),
        ("rlat", &lat, &rotated("grid_latitude")),
        ("topo", &[("grid_mapping", "pole")]),
    );
    file.add_i32(
        "pole",
        &[],
        ndarray::ArrayD::zeros(vec![]),
        Attributes::new().with("grid_mapping_name", "rotated_latitude_longitude"),
    );
    dataset::write(&file, desk.path("rotated.nc"))?;
    dataset::write(&world::plain(), desk.path("plain.nc"))?;
    for command in [
        "regrid rotated.nc o.nc",
        "regrid rotated.nc o.nc --lon rlon --lat rlat",
        "routing rotated.nc --topo-var topo --out o",
        "remap-weights rotated.nc plain.nc --out w.nc",
    ] {
        let said = desk.fails(1, command)?;
        assert!(said.contains("rotated pole") && said.contains("remapbil"), "{command}: {said}");
    }
    let plane = |f: &dyn Fn(f64, f64) -> f64| {
        ndarray::Array2::from_shape_fn((21, 31), |(j, i)| f(lon[i], lat[j])).into_dyn()
    };
    file.add_f64("lon", &["rlat", "rlon"], plane(&|x, y| 10.0 + x + 0.1 * y), world::attributes(world::EAST));
    file.add_f64(
        "lat",
        &["rlat", "rlon"],
        plane(&|x, y| 50.0 + y - 0.1 * x),
        world::attributes(world::NORTH),
    );
    dataset::write(&file, desk.path("rotated.nc"))?;
    desk.done("remap-weights plain.nc rotated.nc --method nearest --out w.nc")?;
    let said = desk.fails(1, "routing rotated.nc --topo-var topo --out o")?;
    assert!(said.contains("curvilinear"), "{said}");
    Ok(())
}

#[test]
fn case_18_a_circle_in_single_precision_is_closed() -> Result {
    let desk = Desk::new()?;
    let lon: Vec<f64> = (0..100).map(|k| f64::from(k as f32 * 3.6_f32)).collect();
    let mut single =
        world::file(("lon", &lon, world::EAST), ("lat", &world::lat(), world::NORTH), ("topo", &[]));
    for variable in &mut single.variables[..2] {
        variable.values = Values::F32(variable.decode().ok_or("text")?.mapv(|v| v as f32));
        variable.attributes.remove("_FillValue");
    }
    dataset::write(&single, desk.path("single.nc"))?;
    dataset::write(&world::plain(), desk.path("plain.nc"))?;
    let said = desk.done("remap-weights single.nc plain.nc --method bilinear --out w.nc")?;
    assert!(said.ends_with("to 648 of 648 cells\n"), "{said}");
    let seas = desk.done("internal-oceans single.nc --var topo")?;
    assert!(seas.starts_with("1 internal ocean\n"), "{seas}");
    Ok(())
}

#[test]
fn case_27_the_coordinates_attribute_says_which_pair() -> Result {
    let desk = Desk::new()?;
    let mut file = Dataset::new();
    let plane = |f: &dyn Fn(f64, f64) -> f64| {
        ndarray::Array2::from_shape_fn((12, 20), |(j, i)| f(i as f64, j as f64)).into_dyn()
    };
    for (name, shift, units) in [("ULAT", 1.5, world::NORTH), ("TLAT", 0.0, world::NORTH)] {
        file.add_f64(
            name,
            &["nlat", "nlon"],
            plane(&|x, y| 3.0 * y + 0.1 * x + shift),
            world::attributes(units),
        );
    }
    for (name, shift, units) in [("ULONG", 1.5, world::EAST), ("TLONG", 0.0, world::EAST)] {
        file.add_f64(
            name,
            &["nlat", "nlon"],
            plane(&|x, y| 3.0 * x + 0.1 * y + shift),
            world::attributes(units),
        );
    }
    let listed = Attributes::new().with("coordinates", "TLONG TLAT");
    file.add_f64("KMT", &["nlat", "nlon"], plane(&|x, _| x), listed);
    dataset::write(&file, desk.path("pop.nc"))?;
    dataset::write(&world::plain(), desk.path("plain.nc"))?;
    desk.done("remap-weights pop.nc plain.nc --method nearest --format scrip --out by_attribute.nc")?;
    desk.done("remap-weights pop.nc plain.nc --source-coordinates TLONG,TLAT --method nearest --format scrip --out named.nc")?;
    let centres = |name: &str| -> Result<Option<Vec<f64>>> {
        let made = dataset::read(desk.path(name))?;
        Ok(made
            .variable("src_grid_center_lon")
            .and_then(dataset::Variable::decode)
            .map(|v| v.into_iter().collect()))
    };
    assert!(centres("named.nc")?.is_some());
    assert_eq!(centres("by_attribute.nc")?, centres("named.nc")?);
    Ok(())
}

#[test]
fn case_32_order_of_dimensions_and_region_decide_as_they_should() -> Result {
    let desk = Desk::new()?;
    dataset::write(&world::plain(), desk.path("plain.nc"))?;
    let mut turned = world::plain();
    let topo = turned.variables.last_mut().ok_or("no map")?;
    let values = topo.decode().ok_or("text")?.reversed_axes().insert_axis(ndarray::Axis(0));
    topo.values = Values::F64(values.as_standard_layout().into_owned());
    topo.dimensions = vec!["time".into(), "lon".into(), "lat".into()];
    turned.add_dimension("time", 1);
    dataset::write(&turned, desk.path("turned.nc"))?;
    for command in ["internal-oceans", "passages"] {
        let said = |file: &str| desk.done(&format!("{command} {file} --var topo --out {file}.labels"));
        let (plain, other) = (said("plain.nc")?, said("turned.nc")?);
        assert_eq!(plain, other);
        let labels = |name: &str| -> Result<Option<Vec<u64>>> {
            let made = dataset::read(desk.path(name))?;
            let values = made.variable(&command.replace('-', "_")).and_then(dataset::Variable::decode);
            Ok(values.map(|v| v.iter().map(|x| x.to_bits()).collect()))
        };
        assert!(labels("plain.nc.labels")?.is_some());
        assert_eq!(labels("plain.nc.labels")?, labels("turned.nc.labels")?);
    }
    let seas = desk.done("internal-oceans turned.nc --var topo")?;
    assert_eq!(seas, "1 internal ocean\n  row 7, column 0 (lon -175.00, lat -15.00): 8 cells\n");
    // A region ends where it ends: its western edge, half of the lake, does not meet the sea at its eastern edge.
    let file = world::file(
        ("lon", &world::lon()[..30], world::EAST),
        ("lat", &world::lat(), world::NORTH),
        ("topo", &[]),
    );
    dataset::write(&file, desk.path("part.nc"))?;
    let seas = desk.done("internal-oceans part.nc --var topo")?;
    assert_eq!(seas, "1 internal ocean\n  row 7, column 0 (lon -175.00, lat -15.00): 4 cells\n");
    Ok(())
}

#[test]
fn case_41_a_part_of_the_globe_is_said_to_be_one() -> Result {
    let desk = Desk::new()?;
    let lon: Vec<f64> = (0..60).map(f64::from).collect();
    let part = world::file(("lon", &lon, world::EAST), ("lat", &world::lat(), world::NORTH), ("topo", &[]));
    dataset::write(&part, desk.path("part.nc"))?;
    let said = desk.fails(1, "routing part.nc --topo-var topo --out o")?;
    assert!(said.contains("does not cover the globe") && said.contains("'lon'"), "{said}");
    // Nodes instead of centres: one way out, and it leads out.
    let nodes: Vec<f64> = (0..19).map(|j| 10.0 * f64::from(j) - 90.0).collect();
    let file = world::file(("lon", &world::lon(), world::EAST), ("lat", &nodes, world::NORTH), ("topo", &[]));
    dataset::write(&file, desk.path("nodes.nc"))?;
    let said = desk.fails(1, "routing nodes.nc --topo-var topo --out o")?;
    assert!(said.contains("release 'corrected'"), "{said}");
    desk.done("regrid nodes.nc centres.nc --release corrected --lon-step 10 --lat-step 10")?;
    desk.done("routing centres.nc --topo-var topo --out o")?;
    Ok(())
}

#[test]
fn ocean_grids_of_any_resolution_and_poles() -> Result {
    let desk = Desk::new()?;
    let shape = |name: &str| -> Result<Vec<usize>> {
        let file = dataset::File::open(desk.path(name))?;
        Ok(file.header().variable("glamt").ok_or("no glamt")?.shape.clone())
    };
    desk.done("ocean-grid default.nc")?;
    assert!(shape("default.nc")?.ends_with(&[149, 182]), "{:?}", shape("default.nc")?);
    desk.done("ocean-grid coarse.nc --resolution 4 --poles -60,70,120,65")?;
    let coarse = shape("coarse.nc")?;
    assert_eq!(coarse.last(), Some(&92), "{coarse:?}");
    // And it serves: as the ocean grid of a routing.
    desk.planet("raw.nc")?;
    desk.done("routing raw.nc --topo-var topo --out out --ocean-grid coarse.nc")?;
    let bathymetry = dataset::read(desk.path("out/bathy.nc"))?;
    let bathymetry = bathymetry.variable("Bathymetry").ok_or("no Bathymetry")?;
    assert_eq!(bathymetry.shape(), &coarse[coarse.len() - 2..]);
    // And as one side of an interpolation, the other named by its coordinates.
    let line =
        "remap-weights coarse.nc raw.nc --method nearest --target-coordinates lon,lat --out weights.nc";
    assert!(desk.done(line)?.starts_with("weights.nc: "));
    Ok(())
}

#[test]
fn findings_are_said_and_corrections_are_named_in_the_file() -> Result {
    let desk = Desk::new()?;
    desk.planet("raw.nc")?;
    let said = errors(&desk.run("routing raw.nc --topo-var topo --out out")?);
    assert!(said.contains("routing: ") && said.contains("[zero-metre-cells]"), "{said}");
    assert!(!said.contains('\r') && !said.contains('\u{1b}'), "no progress line in a log: {said}");
    let history = |file: &str| -> Result<String> {
        let made = dataset::read(desk.path(file))?;
        Ok(made.attributes.text("history").unwrap_or_default().to_owned())
    };
    assert!(history("out/routing.nc")?.contains("release corrected"));
    // Every command is right unless it is told to be as the original was.
    desk.done("regrid raw.nc fine.nc --lon-step 2 --lat-step 2")?;
    desk.done("pft out/routing.nc out/pft.nc")?;
    desk.done("heatflow out/bathy.nc out/heatflow.nc")?;
    desk.done("pipeline raw.nc --topo-var topo --out all")?;
    for file in
        ["fine.nc", "out/pft.nc", "out/heatflow.nc", "all/bathy.nc", "all/topo_high_res.nc", "all/pft.nc"]
    {
        assert!(history(file)?.contains("release corrected"), "{file}: {}", history(file)?);
    }
    desk.done("pipeline raw.nc --topo-var topo --out published --release 2023")?;
    for file in ["routing", "bathy", "soils", "topo_high_res", "pft", "heatflow"] {
        assert_eq!(history(&format!("published/{file}.nc"))?, "", "{file}");
    }
    for command in ["regrid", "routing", "pft", "heatflow", "subbasins", "pipeline"] {
        let help = desk.done(&format!("{command} --help"))?;
        assert!(help.contains("[default: corrected]"), "{command}: {help}");
    }
    Ok(())
}

/// On a terminal the step shows how far it is; `script` (of every Debian) brings the terminal.
#[test]
fn a_terminal_sees_progress() -> Result {
    let desk = Desk::new()?;
    desk.planet("raw.nc")?;
    let line = format!("{} routing raw.nc --topo-var topo --out out", env!("CARGO_BIN_EXE_climsim"));
    let output = Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .current_dir(desk.0.path())
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()?;
    let seen = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && seen.contains("routing [") && seen.contains(" %"), "{seen:?}");
    Ok(())
}

#[test]
fn d8_accounts_and_databases_are_looked_after() -> Result {
    let desk = Desk::new()?;
    desk.done("init-db --instance here")?;
    let added = desk.run_with("user add wegener --instance here", "continents drift\n")?;
    assert_eq!(added.status.code(), Some(0), "{}", errors(&added));
    let again = desk.run_with("user add wegener --instance here", "continents drift\n")?;
    assert_eq!(again.status.code(), Some(1));
    assert!(errors(&again).contains("wegener"), "{}", errors(&again));
    let open = || Store::open(&Config { instance: desk.path("here"), database_url: None, pool_size: 1 });
    assert!(open()?.authenticate("wegener", "continents drift")?.is_some());

    // A second time: refused, nothing lost; unless told to, and then the old one is kept.
    let said = desk.fails(1, "init-db --instance here")?;
    assert!(said.contains("--start-anew") && said.contains("netcdf_editor.sqlite"), "{said}");
    let changed = desk.run_with("user password wegener --instance here", "plates move\n")?;
    assert_eq!(changed.status.code(), Some(0), "{}", errors(&changed));
    assert!(open()?.authenticate("wegener", "plates move")?.is_some());
    assert!(desk.fails(1, "user password nobody --instance here")?.contains("nobody"));
    assert!(desk.done("init-db --instance here --start-anew")?.contains("backups"));
    assert!(open()?.user_by_name("wegener")?.is_none());
    let kept = std::fs::read_dir(desk.path("here/backups"))?
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().ends_with(".sqlite"));
    assert!(kept, "the old database is in the backups");
    Ok(())
}

#[test]
fn the_doctor_finds_what_is_missing_and_what_changed() -> Result {
    let desk = Desk::new()?;
    let store = Store::open(&Config { instance: desk.path("here"), database_url: None, pool_size: 1 })?;
    let owner = store.create_user("wegener", "continents drift")?;
    let upload = |text: &str| -> Result<PathBuf> {
        let staged = store.stage(".nc")?;
        std::fs::write(staged.path(), text)?;
        let id = store.create_data_file(
            owner,
            "topo.nc",
            serde_json::Map::new(),
            store::Release::default(),
            staged,
        )?;
        let revision = store.revisions(id)?.pop().ok_or("no revision")?;
        Ok(store.path(&revision))
    };
    let (kept, lost) = (upload("one")?, upload("two")?);
    assert!(desk.done("doctor --instance here")?.contains("missing files: 0"));
    std::fs::write(&kept, "other")?;
    std::fs::remove_file(&lost)?;
    let output = desk.run("doctor --instance here")?;
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stdout.clone())?;
    for path in [kept, lost] {
        let name = path.file_name().ok_or("a name")?.to_string_lossy().into_owned();
        assert!(told.contains(&name), "{name}: {told}");
    }
    assert!(errors(&output).contains("backup"), "{}", errors(&output));
    Ok(())
}

/// A tripolar grid of `columns` by `rows` cells whose repeated columns and row are there.
fn tripolar(columns: usize, rows: usize) -> Result<grid::OceanGrid> {
    Ok(grid::orca::grid(&grid::orca::Parameters::for_size(columns, rows))?)
}

/// Two-dimensional coordinates under these names.
fn centres(names: [&str; 2], points: &grid::Points) -> Dataset {
    let mut file = Dataset::new();
    for (name, values, units) in
        [(names[0], &points.lon_deg, "degrees_east"), (names[1], &points.lat_deg, "degrees_north")]
    {
        file.add_f64(name, &["y", "x"], values.clone().into_dyn(), Attributes::new().with("units", units));
    }
    file
}

/// The sums of the weights in a SCRIP file, for each target cell that has any, and the number of links.
fn sums(file: &Dataset) -> Result<(Vec<f64>, usize)> {
    let numbers = |name: &str| file.variable(name).and_then(dataset::Variable::decode).ok_or("no links");
    let (to, weights) = (numbers("dst_address")?, numbers("remap_matrix")?);
    let mut sums = std::collections::BTreeMap::new();
    for (to, weight) in to.iter().zip(&weights) {
        *sums.entry(*to as u64).or_insert(0.0) += weight;
    }
    Ok((sums.into_values().collect(), to.len()))
}

#[test]
fn weights_of_an_ocean_grid_add_up_to_one_however_it_is_stored() -> Result {
    let desk = Desk::new()?;
    let (lat, lon) = (axis(-87.0, 6.0, 30), axis(-177.0, 6.0, 60));
    let target = relief_file("topo", Values::F64(heights(&lat, &lon).into_dyn()), &lat, &lon);
    dataset::write(&target, desk.path("target.nc"))?;
    let whole = tripolar(30, 25)?;
    dataset::write(&whole.to_dataset(), desk.path("whole.nc"))?;
    let mut cut = Dataset::new();
    for variable in &whole.to_dataset().variables {
        let values = variable.decode().ok_or("numbers")?;
        let values = values.slice(ndarray::s![..24, 1..29]).to_owned();
        cut.add_f64(&variable.name, &["y", "x"], values.into_dyn(), variable.attributes.clone());
    }
    dataset::write(&cut, desk.path("cut.nc"))?;
    let mut holed = whole.t().clone();
    for coordinate in [&mut holed.lon_deg, &mut holed.lat_deg] {
        coordinate.slice_mut(ndarray::s![8..14, 10..16]).fill(0.0);
    }
    dataset::write(&centres(["nav_lon", "nav_lat"], &holed), desk.path("holed.nc"))?;
    let mut links = Vec::new();
    for name in ["whole", "cut", "holed"] {
        desk.done(&format!(
            "remap-weights {name}.nc target.nc --format scrip --norm destarea --out {name}-weights.nc"
        ))?;
        let (sums, count) = sums(&dataset::read(desk.path(&format!("{name}-weights.nc")))?)?;
        assert!(sums.iter().all(|sum| *sum < 1.0 + 1e-6), "{name}: {sums:?}");
        links.push(count);
    }
    assert_eq!(links[0], links[1], "the same cells with and without what is repeated");
    let (_, said) = desk.said("remap-weights holed.nc target.nc --out again.nc")?;
    assert!(said.contains("36 of 750 cells of holed.nc have no place"), "{said}");
    Ok(())
}

#[test]
fn routing_takes_no_depth_for_cells_without_a_place_and_no_corners_for_centres() -> Result {
    let desk = Desk::new()?;
    let (lat, lon) = (axis(-87.5, 5.0, 36), axis(-177.5, 5.0, 72));
    let heights = heights(&lat, &lon).into_dyn();
    dataset::write(&relief_file("topo", Values::F64(heights), &lat, &lon), desk.path("t.nc"))?;
    let mut points = tripolar(38, 31)?.t().clone();
    for coordinate in [&mut points.lon_deg, &mut points.lat_deg] {
        coordinate.slice_mut(ndarray::s![10..16, 20..26]).fill(0.0);
    }
    dataset::write(&centres(["nav_lon", "nav_lat"], &points), desk.path("holed.nc"))?;
    let (_, said) = desk.said("routing t.nc --topo-var topo --ocean-grid holed.nc --out holed")?;
    assert!(said.contains("36 of 1178 cells of the ocean grid have no place"), "{said}");
    let made = dataset::read(desk.path("holed/bathy.nc"))?;
    let depth = made.variable("Bathymetry").and_then(dataset::Variable::decode).ok_or("no depth")?;
    assert!(depth.slice(ndarray::s![10..16, 20..26]).iter().all(|depth| *depth == 0.0));

    // The coordinates attribute decides between two pairs, and an option does.
    let mut pairs = centres(["lon_one", "lat_one"], &points);
    let t = tripolar(38, 31)?.t().clone();
    for variable in centres(["lon_two", "lat_two"], &t).variables {
        pairs.variables.push(variable);
    }
    let said = {
        dataset::write(&pairs, desk.path("pairs.nc"))?;
        desk.fails(1, "routing t.nc --topo-var topo --ocean-grid pairs.nc --out pairs")?
    };
    assert!(said.contains("lon_one") && said.contains("lon_two"), "{said}");
    desk.done(
        "routing t.nc --topo-var topo --ocean-grid pairs.nc --ocean-coordinates lon_two,lat_two --out named",
    )?;
    let kmt = Attributes::new().with("coordinates", "lon_two lat_two");
    pairs.add_f64("KMT", &["y", "x"], t.lat_deg.into_dyn(), kmt);
    dataset::write(&pairs, desk.path("pairs.nc"))?;
    desk.done("routing t.nc --topo-var topo --ocean-grid pairs.nc --out pairs")?;
    assert_eq!(std::fs::read(desk.path("named/bathy.nc"))?, std::fs::read(desk.path("pairs/bathy.nc"))?);
    Ok(())
}

#[test]
fn a_bathymetry_with_a_time_is_that_without_and_undeclared_fill_values_are_said() -> Result {
    let desk = Desk::new()?;
    let plain = bathymetry();
    dataset::write(&plain, desk.path("plain.nc"))?;
    let depth = plain.variable("Bathymetry").and_then(dataset::Variable::decode).ok_or("no depth")?;
    let with = |dimensions: &[&str], depth: ndarray::ArrayD<f64>| {
        let mut file = plain.clone();
        file.variables.retain(|v| v.name != "Bathymetry");
        file.add_f64("Bathymetry", dimensions, depth, Attributes::new());
        file
    };
    let timed = depth.clone().insert_axis(ndarray::Axis(0));
    dataset::write(&with(&["t", "y", "x"], timed), desk.path("timed.nc"))?;
    let mut filled = depth;
    filled[[0, 0]] = 9.96921e36;
    dataset::write(&with(&["y", "x"], filled), desk.path("filled.nc"))?;
    for command in ["heatflow", "ahmcoef", "subbasins"] {
        // Bytes: a fill value of NaN equals nothing.
        let made = |name: &str| -> Result<Vec<u8>> {
            desk.done(&format!("{command} {name}.nc {name}-{command}.nc"))?;
            let mut made = dataset::read(desk.path(&format!("{name}-{command}.nc")))?;
            made.attributes.remove("TimeStamp");
            Ok(dataset::to_bytes(&made)?)
        };
        assert!(made("plain")? == made("timed")?, "{command}: another file");
        let (_, said) = desk.said(&format!("{command} filled.nc out.nc"))?;
        assert!(said.contains("1 cells of the bathymetry hold no depth"), "{command}: {said}");
    }
    Ok(())
}

#[test]
fn outputs_respect_what_their_path_is() -> Result {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let desk = Desk::new()?;
    dataset::write(&bathymetry(), desk.path("bathy.nc"))?;
    std::fs::create_dir(desk.path("elsewhere"))?;
    symlink("elsewhere/made.nc", desk.path("link.nc"))?;
    for _ in 0..2 {
        desk.done("ahmcoef bathy.nc link.nc")?;
        assert!(std::fs::symlink_metadata(desk.path("link.nc"))?.is_symlink());
    }
    let made = std::fs::read(desk.path("elsewhere/made.nc"))?;
    std::fs::set_permissions(desk.path("elsewhere/made.nc"), std::fs::Permissions::from_mode(0o640))?;
    desk.done("ahmcoef bathy.nc link.nc")?;
    assert_eq!(std::fs::metadata(desk.path("elsewhere/made.nc"))?.permissions().mode() & 0o777, 0o640);

    assert!(Command::new("mkfifo").arg(desk.path("pipe")).status()?.success());
    let pipe = desk.path("pipe");
    let reader = std::thread::spawn(move || std::fs::read(pipe));
    desk.done("ahmcoef bathy.nc pipe")?;
    assert_eq!(reader.join().map_err(|_| "the reader")??, made);
    desk.done("ahmcoef bathy.nc /dev/null")?;
    let said = desk.fails(1, "ahmcoef bathy.nc elsewhere")?;
    assert!(said.contains("it is a folder"), "{said}");
    Ok(())
}

/// The committed planet with its heights stored in another way.
fn encoded(
    desk: &Desk,
    name: &str,
    variable: &str,
    attributes: Attributes,
    stored: impl Fn(f64) -> f64,
    single: bool,
) -> Result {
    let mut planet = dataset::read(desk.path("raw.nc"))?;
    let topo = planet.variables.iter_mut().find(|v| v.name == "topo").ok_or("no topo")?;
    let values = topo.decode().ok_or("no numbers")?.mapv(stored);
    topo.values = if single { Values::F32(values.mapv(|v| v as f32)) } else { Values::F64(values) };
    topo.attributes = attributes;
    topo.name = variable.to_owned();
    Ok(dataset::write(&planet, desk.path(name))?)
}

/// The heights that were routed, m.
fn routed_heights(desk: &Desk, out: &str) -> Result<Vec<f64>> {
    let file = dataset::read(desk.path(&format!("{out}/routing.nc")))?;
    Ok(file.variable("topo").and_then(dataset::Variable::decode).ok_or("no topo")?.into_iter().collect())
}

/// Cases 01 to 03: units and directions are read, said, and the result is that of metres above sea level.
#[test]
fn any_units_and_directions_make_the_same_files() -> Result {
    let desk = Desk::new()?;
    desk.planet("raw.nc")?;
    desk.done("routing raw.nc --topo-var topo --out plain")?;
    let plain = routed_heights(&desk, "plain")?;
    let units = |units: &str| Attributes::new().with("units", units);
    let depth = "sea_floor_depth_below_geoid";
    let km = |h: f64| h / 1000.0;
    type Case = (&'static str, Attributes, fn(f64) -> f64, &'static str, &'static str);
    let cases: [Case; 7] = [
        ("topo", units("km"), km, "", "units-converted"),
        ("topo", units("ft"), |h| h / 0.3048, "", "units-converted"),
        ("PHIS", units("m**2 s**-2"), |h| h * 9.80665, "", "units-converted"),
        ("depth", units("m"), |h| -h, "", "depth-turned"),
        ("z", units("cm").with("standard_name", depth), |h| -h * 100.0, "", "depth-turned"),
        ("topo", Attributes::new(), km, " --units km", "units-converted"),
        ("topo", units("hPa"), |h| -h, " --units m --positive down", "depth-turned"),
    ];
    for (number, (variable, attributes, stored, options, code)) in cases.into_iter().enumerate() {
        encoded(&desk, "other.nc", variable, attributes, stored, false)?;
        let output = desk.run(&format!("routing other.nc --topo-var {variable} --out o{number}{options}"))?;
        let said = errors(&output);
        assert!(output.status.success() && said.contains(&format!("[{code}]")), "{number}: {said}");
        let heights = routed_heights(&desk, &format!("o{number}"))?;
        // Heights are routed to the millimetre, and rounding may go the other way.
        let apart = heights.iter().zip(&plain).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(heights.len() == plain.len() && apart < 0.02, "{number}: up to {apart} m");
    }
    encoded(&desk, "pressure.nc", "topo", units("hPa"), |h| h, false)?;
    let said = desk.fails(1, "routing pressure.nc --topo-var topo --out o")?;
    assert!(
        said.contains("pressure.nc") && said.contains("'topo' has units \"hPa\"") && said.contains("km"),
        "{said}"
    );
    encoded(&desk, "km.nc", "topo", Attributes::new(), km, false)?;
    let said = errors(&desk.run("routing km.nc --topo-var topo --out o")?);
    assert!(said.contains("looks like kilometres") && said.contains("[heights-beyond-earth]"), "{said}");
    Ok(())
}

/// Case 03: the seas of a topography that is counted downwards are those of the heights.
#[test]
fn seas_of_depths_are_those_of_the_heights() -> Result {
    let desk = Desk::new()?;
    desk.planet("raw.nc")?;
    let depths = Attributes::new().with("units", "km").with("positive", "down");
    encoded(&desk, "depths.nc", "z", depths, |h| -h / 1000.0, false)?;
    for command in ["internal-oceans", "passages"] {
        let heights = desk.done(&format!("{command} raw.nc --var topo"))?;
        assert_eq!(desk.done(&format!("{command} depths.nc --var z"))?, heights, "{command}");
        let said = errors(&desk.run(&format!("{command} depths.nc --var z"))?);
        assert!(said.contains("[depth-read]") && said.contains("[units-converted]"), "{said}");
    }
    Ok(())
}

/// Cases 04, 06 and 30: what a file says is missing is missing, however it says it.
#[test]
fn missing_cells_are_refused_by_name_however_they_are_marked() -> Result {
    let desk = Desk::new()?;
    desk.planet("raw.nc")?;
    let holes = |h: f64, hole: f64| if h > 3000.0 { hole } else { h };
    let limits = Attributes::new().with("valid_min", -12_000).with("valid_max", 9000.0);
    let range = Attributes::new().with("valid_range", "-12000, 9000");
    let text = Attributes::new().with("missing_value", "-99999.");
    let none = Attributes::new();
    for (attributes, hole, word) in [
        (limits, -20_000.0, "valid range"),
        (range, -20_000.0, "valid range"),
        (text, -99_999.0, "have no value"),
        (none, 9.969_209_968_386_869e36, "never written"),
    ] {
        encoded(&desk, "holed.nc", "topo", attributes, |h| holes(h, hole), true)?;
        let said = desk.fails(1, "routing holed.nc --topo-var topo --out o")?;
        assert!(
            said.contains("cells of variable 'topo' have no value") && said.contains(word),
            "{hole}: {said}"
        );
    }
    let doubtful = Attributes::new().with("missing_value", "none");
    encoded(&desk, "doubtful.nc", "topo", doubtful, |h| h, true)?;
    let said = errors(&desk.run("routing doubtful.nc --topo-var topo --out o")?);
    assert!(said.contains("[attribute-not-understood]") && said.contains("\"none\""), "{said}");
    Ok(())
}

/// Cases 08 and 10: what is beside the values, and beside the map, never spoils the result.
#[test]
fn regridding_leaves_nothing_that_hides_values_and_stops_at_nothing_beside_the_map() -> Result {
    let desk = Desk::new()?;
    desk.planet("raw.nc")?;
    let mut planet = dataset::read(desk.path("raw.nc"))?;
    let topo = planet.variables.iter_mut().find(|v| v.name == "topo").ok_or("no topo")?;
    let packed = topo.decode().ok_or("no numbers")?.mapv(|h| ((h + 12_000.0) / 100.0) as u8 as i8);
    topo.values = Values::I8(packed);
    topo.attributes = Attributes::new()
        .with("_Unsigned", "true")
        .with("scale_factor", 100.0)
        .with("add_offset", -12_000.0)
        .with("valid_range", dataset::AttributeValue::I8(vec![0, -2]));
    let text = Values::Text(ndarray::arr1(&["one".to_owned()]).into_dyn());
    planet.add_dimension("n", 1);
    planet.variables.push(dataset::Variable::new("names", &["n"], text, Attributes::new()));
    dataset::write(&planet, desk.path("packed.nc"))?;
    let output = desk.run("regrid packed.nc o.nc --lon-step 5 --lat-step 5 --interpolator nearest")?;
    assert!(output.status.success(), "{}", errors(&output));
    let made = dataset::read(desk.path("o.nc"))?;
    let topo = made.variable("topo").ok_or("no topo")?;
    let words = ["valid", "range", "Unsigned", "scale", "offset"];
    let left: Vec<&str> = topo
        .attributes
        .iter()
        .map(|(name, _)| name)
        .filter(|n| words.iter().any(|w| n.contains(w)))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    let Values::F64(values) = &topo.values else { return Err("not double".into()) };
    assert!(values.iter().all(|h| h.is_finite() && h.abs() <= 13_500.0), "{values:?}");
    assert!(made.variable("names").is_some());
    Ok(())
}
