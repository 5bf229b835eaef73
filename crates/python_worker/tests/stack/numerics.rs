//! Every step of this worker, on the embedded bus.

use std::sync::Arc;

use broker::{Bus, EmbeddedBus};
use serde_json::json;
use service::{Config, Context, Metrics, relay};
use store::{DataFileId, Release, StepState, Store, UserId};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use workflow::{FileType, Step};

use crate::planet::{ask, becomes, fails, idle, of_type, open, topography, upload, upload_for};

/// One process with everything in it.
struct OneProcess {
    store: Store,
    owner: UserId,
    runtime: Runtime,
    stop: CancellationToken,
    _folder: TempDir,
}

impl OneProcess {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (store, owner) = open(folder.path());
        let runtime = Runtime::new().unwrap();
        let config = Config::from(|_| None).unwrap();
        let bus: Arc<dyn Bus> = Arc::new(EmbeddedBus::new(store.clone()).unwrap());
        let context =
            Context { config: Arc::new(config), store: store.clone(), bus, metrics: Metrics::default() };
        let stop = CancellationToken::new();
        runtime.spawn(relay::run(context.store.clone(), context.bus.clone(), stop.clone()));
        runtime.spawn(message_dispatcher::run(context.bus.clone(), stop.clone()));
        let worker_stop = stop.clone();
        runtime.spawn(async move { python_worker::run(&context, worker_stop).await });
        Self { store, owner, runtime, stop, _folder: folder }
    }

    fn end(self) {
        self.stop.cancel();
        self.runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    }
}

#[test]
fn d30_a_regrid_can_start_from_the_uploaded_file_again() {
    let one = OneProcess::start();
    let store = &one.store;
    let file = upload(store, one.owner, &topography(2.0));
    let mut form = json!({"limits": "default", "Longitude Step": "10", "Latitude Step": "10", "interpolator": "nearest"});
    ask(store, file, Step::Regrid, form.clone());
    becomes(store, file, Step::Regrid, StepState::Done);
    ask(store, file, Step::Regrid, form.clone());
    idle(store);
    form["base"] = json!("uploaded");
    ask(store, file, Step::Regrid, form);
    idle(store);
    becomes(store, file, Step::Regrid, StepState::Done);
    let raw = of_type(store, file, FileType::Raw);
    let parents: Vec<_> = raw.iter().map(|revision| revision.parents.clone()).collect();
    assert_eq!(parents, [vec![], vec![raw[0].id], vec![raw[1].id], vec![raw[0].id]]);
    one.end();
}

#[test]
fn a_topography_becomes_every_boundary_condition() {
    let one = OneProcess::start();
    let store = &one.store;
    let file = upload(store, one.owner, &topography(2.0));
    let form =
        json!({"limits": "default", "Longitude Step": "4", "Latitude Step": "4", "interpolator": "nearest"});
    ask(store, file, Step::Regrid, form);
    becomes(store, file, Step::Regrid, StepState::Done);
    let raw = of_type(store, file, FileType::Raw);
    assert_eq!(raw.len(), 2);
    let regridded = dataset::read(store.path(&raw[1])).unwrap();
    assert_eq!(regridded.variable("topo").unwrap().shape(), [45, 90]);
    assert_eq!(raw[1].parents, [raw[0].id]);

    ask(store, file, Step::Routing, json!({"topo_var": "topo", "orcafile": "default"}));
    for step in [Step::Routing, Step::Heatflow, Step::Ahmcoef] {
        becomes(store, file, step, StepState::Done);
    }
    let table = boundary_table();
    ask(store, file, Step::Pft, json!({ "data": table }));
    becomes(store, file, Step::Pft, StepState::Done);
    idle(store);
    let order: Vec<FileType> = store.revisions(file).unwrap().iter().map(|r| r.file_type).collect();
    assert_eq!(
        order[..7],
        [
            FileType::Raw,
            FileType::Raw,
            FileType::Routing,
            FileType::Bathy,
            FileType::Soils,
            FileType::TopoHighRes,
            FileType::Coords
        ]
    );
    let bathy = of_type(store, file, FileType::Bathy);
    let bathymetry = dataset::read(store.path(&bathy[0])).unwrap();
    assert_eq!(bathymetry.variable("Bathymetry").unwrap().shape(), [149, 182]);
    assert_eq!(bathy[0].parents, [raw[1].id]);
    for (file_type, parent) in [(FileType::Heatflow, bathy[0].id), (FileType::Ahmcoef, bathy[0].id)] {
        let made = of_type(store, file, file_type);
        assert_eq!(made.len(), 1);
        assert_eq!(made[0].parents, [parent], "{file_type}");
        dataset::read(store.path(&made[0])).unwrap();
    }
    assert_eq!(of_type(store, file, FileType::Pft).len(), 1);
    one.end();
}

/// What follows by itself follows the generation of the numerics that the routing was asked for, an edit between them or not.
#[test]
fn heat_flow_takes_the_release_of_the_routing() {
    let one = OneProcess::start();
    let store = &one.store;
    let file = upload_for(store, one.owner, &topography(4.0), Release::R2023);
    let heat_flow = |release: serde_json::Value| {
        ask(store, file, Step::Routing, release);
        idle(store);
        becomes(store, file, Step::Heatflow, StepState::Done);
        let made = of_type(store, file, FileType::Heatflow).pop().unwrap();
        dataset::read(store.path(&made)).unwrap()
    };
    let corrected = json!({"topo_var": "topo", "orcafile": "default", "release": "corrected"});
    let history = heat_flow(corrected).attributes.text("history").unwrap_or_default().to_owned();
    assert!(history.contains("heatflow, release corrected"), "{history}");
    let published = heat_flow(json!({"topo_var": "topo", "orcafile": "default"}));
    assert_eq!(published.attributes.text("history"), None);
    one.end();
}

/// The history of the latest file of a type, and the release that the store tells of it.
fn made_with(store: &Store, file: DataFileId, file_type: FileType) -> (String, Option<Release>) {
    let made = of_type(store, file, file_type).pop().unwrap();
    let history = dataset::read(store.path(&made)).unwrap().attributes.text("history").map(str::to_owned);
    (history.unwrap_or_default(), made.release())
}

/// Bodies that name no release, as those of the original, mean that of the workflow; so do re-runs.
#[test]
fn a_step_without_a_release_takes_that_of_its_workflow() {
    let one = OneProcess::start();
    let store = &one.store;
    for release in Release::ALL {
        let file = upload_for(store, one.owner, &topography(4.0), release);
        ask(store, file, Step::Routing, json!({"topo_var": "topo", "orcafile": "default"}));
        becomes(store, file, Step::Routing, StepState::Done);
        becomes(store, file, Step::Heatflow, StepState::Done);
        ask(store, file, Step::Pft, json!({ "data": boundary_table() }));
        idle(store);
        for file_type in [FileType::Routing, FileType::Bathy, FileType::Heatflow, FileType::Pft] {
            let (history, told) = made_with(store, file, file_type);
            assert_eq!(told, Some(release), "{file_type}");
            let corrected = history.contains("release corrected");
            assert_eq!(corrected, release == Release::Corrected, "{file_type} of {release}: {history}");
        }
        assert_eq!(made_with(store, file, FileType::Ahmcoef).1, None, "the same in all");
    }
    one.end();
}

#[test]
fn a_workflow_that_takes_another_release_is_computed_again_with_it() {
    let one = OneProcess::start();
    let store = &one.store;
    let file = upload_for(store, one.owner, &topography(4.0), Release::R2023);
    ask(store, file, Step::Routing, json!({"topo_var": "topo", "orcafile": "default"}));
    becomes(store, file, Step::Heatflow, StepState::Done);
    idle(store);
    store.set_release(file, Release::Corrected).unwrap();
    becomes(store, file, Step::Routing, StepState::Stale);
    becomes(store, file, Step::Heatflow, StepState::Stale);
    store.retry(file, Step::Routing, None).unwrap();
    becomes(store, file, Step::Routing, StepState::Done);
    becomes(store, file, Step::Heatflow, StepState::Done);
    for file_type in [FileType::Routing, FileType::Heatflow] {
        assert_eq!(made_with(store, file, file_type).1, Some(Release::Corrected), "{file_type}");
    }
    one.end();
}

fn boundary_table() -> String {
    r#"{"dataArray":[[15,0,75,25,0,0,0,0,0,0,0,0,0,0],[90,0,0,0,0,0,30,0,0,40,30,0,0,0]]}"#.to_owned()
}

/// D30: a grid of one's own can be chosen and left again; the generated one is kept once, not at each run.
#[test]
fn d30_the_default_grid_can_be_chosen_again_after_an_upload() {
    let one = OneProcess::start();
    let store = &one.store;
    let file = upload(store, one.owner, &topography(4.0));
    ask(store, file, Step::Routing, json!({"topo_var": "topo", "orcafile": "custom"}));
    assert!(fails(store, file, Step::Routing).contains("upload one"));

    let route = |orcafile: &str| {
        ask(store, file, Step::Routing, json!({"topo_var": "topo", "orcafile": orcafile}));
        idle(store);
        becomes(store, file, Step::Routing, StepState::Done);
        let bathy = of_type(store, file, FileType::Bathy).pop().unwrap();
        let shape =
            dataset::read(store.path(&bathy)).unwrap().variable("Bathymetry").unwrap().shape().to_vec();
        (shape, bathy.parents)
    };
    assert_eq!(route("default").0, [149, 182]);
    route("default");
    assert_eq!(of_type(store, file, FileType::Coords).len(), 1, "kept once");

    let own = grid::orca::grid(&grid::orca::Parameters::for_size(92, 74)).unwrap();
    let staged = store.stage(".nc").unwrap();
    dataset::write(&own.to_dataset(), staged.path()).unwrap();
    let uploaded = store.add_revision(file, FileType::Paleorca, staged, serde_json::Map::new()).unwrap();
    let (shape, parents) = route("custom");
    assert_eq!(shape, [74, 92]);
    assert!(parents.contains(&uploaded.id));
    let named = json!({"topo_var": "topo", "orcafile": "custom", "ocean_coordinates": "glamf,gphif"});
    ask(store, file, Step::Routing, named);
    idle(store);
    becomes(store, file, Step::Routing, StepState::Done);
    let bathy = dataset::read(store.path(&of_type(store, file, FileType::Bathy).pop().unwrap())).unwrap();
    let lon = bathy.variable("nav_lon").unwrap().decode().unwrap();
    let corner = own.mesh().unwrap().f.points.lon_deg[[10, 10]];
    assert_eq!(lon[[10, 10]], corner);
    assert_eq!(route("default").0, [149, 182]);
    one.end();
}

/// D3: every bad task of the list ends as failed, with a sentence that names file or field and remedy; D24: also what
/// would ask for hundreds of gigabytes.
#[test]
fn d3_d24_bad_tasks_fail_with_a_sentence() {
    let one = OneProcess::start();
    let store = &one.store;
    let file = upload(store, one.owner, &topography(4.0));
    let regrid = |step: &str| json!({"limits": "default", "Longitude Step": step, "Latitude Step": step, "interpolator": "linear"});
    let cases = [
        (Step::Pft, json!({ "data": boundary_table() }), "run Routing first"),
        (Step::Pft, json!({}), "fill in the table"),
        (Step::Pft, json!({"data": "not json"}), "table of vegetation"),
        (Step::Pft, json!({"data": "{\"dataArray\":[[15,0,75,25,0,0,0,0,0,0,0,0,0,0]]}"}), "90"),
        (Step::Heatflow, json!({}), "run Routing first"),
        (Step::Routing, json!({}), "topo_var"),
        (Step::Routing, json!({"topo_var": "nothing"}), "nothing"),
        (Step::Routing, json!({"topo_var": "topo", "release": "1999"}), "1999"),
        (Step::Routing, json!({"topo_var": "topo", "orcafile": "other"}), "default"),
        (
            Step::Routing,
            json!({"topo_var": "topo", "orcafile": "custom", "ocean_coordinates": "TLONG"}),
            "two names are needed: LON,LAT",
        ),
        (Step::Regrid, regrid("nan"), "Step"),
        (Step::Regrid, regrid("inf"), "Step"),
        (Step::Regrid, regrid("0"), "Step"),
        (Step::Regrid, regrid("-1"), "Step"),
        (Step::Regrid, regrid("abc"), "no number"),
        (Step::Regrid, regrid("0.001"), "values"),
    ];
    for (step, form, word) in cases {
        let run = ask(store, file, step, form.clone());
        let status = crate::planet::wait(&format!("{step} {form}"), || {
            let status = store.step(file, step).unwrap();
            (status.run == Some(run) && status.state == StepState::Failed).then_some(status)
        });
        let reason = status.reason.unwrap();
        eprintln!("{step} {form}: {reason}");
        assert!(reason.to_lowercase().contains(&word.to_lowercase()), "{step} {form}: {reason}");
    }
    assert_eq!(store.revisions(file).unwrap().len(), 1);
    one.end();
}

/// D17, D3: a stored file that is missing is said to be missing.
#[test]
fn d17_a_missing_stored_file_is_named() {
    let one = OneProcess::start();
    let file = upload(&one.store, one.owner, &topography(4.0));
    let raw = of_type(&one.store, file, FileType::Raw);
    std::fs::remove_file(one.store.path(&raw[0])).unwrap();
    ask(&one.store, file, Step::Routing, json!({"topo_var": "topo"}));
    let reason = fails(&one.store, file, Step::Routing);
    assert!(reason.contains("missing") && reason.contains("planet"), "{reason}");
    one.end();
}
