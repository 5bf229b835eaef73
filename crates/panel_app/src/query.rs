//! What is asked of a draft and changes nothing.

use boundary::edit::{Action, Layer, Map, Mask};
use field::Container;
use field::answer::{Part, View as FieldView};
use field::descriptor::{self, Choice};
use field::encode::{Fidelity, encode};
use field::slice::Window;
use serde_json::{Map as Object, Value, json};
use workflow::FileType;

use crate::base::{BASINS, EditedSlabs, layer_variable};
use crate::editor::{Editor, layer_name, layer_title};
use crate::error::Error;
use crate::plane::{MapChange, as_window, told};
use crate::protocol::{self, Query, View};
use crate::work::{Work, counts};

/// Larger changes are not sent cell by cell: the page asks for the maps again.
const MAX_CHANGED: usize = 1 << 18;
/// Items of a list at most.
const MAX_LISTED: usize = 1000;
/// Bins of a histogram at most.
const MAX_BINS: usize = 1024;

/// The mean radius of the earth, m: as the river routing has it.
const EARTH_RADIUS_M: f64 = 6_371_000.0;

/// An answer to a page.
#[derive(Debug)]
pub(crate) enum QueryResult {
    Done(Object<String, Value>),
    Binary(Container),
}

impl Work {
    /// The first frame of a connection, without what only the connection knows.
    ///
    /// # Errors
    /// When the file cannot be described.
    pub(crate) fn hello(&self) -> Result<Object<String, Value>, Error> {
        let base = &self.base;
        let live = self.live();
        let description = descriptor::describe(&live, &base.header, None, &base.hints)?;
        let variable = base.variable_header()?;
        let style = descriptor::style(variable, false);
        let title = match variable.attributes.text("long_name") {
            Some(text) if !text.is_empty() => text.to_owned(),
            _ => base.variable.clone(),
        };
        let mut maps = vec![json!({ "map": "values", "title": title, "style": style })];
        for &layer in base.editor.layers(base.meaning) {
            maps.push(
                json!({ "map": layer_name(layer), "title": layer_title(layer), "style": "categorical" }),
            );
        }
        let seams = base.map.seams();
        let why_not = base.why_not_writable();
        let hello = json!({
            "type": "hello",
            "protocol": protocol::VERSION,
            "draft": self.draft.id,
            "app": base.editor.as_str(),
            "file": { "id": base.data_file.id, "title": base.data_file.filename.trim_end_matches(".nc") },
            "file_type": base.file_type.as_str(),
            "revision": base.edited().revision,
            "newest": self.newest,
            "variable": base.variable,
            "meaning": base.meaning,
            "integer": !matches!(base.data_type()?, dataset::DataType::F32 | dataset::DataType::F64),
            "writable": why_not.is_none(),
            "why_not": why_not,
            "rows": base.map.rows(),
            "columns": base.map.columns(),
            "periodic": seams.date_line == boundary::components::DateLine::Joined,
            "fold": match seams.fold {
                grid::Fold::None | grid::Fold::Other(_) => Value::Null,
                grid::Fold::TPivot => "t".into(),
                grid::Fold::FPivot => "f".into(),
            },
            "overlap": if seams.overlap == grid::Overlap::TwoColumns { 2 } else { 0 },
            "index_space": matches!(base.placed.geometry, field::geometry::Geometry::Index { .. }),
            "field": description,
            "maps": maps,
            "findings": base.findings,
            "previous": self.previous_summary()?,
            "state": self.whole_state()?,
        });
        match hello {
            Value::Object(hello) => Ok(hello),
            _ => Ok(Object::new()),
        }
    }

    /// The frames that follow `hello`: every map at its overview level, and the mesh of a curvilinear grid.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn overview(&mut self) -> Result<Vec<Container>, Error> {
        let at = vec![0; self.base.leading()?.len()];
        let mut names = vec!["values"];
        if self.base.why_not_writable().is_none() {
            names.extend(self.base.editor.layers(self.base.meaning).iter().map(|&layer| layer_name(layer)));
        }
        let mut frames = Vec::new();
        for name in names {
            frames.push(self.view(&View {
                map: Some(name.to_owned()),
                at: at.clone(),
                ..View::default()
            })?);
        }
        if matches!(self.base.placed.geometry, field::geometry::Geometry::Curvilinear { .. }) {
            frames.push(self.mesh(None)?);
        }
        Ok(frames)
    }

    /// Answers.
    ///
    /// # Errors
    /// Requests that cannot be meant.
    pub(crate) fn ask(&mut self, ask: Query) -> Result<QueryResult, Error> {
        Ok(match ask {
            Query::View(view) => QueryResult::Binary(self.view(&view)?),
            Query::Mesh { level } => QueryResult::Binary(self.mesh(level)?),
            Query::Cell { cell, at } => QueryResult::Done(self.cell(cell, &at)?),
            Query::Select { selection, filter, at } => {
                let mut action = Action::new(boundary::edit::Operation::MatchTwins {}, selection);
                action.filter = filter;
                QueryResult::Binary(self.select(&action, &at)?)
            }
            Query::Preview { mut action, at, copy } => {
                if let Some(from) = &copy {
                    self.fill_in(&mut action, &at, from)?;
                }
                QueryResult::Binary(self.preview(&action, &at)?)
            }
            Query::Histogram { bins, selection, filter, at } => {
                let mut action = Action::new(boundary::edit::Operation::MatchTwins {}, selection);
                action.filter = filter;
                QueryResult::Done(self.histogram(bins, &action, &at)?)
            }
            Query::List { map, at } => QueryResult::Done(self.list(&map, &at)?),
            Query::Fitness { at } => QueryResult::Done(self.fitness(&at)?),
            Query::Recipe { at } => {
                QueryResult::Done(object(json!({ "recipe": self.recipe(at.as_deref())? })))
            }
            Query::Sources => QueryResult::Done(self.sources()?),
            // These two belong to the connection.
            Query::Consequences { .. } | Query::Ping => QueryResult::Done(Object::new()),
        })
    }

    fn live(&self) -> EditedSlabs<'_> {
        EditedSlabs { base: &self.base, planes: &self.planes }
    }

    fn view(&mut self, view: &View) -> Result<Container, Error> {
        let name = view.map.as_deref().unwrap_or("values");
        let layers = self.base.editor.layers(self.base.meaning);
        let is_layer = layers.iter().any(|&layer| layer_name(layer) == name);
        if name != "values" && !is_layer {
            return Err(Error::NotFound(format!("This editor has no map '{name}'.")));
        }
        let edited = view.variable.is_none() && view.revision.is_none();
        let writable = self.base.why_not_writable().is_none();
        if edited && writable && (is_layer || self.history.planes().contains(&view.at)) {
            self.plane(&view.at)?;
        }
        if is_layer && !writable {
            return Err(Error::ReadOnly(
                "Maps that follow from this one are not made of a map of this size.".to_owned(),
            ));
        }
        let variable = match (&view.variable, is_layer) {
            (Some(variable), _) => variable.clone(),
            (None, true) => layer_variable(name),
            (None, false) => self.base.variable.clone(),
        };
        let at = view.at.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        let choice = Choice { variable: Some(&variable), at: Some(&at) };
        let window = view.window.map(|[i, j, ni, nj]| Window { i, j, ni, nj });
        let part = Part { level: view.level, window };
        let hints = &self.base.hints;
        let mut container = match view.revision {
            Some(number) => {
                let (_, file) = self.base.other(&self.store, number)?;
                FieldView { source: &file, header: file.header(), subtracted: None, hints }
                    .field(&choice, part)?
            }
            None => {
                let source = self.live();
                FieldView { source: &source, header: &self.base.with_layers, subtracted: None, hints }
                    .field(&choice, part)?
            }
        };
        container.set("type", "view");
        container.set("map", name);
        container.set("sequence", self.history.sequence);
        Ok(container)
    }

    fn mesh(&self, level: Option<u32>) -> Result<Container, Error> {
        let choice = Choice { variable: Some(&self.base.variable), at: None };
        let source = self.live();
        let view = FieldView {
            source: &source,
            header: &self.base.header,
            subtracted: None,
            hints: &self.base.hints,
        };
        let mut container = view.mesh(&choice, level)?;
        container.set("type", "mesh");
        Ok(container)
    }

    fn cell(&mut self, [i, j]: [usize; 2], at: &[usize]) -> Result<Object<String, Value>, Error> {
        let (rows, columns) = self.base.map.dim();
        if j >= rows || i >= columns {
            return Err(Error::Invalid(format!("There is no cell [{i}, {j}] among {columns} x {rows}.")));
        }
        let number = j * columns + i;
        let place = self.base.map.lon_lat(number);
        let layers = self.base.editor.layers(self.base.meaning);
        let mut answer = object(json!({
            "cell": [i, j],
            "lon": place.map(|[lon, _]| lon),
            "lat": place.map(|[_, lat]| lat),
        }));
        if self.base.why_not_writable().is_some() {
            let choice = Choice { variable: Some(&self.base.variable), at: None };
            let at: String = at.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
            let view = FieldView {
                source: &self.base.file,
                header: &self.base.header,
                subtracted: None,
                hints: &self.base.hints,
            };
            let read = view.value(&Choice { at: Some(&at), ..choice }, i, j)?;
            answer.insert("value".into(), read["value"].clone());
            return Ok(answer);
        }
        let plane = self.plane(at)?;
        let known = |value: f64| Some(value).filter(|value| value.is_finite());
        answer.insert("value".into(), json!(known(plane.document.values()[[j, i]])));
        answer.insert("original".into(), json!(known(plane.document.original()[[j, i]])));
        let maps: Object<String, Value> = layers
            .iter()
            .map(|&layer| {
                (layer_name(layer).to_owned(), json!(known(f64::from(plane.maps.value(layer, number)))))
            })
            .collect();
        answer.insert("maps".into(), maps.into());
        Ok(answer)
    }

    fn select(&mut self, action: &Action, at: &[usize]) -> Result<Container, Error> {
        let meaning = self.base.meaning;
        let plane = self.plane(at)?;
        let (map, values) = (plane.document.map(), plane.document.values());
        let mask = action.select(map, values);
        let bounds = mask.bounds().map(as_window);
        let (mut land, mut ocean, mut known, mut sum) = (0_usize, 0_usize, 0_usize, 0.0);
        let (mut min, mut max) = (f64::INFINITY, f64::NEG_INFINITY);
        for cell in mask.cells() {
            let (row, column) = map.position(cell);
            let value = values[[row, column]];
            if meaning.is_sea(value) {
                ocean += 1;
            } else if !value.is_nan() && meaning.elevation().is_some() {
                land += 1;
            }
            if !value.is_nan() {
                known += 1;
                sum += value;
                (min, max) = (min.min(value), max.max(value));
            }
        }
        let any = known > 0;
        let header = object(json!({
            "type": "select",
            "cells": mask.count(),
            "land": land,
            "ocean": ocean,
            "bounds": bounds,
            "min": any.then_some(min),
            "max": any.then_some(max),
            "mean": any.then(|| sum / known as f64),
            "area_km2": area_km2(map, &mask),
        }));
        let mut container = Container::new(header);
        if let Some([i, j, ni, nj]) = bounds {
            let columns = map.columns();
            let cells = (j..j + nj).flat_map(|row| (i..i + ni).map(move |column| row * columns + column));
            container.push_bits("mask", cells.map(|cell| mask.contains(cell)));
        }
        Ok(container)
    }

    fn preview(&mut self, action: &Action, at: &[usize]) -> Result<Container, Error> {
        if let Some(reason) = self.base.why_not_writable() {
            return Err(Error::ReadOnly(reason));
        }
        let plane = self.plane(at)?;
        let preview = plane.document.preview(action, &plane.maps)?;
        let maps = self.shown(told(preview.changes, preview.layers));
        let mut header = object(json!({ "type": "preview", "sequence": self.history.sequence, "at": at }));
        header.insert("counts".into(), counts(self, &preview.after));
        header.insert("before".into(), counts(self, &preview.before));
        Ok(with_changes(Container::new(header), &maps, &self.base.map))
    }

    fn histogram(
        &mut self,
        bins: usize,
        action: &Action,
        at: &[usize],
    ) -> Result<Object<String, Value>, Error> {
        if !(1..=MAX_BINS).contains(&bins) {
            return Err(Error::Invalid(format!("{bins} bins: use 1 to {MAX_BINS}.")));
        }
        let plane = self.plane(at)?;
        let (map, values) = (plane.document.map(), plane.document.values());
        let mask = action.select(map, values);
        let value = |cell: usize| {
            let (row, column) = map.position(cell);
            values[[row, column]]
        };
        let known = || mask.cells().map(value).filter(|value| !value.is_nan());
        let (min, max) =
            known().fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), v| (min.min(v), max.max(v)));
        let mut tally = vec![0_u64; bins];
        let width = (max - min) / bins as f64;
        for value in known() {
            let bin = if width > 0.0 { ((value - min) / width) as usize } else { 0 };
            tally[bin.min(bins - 1)] += 1;
        }
        let total: u64 = tally.iter().sum();
        let edges: Vec<f64> = match total {
            0 => Vec::new(),
            _ => (0..=bins).map(|k| if k == bins { max } else { min + width * k as f64 }).collect(),
        };
        Ok(object(json!({ "edges": edges, "counts": tally, "missing": mask.count() as u64 - total })))
    }

    fn list(&mut self, name: &str, at: &[usize]) -> Result<Object<String, Value>, Error> {
        let layers = self.base.editor.layers(self.base.meaning);
        let Some(&layer) = layers.iter().find(|&&layer| layer_name(layer) == name) else {
            return Err(Error::NotFound(format!("This editor has no map '{name}'.")));
        };
        let plane = self.plane(at)?;
        let map = plane.document.map();
        let mut found: Vec<(u32, usize, usize)> = match layer {
            Layer::InternalOceans => {
                let internal = plane.maps.seas().iter().filter(|sea| !sea.main);
                internal.map(|sea| (sea.number, sea.cells, sea.first)).collect()
            }
            Layer::Passages => {
                let passages = plane.maps.passages(map).into_iter();
                (1..).zip(passages).map(|(number, passage)| (number, passage.cells, passage.first)).collect()
            }
            Layer::Poles => {
                let cells = plane.maps.broken_pole_rules().iter();
                (1..).zip(cells).map(|(number, &cell)| (number, 1, cell as usize)).collect()
            }
        };
        let of = found.len();
        // Stable: in the order of the rows among equals.
        found.sort_by_key(|&(_, cells, _)| std::cmp::Reverse(cells));
        let items: Vec<Value> = found
            .into_iter()
            .take(MAX_LISTED)
            .map(|(number, cells, first)| {
                let (row, column) = map.position(first);
                let place = map.lon_lat(first);
                json!({
                    "number": number,
                    "cells": cells,
                    "cell": [column, row],
                    "lon": place.map(|[lon, _]| lon),
                    "lat": place.map(|[_, lat]| lat),
                })
            })
            .collect();
        Ok(object(json!({ "items": items, "of": of })))
    }

    /// The revisions that *copy from* can take values of: those with a variable on this grid.
    fn sources(&self) -> Result<Object<String, Value>, Error> {
        let shape = &self.base.variable_header()?.shape;
        let divided = self.base.editor == Editor::SubBasins;
        let mut items = Vec::new();
        for revision in self.store.revisions(self.base.data_file.id)? {
            if !revision.file_type.is_netcdf() || (divided && revision.file_type != FileType::SubBasins) {
                continue;
            }
            // A file that cannot be read is none to copy from.
            let Ok((_, file)) = self.base.other(&self.store, revision.revision) else { continue };
            let header = file.header();
            let fits = |v: &&dataset::VariableHeader| v.shape == *shape && v.data_type.is_numeric();
            let variables: Vec<&str> = header
                .variables
                .iter()
                .filter(fits)
                .filter(|v| !dataset::cf::is_position(header, v))
                .map(|v| v.name.as_str())
                .collect();
            if !variables.is_empty() {
                // Of their masks the sub-basins are one map.
                let variables = if divided { vec![BASINS] } else { variables };
                items.push(json!({
                    "revision": revision.revision,
                    "file_type": revision.file_type.as_str(),
                    "title": revision.file_type.title(),
                    "created": revision.created,
                    "variables": variables,
                }));
            }
        }
        items.reverse();
        Ok(object(json!({ "items": items })))
    }
}

/// Adds what is different on the maps.
pub(crate) fn with_changes(mut container: Container, maps: &[MapChange], map: &Map) -> Container {
    let described = maps.iter().map(|change| {
        let whole = change.cells.len() > MAX_CHANGED;
        let bounds = bounds(&change.cells, map);
        json!({ "map": change.map, "cells": change.cells.len(), "bounds": bounds, "whole": whole })
    });
    container.set("maps", described.collect::<Value>());
    for change in maps.iter().filter(|change| change.cells.len() <= MAX_CHANGED) {
        container.push_u32(&format!("{}.cells", change.map), &change.cells);
        // One row.
        let width = change.values.len();
        container.push(&format!("{}.values", change.map), &encode(&change.values, width, Fidelity::Single));
    }
    container
}

fn bounds(cells: &[u32], map: &Map) -> Option<[usize; 4]> {
    let changes = boundary::edit::Changes { cells: cells.to_vec(), values: Vec::new() };
    changes.bounds(map).map(as_window)
}

/// The area of selected cells on a sphere, where cells are boxes of longitude and latitude.
fn area_km2(map: &Map, mask: &Mask) -> Option<f64> {
    let boundary::edit::Centres::Axes { lon_deg, lat_deg } = map.centres() else { return None };
    let widths = extents(lon_deg);
    let heights: Vec<f64> = edges(lat_deg)
        .windows(2)
        .map(|pair| {
            let sine = |degrees: f64| degrees.clamp(-90.0, 90.0).to_radians().sin();
            (sine(pair[1]) - sine(pair[0])).abs()
        })
        .collect();
    let cells = mask.cells().map(|cell| {
        let (row, column) = map.position(cell);
        widths.get(column).copied().unwrap_or(0.0).to_radians() * heights.get(row).copied().unwrap_or(0.0)
    });
    Some(cells.sum::<f64>() * EARTH_RADIUS_M * EARTH_RADIUS_M / 1e6)
}

/// The edges of cells with these centres: halfway, and as far beyond the last as before it.
fn edges(centres: &[f64]) -> Vec<f64> {
    let [first, .., last] = centres else { return Vec::new() };
    let n = centres.len();
    let mut edges = vec![first - (centres[1] - first) / 2.0];
    edges.extend(centres.windows(2).map(|pair| f64::midpoint(pair[0], pair[1])));
    edges.push(last + (last - centres[n - 2]) / 2.0);
    edges
}

fn extents(centres: &[f64]) -> Vec<f64> {
    edges(centres).windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect()
}

pub(crate) fn object(value: Value) -> Object<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}
