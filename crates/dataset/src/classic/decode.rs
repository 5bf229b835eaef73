//! Reading values.

use std::borrow::Cow;
use std::fs;
use std::os::unix::fs::FileExt;

use super::element::Element;
use super::parse::Classic;
use crate::model::shaped;
use crate::{DataType, Dataset, Error, Values, Variable};

/// Bytes converted at a time.
const CHUNK: u64 = 1 << 18;

/// Bytes that are read by position: a file, or memory.
pub(crate) trait Source {
    fn size(&self) -> u64;
    /// `len` bytes from `offset`; `len` is bounded by the caller.
    fn bytes(&self, offset: u64, len: u64, file: &str) -> Result<Cow<'_, [u8]>, Error>;
}

impl Source for &[u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn bytes(&self, offset: u64, len: u64, file: &str) -> Result<Cow<'_, [u8]>, Error> {
        let part = usize::try_from(offset)
            .ok()
            .zip(usize::try_from(len).ok())
            .and_then(|(offset, len)| self.get(offset..offset.checked_add(len)?));
        part.map(Cow::Borrowed).ok_or_else(|| outside(offset, len, self.size(), file))
    }
}

/// An open file and its size when it was opened.
#[derive(Debug)]
pub(crate) struct FileSource {
    pub(crate) file: fs::File,
    pub(crate) size: u64,
}

impl Source for FileSource {
    fn size(&self) -> u64 {
        self.size
    }

    fn bytes(&self, offset: u64, len: u64, file: &str) -> Result<Cow<'_, [u8]>, Error> {
        let inside = offset.checked_add(len).is_some_and(|end| end <= self.size);
        let len = usize::try_from(len).ok().filter(|_| inside);
        let len = len.ok_or_else(|| outside(offset, 0, self.size, file))?;
        let mut bytes = vec![0; len];
        self.file.read_exact_at(&mut bytes, offset).map_err(Error::io(file, "could not read"))?;
        Ok(Cow::Owned(bytes))
    }
}

fn outside(offset: u64, len: u64, size: u64, file: &str) -> Error {
    let needed = offset.saturating_add(len);
    Error::Truncated { file: file.to_owned(), what: "its data".to_owned(), needed, size }
}

/// Reads every variable.
pub(crate) fn read_all(source: &impl Source, classic: &Classic, file: &str) -> Result<Dataset, Error> {
    let mut variables = Vec::with_capacity(classic.header.variables.len());
    for (index, header) in classic.header.variables.iter().enumerate() {
        let start = vec![0; header.shape.len()];
        let values = read_slab(source, classic, index, &start, &header.shape, file)?;
        variables.push(Variable {
            name: header.name.clone(),
            dimensions: header.dimensions.clone(),
            attributes: header.attributes.clone(),
            values,
        });
    }
    let header = &classic.header;
    Ok(Dataset { dimensions: header.dimensions.clone(), variables, attributes: header.attributes.clone() })
}

/// Reads the part of variable `index` from `start` on, `count` values along each axis.
pub(crate) fn read_slab(
    source: &impl Source,
    classic: &Classic,
    index: usize,
    start: &[usize],
    count: &[usize],
    file: &str,
) -> Result<Values, Error> {
    let header = &classic.header.variables[index];
    let rank = header.shape.len();
    let inside = start.len() == rank
        && count.len() == rank
        && (0..rank)
            .all(|axis| start[axis].checked_add(count[axis]).is_some_and(|end| end <= header.shape[axis]));
    if !inside {
        return Err(Error::OutOfBounds {
            file: file.to_owned(),
            variable: header.name.clone(),
            start: start.to_vec(),
            count: count.to_vec(),
            shape: header.shape.clone(),
        });
    }
    let slab = Slab { classic, index, start, count };
    macro_rules! read {
        ($variant:ident) => {{
            let values = slab.read(source, file)?;
            let array = shaped(count, values);
            Values::$variant(
                array.ok_or_else(|| Error::corrupt(file, format!("the shape of '{}'", header.name)))?,
            )
        }};
    }
    Ok(match header.data_type {
        DataType::I8 => read!(I8),
        DataType::U8 => read!(U8),
        DataType::I16 => read!(I16),
        DataType::U16 => read!(U16),
        DataType::I32 => read!(I32),
        DataType::U32 => read!(U32),
        DataType::I64 => read!(I64),
        DataType::U64 => read!(U64),
        DataType::F32 => read!(F32),
        DataType::F64 => read!(F64),
        DataType::Char | DataType::Text => read!(Char),
    })
}

/// A part of a variable, inside of it.
struct Slab<'a> {
    classic: &'a Classic,
    index: usize,
    start: &'a [usize],
    count: &'a [usize],
}

impl Slab<'_> {
    fn read<T: Element>(&self, source: &impl Source, file: &str) -> Result<Vec<T>, Error> {
        if self.count.contains(&0) {
            return Ok(Vec::new());
        }
        let shape = &self.classic.header.variables[self.index].shape;
        let placement = self.classic.placements[self.index];
        let size = T::SIZE as u64;
        // Bytes from one index to the next along each axis. The header was checked against the file, so
        // nothing here overflows.
        let mut strides = vec![size; shape.len()];
        for axis in (0..shape.len().saturating_sub(1)).rev() {
            strides[axis] = strides[axis + 1] * shape[axis + 1] as u64;
        }
        if placement.is_record {
            strides[0] = self.classic.record_stride;
        }
        // Axes from `run_axis` on are one run of bytes in the file.
        let mut run_axis = shape.len();
        let mut run = size;
        while run_axis > 0 && strides[run_axis - 1] == run {
            run_axis -= 1;
            run = self.count[run_axis] as u64 * strides[run_axis];
            if self.count[run_axis] != shape[run_axis] {
                break;
            }
        }
        let total: usize = self.count.iter().product();
        let mut values = Vec::with_capacity(total);
        let mut at = self.start.to_vec();
        loop {
            let offset =
                at.iter().zip(&strides).map(|(&i, stride)| i as u64 * stride).sum::<u64>() + placement.begin;
            let mut done = 0;
            while done < run {
                let len = CHUNK.min(run - done);
                T::decode(&source.bytes(offset + done, len, file)?, &mut values);
                done += len;
            }
            let mut axis = run_axis;
            loop {
                if axis == 0 {
                    return Ok(values);
                }
                axis -= 1;
                at[axis] += 1;
                if at[axis] < self.start[axis] + self.count[axis] {
                    break;
                }
                at[axis] = self.start[axis];
            }
        }
    }
}
