//! RabbitMQ: the common promises, and what only a broker of its own can do to us.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use broker::rabbit::Settings;
use broker::{Bus, DEAD_LETTERS, Error, Outcome, RabbitBus};
use futures_util::StreamExt;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, ExchangeDeclareOptions, QueueDeclareOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, ExchangeKind};
use testkit::RabbitMq;
use tokio::time::timeout;
use workflow::message::{DISPATCHER_QUEUE, TOPOLOGY};

use crate::promises::{Home, SOON, consume, depth_becomes, done, keep_all};

struct Vhost {
    url: String,
}

impl Vhost {
    fn settings(&self) -> Settings {
        Settings::parse(&self.url).expect("an address")
    }

    /// A client as anybody might write it, in any language.
    async fn client(&self) -> (Connection, Channel) {
        let connection =
            Connection::connect(&self.url, ConnectionProperties::default()).await.expect("connects");
        let channel = connection.create_channel().await.expect("a channel");
        (connection, channel)
    }
}

#[async_trait]
impl Home for Vhost {
    async fn bus(&self) -> Arc<dyn Bus> {
        let bus = RabbitBus::connect(self.settings());
        for _ in 0..200 {
            if bus.ready().await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Arc::new(bus)
    }
}

async fn vhost() -> Option<Vhost> {
    let server = tokio::task::spawn_blocking(testkit::rabbitmq).await.expect("no panic")?;
    let vhost = Vhost { url: server.url() };
    if !server.is_private() {
        // One vhost for all: begin with empty queues (and run the tests one by one).
        drop(vhost.bus().await);
        let (_connection, channel) = vhost.client().await;
        for queue in TOPOLOGY.map(|(queue, _)| queue).into_iter().chain([DEAD_LETTERS]) {
            channel.queue_purge(queue.into(), QueuePurgeOptions::default()).await.expect("purged");
        }
    }
    Some(vhost)
}

keep_all!(vhost);

async fn publish_plain(channel: &Channel, key: &str, body: &[u8]) {
    let sent = channel.basic_publish(
        "preprocessing".into(),
        key.into(),
        BasicPublishOptions::default(),
        body,
        BasicProperties::default(),
    );
    sent.await.expect("sent").await.expect("not confirmed, not failed");
}

/// A worker in any language can join: plain body, no properties; and what it publishes is recognised when it comes
/// again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_client_needs_no_properties() {
    let Some(home) = vhost().await else { return };
    let bus = home.bus().await;
    let (_connection, channel) = home.client().await;
    publish_plain(&channel, "preprocessing.routing.done", br#"{"id": 1, "n": 5}"#).await;
    let first_time = std::sync::atomic::AtomicBool::new(true);
    let mut consuming = consume(&bus, DISPATCHER_QUEUE, 1, move |_| {
        if first_time.swap(false, std::sync::atomic::Ordering::SeqCst) {
            Outcome::Retry { after: Duration::ZERO }
        } else {
            Outcome::Ack
        }
    });
    let (first, second) = (consuming.next().await, consuming.next().await);
    assert_eq!(first.message.key, "preprocessing.routing.done");
    assert_eq!(first.message.data_file(), Some(1));
    assert_eq!((first.message.run, first.message.owner, first.message.schema), (None, None, 0));
    assert_eq!(first.message.id, second.message.id);
    assert_eq!((first.attempt, second.attempt), (1, 2));
    consuming.stop().await;

    // And the other way: what a foreign worker reads is the body of the contract, to the byte.
    let mut sent = done(3);
    sent.key = "preprocessing.pft.python".into();
    bus.publish(&[sent]).await.expect("published");
    let mut messages = channel
        .basic_consume(
            "preprocessing_python_task_queue".into(),
            "foreign".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .expect("consumes");
    let got = timeout(SOON, messages.next()).await.expect("in time").expect("one").expect("ok");
    assert_eq!(got.data, br#"{"id":1,"n":3}"#);
    assert_eq!(*got.properties.delivery_mode(), Some(2));
}

/// D15: no JSON, or no object: kept among the dead letters with the reason, and the consumer lives on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d15_what_is_no_json_is_kept_with_the_reason() {
    let Some(home) = vhost().await else { return };
    let bus = home.bus().await;
    let (_connection, channel) = home.client().await;
    for body in [&b"not json"[..], b"[1, 2]", b"", b"\xff\xfe", b"{\"id\": 1"] {
        publish_plain(&channel, "preprocessing.regrid.done", body).await;
    }
    bus.publish(&[done(1)]).await.expect("published");
    let mut consuming = consume(&bus, DISPATCHER_QUEUE, 1, |_| Outcome::Ack);
    consuming.next().await;
    consuming.nothing_more().await;
    depth_becomes(&bus, DEAD_LETTERS, 5).await;
    let letter =
        channel.basic_get(DEAD_LETTERS.into(), Default::default()).await.expect("got").expect("a letter");
    assert_eq!(letter.data, b"not json");
    let headers = letter.properties.headers().clone().expect("headers");
    let text = |name: &str| match headers.inner().get(name) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        other => panic!("{name}: {other:?}"),
    };
    assert!(text("x-climsim-reason").contains("no JSON"), "{}", text("x-climsim-reason"));
    assert_eq!(text("x-climsim-key"), "preprocessing.regrid.done");
    consuming.stop().await;
}

/// A stack of the original left a transient exchange and classic queues: they are used as they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_original_declared_is_used_as_it_is() {
    let Some(home) = vhost().await else { return };
    let (_connection, channel) = home.client().await;
    let exchange = channel.exchange_declare(
        "preprocessing".into(),
        ExchangeKind::Topic,
        ExchangeDeclareOptions::default(),
        FieldTable::default(),
    );
    exchange.await.expect("the original's exchange");
    for (queue, _) in TOPOLOGY {
        let options = QueueDeclareOptions { durable: true, ..Default::default() };
        channel
            .queue_declare(queue.into(), options, FieldTable::default())
            .await
            .expect("the original's queue");
    }
    crate::promises::a_message_arrives_whole_and_once(&home).await;
    crate::promises::retries_are_counted_and_bounded(&home).await;
    // Classic queues do not count deliveries; we do.
    crate::promises::d16_a_crash_gives_the_message_back(&home).await;
}

/// The original's exchange makes way for a durable one under a running service, which loses nothing by it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transient_exchange_is_replaced_while_services_run() {
    let Some(home) = vhost().await else { return };
    let (_connection, channel) = home.client().await;
    let declare = async |options: ExchangeDeclareOptions| {
        let (_connection, channel) = home.client().await;
        let kind = ExchangeKind::Topic;
        channel.exchange_declare("preprocessing".into(), kind, options, FieldTable::default()).await
    };
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let _ = channel.exchange_delete("preprocessing".into(), Default::default()).await;
    declare(ExchangeDeclareOptions::default()).await.expect("the original's exchange");

    let bus = home.bus().await;
    declare(durable).await.expect_err("the exchange is not durable yet");
    let messages: Vec<_> = (0..40).map(done).collect();
    let mut missing: std::collections::HashSet<_> = messages.iter().map(|message| message.id).collect();
    let publisher = tokio::spawn({
        let bus = Arc::clone(&bus);
        async move {
            for message in messages {
                // As the relay does: again, until it is confirmed.
                while bus.publish(std::slice::from_ref(&message)).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
    assert!(broker::rabbit::replace_exchange(&home.settings()).await.expect("is replaced"));
    publisher.await.expect("no panic");
    declare(durable).await.expect("the exchange is durable");
    assert!(!broker::rabbit::replace_exchange(&home.settings()).await.expect("nothing to do"));

    let mut consuming = consume(&bus, DISPATCHER_QUEUE, 20, |_| Outcome::Ack);
    while !missing.is_empty() {
        missing.remove(&consuming.next().await.message.id);
    }
    consuming.stop().await;
}

/// Starts with the broker absent, survives its restarts, loses nothing that was confirmed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d6_a_broker_that_comes_and_goes_loses_nothing() {
    let Some(server) = tokio::task::spawn_blocking(RabbitMq::start).await.expect("no panic") else { return };
    if !server.is_private() {
        return testkit::skipped("restarting the broker", "it is not ours to restart");
    }
    let server = Arc::new(server);
    let on_server = async |act: fn(&RabbitMq)| {
        let server = Arc::clone(&server);
        tokio::task::spawn_blocking(move || act(&server)).await.expect("no panic");
    };
    let settings = Settings::parse(&server.url()).expect("an address");
    on_server(RabbitMq::stop).await;

    let bus: Arc<dyn Bus> = Arc::new(RabbitBus::connect(settings));
    let error = bus.publish(&[done(0)]).await.expect_err("there is no broker");
    assert!(matches!(error, Error::Disconnected { .. }), "{error}");
    assert!(bus.ready().await.is_err());
    let mut consuming = consume(&bus, DISPATCHER_QUEUE, 20, |_| Outcome::Ack);
    on_server(RabbitMq::restart).await;

    let enough = tokio_util::sync::CancellationToken::new();
    // Publish without pause while the broker is stopped, started, killed and started.
    let publisher = tokio::spawn({
        let (bus, enough) = (Arc::clone(&bus), enough.clone());
        async move {
            let (mut confirmed, mut longest_gap, mut last) = (Vec::new(), Duration::ZERO, Instant::now());
            for n in 0.. {
                let message = done(n);
                while bus.publish(std::slice::from_ref(&message)).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                longest_gap = longest_gap.max(last.elapsed());
                last = Instant::now();
                confirmed.push(message.id);
                if enough.is_cancelled() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            (confirmed, longest_gap)
        }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    on_server(RabbitMq::stop).await;
    let down = Instant::now();
    on_server(RabbitMq::restart).await;
    let away = down.elapsed();
    while bus.ready().await.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    eprintln!("broker listening again after {away:?}, bus ready after {:?}", down.elapsed());
    tokio::time::sleep(Duration::from_secs(1)).await;
    on_server(RabbitMq::kill).await;
    on_server(RabbitMq::restart).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    enough.cancel();
    let (confirmed, gap) = timeout(SOON, publisher).await.expect("in time").expect("no panic");
    eprintln!("{} messages confirmed, longest gap {gap:?}", confirmed.len());

    let mut missing: std::collections::HashSet<_> = confirmed.into_iter().collect();
    while !missing.is_empty() {
        missing.remove(&consuming.next().await.message.id);
    }
    consuming.stop().await;
    depth_becomes(&bus, DISPATCHER_QUEUE, 0).await;
}

/// A broker that takes nothing is said to be so, keeps nobody waiting for ever, and goes on when it has room again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_without_room_is_told_and_forgiven() {
    let Some(server) = tokio::task::spawn_blocking(RabbitMq::start).await.expect("no panic") else { return };
    if !server.is_private() {
        return testkit::skipped("filling the broker", "it is not ours");
    }
    let server = Arc::new(server);
    let on_server = async |work: fn(&RabbitMq)| {
        let server = Arc::clone(&server);
        tokio::task::spawn_blocking(move || work(&server)).await.expect("no panic");
    };
    let bus: Arc<dyn Bus> = Arc::new(RabbitBus::connect(Settings::parse(&server.url()).expect("an address")));
    while bus.publish(&[done(1)]).await.is_err() {}

    on_server(RabbitMq::fill).await;
    // A connection learns it by its first message, which waits until there is room.
    let waits = timeout(SOON, bus.publish(&[done(2)])).await.expect("in time").expect_err("no room");
    assert!(matches!(waits, Error::Unconfirmed { .. }), "{waits}");
    for told in [
        bus.publish(&[done(3)]).await.expect_err("no room"),
        bus.ready().await.expect_err("not ready"),
        bus.depth(DISPATCHER_QUEUE).await.expect_err("no answer"),
        bus.has_marker().await.expect_err("no answer"),
    ] {
        assert!(matches!(told, Error::Blocked { .. }), "{told}");
    }

    on_server(RabbitMq::relieve).await;
    let since = Instant::now();
    while bus.ready().await.is_err() {
        assert!(since.elapsed() < SOON, "it is not forgiven");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bus.publish(&[done(4)]).await.expect("there is room");
    // The second waited on the connection all the time.
    depth_becomes(&bus, DISPATCHER_QUEUE, 3).await;
}

/// D5: the connection is cut while a handler works; the redelivered message joins the work in progress.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_a_cut_connection_does_not_repeat_the_work() {
    let Some(server) = tokio::task::spawn_blocking(RabbitMq::start).await.expect("no panic") else { return };
    if !server.is_private() {
        return testkit::skipped("cutting the connection", "the broker is not ours to restart");
    }
    let bus: Arc<dyn Bus> = Arc::new(RabbitBus::connect(Settings::parse(&server.url()).expect("an address")));
    while bus.publish(&[done(1)]).await.is_err() {}
    let (starts, mut started) = tokio::sync::mpsc::unbounded_channel();
    let (finish, _) = tokio::sync::broadcast::channel::<()>(1);
    let handler = Arc::new(UntilTold { starts, finish: finish.clone() });
    let stop = tokio_util::sync::CancellationToken::new();
    let consumer = broker::Consumer { prefetch: 1, max_attempts: 3, handler };
    let task = tokio::spawn({
        let (bus, stop) = (Arc::clone(&bus), stop.clone());
        async move { bus.consume(DISPATCHER_QUEUE, consumer, stop).await }
    });
    timeout(SOON, started.recv()).await.expect("in time").expect("started");
    let again = tokio::task::spawn_blocking(move || {
        server.stop();
        server.restart();
        server
    });
    let _server = again.await.expect("no panic");
    while bus.ready().await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // The message is delivered again by now or soon; it must not be started again.
    assert!(timeout(Duration::from_secs(2), started.recv()).await.is_err(), "started twice");
    finish.send(()).expect("somebody works");
    depth_becomes(&bus, DISPATCHER_QUEUE, 0).await;
    stop.cancel();
    timeout(SOON, task).await.expect("stops in time").expect("no panic");
    assert!(started.recv().await.is_none(), "started again");
    depth_becomes(&bus, DISPATCHER_QUEUE, 0).await;
}

struct UntilTold {
    starts: tokio::sync::mpsc::UnboundedSender<()>,
    finish: tokio::sync::broadcast::Sender<()>,
}

#[async_trait]
impl broker::Handler for UntilTold {
    async fn handle(&self, _delivery: broker::Delivery) -> Outcome {
        let mut told = self.finish.subscribe();
        let _ = self.starts.send(());
        let _ = told.recv().await;
        Outcome::Ack
    }
}

/// The sign goes with the messages: a broker without its volume is not the one that was met before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_is_known_again_by_what_lies_in_it() {
    let Some(home) = vhost().await else { return };
    let bus = home.bus().await;
    let (_connection, channel) = home.client().await;
    let _ = channel.queue_delete("preprocessing_memory".into(), Default::default()).await;
    assert!(!bus.has_marker().await.expect("an answer"));
    bus.put_marker().await.expect("a sign");
    assert!(bus.has_marker().await.expect("an answer"));
    assert!(bus.ready().await.is_ok(), "asking has cost the connection");
}

#[test]
fn a_slash_at_the_end_of_the_address_is_the_usual_vhost() {
    for (address, vhost) in [
        ("amqp://ada:secret@broker:5673", "/"),
        ("amqp://ada:secret@broker:5673/", "/"),
        ("amqp://ada:secret@broker:5673/%2f", "/"),
        ("amqp://ada:secret@broker:5673/climate", "climate"),
    ] {
        let settings = Settings::parse(address).expect("an address");
        assert_eq!(
            (settings.vhost.as_str(), settings.peer()),
            (vhost, "broker:5673".to_owned()),
            "{address}"
        );
    }
}
