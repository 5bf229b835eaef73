//! What a save makes: the file, the lineage, the step, the message, and what is stale then.

use dataset::{Attributes, Values, Variable};
use serde_json::{Value, json};
use store::StepState;
use uuid::Uuid;
use workflow::{FileType, Step};

use crate::harness::{
    COLUMNS, ROWS, Server, Tab, User, bathymetry, heights, integers, numbers, same_bits, topography,
};

async fn open() -> (Server, User, store::DataFileId, Tab) {
    let server = Server::start().await;
    let ada = server.user("ada");
    let id = server.upload(&ada, &topography());
    let tab = server.open(&ada, &format!("internal_oceans?id={id}")).await;
    (server, ada, id, tab)
}

fn cell(i: usize, j: usize) -> Value {
    json!({ "cells": [{ "row": j, "column": i }] })
}

fn sent(server: &Server) -> Vec<(String, Value)> {
    let messages = server.store.outbox_lease(100).unwrap();
    let ids: Vec<Uuid> = messages.iter().map(|message| message.id).collect();
    server.store.outbox_remove(&ids).unwrap();
    messages.into_iter().map(|message| (message.key, Value::Object(message.body))).collect()
}

/// D7b: the answer comes when everything is stored, and then everything is: the page may leave. D6b: the message is in the
/// outbox, whether or not there is a broker.
#[actix_web::test]
async fn d7b_a_save_is_answered_when_it_is_stored() {
    let (server, ada, id, mut tab) = open().await;
    let mut other = server.open(&ada, &format!("internal_oceans?id={id}")).await;
    // Right behind each other, without waiting.
    let action = json!({ "operation": { "absolute": { "value": -100 } }, "selection": cell(18, 7) });
    tab.send(json!({ "type": "apply", "action": action })).await;
    let key = Uuid::new_v4();
    let save = json!({ "type": "save", "key": key, "description": " an inland sea ", "sequence": 1 });
    let done = tab.ask(save.clone()).await.head;
    assert_eq!(
        (&done["type"], &done["revision"], &done["redirect"]),
        (&json!("done"), &json!(1), &json!(format!("/{id}/steps")))
    );
    let (revision, saved) = server.latest(id, FileType::Raw);
    assert_eq!((revision.revision, revision.step), (1, Some(Step::InternalOceans)));
    assert_eq!(revision.info["changes"], "an inland sea");
    assert_eq!(revision.parents, [server.store.revision(id, 0).unwrap().unwrap().id]);
    let mut expected = heights();
    expected[[7, 18]] = -100.0;
    assert!(same_bits(&numbers(&saved, "topo"), &expected.iter().copied().collect::<Vec<_>>()));
    assert_eq!(saved.variable("topo").unwrap().attributes.text("units"), Some("m"));
    let step = server.store.step(id, Step::InternalOceans).unwrap();
    assert_eq!(step.state, StepState::Done);
    assert!(step.findings.iter().any(|finding| finding.code == "internal-oceans"), "{:?}", step.findings);
    let list: Value = serde_json::from_str(step.parameters.unwrap()["undo_list"].as_str().unwrap()).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 1);
    assert_eq!(sent(&server), [("preprocessing.internal_oceans.done".to_owned(), json!({ "id": id }))]);
    assert_eq!(other.event("saved").await.head["revision"], json!(1));
    assert_eq!(other.refused(json!({ "type": "undo" })).await.0, "conflict");
    // The next draft begins on what was saved.
    let mut next = server.open(&ada, &format!("internal_oceans?id={id}")).await;
    assert_ne!(next.hello["draft"], tab.hello["draft"]);
    assert_eq!((&next.hello["revision"], &next.hello["state"]["sequence"]), (&json!(1), &json!(0)));
    assert_eq!(next.value(18, 7).await, json!(-100.0));
    assert_eq!(next.hello["previous"], json!({ "actions": 1, "unreadable": 0 }));
}

#[actix_web::test]
async fn a_page_that_has_not_seen_everything_does_not_save() {
    let (server, ada, id, mut tab) = open().await;
    let mut other = server.open(&ada, &format!("internal_oceans?id={id}")).await;
    tab.apply(json!({ "absolute": { "value": 1 } }), cell(1, 1)).await;
    let (code, message) = other.refused(json!({ "type": "save", "sequence": 0 })).await;
    assert_eq!(code, "conflict", "{message}");
    assert_eq!(server.store.revisions(id).unwrap().len(), 1);
}

/// D7: only where land was raised or lowered, and nothing else, the routing keeps the bathymetry.
#[actix_web::test]
async fn d7_edits_of_land_alone_say_so() {
    let (server, ada, id, mut tab) = open().await;
    tab.apply(json!({ "relative": { "value": 50 } }), json!({ "range": { "of": "value", "from": 1 } })).await;
    tab.save("higher").await;
    let expected = json!({ "id": id, "next_step_only": true });
    assert_eq!(sent(&server), [("preprocessing.internal_oceans.done".to_owned(), expected)]);
    for (selection, value) in
        [(cell(18, 8), json!(-1.0)), (cell(0, 5), json!(-2.5)), (json!({ "cells": [] }), json!(1.0))]
    {
        let mut tab = server.open(&ada, &format!("internal_oceans?id={id}")).await;
        tab.apply(json!({ "absolute": { "value": value } }), selection.clone()).await;
        tab.save("").await;
        assert_eq!(sent(&server)[0].1, json!({ "id": id }), "{selection}");
    }
    // An edit of the sea that was undone before the save is none.
    let mut tab = server.open(&ada, &format!("internal_oceans?id={id}")).await;
    tab.apply(json!({ "relative": { "value": 5 } }), cell(18, 8 + 1)).await;
    tab.ask(json!({ "type": "undo" })).await;
    tab.apply(json!({ "relative": { "value": 5 } }), cell(18, 6)).await;
    tab.save("").await;
    assert_eq!(sent(&server)[0].1, json!({ "id": id, "next_step_only": true }));
}

/// D9: two editors of one workflow that save at the same moment get two revisions.
#[actix_web::test]
async fn d9_saves_at_once_get_numbers_of_their_own() {
    let (server, ada, id, mut tab) = open().await;
    let mut explorer = server.open(&ada, &format!("value_changer?id={id}&file_type=raw")).await;
    let first = tab.send(json!({ "type": "save", "sequence": 0 })).await;
    let second = explorer.send(json!({ "type": "save", "sequence": 0 })).await;
    let numbers = [
        tab.answer(first).await.head["revision"].clone(),
        explorer.answer(second).await.head["revision"].clone(),
    ];
    assert!(numbers.contains(&json!(1)) && numbers.contains(&json!(2)), "{numbers:?}");
}

/// D11: what was made from a file that the variable explorer saved is stale, and says why.
#[actix_web::test]
async fn d11_what_was_made_from_an_explored_file_is_stale() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let id = server.upload(&ada, &topography());
    let bathy = server.add(id, FileType::Bathy, &bathymetry());
    let mut edit = server.edit(id, Step::Subbasins, FileType::SubBasins, &bathymetry());
    edit.parents = vec![bathy.id];
    server.store.record_edit(edit).unwrap();
    sent(&server);
    let mut tab = server.open(&ada, &format!("value_changer?id={id}&file_type=bathy")).await;
    tab.apply(json!({ "absolute": { "value": 500 } }), cell(3, 3)).await;
    tab.save("deeper").await;
    let step = server.store.step(id, Step::Subbasins).unwrap();
    assert_eq!(
        (step.state, step.reason.as_deref()),
        (StepState::Stale, Some("Bathymetry was edited after it"))
    );
    assert!(sent(&server).is_empty(), "the explorer is no step");
    let (revision, saved) = server.latest(id, FileType::Bathy);
    assert_eq!((revision.step, revision.info["changes"].as_str()), (None, Some("deeper")));
    assert_eq!(numbers(&saved, "Bathymetry")[3 * 20 + 3], 500.0);
}

/// Integers stay integers as long as they can, widen instead of wrapping around, and missing values stay missing.
#[actix_web::test]
async fn integers_keep_their_type_and_their_missing_values() {
    let server = Server::start().await;
    let ada = server.user("ada");
    for (operation, expected_type, expected) in [
        (json!({ "relative": { "value": 7 } }), "i16", 1044.0),
        (json!({ "absolute": { "value": 40_000 } }), "i32", 40_000.0),
        (json!({ "percentage": { "value": 50 } }), "f64", 1037.0 * 1.5),
        (json!({ "relative": { "value": 0.5 } }), "f64", 1037.5),
    ] {
        let id = server.upload(&ada, &integers());
        let mut tab = server.open(&ada, &format!("value_changer?id={id}&file_type=raw&variable=count")).await;
        let selection = json!({ "union": [cell(1, 1), cell(4, 4)] });
        let action = json!({ "operation": operation, "selection": selection, "filter": { "land": true, "ocean": true } });
        tab.ask(json!({ "type": "apply", "at": [1], "action": action })).await;
        tab.save("").await;
        let (_, saved) = server.latest(id, FileType::Raw);
        let variable = saved.variable("count").unwrap();
        let found = match &variable.values {
            Values::I16(_) => "i16",
            Values::I32(_) => "i32",
            Values::F64(_) => "f64",
            other => panic!("{other:?}"),
        };
        assert_eq!(found, expected_type, "{operation}");
        let (before, after) = (numbers(&integers(), "count"), numbers(&saved, "count"));
        let changed: Vec<usize> = (0..before.len()).filter(|&k| before[k] != after[k]).collect();
        let slice = ROWS * COLUMNS;
        let filled = slice + 4 * COLUMNS + 4;
        assert_eq!(after[slice + COLUMNS + 1], expected, "{operation}");
        assert!(changed.iter().all(|&k| k == slice + COLUMNS + 1 || k == filled), "{operation}: {changed:?}");
        if !operation["absolute"].is_object() {
            assert_eq!(after[filled], -999.0, "{operation}: missing stays missing");
        }
        assert_eq!(
            variable.decode().unwrap()[[0, 4, 4]].to_bits() >> 52,
            0x7ff,
            "{operation}: read as missing"
        );
    }
}

/// The slices of a variable have one type: one that holds what was done on all of them, whichever comes first.
#[actix_web::test]
async fn a_slice_does_not_take_from_another_the_type_that_it_needs() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let mut whole = integers();
    // With missing values they would be edited as doubles.
    let variable = whole.variables.iter_mut().find(|v| v.name == "count").unwrap();
    let Values::I16(values) = &mut variable.values else { panic!("16 bits") };
    values.mapv_inplace(|value| value.max(0));
    let half = (0, json!({ "relative": { "value": 0.5 } }));
    let large = (1, json!({ "absolute": { "value": 40_000 } }));
    // Which slice is stored first is up to chance.
    for round in 0..8 {
        let id = server.upload(&ada, &whole);
        let mut tab = server.open(&ada, &format!("value_changer?id={id}&file_type=raw&variable=count")).await;
        let (first, second) = if round % 2 == 0 { (&half, &large) } else { (&large, &half) };
        for (month, operation) in [first, second] {
            let action = json!({ "operation": operation, "selection": cell(1, 1) });
            tab.ask(json!({ "type": "apply", "at": [month], "action": action })).await;
        }
        tab.save("").await;
        let saved = numbers(&server.latest(id, FileType::Raw).1, "count");
        let at = COLUMNS + 1;
        assert_eq!((saved[at], saved[ROWS * COLUMNS + at]), (at as f64 + 0.5, 40_000.0));
    }
}

#[actix_web::test]
async fn single_precision_and_packed_numbers_are_stored_as_what_they_are() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let mut dataset = topography();
    let single = heights().mapv(|height| height as f32).into_dyn();
    dataset.variables.push(Variable::new("single", &["lat", "lon"], Values::F32(single), Attributes::new()));
    let packed =
        ndarray::Array2::from_shape_fn((ROWS, COLUMNS), |(j, i)| (j * COLUMNS + i) as i16).into_dyn();
    let attributes = Attributes::new().with("scale_factor", 0.5).with("add_offset", 100.0);
    dataset.variables.push(Variable::new("packed", &["lat", "lon"], Values::I16(packed), attributes));
    let id = server.upload(&ada, &dataset);
    for (name, value) in [("single", 0.1), ("packed", 0.3)] {
        let mut tab =
            server.open(&ada, &format!("value_changer?id={id}&file_type=raw&variable={name}")).await;
        tab.apply(json!({ "absolute": { "value": value } }), cell(2, 1)).await;
        tab.save("").await;
    }
    let (_, saved) = server.latest(id, FileType::Raw);
    let Values::F32(single) = &saved.variable("single").unwrap().values else { panic!("single precision") };
    assert_eq!((single[[1, 2]], single[[1, 3]]), (0.1_f32, heights()[[1, 3]] as f32));
    let packed = saved.variable("packed").unwrap().decode().unwrap();
    assert_eq!((packed[[1, 2]], packed[[1, 3]]), (0.3, 100.0 + 0.5 * (COLUMNS + 3) as f64));
}

#[actix_web::test]
async fn sub_basins_are_stored_as_three_masks_and_land_belongs_to_none() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let id = server.upload(&ada, &topography());
    let bathy = server.add(id, FileType::Bathy, &bathymetry());
    let path = format!("sub_basins?id={id}");
    let mut tab = server.open(&ada, &path).await;
    tab.apply(
        json!({ "absolute": { "value": 3 } }),
        json!({ "index_box": { "columns": [0, 2], "rows": [5, 7] } }),
    )
    .await;
    assert_eq!(
        tab.refused(json!({ "type": "apply", "action": { "operation": { "absolute": { "value": 4 } } } }))
            .await
            .0,
        "invalid"
    );
    tab.save("").await;
    let (revision, saved) = server.latest(id, FileType::SubBasins);
    assert_eq!((revision.step, revision.parents.clone()), (Some(Step::Subbasins), vec![bathy.id]));
    let indian = numbers(&saved, "indmsk");
    let row = |j: usize| indian[j * 20..j * 20 + 4].to_vec();
    assert_eq!((row(5), row(6)), (vec![1.0, 1.0, 1.0, 0.0], vec![0.0; 4]));
    assert_eq!(sent(&server), [("preprocessing.subbasins.done".to_owned(), json!({ "id": id }))]);
    // Opened again, it starts from what was saved.
    let mut again = server.open(&ada, &path).await;
    assert_eq!(again.value(1, 5).await, json!(3.0));
}

/// *Apply previous changes*: the list of the last save, also one that the original stored.
#[actix_web::test]
async fn previous_changes_are_applied_again_with_a_report() {
    let (server, ada, id, mut tab) = open().await;
    tab.apply(
        json!({ "relative": { "value": -5000 } }),
        json!({ "index_box": { "columns": [14, 16], "rows": [7, 8] } }),
    )
    .await;
    tab.save("").await;
    // The topography as it was uploaded, once more: what the original did at every regridding.
    server.add(id, FileType::Raw, &topography());
    let mut tab = server.open(&ada, &format!("internal_oceans?id={id}")).await;
    let change = tab.ask(json!({ "type": "previous" })).await.head;
    assert_eq!(
        (&change["report"][0]["fits"], change["report"].as_array().unwrap().len()),
        (&json!("yes"), 1)
    );
    assert_eq!(tab.value(15, 8).await, json!(heights()[[8, 15]] - 5000.0));

    let legacy = json!([
        { "selection_expr": "((dim('lon')>=0)&(dim('lon')<=10))&((dim('lat')>=0)&(dim('lat')<=10))",
          "calculation_type": "Relatif", "value": -100, "land": true, "ocean": true },
        { "selection_expr": "__import__('os').system('true')", "calculation_type": "Absolute", "value": 1,
          "land": true, "ocean": true },
    ]);
    let mut edit = server.edit(id, Step::InternalOceans, FileType::Raw, &topography());
    edit.parameters.insert("undo_list".into(), legacy.to_string().into());
    server.store.record_edit(edit).unwrap();
    let mut tab = server.open(&ada, &format!("internal_oceans?id={id}")).await;
    tab.ask(json!({ "type": "restore", "sequence": 0 })).await;
    let change = tab.ask(json!({ "type": "previous" })).await.head;
    let fits: Vec<&str> =
        change["report"].as_array().unwrap().iter().map(|line| line["fits"].as_str().unwrap()).collect();
    assert_eq!(fits, ["yes", "no"], "{}", change["report"]);
    assert_eq!(tab.value(18, 8).await, json!(heights()[[8, 18]] - 0.0), "outside of the box");
    assert_eq!(tab.value(18, 9).await, json!(heights()[[9, 18]] - 100.0));
}

#[actix_web::test]
async fn a_draft_moves_to_a_newer_revision_when_asked() {
    let (server, ada, id, mut tab) = open().await;
    tab.apply(json!({ "relative": { "value": 1000 } }), cell(18, 9)).await;
    let mut newer = topography();
    let lifted = heights().mapv(|height| height - 1.0).into_dyn();
    newer.variables.iter_mut().find(|v| v.name == "topo").unwrap().values = Values::F64(lifted);
    let revision = server.add(id, FileType::Raw, &newer);
    drop(tab);
    let path = format!("internal_oceans?id={id}");
    let mut tab = server.open(&ada, &path).await;
    assert_eq!(tab.value(18, 9).await, json!(heights()[[9, 18]] + 1000.0), "it stands where it stood");
    let change = tab.ask(json!({ "type": "rebase" })).await.head;
    assert_eq!((&change["revision"], &change["maps"][0]["whole"]), (&json!(revision.revision), &json!(true)));
    assert_eq!(tab.value(18, 9).await, json!(heights()[[9, 18]] - 1.0 + 1000.0));
    assert_eq!(tab.value(0, 9).await, json!(heights()[[9, 0]] - 1.0));
    let mut again = server.open(&ada, &path).await;
    assert_eq!(
        (&again.hello["revision"], &again.hello["newest"]),
        (&json!(revision.revision), &json!(revision.revision))
    );

    // To another grid: by longitude and latitude, with a report.
    let coarse = server.add(id, FileType::Raw, &coarse());
    let again_open = |server: &Server| server.store.latest(id, FileType::Raw).unwrap().unwrap().revision;
    assert_eq!(again_open(&server), coarse.revision);
    let change = again.ask(json!({ "type": "rebase" })).await.head;
    assert_eq!(change["report"].as_array().unwrap().len(), 1, "{}", change["report"]);
    assert_eq!(change["revision"], json!(coarse.revision));
}

/// The planet on half as many rows and columns.
fn coarse() -> dataset::Dataset {
    let mut dataset = dataset::Dataset::new();
    let degrees = |unit: &str| Attributes::new().with("units", unit);
    let lat: Vec<f64> = (0..9).map(|j| -80.0 + 20.0 * f64::from(j)).collect();
    let lon: Vec<f64> = (0..18).map(|i| -170.0 + 20.0 * f64::from(i)).collect();
    dataset.add_f64("lat", &["lat"], ndarray::Array1::from(lat).into_dyn(), degrees("degrees_north"));
    dataset.add_f64("lon", &["lon"], ndarray::Array1::from(lon).into_dyn(), degrees("degrees_east"));
    let heights = ndarray::Array2::from_elem((9, 18), -2000.0);
    let about = Attributes::new().with("long_name", "topography").with("units", "m");
    dataset.add_f64("topo", &["lat", "lon"], heights.into_dyn(), about);
    dataset
}

/// Copying from another revision of the same grid, cell by cell.
#[actix_web::test]
async fn cells_are_copied_from_another_revision() {
    let (server, ada, id, mut tab) = open().await;
    let everything = json!("all");
    tab.apply(json!({ "relative": { "value": 10 } }), everything).await;
    tab.save("").await;
    let mut tab = server.open(&ada, &format!("internal_oceans?id={id}")).await;
    let copy = json!({ "operation": { "copy": { "source": "", "cells": [] } }, "selection": cell(3, 3) });
    let change = tab.ask(json!({ "type": "apply", "action": copy, "copy": { "revision": 0 } })).await.head;
    assert_eq!(change["state"]["actions"][0]["label"], "Copy from topo of revision 0 (Topography)");
    assert_eq!(tab.value(3, 3).await, json!(heights()[[3, 3]]));
    assert_eq!(tab.value(4, 3).await, json!(heights()[[3, 4]] + 10.0));
}

/// Sub-basins are no variable of a file: they are copied from the masks of the revision that is chosen.
#[actix_web::test]
async fn sub_basins_are_copied_from_the_revision_that_is_chosen() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let id = server.upload(&ada, &topography());
    let bathy = server.add(id, FileType::Bathy, &bathymetry());
    let path = format!("sub_basins?id={id}");
    let mut saved = Vec::new();
    for basin in [3, 1] {
        let mut tab = server.open(&ada, &path).await;
        tab.apply(json!({ "absolute": { "value": basin } }), cell(1, 5)).await;
        saved.push(tab.save("").await["revision"].clone());
    }
    let mut tab = server.open(&ada, &path).await;
    assert_eq!(tab.value(1, 5).await, json!(1.0));
    let sources = tab.ask(json!({ "type": "sources" })).await.head["items"].clone();
    let listed: Vec<&Value> = sources.as_array().unwrap().iter().map(|item| &item["revision"]).collect();
    assert_eq!(listed, [&saved[1], &saved[0]], "{sources}");
    assert_eq!(sources[0]["variables"], json!(["basins"]));
    let copy = |revision: &Value| {
        let operation = json!({ "copy": { "source": "", "cells": [] } });
        let action = json!({ "operation": operation, "selection": cell(1, 5) });
        json!({ "type": "apply", "action": action, "copy": { "revision": revision } })
    };
    tab.ask(copy(&saved[0])).await;
    assert_eq!(tab.value(1, 5).await, json!(3.0));
    tab.ask(copy(&saved[1])).await;
    assert_eq!(tab.value(1, 5).await, json!(1.0));
    // What has none, and what is on another grid.
    let (code, message) = tab.refused(copy(&json!(bathy.revision))).await;
    assert_eq!((code.as_str(), message.contains("no sub-basins")), ("invalid", true), "{message}");
    let mut wider = dataset::Dataset::new();
    for name in ["atlmsk", "pacmsk", "indmsk"] {
        let mask = ndarray::Array2::from_elem((12, 21), 1.0).into_dyn();
        wider.add_f64(name, &["y", "x"], mask, Attributes::new());
    }
    let other = server.add(id, FileType::SubBasins, &wider);
    let (code, message) = tab.refused(copy(&json!(other.revision))).await;
    assert_eq!((code.as_str(), message.contains("21 x 12 there")), ("invalid", true), "{message}");
}

/// Case 09: an edit that makes a value equal to what marks missing values is a value after saving, and what was missing is missing.
#[actix_web::test]
async fn a_value_that_marks_missing_ones_in_the_file_is_kept() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let mut dataset = topography();
    let whole = heights().mapv(|height| height as i16);
    let at = |i: usize, j: usize| j * COLUMNS + i;
    for (fill, value) in [(Some(0), 0.0), (None, -32_767.0)] {
        let mut stored = whole.clone();
        let hole = fill.unwrap_or(-32_767);
        (stored[[3, 3]], stored[[3, 4]]) = (hole, hole);
        let topo = dataset.variables.iter_mut().find(|v| v.name == "topo").unwrap();
        topo.values = Values::I16(stored.into_dyn());
        topo.attributes = Attributes::new().with("units", "m");
        if let Some(fill) = fill {
            topo.attributes.set_first("_FillValue", dataset::AttributeValue::I16(vec![fill]));
        }
        let id = server.upload(&ada, &dataset);
        let path = format!("internal_oceans?id={id}");
        let mut tab = server.open(&ada, &path).await;
        tab.apply(json!({ "absolute": { "value": value } }), cell(18, 7)).await;
        assert_eq!(tab.value(18, 7).await, json!(value));
        tab.save("").await;
        let (_, saved) = server.latest(id, FileType::Raw);
        let seen: Vec<f64> = saved.variable("topo").unwrap().decode().unwrap().into_iter().collect();
        assert_eq!(seen[at(18, 7)], value, "it stays what it was set to");
        let missing: Vec<usize> = (0..seen.len()).filter(|&k| seen[k].is_nan()).collect();
        assert_eq!(missing, [at(3, 3), at(4, 3)], "what was missing is missing, and nothing else");
        assert!(
            matches!(saved.variable("topo").unwrap().values, Values::I16(_)),
            "the type holds another marker"
        );
        let mut again = server.open(&ada, &path).await;
        assert_eq!(again.value(18, 7).await, json!(value));
    }
}

/// Case 03: a topography that is counted downwards has the seas, and breaks the pole rules, as its heights do.
#[actix_web::test]
async fn a_topography_that_is_counted_downwards_has_the_seas_of_its_heights() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let plain = server.upload(&ada, &topography());
    let expected = server.open(&ada, &format!("internal_oceans?id={plain}")).await.hello;
    let mut dataset = topography();
    let topo = dataset.variables.iter_mut().find(|v| v.name == "topo").unwrap();
    topo.name = "depth".to_owned();
    topo.values = Values::F64(heights().mapv(|height| -height).into_dyn());
    topo.attributes = Attributes::new()
        .with("units", "m")
        .with("positive", "down")
        .with("standard_name", "sea_floor_depth_below_geoid");
    let id = server.upload(&ada, &dataset);
    for app in ["value_changer", "internal_oceans"] {
        let raw = if app == "value_changer" { "&file_type=raw" } else { "" };
        let mut tab = server.open(&ada, &format!("{app}?id={id}{raw}")).await;
        assert_eq!((&expected["meaning"], &tab.hello["meaning"]), (&json!("elevation"), &json!("downwards")));
        assert_eq!(tab.hello["state"]["counts"], expected["state"]["counts"], "{app}");
        let codes: Vec<&Value> =
            tab.hello["findings"].as_array().unwrap().iter().map(|f| &f["code"]).collect();
        assert!(codes.contains(&&json!("depth-read")), "{app}: {codes:?}");
        if app == "internal_oceans" {
            // Land is below zero: filling the closed sea lowers the numbers, and saving keeps them so.
            tab.ask(json!({ "type": "apply", "action": { "operation": { "fill_seas": { "to": "sill" } } } }))
                .await;
            tab.save("").await;
            let (_, saved) = server.latest(id, FileType::Raw);
            let filled = numbers(&saved, "depth")[9 * COLUMNS + 18];
            assert!(filled < -300.0, "{filled}");
            let others =
                numbers(&saved, "depth").iter().zip(heights().iter()).filter(|(d, h)| -**d != **h).count();
            assert!(others >= 1, "the closed sea was filled");
        }
    }
}

/// Case 08: what is saved unpacked keeps no limits of packed numbers, and flags keep their meaning.
#[actix_web::test]
async fn limits_and_flags_are_unpacked_with_their_values() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let mut dataset = topography();
    let classes =
        ndarray::Array2::from_shape_fn((ROWS, COLUMNS), |(j, i)| if (i + j) % 2 == 0 { -56_i8 } else { 3 });
    let bytes = |list: Vec<i8>| dataset::AttributeValue::I8(list);
    let attributes = Attributes::new()
        .with("_Unsigned", "true")
        .with("valid_range", bytes(vec![0, -56]))
        .with("flag_values", bytes(vec![3, -56]))
        .with("flag_meanings", "ice rock");
    dataset.variables.push(Variable::new(
        "kind",
        &["lat", "lon"],
        Values::I8(classes.into_dyn()),
        attributes,
    ));
    let id = server.upload(&ada, &dataset);
    let mut tab = server.open(&ada, &format!("value_changer?id={id}&file_type=raw&variable=kind")).await;
    tab.apply(json!({ "absolute": { "value": 3 } }), cell(2, 2)).await;
    tab.save("").await;
    let (_, saved) = server.latest(id, FileType::Raw);
    let kind = saved.variable("kind").unwrap();
    let seen = kind.decode().unwrap();
    assert_eq!((seen[[2, 2]], seen[[2, 4]], seen[[2, 3]]), (3.0, 200.0, 3.0));
    assert!(kind.attributes.get("valid_range").is_none());
    assert_eq!(kind.attributes.get("flag_values").unwrap().numbers(), [3.0, 200.0]);
}
