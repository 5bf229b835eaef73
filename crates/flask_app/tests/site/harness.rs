//! A server, and visitors.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use broker::EmbeddedBus;
use dataset::{Attributes, Dataset};
use ndarray::{Array1, Array2};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use store::Store;
use tokio_util::sync::CancellationToken;

/// A running server; it stops when dropped.
pub(crate) struct Server {
    pub(crate) base: String,
    pub(crate) store: Store,
    bus: Arc<EmbeddedBus>,
    stop: CancellationToken,
    pub(crate) instance: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut flask_app::Settings)) -> Self {
        let instance = tempfile::tempdir().unwrap();
        let config = store::Config { instance: instance.path().to_owned(), database_url: None, pool_size: 4 };
        let store = Store::open(&config).unwrap();
        let bus = Arc::new(EmbeddedBus::new(store.clone()).unwrap());
        let mut settings = flask_app::Settings { threads: 1, ..flask_app::Settings::default() };
        settings.listen = vec!["127.0.0.1:0".parse().unwrap()];
        change(&mut settings);
        let context = flask_app::Context { store: store.clone(), bus: bus.clone(), settings, process: None };
        let stop = CancellationToken::new();
        let bound = flask_app::bind(context, None, stop.clone()).unwrap();
        let base = format!("http://{}", bound.addresses[0]);
        tokio::spawn(bound.serve());
        Self { base, store, bus, stop, instance }
    }

    /// Computes the steps that are asked for, as the other services do.
    pub(crate) fn compute(&self) {
        let context = service::Context {
            config: Arc::new(service::Config::from(|_| None).unwrap()),
            store: self.store.clone(),
            bus: self.bus.clone(),
            metrics: service::Metrics::default(),
        };
        let (bus, stop) = (context.bus.clone(), self.stop.clone());
        tokio::spawn(service::relay::run(context.store.clone(), bus.clone(), stop.clone()));
        tokio::spawn(message_dispatcher::run(bus, stop.clone()));
        tokio::spawn(async move { python_worker::run(&context, stop).await });
    }

    pub(crate) fn visitor(&self) -> Visitor {
        let client =
            Client::builder().cookie_store(true).redirect(Policy::none()).no_proxy().build().unwrap();
        Visitor { client, base: self.base.clone() }
    }

    /// A visitor with an account and a session.
    pub(crate) async fn user(&self, name: &str) -> Visitor {
        let visitor = self.visitor();
        let fields = [("username", name), ("password", "correct horse")];
        visitor.post("/auth/register", &fields).await.redirects_to("/auth/login?registered=yes");
        visitor.post("/auth/login", &fields).await.redirects_to("/");
        visitor
    }
}

/// A browser, roughly.
pub(crate) struct Visitor {
    pub(crate) client: Client,
    pub(crate) base: String,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

impl Answer {
    pub(crate) async fn from_response(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, bytes: response.bytes().await.unwrap().to_vec() }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn location(&self) -> &str {
        self.headers.get(LOCATION).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn redirects_to(self, path: &str) -> Self {
        assert!(self.status.is_redirection(), "{}: {}", self.status, self.text());
        assert_eq!(self.location(), path);
        self
    }

    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }
}

impl Visitor {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::from_response(self.client.get(format!("{}{path}", self.base)).send().await.unwrap()).await
    }

    /// The token of this visitor's forms.
    pub(crate) async fn token(&self) -> String {
        let page = self.get("/about").await.text();
        let start = page.split("name=\"csrf-token\" content=\"").nth(1).expect("a token in the page");
        start.split('"').next().unwrap().to_owned()
    }

    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.token().await;
        let mut all = vec![("csrf_token", token.as_str())];
        all.extend_from_slice(fields);
        self.post_bare(path, &all).await
    }

    /// Without the token.
    pub(crate) async fn post_bare(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.client.post(format!("{}{path}", self.base));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        Answer::from_response(request.send().await.unwrap()).await
    }

    pub(crate) async fn post_file(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        file: Option<(&str, Vec<u8>)>,
    ) -> Answer {
        // By hand: the client nests a stream in a stream for each part, and one test sends thousands of them.
        let token = self.token().await;
        let mut body = Vec::new();
        for (name, value) in [("csrf_token", token.as_str())].iter().chain(fields) {
            let part =
                format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
            body.extend(part.into_bytes());
        }
        if let Some((name, bytes)) = file {
            let head = format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
            );
            body.extend(head.into_bytes());
            body.extend(bytes);
            body.extend(b"\r\n");
        }
        body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let request =
            self.client.post(format!("{}{path}", self.base)).header("content-type", kind).body(body);
        Answer::from_response(request.send().await.unwrap()).await
    }

    /// Uploads a topography whose coordinates are certain; its id.
    pub(crate) async fn upload(&self, name: &str) -> i32 {
        let answer =
            self.post_file("/upload", &[("age", "60")], Some((name, topography("lon", "lat")))).await;
        let location = answer.location().to_owned();
        assert!(location.ends_with("/steps"), "{}: {location} {}", answer.status, answer.text());
        location.split('/').nth(1).unwrap().parse().unwrap()
    }
}

/// What is between the parts of a form.
const BOUNDARY: &str = "climsim-test-boundary";

/// A topography of 4 x 8 cells.
pub(crate) fn topography(lon: &str, lat: &str) -> Vec<u8> {
    let mut map = Dataset::new();
    map.add_dimension(lat, 4);
    map.add_dimension(lon, 8);
    let named = |units: &str| Attributes::new().with("units", units);
    let lats = Array1::from_iter((0..4).map(|j| -67.5 + 45.0 * f64::from(j))).into_dyn();
    let lons = Array1::from_iter((0..8).map(|i| -157.5 + 45.0 * f64::from(i))).into_dyn();
    map.add_f64(lat, &[lat], lats, named("degrees_north"));
    map.add_f64(lon, &[lon], lons, named("degrees_east"));
    let heights = Array2::from_shape_fn((4, 8), |(j, i)| (j as f64 - 1.5) * 100.0 + i as f64);
    map.add_f64("topo", &[lat, lon], heights.into_dyn(), named("m"));
    map.attributes.set("title", "a test");
    dataset::to_bytes(&map).unwrap()
}

/// A bathymetry on an ocean grid of 4 x 6 cells.
pub(crate) fn bathymetry() -> Vec<u8> {
    let mut map = Dataset::new();
    map.add_dimension("y", 4);
    map.add_dimension("x", 6);
    let none = Attributes::new;
    let field = |f: &dyn Fn(usize, usize) -> f64| Array2::from_shape_fn((4, 6), |(j, i)| f(j, i)).into_dyn();
    map.add_f64("nav_lon", &["y", "x"], field(&|_, i| 60.0 * i as f64 - 150.0), none());
    map.add_f64("nav_lat", &["y", "x"], field(&|j, _| 30.0 * j as f64 - 45.0), none());
    map.add_f64(
        "Bathymetry",
        &["y", "x"],
        field(&|j, i| if j == 0 || i == 2 { 0.0 } else { 3000.0 }),
        none(),
    );
    dataset::to_bytes(&map).unwrap()
}

impl Server {
    /// Adds a stored file, as a worker would.
    pub(crate) fn add(&self, id: i32, file_type: workflow::FileType, bytes: &[u8]) -> i32 {
        let staged = self.store.stage(file_type.extension()).unwrap();
        std::fs::write(staged.path(), bytes).unwrap();
        let id = store::DataFileId(id);
        self.store.add_revision(id, file_type, staged, serde_json::Map::new()).unwrap().revision
    }

    /// Carries out the step that waits, as a worker would; its files hold nothing.
    pub(crate) fn carry_out(&self, id: i32, step: workflow::Step) {
        use workflow::{Key, Task};
        let store = &self.store;
        let run = store.step(store::DataFileId(id), step).unwrap().run.unwrap();
        let body = serde_json::json!({ "id": id }).as_object().cloned().unwrap();
        let mut task = workflow::Message::new(Key::ForWorker(Task::Step(step), step.worker()), body);
        task.run = Some(run.0);
        let store::Claim::Run(claim) = store.claim(&task).unwrap() else { panic!("{step} does not wait") };
        let output = |&file_type: &workflow::FileType| store::Output {
            file_type,
            staged: store.stage(file_type.extension()).unwrap(),
            info: serde_json::Map::new(),
        };
        let outputs = step.outputs().iter().map(output).collect();
        store.finish(&claim, outputs, &[], &[]).unwrap();
    }

    /// The content of all stored files, by path.
    pub(crate) fn stored_files(&self, id: i32) -> HashMap<PathBuf, Vec<u8>> {
        let revisions = self.store.revisions(store::DataFileId(id)).unwrap();
        let paths = revisions.iter().map(|revision| self.store.path(revision));
        paths.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    }
}

/// What comes along a stream of events until the end of the first event that contains `what`.
pub(crate) async fn event(stream: &mut reqwest::Response, what: &str) -> String {
    let mut text = String::new();
    while !(text.contains(what) && text.ends_with("\n\n")) {
        text += &String::from_utf8_lossy(&stream.chunk().await.unwrap().expect("the stream goes on"));
    }
    text
}
