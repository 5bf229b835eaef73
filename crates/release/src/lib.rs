//! Which generation of the numerics a workflow or a step follows.
//!
//! A crate of its own: the numerics (`boundary`) follow it and the store remembers it, and neither knows the other.

use std::fmt;
use std::str::FromStr;

/// The generation of the numerics. Results that users have published stay reproducible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Release {
    /// The original platform of 2021, quirks included.
    R2021,
    /// The original platform of 2023 (pits removed, no zero depths on the ocean grid).
    R2023,
    /// Every recommended correction that changes results, each named in the history of the file: the default.
    #[default]
    Corrected,
}

impl Release {
    /// All releases, oldest first.
    pub const ALL: [Self; 3] = [Self::R2021, Self::R2023, Self::Corrected];

    /// The name of the field that carries a release, in forms, messages, stored parameters and the API.
    pub const FIELD: &str = "release";

    /// What the original platform computed with: workflows that name no release are its own.
    pub const OF_THE_ORIGINAL: Self = Self::R2023;

    /// The name in parameters and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::R2021 => "2021",
            Self::R2023 => "2023",
            Self::Corrected => "corrected",
        }
    }

    /// The name on pages.
    pub fn title(self) -> &'static str {
        match self {
            Self::R2021 => "Original platform of 2021",
            Self::R2023 => "Original platform of 2023",
            Self::Corrected => "Corrected",
        }
    }

    /// One sentence for a modeller: what it does, and when one wants it.
    pub fn purpose(self) -> &'static str {
        match self {
            Self::R2021 => {
                "To continue work that was published with the original platform of 2021: its results bit for bit, its \
                 known errors included."
            }
            Self::R2023 => {
                "To continue work that was published with the original platform of 2023: its results bit for bit, its \
                 known errors included."
            }
            Self::Corrected => {
                "For new work: the known errors of the original platform are corrected, and each file names the \
                 corrections."
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_release_is_read_back_from_its_name() {
        for release in Release::ALL {
            assert_eq!(release.to_string().parse(), Ok(release));
        }
        assert_eq!(" 2023 ".parse(), Ok(Release::R2023));
        assert_eq!(Release::default(), Release::Corrected);
        assert_eq!("1999".parse::<Release>(), Err(UnknownRelease("1999".to_owned())));
    }
}
