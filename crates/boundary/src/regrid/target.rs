//! The target coordinates.

use std::fmt;
use std::str::FromStr;

use crate::interpolate::Precision;

/// What the target covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Limits {
    /// The globe, from -180 to 180 and from -90 to 90.
    #[default]
    Default,
    /// The extent of the source, half a cell beyond its outermost centres.
    Data,
}

/// The target values from `lower` to `upper` in steps of `step`: cell centres, starting half a step above `lower`.
///
/// The range is half open and ends half a step *beyond* `upper`; so where the step does not divide the extent
/// the last cell overshoots it. The values are `a`, `a + step` and then `a + k * ((a + step) - a)`, which is not
/// the same in the last bit.
pub fn range(lower: f64, upper: f64, step: f64) -> Vec<f64> {
    let first = lower + step / 2.0;
    let second = first + step;
    let spacing = second - first;
    (0..target_count(lower, upper, step))
        .map(|k| match k {
            0 => first,
            1 => second,
            k => first + k as f64 * spacing,
        })
        .collect()
}

/// The number of values of [`range`].
pub fn target_count(lower: f64, upper: f64, step: f64) -> u64 {
    let (first, end) = (lower + step / 2.0, upper + step / 2.0);
    // A cast from floating point saturates: nothing that is not positive, and no overflow.
    ((end - first) / step).ceil() as u64
}

/// Half a cell beyond the outermost of the `distinct` ascending coordinates, in their precision.
pub(super) fn data_limits(distinct: &[f64], precision: Precision) -> (f64, f64) {
    let half_cell_beyond = |edge: f64, inner: f64| match precision {
        Precision::Double => edge + (edge - inner) / 2.0,
        Precision::Single => {
            let (edge, inner) = (edge as f32, inner as f32);
            f64::from(edge + (edge - inner) / 2.0)
        }
    };
    match distinct {
        [first, second, .., before, last] => {
            (half_cell_beyond(*first, *second), half_cell_beyond(*last, *before))
        }
        [first, .., last] => (half_cell_beyond(*first, *last), half_cell_beyond(*last, *first)),
        [only] => (*only, *only),
        [] => (0.0, 0.0),
    }
}

/// The cells of the target along one coordinate, as the corrected release lays them out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TargetAxis {
    /// Degrees, ascending.
    pub(super) centres: Vec<f64>,
    /// Lower and upper edge of each cell, degrees; latitudes within -90 and 90.
    pub(super) edges: Vec<[f64; 2]>,
}

impl TargetAxis {
    /// `count` cells of `step` degrees from `lower` on.
    pub(super) fn new(lower: f64, step: f64, count: usize, limit: Option<f64>) -> Self {
        let within = |edge: f64| limit.map_or(edge, |limit| edge.clamp(-limit, limit));
        let edge = |k: usize| within(lower + k as f64 * step);
        Self {
            centres: (0..count).map(|k| lower + (k as f64 + 0.5) * step).collect(),
            edges: (0..count).map(|k| [edge(k), edge(k + 1)]).collect(),
        }
    }
}

/// The text is none of the words that are known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} '{text}': use {known}")]
pub struct UnknownWord {
    pub(super) what: &'static str,
    pub(super) text: String,
    pub(super) known: &'static str,
}

impl Limits {
    /// The name in parameters and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Data => "data",
        }
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Limits {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim() {
            "default" => Ok(Self::Default),
            "data" => Ok(Self::Data),
            _ => Err(UnknownWord { what: "limits", text: text.to_owned(), known: "default or data" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_that_divides_the_extent_ends_at_the_limit() {
        let lon = range(-180.0, 180.0, 1.0);
        assert_eq!((lon.len(), lon[0], lon[359]), (360, -179.5, 179.5));
    }

    #[test]
    fn a_step_that_does_not_overshoots_once() {
        assert_eq!(target_count(-180.0, 180.0, 0.7), 515);
        assert_eq!(target_count(-90.0, 90.0, 0.7), 258);
        assert!((range(-90.0, 90.0, 0.7)[257] - 90.25).abs() < 1e-9);
        assert_eq!(range(-180.0, 180.0, 7.0).last(), Some(&180.5));
    }

    #[test]
    fn absurd_steps_give_absurd_counts_and_nothing_else() {
        assert_eq!(target_count(-180.0, 180.0, f64::MIN_POSITIVE), u64::MAX);
        assert_eq!(target_count(-180.0, 180.0, f64::NAN), 0);
        assert_eq!(target_count(-180.0, 180.0, 1000.0), 1);
    }
}
