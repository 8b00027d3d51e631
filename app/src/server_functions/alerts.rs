//! Alerts, rules, incidents, annotations, and who is told.

use domain::Timestamp;
use domain::alert::backtest::Backtest;
use domain::alert::config::Alerting;
use domain::alert::priority::Priority;
use domain::alert::rule::{Rule, RuleText};
use domain::alert::silence::Silence;
use domain::alert::view::{AlertAct, AlertFilter, AlertView, AlertsView, DryRun, OnCallView, Reached, RuleState};
use domain::annotation::{Annotation, AnnotationAct, AnnotationText, Subject};
use domain::happening::Flag;
use domain::incident::{IncidentAct, IncidentView, IncidentsView};
use domain::time::RangeChoice;
use leptos::prelude::*;

use super::Failure;
use crate::wire::Json;

#[server(prefix = "/do", endpoint = "alerts", input = Json, output = Json)]
pub async fn alerts(filter: AlertFilter) -> Result<AlertsView, Failure> {
    use super::server::{actor, engine, name};
    Ok(engine().alerts(&actor(), &filter, &name()).await?)
}

#[server(prefix = "/do", endpoint = "alert", input = Json, output = Json)]
pub async fn alert(fingerprint: String) -> Result<AlertView, Failure> {
    use super::server::{actor, engine};
    Ok(engine().alert_view(&actor(), &fingerprint).await?)
}

/// The same done with each of some alerts.
#[server(prefix = "/do", endpoint = "act_on_alerts", input = Json, output = Json)]
pub async fn act_on_alerts(fingerprints: Vec<String>, act: AlertAct) -> Result<(), Failure> {
    use super::server::{actor, engine, name};
    for fingerprint in fingerprints.iter().take(500) {
        engine().act_on_alert(&actor(), &name(), fingerprint, act.clone()).await?;
    }
    Ok(())
}

/// Names of the open alerts that matchers, as `team="ml"`, cover.
#[server(prefix = "/do", endpoint = "covered", input = Json, output = Json)]
pub async fn covered(matchers: String) -> Result<Vec<String>, Failure> {
    use super::server::{actor, engine};
    let matchers = domain::alert::matcher::Matcher::parse_all(&matchers).map_err(Failure::Refused)?;
    let found = engine().covered(&actor(), &matchers).await?;
    Ok(found.iter().take(100).map(|a| format!("{} {}", a.name(), a.subject())).collect())
}

#[server(prefix = "/do", endpoint = "make_silence", input = Json, output = Json)]
pub async fn make_silence(
    matchers: String,
    from: Option<Timestamp>,
    until: Timestamp,
    why: String,
    maintenance: bool,
) -> Result<(), Failure> {
    use super::server::{actor, engine, name};
    let engine = engine();
    let now = engine.now();
    let silence = domain::alert::silence::Silence {
        id: String::new(),
        matchers: domain::alert::matcher::Matcher::parse_all(&matchers).map_err(Failure::Refused)?,
        starts_at: from.unwrap_or(now),
        ends_at: until,
        updated_at: now,
        created_by: name(),
        comment: why,
        maintenance,
    };
    engine.put_silence(&actor(), silence).await?;
    Ok(())
}

#[server(prefix = "/do", endpoint = "end_silence", input = Json, output = Json)]
pub async fn end_silence(id: String) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().expire_silence(&actor(), &id).await?)
}

#[server(prefix = "/do", endpoint = "rules", input = Json, output = Json)]
pub async fn rules() -> Result<Vec<RuleState>, Failure> {
    use super::server::{actor, engine};
    Ok(engine().rules(&actor()).await?)
}

#[server(prefix = "/do", endpoint = "rule_of", input = Json, output = Json)]
pub async fn rule_of(id: i64) -> Result<Rule, Failure> {
    use super::server::{actor, engine};
    Ok(engine().rule_of(&actor(), id).await?)
}

/// Makes a rule, or changes the one of a number. Gives the number.
#[server(prefix = "/do", endpoint = "save_rule", input = Json, output = Json)]
pub async fn save_rule(id: Option<i64>, text: RuleText) -> Result<i64, Failure> {
    use super::server::{actor, engine, name};
    match id {
        Some(id) => {
            engine().update_rule(&actor(), &name(), id, text).await?;
            Ok(id)
        }
        None => Ok(engine().create_rule(&actor(), &name(), text).await?),
    }
}

#[server(prefix = "/do", endpoint = "delete_rule", input = Json, output = Json)]
pub async fn delete_rule(id: i64) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().delete_rule(&actor(), id).await?)
}

/// What a rule would have done over the last days.
#[server(prefix = "/do", endpoint = "try_rule", input = Json, output = Json)]
pub async fn try_rule(text: RuleText, days: u32) -> Result<Backtest, Failure> {
    use super::server::{actor, engine};
    Ok(engine().backtest(&actor(), &text, days).await?)
}

#[server(prefix = "/do", endpoint = "incidents", input = Json, output = Json)]
pub async fn incidents() -> Result<IncidentsView, Failure> {
    use super::server::{actor, engine};
    Ok(engine().incidents(&actor()).await?)
}

#[server(prefix = "/do", endpoint = "incident", input = Json, output = Json)]
pub async fn incident(id: i64) -> Result<IncidentView, Failure> {
    use super::server::{actor, engine};
    Ok(engine().incident_view(&actor(), id).await?)
}

#[server(prefix = "/do", endpoint = "open_incident", input = Json, output = Json)]
pub async fn open_incident(
    title: String,
    priority: Priority,
    system: String,
    environment: String,
) -> Result<i64, Failure> {
    use super::server::{actor, engine, name};
    Ok(engine().open_incident(&actor(), &name(), &title, priority, vec![system], &environment).await?)
}

/// Gives the review where that is what was asked for.
#[server(prefix = "/do", endpoint = "act_on_incident", input = Json, output = Json)]
pub async fn act_on_incident(id: i64, act: IncidentAct) -> Result<Option<String>, Failure> {
    use super::server::{actor, engine, name};
    Ok(engine().act_on_incident(&actor(), &name(), id, act).await?)
}

#[server(prefix = "/do", endpoint = "annotations", input = Json, output = Json)]
pub async fn annotations(subject: Subject, range: RangeChoice) -> Result<Vec<Annotation>, Failure> {
    use super::server::{actor, engine};
    let engine = engine();
    let range = range.resolve(engine.now());
    Ok(engine.annotations(&actor(), range, &subject).await?)
}

/// Says that the caller looks at an incident; the names of the others who do.
#[server(prefix = "/do", endpoint = "look_at_incident", input = Json, output = Json)]
pub async fn look_at_incident(id: i64) -> Result<Vec<String>, Failure> {
    use super::server::{actor, engine, name};
    Ok(engine().look_at_incident(&actor(), &name(), id).await?)
}

/// Changes, beginnings of incidents and annotations of a range, as charts show them.
#[server(prefix = "/do", endpoint = "flags", input = Json, output = Json)]
pub async fn flags(about: Subject, range: RangeChoice) -> Result<Vec<Flag>, Failure> {
    use super::server::{actor, engine};
    let engine = engine();
    let range = range.resolve(engine.now());
    Ok(engine.happened(&actor(), range, &about).await?)
}

#[server(prefix = "/do", endpoint = "annotate", input = Json, output = Json)]
pub async fn annotate(text: AnnotationText) -> Result<i64, Failure> {
    use super::server::{actor, engine, name};
    Ok(engine().annotate(&actor(), &name(), text).await?)
}

#[server(prefix = "/do", endpoint = "act_on_annotation", input = Json, output = Json)]
pub async fn act_on_annotation(id: i64, act: AnnotationAct) -> Result<(), Failure> {
    use super::server::{actor, engine, name};
    Ok(engine().act_on_annotation(&actor(), &name(), id, act).await?)
}

#[server(prefix = "/do", endpoint = "on_call", input = Json, output = Json)]
pub async fn on_call(from: Option<Timestamp>, days: u16) -> Result<OnCallView, Failure> {
    use super::server::{actor, engine};
    Ok(engine().on_call(&actor(), from, days).await?)
}

/// Silences, those of the last days too, with what time the server has.
#[server(prefix = "/do", endpoint = "silences_known", input = Json, output = Json)]
pub async fn silences_known() -> Result<(Timestamp, Vec<Silence>), Failure> {
    use super::server::{actor, engine};
    Ok((engine().now(), engine().silences(&actor()).await?))
}

/// Routes, receivers, policies and schedules, with their secrets.
#[server(prefix = "/do", endpoint = "alerting_document", input = Json, output = Json)]
pub async fn alerting_document() -> Result<Alerting, Failure> {
    use super::server::{actor, engine};
    Ok(engine().alerting(&actor()).await?)
}

#[server(prefix = "/do", endpoint = "set_alerting", input = Json, output = Json)]
pub async fn set_alerting(document: Alerting) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().set_alerting(&actor(), document).await?)
}

#[server(prefix = "/do", endpoint = "test_destination", input = Json, output = Json)]
pub async fn test_destination(key: String) -> Result<(), Failure> {
    use super::server::{actor, engine};
    Ok(engine().test_destination(&actor(), &key).await?)
}

/// Sends a test page to whom a policy calls first; what came of each.
#[server(prefix = "/do", endpoint = "test_policy", input = Json, output = Json)]
pub async fn test_policy(name: String) -> Result<Vec<Reached>, Failure> {
    use super::server::{actor, engine};
    Ok(engine().test_policy(&actor(), &name).await?)
}

/// Who would be told of an alert with these labels, as `severity="critical"`.
#[server(prefix = "/do", endpoint = "who_is_told", input = Json, output = Json)]
pub async fn who_is_told(labels: String, at: Option<Timestamp>) -> Result<DryRun, Failure> {
    use super::server::{actor, engine};
    let engine = engine();
    let matchers = domain::alert::matcher::Matcher::parse_all(&labels).map_err(Failure::Refused)?;
    let labels: domain::alert::Labels = matchers.into_iter().map(|m| (m.name, m.value)).collect();
    let at = at.unwrap_or_else(|| engine.now());
    Ok(engine.dry_run(&actor(), labels, at).await?)
}
