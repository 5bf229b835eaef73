//! The NetCDF classic formats: CDF-1, CDF-2 (64-bit offset) and CDF-5 (64-bit data).
//!
//! After the *NetCDF File Format Specifications* (Unidata) and the CDF-5 extension of PnetCDF. Everything is
//! big-endian; a file is a header, then the fixed variables one after another, then the records, in each of
//! which the record variables follow one another. Whatever the bytes are, reading ends in a dataset or an
//! error: sizes use checked arithmetic and are compared to the size of the file before memory is asked for.

mod decode;
mod element;
mod encode;
mod parse;
mod widen;

pub(crate) use decode::{FileSource, Source, read_all, read_slab};
pub(crate) use encode::{CDF2_VARIABLE_LIMIT, HeaderParts, VariableParts, encode_header, write_dataset};
#[cfg(feature = "netcdf4")]
pub(crate) use encode::{laid_out, record_dimension, write_values};
pub(crate) use parse::{Classic, DataCheck, Placement, is_classic, parse};
pub use widen::inexact;
pub(crate) use widen::{storable, widened_attributes};

use crate::{DataType, Format};

const TAG_DIMENSION: u32 = 0x0A;
const TAG_VARIABLE: u32 = 0x0B;
const TAG_ATTRIBUTE: u32 = 0x0C;

/// The number of a type in the header; strings have none.
fn type_code(data_type: DataType) -> Option<u32> {
    Some(match data_type {
        DataType::I8 => 1,
        DataType::Char => 2,
        DataType::I16 => 3,
        DataType::I32 => 4,
        DataType::F32 => 5,
        DataType::F64 => 6,
        DataType::U8 => 7,
        DataType::U16 => 8,
        DataType::U32 => 9,
        DataType::I64 => 10,
        DataType::U64 => 11,
        DataType::Text => return None,
    })
}

fn type_of_code(code: u32, format: Format) -> Option<DataType> {
    Some(match code {
        1 => DataType::I8,
        2 => DataType::Char,
        3 => DataType::I16,
        4 => DataType::I32,
        5 => DataType::F32,
        6 => DataType::F64,
        _ if format != Format::Data64 => return None,
        7 => DataType::U8,
        8 => DataType::U16,
        9 => DataType::U32,
        10 => DataType::I64,
        11 => DataType::U64,
        _ => return None,
    })
}

/// Rounded up to the alignment of the format.
fn padded(bytes: u64) -> Option<u64> {
    Some(bytes.checked_add(3)? & !3)
}
