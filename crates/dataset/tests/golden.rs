//! The reference files: read, written again, and compared byte for byte.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::io::Read;
use std::path::{Path, PathBuf};

/// The folder of reference files, or `None` after a loud note.
fn golden() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: there are no reference files in {}", folder.display());
    None
}

fn files(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else if path.to_string_lossy().ends_with(".nc") || path.to_string_lossy().ends_with(".nc.gz") {
            into.push(path);
        }
    }
}

fn bytes(path: &Path) -> Vec<u8> {
    let stored = std::fs::read(path).unwrap();
    if path.extension().is_some_and(|e| e == "gz") {
        let mut plain = Vec::new();
        flate2::read::GzDecoder::new(stored.as_slice()).read_to_end(&mut plain).unwrap();
        return plain;
    }
    stored
}

/// Files of the original platform and of xarray are CDF-2 in the layout of this crate; files that other programs
/// wrote keep their values, not their layout.
#[test]
fn classic_reference_files_are_rewritten_byte_for_byte() {
    let mut paths = Vec::new();
    // The few that are kept with the code, and all of them where they are.
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    if committed.is_dir() {
        files(&committed, &mut paths);
    }
    let folder = golden();
    if let Some(folder) = &folder {
        files(folder, &mut paths);
    }
    let mut exact = 0;
    for path in &paths {
        let name = path.display().to_string();
        let original = bytes(path);
        if !original.starts_with(b"CDF") {
            continue;
        }
        let dataset = dataset::from_bytes(&original, &name).unwrap();
        let written = dataset::to_bytes(&dataset).unwrap();
        let by_others = name.contains("mosaic_dev") || original[3] != 2;
        if by_others {
            let again = dataset::to_bytes(&dataset::from_bytes(&written, &name).unwrap()).unwrap();
            assert!(again == written, "{name}: not stable");
            eprintln!("{name}: {}", if original == written { "exact" } else { "values only" });
            continue;
        }
        assert!(original == written, "{name}: {} bytes, written {}", original.len(), written.len());
        exact += 1;
    }
    assert!(folder.is_none() || exact > 50, "only {exact} files were compared");
}

/// The printed headers of the original's files.
#[test]
fn headers_print_as_ncdump_prints_them() {
    let Some(folder) = golden() else { return };
    let mut compared = 0;
    for entry in std::fs::read_dir(folder.join("headers")).unwrap() {
        let cdl = entry.unwrap().path();
        let stem = cdl.file_stem().unwrap().to_string_lossy().into_owned();
        let data = ["nc", "nc.gz"].map(|end| folder.join("input_60ma").join(format!("{stem}.{end}")));
        let data = data.iter().find(|path| path.exists()).unwrap();
        let printed = std::fs::read_to_string(&cdl).unwrap();
        let dataset = dataset::from_bytes(&bytes(data), &stem).unwrap();
        let ours = format!("netcdf {stem} {{\n{}}}\n", dataset.header());
        let without_time = |text: &str| -> String {
            text.lines()
                .filter(|line| !line.contains("TimeStamp"))
                .fold(String::new(), |all, line| all + line + "\n")
        };
        assert_eq!(without_time(&ours), without_time(&printed), "{stem}");
        compared += 1;
    }
    assert_eq!(compared, 9);
}

/// Every file of the original platform says where its coordinates are, or leaves no doubt.
#[test]
fn coordinates_of_the_outputs_are_found() {
    use dataset::cf::{Guess, guess};
    let Some(folder) = golden() else { return };
    let expected = [
        ("raw.nc", "lon", "lat"),
        ("bathy.nc", "nav_lon", "nav_lat"),
        ("ahmcoef.nc", "nav_lon", "nav_lat"),
        ("heatflow.nc", "nav_lon", "nav_lat"),
        ("sub_basins.nc", "navlon", "navlat"),
        ("routing.nc.gz", "nav_lon", "nav_lat"),
        ("pft.nc.gz", "lon", "lat"),
        ("topo_high_res.nc.gz", "longitude", "latitude"),
    ];
    for (name, lon, lat) in expected {
        let dataset = dataset::from_bytes(&bytes(&folder.join("input_60ma").join(name)), name).unwrap();
        let certain = Guess::Certain { lon: lon.to_owned(), lat: lat.to_owned() };
        assert_eq!(guess(&dataset.header()), certain, "{name}\n{}", dataset.header());
    }
}
