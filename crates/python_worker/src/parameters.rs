//! Parameters as forms and messages carry them: text, or numbers from those who speak JSON better.

use std::str::FromStr;

use boundary::Release;
use serde_json::{Map, Value};
use worker::StepError;

/// The fields of a message's body.
pub(crate) struct Fields<'a>(pub(crate) &'a Map<String, Value>);

impl Fields<'_> {
    /// A field as text; absent, null and blank are the same.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let text = match self.0.get(name)? {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Object(_) | Value::Array(_) => self.0.get(name)?.to_string(),
            Value::Null => return None,
        };
        Some(text).filter(|text| !text.is_empty())
    }

    /// A field that must be there.
    pub(crate) fn required(&self, name: &str, remedy: &str) -> Result<String, StepError> {
        self.text(name).ok_or_else(|| StepError::Failed(format!("'{name}' is missing: {remedy}")))
    }

    /// A number, in degrees.
    pub(crate) fn degrees(&self, name: &str) -> Result<f64, StepError> {
        let text = self.required(name, "give a step in degrees, such as 1")?;
        text.parse().map_err(|_| {
            StepError::Failed(format!(
                "'{name}' is '{text}', which is no number: give a step in degrees, such as 1"
            ))
        })
    }

    /// One of a few words; absent is `default`.
    pub(crate) fn choice<T>(&self, name: &str, default: T) -> Result<T, StepError>
    where
        T: FromStr<Err: std::fmt::Display>,
    {
        let Some(text) = self.text(name) else { return Ok(default) };
        text.parse().map_err(|error| StepError::Failed(format!("'{name}': {error}")))
    }

    /// The generation of the numerics.
    pub(crate) fn release(&self) -> Result<Release, StepError> {
        self.choice("release", Release::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn text_and_numbers_are_the_same_to_a_form() {
        let map = fields(json!({"a": " 0.5 ", "b": 0.5, "c": "x", "d": "", "e": null}));
        let fields = Fields(&map);
        assert_eq!(fields.degrees("a").unwrap(), 0.5);
        assert_eq!(fields.degrees("b").unwrap(), 0.5);
        for (name, word) in [("c", "no number"), ("d", "missing"), ("e", "missing"), ("f", "missing")] {
            let error = fields.degrees(name).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(word), "{error}");
        }
    }

    #[test]
    fn a_release_is_one_of_three() {
        for (text, release) in
            [("2021", Release::R2021), ("2023", Release::R2023), ("corrected", Release::Corrected)]
        {
            assert_eq!(Fields(&fields(json!({ "release": text }))).release().unwrap(), release);
        }
        assert_eq!(Fields(&fields(json!({}))).release().unwrap(), Release::R2023);
        let error = Fields(&fields(json!({"release": "1999"}))).release().unwrap_err().to_string();
        assert!(error.contains("1999") && error.contains("corrected"), "{error}");
    }
}
