//! What is found becomes alerts, and alerts end. What is written and what the board holds must be the same: a change that
//! is not kept is not made, or a restart tells of what never was.

use std::collections::BTreeSet;

use domain::alert::condition::Found;
use domain::alert::lifecycle::{Instance, Phase, Seen, Timing, Turn, damping, step};
use domain::alert::rule::{NoData, Rule};
use domain::alert::silence::maintenance;
use domain::alert::view::EntryKind;
use domain::alert::{Alert, Labels, Source, fingerprint};
use domain::time::SECOND;
use domain::{Actor, Timestamp, format};
use store::Decided;

use super::board::Board;
use crate::{Engine, Result};

impl Engine {
    /// What a rule's evaluation makes of its alerts. `None` is an evaluation that failed.
    pub(super) async fn absorb(&self, board: &mut Board, rule: &Rule, found: Option<Vec<Found>>) -> Result<()> {
        let now = self.now();
        let timing = rule.text.timing();
        let failed = found.is_none();
        let found = found.unwrap_or_default();
        let no_data = found.is_empty();
        let mut states = board.states.remove(&rule.id).unwrap_or_default();
        let before = states.clone();
        let mut seen: Vec<(Labels, Seen, Option<Found>)> = Vec::new();
        let outside = rule.text.only_if.outside_maintenance;
        let planned = if outside { maintenance(&board.silences, now) } else { Vec::new() };
        for mut one in found {
            let labels = rule.text.labels_of(&one.labels);
            one.holds &= !planned.iter().any(|covers| covers.matches(&labels));
            let now_seen = if one.holds { Seen::Holds } else { Seen::HoldsNot };
            // Most of what is looked at is well: nothing is known of it and nothing has to be.
            if one.holds || states.contains_key(&fingerprint(&labels)) {
                seen.push((labels, now_seen, Some(one)));
            }
        }
        if no_data && rule.text.no_data == NoData::Alert {
            let mut labels = rule.text.labels_of(&Labels::new());
            labels.insert("no_data".into(), if failed { "error" } else { "true" }.into());
            let against = if failed { "it cannot be evaluated" } else { "no data" };
            let none = Found { labels: labels.clone(), value: None, limit: None, holds: true, against: against.into() };
            seen.push((labels, Seen::Holds, Some(none)));
        }
        let named: BTreeSet<String> = seen.iter().map(|(labels, ..)| fingerprint(labels)).collect();
        for (print, instance) in &states {
            if !named.contains(print) {
                let unknown = failed || (no_data && rule.text.no_data == NoData::Keep);
                seen.push((instance.labels.clone(), if unknown { Seen::Unknown } else { Seen::Gone }, None));
            }
        }
        let mut decided = Vec::new();
        let mut fired = Vec::new();
        for (labels, now_seen, found) in seen {
            let print = fingerprint(&labels);
            let (next, turn) = step(states.get(&print).map(|i| i.phase), now_seen, timing, now);
            match turn {
                Turn::Fired => fired.push((labels.clone(), found.clone(), next)),
                Turn::Resolved(reason) => self.end_alert(board, &print, reason, now, &mut decided),
                Turn::Nothing | Turn::Pended => {}
            }
            if let (Some(found), Some(alert)) = (&found, board.alerts.get_mut(&print))
                && alert.fires(now)
            {
                alert.value = found.value;
                if found.holds {
                    alert.limit = found.limit;
                    alert.against.clone_from(&found.against);
                }
            }
            match next {
                Some(phase) => {
                    states.insert(print, Instance { labels, phase });
                }
                None => {
                    states.remove(&print);
                }
            }
        }
        let same = before.len() == states.len()
            && states.iter().all(|(print, i)| {
                before.get(print).is_some_and(|b| as_kept(b.phase, timing) == as_kept(i.phase, timing))
            });
        if !same {
            decided.push(Decided::RuleState { rule: rule.id, instances: states.values().cloned().collect() });
        }
        board.states.insert(rule.id, states);
        if !fired.is_empty() {
            let (layer, unit) = self.nature_of(rule.text.condition.query()).await;
            for (labels, found, phase) in fired {
                let alert = self.new_alert(rule, labels, found, phase, layer, &unit, now).await?;
                self.open_alert(board, alert, &mut decided).await?;
            }
        }
        let ids = self.keep(board, &decided).await?;
        number(board, &decided, &ids);
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    async fn new_alert(
        &self,
        rule: &Rule,
        mut labels: Labels,
        found: Option<Found>,
        phase: Option<Phase>,
        layer: Option<domain::signal::Layer>,
        unit: &str,
        now: Timestamp,
    ) -> Result<Alert> {
        let print = fingerprint(&labels);
        let (value, limit) = found.as_ref().map_or((None, None), |f| (f.value, f.limit));
        let mut annotations = rule.text.annotations_of(&labels, value, limit);
        let again = phase.map_or(0, Phase::again);
        if damping(again) > 0 {
            let held = format::duration(damping(again));
            let words = format!("it fired {again} times before within an hour: it ends when it was well for {held}");
            annotations.insert("flapping".into(), words);
        }
        let (priority, reason) = match rule.text.priority {
            Some(priority) => (priority, format!("set on the rule by {}", rule.updated_by)),
            None => {
                let system = labels.get("system").map_or("", String::as_str);
                let criticality = criticality(&self.health_weights(&Actor::Local).await?, system);
                domain::alert::priority::priority(rule.text.severity, rule.text.urgency, criticality)
            }
        };
        let starts_at = match phase {
            Some(Phase::Firing { since, .. }) => since,
            _ => now,
        };
        let verdict = matches!(rule.text.condition, domain::alert::condition::Condition::Verdict { .. });
        let layer = layer.or(verdict.then_some(domain::signal::Layer::Quality));
        // The layer is no part of what tells alerts apart, so it does not come before the fingerprint.
        if let Some(layer) = layer {
            labels.entry("layer".into()).or_insert_with(|| layer.name().into());
        }
        let query = if verdict {
            let figure = labels.get("figure").map_or("", String::as_str).replace('.', "_");
            let model = labels.get("model").map_or("", String::as_str);
            format!("last_over_time(model_{figure}{{model={model:?}}}[2d])")
        } else {
            rule.text.condition.query().to_string()
        };
        Ok(Alert {
            fingerprint: print,
            annotations,
            starts_at,
            generator: format!("{}/rules/{}", self.inner.options.public_url, rule.id),
            priority,
            priority_reason: reason,
            value,
            limit,
            unit: unit.to_string(),
            against: found.map(|f| f.against).unwrap_or_default(),
            query,
            runbook: rule.text.runbook.clone(),
            remediation: rule.text.remediation.clone(),
            ..Alert::new(labels, Source::Rule { id: rule.id }, now)
        })
    }

    /// Puts a new alert on the board, into an incident where it belongs to one.
    pub(super) async fn open_alert(
        &self,
        board: &mut Board,
        mut alert: Alert,
        decided: &mut Vec<Decided>,
    ) -> Result<()> {
        let joined = self.place_in_incident(board, &mut alert).await?;
        let print = alert.fingerprint.clone();
        let at = alert.updated_at;
        let title = match &alert.source {
            Source::Rule { .. } => format!("{} fires", alert.name()),
            Source::Posted => format!("{} was posted", alert.name()),
        };
        let value = alert.value.map(domain::format::compact).unwrap_or_default();
        let figure =
            [value, alert.against.clone()].into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(", ");
        let summary = Some(alert.summary()).filter(|summary| *summary != alert.name()).unwrap_or_default();
        let text =
            if figure.is_empty() || summary.is_empty() { figure + summary } else { format!("{figure}. {summary}") };
        decided.push(Decided::Alert(alert.clone()));
        board.put(alert);
        decided.push(board.entry(&print, EntryKind::Alert, title, text, Some(true), at));
        if let Some(why) = joined {
            decided.push(board.entry(&print, EntryKind::Decision, why, String::new(), Some(true), at));
        }
        Ok(())
    }

    pub(super) fn end_alert(
        &self,
        board: &mut Board,
        print: &str,
        reason: &str,
        now: Timestamp,
        decided: &mut Vec<Decided>,
    ) {
        let Some(alert) = board.alerts.get_mut(print).filter(|a| a.fires(now)) else {
            return;
        };
        alert.ends_at = Some(now);
        alert.updated_at = now;
        alert.resolution = reason.to_string();
        let title = format!("{} ended: {reason}", alert.name());
        decided.push(Decided::Alert(alert.clone()));
        decided.push(board.entry(print, EntryKind::Alert, title, String::new(), Some(true), now));
    }

    /// A rule that is gone or off: what it had open ends, with that reason.
    pub(super) async fn end_rule(&self, board: &mut Board, rule: i64) -> Result<()> {
        let now = self.now();
        let states = board.states.remove(&rule).unwrap_or_default();
        let mut decided = vec![Decided::RuleState { rule, instances: Vec::new() }];
        for (print, _) in states.iter().filter(|(_, instance)| instance.phase.fires()) {
            self.end_alert(board, print, "its rule is off or gone", now, &mut decided);
        }
        self.keep(board, &decided).await?;
        Ok(())
    }

    /// Posted alerts whose end has come are written down as ended.
    pub(super) async fn end_posted(&self, board: &mut Board) -> Result<()> {
        let now = self.now();
        let ended: Vec<String> = board
            .alerts
            .values()
            .filter(|a| a.source == Source::Posted && a.ends_at.is_some_and(|e| e <= now) && a.resolution.is_empty())
            .map(|a| a.fingerprint.clone())
            .collect();
        let mut decided = Vec::new();
        for print in ended {
            if let Some(alert) = board.alerts.get_mut(&print) {
                alert.resolution = "its sender says it is over, or is silent".into();
                alert.updated_at = now;
                let title = format!("{} ended: {}", alert.name(), alert.resolution);
                decided.push(Decided::Alert(alert.clone()));
                decided.push(board.entry(&print, EntryKind::Alert, title, String::new(), Some(true), now));
            }
        }
        self.keep(board, &decided).await?;
        Ok(())
    }
}

/// How much the business rests on a system, beside the mean of all.
pub(super) fn criticality(
    weights: &domain::health::HealthWeights,
    system: &str,
) -> domain::alert::priority::Criticality {
    let all: Vec<f64> = weights.systems.values().copied().collect();
    let mean = if all.is_empty() { 1.0 } else { all.iter().sum::<f64>() / all.len() as f64 };
    domain::alert::priority::Criticality::of(weights.system(system), mean)
}

/// What of a phase must outlive a restart: when it held last only where that decides something, and then to
/// the second, or every evaluation would be a write.
fn as_kept(phase: Phase, timing: Timing) -> (u8, i64, i64) {
    match phase {
        Phase::Pending { since, .. } => (0, since.0, 0),
        Phase::Calm { since, .. } => (1, since.0, 0),
        Phase::Firing { since, held, again, .. } => {
            let keep = timing.keep.max(damping(again));
            (2, since.0, if keep > 0 { held.0 / (keep / 4).max(SECOND) } else { 0 })
        }
    }
}

/// Gives alerts the numbers of their rows.
pub(super) fn number(board: &mut Board, decided: &[Decided], ids: &[i64]) {
    for (one, id) in decided.iter().zip(ids) {
        if let Decided::Alert(alert) = one
            && let Some(known) = board.alerts.get_mut(&alert.fingerprint)
            && known.starts_at == alert.starts_at
        {
            known.id = *id;
        }
    }
}
