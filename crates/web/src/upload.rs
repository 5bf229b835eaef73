//! Multipart forms: files stream to disk, the session's token comes first.

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::{FromRequest as _, HttpRequest};
use futures_util::{StreamExt as _, TryStreamExt as _};
use store::Staged;
use tokio::io::AsyncWriteExt as _;

use crate::form::{Fields, TOKEN_FIELD, TOKEN_HEADER};
use crate::page::human_bytes;
use crate::{Code, Error, Login, Site, Submitted};

/// The largest text field of a multipart form, and of all of them with their names, in bytes.
const TEXT_LIMIT_BYTES: usize = 1 << 20;

/// What a text field takes beside its name and its text, so that empty ones are not for nothing.
const FIELD_BYTES: usize = 64;

/// A file that was sent and is on disk, under a name of ours.
#[derive(Debug)]
pub struct Upload {
    /// What the visitor called it; never used as a path.
    pub name: String,
    /// Where it is; removed when dropped, unless it becomes a revision.
    pub staged: Staged,
}

/// A multipart form with at most one file.
#[derive(Debug)]
pub struct Multi {
    /// The text fields.
    pub fields: Fields,
    /// The file of the field `file`, if one was chosen.
    pub file: Option<Upload>,
}

/// Reads a multipart form; the file is the field called `file`, written with the ending `extension`.
///
/// # Errors
/// When the token is not the session's (it has to come before the file, or in the header), or something is too large.
pub async fn read(
    request: &HttpRequest,
    login: &Login,
    mut form: Multipart,
    extension: &str,
) -> Result<Multi, Error> {
    let site = Site::of(request)?;
    let header = request.headers().get(TOKEN_HEADER).and_then(|value| value.to_str().ok());
    // A request with an API token needs no other: no other site can send it.
    let mut trusted = match &login.visitor {
        None => true,
        Some(visitor) => header.is_some_and(|sent| visitor.check_token(Some(sent)).is_ok()),
    };
    let mut values = Vec::new();
    let mut text_bytes = 0;
    let mut file = None;
    while let Some(mut field) = form.next().await.transpose().map_err(broken)? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            if !trusted && let Some(visitor) = &login.visitor {
                visitor.check_token(None)?;
            }
            let called =
                field.content_disposition().and_then(|d| d.get_filename()).unwrap_or_default().to_owned();
            if called.is_empty() || file.is_some() {
                while field.try_next().await.map_err(broken)?.is_some() {}
            } else {
                let staged = site.store.stage(extension)?;
                write(field, &staged, site.settings.upload_limit_bytes).await?;
                file = Some(Upload { name: called, staged });
            }
            continue;
        }
        let mut value = Vec::new();
        text_bytes = counted(text_bytes + name.len() + FIELD_BYTES)?;
        while let Some(chunk) = field.try_next().await.map_err(broken)? {
            text_bytes = counted(text_bytes + chunk.len())?;
            value.extend_from_slice(&chunk);
        }
        let value = String::from_utf8_lossy(&value).into_owned();
        if name == TOKEN_FIELD {
            if let Some(visitor) = &login.visitor {
                visitor.check_token(Some(&value))?;
            }
            trusted = true;
        } else {
            values.push((name, value));
        }
    }
    if !trusted && let Some(visitor) = &login.visitor {
        visitor.check_token(None)?;
    }
    Ok(Multi { fields: Fields::new(values), file })
}

/// Reads a form that may come with a file, or without one as an ordinary form.
///
/// # Errors
/// As [`read`].
pub async fn read_either(
    request: &HttpRequest,
    login: &Login,
    payload: actix_web::web::Payload,
    extension: &str,
) -> Result<Multi, Error> {
    let kind = request.headers().get(actix_web::http::header::CONTENT_TYPE);
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/form-data")) {
        return read(request, login, Multipart::new(request.headers(), payload), extension).await;
    }
    let submitted = Submitted::from_request(request, &mut payload.into_inner()).await?;
    Ok(Multi { fields: submitted.fields, file: None })
}

/// The bytes of all text fields so far, unless they are too many.
fn counted(text_bytes: usize) -> Result<usize, Error> {
    if text_bytes <= TEXT_LIMIT_BYTES {
        return Ok(text_bytes);
    }
    Err(Error::new(Code::TooLarge, "The text fields of the form are larger than 1 MB."))
}

async fn write(mut field: Field, staged: &Staged, limit_bytes: u64) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::writing(staged.path().display(), &error);
    let mut file = tokio::fs::File::create(staged.path()).await.map_err(failed)?;
    let mut written = 0_u64;
    while let Some(chunk) = field.try_next().await.map_err(broken)? {
        written += chunk.len() as u64;
        if written > limit_bytes {
            let limit = human_bytes(limit_bytes as f64);
            return Err(Error::new(
                Code::TooLarge,
                format!(
                    "The file is larger than {limit}, the limit of this server. Reduce it (fewer variables or levels) and send it again."
                ),
            ));
        }
        file.write_all(&chunk).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)
}

fn broken(error: MultipartError) -> Error {
    Error::new(Code::BadRequest, "The form did not arrive whole. Please send it again.")
        .detail(error.to_string())
}
