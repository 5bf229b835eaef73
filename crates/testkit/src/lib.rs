//! What tests of several crates need: the tables of the original's database, [`real_files`], and private servers, on free ports and in
//! directories of their own, gone when the test process is gone, however it ends.
//!
//! A server that is not installed is no failure of a test but must not pass unseen either: [`rabbitmq`] and
//! [`PostgresDatabase::create`] print `SKIPPED` and return `None`.

mod postgres;
mod rabbitmq;
pub mod real_files;

use std::io::{self, Write as _};
use std::net::TcpListener;

pub use postgres::PostgresDatabase;
pub use rabbitmq::{RabbitMq, rabbitmq};

/// The tables of the original platform's database, empty, in SQL for SQLite.
pub const ORIGINAL_TABLES: &str = include_str!("original.sql");

/// `N` ports of the loopback interface that nobody listens on at the moment.
///
/// # Errors
/// There are none left.
pub fn free_ports<const N: usize>() -> io::Result<[u16; N]> {
    let mut held = Vec::with_capacity(N);
    let mut ports = [0; N];
    for port in &mut ports {
        // Held until all are found, so that they differ.
        let listener = TcpListener::bind("127.0.0.1:0")?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

/// Says that a test could not run, so that nobody takes it for passed.
pub fn skipped(what: &str, remedy: &str) {
    tell(&format!("SKIPPED: {what}: {remedy}"));
}

/// Says something of a test that passes. (What `eprintln!` says then, nobody sees.)
pub fn tell(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
