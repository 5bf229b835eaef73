//! The defects of the original that the pages had: none of them here.

use dataset::{Attributes, Dataset};
use ndarray::Array2;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use serde_json::json;
use store::{DataFileId, StepState};
use workflow::{FileType, Step};

use crate::api::Script;
use crate::harness::{Answer, Server, bathymetry, event, topography};

const REGRID: [(&str, &str); 4] =
    [("limits", "default"), ("Longitude Step", "30"), ("Latitude Step", "30"), ("interpolator", "linear")];

#[actix_web::test]
async fn d1_d2_nobody_reaches_another_users_workflow() {
    let server = Server::start();
    let (ada, eve) = (server.user("ada").await, server.user("eve").await);
    let id = ada.upload("topo.nc").await;
    let own = eve.upload("own.nc").await;
    let pages = [
        "",
        "/steps",
        "/set_coords",
        "/map",
        "/raw/view",
        "/raw/fileInfo",
        "/raw/download",
        "/download",
        "/regrid",
        "/events",
        "/routing",
        "/pft",
        "/raw/revision_comparison",
        "/raw/variable_explorer",
        "/raw/field.json",
        "/delete",
        "/send",
        "/internal_oceans",
        "/passage_problems",
        "/sub_basins",
        "/calculate_weights",
        "/heatflow",
        "/ahmcoef",
    ];
    for page in pages {
        eve.get(&format!("/{id}{page}")).await.is(404);
    }
    eve.get(&format!("/api/{id}/steps/stepsTable")).await.is(404);
    for page in ["/delete", "/duplicate", "/regrid", "/heatflow", "/sub_basins", "/steps/regrid/retry"] {
        eve.post(&format!("/{id}{page}"), &[]).await.is(404);
    }
    // A field called id, or one that steers workers, changes nothing.
    let other = id.to_string();
    let mut fields = REGRID.to_vec();
    fields.extend([
        ("id", other.as_str()),
        ("invalidated", "yes"),
        ("has_params", "no"),
        ("next_step_only", "done"),
    ]);
    eve.post(&format!("/{own}/regrid"), &fields).await.redirects_to(&format!("/{own}/steps"));
    let step = |id: i32| server.store.step(DataFileId(id), Step::Regrid).unwrap();
    assert_eq!((step(id).state, step(own).state), (StepState::NeverRun, StepState::Queued));
    let bodies: Vec<_> = server.store.outbox_lease(10).unwrap();
    assert_eq!(bodies.len(), 1);
    assert_eq!(bodies[0].data_file(), Some(own));
    for field in ["invalidated", "has_params", "next_step_only"] {
        assert!(!bodies[0].body.contains_key(field), "{field}");
    }
}

#[actix_web::test]
async fn d3_a_task_that_cannot_work_is_refused_with_the_field_and_the_remedy() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    for step in ["nan", "inf", "0", "-1", "0.001", "ten", ""] {
        let fields = [REGRID[0], ("Longitude Step", step), REGRID[2], REGRID[3]];
        let page = ada.post(&format!("/{id}/regrid"), &fields).await.is(422).text();
        assert!(page.contains("Longitude Step-error"), "{step}");
    }
    ada.post(&format!("/{id}/regrid"), &[REGRID[0], REGRID[1], REGRID[2], ("interpolator", "cubic")])
        .await
        .is(422);
    ada.post(&format!("/{id}/pft"), &[("data", "{")]).await.is(422);
    ada.post(&format!("/{id}/routing"), &[("topo_var", "nothing"), ("orcafile", "default")]).await.is(422);
    let grid = ada
        .post_file(
            &format!("/{id}/routing"),
            &[("topo_var", "topo"), ("orcafile", "custom")],
            Some(("g.nc", b"no".to_vec())),
        )
        .await;
    assert!(grid.is(422).text().contains("g.nc is not a NetCDF file"));
    // Nothing was started, nothing stored.
    assert!(server.store.outbox_lease(10).unwrap().is_empty());
    assert_eq!(server.store.revisions(DataFileId(id)).unwrap().len(), 1);
}

#[actix_web::test]
async fn d3_d25_steps_wait_for_coordinates_and_coordinates_are_asked_for_in_doubt_only() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let mut map = dataset::from_bytes(&topography("u", "v"), "x").unwrap();
    for variable in &mut map.variables {
        variable.attributes = dataset::Attributes::new();
    }
    let bytes = dataset::to_bytes(&map).unwrap();
    let asked = ada.post_file("/upload", &[], Some(("doubt.nc", bytes))).await.is(303).location().to_owned();
    assert!(asked.ends_with("/set_coords"), "{asked}");
    let id = asked.split('/').nth(1).unwrap().to_owned();
    let page = ada.post(&format!("/{id}/regrid"), &REGRID).await.is(422).text();
    assert!(page.contains("longitude and the latitude"));
    // The last are exchanged, as their values tell.
    for (lon, lat) in [("u", "u"), ("nope", "v"), ("topo", "v"), ("", ""), ("v", "u")] {
        ada.post(&format!("/{id}/set_coords"), &[("Longitude", lon), ("Latitude", lat)]).await.is(422);
    }
    ada.post(&format!("/{id}/set_coords"), &[("Longitude", "u"), ("Latitude", "v")])
        .await
        .redirects_to(&format!("/{id}/steps"));
    ada.post(&format!("/{id}/regrid"), &REGRID).await.redirects_to(&format!("/{id}/steps"));
}

#[actix_web::test]
async fn d4_downloading_never_changes_a_stored_file() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    server.add(id, FileType::Bathy, &bathymetry());
    let before = server.stored_files(id);
    ada.get(&format!("/{id}/raw/view")).await.is(200);
    let mut sent = Vec::new();
    for file_type in ["raw", "bathy", "bathy"] {
        let answer = ada.get(&format!("/{id}/{file_type}/download")).await.is(200);
        assert_eq!(answer.headers["content-type"], "application/x-netcdf");
        let name = format!("topo_{file_type}_netcdf_flask_app.nc");
        assert!(answer.headers["content-disposition"].to_str().unwrap().contains(&name));
        assert!(!answer.headers.contains_key("content-encoding"));
        sent.push(answer.bytes);
    }
    // What was uploaded comes back as it was; a result says where it comes from.
    assert!(sent[0] == topography("lon", "lat"));
    let original = dataset::from_bytes(&bathymetry(), "stored").unwrap();
    for copy in &sent[1..] {
        let copy = dataset::from_bytes(copy, "sent").unwrap();
        // As text: the fill value NaN equals nothing.
        assert_eq!(format!("{:?}", copy.variables), format!("{:?}", original.variables));
        assert_eq!(copy.attributes.text("climate_sim_age"), Some("60"));
        assert_eq!(copy.attributes.text("climate_sim_created_by"), Some("ada"));
        assert!(copy.attributes.text("climate_sim_changes_raw").unwrap().starts_with("Revision 1:"));
    }
    // In the archive, what has no room in the uploaded file is told beside it. Nothing is compressed.
    let archive = ada.get(&format!("/{id}/download")).await.is(200);
    assert!(archive.bytes.windows(sent[0].len()).any(|part| part == sent[0]));
    let text = archive.text();
    let told = [
        "topo_provenance.txt",
        "Topography of 'topo.nc' (revision 0)",
        "byte for byte as it was uploaded",
        "climate_sim_age = 60",
    ];
    assert!(told.iter().all(|told| text.contains(told)), "{text}");
    assert_eq!(server.stored_files(id), before);
}

#[actix_web::test]
async fn d12_pages_name_their_type_and_comparison_works_by_position() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    server.add(id, FileType::Bathy, &bathymetry());
    server.add(id, FileType::WeightCoords, b"not NetCDF at all");
    // The map and the coordinates are those of the topography, whatever came later.
    ada.get(&format!("/{id}/map")).await.redirects_to(&format!("/{id}/raw/view"));
    ada.get(&format!("/{id}/raw/view")).await.is(200);
    assert!(ada.get(&format!("/{id}/set_coords")).await.is(200).text().contains("lon (lon)"));
    // One revision: nothing to compare, said so.
    ada.get(&format!("/{id}/raw/revision_comparison")).await.redirects_to(&format!("/{id}/steps"));
    assert!(ada.get(&format!("/{id}/steps")).await.text().contains("nothing to compare"));
    // Other names for the dimensions, the same grid.
    let other = server.add(id, FileType::Raw, &topography("x_renamed", "y_renamed"));
    let page = ada.get(&format!("/{id}/raw/revision_comparison")).await.is(200).text();
    assert!(page.contains(&format!("field.json?revision={other}&amp;minus=0")), "{page}");
    ada.get(&format!("/{id}/raw/field.json?revision={other}&minus=0")).await.is(200);
    // Another grid: a clear message, no error.
    let page = ada.get(&format!("/{id}/bathy/revision_comparison?minus=0")).await.is(200).text();
    assert!(page.contains("cannot be compared cell by cell"));
}

#[actix_web::test]
async fn d13_what_a_visitor_does_wrong_is_never_an_error_500() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    let anonymous = server.visitor();
    anonymous.get(&format!("/{id}/steps")).await.redirects_to(&format!("/auth/login?next=%2F{id}%2Fsteps"));
    anonymous.get("/999/steps").await.redirects_to("/auth/login?next=%2F999%2Fsteps");
    for page in
        ["/999/steps", "/999/raw/download", "/-1/steps", "/x/steps", "/99999999999/steps", "/nothing/at/all"]
    {
        ada.get(page).await.is(404);
    }
    for page in [
        "nonsense/view",
        "routing/view",
        "routing/download",
        "nonsense/download",
        "weights/view",
        "raw/view?revision=77",
    ] {
        ada.get(&format!("/{id}/{page}")).await.is(404);
    }
    let page = ada.post_file("/upload", &[], None).await.is(422).text();
    assert!(page.contains("Choose the NetCDF file"));
    let bad = ada
        .post_file("/upload", &[("title", "<b>x")], Some(("bad.nc", b"not netcdf".to_vec())))
        .await
        .is(422)
        .text();
    assert!(
        bad.contains("bad.nc is not a NetCDF file")
            && bad.contains("&lt;b&gt;x")
            && !bad.contains("instance")
    );
    ada.post_file(&format!("/{id}/calculate_weights"), &[], None).await.is(422);
    ada.post_file(&format!("/{id}/routing"), &[("topo_var", "topo"), ("orcafile", "custom")], None)
        .await
        .is(422);
    ada.post(&format!("/{id}/heatflow"), &[]).await.is(422);
    ada.post(&format!("/{id}/sub_basins"), &[]).await.is(422);
    ada.post_bare("/about", &[]).await.is(405);
    // A stored file that is no NetCDF (of an adopted instance): its pages say so.
    server.add(id, FileType::Raw, b"not NetCDF at all");
    for page in ["raw/download", "download"] {
        let answer = ada.get(&format!("/{id}/{page}")).await.is(200);
        assert!(answer.bytes.windows(17).any(|part| part == b"not NetCDF at all"), "{page}");
    }
    for page in ["raw/view", "raw/fileInfo", "set_coords", "regrid", "routing"] {
        let answer = ada.get(&format!("/{id}/{page}")).await.is(422);
        assert!(answer.text().contains("is not a NetCDF file"), "{page}: {}", answer.text());
    }
    ada.get(&format!("/{id}/steps")).await.is(200);
}

#[actix_web::test]
async fn d13_names_in_any_script_can_be_downloaded() {
    let server = Server::start();
    let ada = server.user("ada").await;
    for name in [".nc", "\u{30c6}\u{30b9}\u{30c8}.nc", "../../etc/passwd.nc", "no extension"] {
        let id = ada.upload(name).await;
        ada.get(&format!("/{id}/raw/download")).await.is(200);
        let zip = ada.get(&format!("/{id}/download")).await.is(200);
        assert_eq!(&zip.bytes[..4], b"PK\x03\x04");
    }
    let outside = server.instance.path().parent().unwrap().join("etc");
    assert!(!outside.exists());
}

/// Case 40: a file is taken whatever the bytes of its name are.
#[actix_web::test]
async fn names_of_files_are_taken_in_any_spelling() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let spellings: [(&[u8], &str); 5] = [
        (b"; filename=\"\xe9oc\xe8ne.nc\"", "\u{e9}oc\u{e8}ne.nc"),
        (b"; filename*=UTF-8''%C3%A9oc%C3%A8ne.nc", "\u{e9}oc\u{e8}ne.nc"),
        (b"; filename*=iso-8859-1''%E9oc%E8ne.nc", "\u{e9}oc\u{e8}ne.nc"),
        (b"; filename=\"C:/maps/eocene.nc\"", "eocene.nc"),
        (b"", "upload.nc"),
    ];
    let send = async |spelling: &[u8]| {
        let token = ada.token().await;
        let mut body = format!(
            "--edge\r\nContent-Disposition: form-data; name=\"csrf_token\"\r\n\r\n{token}\r\n--edge\r\n"
        )
        .into_bytes();
        body.extend_from_slice(b"Content-Disposition: form-data; name=\"file\"");
        body.extend_from_slice(spelling);
        body.extend_from_slice(b"\r\nContent-Type: application/octet-stream\r\n\r\n");
        body.extend_from_slice(&topography("lon", "lat"));
        body.extend_from_slice(b"\r\n--edge--\r\n");
        let request = ada.client.post(format!("{}/upload", server.base));
        let request = request.header("content-type", "multipart/form-data; boundary=edge").body(body);
        Answer::from_response(request.send().await.unwrap()).await
    };
    for (spelling, name) in spellings {
        let shown = String::from_utf8_lossy(spelling);
        let answer = send(spelling).await.is(303);
        let id: i32 = answer.location().split('/').nth(1).unwrap().parse().unwrap();
        assert_eq!(server.store.data_file(DataFileId(id)).unwrap().unwrap().filename, name, "{shown}");
    }
    let refused = send(b"; filename=\"half").await.is(400).text();
    assert!(refused.contains("Rename the file"), "{refused}");
}

#[actix_web::test]
async fn d17_delete_asks_and_then_works_even_when_a_file_is_gone() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    assert!(ada.get(&format!("/{id}/delete")).await.is(200).text().contains("Delete this workflow?"));
    ada.get(&format!("/{id}/steps")).await.is(200);
    for path in server.stored_files(id).keys() {
        std::fs::remove_file(path).unwrap();
    }
    ada.post(&format!("/{id}/delete"), &[]).await.redirects_to("/");
    ada.get(&format!("/{id}/steps")).await.is(404);
}

#[actix_web::test]
async fn d21_redirects_stay_on_this_site() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    let steps = format!("/{id}/steps");
    for next in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
    ] {
        let fields = [("Longitude", "lon"), ("Latitude", "lat"), ("next", next)];
        ada.post(&format!("/{id}/set_coords"), &fields).await.redirects_to(&steps);
        let fields = [REGRID[0], REGRID[1], REGRID[2], REGRID[3], ("next", next)];
        ada.post(&format!("/{id}/regrid"), &fields).await.redirects_to(&steps);
        let login = [("username", "ada"), ("password", "correct horse"), ("next", next)];
        server.visitor().post("/auth/login", &login).await.redirects_to("/");
    }
}

#[actix_web::test]
async fn d22_names_and_values_from_files_are_text_never_markup() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let mut map = dataset::from_bytes(&topography("lon", "lat"), "x").unwrap();
    let name = "topo var\" onfocus=alert(1) <b>";
    map.variables.last_mut().unwrap().name = name.to_owned();
    map.attributes.set("title", "<script>alert(1)</script>");
    // Names that the format does not allow are refused; those that it allows are shown as they are.
    let bytes = match dataset::to_bytes(&map) {
        Ok(bytes) => bytes,
        Err(error) => panic!("the test needs a file with such a name: {error}"),
    };
    let answer = ada.post_file("/upload", &[("title", "<script>x</script>")], Some(("t.nc", bytes))).await;
    let location = answer.location().to_owned();
    assert!(!location.is_empty(), "{}: {}", answer.status, answer.text());
    let id: i32 = location.split('/').nth(1).unwrap().parse().unwrap();
    for page in ["steps", "raw/fileInfo", "routing", "set_coords", "regrid", "raw/view"] {
        let html = ada.get(&format!("/{id}/{page}")).await.is(200).text();
        assert!(
            !html.contains("<script>x") && !html.contains("<script>alert") && !html.contains("\" onfocus"),
            "{page}"
        );
    }
    let html = ada.get(&format!("/{id}/routing")).await.text();
    assert!(html.contains("topo var&quot; onfocus=alert(1) &lt;b&gt;"), "{html}");
    assert!(ada.get("/").await.text().contains("&lt;script&gt;x"));
}

#[actix_web::test]
async fn d24_copies_count_and_nobody_fills_another_account() {
    let server = Server::with(|settings| settings.data_files_limit = 2);
    let (ada, eve) = (server.user("ada").await, server.user("eve").await);
    let id = ada.upload("topo.nc").await;
    let own = eve.upload("own.nc").await;
    ada.post(&format!("/{id}/duplicate"), &[]).await.is(303);
    let full = ada.post(&format!("/{id}/duplicate"), &[]).await.is(409).text();
    assert!(
        full.contains("You have 2 workflows, the most that this server keeps: delete one first."),
        "{full}"
    );
    let refused = eve.post(&format!("/{own}/send"), &[("Username", "ada")]).await.is(422).text();
    assert!(
        refused.contains("ada cannot take more workflows") && !refused.contains("2 workflows"),
        "{refused}"
    );
    let copy = format!("/data-files/{id}/duplicate");
    Script::new(&server, "ada").send(Method::POST, &copy, None).await.is(409);
    let (send, to) = (format!("/data-files/{own}/send"), json!({ "username": "ada" }));
    let refused = Script::new(&server, "eve").send(Method::POST, &send, Some(to)).await.is(422).json();
    assert_eq!(refused["errors"][0]["field"], "Username");
    let owner = server.store.user_by_name("ada").unwrap().unwrap().id;
    assert_eq!(server.store.data_files(owner).unwrap().len(), 2);
}

#[actix_web::test]
async fn d24_uploads_and_workflows_have_limits() {
    let server = Server::with(|settings| {
        settings.web.upload_limit_bytes = 10_000;
        settings.data_files_limit = 1;
    });
    let ada = server.user("ada").await;
    let large = ada.post_file("/upload", &[], Some(("large.nc", vec![0; 50_000]))).await.is(413).text();
    assert!(large.contains("10.0 kB"), "{large}");
    ada.upload("first.nc").await;
    let second =
        ada.post_file("/upload", &[], Some(("second.nc", topography("lon", "lat")))).await.is(422).text();
    assert!(second.contains("Delete one first"));
    // Nothing of what was refused stays on the disk.
    let files = std::fs::read_dir(server.instance.path()).unwrap().flatten();
    let netcdf: Vec<_> =
        files.map(|entry| entry.file_name()).filter(|n| n.to_string_lossy().ends_with(".nc")).collect();
    assert_eq!(netcdf.len(), 1, "{netcdf:?}");
}

/// A pipe stands for a file on a slow disk: whoever opens it waits until somebody writes.
#[actix_web::test]
async fn d26_a_slow_page_stops_nobody() {
    let server = Server::start();
    let (ada, eve) = (server.user("ada").await, server.user("eve").await);
    let (slow, quick) = (ada.upload("slow.nc").await, eve.upload("quick.nc").await);
    let pipe = server.stored_files(slow).into_keys().next().unwrap();
    std::fs::remove_file(&pipe).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // What looks into the file refuses a pipe at once; what sends it waits.
    for page in ["raw/view", "raw/fileInfo", "raw/field.json", "raw/field", "regrid"] {
        ada.get(&format!("/{slow}/{page}")).await.is(422);
    }
    let pages = [
        "raw/download",
        "download",
        "raw/download?revision=0",
        "download?",
        "raw/download?",
        "download?a",
        "raw/download?a",
    ];
    let waiting: Vec<_> = pages
        .map(|page| actix_web::rt::spawn(ada.client.get(format!("{}/{slow}/{page}", ada.base)).send()))
        .into();
    let others = async {
        for _ in 0..3 {
            server.visitor().get("/auth/login").await.is(200);
            eve.get(&format!("/{quick}/steps")).await.is(200);
            eve.get(&format!("/{quick}/raw/view")).await.is(200);
            assert!(eve.get(&format!("/{quick}/raw/field")).await.is(200).bytes.starts_with(b"CSF1"));
            ada.get("/").await.is(200);
        }
    };
    let served = tokio::time::timeout(std::time::Duration::from_secs(60), others).await;
    let still: Vec<bool> = waiting.iter().map(|page| !page.is_finished()).collect();
    // Let them go: each finds a writer, and then an empty file.
    let released = actix_web::rt::spawn(async move {
        loop {
            let _ = std::fs::OpenOptions::new().read(true).write(true).open(&pipe);
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    });
    for (page, answer) in pages.iter().zip(waiting) {
        assert_eq!(answer.await.unwrap().unwrap().status().as_u16(), 422, "{page}");
    }
    released.abort();
    served.expect("the others wait for the slow pages");
    assert_eq!(still, [true; 7], "{pages:?}");
}

#[actix_web::test]
async fn d27_changes_are_pushed_and_an_open_stream_ends_with_the_workflow() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    let mut stream = ada.client.get(format!("{}/{id}/events", server.base)).send().await.unwrap();
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let seen = event(&mut stream, "\n\n").await;
    assert!(seen.starts_with("event: steps\ndata: {") && !seen.contains("waiting"));
    ada.post(&format!("/{id}/regrid"), &REGRID).await.is(303);
    let started = std::time::Instant::now();
    event(&mut stream, "waiting").await;
    assert!(started.elapsed() < std::time::Duration::from_secs(10));
    // What no message tells of is found in the store.
    server.store.cancel(DataFileId(id), Step::Regrid).unwrap();
    let found = event(&mut stream, "event: steps").await;
    assert!(found.contains("not yet run") && !found.contains("waiting"), "{found}");
    ada.post(&format!("/{id}/delete"), &[]).await.is(303);
    while let Some(_rest) = stream.chunk().await.unwrap() {}
}

#[actix_web::test]
async fn d28_pages_need_nobody_else() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    for page in
        ["/", "/about", "/upload", &format!("/{id}/steps"), &format!("/{id}/raw/view"), &format!("/{id}/pft")]
    {
        let html = ada.get(page).await.is(200).text();
        for attribute in ["src=\"", "href=\"", "action=\""] {
            for target in html.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap()) {
                assert!(
                    target.starts_with('/') && !target.starts_with("//") || target.starts_with('#'),
                    "{page}: {target}"
                );
            }
        }
        // Nothing inline: the policy forbids it.
        assert!(
            !html.contains("style=\"") && !html.contains(" onclick") && !html.contains("<script>"),
            "{page}"
        );
        for asset in html.split("\"/static/").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            let answer = ada.get(&format!("/static/{asset}")).await.is(200);
            assert!(answer.headers["cache-control"].to_str().unwrap().contains("immutable"));
        }
    }
}

#[actix_web::test]
async fn d30_the_built_in_grid_can_be_chosen_again_after_a_custom_one() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    let custom = [("topo_var", "topo"), ("orcafile", "custom")];
    ada.post_file(&format!("/{id}/routing"), &custom, Some(("grid.nc", bathymetry()))).await.is(303);
    ada.post_file(&format!("/{id}/routing"), &[("topo_var", "topo"), ("orcafile", "default")], None)
        .await
        .is(303);
    // And the stored one again, without sending it again.
    ada.post_file(&format!("/{id}/routing"), &custom, None).await.is(303);
    let grids: Vec<_> =
        server.store.outbox_lease(10).unwrap().into_iter().map(|m| m.body["orcafile"].clone()).collect();
    assert_eq!(grids, ["custom", "default", "custom"]);
}

#[actix_web::test]
async fn d30_a_grid_that_is_sent_is_taken_whatever_else_the_form_says() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    let path = format!("/{id}/routing");
    let send = async |variable| {
        let fields = [("topo_var", variable), ("orcafile", "default")];
        ada.post_file(&path, &fields, Some(("grid.nc", bathymetry()))).await
    };
    // The browser lets go of the file when the form comes back: the choice stays, and the page asks for the file again.
    let refused = send("nothing").await.is(422).text();
    assert!(refused.contains("value=\"custom\" checked") && refused.contains("choose it again"), "{refused}");
    assert!(server.store.latest(DataFileId(id), FileType::Coords).unwrap().is_none());
    let again = ada.post_file(&path, &[("topo_var", "topo"), ("orcafile", "custom")], None).await.is(422);
    assert!(again.text().contains("Choose the file with your ocean grid"), "{}", again.text());
    send("topo").await.is(303);
    assert!(server.store.latest(DataFileId(id), FileType::Coords).unwrap().is_some());
    assert_eq!(server.store.outbox_lease(10).unwrap()[0].body["orcafile"], "custom");
}

#[actix_web::test]
async fn the_coordinates_of_an_own_ocean_grid_can_be_named() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    // Two grids in one file, neither with a customary name.
    let mut grids = Dataset::new();
    for name in ["lon_east", "lat_east", "lon_west", "lat_west"] {
        let values =
            Array2::from_shape_fn((4, 6), |(j, i)| if name.starts_with("lat") { j } else { i } as f64);
        grids.add_f64(name, &["y", "x"], values.into_dyn(), Attributes::new());
    }
    let grids = dataset::to_bytes(&grids).unwrap();
    let path = format!("/{id}/routing");
    let send = async |names| {
        let fields = [("topo_var", "topo"), ("orcafile", "custom"), ("ocean_coordinates", names)];
        ada.post_file(&path, &fields, Some(("grids.nc", grids.clone()))).await
    };
    for (names, told) in [
        ("", "name the two of the cell centres"),
        ("lon_east", "Two names are needed: LON,LAT."),
        ("lon_east,lat_north", "there is no variable"),
    ] {
        let refused = send(names).await.is(422).text();
        assert!(refused.contains(told) && refused.contains("choose it again"), "{names}: {refused}");
        assert!(server.store.latest(DataFileId(id), FileType::Coords).unwrap().is_none());
    }
    send("lon_west, lat_west").await.is(303);
    assert_eq!(server.store.outbox_lease(10).unwrap()[0].body["ocean_coordinates"], "lon_west,lat_west");
}

#[actix_web::test]
async fn an_ocean_grid_sent_to_the_api_is_read_as_one() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    let script = Script::new(&server, "ada");
    let send = async |bytes: Vec<u8>, names: Option<&'static str>| {
        let mut form = Form::new().part("file", Part::bytes(bytes).file_name("grid.nc"));
        if let Some(names) = names {
            form = form.text("ocean_coordinates", names);
        }
        let url = format!("{}/data-files/{id}/ocean-grid", script.base);
        let answer = script.client.post(url).bearer_auth(&script.token).multipart(form).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let stored = || server.store.latest(DataFileId(id), FileType::Coords).unwrap().is_some();
    let mut grid = Dataset::new();
    for (name, along) in [("first", 1.0), ("second", 0.0)] {
        let value =
            |(j, i): (usize, usize)| along * 10.0 * i as f64 + (1.0 - along) * (10.0 * j as f64 - 60.0);
        grid.add_f64(name, &["y", "x"], Array2::from_shape_fn((12, 36), value).into_dyn(), Attributes::new());
    }
    let grid = dataset::to_bytes(&grid).unwrap();
    for (names, told) in [(None, "no longitude and latitude"), (Some("first"), "Two names are needed")] {
        let (status, text) = send(grid.clone(), names).await;
        assert!(status == 422 && text.contains(told) && !stored(), "{status}: {text}");
    }
    let (status, text) = send(grid, Some("first, second")).await;
    assert!(status == 201 && stored(), "{status}: {text}");
}

#[actix_web::test]
async fn d31_two_clicks_on_one_form_are_one_run() {
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    let page = ada.get(&format!("/{id}/regrid")).await.text();
    let key = page.split("name=\"form_key\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let fields = [REGRID[0], REGRID[1], REGRID[2], REGRID[3], ("form_key", key.as_str())];
    for _ in 0..2 {
        ada.post(&format!("/{id}/regrid"), &fields).await.redirects_to(&format!("/{id}/steps"));
    }
    assert_eq!(server.store.outbox_lease(10).unwrap().len(), 1);
}
