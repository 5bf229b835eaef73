//! Services whose database server comes late, goes and comes back.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use diesel::{Connection, PgConnection, RunQueryDsl};
use end_to_end::{binary, terminate};
use serde_json::Value;
use testkit::{PostgresDatabase, free_ports};

const TIMEOUT: Duration = Duration::from_secs(90);

/// A database behind a folder of sockets that can be taken away and brought back.
struct Server {
    database: PostgresDatabase,
    sockets: PathBuf,
    door: PathBuf,
}

impl Server {
    /// At first it is away. `None` (said aloud) without a PostgreSQL that has a folder of sockets.
    fn new(folder: &Path) -> Option<Self> {
        let database = PostgresDatabase::create()?;
        let found = database.url.split(['?', '&']).find_map(|part| part.strip_prefix("host="));
        let Some(sockets) = found.map(PathBuf::from) else {
            testkit::skipped("a PostgreSQL by network", "leave CLIMSIM_TEST_POSTGRES empty");
            return None;
        };
        Some(Self { door: folder.join("door"), database, sockets })
    }

    /// Its address, by way of the door.
    fn url(&self) -> String {
        self.database.url.replace(&self.sockets.display().to_string(), &self.door.display().to_string())
    }

    fn comes(&self) -> Result<()> {
        Ok(symlink(&self.sockets, &self.door)?)
    }

    /// Nobody can connect any more, and who was connected is not.
    fn goes(&self) -> Result<()> {
        fs::remove_file(&self.door)?;
        let mut connection = PgConnection::establish(&self.database.url)?;
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        diesel::sql_query(others).execute(&mut connection)?;
        Ok(())
    }
}

struct Service {
    name: &'static str,
    child: Child,
    health: String,
    log: PathBuf,
}

impl Service {
    fn start(name: &'static str, folder: &Path, database: &str, web: u16) -> Result<Self> {
        let [health, nobody] = free_ports()?;
        let log = folder.join(format!("{name}.log"));
        let child = Command::new(binary(name))
            .arg("serve")
            .env_clear()
            .env("BROKER_URL", format!("amqp://guest:guest@127.0.0.1:{nobody}/%2f"))
            .env("DATABASE_URL", database)
            .env("INSTANCE_PATH", folder.join("instance"))
            .env("FLASK_RUN_HOST", "127.0.0.1")
            .env("FLASK_RUN_PORT", web.to_string())
            .env("HEALTH_HOST", "127.0.0.1")
            .env("HEALTH_PORT", health.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log)?)
            .spawn()?;
        Ok(Self { name, child, health: format!("http://127.0.0.1:{health}"), log })
    }

    fn lives(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended with {status}:\n{}", self.name, fs::read_to_string(&self.log)?),
        }
    }

    /// What it says it lacks; nothing while its health checks do not answer.
    async fn lacks(&mut self) -> Result<Option<Value>> {
        self.lives()?;
        let Ok(answer) = reqwest::get(format!("{}/readyz", self.health)).await else { return Ok(None) };
        let told: Value = answer.json().await?;
        Ok(Some(told["missing"].clone()))
    }

    /// Waits until it lacks the database, or does not.
    async fn lacks_database(&mut self, wanted: bool) -> Result<()> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let missing = self.lacks().await?;
            if missing.as_ref().is_some_and(|missing| missing["database"].is_string() == wanted) {
                // Alive in either case: who restarts what is not alive would only make it worse.
                let alive = reqwest::get(format!("{}/livez", self.health)).await?;
                ensure!(alive.status().is_success(), "{} is not alive", self.name);
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{} says it lacks {missing:?}", self.name);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_waited_for_and_comes_back_without_hands() -> Result<()> {
    let folder = tempfile::Builder::new().prefix("climsim-database-").tempdir()?;
    let Some(server) = Server::new(folder.path()) else { return Ok(()) };
    let [web] = free_ports()?;
    let page = format!("http://127.0.0.1:{web}/");
    let mut services = Vec::new();
    for name in ["flask_app", "python_worker", "mosaic_worker"] {
        services.push(Service::start(name, folder.path(), &server.url(), web)?);
    }
    for service in &mut services {
        service.lacks_database(true).await?;
    }

    server.comes()?;
    for service in &mut services {
        service.lacks_database(false).await?;
    }
    let visitor = reqwest::Client::builder().cookie_store(true).build()?;
    let status = async || anyhow::Ok(visitor.get(&page).send().await?.status());
    ensure!(status().await?.is_success());

    // Away in the middle of the work: a page that says so, not one that broke.
    server.goes()?;
    for service in &mut services {
        service.lacks_database(true).await?;
    }
    let answer = visitor.get(&page).header("Cookie", format!("session={}", "ab".repeat(32))).send().await?;
    ensure!(answer.status() == 503, "{}", answer.status());
    let words = answer.text().await?;
    ensure!(words.contains("try again"), "{words}");

    server.comes()?;
    for service in &mut services {
        service.lacks_database(false).await?;
    }
    ensure!(status().await?.is_success());

    // A wait does not keep a service from stopping.
    server.goes()?;
    for name in ["panel_app", "climsim"] {
        let mut late = Service::start(name, folder.path(), &server.url(), web)?;
        late.lacks_database(true).await?;
        let asked = Instant::now();
        let ended = terminate(&mut late.child).with_context(|| format!("stopping {name} while it waits"))?;
        let after = asked.elapsed();
        ensure!(ended.success() && after < Duration::from_secs(20), "{name}: {ended} after {after:?}");
    }
    Ok(())
}
