//! The steps page: the workflow, how each step stands, and what there is to download; live.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use serde_json::Value;
use store::{DataFile, DataFileId, Draft, Revision, Severity, StepState, StepStatus};
use tera::Context;
use web::{Category, Error, Owned, Page, Site, Submitted, block, see_other};
use workflow::{FileType, Step, Worker};

use super::tasks::editor_address;
use super::{file_view, minute, request_id};
use crate::Shared;
use crate::events::{self, Snapshot};

/// A step as pages and scripts see it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct StepView {
    pub(crate) step: &'static str,
    pub(crate) title: &'static str,
    /// Where it is done; heat flow and ahmcoef too can be run by hand.
    pub(crate) link: String,
    /// `never`, `queued`, `running`, `done`, `stale` or `failed`.
    pub(crate) state: &'static str,
    pub(crate) label: String,
    pub(crate) stage: Option<String>,
    /// How far, in whole percent.
    pub(crate) percent: Option<u8>,
    pub(crate) reason: Option<String>,
    pub(crate) findings: Vec<FindingView>,
    /// UTC, to the minute, of the end of the last run.
    pub(crate) finished: Option<String>,
    /// What its latest results were computed with, where that is known and makes a difference.
    pub(crate) release: Option<&'static str>,
    /// It is in the table: it ran, or what it needs is there.
    pub(crate) offered: bool,
    pub(crate) can_retry: bool,
    pub(crate) can_cancel: bool,
    /// Steps depend on it.
    pub(crate) bold: bool,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct FindingView {
    code: String,
    severity: &'static str,
    message: String,
}

/// One type of stored files.
#[derive(Debug, Serialize)]
struct AssetView {
    file_type: &'static str,
    title: &'static str,
    revisions: usize,
    number: i32,
    created: String,
    bytes: Option<i64>,
    netcdf: bool,
    comparable: bool,
}

/// Work in the map editor that has not been saved as a revision.
#[derive(Debug, Serialize)]
struct UnsavedView {
    title: String,
    /// Where it goes on.
    link: String,
    /// UTC, to the minute, of the last change.
    changed: String,
}

fn unsaved(id: DataFileId, drafts: Vec<(Draft, i64)>) -> Vec<UnsavedView> {
    let view = |draft: Draft| {
        let of = draft.of;
        let step = Step::ALL.into_iter().find(|&step| page_name(step) == of.editor);
        let (title, link) = match step {
            Some(step) => (step.title().to_owned(), link(id, step)),
            None => (
                format!("{} of {}", of.variable, of.file_type.title()),
                editor_address(id, &of.editor, Some((of.file_type, Some(&of.variable)))),
            ),
        };
        UnsavedView { title, link, changed: minute(&draft.changed_at) }
    };
    drafts.into_iter().map(|(draft, _)| view(draft)).collect()
}

/// The name of a step's page, which is that of its editor too.
fn page_name(step: Step) -> &'static str {
    if step == Step::Subbasins { "sub_basins" } else { step.as_str() }
}

/// The page of a step.
fn link(id: DataFileId, step: Step) -> String {
    format!("/{id}/{}", page_name(step))
}

/// The steps as they stand.
pub(crate) fn views(id: DataFileId, steps: Vec<StepStatus>, revisions: &[Revision]) -> Vec<StepView> {
    let known: Vec<Step> =
        steps.iter().filter(|status| status.state != StepState::NeverRun).map(|status| status.step).collect();
    steps
        .into_iter()
        .map(|status| {
            let step = status.step;
            let offered = step == Step::Regrid
                || known.contains(&step)
                || known.iter().any(|k| k.successors().contains(&step))
                || Step::Regrid.successors().contains(&step);
            let (state, label) = match status.state {
                StepState::NeverRun => ("never", "not yet run"),
                StepState::Queued => ("queued", "waiting"),
                StepState::Running => ("running", "running"),
                StepState::Done => ("done", "up to date"),
                StepState::Stale => ("stale", "out of date"),
                StepState::Failed => ("failed", "failed"),
            };
            let by_machine = step.worker() != Worker::Panel;
            StepView {
                step: step.as_str(),
                title: step.title(),
                link: link(id, step),
                state,
                label: label.to_owned(),
                stage: status.stage.filter(|_| status.state == StepState::Running),
                percent: status
                    .fraction
                    .filter(|_| status.state == StepState::Running)
                    .map(|fraction| (fraction.clamp(0.0, 1.0) * 100.0).round() as u8),
                reason: status
                    .reason
                    .filter(|_| matches!(status.state, StepState::Stale | StepState::Failed)),
                findings: status.findings.into_iter().map(finding_view).collect(),
                finished: status.finished_at.as_deref().map(minute),
                release: revisions
                    .iter()
                    .rev()
                    .find(|revision| revision.step == Some(step))
                    .and_then(|revision| Some(revision.release()?.as_str())),
                offered,
                can_retry: by_machine
                    && status.parameters.is_some()
                    && matches!(status.state, StepState::Stale | StepState::Failed),
                can_cancel: status.state == StepState::Queued,
                bold: !step.successors().is_empty(),
            }
        })
        .collect()
}

fn finding_view(finding: store::Finding) -> FindingView {
    let severity = match finding.severity {
        Severity::Note => "info",
        Severity::Warning => "warning",
    };
    FindingView { code: finding.code, severity, message: finding.message }
}

fn assets(revisions: &[Revision]) -> Vec<AssetView> {
    let mut seen: Vec<FileType> = Vec::new();
    for revision in revisions {
        if !seen.contains(&revision.file_type) {
            seen.push(revision.file_type);
        }
    }
    seen.into_iter()
        .filter_map(|file_type| {
            let of_type: Vec<&Revision> = revisions.iter().filter(|r| r.file_type == file_type).collect();
            let last = of_type.last()?;
            Some(AssetView {
                file_type: file_type.as_str(),
                title: file_type.title(),
                revisions: of_type.len(),
                number: last.revision,
                created: minute(&last.created),
                bytes: last.bytes,
                netcdf: file_type.is_netcdf(),
                comparable: file_type.is_netcdf() && of_type.len() > 1,
            })
        })
        .collect()
}

/// What changes on the page.
#[derive(Debug, Serialize, PartialEq)]
struct Fragments {
    steps_table: String,
    assets_table: String,
    diagram: String,
}

fn context(site: &Site, id: DataFileId, csrf: &str) -> Result<Context, Error> {
    let mut context = Context::new();
    let revisions = site.store.revisions(id)?;
    let steps = views(id, site.store.steps(id)?, &revisions);
    let values: Vec<tera::Value> = steps.iter().map(tera::Value::from_serializable).collect();
    for (step, value) in steps.iter().zip(&values) {
        context.insert_value(format!("node_{}", step.step), value.clone());
    }
    context.insert("steps", &values);
    context.insert("items", &assets(&revisions));
    context.insert("unsaved", &unsaved(id, site.store.open_drafts(id)?));
    context.insert("id", &id.0);
    context.insert("csrf_token", csrf);
    Ok(context)
}

fn fragments(site: &Site, id: DataFileId, csrf: &str) -> Result<Fragments, Error> {
    let context = context(site, id, csrf)?;
    Ok(Fragments {
        steps_table: site.render("steps_table.html", &context)?,
        assets_table: site.render("assets_table.html", &context)?,
        diagram: site.render("diagram.html", &context)?,
    })
}

/// `GET /{id}/steps`
pub(crate) async fn page(
    request: HttpRequest,
    site: Data<Site>,
    owned: Owned,
) -> Result<HttpResponse, Error> {
    let context = context(&site, owned.file.id, &csrf(&owned))?;
    let info: Vec<(&str, &str)> = owned
        .file
        .info
        .iter()
        .filter_map(|(key, value)| Some((label(key), value.as_str().filter(|text| !text.is_empty())?)))
        .collect();
    Page::new("steps.html")
        .with("file", &file_view(&owned.file))
        .with("info", &info)
        .extended(context)
        .render(&request)
}

fn label(key: &str) -> &str {
    match key {
        "title" => "Title",
        "auth-ref" => "Author or reference",
        "age" => "Age (Ma)",
        "hypothesis" => "Hypothesis",
        other => other,
    }
}

fn csrf(owned: &Owned) -> String {
    owned.login.visitor.as_ref().map(|visitor| visitor.csrf().to_owned()).unwrap_or_default()
}

/// `GET /api/{id}/steps/stepsTable`
pub(crate) async fn steps_table(site: Data<Site>, owned: Owned) -> Result<HttpResponse, Error> {
    fragment(&site, &owned, "steps_table.html")
}

/// `GET /api/{id}/steps/assetsTable`
pub(crate) async fn assets_table(site: Data<Site>, owned: Owned) -> Result<HttpResponse, Error> {
    fragment(&site, &owned, "assets_table.html")
}

fn fragment(site: &Site, owned: &Owned, template: &str) -> Result<HttpResponse, Error> {
    let html = site.render(template, &context(site, owned.file.id, &csrf(owned))?)?;
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(html))
}

/// `GET /{id}/events`: the fragments of the page as they are now, whenever they change.
pub(crate) async fn events(
    request: HttpRequest,
    site: Data<Site>,
    shared: Data<Shared>,
    owned: Owned,
) -> Result<HttpResponse, Error> {
    let csrf = csrf(&owned);
    let now = move |site: &Site, id| Ok(Snapshot { content: fragments(site, id, &csrf)?, last: false });
    events::stream(&request, site, &shared, &owned, now)
}

/// The step that the path names.
pub(crate) fn step(request: &HttpRequest) -> Result<Step, Error> {
    let text = request.match_info().query("step");
    text.parse().map_err(|_| Error::not_found(format!("The step '{text}'")))
}

/// `POST /{id}/steps/{step}/retry`: once more, with the parameters of the last run.
pub(crate) async fn retry(
    request: HttpRequest,
    site: Data<Site>,
    shared: Data<Shared>,
    owned: Owned,
    form: Submitted,
) -> Result<HttpResponse, Error> {
    let step = step(&request)?;
    let (store, id, request_id) = (site.store.clone(), owned.file.id, request_id(&request));
    block(move || Ok(store.retry(id, step, request_id)?)).await?;
    shared.live.changed(id);
    site.flash(&form.visitor, Category::Info, &format!("{} runs again.", step.title()))?;
    Ok(see_other(&format!("/{id}/steps")))
}

/// `POST /{id}/steps/{step}/cancel`: takes back a run that waits.
pub(crate) async fn cancel(
    request: HttpRequest,
    site: Data<Site>,
    shared: Data<Shared>,
    owned: Owned,
    form: Submitted,
) -> Result<HttpResponse, Error> {
    let step = step(&request)?;
    let (store, id) = (site.store.clone(), owned.file.id);
    block(move || Ok(store.cancel(id, step)?)).await?;
    shared.live.changed(id);
    site.flash(&form.visitor, Category::Info, &format!("{} was taken back.", step.title()))?;
    Ok(see_other(&format!("/{id}/steps")))
}

/// The data file and its parameters for a step, for forms that show the saved values again.
pub(crate) fn saved_parameters(
    site: &Site,
    file: &DataFile,
    step: Step,
) -> Result<serde_json::Map<String, Value>, Error> {
    Ok(site.store.step(file.id, step)?.parameters.unwrap_or_default())
}
