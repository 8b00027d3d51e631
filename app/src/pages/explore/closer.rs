//! A query looked at closely: anomalies, control chart, forecast; and which signals moved with it.

use domain::analysis::{AnalysisView, CompanionView, LineAnalysis, UnusualView};
use domain::format;
use leptos::prelude::*;

use super::with;
use crate::charts::chart::Chart;
use crate::charts::fan::{bands, control, with_fan};
use crate::charts::spark::Spark;
use crate::charts::spec::{Axis, ChartSpec, Mark, Unit};
use crate::components::panel::Empty;
use crate::components::state::Place;
use crate::components::zone::{Here, zone_label};

/// Lines that are looked at on one page.
const LINES: usize = 4;

pub(super) fn analysis(view: &AnalysisView) -> AnyView {
    if view.lines.is_empty() {
        return view! { <section class="panel"><Empty title="Nothing to look at" text="The query has no line in this range."/></section> }.into_any();
    }
    let panels: Vec<_> = view.lines.iter().take(LINES).map(|line| one(view, line)).collect();
    let more = view.lines.len().saturating_sub(LINES);
    view! {
        {panels}
        {(more > 0).then(|| view! { <p class="hint">{format!("{more} more lines: narrow the query to look at them.")}</p> })}
    }
    .into_any()
}

fn one(view: &AnalysisView, found: &LineAnalysis) -> AnyView {
    let at = |i: f64| view.from.0 as f64 + i * view.step * 1e6;
    let steps = found.line.values.len();
    let points: Vec<(f64, Option<f64>)> =
        found.line.values.iter().enumerate().map(|(i, v)| (at(i as f64), *v)).collect();
    let fan = found
        .forecast
        .as_ref()
        .map(|f| f.fan(domain::Timestamp(at(steps as f64 - 1.0) as i64), (view.step * 1e6) as i64));
    let mut marks = with_fan(points, fan.as_ref(), &found.line.label);
    if let Some(chart) = &found.control {
        marks.extend(control(chart, |step| {
            Some((at(f64::from(step)), found.line.values.get(step as usize).copied()??))
        }));
    }
    let strange = found.anomalies.iter().map(|a| (at(f64::from(a.step)), a.value)).collect();
    marks.push(Mark::Points { class: "kp".into(), points: strange });
    let spec = ChartSpec::fit(220.0, Axis::Time, Unit::Compact, marks, false);
    let limits = found.control.as_ref().map(|c| {
        let first = c.broken.first().map_or_else(String::new, |(step, rule)| {
            let when = domain::Timestamp(at(f64::from(*step)) as i64);
            format!(" First at {}: {rule}.", when.here().date_clock())
        });
        view! {
            <dt>"Control limits"</dt><dd>{format!("{} to {}, from the first {} values; unchanged, such a chart cries wolf once in {} values.{first}", format::compact(c.lower), format::compact(c.upper), c.learnt_from, format::count(c.run_length))}</dd>
            <dt>"Points that break its rules"</dt><dd><b>{c.broken.len()}</b></dd>
        }
    });
    let season = found.season.map_or_else(
        || "no season".to_string(),
        |s| format!("a season of {}", domain::format::duration((f64::from(s) * view.step * 1e6) as i64)),
    );
    let forecast = found.forecast.as_ref().map(|f| {
        let covered = f.covered.map_or_else(
            || "too short to check".to_string(),
            |c| format!("{} of the last quarter lay within one made before it", format::percent(c)),
        );
        view! { <dt>"Forecast"</dt><dd>{bands()}<span class="hint blk">{format!("Of the widest band: {covered}.")}</span></dd> }
    });
    let changes: Vec<String> =
        found.changes.iter().take(5).map(|c| domain::Timestamp(at(f64::from(*c)) as i64).here().date_clock()).collect();
    let trend = found.trend.map(|t| view! { <dt>"Trend over the range"</dt><dd>{if t >= 0.0 { format!("+{}", format::compact(t)) } else { format::compact(t) }}" (Theil–Sen; Mann–Kendall p < 0.01)"</dd> });
    let title = found.line.label.clone();
    let label = format!("Looked at closely: {title}");
    view! {
        <section class="panel mt-12" aria-label=label>
            <header class="ph"><h2 class="mono cutq">{title.clone()}</h2><span class="sub">{found.sentence.clone()}</span></header>
            <div class="pb"><Chart spec title=title description=found.sentence.clone() left=64 right=64/>
            <dl class="kv mt-12">
                <dt>"Values that do not belong"</dt><dd><b>{found.anomalies.len()}</b><span class="hint">{format!(" one in {} expected by chance, {season}", format::count(1.0 / found.anomaly_rate))}</span></dd>
                {limits}{forecast}{trend}
                {(!changes.is_empty()).then(|| view! { <dt>"Level changed"</dt><dd>{changes.join(", ")}</dd> })}
            </dl></div>
        </section>
    }
    .into_any()
}

/// What is unusual now, over all signals.
pub(super) fn unusual(view: &UnusualView, place: &Place) -> AnyView {
    let words = format!(
        "{} signals looked at, a point every {}; named when at least 2 of the last 5 values do not belong (by chance {} of them).",
        view.looked_at,
        domain::format::duration((view.step * 1e6) as i64),
        if view.expected < 0.01 { "fewer than 0.01".to_string() } else { format::fixed(view.expected, 2) }
    );
    if view.signals.is_empty() {
        return view! { <section class="panel" aria-label="Unusual now"><header class="ph"><h2>"Unusual now"</h2></header><Empty title="Nothing is unusual" text=words/></section> }.into_any();
    }
    let rows: Vec<_> = view
        .signals
        .iter()
        .map(|s| {
            let spelled = s.name.replace('.', "_");
            let href = with(place, &[("view", "signals"), ("q", &spelled), ("look", "closer")]);
            view! {
                <tr><th scope="row" class="plain"><a href=href class="mono">{s.label.clone()}</a></th><td>{s.layer.title()}</td><td><Spark values=s.values.clone() label=format!("{} over the range", s.label) class="kp" height=18 width=120/></td>
                <td class="num v">{format::compact(s.value)}</td><td class="num">{format::signed(s.away, 1)}</td><td class="num">{format!("{} of {}", s.strange, s.of)}</td><td>{s.at.here().clock()}</td></tr>
            }
        })
        .collect();
    view! {
        <section class="panel" aria-label="Unusual now">
            <header class="ph"><h2>"Unusual now"</h2><span class="sub">"the farthest out first"</span></header>
            <div class="pb flush"><table class="t dense"><thead><tr><th scope="col">"Signal"</th><th scope="col">"Layer"</th><th scope="col">"Range"</th><th scope="col" class="num">"Now"</th><th scope="col" class="num">"Spreads away"</th><th scope="col" class="num">"Strange"</th><th scope="col">"At "<span class="u">{zone_label()}</span></th></tr></thead><tbody>{rows}</tbody></table></div>
            <footer class="pf"><span class="hint">{words}</span></footer>
        </section>
    }
    .into_any()
}

pub(super) fn companions(view: &CompanionView, place: &Place) -> AnyView {
    let sure = view.companions.iter().filter(|c| c.p_adjusted < 0.05).count();
    let words = format!(
        "{} signals compared with {}, a point every {}; {sure} moved with it beyond chance.",
        view.compared,
        view.focus.label,
        domain::format::duration((view.step * 1e6) as i64)
    );
    if view.companions.is_empty() {
        return view! { <section class="panel mt-12"><Empty title="Nothing to compare with" text="No other signal has enough samples in this range."/></section> }.into_any();
    }
    let rows: Vec<_> = view
        .companions
        .iter()
        .map(|c| {
            let lead = c.leads_by.abs();
            let when = if lead < view.step / 2.0 {
                "at once".to_string()
            } else {
                let span = domain::format::duration((lead * 1e6) as i64);
                if c.leads_by > 0.0 { format!("{span} before") } else { format!("{span} after") }
            };
            let class = if c.p_adjusted < 0.05 { "kp" } else { "kt" };
            let spelled = c.name.replace('.', "_");
            let href = with(place, &[("view", "signals"), ("q", &spelled)]);
            view! {
                <tr><th scope="row" class="plain"><a href=href class="mono">{c.label.clone()}</a></th><td>{c.layer.title()}</td><td><Spark values=c.values.clone() label=format!("{} over the range", c.label) class height=18 width=120/></td>
                <td class="num v">{format::signed(c.r, 2)}</td><td>{when}</td><td class="num">{format::p_value(c.p_adjusted)}</td><td class="num dim">{format::count(c.n)}</td></tr>
            }
        })
        .collect();
    let focus = view.focus.values.clone();
    view! {
        <section class="panel mt-12" aria-label="What moved with it">
            <header class="ph"><h2>"What moved with it"</h2><span class="sub">"all layers, surest first"</span></header>
            <div class="pb"><p class="hint">{words}</p><Spark values=focus label=format!("{} over the range", view.focus.label) class="ka" height=28 width=320/></div>
            <div class="pb flush"><table class="t dense"><thead><tr><th scope="col">"Signal"</th><th scope="col">"Layer"</th><th scope="col">"Range"</th><th scope="col" class="num">"r"</th><th scope="col">"When"</th><th scope="col" class="num">"p adjusted"</th><th scope="col" class="num">"Pairs that count"</th></tr></thead><tbody>{rows}</tbody></table></div>
            <footer class="pf"><span class="hint">"p allows for each signal’s own memory, for every lag tried and for all signals at once. What moves together need not be cause and effect."</span></footer>
        </section>
    }
    .into_any()
}
