//! `climsim pft`

use std::path::Path;

use anyhow::{Context, Result};
use boundary::Release;
use boundary::pft::{self, Parameters, Table};
use dataset::Dataset;

use crate::{arguments, files, terminal};

pub(crate) fn run(arguments: &arguments::Pft) -> Result<()> {
    let routing = files::read(&arguments.routing)?;
    let made = make(&routing, arguments.table.as_deref(), arguments.release.release)
        .with_context(|| format!("computing the vegetation of {}", arguments.routing.display()))?;
    files::write(&made, &arguments.output)
}

/// The vegetation of a routing file with the table in a file, or the default table.
pub(crate) fn make(routing: &Dataset, table: Option<&Path>, release: Release) -> Result<Dataset> {
    let table = match table {
        None => Table::default(),
        Some(path) => {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
            Table::from_json(&text).with_context(|| path.display().to_string())?
        }
    };
    let result = pft::run(routing, &Parameters { table, release }, &terminal::Line::new("pft"))?;
    terminal::findings("pft", &result.findings);
    Ok(result.dataset)
}
