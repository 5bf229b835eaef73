//! The HTTP API under `/api/v1`: everything that the pages can do, for scripts.
//!
//! JSON in and out; errors are `application/problem+json`. A script sends a token of its user
//! (`Authorization: Bearer ...`, made under *API tokens*); the pages' own scripts use the session and its token in
//! `X-CSRF-Token`. The description in OpenAPI is generated from this module and served at `/api/v1/openapi.json`.

mod data_files;
mod model;
mod revisions;
mod steps;

pub(crate) use model::Problem;

use actix_web::middleware::from_fn;
use actix_web::web::{self as aw, ServiceConfig};
use actix_web::{HttpResponse, Responder};
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

use crate::field;
use crate::routes::get;

/// The description of the API.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "climsim",
        description = "From a palaeogeographic topography to the boundary conditions of the IPSL climate model.",
        license(name = "MIT", identifier = "MIT")
    ),
    paths(
        data_files::limits, data_files::list, data_files::upload, data_files::show, data_files::delete, data_files::set_coordinates,
        data_files::set_release, data_files::duplicate, data_files::send, data_files::ocean_grid,
        steps::list, steps::events, steps::request, steps::retry, steps::cancel, steps::sub_basins_default,
        revisions::list, revisions::info, revisions::download, revisions::download_latest, revisions::download_all,
        field::description, field::values, field::mesh, field::value,
    ),
    modifiers(&Token),
    security(("token" = []))
)]
struct Description;

struct Token;

impl utoipa::Modify for Token {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        openapi.components.get_or_insert_default().add_security_scheme("token", scheme);
    }
}

/// The description as it is committed and served.
pub fn openapi_json() -> String {
    let mut text = Description::openapi().to_pretty_json().unwrap_or_default();
    text.push('\n');
    text
}

async fn openapi() -> impl Responder {
    HttpResponse::Ok().content_type("application/json").body(openapi_json())
}

/// The API: one scope, whose middleware says how its requests authenticate.
pub(crate) fn configure(config: &mut ServiceConfig) {
    config.service(aw::scope("/api/v1").wrap(from_fn(web::api)).configure(routes));
}

fn routes(config: &mut ServiceConfig) {
    config
        .configure(|config| crate::field::configure(config, "/data-files/{id}"))
        .service(aw::resource("/openapi.json").route(get().to(openapi)))
        .service(aw::resource("/limits").route(get().to(data_files::limits)))
        .service(
            aw::resource("/data-files")
                .route(get().to(data_files::list))
                .route(aw::post().to(data_files::upload)),
        )
        .service(
            aw::resource("/data-files/{id}")
                .route(get().to(data_files::show))
                .route(aw::delete().to(data_files::delete)),
        )
        .service(
            aw::resource("/data-files/{id}/coordinates").route(aw::put().to(data_files::set_coordinates)),
        )
        .service(aw::resource("/data-files/{id}/release").route(aw::put().to(data_files::set_release)))
        .service(aw::resource("/data-files/{id}/duplicate").route(aw::post().to(data_files::duplicate)))
        .service(aw::resource("/data-files/{id}/send").route(aw::post().to(data_files::send)))
        .service(aw::resource("/data-files/{id}/ocean-grid").route(aw::post().to(data_files::ocean_grid)))
        .service(aw::resource("/data-files/{id}/steps").route(get().to(steps::list)))
        .service(aw::resource("/data-files/{id}/events").route(get().to(steps::events)))
        .service(
            aw::resource("/data-files/{id}/steps/subbasins/default")
                .route(aw::post().to(steps::sub_basins_default)),
        )
        .service(
            aw::resource("/data-files/{id}/steps/{step}")
                .route(aw::post().to(steps::request))
                .route(aw::delete().to(steps::cancel)),
        )
        .service(aw::resource("/data-files/{id}/steps/{step}/retry").route(aw::post().to(steps::retry)))
        .service(aw::resource("/data-files/{id}/revisions").route(get().to(revisions::list)))
        .service(aw::resource("/data-files/{id}/revisions/{number}").route(get().to(revisions::info)))
        .service(
            aw::resource("/data-files/{id}/revisions/{number}/file").route(get().to(revisions::download)),
        )
        .service(aw::resource("/data-files/{id}/latest/{type}").route(get().to(revisions::download_latest)))
        .service(aw::resource("/data-files/{id}/archive").route(get().to(revisions::download_all)));
}
