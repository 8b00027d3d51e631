//! Settings that are one JSON document each.

use domain::Actor;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Engine, EngineError, Result};

impl Engine {
    /// The document of a name; its default where nobody has written one.
    pub(crate) async fn document<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T> {
        match self.store.setting(name).await? {
            Some(text) => serde_json::from_str(&text)
                .map_err(|e| EngineError::Invalid(format!("the setting “{name}” cannot be read: {e}"))),
            None => Ok(T::default()),
        }
    }

    pub(crate) async fn set_document<T: Serialize>(&self, actor: &Actor, name: &str, value: &T) -> Result<()> {
        let text = serde_json::to_string(value).map_err(|e| EngineError::Invalid(e.to_string()))?;
        self.store.set_setting(name, &text).await?;
        self.audit(actor, "settings.change", name).await;
        Ok(())
    }
}
