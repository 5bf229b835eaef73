//! NetCDF-4 files behind the same interface: converted to a classic file when their values are needed.
//!
//! A conversion is kept for a while, so that whoever reads a file window by window, each time opening it, has it unpacked once. A
//! file counts as the same while its place on the disk, its length and its time of change are.

use std::collections::VecDeque;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, TryLockError};
use std::time::{Duration, Instant, SystemTime};

use crate::classic::{self, Classic, DataCheck, FileSource};
use crate::contained::{Cancel, Converted, Need, Part, convert, limits};
use crate::{Error, Format, Header};

/// How long an unused conversion is kept.
const KEPT_FOR: Duration = Duration::from_secs(300);

/// How many files are remembered.
const MAX_KEPT: usize = 256;

/// Times of files are no finer than the ticks of the kernel's clock: what was written this recently may be written
/// again without showing.
const SETTLED_AFTER: Duration = Duration::from_millis(100);

/// How often a wait for another thread's conversion looks whether it is cancelled.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A NetCDF-4 file: its header, and from the first reading on its values in a temporary classic file.
#[derive(Debug)]
pub(crate) struct Lazy {
    path: PathBuf,
    cancel: Cancel,
    content: Arc<Content>,
}

#[derive(Debug)]
struct Content {
    key: Key,
    header: Header,
    need: Need,
    /// Held while the values are converted: what several ask for at once is converted once.
    converting: Mutex<()>,
    values: OnceLock<(FileSource, Classic)>,
}

/// What tells a file from others, and from what it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Key {
    fn new(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            changed: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl Lazy {
    pub(crate) fn open(path: &Path, metadata: &Metadata, name: &str, cancel: &Cancel) -> Result<Self, Error> {
        let key = Key::new(metadata);
        let content = match CONTENT_CACHE.find(key) {
            Some(content) => content,
            None => {
                let content = Arc::new(Content::open(path, key, name, cancel)?);
                CONTENT_CACHE.keep(&content, metadata);
                content
            }
        };
        Ok(Self { path: path.to_owned(), cancel: cancel.clone(), content })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.content.header
    }

    /// The values; converted at the first call.
    pub(crate) fn converted(&self, name: &str) -> Result<(&FileSource, &Classic), Error> {
        let content = &*self.content;
        if content.values.get().is_none() {
            let _converting = loop {
                match content.converting.try_lock() {
                    Ok(guard) => break guard,
                    Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                    Err(TryLockError::WouldBlock) if self.cancel.is_cancelled() => {
                        let what = "reading it was cancelled".to_owned();
                        return Err(Error::NetCdf4 { file: name.to_owned(), what });
                    }
                    Err(TryLockError::WouldBlock) => std::thread::sleep(POLL_INTERVAL),
                }
            };
            if content.values.get().is_none() {
                let values = content.convert(&self.path, name, &self.cancel)?;
                content.values.get_or_init(|| values);
                if let Ok(metadata) = self.path.metadata() {
                    CONTENT_CACHE.keep(&self.content, &metadata);
                }
            }
        }
        let changed = || changed(name);
        content.values.get().map(|(source, parsed)| (source, parsed)).ok_or_else(changed)
    }
}

fn changed(name: &str) -> Error {
    let what = "it was changed while it was read. Try again".to_owned();
    Error::NetCdf4 { file: name.to_owned(), what }
}

impl Content {
    fn open(path: &Path, key: Key, name: &str, cancel: &Cancel) -> Result<Self, Error> {
        let converted = convert(path, name, Part::Header, cancel)?;
        let (_, parsed) = parsed(&converted, name, DataCheck::HeaderOnly)?;
        let report = converted.report;
        let limit = limits().unpacked_bytes;
        if report.need.unpacked_bytes > limit {
            let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
            return Err(Error::Unsupported {
                file: name.to_owned(),
                what: format!(
                    "its values are {:.1} GiB unpacked, more than the {:.1} GiB that one file may have here",
                    gib(report.need.unpacked_bytes),
                    gib(limit)
                ),
                remedy: "Keep the variables that are needed, 'nccopy -V lon,lat,topo in.nc out.nc'"
                    .to_owned(),
            });
        }
        let mut header = Header { format: Format::NetCdf4, notes: report.notes, ..parsed.header };
        for dimension in &mut header.dimensions {
            dimension.unlimited = report.unlimited.contains(&dimension.name);
        }
        let (converting, values) = (Mutex::new(()), OnceLock::new());
        Ok(Self { key, header, need: report.need, converting, values })
    }

    fn convert(&self, path: &Path, name: &str, cancel: &Cancel) -> Result<(FileSource, Classic), Error> {
        let converted = convert(path, name, Part::All(self.need), cancel)?;
        let content = parsed(&converted, name, DataCheck::Inside)?;
        let same = |a: &Header, b: &Header| {
            let shapes = |header: &Header| -> Vec<_> {
                header.variables.iter().map(|v| (v.name.clone(), v.shape.clone(), v.data_type)).collect()
            };
            shapes(a) == shapes(b)
        };
        if same(&content.1.header, &self.header) { Ok(content) } else { Err(changed(name)) }
    }

    /// Bytes on the disk.
    fn stored_bytes(&self) -> u64 {
        self.values.get().map_or(0, |(source, _)| source.size)
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

static CONTENT_CACHE: ContentCache = ContentCache(Mutex::new(VecDeque::new()));

/// The files that were read lately, and when; the latest at the end.
struct ContentCache(Mutex<VecDeque<(Arc<Content>, Instant)>>);

impl ContentCache {
    fn find(&self, key: Key) -> Option<Arc<Content>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(content, _)| content.key == key)?;
        let (content, _) = kept.remove(at)?;
        kept.push_back((content.clone(), Instant::now()));
        Some(content)
    }

    /// Keeps a file that is still what it was, and drops what is too much.
    fn keep(&self, content: &Arc<Content>, metadata: &Metadata) {
        let written = metadata.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
        if Key::new(metadata) != content.key || written.is_none_or(|ago| ago < SETTLED_AFTER) {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(other, _)| other.key != content.key);
        kept.push_back((content.clone(), Instant::now()));
        let limit = limits().kept_bytes;
        let mut bytes: u64 = kept.iter().map(|(content, _)| content.stored_bytes()).sum();
        while bytes > limit || kept.len() > MAX_KEPT {
            // The newest may alone be too large: it lives as long as it is used.
            let Some((dropped, _)) = kept.pop_front() else { break };
            bytes = bytes.saturating_sub(dropped.stored_bytes());
        }
        drop(kept);
        self.sweep_later();
    }

    /// Drops what is not used any more, on a thread that lives as long as there is something to drop.
    fn sweep_later(&self) {
        static SWEEPING: Mutex<bool> = Mutex::new(false);
        let mut sweeping = SWEEPING.lock().unwrap_or_else(PoisonError::into_inner);
        if *sweeping {
            return;
        }
        let sweep = || {
            loop {
                std::thread::sleep(KEPT_FOR / 4);
                let mut sweeping = SWEEPING.lock().unwrap_or_else(PoisonError::into_inner);
                let mut kept = CONTENT_CACHE.0.lock().unwrap_or_else(PoisonError::into_inner);
                kept.retain(|(_, used)| used.elapsed() < KEPT_FOR);
                if kept.is_empty() {
                    *sweeping = false;
                    return;
                }
            }
        };
        // Without the thread the limits on bytes and files hold all the same.
        *sweeping = std::thread::Builder::new().name("sweep".to_owned()).spawn(sweep).is_ok();
    }
}
