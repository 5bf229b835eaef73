//! Which variable of a file is the topography.
//!
//! Evidence, best first: `standard_name`, a well-known name, a part of the name or of `long_name`. One map alone is
//! the topography whatever its name; where several are as likely, the modeller chooses.

use crate::{Attributes, Header, VariableHeader, cf};

/// What [`guess`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guess {
    /// The one that it is.
    Certain(String),
    /// Several that it may be, likeliest first: ask.
    Ambiguous(Vec<String>),
    /// The file has no map of numbers.
    None,
}

/// How good a reason there is, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Evidence {
    Words,
    Name,
    StandardName,
}

/// CF standard names of heights of the ground and depths of the sea floor.
const STANDARD_NAMES: [&str; 11] = [
    "surface_altitude",
    "altitude",
    "bedrock_altitude",
    "ground_level_altitude",
    "height_above_mean_sea_level",
    "height_above_geopotential_datum",
    "height_above_reference_ellipsoid",
    "sea_floor_depth_below_geoid",
    "sea_floor_depth_below_mean_sea_level",
    "sea_floor_depth_below_sea_level",
    "sea_floor_depth_below_reference_ellipsoid",
];

/// Names in the files of the common relief and reconstruction data sets.
const NAMES: [&str; 26] = [
    "topo",
    "topography",
    "z",
    "elevation",
    "elev",
    "height",
    "orog",
    "orography",
    "band1",
    "bedrock",
    "rose",
    "relief",
    "altitude",
    "alt",
    "dem",
    "bathymetry",
    "bathy",
    "depth",
    "topobathy",
    "surface",
    "ht",
    "hgt",
    "htopo",
    "relz",
    "zs",
    "phis",
];

/// Parts of words that speak of the height of the ground.
const WORDS: [&str; 9] =
    ["topo", "elevation", "bathy", "orogr", "relief", "altitude", "bedrock", "paleodem", "sea floor"];

/// Guesses which variable is the topography.
pub fn guess(header: &Header) -> Guess {
    let maps = maps(header);
    if let [only] = maps.as_slice() {
        return Guess::Certain(only.name.clone());
    }
    let mut found: Vec<(Evidence, &VariableHeader)> =
        maps.iter().filter_map(|map| Some((evidence(&map.name, &map.attributes)?, *map))).collect();
    // Stable: file order among equals.
    found.sort_by_key(|(evidence, _)| std::cmp::Reverse(*evidence));
    let names = |maps: &mut dyn Iterator<Item = &VariableHeader>| -> Vec<String> {
        maps.map(|map| map.name.clone()).collect()
    };
    let Some(best) = found.first().map(|(evidence, _)| *evidence) else {
        let all = names(&mut maps.into_iter());
        return if all.is_empty() { Guess::None } else { Guess::Ambiguous(all) };
    };
    match found.as_slice() {
        [(_, only)] => Guess::Certain(only.name.clone()),
        [(_, first), (next, _), ..] if *next < best => Guess::Certain(first.name.clone()),
        several => Guess::Ambiguous(names(&mut several.iter().map(|(_, map)| *map))),
    }
}

/// True for a variable whose attributes or name say that it is a topography.
pub fn named_like(name: &str, attributes: &Attributes) -> bool {
    evidence(name, attributes).is_some()
}

/// The numeric variables over longitude and latitude, and over nothing else of more than one value.
fn maps(header: &Header) -> Vec<&VariableHeader> {
    let on_grid = match cf::guess(header) {
        cf::Guess::Certain { lon, lat } => {
            cf::check_coordinates(header, &lon, &lat).ok().map(|found| found.variables)
        }
        cf::Guess::Ambiguous { .. } => None,
    };
    header
        .variables
        .iter()
        .filter(|v| v.data_type.is_numeric() && v.shape.iter().filter(|&&len| len > 1).count() == 2)
        .filter(|v| match &on_grid {
            Some(names) => names.contains(&v.name),
            None => !cf::is_position(header, v),
        })
        .collect()
}

fn evidence(name: &str, attributes: &Attributes) -> Option<Evidence> {
    let text = |name: &str| attributes.text(name).map(|text| text.trim().to_lowercase());
    // Flags and errors of a topography are none.
    let flags =
        ["flag_values", "flag_meanings", "flag_masks"].iter().any(|name| attributes.get(name).is_some());
    let name = name.to_lowercase();
    let long_name = text("long_name").unwrap_or_default();
    let other = ["mask", "error", "uncertainty", "std", "source", "count", "slope", "roughness", "type"]
        .iter()
        .any(|word| name.contains(word) || long_name.contains(word));
    if flags {
        return None;
    }
    if text("standard_name").is_some_and(|own| STANDARD_NAMES.contains(&own.as_str())) {
        return Some(Evidence::StandardName);
    }
    if NAMES.contains(&name.as_str()) {
        return Some(Evidence::Name);
    }
    let spoken = WORDS.iter().any(|word| name.contains(word) || long_name.contains(word));
    (spoken && !other).then_some(Evidence::Words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attributes, Dataset};

    fn file(names: &[(&str, Attributes)]) -> Header {
        let mut file = Dataset::new();
        for (axis, units) in [("lat", "degrees_north"), ("lon", "degrees_east")] {
            let values = ndarray::arr1(&[0.0, 1.0, 2.0]).into_dyn();
            file.add_f64(axis, &[axis], values, Attributes::new().with("units", units));
        }
        for (name, attributes) in names {
            let zeros = ndarray::ArrayD::zeros(ndarray::IxDyn(&[3, 3]));
            file.add_f64(name, &["lat", "lon"], zeros, attributes.clone());
        }
        file.header()
    }

    fn plain() -> Attributes {
        Attributes::new()
    }

    #[test]
    fn one_map_is_the_topography_whatever_its_name() {
        assert_eq!(guess(&file(&[("var1", plain())])), Guess::Certain("var1".into()));
        assert_eq!(guess(&file(&[])), Guess::None);
    }

    #[test]
    fn the_best_evidence_alone_decides() {
        let altitude = Attributes::new().with("standard_name", "surface_altitude");
        let flags = Attributes::new().with("flag_meanings", "land sea");
        let files = [
            file(&[("tid", flags), ("elevation", plain())]),
            file(&[("elevation", altitude.clone()), ("z", plain())]),
            file(&[("topo", plain()), ("temperature", plain())]),
            file(&[("pd_topo_100Ma", plain()), ("topo_error", plain())]),
        ];
        let found = ["elevation", "elevation", "topo", "pd_topo_100Ma"];
        for (file, name) in files.iter().zip(found) {
            assert_eq!(guess(file), Guess::Certain(name.into()));
        }
    }

    #[test]
    fn several_as_likely_are_a_question() {
        let both = file(&[("z", plain()), ("bedrock", plain())]);
        assert_eq!(guess(&both), Guess::Ambiguous(vec!["z".into(), "bedrock".into()]));
        let neither = file(&[("a", plain()), ("b", plain())]);
        assert_eq!(guess(&neither), Guess::Ambiguous(vec!["a".into(), "b".into()]));
    }
}
