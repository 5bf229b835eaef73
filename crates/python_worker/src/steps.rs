//! A claimed run to files: load, compute, stage.

use boundary::regrid::{Limits, Method};
use boundary::{Release, Severity, ahmcoef, heatflow, pft, regrid, routing};
use dataset::cf::{self, CoordinateQuery, CoordinatesError};
use dataset::{Dataset, File};
use serde_json::Map;
use store::{DataFile, Finding, Output};
use time::OffsetDateTime;
use time::macros::format_description;
use worker::inputs::{self, Input};
use worker::{Fields, Job, Report, StepError, StepOutput, Steps};
use workflow::{FileType, Step};

use crate::ocean;
use crate::parameters::{degrees, overrides, release};

/// The steps of this worker.
#[derive(Debug, Clone, Copy, Default)]
pub struct Numerics;

impl Steps for Numerics {
    fn computes(&self, step: Step) -> bool {
        step.worker() == workflow::Worker::Python
    }

    fn run(&self, job: &Job<'_>, report: &Report) -> Result<StepOutput, StepError> {
        let data_file = inputs::data_file(job)?;
        let fields = Fields(&job.run.parameters);
        match job.run.step {
            Step::Regrid => run_regrid(job, &data_file, &fields, report),
            Step::Routing => run_routing(job, &data_file, &fields, report),
            Step::Pft => run_pft(job, &data_file, &fields, report),
            Step::Heatflow => run_heatflow(job, &data_file, &fields, report),
            Step::Ahmcoef => run_ahmcoef(job, &data_file, report),
            Step::InternalOceans | Step::PassageProblems | Step::Subbasins | Step::CalculateWeights => {
                Err(StepError::Failed(format!("{} is not computed by this worker", job.run.step.title())))
            }
        }
    }
}

fn run_regrid(
    job: &Job<'_>,
    data_file: &DataFile,
    fields: &Fields<'_>,
    report: &Report,
) -> Result<StepOutput, StepError> {
    let release = release(data_file, fields)?;
    let parameters = |longitude, latitude| -> Result<regrid::Parameters, StepError> {
        Ok(regrid::Parameters {
            longitude,
            latitude,
            longitude_step_degrees: degrees(fields, "Longitude Step")?,
            latitude_step_degrees: degrees(fields, "Latitude Step")?,
            limits: fields.choice("limits", Limits::Default)?,
            method: fields.choice("interpolator", Method::Auto)?,
            release,
            ..regrid::Parameters::one_degree("", "")
        })
    };
    // What is wrong with the form is said before a large file is read.
    parameters(String::new(), String::new())?;
    let raw = match fields.text("base").as_deref() {
        None | Some("latest") => inputs::open_latest(job, data_file, FileType::Raw, Step::Regrid)?,
        Some("uploaded") => inputs::open_uploaded(job, data_file)?,
        Some(other) => {
            return Err(StepError::Failed(format!(
                "'base' is '{other}': choose latest (the latest topography) or uploaded (the file as it was uploaded)"
            )));
        }
    };
    let (longitude, latitude) = coordinates(data_file, &raw)?;
    let parameters = parameters(longitude, latitude)?;
    let progress = |stage: &str, fraction: f64| report.report(stage, fraction);
    let made = regrid::run_file(&raw.dataset, &parameters, &progress).map_err(|error| about(&raw, &error))?;
    one(job, &raw, FileType::Raw, made, Some(release))
}

fn run_routing(
    job: &Job<'_>,
    data_file: &DataFile,
    fields: &Fields<'_>,
    report: &Report,
) -> Result<StepOutput, StepError> {
    let topo_var = fields.required("topo_var", "choose the variable that holds the topography")?;
    let release = release(data_file, fields)?;
    let heights = overrides(fields)?;
    let raw = inputs::open_latest(job, data_file, FileType::Raw, Step::Regrid)?;
    routing::check_size(raw.dataset.header(), &topo_var).map_err(|error| about(&raw, &error))?;
    let ocean = ocean::choose(job, data_file, fields)?;
    let raw = inputs::read(job, raw)?;
    let parameters = routing::Parameters {
        lon: data_file.longitude.clone(),
        lat: data_file.latitude.clone(),
        heights,
        release,
        ..routing::Parameters::new(&topo_var)
    };
    let progress = |stage: &str, fraction: f64| report.report(stage, fraction);
    let made = routing::run(&raw.dataset, &parameters, &ocean.points, &progress);
    let made = made.map_err(|error| about(&raw, &error))?;
    let stage = |file_type, dataset: &Dataset| stage(job, file_type, dataset, Some(release));
    let mut outputs = vec![stage(FileType::Routing, &made.routing)?];
    if !ocean::keeps_bathymetry(&job.run.parameters) {
        outputs.push(stage(FileType::Bathy, &made.bathy)?);
    }
    outputs.push(stage(FileType::Soils, &made.soils)?);
    outputs.push(stage(FileType::TopoHighRes, &made.topo_high_res)?);
    outputs.extend(ocean.asset);
    let mut findings: Vec<Finding> = made.findings.iter().map(finding).collect();
    findings.extend(ocean.findings);
    let parents = [raw.revision.id].into_iter().chain(ocean.parent).collect();
    Ok(StepOutput { outputs, parents, findings })
}

fn run_pft(
    job: &Job<'_>,
    data_file: &DataFile,
    fields: &Fields<'_>,
    report: &Report,
) -> Result<StepOutput, StepError> {
    let text = fields.required("data", "fill in the table of vegetation on the PFT page")?;
    let table = pft::Table::from_json(&text)
        .map_err(|error| StepError::Failed(format!("the table of vegetation: {error}")))?;
    let routing = inputs::latest(job, data_file, FileType::Routing, Step::Routing)?;
    let release = release(data_file, fields)?;
    let parameters = pft::Parameters { table, release };
    let progress = |stage: &str, fraction: f64| report.report(stage, fraction);
    let made = pft::run(&routing.dataset, &parameters, &progress).map_err(|error| about(&routing, &error))?;
    one(job, &routing, FileType::Pft, made, Some(release))
}

fn run_heatflow(
    job: &Job<'_>,
    data_file: &DataFile,
    fields: &Fields<'_>,
    report: &Report,
) -> Result<StepOutput, StepError> {
    let bathymetry = inputs::latest(job, data_file, FileType::Bathy, Step::Routing)?;
    let release = following(job, data_file, fields)?;
    let parameters = heatflow::Parameters { time_stamp: time_stamp(), release };
    let progress = |stage: &str, fraction: f64| report.report(stage, fraction);
    let made = heatflow::run(&bathymetry.dataset, &parameters, &progress)
        .map_err(|error| about(&bathymetry, &error))?;
    one(job, &bathymetry, FileType::Heatflow, made, Some(release))
}

fn run_ahmcoef(job: &Job<'_>, data_file: &DataFile, report: &Report) -> Result<StepOutput, StepError> {
    let bathymetry = inputs::latest(job, data_file, FileType::Bathy, Step::Routing)?;
    let progress = |stage: &str, fraction: f64| report.report(stage, fraction);
    let made = ahmcoef::run(&bathymetry.dataset, &progress).map_err(|error| about(&bathymetry, &error))?;
    // The same in all releases.
    one(job, &bathymetry, FileType::Ahmcoef, made, None)
}

/// The numerics of a step that follows by itself: those that its own message names, else those of the routing, else those
/// of the workflow.
fn following(job: &Job<'_>, data_file: &DataFile, fields: &Fields<'_>) -> Result<Release, StepError> {
    if fields.text(Release::FIELD).is_some() {
        return release(data_file, fields);
    }
    let routing = job.store.step(job.run.data_file, Step::Routing)?.parameters.unwrap_or_default();
    release(data_file, &Fields(&routing))
}

/// The names of longitude and latitude: as the modeller set them, else as the file shows beyond doubt.
fn coordinates(data_file: &DataFile, raw: &Input<File>) -> Result<(String, String), StepError> {
    let wanted = CoordinateQuery {
        lon: data_file.longitude.as_deref(),
        lat: data_file.latitude.as_deref(),
        ..CoordinateQuery::default()
    };
    match cf::find(raw.dataset.header(), &wanted) {
        Ok(found) => Ok((found.lon, found.lat)),
        Err(CoordinatesError::Ambiguous { .. }) => Err(StepError::Failed(format!(
            "{}: it is not known which variables are longitude and latitude: set the coordinates first",
            raw.name
        ))),
        Err(error) => Err(about(raw, &error)),
    }
}

/// The result of a step that makes one file from one.
fn one<T>(
    job: &Job<'_>,
    from: &Input<T>,
    file_type: FileType,
    made: boundary::Output,
    release: Option<Release>,
) -> Result<StepOutput, StepError> {
    Ok(StepOutput {
        outputs: vec![stage(job, file_type, &made.dataset, release)?],
        parents: vec![from.revision.id],
        findings: made.findings.iter().map(finding).collect(),
    })
}

/// Writes a result. It says which release it was computed with, where that makes a difference: the parameters of the step
/// may name none, and the workflow's may change.
fn stage(
    job: &Job<'_>,
    file_type: FileType,
    dataset: &Dataset,
    release: Option<Release>,
) -> Result<Output, StepError> {
    let staged = job.stage(file_type)?;
    dataset::write(dataset, staged.path()).map_err(|error| StepError::not_saved(file_type.title(), error))?;
    let info = release.map(|release| (Release::FIELD.to_owned(), release.as_str().into()));
    Ok(Output { file_type, staged, info: Map::from_iter(info) })
}

fn about<T>(input: &Input<T>, error: &dyn std::fmt::Display) -> StepError {
    StepError::Failed(format!("{}: {error}", input.name))
}

fn finding(found: &boundary::Finding) -> Finding {
    Finding {
        code: found.code.to_owned(),
        severity: match found.severity {
            Severity::Note => store::Severity::Note,
            Severity::Warning => store::Severity::Warning,
        },
        message: found.message.clone(),
    }
}

/// The local time as heat-flow files carry it; UTC where the local offset cannot be told.
pub fn time_stamp() -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second].[subsecond digits:6]");
    let now = OffsetDateTime::now_local().unwrap_or_else(|_| OffsetDateTime::now_utc());
    now.format(&format).unwrap_or_default()
}
