//! What follows from the edited topography and takes longer: river basins, and the bathymetry of the ocean model.
//!
//! Computed beside the edits, for the pages that want it; the newest state wins: what an older one gives is dropped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use boundary::edit::consequences;
use field::Container;
use field::corners::corners;
use field::encode::{Fidelity, encode};
use grid::{OceanGrid, Points, orca};
use ndarray::Array2;
use serde_json::{Map as Object, Value, json};
use store::{DataFile, Store};
use tokio::sync::{Semaphore, mpsc};
use workflow::{FileType, Step};

use crate::base::stored_finding;
use crate::editor::Editor;
use crate::error::{Error, sentence};
use crate::hub::{Frame, Job, blocking};
use crate::query::object;
use crate::work::Work;

/// What can be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// River basins.
    Routing,
    /// The bathymetry on the ocean grid.
    Bathymetry,
}

impl Kind {
    const ALL: [Self; 2] = [Self::Routing, Self::Bathymetry];

    fn name(self) -> &'static str {
        match self {
            Self::Routing => "routing",
            Self::Bathymetry => "bathymetry",
        }
    }
}

/// The names of what an editor offers.
pub(crate) fn offered(editor: Editor) -> Vec<&'static str> {
    match editor {
        Editor::InternalOceans => Kind::ALL.iter().map(|kind| kind.name()).collect(),
        _ => Vec::new(),
    }
}

/// The kind of that name.
pub(crate) fn kind(editor: Editor, name: &str) -> Result<Kind, Error> {
    let known = Kind::ALL.into_iter().find(|kind| kind.name() == name && offered(editor).contains(&name));
    known.ok_or_else(|| Error::NotFound(format!("This editor does not compute '{name}'.")))
}

/// What a calculation gave of each kind, or why it did not.
type Results = Vec<(Kind, Result<Container, String>)>;

/// What became of a calculation.
#[derive(Debug)]
pub(crate) struct Outcome {
    sequence: i64,
    made: Results,
}

/// How the consequences of a draft stand.
#[derive(Debug, Default)]
pub(crate) struct Consequences {
    running: bool,
    /// Of which state, and of what, the last calculation was begun.
    begun: Option<(i64, BTreeSet<Kind>)>,
    /// What there is, with everything that a page needs to draw it.
    shown: BTreeMap<Kind, Frame>,
}

impl Consequences {
    /// What a page that begins to look is shown at once.
    pub(crate) fn shown(&self, kind: Kind) -> Option<Frame> {
        self.shown.get(&kind).cloned()
    }

    /// Lets a kind that has failed be computed again, though the state is the same: what was in its way may be mended.
    pub(crate) fn try_again(&mut self, kind: Kind) {
        if let (false, Some((_, kinds))) = (self.running, &mut self.begun) {
            kinds.remove(&kind);
        }
    }

    /// Begins to compute what is wanted, unless that is done or under way.
    pub(crate) fn start(
        &mut self,
        wanted: &BTreeSet<Kind>,
        work: &mut Work,
        jobs: &mpsc::Sender<Job>,
        computing: &Arc<Semaphore>,
    ) {
        let sequence = work.history.sequence;
        let begun = |(of, kinds): &(i64, BTreeSet<Kind>)| *of == sequence && kinds.is_superset(wanted);
        if wanted.is_empty() || self.running || self.begun.as_ref().is_some_and(begun) {
            return;
        }
        let Some(plane) = work.planes.values().next() else { return };
        let (map, values) = (plane.document.map().clone(), plane.document.values().to_owned());
        let (store, data_file) = (work.store.clone(), work.base.data_file.clone());
        let units = work.base.units.clone();
        let (kinds, jobs, computing) = (wanted.clone(), jobs.downgrade(), Arc::clone(computing));
        // What there was is of another state, or will be there again with the rest.
        self.shown.clear();
        self.running = true;
        self.begun = Some((sequence, kinds.clone()));
        tokio::spawn(async move {
            let Ok(_permit) = computing.acquire_owned().await else { return };
            let asked = kinds.clone();
            let made = blocking(move || {
                units?;
                computed(&store, &data_file, &map, &values, &asked, sequence)
            })
            .await;
            let made = made.unwrap_or_else(|error| {
                tracing::error!(cause = ?error, "the consequences of an edit ended unexpectedly");
                Err("It ended unexpectedly; the error has been written to the log.".to_owned())
            });
            // What is wrong with the topography is wrong for all kinds.
            let made = made.unwrap_or_else(|message| {
                kinds.into_iter().map(|kind| (kind, Err(message.clone()))).collect()
            });
            if let Some(jobs) = jobs.upgrade() {
                let _ = jobs.send(Job::Computed(Outcome { sequence, made })).await;
            }
        });
    }

    /// What is told of a calculation that has ended; nothing when the draft is another by now.
    pub(crate) fn take(&mut self, outcome: Outcome, now: i64) -> Vec<(Kind, Frame)> {
        self.running = false;
        let Outcome { sequence, made } = outcome;
        if sequence != now {
            return Vec::new();
        }
        let frames = made.into_iter().map(|(kind, made)| match made {
            Ok(container) => {
                let frame = Frame::Binary(container.to_bytes().into());
                self.shown.insert(kind, frame.clone());
                (kind, frame)
            }
            // It counts as begun all the same, else the next request, whatever it is, would begin it again.
            Err(message) => {
                let told = json!({
                    "type": "consequence", "of": kind.name(), "sequence": sequence, "error": sentence(&message),
                });
                (kind, Frame::Text(told.to_string()))
            }
        });
        frames.collect()
    }
}

/// Computes as the routing step would, with the settings that it has been given.
fn computed(
    store: &Store,
    data_file: &DataFile,
    map: &boundary::edit::Map,
    values: &Array2<f64>,
    kinds: &BTreeSet<Kind>,
    sequence: i64,
) -> Result<Results, String> {
    let began = Instant::now();
    let words = |error: store::Error| error.to_string();
    let parameters = store.step(data_file.id, Step::Routing).map_err(words)?.parameters.unwrap_or_default();
    let text = |name: &str| parameters.get(name).and_then(Value::as_str).unwrap_or_default();
    // The release may have been chosen anew since the draft was opened.
    let now = store.data_file(data_file.id).map_err(words)?;
    let release = now.as_ref().unwrap_or(data_file).release_of(&parameters);
    let release = release.map_err(|error| error.to_string())?;
    let wanted = kinds.contains(&Kind::Bathymetry);
    let ocean = wanted.then(|| ocean(store, data_file, text("orcafile") == "custom")).transpose();
    let points = ocean.as_ref().ok().and_then(Option::as_ref);
    let made =
        consequences::compute(map, values.view(), points, release).map_err(|error| error.to_string())?;
    let findings: Vec<store::Finding> = made.findings.into_iter().map(stored_finding).collect();
    let seconds = began.elapsed().as_secs_f64();
    let header = |kind: Kind, map: &str, title: &str, style: &str, (rows, columns): (usize, usize)| {
        object(json!({
            "type": "consequence", "of": kind.name(), "sequence": sequence, "stage": null,
            "map": map, "title": title, "style": style, "size": [columns, rows],
            "window": [0, 0, columns, rows], "findings": findings, "seconds": seconds,
        }))
    };
    let mut frames = Vec::new();
    if kinds.contains(&Kind::Routing) {
        let basins = made.river_basins.mapv(|number| if number == 0 { f64::NAN } else { f64::from(number) });
        let header = header(Kind::Routing, "basins", "River basins", "categorical", basins.dim());
        frames.push((Kind::Routing, Ok(with_values(header, &basins))));
    }
    if let (Some(depths), Some(points)) = (&made.depths_m, points) {
        let mut header = header(Kind::Bathymetry, "depths", "Bathymetry", "depth", depths.dim());
        header.insert("grid".into(), json!({ "kind": "curvilinear" }));
        let mut container = with_values(header, depths);
        let columns = depths.ncols();
        let flat = |degrees: &Array2<f64>| degrees.iter().copied().collect::<Vec<f64>>();
        let corners = corners(&flat(&points.lon_deg), &flat(&points.lat_deg), columns);
        container.push("lon", &encode(&corners.lon, columns + 1, Fidelity::Single));
        container.push("lat", &encode(&corners.lat, columns + 1, Fidelity::Single));
        frames.push((Kind::Bathymetry, Ok(container)));
    }
    if let Err(message) = ocean {
        frames.push((Kind::Bathymetry, Err(message)));
    }
    Ok(frames)
}

fn with_values(mut header: Object<String, Value>, values: &Array2<f64>) -> Container {
    let flat: Vec<f64> = values.iter().copied().collect();
    let known = flat.iter().filter(|value| !value.is_nan());
    let range = known.fold([f64::INFINITY, f64::NEG_INFINITY], |[min, max], &v| [min.min(v), max.max(v)]);
    header.insert("range".into(), json!(range[0].is_finite().then_some(range)));
    let mut container = Container::new(header);
    container.push("values", &encode(&flat, values.ncols(), Fidelity::Display));
    container
}

/// The ocean grid of the next routing: the generated one, or the one that was uploaded last.
fn ocean(store: &Store, data_file: &DataFile, custom: bool) -> Result<Points, String> {
    static GENERATED: OnceLock<Result<Points, String>> = OnceLock::new();
    if !custom {
        let generate = || orca::t_points(&orca::Parameters::default()).map_err(|error| error.to_string());
        return GENERATED.get_or_init(generate).clone();
    }
    let revisions = store.revisions(data_file.id).map_err(|error| error.to_string())?;
    let uploaded = revisions
        .into_iter()
        // A grid that a run has stored is the generated one.
        .filter(|r| matches!(r.file_type, FileType::Coords | FileType::Paleorca) && r.run.is_none())
        .max_by_key(|revision| revision.revision);
    let uploaded = uploaded.ok_or("there is no ocean grid of your own: upload one on the routing page")?;
    let name = uploaded.called(&data_file.filename);
    let dataset = dataset::read_as(store.path(&uploaded), &name).map_err(Error::from);
    let dataset = dataset.map_err(|error| error.to_string())?;
    let read = OceanGrid::from_dataset(&dataset).map_err(|error| format!("{name}: {error}"))?;
    Ok(read.grid.t().clone())
}
