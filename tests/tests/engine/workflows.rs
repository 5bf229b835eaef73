//! The workflows of continuous integration: what can be said of them without running them. CI lints them with actionlint too.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::files::{SERVICES, read};

const WORKFLOWS: [&str; 2] = [".github/workflows/test.yml", ".github/workflows/images.yml"];

fn jobs(path: &str) -> Result<Vec<(String, Value)>> {
    let workflow: Value = serde_norway::from_str(&read(path)?).with_context(|| path.to_owned())?;
    let jobs = workflow["jobs"].as_object().with_context(|| format!("{path} has no jobs"))?;
    Ok(jobs.iter().map(|(name, job)| (name.clone(), job.clone())).collect())
}

fn steps(job: &Value) -> &[Value] {
    job["steps"].as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn every_job_is_bounded_and_what_it_needs_exists() -> Result<()> {
    for path in WORKFLOWS {
        let jobs = jobs(path)?;
        for (name, job) in &jobs {
            ensure!(job["timeout-minutes"].is_number(), "{path}, {name}: no timeout");
            let needs: Vec<&str> = match &job["needs"] {
                Value::String(one) => vec![one],
                several => several.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
            };
            let text = job.to_string();
            for found in text.match_indices("needs.").map(|(at, _)| &text[at + 6..]) {
                let mut parts = found.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-');
                let (of, _, output) = (parts.next(), parts.next(), parts.next());
                let (of, output) = (of.unwrap_or_default(), output.unwrap_or_default());
                ensure!(needs.contains(&of), "{path}, {name}: reads {of}, which it does not need");
                let (_, other) = jobs.iter().find(|(job, _)| job == of).context(of.to_owned())?;
                ensure!(other["outputs"][output].is_string(), "{path}, {name}: {of} gives no {output}");
            }
            for step in steps(job) {
                ensure!(step["run"].is_string() != step["uses"].is_string(), "{path}, {name}: {step}");
                if let Some(action) = step["uses"].as_str() {
                    ensure!(action.contains(['@', ':']), "{path}, {name}: {action} has no version");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn every_script_is_one_for_the_shell() -> Result<()> {
    for path in WORKFLOWS {
        for (name, job) in jobs(path)? {
            for script in steps(&job).iter().filter_map(|step| step["run"].as_str()) {
                // What GitHub fills in is a plain word here.
                let mut plain = String::new();
                let mut rest = script;
                while let Some((before, after)) = rest.split_once("${{") {
                    plain.push_str(before);
                    plain.push_str("value");
                    rest = after.split_once("}}").context("an expression that ends")?.1;
                }
                plain.push_str(rest);
                let mut shell = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn()?;
                shell.stdin.take().context("an input")?.write_all(plain.as_bytes())?;
                ensure!(shell.wait()?.success(), "{path}, {name}: {script}");
                ensure!(
                    !script.contains("secrets."),
                    "{path}, {name}: a secret in a script can end up in a log"
                );
            }
        }
    }
    Ok(())
}

#[test]
fn all_images_of_a_run_are_published_under_the_same_tags() -> Result<()> {
    let jobs = jobs(".github/workflows/images.yml")?;
    let (_, publish) = jobs.iter().find(|(name, _)| name == "publish").context("the job that publishes")?;
    let scripts: String = steps(publish).iter().filter_map(|step| step["run"].as_str()).collect();
    let lists: Vec<BTreeSet<&str>> = scripts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("for ")?.split_once(" in ")?.1.strip_suffix("; do"))
        .map(|list| list.split(' ').collect())
        .collect();
    ensure!(lists.len() == 2, "{lists:?}");
    ensure!(lists[0] == BTreeSet::from(SERVICES), "built are {:?}", lists[0]);
    let mut all = BTreeSet::from(SERVICES);
    all.insert("nginx");
    ensure!(lists[1] == all, "tagged are {:?}", lists[1]);
    for name in ["DOCKER_USER", "DOCKER_PASSWORD", "DOCKER_USER_OSU", "DOCKER_PASSWORD_OSU"] {
        ensure!(publish.to_string().contains(&format!("\"{name}\"")), "{name} is not used");
    }
    ensure!(scripts.contains("::notice::"), "a missing secret is not told");
    Ok(())
}
