//! Stored files.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use web::{Error, Owned, Site, block};

use super::model::{Problem, Revision};
use crate::pages::{download as downloads, file_type, header, latest};

/// All stored files of a workflow, by number.
#[utoipa::path(get, path = "/api/v1/data-files/{id}/revisions", tag = "files", params(("id" = i32, Path)),
    responses((status = 200, body = [Revision]), (status = 404, body = Problem)))]
pub(crate) async fn list(site: Data<Site>, owned: Owned) -> Result<HttpResponse, Error> {
    let revisions = site.store.revisions(owned.file.id)?;
    let models: Vec<Revision> = revisions.iter().map(|revision| model(revision, &revisions)).collect();
    Ok(HttpResponse::Ok().json(models))
}

fn model(revision: &store::Revision, all: &[store::Revision]) -> Revision {
    let parents = all.iter().filter(|other| revision.parents.contains(&other.id));
    Revision {
        number: revision.revision,
        file_type: revision.file_type.as_str().to_owned(),
        created: revision.created.clone(),
        bytes: revision.bytes,
        sha256: revision.sha256.clone(),
        info: revision.info.clone(),
        step: revision.step.map(|step| step.as_str().to_owned()),
        parameters: revision.parameters.clone(),
        release: revision.release().map(|release| release.to_string()),
        parents: parents.map(|other| other.revision).collect(),
    }
}

fn of_path(site: &Site, owned: &Owned, request: &HttpRequest) -> Result<store::Revision, Error> {
    let text = request.match_info().query("number");
    let missing = || Error::not_found(format!("Revision {text}"));
    let number: i32 = text.parse().map_err(|_| missing())?;
    site.store.revision(owned.file.id, number)?.ok_or_else(missing)
}

/// What a stored NetCDF file holds: dimensions, variables, attributes.
#[utoipa::path(get, path = "/api/v1/data-files/{id}/revisions/{number}", tag = "files",
    params(("id" = i32, Path), ("number" = i32, Path)),
    responses((status = 200, body = Object), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn info(
    request: HttpRequest,
    site: Data<Site>,
    owned: Owned,
) -> Result<HttpResponse, Error> {
    let revision = of_path(&site, &owned, &request)?;
    if !revision.file_type.is_netcdf() {
        return Err(Error::not_found("A description of an archive"));
    }
    let (store, file) = (site.store.clone(), owned.file.clone());
    let header = block(move || header(&store, &file, &revision)).await?;
    Ok(HttpResponse::Ok().json(header.describe()))
}

/// A stored file. What was uploaded comes back byte for byte; results have their provenance among the global attributes;
/// weights are an archive (`application/gzip`).
#[utoipa::path(get, path = "/api/v1/data-files/{id}/revisions/{number}/file", tag = "files",
    params(("id" = i32, Path), ("number" = i32, Path)),
    responses((status = 200, content_type = "application/x-netcdf"), (status = 404, body = Problem)))]
pub(crate) async fn download(
    request: HttpRequest,
    site: Data<Site>,
    owned: Owned,
) -> Result<HttpResponse, Error> {
    let revision = of_path(&site, &owned, &request)?;
    downloads::one_file(&site.store, owned, revision).await
}

/// The latest file of a type (`raw`, `routing`, `bathy`, ...); weights are an archive (`application/gzip`).
#[utoipa::path(get, path = "/api/v1/data-files/{id}/latest/{type}", tag = "files",
    params(("id" = i32, Path), ("type" = String, Path)),
    responses((status = 200, content_type = "application/x-netcdf"), (status = 404, body = Problem)))]
pub(crate) async fn download_latest(
    request: HttpRequest,
    site: Data<Site>,
    owned: Owned,
) -> Result<HttpResponse, Error> {
    let revision = latest(&site.store, owned.file.id, file_type(&request)?)?;
    downloads::one_file(&site.store, owned, revision).await
}

/// The latest file of each type, and a text that says where each comes from, in one ZIP archive.
#[utoipa::path(get, path = "/api/v1/data-files/{id}/archive", tag = "files", params(("id" = i32, Path)),
    responses((status = 200, content_type = "application/zip"), (status = 404, body = Problem)))]
pub(crate) async fn download_all(site: Data<Site>, owned: Owned) -> Result<HttpResponse, Error> {
    downloads::all(site, owned).await
}
