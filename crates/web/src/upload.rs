//! Multipart forms: files stream to disk, the session's token comes first.

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::http::header::{
    CONTENT_DISPOSITION, CONTENT_TYPE, Charset, ContentDisposition, ExtendedValue, HeaderMap, HeaderValue,
};
use actix_web::web::{Bytes, Payload};
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

/// Letters of the name of a file that are kept.
const MAX_NAME: usize = 120;

/// The name of a file that was sent without one.
const UNNAMED: &str = "upload.nc";

/// A file that was sent and is on disk, under a name of ours.
#[derive(Debug)]
pub struct Upload {
    /// What the visitor called it, without control characters and shortened; for messages, never used as a path.
    pub name: String,
    /// Where it is; removed when dropped, unless it becomes a revision.
    pub staged: Staged,
}

/// A multipart form with at most one file.
#[derive(Debug)]
pub struct MultipartForm {
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
    payload: Payload,
    extension: &str,
) -> Result<MultipartForm, Error> {
    let site = Site::from_request(request)?;
    let header = request.headers().get(TOKEN_HEADER).and_then(|value| value.to_str().ok());
    // A request with an API token needs no other: no other site can send it.
    let mut trusted = match &login.visitor {
        None => true,
        Some(visitor) => header.is_some_and(|sent| visitor.check_token(Some(sent)).is_ok()),
    };
    let mut form = parts(request.headers(), payload);
    let mut values = Vec::new();
    let mut text_bytes = 0;
    let mut file = None;
    while let Some(mut field) = form.next().await.transpose().map_err(broken)? {
        let described = described(field.headers())?;
        let name = described.get_name().unwrap_or_default().to_owned();
        if name == "file" {
            if !trusted && let Some(visitor) = &login.visitor {
                visitor.check_token(None)?;
            }
            let called = file_name(&described);
            let first = next_bytes(&mut field).await?;
            // The field of a form in which no file was chosen has neither a name nor content.
            if called.is_empty() && first.is_none() {
                continue;
            }
            if file.is_some() {
                return Err(Error::field("file", "More than one file was sent: send one."));
            }
            let staged = site.store.stage(extension)?;
            write(first, field, &staged, site.settings.upload_limit_bytes).await?;
            let name = if called.is_empty() { UNNAMED.to_owned() } else { called };
            file = Some(Upload { name, staged });
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
    Ok(MultipartForm { fields: Fields::new(values), file })
}

/// Reads a form that may come with a file, or without one as an ordinary form.
///
/// # Errors
/// As [`read`].
pub async fn read_either(
    request: &HttpRequest,
    login: &Login,
    payload: Payload,
    extension: &str,
) -> Result<MultipartForm, Error> {
    let kind = request.headers().get(CONTENT_TYPE);
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(FORM.as_bytes())) {
        return read(request, login, payload, extension).await;
    }
    let submitted = Submitted::from_request(request, &mut payload.into_inner()).await?;
    Ok(MultipartForm { fields: submitted.fields, file: None })
}

const FORM: &str = "multipart/form-data";

/// The parts of a form. The library demands of `multipart/form-data` that every description of a part is UTF-8; of
/// `multipart/mixed`, which is the same on the wire, it leaves the descriptions to [`described`].
fn parts(headers: &HeaderMap, payload: Payload) -> Multipart {
    let sent = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let parameters = sent.split_at_checked(FORM.len()).filter(|(kind, _)| kind.eq_ignore_ascii_case(FORM));
    let mixed =
        parameters.and_then(|(_, rest)| HeaderValue::from_str(&format!("multipart/mixed{rest}")).ok());
    // Without a type, which anything else leads to, the library refuses the request.
    let mut headers = HeaderMap::new();
    if let Some(mixed) = mixed {
        headers.insert(CONTENT_TYPE, mixed);
    }
    Multipart::new(&headers, payload)
}

/// What a part says of itself. Names are UTF-8 in the forms of browsers (RFC 7578, 5.1.3); bytes that are none are read
/// as Latin-1, in which every byte is a letter.
fn described(headers: &HeaderMap) -> Result<ContentDisposition, Error> {
    let readable = headers.get(CONTENT_DISPOSITION).and_then(|sent| {
        let text = String::from_utf8(sent.as_bytes().to_vec()).unwrap_or_else(|_| latin1(sent.as_bytes()));
        let description =
            ContentDisposition::from_raw(&HeaderValue::from_bytes(text.as_bytes()).ok()?).ok()?;
        (description.is_form_data() && description.get_name().is_some()).then_some(description)
    });
    readable.ok_or_else(|| Error::new(Code::BadRequest, UNREADABLE))
}

const UNREADABLE: &str =
    "The name of a field or of the file cannot be read. Rename the file to plain letters and send it again.";

/// What the visitor calls the file: `filename*` (RFC 5987) where it can be read, else `filename`; empty without both.
fn file_name(described: &ContentDisposition) -> String {
    let extended = described.get_filename_ext().and_then(decoded);
    let name = extended.or_else(|| described.get_filename().map(str::to_owned)).unwrap_or_default();
    let name: String = name.chars().filter(|letter| !letter.is_control()).take(MAX_NAME).collect();
    name.trim().to_owned()
}

fn decoded(name: &ExtendedValue) -> Option<String> {
    match &name.charset {
        Charset::Iso_8859_1 => Some(latin1(&name.value)),
        Charset::Ext(charset) if charset.eq_ignore_ascii_case("utf-8") => {
            String::from_utf8(name.value.clone()).ok()
        }
        _ => None,
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// The next piece of a part that is not empty.
async fn next_bytes(field: &mut Field) -> Result<Option<Bytes>, Error> {
    while let Some(chunk) = field.try_next().await.map_err(broken)? {
        if !chunk.is_empty() {
            return Ok(Some(chunk));
        }
    }
    Ok(None)
}

/// The bytes of all text fields so far, unless they are too many.
fn counted(text_bytes: usize) -> Result<usize, Error> {
    if text_bytes <= TEXT_LIMIT_BYTES {
        return Ok(text_bytes);
    }
    Err(Error::new(Code::TooLarge, "The text fields of the form are larger than 1 MB."))
}

/// Writes a part, of which `first` has been read already.
async fn write(
    first: Option<Bytes>,
    mut field: Field,
    staged: &Staged,
    limit_bytes: u64,
) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::writing(staged.path().display(), &error);
    let mut file = tokio::fs::File::create(staged.path()).await.map_err(failed)?;
    let mut written = 0_u64;
    let mut next = first;
    while let Some(chunk) = next {
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
        next = next_bytes(&mut field).await?;
    }
    file.flush().await.map_err(failed)
}

fn broken(error: MultipartError) -> Error {
    let message = match &error {
        MultipartError::Parse(_) => UNREADABLE,
        _ => "The form did not arrive whole. Please send it again.",
    };
    Error::new(Code::BadRequest, message).detail(error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(description: &[u8]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_DISPOSITION, HeaderValue::from_bytes(description).unwrap());
        file_name(&described(&headers).unwrap())
    }

    #[test]
    fn names_of_files_in_any_spelling_are_read() {
        assert_eq!(name("form-data; name=\"file\"; filename=\"éocène.nc\"".as_bytes()), "éocène.nc");
        assert_eq!(name(b"form-data; name=\"file\"; filename=\"\xe9oc\xe8ne.nc\""), "éocène.nc");
        assert_eq!(name(b"form-data; name=file; filename*=UTF-8''%C3%A9oc.nc"), "éoc.nc");
        assert_eq!(name(b"form-data; name=file; filename*=iso-8859-1'fr'%E9oc.nc"), "éoc.nc");
        // The better of two, and the other where the better cannot be read.
        assert_eq!(
            name(b"form-data; name=file; filename=\"eoc.nc\"; filename*=utf-8''%C3%A9oc.nc"),
            "éoc.nc"
        );
        assert_eq!(name(b"form-data; name=file; filename=\"eoc.nc\"; filename*=utf-8''%FF.nc"), "eoc.nc");
        assert_eq!(name(b"form-data; name=file; filename=\"\""), "");
        assert_eq!(name(b"form-data; name=file"), "");
        let long = format!("form-data; name=file; filename=\"{}\"", "x".repeat(500));
        assert_eq!(name(long.as_bytes()).len(), MAX_NAME);
    }

    proptest! {
        #[test]
        fn any_description_gives_a_name_for_messages_or_is_told(
            seed in 0_usize..4,
            at in 0_usize..70,
            removed in 0_usize..8,
            put in prop::collection::vec(any::<u8>(), 0..12),
        ) {
            const SEEDS: [&[u8]; 4] = [
                b"form-data; name=\"file\"; filename=\"eocene.nc\"",
                b"form-data; name=file; filename*=UTF-8''%C3%A9oc.nc",
                b"form-data; name=file; filename*=iso-8859-1'fr'%E9oc.nc; filename=x",
                b"form-data; name=\"topo_var\"",
            ];
            let mut description = SEEDS[seed].to_vec();
            let start = at.min(description.len());
            let end = (start + removed).min(description.len());
            description.splice(start..end, put);
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_bytes(&description) {
                headers.insert(CONTENT_DISPOSITION, value);
            }
            if let Ok(described) = described(&headers) {
                let name = file_name(&described);
                prop_assert!(name.chars().count() <= MAX_NAME && !name.chars().any(char::is_control));
                prop_assert_eq!(name.trim(), &name);
                let kept = store::clean_filename(&name);
                prop_assert!(!kept.contains(['/', '\\', '\0']) && kept.ends_with(".nc") && !kept.starts_with('.'));
            }
        }
    }

    #[test]
    fn a_part_without_a_readable_name_is_told() {
        for description in ["attachment; filename=x.nc", "form-data", "form-data; filename=\"x.nc", ""] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_DISPOSITION, HeaderValue::from_str(description).unwrap());
            let error = described(&headers).unwrap_err();
            assert!(error.message.contains("Rename the file"), "{description}: {error}");
        }
    }
}
