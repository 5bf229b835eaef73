//! The dispatcher as a process of its own; see the library.

use std::process::ExitCode;

use service::process::UpdateAdvice;
use service::{Error, Health};

const NAME: &str = "message_dispatcher";

fn main() -> ExitCode {
    service::process::main(
        NAME,
        async |config, stop| {
            let bus = service::broker_only(&config, NAME)?;
            if let Some(listen) = config.health.clone() {
                Health::of_bus(NAME, bus.clone(), stop.clone()).answer(listen);
            }
            message_dispatcher::run(bus, stop).await;
            Ok::<(), Error>(())
        },
        // Whatever is in hand comes again.
        async |_config| Ok(UpdateAdvice::Go),
    )
}
