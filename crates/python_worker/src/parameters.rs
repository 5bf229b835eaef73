//! Parameters that several steps have.

use boundary::Release;
use worker::{Fields, StepError};

/// A step of a grid, in degrees.
pub(crate) fn degrees(fields: &Fields<'_>, name: &str) -> Result<f64, StepError> {
    fields.number(name, "give a step in degrees, such as 1")
}

/// The generation of the numerics.
pub(crate) fn release(fields: &Fields<'_>) -> Result<Release, StepError> {
    fields.choice("release", Release::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_release_is_one_of_three() {
        let given = |value: Value| release(&Fields(value.as_object().unwrap()));
        for (text, expected) in
            [("2021", Release::R2021), ("2023", Release::R2023), ("corrected", Release::Corrected)]
        {
            assert_eq!(given(json!({ "release": text })).unwrap(), expected);
        }
        assert_eq!(given(json!({})).unwrap(), Release::R2023);
        let error = given(json!({"release": "1999"})).unwrap_err().to_string();
        assert!(error.contains("1999") && error.contains("corrected"), "{error}");
    }
}
