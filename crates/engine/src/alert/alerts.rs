//! What people and programs do with alerts: post, list, take on, assign, solve, ask why.

use std::collections::HashMap;

use domain::alert::matcher::{Matcher, Matchers};
use domain::alert::priority::{Severity, Urgency, priority};
use domain::alert::view::{
    AlertAct, AlertFilter, AlertRow, AlertView, AlertsView, Counts, DryRoute, DryRun, Entry, EntryKind, Suppressed,
};
use domain::alert::{ALERTNAME, Acknowledgement, Alert, Labels, Source, fingerprint, labels_problem};
use domain::annotation::Subject;
use domain::incident::near;
use domain::signal::Sample;
use domain::time::{DAY, HOUR, MINUTE, SECOND};
use domain::{Action, Actor, Object, TimeRange, Timestamp, environment};
use store::Decided;

use super::board::{Board, completed};
use super::telling::by_name;
use super::transitions::{criticality, number};
use crate::{Engine, EngineError, Result};

/// Alerts of one request at most.
const POSTED_MAX: usize = 10_000;
/// Open alerts at most: what comes beyond is refused by name, and the sender told.
const OPEN_MAX: usize = 50_000;
/// Lines of a list.
pub(super) const LISTED: usize = 200;
/// Of those, the ones that get a line of their past drawn.
const DRAWN: usize = 40;
/// Incidents that alerts are offered to be put into.
const OFFERED: usize = 50;
/// What is drawn beside an alert.
const DRAWN_RANGE: i64 = 6 * HOUR;
const DRAWN_STEPS: i64 = 72;

/// An alert as a program posts it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct NewAlert {
    pub labels: Labels,
    pub annotations: Labels,
    pub starts_at: Option<Timestamp>,
    pub ends_at: Option<Timestamp>,
    pub generator: String,
}

/// What came of posting: how many were taken, and what was wrong with each of the others.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Posted {
    pub accepted: usize,
    pub problems: Vec<String>,
}

/// An open alert with whom it would be told to.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenAlert {
    pub alert: Alert,
    pub suppressed: Option<Suppressed>,
    pub receivers: Vec<String>,
}

/// Alerts that are told together.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertGroup {
    pub receiver: String,
    pub labels: Labels,
    pub alerts: Vec<OpenAlert>,
}

/// The most pressing first, of many as many as a page lists; how many more there are.
fn listed(alerts: &mut Vec<&Alert>) -> u64 {
    alerts.sort_by(|a, b| {
        let newest = b.starts_at.cmp(&a.starts_at);
        a.priority.cmp(&b.priority).then(newest).then_with(|| a.fingerprint.cmp(&b.fingerprint))
    });
    let more = alerts.len().saturating_sub(LISTED) as u64;
    alerts.truncate(LISTED);
    more
}

fn open_alert(board: &Board, alert: &Alert, suppression: &HashMap<String, Suppressed>) -> OpenAlert {
    let routes = board.tree.as_ref().map(|tree| tree.routes(&alert.labels)).unwrap_or_default();
    OpenAlert {
        alert: alert.clone(),
        suppressed: suppression.get(&alert.fingerprint).cloned(),
        receivers: routes.into_iter().map(|r| r.receiver.clone()).collect(),
    }
}

impl Engine {
    /// Takes alerts that another program found. Kept when this returns.
    ///
    /// # Errors
    /// Not allowed; more than one request or the board holds.
    pub async fn post_alerts(&self, actor: &Actor, alerts: Vec<NewAlert>) -> Result<Posted> {
        self.may(actor, Action::Ingest, &Object::Installation)?;
        if alerts.len() > POSTED_MAX {
            return Err(EngineError::TooLarge(format!("a request holds at most {POSTED_MAX} alerts")));
        }
        let mut posted = Posted::default();
        let weights = self.health_weights(&Actor::Local).await?;
        let mut board = self.board().await?;
        let now = self.now();
        if board.alerts.len() + alerts.len() > OPEN_MAX {
            return Err(EngineError::TooLarge(format!("{OPEN_MAX} alerts are open; close some, or send fewer")));
        }
        let timeout = board.alerting.resolve_timeout;
        let mut decided = Vec::new();
        for new in alerts {
            let labels = completed(new.labels);
            let wrong = labels_problem(&labels).or_else(|| {
                let ends = new.starts_at.zip(new.ends_at);
                ends.is_some_and(|(s, e)| e < s).then(|| "it ends before it starts".to_string())
            });
            if let Some(problem) = wrong {
                posted.problems.push(problem);
                continue;
            }
            posted.accepted += 1;
            let print = fingerprint(&labels);
            // Without an end it counts until its sender has been silent for long enough.
            let ends_at = Some(new.ends_at.unwrap_or(now.plus(timeout)));
            let known = board.alerts.get_mut(&print).filter(|a| a.fires(now));
            if let Some(known) = known {
                let over = ends_at.is_some_and(|e| e <= now);
                known.ends_at = ends_at;
                known.updated_at = now;
                known.annotations = new.annotations;
                let written = known.clone();
                decided.push(Decided::Alert(written));
                if over {
                    board.moved.insert(print);
                }
                continue;
            }
            if ends_at.is_some_and(|e| e <= now) {
                // The end of something that was never heard of, or that ended already: nothing to tell.
                continue;
            }
            let severity = Severity::read(labels.get("severity").map_or("", String::as_str));
            let urgency = match severity {
                Severity::Critical => Urgency::Now,
                Severity::Warning => Urgency::Soon,
                Severity::Info => Urgency::Later,
            };
            let criticality = criticality(&weights, labels.get("system").map_or("", String::as_str));
            let (priority, reason) = priority(severity, urgency, criticality);
            let given = labels.get("priority").and_then(|p| domain::alert::priority::Priority::parse(p));
            let alert = Alert {
                runbook: new.annotations.get("runbook_url").cloned().unwrap_or_default(),
                annotations: new.annotations,
                // Two that fired at the same instant would be one row: a sender's clock is not that fine.
                starts_at: new.starts_at.unwrap_or(now).min(now),
                ends_at,
                generator: new.generator,
                priority: given.unwrap_or(priority),
                priority_reason: if given.is_some() { "said by its sender".into() } else { reason },
                ..Alert::new(labels, Source::Posted, now)
            };
            self.open_alert(&mut board, alert, &mut decided).await?;
        }
        let ids = self.keep(&mut board, &decided).await?;
        number(&mut board, &decided, &ids);
        self.settle_groups(&mut board).await?;
        drop(board);
        self.inner.alerts.wake();
        Ok(posted)
    }

    fn row(&self, board: &Board, alert: &Alert, why: Option<Suppressed>, now: Timestamp) -> AlertRow {
        let silence = match &why {
            Some(Suppressed::Silence { ids }) => {
                board.silences.iter().filter(|s| ids.contains(&s.id)).max_by_key(|s| s.ends_at).cloned()
            }
            _ => None,
        };
        let fires = alert.fires(now);
        let incident = alert.incident.map(|id| (id, self.inner.alerts.incidents.title(id)));
        AlertRow { alert: alert.clone(), fires, suppressed: why, silence, trend: Vec::new(), incident }
    }

    /// The list of alerts that a filter lets through, the worst first, with counts over all.
    pub async fn alerts(&self, actor: &Actor, filter: &AlertFilter, reader: &str) -> Result<AlertsView> {
        self.may(actor, Action::View, &Object::Installation)?;
        let matchers =
            Matcher::parse_all(&filter.matchers).and_then(|m| Matchers::of(&m)).map_err(EngineError::Invalid)?;
        let now = self.now();
        let board = self.board().await?;
        let suppression = board.suppression(now);
        let mut counts = Counts::default();
        let text = filter.text.trim().to_lowercase();
        let fits = |a: &Alert| {
            let found = |t: &str| t.to_lowercase().contains(&text);
            (filter.priorities.is_empty() || filter.priorities.contains(&a.priority))
                && (filter.system.is_empty() || a.system() == filter.system)
                && (filter.layer.is_empty() || a.label("layer") == filter.layer)
                && (filter.environment.is_empty()
                    || a.label("environment").is_empty()
                    || a.label("environment") == filter.environment)
                && (text.is_empty() || found(a.summary()) || a.labels.values().any(|v| found(v)))
                && matchers.matches(&a.labels)
        };
        let mut wanted: Vec<&Alert> = Vec::new();
        let mine = |a: &Alert| {
            !reader.is_empty()
                && (a.assigned == reader || a.acknowledged.as_ref().is_some_and(|k| k.holds(now) && k.by == reader))
        };
        for alert in board.open(now) {
            let why = suppression.get(&alert.fingerprint);
            let owned = alert.is_acknowledged(now) || !alert.assigned.is_empty();
            counts.open += 1;
            counts.by_priority[alert.priority as usize] += 1;
            counts.acknowledged += u64::from(alert.is_acknowledged(now));
            counts.mine += u64::from(mine(alert));
            counts.unowned += u64::from(!owned && why.is_none());
            counts.silenced += u64::from(why.is_some());
            let asked = match filter.state.as_str() {
                "mine" => mine(alert),
                "unowned" => !owned && why.is_none(),
                "silenced" => why.is_some(),
                "solved" => false,
                _ => true,
            };
            if asked && fits(alert) {
                wanted.push(alert);
            }
        }
        let mut left_out = listed(&mut wanted);
        let why = |a: &Alert| suppression.get(&a.fingerprint).cloned();
        let mut rows: Vec<AlertRow> = wanted.into_iter().map(|a| self.row(&board, a, why(a), now)).collect();
        drop(board);
        let week = TimeRange { from: now.plus(-7 * DAY), to: now.plus(SECOND) };
        let spans = self.store.alert_spans(week).await?;
        counts.solved = spans.iter().filter(|(_, end)| end.is_some_and(|e| e <= now)).count() as u64;
        if filter.state == "solved" {
            let past = self.store.alerts_within(week, 2000).await?;
            let mut wanted: Vec<&Alert> = past.iter().filter(|a| !a.fires(now) && fits(a)).collect();
            left_out = listed(&mut wanted);
            let board = self.board().await?;
            rows = wanted.into_iter().map(|a| self.row(&board, a, None, now)).collect();
        }
        for row in rows.iter_mut().filter(|r| !r.alert.query.is_empty()).take(DRAWN) {
            row.trend = self.trend_of(&row.alert, now).await;
        }
        let history = (0..=24)
            .map(|hour| {
                let at = now.plus((hour - 24) * HOUR);
                spans.iter().filter(|(start, end)| *start <= at && end.is_none_or(|e| e > at)).count() as u64
            })
            .collect();
        let month = TimeRange { from: now.plus(-30 * DAY), to: now.plus(SECOND) };
        let (all, told) = (self.store.alerts_counted(month).await?, self.store.messages_sent(month.from).await?);
        let incidents = self.store.incidents_open().await?;
        let incidents = incidents.into_iter().take(OFFERED).map(|i| (i.id, i.title)).collect();
        Ok(AlertsView { now, counts, rows, left_out, history, kept_quiet: all.saturating_sub(told), incidents })
    }

    /// Every open alert with why it is not told of, for programs.
    pub async fn open_alerts(&self, actor: &Actor) -> Result<Vec<OpenAlert>> {
        self.may(actor, Action::View, &Object::Installation)?;
        let now = self.now();
        let board = self.board().await?;
        let suppression = board.suppression(now);
        Ok(board.open(now).map(|a| open_alert(&board, a, &suppression)).collect())
    }

    /// The groups that alerts are told in, by receiver and labels, with those of their alerts that fire.
    pub async fn alert_groups(&self, actor: &Actor) -> Result<Vec<AlertGroup>> {
        self.may(actor, Action::View, &Object::Installation)?;
        let now = self.now();
        let board = self.board().await?;
        let suppression = board.suppression(now);
        let mut groups: Vec<AlertGroup> = board
            .groups
            .values()
            .map(|live| AlertGroup {
                receiver: live.group.receiver.clone(),
                labels: live.group.labels.clone(),
                alerts: live
                    .members
                    .iter()
                    .filter_map(|print| board.alerts.get(print))
                    .filter(|a| a.fires(now))
                    .map(|a| open_alert(&board, a, &suppression))
                    .collect(),
            })
            .filter(|group| !group.alerts.is_empty())
            .collect();
        groups.sort_by(|a, b| a.labels.cmp(&b.labels).then_with(|| a.receiver.cmp(&b.receiver)));
        Ok(groups)
    }

    /// Open alerts that nobody keeps quiet, and open incidents: for the rail.
    pub async fn open_counts(&self, actor: &Actor) -> Result<(u64, u64)> {
        self.may(actor, Action::View, &Object::Installation)?;
        let now = self.now();
        let incidents = self.store.incidents_open().await?.len() as u64;
        let board = self.board().await?;
        let suppression = board.suppression(now);
        let alerts = board.open(now).filter(|a| !suppression.contains_key(&a.fingerprint)).count() as u64;
        Ok((alerts, incidents))
    }

    async fn trend_of(&self, alert: &Alert, now: Timestamp) -> Vec<Option<f64>> {
        self.line_of(alert, now).await.into_iter().map(|s| s.value.is_finite().then_some(s.value)).collect()
    }

    /// The line of what an alert is about, up to now or its end.
    async fn line_of(&self, alert: &Alert, now: Timestamp) -> Vec<Sample> {
        if alert.query.is_empty() {
            return Vec::new();
        }
        let to = alert.ends_at.unwrap_or(now).min(now);
        let range = TimeRange { from: to.plus(-DRAWN_RANGE), to };
        let Ok((lines, step)) = self.lines_of(&alert.query, range, DRAWN_STEPS).await else {
            return Vec::new();
        };
        let of_alert = lines.into_iter().find(|(labels, _)| domain::alert::condition::agree(labels, &alert.labels));
        let Some((_, values)) = of_alert else {
            return Vec::new();
        };
        let first = to.0 - step * (values.len() as i64 - 1);
        (0..).zip(values).map(|(i, value)| Sample { at: Timestamp(first + i * step), value }).collect()
    }

    pub(super) async fn found_alert(&self, print: &str) -> Result<Alert> {
        let newest = self.store.alerts_of(print, 1).await?.pop();
        newest.ok_or_else(|| EngineError::NotFound("there is no alert of this number".into()))
    }

    /// Changes an alert of people’s doing: in the database under its lock, then on the board.
    pub(super) async fn with_alert(
        &self,
        print: &str,
        change: impl FnOnce(&mut Alert) + Send,
        entry: impl FnOnce(&Alert) -> Entry + Send,
    ) -> Result<Alert> {
        let id = self.found_alert(print).await?.id;
        let mut board = self.board().await?;
        let now = self.now();
        let changed = self
            .store
            .change_alert(id, |alert| {
                change(alert);
                alert.updated_at = now;
            })
            .await?;
        let changed = changed.ok_or_else(|| EngineError::NotFound("that alert is gone".into()))?;
        if let Some(known) = board.alerts.get_mut(print).filter(|k| k.id == changed.id) {
            let (value, limit) = (known.value, known.limit);
            *known = Alert { value, limit, ..changed.clone() };
        }
        let entry = Decided::Entry(entry(&changed));
        self.keep(&mut board, &[entry]).await?;
        drop(board);
        self.inner.alerts.wake();
        Ok(changed)
    }

    /// Takes alerts on. Escalation stops while all of a group are taken on.
    pub async fn acknowledge(&self, actor: &Actor, who: &str, prints: &[String]) -> Result<()> {
        self.may(actor, Action::Respond, &Object::Installation)?;
        for print in prints.iter().take(LISTED) {
            self.take_on(print, who).await?;
        }
        self.audit(actor, "alert.acknowledge", &format!("{} alerts", prints.len())).await;
        Ok(())
    }

    pub(super) async fn take_on(&self, print: &str, who: &str) -> Result<()> {
        let now = self.now();
        let until = self.acknowledged_until(print, now).await?;
        let taken = Acknowledgement { by: who.to_string(), at: now, until };
        let changed = self
            .with_alert(
                print,
                |alert| alert.acknowledged = Some(taken),
                |alert| said(alert, EntryKind::Acknowledged, who, format!("Acknowledged by {who}"), String::new(), now),
            )
            .await?;
        if let Some(id) = changed.incident {
            self.incident_taken_on(id, who, now).await?;
        }
        Ok(())
    }

    /// How long an acknowledgement holds, by the policy of the alert's receiver.
    async fn acknowledged_until(&self, print: &str, now: Timestamp) -> Result<Option<Timestamp>> {
        let board = self.board().await?;
        let Some((alert, tree)) = board.alerts.get(print).zip(board.tree.clone()) else {
            return Ok(None);
        };
        let held = tree.routes(&alert.labels).into_iter().find_map(|r| {
            let receiver = board.alerting.receiver(&r.receiver)?;
            board.alerting.policy(&receiver.policy)?.acknowledged_for
        });
        Ok(held.map(|span| now.plus(span)))
    }

    /// Gives an alert back.
    async fn unacknowledge(&self, actor: &Actor, who: &str, print: &str) -> Result<()> {
        self.may(actor, Action::Respond, &Object::Installation)?;
        let now = self.now();
        self.with_alert(
            print,
            |alert| alert.acknowledged = None,
            |alert| said(alert, EntryKind::Acknowledged, who, format!("Given back by {who}"), String::new(), now),
        )
        .await?;
        Ok(())
    }

    async fn assign(&self, actor: &Actor, who: &str, print: &str, to: &str) -> Result<()> {
        self.may(actor, Action::Respond, &Object::Installation)?;
        let now = self.now();
        let title = if to.is_empty() { "Assigned to nobody".to_string() } else { format!("Assigned to {to}") };
        self.with_alert(
            print,
            |alert| alert.assigned = to.chars().take(200).collect(),
            |alert| said(alert, EntryKind::Person, who, title, String::new(), now),
        )
        .await?;
        Ok(())
    }

    /// Ends an alert by hand. A rule that still holds fires again at its next evaluation.
    async fn solve(&self, actor: &Actor, who: &str, print: &str, how: &str) -> Result<()> {
        self.may(actor, Action::Respond, &Object::Installation)?;
        let now = self.now();
        let how: String = how.trim().chars().take(1000).collect();
        let resolution = if how.is_empty() { format!("solved by {who}") } else { format!("solved by {who}: {how}") };
        let rule = {
            let mut board = self.board().await?;
            let rule = board.alerts.get(print).and_then(|a| match a.source {
                Source::Rule { id } => Some(id),
                Source::Posted => None,
            });
            if let Some(states) = rule.and_then(|id| board.states.get_mut(&id)) {
                states.remove(print);
            }
            rule.and_then(|id| Some((id, board.states.get(&id)?.values().cloned().collect::<Vec<_>>())))
        };
        self.with_alert(
            print,
            |alert| {
                alert.ends_at = Some(now);
                alert.resolution.clone_from(&resolution);
            },
            |alert| said(alert, EntryKind::Alert, who, format!("Solved by {who}"), how.clone(), now),
        )
        .await?;
        if let Some((rule, instances)) = rule {
            self.store.commit(&[Decided::RuleState { rule, instances }]).await?;
        }
        Ok(())
    }

    /// What a person does with an alert.
    pub async fn act_on_alert(&self, actor: &Actor, who: &str, print: &str, act: AlertAct) -> Result<()> {
        match act {
            AlertAct::Acknowledge => self.acknowledge(actor, who, &[print.to_string()]).await,
            AlertAct::Unacknowledge => self.unacknowledge(actor, who, print).await,
            AlertAct::Assign { to } => self.assign(actor, who, print, &to).await,
            AlertAct::Solve { how } => self.solve(actor, who, print, &how).await,
            AlertAct::Join { incident } => self.join_incident(actor, who, print, incident).await,
            AlertAct::Silence { until, why } => self.silence_alert(actor, who, print, until, &why).await,
        }
    }

    /// One alert with everything around it.
    pub async fn alert_view(&self, actor: &Actor, print: &str) -> Result<AlertView> {
        self.may(actor, Action::View, &Object::Installation)?;
        let now = self.now();
        let mut alert = self.found_alert(print).await?;
        let (row, nobody) = {
            let board = self.board().await?;
            if let Some(known) = board.alerts.get(print).filter(|k| k.id == alert.id) {
                alert = known.clone();
            }
            let why = board.suppression(now).remove(print);
            let row = self.row(&board, &alert, why, now);
            (row, why_nobody(&board, &alert, now))
        };
        let since = alert.starts_at.plus(-MINUTE);
        let trail = by_name(self.store.entries_of_alert(print, since, 300).await?, &self.colleagues(actor).await?);
        let told = trail.iter().any(|e| e.kind == EntryKind::Delivery && e.good == Some(true));
        let before: Vec<Alert> =
            self.store.alerts_of(print, 6).await?.into_iter().filter(|a| a.id != alert.id).collect();
        let around = TimeRange { from: alert.starts_at.plus(-2 * HOUR), to: alert.starts_at.plus(15 * MINUTE) };
        let mut changes = self.store.changes(around, alert.label("environment"), "", "").await?;
        let places = ["system", "model", "service"].map(|name| alert.label(name).to_string());
        let places: Vec<String> = places.into_iter().filter(|place| !place.is_empty()).collect();
        let linked = self.linked().await;
        changes.retain(|c| near(&c.touched(), &places, &linked));
        let mut moved = Vec::new();
        if !alert.query.is_empty() {
            let range = TimeRange { from: alert.starts_at.plus(-3 * HOUR), to: alert.starts_at.plus(HOUR).min(now) };
            if let Ok(found) = self.companions(actor, &alert.query, range).await {
                let sure = found.companions.into_iter().filter(|c| c.p_adjusted < 0.01 && c.r.abs() > 0.6);
                moved = sure.take(6).map(|c| (c.label, c.layer, c.r, c.leads_by)).collect();
            }
        }
        let at_risk = if alert.system().is_empty() {
            None
        } else {
            let environment = environment::named(alert.label("environment"));
            let day = TimeRange { from: now.plus(-DAY), to: now };
            let outcome = self.outcomes(actor, alert.system(), environment, day).await?;
            outcome.impact.first().filter(|i| i.revenue > 0.0).map(|i| (i.revenue, i.currency.clone()))
        };
        let line = self.line_of(&alert, now).await;
        let nobody = if told { String::new() } else { nobody };
        let flags = match (line.first(), line.last()) {
            (Some(first), Some(last)) => {
                let about = Subject {
                    system: alert.system().into(),
                    model: alert.label("model").into(),
                    environment: alert.label("environment").into(),
                    ..Subject::default()
                };
                self.flags(TimeRange { from: first.at, to: last.at.plus(1) }, &about).await?
            }
            _ => Vec::new(),
        };
        let (runs, offered) = self.runs_about(actor, None, &[&row.alert]).await?;
        Ok(AlertView { row, trail, line, moved, changes, before, at_risk, nobody, flags, runs, offered })
    }

    /// Who would be told of an alert with these labels at an instant.
    pub async fn dry_run(&self, actor: &Actor, labels: Labels, at: Timestamp) -> Result<DryRun> {
        self.may(actor, Action::View, &Object::Installation)?;
        let mut labels = completed(labels);
        labels.entry(ALERTNAME.into()).or_insert_with(|| "Example".into());
        let board = self.board().await?;
        let Some(tree) = board.tree.clone() else {
            return Err(EngineError::Invalid("the routes cannot be read".into()));
        };
        let covering = domain::alert::silence::Silences::active(&board.silences, at);
        let ids: Vec<String> = covering.covering(&labels).into_iter().map(ToString::to_string).collect();
        let silent = (!ids.is_empty()).then_some(Suppressed::Silence { ids });
        let routes = tree
            .routes(&labels)
            .into_iter()
            .map(|routed| {
                let receiver = board.alerting.receiver(&routed.receiver);
                let mut told: Vec<(i64, String)> = receiver
                    .iter()
                    .flat_map(|r| &r.destinations)
                    .map(|d| (routed.group_wait, format!("{} {}", d.title(), d.shown())))
                    .collect();
                let mut after = routed.group_wait;
                let policy = receiver.and_then(|r| board.alerting.policy(&r.policy));
                for step in policy.iter().flat_map(|p| &p.steps) {
                    after += step.after;
                    for target in &step.targets {
                        told.push((after, board.who(target, at.plus(after))));
                    }
                }
                DryRoute {
                    path: routed.path.clone(),
                    receiver: routed.receiver.clone(),
                    group: routed.group_labels(&labels),
                    muted: board.muted(routed, at),
                    told,
                }
            })
            .collect();
        Ok(DryRun { at, routes, silent })
    }
}

pub(super) fn said(alert: &Alert, kind: EntryKind, who: &str, title: String, text: String, at: Timestamp) -> Entry {
    Entry {
        id: 0,
        at,
        incident: alert.incident,
        fingerprint: alert.fingerprint.clone(),
        kind,
        who: who.to_string(),
        title,
        text,
        good: Some(true),
    }
}

/// Why nobody was told of an alert, as far as can be seen now.
fn why_nobody(board: &Board, alert: &Alert, now: Timestamp) -> String {
    match board.suppressed.get(&alert.fingerprint) {
        Some(Suppressed::Silence { .. }) => return "A silence covers it.".into(),
        Some(Suppressed::Inhibition { by, .. }) => return format!("It is a consequence of {by}, which fires too."),
        Some(Suppressed::Muted { interval }) => return format!("Its route is silent now: {interval}."),
        None => {}
    }
    let groups: Vec<_> = board.groups.values().filter(|g| g.members.contains(&alert.fingerprint)).collect();
    for live in &groups {
        if let Some(interval) = board.muted(&live.routed, now) {
            return format!("Its route is silent now: {interval}.");
        }
        let receiver = board.alerting.receiver(&live.group.receiver);
        if receiver.is_some_and(|r| r.destinations.is_empty() && r.policy.is_empty()) {
            return format!("The receiver “{}” has no destination yet: add one under On-call.", live.group.receiver);
        }
        if live.group.due > now && !live.group.spoke {
            let left = domain::format::duration(live.group.due.0 - now.0);
            return format!("Its group waits {left} more for others to come.");
        }
        if board.waiting.keys().any(|(group, _)| *group == live.group.key) {
            return "A message is on its way.".into();
        }
        if live.group.due > now {
            let left = domain::format::duration(live.group.due.0 - now.0);
            return format!("Its group spoke a moment ago and speaks again in {left}.");
        }
    }
    if groups.is_empty() && !alert.fires(now) {
        return "It ended before its group was told of.".into();
    }
    "Its destinations refused or did not answer; see their last error under On-call.".into()
}
