//! Messages per second through the dispatcher with RabbitMQ, everything confirmed: consume, dispatch, publish
//! confirmed, acknowledge. `cargo bench -p message_dispatcher` (starts a private RabbitMQ).

use std::sync::Arc;
use std::time::{Duration, Instant};

use broker::rabbit::Settings;
use broker::{Bus, RabbitBus};
use serde_json::{Map, json};
use tokio_util::sync::CancellationToken;
use workflow::message::{DISPATCHER_QUEUE, PYTHON_QUEUE};
use workflow::{Key, Message, Step, Task};

const MESSAGES: usize = 20_000;

#[tokio::main]
async fn main() {
    // `cargo test --benches` only wants to see that it builds and runs.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { 3 } else { 0 };
    let Some(server) = testkit::rabbitmq() else { return };
    let connect = |url: &str| -> Arc<dyn Bus> {
        Arc::new(RabbitBus::connect(Settings::parse(url).expect("an address")))
    };
    for round in 0..rounds {
        let url = server.url();
        let (source, dispatcher) = (connect(&url), connect(&url));
        while source.ready().await.is_err() || dispatcher.ready().await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let started = Instant::now();
        for batch in 0..MESSAGES / 500 {
            let messages: Vec<_> = (0..500).map(|n| request(batch * 500 + n)).collect();
            source.publish(&messages).await.expect("published");
        }
        let published = started.elapsed();
        let stop = CancellationToken::new();
        let started = Instant::now();
        let task = tokio::spawn(message_dispatcher::run(dispatcher, stop.clone()));
        while source.depth(PYTHON_QUEUE).await.expect("a depth") < MESSAGES as u64 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let dispatched = started.elapsed();
        stop.cancel();
        task.await.expect("no panic");
        assert_eq!(source.depth(DISPATCHER_QUEUE).await.expect("a depth"), 0);
        let rate = |elapsed: Duration| MESSAGES as f64 / elapsed.as_secs_f64();
        println!(
            "round {round}: published {:.0}/s, dispatched {:.0}/s ({MESSAGES} messages)",
            rate(published),
            rate(dispatched)
        );
    }
}

fn request(n: usize) -> Message {
    let mut body = Map::new();
    body.insert("id".into(), json!(n));
    for (name, value) in [("limits", "default"), ("Longitude Step", "1"), ("Latitude Step", "1")] {
        body.insert(name.into(), json!(value));
    }
    Message::new(Key::Request(Task::Step(Step::Regrid)), body)
}
