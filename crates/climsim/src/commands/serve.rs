//! `climsim serve`: every service in one process.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use service::Config;
use service::config::names;

use crate::arguments;

pub(crate) fn run(arguments: &arguments::Serve) -> Result<()> {
    let config = configuration(arguments)?;
    service::log(&config);
    service::process::use_scratch(&config);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let served = runtime.block_on(serve(config));
    // A step that outlived the grace period is taken up again at the next start.
    runtime.shutdown_timeout(Duration::from_millis(200));
    served
}

async fn serve(config: Config) -> Result<()> {
    let stop = service::process::stop_on_signals()?;
    let instance = config.instance.clone();
    let context = match service::Context::open(config, "climsim", &stop).await {
        // Whoever stops it while it waits for its database gets what was asked for.
        Err(service::Error::Stopped { .. }) => return Ok(()),
        opened => opened.with_context(|| format!("opening the instance folder {}", instance.display()))?,
    };

    let relay = tokio::spawn(service::relay::run(context.store.clone(), context.bus.clone(), stop.clone()));
    tokio::spawn(service::housekeeping::run(context.store.clone(), stop.clone()));
    let dispatcher = tokio::spawn(message_dispatcher::run(context.bus.clone(), stop.clone()));
    let numerics = tokio::spawn({
        let (context, stop) = (context.clone(), stop.clone());
        async move { python_worker::run(&context, stop).await }
    });
    let weights = tokio::spawn({
        let (context, stop) = (context.clone(), stop.clone());
        async move { mosaic_worker::run(&context, stop).await }
    });

    let panel = panel_app::Panel::new(&context, panel_app::Limits::default(), stop.clone())?;
    let mounted: flask_app::Mount = Arc::new(move |routes| panel.configure(routes));
    let pages = flask_app::bind(flask_app::Context::from_context(&context)?, Some(mounted), stop.clone())?;
    let mut hello = String::new();
    for address in &pages.addresses {
        hello += &format!("climsim is running at http://{address}\n");
    }
    hello += &format!("Data are kept in {}. Stop with Ctrl-C.\n", instance.display());
    // The platform runs whether or not anybody reads this.
    std::io::stdout().write_all(hello.as_bytes()).ok();
    let served = pages.serve().await;

    stop.cancel();
    numerics.await.context("the worker of the numerics ended unexpectedly")??;
    weights.await.context("the worker of the weights ended unexpectedly")??;
    dispatcher.await.context("the dispatcher ended unexpectedly")?;
    relay.await.context("the relay ended unexpectedly")?;
    served
}

/// The environment of the services, with the defaults of one machine and what the command line says.
fn configuration(arguments: &arguments::Serve) -> Result<Config> {
    let config = Config::from(|name| {
        let said = match name {
            names::INSTANCE_PATH => arguments.instance.as_ref().map(|path| path.display().to_string()),
            names::FLASK_RUN_HOST => arguments.host.clone(),
            names::FLASK_RUN_PORT => arguments.port.map(|port| port.to_string()),
            _ => None,
        };
        said.or_else(|| std::env::var(name).ok()).or_else(|| match name {
            names::INSTANCE_PATH => Some("instance".into()),
            // Only who asks for it serves the network.
            names::FLASK_RUN_HOST => Some("127.0.0.1".into()),
            _ => None,
        })
    })?;
    Ok(config)
}

/// The instance folder of the commands that look after it.
pub(crate) fn instance_configuration(instance: Option<&PathBuf>) -> Result<Config> {
    configuration(&arguments::Serve { instance: instance.cloned(), host: None, port: None })
}
