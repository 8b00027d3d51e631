//! Who looks at an incident at this moment. A look is a lease that runs out by itself, so that it is seen on
//! every server and forgotten when a browser is gone.

use domain::time::SECOND;
use domain::{Action, Actor, Object};

use crate::{Engine, Result};

/// A page says every fifteen seconds that it is open; one that is silent for this long is not.
const HOLDS: i64 = 40 * SECOND;
pub(super) const LOOKS: &str = "look/";

impl Engine {
    /// Says that somebody looks at an incident; the names of the others who do.
    pub async fn look_at_incident(&self, actor: &Actor, who: &str, incident: i64) -> Result<Vec<String>> {
        self.may(actor, Action::View, &Object::Installation)?;
        let Actor::Person { id, .. } = actor else {
            return Ok(Vec::new());
        };
        let now = self.now();
        let (all, own) = (format!("{LOOKS}{incident}/"), format!("{LOOKS}{incident}/{id}"));
        self.store.claim(&own, who, now, now.plus(HOLDS)).await?;
        let holders = self.store.holders(&all, now).await?;
        Ok(holders.into_iter().filter(|(name, _)| *name != own).map(|(_, who)| who).collect())
    }
}
