//! The platform as one process.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The path of a binary that the test command has built.
///
/// # Panics
/// When it is not there: `cargo build --workspace --bins` comes first.
pub fn binary(name: &str) -> PathBuf {
    let path = built_binaries().expect("the test has a path").join(name);
    assert!(path.exists(), "{} is not built: run `cargo build --workspace --bins` first", path.display());
    path
}

/// Where `cargo build` has put the binaries.
pub(crate) fn built_binaries() -> Result<PathBuf> {
    // .../target/debug/deps/<test> -> .../target/debug
    let mut folder = std::env::current_exe()?;
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    Ok(folder)
}

/// Tells a process to stop, as an orchestrator does (SIGTERM), and gives how it ended.
///
/// # Errors
/// It does not end in time.
pub fn terminate(child: &mut Child) -> Result<ExitStatus> {
    let process = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a process id")?;
    kill_process(process, Signal::TERM)?;
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    bail!("told to stop, the process runs on")
}

/// A running `climsim serve` with its own instance folder; killed when dropped. The folder goes with [`Platform::done`]
/// only: a test that panics or returns an error leaves it for inspection.
pub struct Platform {
    child: Child,
    address: String,
    settings: Vec<(String, String)>,
    folder: Option<TempDir>,
}

impl Platform {
    /// Starts the platform on a free port and waits until it says where it listens.
    ///
    /// # Errors
    /// A process that ends before it listens; its log is in the message.
    pub fn start() -> Result<Self> {
        Self::prepared(&[], |_| Ok(()))
    }

    /// The same with environment variables of its own, on an instance folder that `prepare` may fill before.
    ///
    /// # Errors
    /// As [`Platform::start`].
    pub fn prepared(settings: &[(&str, &str)], prepare: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("climsim-e2e-").tempdir()?;
        let settings: Vec<_> =
            settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        prepare(&folder.path().join("instance"))?;
        let (child, address) = spawn(folder.path(), "0", &settings)?;
        Ok(Self { child, address, settings, folder: Some(folder) })
    }

    /// `http://127.0.0.1:PORT`
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The folder that holds everything of this run.
    pub fn folder(&self) -> &Path {
        self.folder.as_ref().expect("present until dropped").path()
    }

    /// The file that the process logs to.
    pub fn log(&self) -> PathBuf {
        self.folder().join("platform.log")
    }

    /// The id of the process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Tells the process to stop, and gives how it ended.
    ///
    /// # Errors
    /// As [`terminate`].
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        terminate(&mut self.child)
    }

    /// Ends a test that went well: removes the folder.
    pub fn done(mut self) {
        // Stopped first: it writes into the folder.
        self.stop();
        self.folder.take();
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Kills the process, as a power cut does.
    ///
    /// # Errors
    /// The system's.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Starts it again after [`Platform::kill`], on the same instance folder and at the same address.
    ///
    /// # Errors
    /// As [`Platform::start`].
    pub fn restart(&mut self) -> Result<()> {
        let port = self.address.rsplit(':').next().context("an address with a port")?.to_owned();
        (self.child, self.address) = spawn(self.folder(), &port, &self.settings)?;
        Ok(())
    }

    /// [`Platform::kill`], then [`Platform::restart`].
    ///
    /// # Errors
    /// As both.
    pub fn kill_and_restart(&mut self) -> Result<()> {
        self.kill()?;
        self.restart()
    }
}

fn spawn(folder: &Path, port: &str, settings: &[(String, String)]) -> Result<(Child, String)> {
    let log = folder.join("platform.log");
    let file = File::options().create(true).append(true).open(&log)?;
    let mut child = Command::new(binary("climsim"))
        .args(["serve", "--port", port, "--instance"])
        .arg(folder.join("instance"))
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(file)
        .spawn()?;
    let stdout = child.stdout.take().context("the process has an output")?;
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        if let Some(at) = line.find("http://") {
            let address = line[at..].trim_end_matches('/').to_owned();
            return Ok((child, address));
        }
    }
    let status = child.wait()?;
    bail!("climsim serve ended with {status}:\n{}", std::fs::read_to_string(&log)?)
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.stop();
        if let Some(folder) = self.folder.take() {
            eprintln!("kept for inspection: {}", folder.keep().display());
        }
    }
}
