//! The numbers that a modeller checks before a run.

use serde::{Deserialize, Serialize};

use crate::atmosphere::Atmosphere;
use crate::calving::Calving;
use crate::fluxes::Fluxes;
use crate::fold::Point;
use crate::links::Links;
use crate::ocean::Ocean;
use crate::runoff::{Class, Runoff, Served};
use crate::{InlandRunoff, Options};

/// The numbers that a modeller checks. Areas are square metres. Those that an older result does not have are read as 0.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Figures {
    /// Which of the two computations: `corrected` or `legacy`.
    pub mode: String,
    /// The edges of cells: `legacy` or `spherical`.
    pub geometry: String,
    /// The ocean.
    pub ocean: OceanFigures,
    /// The atmosphere.
    pub atmosphere: AtmosphereFigures,
    /// Ocean to atmosphere.
    pub to_atmosphere: MatrixFigures,
    /// Atmosphere to ocean.
    pub to_ocean: MatrixFigures,
    /// Run-off.
    pub runoff: RunoffFigures,
    /// Calving.
    pub calving: CalvingFigures,
}

/// The ocean grid, as the coupler sees it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OceanFigures {
    /// Columns.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
    /// Sea cells that are not repeated.
    pub sea_cells: usize,
    /// Repeated sea cells, which get the values of those that they repeat.
    pub repeated_sea_cells: usize,
    /// Sea cells that no atmosphere cell reaches.
    pub uncovered_sea_cells: usize,
    /// Area of the sea by the cells' sizes.
    pub area_m2: f64,
    /// Area of the sea as the atmosphere sees it: its cells times their fractions.
    pub area_seen_m2: f64,
}

/// The atmosphere grid. A polar row counts as its cells.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AtmosphereFigures {
    /// Columns.
    pub columns: usize,
    /// Rows, both poles included.
    pub rows: usize,
    /// Cells without ocean.
    pub land_cells: usize,
    /// Cells with some ocean.
    pub coast_cells: usize,
    /// Cells with nothing but ocean.
    pub ocean_cells: usize,
}

/// The least and the most of something.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Range {
    /// The least.
    pub min: f64,
    /// The most.
    pub max: f64,
}

/// How many cells give to one.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Neighbours {
    /// The fewest of a cell that receives.
    pub min: usize,
    /// The mean over the cells that receive.
    pub mean: f64,
    /// The most.
    pub max: usize,
}

/// A matrix.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MatrixFigures {
    /// Links.
    pub links: usize,
    /// Cells that receive.
    pub receivers: usize,
    /// How many cells give to one.
    pub neighbours: Neighbours,
    /// Weights.
    pub weights: Range,
    /// Sums of the weights of a receiver. Ocean to atmosphere they are 1, so that a constant stays one; atmosphere to ocean they are
    /// the covered part of the cell by the area that its sizes say, a little off 1.
    pub row_sums: Range,
    /// What the receivers of a source get against what it gives, at worst: 0 where the source is conserved. Of
    /// ocean to atmosphere, of the whole (means are not made to conserve; areas of the two grids differ).
    pub conservation: f64,
    /// The same for the integral of the smooth field `1 + 0.5 cos^2(lat) cos(2 lon) + 0.3 sin(lat)` over all sea.
    pub smooth_field_conservation: f64,
}

/// The run-off.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunoffFigures {
    /// What becomes of run-off far from the coast: `drop`, `nearest-coast` or `spread`.
    pub inland: String,
    /// Links.
    pub links: usize,
    /// The most links of an ocean cell.
    pub most_neighbours: usize,
    /// Ocean cells that receive.
    pub receivers: usize,
    /// Coastal atmosphere cells; all give to ocean cells that they overlap unless some are lost.
    pub coast_sources: usize,
    /// Coastal atmosphere cells whose run-off is lost.
    pub coast_lost: usize,
    /// Land cells of the atmosphere, each pole once.
    pub land_sources: usize,
    /// Land cells whose run-off is lost: no coastal ocean cell is near enough.
    pub land_lost: usize,
    /// Area of the land cells.
    pub land_area_m2: f64,
    /// Area of those whose run-off is lost.
    pub land_lost_area_m2: f64,
    /// What the receivers of a source get against what it gives, at worst.
    pub conservation: f64,
}

/// The calving.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CalvingFigures {
    /// Links.
    pub links: usize,
    /// The bands, south to north.
    pub bands: Vec<BandFigures>,
    /// Rows of the atmosphere whose ice is lost.
    pub lost_rows: usize,
    /// Their part of the globe.
    pub lost_fraction: f64,
    /// What the receivers of a row get against what it gives, at worst.
    pub conservation: f64,
}

/// A band of latitude of the calving.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BandFigures {
    /// Southern limit.
    pub south_deg: f64,
    /// Northern limit.
    pub north_deg: f64,
    /// Rows of the atmosphere.
    pub rows: usize,
    /// Ocean cells that receive, repeated ones not counted.
    pub cells: usize,
    /// Their area.
    pub area_m2: f64,
}

impl RunoffFigures {
    /// The part of the land that drains nowhere, 0 to 1.
    pub fn lost_fraction(&self) -> f64 {
        if self.land_area_m2 > 0.0 { self.land_lost_area_m2 / self.land_area_m2 } else { 0.0 }
    }
}

impl Figures {
    pub(crate) fn new(
        ocean: &Ocean,
        atmosphere: &Atmosphere,
        fluxes: &Fluxes,
        runoff: &Runoff,
        calving: &Calving,
        options: &Options,
    ) -> Self {
        let integrals = Integrals { fluxes, unique: fluxes.unique_sea.iter().copied().collect() };
        let (rows, columns) = ocean.shape();
        let count = |class: Class| runoff.class.iter().filter(|c| **c == class).count();
        let sea_cells = integrals.unique.iter().filter(|unique| **unique).count();
        Self {
            mode: options.mode.to_string(),
            geometry: options.geometry.as_str().to_owned(),
            ocean: OceanFigures {
                columns,
                rows,
                sea_cells,
                repeated_sea_cells: fluxes.sea.iter().filter(|sea| **sea).count() - sea_cells,
                uncovered_sea_cells: (0..fluxes.sea.len())
                    .filter(|&o| integrals.unique[o] && fluxes.to_ocean.count(o) == 0)
                    .count(),
                area_m2: integrals.over_sea(|_| 1.0),
                area_seen_m2: integrals.over_atmosphere(|_| 1.0),
            },
            atmosphere: AtmosphereFigures {
                columns: atmosphere.size.columns,
                rows: atmosphere.size.rows(),
                land_cells: count(Class::Land),
                coast_cells: count(Class::Coast),
                ocean_cells: count(Class::Ocean),
            },
            to_atmosphere: integrals.to_atmosphere(&smooth_on_ocean(ocean)),
            to_ocean: integrals.to_ocean(&smooth_on_atmosphere(atmosphere)),
            runoff: integrals.runoff(runoff, options.inland_runoff),
            calving: integrals.calving(calving, atmosphere),
        }
    }
}

fn smooth(lon_deg: f64, lat_deg: f64) -> f64 {
    let (lon, lat) = (lon_deg.to_radians(), lat_deg.to_radians());
    1.0 + 0.5 * lat.cos().powi(2) * (2.0 * lon).cos() + 0.3 * lat.sin()
}

fn smooth_on_ocean(ocean: &Ocean) -> Vec<f64> {
    let t = ocean.at(Point::T);
    t.lon_deg.iter().zip(&t.lat_deg).map(|(&lon, &lat)| smooth(lon, lat)).collect()
}

fn smooth_on_atmosphere(atmosphere: &Atmosphere) -> Vec<f64> {
    let rows = atmosphere.lat_deg.iter();
    rows.flat_map(|&lat| atmosphere.lon_deg.iter().map(move |&lon| smooth(lon, lat))).collect()
}

struct Integrals<'a> {
    fluxes: &'a Fluxes,
    unique: Vec<bool>,
}

impl Integrals<'_> {
    fn over_sea(&self, value: impl Fn(usize) -> f64) -> f64 {
        let area = &self.fluxes.ocean_area_m2;
        (0..area.len()).filter(|&o| self.unique[o]).map(|o| area[o] * value(o)).sum()
    }

    fn over_atmosphere(&self, value: impl Fn(usize) -> f64) -> f64 {
        (0..self.fluxes.fraction.len()).map(|a| self.wet_m2(a) * value(a)).sum()
    }

    fn wet_m2(&self, a: usize) -> f64 {
        self.fluxes.atmosphere_area_m2[a] * self.fluxes.fraction[a]
    }

    /// What the sea gets of every source's unit of flux: the sum of weights and areas.
    fn received<R>(&self, links: impl Fn(usize) -> R, sources: usize) -> Vec<f64>
    where
        R: Iterator<Item = (u32, f64)>,
    {
        let mut received = vec![0.0; sources];
        for o in (0..self.unique.len()).filter(|&o| self.unique[o]) {
            for (source, weight) in links(o) {
                received[source as usize] += self.fluxes.ocean_area_m2[o] * weight;
            }
        }
        received
    }

    fn to_atmosphere(&self, smooth: &[f64]) -> MatrixFigures {
        let links = &self.fluxes.to_atmosphere;
        let got = links.apply(smooth);
        let seen = self.over_atmosphere(|a| got[a].unwrap_or(0.0));
        MatrixFigures {
            conservation: off(self.over_atmosphere(|_| 1.0), self.over_sea(|_| 1.0)),
            smooth_field_conservation: off(seen, self.over_sea(|o| smooth[o])),
            ..matrix(links)
        }
    }

    fn to_ocean(&self, smooth: &[f64]) -> MatrixFigures {
        let links = &self.fluxes.to_ocean;
        let sources = self.fluxes.fraction.len();
        let received = self.received(|o| links.row(o), sources);
        let given = (0..sources).map(|a| self.wet_m2(a)).collect::<Vec<_>>();
        let got = links.apply(smooth);
        MatrixFigures {
            conservation: worst(&received, &given),
            smooth_field_conservation: off(
                self.over_sea(|o| got[o].unwrap_or(0.0)),
                self.over_atmosphere(|a| smooth[a]),
            ),
            ..matrix(links)
        }
    }

    fn runoff(&self, runoff: &Runoff, inland: InlandRunoff) -> RunoffFigures {
        let sources = runoff.class.len();
        let received = self.received(|o| runoff.links.row(o), sources);
        let given: Vec<f64> = runoff
            .served
            .iter()
            .map(|served| if matches!(served, Served::NoSource | Served::Lost) { 0.0 } else { 1.0 })
            .collect();
        let of = |class: Class| {
            (0..sources).filter(move |&a| runoff.class[a] == class && runoff.served[a] != Served::NoSource)
        };
        let lost = |a: &usize| runoff.served[*a] == Served::Lost;
        let area = |a: usize| self.fluxes.atmosphere_area_m2[a];
        let links = &runoff.links;
        RunoffFigures {
            inland: inland.as_str().to_owned(),
            links: links.len(),
            most_neighbours: links.most(),
            receivers: (0..links.destinations()).filter(|&o| links.count(o) > 0).count(),
            coast_sources: of(Class::Coast).count(),
            coast_lost: of(Class::Coast).filter(lost).count(),
            land_sources: of(Class::Land).count(),
            land_lost: of(Class::Land).filter(lost).count(),
            land_area_m2: of(Class::Land).map(area).sum(),
            land_lost_area_m2: of(Class::Land).filter(lost).map(area).sum(),
            conservation: worst(&received, &given),
        }
    }

    fn calving(&self, calving: &Calving, atmosphere: &Atmosphere) -> CalvingFigures {
        let (rows, columns) = atmosphere.shape();
        let received = self.received(|o| calving.row(o).iter().copied(), rows * columns);
        let row_m2 = |row: usize| atmosphere.area_m2[row] * columns as f64;
        let mut given = vec![0.0; rows * columns];
        for row in (0..rows).filter(|row| !calving.lost_rows.contains(row)) {
            given[row * columns] = row_m2(row);
        }
        let globe: f64 = (0..rows).map(row_m2).sum();
        CalvingFigures {
            links: (0..self.unique.len()).map(|o| calving.row(o).len()).sum(),
            bands: calving
                .bands
                .iter()
                .map(|band| BandFigures {
                    south_deg: band.south_deg,
                    north_deg: band.north_deg,
                    rows: band.rows.len(),
                    cells: band.cells,
                    area_m2: band.area_m2,
                })
                .collect(),
            lost_rows: calving.lost_rows.len(),
            lost_fraction: calving.lost_rows.iter().map(|&row| row_m2(row)).sum::<f64>() / globe,
            conservation: worst(&received, &given),
        }
    }
}

/// How far one number is from another, relative to the other.
fn off(here: f64, there: f64) -> f64 {
    if there == 0.0 { here } else { here / there - 1.0 }
}

/// The largest distance of what was received from what was given. A source that is no source must give nothing.
fn worst(received: &[f64], given: &[f64]) -> f64 {
    received.iter().zip(given).map(|(&r, &g)| off(r, g).abs()).fold(0.0, f64::max)
}

/// All but what needs areas.
fn matrix(links: &Links) -> MatrixFigures {
    let range = |values: &mut dyn Iterator<Item = f64>| {
        let start = Range { min: f64::INFINITY, max: f64::NEG_INFINITY };
        let range = values.fold(start, |r, v| Range { min: r.min.min(v), max: r.max.max(v) });
        if range.min <= range.max { range } else { Range { min: 0.0, max: 0.0 } }
    };
    let receiving = || (0..links.destinations()).filter(|&d| links.count(d) > 0);
    let receivers = receiving().count();
    MatrixFigures {
        links: links.len(),
        receivers,
        neighbours: Neighbours {
            min: receiving().map(|d| links.count(d)).min().unwrap_or(0),
            mean: if receivers > 0 { links.len() as f64 / receivers as f64 } else { 0.0 },
            max: links.most(),
        },
        weights: range(&mut links.weights().iter().copied()),
        row_sums: range(&mut receiving().map(|d| links.weights_of(d).iter().sum())),
        conservation: 0.0,
        smooth_field_conservation: 0.0,
    }
}
