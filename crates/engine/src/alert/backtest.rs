//! What a rule would have done: the same functions over the past.

use domain::alert::Labels;
use domain::alert::backtest::{AgainstIncidents, Backtest, OtherLimit, PastFiring, replay};
use domain::alert::condition::{Compare, Condition};
use domain::alert::lifecycle::{Seen, Timing};
use domain::alert::matcher::Matchers;
use domain::alert::rule::{NoData, RuleText};
use domain::alert::silence::Silence;
use domain::incident::Incident;
use domain::signal::Sample;
use domain::time::{DAY, HOUR, MINUTE};
use domain::{Action, Actor, Object, TimeRange, Timestamp};

use super::past::{Moments, Past, Track};
use super::rules::checked;
use crate::{Engine, Result};

/// Points that are drawn.
const DRAWN: usize = 600;
/// Firings that are named.
const NAMED: usize = 50;
/// What ends sooner is a flap.
const FLAP: i64 = 10 * MINUTE;
/// An incident counts as found by a firing that begins this long before it, or during it.
const BEFORE: i64 = 2 * HOUR;

impl Engine {
    /// Tries a rule on the last `days`.
    ///
    /// # Errors
    /// Not allowed; a rule that is none; a query that cannot be evaluated over the range.
    pub async fn backtest(&self, actor: &Actor, text: &RuleText, days: u32) -> Result<Backtest> {
        self.may(actor, Action::View, &Object::Installation)?;
        checked(text)?;
        let begun = std::time::Instant::now();
        let now = self.now();
        let range = TimeRange { from: now.plus(-i64::from(days.clamp(1, 90)) * DAY), to: now };
        let mut incidents = self.store.incidents(range, 500).await?;
        let moments = Moments::of(&text.condition, range);
        let range = TimeRange { from: moments.first, to: range.to };
        let mut past = self.past_of(&text.condition, text.only_if, moments).await?;
        if text.only_if.outside_maintenance {
            let silences = self.store.silences(range.from).await?;
            past.tracks.iter_mut().for_each(|track| spare(track, text, &silences, moments));
        }
        if moments.step * (moments.count as i64) < i64::from(days.clamp(1, 90)) * DAY {
            let span = domain::format::duration(range.micros());
            past.remarks.push(format!("Its values are so close together that the last {span} were replayed."));
        }
        if past.tracks.is_empty() && past.remarks.is_empty() {
            past.remarks.push("Nothing is known of what it looks for in this time.".into());
        }
        // A rule is not to be blamed for what it does not look at.
        incidents.retain(|i| past.tracks.is_empty() || past.tracks.iter().any(|t| concerns(i, &t.labels)));
        let (_, unit) = self.nature_of(text.condition.query()).await;
        let mut test = store::in_background(|| replayed(text, past, moments, &incidents));
        test.unit = unit;
        test.flaps = test.firings.iter().filter(|f| !f.open && f.to.0 - f.from.0 < FLAP).count() as u32;
        test.incidents = incidents.len() as u32;
        test.against = against(&incidents, &test.firings);
        let weeks = (range.to.0 - range.from.0) as f64 / (7 * DAY) as f64;
        let pages = text.usual_priority().pages();
        test.pages_a_week = if pages { test.firings.len() as f64 / weeks } else { 0.0 };
        let night = |at: Timestamp| !(7..22).contains(&(at.0.rem_euclid(DAY) / HOUR));
        test.at_night = if pages { test.firings.iter().filter(|f| night(f.from)).count() as u32 } else { 0 };
        test.firings.sort_by_key(|f| std::cmp::Reverse(f.from));
        test.firings.truncate(NAMED);
        test.took_ms = begun.elapsed().as_secs_f64() * 1000.0;
        Ok(test)
    }
}

/// Keeps a track from firing while a planned maintenance covered what it is about.
fn spare(track: &mut Track, text: &RuleText, silences: &[Silence], moments: Moments) {
    let labels = text.labels_of(&track.labels);
    let covers = |s: &&Silence| s.maintenance && Matchers::of(&s.matchers).is_ok_and(|m| m.matches(&labels));
    let span = |s: &Silence| moments.from(s.starts_at)..moments.from(s.ends_at);
    track.spared.extend(silences.iter().filter(covers).map(span));
}

/// What the rule would have done with what was found.
fn replayed(text: &RuleText, past: Past, moments: Moments, incidents: &[Incident]) -> Backtest {
    let Past { tracks, remarks } = past;
    let mut test = Backtest {
        from: moments.first,
        to: moments.last(),
        step: moments.step as f64 / 1e6,
        checks: (tracks.len() * moments.count) as u32,
        remark: remarks.join(" "),
        ..Backtest::default()
    };
    let (firings, missed) = firings(&tracks, text.timing(), text.no_data, moments, incidents);
    (test.firings, test.not_fired) = (firings, missed);
    let Some(first) = tracks.first() else { return test };
    test.line = drawn(&first.values, moments);
    test.limit = first.limits.and_then(|(low, high)| match first.side {
        Compare::Below => Some(low),
        Compare::Above | Compare::Outside => Some(high),
        Compare::Returned => None,
    });
    if matches!(text.condition, Condition::Signal { .. }) {
        test.others = around(first.side, test.limit, &first.values)
            .into_iter()
            .map(|limit| other_limit(limit, &tracks, text, moments, incidents, test.limit))
            .collect();
        suggest(&mut test.others);
    }
    test
}

fn other_limit(
    limit: f64,
    tracks: &[Track],
    text: &RuleText,
    moments: Moments,
    incidents: &[Incident],
    own: Option<f64>,
) -> OtherLimit {
    let at = |t: &Track, i: usize| t.values[i].is_finite().then(|| t.beyond(i, (limit, limit), text.only_if));
    let held = |t: &Track| (0..moments.count).map(|i| at(t, i)).collect();
    let moved: Vec<Track> = tracks.iter().map(|t| Track { holds: held(t), ..t.clone() }).collect();
    let (firings, _) = firings(&moved, text.timing(), NoData::Ignore, moments, incidents);
    let current = own.is_some_and(|own| (own - limit).abs() < 1e-12);
    let against = against(incidents, &firings);
    OtherLimit { limit, fired: firings.len() as u32, against, current, suggested: false }
}

/// The firings of all tracks, and how often one held without firing.
fn firings(
    tracks: &[Track],
    timing: Timing,
    no_data: NoData,
    moments: Moments,
    incidents: &[Incident],
) -> (Vec<PastFiring>, u32) {
    let nothing: Vec<bool> = (0..moments.count).map(|i| tracks.iter().all(|t| t.holds[i].is_none())).collect();
    let (mut all, mut missed) = (Vec::new(), 0);
    let mut fire = |labels: &Labels, seen: &[Seen], farthest: &dyn Fn(usize, usize) -> f64| {
        let (spans, unfired) = replay(seen, moments.step, timing);
        missed += unfired;
        for (from, to) in spans {
            let open = to >= moments.count;
            let extreme = farthest(from, to.max(from + 1).min(moments.count));
            let (from, to) = (moments.at(from), if open { moments.last() } else { moments.at(to) });
            let incident =
                incidents.iter().find(|i| meets(i, labels, from, to)).map(|i| format!("{} {}", i.name(), i.title));
            all.push(PastFiring { labels: labels.clone(), from, to, open, extreme, incident });
        }
    };
    for track in tracks {
        let seen: Vec<Seen> = track
            .holds
            .iter()
            .zip(&nothing)
            .enumerate()
            .map(|(place, (holds, nothing))| match holds {
                Some(true) if !track.is_spared(place) => Seen::Holds,
                Some(_) => Seen::HoldsNot,
                None if *nothing && no_data == NoData::Keep => Seen::Unknown,
                None => Seen::Gone,
            })
            .collect();
        fire(&track.labels, &seen, &|from, to| track.farthest(from, to));
    }
    if no_data == NoData::Alert {
        let seen: Vec<Seen> = nothing.iter().map(|n| if *n { Seen::Holds } else { Seen::Gone }).collect();
        fire(&Labels::from([("no_data".into(), "true".into())]), &seen, &|_, _| f64::NAN);
    }
    (all, missed)
}

impl Track {
    /// The value farthest out of its limits between two moments; NaN where none is known.
    fn farthest(&self, from: usize, to: usize) -> f64 {
        let (low, high) = self.limits.unwrap_or((f64::NAN, f64::NAN));
        let out = |v: f64| (low - v).max(v - high);
        let known = self.values[from..to].iter().copied().filter(|v| v.is_finite());
        let farther = |a: f64, b: f64| match self.side {
            Compare::Below => a.min(b),
            Compare::Outside if out(a) >= out(b) => a,
            Compare::Outside => b,
            Compare::Above => a.max(b),
            Compare::Returned => b,
        };
        known.reduce(farther).unwrap_or(f64::NAN)
    }
}

/// Whether an incident is of the system that labels name; of any where either names none.
fn concerns(incident: &Incident, labels: &Labels) -> bool {
    let system = labels.get("system").map_or("", String::as_str);
    system.is_empty() || incident.systems.is_empty() || incident.systems.iter().any(|s| s == system)
}

/// Whether a firing speaks of an incident: it is open within it, or begins not long before it, and concerns it.
fn meets(incident: &Incident, labels: &Labels, from: Timestamp, to: Timestamp) -> bool {
    concerns(incident, labels)
        && from <= incident.resolved_at.unwrap_or(Timestamp::MAX)
        && to.0 >= incident.onset.0 - BEFORE
}

fn against(incidents: &[Incident], firings: &[PastFiring]) -> AgainstIncidents {
    let first = |i: &Incident| firings.iter().filter(|f| meets(i, &f.labels, f.from, f.to)).map(|f| f.from).min();
    let mut leads: Vec<i64> = incidents.iter().filter_map(|i| Some(i.opened_at.0 - first(i)?.0)).collect();
    leads.sort_unstable();
    AgainstIncidents {
        found: leads.len() as u32,
        outside: firings.iter().filter(|f| f.incident.is_none()).count() as u32,
        earlier: leads.get(leads.len() / 2).copied(),
    }
}

/// Names the limit that misses least, and of those the one that fires least outside of incidents.
fn suggest(others: &mut [OtherLimit]) {
    let worth = |o: &OtherLimit| (o.against.found, std::cmp::Reverse(o.against.outside));
    let Some(own) = others.iter().position(|o| o.current) else { return };
    let nearest = |(place, o): &(usize, &OtherLimit)| (worth(o), std::cmp::Reverse(place.abs_diff(own)));
    let best = others.iter().enumerate().max_by_key(nearest);
    let better = best.filter(|(_, o)| o.against.found > 0 && worth(o) > worth(&others[own]));
    if let Some(place) = better.map(|(place, _)| place) {
        others[place].suggested = true;
    }
}

/// A line thinned to what can be drawn, keeping the lowest and the highest of each span.
fn drawn(values: &[f64], moments: Moments) -> Vec<Sample> {
    let every = values.len().div_ceil(DRAWN).max(1);
    let mut points = Vec::new();
    for (chunk, part) in values.chunks(every).enumerate() {
        let known: Vec<(usize, f64)> = part.iter().copied().enumerate().filter(|(_, v)| v.is_finite()).collect();
        let low = known.iter().min_by(|a, b| a.1.total_cmp(&b.1));
        let high = known.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        let mut two: Vec<(usize, f64)> = low.into_iter().chain(high).copied().collect();
        two.sort_by_key(|(i, _)| *i);
        two.dedup();
        points.extend(two.into_iter().map(|(i, value)| Sample { at: moments.at(chunk * every + i), value }));
    }
    points
}

/// Limits beside the one in force, a little nearer and a little farther, in the line's own spread.
fn around(compare: Compare, limit: Option<f64>, values: &[f64]) -> Vec<f64> {
    let (Some(limit), true) = (limit, matches!(compare, Compare::Above | Compare::Below)) else {
        return Vec::new();
    };
    let known = statistics::quantile::sorted_finite(values);
    if known.len() < 10 {
        return Vec::new();
    }
    let spread =
        statistics::quantile::quantile_sorted(&known, 0.95) - statistics::quantile::quantile_sorted(&known, 0.05);
    let spread = if spread > 0.0 { spread } else { limit.abs().max(1e-9) };
    // A round step of about a quarter of the spread.
    let raw: f64 = spread / 4.0;
    let unit = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * unit).find(|s| *s >= raw).unwrap_or(raw);
    (-3..=3).map(|i| if i == 0 { limit } else { limit + f64::from(i) * step }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::alert::only_if::OnlyIf;
    use domain::alert::priority::Priority;
    use domain::verdict::Estimate;

    fn moments(count: usize) -> Moments {
        Moments { first: Timestamp(0), step: MINUTE, count }
    }

    #[test]
    fn a_firing_speaks_of_an_incident_of_its_own_system_alone() {
        let at = |minute: i64| Timestamp(minute * MINUTE);
        let incident = |systems: &[&str]| Incident {
            resolved_at: Some(at(90)),
            systems: systems.iter().map(|s| s.to_string()).collect(),
            ..Incident::new("Wrong incomes".into(), Priority::P1, "Mara".into(), at(60))
        };
        let labels = |system: &str| Labels::from([("system".to_string(), system.to_string())]);
        assert!(meets(&incident(&["credit"]), &labels("credit"), at(70), at(80)));
        assert!(!meets(&incident(&["shop"]), &labels("credit"), at(70), at(80)), "it merely was at the same time");
        assert!(!meets(&incident(&["credit"]), &labels("credit"), at(100), at(110)), "it was over");
        assert!(meets(&incident(&[]), &labels("credit"), at(70), at(80)), "nobody said of which system it is");
        assert!(meets(&incident(&["shop"]), &Labels::new(), at(70), at(80)));
    }

    #[test]
    fn a_rule_keeps_still_while_a_planned_maintenance_covers_what_it_found() {
        let silence = |matcher: &str, maintenance: bool| -> Silence {
            let (name, value) = matcher.split_once('=').expect("a pair");
            serde_json::from_value(serde_json::json!({
                "id": "", "matchers": [domain::alert::matcher::Matcher::equal(name, value)], "starts_at": 2 * MINUTE,
                "ends_at": 4 * MINUTE, "updated_at": 0, "created_by": "", "comment": "moves", "maintenance": maintenance,
            }))
            .expect("a silence")
        };
        let text: RuleText = serde_json::from_value(serde_json::json!({
            "name": "Queue long", "condition": {"is": "absent", "query": "q"}, "only_if": {"outside_maintenance": true},
        }))
        .expect("a rule");
        let fires = |silences: &[Silence]| -> Vec<(i64, i64)> {
            let labels = Labels::from([("queue".to_string(), "mail".to_string())]);
            let mut track = Track { labels, holds: vec![Some(true); 6], values: vec![1.0; 6], ..Track::default() };
            spare(&mut track, &text, silences, moments(6));
            let (firings, _) = firings(&[track], text.timing(), NoData::Ignore, moments(6), &[]);
            firings.iter().map(|f| (f.from.0 / MINUTE, f.to.0 / MINUTE)).collect()
        };
        assert_eq!(fires(&[silence("queue=mail", true)]), [(0, 2), (4, 5)]);
        assert_eq!(fires(&[silence("alertname=Queue long", true)]), [(0, 2), (4, 5)], "by its own name, too");
        assert_eq!(fires(&[silence("queue=mail", false), silence("queue=post", true)]), [(0, 5)]);
    }

    #[test]
    fn another_limit_is_asked_for_the_same_certainty() {
        let estimate = |n: u64| Some(Estimate { value: 0.80, low: 0.77, high: 0.83, n });
        let track = Track {
            values: vec![0.80, 0.80],
            side: Compare::Below,
            rested_on: vec![estimate(100), estimate(300)],
            ..Track::default()
        };
        let beyond = |limit: f64, only_if: OnlyIf| [0, 1].map(|place| track.beyond(place, (limit, limit), only_if));
        let (enough, surely) =
            (OnlyIf { events: 200, ..OnlyIf::default() }, OnlyIf { surely: true, ..OnlyIf::default() });
        assert_eq!(beyond(0.82, OnlyIf::default()), [true, true]);
        assert_eq!(beyond(0.82, enough), [false, true]);
        assert_eq!((beyond(0.82, surely), beyond(0.84, surely)), ([false; 2], [true; 2]));
    }
}
