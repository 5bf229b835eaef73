//! Internal oceans: seas that have no connection to the main ocean.
//!
//! The ocean model needs one ocean, so the modeller fills or connects every other sea. Here they are found
//! and numbered; cells are 4-connected, and the date line is joined on global grids.

use ndarray::{Array2, ArrayView2};

use crate::components::{self, DateLine};
use crate::{Elevation, Finding};

/// The seas of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct InternalOceans {
    /// Number of the sea of each cell, 0 on land (see [`components::label`] for the numbering).
    pub labels: Array2<u32>,
    /// The number of the main ocean: the sea of most cells, the smallest number among equals. `None` without
    /// any sea.
    pub largest: Option<u32>,
    /// Number of seas other than the main ocean.
    pub count: usize,
    /// Cells of seas other than the main ocean: those to highlight.
    pub internal_cells: usize,
}

/// Finds the seas of `field` (rows x columns).
///
/// ```
/// use boundary::{Elevation, components::DateLine, internal_oceans};
/// let heights = ndarray::arr2(&[[-5.0, 2.0, -1.0], [-5.0, 2.0, 3.0]]);
/// assert_eq!(internal_oceans::find(heights.view(), Elevation::PositiveUp, DateLine::Open).count, 1);
/// assert_eq!(internal_oceans::find(heights.view(), Elevation::PositiveUp, DateLine::Joined).count, 0);
/// ```
pub fn find(field: ArrayView2<f64>, elevation: Elevation, date_line: DateLine) -> InternalOceans {
    let labels = components::label(field.mapv(|value| elevation.is_sea(value)).view(), date_line);
    let cells = components::cell_counts(labels.view());
    let mut largest = None;
    for (label, &count) in cells.iter().enumerate().skip(1) {
        if count > largest.map_or(0, |(_, most)| most) {
            largest = Some((label as u32, count));
        }
    }
    let seas = cells.iter().skip(1).filter(|&&count| count > 0).count();
    let sea_cells: usize = cells.iter().skip(1).sum();
    InternalOceans {
        labels,
        largest: largest.map(|(label, _)| label),
        count: seas.saturating_sub(1),
        internal_cells: sea_cells - largest.map_or(0, |(_, most)| most),
    }
}

impl InternalOceans {
    /// The numbers as a map to draw or store: land is NaN.
    pub fn layer(&self) -> Array2<f64> {
        self.labels.mapv(|label| if label == 0 { f64::NAN } else { f64::from(label) })
    }

    /// True where a cell belongs to a sea other than the main ocean.
    pub fn highlighted(&self) -> Array2<bool> {
        self.labels.mapv(|label| label != 0 && Some(label) != self.largest)
    }

    /// What to tell the modeller.
    pub fn findings(&self) -> Vec<Finding> {
        if self.count == 0 {
            return Vec::new();
        }
        let (seas, cells) = (self.count, self.internal_cells);
        vec![Finding::warning(
            "internal-oceans",
            format!(
                "{seas} internal ocean(s) of {cells} cell(s) in all have no connection to the main ocean: fill or connect them"
            ),
        )]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_is_highlighted_when_it_is_not_the_main_ocean() {
        let depths = ndarray::arr2(&[[9.0, 0.0, 7.0], [0.0, 0.0, 7.0], [0.0, f64::NAN, 7.0]]);
        let seas = find(depths.view(), Elevation::PositiveDown, DateLine::Open);
        assert_eq!((seas.largest, seas.count, seas.internal_cells), (Some(2), 1, 1));
        assert_eq!(seas.highlighted().iter().filter(|&&h| h).count(), 1);
        assert!(seas.highlighted()[[0, 0]]);
        assert!(seas.layer()[[2, 1]].is_nan());
        assert_eq!(seas.findings().len(), 1);
    }

    #[test]
    fn land_alone_has_no_ocean() {
        let seas = find(Array2::zeros((3, 4)).view(), Elevation::PositiveDown, DateLine::Joined);
        assert_eq!((seas.largest, seas.count, seas.internal_cells), (None, 0, 0));
    }
}
