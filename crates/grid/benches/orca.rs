//! Time to generate ocean grids, and to read one.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use grid::OceanGrid;
use grid::orca::{self, Parameters};

fn generate(c: &mut Criterion) {
    let default = Parameters::default();
    c.bench_function("orca/t_points 182x149", |b| b.iter(|| orca::t_points(black_box(&default))));
    c.bench_function("orca/grid 182x149", |b| b.iter(|| orca::grid(black_box(&default))));
    let one_degree = Parameters::for_size(362, 292);
    c.bench_function("orca/grid 362x292", |b| b.iter(|| orca::grid(black_box(&one_degree))));
}

fn read(c: &mut Criterion) {
    let file = orca::grid(&Parameters::default()).expect("the default grid").to_dataset();
    c.bench_function("ocean/from_dataset 182x149", |b| b.iter(|| OceanGrid::from_dataset(black_box(&file))));
}

criterion_group!(benches, generate, read);
criterion_main!(benches);
