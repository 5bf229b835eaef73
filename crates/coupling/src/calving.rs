//! Where the ice that calves reaches the ocean: each row of the atmosphere spreads what it gives over the sea of its band of
//! latitude.
//!
//! LMDZ sends the mean flux of a row in its first column, so sources are the first cells of the rows.

use crate::atmosphere::Atmosphere;
use crate::fluxes::Fluxes;
use crate::fold::{self, Point};
use crate::links::Links;
use crate::ocean::Ocean;
use crate::{Mode, Options};

/// Without the Atlantic, bands other than the southernmost end here too.
const NORTH_ATLANTIC_DEG: f64 = 65.0;

/// A band of latitude.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// Southern limit in degrees; the band begins north of it.
    pub south_deg: f64,
    /// Northern limit in degrees, part of the band.
    pub north_deg: f64,
    /// Rows of the atmosphere in the band, north to south.
    pub rows: Vec<usize>,
    /// Ocean cells that receive, repeated ones not counted.
    pub cells: usize,
    /// Their area in square metres.
    pub area_m2: f64,
    /// What each of them receives: first cell of a row of the atmosphere, and weight per square metre. None without cells.
    pub links: Vec<(u32, f64)>,
}

/// The weights of the calving. All cells of a band have the same links, which are kept once: the matrix itself,
/// [`Self::links`], is larger than everything else together.
#[derive(Debug, Clone, PartialEq)]
pub struct Calving {
    /// The bands, south to north.
    pub bands: Vec<Band>,
    /// Rows of the atmosphere in no band, or in one without sea: their ice is lost.
    pub lost_rows: Vec<usize>,
    /// Which band each ocean cell receives from, that of the cell that it repeats; row-major.
    pub band_of: Vec<Option<u32>>,
}

impl Calving {
    /// Computes the weights.
    pub fn new(ocean: &Ocean, atmosphere: &Atmosphere, fluxes: &Fluxes, options: &Options) -> Self {
        let lat_deg = &ocean.at(Point::T).lat_deg;
        let columns = atmosphere.size.columns;
        let row_area_m2 = |row: usize| columns as f64 * atmosphere.area_m2[row];
        let mut band_of: Vec<Option<u32>> = vec![None; fluxes.sea.len()];
        let mask = if options.calving_nomed { ocean.open_sea() } else { ocean.without_closed_seas() };
        let mut bands = Vec::new();
        for (k, limits) in options.calving_limits_deg.windows(2).enumerate() {
            let (south, north) = (limits[0], limits[1]);
            // The row at the south pole is in no band of the original; corrected, the southernmost band is closed.
            let closed = k == 0 && options.mode == Mode::Corrected;
            let within = |lat: f64| (lat > south || (closed && lat == south)) && lat <= north;
            let receives = |at: (usize, usize)| {
                let left_out = k > 0
                    && ((options.calving_noatl
                        && (ocean.basins.atlantic[at] == 1 || lat_deg[at] > NORTH_ATLANTIC_DEG))
                        || (options.calving_nopac && ocean.basins.pacific[at] == 1));
                fluxes.sea[at] && mask[at] == 1 && within(lat_deg[at]) && !left_out
            };
            let mut band = Band {
                south_deg: south,
                north_deg: north,
                rows: (0..atmosphere.size.rows()).filter(|&row| within(atmosphere.lat_deg[row])).collect(),
                cells: 0,
                area_m2: 0.0,
                links: Vec::new(),
            };
            for (o, (at, &unique)) in fluxes.unique_sea.indexed_iter().enumerate() {
                if receives(at) {
                    band_of[o] = Some(k as u32);
                    if unique {
                        band.cells += 1;
                        band.area_m2 += fluxes.ocean_area_m2[o];
                    }
                }
            }
            let link = |&row: &usize| ((row * columns) as u32, row_area_m2(row) / band.area_m2);
            if band.cells > 0 {
                band.links = band.rows.iter().map(link).collect();
            }
            bands.push(band);
        }
        let lost_rows = (0..atmosphere.size.rows())
            .filter(|row| !bands.iter().any(|band| band.cells > 0 && band.rows.contains(row)))
            .collect();
        let sources = fold::sources(ocean.shape(), ocean.topology);
        let band_of = sources.iter().map(|&source| band_of[source]).collect();
        Self { bands, lost_rows, band_of }
    }

    /// What an ocean cell receives: first cells of rows of the atmosphere, and weights per square metre.
    pub fn row(&self, ocean_cell: usize) -> &[(u32, f64)] {
        self.band_of[ocean_cell].map_or(&[], |band| &self.bands[band as usize].links)
    }

    /// The matrix, from the first cells of the atmosphere's rows to ocean cells.
    pub fn links(&self) -> Links {
        Links::from_rows((0..self.band_of.len()).map(|o| self.row(o).iter().copied()))
    }
}
