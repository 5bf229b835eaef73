//! How edited numbers are stored: integers stay integers of a type that holds them, single precision stays single.

use dataset::{DataType, Values};
use ndarray::{Array2, ArrayView2, Ix2};

use super::Error;

/// Integers up to this size are exact in double precision.
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

/// Whether a type holds a number exactly; for floating types, whether it holds it at all.
fn holds(data_type: DataType, value: f64) -> bool {
    let integer = |low: f64, high: f64| value.fract() == 0.0 && low <= value && value <= high;
    match data_type {
        DataType::I8 => integer(-128.0, 127.0),
        DataType::U8 => integer(0.0, 255.0),
        DataType::I16 => integer(-32768.0, 32767.0),
        DataType::U16 => integer(0.0, 65535.0),
        DataType::I32 => integer(-2_147_483_648.0, 2_147_483_647.0),
        DataType::U32 => integer(0.0, 4_294_967_295.0),
        DataType::I64 => integer(-LARGEST_EXACT, LARGEST_EXACT),
        DataType::U64 => integer(0.0, LARGEST_EXACT),
        DataType::F32 => !value.is_finite() || (value as f32).is_finite(),
        DataType::F64 | DataType::Char | DataType::Text => true,
    }
}

/// The narrowest type from `data_type` upwards that holds a number.
pub(super) fn widened(mut data_type: DataType, value: f64) -> DataType {
    while !holds(data_type, value) {
        data_type = match data_type {
            DataType::I8 | DataType::U8 => DataType::I16,
            DataType::I16 | DataType::U16 => DataType::I32,
            _ => DataType::F64,
        };
    }
    data_type
}

/// What is left of a number that a type stores.
pub(super) fn stored(data_type: DataType, value: f64) -> f64 {
    match data_type {
        DataType::F32 => f64::from(value as f32),
        DataType::F64 => value,
        // Integers have one zero.
        _ => value + 0.0,
    }
}

/// Packs numbers that the type holds.
pub(super) fn pack(values: ArrayView2<f64>, data_type: DataType) -> Values {
    match data_type {
        DataType::I8 => Values::I8(values.mapv(|x| x as i8).into_dyn()),
        DataType::U8 => Values::U8(values.mapv(|x| x as u8).into_dyn()),
        DataType::I16 => Values::I16(values.mapv(|x| x as i16).into_dyn()),
        DataType::U16 => Values::U16(values.mapv(|x| x as u16).into_dyn()),
        DataType::I32 => Values::I32(values.mapv(|x| x as i32).into_dyn()),
        DataType::U32 => Values::U32(values.mapv(|x| x as u32).into_dyn()),
        DataType::I64 => Values::I64(values.mapv(|x| x as i64).into_dyn()),
        DataType::U64 => Values::U64(values.mapv(|x| x as u64).into_dyn()),
        DataType::F32 => Values::F32(values.mapv(|x| x as f32).into_dyn()),
        DataType::F64 | DataType::Char | DataType::Text => Values::F64(values.to_owned().into_dyn()),
    }
}

/// Unpacks what [`pack`] packed.
pub(super) fn unpack(values: &Values) -> Option<Array2<f64>> {
    values.to_f64()?.into_dimensionality::<Ix2>().ok()
}

/// The narrowest type from `data_type` upwards for all these values.
///
/// # Errors
/// Text, and integers that double precision does not hold.
pub(super) fn type_for(values: ArrayView2<f64>, data_type: DataType) -> Result<DataType, Error> {
    match data_type {
        DataType::Char | DataType::Text => return Err(Error::NotNumbers { name: data_type.name() }),
        DataType::I64 | DataType::U64 => {
            let cells = values.iter().filter(|value| value.abs() >= LARGEST_EXACT).count();
            if cells > 0 {
                return Err(Error::Inexact { cells });
            }
        }
        _ => {}
    }
    let single = |value: f64| stored(DataType::F32, value).to_bits() == value.to_bits() || value.is_nan();
    if data_type == DataType::F32 && !values.iter().all(|&value| single(value)) {
        return Ok(DataType::F64);
    }
    Ok(values.iter().fold(data_type, |data_type, &value| widened(data_type, value)))
}
