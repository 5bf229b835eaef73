//! The four editors: what each edits, and which step it is.

use std::fmt;
use std::str::FromStr;

use boundary::edit::{Layer, Meaning};
use workflow::{FileType, Step};

/// An editor; its name is in its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Editor {
    /// The topography: closed seas, pole rules.
    InternalOceans,
    /// The bathymetry: straits one cell wide.
    PassageProblems,
    /// Which ocean each cell of the bathymetry belongs to.
    SubBasins,
    /// Any variable of any file.
    ValueChanger,
}

/// The text names no editor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no editor '{0}'")]
pub struct UnknownEditor(String);

impl Editor {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::InternalOceans, Self::PassageProblems, Self::SubBasins, Self::ValueChanger];

    /// The name in addresses and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InternalOceans => "internal_oceans",
            Self::PassageProblems => "passage_problems",
            Self::SubBasins => "sub_basins",
            Self::ValueChanger => "value_changer",
        }
    }

    /// The name on a page.
    pub fn title(self) -> &'static str {
        match self {
            Self::InternalOceans => "Internal oceans",
            Self::PassageProblems => "Passage problems",
            Self::SubBasins => "Sub-basins",
            Self::ValueChanger => "Variable explorer",
        }
    }

    /// The step that saving it records; none for the variable explorer.
    pub fn step(self) -> Option<Step> {
        match self {
            Self::InternalOceans => Some(Step::InternalOceans),
            Self::PassageProblems => Some(Step::PassageProblems),
            Self::SubBasins => Some(Step::Subbasins),
            Self::ValueChanger => None,
        }
    }

    /// The type of the file that is saved, where the editor decides it.
    pub fn file_type(self) -> Option<FileType> {
        match self {
            Self::InternalOceans => Some(FileType::Raw),
            Self::PassageProblems => Some(FileType::Bathy),
            Self::SubBasins => Some(FileType::SubBasins),
            Self::ValueChanger => None,
        }
    }

    /// The derived maps that it shows of a variable with this meaning.
    pub(crate) fn layers(self, meaning: Meaning) -> &'static [Layer] {
        match (self, meaning) {
            (_, Meaning::Basins | Meaning::Plain) => &[],
            (Self::PassageProblems, _) | (_, Meaning::Depth) => &[Layer::InternalOceans, Layer::Passages],
            _ => &[Layer::InternalOceans, Layer::Poles],
        }
    }
}

/// The name of a derived map in the protocol.
pub(crate) fn layer_name(layer: Layer) -> &'static str {
    match layer {
        Layer::InternalOceans => "oceans",
        Layer::Passages => "passages",
        Layer::Poles => "poles",
    }
}

/// The name of a derived map on the page.
pub(crate) fn layer_title(layer: Layer) -> &'static str {
    match layer {
        Layer::InternalOceans => "Internal oceans",
        Layer::Passages => "Passages",
        Layer::Poles => "Pole rules",
    }
}

impl fmt::Display for Editor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Editor {
    type Err = UnknownEditor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|editor| editor.as_str() == text);
        found.ok_or_else(|| UnknownEditor(text.to_owned()))
    }
}
