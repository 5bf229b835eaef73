//! Workflows.

use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, HttpResponse};
use dataset::contained::Cancel;
use web::{Error, Fields, Login, Owned, Site, block};
use workflow::FileType;

use super::model::{
    self, Coordinates, DataFile, DataFileSummary, Limits, Numerics, Problem, Receiver, Stored, Uploaded,
};
use crate::pages::{files, tasks};
use crate::{Shared, forms};

/// Lists the workflows, newest change first.
#[utoipa::path(get, path = "/api/v1/data-files", tag = "data files",
    responses((status = 200, body = [DataFileSummary]), (status = 401, body = Problem)))]
pub(crate) async fn list(site: Data<Site>, login: Login) -> Result<HttpResponse, Error> {
    let files: Vec<DataFileSummary> = site
        .store
        .data_files(login.user.id)?
        .into_iter()
        .map(|file| DataFileSummary {
            id: file.id.0,
            filename: file.filename,
            info: file.info,
            state: file.state,
            changed: file.changed,
        })
        .collect();
    Ok(HttpResponse::Ok().json(files))
}

/// A multipart form with the topography.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the form")]
pub(crate) struct UploadForm {
    /// The NetCDF file.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// What to call the workflow.
    title: Option<String>,
    /// Author or reference.
    #[schema(rename = "auth-ref")]
    auth_ref: Option<String>,
    /// Age in millions of years.
    age: Option<String>,
    /// Hypothesis.
    hypothesis: Option<String>,
    /// Lines `key = value`.
    extra: Option<String>,
    /// What the steps are computed with: `corrected` (the default), `2023` or `2021`.
    release: Option<String>,
}

/// Uploads a topography. It is accepted when all its values can be read; coordinates that are certain are set at once. How
/// large it may be is told by `/api/v1/limits`.
#[utoipa::path(post, path = "/api/v1/data-files", tag = "data files",
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses((status = 201, body = Uploaded), (status = 413, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn upload(
    request: HttpRequest,
    site: Data<Site>,
    shared: Data<Shared>,
    login: Login,
    form: Payload,
) -> Result<HttpResponse, Error> {
    let mut form = web::upload::read(&request, &login, form, FileType::Raw.extension()).await?;
    let accepted = files::accept(&site, &shared, &login, &mut form.fields, form.file).await?;
    let file = site.store.data_file(accepted.id)?.ok_or_else(|| Error::not_found("The workflow"))?;
    let address = format!("/api/v1/data-files/{}", accepted.id);
    let uploaded = Uploaded { file: DataFile::from(&file), understood: accepted.understood };
    Ok(HttpResponse::Created().insert_header(("Location", address)).json(uploaded))
}

/// What this server takes, to be known before an upload.
#[utoipa::path(get, path = "/api/v1/limits", tag = "data files",
    responses((status = 200, body = Limits), (status = 401, body = Problem)))]
pub(crate) async fn limits(shared: Data<Shared>, _login: Login) -> HttpResponse {
    let settings = &shared.settings;
    HttpResponse::Ok().json(Limits {
        upload_bytes: settings.web.upload_limit_bytes,
        unpacked_bytes: dataset::contained::limits().unpacked_bytes,
        workflows: settings.data_files_limit,
    })
}

/// One workflow.
#[utoipa::path(get, path = "/api/v1/data-files/{id}", tag = "data files", params(("id" = i32, Path)),
    responses((status = 200, body = DataFile), (status = 404, body = Problem)))]
pub(crate) async fn show(owned: Owned) -> HttpResponse {
    HttpResponse::Ok().json(DataFile::from(&owned.file))
}

/// Deletes a workflow with all its files.
#[utoipa::path(delete, path = "/api/v1/data-files/{id}", tag = "data files", params(("id" = i32, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
pub(crate) async fn delete(site: Data<Site>, owned: Owned) -> Result<HttpResponse, Error> {
    let (store, id) = (site.store.clone(), owned.file.id);
    block(move || Ok(store.delete_data_file(id)?)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Says which variables are the coordinates.
#[utoipa::path(put, path = "/api/v1/data-files/{id}/coordinates", tag = "data files", params(("id" = i32, Path)),
    request_body = Coordinates,
    responses((status = 200, body = Coordinates), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn set_coordinates(
    site: Data<Site>,
    owned: Owned,
    names: Json<Coordinates>,
) -> Result<HttpResponse, Error> {
    let names = names.into_inner();
    let mut fields =
        Fields::new(vec![("Longitude".to_owned(), names.longitude), ("Latitude".to_owned(), names.latitude)]);
    let (longitude, latitude) = files::set_coordinates(&site.store, &owned, &mut fields).await?;
    Ok(HttpResponse::Ok().json(Coordinates { longitude, latitude }))
}

/// Changes the generation of the numerics. What was computed with the one of before becomes stale, and takes the new one when
/// it runs again; a step that named a release itself keeps it.
#[utoipa::path(put, path = "/api/v1/data-files/{id}/release", tag = "data files", params(("id" = i32, Path)),
    request_body = Numerics,
    responses((status = 200, body = DataFile), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn set_release(
    site: Data<Site>,
    shared: Data<Shared>,
    owned: Owned,
    numerics: Json<Numerics>,
) -> Result<HttpResponse, Error> {
    let mut fields = Fields::new(vec![("release".to_owned(), numerics.into_inner().release)]);
    let release = files::set_release(&site.store, &shared, &owned, &mut fields).await?;
    let file = store::DataFile { release, ..owned.file };
    Ok(HttpResponse::Ok().json(DataFile::from(&file)))
}

/// Copies a workflow with its files and the state of its steps.
#[utoipa::path(post, path = "/api/v1/data-files/{id}/duplicate", tag = "data files", params(("id" = i32, Path)),
    responses((status = 201, body = DataFile), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub(crate) async fn duplicate(
    site: Data<Site>,
    shared: Data<Shared>,
    owned: Owned,
) -> Result<HttpResponse, Error> {
    let (store, id, limit) = (site.store.clone(), owned.file.id, shared.settings.data_files_limit);
    let copy = block(move || {
        let copy = store.duplicate(id, limit)?;
        store.data_file(copy)?.ok_or_else(|| Error::not_found("The copy"))
    })
    .await?;
    Ok(HttpResponse::Created().json(DataFile::from(&copy)))
}

/// Gives a copy to another user.
#[utoipa::path(post, path = "/api/v1/data-files/{id}/send", tag = "data files", params(("id" = i32, Path)),
    request_body = Receiver,
    responses((status = 204), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn send(
    site: Data<Site>,
    shared: Data<Shared>,
    owned: Owned,
    to: Json<Receiver>,
) -> Result<HttpResponse, Error> {
    let mut fields = Fields::new(vec![("Username".to_owned(), to.into_inner().username)]);
    files::send_to(&site.store, &shared, &owned, &mut fields).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// A multipart form with an ocean grid.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "describes the form")]
pub(crate) struct OceanGridForm {
    /// The NetCDF file.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// The names of longitude and latitude of the cell centres, such as `glamt,gphit`, where they are not found alone.
    ocean_coordinates: Option<String>,
}

/// Stores an ocean grid; the routing takes it with `"orcafile": "custom"`. A file in which no grid is found is refused.
#[utoipa::path(post, path = "/api/v1/data-files/{id}/ocean-grid", tag = "data files", params(("id" = i32, Path)),
    request_body(content = OceanGridForm, content_type = "multipart/form-data"),
    responses((status = 201, body = Stored), (status = 422, body = Problem)))]
pub(crate) async fn ocean_grid(
    request: HttpRequest,
    site: Data<Site>,
    owned: Owned,
    form: Payload,
) -> Result<HttpResponse, Error> {
    let mut form = web::upload::read(&request, &owned.login, form, FileType::Coords.extension()).await?;
    let names = forms::ocean_coordinates(&mut form.fields);
    form.fields.finish()?;
    let upload = form.file.ok_or_else(|| Error::field("file", "Send the ocean grid as the field 'file'."))?;
    let (store, id) = (site.store.clone(), owned.file.id);
    let cancel = Cancel::default();
    let _gone = cancel.on_drop();
    let revision = block(move || {
        let opened = files::checked(&upload.name, &upload.staged, &cancel)?;
        tasks::ocean_grid(&upload.name, &opened, names.as_ref())?;
        Ok(store.add_revision(id, FileType::Coords, upload.staged, serde_json::Map::new())?)
    })
    .await?;
    Ok(HttpResponse::Created().json(model::Stored { number: revision.revision }))
}
