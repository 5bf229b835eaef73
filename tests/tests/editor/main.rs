//! The map editor as a modeller meets it: a real browser on a real platform, drawing, changing, losing the server, saving.

mod apps;
mod drawing;
mod hands;
mod page;
mod resuming;
