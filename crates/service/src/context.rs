//! What a service works with.

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use broker::{Bus, EmbeddedBus, RabbitBus};
use store::Store;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{Config, Error, Health, Metrics};

/// Pauses between attempts to reach the database: the first, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// How often the log says that it is still away.
const REMINDER: Duration = Duration::from_secs(60);

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
    /// `name` is how health checks and the broker's administrator see this process.
    ///
    /// A database server that is away is waited for, until `stop`; health checks are answered meanwhile.
    ///
    /// # Errors
    /// The store cannot be opened; [`Error::Stopped`] when `stop` comes before the database.
    pub async fn open(config: Config, name: &'static str, stop: &CancellationToken) -> Result<Self, Error> {
        let bus = rabbit(&config, name);
        let store = open_store(&config, name, bus.as_ref(), stop).await?;
        let bus: Arc<dyn Bus> = match bus {
            Some(bus) => bus,
            None => {
                let store = store.clone();
                let bus = tokio::task::spawn_blocking(move || EmbeddedBus::new(store));
                Arc::new(bus.await.map_err(|_| Error::Ended { what: "opening the embedded bus" })??)
            }
        };
        Ok(Self { config: Arc::new(config), store, bus, metrics: Metrics::default() })
    }

    /// Answers health checks beside the service, where the configuration says, until `stop`.
    pub fn answer_health(&self, name: &'static str, stop: &CancellationToken) {
        if let Some(listen) = self.config.health.clone() {
            Health::new(name, self, stop.clone()).answer(listen);
        }
    }
}

async fn open_store(
    config: &Config,
    name: &'static str,
    bus: Option<&Arc<dyn Bus>>,
    stop: &CancellationToken,
) -> Result<Store, Error> {
    let mut pause = BACKOFF.0;
    let mut waiting: Option<StartupProbe> = None;
    loop {
        let options = config.store();
        let opening = tokio::task::spawn_blocking(move || Store::open(&options));
        let opened = tokio::select! {
            () = stop.cancelled(), if waiting.is_some() => return Err(Error::Stopped { what: "the database" }),
            opened = opening => opened.map_err(|_| Error::Ended { what: "opening the store" })?,
        };
        match opened {
            // A file is there or not; a server comes back.
            Err(error @ store::Error::Busy(_)) if config.database_url.is_some() => {
                waiting.get_or_insert_with(|| StartupProbe::begin(config, name, bus)).remind(&error);
            }
            done => {
                if let Some(waiting) = waiting {
                    waiting.end().await;
                }
                return Ok(done?);
            }
        }
        tokio::select! {
            () = stop.cancelled() => return Err(Error::Stopped { what: "the database" }),
            () = tokio::time::sleep(pause) => {}
        }
        pause = (pause * 2).min(BACKOFF.1);
    }
}

/// A service without its database: alive, not ready.
struct StartupProbe {
    told: Option<Instant>,
    stop: DropGuard,
    health: Option<JoinHandle<()>>,
}

impl StartupProbe {
    fn begin(config: &Config, name: &'static str, bus: Option<&Arc<dyn Bus>>) -> Self {
        let stop = CancellationToken::new();
        let health = config.health.clone().zip(bus).map(|(listen, bus)| {
            let health = Health::of_bus(name, Arc::clone(bus), stop.clone());
            health.without_database().answer(listen)
        });
        Self { told: None, stop: stop.drop_guard(), health }
    }

    fn remind(&mut self, error: &store::Error) {
        if self.told.is_none_or(|told| told.elapsed() > REMINDER) {
            let reason = error.source().map(ToString::to_string).unwrap_or_default();
            tracing::warn!(reason, "the database cannot be reached: waiting for it");
            self.told = Some(Instant::now());
        }
    }

    /// Leaves the port of the health checks to the service.
    async fn end(self) {
        tracing::info!("the database is there");
        drop(self.stop);
        if let Some(health) = self.health {
            let _ = health.await;
        }
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
