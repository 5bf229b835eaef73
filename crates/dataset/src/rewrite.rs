//! Changing values that are stored, so that a reader of the new file sees what was meant.
//!
//! Invariants: a value that was put is a value afterwards, whatever marks missing ones; what was missing stays missing; all
//! other cells keep their value; what describes the stored numbers changes with them.

use std::collections::HashSet;

use crate::{AttributeValue, DataType, Finding, Values, Variable};

/// Attributes in the type of the values (CF conventions, sections 2.5.1 and 3.5).
pub(crate) const OF_THE_VALUES_TYPE: [&str; 8] = [
    "_FillValue",
    "missing_value",
    "valid_min",
    "valid_max",
    "valid_range",
    "actual_range",
    "flag_values",
    "flag_masks",
];

/// Calls `$body` with `$array` bound to the array of numbers and `$type` to their type.
macro_rules! for_each_type {
    ($values:expr, $array:ident, $type:ident => $body:expr) => {
        match $values {
            Values::I8($array) => {
                type $type = i8;
                $body
            }
            Values::U8($array) => {
                type $type = u8;
                $body
            }
            Values::I16($array) => {
                type $type = i16;
                $body
            }
            Values::U16($array) => {
                type $type = u16;
                $body
            }
            Values::I32($array) => {
                type $type = i32;
                $body
            }
            Values::U32($array) => {
                type $type = u32;
                $body
            }
            Values::I64($array) => {
                type $type = i64;
                $body
            }
            Values::U64($array) => {
                type $type = u64;
                $body
            }
            Values::F32($array) => {
                type $type = f32;
                $body
            }
            Values::F64($array) => {
                type $type = f64;
                $body
            }
            Values::Char(_) | Values::Text(_) => {}
        }
    };
}

impl Variable {
    /// Replaces packed numbers by what they stand for, in double precision, with NaN where they are missing.
    pub fn unpack(&mut self) {
        let Some(values) = self.decode() else { return };
        self.attributes = self.packing().unpacked(&self.attributes);
        self.attributes.set_first("_FillValue", f64::NAN);
        self.values = Values::F64(values);
    }

    /// Stores the numbers in another type, which has to hold them, and with them the attributes that are of their type.
    pub fn retype(&mut self, to: DataType) {
        // In single precision a marker given in double stands as what it was rounded to, and goes on to stand so.
        let single = matches!(self.values, Values::F32(_));
        let as_stored = |number: f64| if single { f64::from(number as f32) } else { number };
        let Some(values) = self.values.to_f64().and_then(|numbers| Values::from_f64(numbers, to)) else {
            return;
        };
        self.values = values;
        self.attributes.remove("_Unsigned");
        for name in OF_THE_VALUES_TYPE {
            let numbers =
                self.attributes.get(name).and_then(AttributeValue::numbers_or_text).unwrap_or_default();
            // A marker that the type does not hold marks nothing in it.
            let numbers: Vec<f64> = numbers.into_iter().map(as_stored).filter(|&n| holds(to, n)).collect();
            if !numbers.is_empty() {
                self.attributes.set(name, typed(to, numbers));
            }
        }
    }

    /// Puts values, NaN for missing ones, at positions in row-major order. A type that does not hold them becomes wider; where one
    /// is the number that marks missing values, or beyond the valid range, these are marked in another way.
    pub fn put(&mut self, changes: &[(usize, f64)]) -> Vec<Finding> {
        if changes.is_empty() || !self.values.is_numeric() {
            return Vec::new();
        }
        if self.packing().changes_values() {
            self.unpack();
        }
        let marker = self.packing().marker();
        for &(_, value) in changes {
            let stored = if value.is_nan() { marker.unwrap_or(value) } else { value };
            self.make_room(stored);
        }
        let finding = self.keep_apart(changes);
        let marker = self.packing().marker();
        for_each_type!(&mut self.values, array, T => {
            if !array.is_standard_layout() {
                *array = array.as_standard_layout().into_owned();
            }
            let numbers = array.as_slice_mut().unwrap_or_default();
            for &(at, value) in changes {
                if let Some(number) = numbers.get_mut(at) {
                    *number = (if value.is_nan() { marker.unwrap_or(value) } else { value }) as T;
                }
            }
        });
        self.attributes.remove("actual_range");
        finding.into_iter().collect()
    }

    /// Widens the type until it holds a number.
    fn make_room(&mut self, number: f64) {
        let own = self.values.data_type();
        if holds(own, number) {
            return;
        }
        let wider: &[DataType] = match own {
            DataType::I8 | DataType::U8 => &[DataType::I16, DataType::I32],
            DataType::I16 | DataType::U16 => &[DataType::I32],
            _ => &[],
        };
        let wider = wider.iter().copied().find(|&wider| holds(wider, number));
        self.retype(wider.unwrap_or(DataType::F64));
    }

    /// Marks what is missing so that none of these values is taken for missing.
    fn keep_apart(&mut self, changes: &[(usize, f64)]) -> Option<Finding> {
        let packing = self.packing();
        let single = matches!(self.values, Values::F32(_));
        let as_stored = |value: f64| if single { f64::from(value as f32) } else { value };
        let new = || changes.iter().map(|&(_, value)| value).filter(|value| !value.is_nan()).map(as_stored);
        let clash = new().find(|&value| packing.is_missing(value))?;
        let old = packing.marker();
        let mut taken: HashSet<u64> = new().map(f64::to_bits).collect();
        let mut missing = Vec::new();
        let mut at = 0;
        self.values.for_each_number(|number| {
            if packing.is_missing(number) {
                missing.push(at);
            } else if !single {
                taken.insert(number.to_bits());
            }
            at += 1;
        });
        let marker = self.free_marker(old, &taken);
        for name in ["missing_value", "valid_min", "valid_max", "valid_range"] {
            self.attributes.remove(name);
        }
        packing.forget_customary(&mut self.attributes);
        self.attributes.set_first("_FillValue", typed(self.values.data_type(), vec![marker]));
        for_each_type!(&mut self.values, array, T => {
            let mut missing = missing.into_iter().peekable();
            for (at, number) in array.iter_mut().enumerate() {
                if missing.next_if_eq(&at).is_some() {
                    *number = marker as T;
                }
            }
        });
        Some(Finding::note(
            "marker-changed",
            format!(
                "'{}': {clash} stood for a missing value in the file and is a value now: missing values are marked by {marker} \
                 instead",
                self.name
            ),
        ))
    }

    /// A number that no cell has, in the type of the variable or, where it has none, in a wider one.
    fn free_marker(&mut self, old: Option<f64>, taken: &HashSet<u64>) -> f64 {
        loop {
            let (least, most) = match self.values.data_type() {
                DataType::F32 | DataType::F64 | DataType::Char | DataType::Text => return f64::NAN,
                integer => limits(integer),
            };
            let is_free =
                |number: &f64| !taken.contains(&number.to_bits()) && !taken.contains(&(-number).to_bits());
            // From the end that is farthest from heights and depths.
            let candidates = (0..=(most - least).min(1e6) as u32)
                .map(|k| if least < 0.0 { least + f64::from(k) } else { most - f64::from(k) });
            if let Some(free) = old.into_iter().chain(candidates).find(is_free) {
                return free;
            }
            self.make_room(most + 1.0);
        }
    }
}

/// Numbers as an attribute of a type.
fn typed(data_type: DataType, numbers: Vec<f64>) -> AttributeValue {
    let numbers = numbers.into_iter();
    match data_type {
        DataType::I8 => AttributeValue::I8(numbers.map(|x| x as i8).collect()),
        DataType::U8 => AttributeValue::U8(numbers.map(|x| x as u8).collect()),
        DataType::I16 => AttributeValue::I16(numbers.map(|x| x as i16).collect()),
        DataType::U16 => AttributeValue::U16(numbers.map(|x| x as u16).collect()),
        DataType::I32 => AttributeValue::I32(numbers.map(|x| x as i32).collect()),
        DataType::U32 => AttributeValue::U32(numbers.map(|x| x as u32).collect()),
        DataType::I64 => AttributeValue::I64(numbers.map(|x| x as i64).collect()),
        DataType::U64 => AttributeValue::U64(numbers.map(|x| x as u64).collect()),
        DataType::F32 => AttributeValue::F32(numbers.map(|x| x as f32).collect()),
        DataType::F64 | DataType::Char | DataType::Text => AttributeValue::F64(numbers.collect()),
    }
}

/// The least and the largest whole number of an integer type that are stored exactly by way of a double.
fn limits(integer: DataType) -> (f64, f64) {
    match integer {
        DataType::I8 => (f64::from(i8::MIN), f64::from(i8::MAX)),
        DataType::U8 => (0.0, f64::from(u8::MAX)),
        DataType::I16 => (f64::from(i16::MIN), f64::from(i16::MAX)),
        DataType::U16 => (0.0, f64::from(u16::MAX)),
        DataType::I32 => (f64::from(i32::MIN), f64::from(i32::MAX)),
        DataType::U32 => (0.0, f64::from(u32::MAX)),
        DataType::U64 => (0.0, 9e15),
        // Beyond 2^53 nothing is edited.
        _ => (-9e15, 9e15),
    }
}

/// True for a number that a type stores as it is, but for rounding to single precision.
fn holds(data_type: DataType, number: f64) -> bool {
    let (least, most) = match data_type {
        DataType::F32 | DataType::F64 => return true,
        DataType::Char | DataType::Text => return false,
        integer => limits(integer),
    };
    number.fract() == 0.0 && (least..=most).contains(&number)
}

#[cfg(test)]
mod tests {
    use ndarray::arr1;
    use proptest::strategy::Strategy;

    use super::*;
    use crate::Attributes;

    fn variable(values: Values, attributes: Attributes) -> Variable {
        Variable::new("v", &["x"], values, attributes)
    }

    fn seen(variable: &Variable) -> Vec<f64> {
        variable.decode().unwrap().into_iter().collect()
    }

    fn same(a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
    }

    #[test]
    fn a_value_that_is_the_marker_stays_a_value() {
        let zero = Attributes::new().with("_FillValue", AttributeValue::I16(vec![0])).with("units", "m");
        let mut map = variable(Values::I16(arr1(&[0, 5, -7, 0]).into_dyn()), zero);
        let findings = map.put(&[(1, 0.0)]);
        assert!(same(&seen(&map), &[f64::NAN, 0.0, -7.0, f64::NAN]), "{:?}", seen(&map));
        assert_eq!(map.values, Values::I16(arr1(&[i16::MIN, 0, -7, i16::MIN]).into_dyn()));
        assert_eq!(findings[0].code, "marker-changed");
        // The marker is kept where nothing is in its way, and a missing value is put as it is.
        assert!(map.put(&[(1, 3.0), (2, f64::NAN)]).is_empty());
        assert!(same(&seen(&map), &[f64::NAN, 3.0, f64::NAN, f64::NAN]));
    }

    #[test]
    fn every_kind_of_marker_gives_way() {
        let text = Attributes::new().with("missing_value", "-9999");
        let several = Attributes::new().with("missing_value", AttributeValue::F64(vec![-9999.0, 1e20]));
        let limits = Attributes::new().with("valid_min", -5000.0).with("valid_max", 5000.0);
        for (attributes, hole, new) in
            [(text, -9999.0, -9999.0), (several, 1e20, -9999.0), (limits, 6000.0, 7000.0)]
        {
            for values in [
                Values::F64(arr1(&[hole, 1.0, 2.0]).into_dyn()),
                Values::F32(arr1(&[hole as f32, 1.0, 2.0]).into_dyn()),
            ] {
                let mut map = variable(values, attributes.clone());
                assert!(seen(&map)[0].is_nan());
                map.put(&[(2, new)]);
                assert!(same(&seen(&map), &[f64::NAN, 1.0, new]), "{attributes:?} {:?}", seen(&map));
            }
        }
        // The default fill value of a type that declares none.
        let mut undeclared = variable(Values::I16(arr1(&[-32_767, 1]).into_dyn()), Attributes::new());
        undeclared.put(&[(1, -32_767.0)]);
        assert!(same(&seen(&undeclared), &[f64::NAN, -32_767.0]));
    }

    #[test]
    fn a_type_without_a_free_number_becomes_wider() {
        let all: Vec<i8> = (i8::MIN..=i8::MAX).collect();
        let attributes = Attributes::new()
            .with("_FillValue", AttributeValue::I8(vec![0]))
            .with("flag_values", AttributeValue::I8(vec![1, 2]));
        let mut map = variable(Values::I8(ndarray::Array1::from(all).into_dyn()), attributes);
        map.put(&[(0, 0.0)]);
        assert_eq!(map.values.data_type(), DataType::I16);
        assert_eq!(seen(&map)[..2], [0.0, -127.0]);
        assert!(seen(&map)[128].is_nan(), "what was missing stays missing");
        assert_eq!(map.attributes.get("flag_values"), Some(&AttributeValue::I16(vec![1, 2])));
    }

    #[test]
    fn limits_follow_a_wider_type() {
        let attributes = Attributes::new()
            .with("valid_range", AttributeValue::I16(vec![-30_000, 30_000]))
            .with("missing_value", "-32000")
            .with("actual_range", AttributeValue::I16(vec![1, 2]));
        let mut map = variable(Values::I16(arr1(&[1, -32_000, 31_000]).into_dyn()), attributes);
        map.put(&[(0, 2.5)]);
        assert_eq!(map.values.data_type(), DataType::F64);
        assert!(same(&seen(&map), &[2.5, f64::NAN, f64::NAN]), "{:?}", seen(&map));
        assert_eq!(map.attributes.get("valid_range"), Some(&AttributeValue::F64(vec![-30_000.0, 30_000.0])));
        assert_eq!(map.attributes.get("actual_range"), None, "it is of the values that were");
    }

    #[test]
    fn packed_values_are_unpacked_first() {
        let attributes = Attributes::new()
            .with("scale_factor", 50.0)
            .with("valid_range", AttributeValue::I16(vec![0, 200]))
            .with("_FillValue", AttributeValue::I16(vec![-1]));
        let mut map = variable(Values::I16(arr1(&[-1, 200, 201]).into_dyn()), attributes);
        map.put(&[(1, 123.0)]);
        assert!(same(&seen(&map), &[f64::NAN, 123.0, f64::NAN]));
        let names: Vec<&str> = map.attributes.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["_FillValue"]);
    }

    proptest::proptest! {
        /// Read after put is what was put, and nothing else has changed.
        #[test]
        fn what_is_put_is_read(
            stored in proptest::collection::vec(-20..20_i8, 1..12),
            fill in -20..20_i8,
            valid in proptest::option::of((-25..0_i8, 0..25_i8)),
            changes in proptest::collection::vec((0..12_usize, proptest::prop_oneof![
                (-300..300).prop_map(f64::from), proptest::strategy::Just(f64::NAN), -1.0..1.0_f64
            ]), 0..6),
            data_type in proptest::sample::select(vec![DataType::I8, DataType::I16, DataType::I32, DataType::F32, DataType::F64]),
        ) {
            let mut attributes = Attributes::new().with("_FillValue", AttributeValue::I8(vec![fill]));
            if let Some((least, most)) = valid {
                attributes.set("valid_range", AttributeValue::I8(vec![least, most]));
            }
            let mut map = variable(Values::I8(ndarray::Array1::from(stored.clone()).into_dyn()), attributes);
            map.retype(data_type);
            let mut expected = seen(&map);
            let changes: Vec<(usize, f64)> = changes.into_iter().filter(|(at, _)| *at < stored.len()).collect();
            for &(at, value) in &changes {
                expected[at] = if data_type == DataType::F32 { f64::from(value as f32) } else { value };
            }
            map.put(&changes);
            proptest::prop_assert!(same(&seen(&map), &expected), "{:?} instead of {:?}", seen(&map), expected);
        }
    }
}
