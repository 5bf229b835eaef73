//! What the parent makes of a child that misbehaves. One test: the reader is a setting of the process.

use std::time::{Duration, Instant};

use dataset::contained::{Limits, TimeLimit, set_limits, set_reader};

#[test]
fn every_end_of_a_child_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("four.nc");
    std::fs::write(&path, b"\x89HDF\r\n\x1a\n\x09 and nothing more").unwrap();
    let header = TimeLimit { cpu_seconds: 10, wall: Duration::from_millis(300) };
    set_limits(Limits { header, ..Limits::default() });
    let greeting = "echo dataset netcdf4 child 2;";
    let cases = [
        ("true".to_owned(), "run_if_child"),
        (format!("{greeting} kill -SEGV $$"), "signal 11"),
        (format!("{greeting} exit 3"), "code 3"),
        (format!("{greeting} exec sleep 60"), "longer than 0 s on this machine"),
        (format!("{greeting} kill -XCPU $$; exec sleep 60"), "longer than 10 s of processor time"),
        (format!("{greeting} while true; do :; done"), "longer than"),
        (format!("{greeting} printf 'unsupported\\twhat it has\\tdo this'; exit 1"), "what it has. do this"),
        (format!("{greeting} exec yes"), "signal 13"),
        (format!("{greeting} printf 'error\\tHDF error'; exit 1"), "HDF error"),
        // It says that all is well, and wrote nothing, or nonsense.
        (greeting.to_owned(), "not a NetCDF file"),
        (format!("{greeting} printf 'CDF\\001....' > \"$4\""), "four.nc"),
    ];
    for (script, word) in cases {
        // The arguments of the child follow: $0 is its marker, $3 the output.
        set_reader("/bin/sh", &["-c", &script.replace("$4", "$3")]);
        let start = Instant::now();
        let error = dataset::read(&path).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(word) && text.contains("four.nc"), "{script}: {text}");
        assert!(start.elapsed() < Duration::from_secs(10), "{script}");
    }
    set_reader(folder.path().join("none"), &[]);
    assert!(matches!(dataset::read(&path), Err(dataset::Error::Io { .. })));
}
