//! LZF and BloscLZ, two relatives of FastLZ: runs of literal bytes, and references to what was already unpacked.

use super::Damaged;

/// Copies `len` bytes from `distance` back, which may be less than `len`.
fn repeat(bytes: &mut Vec<u8>, distance: usize, len: usize, max_len: usize) -> Result<(), Damaged> {
    if distance == 0 || distance > bytes.len() || bytes.len() + len > max_len {
        return Err(Damaged);
    }
    let start = bytes.len() - distance;
    for at in start..start + len {
        bytes.push(bytes[at]);
    }
    Ok(())
}

/// Takes bytes one after another.
struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Input<'_> {
    fn byte(&mut self) -> Result<usize, Damaged> {
        let byte = *self.bytes.get(self.at).ok_or(Damaged)?;
        self.at += 1;
        Ok(byte.into())
    }

    fn literals(&mut self, len: usize, into: &mut Vec<u8>, max_len: usize) -> Result<(), Damaged> {
        let part = self.bytes.get(self.at..self.at + len).filter(|_| into.len() + len <= max_len);
        into.extend_from_slice(part.ok_or(Damaged)?);
        self.at += len;
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.at >= self.bytes.len()
    }
}

/// LZF, after Marc Lehmann's liblzf.
pub(super) fn lzf(packed: &[u8], max_len: usize) -> Result<Vec<u8>, Damaged> {
    let mut input = Input { bytes: packed, at: 0 };
    let mut bytes = Vec::new();
    while !input.is_empty() {
        let control = input.byte()?;
        if control < 32 {
            input.literals(control + 1, &mut bytes, max_len)?;
            continue;
        }
        let mut len = control >> 5;
        if len == 7 {
            len += input.byte()?;
        }
        let distance = ((control & 31) << 8) + input.byte()? + 1;
        repeat(&mut bytes, distance, len + 2, max_len)?;
    }
    Ok(bytes)
}

/// Farther references have two more bytes.
const NEAR: usize = 8191;

/// BloscLZ, after the decoder of c-blosc 1.
pub(super) fn blosclz(packed: &[u8], max_len: usize) -> Result<Vec<u8>, Damaged> {
    let mut input = Input { bytes: packed, at: 0 };
    let mut bytes = Vec::new();
    // The first is always a run of literals; its upper bits tell the version.
    let mut mask = 31;
    while !input.is_empty() {
        let control = input.byte()? & mask;
        mask = 255;
        if control < 32 {
            input.literals(control + 1, &mut bytes, max_len)?;
            continue;
        }
        let mut len = (control >> 5) - 1;
        if len == 6 {
            loop {
                let more = input.byte()?;
                len += more;
                if more != 255 || len > max_len {
                    break;
                }
            }
        }
        let high = (control & 31) << 8;
        let low = input.byte()?;
        let distance = if low == 255 && high == 31 << 8 {
            NEAR + (input.byte()? << 8) + input.byte()?
        } else {
            high + low
        };
        repeat(&mut bytes, distance + 1, len + 3, max_len)?;
    }
    Ok(bytes)
}
