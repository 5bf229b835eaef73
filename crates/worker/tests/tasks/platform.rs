//! A whole platform in the test process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use broker::rabbit::Settings as Address;
use broker::{Bus, EmbeddedBus, RabbitBus};
use serde_json::{Map, Value, json};
use service::{Config, Context, Metrics, relay};
use store::{DataFileId, Output, Release, Request, Revision, RunId, StepState, StepStatus, Store, UserId};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use worker::{Job, Report, Settings, StepError, StepOutput, Steps};
use workflow::message::PYTHON_QUEUE;
use workflow::{FileType, Message, Step};

/// How long anything may take before a test gives up on it.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(120);

/// What a run was given.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) data_file: DataFileId,
    pub(crate) step: Step,
    pub(crate) parameters: Map<String, Value>,
}

/// Steps that do what the parameter `act` says, and write down that they were run.
#[derive(Default)]
pub(crate) struct RecordingSteps {
    seen: Mutex<Vec<Seen>>,
    /// Whether steps that are held may end.
    released: AtomicBool,
}

impl Steps for RecordingSteps {
    fn computes(&self, step: Step) -> bool {
        step.worker() == workflow::Worker::Python
    }

    fn run(&self, job: &Job<'_>, report: &Report) -> Result<StepOutput, StepError> {
        let (step, parameters) = (job.run.step, job.run.parameters.clone());
        self.seen.lock().unwrap().push(Seen {
            data_file: job.run.data_file,
            step,
            parameters: parameters.clone(),
        });
        match parameters.get("act").and_then(Value::as_str) {
            Some("fail") => {
                return Err(StepError::Failed("the variable 'z' is missing: choose another".into()));
            }
            Some("panic") => panic!("this step panics on purpose"),
            Some("slow") => {
                for n in 0..1000 {
                    report.report("river lengths", f64::from(n) / 1000.0);
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            Some("held") => {
                while !self.released.load(Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
            Some("busy") => {
                // Without a word, and without a pause.
                let since = std::time::Instant::now();
                while since.elapsed() < Duration::from_secs(4) {
                    std::hint::black_box(since);
                }
            }
            Some("very slow") => {
                for n in 0..10_000 {
                    report.report("river lengths", f64::from(n) / 10_000.0);
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
            _ => {}
        }
        let mut made = StepOutput::default();
        for &file_type in step.outputs() {
            if file_type == FileType::Bathy && parameters.get("next_step_only") == Some(&json!("done")) {
                continue;
            }
            let staged = job.store.stage(file_type.extension())?;
            std::fs::write(staged.path(), format!("{step} {file_type}")).unwrap();
            made.outputs.push(Output { file_type, staged, info: Map::new() });
        }
        for file_type in step.inputs() {
            made.parents.extend(job.store.latest(job.run.data_file, *file_type)?.map(|revision| revision.id));
        }
        Ok(made)
    }
}

/// Which bus a platform is built on.
#[derive(Debug, Clone)]
pub(crate) enum On {
    Embedded,
    Rabbit(String),
}

pub(crate) struct Platform {
    pub(crate) context: Context,
    pub(crate) steps: Arc<RecordingSteps>,
    pub(crate) owner: UserId,
    stop: CancellationToken,
    worker_stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    _folder: Arc<TempDir>,
}

pub(crate) fn settings(concurrency: u16) -> Settings {
    Settings { concurrency, threads: Some(2), stop_grace: Duration::from_millis(300) }
}

impl Platform {
    pub(crate) async fn start(on: On, concurrency: u16) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let instance = folder.path().to_owned();
        let variables =
            move |name: &str| (name == "INSTANCE_PATH").then(|| instance.to_str().unwrap().to_owned());
        let config = Config::from(variables).unwrap();
        let store_config = config.store();
        let (store, owner) = tokio::task::spawn_blocking(move || {
            let store = Store::open(&store_config).unwrap();
            let owner = store.create_user("alice", "correct horse battery").unwrap();
            (store, owner)
        })
        .await
        .unwrap();
        let bus: Arc<dyn Bus> = match on {
            On::Embedded => {
                let store = store.clone();
                Arc::new(tokio::task::spawn_blocking(move || EmbeddedBus::new(store)).await.unwrap().unwrap())
            }
            On::Rabbit(url) => Arc::new(RabbitBus::connect(Address::parse(&url).unwrap())),
        };
        let context = Context { config: Arc::new(config), store, bus, metrics: Metrics::default() };
        let mut platform = Self {
            context,
            steps: Arc::default(),
            owner,
            stop: CancellationToken::new(),
            worker_stop: CancellationToken::new(),
            tasks: Vec::new(),
            _folder: folder,
        };
        let (store, bus) = (platform.context.store.clone(), Arc::clone(&platform.context.bus));
        let stop = platform.stop.clone();
        platform.tasks.push(tokio::spawn(relay::run(store, Arc::clone(&bus), stop.clone())));
        platform.tasks.push(tokio::spawn(message_dispatcher::run(bus, stop)));
        platform.worker(concurrency);
        platform
    }

    /// Starts a worker.
    fn worker(&mut self, concurrency: u16) {
        let (context, steps) = (self.context.clone(), self.steps.clone());
        self.worker_stop = self.stop.child_token();
        let stop = self.worker_stop.clone();
        self.tasks.push(tokio::spawn(async move {
            worker::run(&context, PYTHON_QUEUE, steps, settings(concurrency), stop).await.unwrap();
        }));
    }

    /// Tells the worker to stop, waits until it has, and starts another.
    pub(crate) async fn replace_worker(&mut self) {
        self.worker_stop.cancel();
        let worker = self.tasks.pop().expect("a worker");
        tokio::time::timeout(TIMEOUT, worker).await.expect("ends in time").expect("no panic");
        self.worker(1);
    }

    pub(crate) async fn end(self) {
        self.stop.cancel();
        for task in self.tasks {
            tokio::time::timeout(TIMEOUT, task).await.expect("ends in time").expect("no panic");
        }
    }

    pub(crate) async fn on_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> T {
        let store = self.context.store.clone();
        tokio::task::spawn_blocking(move || work(&store)).await.expect("no panic")
    }

    pub(crate) async fn upload(&self) -> DataFileId {
        let owner = self.owner;
        self.on_store(move |store| {
            let staged = store.stage(".nc").unwrap();
            std::fs::write(staged.path(), "a topography").unwrap();
            store.create_data_file(owner, "topo.nc", Map::new(), Release::default(), staged).unwrap()
        })
        .await
    }

    pub(crate) async fn ask(&self, data_file: DataFileId, step: Step, act: &str) -> RunId {
        let mut body = Map::new();
        body.insert("act".into(), json!(act));
        let request = Request { data_file, step, body, form_key: None, request_id: Some("click".into()) };
        self.on_store(move |store| store.request_step(request).unwrap()).await
    }

    pub(crate) async fn step(&self, data_file: DataFileId, step: Step) -> StepStatus {
        self.on_store(move |store| store.step(data_file, step).unwrap()).await
    }

    pub(crate) async fn revisions(&self, data_file: DataFileId) -> Vec<Revision> {
        self.on_store(move |store| store.revisions(data_file).unwrap()).await
    }

    pub(crate) async fn publish(&self, message: &Message) {
        self.context.bus.publish(std::slice::from_ref(message)).await.expect("published");
    }

    /// Waits until the step is in that state.
    pub(crate) async fn becomes(&self, data_file: DataFileId, step: Step, state: StepState) -> StepStatus {
        let mut status = self.step(data_file, step).await;
        let since = std::time::Instant::now();
        while status.state != state {
            assert!(since.elapsed() < TIMEOUT, "{step} does not become {state:?}: {status:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
            status = self.step(data_file, step).await;
        }
        status
    }

    /// Waits until nothing is under way: no run, no message anywhere.
    pub(crate) async fn settles(&self) {
        let since = std::time::Instant::now();
        // RabbitMQ does not count what is in somebody's hands: one quiet look is not enough.
        let mut quiet = 0;
        while quiet < 4 {
            let activity = self.on_store(|store| store.activity().unwrap()).await;
            let mut waiting = activity.queued + activity.running + activity.outbox;
            for queue in [workflow::message::DISPATCHER_QUEUE, PYTHON_QUEUE] {
                waiting += i64::try_from(self.context.bus.depth(queue).await.unwrap()).unwrap();
            }
            quiet = if waiting == 0 { quiet + 1 } else { 0 };
            assert!(since.elapsed() < TIMEOUT, "it does not come to rest: {activity:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) async fn dead_letters_become(&self, wanted: u64) {
        let since = std::time::Instant::now();
        loop {
            let found = self.context.bus.depth(broker::DEAD_LETTERS).await.unwrap();
            if found == wanted {
                return;
            }
            assert!(since.elapsed() < TIMEOUT, "{found} dead letters, not {wanted}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Lets the steps end that are held.
    pub(crate) fn release(&self) {
        self.steps.released.store(true, Ordering::Relaxed);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.steps.seen.lock().unwrap().clone()
    }

    pub(crate) fn runs_of(&self, step: Step) -> usize {
        self.seen().iter().filter(|seen| seen.step == step).count()
    }
}

/// How many revisions there are of each type.
pub(crate) fn count(revisions: &[Revision], file_type: FileType) -> usize {
    revisions.iter().filter(|revision| revision.file_type == file_type).count()
}

/// Numbers run from 0 without gap or double.
pub(crate) fn assert_numbered(revisions: &[Revision]) {
    let numbers: Vec<i32> = revisions.iter().map(|revision| revision.revision).collect();
    let expected: Vec<i32> = (0..).take(numbers.len()).collect();
    assert_eq!(numbers, expected);
}
