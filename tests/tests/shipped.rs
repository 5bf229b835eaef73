//! What is shipped, as operators meet it: what an orchestrator asks of the binaries, how they end, and that every build of
//! them is the same.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use end_to_end::{Platform, binary, terminate};
use tempfile::TempDir;

/// A service with an instance of its own, and with a broker that is not there.
struct Service {
    name: &'static str,
    instance: TempDir,
    ports: [u16; 3],
}

impl Service {
    fn new(name: &'static str) -> Result<Self> {
        Ok(Self { name, instance: tempfile::tempdir()?, ports: testkit::free_ports()? })
    }

    fn command(&self, argument: &str) -> Command {
        let [broker, web, health] = self.ports;
        let mut command = Command::new(binary(self.name));
        command
            .arg(argument)
            .env_clear()
            .env("BROKER_URL", format!("amqp://127.0.0.1:{broker}"))
            .env("INSTANCE_PATH", self.instance.path())
            .env("FLASK_RUN_HOST", "127.0.0.1")
            .env("FLASK_RUN_PORT", web.to_string())
            .env("PANEL_RUN_HOST", "127.0.0.1")
            .env("PANEL_RUN_PORT", web.to_string())
            .env("HEALTH_HOST", "127.0.0.1")
            .env("HEALTH_PORT", health.to_string())
            .stdin(Stdio::null());
        command
    }

    fn ask(&self, argument: &str) -> Result<Output> {
        self.command(argument).output().with_context(|| format!("{} {argument}", self.name))
    }
}

/// Killed at the latest when the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_service_says_how_it_is_and_ends_when_it_is_told_to() -> Result<()> {
    for name in ["flask_app", "panel_app", "message_dispatcher", "python_worker", "mosaic_worker"] {
        let service = Service::new(name)?;
        let early = service.ask("healthcheck")?;
        ensure!(early.status.code() == Some(1), "{name}, not started: {early:?}");
        ensure!(String::from_utf8_lossy(&early.stderr).contains("does not answer"), "{name}: {early:?}");

        let mut running = Running(service.command("serve").stderr(Stdio::null()).spawn()?);
        let deadline = Instant::now() + Duration::from_secs(60);
        while !service.ask("healthcheck")?.status.success() {
            ensure!(running.0.try_wait()?.is_none(), "{name} has ended by itself");
            ensure!(Instant::now() < deadline, "{name} does not become healthy");
            std::thread::sleep(Duration::from_millis(20));
        }
        // Nothing is under way: an updater may go on.
        let update = service.ask("pre-update")?;
        ensure!(update.status.code() == Some(0), "{name}: {update:?}");
        let ended = terminate(&mut running.0)?;
        ensure!(ended.code() == Some(0), "{name}, told to stop: {ended}");
        ensure!(service.ask("healthcheck")?.status.code() == Some(1), "{name} answers after its end");

        let wrong = service.ask("dance")?;
        ensure!(wrong.status.code() == Some(2), "{name}: {wrong:?}");
        ensure!(String::from_utf8_lossy(&wrong.stderr).contains("'dance' is unknown"), "{name}: {wrong:?}");
    }
    Ok(())
}

#[test]
fn the_platform_in_one_process_ends_when_it_is_told_to() -> Result<()> {
    let mut platform = Platform::start()?;
    let ended = platform.terminate()?;
    ensure!(ended.code() == Some(0), "told to stop: {ended}");
    platform.done();
    Ok(())
}

/// What a rebuild takes is what was tested: the lock file is there, and no recipe builds without it.
#[test]
fn d29_every_build_takes_the_locked_libraries() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    ensure!(root.join("Cargo.lock").is_file(), "no Cargo.lock");
    let mut recipes = vec![root.join("justfile")];
    for script in std::fs::read_dir(root.join("scripts"))? {
        recipes.push(script?.path());
    }
    let mut builds = 0;
    for path in recipes {
        for line in std::fs::read_to_string(&path)?.lines() {
            let verbs = ["build", "test", "clippy", "doc", "bench", "run", "install"];
            if verbs.iter().any(|verb| line.contains(&format!("cargo {verb} "))) {
                ensure!(line.contains("--locked"), "{}: {line}", path.display());
                builds += 1;
            }
        }
    }
    ensure!(builds >= 7, "only {builds} builds found: where are the recipes?");
    Ok(())
}
