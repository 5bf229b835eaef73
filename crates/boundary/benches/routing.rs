//! Routing at one degree and a quarter of a degree, and the whole step with its files' contents.

use std::f64::consts::PI;
use std::hint::black_box;

use boundary::relief::{Edges, regular_latitudes, relief};
use boundary::routing::topography::{SouthernRow, raise_southern_row, round_to_millimetres};
use boundary::routing::{self, Parameters, flood};
use boundary::{Release, Silent};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use dataset::{Attributes, Dataset};
use grid::Points;
use ndarray::{Array1, Array2};

/// A planet of about a third land: continents from a few waves, roughened by a hash, whole metres.
fn planet(ny: usize, nx: usize) -> Array2<f64> {
    Array2::from_shape_fn((ny, nx), |(i, j)| {
        let lat = PI * ((i as f64 + 0.5) / ny as f64 - 0.5);
        let lon = 2.0 * PI * (j as f64 + 0.5) / nx as f64;
        let waves =
            (2.0 * lon).sin() * lat.cos() + (3.0 * lon + 4.0 * lat).cos() * 0.7 + (5.0 * lat).sin() * 0.5;
        let hash =
            (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (j as u64).wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
        let rough =
            ((hash ^ (hash >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 40) as f64 / f64::from(1 << 24);
        (1500.0 * (waves - 0.7) + 200.0 * (rough - 0.5)).round()
    })
}

fn prepared(ny: usize, nx: usize) -> Array2<f64> {
    let mut map = planet(ny, nx);
    round_to_millimetres(&mut map);
    raise_southern_row(&mut map, SouthernRow::Everywhere);
    map
}

fn file(ny: usize, nx: usize) -> Dataset {
    let mut file = Dataset::new();
    file.add_f64("topo", &["lat", "lon"], planet(ny, nx).into_dyn(), Attributes::new());
    let centres = |count: usize, limit: f64| {
        let step = 2.0 * limit / count as f64;
        (0..count).map(|k| -limit + (k as f64 + 0.5) * step).collect::<Array1<f64>>().into_dyn()
    };
    file.add_f64("lat", &["lat"], centres(ny, 90.0), Attributes::new());
    file.add_f64("lon", &["lon"], centres(nx, 180.0), Attributes::new());
    file
}

fn stages(c: &mut Criterion) {
    let mut group = c.benchmark_group("routing");
    for (ny, nx) in [(180, 360), (720, 1440)] {
        let size = format!("{ny}x{nx}");
        let map = prepared(ny, nx);
        let raw = file(ny, nx);
        let ocean = Points {
            lon_deg: Array2::from_shape_fn((149, 182), |(_, x)| -180.0 + x as f64 * 2.0),
            lat_deg: Array2::from_shape_fn((149, 182), |(y, _)| -78.0 + y as f64 * 1.1),
        };
        group.bench_function(BenchmarkId::new("fill_towards_ring", &size), |b| {
            b.iter(|| flood::fill_towards_ring(black_box(&map)));
        });
        group.bench_function(BenchmarkId::new("route", &size), |b| {
            b.iter(|| routing::route(black_box(&map), Release::R2023));
        });
        group.bench_function(BenchmarkId::new("relief", &size), |b| {
            b.iter(|| relief(black_box(&map), regular_latitudes(), Edges::SeaLevel));
        });
        group.bench_function(BenchmarkId::new("run", &size), |b| {
            b.iter(|| routing::run(black_box(&raw), &Parameters::new("topo"), &ocean, &Silent));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = stages
}
criterion_main!(benches);
