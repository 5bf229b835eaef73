//! A claimed run to an archive: load, compute, stage.

use std::fs::File;
use std::io::BufWriter;

use coupling::{Input, Sources, Stage};
use serde_json::{Map, Value};
use store::{Finding, Output, Severity};
use worker::{Fields, Job, Report, StepError, StepOutput, Steps, inputs};
use workflow::{FileType, Step};

use crate::{configuration, ocean_grid};

/// The key of [`coupling::Figures`] in what is told about a revision of weights.
pub const FIGURES: &str = "figures";
/// The key of the run configuration there, every option with its value.
pub const CONFIGURATION: &str = "configuration";

/// The step of this worker.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weights;

impl Steps for Weights {
    fn computes(&self, step: Step) -> bool {
        step == Step::CalculateWeights
    }

    fn run(&self, job: &Job<'_>, report: &Report) -> Result<StepOutput, StepError> {
        let data_file = inputs::data_file(job)?;
        let fields = Fields(&job.run.parameters);
        // What is wrong with the form is said before files are read.
        let options = configuration::options(&fields, &data_file)?;
        let bathymetry = inputs::latest(job, &data_file, FileType::Bathy, Step::Routing)?;
        let basins = inputs::latest(job, &data_file, FileType::SubBasins, Step::Subbasins)?;
        let ocean = ocean_grid::choose(job, &data_file, &fields, &bathymetry)?;
        let failed = |error: &dyn std::fmt::Display| {
            StepError::Failed(format!("{error} ({}; {}; {})", bathymetry.name, basins.name, ocean.name))
        };
        let input = Input::read(&ocean.dataset, &bathymetry.dataset, &basins.dataset);
        let input = input.map_err(|error| failed(&error))?;

        let mut stage = |stage: Stage| report.report(stage.label(), stage.fraction());
        let outcome = coupling::run(&input, &options, &mut stage).map_err(|error| failed(&error))?;
        drop(input);

        let title = FileType::Weights.title();
        let staged = job.stage(FileType::Weights)?;
        let sources = Sources {
            coordinates: ocean.path(),
            bathymetry: &job.store.path(&bathymetry.revision),
            basins: &job.store.path(&basins.revision),
        };
        let file = File::create(staged.path()).map_err(|error| StepError::not_written(title, &error))?;
        let archive = BufWriter::new(file);
        let (begin, files) = (Stage::Delivery.fraction(), outcome.products().len() as f64);
        let mut written = 0.0_f64;
        let mut progress = |_: &str| {
            report.report(Stage::Delivery.label(), begin + (1.0 - begin) * (written / files).min(1.0));
            written += 1.0;
        };
        outcome
            .write_archive(&sources, archive, &mut progress)
            .map_err(|error| StepError::not_written(title, &error))?;

        let mut info = Map::new();
        let figures = serde_json::to_value(&outcome.figures).unwrap_or_default();
        info.insert(FIGURES.into(), figures);
        info.insert(CONFIGURATION.into(), Value::Object(configuration::described(&options, &ocean.name)));
        let mut findings: Vec<Finding> = outcome.findings.iter().map(finding).collect();
        findings.extend(ocean.findings);
        Ok(StepOutput {
            outputs: vec![Output { file_type: FileType::Weights, staged, info }],
            parents: [bathymetry.revision.id, basins.revision.id].into_iter().chain(ocean.parent).collect(),
            findings,
        })
    }
}

fn finding(found: &boundary::Finding) -> Finding {
    Finding {
        code: found.code.to_owned(),
        severity: match found.severity {
            boundary::Severity::Note => Severity::Note,
            boundary::Severity::Warning => Severity::Warning,
        },
        message: found.message.clone(),
    }
}
