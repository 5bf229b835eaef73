//! What a downloaded file says about where it comes from.

use std::path::Path;

use dataset::{AttributeValue, Attributes, Format};
use store::{DataFile, Revision};
use workflow::FileType;

/// Stands before the name of every attribute that is added.
const PREFIX: &str = "climate_sim_";
const NAME: &str = "Climate Simulation Platform (climsim)";
const ADDRESS: &str = env!("CARGO_PKG_REPOSITORY");

/// The global attributes to add to a file of type `file_type`, by name.
pub(crate) fn attributes(
    file: &DataFile,
    revisions: &[Revision],
    file_type: FileType,
    user: &str,
    now: time::OffsetDateTime,
) -> Vec<(String, String)> {
    let mut added = Vec::new();
    for (key, value) in &file.info {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        added.push((format!("{PREFIX}{}", plain(key)), text));
    }
    for &ancestor in file_type.ancestry() {
        let changes: Vec<String> = revisions
            .iter()
            .filter(|revision| revision.file_type == ancestor)
            .enumerate()
            .map(|(index, revision)| format!("Revision {}: {}", index + 1, change(revision)))
            .collect();
        if !changes.is_empty() {
            added.push((format!("{PREFIX}changes_{ancestor}"), changes.join("\n")));
        }
    }
    added.push((
        format!("{PREFIX}source"),
        format!("{NAME}, version {}, {ADDRESS}", env!("CARGO_PKG_VERSION")),
    ));
    let format =
        time::macros::format_description!("[year]-[month repr:short]-[day] [hour]:[minute]:[second]");
    if let Ok(text) = now.format(format) {
        added.push((format!("{PREFIX}created_date"), text));
    }
    added.push((format!("{PREFIX}created_by"), user.to_owned()));
    added
}

/// What is told beside the files of an archive, for those that have no room for it themselves.
pub(crate) fn text(
    file: &DataFile,
    revisions: &[Revision],
    members: &[(String, &Revision)],
    user: &str,
    now: time::OffsetDateTime,
) -> String {
    let mut text = String::from("Where these files come from\n");
    for (name, revision) in members {
        text += &format!("\n{name}\n  {}", revision.called(&file.filename));
        text += &format!(", made {} UTC", revision.created);
        text += if revision.is_uploaded() { ", byte for byte as it was uploaded\n" } else { "\n" };
        if let Some(sha256) = &revision.sha256 {
            text += &format!("  SHA-256 of the stored file: {sha256}\n");
        }
        for (name, value) in attributes(file, revisions, revision.file_type, user, now) {
            text += &format!("  {name} = {}\n", value.replace('\n', "\n    "));
        }
    }
    text
}

/// What an editor recorded about a revision; empty when nothing.
pub(crate) fn change(revision: &Revision) -> &str {
    revision.info.get("changes").and_then(|value| value.as_str()).unwrap_or_default()
}

/// A stored NetCDF file with `added` among its global attributes; an attribute that exists gets the new text on a line
/// of its own, unless it says so already. The stored file is not touched, and no values are decoded.
///
/// # Errors
/// When the file cannot be read, or is of a format whose attributes do not stand in front of its values.
pub(crate) fn copy(
    path: &Path,
    added: &[(String, String)],
) -> Result<dataset::AttributedCopy, dataset::Error> {
    let (format, attributes) = {
        let opened = dataset::File::open(path)?;
        (opened.header().format, opened.header().attributes.clone())
    };
    if !matches!(format, Format::Classic | Format::Offset64 | Format::Data64) {
        return Err(dataset::Error::Unsupported {
            file: path.display().to_string(),
            what: format!("it is {}, whose attributes do not stand in front of the values", format.name()),
            remedy: "It is sent as it is stored".to_owned(),
        });
    }
    dataset::with_global_attributes(path, &merged(attributes, added))
}

fn merged(mut attributes: Attributes, added: &[(String, String)]) -> Attributes {
    for (name, text) in added {
        let text = match attributes.get(name).and_then(AttributeValue::as_text) {
            Some(known) if known.contains(text.as_str()) => continue,
            Some(known) => format!("{known}\n{text}"),
            None => text.clone(),
        };
        attributes.set(name, text);
    }
    attributes
}

/// A name of an attribute: letters, digits and `_-.+@` in any script; anything else becomes `_`.
fn plain(key: &str) -> String {
    key.chars().map(|c| if c.is_alphanumeric() || "_-.+@".contains(c) { c } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attribute_that_exists_gets_a_line_once() {
        let before = Attributes::new().with("climate_sim_age", "40").with("title", "x");
        let added = [("climate_sim_age".to_owned(), "50".to_owned())];
        let once = merged(before, &added);
        assert_eq!(once.text("climate_sim_age"), Some("40\n50"));
        assert_eq!(merged(once.clone(), &added), once);
        assert_eq!(plain("a b/c\u{7}é"), "a_b_c_é");
    }
}
