//! Files of the instance folder: staged, flushed, renamed.
//!
//! A file becomes visible under its final name only when its content is on disk, and the row that names it is
//! committed after that: a crash leaves at worst a file that no row names, which the doctor sweeps.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::{Error, random};

/// Every service of the volume reads a stored file, whatever the umask of the one that made it.
const MODE: u32 = 0o644;

/// Names of staged files begin so.
pub(crate) const STAGED_PREFIX: &str = ".staged-";

/// A temporary file in the instance folder, removed on drop unless it became a revision.
#[derive(Debug)]
pub struct Staged {
    path: PathBuf,
    extension: String,
}

impl Staged {
    /// Where to write. The file exists and is empty; it may be rewritten or replaced (renamed over).
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn new(instance: &Path, extension: &str) -> Result<Self, Error> {
        if !extension.starts_with('.') || extension.contains(['/', '\\']) {
            return Err(Error::Invalid { field: "extension", problem: format!("'{extension}' is none") });
        }
        loop {
            let path = instance.join(format!("{STAGED_PREFIX}{}{extension}", random::file_stem()?));
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    let staged = Self { path, extension: extension.to_owned() };
                    file.set_permissions(Permissions::from_mode(MODE))
                        .map_err(|error| Error::file("set the permissions of", &staged.path, error))?;
                    return Ok(staged);
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Error::file("create", path, error)),
            }
        }
    }

    /// Flushes the content, computes its hash and gives the file its final name. The folder is not flushed yet.
    pub(crate) fn store(self, instance: &Path) -> Result<StoredFile, Error> {
        let file = File::open(&self.path).map_err(|error| Error::file("open", &self.path, error))?;
        file.sync_all().map_err(|error| Error::file("flush", &self.path, error))?;
        let (sha256, bytes) = digest(file).map_err(|error| Error::file("read", &self.path, error))?;
        loop {
            let name = format!("{}{}", random::file_stem()?, self.extension);
            let path = instance.join(&name);
            if path.exists() {
                continue;
            }
            fs::rename(&self.path, &path).map_err(|error| Error::file("rename", &self.path, error))?;
            return Ok(StoredFile { name, sha256, bytes });
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // Already renamed when stored; a leftover is swept by the doctor.
        let _ = fs::remove_file(&self.path);
    }
}

/// A file under its final name, not yet named by a row.
#[derive(Debug, Clone)]
pub(crate) struct StoredFile {
    pub(crate) name: String,
    pub(crate) sha256: String,
    pub(crate) bytes: i64,
}

/// SHA-256 in lower-case hex and length of what `reader` yields.
pub(crate) fn digest(mut reader: impl Read) -> std::io::Result<(String, i64)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok((hex::encode(hasher.finalize()), bytes)),
            Ok(n) => {
                hasher.update(&buffer[..n]);
                bytes += i64::try_from(n).unwrap_or(0);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Makes renames and removals in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| Error::file("flush", folder, error))
}

/// Removes a file; one that is not there is fine, anything else is logged: the doctor finds it again.
pub(crate) fn remove(path: &Path) {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), "a stored file was already gone when its revision was deleted");
        }
        Err(error) => tracing::warn!(path = %path.display(), %error, "cannot remove a stored file"),
    }
}

/// Where a stored file lies. Only the last part of a name counts: nothing outside the folder can be named.
pub(crate) fn path_in(instance: &Path, name: &str) -> PathBuf {
    instance.join(Path::new(name).file_name().unwrap_or_default())
}
