//! The connection and its supervisor.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, ConfirmSelectOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Channel, Connection, ConnectionProperties, Event};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use workflow::message::EXCHANGE;

use super::{Settings, topology};
use crate::Error;

/// The whole way to a usable connection may take this long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
const MIN_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(2);
/// How often a connection is looked at that should have told of its end.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// A connection on which the topology is declared.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) connection: Connection,
    /// With confirms.
    pub(crate) publisher: Channel,
    /// Set by whoever finds the connection unusable, and by the supervisor when it ends.
    pub(crate) broken: CancellationToken,
}

/// What publishers and consumers wait on.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    link: Option<Arc<Link>>,
    pub(crate) reason: Option<String>,
}

impl State {
    pub(crate) fn usable(&self) -> Option<Arc<Link>> {
        self.link.clone().filter(|link| !link.broken.is_cancelled())
    }
}

impl Link {
    async fn open(settings: &Settings, warn: topology::Warn) -> Result<Self, Error> {
        let connection = connect(settings).await?;
        topology::declare(&connection, warn).await?;
        let publisher = connection.create_channel().await?;
        publisher.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self { connection, publisher, broken: CancellationToken::new() })
    }

    /// Everything on the exchange, unacknowledged, by a queue of this connection alone.
    pub(crate) async fn observe(&self) -> Result<lapin::Consumer, Error> {
        let channel = self.connection.create_channel().await?;
        let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
        let queue = channel.queue_declare("".into(), options, FieldTable::default()).await?;
        let name = queue.name().clone();
        channel
            .queue_bind(
                name.clone(),
                EXCHANGE.into(),
                "preprocessing.#".into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await?;
        let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
        Ok(channel.basic_consume(name, "".into(), options, FieldTable::default()).await?)
    }

    /// Whether the broker has said that it takes nothing for now.
    pub(crate) fn blocked(&self) -> bool {
        self.connection.status().blocked()
    }

    /// Returns when the connection is no longer of use.
    async fn ended(&self) {
        let mut events = std::pin::pin!(self.connection.events_listener());
        let mut pulse = tokio::time::interval(POLL_INTERVAL);
        loop {
            tokio::select! {
                () = self.broken.cancelled() => return,
                event = events.next() => match event {
                    Some(Event::Error(error)) => {
                        tracing::debug!(%error, "the broker's connection reports an error");
                        return;
                    }
                    Some(Event::ConnectionBlocked(reason)) => {
                        tracing::warn!(reason, "the message broker accepts no messages for now");
                    }
                    Some(_) => {}
                    None => return,
                },
                _ = pulse.tick() => {
                    if !self.connection.status().connected() || !self.publisher.status().connected() {
                        return;
                    }
                }
            }
        }
    }
}

/// Keeps a connection open until `stop`.
pub(crate) fn supervise(settings: Settings, stop: CancellationToken) -> watch::Receiver<State> {
    let (sender, receiver) = watch::channel(State::default());
    tokio::spawn(async move {
        let stopped = stop.cancelled();
        tokio::select! {
            () = stopped => {}
            () = keep_open(&settings, &sender) => {}
        }
        let last = sender.send_replace(State { link: None, reason: Some("stopping".into()) });
        if let Some(link) = last.link {
            let _ = link.connection.close(200, "OK".into()).await;
            link.broken.cancel();
        }
    });
    receiver
}

async fn keep_open(settings: &Settings, state: &watch::Sender<State>) {
    let mut pause = MIN_BACKOFF;
    let mut warn = topology::Warn::Yes;
    let mut told = false;
    loop {
        let opened = tokio::time::timeout(CONNECT_TIMEOUT, Link::open(settings, warn)).await;
        let reason = match opened {
            Ok(Ok(link)) => {
                tracing::info!(peer = settings.peer(), "connected to the message broker");
                (pause, warn, told) = (MIN_BACKOFF, topology::Warn::No, false);
                let link = Arc::new(link);
                state.send_replace(State { link: Some(Arc::clone(&link)), reason: None });
                link.ended().await;
                link.broken.cancel();
                "the connection was lost".to_owned()
            }
            Ok(Err(Error::Amqp(error))) => error.to_string(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()),
        };
        if !told {
            tracing::warn!(
                peer = settings.peer(),
                reason,
                "the message broker is away; trying again for ever"
            );
            told = true;
        }
        let last = state.send_replace(State { link: None, reason: Some(reason) });
        if let Some(link) = last.link {
            // Also ends a connection that only one of its channels gave up on.
            tokio::spawn(async move {
                let _ = tokio::time::timeout(CONNECT_TIMEOUT, link.connection.close(200, "OK".into())).await;
            });
        }
        // Many processes lose the broker at the same moment; they need not all come back at the same moment.
        let jitter = u64::from(uuid::Uuid::new_v4().as_bytes()[0]);
        tokio::time::sleep(pause.mul_f64(0.75 + jitter as f64 / 512.0)).await;
        pause = (pause * 2).min(MAX_BACKOFF);
    }
}

/// A plain connection, as whom the settings say.
pub(crate) async fn connect(settings: &Settings) -> Result<Connection, Error> {
    let properties = ConnectionProperties::default().with_connection_name(settings.name.as_str().into());
    Ok(Connection::connect_uri(uri(settings), properties).await?)
}

fn uri(settings: &Settings) -> AMQPUri {
    AMQPUri {
        scheme: AMQPScheme::AMQP,
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo { username: settings.user.clone(), password: settings.password.clone() },
            host: settings.host.clone(),
            port: settings.port,
        },
        vhost: settings.vhost.clone(),
        query: AMQPQueryString {
            heartbeat: Some(settings.heartbeat_s),
            connection_timeout: Some(5_000),
            ..Default::default()
        },
    }
}
