//! The consuming side: deliveries to the handler, outcomes to the broker.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use lapin::message::Delivery as AmqpDelivery;
use lapin::options::{BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel};
use tokio_util::sync::CancellationToken;

use super::link::Link;
use super::mapping::{self, Counting, Identity, Incoming};
use super::topology::DEAD_EXCHANGE;
use super::{Inner, confirmed, invalidate_on_error, send};
use crate::Error;
use crate::consumer::{Consumer, Delivery, InFlight, Outcome};

/// What is in hand; outlives a lost connection.
type Work = FuturesUnordered<BoxFuture<'static, ()>>;

pub(crate) async fn consume(inner: Arc<Inner>, queue: &str, consumer: Consumer, stop: CancellationToken) {
    let in_flight = InFlight::new(consumer.clone());
    let mut work = Work::new();
    loop {
        let session = session(&inner, queue, consumer.prefetch, &in_flight, &mut work, &stop);
        if let Err(error) = session.await {
            tracing::debug!(queue, %error, "the consumer lost its channel");
        }
        if stop.is_cancelled() || inner.stop.is_cancelled() {
            break;
        }
        meanwhile(&mut work, tokio::time::sleep(Duration::from_millis(100))).await;
    }
    while work.next().await.is_some() {}
}

/// One channel's life.
async fn session(
    inner: &Arc<Inner>,
    queue: &str,
    prefetch: u16,
    in_flight: &InFlight,
    work: &mut Work,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let link = tokio::select! {
        () = stop.cancelled() => return Ok(()),
        link = meanwhile(work, inner.link(Duration::from_secs(3600))) => link?,
    };
    let opened = meanwhile(work, open(&link, queue, prefetch)).await;
    let (channel, mut deliveries) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            // The queue may have been deleted: a new connection declares it again.
            link.broken.cancel();
            return Err(error);
        }
    };
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            () = link.broken.cancelled() => return Ok(()),
            Some(()) = work.next(), if !work.is_empty() => {}
            delivery = deliveries.next() => match delivery {
                Some(Ok(delivery)) => {
                    work.push(handle(Arc::clone(&link), queue.to_owned(), delivery, in_flight.clone()).boxed());
                }
                Some(Err(error)) => return Err(error.into()),
                None => {
                    // Cancelled by the broker: the queue is gone, or its node.
                    link.broken.cancel();
                    return Ok(());
                }
            },
        }
    }
    // No more work; what is in hand is finished while the channel still carries its acknowledgements.
    let _ = channel.basic_cancel(deliveries.tag(), BasicCancelOptions::default()).await;
    while work.next().await.is_some() {}
    let _ = channel.close(200, "OK".into()).await;
    Ok(())
}

async fn open(link: &Link, queue: &str, prefetch: u16) -> Result<(Channel, lapin::Consumer), Error> {
    let channel = link.connection.create_channel().await?;
    channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    let deliveries = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default()).await?;
    Ok((channel, deliveries))
}

/// Awaits `future` while the work in hand goes on.
async fn meanwhile<T>(work: &mut Work, future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    loop {
        tokio::select! {
            output = &mut future => return output,
            Some(()) = work.next(), if !work.is_empty() => {}
        }
    }
}

/// One delivery from its arrival to its end.
async fn handle(link: Arc<Link>, queue: String, delivery: AmqpDelivery, in_flight: InFlight) {
    let incoming = match mapping::read(&delivery) {
        Ok(incoming) => incoming,
        Err(reason) => {
            let ended = dead_letter(&link, &delivery, &reason).await;
            return settled(&link, &queue, ended);
        }
    };
    // A message that would not be recognised, or whose lost attempt nobody has counted, first goes back to its queue
    // with its id and count written on it.
    if incoming.identity == Identity::Assigned || incoming.count == Counting::Missing {
        let attempt = incoming.attempt + u32::from(incoming.count == Counting::Missing);
        let ended = requeue(&link, &queue, &delivery, &incoming, attempt).await;
        return settled(&link, &queue, ended);
    }
    let id = incoming.message.id;
    let outcome = in_flight
        .outcome(Delivery {
            message: incoming.message.clone(),
            attempt: incoming.attempt,
            redelivered: delivery.redelivered,
        })
        .await;
    if outcome != Outcome::Ack {
        // The next copy is work of its own, and may be here before this one is gone.
        in_flight.settled(id);
    }
    let ended = match outcome {
        Outcome::Ack => {
            let acked = delivery.ack(BasicAckOptions::default()).await.map(drop).map_err(Error::from);
            in_flight.settled(id);
            acked
        }
        Outcome::Retry { after } | Outcome::Wait { after } => {
            tokio::select! {
                () = tokio::time::sleep(after) => {}
                () = link.broken.cancelled() => {}
            }
            // The broker's count is in `attempt`; the new copy starts a count of its own.
            let counted = u32::from(matches!(outcome, Outcome::Retry { .. }));
            requeue(&link, &queue, &delivery, &incoming, incoming.attempt + counted).await
        }
        Outcome::Reject { reason } => dead_letter(&link, &delivery, &reason).await,
    };
    settled(&link, &queue, ended);
}

/// An outcome that could not be carried out is no harm: the message comes again, and is recognised.
fn settled(link: &Link, queue: &str, ended: Result<(), Error>) {
    if let Err(error) = invalidate_on_error(link, ended) {
        tracing::debug!(queue, %error, "could not settle a message; it will come again");
    }
}

/// Puts a copy at the end of the queue, then drops the original.
async fn requeue(
    link: &Link,
    queue: &str,
    delivery: &AmqpDelivery,
    incoming: &Incoming,
    attempt: u32,
) -> Result<(), Error> {
    let to = ("", queue, incoming.message.key.as_str());
    replace(link, delivery, to, mapping::again(incoming, attempt)).await
}

/// Puts a copy with the reason among the dead letters, then drops the original.
async fn dead_letter(link: &Link, delivery: &AmqpDelivery, reason: &str) -> Result<(), Error> {
    let key = mapping::routing_key(delivery);
    tracing::warn!(key, reason, "message rejected; it is kept among the dead letters");
    replace(link, delivery, (DEAD_EXCHANGE, &key, &key), mapping::dead(delivery, reason)).await
}

async fn replace(
    link: &Link,
    delivery: &AmqpDelivery,
    to: (&str, &str, &str),
    properties: BasicProperties,
) -> Result<(), Error> {
    let pending = send(&link.publisher, to, &delivery.data, properties, true).await?;
    confirmed(vec![pending]).await?;
    delivery.ack(BasicAckOptions::default()).await?;
    Ok(())
}
