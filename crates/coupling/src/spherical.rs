//! How much of an atmosphere cell lies in an ocean cell, exactly: the same outlines as [`crate::overlap`], their edges great
//! circles.
//!
//! No projection, so no distortion: compared with the plane of each atmosphere cell, fractions change by 2e-5 at most. The
//! polar cell has the middles of its edges too, as the cells below it have them: cells tile the sphere.

use ndarray::Array2;
use remap::{Mesh, Moments, overlaps};

use crate::Error;
use crate::atmosphere::Atmosphere;
use crate::links::Links;
use crate::outlines::Outlines;

/// The fraction of every atmosphere cell within each ocean cell, as [`crate::overlap::fractions`]: destinations are atmosphere
/// cells, sources ocean cells, both row-major; the northernmost row is one cell, its first; the others of that row and
/// all of the southernmost have no links.
///
/// # Errors
/// [`Error::Mesh`] for cells that great circles cannot bound.
pub(crate) fn fractions(
    atmosphere: &Atmosphere,
    outlines: &Outlines,
    sea: &Array2<bool>,
) -> Result<Links, Error> {
    let columns = atmosphere.size.columns;
    let cells: Vec<(usize, usize)> = sea.indexed_iter().filter(|(_, sea)| **sea).map(|(at, _)| at).collect();
    let ocean = mesh(cells.iter().map(|&(j, i)| outlines.outline(j, i)))?;
    // All rows but the southernmost; of the northernmost the sectors, which are added up below.
    let coupled = (atmosphere.size.rows() - 1) * columns;
    let cap = mesh((0..coupled).map(|a| atmosphere.outline(a / columns, a % columns)))?;

    let overlaps = overlaps(&ocean, &cap, Moments::Without);
    let address = |k: usize| {
        let (j, i) = cells[overlaps.source[k] as usize];
        (j * sea.ncols() + i) as u32
    };
    let mut pole: Vec<(u32, f64)> =
        (0..columns).flat_map(|a| overlaps.row(a)).map(|k| (address(k), overlaps.area_sr[k])).collect();
    pole.sort_by_key(|(ocean, _)| *ocean);
    pole.dedup_by(|next, first| {
        let same = next.0 == first.0;
        if same {
            first.1 += next.1;
        }
        same
    });
    let pole_sr: f64 = overlaps.target_area_sr[..columns].iter().sum();
    Ok(Links::from_rows((0..atmosphere.cells()).map(|a| match a {
        0 => pole.iter().map(|&(ocean, area_sr)| (ocean, area_sr / pole_sr)).collect(),
        a if a < columns || a >= coupled => Vec::new(),
        a => {
            let fraction = |k: usize| (address(k), overlaps.area_sr[k] / overlaps.target_area_sr[a]);
            overlaps.row(a).map(fraction).collect::<Vec<_>>()
        }
    })))
}

/// Cells with these outlines, in their order.
fn mesh(outlines: impl Iterator<Item = [(f64, f64); 9]>) -> Result<Mesh, Error> {
    let (mut centres, mut corners) = (Vec::new(), Vec::new());
    for outline in outlines {
        corners.extend_from_slice(&outline[..8]);
        centres.push(outline[8]);
    }
    Ok(Mesh::list(centres, &corners)?)
}
