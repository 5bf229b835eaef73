//! The HTTP API.

use serde_json::{Value, json};
use store::DataFileId;
use workflow::{FileType, Step};

use crate::harness::{Answer, Server, bathymetry, event, topography};

pub(crate) struct Script {
    pub(crate) client: reqwest::Client,
    pub(crate) base: String,
    pub(crate) token: String,
}

impl Script {
    pub(crate) fn new(server: &Server, user: &str) -> Self {
        let user = server.store.user_by_name(user).unwrap().unwrap();
        let token = server.store.create_token(user.id, "test").unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { client, base: format!("{}/api/v1", server.base), token }
    }

    pub(crate) async fn send(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Answer {
        let mut request =
            self.client.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::from_response(request.send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(reqwest::Method::GET, path, None).await
    }

    async fn regrid(&self, id: impl std::fmt::Display) {
        let body =
            json!({"limits": "default", "Longitude Step": 30, "Latitude Step": 30, "interpolator": "linear"});
        self.send(reqwest::Method::POST, &format!("/data-files/{id}/steps/regrid"), Some(body)).await.is(202);
    }
}

#[actix_web::test]
async fn a_script_does_all_that_a_page_does() {
    let server = Server::start();
    server.user("ada").await;
    let script = Script::new(&server, "ada");
    let part = reqwest::multipart::Part::bytes(topography("lon", "lat")).file_name("topo.nc");
    let form = reqwest::multipart::Form::new().text("title", "By script").part("file", part);
    let request =
        script.client.post(format!("{}/data-files", script.base)).bearer_auth(&script.token).multipart(form);
    let made = Answer::from_response(request.send().await.unwrap()).await.is(201).json();
    assert_eq!(
        (made["longitude"].as_str(), made["info"]["title"].as_str()),
        (Some("lon"), Some("By script"))
    );
    let understood = made["understood"].to_string();
    for told in ["The map is 'topo' in m.", "It covers the globe: 8 x 4 cells of 45 x 45 degrees."] {
        assert!(understood.contains(told), "{understood}");
    }
    let limits = script.get("/limits").await.is(200).json();
    assert!(limits["unpacked_bytes"].as_u64().unwrap() > 1 << 30);
    assert_eq!(
        (limits["upload_bytes"].as_u64(), limits["workflows"].as_u64()),
        (Some(2_000_000_000), Some(1000))
    );
    let id = made["id"].as_i64().unwrap();
    let at = |rest: &str| format!("/data-files/{id}{rest}");

    assert_eq!(script.get("/data-files").await.is(200).json().as_array().unwrap().len(), 1);
    script
        .send(reqwest::Method::PUT, &at("/coordinates"), Some(json!({"longitude": "lon", "latitude": "lat"})))
        .await
        .is(200);
    script.regrid(id).await;
    let steps = script.get(&at("/steps")).await.is(200).json();
    assert_eq!((steps[0]["step"].as_str(), steps[0]["state"].as_str()), (Some("regrid"), Some("queued")));
    script.send(reqwest::Method::DELETE, &at("/steps/regrid"), None).await.is(204);
    script.send(reqwest::Method::DELETE, &at("/steps/regrid"), None).await.is(409);
    let revisions = script.get(&at("/revisions")).await.is(200).json();
    assert_eq!(revisions[0]["file_type"], "raw");
    assert_eq!(script.get(&at("/revisions/0")).await.is(200).json()["variables"][0]["name"], "topo");
    assert_eq!(&script.get(&at("/revisions/0/file")).await.is(200).bytes[..3], b"CDF");
    assert_eq!(&script.get(&at("/latest/raw")).await.is(200).bytes[..3], b"CDF");
    assert_eq!(&script.get(&at("/archive")).await.is(200).bytes[..2], b"PK");
    let made = i32::try_from(id).unwrap();
    server.add(made, FileType::Bathy, &bathymetry());
    let divide = |release: &str| at(&format!("/steps/subbasins/default{release}"));
    script.send(reqwest::Method::POST, &divide(""), None).await.is(201);
    // The division of 2021 is for grids of 182 columns.
    for release in ["?release=2021", "?release=1999"] {
        script.send(reqwest::Method::POST, &divide(release), None).await.is(422);
    }
    script.send(reqwest::Method::POST, &at("/duplicate"), None).await.is(201);
    script.send(reqwest::Method::DELETE, &at(""), None).await.is(204);
    script.get(&at("")).await.is(404);
}

#[actix_web::test]
async fn a_script_chooses_the_numerics() {
    let server = Server::start();
    server.user("ada").await;
    let script = Script::new(&server, "ada");
    let upload = |release: Option<&'static str>| {
        let part = reqwest::multipart::Part::bytes(topography("lon", "lat")).file_name("topo.nc");
        let mut form = reqwest::multipart::Form::new().part("file", part);
        if let Some(release) = release {
            form = form.text("release", release);
        }
        let request = script.client.post(format!("{}/data-files", script.base)).bearer_auth(&script.token);
        async move { Answer::from_response(request.multipart(form).send().await.unwrap()).await }
    };
    let problem = upload(Some("1999")).await.is(422).json();
    assert_eq!(problem["errors"][0]["field"], "release");
    assert_eq!(upload(Some("2021")).await.is(201).json()["release"], "2021");
    let made = upload(None).await.is(201).json();
    assert_eq!(made["release"], "corrected");

    let id = made["id"].as_i64().unwrap();
    let at = |rest: &str| format!("/data-files/{id}{rest}");
    let step = || async { script.get(&at("/steps")).await.is(200).json()[0].clone() };
    script.regrid(id).await;
    assert_eq!(step().await["parameters"]["release"], Value::Null, "not taken yet");
    server.carry_out(i32::try_from(id).unwrap(), Step::Regrid);
    assert_eq!(step().await["parameters"]["release"], "corrected");
    let revisions = script.get(&at("/revisions")).await.is(200).json();
    assert_eq!((&revisions[0]["release"], &revisions[1]["release"]), (&Value::Null, &json!("corrected")));
    let chosen = script.send(reqwest::Method::PUT, &at("/release"), Some(json!({"release": "2023"}))).await;
    assert_eq!(chosen.is(200).json()["release"], "2023");
    assert_eq!(script.get(&at("")).await.json()["release"], "2023");
    let stale = step().await;
    assert_eq!(stale["state"], "stale");
    assert!(stale["reason"].as_str().unwrap().contains("release corrected"), "{stale}");
    let wrong = script.send(reqwest::Method::PUT, &at("/release"), Some(json!({"release": "new"}))).await;
    assert_eq!(wrong.is(422).json()["errors"][0]["field"], "release");
}

#[actix_web::test]
async fn errors_are_problems() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let script = Script::new(&server, "ada");
    let id = ada.upload("topo.nc").await;
    let bad = json!({"Longitude Step": "nan", "Latitude Step": 1});
    let answer = script
        .send(reqwest::Method::POST, &format!("/data-files/{id}/steps/regrid"), Some(bad))
        .await
        .is(422);
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    let problem = answer.json();
    assert_eq!(
        (problem["code"].as_str(), problem["errors"][0]["field"].as_str()),
        (Some("invalid-input"), Some("Longitude Step"))
    );
    for path in ["/data-files/999", "/data-files/x", "/nothing"] {
        assert_eq!(
            script.get(path).await.is(404).headers["content-type"],
            "application/problem+json",
            "{path}"
        );
    }
    let broken = script
        .client
        .post(format!("{}/data-files/{id}/steps/regrid", script.base))
        .bearer_auth(&script.token);
    let broken = broken.header("content-type", "application/json").body("{").send().await.unwrap();
    assert_eq!(broken.headers()["content-type"], "application/problem+json");
    assert_eq!(broken.status().as_u16(), 400);
}

#[actix_web::test]
async fn tokens_are_made_and_revoked_by_their_user() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let page = ada.post("/auth/tokens", &[("label", "laptop")]).await.is(200).text();
    let token = page.split("class=\"token\">").nth(1).unwrap().split('<').next().unwrap().to_owned();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/api/v1/data-files", server.base);
    let status = |token: String| {
        let request = client.get(&url).bearer_auth(token);
        async move { request.send().await.unwrap().status().as_u16() }
    };
    assert_eq!(status(token.clone()).await, 200);
    assert_eq!(status("guess".to_owned()).await, 401);
    let page = ada.get("/auth/tokens").await.text();
    assert!(!page.contains(&token));
    let revoke = page.split("action=\"/auth/tokens/").nth(1).unwrap().split('"').next().unwrap().to_owned();
    server.user("eve").await.post(&format!("/auth/tokens/{revoke}"), &[]).await.is(404);
    ada.post(&format!("/auth/tokens/{revoke}"), &[]).await.redirects_to("/auth/tokens");
    assert_eq!(status(token).await, 401);
}

#[actix_web::test]
async fn a_script_listens_for_as_long_as_its_token_is_valid() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    let script = Script::new(&server, "ada");
    let url = format!("{}/data-files/{id}/events", script.base);
    let mut stream = script.client.get(&url).bearer_auth(&script.token).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let first = event(&mut stream, "event: steps").await;
    let steps: Value = serde_json::from_str(first.trim().split_once("data: ").unwrap().1).unwrap();
    assert_eq!(steps, script.get(&format!("/data-files/{id}/steps")).await.is(200).json());
    script.regrid(id).await;
    event(&mut stream, "\"queued\"").await;
    let user = server.store.user_by_name("ada").unwrap().unwrap().id;
    for token in server.store.tokens(user).unwrap() {
        server.store.revoke_token(user, token.id).unwrap();
    }
    server.store.cancel(DataFileId(id), Step::Regrid).unwrap();
    while let Some(rest) = stream.chunk().await.unwrap() {
        assert!(!rest.starts_with(b"event"), "told after the token was revoked: {rest:?}");
    }
}

#[actix_web::test]
async fn a_script_waits_for_a_step() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    let script = Script::new(&server, "ada");
    script.regrid(id).await;
    let until = |step: &str| {
        let url = format!("{}/data-files/{id}/events?until={step}", script.base);
        script.client.get(url).bearer_auth(&script.token).send()
    };
    let mut waiting = until("regrid").await.unwrap();
    event(&mut waiting, "\"queued\"").await;
    // Heat flow comes after all of them.
    let mut later = until("heatflow").await.unwrap();
    event(&mut later, "\"queued\"").await;
    assert_eq!(until("digging").await.unwrap().status().as_u16(), 422);
    server.store.cancel(DataFileId(id), Step::Regrid).unwrap();
    for ended in [waiting, later] {
        let end = ended.text().await.unwrap();
        assert!(!end.contains("\"queued\"") && end.matches("event: steps").count() == 1, "{end}");
    }
    let idle = until("routing").await.unwrap().text().await.unwrap();
    assert!(idle.contains("\"never_run\"") && idle.matches("event: steps").count() == 1, "{idle}");
}

#[actix_web::test]
async fn d20_a_session_alone_changes_nothing_through_the_api() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    let url = format!("{}/api/v1/data-files/{id}", server.base);
    assert_eq!(ada.client.get(&url).send().await.unwrap().status().as_u16(), 200);
    assert_eq!(ada.client.delete(&url).send().await.unwrap().status().as_u16(), 403);
    let token = ada.token().await;
    let allowed = ada.client.delete(&url).header("x-csrf-token", token).send().await.unwrap();
    assert_eq!(allowed.status().as_u16(), 204);
}

#[actix_web::test]
async fn no_spelling_of_a_path_of_the_api_does_without_the_token() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    let script = Script::new(&server, "ada");
    let files = || async { script.get("/data-files").await.is(200).json().as_array().unwrap().len() };
    for api in ["api/v1", "%61pi/v1", "ap%69/v1", "api/%76%31", "%61%70%69/v1", "api/v%31"] {
        for (method, path) in [
            ("POST", format!("data-files/{id}/duplicate")),
            ("POST", format!("d%61ta-files/{id}/duplicate")),
            ("POST", format!("data-files/{id}/steps/subbasins/default")),
            ("POST", format!("data-files/{id}/steps/heatflow/retry")),
            ("DELETE", format!("data-files/{id}/steps/heatflow")),
            ("DELETE", format!("data-files/{id}")),
        ] {
            let url = format!("{}/{api}/{path}", server.base);
            let request = ada.client.request(method.parse().unwrap(), &url);
            let answer = Answer::from_response(request.send().await.unwrap()).await.is(403);
            assert_eq!(answer.json()["code"], "stale-form", "{method} {url}");
        }
        assert_eq!(files().await, 1, "{api}");
    }
    // The same handler answers however its path is spelled, and a token authenticates by itself.
    let url = format!("{}/%61pi/v1/data-files/{id}/duplicate", server.base);
    let allowed = ada.client.post(&url).header("x-csrf-token", ada.token().await).send().await.unwrap();
    assert_eq!(allowed.status().as_u16(), 201);
    let allowed = script.client.post(&url).bearer_auth(&script.token).send().await.unwrap();
    assert_eq!(allowed.status().as_u16(), 201);
    assert_eq!(files().await, 3);
}

#[actix_web::test]
async fn what_a_page_of_another_site_sends_changes_nothing() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    let token = ada.token().await;
    let form = format!("csrf_token={token}");
    let send = |path: String, headers: &[(&'static str, String)]| {
        let mut request = ada.client.post(format!("{}{path}", server.base)).header("x-csrf-token", &token);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(form.clone()).send()
    };
    let header = |name, value: &str| vec![(name, value.to_owned())];
    let here = server.base.clone();
    for foreign in [
        header("sec-fetch-site", "cross-site"),
        header("sec-fetch-site", "same-site"),
        header("origin", "http://elsewhere.example"),
        header("origin", "null"),
        [header("origin", &here), header("sec-fetch-site", "cross-site")].concat(),
    ] {
        for path in [format!("/{id}/duplicate"), format!("/api/v1/data-files/{id}/duplicate")] {
            let answer = send(path.clone(), &foreign).await.unwrap();
            assert_eq!(answer.status().as_u16(), 403, "{path} {foreign:?}");
        }
    }
    for own in [
        vec![],
        header("sec-fetch-site", "same-origin"),
        header("origin", &here),
        [header("origin", "null"), header("sec-fetch-site", "same-origin")].concat(),
    ] {
        let answer = send(format!("/{id}/duplicate"), &own).await.unwrap();
        assert_eq!(answer.status().as_u16(), 303, "{own:?}");
    }
}
