//! The stack as operators deploy it: its files, and its containers on a real Docker engine.

mod adoption;
mod files;
mod hostile;
mod load;
mod pipeline;
mod redeploy;
mod restarts;
mod runbook;
mod scale;
mod swarm;
mod workflows;
