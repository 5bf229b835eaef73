//! How long the steps besides routing take, on made-up maps.

#![allow(missing_docs, reason = "the macros of criterion make undocumented items")]

use std::hint::black_box;

use boundary::components::DateLine;
use boundary::regrid::{self, Parameters};
use boundary::{Elevation, Release, Silent, ahmcoef, heatflow, internal_oceans, pft};
use criterion::{Criterion, criterion_group, criterion_main};
use dataset::{Attributes, Dataset, Values, Variable};
use ndarray::{Array1, Array2};

/// Hills and seas of a few wave lengths.
fn relief(rows: usize, columns: usize) -> Array2<f64> {
    Array2::from_shape_fn((rows, columns), |(i, j)| {
        let (y, x) = (i as f64 / rows as f64, j as f64 / columns as f64);
        3000.0 * ((19.0 * y).sin() * (31.0 * x).cos() + (7.0 * x * y).sin() - 0.3)
    })
}

/// A global topography in single precision, as large data sets are stored.
fn topography(rows: usize, columns: usize) -> Dataset {
    let mut map = Dataset::new();
    map.add_dimension("lat", rows);
    map.add_dimension("lon", columns);
    let heights = Values::F32(relief(rows, columns).mapv(|height| height as f32).into_dyn());
    map.variables.push(Variable::new("topo", &["lat", "lon"], heights, Attributes::new()));
    let centres = |count: usize, limit: f64| {
        Array1::from_shape_fn(count, |k| -limit + (k as f64 + 0.5) * 2.0 * limit / count as f64).into_dyn()
    };
    map.add_f64("lat", &["lat"], centres(rows, 90.0), Attributes::new());
    map.add_f64("lon", &["lon"], centres(columns, 180.0), Attributes::new());
    map
}

fn steps(criterion: &mut Criterion) {
    criterion.bench_function("regrid 2160 x 1080 to one degree", |bencher| {
        let source = topography(1080, 2160);
        let parameters = Parameters::one_degree("lon", "lat");
        bencher.iter(|| regrid::run(black_box(&source), &parameters, &Silent));
    });
    criterion.bench_function("internal oceans of 2160 x 1080 cells", |bencher| {
        let heights = relief(1080, 2160);
        bencher.iter(|| {
            internal_oceans::find(black_box(heights.view()), Elevation::PositiveUp, DateLine::Joined)
        });
    });
    let depth = relief(149, 182).mapv(|height| height.min(0.0).abs());
    criterion.bench_function("heat flow of 182 x 149 cells", |bencher| {
        bencher.iter(|| heatflow::heat_flow(black_box(depth.view()), Release::R2023));
    });
    criterion.bench_function("ahmcoef of 182 x 149 cells", |bencher| {
        bencher.iter(|| ahmcoef::coefficients(black_box(depth.view()), &[true; 149]));
    });
    criterion.bench_function("vegetation of 360 x 180 cells", |bencher| {
        let heights = relief(180, 360);
        let table = pft::Table::default();
        bencher.iter(|| {
            let land = pft::mask_heights(black_box(heights.view()), Release::R2023);
            pft::fractions(&table, land.view())
        });
    });
}

criterion_group!(benches, steps);
criterion_main!(benches);
