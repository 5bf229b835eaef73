//! Regridding as the corrected release does it: every source grid, methods that keep areas, coasts kept.

use dataset::{Attributes, DataType, Dataset, Header, Values, Variable, VariableHeader, cf, topography};
use ndarray::{Array1, Array2};
use remap::Mesh;

use super::axis::{Coordinate, Links};
use super::cells::CellWeights;
use super::kernel::{self, Along, Rule, Split};
use super::origin::Source;
use super::source::{Cells, Grid, Regular};
use super::stream::{Bands, MAX_HELD_VALUES};
use super::target::TargetAxis;
use super::{
    Coast, Error, Limits, Method, Parameters, beyond_measure, bounds_of, checked_steps, copied, is_boolean,
    is_date, push, refuse_large, with_fill_value,
};
use crate::history::note_corrections;
use crate::{Finding, Output, Progress};

/// Steps that divide the globe but for this part are exact.
const EXACT: f64 = 1e-6;

pub(super) fn run(
    source: Source<'_>,
    parameters: &Parameters,
    progress: &dyn Progress,
) -> Result<Output, Error> {
    checked_steps(parameters)?;
    let header = source.header();
    let (longitude, latitude) = (&parameters.longitude, &parameters.latitude);
    let names = [longitude, latitude, bounds_of(&header, longitude), bounds_of(&header, latitude)];
    let of_grid = source.some(&header, &names)?;
    let grid = Grid::read(&of_grid, longitude, latitude)?;
    let mut findings = Vec::new();
    let layout = Layout::new(&grid, parameters, &mut findings)?;
    refuse_large(&header, parameters, &layout.lengths(&grid), layout.columns as u64, layout.rows as u64)?;
    let targets = layout.axes();
    let (method, refines) = resolved(&grid, &layout, parameters.method);
    let mut regridder = Regridder {
        source,
        parameters,
        grid: &grid,
        targets,
        method,
        refines,
        operators: Operators::default(),
        topography: match topography::guess(&header) {
            topography::Guess::Certain(name) => Some(name),
            _ => None,
        },
    };
    regridder.say(&mut findings);

    let mut result = Dataset { attributes: header.attributes.clone(), ..Dataset::new() };
    let auxiliary = Auxiliary::new(&header, parameters);
    let treated: Vec<&VariableHeader> =
        header.variables.iter().filter(|v| !auxiliary.is_coordinate(&v.name)).collect();
    let (mut maps, mut empty_maps) = (0, 0);
    for (done, variable) in treated.iter().enumerate() {
        progress.report(&format!("regridding {}", variable.name), done as f64 / treated.len() as f64);
        if let Some(mut made) = regridder.variable(variable, &auxiliary, &mut findings)? {
            if regridder.is_map(variable) {
                maps += 1;
                empty_maps += usize::from(is_empty(&made.values));
            }
            auxiliary.forget(&mut made.attributes, &grid);
            push(&mut result, made);
        }
    }
    for (coordinate, targets) in
        [(Coordinate::Longitude, &regridder.targets.0), (Coordinate::Latitude, &regridder.targets.1)]
    {
        for variable in auxiliary.coordinate(&header, &grid, coordinate, targets, &result) {
            push(&mut result, variable);
        }
    }
    if maps > 0 && empty_maps == maps {
        return Err(no_values(&grid, &layout));
    }
    let corrections = regridder.corrections();
    note_corrections(&mut result, "regrid", &corrections.iter().map(String::as_str).collect::<Vec<_>>());
    progress.report("regridded", 1.0);
    Ok(Output { dataset: result, findings })
}

/// What the target covers, before its coordinates are computed.
struct Layout {
    lower: [f64; 2],
    step: [f64; 2],
    columns: usize,
    rows: usize,
}

impl Layout {
    fn new(grid: &Grid, parameters: &Parameters, findings: &mut Vec<Finding>) -> Result<Self, Error> {
        let steps = [parameters.longitude_step_degrees, parameters.latitude_step_degrees];
        let extents = match parameters.limits {
            Limits::Default => [(-180.0, 180.0), (-90.0, 90.0)],
            Limits::Data => extent_of(grid),
        };
        let mut counts = [0_u64; 2];
        let mut lower = [0.0; 2];
        let mut step = steps;
        for (k, coordinate) in [Coordinate::Longitude, Coordinate::Latitude].into_iter().enumerate() {
            let (from, to) = extents[k];
            let extent = to - from;
            let cells = extent / steps[k];
            let whole = extent > 2.0 * coordinate.limit() * (1.0 - EXACT);
            lower[k] = from;
            if whole || (cells - cells.round()).abs() <= EXACT * cells.max(1.0) {
                let count = cells.round().max(1.0);
                counts[k] = count as u64;
                step[k] = extent / count;
                if (cells - count).abs() > EXACT * cells.max(1.0) {
                    findings.push(Finding::warning(
                        "regrid-step-adjusted",
                        format!(
                            "a step of {} degrees does not divide the globe in {}: the cells are {} degrees wide, {count} of them",
                            steps[k],
                            coordinate.word(),
                            step[k]
                        ),
                    ));
                }
            } else {
                counts[k] = cells.ceil() as u64;
                findings.push(Finding::warning(
                    "regrid-overshoot",
                    format!(
                        "a step of {} degrees does not divide the extent in {}: the last cell ends at {} instead of {to}",
                        steps[k],
                        coordinate.word(),
                        from + cells.ceil() * steps[k]
                    ),
                ));
            }
        }
        let [columns, rows] = counts;
        // Refused by size before it is counted in memory.
        let fits = columns.saturating_mul(rows) <= parameters.largest_result;
        if !fits || columns == 0 || rows == 0 {
            let largest = parameters.largest_result;
            let values = columns.saturating_mul(rows);
            return Err(match fits {
                false => Error::TooLarge { rows, columns, values, largest },
                true => Error::NoTarget { rows, columns },
            });
        }
        Ok(Self { lower, step, columns: columns as usize, rows: rows as usize })
    }

    /// The lengths that dimensions of the source have in the result.
    fn lengths(&self, grid: &Grid) -> Vec<(String, u64)> {
        match grid {
            Grid::Regular(regular) => vec![
                (regular.lon_dimension.clone(), self.columns as u64),
                (regular.lat_dimension.clone(), self.rows as u64),
            ],
            Grid::Cells(cells) => match cells.dimensions.as_slice() {
                [rows, columns] => {
                    vec![(rows.clone(), self.rows as u64), (columns.clone(), self.columns as u64)]
                }
                [list] => vec![(list.clone(), (self.rows * self.columns) as u64)],
                _ => Vec::new(),
            },
        }
    }

    fn axes(&self) -> (TargetAxis, TargetAxis) {
        (
            TargetAxis::new(self.lower[0], self.step[0], self.columns, None),
            TargetAxis::new(self.lower[1], self.step[1], self.rows, Some(90.0)),
        )
    }
}

/// True for a map without any value.
fn is_empty(values: &Values) -> bool {
    matches!(values, Values::F64(numbers) if numbers.iter().all(|number| number.is_nan()))
}

/// Why no map has a value, and what to do.
fn no_values(grid: &Grid, layout: &Layout) -> Error {
    let extent = extent_of(grid);
    let widths = extent.map(|(from, to)| to - from);
    let is_small = widths.iter().zip(layout.step).any(|(width, step)| *width < 2.0 * step);
    let why = if is_small {
        // Some fifty cells across, as 1, 2 or 5 of a decimal place.
        let wanted = widths[0].min(widths[1]) / 50.0;
        let place = 10_f64.powf(wanted.log10().floor());
        let step =
            [5.0, 2.0, 1.0].into_iter().map(|k| k * place).find(|step| *step <= wanted).unwrap_or(place);
        let step = (step * 1e9).round() / 1e9;
        format!(
            "less than two cells of {} degrees: choose steps of {step} degrees and limits = data",
            layout.step[0]
        )
    } else {
        "and all of its maps are missing values there: look whether its _FillValue and its valid range are right".to_owned()
    };
    Error::NoValues { extent: extent.map(|(from, to)| (rounded(from), rounded(to))), why }
}

/// What a grid covers, as longitudes and latitudes.
fn extent_of(grid: &Grid) -> [(f64, f64); 2] {
    match grid {
        Grid::Regular(regular) => [regular.lon.extent(), regular.lat.extent()],
        Grid::Cells(cells) => extent(&cells.mesh),
    }
}

/// What the centres of cells of any shape cover, as longitudes and latitudes.
fn extent(mesh: &Mesh) -> [(f64, f64); 2] {
    let centres = || (0..mesh.len()).filter(|&cell| mesh.active()[cell]).map(|cell| mesh.centre_deg(cell));
    let (south, north) =
        centres().fold((90.0_f64, -90.0_f64), |(low, high), (_, lat)| (low.min(lat), high.max(lat)));
    // The longitudes without their widest gap.
    let mut lon: Vec<f64> = centres().map(|(lon, _)| lon.rem_euclid(360.0)).collect();
    lon.sort_by(f64::total_cmp);
    let Some((&first, &last)) = lon.first().zip(lon.last()) else { return [(-180.0, 180.0), (-90.0, 90.0)] };
    let gaps = lon.windows(2).map(|pair| (pair[1] - pair[0], pair[1], pair[0] + 360.0));
    let widest = gaps.fold((first + 360.0 - last, first, last), |a, b| if b.0 > a.0 { b } else { a });
    let width = (180.0 / (lon.len() as f64).sqrt()).min(5.0);
    let longitudes = if widest.0 > 4.0 * width { (widest.1, widest.2) } else { (-180.0, 180.0) };
    let longitudes =
        if longitudes.0 > 180.0 { (longitudes.0 - 360.0, longitudes.1 - 360.0) } else { longitudes };
    [longitudes, (south, north)]
}

/// The method, and whether the target is finer than the source somewhere.
fn resolved(grid: &Grid, layout: &Layout, method: Method) -> (Method, bool) {
    let refines = match grid {
        Grid::Regular(regular) => {
            let finer = |step: f64, spacing: f64| step < spacing * (1.0 - 1e-3);
            finer(layout.step[0], regular.lon.spacing()) || finer(layout.step[1], regular.lat.spacing())
        }
        Grid::Cells(cells) => {
            let areas = cells.mesh.areas_sr();
            let active =
                || areas.iter().zip(cells.mesh.active()).filter(|(area, active)| **active && **area > 0.0);
            let mean = active().map(|(area, _)| area).sum::<f64>() / active().count().max(1) as f64;
            layout.step[0].to_radians() * layout.step[1].to_radians() < mean * (1.0 - 1e-3)
        }
    };
    let method = match (method, refines) {
        (Method::Auto, true) => Method::Linear,
        (Method::Auto, false) => Method::Conservative,
        (chosen, _) => chosen,
    };
    (method, refines)
}

/// Makes variables of the result.
struct Regridder<'a> {
    source: Source<'a>,
    parameters: &'a Parameters,
    grid: &'a Grid,
    /// Longitude and latitude.
    targets: (TargetAxis, TargetAxis),
    method: Method,
    refines: bool,
    operators: Operators,
    /// The variable that is the topography of the file, whatever its name.
    topography: Option<String>,
}

/// What was computed for one variable and serves others too.
#[derive(Default)]
struct Operators {
    axes: Vec<(Method, Links, Links)>,
    cells: Vec<(Method, CellWeights)>,
}

/// What a variable is to be treated as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Numbers,
    /// Numbers that stand for classes.
    Classes,
    Text,
}

impl Regridder<'_> {
    fn say(&self, findings: &mut Vec<Finding>) {
        let (lon, lat) = (&self.parameters.longitude, &self.parameters.latitude);
        if self.parameters.method == Method::Auto {
            let how = match self.method {
                Method::Conservative => {
                    "values are means over the area of each cell (conservative), as the target is not finer than the source"
                }
                _ => "values are bilinear, as the target is finer than the source",
            };
            findings.push(Finding::note("regrid-method", how));
        }
        let Grid::Regular(regular) = self.grid else { return };
        if regular.repeated > 0 {
            findings.push(Finding::note(
                "regrid-cyclic-column",
                match regular.repeated {
                    1 => {
                        format!("'{lon}' goes around the globe more than once: a repeated column is left out")
                    }
                    more => format!(
                        "'{lon}' goes around the globe more than once: {more} repeated columns are left out"
                    ),
                },
            ));
        }
        let global = regular.lon.whole() && regular.lat.whole();
        if !global && self.parameters.limits == Limits::Default {
            let ((west, east), (south, north)) = (regular.lon.extent(), regular.lat.extent());
            findings.push(Finding::warning(
                "regrid-regional",
                format!(
                    "the file does not cover the globe: '{lon}' runs from {} to {} and '{lat}' from {} to {}; cells outside have no value. With limits = data the result has the extent of the file",
                    rounded(west),
                    rounded(east),
                    rounded(south),
                    rounded(north)
                ),
            ));
        }
    }

    fn corrections(&self) -> Vec<String> {
        let mut done = vec![
            "longitude closed on itself".to_owned(),
            "outermost row at the poles".to_owned(),
            "computed in double precision".to_owned(),
        ];
        done.push(match self.method {
            Method::Conservative => "means over the areas of cells (conservative)".to_owned(),
            Method::Conservative2 => "means over the areas of cells (conservative, second order)".to_owned(),
            Method::Nearest => "nearest neighbour".to_owned(),
            Method::Linear | Method::Auto => "bilinear".to_owned(),
        });
        done
    }

    fn variable(
        &mut self,
        variable: &VariableHeader,
        auxiliary: &Auxiliary,
        findings: &mut Vec<Finding>,
    ) -> Result<Option<Variable>, Error> {
        let name = &variable.name;
        let mut left_out = |code, why: &str| {
            findings.push(Finding::warning(code, format!("'{name}' {why}: it is left out")));
            Ok(None)
        };
        // A record dimension without records: the result has fixed dimensions, which cannot be empty.
        if variable.is_empty() {
            return left_out("regrid-empty-dropped", "has no values");
        }
        let Some(found) = self.axes_of(variable) else {
            return left_out("regrid-repeated-dropped", "has a dimension of the grid twice");
        };
        if found == (None, None) {
            return Ok(Some(copied(&*self.source.read(name)?)));
        }
        if auxiliary.is_area(variable) {
            return left_out("regrid-areas-dropped", "holds the areas of the source's cells");
        }
        if auxiliary.positions.contains(name) {
            return left_out(
                "regrid-coordinates-dropped",
                "holds coordinates or sizes of the source's cells",
            );
        }
        if variable.data_type.is_numeric() && is_date(&variable.attributes) {
            return left_out("regrid-date-dropped", "holds dates, which cannot be interpolated");
        }
        let kind = match variable.data_type.is_numeric() {
            false => Kind::Text,
            true if is_class(variable) => Kind::Classes,
            true => Kind::Numbers,
        };
        if matches!(self.grid, Grid::Cells(_))
            && (kind == Kind::Text || found.0.is_none() || found.1.is_none())
        {
            return left_out("regrid-not-on-cells", "is not on the cells of the grid");
        }
        let mut noticed = Vec::new();
        let made = match kind {
            Kind::Text => self.text(variable, found)?,
            Kind::Classes => self.classes(variable, found)?,
            Kind::Numbers => self.numbers(variable, found, &mut noticed)?,
        };
        let Some((values, attributes)) = made else {
            return left_out("regrid-not-on-cells", "is not on the cells of the grid");
        };
        findings.extend(noticed);
        if found.0.is_some() && found.1.is_some() {
            findings.extend(self.emptiness(variable, &values));
            findings.extend(beyond_measure(name, &values));
        }
        let made =
            Variable { name: name.clone(), dimensions: self.dimensions(variable, found), attributes, values };
        Ok(Some(made))
    }

    /// The axes of a variable along the dimension of longitude (or of the columns) and along that of latitude.
    /// `None` for one that has one of these dimensions twice.
    fn axes_of(&self, variable: &VariableHeader) -> Option<(Option<usize>, Option<usize>)> {
        let along = |dimension: &str| {
            let mut axes = variable.dimensions.iter().enumerate().filter(|(_, own)| *own == dimension);
            let first = axes.next().map(|(axis, _)| axis);
            axes.next().is_none().then_some(first)
        };
        match self.grid {
            Grid::Regular(regular) => Some((along(&regular.lon_dimension)?, along(&regular.lat_dimension)?)),
            Grid::Cells(cells) => match cells.dimensions.as_slice() {
                [rows, columns] => Some((along(columns)?, along(rows)?)),
                [list] => Some((along(list)?, along(list)?)),
                _ => Some((None, None)),
            },
        }
    }

    /// True for a variable that lies on the grid.
    fn is_map(&self, variable: &VariableHeader) -> bool {
        matches!(self.axes_of(variable), Some((Some(_), Some(_))))
    }

    /// The names of the dimensions of a variable of the result.
    fn dimensions(
        &self,
        variable: &VariableHeader,
        (lon, lat): (Option<usize>, Option<usize>),
    ) -> Vec<String> {
        let (x, y) = dimensions(self.grid, self.parameters);
        let mut names = variable.dimensions.clone();
        if let Some(axis) = lat {
            names[axis] = y;
        }
        match lon {
            // A list of cells becomes rows of columns.
            Some(axis) if lat == Some(axis) => names.insert(axis + 1, x),
            Some(axis) => names[axis] = x,
            None => {}
        }
        names
    }

    fn numbers(
        &mut self,
        variable: &VariableHeader,
        found: (Option<usize>, Option<usize>),
        findings: &mut Vec<Finding>,
    ) -> Result<Option<(Values, Attributes)>, Error> {
        let rule = self.rule(variable);
        let source = self.source;
        let packing = variable.packing();
        let values = match self.grid {
            Grid::Regular(regular) => {
                let operators = self.operators.axes(regular, &self.targets, self.method);
                let (lon, lat) = resampled(operators, found);
                match (source, found) {
                    (Source::File(file) | Source::Part(file, _), (Some(x), Some(y)))
                        if variable.len() > MAX_HELD_VALUES =>
                    {
                        let (lon, lat) = (lon.1, lat.1);
                        let bands = Bands::new(file, variable, &packing, (x, lon.len()), (y, lat.len()));
                        let (values, counts) = bands.resample(lat, lon, |values, lat, lon| {
                            kernel::resample(values, &packing, lat, lon, &rule)
                        })?;
                        findings.extend(packing.findings_of_counts(&variable.name, &counts));
                        Some(values)
                    }
                    _ => {
                        let read = source.read(&variable.name)?;
                        findings.extend(packing.findings(&variable.name, &read.values));
                        kernel::resample(&read.values, &packing, lat, lon, &rule)
                    }
                }
            }
            Grid::Cells(cells) => {
                let Some(target) = target_mesh(&self.targets) else { return Ok(None) };
                let weights = self.operators.cells(cells, &target, self.method);
                let shape = (self.targets.1.centres.len(), self.targets.0.centres.len());
                let read = source.read(&variable.name)?;
                findings.extend(packing.findings(&variable.name, &read.values));
                read.decode().map(|values| weights.resample(cells, &target, &values, found, shape, &rule))
            }
        };
        Ok(values.map(|values| {
            let values = Values::F64(values);
            let attributes = with_fill_value(packing.unpacked(&variable.attributes), &values);
            (values, attributes)
        }))
    }

    /// How the sums of a variable become values.
    fn rule(&self, variable: &VariableHeader) -> Rule {
        let is_map = topography::named_like(&variable.name, &variable.attributes);
        let kept = match self.parameters.coast {
            Coast::Kept => is_map || self.topography.as_deref() == Some(&variable.name),
            Coast::Mixed => false,
            Coast::Auto => self.parameters.method == Method::Auto && self.refines && is_map,
        };
        let split = match (kept, self.method) {
            (false, _) | (true, Method::Nearest) => Split::None,
            (true, method) if method.is_conservative() => Split::Majority,
            (true, _) => Split::Nearest,
        };
        Rule {
            min_valid_fraction: self.parameters.min_valid_fraction,
            split,
            slopes: self.method == Method::Conservative2,
        }
    }

    /// Classes: the nearest where the target is finer, else the one with the largest share. Stored numbers stay what they are.
    fn classes(
        &mut self,
        variable: &VariableHeader,
        found: (Option<usize>, Option<usize>),
    ) -> Result<Option<(Values, Attributes)>, Error> {
        let source = self.source;
        let packing = variable.packing();
        let numbers = |stored: &Values| {
            let mut numbers = stored.to_f64()?;
            numbers.mapv_inplace(|number| if packing.is_missing(number) { f64::NAN } else { number });
            Some(numbers)
        };
        let method = if self.refines { Method::Nearest } else { Method::Conservative };
        let made = match self.grid {
            Grid::Regular(regular) => {
                let (lon, lat) = resampled(self.operators.axes(regular, &self.targets, method), found);
                let share = |stored: &Values, lat: Along<'_>, lon: Along<'_>| {
                    Some(kernel::largest_share(&numbers(stored)?, lat, lon))
                };
                match (source, found) {
                    (Source::File(file) | Source::Part(file, _), (Some(x), Some(y)))
                        if variable.len() > MAX_HELD_VALUES =>
                    {
                        let (lon, lat) = (lon.1, lat.1);
                        let bands = Bands::new(file, variable, &packing, (x, lon.len()), (y, lat.len()));
                        bands.resample(lat, lon, share)?.0
                    }
                    _ => match share(&source.read(&variable.name)?.values, lat, lon) {
                        Some(made) => made,
                        None => return Ok(None),
                    },
                }
            }
            Grid::Cells(cells) => {
                let Some(target) = target_mesh(&self.targets) else { return Ok(None) };
                let weights = self.operators.cells(cells, &target, method);
                let shape = (self.targets.1.centres.len(), self.targets.0.centres.len());
                let read = source.read(&variable.name)?;
                let Some(numbers) = numbers(&read.values) else { return Ok(None) };
                weights.largest_share(&numbers, found, shape)
            }
        };
        let marker = packing.marker();
        let holes = made.iter().any(|number| number.is_nan());
        if !holes || marker.is_some() {
            let marker = marker.unwrap_or_default();
            let filled = made.mapv(|number| if number.is_nan() { marker } else { number });
            let values = Values::from_f64(filled, variable.data_type);
            return Ok(values.map(|values| (values, variable.attributes.clone())));
        }
        // Nothing marks a hole: numbers in double do.
        let values = Values::F64(made.mapv(|number| packing.value(number)));
        let attributes = with_fill_value(packing.unpacked(&variable.attributes), &values);
        Ok(Some((values, attributes)))
    }

    fn text(
        &mut self,
        variable: &VariableHeader,
        found: (Option<usize>, Option<usize>),
    ) -> Result<Option<(Values, Attributes)>, Error> {
        let Grid::Regular(regular) = self.grid else { return Ok(None) };
        let mut values = self.source.read(&variable.name)?.into_owned().values;
        let labels = [
            (found.0, regular.lon.nearest_labels(&self.targets.0)),
            (found.1, regular.lat.nearest_labels(&self.targets.1)),
        ];
        for (axis, labels) in labels {
            if let Some(axis) = axis {
                values = match values {
                    Values::Char(array) => Values::Char(array.select(ndarray::Axis(axis), &labels)),
                    Values::Text(array) => Values::Text(array.select(ndarray::Axis(axis), &labels)),
                    other => other,
                };
            }
        }
        Ok(Some((values, variable.attributes.clone())))
    }

    /// What to say about missing values in the result.
    fn emptiness(&self, variable: &VariableHeader, values: &Values) -> Option<Finding> {
        let Values::F64(array) = values else { return None };
        let empty = array.iter().filter(|x| x.is_nan()).count();
        if empty == 0 {
            return None;
        }
        let outside = match self.grid {
            Grid::Regular(_) => {
                let found = self.operators.axes.first();
                found.map_or(0, |(_, lon, lat)| lon.len() * lat.len() - lon.inside() * lat.inside())
            }
            Grid::Cells(_) => {
                let needed = self.parameters.min_valid_fraction;
                self.operators.cells.first().map_or(0, |(_, weights)| weights.outside(needed))
            }
        };
        let cause = if outside > 0 {
            format!("{outside} of each map lie outside the source")
        } else {
            "where the source has missing values".to_owned()
        };
        Some(Finding::warning(
            "regrid-empty-cells",
            format!(
                "'{}' has no value in {empty} of {} cells ({cause}): routing needs a value everywhere",
                variable.name,
                array.len()
            ),
        ))
    }
}

/// The axes of a variable with what to do along them: longitude and latitude.
fn resampled<'a>(
    (lon, lat, identity): (&'a Links, &'a Links, &'a Links),
    found: (Option<usize>, Option<usize>),
) -> (Along<'a>, Along<'a>) {
    let along = |axis: Option<usize>, links: &'a Links| (axis, if axis.is_some() { links } else { identity });
    (along(found.0, lon), along(found.1, lat))
}

impl Operators {
    /// The links along longitude and latitude, and those of an axis that is not there.
    fn axes(
        &mut self,
        regular: &Regular,
        targets: &(TargetAxis, TargetAxis),
        method: Method,
    ) -> (&Links, &Links, &Links) {
        static IDENTITY: std::sync::LazyLock<Links> = std::sync::LazyLock::new(Links::identity);
        let at = self.axes.iter().position(|(own, ..)| *own == method).unwrap_or_else(|| {
            let (lon, lat) = (regular.lon.links(&targets.0, method), regular.lat.links(&targets.1, method));
            self.axes.push((method, lon, lat));
            self.axes.len() - 1
        });
        let (_, lon, lat) = &self.axes[at];
        (lon, lat, &IDENTITY)
    }

    fn cells(&mut self, cells: &Cells, target: &Mesh, method: Method) -> &mut CellWeights {
        let at = self.cells.iter().position(|(own, _)| *own == method).unwrap_or_else(|| {
            self.cells.push((method, CellWeights::new(&cells.mesh, target, method)));
            self.cells.len() - 1
        });
        &mut self.cells[at].1
    }
}

/// The target as cells.
fn target_mesh((lon, lat): &(TargetAxis, TargetAxis)) -> Option<Mesh> {
    let grid = grid::RegularGrid::new(lon.centres.clone(), lat.centres.clone()).ok()?;
    let edges = |axis: &TargetAxis| -> Vec<f64> {
        let last = axis.edges.last().map(|edge| edge[1]);
        axis.edges.iter().map(|edge| edge[0]).chain(last).collect()
    };
    Mesh::rectilinear(&grid, edges(lon), edges(lat)).ok()
}

/// The names of the dimensions of the result: of the columns and of the rows.
fn dimensions(grid: &Grid, parameters: &Parameters) -> (String, String) {
    match grid {
        Grid::Regular(regular) if !regular.planes => {
            (regular.lon_dimension.clone(), regular.lat_dimension.clone())
        }
        // Planes become coordinate variables proper.
        _ => (parameters.longitude.clone(), parameters.latitude.clone()),
    }
}

/// True for numbers that stand for classes: flags, truth values, and whole numbers without a unit that a name calls a
/// mask, a type or the like.
fn is_class(variable: &VariableHeader) -> bool {
    let attributes = &variable.attributes;
    if is_boolean(attributes)
        || ["flag_values", "flag_masks", "flag_meanings"].iter().any(|name| attributes.get(name).is_some())
    {
        return true;
    }
    let whole = !matches!(variable.data_type, DataType::F32 | DataType::F64);
    let unit = attributes.text("units").map(str::trim).unwrap_or_default();
    let packed = attributes.get("scale_factor").is_some() || attributes.get("add_offset").is_some();
    if !whole || packed || !matches!(unit, "" | "1" | "none" | "unitless") {
        return false;
    }
    const WORDS: [&str; 10] =
        ["mask", "msk", "flag", "class", "type", "basin", "region", "biome", "index", "code"];
    let called =
        [Some(variable.name.as_str()), attributes.text("long_name"), attributes.text("standard_name")];
    called.into_iter().flatten().any(|text| {
        let text = text.to_lowercase();
        WORDS.iter().any(|word| text.contains(word))
    })
}

/// The variables that describe the grid.
struct Auxiliary {
    lon: String,
    lat: String,
    bounds: [Option<String>; 2],
    areas: Vec<String>,
    /// Longitudes and latitudes of other points, or of corners, of the same cells.
    positions: Vec<String>,
}

impl Auxiliary {
    fn new(source: &Header, parameters: &Parameters) -> Self {
        let bounds = |name: &str| {
            let named = source.variable(name)?.attributes.text("bounds")?.trim();
            source.variable(named).map(|bounds| bounds.name.clone())
        };
        let areas = source.variables.iter().filter_map(|v| v.attributes.text("cell_measures"));
        let areas = areas.flat_map(|text| {
            let words: Vec<&str> = text.split_whitespace().collect();
            words
                .windows(2)
                .filter(|pair| pair[0] == "area:")
                .map(|pair| pair[1].to_owned())
                .collect::<Vec<_>>()
        });
        let positions =
            source.variables.iter().filter(|v| cf::is_position(source, v) || is_nemo_metric(&v.name));
        Self {
            positions: positions.map(|v| v.name.clone()).collect(),
            bounds: [bounds(&parameters.longitude), bounds(&parameters.latitude)],
            lon: parameters.longitude.clone(),
            lat: parameters.latitude.clone(),
            areas: areas.collect(),
        }
    }

    /// True for the coordinates and their bounds, which are written anew.
    fn is_coordinate(&self, name: &str) -> bool {
        name == self.lon || name == self.lat || self.bounds.iter().flatten().any(|bounds| bounds == name)
    }

    fn is_area(&self, variable: &VariableHeader) -> bool {
        self.areas.contains(&variable.name) || variable.attributes.text("standard_name") == Some("cell_area")
    }

    /// Takes out of the attributes of a variable what is not there any more.
    fn forget(&self, attributes: &mut Attributes, grid: &Grid) {
        if let Some(measures) = attributes.text("cell_measures")
            && measures.contains("area:")
        {
            attributes.remove("cell_measures");
        }
        let planes = match grid {
            Grid::Regular(regular) => regular.planes,
            Grid::Cells(_) => true,
        };
        let Some(listed) = attributes.text("coordinates").map(str::to_owned) else { return };
        if planes {
            let others: Vec<&str> =
                listed.split_whitespace().filter(|name| *name != self.lon && *name != self.lat).collect();
            if others.is_empty() {
                attributes.remove("coordinates");
            } else {
                attributes.set("coordinates", others.join(" "));
            }
        }
    }

    /// A coordinate of the result, and its bounds where the source has them.
    fn coordinate(
        &self,
        source: &Header,
        grid: &Grid,
        coordinate: Coordinate,
        targets: &TargetAxis,
        result: &Dataset,
    ) -> Vec<Variable> {
        let (name, bounds) = match coordinate {
            Coordinate::Longitude => (&self.lon, &self.bounds[0]),
            Coordinate::Latitude => (&self.lat, &self.bounds[1]),
        };
        let dimension = match (grid, coordinate) {
            (Grid::Regular(regular), Coordinate::Longitude) if !regular.planes => {
                regular.lon_dimension.clone()
            }
            (Grid::Regular(regular), Coordinate::Latitude) if !regular.planes => {
                regular.lat_dimension.clone()
            }
            _ => name.clone(),
        };
        let values = Values::F64(Array1::from(targets.centres.clone()).into_dyn());
        let mut attributes = with_fill_value(unpacked(source.variable(name)), &values);
        // The values are degrees east and north now, whatever they were.
        let kept = attributes.text("units").is_some_and(|units| {
            let units = units.to_lowercase();
            units.starts_with("deg") && !units.ends_with('w') && !units.ends_with("west")
        });
        if !kept {
            let units = match coordinate {
                Coordinate::Longitude => "degrees_east",
                Coordinate::Latitude => "degrees_north",
            };
            attributes.set("units", units);
        }
        if bounds.is_none() {
            attributes.remove("bounds");
        }
        let mut made = vec![Variable::new(name, &[&dimension], values, attributes)];
        if let Some(bounds) = bounds {
            let edges = Array2::from_shape_fn((targets.edges.len(), 2), |(k, side)| targets.edges[k][side]);
            let values = Values::F64(edges.into_dyn());
            let mut attributes = with_fill_value(unpacked(source.variable(bounds)), &values);
            if !kept {
                attributes.remove("units");
            }
            let vertices = vertex_dimension(source, bounds, result);
            made.push(Variable::new(bounds, &[&dimension, &vertices], values, attributes));
        }
        made
    }
}

/// True for the longitudes, latitudes and sizes of cells in the files of NEMO, which carry no attributes that say so.
fn is_nemo_metric(name: &str) -> bool {
    let of_points = |prefix: &str| {
        name.strip_prefix(prefix).is_some_and(|point| matches!(point, "t" | "u" | "v" | "f" | "w"))
    };
    ["glam", "gphi", "e1", "e2"].into_iter().any(of_points)
}

/// The attributes of a variable whose values become other ones; none of a variable that is not there.
fn unpacked(variable: Option<&VariableHeader>) -> Attributes {
    variable.map(|variable| variable.packing().unpacked(&variable.attributes)).unwrap_or_default()
}

/// A dimension of two for bounds: that of the source, or one that is free.
fn vertex_dimension(source: &Header, bounds: &str, result: &Dataset) -> String {
    let own = source
        .variable(bounds)
        .filter(|v| v.dimensions.len() == 2)
        .and_then(|v| v.dimensions.last().cloned())
        .unwrap_or_else(|| "bnds".to_owned());
    let free = |name: &str| match (result.dimension(name), source.dimension(name)) {
        (Some(there), _) | (None, Some(there)) => there.len == 2,
        (None, None) => true,
    };
    [own.as_str(), "bnds", "nv2"].into_iter().find(|name| free(name)).unwrap_or("vertices2").to_owned()
}

fn rounded(degrees: f64) -> f64 {
    (degrees * 1e4).round() / 1e4
}
