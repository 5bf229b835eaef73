//! The tests themselves, for whatever bus they are given.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use broker::{Bus, Consumer, DEAD_LETTERS, Delivery, Error, Handler, Outcome};
use serde_json::{Map, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use workflow::message::{DISPATCHER_QUEUE, MOSAIC_QUEUE, PYTHON_QUEUE};
use workflow::{Key, Message, Step, Task, Worker};

/// Makes buses: each call is another process on the same broker.
#[async_trait]
pub(crate) trait Home: Send + Sync {
    async fn bus(&self) -> Arc<dyn Bus>;
}

pub(crate) const SOON: Duration = Duration::from_secs(60);

pub(crate) fn message(key: Key, n: i32) -> Message {
    let mut body = Map::new();
    body.insert("id".into(), json!(1));
    body.insert("n".into(), json!(n));
    Message::new(key, body)
}

pub(crate) fn done(n: i32) -> Message {
    message(Key::Done(Task::Step(Step::Routing)), n)
}

fn number(delivery: &Delivery) -> i64 {
    delivery.message.body["n"].as_i64().expect("a number")
}

type Answer = Box<dyn Fn(&Delivery) -> Outcome + Send + Sync>;

/// Writes down what it gets, and answers as told.
pub(crate) struct Recorder {
    seen: mpsc::UnboundedSender<Delivery>,
    given_up: mpsc::UnboundedSender<Delivery>,
    answer: Answer,
}

#[async_trait]
impl Handler for Recorder {
    async fn handle(&self, delivery: Delivery) -> Outcome {
        let outcome = (self.answer)(&delivery);
        let _ = self.seen.send(delivery);
        outcome
    }

    async fn give_up(&self, delivery: Delivery) {
        let _ = self.given_up.send(delivery);
    }
}

/// A consumer at work.
pub(crate) struct Consuming {
    pub(crate) seen: mpsc::UnboundedReceiver<Delivery>,
    given_up: mpsc::UnboundedReceiver<Delivery>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Consuming {
    pub(crate) async fn next(&mut self) -> Delivery {
        timeout(SOON, self.seen.recv()).await.expect("a delivery in time").expect("a delivery")
    }

    pub(crate) async fn nothing_more(&mut self) {
        let more = timeout(Duration::from_millis(400), self.seen.recv()).await;
        assert!(more.is_err(), "unexpected: {more:?}");
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        timeout(SOON, self.task).await.expect("stops in time").expect("no panic");
    }
}

fn start(
    bus: &Arc<dyn Bus>,
    queue: &'static str,
    prefetch: u16,
    handler: Arc<dyn Handler>,
) -> (CancellationToken, JoinHandle<()>) {
    let stop = CancellationToken::new();
    let (bus, token) = (Arc::clone(bus), stop.clone());
    let consumer = Consumer { prefetch, max_attempts: 3, handler };
    (stop, tokio::spawn(async move { bus.consume(queue, consumer, token).await }))
}

pub(crate) fn consume(
    bus: &Arc<dyn Bus>,
    queue: &'static str,
    prefetch: u16,
    answer: impl Fn(&Delivery) -> Outcome + Send + Sync + 'static,
) -> Consuming {
    let (sender, seen) = mpsc::unbounded_channel();
    let (quitter, given_up) = mpsc::unbounded_channel();
    let handler = Arc::new(Recorder { seen: sender, given_up: quitter, answer: Box::new(answer) });
    let (stop, task) = start(bus, queue, prefetch, handler);
    Consuming { seen, given_up, stop, task }
}

pub(crate) async fn depth_becomes(bus: &Arc<dyn Bus>, queue: &str, wanted: u64) {
    let mut found = Err("never asked".to_owned());
    let since = Instant::now();
    while since.elapsed() < SOON {
        found = bus.depth(queue).await.map_err(|error| error.to_string());
        if found == Ok(wanted) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("depth of {queue}: {found:?}, not {wanted}");
}

/// What is sent arrives, whole, once, at the queue of its key; acknowledged it is gone.
pub(crate) async fn a_message_arrives_whole_and_once(home: &dyn Home) {
    let bus = home.bus().await;
    let mut sent = done(1);
    sent.run = Some(Uuid::new_v4());
    sent.owner = Some(7);
    sent.request_id = Some("click-é".into());
    sent.body.insert("text".into(), json!("naïve \"quoted\" 東"));
    bus.publish(std::slice::from_ref(&sent)).await.expect("published");
    let mut consuming = consume(&bus, DISPATCHER_QUEUE, 10, |_| Outcome::Ack);
    let got = consuming.next().await;
    assert_eq!(got.message, sent);
    assert_eq!((got.attempt, got.redelivered), (1, false));
    consuming.nothing_more().await;
    consuming.stop().await;
    depth_becomes(&bus, DISPATCHER_QUEUE, 0).await;
}

pub(crate) async fn every_key_reaches_its_queue(home: &dyn Home) {
    let bus = home.bus().await;
    let keys = [
        Key::Request(Task::Step(Step::Regrid)),
        Key::Done(Task::Invalidate),
        Key::ForWorker(Task::Step(Step::Pft), Worker::Python),
        Key::ForWorker(Task::Step(Step::CalculateWeights), Worker::Mosaic),
    ];
    bus.publish(&keys.map(|key| message(key, 0))).await.expect("published");
    depth_becomes(&bus, DISPATCHER_QUEUE, 2).await;
    depth_becomes(&bus, PYTHON_QUEUE, 1).await;
    depth_becomes(&bus, MOSAIC_QUEUE, 1).await;
}

pub(crate) async fn what_needs_a_queue_and_has_none_is_an_error(home: &dyn Home) {
    let bus = home.bus().await;
    let mut lost = done(1);
    lost.key = "preprocessing.regrid.nobody".into();
    let error = bus.publish(&[lost]).await.expect_err("nobody takes it");
    assert!(matches!(&error, Error::Unroutable { key } if key == "preprocessing.regrid.nobody"), "{error}");
    let unheard = [
        Key::ForWorker(Task::Step(Step::Subbasins), Worker::Panel),
        Key::Progress(Task::Step(Step::Pft)),
        Key::Failed(Task::Step(Step::Pft)),
    ];
    bus.publish(&unheard.map(|key| message(key, 0))).await.expect("nobody has to listen");
    bus.publish(&[done(1)]).await.expect("the bus still works");
}

pub(crate) async fn one_at_a_time_keeps_the_order(home: &dyn Home) {
    let bus = home.bus().await;
    let sent: Vec<_> = (0..50).map(done).collect();
    bus.publish(&sent[..25]).await.expect("published");
    bus.publish(&sent[25..]).await.expect("published");
    let mut consuming = consume(&bus, DISPATCHER_QUEUE, 1, |_| Outcome::Ack);
    for n in 0..50 {
        assert_eq!(number(&consuming.next().await), n);
    }
    consuming.stop().await;
}

/// Retried within bounds, counted, then given up: told to the handler and kept among the dead letters.
pub(crate) async fn retries_are_counted_and_bounded(home: &dyn Home) {
    let bus = home.bus().await;
    bus.publish(&[done(1)]).await.expect("published");
    let mut consuming =
        consume(&bus, DISPATCHER_QUEUE, 2, |_| Outcome::Retry { after: Duration::from_millis(50) });
    for attempt in 1..=3 {
        assert_eq!(consuming.next().await.attempt, attempt);
    }
    let given_up = timeout(SOON, consuming.given_up.recv()).await.expect("in time").expect("given up");
    assert_eq!(number(&given_up), 1);
    depth_becomes(&bus, DEAD_LETTERS, 1).await;
    consuming.nothing_more().await;
    consuming.stop().await;
}

/// What waits for something else comes again and again, and is never given up.
pub(crate) async fn waiting_is_not_counted(home: &dyn Home) {
    let bus = home.bus().await;
    bus.publish(&[done(1)]).await.expect("published");
    let mut consuming =
        consume(&bus, DISPATCHER_QUEUE, 2, |_| Outcome::Wait { after: Duration::from_millis(10) });
    for _ in 0..8 {
        assert_eq!(consuming.next().await.attempt, 1);
    }
    assert!(consuming.given_up.try_recv().is_err(), "given up");
    consuming.stop().await;
}

/// D3, D15: a message that cannot be handled goes to the dead letters, and the next one is handled.
pub(crate) async fn d3_a_rejected_message_does_not_stop_the_next(home: &dyn Home) {
    let bus = home.bus().await;
    bus.publish(&[done(1), done(2)]).await.expect("published");
    let mut consuming = consume(&bus, DISPATCHER_QUEUE, 1, |delivery| {
        if number(delivery) == 1 { Outcome::Reject { reason: "bad".into() } } else { Outcome::Ack }
    });
    assert_eq!(number(&consuming.next().await), 1);
    assert_eq!(number(&consuming.next().await), 2);
    consuming.nothing_more().await;
    depth_becomes(&bus, DEAD_LETTERS, 1).await;
    consuming.stop().await;
}

/// D3: a handler that panics at a message neither stops the consumer nor repeats for ever.
pub(crate) async fn d3_a_panic_ends_in_the_dead_letters(home: &dyn Home) {
    let bus = home.bus().await;
    bus.publish(&[done(1), done(2)]).await.expect("published");
    let mut consuming = consume(&bus, DISPATCHER_QUEUE, 2, |delivery| {
        assert!(number(delivery) != 1, "this message panics on purpose");
        Outcome::Ack
    });
    assert_eq!(number(&consuming.next().await), 2);
    depth_becomes(&bus, DEAD_LETTERS, 1).await;
    consuming.nothing_more().await;
    consuming.stop().await;
}

/// Ends without an answer, whatever it was told.
struct Crashing(mpsc::UnboundedSender<Delivery>);

#[async_trait]
impl Handler for Crashing {
    async fn handle(&self, delivery: Delivery) -> Outcome {
        let _ = self.0.send(delivery);
        std::future::pending().await
    }
}

/// D16: whoever dies with a message in hand gives it back, and the attempt is counted.
pub(crate) async fn d16_a_crash_gives_the_message_back(home: &dyn Home) {
    let sent = done(1);
    {
        let bus = home.bus().await;
        bus.publish(std::slice::from_ref(&sent)).await.expect("published");
        let (sender, mut seen) = mpsc::unbounded_channel();
        let (_stop, task) = start(&bus, DISPATCHER_QUEUE, 1, Arc::new(Crashing(sender)));
        let first = timeout(SOON, seen.recv()).await.expect("in time").expect("delivered");
        assert_eq!(first.message.id, sent.id);
        task.abort();
        let _ = task.await;
    }
    let bus = home.bus().await;
    let mut consuming = consume(&bus, DISPATCHER_QUEUE, 1, |_| Outcome::Ack);
    let second = consuming.next().await;
    assert_eq!((second.message.id, second.attempt), (sent.id, 2));
    consuming.nothing_more().await;
    consuming.stop().await;
}

/// Takes its time, and knows how many it holds.
struct Slow {
    pause: Duration,
    now: AtomicUsize,
    most: AtomicUsize,
    seen: mpsc::UnboundedSender<i64>,
}

impl Slow {
    fn new(pause: Duration) -> (Arc<Self>, mpsc::UnboundedReceiver<i64>) {
        let (seen, heard) = mpsc::unbounded_channel();
        (Arc::new(Self { pause, now: AtomicUsize::new(0), most: AtomicUsize::new(0), seen }), heard)
    }
}

#[async_trait]
impl Handler for Slow {
    async fn handle(&self, delivery: Delivery) -> Outcome {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(self.pause).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        let _ = self.seen.send(number(&delivery));
        Outcome::Ack
    }
}

pub(crate) async fn prefetch_is_the_number_in_hand(home: &dyn Home) {
    let bus = home.bus().await;
    bus.publish(&(0..20).map(done).collect::<Vec<_>>()).await.expect("published");
    let (slow, mut seen) = Slow::new(Duration::from_millis(300));
    let (stop, task) = start(&bus, DISPATCHER_QUEUE, 5, slow.clone());
    for _ in 0..20 {
        timeout(SOON, seen.recv()).await.expect("in time").expect("handled");
    }
    assert_eq!(slow.most.load(Ordering::SeqCst), 5);
    stop.cancel();
    timeout(SOON, task).await.expect("stops in time").expect("no panic");
}

/// Graceful stop: what is in hand is finished, the rest stays.
pub(crate) async fn stopping_finishes_what_is_in_hand(home: &dyn Home) {
    let bus = home.bus().await;
    bus.publish(&(0..10).map(done).collect::<Vec<_>>()).await.expect("published");
    let (slow, mut seen) = Slow::new(Duration::from_millis(300));
    let (stop, task) = start(&bus, DISPATCHER_QUEUE, 2, slow.clone());
    timeout(SOON, seen.recv()).await.expect("in time").expect("handled");
    stop.cancel();
    timeout(SOON, task).await.expect("stops in time").expect("no panic");
    drop(slow);
    let mut finished = 1;
    while seen.recv().await.is_some() {
        finished += 1;
    }
    assert!(finished < 10, "it should not have taken everything");
    depth_becomes(&bus, DISPATCHER_QUEUE, 10 - finished).await;
}

/// The same message twice at once is handled once (twice in a row the store recognises it).
pub(crate) async fn a_duplicate_joins_the_work_in_progress(home: &dyn Home) {
    let bus = home.bus().await;
    let sent = done(1);
    bus.publish(&[sent.clone(), sent]).await.expect("published");
    // So long that both are in hand together.
    let (slow, mut seen) = Slow::new(Duration::from_secs(2));
    let (stop, task) = start(&bus, DISPATCHER_QUEUE, 2, slow);
    timeout(SOON, seen.recv()).await.expect("in time").expect("handled");
    assert!(timeout(Duration::from_secs(3), seen.recv()).await.is_err());
    stop.cancel();
    timeout(SOON, task).await.expect("stops in time").expect("no panic");
    depth_becomes(&bus, DISPATCHER_QUEUE, 0).await;
}

/// Two consumers of one queue share its messages; none is handled twice.
pub(crate) async fn consumers_share_a_queue(home: &dyn Home) {
    let bus = home.bus().await;
    bus.publish(&(0..200).map(done).collect::<Vec<_>>()).await.expect("published");
    let counts: Arc<Mutex<HashMap<i64, usize>>> = Arc::default();
    let count = |counts: &Arc<Mutex<HashMap<i64, usize>>>| {
        let counts = Arc::clone(counts);
        move |delivery: &Delivery| {
            *counts.lock().expect("unpoisoned").entry(number(delivery)).or_default() += 1;
            Outcome::Ack
        }
    };
    let one = consume(&bus, DISPATCHER_QUEUE, 4, count(&counts));
    let two = consume(&bus, DISPATCHER_QUEUE, 4, count(&counts));
    let since = Instant::now();
    while since.elapsed() < SOON {
        if counts.lock().expect("unpoisoned").len() == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    one.stop().await;
    two.stop().await;
    let counts = counts.lock().expect("unpoisoned");
    assert_eq!(counts.len(), 200);
    assert!(counts.values().all(|&n| n == 1));
}

/// Observers see what passes, and take nothing away.
pub(crate) async fn observers_see_everything_and_take_nothing(home: &dyn Home) {
    let bus = home.bus().await;
    let mut seen = bus.observe();
    // An observer of RabbitMQ has to be connected first.
    let probe = message(Key::Progress(Task::Step(Step::Routing)), -1);
    for _ in 0..100 {
        bus.publish(std::slice::from_ref(&probe)).await.expect("published");
        if timeout(Duration::from_millis(100), seen.recv()).await.is_ok() {
            break;
        }
    }
    let sent = [done(1), message(Key::Progress(Task::Step(Step::Routing)), 2)];
    bus.publish(&sent).await.expect("published");
    let mut got = Vec::new();
    while got.len() < 2 {
        let message = timeout(SOON, seen.recv()).await.expect("in time").expect("observed");
        if message.id != probe.id {
            got.push(message);
        }
    }
    assert_eq!(got, sent);
    depth_becomes(&bus, DISPATCHER_QUEUE, 1).await;
}

/// Instantiates every promise for one home.
macro_rules! keep {
    ($home:path: $($promise:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $promise() {
            if let Some(home) = $home().await {
                crate::promises::$promise(&home).await;
            }
        }
    )*};
}
pub(crate) use keep;

macro_rules! keep_all {
    ($home:path) => {
        crate::promises::keep! { $home:
            a_message_arrives_whole_and_once,
            every_key_reaches_its_queue,
            what_needs_a_queue_and_has_none_is_an_error,
            one_at_a_time_keeps_the_order,
            retries_are_counted_and_bounded,
            waiting_is_not_counted,
            d3_a_rejected_message_does_not_stop_the_next,
            d3_a_panic_ends_in_the_dead_letters,
            d16_a_crash_gives_the_message_back,
            prefetch_is_the_number_in_hand,
            stopping_finishes_what_is_in_hand,
            a_duplicate_joins_the_work_in_progress,
            consumers_share_a_queue,
            observers_see_everything_and_take_nothing,
        }
    };
}
pub(crate) use keep_all;
