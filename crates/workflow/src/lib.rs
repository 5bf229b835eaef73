//! The step graph and the messages of the platform: pure functions, no I/O, no clock.
//!
//! [`Step`] says what depends on what; [`message`] says how that is spoken on the bus (routing keys and bodies
//! are a public contract: a worker in any language can join); [`dispatch`](dispatch()) turns one message into the
//! messages that follow from it, with ids derived from its own, so that a duplicate in gives duplicates out that
//! every receiver can fold.

mod dispatch;
mod file_type;
pub mod message;
mod step;

pub use dispatch::{Consequences, Rejected, consequences, dispatch, rerun_id};
pub use file_type::{FileType, UnknownFileType};
pub use message::{Key, Message};
pub use step::{Step, Task, UnknownStep, Worker};
