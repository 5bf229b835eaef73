//! NetCDF-4 through the child process, and the C library as a witness for our classic formats.
#![cfg(feature = "netcdf4")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::path::Path;

use dataset::contained::TimeLimit;
use dataset::{
    AttributeValue, Attributes, DataType, Dataset, Dimension, Error, File, Format, Values, Variable,
};
use ndarray::{ArrayD, arr0, arr1, arr2};
use netcdf::Options;
use support::{Dice, sample};

/// The tests' own `main` is not ours: children are the program made for that.
fn with_reader() {
    dataset::contained::set_reader(env!("CARGO_BIN_EXE_dataset-netcdf4-reader"), &[]);
}

/// A file with everything that is read, and a group that is not.
fn create(path: &Path) {
    let mut file = netcdf::create(path).unwrap();
    file.add_unlimited_dimension("time").unwrap();
    file.add_unlimited_dimension("never").unwrap();
    file.add_unlimited_dimension("level").unwrap();
    file.add_dimension("y", 2).unwrap();
    file.add_dimension("x", 3).unwrap();
    file.add_attribute("title", "a map").unwrap();
    file.add_attribute("range", vec![-1.0, 1.0]).unwrap();
    file.add_attribute("list", vec!["one".to_owned(), "two".to_owned()]).unwrap();
    macro_rules! add {
        ($name:literal, $type:ty) => {
            let mut variable = file.add_variable::<$type>($name, &["y", "x"]).unwrap();
            let values: Vec<$type> = (0..6u8).map(|i| <$type>::from(i % 100)).collect();
            variable.put_values(&values, ..).unwrap();
            variable.put_attribute("one", <$type>::from(7u8)).unwrap();
        };
    }
    // Not in the order of the alphabet, which must not become the order of the file.
    add!("zz_u8", u8);
    add!("u16", u16);
    add!("u32", u32);
    add!("u64", u64);
    add!("i16", i16);
    add!("i32", i32);
    add!("i64", i64);
    add!("f32", f32);
    add!("f64", f64);
    let mut bytes = file.add_variable::<i8>("i8", &["x"]).unwrap();
    bytes.put_values(&[-1i8, 0, 1], ..).unwrap();
    let mut deflated = file.add_variable::<f64>("deflated", &["time", "y", "x"]).unwrap();
    deflated.set_compression(5, true).unwrap();
    let values: Vec<f64> = (0..12).map(f64::from).collect();
    deflated.put_values(&values, [0..2, 0..2, 0..3]).unwrap();
    let mut names = file.add_string_variable("names", &["y"]).unwrap();
    names.put_string("Tethys", [0]).unwrap();
    names.put_string("é", [1]).unwrap();
    let mut second = file.add_variable::<f64>("second", &["y", "level"]).unwrap();
    second.put_values(&[1.0, 2.0, 3.0, 4.0], [0..2, 0..2]).unwrap();
    file.add_variable::<f64>("empty", &["x", "never"]).unwrap();
    let mut group = file.add_group("details").unwrap();
    group.add_dimension("n", 2).unwrap();
    group.add_variable::<f32>("depth", &["n"]).unwrap().put_values(&[1.0f32, 2.0], ..).unwrap();
}

#[test]
fn everything_is_read_through_the_child() {
    with_reader();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("four.nc");
    create(&path);
    let file = File::open(&path).unwrap();
    let header = file.header();
    assert_eq!(header.format, Format::NetCdf4);
    let names: Vec<&str> = header.variables.iter().map(|v| v.name.as_str()).collect();
    let expected = [
        "zz_u8", "u16", "u32", "u64", "i16", "i32", "i64", "f32", "f64", "i8", "deflated", "names", "second",
    ];
    assert_eq!(names, expected);
    assert!(header.notes.iter().any(|note| note.contains("'empty'")), "{:?}", header.notes);
    assert!(header.notes.iter().any(|note| note.contains("'details'")), "{:?}", header.notes);
    let dimension = |name: &str| header.dimension(name).cloned().unwrap();
    assert_eq!(dimension("time"), Dimension { name: "time".to_owned(), len: 2, unlimited: true });
    assert_eq!(dimension("level"), Dimension { name: "level".to_owned(), len: 2, unlimited: true });
    assert!(!dimension("x").unlimited);
    assert_eq!(header.variable("u64").unwrap().data_type, DataType::U64);
    assert_eq!(header.variable("u64").unwrap().attributes.get("one"), Some(&AttributeValue::U64(vec![7])));
    assert_eq!(header.attributes.text("title"), Some("a map"));
    assert_eq!(header.attributes.text("list"), Some("one\ntwo"));

    let corner = file.read_slab("deflated", &[1, 1, 1], &[1, 1, 2]).unwrap();
    assert_eq!(corner, Values::F64(ArrayD::from_shape_vec(vec![1, 1, 2], vec![10.0, 11.0]).unwrap()));

    let through_child = file.read_all().unwrap();
    let here = dataset::netcdf4::read_in_process(&path).unwrap();
    for variable in &through_child.variables {
        let same = here.variable(&variable.name).unwrap();
        assert_eq!(variable.attributes, same.attributes);
        if variable.name == "names" {
            assert_eq!(same.values, Values::Text(arr1(&["Tethys".to_owned(), "é".to_owned()]).into_dyn()));
            let padded = arr2(&[*b"Tethys", [0xC3, 0xA9, 0, 0, 0, 0]]).into_dyn();
            assert_eq!(variable.values, Values::Char(padded));
        } else {
            assert_eq!(variable, same);
        }
    }
    // And what was read can be stored.
    let stored = folder.path().join("stored.nc");
    dataset::write(&through_child, &stored).unwrap();
    assert_eq!(dataset::read(&stored).unwrap().variable("deflated"), here.variable("deflated"));
}

#[test]
fn attributes_of_netcdf4_are_replaced_in_a_classic_copy() {
    use std::io::Read;
    with_reader();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("four.nc");
    create(&path);
    let attributes = Attributes::new().with("history", "sent");
    let copy = dataset::with_global_attributes(&path, &attributes).unwrap();
    let mut sent = Vec::new();
    copy.into_reader().unwrap().read_to_end(&mut sent).unwrap();
    assert!(sent.starts_with(b"CDF\x02"));
    let read = dataset::from_bytes(&sent, "sent.nc").unwrap();
    assert_eq!(read.attributes, attributes);
    assert_eq!(read.variable("i32").unwrap().values, Values::I32(arr2(&[[0, 1, 2], [3, 4, 5]]).into_dyn()));
}

/// The header of the second file is whole, its values are not.
#[test]
fn a_file_whose_values_cannot_be_read_is_told_apart_under_its_users_name() {
    with_reader();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("four.nc");
    create(&path);
    dataset::File::open_as(&path, "planet.nc").unwrap().verify().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    // As the output of zlib at level 5 begins (RFC 1950), once in this file.
    let packed: Vec<usize> = (2..bytes.len()).filter(|&at| bytes[at - 2..at] == [0x78, 0x5E]).collect();
    let mut broken = bytes.clone();
    for at in packed {
        broken[at..at + 4].fill(0xFF);
    }
    std::fs::write(&path, broken).unwrap();
    let error = dataset::File::open_as(&path, "planet.nc").unwrap().verify().unwrap_err().to_string();
    assert!(error.contains("planet.nc") && !error.contains("four.nc"), "{error}");
    assert!(error.contains("'deflated'"), "{error}");
}

/// An independent reader agrees with our writer.
#[test]
fn the_c_library_reads_what_we_write() {
    let mut map = Dataset::new();
    map.dimensions.push(Dimension { name: "time".to_owned(), len: 3, unlimited: true });
    let topo = ArrayD::from_shape_fn(vec![2, 3], |at| at[0] as f64 - at[1] as f64 / 4.0);
    map.add_f64("topo", &["lat", "lon"], topo, Attributes::new().with("units", "m"));
    map.add_i32("once", &["time"], arr1(&[5, 6, 7]).into_dyn(), Attributes::new().with("n", 3));
    let odd = Values::I16(arr2(&[[1, 2, 3], [4, 5, 6], [7, 8, 9]]).into_dyn());
    map.variables.push(Variable::new("odd", &["time", "lon"], odd, Attributes::new()));
    let folder = tempfile::tempdir().unwrap();
    let several = folder.path().join("several.nc");
    dataset::write(&map, &several).unwrap();
    assert_eq!(format!("{:?}", dataset::netcdf4::read_in_process(&several).unwrap()), format!("{map:?}"));
    // One record variable of odd length: no padding.
    map.variables.retain(|v| v.name != "once");
    let single = folder.path().join("single.nc");
    dataset::write(&map, &single).unwrap();
    assert_eq!(format!("{:?}", dataset::netcdf4::read_in_process(&single).unwrap()), format!("{map:?}"));
    // And it agrees with the obvious writer of the tests.
    for version in [1, 2, 5] {
        let path = folder.path().join(format!("sample{version}.nc"));
        std::fs::write(&path, sample(version).build()).unwrap();
        assert_eq!(dataset::netcdf4::read_in_process(&path).unwrap(), dataset::read(&path).unwrap());
    }
}

/// An independent writer agrees with our reader.
#[test]
fn we_read_what_the_c_library_writes() {
    let folder = tempfile::tempdir().unwrap();
    for (name, options, version) in
        [("1.nc", Options::SHARE, 1), ("2.nc", Options::_64BIT_OFFSET, 2), ("5.nc", Options::_64BIT_DATA, 5)]
    {
        let path = folder.path().join(name);
        {
            let mut file = netcdf::create_with(&path, options).unwrap();
            file.add_unlimited_dimension("time").unwrap();
            file.add_dimension("x", 3).unwrap();
            file.add_attribute("title", "by the library").unwrap();
            file.add_variable::<f32>("scalar", &[]).unwrap();
            file.add_variable::<i16>("odd", &["time", "x"]).unwrap();
            file.add_variable::<f64>("fixed", &["x"]).unwrap();
            file.enddef().unwrap();
            file.variable_mut("scalar").unwrap().put_value(2.5f32, ()).unwrap();
            file.variable_mut("odd").unwrap().put_values(&[1i16, 2, 3, 4, 5, 6], [0..2, 0..3]).unwrap();
            file.variable_mut("fixed").unwrap().put_values(&[1.0, 2.0, 3.0], ..).unwrap();
        }
        assert_eq!(std::fs::read(&path).unwrap()[3], version);
        let read = dataset::read(&path).unwrap();
        assert_eq!(read.variable("scalar").unwrap().values, Values::F32(arr0(2.5).into_dyn()));
        assert_eq!(
            read.variable("odd").unwrap().values,
            Values::I16(arr2(&[[1, 2, 3], [4, 5, 6]]).into_dyn())
        );
        assert_eq!(read.variable("fixed").unwrap().values, Values::F64(arr1(&[1.0, 2.0, 3.0]).into_dyn()));
        assert_eq!(read.attributes.text("title"), Some("by the library"));
    }
}

/// The file says that the values of `stolen` are the first bytes of `/etc/passwd`. The library goes and reads
/// them; its confined child cannot.
#[test]
fn a_file_cannot_read_other_files() {
    with_reader();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/external_storage.nc");
    let secret = std::fs::read("/etc/passwd").unwrap();
    let unconfined = dataset::netcdf4::read_in_process(&path).unwrap();
    let Values::U8(stolen) = &unconfined.variable("stolen").unwrap().values else { panic!("not u8") };
    assert!(stolen.iter().eq(secret.iter().take(16)), "the file no longer shows the danger");
    assert!(matches!(dataset::read(&path), Err(Error::NetCdf4 { .. })));
    let file = File::open(&path).unwrap();
    assert!(matches!(file.read("stolen"), Err(Error::NetCdf4 { .. })));
}

/// The reference files in NetCDF-4, of the programs that wrote them.
#[test]
fn reference_files_are_read() {
    with_reader();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/input_60ma");
    if !folder.is_dir() {
        eprintln!("SKIPPED: there are no reference files in {}", folder.display());
        return;
    }
    for name in ["intermediates.nc", "labels.nc"] {
        let path = folder.join(name);
        let file = File::open(&path).unwrap();
        assert_eq!(file.header().format, Format::NetCdf4);
        assert!(!file.header().variables.is_empty());
        let read = file.read_all().unwrap();
        assert_eq!(format!("{read:?}"), format!("{:?}", dataset::netcdf4::read_in_process(&path).unwrap()));
    }
}

#[test]
fn damaged_netcdf4_files_end_in_the_child() {
    with_reader();
    dataset::contained::set_limits(dataset::contained::Limits {
        values: TimeLimit { cpu_seconds: 10, wall: std::time::Duration::from_secs(20) },
        ..dataset::contained::Limits::default()
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("seed.nc");
    create(&path);
    let seed = std::fs::read(&path).unwrap();
    let mut dice = Dice(4);
    let mut refused = 0;
    for round in 0..60 {
        let mut bytes = seed.clone();
        for _ in 0..=round / 4 {
            dice.mutate(&mut bytes);
        }
        // The signature stays: without it the library is not asked.
        if let Some(start) = bytes.get_mut(..8) {
            start.copy_from_slice(&seed[..8]);
        }
        let mutant = folder.path().join(format!("mutant{round}.nc"));
        std::fs::write(&mutant, &bytes).unwrap();
        if let Err(error) = dataset::read(&mutant) {
            refused += 1;
            assert_eq!(error.file(), mutant.display().to_string(), "{error}");
        }
    }
    assert!(refused > 10, "only {refused} were refused");
}

/// Group by group, dimensions and coordinates outside, a variable inside.
fn create_groups(path: &Path, groups: &[(&str, &str)]) {
    let mut file = netcdf::create(path).unwrap();
    file.add_attribute("title", "in groups").unwrap();
    file.add_dimension("lat", 2).unwrap();
    file.add_dimension("lon", 3).unwrap();
    file.add_variable::<f64>("lat", &["lat"]).unwrap().put_values(&[-45.0, 45.0], ..).unwrap();
    file.add_variable::<f64>("lon", &["lon"]).unwrap().put_values(&[0.0, 120.0, 240.0], ..).unwrap();
    for (group, variable) in groups {
        let mut group = file.add_group(group).unwrap();
        let mut variable = group.add_variable::<f32>(variable, &["lat", "lon"]).unwrap();
        variable.put_values(&[1.0f32, 2.0, 3.0, 4.0, 5.0, 6.0], ..).unwrap();
    }
}

#[test]
fn a_single_group_is_read_as_the_content() {
    with_reader();
    let folder = tempfile::tempdir().unwrap();
    for group in ["PRODUCT", "a/b/c"] {
        let path = folder.path().join("one.nc");
        create_groups(&path, &[(group, "topo")]);
        let read = dataset::read(&path).unwrap();
        let topo = Values::F32(arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).into_dyn());
        assert_eq!(read.variable("topo").unwrap().values, topo);
        assert_eq!(read.variable("lat").unwrap().values, Values::F64(arr1(&[-45.0, 45.0]).into_dyn()));
        assert_eq!(read.attributes.text("title"), Some("in groups"));
        let file = File::open(&path).unwrap();
        let notes = &file.header().notes;
        assert!(notes.iter().any(|note| note.contains(&format!("in the group '{group}'"))), "{notes:?}");
    }
}

#[test]
fn several_groups_are_named_with_a_remedy() {
    with_reader();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two.nc");
    create_groups(&path, &[("ice", "topo"), ("bedrock", "height")]);
    let error = File::open(&path).unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }));
    let text = error.to_string();
    assert!(text.contains("'ice' (topo); 'bedrock' (height)") && text.contains("nccopy -G ice"), "{text}");
}

/// A chunk that spans all of a dimension that is cut into many blocks, records, a scalar, and odd lengths.
#[test]
fn blocks_of_any_shape_come_together() {
    with_reader();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blocks.nc");
    let shape = [5, 70, 90];
    let value = |i: usize| (i * 7919 % 65_521) as f64;
    let values: Vec<f64> = (0..shape.iter().product()).map(value).collect();
    let chunks: [[usize; 3]; 5] = [[5, 1, 1], [1, 70, 90], [2, 33, 7], [1, 1, 90], [5, 70, 90]];
    {
        let mut file = netcdf::create(&path).unwrap();
        file.add_unlimited_dimension("time").unwrap();
        file.add_dimension("y", shape[1]).unwrap();
        file.add_dimension("x", shape[2]).unwrap();
        file.add_variable::<f32>("scalar", &[]).unwrap().put_value(2.5f32, ()).unwrap();
        for (index, chunk) in chunks.iter().enumerate() {
            let mut variable = file.add_variable::<f64>(&format!("v{index}"), &["time", "y", "x"]).unwrap();
            variable.set_chunking(chunk).unwrap();
            variable.set_compression(1, true).unwrap();
            variable.put_values(&values, [0..shape[0], 0..shape[1], 0..shape[2]]).unwrap();
        }
    }
    let read = dataset::read(&path).unwrap();
    assert_eq!(read.variable("scalar").unwrap().values, Values::F32(arr0(2.5).into_dyn()));
    assert!(read.dimension("time").unwrap().unlimited);
    let right = Values::F64(ArrayD::from_shape_vec(shape.to_vec(), values).unwrap());
    for index in 0..chunks.len() {
        assert!(read.variable(&format!("v{index}")).unwrap().values == right, "v{index}");
    }
}

#[test]
fn a_file_that_was_written_again_is_read_again() {
    with_reader();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("again.nc");
    for value in [1.0f32, 2.0, 3.0] {
        {
            let mut file = netcdf::create(&path).unwrap();
            file.add_dimension("x", 1).unwrap();
            file.add_variable::<f32>("topo", &["x"]).unwrap().put_values(&[value], ..).unwrap();
        }
        let read = dataset::read(&path).unwrap();
        assert_eq!(read.variable("topo").unwrap().values, Values::F32(arr1(&[value]).into_dyn()));
    }
}

#[test]
fn what_unpacks_to_more_than_the_limit_is_refused_at_once() {
    with_reader();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vast.nc");
    {
        let mut file = netcdf::create(&path).unwrap();
        file.add_dimension("y", 100_000).unwrap();
        file.add_dimension("x", 100_000).unwrap();
        let mut variable = file.add_variable::<f64>("topo", &["y", "x"]).unwrap();
        variable.set_chunking(&[1000, 1000]).unwrap();
        variable.set_compression(1, false).unwrap();
    }
    let text = File::open(&path).unwrap_err().to_string();
    assert!(text.contains("74.5 GiB") && text.contains("nccopy -V"), "{text}");
}

#[test]
fn a_cut_file_is_said_to_be_cut() {
    with_reader();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("whole.nc");
    create(&path);
    let bytes = std::fs::read(&path).unwrap();
    for part in [bytes.len() * 2 / 3, bytes.len() - 1, 100, 20, 8] {
        let path = folder.path().join("cut.nc");
        std::fs::write(&path, &bytes[..part]).unwrap();
        let text = File::open(&path).unwrap_err().to_string();
        assert!(text.contains("was cut short") && text.contains("Copy it again"), "{text}");
    }
}

/// What needs no more than another header is sent from where it was converted to, to several at once.
#[test]
fn a_plain_map_is_sent_under_another_header() {
    use std::io::Read;
    with_reader();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plain.nc");
    let values: Vec<f32> = (0..60_000_u16).map(f32::from).collect();
    {
        let mut file = netcdf::create(&path).unwrap();
        file.add_dimension("y", 200).unwrap();
        file.add_dimension("x", 300).unwrap();
        let mut variable = file.add_variable::<f32>("topo", &["y", "x"]).unwrap();
        variable.set_compression(1, true).unwrap();
        variable.put_values(&values, ..).unwrap();
        variable.put_attribute("units", "m").unwrap();
    }
    let send = |title: &str| {
        let attributes = Attributes::new().with("title", title);
        dataset::with_global_attributes(&path, &attributes).unwrap().into_reader().unwrap()
    };
    let (mut one, mut two) = (send("one"), send("another, longer title"));
    let (mut first, mut second) = (vec![0; 10_000], Vec::new());
    one.read_exact(&mut first).unwrap();
    two.read_to_end(&mut second).unwrap();
    one.read_to_end(&mut first).unwrap();
    for (bytes, title) in [(first, "one"), (second, "another, longer title")] {
        assert!(bytes.starts_with(b"CDF\x02"));
        let read = dataset::from_bytes(&bytes, "sent.nc").unwrap();
        assert_eq!(read.attributes.text("title"), Some(title));
        let topo = read.variable("topo").unwrap();
        let right = ArrayD::from_shape_vec(vec![200, 300], values.clone()).unwrap();
        assert_eq!((&topo.values, topo.attributes.text("units")), (&Values::F32(right), Some("m")));
    }
}
