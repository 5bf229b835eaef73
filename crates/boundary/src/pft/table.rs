//! The table of vegetation by latitude.

use std::fmt::Write as _;

use dataset::Dataset;
use serde_json::{Value, json};

use crate::Finding;

/// Number of plant functional types.
pub const TYPES: usize = 13;

/// The latitudes from the previous band's end to this one's, on both hemispheres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Band {
    /// Where the band ends towards the pole, in degrees.
    pub up_to_degrees: f64,
    /// Share of each type, in percent.
    pub percent: [f64; TYPES],
}

/// Vegetation by latitude: at least one band, ends strictly increasing up to 90, shares from 0 to 100 percent.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    bands: Vec<Band>,
}

/// Why rows of numbers are no table.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message says what each field is")]
pub enum TableError {
    #[error(
        "the table is not the JSON that is expected ({{\"dataArray\": [[latitude, 13 percentages], ...]}}): {reason}"
    )]
    Json { reason: String },
    #[error("the table has no row")]
    Empty,
    #[error("row {row} has {count} numbers: a latitude and 13 percentages are needed")]
    Width { row: usize, count: usize },
    #[error("row {row}: '{text}' is not a number")]
    NotANumber { row: usize, text: String },
    #[error(
        "row {row} ends at latitude {latitude}: latitudes have to increase from row to row, from above 0 up to 90"
    )]
    Latitude { row: usize, latitude: f64 },
    #[error("the last row ends at latitude {latitude}: it has to be 90")]
    LastLatitude { latitude: f64 },
    #[error("row {row}, type {kind}: {percent} is not a percentage from 0 to 100")]
    Percent { row: usize, kind: usize, percent: f64 },
    #[error("no percentage is above 1: these look like fractions, and percentages are expected")]
    Fractions,
}

impl Default for Table {
    /// The table that the page opens with: a warm, forested planet.
    fn default() -> Self {
        let band = |up_to_degrees: f64, shares: &[(usize, f64)]| {
            let mut percent = [0.0; TYPES];
            for &(kind, share) in shares {
                percent[kind - 1] = share;
            }
            Band { up_to_degrees, percent }
        };
        Self {
            bands: vec![
                band(15.0, &[(2, 75.0), (3, 25.0)]),
                band(35.0, &[(2, 15.0), (3, 55.0), (10, 30.0)]),
                band(50.0, &[(5, 70.0), (6, 30.0)]),
                band(80.0, &[(5, 40.0), (6, 30.0), (8, 30.0)]),
                band(90.0, &[(6, 30.0), (9, 40.0), (10, 30.0)]),
            ],
        }
    }
}

impl Table {
    /// A table of these bands, in order from the equator to the poles.
    ///
    /// # Errors
    /// Latitudes that do not increase up to 90, or shares that are no percentages.
    pub fn new(bands: Vec<Band>) -> Result<Self, TableError> {
        let Some(last) = bands.last() else { return Err(TableError::Empty) };
        let mut previous = 0.0;
        for (index, band) in bands.iter().enumerate() {
            let (row, latitude) = (index + 1, band.up_to_degrees);
            // Written so that a latitude that is not a number is refused too.
            if !(latitude > previous && latitude <= 90.0) {
                return Err(TableError::Latitude { row, latitude });
            }
            previous = latitude;
            for (index, &percent) in band.percent.iter().enumerate() {
                if !(0.0..=100.0).contains(&percent) {
                    return Err(TableError::Percent { row, kind: index + 1, percent });
                }
            }
        }
        if last.up_to_degrees != 90.0 {
            return Err(TableError::LastLatitude { latitude: last.up_to_degrees });
        }
        if !bands.iter().flat_map(|band| band.percent).any(|percent| percent > 1.0) {
            return Err(TableError::Fractions);
        }
        Ok(Self { bands })
    }

    /// The bands, from the equator to the poles.
    pub fn bands(&self) -> &[Band] {
        &self.bands
    }

    /// Reads the JSON of the web form: `{"dataArray": [[latitude, p1, ..., p13], ...]}`. Numbers may come as text,
    /// and an empty cell is 0 percent, as editors of tables send them.
    ///
    /// # Errors
    /// Text that is not such JSON, and what [`Table::new`] refuses.
    pub fn from_json(text: &str) -> Result<Self, TableError> {
        let bad = |reason: &str| TableError::Json { reason: reason.to_owned() };
        let value: Value = serde_json::from_str(text).map_err(|error| bad(&error.to_string()))?;
        let rows = value.get("dataArray").unwrap_or(&value);
        let rows = rows.as_array().ok_or_else(|| bad("there is no list of rows"))?;
        let mut bands = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            let cells = row.as_array().ok_or_else(|| bad("a row is not a list"))?;
            let row = index + 1;
            let numbers = cells.iter().map(|cell| number(cell, row)).collect::<Result<Vec<f64>, _>>()?;
            let width = TableError::Width { row, count: numbers.len() };
            let Some((&up_to_degrees, percent)) = numbers.split_first() else { return Err(width) };
            let percent = <[f64; TYPES]>::try_from(percent).map_err(|_| width)?;
            bands.push(Band { up_to_degrees, percent });
        }
        Self::new(bands)
    }

    /// The JSON of the web form.
    pub fn to_json(&self) -> String {
        // Whole numbers are written without a decimal point, as the form does.
        let whole = |x: f64| if x.fract() == 0.0 { json!(x as i64) } else { json!(x) };
        let rows: Vec<Value> = self
            .bands
            .iter()
            .map(|band| std::iter::once(band.up_to_degrees).chain(band.percent).map(whole).collect())
            .collect();
        json!({ "dataArray": rows }).to_string()
    }

    /// Recovers the table from a PFT file that was computed from one; `None` when it is not such a file.
    ///
    /// Latitudes come back to the spacing of the file; where all cells of a latitude are sea, the band on its
    /// equatorial side is taken to reach up to there. The file computed from the recovered table is the same.
    pub fn recover(pft: &Dataset) -> Option<Self> {
        let fractions = pft.variable("maxvegetfrac")?.decode()?.into_dimensionality::<ndarray::Ix4>().ok()?;
        let (times, types, rows, columns) = fractions.dim();
        if times == 0 || types != TYPES || rows < 2 || rows % 2 != 0 {
            return None;
        }
        let spacing = 180.0 / rows as f64;
        let mut bands: Vec<Band> = Vec::new();
        // Rows run from north to south: row `rows / 2 - 1` is the first north of the equator, and each has its
        // twin in the south.
        for from_the_equator in 1..=rows / 2 {
            let north = rows / 2 - from_the_equator;
            let land = [north, rows - 1 - north].into_iter().find_map(|row| {
                let column = (0..columns).find(|&column| !fractions[[0, 0, row, column]].is_nan())?;
                Some(std::array::from_fn(|kind| {
                    // A share of seven decimals survives the division by 100.
                    (fractions[[0, kind, row, column]] * 1e9).round() / 1e7
                }))
            });
            let up_to_degrees = from_the_equator as f64 * spacing;
            match (bands.last_mut(), land) {
                (Some(band), None) => band.up_to_degrees = up_to_degrees,
                (Some(band), Some(percent)) if band.percent == percent => band.up_to_degrees = up_to_degrees,
                (_, Some(percent)) => bands.push(Band { up_to_degrees, percent }),
                (None, None) => {}
            }
        }
        bands.last_mut()?.up_to_degrees = 90.0;
        Self::new(bands).ok()
    }

    /// What to tell the modeller: bands whose shares do not sum to 100 percent.
    pub fn findings(&self) -> Vec<Finding> {
        let mut odd = String::new();
        for band in &self.bands {
            let total: f64 = band.percent.iter().sum();
            if (total - 100.0).abs() > 1e-6 {
                let comma = if odd.is_empty() { "" } else { ", " };
                let _ = write!(odd, "{comma}{total} % up to {} degrees", band.up_to_degrees);
            }
        }
        if odd.is_empty() {
            return Vec::new();
        }
        vec![Finding::warning("pft-total", format!("the vegetation shares do not sum to 100 %: {odd}"))]
    }
}

fn number(cell: &Value, row: usize) -> Result<f64, TableError> {
    let parsed = match cell {
        Value::Number(number) => number.as_f64(),
        Value::Null => Some(0.0),
        Value::String(text) if text.trim().is_empty() => Some(0.0),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    parsed
        .filter(|number: &f64| number.is_finite())
        .ok_or_else(|| TableError::NotANumber { row, text: cell.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(up_to_degrees: f64, first: f64) -> Band {
        let mut percent = [0.0; TYPES];
        percent[0] = first;
        Band { up_to_degrees, percent }
    }

    #[test]
    fn the_form_is_read_back_as_written() {
        let table = Table::default();
        assert!(table.to_json().starts_with(r#"{"dataArray":[[15,0,75,25,0,"#));
        assert_eq!(Table::from_json(&table.to_json()), Ok(table));
        let halves = Table::new(vec![band(12.5, 99.5), band(90.0, 100.0)]).unwrap();
        assert_eq!(Table::from_json(&halves.to_json()), Ok(halves));
    }

    #[test]
    fn numbers_may_come_as_text() {
        let text = r#"{"dataArray": [["90", "100", "", null, 0, 0, 0, 0, 0, 0, 0, 0, 0, " 0 "]]}"#;
        assert_eq!(Table::from_json(text), Table::new(vec![band(90.0, 100.0)]));
    }

    #[test]
    fn what_is_no_table_is_refused_with_its_row() {
        let refused = |bands: Vec<Band>| Table::new(bands).unwrap_err();
        assert_eq!(refused(vec![]), TableError::Empty);
        assert_eq!(refused(vec![band(80.0, 100.0)]), TableError::LastLatitude { latitude: 80.0 });
        let twice = vec![band(40.0, 100.0), band(40.0, 100.0), band(90.0, 100.0)];
        assert_eq!(refused(twice), TableError::Latitude { row: 2, latitude: 40.0 });
        assert_eq!(refused(vec![band(0.0, 100.0)]), TableError::Latitude { row: 1, latitude: 0.0 });
        assert_eq!(refused(vec![band(91.0, 100.0)]), TableError::Latitude { row: 1, latitude: 91.0 });
        assert_eq!(refused(vec![band(90.0, -1.0)]), TableError::Percent { row: 1, kind: 1, percent: -1.0 });
        assert_eq!(refused(vec![band(90.0, 1.0)]), TableError::Fractions);
        assert!(matches!(Table::new(vec![band(f64::NAN, 5.0)]), Err(TableError::Latitude { .. })));
        assert!(matches!(Table::from_json("nonsense"), Err(TableError::Json { .. })));
        assert!(matches!(Table::from_json("{}"), Err(TableError::Json { .. })));
        assert!(matches!(Table::from_json("[[90]]"), Err(TableError::Width { row: 1, count: 1 })));
        assert!(matches!(Table::from_json("[[]]"), Err(TableError::Width { row: 1, count: 0 })));
        assert!(matches!(Table::from_json(r#"[["x"]]"#), Err(TableError::NotANumber { row: 1, .. })));
    }

    #[test]
    fn a_total_other_than_100_is_a_warning() {
        assert!(Table::default().findings().is_empty());
        let odd = Table::new(vec![band(10.0, 60.0), band(90.0, 100.0)]).unwrap();
        assert!(odd.findings()[0].message.contains("60 % up to 10 degrees"));
    }
}
