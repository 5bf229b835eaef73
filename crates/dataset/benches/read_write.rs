//! Reading and writing a global map at 1/6 degree: 2160 x 1080 doubles, 18.7 MB.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dataset::{Attributes, Dataset, File};
use ndarray::ArrayD;

fn read_write(criterion: &mut Criterion) {
    let (rows, columns) = (1080, 2160);
    let mut map = Dataset::new();
    let heights = ArrayD::from_shape_fn(vec![rows, columns], |at| (at[0] * 7 + at[1]) as f64 - 4000.0);
    map.add_f64("topo", &["latitude", "longitude"], heights, Attributes::new().with("units", "m"));
    let bytes = dataset::to_bytes(&map).unwrap_or_default();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("map.nc");
    dataset::write(&map, &path).expect("the map is written");

    let mut group = criterion.benchmark_group("map_2160x1080_f64");
    group.throughput(Throughput::Bytes(bytes.len() as u64)).sample_size(20);
    group.bench_function("read_memory", |b| b.iter(|| dataset::from_bytes(black_box(&bytes), "map.nc")));
    group.bench_function("read_file", |b| b.iter(|| dataset::read(black_box(&path))));
    group.bench_function("open_header", |b| b.iter(|| File::open(black_box(&path))));
    group.bench_function("read_slab_200x200", |b| {
        let file = File::open(&path).expect("the map opens");
        b.iter(|| file.read_slab("topo", black_box(&[400, 900]), &[200, 200]));
    });
    group.bench_function("write_memory", |b| b.iter(|| dataset::to_bytes(black_box(&map))));
    group.bench_function("write_file_fsync", |b| b.iter(|| dataset::write(black_box(&map), &path)));
    group.finish();
}

criterion_group!(benches, read_write);
criterion_main!(benches);
