//! The files that describe the ocean grid and its masks (directory `DOMSK`).
//!
//! Names, dimensions, attributes and order of the variables are the original's. Where its values are slips, the
//! corrected computation writes what the name says:
//!
//! | in the original | corrected |
//! | --- | --- |
//! | `middle_lon`, `middle_lat`, `mask_t`, `mask_fill_t` never written | copies of `middle_*_t`, `mask`, `mask_fill` |
//! | `index_k` holds 1 to 31 in the first columns of the first row | the number of the deepest wet level, 0 on land |
//! | `b*` is the volume of the first level | the same: the variable has no depth |
//! | `mask_noclose` removes no closed sea | only what is connected to the largest ocean |
//! | all fractions are the mask of the F points | the mask of each point |
//! | `MASK` and `MASKDRAW` exchanged in the `gridCF` file | as their long names say |

use dataset::{AttributeValue, Attributes, Dataset};
use ndarray::{Array1, Array2, Array3, Zip};

use super::labels::{FILL_F64, FILL_I32, attributes, f32s, f64s, i32s, stacked};
use crate::fold::Point;
use crate::ocean::{Corners, Ocean};
use crate::{Mode, Options};

/// Global attributes of the ocean files.
pub(super) fn globals(options: &Options, model: &str) -> Attributes {
    let mut globals = attributes(&[
        ("Conventions", "CF-1.1"),
        ("source", "OPA Global Ocean Model"),
        ("group", &options.ocean_name),
        // The original cuts its parameter "NEMO - PALEORCA2" at the first blank.
        ("production", "NEMO"),
        ("cr", "rp2"),
        ("grid", "curvilinear"),
        ("Institution", "IPSL"),
        ("Model", model),
    ]);
    stamp(&mut globals, options);
    globals
}

pub(super) fn stamp(globals: &mut Attributes, options: &Options) {
    let history: Vec<String> = options.stamps.history.iter().cloned().chain(options.differences()).collect();
    if !history.is_empty() {
        globals.set("history", history.join("\n"));
    }
}

const YX: &[&str] = &["y", "x"];
const ZYX: &[&str] = &["z", "y", "x"];
const CORNERS: &[&str] = &["two2", "two1", "y", "x"];

/// `<ocean>.<name>.nc`: the whole mesh and all masks.
pub fn mesh_mask(ocean: &Ocean, options: &Options) -> Dataset {
    let (ny, nx) = ocean.shape();
    let levels = &ocean.levels;
    let nz = levels.e3t.len();
    let mut file = Dataset { attributes: globals(options, "IPSL CM6"), ..Dataset::default() };
    for (name, len) in [("x", nx), ("y", ny), ("z", nz), ("two1", 2), ("two2", 2)] {
        file.add_dimension(name, len);
    }
    let named = |name: &str, units: &str| attributes(&[("standard_name", name), ("units", units)]);

    let t = ocean.at(Point::T);
    f64s(&mut file, "nav_lon", YX, t.lon_deg.clone(), named("Longitude", "degrees_east"));
    f64s(&mut file, "nav_lat", YX, t.lat_deg.clone(), named("Latitude", "degrees_north"));
    for point in Point::ALL {
        let g = point.letter();
        let at = ocean.at(point);
        let lon = named(&format!("Longitude of {g} Point"), "degrees_east").with("modulo", "360");
        f64s(&mut file, &format!("glam{g}"), YX, at.lon_deg.clone(), lon);
        let lat = named(&format!("Latitude of {g} Point"), "degrees_north");
        f64s(&mut file, &format!("gphi{g}"), YX, at.lat_deg.clone(), lat);
        let area = ocean.area_m2(point);
        let mask = ocean.surface_mask(point);
        let masked = |scale: f64| Zip::from(&area).and(mask).map_collect(|a, &m| a * scale * f64::from(m));
        f64s(&mut file, &format!("srf{g}"), YX, masked(1.0), named(&format!("Surface of {g} Point"), "m^2"));
        let volume = masked(levels.e3t[0]);
        f64s(&mut file, &format!("b{g}"), YX, volume, named(&format!("Volume of {g} Point"), "m^3"));
    }
    f64s(&mut file, "ff", YX, ocean.coriolis(), named("Coriolis factor", "s-1"));

    let column = |values: &[f64]| Array1::from(values.to_vec());
    let bottom = |values: &[f64]| ocean.mbathy.mapv(|wet| values[wet.max(1) as usize - 1]);
    let everywhere = |values: &[f64]| Array3::from_shape_fn((nz, ny, nx), |(k, _, _)| values[k]);
    let depth = |name: &str, bounds: Option<&str>| {
        let mut depth = named(name, "m");
        if let Some(bounds) = bounds {
            depth.set("bounds", bounds);
        }
        depth.with("positive", "down")
    };
    f64s(&mut file, "nav_lev", &["z"], column(&levels.gdept), depth("Depth levels t Point", None));
    for (g, depths, thicknesses) in [('t', &levels.gdept, &levels.e3t), ('w', &levels.gdepw, &levels.e3w)] {
        let label = depth(&format!("Depth levels {g} Point"), Some(&format!("bounds_depth_{g}")));
        f64s(&mut file, &format!("gdep{g}"), &["z"], column(depths), label);
        let vertical = || named("Vertical scale factor", "m");
        f64s(&mut file, &format!("e3{g}_0"), &["z"], column(thicknesses), vertical());
        let label = named("Bottom vertical scale factor", "m");
        f64s(&mut file, &format!("e3{g}_ps"), YX, bottom(thicknesses), label);
        f64s(&mut file, &format!("e3{g}"), ZYX, everywhere(thicknesses), vertical());
    }

    let mut corners = |suffix: &str, stem: &str, g: char, of: Option<&Corners>| {
        for (axis, units, gap) in [("lon", "degrees_east", '_'), ("lat", "degrees_north", ' ')] {
            let capital = format!("{}{}", stem[..1].to_uppercase(), &stem[1..]);
            let label = named(&format!("{capital}{gap}{axis} of {g} Point"), units);
            let values = match of {
                Some(of) => {
                    let [[a, b], [c, d]] = if axis == "lon" { &of.lon_deg } else { &of.lat_deg };
                    stacked(&[a, b, c, d], &[2, 2])
                }
                None => Array2::from_elem((4 * ny, nx), FILL_F64)
                    .into_shape_with_order((2, 2, ny, nx))
                    .unwrap_or_else(|_| unreachable!("the same number of values"))
                    .into_dyn(),
            };
            f64s(&mut file, &format!("{stem}_{axis}{suffix}"), CORNERS, values, label);
        }
    };
    let of_t = ocean.corners(Point::T);
    corners("", "bounds", 't', Some(&of_t));
    corners("_t", "bounds", 't', Some(&of_t));
    drop(of_t);
    for point in [Point::U, Point::V, Point::F] {
        let g = point.letter();
        corners(&format!("_{g}"), "bounds", g, Some(&ocean.corners(point)));
    }
    let middles = ocean.middles();
    corners("", "middle", 't', Some(&middles).filter(|_| ocean.mode == Mode::Corrected));
    corners("_t", "middle", 't', Some(&middles));

    for point in Point::ALL {
        let g = point.letter();
        let scale = &ocean.scale[point as usize];
        for (axis, n, sizes) in [('i', 1, &scale.e1_m), ('j', 2, &scale.e2_m)] {
            let label = named(&format!("Scale Factor along {axis} at {g} Point"), "m");
            f64s(&mut file, &format!("e{n}{g}"), YX, sizes.clone(), label);
        }
    }
    let angles = ocean.angles();
    for (name, values) in
        [("gcosu", angles.cos_u), ("gsinu", angles.sin_u), ("gcosv", angles.cos_v), ("gsinv", angles.sin_v)]
    {
        f64s(&mut file, name, YX, values, Attributes::new());
    }
    masks(&mut file, ocean);
    file
}

/// The integer half of [`mesh_mask`].
fn masks(file: &mut Dataset, ocean: &Ocean) {
    let shape = ocean.shape();
    let legacy = ocean.mode == Mode::Legacy;
    let range = |name: &str| attributes(&[("standard_name", name)]).with("valid_min", 0).with("valid_max", 1);
    let unwritten = || Array2::from_elem(shape, FILL_I32);

    i32s(file, "mbathy", YX, ocean.mbathy.clone(), Attributes::new());
    let mask = ocean.surface_mask(Point::T).clone();
    let filled = mask.mapv(|sea| 1 + sea);
    let (mask_t, filled_t) = if legacy { (unwritten(), unwritten()) } else { (mask.clone(), filled.clone()) };
    for (name, values) in
        [("mask", mask.clone()), ("mask_fill", filled), ("mask_t", mask_t), ("mask_fill_t", filled_t)]
    {
        i32s(file, name, YX, values, range("Surface Mask at t Point"));
    }
    let basins = &ocean.basins;
    let indo_pacific = Zip::from(&basins.indian).and(&basins.pacific).map_collect(|&ind, &pac| ind.max(pac));
    for (name, values) in [
        ("maskper", ocean.without_duplicates()),
        ("maskdraw", mask),
        ("mask_nomed", ocean.open_sea()),
        ("mask_noclose", ocean.without_closed_seas()),
        ("mask_atl", basins.atlantic.clone()),
        ("mask_indpac", indo_pacific),
        ("mask_pac", basins.pacific.clone()),
        ("mask_ind", basins.indian.clone()),
        ("mask_coast", ocean.coast()),
    ] {
        i32s(file, name, YX, values, Attributes::new());
    }
    for (point, values) in Point::ALL.into_iter().zip(ocean.all_masks()) {
        let g = point.letter();
        i32s(file, &format!("{g}mask"), ZYX, values, range(&format!("Mask at {g} Point")));
    }
    let index = |name: &str| attributes(&[("standard_name", name)]);
    i32s(file, "index_i", YX, Array2::from_shape_fn(shape, |(_, i)| i as i32 + 1), index("index i"));
    i32s(file, "index_j", YX, Array2::from_shape_fn(shape, |(j, _)| j as i32 + 1), index("index j"));
    let deepest = if legacy {
        let nz = ocean.levels.e3t.len();
        Array2::from_shape_fn(shape, |(j, i)| if j == 0 && i < nz { i as i32 + 1 } else { FILL_I32 })
    } else {
        ocean.mbathy.clone()
    };
    i32s(file, "index_k", YX, deepest, index("index k"));
}

/// The five ocean grids of the coupler: name, point, and whether it is the one without repeated cells.
pub(super) const OASIS_GRIDS: [(&str, Point, bool); 5] = [
    ("torc", Point::T, false),
    ("oint", Point::T, true),
    ("uorc", Point::U, false),
    ("vorc", Point::V, false),
    ("forc", Point::F, false),
];

const OCEAN: &[&str] = &["jpjo", "jpio"];

fn oasis_file(ocean: &Ocean, options: &Options, model: &str) -> Dataset {
    let (ny, nx) = ocean.shape();
    let mut file = Dataset { attributes: globals(options, model), ..Dataset::default() };
    file.add_dimension("jpio", nx);
    file.add_dimension("jpjo", ny);
    file
}

/// Corners of the T cells as the coupler lists them: north-east, north-west, south-west, south-east.
pub(super) fn counter_clockwise(of: &[[Array2<f64>; 2]; 2]) -> [&Array2<f64>; 4] {
    let [[sw, se], [nw, ne]] = of;
    [ne, nw, sw, se]
}

/// `<ocean>.<name>.grids.nc`: positions of the five ocean grids.
pub fn grids(ocean: &Ocean, options: &Options) -> Dataset {
    let mut file = oasis_file(ocean, options, &options.ocean_name);
    file.add_dimension("corners", 4);
    let label = |units: &str, title: String| {
        attributes(&[("units", units), ("title", &title), ("grid_type", "P")]).with("overlap", 2)
    };
    for (name, point, _) in OASIS_GRIDS {
        let (g, at) = (point.letter(), ocean.at(point));
        let title = format!("orca-{g} longitudes");
        f64s(&mut file, &format!("{name}.lon"), OCEAN, at.lon_deg.clone(), label("degrees_east", title));
        let title = format!("orca-{g} latitudes");
        f64s(&mut file, &format!("{name}.lat"), OCEAN, at.lat_deg.clone(), label("degrees_north", title));
    }
    let corners = ocean.corners(Point::T);
    for name in ["torc", "oint"] {
        for (short, word, units, of) in [
            ("clo", "longitudes", "degrees_east", &corners.lon_deg),
            ("cla", "latitudes", "degrees_north", &corners.lat_deg),
        ] {
            let values = stacked(&counter_clockwise(of), &[4]);
            let label = label(units, format!("corners of orca-t {word}"));
            f64s(&mut file, &format!("{name}.{short}"), &["corners", "jpjo", "jpio"], values, label);
        }
    }
    file
}

/// `<ocean>.<name>.masks.nc`: masks of the five ocean grids, 1 on land as the coupler has it.
pub fn masks_file(ocean: &Ocean, options: &Options) -> Dataset {
    let mut file = oasis_file(ocean, options, "IPSL CM6");
    for (name, point, without_duplicates) in OASIS_GRIDS {
        let sea =
            if without_duplicates { ocean.without_duplicates() } else { ocean.surface_mask(point).clone() };
        let removed = if without_duplicates { ", duplicates removed" } else { "" };
        let label = attributes(&[("units", "n")])
            .with("land_value", 1)
            .with("sea_value", 0)
            .with("title", format!("orca-{} land-sea mask{removed}", point.letter()));
        i32s(&mut file, &format!("{name}.msk"), OCEAN, sea.mapv(|sea| 1 - sea), label);
    }
    file
}

/// `<ocean>.<name>.areas.nc`: areas of the five ocean grids.
pub fn areas(ocean: &Ocean, options: &Options) -> Dataset {
    let mut file = oasis_file(ocean, options, &options.ocean_name);
    file.attributes.remove("history");
    for (name, point, _) in OASIS_GRIDS {
        let label =
            attributes(&[("units", "m^2"), ("title", &format!("orca-{} mesh surface", point.letter()))]);
        f64s(&mut file, &format!("{name}.srf"), OCEAN, ocean.area_m2(point), label);
    }
    file
}

/// `<ocean>.<name>.fracs.nc`: the fraction of sea of the five ocean grids, which is 0 or 1.
pub fn fracs(ocean: &Ocean, options: &Options) -> Dataset {
    let mut file = oasis_file(ocean, options, &options.ocean_name);
    file.attributes = attributes(&[("Conventions", "CF-1.1")]);
    stamp(&mut file.attributes, options);
    for (name, point, without_duplicates) in OASIS_GRIDS {
        let label =
            attributes(&[("units", "none"), ("title", &format!("orca-{} mesh fraction", point.letter()))]);
        let fraction = match ocean.mode {
            Mode::Legacy => ocean.surface_mask(Point::F).clone(),
            Mode::Corrected if without_duplicates => ocean.without_duplicates(),
            Mode::Corrected => ocean.surface_mask(point).clone(),
        };
        f64s(&mut file, &format!("{name}.fra"), OCEAN, fraction.mapv(f64::from), label);
    }
    file
}

/// The two files for plots: `<ocean>.full_maskareabathy.nc`, and `IPSL.<ocean>_gridCF.nc` when `cf`.
pub fn for_plots(ocean: &Ocean, options: &Options, cf: bool) -> Dataset {
    let (ny, nx) = ocean.shape();
    let nz = ocean.levels.e3t.len();
    let institution = if cf { options.ocean_name.clone() } else { format!("{}.full", options.ocean_name) };
    let mut file = Dataset {
        attributes: attributes(&[
            ("Conventions", "CF-1.1"),
            ("institution", &institution),
            ("production", "NEMO"),
        ]),
        ..Dataset::default()
    };
    for (name, len) in [("x", nx), ("y", ny), ("depth", nz), ("two", 2)] {
        file.add_dimension(name, len);
    }
    if cf {
        file.add_dimension("four", 4);
    }
    let single = |map: &Array2<f64>| map.mapv(|x| x as f32);
    let t = ocean.at(Point::T);
    let label = attributes(&[("long_name", "Longitude"), ("units", "degrees_east")])
        .with("modulo", 360.0_f32)
        .with("topology", "circular")
        .with("bounds", "bounds_lon");
    f32s(&mut file, "lon", YX, single(&t.lon_deg), label);
    let label =
        attributes(&[("long_name", "Latitude"), ("units", "degrees_north"), ("bounds", "bounds_lat")]);
    f32s(&mut file, "lat", YX, single(&t.lat_deg), label);
    let corners = ocean.corners(Point::T);
    for (name, of) in [("bounds_lon", &corners.lon_deg), ("bounds_lat", &corners.lat_deg)] {
        if cf {
            let four = counter_clockwise(of);
            let values = Array3::from_shape_fn((ny, nx, 4), |(j, i, k)| four[k][[j, i]] as f32);
            f32s(&mut file, name, &["y", "x", "four"], values, Attributes::new());
        } else {
            let [[a, b], [c, d]] = of;
            let values = stacked(&[a, b, c, d], &[2, 2]).mapv(|x| x as f32);
            f32s(&mut file, name, &["two", "two", "y", "x"], values, Attributes::new());
        }
    }
    let label = attributes(&[
        ("long_name", "Depth below the surface"),
        ("units", "meters"),
        ("positive", "down"),
        ("bounds", "bounds_depth"),
    ]);
    let depths: Array1<f32> = ocean.levels.gdept.iter().map(|&depth| depth as f32).collect();
    f32s(&mut file, "depth", &["depth"], depths, label);
    let bounds = ocean.levels.bounds();
    if cf {
        let values = Array2::from_shape_fn((nz, 2), |(k, side)| bounds[k][side] as f32);
        f32s(&mut file, "bounds_depth", &["depth", "two"], values, Attributes::new());
    } else {
        let values = Array2::from_shape_fn((2, nz), |(side, k)| bounds[k][side] as f32);
        f32s(&mut file, "bounds_depth", &["two", "depth"], values, Attributes::new());
    }

    let missing = |label: &mut Attributes| {
        if cf {
            label.set("missing_value", -1e34_f64);
        }
    };
    let surface = ocean.surface_mask(Point::T);
    let unique = ocean.without_duplicates();
    let exchanged = cf && ocean.mode == Mode::Legacy;
    for (name, title, without_duplicates) in [
        ("MASK", "Mask Land/Ocean, duplicates removed", !exchanged),
        ("MASKDRAW", "Mask Land/Ocean", exchanged),
    ] {
        let mut label =
            attributes(&[("long_name", title), ("units", "0/1"), ("coordinates", "lon lat depth")]);
        missing(&mut label);
        label.set("valid_min", AttributeValue::F64(vec![0.0]));
        label.set("valid_max", AttributeValue::F64(vec![1.0]));
        let above = if without_duplicates { &unique } else { surface };
        let values = Array3::from_shape_fn((nz, ny, nx), |(k, j, i)| {
            let wet = above[[j, i]] == 1 && ocean.mbathy[[j, i]] > k as i32;
            f32::from(u8::from(wet))
        });
        f32s(&mut file, name, &["depth", "y", "x"], values, label);
    }
    let area = ocean.area_m2(Point::T);
    let label =
        attributes(&[("long_name", "Volume of Cells"), ("units", "m^3"), ("coordinates", "lon lat depth")]);
    let e3t = &ocean.levels.e3t;
    let volume = Array3::from_shape_fn((nz, ny, nx), |(k, j, i)| (area[[j, i]] * e3t[k]) as f32);
    f32s(&mut file, "VOL", &["depth", "y", "x"], volume, label);
    let label =
        attributes(&[("long_name", "Surface Area of Cells"), ("units", "m^2"), ("coordinates", "lon lat")]);
    f32s(&mut file, "AREA", YX, single(&area), label);
    let mut label = attributes(&[("long_name", "bathymetry"), ("units", "m")]);
    missing(&mut label);
    label.set("coordinates", "lat lon");
    f32s(&mut file, "BATHY", YX, single(&ocean.depth_m), label);
    file
}

/// `<ocean>.<name>.masks.i4`: masks of T, U, V and F points, 1 on land, as big-endian Fortran records.
pub fn masks_i4(ocean: &Ocean) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut record = |content: &[u8]| {
        let length = (content.len() as u32).to_be_bytes();
        bytes.extend_from_slice(&length);
        bytes.extend_from_slice(content);
        bytes.extend_from_slice(&length);
    };
    for point in Point::ALL {
        record(format!("opa{}.msk", point.letter()).as_bytes());
        let land: Vec<u8> =
            ocean.surface_mask(point).iter().flat_map(|sea| (1 - sea).to_be_bytes()).collect();
        record(&land);
    }
    bytes
}
