//! What must not show up anywhere.

use std::fmt;
use std::fs;

use crate::Error;

/// A password or a token. Neither `Debug` nor an error shows it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// The variable, or the content of the file that the variable with `_FILE` names; an empty value counts as absent.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn from_environment(name: &str) -> Result<Option<Secret>, Error> {
    let value = |name: &str| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
    if let Some(text) = value(name) {
        return Ok(Some(Secret::new(text.trim())));
    }
    let Some(path) = value(&format!("{name}_FILE")) else { return Ok(None) };
    let text = fs::read_to_string(&path).map_err(|source| Error::File {
        action: "read the secret in",
        path: path.into(),
        source,
    })?;
    Ok(Some(Secret::new(text.trim())))
}
