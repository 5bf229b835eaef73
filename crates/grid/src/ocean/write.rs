//! The grid as a NEMO coordinates file.

use dataset::{Attributes, Dataset, Values, Variable};
use ndarray::Array2;

use super::{OceanGrid, Points, ScaleFactors};

impl OceanGrid {
    /// The grid in the layout of a NEMO coordinates file: `nav_lon`, `nav_lat`, then `glam` and `gphi` of the T, U,
    /// V and F points (degrees) and `e1` and `e2` (metres), doubles over (y, x). Without a mesh, what is known:
    /// `nav_lon`, `nav_lat`, `glamt`, `gphit`.
    pub fn to_dataset(&self) -> Dataset {
        let (ny, nx) = self.shape();
        let mut file = Dataset::new();
        file.add_dimension("x", nx);
        file.add_dimension("y", ny);
        file.attributes.set("title", "Curvilinear ocean grid");
        add(&mut file, "nav_lon", &self.t().lon_deg, "degrees_east", "Longitude".to_owned());
        add(&mut file, "nav_lat", &self.t().lat_deg, "degrees_north", "Latitude".to_owned());

        let mut points: Vec<(char, &Points)> = vec![('t', self.t())];
        let mut scales: Vec<(char, &ScaleFactors)> = Vec::new();
        if let Some(mesh) = self.mesh() {
            points.extend([('u', &mesh.u.points), ('v', &mesh.v.points), ('f', &mesh.f.points)]);
            scales.extend([
                ('t', &mesh.t_scale),
                ('u', &mesh.u.scale),
                ('v', &mesh.v.scale),
                ('f', &mesh.f.scale),
            ]);
        }
        for (point, at) in &points {
            add(
                &mut file,
                &format!("glam{point}"),
                &at.lon_deg,
                "degrees_east",
                format!("Longitude of {point} point"),
            );
        }
        for (point, at) in &points {
            add(
                &mut file,
                &format!("gphi{point}"),
                &at.lat_deg,
                "degrees_north",
                format!("Latitude of {point} point"),
            );
        }
        for (point, scale) in &scales {
            add(
                &mut file,
                &format!("e1{point}"),
                &scale.e1_m,
                "m",
                format!("Scale factor 1 at {point} point"),
            );
        }
        for (point, scale) in &scales {
            add(
                &mut file,
                &format!("e2{point}"),
                &scale.e2_m,
                "m",
                format!("Scale factor 2 at {point} point"),
            );
        }
        file
    }
}

/// Coordinates are never missing, so these variables carry no fill value, as in NEMO's own files.
fn add(file: &mut Dataset, name: &str, values: &Array2<f64>, units: &str, long_name: String) {
    let attributes = Attributes::new().with("units", units).with("long_name", long_name);
    file.variables.push(Variable::new(name, &["y", "x"], Values::F64(values.clone().into_dyn()), attributes));
}
