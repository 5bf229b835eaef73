//! The commands of `docs/maintenance.md`, taken out of it to be run.
//!
//! Every block of commands there says after `sh` what it needs: `engine` a real Docker engine with the stack, `scale` one
//! with the stack on PostgreSQL, `tools` Portainer, registries and Watchtower.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tokio::task::block_in_place;

use crate::Deployment;
use crate::engine::REGISTRY;

/// A block of commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The heading that it stands under.
    pub heading: String,
    /// What it needs: `engine`, `scale` or `tools`.
    pub needs: String,
    /// The commands.
    pub script: String,
}

impl Block {
    /// Runs the commands on a test's stack in place of `climsim`, with a folder in place of `/srv`; `settle` adds to the shell
    /// what else they find there.
    ///
    /// # Errors
    /// A command that fails, with all that was said.
    pub fn run(&self, stack: &Deployment, folder: &Path, settle: impl FnOnce(&mut Command)) -> Result<()> {
        let script = self
            .script
            .replace("climsim_instance_storage", &stack.volume("instance_storage"))
            .replace("project=climsim", &format!("project={}", stack.project()))
            .replace("/srv/", &format!("{}/", folder.display()))
            .replace("ceregecl/", &format!("{REGISTRY}/"))
            // There is no registry to pull them from.
            .replace(" --pull always", "");
        let mut command = stack.engine().command("bash");
        command.args(["-euo", "pipefail", "-c", &script]);
        settle(&mut command);
        let ran = block_in_place(|| command.output())?;
        let said =
            format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        ensure!(ran.status.success(), "under '{}':\n{script}\n{said}", self.heading);
        Ok(())
    }
}

/// All blocks of commands, in order.
///
/// # Errors
/// A block that does not say what it needs, or does not end.
pub fn all() -> Result<Vec<Block>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/maintenance.md");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let (mut blocks, mut heading) = (Vec::new(), String::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.starts_with('#') {
            heading = line.trim_start_matches(['#', ' ']).to_owned();
        }
        // A block of a list is indented.
        let indent = line.len() - line.trim_start().len();
        let Some(info) = line.trim_start().strip_prefix("```") else { continue };
        let mut script = String::new();
        loop {
            let line = lines.next().with_context(|| format!("under '{heading}': a block does not end"))?;
            match line.trim_start() {
                "```" => break,
                _ => script.extend([line.get(indent..).unwrap_or_default(), "\n"]),
            }
        }
        // What a file or a screen holds is no command.
        if info == "text" || info == "yaml" {
            continue;
        }
        let needs = info.strip_prefix("sh ").unwrap_or_default().trim().to_owned();
        ensure!(
            ["engine", "scale", "tools"].contains(&needs.as_str()),
            "under '{heading}': '```{info}' says none of `sh engine`, `sh scale`, `sh tools`, so nobody runs it:\n{script}"
        );
        blocks.push(Block { heading: heading.clone(), needs, script });
    }
    Ok(blocks)
}

/// The blocks that need `what`, in order.
///
/// # Errors
/// As [`all`], or there is none.
pub fn blocks(what: &str) -> Result<Vec<Block>> {
    let found: Vec<Block> = all()?.into_iter().filter(|block| block.needs == what).collect();
    ensure!(!found.is_empty(), "the runbook has no block that needs {what}");
    Ok(found)
}
