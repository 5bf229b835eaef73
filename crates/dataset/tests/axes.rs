//! One grid, written in every way that files have it, is one grid.

use dataset::axes::{Axes, Axis};
use dataset::cf::{self, CoordinateQuery, Role};
use dataset::{AttributeValue, Attributes, Dataset, Values, Variable};
use ndarray::{Array1, Array2, ArrayD};
use proptest::prelude::*;

/// How a coordinate is stored.
#[derive(Debug, Clone, Copy)]
enum Number {
    Double,
    Single,
    Radians,
    SingleRadians,
    Packed,
}

impl Number {
    /// How far a stored value may be from what was meant, degrees.
    fn precision(self) -> f64 {
        match self {
            Self::Double | Self::Radians => 1e-9,
            Self::Single | Self::SingleRadians => 1e-4,
            Self::Packed => 0.006,
        }
    }

    fn values(self, degrees: ArrayD<f64>, units: &str) -> (Values, Attributes) {
        let plain = Attributes::new().with("units", units);
        let radians = Attributes::new().with("units", "radians");
        match self {
            Self::Double => (Values::F64(degrees), plain),
            Self::Single => (Values::F32(degrees.mapv(|d| d as f32)), plain),
            Self::Radians => (Values::F64(degrees.mapv(f64::to_radians)), radians),
            Self::SingleRadians => (Values::F32(degrees.mapv(|d| d.to_radians() as f32)), radians),
            Self::Packed => (
                Values::I32(degrees.mapv(|d| (d / 0.01).round() as i32)),
                plain.with("scale_factor", AttributeValue::F64(vec![0.01])),
            ),
        }
    }
}

/// How longitudes are written.
#[derive(Debug, Clone, Copy)]
enum Range {
    Eastern,
    Signed,
    Onwards,
}

#[derive(Debug, Clone)]
struct Encoding {
    lon: Number,
    lat: Number,
    range: Range,
    lon_falls: bool,
    lat_falls: bool,
    start: usize,
    repeated: usize,
    planes: bool,
    transposed: bool,
    timed: bool,
}

prop_compose! {
    fn encoding()(
        numbers in (number(), number()),
        range in prop_oneof![Just(Range::Eastern), Just(Range::Signed), Just(Range::Onwards)],
        falls in (any::<bool>(), any::<bool>()),
        start in 0_usize..1000,
        repeated in 0_usize..3,
        flags in (any::<bool>(), any::<bool>(), any::<bool>()),
    ) -> Encoding {
        Encoding {
            lon: numbers.0,
            lat: numbers.1,
            range,
            lon_falls: falls.0,
            lat_falls: falls.1,
            start,
            repeated,
            planes: flags.0,
            transposed: flags.1,
            timed: flags.2,
        }
    }
}

fn number() -> impl Strategy<Value = Number> {
    use Number::{Double, Packed, Radians, Single, SingleRadians};
    prop_oneof![Just(Double), Just(Single), Just(Radians), Just(SingleRadians), Just(Packed)]
}

/// The grid of `columns` by `rows` cells, written so.
fn written(columns: usize, rows: usize, how: &Encoding) -> Dataset {
    let centre = |k: usize| (k as f64 + 0.5) * 360.0 / columns as f64;
    let mut lon: Vec<f64> = (0..columns + how.repeated)
        .map(|k| {
            let k = k + how.start % columns;
            match how.range {
                Range::Onwards => centre(k) - 180.0,
                Range::Eastern => centre(k).rem_euclid(360.0),
                Range::Signed => (centre(k) + 180.0).rem_euclid(360.0) - 180.0,
            }
        })
        .collect();
    let mut lat: Vec<f64> = (0..rows).map(|j| (j as f64 + 0.5) * 180.0 / rows as f64 - 90.0).collect();
    if how.lon_falls {
        lon.reverse();
    }
    if how.lat_falls {
        lat.reverse();
    }
    let mut file = Dataset::new();
    let shape = if how.transposed { (lon.len(), lat.len()) } else { (lat.len(), lon.len()) };
    let mut dims = if how.transposed { vec!["i", "j"] } else { vec!["j", "i"] };
    let at = |a: usize, b: usize| if how.transposed { (b, a) } else { (a, b) };
    let mut add = |name: &str, dims: &[&str], (values, attributes): (Values, Attributes)| {
        for (dimension, &len) in dims.iter().zip(values.shape()) {
            file.add_dimension(dimension, len);
        }
        file.variables.push(Variable::new(name, dims, values, attributes));
    };
    let timed = |values: ArrayD<f64>| {
        if how.timed { values.insert_axis(ndarray::Axis(0)) } else { values }
    };
    let topo = (Values::F64(timed(Array2::zeros(shape).into_dyn())), Attributes::new());
    if how.planes {
        let lon = Array2::from_shape_fn(shape, |(a, b)| lon[at(a, b).1]).into_dyn();
        let lat = Array2::from_shape_fn(shape, |(a, b)| lat[at(a, b).0]).into_dyn();
        if how.timed {
            dims.insert(0, "time");
        }
        add("longitude", &dims, how.lon.values(timed(lon), "degrees_east"));
        add("latitude", &dims, how.lat.values(timed(lat), "degrees_north"));
    } else {
        add("longitude", &["i"], how.lon.values(Array1::from(lon).into_dyn(), "degrees_east"));
        add("latitude", &["j"], how.lat.values(Array1::from(lat).into_dyn(), "degrees_north"));
        if how.timed {
            dims.insert(0, "time");
        }
    }
    add("topo", &dims, topo);
    file
}

fn read(file: &Dataset) -> Axes {
    let wanted = CoordinateQuery { variable: Some("topo"), ..CoordinateQuery::default() };
    let found = cf::find(&file.header(), &wanted).expect("coordinates");
    Axes::read(file, &found).expect("axes").expect("a regular grid")
}

/// Distance of two longitudes around the circle.
fn apart(a: f64, b: f64) -> f64 {
    let apart = (a - b).rem_euclid(360.0);
    apart.min(360.0 - apart)
}

proptest! {
    #[test]
    fn a_global_grid_is_the_same_in_every_encoding(columns in 5_usize..90, rows in 3_usize..50, how in encoding()) {
        let axes = read(&written(columns, rows, &how));
        prop_assert!(axes.lon.closes());
        prop_assert_eq!(axes.lon.repeated(), how.repeated);
        prop_assert_eq!(axes.lon.distinct_deg().len(), columns);
        prop_assert_eq!(axes.lon.rises(), !how.lon_falls);
        prop_assert_eq!(axes.lat.rises(), !how.lat_falls);
        prop_assert!(axes.lat.reaches(90.0) && axes.lat.reaches(-90.0));
        prop_assert_eq!((axes.lon.dimension(), axes.lat.dimension()), ("i", "j"));
        let step = 360.0 / columns as f64;
        for pair in axes.lon.degrees().windows(2) {
            prop_assert!(((pair[1] - pair[0]).abs() - step).abs() < 2.0 * how.lon.precision());
        }
        let first = ((how.start % columns) as f64 + 0.5) * step;
        let first = match (how.range, how.lon_falls) {
            (Range::Onwards, false) => first - 180.0,
            (Range::Onwards, true) => first - 180.0 + step * (columns + how.repeated - 1) as f64,
            (_, false) => first,
            (_, true) => first + step * (columns + how.repeated - 1) as f64,
        };
        prop_assert!(apart(axes.lon.degrees()[0], first) < how.lon.precision());
        let edges = axes.lon.edges_deg().unwrap();
        prop_assert!(((edges[columns] - edges[0]).abs() - 360.0).abs() < 1e-9);
        let edges = axes.lat.edges_deg().unwrap();
        prop_assert_eq!(edges[0].min(edges[rows]), -90.0);
        prop_assert_eq!(edges[0].max(edges[rows]), 90.0);
    }

    #[test]
    fn a_regional_grid_is_regional_in_every_encoding(
        columns in 12_usize..90,
        rows in 6_usize..50,
        share in 0.2_f64..0.9,
        how in encoding(),
    ) {
        let whole = written(columns, rows, &Encoding { repeated: 0, ..how.clone() });
        let kept = ((columns as f64 * share) as usize).clamp(2, columns - 2);
        let mut file = Dataset::new();
        for variable in &whole.variables {
            let mut variable = variable.clone();
            macro_rules! cut {
                ($($kind:ident),*) => {
                    match &mut variable.values {
                        $(Values::$kind(values) => {
                            if let Some(axis) = variable.dimensions.iter().position(|d| d == "i") {
                                values.slice_axis_inplace(ndarray::Axis(axis), (..kept).into());
                                *values = values.as_standard_layout().into_owned();
                            }
                        })*
                        _ => unreachable!(),
                    }
                };
            }
            cut!(F64, F32, I32);
            let shape = variable.shape().to_vec();
            for (dimension, len) in variable.dimensions.iter().zip(shape) {
                file.add_dimension(dimension, len);
            }
            file.variables.push(variable);
        }
        let axes = read(&file);
        prop_assert!(!axes.lon.closes());
        prop_assert_eq!(axes.lon.repeated(), 0);
        prop_assert_eq!(axes.lon.degrees().len(), kept);
    }

    #[test]
    fn whatever_the_values_nothing_panics(values in prop::collection::vec(-800.0..800.0_f64, 0..20), single in any::<bool>()) {
        for role in [Role::Longitude, Role::Latitude] {
            let rounding = if single { 1e-4 } else { 0.0 };
            if let Ok(axis) = Axis::new(role, "c", "c", values.clone(), rounding) {
                let (_, _, _) = (axis.closes(), axis.reaches(90.0), axis.is_even());
                if let Some(edges) = axis.edges_deg() {
                    prop_assert_eq!(edges.len(), axis.distinct_deg().len() + 1);
                }
            }
        }
    }
}
