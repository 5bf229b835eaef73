//! What a service works with.

use std::sync::Arc;

use broker::{Bus, EmbeddedBus, RabbitBus};
use store::Store;

use crate::{Config, Error, Metrics};

/// Configuration, store, bus and metrics: opened once per process, shared by the services in it.
#[derive(Clone)]
pub struct Context {
    /// The configuration.
    pub config: Arc<Config>,
    /// The store.
    pub store: Store,
    /// The bus.
    pub bus: Arc<dyn Bus>,
    /// What `/metrics` tells.
    pub metrics: Metrics,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Context {
    /// Opens the store, and the bus that the configuration names: RabbitMQ (present or not), else the embedded one.
    /// `name` is how the broker's administrator sees this process.
    ///
    /// # Errors
    /// The store cannot be opened.
    pub async fn open(config: Config, name: &str) -> Result<Self, Error> {
        let store_config = config.store();
        let store = tokio::task::spawn_blocking(move || Store::open(&store_config))
            .await
            .map_err(|_| Error::Ended { what: "opening the store" })??;
        let bus: Arc<dyn Bus> = match rabbit(&config, name) {
            Some(bus) => bus,
            None => {
                let store = store.clone();
                let bus = tokio::task::spawn_blocking(move || EmbeddedBus::new(store));
                Arc::new(bus.await.map_err(|_| Error::Ended { what: "opening the embedded bus" })??)
            }
        };
        Ok(Self { config: Arc::new(config), store, bus, metrics: Metrics::default() })
    }
}

/// RabbitMQ as the configuration names it; it may be away.
pub(crate) fn rabbit(config: &Config, name: &str) -> Option<Arc<dyn Bus>> {
    let mut settings = config.broker.clone()?;
    name.clone_into(&mut settings.name);
    Some(Arc::new(RabbitBus::connect(settings)))
}

/// The bus of a service that has no store (the dispatcher) and therefore needs a broker of its own.
///
/// # Errors
/// None is configured.
pub fn broker_only(config: &Config, name: &str) -> Result<Arc<dyn Bus>, Error> {
    rabbit(config, name).ok_or_else(|| Error::Variable {
        name: crate::config::names::BROKER_HOSTNAME.into(),
        problem:
            "a service of its own needs the host of RabbitMQ here (or use `climsim serve`, which needs none)"
                .into(),
    })
}
