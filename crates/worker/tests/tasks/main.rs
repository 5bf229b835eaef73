//! The path of a task through store, bus, dispatcher and worker, with steps that do as they are told: on the embedded
//! bus, and the essential ones on RabbitMQ.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod defects;
mod paths;
mod platform;
