//! The stack as operators deploy it: its files, and its containers on a real Docker engine.

mod files;
mod load;
mod pipeline;
mod restarts;
mod workflows;
