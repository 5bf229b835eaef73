//! The editor on a free port with its own instance folder, and a page of it as a browser would open it.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use awc::Client;
use awc::error::WsProtocolError;
use awc::ws::{Frame, Message};
use dataset::{Attributes, Dataset, Values, Variable};
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use ndarray::{Array2, IxDyn};
use panel_app::Limits;
use serde_json::{Map, Value, json};
use service::{Config, Context};
use store::{DataFileId, Edit, Reach, Release, Revision, Store, UserId};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use workflow::{FileType, Step};

/// How long a frame may take: generous, for a loaded machine.
const TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) const ROWS: usize = 18;
pub(crate) const COLUMNS: usize = 36;

pub(crate) struct Server {
    pub(crate) context: Context,
    pub(crate) store: Store,
    pub(crate) address: String,
    pub(crate) stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::start_with(Limits::default(), &[]).await
    }

    pub(crate) async fn start_with(limits: Limits, variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let instance = folder.path().join("instance").display().to_string();
        let config = Config::from(|name| match name {
            "INSTANCE_PATH" => Some(instance.clone()),
            "PANEL_RUN_HOST" => Some("127.0.0.1".to_owned()),
            "PANEL_RUN_PORT" => Some("0".to_owned()),
            "WEB_THREADS" => Some("1".to_owned()),
            other => {
                variables.iter().find(|(known, _)| *known == other).map(|(_, value)| (*value).to_owned())
            }
        });
        let stop = CancellationToken::new();
        let context = Context::open(config.unwrap(), "test", &stop).await.unwrap();
        let bound = panel_app::bind(&context, limits, stop.clone()).unwrap();
        let address = bound.addresses[0].to_string();
        actix_web::rt::spawn(bound.serve());
        Self { store: context.store.clone(), context, address, stop, _folder: folder }
    }

    /// An account that is logged in.
    pub(crate) fn user(&self, name: &str) -> User {
        let id = self.store.create_user(name, "continents drift").unwrap();
        User { id, cookie: self.store.create_session(id).unwrap().0 }
    }

    pub(crate) fn staged(&self, dataset: &Dataset) -> store::Staged {
        let staged = self.store.stage(".nc").unwrap();
        dataset::write(dataset, staged.path()).unwrap();
        staged
    }

    /// A step that was done by hand before, with nothing but its file and its parameters.
    pub(crate) fn edit(&self, id: DataFileId, step: Step, file_type: FileType, dataset: &Dataset) -> Edit {
        Edit {
            data_file: id,
            step: Some(step),
            file_type,
            staged: self.staged(dataset),
            info: Map::new(),
            parameters: Map::new(),
            parents: Vec::new(),
            findings: Vec::new(),
            reach: Reach::Everything,
            form_key: None,
            request_id: None,
        }
    }

    /// A workflow with a topography.
    pub(crate) fn upload(&self, user: &User, dataset: &Dataset) -> DataFileId {
        let id = self
            .store
            .create_data_file(user.id, "planet.nc", Map::new(), Release::default(), self.staged(dataset))
            .unwrap();
        self.store.set_coordinates(id, "lon", "lat").unwrap();
        id
    }

    pub(crate) fn add(&self, id: DataFileId, file_type: FileType, dataset: &Dataset) -> Revision {
        self.store.add_revision(id, file_type, self.staged(dataset), Map::new()).unwrap()
    }

    pub(crate) fn latest(&self, id: DataFileId, file_type: FileType) -> (Revision, Dataset) {
        let revision = self.store.latest(id, file_type).unwrap().unwrap();
        let dataset = dataset::read(self.store.path(&revision)).unwrap();
        (revision, dataset)
    }

    pub(crate) async fn open(&self, user: &User, path: &str) -> Tab {
        Tab::open(&self.address, &user.cookie, path).await.unwrap()
    }

    /// The body and status of a plain request.
    pub(crate) async fn get(&self, user: Option<&User>, path: &str) -> (u16, String) {
        let client = Client::builder().disable_redirects().finish();
        let mut request = client.get(format!("http://{}{path}", self.address)).timeout(TIMEOUT);
        if let Some(user) = user {
            request = request.insert_header(("cookie", format!("session={}", user.cookie)));
        }
        let mut answer = request.send().await.unwrap();
        let body = answer.body().limit(1 << 26).await.unwrap();
        (answer.status().as_u16(), String::from_utf8_lossy(&body).into_owned())
    }

    pub(crate) fn metric(&self, name: &str) -> f64 {
        let text = self.context.metrics.text();
        let line = text.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.and_then(|line| line.rsplit(' ').next()).unwrap().parse().unwrap()
    }
}

pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) cookie: String,
}

/// A frame from the server: its text, or the header of its container and the planes.
#[derive(Debug, Clone)]
pub(crate) struct ServerFrame {
    pub(crate) head: Value,
    pub(crate) planes: Vec<u8>,
}

impl ServerFrame {
    /// The cells that changed on a map.
    pub(crate) fn cells(&self, map: &str) -> Vec<u32> {
        let mut at = 0;
        for plane in self.head["planes"].as_array().unwrap() {
            let bytes = plane["bytes"].as_u64().unwrap() as usize;
            if plane["name"] == format!("{map}.cells") {
                let part = &self.planes[at..at + bytes];
                return part.chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap())).collect();
            }
            at += bytes;
        }
        Vec::new()
    }
}

/// A page.
pub(crate) struct Tab {
    out: Box<dyn Sink<Message, Error = WsProtocolError> + Unpin>,
    frames: Box<dyn Stream<Item = Result<Frame, WsProtocolError>> + Unpin>,
    next: i64,
    /// What was told without being asked.
    pub(crate) events: VecDeque<ServerFrame>,
    pub(crate) hello: Value,
}

impl Tab {
    /// Opens the websocket of `path`, such as `internal_oceans?id=1`, and waits for `hello`.
    pub(crate) async fn open(address: &str, cookie: &str, path: &str) -> Result<Self, String> {
        Self::open_from(address, cookie, path, Some(&format!("http://{address}"))).await
    }

    pub(crate) async fn open_from(
        address: &str,
        cookie: &str,
        path: &str,
        origin: Option<&str>,
    ) -> Result<Self, String> {
        let (app, query) = path.split_once('?').unwrap();
        let mut request = Client::default()
            .ws(format!("http://{address}/panel/{app}/ws?{query}"))
            .max_frame_size(1 << 26)
            .header("cookie", format!("session={cookie}"));
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let (_, framed) = request.connect().await.map_err(|error| error.to_string())?;
        let (out, frames) = framed.split();
        let mut tab = Self {
            out: Box::new(out),
            frames: Box::new(frames),
            next: 1,
            events: VecDeque::new(),
            hello: Value::Null,
        };
        let hello = tab.read().await.ok_or("closed at once")?;
        if hello.head["type"] != "hello" {
            return Err(hello.head["message"].as_str().unwrap_or_default().to_owned());
        }
        tab.hello = hello.head;
        Ok(tab)
    }

    /// The next frame that says something; `None` at the end.
    pub(crate) async fn read(&mut self) -> Option<ServerFrame> {
        loop {
            let frame = tokio::time::timeout(TIMEOUT, self.frames.next()).await.expect("a frame in time")?;
            match frame.ok()? {
                Frame::Text(text) => {
                    return Some(ServerFrame {
                        head: serde_json::from_slice(&text).unwrap(),
                        planes: Vec::new(),
                    });
                }
                Frame::Binary(bytes) => {
                    assert_eq!(&bytes[..4], field::container::MAGIC);
                    let length = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
                    let head = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
                    return Some(ServerFrame { head, planes: bytes[8 + length..].to_vec() });
                }
                Frame::Ping(bytes) => self.out.send(Message::Pong(bytes)).await.ok()?,
                Frame::Close(_) => return None,
                Frame::Pong(_) | Frame::Continuation(_) => {}
            }
        }
    }

    pub(crate) async fn send_text(&mut self, text: String) {
        self.out.send(Message::Text(text.into())).await.unwrap();
    }

    /// Sends what the server may cut off in the middle.
    pub(crate) async fn send_beyond(&mut self, text: String) {
        let _ = self.out.send(Message::Text(text.into())).await;
    }

    pub(crate) async fn send_binary(&mut self, bytes: Vec<u8>) {
        self.out.send(Message::Binary(bytes.into())).await.unwrap();
    }

    /// Sends a request without waiting, and gives its id. A change gets a key unless it has one.
    pub(crate) async fn send(&mut self, mut request: Value) -> i64 {
        let id = self.next;
        self.next += 1;
        request["id"] = json!(id);
        if request.get("key").is_none() {
            request["key"] = json!(Uuid::new_v4());
        }
        self.send_text(request.to_string()).await;
        id
    }

    /// Waits for the answer to a request.
    pub(crate) async fn answer(&mut self, id: i64) -> ServerFrame {
        loop {
            let told = self.read().await.expect("an answer before the end");
            if told.head["id"] == json!(id) {
                return told;
            }
            self.events.push_back(told);
        }
    }

    /// A request and its answer, which is no error.
    pub(crate) async fn ask(&mut self, request: Value) -> ServerFrame {
        let id = self.send(request.clone()).await;
        let told = self.answer(id).await;
        assert_ne!(told.head["type"], "error", "{request}: {}", told.head);
        told
    }

    /// The code and message of a request that is refused.
    pub(crate) async fn refused(&mut self, request: Value) -> (String, String) {
        let id = self.send(request.clone()).await;
        let told = self.answer(id).await.head;
        assert_eq!(told["type"], "error", "{request}: {told}");
        let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
        (text("code"), text("message"))
    }

    /// The next thing of a type that is told without being asked.
    pub(crate) async fn event(&mut self, kind: &str) -> ServerFrame {
        if let Some(at) = self.events.iter().position(|told| told.head["type"] == kind) {
            return self.events.remove(at).unwrap();
        }
        loop {
            let told = self.read().await.unwrap_or_else(|| panic!("the end before '{kind}'"));
            if told.head["type"] == kind {
                return told;
            }
            self.events.push_back(told);
        }
    }

    pub(crate) async fn apply(&mut self, operation: Value, selection: Value) -> ServerFrame {
        self.ask(json!({ "type": "apply", "action": { "operation": operation, "selection": selection } }))
            .await
    }

    /// The exact value of a cell.
    pub(crate) async fn value(&mut self, i: usize, j: usize) -> Value {
        self.ask(json!({ "type": "cell", "cell": [i, j] })).await.head["value"].clone()
    }

    pub(crate) async fn save(&mut self, description: &str) -> Value {
        let state = self.ask(json!({ "type": "snapshot", "name": "last" })).await;
        let sequence = state.head["sequence"].clone();
        self.ask(json!({ "type": "save", "description": description, "sequence": sequence })).await.head
    }
}

fn axes(dataset: &mut Dataset) {
    let degrees = |unit: &str| Attributes::new().with("units", unit);
    let lat: Vec<f64> = (0..ROWS).map(|j| -85.0 + 10.0 * j as f64).collect();
    let lon: Vec<f64> = (0..COLUMNS).map(|i| -175.0 + 10.0 * i as f64).collect();
    dataset.add_f64("lat", &["lat"], ndarray::Array1::from(lat).into_dyn(), degrees("degrees_north"));
    dataset.add_f64("lon", &["lon"], ndarray::Array1::from(lon).into_dyn(), degrees("degrees_east"));
}

/// Land with a sea all around it but in the south, a lake at [18, 9], and an odd value in every cell.
pub(crate) fn heights() -> Array2<f64> {
    Array2::from_shape_fn((ROWS, COLUMNS), |(j, i)| {
        let odd = (j * COLUMNS + i) as f64 / 7.0;
        match (i, j) {
            (_, 0) => 100.0 + odd,
            (18, 9) => -20.0 - odd,
            (12..=24, 5..=13) => 300.0 + odd,
            _ => -3000.0 - odd,
        }
    })
}

pub(crate) fn topography() -> Dataset {
    let mut dataset = Dataset::new();
    axes(&mut dataset);
    let about = Attributes::new().with("long_name", "topography").with("units", "m");
    dataset.add_f64("topo", &["lat", "lon"], heights().into_dyn(), about);
    dataset
}

/// A file with a variable of 16-bit integers with a slice for each of three months, and a fill value.
pub(crate) fn integers() -> Dataset {
    let mut dataset = topography();
    dataset.add_dimension("month", 3);
    let shape = IxDyn(&[3, ROWS, COLUMNS]);
    let values = ndarray::ArrayD::from_shape_fn(shape, |at| match (at[0], at[1], at[2]) {
        (_, 4, 4) => -999,
        (month, j, i) => (month * 1000 + j * COLUMNS + i) as i16,
    });
    let attributes = Attributes::new().with("_FillValue", dataset::AttributeValue::I16(vec![-999]));
    dataset.variables.push(Variable::new("count", &["month", "lat", "lon"], Values::I16(values), attributes));
    dataset
}

/// A small bathymetry on two-dimensional coordinates, with a strait of one cell at [10, 6].
pub(crate) fn bathymetry() -> Dataset {
    let (rows, columns) = (12, 20);
    let mut dataset = Dataset::new();
    let map =
        |f: &dyn Fn(f64, f64) -> f64| Array2::from_shape_fn((rows, columns), |(j, i)| f(i as f64, j as f64));
    let degrees = |unit: &str| Attributes::new().with("units", unit);
    let lon = map(&|i, j| 3.0 * i + 0.5 * j);
    let lat = map(&|i, j| -20.0 + 3.0 * j + 0.2 * i);
    dataset.add_f64("nav_lon", &["y", "x"], lon.into_dyn(), degrees("degrees_east"));
    dataset.add_f64("nav_lat", &["y", "x"], lat.into_dyn(), degrees("degrees_north"));
    let depths = map(&|i, j| match (i as usize, j as usize) {
        (10, 6) => 50.0,
        (_, 6) => 0.0,
        _ => 1000.0 + i,
    });
    dataset.add_f64("Bathymetry", &["y", "x"], depths.into_dyn(), Attributes::new());
    dataset
}

/// The numbers of a variable.
pub(crate) fn numbers(dataset: &Dataset, name: &str) -> Vec<f64> {
    dataset.variable(name).unwrap().values.to_f64().unwrap().iter().copied().collect()
}

pub(crate) fn same_bits(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.to_bits() == y.to_bits())
}

/// The binary of this crate, built with the tests.
pub(crate) fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_panel_app"))
}
