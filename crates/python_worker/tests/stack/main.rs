//! The real numerics on real topographies: in one process on the embedded bus, and as processes on RabbitMQ that are
//! killed at the worst moments.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod numerics;
mod planet;
mod processes;
