//! The bus on RabbitMQ.
//!
//! One connection per process, supervised here: it may be absent at the start, and when it is lost it is opened
//! anew, with the whole topology declared again, under everything that was waiting for it. The client library has a
//! recovery of its own; it is not used, because it replays what it remembers onto a broker that may have changed,
//! where we want the declared topology to be true again, whatever happened.
//!
//! The body of a message is the public contract and nothing else; ids and origins travel in the properties
//! (`message_id`, headers `x-climsim-*`), and a message of a foreign client without them is given an id before
//! anybody works on it, so that its redelivery is recognised.

mod consume;
mod link;
mod mapping;
mod topology;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use lapin::options::{BasicPublishOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::uri::AMQPUri;
use lapin::{BasicProperties, Channel, Confirmation, PublisherConfirm};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use workflow::Message;
use workflow::message::EXCHANGE;

use crate::consumer::Consumer;
use crate::{Bus, Error, OBSERVER_BACKLOG, routing};
use link::Link;

/// How long a publisher waits for a connection before it is told that there is none.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the broker has to confirm. A broker that writes to a slow disk takes its time; a dead one is noticed by
/// the heartbeat before. With the wait for a connection it is less than a relay's lease of its messages (30 s): else
/// another relay sends them meanwhile, too.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(25);
/// A queue without bindings for one message that is never taken: it lies where the others lie, and goes when they do.
const MARKER_QUEUE: &str = "preprocessing_memory";

/// Where the broker is, and as whom to speak to it.
#[derive(Clone)]
pub struct Settings {
    /// Host name or address.
    pub host: String,
    /// Port, 5672 by convention.
    pub port: u16,
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
    /// Virtual host, `/` by convention.
    pub vhost: String,
    /// Seconds between heartbeats: a dead peer is noticed within two of them.
    pub heartbeat_s: u16,
    /// What the broker's administrator sees as the name of this connection.
    pub name: String,
}

impl Settings {
    /// The original's fixed choices (port 5672, `guest`, vhost `/`) at `host`.
    pub fn at(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port: 5672,
            user: "guest".into(),
            password: "guest".into(),
            vhost: "/".into(),
            heartbeat_s: 20,
            name: "climsim".into(),
        }
    }

    /// Reads `amqp://user:password@host:port/vhost`.
    ///
    /// # Errors
    /// The text is no such address.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let uri: AMQPUri = url.parse().map_err(|reason| Error::Address { reason })?;
        let AMQPUri { authority, vhost, query, .. } = uri;
        let defaults = Self::at(authority.host);
        Ok(Self {
            port: authority.port,
            user: authority.userinfo.username,
            password: authority.userinfo.password,
            // A slash at the end means no other one to whoever writes it, and an empty name to the letter.
            vhost: if vhost.is_empty() { "/".into() } else { vhost },
            heartbeat_s: query.heartbeat.unwrap_or(defaults.heartbeat_s),
            ..defaults
        })
    }

    /// Host and port, for messages to people: never the password.
    pub fn peer(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Settings({}@{}{})", self.user, self.peer(), self.vhost)
    }
}

/// Replaces a `preprocessing` exchange that is not durable (the original's) by a durable one, with our queues bound to it;
/// true when there was one to replace. The services may run: they reconnect and publish again what found no exchange.
/// The original's own services must be stopped, as they would declare it in their shape again, and queues of foreign
/// workers must be bound again by these.
///
/// # Errors
/// The broker is away or refuses.
pub async fn replace_exchange(settings: &Settings) -> Result<bool, Error> {
    let connection = link::connect(settings).await?;
    let replaced = topology::replace_exchange(&connection).await?;
    // Done is done: a close that meets channels which are closing themselves is no failure.
    let _ = connection.close(200, "OK".into()).await;
    Ok(replaced)
}

/// The bus on RabbitMQ. Dropping the last handle closes the connection.
#[derive(Debug)]
pub struct RabbitBus {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: Settings,
    link: watch::Receiver<link::State>,
    observers: broadcast::Sender<Message>,
    observing: AtomicBool,
    stop: CancellationToken,
}

impl Drop for RabbitBus {
    fn drop(&mut self) {
        self.inner.stop.cancel();
    }
}

impl RabbitBus {
    /// A bus that connects in the background, now and after every loss. Needs a running tokio runtime.
    pub fn connect(settings: Settings) -> Self {
        let stop = CancellationToken::new();
        let link = link::supervise(settings.clone(), stop.clone());
        let (observers, _) = broadcast::channel(OBSERVER_BACKLOG);
        let inner = Inner { settings, link, observers, observing: AtomicBool::new(false), stop };
        Self { inner: Arc::new(inner) }
    }
}

impl Inner {
    fn disconnected(&self) -> Error {
        Error::Disconnected { peer: self.settings.peer(), reason: self.link.borrow().reason.clone() }
    }

    /// The connection as [`Inner::link`] gives it, when the broker listens.
    async fn open_link(&self) -> Result<Arc<Link>, Error> {
        self.listening(self.link(CONNECTION_TIMEOUT).await?)
    }

    fn listening(&self, link: Arc<Link>) -> Result<Arc<Link>, Error> {
        if link.blocked() { Err(Error::Blocked { peer: self.settings.peer() }) } else { Ok(link) }
    }

    /// The connection, as soon as there is one, within `patience`.
    async fn link(&self, patience: Duration) -> Result<Arc<Link>, Error> {
        if let Some(link) = self.link.borrow().usable() {
            return Ok(link);
        }
        let mut states = self.link.clone();
        let found = tokio::time::timeout(patience, states.wait_for(|state| state.usable().is_some())).await;
        match found {
            Ok(Ok(state)) => state.usable().ok_or_else(|| self.disconnected()),
            Ok(Err(_)) => Err(Error::Stopping),
            Err(_) => Err(self.disconnected()),
        }
    }
}

/// Has the broker's word within a bounded time: while the broker is blocked, not even what is sent leaves this process.
async fn with_confirm_timeout<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let outcome = tokio::time::timeout(CONFIRM_TIMEOUT, work).await;
    outcome.unwrap_or(Err(Error::Unconfirmed { seconds: CONFIRM_TIMEOUT.as_secs() }))
}

/// One message on its way: sent, not yet confirmed.
struct UnconfirmedPublish {
    key: String,
    confirm: PublisherConfirm,
}

/// Puts one message on the wire without waiting for the broker's word.
async fn send(
    channel: &Channel,
    (exchange, routing_key, key): (&str, &str, &str),
    body: &[u8],
    properties: BasicProperties,
    mandatory: bool,
) -> Result<UnconfirmedPublish, Error> {
    let options = BasicPublishOptions { mandatory, ..Default::default() };
    let confirm =
        channel.basic_publish(exchange.into(), routing_key.into(), options, body, properties).await?;
    Ok(UnconfirmedPublish { key: key.to_owned(), confirm })
}

/// Waits for the broker's word on everything sent.
async fn confirmed(pending: Vec<UnconfirmedPublish>) -> Result<(), Error> {
    for UnconfirmedPublish { key, confirm } in pending {
        match confirm.await? {
            Confirmation::Ack(None) => {}
            Confirmation::Ack(Some(_)) => return Err(Error::Unroutable { key }),
            Confirmation::Nack(_) | Confirmation::NotRequested => return Err(Error::Refused { key }),
        }
    }
    Ok(())
}

/// After a failed exchange with the broker the connection is replaced; a refusal or a missing queue is no such failure, and one
/// that is blocked could not even be closed.
fn invalidate_on_error(link: &Link, outcome: Result<(), Error>) -> Result<(), Error> {
    if matches!(outcome, Err(Error::Amqp(_) | Error::Unconfirmed { .. })) && !link.blocked() {
        link.broken.cancel();
    }
    outcome
}

#[async_trait]
impl Bus for RabbitBus {
    async fn publish(&self, messages: &[Message]) -> Result<(), Error> {
        let link = self.inner.open_link().await?;
        let outcome = with_confirm_timeout(async {
            let mut pending = Vec::with_capacity(messages.len());
            for message in messages {
                let (body, properties) = (mapping::body(message), mapping::properties(message));
                let to = (EXCHANGE, message.key.as_str(), message.key.as_str());
                pending.push(
                    send(&link.publisher, to, &body, properties, routing::needs_queue(&message.key)).await?,
                );
            }
            confirmed(pending).await
        });
        invalidate_on_error(&link, outcome.await)
    }

    async fn consume(&self, queue: &str, consumer: Consumer, stop: CancellationToken) {
        consume::consume(Arc::clone(&self.inner), queue, consumer, stop).await;
    }

    fn observe(&self) -> broadcast::Receiver<Message> {
        let receiver = self.inner.observers.subscribe();
        if !self.inner.observing.swap(true, Ordering::SeqCst) {
            tokio::spawn(observe(Arc::clone(&self.inner)));
        }
        receiver
    }

    async fn ready(&self) -> Result<(), Error> {
        let link = self.inner.link.borrow().usable().ok_or_else(|| self.inner.disconnected())?;
        self.inner.listening(link).map(drop)
    }

    async fn depth(&self, queue: &str) -> Result<u64, Error> {
        let link = self.inner.open_link().await?;
        with_confirm_timeout(async {
            // A channel of its own: asking for a queue that is not there closes it.
            let channel = link.connection.create_channel().await?;
            let options = QueueDeclareOptions { passive: true, ..Default::default() };
            let found = channel.queue_declare(queue.into(), options, FieldTable::default()).await?;
            Ok(u64::from(found.message_count()))
        })
        .await
    }

    async fn has_marker(&self) -> Result<bool, Error> {
        let link = self.inner.open_link().await?;
        with_confirm_timeout(async {
            let channel = link.connection.create_channel().await?;
            let options = QueueDeclareOptions { durable: true, ..Default::default() };
            let found = channel.queue_declare(MARKER_QUEUE.into(), options, FieldTable::default()).await?;
            Ok(found.message_count() > 0)
        })
        .await
    }

    async fn put_marker(&self) -> Result<(), Error> {
        let link = self.inner.open_link().await?;
        let properties = BasicProperties::default().with_delivery_mode(2);
        let body =
            b"Nobody takes this message: that it is here tells that the broker has kept what it was given.";
        let outcome = with_confirm_timeout(async {
            let sent =
                send(&link.publisher, ("", MARKER_QUEUE, MARKER_QUEUE), body, properties, true).await?;
            confirmed(vec![sent]).await
        });
        invalidate_on_error(&link, outcome.await)
    }
}

/// Copies everything on the exchange to the observers, through a queue that dies with the connection.
async fn observe(inner: Arc<Inner>) {
    while !inner.stop.is_cancelled() {
        let Ok(link) = inner.link(Duration::from_secs(60)).await else { continue };
        match link.observe().await {
            Ok(mut messages) => {
                while let Some(Ok(delivery)) = messages.next().await {
                    if let Ok(incoming) = mapping::read(&delivery) {
                        // Nobody looking is no error.
                        let _ = inner.observers.send(incoming.message);
                    }
                }
            }
            Err(error) => tracing::debug!(%error, "could not observe the exchange"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
