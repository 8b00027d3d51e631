//! Every figure with its limits, where they came from, and how often they cry wolf.

use domain::evidence::{figure_shown, figure_title};
use domain::monitor::Judgement;
use domain::verdict::WindowReport;
use domain::view::ModelView;
use domain::{Status as Of, format};
use leptos::prelude::*;

use super::production;
use crate::charts::spark::Spark;
use crate::components::panel::Empty;
use crate::components::state::Place;
use crate::components::status::Status;

/// Figures listed on the page; the thresholds' own page lists all.
const SHOWN: usize = 11;

fn status(judgement: &Judgement) -> Of {
    match judgement.finding {
        domain::verdict::Finding::None => Of::Excellent,
        other => other.status(),
    }
}

pub(super) fn table(view: &ModelView, newest: &WindowReport, place: &Place) -> AnyView {
    if newest.judgements.is_empty() {
        return view! { <Empty title="No limits yet" text="Limits are learnt from the windows of a baseline; it takes five of them."/> }.into_any();
    }
    let windows = production(view);
    let recent = &windows[windows.len().saturating_sub(40)..];
    let trend = |figure: &str| -> Vec<Option<f64>> {
        let of = |r: &&WindowReport| r.judgements.iter().find(|j| j.figure == figure).map(|j| j.estimate.value);
        recent.iter().map(of).collect()
    };
    let rows: Vec<_> = newest
        .judgements
        .iter()
        .take(SHOWN)
        .map(|j| {
            let show = |v: f64| figure_shown(&j.figure, v);
            let limits = match (j.limits.lower, j.limits.upper) {
                (Some(l), Some(u)) => format!("{} – {}", show(l), show(u)),
                (Some(l), None) => format!("from {}", show(l)),
                (None, Some(u)) => format!("to {}", show(u)),
                (None, None) => "–".into(),
            };
            let alarms = j.limits.false_alarms_measured.or(j.limits.false_alarms_expected);
            let how = if j.limits.false_alarms_measured.is_some() { "measured on the baseline" } else { "by the rule’s arithmetic" };
            let alarms = alarms.map_or_else(|| "–".to_string(), format::percent);
            let status = status(j);
            let word = if j.finding.drifted() { format!("{} of {}", j.outside, j.of) } else { "Usual".into() };
            let class = if j.finding.drifted() { "kp" } else { "kt" };
            let title = format!("{}. 95 %: {} to {}, n {}", j.sentence, show(j.estimate.low), show(j.estimate.high), format::count(j.estimate.n as f64));
            let p = j.p_adjusted.map_or_else(|| "–".to_string(), format::p_value);
            let detectable = j.detectable.map_or_else(|| "–".to_string(), show);
            view! {
                <tr>
                    <th scope="row" class="plain" title=title>{figure_title(&j.figure)}</th>
                    <td><Status of=status text=word/></td>
                    <td class="num v">{show(j.estimate.value)}</td>
                    <td><Spark values=trend(&j.figure) label=format!("{} over recent windows", figure_title(&j.figure)) class height=18 width=96/></td>
                    <td class="num" title=j.limits.source.clone()>{limits}</td>
                    <td class="num">{p}</td>
                    <td class="num">{detectable}</td>
                    <td class="num" title=how>{alarms}</td>
                </tr>
            }
        })
        .collect();
    let link = place.link(&super::address(&view.model.name, "thresholds"));
    view! {
        <table class="t dense lim">
            <thead><tr><th scope="col">"Figure"</th><th scope="col">"Outside"</th><th scope="col" class="num">"Now"</th><th scope="col">"Windows"</th><th scope="col" class="num">"Limits"</th><th scope="col" class="num">"p adjusted"</th><th scope="col" class="num">"Sees from"</th><th scope="col" class="num">"False alarms"</th></tr></thead>
            <tbody>{rows}</tbody>
        </table>
        <p class="hint pb">{(newest.judgements.len() > SHOWN).then(|| format!("{SHOWN} of {}, the farthest out first. ", newest.judgements.len()))}"“Sees from” is the smallest change that such a window shows in 4 of 5 cases. "<a href=link>"All figures and their thresholds"</a></p>
    }
    .into_any()
}
