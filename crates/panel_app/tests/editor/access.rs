//! Who may, from where, and what does not hurt.

use std::time::Duration;

use panel_app::Limits;
use serde_json::json;

use crate::harness::{Server, Tab, topography};

/// D1: the editors know who asks. Nobody else gets a page, a socket or a recipe.
#[actix_web::test]
async fn d1_only_the_owner_gets_a_page_or_a_socket() {
    let server = Server::start().await;
    let (ada, eve) = (server.user("ada"), server.user("eve"));
    let id = server.upload(&ada, &topography());
    for path in ["/panel/internal_oceans", "/internal_oceans", "/panel/internal_oceans/recipe"] {
        let path = format!("{path}?id={id}");
        assert_eq!(server.get(Some(&ada), &path).await.0, 200, "{path}");
        assert_eq!(server.get(Some(&eve), &path).await.0, 404, "{path}");
        // On to the login page.
        assert!([303, 401].contains(&server.get(None, &path).await.0), "{path}");
    }
    let path = format!("internal_oceans?id={id}");
    assert!(Tab::open(&server.address, &ada.cookie, &path).await.is_ok());
    for cookie in [eve.cookie.as_str(), "", "forged"] {
        assert!(Tab::open(&server.address, cookie, &path).await.is_err(), "{cookie}");
    }
    let missing = Tab::open(&server.address, &ada.cookie, "internal_oceans?id=999").await;
    assert!(missing.is_err());
    for wrong in
        ["dancing?id=ID", "value_changer?id=ID", "value_changer?id=ID&file_type=x", "internal_oceans?id=x"]
    {
        let path = format!("/panel/{}", wrong.replace("ID", &id.to_string()));
        let (status, body) = server.get(Some(&ada), &path).await;
        assert!([400, 404].contains(&status), "{path}: {status} {body}");
    }
}

/// D1: another site's page does not get the socket of its visitor.
#[actix_web::test]
async fn d1_other_sites_do_not_get_the_socket() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let path = format!("internal_oceans?id={}", server.upload(&ada, &topography()));
    for origin in [Some("http://evil.org"), Some("null"), None] {
        let opened = Tab::open_from(&server.address, &ada.cookie, &path, origin).await;
        assert!(opened.is_err(), "{origin:?}");
    }
    let allowing =
        Server::start_with(Limits::default(), &[("BOKEH_ALLOW_WS_ORIGIN", "friend.org, *.x")]).await;
    let ada = allowing.user("ada");
    let path = format!("internal_oceans?id={}", allowing.upload(&ada, &topography()));
    let open = |origin| Tab::open_from(&allowing.address, &ada.cookie, &path, Some(origin));
    assert!(open("https://friend.org").await.is_ok());
    assert!(open("https://foe.org").await.is_err());
}

/// D21: after a save the browser stays on this site.
#[actix_web::test]
async fn d21_the_way_back_is_inside_of_this_site() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let id = server.upload(&ada, &topography());
    for evil in ["javascript:alert(1)", "//evil.org/", "https://evil.org/", "/\\evil.org"] {
        let encoded: String = form_urlencoded::byte_serialize(evil.as_bytes()).collect();
        let (status, page) =
            server.get(Some(&ada), &format!("/panel/internal_oceans?id={id}&redirect={encoded}")).await;
        assert_eq!(status, 200);
        assert!(!page.contains("evil.org") && !page.contains("javascript:"), "{page}");
        assert!(page.contains(&format!("/{id}/steps")));
    }
    let page =
        server.get(Some(&ada), &format!("/panel/internal_oceans?id={id}&redirect=/{id}/raw/view")).await.1;
    assert!(page.contains(&format!("/{id}/raw/view")));
}

#[actix_web::test]
async fn the_page_and_its_files_are_there_under_both_addresses() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let id = server.upload(&ada, &topography());
    let page = server.get(Some(&ada), &format!("/panel/internal_oceans?id={id}")).await.1;
    assert!(page.contains("/panel/internal_oceans/ws?id="), "{page}");
    let file = page.split('"').find(|part| part.ends_with("/climsim.css")).unwrap();
    assert!(file.starts_with("/panel/static/"), "{file}");
    assert_eq!(server.get(None, file).await.0, 200);
    assert_eq!(server.get(None, file.trim_start_matches("/panel")).await.0, 200);
    let files: Vec<&str> = page.split('"').filter(|part| part.starts_with("/panel/static/")).collect();
    assert!(files.iter().filter(|file| file.ends_with(".js")).count() > 20, "{page}");
    for file in files {
        assert_eq!(server.get(None, file).await.0, 200, "{file}");
    }
    assert_eq!(server.get(None, "/livez").await.0, 200);
    assert_eq!(server.get(None, "/readyz").await.0, 200);
    assert_eq!(server.get(Some(&ada), "/panel/passage_problems?id=1").await.0, 404, "no bathymetry yet");
}

#[actix_web::test]
async fn what_cannot_be_read_is_answered_and_harms_nobody() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let path = format!("internal_oceans?id={}", server.upload(&ada, &topography()));
    let mut tab = server.open(&ada, &path).await;
    for text in
        ["", "{", "[]", "{\"type\":\"undo\"}", "{\"id\":1,\"type\":\"dance\"}", "\u{0}", &"[".repeat(5000)]
    {
        tab.send_text(text.to_owned()).await;
        let told = tab.event("error").await.head;
        assert_eq!((told["code"].as_str(), told.get("again")), (Some("invalid"), None), "{text}: {told}");
    }
    tab.send_binary(vec![0; 100]).await;
    assert_eq!(tab.event("error").await.head["code"], "invalid");
    for request in [
        json!({ "type": "view", "map": "passages" }),
        json!({ "type": "view", "window": [0, 0, 1000, 1000] }),
        json!({ "type": "view", "at": [1] }),
        json!({ "type": "view", "variable": "nothing" }),
        json!({ "type": "view", "revision": 77 }),
        json!({ "type": "cell", "cell": [36, 0] }),
        json!({ "type": "histogram", "bins": 0 }),
        json!({ "type": "list", "map": "values" }),
        json!({ "type": "undo" }),
        json!({ "type": "redo" }),
        json!({ "type": "revert", "number": 5 }),
        json!({ "type": "restore", "sequence": 5 }),
        json!({ "type": "restore", "sequence": -1 }),
        json!({ "type": "snapshot", "name": " " }),
        json!({ "type": "previous" }),
        json!({ "type": "rebase" }),
        json!({ "type": "import", "recipe": { "format": "something" } }),
        json!({ "type": "consequences", "on": ["weather"] }),
        json!({ "type": "save", "sequence": 7 }),
        json!({ "type": "apply", "at": [0], "action": { "operation": { "absolute": { "value": 1 } } } }),
        json!({ "type": "apply", "action": { "operation": { "smooth": { "passes": 0 } } } }),
        json!({ "type": "apply", "action": { "operation": { "absolute": { "value": 1 } } }, "copy": { "revision": 0 } }),
    ] {
        let (code, message) = tab.refused(request.clone()).await;
        assert!(["invalid", "not_found", "conflict"].contains(&code.as_str()), "{request}: {code} {message}");
        assert!(message.len() > 15 && message.ends_with('.'), "{request}: {message}");
    }
    assert_eq!(tab.hello["state"]["sequence"], 0);
    tab.apply(json!({ "absolute": { "value": 5 } }), json!({ "cells": [{ "row": 0, "column": 0 }] })).await;
    // A frame beyond the limit ends this connection, and no other.
    let mut other = server.open(&ada, &path).await;
    other.send_beyond("x".repeat(5 << 20)).await;
    while other.read().await.is_some() {}
    assert_eq!(tab.value(0, 0).await, json!(5.0));
}

#[actix_web::test]
async fn connections_are_bounded() {
    let limits = Limits { connections: 3, connections_of_account: 2, ..Limits::default() };
    let server = Server::start_with(limits, &[]).await;
    let (ada, bob, eve) = (server.user("ada"), server.user("bob"), server.user("eve"));
    let path = |user| format!("internal_oceans?id={}", server.upload(user, &topography()));
    let (of_ada, of_bob, of_eve) = (path(&ada), path(&bob), path(&eve));
    let first = server.open(&ada, &of_ada).await;
    let _second = server.open(&ada, &of_ada).await;
    assert!(Tab::open(&server.address, &ada.cookie, &of_ada).await.is_err());
    let _third = server.open(&bob, &of_bob).await;
    assert!(Tab::open(&server.address, &eve.cookie, &of_eve).await.is_err());
    assert_eq!(server.metric("climsim_open_editors"), 3.0);
    drop(first);
    for _ in 0..6000 {
        if Tab::open(&server.address, &eve.cookie, &of_eve).await.is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the place of a page that went is not given back");
}

#[actix_web::test]
async fn an_idle_draft_leaves_memory_and_comes_back_as_it_was() {
    let limits = Limits { idle: Duration::from_millis(20), ..Limits::default() };
    let server = Server::start_with(limits, &[]).await;
    let ada = server.user("ada");
    let path = format!("internal_oceans?id={}", server.upload(&ada, &topography()));
    let mut tab = server.open(&ada, &path).await;
    assert_eq!(server.metric("climsim_editor_drafts_in_memory"), 1.0);
    tab.apply(json!({ "absolute": { "value": 5 } }), json!({ "cells": [{ "row": 3, "column": 2 }] })).await;
    assert_eq!(server.metric(panel_app::IN_FLIGHT), 0.0);
    drop(tab);
    while server.metric("climsim_editor_drafts_in_memory") > 0.0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut tab = server.open(&ada, &path).await;
    assert_eq!(tab.hello["state"]["actions"].as_array().unwrap().len(), 1);
    assert_eq!(tab.value(2, 3).await, json!(5.0));
}

#[actix_web::test]
async fn a_page_is_told_when_the_service_stops() {
    let server = Server::start().await;
    let ada = server.user("ada");
    let path = format!("internal_oceans?id={}", server.upload(&ada, &topography()));
    let mut tab = server.open(&ada, &path).await;
    server.stop.cancel();
    let told = tab.event("error").await.head;
    assert_eq!(told["again"], json!(true), "{told}");
    assert!(tab.read().await.is_none());
}

/// An updater waits while a change is not answered yet, and only then.
#[test]
fn an_update_waits_for_changes_under_way() {
    use std::io::{BufRead as _, BufReader, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let advice = || {
        let mut command = std::process::Command::new(crate::harness::binary());
        command.arg("pre-update").env("HEALTH_HOST", "127.0.0.1").env("HEALTH_PORT", port.to_string());
        command.output().unwrap().status.code()
    };
    let answer = |in_flight: &str| {
        let body = format!("# TYPE x gauge\n{} {in_flight}\n", panel_app::IN_FLIGHT);
        let (mut stream, _) = listener.accept().unwrap();
        // The whole head: what is left unread when the stream closes can cost the other side the answer.
        let head = BufReader::new(&stream).lines().map(Result::unwrap);
        let head: Vec<String> = head.take_while(|line| !line.is_empty()).collect();
        assert!(head[0].starts_with("GET /metrics "), "{head:?}");
        write!(stream, "HTTP/1.0 200 OK\r\n\r\n{body}").unwrap();
    };
    for (in_flight, expected) in [("1", 75), ("0", 0)] {
        std::thread::scope(|scope| {
            scope.spawn(|| answer(in_flight));
            assert_eq!(advice(), Some(expected), "{in_flight} under way");
        });
    }
    drop(listener);
    assert_eq!(advice(), Some(0), "nothing runs, nothing is under way");
}
