//! Editing a map by hand: selections, actions, exact undo, what follows from an edit, and recipes.
//!
//! * [`Map`] says where the cells of the edited variable lie and what its numbers mean; rows and columns run as in the
//!   file.
//! * An [`Action`] is an [`Operation`] on a [`Selection`]: plain data with a readable JSON form, so that it can be stored,
//!   shown, exported as a [`recipe`] and done again elsewhere.
//! * A [`Document`] holds the values as loaded, the actions done so far and the present values; every step of it says which
//!   cells it changed.
//! * [`Maps`] are the derived maps (internal oceans, passages, pole rules), kept up to date edit by edit;
//!   [`fitness`] lists what would make the model fail; [`consequences`] are the rivers and the ocean bathymetry.
//! * [`legacy`] reads the edit lists that earlier releases stored.
//!
//! Invariants: the present values are a function of the loaded values and the commands, nothing else; undoing everything
//! gives the loaded values back bit for bit; an operation that picks cells changes no cell outside of its selection.

mod action;
pub mod consequences;
mod document;
mod error;
pub mod fitness;
mod fixes;
mod geometry;
pub mod legacy;
mod maps;
pub mod recipe;
mod selection;
mod values;

pub use action::{Action, CopiedCell, Fill, Filter, Line, Operation, Rules};
pub use document::{Changes, Command, Document, Entry, Preview};
pub use error::Error;
pub use geometry::{Centres, Map, Meaning, Seams};
pub use maps::{Counts, Layer, LayerChanges, Maps, Passage, Sea};
pub use selection::{Cell, Mask, Point, Quantity, Selection};
