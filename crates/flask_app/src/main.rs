//! The web service as a process of its own; see the library.

use std::process::ExitCode;

use service::process::UpdateAdvice;
use service::{Context, Error, housekeeping, relay};

const NAME: &str = "flask_app";

fn main() -> ExitCode {
    // A child that reads a foreign NetCDF-4 file is this program too.
    dataset::contained::run_if_child();
    service::process::main(
        NAME,
        async |config, stop| {
            let context = Context::open(config, NAME, &stop).await?;
            context.answer_health(NAME, &stop);
            tokio::spawn(relay::run(context.store.clone(), context.bus.clone(), stop.clone()));
            tokio::spawn(housekeeping::run(context.store.clone(), stop.clone()));
            let own = flask_app::Context::from_context(&context);
            let served = async { flask_app::run(own?, stop).await }.await;
            served.map_err(|error| Error::Other(format!("{error:#}")))
        },
        // Requests are short, uploads can be sent again.
        async |_config| Ok(UpdateAdvice::Go),
    )
}
