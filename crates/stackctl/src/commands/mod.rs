//! One module for each kind of command.

pub(crate) mod data;
pub(crate) mod deploy;
pub(crate) mod services;
pub(crate) mod tags;
pub(crate) mod update;
