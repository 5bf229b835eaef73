//! `tags`

use serde_json::json;

use crate::Error;
use crate::engine::Engine;
use crate::file::{IMAGES, image_of};
use crate::output::{CommandOutput, table};
use crate::settings::Settings;
use crate::tags::{Holdings, Running, holdings};

/// The digests of our images that run; none where there is no such stack.
///
/// # Errors
/// The engine does not answer.
pub(crate) async fn running(engine: &Engine, stack: &str) -> Result<Running, Error> {
    let mut running = Running::new();
    for container in engine.containers(stack).await? {
        let Some(service) = IMAGES.into_iter().find(|service| *service == container.service) else {
            continue;
        };
        if container.state == "running" {
            running.entry(service).or_default().extend(engine.image(&container.image_id).await?.digests);
        }
    }
    Ok(running)
}

pub(crate) async fn tags(settings: &Settings<'_>, limit: usize) -> Result<CommandOutput, Error> {
    let registries = settings.registries()?;
    // A tag can be looked up from a machine without an engine.
    let asked = async { running(&settings.engine().await?, &settings.0.stack).await };
    let (running, unknown) = match asked.await {
        Ok(running) => (running, None),
        Err(error @ Error::Usage(_)) => return Err(error),
        Err(error) => (Running::new(), Some(error.to_string())),
    };
    let (mut text, mut found, mut problems) = (String::new(), Vec::new(), Vec::new());
    for registry in &registries {
        match holdings(registry, &running, limit).await {
            Ok(holdings) => {
                text.push_str(&written(&holdings));
                found.push(holdings);
            }
            // The others are shown all the same.
            Err(error) => {
                let error = store::chain(&error);
                text.push_str(&format!("{}: {error}\n", registry.place()));
                problems.push(json!({ "registry": registry.place().to_string(), "problem": error }));
            }
        }
        text.push('\n');
    }
    if let Some(why) = &unknown {
        text.push_str(&format!("What runs is not known: {why}\n"));
    }
    let well = problems.is_empty();
    let json = json!({ "registries": found, "problems": problems, "running_unknown": unknown });
    Ok(CommandOutput { text: text.trim_end().to_owned(), json, well })
}

fn written(holdings: &Holdings) -> String {
    let mut rows = vec![["tag", "set", "also", "runs"].map(str::to_owned).to_vec()];
    for set in &holdings.sets {
        let missing: Vec<String> = set.missing.iter().map(|service| image_of(service)).collect();
        rows.push(vec![
            set.tag.clone(),
            if set.complete() { "complete".to_owned() } else { format!("lacks {}", missing.join(", ")) },
            set.also.join(", "),
            match set.running.len() {
                0 => String::new(),
                n if n == IMAGES.len() => "all".to_owned(),
                _ => set.running.join(", "),
            },
        ]);
    }
    let mut text = format!("{}\n{}", holdings.registry, table(&rows));
    if holdings.older > 0 {
        text.push_str(&format!("and {} older (--limit)\n", holdings.older));
    }
    for moving in holdings.moving.iter().filter(|moving| moving.set().is_none()) {
        let mut parts: Vec<String> = Vec::new();
        for service in &moving.images {
            let stamp = moving.points_to.get(service).map_or("something not shown", String::as_str);
            parts.push(format!("{service} at {stamp}"));
        }
        text.push_str(&format!("{} is no single set: {}\n", moving.tag, parts.join(", ")));
    }
    text
}
