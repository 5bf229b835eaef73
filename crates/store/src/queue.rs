//! Durable queues in the database, for the embedded broker: first in, first out, leased, acknowledged.
//!
//! One process consumes; its leases end with it ([`Store::release_leases`] at start).

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use diesel::dsl::exists;
use diesel::prelude::*;
use tokio::sync::Notify;
use workflow::Message;

use crate::connection::AnyConnection;
use crate::schema::{dead_letters, queue_messages};
use crate::{Error, Store, clock, json};

/// The handle with which a leased message is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket(pub i64);

/// A message in the hands of a consumer.
#[derive(Debug, Clone, PartialEq)]
pub struct Leased {
    /// Settles it.
    pub ticket: Ticket,
    /// The message.
    pub message: Message,
    /// 1 for the first delivery.
    pub attempt: u32,
}

/// A message that was given up.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// The queue it was in.
    pub queue: String,
    /// The message.
    pub message: Message,
    /// Why it was given up.
    pub reason: String,
    /// How often it was delivered.
    pub attempts: u32,
    /// UTC, `YYYY-MM-DD HH:MM:SS.mmm`.
    pub buried: String,
}

impl Store {
    /// Appends messages to queues, all or none. A message that its queue holds already (same id) is not added.
    ///
    /// # Errors
    /// A failing database.
    pub fn enqueue(&self, messages: Vec<(String, Message)>) -> Result<(), Error> {
        let queues: BTreeSet<String> = messages.iter().map(|(queue, _)| queue.clone()).collect();
        self.write(|conn| {
            for (queue, message) in &messages {
                let id = message.id.to_string();
                let same = queue_messages::table
                    .filter(queue_messages::queue.eq(queue))
                    .filter(queue_messages::message_id.eq(&id));
                if diesel::select(exists(same)).get_result(conn)? {
                    continue;
                }
                let row = (
                    queue_messages::queue.eq(queue),
                    queue_messages::message_id.eq(&id),
                    queue_messages::message.eq(json::text(message)?),
                );
                diesel::insert_into(queue_messages::table).values(row).execute(conn)?;
            }
            Ok(())
        })?;
        for queue in queues {
            self.queue_wakeup(&queue).notify_one();
        }
        Ok(())
    }

    /// The oldest messages of a queue that nobody holds, in order.
    ///
    /// # Errors
    /// A failing database.
    pub fn lease(&self, queue: &str, limit: i64) -> Result<Vec<Leased>, Error> {
        let available = queue_messages::table
            .filter(queue_messages::queue.eq(queue))
            .filter(queue_messages::leased.eq(0))
            .filter(queue_messages::available_ms.le(clock::epoch_ms()))
            .order(queue_messages::ticket)
            .limit(limit.max(0))
            .select((queue_messages::ticket, queue_messages::message, queue_messages::attempts));
        // A consumer that finds nothing does not become a writer.
        if self.read(|conn| Ok(available.first::<(i64, String, i32)>(conn).optional()?.is_none()))? {
            return Ok(Vec::new());
        }
        self.write(|conn| {
            let mut leased = Vec::new();
            for (ticket, text, attempts) in available.load::<(i64, String, i32)>(conn)? {
                let attempts = attempts + 1;
                let row = queue_messages::table.find(ticket).filter(queue_messages::leased.eq(0));
                let lease = (queue_messages::leased.eq(1), queue_messages::attempts.eq(attempts));
                if diesel::update(row).set(lease).execute(conn)? == 0 {
                    continue;
                }
                let attempt = u32::try_from(attempts).unwrap_or(u32::MAX);
                leased.push(Leased { ticket: Ticket(ticket), message: json::message(&text)?, attempt });
            }
            Ok(leased)
        })
    }

    /// Removes a settled message.
    ///
    /// # Errors
    /// A failing database.
    pub fn ack(&self, ticket: Ticket) -> Result<(), Error> {
        self.write(|conn| {
            diesel::delete(queue_messages::table.find(ticket.0)).execute(conn)?;
            Ok(())
        })
    }

    /// Puts a message back; it is delivered again after `delay`.
    ///
    /// # Errors
    /// A failing database.
    pub fn retry_later(&self, ticket: Ticket, delay: Duration) -> Result<(), Error> {
        self.put_back(ticket, delay, 0)
    }

    /// As [`Store::retry_later`], and the delivery does not count as an attempt.
    ///
    /// # Errors
    /// A failing database.
    pub fn put_off(&self, ticket: Ticket, delay: Duration) -> Result<(), Error> {
        self.put_back(ticket, delay, 1)
    }

    fn put_back(&self, ticket: Ticket, delay: Duration, uncounted: i32) -> Result<(), Error> {
        let delay_ms = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX / 2);
        let queue = self.write(|conn| {
            let back = (
                queue_messages::leased.eq(0),
                queue_messages::available_ms.eq(clock::epoch_ms() + delay_ms),
                queue_messages::attempts.eq(queue_messages::attempts - uncounted),
            );
            diesel::update(queue_messages::table.find(ticket.0)).set(back).execute(conn)?;
            queue_of(conn, ticket)
        })?;
        if let Some(queue) = queue.filter(|_| delay.is_zero()) {
            self.queue_wakeup(&queue).notify_one();
        }
        Ok(())
    }

    /// Moves a message to the dead letters.
    ///
    /// # Errors
    /// A failing database.
    pub fn dead_letter(&self, ticket: Ticket, reason: &str) -> Result<(), Error> {
        self.write(|conn| {
            let row = queue_messages::table.find(ticket.0);
            let columns = (queue_messages::queue, queue_messages::message, queue_messages::attempts);
            let found = row.select(columns).first::<(String, String, i32)>(conn).optional()?;
            let Some((queue, message, attempts)) = found else { return Ok(()) };
            let letter = (
                dead_letters::queue.eq(queue),
                dead_letters::message.eq(message),
                dead_letters::reason.eq(reason),
                dead_letters::attempts.eq(attempts),
                dead_letters::buried_at.eq(clock::millis()),
            );
            diesel::insert_into(dead_letters::table).values(letter).execute(conn)?;
            diesel::delete(row).execute(conn)?;
            Ok(())
        })
    }

    /// How many messages a queue holds, leased ones included.
    ///
    /// # Errors
    /// A failing database.
    pub fn depth(&self, queue: &str) -> Result<i64, Error> {
        self.read(|conn| {
            Ok(queue_messages::table.filter(queue_messages::queue.eq(queue)).count().get_result(conn)?)
        })
    }

    /// The dead letters, newest first.
    ///
    /// # Errors
    /// A failing database.
    pub fn dead_letters(&self, limit: i64) -> Result<Vec<DeadLetter>, Error> {
        let rows: Vec<(String, String, String, i32, String)> = self.read(|conn| {
            let query = dead_letters::table.order(dead_letters::id.desc()).limit(limit.max(0)).select((
                dead_letters::queue,
                dead_letters::message,
                dead_letters::reason,
                dead_letters::attempts,
                dead_letters::buried_at,
            ));
            Ok(query.load(conn)?)
        })?;
        rows.into_iter()
            .map(|(queue, message, reason, attempts, buried)| {
                let attempts = u32::try_from(attempts).unwrap_or(0);
                Ok(DeadLetter { queue, message: json::message(&message)?, reason, attempts, buried })
            })
            .collect()
    }

    /// Makes every leased message available again: for the start of the one consuming process.
    ///
    /// # Errors
    /// A failing database.
    pub fn release_leases(&self) -> Result<(), Error> {
        let queues: Vec<String> = self.write(|conn| {
            let leased = queue_messages::table.filter(queue_messages::leased.eq(1));
            let queues = leased.select(queue_messages::queue).distinct().load(conn)?;
            diesel::update(leased).set(queue_messages::leased.eq(0)).execute(conn)?;
            Ok(queues)
        })?;
        for queue in queues {
            self.queue_wakeup(&queue).notify_one();
        }
        Ok(())
    }

    /// Notified (`notify_one`) when a message of this queue became available in this process. A consumer that waits
    /// for it should also look every half second, for messages that [`Store::retry_later`] put off.
    pub fn queue_wakeup(&self, queue: &str) -> Arc<Notify> {
        let mut queues = self.0.queues.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(queues.entry(queue.to_owned()).or_default())
    }
}

fn queue_of(conn: &mut AnyConnection, ticket: Ticket) -> Result<Option<String>, Error> {
    let query = queue_messages::table.find(ticket.0).select(queue_messages::queue);
    Ok(query.first(conn).optional()?)
}
