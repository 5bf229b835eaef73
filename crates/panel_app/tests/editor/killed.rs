//! Killed at random instants while actions stream in: what was confirmed is there, and undoing leads back to the file, bit
//! for bit.

use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use store::{Config, Store};
use uuid::Uuid;
use workflow::FileType;

use crate::harness::{COLUMNS, ROWS, Tab, binary, heights, numbers, same_bits, topography};

/// How often; `CLIMSIM_KILLS=100` for as often as was promised.
fn kills() -> u64 {
    std::env::var("CLIMSIM_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(8)
}

/// The service as a process; killed when dropped.
struct Service(Child);

impl Service {
    fn start(instance: &str, port: u16) -> Self {
        let child = Command::new(binary())
            .env_clear()
            .env("INSTANCE_PATH", instance)
            .env("PANEL_RUN_HOST", "127.0.0.1")
            .env("PANEL_RUN_PORT", port.to_string())
            .env("HEALTH_PORT", "0")
            .env("WEB_THREADS", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let deadline = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "the service does not listen");
            std::thread::sleep(Duration::from_millis(5));
        }
        Self(child)
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[actix_web::test]
async fn every_confirmed_action_survives_and_undo_reaches_the_original() {
    let folder = tempfile::tempdir().unwrap();
    let instance = folder.path().join("instance");
    let store =
        Store::open(&Config { instance: instance.clone(), database_url: None, pool_size: 2 }).unwrap();
    let user = store.create_user("ada", "continents drift").unwrap();
    let cookie = store.create_session(user).unwrap().0;
    let staged = store.stage(".nc").unwrap();
    dataset::write(&topography(), staged.path()).unwrap();
    let id = store
        .create_data_file(user, "planet.nc", serde_json::Map::new(), store::Release::default(), staged)
        .unwrap();
    store.set_coordinates(id, "lon", "lat").unwrap();
    let [port] = testkit::free_ports().unwrap();
    let (instance, path) = (instance.display().to_string(), format!("value_changer?id={id}&file_type=raw"));
    let address = format!("127.0.0.1:{port}");

    let mut service = Service::start(&instance, port);
    // Not random numbers of the system: a failing run can be repeated.
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let (mut confirmed_in_all, mut answered_last) = (0, 0);
    for kill in 0..kills() {
        let mut tab = Tab::open(&address, &cookie, &path).await.unwrap();
        let before = tab.hello["state"]["sequence"].as_i64().unwrap();
        assert!(before >= answered_last, "kill {kill}: {before} events, {answered_last} were confirmed");
        // A stream of actions, undos and redos; nobody waits for answers.
        let until = Instant::now() + Duration::from_millis(next(250));
        let mut sent = 0;
        while Instant::now() < until {
            let request = match next(8) {
                0 => json!({ "type": "undo" }),
                1 => json!({ "type": "redo" }),
                _ => {
                    let (row, column) = (next(ROWS as u64), next(COLUMNS as u64));
                    let selection =
                        json!({ "index_box": { "columns": [column, column + 3], "rows": [row, row + 2] } });
                    let operation = match next(3) {
                        0 => json!({ "percentage": { "value": 33.3 } }),
                        1 => json!({ "absolute": { "value": -0.1 } }),
                        _ => json!({ "relative": { "value": 0.7 } }),
                    };
                    json!({ "type": "apply", "action": { "operation": operation, "selection": selection } })
                }
            };
            tab.send(request).await;
            sent += 1;
            tokio::time::sleep(Duration::from_millis(next(5))).await;
        }
        service.kill();
        // What had been answered until then.
        let mut answered = before;
        while let Some(told) = tab.read().await {
            if told.head["type"] == "change" {
                answered = told.head["sequence"].as_i64().unwrap();
            }
        }
        assert!(answered <= before + sent);
        confirmed_in_all += answered - before;
        answered_last = answered;
        service = Service::start(&instance, port);
    }
    eprintln!("{} kills, {confirmed_in_all} confirmed changes", kills());
    assert!(confirmed_in_all > 0);

    let mut tab = Tab::open(&address, &cookie, &path).await.unwrap();
    let state = tab.hello["state"].clone();
    assert!(state["sequence"].as_i64().unwrap() >= answered_last);
    // The store's events and the state agree.
    let (draft, events) = store.open_drafts(id).unwrap().pop().unwrap();
    assert_eq!(events, state["sequence"].as_i64().unwrap());
    assert_eq!(store.draft_events(draft.id, 0).unwrap().len() as i64, events);
    let mut undone = state["cursor"].as_u64().unwrap();
    while undone > 0 {
        tab.ask(json!({ "type": "undo", "key": Uuid::new_v4() })).await;
        undone -= 1;
    }
    for (j, i) in [(0, 0), (9, 18), (17, 35), (4, 4)] {
        assert_eq!(tab.value(i, j).await, json!(heights()[[j, i]]));
    }
    let saved = tab.save("").await;
    let revision =
        store.revision(id, i32::try_from(saved["revision"].as_i64().unwrap()).unwrap()).unwrap().unwrap();
    assert_eq!(revision.file_type, FileType::Raw);
    let saved = dataset::read(store.path(&revision)).unwrap();
    // A cell that was not undone exactly would be written as changed.
    assert!(same_bits(&numbers(&saved, "topo"), &numbers(&topography(), "topo")));
}
