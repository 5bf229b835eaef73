//! How fast and how large the editor is: the service as a process, pages as connections.
//!
//! `cargo bench -p panel_app` prints, for 360 x 180 and 2160 x 1080 cells: from opening to the first map, from an edit to the
//! frame with all maps, memory of one open editor in bytes of the variable; and the same with 50 editors open at once.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "a benchmark")]

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use awc::Client;
use awc::error::WsProtocolError;
use awc::ws::{Frame, Message};
use dataset::{Attributes, Dataset};
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use ndarray::{Array1, Array2};
use serde_json::{Value, json};
use store::{Config, DataFileId, Store, UserId};
use uuid::Uuid;

const EDITS: usize = 200;
const MANY: usize = 50;

struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Service {
    fn start(instance: &str, port: u16) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_panel_app"))
            .env("INSTANCE_PATH", instance)
            .env("PANEL_RUN_HOST", "127.0.0.1")
            .env("PANEL_RUN_PORT", port.to_string())
            .env("HEALTH_PORT", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).is_err() {
            std::thread::sleep(Duration::from_millis(5));
        }
        Self(child)
    }

    fn resident_bytes(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
    }
}

/// Continents and islands, by sums of waves.
fn planet(rows: usize, columns: usize) -> Dataset {
    let lat: Vec<f64> = (0..rows).map(|j| -90.0 + 180.0 * (j as f64 + 0.5) / rows as f64).collect();
    let lon: Vec<f64> = (0..columns).map(|i| -180.0 + 360.0 * (i as f64 + 0.5) / columns as f64).collect();
    let heights = Array2::from_shape_fn((rows, columns), |(j, i)| {
        let (x, y) = (lon[i].to_radians(), lat[j].to_radians());
        let wave = |k: f64, p: f64| (k * x + p).sin() * (k * y + 2.0 * p).cos() / k;
        let sum: f64 = (1..9).map(|k| wave(f64::from(k), f64::from(k * k))).sum();
        3000.0 * sum + 900.0 * wave(23.0, 0.3) * 23.0 - 1000.0
    });
    let mut dataset = Dataset::new();
    let degrees = |unit: &str| Attributes::new().with("units", unit);
    dataset.add_f64("lat", &["lat"], Array1::from(lat).into_dyn(), degrees("degrees_north"));
    dataset.add_f64("lon", &["lon"], Array1::from(lon).into_dyn(), degrees("degrees_east"));
    let about = Attributes::new().with("long_name", "topography").with("units", "m");
    dataset.add_f64("topo", &["lat", "lon"], heights.into_dyn(), about);
    dataset
}

struct Page {
    out: Box<dyn Sink<Message, Error = WsProtocolError> + Unpin>,
    frames: Box<dyn Stream<Item = Result<Frame, WsProtocolError>> + Unpin>,
}

impl Page {
    async fn open(address: &str, cookie: &str, id: DataFileId) -> Self {
        let request = Client::default()
            .ws(format!("http://{address}/panel/internal_oceans/ws?id={id}"))
            .max_frame_size(1 << 28)
            .header("cookie", format!("session={cookie}"))
            .header("origin", format!("http://{address}"));
        let (_, framed) = request.connect().await.unwrap();
        let (out, frames) = framed.split();
        Self { out: Box::new(out), frames: Box::new(frames) }
    }

    /// Waits for a binary frame whose header has all of these.
    async fn header(&mut self, wanted: &[(&str, Value)]) -> Value {
        loop {
            match self.frames.next().await.unwrap().unwrap() {
                Frame::Binary(bytes) => {
                    let length = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
                    let head: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
                    if wanted.iter().all(|(name, value)| head[*name] == *value) {
                        return head;
                    }
                }
                Frame::Ping(bytes) => self.out.send(Message::Pong(bytes)).await.unwrap(),
                Frame::Text(text) => {
                    let told: Value = serde_json::from_slice(&text).unwrap();
                    assert_ne!(told["type"], "error", "{told}");
                }
                _ => {}
            }
        }
    }

    /// Moves the coast in a box of 10 x 10 cells, and waits for all maps.
    async fn edit(&mut self, n: usize, rows: usize, columns: usize) -> Duration {
        let (row, column) = (n * 7919 % (rows - 10), n * 104_729 % (columns - 10));
        let value = if n.is_multiple_of(2) { 100 } else { -100 };
        let selection = json!({ "index_box": { "columns": [column, column + 9], "rows": [row, row + 9] } });
        let action = json!({ "operation": { "absolute": { "value": value } }, "selection": selection });
        let request = json!({ "id": n, "type": "apply", "key": Uuid::new_v4(), "action": action });
        let began = Instant::now();
        self.out.send(Message::Text(request.to_string().into())).await.unwrap();
        self.header(&[("type", json!("change")), ("id", json!(n))]).await;
        began.elapsed()
    }
}

fn told(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1e3;
    println!(
        "{what}: median {:.1} ms, p90 {:.1} ms, p99 {:.1} ms, max {:.1} ms ({})",
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0),
        times.len()
    );
}

fn upload(store: &Store, user: UserId, dataset: &Dataset) -> DataFileId {
    let staged = store.stage(".nc").unwrap();
    dataset::write(dataset, staged.path()).unwrap();
    let id = store
        .create_data_file(user, "planet.nc", serde_json::Map::new(), store::Release::default(), staged)
        .unwrap();
    store.set_coordinates(id, "lon", "lat").unwrap();
    id
}

#[actix_web::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let instance = folder.path().join("instance");
    let store =
        Store::open(&Config { instance: instance.clone(), database_url: None, pool_size: 2 }).unwrap();
    let user = store.create_user("ada", "continents drift").unwrap();
    let cookie = store.create_session(user).unwrap().0;
    let [port] = testkit::free_ports().unwrap();
    let (address, instance) = (format!("127.0.0.1:{port}"), instance.display().to_string());
    for (rows, columns) in [(180, 360), (1080, 2160)] {
        let size = format!("{columns} x {rows}");
        let dataset = planet(rows, columns);
        let id = upload(&store, user, &dataset);
        let service = Service::start(&instance, port);
        // Whatever a first editor brings into memory once and for all (threads, their heaps) is not of each.
        let mut first = Page::open(&address, &cookie, upload(&store, user, &planet(180, 360))).await;
        for n in 0..EDITS {
            first.edit(n, 180, 360).await;
        }
        drop(first);
        let before = service.resident_bytes();
        let began = Instant::now();
        let mut page = Page::open(&address, &cookie, id).await;
        page.header(&[("map", json!("values"))]).await;
        println!("{size}, opening to first map: {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
        page.header(&[("map", json!("poles"))]).await;
        println!("{size}, opening to all maps: {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
        let mut times = Vec::new();
        for n in 0..EDITS {
            times.push(page.edit(n, rows, columns).await);
        }
        told(&format!("{size}, edit to all maps"), times);
        let bytes = (rows * columns * 8) as f64;
        let grown = service.resident_bytes() - before;
        println!(
            "{size}, memory of one editor: {:.1} MB, {:.1} times the variable",
            grown / 1e6,
            grown / bytes
        );
    }

    let (rows, columns) = (180, 360);
    let dataset = planet(rows, columns);
    let ids: Vec<DataFileId> = (0..MANY).map(|_| upload(&store, user, &dataset)).collect();
    let service = Service::start(&instance, port);
    let before = service.resident_bytes();
    let began = Instant::now();
    let mut pages = Vec::new();
    for id in ids {
        let mut page = Page::open(&address, &cookie, id).await;
        page.header(&[("map", json!("poles"))]).await;
        pages.push(page);
    }
    println!(
        "{MANY} editors of {columns} x {rows}, opened one after another: {:.0} ms",
        began.elapsed().as_secs_f64() * 1e3
    );
    // One edit per second and editor, as people who work fast.
    let work = pages.into_iter().enumerate().map(|(k, mut page)| async move {
        tokio::time::sleep(Duration::from_millis(1000 * k as u64 / MANY as u64)).await;
        let mut times = Vec::new();
        for n in 0..10 {
            times.push(page.edit(n, rows, columns).await);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        (page, times)
    });
    let (pages, times): (Vec<Page>, Vec<Vec<Duration>>) =
        futures_util::future::join_all(work).await.into_iter().unzip();
    told(&format!("{MANY} editors, an edit a second each"), times.into_iter().flatten().collect());
    let grown = service.resident_bytes() - before;
    let bytes = (rows * columns * 8 * MANY) as f64;
    println!("{MANY} editors: {:.0} MB, {:.1} times the variables", grown / 1e6, grown / bytes);
    drop(pages);
}
