//! Looking at stored files: the map, what they hold, where they come from.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Revision, Store};
use web::{Error, Owned, Page, Site, block, see_other};
use workflow::FileType;

use super::{file_type, file_view, header, latest};
use crate::provenance::change;

#[derive(Deserialize)]
pub(crate) struct Number {
    pub(crate) revision: Option<i32>,
}

/// The revision that a page asks for: by number, or the latest of the type.
pub(crate) fn wanted(
    store: &Store,
    owned: &Owned,
    file_type: FileType,
    number: Option<i32>,
) -> Result<Revision, Error> {
    let Some(number) = number else { return latest(store, owned.file.id, file_type) };
    let revision = store.revision(owned.file.id, number)?.filter(|revision| revision.file_type == file_type);
    revision.ok_or_else(|| {
        let message =
            format!("There is no revision {number} of the {} file.", file_type.title().to_lowercase());
        Error::new(web::Code::NotFound, message)
    })
}

/// `GET /{id}/map`: the latest topography.
pub(crate) async fn map(owned: Owned) -> HttpResponse {
    see_other(&format!("/{}/raw/view", owned.file.id))
}

/// `GET /{id}/{type}/view`
pub(crate) async fn view(
    request: HttpRequest,
    owned: Owned,
    query: Query<Number>,
) -> Result<HttpResponse, Error> {
    if file_type(&request)? == FileType::Weights {
        return super::weights::page(&request, &owned, query.revision).await;
    }
    view_page(&request, &owned, query.revision).await
}

/// `GET /{id}/{type}/variable_explorer`: on to the editor.
pub(crate) async fn explorer(request: HttpRequest, owned: Owned) -> Result<HttpResponse, Error> {
    let file_type = netcdf(&request)?;
    wanted(&super::store(&request)?, &owned, file_type, None)?;
    Ok(see_other(&super::tasks::editor_address(owned.file.id, "value_changer", Some((file_type, None)))))
}

async fn view_page(request: &HttpRequest, owned: &Owned, number: Option<i32>) -> Result<HttpResponse, Error> {
    let file_type = netcdf(request)?;
    let (store, this) = (super::store(request)?, owned.file.clone());
    let revision = wanted(&store, owned, file_type, number)?;
    let shown = revision.clone();
    let store_of_header = store.clone();
    // A file that cannot be read has no map: say so on a page, not in the map.
    block(move || header(&store_of_header, &this, &shown)).await?;
    let numbers: Vec<i32> = store
        .revisions(owned.file.id)?
        .into_iter()
        .filter(|other| other.file_type == file_type)
        .map(|other| other.revision)
        .collect();
    Page::new("view.html")
        .with("file", &file_view(&owned.file))
        .with("file_type", file_type.as_str())
        .with("title", file_type.title())
        .with("number", &revision.revision)
        .with("numbers", &numbers)
        .render(request)
}

/// The type of the path, when it is one that can be drawn.
pub(crate) fn netcdf(request: &HttpRequest) -> Result<FileType, Error> {
    let file_type = file_type(request)?;
    if file_type.is_netcdf() {
        return Ok(file_type);
    }
    let message = format!("{} are an archive: look at the result or download it.", file_type.title());
    Err(Error::new(web::Code::NotFound, message))
}

/// `GET /{id}/{type}/fileInfo`
pub(crate) async fn info(
    request: HttpRequest,
    site: Data<Site>,
    owned: Owned,
    query: Query<Number>,
) -> Result<HttpResponse, Error> {
    let file_type = netcdf(&request)?;
    let (store, file) = (site.store.clone(), owned.file.clone());
    let revision = wanted(&store, &owned, file_type, query.revision)?;
    let described = revision.clone();
    let (description, cdl) = block(move || {
        let header = header(&store, &file, &described)?;
        Ok((header.describe(), header.to_string()))
    })
    .await?;
    let revisions = site.store.revisions(owned.file.id)?;
    let parents: Vec<Value> = revisions
        .iter()
        .filter(|other| revision.parents.contains(&other.id))
        .map(|other| json!({ "title": other.file_type.title(), "type": other.file_type, "number": other.revision }))
        .collect();
    let changes: Vec<Value> = revisions
        .iter()
        .filter(|other| other.file_type == file_type)
        .enumerate()
        .map(|(index, other)| {
            json!({
                "position": index + 1,
                "number": other.revision,
                "created": other.created,
                "bytes": other.bytes,
                "text": change(other),
                "step": other.step.map(workflow::Step::title),
            })
        })
        .collect();
    Page::new("info.html")
        .with("file", &file_view(&owned.file))
        .with("file_type", file_type.as_str())
        .with("title", file_type.title())
        .with("number", &revision.revision)
        .with("created", &revision.created)
        .with("sha256", &revision.sha256)
        .with("release", &revision.release().map(|release| release.title()))
        .with("bytes", &revision.bytes)
        .with("parents", &parents)
        .with("changes", &changes)
        .with("description", &description)
        .with("cdl", &cdl)
        .render(&request)
}
