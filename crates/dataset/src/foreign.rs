//! What a file is that is no NetCDF file, and what to do with it: by its first bytes, never by its name.

use std::path::Path;

/// What a file is, as the end of the sentence "it is ...", and one remedy, as a sentence without its stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Foreign {
    pub(crate) what: &'static str,
    pub(crate) remedy: &'static str,
}

/// As many bytes of the start of a file as are looked at.
pub(crate) const START_BYTES: usize = 2048;

const HDF5_SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";

const DOWNLOAD: &str = "Download the file itself again: open its link in a browser, and save what comes";
/// A file that was changed on its way.
pub(crate) const COPIED_AS_TEXT: Foreign = Foreign {
    what: "a NetCDF file whose bytes were changed as line ends of a text are",
    remedy: "Copy it again in binary mode (of FTP: the command 'binary')",
};

/// What the file with these first bytes, up to [`START_BYTES`] of them, is.
pub(crate) fn identify(start: &[u8]) -> Foreign {
    let known = |what, remedy| Foreign { what, remedy };
    if start.is_empty() {
        return known("an empty file", "Copy it again from where it came from");
    }
    if start.iter().all(|&byte| byte == 0) {
        return known("filled with zeros only", "Copy it again from where it came from");
    }
    let contains = |word: &[u8]| start.windows(word.len()).any(|window| window == word);
    if start.starts_with(b"PK\x03\x04")
        && [&b".zgroup"[..], b".zarray", b"zarr.json"].iter().any(|w| contains(w))
    {
        return ZARR;
    }
    for (signature, what, remedy) in SIGNATURES {
        if start.starts_with(signature) {
            return known(what, remedy);
        }
    }
    // Formats whose signature is not at the start.
    let at = |offset: usize, signature: &[u8]| start.get(offset..).is_some_and(|s| s.starts_with(signature));
    if at(257, b"ustar") {
        return known("a tar archive", "Unpack it first, 'tar -xf FILE', and give the NetCDF file inside");
    }
    if at(4, b"ftyp") {
        return known("a video", "Give the NetCDF file");
    }
    if copied_as_text(start) {
        return COPIED_AS_TEXT;
    }
    if let Some(after) = netcdf_inside(start) {
        return match after {
            1..=16 => known(
                "a NetCDF file with other bytes before it",
                "Copy it again in binary mode, or cut them off, 'tail -c +N FILE', from where CDF or HDF is",
            ),
            _ => known("a NetCDF file inside of something else, such as the answer of a server", DOWNLOAD),
        };
    }
    if grib_inside(start) {
        return known("GRIB after a header of a bulletin", GRIB_REMEDY);
    }
    match std::str::from_utf8(trimmed_to_characters(start)) {
        Ok(text) if is_text(text) => text_kind(text),
        _ => known(
            "of a format that is not known here",
            "Open it with the program that wrote it, and save it as NetCDF",
        ),
    }
}

/// What a path is that is no regular file.
pub(crate) fn not_a_file(path: &Path, is_folder: bool) -> Foreign {
    let has = |name: &str| path.join(name).exists();
    match is_folder {
        true if [".zgroup", ".zarray", ".zmetadata", "zarr.json"].iter().any(|name| has(name)) => ZARR,
        true => Foreign { what: "a folder", remedy: "Give one of the NetCDF files in it" },
        false => Foreign {
            what: "no regular file (a pipe or a device)",
            remedy: "Write it to a file first, 'cat FILE > topo.nc'",
        },
    }
}

const ZARR: Foreign = Foreign {
    what: "a Zarr store",
    remedy: "Write it as NetCDF, in Python: xarray.open_zarr('in.zarr').to_netcdf('out.nc')",
};
const GRIB_REMEDY: &str = "Convert it first, 'cdo -f nc copy in.grib out.nc'";
const TIFF_REMEDY: &str = "Convert it first, 'gdal_translate -of netCDF in.tif out.nc'";
const SURFER_REMEDY: &str = "Convert it first, 'gdal_translate -of netCDF in.grd out.nc'";
const IMAGE_REMEDY: &str = "An image has colours and no heights: give the file that it was drawn from";
const DOCUMENT_REMEDY: &str = "Give the NetCDF file that it is about";

const SIGNATURES: &[(&[u8], &str, &str)] = &[
    (b"\x1f\x8b", "packed by gzip", "Unpack it first, 'gunzip FILE.gz' (name it .gz)"),
    (b"\x1f\x9d", "packed by compress", "Unpack it first, 'uncompress FILE.Z' (name it .Z)"),
    (b"BZh", "packed by bzip2", "Unpack it first, 'bunzip2 FILE.bz2' (name it .bz2)"),
    (b"\xfd7zXZ\0", "packed by xz", "Unpack it first, 'unxz FILE.xz' (name it .xz)"),
    (b"\x28\xb5\x2f\xfd", "packed by Zstandard", "Unpack it first, 'unzstd FILE.zst' (name it .zst)"),
    (b"\x04\x22\x4d\x18", "packed by LZ4", "Unpack it first, 'unlz4 FILE.lz4' (name it .lz4)"),
    (b"LZIP", "packed by lzip", "Unpack it first, 'lzip -d FILE.lz' (name it .lz)"),
    (b"PK\x03\x04", "a zip archive", "Unpack it first, 'unzip FILE', and give the NetCDF file inside"),
    (b"PK\x05\x06", "an empty zip archive", "Make the archive again, and give the NetCDF file itself"),
    (
        b"7z\xbc\xaf\x27\x1c",
        "a 7-Zip archive",
        "Unpack it first, '7z x FILE', and give the NetCDF file inside",
    ),
    (b"Rar!\x1a\x07", "a RAR archive", "Unpack it first, 'unrar x FILE', and give the NetCDF file inside"),
    (b"GRIB", "GRIB", GRIB_REMEDY),
    (b"BUFR", "BUFR, which has observations and no maps", "Give a map as NetCDF"),
    (b"II*\0", "a TIFF image (GeoTIFF)", TIFF_REMEDY),
    (b"MM\0*", "a TIFF image (GeoTIFF)", TIFF_REMEDY),
    (b"II+\0", "a TIFF image (GeoTIFF)", TIFF_REMEDY),
    (b"MM\0+", "a TIFF image (GeoTIFF)", TIFF_REMEDY),
    (
        b"\x0e\x03\x13\x01",
        "HDF4",
        "Convert it first, 'gdal_translate -of netCDF in.hdf out.nc', or 'ncl_convert2nc in.hdf'",
    ),
    (b"\x89PNG", "a PNG image", IMAGE_REMEDY),
    (b"\xff\xd8\xff", "a JPEG image", IMAGE_REMEDY),
    (b"GIF8", "a GIF image", IMAGE_REMEDY),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image", TIFF_REMEDY),
    (b"%PDF", "a PDF document", DOCUMENT_REMEDY),
    (b"%!PS", "a PostScript document", DOCUMENT_REMEDY),
    (b"\xd0\xcf\x11\xe0", "a document of Microsoft Office", DOCUMENT_REMEDY),
    (b"{\\rtf", "a text document", DOCUMENT_REMEDY),
    (b"MATLAB 5.0 MAT-file", "a file of MATLAB", "Write it as NetCDF, in MATLAB: nccreate and ncwrite"),
    (
        b"\x93NUMPY",
        "an array of NumPy",
        "Write it as NetCDF with its coordinates, in Python: xarray.DataArray(...).to_netcdf('out.nc')",
    ),
    (b"\x80\x04\x95", "a pickle of Python", "Write it as NetCDF, in Python: to_netcdf('out.nc')"),
    (
        b"PAR1",
        "a Parquet table",
        "Write the map as NetCDF, in Python: xarray.Dataset.from_dataframe(...).to_netcdf('out.nc')",
    ),
    (b"SIMPLE  =", "FITS", "Convert it first, 'gdal_translate -of netCDF in.fits out.nc'"),
    (b"DSBB", "a Surfer grid", SURFER_REMEDY),
    (b"DSRB", "a Surfer grid", SURFER_REMEDY),
    (b"DSAA", "a Surfer grid (text)", SURFER_REMEDY),
    (
        b"SQLite format 3\0",
        "a database of SQLite (GeoPackage)",
        "Convert it first, 'gdal_translate -of netCDF in.gpkg out.nc'",
    ),
    (
        b"EHFA_HEADER_TAG",
        "an Erdas Imagine image",
        "Convert it first, 'gdal_translate -of netCDF in.img out.nc'",
    ),
    (b"\x7fELF", "a program", "Give the NetCDF file"),
    (b"MZ", "a program for Windows", "Give the NetCDF file"),
    (b"\xef\xbb\xbfnetcdf ", "the text form of a NetCDF file (CDL)", CDL_REMEDY),
    (
        b"CDF\x04",
        "of a version of the NetCDF format that does not exist",
        "Copy it again from where it came from",
    ),
    (
        b"\xcd\xf3\0\x01",
        "the CDF format of NASA, which has the name of NetCDF's and nothing else of it",
        "Convert it first, with NASA's 'cdf-to-netCDF'",
    ),
    (
        b"\xcd\xf2\x60\x02",
        "the CDF format of NASA, which has the name of NetCDF's and nothing else of it",
        "Convert it first, with NASA's 'cdf-to-netCDF'",
    ),
];

const CDL_REMEDY: &str = "Make a NetCDF file of it first, 'ncgen -o out.nc in.cdl'";

/// Every line feed became a carriage return and a line feed, or the other way round.
fn copied_as_text(start: &[u8]) -> bool {
    let hdf5 = [&b"\x89HDF\r\r\n\x1a\r\n"[..], b"\x89HDF\n\x1a\n", b"\x09HDF\r\n\x1a\n", b"\x89HDF\r\n\n"];
    hdf5.iter().any(|signature| start.starts_with(signature)) || classic_copied_as_text(start)
}

/// The tag of the list of dimensions is the number of the line feed.
pub(crate) fn classic_copied_as_text(start: &[u8]) -> bool {
    let tag = match start {
        [b'C', b'D', b'F', 1 | 2, ..] => 8,
        [b'C', b'D', b'F', 5, ..] => 12,
        _ => return false,
    };
    start.get(tag..).is_some_and(|rest| rest.starts_with(b"\0\0\0\r\n") || rest.starts_with(b"\0\0\0\r\0"))
}

/// Where the signature of a NetCDF file stands, when it is not the first.
fn netcdf_inside(start: &[u8]) -> Option<usize> {
    let is_signature = |window: &[u8]| {
        matches!(window, [b'C', b'D', b'F', 1 | 2 | 5, 0, ..] | [b'C', b'D', b'F', 1 | 2 | 5, 0xFF, ..])
            || window.starts_with(HDF5_SIGNATURE)
    };
    (1..start.len()).find(|&at| is_signature(&start[at..]))
}

/// The header of a bulletin is a line or two of text.
fn grib_inside(start: &[u8]) -> bool {
    start.iter().take(128).collect::<Vec<_>>().windows(4).any(|w| w.iter().map(|&&b| b).eq(*b"GRIB"))
}

/// Without a character that was cut at the end.
fn trimmed_to_characters(start: &[u8]) -> &[u8] {
    match std::str::from_utf8(start) {
        Err(error) if error.error_len().is_none() => &start[..error.valid_up_to()],
        _ => start,
    }
}

fn is_text(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}' | '\u{1a}'))
}

fn text_kind(text: &str) -> Foreign {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let lower = text.get(..text.len().min(512)).unwrap_or(text).to_ascii_lowercase();
    let begins = |words: &[&str]| words.iter().any(|word| lower.starts_with(word));
    let known = |what, remedy| Foreign { what, remedy };
    if begins(&["version https://git-lfs"]) {
        return known(
            "a pointer of Git LFS in the place of the file",
            "Fetch the file itself, 'git lfs pull'",
        );
    }
    if begins(&["../.git/annex", ".git/annex", "/annex/objects"]) {
        return known(
            "a pointer of git-annex in the place of the file",
            "Fetch the file itself, 'git annex get FILE'",
        );
    }
    if begins(&["<!doctype html", "<html", "<head", "<script"]) || lower.contains("<html") {
        return known("a web page, such as a login or an error", DOWNLOAD);
    }
    if begins(&["<?xml", "<error", "<soap", "<netcdf", "<catalog"]) {
        return known("XML, such as the error of a server", DOWNLOAD);
    }
    if begins(&["http/1", "http/2"]) {
        return known("the answer of a web server", DOWNLOAD);
    }
    if begins(&["netcdf "]) {
        return known("the text form of a NetCDF file (CDL)", CDL_REMEDY);
    }
    if begins(&["error {", "dataset {", "error{"]) {
        return known("the answer of an OPeNDAP server", "Download it as NetCDF: add '.nc' to the address");
    }
    if begins(&["{", "["]) {
        return known("JSON", "Give the map as NetCDF");
    }
    if begins(&["ncols", "nrows", "north:", "xllcorner"]) {
        return known(
            "a grid of Arc/Info or GRASS as text",
            "Convert it first, 'gdal_translate -of netCDF in.asc out.nc'",
        );
    }
    if begins(&["dset ", "dset\t"]) {
        return known(
            "the description of a file for GrADS",
            "Convert it first, 'cdo -f nc import_binary in.ctl out.nc'",
        );
    }
    if begins(&["#!", "#include"]) {
        return known("a program as text", "Give the NetCDF file");
    }
    let numbers = text.split(|c: char| c.is_whitespace() || ",;".contains(c)).filter(|word| !word.is_empty());
    let (mut all, mut numeric) = (0_usize, 0_usize);
    for word in numbers.take(60) {
        all += 1;
        numeric += usize::from(word.parse::<f64>().is_ok());
    }
    if all >= 3 && numeric * 2 >= all {
        return known(
            "a table of numbers as text",
            "Make a grid of it first, for 'lon lat height' on each line 'gmt xyz2grd in.txt -Rd -I1 -Gout.nc'",
        );
    }
    known("a text", "Give the NetCDF file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_netcdf_is_named() {
        let padded = |bytes: &[u8]| [bytes, &[7; 300]].concat();
        let mut tar = vec![b'x'; 512];
        tar[257..262].copy_from_slice(b"ustar");
        let cases: &[(Vec<u8>, &str, &str)] = &[
            (padded(b"\x1f\x8b\x08\0"), "gzip", "gunzip"),
            (padded(b"BZh91AY"), "bzip2", "bunzip2"),
            (padded(b"\xfd7zXZ\0"), "xz", "unxz"),
            (padded(b"PK\x03\x04"), "zip", "unzip"),
            (tar, "tar", "tar -xf"),
            (Vec::new(), "empty", "Copy"),
            (vec![0; 4000], "zeros", "Copy"),
            (b"<!DOCTYPE html>\n<html>".to_vec(), "web page", "Download"),
            (b"\n\n  <HTML lang='en'>".to_vec(), "web page", "Download"),
            (b"<?xml version='1.0'?><Error>".to_vec(), "XML", "Download"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:".to_vec(), "Git LFS", "git lfs pull"),
            (padded(b"GRIB\0\0\0\x01"), "GRIB", "cdo"),
            (padded(b"\x01\r\r\n123\nGRIB"), "GRIB", "cdo"),
            (padded(b"II*\0"), "TIFF", "gdal_translate"),
            (padded(b"\x0e\x03\x13\x01"), "HDF4", "gdal_translate"),
            (padded(b"\x89PNG\r\n\x1a\n"), "PNG", "heights"),
            (padded(b"\xff\xd8\xff\xe0"), "JPEG", "heights"),
            (b"MATLAB 5.0 MAT-file, Platform".to_vec(), "MATLAB", "ncwrite"),
            (padded(b"DSBB"), "Surfer", "gdal_translate"),
            (b"netcdf topo {\n".to_vec(), "CDL", "ncgen"),
            (b"ncols 72\nnrows 36\n".to_vec(), "Arc/Info", "gdal_translate"),
            (b"-179.5 89.5 -4000\n-178.5 89.5 -3990\n".to_vec(), "table of numbers", "xyz2grd"),
            (b"lon,lat,z\n1,2,3\n4,5,6\n7,8,9\n".to_vec(), "table of numbers", "xyz2grd"),
            (b"Dear colleague, here is the map".to_vec(), "a text", "NetCDF"),
            (b"CDF\x01\0\0\0\0\0\0\0\r\n\0\0\0\x02".to_vec(), "line ends", "binary"),
            (b"\x89HDF\r\r\n\x1a\r\n\0\0".to_vec(), "line ends", "binary"),
            (b"\nCDF\x01\0\0\0\0\0\0\0\n".to_vec(), "bytes before it", "binary"),
            (padded(b"\xde\xad\xbe\xef"), "not known", "save it as NetCDF"),
        ];
        for (bytes, what, remedy) in cases {
            let foreign = identify(&bytes[..bytes.len().min(2048)]);
            let context = format!("{:?} is {foreign:?}", &bytes[..bytes.len().min(20)]);
            assert!(foreign.what.contains(what) && foreign.remedy.contains(remedy), "{context}");
        }
    }

    #[test]
    fn folders_are_named() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(not_a_file(folder.path(), true).what, "a folder");
        std::fs::write(folder.path().join(".zgroup"), "{}").unwrap();
        assert_eq!(not_a_file(folder.path(), true).what, "a Zarr store");
        assert!(not_a_file(folder.path(), false).what.contains("pipe"));
    }
}
