//! The step of the weights from the click to the stored archive, on the embedded bus: real numerics on a made-up planet.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use boundary::subbasins;
use broker::{Bus, EmbeddedBus};
use coupling::Figures;
use dataset::{Attributes, Dataset};
use ndarray::{Array1, Array2};
use serde_json::{Map, Value, json};
use service::{Config, Context, Metrics, relay};
use store::{
    DataFileId, Edit, Reach, Release, Request, Revision, RunId, StepState, StepStatus, Store, UserId,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use workflow::message::MOSAIC_QUEUE;
use workflow::{FileType, Key, Message, Step, Task, Worker};

/// How long anything may take before a test gives up on it; the machine may be busy.
const TIMEOUT: Duration = Duration::from_secs(180);

/// Both workers, the dispatcher and the relay in one process.
struct Platform {
    store: Store,
    owner: UserId,
    bus: Arc<dyn Bus>,
    runtime: Runtime,
    stop: CancellationToken,
    _folder: TempDir,
}

impl Platform {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = store::Config { instance: folder.path().to_owned(), database_url: None, pool_size: 4 };
        let store = Store::open(&config).unwrap();
        let owner = store.create_user("alice", "correct horse battery").unwrap();
        let runtime = Runtime::new().unwrap();
        let config = Config::from(|_| None).unwrap();
        let bus: Arc<dyn Bus> = Arc::new(EmbeddedBus::new(store.clone()).unwrap());
        let metrics = Metrics::default();
        let context = Context { config: Arc::new(config), store: store.clone(), bus: bus.clone(), metrics };
        let stop = CancellationToken::new();
        runtime.spawn(relay::run(store.clone(), bus.clone(), stop.clone()));
        runtime.spawn(message_dispatcher::run(bus.clone(), stop.clone()));
        let (numerics, stopped) = (context.clone(), stop.clone());
        runtime.spawn(async move { python_worker::run(&numerics, stopped).await });
        let stopped = stop.clone();
        runtime.spawn(async move { mosaic_worker::run(&context, stopped).await });
        Self { store, owner, bus, runtime, stop, _folder: folder }
    }

    fn end(self) {
        self.stop.cancel();
        self.runtime.shutdown_timeout(Duration::from_secs(5));
    }

    /// A planet with two continents, uploaded.
    fn upload(&self) -> DataFileId {
        let lat = Array1::from_shape_fn(45, |j| -88.0 + 4.0 * j as f64);
        let lon = Array1::from_shape_fn(90, |i| -178.0 + 4.0 * i as f64);
        let heights = Array2::from_shape_fn((45, 90), |(j, i)| {
            let (phi, lambda) = (lat[j].to_radians(), lon[i].to_radians());
            // Land around the south pole, where no ocean grid reaches.
            if lat[j] < -70.0 { 500.0 } else { 2500.0 * (2.0 * lambda).sin() * phi.cos() - 600.0 }
        });
        let mut planet = Dataset::new();
        planet.add_f64("lat", &["lat"], lat.into_dyn(), Attributes::new().with("units", "degrees_north"));
        planet.add_f64("lon", &["lon"], lon.into_dyn(), Attributes::new().with("units", "degrees_east"));
        planet.add_f64("topo", &["lat", "lon"], heights.into_dyn(), Attributes::new().with("units", "m"));
        let mut info = Map::new();
        info.insert("title".into(), json!("Planet 60"));
        let file = self
            .store
            .create_data_file(self.owner, "planet.nc", info, Release::default(), self.staged(&planet))
            .unwrap();
        self.store.set_coordinates(file, "lon", "lat").unwrap();
        file
    }

    fn staged(&self, dataset: &Dataset) -> store::Staged {
        let staged = self.store.stage(".nc").unwrap();
        dataset::write(dataset, staged.path()).unwrap();
        staged
    }

    fn ask(&self, file: DataFileId, step: Step, body: Value) -> RunId {
        let body = body.as_object().cloned().unwrap();
        let request = Request { data_file: file, step, body, form_key: None, request_id: None };
        self.store.request_step(request).unwrap()
    }

    fn route(&self, file: DataFileId, orcafile: &str) {
        self.ask(file, Step::Routing, json!({"topo_var": "topo", "orcafile": orcafile}));
        self.idle();
        self.is(file, Step::Routing, StepState::Done);
    }

    /// Stores the default sub-basins as the page does.
    fn sub_basins(&self, file: DataFileId) {
        let bathy = self.store.latest(file, FileType::Bathy).unwrap().unwrap();
        let depths = dataset::read(self.store.path(&bathy)).unwrap();
        let parameters = subbasins::Parameters { release: boundary::Release::default(), saved: None };
        let made = subbasins::run(&depths, &parameters, &boundary::Silent).unwrap();
        let edit = Edit {
            data_file: file,
            step: Some(Step::Subbasins),
            file_type: FileType::SubBasins,
            staged: self.staged(&made.dataset),
            info: Map::new(),
            parameters: Map::new(),
            parents: vec![bathy.id],
            findings: Vec::new(),
            reach: Reach::Everything,
            form_key: None,
            request_id: None,
        };
        self.store.record_edit(edit).unwrap();
        self.idle();
    }

    fn is(&self, file: DataFileId, step: Step, state: StepState) -> StepStatus {
        let status = self.store.step(file, step).unwrap();
        assert_eq!(status.state, state, "{step}: {status:?}");
        status
    }

    /// Waits until a run of the weights has ended, and says how.
    fn ends(&self, file: DataFileId, run: RunId) -> StepStatus {
        wait("the weights end", || {
            let status = self.store.step(file, Step::CalculateWeights).unwrap();
            let ended = !matches!(status.state, StepState::Queued | StepState::Running);
            (status.run == Some(run) && ended).then_some(status)
        })
    }

    fn idle(&self) {
        wait("rest", || {
            let activity = self.store.activity().unwrap();
            (activity.queued + activity.running + activity.outbox == 0).then_some(())
        });
    }

    fn of_type(&self, file: DataFileId, file_type: FileType) -> Vec<Revision> {
        let revisions = self.store.revisions(file).unwrap();
        revisions.into_iter().filter(|revision| revision.file_type == file_type).collect()
    }

    /// Paths and contents of a stored archive, in its order.
    fn unpacked(&self, revision: &Revision) -> Vec<(String, Vec<u8>)> {
        let packed = std::fs::File::open(self.store.path(revision)).unwrap();
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(packed));
        let mut members = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            members.push((path, bytes));
        }
        members
    }
}

fn wait<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(since.elapsed() < TIMEOUT, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn figures(revision: &Revision) -> Figures {
    serde_json::from_value(revision.info[mosaic_worker::FIGURES].clone()).unwrap()
}

#[test]
fn from_the_click_to_the_archive_and_again_when_the_sub_basins_change() {
    let platform = Platform::start();
    let file = platform.upload();
    platform.route(file, "default");
    platform.sub_basins(file);
    // Nobody asked for weights so far: nothing follows by itself.
    platform.is(file, Step::CalculateWeights, StepState::NeverRun);

    // The body of the original.
    platform.ask(file, Step::CalculateWeights, json!({}));
    platform.idle();
    let status = platform.is(file, Step::CalculateWeights, StepState::Done);
    eprintln!("{:?}", status.findings);
    let weights = platform.of_type(file, FileType::Weights);
    assert_eq!(weights.len(), 1);
    assert!(weights[0].filepath.ends_with(".tar.gz"), "{}", weights[0].filepath);
    let latest = |file_type| platform.store.latest(file, file_type).unwrap().unwrap().id;
    let parents = [latest(FileType::Bathy), latest(FileType::SubBasins), latest(FileType::Coords)];
    assert_eq!(weights[0].parents, parents);

    let members = platform.unpacked(&weights[0]);
    let paths: Vec<&str> = members.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths[0], "maps.nc");
    let cpl = "IGCM/CPL/IPSLCM5A2/PALEORCA2.Planet_60xLMD9695";
    for name in [
        "grids.nc",
        "areas.nc",
        "masks.nc",
        "rmp_torc_to_tlmd_MOSAIC.nc",
        "rmp_tlmd_to_torc_MOSAIC.nc",
        "rmp_tlmd_to_torc_MOSAIC_rivflu.nc",
        "rmp_tlmd_to_torc_MOSAIC_calvin.nc",
        "run.def",
    ] {
        assert!(paths.contains(&format!("{cpl}/{name}").as_str()), "{name} in {paths:?}");
    }
    assert!(paths.contains(&"IGCM/ATM/START/PALEORCA2.Planet_60xLMD9695/o2a.nc"), "{paths:?}");
    assert!(paths.contains(&"DOMSK/PALEORCA2.Planet_60/PALEORCA2.Planet_60.nc"), "{paths:?}");
    let bathymetry = std::fs::read(platform.store.path(&platform.of_type(file, FileType::Bathy)[0])).unwrap();
    assert!(members.iter().any(|(_, bytes)| *bytes == bathymetry), "the inputs are delivered too");

    let figures = figures(&weights[0]);
    assert_eq!((figures.atmosphere.columns, figures.atmosphere.rows), (96, 96));
    assert_eq!((figures.ocean.columns, figures.ocean.rows), (182, 149));
    assert!((figures.to_atmosphere.row_sums.min - 1.0).abs() < 1e-12, "{:?}", figures.to_atmosphere);
    assert!(figures.to_ocean.conservation < 1e-12, "{:?}", figures.to_ocean);
    assert_eq!(weights[0].info[mosaic_worker::CONFIGURATION]["atmosphere"], "96x95");

    // Other sub-basins: the weights follow, with the parameters that were chosen.
    platform.sub_basins(file);
    platform.is(file, Step::CalculateWeights, StepState::Done);
    let weights = platform.of_type(file, FileType::Weights);
    assert_eq!(weights.len(), 2);
    assert_eq!(weights[1].parents[1], latest(FileType::SubBasins));
    platform.end();
}

#[test]
fn the_target_model_may_stand_in_the_routing_key() {
    let platform = Platform::start();
    let file = platform.upload();
    platform.route(file, "default");
    platform.sub_basins(file);
    let mut body = Map::new();
    body.insert("id".into(), json!(file.0));
    let mut message = Message::new(Key::ForWorker(Task::Step(Step::CalculateWeights), Worker::Mosaic), body);
    message.key = "preprocessing.calculate_weights.mosaix".into();
    platform.runtime.block_on(platform.bus.publish(&[message])).unwrap();
    wait("weights", || platform.of_type(file, FileType::Weights).pop());
    // Again as its stored parameters say.
    platform.sub_basins(file);
    let weights = platform.of_type(file, FileType::Weights);
    assert_eq!(weights.len(), 2);
    for made in &weights {
        assert_eq!((figures(made).atmosphere.columns, figures(made).atmosphere.rows), (144, 143));
    }
    platform.end();
}

/// D14: in the original an unusable input ended the thread that computed; the worker lived on with the message in its
/// hands and took no other. Here each run ends with its reason, and the next one is taken.
#[test]
fn d14_unusable_inputs_end_their_run_and_no_other() {
    let platform = Platform::start();
    let (store, file) = (&platform.store, platform.upload());
    let fails = |body: Value, word: &str| {
        let run = platform.ask(file, Step::CalculateWeights, body.clone());
        let status = platform.ends(file, run);
        assert_eq!(status.state, StepState::Failed, "{body}");
        let reason = status.reason.unwrap();
        eprintln!("{body}: {reason}");
        assert!(reason.contains(word), "{body}: {reason}");
    };
    fails(json!({}), "run Routing first");
    platform.route(file, "default");
    fails(json!({}), "run Sub-basins first");
    platform.sub_basins(file);
    // What was asked for before its time follows once it can.
    platform.is(file, Step::CalculateWeights, StepState::Done);
    fails(json!({"engine": "other"}), "mosaix");
    fails(json!({"atmosphere": "96"}), "96x95");
    fails(json!({"ylimits": "90, -90"}), "ylimits");
    fails(json!({"ocean_grid": "77"}), "no stored ocean grid");

    // Centres alone are no C grid.
    let centres = grid::orca::t_points(&grid::orca::Parameters::default()).unwrap();
    let centres = grid::OceanGrid::from_t_points(centres).unwrap().to_dataset();
    let number = store.add_revision(file, FileType::Coords, platform.staged(&centres), Map::new()).unwrap();
    fails(json!({"ocean_grid": number.revision.to_string()}), "glamt");
    // Another grid than the bathymetry's.
    let small = grid::orca::grid(&grid::orca::Parameters::for_size(92, 74)).unwrap().to_dataset();
    let number = store.add_revision(file, FileType::Coords, platform.staged(&small), Map::new()).unwrap();
    fails(json!({"ocean_grid": number.revision}), "different grids");
    // What is no NetCDF at all.
    let broken = store.stage(".nc").unwrap();
    std::fs::write(broken.path(), "notes").unwrap();
    let number = store.add_revision(file, FileType::WeightCoords, broken, Map::new()).unwrap();
    fails(json!({"ocean_grid": number.revision}), "is not a NetCDF file");

    // The grid of the bathymetry is found all the same, past all of these.
    platform.ask(file, Step::CalculateWeights, json!({}));
    platform.idle();
    platform.is(file, Step::CalculateWeights, StepState::Done);

    // No sea: a bathymetry of land, as an editor might save it.
    let bathy = platform.of_type(file, FileType::Bathy).pop().unwrap();
    let mut depths = dataset::read(store.path(&bathy)).unwrap();
    for variable in depths.variables.iter_mut().filter(|variable| variable.name == "Bathymetry") {
        if let dataset::Values::F64(depths) = &mut variable.values {
            depths.fill(0.0);
        }
    }
    store.add_revision(file, FileType::Bathy, platform.staged(&depths), Map::new()).unwrap();
    fails(json!({}), "no sea");
    assert_eq!(platform.of_type(file, FileType::Weights).len(), 2);
    // Acknowledged just after the run is written down as failed.
    wait("nothing is left in the queue", || {
        let depth = platform.runtime.block_on(platform.bus.depth(MOSAIC_QUEUE)).unwrap();
        (depth == 0).then_some(())
    });
    platform.end();
}
