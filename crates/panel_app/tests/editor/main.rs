//! The editor from outside: real connections to a real server, on a store of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "tests")]

mod access;
mod harness;
mod history;
mod killed;
mod real_files;
mod requests;
mod saving;
