//! What holds for any sequence of edits on any map.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::VecDeque;

use boundary::components::DateLine;
use boundary::edit::fitness::{self, Beside};
use boundary::edit::recipe::{Fit, Recipe};
use boundary::edit::{
    Action, Cell, Command, CopiedCell, Document, Fill, Filter, Layer, Line, Map, Maps, Meaning, Operation,
    Quantity, Rules, Seams, Selection,
};
use dataset::DataType;
use grid::{Fold, Overlap, Points};
use ndarray::Array2;
use proptest::prelude::*;

const ROWS: usize = 9;
const COLUMNS: usize = 12;

fn seams() -> impl Strategy<Value = Seams> {
    let date_line = prop_oneof![Just(DateLine::Open), Just(DateLine::Joined)];
    let overlap = prop_oneof![Just(Overlap::None), Just(Overlap::TwoColumns)];
    let fold = prop_oneof![Just(Fold::None), Just(Fold::FPivot), Just(Fold::TPivot)];
    (date_line, overlap, fold).prop_map(|(date_line, overlap, fold)| Seams {
        // Doubled columns go around.
        date_line: if overlap == Overlap::TwoColumns { DateLine::Joined } else { date_line },
        overlap,
        fold,
    })
}

/// A regular or a bent map around the globe.
fn map() -> impl Strategy<Value = Map> {
    let meaning = prop_oneof![Just(Meaning::Elevation), Just(Meaning::Depth)];
    (meaning, any::<bool>(), seams()).prop_map(|(meaning, bent, seams)| {
        let lon = |j: usize| -165.0 + 30.0 * j as f64;
        let lat = |i: usize| 88.0 - 22.0 * i as f64;
        if bent {
            let points = Points {
                lon_deg: Array2::from_shape_fn((ROWS, COLUMNS), |(i, j)| lon(j) + i as f64),
                lat_deg: Array2::from_shape_fn((ROWS, COLUMNS), |(i, j)| {
                    (lat(i) + 0.2 * j as f64).clamp(-90.0, 90.0)
                }),
            };
            return Map::curvilinear(points, meaning).unwrap().with_seams(seams);
        }
        let axes = Map::regular((0..COLUMNS).map(lon).collect(), (0..ROWS).map(lat).collect(), meaning);
        axes.unwrap().with_seams(seams)
    })
}

fn heights() -> impl Strategy<Value = Array2<f64>> {
    let height = prop_oneof![
        4 => -300.0..300.0,
        4 => (-3_i32..4).prop_map(f64::from),
        1 => Just(-0.0),
        1 => Just(f64::NAN),
    ];
    prop::collection::vec(height, ROWS * COLUMNS)
        .prop_map(|values| Array2::from_shape_vec((ROWS, COLUMNS), values).unwrap())
}

fn document() -> impl Strategy<Value = Document> {
    let data_type = prop_oneof![
        Just(DataType::F64),
        Just(DataType::F32),
        Just(DataType::I16),
        Just(DataType::I8),
        Just(DataType::U16)
    ];
    (map(), heights(), data_type).prop_map(|(map, values, data_type)| {
        let values = values.mapv(|value| match data_type {
            DataType::F64 => value,
            DataType::F32 => f64::from(value as f32),
            DataType::U16 => value.abs().round().max(0.0) + 0.0,
            DataType::I8 => value.round().clamp(-128.0, 127.0) + 0.0,
            _ => value.round() + 0.0,
        });
        Document::new(map, values, data_type).unwrap()
    })
}

fn cell() -> impl Strategy<Value = Cell> {
    (0..ROWS, 0..COLUMNS).prop_map(|(row, column)| Cell::new(row, column))
}

fn pair(range: std::ops::Range<f64>) -> impl Strategy<Value = [f64; 2]> {
    (range.clone(), range).prop_map(|(a, b)| [a.min(b), a.max(b)])
}

fn corners(x: std::ops::Range<f64>, y: std::ops::Range<f64>) -> impl Strategy<Value = Vec<[f64; 2]>> {
    prop::collection::vec((x, y).prop_map(|(x, y)| [x, y]), 3..7)
}

fn selection() -> impl Strategy<Value = Selection> {
    let quantity = prop_oneof![
        Just(Quantity::Value),
        Just(Quantity::Lon),
        Just(Quantity::Lat),
        Just(Quantity::Column),
        Just(Quantity::Row)
    ];
    let leaf = prop_oneof![
        Just(Selection::All),
        (quantity, prop::option::of(-100.0..100.0), prop::option::of(-100.0..100.0))
            .prop_map(|(of, from, to)| Selection::Range { of, from, to }),
        ((-180.0..180.0, -180.0..180.0), pair(-90.0..90.0))
            .prop_map(|((west, east), lat)| Selection::Box { lon: [west, east], lat }),
        (pair(-3.0..14.0), pair(-1.0..10.0)).prop_map(|(columns, rows)| Selection::IndexBox {
            columns,
            rows,
            outline: Vec::new()
        }),
        corners(-200.0..200.0, -90.0..90.0)
            .prop_map(|lon_lat| Selection::Lasso { lon_lat, column_row: Vec::new() }),
        corners(-1.0..13.0, -1.0..10.0)
            .prop_map(|column_row| Selection::Lasso { column_row, lon_lat: Vec::new() }),
        prop::collection::vec(cell(), 0..6).prop_map(Selection::Cells),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Selection::Union),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Selection::Intersection),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| Selection::Difference(Box::new([a, b]))),
            inner.prop_map(|part| Selection::Complement(Box::new(part))),
        ]
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    let line = prop_oneof![
        corners(-1.0..13.0, -1.0..10.0).prop_map(|column_row| Line { column_row, lon_lat: Vec::new() }),
        corners(-200.0..200.0, -90.0..90.0).prop_map(|lon_lat| Line { lon_lat, column_row: Vec::new() }),
    ];
    prop_oneof![
        (-400.0..400.0).prop_map(|value| Operation::Absolute { value }),
        (-400_i32..400).prop_map(|value| Operation::Absolute { value: f64::from(value) }),
        (-50_000_i32..50_000).prop_map(|value| Operation::Relative { value: f64::from(value) }),
        (-150.0..150.0).prop_map(|value| Operation::Percentage { value }),
        prop::option::of(1.0..50.0).prop_map(|height_m| Operation::FillSeas { to: Fill::Land { height_m } }),
        (line, 1..4_u32, 1.0..500.0).prop_map(|(line, width, depth_m)| Operation::OpenChannel {
            line,
            width,
            depth_m
        }),
        Just(Operation::ClosePassages { height_m: None }),
        Just(Operation::WidenPassages {}),
        Just(Operation::PoleRules {}),
        (1..3_u32, any::<bool>()).prop_map(|(passes, keep_coast)| Operation::Smooth { passes, keep_coast }),
        prop::collection::vec((cell(), prop::option::of(-50.0..50.0)), 0..5).prop_map(|cells| {
            Operation::Copy {
                source: "elsewhere".to_owned(),
                cells: cells.into_iter().map(|(cell, value)| CopiedCell { cell, value }).collect(),
            }
        }),
        Just(Operation::MatchTwins {}),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    (operation(), selection(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(operation, selection, land, ocean, old)| Action {
            filter: Filter { land, ocean },
            rules: if old { Rules::R2021 } else { Rules::Current },
            ..Action::new(operation, selection)
        },
    )
}

#[derive(Debug, Clone)]
enum Doing {
    Apply(Action),
    Undo,
    Redo,
    Toggle(usize),
}

fn doings() -> impl Strategy<Value = Vec<Doing>> {
    let doing = prop_oneof![
        5 => action().prop_map(Doing::Apply),
        2 => Just(Doing::Undo),
        2 => Just(Doing::Redo),
        1 => (0..8_usize).prop_map(Doing::Toggle),
    ];
    prop::collection::vec(doing, 1..14)
}

fn bits(values: ndarray::ArrayView2<f64>) -> Vec<u64> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// Does it, and checks that the returned changes are the difference.
fn act(document: &mut Document, doing: Doing) -> Vec<u32> {
    let before = bits(document.values());
    let changes = match doing {
        Doing::Apply(action) => document.apply(action).unwrap(),
        Doing::Undo => document.undo().unwrap_or_default(),
        Doing::Redo => document.redo().unwrap_or_default(),
        Doing::Toggle(number) => document.toggle(number).unwrap_or_default(),
    };
    let after = bits(document.values());
    let differ: Vec<u32> = (0..after.len()).filter(|&k| before[k] != after[k]).map(|k| k as u32).collect();
    assert_eq!(changes.cells, differ);
    let values: Vec<u64> = changes.values.iter().map(|value| value.to_bits()).collect();
    assert_eq!(values, changes.cells.iter().map(|&k| after[k as usize]).collect::<Vec<_>>());
    changes.cells
}

/// The seas by flooding from each cell over everything that touches, twins included: slow and obvious.
fn flooded(map: &Map, sea: &[bool]) -> Vec<usize> {
    let (rows, columns) = map.dim();
    let seams = map.seams();
    // Cells that are the same place, by the formulas of the NEMO lateral boundary conditions.
    let same = |(a, b): (usize, usize), (c, d): (usize, usize)| {
        let overlap =
            seams.overlap == Overlap::TwoColumns && a == c && (b.abs_diff(d) == columns - 2) && b.min(d) < 2;
        let fold = match seams.fold {
            Fold::None => false,
            Fold::Other(_) => unreachable!("the grids of these maps are whole"),
            Fold::FPivot => a.max(c) == rows - 1 && a.min(c) == rows - 2 && b + d == columns - 1,
            Fold::TPivot => {
                let mirrored = b + d == columns;
                mirrored && (a + c == 2 * (rows - 2)) && a.max(c) >= rows - 2 && a.min(c) >= rows - 3
            }
        };
        overlap || fold
    };
    let beside = |(a, b): (usize, usize), (c, d): (usize, usize)| {
        let around = seams.date_line == DateLine::Joined && a == c && b.abs_diff(d) == columns - 1;
        a.abs_diff(c) + b.abs_diff(d) == 1 || around
    };
    let mut numbers = vec![0; sea.len()];
    for start in 0..sea.len() {
        if !sea[start] || numbers[start] != 0 {
            continue;
        }
        numbers[start] = start + 1;
        let mut open = VecDeque::from([start]);
        while let Some(cell) = open.pop_front() {
            for next in 0..sea.len() {
                let (a, b) = (map.position(cell), map.position(next));
                if sea[next] && numbers[next] == 0 && (beside(a, b) || same(a, b)) {
                    numbers[next] = start + 1;
                    open.push_back(next);
                }
            }
        }
    }
    numbers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Undoing everything gives the loaded values back to the last bit, and redoing everything the edited ones; so does
    /// the stored history in a fresh document, and a stored history read back from its text.
    #[test]
    fn undo_is_identity_and_histories_can_be_resumed(mut document in document(), doings in doings()) {
        let (original, original_type) = (bits(document.values()), document.data_type());
        for doing in doings {
            act(&mut document, doing);
        }
        let (edited, edited_type) = (bits(document.values()), document.data_type());
        let (commands, cursor) = document.commands();

        let text = serde_json::to_string(commands).unwrap();
        let read: Vec<Command> = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(&read, &commands);
        let mut resumed = Document::new(document.map().clone(), document.original(), original_type).unwrap();
        resumed.restore(read, cursor).unwrap();
        prop_assert_eq!(bits(resumed.values()), edited.clone());
        prop_assert_eq!(resumed.data_type(), edited_type);
        prop_assert_eq!(resumed.commands(), document.commands());

        for mut document in [document, resumed] {
            let mut steps = 0;
            while document.undo().is_some() {
                steps += 1;
            }
            prop_assert_eq!(steps, cursor);
            prop_assert_eq!(bits(document.values()), original.clone());
            prop_assert_eq!(document.data_type(), original_type);
            for _ in 0..steps {
                prop_assert!(document.redo().is_some());
            }
            prop_assert_eq!(bits(document.values()), edited.clone());
            prop_assert_eq!(document.data_type(), edited_type);
        }
    }

    /// Taking an action out gives what the others alone would have given; putting it in again what was there.
    #[test]
    fn an_action_taken_out_was_never_there(
        document in document(), actions in prop::collection::vec(action(), 1..6), out in 0..6_usize,
    ) {
        let out = out % actions.len();
        let mut with = document.clone();
        let mut without = document;
        for (number, action) in actions.into_iter().enumerate() {
            with.apply(action.clone()).unwrap();
            if number != out {
                without.apply(action).unwrap();
            }
        }
        let before = bits(with.values());
        act(&mut with, Doing::Toggle(out));
        prop_assert_eq!(bits(with.values()), bits(without.values()));
        prop_assert_eq!(with.data_type(), without.data_type());
        prop_assert!(!with.history()[out].active);
        act(&mut with, Doing::Toggle(out));
        prop_assert_eq!(bits(with.values()), before.clone());
        act(&mut with, Doing::Undo);
        prop_assert_eq!(bits(with.values()), bits(without.values()));
        act(&mut with, Doing::Undo);
        prop_assert_eq!(bits(with.values()), before);
        prop_assert!(with.history()[out].active);
    }

    /// Derived maps that follow edits are those made from scratch, and the reported changes are the differences.
    #[test]
    fn maps_that_follow_are_maps_from_scratch(mut document in document(), doings in doings()) {
        let mut maps = Maps::new(document.map(), document.values());
        for doing in doings {
            let before = Layer::ALL.map(|layer| maps.layer(layer));
            let changed = act(&mut document, doing);
            let changes = maps.update(document.map(), document.values(), &changed);
            prop_assert_eq!(&maps, &Maps::new(document.map(), document.values()));
            for (layer, before) in Layer::ALL.into_iter().zip(before) {
                let after = maps.layer(layer);
                let differ: Vec<u32> = (0..after.len())
                    .filter(|&k| before[k].to_bits() != after[k].to_bits())
                    .map(|k| k as u32)
                    .collect();
                let said = changes.iter().find(|change| change.layer == layer);
                prop_assert_eq!(said.map_or(&[][..], |change| &change.cells), differ.as_slice());
                if let Some(change) = said {
                    for (&cell, value) in change.cells.iter().zip(&change.values) {
                        prop_assert_eq!(value.to_bits(), after[cell as usize].to_bits());
                    }
                }
            }
        }
    }

    /// The seas are those that flooding finds, date line, overlap and fold included.
    #[test]
    fn seas_are_what_flooding_finds(map in map(), heights in heights()) {
        let sea: Vec<bool> = heights.iter().map(|&value| map.meaning().is_sea(value)).collect();
        let maps = Maps::new(&map, heights.view());
        let flooded = flooded(&map, &sea);
        let numbers = maps.sea_numbers();
        for a in 0..sea.len() {
            prop_assert_eq!(numbers[a] == 0, flooded[a] == 0);
            for b in 0..a {
                prop_assert_eq!(numbers[a] == numbers[b], flooded[a] == flooded[b], "cells {} and {}", a, b);
            }
        }
        let sizes: usize = maps.seas().iter().map(|sea| sea.cells).sum();
        prop_assert_eq!(sizes, sea.iter().filter(|&&sea| sea).count());
        let counts = maps.counts();
        prop_assert_eq!(counts.internal_oceans, maps.seas().len().saturating_sub(1));
        for sea in maps.seas() {
            prop_assert!(!sea.main || maps.seas().iter().all(|other| other.cells <= sea.cells));
        }
    }

    /// A preview tells what will happen.
    #[test]
    fn a_preview_comes_true(mut document in document(), action in action()) {
        let mut maps = Maps::new(document.map(), document.values());
        let preview = document.preview(&action, &maps).unwrap();
        let changes = document.apply(action).unwrap();
        prop_assert_eq!(&preview.changes.cells, &changes.cells);
        prop_assert_eq!(preview.before, maps.counts());
        let layers = maps.update(document.map(), document.values(), &changes.cells);
        prop_assert_eq!(format!("{:?}", preview.layers), format!("{layers:?}"));
        prop_assert_eq!(preview.after, maps.counts());
        prop_assert_eq!(preview.maps, maps);
    }

    /// Operations that pick cells change none that the selection and the filter leave out.
    #[test]
    fn only_selected_cells_change(mut document in document(), action in action()) {
        let picks_objects = matches!(action.operation, Operation::FillSeas { .. } | Operation::WidenPassages {});
        let mask = action.select(document.map(), document.values());
        let changes = document.apply(action).unwrap();
        prop_assert!(picks_objects || changes.cells.iter().all(|&cell| mask.contains(cell as usize)));
        let depth = document.map().meaning() == Meaning::Depth;
        prop_assert!(changes.cells.len() <= document.map().cells());
        if depth && document.history()[0].active {
            let current = matches!(document.commands().0, [Command::Apply(action)] if action.rules == Rules::Current);
            prop_assert!(!current || changes.values.iter().all(|&value| value.is_nan() || value >= 0.0));
        }
    }

    /// A recipe is read back as it was written, and applied to the same map it makes the same values.
    #[test]
    fn a_recipe_on_the_same_grid_is_identity(
        mut document in document(), actions in prop::collection::vec(action(), 0..5), out in 0..5_usize,
    ) {
        let mut fresh = document.clone();
        for action in actions {
            document.apply(action).unwrap();
        }
        let _ = document.toggle(out);
        let recipe = Recipe::new(&document, "topo", "test");
        let text = recipe.to_text();
        let read = Recipe::parse(&text).unwrap();
        prop_assert_eq!(&read, &recipe);
        read.apply(&mut fresh).unwrap();
        prop_assert_eq!(bits(fresh.values()), bits(document.values()), "{}", text);
    }

    /// On another grid everything has a place, or is reported.
    #[test]
    fn a_recipe_on_another_grid_reports_every_action(
        mut document in document(), actions in prop::collection::vec(action(), 0..5), columns in 3..40_usize,
    ) {
        for action in actions {
            document.apply(action).unwrap();
        }
        let recipe = Recipe::new(&document, "topo", "");
        let step = 360.0 / columns as f64;
        let lon = (0..columns).map(|j| (j as f64 + 0.5) * step).collect();
        let lat = (0..columns / 2).map(|i| -90.0 + (i as f64 + 0.5) * step).collect();
        let map = Map::regular(lon, lat, document.map().meaning()).unwrap();
        let values = Array2::from_shape_fn(map.dim(), |(i, j)| ((7 * i + 13 * j) % 11) as f64 - 5.0);
        let mut other = Document::new(map, values, DataType::F64).unwrap();
        let reports = recipe.apply(&mut other).unwrap();
        prop_assert_eq!(reports.len(), recipe.actions.len());
        let applied: Vec<&Action> = reports.iter().filter_map(|report| report.action.as_ref()).collect();
        prop_assert_eq!(applied, other.actions());
        for report in &reports {
            prop_assert!(!report.message.is_empty() && !report.label.is_empty());
            prop_assert!(report.fit == Fit::No || report.action.is_some());
        }
    }

    /// What a fix is for is mended by it, on any map.
    #[test]
    fn fixes_leave_nothing_of_what_they_mend(document in document()) {
        let done = |operation: Operation| {
            let mut document = document.clone();
            document.apply(Action::new(operation, Selection::All)).unwrap();
            let maps = Maps::new(document.map(), document.values());
            let problems = fitness::check(document.map(), document.values(), &maps, Beside::Nothing).unwrap();
            let codes: Vec<&str> = problems.iter().map(|problem| problem.finding.code).collect();
            (maps.counts(), codes)
        };
        let before = Maps::new(document.map(), document.values()).counts();
        let (after, codes) = done(Operation::FillSeas { to: Fill::Land { height_m: None } });
        prop_assert_eq!(after.internal_oceans, 0);
        prop_assert!(!codes.contains(&"internal-oceans"));
        let (after, _) = done(Operation::PoleRules {});
        prop_assert_eq!(after.poles, 0);
        let (_, codes) = done(Operation::MatchTwins {});
        prop_assert!(!codes.contains(&"doubled-cells-differ"));
        // New ones may come about beside the closed ones.
        let passages = |document: &Document| {
            let maps = Maps::new(document.map(), document.values());
            let problems = fitness::check(document.map(), document.values(), &maps, Beside::Nothing).unwrap();
            let passages = problems.into_iter().find(|problem| problem.finding.code == "passage-problems");
            passages.map(|problem| problem.cells).unwrap_or_default()
        };
        let mut closed = document.clone();
        closed.apply(Action::new(Operation::ClosePassages { height_m: None }, Selection::All)).unwrap();
        let left = passages(&closed);
        prop_assert!(passages(&document).iter().all(|cell| !left.contains(cell)));
        if document.map().meaning() == Meaning::Elevation {
            let (after, _) = done(Operation::FillSeas { to: Fill::Sill });
            prop_assert!(after.internal_oceans <= before.internal_oceans);
        }
    }

    /// The same cells are selected however the file stores their positions.
    #[test]
    fn selections_do_not_depend_on_how_positions_are_stored(selection in selection(), heights in heights()) {
        let lon: Vec<f64> = (0..COLUMNS).map(|j| -165.0 + 30.0 * j as f64).collect();
        let lat: Vec<f64> = (0..ROWS).map(|i| 88.0 - 22.0 * i as f64).collect();
        let points = Points {
            lon_deg: Array2::from_shape_fn((ROWS, COLUMNS), |(_, j)| lon[j]),
            lat_deg: Array2::from_shape_fn((ROWS, COLUMNS), |(i, _)| lat[i]),
        };
        let axes = Map::regular(lon, lat, Meaning::Elevation).unwrap();
        let points = Map::curvilinear(points, Meaning::Elevation).unwrap();
        prop_assert_eq!(axes.seams(), points.seams());
        prop_assert_eq!(selection.select(&axes, heights.view()), selection.select(&points, heights.view()));
    }
}
