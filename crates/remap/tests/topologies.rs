//! One tripolar grid, stored in every way that files store it: the same links between the same places, and sums of at most one.

use std::collections::BTreeMap;

use dataset::{Attributes, Dataset};
use grid::sphere::Vector;
use grid::{OceanGrid, Points, RegularGrid, orca};
use ndarray::{Array2, Axis, s};
use remap::{Mesh, Method, Norm, Weights};

const COLUMNS: usize = 42;
const ROWS: usize = 35;

/// T points of a tripolar grid that folds at F points, its two columns and its row repeated.
fn f_pivot() -> Points {
    orca::t_points(&orca::Parameters::for_size(COLUMNS, ROWS)).expect("a grid")
}

/// The same that folds at T points: the F points of the other, half a cell away, moved into the columns of ORCA.
fn t_pivot() -> Points {
    let grid = orca::grid(&orca::Parameters::for_size(COLUMNS, ROWS)).expect("a grid");
    let f = &grid.mesh().expect("a mesh").f.points;
    let period = COLUMNS - 2;
    let moved = |old: &Array2<f64>| {
        Array2::from_shape_fn((ROWS, COLUMNS), |(j, i)| old[[j, (i + period - 2) % period + 1]])
    };
    let mut points = Points { lon_deg: moved(&f.lon_deg), lat_deg: moved(&f.lat_deg) };
    for coordinate in [&mut points.lon_deg, &mut points.lat_deg] {
        for i in 0..COLUMNS {
            let image = (2 * period + COLUMNS - i - 1) % period + 1;
            coordinate[[ROWS - 1, i]] = coordinate[[ROWS - 3, image]];
        }
    }
    points
}

fn cut(points: &Points, rows: usize, columns: std::ops::Range<usize>) -> Points {
    let part = |array: &Array2<f64>| array.slice(s![..rows, columns.clone()]).to_owned();
    Points { lon_deg: part(&points.lon_deg), lat_deg: part(&points.lat_deg) }
}

fn file(points: &Points, dimensions: [&str; 2]) -> Dataset {
    let mut file = Dataset::new();
    for (name, units, values) in
        [("nav_lon", "degrees_east", &points.lon_deg), ("nav_lat", "degrees_north", &points.lat_deg)]
    {
        let attributes = Attributes::new().with("units", units);
        file.add_f64(name, &dimensions, values.clone().into_dyn(), attributes);
    }
    file
}

fn target() -> Mesh {
    Mesh::regular(&RegularGrid::global(20, 10).expect("axes")).expect("cells")
}

fn computed(mesh: &Mesh, method: Method) -> Weights {
    remap::weights(mesh, &target(), method, Norm::DestArea).checked().expect("parts of a whole")
}

/// The links by the place of the source cell, in thousandths of the radius, and the target cell.
fn by_place(mesh: &Mesh, weights: &Weights) -> BTreeMap<([i64; 3], usize), f64> {
    let mut found = BTreeMap::new();
    for target in 0..weights.target_area_sr.len() {
        for (source, weight) in weights.row(target) {
            let p = Vector::from_degrees(mesh.centre_deg(source));
            let place = [p.x, p.y, p.z].map(|part| (part * 1e5).round() as i64);
            let before = found.insert((place, target), weight);
            assert!(before.is_none(), "two cells of one place take part");
        }
    }
    found
}

#[test]
fn every_way_to_store_a_tripolar_grid_gives_the_same_links() {
    for (pivot, whole) in [("F", f_pivot()), ("T", t_pivot())] {
        let transposed = whole.clone().rearranged(true, false);
        let ways = [
            ("whole", whole.clone(), ["y", "x"]),
            ("row of the fold cut off", cut(&whole, ROWS - 1, 0..COLUMNS), ["y", "x"]),
            ("columns cut off on both sides", cut(&whole, ROWS, 1..COLUMNS - 1), ["y", "x"]),
            ("columns cut off in the east", cut(&whole, ROWS, 0..COLUMNS - 2), ["y", "x"]),
            ("one column cut off", cut(&whole, ROWS, 1..COLUMNS), ["y", "x"]),
            ("everything repeated cut off", cut(&whole, ROWS - 1, 1..COLUMNS - 1), ["y", "x"]),
            ("(x, y)", transposed.clone(), ["x", "y"]),
            ("(x, y) under other names", transposed, ["a", "b"]),
            ("north to south", whole.clone().rearranged(false, true), ["y", "x"]),
        ];
        let mut reference: Option<BTreeMap<_, f64>> = None;
        for (way, points, dimensions) in ways {
            let mesh = Mesh::from_dataset(&file(&points, dimensions), None).expect(way);
            assert_eq!(mesh.shape(), points.lon_deg.dim(), "{pivot} {way}: cells are numbered as stored");
            let found = by_place(&mesh, &computed(&mesh, Method::Conservative));
            match &reference {
                None => reference = Some(found),
                Some(reference) => {
                    let keys =
                        |map: &BTreeMap<([i64; 3], usize), f64>| map.keys().copied().collect::<Vec<_>>();
                    assert_eq!(keys(reference).len(), keys(&found).len(), "{pivot} {way}");
                    for (key, weight) in &found {
                        let before = reference.get(key).unwrap_or_else(|| panic!("{pivot} {way}: {key:?}"));
                        assert!((before - weight).abs() < 1e-9, "{pivot} {way}: {before} {weight}");
                    }
                }
            }
            let around = computed(&mesh, Method::Bilinear);
            let north = (0..20).map(|i| 9 * 20 + i).filter(|&cell| around.row(cell).next().is_some()).count();
            assert_eq!(north, 20, "{pivot} {way}: bilinear weights reach across the fold");
        }
    }
}

#[test]
fn cells_at_one_place_or_without_a_place_take_no_part() {
    let whole = f_pivot();
    let reference = by_place_of(&whole);
    for (what, lon, lat) in
        [("zero", 0.0, 0.0), ("not a number", f64::NAN, f64::NAN), ("a marker", 9.97e36, 9.97e36)]
    {
        let mut points = whole.clone();
        points.lon_deg.slice_mut(s![8..13, 10..16]).fill(lon);
        points.lat_deg.slice_mut(s![8..13, 10..16]).fill(lat);
        let mesh = Mesh::from_dataset(&file(&points, ["y", "x"]), None).expect(what);
        assert_eq!(mesh.absent_cells(), 30, "{what}");
        let found = by_place(&mesh, &computed(&mesh, Method::Conservative));
        // Cells that do not touch the hole are as they were.
        assert!(found.len() < reference.len(), "{what}");
        let same = found
            .iter()
            .filter(|(key, weight)| reference.get(key).is_some_and(|r| (r - *weight).abs() < 1e-9));
        assert!(same.count() * 100 > found.len() * 95, "{what}");
        let read = OceanGrid::from_dataset(&file(&points, ["y", "x"])).expect(what);
        assert_eq!(
            (read.grid.absent_cells(), read.grid.topology()),
            (30, grid_of(&whole).topology()),
            "{what}"
        );
    }
}

fn grid_of(points: &Points) -> OceanGrid {
    OceanGrid::from_t_points(points.clone()).expect("a grid")
}

fn by_place_of(points: &Points) -> BTreeMap<([i64; 3], usize), f64> {
    let mesh = Mesh::ocean(&grid_of(points)).expect("cells");
    by_place(&mesh, &computed(&mesh, Method::Conservative))
}

#[test]
fn a_whole_mesh_has_the_same_cells_with_and_without_what_is_repeated() {
    let whole = orca::grid(&orca::Parameters::for_size(COLUMNS, ROWS)).expect("a grid").to_dataset();
    let mut cut = Dataset::new();
    for variable in &whole.variables {
        let values = variable.values.to_f64().expect("numbers");
        let values = values
            .slice_axis(Axis(0), (..ROWS - 1).into())
            .slice_axis(Axis(1), (1..COLUMNS - 1).into())
            .to_owned();
        cut.add_f64(&variable.name, &["y", "x"], values, variable.attributes.clone());
    }
    let [one, other] = [&whole, &cut].map(|file| {
        let mesh = Mesh::from_dataset(file, None).expect("a mesh");
        by_place(&mesh, &computed(&mesh, Method::Conservative))
    });
    assert_eq!(one.len(), other.len());
    assert!(one.iter().all(|(key, weight)| (other[key] - weight).abs() < 1e-9));
}

#[test]
fn cells_that_cover_each_other_are_no_weights() {
    let square = |west: f64| [(west, 0.0), (west + 10.0, 0.0), (west + 10.0, 10.0), (west, 10.0)];
    let corners: Vec<(f64, f64)> = [square(0.0), square(5.0)].concat();
    let mesh = Mesh::list(vec![(5.0, 5.0), (10.0, 5.0)], &corners).expect("cells");
    let fine = Mesh::regular(&RegularGrid::global(360, 180).expect("axes")).expect("cells");
    let error = remap::weights(&mesh, &fine, Method::Conservative, Norm::FracArea).checked().unwrap_err();
    assert!(
        error.to_string().contains("source grid overlap") && error.to_string().contains("2.0"),
        "{error}"
    );
    assert!(mesh.supports(Method::Bilinear).unwrap_err().to_string().contains("conservative or nearest"));
}
