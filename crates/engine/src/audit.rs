//! The record of deeds: written beside each use-case that changes something, read by administrators and by programs
//! that keep such records for a company.

use std::collections::HashMap;

use domain::audit::{Deed, PAGE_MAX};
use domain::{Action, Actor, Object};

use crate::{Engine, Result};

impl Engine {
    /// Notes who did what. A record that cannot be written is said in the log and undoes nothing.
    pub(crate) async fn audit(&self, actor: &Actor, action: &str, object: &str) {
        let who = match actor {
            Actor::Anonymous => "anonymous".to_string(),
            Actor::Person { id, .. } => format!("person {id}"),
            Actor::Key { id, .. } => format!("key {id}"),
            Actor::Local => "local".to_string(),
        };
        if let Err(error) = self.store.record_audit(&who, action, object, self.now()).await {
            tracing::error!(%error, action, "an audit entry could not be written");
        }
    }

    /// Deeds after a number, oldest first.
    pub async fn deeds_after(&self, actor: &Actor, after: i64, limit: usize) -> Result<Vec<Deed>> {
        self.may(actor, Action::ReadAudit, &Object::Installation)?;
        self.with_names(self.store.deeds_after(after, limit.clamp(1, PAGE_MAX)).await?).await
    }

    /// Deeds before a number, newest first, whose deed or object holds a text; empty for any.
    pub async fn deeds_before(&self, actor: &Actor, before: i64, text: &str, limit: usize) -> Result<Vec<Deed>> {
        self.may(actor, Action::ReadAudit, &Object::Installation)?;
        self.with_names(self.store.deeds_before(before, text.trim(), limit.clamp(1, PAGE_MAX)).await?).await
    }

    pub(crate) async fn with_names(&self, mut deeds: Vec<Deed>) -> Result<Vec<Deed>> {
        let people = self
            .store
            .people()
            .await?
            .into_iter()
            .map(|p| (format!("person {}", p.id), format!("{}, {}", p.name, p.email)));
        let keys = self.store.keys().await?.into_iter().map(|k| (format!("key {}", k.id), k.name));
        let names: HashMap<String, String> = people.chain(keys).collect();
        for deed in &mut deeds {
            deed.who = names.get(&deed.actor).cloned().unwrap_or_default();
        }
        Ok(deeds)
    }
}
