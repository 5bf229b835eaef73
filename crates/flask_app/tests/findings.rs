//! Every finding has its explanation: pages link to `/findings#CODE`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Words that read like a code.
const NO_CODES: [&str; 3] = ["sub-basins", "nearest-coast", "s-1"];

/// The codes in a source file, or in the sources of a folder: no other string there is of words in lower case with hyphens
/// between.
fn codes(path: &Path, found: &mut BTreeSet<String>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("the folder of the sources") {
            codes(&entry.expect("an entry of the folder").path(), found);
        }
    } else {
        let text = fs::read_to_string(path).expect("a source file");
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for part in text.split('"').skip(1).step_by(2) {
            let words = part.split('-').count();
            let kebab =
                words > 1 && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            if kebab && !part.starts_with('-') && !part.ends_with('-') && !NO_CODES.contains(&part) {
                found.insert(part.to_owned());
            }
        }
    }
}

#[test]
fn every_finding_is_explained() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = BTreeSet::new();
    codes(&crates.join("boundary/src"), &mut found);
    for part in ["python_worker/src", "coupling/src", "mosaic_worker/src"] {
        codes(&crates.join(part), &mut found);
    }
    for part in ["heights.rs", "packing.rs", "rewrite.rs", "classic/widen.rs"] {
        codes(&crates.join("dataset/src").join(part), &mut found);
    }
    codes(&crates.join("panel_app/src/base.rs"), &mut found);
    assert!(
        found.contains("ring-flooding")
            && found.contains("marker-changed")
            && found.contains("ocean-grid-read")
            && found.contains("land-without-outlet"),
        "{found:?}"
    );
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/findings.html")).unwrap();
    let missing: Vec<_> = found.iter().filter(|code| !page.contains(&format!("id=\"{code}\""))).collect();
    assert!(missing.is_empty(), "findings without an explanation: {missing:?}");
}
