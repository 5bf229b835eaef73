//! Any text as the words of forms, bodies, attributes and command lines: what is read is written as it is read again.
#![no_main]

use std::fmt::Display;
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;

fn round<T: FromStr + Display + PartialEq + std::fmt::Debug>(text: &str) {
    if let Ok(read) = text.parse::<T>() {
        assert_eq!(read.to_string().parse::<T>().ok().as_ref(), Some(&read));
    }
}

fuzz_target!(|text: &str| {
    round::<workflow::Key>(text);
    round::<workflow::Step>(text);
    round::<workflow::FileType>(text);
    round::<release::Release>(text);
    round::<coupling::AtmosphereSize>(text);
    round::<coupling::Mode>(text);
    if let Ok(names) = text.parse::<grid::CoordinateNames>() {
        // A second comma belongs to the latitude.
        assert_eq!(names.to_string().parse(), Ok(names));
    }
    let _ = text.parse::<boundary::regrid::Method>();
    let _ = text.parse::<boundary::regrid::Limits>();
    let _ = text.parse::<coupling::Geometry>();
    let _ = text.parse::<coupling::InlandRunoff>();
    let _ = text.parse::<dataset::heights::Positive>();
    if let Some(units) = dataset::heights::Units::parse(text) {
        assert!(units.metres(1.0).is_finite() && units.metres(0.0) == 0.0);
    }
    let attributes = dataset::Attributes::new().with("units", text);
    if let Ok(degrees) = dataset::axes::degrees_per_unit("lon", &attributes) {
        assert!(degrees.is_finite() && degrees != 0.0);
    }
    let options = coupling::Options { name: text.to_owned(), ..coupling::Options::default() };
    if let Ok(options) = options.checked() {
        assert!(!options.name.contains(['/', '\\', '\0']) && options.name.len() <= 15);
    }
    let clean = coupling::Options::file_name(text);
    assert!(!clean.contains(['/', '\\', '\0']));
});
