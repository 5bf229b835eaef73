//! `climsim internal-oceans` and `climsim passages`: what an editor would mark, as numbers and as a map.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write};

use anyhow::{Context, Result, bail};
use boundary::components::DateLine;
use boundary::{Elevation, internal_oceans, passages};
use dataset::cf::{self, Guess};
use dataset::{Attributes, Dataset, Variable};
use ndarray::{Array2, Ix2};
use serde_json::{Value, json};

use crate::arguments::Labels;
use crate::files;

pub(crate) fn internal_oceans(arguments: &Labels) -> Result<()> {
    let source = Source::read(arguments)?;
    let found = internal_oceans::find(source.field.view(), source.elevation, DateLine::Joined);
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
    let source = Source::read(arguments)?;
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
    variable: Variable,
    field: Array2<f64>,
    elevation: Elevation,
    lon: Option<Variable>,
    lat: Option<Variable>,
}

impl Source {
    fn read(arguments: &Labels) -> Result<Self> {
        let file = arguments.input.display();
        let dataset = files::read(&arguments.input)?;
        let Some(variable) = dataset.variable(&arguments.var).cloned() else {
            let known: Vec<&str> = dataset.variables.iter().map(|v| v.name.as_str()).collect();
            bail!("{file} has no variable '{}'; it has {}", arguments.var, dataset::listed(&known));
        };
        let field = variable
            .decode()
            .with_context(|| format!("{file}: '{}' holds text, not heights", variable.name))?
            .into_dimensionality::<Ix2>()
            .with_context(|| format!("{file}: '{}' is not a map (rows and columns)", variable.name))?;
        let is_depth = variable.name.to_lowercase().starts_with("bathy")
            || variable.attributes.text("positive").is_some_and(|way| way.eq_ignore_ascii_case("down"));
        let elevation = if is_depth { Elevation::PositiveDown } else { Elevation::PositiveUp };
        let (lon, lat) = match cf::guess(&dataset.header()) {
            Guess::Certain { lon, lat } => (dataset.variable(&lon).cloned(), dataset.variable(&lat).cloned()),
            Guess::Ambiguous { .. } => (None, None),
        };
        Ok(Self { dataset, variable, field, elevation, lon, lat })
    }

    /// Where a cell is: row and column, and longitude and latitude where they are known.
    fn place(&self, (row, column): (usize, usize)) -> Value {
        let mut place = json!({ "row": row, "column": column });
        for (name, coordinate, along) in [("lon", &self.lon, column), ("lat", &self.lat, row)] {
            let Some(values) = coordinate.as_ref().and_then(Variable::decode) else { continue };
            let value = match values.ndim() {
                1 => values.get([along].as_slice()),
                2 => values.get([row, column].as_slice()),
                _ => None,
            };
            if let Some(value) = value {
                place[name] = json!(value);
            }
        }
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
            for dimension in &self.variable.dimensions {
                if let Some(dimension) = self.dataset.dimension(dimension) {
                    made.add_dimension(&dimension.name, dimension.len);
                }
            }
            let dimensions: Vec<&str> = self.variable.dimensions.iter().map(String::as_str).collect();
            made.add_f64(name, &dimensions, map.into_dyn(), Attributes::new());
            made.variables.extend([&self.lon, &self.lat].into_iter().flatten().cloned());
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
