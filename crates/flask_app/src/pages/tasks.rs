//! The pages of the steps: what to choose, and the request.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use boundary::pft::Table;
use boundary::regrid::{self, Limits, Proposal};
use boundary::{Release, Silent, subbasins};
use coupling::{AtmosphereSize, InlandRunoff, Mode, Options};
use dataset::{Header, topography};
use grid::{CoordinateNames, OceanGrid, ReadGrid};
use serde_json::{Map, Value, json};
use store::{DataFile, DataFileId, Edit, Finding, Reach, Request, Revision, RunId, Severity, Store};
use web::upload::Upload;
use web::{
    Category, Choice, Code, Error, FieldError, Fields, Owned, Page, Site, Submitted, block, local_path,
    see_other,
};
use workflow::{FileType, Step};

use super::{file_view, header, request_id, steps, unreadable};
use crate::Shared;
use crate::forms::{self, FormContext, MAX_ROWS};

/// The types that may hold an ocean grid.
const OCEAN_GRIDS: [FileType; 3] = [FileType::Coords, FileType::Paleorca, FileType::WeightCoords];

/// The fields of the weights that are folded away while they are as by default.
const CONFIGURATION: [&str; 10] = [
    "name",
    "computation",
    "geometry",
    "inland_runoff",
    "dist_max_km",
    "dist_max_voisin_km",
    "ylimits",
    "l_calving_nomed",
    "l_calving_noatl",
    "l_calving_nopac",
];

/// What there is, for the checks of the forms.
pub(crate) fn situation(store: &Store, file: &DataFile) -> Result<FormContext, Error> {
    let revisions = store.revisions(file.id)?;
    let has = |file_type| revisions.iter().any(|revision| revision.file_type == file_type);
    let raw = revisions.iter().rev().find(|revision| revision.file_type == FileType::Raw);
    Ok(FormContext {
        raw: raw.map(|revision| header(store, file, revision)).transpose()?,
        coordinates_set: file.longitude.is_some() && file.latitude.is_some(),
        has_routing: has(FileType::Routing),
        has_bathy: has(FileType::Bathy),
        has_sub_basins: has(FileType::SubBasins),
        ocean_grids: ocean_grids(&revisions).map(|grid| grid.revision).collect(),
        // A grid that a run has stored is the built-in one.
        has_own_grid: revisions.iter().any(|revision| {
            matches!(revision.file_type, FileType::Coords | FileType::Paleorca) && revision.run.is_none()
        }),
        grid_sent: false,
        release: file.release,
    })
}

fn ocean_grids(revisions: &[Revision]) -> impl Iterator<Item = &Revision> {
    revisions.iter().filter(|revision| OCEAN_GRIDS.contains(&revision.file_type))
}

/// Accepts a step: checks the fields, stores the ocean grid that came with them, and records the run.
///
/// # Errors
/// Fields to correct, with nothing stored.
pub(crate) async fn request_step(
    store: &Store,
    file: &DataFile,
    step: Step,
    fields: &mut Fields,
    upload: Option<Upload>,
    request_id: Option<String>,
) -> Result<RunId, Error> {
    let (store, file, mut taken) = (store.clone(), file.clone(), std::mem::take(fields));
    let form_key = taken.form_key();
    let cancel = dataset::contained::Cancel::default();
    let _gone = cancel.on_drop();
    let (result, given_back) = block(move || {
        let result = (|| {
            let mut situation = situation(&store, &file)?;
            let weights = step == Step::CalculateWeights;
            if let Some(upload) = &upload {
                // Who sends a file means it; and when the form comes back without it, nothing else is chosen.
                let (field, sent) = if weights { ("ocean_grid", "upload") } else { ("orcafile", "custom") };
                taken.set(field, sent);
                let opened = super::files::checked(&upload.name, &upload.staged, &cancel)?;
                if weights {
                    full_grid(&store, &file, upload, &opened)?;
                } else {
                    // What is no two names is refused with the other fields.
                    let names = taken.optional(forms::OCEAN_COORDINATES).filter(|text| !text.is_empty());
                    if let Ok(names) = names.map(|text| text.parse()).transpose() {
                        ocean_grid(&upload.name, &opened, names.as_ref()).map_err(file_is_gone)?;
                    }
                }
                situation.grid_sent = true;
            }
            let mut body = forms::body(step, &mut taken, &situation)
                .map_err(|error| if situation.grid_sent { file_is_gone(error) } else { error })?;
            if let Some(Upload { name, staged }) = upload {
                let mut info = Map::new();
                info.insert("changes".into(), format!("uploaded as {}", store::clean_filename(&name)).into());
                let stored = store.add_revision(file.id, FileType::Coords, staged, info)?;
                if weights {
                    body.insert("ocean_grid".into(), stored.revision.to_string().into());
                }
            }
            Ok(store.request_step(Request { data_file: file.id, step, body, form_key, request_id })?)
        })();
        Ok((result, taken))
    })
    .await?;
    *fields = given_back;
    result
}

/// No browser fills in a file again: a form that comes back says so.
fn file_is_gone(mut error: Error) -> Error {
    let message = "The form came back without your file, which is not kept: choose it again.";
    error.fields.push(FieldError { field: "file".to_owned(), message: message.to_owned() });
    error
}

/// Reads a grid that was sent: no more of the file than the grid needs.
pub(crate) fn ocean_grid(
    called: &str,
    opened: &dataset::File,
    names: Option<&CoordinateNames>,
) -> Result<ReadGrid, Error> {
    let file = opened.read_first_maps().map_err(|error| super::files::refused(called, error))?;
    OceanGrid::find(&file, names).map_err(|error| {
        let field = if names.is_some() { forms::OCEAN_COORDINATES } else { "file" };
        Error::field(field, format!("{called}: {error}."))
    })
}

/// Checks a grid that came with the form of the weights: they need the whole C grid, and that of the bathymetry.
fn full_grid(store: &Store, file: &DataFile, upload: &Upload, opened: &dataset::File) -> Result<(), Error> {
    let refused = |why: String| Error::field("file", format!("{}: {why}.", upload.name));
    let read = ocean_grid(&upload.name, opened, None)?;
    if read.grid.mesh().is_none() {
        let why = read.no_mesh_because.map(|why| format!(" ({why})")).unwrap_or_default();
        return Err(refused(format!(
            "the file holds no full C grid{why}: weights need glamt to glamf, gphit to gphif, e1t to e1f and e2t to e2f"
        )));
    }
    let Some(bathymetry) = store.latest(file.id, FileType::Bathy)? else { return Ok(()) };
    let header = header(store, file, &bathymetry)?;
    let depth = header.variable("Bathymetry").map(|depth| depth.shape.clone()).unwrap_or_default();
    let (rows, columns) = read.grid.shape();
    if depth.ends_with(&[rows, columns]) || depth.is_empty() {
        return Ok(());
    }
    let shape = depth.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
    Err(refused(format!(
        "the grid has {rows} x {columns} cells, the bathymetry {shape}: they are different grids"
    )))
}

/// What the pages of steps have in common.
async fn form_page(
    request: &HttpRequest,
    owned: &Owned,
    step: Step,
    template: &'static str,
) -> Result<Page, Error> {
    let (store, file) = (super::store(request)?, owned.file.clone());
    let (status, revisions, situation) =
        block(move || Ok((store.step(file.id, step)?, store.revisions(file.id)?, situation(&store, &file)?)))
            .await?;
    let view = steps::views(owned.file.id, vec![status], &revisions).into_iter().next();
    Ok(Page::new(template)
        .with("file", &file_view(&owned.file))
        .with("step", &view)
        .with("coordinates_set", &situation.coordinates_set)
        .with("has_routing", &situation.has_routing)
        .with("has_bathy", &situation.has_bathy)
        .with("has_sub_basins", &situation.has_sub_basins)
        .with("has_own_grid", &situation.has_own_grid)
        .with("grid", &situation.raw.as_ref().and_then(|raw| grid_text(raw, &owned.file)))
        .with(
            "variables",
            &situation.raw.as_ref().map(|raw| map_variables(raw, &owned.file)).unwrap_or_default(),
        )
        .with("releases", &forms::releases_of_a_step(owned.file.release))
        .with("height_units", &choices(&HEIGHT_UNITS))
        .with("directions", &choices(&DIRECTIONS)))
}

fn choices(list: &[(&str, &str)]) -> Vec<Choice> {
    list.iter().map(|&(value, label)| Choice { value: value.to_owned(), label: label.to_owned() }).collect()
}

/// What the numbers of a topography may be.
const HEIGHT_UNITS: [(&str, &str); 6] = [
    ("", "As the file says"),
    ("m", "Metres"),
    ("km", "Kilometres"),
    ("cm", "Centimetres"),
    ("ft", "Feet"),
    ("geopotential", "Geopotential, m2/s2"),
];

/// Which way they grow.
const DIRECTIONS: [(&str, &str); 3] =
    [("", "As the file says"), ("up", "Upwards: heights above sea level"), ("down", "Downwards: depths")];

/// `360 x 180` for the user, or nothing when the coordinates are not known.
fn grid_text(header: &Header, file: &DataFile) -> Option<String> {
    let (lon, lat) = (file.longitude.as_deref()?, file.latitude.as_deref()?);
    let found = dataset::cf::check_coordinates(header, lon, lat).ok()?;
    let len = |name: &str| header.dimension(name).map(|dimension| dimension.len);
    Some(format!("{} x {}", len(&found.lon_dimension)?, len(&found.lat_dimension)?))
}

/// The variables of a file that are maps.
fn map_variables(header: &Header, file: &DataFile) -> Vec<Choice> {
    let found = match (file.longitude.as_deref(), file.latitude.as_deref()) {
        (Some(lon), Some(lat)) => dataset::cf::check_coordinates(header, lon, lat).ok(),
        _ => None,
    };
    let names = found.map_or_else(
        || {
            let maps = header.variables.iter().filter(|v| v.data_type.is_numeric() && v.shape.len() >= 2);
            maps.map(|v| v.name.clone()).collect()
        },
        |found| found.variables,
    );
    let label = |name: &str| {
        let long = header.variable(name).and_then(|v| v.attributes.text("long_name")).unwrap_or_default();
        if long.is_empty() || long == name { name.to_owned() } else { format!("{name}: {long}") }
    };
    names.into_iter().map(|name| Choice { label: label(&name), value: name }).collect()
}

/// Ends the POST of a step's form: on to the steps page, or the form again.
async fn finish(
    request: &HttpRequest,
    owned: &Owned,
    step: Step,
    result: Result<String, Error>,
    fields: &Fields,
    again: Result<Page, Error>,
) -> Result<HttpResponse, Error> {
    match result {
        Ok(text) => {
            let site = Site::from_request(request)?;
            if let Some(shared) = request.app_data::<Data<Shared>>() {
                shared.live.changed(owned.file.id);
            }
            if let Some(visitor) = &owned.login.visitor {
                site.flash(visitor, Category::Success, &text)?;
            }
            let next = fields.typed().get("next").and_then(Value::as_str).map(str::to_owned);
            let steps = format!("/{}/steps", owned.file.id);
            Ok(see_other(next.as_deref().and_then(local_path).unwrap_or(&steps)))
        }
        Err(error) if error.code == Code::InvalidInput => {
            tracing::info!(step = step.as_str(), "form refused: {}", error.message);
            let values = form_values(step, owned.file.release, &fields.typed());
            again?.rejected(&error, &values).render(request)
        }
        Err(error) => Err(error),
    }
}

/// What a form shows: what was typed, over the defaults.
fn form_values(step: Step, release: Release, given: &Map<String, Value>) -> Map<String, Value> {
    let mut values = match step {
        Step::Regrid => json!({
            "limits": "default", "Longitude Step": "1", "Latitude Step": "1", "interpolator": "auto",
            "base": "latest", "release": release.as_str(),
        }),
        Step::Routing => json!({
            "topo_var": "", "units": "", "positive": "", "orcafile": "default", "ocean_coordinates": "",
            "release": release.as_str(),
        }),
        Step::Pft | Step::Subbasins => json!({ "release": release.as_str() }),
        Step::CalculateWeights => {
            let default = Options::default();
            let switch = |yes: bool| if yes { "y" } else { "n" };
            json!({
                "engine": "mosaic", "atmosphere": "", "ocean_grid": "bathymetry", "name": "",
                "computation": default.mode.as_str(),
                "geometry": default.geometry.as_str(),
                "inland_runoff": default.inland_runoff.as_str(),
                "dist_max_km": (default.runoff_reach_m / 1000.0).to_string(),
                "dist_max_voisin_km": (default.runoff_spread_m / 1000.0).to_string(),
                "ylimits": forms::latitudes(&default.calving_limits_deg),
                "l_calving_nomed": switch(default.calving_nomed),
                "l_calving_noatl": switch(default.calving_noatl),
                "l_calving_nopac": switch(default.calving_nopac),
            })
        }
        _ => json!({}),
    }
    .as_object()
    .cloned()
    .unwrap_or_default();
    values.extend(
        given
            .iter()
            .filter(|(_, value)| value.is_string())
            .map(|(name, value)| (name.clone(), value.clone())),
    );
    values
}

/// The values with which a step ran last, over the defaults.
fn saved(site: &Site, owned: &Owned, step: Step) -> Result<Map<String, Value>, Error> {
    Ok(form_values(step, owned.file.release, &steps::saved_parameters(site, &owned.file, step)?))
}

/// `GET /{id}/regrid`
pub(crate) async fn regrid_form(
    request: HttpRequest,
    site: Data<Site>,
    owned: Owned,
) -> Result<HttpResponse, Error> {
    let parameters = steps::saved_parameters(&site, &owned.file, Step::Regrid)?;
    let mut form = form_values(Step::Regrid, owned.file.release, &parameters);
    let (page, proposal) = regrid_page(&request, &owned).await?;
    // A region keeps its extent and its spacing, unless it was regridded otherwise before.
    if let Some(proposal) = proposal.filter(|proposal| parameters.is_empty() && !proposal.global) {
        let step = proposal.step_degrees.clamp(forms::FINEST_STEP_DEGREES, forms::COARSEST_STEP_DEGREES);
        form.insert("limits".into(), Limits::Data.as_str().into());
        for name in ["Longitude Step", "Latitude Step"] {
            form.insert(name.into(), step.to_string().into());
        }
    }
    page.with("form", &form).render(&request)
}

/// The most values of coordinates that are read to propose a grid.
const MAX_COORDINATE_VALUES: usize = 1 << 20;

/// What the grid of the latest topography gives reason to propose; nothing where it cannot be told.
fn proposal(store: &Store, file: &DataFile) -> Option<Proposal> {
    let (lon, lat) = (file.longitude.as_deref()?, file.latitude.as_deref()?);
    let latest = store.latest(file.id, FileType::Raw).ok()??;
    let opened = dataset::File::open(store.path(&latest)).ok()?;
    let mut coordinates = dataset::Dataset::new();
    for name in [lon, lat] {
        let variable = opened.header().variable(name).filter(|v| v.len() <= MAX_COORDINATE_VALUES)?;
        coordinates.variables.push(opened.read(&variable.name).ok()?);
    }
    coordinates.dimensions.clone_from(&opened.header().dimensions);
    regrid::propose(&coordinates, lon, lat).ok()
}

async fn regrid_page(request: &HttpRequest, owned: &Owned) -> Result<(Page, Option<Proposal>), Error> {
    let choice = |value: &str, label: &str| Choice { value: value.to_owned(), label: label.to_owned() };
    let limits = [
        choice("default", "The globe: 180\u{b0}W to 180\u{b0}E, 90\u{b0}S to 90\u{b0}N"),
        choice("data", "The extent of the file"),
    ];
    let bases = [
        choice("latest", "The latest topography, with everything done to it"),
        choice("uploaded", "The file that was uploaded"),
    ];
    let methods = [
        choice(
            "auto",
            "Automatic: conservative unless the target is finer, then bilinear with the coast kept",
        ),
        choice("conservative", "Conservative: means over the areas of cells; areas and volumes are kept"),
        choice(
            "conservative2",
            "Conservative, second order: the same of planes, smooth where the target is finer",
        ),
        choice("linear", "Bilinear: between the four cell centres around; coarse targets see few of them"),
        choice("nearest", "Nearest neighbour: for classes and masks"),
    ];
    let (store, file) = (super::store(request)?, owned.file.clone());
    let proposal = block(move || Ok(proposal(&store, &file))).await?;
    let regional = proposal.filter(|proposal| !proposal.global).map(|proposal| {
        let (x, y) = proposal.spacing_degrees;
        format!("{} x {} cells of {x:.3}\u{b0} x {y:.3}\u{b0}", proposal.columns, proposal.rows)
    });
    let page = form_page(request, owned, Step::Regrid, "regrid.html")
        .await?
        .with("bases", &bases)
        .with("limits", &limits)
        .with("methods", &methods)
        .with("regional", &regional);
    Ok((page, proposal))
}

/// `POST /{id}/regrid`
pub(crate) async fn regrid(
    request: HttpRequest,
    site: Data<Site>,
    owned: Owned,
    mut form: Submitted,
) -> Result<HttpResponse, Error> {
    let fields = &mut form.fields;
    fields.optional("next");
    let result = request_step(&site.store, &owned.file, Step::Regrid, fields, None, request_id(&request))
        .await
        .map(|_| {
            let typed = fields.typed();
            let value = |name: &str| typed.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            format!(
                "Regridding to {}\u{b0} x {}\u{b0} ({}, limits: {}).",
                value("Longitude Step"),
                value("Latitude Step"),
                value("interpolator"),
                value("limits")
            )
        });
    let again = regrid_page(&request, &owned).await.map(|(page, _)| page);
    finish(&request, &owned, Step::Regrid, result, &form.fields, again).await
}

/// The variable of the latest topography that holds it, where it can be told.
fn topography_of(store: &Store, file: &DataFile) -> Option<String> {
    let latest = store.latest(file.id, FileType::Raw).ok()??;
    match topography::guess(&header(store, file, &latest).ok()?) {
        topography::Guess::Certain(name) => Some(name),
        topography::Guess::Ambiguous(_) | topography::Guess::None => None,
    }
}

/// `GET /{id}/routing`
pub(crate) async fn routing_form(
    request: HttpRequest,
    site: Data<Site>,
    owned: Owned,
) -> Result<HttpResponse, Error> {
    let mut form = saved(&site, &owned, Step::Routing)?;
    if form.get("topo_var").and_then(Value::as_str).is_none_or(str::is_empty) {
        let (store, file) = (site.store.clone(), owned.file.clone());
        if let Some(name) = block(move || Ok(topography_of(&store, &file))).await? {
            form.insert("topo_var".into(), name.into());
        }
    }
    form_page(&request, &owned, Step::Routing, "routing.html").await?.with("form", &form).render(&request)
}

/// `POST /{id}/routing`
pub(crate) async fn routing(
    request: HttpRequest,
    site: Data<Site>,
    owned: Owned,
    payload: Payload,
) -> Result<HttpResponse, Error> {
    let form =
        web::upload::read_either(&request, &owned.login, payload, FileType::Coords.extension()).await?;
    let (mut fields, upload) = (form.fields, form.file);
    let result =
        request_step(&site.store, &owned.file, Step::Routing, &mut fields, upload, request_id(&request))
            .await;
    let result = result.map(|_| {
        "Routing has started: river routing, bathymetry, soils and relief; heat flow and ahmcoef follow by themselves."
            .to_owned()
    });
    let again = form_page(&request, &owned, Step::Routing, "routing.html").await;
    finish(&request, &owned, Step::Routing, result, &fields, again).await
}

/// `GET /{id}/pft`
pub(crate) async fn pft_form(
    request: HttpRequest,
    site: Data<Site>,
    owned: Owned,
) -> Result<HttpResponse, Error> {
    let parameters = steps::saved_parameters(&site, &owned.file, Step::Pft)?;
    let form = form_values(Step::Pft, owned.file.release, &parameters);
    let (store, file) = (site.store.clone(), owned.file.clone());
    let (table, from) = block(move || Ok(saved_table(&store, &file, &parameters))).await?;
    let page = form_page(&request, &owned, Step::Pft, "pft.html").await?;
    page.with("rows", &rows_of(&table)).with("from", from).with("form", &form).render(&request)
}

/// The table of the last run, else recovered from the file, else the default.
fn saved_table(store: &Store, file: &DataFile, parameters: &Map<String, Value>) -> (Table, &'static str) {
    let json = parameters.get("data").and_then(Value::as_str);
    if let Some(table) = json.and_then(|json| Table::from_json(json).ok()) {
        return (table, "saved");
    }
    let recovered = || {
        let revision = store.latest(file.id, FileType::Pft).ok()??;
        Table::recover(&dataset::read(store.path(&revision)).ok()?)
    };
    recovered().map_or_else(|| (Table::default(), "default"), |table| (table, "file"))
}

fn rows_of(table: &Table) -> Vec<Value> {
    table
        .bands()
        .iter()
        .map(|band| json!({ "lat": plain(band.up_to_degrees), "shares": band.percent.map(plain) }))
        .collect()
}

/// Whole numbers without a decimal point.
fn plain(number: f64) -> String {
    number.to_string()
}

/// `POST /{id}/pft`
pub(crate) async fn pft(
    request: HttpRequest,
    site: Data<Site>,
    owned: Owned,
    mut form: Submitted,
) -> Result<HttpResponse, Error> {
    let rows = typed_rows(&mut form.fields);
    let result =
        request_step(&site.store, &owned.file, Step::Pft, &mut form.fields, None, request_id(&request)).await;
    let result = result.map(|_| "The vegetation is being computed from the table.".to_owned());
    let again = form_page(&request, &owned, Step::Pft, "pft.html").await;
    let again = again.map(|page| page.with("rows", &rows).with("from", "typed"));
    finish(&request, &owned, Step::Pft, result, &form.fields, again).await
}

/// The rows as typed, right or wrong, to show them again: as many as a table may have.
fn typed_rows(fields: &mut Fields) -> Vec<Value> {
    const SHARES: [&str; 13] =
        ["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13"];
    let shares: Vec<Vec<String>> = SHARES.iter().map(|name| fields.all(name)).collect();
    let latitudes = fields.all("lat");
    if latitudes.is_empty() {
        let json = fields.optional("data").unwrap_or_default();
        let table = Table::from_json(&json).ok().filter(|table| table.bands().len() <= MAX_ROWS);
        return rows_of(&table.unwrap_or_default());
    }
    let cell = |column: &Vec<String>, row: usize| column.get(row).cloned().unwrap_or_default();
    latitudes
        .into_iter()
        .take(MAX_ROWS)
        .enumerate()
        .map(|(row, lat)| {
            json!({ "lat": lat, "shares": shares.iter().map(|column| cell(column, row)).collect::<Vec<_>>() })
        })
        .collect()
}

/// `GET /{id}/heatflow`
pub(crate) async fn heatflow_form(request: HttpRequest, owned: Owned) -> Result<HttpResponse, Error> {
    automatic_page(&request, &owned, Step::Heatflow).await?.with("form", &Map::new()).render(&request)
}

/// `GET /{id}/ahmcoef`
pub(crate) async fn ahmcoef_form(request: HttpRequest, owned: Owned) -> Result<HttpResponse, Error> {
    automatic_page(&request, &owned, Step::Ahmcoef).await?.with("form", &Map::new()).render(&request)
}

/// A step that follows by itself, and can be run again by hand.
async fn automatic_page(request: &HttpRequest, owned: &Owned, step: Step) -> Result<Page, Error> {
    let file_type = step.outputs()[0];
    let present = super::store(request)?.latest(owned.file.id, file_type)?.map(|revision| revision.revision);
    let about = match step {
        Step::Heatflow => {
            "Geothermal heat flow at the sea floor, from the age of the crust that the depth implies. It is computed \
             from the bathymetry, with the numerics of the routing, and again whenever the bathymetry changes."
        }
        _ => {
            "The coefficient of lateral eddy viscosity of the ocean model: lowered in the tropics, but not beside the \
             western coasts of its seas. It is computed from the bathymetry, and again whenever the bathymetry changes."
        }
    };
    let page = form_page(request, owned, step, "automatic.html").await?;
    Ok(page.with("about", about).with("file_type", file_type.as_str()).with("present", &present))
}

/// `POST /{id}/heatflow`
pub(crate) async fn heatflow(
    request: HttpRequest,
    owned: Owned,
    form: Submitted,
) -> Result<HttpResponse, Error> {
    automatic(request, owned, form, Step::Heatflow).await
}

/// `POST /{id}/ahmcoef`
pub(crate) async fn ahmcoef(
    request: HttpRequest,
    owned: Owned,
    form: Submitted,
) -> Result<HttpResponse, Error> {
    automatic(request, owned, form, Step::Ahmcoef).await
}

async fn automatic(
    request: HttpRequest,
    owned: Owned,
    mut form: Submitted,
    step: Step,
) -> Result<HttpResponse, Error> {
    let store = super::store(&request)?;
    let result = request_step(&store, &owned.file, step, &mut form.fields, None, request_id(&request)).await;
    let result = result.map(|_| format!("{} is being computed.", step.title()));
    let again = automatic_page(&request, &owned, step).await;
    finish(&request, &owned, step, result, &form.fields, again).await
}

/// `GET /{id}/calculate_weights`
pub(crate) async fn weights_form(
    request: HttpRequest,
    site: Data<Site>,
    owned: Owned,
) -> Result<HttpResponse, Error> {
    let form = saved(&site, &owned, Step::CalculateWeights)?;
    let default = form_values(Step::CalculateWeights, owned.file.release, &Map::new());
    let configured = CONFIGURATION.iter().any(|&name| form.get(name) != default.get(name));
    weights_page(&request, &owned).await?.with("form", &form).with("configured", &configured).render(&request)
}

async fn weights_page(request: &HttpRequest, owned: &Owned) -> Result<Page, Error> {
    let choice = |value: &str, label: String| Choice { value: value.to_owned(), label };
    let engines = [
        choice("mosaic", format!("IPSLCM5A2: LMDZ {}", AtmosphereSize::LMDZ_96X95)),
        choice("mosaix", format!("IPSLCM6: LMDZ {}", AtmosphereSize::LMDZ_144X142)),
    ];
    let computations = [
        choice(Mode::Corrected.as_str(), "Corrected: the same method without the slips (default)".into()),
        choice(Mode::Legacy.as_str(), "As the original service, number for number".into()),
    ];
    let geometries = [
        choice("legacy", "Planar, as the original (default)".into()),
        choice("spherical", "Spherical: edges are great circles".into()),
    ];
    let inland = [
        choice(InlandRunoff::Drop.as_str(), "Is left to the rivers of the land model (default)".into()),
        choice(InlandRunoff::NearestCoast.as_str(), "Goes to the nearest coast, however far".into()),
        choice(
            InlandRunoff::Spread.as_str(),
            "Within reach of the coast only, spread along it (ltotal_dist = n)".into(),
        ),
    ];
    let switches = [choice("y", "yes".into()), choice("n", "no".into())];
    let store = super::store(request)?;
    let revisions = store.revisions(owned.file.id)?;
    // A grid that a run has stored is the built-in one, which has its own line.
    let stored = ocean_grids(&revisions).filter(|grid| grid.run.is_none()).map(|grid| {
        let what = grid.info.get("changes").and_then(Value::as_str).unwrap_or("stored with the workflow");
        let number = grid.revision;
        choice(&number.to_string(), format!("{}, revision {number}: {what}", grid.file_type.title()))
    });
    let grids: Vec<Choice> =
        [choice("bathymetry", "The grid that the bathymetry was made on (default)".into())]
            .into_iter()
            .chain(stored)
            .chain([
                choice("generated", "Built in: tripolar, 182 x 149, about 2\u{b0}".into()),
                choice("upload", "From a file:".into()),
            ])
            .collect();
    let weights = store.latest(owned.file.id, FileType::Weights)?.map(|weights| weights.revision);
    Ok(form_page(request, owned, Step::CalculateWeights, "weights.html")
        .await?
        .with("engines", &engines)
        .with("grids", &grids)
        .with("computations", &computations)
        .with("geometries", &geometries)
        .with("inland", &inland)
        .with("switches", &switches)
        .with("simulation", &Options::file_name(&super::title(&owned.file.info, &owned.file.filename)))
        .with("weights", &weights))
}

/// `POST /{id}/calculate_weights`
pub(crate) async fn weights(
    request: HttpRequest,
    site: Data<Site>,
    owned: Owned,
    payload: Payload,
) -> Result<HttpResponse, Error> {
    let form =
        web::upload::read_either(&request, &owned.login, payload, FileType::Coords.extension()).await?;
    let (mut fields, upload) = (form.fields, form.file);
    let step = Step::CalculateWeights;
    let result =
        request_step(&site.store, &owned.file, step, &mut fields, upload, request_id(&request)).await;
    let result = result.map(|_| "The coupling weights are being computed.".to_owned());
    // What is to be corrected may stand in the part that is folded away.
    let again = weights_page(&request, &owned).await.map(|page| page.with("configured", &true));
    finish(&request, &owned, step, result, &fields, again).await
}

/// `GET /{id}/internal_oceans`: on to the editor.
pub(crate) async fn internal_oceans(request: HttpRequest, owned: Owned) -> Result<HttpResponse, Error> {
    editor_page(&request, &owned, Step::InternalOceans).await
}

/// `GET /{id}/passage_problems`: on to the editor.
pub(crate) async fn passage_problems(request: HttpRequest, owned: Owned) -> Result<HttpResponse, Error> {
    editor_page(&request, &owned, Step::PassageProblems).await
}

async fn editor_page(request: &HttpRequest, owned: &Owned, step: Step) -> Result<HttpResponse, Error> {
    if super::store(request)?.latest(owned.file.id, step.inputs()[0])?.is_some() {
        return Ok(see_other(&editor_address(owned.file.id, step.as_str(), None)));
    }
    form_page(request, owned, step, "editor.html").await?.with("form", &Map::new()).render(request)
}

/// Where the map editor (another service, or mounted in this one) shows a file, perhaps one variable of it, and comes
/// back from.
pub(super) fn editor_address(
    id: DataFileId,
    editor: &str,
    shown: Option<(FileType, Option<&str>)>,
) -> String {
    let mut address = format!("/panel/{editor}?id={id}&redirect=/{id}/steps");
    if let Some((file_type, variable)) = shown {
        address += &format!("&file_type={file_type}");
        if let Some(variable) = variable {
            let name: String = form_urlencoded::byte_serialize(variable.as_bytes()).collect();
            address += &format!("&variable={name}");
        }
    }
    address
}

/// `GET /{id}/sub_basins`
pub(crate) async fn sub_basins_form(request: HttpRequest, owned: Owned) -> Result<HttpResponse, Error> {
    let form = form_values(Step::Subbasins, owned.file.release, &Map::new());
    sub_basins_page(&request, &owned).await?.with("form", &form).render(&request)
}

async fn sub_basins_page(request: &HttpRequest, owned: &Owned) -> Result<Page, Error> {
    let store = super::store(request)?;
    let number = store.latest(owned.file.id, FileType::SubBasins)?.map(|revision| revision.revision);
    Ok(form_page(request, owned, Step::Subbasins, "sub_basins.html").await?.with("number", &number))
}

/// `POST /{id}/sub_basins`: the automatic division, stored as the editor would store it.
pub(crate) async fn sub_basins(
    request: HttpRequest,
    site: Data<Site>,
    owned: Owned,
    mut form: Submitted,
) -> Result<HttpResponse, Error> {
    let release = form.fields.choice(Release::FIELD, owned.file.release);
    let result = match form.fields.finish() {
        Ok(()) => {
            default_sub_basins(
                &site.store,
                &owned.file,
                release,
                form.fields.form_key(),
                request_id(&request),
            )
            .await
        }
        Err(error) => Err(error),
    };
    let result = result.map(|_| "The automatic sub-basins were stored.".to_owned());
    let again = sub_basins_page(&request, &owned).await;
    finish(&request, &owned, Step::Subbasins, result, &form.fields, again).await
}

/// Stores the automatic division of the latest bathymetry.
///
/// # Errors
/// Without a bathymetry, or when it cannot be divided.
pub(crate) async fn default_sub_basins(
    store: &Store,
    file: &DataFile,
    release: Release,
    form_key: Option<uuid::Uuid>,
    request_id: Option<String>,
) -> Result<i32, Error> {
    let (store, file) = (store.clone(), file.clone());
    block(move || {
        let bathy = store.latest(file.id, FileType::Bathy)?;
        let bathy = bathy
            .ok_or_else(|| Error::field("release", "There is no bathymetry yet: run the routing first."))?;
        let data = super::open(&store, &file, &bathy)?;
        let data = data.read_all().map_err(|error| unreadable(&file, &bathy, error))?;
        let parameters = subbasins::Parameters { release, saved: None };
        let output = subbasins::run(&data, &parameters, &Silent)
            .map_err(|error| Error::field("release", format!("{error}.")))?;
        let staged = store.stage(FileType::SubBasins.extension())?;
        dataset::write(&output.dataset, staged.path()).map_err(Error::internal)?;
        let mut recorded = Map::new();
        recorded.insert("undo_list".into(), "[]".into());
        let findings = output.findings.into_iter().map(|finding| Finding {
            code: finding.code.to_owned(),
            severity: match finding.severity {
                boundary::Severity::Note => Severity::Note,
                boundary::Severity::Warning => Severity::Warning,
            },
            message: finding.message,
        });
        let edit = Edit {
            data_file: file.id,
            step: Some(Step::Subbasins),
            file_type: FileType::SubBasins,
            staged,
            info: Map::from_iter([(Release::FIELD.to_owned(), release.as_str().into())]),
            parameters: recorded,
            parents: vec![bathy.id],
            findings: findings.collect(),
            reach: Reach::Everything,
            form_key,
            request_id,
        };
        Ok(store.record_edit(edit)?.revision)
    })
    .await
}
