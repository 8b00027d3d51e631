//! Incidents as pages show them: the list, and one with its timeline, what it cost, and the signals of all layers
//! on one axis.

use domain::alert::Alert;
use domain::alert::view::AlertRow;
use domain::incident::{AlignedSignal, Incident, IncidentView, IncidentsView, mean_times};
use domain::signal::{Layer, Sample};
use domain::time::{DAY, HOUR, MINUTE, SECOND};
use domain::{Action, Actor, Object, TimeRange, Timestamp, environment};
use statistics::quantile::{quantile_sorted, sorted_finite};

use super::incidents::ENTRIES;
use super::telling::by_name;
use crate::{Engine, EngineError, Result};

/// Signals on the common axis.
const ALIGNED: usize = 8;
const ALIGNED_STEPS: i64 = 160;
/// Incidents of a list.
const LISTED: i64 = 100;

impl Engine {
    pub async fn incident(&self, actor: &Actor, id: i64) -> Result<Incident> {
        self.may(actor, Action::View, &Object::Installation)?;
        let found = self.store.incident(id).await?;
        found.ok_or_else(|| EngineError::NotFound("there is no incident of this number".into()))
    }

    pub async fn incidents(&self, actor: &Actor) -> Result<IncidentsView> {
        self.may(actor, Action::View, &Object::Installation)?;
        let now = self.now();
        let mut open = self.store.incidents_open().await?;
        // The most urgent first; of those alike the newest, as they were read.
        open.sort_by_key(|i| i.priority);
        let year = TimeRange { from: now.plus(-400 * DAY), to: now.plus(SECOND) };
        let past: Vec<Incident> =
            self.store.incidents(year, LISTED + 1).await?.into_iter().filter(|i| i.resolved_at.is_some()).collect();
        let all: Vec<Incident> = open.iter().chain(&past).cloned().collect();
        let (to_acknowledge, to_resolve) = mean_times(&all);
        let left_out = past.len().saturating_sub(LISTED as usize) as u64;
        Ok(IncidentsView { now, open, past, left_out, to_acknowledge, to_resolve })
    }

    /// One incident with its timeline, its alerts, and the signals of all layers on one axis.
    pub async fn incident_view(&self, actor: &Actor, id: i64) -> Result<IncidentView> {
        let now = self.now();
        let incident = self.incident(actor, id).await?;
        let to = incident.resolved_at.map_or(now, |r| r.plus(15 * MINUTE)).min(now);
        let from = incident.onset.plus(-((to.0 - incident.onset.0) / 2).clamp(20 * MINUTE, 6 * HOUR));
        let alerts: Vec<AlertRow> = self
            .store
            .alerts_of_incident(id, super::alerts::LISTED as i64)
            .await?
            .into_iter()
            .map(|alert| AlertRow {
                fires: alert.fires(now),
                suppressed: None,
                silence: None,
                trend: Vec::new(),
                incident: None,
                alert,
            })
            .collect();
        let colleagues = self.colleagues(actor).await?;
        let mut timeline = by_name(self.store.entries_of_incident(id, ENTRIES).await?, &colleagues);
        timeline.sort_by_key(|e| (e.at, e.id));
        let signals = self.aligned(&incident, &alerts, TimeRange { from, to }).await;
        let annotations = self.store.annotations_of_incident(id).await?;
        let year = TimeRange { from: now.plus(-400 * DAY), to: incident.opened_at };
        let alike = |other: &Incident| {
            let systems = other.systems.iter().any(|s| incident.systems.contains(s));
            let title = other.title.rsplit(": ").next() == incident.title.rsplit(": ").next();
            u32::from(systems) + 2 * u32::from(title)
        };
        let mut similar: Vec<Incident> =
            self.store.incidents(year, 300).await?.into_iter().filter(|o| o.id != id && alike(o) > 0).collect();
        similar.sort_by_key(|o| std::cmp::Reverse((alike(o), o.opened_at)));
        let similar = similar
            .into_iter()
            .take(5)
            .map(|o| {
                let how = o.cause.as_ref().filter(|c| c.right == Some(true)).map(|c| c.title.clone());
                (o.id, o.title, o.opened_at, how.unwrap_or(o.resolution))
            })
            .collect();
        let people = colleagues.into_iter().map(|p| p.name).collect();
        let cost = self.cost_of(actor, &incident, to).await?;
        let of_alerts: Vec<&Alert> = alerts.iter().map(|r| &r.alert).collect();
        let (runs, offered) = self.runs_about(actor, Some(id), &of_alerts).await?;
        Ok(IncidentView {
            now,
            incident,
            alerts,
            timeline,
            signals,
            annotations,
            similar,
            from,
            to,
            cost,
            people,
            runs,
            offered,
        })
    }

    /// What the system earned less since the onset than in as long a time before it.
    pub(super) async fn cost_of(
        &self,
        actor: &Actor,
        incident: &Incident,
        to: Timestamp,
    ) -> Result<Option<(f64, String)>> {
        let Some(system) = incident.systems.first() else {
            return Ok(None);
        };
        let span = to.0 - incident.onset.0;
        if span < MINUTE {
            return Ok(None);
        }
        let environment = environment::named(&incident.environment);
        let since = TimeRange { from: incident.onset, to };
        let before = TimeRange { from: incident.onset.plus(-span), to: incident.onset };
        let now = self.outcomes(actor, system, environment, since).await?;
        let then = self.outcomes(actor, system, environment, before).await?;
        let Some(usual) = then.impact.first() else {
            return Ok(None);
        };
        let here = now.impact.iter().find(|i| i.currency == usual.currency).map_or(0.0, |i| i.net.value);
        let lost = usual.net.value - here;
        Ok((lost > 0.0).then(|| (lost, usual.currency.clone())))
    }

    /// The lines of an incident's alerts and of what moved with the first of them.
    async fn aligned(&self, incident: &Incident, alerts: &[AlertRow], range: TimeRange) -> Vec<AlignedSignal> {
        let mut wanted: Vec<(String, String, Layer, String)> = Vec::new();
        for alert in alerts.iter().map(|r| &r.alert).filter(|a| !a.query.is_empty()) {
            let (layer, unit) = self.nature_of(&alert.query).await;
            let layer = alert.layer().or(layer).unwrap_or(Layer::Application);
            if !wanted.iter().any(|(_, query, ..)| *query == alert.query) {
                wanted.push((alert.name().to_string(), alert.query.clone(), layer, unit));
            }
        }
        wanted.truncate(ALIGNED);
        let focus = wanted.first().map(|(_, query, ..)| query.clone());
        if let Some(focus) = focus
            && let Ok(found) = self.companions(&Actor::Local, &focus, range).await
        {
            let sure = found.companions.into_iter().filter(|c| c.p_adjusted < 0.01 && c.r.abs() > 0.6);
            for companion in sure {
                if wanted.len() >= ALIGNED {
                    break;
                }
                let query = crate::promql::spelled(&companion.name, true);
                if !wanted.iter().any(|(_, q, ..)| q.contains(&query)) {
                    wanted.push((companion.label, query, companion.layer, String::new()));
                }
            }
        }
        let mut all = Vec::new();
        let mut focus: Option<Vec<f64>> = None;
        for (label, query, layer, unit) in wanted {
            let Ok((lines, step)) = self.lines_of(&query, range, ALIGNED_STEPS).await else {
                continue;
            };
            let own = |labels: &domain::alert::Labels| {
                alerts
                    .iter()
                    .any(|r| r.alert.query == query && domain::alert::condition::agree(labels, &r.alert.labels))
            };
            let place = lines.iter().position(|(labels, _)| own(labels)).unwrap_or(0);
            let Some((_, values)) = lines.into_iter().nth(place) else {
                continue;
            };
            let first = range.to.0 - step * (values.len() as i64 - 1);
            let points: Vec<Sample> =
                (0..).zip(&values).map(|(i, v)| Sample { at: Timestamp(first + i * step), value: *v }).collect();
            // As far apart as an eighth of what is drawn: what follows later has other reasons as well.
            let linked = focus.as_ref().and_then(|first| {
                let (_, r, _, p) = evaluation::series::companion(first, &values, values.len() / 8)?;
                Some((r, p))
            });
            focus.get_or_insert(values);
            all.push(AlignedSignal { linked, ..beside(label, query, layer, unit, points, incident.onset) });
        }
        let order = |s: &AlignedSignal| {
            (Layer::ALL.len() - Layer::ALL.iter().position(|l| *l == s.layer).unwrap_or(0), s.label.clone())
        };
        all.sort_by_key(order);
        all
    }
}

/// A line beside what it usually was before the onset.
fn beside(
    label: String,
    query: String,
    layer: Layer,
    unit: String,
    points: Vec<Sample>,
    onset: Timestamp,
) -> AlignedSignal {
    let known = |s: &&Sample| s.value.is_finite();
    let before: Vec<f64> = points.iter().filter(known).filter(|s| s.at < onset).map(|s| s.value).collect();
    let sorted = sorted_finite(&before);
    let usual = (sorted.len() >= 8).then(|| {
        let (low, high) = (quantile_sorted(&sorted, 0.05), quantile_sorted(&sorted, 0.95));
        let slack = 0.25 * (high - low);
        (low - slack, high + slack)
    });
    let middle = (!sorted.is_empty()).then(|| quantile_sorted(&sorted, 0.5));
    let outside = |v: f64| usual.is_some_and(|(low, high)| v < low || v > high);
    // Two in a row outside: one alone is a blip.
    let after: Vec<&Sample> = points.iter().filter(known).filter(|s| s.at.0 >= onset.0 - 5 * MINUTE).collect();
    let left = after.windows(2).find(|pair| outside(pair[0].value) && outside(pair[1].value)).map(|pair| pair[0].at);
    AlignedSignal {
        now: points.iter().rev().find(known).map(|s| s.value),
        before: middle,
        left_after: left.map(|at| (at.0 - onset.0) as f64 / 1e6),
        points: points.into_iter().filter(|s| s.value.is_finite()).collect(),
        label,
        query,
        layer,
        unit,
        usual,
        linked: None,
    }
}
