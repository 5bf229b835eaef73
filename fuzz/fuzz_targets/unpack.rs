//! Any bytes with any parameters as a compressed block of every method.
#![no_main]

use dataset::unpack::Method;
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 1 << 20;

fuzz_target!(|input: (u8, Vec<u32>, Vec<u8>)| {
    let (choice, parameters, packed) = input;
    let id = Method::FILTERS[usize::from(choice) % Method::FILTERS.len()];
    if let Some(method) = Method::of_filter(id)
        && let Ok(bytes) = method.unpack(&packed, &parameters, LIMIT)
    {
        assert!(bytes.len() <= LIMIT);
    }
});
