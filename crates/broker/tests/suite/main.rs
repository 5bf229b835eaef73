//! The promises of the bus, kept by both of its homes: the same tests against RabbitMQ and against the store.

mod embedded;
mod promises;
mod rabbit;
