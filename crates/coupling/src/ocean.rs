//! The ocean side: the C grid with continuous longitudes, corners, levels, masks and metrics.

use grid::{OceanGrid, Points, ScaleFactors, Topology};
use ndarray::{Array2, Array3, Zip};
use std::f64::consts::{FRAC_PI_4, PI};

use crate::Mode;
use crate::angle::close;
use crate::error::Error;
use crate::fold::{self, Point};
use crate::levels::Levels;

/// Which basin a sea cell belongs to: 1 in the basin, 0 elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Basins {
    /// Atlantic.
    pub atlantic: Array2<i32>,
    /// Pacific.
    pub pacific: Array2<i32>,
    /// Indian Ocean.
    pub indian: Array2<i32>,
}

/// The ocean grid with everything that masks, weights and files need. Arrays are rows (south to north) by columns.
#[derive(Debug, Clone)]
pub struct Ocean {
    /// Which cells repeat others.
    pub topology: Topology,
    /// Which of the two computations this is.
    pub mode: Mode,
    /// T, U, V and F points; longitudes continuous along the rows, not reduced to a range.
    pub points: [Points; 4],
    /// Longitudes as they were before they were made continuous (the angles are computed from these).
    original_lon_deg: [Array2<f64>; 4],
    /// Sizes around T, U, V and F points.
    pub scale: [ScaleFactors; 4],
    /// Levels.
    pub levels: Levels,
    /// Depth in metres, 0 on land.
    pub depth_m: Array2<f64>,
    /// Number of wet levels; 0 is land.
    pub mbathy: Array2<i32>,
    /// Basins; sea cells only.
    pub basins: Basins,
    /// Surface masks of T, U, V and F points, 1 in the sea.
    pub surface: [Array2<i32>; 4],
    /// True for the repeated cells.
    pub duplicate: Array2<bool>,
}

/// Four corners (or middles of edges) of cells: `[[q, p]]` with q = 0 south, 1 north and p = 0 west, 1 east.
#[derive(Debug, Clone)]
pub struct Corners {
    /// Longitudes, close to the centre's: q, p, rows, columns.
    pub lon_deg: [[Array2<f64>; 2]; 2],
    /// Latitudes: q, p, rows, columns.
    pub lat_deg: [[Array2<f64>; 2]; 2],
}

/// The angles between the grid and the north at U and V points.
#[derive(Debug, Clone)]
pub struct Angles {
    /// Cosine at U points.
    pub cos_u: Array2<f64>,
    /// Sine at U points.
    pub sin_u: Array2<f64>,
    /// Cosine at V points.
    pub cos_v: Array2<f64>,
    /// Sine at V points.
    pub sin_v: Array2<f64>,
}

impl Ocean {
    /// The ocean side from the grid, its depths (metres, positive in the sea; NaN is land) and its basins.
    ///
    /// # Errors
    /// A grid without mesh, or arrays of another shape.
    pub fn new(
        grid: &OceanGrid,
        bathymetry_m: &Array2<f64>,
        basins: &Basins,
        mode: Mode,
    ) -> Result<Self, Error> {
        let shape = grid.shape();
        let mesh = grid.mesh().ok_or(Error::NoMesh { reason: None })?;
        for (name, found) in [
            ("Bathymetry", bathymetry_m.dim()),
            ("atlmsk", basins.atlantic.dim()),
            ("pacmsk", basins.pacific.dim()),
            ("indmsk", basins.indian.dim()),
        ] {
            if found != shape {
                return Err(Error::Shape { name: name.to_owned(), found, grid: shape });
            }
        }
        if shape.0 < 4 || shape.1 < 4 {
            return Err(Error::TooSmall { rows: shape.0, columns: shape.1 });
        }
        let topology = grid.topology();
        let mut points =
            [grid.t().clone(), mesh.u.points.clone(), mesh.v.points.clone(), mesh.f.points.clone()];
        let original_lon_deg = [0, 1, 2, 3].map(|g: usize| points[g].lon_deg.clone());
        make_continuous(&mut points, topology);

        let levels = Levels::standard();
        let mut depth_m = bathymetry_m.mapv(|depth| if depth.is_nan() { 0.0 } else { depth });
        fold::apply(&mut depth_m, Point::T, topology);
        depth_m.mapv_inplace(|depth| depth.max(0.0));
        let mbathy = depth_m.mapv(|depth| levels.wet(depth));
        let surface = masks_at_level(&mbathy, topology, 1);
        let scale = [mesh.t_scale.clone(), mesh.u.scale.clone(), mesh.v.scale.clone(), mesh.f.scale.clone()];
        let in_sea = |basin: &Array2<i32>| {
            let mut basin =
                Zip::from(basin).and(&mbathy).map_collect(|&b, &levels| b * i32::from(levels > 0));
            match mode {
                Mode::Legacy => fold::repeat_rows(&mut basin, Point::T, topology),
                Mode::Corrected => fold::apply(&mut basin, Point::T, topology),
            }
            basin
        };
        let basins = Basins {
            atlantic: in_sea(&basins.atlantic),
            pacific: in_sea(&basins.pacific),
            indian: in_sea(&basins.indian),
        };
        let duplicate = fold::duplicates(shape, topology);
        Ok(Self {
            topology,
            mode,
            points,
            original_lon_deg,
            scale,
            levels,
            depth_m,
            mbathy,
            basins,
            surface,
            duplicate,
        })
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        self.mbathy.dim()
    }

    /// The points of one type.
    pub fn at(&self, point: Point) -> &Points {
        &self.points[point as usize]
    }

    /// The surface mask of the points of one type, 1 in the sea.
    pub fn surface_mask(&self, point: Point) -> &Array2<i32> {
        &self.surface[point as usize]
    }

    /// Sea cells without the repeated ones: 1 there. The row before a fold at F points is kept whole.
    pub fn without_duplicates(&self) -> Array2<i32> {
        Zip::from(&self.surface[0])
            .and(&self.duplicate)
            .map_collect(|&sea, &duplicate| if duplicate { 0 } else { sea })
    }

    /// Masks of T, U, V and F points at level `k`, counted from 1 at the surface.
    pub fn masks(&self, k: usize) -> [Array2<i32>; 4] {
        masks_at_level(&self.mbathy, self.topology, k)
    }

    /// Sea cells of the interior with a dry one among their eight neighbours.
    pub fn coast(&self) -> Array2<i32> {
        let (ny, nx) = self.shape();
        let sea = &self.surface[0];
        let mut coast = Array2::zeros((ny, nx));
        for j in 1..ny - 1 {
            for i in 1..nx - 1 {
                let dry_neighbour = || (j - 1..=j + 1).any(|y| (i - 1..=i + 1).any(|x| sea[[y, x]] == 0));
                coast[[j, i]] = i32::from(sea[[j, i]] == 1 && dry_neighbour());
            }
        }
        fold::apply(&mut coast, Point::T, self.topology);
        coast
    }

    /// Sea cells, after the fold: what the original calls the mask without Mediterranean, which for palaeo-geographies
    /// removes nothing.
    pub fn open_sea(&self) -> Array2<i32> {
        let mut sea = self.mbathy.mapv(|levels| i32::from(levels > 0));
        fold::repeat_rows(&mut sea, Point::T, self.topology);
        sea
    }

    /// Sea cells without closed seas: those that are connected to the largest ocean across edges of cells. The
    /// original's mask of that name removes nothing.
    pub fn without_closed_seas(&self) -> Array2<i32> {
        match self.mode {
            Mode::Legacy => self.open_sea(),
            Mode::Corrected => self.largest_ocean(),
        }
    }

    /// How many sea cells, repeated ones not counted, are not connected to the largest ocean.
    pub fn enclosed_sea_cells(&self) -> usize {
        let count = |mask: &Array2<i32>| {
            mask.iter().zip(&self.duplicate).filter(|(sea, duplicate)| **sea == 1 && !**duplicate).count()
        };
        count(&self.surface[0]) - count(&self.largest_ocean())
    }

    fn largest_ocean(&self) -> Array2<i32> {
        let (ny, nx) = self.shape();
        let sources = fold::sources((ny, nx), self.topology);
        // A repeated cell is the one that it repeats; the repetitions join what lies across the seams.
        let mut label = Array2::zeros((ny, nx));
        let mut sizes = vec![0_usize];
        let mut open = Vec::new();
        for start in 0..ny * nx {
            let at = |cell: usize| (cell / nx, cell % nx);
            if sources[at(start)] != start || self.surface[0][at(start)] == 0 || label[at(start)] != 0 {
                continue;
            }
            let this = sizes.len();
            sizes.push(0);
            label[at(start)] = this;
            open.push(start);
            while let Some(cell) = open.pop() {
                sizes[this] += 1;
                for next in self.across_edges(at(cell)) {
                    let next = sources[next];
                    if self.surface[0][at(next)] == 1 && label[at(next)] == 0 {
                        label[at(next)] = this;
                        open.push(next);
                    }
                }
            }
        }
        let largest = (1..sizes.len()).rev().max_by_key(|&k| sizes[k]).unwrap_or(0);
        let mut ocean = label.mapv(|of| i32::from(largest > 0 && of == largest));
        fold::apply(&mut ocean, Point::T, self.topology);
        ocean
    }

    /// The cells across the edges of one that is not repeated.
    fn across_edges(&self, (j, i): (usize, usize)) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (ny, nx) = self.shape();
        let south = j.checked_sub(1).map(|j| (j, i));
        let north = (j + 1 < ny).then_some((j + 1, i));
        let (west, east) = ((j, (i + nx - 1) % nx), (j, (i + 1) % nx));
        [south, north, Some(west), Some(east)].into_iter().flatten()
    }

    /// Areas of the cells in square metres; those around F points are 0 on land.
    pub fn area_m2(&self, point: Point) -> Array2<f64> {
        let ScaleFactors { e1_m, e2_m } = &self.scale[point as usize];
        let area = e1_m * e2_m;
        match point {
            Point::F => area * self.surface[3].mapv(f64::from),
            _ => area,
        }
    }

    /// Corners of the cells around the points of one type.
    pub fn corners(&self, cell: Point) -> Corners {
        let x = self.at(match cell {
            Point::T => Point::F,
            Point::U => Point::V,
            Point::V => Point::U,
            Point::F => Point::T,
        });
        // Shifts (eastward, northward) to the four corners, and whether the southward or northward one wraps.
        type Shift = (isize, isize, bool);
        let shifts: [[Shift; 2]; 2] = match cell {
            Point::T => [[(-1, -1, false), (0, -1, true)], [(-1, 0, true), (0, 0, true)]],
            Point::U => [[(0, -1, true), (1, -1, false)], [(0, 0, true), (1, 0, true)]],
            Point::V => [[(-1, 0, true), (0, 0, true)], [(-1, 1, false), (0, 1, false)]],
            Point::F => [[(0, 0, true), (1, 0, true)], [(0, 1, false), (1, 1, false)]],
        };
        let moved = |field: &Array2<f64>| shifts.map(|row| row.map(|s| self.shifted(field, s)));
        let mut lon_deg = moved(&x.lon_deg);
        let mut lat_deg = moved(&x.lat_deg);
        let centre = self.at(cell);
        for p in 0..2 {
            lat_deg[0][p].row_mut(0).fill(-90.0);
            let north = lon_deg[1][p].row(0).to_owned();
            lon_deg[0][p].row_mut(0).assign(&north);
            for q in 0..2 {
                fold::apply(&mut lon_deg[q][p], cell, self.topology);
                fold::apply(&mut lat_deg[q][p], cell, self.topology);
                Zip::from(&mut lon_deg[q][p]).and(&centre.lon_deg).for_each(|lon, &c| *lon = close(*lon, c));
            }
        }
        Corners { lon_deg, lat_deg }
    }

    /// Middles of the edges of the T cells: `[[south, west]]` is the western, `[[north, west]]` the northern,
    /// `[[north, east]]` the eastern and `[[south, east]]` the southern one.
    pub fn middles(&self) -> Corners {
        let (u, v) = (self.at(Point::U), self.at(Point::V));
        let here = (0, 0, true);
        let west = (-1, 0, true);
        let mut lon_deg = [
            [self.shifted(&u.lon_deg, west), self.shifted(&v.lon_deg, (0, -1, true))],
            [v.lon_deg.clone(), self.shifted(&u.lon_deg, here)],
        ];
        let mut lat_deg = [
            [self.shifted(&u.lat_deg, west), self.shifted(&v.lat_deg, (0, -1, false))],
            [v.lat_deg.clone(), self.shifted(&u.lat_deg, here)],
        ];
        for p in 0..2 {
            lat_deg[0][p].row_mut(0).fill(-90.0);
            let north = lon_deg[1][p].row(0).to_owned();
            lon_deg[0][p].row_mut(0).assign(&north);
            for q in 0..2 {
                Zip::from(&mut lon_deg[q][p])
                    .and(&self.points[0].lon_deg)
                    .for_each(|lon, &c| *lon = close(*lon, c));
            }
        }
        Corners { lon_deg, lat_deg }
    }

    /// The field as seen from every cell `east` columns (around the globe) and `north` rows further on. Beyond the
    /// last or first row it is the row on the other side where `wraps`, else 0: values that the fold replaces,
    /// or, on a grid without fold, the values of the outermost row.
    fn shifted(&self, field: &Array2<f64>, (east, north, wraps): (isize, isize, bool)) -> Array2<f64> {
        let (ny, nx) = field.dim();
        let folded = self.topology.fold.repeats_last_row();
        Array2::from_shape_fn((ny, nx), |(j, i)| {
            let i = (i as isize + east).rem_euclid(nx as isize) as usize;
            let row = j as isize + north;
            match usize::try_from(row) {
                Ok(row) if row < ny => field[[row, i]],
                _ if wraps => field[[row.rem_euclid(ny as isize) as usize, i]],
                Ok(_) if !folded => field[[ny - 1, i]],
                _ => 0.0,
            }
        })
    }

    /// Twice the angular speed of the Earth times the sine of the latitude at F points, per second.
    pub fn coriolis(&self) -> Array2<f64> {
        let day = 86_400.0;
        let year = 365.25 * day * 2.0 * PI / 6.283_076;
        let sidereal_day = day / (1.0 + day / year);
        let speed = 2.0 * PI / sidereal_day;
        self.at(Point::F).lat_deg.mapv(|lat| 2.0 * speed * (lat * PI / 180.0).sin())
    }

    /// The angles between the grid and the north, in the polar stereographic plane.
    pub fn angles(&self) -> Angles {
        let (ny, nx) = self.shape();
        let lat = |point: Point| &self.points[point as usize].lat_deg;
        let lon = |point: Point| &self.original_lon_deg[point as usize];
        let plane = |point: Point| {
            Array2::from_shape_fn((ny, nx), |at| {
                let (l, f) = (lon(point)[at].to_radians(), lat(point)[at].to_radians());
                let r = 2.0 * (FRAC_PI_4 - f / 2.0).tan();
                (r * l.cos(), r * l.sin())
            })
        };
        let [u, v, f] = [plane(Point::U), plane(Point::V), plane(Point::F)];
        let mut angles = Angles {
            cos_u: Array2::ones((ny, nx)),
            sin_u: Array2::zeros((ny, nx)),
            cos_v: Array2::ones((ny, nx)),
            sin_v: Array2::zeros((ny, nx)),
        };
        // Dot and cross products of the vector to the north and of a side of the grid, over their lengths.
        let against_north = |point: (f64, f64), from: (f64, f64), to: (f64, f64)| {
            let north = (-point.0, -point.1);
            let side = (to.0 - from.0, to.1 - from.1);
            let lengths =
                ((north.0 * north.0 + north.1 * north.1) * (side.0 * side.0 + side.1 * side.1)).sqrt();
            let n = lengths.max(1e-14);
            ((north.0 * side.0 + north.1 * side.1) / n, (north.0 * side.1 - north.1 * side.0) / n)
        };
        let rows = if self.topology.fold.repeats_last_row() { 1..ny - 1 } else { 1..ny };
        for j in rows {
            for i in 1..nx {
                let turned = (lon(Point::F)[[j, i]] - lon(Point::F)[[j - 1, i]]).abs() % 360.0;
                if turned >= 1e-8 {
                    let (dot, cross) = against_north(u[[j, i]], f[[j - 1, i]], f[[j, i]]);
                    (angles.cos_u[[j, i]], angles.sin_u[[j, i]]) = (dot, cross);
                }
                if (lat(Point::F)[[j, i]] - lat(Point::F)[[j, i - 1]]).abs() >= 1e-8 {
                    let (dot, cross) = against_north(v[[j, i]], f[[j, i - 1]], f[[j, i]]);
                    (angles.cos_v[[j, i]], angles.sin_v[[j, i]]) = (-cross, dot);
                }
            }
        }
        for (field, point) in [
            (&mut angles.cos_u, Point::U),
            (&mut angles.sin_u, Point::U),
            (&mut angles.cos_v, Point::V),
            (&mut angles.sin_v, Point::V),
        ] {
            fold::apply(field, point, self.topology);
        }
        angles
    }

    /// Masks of one type at every level: levels, rows, columns.
    pub fn all_masks(&self) -> [Array3<i32>; 4] {
        let (ny, nx) = self.shape();
        let count = self.levels.e3t.len();
        let mut masks = [0; 4].map(|_| Array3::zeros((count, ny, nx)));
        for k in 0..count {
            for (all, level) in masks.iter_mut().zip(self.masks(k + 1)) {
                all.index_axis_mut(ndarray::Axis(0), k).assign(&level);
            }
        }
        masks
    }
}

/// Longitudes without jumps along the rows, U, V and F points close to their T point.
fn make_continuous(points: &mut [Points; 4], topology: Topology) {
    let [t, others @ ..] = points;
    let lon = &mut t.lon_deg;
    let (ny, nx) = lon.dim();
    for i in 1..nx {
        for j in 0..ny {
            lon[[j, i]] = close(lon[[j, i]], lon[[j, i - 1]]);
        }
    }
    for j in 0..ny - 1 {
        lon[[j, 0]] = close(lon[[j, 0]], lon[[j, 1]]);
    }
    // The row before the fold turns back after the grid's pole. The original takes that for a jump and
    // adds a turn; the place is the same.
    if topology.fold.repeats_last_row() {
        for i in 1..nx {
            if lon[[ny - 2, i]] < lon[[ny - 2, i - 1]] {
                lon[[ny - 2, i]] += 360.0;
            }
        }
    }
    for other in others {
        Zip::from(&mut other.lon_deg).and(&*lon).for_each(|lon, &centre| *lon = close(*lon, centre));
    }
}

fn masks_at_level(mbathy: &Array2<i32>, topology: Topology, k: usize) -> [Array2<i32>; 4] {
    let (ny, nx) = mbathy.dim();
    let t = mbathy.mapv(|levels| i32::from(levels >= k as i32));
    let mut u = Array2::from_shape_fn((ny, nx), |(j, i)| t[[j, i]] * t[[j, (i + 1) % nx]]);
    fold::apply(&mut u, Point::U, topology);
    let folded = topology.fold.repeats_last_row();
    let northern = |j: usize| if folded { (j + 1) % ny } else { (j + 1).min(ny - 1) };
    let mut v = Array2::from_shape_fn((ny, nx), |(j, i)| t[[j, i]] * t[[northern(j), i]]);
    fold::apply(&mut v, Point::V, topology);
    let mut f = Array2::from_shape_fn((ny, nx), |(j, i)| u[[j, i]] * u[[northern(j), i]]);
    fold::apply(&mut f, Point::F, topology);
    [t, u, v, f]
}
