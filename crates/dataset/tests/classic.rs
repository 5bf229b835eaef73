//! Reading and writing the classic formats.

mod support;

use std::io::Read;

use dataset::{
    AttributeValue, Attributes, DataType, Dataset, Dimension, Error, File, Format, Values, Variable,
};
use ndarray::{ArrayD, Slice, arr1, arr2};
use proptest::prelude::*;
use support::{Spec, Var, be16, be64, sample};

#[test]
fn every_version_is_read() {
    for (version, format) in [(1, Format::Classic), (2, Format::Offset64), (5, Format::Data64)] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sample.nc");
        let bytes = sample(version).build();
        std::fs::write(&path, &bytes).unwrap();
        let file = File::open(&path).unwrap();
        assert_eq!(file.header().format, format);
        let read = file.read_all().unwrap();
        assert_eq!(read, dataset::from_bytes(&bytes, "sample.nc").unwrap());
        assert_eq!(read.dimensions[0], Dimension { name: "time".to_owned(), len: 2, unlimited: true });
        assert_eq!(read.attributes.text("title"), Some("a map"));
        assert_eq!(read.attributes.get("range"), Some(&AttributeValue::F64(vec![-1.0, 1.0])));
        let values = |name: &str| read.variable(name).unwrap().values.clone();
        assert_eq!(values("lon"), Values::F64(arr1(&[10.0, 20.0, 30.0]).into_dyn()));
        assert_eq!(values("flag"), Values::I8(arr1(&[1, -127, 3]).into_dyn()));
        assert_eq!(values("depth"), Values::I16(arr2(&[[1, 2, 3], [4, 5, 6]]).into_dyn()));
        assert_eq!(values("label"), Values::Char(arr2(&[*b"abc", *b"def"]).into_dyn()));
        assert_eq!(values("one"), Values::F32(ndarray::arr0(1.5).into_dyn()));
        if version == 5 {
            assert_eq!(values("u16"), Values::U16(arr1(&[0x0102, 0x0304, 0x0506]).into_dyn()));
            assert_eq!(values("u32").data_type(), DataType::U32);
            let Values::I64(long) = values("i64") else { panic!("not i64") };
            assert_eq!(long[[0]], 0x0102_0304_0506_0708);
        }
    }
}

#[test]
fn what_the_obvious_writer_makes_is_rewritten_byte_for_byte() {
    let bytes = sample(2).build();
    let written = dataset::to_bytes(&dataset::from_bytes(&bytes, "sample.nc").unwrap()).unwrap();
    assert!(written == bytes);
}

/// Only one record variable: its records are not padded.
#[test]
fn a_single_record_variable_has_no_padding() {
    for streaming in [false, true] {
        let records = vec![be16(&[1, 2, 3]), be16(&[4, 5, 6]), be16(&[7, 8, 9])];
        let spec = Spec {
            version: 2,
            records: 3,
            streaming,
            dimensions: vec![("time", 0), ("x", 3)],
            attributes: vec![],
            variables: vec![Var {
                name: "v",
                dimensions: vec![0, 1],
                attributes: vec![],
                code: 3,
                values: records,
                is_record: true,
            }],
        };
        let bytes = spec.build();
        let read = dataset::from_bytes(&bytes, "records.nc").unwrap();
        let expected = arr2(&[[1, 2, 3], [4, 5, 6], [7, 8, 9]]).into_dyn();
        assert_eq!(read.variable("v").unwrap().values, Values::I16(expected));
        if !streaming {
            assert!(dataset::to_bytes(&read).unwrap() == bytes);
        }
    }
}

#[test]
fn slabs_are_slices_of_the_whole() {
    let mut map = Dataset::new();
    let cube = ArrayD::from_shape_fn(vec![3, 4, 5], |at| (at[0] * 100 + at[1] * 10 + at[2]) as f64);
    map.dimensions.push(Dimension { name: "t".to_owned(), len: 3, unlimited: true });
    map.add_f64("cube", &["t", "y", "x"], cube.clone(), Attributes::new());
    map.add_i32("other", &["t", "x"], ArrayD::from_elem(vec![3, 5], 7), Attributes::new());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cube.nc");
    dataset::write(&map, &path).unwrap();
    let file = File::open(&path).unwrap();
    for t in 0..=3 {
        for y in 0..=4 {
            for x in 0..=5 {
                let (start, count) = ([t.min(1), y / 2, x / 3], [3 - t.max(1), 4 - y, 5 - x]);
                let slab = file.read_slab("cube", &start, &count).unwrap();
                let slice = cube.slice_each_axis(|axis| {
                    let axis = axis.axis.index();
                    Slice::from(start[axis]..start[axis] + count[axis])
                });
                assert_eq!(slab, Values::F64(slice.to_owned()), "{start:?} {count:?}");
            }
        }
    }
    assert!(matches!(file.read_slab("cube", &[0, 0, 3], &[1, 1, 3]), Err(Error::OutOfBounds { .. })));
    assert!(matches!(file.read_slab("cube", &[0, 0], &[1, 1]), Err(Error::OutOfBounds { .. })));
    assert!(matches!(
        file.read_slab("cube", &[usize::MAX, 0, 0], &[1, 1, 1]),
        Err(Error::OutOfBounds { .. })
    ));
    let Err(Error::NoVariable { available, .. }) = file.read("cub") else { panic!("read") };
    assert_eq!(available, "cube, other");
}

#[test]
fn other_types_are_widened_without_loss() {
    let mut map = Dataset::new();
    map.dimensions.push(Dimension { name: "x".to_owned(), len: 2, unlimited: false });
    let mut add = |name: &str, values: Values, fill: Option<AttributeValue>| {
        let mut attributes = Attributes::new();
        if let Some(fill) = fill {
            attributes.set("_FillValue", fill);
        }
        map.variables.push(Variable::new(name, &["x"], values, attributes));
    };
    add("u8", Values::U8(arr1(&[0, 255]).into_dyn()), Some(AttributeValue::U8(vec![255])));
    add("u16", Values::U16(arr1(&[0, 65535]).into_dyn()), None);
    add("u32", Values::U32(arr1(&[0, 5]).into_dyn()), None);
    add("big", Values::U32(arr1(&[0, u32::MAX]).into_dyn()), None);
    add(
        "i64",
        Values::I64(arr1(&[-5, i64::MIN + 2]).into_dyn()),
        Some(AttributeValue::I64(vec![i64::MIN + 2])),
    );
    add("text", Values::Text(arr1(&["ab".to_owned(), String::new()]).into_dyn()), None);
    let read = dataset::from_bytes(&dataset::to_bytes(&map).unwrap(), "wide.nc").unwrap();
    let values = |name: &str| read.variable(name).unwrap().values.clone();
    assert_eq!(values("u8"), Values::I16(arr1(&[0, 255]).into_dyn()));
    assert_eq!(
        read.variable("u8").unwrap().attributes.get("_FillValue"),
        Some(&AttributeValue::I16(vec![255]))
    );
    assert_eq!(values("u16"), Values::I32(arr1(&[0, 65535]).into_dyn()));
    assert_eq!(values("u32"), Values::I32(arr1(&[0, 5]).into_dyn()));
    assert_eq!(values("big"), Values::F64(arr1(&[0.0, 4_294_967_295.0]).into_dyn()));
    let long = read.variable("i64").unwrap().decode().unwrap();
    assert!(long[[0]] == -5.0 && long[[1]].is_nan(), "the fill value still marks its cells");
    assert_eq!(values("text"), Values::Char(arr2(&[*b"ab", *b"\0\0"]).into_dyn()));

    assert!(dataset::inexact(&map).is_empty(), "what is missing need not be exact");
}

/// A time beside the map never stops it from being written.
#[test]
fn integers_beyond_double_precision_are_rounded_and_told() {
    let mut map = Dataset::new();
    map.add_dimension("x", 2);
    let nanoseconds = 1_609_459_200_123_456_789_i64;
    let attributes = Attributes::new()
        .with("valid_min", AttributeValue::I64(vec![nanoseconds]))
        .with("origin", AttributeValue::I64(vec![5, nanoseconds]));
    map.variables.push(Variable::new(
        "time",
        &["x"],
        Values::I64(arr1(&[nanoseconds, 0]).into_dyn()),
        attributes,
    ));
    let ids = Values::U64(arr1(&[(1 << 63) + 1, 1 << 60]).into_dyn());
    map.variables.push(Variable::new("id", &["x"], ids, Attributes::new()));
    let exact = Values::I64(arr1(&[1 << 60, 0]).into_dyn());
    map.variables.push(Variable::new("exact", &["x"], exact, Attributes::new()));
    map.attributes.set("checksum", AttributeValue::U64(vec![u64::MAX]));

    let findings = dataset::inexact(&map);
    let said: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
    assert!(said[0].contains("'time' holds 1609459200123456789") && said[0].contains("up to 21"), "{said:?}");
    assert!(said[1].contains("'id' holds 9223372036854775809"), "{said:?}");
    assert_eq!(said.len(), 2, "{said:?}");

    let read = dataset::from_bytes(&dataset::to_bytes(&map).unwrap(), "wide.nc").unwrap();
    let time = read.variable("time").unwrap();
    assert_eq!(time.values, Values::F64(arr1(&[nanoseconds as f64, 0.0]).into_dyn()));
    assert_eq!(time.attributes.get("valid_min"), Some(&AttributeValue::F64(vec![nanoseconds as f64])));
    assert_eq!(time.attributes.text("origin"), Some("5 1609459200123456789"));
    assert_eq!(read.attributes.text("checksum"), Some("18446744073709551615"));
}

#[test]
fn strings_take_another_dimension_where_theirs_is_taken() {
    let mut map = Dataset::new();
    map.add_dimension("x", 1);
    map.add_dimension("string2", 5);
    map.add_f64("v", &["string2"], ArrayD::zeros(vec![5]), Attributes::new());
    let text = Values::Text(arr1(&["ab".to_owned()]).into_dyn());
    map.variables.push(Variable::new("t", &["x"], text, Attributes::new()));
    let read = dataset::from_bytes(&dataset::to_bytes(&map).unwrap(), "t.nc").unwrap();
    assert_eq!(read.variable("t").unwrap().dimensions, ["x", "string2_2"]);
}

/// What marks missing values, and the limits, stay what they are in the type that the variable becomes.
#[test]
fn markers_and_limits_survive_the_widening() {
    let long = |list: &[i64]| AttributeValue::I64(list.to_vec());
    let written = |values: Values, attributes: Attributes| {
        let mut map = Dataset::new();
        map.add_dimension("x", 3);
        map.variables.push(Variable::new("v", &["x"], values, attributes));
        let read = dataset::from_bytes(&dataset::to_bytes(&map).unwrap(), "wide.nc").unwrap();
        let seen: Vec<f64> = read.variables[0].decode().unwrap().into_iter().collect();
        (read.variables[0].clone(), seen)
    };
    // The marker is in no cell: 0 stays a height.
    let heights = || Values::I64(arr1(&[0, 5, -7]).into_dyn());
    let attributes =
        Attributes::new().with("missing_value", long(&[i64::MIN])).with("valid_max", long(&[i64::MAX]));
    let (variable, seen) = written(heights(), attributes);
    assert_eq!(seen, [0.0, 5.0, -7.0]);
    assert_eq!(variable.attributes.get("missing_value"), Some(&AttributeValue::F64(vec![i64::MIN as f64])));
    assert_eq!(variable.attributes.get("valid_max"), Some(&AttributeValue::F64(vec![i64::MAX as f64])));
    // It is in a cell, and not the first of its list.
    let holes = Values::I64(arr1(&[0, i64::MIN, -7]).into_dyn());
    let (_, seen) = written(holes, Attributes::new().with("missing_value", long(&[-7, i64::MIN])));
    assert!(seen[0] == 0.0 && seen[1].is_nan() && seen[2].is_nan(), "{seen:?}");
    // What fits goes on to be the narrowest integer.
    let (variable, seen) = written(heights(), Attributes::new().with("missing_value", long(&[-7])));
    assert_eq!(variable.values.data_type(), DataType::I32);
    assert!(seen[..2] == [0.0, 5.0] && seen[2].is_nan(), "{seen:?}");
    // Bytes with a marker that is no byte.
    let bytes = || Values::U8(arr1(&[0, 5, 255]).into_dyn());
    let (variable, seen) = written(bytes(), Attributes::new().with("missing_value", long(&[65_541])));
    assert_eq!((variable.values.data_type(), seen), (DataType::I32, vec![0.0, 5.0, 255.0]));
    // Bytes that are meant to be signed.
    let attributes =
        Attributes::new().with("_Unsigned", "false").with("_FillValue", AttributeValue::U8(vec![5]));
    let (variable, seen) = written(bytes(), attributes);
    assert_eq!((variable.values.data_type(), variable.attributes.len()), (DataType::I8, 1));
    assert!(seen[0] == 0.0 && seen[1].is_nan() && seen[2] == -1.0, "{seen:?}");
}

#[test]
fn nan_of_any_kind_becomes_the_quiet_nan() {
    let mut map = Dataset::new();
    map.add_f64(
        "v",
        &["x"],
        arr1(&[-f64::NAN, f64::from_bits(0x7FF0_0000_0000_0001)]).into_dyn(),
        Attributes::new(),
    );
    let bytes = dataset::to_bytes(&map).unwrap();
    assert!(bytes.ends_with(&be64(&[f64::from_bits(0x7FF8_0000_0000_0000); 2])));
}

#[test]
fn arrays_that_are_not_row_major_are_written_in_order() {
    let mut map = Dataset::new();
    let array = arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    map.add_f64("v", &["x", "y"], array.clone().reversed_axes().into_dyn(), Attributes::new());
    let read = dataset::from_bytes(&dataset::to_bytes(&map).unwrap(), "t.nc").unwrap();
    assert_eq!(read.variable("v").unwrap().values, Values::F64(array.t().to_owned().into_dyn()));
}

#[test]
fn inconsistent_datasets_are_refused() {
    let mut map = Dataset::new();
    map.add_f64("v", &["x"], arr1(&[1.0, 2.0]).into_dyn(), Attributes::new());
    let mut twice = map.clone();
    twice.add_f64("v", &["x"], arr1(&[1.0, 2.0]).into_dyn(), Attributes::new());
    let mut longer = map.clone();
    longer.add_f64("w", &["x"], arr1(&[1.0]).into_dyn(), Attributes::new());
    let mut rank = map.clone();
    rank.variables[0].dimensions.clear();
    let mut empty = map.clone();
    empty.add_f64("w", &["none"], ArrayD::zeros(vec![0]), Attributes::new());
    for (dataset, word) in
        [(twice, "two variables"), (longer, "length 1"), (rank, "dimensions"), (empty, "is empty")]
    {
        let error = dataset::to_bytes(&dataset).unwrap_err();
        assert!(matches!(error, Error::Inconsistent { .. }) && error.to_string().contains(word), "{error}");
    }
}

#[test]
fn damaged_files_say_what_is_wrong() {
    let bytes = sample(2).build();
    let error = |bytes: &[u8]| dataset::from_bytes(bytes, "map.nc").unwrap_err();
    let cut = error(&bytes[..bytes.len() - 8]);
    assert!(
        matches!(&cut, Error::Truncated { what, .. } if what.contains("label") || what.contains("depth")),
        "{cut}"
    );
    assert!(matches!(error(&bytes[..40]), Error::Truncated { .. }));
    assert!(matches!(error(b"PK\x03\x04 an archive"), Error::NotNetcdf { .. }));
    assert!(matches!(error(b""), Error::NotNetcdf { .. }));
    assert!(matches!(error(b"\x89HDF\r\n\x1a\n........"), Error::Unsupported { .. }));
    assert_eq!(cut.file(), "map.nc");
    assert_eq!(cut.renamed("mine.nc").file(), "mine.nc");
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(dataset::read(folder.path()), Err(Error::NotNetcdf { .. })));
    assert!(matches!(dataset::read(folder.path().join("none.nc")), Err(Error::Io { .. })));
}

/// Variables that all point at the same bytes would make a small file large in memory.
#[test]
fn overlapping_variables_are_refused() {
    let mut spec = sample(2);
    spec.dimensions[1].1 = 64;
    spec.variables = (0..60)
        .map(|i| Var {
            name: ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"][i % 10],
            dimensions: vec![1],
            attributes: vec![],
            code: 6,
            values: vec![be64(&[0.0; 64])],
            is_record: false,
        })
        .take(10)
        .collect();
    let mut bytes = spec.build();
    let one = dataset::from_bytes(&bytes, "ten.nc").unwrap();
    assert_eq!(one.variables.len(), 10);
    // All begin where the first does.
    let begin = |i: usize| (bytes.len() - (10 - i) * 512) as u64;
    let (first, others): (u64, Vec<u64>) = (begin(0), (1..10).map(begin).collect());
    for other in others {
        let at = bytes.windows(8).position(|w| w == other.to_be_bytes()).unwrap();
        bytes[at..at + 8].copy_from_slice(&first.to_be_bytes());
    }
    bytes.truncate(first as usize + 512);
    let error = dataset::from_bytes(&bytes, "ten.nc").unwrap_err();
    assert!(error.to_string().contains("overlap"), "{error}");
}

#[test]
fn global_attributes_are_replaced_without_rewriting() {
    for version in [1, 2, 5] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sample.nc");
        let bytes = sample(version).build();
        std::fs::write(&path, &bytes).unwrap();
        let attributes = Attributes::new().with("history", "made longer than it was before").with("n", 3);
        let copy = dataset::with_global_attributes(&path, &attributes).unwrap();
        let len = copy.len();
        let mut sent = Vec::new();
        copy.into_reader().unwrap().read_to_end(&mut sent).unwrap();
        assert_eq!(sent.len() as u64, len);
        let mut expected = dataset::from_bytes(&bytes, "sample.nc").unwrap();
        expected.attributes = attributes;
        assert_eq!(dataset::from_bytes(&sent, "sent.nc").unwrap(), expected);
        if version == 2 {
            assert!(dataset::to_bytes(&expected).unwrap() == sent, "as if it were written anew");
        }
        assert!(std::fs::read(&path).unwrap() == bytes, "the stored file is as it was");
    }
}

#[test]
fn a_failed_write_leaves_the_old_file_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("map.nc");
    let mut map = Dataset::new();
    map.add_f64("v", &["x"], arr1(&[1.0, 2.0]).into_dyn(), Attributes::new());
    dataset::write(&map, &path).unwrap();
    let before = std::fs::read(&path).unwrap();
    let mut bad = map.clone();
    bad.variables[0].dimensions.clear();
    let error = dataset::write(&bad, &path).unwrap_err();
    assert_eq!(error.file(), path.display().to_string());
    assert!(std::fs::read(&path).unwrap() == before);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(dataset::write(&map, folder.path().join("none/map.nc")).is_err());
}

fn values(shape: Vec<usize>) -> impl Strategy<Value = Values> {
    let len = shape.iter().product::<usize>();
    let array = move |numbers: Vec<f64>| {
        ArrayD::from_shape_vec(shape.clone(), numbers).expect("as many numbers as cells")
    };
    let number =
        prop_oneof![8 => any::<i16>().prop_map(f64::from), 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)];
    (0..6u8, prop::collection::vec(number, len)).prop_map(move |(kind, numbers)| {
        let array = array(numbers);
        match kind {
            0 => Values::I8(array.mapv(|x| x as i8)),
            1 => Values::I16(array.mapv(|x| x as i16)),
            2 => Values::I32(array.mapv(|x| x as i32)),
            3 => Values::F32(array.mapv(|x| x as f32)),
            4 => Values::F64(array),
            _ => Values::Char(array.mapv(|x| x as u8)),
        }
    })
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let value = prop_oneof![
        ".{0,9}".prop_map(AttributeValue::Text),
        prop::collection::vec(any::<i8>(), 0..5).prop_map(AttributeValue::I8),
        prop::collection::vec(any::<i16>(), 0..5).prop_map(AttributeValue::I16),
        prop::collection::vec(any::<i32>(), 1..3).prop_map(AttributeValue::I32),
        prop::collection::vec(-1e3f32..1e3, 1..3).prop_map(AttributeValue::F32),
        prop::collection::vec(-1e300..1e300, 1..3).prop_map(AttributeValue::F64),
    ];
    prop::collection::vec(("[A-Za-z_µ=]{1,7}", value), 0..4).prop_map(|entries| {
        entries.into_iter().fold(Attributes::new(), |list, (name, value)| list.with(&name, value))
    })
}

fn datasets() -> impl Strategy<Value = Dataset> {
    let dimensions = (prop::option::of(0usize..4), prop::collection::vec(1usize..5, 0..4));
    let dimensions = dimensions.prop_map(|(records, fixed)| {
        let record = records.map(|len| Dimension { name: "time".to_owned(), len, unlimited: true });
        let fixed = fixed.into_iter().enumerate();
        let fixed = fixed.map(|(i, len)| Dimension { name: format!("d{i}"), len, unlimited: false });
        record.into_iter().chain(fixed).collect::<Vec<_>>()
    });
    let variables = |dimensions: Vec<Dimension>| {
        let count = dimensions.len();
        // Dimensions in order keep the record dimension first, as the format wants it.
        let one =
            prop::sample::subsequence((0..count).collect::<Vec<_>>(), 0..=count).prop_flat_map(move |ids| {
                let names: Vec<String> = ids.iter().map(|&id| dimensions[id].name.clone()).collect();
                let shape = ids.iter().map(|&id| dimensions[id].len).collect();
                (Just(names), values(shape), attributes())
            });
        prop::collection::vec(one, 0..5)
    };
    (dimensions, attributes()).prop_flat_map(move |(dimensions, attributes)| {
        variables(dimensions.clone()).prop_map(move |list| Dataset {
            dimensions: dimensions.clone(),
            variables: list
                .into_iter()
                .enumerate()
                .map(|(i, (dimensions, values, attributes))| Variable {
                    name: format!("v{i}"),
                    dimensions,
                    attributes,
                    values,
                })
                .collect(),
            attributes: attributes.clone(),
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn read_after_write_is_identity(dataset in datasets()) {
        let bytes = dataset::to_bytes(&dataset).unwrap();
        let read = dataset::from_bytes(&bytes, "random.nc").unwrap();
        // As text: NaN is not equal to itself.
        prop_assert_eq!(format!("{read:?}"), format!("{dataset:?}"));
        prop_assert_eq!(read.header().to_string(), dataset.header().to_string());
    }
}

/// A grid as GMT 3 wrote it: 3 columns, 2 rows, from the north.
fn old_gmt(pixels: bool, x_range: [f64; 2], y_range: [f64; 2]) -> Vec<u8> {
    let be32 = |values: &[f32]| values.iter().flat_map(|v| v.to_be_bytes()).collect::<Vec<u8>>();
    let var = |name, dimension, code, bytes: Vec<u8>, attributes| Var {
        name,
        dimensions: vec![dimension],
        attributes,
        code,
        values: vec![bytes],
        is_record: false,
    };
    let text = |name, text: &str| (name, 2, text.len() as u64, text.as_bytes().to_vec());
    let offset = (u32::from(pixels)).to_be_bytes().to_vec();
    let numbers: Vec<u8> = [3_i32, 2].iter().flat_map(|v| v.to_be_bytes()).collect();
    let z_attributes = vec![
        ("scale_factor", 6, 1, be64(&[1.0])),
        ("add_offset", 6, 1, be64(&[0.0])),
        ("node_offset", 4, 1, offset),
    ];
    Spec {
        version: 1,
        records: 0,
        streaming: false,
        dimensions: vec![("side", 2), ("xysize", 6)],
        attributes: vec![text("title", "relief"), text("source", "grdmath")],
        variables: vec![
            var("x_range", 0, 6, be64(&x_range), vec![text("units", "user_x_unit")]),
            var("y_range", 0, 6, be64(&y_range), vec![text("units", "user_y_unit")]),
            var("z_range", 0, 6, be64(&[1.0, 6.0]), vec![text("units", "m")]),
            var("spacing", 0, 6, be64(&[1.0, 1.0]), vec![]),
            var("dimension", 0, 4, numbers, vec![]),
            var("z", 1, 5, be32(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), z_attributes),
        ],
    }
    .build()
}

#[test]
fn old_gmt_grids_are_read_as_maps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.grd");
    for (pixels, lon, lat) in
        [(false, [0.0, 180.0, 360.0], [90.0, -90.0]), (true, [60.0, 180.0, 300.0], [45.0, -45.0])]
    {
        let bytes = old_gmt(pixels, [0.0, 360.0], [-90.0, 90.0]);
        std::fs::write(&path, &bytes).unwrap();
        let file = File::open(&path).unwrap();
        let read = file.read_all().unwrap();
        assert_eq!(read.variable("lon").unwrap().values, Values::F64(arr1(&lon).into_dyn()));
        assert_eq!(read.variable("lat").unwrap().values, Values::F64(arr1(&lat).into_dyn()));
        assert_eq!(read.variable("lat").unwrap().attributes.text("units"), Some("degrees_north"));
        let z = read.variable("z").unwrap();
        assert_eq!(z.values, Values::F32(arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).into_dyn()));
        assert_eq!((z.dimensions.join(","), z.attributes.text("units")), ("lat,lon".to_owned(), Some("m")));
        assert_eq!(z.attributes.len(), 1, "{:?}", z.attributes);
        let names: Vec<&str> = file.header().variables.iter().map(|v| v.name.as_str()).collect();
        assert_eq!(names, ["lon", "lat", "z"]);
        assert!(file.header().notes[0].contains(if pixels { "pixel" } else { "gridline" }));
        let column = file.read_slab("z", &[0, 1], &[2, 1]).unwrap();
        assert_eq!(column, Values::F32(arr2(&[[2.0], [5.0]]).into_dyn()));
        assert_eq!(file.read_slab("lon", &[1], &[2]).unwrap(), Values::F64(arr1(&lon[1..]).into_dyn()));
        assert!(file.read_slab("lon", &[1], &[3]).is_err());
        assert_eq!(dataset::from_bytes(&bytes, "old.grd").unwrap(), read);
        // It can be stored, and sent under other attributes.
        let copy = dataset::with_global_attributes(&path, &Attributes::new().with("title", "new")).unwrap();
        let mut sent = Vec::new();
        std::io::Read::read_to_end(&mut copy.into_reader().unwrap(), &mut sent).unwrap();
        assert_eq!(dataset::from_bytes(&sent, "sent.nc").unwrap().variable("z"), Some(z));
    }
    // Metres, not degrees.
    let read = dataset::from_bytes(&old_gmt(false, [0.0, 5000.0], [0.0, 900.0]), "metres.grd").unwrap();
    assert_eq!(read.variable("x").unwrap().attributes.text("units"), None);
    // Ranges that contradict the values.
    let mut bytes = old_gmt(false, [0.0, 360.0], [-90.0, 90.0]);
    let at = bytes.windows(8).rposition(|w| w == [0, 0, 0, 3, 0, 0, 0, 2]).unwrap();
    bytes[at + 3] = 4;
    assert!(matches!(dataset::from_bytes(&bytes, "odd.grd"), Err(Error::Corrupt { .. })));
}

#[test]
fn damaged_old_gmt_grids_are_read_or_refused() {
    let seed = old_gmt(true, [0.0, 360.0], [-90.0, 90.0]);
    let mut dice = support::Dice(37);
    let mut grids = 0;
    for _ in 0..4000 {
        let mut bytes = seed.clone();
        dice.mutate(&mut bytes);
        if let Ok(read) = dataset::from_bytes(&bytes, "mutant.grd") {
            grids += usize::from(read.variable("lat").is_some());
            assert!(dataset::to_bytes(&read).is_ok() || read.variables.len() != 3);
        }
    }
    assert!(grids > 500, "only {grids} were grids");
}

#[test]
fn a_file_without_variables_is_said_to_have_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bare.nc");
    dataset::write(&Dataset::new(), &path).unwrap();
    let text = File::open(&path).unwrap().read("topo").unwrap_err().to_string();
    assert!(text.ends_with("it has no variables"), "{text}");
}
