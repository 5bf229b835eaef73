//! A Docker engine, and the images of the stack on it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

/// The services that are binaries of this workspace. The one list of them for all tests on the engine.
pub const SERVICES: [&str; 5] =
    ["flask_app", "panel_app", "message_dispatcher", "python_worker", "mosaic_worker"];

/// What lies in every image beside the service.
const TOOL: &str = "stackctl";

/// A folder with binaries to pack, such as `target/release`, instead of those that were built with the tests.
const BINARIES: &str = "CLIMSIM_BINARIES";

/// A folder with binaries of the release before, for the tests in which two releases work together; without it, and without
/// [`PREVIOUS_IMAGES`], these are the same binaries under another version. What it lacks is new.
const PREVIOUS_BINARIES: &str = "CLIMSIM_PREVIOUS_BINARIES";

/// The registry with the published images of the release before, such as `ceregecl`.
const PREVIOUS_IMAGES: &str = "CLIMSIM_PREVIOUS_IMAGES";

/// The tag of the images of the release before.
pub const PREVIOUS: &str = "previous";

/// The registry's name in the images that the tests make, so that nobody's own are touched.
pub const REGISTRY: &str = "climsim-test";

/// `scripts/engine`'s way to say that there is none.
const UNAVAILABLE: i32 = 69;

/// An engine with the base images; what was started goes when the test process does, however it ends.
pub struct Engine {
    host: String,
    private: bool,
    services: Vec<&'static str>,
    folder: PathBuf,
    built: Mutex<Vec<String>>,
    // Its standard input is what keeps a private engine up, and the folder.
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
        let mut told = BufReader::new(keeper.stdout.take().context("an output")?).lines();
        let mut line = |name: &str| -> Result<Option<String>> {
            let line = told.next().transpose()?;
            Ok(line.and_then(|line| Some(line.strip_prefix(name)?.to_owned())))
        };
        let (Some(host), Some(folder)) = (line("DOCKER_HOST=")?, line("FOLDER=")?) else {
            let status = keeper.wait()?;
            ensure!(status.code() == Some(UNAVAILABLE), "scripts/engine: {status}");
            testkit::skipped("the stack on a real Docker engine", "the line above says what is missing");
            return Ok(None);
        };
        testkit::tell(&format!(
            "the engine and its base images are there after {:.1} s",
            started.elapsed().as_secs_f64()
        ));
        let folder = PathBuf::from(folder);
        // A private one has its socket beside the folder.
        let private = folder.parent().is_some_and(|home| host.contains(&*home.to_string_lossy()));
        let built = crate::platform::built_binaries()?;
        let now = std::env::var_os(BINARIES).map_or(built, PathBuf::from);
        let services = gather(&[&now], &folder.join("now").join(architecture()))?;
        let before = std::env::var_os(PREVIOUS_BINARIES).map_or(now.clone(), PathBuf::from);
        gather(&[&before, &now], &folder.join(PREVIOUS).join(architecture()))?;
        Ok(Some(Self { host, private, services, folder, built: Mutex::default(), _keeper: keeper }))
    }

    /// The services whose binaries are there.
    pub fn services(&self) -> &[&'static str] {
        &self.services
    }

    /// Whether it was started for this process.
    pub fn is_private(&self) -> bool {
        self.private
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
    /// is the tag, so that images of two tags differ; those of [`PREVIOUS`] are the release before, as published where that is
    /// said, else made of its binaries.
    ///
    /// # Errors
    /// A build that fails.
    pub fn images(&self, tag: &str) -> Result<()> {
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if built.iter().any(|known| known == tag) {
            return Ok(());
        }
        let started = Instant::now();
        if tag == PREVIOUS && self.published()? {
            built.push(tag.to_owned());
            return Ok(());
        }
        let dockerfile = root().join("deploy/Dockerfile.prebuilt");
        let dockerfile = dockerfile.to_str().context("a path in UTF-8")?;
        let binaries = self.folder.join(if tag == PREVIOUS { PREVIOUS } else { "now" });
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

    /// Takes the images of the release before from the registry that [`PREVIOUS_IMAGES`] names. What it does not have, or has from
    /// another maker under the same name, is made here.
    fn published(&self) -> Result<bool> {
        let Ok(registry) = std::env::var(PREVIOUS_IMAGES) else { return Ok(false) };
        let mut names = Vec::new();
        for service in self.services.iter().chain(&["nginx"]) {
            let name = format!("{registry}/netcdf_editor_{service}:latest");
            let source = "{{index .Config.Labels \"org.opencontainers.image.title\"}}";
            let pulled = self.docker(&["pull", "--quiet", &name]);
            let title = pulled.and_then(|_| self.docker(&["image", "inspect", "--format", source, &name]));
            if title.as_ref().map(|title| title.trim()).ok() != Some(&format!("netcdf_editor_{service}")) {
                testkit::skipped(&name, "it is not published yet: the release before is made of binaries");
                return Ok(false);
            }
            names.push((name, image(service, PREVIOUS)));
        }
        for (name, ours) in &names {
            self.docker(&["tag", name, ours])?;
        }
        testkit::tell(&format!("the release before is what {registry} has as latest"));
        Ok(true)
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

/// Copies the binaries that go into images into `folder`, each from the first place that has it, without what a debugger
/// needs; gives the services that are there.
fn gather(places: &[&Path], folder: &Path) -> Result<Vec<&'static str>> {
    fs::create_dir_all(folder)?;
    let mut there = Vec::new();
    for name in SERVICES.into_iter().chain([TOOL]) {
        let binary = places.iter().map(|place| place.join(name)).find(|binary| binary.exists());
        if let Some(binary) = binary {
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
