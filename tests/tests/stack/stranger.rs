//! A stranger on the bus, in another language: see `foreign.py`.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long it may take to hear of something.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Debian's Python, which has Debian's pika.
const PYTHON: &str = "/usr/bin/python3";

/// True when Python and pika are installed; else says so aloud.
pub(crate) fn is_here() -> bool {
    let probe = std::process::Command::new(PYTHON).args(["-c", "import pika"]).stderr(Stdio::null()).status();
    let here = probe.is_ok_and(|status| status.success());
    if !here {
        testkit::skipped("no pika for Python", "scripts/install test brings python3-pika");
    }
    here
}

/// A process of `foreign.py`; ends with its handle.
pub(crate) struct Stranger {
    _process: Child,
    says: Lines<BufReader<ChildStdout>>,
    hears: ChildStdin,
}

/// What a stranger got.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) key: String,
    pub(crate) body: String,
    pub(crate) headers: Value,
}

impl Received {
    pub(crate) fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("the body of {}: {}", self.key, self.body))
    }
}

impl Stranger {
    /// Starts it in a role and waits until it is connected and listens.
    pub(crate) async fn start(url: &str, role: &[&str]) -> Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stack/foreign.py");
        let mut process = Command::new(PYTHON)
            .arg(script)
            .arg(url)
            .args(role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let says = BufReader::new(process.stdout.take().context("its output")?).lines();
        let hears = process.stdin.take().context("its input")?;
        let mut stranger = Self { _process: process, says, hears };
        let first = stranger.next().await?;
        ensure!(first == json!("ready"), "it says {first}");
        Ok(stranger)
    }

    async fn next(&mut self) -> Result<Value> {
        let line = tokio::time::timeout(TIMEOUT, self.says.next_line()).await;
        let line = line.context("nothing came in time")??.context("the stranger has ended")?;
        Ok(serde_json::from_str(&line)?)
    }

    /// Publishes as the web of the original did (role `web`): a body, and nothing else but that it is kept.
    pub(crate) async fn publish(&mut self, key: &str, body: &str) -> Result<()> {
        let line = json!({ "key": key, "body": body });
        self.hears.write_all(format!("{line}\n").as_bytes()).await?;
        let answer = self.next().await?;
        ensure!(answer == json!("published"), "it says {answer}");
        Ok(())
    }

    /// The next message that it got.
    pub(crate) async fn receive(&mut self) -> Result<Received> {
        let message = self.next().await?;
        let text = |field: &str| message[field].as_str().map(str::to_owned).context("text");
        Ok(Received { key: text("key")?, body: text("body")?, headers: message["headers"].clone() })
    }

    /// The next message with this key; others before it are passed over.
    pub(crate) async fn receive_key(&mut self, key: &str) -> Result<Received> {
        loop {
            let message = self.receive().await.with_context(|| format!("waiting for {key}"))?;
            if message.key == key {
                return Ok(message);
            }
        }
    }
}
