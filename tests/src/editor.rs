//! The map editor's page without a browser: what `crates/panel_app/PROTOCOL.md` says, over a websocket.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use uuid::Uuid;

use crate::deployment::TIMEOUT;
use crate::visitor::Visitor;

/// How long an answer may take before the connection counts as lost.
const SLOW: Duration = Duration::from_secs(5);

/// How often a lost connection is tried again.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A stroke covers so many rows and columns.
const BOX: i64 = 10;

/// The websocket of an editor; a refusal of the site is [`Error::Http`].
///
/// # Errors
/// The site does not answer, or with something else than a websocket.
pub async fn connect(visitor: &Visitor, workflow: i64) -> Result<WebSocketStream<TcpStream>> {
    let address = visitor.site().trim_start_matches("http://");
    let mut request =
        format!("ws://{address}/panel/internal_oceans/ws?id={workflow}").into_client_request()?;
    request.headers_mut().insert("origin", visitor.site().parse()?);
    request.headers_mut().insert("cookie", visitor.cookies()?.parse()?);
    Ok(client_async(request, TcpStream::connect(address).await?).await?.0)
}

/// What somebody does in the editor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Click {
    /// Sets a box of cells, another one each time, to a value that no stroke before had.
    Stroke,
    /// Takes the last stroke back.
    Undo,
    /// Does it again.
    Redo,
}

/// The strokes of a draft by their numbers; those from `cursor` on are undone.
#[derive(Debug, Clone, PartialEq, Eq)]
struct History {
    strokes: Vec<i64>,
    cursor: usize,
}

impl History {
    /// The history as the server tells it.
    fn told(state: &Value) -> Result<Self> {
        let cursor = state["cursor"].as_u64().context("a cursor")? as usize;
        let mut strokes = Vec::new();
        for (k, action) in state["actions"].as_array().context("actions")?.iter().enumerate() {
            let status = if k < cursor { "active" } else { "undone" };
            ensure!(action["status"] == status, "action {k} with the cursor at {cursor}: {action}");
            let value = action["action"]["operation"]["absolute"]["value"].as_f64();
            strokes.push(value.with_context(|| format!("no stroke: {action}"))? as i64);
        }
        Ok(Self { strokes, cursor })
    }

    /// What it is after a click; `number` is that of a new stroke.
    fn after(&self, click: Click, number: i64) -> Self {
        let mut after = self.clone();
        match click {
            Click::Stroke => {
                after.strokes.truncate(after.cursor);
                after.strokes.push(number);
                after.cursor += 1;
            }
            Click::Undo => after.cursor = after.cursor.saturating_sub(1),
            Click::Redo => after.cursor = after.strokes.len().min(after.cursor + 1),
        }
        after
    }
}

/// An open editor. Like the page it connects again when the connection is lost, and asks again, under the same key, for what
/// was not confirmed. At each connection the draft has to hold all that was confirmed, and what is undone of it.
pub struct Editor {
    visitor: Visitor,
    workflow: i64,
    socket: Option<WebSocketStream<TcpStream>>,
    draft: Value,
    rows: i64,
    columns: i64,
    history: History,
    clicks: i64,
    connections: usize,
}

impl Editor {
    /// Opens the editor of internal oceans on an uploaded topography.
    ///
    /// # Errors
    /// It does not open in time.
    pub async fn open(visitor: &Visitor, workflow: i64) -> Result<Self> {
        let mut editor = Self {
            visitor: visitor.clone(),
            workflow,
            socket: None,
            draft: Value::Null,
            rows: 0,
            columns: 0,
            history: History { strokes: Vec::new(), cursor: 0 },
            clicks: 0,
            connections: 0,
        };
        let untouched = editor.history.clone();
        editor.with_retry(&json!({"id": 0, "type": "ping"}), &untouched).await?;
        Ok(editor)
    }

    /// How often it has connected.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// How many strokes the draft holds, the undone ones included.
    pub fn strokes(&self) -> usize {
        self.history.strokes.len()
    }

    /// Clicks, and waits until it is confirmed, over as many connections as that takes.
    ///
    /// # Errors
    /// It is refused, or not confirmed in time; a draft that lacks something confirmed, or holds something twice.
    pub async fn click(&mut self, click: Click) -> Result<()> {
        self.clicks += 1;
        let number = self.clicks;
        let after = self.history.after(click, number);
        let mut request = json!({"id": number, "key": Uuid::new_v4()});
        match click {
            Click::Stroke => {
                let (row, column) = self.corner(number);
                request["type"] = json!("apply");
                request["action"] = json!({
                    "operation": {"absolute": {"value": number}},
                    "selection": {"index_box": {
                        "rows": [row, row + BOX - 1], "columns": [column, column + BOX - 1]
                    }},
                });
            }
            Click::Undo => request["type"] = json!("undo"),
            Click::Redo => request["type"] = json!("redo"),
        }
        self.with_retry(&request, &after).await.with_context(|| format!("{click:?} {number}"))?;
        self.history = after;
        Ok(())
    }

    /// Reads the draft anew and compares the map, at a corner of every stroke, with what the strokes make of it.
    ///
    /// # Errors
    /// They differ.
    pub async fn check(&mut self) -> Result<()> {
        self.socket = None;
        for number in self.history.strokes.clone() {
            let (row, column) = self.corner(number);
            let request = json!({"id": number, "type": "cell", "cell": [column, row], "at": []});
            let cell = self.with_retry(&request, &self.history.clone()).await?;
            let covers = |stroke: &&i64| {
                let (top, left) = self.corner(**stroke);
                (top..top + BOX).contains(&row) && (left..left + BOX).contains(&column)
            };
            let active = &self.history.strokes[..self.history.cursor];
            let wanted =
                active.iter().rev().find(covers).map_or(cell["original"].as_f64(), |n| Some(*n as f64));
            ensure!(cell["value"].as_f64() == wanted, "cell {column}, {row} is {cell}, not {wanted:?}");
        }
        Ok(())
    }

    /// Undoes everything, and checks that the map is again what was uploaded.
    ///
    /// # Errors
    /// It is not.
    pub async fn undo_all(&mut self) -> Result<()> {
        while self.history.cursor > 0 {
            self.click(Click::Undo).await?;
        }
        self.check().await
    }

    /// The first row and column of a stroke: somewhere, so that some of them overlap.
    fn corner(&self, number: i64) -> (i64, i64) {
        (number * 7919 % (self.rows - BOX), number * 104_729 % (self.columns - BOX))
    }

    /// The answer to a request, over as many connections as that takes; `after` is the history once it is done.
    async fn with_retry(&mut self, request: &Value, after: &History) -> Result<Value> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            if self.resume(after).await?
                && let Some(answer) = self.ask(request).await?
            {
                return Ok(answer);
            }
            self.socket = None;
            ensure!(Instant::now() < deadline, "the editor does not come back");
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Makes sure that there is a connection; `false` when there can be none. The draft is what it was, or `after` when the
    /// click whose answer was lost has been done.
    async fn resume(&mut self, after: &History) -> Result<bool> {
        if self.socket.is_some() {
            return Ok(true);
        }
        let opened = tokio::time::timeout(SLOW, connect(&self.visitor, self.workflow)).await;
        match opened {
            Ok(Ok(socket)) => self.socket = Some(socket),
            // The site's own no, not an absence.
            Ok(Err(error)) if refused(&error) => return Err(error),
            Ok(Err(_)) | Err(_) => return Ok(false),
        }
        let Some(hello) = self.frame().await? else { return Ok(false) };
        ensure!(hello["type"] == "hello", "the first word is {hello}");
        if self.connections == 0 {
            self.draft = hello["draft"].clone();
            self.rows = hello["rows"].as_i64().context("rows")?;
            self.columns = hello["columns"].as_i64().context("columns")?;
        }
        self.connections += 1;
        ensure!(hello["draft"] == self.draft, "another draft than {}: {hello}", self.draft);
        let told = History::told(&hello["state"])?;
        ensure!(
            told == self.history || told == *after,
            "connection {} finds {told:?} where {:?} was confirmed, and {after:?} perhaps done",
            self.connections,
            self.history
        );
        Ok(true)
    }

    /// The answer to a request; `None` when the connection is lost, or the service wants to be asked again.
    async fn ask(&mut self, request: &Value) -> Result<Option<Value>> {
        let Some(socket) = &mut self.socket else { return Ok(None) };
        if socket.send(Message::text(request.to_string())).await.is_err() {
            return Ok(None);
        }
        while let Some(frame) = self.frame().await? {
            if frame["id"] == request["id"] {
                let again = frame["code"] == "busy" || frame["code"] == "unavailable";
                ensure!(frame["type"] != "error" || again, "{request} is answered by {frame}");
                return Ok((!again).then_some(frame));
            }
        }
        Ok(None)
    }

    /// The next frame, of a binary one its header; `None` when the connection is lost.
    async fn frame(&mut self) -> Result<Option<Value>> {
        let Some(socket) = &mut self.socket else { return Ok(None) };
        loop {
            let frame: Value = match tokio::time::timeout(SLOW, socket.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => serde_json::from_str(&text)?,
                Ok(Some(Ok(Message::Binary(bytes)))) => {
                    let length = bytes.get(4..8).context("a length")?.try_into()?;
                    let end = 8 + u32::from_le_bytes(length) as usize;
                    serde_json::from_slice(bytes.get(8..end).context("a header")?)?
                }
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)))) => continue,
                Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) | Err(_) => return Ok(None),
            };
            if frame["type"] == "error" && frame["id"].is_null() {
                if frame["again"] == false {
                    bail!("the editor is closed for good: {frame}");
                }
                return Ok(None);
            }
            return Ok(Some(frame));
        }
    }
}

fn refused(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(Error::Http(answer)) if answer.status().is_client_error())
}
