//! What can be chosen: the run configuration.

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// Which of the two computations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// The original's numbers, documentation variables and slips included.
    Legacy,
    /// The same method without the slips: the default.
    #[default]
    Corrected,
}

impl Mode {
    /// The name in parameters and on pages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Corrected => "corrected",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Mode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::Legacy, Self::Corrected].into_iter().find(|mode| mode.as_str() == text).ok_or_else(|| {
            Error::Option { option: "mode", value: text.to_owned(), reason: "use corrected or legacy" }
        })
    }
}

/// The edges of cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Geometry {
    /// Straight in the equal-area plane around each atmosphere cell, as the original has them.
    #[default]
    Legacy,
    /// Great circles.
    Spherical,
}

impl Geometry {
    /// The name in parameters and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Spherical => "spherical",
        }
    }
}

impl FromStr for Geometry {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::Legacy, Self::Spherical].into_iter().find(|geometry| geometry.as_str() == text).ok_or_else(
            || Error::Option {
                option: "geometry",
                value: text.to_owned(),
                reason: "use legacy or spherical",
            },
        )
    }
}

/// The size of an LMDZ grid as modellers write it: columns by intervals between the poles (`96x95` has 96 rows).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AtmosphereSize {
    /// Columns.
    pub columns: usize,
    /// Intervals between the rows, which include both poles: one less than there are rows.
    pub intervals: usize,
}

impl AtmosphereSize {
    /// LMDZ of IPSL-CM5A2.
    pub const LMDZ_96X95: Self = Self { columns: 96, intervals: 95 };
    /// LMDZ of IPSL-CM6.
    pub const LMDZ_144X142: Self = Self { columns: 144, intervals: 142 };

    /// Rows, both poles included.
    pub fn rows(self) -> usize {
        self.intervals + 1
    }
}

impl Default for AtmosphereSize {
    fn default() -> Self {
        Self::LMDZ_96X95
    }
}

impl fmt::Display for AtmosphereSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.columns, self.intervals)
    }
}

impl FromStr for AtmosphereSize {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = |reason| Error::Atmosphere { text: text.to_owned(), reason };
        let number = |part: &str| part.trim().parse::<usize>().ok();
        let (columns, intervals) = text
            .split_once(['x', 'X'])
            .and_then(|(columns, intervals)| Some((number(columns)?, number(intervals)?)))
            .ok_or_else(|| wrong("write columns x intervals between the poles, such as 96x95 or 144x142"))?;
        if !(8..=2000).contains(&columns) || !(5..=2000).contains(&intervals) {
            return Err(wrong("it needs 8 to 2000 columns and 5 to 2000 intervals"));
        }
        Ok(Self { columns, intervals })
    }
}

/// What becomes of the run-off of land cells farther than `dist_max` from every coastal ocean cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum InlandRunoff {
    /// Nothing: the river routing of the land model is expected to deliver at the coast. As the original.
    #[default]
    Drop,
    /// It goes to the nearest coastal ocean cell, however far.
    NearestCoast,
    /// It is shared among the coastal ocean cells around the nearest one (`ltotal_dist = n`): the nearest must be
    /// within `dist_max`, the others within `dist_max_voisin` of it. Serves no cell that `Drop` does not.
    Spread,
}

impl InlandRunoff {
    /// The name in parameters and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::NearestCoast => "nearest-coast",
            Self::Spread => "spread",
        }
    }
}

impl FromStr for InlandRunoff {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        [Self::Drop, Self::NearestCoast, Self::Spread].into_iter().find(|r| r.as_str() == text).ok_or_else(
            || Error::Option {
                option: "inland run-off",
                value: text.to_owned(),
                reason: "use drop, nearest-coast or spread",
            },
        )
    }
}

/// The run configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Name of the simulation, in the names of files and folders.
    pub name: String,
    /// Name of the ocean configuration, in the names of files and folders.
    pub ocean_name: String,
    /// Which of the two computations.
    pub mode: Mode,
    /// The edges of cells.
    pub geometry: Geometry,
    /// The atmosphere grid.
    pub atmosphere: AtmosphereSize,
    /// Run-off of land cells far from the coast.
    pub inland_runoff: InlandRunoff,
    /// `dist_max`: how far a land cell may be from the coastal ocean cell that gets its run-off, in metres.
    pub runoff_reach_m: f64,
    /// `dist_max_voisin`: how far run-off is spread around that cell, in metres.
    pub runoff_spread_m: f64,
    /// `ylimits`: limits of the bands of latitude within which calving is spread, south to north, in degrees.
    pub calving_limits_deg: Vec<f64>,
    /// `l_calving_nomed = y`: all sea receives calving (`mask_nomed`), and not only the one that is connected to the largest
    /// ocean (`mask_noclose`). The original's two masks are the same, so that there this changes nothing.
    pub calving_nomed: bool,
    /// `l_calving_noatl`: bands other than the first leave out the Atlantic and everything north of 65 N.
    pub calving_noatl: bool,
    /// `l_calving_nopac`: bands other than the first leave out the Pacific.
    pub calving_nopac: bool,
    /// Stamps in the files.
    pub stamps: Stamps,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "dev".to_owned(),
            ocean_name: "PALEORCA2".to_owned(),
            mode: Mode::default(),
            geometry: Geometry::default(),
            atmosphere: AtmosphereSize::default(),
            inland_runoff: InlandRunoff::default(),
            runoff_reach_m: 400_000.0,
            runoff_spread_m: 500_000.0,
            calving_limits_deg: vec![-90.0, -55.0, 40.0, 90.0],
            calving_nomed: true,
            calving_noatl: false,
            calving_nopac: false,
            stamps: Stamps::default(),
        }
    }
}

/// What differs from run to run in the files: this crate has no clock and reads no environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamps {
    /// Text of `history`, the time of the run in it; without it the files are the same whenever they are made.
    pub history: Option<String>,
    /// When the files of the archive say that they were changed, in seconds since 1970.
    pub seconds: u64,
}

impl Default for Stamps {
    /// No history; all files of the year 2000, for some programs distrust 1970.
    fn default() -> Self {
        Self { history: None, seconds: 946_684_800 }
    }
}

impl Options {
    /// The options, checked.
    ///
    /// # Errors
    /// The first option out of its range.
    pub fn checked(self) -> Result<Self, Error> {
        for name in [&self.name, &self.ocean_name] {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
            let good = name.chars().all(|c| allowed(c) && c != 'x') && !name.starts_with('.');
            if !(1..=15).contains(&name.len()) || !good {
                return Err(Error::Name(name.clone()));
            }
        }
        for (option, metres) in [("dist_max", self.runoff_reach_m), ("dist_max_voisin", self.runoff_spread_m)]
        {
            if !(metres.is_finite() && metres >= 0.0) {
                return Err(Error::Option {
                    option,
                    value: metres.to_string(),
                    reason: "a distance in metres, 0 or more",
                });
            }
        }
        let limits = &self.calving_limits_deg;
        let rising = limits.len() >= 2 && limits.windows(2).all(|pair| pair[0] < pair[1]);
        if !rising || limits.iter().any(|limit| !(-90.0..=90.0).contains(limit)) {
            return Err(Error::Option {
                option: "ylimits",
                value: limits.iter().map(f64::to_string).collect::<Vec<_>>().join(", "),
                reason: "two or more latitudes within -90..90, each larger than the one before",
            });
        }
        Ok(self)
    }

    /// What is not as in the original, for the history of the files.
    pub(crate) fn differences(&self) -> Option<String> {
        let mode = (self.mode == Mode::Corrected).then_some(
            "corrected: fluxes summed in double precision; calving of the row at the south pole; masks, fractions, areas and \
             corners as their names say",
        );
        let edges = (self.geometry == Geometry::Spherical).then_some("edges of cells are great circles");
        let differences: Vec<&str> = mode.into_iter().chain(edges).collect();
        (!differences.is_empty()).then(|| differences.join("; "))
    }

    /// A name as modellers choose it made fit for file names: other characters become `_`, cut at 15.
    pub fn file_name(name: &str) -> String {
        let mut fit: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() && c != 'x' || "_-.".contains(c) { c } else { '_' })
            .take(15)
            .collect();
        if fit.starts_with('.') {
            fit.replace_range(0..1, "_");
        }
        if fit.is_empty() { "weights".to_owned() } else { fit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_modellers_do() {
        let size: AtmosphereSize = "144x142".parse().unwrap();
        assert_eq!(size, AtmosphereSize::LMDZ_144X142);
        assert_eq!((size.rows(), size.to_string().as_str()), (143, "144x142"));
        for wrong in ["", "96", "96x", "x95", "4x4", "99999x3", "-1x5"] {
            assert!(wrong.parse::<AtmosphereSize>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn any_title_makes_a_name_for_files() {
        for title in ["dev", "Max 40 Ma", "é/../x", "", "...", "a very long name indeed"] {
            let name = Options::file_name(title);
            let options = Options { name, ..Options::default() };
            assert!(options.clone().checked().is_ok(), "{title} -> {}", options.name);
        }
        assert_eq!(Options::file_name("Max 40 Ma"), "Ma__40_Ma");
    }

    #[test]
    fn limits_of_calving_bands_must_rise() {
        for limits in [vec![], vec![0.0], vec![10.0, 0.0], vec![-91.0, 0.0], vec![0.0, f64::NAN]] {
            assert!(Options { calving_limits_deg: limits, ..Options::default() }.checked().is_err());
        }
    }
}
