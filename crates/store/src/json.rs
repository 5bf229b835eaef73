//! JSON in text columns.

use release::Release;
use serde::Serialize;
use serde_json::{Map, Value};
use workflow::Message;

use crate::Error;

/// A stored object. Text of earlier releases that is none is kept under the key `text`.
pub(crate) fn map(text: Option<&str>) -> Map<String, Value> {
    let Some(text) = text.filter(|text| !text.trim().is_empty()) else { return Map::new() };
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => map,
        Ok(Value::Null) => Map::new(),
        _ => Map::from_iter([("text".to_owned(), Value::from(text))]),
    }
}

/// The release that stored parameters, or what is told about a revision, name.
pub(crate) fn release(map: &Map<String, Value>) -> Option<&str> {
    map.get(Release::FIELD)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

/// The text of a value to store.
pub(crate) fn text(value: &(impl Serialize + ?Sized)) -> Result<String, Error> {
    serde_json::to_string(value)
        .map_err(|error| Error::Invalid { field: "stored value", problem: error.to_string() })
}

/// A stored message.
pub(crate) fn message(text: &str) -> Result<Message, Error> {
    serde_json::from_str(text).map_err(|_| Error::Unreadable { what: "message", value: text.to_owned() })
}
