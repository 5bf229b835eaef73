//! Interpolation along one axis: where a target falls between the points of a source axis.
//!
//! The arithmetic and its order are part of the contract (files are compared bit for bit): *linear* is
//! `((y_h - y_l) / (x_h - x_l)) * (t - x_l) + y_l` between the two neighbours of `t`, also where `t` is a
//! source point; *nearest* takes the lower coordinate exactly half way. Targets beyond the outermost points
//! have no value unless [`Beyond`] gives them one. The axis may run up, down or in no order at all: positions
//! refer to the axis as it is stored.

/// How to interpolate along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Linear between the two neighbours.
    Linear,
    /// The value of the nearest point; half way, of the lower one.
    Nearest,
}

/// The precision in which the coordinates of an axis are stored: differences are formed in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    Single,
    /// 64 bits.
    Double,
}

/// What a target beyond the outermost points gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Beyond {
    /// Nothing.
    Missing,
    /// The axis closes on itself with this period, in its unit.
    Periodic(f64),
    /// The outermost value up to and beyond `limit` (the pole) on a side whose outermost point lies within one
    /// spacing of it; nothing on another side.
    NearestAt {
        /// Absolute value of the coordinate of the pole, in the unit of the axis.
        limit: f64,
    },
    /// The outermost value, however far.
    Nearest,
}

/// A source axis, ready to be searched.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Coordinates, ascending.
    values: Vec<f64>,
    /// Where each of `values` is stored.
    positions: Vec<usize>,
    precision: Precision,
}

/// The two neighbours of a target on a source axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bracket {
    /// Stored position of the lower neighbour.
    pub low: usize,
    /// Stored position of the upper neighbour.
    pub high: usize,
    /// Distance between both, in the precision of the axis.
    width: f64,
    /// Distance of the target from the lower neighbour.
    offset: f64,
    precision: Precision,
}

impl Bracket {
    /// The part of the way from the lower to the upper neighbour at which the target lies, 0 to 1.
    pub fn share(&self) -> f64 {
        if self.width == 0.0 { 0.0 } else { self.offset / self.width }
    }
}

impl Axis {
    /// An axis with these coordinates, in stored order; `None` when one is not finite or there is none.
    pub fn new(coordinates: &[f64], precision: Precision) -> Option<Self> {
        if coordinates.is_empty() || coordinates.iter().any(|x| !x.is_finite()) {
            return None;
        }
        let mut positions: Vec<usize> = (0..coordinates.len()).collect();
        positions.sort_by(|&a, &b| coordinates[a].total_cmp(&coordinates[b]));
        let values = positions.iter().map(|&p| coordinates[p]).collect();
        Some(Self { values, positions, precision })
    }

    /// The axis `0, 1, 2, ...` of `len` points.
    pub fn indices(len: usize) -> Option<Self> {
        let coordinates: Vec<f64> = (0..len).map(|k| k as f64).collect();
        Self::new(&coordinates, Precision::Double)
    }

    /// The coordinates, ascending.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The distinct coordinates, ascending.
    pub fn distinct(&self) -> Vec<f64> {
        let mut distinct = self.values.clone();
        distinct.dedup();
        distinct
    }

    /// True when the axis goes once around a circle of `period`: the gap that closes it is no wider than one
    /// and a half of its widest spacing.
    pub fn closes(&self, period: f64) -> bool {
        let distinct = self.distinct();
        let (Some(first), Some(last)) = (distinct.first(), distinct.last()) else { return false };
        let widest = distinct.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
        let gap = first + period - last;
        gap >= -1e-6 * period && gap <= 1.5 * widest
    }

    /// The neighbours of every target; `None` for a target without a value.
    pub fn brackets(&self, targets: &[f64], beyond: Beyond) -> Vec<Option<Bracket>> {
        targets.iter().map(|&target| self.bracket(target, beyond)).collect()
    }

    /// The stored position of the point nearest to every target; `None` for a target without a value.
    pub fn nearest(&self, targets: &[f64], beyond: Beyond) -> Vec<Option<usize>> {
        let boundaries: Vec<f64> = self
            .values
            .windows(2)
            .map(|pair| self.in_precision(self.half(pair[0]) + self.half(pair[1])))
            .collect();
        targets
            .iter()
            .map(|&target| match self.place(target, beyond) {
                AxisPosition::Inside(t) => Some(self.positions[boundaries.partition_point(|&b| b < t)]),
                AxisPosition::Seam { t, next } => {
                    let last = self.values.len() - 1;
                    let upper = self.half(self.values[last]) + self.half(next) < t;
                    Some(self.positions[if upper { 0 } else { last }])
                }
                AxisPosition::At(k) => Some(self.positions[k]),
                AxisPosition::Outside => None,
            })
            .collect()
    }

    /// The stored position of the label nearest to every target, however far; half way, of the larger one (the
    /// rule for labels that cannot be averaged, such as text).
    pub fn nearest_label(&self, targets: &[f64]) -> Vec<usize> {
        targets
            .iter()
            .map(|&target| {
                let upper = self.values.partition_point(|&x| x < target).min(self.values.len() - 1);
                let lower = upper.saturating_sub(1);
                let down = (target - self.values[lower]).abs();
                let up = (self.values[upper] - target).abs();
                self.positions[if down < up { lower } else { upper }]
            })
            .collect()
    }

    fn bracket(&self, target: f64, beyond: Beyond) -> Option<Bracket> {
        let last = self.values.len() - 1;
        match self.place(target, beyond) {
            AxisPosition::Inside(t) => {
                let high = self.values.partition_point(|&x| x < t).clamp(1.min(last), last);
                let low = high.saturating_sub(1);
                Some(Bracket {
                    low: self.positions[low],
                    high: self.positions[high],
                    width: self.in_precision(self.values[high] - self.values[low]),
                    offset: t - self.values[low],
                    precision: self.precision,
                })
            }
            AxisPosition::Seam { t, next } => Some(Bracket {
                low: self.positions[last],
                high: self.positions[0],
                width: next - self.values[last],
                offset: t - self.values[last],
                precision: Precision::Double,
            }),
            AxisPosition::At(k) => Some(Bracket {
                low: self.positions[k],
                high: self.positions[k],
                width: 1.0,
                offset: 0.0,
                precision: Precision::Double,
            }),
            AxisPosition::Outside => None,
        }
    }

    fn place(&self, target: f64, beyond: Beyond) -> AxisPosition {
        let last = self.values.len() - 1;
        let (first_value, last_value) = (self.values[0], self.values[last]);
        if target >= first_value && target <= last_value {
            return AxisPosition::Inside(target);
        }
        let (below, end) = (target < first_value, if target < first_value { 0 } else { last });
        match beyond {
            Beyond::Missing => AxisPosition::Outside,
            Beyond::Nearest => AxisPosition::At(end),
            Beyond::NearestAt { limit } => {
                let spacing = match (last, below) {
                    (0, _) => 0.0,
                    (_, true) => self.values[1] - self.values[0],
                    (_, false) => self.values[last] - self.values[last - 1],
                };
                let to_the_pole = if below { first_value + limit } else { limit - last_value };
                if to_the_pole <= spacing { AxisPosition::At(end) } else { AxisPosition::Outside }
            }
            Beyond::Periodic(period) => {
                let t = target - ((target - first_value) / period).floor() * period;
                if t <= last_value {
                    // Rounding may leave `t` a bit below the first point.
                    AxisPosition::Inside(t.max(first_value))
                } else {
                    AxisPosition::Seam { t, next: first_value + period }
                }
            }
        }
    }

    fn half(&self, x: f64) -> f64 {
        self.in_precision(x / 2.0)
    }

    /// Rounds to the precision of the axis: for sums, differences and halves of its values this is the same as
    /// computing them in that precision.
    fn in_precision(&self, x: f64) -> f64 {
        match self.precision {
            Precision::Single => f64::from(x as f32),
            Precision::Double => x,
        }
    }
}

/// Where a target lies on an axis.
enum AxisPosition {
    /// Between the outermost points, at this coordinate (moved by whole periods).
    Inside(f64),
    /// Between the last point and the first one of the next period.
    Seam {
        t: f64,
        next: f64,
    },
    /// At the point of this rank.
    At(usize),
    Outside,
}

/// A number that can be interpolated linearly.
pub trait Sample: Copy + Send + Sync {
    /// The value between `low` and `high` at the place of `bracket`. The slope is formed in the precision of the
    /// values (and of the axis, where both are single), the rest in double.
    fn between(low: Self, high: Self, bracket: &Bracket) -> f64;
}

impl Sample for f64 {
    #[inline]
    fn between(low: Self, high: Self, bracket: &Bracket) -> f64 {
        ((high - low) / bracket.width) * bracket.offset + low
    }
}

impl Sample for f32 {
    #[inline]
    fn between(low: Self, high: Self, bracket: &Bracket) -> f64 {
        let slope = match bracket.precision {
            Precision::Single => f64::from((high - low) / bracket.width as f32),
            Precision::Double => f64::from(high - low) / bracket.width,
        };
        slope * bracket.offset + f64::from(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(values: &[f64]) -> Axis {
        Axis::new(values, Precision::Double).unwrap()
    }

    fn linear(source: &Axis, y: &[f64], target: f64, beyond: Beyond) -> Option<f64> {
        source.brackets(&[target], beyond)[0].map(|b| f64::between(y[b.low], y[b.high], &b))
    }

    #[test]
    fn a_descending_axis_is_the_ascending_one_read_backwards() {
        let (up, down) = (axis(&[0.0, 1.0, 3.0]), axis(&[3.0, 1.0, 0.0]));
        for t in [0.0, 0.25, 1.0, 2.0, 3.0] {
            assert_eq!(
                linear(&up, &[5.0, 7.0, 1.0], t, Beyond::Missing),
                linear(&down, &[1.0, 7.0, 5.0], t, Beyond::Missing)
            );
        }
        assert_eq!(linear(&up, &[5.0, 7.0, 1.0], -0.1, Beyond::Missing), None);
    }

    #[test]
    fn half_way_the_lower_point_is_nearest_and_the_larger_label() {
        let source = axis(&[2.0, 0.0, 1.0]);
        assert_eq!(
            source.nearest(&[0.5, 0.6, 1.5, 2.0], Beyond::Missing),
            [Some(1), Some(2), Some(2), Some(0)]
        );
        assert_eq!(source.nearest_label(&[0.5, 1.4, -9.0, 9.0]), [2, 2, 1, 0]);
    }

    #[test]
    fn a_periodic_axis_has_no_edge() {
        let source = axis(&[45.0, 135.0, 225.0, 315.0]);
        assert!(source.closes(360.0));
        let y = [0.0, 1.0, 2.0, 1.0];
        let periodic = Beyond::Periodic(360.0);
        assert_eq!(linear(&source, &y, 0.0, periodic), Some(0.5));
        assert_eq!(linear(&source, &y, 360.0, periodic), Some(0.5));
        assert_eq!(linear(&source, &y, -45.0, periodic), Some(1.0));
        assert_eq!(linear(&source, &y, 315.0 - 720.0, periodic), Some(1.0));
        assert_eq!(source.nearest(&[0.0, 1.0, -1.0], periodic), [Some(3), Some(0), Some(3)]);
        assert!(!axis(&[0.0, 10.0, 20.0]).closes(360.0));
    }

    #[test]
    fn the_pole_takes_the_outermost_row_and_a_regional_edge_nothing() {
        let source = axis(&[-85.0, -75.0, -65.0]);
        let pole = Beyond::NearestAt { limit: 90.0 };
        assert_eq!(linear(&source, &[4.0, 5.0, 6.0], -89.0, pole), Some(4.0));
        assert_eq!(linear(&source, &[4.0, 5.0, 6.0], -64.0, pole), None);
    }

    #[test]
    fn one_point_is_an_axis_too() {
        let source = axis(&[7.0]);
        assert_eq!(source.nearest(&[7.0, 8.0], Beyond::Missing), [Some(0), None]);
        assert!(Axis::new(&[], Precision::Double).is_none());
        assert!(Axis::new(&[f64::NAN], Precision::Double).is_none());
    }
}
