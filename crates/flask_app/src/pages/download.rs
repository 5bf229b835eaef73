//! Downloads: one file, or all of them. Stored files are never touched, and no values are decoded.
//!
//! What the user sent comes back byte for byte. A result gets its provenance among its global attributes, as a stream in front
//! of the stored values; a file that cannot take attributes is sent as it is stored. The archive of all files has a text
//! with the provenance of each beside them.

use std::fs::File;

use actix_web::http::header::{self, ContentEncoding, HeaderValue};
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use store::{Revision, Store};
use time::OffsetDateTime;
use time::macros::format_description;
use web::{Error, Owned, Site, block};
use workflow::FileType;

use super::assets::{Number, wanted};
use super::{file_type, missing};
use crate::stream::{self, Part};
use crate::{provenance, zip};

/// `GET /{id}/{type}/download[?revision=N]`
pub(crate) async fn one(
    request: HttpRequest,
    site: Data<Site>,
    owned: Owned,
    query: Query<Number>,
) -> Result<HttpResponse, Error> {
    let file_type = file_type(&request)?;
    let revision = wanted(&site.store, &owned, file_type, query.revision)?;
    one_file(&site.store, owned, revision).await
}

/// A stored file, as a download.
pub(crate) async fn one_file(store: &Store, owned: Owned, revision: Revision) -> Result<HttpResponse, Error> {
    let name = member_name(&owned.file.filename, revision.file_type);
    let content_type =
        if revision.file_type.is_netcdf() { "application/x-netcdf" } else { "application/gzip" };
    let last_modified = http_date(&revision.created);
    let store = store.clone();
    let parts = block(move || {
        let revisions = store.revisions(owned.file.id)?;
        parts(&store, &owned, &revisions, &revision)
    })
    .await?;
    let mut response = attachment(&name, content_type);
    if let Some(date) = last_modified {
        response.insert_header((header::LAST_MODIFIED, date));
    }
    let bytes: u64 = parts.iter().map(Part::len).sum();
    Ok(response.no_chunking(bytes).streaming(stream::body(parts)))
}

/// `GET /{id}/download`: the latest file of each type.
pub(crate) async fn all(site: Data<Site>, owned: Owned) -> Result<HttpResponse, Error> {
    let name = format!("netcdf_flask_app_{}.zip", stem(&owned.file.filename));
    let store = site.store.clone();
    let (parts, bytes) = block(move || archive(&store, &owned)).await?;
    Ok(attachment(&name, "application/zip").no_chunking(bytes).streaming(stream::body(parts)))
}

fn archive(store: &Store, owned: &Owned) -> Result<(Vec<Part>, u64), Error> {
    let now = OffsetDateTime::now_utc();
    let revisions = store.revisions(owned.file.id)?;
    let mut seen: Vec<&Revision> = Vec::new();
    for revision in &revisions {
        match seen.iter_mut().find(|other| other.file_type == revision.file_type) {
            Some(other) => *other = revision,
            None => seen.push(revision),
        }
    }
    let mut files = Vec::new();
    let mut told = Vec::new();
    for revision in seen {
        let name = member_name(&owned.file.filename, revision.file_type);
        let content = parts(store, owned, &revisions, revision)?;
        told.push((name.clone(), revision));
        files.push((name, content));
    }
    let text = provenance::text(&owned.file, &revisions, &told, &owned.login.user.name, now);
    let beside = format!("{}_provenance.txt", stem(&owned.file.filename));
    files.push((beside, vec![Part::Memory(text.into_bytes())]));
    let mut members = Vec::new();
    let mut sent = Vec::new();
    for (name, content) in files {
        let mut hasher = crc32fast::Hasher::new();
        for part in &content {
            part.checksum(&mut hasher)
                .map_err(|error| Error::internal(format!("reading {name}: {error}")))?;
        }
        let bytes = content.iter().map(Part::len).sum();
        let member = zip::Member { name, bytes, crc32: hasher.finalize() };
        sent.push(Part::Memory(zip::local_header(&member)));
        sent.extend(content);
        members.push(member);
    }
    sent.push(Part::Memory(zip::directory(&members)));
    let bytes = sent.iter().map(Part::len).sum();
    Ok((sent, bytes))
}

/// A stored file as it is sent.
fn parts(
    store: &Store,
    owned: &Owned,
    revisions: &[Revision],
    revision: &Revision,
) -> Result<Vec<Part>, Error> {
    let path = store.path(revision);
    let as_stored = || -> Result<Vec<Part>, Error> {
        let gone = |error| missing(&owned.file, revision, &path, &error);
        let file = File::open(&path).map_err(gone)?;
        let metadata = file.metadata().map_err(gone)?;
        if !metadata.is_file() {
            return Err(gone(std::io::ErrorKind::InvalidInput.into()));
        }
        Ok(vec![Part::File { file, start: 0, len: metadata.len() }])
    };
    if revision.is_uploaded() || !revision.file_type.is_netcdf() {
        return as_stored();
    }
    let user = &owned.login.user.name;
    let added =
        provenance::attributes(&owned.file, revisions, revision.file_type, user, OffsetDateTime::now_utc());
    match provenance::copy(&path, &added) {
        Ok(copy) => {
            let len = copy.data.end - copy.data.start;
            Ok(vec![Part::Memory(copy.header), Part::File { file: copy.file, start: copy.data.start, len }])
        }
        Err(error) => {
            tracing::info!(
                revision = revision.revision,
                cause = store::chain(&error),
                "sent without attributes"
            );
            as_stored()
        }
    }
}

fn attachment(name: &str, content_type: &str) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response
        .content_type(content_type)
        .insert_header(disposition(name))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        // The file as it is: not compressed on the way, and never unpacked by the client.
        .insert_header(ContentEncoding::Identity);
    response
}

/// The name in ASCII for old clients, and as it is (RFC 6266).
fn disposition(name: &str) -> (header::HeaderName, HeaderValue) {
    let ascii: String =
        name.chars().map(|c| if c.is_ascii_graphic() && c != '"' && c != '\\' { c } else { '_' }).collect();
    let mut encoded = String::new();
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => encoded.push(byte as char),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    let text = format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}");
    let value = HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("attachment"));
    (header::CONTENT_DISPOSITION, value)
}

fn member_name(filename: &str, file_type: FileType) -> String {
    format!("{}_{file_type}_netcdf_flask_app{}", stem(filename), file_type.extension())
}

/// The name up to its first dot; a name without one, or that starts with it, is one too.
fn stem(filename: &str) -> &str {
    let stem = filename.split('.').next().unwrap_or_default();
    if stem.is_empty() { "workflow" } else { stem }
}

fn http_date(created: &str) -> Option<String> {
    let stored = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    let time = time::PrimitiveDateTime::parse(created.get(..19)?, stored).ok()?;
    let http = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    time.format(http).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d13_names_without_a_dot_or_a_stem_are_names_too() {
        assert_eq!(stem("topo.nc"), "topo");
        assert_eq!(stem(".nc"), "workflow");
        assert_eq!(stem("topo"), "topo");
        assert_eq!(member_name("Éocène.nc", FileType::Raw), "Éocène_raw_netcdf_flask_app.nc");
        assert_eq!(member_name("x.nc", FileType::Weights), "x_weights_netcdf_flask_app.tar.gz");
    }

    #[test]
    fn dates_are_as_http_wants_them() {
        assert_eq!(http_date("2023-07-01 09:08:07").as_deref(), Some("Sat, 01 Jul 2023 09:08:07 GMT"));
    }
}
