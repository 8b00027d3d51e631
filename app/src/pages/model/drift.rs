//! Drift: the score with its parts, all columns together, and every feature ranked.

use domain::evidence::Together;
use domain::format;
use domain::verdict::WindowReport;
use domain::view::ModelView;
use leptos::prelude::*;

use super::{feature_link, middle, production, window_words};
use crate::charts::chart::Chart;
use crate::charts::spark::Spark;
use crate::charts::spec::{Axis, ChartSpec, Mark, Unit};
use crate::components::panel::{Empty, Panel};
use crate::components::state::Place;
use crate::components::status::Status;
use crate::components::zone::Here;
use crate::server_functions::model_set_up::learn_again;

pub(super) fn body(view: &ModelView, newest: &WindowReport, place: &Place) -> AnyView {
    let p1 = drift_chart(view);
    let p2 = together(view, newest);
    let p3 = drift_table(view, newest, place);
    view! {
        <div class="g">
            <Panel title="Drift score" sub="0.50 lies at the threshold" span="c-8">{p1}</Panel>
            <Panel title="All columns together" sub="what no single one shows" span="c-4">{p2}</Panel>
            <Panel title="Drift by feature" sub=window_words(newest) span="c-12" flush=true>{p3}</Panel>
        </div>
    }
    .into_any()
}

/// PCA, the autoencoder and the classifier, each with where it usually lies.
fn together(view: &ModelView, newest: &WindowReport) -> AnyView {
    let m = &newest.multivariate;
    let name = view.model.name.clone();
    let again = Action::new(move |name: &String| learn_again(name.clone()));
    let row = |title: &'static str,
               what: &'static str,
               of: fn(&domain::evidence::Multivariate) -> Option<Together>,
               missing: String| {
        let values: Vec<Option<f64>> = production(view).iter().map(|r| of(&r.multivariate).map(|t| t.value)).collect();
        let values = values[values.len().saturating_sub(60)..].to_vec();
        match of(m) {
            Some(t) => {
                let class = if t.outside() { "kp" } else { "kt" };
                let usual = format!("{what}; usually {} to {} with n {}", format::fixed(t.usual_low, 3), format::fixed(t.usual_high, 3), format::count(t.n as f64));
                let status = if t.outside() { domain::Status::Fair } else { domain::Status::Excellent };
                view! { <li class="mv"><div class="row"><b class="grow">{title}</b><Status of=status text=format::fixed(t.value, 3)/></div>
                    <Spark values label=format!("{title} over recent windows") class height=22 width=240/><p class="hint">{usual}</p></li> }
                .into_any()
            }
            None => view! { <li class="mv"><div class="row"><b class="grow">{title}</b><span class="dim">"–"</span></div><p class="hint">{missing}</p></li> }.into_any(),
        }
    };
    let learning = match &view.training {
        Some(t) if t.done.is_none() && t.rows == 0 => "waits for its turn to be learnt from the baseline".to_string(),
        Some(t) if t.done.is_none() => format!(
            "being learnt from {} baseline rows, {} done",
            format::count(t.rows as f64),
            format::percent(t.share)
        ),
        _ => "learnt in the background, once the baseline has 50 rows".to_string(),
    };
    // What the ratio is held against is as old as this, and made of so many rows.
    let learnt = view.training.as_ref().and_then(|t| {
        let (rows, at) = (format::count(t.rows as f64), t.done?.here().date_clock());
        Some(
            view! { <p class="hint mt-8">{format!("The autoencoder was learnt from {rows} baseline rows, {at}.")}</p> },
        )
    });
    let few = "needs 50 rows and a baseline with features".to_string();
    view! {
        <ul class="mvl">
            {row("PCA reconstruction error", "distance from the baseline’s main directions", |m| m.components, few.clone())}
            {row("Autoencoder error ratio", "error over that of rows of the baseline", |m| m.autoencoder, learning)}
            {row("Told apart from the baseline", "ROC AUC of a model that tries; 0.5 cannot", |m| m.classifier, few)}
        </ul>
        {learnt}
        <button class="btn sm mt-12" type="button" on:click=move |_| { again.dispatch(name.clone()); }>"Learn again"</button>
        {move || crate::components::form::outcome(again.value().get(), "It is being learnt again; every window is judged anew.")}
    }
    .into_any()
}

fn drift_table(view: &ModelView, newest: &WindowReport, place: &Place) -> AnyView {
    if newest.columns.is_empty() {
        return view! { <Empty title="Nothing to compare with" text="Upload a baseline, or choose a range of production as one, and every window is compared with it."/> }.into_any();
    }
    let windows = production(view);
    let recent = &windows[windows.len().saturating_sub(40)..];
    let trend = |column: &str| -> Vec<Option<f64>> {
        recent.iter().map(|r| r.columns.iter().find(|c| c.column == column).and_then(|c| c.statistic("psi"))).collect()
    };
    let heaviest = newest.columns.iter().map(|c| c.importance).fold(f64::MIN_POSITIVE, f64::max);
    let all = newest.columns.iter().map(|c| c.importance).sum::<f64>().max(f64::MIN_POSITIVE);
    let rows: Vec<_> = newest
        .columns
        .iter()
        .map(|c| {
            let number = |test: &str| c.statistic(test).map_or_else(|| "–".to_string(), |s| format::fixed(s, 3));
            let distance = if c.statistic("ks").is_some() { number("ks") } else { number("l_infinity") };
            let p = c.tests.iter().find_map(|t| t.p_adjusted).map_or_else(|| "–".to_string(), format::p_value);
            let class = if c.finding.drifted() { "kp" } else { "kt" };
            let link = feature_link(place, &view.model.name, &c.column);
            let weight = (c.importance > 0.0).then(|| view! {
                <span class="row gap-8"><span class="mbar kt wide"><i style=format!("width:{:.1}%", 100.0 * (c.importance / heaviest).min(1.0))></i></span><span>{format::fixed(100.0 * c.importance / all, 1)}<span class="u">"%"</span></span></span>
            });
            let effect = c.effect.map_or_else(|| "–".to_string(), |e| if view.model.task.is_classification() { format::signed(e, 3) } else { format::compact(e) });
            let missing = 100.0 * c.missing_current as f64 / (c.missing_current + c.n_current).max(1) as f64;
            view! {
                <tr>
                    <th scope="row"><a class="mono" href=link title=c.sentence.clone()>{c.name.clone()}</a></th>
                    <td>{weight}</td>
                    <td><Status of=c.finding.status() text=c.finding.title()/></td>
                    <td class="num v">{number("psi")}</td>
                    <td><Spark values=trend(&c.column) label=format!("PSI of {} over recent windows", c.name) class height=18 width=112 threshold=0.1 range=(0.0, 0.3)/></td>
                    <td class="num">{distance}</td>
                    <td class="num">{number("jensen_shannon")}</td>
                    <td class="num">{effect}</td>
                    <td class="num">{p}</td>
                    <td class="num">{format::count(c.n_current as f64)}</td>
                    <td class="num">{format::fixed(missing, 1)}</td>
                </tr>
            }
        })
        .collect();
    view! {
        <table class="t">
            <thead><tr>
                <th scope="col">"Feature"</th><th scope="col">"Weight in model"</th><th scope="col">"Drift"</th><th scope="col" class="num">"PSI"</th><th scope="col">"Windows, line at 0.10"</th>
                <th scope="col" class="num">"KS or L∞"</th><th scope="col" class="num">"JS"</th><th scope="col" class="num">{format!("Effect on {}", domain::verdict::metric_words(&view.headline))}</th><th scope="col" class="num">"p adjusted"</th><th scope="col" class="num">"n"</th><th scope="col" class="num">"Missing "<span class="u">"%"</span></th>
            </tr></thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

fn drift_chart(view: &ModelView) -> AnyView {
    let points: Vec<(f64, Option<f64>)> =
        production(view).iter().map(|r| (middle(r), r.drift.as_ref().map(|d| d.score))).collect();
    if points.iter().all(|(_, v)| v.is_none()) {
        return view! { <Empty title="No baseline" text="Drift needs something to compare with."/> }.into_any();
    }
    let part = |name: &str, class: &str, of: fn(&domain::verdict::DriftScore) -> Option<f64>| Mark::Line {
        name: name.into(),
        class: class.into(),
        points: production(view).iter().map(|r| (middle(r), r.drift.as_ref().and_then(of))).collect(),
    };
    let marks = vec![
        part("Columns one by one", "k2", |d| d.statistical),
        part("All columns together", "k3", |d| d.model_based),
        part("Quality", "k4", |d| d.performance),
        Mark::Line { name: "Drift score".into(), class: "ka strong".into(), points },
        Mark::Rule { class: "thl kp".into(), y: 0.5, label: "threshold".into() },
    ];
    let mut spec = ChartSpec::fit(210.0, Axis::Time, Unit::Fixed(2), marks, true);
    spec.y = (0.0, 1.0);
    let words =
        production(view).last().and_then(|r| r.drift.as_ref()).map(|d| d.composition.clone()).unwrap_or_default();
    view! { <Chart spec title="Drift score over time" description=words.clone() right=64/>
        <div class="leg"><span><i class="key ka"></i>"score"</span><span><i class="key k2"></i>"columns one by one"</span><span><i class="key k3"></i>"all columns together"</span><span><i class="key k4"></i>"quality"</span></div>
        <p class="hint">{words}</p> }
        .into_any()
}
