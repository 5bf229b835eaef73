//! Steps.

use actix_web::web::{Data, Json, Query};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Map, Value};
use store::{Severity, StepState, StepStatus};
use web::{Error, Fields, Owned, Site, block};

use super::model::{Accepted, Finding, Problem, Step, Stored};
use crate::Shared;
use crate::events::{self, Snapshot};
use crate::pages::steps::step;
use crate::pages::{request_id, tasks};

/// All nine steps, as they stand.
#[utoipa::path(get, path = "/api/v1/data-files/{id}/steps", tag = "steps", params(("id" = i32, Path)),
    responses((status = 200, body = [Step]), (status = 404, body = Problem)))]
pub(crate) async fn list(site: Data<Site>, owned: Owned) -> Result<HttpResponse, Error> {
    let steps: Vec<Step> = site.store.steps(owned.file.id)?.into_iter().map(model).collect();
    Ok(HttpResponse::Ok().json(steps))
}

#[derive(Deserialize)]
pub(crate) struct Wait {
    until: Option<String>,
}

/// All nine steps, whenever one of them changes: server-sent events called `steps`, the first at once, whose data is what
/// `/steps` gives. With `until`, the name of a step, the stream ends as soon as neither that step nor one that it depends on
/// waits or runs. It also ends when the server stops; the next request goes on with how things stand then.
#[utoipa::path(get, path = "/api/v1/data-files/{id}/events", tag = "steps",
    params(("id" = i32, Path), ("until" = Option<String>, Query)),
    responses((status = 200, body = [Step], content_type = "text/event-stream"), (status = 404, body = Problem),
        (status = 422, body = Problem)))]
pub(crate) async fn events(
    request: HttpRequest,
    site: Data<Site>,
    shared: Data<Shared>,
    owned: Owned,
    wait: Query<Wait>,
) -> Result<HttpResponse, Error> {
    let awaited: Option<workflow::Step> = match &wait.until {
        None => None,
        Some(name) => {
            Some(name.parse().map_err(|_| Error::field("until", format!("There is no step '{name}'.")))?)
        }
    };
    let now = move |site: &Site, id| {
        let statuses = site.store.steps(id)?;
        let last = awaited.is_some_and(|awaited| {
            let mut busy =
                statuses.iter().filter(|s| matches!(s.state, StepState::Queued | StepState::Running));
            !busy.any(|status| status.step == awaited || status.step.reachable().contains(&awaited))
        });
        Ok(Snapshot { content: statuses.into_iter().map(model).collect::<Vec<Step>>(), last })
    };
    events::stream(&request, site, &shared, &owned, now)
}

fn model(status: StepStatus) -> Step {
    let state = match status.state {
        StepState::NeverRun => "never_run",
        StepState::Queued => "queued",
        StepState::Running => "running",
        StepState::Done => "done",
        StepState::Stale => "stale",
        StepState::Failed => "failed",
    };
    let findings = status.findings.into_iter().map(|finding| Finding {
        code: finding.code,
        severity: match finding.severity {
            Severity::Note => "note".to_owned(),
            Severity::Warning => "warning".to_owned(),
        },
        message: finding.message,
    });
    Step {
        step: status.step.as_str().to_owned(),
        state: state.to_owned(),
        stage: status.stage,
        fraction: status.fraction,
        reason: status.reason,
        parameters: status.parameters,
        run: status.run.map(|run| run.to_string()),
        findings: findings.collect(),
        queued_at: status.queued_at,
        started_at: status.started_at,
        finished_at: status.finished_at,
    }
}

/// Runs a step with the parameters of the body: those of its page, as text or numbers. `form_key`, a UUID, makes two
/// requests with the same key one.
///
/// `routing` takes `topo_var`, and with a default: `units`, `positive`, `orcafile` (`default`, or `custom` for the stored ocean grid),
/// `ocean_coordinates` (`LON,LAT`: names of the longitude and latitude of the cell centres in that grid; found when absent) and `release`.
///
/// `calculate_weights` takes, all with a default: `engine` (`mosaic` for IPSLCM5A2, `mosaix` for IPSLCM6), `atmosphere`
/// (`96x95`), `ocean_grid` (`bathymetry`, `generated`, or the number of a stored grid), `computation` (`corrected` or
/// `legacy`), `geometry` (`legacy` or `spherical`), `inland_runoff` (`drop`, `nearest-coast` or `spread`), `dist_max_km`,
/// `dist_max_voisin_km`, `ylimits` (`-90, -55, 40, 90`), `l_calving_nomed`, `l_calving_noatl`, `l_calving_nopac` (`y` or `n`),
/// and `name`.
#[utoipa::path(post, path = "/api/v1/data-files/{id}/steps/{step}", tag = "steps",
    params(("id" = i32, Path), ("step" = String, Path)),
    request_body(content = Object, example = json!({"limits": "default", "Longitude Step": 1, "Latitude Step": 1, "interpolator": "linear"})),
    responses((status = 202, body = Accepted), (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn request(
    request: HttpRequest,
    site: Data<Site>,
    shared: Data<Shared>,
    owned: Owned,
    body: Json<Map<String, Value>>,
) -> Result<HttpResponse, Error> {
    let step = step(&request)?;
    let values = body.into_inner().into_iter().map(|(name, value)| match value {
        Value::String(text) => (name, text),
        other => (name, other.to_string()),
    });
    let mut fields = Fields::new(values.collect());
    let run =
        tasks::request_step(&site.store, &owned.file, step, &mut fields, None, request_id(&request)).await?;
    shared.live.changed(owned.file.id);
    Ok(HttpResponse::Accepted().json(Accepted { run: run.to_string() }))
}

/// Runs a step again with the parameters of its last run.
#[utoipa::path(post, path = "/api/v1/data-files/{id}/steps/{step}/retry", tag = "steps",
    params(("id" = i32, Path), ("step" = String, Path)),
    responses((status = 202, body = Accepted), (status = 409, body = Problem)))]
pub(crate) async fn retry(
    request: HttpRequest,
    site: Data<Site>,
    shared: Data<Shared>,
    owned: Owned,
) -> Result<HttpResponse, Error> {
    let step = step(&request)?;
    let (store, id, request_id) = (site.store.clone(), owned.file.id, request_id(&request));
    let run = block(move || Ok(store.retry(id, step, request_id)?)).await?;
    shared.live.changed(id);
    Ok(HttpResponse::Accepted().json(Accepted { run: run.to_string() }))
}

/// Takes back a step that waits.
#[utoipa::path(delete, path = "/api/v1/data-files/{id}/steps/{step}", tag = "steps",
    params(("id" = i32, Path), ("step" = String, Path)),
    responses((status = 204), (status = 409, body = Problem)))]
pub(crate) async fn cancel(
    request: HttpRequest,
    site: Data<Site>,
    shared: Data<Shared>,
    owned: Owned,
) -> Result<HttpResponse, Error> {
    let step = step(&request)?;
    let (store, id) = (site.store.clone(), owned.file.id);
    block(move || Ok(store.cancel(id, step)?)).await?;
    shared.live.changed(id);
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Deserialize)]
pub(crate) struct Numerics {
    release: Option<String>,
}

/// Stores the automatic division into sub-basins; `release` is corrected, 2023 or 2021, by default that of the workflow.
#[utoipa::path(post, path = "/api/v1/data-files/{id}/steps/subbasins/default", tag = "steps",
    params(("id" = i32, Path), ("release" = Option<String>, Query)),
    responses((status = 201, body = Stored), (status = 422, body = Problem)))]
pub(crate) async fn sub_basins_default(
    request: HttpRequest,
    site: Data<Site>,
    shared: Data<Shared>,
    owned: Owned,
    numerics: Query<Numerics>,
) -> Result<HttpResponse, Error> {
    let release = match &numerics.release {
        None => owned.file.release,
        Some(text) => text
            .parse()
            .map_err(|error: boundary::UnknownRelease| Error::field("release", format!("{error}.")))?,
    };
    let number =
        tasks::default_sub_basins(&site.store, &owned.file, release, None, request_id(&request)).await?;
    shared.live.changed(owned.file.id);
    Ok(HttpResponse::Created().json(Stored { number }))
}
