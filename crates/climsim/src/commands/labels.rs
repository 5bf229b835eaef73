//! `climsim internal-oceans` and `climsim passages`: what an editor would mark, as numbers and as a map.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};

use anyhow::{Context, Result, bail};
use boundary::components::DateLine;
use boundary::edit::{Map, Meaning};
use boundary::{Elevation, internal_oceans, passages};
use dataset::axes::{self, Axes};
use dataset::cf::{self, CoordinateQuery, Coordinates, Role};
use dataset::heights::Heights;
use dataset::{Attributes, Dataset, Variable};
use grid::Points;
use ndarray::{Array2, s};
use serde_json::{Value, json};

use crate::arguments::Labels;
use crate::{files, terminal};

pub(crate) fn internal_oceans(arguments: &Labels) -> Result<()> {
    let source = Source::read(arguments, "internal-oceans")?;
    let found = internal_oceans::find(source.field.view(), source.elevation, source.date_line);
    let mut seas: BTreeMap<u32, (usize, (usize, usize))> = BTreeMap::new();
    for (at, &label) in found.labels.indexed_iter() {
        if label != 0 && Some(label) != found.largest {
            seas.entry(label).or_insert((0, at)).0 += 1;
        }
    }
    let seas: Vec<Value> = seas
        .into_iter()
        .map(|(label, (cells, at))| {
            let mut sea = source.place(at);
            sea["label"] = json!(label);
            sea["cells"] = json!(cells);
            sea
        })
        .collect();
    let summary = json!({ "count": found.count, "cells": found.internal_cells, "internal_oceans": seas });
    let map = found.labels.mapv(|label| if label == 0 { f64::NAN } else { f64::from(label) });
    source.report(arguments, "internal_oceans", "internal ocean", &summary, map)
}

pub(crate) fn passages(arguments: &Labels) -> Result<()> {
    let source = Source::read(arguments, "passages")?;
    let found = passages::find(source.field.view(), source.elevation);
    let cells: Vec<Value> = found
        .layer
        .indexed_iter()
        .filter(|&(_, &mark)| mark == 2.0)
        .map(|(at, _)| source.place(at))
        .collect();
    let summary = json!({ "count": found.count, "passages": cells });
    source.report(arguments, "passages", "one-cell passage", &summary, found.layer)
}

struct Source {
    dataset: Dataset,
    /// Rows of one latitude where the file has axes, without columns that are there twice.
    field: Array2<f64>,
    /// Names of the dimensions of `field`: rows, columns.
    dimensions: [String; 2],
    elevation: Elevation,
    places: Places,
    date_line: DateLine,
    /// The variables of `places`.
    coordinates: Vec<Variable>,
}

/// Where the cells are.
enum Places {
    Axes(Axes),
    Cells { lon: Array2<f64>, lat: Array2<f64> },
    Unknown,
}

impl Source {
    fn read(arguments: &Labels, command: &str) -> Result<Self> {
        let file = arguments.input.display();
        let dataset = files::read(&arguments.input)?;
        let Some(variable) = dataset.variable(&arguments.var).cloned() else {
            let known: Vec<&str> = dataset.variables.iter().map(|v| v.name.as_str()).collect();
            bail!("{file} has no variable '{}'; it has {}", arguments.var, dataset::listed(&known));
        };
        let heights =
            Heights::read(&variable, &arguments.heights.overrides()).with_context(|| file.to_string())?;
        if let Some((index, height)) = heights.implausible() {
            bail!(
                "{file}: '{}' reaches {height} m at index {index:?}: that is no height (a fill value that the file does not \
                 declare, or other units? Declare the fill value in the file, or set --units)",
                variable.name
            );
        }
        let (values_m, positive, findings) = heights.into_counted();
        terminal::findings(command, &findings);
        let elevation = Elevation::new(positive, values_m.iter().copied());
        let (field, dimensions) = axes::one_map(&variable, values_m)
            .with_context(|| format!("{file}: '{}' is not a map (rows and columns)", variable.name))?;
        let source = Self {
            field,
            dimensions,
            elevation,
            places: Places::Unknown,
            date_line: DateLine::Open,
            coordinates: Vec::new(),
            dataset,
        };
        let wanted = CoordinateQuery { variable: Some(&variable.name), ..CoordinateQuery::default() };
        let found = cf::find(&source.dataset.header(), &wanted);
        let placed = found.and_then(|found| Ok((Axes::read(&source.dataset, &found)?, found)));
        match placed {
            Ok((axes, found)) => source.placed(axes, &found),
            Err(error) => {
                eprintln!("{file}: warning: the map is taken as one with four edges: {error}");
                Ok(source)
            }
        }
    }

    /// The map with its places: rows of one latitude, neighbours across the date line where it goes around.
    fn placed(mut self, axes: Option<Axes>, found: &Coordinates) -> Result<Self> {
        let named = [&found.lon, &found.lat].map(|name| self.dataset.variable(name).cloned());
        self.coordinates.extend(named.into_iter().flatten());
        let columns = axes.as_ref().map_or(found.lon_dimension.as_str(), |axes| axes.lon.dimension());
        if self.dimensions[0] == columns {
            self.field = self.field.reversed_axes();
            self.dimensions.reverse();
        }
        if let Some(axes) = axes {
            self.date_line = if axes.lon.closes() { DateLine::Joined } else { DateLine::Open };
            self.field.slice_collapse(s![.., ..axes.lon.distinct_deg().len()]);
            self.places = Places::Axes(axes);
            return Ok(self);
        }
        let plane = |variable: &Variable, role| -> Result<Array2<f64>> {
            let (mut plane, dimensions) = axes::plane_deg(variable, role)?;
            if dimensions[0] == self.dimensions[1] {
                plane = plane.reversed_axes();
            }
            Ok(plane)
        };
        let [lon, lat] = self.coordinates.as_slice() else { return Ok(self) };
        let (lon, lat) = (plane(lon, Role::Longitude)?, plane(lat, Role::Latitude)?);
        let points = Points { lon_deg: lon.mapv(grid::sphere::wrap_longitude), lat_deg: lat.clone() };
        self.date_line = Map::curvilinear(points, Meaning::Plain)?.seams().date_line;
        self.places = Places::Cells { lon, lat };
        Ok(self)
    }

    /// Where a cell is: row and column, and longitude and latitude where they are known.
    fn place(&self, (row, column): (usize, usize)) -> Value {
        let mut place = json!({ "row": row, "column": column });
        let (lon, lat) = match &self.places {
            Places::Axes(axes) => (axes.lon.degrees()[column], axes.lat.degrees()[row]),
            Places::Cells { lon, lat } => (lon[[row, column]], lat[[row, column]]),
            Places::Unknown => return place,
        };
        place["lon"] = json!(lon);
        place["lat"] = json!(lat);
        place
    }

    fn report(
        &self,
        arguments: &Labels,
        name: &str,
        thing: &str,
        summary: &Value,
        map: Array2<f64>,
    ) -> Result<()> {
        if let Some(path) = &arguments.out {
            let mut made = Dataset::new();
            let dimensions: Vec<&str> = self.dimensions.iter().map(String::as_str).collect();
            let map = match &self.places {
                // Columns that are there twice are so in the result.
                Places::Axes(axes) if axes.lon.repeated() > 0 => {
                    let distinct = map.ncols();
                    let columns: Vec<usize> = (0..axes.lon.degrees().len()).map(|k| k % distinct).collect();
                    map.select(ndarray::Axis(1), &columns)
                }
                _ => map,
            };
            made.add_f64(name, &dimensions, map.into_dyn(), Attributes::new());
            made.variables.extend(self.coordinates.iter().cloned());
            for coordinate in &self.coordinates {
                for (dimension, &len) in coordinate.dimensions.iter().zip(coordinate.shape()) {
                    made.add_dimension(dimension, len);
                }
            }
            files::write(&made, path)?;
        }
        let text = if arguments.json { format!("{summary:#}\n") } else { sentences(summary, thing) };
        match std::io::stdout().write_all(text.as_bytes()) {
            // `climsim passages ... | head` has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        }
    }
}

fn sentences(summary: &Value, thing: &str) -> String {
    let count = summary["count"].as_u64().unwrap_or_default();
    let mut text = format!("{count} {thing}{}\n", if count == 1 { "" } else { "s" });
    let items = summary.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_array()).flatten();
    for item in items {
        text += &format!("  row {}, column {}", item["row"], item["column"]);
        if let (Some(lon), Some(lat)) = (item["lon"].as_f64(), item["lat"].as_f64()) {
            text += &format!(" (lon {lon:.2}, lat {lat:.2})");
        }
        if let Some(cells) = item["cells"].as_u64() {
            text += &format!(": {cells} cell{}", if cells == 1 { "" } else { "s" });
        }
        text.push('\n');
    }
    text
}
