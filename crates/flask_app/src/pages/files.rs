//! Data files: the list, upload, coordinates, copies, the end.

use actix_web::web::{Data, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use dataset::cf::{CoordinatesError, Guess, check_coordinates, guess};
use dataset::contained::Cancel;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::{DataFileId, Release, Store};
use web::upload::Upload;
use web::{Category, Code, Error, Fields, Login, Owned, Page, Site, Submitted, block, local_path, see_other};
use workflow::FileType;

use super::{file_view, header, latest, title};
use crate::{Shared, forms};

/// `GET /`
pub(crate) async fn list(
    request: HttpRequest,
    site: Data<Site>,
    login: Login,
) -> Result<HttpResponse, Error> {
    let files: Vec<Value> = site
        .store
        .data_files(login.user.id)?
        .into_iter()
        .map(|file| {
            let age = file.info.get("age").and_then(Value::as_str).unwrap_or_default();
            json!({
                "id": file.id.0,
                "title": title(&file.info, &file.filename),
                "age": age,
                "state": file.state,
                "changed": file.changed.as_deref().map(super::minute),
                "filename": file.filename,
            })
        })
        .collect();
    Page::new("files.html").with("files", &files).render(&request)
}

/// `GET /{id}`
pub(crate) async fn to_steps(owned: Owned) -> HttpResponse {
    see_other(&format!("/{}/steps", owned.file.id))
}

/// `GET /upload`
pub(crate) async fn upload_form(
    request: HttpRequest,
    site: Data<Site>,
    _login: Login,
) -> Result<HttpResponse, Error> {
    let form = json!({ "release": Release::default().as_str() });
    upload_page(&site).with("form", &form).render(&request)
}

fn upload_page(site: &Site) -> Page {
    Page::new("upload.html")
        .with("limit", &site.settings.upload_limit_bytes)
        .with("unpacked", &dataset::contained::limits().unpacked_bytes)
        .with("releases", &forms::releases())
}

/// `POST /upload`
pub(crate) async fn upload(
    request: HttpRequest,
    site: Data<Site>,
    shared: Data<Shared>,
    login: Login,
    form: Payload,
) -> Result<HttpResponse, Error> {
    let mut form = web::upload::read(&request, &login, form, FileType::Raw.extension()).await?;
    match accept(&site, &shared, &login, &mut form.fields, form.file).await {
        Ok(accepted) => {
            let (text, next) = match accepted.coordinates {
                Some((lon, lat)) => (
                    format!(
                        "Uploaded. The coordinates were recognised: longitude '{lon}', latitude '{lat}'. {}",
                        accepted.understood.join(" ")
                    ),
                    format!("/{}/steps", accepted.id),
                ),
                None => (
                    format!(
                        "Uploaded. Please say which variables are the coordinates. {}",
                        accepted.understood.join(" ")
                    ),
                    format!("/{}/set_coords", accepted.id),
                ),
            };
            if let Some(visitor) = &login.visitor {
                site.flash(visitor, Category::Success, &text)?;
            }
            Ok(see_other(&next))
        }
        Err(error) if error.code == Code::InvalidInput => {
            upload_page(&site).rejected(&error, &form.fields.typed()).render(&request)
        }
        Err(error) => Err(error),
    }
}

/// A data file that was made from an upload.
pub(crate) struct Accepted {
    pub(crate) id: DataFileId,
    /// Longitude and latitude, when there is no doubt about them.
    pub(crate) coordinates: Option<(String, String)>,
    /// What was understood, in sentences.
    pub(crate) understood: Vec<String>,
}

/// Makes a data file from an uploaded topography: looked at first, with coordinates where they are certain.
///
/// # Errors
/// No file, not NetCDF, too many data files already: a message for the field.
pub(crate) async fn accept(
    site: &Site,
    shared: &Shared,
    login: &Login,
    fields: &mut Fields,
    file: Option<Upload>,
) -> Result<Accepted, Error> {
    let info = metadata(fields);
    let release = fields.choice(Release::FIELD, Release::default());
    if file.is_none() {
        fields.error("file", "Choose the NetCDF file with your topography.");
    }
    fields.finish()?;
    let Some(Upload { name, staged }) = file else {
        return Err(Error::field("file", "Choose the NetCDF file with your topography."));
    };
    let (store, owner, limit) = (site.store.clone(), login.user.id, shared.settings.data_files_limit);
    let cancel = Cancel::default();
    let _gone = cancel.on_drop();
    block(move || {
        if store.data_files(owner)?.len() >= limit {
            let message =
                format!("You have {limit} workflows, the most that this server keeps. Delete one first.");
            return Err(Error::field("file", message));
        }
        let checked = checked(&name, &staged, &cancel)?;
        holds_a_map(&name, checked.header())?;
        let guess = guess(checked.header());
        let understood = match &guess {
            Guess::Certain { lon, lat } => super::understood::sentences(&checked, lon, lat),
            Guess::Ambiguous { .. } => super::understood::notes(checked.header()),
        };
        let id = store.create_data_file(owner, &name, info, release, staged)?;
        let coordinates = match guess {
            Guess::Certain { lon, lat } => {
                store.set_coordinates(id, &lon, &lat)?;
                Some((lon, lat))
            }
            Guess::Ambiguous { .. } => None,
        };
        Ok(Accepted { id, coordinates, understood })
    })
    .await
}

/// An uploaded file whose values can be read, all of them: what is accepted can be used. `cancel` ends the reading, when
/// the client has gone.
///
/// # Errors
/// In the user's words: it is no NetCDF file, or its values cannot be read, and what to do.
pub(crate) fn checked(name: &str, staged: &store::Staged, cancel: &Cancel) -> Result<dataset::File, Error> {
    let read = || {
        let file = dataset::File::open_with(staged.path(), cancel)?.named(name);
        file.verify()?;
        Ok(file)
    };
    read().map_err(|error| refused(name, error))
}

/// A file that was sent and cannot be read; the words are those of the command line.
pub(crate) fn refused(name: &str, error: dataset::Error) -> Error {
    if matches!(error, dataset::Error::Io { .. }) {
        // The server's disk, not the user's file.
        return Error::writing("reading an upload", &error);
    }
    Error::field("file", format!("{}.", error.renamed(name).to_string().trim_end_matches('.')))
}

/// Steps, maps and editors need numbers with a longitude and a latitude.
fn holds_a_map(name: &str, header: &dataset::Header) -> Result<(), Error> {
    let is_map = |variable: &dataset::VariableHeader| {
        variable.data_type.is_numeric() && variable.shape.iter().filter(|&&len| len > 1).count() >= 2
    };
    if header.variables.iter().any(is_map) {
        return Ok(());
    }
    let names: Vec<String> =
        header.variables.iter().map(|v| format!("'{}' ({})", v.name, v.dimensions.join(", "))).collect();
    let held = if names.is_empty() { "no variable".to_owned() } else { names.join(", ") };
    let notes: String = header.notes.iter().map(|note| format!(" Note: {note}.")).collect();
    Err(Error::field(
        "file",
        format!(
            "{name} holds no numeric variable on two dimensions, longitude and latitude; it holds {held}.{notes} Put the topography on a longitude-latitude grid, for instance with 'cdo -f nc remapbil,r360x180 in.nc out.nc'."
        ),
    ))
}

/// The metadata of the upload form: four fields and free `key = value` lines.
fn metadata(fields: &mut Fields) -> Map<String, Value> {
    let mut info = Map::new();
    for name in ["title", "auth-ref", "age", "hypothesis"] {
        if let Some(value) = fields.optional(name) {
            info.insert(name.to_owned(), value.into());
        }
    }
    for line in
        fields.optional("extra").unwrap_or_default().lines().map(str::trim).filter(|line| !line.is_empty())
    {
        match line.split_once('=').map(|(key, value)| (key.trim(), value.trim())) {
            Some((key, value)) if !key.is_empty() && key.len() <= 64 => {
                info.entry(key).or_insert_with(|| value.into());
            }
            _ => fields.error("extra", format!("'{line}' does not read key = value.")),
        }
    }
    info
}

#[derive(Deserialize)]
pub(crate) struct Back {
    #[serde(default)]
    next: String,
}

/// `GET /{id}/set_coords`
pub(crate) async fn coordinates_form(
    request: HttpRequest,
    owned: Owned,
    query: Query<Back>,
) -> Result<HttpResponse, Error> {
    let form = json!({ "Longitude": owned.file.longitude, "Latitude": owned.file.latitude });
    coordinates_page(&request, &owned, &query.next, form).await?.render(&request)
}

/// Always of the topography: other files have other coordinates.
async fn coordinates_page(
    request: &HttpRequest,
    owned: &Owned,
    next: &str,
    mut form: Value,
) -> Result<Page, Error> {
    let (store, file) = (super::store(request)?, owned.file.clone());
    let header = block(move || header(&store, &file, &latest(&store, file.id, FileType::Raw)?)).await?;
    let (lon, lat, certain) = match guess(&header) {
        Guess::Certain { lon, lat } => (vec![lon], vec![lat], true),
        Guess::Ambiguous { lon_candidates, lat_candidates } => (lon_candidates, lat_candidates, false),
    };
    for (field, candidates) in [("Longitude", &lon), ("Latitude", &lat)] {
        if form.get(field).is_none_or(Value::is_null) {
            // Never the same name in both.
            let first = candidates.iter().find(|name| field == "Longitude" || form["Longitude"] != **name);
            form[field] = first.map_or_else(|| "".into(), |name| name.as_str().into());
        }
    }
    let options = |likely: &[String]| -> Vec<web::Choice> {
        let possible = header
            .variables
            .iter()
            .filter(|variable| variable.data_type.is_numeric() && (1..=2).contains(&variable.shape.len()));
        let mut names: Vec<&str> = likely.iter().map(String::as_str).collect();
        names.extend(possible.map(|v| v.name.as_str()).filter(|name| !likely.iter().any(|l| l == name)));
        names
            .into_iter()
            .map(|name| {
                let dimensions = header.variable(name).map(|v| v.dimensions.join(", ")).unwrap_or_default();
                web::Choice { value: name.to_owned(), label: format!("{name} ({dimensions})") }
            })
            .collect()
    };
    Ok(Page::new("coordinates.html")
        .with("file", &file_view(&owned.file))
        .with("longitudes", &options(&lon))
        .with("latitudes", &options(&lat))
        .with("certain", &certain)
        .with("projection", &dataset::cf::projection(&header).filter(|_| !certain))
        .with("next", local_path(next).unwrap_or_default())
        .with("form", &form))
}

/// `POST /{id}/set_coords`
pub(crate) async fn coordinates(
    request: HttpRequest,
    site: Data<Site>,
    owned: Owned,
    mut form: Submitted,
) -> Result<HttpResponse, Error> {
    let next = form.fields.optional("next").unwrap_or_default();
    let result = set_coordinates(&site.store, &owned, &mut form.fields).await;
    match result {
        Ok((lon, lat)) => {
            let text = format!("The coordinates are longitude '{lon}' and latitude '{lat}'.");
            site.flash(&form.visitor, Category::Success, &text)?;
            Ok(see_other(local_path(&next).unwrap_or(&format!("/{}/steps", owned.file.id))))
        }
        Err(error) if error.code == Code::InvalidInput => {
            let typed = form.fields.typed();
            let page = coordinates_page(&request, &owned, &next, Value::Object(typed.clone())).await?;
            page.rejected(&error, &typed).render(&request)
        }
        Err(error) => Err(error),
    }
}

/// Sets the coordinates named by the fields `Longitude` and `Latitude`.
///
/// # Errors
/// When they cannot be the coordinates of the topography.
pub(crate) async fn set_coordinates(
    store: &Store,
    owned: &Owned,
    fields: &mut Fields,
) -> Result<(String, String), Error> {
    let lon = fields.required("Longitude", "Choose the variable that holds the longitudes.");
    let lat = fields.required("Latitude", "Choose the variable that holds the latitudes.");
    fields.finish()?;
    let (store, file) = (store.clone(), owned.file.clone());
    block(move || {
        let raw = latest(&store, file.id, FileType::Raw)?;
        let header = header(&store, &file, &raw)?;
        let refused = |error: CoordinatesError| {
            let text = error.to_string();
            Error::field("Longitude", format!("{}.", text.trim_end_matches('.')))
        };
        let found = check_coordinates(&header, &lon, &lat).map_err(refused)?;
        // Names may say nothing; values do.
        super::coordinate_values(&store, &file, &raw, &found)?.map_err(refused)?;
        store.set_coordinates(file.id, &lon, &lat)?;
        Ok((lon, lat))
    })
    .await
}

/// `GET /{id}/release`
pub(crate) async fn release_form(request: HttpRequest, owned: Owned) -> Result<HttpResponse, Error> {
    let form = json!({ "release": owned.file.release.as_str() });
    release_page(&owned).with("form", &form).render(&request)
}

fn release_page(owned: &Owned) -> Page {
    Page::new("release.html").with("file", &file_view(&owned.file)).with("releases", &forms::releases())
}

/// `POST /{id}/release`
pub(crate) async fn release(
    request: HttpRequest,
    site: Data<Site>,
    shared: Data<Shared>,
    owned: Owned,
    mut form: Submitted,
) -> Result<HttpResponse, Error> {
    match set_release(&site.store, &shared, &owned, &mut form.fields).await {
        Ok(release) => {
            let text = format!("The steps are computed with the release '{release}' from now on.");
            site.flash(&form.visitor, Category::Success, &text)?;
            Ok(see_other(&format!("/{}/steps", owned.file.id)))
        }
        Err(error) if error.code == Code::InvalidInput => {
            release_page(&owned).rejected(&error, &form.fields.typed()).render(&request)
        }
        Err(error) => Err(error),
    }
}

/// Changes the release of the workflow to that of the field `release`.
///
/// # Errors
/// When there is no such release.
pub(crate) async fn set_release(
    store: &Store,
    shared: &Shared,
    owned: &Owned,
    fields: &mut Fields,
) -> Result<Release, Error> {
    let release = fields.choice(Release::FIELD, owned.file.release);
    fields.finish()?;
    let (store, id) = (store.clone(), owned.file.id);
    block(move || Ok(store.set_release(id, release)?)).await?;
    shared.live.changed(id);
    Ok(release)
}

/// `GET /{id}/delete`: asks.
pub(crate) async fn delete_form(
    request: HttpRequest,
    site: Data<Site>,
    owned: Owned,
) -> Result<HttpResponse, Error> {
    let revisions = site.store.revisions(owned.file.id)?;
    let bytes: i64 = revisions.iter().filter_map(|revision| revision.bytes).sum();
    Page::new("delete.html")
        .with("file", &file_view(&owned.file))
        .with("count", &revisions.len())
        .with("bytes", &bytes)
        .render(&request)
}

/// `POST /{id}/delete`
pub(crate) async fn delete(site: Data<Site>, owned: Owned, form: Submitted) -> Result<HttpResponse, Error> {
    let (store, id) = (site.store.clone(), owned.file.id);
    block(move || Ok(store.delete_data_file(id)?)).await?;
    let text = format!("'{}' (workflow {id}) was deleted.", title(&owned.file.info, &owned.file.filename));
    site.flash(&form.visitor, Category::Success, &text)?;
    Ok(see_other("/"))
}

/// `POST /{id}/duplicate`
pub(crate) async fn duplicate(
    site: Data<Site>,
    shared: Data<Shared>,
    owned: Owned,
    form: Submitted,
) -> Result<HttpResponse, Error> {
    let (store, id, limit) = (site.store.clone(), owned.file.id, shared.settings.data_files_limit);
    let copy = block(move || Ok(store.duplicate(id, limit)?)).await?;
    let text = format!("Workflow {id} was duplicated: the copy is workflow {copy}.");
    site.flash(&form.visitor, Category::Success, &text)?;
    Ok(see_other("/"))
}

/// `GET /{id}/send`
pub(crate) async fn send_form(request: HttpRequest, owned: Owned) -> Result<HttpResponse, Error> {
    Page::new("send.html").with("file", &file_view(&owned.file)).with("form", &Map::new()).render(&request)
}

/// `POST /{id}/send`
pub(crate) async fn send(
    request: HttpRequest,
    site: Data<Site>,
    shared: Data<Shared>,
    owned: Owned,
    mut form: Submitted,
) -> Result<HttpResponse, Error> {
    match send_to(&site.store, &shared, &owned, &mut form.fields).await {
        Ok(name) => {
            let text = format!("{name} has received a copy of workflow {}.", owned.file.id);
            site.flash(&form.visitor, Category::Success, &text)?;
            Ok(see_other("/"))
        }
        Err(error) if error.code == Code::InvalidInput => Page::new("send.html")
            .with("file", &file_view(&owned.file))
            .rejected(&error, &form.fields.typed())
            .render(&request),
        Err(error) => Err(error),
    }
}

/// Sends a copy to the account named by the field `Username`; gives the name.
///
/// # Errors
/// When there is no such account, it is the sender's own, or it is full.
pub(crate) async fn send_to(
    store: &Store,
    shared: &Shared,
    owned: &Owned,
    fields: &mut Fields,
) -> Result<String, Error> {
    let name = fields.required("Username", "Enter the user name of the receiver.");
    fields.finish()?;
    let (store, id, sender) = (store.clone(), owned.file.id, owned.login.user.id);
    let limit = shared.settings.data_files_limit;
    block(move || {
        let Some(receiver) = store.user_by_name(&name)? else {
            return Err(Error::field("Username", format!("There is no user '{name}' on this server.")));
        };
        if receiver.id == sender {
            return Err(Error::field(
                "Username",
                "That is you. To copy a workflow for yourself, duplicate it.",
            ));
        }
        match store.send(id, receiver.id, limit) {
            Err(store::Error::NoRoom { .. }) => Err(Error::field(
                "Username",
                format!("{} cannot take more workflows before they delete one.", receiver.name),
            )),
            sent => sent.map(|_| receiver.name).map_err(Error::from),
        }
    })
    .await
}
