//! Every page, and what the forms start.

use store::{DataFileId, Release, StepState};
use workflow::{FileType, Step};

use crate::harness::{Server, bathymetry, topography};

#[actix_web::test]
async fn every_page_of_a_workflow_is_there() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    server.add(id, FileType::Bathy, &bathymetry());
    server.add(id, FileType::Raw, &topography("lon", "lat"));
    ada.get(&format!("/{id}")).await.redirects_to(&format!("/{id}/steps"));
    let pages = [
        "steps",
        "set_coords",
        "raw/view",
        "raw/fileInfo",
        "raw/revision_comparison",
        "regrid",
        "routing",
        "pft",
        "heatflow",
        "ahmcoef",
        "sub_basins",
        "calculate_weights",
        "delete",
        "send",
        "release",
        "bathy/view",
        "bathy/fileInfo",
    ];
    for page in pages {
        let answer = ada.get(&format!("/{id}/{page}")).await.is(200);
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
        assert!(answer.text().contains("</html>"), "{page}");
    }
    // The original's addresses of the editors lead into the map editor.
    for (page, editor) in [
        ("internal_oceans", "internal_oceans?id=ID&redirect=/ID/steps"),
        ("passage_problems", "passage_problems?id=ID&redirect=/ID/steps"),
        ("raw/variable_explorer", "value_changer?id=ID&redirect=/ID/steps&file_type=raw"),
    ] {
        let editor = format!("/panel/{}", editor.replace("ID", &id.to_string()));
        ada.get(&format!("/{id}/{page}")).await.redirects_to(&editor);
    }
    for page in ["/about", "/", "/upload", "/auth/password", "/auth/tokens", "/hello"] {
        ada.get(page).await.is(200);
    }
    for table in ["stepsTable", "assetsTable"] {
        assert!(ada.get(&format!("/api/{id}/steps/{table}")).await.is(200).text().contains("<table"));
    }
    ada.get("/session").await.is(403);
    let head = ada.client.head(format!("{}/{id}/steps", server.base)).send().await.unwrap();
    assert_eq!(head.status().as_u16(), 200);
    let wrong_method = ada.client.put(format!("{}/{id}/steps", server.base)).send().await.unwrap();
    assert_eq!(wrong_method.status().as_u16(), 405);
    assert_eq!(ada.get(&format!("/{id}/steps/")).await.status.as_u16(), 404);
}

#[actix_web::test]
async fn forms_put_the_bodies_of_the_contract_into_the_outbox() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    server.store.set_release(DataFileId(id), Release::R2023).unwrap();
    for file_type in [FileType::Routing, FileType::Bathy, FileType::SubBasins] {
        server.add(id, file_type, &bathymetry());
    }
    let regrid =
        [("limits", "default"), ("Longitude Step", "1"), ("Latitude Step", "1"), ("interpolator", "linear")];
    ada.post(&format!("/{id}/regrid"), &regrid).await.is(303);
    ada.post(&format!("/{id}/routing"), &[("topo_var", "topo"), ("orcafile", "default")]).await.is(303);
    let table = boundary::pft::Table::default().to_json();
    ada.post(&format!("/{id}/pft"), &[("data", table.as_str())]).await.is(303);
    ada.post(&format!("/{id}/heatflow"), &[]).await.is(303);
    let messages = server.store.outbox_lease(10).unwrap();
    let sent: Vec<(String, String)> =
        messages.iter().map(|m| (m.key.clone(), serde_json::to_string(&m.body).unwrap())).collect();
    let body = |text: &str| text.replace("ID", &id.to_string());
    assert_eq!(
        sent[0],
        (
            "preprocessing.regrid".into(),
            body(
                r#"{"id":ID,"limits":"default","Longitude Step":"1","Latitude Step":"1","interpolator":"linear"}"#
            )
        )
    );
    assert_eq!(
        sent[1],
        ("preprocessing.routing".into(), body(r#"{"id":ID,"topo_var":"topo","orcafile":"default"}"#))
    );
    assert!(
        sent[2].1.starts_with(&body(r#"{"id":ID,"data":"{\"dataArray\":[[15,0,75,25,"#)),
        "{}",
        sent[2].1
    );
    assert_eq!(sent[3], ("preprocessing.heatflow".into(), body(r#"{"id":ID}"#)));
    assert!(messages.iter().all(|m| m.owner.is_some() && m.run.is_some() && m.request_id.is_some()));
    assert!(ada.get(&format!("/{id}/steps")).await.text().contains("waiting"));
}

/// The option of a form that is chosen.
fn chosen(page: &str, name: &str) -> Option<String> {
    let select = page.split(&format!("<select id=\"{name}\"")).nth(1)?.split("</select>").next()?;
    let before = select.split(" selected>").next().filter(|before| before.len() < select.len())?;
    Some(before.rsplit("value=\"").next()?.trim_end_matches('"').to_owned())
}

#[actix_web::test]
async fn the_numerics_are_chosen_once_and_can_be_changed() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let checked = |release: &str| format!("value=\"{release}\" checked>");
    let upload = ada.get("/upload").await.is(200).text();
    assert!(upload.contains(&checked("corrected")), "{upload}");
    assert_eq!(upload.matches("To continue work that was published with the original platform").count(), 2);
    let file = || Some(("topo.nc", topography("lon", "lat")));
    ada.post_file("/upload", &[("release", "1999")], file()).await.is(422);
    let answer = ada.post_file("/upload", &[("release", "2023")], file()).await;
    let published: i32 = answer.location().split('/').nth(1).unwrap().parse().unwrap();
    let new = ada.upload("topo.nc").await;
    for (id, release, title) in
        [(published, "2023", "Original platform of 2023"), (new, "corrected", "<dd>Corrected")]
    {
        assert!(ada.get(&format!("/{id}/steps")).await.text().contains(title), "{title}");
        for step in ["regrid", "routing", "pft", "sub_basins"] {
            let page = ada.get(&format!("/{id}/{step}")).await.is(200).text();
            assert_eq!(chosen(&page, "release").as_deref(), Some(release), "{step} of {title}");
        }
        assert!(ada.get(&format!("/{id}/release")).await.text().contains(&checked(release)));
    }
    // A form as it stands names what it shows.
    let regrid = [("limits", "default"), ("Longitude Step", "30"), ("Latitude Step", "30")];
    let regrid = [&regrid[..], &[("interpolator", "linear"), ("release", "corrected")]].concat();
    ada.post(&format!("/{new}/regrid"), &regrid).await.is(303);
    server.carry_out(new, Step::Regrid);
    let table = ada.get(&format!("/api/{new}/steps/stepsTable")).await.text();
    assert!(table.contains(">corrected</span>"), "{table}");

    ada.post(&format!("/{new}/release"), &[("release", "1999")]).await.is(422);
    ada.post(&format!("/{new}/release"), &[("release", "2021")]).await.redirects_to(&format!("/{new}/steps"));
    let page = ada.get(&format!("/{new}/steps")).await.text();
    assert!(
        page.contains("it was made with release corrected") && page.contains("Original platform of 2021")
    );
    let regrid = server.store.step(DataFileId(new), Step::Regrid).unwrap();
    assert_eq!(regrid.parameters.unwrap()["release"], "2021", "it runs again with that of now");
    let eve = server.user("eve").await;
    eve.post(&format!("/{new}/release"), &[("release", "2023")]).await.is(404);
    assert_eq!(server.store.data_file(DataFileId(new)).unwrap().unwrap().release, Release::R2021);
}

#[actix_web::test]
async fn the_regrid_form_proposes_what_fits_the_file() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    let methods = ["auto", "conservative", "conservative2", "linear", "nearest"];
    let page = ada.get(&format!("/{id}/regrid")).await.is(200).text();
    for method in methods {
        assert!(page.contains(&format!("name=\"interpolator\" value=\"{method}\"")), "{method}");
    }
    assert!(!page.contains("does not cover the globe"), "{page}");
    // A region of 20 by 30 degrees in cells of half a degree.
    let mut region = dataset::Dataset::new();
    let axis = |first: f64, count: usize| {
        ndarray::Array1::from_shape_fn(count, |k| first + 0.5 * k as f64).into_dyn()
    };
    let units = |units: &str| dataset::Attributes::new().with("units", units);
    region.add_f64("lat", &["lat"], axis(40.25, 40), units("degrees_north"));
    region.add_f64("lon", &["lon"], axis(10.25, 60), units("degrees_east"));
    let zeros = ndarray::ArrayD::zeros(ndarray::IxDyn(&[40, 60]));
    region.add_f64("topo", &["lat", "lon"], zeros, units("m"));
    server.add(id, FileType::Raw, &dataset::to_bytes(&region).unwrap());
    let page = ada.get(&format!("/{id}/regrid")).await.is(200).text();
    assert!(page.contains("does not cover the globe") && page.contains("value=\"0.5\""), "{page}");
    assert!(page.contains("value=\"data\" checked"), "{page}");
    // The topography is chosen where there is one.
    let page = ada.get(&format!("/{id}/routing")).await.is(200).text();
    assert!(page.contains("<option value=\"topo\" selected"), "{page}");
    // Area means are of the corrected release.
    let form = |release: &'static str| {
        [
            ("limits", "default"),
            ("Longitude Step", "1"),
            ("Latitude Step", "1"),
            ("interpolator", "conservative"),
            ("release", release),
        ]
    };
    let refused = ada.post(&format!("/{id}/regrid"), &form("2023")).await.is(422).text();
    assert!(refused.contains("choose the corrected release"), "{refused}");
    ada.post(&format!("/{id}/regrid"), &form("corrected")).await.is(303);
    assert_eq!(server.store.outbox_lease(10).unwrap()[0].body["interpolator"], "conservative");
}

#[actix_web::test]
async fn the_automatic_sub_basins_are_stored_as_an_edit() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    server.add(id, FileType::Bathy, &bathymetry());
    ada.post(&format!("/{id}/sub_basins"), &[]).await.redirects_to(&format!("/{id}/steps"));
    let id = DataFileId(id);
    assert_eq!(server.store.step(id, Step::Subbasins).unwrap().state, StepState::Done);
    let revision = server.store.latest(id, FileType::SubBasins).unwrap().unwrap();
    let stored = dataset::read(server.store.path(&revision)).unwrap();
    assert!(stored.variable("atlmsk").is_some() && revision.parents.len() == 1);
    assert_eq!(revision.release(), Some(Release::Corrected));
}

#[actix_web::test]
async fn an_editor_without_its_file_says_what_to_do_first() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    let page = ada.get(&format!("/{id}/passage_problems")).await.is(200).text();
    assert!(page.contains(&format!("/{id}/routing")), "{page}");
    ada.get(&format!("/{id}/bathy/variable_explorer")).await.is(404);
}

#[actix_web::test]
async fn a_workflow_can_be_duplicated_and_sent() {
    let server = Server::start();
    let (ada, bob) = (server.user("ada").await, server.user("bob").await);
    let id = ada.upload("topo.nc").await;
    ada.post(&format!("/{id}/duplicate"), &[]).await.redirects_to("/");
    assert!(ada.get("/").await.text().contains("DUPLICATED"));
    ada.post(&format!("/{id}/send"), &[("Username", "nobody")]).await.is(422);
    ada.post(&format!("/{id}/send"), &[("Username", "ada")]).await.is(422);
    assert_eq!(ada.get("/users?prefix=bo").await.json(), serde_json::json!(["bob"]));
    assert_eq!(ada.get("/users?prefix=b").await.json(), serde_json::json!([]));
    ada.post(&format!("/{id}/send"), &[("Username", "bob")]).await.redirects_to("/");
    assert!(bob.get("/").await.text().contains("RECEIVED from ada"));
}

#[actix_web::test]
async fn a_table_that_is_wrong_comes_back_as_typed() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    server.add(id, FileType::Routing, &bathymetry());
    let mut fields = vec![("lat", "90"), ("p1", "12.5"), ("p2", "80")];
    let page = ada.post(&format!("/{id}/pft"), &fields).await.is(422).text();
    assert!(page.contains("value=\"12.5\"") && page.contains("92.5 %"), "{page}");
    fields[2].1 = "87.5";
    ada.post(&format!("/{id}/pft"), &fields).await.is(303);
}

#[actix_web::test]
async fn a_table_of_any_length_comes_back_as_a_page_of_a_few_rows() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    server.add(id, FileType::Routing, &bathymetry());
    let page = ada.post(&format!("/{id}/pft"), &vec![("lat", ""); 100_000]).await.is(422).text();
    assert!(
        page.contains("The table has 100000 rows, more than the 200 that are possible."),
        "{}",
        &page[..4000]
    );
    assert_eq!(page.matches("name=\"lat\"").count(), 200);
}

#[actix_web::test]
async fn a_form_of_very_many_empty_parts_is_refused() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    let part = [("nothing", "")];
    ada.post_file(&format!("/{id}/routing"), &part.repeat(1_000), None).await.is(422);
    ada.post_file(&format!("/{id}/routing"), &part.repeat(15_000), None).await.is(413);
}

#[actix_web::test]
async fn static_files_are_compressed_once_and_revalidated() {
    let server = Server::start();
    let visitor = server.visitor();
    let page = visitor.get("/auth/login").await.text();
    let path = page
        .split("href=\"")
        .find(|p| p.contains("climsim.css"))
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let request = visitor.client.get(format!("{}{path}", server.base));
    let answer = request.header("accept-encoding", "gzip, br").send().await.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "br");
    let etag = answer.headers()["etag"].to_str().unwrap().to_owned();
    let again = visitor
        .client
        .get(format!("{}{path}", server.base))
        .header("if-none-match", etag)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status().as_u16(), 304);
    visitor.get("/static/other/climsim.css").await.is(200);
    visitor.get("/static/other/nothing.css").await.is(404);

    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    let page = ada.get(&format!("/{id}/raw/view")).await.is(200).text();
    let files: Vec<&str> = page.split('"').filter(|part| part.starts_with("/static/")).collect();
    assert!(files.iter().filter(|file| file.ends_with(".js")).count() > 10, "{page}");
    for file in files {
        visitor.get(file).await.is(200);
    }
}
