//! Fairness: groups held against each other, with their intervals.

use domain::evidence::{Fairness, GroupRate};
use domain::format;
use domain::model::Task;
use domain::verdict::WindowReport;
use domain::view::ModelView;
use leptos::prelude::*;

use super::{middle, production};
use crate::charts::chart::Chart;
use crate::charts::spec::{Axis, ChartSpec, Mark, Unit};
use crate::components::panel::{Empty, Panel};
use crate::components::state::Place;
use crate::components::status::Status;

/// The scale of ratios that is drawn.
const SCALE: (f64, f64) = (0.5, 1.4);

pub(super) fn body(view: &ModelView, newest: &WindowReport, place: &Place) -> AnyView {
    if newest.fairness.is_empty() {
        let link = place.link(&super::address(&view.model.name, "setup"));
        let (title, text) = if view.model.schema.groups.is_empty() {
            (
                "No groups are compared",
                "Tick “compare groups” at a column of the model’s set-up: an age, a region, a kind of customer. Numbers are cut into quarters of the baseline.",
            )
        } else {
            ("Too few rows to compare", "A group needs 100 rows in a window to be judged; choose longer windows.")
        };
        return view! { <section class="panel"><Empty title text><a class="btn" href=link>"Choose groups"</a></Empty></section> }.into_any();
    }
    let panels: Vec<_> = newest
        .fairness
        .iter()
        .map(|f| {
            let sub = match view.model.task {
                Task::Regression => "mean absolute error by group",
                Task::MulticlassClassification => "share of right answers, and its ratio to the best group’s",
                _ => "share answered yes, and its ratio to the highest group’s",
            };
            let over_time = (newest.fairness.len() <= 6).then(|| history(view, f));
            let groups = table(f);
            view! { <Panel title=f.column.clone() sub=sub span="c-12" flush=true>{groups}</Panel>{over_time} }
        })
        .collect();
    view! { <div class="g">{panels}</div> }.into_any()
}

fn place(v: f64) -> f64 {
    ((v - SCALE.0) / (SCALE.1 - SCALE.0) * 100.0).clamp(0.0, 100.0)
}

fn table(f: &Fairness) -> AnyView {
    let ratios = f.groups.iter().any(|g| g.ratio.is_some());
    let labelled = f.groups.iter().any(|g| g.true_positive.is_some());
    let share = |e: Option<domain::verdict::Estimate>| e.map_or_else(|| "–".to_string(), |e| format::percent(e.value));
    let row = |g: &GroupRate| {
        let rate = if ratios || g.privileged && f.parity_ratio.is_some() {
            format::percent(g.rate.value)
        } else {
            format::compact(g.rate.value)
        };
        let unfair = g.ratio.is_some_and(|r| r.high < 0.8);
        let bar = match g.ratio {
            Some(r) => {
                let class = if unfair { "ci b" } else { "ci" };
                let (low, high) = (place(r.low), place(r.high));
                view! { <i class="zone" style=format!("left:{:.1}%;width:{:.1}%", place(0.8), place(1.25) - place(0.8))></i><i class="mid0" style=format!("left:{:.1}%", place(1.0))></i><i class=class style=format!("left:{low:.1}%;width:{:.1}%", (high - low).max(0.5))></i><i class:b=unfair class="dt" style=format!("left:{:.1}%", place(r.value))></i> }.into_any()
            }
            None => view! { <i class="zone" style=format!("left:{:.1}%;width:{:.1}%", place(0.8), place(1.25) - place(0.8))></i><span class="rf" style=format!("left:{:.1}%", place(1.0))>"reference"</span> }.into_any(),
        };
        let ratio = match g.ratio {
            Some(r) if unfair => {
                view! { <Status of=domain::Status::Critical text=format::fixed(r.value, 2)/> }.into_any()
            }
            Some(r) => format::fixed(r.value, 2).into_any(),
            None => view! { <span class="dim">"1.00"</span> }.into_any(),
        };
        let interval = format!("95 %: {} to {}", format::fixed(g.rate.low, 3), format::fixed(g.rate.high, 3));
        view! {
            <tr><th scope="row" class="plain">{g.name.clone()}</th><td class="num dim">{format::count(g.n as f64)}</td><td class="num" title=interval>{rate}</td>
            {ratios.then(|| view! { <td class="bw">{bar}</td><td class="num v">{ratio}</td> })}
            {labelled.then(|| view! { <td class="num">{share(g.true_positive)}</td><td class="num">{share(g.false_positive)}</td><td class="num">{share(g.accuracy)}</td> })}</tr>
        }
    };
    let rows: Vec<_> = f.groups.iter().map(row).collect();
    let small =
        (f.too_small > 0).then(|| format!("{} groups have fewer than 100 rows and are not judged. ", f.too_small));
    let odds = f.equalized_odds_difference.map(|d| format!("Equalized odds difference {}. ", format::fixed(d, 3)));
    let bounds = ratios.then_some("Bounds 0.80–1.25; a ratio is called unfair when its whole interval lies below.");
    view! {
        <table class="t dense bias"><thead><tr><th scope="col">"Group"</th><th scope="col" class="num">"n"</th><th scope="col" class="num">{if ratios { "Share" } else { "Mean error" }}</th>
            {ratios.then(|| view! { <th scope="col" class="bw"><span style=format!("left:{:.1}%", place(0.8))>"0.80"</span><span style=format!("left:{:.1}%", place(1.0))>"equal"</span><span style=format!("left:{:.1}%", place(1.25))>"1.25"</span></th><th scope="col" class="num">"Ratio"</th> })}
            {labelled.then(|| view! { <th scope="col" class="num">"True positive"</th><th scope="col" class="num">"False positive"</th><th scope="col" class="num">"Accuracy"</th> })}
        </tr></thead><tbody>{rows}</tbody></table>
        <p class="hint pb">{small}{odds}{bounds}</p>
    }
    .into_any()
}

fn history(view: &ModelView, of: &Fairness) -> AnyView {
    let points: Vec<(f64, Option<f64>)> = production(view)
        .iter()
        .map(|r| (middle(r), r.fairness.iter().find(|f| f.column == of.column).and_then(|f| f.parity_ratio)))
        .collect();
    if points.iter().filter(|(_, v)| v.is_some()).count() < 2 {
        return ().into_any();
    }
    let marks = vec![
        Mark::Line { name: "Least ratio".into(), class: "ka strong".into(), points },
        Mark::Rule { class: "thl kp".into(), y: 0.8, label: "0.80".into() },
    ];
    let mut spec = ChartSpec::fit(110.0, Axis::Time, Unit::Fixed(2), marks, true);
    spec.y = (0.0, 1.0);
    let title = format!("Least parity ratio of {}", of.column);
    view! { <Panel title=format!("{}, over time", of.column) sub="the least group’s ratio in each window" span="c-12"><Chart spec title description="each window" right=40/></Panel> }.into_any()
}
