//! The errors of web services: what a visitor reads, and what the log keeps.
//!
//! Use [`Error`] in everything that answers a request. Its [`Code`] is the registry of what can go wrong, with the
//! HTTP status; the message is for the visitor, `detail` for the log only. The middleware [`respond`](crate::respond())
//! turns it into a page or, under `/api/v1`, into `application/problem+json`.

use std::fmt;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;

/// Everything that can go wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The request cannot be understood.
    BadRequest,
    /// Nobody is logged in (or no valid token was sent).
    LoginNeeded,
    /// The visitor may not do this.
    Forbidden,
    /// The form was not rendered for this session, or the session has ended.
    StaleForm,
    /// No such page, workflow, file or revision, or it is somebody else's.
    NotFound,
    /// The page exists, the method does not.
    MethodNotAllowed,
    /// What was asked for contradicts the present state.
    Conflict,
    /// A body beyond the limit.
    TooLarge,
    /// One or more fields have to be corrected.
    InvalidInput,
    /// Too many attempts.
    TooManyRequests,
    /// 500: a defect of the server.
    Internal,
    /// Busy or stopping: worth another try.
    Unavailable,
    /// The disk has no space.
    DiskFull,
}

impl Code {
    /// The HTTP status.
    pub fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::LoginNeeded => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::StaleForm => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::InvalidInput => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
        }
    }

    /// The name in `problem+json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::LoginNeeded => "login-needed",
            Self::Forbidden => "forbidden",
            Self::StaleForm => "stale-form",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::Conflict => "conflict",
            Self::TooLarge => "too-large",
            Self::InvalidInput => "invalid-input",
            Self::TooManyRequests => "too-many-requests",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::DiskFull => "disk-full",
        }
    }

    /// The heading of the page.
    pub fn title(self) -> &'static str {
        match self {
            Self::BadRequest => "This request cannot be understood",
            Self::LoginNeeded => "Please log in",
            Self::Forbidden => "This is not allowed",
            Self::StaleForm => "This form has expired",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "Not possible here",
            Self::Conflict => "Not possible now",
            Self::TooLarge => "Too large",
            Self::InvalidInput => "Please correct the form",
            Self::TooManyRequests => "Too many attempts",
            Self::Internal => "Something went wrong on our side",
            Self::Unavailable => "Not available at the moment",
            Self::DiskFull => "The server's disk is full",
        }
    }

    /// The code for a response that something else made (the router, a parser of the framework).
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::LoginNeeded,
            StatusCode::FORBIDDEN => Self::Forbidden,
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::CONFLICT => Self::Conflict,
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            StatusCode::UNPROCESSABLE_ENTITY => Self::InvalidInput,
            StatusCode::TOO_MANY_REQUESTS => Self::TooManyRequests,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            status if status.is_server_error() => Self::Internal,
            _ => Self::BadRequest,
        }
    }
}

/// What is wrong with one field of a form, and how to put it right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The name of the field.
    pub field: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// The answer to a request that failed.
#[derive(Debug, Clone)]
pub struct Error {
    /// What kind of failure.
    pub code: Code,
    /// For the visitor: what happened, and what to do.
    pub message: String,
    /// The fields to correct.
    pub fields: Vec<FieldError>,
    /// For the log: never shown.
    pub detail: Option<String>,
    /// Seconds after which another try makes sense.
    pub retry_after_seconds: Option<u64>,
}

/// `application/problem+json` (RFC 9457).
#[derive(Serialize)]
pub(crate) struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [FieldError],
    request_id: &'a str,
}

impl Error {
    /// An error with a message for the visitor.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fields: Vec::new(), detail: None, retry_after_seconds: None }
    }

    /// Nothing of that name for this visitor.
    pub fn not_found(what: impl fmt::Display) -> Self {
        Self::new(Code::NotFound, format!("{what} does not exist, or is not yours."))
    }

    /// One field to correct.
    pub fn field(field: &str, message: impl Into<String>) -> Self {
        Self::fields(vec![FieldError { field: field.to_owned(), message: message.into() }])
    }

    /// Fields to correct.
    pub fn fields(fields: Vec<FieldError>) -> Self {
        let message = fields.iter().map(|f| f.message.as_str()).collect::<Vec<_>>().join(" ");
        Self { fields, ..Self::new(Code::InvalidInput, message) }
    }

    /// 500: a defect of the server. The visitor reads that it was noted; `detail` is for the log.
    pub fn internal(detail: impl fmt::Display) -> Self {
        Self::new(Code::Internal, "The error has been written to the log. Please try again.")
            .detail(detail.to_string())
    }

    /// 500 as well, with a message of its own for a full disk.
    pub fn writing(what: impl fmt::Display, error: &(dyn std::error::Error + 'static)) -> Self {
        let detail = format!("{what}: {}", store::chain(error));
        if !store::is_disk_full(error) {
            return Self::internal(detail);
        }
        Self::new(Code::DiskFull, capitalised(store::DISK_FULL) + ".").detail(detail)
    }

    /// With something for the log.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    pub(crate) fn problem<'a>(&'a self, request_id: &'a str) -> Problem<'a> {
        Problem {
            r#type: format!("urn:climsim:problem:{}", self.code.as_str()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: &self.message,
            code: self.code.as_str(),
            errors: &self.fields,
            request_id,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    /// Plain text; the middleware replaces it by a page or a problem, as it knows the request.
    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(seconds) = self.retry_after_seconds {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        response.content_type("text/plain; charset=utf-8").body(self.message.clone())
    }
}

impl From<actix_web::error::BlockingError> for Error {
    fn from(error: actix_web::error::BlockingError) -> Self {
        Self::new(Code::Unavailable, "The server is stopping. Please try again in a moment.")
            .detail(error.to_string())
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        let code = match &error {
            store::Error::NotFound { .. } => Code::NotFound,
            store::Error::NameTaken { .. } | store::Error::Invalid { .. } => Code::InvalidInput,
            store::Error::NoRoom { .. }
            | store::Error::ByHand { .. }
            | store::Error::NothingToRetry { .. }
            | store::Error::NotQueued { .. } => Code::Conflict,
            store::Error::Busy(_) => Code::Unavailable,
            _ => return Self::writing("the store", &error),
        };
        Self::new(code, capitalised(&error.to_string()) + ".").detail(store::chain(&error))
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}
