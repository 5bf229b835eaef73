//! What is delivered: the tree of files that the climate model's experiments take, in a folder or an archive.
//!
//! ```text
//! maps.nc                           maps to look at, first in an archive
//! README.txt
//! DOMSK/<ocean>.<name>/             grid and masks, for plots and checks; the inputs; run.def, used_run.def
//! IGCM/CPL/<model>/<ocean>.<name>xLMD<size>/
//!     grids.nc areas.nc masks.nc rmp_*.nc       for OASIS3-MCT
//!     run.def                                   the parameters, with the numbers of neighbours found
//! IGCM/ATM/START/<ocean>.<name>xLMD<size>/o2a.nc    for LMDZ's initial state
//! ```
//!
//! `<model>` is IPSLCM5A2 for 96x95, IPSLCM6 for any other atmosphere. All NetCDF files are classic with 64-bit offsets, which every
//! reader takes; of the original the weights and `o2a.nc` are NetCDF-4 (`c_FlioMode = REPHDF`), of the same content.
//!
//! Files are made one at a time, so that the memory is that of the largest, not of all. The archive has the same bytes
//! for any number of threads, whenever it is made.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use dataset::{Dataset, Destination};

use crate::archive;
use crate::files::rmp::{Matrix, rmp};
use crate::files::run_def::{BASINS, BATHYMETRY, COORDINATES, run_def, used_run_def};
use crate::files::{coupler, domsk, o2a, readme};
use crate::{AtmosphereSize, Error, Outcome};

/// Maps to look at.
const MAPS: &str = "maps.nc";

/// What is what.
const README: &str = "README.txt";

/// The three inputs as files: they are delivered with the result, byte for byte.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// Coordinates of the ocean grid.
    pub coordinates: &'a Path,
    /// Depths.
    pub bathymetry: &'a Path,
    /// Basins.
    pub basins: &'a Path,
}

/// A file that is delivered.
pub struct Product<'a> {
    /// Where, within the tree.
    pub path: String,
    make: Box<dyn Fn() -> Content + Send + Sync + 'a>,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// NetCDF.
    Dataset(Dataset),
    /// Anything else.
    Bytes(Vec<u8>),
}

impl<'a> Product<'a> {
    fn netcdf(path: String, make: impl Fn() -> Dataset + Send + Sync + 'a) -> Self {
        Self { path, make: Box::new(move || Content::Dataset(make())) }
    }

    fn bytes(path: String, make: impl Fn() -> Vec<u8> + Send + Sync + 'a) -> Self {
        Self { path, make: Box::new(move || Content::Bytes(make())) }
    }

    /// Makes what the file holds.
    pub fn content(&self) -> Content {
        (self.make)()
    }
}

impl Content {
    /// Writes the bytes of the file named `path`.
    fn write(&self, path: &str, out: &mut dyn Write) -> Result<(), Error> {
        match self {
            Self::Bytes(bytes) => {
                out.write_all(bytes).map_err(|source| Error::Write { path: path.to_owned(), source })
            }
            Self::Dataset(dataset) => dataset::write_to(dataset, out)
                .map_err(|source| Error::Encode { path: path.to_owned(), source: Box::new(source) }),
        }
    }
}

impl std::fmt::Debug for Product<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Product").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Outcome {
    /// Folder of the files of the ocean grid.
    fn domsk_folder(&self) -> String {
        format!("DOMSK/{}.{}", self.options.ocean_name, self.options.name)
    }

    /// Everything that is made, in the order of the archive, maps first. The inputs come after it when it is
    /// written.
    pub fn products(&self) -> Vec<Product<'_>> {
        let ocean = &self.options.ocean_name;
        let name = format!("{ocean}.{}", self.options.name);
        let AtmosphereSize { columns, intervals } = self.options.atmosphere;
        let pair = format!("{name}xLMD{columns}{intervals}");
        let model = match self.options.atmosphere {
            AtmosphereSize::LMDZ_96X95 => "IPSLCM5A2",
            _ => "IPSLCM6",
        };
        let (domsk, coupler_folder) = (self.domsk_folder(), format!("IGCM/CPL/{model}/{pair}"));
        let in_domsk = |file: &str| format!("{domsk}/{file}");
        let in_coupler = |file: &str| format!("{coupler_folder}/{file}");
        let options = &self.options;
        let at = &self.ocean;

        let mut products = vec![
            Product::netcdf(MAPS.to_owned(), || crate::maps(self)),
            Product::bytes(README.to_owned(), || readme::readme(self).into_bytes()),
            Product::netcdf(in_domsk(&format!("{name}.nc")), || domsk::mesh_mask(at, options)),
            Product::netcdf(in_domsk(&format!("{name}.grids.nc")), || domsk::grids(at, options)),
            Product::netcdf(in_domsk(&format!("{name}.masks.nc")), || domsk::masks_file(at, options)),
            Product::netcdf(in_domsk(&format!("{name}.areas.nc")), || domsk::areas(at, options)),
            Product::netcdf(in_domsk(&format!("{name}.fracs.nc")), || domsk::fracs(at, options)),
            Product::netcdf(in_domsk(&format!("{ocean}.full_maskareabathy.nc")), || {
                domsk::for_plots(at, options, false)
            }),
            Product::netcdf(in_domsk(&format!("IPSL.{ocean}_gridCF.nc")), || {
                domsk::for_plots(at, options, true)
            }),
            Product::bytes(in_domsk(&format!("{name}.masks.i4")), || domsk::masks_i4(at)),
            Product::bytes(in_domsk("run.def"), || run_def(self, false).into_bytes()),
            Product::bytes(in_domsk("used_run.def"), || used_run_def(self).into_bytes()),
            Product::netcdf(in_coupler("grids.nc"), || coupler::grids(self)),
            Product::netcdf(in_coupler("areas.nc"), || coupler::areas(self)),
            Product::netcdf(in_coupler("masks.nc"), || coupler::masks(self)),
            Product::bytes(in_coupler("run.def"), || run_def(self, true).into_bytes()),
            Product::netcdf(format!("IGCM/ATM/START/{pair}/o2a.nc"), || o2a::o2a(self)),
        ];
        products.extend(Matrix::ALL.map(|matrix| {
            let path = in_coupler(&format!("{}.nc", matrix.name(self)));
            Product::netcdf(path, move || rmp(self, matrix))
        }));
        // What a reader looks at comes first, so that pages need not unpack the rest.
        let rank = |path: &str| (path != MAPS, path != README, path.to_owned());
        products.sort_by_cached_key(|product| rank(&product.path));
        products
    }

    /// Writes the tree into `folder`, which is made if need be; `progress` hears the path of each file before it is written. Files that
    /// are there are replaced; none is ever half written under its name.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Source`], [`Error::Encode`].
    pub fn write_tree(
        &self,
        sources: &Sources<'_>,
        folder: &Path,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), Error> {
        self.each_file(sources, progress, &mut |path, _, write| {
            let failed = |source| Error::Write { path: path.to_owned(), source };
            let target = folder.join(path);
            let parent = target.parent().unwrap_or(folder);
            std::fs::create_dir_all(parent).map_err(failed)?;
            let mut out = Destination::open(&target).map_err(failed)?;
            write(&mut out)?;
            out.finish().map_err(failed)
        })
    }

    /// Writes the tree as a `tar.gz`; `progress` hears the path of each file before it is written.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Source`], [`Error::Encode`].
    pub fn write_archive(
        &self,
        sources: &Sources<'_>,
        out: impl Write,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), Error> {
        let failed = |path: &str| {
            let path = path.to_owned();
            move |source| Error::Write { path, source }
        };
        let mut archive =
            archive::Archive::new(out, self.options.stamps.seconds).map_err(failed("the archive"))?;
        self.each_file(sources, progress, &mut |path, size, write| {
            archive.begin(path, size).map_err(failed(path))?;
            write(&mut archive)?;
            archive.end().map_err(failed(path))
        })?;
        archive.finish().map_err(failed("the archive"))
    }

    /// Calls `deliver` with path, size and writer of every file in turn.
    fn each_file(
        &self,
        sources: &Sources<'_>,
        progress: &mut dyn FnMut(&str),
        deliver: &mut Deliver<'_>,
    ) -> Result<(), Error> {
        for product in self.products() {
            progress(&product.path);
            let content = product.content();
            // Written twice, first to learn the size, which an archive says before the content: cheaper than to keep the bytes
            // of the largest file beside its values.
            let mut size = Size(0);
            content.write(&product.path, &mut size)?;
            deliver(&product.path, size.0, &mut |out| content.write(&product.path, out))?;
        }
        for (name, path) in
            [(COORDINATES, sources.coordinates), (BATHYMETRY, sources.bathymetry), (BASINS, sources.basins)]
        {
            let failed = |source| Error::Source { path: path.display().to_string(), source };
            let target = format!("{}/{name}", self.domsk_folder());
            progress(&target);
            let file = File::open(path).map_err(failed)?;
            let size = file.metadata().map_err(failed)?.len();
            let mut file = BufReader::new(file).take(size);
            deliver(&target, size, &mut |out| {
                let written = |source| Error::Write { path: target.clone(), source };
                io::copy(&mut file, out).map(drop).map_err(written)
            })?;
        }
        Ok(())
    }
}

/// Counts bytes.
struct Size(u64);

impl Write for Size {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Deliver<'a> =
    dyn FnMut(&str, u64, &mut dyn FnMut(&mut dyn Write) -> Result<(), Error>) -> Result<(), Error> + 'a;
