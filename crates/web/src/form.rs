//! Forms: typed, with the session's token checked, unknown fields ignored and logged.
//!
//! A handler takes [`Submitted`]; its `fields` hand out values one by one, each with a message for what is wrong, and
//! [`Fields::finish`] gives all messages at once. The id of a data file is never a field: it is in the path only, so a
//! field called `id` is one of the ignored.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{Code, Error, FieldError, Visitor};

/// The name of the hidden field that carries the session's token.
pub(crate) const TOKEN_FIELD: &str = "csrf_token";
/// The header that scripts send it in.
pub(crate) const TOKEN_HEADER: &str = "X-CSRF-Token";
/// The name of the hidden field that makes two clicks on one form one request.
pub(crate) const KEY_FIELD: &str = "form_key";
/// The largest form, files excepted, in bytes.
const FORM_LIMIT_BYTES: usize = 1 << 20;

/// The fields of a form, and what is wrong with them.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    values: Vec<(String, String)>,
    known: BTreeSet<&'static str>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// Fields from name and value pairs.
    pub fn new(values: Vec<(String, String)>) -> Self {
        Self { values, known: BTreeSet::from([TOKEN_FIELD, KEY_FIELD]), errors: Vec::new() }
    }

    /// The value as typed, surrounding blanks removed; `None` when there is no such field.
    pub fn optional(&mut self, name: &'static str) -> Option<String> {
        self.known.insert(name);
        self.raw(name).map(|value| value.trim().to_owned())
    }

    /// Gives a field another value than was typed.
    pub fn set(&mut self, name: &'static str, value: &str) {
        self.values.retain(|(known, _)| known != name);
        self.values.push((name.to_owned(), value.to_owned()));
    }

    /// The value exactly as typed (passwords).
    pub fn verbatim(&mut self, name: &'static str) -> String {
        self.known.insert(name);
        self.raw(name).unwrap_or_default().to_owned()
    }

    /// All values of a repeated field, in the order of the form.
    pub fn all(&mut self, name: &'static str) -> Vec<String> {
        self.known.insert(name);
        self.values
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.trim().to_owned())
            .collect()
    }

    /// The value, or the empty text and `missing` as an error.
    pub fn required(&mut self, name: &'static str, missing: &str) -> String {
        let value = self.optional(name).unwrap_or_default();
        if value.is_empty() {
            self.error(name, missing);
        }
        value
    }

    /// One of a closed set, or `default` when the field is absent; anything else is an error with the parser's message.
    pub fn choice<T: FromStr<Err: Display>>(&mut self, name: &'static str, default: T) -> T {
        match self.optional(name) {
            None => default,
            Some(text) => text.parse().unwrap_or_else(|error: T::Err| {
                self.error(name, format!("{error}."));
                default
            }),
        }
    }

    /// A finite number between `least` and `most`, both included; 0 and an error when it is none.
    pub fn number(&mut self, name: &'static str, least: f64, most: f64) -> f64 {
        let text = self.required(name, &format!("{name}: enter a number from {least} to {most}."));
        if text.is_empty() {
            return 0.0;
        }
        match text.replace(',', ".").parse::<f64>() {
            Ok(number) if number.is_finite() && number >= least && number <= most => number,
            _ => {
                self.error(name, format!("{name}: '{text}' is not a number from {least} to {most}."));
                0.0
            }
        }
    }

    /// Notes that a field has to be corrected.
    pub fn error(&mut self, name: &str, message: impl Into<String>) {
        self.errors.push(FieldError { field: name.to_owned(), message: message.into() });
    }

    /// The key of the rendered form: the same key twice is one request.
    pub fn form_key(&self) -> Option<Uuid> {
        self.raw(KEY_FIELD)?.parse().ok()
    }

    /// The fields that nobody asked for.
    pub fn unknown(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values
            .iter()
            .filter(|(name, _)| !self.known.contains(name.as_str()))
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Ends the reading of a form: unknown fields are logged.
    ///
    /// # Errors
    /// What is to be corrected.
    pub fn finish(&mut self) -> Result<(), Error> {
        let unknown: Vec<&str> = self.unknown().map(|(name, _)| name).collect();
        if !unknown.is_empty() {
            tracing::info!(fields = ?unknown, "unknown form fields ignored");
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Error::fields(std::mem::take(&mut self.errors))) }
    }

    /// The values as typed, to show the form again.
    pub fn typed(&self) -> Map<String, Value> {
        self.values
            .iter()
            .filter(|(name, _)| name != TOKEN_FIELD && name != KEY_FIELD && !name.contains("password"))
            .map(|(name, value)| (name.clone(), Value::String(value.clone())))
            .collect()
    }

    fn raw(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A form that was sent by a page of this site, in the visitor's own session.
#[derive(Debug)]
pub struct Submitted {
    /// Who sent it.
    pub visitor: Visitor,
    /// What was typed.
    pub fields: Fields,
}

impl FromRequest for Submitted {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let mut payload = payload.take();
        Box::pin(async move {
            let visitor = Visitor::extract(&request)?;
            let body = read(&request, &mut payload).await?;
            let values: Vec<(String, String)> = form_urlencoded::parse(&body).into_owned().collect();
            let sent = values.iter().find(|(name, _)| name == TOKEN_FIELD).map(|(_, value)| value.as_str());
            let header = request.headers().get(TOKEN_HEADER).and_then(|value| value.to_str().ok());
            visitor.check_token(sent.or(header))?;
            Ok(Self { visitor, fields: Fields::new(values) })
        })
    }
}

async fn read(request: &HttpRequest, payload: &mut Payload) -> Result<web::Bytes, Error> {
    let too_large = || Error::new(Code::TooLarge, "The form is larger than 1 MB.");
    let read = web::Bytes::from_request(request, payload);
    // The extractor's own limit is set by the service for uploads: this one is for forms.
    let body = read.await.map_err(|error| match error.as_response_error().status_code().as_u16() {
        413 => too_large(),
        _ => Error::new(Code::BadRequest, "The form did not arrive whole. Please send it again.")
            .detail(error.to_string()),
    })?;
    if body.len() > FORM_LIMIT_BYTES { Err(too_large()) } else { Ok(body) }
}

/// An option of a choice, for templates.
#[derive(Debug, Clone, Serialize)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is shown.
    pub label: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        Fields::new(pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    #[test]
    fn numbers_are_finite_and_within_their_limits() {
        for text in ["nan", "inf", "-1", "0", "0.001", "1e400", "one", "", "91"] {
            let mut form = fields(&[("step", text)]);
            form.number("step", 0.05, 90.0);
            let error = form.finish().unwrap_err();
            assert_eq!((error.code, error.fields[0].field.as_str()), (Code::InvalidInput, "step"), "{text}");
        }
        let mut form = fields(&[("step", " 1,5 ")]);
        assert_eq!(form.number("step", 0.05, 90.0), 1.5);
        form.finish().unwrap();
    }

    #[test]
    fn all_errors_are_told_at_once() {
        let mut form = fields(&[]);
        form.required("name", "Enter a name.");
        form.number("step", 0.0, 1.0);
        assert_eq!(form.finish().unwrap_err().fields.len(), 2);
    }

    #[test]
    fn unknown_fields_are_told_apart_and_passwords_are_never_shown_again() {
        let mut form = fields(&[("id", "2"), ("name", "x"), ("password", "secret"), (TOKEN_FIELD, "t")]);
        form.required("name", "");
        form.verbatim("password");
        assert_eq!(form.unknown().collect::<Vec<_>>(), [("id", "2")]);
        assert!(!form.typed().contains_key("password") && !form.typed().contains_key(TOKEN_FIELD));
    }
}
