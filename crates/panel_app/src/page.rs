//! The addresses: the page, its websocket, the recipe.

use actix_web::http::header::{CONTENT_DISPOSITION, ContentDisposition, DispositionParam, DispositionType};
use actix_web::web::{Data, Path, Payload, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::json;
use web::{Code, Error, Owned, Page, Site, block, local_path};
use workflow::FileType;

use crate::editor::Editor;
use crate::hub::Hub;
use crate::socket;
use crate::work::{self, OpenRequest, Work};
use crate::{Shared, origin};

/// The arguments of the original's editors, and the variable.
#[derive(Debug, Deserialize)]
pub(crate) struct Arguments {
    #[serde(default)]
    id: String,
    redirect: Option<String>,
    file_type: Option<String>,
    variable: Option<String>,
}

/// What the arguments ask for, of the visitor's own.
fn wanted(request: &HttpRequest, editor: &str, arguments: &Arguments) -> Result<(Owned, OpenRequest), Error> {
    let editor: Editor = editor.parse().map_err(|_| Error::not_found(format!("The editor '{editor}'")))?;
    let owned = Owned::named(request, &arguments.id)?;
    let file_type = match (editor.file_type(), arguments.file_type.as_deref()) {
        (Some(file_type), _) => file_type,
        (None, Some(name)) => {
            name.parse::<FileType>().map_err(|_| Error::not_found(format!("The file type '{name}'")))?
        }
        (None, None) => {
            return Err(Error::new(Code::BadRequest, "Say which file to open: file_type=raw, for instance."));
        }
    };
    let variable = arguments.variable.clone().filter(|name| !name.is_empty());
    let data_file = owned.file.clone();
    Ok((owned, OpenRequest { data_file, editor, file_type, variable }))
}

/// `GET /{app}`
pub(crate) async fn page(
    request: HttpRequest,
    editor: Path<String>,
    arguments: Query<Arguments>,
    site: Data<Site>,
) -> Result<HttpResponse, Error> {
    let (owned, wanted) = wanted(&request, &editor, &arguments)?;
    let id = owned.file.id;
    // What cannot be opened is said here, with the way back, and not by a page that stays empty.
    let store = site.store.clone();
    let asked = wanted.clone();
    block(move || {
        let newest = crate::base::newest(&store, &asked.data_file, asked.editor, asked.file_type);
        let newest = newest.map_err(refused)?;
        let variable = asked.variable.as_deref();
        crate::base::variable(&store, &asked.data_file, asked.editor, &newest, variable).map_err(refused)
    })
    .await?;
    let steps = format!("/{id}/steps");
    // D21: the way back is inside of this site.
    let redirect = arguments.redirect.as_deref().and_then(local_path).unwrap_or(&steps);
    let base = site.settings.base;
    let query = query(&wanted);
    let title = owned.file.filename.trim_end_matches(".nc");
    Page::new("editor.html")
        .with("file", &json!({ "id": id, "title": title }))
        .with("app", wanted.editor.as_str())
        .with("title", wanted.editor.title())
        .with("step", &wanted.editor.step().map(workflow::Step::as_str))
        .with("file_type", wanted.file_type.as_str())
        .with("variable", &wanted.variable)
        .with("redirect", redirect)
        .with("base", base)
        .with("socket", &format!("{base}/{}/ws?{query}", wanted.editor))
        .with("recipe", &format!("{base}/{}/recipe?{query}", wanted.editor))
        .render(&request)
}

fn query(wanted: &OpenRequest) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("id", &wanted.data_file.id.to_string());
    query.append_pair("file_type", wanted.file_type.as_str());
    if let Some(variable) = &wanted.variable {
        query.append_pair("variable", variable);
    }
    query.finish()
}

fn refused(error: crate::error::Error) -> Error {
    use crate::error::Error as Refused;
    match error {
        Refused::NotFound(message) => Error::new(Code::NotFound, message),
        Refused::Unavailable(error) => error.into(),
        Refused::Internal(cause) => Error::internal(cause),
        other => Error::new(Code::Conflict, other.to_string()),
    }
}

/// `GET /{app}/ws`
pub(crate) async fn websocket(
    request: HttpRequest,
    editor: Path<String>,
    arguments: Query<Arguments>,
    body: Payload,
    shared: Data<Shared>,
    hub: Data<Hub>,
) -> Result<HttpResponse, Error> {
    // D1: who is not the owner gets no socket, and other sites' pages do not get their visitor's.
    if !origin::is_allowed(&request, &shared.origins) {
        return Err(Error::new(
            Code::Forbidden,
            "This page is not from this site: add its host to BOKEH_ALLOW_WS_ORIGIN if it may open the editor.",
        ));
    }
    let (owned, wanted) = wanted(&request, &editor, &arguments)?;
    let user = owned.login.user.id;
    let place = hub.place(user).ok_or_else(|| {
        Error::new(Code::TooManyRequests, "Too many editors are open: close some, and open this one again.")
    })?;
    let access = owned.access(&request)?;
    socket::accept(&request, body, hub.get_ref().clone(), wanted, access, place)
}

/// `GET /{app}/recipe`: the recipe of the open draft.
pub(crate) async fn recipe(
    request: HttpRequest,
    editor: Path<String>,
    arguments: Query<Arguments>,
    site: Data<Site>,
) -> Result<HttpResponse, Error> {
    let (owned, wanted) = wanted(&request, &editor, &arguments)?;
    let store = site.store.clone();
    let name = format!("{}_{}_recipe.json", owned.file.filename.trim_end_matches(".nc"), wanted.editor);
    let recipe = block(move || {
        let read = || {
            let draft = work::find(&store, &wanted)?;
            Work::open(&store, &wanted, draft)?.recipe(None)
        };
        read().map_err(refused)
    })
    .await?;
    let text = serde_json::to_string_pretty(&recipe).map_err(Error::internal)?;
    let attachment = ContentDisposition {
        disposition: DispositionType::Attachment,
        parameters: vec![DispositionParam::Filename(name)],
    };
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((CONTENT_DISPOSITION, attachment.to_string()))
        .body(text))
}
