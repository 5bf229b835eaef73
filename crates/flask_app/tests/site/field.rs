//! What the map asks for, over HTTP: whose it is, when it is sent again, and what is said about what cannot be drawn.

use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use workflow::FileType;

use crate::api::Script;
use crate::harness::{Answer, Server, bathymetry, topography};

/// The four routes, on a file with a curvilinear grid.
const ROUTES: [&str; 4] =
    ["bathy/field.json", "bathy/field?variable=Bathymetry", "bathy/field/mesh", "bathy/field/value?cell=1,2"];

/// A bathymetry whose rows climb eastwards: no axes describe it.
fn curved() -> Vec<u8> {
    let mut map = dataset::from_bytes(&bathymetry(), "bathymetry").unwrap();
    let lat = map.variables.iter_mut().find(|variable| variable.name == "nav_lat").unwrap();
    let dataset::Values::F64(lat) = &mut lat.values else { panic!("{:?}", lat.values) };
    lat.indexed_iter_mut().for_each(|(at, lat)| *lat += at[1] as f64);
    dataset::to_bytes(&map).unwrap()
}

#[actix_web::test]
async fn pages_and_scripts_get_the_same_map() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let script = Script::new(&server, "ada");
    let id = ada.upload("topo.nc").await;
    server.add(id, FileType::Bathy, &curved());
    for route in ROUTES {
        let page = ada.get(&format!("/{id}/{route}")).await.is(200);
        let api = script.get(&format!("/data-files/{id}/{route}")).await.is(200);
        assert!(!page.bytes.is_empty() && page.bytes == api.bytes, "{route}");
        assert_eq!(page.headers[CONTENT_TYPE], api.headers[CONTENT_TYPE], "{route}");
    }
    let described = script.get(&format!("/data-files/{id}/bathy/field.json")).await.json();
    assert_eq!(described["default"], "Bathymetry");
    assert_eq!(described["grids"][0]["kind"], "curvilinear");
    let cell = script.get(&format!("/data-files/{id}/bathy/field/value?cell=1,2")).await.json();
    assert_eq!(cell, serde_json::json!({"i": 1, "j": 2, "value": 3000.0, "lon": -90.0, "lat": 16.0}));
    assert!(script.get(&format!("/data-files/{id}/bathy/field")).await.bytes.starts_with(b"CSF1"));
}

#[actix_web::test]
async fn a_map_is_shown_to_its_owner_only() {
    let server = Server::start();
    let (ada, eve) = (server.user("ada").await, server.user("eve").await);
    let id = ada.upload("topo.nc").await;
    server.add(id, FileType::Bathy, &curved());
    let (script, nobody) = (Script::new(&server, "eve"), server.visitor());
    for route in ROUTES {
        let tag = ada.get(&format!("/{id}/{route}")).await.is(200).headers[ETAG].clone();
        eve.get(&format!("/{id}/{route}")).await.is(404);
        assert!(nobody.get(&format!("/{id}/{route}")).await.location().starts_with("/auth/login?next="));
        // Whoever knows the tag of an answer does not even learn that it is still true.
        let asked = eve.client.get(format!("{}/{id}/{route}", eve.base)).header(IF_NONE_MATCH, &tag);
        assert_eq!(asked.send().await.unwrap().status().as_u16(), 404, "{route}");
        let address = format!("/data-files/{id}/{route}");
        let refused = script.get(&address).await.is(404);
        assert_eq!(refused.headers[CONTENT_TYPE], "application/problem+json", "{route}");
        nobody.get(&format!("/api/v1{address}")).await.is(401);
        let forged = script.client.get(format!("{}{address}", script.base)).bearer_auth("guess");
        assert_eq!(forged.send().await.unwrap().status().as_u16(), 401, "{route}");
        // The token opens the API, no pages.
        let page = script.client.get(format!("{}/{id}/{route}", server.base)).bearer_auth(&script.token);
        assert_eq!(
            Answer::from_response(page.send().await.unwrap()).await.bytes.get(..4),
            Some(&b"<!do"[..]),
            "{route}"
        );
    }
}

#[actix_web::test]
async fn an_unchanged_map_is_not_sent_again() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    let ask = async |tag: &str| {
        let address = format!("{}/{id}/raw/field", server.base);
        Answer::from_response(ada.client.get(address).header(IF_NONE_MATCH, tag).send().await.unwrap()).await
    };
    let first = ask("").await.is(200);
    assert_eq!(first.headers[CACHE_CONTROL], "private, no-cache");
    let tag = first.headers[ETAG].to_str().unwrap().to_owned();
    let known = ask(&tag).await.is(304);
    assert!(known.bytes.is_empty());
    for name in [ETAG, CACHE_CONTROL, VARY] {
        assert_eq!(known.headers.get(&name), first.headers.get(&name), "{name}");
    }
    // Other coordinates are another map; so is a later revision.
    server.store.set_coordinates(store::DataFileId(id), "lat", "lon").unwrap();
    let turned = ask(&tag).await.is(200).headers[ETAG].clone();
    server.store.set_coordinates(store::DataFileId(id), "lon", "lat").unwrap();
    ask(&tag).await.is(304);
    server.add(id, FileType::Raw, &topography("lon", "lat"));
    let later = ask(&tag).await.is(200).headers[ETAG].clone();
    assert!(turned != tag && later != tag && later != turned);
    // A compressed answer is not the plain one.
    let address = format!("{}/{id}/raw/field", server.base);
    let zipped = ada.client.get(address).header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(zipped.headers()["content-encoding"], "gzip");
    assert_ne!(zipped.headers()[ETAG], later);
}

#[actix_web::test]
async fn what_cannot_be_drawn_is_a_problem_with_the_remedy() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let script = Script::new(&server, "ada");
    let id = ada.upload("topo.nc").await;
    server.add(id, FileType::Bathy, &bathymetry());
    let cases = [
        ("raw/field?variable=nothing", 422, "this file has 'topo'"),
        ("raw/field?variable=topo&at=9", 422, "'topo' needs"),
        ("raw/field?level=deep", 422, "'deep' is not a small number"),
        ("raw/field?window=1,2", 422, "'1,2' is not i,j,columns,rows"),
        ("raw/field?window=6,0,4,1&level=0", 422, "not inside of the 8 x 4 cells"),
        ("raw/field?window=0,0,0,0", 422, "not inside of"),
        ("raw/field/value", 422, "Which cell?"),
        ("raw/field/value?cell=8,0", 422, "not inside of"),
        ("raw/field/mesh", 422, "not on a curvilinear grid"),
        ("raw/field?revision=x", 422, "'x' is no revision number"),
        ("raw/field?revision=77", 404, "Revision 77 does not exist"),
        ("raw/field?revision=1", 404, "does not exist"),
        ("raw/field.json?revision=0&minus=77", 404, "Revision 77 does not exist"),
        ("raw/field.json?minus=1", 422, "in both revisions"),
        ("routing/field", 404, "does not exist"),
        ("nonsense/field", 404, "The file type 'nonsense'"),
    ];
    for (route, status, words) in cases {
        let page = ada.get(&format!("/{id}/{route}")).await;
        let api = script.get(&format!("/data-files/{id}/{route}")).await;
        for answer in [page, api] {
            let answer = answer.is(status);
            assert_eq!(answer.headers[CONTENT_TYPE], "application/problem+json", "{route}");
            let problem = answer.json();
            assert_eq!(problem["status"], status, "{route}");
            assert_eq!(problem["code"], if status == 404 { "not-found" } else { "invalid-input" }, "{route}");
            assert_eq!(problem["request_id"], answer.headers["x-request-id"].to_str().unwrap(), "{route}");
            assert!(problem["detail"].as_str().unwrap().contains(words), "{route}: {problem}");
        }
    }
    let problem = script.get(&format!("/data-files/{id}/raw/field?level=deep")).await.json();
    assert_eq!(problem["errors"][0]["field"], "level");
}
