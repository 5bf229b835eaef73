//! The pages of the coupling weights: what is asked for, and what is shown of a result.

use coupling::{Input, Options, Sources};
use grid::orca;
use ndarray::Array2;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use serde_json::{Map, Value, json};
use store::DataFileId;
use workflow::FileType;

use crate::api::Script;
use crate::harness::{Server, bathymetry};

/// Columns and rows of the ocean grid.
const SIZE: (usize, usize) = (62, 50);

fn coordinates() -> Vec<u8> {
    let grid = orca::grid(&orca::Parameters::for_size(SIZE.0, SIZE.1)).unwrap();
    dataset::to_bytes(&grid.to_dataset()).unwrap()
}

/// An archive as the worker stores it, and what it tells about it; the sea ends at `coast_lat`.
fn archive(coast_lat: f64) -> (Vec<u8>, Map<String, Value>) {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let grid = orca::grid(&orca::Parameters::for_size(SIZE.0, SIZE.1)).unwrap();
    let sea = grid.t().lat_deg.mapv(|lat| if lat > coast_lat && lat < 70.0 { 3000.0 } else { 0.0 });
    let none = Array2::<i32>::zeros(grid.shape());
    let basins = coupling::Basins { atlantic: none.clone(), pacific: none.clone(), indian: none };
    let input = Input { grid, bathymetry_m: sea, basins, findings: Vec::new() };
    let options = Options { atmosphere: "24x19".parse().unwrap(), ..Options::default() };
    let outcome = coupling::run(&input, &options, &mut |_| {}).unwrap();
    let sources = Sources {
        coordinates: &place("coordinates.nc", b"one"),
        bathymetry: &place("bathy.nc", b"two"),
        basins: &place("sub_basins.nc", b"three"),
    };
    let mut packed = Vec::new();
    outcome.write_archive(&sources, &mut packed, &mut |_| {}).unwrap();
    let mut info = Map::new();
    info.insert("figures".into(), serde_json::to_value(&outcome.figures).unwrap());
    info.insert("configuration".into(), json!({"atmosphere": "24x19", "ylimits": [-90.0, 90.0]}));
    (packed, info)
}

fn add(server: &Server, id: i32, coast_lat: f64) -> i32 {
    let (packed, info) = archive(coast_lat);
    let staged = server.store.stage(FileType::Weights.extension()).unwrap();
    std::fs::write(staged.path(), packed).unwrap();
    server.store.add_revision(DataFileId(id), FileType::Weights, staged, info).unwrap().revision
}

#[actix_web::test]
async fn the_form_asks_for_what_was_chosen() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    let page = ada.get(&format!("/{id}/calculate_weights")).await.is(200).text();
    assert!(page.contains("Run the routing") && page.contains("IPSLCM6") && page.contains("dist_max_km"));
    for file_type in [FileType::Bathy, FileType::SubBasins] {
        server.add(id, file_type, &bathymetry());
    }
    let path = format!("/{id}/calculate_weights");
    let last = || {
        let messages = server.store.outbox_lease(10).unwrap();
        let last = messages.last().unwrap();
        assert_eq!(last.key, "preprocessing.calculate_weights");
        serde_json::to_string(&last.body).unwrap()
    };
    // As the form stands: the message of the original.
    ada.post(&path, &[("engine", "mosaic"), ("ocean_grid", "bathymetry"), ("name", "")]).await.is(303);
    assert_eq!(last(), format!(r#"{{"id":{id}}}"#));
    server.store.cancel(DataFileId(id), workflow::Step::CalculateWeights).unwrap();

    // What is wrong is said beside the field, what was typed is kept.
    let refused = ada.post(&path, &[("ylimits", "90, -90"), ("name", "try-1")]).await.is(422).text();
    assert!(refused.contains("two or more latitudes") && refused.contains("try-1"), "{refused}");
    for (name, bytes, why) in [
        ("notes.nc", b"notes".to_vec(), "is not a NetCDF file"),
        ("bathy.nc", bathymetry(), "holds no full C grid"),
        ("other.nc", coordinates(), "they are different grids"),
    ] {
        let stored = server.store.revisions(DataFileId(id)).unwrap().len();
        let refused = ada.post_file(&path, &[("ocean_grid", "upload")], Some((name, bytes))).await.is(422);
        assert!(refused.text().contains(why), "{name}: {}", refused.text());
        assert_eq!(server.store.revisions(DataFileId(id)).unwrap().len(), stored, "{name} was stored");
    }
    ada.post_file(&path, &[("ocean_grid", "upload")], None).await.is(422);

    // A grid of the right shape is stored, and named in the message: also later runs take it.
    let (columns, rows) = SIZE;
    let mut depths = dataset::from_bytes(&bathymetry(), "bathymetry").unwrap();
    depths.variables.clear();
    depths.dimensions.clear();
    depths.add_dimension("y", rows);
    depths.add_dimension("x", columns);
    depths.add_f64("Bathymetry", &["y", "x"], Array2::zeros((rows, columns)).into_dyn(), Default::default());
    server.add(id, FileType::Bathy, &dataset::to_bytes(&depths).unwrap());
    // A browser lets go of the file when the form comes back. The choice stays, so that nothing else is computed.
    let stored = server.store.revisions(DataFileId(id)).unwrap().len();
    let wrong = [("ocean_grid", "bathymetry"), ("ylimits", "north")];
    let refused = ada.post_file(&path, &wrong, Some(("mine.nc", coordinates()))).await.is(422).text();
    assert!(refused.contains("value=\"upload\" checked"), "{refused}");
    assert!(refused.contains("are no latitudes") && refused.contains("choose it again"), "{refused}");
    assert_eq!(server.store.revisions(DataFileId(id)).unwrap().len(), stored, "the grid was stored");
    let again = ada.post_file(&path, &[("ocean_grid", "upload")], None).await.is(422).text();
    assert!(again.contains("Choose the file with the coordinates of the ocean grid."), "{again}");
    ada.post_file(&path, &[("engine", "mosaix")], Some(("mine.nc", coordinates()))).await.is(303);
    let grid = server.store.latest(DataFileId(id), FileType::Coords).unwrap().unwrap().revision;
    assert_eq!(last(), format!(r#"{{"id":{id},"engine":"mosaix","ocean_grid":"{grid}"}}"#));
    let page = ada.get(&path).await.is(200).text();
    assert!(page.contains("uploaded as mine.nc"), "the stored grid can be chosen");
}

#[actix_web::test]
async fn a_result_shows_its_checks_its_maps_and_what_changed() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let script = Script::new(&server, "ada");
    let id = ada.upload("topo.nc").await;
    let first = add(&server, id, -60.0);
    let page = ada.get(&format!("/{id}/weights/view")).await.is(200).text();
    for word in ["stays constant", "arrives in the ocean", "drain nowhere", "Atmosphere to ocean", "24x19"] {
        assert!(page.contains(word), "{word}: {page}");
    }
    assert!(!page.contains("was "), "nothing to compare with");
    let second = add(&server, id, -40.0);
    let page = ada.get(&format!("/{id}/weights/view")).await.is(200).text();
    assert!(
        page.contains(&format!("revision={second}&amp;minus={first}")) && page.contains(">was "),
        "{page}"
    );
    ada.get(&format!("/{id}/weights/view?revision={first}")).await.is(200);
    let assets = ada.get(&format!("/api/{id}/steps/assetsTable")).await.text();
    assert!(assets.contains(&format!("/{id}/weights/view")));

    // Maps come from inside the archive, for pages and scripts.
    let described = ada.get(&format!("/{id}/weights/field.json")).await.is(200).json();
    let names: Vec<&str> =
        described["variables"].as_array().unwrap().iter().map(|v| v["name"].as_str().unwrap()).collect();
    for name in ["ocean_fraction", "runoff_fate", "coverage", "sea"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let kinds: Vec<&Value> = described["grids"].as_array().unwrap().iter().map(|g| &g["kind"]).collect();
    assert!(kinds.contains(&&json!("regular")) && kinds.contains(&&json!("curvilinear")), "{kinds:?}");
    for part in ["field?variable=ocean_fraction", "field/mesh?variable=coverage"] {
        let page = ada.get(&format!("/{id}/weights/{part}")).await.is(200);
        assert!(page.bytes.starts_with(b"CSF1"), "{part}");
        let api = script.get(&format!("/data-files/{id}/weights/{part}")).await.is(200);
        assert!(page.bytes == api.bytes, "{part}");
    }
    let cell = format!("/{id}/weights/field/value?variable=ocean_fraction&cell=3,10");
    let value = ada.get(&cell).await.is(200).json()["value"].as_f64().unwrap();
    assert!((value - 1.0).abs() < 1e-12, "{value} in the open ocean");
    let difference = format!("{cell}&revision={second}&minus={first}");
    let value = ada.get(&difference).await.is(200).json()["value"].as_f64().unwrap();
    assert!(value.abs() < 1e-12, "{value}");

    // The figures for scripts.
    let listed = script.get(&format!("/data-files/{id}/revisions")).await.json();
    let weights = listed.as_array().unwrap().iter().find(|r| r["number"] == first).unwrap();
    assert!(weights["info"]["figures"]["to_ocean"]["conservation"].as_f64().unwrap() < 1e-12);
}

#[actix_web::test]
async fn an_archive_is_sent_as_it_is() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    add(&server, id, -60.0);
    let asked = ada.client.get(format!("{}/{id}/weights/download", ada.base));
    let answer = asked.header(ACCEPT_ENCODING, "gzip, br").send().await.unwrap();
    assert_eq!(answer.headers()[CONTENT_TYPE], "application/gzip");
    // A client that is told of an encoding unpacks it, and keeps a wrong name.
    assert!(answer.headers().get(CONTENT_ENCODING).is_none_or(|encoding| encoding == "identity"));
    let stored = server.store.latest(DataFileId(id), FileType::Weights).unwrap().unwrap();
    assert_eq!(answer.bytes().await.unwrap(), std::fs::read(server.store.path(&stored)).unwrap());
}

/// D12: after weights the original's map and coordinate pages failed; here also an archive that is none has a page.
#[actix_web::test]
async fn d12_an_archive_of_another_program_has_a_page() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    server.add(id, FileType::Weights, b"no archive");
    let page = ada.get(&format!("/{id}/weights/view")).await.is(200).text();
    assert!(page.contains("no figures and no maps"), "{page}");
    let refused = ada.get(&format!("/{id}/weights/field.json")).await.is(422);
    assert_eq!(refused.headers[CONTENT_TYPE], "application/problem+json");
    for page in ["map", "set_coords", "steps", "calculate_weights"] {
        let answer = ada.get(&format!("/{id}/{page}")).await;
        assert!(answer.status.as_u16() < 400, "{page}: {}", answer.status);
    }
}
