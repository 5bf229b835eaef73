//! Where the variables of the source are.

use std::borrow::Cow;

use dataset::{Dataset, File, Header, Variable};

use super::{Error, names};

/// Where the variables of the source are.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Memory(&'a Dataset),
    File(&'a File),
    /// Of a file the variables of these names alone.
    Part(&'a File, &'a [String]),
}

impl<'a> Source<'a> {
    pub(super) fn header(self) -> Header {
        match self {
            Self::Memory(dataset) => dataset.header(),
            Self::File(file) => file.header().clone(),
            Self::Part(file, names) => {
                let mut header = file.header().clone();
                header.variables.retain(|variable| names.contains(&variable.name));
                header
            }
        }
    }

    /// A variable, read if it is not in memory.
    pub(super) fn read(self, name: &str) -> Result<Cow<'a, Variable>, Error> {
        match self {
            Self::Memory(dataset) => dataset.variable(name).map(Cow::Borrowed).ok_or_else(|| {
                Error::NoCoordinate { name: name.to_owned(), known: names(&dataset.header()) }
            }),
            Self::File(file) | Self::Part(file, _) => {
                file.read(name).map(Cow::Owned).map_err(|error| Error::Read { why: error.to_string() })
            }
        }
    }

    /// A dataset with at least those of these variables that there are.
    pub(super) fn some(self, header: &Header, wanted: &[&str]) -> Result<Cow<'a, Dataset>, Error> {
        if let Self::Memory(dataset) = self {
            return Ok(Cow::Borrowed(dataset));
        }
        let mut some = Dataset { dimensions: header.dimensions.clone(), ..Dataset::new() };
        for variable in header.variables.iter().filter(|variable| wanted.contains(&variable.name.as_str())) {
            some.variables.push(self.read(&variable.name)?.into_owned());
        }
        Ok(Cow::Owned(some))
    }
}
