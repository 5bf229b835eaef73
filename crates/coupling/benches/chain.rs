//! The coupling weights, stage by stage: 182x149 to LMDZ 96x95, the reference case beside a full checkout, else a grid and a planet
//! made here. The original takes 8 to 16 minutes and 3.3 GB for the whole chain.

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;

use coupling::outlines::Outlines;
use coupling::{Atmosphere, Calving, Fluxes, Geometry, Ocean, Options, Runoff, Sources};
use criterion::{Criterion, criterion_group, criterion_main};
use support::made::{Files, f_pivot};

fn chain(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (coordinates, bathymetry, basins) = match support::reference() {
        Some(root) => {
            let file = |name: &str| root.join("inputs").join(name);
            (file("coordinates.nc"), file("bathy_meter.nc"), file("subbasins.nc"))
        }
        None => {
            let files = Files::planet(f_pivot(182, 149));
            let write = |name: &str, file| {
                let path = folder.path().join(name);
                dataset::write(file, &path).expect("an input");
                path
            };
            (
                write("coordinates.nc", &files.coordinates),
                write("bathy_meter.nc", &files.bathymetry),
                write("subbasins.nc", &files.basins),
            )
        }
    };
    let sources = Sources { coordinates: &coordinates, bathymetry: &bathymetry, basins: &basins };
    let read = || {
        let [c, b, s] = [&coordinates, &bathymetry, &basins].map(|path| support::read(path));
        coupling::Input::read(&c, &b, &s).expect("good inputs")
    };
    let options = Options::default();
    let whole = || {
        let outcome = coupling::run(&read(), &options, &mut |_| {}).expect("a result");
        let mut out = std::io::sink();
        outcome.write_archive(&sources, &mut out, &mut |_| {}).expect("an archive");
    };
    // Before anything else: the peak of one run.
    whole();
    eprintln!("peak memory of one run: {} MB", peak_mb());

    let input = read();
    let mut group = criterion.benchmark_group("weights_182x149_to_96x95");
    group.sample_size(10);
    group.bench_function("read_inputs", |b| b.iter(read));
    let ocean =
        || Ocean::new(&input.grid, &input.bathymetry_m, &input.basins, options.mode).expect("an ocean");
    group.bench_function("ocean_grid", |b| b.iter(ocean));
    let ocean = ocean();
    let atmosphere = Atmosphere::new(options.atmosphere);
    let outlines = Outlines::new(&ocean, (atmosphere.west_deg[0], atmosphere.east_deg[95]));
    let fluxes = |geometry| Fluxes::new(&ocean, &atmosphere, &outlines, geometry).expect("matrices");
    group.bench_function("overlaps", |b| b.iter(|| fluxes(Geometry::Legacy)));
    group.bench_function("overlaps_spherical", |b| b.iter(|| fluxes(Geometry::Spherical)));
    let fluxes = fluxes(Geometry::Legacy);
    group.bench_function("runoff", |b| {
        b.iter(|| Runoff::new(&ocean, &atmosphere, black_box(&fluxes), &options))
    });
    group.bench_function("calving", |b| {
        b.iter(|| Calving::new(&ocean, &atmosphere, black_box(&fluxes), &options))
    });
    let outcome = coupling::run(&input, &options, &mut |_| {}).expect("a result");
    group.bench_function("archive", |b| {
        b.iter(|| outcome.write_archive(&sources, &mut std::io::sink(), &mut |_| {}));
    });
    group.bench_function("whole_chain", |b| b.iter(whole));
    group.finish();
}

/// The most memory that this process ever held.
fn peak_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}

criterion_group!(benches, chain);
criterion_main!(benches);
