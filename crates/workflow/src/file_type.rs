//! The kinds of stored files of a workflow.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a stored file is; its name is stored in the database and stands in URLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileType {
    /// The topography, as uploaded, regridded or edited.
    Raw,
    /// River routing on the regular grid.
    Routing,
    /// Bathymetry on the ocean grid.
    Bathy,
    /// Soil colour and texture.
    Soils,
    /// Relief at 1/6 degree.
    TopoHighRes,
    /// Plant functional types.
    Pft,
    /// Geothermal heat flow on the ocean grid.
    Heatflow,
    /// Lateral viscosity coefficient on the ocean grid.
    Ahmcoef,
    /// Masks of the Atlantic, the Pacific and the Indian ocean.
    SubBasins,
    /// The coordinates of the ocean grid, uploaded or generated.
    Coords,
    /// An ocean grid uploaded under the release of 2021.
    Paleorca,
    /// The coordinates uploaded for the weights under the release of 2021.
    WeightCoords,
    /// The archive of the ocean-atmosphere coupling weights (`.tar.gz`).
    Weights,
}

/// The text names no file type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no file type '{0}'")]
pub struct UnknownFileType(pub String);

impl FileType {
    /// All file types, in the order in which pages list them.
    pub const ALL: [Self; 13] = [
        Self::Raw,
        Self::Routing,
        Self::Bathy,
        Self::Soils,
        Self::TopoHighRes,
        Self::Pft,
        Self::Heatflow,
        Self::Ahmcoef,
        Self::SubBasins,
        Self::Coords,
        Self::Paleorca,
        Self::WeightCoords,
        Self::Weights,
    ];

    /// The name in the database and in URLs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Routing => "routing",
            Self::Bathy => "bathy",
            Self::Soils => "soils",
            Self::TopoHighRes => "topo_high_res",
            Self::Pft => "pft",
            Self::Heatflow => "heatflow",
            Self::Ahmcoef => "ahmcoef",
            Self::SubBasins => "sub_basins",
            Self::Coords => "coords",
            Self::Paleorca => "paleorca",
            Self::WeightCoords => "weight_coords",
            Self::Weights => "weights",
        }
    }

    /// The name on a page.
    pub fn title(self) -> &'static str {
        match self {
            Self::Raw => "Topography",
            Self::Routing => "Routing",
            Self::Bathy => "Bathymetry",
            Self::Soils => "Soils",
            Self::TopoHighRes => "High-resolution relief",
            Self::Pft => "PFT",
            Self::Heatflow => "Heat flow",
            Self::Ahmcoef => "Ahmcoef",
            Self::SubBasins => "Sub-basins",
            Self::Coords => "Ocean grid coordinates",
            Self::Paleorca => "Ocean grid (2021)",
            Self::WeightCoords => "Coordinates for weights (2021)",
            Self::Weights => "Coupling weights",
        }
    }

    /// The ending of a stored file's name, with the dot.
    pub fn extension(self) -> &'static str {
        if self == Self::Weights { ".tar.gz" } else { ".nc" }
    }

    /// True for what is NetCDF and can be drawn, described and compared.
    pub fn is_netcdf(self) -> bool {
        self != Self::Weights
    }

    /// The file types whose edits stand in the provenance of this one: itself first, then what it is made from.
    pub fn ancestry(self) -> &'static [Self] {
        match self {
            Self::Raw => &[Self::Raw],
            Self::Routing => &[Self::Routing, Self::Raw],
            Self::Soils => &[Self::Soils, Self::Raw],
            Self::TopoHighRes => &[Self::TopoHighRes, Self::Raw],
            Self::Bathy => &[Self::Bathy, Self::Raw],
            // The original names bathy here; the vegetation is in truth made from the routing file.
            Self::Pft => &[Self::Pft, Self::Routing, Self::Raw],
            Self::Heatflow => &[Self::Heatflow, Self::Bathy, Self::Raw],
            Self::Ahmcoef => &[Self::Ahmcoef, Self::Bathy, Self::Raw],
            Self::SubBasins => &[Self::SubBasins, Self::Bathy, Self::Raw],
            Self::Weights => &[Self::Weights, Self::SubBasins, Self::Bathy, Self::Raw],
            Self::Coords => &[Self::Coords],
            Self::Paleorca => &[Self::Paleorca],
            Self::WeightCoords => &[Self::WeightCoords],
        }
    }
}

impl fmt::Display for FileType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FileType {
    type Err = UnknownFileType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|t| t.as_str() == text).ok_or_else(|| UnknownFileType(text.to_owned()))
    }
}
