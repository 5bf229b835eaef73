//! How stored numbers become values (CF conventions, sections 2.5.1 and 8.1; NetCDF Users' Guide, appendix A), and back.
//!
//! Invariants: what marks a missing value is compared as stored, in the precision of the variable; limits are taken in
//! packed or unpacked units by their type; an attribute that cannot be understood is never passed over in silence
//! ([`Packing::problems`]).

use ndarray::ArrayD;

use crate::{AttributeValue, Attributes, DataType, Finding, Values, Variable, VariableHeader};

/// Nothing on the planet is measured in numbers beyond this: there a fill value is recognised to single precision,
/// whatever the types of the values and of the attribute are.
pub const BEYOND_MEASURE: f64 = 1e15;

/// Numbers that programs write where there is no value.
const CUSTOMARY_MARKERS: [f64; 10] =
    [-999.0, 999.0, -9999.0, 9999.0, -99_999.0, 99_999.0, -32_768.0, -32_767.0, 32_767.0, 65_535.0];

/// One of these is taken to be a marker where it is the outermost of all numbers and the next one is so far from it: a map of
/// heights in metres has no such gap.
const MARKER_DISTANCE: f64 = 500.0;

/// What the NetCDF library leaves in floating-point cells that were never written (`NC_FILL_FLOAT`, `NC_FILL_DOUBLE`).
const DEFAULT_FILL: f64 = 9.969_209_968_386_869e36;

/// Limits that were converted from unpacked units are met to this precision: scale factors are often in single precision.
const LIMIT_PRECISION: f64 = 1e-6;

/// What the attributes of a variable say about its stored numbers: which of them mean "no value", and what the others
/// stand for.
///
/// ```
/// use dataset::{Attributes, DataType, Packing};
/// let attributes = Attributes::new().with("missing_value", -9999.9);
/// let packing = Packing::new(DataType::F32, &attributes);
/// assert!(packing.value(f64::from(-9999.9_f32)).is_nan());
/// assert_eq!(packing.value(5.0), 5.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Packing {
    sign: Sign,
    /// Numbers with their sign as it is meant, in the precision of the variable; no NaN among them.
    missing: Vec<f64>,
    /// What the library leaves in cells that were never written, where nothing else is declared.
    default_fill: Option<f64>,
    /// The least and the largest valid number, packed.
    limits: Option<(f64, f64)>,
    scale: Option<f64>,
    offset: Option<f64>,
    problems: Vec<PackingProblem>,
    /// Attributes that mark missing values by another name than the standard ones.
    customary: Vec<String>,
    /// The type of the numbers, as the program ncatted calls it.
    type_letter: char,
}

/// Why a stored number is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// It is `_FillValue` or a `missing_value`.
    Declared,
    /// It is what the NetCDF library leaves in cells that were never written.
    Default,
    /// It is outside of `valid_min`, `valid_max` or `valid_range`.
    OutOfRange,
}

/// An attribute about the stored numbers that was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackingProblem {
    /// Name of the attribute.
    pub attribute: &'static str,
    /// What is wrong with it, to follow its name: `= "none" is no number`.
    pub what: String,
}

/// `_Unsigned`: the classic formats have no unsigned integers, so they are stored as signed ones of the same bits.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sign {
    AsStored,
    /// Negative numbers are meant to be this much larger.
    Unsigned(f64),
    /// Numbers from half of this on are meant to be this much smaller.
    Signed(f64),
}

impl Sign {
    fn new(data_type: DataType, attributes: &Attributes) -> Self {
        let turn = match data_type.size() {
            1 => 256.0,
            2 => 65_536.0,
            _ => 4_294_967_296.0,
        };
        let says = |word: &str| {
            attributes.text("_Unsigned").is_some_and(|own| own.trim().eq_ignore_ascii_case(word))
        };
        match data_type {
            DataType::I8 | DataType::I16 | DataType::I32 if says("true") => Self::Unsigned(turn),
            DataType::U8 | DataType::U16 | DataType::U32 if says("false") => Self::Signed(turn),
            _ => Self::AsStored,
        }
    }

    fn read(self, stored: f64) -> f64 {
        match self {
            Self::Unsigned(turn) if stored < 0.0 => stored + turn,
            Self::Signed(turn) if stored >= turn / 2.0 => stored - turn,
            _ => stored,
        }
    }
}

/// True for the name of an attribute that marks missing values though no convention of NetCDF knows it: `_FillValue` or
/// `missing_value` in another spelling (`FillValue`, `Missing_Value`), and `nodata`, the word of geographic information systems.
fn is_customary_marker(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let words =
        ["fillvalue", "missingvalue", "missingvalues", "missingdata", "nodata", "nodatavalue", "nodataval"];
    !["_FillValue", "missing_value"].contains(&name) && words.contains(&plain.to_ascii_lowercase().as_str())
}

/// The letter of a type in the arguments of ncatted.
fn letter(data_type: DataType) -> char {
    match data_type {
        DataType::F32 => 'f',
        DataType::I16 => 's',
        DataType::I32 => 'i',
        _ => 'd',
    }
}

/// The default fill value of a type (`netcdf.h`); bytes have none: each of their values may be meant.
fn default_fill(data_type: DataType) -> Option<f64> {
    Some(match data_type {
        DataType::F32 | DataType::F64 => DEFAULT_FILL,
        DataType::I16 => -32_767.0,
        DataType::U16 => 65_535.0,
        DataType::I32 => -2_147_483_647.0,
        DataType::U32 => 4_294_967_295.0,
        DataType::I64 => -9_223_372_036_854_775_806.0,
        DataType::U64 => 18_446_744_073_709_551_614.0,
        DataType::I8 | DataType::U8 | DataType::Char | DataType::Text => return None,
    })
}

impl AttributeValue {
    /// The numbers, also of an attribute that is text; `None` for text that is no list of numbers.
    pub fn numbers_or_text(&self) -> Option<Vec<f64>> {
        let texts: Vec<&str> = match self {
            Self::Strings(list) => list.iter().map(String::as_str).collect(),
            other => match other.as_text() {
                Some(text) => vec![text],
                None => return Some(other.numbers()),
            },
        };
        let ends = |c: char| c.is_whitespace() || ",;\0".contains(c);
        let words = texts.iter().flat_map(|text| text.split(ends)).filter(|word| !word.is_empty());
        words.map(number).collect()
    }
}

/// A number as programs print it, also with the suffix of its type as `ncdump` does (`-9999.f`, `0s`, `255UB`) or with the
/// exponent of Fortran (`1.D+20`).
fn number(word: &str) -> Option<f64> {
    let word = word.trim_matches(['"', '\'']);
    let plain = word.trim_end_matches(|c: char| "fFsSbBlLuU".contains(c));
    let infinite = word.to_ascii_lowercase().contains("inf");
    let candidates = [word.to_owned(), plain.to_owned(), plain.replace(['d', 'D'], "e")];
    candidates.iter().filter(|_| !infinite).find_map(|text| text.parse().ok())
}

fn described(value: &AttributeValue) -> String {
    match value.as_text() {
        Some(text) => format!("\"{text}\""),
        None => value.numbers().iter().map(f64::to_string).collect::<Vec<_>>().join(", "),
    }
}

/// Reads the attributes of one variable, and keeps what could not be understood.
struct AttributeReader<'a> {
    attributes: &'a Attributes,
    problems: Vec<PackingProblem>,
}

impl AttributeReader<'_> {
    /// The numbers of an attribute; none where it is absent, blank or not understood.
    fn numbers(&mut self, attribute: &'static str) -> Vec<f64> {
        let Some(value) = self.attributes.get(attribute) else { return Vec::new() };
        value.numbers_or_text().unwrap_or_else(|| {
            self.problem(attribute, format!("= {} is no number", described(value)));
            Vec::new()
        })
    }

    /// The only and finite number of an attribute.
    fn finite(&mut self, attribute: &'static str) -> Option<f64> {
        let found = self.numbers(attribute);
        match found.as_slice() {
            [] => None,
            [number] if number.is_finite() => Some(*number),
            _ => {
                let value = self.attributes.get(attribute).map(described).unwrap_or_default();
                self.problem(attribute, format!("= {value} is not one finite number"));
                None
            }
        }
    }

    fn problem(&mut self, attribute: &'static str, what: String) {
        // Both ends of a range have the same to say.
        if !self.problems.iter().any(|problem| problem.attribute == attribute) {
            self.problems.push(PackingProblem { attribute, what });
        }
    }

    /// The limits of the valid numbers as the file gives them: attribute, number, and the type that it has.
    fn limits(&mut self) -> [Option<(&'static str, f64)>; 2] {
        let mut range = self.numbers("valid_range");
        if !range.is_empty() && range.len() != 2 {
            let count = range.len();
            self.problem("valid_range", format!("has {count} number(s) instead of two"));
            range.clear();
        }
        let mut limit = |attribute, of_range: usize| match range.get(of_range) {
            Some(&number) => Some(("valid_range", number)),
            None => self.numbers(attribute).first().map(|&number| (attribute, number)),
        };
        [limit("valid_min", 0), limit("valid_max", 1)].map(|limit| limit.filter(|(_, n)| !n.is_nan()))
    }
}

/// The smallest number of those that were added, how often it is there, and the next one.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Smallest {
    number: f64,
    count: usize,
    next: f64,
}

impl Default for Smallest {
    fn default() -> Self {
        Self { number: f64::INFINITY, count: 0, next: f64::INFINITY }
    }
}

impl Smallest {
    #[inline]
    fn add(&mut self, number: f64) {
        if number.is_nan() || number > self.next {
            return;
        }
        if number < self.number {
            *self = Self { number, count: 1, next: self.number };
        } else if number == self.number {
            self.count += 1;
        } else {
            self.next = number;
        }
    }
}

/// The cells of a variable that are missing, or may be, though no marker says so: a large one is counted part by part.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GapCounts {
    cells: usize,
    unwritten: usize,
    outside: usize,
    smallest: Smallest,
    /// Of the numbers with their signs changed.
    largest: Smallest,
}

impl GapCounts {
    /// Counts one more cell that holds a number: why it is no value, if it is none.
    #[inline]
    pub fn add(&mut self, number: f64, gap: Option<Gap>) {
        self.cells += 1;
        match gap {
            Some(Gap::Default) => self.unwritten += 1,
            Some(Gap::OutOfRange) => self.outside += 1,
            Some(Gap::Declared) => {}
            None => {
                self.smallest.add(number);
                self.largest.add(-number);
            }
        }
    }

    /// An outermost number that customarily marks missing values, far from all others: the number, how often it is there, and
    /// the distance.
    fn undeclared_marker(&self) -> Option<(f64, usize, f64)> {
        [(self.smallest, 1.0), (self.largest, -1.0)].into_iter().find_map(|(end, sign)| {
            let (number, distance) = (sign * end.number, end.next - end.number);
            let found =
                CUSTOMARY_MARKERS.contains(&number) && distance >= MARKER_DISTANCE && distance.is_finite();
            found.then_some((number, end.count, distance))
        })
    }
}

impl Packing {
    /// The attributes that describe the stored numbers; values that were unpacked must not have them any more
    /// ([`Packing::unpacked`] takes care).
    pub const ATTRIBUTES: [&str; 9] = [
        "_FillValue",
        "missing_value",
        "scale_factor",
        "add_offset",
        "_Unsigned",
        "valid_range",
        "valid_min",
        "valid_max",
        "actual_range",
    ];

    /// What the attributes of a variable of this type say.
    pub fn new(data_type: DataType, attributes: &Attributes) -> Self {
        let mut reader = AttributeReader { attributes, problems: Vec::new() };
        let sign = Sign::new(data_type, attributes);
        // In a variable in single precision a number given in double stands as what it was rounded to.
        let as_stored = |number: f64| match data_type {
            DataType::F32 => f64::from(number as f32),
            _ => sign.read(number),
        };
        let mut missing = Vec::new();
        for name in ["_FillValue", "missing_value"] {
            missing.extend(reader.numbers(name).into_iter().map(as_stored).filter(|n| !n.is_nan()));
        }
        let mut customary = Vec::new();
        for (name, value) in attributes.iter().filter(|(name, _)| is_customary_marker(name)) {
            let numbers = value.numbers_or_text().unwrap_or_default();
            let found = numbers.into_iter().map(as_stored).filter(|n| !n.is_nan() && !missing.contains(n));
            let found: Vec<f64> = found.collect();
            if !found.is_empty() {
                customary.push(name.to_owned());
                missing.extend(found);
            }
        }
        let (scale, offset) = (reader.finite("scale_factor"), reader.finite("add_offset"));
        let is_floating = matches!(data_type, DataType::F32 | DataType::F64);
        // Floating-point cells that were never written stay recognisable when a later program declares another fill value.
        let default_fill = default_fill(data_type)
            .filter(|_| is_floating || (attributes.get("_FillValue").is_none() && sign == Sign::AsStored));
        let mut packing = Self {
            sign,
            missing,
            default_fill,
            limits: None,
            scale,
            offset,
            problems: Vec::new(),
            customary,
            type_letter: letter(data_type),
        };
        if data_type.is_numeric() {
            packing.limits = packing.limits(data_type, &mut reader, &as_stored);
        }
        packing.problems = reader.problems;
        packing
    }

    /// The limits of the valid numbers, packed.
    fn limits(
        &self,
        data_type: DataType,
        reader: &mut AttributeReader<'_>,
        as_stored: &dyn Fn(f64) -> f64,
    ) -> Option<(f64, f64)> {
        let given = reader.limits();
        let is_floating = matches!(data_type, DataType::F32 | DataType::F64);
        let packs = self.scale.is_some() || self.offset.is_some();
        let mut packed = [f64::NEG_INFINITY, f64::INFINITY];
        for (end, limit) in given.into_iter().enumerate() {
            let Some((attribute, number)) = limit else { continue };
            let own = reader.attributes.get(attribute);
            let small_integer = matches!(
                own,
                Some(
                    AttributeValue::I8(_)
                        | AttributeValue::U8(_)
                        | AttributeValue::I16(_)
                        | AttributeValue::U16(_)
                )
            );
            if is_floating && small_integer {
                // Left over by a program that unpacked the values and forgot the limits.
                let value = own.map(described).unwrap_or_default();
                let what = format!(
                    "= {value} is of a packed type, and the values are {}s: it is taken to be left over from packed numbers, \
                     and not applied",
                    data_type.name()
                );
                reader.problem(attribute, what);
                continue;
            }
            // NetCDF Users' Guide: limits of the type of the unpacked values are in their units.
            let in_unpacked_units =
                packs && !is_floating && matches!(own, Some(AttributeValue::F32(_) | AttributeValue::F64(_)));
            if !in_unpacked_units {
                packed[end] = as_stored(number);
                continue;
            }
            let scale = self.scale.unwrap_or(1.0);
            let bound = (number - self.offset.unwrap_or(0.0)) / scale;
            let slack = LIMIT_PRECISION * bound.abs().max(1.0);
            // A negative scale exchanges the two ends.
            let upper = (end == 1) == (scale > 0.0);
            packed[usize::from(upper)] = if upper { bound + slack } else { bound - slack };
        }
        let [least, most] = packed;
        if least > most {
            let attribute = given.iter().flatten().map(|(name, _)| *name).next().unwrap_or("valid_range");
            reader.problem(
                attribute,
                format!("leaves no valid number (from {least} to {most}), and is not applied"),
            );
            return None;
        }
        (least > f64::NEG_INFINITY || most < f64::INFINITY).then_some((least, most))
    }

    /// Attributes about the stored numbers that were not understood, and why. One of `scale_factor` or `add_offset` leaves the
    /// values unknown.
    pub fn problems(&self) -> &[PackingProblem] {
        &self.problems
    }

    /// True when values are more than the stored numbers with gaps.
    pub fn changes_values(&self) -> bool {
        self.sign != Sign::AsStored || self.scale.is_some() || self.offset.is_some()
    }

    /// True when unsigned numbers stand for signed ones of the same bits.
    pub(crate) fn means_signed(&self) -> bool {
        matches!(self.sign, Sign::Signed(_))
    }

    /// The value that one of `flag_values` stands for: they are stored as the values are.
    pub fn flag(&self, stored: f64) -> f64 {
        self.unpacked_number(self.number(stored))
    }

    /// The number that is stored, with its sign as it is meant.
    #[inline]
    fn number(&self, stored: f64) -> f64 {
        self.sign.read(stored)
    }

    /// Why a stored number is no value; `None` for a value (and for NaN, which is none by itself).
    #[inline]
    pub fn gap(&self, stored: f64) -> Option<Gap> {
        self.gap_of(self.number(stored))
    }

    #[inline]
    fn gap_of(&self, number: f64) -> Option<Gap> {
        let is = |marker: f64| {
            number == marker || (marker.abs() > BEYOND_MEASURE && number as f32 == marker as f32)
        };
        if self.missing.iter().any(|&marker| is(marker)) {
            return Some(Gap::Declared);
        }
        if self.default_fill.is_some_and(is) {
            return Some(Gap::Default);
        }
        match self.limits {
            Some((least, most)) if number < least || number > most => Some(Gap::OutOfRange),
            _ => None,
        }
    }

    /// True for a stored number that means "no value".
    #[inline]
    pub fn is_missing(&self, stored: f64) -> bool {
        self.gap(stored).is_some()
    }

    /// The value of a stored number; NaN when it is missing.
    #[inline]
    pub fn value(&self, stored: f64) -> f64 {
        let number = self.number(stored);
        if self.gap_of(number).is_some() {
            return f64::NAN;
        }
        self.unpacked_number(number)
    }

    #[inline]
    fn unpacked_number(&self, number: f64) -> f64 {
        let scaled = self.scale.map_or(number, |factor| number * factor);
        self.offset.map_or(scaled, |shift| scaled + shift)
    }

    /// The first number that is declared to mark missing values, as it is stored.
    pub fn marker(&self) -> Option<f64> {
        let stored = |number: f64| match self.sign {
            Sign::Unsigned(turn) if number >= turn / 2.0 => number - turn,
            Sign::Signed(turn) if number < 0.0 => number + turn,
            _ => number,
        };
        self.missing.first().copied().map(stored)
    }

    /// The attributes of the values, when these are stored unpacked, with NaN where they are missing: without those that are
    /// about the stored numbers, and with flags that are what the values are.
    pub fn unpacked(&self, attributes: &Attributes) -> Attributes {
        let mut kept = attributes.clone();
        // What was not understood was not done, and stays to be read by people.
        let not_done = |name: &str| {
            !name.contains("range") && self.problems.iter().any(|problem| problem.attribute == name)
        };
        for name in Self::ATTRIBUTES.into_iter().filter(|name| !not_done(name)) {
            kept.remove(name);
        }
        self.forget_customary(&mut kept);
        if self.changes_values() {
            for (name, is_mask) in [("flag_values", false), ("flag_masks", true)] {
                let Some(numbers) = attributes.get(name).and_then(AttributeValue::numbers_or_text) else {
                    continue;
                };
                let as_value = |stored| if is_mask { self.number(stored) } else { self.flag(stored) };
                kept.set(name, AttributeValue::F64(numbers.into_iter().map(as_value).collect()));
            }
        }
        kept
    }

    /// Removes the attributes that mark missing values by a name that is not standard.
    pub(crate) fn forget_customary(&self, attributes: &mut Attributes) {
        for name in &self.customary {
            attributes.remove(name);
        }
    }

    /// What is to be said about the variable `name` with these values: attributes that were not understood, and cells that
    /// are missing though no marker says so.
    pub fn findings(&self, name: &str, stored: &Values) -> Vec<Finding> {
        let mut counts = GapCounts::default();
        if self.has_unmarked_gaps() {
            stored.for_each_number(|number| counts.add(number, self.gap(number)));
        }
        self.findings_of_counts(name, &counts)
    }

    /// True when cells may be missing though no marker says so: only then there is something to count.
    pub fn has_unmarked_gaps(&self) -> bool {
        self.default_fill.is_some() || self.limits.is_some()
    }

    /// As [`Packing::findings`], of a variable whose cells were counted part by part; of none, its attributes alone.
    pub fn findings_of_counts(&self, name: &str, counts: &GapCounts) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self
            .problems
            .iter()
            .map(|problem| {
                let text = format!("'{name}': the attribute '{}' {}", problem.attribute, problem.what);
                Finding::warning("attribute-not-understood", text)
            })
            .collect();
        for attribute in &self.customary {
            findings.push(Finding::note(
                "marker-by-custom",
                format!(
                    "'{name}': cells that hold the number of its attribute '{attribute}' were read as missing (the standard name of \
                     this attribute is _FillValue)"
                ),
            ));
        }
        let GapCounts { cells, unwritten, outside, .. } = *counts;
        if let Some((marker, count, distance)) = counts.undeclared_marker() {
            findings.push(Finding::warning(
                "marker-undeclared",
                format!(
                    "'{name}' is exactly {marker} in {count} of {cells} cells, and the next number is {distance} away: this looks like a \
                     marker of missing values that the file does not declare, and was taken as a value. If it is one, declare it: \
                     ncatted -a _FillValue,{name},o,{},{marker} FILE",
                    self.type_letter
                ),
            ));
        }
        if unwritten > 0 {
            let fill = self.default_fill.unwrap_or(DEFAULT_FILL);
            let fill = if fill > 1e30 { format!("{fill:.5e}") } else { fill.to_string() };
            findings.push(Finding::warning(
                "default-fill-values",
                format!(
                    "'{name}': {unwritten} of {cells} cells hold {fill}, which the NetCDF library leaves in cells that were \
                     never written: they count as missing, though the file does not say so"
                ),
            ));
        }
        if let (Some((least, most)), 1..) = (self.limits, outside) {
            let [least, most] = [least, most].map(|end| self.unpacked_number(end));
            let (least, most) = if least > most { (most, least) } else { (least, most) };
            findings.push(Finding::warning(
                "outside-valid-range",
                format!(
                    "'{name}': {outside} of {cells} cells are outside of the valid range that the file declares ({} to {}): \
                     they count as missing",
                    rounded(least),
                    rounded(most)
                ),
            ));
        }
        findings
    }
}

/// A limit without the noise of its conversion.
fn rounded(number: f64) -> f64 {
    let shown = (number * 1e3).round() / 1e3;
    if number.is_finite() && (shown - number).abs() <= 1e-5 * number.abs().max(1.0) { shown } else { number }
}

/// True for what says where cells are. Positions are never missing (CF, section 2.5.1), and their limits are often stale: those
/// of longitudes, after a file was shifted from -180..180 to 0..360.
fn is_position(name: &str, dimensions: &[String], attributes: &Attributes) -> bool {
    let text = |attribute: &str| attributes.text(attribute).unwrap_or_default().trim().to_lowercase();
    let units = text("units");
    let angle = units.strip_prefix("degree").unwrap_or_default().trim_start_matches(['s', '_', ' ']);
    let standard_name = text("standard_name");
    dimensions == [name]
        || ["e", "east", "n", "north"].contains(&angle)
        || ["longitude", "latitude"].iter().any(|position| standard_name.ends_with(position))
        || attributes.get("axis").is_some()
        || attributes.get("_CoordinateAxisType").is_some()
        || name.to_lowercase().starts_with("nav_l")
}

fn packing_of(name: &str, dimensions: &[String], data_type: DataType, attributes: &Attributes) -> Packing {
    let mut packing = Packing::new(data_type, attributes);
    if is_position(name, dimensions, attributes) {
        packing.limits = None;
        packing.problems.retain(|problem| !problem.attribute.starts_with("valid_"));
    }
    packing
}

impl Variable {
    /// How its stored numbers become values.
    pub fn packing(&self) -> Packing {
        packing_of(&self.name, &self.dimensions, self.values.data_type(), &self.attributes)
    }

    /// The values as [`Variable::decode`] gives them, and what there is to say about them.
    pub fn decode_with_findings(&self) -> Option<(ArrayD<f64>, Vec<Finding>)> {
        let values = self.decode()?;
        Some((values, self.packing().findings(&self.name, &self.values)))
    }
}

impl VariableHeader {
    /// How its stored numbers become values.
    pub fn packing(&self) -> Packing {
        packing_of(&self.name, &self.dimensions, self.data_type, &self.attributes)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::arr1;

    use super::*;
    use crate::{AttributeValue, Values};

    fn decoded(values: Values, attributes: Attributes) -> Vec<f64> {
        Variable::new("v", &["x"], values, attributes).decode().unwrap().into_iter().collect()
    }

    /// `?` for a missing value.
    fn seen(values: &[f64]) -> Vec<String> {
        values.iter().map(|x| if x.is_nan() { "?".to_owned() } else { x.to_string() }).collect()
    }

    #[test]
    fn a_marker_in_double_is_found_among_values_in_single_precision() {
        let holes = Values::F32(arr1(&[-9999.9, 5.0, 1e20]).into_dyn());
        let attributes = Attributes::new().with("missing_value", -9999.9).with("_FillValue", 1e20);
        assert_eq!(seen(&decoded(holes, attributes)), ["?", "5", "?"]);
        // In double it is meant to the last bit.
        let exact = Values::F64(arr1(&[-9999.9, f64::from(-9999.9_f32)]).into_dyn());
        let attributes = Attributes::new().with("missing_value", -9999.9);
        assert_eq!(seen(&decoded(exact, attributes)), ["?", "-9999.900390625"]);
    }

    #[test]
    fn markers_by_other_names_are_markers() {
        for name in
            ["FillValue", "_fillvalue", "Missing_Value", "missingValue", "nodata", "NODATA_value", "no_data"]
        {
            let attributes = Attributes::new().with(name, -9999.0).with("units", "m");
            let variable =
                Variable::new("v", &["x"], Values::F64(arr1(&[1.0, -9999.0]).into_dyn()), attributes);
            let (values, findings) = variable.decode_with_findings().unwrap();
            assert_eq!(seen(values.as_slice().unwrap()), ["1", "?"], "{name}");
            assert_eq!(findings[0].code, "marker-by-custom", "{name}");
            let names: Vec<String> =
                variable.packing().unpacked(&variable.attributes).iter().map(|(n, _)| n.to_owned()).collect();
            assert_eq!(names, ["units"]);
        }
        for (name, value) in [("nodata", "none"), ("missing_cells", "7"), ("filling", "1")] {
            let packing = Packing::new(DataType::F64, &Attributes::new().with(name, value));
            assert!(!packing.is_missing(7.0) && !packing.is_missing(1.0) && packing.problems().is_empty());
        }
        // What is standard too needs no word.
        let both = Attributes::new().with("_FillValue", -9999.0).with("nodata", -9999.0);
        assert!(Packing::new(DataType::F64, &both).findings_of_counts("v", &GapCounts::default()).is_empty());
    }

    #[test]
    fn every_element_of_missing_value_counts() {
        let attributes = Attributes::new().with("missing_value", AttributeValue::I16(vec![-1, -2]));
        let values = Values::I16(arr1(&[-1, -2, -3]).into_dyn());
        assert_eq!(seen(&decoded(values, attributes)), ["?", "?", "-3"]);
    }

    #[test]
    fn huge_markers_are_recognised_to_single_precision() {
        let attributes = Attributes::new().with("missing_value", 1e20_f32);
        assert_eq!(
            seen(&decoded(Values::F64(arr1(&[1e20, 1e15]).into_dyn()), attributes)),
            ["?", "1000000000000000"]
        );
    }

    #[test]
    fn unsigned_numbers_in_signed_ones_are_what_they_are_meant_to_be() {
        let attributes = |word: &str| Attributes::new().with("_Unsigned", word).with("scale_factor", 2.0);
        let bytes = || Values::I8(arr1(&[-1, 127, -128]).into_dyn());
        let with_fill = attributes("true").with("_FillValue", AttributeValue::I8(vec![-1]));
        assert_eq!(seen(&decoded(bytes(), with_fill)), ["?", "254", "256"]);
        let wider_fill = attributes("True").with("missing_value", AttributeValue::I16(vec![255]));
        assert_eq!(seen(&decoded(bytes(), wider_fill)), ["?", "254", "256"]);
        assert_eq!(decoded(bytes(), attributes("false")), [-2.0, 254.0, -256.0]);
        let plain = |word: &str| Attributes::new().with("_Unsigned", word);
        assert_eq!(decoded(Values::I16(arr1(&[-1]).into_dyn()), plain("true")), [65_535.0]);
        assert_eq!(decoded(Values::I32(arr1(&[-1]).into_dyn()), plain("true")), [4_294_967_295.0]);
        let signed = plain("false").with("_FillValue", AttributeValue::U8(vec![255]));
        assert_eq!(seen(&decoded(Values::U8(arr1(&[255, 254, 127]).into_dyn()), signed)), ["?", "-2", "127"]);
        assert_eq!(decoded(Values::F32(arr1(&[-1.0]).into_dyn()), plain("true")), [-1.0]);
    }

    #[test]
    fn limits_are_packed_or_unpacked_by_their_type() {
        let stored = || Values::I16(arr1(&[-1, 0, 200, 201]).into_dyn());
        let packed = || Attributes::new().with("scale_factor", 50.0).with("add_offset", -5000.0);
        let in_packed = packed().with("valid_range", AttributeValue::I16(vec![0, 200]));
        assert_eq!(seen(&decoded(stored(), in_packed)), ["?", "-5000", "5000", "?"]);
        let in_unpacked = packed().with("valid_range", AttributeValue::F32(vec![-5000.0, 5000.0]));
        assert_eq!(seen(&decoded(stored(), in_unpacked)), ["?", "-5000", "5000", "?"]);
        // A scale below zero exchanges the ends.
        let turned = Attributes::new().with("scale_factor", -1.0).with("valid_max", 0.0);
        assert_eq!(seen(&decoded(stored(), turned)), ["?", "-0", "-200", "-201"]);
        // A scale in single precision: 20000 * 0.1 is a hair more than 2000.
        let rough = Attributes::new().with("scale_factor", 0.1_f32).with("valid_max", 2000.0_f32);
        let values = decoded(Values::I16(arr1(&[20_000, 20_001]).into_dyn()), rough);
        assert!((values[0] - 2000.0).abs() < 1e-3 && values[1].is_nan(), "{values:?}");
    }

    #[test]
    fn limits_of_unpacked_values_hold_whatever_integer_or_text_they_are() {
        let heights = || Values::F32(arr1(&[-20_000.0, -12_000.0, 9000.0, 9001.0]).into_dyn());
        let limits = [
            Attributes::new().with("valid_min", -12_000).with("valid_max", 9000.0),
            Attributes::new().with("valid_range", "-12000 9000"),
            Attributes::new().with("valid_range", AttributeValue::I64(vec![-12_000, 9000])),
            Attributes::new().with("valid_range", AttributeValue::F64(vec![-12_000.0, 9000.0])),
        ];
        for attributes in limits {
            assert_eq!(seen(&decoded(heights(), attributes)), ["?", "-12000", "9000", "?"]);
        }
        let bytes =
            Attributes::new().with("_Unsigned", "true").with("valid_range", AttributeValue::I8(vec![0, -56]));
        let values = Values::I8(arr1(&[-56, -55, 127]).into_dyn());
        assert_eq!(seen(&decoded(values, bytes)), ["200", "?", "127"]);
    }

    #[test]
    fn invalid_limits_are_reported_and_not_applied() {
        let heights = || Values::F64(arr1(&[5.0, 500.0]).into_dyn());
        let stale = Attributes::new().with("valid_range", AttributeValue::I16(vec![0, 200]));
        let reversed = Attributes::new().with("valid_min", 1e20).with("valid_max", -1e20);
        let one = Attributes::new().with("valid_range", 7.0);
        let word = Attributes::new().with("valid_min", "low");
        for attributes in [stale, reversed, one, word] {
            let packing = Packing::new(DataType::F64, &attributes);
            assert_eq!(packing.problems().len(), 1, "{attributes:?}");
            let findings = packing.findings("v", &heights());
            assert_eq!(findings.len(), 1);
            assert_eq!(findings[0].code, "attribute-not-understood");
            assert_eq!(decoded(heights(), attributes), [5.0, 500.0]);
        }
        // Positions are never missing: the limits of a file that was shifted to 0..360 are stale.
        let shifted = Attributes::new().with("units", "degrees_east").with("valid_max", 180.0);
        assert_eq!(decoded(heights(), shifted), [5.0, 500.0]);
    }

    #[test]
    fn numbers_may_be_text() {
        for text in ["-9999", " -9999. ", "-9999.f", "-9999s", "-9.999D+3", "-9999, 7", "\"-9999\"\0"] {
            let attributes = Attributes::new().with("missing_value", text);
            let values = Values::I16(arr1(&[-9999, 5]).into_dyn());
            assert_eq!(seen(&decoded(values, attributes)), ["?", "5"], "{text}");
        }
        let packed = Attributes::new().with("scale_factor", "0.5").with("add_offset", "1");
        assert_eq!(decoded(Values::I16(arr1(&[4]).into_dyn()), packed), [3.0]);
        for text in ["none", "0x10", "1 apple", "infinite"] {
            let packing = Packing::new(DataType::I16, &Attributes::new().with("missing_value", text));
            assert_eq!(packing.problems().len(), 1, "{text}");
            assert!(packing.problems()[0].what.contains(text));
        }
        assert!(
            Packing::new(DataType::I16, &Attributes::new().with("missing_value", "")).problems().is_empty()
        );
    }

    #[test]
    fn cells_that_were_never_written_are_missing_but_for_bytes() {
        let fill = |values: Values, attributes: &Attributes| {
            let packing = Packing::new(values.data_type(), attributes);
            let codes: Vec<_> = packing.findings("v", &values).into_iter().map(|f| f.code).collect();
            (seen(&decoded(values, attributes.clone())), codes)
        };
        let none = Attributes::new();
        let missing = |other: &str| (vec!["?".to_owned(), other.to_owned()], vec!["default-fill-values"]);
        assert_eq!(fill(Values::F32(arr1(&[9.969_21e36, 5.0]).into_dyn()), &none), missing("5"));
        assert_eq!(fill(Values::F64(arr1(&[DEFAULT_FILL, 5.0]).into_dyn()), &none), missing("5"));
        assert_eq!(fill(Values::I16(arr1(&[-32_767, -32_768]).into_dyn()), &none), missing("-32768"));
        assert_eq!(fill(Values::I32(arr1(&[-2_147_483_647, 5]).into_dyn()), &none), missing("5"));
        assert_eq!(fill(Values::U16(arr1(&[65_535, 5]).into_dyn()), &none), missing("5"));
        assert_eq!(fill(Values::U32(arr1(&[u32::MAX, 5]).into_dyn()), &none), missing("5"));
        assert_eq!(fill(Values::I64(arr1(&[i64::MIN + 2, 5]).into_dyn()), &none), missing("5"));
        assert_eq!(fill(Values::U64(arr1(&[u64::MAX - 1, 5]).into_dyn()), &none), missing("5"));
        let plain = |values: &[&str]| (values.iter().map(|&v| v.to_owned()).collect(), Vec::new());
        assert_eq!(fill(Values::I8(arr1(&[-127, -128]).into_dyn()), &none), plain(&["-127", "-128"]));
        assert_eq!(fill(Values::U8(arr1(&[255, 0]).into_dyn()), &none), plain(&["255", "0"]));
        // Integers with a fill value of their own have no other; a float of 1e37 is no height whatever is declared.
        let own = Attributes::new().with("_FillValue", AttributeValue::I16(vec![0]));
        assert_eq!(fill(Values::I16(arr1(&[-32_767, 0]).into_dyn()), &own), plain(&["-32767", "?"]));
        let own = Attributes::new().with("_FillValue", f64::NAN);
        assert_eq!(fill(Values::F64(arr1(&[DEFAULT_FILL, 5.0]).into_dyn()), &own), missing("5"));
    }

    #[test]
    fn what_is_unpacked_leaves_the_description_of_packed_numbers_behind() {
        let attributes = Attributes::new()
            .with("units", "1")
            .with("_Unsigned", "true")
            .with("valid_range", AttributeValue::I8(vec![0, -56]))
            .with("actual_range", AttributeValue::I8(vec![0, -56]))
            .with("valid_max", AttributeValue::I8(vec![-56]))
            .with("flag_values", AttributeValue::I8(vec![1, -128, -1]))
            .with("flag_meanings", "ice sand rock");
        let unpacked = Packing::new(DataType::I8, &attributes).unpacked(&attributes);
        let names: Vec<&str> = unpacked.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["units", "flag_values", "flag_meanings"]);
        assert_eq!(unpacked.get("flag_values"), Some(&AttributeValue::F64(vec![1.0, 128.0, 255.0])));
    }

    #[test]
    fn the_marker_is_given_as_it_is_stored() {
        let bytes =
            Attributes::new().with("_Unsigned", "true").with("_FillValue", AttributeValue::U8(vec![255]));
        assert_eq!(Packing::new(DataType::I8, &bytes).marker(), Some(-1.0));
        let text = Attributes::new().with("missing_value", "-9999");
        assert_eq!(Packing::new(DataType::I16, &text).marker(), Some(-9999.0));
        let nan = Attributes::new().with("_FillValue", f64::NAN);
        assert_eq!(Packing::new(DataType::F64, &nan).marker(), None);
    }

    proptest::proptest! {
        /// Whatever the packing, a number within the limits is the value that arithmetic gives, and only one outside is missing.
        #[test]
        fn unpacking_is_arithmetic_inside_of_the_limits(
            stored in i16::MIN + 2..=i16::MAX,
            scale in proptest::prop_oneof![-50.0..-0.01, 0.01..50.0],
            offset in -5000.0..5000.0_f64,
            least in -32_766..0_i16,
            most in 0..32_766_i16,
        ) {
            let packed = Attributes::new().with("scale_factor", scale).with("add_offset", offset);
            let in_packed = packed.clone().with("valid_range", AttributeValue::I16(vec![least, most]));
            let ends = [least, most].map(|end| f64::from(end) * scale + offset);
            let (low, high) = if scale > 0.0 { (ends[0], ends[1]) } else { (ends[1], ends[0]) };
            let in_unpacked = packed.with("valid_min", low).with("valid_max", high);
            for attributes in [in_packed, in_unpacked] {
                let value = Packing::new(DataType::I16, &attributes).value(f64::from(stored));
                proptest::prop_assert_eq!(value.is_nan(), !(least..=most).contains(&stored));
                if !value.is_nan() {
                    proptest::prop_assert_eq!(value, f64::from(stored) * scale + offset);
                }
            }
        }
    }
}
