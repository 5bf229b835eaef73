//! The stack for several machines, as a swarm of one; RabbitMQ and PostgreSQL beside it.

use std::os::unix::fs::chown;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use end_to_end::deployment::{in_time, turn, until};
use end_to_end::engine::{Engine, REGISTRY, engine, image};
use end_to_end::with_last_words;
use testkit::tell;
use tokio::sync::SemaphorePermit;
use tokio::task::block_in_place;

use crate::files::root;
use crate::load::Load;

const STACK: &str = "climsimtestswarm";

/// The services' user, who owns the shared folder.
const OWNER: u32 = 10001;

/// Without IPVS in the kernel a swarm shares out no port: it is the machine's own then, and one container has it.
const OWN_PORT: &str = "version: '3.8'\nservices: {nginx: {ports: [{target: 80, published: PORT, protocol: tcp, mode: host}], \
     deploy: {endpoint_mode: dnsrr, replicas: 1, update_config: {order: stop-first}, rollback_config: {order: stop-first}}}}\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_swarm_heals_updates_and_goes_back() -> Result<()> {
    let Some(swarm) = Swarm::start().await? else { return Ok(()) };
    in_time(heals_updates_and_goes_back(&swarm)).await.map_err(|error| swarm.failed(error))
}

async fn heals_updates_and_goes_back(swarm: &Swarm) -> Result<()> {
    let begun = Instant::now();
    swarm.deploy("latest")?;
    swarm.complete("latest").await?;
    tell(&format!("a swarm has all replicas after {:.1} s", begun.elapsed().as_secs_f64()));
    let mut load = Load::on(&swarm.site(), true, "buckland").await?;

    // One container of each service is killed; the swarm makes another.
    let mut told = Vec::new();
    for service in swarm.services()? {
        swarm.kill_one(&service).await?;
        let (pages, editor) = load.recovered(&format!("one {service} killed"), Instant::now()).await?;
        told.push(format!("{service} {pages:.1} s, {editor:.1} s"));
    }
    tell(&format!(
        "until no page fails, until the editor draws, after the swarm has made anew {}",
        told.join("; ")
    ));

    let begun = Instant::now();
    swarm.deploy("next")?;
    swarm.complete("next").await?;
    let (pages, editor) = load.recovered("everything updated", Instant::now()).await?;
    tell(&format!(
        "updated one by one in {:.1} s; until no page fails {pages:.1} s, until the editor draws {editor:.1} s",
        begun.elapsed().as_secs_f64()
    ));

    // A release that does not start: the swarm goes back by itself, and nobody notices.
    let noticed = load.failed();
    let begun = Instant::now();
    let service = format!("{STACK}_flask_app");
    let broken = image("flask_app", "broken");
    swarm.docker(&["tag", "debian:bookworm-slim", &broken])?;
    swarm.docker(&["service", "update", "--detach", "--no-resolve-image", "--image", &broken, &service])?;
    until("the swarm has gone back", async || {
        let state = swarm.docker(&["service", "inspect", "--format", "{{.UpdateStatus.State}}", &service])?;
        Ok(state.trim() == "rollback_completed")
    })
    .await?;
    swarm.complete("next").await?;
    ensure!(load.failed() == noticed, "{} pages failed", load.failed() - noticed);
    tell(&format!(
        "a broken release is taken back after {:.1} s, no page failed",
        begun.elapsed().as_secs_f64()
    ));
    tell(&format!("in a swarm {}", load.end().await?));
    Ok(())
}

/// A swarm of this engine alone.
struct Swarm {
    engine: &'static Engine,
    folder: tempfile::TempDir,
    variables: Vec<(&'static str, String)>,
    port: u16,
    has_ipvs: bool,
    _turn: SemaphorePermit<'static>,
}

impl Swarm {
    /// `None` (said aloud) where there is no engine, or somebody's own that should not become a swarm.
    async fn start() -> Result<Option<Self>> {
        let turn = turn().await;
        let Some(engine) = block_in_place(engine) else { return Ok(None) };
        if !engine.is_private() && std::env::var_os("CI").is_none() {
            testkit::skipped("the stack as a swarm", "an engine that is somebody's is not made one");
            return Ok(None);
        }
        block_in_place(|| engine.images("latest").and_then(|()| engine.images("next")))?;
        let [port, broker, database] = testkit::free_ports()?;
        let folder = tempfile::tempdir()?;
        let instance = folder.path().join("instance");
        std::fs::create_dir(&instance)?;
        chown(&instance, Some(OWNER), Some(OWNER))?;
        let mut swarm = Self { engine, folder, variables: Vec::new(), port, has_ipvs: false, _turn: turn };
        swarm.docker(&["swarm", "init", "--advertise-addr", "127.0.0.1"])?;
        // The engine brings the module in, where there is one.
        swarm.has_ipvs = Path::new("/proc/net/ip_vs").exists();
        if !swarm.has_ipvs {
            tell("no IPVS in this kernel: the swarm's nginx has a port of the machine");
        }
        let network = format!("{STACK}_outside");
        swarm.docker(&["network", "create", &network])?;
        let gateway = "{{(index .IPAM.Config 0).Gateway}}";
        let gateway = swarm.docker(&["network", "inspect", "--format", gateway, &network])?;
        let gateway = gateway.trim();
        for (name, port, inside, variable, image) in [
            ("broker", broker, 5672, "RABBITMQ_DEFAULT_USER=guest", "rabbitmq:4-management"),
            ("database", database, 5432, "POSTGRES_PASSWORD=slow waters", "postgres:17"),
        ] {
            let (name, publish) = (format!("{STACK}_{name}"), format!("{gateway}:{port}:{inside}"));
            let place = ["run", "--detach", "--name", &name, "--network", &network, "--publish", &publish];
            swarm.docker(&[&place[..], &["--env", variable, image]].concat())?;
        }
        swarm.variables = vec![
            ("REGISTRY", REGISTRY.to_owned()),
            ("NGINX_PORT", port.to_string()),
            ("BROKER_URL", format!("amqp://guest:guest@{gateway}:{broker}/")),
            ("DATABASE_URL", format!("postgres://postgres:slow%20waters@{gateway}:{database}/postgres")),
            ("INSTANCE_FOLDER", instance.display().to_string()),
        ];
        Ok(Some(swarm))
    }

    fn site(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn docker(&self, arguments: &[&str]) -> Result<String> {
        block_in_place(|| self.engine.docker(arguments))
    }

    /// `docker stack deploy`, as the file's head says it.
    fn deploy(&self, tag: &str) -> Result<()> {
        let mut command = self.engine.command("docker");
        command.args(["stack", "deploy", "--resolve-image", "never", "-c"]);
        command.arg(root().join("deploy/docker-stack.yaml"));
        if !self.has_ipvs {
            let file = self.folder.path().join("own-port.yaml");
            std::fs::write(&file, OWN_PORT.replace("PORT", &self.port.to_string()))?;
            command.arg("-c").arg(file);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value))).env("STACK_TAG", tag);
        let deployed = block_in_place(|| command.arg(STACK).output())?;
        ensure!(deployed.status.success(), "{}", String::from_utf8_lossy(&deployed.stderr));
        Ok(())
    }

    /// The names of its services.
    fn services(&self) -> Result<Vec<String>> {
        let names = self.docker(&["stack", "services", "--format", "{{.Name}}", STACK])?;
        let prefix = format!("{STACK}_");
        Ok(names.lines().filter_map(|name| Some(name.strip_prefix(&prefix)?.to_owned())).collect())
    }

    /// Waits until every service runs as often as it should, and whatever runs is of this tag.
    async fn complete(&self, tag: &str) -> Result<()> {
        let ending = format!(":{tag}");
        until(&format!("the swarm is complete with {tag}"), async || {
            let services = self.docker(&["stack", "services", "--format", "{{.Replicas}}", STACK])?;
            let all = services
                .lines()
                .all(|replicas| replicas.split_once('/').is_some_and(|(running, wanted)| running == wanted));
            let format = "{{.Image}} {{.CurrentState}}";
            // While none is there this is an error.
            let tasks = ["stack", "ps", "--filter", "desired-state=running", "--format", format, STACK];
            let tasks = self.docker(&tasks).unwrap_or_default();
            let new = |task: &str| {
                task.split_once(' ')
                    .is_some_and(|(image, state)| image.ends_with(&ending) && state.starts_with("Running"))
            };
            Ok(all && tasks.lines().count() >= services.lines().count() && tasks.lines().all(new))
        })
        .await
    }

    /// Kills one container of a service, and waits until the swarm has another.
    async fn kill_one(&self, service: &str) -> Result<()> {
        let filter = format!("label=com.docker.swarm.service.name={STACK}_{service}");
        let healthy = ["ps", "-q", "--filter", &filter, "--filter", "health=healthy"];
        let before = self.docker(&healthy)?;
        let one = before.lines().next().with_context(|| format!("{service} does not run"))?;
        self.docker(&["kill", one])?;
        until(&format!("{service} is made anew"), async || {
            let now = self.docker(&healthy)?;
            Ok(!now.contains(one) && now.lines().count() == before.lines().count())
        })
        .await
    }

    /// The error with what the swarm says.
    fn failed(&self, error: anyhow::Error) -> anyhow::Error {
        let tasks = "{{.Name}}: {{.Image}}, {{.CurrentState}} {{.Error}}";
        let mut told =
            self.docker(&["stack", "ps", "--no-trunc", "--format", tasks, STACK]).unwrap_or_default();
        for service in self.services().unwrap_or_default() {
            let name = format!("{STACK}_{service}");
            told += &format!("--- {service}\n");
            told += &self.docker(&["service", "logs", "--raw", "--tail", "10", &name]).unwrap_or_default();
        }
        with_last_words(&error, &told)
    }
}

impl Drop for Swarm {
    fn drop(&mut self) {
        let _ = self.docker(&["stack", "rm", STACK]);
        let _ = self.docker(&["swarm", "leave", "--force"]);
        for name in ["broker", "database"] {
            let _ = self.docker(&["rm", "--force", "--volumes", &format!("{STACK}_{name}")]);
        }
        let _ = self.docker(&["network", "rm", &format!("{STACK}_outside")]);
        let _ = self.docker(&["volume", "rm", &format!("{STACK}_instance_storage")]);
    }
}
