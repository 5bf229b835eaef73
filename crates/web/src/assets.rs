//! Static files: embedded in the binary, addressed by the hash of all of them, compressed once.
//!
//! An address reads `/static/HASH/PATH`. The hash is one for all files, so that ES modules can import each other by
//! relative paths; a file under the current hash may be cached for ever, one under another hash is revalidated.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::sync::OnceLock;

use actix_web::http::header::{self, ContentEncoding};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use rust_embed::RustEmbed;
use sha2::{Digest as _, Sha256};

use crate::{Error, Site};

/// Below this many bytes compression does not pay.
const WORTH_COMPRESSING: usize = 512;

#[derive(RustEmbed)]
#[folder = "static"]
struct BaseAssets;

/// The static files of a service.
#[derive(Debug, Default)]
pub struct Assets {
    hash: String,
    files: BTreeMap<Cow<'static, str>, Asset>,
    modules: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Debug)]
struct Asset {
    content_type: &'static str,
    plain: Bytes,
    brotli: OnceLock<Bytes>,
    gzip: OnceLock<Bytes>,
}

impl Assets {
    /// The files of this crate and of `E`.
    pub fn embedded<E: RustEmbed>() -> Self {
        let mut files = BTreeMap::new();
        collect::<BaseAssets>(&mut files);
        collect::<E>(&mut files);
        let mut hasher = Sha256::new();
        for (name, asset) in &files {
            hasher.update(name.as_bytes());
            hasher.update(&asset.plain);
        }
        let modules = modules(&files);
        Self { hash: hex::encode(&hasher.finalize()[..6]), files, modules }
    }

    /// The modules that each script needs which no other imports: a page asks for all of them at once, not for each when
    /// another has arrived.
    pub(crate) fn modules(&self) -> &BTreeMap<String, BTreeSet<String>> {
        &self.modules
    }

    /// What stands before a file's path: `/static/HASH`.
    pub fn prefix(&self) -> String {
        format!("/static/{}", self.hash)
    }
}

fn modules(files: &BTreeMap<Cow<'static, str>, Asset>) -> BTreeMap<String, BTreeSet<String>> {
    let scripts = files.iter().filter(|(name, _)| name.ends_with(".js"));
    let imports: BTreeMap<String, BTreeSet<String>> = scripts
        .map(|(name, asset)| (name.to_string(), imports(name, &String::from_utf8_lossy(&asset.plain))))
        .collect();
    let entries = imports.keys().filter(|name| !imports.values().any(|needed| needed.contains(*name)));
    let all_of = |entry: &String| {
        let mut found = BTreeSet::new();
        let mut open = vec![entry];
        while let Some(needed) = open.pop().and_then(|name| imports.get(name)) {
            open.extend(needed.iter().filter(|name| found.insert((*name).clone())));
        }
        found
    };
    entries.map(|entry| (entry.clone(), all_of(entry))).collect()
}

/// The scripts that a script imports by relative paths.
fn imports(name: &str, text: &str) -> BTreeSet<String> {
    let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
    let quoted = text.split(" from '").skip(1).filter_map(|rest| rest.split_once('\'').map(|(path, _)| path));
    let relative = quoted.filter(|path| path.starts_with('.'));
    relative
        .map(|path| {
            let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
            for part in path.split('/') {
                match part {
                    "." => {}
                    ".." => drop(parts.pop()),
                    part => parts.push(part),
                }
            }
            parts.join("/")
        })
        .collect()
}

fn collect<E: RustEmbed>(files: &mut BTreeMap<Cow<'static, str>, Asset>) {
    for name in E::iter() {
        let Some(file) = E::get(&name) else { continue };
        let plain = match file.data {
            Cow::Borrowed(data) => Bytes::from_static(data),
            Cow::Owned(data) => Bytes::from(data),
        };
        let content_type = content_type(&name);
        files.insert(name, Asset { content_type, plain, brotli: OnceLock::new(), gzip: OnceLock::new() });
    }
}

/// `GET /static/{hash}/{path}`
///
/// # Errors
/// When there is no such file.
pub async fn serve(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    site: web::Data<Site>,
) -> Result<HttpResponse, Error> {
    let (hash, name) = path.into_inner();
    let asset = site.assets.files.get(name.as_str()).ok_or_else(|| Error::not_found("This file"))?;
    let etag = format!("\"{}\"", site.assets.hash);
    let mut response = HttpResponse::Ok();
    response.insert_header((header::ETAG, etag.clone())).insert_header((header::VARY, "Accept-Encoding"));
    if hash == site.assets.hash {
        response.insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"));
    } else {
        response.insert_header((header::CACHE_CONTROL, "no-cache"));
    }
    let known = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known == Some(etag.as_str()) {
        return Ok(response.status(actix_web::http::StatusCode::NOT_MODIFIED).finish());
    }
    response.content_type(asset.content_type);
    let (encoding, body) = asset.encoded(&request);
    response.insert_header(encoding);
    Ok(response.body(body))
}

impl Asset {
    fn encoded(&self, request: &HttpRequest) -> (ContentEncoding, Bytes) {
        let accepted = request.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
        let accepts = |name| accepted.is_some_and(|list| list.split(',').any(|item| item.trim() == name));
        if self.plain.len() < WORTH_COMPRESSING {
            (ContentEncoding::Identity, self.plain.clone())
        } else if accepts("br") {
            (ContentEncoding::Brotli, self.brotli.get_or_init(|| brotli(&self.plain)).clone())
        } else if accepts("gzip") {
            (ContentEncoding::Gzip, self.gzip.get_or_init(|| gzip(&self.plain)).clone())
        } else {
            (ContentEncoding::Identity, self.plain.clone())
        }
    }
}

fn brotli(plain: &[u8]) -> Bytes {
    let parameters = brotli::enc::BrotliEncoderParams { quality: 9, ..Default::default() };
    let mut compressed = Vec::new();
    match brotli::BrotliCompress(&mut &*plain, &mut compressed, &parameters) {
        Ok(_) => Bytes::from(compressed),
        Err(error) => unreachable!("compressing in memory failed: {error}"),
    }
}

fn gzip(plain: &[u8]) -> Bytes {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    match encoder.write_all(plain).and_then(|()| encoder.finish()) {
        Ok(compressed) => Bytes::from(compressed),
        Err(error) => unreachable!("compressing in memory failed: {error}"),
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("css") => "text/css; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_learns_of_every_module_of_a_script() {
        let script = |text: &'static str| Asset {
            content_type: "text/javascript",
            plain: Bytes::from_static(text.as_bytes()),
            brotli: OnceLock::new(),
            gzip: OnceLock::new(),
        };
        let files = [
            ("editor/editor.js", "import { a } from './a.js';\nimport { dom } from '../map/dom.js';"),
            ("editor/a.js", "import {\n b,\n} from './b.js';"),
            ("editor/b.js", "import { a } from './a.js';"),
            ("map/dom.js", "export const dom = 1;"),
            ("alone.js", ""),
        ];
        let files = files.into_iter().map(|(name, text)| (Cow::Borrowed(name), script(text))).collect();
        let modules = modules(&files);
        let of = |entry: &str| modules[entry].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(of("editor/editor.js"), ["editor/a.js", "editor/b.js", "map/dom.js"]);
        assert_eq!((of("alone.js"), modules.len()), (vec![], 2));
    }

    /// What the real scripts import is there.
    #[test]
    fn imports_lead_to_files() {
        let assets = Assets::embedded::<BaseAssets>();
        let needed: Vec<_> = assets.modules().values().flatten().collect();
        assert!(
            !needed.is_empty() && needed.iter().all(|name| assets.files.contains_key(name.as_str())),
            "{needed:?}"
        );
    }
}
