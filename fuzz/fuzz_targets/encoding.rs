//! Any variables and attributes: written and read again they are the same; values, heights and findings of all of them.
#![no_main]

use climsim_fuzz::{Described, file, same};
use dataset::heights::{Heights, Overrides};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|described: Vec<Described>| {
    let written = file(described);
    for variable in &written.variables {
        let packing = variable.packing();
        let _ = packing.unpacked(&variable.attributes);
        if let Some((values, _)) = variable.decode_with_findings() {
            assert_eq!(values.shape(), variable.shape());
            let again = variable.decode().unwrap_or_default();
            assert!(values.iter().zip(&again).all(|(&a, &b)| same(a, b)));
        }
        if let Ok(heights) = Heights::read(variable, &Overrides::default()) {
            let (up, _) = heights.into_up();
            assert_eq!(up.shape(), variable.shape());
        }
    }
    let _ = dataset::topography::guess(&written.header());
    let Ok(bytes) = dataset::to_bytes(&written) else { return };
    let read = dataset::from_bytes(&bytes, "fuzz.nc").expect("what was written can be read");
    for variable in &written.variables {
        let again = read.variable(&variable.name).expect("every variable");
        assert_eq!(again.values.data_type(), variable.values.data_type());
        let numbers = |v: &dataset::Variable| v.values.to_f64().unwrap_or_default();
        assert!(numbers(variable).iter().zip(&numbers(again)).all(|(&a, &b)| same(a, b)));
    }
});
