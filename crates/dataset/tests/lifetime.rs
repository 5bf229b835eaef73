//! How long a child lives: not beyond its limits, its caller, or its parent. With a real file on which the library loops.
#![cfg(all(feature = "netcdf4", target_os = "linux"))]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dataset::File;
use dataset::contained::{Cancel, Limits, TimeLimit, limits, set_limits, set_reader};

const FILE_VARIABLE: &str = "LIFETIME_TEST_FILE";

/// A small NetCDF-4 file whose heap collection has an object of no length: walking it never ends.
fn endless(folder: &Path) -> PathBuf {
    let path = folder.join("endless.nc");
    {
        let mut file = netcdf::create(&path).unwrap();
        for name in ["y", "x"] {
            file.add_dimension(name, 4).unwrap();
            file.add_variable::<f64>(name, &[name]).unwrap().put_values(&[0.0, 1.0, 2.0, 3.0], ..).unwrap();
        }
        file.add_variable::<f32>("topo", &["y", "x"]).unwrap().put_values(&[1.0; 16], ..).unwrap();
    }
    let mut bytes = std::fs::read(&path).unwrap();
    // A collection: signature, version, its length, then objects: number, references, length.
    let at = bytes.windows(4).position(|window| window == b"GCOL").unwrap();
    bytes[at + 24..at + 32].fill(0);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// Processes that read `path` for somebody.
fn children(path: &Path) -> Vec<u32> {
    let wanted = path.to_str().unwrap().as_bytes();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let arguments: Vec<&[u8]> = line.split(|&byte| byte == 0).collect();
        if arguments.contains(&&b"--dataset-netcdf4-child"[..]) && arguments.contains(&wanted) {
            found.push(id);
        }
    }
    found
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited for a minute: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_child_ends_with_its_limits_and_with_its_caller() {
    set_reader(env!("CARGO_BIN_EXE_dataset-netcdf4-reader"), &[]);
    let folder = tempfile::tempdir().unwrap();
    let path = endless(folder.path());
    let time = |cpu_seconds, seconds| TimeLimit { cpu_seconds, wall: Duration::from_secs(seconds) };
    // One limit far off, so that the other is what ends it.
    for (limit, word) in
        [(time(100, 1), "took longer than 1 s"), (time(1, 100), "took longer than 1 s of processor time")]
    {
        set_limits(Limits { header: limit, ..Limits::default() });
        let error = File::open(&path).unwrap_err().to_string();
        assert!(error.contains(word) && error.contains("endless.nc"), "{error}");
        assert!(children(&path).is_empty());
    }
    // Twelve at once have no more children than there may be, and all end when they are cancelled.
    set_limits(Limits { header: time(300, 600), children: 2, ..Limits::default() });
    let cancel = Cancel::default();
    std::thread::scope(|scope| {
        let guard = cancel.on_drop();
        let readers: Vec<_> = (0..12).map(|_| scope.spawn(|| File::open_with(&path, &cancel))).collect();
        wait_until("two children run", || children(&path).len() == 2);
        drop(guard);
        for reader in readers {
            let error = reader.join().unwrap().unwrap_err().to_string();
            assert!(error.contains("cancelled"), "{error}");
        }
    });
    assert!(children(&path).is_empty());
    assert_eq!(limits().children, 2);
}

/// Not a test: the parent of the next one.
#[test]
#[ignore = "started by another test"]
fn parent() {
    let Some(path) = std::env::var_os(FILE_VARIABLE) else { return };
    set_reader(env!("CARGO_BIN_EXE_dataset-netcdf4-reader"), &[]);
    let time = TimeLimit { cpu_seconds: 300, wall: Duration::from_secs(600) };
    set_limits(Limits { header: time, ..Limits::default() });
    File::open(path).unwrap();
}

#[test]
fn a_child_ends_when_its_parent_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = endless(folder.path());
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "parent", "--ignored"])
        .env(FILE_VARIABLE, &path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("a child runs", || children(&path).len() == 1);
    parent.kill().unwrap();
    parent.wait().unwrap();
    wait_until("the child has gone", || children(&path).is_empty());
}
