//! What a draft stands on: the edited variable of a stored revision, its geometry and its meaning.

use std::collections::HashMap;

use boundary::edit::{self, Document, Map, Meaning};
use boundary::subbasins::{self, Basin};
use boundary::{Release, Silent};
use dataset::heights::{self, Direction, Overrides, Positive, Units};
use dataset::{AttributeValue, Attributes, DataType, File, Header, VariableHeader};
use field::MapError;
use field::descriptor::{self, Choice, Style};
use field::geometry::{Geometry, Hints, PlacedGeometry, positions_deg};
use field::slice::Plane as Slice;
use field::source::Slabs;
use grid::Points;
use ndarray::Array2;
use store::{DataFile, Finding, Revision, RevisionId, Severity, Store};
use workflow::{FileType, Step};

use crate::editor::{Editor, layer_name, layer_title};
use crate::error::{Error, sentence};
use crate::plane::Plane;

/// The edited variable of the sub-basins, which no file has: they are stored as three masks.
pub(crate) const BASINS: &str = "basins";

/// Larger maps are shown, not edited.
const EDITABLE_CELLS: usize = 10_000_000;

/// Cells that are read at once, where a whole map is looked at.
const BAND_CELLS: usize = 1 << 20;

/// What a draft stands on.
pub(crate) struct Base {
    pub(crate) data_file: DataFile,
    pub(crate) editor: Editor,
    pub(crate) file_type: FileType,
    /// The edited revision first; of the sub-basins the bathymetry and then the saved division, if any.
    pub(crate) revisions: Vec<Revision>,
    pub(crate) variable: String,
    pub(crate) meaning: Meaning,
    /// Of heights and depths: what the numbers are in metres, or why that is not known.
    pub(crate) units: Result<Units, String>,
    pub(crate) placed: PlacedGeometry,
    pub(crate) hints: Hints,
    /// Geometry and meaning of every plane.
    pub(crate) map: Map,
    /// What was noticed when it was opened.
    pub(crate) findings: Vec<Finding>,
    /// Of the file, the basins added where they are edited.
    pub(crate) header: Header,
    /// The same with the derived maps, under names that no file has.
    pub(crate) with_layers: Header,
    pub(crate) file: File,
    basins: Option<Array2<f64>>,
}

/// The revisions that a new draft stands on.
pub(crate) fn newest(
    store: &Store,
    data_file: &DataFile,
    editor: Editor,
    file_type: FileType,
) -> Result<Vec<Revision>, Error> {
    let read = match editor {
        Editor::SubBasins => FileType::Bathy,
        _ => file_type,
    };
    if !read.is_netcdf() {
        return Err(Error::Invalid(format!("{} cannot be edited: it is no map.", read.title())));
    }
    let missing = || {
        let remedy = match read {
            FileType::Bathy => " Run the routing first.",
            _ => "",
        };
        Error::NotFound(format!("There is no {} yet.{remedy}", read.title().to_lowercase()))
    };
    let mut revisions = vec![store.latest(data_file.id, read)?.ok_or_else(missing)?];
    if editor == Editor::SubBasins {
        revisions.extend(store.latest(data_file.id, FileType::SubBasins)?);
    }
    Ok(revisions)
}

/// The variable that an editor edits of these revisions; `wanted` where the modeller chose one.
pub(crate) fn variable(
    store: &Store,
    data_file: &DataFile,
    editor: Editor,
    revisions: &[Revision],
    wanted: Option<&str>,
) -> Result<String, Error> {
    if editor == Editor::SubBasins {
        return Ok(BASINS.to_owned());
    }
    let edited = revisions.first().ok_or_else(|| Error::internal("a draft without a revision"))?;
    let file = opened(store, data_file, edited)?;
    let header = file.header();
    let stored = match (wanted, editor) {
        (None, Editor::InternalOceans) => {
            // The one that becomes the routing, when that has been decided.
            let parameters = store.step(data_file.id, Step::Routing)?.parameters.unwrap_or_default();
            parameters.get("topo_var").and_then(|name| name.as_str()).map(str::to_owned)
        }
        _ => None,
    };
    let stored = stored.filter(|name| header.variable(name).is_some_and(|v| v.shape.len() >= 2));
    let choice = Choice { variable: wanted.or(stored.as_deref()), at: None };
    let chosen = descriptor::choose(&file, header, None, &hints(data_file), &choice)?;
    Ok(chosen.plane.variable.name.clone())
}

/// What was said of the numbers of this variable when it was routed.
fn said_of_heights(store: &Store, data_file: &DataFile, variable: &str) -> Result<Overrides, Error> {
    let parameters = store.step(data_file.id, Step::Routing)?.parameters.unwrap_or_default();
    let text = |name: &str| parameters.get(name).and_then(|value| value.as_str());
    if text("topo_var") != Some(variable) {
        return Ok(Overrides::default());
    }
    Ok(Overrides {
        units: text("units").and_then(|word| word.parse().ok()),
        positive: text("positive").and_then(|word| word.parse().ok()),
    })
}

/// The editor shows and changes the numbers as the file has them; the guided fixes and the checks count in metres
/// ([`Map::with_units`]).
fn units_finding(name: &str, units: &Result<Units, heights::Error>) -> Option<boundary::Finding> {
    match units {
        Ok(units) if *units == Units::METRES => None,
        Ok(units) => Some(boundary::Finding::note(
            "units-of-the-file",
            format!(
                "'{name}' is not in metres: values are shown and entered as the file has them (1 is {} m); heights and depths of \
                 the guided fixes are in metres",
                units.metres(1.0)
            ),
        )),
        Err(heights::Error::Units { units, .. }) => Some(boundary::Finding::warning(
            "units-unknown",
            format!(
                "'{name}' has units \"{units}\", which are none of a height or a depth: the guided fixes need metres; set 'units' in \
                 the routing form, or choose another variable"
            ),
        )),
        Err(error) => Some(boundary::Finding::warning("units-unknown", error.to_string())),
    }
}

fn hints(data_file: &DataFile) -> Hints {
    Hints { longitude: data_file.longitude.clone(), latitude: data_file.latitude.clone() }
}

fn opened(store: &Store, data_file: &DataFile, revision: &Revision) -> Result<File, Error> {
    File::open_as(store.path(revision), &revision.called(&data_file.filename)).map_err(Error::from)
}

/// What is wrong with the content of a revision.
fn unusable(data_file: &DataFile, revision: &Revision, error: impl std::fmt::Display) -> Error {
    Error::invalid(format!("{}: {error}", revision.called(&data_file.filename)))
}

impl Base {
    /// Opens the revisions with these ids.
    ///
    /// # Errors
    /// A revision that is gone or cannot be read, or a variable that is no map of numbers.
    pub(crate) fn open(
        store: &Store,
        data_file: &DataFile,
        editor: Editor,
        file_type: FileType,
        variable: &str,
        ids: &[RevisionId],
    ) -> Result<Self, Error> {
        let all = store.revisions(data_file.id)?;
        let found = |id: &RevisionId| {
            let revision = all.iter().find(|revision| revision.id == *id).cloned();
            revision
                .ok_or_else(|| Error::NotFound("The revision that the draft stands on is gone.".to_owned()))
        };
        let revisions = ids.iter().map(found).collect::<Result<Vec<_>, _>>()?;
        let edited = revisions.first().ok_or_else(|| Error::internal("a draft without a revision"))?;
        let file = opened(store, data_file, edited)?;
        let mut header = file.header().clone();
        let mut findings = Vec::new();
        let mut basins = None;
        if editor == Editor::SubBasins {
            let (division, noticed) = division(store, data_file, &file, &revisions)?;
            findings = noticed;
            header.variables.push(basins_header(&header)?);
            basins = Some(division);
        }
        let hints = hints(data_file);
        let choice = Choice { variable: Some(variable), at: None };
        let mut units = Ok(Units::METRES);
        let (placed, shape, meaning, dimensions) = {
            let chosen = descriptor::choose(&file, &header, None, &hints, &choice)?;
            let plane = &chosen.plane;
            let (rows, columns) = (plane.rows(), plane.columns());
            let style = descriptor::style(plane.variable, false);
            let mut read_units = |said: &Overrides| {
                units = heights::units(variable, &plane.variable.attributes, said).map(|(units, _)| units);
                findings.extend(units_finding(variable, &units).map(stored_finding));
            };
            let meaning = match (editor, file_type, style) {
                (Editor::SubBasins, ..) => Meaning::Basins,
                (Editor::PassageProblems, ..) | (Editor::ValueChanger, FileType::Bathy, Style::Depth) => {
                    read_units(&Overrides::default());
                    Meaning::Depth
                }
                (Editor::InternalOceans, ..)
                | (Editor::ValueChanger, FileType::Raw, Style::Relief | Style::Depth) => {
                    let said = said_of_heights(store, data_file, variable)?;
                    read_units(&said);
                    // Looked at in bands: the map may be too large to be edited.
                    let (source, at_a_time) = (&file, (BAND_CELLS / columns.max(1)).max(1));
                    let values = move || {
                        (0..rows).step_by(at_a_time).flat_map(move |first| {
                            let band = first..rows.min(first + at_a_time);
                            plane.read(source, band, 0..columns).unwrap_or_default()
                        })
                    };
                    let attributes = &plane.variable.attributes;
                    let direction = Direction::detect(variable, attributes, &said, values);
                    findings.extend(direction.finding(variable).map(stored_finding));
                    match direction.positive {
                        Positive::Up => Meaning::Elevation,
                        Positive::Down => Meaning::Downwards,
                    }
                }
                (Editor::ValueChanger, ..) => Meaning::Plain,
            };
            (chosen.placed, (rows, columns), meaning, plane.variable.clone())
        };
        let units = units.map_err(|error| error.to_string());
        let map = map(&file, &header, &placed, shape, meaning)?.with_units(units.as_ref().ok().copied());
        let mut with_layers = header.clone();
        for &layer in editor.layers(meaning) {
            let attributes = Attributes::new()
                .with("long_name", layer_title(layer))
                // What makes a variable one of codes.
                .with("flag_values", AttributeValue::F64(vec![0.0]));
            with_layers.variables.push(VariableHeader {
                name: layer_variable(layer_name(layer)),
                attributes,
                data_type: DataType::F32,
                ..dimensions.clone()
            });
        }
        Ok(Self {
            data_file: data_file.clone(),
            editor,
            file_type,
            revisions,
            variable: variable.to_owned(),
            meaning,
            units,
            placed,
            hints,
            map,
            findings,
            header,
            with_layers,
            file,
            basins,
        })
    }

    /// The revision whose values are edited.
    pub(crate) fn edited(&self) -> &Revision {
        match self.revisions.first() {
            Some(revision) => revision,
            None => unreachable!("a base is opened with at least one revision"),
        }
    }

    /// Why it is shown and not edited.
    pub(crate) fn why_not_writable(&self) -> Option<String> {
        let (cells, millions) = (self.map.cells(), EDITABLE_CELLS / 1_000_000);
        (cells > EDITABLE_CELLS).then(|| {
            let found = cells as f64 / 1e6;
            format!("{found:.1} million cells are too many to be edited here (at most {millions} million): regrid the file first.")
        })
    }

    pub(crate) fn variable_header(&self) -> Result<&VariableHeader, Error> {
        let found = self.header.variable(&self.variable);
        found.ok_or_else(|| Error::NotFound(format!("There is no variable '{}'.", self.variable)))
    }

    /// Positions of the dimensions before rows and columns.
    pub(crate) fn leading(&self) -> Result<Vec<usize>, Error> {
        let shape = &self.variable_header()?.shape;
        Ok((0..shape.len()).filter(|&d| d != self.placed.y && d != self.placed.x).collect())
    }

    /// The position along all dimensions of a plane.
    ///
    /// # Errors
    /// Not one position for each leading dimension.
    pub(crate) fn full_position(&self, at: &[usize]) -> Result<Vec<usize>, Error> {
        let (variable, leading) = (self.variable_header()?, self.leading()?);
        if at.len() != leading.len() || at.iter().zip(&leading).any(|(&k, &d)| k >= variable.shape[d]) {
            let lengths: Vec<String> = leading.iter().map(|&d| variable.shape[d].to_string()).collect();
            return Err(Error::Invalid(format!(
                "'{}' has no plane {at:?}: it needs one position for each dimension before rows and columns, below [{}].",
                self.variable,
                lengths.join(", ")
            )));
        }
        let mut full = vec![0; variable.shape.len()];
        for (&k, &d) in at.iter().zip(&leading) {
            full[d] = k;
        }
        Ok(full)
    }

    /// The type of the stored numbers; packed numbers are edited as what they stand for.
    pub(crate) fn data_type(&self) -> Result<DataType, Error> {
        let variable = self.variable_header()?;
        let packed = variable.packing().changes_values();
        Ok(if packed { DataType::F64 } else { variable.data_type })
    }

    /// A plane as it is in the file, to be edited.
    ///
    /// # Errors
    /// A plane that does not exist, cannot be read, or holds what cannot be edited exactly.
    pub(crate) fn document(&self, at: &[usize]) -> Result<Document, Error> {
        if let Some(reason) = self.why_not_writable() {
            return Err(Error::ReadOnly(reason));
        }
        let values = self.plane(&self.file, &self.header, &self.variable, at)?;
        Ok(Document::new(self.map.clone(), values, self.data_type()?)?)
    }

    /// A plane of a variable on the grid of the edited one, of this file or of another.
    pub(crate) fn plane(
        &self,
        source: &impl Slabs,
        header: &Header,
        name: &str,
        at: &[usize],
    ) -> Result<Array2<f64>, Error> {
        if let (Some(basins), BASINS) = (&self.basins, name) {
            return Ok(basins.clone());
        }
        let missing = || Error::NotFound(format!("There is no variable '{name}'."));
        let variable = header.variable(name).ok_or_else(missing)?;
        let own = self.variable_header()?;
        if variable.shape != own.shape {
            return Err(Error::Invalid(format!(
                "'{name}' is {} there and {} here: values can be taken from the same grid only.",
                field::source::by_name(&variable.shape),
                field::source::by_name(&own.shape)
            )));
        }
        let plane = Slice { variable, y: self.placed.y, x: self.placed.x, at: self.full_position(at)? };
        let (rows, columns) = (plane.rows(), plane.columns());
        let values = plane.read(source, 0..rows, 0..columns)?;
        Array2::from_shape_vec((rows, columns), values).map_err(Error::internal)
    }

    /// A plane of another revision, to copy from.
    ///
    /// # Errors
    /// A revision without such values on this grid.
    pub(crate) fn copied(
        &self,
        revision: &Revision,
        file: &File,
        name: &str,
        at: &[usize],
    ) -> Result<Array2<f64>, Error> {
        if name != BASINS || self.editor != Editor::SubBasins {
            return self.plane(file, file.header(), name, at);
        }
        if revision.file_type != FileType::SubBasins {
            return Err(Error::Invalid(format!(
                "Revision {} has no sub-basins to copy: it is {}.",
                revision.revision,
                revision.file_type.title()
            )));
        }
        let masks = file.read_all()?;
        let basins =
            subbasins::from_dataset(&masks).map_err(|error| unusable(&self.data_file, revision, error))?;
        if basins.dim() != self.map.dim() {
            let ((rows, columns), (own_rows, own_columns)) = (basins.dim(), self.map.dim());
            return Err(Error::Invalid(format!(
                "The sub-basins are {columns} x {rows} there and {own_columns} x {own_rows} here: values can be taken from the same grid only."
            )));
        }
        Ok(numbers(&basins))
    }

    /// Another revision of the workflow, for copying from.
    pub(crate) fn other(&self, store: &Store, number: i32) -> Result<(Revision, File), Error> {
        let revision = store.revision(self.data_file.id, number)?.filter(|r| r.file_type.is_netcdf());
        let revision = revision.ok_or_else(|| Error::NotFound(format!("There is no revision {number}.")))?;
        let file = opened(store, &self.data_file, &revision)?;
        Ok((revision, file))
    }

    /// Reads the whole edited file.
    pub(crate) fn dataset(&self) -> Result<dataset::Dataset, Error> {
        Ok(self.file.read_all()?)
    }
}

/// The name under which a derived map is asked for as a variable.
pub(crate) fn layer_variable(name: &str) -> String {
    // No NetCDF name has a slash.
    format!("/{name}")
}

/// Geometry and meaning of the edited map.
fn map(
    file: &File,
    header: &Header,
    placed: &PlacedGeometry,
    (rows, columns): (usize, usize),
    meaning: Meaning,
) -> Result<Map, Error> {
    if let Some((lon, lat)) = &placed.axes {
        return Ok(Map::regular(lon.clone(), lat.clone(), meaning)?);
    }
    let Geometry::Curvilinear { lon, lat } = &placed.geometry else {
        return Ok(Map::unplaced(rows, columns, meaning)?);
    };
    let read = |name: &str| -> Result<Array2<f64>, Error> {
        let variable =
            header.variable(name).ok_or_else(|| Error::internal("a coordinate without a variable"))?;
        let values = positions_deg(file, variable, (0, 0), (rows, columns))?;
        Array2::from_shape_vec((rows, columns), values).map_err(Error::internal)
    };
    let points = Points { lon_deg: read(lon)?.mapv(turned), lat_deg: read(lat)? };
    match Map::curvilinear(points, meaning) {
        Err(edit::Error::Shape { .. }) => Ok(Map::unplaced(rows, columns, meaning)?),
        other => Ok(other?),
    }
}

/// The same longitude within -180..=180.
fn turned(lon: f64) -> f64 {
    if lon.abs() <= 180.0 { lon } else { (lon + 180.0).rem_euclid(360.0) - 180.0 }
}

/// The division into sub-basins from which editing starts: the saved one re-applied to the bathymetry, else the default.
fn division(
    store: &Store,
    data_file: &DataFile,
    bathymetry: &File,
    revisions: &[Revision],
) -> Result<(Array2<f64>, Vec<Finding>), Error> {
    let bathy = revisions.first().ok_or_else(|| Error::internal("a draft without a revision"))?;
    let wrong = |error: subbasins::Error| unusable(data_file, bathy, error);
    let depths = bathymetry.read_all()?;
    let mut findings = Vec::new();
    let mut saved = None;
    if let Some(revision) = revisions.get(1) {
        let masks = opened(store, data_file, revision)?.read_all()?;
        saved = Some(subbasins::from_dataset(&masks).map_err(|error| unusable(data_file, revision, error))?);
    }
    let release = data_file.release;
    let made = match subbasins::run(&depths, &subbasins::Parameters { release, saved }, &Silent) {
        Err(error @ (subbasins::Error::OtherGrid { .. } | subbasins::Error::Columns2021 { .. })) => {
            findings.push(Finding {
                code: "sub-basins-default-again".to_owned(),
                severity: Severity::Warning,
                message: sentence(&format!("{error}; the default is used")),
            });
            // The division of 2021 is for one grid only, that of 2023 for any.
            let release = match error {
                subbasins::Error::Columns2021 { .. } => Release::R2023,
                _ => release,
            };
            subbasins::run(&depths, &subbasins::Parameters { release, saved: None }, &Silent)
                .map_err(wrong)?
        }
        other => other.map_err(wrong)?,
    };
    findings.extend(made.findings.into_iter().map(stored_finding));
    let basins = subbasins::from_dataset(&made.dataset).map_err(wrong)?;
    Ok((numbers(&basins), findings))
}

/// A division as it is edited.
pub(crate) fn numbers(basins: &Array2<Basin>) -> Array2<f64> {
    basins.mapv(|basin| f64::from(basin as u8))
}

/// A finding of the numerics, as the store keeps it.
pub(crate) fn stored_finding(finding: boundary::Finding) -> Finding {
    Finding {
        code: finding.code.to_owned(),
        severity: match finding.severity {
            boundary::Severity::Note => Severity::Note,
            boundary::Severity::Warning => Severity::Warning,
        },
        message: finding.message,
    }
}

/// What the file would say of the basins if it had them: they lie as the bathymetry does.
fn basins_header(header: &Header) -> Result<VariableHeader, Error> {
    let named = |v: &&VariableHeader| v.name.eq_ignore_ascii_case("bathymetry");
    let bathymetry = header.variables.iter().find(named);
    let bathymetry =
        bathymetry.ok_or_else(|| Error::NotFound("There is no variable 'Bathymetry'.".to_owned()))?;
    let attributes = Attributes::new()
        .with("long_name", "Sub-basins")
        .with("flag_values", AttributeValue::F64(vec![0.0, 1.0, 2.0, 3.0]))
        .with("flag_meanings", "land Atlantic Pacific Indian");
    Ok(VariableHeader { name: BASINS.to_owned(), attributes, data_type: DataType::I8, ..bathymetry.clone() })
}

/// Values for the map: planes that are being edited and their derived maps from memory, the rest from the file.
pub(crate) struct EditedSlabs<'a> {
    pub(crate) base: &'a Base,
    pub(crate) planes: &'a HashMap<Vec<usize>, Plane>,
}

impl Slabs for EditedSlabs<'_> {
    fn slab(
        &self,
        variable: &VariableHeader,
        start: &[usize],
        count: &[usize],
    ) -> Result<Vec<f64>, MapError> {
        let base = self.base;
        if variable.name != base.variable && !variable.name.starts_with('/') {
            return base.file.slab(variable, start, count);
        }
        let (y, x) = (base.placed.y, base.placed.x);
        let at: Vec<usize> = (0..start.len()).filter(|&d| d != y && d != x).map(|d| start[d]).collect();
        let Some(plane) = self.planes.get(&at) else {
            return base.file.slab(variable, start, count);
        };
        let columns = variable.shape[x];
        let (rows_here, columns_here) = (start[y]..start[y] + count[y], start[x]..start[x] + count[x]);
        let value = |row: usize, column: usize| plane.value(&variable.name, row * columns + column);
        Ok(if y < x {
            rows_here
                .flat_map(|row| columns_here.clone().map(move |column| (row, column)))
                .map(|(r, c)| value(r, c))
                .collect()
        } else {
            columns_here
                .flat_map(|column| rows_here.clone().map(move |row| (row, column)))
                .map(|(r, c)| value(r, c))
                .collect()
        })
    }

    fn coordinates(
        &self,
        variable: &VariableHeader,
        start: &[usize],
        count: &[usize],
    ) -> Result<Vec<f64>, MapError> {
        self.base.file.coordinates(variable, start, count)
    }
}
