//! `backup`, `restore`, `replace-exchange`: what is done to the data, here or in a container of the stack.

use std::path::{Path, PathBuf};

use broker::rabbit;
use serde_json::{Value, json};
use store::{Report, backup};

use crate::arguments::Instance;
use crate::engine::{Engine, Printed};
use crate::output::CommandOutput;
use crate::settings::Settings;
use crate::{Error, secret};

/// The service beside which helpers run: it has the volume, and knows the broker.
const BESIDE: &str = "flask_app";

/// Where helpers see the folder of backups.
const BACKUPS: &str = "/backups";

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, store::Error> + Send + 'static,
) -> Result<T, Error> {
    let done = tokio::task::spawn_blocking(work).await;
    Ok(done.map_err(|error| Error::Start(error.to_string()))??)
}

pub(crate) async fn backup(
    settings: &Settings<'_>,
    to: &Path,
    keep: Option<usize>,
    instance: &Instance,
) -> Result<CommandOutput, Error> {
    if instance.on_engine {
        let keep = keep.map(|keep| format!("--keep={keep}"));
        let mut command = vec!["stackctl", "backup", BACKUPS];
        command.extend(keep.as_deref());
        return beside(settings, to, &command).await;
    }
    let config = store::Config {
        instance: instance.instance.clone(),
        database_url: secret::from_environment("DATABASE_URL")?.map(|url| url.reveal().to_owned()),
        pool_size: 1,
    };
    let folder = to.to_owned();
    let (made, removed) = blocking(move || {
        let made = backup::create(&config, &folder)?;
        let removed = keep.map_or(Ok(0), |keep| backup::prune(&folder, keep))?;
        Ok((made, removed))
    })
    .await?;
    let mut text = format!(
        "{}: {} files, {}, of which {} new",
        made.manifest.display(),
        made.files,
        size(made.bytes),
        size(made.new_bytes)
    );
    if removed > 0 {
        text.push_str(&format!("\n{removed} older backups removed"));
    }
    for (names, what) in [
        (&made.missing, "named by the database and not there"),
        (&made.changed, "not what was stored (kept as it is)"),
    ] {
        for name in names {
            text.push_str(&format!("\n{name}: {what}"));
        }
    }
    let well = made.missing.is_empty() && made.changed.is_empty();
    Ok(CommandOutput { text, json: json!({ "backup": made, "removed": removed }), well })
}

pub(crate) async fn restore(
    settings: &Settings<'_>,
    from: &Path,
    check: bool,
    instance: &Instance,
) -> Result<CommandOutput, Error> {
    if instance.on_engine {
        let mut command = vec!["stackctl", "restore", BACKUPS];
        command.extend(check.then_some("--check"));
        return beside(settings, from, &command).await;
    }
    let manifest = manifest(from)?;
    if check {
        let path = manifest.clone();
        return Ok(checked(&manifest, &blocking(move || backup::check(&path)).await?));
    }
    let (path, folder) = (manifest.clone(), instance.instance.clone());
    let restored = blocking(move || backup::restore(&path, &folder)).await?;
    let mut text = format!(
        "{} is restored to {}: {} files written, {} were there",
        manifest.display(),
        instance.instance.display(),
        restored.written,
        restored.kept
    );
    for path in &restored.set_aside {
        text.push_str(&format!("\nset aside: {}", path.display()));
    }
    Ok(CommandOutput::well(text, json!({ "restored": restored })))
}

fn checked(manifest: &Path, checked: &backup::Checked) -> CommandOutput {
    let Report { missing_files, changed_files, .. } = &checked.report;
    let bytes: u64 = checked.manifest.files.iter().map(|entry| entry.bytes).sum();
    let mut text = format!(
        "{}: {} files, {}",
        manifest.display(),
        checked.manifest.files.len() + 1,
        size(bytes + checked.manifest.database.bytes)
    );
    let well = checked.damaged.is_empty() && missing_files.is_empty() && changed_files.is_empty();
    for damaged in &checked.damaged {
        text.push_str(&format!("\ndamaged: {damaged}"));
    }
    for name in missing_files {
        text.push_str(&format!("\nmissing: {name}, which the database names"));
    }
    for name in changed_files {
        text.push_str(&format!("\nchanged: {name} is not what was stored"));
    }
    text.push_str(if well {
        "\nEverything is there and as it was stored; this release can open the database."
    } else {
        "\nThis backup is not whole."
    });
    let json = json!({
        "manifest": manifest,
        "files": checked.manifest.files.len() + 1,
        "damaged": checked.damaged,
        "missing": missing_files,
        "changed": changed_files,
    });
    CommandOutput { text, json, well }
}

/// The manifest itself, or the newest of a folder.
fn manifest(from: &Path) -> Result<PathBuf, Error> {
    if !from.is_dir() {
        return Ok(from.to_owned());
    }
    let newest = backup::list(from)?.pop();
    newest.ok_or_else(|| Error::Refused(format!("{} holds no backup", from.display())))
}

/// Runs this program in a container beside the stack's, and gives its answer.
async fn beside(settings: &Settings<'_>, folder: &Path, command: &[&str]) -> Result<CommandOutput, Error> {
    let engine = settings.engine().await?;
    let like = one(&engine, &settings.0.stack).await?;
    if engine.has_variable(&like, &["DATABASE_URL", "DATABASE_URL_FILE"]).await? {
        return Err(Error::Refused(format!(
            "the stack '{}' keeps its data in PostgreSQL, which has tools of its own (pg_dump, pg_restore): see 'Back up, and restore' in the runbook",
            settings.0.stack
        )));
    }
    let mount = folder.to_str().unwrap_or_default();
    let volume = !mount.is_empty() && mount.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if !volume && !folder.is_absolute() {
        return Err(Error::Usage(format!(
            "{mount} is neither an absolute path on the engine's machine nor the name of a volume"
        )));
    }
    let command = [command, as_asked(settings)].concat();
    understood(settings, engine.run_once(&like, mount, &command).await?)
}

fn as_asked(settings: &Settings<'_>) -> &'static [&'static str] {
    if settings.0.json { &["--json"] } else { &[] }
}

async fn one(engine: &Engine, stack: &str) -> Result<crate::engine::Container, Error> {
    let all = engine.containers(stack).await?;
    let found = all.into_iter().find(|container| container.service == BESIDE);
    found.ok_or_else(|| Error::Refused(format!("the stack '{stack}' has no container of {BESIDE}")))
}

/// The answer of this program in a container.
fn understood(settings: &Settings<'_>, printed: Printed) -> Result<CommandOutput, Error> {
    let text = printed.out.trim().to_owned();
    let json = if settings.0.json { serde_json::from_str(&text).ok() } else { Some(Value::Null) };
    match (printed.status, json) {
        (status @ (0 | 1), Some(json)) if !text.is_empty() => {
            Ok(CommandOutput { text, json, well: status == 0 })
        }
        (status, _) => {
            let said = format!("{text} {}", printed.err.trim());
            Err(Error::Refused(format!("in the container, status {status}: {}", said.trim())))
        }
    }
}

pub(crate) async fn replace_exchange(
    settings: &Settings<'_>,
    broker: Option<&str>,
    on_engine: bool,
) -> Result<CommandOutput, Error> {
    if on_engine {
        let engine = settings.engine().await?;
        let container = one(&engine, &settings.0.stack).await?;
        let command = [&["stackctl", "replace-exchange"], as_asked(settings)].concat();
        return understood(settings, engine.exec(&container, &command).await?);
    }
    let there = broker_settings(broker)?;
    let replaced = rabbit::replace_exchange(&there).await?;
    let text = if replaced {
        "the exchange of the original is replaced by a durable one"
    } else {
        "the exchange is durable already: nothing to do"
    };
    Ok(CommandOutput::well(text, json!({ "replaced": replaced, "broker": there.peer() })))
}

/// As the services find the broker.
fn broker_settings(address: Option<&str>) -> Result<rabbit::Settings, Error> {
    let text = |name: &str| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
    let mut there = if let Some(address) = address {
        rabbit::Settings::parse(address)?
    } else if let Some(url) = secret::from_environment("BROKER_URL")? {
        return Ok(rabbit::Settings::parse(url.reveal())?);
    } else if let Some(host) = text("BROKER_HOSTNAME") {
        rabbit::Settings::at(host)
    } else {
        return Err(Error::Usage(
            "no broker is named: use --broker, BROKER_HOSTNAME, or --on-engine".to_owned(),
        ));
    };
    if let Some(port) = text("BROKER_PORT") {
        there.port = port.parse().map_err(|_| Error::Usage(format!("BROKER_PORT is no port: {port}")))?;
    }
    if let Some(user) = text("BROKER_USER") {
        there.user = user;
    }
    if let Some(password) = secret::from_environment("BROKER_PASSWORD")? {
        password.reveal().clone_into(&mut there.password);
    }
    if let Some(vhost) = text("BROKER_VHOST") {
        there.vhost = vhost;
    }
    "stackctl".clone_into(&mut there.name);
    Ok(there)
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} kB", bytes / 1000),
        10_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}
