//! Heights and depths as metres with a direction, whatever the file counts them in.
//!
//! The units of a variable are read, never assumed against what it says: metres and their kin, feet, fathoms, and the
//! geopotential, which becomes a height by division by the standard acceleration of gravity. Units that are none of these are an
//! error that asks. The direction comes from `positive`, else from the standard name or the name ("depth", "bathymetry"), which
//! the values may contradict; whatever was done to the numbers is told as a finding.

use std::fmt;
use std::str::FromStr;

use ndarray::ArrayD;

use crate::{Attributes, Finding, Variable};

/// Standard acceleration of gravity, m/s2 (3rd General Conference on Weights and Measures, 1901).
pub const GRAVITY_M_S2: f64 = 9.806_65;

/// Heights beyond this are none of any planet, m.
pub const IMPLAUSIBLE_M: f64 = 100_000.0;

/// A depth beyond this is no depth of an ocean grid but a fill value that the file does not declare, m: such cells have no value.
pub const MAX_DEPTH_M: f64 = 20_000.0;

/// The deepest trench of the Earth is 10.9 km deep; a margin for other times, m. What is deeper, up to [`MAX_DEPTH_M`], is kept and
/// found.
pub const DEEPEST_OF_EARTH_M: f64 = 12_000.0;

/// The same, and the highest mountain is 8.8 km high.
const OF_THE_EARTH_M: (f64, f64) = (-DEEPEST_OF_EARTH_M, 9500.0);

/// Heights of the Earth in kilometres are within this.
const OF_THE_EARTH_KM: f64 = 12.0;

/// Which way numbers grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Positive {
    /// Height above sea level.
    Up,
    /// Depth below sea level.
    Down,
}

impl FromStr for Positive {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text.trim().to_lowercase().as_str() {
            "up" => Ok(Self::Up),
            "down" => Ok(Self::Down),
            _ => Err(UnknownWord { word: text.to_owned(), known: "up, down" }),
        }
    }
}

impl fmt::Display for Positive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::Down => "down",
        })
    }
}

/// Units of a height: what a number of them is in metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Units {
    factor: f64,
    divisor: f64,
    is_geopotential: bool,
}

/// A word that names no units, or no direction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{word}' is not known: choose one of {known}")]
pub struct UnknownWord {
    word: String,
    known: &'static str,
}

impl Units {
    /// Metres.
    pub const METRES: Self = Self::of_length(1.0, 1.0);
    /// The geopotential, m2/s2.
    pub const GEOPOTENTIAL: Self = Self { factor: 1.0, divisor: GRAVITY_M_S2, is_geopotential: true };
    /// The words that stand for units in forms, in requests and on the command line.
    pub const WORDS: [&str; 5] = ["m", "km", "cm", "ft", "geopotential"];

    const fn of_length(factor: f64, divisor: f64) -> Self {
        Self { factor, divisor, is_geopotential: false }
    }

    /// The height in metres that a number of these units is.
    pub fn metres(self, number: f64) -> f64 {
        number * self.factor / self.divisor
    }

    /// The number of these units that a height in metres is.
    pub fn of_metres(self, metres: f64) -> f64 {
        metres * self.divisor / self.factor
    }

    /// Units by what files say: `km`, `metres above sea level`, `m2 s-2`, `m**2 s**-2`, `J/kg`. `None` for what is no height.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let inside = |open, close| text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
        let text = inside('[', ']').or_else(|| inside('(', ')')).unwrap_or(text).trim();
        // The one prefix that is told from another by its case.
        if text == "Mm" {
            return None;
        }
        let lower: String = text.to_lowercase().replace('_', " ");
        let words = lower.strip_prefix("us survey ").or_else(|| lower.strip_prefix("international "));
        let words = words.unwrap_or(&lower);
        // "m above sea level", "metres (positive down)", "meters, msl".
        let ends =
            [" above", " below", " asl", " amsl", " a.s.l", " bsl", " relative", " msl", " (", ",", ";"];
        let end = ends.iter().filter_map(|end| words.find(end)).min().unwrap_or(words.len());
        let words = words[..end].trim();
        if matches!(words, "masl" | "mamsl" | "mbsl" | "m.a.s.l." | "m.a.s.l" | "m.b.s.l.") {
            return Some(Self::METRES);
        }
        Product::parse(words)?.units()
    }
}

impl FromStr for Units {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        if text.trim().eq_ignore_ascii_case("geopotential") {
            return Ok(Self::GEOPOTENTIAL);
        }
        let unknown = || UnknownWord { word: text.to_owned(), known: "m, km, cm, ft, geopotential" };
        Self::parse(text).ok_or_else(unknown)
    }
}

/// A product of units: a factor, and powers of metre, second and kilogram.
#[derive(Debug, Clone, Copy)]
struct Product {
    factor: f64,
    divisor: f64,
    powers: [i32; 3],
}

impl Product {
    /// `10 m`, `m2/s2`, `m**2 s**-2`, `m^2.s^-2`, `m² s⁻²`, `J kg-1`.
    fn parse(text: &str) -> Option<Self> {
        let mut plain = String::new();
        for c in text.chars() {
            plain.push_str(match c {
                '²' => "^2",
                '³' => "^3",
                '¹' => "1",
                '⁻' | '−' => "^-",
                '·' | '⋅' | '×' => "*",
                other => {
                    plain.push(other);
                    continue;
                }
            });
        }
        let plain = plain.replace("^-^", "^-").replace("**", "^").replace(" per ", "/");
        let mut rest = plain.trim();
        let mut product = Self { factor: 1.0, divisor: 1.0, powers: [0; 3] };
        let mut has_unit = false;
        let mut divides = false;
        while let Some(first) = rest.chars().next() {
            match first {
                ' ' | '*' | '.' => rest = &rest[first.len_utf8()..],
                '/' => {
                    divides = true;
                    rest = &rest[1..];
                }
                _ if first.is_ascii_digit() => {
                    let number: f64 = taken(&mut rest, |c| c.is_ascii_digit() || c == '.').parse().ok()?;
                    let exponent = exponent(&mut rest)?;
                    product.multiply(number, 1.0, [0; 3], if divides { -exponent } else { exponent });
                    divides = false;
                }
                _ if first.is_alphabetic() => {
                    let word = taken(&mut rest, char::is_alphabetic);
                    let (factor, divisor, powers) = unit(word)?;
                    let exponent = exponent(&mut rest)?;
                    product.multiply(factor, divisor, powers, if divides { -exponent } else { exponent });
                    divides = false;
                    has_unit = true;
                }
                _ => return None,
            }
        }
        (has_unit && !divides).then_some(product)
    }

    fn multiply(&mut self, factor: f64, divisor: f64, powers: [i32; 3], exponent: i32) {
        let (up, down) = if exponent < 0 { (divisor, factor) } else { (factor, divisor) };
        self.factor *= up.powi(exponent.abs());
        self.divisor *= down.powi(exponent.abs());
        for (own, power) in self.powers.iter_mut().zip(powers) {
            *own += power * exponent;
        }
    }

    fn units(self) -> Option<Units> {
        let Self { factor, divisor, powers } = self;
        let usable = factor.is_finite() && divisor.is_finite() && factor > 0.0 && divisor > 0.0;
        match powers {
            [1, 0, 0] if usable => Some(Units::of_length(factor, divisor)),
            [2, -2, 0] if usable => {
                Some(Units { factor, divisor: divisor * GRAVITY_M_S2, is_geopotential: true })
            }
            _ => None,
        }
    }
}

/// The longest start of `rest` of such characters, taken from it.
fn taken<'a>(rest: &mut &'a str, is: impl Fn(char) -> bool) -> &'a str {
    let end = rest.find(|c| !is(c)).unwrap_or(rest.len());
    let (start, after) = rest.split_at(end);
    *rest = after;
    start
}

/// The exponent that follows a unit, 1 without any; `None` for one beyond what units have.
fn exponent(rest: &mut &str) -> Option<i32> {
    let after = rest.strip_prefix('^').unwrap_or(rest);
    let is_exponent = after.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+' || c == '(');
    if !is_exponent {
        return (after.len() == rest.len()).then_some(1);
    }
    let mut inside = after.trim_start_matches('(');
    let sign = if inside.starts_with('-') { -1 } else { 1 };
    inside = inside.trim_start_matches(['-', '+']);
    let number: i32 = taken(&mut inside, |c| c.is_ascii_digit()).parse().ok()?;
    *rest = inside.trim_start_matches(')');
    (number <= 9).then_some(sign * number)
}

/// What a word of units is: factor, divisor, and the powers of metre, second and kilogram.
fn unit(word: &str) -> Option<(f64, f64, [i32; 3])> {
    let length = |factor: f64, divisor: f64| Some((factor, divisor, [1, 0, 0]));
    match word {
        "m" | "meter" | "meters" | "metre" | "metres" | "mètre" | "mètres" | "mtr" | "mtrs" | "metro"
        | "metros" | "gpm" => length(1.0, 1.0),
        "km" | "kilometer" | "kilometers" | "kilometre" | "kilometres" | "kms" => length(1000.0, 1.0),
        "hm" | "hectometer" | "hectometers" | "hectometre" | "hectometres" => length(100.0, 1.0),
        "dam" | "decameter" | "decameters" | "decametre" | "decametres" | "gpdm" => length(10.0, 1.0),
        "dm" | "decimeter" | "decimeters" | "decimetre" | "decimetres" => length(1.0, 10.0),
        "cm" | "centimeter" | "centimeters" | "centimetre" | "centimetres" => length(1.0, 100.0),
        "mm" | "millimeter" | "millimeters" | "millimetre" | "millimetres" => length(1.0, 1000.0),
        "ft" | "foot" | "feet" => length(0.3048, 1.0),
        "yd" | "yard" | "yards" => length(0.9144, 1.0),
        "fathom" | "fathoms" | "fm" | "ftm" => length(1.8288, 1.0),
        "s" | "sec" | "second" | "seconds" => Some((1.0, 1.0, [0, 1, 0])),
        "j" | "joule" | "joules" => Some((1.0, 1.0, [2, -2, 1])),
        "kg" | "kilogram" | "kilograms" => Some((1.0, 1.0, [0, 0, 1])),
        _ => None,
    }
}

/// What the modeller says of the numbers; it goes before what the file says.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Overrides {
    /// The units of the numbers.
    pub units: Option<Units>,
    /// Their direction.
    pub positive: Option<Positive>,
}

/// Why a variable cannot be read as heights.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The variable holds text.
    #[error("variable '{name}' holds text, not heights")]
    NotNumeric {
        /// The variable.
        name: String,
    },
    /// The units are those of something else, or not known.
    #[error(
        "variable '{name}' has units \"{units}\", which are none of a height or a depth: choose another variable, or say what its \
         numbers are by the option 'units' (m, km, cm, ft or geopotential)"
    )]
    Units {
        /// The variable.
        name: String,
        /// Its units.
        units: String,
    },
    /// How the numbers are packed cannot be told.
    #[error(
        "variable '{name}': the attribute '{attribute}' {what}, so its values are not known: correct the attribute in the file"
    )]
    Packing {
        /// The variable.
        name: String,
        /// The attribute.
        attribute: &'static str,
        /// What is wrong with it.
        what: String,
    },
}

/// The heights or depths of a variable.
#[derive(Debug, Clone, PartialEq)]
pub struct Heights {
    name: String,
    /// In metres, as they are counted; NaN where missing. In the shape of the variable.
    values_m: ArrayD<f64>,
    direction: Direction,
    findings: Vec<Finding>,
}

impl Heights {
    /// Reads a variable as heights or depths, in the direction of the file.
    ///
    /// # Errors
    /// Text, units that are none of a height, and a packing that was not understood.
    pub fn read(variable: &Variable, overrides: &Overrides) -> Result<Self, Error> {
        let name = variable.name.clone();
        let not_numeric = || Error::NotNumeric { name: name.clone() };
        let packing = variable.packing();
        if let Some(problem) =
            packing.problems().iter().find(|d| ["scale_factor", "add_offset"].contains(&d.attribute))
        {
            return Err(Error::Packing { name, attribute: problem.attribute, what: problem.what.clone() });
        }
        let (units, of_units) = units(&name, &variable.attributes, overrides)?;
        let mut findings: Vec<Finding> = of_units.into_iter().collect();
        let (mut values_m, of_values) = variable.decode_with_findings().ok_or_else(not_numeric)?;
        findings.extend(of_values);
        if units != Units::METRES {
            values_m.mapv_inplace(|number| units.metres(number));
        }
        let direction =
            Direction::detect(&name, &variable.attributes, overrides, || values_m.iter().copied());
        // A marker that was taken for a height is beyond the Earth for no other reason.
        if !findings.iter().any(|finding| finding.code == "marker-undeclared") {
            findings.extend(plausibility(variable, &values_m, direction.positive, overrides));
        }
        Ok(Self { name, values_m, direction, findings })
    }

    /// The heights above sea level, m, and what there is to say: depths are turned round.
    pub fn into_up(mut self) -> (ArrayD<f64>, Vec<Finding>) {
        self.findings.extend(self.direction.contradiction(&self.name));
        if self.direction.positive == Positive::Down {
            // 0 stays 0, without a sign.
            self.values_m.mapv_inplace(|depth| 0.0 - depth);
            self.findings.push(Finding::note(
                "depth-turned",
                format!(
                    "'{}' holds depths, positive downwards: they were turned round to heights above sea level; if they are \
                     heights already, set 'positive' to up",
                    self.name
                ),
            ));
        }
        (self.values_m, self.findings)
    }

    /// The heights or depths as they are counted, m, which way that is, and what there is to say.
    pub fn into_counted(mut self) -> (ArrayD<f64>, Positive, Vec<Finding>) {
        self.findings.extend(self.direction.finding(&self.name));
        (self.values_m, self.direction.positive, self.findings)
    }

    /// The first cell with a height that no planet has, and that height.
    pub fn implausible(&self) -> Option<(Vec<usize>, f64)> {
        let found = self.values_m.indexed_iter().find(|(_, height)| height.abs() > IMPLAUSIBLE_M);
        found.map(|(index, &height)| (ndarray::Dimension::slice(&index).to_vec(), height))
    }
}

/// The units of the variable `name`, and what to say about them.
///
/// # Errors
/// [`Error::Units`] when they are none of a height.
pub fn units(
    name: &str,
    attributes: &Attributes,
    overrides: &Overrides,
) -> Result<(Units, Option<Finding>), Error> {
    let text = attributes.text("units").map(str::trim).unwrap_or_default();
    let number = attributes.get("units").filter(|value| value.as_text().is_none());
    let text = number.map_or_else(|| text.to_owned(), |value| format!("{:?}", value.numbers()));
    let standard_name = attributes.text("standard_name").unwrap_or_default().trim().to_lowercase();
    let says_nothing =
        ["", "1", "-", "none", "unknown", "undefined", "n/a", "null", "unitless", "dimensionless"];
    let blank = says_nothing.contains(&text.to_lowercase().as_str());
    let units = match (overrides.units, Units::parse(&text)) {
        (Some(said), _) => said,
        (None, Some(own)) => own,
        (None, None)
            if blank && ["geopotential", "surface_geopotential"].contains(&standard_name.as_str()) =>
        {
            Units::GEOPOTENTIAL
        }
        (None, None) if blank => Units::METRES,
        (None, None) => return Err(Error::Units { name: name.to_owned(), units: text }),
    };
    let described = match overrides.units {
        Some(_) => "the units that were given".to_owned(),
        None if blank => "the units of its standard name".to_owned(),
        None => format!("units \"{text}\""),
    };
    let finding = if units.is_geopotential {
        let text = format!(
            "'{name}' is a geopotential ({described}): it was divided by the acceleration of gravity, {GRAVITY_M_S2} m/s2, to \
             heights in metres"
        );
        Some(Finding::note("units-converted", text))
    } else if units != Units::METRES {
        let one = units.metres(1.0);
        Some(Finding::note(
            "units-converted",
            format!("'{name}' was converted to metres ({described}: 1 is {one} m)"),
        ))
    } else if blank && !text.is_empty() && overrides.units.is_none() {
        Some(Finding::note(
            "units-assumed",
            format!("'{name}' has units \"{text}\": it was taken to be in metres"),
        ))
    } else {
        None
    };
    Ok((units, finding))
}

/// The direction of a variable, and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Direction {
    /// Which way its numbers grow.
    pub positive: Positive,
    /// True where its name and its values say different things.
    is_doubtful: bool,
}

impl Direction {
    /// The direction of the variable `name`: what the modeller says, `positive`, the standard name, else whether it is called a
    /// depth. A depth by name alone whose `values` are below zero for the most part is taken for a height.
    pub fn detect<I: Iterator<Item = f64>>(
        name: &str,
        attributes: &Attributes,
        overrides: &Overrides,
        values: impl FnOnce() -> I,
    ) -> Self {
        let sure = |positive| Self { positive, is_doubtful: false };
        if let Some(said) = overrides.positive {
            return sure(said);
        }
        let text = |attribute: &str| attributes.text(attribute).unwrap_or_default().trim().to_lowercase();
        let declared = attributes.text("positive").and_then(|text| text.parse().ok());
        if declared == Some(Positive::Up) {
            return sure(Positive::Up);
        }
        let standard_name = text("standard_name");
        let is_height = |text: &str| {
            ["altitude", "elevation", "topograph", "height", "geopotential", "orograph"]
                .iter()
                .any(|w| text.contains(w))
        };
        let is_depth =
            |text: &str| text.contains("depth") || text.contains("bathy") || text.contains("_below_");
        let below = {
            let units = text("units").replace('_', " ");
            units.contains(" below ") || units == "mbsl"
        };
        let named = match declared {
            Some(_) => true,
            None if !standard_name.is_empty() && (is_depth(&standard_name) || is_height(&standard_name)) => {
                is_depth(&standard_name) && !standard_name.contains("_above_")
            }
            None => {
                let name = name.to_lowercase();
                let long_name = text("long_name");
                below
                    || is_depth(&name)
                    || (!is_height(&name) && is_depth(&long_name) && !is_height(&long_name))
            }
        };
        if !named {
            return sure(Positive::Up);
        }
        let (mut above, mut below_zero) = (0_usize, 0_usize);
        for value in values() {
            above += usize::from(value > 0.0);
            below_zero += usize::from(value < 0.0);
        }
        let is_doubtful = below_zero > above;
        let positive = if is_doubtful && declared.is_none() { Positive::Up } else { Positive::Down };
        Self { positive, is_doubtful }
    }

    /// What there is to say: that they are depths, or that name and values say different things.
    pub fn finding(&self, name: &str) -> Option<Finding> {
        let text = || format!("'{name}' holds depths, positive downwards: sea is above zero");
        let depths = (self.positive == Positive::Down).then(|| Finding::note("depth-read", text()));
        self.contradiction(name).or(depths)
    }

    /// What to say where name and values say different things.
    fn contradiction(&self, name: &str) -> Option<Finding> {
        let text = match (self.is_doubtful, self.positive) {
            (false, _) => return None,
            (true, Positive::Up) => format!(
                "'{name}' is called a depth, and most of its values are below zero: they were taken as heights above sea level; \
                 if they are depths, set 'positive' to down"
            ),
            (true, Positive::Down) => format!(
                "'{name}' says positive = \"down\", and most of its values are below zero, which makes them land; if they are \
                 heights above sea level, set 'positive' to up"
            ),
        };
        Some(Finding::warning("direction-doubtful", text))
    }
}

/// What values beyond those of the Earth may mean.
fn plausibility(
    variable: &Variable,
    values_m: &ArrayD<f64>,
    positive: Positive,
    overrides: &Overrides,
) -> Option<Finding> {
    let name = &variable.name;
    let (mut least, mut most, mut fractions) = (f64::INFINITY, f64::NEG_INFINITY, false);
    for &value in values_m {
        if value.is_finite() {
            (least, most) = (least.min(value), most.max(value));
            fractions |= value.fract() != 0.0;
        }
    }
    if least > most {
        return None;
    }
    let (low, high) = if positive == Positive::Up { (least, most) } else { (-most, -least) };
    let metres_by_units = variable.attributes.text("units").and_then(Units::parse).is_some();
    let undeclared = !metres_by_units && overrides.units.is_none();
    let remedy = "if so, set 'units'";
    if undeclared && fractions && least.abs().max(most.abs()) <= OF_THE_EARTH_KM && low < 0.0 && high > 0.0 {
        let text = format!(
            "'{name}' runs from {least} to {most} and has no units: it was taken to be in metres and looks like kilometres; {remedy} \
             to km"
        );
        return Some(Finding::warning("heights-beyond-earth", text));
    }
    let (floor, ceiling) = OF_THE_EARTH_M;
    if low >= floor && high <= ceiling {
        return None;
    }
    let fits = |units: Units| units.metres(low) >= floor && units.metres(high) <= ceiling;
    let feet = Units::of_length(0.3048, 1.0);
    let guess = if fits(feet) {
        format!("; it looks like feet or decimetres: {remedy} to ft, or convert it")
    } else if fits(Units::GEOPOTENTIAL) {
        format!("; it looks like a geopotential: {remedy} to geopotential")
    } else if fits(Units::of_length(1.0, 100.0)) {
        format!("; it looks like centimetres: {remedy} to cm")
    } else {
        " (a fill value that the file does not declare?)".to_owned()
    };
    let text = format!(
        "'{name}' reaches from {low} to {high} m, beyond the deepest and the highest of the Earth{guess}"
    );
    Some(Finding::warning("heights-beyond-earth", text))
}

#[cfg(test)]
mod tests {
    use ndarray::arr1;

    use super::*;
    use crate::Values;

    fn variable(name: &str, values: &[f64], attributes: &[(&str, &str)]) -> Variable {
        let mut list = Attributes::new();
        for (name, value) in attributes {
            list.set(name, *value);
        }
        Variable::new(name, &["x"], Values::F64(arr1(values).into_dyn()), list)
    }

    fn read(name: &str, values: &[f64], attributes: &[(&str, &str)]) -> (Vec<f64>, Vec<&'static str>) {
        read_with(name, values, attributes, &Overrides::default())
    }

    fn read_with(
        name: &str,
        values: &[f64],
        attributes: &[(&str, &str)],
        overrides: &Overrides,
    ) -> (Vec<f64>, Vec<&'static str>) {
        let heights = Heights::read(&variable(name, values, attributes), overrides).unwrap();
        let (up_m, findings) = heights.into_up();
        (up_m.into_iter().collect(), findings.into_iter().map(|finding| finding.code).collect())
    }

    const MAP: [f64; 4] = [-4874.5, -3.0, 0.0, 4084.0];

    #[test]
    fn a_marker_that_is_not_declared_is_found() {
        for (marker, map) in
            [(-9999.0, MAP), (-32_768.0, MAP), (99_999.0, MAP), (-999.0, [-12.0, -3.0, 0.0, 800.0])]
        {
            let values: Vec<f64> = map.into_iter().chain([marker, marker]).collect();
            assert_eq!(read("topo", &values, &[("units", "m")]), (values.clone(), vec!["marker-undeclared"]));
        }
        // Trenches of whole metres are no markers.
        let trench = [-9999.0, -9998.0, -9700.0, 4084.0];
        assert_eq!(read("topo", &trench, &[("units", "m")]), (trench.to_vec(), vec![]));
        let declared = [("units", "m"), ("nodata", "-9999")];
        let (values, codes) = read("topo", &[-9999.0, 12.0], &declared);
        assert!(values[0].is_nan() && codes == ["marker-by-custom"], "{codes:?}");
    }

    #[test]
    fn lengths_become_metres_however_they_are_spelled() {
        for units in [
            "m",
            "M",
            " meters",
            "metre",
            "Metres\0",
            "[m]",
            "(m)",
            "m above sea level",
            "meters (above MSL)",
            "m a.s.l.",
            "masl",
            "m AMSL",
            "metres_above_sea_level",
            "gpm",
            "meters, positive up",
            "1 m",
        ] {
            assert_eq!(read("topo", &MAP, &[("units", units)]), (MAP.to_vec(), vec![]), "{units}");
        }
        for (units, one) in [
            ("km", 1000.0),
            ("KM", 1000.0),
            ("kilometers", 1000.0),
            ("kilometres", 1000.0),
            ("1000 m", 1000.0),
            ("hm", 100.0),
            ("dam", 10.0),
            ("10 m", 10.0),
            ("dm", 0.1),
            ("cm", 0.01),
            ("centimetres", 0.01),
            ("0.01 m", 0.01),
            ("mm", 0.001),
            ("ft", 0.3048),
            ("feet", 0.3048),
            ("Foot", 0.3048),
            ("international_feet", 0.3048),
            ("fathoms", 1.8288),
        ] {
            let stored: Vec<f64> = MAP.iter().map(|height| height / one).collect();
            let (heights, codes) = read("topo", &stored, &[("units", units)]);
            assert_eq!(codes, ["units-converted"], "{units}");
            assert!(heights.iter().zip(MAP).all(|(a, b)| (a - b).abs() < 1e-8), "{units}: {heights:?}");
        }
    }

    #[test]
    fn a_geopotential_is_divided_by_gravity_in_any_spelling() {
        let stored: Vec<f64> = MAP.iter().map(|height| height * GRAVITY_M_S2).collect();
        for units in [
            "m2/s2",
            "m2 s-2",
            "m**2 s**-2",
            "m^2 s^-2",
            "m^2/s^2",
            "m**2/s**2",
            "m2.s-2",
            "m2*s-2",
            "m^2*s^-2",
            "m² s⁻²",
            "m²/s²",
            "meters2 second-2",
            "J/kg",
            "J kg-1",
            "J kg**-1",
            "m2 per s2",
            "(m2 s-2)",
            "M2/S2",
            "m^(2) s^(-2)",
        ] {
            let (heights, codes) = read("PHIS", &stored, &[("units", units)]);
            assert_eq!(codes, ["units-converted"], "{units}");
            assert!(heights.iter().zip(MAP).all(|(a, b)| (a - b).abs() < 1e-9), "{units}: {heights:?}");
        }
        let by_name = read("z", &stored, &[("standard_name", "surface_geopotential")]);
        assert!((by_name.0[3] - 4084.0).abs() < 1e-9);
        // A geopotential height is a height.
        assert_eq!(read("z", &MAP, &[("standard_name", "geopotential_height"), ("units", "m")]).0, MAP);
    }

    #[test]
    fn units_of_something_else_are_asked_for() {
        for units in [
            "hPa",
            "K",
            "kg",
            "m s-1",
            "m2",
            "m3/s2",
            "s",
            "degrees",
            "m/",
            "Mm",
            "meters per second",
            "m^",
            "m^99",
        ] {
            let error =
                Heights::read(&variable("v", &MAP, &[("units", units)]), &Overrides::default()).unwrap_err();
            assert!(matches!(&error, Error::Units { units: own, .. } if own == units), "{units}: {error}");
            assert!(error.to_string().contains(&format!("'v' has units \"{units}\"")), "{error}");
            let said = Overrides { units: Some("km".parse().unwrap()), positive: None };
            assert_eq!(
                read_with("v", &[1.5], &[("units", units)], &said),
                (vec![1500.0], vec!["units-converted"])
            );
        }
        assert_eq!(read("v", &MAP, &[("units", "1")]), (MAP.to_vec(), vec!["units-assumed"]));
        assert_eq!(read("v", &MAP, &[("units", " ")]), (MAP.to_vec(), vec![]));
        for word in Units::WORDS {
            assert!(word.parse::<Units>().is_ok(), "{word}");
        }
        assert!("miles".parse::<Units>().unwrap_err().to_string().contains("km"));
    }

    #[test]
    fn depths_are_turned_round_by_attribute_or_name() {
        let depths: Vec<f64> = [4874.5, 3.0, 500.0, 0.0, -4084.0].to_vec();
        let turned = [-4874.5, -3.0, -500.0, 0.0, 4084.0];
        let cases: [(&str, &[(&str, &str)]); 10] = [
            ("z", &[("positive", "down")]),
            ("z", &[("positive", " Down\0")]),
            ("z", &[("standard_name", "sea_floor_depth_below_geoid")]),
            ("z", &[("standard_name", "sea_floor_depth_below_mean_sea_level")]),
            ("depth", &[]),
            ("Bathymetry", &[]),
            ("deptho", &[]),
            ("sea_floor_depth", &[]),
            ("z", &[("long_name", "Water depth")]),
            ("z", &[("units", "m below sea level")]),
        ];
        for (name, attributes) in cases {
            let (heights, codes) = read(name, &depths, attributes);
            assert_eq!(
                (heights.as_slice(), codes),
                (turned.as_slice(), vec!["depth-turned"]),
                "{name} {attributes:?}"
            );
            assert!(heights[3].is_sign_positive(), "0 has no sign");
        }
        let up = Overrides { positive: Some(Positive::Up), units: None };
        assert_eq!(read_with("depth", &depths, &[("positive", "down")], &up), (depths.clone(), vec![]));
        let down = Overrides { positive: Some(Positive::Down), units: None };
        assert_eq!(read_with("topo", &depths, &[], &down).0, turned);
    }

    #[test]
    fn heights_stay_heights_whatever_they_are_called() {
        for (name, attributes) in [
            ("topo", vec![]),
            ("depth", vec![("positive", "up")]),
            ("bathymetry", vec![("standard_name", "height_above_mean_sea_level")]),
            ("z", vec![("long_name", "topography and bathymetry")]),
            ("elevation", vec![("long_name", "depth")]),
        ] {
            assert_eq!(read(name, &MAP, &attributes), (MAP.to_vec(), vec![]), "{name} {attributes:?}");
        }
        // Most of a planet is sea: what is below zero there is a height, and that is said.
        let sea = [-4000.0, -3000.0, 500.0];
        assert_eq!(read("bathymetry", &sea, &[]), (sea.to_vec(), vec!["direction-doubtful"]));
        let declared = read("z", &sea, &[("positive", "down")]);
        assert_eq!(declared, (vec![4000.0, 3000.0, -500.0], vec!["direction-doubtful", "depth-turned"]));
    }

    #[test]
    fn heights_that_the_earth_does_not_have_are_found() {
        let codes = |values: &[f64], units: &str| read("topo", values, &[("units", units)]).1;
        assert_eq!(codes(&[-4.874, 4.084], ""), ["heights-beyond-earth"]);
        assert_eq!(codes(&[-4.874, 4.084], "m"), [""; 0]);
        assert_eq!(codes(&[-5.0, 4.0], ""), [""; 0]);
        let message = |low: f64, high: f64| {
            let heights = Heights::read(&variable("topo", &[low, high], &[]), &Overrides::default()).unwrap();
            heights.into_up().1.first().map(|finding| finding.message.clone()).unwrap_or_default()
        };
        assert_eq!(message(-11_000.0, 8900.0), "");
        assert!(message(-36_000.0, 29_000.0).contains("feet"));
        assert!(message(-95_000.0, 80_000.0).contains("geopotential"));
        assert!(message(-900_000.0, 400_000.0).contains("centimetres"));
        assert!(message(-5000.0, 1e12).contains("fill value"));
        let heights = Heights::read(&variable("topo", &[5.0, 1e12], &[]), &Overrides::default()).unwrap();
        assert_eq!(heights.implausible(), Some((vec![1], 1e12)));
    }

    #[test]
    fn a_packing_that_is_not_understood_is_no_height() {
        let packed = variable("topo", &MAP, &[("scale_factor", "a tenth")]);
        let error = Heights::read(&packed, &Overrides::default()).unwrap_err();
        assert!(error.to_string().contains("'scale_factor' = \"a tenth\""), "{error}");
        let doubted = read("topo", &MAP, &[("missing_value", "none")]);
        assert_eq!(doubted, (MAP.to_vec(), vec!["attribute-not-understood"]));
    }

    proptest::proptest! {
        /// A height written in any units, and in either direction, is read as that height.
        #[test]
        fn any_encoding_is_the_same_height(
            heights in proptest::collection::vec(-11_000.0..9000.0_f64, 1..20),
            units in proptest::sample::select(vec!["m", "km", "cm", "ft", "dm", "m2 s-2", "fathoms"]),
            positive in proptest::sample::select(vec!["up", "down"]),
        ) {
            let factor = Units::parse(units).unwrap();
            let sign = if positive == "up" { 1.0 } else { -1.0 };
            let stored: Vec<f64> = heights.iter().map(|h| sign * h * factor.divisor / factor.factor).collect();
            let (read, _) = read("z", &stored, &[("units", units), ("positive", positive)]);
            for (read, height) in read.iter().zip(&heights) {
                proptest::prop_assert!((read - height).abs() <= 1e-9 * height.abs().max(1.0));
            }
        }
    }
}
