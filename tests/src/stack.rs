//! The platform as operators run it: services as processes on RabbitMQ and PostgreSQL, behind nginx.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use testkit::{PostgresDatabase, free_ports};

use crate::{binary, with_last_words};

/// How long the services may take to answer: generous, for a loaded machine.
const TIMEOUT: Duration = Duration::from_secs(90);

const NGINX: &str = "/usr/sbin/nginx";

/// Runs nginx and takes it down, with its workers, when its standard input ends, which it does however the test ends.
const NGINX_KEEPER: &str = r#""$0" "$@" & nginx=$!; cat >/dev/null; kill "$nginx"; wait "$nginx""#;

/// The services that make up the stack, in the order in which they are started.
const SERVICES: [&str; 5] =
    ["flask_app", "panel_app", "message_dispatcher", "python_worker", "python_worker"];

/// The running stack; killed and removed when dropped, unless it is kept.
pub struct Stack {
    services: Vec<(String, Child)>,
    nginx: Child,
    address: String,
    web: String,
    broker_url: String,
    database: PostgresDatabase,
    folder: Option<TempDir>,
}

impl Stack {
    /// Starts web, editor, dispatcher and two workers on the given vhost of RabbitMQ, all at once, and waits until pages come
    /// through nginx. `None` (said aloud) where PostgreSQL or nginx is not installed.
    ///
    /// # Errors
    /// A service that ends or does not answer; its log is in the message.
    pub async fn start(broker_url: &str) -> Result<Option<Self>> {
        if !Path::new(NGINX).exists() {
            testkit::skipped("no nginx", "scripts/install test brings it");
            return Ok(None);
        }
        let Some(database) = PostgresDatabase::create() else { return Ok(None) };
        let folder = tempfile::Builder::new().prefix("climsim-stack-").tempdir()?;
        let [web, panel, entry] = free_ports()?;
        let nginx = nginx(&folder.path().join("nginx"), entry, web, panel)?;
        let mut stack = Self {
            services: Vec::new(),
            nginx,
            address: format!("http://127.0.0.1:{entry}"),
            web: format!("http://127.0.0.1:{web}"),
            broker_url: broker_url.to_owned(),
            database,
            folder: Some(folder),
        };
        for (number, service) in SERVICES.into_iter().enumerate() {
            stack.spawn(service, &format!("{service}-{number}"), web, panel)?;
        }
        match stack.answers().await {
            Ok(()) => Ok(Some(stack)),
            Err(error) => Err(stack.failed(error)),
        }
    }

    fn spawn(&mut self, service: &str, name: &str, web: u16, panel: u16) -> Result<()> {
        let log = File::create(self.folder().join(format!("{name}.log")))?;
        let child = Command::new(binary(service))
            .env_clear()
            .env("BROKER_URL", &self.broker_url)
            .env("DATABASE_URL", &self.database.url)
            .env("INSTANCE_PATH", self.folder().join("instance"))
            .env("FLASK_RUN_HOST", "127.0.0.1")
            .env("FLASK_RUN_PORT", web.to_string())
            .env("PANEL_RUN_HOST", "127.0.0.1")
            .env("PANEL_RUN_PORT", panel.to_string())
            .env("HEALTH_PORT", "0")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {service}"))?;
        self.services.push((name.to_owned(), child));
        Ok(())
    }

    async fn answers(&mut self) -> Result<()> {
        let deadline = Instant::now() + TIMEOUT;
        let page = format!("{}/auth/login", self.address);
        loop {
            self.all_live()?;
            let answer = reqwest::get(&page).await.and_then(reqwest::Response::error_for_status);
            match answer {
                Ok(_) => break,
                Err(error) => ensure!(Instant::now() < deadline, "no page through nginx: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        while !self.ready().await? {
            ensure!(Instant::now() < deadline, "the web service does not become ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// The public address: nginx's, `http://127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The address of the web service itself, which the public does not reach.
    pub fn web_address(&self) -> &str {
        &self.web
    }

    /// The vhost that the services are on.
    pub fn broker_url(&self) -> &str {
        &self.broker_url
    }

    /// The folder that holds everything of this run.
    pub fn folder(&self) -> &Path {
        self.folder.as_ref().expect("present until dropped").path()
    }

    /// Whether the web service has all that it needs, the broker too.
    ///
    /// # Errors
    /// It does not answer at all.
    pub async fn ready(&self) -> Result<bool> {
        let answer = reqwest::get(format!("{}/readyz", self.web)).await.context("asking /readyz")?;
        Ok(answer.status().is_success())
    }

    /// Checks that no service has ended.
    ///
    /// # Errors
    /// The one that has.
    pub fn all_live(&mut self) -> Result<()> {
        for (name, child) in &mut self.services {
            if let Some(status) = child.try_wait()? {
                bail!("{name} has ended: {status}");
            }
        }
        Ok(())
    }

    /// Keeps the logs and data, and says after the error where they lie and the last lines of each log.
    pub fn failed(mut self, error: anyhow::Error) -> anyhow::Error {
        let Some(folder) = self.folder.take().map(TempDir::keep) else { return error };
        let mut told = format!("kept for inspection: {}", folder.display());
        for (name, _) in &self.services {
            let log = fs::read_to_string(folder.join(format!("{name}.log"))).unwrap_or_default();
            let last: Vec<&str> = log.lines().rev().take(12).collect();
            told.push_str(&format!("\n--- {name}"));
            for line in last.into_iter().rev() {
                told.push_str(&format!("\n{line}"));
            }
        }
        with_last_words(&error, &told)
    }
}

/// nginx with the configuration that is shipped, filled in for this machine.
fn nginx(folder: &Path, entry: u16, web: u16, panel: u16) -> Result<Child> {
    fs::create_dir_all(folder)?;
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nginx/templates/default.conf.template");
    let site = fs::read_to_string(&template)
        .with_context(|| format!("reading {}", template.display()))?
        .replace("${NGINX_LISTEN}", &format!("127.0.0.1:{entry}"))
        .replace("${FLASK_APP}", &format!("127.0.0.1:{web}"))
        .replace("${PANEL_APP}", &format!("127.0.0.1:{panel}"))
        // Never asked: the services are named by address here.
        .replace("${NGINX_RESOLVER}", "127.0.0.1")
        .replace("${UPLOAD_LIMIT_MB}", "2000")
        .replace("${NGINX_CLIENT_TIMEOUT}", "60s")
        .replace("${NGINX_READ_TIMEOUT}", "10m")
        .replace("${NGINX_CACHE}", &folder.join("cache").display().to_string());
    ensure!(!site.contains("${"), "a value of the template is not filled in:\n{site}");
    fs::write(folder.join("site.conf"), site)?;
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("    {name}_temp_path {}/{name};\n", folder.display()))
        .concat();
    // Workers as whoever runs the test, for the folder is theirs.
    let is_root = std::os::unix::fs::MetadataExt::uid(&fs::metadata(folder)?) == 0;
    let user = if is_root { "user root root;" } else { "" };
    let main = format!(
        "{user}\ndaemon off;\npid {0}/pid;\nerror_log {0}/error.log;\nevents {{}}\n\
         http {{\n{temporary}    access_log {0}/access.log;\n    include {0}/site.conf;\n}}\n",
        folder.display()
    );
    let file: PathBuf = folder.join("nginx.conf");
    fs::write(&file, main)?;
    let log = File::create(folder.join("nginx.log"))?;
    Command::new("sh")
        .args(["-c", NGINX_KEEPER, NGINX, "-e"])
        .arg(folder.join("error.log"))
        .arg("-p")
        .arg(folder)
        .arg("-c")
        .arg(&file)
        .stdin(Stdio::piped())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("starting nginx")
}

impl Drop for Stack {
    fn drop(&mut self) {
        for (_, child) in &mut self.services {
            let _ = child.kill();
            let _ = child.wait();
        }
        drop(self.nginx.stdin.take());
        let _ = self.nginx.wait();
        if std::thread::panicking()
            && let Some(folder) = self.folder.take()
        {
            eprintln!("kept for inspection: {}", folder.keep().display());
        }
    }
}
