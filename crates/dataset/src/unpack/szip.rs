//! szip: the lossless coder of CCSDS 121.0-B, *Lossless Data Compression*, as HDF5 uses it.
//!
//! Samples come in blocks of `J`, and blocks in intervals that begin with a reference sample when each sample was
//! replaced by its difference to the one before (mapped to non-negative numbers). A block begins with the number of the
//! code that it is written in: split samples with a number of low bits apart, the second extension (pairs), zero blocks, or
//! no code at all.
//!
//! Samples of 32 and 64 bits are written as bytes, sorted by their place in the sample; a scan line that is no whole number
//! of blocks is filled up.

use super::{Damaged, Parts};

/// The samples' bytes begin with the most significant.
const MSB_FIRST: u32 = 16;
/// Differences to the sample before ("nearest neighbour").
const DIFFERENCES: u32 = 32;
/// A count of zero blocks of this many means: to the end of the segment.
const REST_OF_SEGMENT: usize = 5;
/// Blocks of a segment.
const SEGMENT_BLOCKS: usize = 64;

pub(super) fn unpack(packed: &[u8], parameters: &[u32], max_len: usize) -> Result<Vec<u8>, Damaged> {
    let &[options, block, bits, line, ..] = parameters else { return Err(Damaged) };
    let (block, line) = (block as usize, line as usize);
    if !(1..=64).contains(&block) || line == 0 || line > 1 << 20 || !(1..=64).contains(&bits) {
        return Err(Damaged);
    }
    let mut parts = Parts(packed);
    let len = parts.take(4)?.iter().rev().fold(0, |value, &byte| (value << 8) | usize::from(byte));
    if len > max_len {
        return Err(Damaged);
    }
    let sorted = bits == 32 || bits == 64;
    let sample_bits = if sorted { 8 } else { bits };
    let sample_bytes = match sample_bits {
        1..=8 => 1,
        9..=16 => 2,
        17..=32 => 4,
        _ => return Err(Damaged),
    };
    let blocks_of_line = line.div_ceil(block);
    let samples = len / sample_bytes;
    let mut decoder = Decoder { bits: Bits { bytes: parts.0, at: 0 }, sample_bits, block };
    let mut bytes = Vec::new();
    let mut interval = Vec::new();
    for start in (0..samples).step_by(line) {
        interval.clear();
        decoder.interval(
            blocks_of_line,
            options & DIFFERENCES != 0,
            (samples - start).min(line),
            &mut interval,
        )?;
        for &sample in interval.iter().take(line.min(samples - start)) {
            let little = sample.to_le_bytes();
            let little = &little[..sample_bytes];
            if options & MSB_FIRST == 0 {
                bytes.extend_from_slice(little);
            } else {
                bytes.extend(little.iter().rev());
            }
        }
    }
    bytes.resize(len, 0);
    if !sorted {
        return Ok(bytes);
    }
    let size = bits as usize / 8;
    let elements = len / size;
    let mut unsorted = vec![0; len];
    for (place, part) in bytes.chunks_exact(elements.max(1)).take(size).enumerate() {
        for (element, &byte) in part.iter().enumerate() {
            unsorted[element * size + place] = byte;
        }
    }
    Ok(unsorted)
}

struct Decoder<'a> {
    bits: Bits<'a>,
    sample_bits: u32,
    block: usize,
}

impl Decoder<'_> {
    /// Decodes an interval of `blocks` blocks; it ends early where at least `wanted` samples are there.
    fn interval(
        &mut self,
        blocks: usize,
        differences: bool,
        wanted: usize,
        samples: &mut Vec<u32>,
    ) -> Result<(), Damaged> {
        let code_bits = match self.sample_bits {
            0..=8 => 3,
            9..=16 => 4,
            _ => 5,
        };
        let no_code = (1 << code_bits) - 1;
        while samples.len() < blocks * self.block && samples.len() < wanted {
            // The reference stands in the place of the first sample.
            let end = samples.len() + self.block;
            let has_reference = differences && samples.is_empty();
            match self.bits.number(code_bits)? {
                0 => {
                    let pairs = self.bits.number(1)? == 1;
                    if has_reference {
                        samples.push(self.bits.number(self.sample_bits)?);
                    }
                    if pairs {
                        self.pairs(end, samples)?;
                    } else {
                        let before = samples.len() / self.block;
                        let count = match self.bits.unary()? + 1 {
                            REST_OF_SEGMENT => {
                                (blocks - before).min(SEGMENT_BLOCKS - before % SEGMENT_BLOCKS)
                            }
                            count if count > REST_OF_SEGMENT => count - 1,
                            count => count,
                        };
                        let end = (before + count) * self.block;
                        if before + count > blocks {
                            return Err(Damaged);
                        }
                        samples.resize(end, 0);
                    }
                }
                code if code == no_code => {
                    while samples.len() < end {
                        samples.push(self.bits.number(self.sample_bits)?);
                    }
                }
                code => {
                    if has_reference {
                        samples.push(self.bits.number(self.sample_bits)?);
                    }
                    self.split(code - 1, end, samples)?;
                }
            }
        }
        if differences {
            self.add_up(samples);
        }
        Ok(())
    }

    /// The high parts of all samples in unary, then the low parts.
    fn split(&mut self, low_bits: u32, end: usize, samples: &mut Vec<u32>) -> Result<(), Damaged> {
        let start = samples.len();
        while samples.len() < end {
            let high = u32::try_from(self.bits.unary()?).map_err(|_| Damaged)?;
            samples.push(high.checked_shl(low_bits).unwrap_or(0));
        }
        for sample in &mut samples[start..] {
            *sample = sample.wrapping_add(self.bits.number(low_bits)?);
        }
        Ok(())
    }

    /// Two samples a and b as the one number (a + b)(a + b + 1) / 2 + b.
    fn pairs(&mut self, end: usize, samples: &mut Vec<u32>) -> Result<(), Damaged> {
        let start = end - self.block;
        while samples.len() < end {
            let number = u32::try_from(self.bits.unary()?).map_err(|_| Damaged)?;
            // The standard has pairs for sums up to 12.
            let (sum, first) = (0..13)
                .map(|sum: u32| (sum, sum * (sum + 1) / 2))
                .take_while(|&(_, first)| first <= number)
                .last()
                .filter(|&(sum, first)| number - first <= sum)
                .ok_or(Damaged)?;
            let second = number - first;
            // In a block with a reference the first of the pair is in its place.
            if (samples.len() - start).is_multiple_of(2) {
                samples.push(sum - second);
            }
            samples.push(second);
        }
        Ok(())
    }

    /// Turns mapped differences into samples.
    fn add_up(&self, samples: &mut [u32]) {
        let max = if self.sample_bits == 32 { u32::MAX } else { (1 << self.sample_bits) - 1 };
        let Some((&mut first, rest)) = samples.split_first_mut() else { return };
        let mut sample = first & max;
        for difference in rest {
            let mapped = *difference;
            // The distance to the nearer end of the range: up to there, differences of both signs alternate.
            let room = sample.min(max - sample);
            let half = (mapped >> 1) + (mapped & 1);
            sample = if half <= room {
                if mapped & 1 == 0 { sample + (mapped >> 1) } else { sample - half }
            } else if room == sample {
                mapped.min(max)
            } else {
                max - mapped.min(max)
            };
            *difference = sample;
        }
    }
}

/// Takes bits, the most significant first.
struct Bits<'a> {
    bytes: &'a [u8],
    /// The next bit.
    at: usize,
}

impl Bits<'_> {
    fn number(&mut self, bits: u32) -> Result<u32, Damaged> {
        let mut value: u64 = 0;
        let mut left = bits;
        while left > 0 {
            let byte = *self.bytes.get(self.at / 8).ok_or(Damaged)?;
            let offset = (self.at % 8) as u32;
            let taken = left.min(8 - offset);
            let part = (u32::from(byte) << offset & 0xFF) >> (8 - taken);
            value = (value << taken) | u64::from(part);
            self.at += taken as usize;
            left -= taken;
        }
        u32::try_from(value).map_err(|_| Damaged)
    }

    /// The zeros before the next one.
    fn unary(&mut self) -> Result<usize, Damaged> {
        let start = self.at;
        loop {
            let byte = *self.bytes.get(self.at / 8).ok_or(Damaged)?;
            let zeros = (byte << (self.at % 8)).leading_zeros() as usize;
            if zeros < 8 - self.at % 8 {
                let count = self.at + zeros - start;
                self.at += zeros + 1;
                return Ok(count);
            }
            self.at = (self.at / 8 + 1) * 8;
        }
    }
}
