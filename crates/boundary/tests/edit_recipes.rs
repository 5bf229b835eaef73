//! Recipes on other grids, and what edits mean for the steps after them.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

#[path = "support/golden.rs"]
mod golden;

use boundary::edit::recipe::{Error, Fit, Recipe, Report};
use boundary::edit::{
    Action, Cell, CopiedCell, Document, Fill, Line, Map, Maps, Meaning, Operation, Quantity, Selection,
    consequences,
};
use boundary::routing::{self, Parameters};
use boundary::{Release, Silent};
use dataset::{DataType, Dataset};
use grid::Points;
use ndarray::{Array2, Ix2, s};

/// A global topography of cells of so many degrees: land east of Greenwich, sea west of it; longitudes from `west`.
fn halves(degrees: f64, west: f64) -> Document {
    let count = (360.0 / degrees) as usize;
    let lon: Vec<f64> = (0..count).map(|j| west + (j as f64 + 0.5) * degrees).collect();
    let lat: Vec<f64> = (0..count / 2).map(|i| -90.0 + (i as f64 + 0.5) * degrees).collect();
    let east = |lon: f64| (0.0..180.0).contains(&lon.rem_euclid(360.0));
    let values =
        Array2::from_shape_fn((lat.len(), lon.len()), |(_, j)| if east(lon[j]) { 100.0 } else { -100.0 });
    let map = Map::regular(lon, lat, Meaning::Elevation).unwrap();
    Document::new(map, values, DataType::F64).unwrap()
}

fn set(selection: Selection) -> Action {
    Action::new(Operation::Absolute { value: 7.0 }, selection)
}

/// Applies one action on a grid of 5 degrees, and its recipe elsewhere.
fn carried(action: Action, mut to: Document) -> (Document, Report) {
    let mut from = halves(5.0, -180.0);
    from.apply(action).unwrap();
    let recipe = Recipe::parse(&Recipe::new(&from, "topo", "").to_text()).unwrap();
    let report = recipe.apply(&mut to).unwrap().remove(0);
    (to, report)
}

/// The extent in longitude and latitude of the centres of the cells with value 7, longitudes in -180..180.
fn sevens(document: &Document) -> (usize, [f64; 4]) {
    let sevens =
        document.values().iter().enumerate().filter(|(_, v)| **v == 7.0).map(|(k, _)| k).collect::<Vec<_>>();
    let places = sevens.iter().map(|&cell| document.map().lon_lat(cell).unwrap());
    let limits = places.fold([f64::MAX, f64::MIN, f64::MAX, f64::MIN], |[w, e, s, n], [lon, lat]| {
        let lon = grid::sphere::wrap_longitude(lon);
        [w.min(lon), e.max(lon), s.min(lat), n.max(lat)]
    });
    (sevens.len(), limits)
}

#[test]
fn a_recipe_in_other_units_is_refused() {
    let in_units = |units: &str| {
        let metres = halves(10.0, -180.0);
        let map = metres.map().clone().with_units(Some(units.parse().unwrap()));
        Document::new(map, metres.values().to_owned(), DataType::F64).unwrap()
    };
    let mut from = in_units("km");
    from.apply(set(Selection::All)).unwrap();
    let text = Recipe::new(&from, "topo", "").to_text();
    assert!(text.contains("\"metres\": 1000.0") && text.contains("\"version\": 2"), "{text}");
    let recipe = Recipe::parse(&text).unwrap();
    assert_eq!(recipe.apply(&mut in_units("km")).unwrap()[0].fit, Fit::Yes);
    let error = recipe.apply(&mut in_units("m")).unwrap_err();
    assert!(matches!(error, Error::Units { recipe: 1000.0, map: 1.0 }), "{error}");
    // One in metres is what it always was.
    let mut from = in_units("m");
    from.apply(set(Selection::All)).unwrap();
    let text = Recipe::new(&from, "topo", "").to_text();
    assert!(!text.contains("metres") && text.contains("\"version\": 1"), "{text}");
    assert!(Recipe::parse(&text).unwrap().apply(&mut in_units("cm")).is_err());
}

#[test]
fn places_are_the_same_on_finer_grids_and_in_other_longitudes() {
    // Columns 38 to 41 and rows 20 to 21 of 5 degrees: 10 E to 30 E, 10 N to 20 N.
    let columns = |low, high| {
        Selection::Intersection(vec![
            Selection::Range { of: Quantity::Column, from: Some(low), to: Some(high) },
            Selection::Range { of: Quantity::Row, from: Some(19.5), to: Some(21.2) },
        ])
    };
    let cells: Vec<Cell> =
        (20..22).flat_map(|row| (38..42).map(move |column| Cell::new(row, column))).collect();
    for (what, action) in [
        ("box", set(Selection::Box { lon: [10.0, 30.0], lat: [10.0, 20.0] })),
        ("columns and rows", set(columns(38.0, 41.4))),
        ("index box", {
            set(Selection::IndexBox { columns: [37.6, 41.0], rows: [20.0, 21.0], outline: Vec::new() })
        }),
        ("lasso", {
            let column_row = vec![[37.5, 19.5], [41.5, 19.5], [41.5, 21.5], [37.5, 21.5]];
            set(Selection::Lasso { column_row, lon_lat: Vec::new() })
        }),
        ("cells", set(Selection::Cells(cells.clone()))),
        ("longitudes and latitudes", {
            let range = |of, from, to| Selection::Range { of, from: Some(from), to: Some(to) };
            let parts = vec![range(Quantity::Lon, 10.0, 30.0), range(Quantity::Lat, 10.0, 20.0)];
            set(Selection::Intersection(parts))
        }),
        ("copied values", {
            let copied = |(k, &cell): (usize, &Cell)| CopiedCell { cell, value: (k < 8).then_some(7.0) };
            let cells = cells.iter().enumerate().map(copied).collect();
            Action::new(Operation::Copy { source: "there".to_owned(), cells }, Selection::All)
        }),
    ] {
        for west in [-180.0, 0.0] {
            let (fine, report) = carried(action.clone(), halves(1.0, west));
            assert_eq!((report.fit, report.message.as_str()), (Fit::Yes, "200 cells changed"), "{what}");
            assert_eq!(sevens(&fine), (200, [10.5, 29.5, 10.5, 19.5]), "{what} from {west}");
            let (coarse, report) = carried(action.clone(), halves(10.0, west));
            assert_eq!(report.fit, Fit::Yes, "{what}");
            assert_eq!(sevens(&coarse), (2, [15.0, 25.0, 15.0, 15.0]), "{what} from {west}");
        }
    }
}

#[test]
fn places_across_the_date_line_stay_there() {
    let action = set(Selection::IndexBox { columns: [-2.0, 1.0], rows: [17.0, 18.0], outline: Vec::new() });
    let (fine, report) = carried(action, halves(1.0, 0.0));
    assert_eq!(report.fit, Fit::Yes);
    assert_eq!(sevens(&fine), (200, [-179.5, 179.5, -4.5, 4.5]));
    let line = Line { column_row: vec![[70.0, 30.0], [74.0, 30.0]], lon_lat: Vec::new() };
    let channel = Operation::OpenChannel { line, width: 1, depth_m: 500.0 };
    let (fine, report) = carried(Action::new(channel, Selection::All), halves(1.0, 0.0));
    // From 172.5 E to 167.5 W.
    assert_eq!((report.fit, report.message.as_str()), (Fit::Yes, "21 cells changed"));
    assert_eq!(fine.values().iter().filter(|&&height| height == -500.0).count(), 21);
}

#[test]
fn what_no_longer_fits_is_said() {
    let regional = || {
        let axis = |first: f64| (0..20).map(|k| first + f64::from(k)).collect::<Vec<f64>>();
        let map = Map::regular(axis(100.0), axis(0.0), Meaning::Elevation).unwrap();
        Document::new(map, Array2::from_elem((20, 20), 7.5), DataType::F64).unwrap()
    };
    let all = |operation| Action::new(operation, Selection::All);
    let cells = Selection::Cells(vec![Cell::new(18, 56), Cell::new(2, 2)]);
    for (action, fit, says) in [
        (set(Selection::Box { lon: [-50.0, -40.0], lat: [0.0, 5.0] }), Fit::No, "no cell here"),
        (set(cells), Fit::Partly, "1 of 2 cells are outside of this grid"),
        (all(Operation::FillSeas { to: Fill::Sill }), Fit::No, "no closed sea"),
        (all(Operation::WidenPassages {}), Fit::No, "no one-cell passage"),
        (all(Operation::PoleRules {}), Fit::Yes, "the pole rules hold here"),
        (all(Operation::Absolute { value: 7.5 }), Fit::Yes, "these values already"),
    ] {
        let (document, report) = carried(action, regional());
        assert_eq!(report.fit, fit, "{}", report.message);
        assert!(report.message.contains(says), "{}", report.message);
        assert_eq!(report.action.iter().collect::<Vec<_>>(), document.actions());
    }

    // Drawn where only rows and columns were known.
    let map = Map::unplaced(5, 5, Meaning::Elevation).unwrap();
    let mut from = Document::new(map, Array2::zeros((5, 5)), DataType::F64).unwrap();
    from.apply(set(Selection::IndexBox { columns: [1.0, 2.0], rows: [1.0, 2.0], outline: Vec::new() }))
        .unwrap();
    let report = Recipe::new(&from, "topo", "").apply(&mut regional()).unwrap().remove(0);
    assert_eq!((report.fit, report.action), (Fit::No, None));
    assert!(report.message.contains("another grid only"));
}

#[test]
fn other_texts_and_other_maps_are_refused() {
    let recipe = Recipe::new(&halves(10.0, 0.0), "topo", "nothing");
    let text = recipe.to_text();
    assert!(text.contains("\"format\": \"climsim edit recipe\"") && text.contains("\"version\": 1"));
    let later = text.replace("\"version\": 1", "\"version\": 3, \"more\": 5");
    assert!(matches!(Recipe::parse(&later), Err(Error::Version { found: 3 })));
    assert!(matches!(Recipe::parse("{}"), Err(Error::Format { .. })));
    assert!(matches!(Recipe::parse("[1"), Err(Error::Json(_))));
    assert!(matches!(Recipe::parse(&text.replace("\"title\"", "\"titel\"")), Err(Error::Json(_))));
    let map = Map::unplaced(2, 2, Meaning::Depth).unwrap();
    let mut depths = Document::new(map, Array2::zeros((2, 2)), DataType::F64).unwrap();
    let error = recipe.apply(&mut depths).unwrap_err();
    assert_eq!(error.to_string(), "the recipe is for a topography, and this is a bathymetry");
}

/// What was drawn in columns and rows of a tripolar grid lies in the same place on a regular one, the region around the grid
/// pole and the date line included.
#[test]
fn places_on_a_tripolar_grid_are_found_on_a_regular_one() {
    let points = grid::orca::t_points(&grid::orca::Parameters::for_size(92, 76)).unwrap();
    let map = Map::curvilinear(points, Meaning::Depth).unwrap();
    let from = Document::new(map, Array2::from_elem((76, 92), 100.0), DataType::F64).unwrap();
    let regular = halves(4.0, -180.0).map().clone().with_meaning(Meaning::Depth);
    for (columns, rows) in
        [([10.0, 20.0], [20.0, 30.0]), ([1.0, 90.0], [60.0, 72.0]), ([60.0, 75.0], [50.0, 70.0])]
    {
        let mut from = from.clone();
        from.apply(set(Selection::IndexBox { columns, rows, outline: Vec::new() })).unwrap();
        let mut to =
            Document::new(regular.clone(), Array2::from_elem((45, 90), 100.0), DataType::F64).unwrap();
        let reports = Recipe::new(&from, "Bathymetry", "").apply(&mut to).unwrap();
        assert_eq!(reports[0].fit, Fit::Yes);
        // Every changed cell lies near one that was selected, and every one selected near a changed cell.
        let places = |document: &Document| {
            let seven = |cell: &usize| document.values()[document.map().position(*cell)] == 7.0;
            (0..document.map().cells())
                .filter(seven)
                .filter_map(|cell| document.map().lon_lat(cell))
                .map(|[lon, lat]| (lon, lat))
                .collect::<Vec<_>>()
        };
        let (there, here) = (places(&from), places(&to));
        let apart = |a: &[(f64, f64)], b: &[(f64, f64)]| {
            let nearest =
                |p: &(f64, f64)| b.iter().map(|q| grid::sphere::distance_m(*p, *q)).fold(f64::MAX, f64::min);
            a.iter().map(nearest).fold(0.0, f64::max) / 1000.0
        };
        assert!(!here.is_empty());
        assert!(apart(&here, &there) < 500.0, "{columns:?} {rows:?}: {} km", apart(&here, &there));
        assert!(apart(&there, &here) < 500.0, "{columns:?} {rows:?}: {} km", apart(&there, &here));
    }
}

fn field(file: &Dataset, name: &str) -> Array2<f64> {
    file.variable(name).unwrap().decode().unwrap().into_dimensionality::<Ix2>().unwrap()
}

/// What the editor shows is what the routing step then writes, on the committed planet turned both ways.
#[test]
fn consequences_are_what_the_routing_writes() {
    let raw = golden::committed("raw.nc");
    let variable = raw.variables.iter().find(|v| v.dimensions.len() == 2).unwrap();
    let heights = field(&raw, &variable.name);
    let axis = |k: usize| -> Vec<f64> {
        raw.variable(&variable.dimensions[k]).unwrap().decode().unwrap().into_iter().collect()
    };
    let ocean = Points {
        lon_deg: Array2::from_shape_fn((17, 36), |(_, x)| -175.0 + 10.0 * x as f64),
        lat_deg: Array2::from_shape_fn((17, 36), |(y, _)| -80.0 + 10.0 * y as f64),
    };
    let (lat, lon) = (axis(0), axis(1));
    let northwards = lat[0] < lat[1];
    let flipped = |map: &Array2<f64>| map.slice(s![..;-1, ..]).to_owned();
    for (release, turned) in
        [Release::R2023, Release::Corrected].into_iter().flat_map(|r| [(r, false), (r, true)])
    {
        let parameters = Parameters { release, ..Parameters::new(&variable.name) };
        let written = routing::run(&raw, &parameters, &ocean, &Silent).unwrap();
        // Files are north-up.
        let basins = field(&written.routing, "basins");
        let heights = if turned { flipped(&heights) } else { heights.clone() };
        let lat = if turned { lat.iter().rev().copied().collect() } else { lat.clone() };
        let map = Map::regular(lon.clone(), lat, Meaning::Elevation).unwrap();
        let shown = consequences::compute(&map, heights.view(), Some(&ocean), release).unwrap();
        let expected = if northwards != turned { flipped(&basins) } else { basins.clone() };
        for ((at, &ours), &theirs) in shown.river_basins.indexed_iter().zip(&expected) {
            assert_eq!(f64::from(ours), if theirs.is_nan() { 0.0 } else { theirs }, "{at:?}");
        }
        assert_eq!(shown.depths_m.unwrap(), field(&written.bathy, "Bathymetry"));
    }
    let plain = Map::unplaced(2, 2, Meaning::Elevation).unwrap();
    let error =
        consequences::compute(&plain, Array2::zeros((2, 2)).view(), None, Release::R2023).unwrap_err();
    assert_eq!(error, consequences::Error::NoTopography);
    let all_land = Array2::from_elem(heights.dim(), 5.0);
    let map = Map::regular(lon, lat, Meaning::Elevation).unwrap();
    let error = consequences::compute(&map, all_land.view(), None, Release::R2023).unwrap_err();
    assert!(error.to_string().contains("sea"), "{error}");
    assert_eq!(Maps::new(&map, all_land.view()).counts().internal_oceans, 0);
}
