//! The web service: accounts, data files, the workflow, its files, and the HTTP API.
//!
//! [`run`] serves until it is told to stop; [`configure`] lists the routes, which are those of the original platform
//! and the API under `/api/v1`. Handlers are thin: what they know of the numerics is the checking of forms
//! (`forms`), everything else is asked of the store.
//!
//! Invariants: a stored file is never written to; no page sends a whole array; no route of a data file answers
//! anybody but its owner.

pub mod api;
mod archive;
mod events;
mod field;
mod forms;
mod live;
mod pages;
mod provenance;
mod routes;
mod settings;
mod stream;
mod zip;

use std::net::SocketAddr;
use std::sync::Arc;

use actix_web::web::{Data, PayloadConfig};
use actix_web::{App, HttpServer};
use anyhow::Context as _;
use broker::Bus;
use rust_embed::RustEmbed;
use service::Health;
use store::Store;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use web::{Assets, Limiter, Site};

pub use live::ChangeNotifier;
pub use routes::configure;
pub use settings::{Settings, Thanks};

#[derive(RustEmbed)]
#[folder = "templates"]
struct Templates;

#[derive(RustEmbed)]
#[folder = "static"]
struct Static;

/// What the web service works with.
#[derive(Clone)]
pub struct Context {
    /// Everything that is remembered.
    pub store: Store,
    /// The bus, to see what happens.
    pub bus: Arc<dyn Bus>,
    /// Service configuration.
    pub settings: Settings,
    /// The process, for `/livez`, `/readyz`, `/metrics`; absent in tests.
    pub process: Option<service::Context>,
}

impl Context {
    /// The web service among the services of a process. With `AUTH=logged_in` this makes the first account.
    ///
    /// # Errors
    /// An invalid address or setting, or a failing store.
    pub fn from_context(context: &service::Context) -> anyhow::Result<Self> {
        let settings = Settings::from_config(&context.config)?;
        settings::first_account(&context.store, &context.config.auth)?;
        let process = Some(context.clone());
        Ok(Self { store: context.store.clone(), bus: Arc::clone(&context.bus), settings, process })
    }
}

/// Adds the routes of another service to this one's server.
pub type Mount = Arc<dyn Fn(&mut actix_web::web::ServiceConfig) + Send + Sync>;

/// What the handlers of this service share beside the [`Site`].
pub struct Shared {
    /// Who looks at what.
    pub live: Arc<ChangeNotifier>,
    pub(crate) settings: Settings,
    pub(crate) login_failures_by_name: Limiter,
    pub(crate) login_failures_by_address: Limiter,
    /// Hashing a password takes 20 MB: only a few at a time.
    pub(crate) hashing: Semaphore,
}

/// A server that listens already: its addresses are known.
pub struct BoundServer {
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    server: actix_web::dev::Server,
    live: Arc<ChangeNotifier>,
    context: Context,
}

/// Serves until `stop`.
///
/// # Errors
/// When the templates are broken, the store does not open, or the address is taken.
pub async fn run(context: Context, stop: CancellationToken) -> anyhow::Result<()> {
    bind(context, None, stop)?.serve().await
}

/// Listens, without answering yet. What is mounted answers on the same port.
///
/// # Errors
/// As [`run`].
pub fn bind(
    context: Context,
    mounted: Option<Mount>,
    stop: CancellationToken,
) -> anyhow::Result<BoundServer> {
    let live = Arc::new(ChangeNotifier::new(stop));
    let (site, shared) = state(&context, Arc::clone(&live))?;
    let health = context.process.as_ref().map(|process| Health::new("flask_app", process, live.stop.clone()));
    let mut server = HttpServer::new(move || {
        let (health, mounted) = (health.clone(), mounted.clone());
        App::new()
            .app_data(site.clone())
            .app_data(shared.clone())
            .app_data(PayloadConfig::new(1 << 20))
            .wrap(actix_web::middleware::Compress::default())
            .wrap(actix_web::middleware::from_fn(web::respond))
            .configure(|routes| {
                if let Some(health) = &health {
                    health.configure(routes)
                }
            })
            .configure(|routes| {
                // Before `/{id}/...`, which would take its addresses for those of a workflow.
                if let Some(mounted) = &mounted {
                    mounted(routes)
                }
            })
            .configure(configure)
    })
    // A compressed response leaves in two sends: without this the second waits for the client's delayed acknowledgement.
    .tcp_nodelay(true)
    .keep_alive(web::KEEP_ALIVE)
    .client_request_timeout(web::HEAD_TIMEOUT)
    .workers(context.settings.threads)
    // Whoever closes the connection has gone: what is computed for the request is given up.
    .h1_allow_half_closed(false)
    .disable_signals()
    .shutdown_timeout(10);
    for address in &context.settings.listen {
        server = server.bind(address).with_context(|| {
            format!("cannot listen on {address}: choose another with FLASK_RUN_HOST and FLASK_RUN_PORT")
        })?;
    }
    let addresses = server.addrs();
    Ok(BoundServer { addresses, server: server.run(), live, context })
}

impl BoundServer {
    /// Serves until told to stop.
    ///
    /// # Errors
    /// When the server fails.
    pub async fn serve(self) -> anyhow::Result<()> {
        let stop = self.live.stop.clone();
        let watcher = tokio::spawn(Arc::clone(&self.live).run(self.context.bus, self.context.store));
        let handle = self.server.handle();
        let stopper = tokio::spawn(async move {
            stop.cancelled().await;
            handle.stop(true).await;
        });
        let served = self.server.await.context("the web server failed");
        watcher.abort();
        stopper.abort();
        served
    }
}

/// What the handlers share: for [`bind`], and for tests that call the application without a server.
///
/// # Errors
/// When the templates are broken or the key of the instance cannot be read.
pub fn state(context: &Context, live: Arc<ChangeNotifier>) -> anyhow::Result<(Data<Site>, Data<Shared>)> {
    let templates = web::templates::<Templates>().context("a template is broken")?;
    let assets = Assets::embedded::<Static>();
    let site = Site::new(context.store.clone(), templates, assets, context.settings.web.clone())
        .context("the key of the instance cannot be read")?;
    let minutes = |n: u64| std::time::Duration::from_secs(60 * n);
    let shared = Shared {
        live,
        settings: context.settings.clone(),
        login_failures_by_name: Limiter::new(10, minutes(10)),
        login_failures_by_address: Limiter::new(50, minutes(10)),
        hashing: Semaphore::new(2),
    };
    Ok((Data::new(site), Data::new(shared)))
}
