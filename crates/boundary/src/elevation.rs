//! Which way heights are counted, and so what is sea.

use dataset::heights::Positive;

/// The sign convention of a field of heights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elevation {
    /// Height above sea level: the sea is at or below zero (a topography).
    PositiveUp,
    /// Depth below sea level: the sea is above zero, and land is at zero (a bathymetry) or below.
    PositiveDown,
    /// A topography counted downwards: the sea is at or above zero, as in one of heights, and land is below zero.
    TopographyDown,
}

impl Elevation {
    /// The sign convention of these values: depths with land below zero are a topography counted downwards, not a bathymetry,
    /// whose land is at zero.
    pub fn new(positive: Positive, values: impl IntoIterator<Item = f64>) -> Self {
        match positive {
            Positive::Up => Self::PositiveUp,
            Positive::Down if values.into_iter().any(|depth| depth < 0.0) => Self::TopographyDown,
            Positive::Down => Self::PositiveDown,
        }
    }

    /// True for a cell of the sea. A missing value is never sea.
    pub fn is_sea(self, value: f64) -> bool {
        match self {
            Self::PositiveUp => value <= 0.0,
            Self::PositiveDown => value > 0.0,
            Self::TopographyDown => value >= 0.0,
        }
    }

    /// True for a cell of land. A missing value is never land.
    pub fn is_land(self, value: f64) -> bool {
        !value.is_nan() && !self.is_sea(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_metres_are_sea_in_topographies_and_land_in_bathymetries() {
        let kinds = |elevation: Elevation| {
            [-1.0, 0.0, 1.0, f64::NAN].map(|value| {
                match (elevation.is_sea(value), elevation.is_land(value)) {
                    (true, false) => 's',
                    (false, true) => 'l',
                    (false, false) => '-',
                    (true, true) => '!',
                }
            })
        };
        assert_eq!(kinds(Elevation::PositiveUp), ['s', 's', 'l', '-']);
        assert_eq!(kinds(Elevation::PositiveDown), ['l', 'l', 's', '-']);
        assert_eq!(kinds(Elevation::TopographyDown), ['l', 's', 's', '-']);
    }

    #[test]
    fn depths_with_land_below_zero_are_a_topography() {
        assert_eq!(Elevation::new(Positive::Down, [0.0, 5.0, f64::NAN]), Elevation::PositiveDown);
        assert_eq!(Elevation::new(Positive::Down, [-3.0, 5.0]), Elevation::TopographyDown);
        assert_eq!(Elevation::new(Positive::Up, [-3.0, 5.0]), Elevation::PositiveUp);
    }
}
