//! Every common compression, as the compressors of HDF5's own plug-ins wrote it (`data/filters/make_filters.py`).
#![cfg(feature = "netcdf4")]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::path::{Path, PathBuf};

use dataset::unpack::Method;
use support::Dice;

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/filters");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "nc"));
    files.sort();
    files
}

/// As in `make_filters.py`.
fn expected(variable: &str, y: i64, x: i64) -> f64 {
    let smooth = (x * x + 3 * y * y) % 1000 - 500;
    let noise = ((y * 33 + x) * 2_654_435_761 % (1 << 32)) >> 7;
    match variable {
        "i1" => smooth.rem_euclid(120) as f64,
        "i2" => (smooth * 30) as f64,
        "i4" => (noise % (1 << 24)) as f64,
        "f4" => smooth as f64 / 8.0,
        "f8" => noise as f64 / 8.0,
        _ => (if y < 12 { 7 } else { x }) as f64,
    }
}

#[test]
fn every_common_compression_is_read() {
    dataset::contained::set_reader(env!("CARGO_BIN_EXE_dataset-netcdf4-reader"), &[]);
    let files = files();
    assert!(files.len() >= 22, "{files:?}");
    for path in files {
        let read = dataset::read(&path).unwrap();
        assert_eq!(read.variables.len(), 6, "{}", path.display());
        for variable in &read.variables {
            assert_eq!(variable.shape(), [16, 33]);
            for (at, &value) in variable.values.to_f64().unwrap().indexed_iter() {
                let right = expected(&variable.name, at[0] as i64, at[1] as i64);
                assert!(value == right, "{} {} {at:?}: {value}, not {right}", path.display(), variable.name);
            }
        }
    }
}

/// Blocks that are packed by the encoders of the libraries, and by hand where there is none.
fn packed_blocks() -> Vec<(Method, Vec<u8>, Vec<u32>)> {
    let data: Vec<u8> = (0..2000_u32).map(|i| (i / 7 % 50) as u8).collect();
    let mut lz4 = (data.len() as u64).to_be_bytes().to_vec();
    lz4.extend(1000_u32.to_be_bytes());
    for half in data.chunks(1000) {
        let packed = lz4_flex::block::compress(half);
        lz4.extend((packed.len() as u32).to_be_bytes());
        lz4.extend(packed);
    }
    let mut blosc = vec![2, 1, 0x11 | 1 << 5, 4];
    let packed = lz4_flex::block::compress(&data);
    for number in [data.len(), data.len(), 24 + packed.len(), 20, packed.len()] {
        blosc.extend((number as u32).to_le_bytes());
    }
    blosc.extend(packed);
    let zstd = ruzstd::encoding::compress_to_vec(&data[..], ruzstd::encoding::CompressionLevel::Fastest);
    let mut bzip2 = Vec::new();
    let mut encoder = bzip2::read::BzEncoder::new(&data[..], bzip2::Compression::best());
    std::io::Read::read_to_end(&mut encoder, &mut bzip2).unwrap();
    // Length, then codes: a block split at 2 bits, a zero block, one without a code.
    let szip =
        [&16_u32.to_le_bytes()[..], &[0x60, 0x55, 0x55, 0xAA, 0x11, 0xE1, 0x23, 0x45, 0x67, 0x89]].concat();
    vec![
        (Method::Lz4, lz4, vec![]),
        (Method::Blosc, blosc, vec![2, 2, 4, 2000, 5, 1, 1]),
        (Method::Zstd, zstd, vec![3]),
        (Method::Bzip2, bzip2, vec![9]),
        (Method::Lzf, vec![3, 1, 2, 3, 4, 0x20, 3, 0xE0, 20, 3], vec![4, 0, 2000]),
        (Method::Bitshuffle, vec![0xA5; 256], vec![0, 4, 2, 0, 0]),
        (Method::Szip, szip, vec![32 | 128, 8, 8, 16]),
    ]
}

/// Thousands of damaged blocks: an error or bytes within the limit, and no panic.
#[test]
fn damaged_blocks_are_refused_or_within_the_limit() {
    let mut dice = Dice(32_015);
    let limit = 10_000;
    let mut refused = 0;
    for (method, packed, parameters) in packed_blocks() {
        if method != Method::Szip {
            assert!(method.unpack(&packed, &parameters, limit).is_ok(), "{method:?}");
        }
        for _ in 0..1500 {
            let mut bytes = packed.clone();
            dice.mutate(&mut bytes);
            let mut parameters = parameters.clone();
            if !parameters.is_empty() && dice.below(4) == 0 {
                let at = dice.below(parameters.len());
                parameters[at] = [0, 1, 7, 64, 65, u32::MAX][dice.below(6)];
            }
            match method.unpack(&bytes, &parameters, limit) {
                Ok(unpacked) => assert!(unpacked.len() <= limit),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(refused > 2000, "only {refused} were refused");
}

#[test]
fn limits_hold_for_what_unpacks_to_more() {
    for (method, packed, parameters) in packed_blocks() {
        if let Ok(whole) = method.unpack(&packed, &parameters, 10_000)
            && !matches!(method, Method::Lzf)
        {
            assert!(method.unpack(&packed, &parameters, whole.len() - 1).is_err(), "{method:?}");
        }
    }
}
