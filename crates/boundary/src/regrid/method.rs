//! How values are found, as a modeller chooses it.

use std::fmt;
use std::str::FromStr;

use super::target::UnknownWord;

/// How the values of the target cells are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// The corrected release: [`Self::Conservative`] where the target is nowhere finer than the source, else
    /// [`Self::Linear`] with the coast of a topography kept. The published releases: [`Self::Linear`].
    #[default]
    Auto,
    /// Bilinear: linear along longitude and latitude between the neighbouring centres.
    Linear,
    /// The value of the nearest centre.
    Nearest,
    /// The mean over the area of the cell: area integrals (volumes) are kept. Corrected release only.
    Conservative,
    /// The same of planes through the source cells, which is smooth where the target is finer. Corrected release only.
    Conservative2,
}

impl Method {
    /// All of them, the default first.
    pub const ALL: [Self; 5] =
        [Self::Auto, Self::Conservative, Self::Conservative2, Self::Linear, Self::Nearest];

    /// The name in parameters and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            // The name in the messages of the original.
            Self::Linear => "linear",
            Self::Nearest => "nearest",
            Self::Conservative => "conservative",
            Self::Conservative2 => "conservative2",
        }
    }

    /// True for a method that needs the areas of cells, which the published releases do not know.
    pub fn is_conservative(self) -> bool {
        matches!(self, Self::Conservative | Self::Conservative2)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Method {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text == "bilinear" {
            return Ok(Self::Linear);
        }
        Self::ALL.into_iter().find(|method| method.as_str() == text).ok_or_else(|| UnknownWord {
            what: "method",
            text: text.to_owned(),
            known: "auto, conservative, conservative2, bilinear (linear) or nearest",
        })
    }
}

/// Whether land and sea may be mixed in the cells of a topography.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Coast {
    /// Kept for variables that are topographies by their names where [`Method::Auto`] refines; else mixed.
    #[default]
    Auto,
    /// Means over land and sea together: volumes are kept.
    Mixed,
    /// A target cell is land (above 0) or sea as its nearest source cell is, or with conservative methods as most of
    /// its area is, and its value is made of source cells of that kind alone.
    Kept,
}
