//! The axes of a regular source as cells on the sphere, and which of them each target cell is made of.
//!
//! Invariants: centres and edges ascend; the cells of an axis that closes the circle cover 360 degrees exactly; those of
//! an axis that comes within one spacing of a pole end there. Weights of a target cell that is covered wholly sum
//! to one.

use dataset::axes::Axis;
use dataset::cf::Role;

use super::method::Method;
use super::target::TargetAxis;
use crate::interpolate::{self, Beyond, Precision};

/// Overlaps below this part of both cells are rounding.
const NOTHING: f64 = 1e-11;

/// Which of the two coordinates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coordinate {
    Longitude,
    Latitude,
}

impl Coordinate {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Longitude => "longitude",
            Self::Latitude => "latitude",
        }
    }

    /// Largest absolute value, degrees.
    pub(super) fn limit(self) -> f64 {
        match self {
            Self::Longitude => 180.0,
            Self::Latitude => 90.0,
        }
    }

    /// What areas are proportional to.
    fn measure(self, from_deg: f64, to_deg: f64) -> f64 {
        match self {
            Self::Longitude => to_deg - from_deg,
            // The difference of the sines without cancellation.
            Self::Latitude => {
                let (from, to) = (from_deg.to_radians(), to_deg.to_radians());
                2.0 * ((to - from) / 2.0).sin() * ((to + from) / 2.0).cos()
            }
        }
    }

    /// The mean coordinate of the area between two coordinates, in degrees.
    fn centroid(self, from_deg: f64, to_deg: f64) -> f64 {
        let middle = (from_deg + to_deg) / 2.0;
        match self {
            Self::Longitude => middle,
            Self::Latitude => {
                // Integral of (lat - middle) cos(lat), written so that thin cells lose no digits.
                let (half, middle_rad) = ((to_deg - from_deg).to_radians() / 2.0, middle.to_radians());
                let moment = 2.0 * middle_rad.sin() * (half * half.cos() - half.sin());
                let area = 2.0 * half.sin() * middle_rad.cos();
                if area > 0.0 { middle + (moment / area).to_degrees() } else { middle }
            }
        }
    }
}

/// A coordinate of a regular source.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SourceAxis {
    coordinate: Coordinate,
    /// Degrees, ascending.
    centres: Vec<f64>,
    /// Where each of `centres` is stored.
    positions: Vec<usize>,
    /// Degrees, ascending, one more than centres.
    edges: Vec<f64>,
    /// Goes once around the globe, or from pole to pole.
    whole: bool,
    /// Places nearer to each other than this are the same, degrees. No more than what is stored is rounded to: edges that
    /// are moved change the areas that integrals are kept over.
    rounding: f64,
}

impl SourceAxis {
    /// The cells of an axis. `rounding` is how far coordinates may be from what is meant, degrees; `bounds` are the edges as the
    /// file has them, in stored order, used where they fit the centres. `None` for a single value, which has no width.
    pub(super) fn new(axis: &Axis, rounding: f64, bounds: Option<&[[f64; 2]]>) -> Option<Self> {
        let coordinate = match axis.role() {
            Role::Longitude => Coordinate::Longitude,
            Role::Latitude => Coordinate::Latitude,
        };
        let (mut centres, mut edges) = (axis.distinct_deg().to_vec(), axis.edges_deg()?);
        let mut positions: Vec<usize> = (0..centres.len()).collect();
        if !axis.rises() {
            centres.reverse();
            edges.reverse();
            positions.reverse();
        }
        let tolerance = axis.tolerance_deg();
        if let Some(bounds) = bounds {
            let stored: Vec<[f64; 2]> = positions.iter().map(|&position| bounds[position]).collect();
            edges = edges_of(coordinate, &centres, &stored, tolerance).unwrap_or(edges);
        }
        let (lower, upper) = (edges[0], edges[edges.len() - 1]);
        let whole = match coordinate {
            Coordinate::Longitude => axis.closes() || (upper - lower - 360.0).abs() <= tolerance,
            Coordinate::Latitude => lower <= -90.0 + tolerance && upper >= 90.0 - tolerance,
        };
        if whole && coordinate == Coordinate::Longitude {
            // One seam, wherever rounding puts it at either end.
            let seam = (lower + upper - 360.0) / 2.0;
            let last = edges.len() - 1;
            (edges[0], edges[last]) = (seam, seam + 360.0);
        }
        if coordinate == Coordinate::Latitude {
            edges.iter_mut().for_each(|edge| *edge = edge.clamp(-90.0, 90.0));
        }
        Some(Self { coordinate, centres, positions, edges, whole, rounding })
    }

    /// Goes once around the globe, or from pole to pole.
    pub(super) fn whole(&self) -> bool {
        self.whole
    }

    /// Number of cells.
    pub(super) fn len(&self) -> usize {
        self.centres.len()
    }

    /// Centres of the cells, degrees, ascending.
    pub(super) fn centres(&self) -> &[f64] {
        &self.centres
    }

    /// The outermost edges, degrees.
    pub(super) fn extent(&self) -> (f64, f64) {
        (self.edges[0], self.edges[self.edges.len() - 1])
    }

    /// Mean width of the cells, degrees.
    pub(super) fn spacing(&self) -> f64 {
        let (lower, upper) = self.extent();
        (upper - lower) / self.centres.len() as f64
    }

    /// Which cells each target cell is made of.
    pub(super) fn links(&self, targets: &TargetAxis, method: Method) -> Links {
        let beyond = match self.coordinate {
            Coordinate::Longitude if self.whole => Beyond::Periodic(360.0),
            Coordinate::Longitude => Beyond::Missing,
            Coordinate::Latitude => Beyond::NearestAt { limit: 90.0 },
        };
        let centres = self.snapped(&targets.centres);
        let Some(axis) = interpolate::Axis::new(&self.centres, Precision::Double) else {
            return Links::default();
        };
        let stored = |rank: usize| self.positions[rank];
        let nearest: Vec<Option<usize>> =
            axis.nearest(&centres, beyond).into_iter().map(|rank| rank.map(stored)).collect();
        let mut links = Links { nearest, ..Links::default() };
        match method {
            Method::Nearest => {
                for k in 0..centres.len() {
                    let link = links.nearest[k].map(|position| Link { position, weight: 1.0, reach: 0.0 });
                    links.push(link);
                }
            }
            Method::Auto | Method::Linear => {
                for bracket in axis.brackets(&centres, beyond) {
                    let Some(bracket) = bracket else {
                        links.push(None);
                        continue;
                    };
                    let share = bracket.share();
                    let ends = [(bracket.low, 1.0 - share), (bracket.high, share)];
                    let used = ends.into_iter().filter(|&(_, weight)| weight > 0.0);
                    links.push(used.map(|(rank, weight)| Link {
                        position: stored(rank),
                        weight,
                        reach: 0.0,
                    }));
                }
            }
            Method::Conservative | Method::Conservative2 => {
                let edges = self.snapped_edges(&targets.edges);
                for &[lower, upper] in &targets.edges {
                    links.push(self.overlaps(&edges, lower, upper));
                }
                links.around = self.around();
            }
        }
        links
    }

    /// Where the label nearest to each target is stored, however far.
    pub(super) fn nearest_labels(&self, targets: &TargetAxis) -> Vec<usize> {
        let nearest = self.links(targets, Method::Nearest).nearest;
        let last = self.positions.len() - 1;
        let ends = [self.positions[0], self.positions[last]];
        nearest
            .into_iter()
            .zip(self.snapped(&targets.centres))
            .map(|(nearest, target)| {
                nearest.unwrap_or_else(|| {
                    let nearer = (target - self.centres[0]).abs() < (target - self.centres[last]).abs();
                    ends[usize::from(!nearer)]
                })
            })
            .collect()
    }

    /// The overlaps of one target cell.
    fn overlaps(&self, edges: &[f64], lower: f64, upper: f64) -> Vec<Link> {
        let cells = self.centres.len();
        let whole = self.coordinate.measure(lower, upper);
        let mut found = Vec::new();
        // The target is brought to where it begins inside of the source's turn, and may reach into the next.
        let (turns, shift): (&[f64], f64) = match self.coordinate {
            Coordinate::Longitude => (&[0.0, 360.0], -((lower - edges[0]) / 360.0).floor() * 360.0),
            Coordinate::Latitude => (&[0.0], 0.0),
        };
        let (from, to) = (lower + shift, upper + shift);
        for turn in turns {
            let first = edges.partition_point(|&edge| edge + turn <= from).saturating_sub(1);
            for rank in first..cells {
                let (west, east) = (edges[rank] + turn, edges[rank + 1] + turn);
                if west >= to {
                    break;
                }
                let (begin, end) = (from.max(west), to.min(east));
                if end - begin <= NOTHING * (to - from).min(east - west) {
                    continue;
                }
                found.push(Link {
                    position: self.positions[rank],
                    weight: self.coordinate.measure(begin, end) / whole,
                    reach: self.coordinate.centroid(begin, end) - self.coordinate.centroid(west, east),
                });
            }
        }
        found
    }

    /// The cells before and after each stored cell, for slopes.
    fn around(&self) -> Vec<Around> {
        let cells = self.centres.len();
        let stored = self.positions.iter().max().map_or(0, |&last| last + 1);
        let centroid: Vec<f64> =
            (0..cells).map(|rank| self.coordinate.centroid(self.edges[rank], self.edges[rank + 1])).collect();
        let periodic = self.whole && self.coordinate == Coordinate::Longitude && cells > 2;
        let mut around = vec![Around::default(); stored];
        for rank in 0..cells {
            let side = |neighbour: usize, turn: f64, across: bool| Neighbour {
                position: self.positions[neighbour],
                distance: if across {
                    2.0 * (90.0 - centroid[rank].abs())
                } else {
                    (centroid[neighbour] + turn - centroid[rank]).abs()
                },
                across,
            };
            let at_pole = |edge: f64| self.coordinate == Coordinate::Latitude && edge.abs() >= 90.0;
            let before = match rank {
                0 if periodic => Some(side(cells - 1, -360.0, false)),
                0 if at_pole(self.edges[0]) => Some(side(0, 0.0, true)),
                0 => None,
                _ => Some(side(rank - 1, 0.0, false)),
            };
            let after = match rank + 1 {
                next if next < cells => Some(side(next, 0.0, false)),
                _ if periodic => Some(side(0, 360.0, false)),
                _ if at_pole(self.edges[cells]) => Some(side(rank, 0.0, true)),
                _ => None,
            };
            let opposite =
                (periodic && cells.is_multiple_of(2)).then(|| self.positions[(rank + cells / 2) % cells]);
            around[self.positions[rank]] = Around { before, after, opposite };
        }
        around
    }

    /// Target centres that are source centres but for rounding are taken to be them.
    fn snapped(&self, targets: &[f64]) -> Vec<f64> {
        let tolerance = self.rounding;
        let period = match self.coordinate {
            Coordinate::Longitude => 360.0,
            Coordinate::Latitude => 0.0,
        };
        let first = self.centres[0];
        targets
            .iter()
            .map(|&target| {
                // Within half a cell below the first centre, it may be the first.
                let turns =
                    if period > 0.0 { ((target - first + tolerance) / period).floor() * period } else { 0.0 };
                let inside = target - turns;
                let upper = self.centres.partition_point(|&centre| centre < inside);
                let near =
                    [upper.wrapping_sub(1), upper].into_iter().filter_map(|rank| self.centres.get(rank));
                let same = near.copied().find(|centre| (centre - inside).abs() <= tolerance);
                // A regional axis is searched as it stands: the target is brought to its turn.
                same.unwrap_or(inside)
            })
            .collect()
    }

    /// Source edges that are target edges but for rounding are taken to be them.
    fn snapped_edges(&self, targets: &[[f64; 2]]) -> Vec<f64> {
        let mut edges = self.edges.clone();
        let Some(first) = targets.first() else { return edges };
        let width = first[1] - first[0];
        let tolerance = self.rounding.min(width / 4.0);
        let last = edges.len() - 1;
        for edge in &mut edges {
            // Targets are evenly spaced; the longitudes of a source may be in another turn.
            let turns = match self.coordinate {
                Coordinate::Longitude => ((*edge - first[0]) / 360.0).floor() * 360.0,
                Coordinate::Latitude => 0.0,
            };
            let rank = ((*edge - turns - first[0]) / width).round();
            let cell = (rank.max(0.0) as usize).min(targets.len() - 1);
            let near = [targets[cell][0], targets[cell][1]];
            if let Some(same) = near.iter().find(|near| (*near + turns - *edge).abs() <= tolerance) {
                *edge = same + turns;
            }
        }
        if self.whole && self.coordinate == Coordinate::Longitude {
            edges[last] = edges[0] + 360.0;
        }
        edges
    }
}

/// The edges that bounds describe, ascending, when each cell holds its centre and ends where the next begins.
fn edges_of(
    coordinate: Coordinate,
    centres: &[f64],
    bounds: &[[f64; 2]],
    tolerance: f64,
) -> Option<Vec<f64>> {
    let mut edges: Vec<f64> = Vec::with_capacity(centres.len() + 1);
    for (stored, &centre) in bounds.iter().zip(centres) {
        // Some files wrap bounds to a range that they do not keep to for the centres.
        let [one, other] = stored.map(|edge| match coordinate {
            Coordinate::Longitude => edge - 360.0 * ((edge - centre) / 360.0).round(),
            Coordinate::Latitude => edge,
        });
        let (lower, upper) = (one.min(other), one.max(other));
        let joins = edges.last().is_none_or(|last| (last - lower).abs() <= 2.0 * tolerance);
        let holds = centre >= lower - tolerance && centre <= upper + tolerance;
        // Not a number fails every comparison.
        if !(upper > lower && joins && holds) {
            return None;
        }
        if edges.is_empty() {
            edges.push(lower);
        }
        edges.push(upper);
    }
    (edges.len() == centres.len() + 1).then_some(edges)
}

/// A source cell of a target cell, along one axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Link {
    /// Where it is stored.
    pub(super) position: usize,
    /// Its part of the target cell.
    pub(super) weight: f64,
    /// From the centroid of the source cell to that of the overlap, degrees.
    pub(super) reach: f64,
}

/// The neighbours of a cell along an axis.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Around {
    pub(super) before: Option<Neighbour>,
    pub(super) after: Option<Neighbour>,
    /// Where the cell on the opposite meridian is stored.
    pub(super) opposite: Option<usize>,
}

/// A neighbour of a cell along an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Neighbour {
    /// Where it is stored.
    pub(super) position: usize,
    /// Between the centroids, degrees.
    pub(super) distance: f64,
    /// Across the pole, on the opposite meridian.
    pub(super) across: bool,
}

/// The source cells of every target cell, along one axis.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Links {
    ends: Vec<usize>,
    links: Vec<Link>,
    /// Stored position of the nearest centre; `None` beyond the source.
    pub(super) nearest: Vec<Option<usize>>,
    /// Neighbours of each stored position, for conservative methods.
    pub(super) around: Vec<Around>,
}

impl Links {
    /// One target with the one position that there is.
    pub(super) fn identity() -> Self {
        let link = Link { position: 0, weight: 1.0, reach: 0.0 };
        Self { ends: vec![1], links: vec![link], nearest: vec![Some(0)], around: vec![Around::default()] }
    }

    fn push(&mut self, links: impl IntoIterator<Item = Link>) {
        self.links.extend(links);
        self.ends.push(self.links.len());
    }

    /// Number of targets.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The source cells of a target cell.
    pub(super) fn of(&self, target: usize) -> &[Link] {
        let begin = if target == 0 { 0 } else { self.ends[target - 1] };
        &self.links[begin..self.ends[target]]
    }

    /// The links of some targets, their positions counted from the first that is needed for them, and what is needed.
    pub(super) fn band(&self, targets: std::ops::Range<usize>) -> (Self, std::ops::Range<usize>) {
        let (mut low, mut high) = (usize::MAX, 0);
        let mut need = |position: usize| (low, high) = (low.min(position), high.max(position + 1));
        for target in targets.clone() {
            self.nearest[target].into_iter().for_each(&mut need);
            for link in self.of(target) {
                need(link.position);
                let around = self.around.get(link.position).copied().unwrap_or_default();
                let beside = [around.before, around.after].into_iter().flatten();
                beside.map(|neighbour| neighbour.position).chain(around.opposite).for_each(&mut need);
            }
        }
        if low > high {
            return (Self::default(), 0..0);
        }
        let moved = |neighbour: Neighbour| {
            let position = neighbour.position.checked_sub(low)?;
            Some(Neighbour { position, ..neighbour })
        };
        let mut band = Self {
            nearest: targets.clone().map(|target| self.nearest[target].map(|at| at - low)).collect(),
            around: self
                .around
                .iter()
                .take(high)
                .skip(low)
                .map(|around| Around {
                    before: around.before.and_then(moved),
                    after: around.after.and_then(moved),
                    opposite: around.opposite.and_then(|at| at.checked_sub(low)),
                })
                .collect(),
            ..Self::default()
        };
        for target in targets {
            band.push(self.of(target).iter().map(|link| Link { position: link.position - low, ..*link }));
        }
        (band, low..high)
    }

    /// Number of targets that have a source.
    pub(super) fn inside(&self) -> usize {
        (0..self.len()).filter(|&target| !self.of(target).is_empty()).count()
    }
}
