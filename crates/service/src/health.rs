//! `/livez`, `/readyz`, `/metrics`, `/version`: mounted in a web service's own server, or served on a port of their
//! own.

use std::sync::Arc;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{App, HttpResponse, HttpServer};
use broker::{Bus, DEAD_LETTERS};
use serde_json::{Map, Value, json};
use store::Store;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use workflow::message::TOPOLOGY;

use crate::config::Listen;
use crate::metrics::gauge;
use crate::{Context, Error, Metrics};

/// How a service is.
#[derive(Clone)]
pub struct Health {
    service: &'static str,
    /// It has a store that cannot be opened yet.
    awaits_database: bool,
    store: Option<Store>,
    bus: Arc<dyn Bus>,
    metrics: Metrics,
    stop: CancellationToken,
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Health").field("service", &self.service).finish_non_exhaustive()
    }
}

impl Health {
    /// The health of a service with a store and a bus; from `stop` on it is not ready.
    pub fn new(service: &'static str, context: &Context, stop: CancellationToken) -> Self {
        Self {
            service,
            awaits_database: false,
            store: Some(context.store.clone()),
            bus: Arc::clone(&context.bus),
            metrics: context.metrics.clone(),
            stop,
        }
    }

    /// The health of a service that has only a bus.
    pub fn of_bus(service: &'static str, bus: Arc<dyn Bus>, stop: CancellationToken) -> Self {
        Self { service, awaits_database: false, store: None, bus, metrics: Metrics::default(), stop }
    }

    /// The same while the database of the store cannot be reached: not ready for that reason.
    #[must_use]
    pub(crate) fn without_database(mut self) -> Self {
        self.awaits_database = true;
        self
    }

    /// Adds the four routes to a server.
    pub fn configure(&self, routes: &mut ServiceConfig) {
        routes
            .app_data(Data::new(self.clone()))
            .route("/livez", web::get().to(livez))
            .route("/readyz", web::get().to(readyz))
            .route("/metrics", web::get().to(metrics))
            .route("/version", web::get().to(version));
    }

    /// Serves the four routes on a port of their own, beside the service, until it stops. A port that is taken stands in the log:
    /// whoever asks there hears somebody else.
    pub fn answer(self, listen: Listen) -> JoinHandle<()> {
        tokio::spawn(async move {
            if let Err(error) = self.serve(listen).await {
                tracing::error!(error = store::chain(&error), "health checks are not answered");
            }
        })
    }

    async fn serve(self, listen: Listen) -> Result<(), Error> {
        let address = format!("{}:{}", listen.host, listen.port);
        let stop = self.stop.clone();
        let server = HttpServer::new(move || App::new().configure(|routes| self.configure(routes)))
            .tcp_nodelay(true)
            .workers(1)
            .disable_signals()
            .shutdown_timeout(1)
            .bind(&address)
            .map_err(|source| Error::Listen { address: address.clone(), source })?
            .run();
        let handle = server.handle();
        tokio::spawn(async move {
            stop.cancelled().await;
            handle.stop(true).await;
        });
        server.await.map_err(|source| Error::Listen { address, source })
    }

    /// What is missing, by name; empty when the service is ready.
    pub async fn missing(&self) -> Map<String, Value> {
        let mut missing = Map::new();
        if self.stop.is_cancelled() {
            missing.insert("service".into(), "it is stopping".into());
        }
        if self.awaits_database {
            missing.insert("database".into(), "it cannot be reached yet; the log says why".into());
        }
        if let Err(error) = self.bus.ready().await {
            missing.insert("broker".into(), error.to_string().into());
        }
        if let Some(store) = self.store.clone() {
            // Opening the store has checked the schema; reading and staging check that database and volume are there.
            let checked = tokio::task::spawn_blocking(move || {
                (store.activity().map(drop), store.stage(".probe").map(drop))
            });
            match checked.await {
                Ok((database, volume)) => {
                    if let Err(error) = database {
                        missing.insert("database".into(), error.to_string().into());
                    }
                    if let Err(error) = volume {
                        missing.insert("volume".into(), error.to_string().into());
                    }
                }
                Err(_) => drop(missing.insert("store".into(), "it does not answer".into())),
            }
        }
        missing
    }

    async fn gauges(&self) -> String {
        let mut text = String::new();
        for queue in TOPOLOGY.map(|(queue, _)| queue) {
            if let Ok(depth) = self.bus.depth(queue).await {
                gauge(&mut text, "climsim_queue_messages", &[("queue", queue)], depth as f64);
            }
        }
        if let Ok(depth) = self.bus.depth(DEAD_LETTERS).await {
            gauge(&mut text, "climsim_dead_letters", &[], depth as f64);
        }
        let Some(store) = self.store.clone() else { return text };
        let asked = tokio::task::spawn_blocking(move || (store.activity(), volume_bytes(&store)));
        if let Ok((activity, bytes)) = asked.await {
            if let Ok(activity) = activity {
                gauge(&mut text, "climsim_runs", &[("state", "queued")], activity.queued as f64);
                gauge(&mut text, "climsim_runs", &[("state", "running")], activity.running as f64);
                gauge(&mut text, "climsim_outbox_messages", &[], activity.outbox as f64);
                let age = activity.oldest_queued.as_deref().and_then(age_seconds).unwrap_or(0.0);
                gauge(&mut text, "climsim_oldest_queued_seconds", &[], age);
            }
            gauge(&mut text, "climsim_volume_bytes", &[], bytes as f64);
        }
        text
    }
}

/// The sizes of the files of the instance folder, which is flat.
fn volume_bytes(store: &Store) -> u64 {
    let Ok(entries) = std::fs::read_dir(store.instance()) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
}

/// Seconds since a time stamp of the store.
fn age_seconds(stamp: &str) -> Option<f64> {
    let format =
        time::macros::format_description!("[year]-[month]-[day] [hour]:[minute]:[second].[subsecond]");
    let then = time::PrimitiveDateTime::parse(stamp, &format).ok()?.assume_utc();
    Some((time::OffsetDateTime::now_utc() - then).as_seconds_f64().max(0.0))
}

/// Liveness: does not check dependencies.
async fn livez() -> HttpResponse {
    HttpResponse::Ok().body("ok\n")
}

async fn readyz(health: Data<Health>) -> HttpResponse {
    let missing = health.missing().await;
    if missing.is_empty() {
        HttpResponse::Ok().json(json!({ "ready": true }))
    } else {
        HttpResponse::ServiceUnavailable().json(json!({ "ready": false, "missing": missing }))
    }
}

async fn metrics(health: Data<Health>) -> HttpResponse {
    let text = health.metrics.text() + &health.gauges().await;
    HttpResponse::Ok().insert_header((CONTENT_TYPE, "text/plain; version=0.0.4")).body(text)
}

async fn version(health: Data<Health>) -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "service": health.service,
        "version": env!("CARGO_PKG_VERSION"),
        // Given by the build of an image; a build from a checkout has none.
        "commit": option_env!("CLIMSIM_COMMIT"),
        "built": option_env!("CLIMSIM_BUILT"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_a_stamp_is_counted_from_now() {
        assert!(age_seconds("2000-01-01 00:00:00.000").unwrap() > 8e8);
        assert_eq!(age_seconds("2999-01-01 00:00:00.000"), Some(0.0));
        assert_eq!(age_seconds("yesterday"), None);
    }
}
