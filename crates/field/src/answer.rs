//! The binary answers: values and corners, and their compression.

use std::io::Write as _;

use dataset::Header;
use serde_json::{Map, Value, json};

use crate::corners::corners;
use crate::descriptor::{Choice, OVERVIEW_CELLS, Style, choose, style};
use crate::encode::{Fidelity, encode};
use crate::geometry::{Geometry, Hints, positions_deg};
use crate::slice::{Blend, MAX_CELLS, Window};
use crate::source::Slabs;
use crate::{Container, MapError};

/// Which part of a plane.
#[derive(Debug, Clone, Copy, Default)]
pub struct Part {
    /// Level of detail; `None`: the finest that is small enough for a first look.
    pub level: Option<u32>,
    /// Cells of the level; `None`: all.
    pub window: Option<Window>,
}

/// A file and how to look at it.
#[derive(Debug, Clone, Copy)]
pub struct View<'a, S> {
    /// Values.
    pub source: &'a S,
    /// Variables and dimensions.
    pub header: &'a Header,
    /// The file that is subtracted, if any.
    pub subtracted: Option<&'a Header>,
    /// Confirmed names of the coordinates.
    pub hints: &'a Hints,
}

impl<S: Slabs> View<'_, S> {
    /// The answer to `field`: values of a window of a level.
    ///
    /// # Errors
    /// See [`MapError`].
    pub fn field(&self, choice: &Choice<'_>, part: Part) -> Result<Container, MapError> {
        let chosen = choose(self.source, self.header, self.subtracted, self.hints, choice)?;
        let plane = &chosen.plane;
        let level = part.level.unwrap_or_else(|| plane.level_below(OVERVIEW_CELLS));
        let (ni, nj) = plane.size(level);
        let window = part.window.unwrap_or(Window { i: 0, j: 0, ni, nj });
        let is_code = style(plane.variable, self.subtracted.is_some()) == Style::Categorical;
        let blend = if is_code { Blend::Middle } else { Blend::Mean };
        let patch = plane.window(self.source, level, window, blend)?;
        let encoded = encode(&patch.values, window.ni, Fidelity::Display);
        let mut header = Map::new();
        header.insert("variable".into(), json!(plane.variable.name));
        header.insert("at".into(), json!(chosen.at));
        header.insert("level".into(), json!(level));
        header.insert("size".into(), json!([ni, nj]));
        header.insert("window".into(), json!([window.i, window.j, window.ni, window.nj]));
        header.insert("range".into(), json!(patch.range.map(|(min, max)| [min, max])));
        header.insert("robust".into(), json!(robust_range(&patch.values)));
        header.insert("sampled".into(), json!(patch.sampled));
        let mut container = Container::new(header);
        container.push("values", &encoded);
        Ok(container)
    }

    /// The answer to `field/mesh`: the corners of the cells of a curvilinear grid at a level, `(nj + 1) x (ni + 1)`.
    ///
    /// # Errors
    /// [`MapError::NotCurvilinear`], [`MapError::TooManyCells`], or as [`View::field`].
    pub fn mesh(&self, choice: &Choice<'_>, level: Option<u32>) -> Result<Container, MapError> {
        let chosen = choose(self.source, self.header, self.subtracted, self.hints, choice)?;
        let plane = &chosen.plane;
        let not_curvilinear = || MapError::NotCurvilinear { variable: plane.variable.name.clone() };
        let Geometry::Curvilinear { lon, lat } = &chosen.placed.geometry else {
            return Err(not_curvilinear());
        };
        let (rows, columns) = (plane.rows(), plane.columns());
        let cells = rows.saturating_mul(columns);
        if cells > MAX_MESH_CELLS {
            return Err(MapError::TooManyCells { cells, limit: MAX_MESH_CELLS });
        }
        let read = |name: &str| {
            let variable = self.header.variable(name).ok_or_else(not_curvilinear)?;
            positions_deg(self.source, variable, (0, 0), (rows, columns))
        };
        let corners = corners(&read(lon)?, &read(lat)?, columns);
        let level = level.unwrap_or_else(|| plane.level_below(OVERVIEW_CELLS));
        let (ni, nj) = plane.size(level);
        if ni.saturating_mul(nj) > MAX_CELLS {
            return Err(MapError::TooManyCells { cells: ni * nj, limit: MAX_CELLS });
        }
        let pick = |values: &[f64]| -> Vec<f64> {
            let row = |j: usize| (j << level).min(rows) * (columns + 1);
            let corner = |j: usize, i: usize| values[row(j) + (i << level).min(columns)];
            (0..=nj).flat_map(|j| (0..=ni).map(move |i| (j, i))).map(|(j, i)| corner(j, i)).collect()
        };
        let (lon, lat) = (pick(&corners.lon), pick(&corners.lat));
        let (lon, lat) = (encode(&lon, ni + 1, Fidelity::Single), encode(&lat, ni + 1, Fidelity::Single));
        let mut header = Map::new();
        header.insert("level".into(), json!(level));
        header.insert("size".into(), json!([ni, nj]));
        header.insert("window".into(), json!([0, 0, ni + 1, nj + 1]));
        let mut container = Container::new(header);
        container.push("lon", &lon);
        container.push("lat", &lat);
        Ok(container)
    }

    /// The answer to `field/value`: one cell of the file, exactly.
    ///
    /// # Errors
    /// [`MapError::BadWindow`], or as [`View::field`].
    pub fn value(&self, choice: &Choice<'_>, i: usize, j: usize) -> Result<Value, MapError> {
        let chosen = choose(self.source, self.header, self.subtracted, self.hints, choice)?;
        chosen.plane.check(0, Window { i, j, ni: 1, nj: 1 })?;
        let value = |from: &[f64]| from.first().copied().filter(|v| v.is_finite());
        let here = chosen.plane.read(self.source, j..j + 1, i..i + 1)?;
        let (lon, lat) = match &chosen.placed.geometry {
            Geometry::Regular { lon, lat } => (Some(lon.at(i)), Some(lat.at(j))),
            Geometry::Curvilinear { lon, lat } => {
                let read = |name: &str| match self.header.variable(name) {
                    Some(variable) => positions_deg(self.source, variable, (j, i), (1, 1)).map(|v| value(&v)),
                    None => Ok(None),
                };
                (read(lon)?, read(lat)?)
            }
            Geometry::Index { .. } => (None, None),
        };
        Ok(json!({ "i": i, "j": j, "value": value(&here), "lon": lon, "lat": lat }))
    }
}

/// Corners are estimated for grids of at most this many cells (48 bytes each while at it).
const MAX_MESH_CELLS: usize = 1 << 22;

/// Quick compression: the answer is made while somebody waits.
pub fn gzip(answer: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder =
        flate2::write::GzEncoder::new(Vec::with_capacity(answer.len() / 2), flate2::Compression::new(4));
    encoder.write_all(answer)?;
    encoder.finish()
}

/// The range that holds all but 2 % at either end, from at most about 50,000 values.
fn robust_range(values: &[f64]) -> Option<[f64; 2]> {
    let every = (values.len() / 50_000).max(1);
    let mut some: Vec<f64> = values.iter().copied().step_by(every).filter(|v| !v.is_nan()).collect();
    some.sort_by(f64::total_cmp);
    let at = |fraction: f64| some.get(((some.len().max(1) - 1) as f64 * fraction).round() as usize).copied();
    Some([at(0.02)?, at(0.98)?])
}
