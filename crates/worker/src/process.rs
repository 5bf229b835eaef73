//! A worker as a process of its own.

use std::process::ExitCode;

use service::process::UpdateAdvice;
use service::{Context, Error, relay};
use tokio_util::sync::CancellationToken;

/// The whole `main` of a worker's process: `run` computes until it is told to stop, with health and relay beside it.
pub fn main<R>(name: &'static str, run: R) -> ExitCode
where
    R: AsyncFnOnce(&Context, CancellationToken) -> Result<(), Error>,
{
    // Reading HDF5 re-runs this program as a child with nothing else to do.
    dataset::contained::run_if_child();
    service::process::main(
        name,
        async |config, stop| {
            if config.broker.is_none() {
                // The embedded bus lives inside one process: a worker beside it would be alone.
                service::broker_only(&config, name)?;
            }
            let context = Context::open(config, name, &stop).await?;
            context.answer_health(name, &stop);
            // Carries what the last runs owe after the worker has stopped.
            let carried = CancellationToken::new();
            let relaying = relay::run(context.store.clone(), context.bus.clone(), carried.clone());
            let relay = tokio::spawn(relaying);
            let outcome = run(&context, stop).await;
            carried.cancel();
            let _ = relay.await;
            outcome
        },
        async |config| {
            let store = store::Store::open(&config.store())?;
            let busy = store.activity()?.running > 0;
            Ok::<_, Error>(if busy { UpdateAdvice::Later } else { UpdateAdvice::Go })
        },
    )
}
