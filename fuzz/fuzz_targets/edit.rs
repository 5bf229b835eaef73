//! Any text as what a modeller does to a map: commands of the editor's websocket, recipes, and edit lists of the original.
#![no_main]

use boundary::edit::{Command, Document, Map, Meaning, Quantity, legacy, recipe::Recipe};
use dataset::DataType;
use libfuzzer_sys::fuzz_target;
use ndarray::Array2;

fuzz_target!(|text: &str| {
    let lon = (0..12).map(|i| -165.0 + 30.0 * f64::from(i)).collect();
    let lat = (0..6).map(|j| -75.0 + 30.0 * f64::from(j)).collect();
    let map = Map::regular(lon, lat, Meaning::Elevation).expect("a small map");
    let values = Array2::from_shape_fn((6, 12), |(j, i)| {
        if (j * 5 + i * 7) % 3 == 0 { 100.0 } else { -(50.0 * (i + 1) as f64) }
    });
    let mut document = Document::new(map, values, DataType::F64).expect("a small document");
    let before = document.values().to_owned();
    if let Ok(command) = serde_json::from_str::<Command>(text) {
        let written = serde_json::to_string(&command).expect("a command is JSON");
        assert_eq!(serde_json::from_str::<Command>(&written).ok().as_ref(), Some(&command));
        let Command::Apply(action) = command else { return };
        let _ = action.label();
        if let Ok(changes) = document.apply(*action) {
            assert!(changes.cells.windows(2).all(|w| w[0] < w[1]));
            assert_eq!(changes.cells.len(), changes.values.len());
            document.undo();
            assert_eq!(document.values(), before);
        }
    }
    if let Ok(recipe) = Recipe::parse(text) {
        assert_eq!(Recipe::parse(&recipe.to_text()).ok().as_ref(), Some(&recipe));
        let _ = recipe.apply(&mut document);
    }
    let names = |name: &str| (name == "topo").then_some(Quantity::Value);
    let _ = legacy::selection(text, &names);
    if let Ok(entries) = serde_json::from_str::<Vec<serde_json::Value>>(text) {
        let _ = legacy::read(&entries, names);
    }
});
