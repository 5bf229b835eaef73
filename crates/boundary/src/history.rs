//! The `history` attribute of files whose numbers are corrected.

use dataset::Dataset;

/// Names the corrections that `step` applied in the global attribute `history`, newest line first as the
/// NetCDF conventions have it; earlier history is kept. Without a correction nothing is written, so that the
/// files of the published releases keep their bytes.
pub(crate) fn note_corrections(dataset: &mut Dataset, step: &str, corrections: &[&str]) {
    if corrections.is_empty() {
        return;
    }
    let mut text = format!("climsim {step}, release corrected: {}", corrections.join("; "));
    if let Some(earlier) = dataset.attributes.text("history") {
        text.push('\n');
        text.push_str(earlier);
    }
    dataset.attributes.set("history", text);
}
