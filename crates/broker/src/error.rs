//! What can go wrong on the bus.

/// Why the bus could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no connection at the moment; it is being re-established.
    #[error("the message broker at {peer} is not reachable{}", .reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default())]
    Disconnected {
        /// Host and port.
        peer: String,
        /// What the last attempt to connect met.
        reason: Option<String>,
    },
    /// A message that needs a queue has none.
    #[error("no queue takes messages with the key '{key}'")]
    Unroutable {
        /// The routing key.
        key: String,
    },
    /// The broker did not accept a message.
    #[error("the message broker refused the message '{key}'")]
    Refused {
        /// The routing key.
        key: String,
    },
    /// The broker did not confirm in time.
    #[error("the message broker did not confirm within {seconds} s")]
    Unconfirmed {
        /// How long was waited.
        seconds: u64,
    },
    /// The broker takes no messages: its disk or its memory is nearly used up.
    #[error("the message broker at {peer} takes no messages: its disk or its memory is nearly full")]
    Blocked {
        /// Host and port.
        peer: String,
    },
    /// The conversation with the broker failed.
    #[error("the conversation with the message broker failed")]
    Amqp(#[from] lapin::Error),
    /// The store behind the embedded queues failed.
    #[error("the embedded queues failed")]
    Store(#[from] store::Error),
    /// The text is no address of a broker.
    #[error("the address of the message broker should read amqp://user:password@host:port/vhost: {reason}")]
    Address {
        /// What is wrong with it (never the address: it holds a password).
        reason: String,
    },
    /// The process is going down.
    #[error("the process is stopping")]
    Stopping,
}
