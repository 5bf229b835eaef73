//! Two tabs, undo, redo, taking out, going back, resuming: every page sees the same.

use std::time::Duration;

use dataset::Values;
use panel_app::Limits;
use serde_json::{Value, json};
use store::DataFileId;
use uuid::Uuid;
use workflow::FileType;

use crate::harness::{COLUMNS, Server, Tab, heights, topography};

fn cell(i: usize, j: usize) -> Value {
    json!({ "cells": [{ "row": j, "column": i }] })
}

fn set(value: f64) -> Value {
    json!({ "absolute": { "value": value } })
}

async fn open() -> (Server, crate::harness::User, String, Tab) {
    let server = Server::start().await;
    let ada = server.user("ada");
    let path = format!("internal_oceans?id={}", server.upload(&ada, &topography()));
    let tab = server.open(&ada, &path).await;
    (server, ada, path, tab)
}

fn statuses(state: &Value) -> Vec<String> {
    let status = |action: &Value| action["status"].as_str().unwrap().to_owned();
    state["actions"].as_array().unwrap().iter().map(status).collect()
}

#[actix_web::test]
async fn an_action_changes_all_maps_of_all_pages_at_once() {
    let (server, ada, path, mut tab) = open().await;
    let mut other = server.open(&ada, &path).await;
    // The lake becomes land.
    let change = tab.apply(set(50.0), cell(18, 9)).await;
    let index = 9 * COLUMNS as u32 + 18;
    assert_eq!(change.head["what"], "apply");
    assert_eq!((change.cells("values"), change.cells("oceans")), (vec![index], vec![index]));
    let state = &change.head["state"];
    assert_eq!(
        (&state["counts"]["oceans"], &state["sequence"], &state["cursor"]),
        (&json!(0), &json!(1), &json!(1))
    );
    let action = &state["actions"][0];
    assert_eq!(
        (&action["cells"], &action["bounds"], &action["status"]),
        (&json!(1), &json!([18, 9, 1, 1]), &json!("active"))
    );
    assert_eq!((&action["author"], &action["label"]), (&tab.hello["tab"], &json!("Set to 50")));
    assert_eq!(action["thumbnail"].as_str().unwrap().len(), 344);
    let seen = other.event("change").await;
    assert_eq!(
        (&seen.head["id"], &seen.head["author"], seen.cells("values")),
        (&Value::Null, &tab.hello["tab"], vec![index])
    );
    assert_eq!(other.value(18, 9).await, json!(50.0));
    // The other undoes it.
    let undone = other.ask(json!({ "type": "undo" })).await;
    assert_eq!((undone.cells("oceans"), &undone.head["state"]["counts"]["oceans"]), (vec![index], &json!(1)));
    assert_eq!(statuses(&undone.head["state"]), ["undone"]);
    let seen = tab.event("change").await.head;
    assert_eq!((&seen["what"], &seen["state"]["can_redo"]), (&json!("undo"), &json!(true)));
    assert_eq!(tab.value(18, 9).await, json!(heights()[[9, 18]]));
    assert_eq!(tab.ask(json!({ "type": "redo" })).await.head["state"]["cursor"], json!(1));
    assert_eq!(other.value(18, 9).await, json!(50.0));
}

#[actix_web::test]
async fn a_page_that_comes_later_or_again_finds_everything() {
    let (server, ada, path, mut tab) = open().await;
    for k in 0..6 {
        tab.apply(json!({ "relative": { "value": f64::from(k) + 0.1 } }), cell(k as usize, 9)).await;
    }
    tab.ask(json!({ "type": "undo" })).await;
    tab.ask(json!({ "type": "revert", "number": 2 })).await;
    let present = tab.value(3, 9).await;
    drop(tab);
    let mut later = server.open(&ada, &path).await;
    let state = later.hello["state"].clone();
    assert_eq!(statuses(&state), ["active", "reverted", "active", "active", "active", "active"]);
    assert_eq!((&state["sequence"], later.value(3, 9).await), (&json!(8), present));
    assert_eq!(later.value(1, 9).await, json!(heights()[[9, 1]]), "it was taken out");
    for _ in 0..6 {
        later.ask(json!({ "type": "undo" })).await;
    }
    assert_eq!(later.refused(json!({ "type": "undo" })).await.0, "invalid");
    for i in 0..6 {
        assert_eq!(later.value(i, 9).await, json!(heights()[[9, i]]), "undone exactly");
    }
}

#[actix_web::test]
async fn an_earlier_action_is_taken_out_and_put_in_again() {
    let (_server, _ada, _path, mut tab) = open().await;
    tab.apply(set(10.0), cell(1, 1)).await;
    tab.apply(json!({ "relative": { "value": 5 } }), cell(1, 1)).await;
    let out = tab.ask(json!({ "type": "revert", "number": 1 })).await.head;
    assert_eq!(tab.value(1, 1).await, json!(heights()[[1, 1]] + 5.0));
    let told: Vec<(i64, &str)> = out["state"]["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| (action["number"].as_i64().unwrap(), action["status"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [(1, "reverted"), (3, "active")], "only what is different");
    tab.ask(json!({ "type": "revert", "number": 1 })).await;
    assert_eq!(tab.value(1, 1).await, json!(15.0));
    tab.ask(json!({ "type": "undo" })).await;
    assert_eq!(tab.value(1, 1).await, json!(heights()[[1, 1]] + 5.0));
}

#[actix_web::test]
async fn snapshots_and_any_earlier_point_can_be_gone_back_to() {
    let (server, ada, path, mut tab) = open().await;
    tab.apply(set(10.0), cell(1, 1)).await;
    tab.ask(json!({ "type": "snapshot", "name": "ten" })).await;
    tab.ask(json!({ "type": "undo" })).await;
    tab.apply(set(20.0), cell(1, 1)).await;
    // Ten is forgotten by the list, not by the draft.
    let back = tab.ask(json!({ "type": "restore", "sequence": 2 })).await;
    assert_eq!((tab.value(1, 1).await, back.cells("values")), (json!(10.0), vec![COLUMNS as u32 + 1]));
    let names: Vec<&str> = back.head["state"]["snapshots"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["ten", "before going back to 2"]);
    let before = back.head["state"]["snapshots"][1]["sequence"].clone();
    tab.ask(json!({ "type": "restore", "sequence": before })).await;
    assert_eq!(tab.value(1, 1).await, json!(20.0));
    tab.ask(json!({ "type": "restore", "sequence": 0 })).await;
    assert_eq!(tab.value(1, 1).await, json!(heights()[[1, 1]]));
    let mut later = server.open(&ada, &path).await;
    assert_eq!(later.value(1, 1).await, json!(heights()[[1, 1]]));
    assert_eq!(later.hello["state"]["snapshots"].as_array().unwrap().len(), 4);
}

/// A click whose answer was lost is sent again, and counts once.
#[actix_web::test]
async fn a_click_counts_once_however_often_it_is_sent() {
    let (server, ada, path, mut tab) = open().await;
    let action = json!({ "operation": { "relative": { "value": 5 } }, "selection": cell(1, 1) });
    let request = json!({ "type": "apply", "key": Uuid::new_v4(), "action": action });
    tab.ask(request.clone()).await;
    let again = tab.ask(request.clone()).await.head;
    assert_eq!((&again["state"]["sequence"], &again["type"]), (&json!(1), &json!("change")));
    let undo = json!({ "type": "undo", "key": Uuid::new_v4() });
    tab.ask(undo.clone()).await;
    tab.ask(undo).await;
    let mut other = server.open(&ada, &path).await;
    other.ask(request).await;
    assert_eq!(
        (&other.hello["state"]["sequence"].clone(), other.value(1, 1).await),
        (&json!(2), json!(heights()[[1, 1]]))
    );
}

/// Another process on the same draft (an update under way): its events are seen, and nothing is lost.
#[actix_web::test]
async fn two_servers_on_one_draft_lose_nothing() {
    let (server, ada, path, mut tab) = open().await;
    let stop = tokio_util::sync::CancellationToken::new();
    let second = panel_app::bind(&server.context, Limits::default(), stop).unwrap();
    let address = second.addresses[0].to_string();
    actix_web::rt::spawn(second.serve());
    let mut other = Tab::open(&address, &ada.cookie, &path).await.unwrap();
    tab.apply(set(10.0), cell(1, 1)).await;
    let change = other.apply(set(20.0), cell(2, 2)).await.head;
    assert_eq!((&change["sequence"], &change["maps"][0]["whole"]), (&json!(2), &json!(true)));
    assert_eq!((other.value(1, 1).await, other.value(2, 2).await), (json!(10.0), json!(20.0)));
    tab.ask(json!({ "type": "undo" })).await;
    assert_eq!((tab.value(1, 1).await, tab.value(2, 2).await), (json!(10.0), json!(heights()[[2, 2]])));
}

/// A newer revision is there when a second page comes: what the first one does stays on the revision that it sees.
#[actix_web::test]
async fn what_a_draft_stands_on_does_not_move_while_it_is_open() {
    let (server, ada, path, mut tab) = open().await;
    let mut newer = topography();
    let lifted = heights().mapv(|height| height - 1.0).into_dyn();
    newer.variables.iter_mut().find(|v| v.name == "topo").unwrap().values = Values::F64(lifted);
    let id = tab.hello["file"]["id"].as_i64().unwrap() as i32;
    let newer = server.add(DataFileId(id), FileType::Raw, &newer);
    let other = server.open(&ada, &path).await;
    assert_eq!(other.hello["revision"], json!(0));
    tab.apply(json!({ "relative": { "value": 10 } }), cell(1, 1)).await;
    let (mine, beside) = (tab.value(1, 1).await, tab.value(2, 2).await);
    // Read from the store by another process, as after a restart.
    let stop = tokio_util::sync::CancellationToken::new();
    let second = panel_app::bind(&server.context, Limits::default(), stop).unwrap();
    let address = second.addresses[0].to_string();
    actix_web::rt::spawn(second.serve());
    let mut again = Tab::open(&address, &ada.cookie, &path).await.unwrap();
    assert_eq!(
        (&again.hello["revision"], &again.hello["newest"]),
        (&json!(0), &json!(newer.revision)),
        "the page is told of the newer one"
    );
    assert_eq!((again.value(1, 1).await, again.value(2, 2).await), (mine, beside));
}

/// A draft in which nothing was done begins on the newest revision when it is read again.
#[actix_web::test]
async fn an_empty_draft_goes_with_the_newest_revision() {
    let limits = Limits { idle: Duration::from_millis(20), ..Limits::default() };
    let server = Server::start_with(limits, &[]).await;
    let ada = server.user("ada");
    let id = server.upload(&ada, &topography());
    let path = format!("internal_oceans?id={id}");
    let first = server.open(&ada, &path).await.hello;
    while server.metric("climsim_editor_drafts_in_memory") > 0.0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let newer = server.add(id, FileType::Raw, &topography());
    let again = server.open(&ada, &path).await.hello;
    assert_eq!((&again["draft"], &again["revision"]), (&first["draft"], &json!(newer.revision)));
}

#[actix_web::test]
async fn many_actions_at_once_are_done_in_order() {
    let (server, ada, path, mut tab) = open().await;
    let mut other = server.open(&ada, &path).await;
    let add = |n: usize| {
        let action =
            json!({ "operation": { "relative": { "value": 1 } }, "selection": cell(n % COLUMNS, 9) });
        json!({ "type": "apply", "action": action })
    };
    let mut sent = Vec::new();
    for n in 0..40 {
        sent.push(tab.send(add(n)).await);
        sent.push(other.send(add(n)).await);
    }
    let mut last = 0;
    for _ in 0..80 {
        let change = other.read().await.unwrap();
        if change.head["type"] == "change" {
            let sequence = change.head["sequence"].as_i64().unwrap();
            assert_eq!(sequence, last + 1, "in order, none left out");
            last = sequence;
        }
    }
    while last < 80 {
        let change = other.read().await.unwrap();
        if change.head["type"] == "change" {
            last = change.head["sequence"].as_i64().unwrap();
        }
    }
    assert_eq!(other.value(0, 9).await, json!(heights()[[9, 0]] + 1.0 + 1.0 + 1.0 + 1.0));
    assert_eq!(other.value(35, 9).await, json!(heights()[[9, 35]] + 1.0 + 1.0));
}

/// A recipe says in degrees what was done, and does it again elsewhere.
#[actix_web::test]
async fn a_recipe_is_done_again_on_another_map_with_a_report() {
    let (server, ada, path, mut tab) = open().await;
    tab.apply(
        json!({ "relative": { "value": -5000 } }),
        json!({ "box": { "lon": [0, 20], "lat": [0, 10] } }),
    )
    .await;
    tab.apply(json!({ "fill_seas": { "to": { "land": {} } } }), cell(18, 9)).await;
    let recipe = tab.ask(json!({ "type": "recipe" })).await.head["recipe"].clone();
    assert_eq!(recipe["actions"].as_array().unwrap().len(), 2);
    let (status, download) =
        server.get(Some(&ada), &format!("/panel/{}", path.replace('?', "/recipe?"))).await;
    assert_eq!((status, serde_json::from_str::<Value>(&download).unwrap()), (200, recipe.clone()));

    let other = format!("internal_oceans?id={}", server.upload(&ada, &topography()));
    let mut there = server.open(&ada, &other).await;
    let change = there.ask(json!({ "type": "import", "recipe": recipe })).await.head;
    assert_eq!(change["state"]["actions"].as_array().unwrap().len(), 2);
    assert_eq!(change["report"][0]["fits"], "yes", "{}", change["report"]);
    assert_eq!(there.value(18, 9).await, tab.value(18, 9).await);
    // Each of its actions can be undone by itself.
    there.ask(json!({ "type": "undo" })).await;
    assert_eq!(there.ask(json!({ "type": "undo" })).await.head["state"]["cursor"], json!(0));
    assert_eq!(there.value(18, 9).await, json!(heights()[[9, 18]]));
}
