//! The delivered files, as the readers of the climate model expect them.

pub mod domsk;
mod labels;
