//! The stack file, deployed on a real engine.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::block_in_place;

use crate::engine::{Engine, REGISTRY, engine, output, root};
use crate::with_last_words;

/// How long the stack may take for anything: generous, for a loaded machine. Tests wait for states, so they are quick when
/// the stack is.
pub const TIMEOUT: Duration = Duration::from_secs(180);

/// How long a whole test may take.
pub const TEST_TIMEOUT: Duration = Duration::from_secs(900);

/// The service of the stack file that ends once it has done its work.
pub const INSTANCE_OWNER: &str = "instance_owner";

/// Stacks that are up at a time: each waits for the most part, and more of them would wait for the processors.
const MAX_STACKS: u32 = 2;

static TURN: Semaphore = Semaphore::const_new(MAX_STACKS as usize);

/// Waits until there is room for one more stack, and keeps it.
pub async fn turn() -> SemaphorePermit<'static> {
    room_for(1).await
}

async fn room_for(stacks: u32) -> SemaphorePermit<'static> {
    match TURN.acquire_many(stacks).await {
        Ok(permit) => permit,
        Err(closed) => unreachable!("nobody closes it: {closed}"),
    }
}

/// A stack under a project name of its own, with new volumes, on a free port of the loopback interface; removed with its
/// volumes when dropped. Needs the runtime with several threads.
pub struct Deployment {
    engine: &'static Engine,
    project: String,
    files: Vec<PathBuf>,
    variables: Vec<(String, String)>,
    scale: Vec<(String, usize)>,
    port: u16,
    folder: tempfile::TempDir,
    _turn: SemaphorePermit<'static>,
}

impl Deployment {
    /// A stack of images `climsim-test/*:TAG` that is not up yet; `None` (said aloud) where there is no engine.
    ///
    /// # Errors
    /// An image that cannot be made.
    pub async fn new(name: &str, tag: &str) -> Result<Option<Self>> {
        Self::with(turn().await, name, tag)
    }

    /// As [`Deployment::new`], while no other stack is up: for what is said about times and memory.
    ///
    /// # Errors
    /// As [`Deployment::new`].
    pub async fn alone(name: &str, tag: &str) -> Result<Option<Self>> {
        Self::with(room_for(MAX_STACKS).await, name, tag)
    }

    fn with(turn: SemaphorePermit<'static>, name: &str, tag: &str) -> Result<Option<Self>> {
        let Some(engine) = block_in_place(engine) else { return Ok(None) };
        block_in_place(|| engine.images(tag))?;
        let [port] = testkit::free_ports()?;
        let mut deployment = Self {
            engine,
            project: format!("climsimtest{name}"),
            files: vec![root().join("deploy/docker-compose.yaml")],
            variables: Vec::new(),
            scale: Vec::new(),
            port,
            folder: tempfile::tempdir()?,
            _turn: turn,
        };
        deployment.set("NGINX_PORT", &format!("127.0.0.1:{port}"));
        deployment.set("REGISTRY", REGISTRY);
        deployment.set("STACK_TAG", tag);
        Ok(Some(deployment))
    }

    /// Makes a volume of this stack from the files of a folder, owned as they are there.
    ///
    /// # Errors
    /// As [`Deployment::docker`].
    pub fn fill_volume(&self, name: &str, folder: &Path) -> Result<()> {
        let (volume, from) = (format!("{}:/to", self.volume(name)), format!("{}:/from:ro", folder.display()));
        let copy = "cp -a /from/. /to/";
        self.docker(&[
            "run",
            "--rm",
            "-v",
            &volume,
            "-v",
            &from,
            "debian:bookworm-slim",
            "bash",
            "-c",
            copy,
        ])?;
        Ok(())
    }

    /// Where a volume of this stack lies on this machine.
    ///
    /// # Errors
    /// There is no such volume.
    pub fn mountpoint(&self, name: &str) -> Result<PathBuf> {
        let told = self.docker(&["volume", "inspect", "--format", "{{.Mountpoint}}", &self.volume(name)])?;
        Ok(PathBuf::from(told.trim()))
    }

    /// Sets a variable of the stack file, for the next `up`.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Adds a compose file with this text to those that make up the stack.
    ///
    /// # Errors
    /// A failing disk.
    pub fn add_file(&mut self, text: &str) -> Result<()> {
        let file = self.folder.path().join(format!("{}.yaml", self.files.len()));
        std::fs::write(&file, text)?;
        self.files.push(file);
        Ok(())
    }

    /// Makes it the form for one strong machine: PostgreSQL, and so many containers of each of these services.
    pub fn scale(&mut self, services: &[(&str, usize)]) {
        self.files.push(root().join("deploy/docker-compose.scale.yaml"));
        self.scale = services.iter().map(|(service, times)| ((*service).to_owned(), *times)).collect();
    }

    /// `http://127.0.0.1:PORT`, where nginx is published.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The engine that it runs on.
    pub fn engine(&self) -> &'static Engine {
        self.engine
    }

    /// The name of this stack.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The name of a volume of this stack.
    pub fn volume(&self, name: &str) -> String {
        format!("{}_{name}", self.project)
    }

    /// The services that run on: ours that are built, nginx, the broker, and PostgreSQL where it is scaled.
    pub fn services(&self) -> Vec<&'static str> {
        let ours = self.engine.services().iter().copied();
        let database = (!self.scale.is_empty()).then_some("database");
        ours.chain(["nginx", "message_broker"]).chain(database).collect()
    }

    /// A compose command on this stack; gives what it prints.
    ///
    /// # Errors
    /// It fails; its complaint is in the message.
    pub fn compose(&self, arguments: &[&str]) -> Result<String> {
        let mut command = self.engine.compose();
        command.args(["--project-name", &self.project]);
        for file in &self.files {
            command.arg("--file").arg(file);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value))).args(arguments);
        block_in_place(|| output(&mut command))
    }

    /// A `docker` command; gives what it prints.
    ///
    /// # Errors
    /// As [`Deployment::compose`].
    pub fn docker(&self, arguments: &[&str]) -> Result<String> {
        block_in_place(|| self.engine.docker(arguments))
    }

    /// Brings everything up, as an operator does.
    ///
    /// # Errors
    /// As [`Deployment::compose`].
    pub fn up(&self) -> Result<()> {
        let services = self.services();
        let scale: Vec<String> =
            self.scale.iter().map(|(service, times)| format!("--scale={service}={times}")).collect();
        let mut arguments = vec!["up", "--detach"];
        arguments.extend(scale.iter().map(String::as_str));
        // One whose binary is missing has no image.
        arguments.extend(services);
        arguments.push(INSTANCE_OWNER);
        self.compose(&arguments).map(drop)
    }

    /// The containers of a service.
    ///
    /// # Errors
    /// As [`Deployment::docker`].
    pub fn containers(&self, service: &str) -> Result<Vec<String>> {
        let (project, service) = (
            format!("label=com.docker.compose.project={}", self.project),
            format!("label=com.docker.compose.service={service}"),
        );
        let found = self.docker(&["ps", "-aq", "--filter", &project, "--filter", &service])?;
        Ok(found.lines().map(str::to_owned).collect())
    }

    /// The container of a service, one of them where it has several.
    ///
    /// # Errors
    /// There is none.
    pub fn container(&self, service: &str) -> Result<String> {
        self.containers(service)?.pop().with_context(|| format!("{service} has no container"))
    }

    /// What `docker inspect` tells of a service's container, by a template.
    ///
    /// # Errors
    /// As [`Deployment::container`].
    pub fn inspect(&self, service: &str, template: &str) -> Result<String> {
        let container = self.container(service)?;
        Ok(self.docker(&["inspect", "--format", template, &container])?.trim().to_owned())
    }

    /// Runs a script inside a service's container.
    ///
    /// # Errors
    /// It fails, or the container does not run.
    pub fn run_in(&self, service: &str, script: &str) -> Result<String> {
        let container = self.container(service)?;
        self.docker(&["exec", &container, "bash", "-c", script])
    }

    /// The body of one of the four pages that the machines of a stack ask each other for; `None` when the service does
    /// not answer with success.
    pub fn ask(&self, service: &str, path: &str) -> Option<String> {
        self.ask_container(&self.container(service).ok()?, path)
    }

    /// As [`Deployment::ask`], of one container.
    pub fn ask_container(&self, container: &str, path: &str) -> Option<String> {
        let script = format!(
            "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET {path} HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3"
        );
        let answer = self.docker(&["exec", container, "bash", "-c", &script]).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.split(' ').nth(1).is_some_and(|status| status == "200").then(|| body.to_owned())
    }

    /// What a container has said.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn logs(&self, container: &str) -> Result<String> {
        let mut command = self.engine.command("sh");
        block_in_place(|| output(command.args(["-c", "exec docker logs \"$0\" 2>&1", container])))
    }

    /// How a script inside a service's container ends.
    ///
    /// # Errors
    /// The container does not run.
    pub fn exit_code(&self, service: &str, script: &str) -> Result<i32> {
        let container = self.container(service)?;
        let mut command = self.engine.command("docker");
        command.args(["exec", &container, "sh", "-c", script]);
        let output = block_in_place(|| command.output())?;
        output.status.code().with_context(|| format!("{script}: {}", output.status))
    }

    /// Waits until every service has all that it needs.
    ///
    /// # Errors
    /// One does not come to that.
    pub async fn until_ready(&self) -> Result<()> {
        for service in self.engine.services() {
            for container in self.containers(service)? {
                let ready = async || Ok(self.ask_container(&container, "/readyz").is_some());
                until(&format!("{service} is ready"), ready).await?;
            }
        }
        let page = format!("{}/auth/login", self.address());
        until("a page comes", async || Ok(reqwest::get(&page).await.is_ok_and(|a| a.status().is_success())))
            .await
    }

    /// Kills what runs in a service's container, as the kernel does; the engine starts it again.
    ///
    /// # Errors
    /// As [`Deployment::container`].
    pub fn crash(&self, service: &str) -> Result<()> {
        let process = self.inspect(service, "{{.State.Pid}}")?;
        // From outside: what a container runs first cannot be killed by what it runs later.
        let image = "debian:bookworm-slim";
        self.docker(&[
            "run",
            "--rm",
            "--pid",
            "host",
            image,
            "bash",
            "-c",
            &format!("kill -KILL {process}"),
        ])?;
        Ok(())
    }

    /// A container that takes the next free address of the stack's network; gives its id.
    ///
    /// # Errors
    /// As [`Deployment::docker`].
    pub fn squat(&self) -> Result<String> {
        let network = format!("{}_climsim", self.project);
        let label = format!("com.docker.compose.project={}", self.project);
        let run = [
            "run",
            "--detach",
            "--network",
            &network,
            "--label",
            &label,
            "debian:bookworm-slim",
            "sleep",
            "600",
        ];
        Ok(self.docker(&run)?.trim().to_owned())
    }

    /// The error, and what the containers last said after it.
    fn failed(&self, error: anyhow::Error) -> anyhow::Error {
        let filter = format!("label=com.docker.compose.project={}", self.project);
        let table = "{{.Names}}: {{.Image}}, {{.Status}}";
        let mut told = self.docker(&["ps", "-a", "--filter", &filter, "--format", table]).unwrap_or_default();
        for service in self.services() {
            let Ok(container) = self.container(service) else { continue };
            let mut command = self.engine.command("sh");
            command.args(["-c", "docker logs --timestamps --tail 15 \"$0\" 2>&1", &container]);
            told.push_str(&format!("--- {service}\n{}", output(&mut command).unwrap_or_default()));
        }
        with_last_words(&error, &told)
    }

    /// Runs a test; an error comes with the containers' last words.
    ///
    /// # Errors
    /// The test's.
    pub async fn run(&mut self, test: impl AsyncFnOnce(&mut Self) -> Result<()>) -> Result<()> {
        in_time(test(self)).await.map_err(|error| self.failed(error))
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        let _ = self.compose(&["kill"]);
        let _ = self.compose(&["down", "--volumes", "--remove-orphans", "--timeout", "1"]);
    }
}

/// The outcome of a test that may take as long as [`TEST_TIMEOUT`] says.
///
/// # Errors
/// The test's, or it is not over by then.
pub async fn in_time(test: impl Future<Output = Result<()>>) -> Result<()> {
    let outcome = tokio::time::timeout(TEST_TIMEOUT, test).await;
    outcome.unwrap_or_else(|_| bail!("not over in {TEST_TIMEOUT:?}"))
}

/// Waits until `condition` holds.
///
/// # Errors
/// Its own error, or it does not hold in time; `what` says what was waited for.
pub async fn until(what: &str, condition: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    until_within(TIMEOUT, what, condition).await
}

/// As [`until`], with a patience of its own.
///
/// # Errors
/// As [`until`].
pub async fn until_within(
    patience: Duration,
    what: &str,
    mut condition: impl AsyncFnMut() -> Result<bool>,
) -> Result<()> {
    let deadline = Instant::now() + patience;
    while !condition().await? {
        if Instant::now() > deadline {
            bail!("not within {} s: {what}", patience.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
