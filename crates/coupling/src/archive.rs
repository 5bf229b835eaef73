//! A `tar.gz` that is written file by file, compressed by all threads, with the same bytes for any number of them.
//!
//! Blocks of fixed size are compressed each on its own, and joined to one gzip member (RFC 1952), as pigz does.

use std::io::{self, Write};

use flate2::{Compress, Compression, Crc, FlushCompress, Status};
use rayon::prelude::*;

/// Bytes that are compressed on their own.
const BLOCK: usize = 1 << 18;

/// Blocks that are compressed at the same time.
const BATCH: usize = 8;

/// Good enough: these are mostly masks, which any level shrinks, and doubles, which none does.
const LEVEL: u32 = 4;

/// Size of the parts that a tar file is made of.
const TAR_RECORD: u64 = 512;

/// A `tar.gz` in the making.
pub(crate) struct Archive<W> {
    gzip: Gzip<W>,
    seconds: u64,
    /// What is left of the present file.
    left: u64,
    padding: u64,
}

impl<W: Write> Archive<W> {
    /// An empty archive whose files were all last changed at `seconds` since 1970.
    pub(crate) fn new(out: W, seconds: u64) -> io::Result<Self> {
        Ok(Self { gzip: Gzip::new(out)?, seconds, left: 0, padding: 0 })
    }

    /// Begins a file of exactly `size` bytes, which must be written next.
    pub(crate) fn begin(&mut self, path: &str, size: u64) -> io::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_path(path)?;
        header.set_size(size);
        header.set_mode(0o644);
        header.set_mtime(self.seconds);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        self.left = size;
        self.padding = size.next_multiple_of(TAR_RECORD) - size;
        self.gzip.write_all(header.as_bytes())
    }

    /// Ends the present file.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        if self.left > 0 {
            return Err(io::Error::other(format!("{} bytes of the file are missing", self.left)));
        }
        let padding = std::mem::take(&mut self.padding);
        self.gzip.write_all(&vec![0; padding as usize])
    }

    /// Ends the archive.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.gzip.write_all(&[0; 2 * TAR_RECORD as usize])?;
        self.gzip.finish()
    }
}

impl<W: Write> Write for Archive<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let fits = usize::try_from(self.left).map_or(bytes.len(), |left| left.min(bytes.len()));
        if fits == 0 && !bytes.is_empty() {
            return Err(io::Error::other("the file is larger than was said"));
        }
        self.gzip.write_all(&bytes[..fits])?;
        self.left -= fits as u64;
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Gzip<W> {
    out: W,
    pending: Vec<u8>,
    check: Crc,
    /// One for each block of a batch, made once: what threads allocate on their own stays with them.
    lanes: Vec<Lane>,
}

impl<W: Write> Gzip<W> {
    fn new(mut out: W) -> io::Result<Self> {
        // Magic, deflate, no flags, no time, no level, system unknown.
        out.write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255])?;
        let lanes = (0..BATCH).map(|_| Lane::new()).collect();
        Ok(Self { out, pending: Vec::with_capacity(BATCH * BLOCK), check: Crc::new(), lanes })
    }

    fn compress_pending(&mut self, last: bool) -> io::Result<()> {
        let blocks: Vec<&[u8]> = self.pending.chunks(BLOCK).collect();
        let count = blocks.len();
        blocks
            .par_iter()
            .zip(&mut self.lanes)
            .enumerate()
            .try_for_each(|(k, (block, lane))| lane.compress(block, last && k + 1 == count))?;
        for lane in &self.lanes[..count] {
            self.out.write_all(&lane.compressed)?;
            self.check.combine(&lane.check);
        }
        self.pending.clear();
        Ok(())
    }

    fn finish(mut self) -> io::Result<()> {
        self.compress_pending(true)?;
        self.out.write_all(&self.check.sum().to_le_bytes())?;
        self.out.write_all(&self.check.amount().to_le_bytes())?;
        self.out.flush()
    }
}

impl<W: Write> Write for Gzip<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The last batch is compressed at the end, which marks its last block: it must not be empty.
        if self.pending.len() == BATCH * BLOCK {
            self.compress_pending(false)?;
        }
        let fits = bytes.len().min(BATCH * BLOCK - self.pending.len());
        self.pending.extend_from_slice(&bytes[..fits]);
        Ok(fits)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Compresses one block at a time.
struct Lane {
    compress: Compress,
    /// The block as deflate, ending on a whole byte.
    compressed: Vec<u8>,
    check: Crc,
}

impl Lane {
    fn new() -> Self {
        Self {
            compress: Compress::new(Compression::new(LEVEL), false),
            compressed: Vec::with_capacity(BLOCK + BLOCK / 64),
            check: Crc::new(),
        }
    }

    fn compress(&mut self, block: &[u8], last: bool) -> io::Result<()> {
        self.check.reset();
        self.check.update(block);
        self.compress.reset();
        self.compressed.clear();
        let flush = if last { FlushCompress::Finish } else { FlushCompress::Sync };
        loop {
            let read = self.compress.total_in() as usize;
            let status = self.compress.compress_vec(&block[read..], &mut self.compressed, flush);
            let ended = status.map_err(io::Error::other)? == Status::StreamEnd;
            let all_in = self.compress.total_in() as usize == block.len();
            if ended || (!last && all_in && self.compressed.len() < self.compressed.capacity()) {
                return Ok(());
            }
            self.compressed.reserve(BLOCK / 4);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn archive(sizes: &[usize]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut archive = Archive::new(&mut bytes, 1_000_000_000).unwrap();
        for (k, &size) in sizes.iter().enumerate() {
            archive.begin(&format!("folder/{k}.bin"), size as u64).unwrap();
            archive.write_all(&content(size)).unwrap();
            archive.end().unwrap();
        }
        archive.finish().unwrap();
        bytes
    }

    /// Part of it shrinks, part does not.
    fn content(size: usize) -> Vec<u8> {
        let noise = |k: usize| (k.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as u8;
        (0..size).map(|k| if k % 8192 < 4096 { 0 } else { noise(k) }).collect()
    }

    #[test]
    fn an_archive_unpacks_to_what_was_put_in() {
        for sizes in [vec![], vec![0], vec![1, 512, 513], vec![3 * BLOCK, 1], vec![BATCH * BLOCK + 17, 5]] {
            let bytes = archive(&sizes);
            let mut unpacked = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
            let mut found = Vec::new();
            for entry in unpacked.entries().unwrap() {
                let mut entry = entry.unwrap();
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                assert!(bytes == content(bytes.len()));
                found.push(bytes.len());
            }
            assert_eq!(found, sizes);
        }
    }

    #[test]
    fn the_bytes_do_not_depend_on_the_threads() {
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| archive(&[2 * BATCH * BLOCK, 3]))
        };
        assert!(on(1) == on(5));
    }

    #[test]
    fn a_file_must_be_as_long_as_said() {
        let mut archive = Archive::new(Vec::new(), 0).unwrap();
        archive.begin("a", 3).unwrap();
        archive.write_all(b"ab").unwrap();
        assert!(archive.end().is_err());
        assert!(archive.write_all(b"cd").is_err());
    }
}
