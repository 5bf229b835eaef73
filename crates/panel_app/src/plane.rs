//! A plane that is being edited: its document, its derived maps, and what each command did.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use boundary::edit::{Changes, Command, Document, Layer, Map, Maps};
use dataset::DataType;
use field::container::pack;

use crate::editor::layer_name;
use crate::error::Error;

/// Rows and columns of a thumbnail.
const THUMBNAIL: (usize, usize) = (32, 64);

/// A plane in memory.
pub(crate) struct Plane {
    pub(crate) document: Document,
    pub(crate) maps: Maps,
    /// The type that held the values when they were loaded.
    pub(crate) loaded_as: DataType,
    /// What each command did when it was given, by the number of its event.
    pub(crate) effects: HashMap<i64, Effect>,
}

/// What a command did.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Effect {
    pub(crate) cells: usize,
    /// First column, first row, columns, rows.
    pub(crate) bounds: Option<[usize; 4]>,
    /// 64 x 32 bits, base64.
    pub(crate) thumbnail: String,
}

/// Cells of one map that have other values now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MapChange {
    pub(crate) map: &'static str,
    pub(crate) cells: Vec<u32>,
    pub(crate) values: Vec<f64>,
}

impl Plane {
    /// A plane with these commands done, of which the first `cursor` stay done.
    ///
    /// # Errors
    /// A command that cannot be done.
    pub(crate) fn new(
        mut document: Document,
        commands: Vec<(i64, Command)>,
        cursor: usize,
    ) -> Result<Self, Error> {
        let loaded_as = document.data_type();
        let undone = commands.len().saturating_sub(cursor);
        let mut effects = HashMap::new();
        for (number, command) in commands {
            let changes = match command {
                Command::Apply(action) => document.apply(*action)?,
                Command::Toggle(target) => document.toggle(target)?,
            };
            effects.insert(number, Effect::from_changes(&changes, document.map()));
        }
        for _ in 0..undone {
            document.undo();
        }
        let maps = Maps::new(document.map(), document.values());
        Ok(Self { document, maps, loaded_as, effects })
    }

    /// Lets the derived maps follow, and tells what is different now on all of them.
    pub(crate) fn follow(&mut self, changes: Changes) -> Vec<MapChange> {
        let layers = self.maps.update(self.document.map(), self.document.values(), &changes.cells);
        told(changes, layers)
    }

    /// The value of a cell of the edited variable, or of the derived map that is asked for under its name.
    pub(crate) fn value(&self, variable: &str, cell: usize) -> f64 {
        let layer = match variable {
            "/oceans" => Layer::InternalOceans,
            "/passages" => Layer::Passages,
            "/poles" => Layer::Poles,
            _ => {
                let (row, column) = self.document.map().position(cell);
                return self.document.values()[[row, column]];
            }
        };
        f64::from(self.maps.value(layer, cell))
    }
}

/// The changes of the edited map and of those derived from it, those without a change left out.
pub(crate) fn told(changes: Changes, layers: Vec<boundary::edit::LayerChanges>) -> Vec<MapChange> {
    let edited = MapChange { map: "values", cells: changes.cells, values: changes.values };
    let derived = layers.into_iter().map(|layer| MapChange {
        map: layer_name(layer.layer),
        cells: layer.cells,
        values: layer.values.into_iter().map(f64::from).collect(),
    });
    std::iter::once(edited).chain(derived).filter(|change| !change.cells.is_empty()).collect()
}

impl Effect {
    pub(crate) fn from_changes(changes: &Changes, map: &Map) -> Self {
        let (rows, columns) = map.dim();
        let (high, wide) = THUMBNAIL;
        let mut bits = vec![false; high * wide];
        for &cell in &changes.cells {
            let (row, column) = map.position(cell as usize);
            bits[row * high / rows * wide + column * wide / columns] = true;
        }
        Self {
            cells: changes.cells.len(),
            bounds: changes.bounds(map).map(as_window),
            thumbnail: STANDARD.encode(pack(bits)),
        }
    }
}

/// First row, first column, rows, columns as the protocol has them: columns first.
pub(crate) fn as_window([row, column, rows, columns]: [usize; 4]) -> [usize; 4] {
    [column, row, columns, rows]
}
