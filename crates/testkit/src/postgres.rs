//! A PostgreSQL of our own.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Starts the server and takes it down when its standard input ends, which it does however the test process ends.
/// The server refuses to run as root, hence `AS_USER`.
const KEEPER: &str = r#"
set -e
$AS_USER mkdir "$FOLDER"
$AS_USER "$PROGRAMS/initdb" -D "$FOLDER/data" -U postgres -A trust -E UTF8 --no-sync >/dev/null
$AS_USER "$PROGRAMS/postgres" -D "$FOLDER/data" -k "$FOLDER" -c listen_addresses= -c fsync=off \
    -c max_connections=400 >/dev/null 2>&1 &
cat >/dev/null
$AS_USER "$PROGRAMS/pg_ctl" -D "$FOLDER/data" -m immediate stop >/dev/null 2>&1 || true
rm -rf "$FOLDER"
"#;

/// A database of its own, dropped at the end: on the server that `CLIMSIM_TEST_POSTGRES` names, else on a private one
/// that all tests of the process share.
#[derive(Debug)]
pub struct PostgresDatabase {
    /// Its address, `postgres://...`.
    pub url: String,
    name: String,
}

impl PostgresDatabase {
    /// An empty database; `None` (said aloud) when there is no server to start.
    ///
    /// # Panics
    /// A server is there and does not obey.
    pub fn create() -> Option<Self> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let server = server()?;
        let name = format!("climsim_test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        execute(server, &format!("CREATE DATABASE {name}")).expect("PostgreSQL makes a database");
        Some(Self { url: with_database(server, &name), name })
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        if let Some(server) = server()
            && let Err(error) = execute(server, &format!("DROP DATABASE {} WITH (FORCE)", self.name))
        {
            eprintln!("the database {} stays behind: {error}", self.name);
        }
    }
}

fn execute(url: &str, sql: &str) -> io::Result<()> {
    let psql = programs().map(|folder| folder.join("psql")).filter(|path| path.is_file());
    let output = Command::new(psql.unwrap_or_else(|| "psql".into()))
        .args(["--no-psqlrc", "--quiet", "--command", sql, url])
        .stdin(Stdio::null())
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// The address with another database: what stands between the host and a question mark.
fn with_database(url: &str, name: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, String::new()), |(a, q)| (a, format!("?{q}")));
    let (scheme, rest) = address.split_once("://").unwrap_or(("postgres", address));
    let host = rest.split('/').next().unwrap_or_default();
    format!("{scheme}://{host}/{name}{query}")
}

/// The private server, as long as its keeper's standard input is open.
struct Server {
    url: String,
    _keeper: Child,
}

/// The address of the server's own database.
fn server() -> Option<&'static str> {
    static GIVEN: OnceLock<Option<String>> = OnceLock::new();
    static PRIVATE: OnceLock<Option<Server>> = OnceLock::new();
    let given =
        GIVEN.get_or_init(|| std::env::var("CLIMSIM_TEST_POSTGRES").ok().filter(|url| !url.is_empty()));
    match given {
        Some(url) => Some(url),
        None => PRIVATE.get_or_init(start).as_ref().map(|server| server.url.as_str()),
    }
}

/// The newest of Debian's.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<PathBuf> = versions.flatten().map(|version| version.path().join("bin")).collect();
    found.retain(|folder| folder.join("initdb").is_file());
    found.sort();
    found.pop()
}

fn start() -> Option<Server> {
    let Some(programs) = programs() else {
        crate::skipped("no PostgreSQL", "install postgresql, or name a server in CLIMSIM_TEST_POSTGRES");
        return None;
    };
    // Only its name is needed: the folder is made by the user that the server runs as.
    let folder = tempfile::Builder::new().prefix("climsim-postgres-").tempdir().ok()?.path().to_owned();
    let is_root = Path::new("/proc/self").metadata().is_ok_and(|metadata| metadata.uid() == 0);
    let keeper = Command::new("setsid")
        .args(["sh", "-c", KEEPER])
        .env("AS_USER", if is_root { "runuser -u postgres --" } else { "" })
        .env("FOLDER", &folder)
        .env("PROGRAMS", programs)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh starts");
    let url = format!("postgres:///postgres?host={}&user=postgres", folder.display());
    let deadline = Instant::now() + Duration::from_secs(120);
    while let Err(error) = execute(&url, "SELECT 1") {
        assert!(Instant::now() < deadline, "the private PostgreSQL does not answer: {error}");
        std::thread::sleep(Duration::from_millis(50));
    }
    Some(Server { url, _keeper: keeper })
}
