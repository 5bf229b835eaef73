//! A made-up planet, and what every test here does with it.

use std::path::Path;
use std::time::{Duration, Instant};

use dataset::{Attributes, Dataset};
use ndarray::{Array1, Array2};
use serde_json::{Map, Value};
use store::{DataFileId, Release, Request, Revision, RunId, StepState, StepStatus, Store, UserId};
use workflow::{FileType, Step};

/// How long anything may take before a test gives up on it; the machine may be busy.
const TIMEOUT: Duration = Duration::from_secs(180);

/// A topography with continents, seas, and a pit in every other valley.
pub(crate) fn topography(step_degrees: f64) -> Dataset {
    let (rows, columns) = ((180.0 / step_degrees) as usize, (360.0 / step_degrees) as usize);
    let lat = Array1::from_shape_fn(rows, |j| -90.0 + step_degrees * (j as f64 + 0.5));
    let lon = Array1::from_shape_fn(columns, |i| -180.0 + step_degrees * (i as f64 + 0.5));
    let heights = Array2::from_shape_fn((rows, columns), |(j, i)| {
        let (phi, lambda) = (lat[j].to_radians(), lon[i].to_radians());
        let continents = 2500.0 * (2.0 * lambda).sin() * (3.0 * phi).cos() - 400.0;
        // A repeatable roughness: pits for the filling to work on.
        let roughness = ((j * 7919 + i * 104_729) % 1013) as f64 / 1013.0;
        continents + 300.0 * roughness
    });
    let mut dataset = Dataset::new();
    dataset.add_f64("lat", &["lat"], lat.into_dyn(), Attributes::new().with("units", "degrees_north"));
    dataset.add_f64("lon", &["lon"], lon.into_dyn(), Attributes::new().with("units", "degrees_east"));
    dataset.add_f64("topo", &["lat", "lon"], heights.into_dyn(), Attributes::new().with("units", "m"));
    dataset
}

pub(crate) fn open(instance: &Path) -> (Store, UserId) {
    let config = store::Config { instance: instance.to_owned(), database_url: None, pool_size: 4 };
    let store = Store::open(&config).unwrap();
    let owner = store.create_user("alice", "correct horse battery").unwrap();
    (store, owner)
}

pub(crate) fn upload(store: &Store, owner: UserId, topography: &Dataset) -> DataFileId {
    upload_for(store, owner, topography, Release::default())
}

/// A workflow that is computed with `release`.
pub(crate) fn upload_for(store: &Store, owner: UserId, topography: &Dataset, release: Release) -> DataFileId {
    let staged = store.stage(".nc").unwrap();
    dataset::write(topography, staged.path()).unwrap();
    let file = store.create_data_file(owner, "planet.nc", Map::new(), release, staged).unwrap();
    store.set_coordinates(file, "lon", "lat").unwrap();
    file
}

pub(crate) fn ask(store: &Store, data_file: DataFileId, step: Step, body: Value) -> RunId {
    let body = body.as_object().cloned().unwrap();
    store.request_step(Request { data_file, step, body, form_key: None, request_id: None }).unwrap()
}

/// Waits until `found` is.
pub(crate) fn wait<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(since.elapsed() < TIMEOUT, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn becomes(store: &Store, data_file: DataFileId, step: Step, state: StepState) -> StepStatus {
    wait(&format!("{step} {state:?}"), || {
        let status = store.step(data_file, step).unwrap();
        assert!(
            state == StepState::Failed || status.state != StepState::Failed,
            "{step} failed: {:?}",
            status.reason
        );
        (status.state == state).then_some(status)
    })
}

/// Waits until the step has ended as failed, and gives the reason.
pub(crate) fn fails(store: &Store, data_file: DataFileId, step: Step) -> String {
    becomes(store, data_file, step, StepState::Failed).reason.unwrap()
}

pub(crate) fn idle(store: &Store) {
    wait("rest", || {
        let activity = store.activity().unwrap();
        (activity.queued + activity.running + activity.outbox == 0).then_some(())
    });
}

pub(crate) fn of_type(store: &Store, data_file: DataFileId, file_type: FileType) -> Vec<Revision> {
    let revisions = store.revisions(data_file).unwrap();
    revisions.into_iter().filter(|revision| revision.file_type == file_type).collect()
}
