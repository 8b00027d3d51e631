//! Rules: written, changed, listed with how they fare.

use std::sync::PoisonError;

use domain::alert::condition::Condition;
use domain::alert::lifecycle::Phase;
use domain::alert::rule::{Rule, RuleText};
use domain::alert::view::RuleState;
use domain::{Action, Actor, Object};

use super::rests_on::speaks_of_figure;
use crate::{Engine, EngineError, Result};

const RULES_MAX: usize = 2000;

/// The first of a condition's queries that is none, with the reason.
fn query_problem(condition: &Condition) -> Option<String> {
    let check = |query: &str| match promql::Query::parse(query) {
        Err(error) => Some(format!("{query}: {error}")),
        Ok(parsed) if !parsed.is_instant_valued() => {
            Some(format!("{query}: a rule’s query gives a number or a vector"))
        }
        Ok(_) => None,
    };
    match condition {
        Condition::Signal { query, .. }
        | Condition::Absent { query }
        | Condition::Anomaly { query, .. }
        | Condition::Forecast { query, .. } => check(query),
        _ => condition.parts().iter().find_map(query_problem),
    }
}

/// What a rule asks besides its condition and cannot be known.
fn besides_problem(text: &RuleText) -> Option<String> {
    (text.only_if.asks_evidence() && !speaks_of_figure(&text.condition)).then(|| {
        "only models’ figures (model_…) say how many events they rest on and within which interval they lie; leave \
         these out of “only if”, or name such a figure in the condition"
            .into()
    })
}

pub(super) fn checked(text: &RuleText) -> Result<()> {
    match text.problem().or_else(|| query_problem(&text.condition)).or_else(|| besides_problem(text)) {
        Some(problem) => Err(EngineError::Invalid(problem)),
        None => Ok(()),
    }
}

impl Engine {
    pub async fn rules(&self, actor: &Actor) -> Result<Vec<RuleState>> {
        self.may(actor, Action::View, &Object::Installation)?;
        let rules = self.store.rules().await?;
        let board = self.board().await?;
        let known = self.inner.alerts.rules.lock().unwrap_or_else(PoisonError::into_inner);
        let state = |rule: Rule| {
            let evaluated = known.get(&rule.id);
            let instances = board.states.get(&rule.id);
            let count =
                |is: fn(Phase) -> bool| instances.map_or(0, |all| all.values().filter(|i| is(i.phase)).count() as u64);
            RuleState {
                evaluated: evaluated.map(|e| e.at),
                took_ms: evaluated.map_or(0.0, |e| e.took as f64 / 1000.0),
                found: evaluated.map_or(0, |e| e.found as u64),
                problem: evaluated.and_then(|e| e.problem.clone()).unwrap_or_default(),
                pending: count(|phase| matches!(phase, Phase::Pending { .. })),
                firing: count(Phase::fires),
                rule,
            }
        };
        Ok(rules.into_iter().map(state).collect())
    }

    pub async fn rule_of(&self, actor: &Actor, id: i64) -> Result<Rule> {
        self.may(actor, Action::View, &Object::Installation)?;
        let found = self.store.rules().await?.into_iter().find(|r| r.id == id);
        found.ok_or_else(|| EngineError::NotFound("there is no rule of this number".into()))
    }

    /// # Errors
    /// Not allowed; a rule that is none; a name that is taken.
    pub async fn create_rule(&self, actor: &Actor, who: &str, text: RuleText) -> Result<i64> {
        self.may(actor, Action::EditAlerting, &Object::Installation)?;
        self.add_rule(actor, who, text, "").await
    }

    pub(super) async fn add_rule(&self, actor: &Actor, who: &str, mut text: RuleText, made_for: &str) -> Result<i64> {
        text.name = text.name.trim().to_string();
        checked(&text)?;
        if self.store.rules().await?.len() >= RULES_MAX {
            return Err(EngineError::TooLarge(format!("at most {RULES_MAX} rules")));
        }
        let rule = Rule {
            id: 0,
            version: 1,
            updated_at: self.now(),
            updated_by: who.to_string(),
            made_for: made_for.to_string(),
            text,
        };
        let id = self.store.create_rule(&rule).await?;
        self.audit(actor, "rule.create", &rule.text.name).await;
        self.reload_rules().await?;
        self.inner.alerts.wake();
        Ok(id)
    }

    /// Changes a rule. What it has open goes on where its labels are still the same.
    pub async fn update_rule(&self, actor: &Actor, who: &str, id: i64, mut text: RuleText) -> Result<()> {
        self.may(actor, Action::EditAlerting, &Object::Installation)?;
        text.name = text.name.trim().to_string();
        checked(&text)?;
        let known = self.rule_of(actor, id).await?;
        let rule =
            Rule { version: known.version + 1, updated_at: self.now(), updated_by: who.to_string(), text, ..known };
        self.store.update_rule(&rule).await?;
        self.audit(actor, "rule.change", &rule.text.name).await;
        self.inner.alerts.rules.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        self.reload_rules().await?;
        self.inner.alerts.wake();
        Ok(())
    }

    /// Removes a rule; what it has open ends with that reason.
    pub async fn delete_rule(&self, actor: &Actor, id: i64) -> Result<()> {
        self.may(actor, Action::EditAlerting, &Object::Installation)?;
        if !self.store.delete_rule(id).await? {
            return Err(EngineError::NotFound("there is no rule of this number".into()));
        }
        self.audit(actor, "rule.delete", &id.to_string()).await;
        self.reload_rules().await?;
        self.inner.alerts.wake();
        Ok(())
    }
}
