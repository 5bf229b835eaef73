//! The weights as OASIS3-MCT reads them (`rmp_*.nc`, the layout of SCRIP).
//!
//! The coupler reads addresses, matrix and sizes. The rest documents them; what of it is wrong in the original is right in the
//! corrected computation:
//!
//! | in the original | corrected |
//! | --- | --- |
//! | fourth corner of each cell is the middle of its western edge | the south-western corner |
//! | destination mask of ocean to atmosphere is sea where the same number of an ocean cell is repeated | sea where there is ocean |
//! | source mask of the run-off is land everywhere | every cell takes part |

use std::borrow::Cow;

use dataset::{Attributes, Dataset, Values, Variable};
use ndarray::{Array, Array1, Array2};

use super::domsk::stamp;
use super::labels::attributes;
use crate::links::Links;
use crate::{Mode, Outcome};

/// The four weight files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matrix {
    /// Ocean to atmosphere.
    ToAtmosphere,
    /// Atmosphere to ocean.
    ToOcean,
    /// Run-off.
    Runoff,
    /// Calving.
    Calving,
}

impl Matrix {
    /// All four.
    pub const ALL: [Self; 4] = [Self::ToAtmosphere, Self::ToOcean, Self::Runoff, Self::Calving];

    /// The name of the file without `.nc`. Options of the calving show in it.
    pub fn name(self, outcome: &Outcome) -> String {
        match self {
            Self::ToAtmosphere => "rmp_torc_to_tlmd_MOSAIC".to_owned(),
            Self::ToOcean => "rmp_tlmd_to_torc_MOSAIC".to_owned(),
            Self::Runoff => "rmp_tlmd_to_torc_MOSAIC_rivflu".to_owned(),
            Self::Calving => {
                let suffix = |chosen, suffix| if chosen { suffix } else { "" };
                let options = &outcome.options;
                format!(
                    "rmp_tlmd_to_torc_MOSAIC_calvin{}{}",
                    suffix(options.calving_noatl, "_noatl"),
                    suffix(options.calving_nopac, "_nopac")
                )
            }
        }
    }

    fn links(self, outcome: &Outcome) -> Cow<'_, Links> {
        match self {
            Self::ToAtmosphere => Cow::Borrowed(&outcome.fluxes.to_atmosphere),
            Self::ToOcean => Cow::Borrowed(&outcome.fluxes.to_ocean),
            Self::Runoff => Cow::Borrowed(&outcome.runoff.links),
            Self::Calving => Cow::Owned(outcome.calving.links()),
        }
    }
}

/// One side of a file.
struct Side {
    columns: usize,
    rows: usize,
    lat: Vec<f64>,
    lon: Vec<f64>,
    corner_lat: Array2<f64>,
    corner_lon: Array2<f64>,
    mask: Vec<i32>,
    area: Vec<f64>,
    fraction: Vec<f64>,
}

/// A weight file.
pub fn rmp(outcome: &Outcome, matrix: Matrix) -> Dataset {
    let links = matrix.links(outcome);
    let (ocean, atmosphere) = (ocean_side(outcome, matrix), atmosphere_side(outcome, matrix));
    let (from, to) = match matrix {
        Matrix::ToAtmosphere => (ocean, atmosphere),
        _ => (atmosphere, ocean),
    };
    let mut file = Dataset { attributes: global(outcome, matrix, links.most()), ..Dataset::default() };
    for (name, len) in [
        ("src_grid_size", from.lat.len()),
        ("dst_grid_size", to.lat.len()),
        ("src_grid_corners", 4),
        ("dst_grid_corners", 4),
        ("src_grid_rank", 2),
        ("dst_grid_rank", 2),
        ("num_links", links.len()),
        ("num_wgts", 1),
    ] {
        file.add_dimension(name, len);
    }
    let sides = [("src", from), ("dst", to)];
    let mut add = |name: String, dimensions: &[&str], values: Values, label: Attributes| {
        file.variables.push(Variable::new(&name, dimensions, values, label));
    };
    let f64s = |values: &[f64]| Values::F64(Array1::from(values.to_vec()).into_dyn());
    let i32s = |values: Vec<i32>| Values::I32(Array1::from(values).into_dyn());
    let units = |units: &str| attributes(&[("units", units)]);
    for (s, side) in &sides {
        let dims = vec![side.columns as i32, side.rows as i32];
        add(format!("{s}_grid_dims"), &[&format!("{s}_grid_rank")], i32s(dims), Attributes::new());
    }
    for (s, side) in &sides {
        let size = &format!("{s}_grid_size");
        add(format!("{s}_grid_center_lat"), &[size], f64s(&side.lat), units("degrees_north"));
        add(format!("{s}_grid_center_lon"), &[size], f64s(&side.lon), units("degrees_east"));
    }
    for (s, side) in &sides {
        let (size, corners) = (&format!("{s}_grid_size"), &format!("{s}_grid_corners"));
        let corner = |values: &Array2<f64>| Values::F64(values.clone().into_dyn());
        add(
            format!("{s}_grid_corner_lat"),
            &[size, corners],
            corner(&side.corner_lat),
            units("degrees_north"),
        );
        add(
            format!("{s}_grid_corner_lon"),
            &[size, corners],
            corner(&side.corner_lon),
            units("degrees_east"),
        );
    }
    for (s, side) in &sides {
        let label = units("unitless").with("land_value", 0).with("sea_value", 1);
        add(format!("{s}_grid_imask"), &[&format!("{s}_grid_size")], i32s(side.mask.clone()), label);
    }
    for (s, side) in &sides {
        add(format!("{s}_grid_area"), &[&format!("{s}_grid_size")], f64s(&side.area), units("m^2"));
    }
    for (s, side) in &sides {
        add(format!("{s}_grid_frac"), &[&format!("{s}_grid_size")], f64s(&side.fraction), units("unitless"));
    }
    let destinations = links.iter().map(|(to, ..)| to as i32 + 1).collect();
    add("dst_address".to_owned(), &["num_links"], i32s(destinations), Attributes::new());
    let sources = links.sources().iter().map(|&from| from as i32 + 1).collect();
    add("src_address".to_owned(), &["num_links"], i32s(sources), Attributes::new());
    let weights = Array::from_shape_vec((links.len(), 1), links.weights().to_vec())
        .unwrap_or_else(|_| unreachable!("a weight for each link"));
    add(
        "remap_matrix".to_owned(),
        &["num_links", "num_wgts"],
        Values::F64(weights.into_dyn()),
        Attributes::new(),
    );
    file
}

fn global(outcome: &Outcome, matrix: Matrix, most_links: usize) -> Attributes {
    let mut global = attributes(&[
        ("Conventions", "CF-1.1"),
        ("title", &matrix.name(outcome)),
        ("normalization", "none"),
        ("map_method", "Conservative Remapping"),
    ]);
    stamp(&mut global, &outcome.options);
    for (name, value) in [
        ("conventions", "SCRIP"),
        ("method", "MOSAIC"),
        ("source_grid", "curvilinear"),
        ("dest_grid", "curvilinear"),
        ("Institution", "IPSL"),
        ("Model", "IPSL CM6"),
    ] {
        global.set(name, value);
    }
    global.set("Max_nei_num", most_links as i32);
    let masks = match matrix {
        Matrix::ToAtmosphere => None,
        Matrix::ToOcean | Matrix::Calving => Some(("int", "perio")),
        Matrix::Runoff => Some(("full", "noperio")),
    };
    if let Some((atmosphere, ocean)) = masks {
        global.set("c_amsk", atmosphere);
        global.set("c_omsk", ocean);
    }
    global
}

/// A longitude as the weight files have it, within 0..360.
fn eastward(lon: f64) -> f64 {
    match lon {
        lon if lon < 0.0 => lon + 360.0,
        lon if lon > 360.0 => lon - 360.0,
        lon => lon,
    }
}

/// Which points of an outline are the corners.
fn corner_points(mode: Mode) -> [usize; 4] {
    match mode {
        Mode::Legacy => [0, 2, 4, 7],
        Mode::Corrected => [0, 2, 4, 6],
    }
}

fn corners(
    outlines: impl Fn(usize) -> [(f64, f64); 9],
    cells: usize,
    mode: Mode,
) -> (Array2<f64>, Array2<f64>) {
    let points = corner_points(mode);
    let (mut lat, mut lon) = (Array2::zeros((cells, 4)), Array2::zeros((cells, 4)));
    for cell in 0..cells {
        let outline = outlines(cell);
        for (k, &point) in points.iter().enumerate() {
            lon[[cell, k]] = eastward(outline[point].0);
            lat[[cell, k]] = outline[point].1;
        }
    }
    (lat, lon)
}

fn ocean_side(outcome: &Outcome, matrix: Matrix) -> Side {
    let fluxes = &outcome.fluxes;
    let (rows, columns) = outcome.ocean.shape();
    let cells = rows * columns;
    let outline = |o: usize| outcome.outlines.outline(o / columns, o % columns);
    let (corner_lat, corner_lon) = corners(outline, cells, outcome.options.mode);
    let takes_part = match matrix {
        Matrix::ToAtmosphere | Matrix::Runoff => &fluxes.unique_sea,
        Matrix::ToOcean | Matrix::Calving => &fluxes.sea,
    };
    Side {
        columns,
        rows,
        lat: (0..cells).map(|o| outline(o)[8].1).collect(),
        lon: (0..cells).map(|o| eastward(outline(o)[8].0)).collect(),
        corner_lat,
        corner_lon,
        mask: takes_part.iter().map(|&sea| i32::from(sea)).collect(),
        area: fluxes.ocean_area_m2.clone(),
        fraction: match matrix {
            Matrix::Calving => fluxes.sea.iter().map(|&sea| if sea { 1.0 } else { 0.0 }).collect(),
            _ => vec![1.0; cells],
        },
    }
}

fn atmosphere_side(outcome: &Outcome, matrix: Matrix) -> Side {
    let (grid, fluxes) = (&outcome.atmosphere, &outcome.fluxes);
    let legacy = outcome.options.mode == Mode::Legacy;
    let (rows, columns) = grid.shape();
    let cells = grid.cells();
    let outline = |a: usize| grid.outline(a / columns, a % columns);
    let (corner_lat, corner_lon) = corners(outline, cells, outcome.options.mode);
    let wet = |a: usize| fluxes.fraction[a] > 0.0;
    let repeated = |a: usize| {
        let duplicate = &outcome.ocean.duplicate;
        duplicate.get([a / duplicate.ncols(), a % duplicate.ncols()]).copied().unwrap_or(false)
    };
    let takes_part = |a: usize| match matrix {
        Matrix::ToAtmosphere => wet(a) || (legacy && repeated(a)),
        Matrix::ToOcean | Matrix::Calving => wet(a),
        Matrix::Runoff => !legacy,
    };
    // Run-off and calving have one pole.
    let one_pole = matches!(matrix, Matrix::Runoff | Matrix::Calving);
    let lon = |a: usize| {
        let column = if one_pole && grid.is_polar(a / columns) { 0 } else { a % columns };
        eastward(grid.lon_deg[column])
    };
    Side {
        columns,
        rows,
        lat: (0..cells).map(|a| grid.lat_deg[a / columns]).collect(),
        lon: (0..cells).map(lon).collect(),
        corner_lat,
        corner_lon,
        mask: (0..cells).map(|a| i32::from(takes_part(a))).collect(),
        area: fluxes.atmosphere_area_m2.clone(),
        fraction: match matrix {
            Matrix::Calving => fluxes.stored_fraction(),
            _ => vec![1.0; cells],
        },
    }
}
