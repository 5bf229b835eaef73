//! The service as a browser and a script see it: a real server on a free port, with a store of its own.

#![expect(clippy::unwrap_used, reason = "what a test needs and does not get ends it")]

mod accounts;
mod api;
mod defects;
mod field;
mod gone;
mod harness;
mod pages;
mod real_files;
mod weights;
