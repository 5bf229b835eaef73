//! The configuration: everything from the environment, every name in one place.
//!
//! Names that operators know from the original keep their meaning. Every variable has a default, and what is secret
//! can also be given as a file, named by the variable with `_FILE` appended.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use broker::rabbit;

use crate::Error;

/// Every variable that the platform reads.
pub mod names {
    /// Host of RabbitMQ.
    pub const BROKER_HOSTNAME: &str = "BROKER_HOSTNAME";
    /// Whole address of RabbitMQ, `amqp://user:password@host:port/vhost`; wins over the parts.
    pub const BROKER_URL: &str = "BROKER_URL";
    /// Port of RabbitMQ; 5672.
    pub const BROKER_PORT: &str = "BROKER_PORT";
    /// User of RabbitMQ; `guest`.
    pub const BROKER_USER: &str = "BROKER_USER";
    /// Password of RabbitMQ; `guest`.
    pub const BROKER_PASSWORD: &str = "BROKER_PASSWORD";
    /// Virtual host of RabbitMQ; `/`.
    pub const BROKER_VHOST: &str = "BROKER_VHOST";
    /// The instance folder; `/usr/src/app/instance` where that exists, else `./instance`.
    pub const INSTANCE_PATH: &str = "INSTANCE_PATH";
    /// `postgres://...`; without it SQLite in the instance folder.
    pub const DATABASE_URL: &str = "DATABASE_URL";
    /// Database connections of this process; 8.
    pub const DATABASE_CONNECTIONS: &str = "DATABASE_CONNECTIONS";
    /// Address of the web pages; `0.0.0.0`.
    pub const FLASK_RUN_HOST: &str = "FLASK_RUN_HOST";
    /// Port of the web pages; 5000.
    pub const FLASK_RUN_PORT: &str = "FLASK_RUN_PORT";
    /// Address of the map editor; `0.0.0.0`.
    pub const PANEL_RUN_HOST: &str = "PANEL_RUN_HOST";
    /// Port of the map editor; 5006.
    pub const PANEL_RUN_PORT: &str = "PANEL_RUN_PORT";
    /// Other sites whose pages may open the map editor's websocket, `host[:port]` with commas between; `*` is any.
    pub const BOKEH_ALLOW_WS_ORIGIN: &str = "BOKEH_ALLOW_WS_ORIGIN";
    /// `basic`: anybody registers; `logged_in`: only who is logged in makes accounts.
    pub const AUTH: &str = "AUTH";
    /// The account made with `AUTH=logged_in`; `admin`.
    pub const CSP_USERNAME: &str = "CSP_USERNAME";
    /// Its password; without it one is made up at the first start and told once in the log.
    pub const CSP_PASSWORD: &str = "CSP_PASSWORD";
    /// Whom the login page thanks.
    pub const THANKS: &str = "THANKS";
    /// Address of the health endpoints of services without pages; `0.0.0.0`.
    pub const HEALTH_HOST: &str = "HEALTH_HOST";
    /// Port of the health endpoints of services without pages; 8080. `0` switches them off.
    pub const HEALTH_PORT: &str = "HEALTH_PORT";
    /// `human` or `json`; without it human on a terminal, JSON elsewhere.
    pub const LOG_FORMAT: &str = "LOG_FORMAT";
    /// What to log, as `level` or `crate=level,...`; `info`.
    pub const LOG: &str = "LOG";
    /// How many steps a worker runs at once; 1.
    pub const WORKER_CONCURRENCY: &str = "WORKER_CONCURRENCY";
    /// How many threads a worker computes with; the number of processors.
    pub const WORKER_THREADS: &str = "WORKER_THREADS";
    /// `development` opens the pages for developers.
    pub const FLASK_ENV: &str = "FLASK_ENV";
    /// The largest upload in megabytes; 2000.
    pub const UPLOAD_LIMIT_MB: &str = "UPLOAD_LIMIT_MB";
    /// What the values of one NetCDF-4 file may have unpacked, in MiB; 8192. They take that on the disk while they are used.
    pub const UNPACKED_LIMIT_MB: &str = "UNPACKED_LIMIT_MB";
    /// What values that were unpacked lately may take on the disk, in MiB; 4096.
    pub const UNPACKED_KEPT_MB: &str = "UNPACKED_KEPT_MB";
    /// The most memory of a process that reads a NetCDF-4 file, in MiB; 4096.
    pub const READER_MEMORY_MB: &str = "READER_MEMORY_MB";
    /// Workflows that one account may keep; 1000.
    pub const WORKFLOWS_LIMIT: &str = "WORKFLOWS_LIMIT";
    /// `yes` when the site is reached over TLS only: cookies are then sent over TLS only.
    pub const SECURE_COOKIES: &str = "SECURE_COOKIES";
    /// Threads that answer requests; the number of processors.
    pub const WEB_THREADS: &str = "WEB_THREADS";
    /// How long a service that is told to stop may finish what it has in hand; 25 s.
    pub const STOP_GRACE_SECONDS: &str = "STOP_GRACE_SECONDS";
}

/// Who may make accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// Anybody.
    Basic,
    /// Only who is logged in; the first account is made at the start.
    LoggedIn {
        /// Its name.
        username: String,
        /// Its password.
        password: Option<Secret>,
    },
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For a terminal.
    Human,
    /// One object a line.
    Json,
}

/// What must not show up in a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// The configuration of a service.
#[derive(Debug, Clone)]
pub struct Config {
    /// The instance folder.
    pub instance: PathBuf,
    /// PostgreSQL, instead of SQLite in the instance folder.
    pub database_url: Option<Secret>,
    /// Database connections at most.
    pub database_connections: u32,
    /// RabbitMQ; `None` is the embedded bus.
    pub broker: Option<rabbit::Settings>,
    /// The web pages.
    pub web: Listen,
    /// The map editor, as a service of its own.
    pub panel: Listen,
    /// Other sites whose pages may open the map editor's websocket; `*` is any.
    pub websocket_origins: Vec<String>,
    /// The health endpoints of services without pages; `None` switches them off.
    pub health: Option<Listen>,
    /// Who may make accounts.
    pub auth: Auth,
    /// Whom the login page thanks.
    pub thanks: Option<String>,
    /// How log lines look; `None` leaves it to the terminal.
    pub log_format: Option<LogFormat>,
    /// What to log.
    pub log: String,
    /// How many steps a worker runs at once.
    pub worker_concurrency: u16,
    /// How many threads a worker computes with; `None` is the number of processors.
    pub worker_threads: Option<usize>,
    /// Open the pages for developers.
    pub development: bool,
    /// The largest upload, in megabytes; `None` leaves it to the service.
    pub upload_limit_mb: Option<u64>,
    /// What the values of one NetCDF-4 file may have unpacked, in MiB; `None` leaves it to the reader.
    pub unpacked_limit_mb: Option<u64>,
    /// What values that were unpacked lately may take on the disk, in MiB; `None` leaves it to the reader.
    pub unpacked_kept_mb: Option<u64>,
    /// The most memory of a process that reads a NetCDF-4 file, in MiB; `None` leaves it to the reader.
    pub reader_memory_mb: Option<u64>,
    /// Workflows that one account may keep; `None` leaves it to the service.
    pub workflows_limit: Option<usize>,
    /// Send cookies over TLS only.
    pub secure_cookies: bool,
    /// Threads that answer requests; `None` is the number of processors.
    pub web_threads: Option<usize>,
    /// How long a service that is told to stop may finish what it has in hand.
    pub stop_grace: Duration,
}

impl Config {
    /// Reads the environment of the process.
    ///
    /// # Errors
    /// An invalid value, with its name and the values that are allowed.
    pub fn from_env() -> Result<Self, Error> {
        Self::from(|name| std::env::var(name).ok())
    }

    /// Reads the variables through `lookup`; an empty value counts as absent.
    ///
    /// # Errors
    /// As [`Config::from_env`].
    pub fn from(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let variables = Variables(lookup);
        Ok(Self {
            instance: variables.text(names::INSTANCE_PATH).map_or_else(default_instance, PathBuf::from),
            database_url: variables.secret(names::DATABASE_URL)?.map(Secret),
            database_connections: variables.number(names::DATABASE_CONNECTIONS)?.unwrap_or(8),
            broker: broker(&variables)?,
            web: Listen {
                host: variables.text(names::FLASK_RUN_HOST).unwrap_or_else(|| "0.0.0.0".into()),
                port: variables.number(names::FLASK_RUN_PORT)?.unwrap_or(5000),
            },
            panel: Listen {
                host: variables.text(names::PANEL_RUN_HOST).unwrap_or_else(|| "0.0.0.0".into()),
                port: variables.number(names::PANEL_RUN_PORT)?.unwrap_or(5006),
            },
            websocket_origins: variables
                .text(names::BOKEH_ALLOW_WS_ORIGIN)
                .map(|list| list.split(',').map(|origin| origin.trim().to_owned()).collect())
                .unwrap_or_default(),
            health: match variables.number(names::HEALTH_PORT)?.unwrap_or(8080) {
                0 => None,
                port => Some(Listen {
                    host: variables.text(names::HEALTH_HOST).unwrap_or_else(|| "0.0.0.0".into()),
                    port,
                }),
            },
            auth: auth(&variables)?,
            thanks: variables.text(names::THANKS),
            log_format: match variables.text(names::LOG_FORMAT).as_deref() {
                None => None,
                Some("human") => Some(LogFormat::Human),
                Some("json") => Some(LogFormat::Json),
                Some(other) => return Err(unknown(names::LOG_FORMAT, other, "human or json")),
            },
            log: variables.text(names::LOG).unwrap_or_else(|| "info".into()),
            worker_concurrency: variables.number(names::WORKER_CONCURRENCY)?.unwrap_or(1).max(1),
            worker_threads: variables.number(names::WORKER_THREADS)?,
            development: variables.text(names::FLASK_ENV).as_deref() == Some("development"),
            upload_limit_mb: variables.number(names::UPLOAD_LIMIT_MB)?,
            unpacked_limit_mb: variables.number(names::UNPACKED_LIMIT_MB)?,
            unpacked_kept_mb: variables.number(names::UNPACKED_KEPT_MB)?,
            reader_memory_mb: variables.number(names::READER_MEMORY_MB)?,
            workflows_limit: variables.number(names::WORKFLOWS_LIMIT)?,
            secure_cookies: variables.text(names::SECURE_COOKIES).as_deref() == Some("yes"),
            web_threads: variables.number(names::WEB_THREADS)?,
            stop_grace: Duration::from_secs(variables.number(names::STOP_GRACE_SECONDS)?.unwrap_or(25)),
        })
    }

    /// Where the store lies.
    pub fn store(&self) -> store::Config {
        store::Config {
            instance: self.instance.clone(),
            database_url: self.database_url.as_ref().map(|url| url.reveal().to_owned()),
            pool_size: self.database_connections,
        }
    }
}

fn default_instance() -> PathBuf {
    let container = Path::new("/usr/src/app/instance");
    if container.is_dir() { container.to_owned() } else { PathBuf::from("instance") }
}

fn broker<F: Fn(&str) -> Option<String>>(
    variables: &Variables<F>,
) -> Result<Option<rabbit::Settings>, Error> {
    if let Some(url) = variables.secret(names::BROKER_URL)? {
        return Ok(Some(rabbit::Settings::parse(&url)?));
    }
    let Some(host) = variables.text(names::BROKER_HOSTNAME) else { return Ok(None) };
    let defaults = rabbit::Settings::at(host);
    Ok(Some(rabbit::Settings {
        port: variables.number(names::BROKER_PORT)?.unwrap_or(defaults.port),
        user: variables.text(names::BROKER_USER).unwrap_or(defaults.user),
        password: variables.secret(names::BROKER_PASSWORD)?.unwrap_or(defaults.password),
        vhost: variables.text(names::BROKER_VHOST).unwrap_or(defaults.vhost),
        ..rabbit::Settings::at(defaults.host)
    }))
}

fn auth<F: Fn(&str) -> Option<String>>(variables: &Variables<F>) -> Result<Auth, Error> {
    match variables.text(names::AUTH).as_deref() {
        None | Some("basic") => Ok(Auth::Basic),
        Some("logged_in") => Ok(Auth::LoggedIn {
            username: variables.text(names::CSP_USERNAME).unwrap_or_else(|| "admin".into()),
            password: variables.secret(names::CSP_PASSWORD)?.map(Secret),
        }),
        Some(other) => Err(unknown(names::AUTH, other, "basic or logged_in")),
    }
}

fn unknown(name: &str, value: &str, choices: &str) -> Error {
    Error::Variable { name: name.into(), problem: format!("'{value}' is unknown: use {choices}") }
}

struct Variables<F>(F);

impl<F: Fn(&str) -> Option<String>> Variables<F> {
    fn text(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// The variable, or the content of the file that the variable with `_FILE` names.
    fn secret(&self, name: &str) -> Result<Option<String>, Error> {
        if let Some(value) = self.text(name) {
            return Ok(Some(value));
        }
        let from_file = format!("{name}_FILE");
        let Some(path) = self.text(&from_file).map(PathBuf::from) else { return Ok(None) };
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned())),
            Err(source) => Err(Error::Secret { name: from_file, path, source }),
        }
    }

    fn number<N: FromStr>(&self, name: &str) -> Result<Option<N>, Error> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Error::Variable {
            name: name.into(),
            problem: format!("'{text}' is no whole number in the range that fits"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, Error> {
        let variables: Vec<_> = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Config::from(|name| variables.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone()))
    }

    #[test]
    fn an_empty_environment_is_a_working_configuration() {
        let config = config(&[]).unwrap();
        assert!(config.broker.is_none());
        assert_eq!(config.auth, Auth::Basic);
        assert_eq!(config.web, Listen { host: "0.0.0.0".into(), port: 5000 });
    }

    #[test]
    fn the_names_of_the_original_keep_their_meaning() {
        let config = config(&[
            ("BROKER_HOSTNAME", "message_broker"),
            ("AUTH", "logged_in"),
            ("CSP_USERNAME", "root"),
            ("CSP_PASSWORD", "secret"),
            ("FLASK_RUN_PORT", "80"),
            ("THANKS", "CEREGE"),
        ])
        .unwrap();
        let broker = config.broker.unwrap();
        assert_eq!((broker.peer(), broker.user.as_str()), ("message_broker:5672".to_owned(), "guest"));
        assert_eq!(config.web.port, 80);
        assert_eq!(config.thanks.as_deref(), Some("CEREGE"));
        assert_eq!(
            config.auth,
            Auth::LoggedIn { username: "root".into(), password: Some(Secret("secret".into())) }
        );
        assert!(!format!("{:?}", config.auth).contains("secret\""));
    }

    #[test]
    fn a_secret_may_be_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "from the file\n").unwrap();
        let path = file.path().to_str().unwrap();
        let config = config(&[("BROKER_HOSTNAME", "b"), ("BROKER_PASSWORD_FILE", path)]).unwrap();
        assert_eq!(config.broker.unwrap().password, "from the file");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for (name, value) in [("AUTH", "none"), ("FLASK_RUN_PORT", "70000"), ("LOG_FORMAT", "xml")] {
            let error = config(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(value), "{error}");
        }
    }
}
