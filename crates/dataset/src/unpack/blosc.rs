//! Blosc 1: a header, where the blocks begin, and the blocks, each cut into streams of packed bytes that were sorted before.

use super::{Damaged, lz, lz4, read_all, unshuffle_bits, zstd};

const HEADER_BYTES: usize = 16;

/// Elements that are larger are not cut into streams.
const MAX_STREAMS: usize = 16;

/// Nor are blocks with fewer elements than this.
const MIN_STREAM_BYTES: usize = 128;

const SHUFFLED: u8 = 1;
const STORED: u8 = 2;
const BITS_SHUFFLED: u8 = 4;
const ONE_STREAM: u8 = 16;

pub(super) fn unpack(packed: &[u8], max_len: usize) -> Result<Vec<u8>, Damaged> {
    let word = |at: usize| -> Result<usize, Damaged> {
        let bytes = packed.get(at..at.checked_add(4).ok_or(Damaged)?).ok_or(Damaged)?;
        Ok(bytes.iter().rev().fold(0, |value, &byte| (value << 8) | usize::from(byte)))
    };
    let (len, block, size) = (word(4)?, word(8)?, usize::from(packed[3]));
    let flags = packed[2];
    if len > max_len {
        return Err(Damaged);
    }
    if flags & STORED != 0 {
        return packed
            .get(HEADER_BYTES..)
            .and_then(|rest| rest.get(..len))
            .map(<[u8]>::to_vec)
            .ok_or(Damaged);
    }
    if len == 0 {
        return Ok(Vec::new());
    }
    if block == 0 || size == 0 {
        return Err(Damaged);
    }
    let mut bytes = Vec::new();
    for index in 0..len.div_ceil(block) {
        let wanted = block.min(len - index * block);
        let cut = flags & ONE_STREAM == 0
            && size <= MAX_STREAMS
            && block / size >= MIN_STREAM_BYTES
            && wanted == block;
        let streams = if cut { size } else { 1 };
        let mut at = word(HEADER_BYTES + 4 * index)?;
        let mut sorted = Vec::new();
        for _ in 0..streams {
            let packed_len = word(at)?;
            let part = packed.get(at + 4..).and_then(|rest| rest.get(..packed_len)).ok_or(Damaged)?;
            at += 4 + packed_len;
            sorted.extend(stream(part, flags >> 5, wanted / streams)?);
        }
        if sorted.len() != wanted {
            return Err(Damaged);
        }
        if flags & SHUFFLED != 0 && size > 1 {
            bytes.extend(unshuffle(&sorted, size));
        } else if flags & BITS_SHUFFLED != 0 && (wanted / size).is_multiple_of(8) {
            let (elements, rest) = sorted.split_at(wanted / size * size);
            bytes.extend(unshuffle_bits(elements, size));
            bytes.extend_from_slice(rest);
        } else {
            bytes.extend(sorted);
        }
    }
    Ok(bytes)
}

/// One stream of `len` bytes.
fn stream(packed: &[u8], format: u8, len: usize) -> Result<Vec<u8>, Damaged> {
    if packed.len() == len {
        return Ok(packed.to_vec());
    }
    let bytes = match format {
        0 => lz::blosclz(packed, len)?,
        1 => lz4(packed, len)?,
        2 => {
            if snap::raw::decompress_len(packed).map_err(|_| Damaged)? != len {
                return Err(Damaged);
            }
            snap::raw::Decoder::new().decompress_vec(packed).map_err(|_| Damaged)?
        }
        3 => read_all(flate2::read::ZlibDecoder::new(packed), len)?,
        4 => zstd(packed, len)?,
        _ => return Err(Damaged),
    };
    if bytes.len() == len { Ok(bytes) } else { Err(Damaged) }
}

/// Puts bytes back that were sorted by their place in elements of `size` bytes. What is no whole element is at the end, as it was.
fn unshuffle(sorted: &[u8], size: usize) -> Vec<u8> {
    let elements = sorted.len() / size;
    let mut bytes = sorted.to_vec();
    for (place, part) in sorted.chunks_exact(elements.max(1)).take(size).enumerate() {
        for (element, &byte) in part.iter().enumerate() {
            bytes[element * size + place] = byte;
        }
    }
    bytes
}
