//! What follows from the edited map and takes longer: computed beside the edits, the newest state wins.

use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use crate::editor::Editor;
use crate::error::Error;
use crate::hub::{Frame, Job};
use crate::work::Work;

/// What can be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// River basins.
    Routing,
    /// The bathymetry on the ocean grid.
    Bathymetry,
}

/// The names of what an editor offers.
pub(crate) fn offered(editor: Editor) -> &'static [&'static str] {
    match editor {
        Editor::InternalOceans => &["routing", "bathymetry"],
        _ => &[],
    }
}

/// The kind of that name.
pub(crate) fn kind(editor: Editor, name: &str) -> Result<Kind, Error> {
    match (offered(editor).contains(&name), name) {
        (true, "routing") => Ok(Kind::Routing),
        (true, "bathymetry") => Ok(Kind::Bathymetry),
        _ => Err(Error::NotFound(format!("This editor does not compute '{name}'."))),
    }
}

/// What was computed.
#[derive(Debug)]
pub(crate) struct Outcome {
    kind: Kind,
}

impl Outcome {
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }
}

/// How one kind stands.
#[derive(Debug, Default)]
pub(crate) struct Consequence {}

impl Consequence {
    pub(crate) fn shown(&self) -> Option<Frame> {
        None
    }

    pub(crate) fn start(&mut self, _kind: Kind, _work: &Work, _jobs: &mpsc::Sender<Job>, _computing: &Arc<Semaphore>) {}

    pub(crate) fn take(&mut self, _outcome: Outcome) -> Option<Frame> {
        None
    }
}
