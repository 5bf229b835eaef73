//! The map editor: one websocket for each open page, every action in the store before it is confirmed.
//!
//! What the page and this service say to each other stands in `PROTOCOL.md`. The truth is here: a draft that a page shows
//! is held by one task of the [`Hub`], which does what the pages ask, one after another, with the numerics of
//! [`boundary::edit`]; the browser draws and selects.
//!
//! Invariants: a change that is answered is stored; what is in memory is what the stored events tell; nobody but the owner
//! gets a frame; no request blocks a thread that answers others.

mod base;
mod consequence;
mod editor;
mod error;
mod history;
mod hub;
mod origin;
mod page;
mod plane;
mod protocol;
mod query;
mod recipe;
mod save;
mod socket;
mod work;

use std::net::{SocketAddr, ToSocketAddrs as _};

use actix_web::web::{self as aw, Data, ServiceConfig};
use actix_web::{App, HttpServer, guard};
use anyhow::Context as _;
use rust_embed::RustEmbed;
use service::{Context, Health};
use tokio_util::sync::CancellationToken;
use web::{Assets, Site};

pub use editor::{Editor, UnknownEditor};
pub use hub::{Hub, IN_FLIGHT, Limits};

/// What stands before the editor's addresses, whether or not a proxy takes it away.
pub const BASE: &str = "/panel";

#[derive(RustEmbed)]
#[folder = "templates"]
struct Templates;

#[derive(RustEmbed)]
#[folder = "static"]
struct Static;

/// What the handlers share beside the [`Site`] and the [`Hub`].
#[derive(Debug)]
pub struct Shared {
    /// Other sites whose pages may open the websocket.
    origins: Vec<String>,
}

/// The editor, ready to be mounted in a server.
#[derive(Clone)]
pub struct Panel {
    site: Data<Site>,
    shared: Data<Shared>,
    hub: Data<Hub>,
}

impl Panel {
    /// The editor of a process; from `stop` on it says good-bye to every page.
    ///
    /// # Errors
    /// When the templates are broken or the key of the instance cannot be read.
    pub fn new(context: &Context, limits: Limits, stop: CancellationToken) -> anyhow::Result<Self> {
        let templates = web::templates::<Templates>().context("a template is broken")?;
        let config = &context.config;
        let settings = web::Settings {
            secure_cookies: config.secure_cookies,
            registration_open: config.auth == service::config::Auth::Basic,
            development: config.development,
            base: BASE,
            ..web::Settings::default()
        };
        let site = Site::new(context.store.clone(), templates, Assets::embedded::<Static>(), settings)
            .context("the key of the instance cannot be read")?;
        Ok(Self {
            site: Data::new(site),
            shared: Data::new(Shared { origins: config.websocket_origins.clone() }),
            hub: Data::new(Hub::new(context.store.clone(), context.metrics.clone(), limits, stop)),
        })
    }

    /// Mounts the editor under [`BASE`].
    pub fn configure(&self, config: &mut ServiceConfig) {
        config.service(aw::scope(BASE).configure(|config| self.routes(config)));
    }

    fn routes(&self, config: &mut ServiceConfig) {
        config
            .app_data(self.site.clone())
            .app_data(self.shared.clone())
            .app_data(self.hub.clone())
            .service(aw::resource("/static/{hash}/{path:.*}").route(get().to(web::serve_asset)))
            .service(aw::resource("/{app}").route(get().to(page::page)))
            .service(aw::resource("/{app}/ws").route(get().to(page::websocket)))
            .service(aw::resource("/{app}/recipe").route(get().to(page::recipe)));
    }
}

/// GET, and HEAD, which is a GET without the body.
fn get() -> actix_web::Route {
    aw::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

/// A server that listens already: its addresses are known.
pub struct BoundServer {
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
    server: actix_web::dev::Server,
    stop: CancellationToken,
}

/// Serves the editor on its own port until `stop`.
///
/// # Errors
/// When the templates are broken, the store does not open, or the address is taken.
pub async fn run(context: &Context, stop: CancellationToken) -> anyhow::Result<()> {
    bind(context, Limits::default(), stop)?.serve().await
}

/// Listens, without answering yet.
///
/// # Errors
/// As [`run`].
pub fn bind(context: &Context, limits: Limits, stop: CancellationToken) -> anyhow::Result<BoundServer> {
    let panel = Panel::new(context, limits, stop.clone())?;
    let health = Health::new("panel_app", context, stop.clone());
    let listen = &context.config.panel;
    let (host, port) = (listen.host.as_str(), listen.port);
    let addresses: Vec<SocketAddr> = (host, port)
        .to_socket_addrs()
        .with_context(|| format!("PANEL_RUN_HOST is '{host}', which is no address of this machine"))?
        .collect();
    let mut server = HttpServer::new(move || {
        let (panel, health) = (panel.clone(), health.clone());
        App::new()
            // The middleware asks for it where no route is found.
            .app_data(panel.site.clone())
            .wrap(actix_web::middleware::Compress::default())
            .wrap(actix_web::middleware::from_fn(web::respond))
            .configure(|routes| health.configure(routes))
            .configure(|routes| panel.configure(routes))
            // A proxy has taken the beginning of the path away.
            .configure(|routes| panel.routes(routes))
    })
    // A compressed response leaves in two sends: without this the second waits for the client's delayed acknowledgement.
    .tcp_nodelay(true)
    .keep_alive(web::KEEP_ALIVE)
    .client_request_timeout(web::HEAD_TIMEOUT)
    .workers(
        context
            .config
            .web_threads
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(2, std::num::NonZero::get)),
    )
    .disable_signals()
    .shutdown_timeout(10);
    for address in addresses {
        server = server.bind(address).with_context(|| {
            format!("cannot listen on {address}: choose another with PANEL_RUN_HOST and PANEL_RUN_PORT")
        })?;
    }
    Ok(BoundServer { addresses: server.addrs(), server: server.run(), stop })
}

impl BoundServer {
    /// Serves until told to stop.
    ///
    /// # Errors
    /// When the server fails.
    pub async fn serve(self) -> anyhow::Result<()> {
        let handle = self.server.handle();
        let stop = self.stop;
        let stopper = tokio::spawn(async move {
            stop.cancelled().await;
            handle.stop(true).await;
        });
        let served = self.server.await.context("the web server failed");
        stopper.abort();
        served
    }
}
