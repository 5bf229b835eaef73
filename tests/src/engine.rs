//! A Docker engine, and the images of the stack on it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

/// The services that are binaries of this workspace. The one list of them for all tests on the engine.
pub const SERVICES: [&str; 5] =
    ["flask_app", "panel_app", "message_dispatcher", "python_worker", "mosaic_worker"];

/// What lies in every image beside the service.
const TOOL: &str = "stackctl";

/// A folder with binaries to pack, such as `target/release`, instead of those that were built with the tests.
const BINARIES: &str = "CLIMSIM_BINARIES";

/// A folder with binaries of the release before, for the tests in which two releases work together; without it these are the
/// same binaries under another version.
const PREVIOUS_BINARIES: &str = "CLIMSIM_PREVIOUS_BINARIES";

/// The tag of the images of the release before.
pub const PREVIOUS: &str = "previous";

/// The registry's name in the images that the tests make, so that nobody's own are touched.
pub const REGISTRY: &str = "climsim-test";

/// `scripts/engine`'s way to say that there is none.
const UNAVAILABLE: i32 = 69;

/// An engine with the base images; what was started goes when the test process does, however it ends.
pub struct Engine {
    host: String,
    services: Vec<&'static str>,
    binaries: TempDir,
    built: Mutex<Vec<String>>,
    // Its standard input is what keeps a private engine up.
    _keeper: Child,
}

/// The test process's engine; `None` (said aloud) where none can be had.
///
/// # Panics
/// When there should be one, and it does not come.
pub fn engine() -> Option<&'static Engine> {
    static ENGINE: OnceLock<Option<Engine>> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::start().unwrap_or_else(|error| panic!("no engine: {error:#}"))).as_ref()
}

impl Engine {
    fn start() -> Result<Option<Self>> {
        let started = Instant::now();
        let mut keeper = Command::new(root().join("scripts/engine"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting scripts/engine")?;
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().context("an output")?).read_line(&mut line)?;
        let Some(host) = line.trim().strip_prefix("DOCKER_HOST=").map(str::to_owned) else {
            let status = keeper.wait()?;
            ensure!(status.code() == Some(UNAVAILABLE), "scripts/engine: {status}");
            testkit::skipped("the stack on a real Docker engine", "the line above says what is missing");
            return Ok(None);
        };
        testkit::tell(&format!(
            "the engine and its base images are there after {:.1} s",
            started.elapsed().as_secs_f64()
        ));
        let binaries = tempfile::Builder::new().prefix("climsim-binaries-").tempdir()?;
        let built = crate::platform::built_binaries()?;
        let now = std::env::var_os(BINARIES).map_or(built, PathBuf::from);
        let services = gather(&now, &binaries.path().join("now").join(architecture()))?;
        let before = std::env::var_os(PREVIOUS_BINARIES).map_or(now, PathBuf::from);
        gather(&before, &binaries.path().join(PREVIOUS).join(architecture()))?;
        Ok(Some(Self { host, services, binaries, built: Mutex::default(), _keeper: keeper }))
    }

    /// The services whose binaries are there.
    pub fn services(&self) -> &[&'static str] {
        &self.services
    }

    /// `program` with this engine in its environment.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DOCKER_HOST", &self.host).env("DOCKER_BUILDKIT", "0").stdin(Stdio::null());
        command
    }

    /// Compose with this engine in its environment: the plug-in of Docker's client, or the program of its own.
    pub fn compose(&self) -> Command {
        static PLUG_IN: OnceLock<bool> = OnceLock::new();
        let asked =
            || self.command("docker").args(["compose", "version"]).output().is_ok_and(|o| o.status.success());
        if *PLUG_IN.get_or_init(asked) {
            let mut command = self.command("docker");
            command.arg("compose");
            command
        } else {
            self.command("docker-compose")
        }
    }

    /// The output of a `docker` command.
    ///
    /// # Errors
    /// It fails; its complaint is in the message.
    pub fn docker(&self, arguments: &[&str]) -> Result<String> {
        output(self.command("docker").args(arguments))
    }

    /// Makes the image of every service and of nginx as `climsim-test/netcdf_editor_*:TAG`, once per process. Their version
    /// is the tag, so that images of two tags differ; those of [`PREVIOUS`] are made of the binaries of the release before.
    ///
    /// # Errors
    /// A build that fails.
    pub fn images(&self, tag: &str) -> Result<()> {
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if built.iter().any(|known| known == tag) {
            return Ok(());
        }
        let started = Instant::now();
        let dockerfile = root().join("deploy/Dockerfile.prebuilt");
        let dockerfile = dockerfile.to_str().context("a path in UTF-8")?;
        let binaries = self.binaries.path().join(if tag == PREVIOUS { PREVIOUS } else { "now" });
        let binaries = binaries.to_str().context("a path in UTF-8")?;
        for service in &self.services {
            let service = format!("SERVICE={service}");
            let architecture = format!("TARGETARCH={}", architecture());
            let arguments =
                ["--file", dockerfile, "--build-arg", &service, "--build-arg", &architecture, binaries];
            self.build(&service["SERVICE=".len()..], tag, &arguments)?;
        }
        let nginx = root().join("nginx");
        // The network of the machine: a private engine without the firewall's modules has no other.
        self.build("nginx", tag, &["--network", "host", nginx.to_str().context("a path in UTF-8")?])?;
        testkit::tell(&format!("the images '{tag}' are made in {:.1} s", started.elapsed().as_secs_f64()));
        built.push(tag.to_owned());
        Ok(())
    }

    fn build(&self, service: &str, tag: &str, arguments: &[&str]) -> Result<()> {
        let (image, version) = (image(service, tag), format!("VERSION={tag}"));
        let mut command = self.command("docker");
        command.args(["build", "--quiet", "--tag", &image, "--build-arg", &version]);
        output(command.args(arguments)).map(drop)
    }
}

/// The image of a service.
pub fn image(service: &str, tag: &str) -> String {
    format!("{REGISTRY}/netcdf_editor_{service}:{tag}")
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The output of a command that has to succeed.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("starting {command:?}"))?;
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("{command:?}: {}\n{}{told}", output.status, String::from_utf8_lossy(&output.stderr));
    }
    Ok(told)
}

/// The name of this machine's architecture in images.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    }
}

/// Copies the binaries that go into images into `folder`, without what a debugger needs; gives the services that are there.
fn gather(from: &Path, folder: &Path) -> Result<Vec<&'static str>> {
    fs::create_dir_all(folder)?;
    let mut there = Vec::new();
    for name in SERVICES.into_iter().chain([TOOL]) {
        let binary = from.join(name);
        if binary.exists() {
            output(Command::new("strip").arg("-o").arg(folder.join(name)).arg(&binary))?;
            there.push(name);
        } else {
            testkit::skipped(name, "its binary is not built: the stack is tested without it");
        }
    }
    ensure!(there.contains(&TOOL), "every image holds {TOOL}: run `cargo build --workspace --bins` first");
    there.retain(|name| *name != TOOL);
    Ok(there)
}
