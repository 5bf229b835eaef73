//! Actions that come from elsewhere or go there: recipes, the list of the last save, another revision.

use serde_json::{Map as Object, Value, json};

use crate::error::Error;
use crate::work::{Carried, Work};

impl Work {
    /// The actions in effect as a recipe.
    pub(crate) fn recipe(&self) -> Result<Value, Error> {
        Ok(json!({ "actions": self.history.actions().iter().map(|(_, action)| action).collect::<Vec<_>>() }))
    }

    pub(crate) fn previous_summary(&self) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    pub(crate) fn undo_list(&self) -> Result<String, Error> {
        let actions: Vec<_> = self.history.actions().iter().map(|(_, action)| *action).collect();
        serde_json::to_string(&actions).map_err(Error::internal)
    }

    pub(crate) fn previous(&mut self) -> Result<Carried, Error> {
        Err(Error::Invalid("not yet".to_owned()))
    }

    pub(crate) fn import(&mut self, _recipe: &Value) -> Result<Carried, Error> {
        Err(Error::Invalid("not yet".to_owned()))
    }

    pub(crate) fn rebase(&mut self) -> Result<Carried, Error> {
        Err(Error::Invalid("not yet".to_owned()))
    }

    pub(crate) fn fitness(&mut self, _at: &[usize]) -> Result<Object<String, Value>, Error> {
        Ok(Object::new())
    }
}
