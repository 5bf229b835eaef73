//! How stored numbers become values (CF conventions, sections 2.5.1 and 8.1; NetCDF Users' Guide, appendix A).

use crate::{Attributes, DataType, Variable, VariableHeader};

/// Nothing on the planet is measured in numbers beyond this: there a fill value is recognised to single precision,
/// whatever the types of the values and of the attribute are.
const BEYOND_MEASURE: f64 = 1e15;

/// What the attributes of a variable say about its stored numbers: which of them mean "no value", and what the others
/// stand for.
///
/// ```
/// use dataset::{Attributes, DataType, Packing};
/// let attributes = Attributes::new().with("missing_value", -9999.9);
/// let packing = Packing::of(DataType::F32, &attributes);
/// assert!(packing.value(f64::from(-9999.9_f32)).is_nan());
/// assert_eq!(packing.value(5.0), 5.0);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Packing {
    sign: Sign,
    missing: Vec<f64>,
    scale: Option<f64>,
    offset: Option<f64>,
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
    fn of(data_type: DataType, attributes: &Attributes) -> Self {
        let turn = match data_type.size() {
            1 => 256.0,
            2 => 65_536.0,
            _ => 4_294_967_296.0,
        };
        let says =
            |word: &str| attributes.text("_Unsigned").is_some_and(|own| own.eq_ignore_ascii_case(word));
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

impl Packing {
    /// The attributes that describe the packing; values that were unpacked must not have them any more.
    pub const ATTRIBUTES: [&str; 5] =
        ["_FillValue", "missing_value", "scale_factor", "add_offset", "_Unsigned"];

    /// What the attributes of a variable of this type say.
    pub fn of(data_type: DataType, attributes: &Attributes) -> Self {
        let sign = Sign::of(data_type, attributes);
        // In a variable in single precision a marker given in double stands as what it was rounded to.
        let as_stored = |number: f64| match data_type {
            DataType::F32 => f64::from(number as f32),
            _ => sign.read(number),
        };
        let numbers = |name: &str| attributes.get(name).map(|value| value.numbers()).unwrap_or_default();
        let number = |name: &str| numbers(name).first().copied();
        Self {
            sign,
            missing: ["_FillValue", "missing_value"].into_iter().flat_map(numbers).map(as_stored).collect(),
            scale: number("scale_factor"),
            offset: number("add_offset"),
        }
    }

    /// True when values are more than the stored numbers with gaps.
    pub fn changes_values(&self) -> bool {
        self.sign != Sign::AsStored || self.scale.is_some() || self.offset.is_some()
    }

    /// True when unsigned numbers stand for signed ones of the same bits.
    pub(crate) fn means_signed(&self) -> bool {
        matches!(self.sign, Sign::Signed(_))
    }

    /// True when there is nothing to do: the values are the stored numbers.
    pub(crate) fn is_plain(&self) -> bool {
        self.missing.is_empty() && !self.changes_values()
    }

    /// The number that is stored, with its sign as it is meant: also for `flag_values`, which are stored alike.
    #[inline]
    pub fn number(&self, stored: f64) -> f64 {
        self.sign.read(stored)
    }

    /// True for a number that marks a missing value.
    #[inline]
    fn marks(&self, number: f64) -> bool {
        self.missing.iter().any(|&marker| {
            number == marker || (marker.abs() > BEYOND_MEASURE && number as f32 == marker as f32)
        })
    }

    /// True for a stored number that means "no value".
    #[inline]
    pub fn is_missing(&self, stored: f64) -> bool {
        self.marks(self.number(stored))
    }

    /// The value of a stored number; NaN when it is missing.
    #[inline]
    pub fn value(&self, stored: f64) -> f64 {
        let number = self.number(stored);
        if self.marks(number) {
            return f64::NAN;
        }
        let scaled = self.scale.map_or(number, |factor| number * factor);
        self.offset.map_or(scaled, |shift| scaled + shift)
    }
}

impl Variable {
    /// How its stored numbers become values.
    pub fn packing(&self) -> Packing {
        Packing::of(self.values.data_type(), &self.attributes)
    }
}

impl VariableHeader {
    /// How its stored numbers become values.
    pub fn packing(&self) -> Packing {
        Packing::of(self.data_type, &self.attributes)
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
}
