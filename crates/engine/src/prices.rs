//! What calls of models cost: a table that people edit.
//!
//! A price is for a million tokens. The first row whose provider and model fit counts; a model may end in `*`.

use std::sync::{Arc, Mutex, PoisonError};

use domain::prices::{Price, Prices};
use domain::time::SECOND;
use domain::{Action, Actor, Object, Timestamp};

use crate::{Engine, EngineError, Result};

const SETTING: &str = "prices";
/// A table read so long ago is read again.
const FRESH_FOR: i64 = 5 * SECOND;

#[derive(Default)]
pub struct Known(Mutex<Option<(Timestamp, Arc<Prices>)>>);

impl Engine {
    /// The table in force.
    pub async fn prices(&self, actor: &Actor) -> Result<Prices> {
        self.may(actor, Action::View, &Object::Installation)?;
        Ok((*self.prices_now().await?).clone())
    }

    pub(crate) async fn prices_now(&self) -> Result<Arc<Prices>> {
        let now = self.now();
        let known = self.inner.prices.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, prices)) = known.filter(|(at, _)| now <= at.plus(FRESH_FOR)) {
            let _ = at;
            return Ok(prices);
        }
        let prices = match self.store.setting(SETTING).await? {
            Some(text) => serde_json::from_str(&text)
                .map_err(|e| EngineError::Invalid(format!("the table of prices cannot be read: {e}")))?,
            None => Prices::default(),
        };
        let prices = Arc::new(prices);
        *self.inner.prices.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, prices.clone()));
        Ok(prices)
    }

    /// Replaces the table. Calls that came before keep the cost they had.
    ///
    /// # Errors
    /// Not allowed; a row that is no price.
    pub async fn set_prices(&self, actor: &Actor, rows: Vec<Price>) -> Result<()> {
        self.may(actor, Action::EditModel, &Object::Installation)?;
        let prices = Prices { rows };
        if let Some(problem) = prices.problem() {
            return Err(EngineError::Invalid(problem));
        }
        let text = serde_json::to_string(&prices).map_err(|e| EngineError::Invalid(e.to_string()))?;
        self.store.set_setting(SETTING, &text).await?;
        *self.inner.prices.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.audit(actor, "prices.change", "prices").await;
        Ok(())
    }
}
