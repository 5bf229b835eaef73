//! Identities, each its own type so that none stands in for another.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// A user's account.
    UserId(i32)
);
id!(
    /// One workflow of one user: the `ID` of pages and messages.
    DataFileId(i32)
);
id!(
    /// A row of `revisions`; not the revision's number.
    RevisionId(i32)
);
id!(
    /// One execution of a step.
    RunId(Uuid)
);
id!(
    /// What is being edited by hand.
    DraftId(Uuid)
);
id!(
    /// A row of `api_tokens`.
    TokenId(i32)
);
