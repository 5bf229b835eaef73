//! Pages that belong to no workflow.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse, Responder};
use serde::Deserialize;
use web::{Code, Error, Login, Page, Site, Visitor, see_other};

/// `GET /findings`
pub(crate) async fn findings(request: HttpRequest) -> Result<HttpResponse, Error> {
    Page::new("findings.html").render(&request)
}

/// `GET /about`
pub(crate) async fn about(request: HttpRequest) -> Result<HttpResponse, Error> {
    Page::new("about.html").with("version", env!("CARGO_PKG_VERSION")).render(&request)
}

/// `GET /hello`: the smoke test of the original.
pub(crate) async fn hello() -> impl Responder {
    HttpResponse::Ok().content_type("text/html; charset=utf-8").body("Hello, World!")
}

/// `GET /session`: who is logged in, for developers.
pub(crate) async fn session(site: Data<Site>, visitor: Visitor) -> Result<HttpResponse, Error> {
    if !site.settings.development {
        return Err(Error::new(Code::Forbidden, "This page is for developers (FLASK_ENV=development)."));
    }
    let text = match visitor.session() {
        Some(session) => format!("user {} ({})", session.user.id, session.user.name),
        None => "nobody is logged in".to_owned(),
    };
    Ok(HttpResponse::Ok().content_type("text/plain; charset=utf-8").body(text))
}

/// `GET /favicon.ico`
pub(crate) async fn favicon(site: Data<Site>) -> HttpResponse {
    see_other(&format!("{}/icon.svg", site.assets.prefix()))
}

#[derive(Deserialize)]
pub(crate) struct Prefix {
    #[serde(default)]
    prefix: String,
}

/// `GET /users?prefix=...`: names to send a workflow to, as one types; two letters at least.
pub(crate) async fn user_names(
    site: Data<Site>,
    login: Login,
    query: Query<Prefix>,
) -> Result<HttpResponse, Error> {
    let prefix = query.prefix.trim();
    let mut names = Vec::new();
    if prefix.chars().count() >= 2 {
        let users = site.store.names_like(prefix, 10)?;
        names = users.into_iter().filter(|user| user.id != login.user.id).map(|user| user.name).collect();
    }
    Ok(HttpResponse::Ok().json(names))
}
