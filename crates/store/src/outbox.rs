//! The outbox: messages that a committed transaction owes to the bus.

use std::sync::Arc;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use tokio::sync::Notify;
use uuid::Uuid;
use workflow::Message;

use crate::connection::AnyConnection;
use crate::schema::outbox;
use crate::{Error, OUTBOX_LEASE_SECONDS, Store, clock, json};

impl Store {
    /// The oldest messages that nobody else is publishing, oldest first, leased for
    /// [`OUTBOX_LEASE_SECONDS`].
    ///
    /// # Errors
    /// A failing database.
    pub fn outbox_lease(&self, limit: i64) -> Result<Vec<Message>, Error> {
        let now = clock::epoch_ms();
        let free = outbox::leased_until_ms.le(now);
        // Relays look every half second: they become writers only when there is something to lease.
        if self.read(|conn| {
            let waiting = outbox::table.filter(free).select(outbox::seq).first::<i64>(conn);
            Ok(waiting.optional()?.is_none())
        })? {
            return Ok(Vec::new());
        }
        let mut rows = self.write(|conn| {
            let skip = match conn {
                AnyConnection::Sqlite(_) => "",
                AnyConnection::Postgres(_) => "FOR UPDATE SKIP LOCKED",
            };
            let query = format!(
                "UPDATE outbox SET leased_until_ms = $1 WHERE seq IN \
                 (SELECT seq FROM outbox WHERE leased_until_ms <= $2 ORDER BY seq LIMIT $3 {skip}) \
                 RETURNING seq, message"
            );
            let query = diesel::sql_query(query)
                .bind::<BigInt, _>(now + OUTBOX_LEASE_SECONDS * 1000)
                .bind::<BigInt, _>(now)
                .bind::<BigInt, _>(limit.max(0));
            Ok(query.load::<Row>(conn)?)
        })?;
        rows.sort_by_key(|row| row.seq);
        rows.iter().map(|row| json::message(&row.message)).collect()
    }

    /// Forgets published messages, by [`Message::id`].
    ///
    /// # Errors
    /// A failing database.
    pub fn outbox_remove(&self, ids: &[Uuid]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        self.write(|conn| {
            for id in ids {
                remove(conn, *id)?;
            }
            Ok(())
        })
    }

    /// Gives leased messages back at once, when publishing failed.
    ///
    /// # Errors
    /// A failing database.
    pub fn outbox_release(&self, ids: &[Uuid]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        self.write(|conn| {
            for id in ids {
                let row = outbox::table.filter(outbox::message_id.eq(id.to_string()));
                diesel::update(row).set(outbox::leased_until_ms.eq(0)).execute(conn)?;
            }
            Ok(())
        })
    }

    /// Notified (`notify_one`) after every commit of this process that wrote to the outbox.
    pub fn outbox_wakeup(&self) -> Arc<Notify> {
        Arc::clone(&self.0.outbox)
    }

    /// Tells the relay of this process that a transaction with outgoing messages has committed.
    pub(crate) fn outbox_written(&self) {
        self.0.outbox.notify_one();
    }
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = BigInt)]
    seq: i64,
    #[diesel(sql_type = Text)]
    message: String,
}

/// Puts a message into the outbox, as a part of the caller's transaction.
pub(crate) fn put(conn: &mut AnyConnection, message: &Message) -> Result<(), Error> {
    let row = (outbox::message_id.eq(message.id.to_string()), outbox::message.eq(json::text(message)?));
    diesel::insert_into(outbox::table).values(row).execute(conn)?;
    Ok(())
}

/// Takes a message out of the outbox.
pub(crate) fn remove(conn: &mut AnyConnection, id: Uuid) -> Result<(), Error> {
    diesel::delete(outbox::table.filter(outbox::message_id.eq(id.to_string()))).execute(conn)?;
    Ok(())
}
