//! The shipped binaries on RabbitMQ: killed, restarted, cut off. Nothing lost, nothing double, and the state that a
//! page shows is true.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use broker::rabbit::Settings;
use broker::{Bus, RabbitBus};
use serde_json::json;
use store::{DataFileId, StepState, Store, UserId};
use tempfile::TempDir;
use testkit::RabbitMq;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use workflow::{FileType, Step};

use crate::planet::{ask, becomes, idle, of_type, open, topography, upload, wait};

const WORKER: &str = env!("CARGO_BIN_EXE_python_worker");

/// The dispatcher's binary, which lies beside the worker's. It is not built here: alone it would be built with other features of
/// its dependencies than all together, and so would they.
fn dispatcher() -> PathBuf {
    let path = Path::new(WORKER).with_file_name("message_dispatcher");
    assert!(path.exists(), "{} is not built: run `cargo build --workspace --bins` first", path.display());
    path
}

/// A process that dies with its handle.
struct Service(Child);

impl Service {
    fn command(binary: &Path, url: &str, instance: &Path) -> Command {
        let mut command = Command::new(binary);
        command
            .env_clear()
            .env("BROKER_URL", url)
            .env("INSTANCE_PATH", instance)
            .env("HEALTH_PORT", "0")
            .env("STOP_GRACE_SECONDS", "120")
            .env("LOG", "warn")
            .stdin(Stdio::null());
        command
    }

    fn start(binary: &Path, url: &str, instance: &Path) -> Self {
        Self(Self::command(binary, url, instance).spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        let mut told = Command::new("sh");
        told.args(["-c", "kill -\"$0\" \"$1\"", name, &self.0.id().to_string()]);
        assert!(told.status().unwrap().success());
    }

    /// As `kill -9`.
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The stack as an operator has it; this process stands for the web.
struct Stack {
    url: String,
    store: Store,
    owner: UserId,
    runtime: Runtime,
    stop: CancellationToken,
    folder: TempDir,
}

impl Stack {
    fn on(server: &RabbitMq) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (store, owner) = open(folder.path());
        let url = server.url();
        let runtime = Runtime::new().unwrap();
        let stop = CancellationToken::new();
        let (relayed, stopped) = (store.clone(), stop.clone());
        let settings = Settings::parse(&url).unwrap();
        runtime.spawn(async move {
            let bus: Arc<dyn Bus> = Arc::new(RabbitBus::connect(settings));
            service::relay::run(relayed, bus, stopped).await;
        });
        Self { url, store, owner, runtime, stop, folder }
    }

    fn worker(&self) -> Service {
        Service::start(Path::new(WORKER), &self.url, self.folder.path())
    }

    /// What an updater is told about the worker.
    fn advice(&self) -> Option<i32> {
        let mut command = Service::command(Path::new(WORKER), &self.url, self.folder.path());
        command.arg("pre-update").status().unwrap().code()
    }

    /// Asks for routings at a quarter of a degree until the worker is frozen in the middle of one.
    fn frozen_in_a_routing(&self, worker: &Service) -> DataFileId {
        loop {
            let file = upload(&self.store, self.owner, &topography(0.25));
            ask(&self.store, file, Step::Routing, json!({"topo_var": "topo", "orcafile": "default"}));
            let state = || self.store.step(file, Step::Routing).unwrap();
            wait("routing has reported progress", || {
                let status = state();
                let at_work = status.state == StepState::Running && status.fraction.is_some_and(|f| f > 0.0);
                (at_work || status.state == StepState::Done).then_some(())
            });
            worker.signal("STOP");
            if state().state == StepState::Running {
                return file;
            }
            worker.signal("CONT");
        }
    }

    fn dispatcher(&self) -> Service {
        Service::start(&dispatcher(), &self.url, self.folder.path())
    }

    fn end(self) {
        self.stop.cancel();
        self.runtime.shutdown_timeout(Duration::from_secs(5));
    }
}

/// D16, D5: the worker is killed in the middle of a routing; one that comes after finishes it, once.
#[test]
fn d16_a_worker_killed_in_the_middle_of_routing() {
    let Some(server) = testkit::rabbitmq() else { return };
    let stack = Stack::on(server);
    let _dispatcher = stack.dispatcher();
    let worker = stack.worker();
    let file = stack.frozen_in_a_routing(&worker);
    worker.kill();
    assert_eq!(stack.store.revisions(file).unwrap().len(), 1, "nothing half-made");
    assert_eq!(stack.store.step(file, Step::Routing).unwrap().state, StepState::Running);

    let _worker = stack.worker();
    for step in [Step::Routing, Step::Heatflow, Step::Ahmcoef] {
        becomes(&stack.store, file, step, StepState::Done);
    }
    idle(&stack.store);
    for file_type in Step::Routing.outputs().iter().chain([&FileType::Heatflow, &FileType::Ahmcoef]) {
        assert_eq!(of_type(&stack.store, file, *file_type).len(), 1, "{file_type}");
    }
    let numbers: Vec<i32> = stack.store.revisions(file).unwrap().iter().map(|r| r.revision).collect();
    assert_eq!(numbers, (0..).take(numbers.len()).collect::<Vec<_>>());
    stack.end();
}

/// An updater is asked to come back later while a step runs; a worker that is told to stop all the same finishes it.
#[test]
fn a_worker_told_to_stop_in_the_middle_of_routing() {
    let Some(server) = testkit::rabbitmq() else { return };
    let stack = Stack::on(server);
    let _dispatcher = stack.dispatcher();
    let mut worker = stack.worker();
    assert_eq!(stack.advice(), Some(0));
    let file = stack.frozen_in_a_routing(&worker);
    assert_eq!(stack.advice(), Some(75));
    worker.signal("TERM");
    worker.signal("CONT");
    let ended = wait("the worker ends", || worker.0.try_wait().unwrap());
    assert_eq!(ended.code(), Some(0));
    assert_eq!(stack.store.step(file, Step::Routing).unwrap().state, StepState::Done);
    assert_eq!(of_type(&stack.store, file, FileType::Routing).len(), 1);
    assert_eq!(stack.advice(), Some(0));
    stack.end();
}

/// The dispatcher is killed while messages pass: all of them arrive, none has a double effect.
#[test]
fn a_dispatcher_killed_while_messages_pass() {
    let Some(server) = testkit::rabbitmq() else { return };
    let stack = Stack::on(server);
    let planet = topography(10.0);
    let files: Vec<_> = (0..40).map(|_| upload(&stack.store, stack.owner, &planet)).collect();
    let _worker = stack.worker();
    let form =
        json!({"limits": "default", "Longitude Step": "12", "Latitude Step": "12", "interpolator": "linear"});
    let mut dispatcher = stack.dispatcher();
    for (n, &file) in files.iter().enumerate() {
        ask(&stack.store, file, Step::Regrid, form.clone());
        if n % 13 == 12 {
            dispatcher.kill();
            // The page says "queued" or better in the meantime, never nothing.
            assert_ne!(stack.store.step(file, Step::Regrid).unwrap().state, StepState::NeverRun);
            dispatcher = stack.dispatcher();
        }
    }
    for &file in &files {
        becomes(&stack.store, file, Step::Regrid, StepState::Done);
    }
    idle(&stack.store);
    for &file in &files {
        assert_eq!(of_type(&stack.store, file, FileType::Raw).len(), 2);
    }
    stack.end();
}

/// D6, D6b: the broker is down while the user clicks; the click is remembered and carried out.
#[test]
fn d6_a_broker_down_while_the_user_clicks() {
    let Some(server) = RabbitMq::start() else { return };
    if !server.is_private() {
        return testkit::skipped("stopping the broker", "it is not ours to stop");
    }
    let stack = Stack::on(&server);
    let (_worker, _dispatcher) = (stack.worker(), stack.dispatcher());
    let file = upload(&stack.store, stack.owner, &topography(4.0));
    server.stop();
    ask(&stack.store, file, Step::Routing, json!({"topo_var": "topo", "orcafile": "default"}));
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(stack.store.step(file, Step::Routing).unwrap().state, StepState::Queued);
    assert_eq!(stack.store.activity().unwrap().outbox, 1);
    server.restart();
    for step in [Step::Routing, Step::Heatflow, Step::Ahmcoef] {
        becomes(&stack.store, file, step, StepState::Done);
    }
    idle(&stack.store);
    assert_eq!(of_type(&stack.store, file, FileType::Bathy).len(), 1);
    stack.end();
}

/// Two routings of one file at once, on two workers.
#[test]
fn two_routings_of_one_file_on_two_workers() {
    let Some(server) = testkit::rabbitmq() else { return };
    let stack = Stack::on(server);
    let (_one, _two, _dispatcher) = (stack.worker(), stack.worker(), stack.dispatcher());
    let file = upload(&stack.store, stack.owner, &topography(1.0));
    for _ in 0..2 {
        ask(&stack.store, file, Step::Routing, json!({"topo_var": "topo", "orcafile": "default"}));
    }
    wait("both routings", || (of_type(&stack.store, file, FileType::Routing).len() == 2).then_some(()));
    idle(&stack.store);
    for step in [Step::Routing, Step::Heatflow, Step::Ahmcoef] {
        becomes(&stack.store, file, step, StepState::Done);
    }
    let revisions = stack.store.revisions(file).unwrap();
    let numbers: Vec<i32> = revisions.iter().map(|revision| revision.revision).collect();
    assert_eq!(numbers, (0..).take(numbers.len()).collect::<Vec<_>>());
    for file_type in Step::Routing.outputs() {
        assert_eq!(of_type(&stack.store, file, *file_type).len(), 2, "{file_type}");
    }
    stack.end();
}
