//! The executive's page: how things stand, what they are worth, what needs attention, what is due.

use std::collections::BTreeMap;

use domain::event::EventKind;
use domain::health::overall;
use domain::kpi::{Fan, KpiView};
use domain::signal::{Layer, Sample};
use domain::telemetry::BusinessKind;
use domain::time::DAY;
use domain::view::{Due, MoneyByDay, MonthEnd, OverviewView};
use domain::{Action, Actor, Object, TimeRange, Timestamp};
use statistics::series::fit_holt_winters;
use store::{Aggregate, GroupBy, GroupKey};

use crate::alert::happenings::of_environment;
use crate::health::{OF_LAYER, OVERALL};
use crate::{Engine, Result};

/// No more of the past is read, however much is asked for.
const LONGEST: i64 = 366 * DAY;
/// What a forecast of money is learnt from, and the days that are shown at least.
const LEARNT: i64 = 90 * DAY;
const DAYS_SHOWN: i64 = 7;
/// Days ahead that are shown.
const AHEAD: usize = 7;
/// Days that a forecast needs.
const DAYS_LEAST: usize = 10;
const WEEK: usize = 7;
/// What the lines of health are drawn of, which are a thumb wide: each place gives its lowest and highest too, and
/// all of it travels with the page.
const PAST: usize = 60;
const LAYER_PAST: usize = 20;
/// A review that was not written is named for this long.
const REVIEW_DUE: i64 = 14 * DAY;
const DUES: usize = 5;

impl Engine {
    /// The executive's page: how things stand now, and what the range shows of the past.
    pub async fn overview(&self, actor: &Actor, environment: &str, range: TimeRange) -> Result<OverviewView> {
        self.may(actor, Action::View, &Object::Installation)?;
        let found = self.systems(actor, environment).await?;
        let now = self.now();
        let range = TimeRange { from: range.from.max(now.plus(-LONGEST)), to: range.to.min(now.plus(1)) };
        let kpis = self.kpi_views(actor, None, range).await?;
        let (attention, open_alerts) = self.concerns(environment).await?;
        let here = |labels: &BTreeMap<String, String>| labels.get("environment").is_some_and(|e| e == environment);
        let past = self.store.read_signals(OVERALL, range, PAST).await?;
        let past = past.into_iter().find(|s| here(&s.series.labels)).map(|s| s.points).unwrap_or_default();
        let of_layers = self.store.read_signals(OF_LAYER, range, LAYER_PAST).await?;
        let layers_past: Vec<(Layer, Vec<Sample>)> = of_layers
            .into_iter()
            .filter(|s| here(&s.series.labels))
            .filter_map(|s| Some((Layer::parse(s.series.labels.get("of")?)?, s.points)))
            .collect();
        Ok(OverviewView {
            now,
            range,
            score: overall(&found.systems),
            dates: self.dates(&kpis, now).await?,
            money: self.money_by_day(environment, range.from, now).await?,
            flags: self.flags(range, &of_environment(environment)).await?,
            kpis,
            outcome: found.outcome,
            layers: found.layers,
            systems: found.systems,
            cards: found.cards,
            past,
            layers_past,
            attention,
            open_alerts,
        })
    }

    /// What business events add up to, day by day, in the currency with the most of them.
    async fn money_by_day(&self, environment: &str, shown: Timestamp, now: Timestamp) -> Result<Option<MoneyByDay>> {
        let Some(stream) = self.store.existing_telemetry_stream(EventKind::Business, environment).await? else {
            return Ok(None);
        };
        // Today is not over: it would look like a fall.
        let today = Timestamp(now.0.div_euclid(DAY) * DAY);
        let question = Aggregate {
            range: TimeRange { from: today.plus(-LEARNT).min(shown), to: today },
            predicates: Vec::new(),
            group_by: vec![GroupBy::Column("event".into()), GroupBy::Column("currency".into()), GroupBy::Time(DAY)],
            column: Some("amount".into()),
        };
        let mut currencies: BTreeMap<String, (u64, BTreeMap<i64, f64>)> = BTreeMap::new();
        for group in self.store.aggregate(&stream, &question).await? {
            let [GroupKey::Value(event), GroupKey::Value(currency), GroupKey::From(day)] = group.key.as_slice() else {
                continue;
            };
            let sign = match BusinessKind::parse(event) {
                Some(BusinessKind::Revenue | BusinessKind::Saving) => 1.0,
                Some(BusinessKind::Cost) => -1.0,
                Some(BusinessKind::Conversion) | None => continue,
            };
            let own = currencies.entry(currency.clone()).or_default();
            own.0 += group.rows;
            *own.1.entry(day.0.div_euclid(DAY)).or_default() += sign * group.spread.sum;
        }
        let most = currencies.into_iter().max_by_key(|(_, (rows, _))| *rows);
        Ok(most.and_then(|(currency, (_, days))| money(currency, &days, shown, today)))
    }

    /// Targets with a date that lies ahead, and reviews that were not written.
    async fn dates(&self, kpis: &[KpiView], now: Timestamp) -> Result<Vec<Due>> {
        let recent = TimeRange { from: now.plus(-REVIEW_DUE), to: now.plus(1) };
        let unwritten = self.store.incidents(recent, 100).await?.into_iter();
        let mut all: Vec<Due> = unwritten
            .filter(|i| i.resolved_at.is_some() && i.review.is_empty())
            .map(|i| Due {
                at: None,
                title: format!("Review of INC-{}", i.id),
                text: format!("{}; over, and its review is not written", i.title),
                href: format!("/incidents/{}", i.id),
            })
            .collect();
        all.extend(kpis.iter().filter(|view| view.kpi.objective.is_some_and(|at| at > now)).map(|view| {
            let value = view.value.map_or_else(|| "not known".to_string(), |v| view.kpi.shown(v));
            Due {
                at: view.kpi.objective,
                title: format!("{}: {}", view.kpi.name, view.kpi.shown(view.kpi.target)),
                text: match view.meets {
                    Some(at) => format!("now {value}; met about {}, as it goes", at.day_month()),
                    None => format!("now {value}"),
                },
                href: "/settings/kpis".into(),
            }
        }));
        // What waits for somebody to decide comes before what is due one day.
        let waits = self.proposals().await?.into_iter().map(|run| Due {
            at: None,
            title: run.response.clone(),
            text: format!("{} since {}; {}", run.words(), format_args!("{} UTC", run.proposed_at.clock()), run.about),
            href: match run.incident {
                Some(id) => format!("/incidents/{id}"),
                None => format!("/alerts/{}", run.fingerprint),
            },
        });
        all.splice(0..0, waits);
        all.sort_by_key(|due| due.at);
        all.truncate(DUES);
        Ok(all)
    }
}

/// Days in order with a forecast, from sums by day number; those from `shown` on are drawn. `None` without a whole day.
fn money(currency: String, sums: &BTreeMap<i64, f64>, shown: Timestamp, today: Timestamp) -> Option<MoneyByDay> {
    // On the day that the first event is of, there were none before it: it is no whole day.
    let (first, end) = (sums.keys().next()? + 1, today.0.div_euclid(DAY));
    if first >= end {
        return None;
    }
    let all: Vec<f64> = (first..end).map(|day| sums.get(&day).copied().unwrap_or(f64::NAN)).collect();
    let month_end = today.month_bounds().1;
    let to_month_end = ((month_end.0 - today.0) / DAY).max(0) as usize;
    let enough = all.iter().filter(|v| v.is_finite()).count() >= DAYS_LEAST;
    let made = enough.then(|| fit_holt_winters(&all, WEEK, to_month_end.max(AHEAD))).flatten();
    let month = made.as_ref().filter(|_| to_month_end > 0).map(|f| {
        let begun = today.month_bounds().0.0.div_euclid(DAY);
        let so_far: f64 = sums.range(begun..end).map(|(_, v)| v).sum();
        let middle = so_far + f.mean[..to_month_end].iter().sum::<f64>();
        // A level that is wrong is wrong on every day: the errors are taken to go together.
        let off = Fan::BANDS[1] * f.deviation[..to_month_end].iter().sum::<f64>();
        MonthEnd { name: today.month_name().to_string(), middle, low: middle - off, high: middle + off }
    });
    let ahead = made.map(|f| Fan {
        from: today.plus(-DAY),
        step: DAY,
        points: f.mean.into_iter().zip(f.deviation).take(AHEAD).collect(),
    });
    let from = shown.0.div_euclid(DAY).min(end - DAYS_SHOWN).max(first);
    let days = all[(from - first) as usize..].iter().map(|v| v.is_finite().then_some(*v)).collect();
    let from = Timestamp(from * DAY);
    Some(MoneyByDay { currency, from, days, ahead, month })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a time")
    }

    #[test]
    fn a_day_without_an_event_is_missing_and_not_zero_and_the_first_is_not_whole() {
        let today = day("2026-11-23T00:00:00Z");
        let number = today.0 / DAY;
        let sums: BTreeMap<i64, f64> = (1..=6).filter(|back| *back != 3).map(|back| (number - back, 100.0)).collect();
        let found = money("EUR".into(), &sums, today, today).expect("days");
        assert_eq!(found.days, [Some(100.0), Some(100.0), None, Some(100.0), Some(100.0)]);
        assert_eq!(found.from, today.plus(-5 * DAY));
        assert!(found.ahead.is_none() && found.month.is_none(), "five days are too few to say");
    }

    #[test]
    fn a_steady_month_ends_at_as_many_days_times_the_day() {
        let today = day("2026-11-23T00:00:00Z");
        let number = today.0 / DAY;
        let wave = |back: i64| 100.0 + (back % 2) as f64;
        let sums: BTreeMap<i64, f64> = (1..=60).map(|back| (number - back, wave(back))).collect();
        let found = money("EUR".into(), &sums, today.plus(-30 * DAY), today).expect("days");
        assert_eq!((found.days.len(), found.ahead.map(|a| a.points.len())), (30, Some(7)));
        let month = found.month.expect("a forecast");
        assert_eq!(month.name, "November");
        assert!((month.middle - 3015.0).abs() < 15.0 && month.low < 3015.0 && month.high > 3015.0, "{month:?}");
    }
}
