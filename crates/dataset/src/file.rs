//! Files: opening, reading all or a part, and sending with other attributes.

use std::ops::Range;
use std::path::Path;
use std::{fs, io::Read};

use crate::classic::{self, Classic, DataCheck, FileSource, HeaderParts, Source, VariableParts};
use crate::{Attributes, Dataset, Error, Format, Header, Values, Variable, VariableHeader};

/// The signature of HDF5, which NetCDF-4 files are; it stands at 0, or at 512, 1024, ... after a user block.
const HDF5_SIGNATURE: [u8; 8] = *b"\x89HDF\r\n\x1a\n";

/// Reads a whole file of any format.
///
/// # Errors
/// Every error names the file; see [`Error`].
pub fn read(path: impl AsRef<Path>) -> Result<Dataset, Error> {
    File::open(path)?.read_all()
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
    classic::read_all(&bytes, &parsed, name)
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
}

impl File {
    /// Opens a file and reads its header. For a classic file that is one small read; for NetCDF-4 a child
    /// process, see `contained`.
    ///
    /// # Errors
    /// Every error names the file; see [`Error`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let file = fs::File::open(path).map_err(Error::io(&name, "could not open"))?;
        let metadata = file.metadata().map_err(Error::io(&name, "could not examine"))?;
        if !metadata.is_file() {
            return Err(Error::NotNetcdf { file: name, start: "no file at all".to_owned() });
        }
        let source = FileSource { file, size: metadata.len() };
        if is_hdf5(&source, &name)? {
            let lazy = crate::converted::Lazy::open(path, &name)?;
            return Ok(Self { name, content: Content::NetCdf4(lazy) });
        }
        let parsed = classic::parse(&source, &name, DataCheck::Inside)?;
        Ok(Self { name, content: Content::Classic { source, parsed } })
    }

    /// Dimensions, variables and attributes.
    pub fn header(&self) -> &Header {
        match &self.content {
            Content::Classic { parsed, .. } => &parsed.header,
            Content::NetCdf4(lazy) => lazy.header(),
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
        let (source, parsed) = self.classic()?;
        let index = parsed.header.variables.iter().position(|v| v.name == variable);
        let index = index.ok_or_else(|| self.no_variable(variable))?;
        classic::read_slab(source, parsed, index, start, count, &self.name)
    }

    /// Reads everything.
    ///
    /// # Errors
    /// As [`read`].
    pub fn read_all(&self) -> Result<Dataset, Error> {
        let (source, parsed) = self.classic()?;
        let mut dataset = classic::read_all(source, parsed, &self.name)?;
        // What the classic format cannot express (several unlimited dimensions) is in the header.
        dataset.dimensions.clone_from(&self.header().dimensions);
        Ok(dataset)
    }

    fn classic(&self) -> Result<(&FileSource, &Classic), Error> {
        match &self.content {
            Content::Classic { source, parsed } => Ok((source, parsed)),
            Content::NetCdf4(lazy) => lazy.converted(&self.name),
        }
    }

    fn variable_header(&self, variable: &str) -> Result<&VariableHeader, Error> {
        self.header().variable(variable).ok_or_else(|| self.no_variable(variable))
    }

    fn no_variable(&self, variable: &str) -> Error {
        let names: Vec<&str> = self.header().variables.iter().map(|v| v.name.as_str()).collect();
        Error::NoVariable {
            file: self.name.clone(),
            variable: variable.to_owned(),
            available: names.join(", "),
        }
    }
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
/// values are streamed from where they are. A NetCDF-4 file is converted to classic first.
///
/// # Errors
/// As [`read`], and [`Error::CannotHold`] for attributes that the format cannot hold.
pub fn with_global_attributes(
    path: impl AsRef<Path>,
    attributes: &Attributes,
) -> Result<AttributedCopy, Error> {
    let opened = File::open(path)?;
    let (source, parsed) = match opened.content {
        Content::Classic { source, parsed } => (source, parsed),
        Content::NetCdf4(_) => rewritten(&opened)?,
    };
    let name = opened.name;
    replaced(source, &parsed, attributes).map_err(|error| error.renamed(&name))
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
    let attributes = classic::widened_attributes(attributes, header.format, "global attributes")?;
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

/// The user block of HDF5 ends at a power of two from 512 on; those of real files are small.
fn is_hdf5(source: &FileSource, name: &str) -> Result<bool, Error> {
    for offset in [0, 512, 1024, 2048, 4096] {
        if source.size() < offset + HDF5_SIGNATURE.len() as u64 {
            return Ok(false);
        }
        let start = source.bytes(offset, HDF5_SIGNATURE.len() as u64, name)?;
        if *start == HDF5_SIGNATURE {
            return Ok(true);
        }
        if offset == 0 && classic::is_classic(&start) {
            return Ok(false);
        }
    }
    Ok(false)
}
