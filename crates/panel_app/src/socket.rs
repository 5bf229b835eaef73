//! One connection of a page: frames in, frames out, and its end.

use std::time::Duration;

use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Session};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use store::Store;
use tokio::sync::mpsc;
use web::{Access, Code, Error as WebError};

use crate::hub::{ConnectionSlot, Frame, Hub, Job, blocking};
use crate::protocol::{self, Request};
use crate::work::OpenRequest;

/// A frame of a page at most: recipes and lassos are far smaller.
const MAX_FRAME_BYTES: usize = 4 << 20;
/// How often the server says that it is there.
const PING: Duration = Duration::from_secs(25);
/// A page that says nothing for so long is gone.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// Makes a websocket of the request.
///
/// # Errors
/// Not a websocket request.
pub(crate) fn accept(
    request: &HttpRequest,
    body: Payload,
    hub: Hub,
    wanted: OpenRequest,
    access: Access,
    place: ConnectionSlot,
) -> Result<HttpResponse, WebError> {
    let (response, session, stream) = actix_ws::handle(request, body)
        .map_err(|error| WebError::new(Code::BadRequest, format!("This address is a websocket: {error}.")))?;
    let stream = stream
        .max_frame_size(MAX_FRAME_BYTES)
        .aggregate_continuations()
        .max_continuation_size(MAX_FRAME_BYTES);
    actix_web::rt::spawn(serve(session, stream, hub, wanted, access, place));
    Ok(response)
}

async fn serve(
    session: Session,
    mut stream: AggregatedMessageStream,
    hub: Hub,
    wanted: OpenRequest,
    access: Access,
    _place: ConnectionSlot,
) {
    let (tab, jobs, frames) = match hub.join(&wanted).await {
        Ok(joined) => joined,
        Err(error) => {
            if let crate::error::Error::Internal(cause) = &error {
                tracing::error!(data_file = %access.data_file(), cause, "an editor cannot be opened");
            }
            let again =
                matches!(error, crate::error::Error::Unavailable(_) | crate::error::Error::Conflict(_));
            end(session, error.code(), &error.to_string(), again, CloseCode::Normal).await;
            return;
        }
    };
    let writer = actix_web::rt::spawn(write(session.clone(), frames, hub.clone(), access));
    let mut reader = Reader { session, hub, jobs, tab };
    tokio::pin!(writer);
    loop {
        tokio::select! {
            message = tokio::time::timeout(IDLE_TIMEOUT, stream.next()) => match message {
                Ok(Some(Ok(message))) => if !reader.take(message).await { break },
                // Too large, or no websocket any more; or silence.
                Ok(Some(Err(error))) => {
                    let session = reader.session.clone();
                    end(session, "too_large", &format!("This frame cannot be read: {error}."), true, CloseCode::Size).await;
                    break;
                }
                Ok(None) | Err(_) => break,
            },
            _ = &mut writer => break,
        }
    }
    writer.abort();
    let _ = reader.jobs.send(Job::Leave { tab: reader.tab }).await;
    let _ = reader.session.close(None).await;
}

struct Reader {
    session: Session,
    hub: Hub,
    jobs: mpsc::Sender<Job>,
    tab: String,
}

impl Reader {
    /// False when the connection is over.
    async fn take(&mut self, message: AggregatedMessage) -> bool {
        match message {
            AggregatedMessage::Text(text) => self.request(&text).await,
            AggregatedMessage::Binary(_) => self.report_error(&None, "the page sends no binary frames").await,
            AggregatedMessage::Ping(bytes) => self.session.pong(&bytes).await.is_ok(),
            AggregatedMessage::Pong(_) => true,
            AggregatedMessage::Close(_) => false,
        }
    }

    async fn request(&mut self, text: &str) -> bool {
        let protocol::Envelope { id, request } = match protocol::parse(text) {
            Ok(envelope) => envelope,
            Err((id, problem)) => return self.report_error(&id, &problem).await,
        };
        let _in_flight = match &request {
            Request::Change(_) => Some(self.hub.in_flight()),
            Request::Query(_) => None,
        };
        let job = Job::Request { tab: self.tab.clone(), id, request, _in_flight };
        self.jobs.send(job).await.is_ok()
    }

    /// An invalid frame; the connection stays open.
    async fn report_error(&mut self, id: &Option<Value>, problem: &str) -> bool {
        let message = format!("The server does not understand this request: {problem}.");
        let mut frame = json!({ "type": "error", "code": "invalid", "message": message });
        // Without an id it would end the connection.
        frame["id"] = id.clone().unwrap_or(json!(-1));
        self.session.text(frame.to_string()).await.is_ok()
    }
}

/// Sends what the draft's task has to tell, a sign of life, and the end.
async fn write(mut session: Session, mut frames: mpsc::Receiver<Frame>, hub: Hub, access: Access) {
    let mut ping = tokio::time::interval(PING);
    ping.tick().await;
    let slow = "The connection is too slow for what happens here, or the draft was closed.";
    loop {
        let sent = tokio::select! {
            frame = frames.recv() => match frame {
                Some(Frame::Text(text)) => session.text(text).await,
                Some(Frame::Binary(bytes)) => session.binary(bytes).await,
                Some(Frame::End { message, again }) => {
                    let code = if again { CloseCode::Away } else { CloseCode::Normal };
                    end(session, if again { "busy" } else { "not_found" }, &message, again, code).await;
                    return;
                }
                None => {
                    end(session, "busy", slow, true, CloseCode::Again).await;
                    return;
                }
            },
            _ = ping.tick() => {
                if !still_may(hub.store(), &access).await {
                    end(session, "not_found", "Your session has ended: log in again.", false, CloseCode::Policy).await;
                    return;
                }
                session.ping(b"").await
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Whether the visitor may go on. Without an answer the connection stays.
async fn still_may(store: &Store, access: &Access) -> bool {
    let (store, access) = (store.clone(), access.clone());
    blocking(move || access.holds(&store)).await.is_ok_and(|answer| answer.unwrap_or(true))
}

/// The last frame, and the end.
async fn end(mut session: Session, code: &str, message: &str, again: bool, close: CloseCode) {
    let frame = json!({ "type": "error", "code": code, "message": message, "again": again });
    if session.text(frame.to_string()).await.is_ok() {
        let _ = session.close(Some(CloseReason { code: close, description: None })).await;
    }
}
