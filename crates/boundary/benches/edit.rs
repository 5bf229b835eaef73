//! How long an edit takes until all derived maps follow, on made-up maps: the editor's time on the server.

#![allow(missing_docs, reason = "the macros of criterion make undocumented items")]

use std::hint::black_box;

use boundary::Release;
use boundary::edit::recipe::Recipe;
use boundary::edit::{Action, Document, Fill, Line, Map, Maps, Meaning, Operation, Selection, consequences};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use dataset::DataType;
use ndarray::Array2;

/// Hills and seas of many sizes on a global grid, with ragged coasts.
fn document(rows: usize, columns: usize) -> Document {
    let centre = |k: usize, count: usize, limit: f64| -limit + (k as f64 + 0.5) * 2.0 * limit / count as f64;
    let heights = Array2::from_shape_fn((rows, columns), |(i, j)| {
        let (y, x) = (i as f64 / rows as f64, j as f64 / columns as f64);
        let rough = ((i * 7919 + j * 104_729) % 1009) as f64 / 1009.0 - 0.5;
        1500.0 * ((19.0 * y).sin() * (31.0 * x).cos() + (7.0 * x * y).sin() - 0.3) + 400.0 * rough
    });
    let lon = (0..columns).map(|j| centre(j, columns, 180.0)).collect();
    let lat = (0..rows).map(|i| centre(i, rows, 90.0)).collect();
    match Map::regular(lon, lat, Meaning::Elevation)
        .and_then(|map| Document::new(map, heights, DataType::F64))
    {
        Ok(document) => document,
        Err(error) => panic!("{error}"),
    }
}

fn lasso(points: usize) -> Selection {
    let corner = |k: usize| {
        let turn = k as f64 / points as f64 * std::f64::consts::TAU;
        [20.0 + 40.0 * turn.cos(), 10.0 + 30.0 * turn.sin()]
    };
    Selection::Lasso { lon_lat: (0..points).map(corner).collect(), column_row: Vec::new() }
}

fn edits(criterion: &mut Criterion) {
    for (rows, columns) in [(180, 360), (1080, 2160)] {
        let fresh = document(rows, columns);
        let maps = Maps::new(fresh.map(), fresh.values());
        let of = |what: &str| format!("{columns} x {rows}: {what}");
        let square = Selection::Box { lon: [0.0, 10.0], lat: [40.0, 50.0] };
        let raise = Operation::Relative { value: 5000.0 };

        criterion.bench_function(&of("all maps from scratch"), |bencher| {
            bencher.iter(|| Maps::new(black_box(fresh.map()), black_box(fresh.values())));
        });
        for (name, selection) in [
            ("box of 10 degrees", square.clone()),
            ("lasso of 200 points", lasso(200)),
            ("the whole map", Selection::All),
        ] {
            let action = Action::new(raise.clone(), selection);
            criterion.bench_function(&of(&format!("edit, all maps follow: {name}")), |bencher| {
                bencher.iter_batched_ref(
                    || (fresh.clone(), maps.clone(), action.clone()),
                    |(document, maps, action)| {
                        let changes = document.apply(action.clone()).unwrap_or_default();
                        maps.update(document.map(), document.values(), &changes.cells)
                    },
                    BatchSize::LargeInput,
                );
            });
        }
        let action = Action::new(raise.clone(), square.clone());
        criterion.bench_function(&of("undo, all maps follow"), |bencher| {
            bencher.iter_batched_ref(
                || {
                    let (mut document, mut maps) = (fresh.clone(), maps.clone());
                    let changes = document.apply(action.clone()).unwrap_or_default();
                    maps.update(document.map(), document.values(), &changes.cells);
                    (document, maps)
                },
                |(document, maps)| {
                    let changes = document.undo().unwrap_or_default();
                    maps.update(document.map(), document.values(), &changes.cells)
                },
                BatchSize::LargeInput,
            );
        });
        for (name, operation) in [
            ("fill all closed seas to land", Operation::FillSeas { to: Fill::Land { height_m: None } }),
            ("fill all closed seas to their sills", Operation::FillSeas { to: Fill::Sill }),
            ("widen all passages", Operation::WidenPassages {}),
            ("pole rules", Operation::PoleRules {}),
            ("channel", {
                let line = Line { lon_lat: vec![[-20.0, 0.0], [60.0, 30.0]], column_row: Vec::new() };
                Operation::OpenChannel { line, width: 3, depth_m: 200.0 }
            }),
            ("smooth everything", Operation::Smooth { passes: 1, keep_coast: true }),
        ] {
            let action = Action::new(operation, Selection::All);
            criterion.bench_function(&of(&format!("preview: {name}")), |bencher| {
                bencher.iter(|| fresh.preview(black_box(&action), &maps));
            });
        }
        let mut edited = fresh.clone();
        for value in 0..20 {
            let operation = Operation::Relative { value: f64::from(value) };
            let selection = if value % 2 == 0 { square.clone() } else { lasso(50) };
            if let Err(error) = edited.apply(Action::new(operation, selection)) {
                panic!("{error}");
            }
        }
        let recipe = Recipe::new(&edited, "topo", "");
        criterion.bench_function(&of("replay of 20 actions"), |bencher| {
            bencher.iter_batched_ref(
                || fresh.clone(),
                |document| recipe.apply(document),
                BatchSize::LargeInput,
            );
        });
    }
    let fresh = document(180, 360);
    let ocean = grid::orca::t_points(&grid::orca::Parameters::for_size(182, 149)).ok();
    criterion.bench_function("360 x 180: river basins and ocean bathymetry", |bencher| {
        bencher.iter(|| consequences::compute(fresh.map(), fresh.values(), ocean.as_ref(), Release::R2023));
    });
}

criterion_group!(
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(std::time::Duration::from_secs(2))
        .warm_up_time(std::time::Duration::from_millis(500));
    targets = edits
);
criterion_main!(benches);
