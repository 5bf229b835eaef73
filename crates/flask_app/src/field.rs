//! Any variable of any stored file, for a map in the browser: the routes. What they answer is made by the crate `field`.
//!
//! | route | answer |
//! |---|---|
//! | `GET /{id}/{type}/field.json` | what can be drawn: variables, dimensions, axes, style ([`Descriptor`]) |
//! | `GET /{id}/{type}/field` | values of a window of a level of detail, binary |
//! | `GET /{id}/{type}/field/mesh` | corners of the cells of a curvilinear grid, binary |
//! | `GET /{id}/{type}/field/value` | one cell, exactly: `{ i, j, value, lon, lat }` |
//!
//! The same lie under `/api/v1/data-files/{id}/{type}/`, for scripts with a token.
//!
//! All take `revision` (a number; else the latest of the type) and `minus` (a revision to subtract, cell by cell: by
//! position, whatever the dimensions are called). All but the first take `variable` and `at` (positions along the
//! dimensions before rows and columns, `0,3`). `field` takes `level` (one cell for `2^level` squared of the file) and
//! `window` (`i,j,columns,rows` in cells of the level), `field/mesh` takes `level`, `field/value` takes `cell`
//! (`i,j`). Without `level` the answer is the finest that has at most 300,000 cells.
//!
//! Answers name their revision by `ETag` and are revalidated at every use, so that a browser keeps them and the
//! owner is checked all the same. Errors are `application/problem+json`: 422 for what cannot be drawn, compared or
//! found in the file, 404 for revisions that do not exist. Files are read off the executor, a few at a time.
//!
//! The browser's side is the web crate's `static/map/climsim-map.js`; how a page embeds it stands there.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use actix_web::http::header::{self, ContentEncoding};
use actix_web::web::{self as aw, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use field::MapError;
use field::answer::{Part, View, gzip};
use field::descriptor::{Choice, Descriptor, describe};
use field::geometry::Hints;
use field::slice::Window;
use field::source::{Difference, FieldSource, Slabs};
use serde::Deserialize;
use store::{DataFile, Revision, Store};
use tokio::sync::Semaphore;
use web::{Code, Error, Owned, Site};
use workflow::FileType;

use crate::api::Problem;
use crate::archive;
use crate::pages::{open as open_stored, unreadable};
use crate::routes::get;

/// Files that are read at the same time: each may take some ten megabytes while it is.
static READING: Semaphore = Semaphore::const_new(4);

/// The routes of this module (see its header) for the data file whose path is `data_file`.
pub(crate) fn configure(config: &mut ServiceConfig, data_file: &str) {
    let path = format!("{data_file}/{{type}}/field");
    config
        .service(aw::resource(format!("{path}.json")).route(get().to(description)))
        .service(aw::resource(format!("{path}/mesh")).route(get().to(mesh)))
        .service(aw::resource(format!("{path}/value")).route(get().to(value)))
        .service(aw::resource(path).route(get().to(values)));
}

/// The query string, as text: what is wrong with a number is said in words.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// The number of the revision; else the latest of the type.
    revision: Option<String>,
    /// The number of a revision to subtract, cell by cell.
    minus: Option<String>,
    /// The variable; else the default one of the description.
    variable: Option<String>,
    /// Positions along the dimensions before rows and columns, from 0: `0,3`.
    at: Option<String>,
    /// Level of detail: a cell stands for 2^level squared of the file. Else the finest of at most 300,000 cells.
    level: Option<String>,
    /// Values only: `i,j,columns,rows` in cells of the level; else all.
    window: Option<String>,
    /// One cell only: `i,j`.
    cell: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum Section {
    Description,
    Values,
    Mesh,
    Value,
}

/// What of a stored file can be drawn on a map: variables, their dimensions, grids and styles. Of an archive of weights it
/// is the file `maps.nc` within.
#[utoipa::path(get, path = "/api/v1/data-files/{id}/{type}/field.json", tag = "maps",
    params(("id" = i32, Path), ("type" = String, Path), Query),
    responses((status = 200, body = Descriptor), (status = 304), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn description(
    owned: Owned,
    request: HttpRequest,
    query: aw::Query<Query>,
) -> Result<HttpResponse, Error> {
    answer(owned, request, query.into_inner(), Section::Description).await
}

/// Values of a window of a level of detail. Binary: `CSF1`, the length of a JSON header (u32, little endian), the header,
/// and the planes that it lists.
#[utoipa::path(get, path = "/api/v1/data-files/{id}/{type}/field", tag = "maps",
    params(("id" = i32, Path), ("type" = String, Path), Query),
    responses((status = 200, content_type = "application/octet-stream"), (status = 304), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn values(
    owned: Owned,
    request: HttpRequest,
    query: aw::Query<Query>,
) -> Result<HttpResponse, Error> {
    answer(owned, request, query.into_inner(), Section::Values).await
}

/// The corners of the cells of a curvilinear grid, in the same binary form.
#[utoipa::path(get, path = "/api/v1/data-files/{id}/{type}/field/mesh", tag = "maps",
    params(("id" = i32, Path), ("type" = String, Path), Query),
    responses((status = 200, content_type = "application/octet-stream"), (status = 304), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn mesh(
    owned: Owned,
    request: HttpRequest,
    query: aw::Query<Query>,
) -> Result<HttpResponse, Error> {
    answer(owned, request, query.into_inner(), Section::Mesh).await
}

/// One cell of the file, exactly: `i`, `j`, `value`, `lon`, `lat`.
#[utoipa::path(get, path = "/api/v1/data-files/{id}/{type}/field/value", tag = "maps",
    params(("id" = i32, Path), ("type" = String, Path), Query),
    responses((status = 200, body = Object), (status = 304), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn value(
    owned: Owned,
    request: HttpRequest,
    query: aw::Query<Query>,
) -> Result<HttpResponse, Error> {
    answer(owned, request, query.into_inner(), Section::Value).await
}

async fn answer(
    owned: Owned,
    request: HttpRequest,
    query: Query,
    wanted: Section,
) -> Result<HttpResponse, Error> {
    let store = Site::from_request(&request)?.store.clone();
    let file_type = request.match_info().query("type").to_owned();
    let known =
        request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let compressed = accepts_gzip(&request);
    let Ok(_permit) = READING.acquire().await else {
        return Err(Error::internal("the semaphore was closed"));
    };
    let made = aw::block(move || -> Result<(String, Option<Vec<u8>>), Error> {
        let revisions = Revisions::find(&store, &owned.file, &file_type, &query)?;
        let tag = revisions.tag(&owned.file, compressed);
        if known.as_deref() == Some(tag.as_str()) {
            return Ok((tag, None));
        }
        let body = revisions.body(&store, &owned.file, &query, wanted)?;
        let body = if compressed { gzip(&body).map_err(Error::internal)? } else { body };
        Ok((tag, Some(body)))
    })
    .await?;
    let (tag, body) = match made {
        // The map shows the words; a page of HTML would not help it.
        Err(error) if error.code != Code::Internal => return Ok(web::problem(&request, &error)),
        other => other?,
    };
    let kind = match wanted {
        Section::Description | Section::Value => "application/json",
        Section::Values | Section::Mesh => "application/octet-stream",
    };
    let mut response = if body.is_some() { HttpResponse::Ok() } else { HttpResponse::NotModified() };
    response
        .insert_header((header::ETAG, tag))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"))
        .insert_header((header::VARY, "Accept-Encoding, Authorization, Cookie"));
    let Some(body) = body else { return Ok(response.finish()) };
    response
        .content_type(kind)
        // Said also of plain answers: nothing else is to compress them.
        .insert_header(if compressed { ContentEncoding::Gzip } else { ContentEncoding::Identity });
    Ok(response.body(body))
}

fn accepts_gzip(request: &HttpRequest) -> bool {
    let accepted = request.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    accepted.is_some_and(|list| {
        list.split(',').filter_map(|item| item.split(';').next()).any(|name| name.trim() == "gzip")
    })
}

/// The revisions that a request is about.
struct Revisions {
    shown: Revision,
    minus: Option<Revision>,
}

impl Revisions {
    fn find(store: &Store, file: &DataFile, file_type: &str, query: &Query) -> Result<Self, Error> {
        let file_type: FileType =
            file_type.parse().map_err(|_| Error::not_found(format!("The file type '{file_type}'")))?;
        let numbered = |field: &str, text: &str| -> Result<Revision, Error> {
            let number: i32 =
                text.parse().map_err(|_| Error::field(field, format!("'{text}' is no revision number.")))?;
            let found = store.revision(file.id, number)?;
            found.ok_or_else(|| Error::not_found(format!("Revision {number}")))
        };
        let shown = match &query.revision {
            Some(text) => {
                Some(numbered("revision", text)?).filter(|revision| revision.file_type == file_type)
            }
            None => store.latest(file.id, file_type)?,
        };
        let shown =
            shown.ok_or_else(|| Error::not_found(format!("This revision of '{}'", file_type.title())))?;
        let minus = query.minus.as_deref().map(|text| numbered("minus", text)).transpose()?;
        Ok(Self { shown, minus })
    }

    /// Revisions are immutable; the confirmed coordinates and this code are what else decides an answer.
    fn tag(&self, file: &DataFile, compressed: bool) -> String {
        let mut hasher = DefaultHasher::new();
        (&file.longitude, &file.latitude, env!("CARGO_PKG_VERSION"), compressed).hash(&mut hasher);
        let minus = self.minus.as_ref().map_or_else(String::new, |minus| format!("-{}", minus.id.0));
        format!("\"{}{minus}-{:x}\"", self.shown.id.0, hasher.finish())
    }

    fn body(&self, store: &Store, file: &DataFile, query: &Query, wanted: Section) -> Result<Vec<u8>, Error> {
        let open = |revision: &Revision| -> Result<FieldSource, Error> {
            if revision.file_type == FileType::Weights {
                return archive::maps(store, file, revision).map(FieldSource::from);
            }
            open_stored(store, file, revision).map(FieldSource::File)
        };
        let hints = Hints { longitude: file.longitude.clone(), latitude: file.latitude.clone() };
        let shown = open(&self.shown)?;
        let minus = self.minus.as_ref().map(open).transpose()?;
        let (header, subtracted) = (shown.header(), minus.as_ref().map(FieldSource::header));
        let made = match &minus {
            None => query.make(View { source: &shown, header, subtracted, hints: &hints }, wanted),
            Some(right) => {
                let source = Difference { left: &shown, right, right_header: right.header() };
                query.make(View { source: &source, header, subtracted, hints: &hints }, wanted)
            }
        };
        made.map_err(|error| match error {
            FieldResponseError::Query(error) => error,
            FieldResponseError::Map(MapError::File(error)) => unreadable(file, &self.shown, error),
            FieldResponseError::Map(error) => Error::new(Code::InvalidInput, error.to_string()),
        })
    }
}

enum FieldResponseError {
    Query(Error),
    Map(MapError),
}

impl From<MapError> for FieldResponseError {
    fn from(error: MapError) -> Self {
        Self::Map(error)
    }
}

impl Query {
    fn make<S: Slabs>(&self, view: View<'_, S>, wanted: Section) -> Result<Vec<u8>, FieldResponseError> {
        let choice = Choice { variable: self.variable.as_deref(), at: self.at.as_deref() };
        match wanted {
            Section::Description => {
                let description = describe(view.source, view.header, view.subtracted, view.hints)?;
                serde_json::to_vec(&description)
                    .map_err(|error| FieldResponseError::Query(Error::internal(error)))
            }
            Section::Values => {
                let window = numbers::<4>("window", self.window.as_deref(), "i,j,columns,rows")?;
                let window = window.map(|[i, j, ni, nj]| Window { i, j, ni, nj });
                Ok(view.field(&choice, Part { level: self.level()?, window })?.to_bytes())
            }
            Section::Mesh => Ok(view.mesh(&choice, self.level()?)?.to_bytes()),
            Section::Value => {
                let cell = numbers::<2>("cell", self.cell.as_deref(), "i,j")?;
                let [i, j] = cell.ok_or_else(|| {
                    FieldResponseError::Query(Error::field("cell", "Which cell? Give 'cell=i,j'."))
                })?;
                Ok(view.value(&choice, i, j)?.to_string().into_bytes())
            }
        }
    }

    fn level(&self) -> Result<Option<u32>, FieldResponseError> {
        let level = numbers::<1>("level", self.level.as_deref(), "a small number")?;
        Ok(level.map(|[level]| u32::try_from(level).unwrap_or(u32::MAX)))
    }
}

fn numbers<const N: usize>(
    field: &str,
    text: Option<&str>,
    form: &str,
) -> Result<Option<[usize; N]>, FieldResponseError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let parsed: Option<Vec<usize>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
    let array = parsed.and_then(|list| <[usize; N]>::try_from(list).ok());
    let wrong = || FieldResponseError::Query(Error::field(field, format!("'{text}' is not {form}.")));
    array.map(Some).ok_or_else(wrong)
}
