//! Pages: templates parsed once, rendered with what every page shows.

use std::borrow::Cow;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use rust_embed::RustEmbed;
use serde::Serialize;
use tera::{Context, Tera};
use uuid::Uuid;

use crate::{Error, Site, Visitor};

#[derive(RustEmbed)]
#[folder = "templates"]
struct BaseTemplates;

/// The templates of this crate and of `E`, parsed and checked.
///
/// # Errors
/// A template that cannot be parsed.
pub fn templates<E: RustEmbed>() -> Result<Tera, tera::Error> {
    let mut tera = Tera::default();
    tera.register_filter("bytes", |bytes: f64, _: tera::Kwargs, _: &tera::State| human_bytes(bytes));
    let mut sources: Vec<(String, String)> = Vec::new();
    collect::<BaseTemplates>(&mut sources);
    collect::<E>(&mut sources);
    tera.add_raw_templates(sources)?;
    Ok(tera)
}

fn collect<E: RustEmbed>(sources: &mut Vec<(String, String)>) {
    for name in E::iter().filter(|name| name.ends_with(".html") || name.ends_with(".svg")) {
        if let Some(file) = E::get(&name) {
            let text: Cow<'_, str> = String::from_utf8_lossy(&file.data);
            sources.push((name.into_owned(), text.into_owned()));
        }
    }
}

/// `1536` as `1.5 kB`, in the units of the operating systems' file lists.
pub(crate) fn human_bytes(bytes: f64) -> String {
    let mut value = bytes;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1000.0 || unit == "GB" {
            return if unit == "B" || value >= 100.0 {
                format!("{value:.0} {unit}")
            } else {
                format!("{value:.1} {unit}")
            };
        }
        value /= 1000.0;
    }
    unreachable!("the last unit returns")
}

/// A page to be rendered.
#[derive(Debug)]
pub struct Page {
    template: &'static str,
    context: Context,
    status: StatusCode,
}

impl Page {
    /// The page of a template.
    pub fn new(template: &'static str) -> Self {
        Self { template, context: Context::new(), status: StatusCode::OK }
    }

    /// With a value for the template.
    #[must_use]
    pub fn with<T: Serialize + ?Sized>(mut self, name: &'static str, value: &T) -> Self {
        self.context.insert(name, value);
        self
    }

    /// With all values of `context`.
    #[must_use]
    pub fn extended(mut self, context: Context) -> Self {
        self.context.extend(context);
        self
    }

    /// With another status than 200.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// With the errors of a form that has to be corrected, and the values as typed.
    #[must_use]
    pub fn rejected(self, error: &Error, typed: &impl Serialize) -> Self {
        self.status(error.code.status()).with("errors", &error.fields).with("form", typed)
    }

    /// The page, with what every page shows: the account, the messages that wait for it, the token of its forms.
    ///
    /// # Errors
    /// When the template or the store fails.
    pub fn render(mut self, request: &HttpRequest) -> Result<HttpResponse, Error> {
        let site = Site::from_request(request)?;
        let visitor = Visitor::extract(request)?;
        self.context.insert("assets", &format!("{}{}", site.settings.base, site.assets.prefix()));
        self.context.insert("modules", site.assets.modules());
        self.context.insert("csrf_token", visitor.csrf());
        self.context.insert("form_key", &Uuid::new_v4());
        self.context.insert("path", request.path());
        self.context.insert("user", &visitor.user().map(|user| user.name.as_str()));
        self.context.insert("registration_open", &site.settings.registration_open);
        // A script that follows a redirect throws the page away, and asks the browser for it again.
        let thrown_away = request.headers().contains_key("x-requested-with");
        let flashes = match visitor.session() {
            Some(session) if !session.flashes.is_empty() && !thrown_away => {
                site.store.take_flashes(&session.id)?
            }
            _ => Vec::new(),
        };
        self.context.insert("flashes", &flashes);
        if !self.context.contains_key("errors") {
            self.context.insert("errors", &[(); 0]);
        }
        let html = site.render(self.template, &self.context)?;
        Ok(HttpResponse::build(self.status)
            .insert_header((header::VARY, "Cookie"))
            .content_type("text/html; charset=utf-8")
            .body(html))
    }
}

impl Site {
    /// The text of a template.
    ///
    /// # Errors
    /// When the template fails, which is our fault.
    pub fn render(&self, template: &str, context: &Context) -> Result<String, Error> {
        let rendered = self.templates.render(template, context);
        rendered.map_err(|error| Error::internal(format!("template {template}: {error}")))
    }

    /// Keeps a message for the next page of this visitor.
    ///
    /// # Errors
    /// When the store does not answer.
    pub fn flash(&self, visitor: &Visitor, category: Category, text: &str) -> Result<(), Error> {
        if let Some(session) = visitor.session() {
            self.store.add_flash(&session.id, category.as_str(), text)?;
        }
        Ok(())
    }
}

/// How a message on a page is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Category {
    /// It worked.
    Success,
    /// Good to know.
    Info,
    /// It did not work.
    Danger,
}

impl Category {
    /// The name in the store and in style sheets.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Info => "info",
            Self::Danger => "danger",
        }
    }
}

/// The answer to a form that worked: go and look.
pub fn see_other(path: &str) -> HttpResponse {
    HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish()
}
