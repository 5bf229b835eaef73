//! Interpolation weights beside those of CDO, on one machine in one run: `cargo bench -p remap --bench remap`.
//!
//! Prints, in Markdown, processor time and memory for growing grids, and how far fields interpolated with both sets of
//! weights are from the four analytical functions of S. Valcke, A. Piacentini, G. Jonville (2022): Benchmarking
//! regridding libraries used in Earth system modelling, Mathematical and Computational Applications 27, 31. `README.md`
//! keeps a run. Without CDO (Debian: `cdo`) its columns are missing.
//!
//! Times are processor time, which a busy machine does not lengthen, of one thread: of the computation alone, and of
//! everything that CDO does too (reading the grids, computing, writing the file).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dataset::{Attributes, Dataset};
use grid::{RegularGrid, orca};
use ndarray::{Array1, Array2, Array3};
use remap::{Format, Mesh, Method, Norm, Weights};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Result<()> {
    // Reading HDF5 re-runs this program as a child with nothing else to do.
    dataset::contained::run_if_child();
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name);
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    let ocean = at("orca2.nc");
    let grid = orca::grid(&orca::Parameters::default())?;
    dataset::write(&with_bounds(&Mesh::ocean(&grid)?), &ocean)?;
    let lmdz =
        regular_file(&at("lmdz.nc"), 144, (0..143).map(|j| -90.0 + f64::from(j) * 180.0 / 142.0).collect())?;
    let centred = |columns: usize, rows: usize| -> Result<PathBuf> {
        let step = 180.0 / rows as f64;
        let lat = (0..rows).map(|j| -90.0 + (j as f64 + 0.5) * step).collect();
        regular_file(&at(&format!("r{columns}x{rows}.nc")), columns, lat)
    };

    println!("## Time and memory, one thread\n");
    println!(
        "| grids | links | computing, s | with files, s | CDO gencon, s | CDO / ours with files | peak, MB |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (name, source, target) in [
        ("ORCA2 to LMDZ 144x143", ocean.clone(), lmdz.clone()),
        ("LMDZ 144x143 to ORCA2", lmdz.clone(), ocean.clone()),
        ("1440x720 to 360x180", centred(1440, 720)?, centred(360, 180)?),
        ("900x450 to 90x45", centred(900, 450)?, centred(90, 45)?),
        ("1800x900 to 180x90", centred(1800, 900)?, centred(180, 90)?),
        ("3600x1800 to 360x180", centred(3600, 1800)?, centred(360, 180)?),
        (
            "450x225 to 45x22, as polygons",
            polygons(&at("p450.nc"), 450, 225)?,
            polygons(&at("p45.nc"), 45, 22)?,
        ),
        (
            "900x450 to 90x45, as polygons",
            polygons(&at("p900.nc"), 900, 450)?,
            polygons(&at("p90.nc"), 90, 45)?,
        ),
        (
            "1800x900 to 180x90, as polygons",
            polygons(&at("p1800.nc"), 1800, 900)?,
            polygons(&at("p180.nc"), 180, 90)?,
        ),
    ] {
        one.install(|| time(name, &source, &target, &at("ours.nc"), &at("cdo.nc")))?;
    }
    threads_agree(&ocean, &lmdz)?;

    println!("\n## Misfit to analytical functions\n");
    println!("Of the target values, relative to the function at the centre; cells with any coverage.\n");
    println!("| grids | function | weights | mean | maximum | RMS |\n|---|---|---|---|---|---|");
    for (name, source, target) in [("ORCA2 to LMDZ", &ocean, &lmdz), ("LMDZ to ORCA2", &lmdz, &ocean)] {
        misfits(name, source, target, &at("cdo.nc"))?;
    }
    println!("\n## What must hold (ORCA2 to LMDZ 144x143 and back)\n");
    println!("| grids | weights | row sums off 1 by | constant field's integral off by |\n|---|---|---|---|");
    for (name, source, target) in [("ORCA2 to LMDZ", &ocean, &lmdz), ("LMDZ to ORCA2", &lmdz, &ocean)] {
        invariants(name, &mesh(source)?, &mesh(target)?);
    }
    Ok(())
}

/// Processor seconds of this process so far, nanoseconds exactly, of all threads that live.
fn own_cpu_s() -> Result<f64> {
    let mut nanoseconds = 0.0;
    for task in fs::read_dir("/proc/self/task")? {
        let text = fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
        nanoseconds += text.split(' ').next().unwrap_or("0").parse::<f64>().unwrap_or(0.0);
    }
    Ok(nanoseconds / 1e9)
}

/// Processor seconds of the children that have ended.
fn children_cpu_s() -> Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let after = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = after.split_whitespace().collect();
    let ticks = |k: usize| fields.get(k).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    // User and system time of the children, in hundredths of a second.
    Ok((ticks(13) + ticks(14)) / 100.0)
}

fn peak_mb() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kb = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|kb| kb.parse::<f64>().ok());
    Ok(kb.unwrap_or(0.0) / 1024.0)
}

fn mesh(path: &Path) -> Result<Mesh> {
    Ok(Mesh::from_dataset(&dataset::read(path)?, None)?)
}

fn time(name: &str, source: &Path, target: &Path, ours: &Path, cdo: &Path) -> Result<()> {
    // The least of some runs: what is more comes from the machine.
    let (mut computing, mut whole, mut links) = (f64::INFINITY, f64::INFINITY, 0);
    // Forgets the peak so far; where that is not allowed, it is the peak of all grids up to here.
    let _ = fs::write("/proc/self/clear_refs", "5");
    for _ in 0..3 {
        let start = own_cpu_s()?;
        let (from, to) = (mesh(source)?, mesh(target)?);
        let read = own_cpu_s()?;
        let weights = remap::weights(&from, &to, Method::Conservative, Norm::FracArea);
        computing = computing.min(own_cpu_s()? - read);
        links = weights.len();
        let file = remap::to_dataset(&weights, (&from, "source"), (&to, "target"), Format::Scrip);
        dataset::write(&file, ours)?;
        whole = whole.min(own_cpu_s()? - start);
    }
    let peak = peak_mb()?;
    let theirs =
        (0..3).filter_map(|_| gencon(source, target, cdo).transpose()).collect::<Result<Vec<f64>>>()?;
    let theirs = theirs.into_iter().reduce(f64::min);
    let (time, ratio) = match theirs {
        Some(time) => (format!("{time:.2}"), format!("{:.1}", time / whole)),
        None => ("-".to_owned(), "-".to_owned()),
    };
    println!("| {name} | {links} | {computing:.3} | {whole:.3} | {time} | {ratio} | {peak:.0} |");
    Ok(())
}

/// CDO's weights into a file; its processor seconds, or nothing without CDO.
fn gencon(source: &Path, target: &Path, out: &Path) -> Result<Option<f64>> {
    let before = children_cpu_s()?;
    let mut command = Command::new("cdo");
    command.args(["-s", "-P", "1"]).arg(format!("gencon,{}", target.display())).arg(source).arg(out);
    match command.stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(Some(children_cpu_s()? - before)),
        Ok(status) => Err(format!("cdo gencon of {} ended with {status}", source.display()).into()),
        Err(_) => Ok(None),
    }
}

/// Any number of threads gives the same bits.
fn threads_agree(source: &Path, target: &Path) -> Result<()> {
    let (source, target) = (mesh(source)?, mesh(target)?);
    let with = |threads: usize| -> Result<Weights> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        Ok(pool.install(|| remap::weights(&source, &target, Method::Conservative2, Norm::FracArea)))
    };
    let first = with(1)?;
    for threads in [2, 3, 7] {
        if with(threads)? != first {
            return Err(format!("{threads} threads give other weights than one").into());
        }
    }
    println!("\nORCA2 to LMDZ 144x143, second order: the same bits with 1, 2, 3 and 7 threads.");
    Ok(())
}

/// Longitude and latitude in radians.
type Function = fn(f64, f64) -> f64;

/// A smooth wave over the globe.
fn sinusoid(lon: f64, lat: f64) -> f64 {
    2.0 - ((lat.cos() * lon.cos()).clamp(-1.0, 1.0).acos() / 1.2).cos()
}

/// Sixteen waves along each of two bands.
fn harmonic(lon: f64, lat: f64) -> f64 {
    2.0 + (2.0 * lat).sin().powi(16) * (16.0 * lon).cos()
}

/// A slow gradient wound up around a point.
fn vortex(lon: f64, lat: f64) -> f64 {
    let (pole_lon, pole_lat, radius, steepness, time) = (5.5_f64, 0.2_f64, 3.0, 5.0, 6.0);
    let along = lat.cos() * (lon - pole_lon).cos();
    let x = pole_lat.sin() * along - pole_lat.cos() * lat.sin();
    let y = lat.cos() * (lon - pole_lon).sin();
    let z = pole_lat.sin() * lat.sin() + pole_lat.cos() * along;
    let (turned_lon, turned_lat) = (y.atan2(x), z.clamp(-1.0, 1.0).asin());
    let rho = radius * turned_lat.cos();
    let speed = 1.5 * 3.0_f64.sqrt() / rho.cosh().powi(2) * rho.tanh();
    let turning = if rho == 0.0 { 0.0 } else { speed / rho };
    2.0 * (1.0 + (rho / steepness * (turned_lon - turning * time).sin()).tanh())
}

/// The wave with a meandering ridge across the North Atlantic, one degree wide and steep.
fn gulf_stream(lon: f64, lat: f64) -> f64 {
    let rad = f64::to_radians;
    let (origin, end, fading) = ((rad(-80.0), rad(25.0)), (rad(-1.8), rad(50.0)), (rad(-25.5), rad(55.5)));
    let from_origin = |to: (f64, f64)| (to.0 - origin.0).hypot(to.1 - origin.1);
    let (end_distance, fading_distance) = (from_origin(end), from_origin(fading));
    let here = (grid::sphere::wrap_longitude(lon.to_degrees()).to_radians(), lat);
    let distance = from_origin(here);
    let angle = (here.1 - origin.1).atan2(here.0 - origin.0);
    let mut height = if distance > end_distance { 0.0 } else { 1.3 };
    if distance > fading_distance {
        let faded = (distance - fading_distance) / (end_distance - fading_distance);
        height *= (std::f64::consts::FRAC_PI_2 * faded).cos();
    }
    let phase = 0.4 * (0.5 * distance + angle) + 0.007 * (50.0 * angle).cos() + 0.37 * std::f64::consts::PI;
    sinusoid(lon, lat) + ((1000.0 * phase.sin()).max(999.0) - 999.0) * height
}

const FUNCTIONS: [(&str, Function); 4] =
    [("sinusoid", sinusoid), ("harmonic", harmonic), ("vortex", vortex), ("gulfstream", gulf_stream)];

fn on_cells(mesh: &Mesh, function: Function) -> Vec<f64> {
    let at = |cell: usize| {
        let (lon, lat) = mesh.centre_deg(cell);
        function(lon.to_radians(), lat.to_radians())
    };
    (0..mesh.len()).map(at).collect()
}

fn misfits(name: &str, source: &Path, target: &Path, cdo: &Path) -> Result<()> {
    let theirs = match gencon(source, target, cdo)? {
        Some(_) => Some(dataset::read(cdo)?),
        None => None,
    };
    let (source, target) = (mesh(source)?, mesh(target)?);
    for (function, values) in FUNCTIONS {
        let (field, truth) = (on_cells(&source, values), on_cells(&target, values));
        let row = |weights: &str, values: Vec<Option<f64>>| {
            let misfit = |(value, truth): (Option<f64>, &f64)| Some((value? - truth).abs() / truth.abs());
            let all: Vec<f64> = values.into_iter().zip(&truth).filter_map(misfit).collect();
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let rms = (all.iter().map(|m| m * m).sum::<f64>() / all.len() as f64).sqrt();
            let most = all.iter().copied().fold(0.0, f64::max);
            println!("| {name} | {function} | {weights} | {mean:.2e} | {most:.2e} | {rms:.2e} |");
        };
        for (label, method) in [
            ("conservative", Method::Conservative),
            ("conservative2", Method::Conservative2),
            ("bilinear", Method::Bilinear),
        ] {
            let weights = remap::weights(&source, &target, method, Norm::FracArea);
            let covered =
                |(cell, value): (usize, f64)| (weights.target_fraction[cell] > 0.0).then_some(value);
            row(label, weights.apply(&field).into_iter().enumerate().map(covered).collect());
        }
        if let Some(file) = &theirs {
            row("CDO gencon", apply_scrip(file, &field, target.len())?);
        }
    }
    Ok(())
}

/// The target field by the weights of a SCRIP file; nothing where a cell has no link.
fn apply_scrip(file: &Dataset, field: &[f64], cells: usize) -> Result<Vec<Option<f64>>> {
    let numbers = |name: &str| -> Result<Vec<f64>> {
        let values = file.variable(name).and_then(|v| v.values.to_f64());
        Ok(values.ok_or_else(|| format!("no {name} in CDO's file"))?.into_iter().collect())
    };
    let (to, from, weights) = (numbers("dst_address")?, numbers("src_address")?, numbers("remap_matrix")?);
    let mut values = vec![None; cells];
    for ((to, from), weight) in to.iter().zip(&from).zip(&weights) {
        // Addresses count from 1.
        *values[*to as usize - 1].get_or_insert(0.0) += weight * field[*from as usize - 1];
    }
    Ok(values)
}

fn invariants(name: &str, source: &Mesh, target: &Mesh) {
    for (label, method) in [("conservative", Method::Conservative), ("conservative2", Method::Conservative2)]
    {
        let weights = remap::weights(source, target, method, Norm::FracArea);
        let ones = weights.apply(&vec![1.0; source.len()]);
        let covered = ones.iter().zip(&weights.target_fraction).filter(|(_, part)| **part > 0.0);
        let sums = covered.map(|(sum, _)| (sum - 1.0).abs()).fold(0.0, f64::max);
        let (before, after) =
            (weights.source_integral(&vec![1.0; source.len()]), weights.target_integral(&ones));
        println!("| {name} | {label} | {sums:.1e} | {:.1e} |", (after / before - 1.0).abs());
    }
}

/// A regular grid as a file that both read: axes, and a field for CDO to have something to interpolate.
fn regular_file(path: &Path, columns: usize, lat: Vec<f64>) -> Result<PathBuf> {
    let lon: Vec<f64> = (0..columns).map(|i| -180.0 + (i as f64 + 0.5) * 360.0 / columns as f64).collect();
    // Edges are made half way between the centres.
    RegularGrid::new(lon.clone(), lat.clone())?;
    let mut file = Dataset::new();
    let axis = |name: &str, units: &str| Attributes::new().with("standard_name", name).with("units", units);
    let rows = lat.len();
    file.add_f64("lat", &["lat"], Array1::from(lat).into_dyn(), axis("latitude", "degrees_north"));
    file.add_f64("lon", &["lon"], Array1::from(lon).into_dyn(), axis("longitude", "degrees_east"));
    let ones = Array2::ones((rows, columns)).into_dyn();
    file.add_f64("field", &["lat", "lon"], ones, Attributes::new());
    dataset::write(&file, path)?;
    Ok(path.to_owned())
}

/// A regular grid whose cells are given by their corners, as those of any curvilinear grid.
fn polygons(path: &Path, columns: usize, rows: usize) -> Result<PathBuf> {
    let (dlon, dlat) = (360.0 / columns as f64, 180.0 / rows as f64);
    let (mut centres, mut corners) = (Vec::new(), Vec::new());
    for j in 0..rows {
        for i in 0..columns {
            let (west, south) = (-180.0 + i as f64 * dlon, -90.0 + j as f64 * dlat);
            let (east, north) = (west + dlon, south + dlat);
            centres.push((west + dlon / 2.0, south + dlat / 2.0));
            corners.extend([(west, south), (east, south), (east, north), (west, north)]);
        }
    }
    dataset::write(&with_bounds(&Mesh::curvilinear((rows, columns), centres, &corners)?), path)?;
    Ok(path.to_owned())
}

/// The cells of a mesh after the CF conventions; cells that are there twice have no value.
fn with_bounds(mesh: &Mesh) -> Dataset {
    let (rows, columns) = mesh.shape();
    let of = |value: &dyn Fn(usize) -> f64| {
        Array2::from_shape_fn((rows, columns), |(j, i)| value(j * columns + i)).into_dyn()
    };
    let mut polygon = Vec::new();
    let mut corners = Array3::zeros((rows, columns, 4));
    let mut corners_lat = Array3::zeros((rows, columns, 4));
    for cell in 0..mesh.len() {
        mesh.polygon(cell, &mut polygon);
        let (j, i) = (cell / columns, cell % columns);
        let centre = mesh.centre_deg(cell).0;
        for k in 0..4 {
            let (lon, lat) = polygon[k.min(polygon.len() - 1)].to_degrees();
            // On the side of the centre, and on its meridian where all meet.
            let lon = if lat.abs() > 90.0 - 1e-9 {
                centre
            } else {
                centre + grid::sphere::wrap_longitude(lon - centre)
            };
            (corners[[j, i, k]], corners_lat[[j, i, k]]) = (lon, lat);
        }
    }
    let mut file = Dataset::new();
    let named = |name: &str, units: &str, bounds: &str| {
        Attributes::new().with("standard_name", name).with("units", units).with("bounds", bounds)
    };
    let dimensions = ["y", "x"];
    file.add_f64(
        "lat",
        &dimensions,
        of(&|cell| mesh.centre_deg(cell).1),
        named("latitude", "degrees_north", "lat_bnds"),
    );
    file.add_f64(
        "lon",
        &dimensions,
        of(&|cell| mesh.centre_deg(cell).0),
        named("longitude", "degrees_east", "lon_bnds"),
    );
    file.add_f64("lat_bnds", &["y", "x", "corner"], corners_lat.into_dyn(), Attributes::new());
    file.add_f64("lon_bnds", &["y", "x", "corner"], corners.into_dyn(), Attributes::new());
    let attributes = Attributes::new().with("coordinates", "lon lat").with("_FillValue", -1.0);
    file.add_f64("field", &dimensions, of(&|cell| if mesh.active()[cell] { 1.0 } else { -1.0 }), attributes);
    file
}
