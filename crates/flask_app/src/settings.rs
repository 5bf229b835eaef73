//! What the web service is told, and the account that it may have to make at first.

use std::net::{SocketAddr, ToSocketAddrs as _};

use anyhow::Context as _;
use service::config::Auth;
use store::Store;
use uuid::Uuid;

/// Configuration of the web service.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// What all web services are told.
    pub web: web::Settings,
    /// Whom the login page thanks (`THANKS`).
    pub thanks: Thanks,
    /// Workflows that one account may keep.
    pub data_files_limit: usize,
    /// Threads that answer requests.
    pub threads: usize,
}

/// The thanks on the login page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Thanks {
    /// None.
    #[default]
    None,
    /// CEREGE hosts this server.
    Cerege,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 5000))],
            web: web::Settings::default(),
            thanks: Thanks::None,
            data_files_limit: 1000,
            threads: std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
        }
    }
}

impl Settings {
    /// From the configuration of the process.
    ///
    /// # Errors
    /// An address that is none.
    pub(crate) fn from_config(config: &service::Config) -> anyhow::Result<Self> {
        let (host, port) = (config.web.host.as_str(), config.web.port);
        let addresses = (host, port).to_socket_addrs().with_context(|| {
            format!(
                "FLASK_RUN_HOST is '{host}', which is no address of this machine: use 0.0.0.0 or 127.0.0.1"
            )
        })?;
        let defaults = Self::default();
        Ok(Self {
            listen: addresses.collect(),
            web: web::Settings {
                secure_cookies: config.secure_cookies,
                registration_open: config.auth == Auth::Basic,
                upload_limit_bytes: config
                    .upload_limit_mb
                    .map_or(defaults.web.upload_limit_bytes, |mb| mb.saturating_mul(1_000_000)),
                development: config.development,
                base: "",
            },
            thanks: match config.thanks.as_deref() {
                Some("CEREGE") => Thanks::Cerege,
                _ => Thanks::None,
            },
            data_files_limit: config.workflows_limit.unwrap_or(defaults.data_files_limit),
            threads: config.web_threads.map_or(defaults.threads, |threads| threads.max(1)),
        })
    }
}

/// Makes the account of `AUTH=logged_in`. A password that is configured is the password; one that is not is made up
/// when the account is made, and told once in the log. (The original gave the account a new one at every start.)
///
/// # Errors
/// When the store does not answer.
pub(crate) fn first_account(store: &Store, auth: &Auth) -> anyhow::Result<()> {
    let Auth::LoggedIn { username, password } = auth else { return Ok(()) };
    let known = store.user_by_name(username)?;
    match (known, password) {
        (Some(_), None) => {}
        (Some(user), Some(password)) => {
            if store.authenticate(username, password.reveal())?.is_none() {
                store.set_password(user.id, password.reveal())?;
                tracing::info!(username, "the password is the configured one now");
            }
        }
        (None, Some(password)) => {
            store.create_user(username, password.reveal())?;
            tracing::info!(username, "account made, with the configured password");
        }
        (None, None) => {
            let password = Uuid::new_v4().simple().to_string();
            store.create_user(username, &password)?;
            tracing::warn!(
                username,
                password,
                "account made; this is its password, told only once: change it"
            );
        }
    }
    Ok(())
}
