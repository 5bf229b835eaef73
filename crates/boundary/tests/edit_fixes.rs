//! The guided fixes, selections and the fitness list on maps that a reader can draw.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use boundary::components::DateLine;
use boundary::edit::fitness::{self, Beside};
use boundary::edit::{
    Action, Cell, CopiedCell, Document, Fill, Filter, Layer, Line, Map, Maps, Meaning, Operation, Quantity,
    Seams, Selection,
};
use dataset::DataType;
use dataset::heights::Units;
use grid::{Fold, Overlap};
use ndarray::Array2;

/// Depth of `~` and height of `#`, m.
const SEA: f64 = 100.0;
const LAND: f64 = 50.0;

/// A map drawn with `~` sea, `#` land, digits for land of so many tens of metres, `?` missing; one degree cells from 0 E, 0 N,
/// southwards, or with seams.
fn drawn(rows: &[&str], meaning: Meaning) -> Document {
    with_seams(rows, meaning, Seams::NONE)
}

fn with_seams(rows: &[&str], meaning: Meaning, seams: Seams) -> Document {
    let values = Array2::from_shape_fn((rows.len(), rows[0].len()), |(i, j)| {
        let (sea, land) = if meaning == Meaning::Depth { (SEA, 0.0) } else { (-SEA, LAND) };
        match rows[i].as_bytes()[j] {
            b'~' => sea,
            b'#' => land,
            b'?' => f64::NAN,
            digit => 10.0 * f64::from(digit - b'0'),
        }
    });
    let lon = (0..values.ncols()).map(|j| j as f64).collect();
    let lat = (0..values.nrows()).map(|i| -(i as f64)).collect();
    let map = Map::regular(lon, lat, meaning).unwrap().with_seams(seams);
    Document::new(map, values, DataType::F64).unwrap()
}

/// The map drawn again, `~` sea and `#` land.
fn coast(document: &Document) -> Vec<String> {
    let meaning = document.map().meaning();
    let cell = |&value: &f64| match value {
        value if value.is_nan() => '?',
        value if meaning.is_sea(value) => '~',
        _ => '#',
    };
    document.values().rows().into_iter().map(|row| row.iter().map(cell).collect()).collect()
}

fn done(mut document: Document, operation: Operation, selection: Selection) -> Document {
    document.apply(Action::new(operation, selection)).unwrap();
    document
}

fn cell(row: usize, column: usize) -> Selection {
    Selection::Cells(vec![Cell::new(row, column)])
}

const JOINED: Seams = Seams { date_line: DateLine::Joined, ..Seams::NONE };

#[test]
fn a_closed_sea_is_filled_to_its_sill_and_the_low_land_around_with_it() {
    let map = [
        "999999~", //
        "9~~179~", "9~2399~", "999499~", "999999~",
    ];
    let document = drawn(&map, Meaning::Elevation);
    // The way out is over 10, 70 and 90, or 20, 30 and 90, or over 40 and 90: the sill is 90.
    let filled = done(document.clone(), Operation::FillSeas { to: Fill::Sill }, cell(1, 1));
    assert_eq!(filled.values()[[1, 1]], 90.0);
    assert_eq!(filled.values()[[1, 4]], 90.0);
    assert_eq!(filled.values()[[3, 3]], 90.0);
    assert!(filled.values().iter().all(|&height| height == 90.0 || height == -SEA));
    // Another sea is untouched by a selection that does not meet it, and the main ocean by any.
    let nothing = done(document, Operation::FillSeas { to: Fill::Sill }, cell(0, 6));
    assert_eq!(coast(&nothing)[1], "#~~###~");
}

#[test]
fn land_beyond_the_sill_stays_as_it_is() {
    let map = [
        "9999999", //
        "9~19129", "9999~~~",
    ];
    // Over 10 to 90 and down to 10 and 20, which lie beyond; the sea to the south is nearer: from 90 straight to it.
    let filled = done(drawn(&map, Meaning::Elevation), Operation::FillSeas { to: Fill::Sill }, cell(1, 1));
    assert_eq!(filled.values().row(1).to_vec(), [90.0, 90.0, 90.0, 90.0, 10.0, 20.0, 90.0]);
}

#[test]
fn a_closed_sea_becomes_land_as_low_as_its_shore() {
    let map = ["99999~", "9~~49~", "9999#~"];
    let land = |height_m| Operation::FillSeas { to: Fill::Land { height_m } };
    let document = drawn(&map, Meaning::Elevation);
    assert_eq!(done(document.clone(), land(None), Selection::All).values()[[1, 1]], 40.0);
    assert_eq!(done(document, land(Some(7.5)), Selection::All).values()[[1, 2]], 7.5);
    let depths = done(drawn(&["#####~", "#~~##~"], Meaning::Depth), land(None), Selection::All);
    assert_eq!(coast(&depths)[1], "#####~");
    assert_eq!(depths.values()[[1, 1]].to_bits(), 0.0_f64.to_bits());
}

#[test]
fn a_channel_follows_its_line_and_leaves_deeper_sea() {
    let map = ["~####~", "~####~", "~####~"];
    let line = Line { column_row: vec![[0.0, 0.0], [5.0, 2.0]], lon_lat: Vec::new() };
    let channel = |width, depth_m| Operation::OpenChannel { line: line.clone(), width, depth_m };
    let one = done(drawn(&map, Meaning::Elevation), channel(1, 30.0), Selection::All);
    assert_eq!(coast(&one), ["~~###~", "~~~~~~", "~###~~"]);
    assert_eq!((one.values()[[0, 0]], one.values()[[1, 2]]), (-SEA, -30.0));
    let deep = done(drawn(&map, Meaning::Depth), channel(2, 300.0), Selection::All);
    assert_eq!(deep.values()[[0, 0]], 300.0);
    assert!(Maps::new(deep.map(), deep.values()).counts().passages == 0);
    // In degrees it is the same line.
    let degrees = Line { lon_lat: vec![[0.0, 0.0], [5.0, -2.0]], column_row: Vec::new() };
    let same = Operation::OpenChannel { line: degrees, width: 1, depth_m: 30.0 };
    assert_eq!(done(drawn(&map, Meaning::Elevation), same, Selection::All).values(), one.values());
    // Only where it is selected.
    let box_ = Selection::Box { lon: [0.0, 2.0], lat: [-2.0, 0.0] };
    let part = done(drawn(&map, Meaning::Elevation), channel(1, 30.0), box_);
    assert_eq!(coast(&part), ["~~###~", "~~~##~", "~####~"]);
}

#[test]
fn a_channel_crosses_the_date_line_where_it_is_joined() {
    let map = ["######", "#~~~~#", "######"];
    let line = Line { column_row: vec![[4.0, 1.0], [7.0, 1.0]], lon_lat: Vec::new() };
    let channel = Operation::OpenChannel { line, width: 1, depth_m: 5.0 };
    let round = done(with_seams(&map, Meaning::Elevation, JOINED), channel.clone(), Selection::All);
    assert_eq!(coast(&round)[1], "~~~~~~");
    let open = done(drawn(&map, Meaning::Elevation), channel, Selection::All);
    assert_eq!(coast(&open)[1], "#~~~~~");
}

/// What would be followed for hours is refused; a line far around and over the edge is not.
#[test]
fn a_channel_is_no_longer_than_lines_on_maps_are() {
    let map = ["######", "#~~~~#", "######"];
    let joined = || with_seams(&map, Meaning::Elevation, JOINED);
    let far =
        [vec![[0.0, 0.0], [1e8, 0.0]], vec![[0.0, 0.0], [0.0, -1e8]], vec![[-1e308, 0.0], [1e308, 0.0]]];
    let zigzag = (0..100_000).map(|k| [f64::from(k % 2) * 300.0, 0.0]).collect();
    for points in far.into_iter().chain([zigzag]) {
        for degrees in [false, true] {
            let (points, none) = (points.clone(), Vec::new());
            let line = match degrees {
                false => Line { column_row: points, lon_lat: none },
                true => Line { column_row: none, lon_lat: points },
            };
            let channel = Operation::OpenChannel { line, width: 100, depth_m: 5.0 };
            let error = joined().apply(Action::new(channel, Selection::All)).unwrap_err().to_string();
            assert!(error.contains("too long"), "{error}");
        }
    }
    let line = Line { column_row: vec![[0.0, -3.0], [20.0, -3.0]], lon_lat: Vec::new() };
    let round = Operation::OpenChannel { line, width: 1, depth_m: 5.0 };
    assert_eq!(coast(&done(joined(), round, Selection::All)), ["~~~~~~", "#~~~~#", "######"]);
}

#[test]
fn narrow_passages_are_closed_or_widened_on_one_side() {
    let map = [
        "~~~~~~", //
        "##~###", "##~###", "~~~~~~",
    ];
    for meaning in [Meaning::Elevation, Meaning::Depth] {
        let document = drawn(&map, meaning);
        assert_eq!(Maps::new(document.map(), document.values()).counts().passages, 2);
        let closed = done(document.clone(), Operation::ClosePassages { height_m: None }, Selection::All);
        assert_eq!(coast(&closed), ["~~~~~~", "######", "######", "~~~~~~"]);
        let wide = done(document.clone(), Operation::WidenPassages {}, cell(1, 2));
        assert_eq!(coast(&wide)[1..3], ["#~~###", "##~###"]);
        let wide = done(document, Operation::WidenPassages {}, Selection::All);
        assert_eq!(coast(&wide), ["~~~~~~", "#~~###", "#~~###", "~~~~~~"]);
        assert_eq!(Maps::new(wide.map(), wide.values()).counts().passages, 0);
    }
}

#[test]
fn the_bank_that_opens_no_third_sea_is_taken_and_else_the_lower() {
    let operation = Operation::WidenPassages {};
    let peninsula = drawn(&["~~~~~", "~#~##", "~~~~~"], Meaning::Depth);
    assert_eq!(coast(&done(peninsula, operation.clone(), Selection::All))[1], "~#~~#");
    let banks = drawn(&["~~~~~", "99~19", "~~~~~"], Meaning::Elevation);
    assert_eq!(coast(&done(banks, operation, Selection::All))[1], "##~~#");
}

#[test]
fn the_pole_rules_take_values_from_the_nearest_cell_of_the_kind() {
    let values = ndarray::arr2(&[
        [-7.0, 8.0, -7.0, -6.0],
        [-5.0, -5.0, -5.0, -5.0],
        [3.0, -5.0, 4.0, 4.0],
        [3.0, -5.0, -5.0, 4.0],
    ]);
    let map =
        Map::regular(vec![-135.0, -45.0, 45.0, 135.0], vec![88.0, 0.0, -77.0, -80.0], Meaning::Elevation);
    let document = Document::new(map.unwrap(), values, DataType::F64).unwrap();
    let fixed = done(document.clone(), Operation::PoleRules {}, Selection::All);
    assert_eq!(fixed.values().row(0).to_vec(), [-7.0, -5.0, -7.0, -6.0]);
    assert_eq!(fixed.values().row(3).to_vec(), [3.0, 3.0, 4.0, 4.0]);
    assert_eq!(fixed.values().row(2), document.values().row(2));
    assert_eq!(Maps::new(fixed.map(), fixed.values()).counts().poles, 0);
    let preview = document
        .preview(
            &Action::new(Operation::PoleRules {}, Selection::All),
            &Maps::new(document.map(), document.values()),
        )
        .unwrap();
    assert_eq!((preview.before.poles, preview.after.poles, preview.changes.cells.len()), (3, 0, 3));
}

/// Seen by a property test: the map of the pole rules does not change where land that breaks them becomes sea that does.
#[test]
fn the_pole_map_tells_only_of_cells_that_look_different() {
    let values = ndarray::arr2(&[[5.0, -5.0, -5.0], [1.0, 1.0, -5.0]]);
    let map = Map::regular(vec![0.0, 10.0, 20.0], vec![88.0, 0.0], Meaning::Elevation).unwrap();
    let mut document = Document::new(map, values, DataType::F64).unwrap();
    let mut maps = Maps::new(document.map(), document.values());
    assert_eq!(maps.broken_pole_rules(), [0]);
    let turn = Action::new(Operation::Percentage { value: -200.0 }, Selection::All);
    let changed = document.apply(turn).unwrap().cells;
    let changes = maps.update(document.map(), document.values(), &changed);
    assert_eq!(maps.broken_pole_rules(), [0]);
    let poles = changes.iter().find(|change| change.layer == Layer::Poles).unwrap();
    assert_eq!(poles.cells, [1, 2, 3, 4, 5]);
}

#[test]
fn smoothing_keeps_the_coast_and_flat_maps() {
    let map = ["~~~~~", "~151~", "~~~~~"];
    let smooth = |keep_coast| Operation::Smooth { passes: 1, keep_coast };
    let document = drawn(&map, Meaning::Elevation);
    let kept = done(document.clone(), smooth(true), Selection::All);
    assert_eq!(coast(&kept), coast(&document));
    // (4 x 50 + 2 x 10 + 2 x 10) / 8
    assert_eq!(kept.values()[[1, 2]], 30.0);
    assert_eq!(kept.values().row(0), document.values().row(0));
    let free = done(document, smooth(false), cell(1, 2));
    assert_eq!(free.values()[[1, 2]], (200.0 + 40.0 - 400.0 - 400.0) / 16.0);
}

#[test]
fn copied_cells_are_those_selected() {
    let copy = |row, column, value| CopiedCell { cell: Cell::new(row, column), value };
    let cells = vec![copy(0, 1, Some(7.0)), copy(0, 0, None), copy(1, 1, Some(9.0)), copy(9, 9, Some(1.0))];
    let operation = Operation::Copy { source: "revision 3".to_owned(), cells };
    let first_row = Selection::Range { of: Quantity::Row, from: None, to: Some(0.0) };
    let copied = done(drawn(&["##", "##"], Meaning::Elevation), operation, first_row);
    assert!(copied.values()[[0, 0]].is_nan());
    assert_eq!((copied.values()[[0, 1]], copied.values()[[1, 1]]), (7.0, LAND));
}

#[test]
fn doubled_cells_take_the_value_of_the_inner_one() {
    let seams = Seams { date_line: DateLine::Joined, overlap: Overlap::TwoColumns, fold: Fold::FPivot };
    let values = Array2::from_shape_fn((4, 6), |(i, j)| (6 * i + j) as f64 + 1.0);
    let map = Map::unplaced(4, 6, Meaning::Depth).unwrap().with_seams(seams);
    let document = Document::new(map, values, DataType::F64).unwrap();
    let maps = Maps::new(document.map(), document.values());
    let problems = fitness::check(document.map(), document.values(), &maps, Beside::Nothing).unwrap();
    assert!(problems.iter().any(|problem| problem.finding.code == "doubled-cells-differ"));
    let matched = done(document, Operation::MatchTwins {}, Selection::All);
    assert_eq!(matched.values().row(0).to_vec(), [5.0, 2.0, 3.0, 4.0, 5.0, 2.0]);
    // Row 3 repeats row 2 from east to west.
    assert_eq!(matched.values().row(2).to_vec(), [17.0, 14.0, 15.0, 16.0, 17.0, 14.0]);
    assert_eq!(matched.values().row(3).to_vec(), [14.0, 17.0, 16.0, 15.0, 14.0, 17.0]);
    let maps = Maps::new(matched.map(), matched.values());
    let problems = fitness::check(matched.map(), matched.values(), &maps, Beside::Nothing).unwrap();
    assert!(problems.iter().all(|problem| problem.finding.code != "doubled-cells-differ"));
}

#[test]
fn land_of_sub_basins_is_never_touched() {
    let map = Map::unplaced(1, 4, Meaning::Basins).unwrap();
    let values = ndarray::arr2(&[[0.0, 1.0, 2.0, 3.0]]);
    let mut document = Document::new(map, values, DataType::I32).unwrap();
    document.apply(Action::new(Operation::Absolute { value: 2.0 }, Selection::All)).unwrap();
    assert_eq!(document.values().row(0).to_vec(), [0.0, 2.0, 2.0, 2.0]);
    for (operation, says) in [
        (Operation::Absolute { value: 0.0 }, "sub-basins are"),
        (Operation::Absolute { value: 1.5 }, "sub-basins are"),
        (Operation::Relative { value: 1.0 }, "no meaning on sub-basins"),
        (Operation::PoleRules {}, "no meaning on sub-basins"),
    ] {
        let error = document.apply(Action::new(operation, Selection::All)).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    assert_eq!(document.history().len(), 1);
}

#[test]
fn actions_that_cannot_be_meant_are_refused_with_the_reason() {
    let mut document = drawn(&["~#"], Meaning::Depth);
    let line = Line { column_row: vec![[0.0, 0.0]], lon_lat: Vec::new() };
    for (operation, says) in [
        (Operation::Absolute { value: f64::NAN }, "finite"),
        (Operation::FillSeas { to: Fill::Sill }, "no meaning on a bathymetry"),
        (Operation::FillSeas { to: Fill::Land { height_m: Some(0.0) } }, "not land"),
        (Operation::OpenChannel { line: line.clone(), width: 1, depth_m: 5.0 }, "two points"),
        (Operation::OpenChannel { line: line.clone(), width: 0, depth_m: 5.0 }, "width of 0"),
        (Operation::OpenChannel { line, width: 1, depth_m: 0.0 }, "above 0"),
        (Operation::Smooth { passes: 0, keep_coast: true }, "passes"),
    ] {
        let error = document.apply(Action::new(operation, Selection::All)).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    assert!(document.toggle(0).is_err());
}

#[test]
fn selections_combine_and_cross_the_date_line() {
    let lon: Vec<f64> = (0..12).map(|j| -165.0 + 30.0 * f64::from(j)).collect();
    let map = Map::regular(lon, vec![10.0], Meaning::Elevation).unwrap();
    let values = Array2::from_shape_fn((1, 12), |(_, j)| j as f64 - 6.0);
    let columns = |selection: Selection| selection.select(&map, values.view()).cells().collect::<Vec<_>>();
    let lon = |lon| Selection::Box { lon, lat: [0.0, 10.0] };
    assert_eq!(columns(lon([150.0, -150.0])), [0, 11]);
    assert_eq!(columns(lon([150.0, 210.0])), [0, 11]);
    assert_eq!(columns(lon([195.0, 225.0])), [0, 1]);
    assert_eq!(columns(lon([-165.0, -135.0])), [0, 1]);
    assert_eq!(columns(lon([-180.0, 180.0])).len(), 12);
    let square = |west: f64, east: f64| Selection::Lasso {
        lon_lat: vec![[west, 0.0], [east, 0.0], [east, 20.0], [west, 20.0]],
        column_row: Vec::new(),
    };
    assert_eq!(columns(square(140.0, 220.0)), [0, 11]);
    let index = Selection::IndexBox { columns: [-1.0, 1.2], rows: [0.0, 0.0], outline: Vec::new() };
    assert_eq!(columns(index), [0, 1, 11]);
    let low = Selection::Range { of: Quantity::Value, from: None, to: Some(-5.0) };
    assert_eq!(columns(Selection::Intersection(vec![lon([150.0, -150.0]), low.clone()])), [0]);
    assert_eq!(columns(Selection::Union(vec![lon([150.0, -150.0]), low.clone()])), [0, 1, 11]);
    assert_eq!(columns(Selection::Difference(Box::new([lon([150.0, -150.0]), low.clone()]))), [11]);
    assert_eq!(columns(Selection::Complement(Box::new(low))).len(), 10);
}

#[test]
fn seas_meet_across_the_fold() {
    // Two seas that touch the northern row, apart in the array.
    let map = ["~####~", "~####~", "~####~", "~####~", "######"];
    let counts = |fold, flip: bool| {
        let rows: Vec<&str> = if flip { map.iter().rev().copied().collect() } else { map.to_vec() };
        let seams = Seams { fold, ..Seams::NONE };
        let document = with_seams(&rows, Meaning::Depth, seams);
        Maps::new(document.map(), document.values()).counts().internal_oceans
    };
    assert_eq!(counts(Fold::None, true), 1);
    assert_eq!(counts(Fold::FPivot, true), 0);
    // Around a T point column 0 has no mirror among the columns of this array.
    assert_eq!(counts(Fold::TPivot, true), 1);
    // The fold is in the last rows only.
    assert_eq!(counts(Fold::FPivot, false), 1);
}

#[test]
fn the_fitness_list_names_everything_with_its_cells() {
    let map = [
        "~~~~~~~~", //
        "~#~~####", "~~~~#~~#", "####~###", "~~~~~~?~",
    ];
    let document = drawn(&map, Meaning::Elevation);
    let maps = Maps::new(document.map(), document.values());
    let problems = fitness::check(document.map(), document.values(), &maps, Beside::Nothing).unwrap();
    let found = |code: &str| {
        problems.iter().find(|problem| problem.finding.code == code).map(|problem| problem.cells.clone())
    };
    assert_eq!(found("internal-oceans"), Some(vec![3 * 8 + 4, 2 * 8 + 5, 4 * 8 + 7]));
    assert_eq!(found("isolated-land-cells"), Some(vec![8 + 1]));
    assert_eq!(found("values-missing"), Some(vec![4 * 8 + 6]));
    assert_eq!(found("isolated-sea-cells"), Some(vec![4 * 8 + 7]));
    assert_eq!(found("one-kind-only"), None);
}

#[test]
fn coasts_of_basins_and_bathymetry_have_to_agree() {
    let depths = ndarray::arr2(&[[0.0, 10.0, 10.0, 0.0]]);
    let basins = ndarray::arr2(&[[0.0, 1.0, 0.0, 2.0]]);
    let map = Map::unplaced(1, 4, Meaning::Depth).unwrap();
    let maps = Maps::new(&map, depths.view());
    let problems = fitness::check(&map, depths.view(), &maps, Beside::Basins(basins.view())).unwrap();
    let codes = |problems: &[fitness::Problem]| {
        let coast = |code: &str| code.contains("basin");
        let named = problems.iter().filter(|p| coast(p.finding.code));
        named.map(|p| (p.finding.code, p.cells.clone())).collect::<Vec<_>>()
    };
    let expected = [("sea-without-basin", vec![2]), ("basin-on-land", vec![3])];
    assert_eq!(codes(&problems), expected);
    let map = map.with_meaning(Meaning::Basins);
    let maps = Maps::new(&map, basins.view());
    let problems = fitness::check(&map, basins.view(), &maps, Beside::Depths(depths.view())).unwrap();
    assert_eq!(codes(&problems), expected);
}

#[test]
fn derived_maps_have_their_codes() {
    let document = drawn(&["~~~~~", "##~##", "~~~~~", "#####", "#~###"], Meaning::Depth);
    let maps = Maps::new(document.map(), document.values());
    assert_eq!(maps.value(Layer::InternalOceans, 0), -1.0);
    assert_eq!(maps.value(Layer::InternalOceans, 21), 2.0);
    assert!(maps.value(Layer::InternalOceans, 5).is_nan());
    assert_eq!(maps.value(Layer::Passages, 7), 2.0);
    assert_eq!(maps.layer(Layer::Poles).len(), 25);
    assert_eq!(maps.passages(document.map()).len(), 1);
    let plain = drawn(&["~"], Meaning::Plain);
    let none = Maps::new(plain.map(), plain.values());
    assert!(none.layer(Layer::Passages).is_empty() && none.seas().is_empty());
}

#[test]
fn filters_leave_missing_cells_in() {
    let mut document = drawn(&["~#?"], Meaning::Elevation);
    let mut action = Action::new(Operation::Absolute { value: 3.0 }, Selection::All);
    action.filter = Filter { land: true, ocean: false };
    assert_eq!(document.apply(action).unwrap().cells, [1, 2]);
    document.undo().unwrap();
    assert_eq!(coast(&document), ["~#?"]);
}

/// The coast of `rows` in other numbers, with what each is in metres: fixes and checks do the same in all of them.
#[test]
fn fixes_count_in_metres_whatever_the_file_counts_in() {
    let rows = ["~~~~~~", "~3#5#~", "~#~~#~", "~#4##~", "~~~~~~"];
    let plain = drawn(&rows, Meaning::Elevation);
    let operations = [
        Operation::FillSeas { to: Fill::Land { height_m: Some(25.0) } },
        Operation::FillSeas { to: Fill::Land { height_m: None } },
        Operation::FillSeas { to: Fill::Sill },
        Operation::OpenChannel {
            line: Line { lon_lat: vec![[0.0, -2.0], [3.0, -2.0]], ..Line::default() },
            width: 1,
            depth_m: 30.0,
        },
        Operation::Smooth { passes: 2, keep_coast: true },
    ];
    for (units, per_metre) in [("km", 1e-3), ("cm", 100.0), ("ft", 1.0 / 0.3048), ("m2 s-2", 9.806_65)] {
        for (meaning, sign) in [(Meaning::Elevation, 1.0), (Meaning::Downwards, -1.0)] {
            let numbers = plain.values().mapv(|height| sign * per_metre * height);
            let map = plain.map().clone().with_meaning(meaning).with_units(Units::parse(units));
            let other = Document::new(map, numbers, DataType::F64).unwrap();
            for operation in &operations {
                let action = Action::new(operation.clone(), Selection::All);
                let (mut plain, mut other) = (plain.clone(), other.clone());
                assert!(!plain.apply(action.clone()).unwrap().is_empty(), "{operation:?}");
                other.apply(action).unwrap();
                for (number, height) in other.values().iter().zip(plain.values()) {
                    assert!(
                        (number * sign / per_metre - height).abs() < 1e-9,
                        "{units} {meaning:?} {operation:?}"
                    );
                }
            }
            let problems = |document: &Document| {
                let maps = Maps::new(document.map(), document.values());
                fitness::check(document.map(), document.values(), &maps, Beside::Nothing).unwrap()
            };
            assert_eq!(problems(&other), problems(&plain), "{units} {meaning:?}");
        }
    }
}

#[test]
fn fixes_of_unknown_units_are_refused_and_plain_edits_are_not() {
    let map = drawn(&["~#~"], Meaning::Elevation).map().clone().with_units(None);
    let mut document = Document::new(map, ndarray::arr2(&[[-1.0, 2.0, -1.0]]), DataType::F64).unwrap();
    let close = Action::new(Operation::ClosePassages { height_m: None }, Selection::All);
    let error = document.apply(close).unwrap_err().to_string();
    assert!(error.contains("units") && error.contains("routing form"), "{error}");
    document.apply(Action::new(Operation::Absolute { value: 3.0 }, Selection::All)).unwrap();
}

/// A column that is there twice is one column: what is done to either is done to both.
#[test]
fn both_copies_of_a_cyclic_column_are_edited() {
    let lon: Vec<f64> = (0..37).map(|i| 10.0 * f64::from(i)).collect();
    let values = Array2::from_shape_fn((2, 37), |(i, j)| -100.0 - (i + j % 36) as f64);
    for (column, twin) in [(0, 36), (36, 0)] {
        for down in [false, true] {
            let meaning = if down { Meaning::Downwards } else { Meaning::Elevation };
            let map = Map::regular(lon.clone(), vec![5.0, -5.0], meaning).unwrap();
            let mut document = Document::new(map, values.clone(), DataType::F64).unwrap();
            let one = Selection::Cells(vec![Cell::new(1, column)]);
            let changes = document.apply(Action::new(Operation::Relative { value: 70.0 }, one)).unwrap();
            assert_eq!(changes.cells, [37, 73]);
            assert_eq!(document.values()[[1, column]], document.values()[[1, twin]]);
            document.undo().unwrap();
            assert_eq!(document.values(), values);
        }
    }
}

/// What is kept for undoing is bounded; steps beyond it are replayed, and are as exact.
#[test]
fn steps_that_are_no_longer_kept_are_replayed() {
    let values = Array2::from_shape_fn((300, 300), |(i, j)| 0.1 * (i as f64) - 0.7 * (j as f64));
    let map = Map::unplaced(300, 300, Meaning::Elevation).unwrap();
    let mut document = Document::new(map, values, DataType::F64).unwrap();
    let mut states = vec![document.values().to_owned()];
    for value in [0.1, 17.3, -99.9, 3.7] {
        document.apply(Action::new(Operation::Percentage { value }, Selection::All)).unwrap();
        states.push(document.values().to_owned());
    }
    for state in states.iter().rev().skip(1) {
        document.undo().unwrap();
        assert_eq!(document.values(), state);
    }
    for state in states.iter().skip(1) {
        document.redo().unwrap();
        assert_eq!(document.values(), state);
    }
}
