//! What `corrected` changes: every file of a topography with it and with 2023, as a table, and as maps.
//!
//! ```text
//! cargo run -p boundary --example compare_releases                      # the tables of docs/releases.md
//! cargo run -p boundary --example compare_releases -- topo.nc topo      # of a topography of your own (classic NetCDF)
//! cargo run -p boundary --example compare_releases -- --maps docs/releases
//! ```
//!
//! Without a file the cases are the synthetic planet of `tests/data`, and the reference cases where they lie beside the
//! checkout (`../shared/golden`). Maps are made of the synthetic planet only.

use std::error::Error;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use boundary::pft::Table;
use boundary::regrid::{self, Limits};
use boundary::{Release, Silent, ahmcoef, heatflow, pft, routing, subbasins};
use dataset::{Attributes, Dataset, Values, Variable};
use grid::{Points, orca};
use ndarray::{Array2, Ix2};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const BEFORE: Release = Release::R2023;
const AFTER: Release = Release::Corrected;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => {
            for (title, raw, name) in cases()? {
                println!("### {title}\n");
                tables(&raw, &name)?;
            }
        }
        ["--maps", folder] => maps(Path::new(folder))?,
        [file, name] => tables(&read(Path::new(file))?, name)?,
        _ => return Err("give nothing, FILE VARIABLE, or --maps FOLDER".into()),
    }
    Ok(())
}

/// The planet of `tests/data`, and what lies beside the checkout.
fn cases() -> Result<Vec<(String, Dataset, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cases = vec![("The synthetic planet of tests/data".to_owned(), planet()?, "topo".to_owned())];
    for (title, file, name) in [
        ("The demonstration topography of the original (60 Ma)", "input_60ma/raw.nc", "topo"),
        ("The demonstration of regridding", "standard_regrid/linear_default/raw.nc", "Z"),
    ] {
        let path = root.join("../../../shared/golden").join(file);
        match path.is_file() {
            true => cases.push((title.to_owned(), read(&path)?, name.to_owned())),
            false => eprintln!("SKIPPED: {title}: no {}", path.display()),
        }
    }
    Ok(cases)
}

fn planet() -> Result<Dataset> {
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/synthetic_free/raw.nc.gz"))
}

fn read(path: &Path) -> Result<Dataset> {
    let mut bytes = std::fs::read(path)?;
    if path.extension().is_some_and(|extension| extension == "gz") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut plain)?;
        bytes = plain;
    }
    Ok(dataset::from_bytes(&bytes, &path.display().to_string())?)
}

/// The files of a topography.
struct Files {
    routing: Dataset,
    bathy: Dataset,
    soils: Dataset,
    relief: Dataset,
    pft: Dataset,
    heatflow: Dataset,
    ahmcoef: Dataset,
    sub_basins: Dataset,
}

fn files(raw: &Dataset, name: &str, release: Release, ocean: &Points) -> Result<Files> {
    let parameters = routing::Parameters { release, ..routing::Parameters::new(name) };
    let made = routing::run(raw, &parameters, ocean, &Silent)?;
    let time_stamp = String::new();
    Ok(Files {
        pft: pft::run(&made.routing, &pft::Parameters { table: Table::default(), release }, &Silent)?.dataset,
        heatflow: heatflow::run(&made.bathy, &heatflow::Parameters { time_stamp, release }, &Silent)?.dataset,
        ahmcoef: ahmcoef::run(&made.bathy, &Silent)?.dataset,
        sub_basins: subbasins::run(&made.bathy, &subbasins::Parameters { release, saved: None }, &Silent)?
            .dataset,
        routing: made.routing,
        bathy: made.bathy,
        soils: made.soils,
        relief: made.topo_high_res,
    })
}

/// Regrids to steps of `step` degrees over the globe.
fn regridded(raw: &Dataset, name: &str, step: f64, release: Release) -> Result<Dataset> {
    let (lon, lat) = coordinates(raw, name)?;
    let parameters = regrid::Parameters {
        longitude_step_degrees: step,
        latitude_step_degrees: step,
        limits: Limits::Default,
        release,
        ..regrid::Parameters::one_degree(&lon, &lat)
    };
    Ok(regrid::run(raw, &parameters, &Silent)?.dataset)
}

/// The names of longitude and latitude: the dimensions of the map.
fn coordinates(raw: &Dataset, name: &str) -> Result<(String, String)> {
    match &raw.variable(name).ok_or("no such variable")?.dimensions[..] {
        [lat, lon] => Ok((lon.clone(), lat.clone())),
        _ => Err("the topography is no map".into()),
    }
}

/// The same planet with longitudes from 0 to 360, as most data packages have them.
fn from_greenwich(raw: &Dataset, name: &str) -> Result<Dataset> {
    let (lon, lat) = coordinates(raw, name)?;
    let longitudes = values(raw, &lon)?;
    let first = longitudes.iter().position(|&degrees| degrees >= 0.0).unwrap_or_default();
    let heights = map(raw, name)?;
    let columns = heights.ncols();
    let rolled = Array2::from_shape_fn(heights.dim(), |(i, j)| heights[[i, (j + first) % columns]]);
    let degrees = (0..columns).map(|j| longitudes[(j + first) % columns].rem_euclid(360.0));
    let mut made = Dataset::new();
    made.add_f64(name, &[&lat, &lon], rolled.into_dyn(), Attributes::new());
    made.add_f64(&lat, &[&lat], ndarray::Array1::from(values(raw, &lat)?).into_dyn(), Attributes::new());
    made.add_f64(&lon, &[&lon], ndarray::Array1::from_iter(degrees).into_dyn(), Attributes::new());
    Ok(made)
}

fn values(file: &Dataset, name: &str) -> Result<Vec<f64>> {
    let variable = file.variable(name).ok_or_else(|| format!("no variable {name}"))?;
    Ok(variable.decode().ok_or("no numbers")?.into_iter().collect())
}

fn map(file: &Dataset, name: &str) -> Result<Array2<f64>> {
    let variable = file.variable(name).ok_or_else(|| format!("no variable {name}"))?;
    let values = variable.decode().ok_or("no numbers")?;
    let shape = variable.values.shape().to_vec();
    let (rows, columns) = match shape[..] {
        [.., rows, columns] if shape.iter().product::<usize>() == rows * columns => (rows, columns),
        _ => return Err(format!("{name} is no map").into()),
    };
    Ok(values.into_shape_with_order((rows, columns))?.into_dimensionality::<Ix2>()?)
}

fn tables(raw: &Dataset, name: &str) -> Result<()> {
    let ocean = orca::t_points(&orca::Parameters::default())?;
    let (before, after) = (files(raw, name, BEFORE, &ocean)?, files(raw, name, AFTER, &ocean)?);
    println!(
        "| file | variable | cells | that differ | by up to | mean | least | greatest | without a value |"
    );
    println!("| --- | --- | --: | --: | --: | --: | --: | --: | --: |");
    for (file, before, after) in [
        ("routing", &before.routing, &after.routing),
        ("bathy", &before.bathy, &after.bathy),
        ("soils", &before.soils, &after.soils),
        ("topo_high_res", &before.relief, &after.relief),
        ("pft", &before.pft, &after.pft),
        ("heatflow", &before.heatflow, &after.heatflow),
        ("ahmcoef", &before.ahmcoef, &after.ahmcoef),
        ("sub_basins", &before.sub_basins, &after.sub_basins),
    ] {
        rows(file, before, after);
    }
    for (file, source, step) in [
        ("regrid to 1°", raw.clone(), 1.0),
        ("regrid to 0.5°", raw.clone(), 0.5),
        ("regrid to 1° from 0..360", from_greenwich(raw, name)?, 1.0),
    ] {
        rows(file, &regridded(&source, name, step, BEFORE)?, &regridded(&source, name, step, AFTER)?);
    }
    println!();
    let (old, new) = (Counts::new(&before)?, Counts::new(&after)?);
    println!("| | 2023 | corrected |\n| --- | --: | --: |");
    for (what, old, new) in [
        ("land cells of the routing", old.land, new.land),
        ("river basins", old.basins, new.basins),
        ("outlets into the sea (river and coastal)", old.outlets, new.outlets),
        ("longest way to the sea, km", old.longest_km, new.longest_km),
        ("sea cells of the bathymetry", old.sea, new.sea),
        ("sea cells without heat flow", old.without_heat, new.without_heat),
    ] {
        println!("| {what} | {old} | {new} |");
    }
    println!();
    Ok(())
}

/// A row of the table for each variable that is no coordinate.
fn rows(file: &str, before: &Dataset, after: &Dataset) {
    let coordinate = |variable: &&Variable| {
        variable.values.shape().len() >= 2 && !variable.name.to_lowercase().starts_with("nav")
    };
    for variable in before.variables.iter().filter(coordinate) {
        let Some(other) = after.variable(&variable.name) else { continue };
        let (Some(old), Some(new)) = (variable.decode(), other.decode()) else { continue };
        let pairs = || old.iter().zip(&new);
        let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
        let differ = pairs().filter(|&(&a, &b)| !same(a, b)).count();
        let largest = pairs().map(|(a, b)| (a - b).abs()).filter(|d| !d.is_nan()).fold(0.0, f64::max);
        let empty = |values: &ndarray::ArrayD<f64>| values.iter().filter(|v| v.is_nan()).count();
        let (a, b) = (Range::new(old.iter()), Range::new(new.iter()));
        println!(
            "| {file} | `{}` | {} | {differ} | {} | {} | {} | {} | {} |",
            variable.name,
            old.len(),
            short(largest),
            change(&short(a.mean), &short(b.mean)),
            change(&short(a.least), &short(b.least)),
            change(&short(a.greatest), &short(b.greatest)),
            change(&empty(&old).to_string(), &empty(&new).to_string()),
        );
    }
}

/// `2023 → corrected`, or once where they are the same.
fn change(before: &str, after: &str) -> String {
    if before == after { before.to_owned() } else { format!("{before} → {after}") }
}

/// Four figures are enough for a table.
fn short(value: f64) -> String {
    if value == 0.0 || value.is_nan() {
        return if value.is_nan() { "–".to_owned() } else { "0".to_owned() };
    }
    let decimals = (3 - value.abs().log10().floor() as i64).clamp(0, 6) as usize;
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// Mean and extremes of the values that are there.
struct Range {
    mean: f64,
    least: f64,
    greatest: f64,
}

impl Range {
    fn new<'a>(values: impl Iterator<Item = &'a f64>) -> Self {
        let known: Vec<f64> = values.copied().filter(|value| !value.is_nan()).collect();
        Self {
            mean: known.iter().sum::<f64>() / known.len() as f64,
            least: known.iter().copied().fold(f64::NAN, f64::min),
            greatest: known.iter().copied().fold(f64::NAN, f64::max),
        }
    }
}

/// What a modeller would count.
struct Counts {
    land: usize,
    basins: usize,
    outlets: usize,
    longest_km: usize,
    sea: usize,
    without_heat: usize,
}

impl Counts {
    fn new(files: &Files) -> Result<Self> {
        let trip = map(&files.routing, "trip")?;
        let depth = map(&files.bathy, "Bathymetry")?;
        let heat = map(&files.heatflow, "heatflow")?;
        let count = |map: &Array2<f64>, is: fn(f64) -> bool| map.iter().filter(|value| is(**value)).count();
        Ok(Self {
            land: count(&trip, |code| !code.is_nan()),
            basins: Range::new(map(&files.routing, "basins")?.iter()).greatest as usize,
            outlets: count(&trip, |code| code >= 97.0),
            longest_km: Range::new(map(&files.routing, "disto")?.iter()).greatest.round() as usize,
            sea: count(&depth, |depth| depth > 0.0),
            without_heat: depth
                .iter()
                .zip(&heat)
                .filter(|&(&depth, &heat)| depth > 0.0 && heat == 0.0)
                .count(),
        })
    }
}

/// A colour for each kind of cell.
const PALETTE: [[u8; 3]; 8] = [
    [222, 235, 247], // sea
    [217, 217, 217], // land
    [178, 24, 43],   // higher in corrected, or newly there
    [33, 102, 172],  // lower in corrected
    [255, 255, 255], // without a value
    [244, 165, 130], // somewhat higher
    [146, 197, 222], // somewhat lower
    [80, 80, 80],    // another kind
];
const SEA: u8 = 0;
const LAND: u8 = 1;
const HIGHER: u8 = 2;
const LOWER: u8 = 3;
const EMPTY: u8 = 4;
const OTHER: u8 = 7;

/// Where the two releases differ on the synthetic planet.
fn maps(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let (raw, name) = (planet()?, "topo");
    let ocean = orca::t_points(&orca::Parameters::default())?;
    let (before, after) = (files(&raw, name, BEFORE, &ocean)?, files(&raw, name, AFTER, &ocean)?);
    let (old, new) = (map(&before.routing, "topo")?, map(&after.routing, "topo")?);
    let ground = |height: f64| if height > 0.0 { LAND } else { SEA };
    let heights = ndarray::Zip::from(&old).and(&new).map_collect(|&old, &new| match new - old {
        difference if difference > 1.0 => HIGHER,
        difference if difference < -1.0 => LOWER,
        difference if difference > 0.0 => 5,
        difference if difference < 0.0 => 6,
        _ => ground(new),
    });
    write_png(&folder.join("heights.png"), &heights, 2)?;
    let (flow, corrected) = (map(&before.routing, "trip")?, map(&after.routing, "trip")?);
    let directions = ndarray::Zip::from(&flow).and(&corrected).map_collect(|&old, &new| {
        match (old.is_nan(), new.is_nan()) {
            (true, true) => SEA,
            (false, true) => LOWER,
            (true, false) => HIGHER,
            (false, false) if old != new => OTHER,
            (false, false) => LAND,
        }
    });
    write_png(&folder.join("directions.png"), &directions, 2)?;
    let depth = map(&after.bathy, "Bathymetry")?;
    let (flow, corrected) = (map(&before.heatflow, "heatflow")?, map(&after.heatflow, "heatflow")?);
    let heat =
        ndarray::Zip::from(&flow).and(&corrected).and(&depth).map_collect(|&old, &new, &depth| {
            match (old == new, old == 0.0) {
                (true, _) if depth > 0.0 => SEA,
                (true, _) => LAND,
                (false, true) => HIGHER,
                (false, false) => OTHER,
            }
        });
    // Rows of the ocean grid run south to north, as those of the regridded file.
    write_png(&folder.join("heatflow.png"), &flipped(&heat), 3)?;
    let source = from_greenwich(&raw, name)?;
    for (file, release) in [("regrid_2023.png", BEFORE), ("regrid_corrected.png", AFTER)] {
        let made = map(&regridded(&source, name, 1.0, release)?, name)?;
        let cells = made.mapv(|height| if height.is_nan() { EMPTY } else { ground(height) });
        write_png(&folder.join(file), &flipped(&cells), 2)?;
    }
    let (old, new) = (map(&before.relief, relief_name(&before)?)?, map(&after.relief, relief_name(&after)?)?);
    // A sixth of a degree: the south-western corner shows the rim.
    let corner = |map: &Array2<f64>| map.slice(ndarray::s![-120.., ..240]).to_owned();
    let (old, new) = (corner(&old), corner(&new));
    let relief = ndarray::Zip::from(&old).and(&new).map_collect(|&old, &new| match new - old {
        difference if difference > 1.0 => HIGHER,
        difference if difference < -1.0 => LOWER,
        _ => ground(new),
    });
    write_png(&folder.join("relief.png"), &relief, 2)?;
    Ok(())
}

fn relief_name(files: &Files) -> Result<&str> {
    let map = files.relief.variables.iter().find(|variable| {
        matches!(variable.values, Values::F32(_) | Values::F64(_)) && variable.values.shape().len() == 2
    });
    Ok(&map.ok_or("the relief has no map")?.name)
}

fn flipped(map: &Array2<u8>) -> Array2<u8> {
    map.slice(ndarray::s![..;-1, ..]).to_owned()
}

/// Writes a map of palette indices, each cell `scale` pixels wide, the first row at the top.
fn write_png(path: &PathBuf, cells: &Array2<u8>, scale: usize) -> Result<()> {
    let (rows, columns) = cells.dim();
    let mut lines = Vec::new();
    for i in 0..rows * scale {
        lines.push(0);
        lines.extend((0..columns * scale).map(|j| cells[[i / scale, j / scale]]));
    }
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&lines)?;
    let mut header = Vec::new();
    for size in [columns * scale, rows * scale] {
        header.extend(u32::try_from(size)?.to_be_bytes());
    }
    // Eight bits, a palette, the only compression and filter method, not interlaced.
    header.extend([8, 3, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in
        [(b"IHDR", header), (b"PLTE", PALETTE.concat()), (b"IDAT", packed.finish()?), (b"IEND", Vec::new())]
    {
        png.extend(u32::try_from(data.len())?.to_be_bytes());
        let mut checked = flate2::Crc::new();
        checked.update(kind);
        checked.update(&data);
        png.extend(kind);
        png.extend(&data);
        png.extend(checked.sum().to_be_bytes());
    }
    std::fs::write(path, png)?;
    Ok(())
}
