//! What every response passes through: request id, security headers, error pages, the log.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{HttpMessage as _, HttpResponse};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::session::{Visitor, is_api, is_cross_site, is_safe, login_address};
use crate::{Code, Error, Page, Site};

/// The id of a request: in the response, in the log, and in the messages of the tasks that it starts.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Scripts, styles and pictures come from this server alone; nothing is inline, nothing is framed elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
    connect-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'self'; frame-ancestors 'self'; \
    frame-src 'self'; base-uri 'none'";

/// The middleware.
///
/// # Errors
/// None: errors become responses here.
pub async fn respond(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let given = request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    let id = given.filter(|id| sane(id)).map_or_else(|| Uuid::new_v4().simple().to_string(), str::to_owned);
    request.extensions_mut().insert(RequestId(id.clone()));
    // The request itself must not be held: the router writes into it.
    let span = tracing::info_span!("request", id = %id, method = %request.method(), path = %request.path());
    let mut response = if !is_safe(request.method()) && is_cross_site(request.request()) {
        let message = "It was sent from a page of another site. Nothing was changed.";
        request.error_response(Error::new(Code::Forbidden, message))
    } else {
        next.call(request).instrument(span.clone()).await?.map_into_boxed_body()
    };
    if response.status().as_u16() >= 400 {
        response = span.in_scope(|| explain(response, &id));
    }

    let https = response.request().connection_info().scheme() == "https";
    let fresh = match known_visitor(response.request()) {
        Some(visitor) => visitor.fresh_cookie(Site::from_request(response.request())?),
        None => None,
    };
    if let Some(cookie) = fresh
        // Streams and files need no cookie.
        && response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"))
    {
        response.response_mut().add_cookie(&cookie)?;
    }
    let headers = response.headers_mut();
    // `identity` has told the compression inside of this to leave the body alone; clients are not to see it.
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding == "identity") {
        headers.remove(header::CONTENT_ENCODING);
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if https {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        // Pages show what is so now, to this visitor.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    Ok(response)
}

fn known_visitor(request: &actix_web::HttpRequest) -> Option<Visitor> {
    request.extensions().get::<Visitor>().cloned()
}

fn sane(id: &str) -> bool {
    (8..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Replaces a bare error by a page, a problem or the way to the login, and writes it to the log.
fn explain(response: ServiceResponse, id: &str) -> ServiceResponse {
    let status = response.status();
    let error = response.response().error().and_then(|error| error.as_error::<Error>()).cloned();
    let finished = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| !kind.as_bytes().starts_with(b"text/plain"));
    if error.is_none() && finished {
        return response;
    }
    let error = error.unwrap_or_else(|| {
        let code = Code::of_status(status);
        let cause = response.response().error().map(ToString::to_string);
        let message = match code {
            Code::NotFound => "There is no such page.".to_owned(),
            Code::MethodNotAllowed => "This address does not take this kind of request.".to_owned(),
            Code::Internal => "The error has been written to the log. Please try again.".to_owned(),
            _ => cause.clone().unwrap_or_else(|| status.to_string()),
        };
        Error { detail: cause, ..Error::new(code, message) }
    });
    if error.code.status().is_server_error() {
        tracing::error!(code = error.code.as_str(), detail = error.detail.as_deref(), "{}", error.message);
    } else {
        tracing::debug!(code = error.code.as_str(), detail = error.detail.as_deref(), "{}", error.message);
    }
    let retry_after = error.retry_after_seconds;
    let (request, _) = response.into_parts();
    let mut answer = answer(&request, &error, status, id);
    if let Some(seconds) = retry_after {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    ServiceResponse::new(request, answer)
}

fn answer(request: &actix_web::HttpRequest, error: &Error, status: StatusCode, id: &str) -> HttpResponse {
    if is_api(request) {
        let mut response = problem(request, error);
        *response.status_mut() = status;
        return response;
    }
    if error.code == Code::LoginNeeded && request.method() != Method::HEAD && !wants_data(request) {
        return HttpResponse::SeeOther().insert_header((header::LOCATION, login_address(request))).finish();
    }
    let page = Page::new("error.html")
        .with("title", error.code.title())
        .with("message", &error.message)
        .with("code", &status.as_u16())
        .with("request_id", id)
        .status(status);
    page.render(request).unwrap_or_else(|error| {
        tracing::error!(detail = error.detail.as_deref(), "the error page could not be rendered");
        HttpResponse::build(status).content_type("text/plain; charset=utf-8").body(error.message)
    })
}

/// The answer to a script whose request failed: `application/problem+json`.
pub fn problem(request: &actix_web::HttpRequest, error: &Error) -> HttpResponse {
    let id = request.extensions().get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default();
    let mut response = HttpResponse::build(error.code.status());
    if error.code == Code::LoginNeeded {
        response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
    }
    match serde_json::to_string(&error.problem(&id)) {
        Ok(text) => response.content_type("application/problem+json").body(text),
        Err(error) => response.body(error.to_string()),
    }
}

/// True for requests of scripts (fragments, event streams, fields), which must not be answered by a login page.
fn wants_data(request: &actix_web::HttpRequest) -> bool {
    let mode = request.headers().get("sec-fetch-mode").and_then(|value| value.to_str().ok());
    mode.is_some_and(|mode| mode != "navigate")
}
