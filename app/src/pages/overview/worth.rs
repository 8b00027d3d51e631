//! What the systems are worth and where it goes: money by day with its forecast, or the first KPI where no
//! business event has been sent.

use domain::format;
use domain::kpi::{KpiUnit, KpiView};
use domain::signal::Sample;
use domain::time::DAY;
use domain::view::{MoneyByDay, OverviewView};
use domain::{TimeRange, Timestamp};
use leptos::prelude::*;

use crate::charts::fan::{bands, with_fan};
use crate::charts::later::{Drawing, later};
use crate::charts::spec::{Axis, ChartSpec, Mark, Unit};
use crate::components::panel::{Empty, Panel};

const HEIGHT: f64 = 236.0;

/// The panel beside what needs attention.
pub fn ahead(view: &OverviewView) -> AnyView {
    if let Some(money) = &view.money {
        return money_panel(money, view);
    }
    if let Some(kpi) = view.kpis.iter().find(|k| k.trend.len() > 1) {
        return kpi_panel(kpi, &view.span());
    }
    view! {
        <Panel title="What it is worth" sub="" span="c-8">
            <Empty title="No money and no KPI yet" text="Send revenue, cost and savings to /api/v1/business, or say what counts as a KPI with a target: both are drawn here with what lies ahead."><a class="btn noprint" href="/settings/kpis">"Set a KPI"</a></Empty>
        </Panel>
    }
    .into_any()
}

fn money_panel(money: &MoneyByDay, view: &OverviewView) -> AnyView {
    let points: Vec<(f64, Option<f64>)> =
        money.days.iter().enumerate().map(|(i, v)| ((money.from.0 + i as i64 * DAY) as f64, *v)).collect();
    let spec = ChartSpec::fit(
        HEIGHT,
        Axis::Time,
        Unit::money(&money.currency),
        with_fan(points, money.ahead.as_ref(), "net"),
        false,
    );
    let say = |v: f64| format::money(v, &money.currency);
    let week = view.outcome.impact.iter().find(|i| i.currency == money.currency);
    let week_words =
        week.map(|i| format!("{} in 7 days, between {} and {}", say(i.net.value), say(i.net.low), say(i.net.high)));
    let against = week.and_then(|i| i.comparison.as_ref()).map(|u| {
        let surely = u.total.low > 0.0 || u.total.high < 0.0;
        if surely {
            let way = if u.total.value > 0.0 { "more" } else { "less" };
            format!("{} {way} than {}", say(u.total.value.abs()), u.against)
        } else {
            format!("no sure difference from {}", u.against)
        }
    });
    let month = money.month.as_ref().map(|m| {
        view! { <span class="right fcs">{format!("End of {}: ", m.name)}<b>{say(m.middle)}</b>{format!(", most likely {}–{}", say(m.low), say(m.high))}</span> }
    });
    let description = [week_words.clone(), against.clone()].into_iter().flatten().collect::<Vec<_>>().join("; ");
    let footer = view! { {money.ahead.is_some().then(bands)}{month} }.into_any();
    let next = money.ahead.as_ref().map(|fan| format!(" and the next {}", fan.points.len())).unwrap_or_default();
    let shown = format!("revenue and savings less cost, {} days{next}", money.days.len());
    let title = "What the systems bring, per day";
    let chart = later(Drawing { spec, title: title.into(), description, left: 60, right: 24 });
    view! {
        <Panel title sub=shown span="c-8" footer=Some(footer)>
            <p class="row wrap gap-12"><b>{week_words}</b><span class="mid">{against}</span></p>
            {chart}
        </Panel>
    }
    .into_any()
}

fn kpi_panel(of: &KpiView, span: &str) -> AnyView {
    let kpi = &of.kpi;
    let unit = match kpi.unit {
        KpiUnit::Share => Unit::Percent,
        KpiUnit::Milliseconds => Unit::Milliseconds,
        KpiUnit::Money => Unit::money(&kpi.currency),
        KpiUnit::Number => Unit::Compact,
    };
    let mut marks = with_fan(with_gaps(&of.trend), of.ahead.as_ref(), &kpi.name);
    marks.push(Mark::Rule {
        class: "thl ka".into(),
        y: kpi.target,
        label: format!("target {}", kpi.shown(kpi.target)),
    });
    let spec = ChartSpec::fit(HEIGHT, Axis::Time, unit, marks, false);
    let said = match (of.meets, of.leaves) {
        (Some(at), _) => format!("Meets its target about {}, as it goes.", at.date()),
        (None, Some(at)) => format!("Leaves its limit about {}, as it goes.", at.date()),
        (None, None) => match of.value {
            Some(value) => format!("Now {}.", kpi.shown(value)),
            None => "No value now.".to_string(),
        },
    };
    let footer = view! { {of.ahead.is_some().then(bands)}<span class="right fcs">{said.clone()}</span> }.into_any();
    let name = kpi.name.clone();
    let chart = later(Drawing { spec, title: name.clone(), description: said, left: 60, right: 84 });
    view! {
        <Panel title=name sub=format!("{span} and what lies ahead") span="c-8" footer=Some(footer)>
            {chart}
        </Panel>
    }
    .into_any()
}

/// Breaks the line where samples are further apart than three times their usual distance.
fn with_gaps(trend: &[Sample]) -> Vec<(f64, Option<f64>)> {
    let range = TimeRange {
        from: trend.first().map_or(Timestamp(0), |s| s.at),
        to: trend.last().map_or(Timestamp(0), |s| s.at),
    };
    let usual = range.micros() as f64 / trend.len().max(2) as f64;
    let mut points = Vec::with_capacity(trend.len());
    let mut before: Option<f64> = None;
    for sample in trend {
        let at = sample.at.0 as f64;
        if let Some(before) = before.filter(|b| at - b > 3.0 * usual) {
            points.push((before + 1.0, None));
        }
        points.push((at, Some(sample.value)));
        before = Some(at);
    }
    points
}
