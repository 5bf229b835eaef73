//! Any text as the table of vegetation.
#![no_main]

use boundary::pft::Table;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(table) = Table::from_json(text) {
        let again = Table::from_json(&table.to_json()).expect("its own JSON");
        assert_eq!(again.bands(), table.bands());
    }
});
