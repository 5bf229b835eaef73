//! Every finding has its explanation: pages link to `/findings#CODE`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Words that read like a code.
const NO_CODES: [&str; 3] = ["sub-basins", "nearest-coast", "s-1"];

/// The codes in the sources of a folder: no other string there is of words in lower case with hyphens between.
fn codes(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("the folder of the sources") {
        let path = entry.expect("an entry of the folder").path();
        if path.is_dir() {
            codes(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file");
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
    assert!(
        found.contains("ring-flooding")
            && found.contains("ocean-grid-read")
            && found.contains("land-without-outlet"),
        "{found:?}"
    );
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/findings.html")).unwrap();
    let missing: Vec<_> = found.iter().filter(|code| !page.contains(&format!("id=\"{code}\""))).collect();
    assert!(missing.is_empty(), "findings without an explanation: {missing:?}");
}
