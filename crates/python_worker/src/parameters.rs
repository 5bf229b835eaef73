//! Parameters that several steps have.

use boundary::Release;
use dataset::heights::Overrides;
use store::DataFile;
use worker::{Fields, StepError};

/// A step of a grid, in degrees.
pub(crate) fn degrees(fields: &Fields<'_>, name: &str) -> Result<f64, StepError> {
    fields.number(name, "give a step in degrees, such as 1")
}

/// The generation of the numerics: the one that the step names, else that of its workflow.
pub(crate) fn release(data_file: &DataFile, fields: &Fields<'_>) -> Result<Release, StepError> {
    fields.choice(Release::FIELD, data_file.release)
}

/// What the modeller says of the numbers of a topography.
pub(crate) fn overrides(fields: &Fields<'_>) -> Result<Overrides, StepError> {
    Ok(Overrides { units: fields.optional("units")?, positive: fields.optional("positive")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, Value, json};
    use store::{DataFileId, UserId};

    fn of(release: Release) -> DataFile {
        DataFile {
            id: DataFileId(1),
            owner: UserId(1),
            filename: "topo.nc".into(),
            longitude: None,
            latitude: None,
            info: Map::new(),
            state: None,
            release,
        }
    }

    #[test]
    fn a_release_is_one_of_three_and_else_that_of_the_workflow() {
        let given = |value: Value| release(&of(Release::Corrected), &Fields(value.as_object().unwrap()));
        for (text, expected) in
            [("2021", Release::R2021), ("2023", Release::R2023), ("corrected", Release::Corrected)]
        {
            assert_eq!(given(json!({ "release": text })).unwrap(), expected);
        }
        for workflow in Release::ALL {
            // The body of the original.
            let body = json!({"id": 2, "topo_var": "Z", "orcafile": "default"});
            assert_eq!(release(&of(workflow), &Fields(body.as_object().unwrap())).unwrap(), workflow);
        }
        let error = given(json!({"release": "1999"})).unwrap_err().to_string();
        assert!(error.contains("1999") && error.contains("corrected"), "{error}");
    }

    #[test]
    fn units_and_direction_are_optional_words() {
        let given = |value: Value| overrides(&Fields(value.as_object().unwrap()));
        assert_eq!(given(json!({"units": "", "positive": null})).unwrap(), Overrides::default());
        let said = given(json!({"units": "km", "positive": "down"})).unwrap();
        assert_eq!(said.units.unwrap().metres(1.5), 1500.0);
        assert_eq!(said.positive, Some(dataset::heights::Positive::Down));
        let error = given(json!({"units": "miles"})).unwrap_err().to_string();
        assert!(
            error.contains("'units'") && error.contains("miles") && error.contains("geopotential"),
            "{error}"
        );
    }
}
