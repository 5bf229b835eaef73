//! Clients that go away: what was begun for them ends, and nothing of theirs is kept.

use std::os::unix::ffi::OsStrExt as _;
use std::time::{Duration, Instant};

use dataset::contained::{Limits, TimeLimit, set_limits, set_reader};
use reqwest::multipart::{Form, Part};
use store::DataFileId;
use testkit::real_files;

use crate::api::Script;
use crate::harness::{Server, Visitor};

/// Processes that read a file of this server.
fn readers(server: &Server) -> usize {
    let folder = server.instance.path().as_os_str().as_bytes();
    let reads = |entry: &std::fs::DirEntry| {
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let mut arguments = line.split(|&byte| byte == 0);
        arguments.any(|argument| argument == b"--dataset-netcdf4-child")
            && arguments.any(|argument| argument.starts_with(folder))
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter(reads).count()
}

async fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(60), "waited for a minute: {what}");
        tokio::task::yield_now().await;
    }
}

#[actix_web::test]
async fn a_client_that_goes_away_ends_the_reading_of_its_file() {
    set_reader(env!("CARGO_BIN_EXE_flask_app"), &[]);
    // Far beyond the patience of this test: it is the client that ends the reading.
    let header = TimeLimit { cpu_seconds: 300, wall: Duration::from_secs(600) };
    set_limits(Limits { header, ..Limits::default() });
    let server = Server::start();
    let ada = server.user("ada").await;
    let id = ada.upload("topo.nc").await;
    let script = Script::new(&server, "ada");
    let stored = server.stored_files(id).len();
    for by in ["form", "form of a step", "API", "API, ocean grid"] {
        let visitor = Visitor { client: ada.client.clone(), base: ada.base.clone() };
        let (client, base, token) = (script.client.clone(), script.base.clone(), script.token.clone());
        let sending = tokio::spawn(async move {
            let (name, bytes) = ("endless.nc", real_files::endless());
            let path = match by {
                "form" => {
                    visitor.post_file("/upload", &[], Some((name, bytes))).await;
                    return;
                }
                "form of a step" => {
                    let fields = [("topo_var", "topo"), ("orcafile", "custom")];
                    visitor.post_file(&format!("/{id}/routing"), &fields, Some((name, bytes))).await;
                    return;
                }
                "API" => "/data-files".to_owned(),
                _ => format!("/data-files/{id}/ocean-grid"),
            };
            let form = Form::new().part("file", Part::bytes(bytes).file_name(name));
            let request = client.post(format!("{base}{path}")).bearer_auth(token).multipart(form);
            let _ = request.send().await;
        });
        wait_until(&format!("{by}: the file is read"), || readers(&server) == 1).await;
        sending.abort();
        wait_until(&format!("{by}: nobody reads it any more"), || readers(&server) == 0).await;
    }
    // Nothing came of them, and the server goes on.
    assert_eq!(server.stored_files(id).len(), stored);
    assert!(server.store.data_file(DataFileId(id + 1)).unwrap().is_none());
    ada.get(&format!("/{id}/steps")).await.is(200);
}
