//! Decoders of the compressions that HDF5 files come with, beside those that the C library has (deflate, shuffle,
//! Fletcher's checksum, n-bit, scale-offset).
//!
//! Numbers and formats are those of the HDF Group's list of registered filters. A decoder gets the bytes of one block
//! of a variable. Whatever they are, the result is the unpacked bytes or an error: nothing panics, and no result is larger than
//! what is said to be wanted.

mod blosc;
mod lz;
mod szip;

use std::io::Read;

/// A compression that is decoded here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// szip, which is CCSDS 121.0-B.
    Szip,
    /// bzip2.
    Bzip2,
    /// LZF, of h5py.
    Lzf,
    /// Blosc 1, with BloscLZ, LZ4, Snappy, zlib or Zstandard inside.
    Blosc,
    /// LZ4 in blocks.
    Lz4,
    /// Bits sorted by their place, then stored, or packed by LZ4 or Zstandard.
    Bitshuffle,
    /// Zstandard.
    Zstd,
    /// Rounding by the writer (bit grooming, granular bit rounding), with nothing to decode.
    Rounded,
}

/// Bytes that are not of the format that they are said to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the compressed values are damaged")]
pub struct Damaged;

impl Method {
    /// The method of a registered filter number.
    pub fn of_filter(id: u32) -> Option<Self> {
        Some(match id {
            4 => Self::Szip,
            307 => Self::Bzip2,
            32_000 => Self::Lzf,
            32_001 => Self::Blosc,
            32_004 => Self::Lz4,
            32_008 => Self::Bitshuffle,
            32_015 => Self::Zstd,
            32_022 | 32_023 => Self::Rounded,
            _ => return None,
        })
    }

    /// The filter numbers that are decoded here.
    pub const FILTERS: [u32; 9] = [4, 307, 32_000, 32_001, 32_004, 32_008, 32_015, 32_022, 32_023];

    /// Decodes the block `packed`, which was packed with the parameters that the file has for the filter; at most `max_len`
    /// bytes.
    ///
    /// # Errors
    /// [`Damaged`].
    pub fn unpack(self, packed: &[u8], parameters: &[u32], max_len: usize) -> Result<Vec<u8>, Damaged> {
        match self {
            Self::Szip => szip::unpack(packed, parameters, max_len),
            Self::Bzip2 => read_all(bzip2::read::MultiBzDecoder::new(packed), max_len),
            Self::Lzf => lz::lzf(packed, parameters.get(2).map_or(max_len, |&len| len as usize).min(max_len)),
            Self::Blosc => blosc::unpack(packed, max_len),
            Self::Lz4 => lz4_blocks(packed, max_len),
            Self::Bitshuffle => bitshuffle(packed, parameters, max_len),
            Self::Zstd => zstd(packed, max_len),
            Self::Rounded if packed.len() > max_len => Err(Damaged),
            Self::Rounded => Ok(packed.to_vec()),
        }
    }
}

/// The name of a filter, as users know it.
pub fn filter_name(id: u32) -> String {
    let known = match id {
        1 => "deflate",
        2 => "shuffle",
        3 => "Fletcher32",
        4 => "szip",
        5 => "n-bit",
        6 => "scale-offset",
        307 => "bzip2",
        32_000 => "LZF",
        32_001 => "Blosc",
        32_004 => "LZ4",
        32_008 => "bitshuffle",
        32_013 => "ZFP",
        32_014 => "fpzip",
        32_015 => "Zstandard",
        32_017 => "SZ",
        32_018 => "FCIDECOMP",
        32_019 => "JPEG",
        32_022 => "BitGroom",
        32_023 => "granular bit rounding",
        32_024 => "SZ3",
        32_025 => "Delta-Rice",
        32_026 => "Blosc2",
        32_028 => "SPERR",
        _ => return format!("the HDF5 filter {id}"),
    };
    format!("{known} (HDF5 filter {id})")
}

fn read_all(reader: impl Read, max_len: usize) -> Result<Vec<u8>, Damaged> {
    let mut bytes = Vec::new();
    reader.take(max_len as u64 + 1).read_to_end(&mut bytes).map_err(|_| Damaged)?;
    if bytes.len() > max_len { Err(Damaged) } else { Ok(bytes) }
}

fn zstd(packed: &[u8], max_len: usize) -> Result<Vec<u8>, Damaged> {
    read_all(ruzstd::decoding::StreamingDecoder::new(packed).map_err(|_| Damaged)?, max_len)
}

/// Exactly `len` bytes of LZ4.
fn lz4(packed: &[u8], len: usize) -> Result<Vec<u8>, Damaged> {
    let mut bytes = vec![0; len];
    match lz4_flex::block::decompress_into(packed, &mut bytes) {
        Ok(written) if written == len => Ok(bytes),
        _ => Err(Damaged),
    }
}

/// Takes parts from the front of bytes.
struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Damaged> {
        let (part, rest) = self.0.split_at_checked(len).ok_or(Damaged)?;
        self.0 = rest;
        Ok(part)
    }

    fn u32_be(&mut self) -> Result<usize, Damaged> {
        Ok(self.take(4)?.iter().fold(0, |value, &byte| (value << 8) | usize::from(byte)))
    }

    fn u64_be(&mut self) -> Result<u64, Damaged> {
        Ok(self.take(8)?.iter().fold(0, |value, &byte| (value << 8) | u64::from(byte)))
    }
}

/// The length of all, the length of a block, then for each block its packed length and its bytes, which are stored when packing
/// did not make them fewer.
fn lz4_blocks(packed: &[u8], max_len: usize) -> Result<Vec<u8>, Damaged> {
    let mut parts = Parts(packed);
    let len = usize::try_from(parts.u64_be()?).ok().filter(|&len| len <= max_len).ok_or(Damaged)?;
    let block = parts.u32_be()?.clamp(1, len.max(1));
    let mut bytes = Vec::new();
    while bytes.len() < len {
        let wanted = block.min(len - bytes.len());
        let packed_len = parts.u32_be()?;
        let part = parts.take(packed_len)?;
        if packed_len == wanted {
            bytes.extend_from_slice(part);
        } else {
            bytes.extend(lz4(part, wanted)?);
        }
    }
    Ok(bytes)
}

/// Elements are sorted in groups of this many.
const BITSHUFFLE_GROUP: usize = 8;

fn bitshuffle(packed: &[u8], parameters: &[u32], max_len: usize) -> Result<Vec<u8>, Damaged> {
    let parameter = |at: usize| parameters.get(at).map_or(0, |&value| value as usize);
    let (size, block_elements, method) = (parameter(2), parameter(3), parameter(4));
    if size == 0 || size > 1 << 16 {
        return Err(Damaged);
    }
    let mut parts = Parts(packed);
    let (len, block) = if method == 0 {
        let usual = ((8192 / size) / BITSHUFFLE_GROUP * BITSHUFFLE_GROUP).max(128);
        let block = if block_elements == 0 { usual } else { block_elements };
        (packed.len(), block.checked_mul(size).ok_or(Damaged)?)
    } else {
        let len = usize::try_from(parts.u64_be()?).map_err(|_| Damaged)?;
        (len, parts.u32_be()?)
    };
    let group = size * BITSHUFFLE_GROUP;
    if len > max_len || block < group {
        return Err(Damaged);
    }
    let block = block / group * group;
    let mut bytes = Vec::new();
    // What is left of the last group is stored as it is.
    while len - bytes.len() >= group {
        let wanted = block.min((len - bytes.len()) / group * group);
        let sorted = match method {
            0 => parts.take(wanted)?.to_vec(),
            2 => {
                let packed_len = parts.u32_be()?;
                lz4(parts.take(packed_len)?, wanted)?
            }
            3 => {
                let packed_len = parts.u32_be()?;
                zstd(parts.take(packed_len)?, wanted)?
            }
            _ => return Err(Damaged),
        };
        if sorted.len() != wanted {
            return Err(Damaged);
        }
        bytes.extend(unshuffle_bits(&sorted, size));
    }
    bytes.extend_from_slice(parts.take(len - bytes.len())?);
    Ok(bytes)
}

/// Puts bits back that were sorted by their place in elements of `size` bytes; the number of elements is a multiple of eight.
fn unshuffle_bits(sorted: &[u8], size: usize) -> Vec<u8> {
    let groups = sorted.len() / size / BITSHUFFLE_GROUP;
    let mut bytes = vec![0; sorted.len()];
    for byte in 0..size {
        for bit in 0..8 {
            let row = &sorted[(byte * 8 + bit) * groups..][..groups];
            for (group, &bits) in row.iter().enumerate() {
                for element in 0..BITSHUFFLE_GROUP {
                    bytes[(group * BITSHUFFLE_GROUP + element) * size + byte] |= (bits >> element & 1) << bit;
                }
            }
        }
    }
    bytes
}
