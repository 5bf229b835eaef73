//! Soils: one colour and one texture for all land, as long as no palaeo-soils are known.

use dataset::{Attributes, Dataset};
use ndarray::Array2;

use crate::routing::cylinder::Cylinder;
use crate::routing::output::{add_coordinates, north_up};

/// Colour index of land (Henderson-Sellers and Wilson).
const LAND_COLOUR: f64 = 4.0;
/// Texture index of land (Zobler 1986).
const LAND_TEXTURE: f64 = 3.0;

/// The soils file for final heights (south-up, (ny, nx), m): `soilcolor` and `soiltext` are 0 on sea.
pub fn soils(heights_m: &Array2<f64>) -> Dataset {
    let on_land = |index: f64| move |&h: &f64| if h > 0.0 { index } else { 0.0 };
    let mut file = Dataset::new();
    add_coordinates(&mut file, Cylinder::from_array(heights_m));
    for (name, index, long_name) in [
        ("soilcolor", LAND_COLOUR, "Soil color types from the Henderson-Sellers and Wilson dataset"),
        ("soiltext", LAND_TEXTURE, "Soil texture from Zobler 86"),
    ] {
        let attributes = Attributes::new()
            .with("axis", "YX")
            .with("units", "index")
            .with("long_name", long_name)
            .with("associate", "nav_lat nav_lon");
        file.add_f64(name, &["y", "x"], north_up(heights_m, on_land(index)), attributes);
    }
    file
}
