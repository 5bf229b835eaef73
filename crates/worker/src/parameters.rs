//! Parameters as forms and messages carry them: text, or numbers from those who speak JSON better.

use std::str::FromStr;

use serde_json::{Map, Value};

use crate::StepError;

/// The fields of a message's body.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a>(pub &'a Map<String, Value>);

impl Fields<'_> {
    /// A field as text; absent, null and blank are the same.
    pub fn text(&self, name: &str) -> Option<String> {
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
    ///
    /// # Errors
    /// It is not: `remedy` says what to do.
    pub fn required(&self, name: &str, remedy: &str) -> Result<String, StepError> {
        self.text(name).ok_or_else(|| StepError::Failed(format!("'{name}' is missing: {remedy}")))
    }

    /// A number; `what` says what is wanted, with an example.
    ///
    /// # Errors
    /// It is missing or no number.
    pub fn number(&self, name: &str, what: &str) -> Result<f64, StepError> {
        let text = self.required(name, what)?;
        text.parse()
            .map_err(|_| StepError::Failed(format!("'{name}' is '{text}', which is no number: {what}")))
    }

    /// One of a few words; absent is `default`.
    ///
    /// # Errors
    /// Another word.
    pub fn choice<T>(&self, name: &str, default: T) -> Result<T, StepError>
    where
        T: FromStr<Err: std::fmt::Display>,
    {
        Ok(self.optional(name)?.unwrap_or(default))
    }

    /// One of a few words; `None` when it is absent.
    ///
    /// # Errors
    /// Another word.
    pub fn optional<T>(&self, name: &str) -> Result<Option<T>, StepError>
    where
        T: FromStr<Err: std::fmt::Display>,
    {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|error| StepError::Failed(format!("'{name}': {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_and_numbers_are_the_same_to_a_form() {
        let value = json!({"a": " 0.5 ", "b": 0.5, "c": "x", "d": "", "e": null});
        let fields = Fields(value.as_object().unwrap());
        assert_eq!(fields.number("a", "degrees").unwrap(), 0.5);
        assert_eq!(fields.number("b", "degrees").unwrap(), 0.5);
        for (name, word) in [("c", "no number"), ("d", "missing"), ("e", "missing"), ("f", "missing")] {
            let error = fields.number(name, "degrees").unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(word), "{error}");
        }
    }
}
