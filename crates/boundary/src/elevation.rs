//! Which way heights are counted, and so what is sea.

use dataset::heights::Positive;

/// The sign convention of a field of heights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elevation {
    /// Height above sea level: the sea is at or below zero (a topography).
    PositiveUp,
    /// Depth below sea level: the sea is above zero, and land is at zero (a bathymetry) or below.
    PositiveDown,
}

impl From<Positive> for Elevation {
    fn from(positive: Positive) -> Self {
        match positive {
            Positive::Up => Self::PositiveUp,
            Positive::Down => Self::PositiveDown,
        }
    }
}

impl Elevation {
    /// True for a cell of the sea. A missing value is never sea.
    pub fn is_sea(self, value: f64) -> bool {
        match self {
            Self::PositiveUp => value <= 0.0,
            Self::PositiveDown => value > 0.0,
        }
    }
}
