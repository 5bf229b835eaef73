//! Files: opening, reading all or a part, and sending with other attributes.

use std::ops::Range;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::{fs, io::Read};

use crate::classic::{self, Classic, DataCheck, FileSource, HeaderParts, Source, VariableParts};
use crate::contained::Cancel;
use crate::old_gmt::{self, OldGmt};
use crate::{
    AttributeValue, Attributes, DataType, Dataset, Error, Format, Header, Values, Variable, VariableHeader,
    foreign,
};

/// The signature of HDF5, which NetCDF-4 files are; it stands at 0, or at 512, 1024, ... after a user block.
const HDF5_SIGNATURE: [u8; 8] = *b"\x89HDF\r\n\x1a\n";

/// Reads a whole file of any format.
///
/// # Errors
/// Every error names the file; see [`Error`].
pub fn read(path: impl AsRef<Path>) -> Result<Dataset, Error> {
    File::open(path)?.read_all()
}

/// Reads a whole file of any format; `name` stands for the file in errors, as in [`File::open_as`].
///
/// # Errors
/// As [`read`].
pub fn read_as(path: impl AsRef<Path>, name: &str) -> Result<Dataset, Error> {
    File::open_as(path, name)?.read_all()
}

/// Reads a classic file from memory; `name` stands for the file in errors.
///
/// # Errors
/// As [`read`]; NetCDF-4 is [`Error::Unsupported`], as it is only read from files.
pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Dataset, Error> {
    if bytes.starts_with(&HDF5_SIGNATURE) {
        return Err(Error::Unsupported {
            file: name.to_owned(),
            what: "it is NetCDF-4, which is read from files only".to_owned(),
            remedy: "Save it to a file first".to_owned(),
        });
    }
    let parsed = classic::parse(&bytes, name, DataCheck::Inside)?;
    match old_gmt::recognise(&bytes, &parsed, name)? {
        Some(grid) => grid.read_all(&bytes, name),
        None => classic::read_all(&bytes, &parsed, name),
    }
}

/// An open file: its header is in memory, its values are on disk.
#[derive(Debug)]
pub struct File {
    name: String,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Classic { source: FileSource, parsed: Classic },
    NetCdf4(crate::converted::Lazy),
    OldGmt { source: FileSource, grid: Box<OldGmt> },
}

impl File {
    /// Opens a file and reads its header. For a classic file that is one small read; for NetCDF-4 a child
    /// process, see `contained`.
    ///
    /// # Errors
    /// Every error names the file; see [`Error`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open_with(path, &Cancel::default())
    }

    /// Opens a file as [`File::open`] does, and lets another thread end what this and later readings start in other
    /// processes.
    ///
    /// # Errors
    /// As [`File::open`]; after a cancellation, that it was cancelled.
    pub fn open_with(path: impl AsRef<Path>, cancel: &Cancel) -> Result<Self, Error> {
        let path = path.as_ref();
        let name = path.display().to_string();
        // Looked at before it is opened: opening a pipe would wait for who writes to it.
        let metadata = fs::metadata(path).map_err(Error::io(&name, "could not open"))?;
        if !metadata.is_file() {
            return Err(Error::foreign(&name, foreign::not_a_file(path, metadata.is_dir())));
        }
        let file = fs::File::open(path).map_err(Error::io(&name, "could not open"))?;
        let metadata = file.metadata().map_err(Error::io(&name, "could not examine"))?;
        let source = FileSource { file, size: metadata.len() };
        if let Some(start) = hdf5_start(&source, &name)? {
            check_hdf5_length(&source, start, &name)?;
            let lazy = crate::converted::Lazy::open(path, &metadata, &name, cancel)?;
            return Ok(Self { name, content: Content::NetCdf4(lazy) });
        }
        let parsed = classic::parse(&source, &name, DataCheck::Inside)?;
        let content = match old_gmt::recognise(&source, &parsed, &name)? {
            Some(grid) => Content::OldGmt { source, grid: Box::new(grid) },
            None => Content::Classic { source, parsed },
        };
        Ok(Self { name, content })
    }

    /// Dimensions, variables and attributes.
    pub fn header(&self) -> &Header {
        match &self.content {
            Content::Classic { parsed, .. } => &parsed.header,
            Content::NetCdf4(lazy) => lazy.header(),
            Content::OldGmt { grid, .. } => &grid.header,
        }
    }

    /// Reads one variable.
    ///
    /// # Errors
    /// [`Error::NoVariable`], or as [`read`].
    pub fn read(&self, variable: &str) -> Result<Variable, Error> {
        let header = self.variable_header(variable)?;
        let values = self.read_slab(variable, &vec![0; header.shape.len()], &header.shape)?;
        Ok(Variable {
            name: header.name.clone(),
            dimensions: header.dimensions.clone(),
            attributes: header.attributes.clone(),
            values,
        })
    }

    /// Reads the part of a variable that starts at index `start` and has `count` values along each axis; only
    /// these bytes are read.
    ///
    /// # Errors
    /// [`Error::NoVariable`], [`Error::OutOfBounds`], or as [`read`].
    pub fn read_slab(&self, variable: &str, start: &[usize], count: &[usize]) -> Result<Values, Error> {
        self.variable_header(variable)?;
        let (source, parsed) = match &self.content {
            Content::Classic { source, parsed } => (source, parsed),
            Content::NetCdf4(lazy) => lazy.converted(&self.name)?,
            Content::OldGmt { source, grid } => {
                return grid.read_slab(source, variable, start, count, &self.name);
            }
        };
        let index = parsed.header.variables.iter().position(|v| v.name == variable);
        let index = index.ok_or_else(|| self.no_variable(variable))?;
        classic::read_slab(source, parsed, index, start, count, &self.name)
    }

    /// Reads everything.
    ///
    /// # Errors
    /// As [`read`].
    pub fn read_all(&self) -> Result<Dataset, Error> {
        let (source, parsed) = match &self.content {
            Content::Classic { source, parsed } => (source, parsed),
            Content::NetCdf4(lazy) => lazy.converted(&self.name)?,
            Content::OldGmt { source, grid } => return grid.read_all(source, &self.name),
        };
        let mut dataset = classic::read_all(source, parsed, &self.name)?;
        // What the classic format cannot express (several unlimited dimensions) is in the header.
        dataset.dimensions.clone_from(&self.header().dimensions);
        Ok(dataset)
    }

    /// Reads everything, but of maps that are stacked along times or levels only the first ones: what a grid is, stands in it,
    /// and memory is bounded by the grid however many levels a file has. Such dimensions have length 1 in the result.
    ///
    /// # Errors
    /// As [`read`].
    pub fn read_first_maps(&self) -> Result<Dataset, Error> {
        let header = self.header();
        let stacked = stacked_dimensions(header);
        if stacked.is_empty() {
            return self.read_all();
        }
        let cut = |name: &str, len: usize| if stacked.contains(&name) { 1 } else { len };
        let dimensions = header.dimensions.iter().map(|dimension| crate::Dimension {
            len: cut(&dimension.name, dimension.len),
            ..dimension.clone()
        });
        let variables = header.variables.iter().map(|variable| {
            let along = variable.dimensions.iter().zip(&variable.shape);
            let count: Vec<usize> = along.map(|(name, &len)| cut(name, len)).collect();
            Ok(Variable {
                name: variable.name.clone(),
                dimensions: variable.dimensions.clone(),
                attributes: variable.attributes.clone(),
                values: self.read_slab(&variable.name, &vec![0; count.len()], &count)?,
            })
        });
        Ok(Dataset {
            variables: variables.collect::<Result<_, Error>>()?,
            dimensions: dimensions.collect(),
            attributes: header.attributes.clone(),
        })
    }

    /// As [`File::open`], but `name` stands for the file in every error of it, now and later: what its user calls a
    /// stored or staged file, whose path is of no use to them.
    ///
    /// # Errors
    /// As [`File::open`].
    pub fn open_as(path: impl AsRef<Path>, name: &str) -> Result<Self, Error> {
        Ok(Self::open(path).map_err(|error| error.renamed(name))?.named(name))
    }

    /// The same file, with `name` standing for it in later errors.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// Reads the values of every numeric variable, slab by slab, and keeps none: a file that passes can be used.
    ///
    /// # Errors
    /// As [`File::read`], naming the variable where that is known.
    pub fn verify(&self) -> Result<(), Error> {
        if matches!(self.content, Content::Classic { .. }) {
            // Its header was checked against the size of the file, and any bytes are numbers.
            return Ok(());
        }
        for variable in self.header().variables.iter().filter(|v| v.data_type.is_numeric()) {
            for (start, count) in slabs(&variable.shape, SLAB_VALUES) {
                self.read_slab(&variable.name, &start, &count)?;
            }
        }
        Ok(())
    }

    fn variable_header(&self, variable: &str) -> Result<&VariableHeader, Error> {
        self.header().variable(variable).ok_or_else(|| self.no_variable(variable))
    }

    fn no_variable(&self, variable: &str) -> Error {
        let names: Vec<&str> = self.header().variables.iter().map(|v| v.name.as_str()).collect();
        Error::NoVariable {
            file: self.name.clone(),
            variable: variable.to_owned(),
            available: crate::listed(&names),
        }
    }
}

/// A dimension up to this length may count the corners of cells, or the ends of intervals.
const MAX_CORNERS: usize = 8;

/// The dimensions along which maps are stacked, and which no map has: times and levels of a file that has two-dimensional
/// variables beside those of more dimensions.
fn stacked_dimensions(header: &Header) -> Vec<&str> {
    let long = |variable: &VariableHeader| -> Vec<String> {
        let along = variable.dimensions.iter().zip(&variable.shape);
        along.filter(|(_, len)| **len > MAX_CORNERS).map(|(name, _)| name.clone()).collect()
    };
    let all: Vec<Vec<String>> = header.variables.iter().map(long).collect();
    let is_stacked = |name: &str| {
        let with =
            |rank: fn(usize) -> bool| all.iter().any(|own| rank(own.len()) && own.iter().any(|n| n == name));
        with(|rank| rank > 2) && !with(|rank| rank == 2)
    };
    let names = header.dimensions.iter().map(|dimension| dimension.name.as_str());
    let stacked: Vec<&str> = names.filter(|name| is_stacked(name)).collect();
    // Every deep variable has to keep a map.
    let keeps = |own: &Vec<String>| own.iter().filter(|name| !stacked.contains(&name.as_str())).count() >= 2;
    if all.iter().filter(|own| own.len() > 2).all(keeps) { stacked } else { Vec::new() }
}

/// Values of a slab of [`File::verify`] at most (8 MiB of doubles).
const SLAB_VALUES: usize = 1 << 20;

/// Cuts a shape into slabs of at most `limit` values (`limit` > 0), in the order of the file: start and count of each.
fn slabs(shape: &[usize], limit: usize) -> impl Iterator<Item = (Vec<usize>, Vec<usize>)> {
    let mut count = vec![1; shape.len()];
    let mut values: usize = 1;
    for (axis, &len) in shape.iter().enumerate().rev() {
        count[axis] = len.min(limit / values).max(1);
        values *= count[axis];
        if count[axis] < len {
            break;
        }
    }
    let mut next = (!shape.contains(&0)).then(|| vec![0; shape.len()]);
    let shape = shape.to_vec();
    std::iter::from_fn(move || {
        let start = next.take()?;
        let size = start.iter().zip(&count).zip(&shape).map(|((&at, &step), &len)| step.min(len - at));
        let size: Vec<usize> = size.collect();
        let mut following = start.clone();
        for axis in (0..shape.len()).rev() {
            following[axis] += count[axis];
            if following[axis] < shape[axis] {
                next = Some(following);
                break;
            }
            following[axis] = 0;
        }
        Some((start, size))
    })
}

/// A stored file under other global attributes: `header`, then the bytes `data` of `file`.
#[derive(Debug)]
pub struct AttributedCopy {
    /// The new header.
    pub header: Vec<u8>,
    /// The file that has the values: opened already, so that deleting or replacing it does no harm.
    pub file: fs::File,
    /// The bytes of `file` that follow the header.
    pub data: Range<u64>,
}

impl AttributedCopy {
    /// Bytes in all, for a `Content-Length`.
    pub fn len(&self) -> u64 {
        self.header.len() as u64 + (self.data.end - self.data.start)
    }

    /// Never true: there is a header.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The whole copy, as a reader from its first byte.
    ///
    /// # Errors
    /// When the file cannot be positioned.
    pub fn into_reader(mut self) -> std::io::Result<impl Read> {
        use std::io::{Seek, SeekFrom};
        self.file.seek(SeekFrom::Start(self.data.start))?;
        let rest = self.file.take(self.data.end - self.data.start);
        Ok(std::io::Cursor::new(self.header).chain(rest))
    }
}

/// Replaces the global attributes of a stored file by `attributes` (all of them), without rewriting it: the
/// values are streamed from where they are. A NetCDF-4 file is converted to classic first; in memory it is only when it has
/// types or several unlimited dimensions that need more than another header.
///
/// # Errors
/// As [`read`].
pub fn with_global_attributes(
    path: impl AsRef<Path>,
    attributes: &Attributes,
) -> Result<AttributedCopy, Error> {
    let opened = File::open(path)?;
    let converted = match &opened.content {
        Content::NetCdf4(lazy) => as_offset64(lazy.converted(&opened.name)?, &lazy.header().dimensions),
        _ => None,
    };
    let (source, parsed) = match (converted, opened.content) {
        (Some(converted), _) => converted,
        (None, Content::Classic { source, parsed }) => (source, parsed),
        (None, content) => rewritten(&File { name: opened.name.clone(), content })?,
    };
    let name = opened.name;
    replaced(source, &parsed, attributes).map_err(|error| error.renamed(&name))
}

/// A conversion (CDF-5) as the same bytes under a header of CDF-2, if that can be: `dimensions` are those of the original.
fn as_offset64(
    (source, parsed): (&FileSource, &Classic),
    dimensions: &[crate::Dimension],
) -> Option<(FileSource, Classic)> {
    let has_type = |data_type: DataType| {
        matches!(
            data_type,
            DataType::I8 | DataType::Char | DataType::I16 | DataType::I32 | DataType::F32 | DataType::F64
        )
    };
    let is_wide = |value: &AttributeValue| {
        use AttributeValue::{I64, U8, U16, U32, U64};
        matches!(value, U8(_) | U16(_) | U32(_) | I64(_) | U64(_))
    };
    let fits = dimensions.iter().all(|dimension| !dimension.unlimited && dimension.len <= i32::MAX as usize)
        && parsed.placements.iter().all(|placement| placement.bytes <= classic::CDF2_VARIABLE_LIMIT)
        && parsed.header.variables.iter().all(|variable| {
            let mut attributes = variable.attributes.iter();
            has_type(variable.data_type) && attributes.all(|(_, value)| !is_wide(value))
        });
    if !fits {
        return None;
    }
    // Opened anew, not duplicated: readers that seek share the place in a duplicated file.
    let file = fs::File::open(format!("/proc/self/fd/{}", source.file.as_raw_fd())).ok()?;
    let header = Header { format: Format::Offset64, ..parsed.header.clone() };
    Some((FileSource { file, size: source.size }, Classic { header, ..parsed.clone() }))
}

/// A file without a name that has the content of `opened` in the format that [`crate::write()`] writes.
fn rewritten(opened: &File) -> Result<(FileSource, Classic), Error> {
    let name = &opened.name;
    let failed = || Error::io(name, "could not convert");
    let mut file = tempfile::tempfile().map_err(failed())?;
    crate::write_to(&opened.read_all()?, &mut file).map_err(|error| error.renamed(name))?;
    let source = FileSource { size: file.metadata().map_err(failed())?.len(), file };
    let parsed = classic::parse(&source, name, DataCheck::Inside)?;
    Ok((source, parsed))
}

fn replaced(source: FileSource, parsed: &Classic, attributes: &Attributes) -> Result<AttributedCopy, Error> {
    let header = &parsed.header;
    let attributes = classic::widened_attributes(attributes, header.format);
    // Without values there is nothing behind the header to keep.
    let first = parsed.placements.iter().map(|p| p.begin).min().unwrap_or(source.size);
    let first = first.clamp(parsed.header_len.min(source.size), source.size);
    let mut parts = HeaderParts {
        format: header.format,
        records: parsed.records,
        dimensions: header
            .dimensions
            .iter()
            .map(|d| (d.name.as_str(), if d.unlimited { 0 } else { d.len as u64 }))
            .collect(),
        attributes: &attributes,
        variables: Vec::with_capacity(header.variables.len()),
    };
    for ((variable, placement), ids) in
        header.variables.iter().zip(&parsed.placements).zip(&parsed.dimension_ids)
    {
        parts.variables.push(VariableParts {
            name: &variable.name,
            dimensions: ids.clone(),
            attributes: &variable.attributes,
            data_type: variable.data_type,
            placement: *placement,
        });
    }
    let begins: Vec<u64> = parsed.placements.iter().map(|p| p.begin.saturating_sub(first)).collect();
    let place = |parts: &mut HeaderParts<'_>| {
        // The length of a header does not depend on where the values begin.
        for variable in &mut parts.variables {
            variable.placement.begin = 0;
        }
        let len = classic::encode_header(parts)?.len() as u64;
        for (variable, &begin) in parts.variables.iter_mut().zip(&begins) {
            variable.placement.begin = len.saturating_add(begin);
        }
        classic::encode_header(parts)
    };
    let beyond_cdf1 = source.size.saturating_add(1 << 24) > i32::MAX as u64;
    if header.format == Format::Classic && beyond_cdf1 {
        parts.format = Format::Offset64;
    }
    let bytes = place(&mut parts)?;
    Ok(AttributedCopy { header: bytes, file: source.file, data: first..source.size })
}

/// Where HDF5 begins. The user block before it ends at a power of two from 512 on; those of real files are small.
fn hdf5_start(source: &FileSource, name: &str) -> Result<Option<u64>, Error> {
    for offset in [0, 512, 1024, 2048, 4096] {
        if source.size() < offset + HDF5_SIGNATURE.len() as u64 {
            return Ok(None);
        }
        let start = source.bytes(offset, HDF5_SIGNATURE.len() as u64, name)?;
        if *start == HDF5_SIGNATURE {
            return Ok(Some(offset));
        }
        if offset == 0 && classic::is_classic(&start) {
            return Ok(None);
        }
    }
    Ok(None)
}

/// An HDF5 file says where it ends, in its superblock.
fn check_hdf5_length(source: &FileSource, start: u64, name: &str) -> Result<(), Error> {
    let size = source.size();
    let bytes = source.bytes(start, 64.min(size - start), name)?;
    // Addresses of other widths than eight bytes do not occur in practice, and are left to the library.
    let end = match (bytes.get(8), bytes.get(9), bytes.get(13)) {
        (Some(0), _, Some(8)) => 40,
        (Some(1), _, Some(8)) => 44,
        (Some(2 | 3), Some(8), _) => 28,
        (None, ..) | (_, None, _) => {
            let what = "the file".to_owned();
            return Err(Error::Truncated { file: name.to_owned(), what, needed: size + 1, size });
        }
        _ => return Ok(()),
    };
    let needed = match bytes.get(end..end + 8) {
        Some(bytes) => bytes.iter().rev().fold(0, |value, &byte| (value << 8) | u64::from(byte)),
        None => size + 1,
    };
    if needed <= size || needed == u64::MAX {
        return Ok(());
    }
    Err(Error::Truncated { file: name.to_owned(), what: "the file".to_owned(), needed, size })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every value is in exactly one slab, and no slab has more values than it may.
    /// A file of so many levels on a curvilinear grid of 20 x 30 cells.
    fn levels(levels: usize) -> Dataset {
        let mut file = Dataset::new();
        let field = |shape: &[usize]| {
            let mut at = -1.0;
            ndarray::ArrayD::from_shape_simple_fn(ndarray::IxDyn(shape), || {
                at += 1.0;
                at
            })
        };
        file.add_f64("nav_lon", &["y", "x"], field(&[20, 30]), Attributes::new());
        file.add_f64("bounds_lon", &["y", "x", "corner"], field(&[20, 30, 4]), Attributes::new());
        file.add_f64("thetao", &["time", "z", "y", "x"], field(&[12, levels, 20, 30]), Attributes::new());
        file.add_f64("time_bounds", &["time", "ends"], field(&[12, 2]), Attributes::new());
        file.add_f64("z", &["z"], field(&[levels]), Attributes::new());
        file
    }

    #[test]
    fn the_first_maps_of_a_file_are_read_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("levels.nc");
        crate::write(&levels(31), &path).unwrap();
        let file = File::open(&path).unwrap();
        let (first, all) = (file.read_first_maps().unwrap(), file.read_all().unwrap());
        let shape = |name: &str| first.variable(name).unwrap().values.shape().to_vec();
        assert_eq!(shape("thetao"), [1, 1, 20, 30]);
        assert_eq!((shape("z"), shape("time_bounds")), (vec![1], vec![1, 2]));
        for name in ["nav_lon", "bounds_lon"] {
            assert_eq!(first.variable(name).unwrap().values, all.variable(name).unwrap().values);
        }
        let map = first.variable("thetao").unwrap().decode().unwrap();
        assert!(map.iter().enumerate().all(|(at, value)| *value == at as f64));
        crate::to_bytes(&first).unwrap();

        // Where nothing tells levels from rows, everything is read.
        let mut deep = levels(31);
        deep.variables.retain(|variable| variable.name == "thetao");
        crate::write(&deep, &path).unwrap();
        let file = File::open(&path).unwrap();
        assert_eq!(file.read_first_maps().unwrap().variables[0].values.shape(), [12, 31, 20, 30]);
    }

    #[test]
    fn slabs_cover_a_shape_once() {
        for shape in [&[][..], &[0], &[7], &[3, 0, 2], &[1, 4, 5], &[2, 3, 4, 5], &[100]] {
            for limit in [1, 2, 3, 7, 12, 20, 1000] {
                let mut seen = ndarray::ArrayD::<u8>::zeros(ndarray::IxDyn(shape));
                for (start, count) in slabs(shape, limit) {
                    assert!(count.iter().product::<usize>() <= limit, "{shape:?} {limit}: {count:?}");
                    for at in ndarray::indices(&count[..]) {
                        let at: Vec<usize> =
                            start.iter().zip(ndarray::Dimension::slice(&at)).map(|(a, b)| a + b).collect();
                        seen[&at[..]] += 1;
                    }
                }
                assert!(seen.iter().all(|&times| times == 1), "{shape:?} {limit}");
            }
        }
    }
}
