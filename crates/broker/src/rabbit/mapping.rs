//! Messages to and from AMQP: the body is the JSON of the contract, everything else is properties.

use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::Value;
use uuid::Uuid;
use workflow::Message;

const RUN: &str = "x-climsim-run";
const OWNER: &str = "x-climsim-owner";
const REQUEST: &str = "x-climsim-request";
const SCHEMA: &str = "x-climsim-schema";
/// The routing key, where a message goes back to its queue or to the dead letters.
const KEY: &str = "x-climsim-key";
/// Counts what the broker does not count.
const ATTEMPT: &str = "x-climsim-attempt";
/// Why a message is among the dead letters.
const REASON: &str = "x-climsim-reason";
/// Deliveries before this one that ended without an answer; quorum queues only.
const DELIVERY_COUNT: &str = "x-delivery-count";

/// A message as it came from a queue.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) message: Message,
    pub(crate) attempt: u32,
    pub(crate) count: Counting,
    pub(crate) identity: Identity,
}

/// Who counts the deliveries that ended without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counting {
    /// The broker does, or there was none.
    Done,
    /// There was one, and nobody has counted it.
    Missing,
}

/// Whether the message will be recognised when it comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    /// It came with an id.
    Given,
    /// It came without one; the id was made up here.
    Assigned,
}

pub(crate) fn body(message: &Message) -> Vec<u8> {
    Value::Object(message.body.clone()).to_string().into_bytes()
}

pub(crate) fn properties(message: &Message) -> BasicProperties {
    let mut headers = FieldTable::default();
    if let Some(run) = message.run {
        headers.insert(RUN.into(), text(&run.to_string()));
    }
    if let Some(owner) = message.owner {
        headers.insert(OWNER.into(), AMQPValue::LongInt(owner));
    }
    if let Some(request) = &message.request_id {
        headers.insert(REQUEST.into(), text(request));
    }
    headers.insert(SCHEMA.into(), AMQPValue::LongLongInt(i64::from(message.schema)));
    BasicProperties::default()
        .with_message_id(message.id.to_string().into())
        .with_content_type("application/json".into())
        .with_delivery_mode(2)
        .with_headers(headers)
}

/// The properties under which `delivery` goes back to its queue for attempt `attempt`.
pub(crate) fn again(incoming: &Incoming, attempt: u32) -> BasicProperties {
    let properties = properties(&incoming.message);
    let mut headers = properties.headers().clone().unwrap_or_default();
    headers.insert(KEY.into(), text(&incoming.message.key));
    headers.insert(ATTEMPT.into(), AMQPValue::LongLongInt(i64::from(attempt)));
    properties.with_headers(headers)
}

/// The properties under which `delivery` goes to the dead letters: its own, with the reason.
pub(crate) fn dead(delivery: &Delivery, reason: &str) -> BasicProperties {
    let mut headers = delivery.properties.headers().clone().unwrap_or_default();
    headers.insert(KEY.into(), text(&routing_key(delivery)));
    headers.insert(REASON.into(), text(reason));
    delivery.properties.clone().with_headers(headers).with_delivery_mode(2)
}

/// The key under which a message was first published.
pub(crate) fn routing_key(delivery: &Delivery) -> String {
    header(delivery, KEY).and_then(as_text).unwrap_or_else(|| delivery.routing_key.to_string())
}

/// # Errors
/// What is wrong with the body, in words for the dead letters.
pub(crate) fn read(delivery: &Delivery) -> Result<Incoming, String> {
    let body = match serde_json::from_slice(&delivery.data) {
        Ok(Value::Object(body)) => body,
        Ok(_) => return Err("the body is JSON, but no object".into()),
        Err(error) => return Err(format!("the body is no JSON: {error}")),
    };
    let given =
        delivery.properties.message_id().as_ref().map(|id| id.to_string()).filter(|id| !id.is_empty());
    let id = match &given {
        // A foreign client may number its messages as it likes.
        Some(id) => id.parse().unwrap_or_else(|_| Uuid::new_v5(&Uuid::NAMESPACE_OID, id.as_bytes())),
        None => Uuid::new_v4(),
    };
    let counted = header(delivery, DELIVERY_COUNT).and_then(as_number);
    let own = header(delivery, ATTEMPT).and_then(as_number).unwrap_or(1);
    let message = Message {
        id,
        key: routing_key(delivery),
        body,
        run: header(delivery, RUN).and_then(as_text).and_then(|run| run.parse().ok()),
        owner: header(delivery, OWNER).and_then(as_number).and_then(|owner| i32::try_from(owner).ok()),
        request_id: header(delivery, REQUEST).and_then(as_text),
        schema: header(delivery, SCHEMA).and_then(as_number).and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
    };
    Ok(Incoming {
        message,
        attempt: u32::try_from(own.saturating_add(counted.unwrap_or(0))).unwrap_or(u32::MAX),
        count: if delivery.redelivered && counted.is_none() { Counting::Missing } else { Counting::Done },
        identity: if given.is_some() { Identity::Given } else { Identity::Assigned },
    })
}

fn header<'a>(delivery: &'a Delivery, name: &str) -> Option<&'a AMQPValue> {
    delivery.properties.headers().as_ref()?.inner().get(name)
}

fn as_text(value: &AMQPValue) -> Option<String> {
    match value {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

fn as_number(value: &AMQPValue) -> Option<i64> {
    match *value {
        AMQPValue::ShortShortInt(n) => Some(n.into()),
        AMQPValue::ShortShortUInt(n) => Some(n.into()),
        AMQPValue::ShortInt(n) => Some(n.into()),
        AMQPValue::ShortUInt(n) => Some(n.into()),
        AMQPValue::LongInt(n) => Some(n.into()),
        AMQPValue::LongUInt(n) => Some(n.into()),
        AMQPValue::LongLongInt(n) => Some(n),
        _ => None,
    }
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}
