//! Which generation of the numerics a step follows.

use std::fmt;
use std::str::FromStr;

/// The generation of the numerics. Results that users have published with stay reproducible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Release {
    /// The release of 2021, quirks included.
    R2021,
    /// The release of 2023 (pits removed, no zero depths on the ocean grid): the default.
    #[default]
    R2023,
    /// Every recommended correction that changes results, each named in the history of the file.
    Corrected,
}

impl Release {
    /// All releases, oldest first.
    pub const ALL: [Self; 3] = [Self::R2021, Self::R2023, Self::Corrected];

    /// The name in parameters and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::R2021 => "2021",
            Self::R2023 => "2023",
            Self::Corrected => "corrected",
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown release '{0}': use 2021, 2023 or corrected")]
pub struct UnknownRelease(pub String);

impl FromStr for Release {
    type Err = UnknownRelease;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|release| release.as_str() == text.trim())
            .ok_or_else(|| UnknownRelease(text.to_owned()))
    }
}
