//! Sending stored files: in pieces, read beside the threads that answer requests.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream;

/// The size of a piece.
const PIECE_BYTES: usize = 256 * 1024;

/// A part of what is sent.
#[derive(Debug)]
pub(crate) enum Part {
    /// Bytes in memory.
    Memory(Vec<u8>),
    /// Bytes of an open file.
    File {
        /// The file: open, so that deleting it meanwhile does no harm.
        file: File,
        /// Where its part begins.
        start: u64,
        /// How long it is.
        len: u64,
    },
}

impl Part {
    /// Its length.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { len, .. } => *len,
        }
    }

    /// CRC-32 of its content, after `hasher`'s.
    ///
    /// # Errors
    /// When the file cannot be read to the end of the part.
    pub(crate) fn checksum(&self, hasher: &mut crc32fast::Hasher) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => hasher.update(bytes),
            Self::File { file, start, len } => {
                let mut position = *start;
                while position < start + len {
                    let piece = read_piece(file, position, start + len)?;
                    hasher.update(&piece);
                    position += piece.len() as u64;
                }
            }
        }
        Ok(())
    }
}

/// The parts one after the other.
pub(crate) fn body(parts: Vec<Part>) -> impl Stream<Item = io::Result<Bytes>> {
    let first = (parts.into_iter(), None::<(File, u64, u64)>);
    stream::try_unfold(first, |(mut parts, mut open)| async move {
        loop {
            if let Some((file, position, end)) = open.take()
                && position < end
            {
                let read = tokio::task::spawn_blocking(move || {
                    let piece = read_piece(&file, position, end)?;
                    Ok::<_, io::Error>((file, piece))
                });
                let (file, piece) = read.await.map_err(io::Error::other)??;
                let next = position + piece.len() as u64;
                return Ok(Some((piece, (parts, Some((file, next, end))))));
            }
            match parts.next() {
                None => return Ok(None),
                Some(Part::Memory(bytes)) if bytes.is_empty() => {}
                Some(Part::Memory(bytes)) => return Ok(Some((Bytes::from(bytes), (parts, None)))),
                Some(Part::File { file, start, len }) => open = Some((file, start, start + len)),
            }
        }
    })
}

fn read_piece(mut file: &File, position: u64, end: u64) -> io::Result<Bytes> {
    let wanted = (end - position).min(PIECE_BYTES as u64) as usize;
    let mut piece = vec![0; wanted];
    file.seek(SeekFrom::Start(position))?;
    file.read_exact(&mut piece)?;
    Ok(Bytes::from(piece))
}
