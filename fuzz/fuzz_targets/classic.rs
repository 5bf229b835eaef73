//! Any bytes as a file: header, values, what is said about it, its coordinates, and writing it again. Bytes that are no
//! classic file are named for what they are.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(read) = dataset::from_bytes(bytes, "fuzz.nc") {
        let header = read.header();
        let _ = header.to_string();
        let _ = dataset::cf::guess(&header);
        for variable in &read.variables {
            let _ = variable.decode();
        }
        let _ = dataset::to_bytes(&read);
    }
});
