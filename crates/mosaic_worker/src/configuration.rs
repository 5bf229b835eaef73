//! The run configuration in the parameters of the step.
//!
//! Everything has a default, so that the body of the original (`{"id": 2}`) asks for the weights that its service made.
//! Names are those of `run.def` where there is one; distances are in kilometres, as people say them.

use coupling::{AtmosphereSize, Options, Stamps};
use serde_json::{Map, Value, json};
use store::DataFile;
use time::OffsetDateTime;
use time::macros::format_description;
use worker::{Fields, StepError};

/// The options that the parameters ask for.
pub(crate) fn options(fields: &Fields<'_>, data_file: &DataFile) -> Result<Options, StepError> {
    let default = Options::default();
    let options = Options {
        name: fields.text("name").unwrap_or_else(|| Options::file_name(&title(data_file))),
        mode: fields.choice("computation", default.mode)?,
        geometry: fields.choice("geometry", default.geometry)?,
        atmosphere: atmosphere(fields)?,
        inland_runoff: fields.choice("inland_runoff", default.inland_runoff)?,
        runoff_reach_m: metres(fields, "dist_max_km", default.runoff_reach_m)?,
        runoff_spread_m: metres(fields, "dist_max_voisin_km", default.runoff_spread_m)?,
        calving_limits_deg: limits(fields, default.calving_limits_deg)?,
        calving_nomed: switch(fields, "l_calving_nomed", default.calving_nomed)?,
        calving_noatl: switch(fields, "l_calving_noatl", default.calving_noatl)?,
        calving_nopac: switch(fields, "l_calving_nopac", default.calving_nopac)?,
        stamps: stamps(),
        ..default
    };
    options.checked().map_err(|error| StepError::Failed(error.to_string()))
}

/// The same in words and numbers, every option named: kept with the result.
pub(crate) fn described(options: &Options, grid: &str) -> Map<String, Value> {
    let yes_no = |yes: bool| if yes { "y" } else { "n" };
    let value = json!({
        "name": options.name,
        "atmosphere": options.atmosphere.to_string(),
        "ocean_grid": grid,
        "computation": options.mode.as_str(),
        "geometry": options.geometry.as_str(),
        "inland_runoff": options.inland_runoff.as_str(),
        "dist_max_km": options.runoff_reach_m / 1000.0,
        "dist_max_voisin_km": options.runoff_spread_m / 1000.0,
        "ylimits": options.calving_limits_deg,
        "l_calving_nomed": yes_no(options.calving_nomed),
        "l_calving_noatl": yes_no(options.calving_noatl),
        "l_calving_nopac": yes_no(options.calving_nopac),
    });
    value.as_object().cloned().unwrap_or_default()
}

/// What the modeller calls the workflow.
fn title(data_file: &DataFile) -> String {
    let title = data_file.info.get("title").and_then(Value::as_str).unwrap_or_default().trim();
    let stem = data_file.filename.split('.').next().unwrap_or_default();
    if title.is_empty() { stem.to_owned() } else { title.to_owned() }
}

/// `atmosphere` in full, else the grid of the target model.
fn atmosphere(fields: &Fields<'_>) -> Result<AtmosphereSize, StepError> {
    let of_the_model = match fields.text("engine").as_deref() {
        None | Some("mosaic") => AtmosphereSize::LMDZ_96X95,
        Some("mosaix") => AtmosphereSize::LMDZ_144X142,
        Some(other) => {
            return Err(StepError::Failed(format!(
                "'engine' is '{other}': choose mosaic (IPSLCM5A2, LMDZ 96x95) or mosaix (IPSLCM6, LMDZ 144x142)"
            )));
        }
    };
    fields.choice("atmosphere", of_the_model)
}

fn metres(fields: &Fields<'_>, name: &str, default_m: f64) -> Result<f64, StepError> {
    if fields.text(name).is_none() {
        return Ok(default_m);
    }
    Ok(fields.number(name, "give a distance in kilometres, such as 400")? * 1000.0)
}

fn switch(fields: &Fields<'_>, name: &str, default: bool) -> Result<bool, StepError> {
    match fields.text(name).as_deref() {
        None => Ok(default),
        Some("y") => Ok(true),
        Some("n") => Ok(false),
        Some(other) => Err(StepError::Failed(format!("'{name}' is '{other}': write y or n"))),
    }
}

fn limits(fields: &Fields<'_>, default: Vec<f64>) -> Result<Vec<f64>, StepError> {
    let Some(text) = fields.text("ylimits") else { return Ok(default) };
    let numbers = text.split(',').map(|part| part.trim().parse()).collect::<Result<Vec<f64>, _>>();
    numbers.map_err(|_| {
        StepError::Failed(format!(
            "'ylimits' is '{text}': write latitudes from south to north, such as -90, -55, 40, 90"
        ))
    })
}

/// What the files say about their making: now, by this program.
pub fn stamps() -> Stamps {
    let now = OffsetDateTime::now_utc();
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    let time = now.format(&format).unwrap_or_default();
    Stamps {
        history: Some(format!("Created: {time} by climsim {}", env!("CARGO_PKG_VERSION"))),
        seconds: u64::try_from(now.unix_timestamp()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coupling::{Geometry, InlandRunoff, Mode};
    use store::{DataFileId, Release, UserId};

    fn asked(parameters: Value) -> Result<Options, StepError> {
        let mut info = Map::new();
        info.insert("title".into(), json!("Max 40 Ma"));
        let data_file = DataFile {
            id: DataFileId(1),
            owner: UserId(1),
            filename: "topo.nc".into(),
            longitude: None,
            latitude: None,
            info,
            state: None,
            release: Release::default(),
        };
        options(&Fields(parameters.as_object().unwrap()), &data_file)
    }

    #[test]
    fn the_body_of_the_original_asks_for_what_its_service_made() {
        let options = asked(json!({"id": 2})).unwrap();
        let named =
            Options { name: "Ma__40_Ma".into(), stamps: options.stamps.clone(), ..Options::default() };
        assert_eq!(options, named);
    }

    #[test]
    fn the_target_model_chooses_the_atmosphere_unless_it_is_named() {
        assert_eq!(asked(json!({"engine": "mosaix"})).unwrap().atmosphere, AtmosphereSize::LMDZ_144X142);
        let named = asked(json!({"engine": "mosaix", "atmosphere": "72x45"})).unwrap().atmosphere;
        assert_eq!(named.to_string(), "72x45");
    }

    #[test]
    fn every_switch_is_heard() {
        let options = asked(json!({
            "name": "try1", "computation": "legacy", "geometry": "spherical", "inland_runoff": "spread",
            "dist_max_km": "250", "dist_max_voisin_km": 300, "ylimits": "-90, 0, 90",
            "l_calving_nomed": "n", "l_calving_noatl": "y", "l_calving_nopac": "y",
        }))
        .unwrap();
        assert_eq!(options.name, "try1");
        assert_eq!((options.mode, options.geometry), (Mode::Legacy, Geometry::Spherical));
        assert_eq!(options.inland_runoff, InlandRunoff::Spread);
        assert_eq!((options.runoff_reach_m, options.runoff_spread_m), (250_000.0, 300_000.0));
        assert_eq!(options.calving_limits_deg, [-90.0, 0.0, 90.0]);
        assert_eq!(
            (options.calving_nomed, options.calving_noatl, options.calving_nopac),
            (false, true, true)
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_a_remedy() {
        for (parameters, word) in [
            (json!({"engine": "other"}), "mosaix"),
            (json!({"atmosphere": "96"}), "96x95"),
            (json!({"computation": "wrong"}), "legacy"),
            (json!({"inland_runoff": "wrong"}), "nearest-coast"),
            (json!({"dist_max_km": "far"}), "kilometres"),
            (json!({"dist_max_km": "-1"}), "dist_max"),
            (json!({"ylimits": "north"}), "south to north"),
            (json!({"ylimits": "90, -90"}), "ylimits"),
            (json!({"l_calving_noatl": "maybe"}), "y or n"),
            (json!({"name": "x"}), "name"),
        ] {
            let error = asked(parameters.clone()).unwrap_err().to_string();
            assert!(error.contains(word), "{parameters}: {error}");
        }
    }
}
