//! The pages, by what they are about.

pub(crate) mod accounts;
pub(crate) mod assets;
pub(crate) mod compare;
pub(crate) mod download;
pub(crate) mod files;
pub(crate) mod steps;
pub(crate) mod tasks;
pub(crate) mod understood;
pub(crate) mod various;
pub(crate) mod weights;

use std::path::Path;

use actix_web::{HttpMessage as _, HttpRequest};
use dataset::Header;
use dataset::axes::Axes;
use dataset::cf::{Coordinates, CoordinatesError};
use serde_json::{Value, json};
use store::{DataFile, DataFileId, Revision, Store};
use web::{Error, RequestId, Site};
use workflow::FileType;

/// A time of the store to the minute.
pub(crate) fn minute(time: &str) -> String {
    time.get(..16).unwrap_or(time).to_owned()
}

/// The file type of the path (`{type}`).
pub(crate) fn file_type(request: &HttpRequest) -> Result<FileType, Error> {
    let text = request.match_info().query("type");
    text.parse().map_err(|_| Error::not_found(format!("The file type '{text}'")))
}

/// The latest revision of a type.
pub(crate) fn latest(store: &Store, id: DataFileId, file_type: FileType) -> Result<Revision, Error> {
    let missing = || {
        Error::new(
            web::Code::NotFound,
            format!("This workflow has no {} file yet.", file_type.title().to_lowercase()),
        )
    };
    store.latest(id, file_type)?.ok_or_else(missing)
}

/// What a stored file holds.
pub(crate) fn header(store: &Store, file: &DataFile, revision: &Revision) -> Result<Header, Error> {
    Ok(open(store, file, revision)?.header().clone())
}

/// A stored file; every error of it speaks of it in the owner's words.
pub(crate) fn open(store: &Store, file: &DataFile, revision: &Revision) -> Result<dataset::File, Error> {
    let opened = dataset::File::open_as(store.path(revision), &revision.called(&file.filename));
    opened.map_err(|error| unreadable(file, revision, error))
}

/// Reads the values of coordinates of a stored file: the inner error says why they are none.
pub(crate) fn coordinate_values(
    store: &Store,
    file: &DataFile,
    revision: &Revision,
    coordinates: &Coordinates,
) -> Result<Result<(), CoordinatesError>, Error> {
    let read =
        dataset::File::open(store.path(revision)).and_then(|opened| Axes::read_file(&opened, coordinates));
    Ok(read.map_err(|error| unreadable(file, revision, error))?.map(|_| ()))
}

/// A stored file that is no NetCDF: the owner's words for the file, a 422, never a 500. Where there is no room to convert it,
/// nothing is wrong with the file.
pub(crate) fn unreadable(file: &DataFile, revision: &Revision, error: dataset::Error) -> Error {
    if store::is_disk_full(&error) {
        return Error::writing("converting a stored file", &error);
    }
    if let dataset::Error::Io { source, .. } = &error {
        return missing(file, revision, error.file().as_ref(), source);
    }
    let message = error.renamed(&revision.called(&file.filename)).to_string();
    Error::new(web::Code::InvalidInput, format!("{}.", message.trim_end_matches('.')))
}

/// A stored file that the server cannot read.
pub(crate) fn missing(file: &DataFile, revision: &Revision, path: &Path, error: &std::io::Error) -> Error {
    let name = revision.called(&file.filename);
    tracing::error!(%name, path = %path.display(), %error, "a stored file cannot be read");
    let message =
        format!("{name} cannot be read on the server. The operator has to restore it from a backup.");
    Error::new(web::Code::InvalidInput, message)
}

/// The data file as templates show it.
pub(crate) fn file_view(file: &DataFile) -> Value {
    json!({
        "id": file.id.0,
        "filename": file.filename,
        "title": title(&file.info, &file.filename),
        "longitude": file.longitude,
        "latitude": file.latitude,
        "state": file.state,
        "release": file.release.as_str(),
        "release_title": file.release.title(),
    })
}

/// What people call the workflow.
pub(crate) fn title(info: &serde_json::Map<String, Value>, filename: &str) -> String {
    let title = info.get("title").and_then(Value::as_str).unwrap_or_default().trim();
    if title.is_empty() { filename.to_owned() } else { title.to_owned() }
}

/// The id that follows this request through the logs.
pub(crate) fn request_id(request: &HttpRequest) -> Option<String> {
    request.extensions().get::<RequestId>().map(|id| id.0.clone())
}

pub(crate) fn store(request: &HttpRequest) -> Result<Store, Error> {
    Ok(Site::from_request(request)?.store.clone())
}
