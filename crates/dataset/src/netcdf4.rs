//! Reading NetCDF-4 through the C library, in this process: for the child of `contained`, and for trusted files.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;

use ndarray::{ArrayD, Dimension as _, IxDyn};

use crate::contained::{COPY_AGAIN, Need, Refusal, Report};
use crate::model::shaped;
use crate::{DataType, Dataset, Error, Format, Header, Values, Variable, VariableHeader, classic};

mod filters;
mod groups;

/// What is converted at a time, when the compressed blocks of the file are smaller.
const BLOCK_BYTES: usize = 16 << 20;

/// The most strings of one variable.
const MAX_STRINGS: usize = 1 << 20;

/// What to do with a file whose compression is not known; the unpacked file is read by anybody.
const UNPACK: &str =
    "Write it without compression, 'nccopy -F none in.nc out.nc', on a machine that reads it";

/// Reads a whole file with the C library, in this process.
///
/// **For trusted files only**, such as one this program has just written: on damaged files the library crashes or
/// takes all memory. [`crate::read`] reads any file.
///
/// # Errors
/// [`Error::NetCdf4`] with what the library says.
pub fn read_in_process(path: impl AsRef<Path>) -> Result<Dataset, Error> {
    let path = path.as_ref();
    let file = path.display().to_string();
    OpenFile::open(path).and_then(|opened| opened.dataset()).map_err(|refusal| match refusal {
        Refusal::Failed(what) => Error::NetCdf4 { file, what },
        Refusal::Unsupported { what, remedy } => Error::Unsupported { file, what, remedy },
    })
}

/// Writes the header of the file as CDF-5, for the child.
pub(crate) fn convert_header(path: &Path, out: &mut impl Write) -> Result<Report, Refusal> {
    let opened = OpenFile::for_conversion(path)?;
    let (header, strings) = opened.classic()?;
    let (bytes, _) = classic::laid_out(&header, Format::Data64).map_err(|error| error.to_string())?;
    out.write_all(&bytes).map_err(|error| format!("the output could not be written: {error}"))?;
    opened.report(&header, &strings)
}

/// Writes the file as CDF-5, block by block, for the child: never a whole variable is in memory, unless the file has it in
/// one compressed block.
pub(crate) fn convert(path: &Path, out: &File) -> Result<Report, Refusal> {
    let unwritten = |error: std::io::Error| format!("the output could not be written: {error}");
    let opened = OpenFile::for_conversion(path)?;
    let (header, strings) = opened.classic()?;
    let (bytes, begins) = classic::laid_out(&header, Format::Data64).map_err(|error| error.to_string())?;
    out.write_all_at(&bytes, 0).map_err(unwritten)?;
    let mut len = bytes.len() as u64;
    for (variable, &begin) in header.variables.iter().zip(&begins) {
        let bytes = (variable.len() as u64).saturating_mul(variable.data_type.size() as u64);
        len = len.max(begin.saturating_add(bytes).next_multiple_of(4));
    }
    // Padding, and nothing else, is left as it is here.
    out.set_len(len).map_err(unwritten)?;
    let mut buffer = Vec::new();
    for (index, (variable, &begin)) in header.variables.iter().zip(&begins).enumerate() {
        let size = variable.data_type.size() as u64;
        let mut write = |block: &Block, values: &Values| {
            block.runs(&variable.shape, |at, within, len| {
                let mut out = At { file: out, offset: begin + at as u64 * size };
                classic::write_values(values, within, len, &mut buffer, &mut out).map_err(unwritten)
            })
        };
        match strings.get(&variable.name) {
            Some(values) => write(&Block::whole(&variable.shape), values)?,
            None => {
                let stored = opened.variable(index)?;
                for block in blocks(&variable.shape, &chunk(&stored), variable.data_type.size()) {
                    write(&block, &opened.values(index, &stored, Some(&block))?)?;
                }
            }
        }
    }
    opened.report(&header, &strings)
}

/// Writes at a place in a file.
struct At<'a> {
    file: &'a File,
    offset: u64,
}

impl Write for At<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.file.write_at(bytes, self.offset)?;
        self.offset += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A part of a variable: the first index and the number of values along each axis.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Block {
    start: Vec<usize>,
    count: Vec<usize>,
}

impl Block {
    fn whole(shape: &[usize]) -> Self {
        Self { start: vec![0; shape.len()], count: shape.to_vec() }
    }

    fn len(&self) -> usize {
        self.count.iter().product()
    }

    /// Calls `each` for what is contiguous in a variable of `shape`: with the first index there, the first index in the
    /// block, and the number of values.
    fn runs<E>(
        &self,
        shape: &[usize],
        mut each: impl FnMut(usize, usize, usize) -> Result<(), E>,
    ) -> Result<(), E> {
        let total = self.len();
        // Axes from here on are whole, and so is a part of the one before.
        let mut axis = shape.len();
        while axis > 0 && self.count[axis - 1] == shape[axis - 1] {
            axis -= 1;
        }
        let outer = axis.saturating_sub(1);
        let run: usize = self.count[outer..].iter().product();
        let mut within = 0;
        while within < total {
            // The indices of the run along the outer axes.
            let mut rest = within / run.max(1);
            let mut at = 0;
            let mut stride: usize = shape[outer..].iter().product();
            for k in (0..outer).rev() {
                at += (self.start[k] + rest % self.count[k]) * stride;
                rest /= self.count[k];
                stride *= shape[k];
            }
            if let Some(start) = self.start.get(outer) {
                at += start * shape[outer + 1..].iter().product::<usize>();
            }
            each(at, within, run)?;
            within += run;
        }
        Ok(())
    }
}

/// Cuts a variable into blocks that consist of whole compressed `chunk`s, so that each is unpacked once. Blocks grow from the last
/// axis on while they have at most [`BLOCK_BYTES`].
fn blocks(shape: &[usize], chunk: &[usize], size: usize) -> impl Iterator<Item = Block> {
    let count = block_shape(shape, chunk, size);
    let parts: Vec<usize> =
        shape.iter().zip(&count).map(|(&len, &count)| len.div_ceil(count.max(1))).collect();
    let shape = shape.to_vec();
    (0..parts.iter().product()).map(move |index| {
        let mut rest = index;
        let mut block = Block { start: vec![0; shape.len()], count: vec![0; shape.len()] };
        for axis in (0..shape.len()).rev() {
            let start = (rest % parts[axis]) * count[axis];
            rest /= parts[axis];
            block.start[axis] = start;
            block.count[axis] = count[axis].min(shape[axis] - start);
        }
        block
    })
}

fn block_shape(shape: &[usize], chunk: &[usize], size: usize) -> Vec<usize> {
    let mut count: Vec<usize> = shape
        .iter()
        .enumerate()
        .map(|(axis, &len)| chunk.get(axis).map_or(1, |&c| c.clamp(1, len.max(1))))
        .collect();
    for axis in (0..shape.len()).rev() {
        let bytes = count.iter().fold(size, |bytes, &count| bytes.saturating_mul(count));
        let times = (BLOCK_BYTES / bytes.max(1)).max(1);
        count[axis] = count[axis].saturating_mul(times).min(shape[axis].max(1));
        if count[axis] < shape[axis] {
            break;
        }
    }
    count
}

/// The compressed blocks of a variable; without any, single values.
fn chunk(variable: &netcdf::Variable<'_>) -> Vec<usize> {
    variable.chunking().ok().flatten().unwrap_or_default()
}

struct OpenFile {
    file: netcdf::File,
    header: Header,
    /// The names of the variables with those of their groups before them, `group/name`.
    paths: Vec<String>,
    /// Dimensions that were unlimited; in the header they are not any more.
    unlimited: Vec<String>,
}

impl OpenFile {
    fn open(path: &Path) -> Result<Self, Refusal> {
        filters::register()?;
        let unreadable = filters::unreadable(path).map_err(|code| explain_code(code, "the file"))?;
        let file = netcdf::open(path).map_err(|error| explain(&error, "the file"))?;
        let (header, paths) = groups::header(&file, &unreadable)?;
        Ok(Self { file, header, paths, unlimited: Vec::new() })
    }

    /// Opens a file, and leaves out what a classic file cannot express.
    fn for_conversion(path: &Path) -> Result<Self, Refusal> {
        let mut opened = Self::open(path)?;
        // Records would spread each variable over the whole file. Which dimension is unlimited is told beside it.
        for dimension in &mut opened.header.dimensions {
            if dimension.unlimited {
                opened.unlimited.push(dimension.name.clone());
                dimension.unlimited = dimension.len == 0;
            }
        }
        opened.drop_empty();
        opened.drop_many_strings();
        Ok(opened)
    }

    fn report(self, header: &Header, strings: &HashMap<String, Values>) -> Result<Report, Refusal> {
        let mut need = Need::default();
        for (index, variable) in header.variables.iter().enumerate() {
            let size = variable.data_type.size();
            need.unpacked_bytes =
                need.unpacked_bytes.saturating_add((variable.len() as u64).saturating_mul(size as u64));
            if !strings.contains_key(&variable.name) {
                let count = block_shape(&variable.shape, &chunk(&self.variable(index)?), size);
                let block =
                    count.iter().fold(size as u64, |bytes, &count| bytes.saturating_mul(count as u64));
                need.block_bytes = need.block_bytes.max(block);
            }
        }
        Ok(Report { notes: self.header.notes, unlimited: self.unlimited, need })
    }

    fn dataset(&self) -> Result<Dataset, Refusal> {
        let mut variables = Vec::with_capacity(self.header.variables.len());
        for (index, variable) in self.header.variables.iter().enumerate() {
            variables.push(Variable {
                name: variable.name.clone(),
                dimensions: variable.dimensions.clone(),
                attributes: variable.attributes.clone(),
                values: self.values(index, &self.variable(index)?, None)?,
            });
        }
        let dimensions = self.header.dimensions.clone();
        Ok(Dataset { dimensions, variables, attributes: self.header.attributes.clone() })
    }

    /// The header with strings as characters, and these: how long they are takes reading them.
    fn classic(&self) -> Result<(Header, HashMap<String, Values>), Refusal> {
        let mut strings = Dataset { dimensions: self.header.dimensions.clone(), ..Dataset::new() };
        for (index, variable) in self.header.variables.iter().enumerate() {
            if variable.data_type == DataType::Text {
                let values = self.values(index, &self.variable(index)?, None)?;
                let attributes = variable.attributes.clone();
                let (name, dimensions) = (variable.name.clone(), variable.dimensions.clone());
                strings.variables.push(Variable { name, dimensions, attributes, values });
            }
        }
        let strings = classic::storable(&strings, Format::Data64).map_err(|error| error.to_string())?;
        let characters = strings.header();
        let mut header = Header { dimensions: characters.dimensions.clone(), ..self.header.clone() };
        for variable in &mut header.variables {
            if let Some(characters) = characters.variable(&variable.name) {
                variable.clone_from(characters);
            }
        }
        let strings = strings.into_owned().variables.into_iter();
        Ok((header, strings.map(|variable| (variable.name, variable.values)).collect()))
    }

    /// CDF-5 has one dimension of length 0; other empty ones go, and what is on them.
    fn drop_empty(&mut self) {
        let kept = classic::record_dimension(&self.header);
        let mut gone = Vec::new();
        for (id, dimension) in self.header.dimensions.iter().enumerate() {
            if dimension.len == 0 && Some(id) != kept {
                gone.push(dimension.name.clone());
            }
        }
        self.drop_variables(|variable| {
            let empty = variable.dimensions.iter().any(|name| gone.contains(name));
            empty.then(|| format!("the variable '{}' is empty and was left out", variable.name))
        });
        self.header.dimensions.retain(|dimension| !gone.contains(&dimension.name));
        self.unlimited.retain(|name| !gone.contains(name));
    }

    /// Strings are in memory all at once; tables of millions of them are no maps.
    fn drop_many_strings(&mut self) {
        self.drop_variables(|variable| {
            let many = variable.data_type == DataType::Text && variable.len() > MAX_STRINGS;
            many.then(|| {
                format!("the variable '{}' has {} strings and was left out", variable.name, variable.len())
            })
        });
    }

    fn drop_variables(&mut self, why: impl Fn(&VariableHeader) -> Option<String>) {
        let mut paths = Vec::with_capacity(self.paths.len());
        let mut kept = Vec::with_capacity(self.paths.len());
        for (variable, path) in self.header.variables.drain(..).zip(self.paths.drain(..)) {
            match why(&variable) {
                Some(note) => self.header.notes.push(note),
                None => {
                    kept.push(variable);
                    paths.push(path);
                }
            }
        }
        self.header.variables = kept;
        self.paths = paths;
    }

    fn variable(&self, index: usize) -> Result<netcdf::Variable<'_>, Refusal> {
        let path = &self.paths[index];
        self.file.variable(path).ok_or_else(|| format!("the variable '{path}' has gone").into())
    }

    /// The values of a variable, or of a block of it.
    fn values(
        &self,
        index: usize,
        variable: &netcdf::Variable<'_>,
        block: Option<&Block>,
    ) -> Result<Values, Refusal> {
        let header = &self.header.variables[index];
        let of = |error: netcdf::Error| explain(&error, &format!("the variable '{}'", header.name));
        let misshapen = || format!("the shape of '{}' is damaged. {COPY_AGAIN}", header.name);
        let whole = Block::whole(&header.shape);
        let block = block.unwrap_or(&whole);
        let extents = || -> netcdf::Extents {
            let axes = block.start.iter().zip(&block.count);
            match header.shape.len() {
                0 => netcdf::Extents::All,
                _ => axes
                    .map(|(&start, &count)| netcdf::Extent::SliceCount { start, count, stride: 1 })
                    .collect::<Vec<_>>()
                    .into(),
            }
        };
        macro_rules! numbers {
            ($variant:ident) => {{
                let mut values = Vec::new();
                let len = block.len();
                if len > 0 {
                    values
                        .try_reserve_exact(len)
                        .map_err(|_| format!("the variable '{}' needs too much memory", header.name))?;
                    values.resize(len, Default::default());
                    variable.get_values_into(&mut values, extents()).map_err(of)?;
                }
                Values::$variant(shaped(&block.count, values).ok_or_else(misshapen)?)
            }};
        }
        Ok(match header.data_type {
            DataType::I8 => numbers!(I8),
            DataType::U8 => numbers!(U8),
            DataType::I16 => numbers!(I16),
            DataType::U16 => numbers!(U16),
            DataType::I32 => numbers!(I32),
            DataType::U32 => numbers!(U32),
            DataType::I64 => numbers!(I64),
            DataType::U64 => numbers!(U64),
            DataType::F32 => numbers!(F32),
            DataType::F64 => numbers!(F64),
            DataType::Char => {
                let bytes = match block.len() {
                    0 => Vec::new(),
                    _ => variable.get_raw_values(extents()).map_err(of)?,
                };
                Values::Char(shaped(&block.count, bytes).ok_or_else(misshapen)?)
            }
            DataType::Text => {
                let indices = ndarray::indices(IxDyn(&header.shape)).into_iter();
                let strings: Result<Vec<String>, _> =
                    indices.map(|at| variable.get_string(at.slice())).collect();
                let array: Option<ArrayD<String>> = shaped(&header.shape, strings.map_err(of)?);
                Values::Text(array.ok_or_else(misshapen)?)
            }
        })
    }
}

/// What the library's error means to a user.
fn explain(error: &netcdf::Error, what: &str) -> String {
    match error {
        netcdf::Error::Netcdf(code) => explain_code(*code, what),
        _ => format!("{what} is damaged. {COPY_AGAIN}"),
    }
}

fn explain_code(code: i32, what: &str) -> String {
    match code {
        netcdf_sys::NC_ENOMEM => format!("{what} needs more memory than one file may have. {COPY_AGAIN}"),
        netcdf_sys::NC_ENOTNC => format!("it is HDF5, but no NetCDF-4. {COPY_AGAIN}"),
        netcdf_sys::NC_EFILTER | netcdf_sys::NC_ENOFILTER => {
            format!("{what} is compressed by a method that is not known here. {UNPACK}")
        }
        _ => format!("{what} is damaged, or was cut short. {COPY_AGAIN}"),
    }
}
