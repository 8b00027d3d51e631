//! Finding anything by a few letters: incidents by number, models, systems, hosts, alerts, rules, metrics.

use domain::find::{HITS_MAX, Hit, incident_number, rank};
use domain::time::{DAY, MINUTE};
use domain::{Action, Actor, Object, TimeRange};

use crate::{Engine, Result};

/// Incidents that are looked through, the newest.
const INCIDENTS: i64 = 300;
/// Hits of one kind, so that a thousand metrics do not hide the one model.
const OF_ONE_KIND: usize = 8;

struct Found<'a> {
    typed: &'a str,
    hits: Vec<(u8, usize, Hit)>,
}

impl Found<'_> {
    /// Looks at the things of one kind: title, what else it is known by, and where it is.
    fn look(&mut self, kind: &str, things: impl Iterator<Item = (String, String, String)>) {
        let order = self.hits.len();
        let mut own: Vec<(u8, usize, Hit)> = things
            .filter_map(|(title, more, href)| {
                let best = rank(&title, self.typed).max(rank(&more, self.typed).map(|r| r.min(2)))?;
                Some((best, order, Hit { kind: kind.to_string(), title, more, href }))
            })
            .collect();
        own.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.2.title.cmp(&b.2.title)));
        own.truncate(OF_ONE_KIND);
        self.hits.extend(own);
    }
}

impl Engine {
    /// What answers a few letters, the best first; saved views where nothing is typed.
    pub async fn find(&self, actor: &Actor, typed: &str) -> Result<Vec<Hit>> {
        self.may(actor, Action::View, &Object::Installation)?;
        let views = self.saved_views(actor).await?.into_iter().map(|view| {
            let more = if view.by.is_empty() { "yours".to_string() } else { format!("by {}", view.by) };
            (view.name, more, view.href)
        });
        if typed.trim().is_empty() {
            let hit = |(title, more, href)| Hit { kind: "View".into(), title, more, href };
            return Ok(views.take(HITS_MAX).map(hit).collect());
        }
        let now = self.now();
        let mut found = Found { typed, hits: Vec::new() };
        found.look("View", views);
        let models = self.store.models().await?;
        found.look("Model", models.iter().map(|m| (m.title.clone(), m.name.clone(), format!("/models/{}", m.name))));
        let mut systems: Vec<String> = models.iter().map(|m| m.system.clone()).filter(|s| !s.is_empty()).collect();
        systems.sort();
        systems.dedup();
        found.look("System", systems.into_iter().map(|s| (s.clone(), String::new(), format!("/systems/{s}"))));
        let year = TimeRange { from: now.plus(-400 * DAY), to: now.plus(MINUTE) };
        let mut incidents = self.store.incidents_open().await?;
        incidents.extend(self.store.incidents(year, INCIDENTS).await?.into_iter().filter(|i| i.resolved_at.is_some()));
        if let Some(number) = incident_number(typed)
            && let Some(meant) = incidents.iter().find(|i| i.id == number)
        {
            let hit = Hit {
                kind: "Incident".into(),
                title: meant.title.clone(),
                more: format!("INC-{number}"),
                href: format!("/incidents/{number}"),
            };
            found.hits.push((4, 0, hit));
        }
        found.look(
            "Incident",
            incidents
                .iter()
                .filter(|i| incident_number(typed) != Some(i.id))
                .map(|i| (i.title.clone(), format!("INC-{}", i.id), format!("/incidents/{}", i.id))),
        );
        let open = self.open_alerts(actor).await?;
        found.look(
            "Alert",
            open.iter().map(|o| {
                let more = format!("{} {}", o.alert.name(), o.alert.subject());
                (o.alert.summary().to_string(), more, format!("/alerts/{}", o.alert.fingerprint))
            }),
        );
        found.look("Host", self.hosts().await?.into_iter().map(|h| (h.clone(), String::new(), format!("/hosts/{h}"))));
        let rules = self.rules(actor).await?;
        found.look(
            "Rule",
            rules.into_iter().map(|r| (r.rule.text.name.clone(), String::new(), format!("/rules/{}", r.rule.id))),
        );
        let metrics = self.metric_names(actor).await?;
        found.look(
            "Signal",
            metrics.into_iter().map(|m| {
                let more = domain::conventions::of(&m.name).map_or("", |k| k.title);
                let href = format!("/explore?q={}", m.name);
                (m.name, more.to_string(), href)
            }),
        );
        let mut hits = found.hits;
        hits.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        Ok(hits.into_iter().take(HITS_MAX).map(|(_, _, hit)| hit).collect())
    }
}
