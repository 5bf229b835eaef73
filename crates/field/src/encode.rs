//! Values as few bytes: chosen per answer, honest about the error made.
//!
//! | encoding | when | value | error |
//! |---|---|---|---|
//! | `table` | at most 255 different values | `table[code]`, code 255 missing (u8) | none |
//! | `f32` | at most [`SMALL`] cells, or asked for | single precision, NaN missing | 6e-8 of the value |
//! | `linear` | else | `(first + code) * scale`, code 65535 missing (u16) | `scale / 2`; none when all are integers |
//!
//! `linear` has zero on its lattice, and what is not zero keeps its sign (at the price of an error of up to
//! `scale` next to zero), so that the coast of a relief is where it is in the file.
//!
//! The words of `linear` and `f32` are replaced by their difference from a prediction, the median of the left
//! neighbour, the upper one and `left + upper - upper left` (Weinberger, Seroussi and Sapiro 2000, LOCO-I), folded
//! so that small ones of either sign are small numbers, and stored byte plane by byte plane, lowest first, which
//! is what a general compressor then does best. Single precision is made an ordered integer first.

use std::collections::BTreeSet;

/// Up to this many cells are sent in single precision.
pub const SMALL: usize = 1 << 17;

/// The code of a missing value in `linear`.
const MISSING: u16 = u16::MAX;
/// Steps of `linear` between the smallest and the largest value.
const STEPS: f64 = 65532.0;

/// How to get values from the payload.
#[derive(Debug, Clone, PartialEq)]
pub enum Encoding {
    /// Indices into a list of values.
    Table(Vec<f64>),
    /// Multiples of a step.
    Linear {
        /// Distance of neighbouring codes.
        scale: f64,
        /// Code 0 stands for `first * scale`; an integer.
        first: f64,
    },
    /// Single precision.
    F32,
}

/// Which encodings may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fidelity {
    /// Whatever is smallest for a map.
    Display,
    /// Single precision or better: coordinates.
    Single,
}

/// Values ready to be compressed.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// How to read `payload`.
    pub encoding: Encoding,
    /// The codes.
    pub payload: Vec<u8>,
    /// The largest difference between a value and what will be read back.
    pub error: f64,
}

/// Encodes rows of `width` values; NaN is missing, other values are finite.
pub fn encode(values: &[f64], width: usize, fidelity: Fidelity) -> Encoded {
    if let Some(encoded) = as_table(values) {
        return encoded;
    }
    let (min, max) = extent(values);
    let in_single = min.abs().max(max.abs()) < f64::from(f32::MAX);
    if in_single && (fidelity == Fidelity::Single || values.len() <= SMALL) {
        return as_single(values, width);
    }
    as_linear(values, width, min, max)
}

/// Smallest and largest value.
fn extent(values: &[f64]) -> (f64, f64) {
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), &v| (v.min(min), v.max(max)))
}

fn as_table(values: &[f64]) -> Option<Encoded> {
    // Ordered by bits: the order does not matter to the reader, a total one to the set.
    let mut seen = BTreeSet::new();
    let mut last = f64::NAN;
    for &value in values {
        // Runs of one value are common in masks.
        if value.is_nan() || value == last {
            continue;
        }
        last = value;
        if seen.insert((value + 0.0).to_bits()) && seen.len() > 255 {
            return None;
        }
    }
    let mut table: Vec<f64> = seen.into_iter().map(f64::from_bits).collect();
    table.sort_by(f64::total_cmp);
    let code = |&value: &f64| {
        let at = table.binary_search_by(|entry| entry.total_cmp(&(value + 0.0)));
        at.ok().and_then(|index| u8::try_from(index).ok()).filter(|_| !value.is_nan()).unwrap_or(u8::MAX)
    };
    let payload = values.iter().map(code).collect();
    Some(Encoded { encoding: Encoding::Table(table), payload, error: 0.0 })
}

fn as_single(values: &[f64], width: usize) -> Encoded {
    let mut error = 0.0_f64;
    let mut words = Vec::with_capacity(values.len());
    for &value in values {
        let single = value as f32;
        if value.is_nan() {
            words.push(u32::MAX);
            continue;
        }
        error = error.max((f64::from(single) - value).abs());
        let bits = single.to_bits();
        words.push(if bits >> 31 == 1 { !bits } else { bits | 1 << 31 });
    }
    let mut payload = vec![0; words.len() * 4];
    for (k, residual) in residuals(&words, width).enumerate() {
        for plane in 0..4 {
            payload[plane * words.len() + k] = (residual >> (8 * plane)) as u8;
        }
    }
    Encoded { encoding: Encoding::F32, payload, error }
}

fn as_linear(values: &[f64], width: usize, min: f64, max: f64) -> Encoded {
    let integral = values.iter().all(|v| v.is_nan() || v.fract() == 0.0);
    let scale =
        if integral && max - min <= STEPS { 1.0 } else { (max / STEPS - min / STEPS).max(f64::MIN_POSITIVE) };
    let first = (min / scale).floor();
    let mut error = 0.0_f64;
    let mut words = Vec::with_capacity(values.len());
    for &value in values {
        if value.is_nan() {
            words.push(u32::from(MISSING));
            continue;
        }
        let mut multiple = (value / scale).round();
        if multiple == 0.0 && value != 0.0 {
            multiple = value.signum();
        }
        let code = (multiple - first).clamp(0.0, f64::from(MISSING - 1));
        error = error.max(((first + code) * scale - value).abs());
        words.push(code as u32);
    }
    let mut payload = vec![0; words.len() * 2];
    for (k, residual) in residuals_16(&words, width).enumerate() {
        payload[k] = residual as u8;
        payload[words.len() + k] = (residual >> 8) as u8;
    }
    Encoded { encoding: Encoding::Linear { scale, first }, payload, error }
}

/// What the neighbours let expect for word `k`.
fn prediction(words: &[u32], width: usize, k: usize) -> u32 {
    if k < width {
        return if k == 0 { 0 } else { words[k - 1] };
    }
    let up = words[k - width];
    if k.is_multiple_of(width) {
        return up;
    }
    let (left, corner) = (words[k - 1], words[k - width - 1]);
    if corner >= left.max(up) {
        left.min(up)
    } else if corner <= left.min(up) {
        left.max(up)
    } else {
        left.wrapping_add(up).wrapping_sub(corner)
    }
}

fn residuals(words: &[u32], width: usize) -> impl Iterator<Item = u32> {
    (0..words.len()).map(move |k| {
        let difference = words[k].wrapping_sub(prediction(words, width, k)).cast_signed();
        ((difference << 1) ^ (difference >> 31)).cast_unsigned()
    })
}

fn residuals_16(words: &[u32], width: usize) -> impl Iterator<Item = u16> {
    (0..words.len()).map(move |k| {
        let difference = (words[k].wrapping_sub(prediction(words, width, k)) as u16).cast_signed();
        ((difference << 1) ^ (difference >> 15)).cast_unsigned()
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the browser does.
    pub(crate) fn decode(encoded: &Encoded, width: usize) -> Vec<f64> {
        let count = |size: usize| encoded.payload.len() / size;
        let word = |k: usize, n: usize, size: usize| -> u32 {
            (0..size).map(|plane| u32::from(encoded.payload[plane * n + k]) << (8 * plane)).sum()
        };
        let unfold = |folded: u32| (folded >> 1) ^ (folded & 1).wrapping_neg();
        match &encoded.encoding {
            Encoding::Table(table) => encoded
                .payload
                .iter()
                .map(|&c| table.get(usize::from(c)).copied().unwrap_or(f64::NAN))
                .collect(),
            Encoding::Linear { scale, first } => {
                let mut words = Vec::new();
                for k in 0..count(2) {
                    words.push(0);
                    let value = prediction(&words, width, k).wrapping_add(unfold(word(k, count(2), 2)));
                    words[k] = value & 0xffff;
                }
                let value = |&c: &u32| if c == 65535 { f64::NAN } else { (first + f64::from(c)) * scale };
                words.iter().map(value).collect()
            }
            Encoding::F32 => {
                let mut words: Vec<u32> = Vec::new();
                for k in 0..count(4) {
                    words.push(0);
                    words[k] = prediction(&words, width, k).wrapping_add(unfold(word(k, count(4), 4)));
                }
                let value = |&key: &u32| match key {
                    u32::MAX => f64::NAN,
                    key if key >> 31 == 1 => f64::from(f32::from_bits(key ^ (1 << 31))),
                    key => f64::from(f32::from_bits(!key)),
                };
                words.iter().map(value).collect()
            }
        }
    }

    fn close(values: &[f64], width: usize, encoded: &Encoded, bound: f64) {
        let back = decode(encoded, width);
        assert_eq!(back.len(), values.len());
        for (k, (&value, &read)) in values.iter().zip(&back).enumerate() {
            assert_eq!(value.is_nan(), read.is_nan(), "cell {k}: {value} became {read}");
            if !value.is_nan() {
                assert!((value - read).abs() <= bound, "cell {k}: {value} became {read}, bound {bound}");
                assert!((value - read).abs() <= encoded.error * (1.0 + 1e-12), "cell {k}: the stated error");
                assert_eq!(value > 0.0, read > 0.0, "cell {k}: {value} became {read}");
                assert_eq!(value < 0.0, read < 0.0, "cell {k}: {value} became {read}");
            }
        }
    }

    fn relief(cells: usize) -> Vec<f64> {
        let height = |k: usize| {
            let x = k as f64;
            (x * 0.0137).sin() * 5000.0 + (x * 0.731).cos() * 300.0
        };
        (0..cells).map(|k| if k % 97 == 3 { f64::NAN } else { height(k) }).collect()
    }

    #[test]
    fn few_values_are_exact_whatever_they_are() {
        let mut values: Vec<f64> = (0..5000).map(|k| f64::from(k % 200) * 0.1 - 3.0).collect();
        values[17] = f64::NAN;
        let encoded = encode(&values, 50, Fidelity::Display);
        assert!(matches!(&encoded.encoding, Encoding::Table(table) if table.len() == 200));
        close(&values, 50, &encoded, 0.0);
    }

    #[test]
    fn a_field_without_any_value_is_all_missing() {
        let encoded = encode(&[f64::NAN; 12], 4, Fidelity::Display);
        assert!(decode(&encoded, 4).iter().all(|v| v.is_nan()));
    }

    #[test]
    fn negative_zero_is_zero() {
        let encoded = encode(&[-0.0, 0.0, 1.0, -1.0], 2, Fidelity::Display);
        assert_eq!(encoded.encoding, Encoding::Table(vec![-1.0, 0.0, 1.0]));
        assert_eq!(decode(&encoded, 2), [0.0, 0.0, 1.0, -1.0]);
    }

    #[test]
    fn small_fields_keep_seven_digits() {
        let values = relief(3000);
        let encoded = encode(&values, 60, Fidelity::Display);
        assert_eq!(encoded.encoding, Encoding::F32);
        close(&values, 60, &encoded, 5300.0 * 6e-8);
    }

    #[test]
    fn large_fields_are_within_half_a_step() {
        let values = relief(SMALL + 720);
        let encoded = encode(&values, 720, Fidelity::Display);
        let Encoding::Linear { scale, first } = encoded.encoding else { panic!("{:?}", encoded.encoding) };
        assert!(scale < 0.17 && first.fract() == 0.0);
        close(&values, 720, &encoded, scale);
        for (value, read) in values.iter().zip(decode(&encoded, 720)) {
            assert!(value.is_nan() || value.abs() < scale || (value - read).abs() <= scale * 0.500_001);
        }
    }

    #[test]
    fn large_fields_of_integers_are_exact() {
        let values: Vec<f64> = (0..SMALL + 1000).map(|k| ((k * 7919) % 9000) as f64 - 4000.0).collect();
        let encoded = encode(&values, 1000, Fidelity::Display);
        assert!(matches!(encoded.encoding, Encoding::Linear { scale: 1.0, .. }));
        close(&values, 1000, &encoded, 0.0);
    }

    #[test]
    fn coordinates_of_large_grids_are_single_precision() {
        let values = relief(SMALL + 720);
        assert_eq!(encode(&values, 720, Fidelity::Single).encoding, Encoding::F32);
    }

    #[test]
    fn values_beyond_single_precision_are_still_drawn() {
        let values: Vec<f64> = (0..600).map(|k| 1e300 * f64::from(k - 300)).collect();
        let encoded = encode(&values, 60, Fidelity::Single);
        assert!(matches!(encoded.encoding, Encoding::Linear { .. }));
        close(&values, 60, &encoded, 1e298);
    }

    proptest! {
        #[test]
        fn the_linear_lattice_holds_its_bound(
            values in prop::collection::vec(
                prop_oneof![9 => -1.0e4..1.0e4, 1 => Just(f64::NAN), 1 => Just(0.0), 1 => -1e-9..1e-9], 300..900),
            width in 1_usize..40,
        ) {
            let (min, max) = extent(&values);
            prop_assume!(max > min);
            let encoded = as_linear(&values, width, min, max);
            let Encoding::Linear { scale, .. } = encoded.encoding else { unreachable!() };
            close(&values, width, &encoded, scale * (1.0 + 1e-9));
        }

        #[test]
        fn single_precision_survives_any_width(
            values in prop::collection::vec(prop_oneof![5 => -1.0e30_f32..1.0e30, 1 => -1.0_f32..1.0], 300..700),
            width in 1_usize..80,
        ) {
            let values: Vec<f64> = values.into_iter().map(f64::from).collect();
            let encoded = as_single(&values, width);
            prop_assert_eq!(decode(&encoded, width), values);
        }
    }
}
