//! The sparse matrix from source to target cells.

use crate::{Error, Mesh, bilinear, conservative, nearest};

/// How much more than the whole the parts of a cell may add up to: corners in single precision are that inexact.
const MAX_EXCESS: f64 = 1e-3;

/// How target values are made of source values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// First-order conservative: the mean over the overlaps.
    Conservative,
    /// Second-order conservative: the mean over the overlaps of planes through the source cells.
    Conservative2,
    /// Bilinear between the four source centres around the target centre.
    Bilinear,
    /// The value of the nearest source centre.
    Nearest,
}

/// What the overlaps of a target cell are divided by, where it is only partly covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// The area of the cell: a flux counts as zero outside of the source, and its integral is kept.
    DestArea,
    /// The covered area: a value is the mean over what is covered.
    FracArea,
}

/// A sparse matrix, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    /// What it was made with.
    pub method: Method,
    /// What it was divided by; every other method than the conservative ones has rows that sum to one.
    pub norm: Norm,
    /// Where the links of a target cell start in the next two, and the end of the last.
    pub row_start: Vec<usize>,
    /// The source cell.
    pub source: Vec<u32>,
    /// The weight.
    pub weight: Vec<f64>,
    /// Areas of all source cells, steradians.
    pub source_area_sr: Vec<f64>,
    /// Areas of all target cells, steradians.
    pub target_area_sr: Vec<f64>,
    /// What part of each source cell is used.
    pub source_fraction: Vec<f64>,
    /// What part of each target cell is covered.
    pub target_fraction: Vec<f64>,
}

/// The weights between two meshes; the same for any number of threads, bit for bit. Before they go into a file, they are
/// [`checked`](Weights::checked).
pub fn weights(source: &Mesh, target: &Mesh, method: Method, norm: Norm) -> Weights {
    match method {
        Method::Conservative => conservative::first_order(source, target, norm),
        Method::Conservative2 => conservative::second_order(source, target, norm),
        Method::Bilinear => bilinear::bilinear(source, target),
        Method::Nearest => nearest::nearest(source, target),
    }
}

fn refuse_excess((side, other): (&'static str, &'static str), fractions: &[f64]) -> Result<(), Error> {
    let wrong = fractions.iter().filter(|&&part| part > 1.0 + MAX_EXCESS).count();
    let most = fractions.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    match most {
        Some((cell, &sum)) if wrong > 0 => Err(Error::Overlapping { side, other, wrong, cell, sum }),
        _ => Ok(()),
    }
}

/// Source cells and weights of one target cell.
pub(crate) type Links = Vec<(u32, f64)>;

/// Sorts links by source cell, and adds up those of one cell in the order they came in.
pub(crate) fn merge(links: &mut Links) {
    links.sort_by_key(|link| link.0);
    links.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 += next.1;
        }
        same
    });
}

/// The matrix of a method that knows no areas: cells count as used and as covered wholly where they have a link.
pub(crate) fn of_links(source: &Mesh, target: &Mesh, method: Method, rows: Vec<Links>) -> Weights {
    let mut source_fraction = vec![0.0; source.len()];
    rows.iter().flatten().for_each(|link| source_fraction[link.0 as usize] = 1.0);
    let target_fraction = rows.iter().map(|row| if row.is_empty() { 0.0 } else { 1.0 }).collect();
    let (row_start, source_cells, weight) = flat(rows);
    Weights {
        method,
        norm: Norm::FracArea,
        row_start,
        source: source_cells,
        weight,
        source_area_sr: source.areas_sr(),
        target_area_sr: target.areas_sr(),
        source_fraction,
        target_fraction,
    }
}

/// Where rows start, their cells and their weights, one after the other.
pub(crate) fn flat(rows: Vec<Links>) -> (Vec<usize>, Vec<u32>, Vec<f64>) {
    let count = rows.iter().map(Vec::len).sum();
    let mut row_start = Vec::with_capacity(rows.len() + 1);
    let (mut source, mut weight) = (Vec::with_capacity(count), Vec::with_capacity(count));
    row_start.push(0);
    for row in rows {
        source.extend(row.iter().map(|link| link.0));
        weight.extend(row.iter().map(|link| link.1));
        row_start.push(source.len());
    }
    (row_start, source, weight)
}

impl Weights {
    /// The weights, if they are parts of a whole.
    ///
    /// # Errors
    /// [`Error::Overlapping`] when the cells of a mesh cover each other, so that conservative weights would add up to more than
    /// one.
    pub fn checked(self) -> Result<Self, Error> {
        // What cells of one grid cover twice is found in the other.
        refuse_excess(("source", "target"), &self.target_fraction)?;
        refuse_excess(("target", "source"), &self.source_fraction)?;
        Ok(self)
    }

    /// Number of links.
    pub fn len(&self) -> usize {
        self.source.len()
    }

    /// True without any link.
    pub fn is_empty(&self) -> bool {
        self.source.is_empty()
    }

    /// The links of a target cell: source cell and weight.
    pub fn row(&self, target: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let links = self.row_start[target]..self.row_start[target + 1];
        links.map(|link| (self.source[link] as usize, self.weight[link]))
    }

    /// The target field of a source field; zero where a cell has no link.
    pub fn apply(&self, field: &[f64]) -> Vec<f64> {
        (0..self.target_area_sr.len())
            .map(|target| self.row(target).map(|(source, weight)| weight * field[source]).sum())
            .collect()
    }

    /// Integral of a target field over what is covered.
    pub fn target_integral(&self, field: &[f64]) -> f64 {
        let share = |cell: usize| match self.norm {
            // The value already is the mean over the whole cell.
            Norm::DestArea if self.target_fraction[cell] > 0.0 => self.target_area_sr[cell],
            _ => self.target_area_sr[cell] * self.target_fraction[cell],
        };
        field.iter().enumerate().map(|(cell, value)| value * share(cell)).sum()
    }

    /// Integral of a source field over what is used.
    pub fn source_integral(&self, field: &[f64]) -> f64 {
        let share = |cell: usize| self.source_area_sr[cell] * self.source_fraction[cell];
        field.iter().enumerate().map(|(cell, value)| value * share(cell)).sum()
    }
}
