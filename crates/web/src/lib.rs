//! What every web service shares: sessions, ownership, protection against forged requests, base templates, static
//! files, errors.
//!
//! A service puts a [`Site`] among the data of its application and wraps the application in [`respond()`]. Handlers then
//! say by their arguments what they need: [`Visitor`] (anybody), [`Login`] (an account), [`Owned`] (the data file of the
//! path, which is the visitor's), [`Submitted`] (a form sent from a page of this site). What outlives its request, a stream or
//! a socket, asks its [`Access`] again from time to time.
//!
//! Invariants: no route of a data file without [`Owned`]; no changing request without the session's token; every
//! error of a visitor's making is a 4xx with a message; no inline scripts or styles anywhere.

mod assets;
mod error;
mod form;
mod limit;
mod local;
mod page;
mod respond;
mod session;
pub mod upload;

pub use assets::{Assets, serve as serve_asset};
pub use error::{Code, Error, FieldError};
pub use form::{Choice, Fields, Submitted};
pub use limit::Limiter;
pub use local::local_path;
pub use page::{Category, Page, see_other, templates};
pub use respond::{RequestId, problem, respond};
pub use session::{Access, Login, Owned, SESSION_COOKIE, Visitor, api};

use std::time::Duration;

use store::Store;
use tera::Tera;

/// How long a connection without requests stays open: longer than a script thinks between two requests, because a request that
/// crosses the closing of its connection fails.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long a client may take for the head of a request: also a browser on a busy machine, whose many connections wait for
/// each other.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(20);

/// Configuration of a web service.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Cookies only over TLS.
    pub secure_cookies: bool,
    /// Anybody may register.
    pub registration_open: bool,
    /// The largest file that may be uploaded, in bytes.
    pub upload_limit_bytes: u64,
    /// Pages for developers.
    pub development: bool,
    /// What stands before every path of this service's own pages and files: empty, or `/panel`.
    pub base: &'static str,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            secure_cookies: false,
            registration_open: true,
            upload_limit_bytes: 2_000_000_000,
            development: false,
            base: "",
        }
    }
}

/// What the requests of a web service share.
pub struct Site {
    /// Accounts, sessions, data files.
    pub store: Store,
    /// The static files.
    pub assets: Assets,
    /// What the service was told.
    pub settings: Settings,
    templates: Tera,
    key: Vec<u8>,
}

impl Site {
    /// A site on `store`, with the templates and static files of a service.
    ///
    /// # Errors
    /// When the key of the instance cannot be read.
    pub fn new(
        store: Store,
        templates: Tera,
        assets: Assets,
        settings: Settings,
    ) -> Result<Self, store::Error> {
        let key = store.secret_key()?.to_vec();
        Ok(Self { store, assets, settings, templates, key })
    }
}

/// Runs what blocks (disk, database, numerics) beside the threads that answer requests.
///
/// # Errors
/// The work's own, or that the server is stopping.
pub async fn block<T, F>(work: F) -> Result<T, Error>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, Error> + Send + 'static,
{
    actix_web::web::block(work).await?
}
