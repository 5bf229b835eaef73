//! Files made under a path that the user names: whole or not at all, and respecting what is there.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, BufWriter, Error, ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Bits of a file's mode that are permissions.
const PERMISSIONS: u32 = 0o7777;

/// Symbolic links that are followed before the path is taken for a circle, as in Linux.
const MAX_LINKS: usize = 40;

/// A file that is being written.
///
/// * A regular file, or one that does not exist, appears whole or not at all, whenever the process ends: the bytes go to a
///   temporary file in the same folder, which [`finish`](Self::finish) renames. Without `finish` nothing changes. Flushing to the
///   disk is left to who promises that it survives a power cut.
/// * Symbolic links are followed: what they point to is replaced, or made where it does not exist yet, and the links stay.
/// * A file that is replaced keeps its permissions, and its owner and group where the process may set them; one that the process
///   may not write is refused. A new file has what the umask leaves of `rw-rw-rw-`.
/// * Pipes and character devices are written into. Folders, block devices and sockets are refused.
#[derive(Debug)]
pub struct Destination(Kind);

#[derive(Debug)]
enum Kind {
    Replaced { out: BufWriter<NamedTempFile>, target: PathBuf },
    InPlace(BufWriter<File>),
}

impl Destination {
    /// Begins a file under `path`.
    ///
    /// # Errors
    /// When the path cannot be written, in words that do not name it.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let there = match fs::metadata(path) {
            Ok(there) => Some(there),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let Some(there) = there else { return Self::beside(without_links(path)?, None) };
        let kind = there.file_type();
        if kind.is_fifo() || kind.is_char_device() {
            let file = OpenOptions::new().write(true).open(path)?;
            return Ok(Self(Kind::InPlace(BufWriter::new(file))));
        }
        if !kind.is_file() {
            return Err(refused(&there));
        }
        // Changes nothing, and fails where the file is protected: renaming would not.
        OpenOptions::new().write(true).open(path)?;
        Self::beside(fs::canonicalize(path)?, Some(&there))
    }

    /// A temporary file in the folder of `target`, with the owner and the permissions that `target` has or shall have.
    fn beside(target: PathBuf, there: Option<&Metadata>) -> io::Result<Self> {
        let folder = target.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut prefix = std::ffi::OsString::from(".");
        prefix.push(target.file_name().unwrap_or_default());
        let temporary = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(".part")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)?;
        if let Some(there) = there {
            // Only who may gives files away; the permissions come after it, which takes some of them.
            let _ = fchown(temporary.as_file(), Some(there.uid()), Some(there.gid()));
            let mode = Permissions::from_mode(there.mode() & PERMISSIONS);
            temporary.as_file().set_permissions(mode)?;
        }
        Ok(Self(Kind::Replaced { out: BufWriter::new(temporary), target }))
    }

    /// Ends the file: from now on it is there, under its name.
    ///
    /// # Errors
    /// When the rest cannot be written, or the file not be renamed.
    pub fn finish(self) -> io::Result<()> {
        match self.0 {
            Kind::InPlace(mut out) => out.flush(),
            Kind::Replaced { out, target } => {
                let temporary = out.into_inner().map_err(io::IntoInnerError::into_error)?;
                temporary.persist(target).map(drop).map_err(|error| error.error)
            }
        }
    }
}

impl Write for Destination {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Kind::Replaced { out, .. } => out.write(bytes),
            Kind::InPlace(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Kind::Replaced { out, .. } => out.flush(),
            Kind::InPlace(out) => out.flush(),
        }
    }
}

/// Where a file that does not exist is to be made: links at the end of its path are followed.
fn without_links(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&target) {
            // Relative to the folder of the link.
            Ok(next) => target = target.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => return Ok(target),
        }
    }
    Err(Error::other("symbolic links go round in a circle"))
}

fn refused(there: &Metadata) -> Error {
    let kind = there.file_type();
    let (code, what) = if kind.is_dir() {
        (ErrorKind::IsADirectory, "it is a folder")
    } else if kind.is_block_device() {
        (ErrorKind::InvalidInput, "it is a disk or another block device, which would lose what it holds")
    } else {
        (ErrorKind::InvalidInput, "it is no file, pipe or character device")
    };
    Error::new(code, what)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn write(path: &Path, text: &str) -> io::Result<()> {
        let mut out = Destination::open(path)?;
        out.write_all(text.as_bytes())?;
        out.finish()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & PERMISSIONS
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_that_is_not_finished_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "before").unwrap();
        let mut out = Destination::open(&path).unwrap();
        out.write_all(&[0; 100_000]).unwrap();
        drop(out);
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_replaced_file_keeps_its_permissions_and_a_new_one_has_those_of_the_umask() {
        let folder = tempfile::tempdir().unwrap();
        let (old, plain, new) =
            (folder.path().join("old"), folder.path().join("plain"), folder.path().join("new"));
        for bits in [0o600, 0o664, 0o755] {
            fs::write(&old, "before").unwrap();
            fs::set_permissions(&old, Permissions::from_mode(bits)).unwrap();
            write(&old, "after").unwrap();
            assert_eq!((fs::read_to_string(&old).unwrap().as_str(), mode(&old)), ("after", bits));
        }
        File::create(&plain).unwrap();
        write(&new, "new").unwrap();
        assert_eq!(mode(&new), mode(&plain), "as any program makes a file here");
    }

    #[test]
    fn links_stay_and_what_they_point_to_is_replaced_or_made() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = folder.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let (link, chain) = (folder.path().join("link"), folder.path().join("chain"));
        symlink("elsewhere/file", &link).unwrap();
        symlink("link", &chain).unwrap();
        for text in ["made", "replaced"] {
            write(&chain, text).unwrap();
            assert_eq!(fs::read_to_string(elsewhere.join("file")).unwrap(), text);
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert!(fs::symlink_metadata(&chain).unwrap().is_symlink());
        }
        assert_eq!(names(&elsewhere), ["file"]);
        let circle = folder.path().join("circle");
        symlink("circle", &circle).unwrap();
        assert!(write(&circle, "").is_err());
    }

    #[test]
    fn pipes_and_devices_are_written_into_and_stay() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
        assert!(made.success());
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read_to_string(pipe).unwrap()
        });
        write(&pipe, "through").unwrap();
        assert_eq!(reader.join().unwrap(), "through");
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
        write(Path::new("/dev/null"), "nothing").unwrap();
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    }

    #[test]
    fn a_folder_and_a_socket_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Destination::open(folder.path()).unwrap_err().kind(), ErrorKind::IsADirectory);
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let error = Destination::open(&socket).unwrap_err();
        assert!(error.to_string().contains("no file, pipe"), "{error}");
        let missing = folder.path().join("no/such/file");
        assert_eq!(Destination::open(missing).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
