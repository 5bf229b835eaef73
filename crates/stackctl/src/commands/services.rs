//! `status`, `restart`, `logs`: the services as they run.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt;
use futures_util::future::join_all;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::Error;
use crate::engine::{Container, Engine, Follow};
use crate::file::IMAGES;
use crate::output::{CommandOutput, table};
use crate::settings::Settings;

/// Of another maker, and part of the stack.
const BROKER: &str = "message_broker";

/// How long a restarted service may finish what it has in hand: the stop_grace_period of the stack file.
const GRACE_SECONDS: u32 = 40;

/// Asks a service inside its container, where the public cannot: the images have a shell, and no client.
const ASK: &str = r#"for path in "$@"; do
  exec 3<>"/dev/tcp/127.0.0.1/${HEALTH_PORT:-8080}" || exit 7
  printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$path" >&3
  cat <&3
  exec 3>&-
  printf '\036'
done"#;

/// One container, as it is.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Row {
    service: String,
    container: String,
    state: String,
    health: Option<String>,
    image: String,
    version: Option<String>,
    revision: Option<String>,
    /// What `/readyz` misses; `None` where it was not asked or does not answer.
    missing: Option<Map<String, Value>>,
    #[serde(skip)]
    gauges: BTreeMap<String, f64>,
}

pub(crate) async fn status(settings: &Settings<'_>) -> Result<CommandOutput, Error> {
    let engine = settings.engine().await?;
    let stack = &settings.0.stack;
    let containers = engine.containers(stack).await?;
    if containers.is_empty() {
        return Err(Error::Refused(format!(
            "the engine has no container of a stack '{stack}' (choose with --stack)"
        )));
    }
    let shown = containers
        .iter()
        .filter(|container| IMAGES.contains(&container.service.as_str()) || container.service == BROKER);
    let rows = join_all(shown.map(|container| look(&engine, container))).await;
    let rows = rows.into_iter().collect::<Result<Vec<Row>, Error>>()?;
    let problems = problems(&rows);
    let versions = versions(&rows);
    // Everybody counts the same queues; whoever has the store knows more.
    let gauges =
        rows.iter().map(|row| &row.gauges).max_by_key(|gauges| gauges.len()).cloned().unwrap_or_default();

    let mut lines =
        vec![["service", "container", "state", "version", "image", "misses"].map(str::to_owned).to_vec()];
    for row in &rows {
        let state = match &row.health {
            Some(health) => format!("{}, {health}", row.state),
            None => row.state.clone(),
        };
        let version = format!("{} {}", row.version.as_deref().unwrap_or("-"), short(row.revision.as_deref()));
        let misses =
            row.missing.as_ref().map(|missing| missing.keys().cloned().collect::<Vec<_>>().join(", "));
        lines.push(vec![
            row.service.clone(),
            row.container.clone(),
            state,
            version.trim().to_owned(),
            row.image.clone(),
            misses.unwrap_or_default(),
        ]);
    }
    let mut text = table(&lines);
    if !gauges.is_empty() {
        text.push('\n');
        for (name, value) in &gauges {
            text.push_str(&format!("{name} {value}\n"));
        }
    }
    if versions.len() > 1 {
        let versions: Vec<_> = versions.iter().cloned().collect();
        text.push_str(&format!(
            "\nVersions differ ({}): fine while an update is under way, one step apart\n",
            versions.join("; ")
        ));
    }
    for problem in &problems {
        text.push_str(&format!("\nNot well: {problem}"));
    }
    let json = json!({ "services": rows, "gauges": gauges, "versions": versions, "problems": problems });
    Ok(CommandOutput { text: text.trim_end().to_owned(), json, well: problems.is_empty() })
}

/// The versions of ours that run, each with its commit where that is known.
fn versions(rows: &[Row]) -> BTreeSet<String> {
    let ours = rows.iter().filter(|row| row.service != BROKER && row.state == "running");
    let told: BTreeSet<(&str, Option<&str>)> =
        ours.filter_map(|row| Some((row.version.as_deref()?, row.revision.as_deref()))).collect();
    // Whoever does not know its commit is taken for one of those that do.
    let known = |version: &str| told.iter().any(|(other, revision)| *other == version && revision.is_some());
    told.iter()
        .filter(|(version, revision)| revision.is_some() || !known(version))
        .map(|(version, revision)| format!("{version} {}", short(*revision)).trim().to_owned())
        .collect()
}

fn short(revision: Option<&str>) -> String {
    revision.unwrap_or_default().chars().take(12).collect()
}

fn problems(rows: &[Row]) -> Vec<String> {
    let mut problems = Vec::new();
    for service in IMAGES.into_iter().chain([BROKER]) {
        if !rows.iter().any(|row| row.service == service && row.state == "running") {
            problems.push(format!("no container of {service} runs"));
        }
    }
    for row in rows {
        if row.state != "running" {
            problems.push(format!("{} is {}", row.container, row.state));
            continue;
        }
        if row.health.as_deref() == Some("unhealthy") {
            problems.push(format!("{} fails its health check", row.container));
        }
        for (what, why) in row.missing.iter().flatten() {
            let why = why.as_str().map_or_else(|| why.to_string(), str::to_owned);
            problems.push(format!("{} misses the {what}: {why}", row.container));
        }
    }
    problems
}

async fn look(engine: &Engine, container: &Container) -> Result<Row, Error> {
    let mut row = Row {
        service: container.service.clone(),
        container: container.name.clone(),
        state: container.state.clone(),
        health: container.health().map(str::to_owned),
        image: container.image.clone(),
        version: None,
        revision: None,
        missing: None,
        gauges: BTreeMap::new(),
    };
    // An image can be gone while its container runs.
    if let Ok(image) = engine.image(&container.image_id).await {
        (row.version, row.revision) = (image.version, image.revision);
    }
    let asks = container.state == "running" && ![BROKER, "nginx"].contains(&container.service.as_str());
    if !asks {
        return Ok(row);
    }
    let command = ["timeout", "15", "bash", "-c", ASK, "ask", "/version", "/readyz", "/metrics"];
    // A container that is just going down is told of as such, beside the others.
    let printed = engine.exec(container, &command).await.unwrap_or_default();
    let mut answers =
        printed.out.split('\u{1e}').map(|answer| answer.split_once("\r\n\r\n").unwrap_or_default().1);
    let (version, ready) = (answers.next().unwrap_or_default(), answers.next().unwrap_or_default());
    let parsed = |text: &str| serde_json::from_str::<Value>(text.trim()).unwrap_or(Value::Null);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let version = parsed(version);
    // What runs knows better than a label.
    row.version = text(&version["version"]).or(row.version);
    row.revision = text(&version["commit"]).or(row.revision);
    let ready = parsed(ready);
    row.missing = match &ready["ready"] {
        Value::Bool(true) => Some(Map::new()),
        Value::Bool(false) => Some(ready["missing"].as_object().cloned().unwrap_or_default()),
        _ => {
            let why = "it does not answer".to_owned();
            Some(Map::from_iter([("answer".to_owned(), Value::from(why))]))
        }
    };
    row.gauges = gauges(answers.next().unwrap_or_default());
    Ok(row)
}

/// What an operator watches, out of the metrics.
fn gauges(text: &str) -> BTreeMap<String, f64> {
    const WATCHED: [&str; 6] = [
        "climsim_queue_messages",
        "climsim_dead_letters",
        "climsim_runs",
        "climsim_outbox_messages",
        "climsim_oldest_queued_seconds",
        "climsim_volume_bytes",
    ];
    let line = |line: &str| {
        let (name, value) = line.rsplit_once(' ')?;
        let bare = name.split('{').next()?;
        WATCHED.contains(&bare).then_some((name.to_owned(), value.parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

pub(crate) async fn restart(
    settings: &Settings<'_>,
    service: &str,
    wait: u64,
) -> Result<CommandOutput, Error> {
    let engine = settings.engine().await?;
    let containers = of_service(&engine, &settings.0.stack, service).await?;
    for container in &containers {
        if container.swarm {
            let full = format!("{}_{service}", settings.0.stack);
            return Err(Error::Refused(format!(
                "{} belongs to a swarm: use `docker service update --force {full}`",
                container.name
            )));
        }
    }
    // One after the other: where there are several, one of them answers.
    for container in &containers {
        engine.restart(container, GRACE_SECONDS).await?;
        healthy(&engine, &settings.0.stack, service, Duration::from_secs(wait)).await?;
    }
    let names: Vec<&str> = containers.iter().map(|container| container.name.as_str()).collect();
    let text = format!("restarted: {}", names.join(", "));
    Ok(CommandOutput::well(text, json!({ "restarted": names })))
}

async fn of_service(engine: &Engine, stack: &str, service: &str) -> Result<Vec<Container>, Error> {
    let all = engine.containers(stack).await?;
    let known: BTreeSet<String> = all.iter().map(|container| container.service.clone()).collect();
    let found: Vec<Container> = all.into_iter().filter(|container| container.service == service).collect();
    if found.is_empty() {
        let known: Vec<_> = known.into_iter().collect();
        return Err(Error::Refused(format!(
            "the stack '{stack}' has no container of '{service}'; it has: {}",
            if known.is_empty() { "none at all".to_owned() } else { known.join(", ") }
        )));
    }
    Ok(found)
}

async fn healthy(engine: &Engine, stack: &str, service: &str, patience: Duration) -> Result<(), Error> {
    let deadline = Instant::now() + patience;
    loop {
        let unwell = not_settled(&of_service(engine, stack, service).await?, None);
        if unwell.is_empty() || patience.is_zero() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(Error::Refused(format!(
                "after {} s: {} (`stackctl logs {service}` shows why)",
                patience.as_secs(),
                unwell.join(", ")
            )));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Waits until every service of ours runs, is healthy and, where one is named, on a tag; says how long that took.
///
/// # Errors
/// It does not come to that in time; the message names who is not well.
pub(crate) async fn settled(
    engine: &Engine,
    stack: &str,
    tag: Option<&str>,
    patience: Duration,
) -> Result<Option<String>, Error> {
    if patience.is_zero() {
        return Ok(None);
    }
    let since = Instant::now();
    loop {
        let containers = engine.containers(stack).await?;
        let ours: Vec<Container> =
            containers.into_iter().filter(|container| IMAGES.contains(&container.service.as_str())).collect();
        let mut unwell = not_settled(&ours, tag);
        for service in IMAGES {
            if !ours.iter().any(|container| container.service == service) {
                unwell.push(format!("{service} has no container"));
            }
        }
        if unwell.is_empty() {
            return Ok(Some(format!("all services are healthy, after {} s", since.elapsed().as_secs())));
        }
        if since.elapsed() > patience {
            return Err(Error::Refused(format!(
                "deployed, but after {} s not well: {} (`stackctl status`, `stackctl logs`)",
                patience.as_secs(),
                unwell.join(", ")
            )));
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

fn not_settled(containers: &[Container], tag: Option<&str>) -> Vec<String> {
    let mut unwell = Vec::new();
    for container in containers {
        if container.state != "running" {
            unwell.push(format!("{} is {}", container.name, container.state));
        } else if let Some(health @ ("starting" | "unhealthy")) = container.health() {
            unwell.push(format!("{} is {health}", container.name));
        } else if tag.is_some_and(|tag| !container.image.ends_with(&format!(":{tag}"))) {
            unwell.push(format!("{} still runs {}", container.name, container.image));
        }
    }
    unwell
}

/// Writes the log of a service's containers as it is and, when followed, as it comes.
///
/// # Errors
/// There is no such service, or an age that is none.
pub(crate) async fn logs(
    settings: &Settings<'_>,
    service: &str,
    tail: &str,
    since: Option<&str>,
    follow: Follow,
) -> Result<(), Error> {
    if tail != "all" && tail.parse::<u64>().is_err() {
        return Err(Error::Usage(format!("--tail {tail}: use a number of lines, or all")));
    }
    let since = since.map(seconds_ago).transpose()?;
    let engine = settings.engine().await?;
    let containers = of_service(&engine, &settings.0.stack, service).await?;
    let several = containers.len() > 1;
    let logs = containers.iter().map(|container| async {
        let mut pieces = engine.logs(container, tail, since, follow).await?;
        let mut line = Vec::new();
        while let Some(piece) = pieces.next().await {
            for byte in piece?.bytes {
                if byte == b'\n' {
                    tell(&container.name, &line, several, settings.0.json)?;
                    line.clear();
                } else {
                    line.push(byte);
                }
            }
        }
        if !line.is_empty() {
            tell(&container.name, &line, several, settings.0.json)?;
        }
        Ok::<(), Error>(())
    });
    join_all(logs).await.into_iter().collect()
}

fn tell(container: &str, line: &[u8], several: bool, as_json: bool) -> Result<(), Error> {
    let line = String::from_utf8_lossy(line);
    let line = line.trim_end_matches('\r');
    let mut out = std::io::stdout().lock();
    let told = if as_json {
        writeln!(out, "{}", json!({ "container": container, "line": line }))
    } else if several {
        writeln!(out, "{container}: {line}")
    } else {
        writeln!(out, "{line}")
    };
    // Whoever reads has read enough.
    told.map_err(|source| Error::File { action: "write to", path: "the standard output".into(), source })
}

/// `90s`, `10m`, `2h`, `3d` as a time in seconds since 1970.
fn seconds_ago(age: &str) -> Result<i64, Error> {
    let refused = || Error::Usage(format!("--since {age}: use an age such as 90s, 10m, 2h or 3d"));
    let (number, unit) = age.split_at(age.len().saturating_sub(1));
    let unit: i64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        _ => return Err(refused()),
    };
    let number: u32 = number.parse().map_err(|_| refused())?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Ok(i64::try_from(now).unwrap_or(i64::MAX) - i64::from(number) * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_read() {
        let now = seconds_ago("0s").unwrap();
        assert!((now - seconds_ago("2h").unwrap() - 7200).abs() <= 1);
        for wrong in ["", "h", "10", "-1m", "5 m", "1w"] {
            assert_eq!(seconds_ago(wrong).unwrap_err().exit_status(), 2, "{wrong}");
        }
    }

    #[test]
    fn what_is_watched_is_taken_from_the_metrics() {
        let text = "# TYPE climsim_queue_messages gauge\nclimsim_queue_messages{queue=\"a b\"} 3\nother 4\n\
                    climsim_dead_letters 1\n";
        let found = gauges(text);
        assert_eq!(found.len(), 2);
        assert_eq!(found["climsim_queue_messages{queue=\"a b\"}"], 3.0);
    }
}
