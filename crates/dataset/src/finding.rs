//! What was noticed about the data: shown to the modeller beside the result, never an error.

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Good to know.
    Note,
    /// The result may not be what the modeller wants.
    Warning,
}

/// Something doubtful in the input or a consequence of the chosen release.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Stable kebab-case name, the anchor of its explanation in the documentation.
    pub code: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// One sentence for the modeller, numbers included.
    pub message: String,
}

impl Finding {
    /// A finding that is good to know.
    pub fn note(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Note, message: message.into() }
    }

    /// A finding that the modeller should act on.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Warning, message: message.into() }
    }
}
