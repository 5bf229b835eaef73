//! Two revisions, one minus the other: cell by cell, by position, whatever their dimensions are called.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use dataset::Header;
use serde::Deserialize;
use serde_json::json;
use store::Revision;
use web::{Category, Choice, Error, Owned, Page, Site, block, see_other};

use super::{assets, file_view, header};

#[derive(Deserialize)]
pub(crate) struct Pair {
    revision: Option<i32>,
    minus: Option<i32>,
}

/// `GET /{id}/{type}/revision_comparison?revision=N&minus=M`: any two revisions of the workflow; the latest and the one
/// before of this type unless told otherwise.
pub(crate) async fn page(
    request: HttpRequest,
    site: Data<Site>,
    owned: Owned,
    query: Query<Pair>,
) -> Result<HttpResponse, Error> {
    let file_type = assets::netcdf(&request)?;
    let revisions: Vec<Revision> = site
        .store
        .revisions(owned.file.id)?
        .into_iter()
        .filter(|revision| revision.file_type.is_netcdf())
        .collect();
    let of_type: Vec<&Revision> =
        revisions.iter().filter(|revision| revision.file_type == file_type).collect();
    let by_number = |number: i32| {
        let found = revisions.iter().find(|revision| revision.revision == number);
        found.ok_or_else(|| {
            Error::new(web::Code::NotFound, format!("There is no revision {number} to compare."))
        })
    };
    let first = match query.revision {
        Some(number) => by_number(number)?,
        None => match of_type.last() {
            Some(last) => last,
            None => {
                return Err(super::latest(&site.store, owned.file.id, file_type)
                    .err()
                    .unwrap_or_else(|| Error::internal("a revision came up")));
            }
        },
    };
    let second = match query.minus {
        Some(number) => Some(by_number(number)?),
        None => of_type.iter().rev().find(|revision| revision.revision < first.revision).copied(),
    };
    let Some(second) = second else {
        let text = format!(
            "There is only one revision of the {} file: nothing to compare.",
            file_type.title().to_lowercase()
        );
        if let Some(visitor) = &owned.login.visitor {
            site.flash(visitor, Category::Info, &text)?;
        }
        return Ok(see_other(&format!("/{}/steps", owned.file.id)));
    };
    let (store, file, pair) = (site.store.clone(), owned.file.clone(), [first.clone(), second.clone()]);
    let obstacle = block(move || {
        let [first, second] = &pair;
        Ok(obstacle(&header(&store, &file, first)?, &header(&store, &file, second)?))
    })
    .await?;
    let choices: Vec<Choice> = revisions
        .iter()
        .map(|revision| Choice {
            value: revision.revision.to_string(),
            label: format!("{}: {} ({})", revision.revision, revision.file_type.title(), revision.created),
        })
        .collect();
    let shown = |revision: &Revision| {
        json!({
            "number": revision.revision,
            "value": revision.revision.to_string(),
            "type": revision.file_type,
            "title": revision.file_type.title(),
        })
    };
    Page::new("compare.html")
        .with("file", &file_view(&owned.file))
        .with("file_type", file_type.as_str())
        .with("title", file_type.title())
        .with("first", &shown(first))
        .with("second", &shown(second))
        .with("choices", &choices)
        .with("obstacle", &obstacle)
        .render(&request)
}

/// Why two files cannot be compared: no two maps of them have the same number of cells along each direction.
fn obstacle(first: &Header, second: &Header) -> Option<String> {
    let maps = |header: &Header| -> Vec<Vec<usize>> {
        let maps = header.variables.iter().filter(|v| v.data_type.is_numeric() && v.shape.len() >= 2);
        maps.map(|v| v.shape[v.shape.len() - 2..].to_vec()).collect()
    };
    let (of_first, of_second) = (maps(first), maps(second));
    if of_first.iter().any(|shape| of_second.contains(shape)) {
        return None;
    }
    let text = |shapes: &[Vec<usize>]| match shapes.first() {
        Some(shape) => format!("{} x {} cells", shape[1], shape[0]),
        None => "no map".to_owned(),
    };
    Some(format!(
        "These two cannot be compared cell by cell: the first has {}, the second {}. Choose revisions on the same grid, \
         or regrid one of them.",
        text(&of_first),
        text(&of_second)
    ))
}
