//! What the API speaks.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A workflow.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DataFile {
    /// Its id, in all addresses.
    pub(crate) id: i32,
    /// The name of the uploaded file.
    pub(crate) filename: String,
    /// The name of the longitude variable, once known.
    pub(crate) longitude: Option<String>,
    /// The name of the latitude variable, once known.
    pub(crate) latitude: Option<String>,
    /// What was typed at the upload.
    #[schema(value_type = Object)]
    pub(crate) info: Map<String, Value>,
    /// `DUPLICATED`, `RECEIVED from ...`.
    pub(crate) state: Option<String>,
    /// The generation of the numerics of all steps that name none themselves: `corrected`, `2023` or `2021`.
    pub(crate) release: String,
}

/// A workflow that was made from an upload.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Uploaded {
    #[serde(flatten)]
    pub(crate) file: DataFile,
    /// What was understood of the file, in sentences, or why its coordinates have to be chosen.
    pub(crate) understood: Vec<String>,
}

/// What this server takes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Limits {
    /// The largest file that may be uploaded, bytes.
    pub(crate) upload_bytes: u64,
    /// The most that the values of one NetCDF-4 file may take when they are unpacked, bytes.
    pub(crate) unpacked_bytes: u64,
    /// Workflows that one account may keep.
    pub(crate) workflows: usize,
}

impl From<&store::DataFile> for DataFile {
    fn from(file: &store::DataFile) -> Self {
        Self {
            id: file.id.0,
            filename: file.filename.clone(),
            longitude: file.longitude.clone(),
            latitude: file.latitude.clone(),
            info: file.info.clone(),
            state: file.state.clone(),
            release: file.release.to_string(),
        }
    }
}

/// A line of the list of workflows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DataFileSummary {
    /// Its id.
    pub(crate) id: i32,
    /// The name of the uploaded file.
    pub(crate) filename: String,
    /// What was typed at the upload.
    #[schema(value_type = Object)]
    pub(crate) info: Map<String, Value>,
    /// `DUPLICATED`, `RECEIVED from ...`.
    pub(crate) state: Option<String>,
    /// Time of the latest revision, UTC.
    pub(crate) changed: Option<String>,
}

/// The names of the coordinate variables.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct Coordinates {
    /// The variable with the longitudes.
    pub(crate) longitude: String,
    /// The variable with the latitudes.
    pub(crate) latitude: String,
}

/// The generation of the numerics of a workflow.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Numerics {
    /// `corrected` for new work; `2023` or `2021` to continue work that was published with the original platform.
    pub(crate) release: String,
}

/// Who receives a copy.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct Receiver {
    /// The user name.
    pub(crate) username: String,
}

/// An accepted run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// The run's id.
    #[schema(format = "uuid")]
    pub(crate) run: String,
}

/// A stored file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Revision {
    /// Counts all types of the workflow together.
    pub(crate) number: i32,
    /// `raw`, `routing`, `bathy`, ...
    pub(crate) file_type: String,
    /// UTC.
    pub(crate) created: String,
    /// Its size.
    pub(crate) bytes: Option<i64>,
    /// SHA-256 of the stored file.
    pub(crate) sha256: Option<String>,
    /// What is told about it (`changes` of an editor; `figures` and `configuration` of weights).
    #[schema(value_type = Object)]
    pub(crate) info: Map<String, Value>,
    /// The step that made it.
    pub(crate) step: Option<String>,
    /// With these parameters.
    #[schema(value_type = Option<Object>)]
    pub(crate) parameters: Option<Map<String, Value>>,
    /// The release that it was computed with, where that is known and makes a difference.
    pub(crate) release: Option<String>,
    /// The numbers of the revisions that it was made from.
    pub(crate) parents: Vec<i32>,
}

/// The number of a new revision.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Stored {
    /// Its number.
    pub(crate) number: i32,
}

/// One step of a workflow.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Step {
    /// `regrid`, `routing`, ...
    pub(crate) step: String,
    /// `never_run`, `queued`, `running`, `done`, `stale` or `failed`.
    pub(crate) state: String,
    /// What a running step does.
    pub(crate) stage: Option<String>,
    /// How far it is, 0 to 1.
    pub(crate) fraction: Option<f64>,
    /// Why it is stale or failed.
    pub(crate) reason: Option<String>,
    /// The parameters of the run that was taken last.
    #[schema(value_type = Option<Object>)]
    pub(crate) parameters: Option<Map<String, Value>>,
    /// The run that the state speaks of.
    pub(crate) run: Option<String>,
    /// What the last run noticed.
    pub(crate) findings: Vec<Finding>,
    /// UTC.
    pub(crate) queued_at: Option<String>,
    /// UTC.
    pub(crate) started_at: Option<String>,
    /// UTC.
    pub(crate) finished_at: Option<String>,
}

/// Something that a step noticed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Finding {
    /// Stable name.
    pub(crate) code: String,
    /// `note` or `warning`.
    pub(crate) severity: String,
    /// One sentence.
    pub(crate) message: String,
}

/// An error (RFC 9457, `application/problem+json`).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// `urn:climsim:problem:CODE`
    r#type: String,
    /// The kind of error.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What happened and what to do.
    detail: String,
    /// The kind of error, for programs.
    code: String,
    /// Fields to correct.
    errors: Vec<FieldError>,
    /// To be given when the error is reported.
    request_id: String,
}

/// What is wrong with a field.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FieldError {
    /// The field.
    field: String,
    /// What is wrong with it.
    message: String,
}
