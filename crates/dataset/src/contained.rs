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
//! Invariants: the parent never calls the C library; a child never starts a child.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{PoisonError, RwLock};
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

/// What a child may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most memory in bytes, whatever the size of the file. Below this a child has 16 times the size of its file, and at least
    /// 1 GiB (of address space, most of which is not touched).
    pub memory_bytes: u64,
    /// Processor time in seconds.
    pub cpu_seconds: u64,
    /// Time by the clock, after which the child is killed.
    pub wall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory_bytes: 4 << 30, cpu_seconds: 120, wall: Duration::from_secs(180) }
    }
}

/// Sets the limits of later children.
pub fn set_limits(limits: Limits) {
    SETTINGS.write().unwrap_or_else(PoisonError::into_inner).limits = Some(limits);
}

/// Starts `program` with `arguments`, then those of the child, instead of the current program: for a test
/// harness, whose `main` is not ours.
pub fn set_reader(program: impl Into<PathBuf>, arguments: &[&str]) {
    let arguments = arguments.iter().map(OsString::from).collect();
    SETTINGS.write().unwrap_or_else(PoisonError::into_inner).reader = Some((program.into(), arguments));
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
const GREETING: &str = "dataset netcdf4 child 1";

/// The longest report of a child that is looked at.
const REPORT_LIMIT: u64 = 1 << 20;

const MEMORY_FLOOR_BYTES: u64 = 1 << 30;

/// What the child converts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Header,
    All,
}

/// A finished conversion.
pub(crate) struct Converted {
    /// A CDF-5 file without a name; with [`Part::Header`] without values.
    pub(crate) file: std::fs::File,
    /// What was left out.
    pub(crate) notes: Vec<String>,
    /// Dimensions that are unlimited beside the one that CDF-5 has.
    pub(crate) unlimited: Vec<String>,
}

/// Converts the NetCDF-4 file `path` in a child; `name` stands for the file in errors.
pub(crate) fn convert(path: &Path, name: &str, part: Part) -> Result<Converted, Error> {
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
                "Convert it with 'nccopy -k cdf2 in.nc out.nc', or use a build with the feature 'netcdf4'"
                    .to_owned(),
        });
    }
    if std::env::var_os(CHILD_VARIABLE).is_some() {
        return Err(failed("a child process must not start another".to_owned()));
    }
    let (program, arguments) = reader
        .map_or_else(|| Ok((own_program()?, Vec::new())), Ok)
        .map_err(Error::io(name, "could not find the reader for"))?;
    let size = std::fs::metadata(path).map_err(Error::io(name, "could not examine"))?.len();
    let memory_bytes = size.saturating_mul(16).max(MEMORY_FLOOR_BYTES).min(limits.memory_bytes);
    let unmade = || Error::io(name, "could not make room for converting");
    // Without a name: however this process ends, nothing of it is left. The child has it as its standard input.
    let output = tempfile::tempfile().map_err(unmade())?;
    let for_child = output.try_clone().map_err(unmade())?;
    // The child has no folder of its own to resolve a relative path against: it is given absolute ones.
    let input = std::path::absolute(path).map_err(Error::io(name, "could not locate"))?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .arg(CHILD_ARGUMENT)
        .arg(match part {
            Part::Header => "header",
            Part::All => "all",
        })
        .arg(input)
        .arg("/dev/stdin")
        .arg(memory_bytes.to_string())
        .arg(limits.cpu_seconds.to_string())
        .env_clear()
        .env(CHILD_VARIABLE, "1")
        .env("HDF5_PLUGIN_PRELOAD", "::")
        // Whoever else has the file open does not matter to a reader of finished files.
        .env("HDF5_USE_FILE_LOCKING", "FALSE")
        .current_dir("/")
        .stdin(for_child)
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let (status, report) =
        run(command, limits.wall).map_err(Error::io(name, "could not run the reader for"))?;
    let mut lines = report.lines();
    let greeted = lines.next() == Some(GREETING);
    let mut converted = Converted { file: output, notes: Vec::new(), unlimited: Vec::new() };
    for line in lines {
        match line.split_once('\t') {
            Some(("note", text)) => converted.notes.push(text.to_owned()),
            Some(("unlimited", text)) => converted.unlimited.push(text.to_owned()),
            Some(("error", text)) => return Err(failed(text.to_owned())),
            _ => {}
        }
    }
    match status {
        None => Err(failed(format!("it took longer than {} s", limits.wall.as_secs()))),
        Some(_) if !greeted => Err(failed(
            "the reader did not start: its main must call dataset::contained::run_if_child first".to_owned(),
        )),
        Some(status) if status.success() => Ok(converted),
        Some(status) => Err(failed(format!(
            "the reader {}; the file is damaged, or needs more than {} MiB of memory or {} s",
            ending(status),
            memory_bytes >> 20,
            limits.cpu_seconds
        ))),
    }
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

/// Runs a command until it ends or `wall` has passed, when it is killed and the status is `None`. Gives the start of its output.
fn run(mut command: Command, wall: Duration) -> std::io::Result<(Option<ExitStatus>, String)> {
    let deadline = Instant::now() + wall;
    let mut child = command.spawn()?;
    let reading = child.stdout.take().map(|output| {
        std::thread::spawn(move || {
            let mut report = Vec::new();
            // A child that writes more than this ends with a broken pipe.
            let read = output.take(REPORT_LIMIT).read_to_end(&mut report);
            read.map(|_| String::from_utf8_lossy(&report).into_owned())
        })
    });
    let mut pause = Duration::from_millis(1);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            break None;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    };
    let report = reading.and_then(|thread| thread.join().ok()).transpose()?.unwrap_or_default();
    Ok((status, report))
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
    let line = |text: &str| text.replace(['\n', '\r'], " ");
    match convert_in_child(arguments) {
        Ok((notes, unlimited)) => {
            for note in notes {
                println!("note\t{}", line(&note));
            }
            for name in unlimited {
                println!("unlimited\t{}", line(&name));
            }
            0
        }
        Err(what) => {
            println!("error\t{}", line(&what));
            1
        }
    }
}

#[cfg(feature = "netcdf4")]
fn convert_in_child(arguments: &[OsString]) -> Result<(Vec<String>, Vec<String>), String> {
    use std::io::Write;

    let [part, input, output, memory_bytes, cpu_seconds] = arguments else {
        return Err("the child was started with wrong arguments".to_owned());
    };
    let number = |text: &OsString| text.to_str().and_then(|text| text.parse::<u64>().ok());
    let memory_bytes = number(memory_bytes).ok_or("the memory limit is no number")?;
    let cpu_seconds = number(cpu_seconds).ok_or("the time limit is no number")?;
    let part = if part == "header" { Part::Header } else { Part::All };
    let output = std::fs::File::create(output).map_err(|error| format!("no output: {error}"))?;
    confine(&output, memory_bytes, cpu_seconds)
        .map_err(|error| format!("limits could not be set: {error}"))?;
    let mut out = std::io::BufWriter::with_capacity(1 << 17, output);
    // Half of the memory: the library's own buffers and the binary are in it, too.
    let report = crate::netcdf4::convert(Path::new(input), part, memory_bytes / 2, &mut out)?;
    out.flush().map_err(|error| format!("the output could not be written: {error}"))?;
    Ok(report)
}

/// Limits this process; `output` is the last file that was opened.
#[cfg(feature = "netcdf4")]
fn confine(output: &std::fs::File, memory_bytes: u64, cpu_seconds: u64) -> std::io::Result<()> {
    use std::os::fd::AsRawFd;

    use rustix::process::{Resource, Rlimit, setrlimit};

    let limit = |resource, value: u64| {
        setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })
            .map_err(std::io::Error::from)
    };
    limit(Resource::Core, 0)?;
    limit(Resource::As, memory_bytes)?;
    limit(Resource::Cpu, cpu_seconds)?;
    limit(Resource::Fsize, memory_bytes.saturating_mul(2))?;
    // Descriptors are given out lowest first: the next one is the input, and the limit allows no other beside it.
    // What an HDF5 file links to can therefore not be opened.
    let next = u64::try_from(output.as_raw_fd()).map_err(std::io::Error::other)? + 1;
    limit(Resource::Nofile, next + 1)
}
