//! What is asked and changes nothing.

use serde_json::{Value, json};
use workflow::{FileType, Step};

use crate::harness::{COLUMNS, ROWS, Server, bathymetry, heights, integers, topography};

fn names(list: &Value, field: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|item| item[field].as_str().unwrap().to_owned()).collect()
}

#[actix_web::test]
async fn a_page_begins_with_everything_that_it_needs() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let id = server.upload(&ada, &topography());
    let mut tab = server.open(&ada, &format!("internal_oceans?id={id}")).await;
    let hello = tab.hello.clone();
    for (field, expected) in [
        ("protocol", json!(1)),
        ("app", json!("internal_oceans")),
        ("file", json!({ "id": id, "title": "planet" })),
        ("revision", json!(0)),
        ("newest", json!(0)),
        ("variable", json!("topo")),
        ("meaning", json!("elevation")),
        ("writable", json!(true)),
        ("rows", json!(ROWS)),
        ("columns", json!(COLUMNS)),
        ("periodic", json!(true)),
        ("fold", Value::Null),
        ("index_space", json!(false)),
        ("integer", json!(false)),
        ("consequences", json!(["routing", "bathymetry"])),
        ("previous", Value::Null),
    ] {
        assert_eq!(hello[field], expected, "{field}");
    }
    assert_eq!(names(&hello["maps"], "map"), ["values", "oceans", "poles"]);
    assert_eq!(hello["field"]["default"], "topo");
    let state = &hello["state"];
    assert_eq!(
        (&state["sequence"], &state["can_undo"], &state["open"]),
        (&json!(0), &json!(false), &json!(1))
    );
    // The lake is the one internal ocean; the sea in the far south is to be land.
    assert_eq!((&state["counts"]["oceans"], &state["counts"]["ocean_cells"]), (&json!(1), &json!(1)));
    let views: Vec<Value> = {
        let mut views = Vec::new();
        for _ in 0..3 {
            views.push(tab.event("view").await.head);
        }
        views
    };
    assert_eq!(names(&json!(views), "map"), ["values", "oceans", "poles"]);
    assert!(views.iter().all(|view| view["size"] == json!([COLUMNS, ROWS]) && view["id"].is_null()));
}

/// The topography with its longitudes written in another way, or a part of it.
fn with_longitudes(longitudes: impl Fn(usize) -> f64, columns: std::ops::Range<usize>) -> dataset::Dataset {
    let whole = topography();
    let mut file = dataset::Dataset::new();
    for variable in &whole.variables {
        let mut values = variable.decode().unwrap();
        if let Some(axis) = variable.dimensions.iter().position(|dimension| dimension == "lon") {
            values.slice_axis_inplace(ndarray::Axis(axis), columns.clone().into());
        }
        if variable.name == "lon" {
            values = columns.clone().map(&longitudes).collect::<ndarray::Array1<f64>>().into_dyn();
        }
        let values = values.as_standard_layout().into_owned();
        let dimensions: Vec<&str> = variable.dimensions.iter().map(String::as_str).collect();
        file.add_f64(&variable.name, &dimensions, values, variable.attributes.clone());
    }
    file
}

#[actix_web::test]
async fn the_globe_is_joined_and_a_region_is_not_however_longitudes_are_written() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let step = 360.0 / COLUMNS as f64;
    let jump = |k: usize| {
        let lon = (k as f64 + 0.5) * step;
        if lon > 180.0 { lon - 360.0 } else { lon }
    };
    let single = |k: usize| f64::from(((k as f64) * step) as f32);
    for (file, periodic, columns) in [
        (with_longitudes(jump, 0..COLUMNS), true, COLUMNS),
        (with_longitudes(single, 0..COLUMNS), true, COLUMNS),
        (with_longitudes(jump, 9..27), false, 18),
        (with_longitudes(single, 0..COLUMNS - 2), false, COLUMNS - 2),
    ] {
        let id = server.upload(&ada, &file);
        let tab = server.open(&ada, &format!("internal_oceans?id={id}")).await;
        assert_eq!(tab.hello["columns"], json!(columns));
        assert_eq!(tab.hello["periodic"], json!(periodic));
        assert_eq!(tab.hello["index_space"], json!(false));
    }
}

#[actix_web::test]
async fn every_editor_opens_on_its_file() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let id = server.upload(&ada, &topography());
    server.add(id, FileType::Bathy, &bathymetry());
    for (path, meaning, maps) in [
        ("passage_problems?id=ID", "depth", vec!["values", "oceans", "passages"]),
        ("sub_basins?id=ID", "basins", vec!["values"]),
        ("value_changer?id=ID&file_type=bathy", "depth", vec!["values", "oceans", "passages"]),
        ("value_changer?id=ID&file_type=raw", "elevation", vec!["values", "oceans", "poles"]),
        ("value_changer?id=ID&file_type=bathy&variable=nav_lat", "plain", vec!["values"]),
    ] {
        let mut tab = server.open(&ada, &path.replace("ID", &id.to_string())).await;
        assert_eq!(tab.hello["meaning"], meaning, "{path}");
        assert_eq!(names(&tab.hello["maps"], "map"), maps, "{path}");
        if path.contains("bathy") || path.starts_with("sub") {
            assert_eq!(tab.event("mesh").await.head["size"], json!([20, 12]), "{path}");
        }
    }
    let mut tab = server.open(&ada, &format!("passage_problems?id={id}")).await;
    assert_eq!(tab.hello["state"]["counts"]["passages"], 1);
    let items = tab.ask(json!({ "type": "list", "map": "passages" })).await.head;
    assert_eq!(items["items"][0]["cell"], json!([10, 6]), "{items}");
    let mut tab = server.open(&ada, &format!("sub_basins?id={id}")).await;
    let view = tab.ask(json!({ "type": "view", "variable": "Bathymetry" })).await.head;
    assert_eq!((&view["range"], &view["size"]), (&json!([0.0, 1019.0]), &json!([20, 12])));
    assert_eq!(tab.value(0, 0).await, json!(2.0), "the automatic division begins with the Pacific");
    assert_eq!(tab.value(0, 6).await, json!(0.0), "land belongs to none");
}

#[actix_web::test]
async fn views_cells_selections_and_lists_say_what_is_there() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let id = server.upload(&ada, &topography());
    let mut tab = server.open(&ada, &format!("internal_oceans?id={id}")).await;
    let heights = heights();

    let view =
        tab.ask(json!({ "type": "view", "map": "values", "level": 1, "window": [2, 3, 4, 5] })).await.head;
    assert_eq!((&view["size"], &view["window"]), (&json!([18, 9]), &json!([2, 3, 4, 5])));
    let cell = tab.ask(json!({ "type": "cell", "cell": [18, 9] })).await.head;
    assert_eq!((&cell["value"], &cell["original"]), (&json!(heights[[9, 18]]), &json!(heights[[9, 18]])));
    assert_eq!((&cell["lon"], &cell["lat"]), (&json!(5.0), &json!(5.0)));
    assert_ne!(cell["maps"]["oceans"], json!(-1.0), "the lake is not the ocean");
    let ocean = tab.ask(json!({ "type": "cell", "cell": [0, 9] })).await.head;
    assert_eq!((&ocean["maps"]["oceans"], &ocean["maps"]["poles"]), (&json!(-1.0), &json!(0.0)));

    // A box across the date line.
    let across = json!({ "box": { "lon": [170, -170], "lat": [0, 20] } });
    let selected = tab.ask(json!({ "type": "select", "selection": across })).await;
    assert_eq!(
        (&selected.head["cells"], &selected.head["ocean"], &selected.head["land"]),
        (&json!(4), &json!(4), &json!(0))
    );
    assert_eq!(selected.head["bounds"], json!([0, 9, 36, 2]));
    let area = selected.head["area_km2"].as_f64().unwrap();
    let sphere = 4.0 * std::f64::consts::PI * 6371.0_f64.powi(2);
    let share = 2.0 / 36.0 * (20.0_f64.to_radians().sin()) / 2.0;
    assert!((area / (sphere * share) - 1.0).abs() < 1e-9, "{area}");
    assert_eq!(selected.planes.iter().map(|byte| byte.count_ones()).sum::<u32>(), 4);
    assert_eq!(selected.planes[0] & 1, 1);
    let nothing = tab.ask(json!({ "type": "select", "selection": { "cells": [] } })).await.head;
    assert_eq!(
        (&nothing["cells"], &nothing["bounds"], &nothing["mean"]),
        (&json!(0), &Value::Null, &Value::Null)
    );
    let land = json!({ "type": "select", "selection": "all", "filter": { "land": true, "ocean": false } });
    let land = tab.ask(land).await.head;
    assert_eq!(land["cells"], json!(heights.iter().filter(|&&h| h > 0.0).count()));

    let histogram = tab.ask(json!({ "type": "histogram", "bins": 10 })).await.head;
    let counted: u64 = histogram["counts"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!((counted, histogram["edges"].as_array().unwrap().len()), ((ROWS * COLUMNS) as u64, 11));

    let lakes = tab.ask(json!({ "type": "list", "map": "oceans" })).await.head;
    assert_eq!(
        (&lakes["of"], &lakes["items"][0]["cell"], &lakes["items"][0]["cells"]),
        (&json!(1), &json!([18, 9]), &json!(1))
    );
    let findings = tab.ask(json!({ "type": "fitness" })).await.head;
    let lake =
        findings["findings"].as_array().unwrap().iter().find(|f| f["code"] == "internal-oceans").unwrap();
    assert_eq!(lake["cells"], json!([[18, 9]]));
    let sources = tab.ask(json!({ "type": "sources" })).await.head;
    assert_eq!(
        (&sources["items"][0]["revision"], &sources["items"][0]["variables"]),
        (&json!(0), &json!(["topo"]))
    );
    assert_eq!(tab.ask(json!({ "type": "ping" })).await.head["type"], "done");
}

#[actix_web::test]
async fn a_preview_says_what_would_be_and_changes_nothing() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let path = format!("internal_oceans?id={}", server.upload(&ada, &topography()));
    let mut tab = server.open(&ada, &path).await;
    let fill = json!({ "operation": { "fill_seas": { "to": "sill" } } });
    let preview = tab.ask(json!({ "type": "preview", "action": fill })).await;
    assert_eq!(
        (&preview.head["before"]["oceans"], &preview.head["counts"]["oceans"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(preview.cells("values"), [9 * COLUMNS as u32 + 18]);
    assert_eq!(preview.cells("oceans"), [9 * COLUMNS as u32 + 18]);
    assert_eq!(tab.value(18, 9).await, json!(heights()[[9, 18]]));
    let mut again = server.open(&ada, &path).await;
    assert_eq!(
        (&again.hello["state"]["sequence"].clone(), again.value(18, 9).await),
        (&json!(0), json!(heights()[[9, 18]]))
    );
}

#[actix_web::test]
async fn any_slice_of_any_variable_can_be_seen_and_edited() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let id = server.upload(&ada, &integers());
    let path = format!("value_changer?id={id}&file_type=raw&variable=count");
    let mut tab = server.open(&ada, &path).await;
    assert_eq!((&tab.hello["integer"], &tab.hello["meaning"]), (&json!(true), &json!("plain")));
    let described =
        tab.hello["field"]["variables"].as_array().unwrap().iter().find(|v| v["name"] == "count").unwrap();
    assert_eq!(described["dimensions"][0]["name"], "month");
    let view = tab.ask(json!({ "type": "view", "at": [2] })).await.head;
    assert_eq!(view["range"], json!([2000.0, 2000.0 + (ROWS * COLUMNS - 1) as f64]));
    let cell = json!({ "cells": [{ "row": 1, "column": 1 }] });
    let add = json!({ "operation": { "relative": { "value": 7 } }, "selection": cell });
    let changed = tab.ask(json!({ "type": "apply", "at": [1], "action": add })).await.head;
    assert_eq!((&changed["at"], &changed["state"]["actions"][0]["at"]), (&json!([1]), &json!([1])));
    let range = |at: usize| json!([1000.0 * at as f64, (1000 * at + ROWS * COLUMNS - 1) as f64]);
    assert_eq!(changed["state"]["range"], range(1), "of the slice that was changed");
    let value = |at: usize| json!({ "type": "cell", "cell": [1, 1], "at": [at] });
    assert_eq!(tab.ask(value(1)).await.head["value"], json!(1000.0 + 37.0 + 7.0));
    assert_eq!(tab.ask(value(0)).await.head["value"], json!(37.0));
    // An action after an undo on another slice forgets what was undone here.
    tab.ask(json!({ "type": "undo" })).await;
    assert_eq!(tab.ask(value(1)).await.head["value"], json!(1037.0));
    let changed = tab.ask(json!({ "type": "apply", "at": [0], "action": add })).await.head;
    assert_eq!(changed["state"]["can_redo"], json!(false));
    assert_eq!(changed["state"]["dropped"].as_array().unwrap().len(), 1);
    assert_eq!(
        tab.ask(json!({ "type": "apply", "at": [1], "action": add })).await.head["state"]["cursor"],
        json!(2)
    );
    assert_eq!(tab.ask(value(1)).await.head["value"], json!(1044.0));
    let mut again = server.open(&ada, &path).await;
    assert_eq!(again.ask(value(1)).await.head["value"], json!(1044.0));
    assert_eq!(again.ask(value(0)).await.head["value"], json!(44.0));
}

/// A variable may have more slices than there is memory for: those that nobody edited are not kept.
#[actix_web::test]
async fn a_slice_that_was_only_looked_at_does_not_stay_in_memory() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let id = server.upload(&ada, &integers());
    let path = format!("value_changer?id={id}&file_type=raw&variable=count");
    let mut tab = server.open(&ada, &path).await;
    let look = |at: usize| json!({ "type": "cell", "cell": [1, 1], "at": [at] });
    // The hello says the range of the first slice, if that is in memory.
    tab.ask(look(0)).await;
    let first = json!([0.0, (ROWS * COLUMNS - 1) as f64]);
    assert_eq!(server.open(&ada, &path).await.hello["state"]["range"], first);
    tab.ask(look(2)).await;
    assert_eq!(server.open(&ada, &path).await.hello["state"]["range"], Value::Null);
    let action = json!({ "operation": { "relative": { "value": 0 } }, "selection": "all" });
    tab.ask(json!({ "type": "apply", "at": [0], "action": action })).await;
    tab.ask(look(2)).await;
    assert_eq!(server.open(&ada, &path).await.hello["state"]["range"], first, "edited");
}

#[actix_web::test]
async fn consequences_follow_the_edits_for_those_who_want_them() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let id = server.upload(&ada, &topography());
    let path = format!("internal_oceans?id={id}");
    let (mut tab, mut other) = (server.open(&ada, &path).await, server.open(&ada, &path).await);
    tab.ask(json!({ "type": "consequences", "on": ["routing", "bathymetry"] })).await;
    let first = tab.event("consequence").await.head;
    let second = tab.event("consequence").await.head;
    let made = |head: &Value| (head["of"].clone(), head["sequence"].clone(), head["error"].clone());
    assert_eq!(made(&first), (json!("routing"), json!(0), Value::Null), "{first}");
    assert_eq!(made(&second), (json!("bathymetry"), json!(0), Value::Null), "{second}");
    assert_eq!((&first["size"], &second["size"]), (&json!([COLUMNS, ROWS]), &json!([182, 149])));
    for _ in 0..5 {
        tab.apply(json!({ "relative": { "value": 1 } }), json!("all")).await;
    }
    // States in between may be passed over, the last one never.
    loop {
        let told = tab.event("consequence").await.head;
        if told["sequence"] == json!(5) && told["of"] == "bathymetry" {
            break;
        }
    }
    tab.ask(json!({ "type": "consequences", "on": [] })).await;
    let untold = other.ask(json!({ "type": "ping" })).await;
    assert_eq!(untold.head["type"], "done");
    assert!(other.events.iter().all(|told| told.head["type"] != "consequence"));
    // What is there already is shown at once to one who begins to look.
    other.ask(json!({ "type": "consequences", "on": ["routing"] })).await;
    assert_eq!(other.event("consequence").await.head["sequence"], json!(5));
}

/// What cannot be computed is said whenever somebody asks, is tried again then, and holds nothing else back.
#[actix_web::test]
async fn a_consequence_that_fails_is_told_again_and_holds_back_no_other() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let id = server.upload(&ada, &topography());
    let routed = |orcafile: &str| {
        let mut edit = server.edit(id, Step::Routing, FileType::Routing, &topography());
        edit.parameters.insert("orcafile".into(), orcafile.into());
        server.store.record_edit(edit).unwrap();
    };
    // With an ocean grid of one's own, which was never uploaded.
    routed("custom");
    let mut tab = server.open(&ada, &format!("internal_oceans?id={id}")).await;
    tab.ask(json!({ "type": "consequences", "on": ["routing", "bathymetry"] })).await;
    let (first, second) = (tab.event("consequence").await.head, tab.event("consequence").await.head);
    assert_eq!((&first["of"], &first["error"]), (&json!("routing"), &Value::Null));
    let failed = |told: &Value| {
        assert_eq!(told["of"], json!("bathymetry"), "{told}");
        assert!(told["error"].as_str().unwrap().contains("no ocean grid of your own"), "{told}");
    };
    failed(&second);
    // Other requests do not begin it again: each further calculation would be told of before those below.
    for _ in 0..3 {
        tab.ask(json!({ "type": "list", "map": "oceans" })).await;
    }
    for orcafile in ["custom", "generated"] {
        routed(orcafile);
        tab.ask(json!({ "type": "consequences", "on": [] })).await;
        tab.ask(json!({ "type": "consequences", "on": ["bathymetry"] })).await;
        let told = tab.event("consequence").await.head;
        match orcafile {
            "custom" => failed(&told),
            _ => assert_eq!((&told["of"], &told["error"]), (&json!("bathymetry"), &Value::Null), "{told}"),
        }
    }
}

/// The topography in other numbers, with the attributes that say what they are.
fn counted(units: &str, positive: &str, number: impl Fn(f64) -> f64) -> dataset::Dataset {
    let mut file = topography();
    for variable in &mut file.variables {
        if variable.name == "topo" {
            variable.values = dataset::Values::F64(heights().mapv(&number).into_dyn());
            variable.attributes.set("units", units);
            variable.attributes.set("positive", positive);
        }
    }
    file
}

#[actix_web::test]
async fn fixes_and_checks_count_in_metres_and_values_as_the_file_does() {
    let server = Server::start().await;
    let ada = server.user("ada");
    for (units, positive, metre, code) in [
        ("m", "down", -1.0, "depth-read"),
        ("km", "up", 1e-3, "units-of-the-file"),
        ("km", "down", -1e-3, "units-of-the-file"),
        ("cm", "up", 100.0, "units-of-the-file"),
    ] {
        let what = format!("{units} {positive}");
        let id = server.upload(&ada, &counted(units, positive, |height| height * metre));
        let path = format!("internal_oceans?id={id}");
        let mut tab = server.open(&ada, &path).await;
        let codes = names(&tab.hello["findings"], "code");
        // More of this planet is sea: depths that are below zero for the most part would be doubted.
        assert!(codes.iter().any(|found| found == code), "{what}: {codes:?}");
        // The lake becomes land of 25 m, in the numbers of the file, before saving and after.
        let lake = json!({ "cells": [{ "row": 9, "column": 18 }] });
        let fill = json!({ "fill_seas": { "to": { "land": { "height_m": 25.0 } } } });
        assert_eq!(tab.apply(fill, lake.clone()).await.cells("values"), [9 * COLUMNS as u32 + 18], "{what}");
        let filled = tab.value(18, 9).await.as_f64().unwrap();
        assert!((filled - 25.0 * metre).abs() < 1e-9, "{what}: {filled}");
        // Nothing on the planet is out of range, whatever the numbers are; a mountain of 20 km is.
        let out = |told: &Value| names(&told["findings"], "code").iter().any(|c| c == "values-out-of-range");
        assert!(!out(&tab.ask(json!({ "type": "fitness" })).await.head), "{what}");
        tab.apply(json!({ "absolute": { "value": 20_000.0 * metre } }), lake.clone()).await;
        assert!(out(&tab.ask(json!({ "type": "fitness" })).await.head), "{what}");
        tab.apply(json!({ "absolute": { "value": 25.0 * metre } }), lake).await;
        tab.save("").await;
        let mut again = server.open(&ada, &path).await;
        assert_eq!(again.value(18, 9).await, json!(25.0 * metre), "{what}");
        assert_eq!(again.value(0, 5).await, json!(heights()[[5, 0]] * metre), "{what}");
    }
}

#[actix_web::test]
async fn both_copies_of_a_cyclic_column_are_edited_and_saved() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let mut file = with_longitudes(|k| -175.0 + 10.0 * k as f64, 0..COLUMNS);
    for variable in &mut file.variables {
        let axis = variable.dimensions.iter().position(|dimension| dimension == "lon");
        let Some(axis) = axis.map(ndarray::Axis) else { continue };
        let values = variable.decode().unwrap();
        let mut first = values.slice_axis(axis, (0..1).into()).to_owned();
        if variable.name == "lon" {
            first += 360.0;
        }
        let cyclic = ndarray::concatenate(axis, &[values.view(), first.view()]).unwrap();
        variable.values = dataset::Values::F64(cyclic.as_standard_layout().into_owned());
    }
    for dimension in &mut file.dimensions {
        if dimension.name == "lon" {
            dimension.len = COLUMNS + 1;
        }
    }
    let id = server.upload(&ada, &file);
    let path = format!("value_changer?id={id}&file_type=raw&variable=topo");
    let mut tab = server.open(&ada, &path).await;
    for (column, value) in [(0, -77.0), (COLUMNS, -88.0)] {
        let one = json!({ "cells": [{ "row": 7, "column": column }] });
        let told = tab.apply(json!({ "absolute": { "value": value } }), one).await;
        let row = 7 * (COLUMNS as u32 + 1);
        assert_eq!(told.cells("values"), [row, row + COLUMNS as u32]);
    }
    tab.save("").await;
    let mut again = server.open(&ada, &path).await;
    assert_eq!((again.value(0, 7).await, again.value(COLUMNS, 7).await), (json!(-88.0), json!(-88.0)));
}
