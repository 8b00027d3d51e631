//! What happened, from wherever it is kept: changes, incidents, alerts, what people wrote.

use std::collections::{BTreeMap, HashMap};

use domain::alert::Alert;
use domain::alert::priority::Priority;
use domain::alert::view::{Entry, EntryKind};
use domain::annotation::Subject;
use domain::happening::{Bar, Flag, FlagKind, Happening, Lane, Timeline};
use domain::incident::Incident;
use domain::time::{DAY, SECOND};
use domain::view::{Concern, IncidentBanner};
use domain::{Action, Actor, Object, TimeRange};

use crate::{Engine, Result};

/// Flags of one answer, of each kind.
const FLAGS_MAX: usize = 200;
/// Bars of the timeline, the newest.
const BARS_MAX: i64 = 300;
/// Lines of the newest events, and the entries that they are picked from.
const EVENTS: usize = 12;
const ENTRIES: i64 = 100;
/// What an executive is shown.
const CONCERNS: usize = 3;

pub(crate) fn of_environment(environment: &str) -> Subject {
    Subject { environment: environment.to_string(), ..Subject::default() }
}

impl Engine {
    /// Changes, beginnings of incidents and annotations that touch a range and concern a subject, by time.
    pub async fn happened(&self, actor: &Actor, range: TimeRange, about: &Subject) -> Result<Vec<Flag>> {
        self.may(actor, Action::View, &Object::Installation)?;
        self.flags(range, about).await
    }

    pub(crate) async fn flags(&self, range: TimeRange, about: &Subject) -> Result<Vec<Flag>> {
        let mut flags: Vec<Flag> = Vec::new();
        let mut changes = self.store.changes(range, &about.environment, "", "").await?;
        changes.sort_by_key(|c| std::cmp::Reverse(c.at));
        flags.extend(changes.into_iter().take(FLAGS_MAX).map(|change| Flag {
            at: change.at,
            until: None,
            kind: FlagKind::Change,
            title: change.title,
            who: change.author,
            href: "/explore?view=changes".into(),
            subject: Subject { system: change.system, model: change.model, ..of_environment(&change.environment) },
        }));
        for incident in self.incidents_of(range).await? {
            let of = |system: &str| Subject { system: system.into(), ..of_environment(&incident.environment) };
            let named = incident.systems.iter().find(|s| **s == about.system).or(incident.systems.first());
            flags.push(Flag {
                at: incident.onset,
                until: None,
                kind: FlagKind::Onset,
                title: format!("INC-{} {}", incident.id, incident.title),
                who: String::new(),
                href: format!("/incidents/{}", incident.id),
                subject: of(named.map_or("", String::as_str)),
            });
        }
        let notes = self.store.annotations(range, FLAGS_MAX as i64).await?;
        flags.extend(notes.into_iter().map(|note| Flag {
            at: note.body.at,
            until: note.body.until,
            kind: FlagKind::Note,
            title: note.body.text,
            who: note.author,
            href: note.body.subject.incident.map(|id| format!("/incidents/{id}")).unwrap_or_default(),
            subject: note.body.subject,
        }));
        flags.retain(|flag| {
            flag.subject.fits(about) && range.from <= flag.until.unwrap_or(flag.at) && flag.at < range.to
        });
        flags.sort_by_key(|flag| flag.at);
        Ok(flags)
    }

    /// Incidents that began in a range or were open in it, newest first.
    async fn incidents_of(&self, range: TimeRange) -> Result<Vec<Incident>> {
        let mut found = self.store.incidents(range, FLAGS_MAX as i64).await?;
        for open in self.store.incidents_open().await? {
            if open.onset < range.to && !found.iter().any(|i| i.id == open.id) {
                found.push(open);
            }
        }
        found.sort_by_key(|i| std::cmp::Reverse(i.onset));
        Ok(found)
    }

    /// Incidents, and alerts by system, that were open at some time of a range.
    pub(crate) async fn timeline(&self, environment: &str, range: TimeRange) -> Result<Timeline> {
        let here = |other: &str| other.is_empty() || other == environment;
        let now = self.now();
        let alerts = self.store.alerts_within(range, BARS_MAX).await?;
        let left_out = if alerts.len() as i64 >= BARS_MAX {
            (self.store.alert_spans(range).await?.len() as u64).saturating_sub(alerts.len() as u64)
        } else {
            0
        };
        let board = self.board().await?;
        let quiet = board.suppression(now);
        drop(board);
        let mut lanes: BTreeMap<String, Vec<Bar>> = BTreeMap::new();
        for alert in alerts.iter().filter(|a| here(a.label("environment"))) {
            let lane = match (alert.system(), alert.layer()) {
                ("", Some(layer)) => layer.title().to_string(),
                ("", None) => "Others".to_string(),
                (system, _) => system.to_string(),
            };
            lanes.entry(lane).or_default().push(Bar {
                title: alert.summary().to_string(),
                from: alert.starts_at,
                to: alert.ends_at.filter(|e| *e <= now),
                priority: alert.priority,
                quiet: alert.fires(now) && quiet.contains_key(&alert.fingerprint),
                href: format!("/alerts/{}", alert.fingerprint),
            });
        }
        let mut lanes: Vec<Lane> = lanes.into_iter().map(|(name, bars)| Lane { name, bars }).collect();
        // The most urgent first; by name where they are alike.
        let worst = |lane: &Lane| lane.bars.iter().filter(|b| b.to.is_none() && !b.quiet).map(|b| b.priority).min();
        let rank = |lane: &Lane| worst(lane).map_or(Priority::ALL.len(), |p| p as usize);
        lanes.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.name.cmp(&b.name)));
        let incidents = self.incidents_of(range).await?.into_iter().filter(|i| here(&i.environment)).map(|i| Bar {
            title: format!("INC-{} {}", i.id, i.title),
            from: i.onset,
            to: i.resolved_at,
            priority: i.priority,
            quiet: false,
            href: format!("/incidents/{}", i.id),
        });
        Ok(Timeline { incidents: incidents.collect(), lanes, left_out })
    }

    /// The newest events, the last first.
    pub(crate) async fn newest_events(&self, environment: &str) -> Result<Vec<Happening>> {
        let now = self.now();
        let board = self.board().await?;
        let known: HashMap<String, (Priority, String)> =
            board.alerts.values().map(|a| (a.fingerprint.clone(), (a.priority, a.subject().to_string()))).collect();
        drop(board);
        // Changes are told by themselves below, not once more for each incident that they may explain.
        let worth_a_line = |entry: &Entry| {
            matches!(
                entry.kind,
                EntryKind::Alert
                    | EntryKind::Acknowledged
                    | EntryKind::Evidence
                    | EntryKind::Note
                    | EntryKind::Status
                    | EntryKind::Person
                    | EntryKind::Response
            )
        };
        let entries = self.store.entries_newest(ENTRIES).await?;
        let mut lines: Vec<Happening> = entries
            .into_iter()
            .filter(worth_a_line)
            .map(|entry| {
                let alert = known.get(&entry.fingerprint);
                let (about, href) = match (&entry.incident, entry.fingerprint.as_str()) {
                    (_, print) if !print.is_empty() => {
                        (alert.map(|(_, subject)| subject.clone()).unwrap_or_default(), format!("/alerts/{print}"))
                    }
                    (Some(id), _) => (format!("INC-{id}"), format!("/incidents/{id}")),
                    (None, _) => (String::new(), "/alerts".into()),
                };
                let priority = alert.map(|(priority, _)| *priority).filter(|_| entry.kind == EntryKind::Alert);
                Happening { at: entry.at, priority, who: entry.who, title: entry.title, about, href }
            })
            .collect();
        let day = TimeRange { from: now.plus(-DAY), to: now.plus(SECOND) };
        let changes = self.store.changes(day, environment, "", "").await?;
        lines.extend(changes.into_iter().map(|change| Happening {
            at: change.at,
            priority: None,
            who: change.author,
            title: change.title,
            about:
                [change.service, change.model, change.system].into_iter().find(|n| !n.is_empty()).unwrap_or_default(),
            href: "/explore?view=changes".into(),
        }));
        let notes = self.store.annotations(day, FLAGS_MAX as i64).await?;
        lines.extend(notes.into_iter().filter(|n| n.body.subject.incident.is_none()).map(|note| Happening {
            at: note.created_at,
            priority: None,
            who: note.author,
            title: note.body.text,
            about: "annotation".into(),
            href: String::new(),
        }));
        lines.sort_by_key(|line| std::cmp::Reverse(line.at));
        lines.truncate(EVENTS);
        Ok(lines)
    }

    /// The most urgent open incident.
    pub(crate) async fn banner(&self, environment: &str) -> Result<Option<IncidentBanner>> {
        let mut open = self.store.incidents_open().await?;
        open.retain(|i| i.environment.is_empty() || i.environment == environment);
        open.sort_by_key(|i| (i.priority, i.onset));
        let others = open.len().saturating_sub(1) as u64;
        let Some(incident) = open.into_iter().next() else {
            return Ok(None);
        };
        let alerts = self.store.alerts_of_incident(incident.id, BARS_MAX).await?.len() as u64;
        let status = self.newest_status(incident.id).await?;
        Ok(Some(IncidentBanner {
            id: incident.id,
            lead: leader(&incident),
            title: incident.title,
            priority: incident.priority,
            onset: incident.onset,
            alerts,
            status,
            others,
        }))
    }

    async fn newest_status(&self, incident: i64) -> Result<String> {
        let entries = self.store.entries_of_incident(incident, ENTRIES).await?;
        // What people said of it: what Plimsoll writes there is no news.
        let newest = entries.into_iter().rfind(|e| e.kind == EntryKind::Status && !e.who.is_empty());
        Ok(newest.map(|e| if e.text.is_empty() { e.title } else { e.text }).unwrap_or_default())
    }

    /// What needs attention, for those who do not run it: open incidents, then alerts that belong to none;
    /// and how many alerts are open that nobody keeps quiet.
    pub(crate) async fn concerns(&self, environment: &str) -> Result<(Vec<Concern>, u64)> {
        let now = self.now();
        let here = |other: &str| other.is_empty() || other == environment;
        let incidents: Vec<Incident> =
            self.store.incidents_open().await?.into_iter().filter(|i| here(&i.environment)).collect();
        let mut all: Vec<Concern> = incidents
            .iter()
            .map(|incident| Concern {
                priority: incident.priority,
                title: incident.title.clone(),
                text: incident.impact.clone(),
                systems: incident.systems.clone(),
                since: incident.onset,
                lost: None,
                who: leader(incident),
                href: format!("/incidents/{}", incident.id),
            })
            .collect();
        let board = self.board().await?;
        let quiet = board.suppression(now);
        let mut still: HashMap<i64, Vec<&Alert>> = HashMap::new();
        for alert in board.open(now) {
            if let Some(id) = alert.incident {
                still.entry(id).or_default().push(alert);
            }
        }
        let stands: HashMap<i64, String> = still.into_iter().map(|(id, open)| (id, how_it_stands(&open))).collect();
        let loud: Vec<Alert> = board
            .open(now)
            .filter(|a| !quiet.contains_key(&a.fingerprint) && here(a.label("environment")))
            .cloned()
            .collect();
        drop(board);
        let open = loud.len() as u64;
        all.extend(loud.into_iter().filter(|a| a.incident.is_none()).map(|alert| Concern {
            priority: alert.priority,
            title: alert.summary().to_string(),
            systems: Some(alert.system().to_string()).filter(|s| !s.is_empty()).into_iter().collect(),
            text: alert.annotations.get("description").filter(|d| *d != alert.summary()).cloned().unwrap_or_default(),
            since: alert.starts_at,
            lost: None,
            who: match &alert.acknowledged {
                Some(taken) if taken.holds(now) => taken.by.clone(),
                _ => alert.assigned.clone(),
            },
            href: format!("/alerts/{}", alert.fingerprint),
        }));
        all.sort_by(|a, b| a.priority.cmp(&b.priority).then(a.since.cmp(&b.since)));
        all.truncate(CONCERNS);
        // What is dear to know is asked for the few that are shown.
        for concern in &mut all {
            if let Some(incident) = incidents.iter().find(|i| concern.href == format!("/incidents/{}", i.id)) {
                let status = self.newest_status(incident.id).await?;
                if !status.is_empty() {
                    concern.text = status;
                } else if concern.text.is_empty() && !incident.opened_by.starts_with("hand") {
                    concern.text = stands.get(&incident.id).cloned().unwrap_or_else(|| how_it_stands(&[]));
                }
                concern.lost = self.cost_of(&Actor::Local, incident, now).await?;
            }
        }
        Ok((all, open))
    }
}

/// How an incident stands of which nobody has said anything: what the first of its most urgent open alerts says, in the
/// words of its rule, and how many there are.
fn how_it_stands(open: &[&Alert]) -> String {
    let first = open.iter().min_by_key(|alert| (alert.priority, alert.starts_at));
    let said = first.filter(|alert| alert.summary() != alert.name()).map(|alert| alert.summary().trim_end_matches('.'));
    let many = match open.len() {
        0 => return "What raised it is over; it closes by itself when that lasts.".into(),
        1 => "One alert of it is open.".into(),
        n => format!("{n} alerts of it are open."),
    };
    match said {
        Some(said) => format!("{said}. {many}"),
        None => many,
    }
}

/// Who leads an incident, or took it on; empty for nobody.
fn leader(incident: &Incident) -> String {
    let leads = incident.responders.iter().find(|r| r.part == "leads").map(|r| r.name.clone());
    leads.unwrap_or_else(|| incident.acknowledged_by.clone())
}
