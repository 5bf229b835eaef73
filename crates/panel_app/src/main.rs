//! The map editor as a process of its own; see the library.

use std::process::ExitCode;

use service::process::{UpdateAdvice, ask};
use service::{Context, Error, relay};

const NAME: &str = "panel_app";

fn main() -> ExitCode {
    // A child that reads a foreign NetCDF-4 file is this program too.
    dataset::contained::run_if_child();
    service::process::main(
        NAME,
        async |config, stop| {
            let context = Context::open(config, NAME, &stop).await?;
            context.answer_health(NAME, &stop);
            tokio::spawn(relay::run(context.store.clone(), context.bus.clone(), stop.clone()));
            let served = panel_app::run(&context, stop).await;
            served.map_err(|error| Error::Other(format!("{error:#}")))
        },
        // Open editors come back by themselves; a change that is under way is worth the wait.
        async |config| {
            let Some(health) = &config.health else { return Ok(UpdateAdvice::Go) };
            let Ok(metrics) = ask(health, "/metrics") else { return Ok(UpdateAdvice::Go) };
            let in_flight = metrics.lines().filter_map(|line| line.strip_prefix(panel_app::IN_FLIGHT));
            let busy =
                in_flight.filter_map(|value| value.trim().parse::<f64>().ok()).any(|value| value > 0.0);
            Ok::<_, Error>(if busy { UpdateAdvice::Later } else { UpdateAdvice::Go })
        },
    )
}
