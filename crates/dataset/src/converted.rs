//! NetCDF-4 files behind the same interface: converted to a classic file when their values are needed.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::classic::{self, Classic, DataCheck, FileSource};
use crate::contained::{Converted, Part, convert};
use crate::{Error, Format, Header};

/// A NetCDF-4 file: its header, and from the first reading on its values in a temporary classic file.
#[derive(Debug)]
pub(crate) struct Lazy {
    path: PathBuf,
    header: Header,
    content: OnceLock<(FileSource, Classic)>,
}

impl Lazy {
    pub(crate) fn open(path: &Path, name: &str) -> Result<Self, Error> {
        let converted = convert(path, name, Part::Header)?;
        let (_, parsed) = parsed(&converted, name, DataCheck::HeaderOnly)?;
        let mut header = Header { format: Format::NetCdf4, notes: converted.notes, ..parsed.header };
        for dimension in &mut header.dimensions {
            dimension.unlimited |= converted.unlimited.contains(&dimension.name);
        }
        Ok(Self { path: path.to_owned(), header, content: OnceLock::new() })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// The values; converted at the first call.
    pub(crate) fn converted(&self, name: &str) -> Result<(&FileSource, &Classic), Error> {
        let (source, parsed) = match self.content.get() {
            Some(content) => content,
            None => {
                let content = parsed(&convert(&self.path, name, Part::All)?, name, DataCheck::Inside)?;
                let same = |a: &Header, b: &Header| {
                    a.variables
                        .iter()
                        .map(|v| (&v.name, &v.shape))
                        .eq(b.variables.iter().map(|v| (&v.name, &v.shape)))
                };
                if !same(&content.1.header, &self.header) {
                    let what = "it was changed while it was read".to_owned();
                    return Err(Error::NetCdf4 { file: name.to_owned(), what });
                }
                // Two threads may convert at once; the first one's result stays.
                self.content.get_or_init(|| content)
            }
        };
        Ok((source, parsed))
    }
}

/// Opens what the child wrote; it goes when it is closed.
fn parsed(converted: &Converted, name: &str, check: DataCheck) -> Result<(FileSource, Classic), Error> {
    let failed = || Error::io(name, "could not read the converted");
    let file = converted.file.try_clone().map_err(failed())?;
    let source = FileSource { size: file.metadata().map_err(failed())?.len(), file };
    let parsed = classic::parse(&source, name, check)?;
    Ok((source, parsed))
}
