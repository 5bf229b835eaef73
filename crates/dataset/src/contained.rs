//! Reading NetCDF-4 (HDF5) without trusting the C library with this process.
//!
//! The library is known to crash, to loop and to ask for gigabytes on damaged files, and HDF5 files can point at
//! other files (external links, external storage), which a hostile upload could use to read what it should not.
//! So foreign NetCDF-4 bytes are only ever opened in a child: the same program again, with one special argument,
//! which `main` hands over by calling [`run_if_child`] first thing. The child has no environment, limits on its
//! memory, processor time, output size, and on open files: after its input no other file can be opened. It
//! converts to a classic CDF-5 file, which the parent reads with the reader of this crate, like any foreign
//! file. A child that crashes, is too slow or too large is an [`Error`] that names the file.
//!
//! A child ends with whoever wants its result. The parent holds the only reading end of the child's standard output,
//! and a thread of the child waits for that end to close: when the parent dies, whatever the cause, the kernel closes
//! it, and the child ends at once. The same thread ends the child when its time by the clock is over, so that the
//! limit holds without a parent, too. A caller that is no longer interested says so by its [`Cancel`].
//!
//! Invariants: the parent never calls the C library; a child never starts a child; at most
//! [`Limits::children`] children of each kind run at once.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::Error;

/// Runs the child's work and exits when this process is the child; returns at once when it is not.
///
/// Call it as the first statement of `main`, before threads, logs and arguments.
pub fn run_if_child() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().as_deref() == Some(OsStr::new(CHILD_ARGUMENT)) {
        let arguments: Vec<OsString> = arguments.collect();
        std::process::exit(child(&arguments));
    }
}

/// What children may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most memory (address space) of a child in bytes. Reading a header has 1 GiB at most; reading values has
    /// what the largest compressed block of the file needs.
    pub memory_bytes: u64,
    /// The most bytes that the values of one file may have in all, which is the room on the disk that they take
    /// while they are used.
    pub unpacked_bytes: u64,
    /// The most bytes on the disk for values that were unpacked lately and are kept for who reads them next.
    pub kept_bytes: u64,
    /// Time for reading a header.
    pub header: TimeLimit,
    /// The most time for reading values, whatever their size. Below this a child has 30 s, and one more for every
    /// 8 MiB of values.
    pub values: TimeLimit,
    /// How many children read headers at once, and how many read values; further ones wait.
    pub children: usize,
}

/// How long a child may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLimit {
    /// Processor time in seconds, held by the kernel.
    pub cpu_seconds: u64,
    /// Time by the clock, after which the child ends itself and is killed.
    pub wall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 4 << 30,
            unpacked_bytes: 8 << 30,
            kept_bytes: 4 << 30,
            header: TimeLimit { cpu_seconds: 10, wall: Duration::from_secs(20) },
            values: TimeLimit { cpu_seconds: 1200, wall: Duration::from_secs(2400) },
            children: std::thread::available_parallelism().map_or(2, usize::from),
        }
    }
}

impl Limits {
    /// The time for a part of a file.
    fn time(&self, part: Part) -> TimeLimit {
        match part {
            Part::Header => self.header,
            Part::All(need) => {
                let cpu_seconds = (30 + (need.unpacked_bytes >> 23)).min(self.values.cpu_seconds);
                let wall = Duration::from_secs(2 * cpu_seconds + 10).min(self.values.wall);
                TimeLimit { cpu_seconds, wall }
            }
        }
    }

    /// The address space for a part of a file.
    fn memory(&self, part: Part) -> u64 {
        let wanted = match part {
            Part::Header => HEADER_MEMORY_BYTES,
            // A block exists packed, unpacked and unshuffled at once, beside the part of the variable it is put into.
            Part::All(need) => need.block_bytes.saturating_mul(4).saturating_add(VALUES_MEMORY_BYTES),
        };
        wanted.min(self.memory_bytes)
    }
}

/// Sets the limits of later children.
pub fn set_limits(limits: Limits) {
    SETTINGS.write().unwrap_or_else(PoisonError::into_inner).limits = Some(limits);
}

/// The limits of later children.
pub fn limits() -> Limits {
    SETTINGS.read().unwrap_or_else(PoisonError::into_inner).limits.unwrap_or_default()
}

/// Starts `program` with `arguments`, then those of the child, instead of the current program: for a test
/// harness, whose `main` is not ours.
pub fn set_reader(program: impl Into<PathBuf>, arguments: &[&str]) {
    let arguments = arguments.iter().map(OsString::from).collect();
    SETTINGS.write().unwrap_or_else(PoisonError::into_inner).reader = Some((program.into(), arguments));
}

/// Ends the reading of files for which it was given, from another thread: see [`crate::File::open_with`].
///
/// Clones are of the same reading.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Ends the children that read for this, now and later.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True after [`Cancel::cancel`].
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Cancels when it is dropped: kept by the future of a request, it ends what the request started when the client has gone.
    #[must_use]
    pub fn on_drop(&self) -> CancelOnDrop {
        CancelOnDrop(self.clone())
    }
}

/// See [`Cancel::on_drop`].
#[derive(Debug)]
pub struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[derive(Default)]
struct Settings {
    limits: Option<Limits>,
    reader: Option<(PathBuf, Vec<OsString>)>,
}

static SETTINGS: RwLock<Settings> = RwLock::new(Settings { limits: None, reader: None });

/// Makes a program a child.
const CHILD_ARGUMENT: &str = "--dataset-netcdf4-child";

/// Set for children, which must not start children.
const CHILD_VARIABLE: &str = "DATASET_NETCDF4_CHILD";

/// The first line of a child, by which the parent knows that the program is one.
const GREETING: &str = "dataset netcdf4 child 2";

/// The longest report of a child that is looked at.
const REPORT_LIMIT: u64 = 1 << 20;

/// Address space, most of which is not touched.
const HEADER_MEMORY_BYTES: u64 = 1 << 30;

/// What reading values takes beside the blocks.
const VALUES_MEMORY_BYTES: u64 = 1 << 30;

/// How often a child that runs is looked after.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// What the child converts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Header,
    /// Everything; what that takes is known from the header.
    All(Need),
}

/// What the values of a file take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Need {
    /// Bytes of all values.
    pub(crate) unpacked_bytes: u64,
    /// Bytes of the largest part that is in memory at once: a compressed block, or a row of them.
    pub(crate) block_bytes: u64,
}

/// A finished conversion.
pub(crate) struct Converted {
    /// A CDF-5 file without a name; with [`Part::Header`] without values.
    pub(crate) file: std::fs::File,
    pub(crate) report: Report,
}

/// What a child says about a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// What was left out, for the user.
    pub(crate) notes: Vec<String>,
    /// Dimensions that are unlimited.
    pub(crate) unlimited: Vec<String>,
    pub(crate) need: Need,
}

/// Why a child refuses a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Reading failed: in the user's words, with a remedy.
    Failed(String),
    /// The file is sound, and what it needs is not supported.
    Unsupported { what: String, remedy: String },
}

impl From<String> for Refusal {
    fn from(what: String) -> Self {
        Self::Failed(what)
    }
}

/// What to do with a file that is damaged.
pub(crate) const COPY_AGAIN: &str = "Copy it again from where it came from, or write it anew";

/// Converts the NetCDF-4 file `path` in a child; `name` stands for the file in errors.
pub(crate) fn convert(path: &Path, name: &str, part: Part, cancel: &Cancel) -> Result<Converted, Error> {
    let failed = |what: String| Error::NetCdf4 { file: name.to_owned(), what };
    let (limits, reader) = {
        let settings = SETTINGS.read().unwrap_or_else(PoisonError::into_inner);
        (settings.limits.unwrap_or_default(), settings.reader.clone())
    };
    if reader.is_none() && !cfg!(feature = "netcdf4") {
        return Err(Error::Unsupported {
            file: name.to_owned(),
            what: "it is NetCDF-4 (HDF5), and this build reads the classic formats only".to_owned(),
            remedy:
                "Convert it with 'nccopy -k cdf5 in.nc out.nc', or use a build with the feature 'netcdf4'"
                    .to_owned(),
        });
    }
    if std::env::var_os(CHILD_VARIABLE).is_some() {
        return Err(failed("a child process must not start another".to_owned()));
    }
    let (program, arguments) = reader
        .map_or_else(|| Ok((own_program()?, Vec::new())), Ok)
        .map_err(Error::io(name, "could not find the reader for"))?;
    let (time, memory_bytes) = (limits.time(part), limits.memory(part));
    let output_bytes = match part {
        Part::Header => HEADER_MEMORY_BYTES,
        // The header, and alignment.
        Part::All(need) => need.unpacked_bytes.saturating_add(HEADER_MEMORY_BYTES),
    };
    let failed_setup = || Error::io(name, "could not make room for converting");
    // Without a name: however this process ends, nothing of it is left. The child has it as its standard input.
    let output = tempfile::tempfile().map_err(failed_setup())?;
    let for_child = output.try_clone().map_err(failed_setup())?;
    // The child has no folder of its own to resolve a relative path against: it is given absolute ones.
    let input = std::path::absolute(path).map_err(Error::io(name, "could not locate"))?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .arg(CHILD_ARGUMENT)
        .arg(match part {
            Part::Header => "header",
            Part::All(_) => "all",
        })
        .arg(input)
        .arg("/dev/stdin")
        .args(
            [memory_bytes, time.cpu_seconds, wall_ms(time.wall), output_bytes].map(|limit| limit.to_string()),
        )
        .env_clear()
        .env(CHILD_VARIABLE, "1")
        .env("HDF5_PLUGIN_PRELOAD", "::")
        // Whoever else has the file open does not matter to a reader of finished files.
        .env("HDF5_USE_FILE_LOCKING", "FALSE")
        .current_dir("/")
        .stdin(for_child)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let slots = if part == Part::Header { &HEADER_SLOTS } else { &VALUES_SLOTS };
    let cancelled = || failed("reading it was cancelled".to_owned());
    let _slot = slots.take(limits.children.max(1), cancel).ok_or_else(cancelled)?;
    let (end, text) =
        run(command, time.wall, cancel).map_err(Error::io(name, "could not run the reader for"))?;
    let (greeted, result) = parse_report(&text);
    let doing = if part == Part::Header { "reading its header" } else { "reading its values" };
    // A busy machine makes the clock run out, and says nothing of the file; processor time is the file's own.
    let timed_out = || {
        failed(format!(
            "{doing} took longer than {} s on this machine, which may only be busy. Try again later",
            time.wall.as_secs()
        ))
    };
    let too_costly = || {
        failed(format!(
            "the file is damaged, or too costly to read: {doing} took longer than {} s of processor time. {COPY_AGAIN}",
            time.cpu_seconds
        ))
    };
    let status = match end {
        End::Cancelled => return Err(cancelled()),
        End::TimedOut => return Err(timed_out()),
        End::Itself(status) => status,
    };
    let report = match result {
        Ok(report) => report,
        Err(Refusal::Failed(what)) => return Err(failed(what)),
        Err(Refusal::Unsupported { what, remedy }) => {
            return Err(Error::Unsupported { file: name.to_owned(), what, remedy });
        }
    };
    use std::os::unix::process::ExitStatusExt;
    match status.signal().map(rustix::process::Signal::from_named_raw) {
        _ if !greeted => Err(failed(
            "the reader did not start: its main must call dataset::contained::run_if_child first".to_owned(),
        )),
        None if status.success() => Ok(Converted { file: output, report }),
        Some(Some(rustix::process::Signal::ALARM)) => Err(timed_out()),
        Some(Some(rustix::process::Signal::XCPU)) => Err(too_costly()),
        _ => Err(failed(format!(
            "the file is damaged, or {doing} needs more than {} MiB of memory (the reader {}). {COPY_AGAIN}",
            memory_bytes >> 20,
            ending(status),
        ))),
    }
}

fn wall_ms(wall: Duration) -> u64 {
    u64::try_from(wall.as_millis()).unwrap_or(u64::MAX)
}

/// What the lines of a child say, and whether it is one of ours.
fn parse_report(text: &str) -> (bool, Result<Report, Refusal>) {
    let mut lines = text.lines();
    let greeted = lines.next() == Some(GREETING);
    let mut report = Report::default();
    for line in lines {
        let (key, text) = line.split_once('\t').unwrap_or((line, ""));
        let number = || text.parse().unwrap_or(u64::MAX);
        match key {
            "note" => report.notes.push(text.to_owned()),
            "unlimited" => report.unlimited.push(text.to_owned()),
            "unpacked" => report.need.unpacked_bytes = number(),
            "block" => report.need.block_bytes = number(),
            "error" => return (greeted, Err(Refusal::Failed(text.to_owned()))),
            "unsupported" => {
                let (what, remedy) = text.split_once('\t').unwrap_or((text, COPY_AGAIN));
                let refusal = Refusal::Unsupported { what: what.to_owned(), remedy: remedy.to_owned() };
                return (greeted, Err(refusal));
            }
            _ => {}
        }
    }
    (greeted, Ok(report))
}

/// The running program, even when its file was replaced by a newer one meanwhile.
fn own_program() -> std::io::Result<PathBuf> {
    if cfg!(target_os = "linux") { Ok(PathBuf::from("/proc/self/exe")) } else { std::env::current_exe() }
}

fn ending(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("was ended by signal {signal}"),
        (None, Some(code)) => format!("ended with code {code}"),
        (None, None) => "ended badly".to_owned(),
    }
}

/// Places for children that run at once.
struct Slots {
    taken: Mutex<usize>,
    freed: Condvar,
}

/// Headers are quick, and are not to wait for values.
static HEADER_SLOTS: Slots = Slots::new();
static VALUES_SLOTS: Slots = Slots::new();

/// A taken place; free again when it is dropped.
struct Slot<'a>(&'a Slots);

impl Slots {
    const fn new() -> Self {
        Self { taken: Mutex::new(0), freed: Condvar::new() }
    }

    /// Waits until fewer than `limit` are taken; `None` when cancelled meanwhile. Whoever has a place gives it back
    /// within its own time limit.
    fn take(&self, limit: usize, cancel: &Cancel) -> Option<Slot<'_>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if cancel.is_cancelled() {
                return None;
            }
            if *taken < limit {
                *taken += 1;
                return Some(Slot(self));
            }
            let waited = self.freed.wait_timeout(taken, POLL_INTERVAL);
            taken = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        *self.0.taken.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.freed.notify_one();
    }
}

/// How a child ended.
enum End {
    Itself(ExitStatus),
    TimedOut,
    Cancelled,
}

/// A child that is killed and collected when it is dropped.
struct Owned(Child);

impl Drop for Owned {
    fn drop(&mut self) {
        // Both do nothing when it has ended and was collected.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command until it ends, `wall` has passed or it is cancelled; in the latter cases it is killed. Gives the start of its output.
fn run(mut command: Command, wall: Duration, cancel: &Cancel) -> std::io::Result<(End, String)> {
    let deadline = Instant::now() + wall;
    let mut child = Owned(command.spawn()?);
    let reading = child.0.stdout.take().map(|output| {
        std::thread::spawn(move || {
            let mut report = Vec::new();
            // A child that writes more than this ends with a broken pipe.
            let read = output.take(REPORT_LIMIT).read_to_end(&mut report);
            read.map(|_| String::from_utf8_lossy(&report).into_owned())
        })
    });
    let mut pause = Duration::from_millis(1);
    let end = loop {
        if let Some(status) = child.0.try_wait()? {
            break End::Itself(status);
        }
        if cancel.is_cancelled() {
            break End::Cancelled;
        }
        if Instant::now() >= deadline {
            break End::TimedOut;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(POLL_INTERVAL);
    };
    drop(child);
    let report = match end {
        End::Itself(_) => reading.and_then(|thread| thread.join().ok()).transpose()?.unwrap_or_default(),
        // Nobody reads the report of a child that was killed, and what it started may still hold the pipe.
        End::TimedOut | End::Cancelled => String::new(),
    };
    Ok((end, report))
}

#[cfg(not(feature = "netcdf4"))]
fn child(_: &[OsString]) -> i32 {
    println!("{GREETING}\nerror\tthis build reads the classic formats only");
    1
}

/// The child's `main`; returns the exit code.
#[cfg(feature = "netcdf4")]
fn child(arguments: &[OsString]) -> i32 {
    println!("{GREETING}");
    let line = |text: &str| text.replace(['\n', '\r', '\t'], " ");
    match convert_in_child(arguments) {
        Ok(report) => {
            for note in &report.notes {
                println!("note\t{}", line(note));
            }
            for name in &report.unlimited {
                println!("unlimited\t{}", line(name));
            }
            println!("unpacked\t{}\nblock\t{}", report.need.unpacked_bytes, report.need.block_bytes);
            0
        }
        Err(Refusal::Failed(what)) => {
            println!("error\t{}", line(&what));
            1
        }
        Err(Refusal::Unsupported { what, remedy }) => {
            println!("unsupported\t{}\t{}", line(&what), line(&remedy));
            1
        }
    }
}

#[cfg(feature = "netcdf4")]
fn convert_in_child(arguments: &[OsString]) -> Result<Report, Refusal> {
    let [part, input, output, limits @ ..] = arguments else {
        return Err("the child was started with wrong arguments".to_owned().into());
    };
    let number = |text: &OsString| text.to_str().and_then(|text| text.parse::<u64>().ok());
    let limits: Vec<u64> = limits.iter().filter_map(number).collect();
    let &[memory_bytes, cpu_seconds, wall_ms, output_bytes] = limits.as_slice() else {
        return Err("the child was started with wrong limits".to_owned().into());
    };
    watch(Duration::from_millis(wall_ms)).map_err(|error| format!("it could not be watched: {error}"))?;
    let output = std::fs::File::create(output).map_err(|error| format!("no output: {error}"))?;
    confine(memory_bytes, cpu_seconds, output_bytes)
        .map_err(|error| format!("limits could not be set: {error}"))?;
    if part == "header" {
        crate::netcdf4::convert_header(Path::new(input), &mut &output)
    } else {
        crate::netcdf4::convert(Path::new(input), &output)
    }
}

/// Starts the thread that ends this process when nobody reads its standard output any more, or when `wall` is over.
///
/// It ends the process by a signal: leaving orderly would have the library close the file, which may take for ever.
#[cfg(feature = "netcdf4")]
fn watch(wall: Duration) -> std::io::Result<()> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::{Signal, getpid, kill_process};

    let deadline = Instant::now() + wall;
    let watching = move || {
        let output = std::io::stdout();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            // Nothing is asked for: what is told all the same is that the other end has gone.
            let mut watched = [PollFd::new(&output, PollFlags::empty())];
            let signal = match poll(&mut watched, Some(&timeout)) {
                Ok(0) => Signal::ALARM,
                Ok(_) => Signal::KILL,
                Err(rustix::io::Errno::INTR) => continue,
                // Without a watch the limit on processor time is left.
                Err(_) => return,
            };
            let _ = kill_process(getpid(), signal);
            // Whoever started us may have had the first one ignored.
            let _ = kill_process(getpid(), Signal::KILL);
        }
    };
    std::thread::Builder::new().name("watch".to_owned()).stack_size(64 << 10).spawn(watching).map(drop)
}

/// Limits this process, whose output is open already.
#[cfg(feature = "netcdf4")]
fn confine(memory_bytes: u64, cpu_seconds: u64, output_bytes: u64) -> std::io::Result<()> {
    use std::os::fd::AsRawFd;

    use rustix::process::{Resource, Rlimit, setrlimit};

    let limit = |resource, current: u64, maximum: u64| {
        setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) })
            .map_err(std::io::Error::from)
    };
    limit(Resource::Core, 0, 0)?;
    limit(Resource::As, memory_bytes, memory_bytes)?;
    // At the first a signal that tells why, at the second the end.
    limit(Resource::Cpu, cpu_seconds, cpu_seconds + 1)?;
    limit(Resource::Fsize, output_bytes, output_bytes)?;
    // Descriptors are given out lowest first: the next one is the input, and the limit allows no other beside it.
    // What an HDF5 file links to can therefore not be opened. It is tried out: between those of this process there may be
    // others, from a parent whose C libraries leave theirs open to children.
    let probe = std::fs::File::open("/dev/null")?;
    let next = u64::try_from(probe.as_raw_fd()).map_err(std::io::Error::other)?;
    limit(Resource::Nofile, next + 1, next + 1)
}
