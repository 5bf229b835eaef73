//! What a variable says of itself: is it a longitude, a latitude, or something that only looks like one?

use std::collections::HashSet;

use crate::{Header, VariableHeader};

/// Which of the two horizontal coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Degrees east.
    Longitude,
    /// Degrees north.
    Latitude,
}

impl Role {
    /// The word for messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Longitude => "longitude",
            Self::Latitude => "latitude",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Longitude => Self::Latitude,
            Self::Latitude => Self::Longitude,
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// How good a reason there is, worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Evidence {
    /// The name begins or ends with `lon` or `lat`.
    NamePart,
    /// `x` or `y`.
    Letter,
    /// A usual name, or a `long_name` that begins with `longitude` or `latitude`.
    Name,
    /// `axis = "X"` or `"Y"`.
    AxisAttribute,
    /// `standard_name` or `_CoordinateAxisType`.
    StandardName,
    /// `degrees_east` or `degrees_north`, in any spelling.
    Units,
}

/// What the `units` of a coordinate mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Angle {
    /// None, or a word for none.
    Unsaid,
    /// An angle: degrees for one unit (negative when counted westward or southward), and of which coordinate.
    Of {
        /// Degrees for one unit.
        degrees: f64,
        /// Longitude or latitude, where the units say so.
        role: Option<Role>,
    },
    /// No angle: metres, days, ...
    Other,
}

/// Degrees for each unit of an angle; of stems that begin alike the longer goes first.
const ANGLES: [(&str, f64); 19] = [
    ("degrees", 1.0),
    ("degree", 1.0),
    ("degs", 1.0),
    ("deg", 1.0),
    ("\u{b0}", 1.0),
    ("\u{ba}", 1.0),
    ("arcminutes", 1.0 / 60.0),
    ("arcminute", 1.0 / 60.0),
    ("arcmins", 1.0 / 60.0),
    ("arcmin", 1.0 / 60.0),
    ("arcseconds", 1.0 / 3600.0),
    ("arcsecond", 1.0 / 3600.0),
    ("arcsecs", 1.0 / 3600.0),
    ("arcsec", 1.0 / 3600.0),
    ("minutesofarc", 1.0 / 60.0),
    ("secondsofarc", 1.0 / 3600.0),
    ("radians", DEGREES_IN_RADIAN),
    ("radian", DEGREES_IN_RADIAN),
    ("rad", DEGREES_IN_RADIAN),
];

const DEGREES_IN_RADIAN: f64 = 180.0 / std::f64::consts::PI;

/// Reads `units` (CF 1.11, sections 4.1 and 4.2, and what files have instead).
pub(crate) fn angle(units: Option<&str>) -> Angle {
    let text: String = units.unwrap_or_default().to_lowercase();
    let text: String =
        text.chars().filter(|c| !c.is_whitespace() && !c.is_control() && !"_.-()[]".contains(*c)).collect();
    if ["", "1", "none", "unitless", "dimensionless", "null", "unknown", "n/a"].contains(&text.as_str()) {
        return Angle::Unsaid;
    }
    let (east, north) = (Some(Role::Longitude), Some(Role::Latitude));
    for (stem, degrees) in ANGLES {
        let (role, sign) = match text.strip_prefix(stem) {
            Some("" | "true") => (None, 1.0),
            Some("e" | "east" | "eastward" | "eastwards" | "lon" | "longitude") => (east, 1.0),
            Some("n" | "north" | "northward" | "northwards" | "lat" | "latitude") => (north, 1.0),
            Some("w" | "west") => (east, -1.0),
            Some("south") => (north, -1.0),
            _ => continue,
        };
        return Angle::Of { degrees: degrees * sign, role };
    }
    // Misspelt degrees.
    if text.starts_with("deg") {
        let has = |word: &str| text.contains(word);
        let (role, sign) = match () {
            () if has("east") => (east, 1.0),
            () if has("west") => (east, -1.0),
            () if has("north") => (north, 1.0),
            () if has("south") => (north, -1.0),
            () => (None, 1.0),
        };
        return Angle::Of { degrees: sign, role };
    }
    Angle::Other
}

/// Why horizontal coordinates are neither longitude nor latitude.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Projection {
    /// Longitude and latitude of a sphere whose pole is elsewhere.
    RotatedPole,
    /// A map projection.
    Map,
}

/// What has to be known of the other variables to judge one.
pub(super) struct Context<'a> {
    header: &'a Header,
    /// Variables that other variables name as bounds.
    bounds: HashSet<&'a str>,
    /// Dimensions of variables whose grid mapping is no plain longitude and latitude.
    projected: Vec<(&'a str, Projection)>,
}

impl<'a> Context<'a> {
    pub(super) fn new(header: &'a Header) -> Self {
        let bounds = header
            .variables
            .iter()
            .flat_map(|v| ["bounds", "climatology", "edges"].map(|name| v.attributes.text(name)))
            .flatten()
            .map(str::trim)
            .collect();
        Self { header, bounds, projected: projected_dimensions(header) }
    }

    pub(super) fn header(&self) -> &'a Header {
        self.header
    }

    /// True for corners of cells: they have the units of coordinates and are none.
    pub(super) fn is_bounds(&self, variable: &VariableHeader) -> bool {
        self.bounds.contains(variable.name.as_str()) || named_like_corners(&variable.name)
    }

    /// Why a variable that looks like a coordinate is no longitude or latitude, if so.
    pub(super) fn projection(&self, variable: &VariableHeader) -> Option<Projection> {
        let text = |name: &str| lowered(variable, name);
        let standard_name = text("standard_name");
        match standard_name.as_str() {
            "grid_longitude" | "grid_latitude" => return Some(Projection::RotatedPole),
            "longitude" | "latitude" => return None,
            name if name.starts_with("projection_") => return Some(Projection::Map),
            _ => {}
        }
        if let (true, [dimension]) = (variable.is_coordinate(), variable.dimensions.as_slice())
            && let Some((_, projection)) = self.projected.iter().find(|(name, _)| name == dimension)
        {
            return Some(*projection);
        }
        if matches!(angle(variable.attributes.text("units")), Angle::Of { role: Some(_), .. }) {
            return None;
        }
        if ["geox", "geoy"].contains(&text("_CoordinateAxisType").as_str()) {
            return Some(Projection::Map);
        }
        let name = variable.name.to_lowercase();
        let rotated = ["rlon", "rlat", "rotlon", "rotlat"].contains(&name.as_str())
            || name.starts_with("grid_longitude")
            || name.starts_with("grid_latitude")
            || text("long_name").contains("rotated");
        rotated.then_some(Projection::RotatedPole)
    }

    /// How good a reason there is to take a variable for a coordinate; `None` without any, or when it is something else.
    pub(super) fn evidence(&self, variable: &VariableHeader, role: Role) -> Option<Evidence> {
        if self.is_bounds(variable) || self.projection(variable).is_some() {
            return None;
        }
        let text = |name: &str| lowered(variable, name);
        let (axis_type, letter, names, part) = match role {
            Role::Longitude => ("lon", "x", &LON_NAMES, "lon"),
            Role::Latitude => ("lat", "y", &LAT_NAMES, "lat"),
        };
        match angle(variable.attributes.text("units")) {
            Angle::Of { role: Some(own), .. } => return (own == role).then_some(Evidence::Units),
            // Projections have x and y in metres.
            Angle::Other => return None,
            Angle::Of { role: None, .. } | Angle::Unsaid => {}
        }
        let (standard_name, own_type) = (text("standard_name"), text("_CoordinateAxisType"));
        if standard_name == role.name() || own_type == axis_type {
            return Some(Evidence::StandardName);
        }
        let other_type = if axis_type == "lon" { "lat" } else { "lon" };
        let named = |name: &str| names.contains(&name);
        if (!standard_name.is_empty() && !named(&standard_name)) || own_type == other_type {
            // A depth, a time, the other coordinate.
            return None;
        }
        if text("axis") == letter || text("cartesian_axis") == letter {
            return Some(Evidence::AxisAttribute);
        }
        let name = variable.name.to_lowercase();
        if named(&name) || text("long_name").starts_with(role.name()) {
            return Some(Evidence::Name);
        }
        if name == letter && variable.is_coordinate() {
            return Some(Evidence::Letter);
        }
        let part = variable.dimensions.len() == 1 && (name.starts_with(part) || name.ends_with(part));
        part.then_some(Evidence::NamePart)
    }

    /// True for what only says where cells are: coordinates, and corners of cells.
    pub(super) fn is_position(&self, variable: &VariableHeader) -> bool {
        let clear = |role| self.evidence(variable, role) > Some(Evidence::Letter);
        let bounds =
            self.is_bounds(variable) || has_word(&variable.name, &["bounds", "bnds", "bnd", "vertices"]);
        bounds || clear(Role::Longitude) || clear(Role::Latitude)
    }

    /// The projection of the file's own coordinates, if any of them are projected: for messages.
    pub(super) fn projected_pair(&self) -> Option<(Projection, Vec<&'a str>)> {
        let projected = |v: &&'a VariableHeader| v.data_type.is_numeric() && v.dimensions.len() == 1;
        let mut found = self.header.variables.iter().filter(projected).filter_map(|v| {
            let projection = self.projection(v)?;
            Some((projection, v.name.as_str()))
        });
        let (projection, first) = found.next()?;
        Some((projection, std::iter::once(first).chain(found.map(|(_, name)| name)).collect()))
    }
}

/// True for a coordinate whose name or `standard_name` is one that only the true positions have.
pub(super) fn has_usual_name(variable: &VariableHeader, role: Role) -> bool {
    let names = match role {
        Role::Longitude => &LON_NAMES,
        Role::Latitude => &LAT_NAMES,
    };
    let name = variable.name.to_lowercase();
    names.contains(&name.as_str()) || lowered(variable, "standard_name") == role.name()
}

/// Dimensions of variables whose `grid_mapping` (CF 5.6) is a rotated pole or a map projection.
fn projected_dimensions(header: &Header) -> Vec<(&str, Projection)> {
    let mapping = |v: &VariableHeader| match lowered(v, "grid_mapping_name").as_str() {
        "" | "latitude_longitude" => None,
        "rotated_latitude_longitude" | "rotated_pole" => Some(Projection::RotatedPole),
        _ => Some(Projection::Map),
    };
    let mut found = Vec::new();
    for variable in &header.variables {
        let Some(text) = variable.attributes.text("grid_mapping") else { continue };
        // "crs" or "crs: x y crs2: lon lat": of the second form only plain mappings are left aside.
        let mut words = text.split_whitespace().map(|word| word.trim_end_matches(':'));
        let Some(projection) = words.next().and_then(|name| mapping(header.variable(name)?)) else {
            continue;
        };
        // Before rows and columns stand times and levels.
        let plane = &variable.dimensions[variable.dimensions.len().saturating_sub(2)..];
        found.extend(plane.iter().map(|dimension| (dimension.as_str(), projection)));
    }
    found
}

fn lowered(variable: &VariableHeader, name: &str) -> String {
    variable.attributes.text(name).map(|text| text.trim().to_lowercase()).unwrap_or_default()
}

/// True for names such as `lat_bnds`, `bounds_lon`, `lon_vertices`, `grid_corner_lat`.
fn named_like_corners(name: &str) -> bool {
    const WORDS: [&str; 12] = [
        "bounds", "bound", "bnds", "bnd", "vertices", "vertex", "verts", "corners", "corner", "edges",
        "edge", "weights",
    ];
    let lowered = name.to_lowercase();
    let of_coordinate = ["lon", "lat"].iter().any(|word| lowered.contains(word));
    let ends = ["bnds", "bounds", "vertices", "corners"].iter().any(|end| lowered.ends_with(end));
    of_coordinate && (ends || has_word(&lowered, &WORDS))
}

/// True when one of the words of a name, which anything but letters and digits separates, is one of these.
fn has_word(name: &str, words: &[&str]) -> bool {
    let name = name.to_lowercase();
    name.split(|c: char| !c.is_alphanumeric()).any(|word| words.contains(&word))
}

const LON_NAMES: [&str; 20] = [
    "lon",
    "longitude",
    "lons",
    "longitudes",
    "long",
    "nav_lon",
    "navlon",
    "tlon",
    "tlong",
    "glamt",
    "xlon",
    "xlong",
    "rlonv",
    "plon",
    "geolon",
    "geolon_t",
    "lon_rho",
    "lon_t",
    "lont",
    "clon",
];
const LAT_NAMES: [&str; 20] = [
    "lat",
    "latitude",
    "lats",
    "latitudes",
    "lati",
    "nav_lat",
    "navlat",
    "tlat",
    "tlati",
    "gphit",
    "xlat",
    "ylat",
    "rlatu",
    "plat",
    "geolat",
    "geolat_t",
    "lat_rho",
    "lat_t",
    "latt",
    "clat",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_in_any_spelling() {
        let of = |degrees: f64, role| Angle::Of { degrees, role };
        for text in [
            "degrees_east",
            "degree_east",
            "degree_E",
            "degrees_E",
            "degreeE",
            "degreesE",
            "Degrees East",
            "DEGREES_EAST",
            "deg_east",
            "degE",
            "deg. E",
            "\u{b0}E",
            "degrees (east)",
            "degrees_east\0",
            "degress_east",
        ] {
            assert_eq!(angle(Some(text)), of(1.0, Some(Role::Longitude)), "{text}");
        }
        for text in ["degrees_north", "degree_north", "degree_N", "degreeN", "degreesN", "degrees north"] {
            assert_eq!(angle(Some(text)), of(1.0, Some(Role::Latitude)), "{text}");
        }
        for text in ["degrees", "degree", "deg", "Degrees", "degrees_true", "degs"] {
            assert_eq!(angle(Some(text)), of(1.0, None), "{text}");
        }
        for text in ["radian", "radians", "rad"] {
            assert_eq!(angle(Some(text)), of(DEGREES_IN_RADIAN, None), "{text}");
        }
        assert_eq!(angle(Some("degrees_west")), of(-1.0, Some(Role::Longitude)));
        assert_eq!(angle(Some("degrees_south")), of(-1.0, Some(Role::Latitude)));
        assert_eq!(angle(Some("arc_minute")), of(1.0 / 60.0, None));
        for text in [None, Some(""), Some(" "), Some("1"), Some("none")] {
            assert_eq!(angle(text), Angle::Unsaid);
        }
        for text in ["m", "km", "metres", "days since 2000-01-01", "K", "grad"] {
            assert_eq!(angle(Some(text)), Angle::Other, "{text}");
        }
    }

    #[test]
    fn names_of_bounds_are_recognised() {
        for name in ["lat_bnds", "bounds_lon", "lon_vertices", "grid_corner_lat", "lonbnds", "LAT_BOUNDS"] {
            assert!(named_like_corners(name), "{name}");
        }
        for name in ["lat", "nav_lon", "latitude", "band", "tlong", "topo_edges", "corner"] {
            assert!(!named_like_corners(name), "{name}");
        }
    }
}
