//! Exchange, queues and bindings: declared by everybody, on every connection, so that no message depends on who
//! started first or on what a restarted broker remembers.
//!
//! What already exists in another shape (the original's transient exchange, its classic queues) is used as it is: a
//! running stack keeps running, and the log says what is lost by it and what to do.

use lapin::options::{ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Connection, ErrorKind, ExchangeKind};
use workflow::message::{EXCHANGE, TOPOLOGY};

use crate::{DEAD_LETTERS, Error};

/// The exchange of what could not be handled.
pub(crate) const DEAD_EXCHANGE: &str = "preprocessing.dead";

/// An unacknowledged message is taken from a consumer after this long. Steps take minutes; the broker's default of
/// half an hour is too near. (RabbitMQ before 3.12 has this as a setting of the node only; there the redelivered
/// message joins the work in progress.)
const CONSUMER_TIMEOUT_MS: i64 = 24 * 3600 * 1000;

/// The broker's own bound, far above ours: it counts lost connections too, and ours gives a reason.
const DELIVERY_LIMIT: i64 = 100;

/// Whether to tell of what exists in another shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Warn {
    Yes,
    No,
}

pub(crate) async fn declare(connection: &Connection, warn: Warn) -> Result<(), Error> {
    exchange(connection, EXCHANGE, warn).await?;
    exchange(connection, DEAD_EXCHANGE, warn).await?;
    queue(connection, DEAD_LETTERS, &[("x-queue-type", text("quorum"))], warn).await?;
    bind(connection, DEAD_LETTERS, DEAD_EXCHANGE, "#").await?;
    let arguments = [
        ("x-queue-type", text("quorum")),
        ("x-dead-letter-exchange", text(DEAD_EXCHANGE)),
        ("x-delivery-limit", AMQPValue::LongLongInt(DELIVERY_LIMIT)),
        ("x-consumer-timeout", AMQPValue::LongLongInt(CONSUMER_TIMEOUT_MS)),
    ];
    for (name, bindings) in TOPOLOGY {
        queue(connection, name, &arguments, warn).await?;
        for binding in bindings {
            bind(connection, name, EXCHANGE, binding).await?;
        }
    }
    Ok(())
}

/// Replaces the exchange of the messages where it exists in another shape; true when it did. Its bindings go with it: ours
/// are made again at once, and a message that finds no exchange in between is published again by whoever has it.
pub(crate) async fn replace_exchange(connection: &Connection) -> Result<bool, Error> {
    let replaced = match declare_exchange(connection, EXCHANGE, DURABLE).await {
        Ok(()) => false,
        Err(error) if is_precondition(&error) => {
            let channel = connection.create_channel().await?;
            channel.exchange_delete(EXCHANGE.into(), ExchangeDeleteOptions::default()).await?;
            true
        }
        Err(error) => return Err(error.into()),
    };
    declare(connection, Warn::Yes).await?;
    Ok(replaced)
}

const DURABLE: ExchangeDeclareOptions = ExchangeDeclareOptions {
    passive: false,
    durable: true,
    auto_delete: false,
    internal: false,
    nowait: false,
};

async fn declare_exchange(
    connection: &Connection,
    name: &str,
    options: ExchangeDeclareOptions,
) -> Result<(), lapin::Error> {
    let channel = connection.create_channel().await?;
    channel.exchange_declare(name.into(), ExchangeKind::Topic, options, FieldTable::default()).await
}

async fn exchange(connection: &Connection, name: &str, warn: Warn) -> Result<(), Error> {
    let wanted = declare_exchange(connection, name, DURABLE).await;
    let Err(error) = wanted else { return Ok(()) };
    if !is_precondition(&error) {
        return Err(error.into());
    }
    declare_exchange(connection, name, ExchangeDeclareOptions { passive: true, ..DURABLE }).await?;
    if warn == Warn::Yes {
        tracing::warn!(
            exchange = name,
            "the exchange exists in another shape (the original's is not durable) and is used as it is; until it is \
             replaced its bindings vanish when the broker restarts, and are made again when a service reconnects. To \
             replace it: stop all services of the original, and run `stackctl replace-exchange` in a container of this \
             stack",
        );
    }
    Ok(())
}

async fn queue(
    connection: &Connection,
    name: &str,
    arguments: &[(&str, AMQPValue)],
    warn: Warn,
) -> Result<(), Error> {
    let mut table = FieldTable::default();
    for (key, value) in arguments {
        table.insert((*key).into(), value.clone());
    }
    let declare = async |options: QueueDeclareOptions, table: FieldTable| {
        let channel = connection.create_channel().await?;
        channel.queue_declare(name.into(), options, table).await
    };
    let wanted = declare(QueueDeclareOptions { durable: true, ..Default::default() }, table).await;
    let Err(error) = wanted else { return Ok(()) };
    if !is_precondition(&error) {
        return Err(error.into());
    }
    declare(QueueDeclareOptions { passive: true, ..Default::default() }, FieldTable::default()).await?;
    if warn == Warn::Yes {
        tracing::warn!(
            queue = name,
            "the queue exists in another shape (the original's are classic queues) and is used as it is; messages are \
             kept all the same, but not replicated. To replace it: let it run empty, stop the services, run \
             `rabbitmqctl delete_queue {name}`, restart the services",
        );
    }
    Ok(())
}

async fn bind(connection: &Connection, queue: &str, exchange: &str, key: &str) -> Result<(), Error> {
    let channel = connection.create_channel().await?;
    let (options, table) = (QueueBindOptions::default(), FieldTable::default());
    Ok(channel.queue_bind(queue.into(), exchange.into(), key.into(), options, table).await?)
}

fn is_precondition(error: &lapin::Error) -> bool {
    matches!(error.kind(), ErrorKind::ProtocolError(protocol)
        if *protocol.kind() == AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED))
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}
