//! The task forms: what a modeller chooses, checked, as the bodies that the workers know.
//!
//! Pages and the API share them. A body holds exactly the fields of the contract; the data file's id is added by the
//! store from the path, whatever a form says.

use boundary::Release;
use boundary::pft::{Band, TYPES, Table};
use boundary::regrid::{DEFAULT_LARGEST_RESULT, Limits, Method, target_count};
use coupling::Options;
use dataset::Header;
use dataset::heights::{self, Overrides};
use grid::CoordinateNames;
use serde_json::{Map, Value};
use web::{Choice, Error, Fields};
use workflow::Step;

/// The finest spacing of a regrid, in degrees.
pub(crate) const FINEST_STEP_DEGREES: f64 = 0.05;
/// The coarsest.
pub(crate) const COARSEST_STEP_DEGREES: f64 = 90.0;
/// The most rows of a vegetation table: a page shows each with a field per type, and the default has a dozen.
pub(crate) const MAX_ROWS: usize = 200;
/// No two places are farther apart.
const HALF_WAY_ROUND_KM: f64 = 20_100.0;

/// The field with the names of longitude and latitude in the ocean grid.
pub(crate) const OCEAN_COORDINATES: &str = "ocean_coordinates";

/// What a form is checked against.
#[derive(Debug, Default)]
pub(crate) struct FormContext {
    /// The header of the latest topography.
    pub(crate) raw: Option<Header>,
    /// Both coordinates are set.
    pub(crate) coordinates_set: bool,
    /// The routing file is there.
    pub(crate) has_routing: bool,
    /// The bathymetry is there.
    pub(crate) has_bathy: bool,
    /// The sub-basins are there.
    pub(crate) has_sub_basins: bool,
    /// The numbers of the stored ocean grids.
    pub(crate) ocean_grids: Vec<i32>,
    /// An uploaded ocean grid is stored.
    pub(crate) has_own_grid: bool,
    /// An ocean grid comes with this form.
    pub(crate) grid_sent: bool,
    /// The release of the workflow.
    pub(crate) release: Release,
}

/// The body of the message that asks for `step`.
///
/// # Errors
/// Fields to correct, or what has to be done before.
pub(crate) fn body(
    step: Step,
    fields: &mut Fields,
    situation: &FormContext,
) -> Result<Map<String, Value>, Error> {
    let body = match step {
        Step::Regrid => regrid(fields, situation),
        Step::Routing => routing(fields, situation),
        Step::Pft => pft(fields, situation),
        Step::Heatflow | Step::Ahmcoef => {
            if !situation.has_bathy {
                fields.error("bathy", "There is no bathymetry yet: run the routing first.");
            }
            Map::new()
        }
        Step::CalculateWeights => weights(fields, situation),
        Step::InternalOceans | Step::PassageProblems | Step::Subbasins => {
            fields.error("step", format!("{} is done by hand: there is nothing to run.", step.title()));
            Map::new()
        }
    };
    fields.finish()?;
    Ok(body)
}

fn regrid(fields: &mut Fields, situation: &FormContext) -> Map<String, Value> {
    let limits = fields.choice("limits", Limits::Default);
    let lon_step = fields.number("Longitude Step", FINEST_STEP_DEGREES, COARSEST_STEP_DEGREES);
    let lat_step = fields.number("Latitude Step", FINEST_STEP_DEGREES, COARSEST_STEP_DEGREES);
    let chosen = fields.choice("interpolator", Method::Auto);
    let base = fields.choice("base", Base::Latest);
    let release = fields.choice(Release::FIELD, situation.release);
    if chosen.is_conservative() && release != Release::Corrected {
        let message =
            "The releases of 2021 and 2023 have no conservative method: choose the corrected release.";
        fields.error("interpolator", message);
    }
    // The bodies of the published releases are those of the original.
    let method =
        if chosen == Method::Auto && release != Release::Corrected { Method::Linear } else { chosen };
    need_coordinates(fields, situation);
    if lon_step > 0.0 && lat_step > 0.0 {
        let cells = target_count(-180.0, 180.0, lon_step).saturating_mul(target_count(-90.0, 90.0, lat_step));
        if cells > DEFAULT_LARGEST_RESULT {
            let message = format!(
                "A global grid with these steps has {} million cells, more than the {} million that are possible. \
                 Choose larger steps.",
                cells / 1_000_000,
                DEFAULT_LARGEST_RESULT / 1_000_000
            );
            fields.error("Longitude Step", message);
        }
    }
    let mut body = Map::new();
    body.insert("limits".into(), limits.as_str().into());
    body.insert("Longitude Step".into(), lon_step.to_string().into());
    body.insert("Latitude Step".into(), lat_step.to_string().into());
    body.insert("interpolator".into(), method.as_str().into());
    if base != Base::Latest {
        body.insert("base".into(), base.as_str().into());
    }
    add_release(&mut body, release, situation);
    body
}

fn routing(fields: &mut Fields, situation: &FormContext) -> Map<String, Value> {
    let topography = fields.required("topo_var", "Choose the variable that holds the topography.");
    if let Some(raw) = &situation.raw
        && !topography.is_empty()
        && !raw.variables.iter().any(|variable| variable.name == topography)
    {
        let names: Vec<&str> = raw.variables.iter().map(|v| v.name.as_str()).collect();
        let message = format!(
            "There is no variable '{topography}' in the topography; it has {}.",
            dataset::listed(&names)
        );
        fields.error("topo_var", message);
    }
    if let Some(raw) = &situation.raw
        && let Err(error) = boundary::routing::check_size(raw, &topography)
    {
        fields.error("topo_var", format!("{}.", capitalised(&error.to_string())));
    }
    let said = height_options(fields);
    let variable = situation.raw.as_ref().and_then(|raw| raw.variable(&topography));
    if let Some(variable) = variable
        && let Err(error) = heights::units(&topography, &variable.attributes, &said)
    {
        fields.error("units", format!("{}.", capitalised(&error.to_string())));
    }
    need_coordinates(fields, situation);
    let grid = fields.choice("orcafile", OceanGrid::Default);
    if grid == OceanGrid::Custom && !situation.has_own_grid && !situation.grid_sent {
        fields.error("file", "Choose the file with your ocean grid, or take the built-in grid.");
    }
    let names = ocean_coordinates(fields).filter(|_| grid == OceanGrid::Custom);
    let release = fields.choice(Release::FIELD, situation.release);
    let mut body = Map::new();
    body.insert("topo_var".into(), topography.into());
    body.insert("orcafile".into(), grid.as_str().into());
    if let Some(names) = names {
        body.insert(OCEAN_COORDINATES.into(), names.to_string().into());
    }
    // Absent where the file says it: bodies of before are what they were.
    for name in ["units", "positive"] {
        if let Some(word) = fields.optional(name).filter(|word| !word.is_empty()) {
            body.insert(name.into(), word.into());
        }
    }
    add_release(&mut body, release, situation);
    body
}

fn pft(fields: &mut Fields, situation: &FormContext) -> Map<String, Value> {
    if !situation.has_routing {
        fields.error("data", "There is no routing file yet: run the routing first.");
    }
    let release = fields.choice(Release::FIELD, situation.release);
    let table = match fields.optional("data") {
        Some(json) => Table::from_json(&json).map_err(|error| error.to_string()).and_then(|table| {
            few_rows(table.bands().len())?;
            Ok(table)
        }),
        None => table_of_cells(fields),
    };
    let mut body = Map::new();
    match table {
        Ok(table) => {
            for (row, band) in table.bands().iter().enumerate() {
                let sum: f64 = band.percent.iter().sum();
                if (sum - 100.0).abs() > 1e-6 {
                    fields.error(
                        "data",
                        format!(
                            "Row {} (up to {} degrees): the shares add up to {sum} %, not 100 %.",
                            row + 1,
                            band.up_to_degrees
                        ),
                    );
                }
            }
            body.insert("data".into(), table.to_json().into());
        }
        Err(error) => {
            fields.error("data", format!("{}.", capitalised(&error)));
        }
    }
    add_release(&mut body, release, situation);
    body
}

/// The table as its cells were typed: a field `lat` and fields `p1` ... `p13` per row; rows left empty do not count.
fn table_of_cells(fields: &mut Fields) -> Result<Table, String> {
    const SHARES: [&str; TYPES] =
        ["p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8", "p9", "p10", "p11", "p12", "p13"];
    let latitudes = fields.all("lat");
    few_rows(latitudes.len())?;
    let shares: Vec<Vec<String>> = SHARES.iter().map(|name| fields.all(name)).collect();
    let mut bands = Vec::new();
    for (row, latitude) in latitudes.iter().enumerate() {
        let cells: Vec<&str> =
            shares.iter().map(|column| column.get(row).map_or("", String::as_str)).collect();
        if latitude.is_empty() && cells.iter().all(|cell| cell.is_empty() || *cell == "0") {
            continue;
        }
        let number = |text: &str| {
            let parsed = text.replace(',', ".").parse::<f64>().ok().filter(|number| number.is_finite());
            parsed.ok_or_else(|| format!("row {}: '{text}' is not a number", row + 1))
        };
        let mut percent = [0.0; TYPES];
        for (share, cell) in percent.iter_mut().zip(cells) {
            *share = if cell.is_empty() { 0.0 } else { number(cell)? };
        }
        bands.push(Band { up_to_degrees: number(latitude)?, percent });
    }
    Table::new(bands).map_err(|error| error.to_string())
}

fn few_rows(rows: usize) -> Result<(), String> {
    if rows <= MAX_ROWS {
        return Ok(());
    }
    Err(format!("the table has {rows} rows, more than the {MAX_ROWS} that are possible"))
}

/// The coupling weights; see the worker for what each field means. What is as it is by default is not written: the body
/// then is that of the contract, which any mosaic worker understands.
fn weights(fields: &mut Fields, situation: &FormContext) -> Map<String, Value> {
    if !situation.has_bathy {
        fields.error("engine", "There is no bathymetry yet: run the routing first.");
    } else if !situation.has_sub_basins {
        fields.error("engine", "There are no sub-basins yet: make them first.");
    }
    let default = Options::default();
    let mut body = Map::new();
    let mut keep = |name: &str, value: String, default: String| {
        if value != default {
            body.insert(name.into(), value.into());
        }
    };
    let engine = fields.choice("engine", Engine::Mosaic);
    keep("engine", engine.as_str().into(), Engine::Mosaic.as_str().into());
    if given(fields, "atmosphere").is_some() {
        let size = fields.choice("atmosphere", default.atmosphere);
        keep("atmosphere", size.to_string(), String::new());
    }
    if let Some(grid) = given(fields, "ocean_grid").filter(|grid| grid != "bathymetry") {
        let stored = grid.parse().is_ok_and(|number: i32| situation.ocean_grids.contains(&number));
        match grid.as_str() {
            // It has no number before it is stored.
            "upload" if situation.grid_sent => {}
            "upload" => fields.error("file", "Choose the file with the coordinates of the ocean grid."),
            "generated" => keep("ocean_grid", grid, String::new()),
            _ if stored => keep("ocean_grid", grid, String::new()),
            _ => fields.error("ocean_grid", "There is no such ocean grid: choose one of the list."),
        }
    }
    let mode = fields.choice("computation", default.mode);
    keep("computation", mode.to_string(), default.mode.to_string());
    let geometry = fields.choice("geometry", default.geometry);
    keep("geometry", geometry.as_str().into(), default.geometry.as_str().into());
    let inland = fields.choice("inland_runoff", default.inland_runoff);
    keep("inland_runoff", inland.as_str().into(), default.inland_runoff.as_str().into());
    for (name, default_m) in
        [("dist_max_km", default.runoff_reach_m), ("dist_max_voisin_km", default.runoff_spread_m)]
    {
        if given(fields, name).is_some() {
            let km = fields.number(name, 0.0, HALF_WAY_ROUND_KM);
            keep(name, km.to_string(), (default_m / 1000.0).to_string());
        }
    }
    if let Some(text) = given(fields, "ylimits") {
        let numbers: Result<Vec<f64>, _> = text.split(',').map(|part| part.trim().parse()).collect();
        match numbers.map(|limits| Options { calving_limits_deg: limits, ..Options::default() }.checked()) {
            Ok(Ok(options)) => keep(
                "ylimits",
                latitudes(&options.calving_limits_deg),
                latitudes(&default.calving_limits_deg),
            ),
            Ok(Err(error)) => fields.error("ylimits", format!("{error}.")),
            Err(_) => fields.error(
                "ylimits",
                format!(
                    "'{text}' are no latitudes: write them from south to north, such as -90, -55, 40, 90."
                ),
            ),
        }
    }
    for (name, default) in [
        ("l_calving_nomed", default.calving_nomed),
        ("l_calving_noatl", default.calving_noatl),
        ("l_calving_nopac", default.calving_nopac),
    ] {
        let default = if default { Switch::Yes } else { Switch::No };
        let chosen = fields.choice(name, default);
        keep(name, chosen.as_str().into(), default.as_str().into());
    }
    if let Some(name) = given(fields, "name") {
        match (Options { name: name.clone(), ..Options::default() }).checked() {
            Ok(_) => keep("name", name, String::new()),
            Err(error) => fields.error("name", format!("{}.", capitalised(&error.to_string()))),
        }
    }
    body
}

/// The names of longitude and latitude in an ocean grid of the modeller's own, where they are given.
pub(crate) fn ocean_coordinates(fields: &mut Fields) -> Option<CoordinateNames> {
    let text = given(fields, OCEAN_COORDINATES)?;
    match text.parse() {
        Ok(names) => Some(names),
        Err(error) => {
            let error: String = error;
            fields.error(OCEAN_COORDINATES, format!("{}.", capitalised(&error)));
            None
        }
    }
}

/// A field that was filled in.
fn given(fields: &mut Fields, name: &'static str) -> Option<String> {
    fields.optional(name).filter(|text| !text.is_empty())
}

/// Latitudes as `run.def` has them.
pub(crate) fn latitudes(degrees: &[f64]) -> String {
    degrees.iter().map(f64::to_string).collect::<Vec<_>>().join(", ")
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().into_iter().flat_map(char::to_uppercase).chain(characters).collect()
}

fn need_coordinates(fields: &mut Fields, situation: &FormContext) {
    if !situation.coordinates_set {
        fields.error(
            "coordinates",
            "Say first which variables are the longitude and the latitude (Set coordinates).",
        );
    }
}

/// What the numbers of the topography are, where the modeller says it.
fn height_options(fields: &mut Fields) -> Overrides {
    let mut word = |name: &'static str| fields.optional(name).filter(|word| !word.is_empty());
    let (units, positive) = (word("units"), word("positive"));
    let mut said = Overrides::default();
    match units.map(|word| word.parse()).transpose() {
        Ok(units) => said.units = units,
        Err(error) => {
            let error: heights::UnknownWord = error;
            fields.error("units", format!("{error}."));
        }
    }
    match positive.map(|word| word.parse()).transpose() {
        Ok(positive) => said.positive = positive,
        Err(error) => {
            let error: heights::UnknownWord = error;
            fields.error("positive", format!("{error}."));
        }
    }
    said
}

/// The release is written, so that it is told with the results. Where a workflow of the original goes on as it was, the body
/// stays that of the original.
fn add_release(body: &mut Map<String, Value>, release: Release, situation: &FormContext) {
    let of_the_original = Release::OF_THE_ORIGINAL;
    if (release, situation.release) != (of_the_original, of_the_original) {
        body.insert(Release::FIELD.into(), release.as_str().into());
    }
}

/// The releases to choose from, the one for new work first, each with what it is for.
pub(crate) fn releases() -> Vec<Choice> {
    let choice = |release: Release| Choice {
        value: release.as_str().to_owned(),
        label: format!("{}. {}", release.title(), release.purpose()),
    };
    Release::ALL.into_iter().rev().map(choice).collect()
}

/// The same in short, for the form of a step: what the workflow has is marked.
pub(crate) fn releases_of_a_step(workflow: Release) -> Vec<Choice> {
    let mark = |release| if release == workflow { " (this workflow's)" } else { "" };
    let choice = |release: Release| Choice {
        value: release.as_str().to_owned(),
        label: format!("{}{}", release.title(), mark(release)),
    };
    Release::ALL.into_iter().rev().map(choice).collect()
}

/// Which ocean grid the bathymetry is made on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OceanGrid {
    /// The generated tripolar grid.
    Default,
    /// The one stored with the workflow.
    Custom,
}

/// Which topography a regrid starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    /// The latest, with what was regridded and edited before.
    Latest,
    /// The file that was uploaded.
    Uploaded,
}

/// The climate model that weights are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// IPSLCM5A2.
    Mosaic,
    /// IPSLCM6.
    Mosaix,
}

/// A switch of `run.def`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Switch {
    /// `y`
    Yes,
    /// `n`
    No,
}

macro_rules! words {
    ($name:ident, $what:literal, $($variant:ident = $word:literal),+) => {
        impl $name {
            /// The word in forms and messages.
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(format!("Unknown {} '{text}': choose one of the list", $what)),
                }
            }
        }
    };
}
words!(OceanGrid, "ocean grid", Default = "default", Custom = "custom");
words!(Base, "topography", Latest = "latest", Uploaded = "uploaded");
words!(Engine, "target model", Mosaic = "mosaic", Mosaix = "mosaix");
words!(Switch, "switch", Yes = "y", No = "n");

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        Fields::new(pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn ready() -> FormContext {
        FormContext { coordinates_set: true, has_routing: true, has_bathy: true, ..FormContext::default() }
    }

    #[test]
    fn d2_nothing_but_the_fields_of_the_contract_gets_into_a_body() {
        let mut form = fields(&[
            ("id", "2"),
            ("invalidated", "yes"),
            ("has_params", "no"),
            ("next_step_only", "done"),
            ("limits", "default"),
            ("Longitude Step", "1"),
            ("Latitude Step", "1"),
            ("interpolator", "linear"),
        ]);
        let of_the_original = FormContext { release: Release::R2023, ..ready() };
        let body = body(Step::Regrid, &mut form, &of_the_original).unwrap();
        let text = serde_json::to_string(&body).unwrap();
        assert_eq!(
            text,
            r#"{"limits":"default","Longitude Step":"1","Latitude Step":"1","interpolator":"linear"}"#
        );
    }

    #[test]
    fn a_topography_too_large_to_be_routed_is_told_with_the_remedy() {
        let mut raw = dataset::Dataset::new().header();
        for (rows, is_refused) in [(3600, false), (10_800, true)] {
            raw.variables = vec![dataset::VariableHeader {
                name: "topo".to_owned(),
                dimensions: vec!["lat".to_owned(), "lon".to_owned()],
                shape: vec![rows, 2 * rows],
                data_type: dataset::DataType::I16,
                attributes: dataset::Attributes::new(),
            }];
            let situation = FormContext { raw: Some(raw.clone()), ..ready() };
            let made = body(Step::Routing, &mut fields(&[("topo_var", "topo")]), &situation);
            assert_eq!(made.is_err(), is_refused, "{rows}");
            if let Err(error) = made {
                let message = &error.fields[0].message;
                assert!(message.contains("233.3 million") && message.contains("regrid"), "{message}");
            }
        }
    }

    #[test]
    fn a_step_takes_the_release_of_its_workflow_unless_another_is_chosen() {
        for workflow in Release::ALL {
            let situation = FormContext { release: workflow, ..ready() };
            for chosen in [None, Some(Release::R2021), Some(Release::R2023), Some(Release::Corrected)] {
                let mut form = fields(&[("topo_var", "topo")]);
                if let Some(release) = chosen {
                    form.set("release", release.as_str());
                }
                let body = body(Step::Routing, &mut form, &situation).unwrap();
                let said = body.get("release").map(|text| text.as_str().unwrap().parse().unwrap());
                // What the worker computes with.
                assert_eq!(said.unwrap_or(workflow), chosen.unwrap_or(workflow), "{workflow}: {chosen:?}");
            }
            assert!(
                body(Step::Routing, &mut fields(&[("topo_var", "topo"), ("release", "1999")]), &situation)
                    .is_err()
            );
        }
    }

    #[test]
    fn the_coordinates_of_an_own_ocean_grid_are_two_names() {
        let situation = FormContext { has_own_grid: true, ..ready() };
        let ask = |grid, names| {
            let mut form = fields(&[("topo_var", "topo"), ("orcafile", grid), ("ocean_coordinates", names)]);
            body(Step::Routing, &mut form, &situation)
        };
        assert_eq!(ask("custom", " TLONG, TLAT").unwrap()["ocean_coordinates"], "TLONG,TLAT");
        for (grid, names) in [("custom", ""), ("default", "TLONG,TLAT")] {
            assert!(!ask(grid, names).unwrap().contains_key("ocean_coordinates"), "{grid}");
        }
        assert_eq!(ask("custom", "TLONG").unwrap_err().fields[0].field, "ocean_coordinates");
    }

    #[test]
    fn d3_steps_that_would_kill_a_worker_are_refused() {
        for step in ["nan", "inf", "0", "-1", "0.001", "", "x", "1e-300"] {
            let mut form = fields(&[("Longitude Step", step), ("Latitude Step", "1")]);
            assert!(body(Step::Regrid, &mut form, &ready()).is_err(), "{step}");
        }
        let mut form = fields(&[("Longitude Step", "1"), ("Latitude Step", "1")]);
        let error = body(Step::Regrid, &mut form, &FormContext::default()).unwrap_err();
        assert_eq!(error.fields[0].field, "coordinates");
    }

    #[test]
    fn d3_tables_without_90_with_bad_json_or_before_the_routing_are_refused() {
        for data in [r#"{"dataArray":[[15,0,75,25,0,0,0,0,0,0,0,0,0,0]]}"#, "{", "[]", ""] {
            assert!(body(Step::Pft, &mut fields(&[("data", data)]), &ready()).is_err(), "{data}");
        }
        let default = Table::default().to_json();
        assert!(body(Step::Pft, &mut fields(&[("data", &default)]), &FormContext::default()).is_err());
        assert!(body(Step::Pft, &mut fields(&[("data", &default)]), &ready()).is_ok());
    }

    #[test]
    fn cells_make_the_same_table_as_json() {
        let table = Table::default();
        let mut pairs = Vec::new();
        for band in table.bands() {
            pairs.push(("lat".to_owned(), band.up_to_degrees.to_string()));
            for (index, share) in band.percent.iter().enumerate() {
                pairs.push((format!("p{}", index + 1), share.to_string()));
            }
        }
        // An empty row at the end, as the page offers.
        pairs.push(("lat".to_owned(), String::new()));
        let body = body(Step::Pft, &mut Fields::new(pairs), &ready()).unwrap();
        assert_eq!(body["data"], table.to_json());
    }

    #[test]
    fn a_table_of_too_many_rows_is_refused() {
        let latitude = |row: usize| (row as f64 * 90.0 / 201.0).to_string();
        let rows: Vec<_> =
            (1..=201).map(|row| format!("[{},100,0,0,0,0,0,0,0,0,0,0,0,0]", latitude(row))).collect();
        let json = format!("[{}]", rows.join(","));
        let empty = vec![("lat", ""); 201];
        for form in [vec![("data", json.as_str())], empty] {
            let error = body(Step::Pft, &mut fields(&form), &ready()).unwrap_err();
            assert_eq!(error.message, "The table has 201 rows, more than the 200 that are possible.");
        }
    }

    fn ready_for_weights() -> FormContext {
        FormContext { has_sub_basins: true, ocean_grids: vec![4], ..ready() }
    }

    #[test]
    fn weights_by_default_are_the_message_of_the_contract() {
        let mut form = fields(&[
            ("engine", "mosaic"),
            ("atmosphere", ""),
            ("ocean_grid", "bathymetry"),
            ("computation", "corrected"),
            ("geometry", "legacy"),
            ("inland_runoff", "drop"),
            ("dist_max_km", "400"),
            ("dist_max_voisin_km", "500.0"),
            ("ylimits", "-90,-55, 40,90"),
            ("l_calving_nomed", "y"),
            ("l_calving_noatl", "n"),
            ("l_calving_nopac", "n"),
            ("name", ""),
        ]);
        assert_eq!(body(Step::CalculateWeights, &mut form, &ready_for_weights()).unwrap(), Map::new());
    }

    #[test]
    fn weights_carry_what_was_chosen() {
        let mut form = fields(&[
            ("engine", "mosaix"),
            ("atmosphere", "72x45"),
            ("ocean_grid", "4"),
            ("computation", "legacy"),
            ("inland_runoff", "nearest-coast"),
            ("dist_max_km", "250"),
            ("ylimits", "-90, 0, 90"),
            ("l_calving_noatl", "y"),
            ("name", "try1"),
        ]);
        let body = body(Step::CalculateWeights, &mut form, &ready_for_weights()).unwrap();
        let text = serde_json::to_string(&body).unwrap();
        assert_eq!(
            text,
            r#"{"engine":"mosaix","atmosphere":"72x45","ocean_grid":"4","computation":"legacy","inland_runoff":"nearest-coast","dist_max_km":"250","ylimits":"-90, 0, 90","l_calving_noatl":"y","name":"try1"}"#
        );
    }

    #[test]
    fn weights_that_cannot_be_computed_are_refused_field_by_field() {
        for (field, value) in [
            ("engine", "moussaka"),
            ("atmosphere", "96"),
            ("ocean_grid", "5"),
            ("computation", "wrong"),
            ("geometry", "flat"),
            ("inland_runoff", "anywhere"),
            ("dist_max_km", "-1"),
            ("ylimits", "90, -90"),
            ("ylimits", "north"),
            ("l_calving_nopac", "maybe"),
            ("name", "x"),
            ("name", "../../etc"),
        ] {
            let error = body(Step::CalculateWeights, &mut fields(&[(field, value)]), &ready_for_weights());
            let error = error.unwrap_err();
            assert_eq!(error.fields[0].field, field, "{value}");
        }
        let upload =
            body(Step::CalculateWeights, &mut fields(&[("ocean_grid", "upload")]), &ready_for_weights());
        assert_eq!(upload.unwrap_err().fields[0].field, "file");
        for situation in [FormContext::default(), ready()] {
            assert!(body(Step::CalculateWeights, &mut fields(&[]), &situation).is_err());
        }
    }

    #[test]
    fn shares_have_to_add_up() {
        let rows = r#"{"dataArray":[[90,50,49,0,0,0,0,0,0,0,0,0,0,0]]}"#;
        let error = body(Step::Pft, &mut fields(&[("data", rows)]), &ready()).unwrap_err();
        assert!(error.message.contains("99"), "{}", error.message);
    }
}
