//! Server-sent events: how a workflow stands, as long as somebody listens.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::http::header::{self, ContentEncoding};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream;
use serde::Serialize;
use store::DataFileId;
use tokio_util::sync::CancellationToken;
use web::{Access, Error, Owned, Site, block};

use crate::Shared;

/// A comment is sent at least this often, so that proxies keep an idle stream open.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// The pause after a look that found nothing new: most of what passes on the bus changes nothing that is told.
const BACKOFF: Duration = Duration::from_millis(60);

/// What there is to tell at a moment.
pub(crate) struct Snapshot<T> {
    /// How things stand.
    pub(crate) content: T,
    /// Nothing else is waited for: the stream ends with it.
    pub(crate) last: bool,
}

/// What a stream remembers.
struct Watch<F> {
    site: Data<Site>,
    access: Access,
    content: F,
    changes: tokio::sync::watch::Receiver<u64>,
    stop: CancellationToken,
    /// Empty before the first event.
    told: String,
    over: bool,
}

/// Events called `steps`, with `content` as JSON: at once, and whenever it has become another. The stream ends with what is
/// waited for, with the session (the token), with the data file, and with the server.
///
/// # Errors
/// Of the request's credentials, which `owned` has checked.
pub(crate) fn stream<T: Serialize>(
    request: &HttpRequest,
    site: Data<Site>,
    shared: &Shared,
    owned: &Owned,
    content: impl Fn(&Site, DataFileId) -> Result<Snapshot<T>, Error> + Clone + Send + 'static,
) -> Result<HttpResponse, Error> {
    let watch = Watch {
        site,
        access: owned.access(request)?,
        content,
        changes: shared.live.watch(owned.file.id),
        stop: shared.live.stop.clone(),
        told: String::new(),
        over: false,
    };
    let events = stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((Ok::<Bytes, Infallible>(event), watch))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        // Compression would hold events back.
        .insert_header(ContentEncoding::Identity)
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(events))
}

impl<T, F> Watch<F>
where
    T: Serialize,
    F: Fn(&Site, DataFileId) -> Result<Snapshot<T>, Error> + Clone + Send + 'static,
{
    /// The next event; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        while !self.over {
            let mut quiet = false;
            if !self.told.is_empty() {
                tokio::select! {
                    () = self.stop.cancelled() => return None,
                    changed = self.changes.changed() => changed.ok()?,
                    () = tokio::time::sleep(HEARTBEAT) => quiet = true,
                }
            }
            self.changes.borrow_and_update();
            let (site, access, content) = (self.site.clone(), self.access.clone(), self.content.clone());
            match block(move || look(&site, &access, content)).await {
                Ok(Some((now, last))) if now != self.told => {
                    let event = format!("event: steps\ndata: {now}\n\n");
                    (self.told, self.over) = (now, last);
                    return Some(Bytes::from(event));
                }
                Ok(Some(_)) if quiet => return Some(Bytes::from_static(b": still here\n\n")),
                Ok(Some(_)) => tokio::time::sleep(BACKOFF).await,
                Ok(None) => return None,
                Err(error) => {
                    tracing::warn!(detail = error.detail.as_deref(), "{}", error.message);
                    return None;
                }
            }
        }
        None
    }
}

/// The content as it is now, and whether it is the last; `None` when it is no longer theirs to see.
fn look<T: Serialize>(
    site: &Site,
    access: &Access,
    content: impl Fn(&Site, DataFileId) -> Result<Snapshot<T>, Error>,
) -> Result<Option<(String, bool)>, Error> {
    if !access.holds(&site.store)? {
        return Ok(None);
    }
    let Snapshot { content, last } = content(site, access.data_file())?;
    Ok(Some((serde_json::to_string(&content).map_err(Error::internal)?, last)))
}
